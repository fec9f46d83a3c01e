//! A plan as plain data.
//!
//! Owns: `Plan` and its parts. Words for people are made by the formats, but for those that all of them share.

use crate::flow::Symbol;

/// In which order a change is applied.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What the base is called.
    pub base: String,
    /// What the head is called.
    pub head: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Whether every moment of it was judged, and is safe.
    pub safety: Safety,
    /// Changed objects of which the evaluator does not know what they do; they are in no step, or their step was not judged.
    pub unjudged: Vec<String>,
    /// Changed objects of which nothing changes on which a flow hangs; they are in no step.
    pub besides: Vec<String>,
    /// Objects of the base that the head lacks and that stay.
    pub kept: Vec<String>,
    /// Policies that are not tried out first, with why.
    pub not_tried: Vec<String>,
    /// What is taken for granted.
    pub assumptions: Vec<String>,
}

/// How far a plan can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Safety {
    /// Every state on the way was judged: none opens what neither side allows, none drops what both allow.
    #[default]
    Safe,
    /// No such order was found; the steps that do harm say so.
    NoSafeOrder,
    /// Something could not be judged.
    NotJudged,
}

impl Safety {
    /// Its name in machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::NoSafeOrder => "no-safe-order",
            Self::NotJudged => "not-judged",
        }
    }
}

/// Objects that are applied together, in any order.
#[derive(Debug, Clone)]
pub struct Step {
    /// A word for it, which is part of the name of its folder.
    pub name: &'static str,
    /// Why it stands at this place: a sentence without capital and full stop.
    pub why: &'static str,
    /// What is done.
    pub actions: Vec<Action>,
    /// What passes after it that did not.
    pub opens: Vec<String>,
    /// What does not pass after it that did.
    pub closes: Vec<String>,
    /// What to wait for before the next step; none after the last one.
    pub wait: Option<&'static str>,
    /// What is wrong with it; nothing in a safe plan.
    pub harm: Vec<Harm>,
}

/// One object, and what is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// The kind of the object.
    pub kind: String,
    /// Its namespace; empty for an object of the whole cluster.
    pub namespace: Symbol,
    /// Its name.
    pub name: String,
    /// The file that its content was read from; empty where it was made for the plan or there is none.
    pub file: String,
    /// Whether it stands for a while only.
    pub stay: Stay,
    /// The document to apply, or to delete by; for a namespace whose pods turn, what the operator does, in words.
    pub text: String,
}

/// How long a content stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// It is the head's.
    Final,
    /// A later step replaces or deletes it.
    Interim,
}

/// What is done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// It is not there yet.
    Create,
    /// It is there with another content.
    Replace,
    /// It goes.
    Delete,
    /// The operator labels a namespace, and restarts its pods.
    Turn,
}

impl Verb {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Turn => "turn",
        }
    }
}

/// What a step does that it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// This flow passes for a while, and neither side allows it.
    Opens(String),
    /// This flow is stopped for a while, and both sides allow it.
    Drops(String),
    /// It could not be judged, for this reason.
    NotJudged(String),
}

impl Harm {
    /// Its name in machine formats.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opens(_) => "opens",
            Self::Drops(_) => "drops",
            Self::NotJudged(_) => "not-judged",
        }
    }

    /// The flow, or the reason.
    pub fn words(&self) -> &str {
        match self {
            Self::Opens(words) | Self::Drops(words) | Self::NotJudged(words) => words,
        }
    }
}

impl Action {
    /// The object, as findings name it: ``NetworkPolicy shop/db``.
    pub fn object(&self) -> String {
        if self.namespace.is_empty() {
            return format!("{} {}", self.kind, self.name);
        }
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }
}

impl Plan {
    /// All harm, with the number of its step.
    pub fn harm(&self) -> impl Iterator<Item = (usize, &Harm)> {
        self.steps.iter().enumerate().flat_map(|(at, step)| step.harm.iter().map(move |harm| (at + 1, harm)))
    }
}
