//! `twogate test`, through the binary: every quantifier held and broken, its three formats, and which rules nothing protects.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::cli::{Place, Ran};

const SHOP: &str = "namespace shop

workload web = app=web account web
workload db = app=db account db
workload old = app=old unmeshed

allow web -> db:5432 mtls
allow web -> app=api:8080 mtls http GET /a, POST /b
allow old -> app=page:80
allow app=* -> app=log:514/udp
";

/// A folder with that program and these lines.
fn shop(lines: &str) -> Place {
    Place::with(&[("intents/shop.intent", &format!("{SHOP}\n{lines}"))])
}

/// Compares with `snapshots/test/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate::pages::root().join("snapshots/test"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn expectations_that_hold_are_exit_status_0() {
    let lines = "expect allow web -> db:5432
expect allow web -> db:5432 mtls
expect only web -> db:5432 mtls
expect only web -> app=api:8080 mtls http GET /a, POST /b
expect some app=* -> app=log:514/udp
expect deny * -> db plaintext
expect deny * -> app=api:8080 http DELETE
expect deny outside -> *
expect deny * but web -> app=api
expect allow old -> app=page:80 plaintext
";
    let ran = shop(lines).run("test");
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("10 of 10 expectations hold\n"), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("ok    expect ")).count(), 10, "{}", ran.stdout);
}

/// Each quantifier, broken: the flow that decides, and gate by gate who lets it pass or stops it.
#[test]
fn each_quantifier_fails_with_its_flow_and_its_gates() {
    let broken = [
        ("deny-passes", "expect deny web -> db:5432"),
        ("deny-one-request", "expect deny * -> app=api http POST /b"),
        ("deny-plaintext", "expect deny old -> app=page plaintext"),
        ("allow-stopped", "expect allow web -> db:5433"),
        ("allow-plaintext-stopped", "expect allow web -> db:5432 plaintext"),
        ("allow-request-stopped", "expect allow web -> app=api:8080 mtls http GET /c"),
        ("allow-somebody-stopped", "expect allow app=web|job -> db:5432 mtls"),
        ("some-none", "expect some web -> internet"),
        ("only-somebody-else", "expect only app=web,tier=front -> db:5432"),
        ("only-stopped", "expect only app=job -> db:5432"),
        ("only-without-mtls", "expect only old -> app=page:80 mtls"),
        ("empty", "expect deny app=web,app=api -> db"),
    ];
    let mut text = String::new();
    for (name, line) in broken {
        let ran = shop(&format!("{line}\n")).run("test");
        assert_eq!(ran.status, 1, "{name}: {}{}", ran.stdout, ran.stderr);
        if name != "empty" {
            assert!(ran.stdout.starts_with("FAIL  ") && ran.stdout.ends_with("0 of 1 expectation holds\n"), "{name}: {}", ran.stdout);
        }
        writeln!(text, "# {name}\n{}{}", ran.stdout, ran.stderr).unwrap();
    }
    snapshot("broken", &text);
}

/// A flow that is shown is one that the rest of the tool sees alike.
#[test]
fn a_flow_that_is_shown_can_be_explained() {
    let place = shop("expect deny web -> db:5432\n");
    let shown = json(&place.run("test --format json"));
    let flow = shown["expectations"][0]["failure"]["flow"].as_str().unwrap();
    assert_eq!(flow, "app=web@shop as web -> app=db@shop:5432 over mTLS");
    let explained = place.command(&["explain", flow]).output().unwrap();
    assert_eq!(explained.status.code(), Some(0), "who looks for the reason of a failure gets an answer");
    let told = String::from_utf8(explained.stdout).unwrap();
    assert!(told.starts_with("ALLOWED"), "the gates let it pass: {told}");
    assert!(told.contains("note: expected `deny web -> db:5432`, but a flow passes"), "that it fails is told all the same: {told}");
    assert_eq!(place.run("compile").status, 1, "and nothing is written");
}

/// Where another error leaves nothing to be asked, the findings are those of `check`.
#[test]
fn beside_another_error_a_broken_expectation_is_one() {
    let place = shop("expect deny web -> db:5432\n");
    std::fs::write(place.path("twogate.toml"), "[mesh]\nmod = \"none\"\n").unwrap();
    let levels = |command: &str| {
        let told = json(&place.run(command));
        let findings = told["findings"].as_array().unwrap().iter();
        findings.map(|finding| format!("{} {}", finding["code"], finding["level"])).collect::<Vec<_>>()
    };
    let checked = levels("check --format json");
    assert!(checked.contains(&"\"expectation-failed\" \"error\"".to_owned()), "{checked:?}");
    assert_eq!(levels("list --format json"), checked);
}

#[test]
fn a_program_with_a_broken_expectation_is_listed() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME, namespace: shop, labels: {app: NAME}}\nspec: {serviceAccountName: NAME, containers: [{name: c}]}\n";
    let pods = ["web", "db"].map(|name| manifest.replace("NAME", name)).join("---\n");
    let place = shop("expect deny web -> db:5432\n");
    std::fs::write(place.path("pods.yaml"), pods).unwrap();
    let listed = place.run("list --inventory pods.yaml");
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    assert!(
        listed.stdout.contains("TCP 5432") && listed.stderr.contains("warning[expectation-failed]"),
        "{}{}",
        listed.stdout,
        listed.stderr
    );
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.stdout))
}

#[test]
fn json_has_one_shape() {
    let place = shop("expect deny web -> db:5432\nexpect allow web -> db:5432\n");
    let ran = place.run("test --format json --unprotected");
    assert_eq!(ran.status, 1);
    let value = json(&ran);
    assert_eq!(value["version"], 1);
    let cases = value["expectations"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    let keys = |value: &Value| value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    let failed = cases.iter().find(|case| case["holds"] == false).unwrap();
    assert_eq!(keys(failed), "text place holds failure");
    assert_eq!(keys(&failed["failure"]), "reason flow gates");
    assert_eq!((&failed["text"], &failed["place"]), (&"expect deny web -> db:5432".into(), &"intents/shop.intent:12".into()));
    assert_eq!(failed["failure"]["gates"].as_array().unwrap().len(), 4, "{failed}");
    let held = cases.iter().find(|case| case["holds"] == true).unwrap();
    assert_eq!(keys(held), "text place holds");
    assert!(value["unprotected"].as_array().unwrap().iter().all(|line| keys(line) == "text place"), "{value}");
    assert!(json(&place.run("test --format json")).get("unprotected").is_none(), "nobody asked");
}

/// What a CI server reads of `JUnit`: suites, cases and failures, each with its attributes.
#[derive(Debug, Default)]
struct Junit {
    suite: Vec<(String, String)>,
    cases: Vec<(String, String)>,
    /// Message and text.
    failures: Vec<(String, String)>,
}

fn junit(text: &str) -> Junit {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut found = Junit::default();
    let mut in_failure = false;
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return found,
            Event::Start(element) | Event::Empty(element) => {
                let attributes: Vec<(String, String)> = element
                    .attributes()
                    .map(|attribute| attribute.unwrap())
                    .map(|attribute| {
                        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned();
                        (attribute.key.as_ref().to_owned(), value)
                    })
                    .collect();
                let of = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
                match element.name().as_ref() {
                    "testsuite" => found.suite = attributes.clone(),
                    "testcase" => found.cases.push((of("classname"), of("name"))),
                    "failure" => {
                        found.failures.push((of("message"), String::new()));
                        in_failure = true;
                    }
                    other => panic!("<{other}>"),
                }
            }
            Event::End(element) if element.name().as_ref() == "failure" => in_failure = false,
            Event::Text(text) if in_failure => found.failures.last_mut().unwrap().1.push_str(&text),
            Event::GeneralRef(entity) if in_failure => {
                let text = quick_xml::escape::resolve_predefined_entity(&entity).unwrap().to_owned();
                found.failures.last_mut().unwrap().1.push_str(&text);
            }
            _ => {}
        }
    }
}

#[test]
fn junit_is_read_back_as_it_was_meant() {
    let place = shop(
        "expect deny web -> db:5432\nexpect allow web -> db:5432\nexpect deny * but web -> app=api:8080 http GET /a header x-q=\"<&>\"\n",
    );
    let ran = place.run("test --format junit");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let found = junit(&ran.stdout);
    let suite = |name: &str| found.suite.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((suite("name"), suite("tests"), suite("failures")), (Some("twogate"), Some("3"), Some("1")));
    assert_eq!(found.cases.len(), 3);
    assert!(found.cases.iter().all(|(place, _)| place.starts_with("intents/shop.intent:")), "{:?}", found.cases);
    assert!(found.cases.iter().any(|(_, name)| name.contains("<&>")), "{:?}", found.cases);
    let (message, text) = &found.failures[0];
    assert_eq!(message, "this connection passes");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "app=web@shop as web -> app=db@shop:5432 over mTLS");
    assert_eq!(lines[1], "leaves app=web@shop  NetworkPolicy shop/web, egress rule 1 (from `allow web -> db:5432 mtls`)");
}

/// The unprotected rules, by their texts.
fn unprotected(lines: &str) -> Vec<String> {
    let value = json(&shop(lines).run("test --format json --unprotected"));
    value["unprotected"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_that_nothing_protects_are_listed_and_no_others() {
    let rules = [
        "allow app=* -> app=log:514/udp",
        "allow old -> app=page:80",
        "allow web -> app=api:8080 mtls http GET /a, POST /b",
        "allow web -> db:5432 mtls",
    ];
    let but = |protected: &[usize]| -> Vec<&str> {
        rules.iter().enumerate().filter(|(at, _)| !protected.contains(at)).map(|(_, rule)| *rule).collect()
    };
    assert_eq!(unprotected("expect deny outside -> *\n"), but(&[]), "a `deny` holds all the better without a rule");
    assert_eq!(unprotected("expect allow web -> db:5432\n"), but(&[3]));
    assert_eq!(unprotected("expect some app=* -> app=log:514/udp\nexpect only old -> app=page:80\n"), but(&[0, 1]));
    assert_eq!(unprotected("expect allow web -> app=api:8080 mtls http POST /b\n"), but(&[2]));
    // One that fails anyhow protects nothing.
    assert_eq!(unprotected("expect allow web -> db:5433\n"), but(&[]));
}

/// A `deny` is a rule too, and so is one of two rules that open the same.
#[test]
fn denies_and_doubles_are_judged_as_rules() {
    let program = "namespace shop
workload web = app=web account web
workload old = app=web,tier=old account web
allow web -> app=db:5432 mtls
allow app=web -> app=db:5432 mtls
deny app=web,tier=old -> app=db
";
    let list = |lines: &str| -> Vec<String> {
        let place = Place::with(&[("intents/shop.intent", &format!("{program}{lines}"))]);
        let value = json(&place.run("test --format json --unprotected"));
        value["unprotected"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("expect deny app=web,tier=old -> app=db\n"), ["allow app=web -> app=db:5432 mtls", "allow web -> app=db:5432 mtls"]);
    let both = list("expect some web -> app=db:5432\n");
    assert!(both.contains(&"deny app=web,tier=old -> app=db".to_owned()), "{both:?}");
    assert!(both.iter().any(|rule| rule.starts_with("allow")), "either of the two may go: {both:?}");
}

#[test]
fn the_summary_counts_what_is_unprotected() {
    let ran = shop("expect allow web -> db:5432\n").run("test --unprotected");
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert!(ran.stdout.ends_with("1 of 1 expectation holds, 3 rules unprotected\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("unprotected  allow old -> app=page:80  intents/shop.intent:9\n"), "{}", ran.stdout);
}

#[test]
fn a_program_without_expectations_holds() {
    let ran = shop("").run("test");
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "0 of 0 expectations hold\n"), "{}", ran.stderr);
}

#[test]
fn an_expectation_of_mtls_is_not_said_to_hold_beside_a_destination_rule_that_turns_clients_away() {
    let shop = shop("expect allow web -> db:5432 mtls");
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: plain, namespace: shop}\n\
                spec: {host: db, trafficPolicy: {tls: {mode: DISABLE}}}\n";
    std::fs::write(shop.path("rule.yaml"), rule).unwrap();
    let ran = shop.run("test intents --alongside rule.yaml");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("alongside-changes-access") && !ran.stdout.contains("holds"), "{}{}", ran.stdout, ran.stderr);
}

/// `check` decides on the intents what `test` decides on the manifests: nobody has an address of pods but these.
#[test]
fn an_address_of_pods_is_no_connection_for_either() {
    let intents =
        "namespace shop open ingress\ndeny outside -> *\nexpect some 10.244.0.7 -> app=y:80\nexpect deny 10.0.0.0/8 -> app=y:80\n";
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n[ingress]\nsource = \"client\"\n";
    let place = Place::with(&[("intents/shop.intent", intents), ("twogate.toml", config)]);
    let (checked, tested) = (place.run("check intents"), place.run("test intents"));
    assert!(checked.stderr.contains("expected `some 10.244.0.7 -> app=y:80`, but it speaks of no flow at all"), "{}", checked.stderr);
    assert!(checked.stderr.contains("1 error\n"), "{}", checked.stderr);
    assert!(tested.stdout.contains("FAIL  expect some") && tested.stdout.contains("1 of 2 expectations hold"), "{}", tested.stdout);
}

/// Where the policies of another program decide, it is these that are told.
#[test]
fn the_gates_of_another_program_are_told_as_they_decide() {
    let theirs = "namespace shop mesh sidecar\nworkload front = app=front account front\nallow front -> app=api:8080 mtls\n";
    let ours = "namespace mine mesh sidecar\nworkload m = app=m account m\nallow m -> app=api@shop:8080 mtls\nexpect allow m -> app=api@shop:8080 mtls\nexpect deny app=front@shop -> app=api@shop:8080\n";
    let place = Place::with(&[("ours.intent", ours), ("theirs.intent", theirs)]);
    let ran = place.run("test ours.intent --with theirs.intent");
    let stopped = "enters app=api@shop  NetworkPolicy shop/api, shop/default-deny: no rule of the 2 policies";
    assert!(ran.stdout.contains(stopped), "{}", ran.stdout);
    let passes = "enters app=api@shop  NetworkPolicy shop/api, ingress rule 1 (from `allow front -> app=api:8080 mtls`)\n";
    assert!(ran.stdout.contains(passes) && ran.stdout.contains("0 of 2 expectations hold"), "{}", ran.stdout);
}

/// What `check` decides on the intents is what `test` decides on the manifests, also where nobody can do what is asked.
#[test]
fn check_and_test_agree() {
    let issuer = "issuer corp = \"https://id.example\" jwks \"https://id.example/keys\" audience \"shop\"\n";
    let old = "namespace old mesh none {}\nnamespace shop {}\nallow app=web@old -> app=db@shop:80\n";
    let prod = "namespace fa {}\nnamespace fb open egress {}\nallow *@[env=prod] -> app=job@fa:80\n";
    let tokens = format!("namespace shop {{}}\n{issuer}allow app=web@shop -> app=job@shop:80 mtls http GET /a jwt corp\n");
    let cases = [
        // A token for nobody of the audiences is none of the issuer's.
        (&*tokens, "allow app=web@shop -> app=job@shop:80 mtls http GET /a jwt corp", true),
        (&*tokens, "only app=web@shop -> app=job@shop:80 mtls http GET /a jwt corp", true),
        (&*tokens, "allow app=web@shop -> app=job@shop:80 mtls http GET /a", false),
        // Pods outside the mesh, addresses and datagrams prove no identity.
        (old, "some app=web@old -> app=db@shop:80 mtls", false),
        (old, "deny app=web@old -> app=db@shop:80 mtls", false),
        (old, "allow app=web@old -> app=db@shop:80 mtls", false),
        (old, "allow app=web@old -> app=db@shop:80 plaintext", true),
        (old, "deny 192.0.2.0/24 -> app=db@shop:80 mtls", false),
        (old, "allow app=web@shop -> app=db@shop:53/udp mtls", false),
        // A managed namespace has the labels that are known of it.
        (prod, "some app=job@fb -> *@fa", false),
        (prod, "deny app=job@fb -> *@fa", true),
        (prod, "deny *@[env=prod] -> *@fa", false),
    ];
    let legacy = "namespace legacy mesh none {}\nnamespace shop {\nallow app=job@* -> app=web:80 mtls\n}\n";
    let labelled = "external namespace pay labels env=prod {}\nnamespace shop {}\nallow *@[env=dev] -> app=web@shop:80\n";
    let both = format!(
        "namespace shop\n{issuer}workload web = app=web account web\nworkload z = app=z account z\n\
         allow web -> app=job:80 mtls http GET /a jwt corp\nallow z -> app=job:80 mtls http POST /z\n"
    );
    let prod_shop = "namespace shop labels env=prod {}\nallow *@[env=prod] -> app=api@shop:80\n";
    let plain = "namespace shop\nallow app=db -> app=web:80\n";
    let requests = "namespace shop\nworkload job = app=job account job\nallow job -> app=db:80-81 mtls\ndeny job -> app=db:80 http *\n";
    let monitored = "namespace shop\nallow app=mon@* -> app=db:90 mtls\n";
    let unmeshed = "namespace shop\nworkload db = app=db account db unmeshed\nallow * -> app=web:80 mtls\n";
    let more = [
        // Who is outside the mesh does not pass where mTLS is required.
        (legacy, "allow app=job@legacy -> app=web@shop:80", false),
        (legacy, "some app=job@legacy -> app=web@shop:80", false),
        (legacy, "deny app=job@legacy -> app=web@shop:80", true),
        // What is known of the labels of others' namespaces counts, too.
        (labelled, "some *@pay -> app=web@shop:80", false),
        (labelled, "deny *@pay -> app=web@shop:80", true),
        // Nobody asks that tokens pass which do not verify.
        (&*both, "allow z -> app=job:80 mtls http POST /z", true),
        (&*both, "allow web -> app=job:80 mtls http GET /a", false),
        // Nobody has labels that no namespace of that name can have.
        (prod_shop, "allow app=web@shop -> app=api@shop:80", true),
        // Whom mTLS lets in beside plaintext is not let in by plaintext only.
        (plain, "only app=db -> app=web:80 plaintext", false),
        (plain, "allow app=db -> app=web:80 plaintext", true),
        // A workload outside the mesh is one of everybody, too, whichever of them are told first.
        (unmeshed, "allow * -> app=web:80", false),
        (unmeshed, "allow * -> app=web:80 mtls", true),
        (unmeshed, "allow app=job -> app=web:80", true),
        (unmeshed, "deny app=db -> app=web:80", true),
        // Where a `deny` on requests stands, what is no request does not occur.
        (requests, "deny job -> app=db:80", true),
        (requests, "some job -> app=db:80", false),
        (requests, "allow job -> app=db:80", false),
        (requests, "allow job -> app=db:81", true),
        // Into namespaces of the system Istio puts no sidecar, though nobody declares them.
        (monitored, "allow app=mon@kube-system -> app=db:90", false),
        (monitored, "deny *@kube-system -> app=db:90", true),
        (monitored, "allow app=mon@watch -> app=db:90", true),
    ];
    for (program, expected, holds) in cases.into_iter().chain(more) {
        let place =
            Place::with(&[("a.intent", &format!("{program}expect {expected}\n")), ("twogate.toml", "[ingress]\nsource = \"client\"\n")]);
        let ran = |command: &str| place.run(&format!("{command} a.intent"));
        assert_eq!(ran("check").status == 0, holds, "check, {expected}\n{}", ran("check").stderr);
        assert_eq!(ran("test").status == 0, holds, "test, {expected}\n{}", ran("test").stdout);
    }
}

/// Where the mesh's mode is none, namespaces of which nobody says more have no mesh: an expectation of their mTLS speaks of no connection.
#[test]
fn namespaces_that_nobody_describes_are_in_the_mesh_as_its_mode_says() {
    let program = |rule: &str, beside: &str| {
        format!("{beside}namespace shop mesh sidecar {{\n  workload db = app=db account db\n  allow app=q@pay -> db:90{rule}\n}}\n")
    };
    let declared = "external namespace pay mesh sidecar {}\n";
    let cases = [
        (program(" mtls", ""), "some app=q@pay -> db@shop:90", [false, true]),
        (program(" mtls", ""), "allow app=q@pay -> db@shop:90 mtls", [false, true]),
        (program(" mtls", ""), "deny app=q@pay -> db@shop:90", [true, false]),
        (program(" mtls", declared), "allow app=q@pay -> db@shop:90 mtls", [true, true]),
        (program("", ""), "allow app=q@pay -> db@shop:90 mtls", [false, true]),
        (program("", ""), "allow app=q@pay -> db@shop:90 plaintext", [true, true]),
    ];
    for (program, expected, holds) in cases {
        for (mode, holds) in ["none", "sidecar"].into_iter().zip(holds) {
            let text = format!("{program}expect {expected}\n");
            let place = Place::with(&[("a.intent", &text), ("twogate.toml", &format!("[mesh]\nmode = \"{mode}\"\n"))]);
            let ran = |command: &str| place.run(&format!("{command} a.intent"));
            assert_eq!(ran("check").status == 0, holds, "check, {mode}, {expected}\n{}", ran("check").stderr);
            assert_eq!(ran("test").status == 0, holds, "test, {mode}, {expected}\n{}", ran("test").stdout);
        }
    }
}

/// What policies of others do to namespaces that the intents do not manage counts for `check` as it does for `test`.
#[test]
fn check_and_test_agree_beside_policies_of_others() {
    let shut = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: shut, namespace: edge}\n\
                spec: {podSelector: {}, policyTypes: [Egress]}\n";
    for (expected, holds) in [("some", false), ("allow", false), ("only", false), ("deny", true)] {
        let text = format!("namespace shop\nallow app=web@edge -> app=db:80\nexpect {expected} app=web@edge -> app=db:80\n");
        let place = Place::with(&[("a.intent", &text), ("shut.yaml", shut)]);
        let ran = |command: &str| place.run(&format!("{command} a.intent --alongside shut.yaml"));
        assert_eq!(ran("check").status == 0, holds, "check, {expected}\n{}", ran("check").stderr);
        assert_eq!(ran("test").status == 0, holds, "test, {expected}\n{}", ran("test").stdout);
    }
}

/// The flow that is shown for an expectation of which nothing passes is one that it asks for, and is stopped.
#[test]
fn what_is_shown_as_stopped_is_stopped() {
    let text = "namespace shop\nworkload web = app=web account w\nallow web -> app=db:80 mtls\nexpect some web -> app=db:80 plaintext\n";
    let ran = Place::with(&[("a.intent", text)]).run("test a.intent");
    assert!(ran.stdout.contains("app=db@shop:80 in plaintext\n"), "{}", ran.stdout);
}

/// Silence would read as success: what kept everything from being tested is told in the format that was asked for.
#[test]
fn what_cannot_be_tested_is_told_in_every_format() {
    let place = Place::with(&[("intents/shop.intent", "namespace shop\nallow app=web -> app=db:70000\nexpect deny app=job -> app=db\n")]);
    let human = place.run("test");
    assert!(human.status == 1 && human.stdout.is_empty() && human.stderr.contains("error[invalid-port]"), "{}", human.stderr);
    let json = place.run("test --format json");
    let findings: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.status, &findings["findings"][0]["code"]), (1, &Value::from("invalid-port")));
    let junit = place.run("test --format junit");
    assert!(junit.status == 1 && junit.stderr.contains("error[invalid-port]"), "{}", junit.stderr);
    let suite = "<testsuite name=\"twogate\" tests=\"1\" failures=\"0\" errors=\"1\">";
    assert!(junit.stdout.contains(suite) && junit.stdout.contains("<error message=\"`70000` is no port\"/>"), "{}", junit.stdout);
}
