//! Random pairs of programs: a plan that is told as safe is safe, asked flow by flow of the cluster at every moment.

use proptest::prelude::*;
use twogate::compile::compile;
use twogate::diagnostic::order::has_error;
use twogate::flow::Flow;
use twogate::plan::{Options, Safety, Trials, intents};

use super::walked::{against, objects, platform, revision};
use crate::agreement::world::{flows, input, is_judged, program};

/// The rules of the second under the declarations of the first.
fn crossed(declared: &[String], ruled: &[String], declarations: usize) -> Vec<String> {
    declared.iter().take(declarations).chain(ruled.iter().skip(declarations)).cloned().collect()
}

/// Programs often ask for what two gates cannot say; the lines of those that do not are kept as long as they compile.
fn compiling(lines: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = lines.iter().take(4).cloned().collect();
    for line in lines.iter().skip(4) {
        kept.push(line.clone());
        if has_error(&compile(input(&kept)).findings) {
            kept.pop();
        }
    }
    kept
}

/// A part of all flows, another one in each case.
fn some(flows: Vec<Flow>, from: usize) -> Vec<Flow> {
    flows.into_iter().skip(from % 29).step_by(29).collect()
}

fn check(one: &[String], other: &[String], from: usize, trials: Trials) -> Result<bool, TestCaseError> {
    let options = Options { trials, ..Options::default() };
    let plan = match intents(revision("base", input(one)), revision("head", input(other)), options) {
        Ok(rollout) => rollout.plan,
        Err(_) => return Ok(false),
    };
    prop_assert_ne!(plan.safety, Safety::NotJudged);
    if plan.safety != Safety::Safe {
        return Ok(false);
    }
    let flows = flows(one).into_iter().chain(flows(other)).filter(|flow| is_judged(one, flow) && is_judged(other, flow)).collect();
    let found = against(&plan, &objects(input(one)), &objects(input(other)), &platform(&input(other)), &some(flows, from));
    prop_assert_eq!(found, None, "{}\n--- to ---\n{}\n{:#?}", one.join("\n"), other.join("\n"), super::walked::lines(&plan));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rules change.
    #[test]
    fn rules_that_change_open_and_drop_nothing_on_the_way(one in program(), other in program(), from in 0usize..29) {
        let (base, head) = (compiling(&one), compiling(&crossed(&one, &other, 4)));
        check(&base, &head, from, if from % 2 == 0 { Trials::None } else { Trials::First })?;
    }

    /// A namespace opens or closes.
    #[test]
    fn namespaces_that_open_or_close_open_and_drop_nothing_on_the_way(one in program(), other in program(), from in 0usize..29) {
        let mesh = |lines: &[String]| lines.iter().any(|line| line.contains("namespace dev") && line.contains("mesh none"));
        let (base, head) = (compiling(&one), compiling(&crossed(&one, &other, 3)));
        if mesh(&base) == mesh(&head) {
            check(&base, &head, from, Trials::None)?;
        }
    }
}
