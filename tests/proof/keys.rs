//! By whose keys tokens are verified, which no flow tells: other keys than the intents name are a finding.

use twogate::compile::{Input, Outcome, compile};
use twogate::source::{Source, Sources};

use super::broken;
use crate::support::{codes, errors};

const API: &str = "namespace shop mesh sidecar

issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"api\"
workload api = app=api account api
workload web = app=web account web
allow web -> api:8080 mtls http GET /a jwt corp
";

fn with(alongside: &str) -> Outcome {
    compiled(API, alongside)
}

fn compiled(program: &str, alongside: &str) -> Outcome {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("api.intent", program))];
    let alongside = if alongside.is_empty() { Vec::new() } else { vec![sources.add(Source::new("others.yaml", alongside))] };
    compile(Input { sources, intents, alongside, ..Input::default() })
}

#[test]
fn what_is_written_names_the_keys_of_the_intents() {
    let outcome = with("");
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    let assumed: Vec<String> = outcome.proof.iter().flat_map(|proof| &proof.assumptions).map(ToString::to_string).collect();
    let keys =
        "tokens of `https://id.example.com` are verified by the keys at `https://id.example.com/keys`, and nobody else signs with them";
    assert!(assumed.iter().any(|text| text == keys), "{assumed:#?}");
    for keys in ["jwksUri: https://evil.example.com/keys", "jwks: '{\"keys\":[]}'"] {
        let broken = broken(&outcome, "jwksUri: https://id.example.com/keys", keys);
        assert!(codes(&broken).contains(&"proof-failed"), "{keys}: {:?}", broken.findings);
    }
}

/// Two issuers may have one `iss` and keys of their own, as while keys are changed: each is as the intents say.
#[test]
fn two_issuers_may_share_a_name_of_tokens() {
    let more = "issuer next = \"https://id.example.com\" jwks \"https://id.example.com/next\" audience \"next\"\n";
    let program = API.to_owned() + more + "allow web -> api:8081 mtls http GET /a jwt next\n";
    let outcome = compiled(&program, "");
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    let broken = broken(&outcome, "jwksUri: https://id.example.com/next", "jwksUri: https://evil.example.com/keys");
    assert!(codes(&broken).contains(&"proof-failed"), "{:?}", broken.findings);
    let one = compiled(&program.replace("/next\" audience", "/keys\" audience"), "");
    let assumed = one.proof.iter().flat_map(|proof| &proof.assumptions).filter(|assumption| assumption.name() == "keys");
    assert_eq!(assumed.count(), 1, "nothing is said twice");
}

/// Whose keys they are is said of those for whom a token is: the keys of one issuer do not sign for the other's.
#[test]
fn keys_of_issuers_that_share_a_name_are_not_each_others() {
    let more = "issuer next = \"https://id.example.com\" jwks \"https://id.example.com/next\" audience \"next\"\n";
    let program = API.to_owned() + more + "allow web -> app=other:8080 mtls http GET /a jwt next\n";
    let outcome = compiled(&program, "");
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    let swapped = broken(&outcome, "jwksUri: https://id.example.com/next", "jwksUri: https://id.example.com/keys");
    assert!(codes(&swapped).contains(&"proof-failed"), "{:?}", swapped.findings);
    // Whoever signs for both may have either's keys.
    let both = program.replace("audience \"next\"", "audience \"next\"|\"api\"");
    let outcome = compiled(&both, "");
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    let swapped = broken(&outcome, "jwksUri: https://id.example.com/next", "jwksUri: https://id.example.com/keys");
    assert!(codes(&swapped).contains(&"proof-failed"), "the first does not sign for `next`: {:?}", swapped.findings);
}

#[test]
fn other_keys_alongside_are_found() {
    let theirs = |namespace: &str, rule: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: theirs, namespace: {namespace}}}\n\
             spec: {{jwtRules: [{{issuer: 'https://id.example.com', audiences: [api], {rule}}}]}}\n"
        )
    };
    let (same, other) = ("jwksUri: 'https://id.example.com/keys'", "jwksUri: 'https://evil.example.com/keys'");
    let found = |policies: &str| with(policies).findings.iter().any(|finding| finding.code.name() == "alongside-changes-access");
    for namespace in ["shop", "istio-system"] {
        assert!(found(&theirs(namespace, other)), "{namespace}");
        assert!(found(&theirs(namespace, &format!("{same}, spaceDelimitedClaims: [groups]"))), "{namespace}");
    }
    assert!(!found(&theirs("other", other)), "tokens of other namespaces are theirs");
    assert!(!found(&theirs("shop", same)));
}

/// On the ports that the mesh does not capture nobody looks for a token, and lines do not either.
#[test]
fn tokens_are_refused_where_the_mesh_looks_for_them() {
    for every in ["app=job", "app=job:*/tcp"] {
        let outcome = compiled(
            &format!(
                "namespace shop\nissuer corp = \"https://id.example\" jwks \"https://id.example/keys\" audience \"shop\"\nallow app=web -> {every}\nallow app=web -> app=job:80 jwt corp\n"
            ),
            "",
        );
        assert_eq!(errors(&outcome), [""; 0], "{every}");
        assert!(outcome.proof.as_ref().is_some_and(twogate::verify::Proof::holds), "{every}");
    }
}
