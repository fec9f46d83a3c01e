//! What every object has: its head, the rules that it comes from, and the way it is printed.
//!
//! Owns: `Object`, `manifest`, `intents`, the printing of YAML. It must not know any kind's spec.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Manifest;
use crate::config::SyncWaves;
use crate::flow::Symbol;
use crate::ir::{Policy, RuleId};

/// Who wrote an object.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "twogate");
/// The rules that an object comes from.
const INTENTS: &str = "twogate.dev/intents";
/// When Argo CD applies an object.
const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Bytes of rules in one annotation; Kubernetes takes 256 KiB for all annotations, `kubectl`'s copy of the object included.
const MAX_INTENTS: usize = 16 * 1024;

/// When an object is applied, so that nothing is refused before what lets it through is there (`semantics.md` trap 113).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wave {
    /// What later objects match on: verified tokens.
    Identities,
    /// What lets through or logs.
    Allows,
    /// What accepts both transports.
    Permissive,
    /// What accepts mTLS alone.
    Strict,
    /// What refuses.
    Denies,
}

impl Wave {
    /// Its place in the order, from 0.
    const fn turn(self) -> u8 {
        match self {
            Self::Identities => 0,
            Self::Allows => 1,
            Self::Permissive => 2,
            Self::Strict => 3,
            Self::Denies => 4,
        }
    }

    const fn number(self) -> &'static str {
        match self {
            Self::Identities => "0",
            Self::Allows => "1",
            Self::Permissive => "2",
            Self::Strict => "3",
            Self::Denies => "4",
        }
    }
}

/// An object but for its spec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespace: &'a Symbol,
    pub(super) name: &'a str,
    /// As [`intents`] gives them; empty for objects that come from no rule.
    pub(super) intents: &'a str,
    pub(super) wave: Wave,
    pub(super) waves: SyncWaves,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: &'a S,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
    labels: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, &'a str>,
}

impl Object<'_> {
    /// The object in writing.
    pub(super) fn manifest<S: Serialize>(&self, spec: &S) -> Manifest {
        let intents = (!self.intents.is_empty()).then_some((INTENTS, self.intents));
        let wave = (self.waves == SyncWaves::ArgoCd).then_some((SYNC_WAVE, self.wave.number()));
        let metadata = Metadata {
            name: self.name,
            namespace: self.namespace,
            labels: BTreeMap::from([MANAGED_BY]),
            annotations: intents.into_iter().chain(wave).collect(),
        };
        let yaml = print(&Document { api_version: self.api_version, kind: self.kind, metadata, spec });
        Manifest { namespace: Symbol::clone(self.namespace), kind: self.kind, name: self.name.to_owned(), turn: self.wave.turn(), yaml }
    }
}

/// One YAML document with one line end behind it.
pub(crate) fn print<T: Serialize>(value: &T) -> String {
    // Folding would break long values over lines; a block with `|` keeps the lines of an annotation.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX, min_fold_chars: usize::MAX };
    // Our values are texts, lists and maps, all of which print. Were it otherwise, the text names no kind and reading it back fails.
    let mut text =
        serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|error| format!("unprintable: {:?}\n", error.to_string()));
    text.truncate(text.trim_end_matches('\n').len());
    text.push('\n');
    // There are many of them, and they stay until they are written.
    text.shrink_to_fit();
    text
}

/// The texts of the rules that an object of this namespace comes from: sorted, each once and on a line of its own.
///
/// A rule that stands in another namespace says so in a comment, since its text speaks of its own. What goes past the bound is
/// counted.
pub(super) fn intents(policy: &Policy, namespace: &Symbol, rules: impl IntoIterator<Item = RuleId>) -> String {
    let rules: BTreeSet<RuleId> = rules.into_iter().collect();
    let texts: BTreeSet<(&str, Option<&str>)> = rules
        .into_iter()
        .filter_map(|id| policy.rule(id))
        .map(|rule| (rule.text.trim_end(), (rule.namespace != *namespace).then_some(&*rule.namespace)))
        .collect();
    let mut lines = String::new();
    for (written, (text, elsewhere)) in texts.iter().enumerate() {
        let place = elsewhere.map(|namespace| format!("  # in namespace {namespace}")).unwrap_or_default();
        if lines.len() + text.len() + place.len() > MAX_INTENTS {
            lines.push_str("# and ");
            lines.push_str(&(texts.len() - written).to_string());
            lines.push_str(" more");
            break;
        }
        lines.push_str(text);
        lines.push_str(&place);
        lines.push('\n');
    }
    lines.truncate(lines.trim_end().len());
    lines
}
