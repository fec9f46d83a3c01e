//! The two gates are a cross product of their rules: what is refused, and the corrected forms that compile.

use crate::support::{codes, compiled, errors};

fn refused(program: &str) {
    let outcome = compiled(program);
    assert_eq!(errors(&outcome), ["coupled-rules"], "{program}\n{:?}", outcome.findings);
    assert!(outcome.files.is_empty(), "nothing is written");
}

fn fine(program: &str) {
    let outcome = compiled(program);
    assert_eq!(errors(&outcome), [""; 0], "{program}\n{:?}", outcome.findings);
    assert!(!outcome.files.is_empty());
}

const TWO_CALLERS: &str = "allow app=web -> app=api:8080 mtls http GET /a\nallow app=job -> app=api:8080 mtls http POST /b\n";
const ACCOUNTS: &str = "workload web = app=web account web-sa\nworkload job = app=job account job-sa\n";

/// Design §4.1, the first program: no accounts are known, so the mesh sees namespace `shop` twice.
#[test]
fn callers_known_by_namespace_get_each_others_requests() {
    refused(&format!("namespace shop\n{TWO_CALLERS}"));
    fine(&format!("namespace shop\n{ACCOUNTS}{TWO_CALLERS}"));
    fine("namespace shop\nallow app=web -> app=api:8080 mtls http GET /a\nallow app=job -> app=api:8081 mtls http POST /b\n");
}

/// Design §4.1, the second program: callers without identity on every port.
#[test]
fn a_rule_without_mtls_lets_plaintext_through_for_others() {
    let program = "namespace shop\nallow app=mon -> *\nallow app=web -> app=db:5432 mtls\n";
    refused(program);
    fine("namespace shop\nallow app=mon -> * mtls\nallow app=web -> app=db:5432 mtls\n");
    fine("namespace shop\nallow app=mon -> *:9090\nallow app=web -> app=db:5432 mtls\n");
}

/// Advice that is taken must not be the next error: pods outside the mesh have no identity to prove.
#[test]
fn mtls_is_not_advised_to_callers_outside_the_mesh() {
    let edits = |elsewhere: &str| {
        let program =
            format!("namespace shop {{\n  allow app=api -> app=db:5432 mtls\n  allow app=ops@tools -> app=db:5432\n}}\n{elsewhere}\n");
        let outcome = compiled(&program);
        let helps = outcome.findings.iter().filter(|finding| finding.code.name() == "coupled-rules").flat_map(|finding| &finding.helps);
        helps.map(|help| help.edits.len()).sum::<usize>()
    };
    assert_eq!(edits("namespace tools mesh sidecar {}"), 1);
    assert_eq!(edits("namespace tools mesh none {}"), 0);
    assert_eq!(edits("namespace tools mesh sidecar { workload ops = app=ops unmeshed }"), 0);
}

#[test]
fn a_shared_account_couples_what_labels_tell_apart() {
    refused(&format!("namespace shop\nworkload web = app=web account one\nworkload job = app=job account one\n{TWO_CALLERS}"));
}

/// One caller's account is known and the other's is not: the other may run as it.
#[test]
fn an_unknown_account_may_be_any() {
    refused(&format!("namespace shop\nworkload web = app=web account web-sa\n{TWO_CALLERS}"));
}

#[test]
fn equal_grants_couple_nothing() {
    fine("namespace shop\nallow app=web -> app=api:8080 mtls http GET /a\nallow app=job -> app=api:8080 mtls http GET /a\n");
    fine("namespace shop\nallow app=web -> app=api:8080 mtls\nallow app=job -> app=api:5432 mtls\n");
    fine("namespace shop\nallow app=web -> app=api:8080\nallow app=job -> app=api:8080\n");
}

/// A third rule may say what the mesh adds.
#[test]
fn what_another_rule_says_is_not_gained() {
    fine(&format!(
        "namespace shop\n{TWO_CALLERS}allow app=web -> app=api:8080 mtls http POST /b\nallow app=job -> app=api:8080 mtls http GET /a\n"
    ));
    fine(&format!("namespace shop\n{TWO_CALLERS}allow app=web|job -> app=api:8080 mtls\n"));
}

/// Different namespaces are different identities.
#[test]
fn namespaces_are_told_apart() {
    fine("namespace shop\nallow app=web@a -> app=api:8080 mtls http GET /a\nallow app=job@b -> app=api:8080 mtls http POST /b\n");
    refused("namespace shop\nallow app=web@a -> app=api:8080 mtls http GET /a\nallow app=job@a -> app=api:8080 mtls http POST /b\n");
}

/// A destination that Istio cannot select exactly is widened, and the pods beside it gain.
#[test]
fn widened_destinations_are_checked() {
    refused("namespace shop\nallow app=web -> tier!=old:8080 mtls http GET /a\nallow app=job -> app=api,tier=old:8080 mtls http POST /b\n");
    fine("namespace shop\nallow app=web -> tier=new:8080 mtls http GET /a\nallow app=job -> tier=old:8080 mtls http POST /b\n");
}

/// Ports past what can be listed are dropped, and the other ports of those callers gain.
#[test]
fn dropped_ports_are_checked() {
    refused(
        "namespace shop\nworkload web = app=web account web-sa\nallow app=web -> app=api:8000-9000 mtls\nallow app=web -> app=api:80 mtls http GET /a\n",
    );
    fine(
        "namespace shop\nworkload web = app=web account web-sa\nallow app=web -> app=api:8000-8010 mtls\nallow app=web -> app=api:80 mtls http GET /a\n",
    );
}

/// Callers at addresses have no identity to be known by.
#[test]
fn addresses_couple_with_mtls_on_the_same_port() {
    refused("namespace shop\nallow 203.0.113.0/24 -> app=api:8443\nallow app=web -> app=api:8443 mtls\n");
    fine("namespace shop\nallow 203.0.113.0/24 -> app=api:8443\nallow app=web -> app=api:8080 mtls\n");
}

/// What cannot leave cannot gain: the caller's own end is closed to that destination and port.
#[test]
fn a_caller_that_cannot_leave_gains_nothing() {
    let web = "namespace shop\nallow app=web -> app=api:8080 mtls http GET|POST /{**}\n";
    refused(&format!("{web}allow app=job -> app=api:8080 mtls http POST /b\n"));
    // `allow in` leaves the egress of `app=job` shut, so the rest of what `web` may ask does not reach it.
    fine(&format!("{web}allow in app=job -> app=api:8080 mtls http POST /b\n"));
}

/// An account known by name alone is its whole namespace to the network.
#[test]
fn accounts_of_unknown_pods_widen_the_network() {
    fine("namespace shop\nallow as web-sa -> app=api:8080 mtls http GET /a\n");
    refused(
        "namespace shop\nallow as web-sa -> app=api:8080 mtls http GET /a\nallow app=job@shop -> app=api:9090 mtls http POST /b\nallow app=job -> *:8080-9090 mtls http PUT /c\n",
    );
}

/// Namespaces chosen by label are any identity, until that lets somebody gain: then their names are listed.
#[test]
fn snapshots_replace_labels_where_needed() {
    let base = "namespace a labels tenant=x { allow app=q -> app=q }\nnamespace shop {\n  allow app=web@[tenant=x] -> app=api:8080 mtls http GET /a\n";
    fine(&format!("{base}}}\n"));
    let outcome =
        compiled(&format!("{base}  workload job = app=job account job-sa\n  allow app=job -> app=api:8080 mtls http POST /b\n}}\n"));
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    assert!(codes(&outcome).contains(&"namespace-snapshot"), "{:?}", codes(&outcome));
    let text = crate::support::yaml(&outcome.manifests);
    assert!(text.contains("namespaces:\n        - a\n"), "{text}");
}

/// Namespaces that a rule leaves out by name are left out in the mesh too: it needs to know no others, and none are listed.
#[test]
fn namespaces_left_out_by_name_are_told_apart() {
    let program = |source: &str| {
        format!(
            "external namespace front mesh sidecar {{\n  workload web = app=web account web\n}}\nnamespace shop {{\n  workload db = app=db account db\n  allow {source} -> db:80 mtls http GET\n  allow web@front -> db:80 mtls http POST\n}}\n"
        )
    };
    for source in ["*@!front", "*@!front|back", "app=x@!front"] {
        let outcome = compiled(&program(source));
        assert_eq!(errors(&outcome), [""; 0], "{source}: {:?}", outcome.findings);
        assert!(!codes(&outcome).contains(&"namespace-snapshot"), "{source}: {:?}", codes(&outcome));
        let text = crate::support::yaml(&outcome.manifests);
        assert!(text.contains("principals:\n        - \"*\"\n        notNamespaces:\n"), "{source}: {text}");
        assert!(text.contains("        - front\n"), "{source}: {text}");
    }
    let both = "namespace shop\nallow app=x@!front -> app=db:80 mtls http GET\nallow app=y@other -> app=db:80 mtls http POST\n";
    refused(both);
    fine(&both.replace("@!front", "@!front|other"));
    let many = (0..64).map(|number| format!("|n{number}")).collect::<Vec<_>>().concat();
    assert_eq!(errors(&compiled(&both.replace("@!front", &format!("@!other{many}")))), ["coupled-rules"], "too many to be left out");
    fine(&both.replace("@!front", &format!("@!other{}", many.trim_end_matches("|n63"))));
}

/// What a `deny` takes away by the namespace's name is no caller of the mesh either.
#[test]
fn namespaces_denied_by_name_are_told_apart() {
    fine(
        "namespace shop\nallow *@* -> app=db:80 mtls http GET\nallow *@front -> app=db:80 mtls http POST\ndeny *@front -> app=db:80 http GET\n",
    );
}

/// Nobody can list the namespaces that lack a label: unknown ones lack it too.
#[test]
fn namespaces_without_a_label_are_not_listed() {
    let program = |source: &str| {
        format!(
            "namespace front labels env=dev {{\n  workload web = app=web account web\n}}\nnamespace shop labels env=prod {{\n  workload db = app=db account db\n  allow {source} -> db:80 mtls http GET\n  allow web@front -> db:80 mtls http POST\n}}\n"
        )
    };
    for source in ["*@[env!=dev]", "*@[env!=*]", "*@[env!=dev,tier!=back]"] {
        let outcome = compiled(&program(source));
        assert_eq!(errors(&outcome), ["coupled-rules"], "{source}: {:?}", outcome.findings);
        assert!(!codes(&outcome).contains(&"namespace-snapshot"), "{source}: {:?}", codes(&outcome));
        let said = format!("{:?}", outcome.findings);
        assert!(said.contains("leave namespaces out by name"), "{source}: {said}");
    }
    let outcome = compiled(&program("*@[env!=dev,env=*]"));
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    assert!(codes(&outcome).contains(&"namespace-snapshot"), "one label is asked for: {:?}", codes(&outcome));
}

/// `accept` on the line whose callers gain lowers the error, and says so.
#[test]
fn an_accepted_coupling_compiles_and_shows() {
    let outcome = compiled(
        "namespace shop\nallow app=web -> app=api:8080 mtls http GET /a accept coupled-rules\nallow app=job -> app=api:8080 mtls http POST /b accept coupled-rules\n",
    );
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    assert!(codes(&outcome).contains(&"accepted"), "{:?}", codes(&outcome));
    let half = compiled(
        "namespace shop\nallow app=web -> app=api:8080 mtls http GET /a accept coupled-rules\nallow app=job -> app=api:8080 mtls http POST /b\n",
    );
    assert_eq!(errors(&half), ["coupled-rules"], "the other line's callers gain too");
}

/// A deny on requests cuts a rule into pieces that the mesh must tell apart.
#[test]
fn denied_requests_need_an_identity_of_their_own() {
    let denied = |facts: &str| {
        format!("namespace shop\n{facts}allow app=web|job -> app=api:8080 mtls http * /{{**}}\ndeny app=job -> app=api:8080 http DELETE\n")
    };
    assert_eq!(errors(&compiled(&denied(""))), ["deny-not-separable"]);
    fine(&denied(ACCOUNTS));
    fine("namespace shop\nallow app=web|job -> app=api:8080 mtls http * /{**}\ndeny * -> app=api:8080 http DELETE\n");
}

/// A rule of which the mesh is told nobody still lets its callers in by the network: they must not gain by other rules.
#[test]
fn callers_without_a_permission_are_checked_too() {
    refused(
        "namespace shop\nallow app=y@other -> app=db,tier=b:5432\nallow app=x@[env=prod] -> app=db:5432 mtls\nallow app=z@other2 -> app=db,tier=a:5432 mtls http POST /b\n",
    );
}

/// A denied request needs a mesh that refuses it.
#[test]
fn denied_requests_need_a_gate() {
    let deny = "allow app=x -> app=api:80\ndeny app=x -> app=api:80 http POST\n";
    assert_eq!(errors(&compiled(&format!("namespace legacy mesh none\n{deny}"))), ["requirement-unenforced"]);
    assert_eq!(errors(&compiled(&format!("namespace shop\nworkload api = app=api unmeshed\n{deny}"))), ["requirement-unenforced"]);
    assert_eq!(
        errors(&compiled("namespace shop\nallow app=x -> app=api\ndeny app=x -> app=api http POST\n")),
        ["requirement-without-port"]
    );
}

/// An account may be known in one place and not in another: what is not known is not left out.
#[test]
fn accounts_known_in_part_are_not_known() {
    let program = "namespace pay { allow app=q -> app=q }\nnamespace shop {\n  workload web = app=web account web-sa\n  allow *@* -> app=db:5432\n  deny as web-sa@shop|pay -> app=db:5432\n}\n";
    assert_eq!(errors(&compiled(program)), ["account-labels-unknown"]);
    fine("namespace shop\nworkload web = app=web account web-sa\nallow *@* -> app=db:5432\ndeny as web-sa -> app=db:5432\n");
    // An account in namespaces chosen by label is known to neither gate.
    let outcome = compiled(
        "external namespace ext { workload w = app=w account x-sa\n}\nnamespace shop { allow as x-sa@[env=prod] -> app=db:5432 mtls }\n",
    );
    assert_eq!(errors(&outcome), ["account-labels-unknown"], "{:?}", outcome.findings);
}

/// One value of a selector is listed, the other is not: the mesh is told the namespace.
#[test]
fn an_inventory_speaks_only_of_what_it_lists() {
    use twogate::compile::{Input, compile};
    use twogate::source::{Source, Sources};
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web-sa}}}\n";
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("a.intent", "namespace shop\nallow app=web|api -> app=db:5432 mtls\n"))];
    let inventory = vec![sources.add(Source::new("inventory.yaml", manifest))];
    let outcome = compile(Input { sources, intents, inventory, ..Input::default() });
    assert!(codes(&outcome).contains(&"namespace-identity"), "{:?}", outcome.findings);
    assert!(crate::support::yaml(&outcome.manifests).contains("namespaces:\n        - shop\n"));
}

/// Where every rule may be of the same pods as every other, not all pairs can be looked at; what is not looked at is not taken for proved.
#[test]
fn rules_that_overlap_in_too_many_ways_are_refused() {
    let mut program = "namespace shop\n".to_owned();
    for at in 0_u32..80 {
        let label = |by: u32| format!("l{}={}", (at * by) % 60, if (at * by) % 7 < 3 { "a" } else { "b" });
        let port = if at % 2 == 0 { "80" } else { "80-90" };
        let requires = ["", " mtls", " mtls http GET /a", " mtls http GET /b"][at as usize % 4];
        let line = format!("allow {},{} -> {},{}:{port}{requires}\n", label(7), label(11), label(13), label(17));
        program.push_str(&line);
    }
    let outcome = compiled(&program);
    assert!(errors(&outcome).contains(&"proof-incomplete"), "{:?}", errors(&outcome));
    assert!(outcome.files.is_empty(), "nothing is written");
}
