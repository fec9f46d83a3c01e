//! Reading: streams, lists, JSON, namespaces, objects that stand twice, and what cannot be read.

use std::fmt::Write as _;

use super::{Platform, allowed, cluster, cluster_on, denied, end, findings, lets_in, object, platform, policy, read_on, unspecified};
use twogate::cluster::{Cluster, Way};
use twogate::diagnostic::Level;
use twogate::flow::{DataPlane, LabelCube, PathNormalization, Peer};
use twogate::source::{Source, Sources};

const CLOSED: &str = "{podSelector: {}, policyTypes: [Ingress]}";

fn closed(cluster: &Cluster, namespace: &str) {
    denied(cluster, &end("203.0.113.7"), &end(&format!("*@{namespace}")), "80");
}

#[test]
fn every_shape_in_which_an_object_comes() {
    let json = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}"#;
    let item = "- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata: {name: p, namespace: shop}\n  spec: {policyTypes: [Ingress]}\n";
    let bare = "- metadata: {name: p, namespace: shop}\n  spec: {policyTypes: [Ingress]}\n";
    for yaml in [
        json.to_owned(),
        policy("p", CLOSED),
        format!("# a comment\n---\n\n{}\n...\n---\n# nothing\n", policy("p", CLOSED)),
        format!("apiVersion: v1\nkind: List\nitems:\n{item}"),
        format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n{bare}"),
        format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{json}]}}"),
    ] {
        closed(&cluster(&yaml), "shop");
    }
}

/// `kubectl` takes lists within lists apart, however deep (kubernetes/cli-runtime : `pkg/resource/visitor.go`, `FlattenListVisitor`).
#[test]
fn lists_within_lists_are_taken_apart() {
    let list = |items: &str| format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    let item = |yaml: &str| format!("- {}", yaml.trim_start_matches("---\n").trim_end().replace('\n', "\n  ")) + "\n";
    let nested = |times: usize, yaml: &str| (0..times).fold(yaml.to_owned(), |inner, _| list(&item(&inner)));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: a}}\nspec: {}\n";
    let both = list(&(item(pod) + &item(&policy("p", CLOSED))));
    for times in [1, 3] {
        let yaml = nested(times, &both);
        assert_eq!(findings(&yaml), Vec::<String>::new(), "{yaml}");
        let read = cluster(&yaml);
        assert!(read.is_modelled(), "{yaml}");
        assert_eq!(read.workloads().len(), 1);
        closed(&read, "shop");
    }
    let braces = "{apiVersion: v1, kind: NetworkPolicy, items: [{apiVersion: networking.k8s.io/v1, kind: NetworkPolicyList, items: [
        {metadata: {name: p, namespace: shop}, spec: {policyTypes: [Ingress]}}]}]}";
    closed(&cluster(braces), "shop");
    // Nobody nests them deeper: such a list is an object of which nothing is known.
    let deep = nested(40, &both);
    unspecified(&read_on(platform(), &deep).0, &end("203.0.113.7"), &end("*@shop"), "80", "List");
}

/// What stands in lists within lists has places of its own, and twins are told by what each says.
#[test]
fn what_lists_within_lists_hold_is_found_at_its_place() {
    let policy = |name: &str, selector: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: shop}}, spec: {{podSelector: {selector}}}}}"
        )
    };
    let lists = |items: [String; 2]| {
        let [first, second] = items;
        format!("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {first}\n  - {second}\n")
    };
    let wrong = lists([policy("p", "{}"), policy("q", "{matchLabels: {app: [x]}}")]);
    let found = findings(&wrong);
    assert!(found.len() == 1 && found[0].contains("at `[x]"), "{found:?}");
    let unlike = lists([policy("p", "{}"), policy("p", "{matchLabels: {app: x}}")]);
    let found = findings(&unlike);
    assert!(found.len() == 1 && found[0].contains("stands twice"), "{found:?}");
    assert_eq!(findings(&lists([policy("p", "{}"), policy("p", "{}")])), Vec::<String>::new());
    let route = |host: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: EnvoyFilter, metadata: {{name: p, namespace: shop}}, spec: {{priority: {host}}}}}"
        )
    };
    let found = findings(&lists([route("1"), route("2")]));
    assert!(found.iter().any(|finding| finding.contains("stands twice")), "{found:?}");
    let found = findings(&lists([route("1"), route("1")]));
    assert!(!found.iter().any(|finding| finding.contains("stands twice")), "{found:?}");
}

#[test]
fn several_files_are_one_cluster() {
    let mut sources = Sources::default();
    let files = [policy("a", CLOSED), lets_in("{from: [{podSelector: {matchLabels: {app: web}}}]}")]
        .map(|yaml| sources.add(Source::new("f.yaml", yaml)));
    let (cluster, findings) = twogate::cluster::read(&sources, &files, platform());
    assert!(findings.is_empty());
    allowed(&cluster, &end("app=web@shop"), &end("*@shop"), "80");
    closed(&cluster, "shop");
}

#[test]
fn a_namespace_is_never_guessed() {
    let yaml = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {policyTypes: [Ingress]}\n";
    assert_eq!(findings(yaml), ["invalid-manifest at `apiVersion: networking.k8s.io/v1`: NetworkPolicy `p` names no namespace"]);
    let (unread, _) = read_on(platform(), yaml);
    unspecified(&unread, &end("203.0.113.7"), &end("*@anywhere"), "80", "cannot be read");
    let told = Platform { default_namespace: Some("shop".into()), ..platform() };
    closed(&cluster_on(told, yaml), "shop");
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec: {template: {spec: {}}}\n";
    assert_eq!(findings(deployment), ["invalid-manifest at `name: web`: Deployment `web` names no namespace"]);
}

#[test]
fn an_object_that_stands_twice_is_found() {
    let found = findings(&format!("{}{}", policy("p", CLOSED), policy("p", "{podSelector: {matchLabels: {app: db}}}")));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("NetworkPolicy `shop/p` stands twice"), "{found:?}");
    let istio = |mode: &str| object("security.istio.io/v1", "PeerAuthentication", "p", &format!("{{mtls: {{mode: {mode}}}}}"));
    assert_eq!(findings(&format!("{}{}", istio("STRICT"), istio("PERMISSIVE"))).len(), 1);
    // The second of three is what is left of the first two, whatever the third is.
    assert_eq!(findings(&format!("{}{}{}", istio("STRICT"), istio("PERMISSIVE"), istio("PERMISSIVE"))).len(), 1);
    let namespace = |labels: &str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {labels}}}\n");
    assert!(findings(&format!("{0}{0}", namespace("{team: a}"))).is_empty(), "the same facts twice are one fact");
    let found = findings(&format!("{}{}", namespace("{team: a}"), namespace("{team: b}")));
    assert!(found.len() == 1 && found[0].starts_with("invalid-manifest at"), "{found:?}");
}

/// Whoever applies the same text twice has one object.
#[test]
fn an_object_of_any_kind_that_stands_twice_and_says_the_same_is_one() {
    let (security, networking) = ("security.istio.io/v1", "networking.istio.io/v1");
    for (version, kind, spec, other) in [
        ("networking.k8s.io/v1", "NetworkPolicy", CLOSED, "{podSelector: {}, policyTypes: [Egress]}"),
        (security, "AuthorizationPolicy", "{rules: []}", "{rules: [{}]}"),
        (security, "PeerAuthentication", "{mtls: {mode: STRICT}}", "{mtls: {mode: PERMISSIVE}}"),
        (security, "RequestAuthentication", "{jwtRules: [{issuer: a, jwks: '{}'}]}", "{jwtRules: [{issuer: b, jwks: '{}'}]}"),
        (networking, "DestinationRule", "{host: a, trafficPolicy: {tls: {mode: DISABLE}}}", "{host: b}"),
        (networking, "Gateway", "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*']}]}", "{servers: []}"),
        (
            networking,
            "ServiceEntry",
            "{hosts: [a.example], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}",
            "{hosts: [b.example]}",
        ),
        (networking, "EnvoyFilter", "{configPatches: []}", "{workloadSelector: {labels: {app: a}}}"),
        ("gateway.networking.k8s.io/v1", "Gateway", "{gatewayClassName: istio-waypoint, listeners: []}", "{gatewayClassName: istio}"),
    ] {
        let (one, two) = (object(version, kind, "p", spec), object(version, kind, "p", other));
        let alone = findings(&one);
        let mut sources = Sources::default();
        let files = [&one, &one].map(|yaml| sources.add(Source::new("f.yaml", yaml.clone())));
        let (_, twice) = twogate::cluster::read(&sources, &files, platform());
        assert_eq!(twice.len(), alone.len(), "{kind}: {twice:?}");
        let differing = findings(&format!("{one}{two}"));
        assert!(differing.iter().any(|finding| finding.contains("stands twice")), "{kind}: {differing:?}");
    }
}

#[test]
fn what_cannot_be_read_leaves_everything_open_and_what_is_no_object_nothing() {
    for (yaml, words) in [
        ("a: [1, 2\nb: 3\n", "not YAML"),
        ("{{ include \"x\" . }}\n", "has no `kind`"),
        ("kind: [NetworkPolicy]\n", "`kind` of the document"),
        ("kind: NetworkPolicy\n", "`apiVersion` of a NetworkPolicy is not"),
        ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n", "`metadata.name` of a NetworkPolicy is not"),
    ] {
        let found = findings(yaml);
        assert!(found.len() == 1 && found[0].contains(words), "{yaml}: {found:?}");
        let (cluster, _) = read_on(platform(), yaml);
        unspecified(&cluster, &end("203.0.113.7"), &end("*@shop"), "80", "cannot be read");
    }
    for (yaml, words) in [
        ("a: 1\n", "has no `kind`"),
        ("version: '3'\nservices: {db: {image: \"{{x}}\"}}\n", "has no `kind`"),
        ("{\"name\": \"x\", \"kind\": null}", "has no `kind`"),
        ("- {op: add, path: /spec, value: {}}\n", "is a list"),
        ("just text\n", "is a text"),
        ("kind: Route\n", "has no `apiVersion`"),
        ("apiVersion: v1\nkind: List\nitems: [{spec: {}}]\n", "has no `kind`"),
    ] {
        let (cluster, findings) = read_on(platform(), yaml);
        let told: Vec<_> = findings.iter().map(|finding| (finding.code.name(), finding.level)).collect();
        assert_eq!(told, [("not-a-manifest", Level::Warning)], "{yaml}");
        assert!(findings[0].message.contains(words), "{findings:?}");
        allowed(&cluster, &end("203.0.113.7"), &end("*@shop"), "80");
    }
    for nothing in ["", "---\n", "# text\n", "---\n---\nnull\n"] {
        assert!(findings(nothing).is_empty(), "{nothing}");
        allowed(&cluster(nothing), &end("203.0.113.7"), &end("*@shop"), "80");
    }
}

#[test]
fn a_policy_that_cannot_be_read_leaves_its_namespace_open_and_no_other() {
    let yaml = format!("{}{}", policy("bad", "{podselector: {}}"), policy("good", CLOSED));
    let (cluster, findings) = read_on(platform(), &yaml);
    assert_eq!(findings.len(), 1);
    unspecified(&cluster, &end("203.0.113.7"), &end("*@shop"), "80", "NetworkPolicy `shop/bad` may decide otherwise and cannot be read");
    allowed(&cluster, &end("203.0.113.7"), &end("*@other"), "80");
}

/// A stream that is long enough for two threads, of policies that each allow one port to one app.
fn long() -> String {
    let mut yaml = String::new();
    for index in 0..2000 {
        let spec = format!(
            "{{podSelector: {{matchLabels: {{app: a{index}}}}}, policyTypes: [Ingress], ingress: [{{ports: [{{port: {}}}]}}]}}",
            index + 1
        );
        yaml += &policy(&format!("p{index}"), &spec);
    }
    yaml
}

#[test]
fn long_streams_are_read_whole_and_in_order() {
    let yaml = long();
    assert!(yaml.len() > 200_000, "long enough to be shared between threads");
    let cluster = cluster(&yaml);
    for index in [0, 1, 999, 1000, 1001, 1999] {
        let pod = end(&format!("app=a{index}@shop"));
        allowed(&cluster, &end("203.0.113.7"), &pod, &(index + 1).to_string());
        denied(&cluster, &end("203.0.113.7"), &pod, &(index + 2).to_string());
    }
    assert_eq!(cluster.selectors("shop", Way::Ingress).len(), 2000);
}

#[test]
fn findings_of_long_streams_come_in_the_order_of_the_text() {
    let mut yaml = long();
    let mut bad = String::new();
    for index in 0..30 {
        let _ = write!(bad, "{}", policy(&format!("bad{index}"), "{podSelector: {}, policyTypes: [Sideways]}"));
    }
    yaml = format!("{bad}{yaml}{}", bad.replace("bad", "worse"));
    let found = findings(&yaml);
    let names: Vec<&str> = found.iter().map(|text| text.split('`').nth(5).unwrap()).collect();
    let wanted: Vec<String> = ["bad", "worse"].iter().flat_map(|name| (0..30).map(move |index| format!("shop/{name}{index}"))).collect();
    assert_eq!(names, wanted);
}

#[test]
fn selectors_are_listed_once_and_for_the_ways_at_which_they_choose_pods() {
    let yaml = [
        policy("a", "{podSelector: {matchLabels: {app: web}}}"),
        policy("b", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}"),
        policy("c", "{podSelector: {matchExpressions: [{key: app, operator: In, values: [x, z]}]}}"),
        policy("d", "{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: peer}}}]}]}"),
        policy("e", "{podSelector: {matchLabels: {app: out}}, policyTypes: [Egress], ingress: [{}]}"),
        object("cilium.io/v2", "CiliumNetworkPolicy", "f", "{endpointSelector: {matchLabels: {app: db}}}"),
        object("networking.istio.io/v1alpha3", "EnvoyFilter", "g", "{workloadSelector: {labels: {app: filtered}}}"),
        object("security.istio.io/v1", "AuthorizationPolicy", "h", "{selector: {matchLabels: {app: guarded}}}"),
    ];
    let cluster = cluster(&yaml.concat());
    let words = |cubes: Vec<LabelCube>| cubes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let selectors = |way| words(cluster.selectors("shop", way));
    assert_eq!(selectors(Way::Ingress), ["*", "app=db", "app=filtered", "app=guarded", "app=web", "app=x|z"]);
    assert_eq!(selectors(Way::Egress), ["*", "app=db", "app=filtered", "app=out", "app=web"]);
    let all = words(cluster.all_selectors("shop"));
    assert_eq!(all, ["*", "app=db", "app=filtered", "app=guarded", "app=out", "app=web", "app=x|z"]);
    assert!(cluster.all_selectors("other").is_empty());
}

#[test]
fn objects_that_name_no_namespace_are_told_of_once() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: db}\nspec: {containers: [{name: c, image: i}]}\n---\n\
                apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed}\nspec: {}\n---\n\
                apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let platform = Platform { default_namespace: Some("shop".into()), ..Platform::default() };
    let (cluster, findings) = read_on(platform.clone(), yaml);
    let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(told, ["Pod `db`, NetworkPolicy `closed` name no namespace: taken as of `shop`, which `-n` changes"]);
    assert_eq!((findings[0].code.name(), findings[0].level), ("namespace-missing", Level::Note));
    assert_eq!(cluster.workloads()[0].namespace(), "shop");
    let (_, findings) =
        read_on(platform, &yaml.replace("{name: db}", "{name: db, namespace: a}").replace("closed}", "closed, namespace: a}"));
    assert!(findings.is_empty(), "{findings:#?}");
}

/// `semantics.md` §1.9.
#[test]
fn facts_are_called_as_the_api_server_takes_it() {
    let pod = |name: &str, namespace: &str, labels: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}\nspec: {{serviceAccountName: a, containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let refused = |yaml: &str| {
        let (cluster, findings) = read_on(platform(), yaml);
        assert!(cluster.workloads().is_empty(), "{yaml}");
        assert!(!findings.is_empty() && findings.iter().all(|finding| finding.code.name() == "invalid-manifest"), "{findings:#?}");
    };
    assert_eq!(read_on(platform(), &pod("db", "shop", "app: db")).0.workloads().len(), 1);
    for name in ["'a\u{1b}[31m'", "\"a\\nb\"", "A", "'=cmd'", "a/b"] {
        refused(&pod(name, "shop", "app: db"));
        refused(&pod("db", name, "app: db"));
    }
    for label in ["app: \"a\\nb\"", "app: 'a b'", "'a b': c"] {
        refused(&pod("db", "shop", label));
    }
    refused(&pod("db", "shop", "").replace("serviceAccountName: a", "serviceAccountName: 'a b'"));
}

#[test]
fn a_file_without_any_object_holds_nothing() {
    for (yaml, holds) in [
        ("", false),
        ("# nothing\n---\n", false),
        ("apiVersion: v1\nkind: List\nitems: []\n", false),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n", true),
        ("a: [", true),
        ("a: 1\n", false),
        ("kind: Route\n", false),
        ("kind: NetworkPolicy\n", true),
        ("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap}]\n", true),
    ] {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("all.yaml", yaml));
        let (cluster, _) = twogate::cluster::read(&sources, &[file], platform());
        assert_eq!(cluster.holds_anything_of(&[file]), holds, "{yaml}");
    }
}

/// `kubectl` takes JSON documents one behind the other; places are those of the file.
#[test]
fn json_documents_need_nothing_between_them() {
    let policy = |name: &str, spec: &str| {
        format!(
            "{{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\", \"metadata\": {{\"name\": \"{name}\", \"namespace\": \"shop\"}}, \"spec\": {spec}}}"
        )
    };
    for between in ["", " ", "\n", "\n---\n"] {
        let yaml = policy("a", "{\"podSelector\": {\"matchLabels\": {\"app\": \"a\"}}}") + between + &policy("b", "{\"podselector\": {}}");
        let found = findings(&yaml);
        assert!(found.len() == 1 && found[0].contains("`spec.podselector` of NetworkPolicy `shop/b`"), "{found:?}");
        let mut sources = Sources::default();
        let file = sources.add(Source::new("all.json", &*yaml));
        let (_, findings) = twogate::cluster::read(&sources, &[file], platform());
        let place = findings[0].primary.as_ref().unwrap().location;
        assert!(sources.slice(place).starts_with("\"podselector\""), "{}", sources.slice(place));
        let (cluster, _) = read_on(platform(), &yaml.replace("podselector", "podSelector"));
        closed(&cluster, "shop");
    }
}

/// Kubernetes takes a plain `y` for text, others who read the same file do not.
#[test]
fn a_plain_y_is_text_with_a_warning() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: y, labels: {pod: n, Y: x}}\nspec: {containers: []}\n---\n\
                apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: y}\n\
                spec: {podSelector: {matchLabels: {pod: n}}}\n";
    let (cluster, findings) = read_on(platform(), yaml);
    let told: Vec<_> = findings.iter().map(|finding| (finding.level, finding.message.as_str())).collect();
    for place in [
        "metadata.namespace` of a Pod",
        "metadata.labels.pod` of Pod `y/a`",
        "metadata.labels.Y` of Pod `y/a`",
        "metadata.name` of a NetworkPolicy",
    ] {
        let message = format!("`{place} is true or false to some readers of YAML");
        assert!(told.contains(&(Level::Warning, message.as_str())), "{message}: {told:#?}");
    }
    assert!(told.iter().all(|(level, _)| *level == Level::Warning), "{told:#?}");
    denied(&cluster, &end("203.0.113.7"), &cluster.workloads()[0].endpoint, "80");
    for word in ["yes", "no", "on", "off", "true", "false"] {
        let (_, findings) = read_on(platform(), &yaml.replace("pod: n", &format!("pod: {word}")));
        assert!(findings.iter().any(|finding| finding.level == Level::Error), "{word}");
    }
}

/// Two files of one folder may hold the same policy.
#[test]
fn a_policy_that_stands_twice_and_says_the_same_is_one() {
    let one = policy("a", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}");
    let same = one.replace("from: [{podSelector: {}}]", "from: [{podSelector: {matchLabels: {}}}], ports: []");
    assert!(findings(&format!("{one}{same}{one}")).is_empty());
    let other = policy("a", "{podSelector: {}}");
    assert_eq!(findings(&format!("{one}{one}{other}")).len(), 1);
}

/// The `ConfigMap` of a mesh, as istiod reads it.
fn mesh_config(name: &str, mesh: &str) -> String {
    let lines = mesh.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: istio-system}}\ndata:\n  mesh: |\n{lines}\n")
}

/// `semantics.md` §2 and §6: the root namespace and the trust domain are the mesh's to say.
#[test]
fn a_mesh_that_is_configured_otherwise_is_not_judged() {
    let told = |platform: Platform, name: &str, mesh: &str| {
        let (_, findings) = read_on(platform, &mesh_config(name, mesh));
        findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect::<Vec<_>>()
    };
    let known = Platform {
        root_namespace: "mesh".into(),
        trust_domain: "corp".into(),
        trust_domain_aliases: ["old".into()].into(),
        path_normalization: PathNormalization::MergeSlashes,
        ..Platform::default()
    };
    let config = "rootNamespace: mesh\ntrustDomain: corp\ntrustDomainAliases: [old]\npathNormalization: {normalization: MERGE_SLASHES}\n\
                  defaultConfig: {holdApplicationUntilProxyStarts: true}";
    let nothing: [&str; 0] = [];
    assert_eq!(told(known.clone(), "istio", config), nothing);
    assert_eq!(told(Platform::default(), "istio", "trustDomain: cluster.local\nenableAutoMtls: true"), nothing);
    assert_eq!(told(Platform::default(), "istio", ""), nothing);
    assert_eq!(told(Platform::default(), "theirs", config), nothing, "another one");
    assert_eq!(
        told(Platform::default(), "istio-canary", config),
        [
            "mesh-configured-otherwise `root-namespace` is \"mesh\" in the mesh, and is taken for \"istio-system\" here",
            "mesh-configured-otherwise `trust-domain` is \"corp\" in the mesh, and is taken for \"cluster.local\" here",
            "mesh-configured-otherwise `trust-domain-aliases` is [\"old\"] in the mesh, and is taken for [] here",
            "mesh-configured-otherwise `path-normalization` is \"merge-slashes\" in the mesh, and is taken for \"base\" here",
        ]
    );
    assert_eq!(
        told(known, "istio", "enableAutoMtls: true"),
        [
            "mesh-configured-otherwise `root-namespace` is \"istio-system\" in the mesh, and is taken for \"mesh\" here",
            "mesh-configured-otherwise `trust-domain` is \"cluster.local\" in the mesh, and is taken for \"corp\" here",
            "mesh-configured-otherwise `trust-domain-aliases` is [] in the mesh, and is taken for [\"old\"] here",
            "mesh-configured-otherwise `path-normalization` is \"base\" in the mesh, and is taken for \"merge-slashes\" here",
        ],
        "what it does not name has istiod's default"
    );
    assert_eq!(told(Platform::default(), "istio", "- a"), ["invalid-manifest `data.mesh` of a ConfigMap is not what Kubernetes accepts"]);
}

/// Without auto mTLS sidecars call as `DestinationRules` say (`semantics.md` §3.3): what the mesh lets pass is left open, as where istiod does
/// not see every namespace, or sidecars intercept nothing.
#[test]
fn what_the_mesh_is_set_to_and_is_not_modelled_leaves_it_open() {
    for (set, key) in [
        ("enableAutoMtls: false", "enableAutoMtls"),
        ("discoverySelectors: [{matchLabels: {mesh: 'on'}}]", "discoverySelectors"),
        ("defaultConfig: {interceptionMode: NONE}", "defaultConfig.interceptionMode"),
        ("defaultDestinationRuleExportTo: ['.']", "defaultDestinationRuleExportTo"),
    ] {
        let (cluster, findings) = read_on(Platform { mesh: DataPlane::Sidecar, ..Platform::default() }, &mesh_config("istio", set));
        let told: Vec<String> = findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        assert_eq!(told, [format!("unmodelled-setting ConfigMap `istio-system/istio` says by `{key}` what is not modelled")]);
        let mut pods = [end("app=web@shop"), end("app=db@shop")];
        for pod in &mut pods {
            let Peer::Pod(pod) = &mut pod.peer else { panic!() };
            pod.plane = DataPlane::Sidecar;
        }
        unspecified(&cluster, &pods[0], &pods[1], "80", key);
        allowed(&cluster, &end("app=web@shop"), &end("app=db@shop"), "80");
    }
}
