//! Programs written by hand, one for each thing that a proof must see through.

use twogate::compile::{Input, Outcome, compile, prove};
use twogate::diagnostic::order::has_error;
use twogate::source::{Source, Sources};

use super::{broken, counterexamples};
use crate::support::{codes, compiled, errors, with_config};

fn holds(outcome: &Outcome) {
    assert_eq!(errors(outcome), [""; 0], "{:?}", outcome.findings);
    let proof = outcome.proof.as_ref().unwrap();
    assert!(proof.holds() && proof.accepted.is_empty() && proof.classes > 0, "{proof:?}");
    assert!(!outcome.files.is_empty());
}

const CLUSTER: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n";

#[test]
fn programs_of_every_kind_are_proved() {
    let programs = [
        ("pods alone", "namespace shop mesh none\nallow app=web -> app=db:5432\n"),
        ("sets of labels", "namespace shop mesh none\nallow app=web|job,tier!=old -> app!=web:80\n"),
        ("protocols and ranges", "namespace shop mesh none\nallow * -> app=a:53/udp\nallow * -> app=b:8000-8100\nallow * -> app=c:*/tcp\n"),
        (
            "addresses",
            "namespace shop\nallow 203.0.113.0/24 -> app=web:8443\nallow app=web -> 198.51.100.7:443\nallow app=web -> internet:80\n",
        ),
        ("exceptions", "namespace shop mesh none\nallow (192.0.2.0/24 but 192.0.2.128/25) -> app=web:80\n"),
        ("denies", "namespace shop\nallow * -> *:80 mtls\ndeny app=old -> *\ndeny * -> app=db:80\n"),
        ("denied requests", "namespace shop\nallow * -> app=web:80 mtls http * /{**}\ndeny * -> app=web:80 http DELETE\n"),
        (
            "requests",
            "namespace shop\nworkload web = app=web account web\nallow web -> app=api:80 mtls http GET /a/{*}, POST /b at shop.test header x-env=test\n",
        ),
        (
            "an account for each",
            "namespace shop\nworkload web = app=web account web\nworkload job = app=job account job\nallow web -> app=api:80 mtls http GET /a\nallow job -> app=api:80 mtls http POST /b\n",
        ),
        (
            "one account for two",
            "namespace shop\nworkload web = app=web account one\nworkload job = app=job account one\nallow web -> app=api:80 mtls\nallow job -> app=api:81 mtls\n",
        ),
        ("accounts that nobody knows", "namespace shop\nallow app=web -> app=api:80 mtls\nallow app=job -> app=api:81 mtls\n"),
        (
            "callers known by account",
            "external namespace front mesh sidecar {\n  workload web = app=web account web\n}\nnamespace shop {\n  allow as web@front -> app=api:80 mtls\n}\n",
        ),
        ("an open namespace", "namespace shop open ingress egress\nclose in app=db\nallow app=web -> app=db:5432 mtls\n"),
        ("a deny in an open namespace", "namespace shop open ingress egress\ndeny app=old -> app=db\n"),
        (
            "workloads outside of the mesh",
            "namespace shop\nworkload old = app=old unmeshed\nworkload db = app=db account db\nallow old -> db:5432\nallow * -> old:80\n",
        ),
        (
            "namespaces by label",
            "namespace a labels team=x { allow app=q -> app=q }\nnamespace shop labels team=x {\n  allow *@[team=x] -> app=api:80 mtls\n}\n",
        ),
        ("one end alone", "namespace shop\nallow in app=web@front -> app=api:80 mtls\nallow out app=api -> app=db@back:5432\n"),
        ("nothing at all", "namespace shop\n"),
    ];
    for (name, program) in programs {
        let outcome = with_config(program, CLUSTER);
        assert!(!has_error(&outcome.findings), "{name}: {:?}", outcome.findings);
        holds(&outcome);
    }
}

#[test]
fn tokens_are_proved() {
    holds(&compiled(
        "namespace shop
issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"
workload web = app=web account web
allow web -> app=api:80 mtls http GET /a jwt corp claim groups=admin|ops
allow web -> app=api:80 mtls http POST /a jwt corp claim groups=admin
",
    ));
}

#[test]
fn programs_of_others_are_taken_as_applied() {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("shop.intent", "namespace shop\nallow app=web -> app=db@pay:5432 mtls\n"))];
    let with = vec![sources.add(Source::new("pay.intent", "namespace pay\nallow app=web@shop -> app=db:5432 mtls\n"))];
    let outcome = compile(Input { sources, intents, with, ..Input::default() });
    holds(&outcome);
    let assumed: Vec<&str> = outcome.proof.as_ref().unwrap().assumptions.iter().map(twogate::verify::Assumption::name).collect();
    assert!(assumed.contains(&"with-applied"), "{assumed:?}");
    assert!(outcome.files.iter().all(|file| !file.text.contains("namespace: pay\n")), "what is others' is not written");
}

/// A proof that fails takes everything back, and says so with the flow, both answers and the documents.
#[test]
fn nothing_comes_out_of_a_failed_proof() {
    let outcome = compiled("namespace shop\nallow app=web -> app=db:5432 mtls\n");
    holds(&outcome);
    let broken = broken(&outcome, "port: 5432", "port: 5433");
    assert!(broken.files.is_empty() && broken.manifests.is_empty());
    assert_eq!(errors(&broken), ["proof-failed"]);
    let finding = broken.findings.iter().find(|finding| finding.code.name() == "proof-failed").unwrap();
    let text =
        twogate::diagnostic::human::render(std::slice::from_ref(finding), &broken.sources, twogate::diagnostic::human::Colour::Plain);
    for part in ["app=web@shop", "the intents say allowed, the policies say denied", "`shop/db` has a say", "test.intent:2"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

/// What the evaluator does not take is no proof either.
#[test]
fn unreadable_text_is_a_failed_proof() {
    let outcome = compiled("namespace shop\nallow app=web -> app=db:5432 mtls\n");
    for (from, to) in
        [("podSelector:", "podselector:"), ("kind: NetworkPolicy", "kind: CiliumNetworkPolicy"), ("port: 5432", "port: \"5432\"")]
    {
        let broken = broken(&outcome, from, to);
        assert_eq!(errors(&broken), ["proof-failed"], "{to}");
        assert!(broken.files.is_empty() && counterexamples(&broken).is_empty(), "{to}");
    }
}

/// A policy that lands in a namespace which the program does not manage is a fault, whatever it says there.
#[test]
fn policies_elsewhere_are_a_failed_proof() {
    let outcome = compiled("namespace shop\nallow app=web -> app=db:5432 mtls\n");
    for namespace in ["istio-system", "other"] {
        let mut moved = outcome.clone();
        let text =
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: deny-all, namespace: NS}\nspec: {}\n";
        moved.files[0].text = format!("{}{}", moved.files[0].text, text.replace("NS", namespace)).into();
        prove(&mut moved, &[]);
        assert_eq!(errors(&moved), ["proof-failed"], "{namespace}");
    }
}

/// A part of the targets alone is no proof of the program, so none is made.
#[test]
fn one_target_alone_is_not_proved() {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("shop.intent", "namespace shop mesh none\nallow app=web -> app=db:5432\n"))];
    let outcome = compile(Input { sources, intents, targets: vec!["kubernetes".to_owned()], ..Input::default() });
    assert!(outcome.proof.is_none() && !outcome.files.is_empty(), "{:?}", codes(&outcome));
}

/// Rules with hosts, headers and claims of two issuers are an ordinary program.
#[test]
fn two_issuers_are_proved() {
    let rule = |number: usize| {
        format!(
            "issuer i{number} = \"https://i{number}.test\" jwks \"https://i{number}.test/keys\" audience \"a{number}\"\n\
             allow app=web -> app=api:80 mtls http GET /v{number} at h{number}.test header x-h{number}=on jwt i{number} claim role=r{number}\n"
        )
    };
    holds(&compiled(&format!("namespace shop\n{}{}", rule(0), rule(1))));
}

/// Labels that may stand together in any way multiply: ten keys at either end are proved by pods of few labels, and a fault in
/// what is written is found among them.
#[test]
fn many_keys_are_proved_by_pods_of_few_labels() {
    let rules: Vec<String> = (0..10).map(|number| format!("allow key-{number}=a -> other-{number}=b:80")).collect();
    let expected = "expect some key-3=a -> other-3=b:80\nexpect deny * -> other-4=b:81";
    let outcome = compiled(&format!("namespace shop mesh none\n{}\n{expected}\n", rules.join("\n")));
    holds(&outcome);
    let wider = broken(&outcome, "key-7: a", "key-8: a");
    assert_eq!(errors(&wider), ["proof-failed"]);
    let told = counterexamples(&wider);
    assert!(told.iter().all(|words| words.contains("other-7=b")), "{told:?}");
}

/// Keys of which some test passes whatever their label is are still too many. The run ends, says so, and writes nothing.
#[test]
fn too_many_keys_end_the_run() {
    let rules: Vec<String> =
        (0..18).map(|number| format!("allow key-{number}!=a -> app=db:80\nallow key-{number}=a -> app=db:81")).collect();
    let outcome = compiled(&format!("namespace shop mesh none\n{}\n", rules.join("\n")));
    assert!(codes(&outcome).contains(&"proof-incomplete"), "{:?}", outcome.findings);
    assert!(outcome.files.is_empty() && outcome.manifests.is_empty());
}

/// Roles multiply too, as a token may hold any of them: a dozen that are asked for on one port, each for a path of its own or for one
/// that all share, are proved by tokens of two, and a fault in what is written is found among them.
#[test]
fn many_roles_are_proved_by_tokens_of_few() {
    let issuer =
        "issuer login = \"https://login.test\" jwks \"https://login.test/keys\" audience \"shop\"\nworkload web = app=web account web\n";
    for path in ["/v{}", "/v"] {
        let rule = |number: usize| {
            let path = path.replace("{}", &number.to_string());
            format!("allow web -> app=db:80 mtls http GET {path} jwt login claim role=r{number}\n")
        };
        let rules: String = (0..12).map(rule).collect();
        let outcome = compiled(&format!("namespace shop\n{issuer}{rules}"));
        holds(&outcome);
        assert_eq!(errors(&broken(&outcome, "- r7\n", "- r8x\n")), ["proof-failed"]);
    }
}

/// Headers multiply in the same way: a dozen of them on one port are proved by requests that carry few.
#[test]
fn many_headers_are_proved_by_requests_that_carry_few() {
    let rules: Vec<String> = (0..12).map(|number| format!("allow app=web -> app=api:80 mtls http GET header x-{number}=on")).collect();
    let outcome = compiled(&format!("namespace shop\n{}\n", rules.join("\n")));
    holds(&outcome);
    assert_eq!(errors(&broken(&outcome, "x-7]", "x-8]")), ["proof-failed"]);
}

/// Each exception of two labels doubles the sets that are left.
#[test]
fn too_many_exceptions_are_refused_at_their_endpoint() {
    let without: Vec<String> = (0..20).map(|number| format!("but key-{number}=a,other-{number}=b")).collect();
    let outcome = compiled(&format!("namespace shop mesh none\nallow * {} -> app=db:80\n", without.join(" ")));
    assert!(codes(&outcome).contains(&"endpoint-too-complex"), "{:?}", outcome.findings);
    let few = compiled("namespace shop mesh none\nallow * but a=1,b=2 but a=1,b=3 but c=1 -> app=db:80\n");
    holds(&few);
}
