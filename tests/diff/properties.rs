//! Random programs: a difference is found exactly where the definition says that there is one.

use std::collections::BTreeSet;

use proptest::prelude::*;
use twogate::compile::{Resolved, resolve};
use twogate::diff::{Accesses, Entry, Kind, programs};
use twogate::flow::{Flow, Transport};
use twogate::gates;
use twogate::ir::Policy;
use twogate::meaning;

use crate::agreement::world::{flow_under, flows, input, program};

/// A program with the declarations of the first and the rules of the second.
fn crossed(declared: &[String], ruled: &[String]) -> Vec<String> {
    declared.iter().take(4).chain(ruled.iter().skip(4)).cloned().collect()
}

fn compiled(lines: &[String]) -> Resolved {
    resolve(&input(lines))
}

fn compared(base: &Policy, head: &Policy) -> Accesses {
    programs((base, &gates::build(base)), (head, &gates::build(head)))
}

fn covers(entry: &Entry, flow: &Flow) -> bool {
    entry.source.contains(&flow.source) && entry.destination.contains(&flow.destination) && entry.ports.contains(flow.protocol, flow.port)
}

/// What an entry says, without what did it.
fn core(entry: &Entry) -> (String, String, String, String, String) {
    (entry.who.clone(), entry.whom.clone(), entry.on.clone(), entry.before.clone(), entry.after.clone())
}

fn show(base: &[String], head: &[String], found: &Accesses) -> String {
    let entries: Vec<String> = found
        .entries
        .iter()
        .map(|entry| format!("{:?} {} -> {}:{}  {} => {}", entry.kind, entry.who, entry.whom, entry.on, entry.before, entry.after))
        .collect();
    format!("{}\n--- to ---\n{}\n--- found ---\n{}", base.join("\n"), head.join("\n"), entries.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A program does not differ from itself, whatever the order of its lines.
    #[test]
    fn nothing_differs_from_itself(lines in program()) {
        let outcome = compiled(&lines);
        let turned: Vec<String> = lines.iter().rev().cloned().collect();
        let again = compiled(&turned);
        let found = compared(&outcome.policy, &again.policy);
        prop_assert!(found.entries.is_empty() && found.incomplete.is_empty() && found.without_effect == 0, "{}", show(&lines, &turned, &found));
    }

    /// Every flow about which two programs differ is in some entry, and every entry shows a flow about which they do.
    #[test]
    fn entries_are_where_programs_differ(one in program(), other in program()) {
        let head_lines = crossed(&one, &other);
        let (base, head) = (compiled(&one), compiled(&head_lines));
        let found = compared(&base.policy, &head.policy);
        prop_assert!(found.incomplete.is_empty());
        for entry in &found.entries {
            let passes = (meaning::passes(&base.policy, &entry.example.base), meaning::passes(&head.policy, &entry.example.head));
            prop_assert_ne!(passes.0, passes.1, "{:?}\n{}", entry.example, show(&one, &head_lines, &found));
            prop_assert!(covers(entry, &entry.example.head), "{:?}", entry);
            prop_assert!(entry.kind.is_loss() || passes.1, "{:?}\n{}", entry, show(&one, &head_lines, &found));
        }
        for flow in flows(&one).into_iter().chain(flows(&head_lines)) {
            let differs = meaning::passes(&base.policy, &flow) != meaning::passes(&head.policy, &flow);
            let told = found.entries.iter().any(|entry| covers(entry, &flow));
            prop_assert!(!differs || told, "{:?}\n{}", flow, show(&one, &head_lines, &found));
        }
    }

    /// What is said of a region without requests holds for every flow of it.
    #[test]
    fn a_region_changes_as_a_whole(one in program(), other in program()) {
        let head_lines = crossed(&one, &other);
        let (base, head) = (compiled(&one), compiled(&head_lines));
        let found = compared(&base.policy, &head.policy);
        let plain = |entry: &&Entry| [&entry.before, &entry.after].iter().all(|words| ["denied", "allowed", "allowed, mTLS"].contains(&words.as_str()));
        for entry in found.entries.iter().filter(plain) {
            for flow in flows(&one).iter().filter(|flow| covers(entry, flow)) {
                let expected = |words: &str| match words {
                    "denied" => false,
                    "allowed" => true,
                    _ => flow.transport == twogate::flow::Transport::Mtls,
                };
                let bad = flow.request.as_ref().is_some_and(|request| request.token != twogate::flow::Token::None);
                for (policy, words) in [(&base.policy, &entry.before), (&head.policy, &entry.after)] {
                    prop_assert!(bad || meaning::passes(policy, flow) == expected(words), "{:?} {}\n{}", flow, words, show(&one, &head_lines, &found));
                }
            }
        }
    }

    /// Backwards, what was before is after and the other way round.
    #[test]
    fn backwards_it_is_the_mirror(one in program(), other in program()) {
        let (base, head) = (compiled(&one), compiled(&other));
        let (there, back) = (compared(&base.policy, &head.policy), compared(&head.policy, &base.policy));
        let forth: BTreeSet<_> = there.entries.iter().map(core).collect();
        let mirrored: BTreeSet<_> =
            back.entries.iter().map(core).map(|(who, whom, on, before, after)| (who, whom, on, after, before)).collect();
        prop_assert_eq!(forth, mirrored, "{}", show(&one, &other, &there));
        prop_assert_eq!(there.without_effect, back.without_effect);
    }

    /// What differs between the first and the last differs in one of the two steps between them.
    #[test]
    fn differences_compose(one in program(), other in program(), third in program()) {
        let (second, last) = (crossed(&one, &other), crossed(&one, &third));
        let [a, b, c] = [&one, &second, &last].map(|lines| compiled(lines));
        let whole = compared(&a.policy, &c.policy);
        let steps = [compared(&a.policy, &b.policy), compared(&b.policy, &c.policy)];
        for entry in &whole.entries {
            let flow = &entry.example.head;
            let told = steps.iter().flat_map(|step| &step.entries).any(|step| covers(step, flow));
            prop_assert!(told, "{:?}\n{}", flow, show(&one, &last, &whole));
        }
    }

    /// What whole namespaces do is told, whether they open or close.
    #[test]
    fn namespaces_that_turn_are_told(one in program(), other in program()) {
        let head_lines: Vec<String> = one.iter().take(3).chain(other.iter().skip(3)).cloned().collect();
        let (base, head) = (compiled(&one), compiled(&head_lines));
        let found = compared(&base.policy, &head.policy);
        for entry in found.entries.iter().filter(|entry| !entry.before.contains("NetworkPolicy")) {
            let shown = (&entry.example.base, &entry.example.head);
            prop_assert_eq!(flow_under(&one, shown.0), Some(shown.0.clone()), "no flow: {}", show(&one, &head_lines, &found));
            prop_assert_eq!(flow_under(&head_lines, shown.1), Some(shown.1.clone()), "no flow: {}", show(&one, &head_lines, &found));
            let passes = (meaning::passes(&base.policy, shown.0), meaning::passes(&head.policy, shown.1));
            prop_assert_ne!(passes.0, passes.1, "{:?}\n{}", entry.example, show(&one, &head_lines, &found));
        }
        // A flow that one side alone can have is compared with what passes there in its place: the same in plaintext.
        let passes = |policy: &Policy, lines: &[String], flow: &Flow| {
            let plain = || flow_under(lines, &Flow { transport: Transport::Plaintext, ..flow.clone() });
            flow_under(lines, flow).or_else(plain).is_some_and(|flow| meaning::passes(policy, &flow))
        };
        for flow in flows(&one) {
            let differs = passes(&base.policy, &one, &flow) != passes(&head.policy, &head_lines, &flow);
            prop_assert!(!differs || found.entries.iter().any(|entry| covers(entry, &flow)), "{:?}\n{}", flow, show(&one, &head_lines, &found));
        }
    }
}

#[test]
fn ranks_are_in_the_order_of_risk() {
    assert!(Kind::Internet < Kind::Across && Kind::Weakened < Kind::Closed);
}
