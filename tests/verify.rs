//! The comparison of judges: what it finds is real, and what it does not find is not there.

use std::ops::ControlFlow;

use proptest::prelude::*;
use twogate::compile::{Outcome, compile};
use twogate::flow::{Cut, Flow, PortSet, RequestSamples, Symbol, Verdict};
use twogate::meaning;
use twogate::verify::{Bench, PolicyWorld, Product, Program, Reach, RuledOut, Wanted, Way, Worlds, compare};

use crate::agreement::world::{flows, input, program};

#[derive(Debug)]
struct Nothing;

impl RuledOut for Nothing {
    fn cuts(&self, _way: Way) -> Vec<Cut> {
        Vec::new()
    }

    fn rules_out(&self, _flow: &Flow) -> bool {
        false
    }
}

fn compiled(lines: &[String]) -> Outcome {
    compile(input(lines))
}

fn managed(outcome: &Outcome) -> Vec<Symbol> {
    outcome.policy.managed().map(|namespace| namespace.name.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A program against the same program with a line less: the two differ about a flow exactly if the comparison says so.
    #[test]
    fn two_programs_differ_exactly_where_the_comparison_says(lines in program(), at in any::<prop::sample::Index>()) {
        let whole = compiled(&lines);
        // The first four lines declare what both have.
        let less = (lines.len() > 4).then(|| 4 + at.index(lines.len() - 4));
        let fewer: Vec<String> = lines.iter().enumerate().filter(|(at, _)| Some(*at) != less).map(|(_, line)| line.clone()).collect();
        let part = compiled(&fewer);
        let (left, right) = (Program::new(&whole.policy), Program::new(&part.policy));
        let world = PolicyWorld::new(&whole.policy);
        let found = compare(Bench { left: &left, right: &right, worlds: Worlds::both(&world), ruled_out: &Nothing }, &managed(&whole));
        prop_assert!(found.incomplete.is_empty());
        for difference in &found.differences {
            let flow = &difference.flow;
            prop_assert_ne!(meaning::passes(&whole.policy, flow), meaning::passes(&part.policy, flow), "{:?}", difference);
        }
        if found.differences.is_empty() {
            for flow in flows(&lines) {
                prop_assert_eq!(meaning::passes(&whole.policy, &flow), meaning::passes(&part.policy, &flow), "{:?}", flow);
            }
        }
    }

    /// The visitor of whole flows meets a passing flow exactly if there is one.
    #[test]
    fn reach_meets_every_passing_flow(lines in program()) {
        let outcome = compiled(&lines);
        let judge = Program::new(&outcome.policy);
        let world = PolicyWorld::new(&outcome.policy);
        let namespaces = managed(&outcome);
        let reach = Reach { judge: &judge, worlds: Worlds::both(&world), ruled_out: &Nothing, namespaces: &namespaces };
        for rule in outcome.policy.rules.iter().take(3) {
            for target in &rule.targets {
                let product = Product {
                    sources: vec![rule.source.peers()],
                    destinations: target.end.peers(),
                    ports: PortSet::all(),
                    requests: RequestSamples::default(),
                };
                let mut met = Vec::new();
                let _ = reach.visit(&product, Wanted::Passing, &mut |triple| {
                    met.extend(triple.flows);
                    ControlFlow::Continue(())
                });
                for (flow, verdict) in &met {
                    prop_assert_eq!(*verdict == Verdict::Allowed, meaning::passes(&outcome.policy, flow));
                    prop_assert!(product.sources[0].contains(&flow.source) && product.destinations.contains(&flow.destination));
                }
                let passing = |flow: &Flow| rule.source.matches(&flow.source) && target.end.matches(&flow.destination) && meaning::passes(&outcome.policy, flow);
                if met.is_empty() {
                    for flow in flows(&lines) {
                        prop_assert!(!passing(&flow), "{:?}", flow);
                    }
                }
            }
        }
    }
}
