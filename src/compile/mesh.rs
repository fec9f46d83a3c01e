//! Whether anything says how pods take part in a mesh, where manifests are judged.
//!
//! Owns: `Mesh`. Sidecars are usual with intents, which speak of mTLS; whoever has nothing but `NetworkPolicy` objects has no use for answers
//! about the ports of proxies. So where nothing speaks of a mesh none is taken for granted, and every answer says so. Whatever opts out of a
//! mesh, or tunes a sidecar without giving it, speaks of none (`semantics.md` §2.1, §3.2).

use crate::cluster::{Assumption, Cluster};
use crate::config::{self, Config};
use crate::flow::DataPlane;
use crate::inventory::is_without_mesh;
use crate::ir::{Need, Policy, needs};
use crate::source::{FileId, Source, Sources};

/// Words by which objects take part in a mesh.
const WORDS: [&str; 4] = ["istio.io", "istio-injection", "istio-proxy", "istio-waypoint"];

/// Groups of objects that install a mesh and whose names are none of these.
const INSTALLERS: [&str; 2] = ["sailoperator.io/", "maistra.io/"];

/// What stands around a key or a value, in YAML, in JSON and in JSON within a text of either.
const QUOTING: [char; 3] = ['"', '\'', '\\'];

/// What no gate but a mesh can do for a rule.
const OF_A_MESH: [Need; 3] = [Need::Mtls, Need::Accounts, Need::Http];

/// Whether anything says how pods take part in a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mesh {
    /// A configuration does.
    #[default]
    Stated,
    /// A manifest does, if not for all pods, or a line of the intents.
    Mentioned,
    /// Nothing does.
    Unmentioned,
}

impl Mesh {
    /// What a configuration and manifests say, comments left aside.
    pub fn of(config: Option<FileId>, sources: &Sources, manifests: &[FileId]) -> Self {
        let mut texts = manifests.iter().filter_map(|file| sources.get(*file)).map(Source::text);
        match config.and_then(|file| sources.get(file)) {
            Some(source) if config::speaks_of_mesh(source) => Self::Stated,
            _ if texts.any(speaks_of_one) => Self::Mentioned,
            _ => Self::Unmentioned,
        }
    }

    /// The same beside intents: those that ask of callers who they are, or look at requests, speak of a mesh too.
    #[must_use]
    pub fn beside(self, policy: &Policy) -> Self {
        let speaks_of_one = || policy.rules.iter().any(|rule| needs(rule).iter().any(|need| OF_A_MESH.contains(need)));
        self.or(if speaks_of_one() || has_unmeshed(policy) { Self::Mentioned } else { Self::Unmentioned })
    }

    /// What two sides say that are judged together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Unmentioned { other } else { self }
    }

    /// A configuration, with what is taken for granted.
    pub fn settle(self, config: &mut Config) {
        if self == Self::Unmentioned {
            config.mesh.mode = DataPlane::None;
        }
    }

    /// What is taken for granted of these clusters.
    pub fn assumptions(self, clusters: &[&Cluster]) -> Vec<Assumption> {
        let takes_in = |cluster: &&Cluster| cluster.meshed_by_default().next().is_some() || cluster.has_taken_in();
        let sidecars = match self {
            Self::Unmentioned => return vec![Assumption::NoMesh],
            Self::Mentioned => clusters.iter().any(takes_in).then_some(Assumption::Sidecars),
            Self::Stated => None,
        };
        let unjoined = clusters.iter().any(|cluster| cluster.has_unjoined()).then_some(Assumption::Unjoined);
        sidecars.into_iter().chain(unjoined).collect()
    }
}

/// Whether a program says of a workload that it takes no part in the mesh.
fn has_unmeshed(policy: &Policy) -> bool {
    policy.workloads.iter().any(|workload| workload.plane.is_some())
}

/// Whether a text has a word of a mesh outside a line of comment, other than what keeps pods out of one or tunes a proxy.
fn speaks_of_one(text: &str) -> bool {
    let is_word = |at: usize| WORDS.into_iter().any(|word| text.get(at..).unwrap_or_default().starts_with(word));
    // Whether it is in a comment comes last: that looks at the whole line, which in JSON may be the whole text.
    let is_said = text.match_indices("istio").any(|(at, _)| is_word(at) && !is_idle(text, at) && !is_comment(text, at));
    is_said || INSTALLERS.into_iter().any(|group| text.match_indices(group).any(|(at, _)| !is_comment(text, at)))
}

/// Whether a place is in a line of comment.
fn is_comment(text: &str, at: usize) -> bool {
    let line = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with('#')
}

/// Whether a word stands in the key of a label or an annotation by which nothing takes part in a mesh.
fn is_idle(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or_default();
    let start = before.trim_end_matches(is_of_key).len();
    let rest = after.trim_start_matches(is_of_key);
    let key = text.get(start..text.len() - rest.len()).unwrap_or_default();
    let value = rest.trim_start_matches(QUOTING).trim_start_matches(' ').strip_prefix(':');
    value.is_some_and(|value| is_without_mesh(key, word(value)))
}

const fn is_of_key(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | '/')
}

/// The word that a value begins with; none where it is not written plainly, and so may be any.
fn word(value: &str) -> Option<&str> {
    let value = value.trim_start_matches(' ').trim_start_matches(QUOTING);
    let rest = value.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
    let is_whole = rest.starts_with("\\\"") || rest.starts_with(['"', '\'', ',', '}']) || rest.trim_start().len() < rest.len();
    value.get(..value.len() - rest.len()).filter(|word| !word.is_empty() && (is_whole || rest.is_empty()))
}
