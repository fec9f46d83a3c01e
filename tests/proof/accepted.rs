//! Couplings that a program accepts: they are listed flow by flow, and no fault hides behind them.

use std::fmt::Write as _;

use twogate::compile::Outcome;
use twogate::flow::Verdict;
use twogate::meaning;
use twogate::verify::Difference;

use super::{accepted, broken, counterexamples, decided};
use crate::support::{compiled, errors};

/// `web` gains `POST /b` on 8080, because nobody knows the accounts; `job` cannot leave for 8080, so it gains nothing.
const COUPLED: &str = "namespace shop
allow app=web -> app=api:8080|9090 mtls http GET /a accept coupled-rules
allow in app=job -> app=api:8080 mtls http POST /b
";

fn proved(program: &str) -> Outcome {
    let outcome = compiled(program);
    assert_eq!(errors(&outcome), [""; 0], "{program}\n{:?}", outcome.findings);
    assert!(outcome.proof.as_ref().unwrap().holds());
    outcome
}

/// What is accepted is gained: the program denies it, and the cluster lets it pass.
fn are_gained(outcome: &Outcome) {
    let (proof, cluster) = (outcome.proof.as_ref().unwrap(), outcome.cluster.as_ref().unwrap());
    for Difference { flow, .. } in &proof.accepted {
        assert!(!meaning::passes(&outcome.policy, flow), "{flow:?}");
        assert_eq!(decided(cluster, flow), Verdict::Allowed, "{flow:?}");
    }
}

#[test]
fn an_accepted_coupling_is_listed_with_what_it_gains_and_nothing_else() {
    let outcome = proved(COUPLED);
    assert_eq!(accepted(&outcome), ["app=web@shop as other -> app=api@shop:8080 over mTLS, POST /b at other.test"]);
    are_gained(&outcome);
}

#[test]
fn what_nobody_accepts_is_refused() {
    let outcome = compiled(&COUPLED.replace(" accept coupled-rules", ""));
    assert_eq!(errors(&outcome), ["coupled-rules"]);
    assert!(outcome.proof.is_none(), "what is not written is not proved");
}

/// The mesh's two permissions of `COUPLED`, as they are written.
const GET_A: &str =
    "        methods:\n        - GET\n        paths:\n        - /a\n        ports:\n        - \"8080\"\n        - \"9090\"\n";
const POST_B: &str = "        methods:\n        - POST\n        paths:\n        - /b\n        ports:\n        - \"8080\"\n";

#[test]
fn a_fault_on_another_port_of_the_same_two_rules_is_found() {
    let outcome = proved(COUPLED);
    let wider = broken(&outcome, POST_B, &format!("{POST_B}        - \"9090\"\n"));
    assert_eq!(counterexamples(&wider), ["app=web@shop as other -> app=api@shop:9090 over mTLS, POST /b at other.test"]);
    let all_ports = broken(&outcome, POST_B, POST_B.split("        ports").next().unwrap());
    assert_eq!(counterexamples(&all_ports), ["app=web@shop as other -> app=api@shop:9090 over mTLS, POST /b at other.test"]);
}

/// Pods of `shop` may not leave for `api`, so nothing of theirs is gained; those of `front`, which nobody rules, gain.
const CLOSED_WITHIN: &str = "namespace shop
allow in app=web@shop|front -> app=api:8080 mtls http POST /b accept coupled-rules
allow in app=job@shop|front -> app=api:8080 mtls http GET /a accept coupled-rules
";

#[test]
fn what_a_caller_gains_does_not_open_its_own_end() {
    let outcome = proved(CLOSED_WITHIN);
    assert!(accepted(&outcome).iter().all(|flow| flow.contains("@front")), "{:?}", accepted(&outcome));
    let baseline = "  egress:\n";
    let opened = "  egress:\n  - to:\n    - podSelector:\n        matchLabels:\n          app: api\n    ports:\n    - protocol: TCP\n      port: 8080\n";
    let wider = broken(&outcome, baseline, opened);
    assert!(counterexamples(&wider).iter().any(|flow| flow.starts_with("app=web@shop")), "{:?}", counterexamples(&wider));
    assert!(accepted(&wider).iter().all(|flow| flow.contains("@front")), "{:?}", accepted(&wider));
}

#[test]
fn a_fault_in_the_requests_of_the_same_two_rules_is_found() {
    let outcome = proved(COUPLED);
    let method = broken(&outcome, POST_B, &POST_B.replace("POST", "PUT"));
    assert!(
        counterexamples(&method).iter().any(|flow| flow.contains("app=web@shop") && flow.contains("PUT /b")),
        "{:?}",
        counterexamples(&method)
    );
    let path = broken(&outcome, POST_B, &POST_B.replace("/b", "/b*"));
    assert!(
        counterexamples(&path).iter().any(|flow| flow.contains("app=web@shop") && flow.contains("8080")),
        "{:?}",
        counterexamples(&path)
    );
    let own = broken(&outcome, GET_A, &GET_A.replace("GET", "HEAD"));
    assert!(counterexamples(&own).iter().any(|flow| flow.contains("HEAD /a")), "{:?}", counterexamples(&own));
}

#[test]
fn a_fault_in_the_callers_of_the_same_two_rules_is_found() {
    let outcome = proved(&COUPLED.replace("app=web ->", "app=web@shop|front ->"));
    are_gained(&outcome);
    // The mesh knows the callers of the second rule as namespace `shop`, so callers of `front` gain nothing.
    assert!(accepted(&outcome).iter().all(|flow| flow.starts_with("app=web@shop")), "{:?}", accepted(&outcome));
    let rule = format!("    - source:\n        namespaces:\n        - shop\n    to:\n    - operation:\n{POST_B}");
    let anybody = broken(&outcome, &rule, &rule.replace("namespaces:\n        - shop", "principals:\n        - \"*\""));
    assert!(
        counterexamples(&anybody).iter().any(|flow| flow.starts_with("app=web@front") && flow.contains("POST /b")),
        "{:?}",
        counterexamples(&anybody)
    );
}

#[test]
fn a_weaker_transport_is_found_next_to_an_accepted_coupling() {
    let outcome = proved(COUPLED);
    let rule = format!("  - from:\n    - source:\n        namespaces:\n        - shop\n    to:\n    - operation:\n{POST_B}");
    let mut plain = outcome.clone();
    for file in &mut plain.files {
        file.text =
            file.text.replace(&rule, &format!("  - to:\n    - operation:\n{POST_B}")).replace("mode: STRICT", "mode: PERMISSIVE").into();
    }
    twogate::compile::prove(&mut plain, &[]);
    assert!(counterexamples(&plain).iter().any(|flow| flow.contains("in plaintext, POST /b")), "{:?}", counterexamples(&plain));
}

#[test]
fn a_fault_at_another_destination_is_found() {
    let outcome = proved(COUPLED);
    let wide = broken(&outcome, "  selector:\n    matchLabels:\n      app: api\n  action: ALLOW\n", "  action: ALLOW\n");
    // The network still lets nobody else in: the mesh alone is no fault.
    assert!(wide.proof.as_ref().unwrap().holds());
    let both = broken(&outcome, "    matchLabels:\n      app: api\n  policyTypes:", "    matchLabels: {}\n  policyTypes:");
    assert!(!counterexamples(&both).is_empty() || both.proof.as_ref().unwrap().holds());
}

/// So many accepted flows that a list of differences would be full of them.
#[test]
fn many_accepted_flows_hide_no_fault() {
    let mut program = "namespace shop\n".to_owned();
    for number in 0..90 {
        writeln!(program, "allow app=web -> app=api:{} mtls http GET /a{number} accept coupled-rules", 7000 + number).unwrap();
        writeln!(program, "allow in app=job -> app=api:{} mtls http POST /b{number}", 7000 + number).unwrap();
    }
    program.push_str("allow app=web -> app=last:8080 mtls http GET /last\n");
    let outcome = proved(&program);
    let proof = outcome.proof.as_ref().unwrap();
    assert_eq!(proof.accepted.len(), 64, "the list is full");
    are_gained(&outcome);
    let broken = broken(&outcome, "- /last", "- /least");
    assert!(counterexamples(&broken).iter().any(|flow| flow.contains("/least")), "{:?}", counterexamples(&broken));
}

/// A `deny` on requests that the mesh cannot tell apart, accepted.
#[test]
fn an_accepted_deny_is_listed_and_hides_nothing() {
    let program = "namespace shop
allow app=web|job -> app=api:8080 mtls http GET|DELETE /a accept deny-not-separable
deny app=job -> app=api:8080 http DELETE
";
    let outcome = proved(program);
    assert_eq!(accepted(&outcome), ["app=job@shop as other -> app=api@shop:8080 over mTLS, DELETE /a at other.test"]);
    are_gained(&outcome);
    let method = broken(&outcome, "- DELETE\n", "- DELETE\n        - PUT\n");
    assert!(counterexamples(&method).iter().all(|flow| flow.contains("PUT /a")), "{:?}", counterexamples(&method));
    assert!(counterexamples(&method).iter().any(|flow| flow.starts_with("app=job@shop")), "{:?}", counterexamples(&method));
    let path = broken(&outcome, "- /a\n", "- /a*\n");
    assert!(counterexamples(&path).iter().any(|flow| flow.starts_with("app=job@shop")), "{:?}", counterexamples(&path));
}

/// Callers known by account alone are all pods of their namespaces to the network.
#[test]
fn callers_by_account_gain_as_the_network_knows_them() {
    let outcome = compiled(
        "namespace shop
allow as web-sa -> app=api:8080 mtls http GET /a accept coupled-rules
allow in app=job -> app=api:8080 mtls http POST /b accept coupled-rules
",
    );
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    are_gained(&outcome);
}

/// The program holds by its lines, and the manifests let `web` in all the same: `check` must say what `test` says.
#[test]
fn an_expectation_that_an_accepted_coupling_breaks_fails() {
    let broken = format!("{COUPLED}expect deny app=web -> app=api:8080 http POST /b\n");
    let outcome = compiled(&broken);
    assert_eq!(errors(&outcome), ["expectation-failed"]);
    assert!(outcome.files.is_empty());
    let finding = outcome.findings.iter().find(|finding| finding.code.name() == "expectation-failed").unwrap();
    assert!(finding.notes.iter().any(|note| note.contains("POST /b")), "{finding:?}");
    assert_eq!(finding.related.len(), 1, "the line that accepts: {finding:?}");
    let kept = format!("{COUPLED}expect deny app=web -> app=api:9090 http POST /b\nexpect some app=web -> app=api:8080 http GET /a\n");
    proved(&kept);
}

/// What is accepted lets `web` in, so these hold of the manifests, if not of the lines alone.
#[test]
fn an_expectation_that_an_accepted_coupling_keeps_holds() {
    proved(&format!("{COUPLED}expect some app=web -> app=api:8080 http POST /b\n"));
    let by_account = COUPLED.replace("app=web", "as web-sa");
    proved(&format!("{by_account}expect allow as web-sa -> app=api:8080 mtls http POST /b\n"));
}

/// Each that fails is told, whatever others do.
#[test]
fn expectations_beside_an_accepted_coupling_are_told_together() {
    let outcome = compiled(&format!(
        "{COUPLED}expect deny app=web -> app=api:8080 http POST /b\nexpect some app=x -> app=y:80\nexpect deny app=web -> app=api:9090 http GET /a\n"
    ));
    let told = outcome.findings.iter().filter(|finding| finding.code.name() == "expectation-failed");
    let told: Vec<&str> = told.map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "expected `deny app=web -> app=api:8080 http POST /b`, but what a line accepts breaks it",
            "expected `deny app=web -> app=api:9090 http GET /a`, but a flow passes",
            "expected `some app=x -> app=y:80`, but no flow passes",
        ]
    );
}

/// With another error there are no manifests to ask.
#[test]
fn expectations_beside_an_accepted_coupling_are_told_where_nothing_is_written() {
    let outcome = compiled(&format!("{COUPLED}expect some app=x -> app=y:80\nallow app=web -> nowhere:80\n"));
    let finding = outcome.findings.iter().find(|finding| finding.code.name() == "expectation-failed").unwrap();
    assert!(finding.notes.iter().any(|note| note.contains("on the intents alone")), "{finding:?}");
}
