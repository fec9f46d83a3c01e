//! Three answers: yes, no, and "the platform leaves it open". A reason travels with the third.
//!
//! It must never turn the third into one of the others unless the rest of the formula decides alone (`semantics.md` §0.1).

/// The answer to one question about a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// Left open, and why.
    Unknown(String),
}

impl Truth {
    pub(super) fn of(answer: bool) -> Truth {
        if answer { Truth::Yes } else { Truth::No }
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Truth {
        Truth::Unknown(reason.into())
    }

    /// Yes if one is yes; the empty disjunction is no.
    pub(super) fn any(answers: impl IntoIterator<Item = Truth>) -> Truth {
        let mut result = Truth::No;
        for answer in answers {
            match answer {
                Truth::Yes => return Truth::Yes,
                Truth::No => {}
                Truth::Unknown(reason) => result = Truth::Unknown(reason),
            }
        }
        result
    }

    /// No if one is no; the empty conjunction is yes.
    pub(super) fn all(answers: impl IntoIterator<Item = Truth>) -> Truth {
        Truth::any(answers.into_iter().map(Truth::not)).not()
    }

    pub(super) fn not(self) -> Truth {
        match self {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Unknown(reason) => Truth::Unknown(reason),
        }
    }
}

mod tests {
    use super::Truth;

    #[test]
    fn an_unknown_decides_nothing_and_hides_nothing() {
        let open = || Truth::unknown("open");
        assert_eq!(Truth::any([Truth::No, open(), Truth::No]), open());
        assert_eq!(Truth::any([open(), Truth::Yes]), Truth::Yes);
        assert_eq!(Truth::all([Truth::Yes, open()]), open());
        assert_eq!(Truth::all([open(), Truth::No]), Truth::No);
        assert_eq!(open().not(), open());
        assert_eq!(Truth::any([]), Truth::No);
        assert_eq!(Truth::all([]), Truth::Yes);
    }
}
