//! Three answers: yes, no, and "the platform leaves it open".
//!
//! Owns: `Truth`. The third answer must never become one of the others unless the rest of a formula decides alone
//! (`semantics.md` §0.1). Reasons are fixed texts, so that an answer costs nothing.

use crate::flow::Verdict;

/// The answer to one part of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It is left open, for this reason.
    Open(&'static str),
}

impl Truth {
    /// A plain answer.
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Yes if one is yes; the empty disjunction is no.
    pub(super) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::No => {}
                Self::Open(_) => result = answer,
            }
        }
        result
    }

    /// No if one is no; the empty conjunction is yes.
    pub(super) fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::Yes;
        for answer in answers {
            match answer {
                Self::No => return Self::No,
                Self::Yes => {}
                Self::Open(_) => result = answer,
            }
        }
        result
    }

    /// The opposite.
    #[must_use]
    pub(super) const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open(_) => self,
        }
    }

    /// The same where it is sure that the question arises; open where yes hangs on that too.
    #[must_use]
    pub(super) const fn only_if(self, doubt: Option<&'static str>) -> Self {
        match (self, doubt) {
            (Self::Yes, Some(reason)) => Self::Open(reason),
            _ => self,
        }
    }

    /// The same, with a no that cannot be relied upon.
    #[must_use]
    pub(super) const fn unless(self, reason: &'static str) -> Self {
        match self {
            Self::Yes => self,
            Self::No | Self::Open(_) => Self::Open(reason),
        }
    }

    /// As the answer to whether something passes.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Yes => Verdict::Allowed,
            Self::No => Verdict::Denied,
            Self::Open(reason) => Verdict::Unspecified(reason.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, No, Open, Yes};

    #[test]
    fn what_is_open_decides_nothing_and_hides_nothing() {
        assert_eq!(Truth::any([No, Open("a"), No]), Open("a"));
        assert_eq!(Truth::any([Open("a"), Yes]), Yes);
        assert_eq!(Truth::all([Yes, Open("a")]), Open("a"));
        assert_eq!(Truth::all([Open("a"), No]), No);
        assert_eq!((Truth::any([]), Truth::all([])), (No, Yes));
        assert_eq!((Open("a").not(), Yes.not()), (Open("a"), No));
        assert_eq!((Yes.unless("b"), No.unless("b"), Open("a").unless("b")), (Yes, Open("b"), Open("b")));
        assert_eq!((Yes.only_if(Some("b")), No.only_if(Some("b"))), (Open("b"), No));
    }
}
