//! Flows that are none: each finding points into the flow.

use super::{Files, snapshot};
use twogate::diagnostic::code;

const INTENTS: &str = "\
namespace shop
workload web = app=web account web
issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"
allow web -> app=db:5432 mtls
allow web -> app=api:8080 mtls http GET /a jwt corp
";

const RUNNING: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: admin, port: 90, targetPort: 9090}]}
---
apiVersion: v1
kind: Service
metadata: {name: out, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: vendor, namespace: shop}
spec: {type: ExternalName, externalName: api.vendor.example}
";

#[test]
fn flows_of_the_language() {
    let wrong = [
        "",
        "app=web",
        "allow app=web -> app=db:5432",
        "web -> app=db",
        "web -> app=db:80|443",
        "web -> app=db:8000-8100",
        "web -> app=db:99999",
        "web:80 -> app=db:5432",
        "wbe -> app=db:5432",
        "app=web -> 10.0.0.1/8:443",
        "app=web -> app=db:5432 mtls plaintext",
        "app=web -> app=db:5432 until 2027-01-01",
        "app=web -> app=api:8080 http * /a",
        "app=web -> app=api:8080 GET /v1/{**}",
        "app=web -> app=api:8080 http GET|POST /a",
        "app=web -> app=api:8080 get /a",
        "app=web -> app=api:8080 GET /a jwt cop",
        "app=web -> app=db:53/udp mtls",
        "app=web -> app=db:5432 app=other",
        "app=web -> ap p=db:5432",
    ];
    let files = Files { intents: INTENTS, ..Files::default() };
    snapshot("findings-language", &files.pages(&wrong));
}

#[test]
fn flows_with_objects() {
    let wrong = [
        "deploy/wbe@shop -> svc/web:80",
        "deploy/web@pay -> svc/web@shop:80",
        "deploy/web@shop:80 -> svc/web:80",
        "svc/web@shop -> deploy/web:8080",
        "deploy/web@shop -> svc/web",
        "deploy/web@shop -> svc/web:8080",
        "deploy/web@shop -> svc/web:htp",
        "deploy/web@shop -> deploy/web",
        "deploy/web@shop -> deploy/web:htp",
        "deploy/web@shop -> svc/out",
        "deploy/web@shop -> svc/out:443",
        "deploy/web@shop -> svc/vendor:443",
        "deploy/web@shop -> vendor@pay:443",
        "deploy/web@shop -> https://api.stripe.com/v1",
        "deploy/web@shop -> http://web/x http GET /y",
        "deploy/web@shop -> http://api/x",
    ];
    let files = Files { manifests: RUNNING, ..Files::default() };
    snapshot("findings-objects", &files.pages(&wrong));
    let without = Files { intents: INTENTS, ..Files::default() };
    let answer = without.ask("deploy/web -> app=db:5432");
    assert_eq!(answer.findings[0].code, code::UNKNOWN_OBJECT);
    assert!(answer.findings[0].helps[0].text.contains("--inventory"));
}

#[test]
fn errors_of_intents_and_manifests_come_before_any_answer() {
    let broken = Files { intents: "namespace shop\nallow web -> app=db:5432\n", ..Files::default() }.ask("app=web -> app=db:5432");
    assert_eq!((broken.cases.len(), broken.findings[0].code), (0, code::UNKNOWN_NAME));
    let dump = Files {
        manifests: "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: x, namespace: shop}\nspec: {podselector: {}}\n",
        ..Files::default()
    };
    assert!(dump.ask("app=web@shop -> app=db@shop:5432").cases.is_empty());
}
