//! Changes that would decide otherwise, each made on a copy and asked again.
//!
//! Owns: `Remedy`, the order of what is tried, and that nothing is offered that was not tried. What can be changed in intents
//! stands in `intents`, what in manifests in `manifests`.

mod hint;
mod intents;
mod manifests;
mod text;
mod wording;

use super::call::Call;
use super::effect::{self, Effect};
use super::said::Said;
use super::setting::{Judge, Setting};
use crate::cluster::Decision;
use crate::diagnostic::Diagnostic;
use crate::flow::Verdict;

pub(super) use hint::by_request;
pub(super) use wording::Words;

/// As many changes are offered.
const MOST: usize = 3;

/// As many changes are tried.
const MOST_TRIED: usize = 12;

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That the connection passes.
    Allow,
    /// That it does not.
    Stop,
}

/// One place that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where: `shop.intent:2`, `Deployment shop/web`.
    pub place: String,
    /// What stands there afterwards.
    pub text: String,
}

/// A change that decides otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What it is for.
    pub wish: Wish,
    /// The places that are changed; all of them are needed.
    pub changes: Vec<Change>,
    /// What it does besides; none if it was refused.
    pub effect: Option<Effect>,
    /// Why it cannot be done, where nothing else was found.
    pub refused: Option<String>,
}

/// A change that can be tried.
struct Candidate {
    changes: Vec<Change>,
    make: Make,
}

/// How a change is made.
enum Make {
    /// Other texts of intents.
    Texts(Vec<intents::Edit>),
    /// Other objects.
    Objects(Vec<serde_json::Value>),
}

/// The changes that would decide otherwise, those that do least besides first.
pub(super) fn find(setting: &Setting, call: &Call, decision: &Decision, said: Option<&Said>) -> Vec<Remedy> {
    let wish = match decision.verdict {
        Verdict::Allowed => Wish::Stop,
        Verdict::Denied => Wish::Allow,
        Verdict::Unspecified(_) => return Vec::new(),
    };
    let given = setting.judge == Judge::Given;
    let mut candidates = if given { manifests::facts(setting, call, wish) } else { Vec::new() };
    if let Some(said) = said {
        candidates.extend(intents::candidates(setting, call, said, wish));
        let is_wished = said.passes == (wish == Wish::Allow);
        if given && is_wished {
            candidates.extend(manifests::compiled(setting));
        }
    } else {
        candidates.extend(manifests::candidates(setting, call, decision, wish));
    }
    tried(setting, call, candidates, wish)
}

/// The candidates that do what is wished; if none does, the first that was refused.
fn tried(setting: &Setting, call: &Call, candidates: Vec<Candidate>, wish: Wish) -> Vec<Remedy> {
    let mut found: Vec<Remedy> = Vec::new();
    let mut refused = Vec::new();
    for candidate in candidates.into_iter().take(MOST_TRIED) {
        let changed = match candidate.make {
            Make::Texts(edits) => intents::apply(setting, &edits),
            Make::Objects(objects) => setting.with_objects(objects).ok_or_else(Vec::new),
        };
        match changed {
            Ok(changed) if does(&changed, call, wish) => {
                let kind = if wish == Wish::Allow { effect::Change::Gained } else { effect::Change::Lost };
                let effect = effect::compare(setting, &changed, call, kind);
                found.push(Remedy { wish, changes: candidate.changes, effect: Some(effect), refused: None });
            }
            Ok(_) => {}
            Err(findings) => refused.push(Remedy { wish, changes: candidate.changes, effect: None, refused: reason(&findings) }),
        }
    }
    if found.is_empty() {
        refused.retain(|remedy| remedy.refused.is_some());
        refused.truncate(1);
        return refused;
    }
    let needless = |remedy: &Remedy, others: &[Remedy]| {
        let within = |other: &Remedy| {
            other.changes.len() < remedy.changes.len() && other.changes.iter().all(|change| remedy.changes.contains(change))
        };
        others.iter().any(within)
    };
    let all = found.clone();
    found.retain(|remedy| !needless(remedy, &all));
    found.sort_by_key(|remedy| {
        (
            remedy.changes.len(),
            remedy.effect.as_ref().map_or(0, |effect| effect.others.len() + effect.against.len() + effect.undecided.len()),
        )
    });
    found.truncate(MOST);
    found
}

/// Whether a setting decides as wished. What is to be stopped is stopped on each way that the flow may mean: who is refused by name gets in
/// by the pod's own address, where he has none.
fn does(setting: &Setting, call: &Call, wish: Wish) -> bool {
    let call = call.in_setting(setting);
    match wish {
        Wish::Allow => call.decide(setting).verdict == Verdict::Allowed,
        Wish::Stop => std::iter::once(&call).chain(&call.by_its_own_address()).all(|way| way.decide(setting).verdict == Verdict::Denied),
    }
}

/// Why a change does not compile.
fn reason(findings: &[Diagnostic]) -> Option<String> {
    findings.first().map(|finding| format!("{}: {}", finding.code, finding.message))
}
