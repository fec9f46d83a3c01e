//! Pods of few labels are enough: where the comparison of all pods finds a difference, that of pods which carry few labels finds
//! one too, however many labels may stand together.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use twogate::cluster::{Platform, read};
use twogate::compile::{Outcome, compile, prove};
use twogate::flow::{Symbol, Verdict};
use twogate::source::{Source, Sources};
use twogate::verify::{Bench, Comparison, Granted, PolicyWorld, Program, Worlds, Written, compare, compare_few};

use super::random::{runner, sabotaged};
use crate::agreement::world::input;

/// Keys that have nothing to do with each other.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn test() -> impl Strategy<Value = String> {
    let key = || select(KEYS.to_vec());
    prop_oneof![
        8 => key().prop_map(|key| format!("{key}=x")),
        3 => (key(), key()).prop_filter("two keys", |(one, two)| one != two).prop_map(|(one, two)| format!("{one}=x,{two}=y")),
        1 => key().prop_map(|key| format!("{key}=x|y")),
        1 => select(vec!["a!=x", "b!=*", "(c=x or d=x)", "(e=x but a=x)", "*"]).prop_map(str::to_owned),
    ]
}

/// Tests of which most pass by the absence of a label: of most keys nothing but absence, or all but one value.
fn test_by_absence() -> impl Strategy<Value = String> {
    let key = || select(KEYS.to_vec());
    prop_oneof![
        6 => key().prop_map(|key| format!("{key}!=x")),
        2 => select(vec!["a!=*", "b!=*", "c!=x|y", "d!=y"]).prop_map(str::to_owned),
        3 => (key(), key()).prop_filter("two keys", |(one, two)| one != two).prop_map(|(one, two)| format!("{one}!=x,{two}!=x")),
        2 => (key(), key()).prop_filter("two keys", |(one, two)| one != two).prop_map(|(one, two)| format!("{one}!=x,{two}=y")),
        2 => key().prop_map(|key| format!("{key}=y")),
        1 => select(vec!["e=x", "(f!=x or g!=x)", "(h!=x but a=y)", "*"]).prop_map(str::to_owned),
    ]
}

fn line() -> impl Strategy<Value = String> {
    line_of(|| test().boxed())
}

fn line_of(test: impl Fn() -> BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let place = select(vec!["", "", "", "@*"]);
    let how = select(vec!["", "", " mtls", " mtls http GET /a"]);
    // Ends that are opened apart, and what is denied of what is allowed, take labels of more than one line.
    let verb = select(vec!["allow", "allow in", "allow in", "allow out", "allow out", "deny"]);
    (verb, test(), place, test(), select(vec![80, 80, 90]), how).prop_map(|(verb, source, place, target, port, how)| {
        let how = if ["deny", "allow out"].contains(&verb) { "" } else { how };
        let source = if source.starts_with('(') { source } else { format!("{source}{place}") };
        format!("  {verb} {source} -> {target}:{port}{how}")
    })
}

fn program() -> impl Strategy<Value = Vec<String>> {
    program_of(line().boxed())
}

fn program_of(line: BoxedStrategy<String>) -> impl Strategy<Value = Vec<String>> {
    let close = select(vec!["", "  close in f=x", "  close out g=x"]);
    let open = select(vec!["", " open ingress", " open egress"]);
    let plane = select(vec!["sidecar", "none"]);
    (prop::collection::vec(line, 3..7), close, open, plane).prop_map(|(lines, close, open, plane)| {
        let close = if open.is_empty() { "" } else { close };
        let block = format!("namespace shop mesh {plane}{open} {{\n{close}\n{}\n}}", lines.join("\n"));
        vec![block, "namespace pay mesh sidecar {\n  allow h=x -> a=x@shop:80\n}".to_owned()]
    })
}

/// Whether all pods, and whether pods of few labels, show a difference between the program and what was written of it.
fn shows(outcome: &Outcome) -> [bool; 2] {
    found(outcome).map(|found| !found.differences.is_empty())
}

/// What all pods, and what pods of few labels show.
fn found(outcome: &Outcome) -> [Comparison; 2] {
    let program = Program::new(&outcome.policy);
    let written = Written::new(&program, outcome.cluster.as_ref().unwrap());
    let (world, granted) = (PolicyWorld::new(&outcome.policy), Granted::new(&outcome.policy, &outcome.gates));
    let bench = Bench { left: &program, right: &written, worlds: Worlds::both(&world), ruled_out: &granted };
    let namespaces: Vec<Symbol> = outcome.policy.managed().map(|namespace| namespace.name.clone()).collect();
    let (all, few) = (compare(bench, &namespaces), compare_few(bench, &namespaces).unwrap());
    assert!(all.incomplete.is_empty() && few.incomplete.is_empty(), "{all:?}");
    assert!(few.classes <= all.classes || all.is_cut_short, "{} of {}", few.classes, all.classes);
    [all, few]
}

#[test]
fn pods_of_few_labels_show_what_all_pods_show() {
    all_and_few_show_the_same(300, program().boxed());
}

/// The same where tests pass by the absence of labels: pods of few labels have all others at rest, whatever that is.
#[test]
fn pods_whose_labels_rest_show_what_all_pods_show() {
    all_and_few_show_the_same(300, program_of(line_of(|| test_by_absence().boxed()).boxed()).boxed());
}

fn all_and_few_show_the_same(cases: u32, program: BoxedStrategy<Vec<String>>) {
    let [different, equal] = [Cell::new(0_u32), Cell::new(0_u32)];
    let result = runner(cases).run(&(program, any::<[Index; 3]>()), |(lines, chosen)| {
        let mut outcome = compile(input(&lines));
        // Programs that would couple are written all the same: their manifests differ from them.
        if outcome.files.is_empty() || outcome.cluster.is_none() {
            return Ok(());
        }
        let name = sabotaged(&outcome, &chosen).map(|(name, file, text)| {
            outcome.files[file].text = text.into();
            prove(&mut outcome, &[]);
            name
        });
        if outcome.cluster.is_none() {
            return Ok(());
        }
        let [all, few] = shows(&outcome);
        prop_assert_eq!(all, few, "{}\n{:?}", lines.join("\n"), name);
        let counter = if all { &different } else { &equal };
        counter.set(counter.get() + 1);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (different, equal) = (different.get(), equal.get());
    assert!(different.min(equal) * 20 > different + equal, "{different} different, {equal} equal: one of the two is hardly tried");
}

/// Differences that no pod of fewer labels shows: the pods carry those of a line for each judge, and of one for the other end.
#[test]
fn pods_carry_the_labels_of_as_many_lines_as_a_difference_needs() {
    let allowed = "allow in a=x -> b=x:80\nallow out c=x -> f=x:80";
    let cases = [
        // The source: who may enter, and who may leave.
        (allowed.to_owned(), "allow out c=x -> f=x:80".to_owned()),
        // The source: who may enter but for whom, and who may leave.
        (format!("{allowed}\ndeny in d=x -> *"), allowed.to_owned()),
        // The destination: what may be entered but for what, and what may be called.
        (format!("{allowed}\ndeny in * -> e=x"), allowed.to_owned()),
        (format!("{allowed}\ndeny in d=x -> e=x"), allowed.to_owned()),
        // The same where sources are told apart as they leave.
        (format!("{allowed}\ndeny out d=x -> *"), allowed.to_owned()),
        (format!("{allowed}\ndeny out d=x -> e=x"), allowed.to_owned()),
    ];
    for plane in ["none", "sidecar"] {
        for (said, written) in &cases {
            let program = |lines: &str| vec![format!("namespace shop mesh {plane} {{\n{lines}\n}}")];
            let other = compile(input(&program(written)));
            let outcome = Outcome { cluster: other.cluster, ..compile(input(&program(said))) };
            assert_eq!(shows(&outcome), [true, true], "mesh {plane}\n{said}\nwritten as\n{written}");
        }
    }
}

/// A dozen keys that are tested by their absence are too many for all pods, and not for pods whose labels rest but for few: these prove, and
/// find what shows on pods alone that no rule of them lets in.
#[test]
fn many_keys_tested_by_absence_are_proved() {
    let program = |lines: &str| vec![format!("namespace shop mesh none {{\n{lines}\n}}")];
    let rules = |count: usize| (0..count).map(|at| format!("allow key{at}!=a -> app=db:5432\n")).collect::<Vec<_>>().concat();
    let outcome = compile(input(&program(&rules(20))));
    let codes: Vec<_> = outcome.findings.iter().map(|finding| finding.code.name()).collect();
    assert!(!codes.contains(&"proof-incomplete") && !outcome.files.is_empty(), "{codes:?}");
    // The one adds a rule for pods of which no other rule speaks: those that have every label.
    let all: Vec<String> = (0..9).map(|at| format!("key{at}=a")).collect();
    let rules = rules(9);
    let more = format!("{rules}allow {} -> app=db:5432\n", all.join(","));
    let tried = |said: &str, written: &str| {
        let other = compile(input(&program(written)));
        shows(&Outcome { cluster: other.cluster, ..compile(input(&program(said))) })
    };
    assert_eq!(tried(&rules, &rules), [false, false]);
    assert_eq!(tried(&rules, &more), [true, true]);
    assert_eq!(tried(&more, &rules), [true, true]);
    // A key of which each value passes some test has no rest, and is kept whole.
    let kept = format!("{rules}allow key0=a,part=x -> app=web:80\n");
    assert_eq!(tried(&kept, &rules), [true, true]);
}

/// A policy of others of which a cluster may leave open what it does: ports that hang on what the plugin knows, or on the pod.
fn unclear() -> impl Strategy<Value = String> {
    let key = || select(KEYS.to_vec());
    let port = select(vec!["{port: 79, endPort: 81}", "{port: 70, endPort: 79}, {port: web}", "{port: 80}"]);
    let network = (key(), key(), port).prop_map(|(own, far, port)| {
        let from = format!("{{from: [{{podSelector: {{matchLabels: {{{far}: x}}}}}}], ports: [{port}]}}");
        ("networking.k8s.io/v1", "NetworkPolicy", format!("{{podSelector: {{matchLabels: {{{own}: x}}}}, ingress: [{from}]}}"))
    });
    let rule = select(vec!["{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}", "{to: [{operation: {hosts: [h.test], ports: ['80']}}]}", "{}"]);
    let mesh = (key(), select(vec!["ALLOW", "DENY"]), rule).prop_map(|(own, action, rule)| {
        let spec = format!("{{selector: {{matchLabels: {{{own}: x}}}}, action: {action}, rules: [{rule}]}}");
        ("security.istio.io/v1", "AuthorizationPolicy", spec)
    });
    prop_oneof![2 => network, 1 => mesh].prop_map(|(version, kind, spec)| {
        format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: others, namespace: shop}}\nspec: {spec}\n")
    })
}

/// The same where a cluster leaves open what becomes of flows.
#[test]
fn pods_of_few_labels_show_what_is_left_open() {
    let [open, equal] = [Cell::new(0_u32), Cell::new(0_u32)];
    let result = runner(150).run(&(program(), unclear()), |(lines, others)| {
        let outcome = compile(input(&lines));
        if outcome.files.is_empty() || outcome.cluster.is_none() {
            return Ok(());
        }
        let written = outcome.files.iter().filter(|file| !file.path.ends_with("kustomization.yaml")).map(|file| file.text.clone());
        let mut sources = Sources::default();
        let files: Vec<_> = written.chain([others.as_str().into()]).map(|text| sources.add(Source::new("a.yaml", text))).collect();
        let platform = Platform { ipblock_matches_pods: Some(false), sctp: Some(true), ..Platform::default() };
        let outcome = Outcome { cluster: Some(read(&sources, &files, platform).0), ..outcome };
        let [all, few] = found(&outcome);
        prop_assert_eq!(all.differences.is_empty(), few.differences.is_empty(), "{}\n{}", lines.join("\n"), others);
        let is_open = all.differences.iter().any(|difference| matches!(difference.right, Verdict::Unspecified(_)));
        open.set(open.get() + u32::from(is_open));
        equal.set(equal.get() + u32::from(all.differences.is_empty()));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (open, equal) = (open.get(), equal.get());
    assert!(open.min(equal) * 10 > open + equal, "{open} left open, {equal} equal: one of the two is hardly tried");
}
