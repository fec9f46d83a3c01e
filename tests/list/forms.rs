//! The forms of a list: each on an example, as people and programs get it; JSON also against its schema.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::pages::root;

/// What `twogate list ARGUMENTS` prints on the standard output, in the folder of the package.
fn list(arguments: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
    command.arg("list").args(arguments.split_whitespace()).current_dir(root()).env_remove("NO_COLOR").stdin(Stdio::null());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

const BOUTIQUE: &str = "examples/online-boutique --inventory examples/online-boutique/inventory.yaml";

/// Compares with `snapshots/list/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/list"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn each_form_of_the_online_boutique() {
    for form in ["text", "json", "csv", "dot", "mermaid"] {
        snapshot(form, &list(&format!("{BOUTIQUE} --format {form}")));
    }
    snapshot("verbose", &list(&format!("{BOUTIQUE} --to app=shippingservice --verbose")));
    snapshot("internet", &list(&format!("{BOUTIQUE} --internet")));
}

#[test]
fn json_is_what_its_schema_says() {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(root().join("schemas/list.schema.json")).unwrap()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for arguments in [BOUTIQUE.to_owned(), format!("{BOUTIQUE} --internet"), manifests()] {
        let value: Value = serde_json::from_str(&list(&format!("{arguments} --format json"))).unwrap();
        let mut faults = Vec::new();
        check(&schema, &schema, &value, "", &mut faults, &mut seen);
        assert!(faults.is_empty(), "{arguments}: {}", faults.join("\n"));
    }
    // The checker looks at what it is meant for: each part of the schema was met.
    let parts: Vec<&String> = schema["$defs"].as_object().unwrap().keys().collect();
    let unseen: Vec<&&String> = parts.iter().filter(|part| !seen.contains(part.as_str())).collect();
    assert!(unseen.is_empty(), "no example has {unseen:?}");
    let mut faults = Vec::new();
    let wrong: Value = serde_json::from_str("{\"version\": 2, \"peers\": [], \"rows\": [{\"source\": {}}], \"more\": 1}").unwrap();
    check(&schema, &schema, &wrong, "", &mut faults, &mut seen);
    assert_eq!(faults.len(), 6, "{faults:#?}");
}

#[test]
fn what_is_assumed_is_told_once_whatever_the_form() {
    for form in ["text", "json", "csv", "dot", "mermaid"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
        command.arg("list").args(BOUTIQUE.split_whitespace()).args(["--format", form]).current_dir(root()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let told = "assumes that the network plugin judges SCTP; `network-plugin.sctp` in twogate.toml says whether it does\n";
        assert_eq!(stderr.matches(told).count(), 1, "{form}: {stderr}");
        assert!(!stdout.contains("SCTP is judged"), "{form}: {stdout}");
    }
    let value: Value = serde_json::from_str(&list(&format!("{BOUTIQUE} --format json"))).unwrap();
    assert_eq!(value["assumptions"], serde_json::json!([{"name": "sctp", "text": "the network plugin judges SCTP"}]));
}

/// Manifests in which every part of the JSON occurs, in a folder that stays for the run.
fn manifests() -> String {
    let yaml = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n\
                apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n\
                spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}\n---\n\
                apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: corp, namespace: shop}\n\
                spec: {jwtRules: [{issuer: 'https://id.example.com', jwksUri: 'https://id.example.com/keys'}]}\n---\n\
                apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: web, namespace: shop}\n\
                spec: {rules: [{to: [{operation: {hosts: ['*.example.com'], notPaths: [/admin], methods: [GET]}}], \
                when: [{key: 'request.auth.claims[groups]', values: [ops]}, {key: 'request.headers[x-role]', notValues: [guest]}]}]}\n---\n\
                apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\n\
                spec: {podSelector: {}, ingress: [{ports: [{port: 80}, {protocol: SCTP, port: 80}]}]}\n";
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("list-forms");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("all.yaml"), yaml).unwrap();
    format!("--manifests {}", folder.join("all.yaml").display())
}

/// A small checker of JSON Schema: types, constants, enumerations, objects, arrays, bounds, references and alternatives, which
/// is all that the schema uses.
fn check(schema: &Value, whole: &Value, value: &Value, at: &str, faults: &mut Vec<String>, seen: &mut std::collections::BTreeSet<String>) {
    let keywords = schema.as_object().unwrap();
    for (keyword, wanted) in keywords {
        let fault = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "properties" => None,
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                seen.insert(name.to_owned());
                check(&whole["$defs"][name], whole, value, at, faults, seen);
                None
            }
            "const" => (value != wanted).then(|| format!("is not {wanted}")),
            "enum" => (!wanted.as_array().unwrap().contains(value)).then(|| format!("is none of {wanted}")),
            "type" => (!is_of(value, wanted)).then(|| format!("is no {wanted}")),
            "minimum" => (value.as_u64() < wanted.as_u64()).then(|| format!("is below {wanted}")),
            "maximum" => (value.as_u64() > wanted.as_u64()).then(|| format!("is above {wanted}")),
            "minItems" => {
                value.as_array().filter(|items| (items.len() as u64) < wanted.as_u64().unwrap()).map(|_| "has too few".to_owned())
            }
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, whole, item, &format!("{at}/{number}"), faults, seen);
                }
                None
            }
            "required" => {
                for key in wanted.as_array().unwrap().iter().filter(|key| value.is_object() && value.get(key.as_str().unwrap()).is_none()) {
                    faults.push(format!("{at} lacks {key}"));
                }
                None
            }
            "additionalProperties" => {
                let known = |key: &String| keywords.get("properties").is_some_and(|properties| properties.get(key).is_some());
                for (key, child) in value.as_object().into_iter().flatten() {
                    match (known(key), wanted) {
                        (true, _) => check(&keywords["properties"][key], whole, child, &format!("{at}/{key}"), faults, seen),
                        (false, Value::Bool(_)) => faults.push(format!("{at} has `{key}`, which the schema does not know")),
                        (false, schema) => check(schema, whole, child, &format!("{at}/{key}"), faults, seen),
                    }
                }
                None
            }
            "oneOf" => {
                let passes = |one: &&Value| {
                    let mut own = Vec::new();
                    check(one, whole, value, at, &mut own, seen);
                    own.is_empty()
                };
                let mut passes = passes;
                let count = wanted.as_array().unwrap().iter().filter(|one| passes(one)).count();
                (count != 1).then(|| format!("passes {count} of the alternatives"))
            }
            other => panic!("the checker does not know `{other}`"),
        };
        faults.extend(fault.map(|fault| format!("{at} {fault}")));
    }
}

fn is_of(value: &Value, wanted: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the checker does not know type `{other}`"),
    };
    match wanted {
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}
