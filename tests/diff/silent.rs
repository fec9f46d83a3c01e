//! Changes that no rule's text shows: what others say of namespaces and workloads, names that expectations use, the mesh; and by what they are told.

use twogate::compile::Input;
use twogate::diff::{Compared, Condition, Detail, FactKind, Failing, Revision, intents};
use twogate::flow::Transport;
use twogate::source::Source;

use super::manifests;

/// The intents and the inventory of a side.
type Side<'a> = [&'a str; 2];

fn revision([own, inventory]: Side<'_>) -> Revision {
    let mut input = Input::default();
    let own = input.sources.add(Source::new("shop.intent", own));
    input.intents.push(own);
    if !inventory.is_empty() {
        let inventory = input.sources.add(Source::new("i.yaml", inventory));
        input.inventory.push(inventory);
    }
    Revision { name: String::new(), input }
}

fn compared(base: Side<'_>, head: Side<'_>) -> Compared {
    intents(revision(base), revision(head), Detail::Access).map_err(|unjudged| unjudged.findings).unwrap()
}

/// All entries, each with who, whom and what.
fn lines(compared: &Compared) -> Vec<String> {
    let line = |entry: &twogate::diff::Entry| {
        format!("{:?} {} -> {}: {}: {} -> {}", entry.kind, entry.who, entry.whom, entry.on, entry.before, entry.after)
    };
    compared.report.entries.iter().map(line).collect()
}

fn fails(compared: &Compared, failing: Failing) -> bool {
    Condition { failing, scope: None }.is_met(&compared.report, [&compared.base, &compared.head])
}

fn namespace(labels: &str) -> String {
    format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: pay, labels: {{{labels}}}}}}}\n")
}

#[test]
fn a_label_that_a_namespace_of_the_inventory_no_longer_has_is_gone() {
    let (with, without) = (namespace("env: test"), namespace(""));
    let denied = "namespace shop\nallow *@* -> app=db:80\ndeny *@[env=test] -> app=db\n";
    let found = compared([denied, &with], [denied, &without]);
    assert_eq!(lines(&found), ["Across *@pay -> app=db@shop: 80: denied -> allowed"]);
    assert!(fails(&found, Failing::Gained));
    let back = compared([denied, &without], [denied, &with]);
    assert_eq!(lines(&back), ["Closed *@pay -> app=db@shop: 80: allowed -> denied"]);
    assert!(fails(&back, Failing::Lost) && !fails(&back, Failing::Gained));
}

#[test]
fn a_label_that_a_namespace_of_the_inventory_gains_opens_what_rules_say_of_it() {
    let (with, without) = (namespace("env: prod"), namespace(""));
    let allowed = "namespace shop\nallow *@[env=prod] -> app=db:80\n";
    assert_eq!(lines(&compared([allowed, &without], [allowed, &with])), ["Across *@pay -> app=db@shop: 80: denied -> allowed"]);
    assert_eq!(lines(&compared([allowed, &with], [allowed, &without])), ["Closed *@pay -> app=db@shop: 80: allowed -> denied"]);
    // A namespace that nobody describes on one side may have had the label, or not.
    assert_eq!(lines(&compared([allowed, ""], [allowed, &with])), [""; 0]);
    assert_eq!(lines(&compared([allowed, &with], [allowed, ""])), [""; 0]);
}

#[test]
fn a_label_that_a_declaration_of_an_external_namespace_gains_opens_what_rules_say_of_it() {
    let side = |labels: &str| {
        let others = format!("external namespace pay{labels} {{ workload w = app=w account w }}\n");
        others + "namespace shop {\nallow *@[env=prod] -> app=db:80\n}\n"
    };
    let found = compared([&side(""), ""], [&side(" labels env=prod"), ""]);
    assert_eq!(lines(&found), ["Across *@pay -> app=db@shop: 80: denied -> allowed"]);
    assert!(fails(&found, Failing::Gained));
}

/// The expectations that fail now.
fn failing(compared: &Compared) -> Vec<&str> {
    compared.report.facts.iter().filter(|fact| fact.kind == FactKind::Expectation && fact.fails).map(|fact| fact.text.as_str()).collect()
}

#[test]
fn an_expectation_fails_by_what_its_names_mean() {
    let group =
        |more: &str| format!("namespace shop\ngroup g = app=job{more}\nallow app=web|api -> app=db:80\nexpect deny g -> app=db:80\n");
    let network = |more: &str| {
        format!("namespace shop\nnetwork o = 198.51.100.0/24{more}\nallow 203.0.113.0/24 -> app=db:80\nexpect deny o -> app=db:80\n")
    };
    let workload = |more: &str| {
        format!("namespace shop\nworkload w = app=web{more}\nallow app=web,tier=x -> app=db:80\nexpect allow w -> app=db:80\n")
    };
    for (base, head, wanted) in [
        (group(""), group(" or app=api"), "expect deny g -> app=db:80"),
        (network(""), network(", 203.0.113.9/32"), "expect deny o -> app=db:80"),
        (workload(",tier=x"), workload(""), "expect allow w -> app=db:80"),
    ] {
        let found = compared([&base, ""], [&head, ""]);
        assert_eq!(failing(&found), [wanted]);
        assert!(fails(&found, Failing::Any) && found.report.summary().ends_with("1 expectation fails"), "{}", found.report.summary());
        // One that held, and one that failed before, are nothing new.
        assert_eq!(failing(&compared([&head, ""], [&base, ""])), [""; 0]);
        assert_eq!(failing(&compared([&head, ""], [&(head.clone() + "allow app=x -> app=y:9\n"), ""])), [""; 0]);
    }
}

fn deployment(name: &str, namespace: &str, [annotations, spec]: [&str; 2]) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{selector: {{matchLabels: \
         {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}, spec: {{serviceAccountName: \
         {name}, containers: [{{name: c, image: i}}]{spec}}}}}}}\n"
    )
}

const REFUSED: [&str; 2] = ["sidecar.istio.io/inject: \"false\"", ""];

#[test]
fn a_caller_of_the_inventory_that_leaves_the_mesh_loses_what_asks_for_mtls() {
    let own = "namespace shop\nallow *@pay -> app=db:80 mtls\n";
    let (inside, outside) = (deployment("web", "pay", ["", ""]), deployment("web", "pay", REFUSED));
    let found = compared([own, &inside], [own, &outside]);
    assert_eq!(lines(&found), ["Closed app=web@pay -> app=db@shop: 80: allowed, mTLS -> denied"]);
    assert!(fails(&found, Failing::Lost));
    assert_eq!(found.report.entries[0].callers, ["Deployment pay/web"]);
    assert_eq!(causes(&found, "app=web@pay"), ["2: workload `web@pay` takes part in the mesh in another way"]);
    let back = compared([own, &outside], [own, &inside]);
    assert_eq!(lines(&back), ["Across app=web@pay -> app=db@shop: 80: denied -> allowed, mTLS"]);
}

#[test]
fn a_workload_of_the_inventory_that_leaves_the_mesh_has_one_gate() {
    let own = "namespace shop\nallow app=web -> app=db:80\n";
    let (inside, outside) = (deployment("db", "shop", ["", ""]), deployment("db", "shop", REFUSED));
    let found = compared([own, &inside], [own, &outside]);
    let [both, one] = ["guarded by NetworkPolicy and AuthorizationPolicy", "guarded by NetworkPolicy alone"];
    assert_eq!(lines(&found), [format!("OneGate anywhere -> app=db@shop: : {both} -> {one}")]);
    assert!(fails(&found, Failing::Weakened));
    // What is declared of it holds, whatever the inventory says.
    let declared = "namespace shop\nworkload db = app=db unmeshed\nallow app=web -> app=db:80\n";
    assert_eq!(lines(&compared([declared, &inside], [declared, &outside])), [""; 0]);
}

#[test]
fn of_a_workload_on_its_nodes_network_nobody_says_that_access_did_not_change() {
    let own = "namespace shop\nallow app=web -> app=db:80\n";
    let (inside, outside) = (deployment("db", "shop", ["", ""]), deployment("db", "shop", ["", ", hostNetwork: true"]));
    let found = compared([own, &inside], [own, &outside]);
    assert_eq!(found.report.summary(), "1 change whose effect is not known");
    assert!(fails(&found, Failing::Assumption) && fails(&found, Failing::Unspecified));
}

/// Labels that another workload has too do not tell whose connections change.
#[test]
fn of_a_workload_whose_labels_others_have_too_nobody_says_what_changes() {
    let own = "namespace shop\nallow *@pay -> app=db:80 mtls\n";
    let with_other = |spec| deployment("web", "pay", spec) + &deployment("web", "pay", ["", ""]).replacen("name: web", "name: other", 1);
    let found = compared([own, &with_other(["", ""])], [own, &with_other(REFUSED)]);
    assert_eq!(found.report.summary(), "1 change whose effect is not known");
}

const CLUSTER: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}\n---\n\
    {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {serviceAccountName: web, containers: \
    [{name: c}]}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}, spec: {serviceAccountName: \
    db, containers: [{name: c}]}}\n---\n{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {selector: {app: db}, \
    ports: [{port: 80}]}}\n---\n";

#[test]
fn who_speaks_mtls_gains_what_who_speaks_plaintext_loses() {
    let side = |action: &str| {
        format!(
            "{CLUSTER}{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: p, namespace: shop}}, spec: \
             {{selector: {{matchLabels: {{app: db}}}}, action: {action}, rules: [{{from: [{{source: {{namespaces: [shop]}}}}]}}]}}}}\n"
        )
    };
    let config = "[mesh]\nmode = \"sidecar\"\n[network-plugin]\nsctp = \"yes\"\n";
    let (denying, allowing) = (side("DENY"), side("ALLOW"));
    let entry = |found: &Compared| {
        let entry = found.report.entries.iter().find(|entry| entry.who == "*@shop").unwrap();
        let head = |example: &twogate::diff::Example| example.head.transport;
        (entry.kind.name(), entry.before.clone(), entry.after.clone(), entry.loses(), head(&entry.example))
    };
    let words = |before: &str, after: &str| (before.to_owned(), after.to_owned());
    let there = manifests::compared(&denying, &allowing, config);
    let (before, after) = words("allowed, plaintext", "allowed, mTLS");
    assert_eq!(entry(&there), ("ports-or-requests", before, after, true, Transport::Mtls));
    assert!(fails(&there, Failing::Gained) && fails(&there, Failing::Lost));
    let back = manifests::compared(&allowing, &denying, config);
    let (before, after) = words("allowed, mTLS", "allowed, plaintext");
    assert_eq!(entry(&back), ("weakened", before, after, true, Transport::Plaintext));
    assert!(fails(&back, Failing::Weakened) && fails(&back, Failing::Lost));
}

fn remarks(compared: &Compared) -> Vec<&str> {
    compared.report.entries.iter().flat_map(|entry| &entry.remarks).map(String::as_str).collect()
}

#[test]
fn where_no_policy_isolates_pods_none_tells_callers_apart() {
    let base = "namespace shop\nallow app=web -> app=db:80 mtls\n";
    let alone = "the NetworkPolicy alone now tells callers apart";
    let closed = compared([base, ""], ["namespace shop\nallow app=web -> app=db:80\n", ""]);
    assert_eq!(remarks(&closed), [alone]);
    let open = compared([base, ""], ["namespace shop open ingress\nallow app=web -> app=db:80\n", ""]);
    assert!(open.report.entries.iter().any(|entry| entry.kind.name() == "weakened") && !remarks(&open).contains(&alone), "{open:?}");
    let unmanaged = compared([base, ""], ["external namespace shop {}\nnamespace pay {\nallow app=a -> app=b:80\n}\n", ""]);
    assert!(!remarks(&unmanaged).contains(&alone), "{unmanaged:?}");
}

/// The causes of the entry about a caller, each with its line.
fn causes(compared: &Compared, who: &str) -> Vec<String> {
    let of = |cause: &twogate::diff::Cause| {
        let before = cause.location.and_then(|at| compared.texts.of(cause.side).get(at.file)?.text().get(..at.span.start as usize));
        format!("{}: {}", before.unwrap_or_default().lines().count() + 1, cause.text)
    };
    compared.report.entries.iter().filter(|entry| entry.who == who).flat_map(|entry| &entry.causes).map(of).collect()
}

#[test]
fn a_rule_that_still_lets_in_what_is_lost_is_no_cause() {
    let base = "namespace shop\nallow app=web|api -> app=db:80\n";
    let head = "namespace shop\nallow app=web|api -> app=db:80|81\ndeny app=web -> app=db:80\n";
    let found = compared([base, ""], [head, ""]);
    assert_eq!(causes(&found, "app=web@shop"), ["3: deny app=web -> app=db:80"]);
    let back = compared([head, ""], [base, ""]);
    assert_eq!(causes(&back, "app=web@shop"), ["3: deny app=web -> app=db:80"]);
}

#[test]
fn of_an_accepted_coupling_the_rule_that_has_changed_is_named() {
    let side = |accept: &str, path: &str| {
        format!(
            "namespace shop\nworkload web = app=web account s\nworkload adm = app=adm account s\nallow web -> app=o:80 mtls http GET \
             /a{accept}\nallow adm -> app=o:80 mtls http DELETE {path}\n"
        )
    };
    let accept = " accept coupled-rules";
    let accepts = |words: &str, path: &str| {
        format!(
            "`allow web -> app=o:80 mtls http GET /a` {words} that its callers get what `allow adm -> app=o:80 mtls http DELETE {path}` grants"
        )
    };
    let changed = compared([&side(accept, "/b"), ""], [&side(accept, "/a"), ""]);
    let was = " (was `allow adm -> app=o:80 mtls http DELETE /b`)";
    assert_eq!(causes(&changed, "app=web@shop"), [format!("5: {}{was}", accepts("accepts", "/a"))]);
    let come = compared([&side("", "/a"), ""], [&side(accept, "/a"), ""]);
    assert_eq!(causes(&come, "app=web@shop"), [format!("4: {}", accepts("accepts", "/a"))]);
    let gone = compared([&side(accept, "/a"), ""], [&side("", "/a"), ""]);
    assert_eq!(causes(&gone, "app=web@shop"), [format!("4: {}; they no longer do", accepts("accepted", "/a"))]);
}

/// What two labels are asked for together, nobody gains by one of them.
#[test]
fn a_namespace_gains_what_asks_for_two_labels_by_both() {
    let own = "namespace shop\nallow *@[env=prod,team=x] -> app=db:80\n";
    let gained = ["Across *@pay -> app=db@shop: 80: denied -> allowed"];
    let lost = ["Closed *@pay -> app=db@shop: 80: allowed -> denied"];
    for (base, head, wanted) in [
        ("", "env: prod", &[][..]),
        ("env: prod", "", &[]),
        ("env: test, team: x", "env: test", &[]),
        ("team: x", "env: prod, team: x", &gained),
        ("env: prod", "env: prod, team: x", &gained),
        ("", "env: prod, team: x", &gained),
        ("env: prod, team: x", "team: x", &lost),
    ] {
        let found = compared([own, &namespace(base)], [own, &namespace(head)]);
        assert_eq!(lines(&found), wanted, "{base} -> {head}");
    }
    // A declaration need not list all labels.
    let declared = |labels: &str| {
        format!(
            "external namespace pay{labels} {{ workload w = app=w account w }}\nnamespace shop {{\nallow *@[env=prod,team=x] -> app=db:80\n}}\n"
        )
    };
    assert_eq!(
        lines(&compared([&declared(""), ""], [&declared(" labels env=prod"), ""])),
        ["Across *@[kubernetes.io/metadata.name=pay,team=x] -> app=db@shop: 80: denied -> allowed"]
    );
}

fn with_mode([own, inventory]: Side<'_>, mode: &str) -> Revision {
    let mut revision = revision([own, inventory]);
    let config = revision.input.sources.add(Source::new("twogate.toml", format!("[mesh]\nmode = \"{mode}\"\n")));
    revision.input.config = Some(config);
    revision
}

fn compared_in(mode: &str, base: Side<'_>, head: Side<'_>) -> Compared {
    let [base, head] = [base, head].map(|side| with_mode(side, mode));
    intents(base, head, Detail::Access).map_err(|unjudged| unjudged.findings).unwrap()
}

/// Where the mesh is none by default, a namespace without a word of it is outside of it.
#[test]
fn a_namespace_of_others_that_joins_the_mesh_is_told_where_there_is_none_by_default() {
    let own = "namespace shop mesh sidecar\nallow *@pay -> app=db:80 mtls\n";
    let [unsaid, joined, kept] = ["", "istio-injection: enabled", "istio-injection: disabled"].map(namespace);
    let gained = ["Across *@pay -> app=db@shop: 80: denied -> allowed, mTLS"];
    let lost = ["Closed *@pay -> app=db@shop: 80: allowed, mTLS -> denied"];
    for (base, head, wanted) in [
        (&unsaid, &joined, &gained[..]),
        (&joined, &unsaid, &lost),
        (&kept, &joined, &gained),
        (&kept, &unsaid, &[]),
        (&unsaid, &kept, &[]),
    ] {
        let found = compared_in("none", [own, base], [own, head]);
        assert_eq!(lines(&found), wanted, "{base} -> {head}");
    }
    // Where it is sidecars, one that says so is what it was.
    assert_eq!(lines(&compared_in("sidecar", [own, &unsaid], [own, &joined])), [""; 0]);
    assert_eq!(lines(&compared_in("sidecar", [own, &unsaid], [own, &kept])), lost);
    // One that nobody describes on one side is outside of it, too.
    assert_eq!(lines(&compared_in("none", [own, ""], [own, &joined])), gained);
    assert_eq!(lines(&compared_in("none", [own, &joined], [own, ""])), lost);
    assert_eq!(lines(&compared_in("none", [own, ""], [own, &kept])), [""; 0]);
    // Where nothing of ours is in the mesh, it changes no access.
    let outside = "namespace shop\nallow *@pay -> app=db:80\nallow app=db -> *@pay:90\n";
    for (base, head) in [(&unsaid, &joined), (&joined, &unsaid), (&kept, &joined)] {
        let found = compared_in("none", [outside, base], [outside, head]);
        assert_eq!(lines(&found), [""; 0]);
    }
}

/// The same where it is the intents that speak of it, or a namespace of ours.
#[test]
fn a_namespace_of_which_nobody_spoke_joins_the_mesh_where_there_is_none_by_default() {
    let own = "namespace shop mesh sidecar {\nallow *@pay -> app=db:80 mtls\n}\n";
    let with = |more: &str| more.to_owned() + own;
    let [joined, kept, labelled] =
        ["mesh sidecar", "mesh none", "labels env=prod"].map(|said| with(&format!("external namespace pay {said} {{}}\n")));
    let ours = with("namespace pay mesh sidecar open egress {}\n");
    let unmeshed = with("external namespace pay mesh none { workload web = app=web unmeshed }\n");
    let gained = ["Across *@pay -> app=db@shop: 80: denied -> allowed, mTLS"];
    let lost = ["Closed *@pay -> app=db@shop: 80: allowed, mTLS -> denied"];
    let found = |base: &str, head: &str| compared_in("none", [base, ""], [head, ""]);
    assert_eq!(lines(&found(own, &joined)), gained);
    assert_eq!(lines(&found(&joined, own)), lost);
    assert!(lines(&found(own, &ours)).contains(&gained[0].to_owned()), "{:?}", lines(&found(own, &ours)));
    for (base, head) in [(own, &*kept), (&kept, own), (own, &labelled), (&labelled, own), (own, &unmeshed), (&unmeshed, own)] {
        assert_eq!(lines(&found(base, head)), [""; 0], "{base} -> {head}");
    }
    assert_eq!(causes(&found(own, &joined), "*@pay"), ["2: namespace `pay`: mesh sidecar instead of none"]);
    // Its labels are not known on the side that does not speak of it.
    let labels = "external namespace pay labels env=prod mesh sidecar {}\n";
    let asked = "namespace shop mesh sidecar {\nallow *@[env=prod] -> app=db:80\n}\n";
    assert_eq!(lines(&found(asked, &(labels.to_owned() + asked))), [""; 0]);
}

/// Of namespaces that neither side speaks of nothing changes by the first that joins the mesh: it is told of this one.
#[test]
fn the_first_namespace_that_joins_the_mesh_takes_no_other_with_it() {
    let side = |mesh: &str, more: &str| format!("namespace shop mesh {mesh} {{\nallow app=web -> app=db:80{more}\n}}\n");
    let found = compared_in("none", [&side("none", ""), ""], [&side("sidecar", " mtls"), ""]);
    let wanted = "Tightened app=web@shop -> app=db@shop: 80: allowed, in plaintext too -> allowed, mTLS";
    assert!(lines(&found).contains(&wanted.to_owned()), "{:?}", lines(&found));
    let texts: Vec<&str> = found.report.entries.iter().flat_map(|entry| &entry.causes).map(|cause| cause.text.as_str()).collect();
    let is_of_shop = |text: &&str| text.contains("namespace `shop`") || text.starts_with("allow ");
    assert!(texts.iter().all(is_of_shop), "{texts:?}");
}

/// A workload that says itself how it takes part does not turn with its namespace.
#[test]
fn a_workload_may_turn_against_its_namespace() {
    let own = "namespace shop\nallow *@pay -> app=db:80 mtls\n";
    let side = |of_namespace: &str, of_workload: &str| {
        let labels = if of_workload.is_empty() { String::new() } else { format!(", {of_workload}") };
        format!(
            "{}{}",
            namespace(of_namespace),
            deployment("web", "pay", ["", ""]).replacen("labels: {app: web}", &format!("labels: {{app: web{labels}}}"), 1)
        )
    };
    let [inside, unsaid, outside] = ["istio-injection: enabled", "", "istio.io/dataplane-mode: none"];
    let [asks, refuses] = ["true", "false"].map(|value| format!("sidecar.istio.io/inject: \"{value}\""));
    for (base, head, wanted) in [
        // The namespace leaves, and the workload stays.
        (side(inside, ""), side(outside, &asks), &["Closed *@pay -> app=db@shop: 80: allowed, mTLS -> denied"][..]),
        (side(outside, &asks), side(inside, ""), &["Across *@pay -> app=db@shop: 80: denied -> allowed, mTLS"]),
        // The namespace joins, and the workload leaves, or stays outside.
        (side(outside, ""), side(inside, &refuses), &["Across *@pay -> app=db@shop: 80: denied -> allowed, mTLS"]),
        (
            side(outside, &asks),
            side(inside, &refuses),
            &[
                "Across app!=web@pay -> app=db@shop: 80: denied -> allowed, mTLS",
                "Closed app=web@pay -> app=db@shop: 80: allowed, mTLS -> denied",
            ],
        ),
        (side(unsaid, &refuses), side(outside, ""), &["Closed *@pay -> app=db@shop: 80: allowed, mTLS -> denied"]),
        (side(inside, ""), side(outside, ""), &["Closed *@pay -> app=db@shop: 80: allowed, mTLS -> denied"]),
    ] {
        assert_eq!(lines(&compared([own, &base], [own, &head])), wanted, "{base} -> {head}");
    }
}

/// Who takes part in the mesh otherwise than its namespace is not among those of whom an entry about its namespace is true.
#[test]
fn a_workload_that_keeps_out_of_the_mesh_gains_nothing_by_its_namespace() {
    let own = "namespace shop mesh sidecar\nallow app=web@pay -> app=db:80 mtls\n";
    let [unsaid, joined] = ["", "istio-injection: enabled"].map(namespace);
    let (web, other) = (deployment("web", "pay", REFUSED), deployment("web", "pay", ["", ""]).replacen("name: web", "name: other", 1));
    let not_of_it = "not of Deployment pay/web: outside of the mesh";
    for (base, head, callers) in [
        // Other pods may have its labels.
        (unsaid.clone() + &web, joined.clone() + &web, &[][..]),
        (unsaid.clone(), joined.clone() + &web, &[]),
        (unsaid.clone() + &web, joined.clone(), &[]),
        (unsaid.clone() + &web + &other, joined.clone() + &web + &other, &["Deployment pay/other"]),
    ] {
        for (base, head, wanted) in [
            (&base, &head, "Across app=web@pay -> app=db@shop: 80: denied -> allowed, mTLS"),
            (&head, &base, "Closed app=web@pay -> app=db@shop: 80: allowed, mTLS -> denied"),
        ] {
            let found = compared_in("none", [own, base], [own, head]);
            assert_eq!(lines(&found), [wanted], "{base} -> {head}");
            assert_eq!(found.report.entries[0].callers, callers, "{base} -> {head}");
            assert_eq!(remarks(&found), [not_of_it], "{base} -> {head}");
        }
    }
    // What it gains or loses by a rule, it does.
    let both = own.replace(" mtls", "");
    let found = compared_in("none", [own, &(joined.clone() + &web)], [&both, &(joined.clone() + &web)]);
    let wanted = [
        "Across app=web@pay -> app=db@shop: 80: denied -> allowed",
        "Weakened app=web@pay -> app=db@shop: 80: allowed, mTLS -> allowed, in plaintext too",
    ];
    assert_eq!(lines(&found), wanted);
    assert_eq!(found.report.entries[0].callers, ["Deployment pay/web"]);
    assert!(fails(&found, Failing::Gained));
}

/// Pods of namespaces of which nobody says that they are in the mesh may be in it, or not; both are told, and who is known to be outside is
/// named for that alone.
#[test]
fn what_pods_outside_of_the_mesh_gain_is_told_where_namespaces_do_not_say_it() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@pay -> app=db:80{mtls}\n");
    let (asked, not_asked) = (side(" mtls"), side(""));
    let none = "namespace shop mesh sidecar\n";
    let outside = "of pods outside of the mesh, where `mesh.mode` has those of namespaces that do not say it";
    for inventory in [deployment("web", "pay", ["", ""]), namespace("") + &deployment("web", "pay", ["", ""])] {
        let found = |base: &str, head: &str| compared_in("none", [base, &inventory], [head, &inventory]);
        let dropped = found(&asked, &not_asked);
        let wanted = [
            "Across *@pay -> app=db@shop: 80: denied -> allowed",
            "Weakened *@pay -> app=db@shop: 80: allowed, mTLS -> allowed, in plaintext too",
        ];
        assert_eq!(lines(&dropped), wanted);
        assert!(remarks(&dropped).contains(&outside) && fails(&dropped, Failing::Gained) && fails(&dropped, Failing::Weakened));
        let added = found(&not_asked, &asked);
        let wanted = [
            "Closed *@pay -> app=db@shop: 80: allowed -> denied",
            "Tightened *@pay -> app=db@shop: 80: allowed, in plaintext too -> allowed, mTLS",
        ];
        assert_eq!(lines(&added), wanted);
        // Who is outside gains nothing where mTLS is asked for.
        let come = found(none, &asked);
        assert_eq!(lines(&come), ["Across *@pay -> app=db@shop: 80: denied -> allowed, mTLS"]);
        assert_eq!(come.report.entries[0].callers, [""; 0]);
        assert_eq!(remarks(&come), ["not of Deployment pay/web: outside of the mesh"]);
        // Where no mTLS is asked for, all pods gain the same.
        let plain = found(none, &not_asked);
        assert_eq!(lines(&plain), ["Across *@pay -> app=db@shop: 80: denied -> allowed"]);
        assert_eq!(plain.report.entries[0].callers, ["Deployment pay/web"]);
    }
}

/// Who may speak mTLS where nobody asks for it reaches what he did.
#[test]
fn that_pods_may_speak_mtls_is_no_difference_by_itself() {
    let own = "namespace shop mesh sidecar\nallow *@pay -> app=db:80\nallow app=db -> *@pay:90\n";
    let [outside, joined] = ["istio-injection: disabled", "istio-injection: enabled"].map(namespace);
    for (base, head) in [(&outside, &joined), (&joined, &outside)] {
        assert_eq!(lines(&compared([own, base], [own, head])), [""; 0], "{base} -> {head}");
    }
}

/// It may be in a namespace that no line names.
#[test]
fn a_workload_that_keeps_out_of_the_mesh_is_told_where_no_line_names_its_namespace() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@* -> app=db:80{mtls}\n");
    for name in ["a", "b", "pay"] {
        let web = |spec: [&str; 2]| deployment("web", name, spec);
        let found = compared([&side(" mtls"), &web(REFUSED)], [&side(""), &web(REFUSED)]);
        let wanted = [
            format!("Across app=web@{name} -> app=db@shop: 80: denied -> allowed"),
            "Weakened *@* -> app=db@shop: 80: allowed, mTLS -> allowed, in plaintext too".to_owned(),
        ];
        assert_eq!(lines(&found), wanted);
        let left = compared([&side(" mtls"), &web(["", ""])], [&side(" mtls"), &web(REFUSED)]);
        assert_eq!(lines(&left), [format!("Closed app=web@{name} -> app=db@shop: 80: allowed, mTLS -> denied")]);
    }
}

/// What such a workload loses, and others of its namespace do not, is told of its labels.
#[test]
fn a_workload_that_keeps_out_of_the_mesh_loses_what_its_namespace_has_to_send_over_mtls() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@pay -> app=db:80{mtls}\n");
    let [unsaid, joined] = ["", "istio-injection: enabled"].map(|labels| namespace(labels) + &deployment("web", "pay", REFUSED));
    let found = compared_in("none", [&side(""), &unsaid], [&side(" mtls"), &joined]);
    let wanted = [
        "Closed app=web@pay -> app=db@shop: 80: allowed -> denied",
        "Tightened *@pay -> app=db@shop: 80: allowed, in plaintext too -> allowed, mTLS",
    ];
    assert_eq!(lines(&found), wanted);
}

/// That nobody else of its part in the mesh may do it says nothing of who takes part otherwise than its namespace.
#[test]
fn a_workload_in_the_mesh_is_looked_at_though_its_namespace_is_like_others_outside() {
    let own = "external namespace front mesh none {\n}\nnamespace shop mesh sidecar {\n";
    let base = format!("{own}}}\n");
    let head = format!("{own}allow app=job@!shop -> app=db:80 mtls\n}}\n");
    let labels = "labels: {app: job, sidecar.istio.io/inject: \"true\"}";
    let job = deployment("job", "pay", ["", ""]).replacen("labels: {app: job}", labels, 1);
    let inventory = namespace("istio.io/dataplane-mode: none") + &job;
    let found = compared([&base, &inventory], [&head, &inventory]);
    let of_job = |entry: &&twogate::diff::Entry| entry.callers == ["Deployment pay/job"];
    assert_eq!(found.report.entries.iter().filter(of_job).count(), 1, "{:?}", lines(&found));
}

/// Others of its labels, in the mesh or on their node's network, hide nothing of what it gains.
#[test]
fn a_workload_that_keeps_out_of_the_mesh_gains_beside_others_of_its_labels() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@* -> app=db:80{mtls}\n");
    let other = |spec: [&str; 2]| deployment("web", "pay", spec).replacen("name: web", "name: other", 1);
    for alike in [["", ""], REFUSED, ["", ", hostNetwork: true"]] {
        let inventory = namespace("istio-injection: enabled") + &deployment("web", "pay", REFUSED) + &other(alike);
        let found = compared([&side(" mtls"), &inventory], [&side(""), &inventory]);
        let gained = "Across app=web@pay -> app=db@shop: 80: denied -> allowed";
        assert!(lines(&found).contains(&gained.to_owned()) && fails(&found, Failing::Gained), "{alike:?}: {:?}", lines(&found));
        let callers = &found.report.entries[0].callers;
        assert!(callers.contains(&"Deployment pay/web".to_owned()), "{callers:?}");
        assert_eq!(callers.contains(&"Deployment pay/other".to_owned()), alike != ["", ""], "{callers:?}");
    }
}

/// Where pods join by their own labels, those of each are looked at in the mesh as all of their namespace are; they need no line of their own.
#[test]
fn workloads_that_join_by_themselves_are_not_told_from_others_outside_of_the_mesh() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@* -> app=db:80{mtls}\n");
    let joins = |name: &str| {
        let labels = format!("labels: {{app: {name}, sidecar.istio.io/inject: \"true\"}}");
        deployment(name, "pay", ["", ""]).replacen(&format!("labels: {{app: {name}}}"), &labels, 1)
    };
    let inventory = joins("web") + &joins("job");
    let found = compared_in("none", [&side(" mtls"), &inventory], [&side(""), &inventory]);
    let wanted = [
        "Across *@!shop -> app=db@shop: 80: denied -> allowed",
        "Weakened *@* -> app=db@shop: 80: allowed, mTLS -> allowed, in plaintext too",
    ];
    assert_eq!(lines(&found), wanted);
}

/// However many they are, it is one remark.
#[test]
fn of_many_workloads_of_which_a_line_is_not_true_some_are_named() {
    let side = |mtls: &str| format!("namespace shop mesh sidecar\nallow *@pay -> app=db:80{mtls}\n");
    let of_pay: String = (1..=8).map(|number| deployment(&format!("w{number}"), "pay", REFUSED)).collect();
    let inventory = namespace("istio-injection: enabled") + &of_pay;
    let found = compared([&side(" mtls"), &inventory], [&side(""), &inventory]);
    let named: Vec<String> = (1..=6).map(|number| format!("Deployment pay/w{number}")).collect();
    let wanted = format!("not of {} and 2 more: outside of the mesh", named.join(", "));
    assert!(remarks(&found).contains(&&*wanted), "{:?}", remarks(&found));
}

/// Policies do not select who is on its node's network, in the mesh or not.
#[test]
fn a_workload_outside_of_the_mesh_that_comes_to_its_nodes_network_is_told() {
    let own = "namespace shop mesh none\nallow app=web -> app=db:80\n";
    let (inside, outside) = (deployment("db", "shop", ["", ""]), deployment("db", "shop", ["", ", hostNetwork: true"]));
    for (base, head, word) in [(&inside, &outside, "is on"), (&outside, &inside, "is no longer on")] {
        let found = compared([own, base], [own, head]);
        let told: Vec<&str> =
            found.report.facts.iter().filter(|fact| fact.kind == FactKind::Unknown).map(|fact| fact.text.as_str()).collect();
        assert_eq!(
            told,
            [format!(
                "Deployment shop/db {word} its node's network{}; its effect on what passes is not known",
                if word == "is on" { " now" } else { "" }
            )]
        );
        assert!(fails(&found, Failing::Unspecified));
    }
    assert_eq!(compared([own, &outside], [own, &outside]).report.summary(), "no difference");
}
