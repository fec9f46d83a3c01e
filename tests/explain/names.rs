//! Names as lists print them, and findings about names, ports and hosts that help whoever asks.

use super::{Files, snapshot};
use twogate::diagnostic::code;
use twogate::flow::Verdict;

/// A workload and a Service of the same name in two namespaces, and ports of every protocol.
const RUNNING: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: names, namespace: shop}
spec:
  template:
    metadata: {labels: {app: names}}
    spec:
      containers:
      - name: main
        ports:
        - {name: query, containerPort: 5353, protocol: UDP}
        - {name: port-81-sctp, containerPort: 81, protocol: SCTP}
        - {name: port-81-tcp, containerPort: 81}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: job}
spec:
  template:
    metadata: {labels: {app: worker}}
    spec: {containers: [{name: main}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

#[test]
fn names_of_lists_are_ends() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let head = |flow: &str| {
        let page = files.page(flow);
        page.lines().next().unwrap().split("   ").next().unwrap().to_owned()
    };
    let same = "ALLOWED  app=web@shop -> app=names@shop  UDP 5353";
    for flow in [
        "shop/web -> shop/names:5353/udp",
        "shop/web[Deployment] -> shop/names[StatefulSet]:5353/udp",
        "shop/web[deploy] -> names:query/udp",
        "shop/web -> shop/names[StatefulSet]:query/udp",
    ] {
        assert_eq!(head(flow), same, "{flow}");
    }
    assert_eq!(head("shop/web -> shop/front:80"), "ALLOWED  app=web@shop -> app=web@shop  TCP 8080", "a Service by its name");
    assert_eq!(
        head("job/worker[Deployment] -> shop/names:81"),
        "ALLOWED  app=worker@job -> app=names@shop  TCP 81",
        "a namespace called as a kind"
    );
    let labels = files.ask("app.kubernetes.io/name=web@shop -> shop/names:81");
    assert!(labels.findings.is_empty(), "a label with a slash is one: {:?}", labels.findings);
}

/// Where no manifest holds a workload, it is the one that the intents declare.
#[test]
fn names_of_declared_workloads_are_ends() {
    let intents = "namespace shop\n\nworkload web = app=web\nworkload db  = app=db\n\nallow web -> db:5432\n";
    let files = Files { intents, ..Files::default() };
    let page = files.page("shop/web -> shop/db:5432");
    assert!(page.starts_with("ALLOWED  app=web@shop -> app=db@shop  TCP 5432"), "{page}");
    assert!(files.page("shop/web -> shop/none:5432").contains("there is no workload `none` in namespace `shop`"));
}

#[test]
fn names_that_nobody_has() {
    let flows = [
        "shop/wbe -> shop/names:81",
        "shop/web[StatefulSet] -> shop/names:81",
        "pay/web -> shop/names:81",
        "shop/web:80 -> shop/names:81",
        "shop/web -> shop/names",
        "shop/web[Thing] -> shop/names:81",
    ];
    let files = Files { manifests: RUNNING, ..Files::default() };
    snapshot("names-nobody", &files.pages(&flows));
}

#[test]
fn ports_and_hosts_that_are_none() {
    let flows = [
        "shop/web -> shop/names:query",
        "shop/web -> app=names@shop:query",
        "shop/web -> shop/names:port-81-sctp",
        "shop/web -> shop/names:icmp",
        "shop/web -> shop/names:1-100",
        "shop/web -> shop/names:99999",
        "shop/web -> svc/front@shop:80|90",
        "shop/web -> app=names@shop:htp",
        "shop/web -> http://example.org",
        "shop/web -> https://www.example.org/x",
        "shop/web -> http://frnt.shop",
        "shop/web -> example.org:443",
        "shop/web -> elsewhere:443",
        "shop/web -> shop/names:81 GET /x jwt corp",
    ];
    let files = Files { manifests: RUNNING, ..Files::default() };
    snapshot("names-ports-hosts", &files.pages(&flows));
}

/// Nobody is told to give what was given.
#[test]
fn policies_alone_describe_no_workload() {
    let manifests =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec: {podSelector: {}}\n";
    let answer = Files { manifests, ..Files::default() }.ask("deploy/web@shop -> deploy/db@shop:80");
    assert_eq!(answer.findings[0].code, code::UNKNOWN_OBJECT);
    let help = &answer.findings[0].helps[0].text;
    assert!(help.contains("by label") && !help.contains("--manifests"), "{help}");
}

/// One pod is not two of a kind, and where no mesh is nobody tells accounts apart.
#[test]
fn notes_and_effects_are_true() {
    let manifests = "\
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: shop, labels: {app: one}}
spec: {containers: [{name: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: shop, labels: {app: two}}
spec: {containers: [{name: main}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: many, namespace: shop}
spec:
  template:
    metadata: {labels: {app: many}}
    spec: {containers: [{name: main}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: one}}}
";
    let files = Files { manifests, ..Files::default() };
    assert!(!files.page("pod/one@shop -> pod/one@shop:80").contains("two pods of the same kind"));
    assert!(files.page("deploy/many@shop -> deploy/many@shop:80").contains("two pods of the same kind"));
    let denied = files.page("pod/two@shop -> pod/one@shop:80");
    assert!(denied.contains("to allow it") && !denied.contains("account"), "{denied}");
}

/// A client of gRPC sees the statuses of gRPC.
#[test]
fn grpc_clients_see_their_own_statuses() {
    let intents = "namespace shop\n\nallow app=web -> app=api:8080 mtls grpc shop.Orders/Get\n";
    let files = Files { intents, ..Files::default() };
    let page = files.page("app=web -> app=api:8080 grpc shop.Orders/Delete");
    assert!(page.starts_with("DENIED") && page.contains("gRPC status PERMISSION_DENIED `RBAC: access denied`"), "{page}");
    assert!(!page.contains("HTTP 403"), "{page}");
    assert!(files.page("app=web -> app=api:8080 POST /shop.Orders/Delete").contains("HTTP 403"));
}

/// Two workloads of one name are told apart by their kind alone.
#[test]
fn a_name_of_two_workloads_is_no_answer() {
    let named = |kind: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\n\
             spec: {{template: {{metadata: {{labels: {{kind: {kind}}}}}, spec: {{containers: [{{name: main}}]}}}}}}\n"
        )
    };
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {kind: Deployment}}, policyTypes: [Ingress]}\n";
    let manifests = [named("Deployment").as_str(), &named("StatefulSet"), policy].concat();
    let ask = |flow: &str| Files { manifests: &manifests, ..Files::default() }.ask(flow);
    for flow in ["app=z@o -> shop/web:80", "shop/web -> app=z@o:80"] {
        let answer = ask(flow);
        assert!(answer.cases.is_empty() && answer.verdict().is_none(), "{flow}");
        let said = answer.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
        assert_eq!(said, ["`web` may be Deployment shop/web or StatefulSet shop/web"], "{flow}");
    }
    assert_eq!(ask("app=z@o -> deploy/web@shop:80").verdict(), Some(&Verdict::Denied));
    assert_eq!(ask("app=z@o -> sts/web@shop:80").verdict(), Some(&Verdict::Allowed));
    assert_eq!(ask("app=z@o -> shop/web[StatefulSet]:80").verdict(), Some(&Verdict::Allowed));
}

/// A gRPC call has the type of one, though no flow says so.
#[test]
fn a_grpc_call_says_that_it_is_one() {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: main}}, {{name: istio-proxy, image: proxyv2}}]}}\n"
        )
    };
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: d, namespace: shop}\n\
                spec: {action: DENY, rules: [{when: [{key: 'request.headers[content-type]', values: ['application/grpc*']}]}]}\n";
    let manifests = [pod("web").as_str(), &pod("db"), deny].concat();
    let verdict = |flow: &str| Files { manifests: &manifests, ..Files::default() }.ask(flow).verdict().cloned();
    assert_eq!(verdict("pod/web@shop -> pod/db@shop:80 mtls grpc p.S/Get"), Some(Verdict::Denied));
    assert_eq!(verdict("pod/web@shop -> pod/db@shop:80 mtls POST /p.S/Get"), Some(Verdict::Allowed));
}

/// `semantics.md` §1.4: a completed pod has no traffic.
#[test]
fn a_pod_that_has_ended_is_told_to_be_one() {
    let pod = |name: &str, phase: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: main}}]}}\nstatus: {{phase: {phase}}}\n"
        )
    };
    let manifests = pod("done", "Succeeded") + &pod("web", "Running");
    let page = |flow: &str| Files { manifests: &manifests, ..Files::default() }.page(flow);
    for flow in ["pod/done@shop -> pod/web@shop:80", "pod/web@shop -> pod/done@shop:80"] {
        assert!(page(flow).contains("note: Pod shop/done has ended"), "{}", page(flow));
    }
    assert!(!page("pod/web@shop -> pod/web@shop:80").contains("has ended"));
}

/// It is judged by what it is itself, not by another that has its labels and more, nor by whoever is called.
#[test]
fn a_pod_that_has_ended_is_judged_as_itself() {
    let pod = |name: &str, labels: &str, more: &str, phase: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{{labels}}}{more}}}\n\
             spec: {{containers: [{{name: main, ports: [{{name: http, containerPort: 8080}}]}}]}}\nstatus: {{phase: {phase}, podIP: 10.1.0.4}}\n"
        )
    };
    let made = ", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: NAME, controller: true}]";
    let (by_web, by_gone) = (made.replace("NAME", "web-h1"), made.replace("NAME", "gone-h1"));
    let web = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n\
               spec: {template: {metadata: {labels: {app: web, tier: b}}, spec: {containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}}}\n";
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {app: cli}}, ingress: [{from: [{podSelector: {matchLabels: {tier: b}}}], ports: [{port: http}]}]}\n";
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n";
    let manifests = [
        pod("old", "app: cli", "", "Succeeded"),
        pod("new", "app: cli", "", "Running"),
        pod("bare", "app: web", "", "Failed"),
        pod("web-h1-odd", "app: web, pod-template-hash: h1", &by_web, "Failed"),
        pod("web-h1-like", "app: web, tier: b, pod-template-hash: h1", &by_web, "Failed"),
        pod("gone-h1-x", "app: web, tier: b, pod-template-hash: h1", &by_gone, "Failed"),
        web.to_owned(),
        policy.to_owned(),
        service.to_owned(),
    ]
    .concat();
    let files = Files { manifests: &manifests, ..Files::default() };
    let ask = |flow: &str| {
        let answer = files.ask(flow);
        assert!(answer.findings.is_empty(), "{flow}: {:?}", answer.findings);
        assert!(files.page(flow).contains("has ended and has no traffic; it is judged as if it ran"), "{}", files.page(flow));
        answer.verdict().cloned()
    };
    for stopped in ["pod/old", "pod/bare", "pod/web-h1-odd"] {
        assert_eq!(ask(&format!("{stopped}@shop -> pod/new@shop:8080")), Some(Verdict::Denied), "{stopped}");
        assert!(ask(&format!("pod/new@shop -> {stopped}@shop:http")).is_some(), "{stopped}");
    }
    for passing in ["pod/web-h1-like", "pod/gone-h1-x", "rs/gone-h1"] {
        assert_eq!(ask(&format!("{passing}@shop -> pod/new@shop:8080")), Some(Verdict::Allowed), "{passing}");
        assert_eq!(ask(&format!("{passing}@shop -> pod/old@shop:http")), Some(Verdict::Allowed), "{passing}");
    }
    assert_eq!(ask("pod/old@shop -> pod/old@shop:8080"), Some(Verdict::Allowed), "it reaches itself");
    // No Service leads to one, and nobody else is one.
    let called = files.ask("pod/new@shop -> svc/old@shop:80");
    assert_eq!(called.cases.iter().map(|case| case.destination_name.as_deref()).collect::<Vec<_>>(), [Some("Deployment shop/web")]);
    let set = files.ask("app=web@shop -> pod/new@shop:8080");
    assert_eq!(set.verdict(), Some(&Verdict::Allowed));
}

/// A document without a `kind` is no policy, however much it looks like one.
#[test]
fn a_document_that_is_no_object_is_told_beside_the_answer() {
    let manifests =
        format!("{RUNNING}---\napiVersion: networking.k8s.io/v1\nmetadata: {{name: p, namespace: shop}}\nspec: {{podSelector: {{}}}}\n");
    let answer = Files { manifests: &manifests, ..Files::default() }.ask("deploy/web@shop -> app=api@shop:80");
    assert_eq!(answer.verdict(), Some(&twogate::flow::Verdict::Allowed));
    let told = answer.told();
    assert!(told.len() == 1 && told[0].code == code::NOT_A_MANIFEST, "{told:?}");
}

#[test]
fn what_is_no_protocol_and_no_path_is_found_at_its_place() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let at = |flow: &str| {
        let answer = files.ask(flow);
        let finding = &answer.findings[0];
        let place = finding.span().map(|span| flow[span.range()].to_owned()).unwrap_or_default();
        format!("{} at {place}", finding.message)
    };
    assert_eq!(at("shop/web -> sts/names@shop:81/tpc"), "`tpc` is no protocol at 81/tpc");
    assert_eq!(at("shop/web -> svc/front@shop:80/tpc"), "`tpc` is no protocol at 80/tpc");
    assert!(at("shop/web -> svc/front@shop:80 GET x").ends_with(" at x"), "{}", at("shop/web -> svc/front@shop:80 GET x"));
}
