//! Both sides on platforms of which more is known.
//!
//! Owns: `Supposed`. What the platform can do is the same on both sides, whatever it is: each fact that nobody said is answered with yes and
//! with no, beside either answer to the others. It must not know where questions come from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cluster::{Cluster, PlatformFact, Question};
use crate::flow::Verdict;

/// Both sides, with some facts of the platform answered.
pub(super) struct Supposed {
    /// The facts that are not known on both sides.
    facts: Vec<PlatformFact>,
    /// Both sides by the answers to the first of these facts.
    sides: RefCell<BTreeMap<Vec<Answer>, Rc<[Cluster; 2]>>>,
}

/// An answer to a question about the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Yes,
    No,
}

impl Supposed {
    /// Two sides. Where SCTP is not judged, no policy decides it.
    pub(super) fn new(sides: [&Cluster; 2]) -> Self {
        let is_open = |fact: &PlatformFact| sides.iter().any(|side| side.platform().says(*fact).is_none());
        let facts = PlatformFact::ALL.into_iter().filter(is_open).collect();
        let all = sides.map(|side| side.clone().with_sctp_judged());
        Self { facts, sides: RefCell::new([(Vec::new(), Rc::new(all))].into()) }
    }

    /// Whether both sides answer their questions alike, and do answer them, whatever the platform can do.
    pub(super) fn agree(&self, questions: &[Question; 2]) -> bool {
        self.agree_after(&[], questions)
    }

    /// The same, after some answers. A fact is answered only where something hangs on it: what is said without it is said with any answer.
    fn agree_after(&self, answers: &[Answer], questions: &[Question; 2]) -> bool {
        let sides = self.sides(answers);
        let [base, head] = &*sides;
        let [of_base, of_head] = questions;
        let (old, new) = (base.decide(of_base).verdict, head.decide(of_head).verdict);
        let is_open = |verdict: &Verdict| matches!(verdict, Verdict::Unspecified(_));
        if !is_open(&old) && !is_open(&new) {
            return old == new;
        }
        answers.len() < self.facts.len()
            && [Answer::Yes, Answer::No].into_iter().all(|answer| self.agree_after(&[answers, &[answer]].concat(), questions))
    }

    /// Both sides, after some answers.
    fn sides(&self, answers: &[Answer]) -> Rc<[Cluster; 2]> {
        if let Some(known) = self.sides.borrow().get(answers) {
            return Rc::clone(known);
        }
        let Some((last, before)) = answers.split_last() else { return Rc::default() };
        let before = self.sides(before);
        let supposing = |side: &Cluster| match self.facts.get(answers.len() - 1) {
            Some(fact) if side.platform().says(*fact).is_none() => side.supposing(*fact, Some(*last == Answer::Yes)),
            _ => side.clone(),
        };
        let sides = Rc::new(before.each_ref().map(supposing));
        self.sides.borrow_mut().insert(answers.to_vec(), Rc::clone(&sides));
        sides
    }
}
