//! Answers of which is not known what they are.
//!
//! Owns: `left_open`. It must not know why.

use crate::cluster::{Decision, Step};
use crate::flow::Verdict;

/// An answer that is left open for a reason, as are those of its gates on which it hangs.
pub(super) fn left_open(decision: Decision, reason: &str, hangs_on: impl Fn(&Step) -> bool) -> Decision {
    let verdict = Verdict::Unspecified(reason.to_owned());
    let open = |step: Step| if hangs_on(&step) { Step { verdict: verdict.clone(), reason: reason.to_owned(), ..step } } else { step };
    Decision { steps: decision.steps.into_iter().map(open).collect(), verdict: verdict.clone(), ..decision }
}
