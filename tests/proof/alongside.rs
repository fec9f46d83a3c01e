//! Policies of others in the same cluster: fine where they change nothing, the finding where they do.

use twogate::compile::{Input, Outcome, compile};
use twogate::source::{Source, Sources};

use crate::support::{codes, errors};

const SHOP: &str = "namespace shop\nallow app=web -> app=db:5432\n";

fn beside(program: &str, policies: &str) -> Outcome {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("shop.intent", program))];
    let alongside = vec![sources.add(Source::new("others.yaml", policies))];
    compile(Input { sources, intents, alongside, ..Input::default() })
}

fn network(namespace: &str, spec: &str) -> String {
    format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: theirs, namespace: {namespace}}}\nspec: {spec}\n")
}

fn caller(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: theirs, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

#[test]
fn what_changes_nothing_is_fine() {
    let harmless = [
        network("shop", "{podSelector: {}, policyTypes: [Ingress]}"),
        network(
            "shop",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}",
        ),
        network("other", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
        caller("shop", "{action: AUDIT, rules: [{}]}"),
        caller("shop", "{action: DENY, rules: [{to: [{operation: {ports: ['9999']}}]}]}"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n".to_owned(),
    ];
    for policies in harmless {
        let outcome = beside(SHOP, &policies);
        assert_eq!(errors(&outcome), [""; 0], "{policies}\n{:?}", outcome.findings);
        assert!(!outcome.files.is_empty(), "{policies}");
    }
}

#[test]
fn what_changes_something_is_the_finding() {
    let harmful = [
        (network("shop", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}"), "denied", "allowed"),
        (network("shop", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}"), "denied", "allowed"),
        (caller("shop", "{action: DENY, rules: [{}]}"), "allowed", "denied"),
        (caller("istio-system", "{action: DENY, rules: [{to: [{operation: {ports: ['5432']}}]}]}"), "allowed", "denied"),
        ("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: theirs, namespace: shop}\nspec: {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}\n".to_owned(), "allowed", "unspecified"),
    ];
    for (policies, intents, cluster) in harmful {
        let outcome = beside(SHOP, &policies);
        assert_eq!(errors(&outcome), ["alongside-changes-access"], "{policies}\n{:?}", outcome.findings);
        assert!(outcome.files.is_empty(), "{policies}");
        let finding = outcome.findings.iter().find(|finding| finding.code.name() == "alongside-changes-access").unwrap();
        let said = format!("the intents say {intents}, the policies say {cluster}");
        assert!(finding.notes.iter().any(|note| note.starts_with(&said)), "{policies}\n{:?}", finding.notes);
    }
}

#[test]
fn the_finding_names_the_policy_that_made_it() {
    let outcome = beside(SHOP, &network("shop", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}"));
    let text = twogate::diagnostic::human::render(&outcome.findings, &outcome.sources, twogate::diagnostic::human::Colour::Plain);
    assert!(text.contains("others.yaml:") && text.contains("`shop/theirs` has a say"), "{text}");
}

#[test]
fn what_cannot_be_read_is_a_finding_in_its_place() {
    let outcome = beside(SHOP, &network("shop", "{podselector: {}, policyTypes: [Ingress]}"));
    assert_eq!(errors(&outcome), ["invalid-manifest"], "{:?}", outcome.findings);
    let finding = outcome.findings.iter().find(|finding| finding.code.name() == "invalid-manifest").unwrap();
    let place = finding.location().unwrap();
    let source = outcome.sources.get(place.file).unwrap();
    assert_eq!((source.name(), &source.text()[place.span.range()]), ("others.yaml", "podselector"));
    assert!(outcome.files.is_empty());
}

/// A kind that is not modelled leaves open whatever it may touch: that is a finding about flows, not silence.
#[test]
fn what_is_not_modelled_is_not_passed_over() {
    let policy =
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: shop}\nspec: {endpointSelector: {}}\n";
    let outcome = beside(SHOP, policy);
    assert!(codes(&outcome).contains(&"unmodelled-kind"), "{:?}", codes(&outcome));
    assert_eq!(errors(&outcome), ["alongside-changes-access"]);
}

/// A pod of three labels is let in, by one of them at the network and by another in the mesh, though the third closes it. However many
/// other labels may stand beside them, it is found.
#[test]
fn a_pod_of_three_labels_is_found_among_many() {
    let open = |name: &str, kind: &str, spec: &str| {
        let version = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
        format!("---\n{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: shop}}, spec: {spec}}}\n")
    };
    let network = open("net", "NetworkPolicy", "{podSelector: {matchLabels: {a: x}}, ingress: [{}]}");
    let mesh = open("mesh", "AuthorizationPolicy", "{selector: {matchLabels: {m: x}}, rules: [{}]}");
    for others in [0, 14] {
        let lines = (0..others).fold(String::new(), |text, at| format!("{text}  allow in app=y -> k{at}=x:80\n"));
        let program = format!("namespace shop mesh sidecar open ingress {{\n  close in c=x\n{lines}}}\n");
        let outcome = beside(&program, &format!("{network}{mesh}"));
        assert!(errors(&outcome).contains(&"alongside-changes-access"), "{:?}", outcome.findings);
        let proof = outcome.proof.as_ref().unwrap();
        let labels = |flow: &twogate::flow::Flow| match &flow.destination {
            twogate::flow::Peer::Pod(pod) => pod.labels.keys().map(ToString::to_string).collect::<Vec<_>>(),
            twogate::flow::Peer::Address(_) => Vec::new(),
        };
        assert!(proof.differences.iter().any(|difference| labels(&difference.flow) == ["a", "c", "m"]), "{:?}", proof.differences);
        let one = beside(&program, &network);
        assert!(!errors(&one).contains(&"proof-incomplete"), "{:?}", one.findings);
    }
}

/// A rule that lets in what begins so and ends so is found, though each pattern is asked for alone somewhere.
#[test]
fn what_matches_two_patterns_at_once_is_found() {
    let program = "namespace shop mesh sidecar\nallow app=web -> app=db:8080 http GET /a\n";
    for when in [
        "[{key: 'request.headers[x]', values: ['a*']}, {key: 'request.headers[x]', values: ['*z']}]",
        "[{key: source.namespace, values: ['team-*']}, {key: source.namespace, values: ['*-dev']}, {key: 'request.headers[x]', values: [v]}]",
    ] {
        let opened = network("shop", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}");
        let rule =
            format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{to: [{{operation: {{ports: ['8080']}}}}], when: {when}}}]}}");
        let outcome = beside(program, &format!("{opened}---\n{}", caller("shop", &rule)));
        assert_eq!(errors(&outcome), ["alongside-changes-access"], "{when}\n{:?}", outcome.findings);
        let finding = outcome.findings.iter().find(|finding| finding.code.name() == "alongside-changes-access").unwrap();
        assert!(finding.notes.iter().any(|note| note.contains("intents say denied, the policies say allowed")), "{:?}", finding.notes);
    }
    let denied = caller(
        "shop",
        "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{to: [{operation: {ports: ['8080']}}], when: [{key: 'request.headers[x]', values: ['a*'], notValues: ['*']}]}]}",
    );
    assert_eq!(errors(&beside(program, &denied)), [""; 0]);
}
