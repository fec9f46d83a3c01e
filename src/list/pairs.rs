//! All pairs.
//!
//! Owns: `Pairs`, which joins what the two ends of each pair say. It walks over those pairs only that the destination's end
//! lets pass anything, and joins no two answers twice.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::cluster::{Cluster, Endpoint, Way, Workload};
use crate::flow::{AddressSet, Peer};

use super::answer::{Answer, EndAnswer, meet};
use super::bits::Bits;
use super::ends::{Asking, Ends, View};
use super::reasons::{self, Witness};
use super::{Listing, Options, Reasons, Row, Scope, Selection, Side, peers};

/// The join.
pub(super) struct Pairs<'c> {
    cluster: &'c Cluster,
    options: &'c Options,
    asking: Asking<'c>,
    sources: Bits,
    destinations: Bits,
    egress: Ends<'c>,
    ingress: Ends<'c>,
    /// The answers so far, and where each is.
    answers: Vec<Rc<Answer>>,
    places: BTreeMap<Rc<Answer>, usize>,
    joined: HashMap<Key, Option<usize>>,
    outside: BTreeMap<AddressSet, usize>,
    rows: Vec<Row>,
}

/// By what joined answers are found again: the two answers, or the two groups where reasons are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key([usize; 4]);

/// One end, and the group in it that the far end stands in.
#[derive(Clone, Copy)]
struct Half<'a, 'c> {
    view: &'a View<'c>,
    number: usize,
    group: usize,
    held: &'a [usize],
    answer: &'a Rc<EndAnswer>,
}

impl<'c> Pairs<'c> {
    /// Asks all ends.
    pub(super) fn new(cluster: &'c Cluster, options: &'c Options) -> Self {
        let workloads = cluster.workloads();
        let chosen = |selection: &Option<Selection>| {
            let is_in = |workload: &Workload| selection.as_ref().is_none_or(|selection| selection.selects(workload));
            workloads.iter().enumerate().filter(|(_, workload)| is_in(workload)).map(|(at, _)| at).collect::<Bits>()
        };
        let (sources, destinations) = (chosen(&options.from), chosen(&options.to));
        let mut asking = Asking::new(cluster);
        let nobody = Bits::default();
        let far = |bits: &Bits| if options.scope == Scope::Outside { nobody.clone() } else { bits.clone() };
        let egress = asking.ends(Way::Egress, &sources, &far(&destinations));
        let ingress = asking.ends(Way::Ingress, &destinations, &far(&sources));
        Self {
            cluster,
            options,
            asking,
            sources,
            destinations,
            egress,
            ingress,
            answers: Vec::new(),
            places: BTreeMap::new(),
            joined: HashMap::new(),
            outside: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    /// Joins them.
    pub(super) fn list(mut self) -> Listing {
        let egress = std::mem::replace(&mut self.egress, Ends { views: Vec::new(), of: Vec::new() });
        let ingress = std::mem::replace(&mut self.ingress, Ends { views: Vec::new(), of: Vec::new() });
        for destination in self.destinations.clone().iter() {
            self.between(destination, &egress, &ingress);
            self.from_outside(destination, &ingress);
        }
        for source in self.sources.clone().iter() {
            self.to_outside(source, &egress);
        }
        self.finish()
    }

    /// The rows from workloads to one workload.
    fn between(&mut self, destination: usize, egress: &Ends<'c>, ingress: &Ends<'c>) {
        let Some((number, view)) = ingress.view(destination) else { return };
        for (at, (group, answer)) in view.groups.iter().enumerate().filter(|(_, (_, answer))| !answer.pieces.is_empty()) {
            let entering = Half { view, number, group: at, held: &group.held, answer };
            for source in group.members.iter() {
                if source == destination && self.is_one_pod(source) {
                    continue;
                }
                let leaving = egress.view(source).and_then(|(number, view)| half(number, view, destination));
                let Some(leaving) = leaving.filter(|leaving| !leaving.answer.pieces.is_empty()) else { continue };
                let workloads = self.cluster.workloads();
                let ends = [source, destination].map(|at| workloads.get(at).map(|workload| &workload.endpoint));
                let [Some(from), Some(to)] = ends else { continue };
                if let Some(answer) = self.join(from, to, Some(leaving), Some(entering)) {
                    self.rows.push(Row { source: Side::Peer(source), destination: Side::Peer(destination), answer });
                }
            }
        }
    }

    /// Whether a workload is a pod that stands for itself: what it says to itself no policy can stop (`semantics.md` §1.7).
    fn is_one_pod(&self, at: usize) -> bool {
        self.cluster.workloads().get(at).is_some_and(|workload| &*workload.kind == "Pod")
    }

    /// The rows from addresses outside to one workload.
    fn from_outside(&mut self, destination: usize, ingress: &Ends<'c>) {
        let Some((number, view)) = ingress.view(destination) else { return };
        let Some(to) = self.cluster.workloads().get(destination).map(|workload| &workload.endpoint) else { return };
        let mut sets: BTreeMap<usize, AddressSet> = BTreeMap::new();
        for (at, (group, answer)) in view.outside.iter().enumerate() {
            let Some((addresses, first)) = within(&group.addresses, self.options.from.as_ref()) else { continue };
            let entering = Half { view, number, group: at, held: &group.held, answer };
            if let Some(answer) = self.join(&first, to, None, Some(entering)) {
                let sum = sets.entry(answer).or_default();
                *sum = sum.union(&addresses);
            }
        }
        for (answer, addresses) in sets {
            let source = self.outside(addresses);
            self.rows.push(Row { source, destination: Side::Peer(destination), answer });
        }
    }

    /// The rows from one workload to addresses outside.
    fn to_outside(&mut self, source: usize, egress: &Ends<'c>) {
        let Some((number, view)) = egress.view(source) else { return };
        let Some(from) = self.cluster.workloads().get(source).map(|workload| &workload.endpoint) else { return };
        let mut sets: BTreeMap<usize, AddressSet> = BTreeMap::new();
        for (at, (group, answer)) in view.outside.iter().enumerate() {
            let Some((addresses, first)) = within(&group.addresses, self.options.to.as_ref()) else { continue };
            let leaving = Half { view, number, group: at, held: &group.held, answer };
            if let Some(answer) = self.join(from, &first, Some(leaving), None) {
                let sum = sets.entry(answer).or_default();
                *sum = sum.union(&addresses);
            }
        }
        for (answer, addresses) in sets {
            let destination = self.outside(addresses);
            self.rows.push(Row { source: Side::Peer(source), destination, answer });
        }
    }

    fn outside(&mut self, addresses: AddressSet) -> Side {
        let next = self.outside.len();
        Side::Outside(*self.outside.entry(addresses).or_insert(next))
    }

    /// What two ends say together; none if nothing passes.
    fn join(&mut self, from: &Endpoint, to: &Endpoint, leaving: Option<Half<'_, 'c>>, entering: Option<Half<'_, 'c>>) -> Option<usize> {
        let key = self.key(leaving, entering);
        if let Some(known) = self.joined.get(&key) {
            return *known;
        }
        let mut answer = meet(leaving.map(|half| &**half.answer), entering.map(|half| &**half.answer));
        if self.options.reasons == Reasons::Named {
            let [leaving, entering] = [leaving, entering].map(|half| half.map(|half| (half.view, half.held)));
            let witness = Witness { cluster: self.cluster, from, to, leaving, entering };
            reasons::tell(&mut answer, &witness, &mut self.asking.spaces);
        }
        let place = (!answer.is_empty()).then(|| self.place(answer));
        self.joined.insert(key, place);
        place
    }

    fn key(&self, leaving: Option<Half<'_, 'c>>, entering: Option<Half<'_, 'c>>) -> Key {
        let address = |half: Half<'_, '_>| Rc::as_ptr(half.answer).addr();
        let halves = [leaving, entering];
        match self.options.reasons {
            Reasons::Omitted => {
                let [leaving, entering] = halves.map(|half| half.map_or(0, address));
                Key([leaving, entering, 0, 0])
            }
            Reasons::Named => {
                // The number 0 is for an end that is no pod's; workloads and addresses are counted apart.
                let part = |half: Option<Half<'_, '_>>| half.map_or([0, 0], |half| [half.number + 1, half.group]);
                let ([left, group], [entered, other]) = (part(leaving), part(entering));
                Key([left, group, entered, other])
            }
        }
    }

    fn place(&mut self, answer: Answer) -> usize {
        let answer = Rc::new(answer);
        let next = self.answers.len();
        let place = *self.places.entry(Rc::clone(&answer)).or_insert(next);
        if place == next {
            self.answers.push(answer);
        }
        place
    }

    /// Brings everything in its order.
    fn finish(self) -> Listing {
        let all = peers(self.cluster.workloads());
        let listed = self.sources.union(&self.destinations);
        let number: BTreeMap<usize, usize> = listed.iter().enumerate().map(|(new, old)| (old, new)).collect();
        let sets: BTreeMap<usize, usize> = self.outside.values().enumerate().map(|(new, old)| (*old, new)).collect();
        let side = |side: Side| match side {
            Side::Peer(old) => Side::Peer(number.get(&old).copied().unwrap_or(old)),
            Side::Outside(old) => Side::Outside(sets.get(&old).copied().unwrap_or(old)),
        };
        let renumber = |row: Row| Row { source: side(row.source), destination: side(row.destination), ..row };
        let mut rows: Vec<Row> = self.rows.into_iter().map(renumber).collect();
        rows.sort_unstable_by_key(|row| (row.source, row.destination, row.answer));
        drop(self.places);
        Listing {
            peers: all.into_iter().enumerate().filter(|(at, _)| listed.contains(*at)).map(|(_, peer)| peer).collect(),
            space: self.asking.space.clone(),
            outside: self.outside.into_keys().collect(),
            answers: self.answers.into_iter().map(|answer| Rc::unwrap_or_clone(answer)).collect(),
            rows,
        }
    }
}

impl<'c> Ends<'c> {
    /// The end of a workload, with its number.
    fn view(&self, workload: usize) -> Option<(usize, &View<'c>)> {
        let number = (*self.of.get(workload)?)?;
        Some((number, self.views.get(number)?))
    }
}

/// An end and the group of one far end in it.
fn half<'a, 'c>(number: usize, view: &'a View<'c>, far: usize) -> Option<Half<'a, 'c>> {
    let (group, (found, answer)) = view.groups.iter().enumerate().find(|(_, (group, _))| group.members.contains(far))?;
    Some(Half { view, number, group, held: &found.held, answer })
}

/// The addresses that were asked for, and one of them; none if there are none.
fn within(addresses: &AddressSet, selection: Option<&Selection>) -> Option<(AddressSet, Endpoint)> {
    let addresses = selection.map_or_else(|| addresses.clone(), |selection| addresses.intersect(&selection.peers.addresses));
    let first = addresses.first()?;
    Some((addresses, Endpoint::from(Peer::Address(first))))
}
