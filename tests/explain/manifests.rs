//! Anyone's manifests, and a cluster's dump held against intents.

use super::{Files, snapshot};
use twogate::compile::{Input, compile};
use twogate::flow::Verdict;
use twogate::source::{Source, Sources};

/// The program of the design's own example, in fewer words.
const INTENTS: &str = "\
namespace shop
workload web  = app=web account web-sa
workload db   = app=db account db
workload cron = app=cron

allow web -> db:5432 mtls because \"orders\"
";

/// What runs: `web` was deployed without its account.
const RUNNING: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cron, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cron}}
    spec: {containers: [{name: main}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {serviceAccountName: db, containers: [{name: main, ports: [{name: pg, containerPort: 5432}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{name: tcp-pg, port: 5432}]}
";

/// What a program compiles to, as one stream.
fn compiled(intents: &str) -> String {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("shop.intent", intents))];
    let outcome = compile(Input { sources, intents, ..Input::default() });
    assert!(!outcome.manifests.is_empty(), "it compiles");
    outcome.manifests.iter().fold(String::new(), |stream, manifest| stream + "---\n" + &manifest.yaml)
}

/// A dump as `kubectl get … -A -o yaml` prints it: one list.
fn dump(parts: &[&str]) -> String {
    let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    for document in parts.iter().flat_map(|part| part.split("---\n")).filter(|document| !document.trim().is_empty()) {
        for (index, line) in document.trim_end().lines().enumerate() {
            text.push_str(if index == 0 { "- " } else { "  " });
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The example at the end of the design: the account that the intents name is not the one that runs.
#[test]
fn a_dump_breaks_an_assumption() {
    let manifests = dump(&[&compiled(INTENTS), RUNNING]);
    let files = Files { intents: INTENTS, manifests: &manifests, ..Files::default() };
    snapshot("manifests-assumption", &files.pages(&["deploy/web@shop -> db:5432"]));
}

/// The same dump without intents: the changes are those of manifests.
#[test]
fn a_dump_by_itself() {
    let manifests = dump(&[&compiled(INTENTS), RUNNING]);
    let files = Files { manifests: &manifests, ..Files::default() };
    let flows = ["deploy/web@shop -> db:5432", "deploy/cron@shop -> svc/db:5432", "deploy/web@shop -> db:5432 plaintext"];
    snapshot("manifests-dump", &files.pages(&flows));
}

/// The pod itself, and another one at its address: what a pod sends to its own address no policy stops.
#[test]
fn a_pod_calls_itself() {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\nstatus: {{podIP: 10.0.0.9}}\n"
        )
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: one, namespace: shop}\n\
                   spec: {selector: {app: one}, ports: [{port: 80}]}\n";
    let close = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: close, namespace: shop}\n\
                 spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n";
    let manifests = dump(&[&pod("one"), &pod("two"), service, close]);
    let files = Files { manifests: &manifests, config: "[mesh]\nmode = \"none\"\n", ..Files::default() };
    let verdict = |flow: &str| files.ask(flow).cases[0].decision.verdict.clone();
    assert_eq!(verdict("pod/one@shop -> pod/one@shop:80"), Verdict::Allowed);
    assert_eq!(verdict("pod/one@shop -> pod/two@shop:80"), Verdict::Denied);
    assert!(matches!(verdict("pod/one@shop -> svc/one@shop:80"), Verdict::Unspecified(_)));
}

/// What was applied is older than the intents, and somebody else's policy stands beside it.
#[test]
fn a_dump_that_is_stale_or_has_strangers() {
    let old = INTENTS.replace("allow web -> db:5432", "allow web -> db:5433");
    let running = RUNNING.replace(
        "    spec: {containers: [{name: main, ports: [{name: http",
        "    spec: {serviceAccountName: web-sa, containers: [{name: main, ports: [{name: http",
    );
    let stale = dump(&[&compiled(&old), &running]);
    let stranger = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: by-hand, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}
";
    let beside = dump(&[&compiled(INTENTS), &running, stranger]);
    let mut text = Files { intents: INTENTS, manifests: &stale, ..Files::default() }.pages(&["web -> db:5432"]);
    text.push_str(&Files { intents: INTENTS, manifests: &beside, ..Files::default() }.pages(&["web -> db:5432", "cron -> db:5432"]));
    snapshot("manifests-stale", &text);
}

/// Policies that somebody wrote by hand, on a cluster without a mesh and with one.
const BY_HAND: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules:
  - from: [{source: {namespaces: [shop]}}]
    to: [{operation: {methods: [GET], paths: [/v1/*]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api-deny, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  action: DENY
  rules:
  - to: [{operation: {ports: [\"8080\"], paths: [/v1/admin/*]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
";

#[test]
fn policies_by_hand() {
    let running = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 80, targetPort: 8080}]}
";
    let manifests = format!("{BY_HAND}---\n{running}");
    let files = Files { manifests: &manifests, ..Files::default() };
    let flows = [
        "app=web -> app=db:5432",
        "203.0.113.9 -> app=db:5432",
        "app=web -> http://api/v1/orders",
        "app=web -> http://api/v1/admin/x",
        "app=web -> http://api/v2/orders",
        "app=job@batch -> app=api@shop:8080 plaintext",
    ];
    snapshot("manifests-by-hand", &files.pages(&flows));
}

#[test]
fn json_has_every_part() {
    let manifests = dump(&[&compiled(INTENTS), RUNNING]);
    let answer = Files { intents: INTENTS, manifests: &manifests, ..Files::default() }.ask("deploy/web@shop -> db:5432");
    let json: serde_json::Value = serde_json::from_str(&twogate::explain::json(&answer)).unwrap();
    assert_eq!((&json["version"], &json["verdict"]), (&1.into(), &"denied".into()));
    let first = &json["answers"][0];
    assert_eq!(first["source"]["name"], "Deployment shop/web");
    assert_eq!(first["intents"]["verdict"], "allowed");
    assert_eq!(first["intents"]["enters"]["rules"][0]["place"], "shop.intent:6");
    let caller = first["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == "caller").unwrap();
    assert_eq!(caller["verdict"], "denied");
    assert_eq!(first["remedies"][0]["to"], "allow");
}

/// A waypoint opens its port to everybody, and then asks for a certificate: no policy stops a plain client, and it gets no answer.
#[test]
fn a_plain_client_gets_nothing_from_the_tunnel_of_a_waypoint() {
    let manifests = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: waypoint, namespace: shop}
spec:
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: waypoint, sidecar.istio.io/inject: 'false', istio.io/dataplane-mode: none}}
    spec: {serviceAccountName: waypoint, containers: [{name: proxy}]}
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: shop, labels: {app: old, istio.io/dataplane-mode: none, sidecar.istio.io/inject: 'false'}}
spec: {containers: [{name: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main}]}
";
    let files = Files { manifests, ..Files::default() };
    let page = |flow: &str| files.page(flow);
    for flow in ["pod/old@shop -> deploy/waypoint@shop:15008", "internet -> deploy/waypoint@shop:15008"] {
        let page = page(flow);
        assert!(page.contains("to waypoint, plaintext") && page.contains("takes only mTLS"), "{page}");
        assert!(!page.contains("an open connection"), "{page}");
    }
    assert!(page("pod/old@shop -> deploy/waypoint@shop:15021").contains("an open connection"), "the port for health checks is plain");
    let pod = page("pod/old@shop -> pod/web@shop:15008");
    assert!(pod.starts_with("DENIED") && pod.contains("the port of the tunnel at web takes only mTLS"), "{pod}");
}

/// A dump of pods without what made them: those of one owner are one, and each of its names leads to it.
#[test]
fn pods_whose_owner_is_in_no_manifest_are_found_by_every_name() {
    let pod = |name: &str, labels: &str, owner: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{{labels}}}, ownerReferences: [{owner}]}}\n\
             spec: {{containers: [{{name: main}}]}}\n"
        )
    };
    let set = "{apiVersion: apps/v1, kind: ReplicaSet, name: web-7cc9, uid: u, controller: true}";
    let job = "{apiVersion: batch/v1, kind: Job, name: load, uid: u, controller: true}";
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: in, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {track: canary}}, ingress: [{from: [{podSelector: {matchLabels: {app: load}}}]}]}\n";
    let manifests = [
        pod("web-7cc9-aaaaa", "app: web, pod-template-hash: 7cc9", set),
        pod("web-7cc9-bbbbb", "app: web, pod-template-hash: 7cc9", set),
        pod("web-7cc9-ccccc", "app: web, pod-template-hash: 7cc9, track: canary", set),
        pod("load-x", "app: load", job),
        policy.to_owned(),
    ];
    let manifests = manifests.concat();
    let files = Files { manifests: &manifests, ..Files::default() };
    let verdicts = |flow: &str| -> Vec<Verdict> {
        let answer = files.ask(flow);
        assert!(answer.findings.is_empty(), "{flow}: {:?}", answer.findings);
        answer.cases.into_iter().map(|case| case.decision.verdict).collect()
    };
    let (passes, stopped) = (Verdict::Allowed, Verdict::Denied);
    for one in ["aaaaa", "bbbbb"] {
        assert_eq!(verdicts(&format!("pod/web-7cc9-{one}@shop -> pod/load-x@shop:80")), std::slice::from_ref(&passes), "{one}");
        assert_eq!(verdicts(&format!("pod/web-7cc9-ccccc@shop -> pod/web-7cc9-{one}@shop:80")), std::slice::from_ref(&passes), "{one}");
        assert_eq!(verdicts(&format!("pod/web-7cc9-{one}@shop -> pod/web-7cc9-ccccc@shop:80")), std::slice::from_ref(&stopped), "{one}");
    }
    for load in ["job/load@shop", "load@shop", "pod/load-x@shop"] {
        assert_eq!(verdicts(&format!("{load} -> pod/web-7cc9-ccccc@shop:80")), std::slice::from_ref(&passes), "{load}");
    }
    // The Deployment is all of its pods, and they are not judged alike.
    let both = verdicts("deploy/web@shop -> deploy/web@shop:80");
    assert!(both.contains(&passes) && both.contains(&stopped), "{both:?}");
}

/// A pod that no manifest holds takes part in the mesh as the labels of its namespace have it.
#[test]
fn pods_that_nobody_described_are_in_the_mesh_as_their_namespace_says() {
    let said = [
        ("istio-injection: enabled", "sidecar to sidecar"),
        ("istio.io/dataplane-mode: ambient", "ambient to ambient"),
        ("istio-injection: disabled", "no mesh to no mesh"),
        ("team: web", "sidecar to sidecar"),
    ];
    for (label, planes) in said {
        let manifests = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{label}}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: nobody, namespace: shop}}\nspec: {{}}\n"
        );
        let page = Files { manifests: &manifests, ..Files::default() }.page("app=web@shop -> app=db@shop:80");
        let verdict = if planes.starts_with("no mesh") { "ALLOWED" } else { "DENIED" };
        assert!(page.starts_with(verdict) && page.contains(planes), "{label}: {page}");
        assert_eq!(page.contains(NO_LABEL), label == "team: web", "{label}: {page}");
    }
}

const NO_LABEL: &str =
    "no label says that pods of `shop` are in the mesh, and they are taken for such; `[mesh] mode` in `twogate.toml` says";

/// Istio injects no pod of which nothing says so, unless it is told to (istio/istio#36119): that it is taken for one in the mesh is said,
/// where its namespace could have said it and nobody else did.
#[test]
fn that_pods_are_taken_into_the_mesh_is_said() {
    let manifests = |namespace: &str, pod: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, labels: {{app: web{pod}}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n\
             ---\n{namespace}apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: all, namespace: shop}}\nspec: {{rules: [{{}}]}}\n"
        )
    };
    let described = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let cases = [
        (manifests(described, ""), "", true),
        (manifests("", ""), "", false),
        (manifests(described, ""), "[mesh]\nmode = \"sidecar\"\n", false),
        (manifests(described, ", sidecar.istio.io/inject: 'true'"), "", false),
        (manifests(&described.replace("{name: shop}", "{name: shop, labels: {istio-injection: enabled}}"), ""), "", false),
    ];
    for (manifests, config, is_said) in cases {
        let page = Files { manifests: &manifests, config, ..Files::default() }.page("app=web@shop -> app=web@shop:80");
        assert!(page.starts_with("ALLOWED") && page.contains("sidecar to sidecar"), "{page}");
        assert_eq!(page.contains(NO_LABEL), is_said, "{manifests}{page}");
    }
}

/// The same of a pod that says nothing of it, beside one that shows its sidecar, in a namespace that nobody describes; of the one that shows
/// it nothing is taken for granted.
#[test]
fn that_pods_are_taken_into_the_mesh_as_others_are_is_said() {
    let pod = |name: &str, more: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}{more}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let manifests = pod("shown", ", annotations: {sidecar.istio.io/status: '{}'}") + &pod("silent", "");
    let page = |flow: &str| Files { manifests: &manifests, ..Files::default() }.page(flow);
    for (flow, is_said) in [
        ("pod/silent@shop -> pod/shown@shop:80", true),
        ("pod/shown@shop -> pod/silent@shop:80", true),
        ("pod/shown@shop -> pod/shown@shop:80", false),
    ] {
        let page = page(flow);
        assert!(page.contains("sidecar to sidecar"), "{page}");
        assert_eq!(page.contains(NO_LABEL), is_said, "{flow}: {page}");
    }
}

/// The mesh sees TCP alone (`semantics.md` §0.1), so nothing is said of it where another protocol is asked about.
#[test]
fn nothing_is_said_of_the_mesh_where_it_sees_nothing() {
    let described = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n\
                     ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: all, namespace: shop}\nspec: {rules: [{}]}\n";
    let unmentioned = "apiVersion: v1\nkind: Namespace\nmetadata: {name: cl}\n";
    let joined = two_namespaces("istio-injection: enabled", "");
    let cases = [
        (described, "app=web@shop -> app=web@shop:80", NO_LABEL),
        (unmentioned, "app=x@cl -> app=y@cl:80", "no manifest speaks of a mesh"),
        (&*joined, "app=x@cl -> app=x@srv:80", "no label takes pods of `cl` into the mesh"),
    ];
    for (manifests, flow, note) in cases {
        let page = |flow: &str| Files { manifests, ..Files::default() }.page(flow);
        assert!(page(flow).contains(note), "{flow}: {}", page(flow));
        for protocol in ["udp", "sctp"] {
            let flow = format!("{flow}/{protocol}");
            assert!(!page(&flow).contains(note), "{flow}: {}", page(&flow));
        }
    }
}

/// A namespace, that its pods take mTLS alone, and what else there is.
fn strict_namespace(name: &str, labels: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n\
         ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: strict, namespace: {name}}}\n\
         spec: {{mtls: {{mode: STRICT}}}}\n{more}"
    )
}

/// A pod that no manifest holds is in the mesh as its own labels have it before those of its namespace (`semantics.md` §8, row 111): a label
/// that refuses the sidecar is heard everywhere, one that asks for it but where the namespace turns injection off, and none in those of
/// the system.
#[test]
fn pods_that_nobody_described_are_in_the_mesh_as_their_own_labels_say() {
    let cases = [
        ("ns", "istio-injection: enabled", "sidecar.istio.io/inject=false", "DENIED", "no mesh to sidecar"),
        ("ns", "istio.io/rev: a", "sidecar.istio.io/inject=false", "DENIED", "no mesh to sidecar"),
        ("ns", "istio-injection: enabled", "istio.io/dataplane-mode=ambient", "ALLOWED", "sidecar to sidecar"),
        ("ns", "team: web", "sidecar.istio.io/inject=false", "DENIED", "no mesh to sidecar"),
        ("ns", "istio.io/dataplane-mode: ambient", "istio.io/dataplane-mode=none", "DENIED", "no mesh to ambient"),
        ("ns", "istio.io/dataplane-mode: ambient", "sidecar.istio.io/inject=true", "UNSPECIFIED", "sidecar to ambient"),
        ("ns", "istio.io/dataplane-mode: none", "sidecar.istio.io/inject=true", "ALLOWED", "sidecar to no mesh"),
        ("ns", "istio.io/dataplane-mode: none", "istio.io/rev=a", "ALLOWED", "sidecar to no mesh"),
        ("ns", "istio.io/dataplane-mode: none", "istio.io/dataplane-mode=ambient", "ALLOWED", "ambient to no mesh"),
        ("ns", "istio-injection: disabled", "sidecar.istio.io/inject=true", "ALLOWED", "no mesh to no mesh"),
        ("ns", "istio-injection: disabled", "istio.io/rev=a", "ALLOWED", "no mesh to no mesh"),
        ("ns", "istio-injection: disabled", "istio.io/dataplane-mode=ambient", "ALLOWED", "ambient to no mesh"),
        ("kube-system", "istio-injection: enabled", "sidecar.istio.io/inject=true", "ALLOWED", "no mesh to no mesh"),
        ("kube-system", "team: web", "istio.io/dataplane-mode=ambient", "ALLOWED", "ambient to no mesh"),
    ];
    for (name, labels, own, verdict, planes) in cases {
        let manifests = strict_namespace(name, labels, "");
        let page = Files { manifests: &manifests, ..Files::default() }.page(&format!("app=x,{own}@{name} -> app=db@{name}:80"));
        assert!(page.starts_with(verdict) && page.contains(planes), "{labels}, {own}: {page}");
    }
}

/// What labels say of a pod that no manifest holds is what they say of one that a manifest holds.
#[test]
fn pods_that_nobody_described_are_in_the_mesh_as_those_with_their_labels() {
    let namespaces = [
        "",
        "istio-injection: enabled",
        "istio-injection: disabled",
        "istio.io/rev: a",
        "istio.io/dataplane-mode: ambient",
        "istio.io/dataplane-mode: none",
        "istio-injection: disabled, istio.io/dataplane-mode: ambient",
    ];
    let pods = [
        [("sidecar.istio.io/inject", "true"), ("a", "b")],
        [("sidecar.istio.io/inject", "false"), ("a", "b")],
        [("sidecar.istio.io/inject", "Yes"), ("a", "b")],
        [("sidecar.istio.io/inject", "maybe"), ("a", "b")],
        [("istio.io/rev", "a"), ("a", "b")],
        [("istio.io/rev", "a"), ("sidecar.istio.io/inject", "false")],
        [("istio.io/dataplane-mode", "ambient"), ("a", "b")],
        [("istio.io/dataplane-mode", "none"), ("a", "b")],
        [("istio.io/dataplane-mode", "ambient"), ("sidecar.istio.io/inject", "false")],
        [("istio.io/dataplane-mode", "none"), ("sidecar.istio.io/inject", "true")],
    ];
    let head = |manifests: &str, config: &str, flow: &str| {
        let page = Files { manifests, config, ..Files::default() }.page(flow);
        let head = page.lines().next().unwrap_or_default();
        head.rsplit_once("   ").map_or(head, |(_, planes)| planes).to_owned()
    };
    // Where some join by labels, and where the configuration says how all do.
    let joined = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: joined, labels: {istio-injection: enabled}}\n";
    let settings = ["", "[mesh]\nmode = \"sidecar\"\n", "[mesh]\nmode = \"ambient\"\n", "[mesh]\nmode = \"none\"\n"];
    for (name, labels) in ["ns", "kube-system"].into_iter().flat_map(|name| namespaces.map(|labels| (name, labels))) {
        let unseen = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n{joined}");
        for own in pods {
            let written = own.map(|(key, value)| format!("{key}: '{value}'")).join(", ");
            let shown = format!(
                "{unseen}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: {name}, labels: {{{written}}}}}\n\
                 spec: {{containers: [{{name: c, image: i}}]}}\n"
            );
            let flow = format!("{}@{name} -> 9.9.9.9:80", own.map(|(key, value)| format!("{key}={value}")).join(","));
            for config in settings {
                assert_eq!(head(&unseen, config, &flow), head(&shown, config, &flow), "{name}, {labels}, {written}, {config}");
            }
        }
    }
}

/// What a proof of intents takes for granted of the pods of a namespace holds in their own answers, and of manifests that are given besides the
/// pods' own labels say it.
#[test]
fn intents_that_are_judged_by_themselves_take_pods_as_they_declare_them() {
    let config = "[mesh]\nmode = \"sidecar\"\n";
    let manifests = strict_namespace("shop", "istio-injection: enabled", "");
    let own = [("sidecar.istio.io/inject=false", "no mesh"), ("istio.io/dataplane-mode=none", "sidecar"), ("istio.io/rev=a", "sidecar")];
    for (own, actual) in own {
        for flow in [format!("app=web,{own}@shop -> db@shop:5432"), format!("web@shop -> app=db,{own}@shop:5432")] {
            let declared = Files { intents: INTENTS, config, ..Files::default() }.page(&flow);
            assert!(declared.contains("sidecar to sidecar") && !declared.contains("DISAGREE"), "{declared}");
            let given = Files { intents: INTENTS, config, manifests: &manifests, ..Files::default() }.page(&flow);
            let planes = if flow.starts_with("web") { format!("sidecar to {actual}") } else { format!("{actual} to sidecar") };
            assert!(given.contains(&planes), "{given}");
        }
    }
}

/// Where a pod's own label says how it takes part in the mesh, nothing is assumed of it.
#[test]
fn nothing_is_assumed_of_pods_whose_own_labels_speak_of_the_mesh() {
    let page = |manifests: &str, flow: &str| Files { manifests, ..Files::default() }.page(flow);
    let unsaid = strict_namespace("shop", "", "");
    for (own, is_assumed) in [("a=b", true), ("sidecar.istio.io/inject=true", false)] {
        let page = page(&unsaid, &format!("{own}@shop -> 9.9.9.9:80"));
        assert!(page.contains("sidecar to outside"), "{page}");
        assert_eq!(page.contains(NO_LABEL), is_assumed, "{page}");
    }
    let unjoined = two_namespaces("istio-injection: enabled", "");
    for (own, is_assumed) in [("a=b", true), ("sidecar.istio.io/inject=false", false)] {
        let page = page(&unjoined, &format!("{own}@cl -> app=x@srv:80"));
        assert!(page.starts_with("DENIED") && page.contains("no mesh to sidecar"), "{page}");
        assert_eq!(page.contains("no label takes pods of `cl` into the mesh"), is_assumed, "{page}");
    }
}

/// Istio makes the pods of a Gateway of its class with an Envoy of their own, and turns injection and ztunnel off for them, whatever the
/// namespace says (kube-gateway.yaml): STRICT has no say there, and policies that target the Gateway do.
#[test]
fn pods_that_istio_makes_for_a_gateway_have_an_envoy_wherever_they_are() {
    for label in ["istio-injection: disabled", "istio.io/dataplane-mode: ambient", "team: web"] {
        let manifests = |class: &str| {
            format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: ing, labels: {{{label}}}}}\n\
                 ---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: ing}}\n\
                 spec: {{gatewayClassName: {class}, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n\
                 ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                 metadata: {{name: default, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n\
                 ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: ing}}\n\
                 spec: {{targetRefs: [{{kind: Gateway, group: gateway.networking.k8s.io, name: gw}}], action: DENY, \
                 rules: [{{to: [{{operation: {{paths: [/headers]}}}}]}}]}}\n"
            )
        };
        let page = |class: &str, path: &str| {
            let manifests = &manifests(class);
            let files = Files { manifests, ..Files::default() };
            files.page(&format!("internet -> gateway.networking.k8s.io/gateway-name=gw@ing:80 http GET {path}"))
        };
        let (passes, stopped) = (page("istio", "/ip"), page("istio", "/headers"));
        assert!(passes.starts_with("ALLOWED") && passes.contains("outside to gateway"), "{label}: {passes}");
        assert!(stopped.starts_with("DENIED") && stopped.contains("ing/p"), "{label}: {stopped}");
        // Those of somebody else's class are as their namespace says.
        let other = page("other", "/ip");
        assert_eq!(other.starts_with("ALLOWED"), label == "istio-injection: disabled", "{label}: {other}");
    }
}

/// What a gateway does not take, no `PeerAuthentication` refuses.
#[test]
fn the_tls_of_a_gateway_is_not_strict() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: edge, labels: {istio-injection: enabled}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: edge}\n\
         spec: {template: {metadata: {labels: {istio: gw}, annotations: {inject.istio.io/templates: gateway}}, \
         spec: {containers: [{name: istio-proxy, image: auto}]}}}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: edge}\n\
         spec: {selector: {istio: gw}, servers: [{port: {number: 8443, name: a, protocol: TLS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}}]}\n";
    let page = Files { manifests, ..Files::default() }.page("deploy/edge@edge -> deploy/edge@edge:8443");
    assert!(page.contains("gateway to gateway") && page.contains("the gateway's TLS stops them"), "{page}");
    assert!(page.contains("transport    Gateway "), "{page}");
}

/// A gateway captures nothing: where no Gateway opens a port nobody of the mesh answers, whatever policies say of it.
#[test]
fn nobody_answers_where_a_gateway_has_no_listener() {
    let closed = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: edge}\nspec: {}\n";
    let classic = "apiVersion: v1\nkind: Namespace\nmetadata: {name: edge, labels: {istio-injection: enabled}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: edge}\n\
         spec: {template: {metadata: {labels: {istio: gw}, annotations: {inject.istio.io/templates: gateway}}, \
         spec: {containers: [{name: istio-proxy, image: auto}]}}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: edge}\n\
         spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: edge}\n\
         spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*']}]}\n";
    let made = "apiVersion: v1\nkind: Namespace\nmetadata: {name: edge}\n\
         ---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: edge}\n\
         spec: {gatewayClassName: istio, listeners: [{name: h, port: 80, protocol: HTTP}]}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gw-istio, namespace: edge}\n\
         spec: {template: {metadata: {labels: {gateway.networking.k8s.io/gateway-name: gw, sidecar.istio.io/inject: 'false'}}, \
         spec: {containers: [{name: istio-proxy, image: istio/proxyv2, args: [proxy, router]}]}}}\n";
    let page = |manifests: &str, flow: &str| Files { manifests, ..Files::default() }.page(flow);
    for (manifests, called) in
        [(classic, "deploy/edge@edge"), (made, "deploy/gw-istio@edge"), (made, "gateway.networking.k8s.io/gateway-name=gw@edge")]
    {
        for policy in ["", closed] {
            let yaml = format!("{manifests}{policy}");
            let page = |flow: &str| page(&yaml, flow);
            let none = page(&format!("internet -> {called}:9999"));
            assert!(none.contains("outside to gateway") && none.contains("the connection is refused (not a timeout)"), "{none}");
            assert!(!none.contains("rbac_access_denied") && none.contains("no Gateway opens port 9999"), "{none}");
            // No policy stops it, and nobody who is known answers.
            let verdict = if policy.is_empty() { "UNSPECIFIED" } else { "DENIED" };
            assert!(none.starts_with(verdict), "{none}");
            let open = page(&format!("internet -> {called}:80 http GET /"));
            assert!(!open.contains("refused") && open.contains(if policy.is_empty() { "the answer of" } else { "HTTP 403" }), "{open}");
            // Ports of its own are there.
            assert!(!page(&format!("internet -> {called}:15021")).contains("refused"));
        }
    }
    let inside = page(&format!("{classic}{closed}"), "deploy/web@edge -> deploy/edge@edge:9999 http GET /");
    assert!(inside.contains("HTTP 503 from web's own proxy: no Gateway opens port 9999"), "{inside}");
    // Where no Gateway is about it nobody knows of its ports, and what the network stops does not get there.
    let alone = classic.split("---\napiVersion: networking.istio.io").next().unwrap();
    assert!(!page(alone, "internet -> deploy/edge@edge:9999").contains("refused"));
    let stopped = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: edge}\n\
         spec: {podSelector: {}, policyTypes: [Ingress]}\n";
    assert!(page(&format!("{classic}{stopped}"), "internet -> deploy/edge@edge:9999").contains("a timeout"));
}

/// Nobody tunnels to a sidecar where nobody is in ambient mode, and whether it listens for tunnels nothing says (`semantics.md` §3.2, §3.3).
#[test]
fn a_tunnel_that_nobody_is_there_for_is_left_open() {
    let pod = |name: &str, mode: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}{mode}}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";
    let sidecars = format!("{shop}{}{}", pod("web", ""), pod("db", ""));
    let verdict = |manifests: &str, flow: &str| Files { manifests, ..Files::default() }.ask(flow).verdict;
    let answer = verdict(&sidecars, "pod/web@shop -> app=db@shop:15008 mtls");
    assert!(matches!(&answer, Some(Verdict::Unspecified(reason)) if reason.contains("is that of the tunnel")), "{answer:?}");
    let answer = verdict(&sidecars, "pod/web@shop -> app=db@shop:15008 plaintext");
    assert!(matches!(&answer, Some(Verdict::Unspecified(reason)) if reason.contains("is that of the tunnel")), "{answer:?}");
    assert_eq!(verdict(&sidecars, "pod/web@shop -> app=db@shop:8080 mtls"), Some(Verdict::Allowed));
    let ambient = pod("far", ", sidecar.istio.io/inject: 'false', istio.io/dataplane-mode: ambient");
    assert_eq!(verdict(&format!("{sidecars}{ambient}"), "pod/web@shop -> app=db@shop:15008 mtls"), Some(Verdict::Allowed));
}

/// A gateway that shows no Envoy has one by a name that nobody knows, or is none: what is said of it is not flat.
#[test]
fn pods_that_a_gateway_is_for_and_that_show_no_envoy_are_left_open() {
    let pods = |labels: &str, container: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: edge, namespace: edge}}\n\
             spec: {{template: {{metadata: {{labels: {{{labels}}}}}, spec: {{containers: [{container}]}}}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: none, namespace: edge}}\nspec: {{}}\n\
             ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, labels: {{app: web}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let classic = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: edge}\n\
         spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*']}]}\n";
    let made = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: edge}\n\
         spec: {gatewayClassName: istio, listeners: [{name: h, port: 80, protocol: HTTP}]}\n";
    let verdict = |manifests: &str| {
        let files = Files { manifests, config: "[mesh]\nmode = \"none\"\n", ..Files::default() };
        files.ask("pod/web@shop -> deploy/edge@edge:80").verdict
    };
    let is_open = |manifests: &str| matches!(verdict(manifests), Some(Verdict::Unspecified(reason)) if reason.contains("show no Envoy"));
    let named = "gateway.networking.k8s.io/gateway-name: gw";
    for (labels, gateway) in [("istio: ingressgateway", classic), (named, made)] {
        for injection in ["", ", sidecar.istio.io/inject: 'false'"] {
            let labels = format!("{labels}{injection}");
            assert!(is_open(&format!("{}{gateway}", pods(&labels, "{name: c, image: own/envoy}"))), "{labels}");
            let seen = pods(&labels, "{name: istio-proxy, image: istio/proxyv2, args: [proxy, router]}");
            assert_eq!(verdict(&format!("{seen}{gateway}")), Some(Verdict::Denied), "{labels}");
        }
    }
    // No Gateway is for these.
    let others = pods("app: edge", "{name: c, image: i}");
    for manifests in [format!("{others}{classic}{made}"), pods("istio: ingressgateway", "{name: c, image: i}")] {
        assert_eq!(verdict(&manifests), Some(Verdict::Allowed), "{manifests}");
    }
}

/// A namespace that does not join is taken for one of the mesh for its gateway's sake: what shows no Envoy there has no sidecar by that.
#[test]
fn what_a_gateway_selects_is_no_workload_with_a_sidecar() {
    let verdict = |image: &str| {
        let manifests = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n\
             ---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: edge}}\n\
             ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: edge, namespace: edge}}\n\
             spec: {{template: {{metadata: {{labels: {{istio: ingressgateway}}}}, spec: {{containers: [{image}]}}}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: strict, namespace: edge}}\n\
             spec: {{mtls: {{mode: STRICT}}}}\n\
             ---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: edge}}\n\
             spec: {{selector: {{istio: ingressgateway}}, servers: [{{port: {{number: 80, name: a, protocol: HTTP}}, hosts: ['*']}}]}}\n"
        );
        Files { manifests: &manifests, ..Files::default() }.ask("internet -> deploy/edge@edge:80").verdict
    };
    let answer = verdict("{name: nginx, image: nginx}");
    assert!(matches!(&answer, Some(Verdict::Unspecified(reason)) if reason.contains("show no Envoy")), "{answer:?}");
    assert_eq!(verdict("{name: istio-proxy, image: istio/proxyv2, args: [proxy, router]}"), Some(Verdict::Allowed));
}

/// Sidecars call gateways in plaintext, also where no manifest holds a Service (`semantics.md` §3.3).
#[test]
fn a_gateway_without_a_service_is_called_in_plaintext() {
    let pods = |name: &str, label: &str, annotations: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: edge}}\n\
             spec: {{template: {{metadata: {{labels: {{{label}}}, annotations: {{{annotations}}}}}, \
             spec: {{containers: [{{name: {name}, image: auto}}]}}}}}}\n"
        )
    };
    let manifests = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: edge, labels: {{istio-injection: enabled}}}}\n{}{}\
         ---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: edge}}\n\
         spec: {{selector: {{istio: gw}}, servers: [{{port: {{number: 8080, name: a, protocol: HTTP}}, hosts: ['*']}}]}}\n",
        pods("edge", "istio: gw", "inject.istio.io/templates: gateway"),
        pods("web", "app: web", ""),
    );
    let page = Files { manifests: &manifests, ..Files::default() }.page("deploy/web@edge -> deploy/edge@edge:8080");
    assert!(page.starts_with("ALLOWED") && page.contains("plaintext"), "{page}");
    let page = Files { manifests: &manifests, ..Files::default() }.page("deploy/web@edge -> deploy/web@edge:8080");
    assert!(page.starts_with("ALLOWED") && page.contains("mTLS"), "{page}");
}

/// Blocks of the mesh's policies divide a range too.
#[test]
fn a_range_is_divided_by_the_policies_of_the_mesh() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                     ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: some, namespace: shop}\n\
                     spec: {action: DENY, rules: [{from: [{source: {ipBlocks: [203.0.113.64/26]}}]}]}\n";
    let answer = Files { manifests, ..Files::default() }.ask("203.0.113.0/24 -> app=db@shop:80 plaintext");
    let verdicts: Vec<Verdict> = answer.cases.into_iter().map(|case| case.decision.verdict).collect();
    assert!(verdicts.contains(&Verdict::Allowed) && verdicts.contains(&Verdict::Denied), "{verdicts:?}");
}

/// A policy whose namespace is no name, as in a template that nobody rendered, may act anywhere.
#[test]
fn a_policy_of_no_known_namespace_leaves_all_open() {
    let manifests = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: \"{{ .Release.Namespace }}\"}\n\
                     spec: {podSelector: {}, policyTypes: [Ingress]}\n";
    let answer = Files { manifests, ..Files::default() }.ask("app=web@shop -> app=db@shop:80");
    assert!(answer.cases.iter().all(|case| matches!(case.decision.verdict, Verdict::Unspecified(_))), "{:?}", answer.cases);
}

/// What those who apply manifests read is read: an object with items is a list whatever its kind, and a comment ends with its line.
#[test]
fn policies_are_found_wherever_they_are_applied_from() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\n\
                  spec: {podSelector: {}, policyTypes: [Ingress]}\n";
    let item = policy.replace('\n', "\n  ");
    let in_items = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: shop}}\nitems:\n- {item}\n");
    for manifests in [in_items, format!("# from a tool\r{policy}")] {
        let answer = Files { manifests: &manifests, ..Files::default() }.ask("app=web@shop -> app=db@shop:80");
        assert!(answer.cases.iter().all(|case| case.decision.verdict == Verdict::Denied), "{manifests}");
    }
}

/// Pods of two namespaces, and that `srv` takes mTLS alone.
fn two_namespaces(labels: &str, of_caller: &str) -> String {
    let namespace =
        |name: &str, labels: &str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n");
    let pod = |namespace: &str, more: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: {namespace}, labels: {{app: x}}}}\n\
             spec: {{containers: [{{name: c, image: i}}{more}]}}\n"
        )
    };
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: srv}\nspec: {mtls: {mode: STRICT}}\n";
    let proxy = if labels == "proxy" { ", {name: istio-proxy, image: p, args: [proxy, sidecar]}" } else { "" };
    let labels = if labels == "proxy" { "" } else { labels };
    format!("{}{}{}{}{strict}", namespace("srv", labels), namespace("cl", of_caller), pod("srv", proxy), pod("cl", ""))
}

/// Istio injects nobody unasked (`semantics.md` §2.1): where manifests show how some join the mesh, who does not join is outside.
#[test]
fn a_namespace_without_a_label_of_the_mesh_is_outside_beside_one_that_has_one() {
    let page = |labels: &str, of_caller: &str, config: &str| {
        let manifests = two_namespaces(labels, of_caller);
        Files { manifests: &manifests, config, ..Files::default() }.page("app=x@cl -> app=x@srv:80")
    };
    let outside = "no label takes pods of `cl` into the mesh";
    for labels in ["istio-injection: enabled", "istio.io/rev: a", "istio.io/dataplane-mode: ambient", "proxy"] {
        for of_caller in ["", "team: web"] {
            let page = page(labels, of_caller, "");
            assert!(page.starts_with("DENIED") && page.contains("no mesh to") && page.contains(outside), "{labels}: {page}");
        }
        // What the configuration says of such pods holds.
        let page = page(labels, "", "[mesh]\nmode = \"sidecar\"\n");
        // How a sidecar calls an ambient pod hangs on what it addresses.
        let verdict = if labels.ends_with("ambient") { "UNSPECIFIED" } else { "ALLOWED" };
        assert!(page.starts_with(verdict) && page.contains("sidecar to") && !page.contains(outside), "{labels}: {page}");
    }
    // A configuration that says nothing of it changes nothing.
    assert!(page("istio-injection: enabled", "", "[network-plugin]\nsctp = \"yes\"\n").starts_with("DENIED"));
    // Where no label takes anybody in, labels are not how pods join, as far as one sees.
    for labels in ["", "istio-injection: disabled"] {
        let page = page(labels, "", "");
        assert!(page.contains("sidecar to") && !page.contains(outside) && page.starts_with("ALLOWED"), "{page}");
    }
    // An injector that takes in everybody.
    let everybody = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio-sidecar-injector, namespace: istio-system}\n\
                     data: {values: '{\"sidecarInjectorWebhook\": {\"enableNamespacesByDefault\": true}}'}\n";
    let manifests = two_namespaces("istio-injection: enabled", "") + everybody;
    let page = Files { manifests: &manifests, ..Files::default() }.page("app=x@cl -> app=x@srv:80");
    assert!(page.starts_with("ALLOWED") && page.contains("sidecar to sidecar"), "{page}");
}

/// Policies take nobody into the mesh: of a namespace that has no label of the mesh, where another one has, they do nothing to its pods
/// (`semantics.md` §2.1). Pods that are in by themselves they reach.
#[test]
fn policies_of_a_namespace_without_a_label_of_the_mesh_do_nothing_beside_one_that_has_one() {
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: none, namespace: cl}\nspec: {}\n";
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: cl}\nspec: {mtls: {mode: STRICT}}\n";
    let page = |manifests: &str, config: &str| Files { manifests, config, ..Files::default() }.page("9.9.9.9 -> app=x@cl:80");
    let idle = "taken to be outside, where policies of the mesh in `cl` do nothing;";
    for policy in [deny, strict] {
        for labels in ["istio-injection: enabled", "istio.io/rev: a", "istio.io/dataplane-mode: ambient"] {
            let manifests = two_namespaces(labels, "") + policy;
            let told = page(&manifests, "");
            assert!(told.starts_with("ALLOWED") && told.contains("outside to no mesh") && told.contains(idle), "{told}");
            // Who says that pods have sidecars unasked, is heard.
            let told = page(&manifests, "[mesh]\nmode = \"sidecar\"\n");
            assert!(told.starts_with("DENIED") && told.contains("outside to sidecar"), "{told}");
        }
        let labelled = two_namespaces("istio-injection: enabled", "");
        let own = labelled.replace("namespace: cl, labels: {app: x}", "namespace: cl, labels: {app: x, sidecar.istio.io/inject: 'true'}");
        let rev = labelled.replace("namespace: cl, labels: {app: x}", "namespace: cl, labels: {app: x, istio.io/rev: a}");
        let ztunnel =
            labelled.replace("namespace: cl, labels: {app: x}", "namespace: cl, labels: {app: x, istio.io/dataplane-mode: ambient}");
        let (before, pod_of_cl) = labelled.split_once("metadata: {name: x, namespace: cl").unwrap();
        let proxy = "image: i}, {name: istio-proxy, image: p, args: [proxy, sidecar]}]";
        let shown = format!("{before}metadata: {{name: x, namespace: cl{}", pod_of_cl.replacen("image: i}]", proxy, 1));
        let nobody_describes = labelled.replace("kind: Namespace\nmetadata: {name: cl,", "kind: Namespace\nmetadata: {name: else,");
        // Nobody's label is there to see: a proxy shows that somebody joins, and says of no namespace that it has none.
        let by_proxies = two_namespaces("proxy", "");
        for manifests in [own, rev, ztunnel, shown, nobody_describes, by_proxies] {
            let told = page(&(manifests.clone() + policy), "");
            assert!(told.starts_with("DENIED") && !told.contains("outside to no mesh") && !told.contains(idle), "{manifests}{told}");
        }
    }
}

/// Pods that a `Gateway` makes gateways have an Envoy without any label, and where nobody's label is shown, who writes policies of the mesh
/// takes pods to be in it.
#[test]
fn gateways_and_pods_with_policies_of_the_mesh_need_no_label() {
    let manifests = two_namespaces("istio-injection: enabled", "");
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: none, namespace: cl}\nspec: {}\n";
    let gateway = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: srv}\n\
                   spec: {selector: {app: x}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
    let page = |more: &str| Files { manifests: &(manifests.clone() + more), ..Files::default() }.page("9.9.9.9 -> app=x@cl:80");
    assert!(page("").starts_with("ALLOWED") && page("").contains("outside to no mesh"), "{}", page(""));
    let unlabelled = two_namespaces("", "") + deny;
    let told = Files { manifests: &unlabelled, ..Files::default() }.page("9.9.9.9 -> app=x@cl:80");
    assert!(
        told.starts_with("DENIED") && told.contains("outside to sidecar") && told.contains("no label says that pods of `cl` are"),
        "{told}"
    );
    assert!(!page(gateway).contains("outside to no mesh"), "{}", page(gateway));
}

/// Policies of the root namespace are the whole mesh's: they say nothing of what runs beside istiod. Nor does a gateway that says itself that
/// it has an Envoy say it of its neighbours.
#[test]
fn policies_of_the_whole_mesh_and_gateways_speak_for_no_neighbour() {
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: istio-system}\n\
                  spec: {mtls: {mode: STRICT}}\n";
    let manifests = two_namespaces("istio-injection: enabled", "")
        .replace("namespace: cl", "namespace: istio-system")
        .replace("{name: cl,", "{name: istio-system,");
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: gw, namespace: istio-system, labels: {istio: gw}}\n";
    let proxy = "spec: {containers: [{name: istio-proxy, image: p, args: [proxy, router]}]}\n";
    let bare = "spec: {containers: [{name: c, image: p}]}\n";
    let gateway = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: srv}\n\
                   spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
    let policy = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: gw, namespace: istio-system}\n\
                  spec: {selector: {matchLabels: {istio: gw}}, rules: [{}]}\n";
    let page = |more: &str, caller: &str| {
        Files { manifests: &format!("{manifests}{strict}{more}"), ..Files::default() }
            .page(&format!("{caller}@istio-system -> app=x@srv:80"))
    };
    for more in [String::new(), format!("{pod}{proxy}"), format!("{pod}{proxy}{gateway}"), format!("{pod}{proxy}{gateway}{policy}")] {
        let page = page(&more, "app=x");
        assert!(page.starts_with("DENIED") && page.contains("no mesh to sidecar"), "{page}");
    }
    assert!(page(&format!("{pod}{proxy}{gateway}"), "istio=gw").starts_with("ALLOWED"));
    // Where nothing of its own says that it is one, a Gateway that chooses it does.
    assert!(page(&format!("{pod}{bare}{gateway}"), "istio=gw").starts_with("ALLOWED"));
    // A policy with a selector there is for pods of the whole mesh, and gives none of them a sidecar.
    let told = page(&format!("{pod}{bare}{policy}"), "istio=gw");
    assert!(told.starts_with("DENIED") && told.contains("no mesh to sidecar"), "{told}");
}

/// Istio injects by labels alone (istio/istio : manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml): where those of
/// others are shown, a pod of a root namespace that has none is outside whether or not a policy there selects it, and the page says so.
#[test]
fn a_policy_that_selects_an_unlabelled_pod_of_the_root_namespace_gives_it_no_sidecar() {
    let manifests = two_namespaces("istio-injection: enabled", "");
    let policy = |spec: &str| {
        format!("---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: cl}}\nspec: {spec}\n")
    };
    let tokens = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: p, namespace: cl}\n\
                  spec: {selector: {matchLabels: {app: x}}, jwtRules: [{issuer: i, jwksUri: 'https://i/keys'}]}\n";
    let selected = [
        String::new(),
        policy("{selector: {matchLabels: {app: x}}}"),
        policy("{selector: {matchLabels: {app: x}}, action: DENY, rules: [{}]}"),
        tokens.to_owned(),
    ];
    for more in selected {
        let page = Files { manifests: &(manifests.clone() + &more), config: "[mesh]\nroot-namespace = \"cl\"\n", ..Files::default() }
            .page("app=x@srv -> app=x@cl:80 plaintext");
        assert!(page.starts_with("ALLOWED") && page.contains("sidecar to no mesh"), "{more}{page}");
        assert!(page.contains("no label takes pods of `cl` into the mesh"), "{more}{page}");
    }
}

/// What nobody shows is outside as well, and a namespace that nobody describes is taken as before.
#[test]
fn pods_that_nobody_shows_are_outside_too_where_their_namespace_has_no_label() {
    let manifests = two_namespaces("istio-injection: enabled", "");
    let page = |flow: &str| Files { manifests: &manifests, ..Files::default() }.page(flow);
    let unseen = page("app=new@cl -> app=x@srv:80");
    assert!(unseen.starts_with("DENIED") && unseen.contains("no mesh to sidecar"), "{unseen}");
    let elsewhere = page("app=new@elsewhere -> app=x@srv:80");
    assert!(elsewhere.starts_with("ALLOWED") && elsewhere.contains("sidecar to sidecar"), "{elsewhere}");
}

/// Ambient pods speak mTLS with each other by themselves (`semantics.md` §5.1); whoever asks about plaintext hears so.
#[test]
fn plaintext_between_ambient_pods_is_told_to_need_another_way() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n\
                     ---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ops, labels: {istio.io/dataplane-mode: none}}\n";
    let page = |flow: &str| Files { manifests, ..Files::default() }.page(flow);
    let said = "ztunnel carries its TCP connections to ambient pods over mTLS, unless they pass it by";
    assert!(page("app=web@shop -> app=db@shop:80 plaintext").contains(said));
    assert!(!page("app=web@shop -> app=db@shop:80").contains(said));
    assert!(!page("app=web@ops -> app=db@shop:80 plaintext").contains(said));
}

/// What the inventory says of what runs counts beside manifests that do not say it, and nothing of it where they do.
#[test]
fn an_inventory_tells_what_runs_beside_given_policies() {
    let pods = |account: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\n\
             spec: {{template: {{metadata: {{labels: {{app: web}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: c}}]}}}}}}\n"
        )
    };
    let policies = compiled("namespace shop\nworkload web = app=web account web\nallow web -> app=db:80 mtls\n");
    let page = |inventory: &str, manifests: &str| Files { manifests, inventory, ..Files::default() }.page("app=web@shop -> app=db@shop:80");
    assert!(page("", &policies).starts_with("DENIED"));
    let known = page(&pods("web"), &policies);
    assert!(known.starts_with("ALLOWED") && known.contains("mTLS as shop/web"), "{known}");
    let there = page(&pods("web"), &format!("{policies}{}", pods("other")));
    assert!(there.starts_with("DENIED") && there.contains("mTLS as shop/other"), "{there}");
}

/// Manifests that are judged say how pods take part in the mesh, whatever intents that are held against them declare.
#[test]
fn the_namespace_that_manifests_show_stands_before_what_intents_declare() {
    let intents =
        "namespace shop\nworkload web = app=web account web\nworkload api = app=api account api\nallow web -> api:8080 mtls http GET\n";
    let manifests = |labels: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: api}}}}, rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]}}\n"
        )
    };
    let answer = |intents: &str, labels: &str| {
        let manifests = manifests(labels);
        let page = Files { intents, manifests: &manifests, ..Files::default() }.page("app=web@shop -> app=api@shop:8080 GET /");
        let (verdict, planes) = (page.split(' ').next().unwrap().to_owned(), page.lines().next().unwrap().to_owned());
        (verdict, planes.rsplit("GET /").next().unwrap().trim().split(',').next().unwrap().to_owned())
    };
    for (labels, verdict, planes) in [
        ("istio.io/dataplane-mode: ambient", "DENIED", "ambient to ambient"),
        ("istio-injection: disabled", "ALLOWED", "no mesh to no mesh"),
        ("istio-injection: enabled", "ALLOWED", "sidecar to sidecar"),
    ] {
        let wanted = (verdict.to_owned(), planes.to_owned());
        assert_eq!((answer("", labels), answer(intents, labels)), (wanted.clone(), wanted), "{labels}");
    }
    assert_eq!(answer(intents, "team: x").1, "sidecar to sidecar", "labels that say nothing of it leave it to the intents");
}
