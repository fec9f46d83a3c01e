//! Random programs of blocks of addresses: whatever a remedy changes for others is told, and what is told is changed.

use proptest::prelude::*;
use twogate::explain::{Case, Remedy, Wish};
use twogate::flow::{AddressSet, Prefix, Verdict};

use super::Files;

const HEAD: &str = "namespace shop\n";
const BLOCKS: [&str; 6] = ["203.0.113.0/24", "203.0.113.0/25", "203.0.113.64/26", "203.0.113.9", "203.0.112.0/23", "203.0.113.128/30"];
const ASKED: [&str; 5] = ["203.0.113.9", "203.0.113.70", "203.0.113.129", "203.0.112.1", "203.0.113.0/25"];
const PORTS: [&str; 3] = [":80", ":81", ":80-81"];
/// All that the blocks and what is asked about lie in.
const ALL: &str = "203.0.112.0/22";

fn line() -> impl Strategy<Value = String> {
    (any::<bool>(), prop::sample::select(BLOCKS.to_vec()), prop::sample::select(PORTS.to_vec()))
        .prop_map(|(is_deny, block, port)| format!("{} {block} -> app=db{port}\n", if is_deny { "deny" } else { "allow" }))
}

fn set<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> AddressSet {
    let host = |text: &str| if text.contains('/') { text.to_owned() } else { format!("{text}/32") };
    prefixes.into_iter().map(|text| Prefix::parse(&host(text)).unwrap()).collect()
}

/// The addresses that pass on a port.
fn passing(intents: &str, port: u16) -> AddressSet {
    let answer = Files { intents, ..Files::default() }.ask(&format!("{ALL} -> app=db@shop:{port}"));
    let passing = answer.cases.iter().filter(|case| case.decision.verdict == Verdict::Allowed);
    let of = |case: &Case| set(case.source_addresses.iter().map(String::as_str));
    passing.fold(AddressSet::none(), |all, case| all.union(&of(case)))
}

/// The intents with the changes of a remedy made by hand.
fn changed(intents: &str, remedy: &Remedy) -> String {
    let mut lines: Vec<String> = intents.lines().map(str::to_owned).collect();
    for change in &remedy.changes {
        let number = change.place.strip_prefix("shop.intent:").map(|number| number.parse::<usize>().unwrap() - 1);
        let quoted = change.text.split('`').nth(1).unwrap().to_owned();
        match (number, change.text.starts_with("remove ")) {
            (Some(number), true) => lines[number] = String::new(),
            (Some(number), false) => lines[number] = quoted,
            (None, _) => lines.push(quoted),
        }
    }
    lines.join("\n") + "\n"
}

/// Whether a remedy tells of other addresses on a port just if it changes anything for them.
fn holds(intents: &str, asked: (&Case, u16), remedy: &Remedy) -> Result<(), TestCaseError> {
    let after = changed(intents, remedy);
    let (Some(effect), own) = (&remedy.effect, set(asked.0.source_addresses.iter().map(String::as_str))) else { return Ok(()) };
    for port in [80, 81] {
        let (old, new) = (passing(intents, port), passing(&after, port));
        let change = if remedy.wish == Wish::Allow { new.subtract(&old) } else { old.subtract(&new) };
        let besides = if port == asked.1 { change.subtract(&own) } else { change };
        let is_it = |told: &String| told.ends_with(&format!(" -> port {port} of app=db@shop")) || port == asked.1 && !told.contains(" -> ");
        let is_told = effect.others.iter().any(is_it);
        prop_assert!(!effect.partial && effect.others.len() <= 4, "{intents}{effect:#?}");
        prop_assert_eq!(!besides.is_empty(), is_told, "{}{}:\n{:#?}\n{:#?}", intents, after, besides.prefixes(), effect);
    }
    prop_assert!(effect.against.is_empty(), "{intents}{effect:#?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_changes_for_other_addresses_is_told(
        lines in prop::collection::vec(line(), 2..5),
        address in prop::sample::select(ASKED.to_vec()),
        port in 80_u16..82,
    ) {
        let intents = format!("{HEAD}{}", lines.concat());
        let answer = Files { intents: &intents, ..Files::default() }.ask(&format!("{address} -> app=db@shop:{port}"));
        for case in &answer.cases {
            for remedy in &case.remedies {
                holds(&intents, (case, port), remedy)?;
            }
        }
    }
}
