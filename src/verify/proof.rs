//! The proof that manifests do what a program says.
//!
//! Owns: `prove`: which namespaces are compared, under which assumptions, and which differences were accepted. What is neither
//! equal nor accepted is a fault of whoever wrote the manifests.

use std::collections::BTreeSet;

use super::accepting::Accepting;
use super::accounted::{Accounted, Watched};
use super::assumption::Assumption;
use super::compare::{Bench, Comparison, Difference, Incomplete, RuledOut, compare};
use super::gateways::Gateways;
use super::granted::Granted;
use super::ground;
use super::judge::{Judge, JudgedEnd, Way};
use super::labels::Worlds;
use super::manifests::Manifests;
use super::meshed::kept_out;
use super::program::Program;
use super::roles::EitherRole;
use super::words::flow_words;
use super::world::PolicyWorld;
use crate::cluster::{Cluster, Endpoint, Names};
use crate::diagnostic::json::{Assumed, Proved};
use crate::flow::{Cut, Flow, LabelTests, Peer, PodCube, Symbol, Verdict};
use crate::gates::Gates;
use crate::ir::Policy;

/// What a proof found.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// What it takes for granted.
    pub assumptions: Vec<Assumption>,
    /// Flows that pass though no line says so, because their line accepts it.
    pub accepted: Vec<Difference>,
    /// Flows about which the program and the manifests disagree.
    pub differences: Vec<Difference>,
    /// What could not be judged.
    pub incomplete: Vec<Incomplete>,
    /// How many classes of flows were decided.
    pub classes: usize,
    /// Whether there may be more differences than were looked for.
    pub is_cut_short: bool,
}

impl Proof {
    /// Whether the manifests do what the program says, but for what was accepted.
    pub fn holds(&self) -> bool {
        self.differences.is_empty() && self.incomplete.is_empty()
    }

    /// The proof in words.
    pub fn words(&self) -> Proved {
        let assumed = |assumption: &Assumption| Assumed { name: assumption.name(), text: assumption.to_string() };
        Proved {
            holds: self.holds(),
            classes: self.classes,
            assumptions: self.assumptions.iter().map(assumed).collect(),
            accepted: self.accepted.iter().map(|difference| flow_words(&difference.flow)).collect(),
        }
    }
}

/// The ends that a proof looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Those of managed namespaces: for manifests that hold policies of others too, who rule their own namespaces.
    Managed,
    /// Those of the namespaces of `--with` programs besides, for manifests that hold what these write.
    Ruled,
    /// Those of every other namespace in which the manifests hold policies besides: a program rules none of them.
    Policed,
}

/// Compares a program with manifests, over every pod that could exist, at both ends of namespaces.
///
/// The manifests must have been read for a platform on which the assumptions hold.
pub fn prove(policy: &Policy, gates: &Gates, cluster: &Cluster, ends: Ends) -> Proof {
    let world = world_beside(policy, cluster, ends);
    prove_in(&world, Worlds::both(&world), (policy, gates, cluster), ends)
}

/// The pods that can exist under a proof's assumptions, beside these manifests.
pub(super) fn world_beside<'p>(policy: &'p Policy, cluster: &Cluster, ends: Ends) -> PolicyWorld<'p> {
    let outside = if ends == Ends::Managed { kept_out(policy, cluster) } else { BTreeSet::new() };
    PolicyWorld::new(policy).without_sidecars(outside)
}

/// The comparison over pods as somebody has them, `worlds`, of those that can exist under a proof's assumptions, `world`.
pub(super) fn prove_in(
    world: &PolicyWorld<'_>,
    worlds: Worlds<'_>,
    (policy, gates, cluster): (&Policy, &Gates, &Cluster),
    ends: Ends,
) -> Proof {
    let accepting = Accepting::new(policy, gates);
    let (program, accounted) = (accepting.program(), accepting.accounted());
    let written = Written::beside(&accepting, cluster);
    let either = EitherRole::judge(&written, cluster);
    let right = Watched { judge: &either, accounted };
    let granted = Granted::new(policy, gates);
    let namespaces = compared(policy, cluster, ends);
    let gateways = Gateways::new(policy, cluster, program, &right);
    let known = Known { granted: &granted, accounted, gateways: &gateways };
    let Comparison { differences, accepted, mut incomplete, classes, is_cut_short } =
        compare(Bench { left: program, right: &right, worlds, ruled_out: &known }, &namespaces);
    incomplete.extend(written.manifests.names().are_cut_short().then_some(Incomplete::Names));
    let mut assumptions = ground::taken_for_granted(policy, world, &granted);
    ground::add_of_manifests(&mut assumptions, policy, cluster);
    if world.outside().iter().any(|name| cluster.namespace_labels(name).is_some()) {
        ground::add_planes_of_others(&mut assumptions);
    }
    let taken = gateways.taken();
    assumptions.extend((!taken.is_empty()).then_some(Assumption::NoGateways { namespaces: taken }));
    Proof { assumptions, accepted, differences, incomplete, classes, is_cut_short }
}

/// The namespaces whose ends are compared.
fn compared(policy: &Policy, cluster: &Cluster, ends: Ends) -> Vec<Symbol> {
    let mut namespaces: BTreeSet<Symbol> = policy.managed().map(|namespace| Symbol::clone(&namespace.name)).collect();
    match ends {
        Ends::Managed => {}
        Ends::Ruled => namespaces.extend(ground::with(policy)),
        Ends::Policed => namespaces.extend(cluster.policed()),
    }
    namespaces.into_iter().collect()
}

/// What a proof takes for granted, and what the program's author accepted.
#[derive(Debug)]
struct Known<'a> {
    granted: &'a Granted<'a>,
    accounted: &'a Accounted<'a>,
    gateways: &'a Gateways<'a>,
}

impl RuledOut for Known<'_> {
    fn rules_out(&self, flow: &Flow) -> bool {
        self.granted.rules_out(flow) || self.gateways.rules_out(flow)
    }

    fn rules_out_all(&self, flow: &Flow) -> bool {
        self.granted.rules_out_all(flow)
    }

    fn cuts(&self, way: Way) -> Vec<Cut> {
        self.granted.cuts(way)
    }

    fn accepts(&self, difference: &Difference) -> bool {
        let is_gained = difference.left == Verdict::Denied && difference.right == Verdict::Allowed;
        is_gained && self.accounted.covers(&difference.flow, difference.way)
    }
}

/// The names that a program knows.
pub(super) fn names(policy: &Policy) -> Names {
    let mut names = Names::default();
    names.namespaces.extend(policy.namespaces.keys().cloned());
    names.accounts.extend(policy.workloads.iter().filter_map(|workload| workload.account.clone()));
    names.accounts.extend(policy.inventory.workloads.iter().map(|workload| Symbol::clone(&workload.account)));
    for cube in policy.rules.iter().flat_map(|rule| rule.source.peers().pods.cubes().to_vec()) {
        names.accounts.extend(cube.account.words().iter().cloned());
        names.namespaces.extend(cube.names().words().iter().cloned());
    }
    names
}

/// The written manifests, and in namespaces of `--with` programs of which they hold nothing those programs, which are taken as applied.
#[derive(Debug)]
pub struct Written<'a> {
    manifests: Manifests<'a>,
    program: &'a dyn Judge,
    /// The namespaces in which the program stands for what is applied.
    by_program: BTreeSet<Symbol>,
}

impl<'a> Written<'a> {
    /// Manifests of a program, to be compared with it.
    pub fn new(program: &'a Program<'a>, cluster: &'a Cluster) -> Self {
        Self::with_names(program, cluster, Self::names(program))
    }

    /// The same, where what the program accepts in namespaces of `--with` programs is let in there.
    pub fn beside(accepting: &'a Accepting<'a>, cluster: &'a Cluster) -> Self {
        let program = accepting.program();
        Self { program: accepting, ..Self::new(program, cluster) }
    }

    /// The same, with the names that the program knows, where they are found once for several clusters.
    pub(crate) fn with_names(program: &'a Program<'a>, cluster: &'a Cluster, names: Names) -> Self {
        let (mut by_program, policed) = (ground::with(program.policy()), cluster.policed());
        by_program.retain(|namespace| !policed.contains(namespace));
        Self { manifests: Manifests::new(cluster, names), program, by_program }
    }

    /// The names that a program knows.
    pub(crate) fn names(program: &Program<'_>) -> Names {
        names(program.policy())
    }
}

impl Judge for Written<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        if self.by_program.contains(namespace) { self.program.subjects(namespace, way) } else { self.manifests.subjects(namespace, way) }
    }

    fn subjects_elsewhere(&self, way: Way) -> Vec<PodCube> {
        self.manifests.subjects_elsewhere(way)
    }

    fn policed(&self) -> Vec<Symbol> {
        self.manifests.policed().into_iter().chain(self.by_program.iter().cloned()).collect()
    }

    fn label_tests(&self) -> Option<LabelTests> {
        let mut tests = self.manifests.label_tests()?;
        tests.extend(self.program.label_tests()?);
        Some(tests)
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        match &pod.peer {
            Peer::Pod(own) if self.by_program.contains(&own.namespace) => self.program.end(pod, way),
            _ => self.manifests.end(pod, way),
        }
    }
}
