//! One connection, explained: every gate, the rule that decides, and the smallest changes that would decide otherwise.
//!
//! Owns: the flow as people write it (`question`), the answer and its two renderings. Verdicts are `cluster`'s, what the intents
//! say is `meaning`'s; every change that is offered was made on a copy, compiled and asked again. It must not read a file.

mod accepted;
mod addressed;
mod assume;
mod audience;
mod authority;
mod call;
mod called;
mod case;
mod claims;
mod client;
mod disputed;
mod effect;
mod entrance;
mod holder;
mod human;
mod json;
mod loopback;
mod open;
mod origin;
mod own_node;
mod place;
mod possible;
pub mod question;
mod range;
mod remedy;
mod routing;
mod said;
mod setting;
mod spoken;
mod subject;
mod unnamed;
mod unopened;
mod world;

use crate::compile::Input;
use crate::diagnostic::{Code, Diagnostic, Level, code};
use crate::flow::Verdict;
use crate::source::{FileId, Source, Sources};

pub use accepted::Acceptance;
pub use case::{Case, Mode};
pub use effect::Effect;
pub use human::render as human;
pub use json::render as json;
pub use origin::Origin;
pub use remedy::{Change, Remedy, Wish};
pub use said::{End, Line, Said, Why};

use case::Cases;
use setting::Setting;

/// The name by which findings call the text of a flow.
const FLOW: &str = "flow";

/// Findings about the intents that are told beside an answer.
const TOLD_BESIDE: [Code; 2] = [code::NAMESPACE_MISSING, code::EXPECTATION_FAILED];

/// What is asked, and of whom.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The flow, as somebody typed it.
    pub flow: String,
    /// The intents with all that belongs to them; without intents only the manifests are asked.
    pub input: Input,
    /// Manifests that decide, by their files among the input's sources; empty for those that the intents compile to.
    pub manifests: Vec<FileId>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The text of all files, for the findings and for places.
    pub sources: Sources,
    /// What was found. An error in the intents or in the flow leaves no cases, nor do manifests of which nothing can be read; where
    /// some of them can be, the rest leaves unspecified what it may touch.
    pub findings: Vec<Diagnostic>,
    /// The connections that the flow stands for: one of each kind of answer, most often a single one.
    pub cases: Vec<Case>,
    /// The one verdict on all that the flow stands for; none if they differ, if not all were looked at, or if there is none.
    pub verdict: Option<Verdict>,
    /// What was taken for granted, each in a sentence without capital and full stop.
    pub notes: Vec<String>,
}

/// Answers.
pub fn explain(mut ask: Ask) -> Answer {
    let flow = ask.input.sources.add(Source::new(FLOW, ask.flow.as_str()));
    let (setting, mut findings) = Setting::build(ask.input, &ask.manifests);
    if !setting.is_readable {
        return Answer { sources: setting.sources, findings, ..Answer::default() };
    }
    let question = match setting.read(flow) {
        Ok(question) => question,
        Err(own) => {
            findings.retain(|finding| finding.level == Level::Error);
            findings.extend(own);
            return Answer { sources: setting.sources, findings, ..Answer::default() };
        }
    };
    let Cases { shown: cases, verdict, mut notes } = case::cases(&setting, &question);
    if cases.is_empty() {
        findings.retain(|finding| finding.level == Level::Error);
        findings.push(question.about_nobody(&setting.policy.config.cluster));
    }
    notes.extend(findings.iter().filter(|finding| TOLD_BESIDE.contains(&finding.code)).map(|finding| finding.message.clone()));
    Answer { sources: setting.sources, findings, cases, verdict, notes }
}

impl Answer {
    /// The one verdict on all that the flow stands for; none if they differ, if not all were looked at, or if there is none.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The errors among the findings.
    pub fn errors(&self) -> Vec<Diagnostic> {
        self.findings.iter().filter(|finding| finding.level == Level::Error).cloned().collect()
    }

    /// The findings that are told beside an answer: errors, and documents that are no objects though somebody may take them for policies.
    pub fn told(&self) -> Vec<Diagnostic> {
        let is_told = |finding: &&Diagnostic| finding.level == Level::Error || finding.code == code::NOT_A_MANIFEST;
        self.findings.iter().filter(is_told).cloned().collect()
    }

    /// Where the intents and what was compiled from them disagree: a fault of the tool.
    pub fn disagreement(&self) -> Option<String> {
        self.cases.iter().find_map(|case| case.disagreement.clone())
    }
}
