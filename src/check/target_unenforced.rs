//! Rules that the chosen targets cannot enforce, though others could.
//!
//! Owns: `requirement-unenforced` for a choice of targets (design §4.6). It asks each target what it covers; with every target
//! chosen it finds nothing, since what none can say was found before.

use std::collections::BTreeMap;

use super::ends::ours;
use crate::diagnostic::{Diagnostic, code};
use crate::ir::{Need, Policy, Rule, needs};
use crate::target::{self, Coverage, Target};

/// A finding for every rule that needs more than `chosen` enforce.
pub fn unenforced(policy: &Policy, chosen: &[&'static dyn Target]) -> Vec<Diagnostic> {
    let lacking: BTreeMap<Need, &'static str> = Need::ALL.into_iter().filter_map(|need| Some((need, lack(need, chosen)?))).collect();
    if lacking.is_empty() {
        return Vec::new();
    }
    let finding = |rule: &Rule| needs(rule).into_iter().find_map(|need| Some(unenforced_finding(rule, need, lacking.get(&need)?, chosen)));
    ours(policy).filter_map(|(_, rule)| finding(rule)).collect()
}

/// Why the chosen targets enforce less of a need than all targets do; none if they do not.
fn lack(need: Need, chosen: &[&'static dyn Target]) -> Option<&'static str> {
    let best = |targets: &[&'static dyn Target]| targets.iter().map(|target| rank(target.covers(need))).max();
    if best(chosen) >= best(target::ALL) {
        return None;
    }
    let reasons = chosen.iter().map(|target| target.covers(need));
    reasons.max_by_key(|coverage| rank(*coverage)).and_then(|coverage| match coverage {
        Coverage::Full => None,
        Coverage::Partial(why) | Coverage::No(why) => Some(why),
    })
}

/// How much a coverage is.
const fn rank(coverage: Coverage) -> u8 {
    match coverage {
        Coverage::No(_) => 0,
        Coverage::Partial(_) => 1,
        Coverage::Full => 2,
    }
}

fn unenforced_finding(rule: &Rule, need: Need, why: &str, chosen: &[&'static dyn Target]) -> Diagnostic {
    let names: Vec<&str> = chosen.iter().map(|target| target.name()).collect();
    Diagnostic::new(
        code::REQUIREMENT_UNENFORCED,
        rule.location,
        format!("the chosen target `{}` cannot enforce this rule", names.join("`, `")),
    )
    .label(format!("needs {}", need.words()))
    .note(why.to_owned())
    .help("leave `--target` out: the two gates enforce a rule together")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::Program;

    fn found(program: &str, names: &[&str]) -> usize {
        let chosen: Vec<_> = target::ALL.iter().copied().filter(|target| names.contains(&target.name())).collect();
        unenforced(&Program::of(program).policy, &chosen).len()
    }

    #[test]
    fn one_gate_alone_cannot_say_everything() {
        let mtls = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
        assert_eq!(found(mtls, &["kubernetes", "istio"]), 0);
        assert_eq!(found(mtls, &["kubernetes"]), 1, "no identity");
        assert_eq!(found(mtls, &["istio"]), 1, "no egress");
        assert_eq!(found("namespace shop\nallow app=web -> app=db:5432\n", &["kubernetes"]), 0);
    }
}
