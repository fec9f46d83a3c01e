//! All pairs.
//!
//! Owns: `Pairs`, which joins what the two ends of each pair say. Sources to which both ends of a destination's connections say
//! the same are joined at once, so pairs between which nothing passes are never looked at one by one.

mod leaving;
mod lists;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::cluster::{Addressed, Cluster, Endpoint, WaypointCall, Workload};
use crate::flow::{AddressSet, Peer};

use super::answer::{Answer, Away, Doubt, meet};
use super::bits::Bits;
use super::ends::{Asking, Ends, View};
use super::groups::Outside;
use super::reasons::{self, Witness};
use super::told::Told;
use super::waypoints::{Clients, Over};
use super::{DoubtRow, Listing, Options, Party, Reasons, Row, Scope, Selection, Side, peers};
use leaving::Leaving;
use lists::{Found, Lists, Sources};

/// The join.
pub(super) struct Pairs<'c> {
    cluster: &'c Cluster,
    options: &'c Options,
    asking: Asking<'c>,
    sources: Bits,
    destinations: Bits,
    /// What two ends say together, by the numbers of their answers.
    joined: HashMap<[Option<usize>; 2], Rc<Answer>>,
    /// The same with reasons, by the ends and groups, as reasons differ where answers do not.
    told: HashMap<Halves, usize>,
    lists: Lists,
}

/// The two ends of a pair by their numbers and groups, and the answer of the second, of which parts may be left out.
type Halves = ([Option<(usize, usize)>; 2], Option<usize>);

/// One end of a pair: its number, the group that the far end stands in, and the cuts that hold it.
#[derive(Clone, Copy)]
struct Half<'a, 'c> {
    view: &'a View<'c>,
    number: usize,
    group: usize,
    held: &'a [usize],
}

impl<'c> Pairs<'c> {
    /// Finds who is asked about.
    pub(super) fn new(cluster: &'c Cluster, options: &'c Options) -> Self {
        let workloads = cluster.workloads();
        let chosen = |selection: &Option<Selection>| {
            let is_in = |workload: &Workload| selection.as_ref().is_none_or(|selection| selection.selects(workload));
            workloads.iter().enumerate().filter(|(_, workload)| is_in(workload)).map(|(at, _)| at).collect::<Bits>()
        };
        let (sources, destinations) = (chosen(&options.from), chosen(&options.to));
        let asking = Asking::new(cluster);
        Self { cluster, options, asking, sources, destinations, joined: HashMap::new(), told: HashMap::new(), lists: Lists::default() }
    }

    /// Asks all ends and joins what they say.
    pub(super) fn list(mut self) -> Listing {
        let (sources, destinations) = (self.sources.clone(), self.destinations.clone());
        let far = |bits: &Bits| if self.options.scope == Scope::Outside { Bits::default() } else { bits.clone() };
        let (near, away) = (far(&sources), far(&destinations));
        let [egress, ingress] = self.asking.both_ends((&sources, &near), (&destinations, &away));
        let leaving = Leaving::new(&egress);
        let mut clients = Clients::new(self.cluster, &near);
        for destination in destinations.iter() {
            if let Some((number, view)) = ingress.view(destination) {
                let calls = self.asking.calls(destination, &clients);
                let over_pod = calls.iter().any(|call| call.addressed == Addressed::Pod);
                let told = self.asking.told(destination, &near);
                let over = over_pod.then(|| (clients.ambient.clone(), Away::Tcp));
                let away: Vec<(Bits, Away)> = over.into_iter().chain(told.away()).collect();
                self.between(destination, (number, view), &leaving, &away);
                self.over_waypoints(destination, (&calls, view), &mut clients, &egress);
                self.over_services(destination, (&told, view), (&near, &egress));
                self.entering_from_outside(destination, number, view);
            }
        }
        for source in sources.iter() {
            if let Some((number, view)) = egress.view(source) {
                self.leaving_to_outside(source, number, view);
            }
        }
        self.finish()
    }

    /// The rows from workloads to one workload. Connections that go another way are left out.
    fn between(&mut self, destination: usize, entered: (usize, &View<'c>), leaving: &Leaving<'_, 'c>, away: &[(Bits, Away)]) {
        let mut groups: BTreeMap<usize, Bits> = BTreeMap::new();
        for (group, answer) in &entered.1.groups {
            let mut rest = group.members.clone();
            let mut add = |answer: usize, members: &Bits| {
                let sum = groups.entry(answer).or_default();
                *sum = sum.union(members);
            };
            for (clients, away) in away {
                let members = rest.intersect(clients);
                if !members.is_empty() {
                    add(self.asking.answers.without(*answer, away), &members);
                    rest = rest.subtract(clients);
                }
            }
            add(*answer, &rest);
        }
        let mut doubts: BTreeMap<Doubt, Bits> = BTreeMap::new();
        for (left, leavers) in leaving.toward(destination) {
            for (entering, enterers) in &groups {
                let both = leavers.intersect(enterers);
                if both.is_empty() {
                    continue;
                }
                let answer = self.join(Some(left), Some(*entering));
                for doubt in &answer.doubts {
                    let sum = doubts.entry(doubt.clone()).or_default();
                    *sum = sum.union(&both);
                }
                if !answer.passages.is_empty() {
                    self.rows(&both, destination, entered, leaving, (*entering, &answer));
                }
            }
        }
        let to_itself = if self.is_one_pod(destination) { Some(destination) } else { None };
        for (doubt, sources) in doubts {
            if sources.iter().any(|source| Some(source) != to_itself) {
                self.lists.doubt(doubt, Sources::Workloads(sources), destination);
            }
        }
    }

    /// A row for each of these sources, between whose ends and the destination's the same passes.
    fn rows(
        &mut self,
        sources: &Bits,
        destination: usize,
        entered: (usize, &View<'c>),
        leaving: &Leaving<'_, 'c>,
        (said, answer): (usize, &Answer),
    ) {
        let plain = (self.options.reasons == Reasons::Omitted).then(|| self.lists.place(&answer.passages));
        let to_itself = if self.is_one_pod(destination) { Some(destination) } else { None };
        for source in sources.iter().filter(|source| Some(*source) != to_itself) {
            let row = |answer| Row { source: Side::Peer(source), destination: Side::Peer(destination), answer };
            if let Some(plain) = plain {
                self.lists.rows.push(row(plain));
                continue;
            }
            let workloads = self.cluster.workloads();
            let [Some(from), Some(to)] = [source, destination].map(|at| workloads.get(at).map(|one| &one.endpoint)) else { continue };
            let left = leaving.ends.view(source).and_then(|(number, view)| half(number, view, destination));
            let entering = half(entered.0, entered.1, source);
            let told = self.tell((from, to), left, entering, (Some(said), answer));
            self.lists.rows.push(row(told));
        }
    }

    /// The rows from workloads to one workload by way of waypoints.
    fn over_waypoints(
        &mut self,
        destination: usize,
        (calls, view): (&[WaypointCall<'c>], &View<'c>),
        clients: &mut Clients<'c>,
        egress: &Ends<'c>,
    ) {
        let Some(to) = self.cluster.workloads().get(destination).map(|workload| &workload.endpoint) else { return };
        for call in calls {
            for over in self.asking.over(call, (to, view), clients, egress, self.options.reasons) {
                self.listed(destination, &over);
            }
        }
    }

    /// The rows from workloads that are told how to speak with the Services of one workload, or may call it by the tunnel.
    fn over_services(&mut self, destination: usize, (told, view): (&Told<'c>, &View<'c>), (near, egress): (&Bits, &Ends<'c>)) {
        let Some(to) = self.cluster.workloads().get(destination).map(|workload| &workload.endpoint) else { return };
        let to_itself = if self.is_one_pod(destination) { Some(destination) } else { None };
        let over = self.asking.over_services(told, (to, view), egress, self.options.reasons);
        let by_tunnel = self.asking.over_tunnel((to, view), near, egress, self.options.reasons);
        for over in over.into_iter().chain(by_tunnel) {
            let clients: Bits = over.clients.iter().filter(|client| Some(*client) != to_itself).collect();
            self.listed(destination, &Over { clients, ..over });
        }
    }

    /// Lists what passes of a call of some clients.
    fn listed(&mut self, destination: usize, over: &Over) {
        if over.clients.is_empty() {
            return;
        }
        for doubt in &over.answer.doubts {
            self.lists.doubt(doubt.clone(), Sources::Workloads(over.clients.clone()), destination);
        }
        if !over.answer.passages.is_empty() {
            let answer = self.lists.place(&over.answer.passages);
            let row = |source| Row { source: Side::Peer(source), destination: Side::Peer(destination), answer };
            self.lists.rows.extend(over.clients.iter().map(row));
        }
    }

    /// Whether a workload is a pod that stands for itself: what it says to itself no policy can stop (`semantics.md` §1.7).
    fn is_one_pod(&self, at: usize) -> bool {
        self.cluster.workloads().get(at).is_some_and(|workload| workload.endpoint.facts.one_pod.is_some())
    }

    /// The rows from addresses outside to one workload.
    fn entering_from_outside(&mut self, destination: usize, number: usize, view: &View<'c>) {
        let Some(to) = self.cluster.workloads().get(destination).map(|workload| &workload.endpoint) else { return };
        let mut found = Found::default();
        for (at, (group, answer)) in view.outside.iter().enumerate() {
            let Some((addresses, first)) = within(group, self.options.from.as_ref()) else { continue };
            let entering = Half { view, number, group: at, held: &group.held };
            let joined = self.join(None, Some(*answer));
            let place = self.passes(&first, to, None, Some(entering), &joined);
            found.add(&addresses, place, &joined);
        }
        for (answer, addresses) in found.passing {
            let source = self.lists.outside(addresses);
            self.lists.rows.push(Row { source, destination: Side::Peer(destination), answer });
        }
        for (doubt, addresses) in found.doubted {
            self.lists.doubt(doubt, Sources::Outside(addresses), destination);
        }
    }

    /// The rows from one workload to addresses outside.
    fn leaving_to_outside(&mut self, source: usize, number: usize, view: &View<'c>) {
        let Some(from) = self.cluster.workloads().get(source).map(|workload| &workload.endpoint) else { return };
        let mut found = Found::default();
        for (at, (group, answer)) in view.outside.iter().enumerate() {
            let Some((addresses, first)) = within(group, self.options.to.as_ref()) else { continue };
            let leaving = Half { view, number, group: at, held: &group.held };
            let joined = self.join(Some(*answer), None);
            let place = self.passes(from, &first, Some(leaving), None, &joined);
            found.add(&addresses, place, &joined);
        }
        for (answer, addresses) in found.passing {
            let destination = self.lists.outside(addresses);
            self.lists.rows.push(Row { source: Side::Peer(source), destination, answer });
        }
        for (doubt, addresses) in found.doubted {
            self.lists.doubt_outward(doubt, addresses, source);
        }
    }

    /// The place of what passes between two ends; none if nothing does.
    fn passes(
        &mut self,
        from: &Endpoint,
        to: &Endpoint,
        leaving: Option<Half<'_, 'c>>,
        entering: Option<Half<'_, 'c>>,
        answer: &Answer,
    ) -> Option<usize> {
        if answer.passages.is_empty() {
            return None;
        }
        Some(match self.options.reasons {
            Reasons::Omitted => self.lists.place(&answer.passages),
            Reasons::Named => self.tell((from, to), leaving, entering, (None, answer)),
        })
    }

    /// What two ends say together, by the numbers of their answers; an end that is no pod's has none.
    fn join(&mut self, leaving: Option<usize>, entering: Option<usize>) -> Rc<Answer> {
        let answers = &self.asking.answers;
        let joined = || Rc::new(meet(leaving.and_then(|at| answers.get(at)), entering.and_then(|at| answers.get(at))));
        Rc::clone(self.joined.entry([leaving, entering]).or_insert_with(joined))
    }

    /// The place of an answer with the reasons of its passages. What the destination's end says may be left out in part, so its number
    /// is given.
    fn tell(
        &mut self,
        (from, to): (&Endpoint, &Endpoint),
        leaving: Option<Half<'_, 'c>>,
        entering: Option<Half<'_, 'c>>,
        (said, answer): (Option<usize>, &Answer),
    ) -> usize {
        let key = ([leaving, entering].map(|half| half.map(|half| (half.number, half.group))), said);
        if let Some(known) = self.told.get(&key) {
            return *known;
        }
        let [left, entered] = [leaving, entering].map(|half| half.map(|half| (half.view, half.held)));
        let witness = Witness { cluster: self.cluster, from, to, leaving: left, entering: entered };
        let mut passages = answer.passages.clone();
        reasons::tell(&mut passages, &witness, &mut self.asking.spaces);
        let place = self.lists.place(&passages);
        self.told.insert(key, place);
        place
    }

    /// Brings everything in its order.
    fn finish(mut self) -> Listing {
        let all = peers(self.cluster.workloads());
        let listed = self.sources.union(&self.destinations);
        let numbers: BTreeMap<usize, usize> = listed.iter().enumerate().map(|(new, old)| (old, new)).collect();
        let doubts = self.lists.doubts();
        let sets: BTreeMap<usize, usize> = self.lists.outside.values().enumerate().map(|(new, old)| (*old, new)).collect();
        let peer = |old: usize| numbers.get(&old).copied().unwrap_or(old);
        let set = |old: usize| sets.get(&old).copied().unwrap_or(old);
        let side = |side: Side| match side {
            Side::Peer(old) => Side::Peer(peer(old)),
            Side::Outside(old) => Side::Outside(set(old)),
        };
        let party = |party: Party| match party {
            Party::Peers(old) => Party::Peers(old.into_iter().map(peer).collect()),
            Party::Outside(old) => Party::Outside(set(old)),
        };
        self.lists.merge();
        let renumber = |row: Row| Row { source: side(row.source), destination: side(row.destination), ..row };
        let mut rows: Vec<Row> = self.lists.rows.into_iter().map(renumber).collect();
        rows.sort_unstable_by_key(|row| (row.source, row.destination, row.answer));
        let renumber = |row: DoubtRow| DoubtRow { sources: party(row.sources), destinations: party(row.destinations), ..row };
        let mut doubts: Vec<DoubtRow> = doubts.into_iter().map(renumber).collect();
        doubts.sort_unstable();
        drop(self.lists.places);
        Listing {
            peers: all.into_iter().enumerate().filter(|(at, _)| listed.contains(*at)).map(|(_, peer)| peer).collect(),
            space: self.asking.space,
            outside: self.lists.outside.into_keys().collect(),
            answers: self.lists.answers.into_iter().map(Rc::unwrap_or_clone).collect(),
            rows,
            assumptions: self.asking.spaces.assumption().into_iter().collect(),
            doubts,
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
    let (group, found) = view.group(far)?;
    Some(Half { view, number, group, held: &found.held })
}

/// The addresses of a group that were asked for, and one of them; none if there are none.
fn within(group: &Outside, selection: Option<&Selection>) -> Option<(AddressSet, Endpoint)> {
    let addresses = selection.map_or_else(|| group.addresses.clone(), |selection| group.addresses.intersect(&selection.peers.addresses));
    let first = addresses.first()?;
    Some((addresses, Endpoint::from(Peer::Address(first))))
}
