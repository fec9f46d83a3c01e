//! The promises that hold for every program: nothing comes out of errors, objects keep still, values survive.

use std::collections::BTreeMap;

use twogate::compile::Outcome;

use crate::cli::Place;
use crate::support::{compiled, errors, yaml};

/// The objects by namespace, kind and name.
fn objects(outcome: &Outcome) -> BTreeMap<(String, &'static str, String), String> {
    let object = |manifest: &twogate::target::Manifest| {
        ((manifest.namespace.to_string(), manifest.kind, manifest.name.clone()), manifest.yaml.clone())
    };
    outcome.manifests.iter().map(object).collect()
}

/// The names of the objects that differ between two programs.
fn changed(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (objects(&compiled(before)), objects(&compiled(after)));
    assert!(!before.is_empty() && !after.is_empty());
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differs = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differs.map(|(namespace, kind, name)| format!("{namespace}/{kind}/{name}")).collect()
}

#[test]
fn a_rule_changes_the_objects_of_its_two_subjects_alone() {
    let base = "namespace shop\nworkload web = app=web account web-sa\nworkload api = app=api account api-sa\nworkload db = app=db account db-sa\nallow web -> api:8080 mtls\nallow api -> db:5432 mtls\n";
    let more = format!("{base}allow app=ops@ops -> db:5432 mtls\n");
    assert_eq!(changed(base, &more), ["shop/AuthorizationPolicy/db", "shop/NetworkPolicy/db"]);
    let outward = format!("{base}allow web -> db:5432 mtls\n");
    assert_eq!(changed(base, &outward), ["shop/AuthorizationPolicy/db", "shop/NetworkPolicy/db", "shop/NetworkPolicy/web"]);
}

#[test]
fn nothing_comes_out_of_an_error() {
    for program in [
        "namespace shop\nallow app=web -> nobody:80\n",
        "namespace shop\nallow app=web -> app=db:5432 mtls\nallow app=web - app=x\n",
        "allow",
    ] {
        let outcome = compiled(program);
        assert!(!errors(&outcome).is_empty(), "{program}");
        assert!(outcome.files.is_empty() && outcome.manifests.is_empty(), "{program}");
    }
}

/// Words that YAML readers take for something else come back as they were written.
#[test]
fn values_survive_yaml() {
    for value in ["no", "on", "yes", "y", "n", "null", "0x1F", "1e3", "08", "1_000", "true", "12", "1.0", "NaN"] {
        let outcome = compiled(&format!("namespace shop\nallow app=\"{value}\" -> app=db:1\n"));
        assert_eq!(errors(&outcome), [""; 0], "{value}: {:?}", outcome.findings);
        let text = yaml(&outcome.manifests);
        let found = text.split("---\n").filter(|document| document.contains("kind: NetworkPolicy")).any(|document| {
            let object: k8s_openapi::api::networking::v1::NetworkPolicy = serde_yaml::from_str(document).unwrap();
            let spec = object.spec.unwrap();
            let labels = spec.pod_selector.and_then(|selector| selector.match_labels).unwrap_or_default();
            labels.get("app").map(String::as_str) == Some(value)
        });
        assert!(found, "{value}\n{text}");
    }
}

/// Objects for the mesh pass the schemas of Istio's own definitions, where those are at hand.
#[test]
fn emitted_objects_pass_validation() {
    let program = "namespace shop\nissuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"\nworkload web = app=web account web-sa\nnetwork office = 203.0.113.0/24, 2001:db8::/32 except 203.0.113.7\nallow web -> app=db:5432 mtls\nallow office -> app=web:8443\nallow app=edge@ingress -> web:8080 mtls http GET|HEAD /v1/{**}, GET /v1 at shop.example.com header x-env=a|b jwt corp claim groups=admin\nallow out web -> internet:443\nallow app=*,tier!=old -> app=many:8000-8100|53/udp\ndeny *@dev -> app=db\naudit * -> app=db:5432\n";
    let outcome = compiled(program);
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    let text = yaml(&outcome.manifests);
    assert_eq!(crate::model::validate(&text), [""; 0], "{text}");
    if let Some(faults) = crate::model::crd_check(&text) {
        assert_eq!(faults, [""; 0], "{text}");
    }
}

/// Groups of groups are looked into once, and what doubles with each all the same is refused.
#[test]
fn groups_of_groups_cost_what_is_written() {
    let groups = |step: &dyn Fn(usize) -> String| {
        let lines: Vec<String> = (1..40).map(|at| format!("group g{at} = {}", step(at - 1))).collect();
        compiled(&format!("namespace shop\ngroup g0 = app=x\n{}\nallow g39 -> app=y:1\n", lines.join("\n")))
    };
    assert_eq!(errors(&groups(&|at| format!("g{at} or g{at}"))), [""; 0]);
    let doubled = groups(&|at| format!("(g{at} but app=a{at}) or (g{at} but app=b{at})"));
    assert!(errors(&doubled).contains(&"endpoint-too-complex"), "{:?}", errors(&doubled));
}

/// Istio puts no sidecar into the namespaces of the system: what is written for one does not count on it.
#[test]
fn namespaces_of_the_system_are_outside_the_mesh() {
    let config = "[tenancy]\nsystem-namespaces = [\"kube-system\"]\n";
    let program = "namespace kube-system\nallow app=a@shop -> k8s-app=metrics:443\n";
    let place = Place::with(&[("a.intent", program), ("twogate.toml", config)]);
    let ran = place.run("compile a.intent");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("kind: NetworkPolicy") && !ran.stdout.contains("istio.io/"), "{}", ran.stdout);
}

/// Order means nothing: what one line accepts is not accepted of another that lets the same account in.
#[test]
fn an_acceptance_is_of_its_own_line() {
    let shop = "namespace shop\nworkload web = app=web account sa\nworkload job = app=job account sa\nworkload db = app=db account db\n";
    let (accepting, other) = ("allow web -> db:5432 mtls accept shared-account\n", "allow web -> db:6000 mtls\n");
    for lines in [[accepting, other], [other, accepting]] {
        let program = format!("{shop}{}", lines.concat());
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", "[lints]\nshared-account = \"error\"\n")]);
        let ran = place.run("check");
        assert_eq!((ran.status, ran.stderr.matches("error[shared-account]").count()), (1, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains("note[accepted]") && !ran.stderr.contains("also here"), "{}", ran.stderr);
    }
}

/// Whoever is let in as the account itself is among the callers, whatever stands beside that line.
#[test]
fn callers_by_account_share_it_with_nobody() {
    let shop = "namespace shop\nworkload web = app=web account sa\nworkload job = app=job account sa\n";
    let place = Place::with(&[("intents/shop.intent", &format!("{shop}allow as sa -> app=db:6000 mtls\nallow web -> app=db:5432 mtls\n"))]);
    let ran = place.run("check");
    let told = ran.stderr.split("note[shared-account]").nth(1).unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(told.contains("intents/shop.intent:5:7") && told.contains("shared with workload `job`"), "{told}");
    assert!(!ran.stderr.contains("also here"), "{}", ran.stderr);
}

/// A network of which nothing is left reaches nobody, and says so once where the last of it goes.
#[test]
fn a_network_holds_some_address() {
    let program = |except: &str| {
        format!("namespace shop mesh none\nnetwork n = 203.0.113.0/24 except {except}\nallow app=a -> n:443\nallow app=b -> n:80\n")
    };
    let ran = Place::with(&[("intents/shop.intent", &program("203.0.113.0/25, 203.0.113.128/25"))]).run("check");
    assert_eq!((ran.status, ran.stderr.matches("error[").count()), (1, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("the network `n` holds no address") && ran.stderr.contains("shop.intent:2:51"), "{}", ran.stderr);
    assert_eq!(Place::with(&[("intents/shop.intent", &program("203.0.113.0/25"))]).run("check").status, 0);
}
