//! One end of a rule, resolved: a small tree that says which peers it matches and which pods it opens.
//!
//! Owns: `End`. The tree keeps the shape that was written (`or`, `but`), so `meaning` can judge it without set algebra, and
//! `peers` turns it into sets for the gates. The two must agree; a property test holds them together.

use indexmap::IndexSet;

use crate::flow::{AddressSet, Peer, Peers, Pod, PodCube, PodSet};

/// Whether an endpoint names its pods, and so opens them, or only happens to include them (design §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Naming {
    /// By labels, name, namespace or account: a rule opens these pods.
    ByPod,
    /// `anywhere`: the pods are included and not opened.
    InPassing,
}

/// Who stands at one end of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum End {
    /// Pods.
    Pods(PodSet, Naming),
    /// Addresses that are no pod's.
    Addresses(AddressSet),
    /// Any of these.
    Or(Vec<End>),
    /// The first without the second.
    But(Box<End>, Box<End>),
    /// The first, as far as it is these pods (a port by name holds only for the pods that have it).
    Within(Box<End>, PodSet),
}

impl End {
    /// Nobody.
    pub fn nobody() -> Self {
        Self::Or(Vec::new())
    }

    /// Any of some ends. What stands there twice, as groups of groups may, counts once.
    pub fn any_of(ends: impl Iterator<Item = Self>) -> Self {
        let mut all: IndexSet<Self> = IndexSet::new();
        for end in ends {
            match end {
                Self::Or(inner) => all.extend(inner),
                other => all.extend([other]),
            }
        }
        Self::Or(all.into_iter().collect())
    }

    /// Pods and addresses alike: `anywhere`.
    pub fn anywhere(addresses: AddressSet) -> Self {
        Self::Or(vec![Self::Pods(PodSet::all(), Naming::InPassing), Self::Addresses(addresses)])
    }

    /// Whether it matches this peer.
    pub fn matches(&self, peer: &Peer) -> bool {
        match self {
            Self::Pods(pods, _) => matches!(peer, Peer::Pod(pod) if pods.contains(pod)),
            Self::Addresses(addresses) => matches!(peer, Peer::Address(address) if addresses.contains(*address)),
            Self::Or(ends) => ends.iter().any(|end| end.matches(peer)),
            Self::But(end, without) => end.matches(peer) && !without.matches(peer),
            Self::Within(end, pods) => end.matches(peer) && matches!(peer, Peer::Pod(pod) if pods.contains(pod)),
        }
    }

    /// Whether a rule that has this end opens this pod there: whether the end names it.
    pub fn opens(&self, pod: &Pod) -> bool {
        match self {
            Self::Pods(pods, naming) => *naming == Naming::ByPod && pods.contains(pod),
            Self::Addresses(_) => false,
            Self::Or(ends) => ends.iter().any(|end| end.opens(pod)),
            Self::But(end, without) => end.opens(pod) && !without.matches(&Peer::Pod(pod.clone())),
            Self::Within(end, pods) => end.opens(pod) && pods.contains(pod),
        }
    }

    /// Whether the pods that it matches are at most as many cubes, however they are counted on the way. Each `but` of several
    /// labels may multiply them.
    pub fn fits(&self, most: usize) -> bool {
        self.cubes(most).is_some()
    }

    fn cubes(&self, most: usize) -> Option<PodSet> {
        let within_bounds = |pods: PodSet| (pods.cubes().len() <= most).then_some(pods);
        match self {
            Self::Pods(pods, _) => within_bounds(pods.clone()),
            Self::Addresses(_) => Some(PodSet::none()),
            Self::Or(ends) => ends.iter().try_fold(PodSet::none(), |sum, end| within_bounds(sum.union(&end.cubes(most)?))),
            Self::But(end, without) => {
                let without = without.cubes(most)?;
                let minus = |rest: PodSet, cube: &PodCube| within_bounds(rest.subtract(&PodSet::from(cube.clone())));
                without.cubes().iter().try_fold(end.cubes(most)?, minus)
            }
            Self::Within(end, pods) => within_bounds(end.cubes(most)?.intersect(pods)),
        }
    }

    /// Of how many parts it is made: groups of groups may double with each.
    pub fn parts(&self) -> usize {
        match self {
            Self::Pods(..) | Self::Addresses(_) => 1,
            Self::Or(ends) => ends.iter().map(Self::parts).sum(),
            Self::But(end, without) => end.parts() + without.parts(),
            Self::Within(end, _) => end.parts(),
        }
    }

    /// The peers that it matches, as sets.
    pub fn peers(&self) -> Peers {
        match self {
            Self::Pods(pods, _) => Peers { pods: pods.clone(), addresses: AddressSet::none() },
            Self::Addresses(addresses) => Peers { pods: PodSet::none(), addresses: addresses.clone() },
            Self::Or(ends) => ends.iter().fold(Peers::none(), |sum, end| sum.union(&end.peers())),
            Self::But(end, without) => end.peers().subtract(&without.peers()),
            Self::Within(end, pods) => Peers { pods: end.peers().pods.intersect(pods), addresses: AddressSet::none() },
        }
    }

    /// The pods that it names, as a set: a part of [`Self::peers`].
    pub fn opened(&self) -> PodSet {
        match self {
            Self::Pods(pods, Naming::ByPod) => pods.clone(),
            Self::Pods(_, Naming::InPassing) | Self::Addresses(_) => PodSet::none(),
            Self::Or(ends) => ends.iter().fold(PodSet::none(), |sum, end| sum.union(&end.opened())),
            Self::But(end, without) => end.opened().subtract(&without.peers().pods),
            Self::Within(end, pods) => end.opened().intersect(pods),
        }
    }
}
