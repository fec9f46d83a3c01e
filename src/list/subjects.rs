//! Whose ends are asked, and how they are shared among threads.
//!
//! Owns: `Subject`, by which workloads have one end together, and the order in which ends are asked. What an end says is `ends`'.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::cluster::{Endpoint, NamedPort, Network, ProxyRole, Way};
use crate::flow::{DataPlane, LabelCube, PortSet, Symbol};
use crate::threads::in_shares;

use super::answer::EndAnswers;
use super::apart::Apart;
use super::bits::Bits;
use super::ends::{Asking, Ends, View, pod};
use super::requests::Spaces;
use super::unheard::Unheard;

/// Fewer ends are not worth another thread.
const WORTH_A_THREAD: usize = 16;

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

/// The workloads of one way whose ends are asked.
#[derive(Default)]
struct Subjects<'c> {
    /// One pod of those that have an end together.
    first: Vec<&'c Endpoint>,
    /// Whose ends they are.
    owners: Vec<Vec<usize>>,
    /// Which of them is whose, by workload.
    of: Vec<Option<usize>>,
}

/// What a share of the ends came to.
struct Share<'c> {
    views: Vec<View<'c>>,
    answers: EndAnswers,
    spaces: Spaces,
}

impl<'c> Asking<'c> {
    /// Asks the ends of these sources about destinations and of these destinations about sources: whose ends, and as whose far ends they
    /// are looked at.
    ///
    /// What the shares have learnt is joined as if one end had been asked after the other, the sources' before the destinations'.
    pub(super) fn both_ends(&mut self, (sources, callers): (&Bits, &Bits), (destinations, called): (&Bits, &Bits)) -> [Ends<'c>; 2] {
        let leaving = self.subjects(Way::Egress, sources);
        let entering = self.subjects(Way::Ingress, destinations);
        let each = |subjects: &Subjects<'c>, way| subjects.first.iter().map(|first| (*first, way)).collect::<Vec<_>>();
        let asked = [each(&leaving, Way::Egress), each(&entering, Way::Ingress)].concat();
        let cluster = self.cluster;
        let shares = in_shares(&asked, WORTH_A_THREAD, |share| Asking::new(cluster).share(share, (callers, called)));
        let mut views: Vec<View<'c>> = shares.into_iter().flat_map(|share| self.adopt(share)).collect();
        let entered = views.split_off(leaving.first.len());
        [leaving.with(views), entering.with(entered)]
    }

    /// Of each way, those that have an end together.
    fn subjects(&self, way: Way, asked: &Bits) -> Subjects<'c> {
        let workloads = self.cluster.workloads();
        let mut selectors: BTreeMap<&Symbol, Vec<LabelCube>> = BTreeMap::new();
        let mut known: BTreeMap<Subject<'c>, usize> = BTreeMap::new();
        let mut subjects = Subjects { of: vec![None; workloads.len()], ..Subjects::default() };
        for at in asked.iter() {
            let Some(workload) = workloads.get(at) else { continue };
            let Some(subject) = self.subject(&workload.endpoint, way, &mut selectors) else { continue };
            let number = *known.entry(subject).or_insert(subjects.first.len());
            if number == subjects.first.len() {
                subjects.first.push(&workload.endpoint);
                subjects.owners.push(Vec::new());
            }
            if let Some(owners) = subjects.owners.get_mut(number) {
                owners.push(at);
            }
            if let Some(place) = subjects.of.get_mut(at) {
                *place = Some(number);
            }
        }
        subjects
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

    /// Asks a share of the ends, one after the other, those that leave about `callers` and those that are entered about `called`.
    fn share(mut self, share: &[(&'c Endpoint, Way)], (callers, called): (&Bits, &Bits)) -> Share<'c> {
        let workloads = self.cluster.workloads();
        let [mut leaving, mut entering] = [called, callers].map(|far| Apart::new(workloads, far.clone()));
        let mut view = |(subject, way): &(&'c Endpoint, Way)| match way {
            Way::Egress => self.view(subject, *way, &mut leaving),
            Way::Ingress => self.view(subject, *way, &mut entering),
        };
        let views = share.iter().map(&mut view).collect();
        Share { views, answers: self.answers, spaces: self.spaces }
    }

    /// Takes in what a share has learnt: its views, with the numbers that their answers have here.
    fn adopt(&mut self, share: Share<'c>) -> Vec<View<'c>> {
        let numbers = self.answers.adopt(share.answers);
        self.spaces.adopt(share.spaces);
        share.views.into_iter().map(|view| view.renumbered(&numbers)).collect()
    }
}

impl<'c> Subjects<'c> {
    /// Their ends, given what each says.
    fn with(self, mut views: Vec<View<'c>>) -> Ends<'c> {
        views.iter_mut().zip(self.owners).for_each(|(view, owners)| view.owners = owners);
        Ends { views, of: self.of }
    }
}
