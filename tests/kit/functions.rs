//! `twogate krm`, by itself and called by kustomize, kpt and kubectl.

use super::{Place, Ran, documents, file, is_here, names};
use crate::pages::root;
use serde_yaml::Value;
use std::os::unix::fs::symlink;

/// Resources whose text must come back letter by letter.
const ITEMS: &str = r#"- # runs in front
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, annotations: {config.kubernetes.io/path: 'web.yaml'}}
  spec:
    template:
      metadata: {labels: {app: web}}
      spec:
        serviceAccountName: web-sa
        containers: [{name: web, env: [{name: A, value: "no"}, {name: B, value: '0x1F'}]}]
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: words
    namespace: shop
  data:
    off: "on"
    text: |
      kind: nothing

      # not a comment
"#;

/// A list of these items with this program.
fn list(items: &str, spec: &str) -> String {
    let spec = spec.replace('\n', "\n    ");
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n  apiVersion: twogate.dev/v1\n  kind: Intents\n  metadata: {{name: shop, annotations: {{config.kubernetes.io/path: 'policies.yaml'}}}}\n  spec:\n    {spec}\n"
    )
}

const SPEC: &str = "intents: |\n  namespace shop mesh sidecar\n  allow app=web -> app=db:5432 mtls";

fn krm(input: &str) -> Ran {
    Place::with(&[]).run_on("twogate krm", input)
}

fn answer(ran: &Ran) -> Value {
    serde_yaml::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", ran.all()))
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_sequence().cloned().unwrap_or_default()
}

/// What the intents of [`SPEC`] become.
const GENERATED: [&str; 7] = [
    "AuthorizationPolicy shop/db",
    "AuthorizationPolicy shop/deny-all",
    "NetworkPolicy shop/baseline",
    "NetworkPolicy shop/db",
    "NetworkPolicy shop/default-deny",
    "NetworkPolicy shop/web",
    "PeerAuthentication shop/default",
];

#[test]
fn a_list_comes_back_with_the_policies_behind_it() {
    let ran = krm(&list(ITEMS, SPEC));
    assert_eq!(ran.status, 0, "{}", ran.all());
    assert!(
        ran.stdout.starts_with(&format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{ITEMS}- apiVersion: ")),
        "{}",
        ran.stdout
    );
    let answer = answer(&ran);
    let mut wanted = GENERATED.map(str::to_owned).to_vec();
    wanted.extend(["ConfigMap shop/words".to_owned(), "Deployment shop/web".to_owned()]);
    wanted.sort();
    assert_eq!(names(&items(&answer)), wanted);
    // The Deployment says which account the callers run as.
    assert!(ran.stdout.contains("- shop/web-sa"), "{}", ran.stdout);
    let result = &answer["results"][0];
    assert_eq!((result["severity"].as_str(), result["tags"]["code"].as_str()), (Some("info"), Some("selector-matches-nothing")));
    assert_eq!((result["field"]["path"].as_str(), result["tags"]["line"].as_str()), (Some("spec.intents"), Some("2")));
    assert_eq!((result["file"]["path"].as_str(), result["resourceRef"]["kind"].as_str()), (Some("policies.yaml"), Some("Intents")));
}

#[test]
fn a_second_run_replaces_what_the_first_generated() {
    let first = krm(&list(ITEMS, SPEC));
    let text = first.stdout.split("results:\n").next().unwrap();
    let items = text.split_once("items:\n").unwrap().1;
    assert_eq!(krm(&list(items, SPEC)).stdout, first.stdout);
    // What the program no longer asks for goes.
    let fewer = krm(&list(items, "intents: |\n  namespace shop mesh none"));
    assert!(fewer.stdout.contains("NetworkPolicy") && !fewer.stdout.contains("AuthorizationPolicy"), "{}", fewer.stdout);
}

#[test]
fn an_error_generates_nothing_and_keeps_everything() {
    for (spec, code, field) in [
        ("intents: |\n  namespace shop\n  allow app=web - app=db", "syntax-error", "spec.intents"),
        ("intents: |\n  namespace shop\nconfig: |\n  [mesh]\n  mode = \"sidecra\"", "invalid-config", "spec.config"),
        ("intents:\n  a: |\n    namespace shop\n  b: |\n    allow web -> db", "unknown-name", "spec.intents.b"),
    ] {
        let ran = krm(&list(ITEMS, spec));
        assert_eq!(ran.status, 1, "{}", ran.all());
        assert!(ran.stdout.contains(ITEMS), "{}", ran.stdout);
        let answer = answer(&ran);
        assert_eq!(items(&answer).len(), 2, "{}", ran.stdout);
        let results = answer["results"].as_sequence().unwrap();
        let errors: Vec<&Value> = results.iter().filter(|result| result["severity"].as_str() == Some("error")).collect();
        assert_eq!((errors[0]["tags"]["code"].as_str(), errors[0]["field"]["path"].as_str()), (Some(code), Some(field)), "{}", ran.stdout);
        assert!(ran.stderr.contains(&format!("error[{code}]")), "{}", ran.stderr);
    }
}

#[test]
fn the_configuration_is_judged_and_nothing_in_it_names_a_file() {
    for (spec, code, said) in [
        ("intent: |\n  namespace shop", "unknown-key", "did you mean `intents`?"),
        ("paths: [intents]\nintents: namespace shop", "unknown-key", "the function's configuration has no key `paths`"),
        ("config: |\n  [mesh]", "invalid-config", "the program is expected here"),
        ("intents: |\n  namespace shop\ntargets: [cilium]", "invalid-config", "kubernetes or istio is expected"),
        ("intents: |\n  # nothing", "no-input", "manage no namespace"),
    ] {
        let ran = krm(&list(ITEMS, spec));
        assert_eq!(ran.status, 1, "{spec}: {}", ran.all());
        assert!(ran.stderr.contains(&format!("error[{code}]")) && ran.stderr.contains(said), "{spec}: {}", ran.all());
        assert_eq!(items(&answer(&ran)).len(), 2, "{spec}");
    }
    let part = krm(&list(ITEMS, "intents: allow app=web -> app=db:5432\ntargets: [kubernetes]\nnamespace: other"));
    assert!(part.status == 0 && part.stdout.contains("namespace: other"), "{}", part.all());
    assert!(part.stdout.contains("kind: NetworkPolicy") && !part.stdout.contains("kind: AuthorizationPolicy"), "{}", part.all());
}

#[test]
fn what_is_no_list_is_refused() {
    for input in [
        "",
        "kind: List\napiVersion: v1\nitems: []\n",
        "kind: ResourceList\napiVersion: v1\n",
        "a: [\n",
        "kind: ResourceList\n---\nkind: ResourceList\n",
    ] {
        let ran = krm(input);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{input}: {}", ran.all());
        assert!(ran.stderr.starts_with("error[invalid-config]"), "{input}: {}", ran.stderr);
    }
}

/// Other ways of writing the same list give the same items.
#[test]
fn any_form_of_a_list_is_read() {
    let block = list(ITEMS, SPEC);
    let tree: Value = serde_yaml::from_str(&block).unwrap();
    let wanted = items(&answer(&krm(&block)));
    let indented =
        list(&ITEMS.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect::<String>(), SPEC);
    let flow = block.replace(ITEMS, "").replace("items:\n", &format!("items: {}\n", serde_json::to_string(&tree["items"]).unwrap()));
    for (form, input) in [
        ("JSON on one line", serde_json::to_string(&tree).unwrap()),
        ("JSON", serde_json::to_string_pretty(&tree).unwrap()),
        ("indented", indented),
        ("flow", flow),
    ] {
        let ran = krm(&input);
        assert_eq!(ran.status, 0, "{form}: {}", ran.all());
        assert_eq!(items(&answer(&ran)), wanted, "{form}:\n{}", ran.stdout);
    }
    let none = krm(&list(ITEMS, SPEC).replace(&format!("items:\n{ITEMS}"), "items: []\n"));
    assert_eq!(names(&items(&answer(&none))), GENERATED, "{}", none.all());
}

#[test]
fn somebody_else_s_policy_is_not_replaced() {
    let mine =
        "- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata: {name: db, namespace: shop}\n  spec: {podSelector: {}}\n";
    let ran = krm(&list(&format!("{ITEMS}{mine}"), SPEC));
    assert_eq!(ran.status, 1, "{}", ran.all());
    let answer = answer(&ran);
    assert_eq!(items(&answer).len(), 3);
    let error = answer["results"].as_sequence().unwrap().iter().find(|result| result["severity"].as_str() == Some("error")).unwrap();
    assert_eq!((error["tags"]["code"].as_str(), error["resourceRef"]["name"].as_str()), (Some("stale-output"), Some("db")));
}

#[test]
fn an_older_plugin_gets_a_stream() {
    let place = Place::with(&[("policies.yaml", &file("packaging/kustomize/policies.yaml"))]);
    let workloads = file("packaging/kustomize/workloads.yaml");
    let ran = place.run_on("twogate krm policies.yaml", &workloads);
    assert_eq!(ran.status, 0, "{}", ran.all());
    assert!(ran.stdout.starts_with(workloads.trim_end()), "{}", ran.stdout);
    assert_eq!(documents(&ran.stdout).len(), 2 + GENERATED.len());
    let again = place.run_on("twogate krm policies.yaml", &ran.stdout);
    assert_eq!(again.stdout, ran.stdout);
    let alone = place.run("twogate krm policies.yaml");
    assert_eq!(names(&documents(&alone.stdout)), GENERATED, "{}", alone.all());
    place.put("policies.yaml", "spec: {intents: allow}\n");
    let wrong = place.run_on("twogate krm policies.yaml", &workloads);
    assert_eq!((wrong.status, wrong.stdout.as_str()), (1, ""), "{}", wrong.all());
}

/// The example of the kit in a folder of its own.
fn example() -> Place {
    let place = Place::with(&[]);
    for name in ["kustomization.yaml", "policies.yaml", "workloads.yaml"] {
        place.put(&format!("app/{name}"), &file(&format!("packaging/kustomize/{name}")));
    }
    symlink(env!("CARGO_BIN_EXE_twogate"), place.path("app/twogate-krm")).unwrap();
    place
}

/// What the example generates, beside its two workloads.
fn is_whole(ran: &Ran) {
    assert_eq!(ran.status, 0, "{}", ran.all());
    let mut wanted = GENERATED.map(str::to_owned).to_vec();
    wanted.extend(["Deployment shop/web".to_owned(), "StatefulSet shop/db".to_owned()]);
    wanted.sort();
    assert_eq!(names(&documents(&ran.stdout)), wanted, "{}", ran.all());
}

#[test]
fn kustomize_runs_it_as_transformer_and_generator() {
    if !is_here("kustomize") {
        return;
    }
    let place = example();
    let build = "kustomize build --enable-alpha-plugins --enable-exec app";
    let transformed = place.run(build);
    is_whole(&transformed);
    assert!(transformed.stdout.contains("- shop/web\n"), "the account comes from the Deployment:\n{}", transformed.stdout);
    place.put("app/kustomization.yaml", &file("packaging/kustomize/kustomization.yaml").replace("transformers", "generators"));
    let generated = place.run(build);
    is_whole(&generated);
    assert!(!generated.stdout.contains("- shop/web\n"), "a generator sees no Deployment:\n{}", generated.stdout);
    place.put("app/policies.yaml", &file("packaging/kustomize/policies.yaml").replace("allow app=web ->", "allow app=web"));
    let wrong = place.run(build);
    assert!(wrong.status != 0 && wrong.stderr.contains("syntax-error"), "{}", wrong.all());
}

/// kubectl runs no functions: an annotation that asks for one is passed over in silence, so the older kind of plugin has none.
#[test]
fn kubectl_runs_it_as_an_older_plugin() {
    if !is_here("kubectl") {
        return;
    }
    let mut place = example();
    let policies = file("packaging/kustomize/policies.yaml");
    let (before, rest) = policies.split_once("  annotations:\n").unwrap();
    place.put("app/policies.yaml", &format!("{before}spec:{}", rest.split_once("\nspec:").unwrap().1));
    let plugins = place.path("plugins");
    place.set("KUSTOMIZE_PLUGIN_HOME", plugins.display().to_string());
    let script = root().join("packaging/kustomize/Intents");
    assert_eq!(
        place.run(&format!("mkdir -p plugins/twogate.dev/v1/intents && cp {} plugins/twogate.dev/v1/intents/", script.display())).status,
        0
    );
    let build = "kubectl kustomize --enable-alpha-plugins app";
    is_whole(&place.run(build));
    place.put("app/kustomization.yaml", &file("packaging/kustomize/kustomization.yaml").replace("transformers", "generators"));
    is_whole(&place.run(build));
}

#[test]
fn kpt_runs_it_and_shows_its_results() {
    if !is_here("kpt") {
        return;
    }
    let place = example();
    assert_eq!(place.run("mkdir package && cp app/workloads.yaml package").status, 0);
    let evaluate = "kpt fn eval package --exec 'twogate krm' --fn-config app/policies.yaml";
    for time in ["first", "second"] {
        let ran = place.run(evaluate);
        assert_eq!(ran.status, 0, "{time}: {}", ran.all());
        let source = place.run("kpt fn source package");
        let list: Value = serde_yaml::from_str(&source.stdout).unwrap();
        assert_eq!(items(&list).len(), 2 + GENERATED.len(), "{time}: {}", source.all());
    }
    place.put("app/policies.yaml", &file("packaging/kustomize/policies.yaml").replace("allow app=web ->", "allow app=web"));
    let wrong = place.run(evaluate);
    assert!(wrong.status != 0 && wrong.all().contains("[error]") && wrong.all().contains("line 3"), "{}", wrong.all());
}
