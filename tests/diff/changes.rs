//! Changes that are no plain policies: every one of them is told, as a difference in access or as one that nobody knows.

use twogate::diff::{Compared, FactKind, Kind};

use super::clusters::ends;
use super::manifests::{compared, lines};

pub(super) const NONE: &str = "[mesh]\nmode = \"none\"\n";
pub(super) const SIDECAR: &str = "[mesh]\nmode = \"sidecar\"\n";
pub(super) const AMBIENT: &str = "[mesh]\nmode = \"ambient\"\n";

/// A pod; `more` stands in its metadata, `spec` in its specification.
pub(super) fn pod(name: &str, namespace: &str, labels: &str, more: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}{more}}}\nspec: {{serviceAccountName: {name}, containers: [{{name: c, image: x}}]{spec}}}\n"
    )
}

pub(super) fn namespace(name: &str, labels: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n")
}

pub(super) fn istio(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n")
}

pub(super) fn network_policy(spec: &str) -> String {
    format!("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{{spec}}}\n")
}

pub(super) fn service(more: &str, port: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop{more}}}\nspec: {{selector: {{app: db}}, ports: [{port}]}}\n"
    )
}

pub(super) fn web() -> String {
    pod("web", "shop", "app: web", "", "")
}

pub(super) fn db() -> String {
    pod("db", "shop", "app: db", "", "")
}

/// Two pods in a namespace without labels.
pub(super) fn shop() -> String {
    web() + &db() + &namespace("shop", "")
}

/// The same in ambient mode, behind a waypoint.
pub(super) fn behind_waypoint() -> String {
    let gateway = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, namespace: shop}\nspec: {gatewayClassName: istio-waypoint, listeners: [{name: m, port: 15008, protocol: HBONE}]}\n";
    let bound = namespace("shop", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: wp");
    web() + &db() + &bound + &service("", "{name: http, port: 80, targetPort: 8080}") + gateway
}

pub(super) const TO_SERVICE: &str = "targetRefs: [{group: '', kind: Service, name: db}]";

/// Compares both ways: what is said one way is said the other way round, and each side does not differ from itself.
pub(super) fn both_ways(base: &str, head: &str, config: &str) -> (Compared, Compared) {
    for side in [base, head] {
        assert_eq!(compared(side, side, config).report.summary(), "no difference");
    }
    let (there, back) = (compared(base, head, config), compared(head, base, config));
    assert_eq!(ends(&there), ends(&back), "{:#?} {:#?}", lines(&there), lines(&back));
    for compared in [&there, &back] {
        assert!(compared.report.changes_access(), "{:?}", compared.report.summary());
    }
    (there, back)
}

/// The lines of a difference.
fn told(base: &str, head: &str, config: &str) -> Vec<String> {
    lines(&both_ways(base, head, config).0)
}

/// What is not known of a difference.
pub(super) fn unknown(base: &str, head: &str, config: &str) -> Vec<String> {
    let (there, _) = both_ways(base, head, config);
    assert!(there.report.summary().ends_with("1 change whose effect is not known"), "{}", there.report.summary());
    there.report.unknown().map(|fact| fact.text.clone()).collect()
}

#[test]
fn a_waypoint_that_lets_everybody_in_is_told() {
    let guard =
        istio("AuthorizationPolicy", "g", "selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/wp]}}]}]");
    let allow =
        istio("AuthorizationPolicy", "p", &format!("{TO_SERVICE}, rules: [{{from: [{{source: {{serviceAccounts: [shop/web]}}}}]}}]"));
    let open = behind_waypoint() + &guard;
    assert_eq!(
        told(&(open.clone() + &allow), &open, AMBIENT),
        ["ports-or-requests: *@shop as !web or *@!shop -> svc/db@shop:80 denied => allowed, mTLS [AuthorizationPolicy shop/p removed]"]
    );
}

#[test]
fn a_waypoint_that_lets_nobody_in_is_told() {
    let nothing = istio("AuthorizationPolicy", "p", "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: wp}]");
    assert_eq!(
        told(&behind_waypoint(), &(behind_waypoint() + &nothing), AMBIENT),
        ["tightened: *@* -> svc/db@shop:80 allowed, mTLS => denied [AuthorizationPolicy shop/p added]"]
    );
}

#[test]
fn a_request_that_a_waypoint_lets_pass_is_told() {
    let with = |methods: &str| {
        behind_waypoint()
            + &istio("AuthorizationPolicy", "p", &format!("{TO_SERVICE}, rules: [{{to: [{{operation: {{methods: [{methods}]}}}}]}}]"))
    };
    assert_eq!(
        told(&with("GET"), &with("GET, DELETE"), AMBIENT),
        [
            "ports-or-requests: *@* -> svc/db@shop:80 allowed, mTLS, http GET => allowed, mTLS, http DELETE|GET [AuthorizationPolicy shop/p changed]"
        ]
    );
}

/// Nothing but the policy speaks of these namespaces and accounts.
#[test]
fn a_waypoint_that_lets_in_whom_no_manifest_holds_is_told() {
    let with = |source: &str| {
        behind_waypoint() + &istio("AuthorizationPolicy", "p", &format!("{TO_SERVICE}, rules: [{{from: [{{source: {{{source}}}}}]}}]"))
    };
    for (base, head, who) in [
        ("namespaces: [old]", "namespaces: [new]", "@new"),
        ("principals: [cluster.local/ns/other/sa/a]", "principals: [cluster.local/ns/other/sa/b]", "as b@other"),
        ("serviceAccounts: [other/a]", "serviceAccounts: [other/b]", "as b@other"),
        ("notNamespaces: [new]", "notNamespaces: [old]", "@new"),
    ] {
        let told = told(&with(base), &with(head), AMBIENT);
        assert!(told.iter().any(|line| line.contains(who) && line.contains("denied => allowed")), "{told:#?}");
    }
}

#[test]
fn a_service_that_leaves_its_waypoint_is_told() {
    let closed = behind_waypoint() + &istio("AuthorizationPolicy", "p", TO_SERVICE);
    let unbound = closed.replace(
        "name: db, namespace: shop}\nspec: {selector",
        "name: db, namespace: shop, labels: {istio.io/use-waypoint: none}}\nspec: {selector",
    );
    assert_ne!(closed, unbound);
    assert_eq!(
        told(&closed, &unbound, AMBIENT),
        ["ports-or-requests: *@* -> svc/db@shop:80 denied => allowed, mTLS [Service shop/db changed]"]
    );
}

#[test]
fn a_namespace_that_leaves_its_waypoint_is_told() {
    let closed = behind_waypoint() + &istio("AuthorizationPolicy", "p", TO_SERVICE);
    let unbound = closed.replace(", istio.io/use-waypoint: wp", "");
    assert_eq!(
        told(&closed, &unbound, AMBIENT),
        ["ports-or-requests: *@* -> svc/db@shop:80 denied => allowed, mTLS [Namespace shop changed]"]
    );
}

#[test]
fn what_is_not_modelled_and_has_changed_is_not_known() {
    let policy = |action: &str| {
        format!(
            "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: x}}\nspec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}\n"
        )
    };
    let cilium = |field: &str| {
        format!(
            "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: x, namespace: shop}}\nspec: {{endpointSelector: {{}}, {field}: [{{fromEntities: [all]}}]}}\n"
        )
    };
    let filter = |value: u8| {
        format!(
            "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{name: x, namespace: shop}}\nspec: {{a: {value}}}\n"
        )
    };
    for (base, head, config, name) in [
        (policy("Deny"), policy("Accept"), NONE, "ClusterNetworkPolicy x"),
        (cilium("ingressDeny"), cilium("ingress"), NONE, "CiliumNetworkPolicy shop/x"),
        (filter(1), filter(2), SIDECAR, "EnvoyFilter shop/x"),
    ] {
        let found = unknown(&(shop() + &base), &(shop() + &head), config);
        assert_eq!(found, [format!("unmodelled-kind: {name} has changed: what that does is not known")]);
    }
}

#[test]
fn an_authorizer_that_has_changed_is_not_known() {
    let with = |provider: &str| {
        shop()
            + &istio(
                "AuthorizationPolicy",
                "p",
                &format!("selector: {{matchLabels: {{app: db}}}}, action: CUSTOM, provider: {{name: {provider}}}, rules: [{{}}]"),
            )
    };
    let found = unknown(&with("one"), &with("two"), SIDECAR);
    assert_eq!(
        found,
        ["AuthorizationPolicy shop/p has changed: what passes by it is left open before and after: an external authorizer decides"]
    );
}

#[test]
fn a_policy_that_is_only_written_otherwise_is_no_doubt() {
    let with = |selector: &str| {
        shop()
            + &network_policy(&format!(
                "podSelector: {selector}, ingress: [{{from: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}], ports: [{{port: sql}}, {{port: 80, endPort: 90}}, {{protocol: SCTP}}]}}]"
            ))
    };
    let found = compared(&with("{matchLabels: {app: db}}"), &with("{matchExpressions: [{key: app, operator: In, values: [db]}]}"), NONE);
    assert_eq!(found.report.summary(), "text changed, access did not", "{:#?}", found.report.facts);
}

#[test]
fn a_block_that_may_hold_other_pods_now_is_not_known() {
    let with = |block: &str| {
        shop()
            + &network_policy(&format!("podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{ipBlock: {{cidr: {block}}}}}]}}]"))
    };
    let (there, _) = both_ways(&with("10.0.0.0/8"), &with("10.0.0.0/9"), NONE);
    assert!(
        there.report.unknown().any(|fact| fact.text.starts_with("NetworkPolicy shop/p has changed: what passes by it is left open")),
        "{:#?}",
        there.report
    );
}

#[test]
fn ports_that_a_sidecar_leaves_alone_are_told() {
    let allow = istio(
        "AuthorizationPolicy",
        "p",
        "selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {methods: [GET], ports: ['8080']}}]}]",
    );
    let excluded = pod("db", "shop", "app: db", ", annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}", "");
    let rest = web() + &namespace("shop", "") + &allow;
    assert_eq!(
        told(&(db() + &rest), &(excluded + &rest), SIDECAR),
        [
            "internet: outside -> pod/db@shop:8080 allowed, http GET => allowed [Pod shop/db changed]",
            "ports-or-requests: *@* -> pod/db@shop:8080 allowed, http GET => allowed, plaintext [Pod shop/db changed]",
        ]
    );
}

#[test]
fn a_pod_without_its_sidecar_is_told() {
    let closed = istio("AuthorizationPolicy", "p", "");
    let bare = pod("db", "shop", "app: db, sidecar.istio.io/inject: 'false'", "", "");
    let rest = web() + &namespace("shop", "") + &closed;
    let told = told(&(db() + &rest), &(bare + &rest), SIDECAR);
    assert_eq!(
        told,
        ["internet: anywhere -> pod/db@shop:1-15007|15009-15019|15022-15089|15091-65535 denied => allowed [Pod shop/db changed]"]
    );
}

#[test]
fn a_pod_on_its_nodes_network_is_told() {
    let policy = network_policy("podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]");
    let on_host = pod("db", "shop", "app: db", "", ", hostNetwork: true");
    let rest = web() + &namespace("shop", "") + &policy;
    let (there, _) = both_ways(&(db() + &rest), &(on_host + &rest), NONE);
    assert!(there.report.entries.iter().all(|entry| entry.kind == Kind::Unspecified), "{:#?}", lines(&there));
    assert!(lines(&there).iter().any(|line| line.contains("app=web@shop -> pod/db@shop: allowed => unspecified")), "{:#?}", lines(&there));
}

/// What is told of pods with such labels is not so of those on their node's network: they have a line of their own.
#[test]
fn a_line_about_labels_names_no_pod_on_its_nodes_network() {
    let of = |app: &str| network_policy(&format!("podSelector: {{matchLabels: {{app: {app}}}}}, ingress: []"));
    let on_host = pod("agent", "shop", "app: db", "", ", hostNetwork: true");
    let rest = db() + &on_host + &web() + &namespace("shop", "");
    let (there, _) = both_ways(&(of("db") + &rest), &(of("other") + &rest), NONE);
    let named = |entry: &&twogate::diff::Entry| entry.called.iter().any(|object| object.contains("db"));
    let about_labels: Vec<_> = there.report.entries.iter().filter(named).collect();
    assert!(!about_labels.is_empty(), "{:#?}", lines(&there));
    assert!(about_labels.iter().all(|entry| entry.called == ["Pod shop/db"]), "{about_labels:#?}");
    let own = |line: &String| line.contains("pod/agent@shop") && line.contains("unspecified => allowed");
    assert!(lines(&there).iter().any(own), "{:#?}", lines(&there));
}

#[test]
fn another_number_of_a_named_port_is_told() {
    let policy = network_policy("podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: sql}]}]");
    let with = |number: u16| {
        db().replace("image: x", &format!("image: x, ports: [{{name: sql, containerPort: {number}}}]"))
            + &web()
            + &namespace("shop", "")
            + &policy
    };
    assert_eq!(
        told(&with(5432), &with(5433), NONE),
        [
            "internet: anywhere -> pod/db@shop:5433 denied => allowed [Pod shop/db changed]",
            "tightened: anywhere -> pod/db@shop:5432 allowed => denied [Pod shop/db changed]",
        ]
    );
}

#[test]
fn labels_and_accounts_of_pods_that_change_are_told() {
    let policy = network_policy("podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]");
    let rest = db() + &namespace("shop", "") + &policy;
    let other = pod("web", "shop", "app: other", "", "");
    assert_eq!(
        told(&(web() + &rest), &(other + &rest), NONE),
        ["closed: pod/web@shop -> app=db@shop: allowed => denied [Pod shop/web changed]"]
    );
    let allow =
        istio("AuthorizationPolicy", "p", "selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]");
    let rest = db() + &namespace("shop", "") + &allow;
    let evil = pod("evil", "shop", "app: evil", "", "");
    let disguised = evil.replace("serviceAccountName: evil", "serviceAccountName: web");
    assert_eq!(
        told(&(evil + &rest), &(disguised + &rest), SIDECAR),
        [
            "ports-or-requests: pod/evil@shop -> app=db@shop:1-15007|15009-15019|15022-15089|15091-65535 denied => allowed, mTLS [Pod shop/evil changed]"
        ]
    );
}

#[test]
fn labels_that_nobody_looks_at_are_no_difference() {
    let policy = network_policy("podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]");
    let with = |version: &str| shop().replace("app: db", &format!("app: db, version: {version}")) + &policy;
    assert_eq!(compared(&with("one"), &with("two"), NONE).report.summary(), "text changed, access did not");
}

#[test]
fn a_namespace_whose_labels_become_unknown_is_told() {
    let policy =
        network_policy("podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]");
    let rest = shop() + &policy + &pod("c", "other", "app: c", "", "");
    let (there, _) = both_ways(&(rest.clone() + &namespace("other", "team: x")), &rest, NONE);
    assert_eq!(lines(&there), ["unspecified: pod/c@other -> app=db@shop: allowed => unspecified [Namespace other removed]"]);
    assert!(
        there
            .report
            .facts
            .iter()
            .any(|fact| fact.kind == FactKind::Namespace && fact.text == "`other` is no longer described; it had labels `team=x`")
    );
}

#[test]
fn what_clients_speak_is_told() {
    let strict = istio("PeerAuthentication", "strict", "mtls: {mode: STRICT}");
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: plain, namespace: shop}\nspec: {host: db.shop.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}\n";
    let base = shop() + &strict + &service("", "{name: http, port: 80, targetPort: 8080}");
    let told = told(&base, &(base.clone() + rule), SIDECAR);
    assert!(
        told.iter().any(|line| line.starts_with("tightened: *@shop -> svc/db@shop:80 allowed, mTLS => denied")
            || line.starts_with("tightened: *@* -> svc/db@shop:80 allowed, mTLS => denied")),
        "{told:#?}"
    );
}

#[test]
fn a_rule_for_clients_of_nothing_that_is_there_is_not_known() {
    let rule = |mode: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: plain, namespace: shop}}\nspec: {{host: elsewhere.pay.svc.cluster.local, trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n"
        )
    };
    let found = unknown(&(shop() + &rule("DISABLE")), &(shop() + &rule("ISTIO_MUTUAL")), SIDECAR);
    assert_eq!(
        found,
        ["DestinationRule shop/plain has changed: nothing that it acts on is among the manifests, so what that does is not known"]
    );
}

#[test]
fn a_port_that_becomes_bytes_is_told() {
    let allow = istio(
        "AuthorizationPolicy",
        "p",
        "selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {methods: [GET], ports: ['8080']}}]}]",
    );
    let with = |name: &str| shop() + &allow + &service("", &format!("{{name: {name}, port: 80, targetPort: 8080}}"));
    assert_eq!(
        told(&with("http"), &with("tcp"), SIDECAR),
        ["tightened: anywhere -> app=db@shop:8080 allowed, http GET => denied [Service shop/db changed]"]
    );
}

#[test]
fn a_host_outside_behind_a_waypoint_is_not_known() {
    let entry = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ext, namespace: shop}\nspec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}\n";
    let (there, _) = both_ways(&behind_waypoint(), &(behind_waypoint() + entry), AMBIENT);
    assert_eq!(there.report.unknown().count(), 1, "{:#?}", there.report);
    // Without any waypoint no gate stands before it.
    assert_eq!(compared(&shop(), &(shop() + entry), SIDECAR).report.summary(), "text changed, access did not");
}

#[test]
fn how_the_mesh_is_installed_is_not_known() {
    let mesh = |protocol: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata: {{mesh: 'meshMTLS: {{minProtocolVersion: {protocol}}}'}}\n"
        )
    };
    let found = unknown(&(shop() + &mesh("one")), &(shop() + &mesh("two")), SIDECAR);
    assert_eq!(found, ["ConfigMap istio-system/istio has changed: it may change how the mesh or its policies work, and is not read"]);
    let other = mesh("one").replace("name: istio,", "name: settings,");
    assert_eq!(
        compared(&(shop() + &other), &(shop() + &other.replace("one", "two")), SIDECAR).report.summary(),
        "text changed, access did not"
    );
}

#[test]
fn a_request_authentication_alone_lets_pass_what_has_no_token() {
    let check = istio("RequestAuthentication", "r", "selector: {matchLabels: {app: db}}, jwtRules: [{issuer: X, jwks: '{}'}]");
    let told = told(&(shop() + &check), &shop(), SIDECAR);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("allowed, but not with every token => allowed [RequestAuthentication shop/r removed]"), "{told:#?}");
}

/// A caller's own end holds a pod on its node's network by that node's address: of two such pods the one says nothing about the other.
#[test]
fn pods_on_other_nodes_are_told_apart_by_their_addresses() {
    let on_host = |name: &str, address: &str| {
        pod(name, "shop", &format!("app: {name}"), "", ", hostNetwork: true")
            + &format!("status: {{podIP: {address}, hostIP: {address}}}\n")
    };
    let leaving = |name: &str, block: &str| {
        let spec = format!(
            "podSelector: {{matchLabels: {{app: {name}}}}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: {block}}}}}]}}]"
        );
        network_policy(&spec).replace("name: p,", &format!("name: {name},"))
    };
    let rest = namespace("shop", "") + &leaving("a", "10.2.0.0/16") + &leaving("b", "10.3.0.0/16");
    let base = rest.clone() + &on_host("one", "10.8.0.5") + &on_host("two", "10.1.0.5");
    let head = rest + &on_host("one", "10.9.0.5") + &on_host("two", "10.2.0.5");
    let config = format!("{NONE}[network-plugin]\nsctp = \"yes\"\n");
    let lines = told(&base, &head, &config);
    assert!(lines.iter().any(|line| line.contains("app=a@shop -> pod/two@shop") && line.contains("=> allowed")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("pod/one@shop")), "{lines:#?}");
}

/// The same where the block stands with ports and no other pod has an address in it.
#[test]
fn blocks_with_ports_are_judged_port_by_port_for_pods_on_their_nodes_network() {
    let on_host = |address: &str| {
        pod("h", "shop", "app: h", "", ", hostNetwork: true") + &format!("status: {{podIP: {address}, hostIP: {address}}}\n")
    };
    let spec = "podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.2.0.0/16}}], ports: [{port: 81}]}]";
    let rest = namespace("shop", "") + &network_policy(spec);
    let config = format!("{NONE}[network-plugin]\nsctp = \"yes\"\nipblock-matches-pods = \"no\"\n");
    let lines = told(&(rest.clone() + &on_host("10.1.0.5")), &(rest + &on_host("10.2.0.5")), &config);
    assert!(lines.iter().any(|line| line.contains("app=a@shop -> pod/h@shop:81") && line.contains("=> allowed")), "{lines:#?}");
}

/// Pods of a Deployment have other addresses whenever they are made anew.
#[test]
fn pods_that_were_made_anew_are_what_they_were() {
    let two = |network: u8| -> String {
        let one = |number: u8| {
            let owner = ", ownerReferences: [{kind: ReplicaSet, name: web-abc, apiVersion: apps/v1, uid: u}]";
            let pod = pod(&format!("web-abc-{number}"), "shop", "app: web, pod-template-hash: abc", owner, "");
            let of_web = pod.replace(&format!("serviceAccountName: web-abc-{number}"), "serviceAccountName: web");
            of_web + &format!("status: {{podIP: 10.{network}.0.{number}}}\n")
        };
        one(1) + &one(2)
    };
    let spec = "podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.2.0.0/16}}]}]";
    let rest = namespace("shop", "") + &network_policy(spec);
    let config = format!("{NONE}[network-plugin]\nsctp = \"yes\"\nipblock-matches-pods = \"yes\"\n");
    let compared = compared(&(rest.clone() + &two(1)), &(rest + &two(2)), &config);
    assert_eq!(compared.report.summary(), "text changed, access did not", "{:#?}", lines(&compared));
}

/// A workload whose own labels say that it has a sidecar calls some of a class of pods, which its egress alone tells from the rest.
#[test]
fn a_caller_of_its_own_is_let_out_to_some_pods() {
    let job = pod("job", "shop", "app: job, sidecar.istio.io/inject: \"true\"", "", "");
    let strict = istio("PeerAuthentication", "default", "mtls: {mode: STRICT}").replace("namespace: shop", "namespace: data");
    let out = |rule: &str| network_policy(&format!("podSelector: {{}}, policyTypes: [Egress], egress: [{rule}]"));
    let to_db = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}, podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}";
    let rest = namespace("shop", "") + &namespace("data", "istio-injection: enabled") + &job + &strict;
    let config = format!("{NONE}[network-plugin]\nsctp = \"yes\"\n");
    let (there, back) = both_ways(&(rest.clone() + &out("")), &(rest + &out(to_db)), &config);
    let is_told =
        |lines: Vec<String>, end: &str| lines.iter().any(|line| line.contains("pod/job@shop -> app=db@data:5432") && line.contains(end));
    assert!(is_told(lines(&there), "denied => allowed, mTLS"), "{:#?}", lines(&there));
    assert!(is_told(lines(&back), "allowed, mTLS => denied"), "{:#?}", lines(&back));
}

/// A gateway listens where its `Gateway` says, and what it takes there is seen by all pods that carry its name.
#[test]
fn what_a_gateway_takes_is_told() {
    let allow = istio(
        "AuthorizationPolicy",
        "p",
        "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], rules: [{to: [{operation: {methods: [GET], ports: ['443']}}]}]",
    );
    let with = |tls: &str| {
        format!(
            "{}{allow}---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\n\
             spec: {{gatewayClassName: istio, listeners: [{{name: a, port: 443, protocol: HTTPS, tls: {{mode: {tls}}}}}]}}\n",
            namespace("shop", "")
        )
    };
    assert_eq!(
        told(&with("Terminate"), &with("Passthrough"), SIDECAR),
        [
            "tightened: *@* -> gateway.networking.k8s.io/gateway-name=gw@shop:443 allowed, plaintext, http GET => denied [Gateway shop/gw changed]",
            "tightened: outside -> gateway.networking.k8s.io/gateway-name=gw@shop:443 allowed, http GET => denied [Gateway shop/gw changed]"
        ]
    );
}

/// A policy for a Gateway acts on the pods that Istio makes for it, whatever their namespace says; and on those that the manifests hold.
#[test]
fn a_policy_for_a_gateway_that_changes_is_told() {
    let pods = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: shop}\n\
        spec: {template: {metadata: {labels: {gateway.networking.k8s.io/gateway-name: gw}}, \
        spec: {containers: [{name: istio-proxy, image: proxyv2, args: [proxy, router]}]}}}\n";
    let with = |class: &str, pods: &str, path: &str| {
        let deny = istio(
            "AuthorizationPolicy",
            "p",
            &format!(
                "targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw}}], action: DENY, \
                 rules: [{{to: [{{operation: {{paths: [{path}], ports: ['80']}}}}]}}]"
            ),
        );
        format!(
            "{}{deny}{pods}---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\n\
             spec: {{gatewayClassName: {class}, listeners: [{{name: a, port: 80, protocol: HTTP}}]}}\n",
            namespace("shop", "istio.io/dataplane-mode: ambient")
        )
    };
    for (class, pods) in [("istio", ""), ("istio", pods), ("other", pods)] {
        let (there, _) = both_ways(&with(class, pods, "/a"), &with(class, pods, "/b"), AMBIENT);
        let told = lines(&there);
        assert!(told.iter().any(|line| line.contains("/a") && line.contains("=> allowed")), "{class}: {told:#?}");
        assert_eq!(there.report.unknown().count(), 0, "{class}: {}", there.report.summary());
    }
    // Of somebody else's Gateway nobody knows what stands for it.
    let found = unknown(&with("other", "", "/a"), &with("other", "", "/b"), AMBIENT);
    assert_eq!(
        found,
        ["AuthorizationPolicy shop/p has changed: nothing that it acts on is among the manifests, so what that does is not known"]
    );
}

/// One of Istio's own kind is for gateways of any namespace.
#[test]
fn a_gateway_of_istio_that_changes_is_told() {
    let gateway = |protocol: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\n\
             spec: {{selector: {{istio: gw}}, servers: [{{port: {{number: 80, name: a, protocol: {protocol}}}, hosts: ['*']}}]}}\n"
        )
    };
    let found = unknown(&(shop() + &gateway("HTTP")), &(shop() + &gateway("TCP")), SIDECAR);
    assert_eq!(found, ["Gateway shop/gw has changed: it may change what gateways take, of which not everything is compared"]);
}

/// So is what Istio makes of an `Ingress` of its class; those of others are nothing to it.
#[test]
fn an_ingress_of_istio_that_changes_is_told() {
    let ingress = |class: &str, tls: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{name: outside}}\nspec: {{controller: {class}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: site, namespace: shop}}\n\
             spec: {{ingressClassName: outside, tls: [{{secretName: '{tls}'}}]}}\n"
        )
    };
    let summary = |from: (&str, &str), to: (&str, &str)| {
        compared(&(shop() + &ingress(from.0, from.1)), &(shop() + &ingress(to.0, to.1)), SIDECAR).report.summary()
    };
    let (own, other) = ("istio.io/ingress-controller", "k8s.io/ingress-nginx");
    let told = unknown(&(shop() + &ingress(own, "")), &(shop() + &ingress(own, "c")), SIDECAR);
    assert!(matches!(&*told, [only] if only.starts_with("Ingress shop/site has changed: what passes by it is left open")), "{told:?}");
    assert_eq!(summary((other, ""), (other, "c")), "text changed, access did not");
    assert_eq!(summary((other, "c"), (own, "c")), "1 unspecified");
}

/// And so are listeners that a `ListenerSet` gives a Gateway, of which not every pod is asked.
#[test]
fn a_listener_set_that_changes_is_told() {
    let set = |protocol: &str| {
        format!(
            "---\napiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {{name: more, namespace: shop}}\n\
             spec: {{parentRef: {{name: gw, namespace: edge}}, listeners: [{{name: a, port: 80, protocol: {protocol}}}]}}\n"
        )
    };
    let found = unknown(&(shop() + &set("HTTP")), &(shop() + &set("TCP")), SIDECAR);
    assert!(matches!(&*found, [only] if only.contains("ListenerSet shop/more has changed")), "{found:?}");
}

/// Where both the answers and the gates that stop flows differ, the example is one of the answers.
#[test]
fn an_example_shows_what_the_line_is_about() {
    let only = istio("AuthorizationPolicy", "p", "selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {paths: [/x]}}]}]");
    let entered = |rules: &str| {
        only.clone() + &network_policy(&format!("podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{rules}]"))
    };
    let found = compared(&entered("{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}"), &entered(""), SIDECAR);
    let open: Vec<_> = found.report.entries.iter().filter(|entry| entry.before.contains("unspecified")).collect();
    assert!(!open.is_empty(), "{:#?}", lines(&found));
    for entry in open {
        let request = entry.example.head.request.as_ref();
        assert!(request.is_some_and(|request| &*request.path == "/x"), "{:?} of {:#?}", entry.example.head, lines(&found));
    }
}
