//! What is taken for granted of the platform of two sets of manifests, where nobody said it.
//!
//! Owns: `presumed`, `spoken`. The same holds for both sides, else the two answers would differ by what nobody changed.

use super::run::Revision;
use crate::cluster::{Assumption, Cluster};
use crate::compile::Mesh;

/// Whether anything in either of two sides says how pods take part in a mesh.
pub(crate) fn spoken(base: &Revision, head: &Revision) -> Mesh {
    let of = |side: &Revision| Mesh::of(side.input.config, &side.input.sources, &side.input.inventory);
    of(base).or(of(head))
}

/// Two clusters, read with what is said of a mesh, on the platform that is taken for granted.
pub(crate) fn presumed(mesh: Mesh, clusters: [Cluster; 2]) -> ([Cluster; 2], Vec<Assumption>) {
    let mut all: Vec<Assumption> = mesh.assumptions(&clusters.each_ref());
    if !Cluster::leave_sctp_open(&clusters.each_ref()) {
        return (clusters, all);
    }
    all.push(Assumption::Sctp);
    (clusters.map(Cluster::with_sctp_judged), all)
}
