//! Names that somebody else knows beside those of a cluster.
//!
//! Owns: `Names`. Which names policies tell apart by patterns is the mesh's to say.

use std::collections::BTreeSet;

use super::{Cluster, mesh};
use crate::flow::Symbol;

/// Names that somebody else knows, so that a pattern of names is cut where they lie.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Namespaces.
    pub namespaces: BTreeSet<Symbol>,
    /// Service accounts.
    pub accounts: BTreeSet<Symbol>,
    /// Who stands for the names that are not among these.
    pub(super) others: mesh::Others,
}

impl Names {
    /// These namespaces and accounts. Whatever the patterns of policies tell apart besides, each cluster adds names for by itself.
    pub fn new(namespaces: BTreeSet<Symbol>, accounts: BTreeSet<Symbol>) -> Self {
        Self { namespaces, accounts, others: mesh::Others::Own }
    }

    /// These names and no others, for whoever asks which names policies know.
    #[must_use]
    pub(crate) fn alone(self) -> Self {
        Self { others: mesh::Others::Nobody, ..self }
    }

    /// These names, and unless it was done before, those that stand for all others that the policies of a cluster tell apart by patterns.
    #[must_use]
    pub(crate) fn told_apart(mut self, cluster: &Cluster) -> Self {
        if self.others == mesh::Others::Own {
            self.add_told_apart(&[cluster]);
        }
        self
    }

    /// Whether names are missing that policies tell from these: their patterns tell more apart than are looked for, and who compares by
    /// these names has not compared everything.
    pub fn are_cut_short(&self) -> bool {
        self.others == mesh::Others::Some
    }

    /// Adds names that stand for all those that policies of these clusters tell apart by patterns, where those of several clusters match
    /// one name too. Names that are here already stand for themselves. [`Names::are_cut_short`] says whether all were found.
    pub fn add_told_apart(&mut self, clusters: &[&Cluster]) {
        let meshes: Vec<&mesh::Mesh> = clusters.iter().map(|cluster| &*cluster.mesh).collect();
        mesh::add_names_of(&meshes, self);
    }
}
