//! What each end of the workloads says to everybody else.
//!
//! Owns: `Ends`. Workloads that no policy tells apart share one end; far ends that an end does not tell apart are asked about
//! once; so an end costs as much as its rules, not as many as there are workloads.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::cluster::{Cluster, End, Endpoint, Facts, NamedPort, Names, Network, Way, Workload};
use crate::flow::{AddressSet, Cut, DataPlane, LabelCube, Peer, Pod, PortSet, Protocol, Request, RequestSamples, Symbol, Transport, Verdict};

use super::answer::{EndAnswer, EndAnswers, Piece, Said};
use super::bits::Bits;
use super::groups::{self, Group, Outside, Ports};
use super::members::Members;
use super::requests::Spaces;

/// The ends of one way.
pub(super) struct Ends<'c> {
    /// What each distinct end says.
    pub(super) views: Vec<View<'c>>,
    /// Which of them is whose, by workload; none for workloads that were not asked for.
    pub(super) of: Vec<Option<usize>>,
}

/// What one end says.
pub(super) struct View<'c> {
    /// To workloads. Nobody stands in two groups.
    pub(super) groups: Vec<(Group, Rc<EndAnswer>)>,
    /// To addresses that are no pod's.
    pub(super) outside: Vec<(Outside, Rc<EndAnswer>)>,
    end: End<'c>,
    cuts: Vec<Cut>,
    subject: &'c Endpoint,
    way: Way,
}

/// What is asked, and what was learned on the way.
pub(super) struct Asking<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) members: Members<'c>,
    pub(super) spaces: Spaces,
    names: Names,
    answers: EndAnswers,
    /// The addresses that are no pod's.
    pub(super) space: AddressSet,
    /// Groups of addresses by what they are cut by.
    cut_space: HashMap<Vec<AddressSet>, Vec<Outside>>,
}

/// By what ends of workloads may differ.
type Subject<'c> = (&'c Symbol, Vec<bool>, &'c Symbol, DataPlane, Network, FactsKey<'c>);
type FactsKey<'c> = (Option<&'c [NamedPort]>, &'c [(u16, u16)], Option<&'c Symbol>);

impl<'c> Asking<'c> {
    /// Makes ready to ask.
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        let workloads = cluster.workloads();
        let pods = || workloads.iter().filter_map(|workload| pod(&workload.endpoint));
        let names = Names {
            namespaces: pods().map(|pod| Symbol::clone(&pod.namespace)).collect(),
            accounts: pods().map(|pod| Symbol::clone(&pod.account)).collect(),
        };
        Self {
            cluster,
            members: Members::new(workloads),
            spaces: Spaces::default(),
            names,
            answers: EndAnswers::default(),
            space: AddressSet::all().subtract(&cluster.platform().pods),
            cut_space: HashMap::new(),
        }
    }

    /// Asks the ends of these workloads about those others.
    pub(super) fn ends(&mut self, way: Way, subjects: &Bits, far: &Bits) -> Ends<'c> {
        let workloads = self.cluster.workloads();
        let mut selectors: BTreeMap<&Symbol, Vec<LabelCube>> = BTreeMap::new();
        let mut known: BTreeMap<Subject<'c>, usize> = BTreeMap::new();
        let mut ends = Ends { views: Vec::new(), of: vec![None; workloads.len()] };
        let apart = [apart(workloads, far, way, Isolated::No), apart(workloads, far, way, Isolated::Yes)];
        for at in subjects.iter() {
            let Some(workload) = workloads.get(at) else { continue };
            let Some(subject) = self.subject(&workload.endpoint, &mut selectors) else { continue };
            let next = ends.views.len();
            let view = *known.entry(subject).or_insert(next);
            if view == next {
                ends.views.push(self.view(&workload.endpoint, way, &apart));
            }
            if let Some(place) = ends.of.get_mut(at) {
                *place = Some(view);
            }
        }
        ends
    }

    fn subject(&self, endpoint: &'c Endpoint, selectors: &mut BTreeMap<&'c Symbol, Vec<LabelCube>>) -> Option<Subject<'c>> {
        let pod = pod(endpoint)?;
        let cubes = selectors.entry(&pod.namespace).or_insert_with(|| self.cluster.selectors(&pod.namespace));
        let selected = cubes.iter().map(|cube| cube.contains(&pod.labels)).collect();
        let facts = &endpoint.facts;
        let key = (facts.ports.as_deref(), facts.uncaptured.ranges(), facts.node.as_ref());
        Some((&pod.namespace, selected, &pod.account, pod.plane, facts.network, key))
    }

    fn view(&mut self, subject: &'c Endpoint, way: Way, apart: &[Vec<Bits>; 2]) -> View<'c> {
        let end = self.cluster.end(subject, way);
        let cuts = end.cuts(&self.names);
        let [simple, full] = apart;
        let apart = if cuts.is_empty() { simple } else { full };
        let groups = groups::workloads(&cuts, apart, &mut self.members);
        let outside = self.outside(&cuts);
        let mut view = View { groups: Vec::new(), outside: Vec::new(), end, cuts, subject, way };
        for group in groups {
            let far = group.members.first().and_then(|first| self.cluster.workloads().get(first));
            if let Some(far) = far {
                let answer = self.answer(&view, &far.endpoint, &group.held);
                view.groups.push((group, answer));
            }
        }
        for group in outside {
            if let Some(first) = group.addresses.first() {
                let answer = self.answer(&view, &Endpoint::from(Peer::Address(first)), &group.held);
                view.outside.push((group, answer));
            }
        }
        view
    }

    fn outside(&mut self, cuts: &[Cut]) -> Vec<Outside> {
        let key = cuts.iter().map(|cut| cut.peers.addresses.clone()).collect();
        let space = &self.space;
        self.cut_space.entry(key).or_insert_with(|| groups::addresses(cuts, space)).clone()
    }

    /// What an end says to one far end, which stands for all that the same cuts hold.
    fn answer(&mut self, view: &View<'c>, far: &Endpoint, held: &[usize]) -> Rc<EndAnswer> {
        let mut pieces = Vec::new();
        for group in view.ports(far, held) {
            let samples = view.samples(&group.held);
            for (protocol, transport) in view.transports(far) {
                let ports = group.ports.only(protocol);
                let Some((_, port, _)) = ports.ranges().next() else { continue };
                let plain = RequestSamples::default();
                let looked_at = if protocol == Protocol::Tcp { &samples } else { &plain };
                let said = self.said(looked_at, |request| view.end.decide(far, protocol, port, transport, request));
                if !said.is_empty() {
                    pieces.push(Piece { protocol, ports, transport, said });
                }
            }
        }
        self.answers.share(EndAnswer { pieces })
    }

    /// What is said to each kind of request that the samples tell apart.
    fn said(&mut self, samples: &RequestSamples, decide: impl Fn(Option<&Request>) -> Verdict) -> Vec<Said> {
        let Some(space) = self.spaces.of(samples) else {
            let reason = "the policies tell more kinds of requests apart than are asked for one by one";
            return vec![Said { requests: super::requests::Requests::everything().into(), doubt: Some(reason.into()) }];
        };
        let mut kinds: BTreeMap<Option<Symbol>, Vec<usize>> = BTreeMap::new();
        for (at, question) in space.questions().iter().enumerate() {
            match decide(question.as_ref()) {
                Verdict::Denied => {}
                Verdict::Allowed => kinds.entry(None).or_default().push(at),
                Verdict::Unspecified(reason) => kinds.entry(Some(reason.into())).or_default().push(at),
            }
        }
        let name = |(doubt, at): (Option<Symbol>, Vec<usize>)| {
            let wanted: Bits = at.into_iter().collect();
            Said { requests: self.spaces.name(&space, &wanted), doubt }
        };
        kinds.into_iter().map(name).collect()
    }
}

impl View<'_> {
    /// The ports that this end tells apart for a far end that these cuts hold.
    pub(super) fn ports(&self, far: &Endpoint, held: &[usize]) -> Vec<Ports> {
        groups::ports(&self.cuts, held, &self.alone(far))
    }

    /// What these cuts look at in requests.
    pub(super) fn samples(&self, held: &[usize]) -> RequestSamples {
        groups::samples(&self.cuts, held)
    }

    /// The protocols, and over which transports a connection with this far end can arrive: over mutual TLS only TCP between
    /// two pods of the mesh can (`semantics.md` §5.1).
    fn transports(&self, far: &Endpoint) -> Vec<(Protocol, Transport)> {
        let meshed = [self.subject, far].iter().all(|end| pod(end).is_some_and(|pod| pod.plane != DataPlane::None));
        let mut all: Vec<_> = Protocol::ALL.map(|protocol| (protocol, Transport::Plaintext)).into();
        if meshed {
            all.push((Protocol::Tcp, Transport::Mtls));
        }
        all
    }

    /// Ports that the end may tell apart for this far end alone: those that its containers name (`semantics.md` §1.6).
    fn alone(&self, far: &Endpoint) -> Vec<PortSet> {
        if self.way == Way::Ingress || self.cuts.is_empty() {
            return Vec::new();
        }
        let one = |port: &NamedPort| PortSet::one(port.protocol, port.number);
        far.facts.ports.iter().flatten().map(one).collect()
    }
}

/// Whether a policy acts on an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isolated {
    Yes,
    No,
}

/// The workloads by what no cut looks at, but an end may.
fn apart(workloads: &[Workload], far: &Bits, way: Way, isolated: Isolated) -> Vec<Bits> {
    type Key<'c> = (Option<DataPlane>, Option<usize>, Option<FactsKey<'c>>);
    let mut groups: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for at in far.iter() {
        let Some(workload) = workloads.get(at) else { continue };
        let facts: &Facts = &workload.endpoint.facts;
        // A pod on its node's network is the node to others, so each stands alone.
        let host = (facts.network == Network::Host).then_some(at);
        let ports = (way == Way::Egress && isolated == Isolated::Yes).then(|| (facts.ports.as_deref(), facts.uncaptured.ranges(), None));
        let key = (pod(&workload.endpoint).map(|pod| pod.plane), host, ports);
        groups.entry(key).or_default().push(at);
    }
    groups.into_values().map(|at| at.into_iter().collect()).collect()
}

fn pod(endpoint: &Endpoint) -> Option<&Pod> {
    match &endpoint.peer {
        Peer::Pod(pod) => Some(pod),
        Peer::Address(_) => None,
    }
}
