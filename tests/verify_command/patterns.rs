//! Names of callers that patterns of policies tell apart.

use super::{SHOP, beside, caller, network};

/// What the network lets in, whoever it is, so that the mesh alone decides.
fn open_network() -> String {
    network("open", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}]}]}") + "---\n"
}

/// Policies of others that let in callers from namespaces that have each of these letters in their names; patterns of some letters more
/// let in nobody.
fn callers_with(letters: &str, more: impl Iterator<Item = char>) -> String {
    let globs: Vec<String> = more.map(|letter| format!("'*{letter}*'")).collect();
    let nobody = format!("{{from: [{{source: {{namespaces: [{}], notNamespaces: ['*']}}}}]}}", globs.join(", "));
    let tests: Vec<String> = letters.chars().map(|letter| format!("{{key: source.namespace, values: ['*{letter}*']}}")).collect();
    let to = "to: [{operation: {ports: ['5432']}}]";
    let rules = format!("[{}, {{{to}, when: [{}]}}]", nobody.replacen('{', &format!("{{{to}, "), 1), tests.join(", "));
    open_network() + &caller("theirs", &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: {rules}}}"))
}

/// Names are tried that match any choice of many patterns with something between two stars, not only each two.
#[test]
fn a_name_that_matches_five_of_many_patterns_is_tried() {
    let (told, checked) = beside(SHOP, &callers_with("bdfhi", 'a'..='i'));
    assert!(told.starts_with("wider:"), "{told}");
    assert!(checked.status == 1 && checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}

/// Where patterns tell more names apart than are tried, nothing is called equal.
#[test]
fn names_of_too_many_patterns_are_not_taken_for_proved() {
    let (told, checked) = beside(SHOP, &callers_with("bdfhjln", 'a'..='p'));
    assert!(told.starts_with("undecided: not every connection could be compared\n"), "{told}");
    let names =
        "\n  not compared: the names of callers' namespaces and accounts, by the patterns of policies, fall into too many classes\n";
    assert!(told.contains(names), "{told}");
    assert!(checked.status == 1 && checked.stderr.contains("proof-incomplete"), "{}", checked.stderr);
}

/// Names that stand for all that a pattern matches are none that the program knows, for these are not as all others are.
#[test]
fn a_name_that_the_program_knows_stands_for_no_other() {
    let pattern =
        "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: ['*q*']}}], to: [{operation: {ports: ['5432']}}]}]}";
    // Whatever name a cluster by itself would take for that pattern: the shortest ones, and those with letters around it.
    let known = ["q", "xq", "qx", "xqx", "xxq", "qxx", "zzqzz", "xxxqxxx", "zzq", "qzz", "xxxq", "qxxx", "zzqxxx", "xxxqzz"];
    let program = known
        .iter()
        .fold(SHOP.to_owned(), |program, name| program + &format!("external namespace {name} {{}}\nallow *@{name} -> db:5432 mtls\n"));
    let (told, checked) = beside(&program, &(open_network() + &caller("theirs", pattern)));
    assert!(told.starts_with("wider:"), "{told}");
    assert!(checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}

/// Who is named by one policy is held by the patterns of another one: what that looks at in requests is tried for him too.
#[test]
fn a_name_of_one_policy_is_held_by_the_pattern_of_another() {
    let by_path = "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: ['*a']}}], to: [{operation: {paths: [/x], ports: ['5432']}}]}]}";
    let one = "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {notNamespaces: [xa, shop]}}]}]}";
    let theirs = open_network() + &caller("path", by_path) + "---\n" + &caller("one", one);
    let (told, checked) = beside(SHOP, &theirs);
    assert!(told.contains("/x"), "{told}");
    assert!(checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}
