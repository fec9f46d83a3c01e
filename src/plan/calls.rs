//! Calls among workloads, asked one by one.
//!
//! Owns: which connections hang on more than the labels of their ends, and what becomes of each at several moments: calls over waypoints
//! and by Services that change, and all connections of workloads that are not like every pod of their labels. Everything else is
//! judged over every pod that could exist, by `diff`.

mod asked;
mod door;

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};

use door::Door;

use super::items::{Item, State};
use super::object::Id;
use super::services::Services;
use super::workloads::{Workload, runs_pods};
use crate::classes::PathCells;
use crate::cluster::{Cluster, Endpoint, Names, Way};
use crate::diff::{Against, Breach, Said};
use crate::flow::{Cut, DataPlane, Flow, Labels, Peer, PortSet, Request, Symbol, Transport};
use crate::inventory::ServiceFacts;

/// What is known of workloads and Services at all moments.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) workloads: Vec<Workload>,
    /// The places of those that are not like every pod of their labels.
    pub(super) special: BTreeSet<usize>,
    pub(super) services: Services,
    /// The Services that change, by namespace and name.
    pub(super) moving: BTreeSet<(Symbol, Symbol)>,
    pub(super) names: Names,
}

/// The most questions of one plan.
pub(super) const MAX_ASKED: usize = 2_000_000;

/// A moment: its objects, and how each workload calls and is called.
pub(super) struct Moment<'a> {
    pub(super) cluster: &'a Cluster,
    services: Vec<&'a ServiceFacts>,
    ends: Vec<[Endpoint; 2]>,
}

impl<'a> Moment<'a> {
    /// What was, or what is to be: all workloads are as that side has them.
    pub(super) fn of_side(ground: &'a Ground, (cluster, state): (&'a Cluster, &'a State), side: usize) -> Self {
        let own = |workload: &Workload| workload.ends.get(side).map(|end| [end.clone(), end.clone()]);
        Self { cluster, services: ground.services.of(state).collect(), ends: ground.workloads.iter().filter_map(own).collect() }
    }

    /// A moment on the way.
    pub(super) fn of_state(ground: &'a Ground, items: &[Item], (cluster, state): (&'a Cluster, &'a State)) -> Self {
        let running = items.iter().enumerate().filter(|(_, item)| runs_pods(&item.id.kind));
        let arrived: BTreeMap<&Id, bool> = running.map(|(at, item)| (&item.id, state.of(at) == item.head)).collect();
        let of = |workload: &Workload| {
            let ends = [&state.turned.callers, &state.turned.called].map(|turned| {
                let is_new = arrived.get(&workload.id).copied().unwrap_or_else(|| turned.contains(workload.namespace()));
                placed(workload, usize::from(is_new), usize::from(state.turned.labels.contains(workload.namespace())))
            });
            let [Some(calling), Some(called)] = ends else { return None };
            Some([calling, called])
        };
        Self { cluster, services: ground.services.of(state).collect(), ends: ground.workloads.iter().filter_map(of).collect() }
    }

    /// The same while the pods of one workload are replaced: those that call are of one side, those that are called of the other.
    pub(super) fn mixed(mut self, ground: &Ground, at: usize, calling: usize) -> Self {
        let ends = ground
            .workloads
            .get(at)
            .and_then(|workload| Some([workload.ends.get(calling)?.clone(), workload.ends.get(1 - calling)?.clone()]));
        if let (Some(place), Some(ends)) = (self.ends.get_mut(at), ends) {
            *place = ends;
        }
        self
    }

    fn calling(&self, at: usize) -> Option<&Endpoint> {
        self.ends.get(at).map(|[calling, _]| calling)
    }

    fn called(&self, at: usize) -> Option<&Endpoint> {
        self.ends.get(at).map(|[_, called]| called)
    }
}

/// The pod of one side in a namespace with the labels of one.
fn placed(workload: &Workload, side: usize, labels: usize) -> Option<Endpoint> {
    let mut end = workload.ends.get(side)?.clone();
    let own = |end: &Endpoint| super::workloads::pod(end).map(|pod| (pod.namespace_labels.clone(), end.facts.namespace));
    let (namespace_labels, known): (Labels, _) = own(workload.ends.get(labels)?)?;
    if let Peer::Pod(pod) = &mut end.peer {
        pod.namespace_labels = namespace_labels;
    }
    end.facts.namespace = known;
    Some(end)
}

/// What is said of a request over each transport that it may come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passage {
    plaintext: Said,
    /// None where the client's side chooses, or no mTLS can be spoken.
    mtls: Option<Said>,
}

impl Passage {
    fn best(self) -> Said {
        self.mtls.map_or(self.plaintext, |mtls| mtls.max(self.plaintext))
    }

    fn over(self, transport: Transport) -> Option<Said> {
        match transport {
            Transport::Plaintext => Some(self.plaintext),
            Transport::Mtls => self.mtls,
        }
    }
}

/// In which way a moment is against both sides, and over which transport.
fn against(old: Passage, new: Passage, now: Passage) -> Option<(Against, Transport)> {
    for transport in [Transport::Mtls, Transport::Plaintext] {
        let Some(said) = now.over(transport) else { continue };
        let [was, is] = [old, new].map(|side| side.over(transport).unwrap_or_else(|| side.best()));
        // Who may send it in plaintext may as well prove who it is.
        let instead = transport == Transport::Mtls && [old, new].iter().any(|side| side.best() != Said::Denied);
        if !instead && said != Said::Denied && was == Said::Denied && is == Said::Denied {
            return Some((Against::Opens, transport));
        }
        if said != Said::Allowed && was == Said::Allowed && is == Said::Allowed {
            return Some((Against::Drops, transport));
        }
    }
    let is_lost = old.best() == Said::Allowed && new.best() == Said::Allowed && now.best() != Said::Allowed;
    let transport = if now.mtls.is_some() { Transport::Mtls } else { Transport::Plaintext };
    is_lost.then_some((Against::Drops, transport))
}

/// Several moments, asked alike.
pub(super) struct Calls<'a> {
    pub(super) ground: &'a Ground,
    pub(super) moments: Vec<Moment<'a>>,
    /// The namespaces of which something has changed; none for all.
    pub(super) touched: Option<BTreeSet<Symbol>>,
    /// The one workload of which calls of its own pods are asked; none for all.
    pub(super) alone: Option<usize>,
    /// How many questions were asked of all moments of a plan.
    pub(super) asked: &'a Cell<usize>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) breaches: Vec<Breach>,
    /// Connections whose requests fall into too many classes.
    pub(super) incomplete: Vec<Flow>,
    /// The first connection that was not asked about, as there were too many before it.
    pub(super) unasked: Option<Flow>,
}

/// A connection, by the places of its ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Between {
    source: usize,
    target: usize,
}

/// The same answers to a connection, request by request, at all moments.
type Answers = Vec<(Option<Request>, Vec<Passage>)>;

impl Calls<'_> {
    /// How the third moment is against the first two, which are what was and what is to be.
    pub(super) fn wrong(&self) -> Found {
        let mut found = Found::default();
        let incomplete = self.each(&mut |door, between, way, answers| {
            for (request, said) in answers {
                let [old, new, now] = said.as_slice() else { continue };
                let Some((way_of, transport)) = against(*old, *new, *now) else { continue };
                let flow = door.flow(between, way, (transport, request.clone()));
                found.breaches.extend(flow.map(|flow| Breach { way: way_of, flow }));
            }
        });
        found.incomplete = incomplete.0;
        found.unasked = incomplete.1;
        found.breaches.sort_unstable();
        found.breaches.dedup();
        found
    }

    /// What passes more, and what less, at the second moment than at the first, in words.
    pub(super) fn changes(&self) -> [Vec<String>; 2] {
        let mut lines: BTreeMap<(String, String, [Said; 2], bool), PortSet> = BTreeMap::new();
        let cut = self.each(&mut |door, between, way, answers| {
            let best: Vec<[Said; 2]> = answers.iter().filter_map(|(_, said)| said.as_slice().try_into().ok()).map(two_best).collect();
            let differing: BTreeSet<[Said; 2]> = best.iter().filter(|[before, after]| before != after).copied().collect();
            let is_all = best.windows(2).all(|pair| pair.first() == pair.last());
            for said in differing {
                let (who, whom) = door.words(between, way);
                let ports = lines.entry((who, whom, said, is_all)).or_default();
                *ports = ports.union(&way.ports);
            }
        });
        let mut told: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let [opens, closes] = &mut told;
        for ((who, whom, [before, after], is_all), ports) in lines {
            let part = if is_all { "" } else { "; of some requests" };
            let on = if ports.is_empty() { String::new() } else { format!(":{ports}") };
            let list = if after > before { &mut *opens } else { &mut *closes };
            list.push(format!("{who} -> {whom}{on}: {} → {}{part}", word(before), word(after)));
        }
        opens.extend(cut.1.is_some().then(|| "and of so many calls among workloads not all were looked at".to_owned()));
        told
    }

    /// Every connection that hangs on more than its ends, with the answers; those of which none could be had.
    fn each(&self, tell: &mut dyn FnMut(&Door<'_, '_>, &Between, &door::Called, &Answers)) -> (Vec<Flow>, Option<Flow>) {
        let (mut incomplete, mut paths) = (Vec::new(), PathCells::default());
        let egress: Vec<OnceCell<Vec<Cut>>> = self.ground.workloads.iter().map(|_| OnceCell::new()).collect();
        for target in 0..self.ground.workloads.len() {
            if self.alone.is_some_and(|alone| alone != target) {
                continue;
            }
            let door = Door::new(self, target);
            for source in (0..self.ground.workloads.len()).filter(|source| door.is_asked_by(*source)) {
                let between = Between { source, target };
                let out = egress.get(source).map(|cuts| cuts.get_or_init(|| self.egress(source)).as_slice()).unwrap_or_default();
                for way in door.ways(source, out) {
                    if self.asked.get() > MAX_ASKED {
                        return (incomplete, door.flow(&between, &way, (Transport::Plaintext, None)));
                    }
                    match door.answers(source, &way, &mut paths) {
                        Some(answers) => tell(&door, &between, &way, &answers),
                        None => incomplete.extend(door.flow(&between, &way, (Transport::Plaintext, None))),
                    }
                }
            }
        }
        (incomplete, None)
    }

    /// By what the end of a client tells connections apart, at any moment.
    fn egress(&self, source: usize) -> Vec<Cut> {
        let of = |moment: &Moment<'_>| {
            let end = moment.calling(source)?;
            Some(moment.cluster.end(end, Way::Egress).cuts(&self.ground.names))
        };
        self.moments.iter().filter_map(of).flatten().collect()
    }

    /// Whether anything has changed in a namespace.
    fn is_touched(&self, name: &str) -> bool {
        self.touched.as_ref().is_none_or(|names| names.contains(name))
    }
}

fn two_best([before, after]: [Passage; 2]) -> [Said; 2] {
    [before.best(), after.best()]
}

const fn word(said: Said) -> &'static str {
    match said {
        Said::Denied => "denied",
        Said::Unspecified => "unspecified",
        Said::Allowed => "allowed",
    }
}

/// Whether an end takes part in the mesh.
fn in_mesh(end: &Endpoint) -> bool {
    super::workloads::pod(end).is_some_and(|pod| pod.plane != DataPlane::None)
}
