//! What programs of others (`--with`) write.
//!
//! Owns: `of_others`. Their policies act on connections as ours do, though nobody writes them here. It must not judge.

use crate::cluster::{self, Platform};
use crate::gates;
use crate::ir::{Namespace, Ownership, Policy};
use crate::source::{FileId, Sources};
use crate::target::{self, Manifest, OutputFile};

/// The policies that programs read with `--with` would write, as files; what stands in some manifests under the same name is there in its
/// stead.
///
/// What all of them do together no program can say by itself.
pub fn of_others(policy: &Policy, sources: &Sources, there: &[FileId], platform: &Platform) -> Vec<OutputFile> {
    if !policy.namespaces.values().any(is_with) {
        return Vec::new();
    }
    let theirs = seen_by_others(policy);
    let gates = gates::build(&theirs);
    let there = cluster::names(sources, there, platform);
    let is_missing =
        |manifest: &Manifest| !there.contains(&[manifest.kind.into(), manifest.namespace.clone(), manifest.name.as_str().into()]);
    let manifests: Vec<Manifest> = target::ALL.iter().flat_map(|target| target.emit(&theirs, &gates)).filter(is_missing).collect();
    let files = target::layout(&theirs, &manifests).into_iter();
    files.filter(|file| !file.path.ends_with("kustomization.yaml")).collect()
}

fn is_with(namespace: &Namespace) -> bool {
    namespace.ownership == Ownership::With
}

/// The same policy with the others' namespaces and rules as the own ones.
pub fn seen_by_others(policy: &Policy) -> Policy {
    let turned = |ownership: Ownership| match ownership {
        Ownership::With => Ownership::Managed,
        Ownership::Managed => Ownership::With,
        Ownership::External | Ownership::Unmanaged => ownership,
    };
    let mut theirs = policy.clone();
    theirs.namespaces.values_mut().for_each(|namespace| namespace.ownership = turned(namespace.ownership));
    theirs.rules.iter_mut().for_each(|rule| rule.ownership = turned(rule.ownership));
    theirs
}
