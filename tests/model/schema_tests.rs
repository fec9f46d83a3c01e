//! The structural checker on the real definitions; each test is skipped, visibly, where the schemas are not at hand.

use serde_yaml::Value;

use super::samples::{authorization_policy, network_policy, object, peer_authentication, request_authentication};
use super::{crd_check, schema};

#[test]
fn what_the_definitions_take() {
    let stream = [
        authorization_policy("{}"),
        authorization_policy(
            "{action: DENY, rules: [{from: [{source: {serviceAccounts: [shop/web]}}], to: [{operation: {ports: ['80']}}], when: [{key: a, values: [b]}]}]}",
        ),
        authorization_policy("{targetRefs: [{group: '', kind: Service, name: db}]}"),
        authorization_policy("{action: CUSTOM, provider: {name: opa}, rules: [{}]}"),
        peer_authentication("shop/p", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: DISABLE}}}"),
        request_authentication("{jwtRules: [{issuer: a, audiences: [b], jwks: '{}', forwardOriginalToken: true}]}"),
        network_policy("{}"),
    ];
    let Some(problems) = crd_check(&stream.concat()) else { return };
    assert_eq!(problems, [""; 0]);
}

#[test]
fn what_the_definitions_refuse() {
    let sixteen = vec!["a"; 17].join(", ");
    let long = "a".repeat(321);
    for yaml in [
        authorization_policy("{rules: [{from: [{source: {serviceAccount: [a]}}]}]}"),
        authorization_policy(&format!("{{rules: [{{from: [{{source: {{serviceAccounts: [{sixteen}]}}}}]}}]}}")),
        authorization_policy(&format!("{{rules: [{{from: [{{source: {{serviceAccounts: [{long}]}}}}]}}]}}")),
        authorization_policy("{rules: [{to: [{operation: {ports: [80]}}]}]}"),
        authorization_policy("{rules: [{when: [{values: [b]}]}]}"),
        authorization_policy("{action: REFUSE}"),
        authorization_policy("{rules: null}"),
        authorization_policy("{rules: {}}"),
        authorization_policy("{targetRefs: [{kind: '1', name: db}]}"),
        authorization_policy("{targetRefs: [{group: A, kind: Service, name: db}]}"),
        authorization_policy("{targetRefs: [{kind: Service, name: ''}]}"),
        authorization_policy(&format!("{{selector: {{matchLabels: {{app: {}}}}}}}", "a".repeat(64))),
        authorization_policy(&format!("{{rules: [{}]}}", vec!["{}"; 513].join(", "))),
        peer_authentication("shop/p", "{mtls: {mode: strict}}"),
        peer_authentication("shop/p", "{mtls: STRICT}"),
        request_authentication("{jwtRules: [{issuer: ''}]}"),
        request_authentication("{jwtRules: [{issuer: a, forwardOriginalToken: 'true'}]}"),
        request_authentication("{jwtRules: [{issuer: a, outputClaimToHeaders: [{header: 'x y', claim: a}]}]}"),
        object("security.istio.io/v9", "PeerAuthentication", "shop/p", "{}"),
    ] {
        let Some(problems) = crd_check(&yaml) else { return };
        assert_eq!(problems.len(), 1, "{yaml}{problems:?}");
    }
}

/// Every keyword of the schemas in use is one that the checker reads or knows to leave; a new one must be looked at.
#[test]
fn no_keyword_of_the_schemas_is_passed_over() {
    let known = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "enum",
        "pattern",
        "format",
        "maxItems",
        "minItems",
        "maxLength",
        "minLength",
        "maxProperties",
        "minProperties",
        "maximum",
        "minimum",
        "additionalProperties",
        "oneOf",
        "anyOf",
        "allOf",
        "not",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    ];
    let Some(definitions) = schema::definitions() else { return };
    for kind in ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"] {
        let root = schema::schema(&definitions, "security.istio.io", "v1", kind).unwrap();
        let mut rules = 0;
        keywords(root, &mut |keyword, value| {
            assert!(known.contains(&keyword), "{kind}: {keyword}");
            rules += if keyword == "x-kubernetes-validations" { value.as_sequence().unwrap().len() } else { 0 };
        });
        // The rules in CEL, which `validate` spells out; another number means that it has something to learn.
        let expected = match kind {
            "AuthorizationPolicy" => 7,
            "PeerAuthentication" => 5,
            _ => 10,
        };
        assert_eq!(rules, expected, "{kind}");
    }
}

fn keywords(schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    for (key, value) in schema.as_mapping().into_iter().flatten() {
        let key = key.as_str().unwrap();
        visit(key, value);
        match (key, value) {
            ("properties", Value::Mapping(fields)) => fields.values().for_each(|field| keywords(field, visit)),
            ("items" | "additionalProperties" | "not", Value::Mapping(_)) => keywords(value, visit),
            ("oneOf" | "anyOf" | "allOf", Value::Sequence(list)) => list.iter().for_each(|each| keywords(each, visit)),
            _ => {}
        }
    }
}
