//! What is written and empty, of which Istio may make everything or nothing.
//!
//! Owns: the findings about it (`semantics.md` §2.1, §2.3, §9 row 8). It must not decide what becomes of flows: those that hang on such
//! a thing are left open elsewhere.

use crate::diagnostic::{Diagnostic, code};
use crate::manifest::{Node, Reading};

const OPEN: &str = "the verdict on every flow that hangs on it is `unspecified`";

/// Reports a `from` or a `to` without elements, named `key`; `any` says what a rule without it is about.
pub(super) fn list(node: &Node<'_>, [key, any]: [&str; 2], reading: &mut Reading<'_>) {
    node.remark(reading, |subject, location| {
        Diagnostic::new(code::UNCLEAR_EMPTY_FIELD, location, format!("{subject} is an empty list"))
            .label(format!("{any}, or nothing at all?"))
            .note("Istio means to refuse it, but may get to see it as a field that is not there, which is no restriction")
            .note(OPEN)
            .help(format!("leave out `{key}` for {any}; for nothing at all, leave out the rule and keep the policy"))
    });
}

/// Reports a selector without labels.
pub(super) fn selector(node: &Node<'_>, reading: &mut Reading<'_>) {
    node.remark(reading, |subject, location| {
        Diagnostic::new(code::UNCLEAR_EMPTY_FIELD, location, format!("{subject} has no labels"))
            .label("every pod, or none?")
            .note("sidecars take it for every pod of the namespace, and ambient mode seems to take it for none")
            .note(OPEN.replace("flow", "flow to ambient pods"))
            .help("leave out `selector` for every pod")
    });
}
