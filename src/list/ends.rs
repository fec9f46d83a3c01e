//! What each end of the workloads says to everybody else.
//!
//! Owns: `Ends`. Workloads that no policy tells apart share one end; far ends that an end does not tell apart are asked about
//! once; so an end costs as much as its rules, not as many as there are workloads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use crate::cluster::{Addressed, Cluster, End, Endpoint, NamedPort, Names, Network, ProxyRole, Question, Readers, Way};
use crate::flow::{
    AddressSet, Cut, DataPlane, LabelCube, Peer, Pod, PortSet, Protocol, Request, RequestSamples, Symbol, Transport, Verdict,
};
use crate::threads;

use super::answer::{EndAnswer, EndAnswers, Piece, Said};
use super::apart::Apart;
use super::bits::Bits;
use super::groups::{self, Group, Outside, Ports};
use super::members::Members;
use super::requests::{Looked, Requests, Space, Spaces};
use super::unheard::{Refusing, Unheard};

/// Why nobody knows what passes where [`Spaces`] gives up.
pub(super) const TOO_MANY_KINDS: &str = "the policies tell more kinds of requests apart than are asked for one by one";

/// The ends of one way.
#[derive(Default)]
pub(super) struct Ends<'c> {
    /// What each distinct end says.
    pub(super) views: Vec<View<'c>>,
    /// Which of them is whose, by workload; none for workloads that were not asked for.
    pub(super) of: Vec<Option<usize>>,
}

/// What one end says. Each answer is named by its number.
pub(super) struct View<'c> {
    /// Whose end it is.
    pub(super) owners: Vec<usize>,
    /// To workloads. Nobody stands in two groups.
    pub(super) groups: Vec<(Group, usize)>,
    /// To addresses that are no pod's.
    pub(super) outside: Vec<(Outside, usize)>,
    end: End<'c>,
    cuts: Vec<Cut>,
    /// What is not known of what reaches it, though it lets that pass.
    pub(super) unheard: Unheard,
    subject: &'c Endpoint,
    way: Way,
}

/// What is asked, and what was learned on the way.
pub(super) struct Asking<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) answers: EndAnswers,
    pub(super) spaces: Spaces,
    /// The space where nothing is looked at.
    plain: Option<Rc<Space>>,
    /// The addresses that are no pod's and no Service's.
    pub(super) space: AddressSet,
    pub(super) members: Members<'c>,
    pub(super) names: Names,
    refusing: Refusing,
    /// Groups of addresses by what they are cut by.
    cut_space: HashMap<Vec<AddressSet>, Vec<Outside>>,
    /// What is known of requests that ends with the same policies do not tell apart.
    alike: HashMap<Readers, Alike>,
}

/// By what the ends of two workloads may differ.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'c> {
    namespace: &'c Symbol,
    /// Which of the selectors of its namespace choose it, as far as its labels are known, and which labels are not.
    selected: Vec<bool>,
    open: &'c BTreeSet<Symbol>,
    account: &'c Symbol,
    plane: DataPlane,
    network: Network,
    proxy: ProxyRole,
    ports: Option<&'c [NamedPort]>,
    uncaptured: &'c [(u16, u16)],
    /// The ports that its sidecar does not take over.
    spared: PortSet,
    node: Option<&'c Symbol>,
    addresses: &'c [IpAddr],
    unheard: Unheard,
}

impl<'c> Asking<'c> {
    /// Makes ready to ask.
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        let workloads = cluster.workloads();
        let pods = || workloads.iter().filter_map(|workload| pod(&workload.endpoint));
        // Pods that are there are all that is asked about, so nobody stands for others.
        let namespaces = pods().map(|pod| Symbol::clone(&pod.namespace)).collect();
        let names = Names::new(namespaces, pods().map(|pod| Symbol::clone(&pod.account)).collect()).alone();
        let platform = cluster.platform();
        let mut spaces = Spaces::default();
        let plain = spaces.of(&Looked::default());
        Self {
            cluster,
            plain,
            members: Members::new(workloads),
            spaces,
            names,
            refusing: Refusing::of(cluster),
            answers: EndAnswers::default(),
            space: AddressSet::all().subtract(&platform.pods).subtract(&platform.services),
            cut_space: HashMap::new(),
            alike: HashMap::new(),
        }
    }

    /// Asks the ends of these sources about destinations and of these destinations about sources: whose ends, and as whose far ends they
    /// are looked at.
    ///
    /// What the two ways have learnt is joined as if the sources had been asked before the destinations.
    pub(super) fn both_ends(&mut self, (sources, callers): (&Bits, &Bits), (destinations, called): (&Bits, &Bits)) -> [Ends<'c>; 2] {
        let cluster = self.cluster;
        let leaving = || {
            let mut asking = Self::new(cluster);
            (asking.ends(Way::Egress, sources, called), asking.answers)
        };
        let ((egress, answers), mut ingress) = threads::both(leaving, || self.ends(Way::Ingress, destinations, callers));
        let entering = std::mem::replace(&mut self.answers, answers);
        ingress.renumber(&self.answers.adopt(entering));
        [egress, ingress]
    }

    /// Asks the ends of these workloads about those others.
    fn ends(&mut self, way: Way, subjects: &Bits, far: &Bits) -> Ends<'c> {
        let workloads = self.cluster.workloads();
        let mut selectors: BTreeMap<&Symbol, Vec<LabelCube>> = BTreeMap::new();
        let mut known: BTreeMap<Subject<'c>, usize> = BTreeMap::new();
        let mut ends = Ends { views: Vec::new(), of: vec![None; workloads.len()] };
        let mut apart = Apart::new(workloads, far.clone());
        for at in subjects.iter() {
            let Some(workload) = workloads.get(at) else { continue };
            let Some(subject) = self.subject(&workload.endpoint, way, &mut selectors) else { continue };
            let number = *known.entry(subject).or_insert(ends.views.len());
            if number == ends.views.len() {
                ends.views.push(self.view(&workload.endpoint, way, &mut apart));
            }
            if let Some(view) = ends.views.get_mut(number) {
                view.owners.push(at);
            }
            if let Some(place) = ends.of.get_mut(at) {
                *place = Some(number);
            }
        }
        ends
    }

    fn subject(&self, endpoint: &'c Endpoint, way: Way, selectors: &mut BTreeMap<&'c Symbol, Vec<LabelCube>>) -> Option<Subject<'c>> {
        let pod = pod(endpoint)?;
        let cubes = selectors.entry(&pod.namespace).or_insert_with(|| self.cluster.all_selectors(&pod.namespace));
        let facts = &endpoint.facts;
        Some(Subject {
            namespace: &pod.namespace,
            selected: cubes.iter().map(|cube| cube.contains(&pod.labels)).collect(),
            open: &facts.open_labels,
            account: &pod.account,
            plane: pod.plane,
            network: facts.network,
            proxy: facts.proxy,
            ports: facts.ports.as_deref(),
            uncaptured: facts.uncaptured.ranges(),
            spared: facts.spared_outbound(),
            node: facts.node.as_ref(),
            addresses: &facts.addresses,
            unheard: Unheard::of(self.cluster, endpoint, way, &self.refusing),
        })
    }

    fn view(&mut self, subject: &'c Endpoint, way: Way, apart: &mut Apart<'c>) -> View<'c> {
        let end = self.cluster.end(subject, way);
        let cuts = end.cuts(&self.names);
        let mut groups = groups::workloads(&cuts, apart.of(&cuts, way), &mut self.members);
        let unheard = Unheard::of(self.cluster, subject, way, &self.refusing);
        unheard.classes().for_each(|class| groups::split(&mut groups, class, None));
        let outside = self.outside(&cuts);
        let mut view = View { owners: Vec::new(), groups: Vec::new(), outside: Vec::new(), end, cuts, unheard, subject, way };
        let readers = view.end.readers();
        let mut learnt = Learnt { alike: self.alike.remove(&readers).unwrap_or_default(), spaces: HashMap::new() };
        for group in groups {
            if let Some(far) = self.witness(&group.members) {
                let answer = self.answer(&view, &far, &group.held, &mut learnt);
                view.groups.push((group, answer));
            }
        }
        for group in outside {
            if let Some(first) = group.addresses.first() {
                let answer = self.answer(&view, &Endpoint::from(Peer::Address(first)), &group.held, &mut learnt);
                view.outside.push((group, answer));
            }
        }
        self.alike.insert(readers, learnt.alike);
        view
    }

    /// One of these workloads, as another pod than the one that is asked about: what that says to itself is another question.
    fn witness(&self, members: &Bits) -> Option<Endpoint> {
        let mut far = self.cluster.workloads().get(members.iter().next()?)?.endpoint.clone();
        far.facts.one_pod = None;
        Some(far)
    }

    fn outside(&mut self, cuts: &[Cut]) -> Vec<Outside> {
        let key = cuts.iter().map(|cut| cut.peers.addresses.clone()).collect();
        let space = &self.space;
        self.cut_space.entry(key).or_insert_with(|| groups::addresses(cuts, space)).clone()
    }

    /// What an end says to one far end, which stands for all that the same cuts hold.
    fn answer(&mut self, view: &View<'c>, far: &Endpoint, held: &[usize], learnt: &mut Learnt) -> usize {
        let mut pieces = Vec::new();
        let plain = self.plain.clone();
        let refused = view.unheard.refused(self.cluster, far, view.subject);
        let probing = Some(self.cluster).filter(|cluster| view.is_probed(far, cluster));
        for group in view.ports(self.cluster, far, held) {
            let space = learnt.space(view, group.held, &mut self.spaces);
            for (protocol, transport) in view.transports(self.cluster, far) {
                let ports = group.ports.only(protocol);
                let Some((_, port, _)) = ports.ranges().next() else { continue };
                let space = if protocol == Protocol::Tcp { &space } else { &plain };
                let judged = |request: Option<&Request>| match probing {
                    Some(cluster) => probed(cluster, (far, view.subject), (protocol, port, transport), request),
                    None => view.end.decide(far, protocol, port, transport, request),
                };
                let decide = |request: Option<&Request>| view.unheard.settle(&refused, (protocol, port, transport), judged(request));
                let said = self.said(space.as_deref(), (&view.end, &mut learnt.alike), decide);
                if !said.is_empty() {
                    pieces.push(Piece { protocol, ports, transport, said: said.to_vec() });
                }
            }
        }
        self.answers.number(EndAnswer { pieces })
    }

    /// What is said to each kind of request of a space, if there is one.
    fn said(
        &mut self,
        space: Option<&Space>,
        (end, alike): (&End<'_>, &mut Alike),
        decide: impl Fn(Option<&Request>) -> Verdict,
    ) -> Rc<[Said]> {
        let too_many = || Rc::from([Said { requests: Requests::everything().into(), doubt: Some(TOO_MANY_KINDS.into()) }]);
        let Some(space) = space else { return too_many() };
        let lots = alike.of(end, space);
        let first = |lot: &Vec<usize>| lot.first().and_then(|at| space.questions().get(*at));
        let verdicts: Vec<Verdict> = lots.questions.iter().filter_map(first).map(|question| decide(question.as_ref())).collect();
        if let Some(known) = lots.said.get(&verdicts) {
            return Rc::clone(known);
        }
        let mut kinds: BTreeMap<Option<Symbol>, Vec<usize>> = BTreeMap::new();
        for (lot, verdict) in lots.questions.iter().zip(&verdicts) {
            let doubt = match verdict {
                Verdict::Denied => continue,
                Verdict::Allowed => None,
                Verdict::Unspecified(reason) => Some(Symbol::from(reason.as_str())),
            };
            kinds.entry(doubt).or_default().extend(lot);
        }
        let name = |(doubt, at): (Option<Symbol>, Vec<usize>)| {
            let wanted: Bits = at.into_iter().collect();
            Some(Said { requests: self.spaces.name(space, &wanted)?, doubt })
        };
        let said = kinds.into_iter().map(name).collect::<Option<Rc<[Said]>>>().unwrap_or_else(too_many);
        lots.said.insert(verdicts, Rc::clone(&said));
        said
    }
}

/// What was learnt of one end.
struct Learnt {
    alike: Alike,
    /// The space of what some of its cuts look at together: a key to what takes long to compare.
    spaces: HashMap<Vec<usize>, Option<Rc<Space>>>,
}

impl Learnt {
    /// The space of what these cuts look at; none if it has too many kinds.
    fn space(&mut self, view: &View<'_>, held: Vec<usize>, spaces: &mut Spaces) -> Option<Rc<Space>> {
        if let Some(known) = self.spaces.get(&held) {
            return known.clone();
        }
        let space = spaces.of(&view.samples(&held));
        self.spaces.insert(held, space.clone());
        space
    }
}

/// Which requests of each space, by its number, ends with the same policies do not tell apart, whoever calls.
#[derive(Default)]
struct Alike(HashMap<usize, Lots>);

/// Requests that are not told apart.
struct Lots {
    /// The numbers of the questions of each lot.
    questions: Vec<Vec<usize>>,
    /// What was said where each lot had such a verdict.
    said: HashMap<Vec<Verdict>, Rc<[Said]>>,
}

impl Alike {
    /// The lots of a space, in the order of their first questions.
    fn of(&mut self, end: &End<'_>, space: &Space) -> &mut Lots {
        self.0.entry(space.number()).or_insert_with(|| Lots::new(&end.alike(space.questions())))
    }
}

impl Lots {
    /// Of the number of each question.
    fn new(numbers: &[usize]) -> Self {
        let mut questions: Vec<Vec<usize>> = Vec::new();
        for (question, number) in numbers.iter().enumerate() {
            match questions.get_mut(*number) {
                Some(lot) => lot.push(question),
                None => questions.push(vec![question]),
            }
        }
        Self { questions, said: HashMap::new() }
    }
}

impl Ends<'_> {
    /// Gives each answer the number that stands in the place of its own.
    fn renumber(&mut self, numbers: &[usize]) {
        for view in &mut self.views {
            let of_groups = view.groups.iter_mut().map(|(_, answer)| answer);
            for answer in of_groups.chain(view.outside.iter_mut().map(|(_, answer)| answer)) {
                if let Some(number) = numbers.get(*answer) {
                    *answer = *number;
                }
            }
        }
    }
}

/// The answer to what has an address of probes. Whether it counts as the pod's own node is left open where ends are judged by
/// themselves, as that node is; so it is asked whole.
fn probed(
    cluster: &Cluster,
    (source, destination): (&Endpoint, &Endpoint),
    (protocol, port, transport): (Protocol, u16, Transport),
    request: Option<&Request>,
) -> Verdict {
    let question = Question {
        source: source.clone(),
        destination: destination.clone(),
        protocol,
        port,
        transport: Some(transport),
        request: request.cloned(),
        addressed: Addressed::Pod,
    };
    cluster.decide(&question).verdict
}

impl View<'_> {
    /// Whether a far end has an address that probes of the pod's own node have (`semantics.md` §5.4).
    fn is_probed(&self, far: &Endpoint, cluster: &Cluster) -> bool {
        let Peer::Address(address) = far.peer else { return false };
        let is_ambient = pod(self.subject).is_some_and(|pod| pod.plane == DataPlane::Ambient);
        self.way == Way::Ingress && is_ambient && cluster.platform().probe_sources.contains(address)
    }

    /// The group in which a workload stands, with its number.
    pub(super) fn group(&self, far: usize) -> Option<(usize, &Group)> {
        self.groups.iter().map(|(group, _)| group).enumerate().find(|(_, group)| group.members.contains(far))
    }

    /// The ports that this end tells apart for a far end that these cuts hold.
    pub(super) fn ports(&self, cluster: &Cluster, far: &Endpoint, held: &[usize]) -> Vec<Ports> {
        groups::ports(&self.cuts, held, &self.alone(cluster, far))
    }

    /// What these cuts look at in requests.
    pub(super) fn samples(&self, held: &[usize]) -> Looked {
        Looked::of(groups::samples(&self.cuts, held))
    }

    /// The ports that it tells apart for anybody.
    pub(super) fn all_ports(&self) -> Vec<Ports> {
        let all: Vec<usize> = (0..self.cuts.len()).collect();
        groups::ports(&self.cuts, &all, &[])
    }

    /// What it looks at in anybody's requests.
    pub(super) fn all_samples(&self) -> impl Iterator<Item = &RequestSamples> {
        self.cuts.iter().map(|cut| &cut.requests)
    }

    /// The protocols, and over which transports a connection with this far end can arrive: over mutual TLS only TCP between
    /// two pods of the mesh can, or of such as may be in it, and between two ambient ones it always does (`semantics.md` §5.1). What leaves
    /// a pod arrives so only if the other end says it too.
    fn transports(&self, cluster: &Cluster, far: &Endpoint) -> Vec<(Protocol, Transport)> {
        let are = |is: fn(DataPlane) -> bool| [self.subject, far].iter().all(|end| pod(end).is_some_and(|pod| is(pod.plane)));
        let is_carried = are(|plane| plane == DataPlane::Ambient);
        let plain = Protocol::ALL.into_iter().filter(|protocol| !is_carried || *protocol != Protocol::Tcp);
        let mut all: Vec<_> = plain.map(|protocol| (protocol, Transport::Plaintext)).collect();
        let may_speak_it = |end: &Endpoint| pod(end).is_some_and(|pod| pod.plane != DataPlane::None) || cluster.may_be_in_mesh(end);
        let is_open_there = self.way == Way::Egress && pod(far).is_some();
        if may_speak_it(self.subject) && (is_open_there || may_speak_it(far)) {
            all.push((Protocol::Tcp, Transport::Mtls));
        }
        all
    }

    /// Ports that the end may tell apart for this far end alone: those that its containers name (`semantics.md` §1.6), and those of which
    /// not all is known.
    fn alone(&self, cluster: &Cluster, far: &Endpoint) -> Vec<PortSet> {
        if self.way == Way::Ingress {
            return self.unheard.apart(self.unheard.refused(cluster, far, self.subject)).collect();
        }
        if self.cuts.is_empty() {
            return Vec::new();
        }
        let one = |port: &NamedPort| PortSet::one(port.protocol, port.number);
        far.facts.ports.iter().flatten().map(one).collect()
    }
}

pub(super) fn pod(endpoint: &Endpoint) -> Option<&Pod> {
    match &endpoint.peer {
        Peer::Pod(pod) => Some(pod),
        Peer::Address(_) => None,
    }
}
