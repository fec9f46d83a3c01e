//! How flows are typed: every form, by the connection that it stands for.

use super::Files;
use proptest::prelude::*;
use twogate::cluster::Addressed;
use twogate::diagnostic::human::{self, Colour};
use twogate::flow::{Peer, Token, Transport, Verdict};

/// A cluster's workloads and Services, and no policies.
const RUNNING: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web-sa, containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, ports: [{name: pg, containerPort: 5432}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api-v1, namespace: shop}
spec:
  template:
    metadata: {labels: {app: api, version: v1}}
    spec: {containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api-v2, namespace: shop}
spec:
  template:
    metadata: {labels: {app: api, version: v2}}
    spec: {containers: [{name: main, ports: [{name: http, containerPort: 9090}]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: pay}
spec:
  jobTemplate: {spec: {template: {metadata: {labels: {app: report}}, spec: {containers: [{name: main}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: data, namespace: shop}
spec: {selector: {app: db}, ports: [{name: pg, port: 15432, targetPort: 5432}]}
";

fn heads(files: Files<'_>, flow: &str) -> Vec<String> {
    let page = files.page(flow);
    let is_head = |line: &&str| ["ALLOWED", "DENIED", "UNSPECIFIED"].iter().any(|word| line.starts_with(word));
    let heads = page.lines().filter(is_head).map(|line| line.split("   ").next().unwrap().split_once("  ").unwrap().1.to_owned());
    let heads: Vec<String> = heads.collect();
    assert!(!heads.is_empty(), "{flow}: {page}");
    heads
}

#[test]
fn ends_are_labels_objects_services_and_addresses() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let one = |flow: &str| heads(files, flow).remove(0);
    assert_eq!(one("app=web@shop -> app=db@shop:5432"), "app=web@shop -> app=db@shop  TCP 5432");
    assert_eq!(one("deploy/web@shop -> sts/db:5432"), "app=web@shop -> app=db@shop  TCP 5432", "the other end's namespace");
    assert_eq!(one("Deployment/web@shop -> statefulset/db@shop:pg"), "app=web@shop -> app=db@shop  TCP 5432", "a port by name");
    assert_eq!(one("web@shop -> db:5432"), "app=web@shop -> app=db@shop  TCP 5432", "a bare name is the workload of that name");
    assert_eq!(one("pod/web-7d9f8-x2x@shop -> db:5432"), "app=web@shop -> app=db@shop  TCP 5432", "a pod of a workload");
    assert_eq!(one("cj/report@pay -> svc/data@shop"), "app=report@pay -> app=db@shop  TCP 5432", "the only port of a Service");
    assert_eq!(one("cronjob/report@pay -> svc/data@shop:15432"), "app=report@pay -> app=db@shop  TCP 5432");
    assert_eq!(one("web@shop -> svc/data:pg"), "app=web@shop -> app=db@shop  TCP 5432", "a Service's port by name");
    assert_eq!(one("web@shop -> data:15432"), "app=web@shop -> app=db@shop  TCP 5432", "a bare name that only a Service has");
    assert_eq!(one("203.0.113.9 -> web@shop:8080"), "203.0.113.9 -> app=web@shop  TCP 8080");
    assert_eq!(one("web@shop -> [2001:db8::1]:443"), "app=web@shop -> [2001:db8::1]  TCP 443");
    assert_eq!(one("internet -> app=web@shop:8080"), "internet (9.9.9.9) -> app=web@shop  TCP 8080");
    assert_eq!(one("app=new@shop -> app=db@shop:53/udp"), "app=new@shop -> app=db@shop  UDP 53");
    assert_eq!(one("web@shop -> db:53/udp"), "app=web@shop -> app=db@shop  UDP 53");
    assert_eq!(one("as web-sa@shop -> app=db@shop:5432"), "app=web@shop -> app=db@shop  TCP 5432", "whoever runs as it");
}

#[test]
fn a_url_is_a_service_with_a_request() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let cases = files.ask("web@shop -> http://data.shop.svc.cluster.local:15432/v1/x?q=1#top").cases;
    let question = &cases[0].question;
    let request = question.request.as_ref().unwrap();
    assert_eq!((question.port, &*request.method, &*request.path), (5432, "GET", "/v1/x"));
    assert_eq!(&*request.host, "data.shop.svc.cluster.local:15432", "with its port, as clients send it");
    let service = Addressed::Service { namespace: "shop".into(), name: "data".into(), port: 15432 };
    assert_eq!(question.addressed, service);
    let post = files.ask("web@shop -> http://data:15432 POST").cases;
    let request = post[0].question.request.as_ref().unwrap();
    assert_eq!((&*request.method, &*request.path, &*request.host), ("POST", "/", "data:15432"));
    let hidden = files.ask("web@shop -> https://data.shop:15432/x");
    assert_eq!(hidden.cases[0].question.request, None, "TLS of the application hides it");
    assert!(hidden.notes.iter().any(|note| note.contains("TLS")), "{:?}", hidden.notes);
}

#[test]
fn a_name_behind_a_service_may_be_several_numbers() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let ports: Vec<u16> = files.ask("web@shop -> svc/api:80").cases.iter().map(|case| case.question.port).collect();
    assert_eq!(ports, [8080], "both are judged alike, so one is shown");
    let page = files.page("web@shop -> svc/api:80");
    assert!(page.contains("judged alike: Deployment shop/web -> Deployment shop/api-v2"), "{page}");
}

#[test]
fn requests_transports_and_tokens() {
    let intents = "namespace shop\n\nissuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"\n\nallow app=web -> app=api:8080 mtls http GET /a jwt corp\n";
    let files = Files { intents, ..Files::default() };
    let asked = |flow: &str| files.ask(flow).cases.remove(0).question;
    let short = asked("app=web -> app=api:8080 GET /v1/x").request.unwrap();
    let long = asked("app=web -> app=api:8080 http GET /v1/x").request.unwrap();
    assert_eq!(short, long);
    assert_eq!((&*short.method, &*short.path, &short.token), ("GET", "/v1/x", &Token::None));
    let full = asked("app=web -> app=api:8080 mtls http GET /a at shop.example.com header X-Env=test jwt corp claim groups=admin|ops");
    let request = full.request.unwrap();
    assert_eq!(full.transport, Some(Transport::Mtls));
    assert_eq!((&*request.host, request.headers.get("x-env").map(|value| &**value)), ("shop.example.com", Some("test")));
    let Token::Valid { issuer, claims } = &request.token else { panic!("a valid token") };
    assert_eq!((&**issuer, claims["groups"].len()), ("https://id.example.com", 2), "a token that holds both");
    assert_eq!(asked("app=web -> app=api:8080 GET /a bad-jwt").request.unwrap().token, Token::Unverified);
    assert_eq!(asked("app=web -> app=api:8080 bad-jwt").request.unwrap().method, "GET".into());
    let by_address = asked("app=web -> app=api:8080 GET /a jwt \"https://other.example.com\"").request.unwrap().token;
    assert!(matches!(by_address, Token::Valid { issuer, .. } if &*issuer == "https://other.example.com"));
    for bare in ["https://other.example.com", "robot@other.example.com"] {
        let token = asked(&format!("app=web -> app=api:8080 GET /a jwt {bare} claim groups=ops mtls")).request.unwrap().token;
        assert!(matches!(token, Token::Valid { issuer, claims } if &*issuer == bare && claims.contains_key("groups")), "{bare}");
    }
    assert_eq!(asked("app=web -> app=api:8080 plaintext").transport, Some(Transport::Plaintext));
    let call = asked("app=web -> app=api:8080 grpc shop.Orders/Get").request.unwrap();
    assert_eq!((&*call.method, &*call.path), ("POST", "/shop.Orders/Get"));
    let pasted = asked("app=web -> app=api:8080 GET /v1/x?page=2&sort=up#end mtls");
    assert_eq!((&*pasted.request.unwrap().path, pasted.transport), ("/v1/x", Some(Transport::Mtls)), "no policy sees a query");
}

/// A claim inside another one has a name with dots in answers, and so it has in flows.
#[test]
fn claims_inside_others_are_asked_about_by_a_path() {
    let manifests = "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: corp, namespace: shop}
spec: {jwtRules: [{issuer: corp, jwksUri: 'https://id.example.com/keys'}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  rules:
  - {to: [{operation: {paths: [/inner]}}], when: [{key: 'request.auth.claims[realm][role]', values: [ops]}]}
  - {to: [{operation: {paths: [/plain]}}], when: [{key: 'request.auth.claims[realm.role]', values: [ops]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 8080}]}
";
    let files = Files { manifests, ..Files::default() };
    let page = |path: &str, claim: &str| files.page(&format!("app=web@shop -> app=api@shop:8080 GET {path} jwt \"corp\" claim {claim}"));
    for path in ["/inner", "/plain"] {
        // Both ways to read the name are looked at, so it may be either.
        let either = page(path, "realm.role=ops");
        assert!(["ALLOWED", "DENIED", "are taken for one name"].into_iter().all(|word| either.contains(word)), "{either}");
        let refused = page(path, "realm.role=dev");
        assert!(refused.starts_with("DENIED") && refused.contains("claim realm.role"), "{refused}");
    }
    assert!(page("/inner", "role=ops").starts_with("DENIED"));
}

#[test]
fn names_of_the_intents_come_first_and_ends_without_at_are_at_home() {
    let intents = "\
namespace shop {
  workload web = app=web
  group fronts = web or app=edge
  allow fronts -> app=api:8080
}
namespace pay {
  allow app=pay -> app=api@shop:8080
}
network office = 192.0.2.0/24
";
    let files = Files { intents, ..Files::default() };
    let one = |flow: &str| heads(files, flow);
    assert_eq!(one("web@shop -> app=api:8080"), ["app=web@shop -> app=api@shop  TCP 8080"]);
    assert_eq!(one("fronts@shop -> app=api:8080"), ["app=web@shop -> app=api@shop  TCP 8080"], "the known one of a group");
    assert_eq!(one("office -> app=api@shop:8080"), ["office (192.0.2.0) -> app=api@shop  TCP 8080"]);
    assert_eq!(one("app=pay@pay -> app=api@shop:8080"), ["app=pay@pay -> app=api@shop  TCP 8080"]);
    assert_eq!(one("app=a -> app=b:80"), ["app=a@default -> app=b@default  TCP 80"], "two namespaces, so neither");
}

#[test]
fn unknown_labels_are_a_pod_with_just_these() {
    let files = Files { manifests: RUNNING, ..Files::default() };
    let answer = files.ask("app=new,tier=x@shop -> app=db@shop:5432");
    let Peer::Pod(pod) = &answer.cases[0].question.source.peer else { panic!("a pod") };
    assert_eq!((pod.labels.len(), &*pod.account), (2, "default"));
    assert!(answer.cases[0].notes[0].starts_with("no known workload is app=new,tier=x@shop"), "{:?}", answer.cases[0].notes);
}

/// Pieces of flows, whole and broken, with letters of several bytes; blanks stand between them, but for the last ones.
const PIECES: &str = "app=web web db @shop @ -> - > :5432 : :http :80|90 deploy/web svc/api svc/ pod/ http://api http://api.shop.svc:80/x \
     https:// http://[ :// internet 10.0.0.0/8 [::1] [ ] ( ) mtls plaintext GET /x http jwt \" bad-jwt until allow # { } ß → \u{2028} , = \
     != * / /udp 0 99999999999";

fn piece() -> impl Strategy<Value = &'static str> {
    let spaced = [
        " ",
        "  ",
        "\n",
        "\t",
        "\0",
        " or ",
        " but ",
        " mtls",
        " plaintext",
        " GET",
        " /x",
        " http",
        " jwt",
        " \"",
        " bad-jwt",
        " until",
        "allow ",
    ];
    prop::sample::select(PIECES.split(' ').filter(|piece| !piece.is_empty()).chain(spaced).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever somebody types gets an answer or findings inside the text, and never a crash.
    #[test]
    fn any_text_is_answered(
        left in prop::collection::vec(piece(), 0..4),
        arrow in prop::sample::select(vec![" -> ", "->", ""]),
        right in prop::collection::vec(piece(), 0..6),
    ) {
        let flow = format!("{}{arrow}{}", left.concat(), right.concat());
        let files = Files { manifests: RUNNING, ..Files::default() };
        let answer = files.ask(&flow);
        prop_assert!(!answer.cases.is_empty() || !answer.findings.is_empty(), "{flow:?}");
        for location in answer.findings.iter().filter_map(twogate::diagnostic::Diagnostic::location) {
            let source = answer.sources.get(location.file).unwrap();
            if source.name() == "flow" {
                prop_assert!(source.text().get(location.span.range()).is_some(), "{flow:?}: {:?}", location.span);
            }
        }
        human::render(&answer.findings, &answer.sources, Colour::Plain);
        twogate::explain::human(&answer);
    }
}

/// Two pods with sidecars, and what else there is.
fn pods(more: &str) -> String {
    let pod = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}, annotations: {{{annotations}}}}}\n\
             spec: {{serviceAccountName: {name}, containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";
    format!("{namespace}{}{}{more}", pod("web", ""), pod("db", "traffic.sidecar.istio.io/excludeInboundPorts: '9187'"))
}

const STRICT: &str = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: strict, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n";

/// The verdict on a flow, and all notes.
fn judged(manifests: &str, flow: &str) -> (Verdict, String) {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert_eq!(answer.cases.len(), 1, "{:#?}", answer.findings);
    let notes: Vec<&str> = answer.notes.iter().chain(&answer.cases[0].notes).map(String::as_str).collect();
    (answer.cases[0].decision.verdict.clone(), notes.join("; "))
}

/// `semantics.md` §3.3: a sidecar passes a call of a pod's address on as it is.
#[test]
fn a_pod_by_name_is_called_by_its_own_address() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}, ports: [{name: sql, port: 5432}]}\n";
    let manifests = pods(&format!("{STRICT}{service}"));
    let (verdict, notes) = judged(&manifests, "pod/web@shop -> pod/db@shop:5432");
    assert_eq!(verdict, Verdict::Denied);
    assert!(notes.contains("calls the pod's own address"), "{notes}");
    for flow in ["app=web@shop -> app=db@shop:5432", "pod/web@shop -> svc/db@shop:5432", "pod/web@shop -> pod/db@shop:5432 mtls"] {
        let (verdict, notes) = judged(&manifests, flow);
        assert_eq!(verdict, Verdict::Allowed, "{flow}");
        assert!(!notes.contains("calls the pod's own address"), "{flow}: {notes}");
    }
    let headless = manifests.replace("spec: {selector", "spec: {clusterIP: None, selector");
    assert_eq!(judged(&headless, "pod/web@shop -> pod/db@shop:5432").0, Verdict::Allowed);
}

/// `semantics.md` §3.2: where a sidecar does not capture a port, nothing there terminates mTLS.
#[test]
fn a_port_that_no_sidecar_captures_and_no_service_leads_to_is_called_in_plaintext() {
    let manifests = pods(STRICT);
    for port in [9187, 15020] {
        for pod in ["pod/db", "app=db"] {
            assert_eq!(judged(&manifests, &format!("app=web@shop -> {pod}@shop:{port}")).0, Verdict::Allowed, "{pod}:{port}");
        }
    }
    let (_, notes) = judged(&manifests, "app=web@shop -> app=db@shop:9187");
    assert!(notes.contains("does not capture port 9187"), "{notes}");
    // Without any Service among the manifests, other ports are taken as ones of a Service.
    let (verdict, notes) = judged(&manifests, "app=web@shop -> app=db@shop:5432");
    assert!(verdict == Verdict::Allowed && notes.contains("mTLS between sidecars"), "{notes}");
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}, ports: [{name: metrics, port: 9187}]}\n";
    let manifests = pods(&format!("{STRICT}{service}"));
    assert_eq!(judged(&manifests, "app=web@shop -> svc/db@shop:9187").0, Verdict::Denied, "mTLS by Service");
    let answer = Files { manifests: &manifests, ..Files::default() }.ask("app=web@shop -> app=db@shop:9187");
    let verdicts: Vec<&Verdict> = answer.cases.iter().map(|case| &case.decision.verdict).collect();
    assert_eq!(verdicts, [&Verdict::Denied, &Verdict::Allowed], "by Service, and by the pod's own address");
}

/// A number that several protocols have is TCP's by itself.
#[test]
fn a_number_of_several_protocols_is_of_tcp() {
    let manifests = "\
apiVersion: v1
kind: Pod
metadata: {name: names, namespace: net, labels: {app: names}}
spec: {containers: [{name: main, ports: [{containerPort: 5353, protocol: UDP}, {containerPort: 5354}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: net}
spec:
  selector: {app: names}
  ports: [{name: query, port: 53, protocol: UDP, targetPort: 5353}, {name: query-tcp, port: 53, targetPort: 5354}, {name: admin, port: 80}]
";
    let files = Files { manifests, ..Files::default() };
    let one = |flow: &str| heads(files, flow).remove(0);
    assert_eq!(one("app=x@net -> svc/names:53"), "app=x@net -> app=names@net  TCP 5354");
    assert_eq!(one("app=x@net -> svc/names:53/tcp"), "app=x@net -> app=names@net  TCP 5354");
    assert_eq!(one("app=x@net -> svc/names:53/udp"), "app=x@net -> app=names@net  UDP 5353");
    assert_eq!(one("app=x@net -> svc/names:query"), "app=x@net -> app=names@net  UDP 5353");
    let choices = |flow: &str| files.ask(flow).findings[0].helps[0].text.clone();
    assert_eq!(choices("app=x@net -> svc/names"), "write one of 53/tcp, 53/udp, 80");
    assert_eq!(choices("app=x@net -> pod/names"), "write one of 5353/udp, 5354");
    assert_eq!(choices("app=x@net -> app=names@net"), "write one of 5353/udp, 5354");
}

/// What is declared of a namespace that others manage is known of it, if it is all that rules ask for.
#[test]
fn labels_that_are_declared_of_others_namespaces_are_known() {
    let asked = |rule: &str| {
        let intents = format!("namespace shop\nexternal namespace pay labels env=prod {{\n}}\nallow {rule} -> app=db:5432\n");
        let files = Files { intents: &intents, ..Files::default() };
        files.ask("app=x@pay -> app=db:5432").verdict().cloned()
    };
    assert_eq!(asked("*@[env=prod]"), Some(Verdict::Allowed));
    assert_eq!(asked("*@[env=dev]"), Some(Verdict::Denied));
    assert!(matches!(asked("*@[team=a]"), Some(Verdict::Unspecified(_))));
}
