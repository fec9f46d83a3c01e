//! The client's side: automatic mTLS, `DestinationRule`, pod addresses and headless Services (`semantics.md` §3.3, §8.3).

use super::*;
use twogate::cluster::NamedPort;

const STRICT: &str = "{mtls: {mode: STRICT}}";

fn rule(id: &str, spec: &str) -> String {
    object("DestinationRule", id, spec)
}

/// A strict server behind a Service `db` on port 5432.
fn strict_with(more: &str) -> Cluster {
    let service = service("db", "{}", "{name: tcp, port: 5432}");
    cluster(&format!("{}{service}{more}", peer_authentication("shop/default", STRICT)))
}

fn transport(cluster: &Cluster, question: &Question) -> Option<Transport> {
    cluster.decide(question).transport
}

#[test]
fn sidecars_speak_mtls_by_themselves_to_a_service() {
    let cluster = strict_with("");
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    allowed(&cluster, &question);
    assert_eq!(transport(&cluster, &question), Some(Transport::Mtls));
    // Not where the server takes none, nor to whoever is outside the mesh.
    let disabled = super::cluster(&format!(
        "{}{}",
        peer_authentication("shop/default", "{mtls: {mode: DISABLE}}"),
        service("db", "{}", "{port: 5432}")
    ));
    assert_eq!(transport(&disabled, &question), Some(Transport::Plaintext));
    allowed(&disabled, &question);
    let outside = auto(&web(), &plain("shop", "app=db"), 5432).service("shop/db", 5432);
    assert_eq!(transport(&cluster, &outside), Some(Transport::Plaintext));
    allowed(&cluster, &outside);
    denied(&cluster, &auto(&plain("shop", ""), &db(), 5432).service("shop/db", 5432), Gate::Transport);
}

#[test]
fn trap_085_a_destination_rule_can_break_a_call() {
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    for host in ["db.shop.svc.cluster.local", "db", "*.shop.svc.cluster.local", "*"] {
        let disabled = rule("shop/db", &format!("{{host: '{host}', trafficPolicy: {{tls: {{mode: DISABLE}}}}}}"));
        denied(&strict_with(&disabled), &question, Gate::Transport);
    }
    // To a server outside the mesh nothing can be spoken that it does not terminate.
    let mutual = rule("shop/db", "{host: db, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
    denied(&strict_with(&mutual), &auto(&web(), &plain("shop", "app=db"), 5432).service("shop/db", 5432), Gate::Transport);
    allowed(&strict_with(&mutual), &question);
    let own = rule("shop/db", "{host: db, trafficPolicy: {tls: {mode: SIMPLE}}}");
    denied(&strict_with(&own), &question, Gate::Transport);
}

/// What the domain of a cluster is nobody says: a host with another one may be a Service of this cluster, or of none.
#[test]
fn a_host_of_another_domain_may_be_the_service() {
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    let disabled = |host: &str| strict_with(&rule("shop/db", &format!("{{host: '{host}', trafficPolicy: {{tls: {{mode: DISABLE}}}}}}")));
    for host in ["db.shop.svc.corp", "*.shop.svc.corp", "*.svc.corp.example", "*b.shop.svc.corp", "*p.svc.corp"] {
        unspecified(&disabled(host), &question, "client TLS unknown");
    }
    for host in ["db.bank.svc.corp", "*.bank.svc.corp", "*x.shop.svc.corp", "*.corp.example"] {
        allowed(&disabled(host), &question);
    }
    let told = |host: &str| disabled(host).client_tls("shop").len();
    assert_eq!((told("*.shop.svc.corp"), told("*.svc.corp"), told("*.bank.svc.corp"), told("*.b.svc.corp")), (1, 1, 0, 0));
}

#[test]
fn what_is_nearer_counts() {
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    let top = "{host: db.shop.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 5432}, tls: {mode: ISTIO_MUTUAL}}]}}";
    allowed(&strict_with(&rule("shop/db", top)), &question);
    let other_port =
        "{host: db, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}}";
    denied(&strict_with(&rule("shop/db", other_port)), &question, Gate::Transport);
    let disabled = |id: &str, host: &str| rule(id, &format!("{{host: '{host}', trafficPolicy: {{tls: {{mode: DISABLE}}}}}}"));
    let mutual = |id: &str, host: &str| rule(id, &format!("{{host: '{host}', trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}}}"));
    let whole = "db.shop.svc.cluster.local";
    // An exact host before a wildcard.
    allowed(&strict_with(&format!("{}{}", disabled("shop/a", "*.cluster.local"), mutual("shop/b", whole))), &question);
    // The client's namespace before the Service's, before the root.
    let from_dev = auto(&dev(), &db(), 5432).service("shop/db", 5432);
    let three = format!("{}{}{}", mutual("dev/a", whole), disabled("shop/b", whole), disabled("istio-system/c", whole));
    allowed(&strict_with(&three), &from_dev);
    denied(&strict_with(&three), &question, Gate::Transport);
    denied(&strict_with(&disabled("istio-system/c", "*.local")), &from_dev, Gate::Transport);
    allowed(&strict_with(&disabled("other/c", whole)), &from_dev);
    // Exported elsewhere, or for other clients.
    let hidden = rule("shop/db", "{host: db, exportTo: ['.'], trafficPolicy: {tls: {mode: DISABLE}}}");
    allowed(&strict_with(&hidden), &from_dev);
    denied(&strict_with(&hidden), &question, Gate::Transport);
    let for_others = rule("shop/db", "{host: db, workloadSelector: {matchLabels: {app: other}}, trafficPolicy: {tls: {mode: DISABLE}}}");
    allowed(&strict_with(&for_others), &question);
}

/// A port that is set without TLS takes none over, so its cluster follows the marks of the pods; these are made by the TLS of the whole all
/// the same (`cluster_builder.go`, `MergeTrafficPolicy`; `mtls_checker.go`, `trafficPolicyTLSModeForPort`).
#[test]
fn a_port_without_tls_goes_by_what_the_whole_makes_of_the_pods() {
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    let bare = |mode: &str| {
        rule("shop/db", &format!("{{host: db, trafficPolicy: {{tls: {{mode: {mode}}}, portLevelSettings: [{{port: {{number: 5432}}}}]}}}}"))
    };
    // Plaintext, be it that the whole asks for TLS of the client's own.
    for mode in ["DISABLE", "SIMPLE"] {
        denied(&strict_with(&bare(mode)), &question, Gate::Transport);
        let by_identity = format!("{}{}", service("db", "{}", "{name: tcp, port: 5432}"), bare(mode));
        let with = |spec: &str| super::cluster(&format!("{by_identity}{}", policy(spec)));
        denied(&with("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}"), &question, Gate::Caller);
        allowed(&with("{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}]}]}"), &question);
        let decision = strict_with(&bare(mode)).decide(&question);
        assert!(decision.steps.iter().any(|step| step.decided_by.iter().any(|document| &*document.kind == "DestinationRule")), "{mode}");
    }
    // mTLS, be it with who takes no part in the mesh.
    allowed(&strict_with(&bare("ISTIO_MUTUAL")), &question);
    let outside = auto(&web(), &plain("shop", "app=db"), 5432).service("shop/db", 5432);
    denied(&strict_with(&bare("ISTIO_MUTUAL")), &outside, Gate::Transport);
    allowed(&strict_with(&bare("DISABLE")), &outside);
    // But where the namespace takes none, there is nothing to follow the marks.
    let disabled = format!("{}{}", peer_authentication("shop/default", "{mtls: {mode: DISABLE}}"), service("db", "{}", "{port: 5432}"));
    let told = super::cluster(&format!("{disabled}{}", bare("ISTIO_MUTUAL")));
    allowed(&told, &question);
    assert_eq!(transport(&told, &question), Some(Transport::Plaintext));
    // Pods without an address of their Service are not told apart by marks, at least where nobody asked for it.
    let headless = labelled("v1", "Service", "shop/db", "{}", "{clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}");
    let strict = peer_authentication("shop/default", STRICT);
    unspecified(&super::cluster(&format!("{strict}{headless}{}", bare("DISABLE"))), &question, "client TLS unknown");
    // What is said of a subset does not go by the whole.
    let silent = bare("DISABLE").replace("trafficPolicy", "subsets: [{name: all, labels: {app: db}}], trafficPolicy");
    unspecified(&strict_with(&silent), &question, "client TLS unknown");
}

/// Whether the cluster of a Service speaks mTLS at all istiod asks of its namespace and the mesh alone (`push_context.go`,
/// `BestEffortInferServiceMTLSMode`): what a pod takes besides nobody speaks by itself.
#[test]
fn a_namespace_that_takes_no_mtls_is_called_in_plaintext() {
    let service = service("db", "{}", "{name: tcp, port: 5432}");
    let of_pod = |spec: &str| peer_authentication("shop/db", &format!("{{selector: {{matchLabels: {{app: db}}}}, {spec}}}"));
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    let with = |id: &str, mode: &str, own: &str| {
        super::cluster(&format!("{service}{}{}", peer_authentication(id, &format!("{{mtls: {{mode: {mode}}}}}")), of_pod(own)))
    };
    for id in ["shop/default", "istio-system/default"] {
        denied(&with(id, "DISABLE", "mtls: {mode: STRICT}"), &question, Gate::Transport);
        denied(&with(id, "DISABLE", "mtls: {mode: PERMISSIVE}, portLevelMtls: {'5432': {mode: STRICT}}"), &question, Gate::Transport);
        let permissive = with(id, "DISABLE", "mtls: {mode: PERMISSIVE}");
        assert_eq!(transport(&permissive, &question), Some(Transport::Plaintext));
        assert_eq!(transport(&with(id, "PERMISSIVE", "mtls: {mode: STRICT}"), &question), Some(Transport::Mtls));
        // A rule asks nobody.
        let mutual = rule("shop/db", "{host: db, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
        let disabled = peer_authentication(id, "{mtls: {mode: DISABLE}}");
        let told = super::cluster(&format!("{service}{disabled}{}{mutual}", of_pod("mtls: {mode: STRICT}")));
        allowed(&told, &question);
    }
    // The namespace's word stands before the mesh's.
    let mesh = peer_authentication("istio-system/default", "{mtls: {mode: DISABLE}}");
    allowed(&strict_with(&mesh), &question);
}

/// The label of mTLS is the pod's word, and the injection of a sidecar leaves it where it is written (`mtls_checker.go`,
/// `checkMtlsEnabled`; pilot/pkg/model/context.go, `GetTLSModeFromEndpointLabels`).
#[test]
fn clients_believe_the_label_of_mtls() {
    let disabled = db().pod(|pod| drop(pod.labels.insert("security.istio.io/tlsMode".into(), "disabled".into())));
    let question = auto(&web(), &disabled, 5432).service("shop/db", 5432);
    denied(&strict_with(""), &question, Gate::Transport);
    let service = service("db", "{}", "{name: tcp, port: 5432}");
    let with = |spec: &str| cluster(&format!("{service}{}", policy(spec)));
    denied(&with("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}"), &question, Gate::Caller);
    allowed(&with("{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}]}]}"), &question);
    assert_eq!(transport(&with("{rules: [{}]}"), &question), Some(Transport::Plaintext));
    // A rule asks nobody.
    let mutual = rule("shop/db", "{host: db, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
    allowed(&strict_with(&mutual), &question);
    assert!(strict_with("").is_unannounced(&disabled) && !strict_with("").is_unannounced(&db()));
    // What is written there and is not `istio` is no mTLS either.
    let other = db().pod(|pod| drop(pod.labels.insert("security.istio.io/tlsMode".into(), "own".into())));
    denied(&strict_with(""), &auto(&web(), &other, 5432).service("shop/db", 5432), Gate::Transport);
}

/// Whoever has the label and no proxy hears mTLS, and does not understand it.
#[test]
fn clients_believe_the_label_of_a_pod_outside_of_the_mesh() {
    let service = service("db", "{}", "{name: tcp, port: 5432}");
    let outside = plain("shop", "app=db,security.istio.io/tlsMode=istio");
    let question = auto(&web(), &outside, 5432).service("shop/db", 5432);
    denied(&cluster(&service), &question, Gate::Transport);
    denied(&strict_with(""), &question, Gate::Transport);
    // By its own address it is called as it is, and by others in plaintext.
    allowed(&cluster(&service), &auto(&web(), &outside, 5432).by_pod_address());
    allowed(&cluster(&service), &auto(&plain("shop", "app=web"), &outside, 5432).service("shop/db", 5432));
    let disabled = peer_authentication("shop/default", "{mtls: {mode: DISABLE}}");
    allowed(&cluster(&format!("{disabled}{service}")), &question);
    let other = plain("shop", "app=db,security.istio.io/tlsMode=disabled");
    allowed(&cluster(&service), &auto(&web(), &other, 5432).service("shop/db", 5432));
}

/// The rules of one namespace stand before those of others by their hosts alone; for which clients they are is asked behind that
/// (`push_context.go`, `destinationRule`; `sidecar.go`, `DestinationRule`).
#[test]
fn a_rule_for_other_clients_hides_those_of_other_namespaces() {
    let host = "db.shop.svc.cluster.local";
    let of = |id: &str, host: &str, more: &str, mode: &str| {
        rule(id, &format!("{{host: '{host}', {more}trafficPolicy: {{tls: {{mode: {mode}}}}}}}"))
    };
    let others = "workloadSelector: {matchLabels: {app: other}}, ";
    let from_dev = auto(&dev(), &db(), 5432).service("shop/db", 5432);
    let hidden = format!("{}{}", of("dev/a", host, others, "DISABLE"), of("shop/b", host, "", "DISABLE"));
    allowed(&strict_with(&hidden), &from_dev);
    // Also in the root namespace, and by a rule that says nothing of TLS.
    let silent = rule("shop/a", &format!("{{host: {host}, {others}trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 1}}}}}}}}"));
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    denied(&strict_with(&of("istio-system/b", "*.local", "", "DISABLE")), &question, Gate::Transport);
    allowed(&strict_with(&format!("{silent}{}", of("istio-system/b", "*.local", "", "DISABLE"))), &question);
    // One beside it that is for all counts, one with a wider host does not.
    let beside = of("dev/a", host, others, "ISTIO_MUTUAL") + &of("dev/b", host, "", "DISABLE");
    denied(&strict_with(&beside), &from_dev, Gate::Transport);
    let wider = of("dev/a", host, others, "ISTIO_MUTUAL") + &of("dev/b", "*.cluster.local", "", "DISABLE");
    allowed(&strict_with(&wider), &from_dev);
    // One for this client stands before one for all.
    let meant = of("dev/a", host, "workloadSelector: {matchLabels: {app: tool}}, ", "DISABLE") + &of("dev/b", host, "", "ISTIO_MUTUAL");
    denied(&strict_with(&meant), &from_dev, Gate::Transport);
    // No other namespace sees one that is for some clients, so it hides nothing from them.
    let unseen = of("shop/a", host, others, "ISTIO_MUTUAL") + &of("istio-system/b", "*.local", "", "DISABLE");
    denied(&strict_with(&unseen), &from_dev, Gate::Transport);
}

#[test]
fn what_only_a_route_could_say_is_left_open() {
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432);
    let subset = "{host: db, subsets: [{name: all, labels: {app: db}, trafficPolicy: {tls: {mode: DISABLE}}}]}";
    unspecified(&strict_with(&rule("shop/db", subset)), &question, "client TLS unknown");
    let other = "{host: db, subsets: [{name: canary, labels: {app: db, track: canary}, trafficPolicy: {tls: {mode: DISABLE}}}]}";
    allowed(&strict_with(&rule("shop/db", other)), &question);
    let twice = format!(
        "{}{}",
        rule("shop/a", "{host: db, trafficPolicy: {tls: {mode: DISABLE}}}"),
        rule("shop/b", "{host: db, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}")
    );
    unspecified(&strict_with(&twice), &question, "client TLS unknown");
    unspecified(&strict_with(&rule("shop/db", "{host: db.shop, trafficPolicy: {tls: {mode: DISABLE}}}")), &question, "client TLS unknown");
    // A rule that says nothing of TLS changes nothing.
    allowed(&strict_with(&rule("shop/db", "{host: db.shop, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}")), &question);
    // Where both ways end alike, it does not matter.
    let open = super::cluster(&format!("{}{}", service("db", "{}", "{port: 5432}"), rule("shop/db", subset)));
    allowed(&open, &question);
}

#[test]
fn trap_086_a_pod_address_is_called_in_plaintext() {
    let cluster = strict_with("");
    let question = auto(&web(), &db(), 5432).by_pod_address();
    denied(&cluster, &question, Gate::Transport);
    let headless =
        labelled("v1", "Service", "shop/db-pods", "{}", "{clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}");
    allowed(&strict_with(&headless), &question);
    // Only on the ports that it declares.
    denied(&strict_with(&headless), &auto(&web(), &db(), 9999).by_pod_address(), Gate::Transport);
    // Not said which: it hangs on that.
    unspecified(&cluster, &auto(&web(), &db(), 5432), "what the client addresses");
    allowed(&strict_with(&headless), &auto(&web(), &db(), 5432));
    denied(&cluster, &auto(&plain("shop", ""), &db(), 5432), Gate::Transport);
}

/// The name of a Service without an address stands for its pods, and nobody translates its port (kubernetes/kubernetes#20488,
/// istio/istio#37405, istio/istio#51908); a gateway chooses the pod itself, and its port.
#[test]
fn a_headless_service_leads_to_the_port_that_is_called() {
    for target in ["5432", "sql"] {
        let spec = format!("{{clusterIP: None, selector: {{app: db}}, ports: [{{name: tcp, port: 80, targetPort: {target}}}]}}");
        let headless = labelled("v1", "Service", "shop/pods", "{}", &spec);
        let cluster = super::cluster(&format!("{}{headless}", peer_authentication("shop/default", STRICT)));
        let mut db = db();
        db.facts.ports = Some(vec![NamedPort { name: "sql".into(), protocol: Protocol::Tcp, number: 5432 }]);
        let by_service = |client: &Endpoint, port| auto(client, &db, port).service("shop/pods", 80);
        allowed(&cluster, &by_service(&web(), 80));
        denied(&cluster, &by_service(&web(), 5432), Gate::Transport);
        // Sidecars know the pods by the ports of the Service.
        allowed(&cluster, &auto(&web(), &db, 80).by_pod_address());
        denied(&cluster, &auto(&web(), &db, 5432).by_pod_address(), Gate::Transport);
        let mut gateway = web();
        gateway.facts.proxy = ProxyRole::Gateway;
        allowed(&cluster, &by_service(&gateway, 5432));
        denied(&cluster, &by_service(&gateway, 80), Gate::Transport);
    }
}

#[test]
fn what_no_service_leads_to_cannot_be_called_through_it() {
    let cluster = strict_with("");
    denied(&cluster, &auto(&web(), &db(), 9999).service("shop/db", 9999), Gate::Transport);
    denied(&cluster, &auto(&web(), &db(), 9999).service("shop/db", 5432), Gate::Transport);
    denied(&cluster, &auto(&web(), &web(), 5432).service("shop/db", 5432), Gate::Transport);
    // A Service that the manifests do not hold may lead anywhere.
    allowed(&cluster, &auto(&web(), &db(), 5432).service("shop/unknown", 5432));
}

#[test]
fn trap_088_who_is_outside_the_mesh_has_no_mtls() {
    let cluster = cluster(&format!(
        "{}{}",
        peer_authentication("shop/default", STRICT),
        policy("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}")
    ));
    let outside = pod("shop", "app=web", "web", DataPlane::None);
    denied(&cluster, &auto(&outside, &db(), 80), Gate::Transport);
    denied(&cluster, &auto(&outside, &ambient("shop", "app=db", "db"), 80), Gate::Transport);
}

#[test]
fn tls_of_the_clients_own_is_bytes() {
    let own = rule("shop/db", "{host: db, trafficPolicy: {tls: {mode: MUTUAL}}}");
    let question = auto(&web(), &db(), 5432).service("shop/db", 5432).http("GET", "/");
    let with = |port: &str, more: &str| cluster(&format!("{}{own}{more}", service("db", "{}", port)));
    // On a plain port it passes through, without a request that anybody sees.
    let get = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    allowed(&with("{name: tcp, port: 5432}", ""), &question);
    denied(&with("{name: tcp, port: 5432}", &get), &question, Gate::Caller);
    // On a port that is declared as HTTP nothing takes it.
    denied(&with("{name: http, port: 5432}", ""), &question, Gate::Transport);
}

/// A sidecar listens at the addresses of pods for a port of a headless Service, and only of pods that have what the port names
/// (istio/istio : pilot/pkg/networking/core/listener.go); for one of HTTP it listens anywhere. A gateway knows no addresses of pods.
#[test]
fn a_headless_service_tells_sidecars_of_pods_that_have_its_port() {
    let with = |port: &str, target: &str| {
        let spec = format!("{{clusterIP: None, selector: {{app: db}}, ports: [{{name: {port}, port: 80, targetPort: {target}}}]}}");
        let headless = labelled("v1", "Service", "shop/pods", "{}", &spec);
        super::cluster(&format!("{}{headless}", peer_authentication("shop/default", STRICT)))
    };
    let mut db = db();
    db.facts.ports = Some(vec![NamedPort { name: "sql".into(), protocol: Protocol::Tcp, number: 5432 }]);
    let mut gateway = web();
    gateway.facts.proxy = ProxyRole::Gateway;
    for (port, target, is_told) in
        [("tcp", "sql", true), ("tcp", "nope", false), ("auto", "nope", false), ("http", "nope", true), ("tcp", "9", true)]
    {
        let cluster = with(port, target);
        for question in [auto(&web(), &db, 80).by_pod_address(), auto(&web(), &db, 80).service("shop/pods", 80)] {
            if is_told { allowed(&cluster, &question) } else { denied(&cluster, &question, Gate::Transport) }
        }
        denied(&cluster, &auto(&gateway, &db, 80).by_pod_address(), Gate::Transport);
    }
    // Which ports the pod has need not be known.
    db.facts.ports = None;
    allowed(&with("tcp", "nope"), &auto(&web(), &db, 80).by_pod_address());
}
