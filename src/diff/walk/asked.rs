//! What is asked of flows to one class of pods: its classes of requests, and which of them neither side tells apart.
//!
//! Owns: `Asked`, found once for all callers and ports to which the same rules that look into connections may speak. It must not judge.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::Ends;
use crate::classes::TooManyRequests;
use crate::flow::Request;
use crate::verify::JudgedEnd;

/// Classes of requests.
#[derive(Debug)]
pub(super) struct Asked {
    /// One of each.
    pub(super) requests: Arc<Vec<Option<Request>>>,
    /// The place of one of all that both sides answer alike, whoever calls.
    first: Vec<usize>,
    /// By the place of a request, which of those stands for it.
    numbers: Vec<usize>,
}

/// What is asked of some flows; none of it if that would be too many requests.
type All = Result<Rc<Asked>, TooManyRequests>;

/// What was found for flows to a target, by the cuts that look into them.
#[derive(Default)]
pub(super) struct Known(RefCell<BTreeMap<Vec<usize>, All>>);

impl Asked {
    /// A connection of which nobody looks at more.
    pub(super) fn nothing() -> Self {
        Self { requests: Arc::new(vec![None]), first: vec![0], numbers: vec![0] }
    }

    /// These classes of requests to a target with these ends.
    pub(super) fn new(requests: Vec<Option<Request>>, ends: Option<&Ends<'_>>) -> Self {
        let each = || (0..requests.len()).collect::<Vec<_>>();
        let of = |end: Option<&dyn JudgedEnd>| match end {
            Some(end) => end.alike(&requests).unwrap_or_else(each),
            None => vec![0; requests.len()],
        };
        let [base, head] = ends.map_or_else(|| [each(), each()], |ends| [of(ends.base.as_deref()), of(ends.head.as_deref())]);
        let (mut first, mut known) = (Vec::new(), HashMap::new());
        let number = |(at, both): (usize, (usize, usize))| {
            *known.entry(both).or_insert_with(|| {
                first.push(at);
                first.len() - 1
            })
        };
        let numbers = base.into_iter().zip(head).enumerate().map(number).collect();
        Self { requests: Arc::new(requests), first, numbers }
    }

    /// One request of all that get the same answers.
    pub(super) fn distinct(&self) -> impl ExactSizeIterator<Item = &Option<Request>> {
        self.first.iter().map(|at| self.requests.get(*at).unwrap_or(&None))
    }

    /// Whether the request at this place is the first one of those that get the same answers.
    pub(super) fn is_first(&self, at: usize) -> bool {
        self.numbers.get(at).and_then(|number| self.first.get(*number)) == Some(&at)
    }

    /// Answers for those as the answers for all requests.
    pub(super) fn all<T: Copy>(&self, answers: &[T]) -> Vec<T> {
        self.numbers.iter().filter_map(|number| answers.get(*number).copied()).collect()
    }
}

impl Known {
    /// What is known of flows into which these cuts look, by their places among those of the end that is called.
    pub(super) fn of(&self, looking: Vec<usize>, new: impl FnOnce() -> Result<Asked, TooManyRequests>) -> All {
        self.0.borrow_mut().entry(looking).or_insert_with(|| new().map(Rc::new)).clone()
    }
}
