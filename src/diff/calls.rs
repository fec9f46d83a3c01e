//! Connections as clients make them: by a Service, or over a waypoint.
//!
//! Owns: `calls`. Such a connection hangs on more than its two ends, so the evaluator is asked about whole connections between
//! workloads. Asked is what a changed object may touch, once for all clients that nothing on the way tells apart.

mod asked;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) use ways::fits;
use ways::{name_of, selects};

use super::access::Access;
use super::actual::{Actual, Likeness};
use super::side::{Both, Pair, Which};
use super::walk::{Call, Cell, LeftOpen, anything_between, left_open};
use super::yaml::request_sets;
use crate::classes::{PathCells, TooManyPods, parts_within, request_classes};
use crate::cluster::{Cluster, Names, Way, WaypointCall};
use crate::flow::{Cut, Flow, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PortSet, Protocol, Request, Symbol, Transport};
use crate::inventory::ServiceFacts;

/// What a changed object may touch.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    /// The namespaces of policies that have changed; none for all.
    pub(super) namespaces: Option<BTreeSet<Symbol>>,
    /// Services that have changed, by namespace and name.
    pub(super) services: BTreeSet<(Symbol, Symbol)>,
    /// The hosts of rules for clients that have changed.
    pub(super) hosts: BTreeSet<String>,
    /// Whether clients are told apart by any of their labels.
    pub(super) labels: Labelled,
}

impl Touched {
    /// Whether a policy of this namespace, or of all, has changed.
    fn holds(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|names| names.contains(namespace))
    }

    /// Whether a policy of this very namespace has changed.
    fn holds_by_name(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_some_and(|names| names.contains(namespace))
    }
}

/// Whose calls of a workload a changed object may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nobody's.
    Nobody,
    /// Those of clients that have changed.
    Changed,
    /// Also those of clients in namespaces where a policy has.
    Touched,
    /// Everybody's.
    Everybody,
}

/// Whether rules for clients select them by labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Labelled {
    /// None does.
    #[default]
    No,
    /// Some rule does.
    Yes,
}

/// Both sides.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) clusters: [&'a Cluster; 2],
    pub(super) services: [&'a [ServiceFacts]; 2],
    pub(super) names: &'a Names,
    pub(super) pair: &'a Pair<'a>,
}

/// What calls show.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// The calls about which the sides differ.
    pub(super) cells: Vec<Cell>,
    /// Calls whose requests fall into too many classes.
    pub(super) incomplete: Vec<Flow>,
    /// Calls that both sides leave open.
    pub(super) left_open: Vec<LeftOpen>,
    /// The Services, by namespace and name, of which calls were compared.
    pub(super) services: BTreeSet<(Symbol, Symbol)>,
    /// The waypoints of which calls were compared, as `shop/waypoint`.
    pub(super) waypoints: BTreeSet<Symbol>,
}

/// Who calls: a workload, or a class of pods that nobody described.
#[derive(Debug, Clone)]
struct Client {
    workload: Option<Symbol>,
    both: Both,
    peers: Arc<Peers>,
}

impl Client {
    fn of_workload(workload: &Actual) -> Self {
        Self { workload: Some(Symbol::clone(&workload.title)), both: workload.both.clone(), peers: Arc::new(workload.peers.clone()) }
    }

    fn pod(&self, which: Which) -> Option<&Pod> {
        match self.both.of(which) {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        }
    }
}

const SIDES: [Which; 2] = [Which::Base, Which::Head];

/// Compares the calls among workloads that changed objects may touch.
pub(super) fn calls(sides: Sides<'_>, workloads: &[Actual], touched: &Touched) -> Called {
    let mut called = Called::default();
    let mut paths = PathCells::default();
    for target in workloads {
        let door = Door::new(sides, target);
        let reach = door.reach(touched);
        if reach == Reach::Nobody {
            continue;
        }
        called.services.extend(door.services.iter().cloned());
        called.waypoints.extend(door.over.iter().flatten().filter_map(|call| call.waypoint.clone()));
        let clients = door.workloads(workloads, reach, touched);
        for group in door.groups(clients, touched) {
            door.compare(&group, &mut paths, &mut called);
        }
        if reach == Reach::Everybody {
            door.compare_classes(touched, &mut paths, &mut called);
        }
    }
    called
}

/// A workload, and how it can be called.
struct Door<'a> {
    sides: Sides<'a>,
    target: &'a Actual,
    /// The Services that lead to it on either side, by namespace and name.
    services: BTreeSet<(Symbol, Symbol)>,
    /// Its calls over waypoints, on each side.
    over: [Vec<WaypointCall<'a>>; 2],
    /// By what anybody on the way tells connections apart, the base's first.
    cuts: Vec<Cut>,
    of_base: usize,
}

impl<'a> Door<'a> {
    fn new(sides: Sides<'a>, target: &'a Actual) -> Self {
        let [base, head] = sides.clusters;
        let over =
            [(base, Which::Base), (head, Which::Head)].map(|(cluster, which)| cluster.waypoint_calls(target.both.end(which), sides.names));
        let own = |cluster: &Cluster, which: Which| cluster.end(target.both.end(which), Way::Ingress).cuts(sides.names);
        let on_the_way = |cluster: &Cluster, calls: &[WaypointCall<'_>]| -> Vec<Cut> {
            let at_pod = |call: &WaypointCall<'_>| call.pod.map(|pod| cluster.end(pod, Way::Ingress).cuts(sides.names)).unwrap_or_default();
            calls.iter().flat_map(|call| at_pod(call).into_iter().chain(call.cuts.clone())).collect()
        };
        let [over_base, over_head] = &over;
        let mut cuts = own(base, Which::Base);
        cuts.extend(on_the_way(base, over_base));
        let of_base = cuts.len();
        cuts.extend(own(head, Which::Head));
        cuts.extend(on_the_way(head, over_head));
        let leading = |(which, services): (Which, &&'a [ServiceFacts])| {
            services.iter().filter(|service| selects(service, target, which)).map(name_of).collect::<Vec<_>>()
        };
        let services = SIDES.into_iter().zip(&sides.services).flat_map(leading).collect();
        Self { sides, target, services, over, cuts, of_base }
    }

    /// Whose calls a changed object may touch.
    fn reach(&self, touched: &Touched) -> Reach {
        let is_over = self.over.iter().any(|calls| !calls.is_empty());
        if self.services.is_empty() && !is_over {
            return Reach::Nobody;
        }
        let near = || {
            let waypoints = self.over.iter().flatten().filter_map(|call| call.waypoint.as_ref()?.split('/').next());
            waypoints.chain(self.target.pod(Which::Head).map(|pod| &*pod.namespace)).any(|name| touched.holds(name))
        };
        let is_changed =
            |service: &(Symbol, Symbol)| touched.services.contains(service) || touched.hosts.iter().any(|host| fits(host, service));
        if self.target.likeness == Likeness::Changed || is_over && near() || self.services.iter().any(is_changed) {
            return Reach::Everybody;
        }
        if is_over { Reach::Touched } else { Reach::Changed }
    }

    /// The workloads whose calls are compared.
    fn workloads(&self, workloads: &[Actual], reach: Reach, touched: &Touched) -> Vec<Client> {
        let concerned = |client: &&Actual| match reach {
            Reach::Everybody => true,
            Reach::Touched => {
                client.likeness == Likeness::Changed || client.pod(Which::Head).is_some_and(|pod| touched.holds(&pod.namespace))
            }
            Reach::Changed => client.likeness == Likeness::Changed,
            Reach::Nobody => false,
        };
        let is_other = |client: &&Actual| client.title != self.target.title || !client.is_one_pod();
        workloads.iter().filter(is_other).filter(concerned).map(Client::of_workload).collect()
    }

    /// Compares the calls of classes of pods that nobody described. Namespaces that nothing names are alike: one answers for all.
    fn compare_classes(&self, touched: &Touched, paths: &mut PathCells, called: &mut Called) {
        let named: BTreeSet<&Symbol> =
            self.cuts.iter().flat_map(|cut| cut.peers.pods.cubes()).flat_map(|cube| cube.names().words()).collect();
        let by_labels = |cube: &PodCube| cube.namespace.iter().any(|(key, _)| **key != *NAMESPACE_NAME);
        let are_alike = !self.cuts.iter().flat_map(|cut| cut.peers.pods.cubes()).any(by_labels);
        let mut quiet = BTreeSet::new();
        for name in self.sides.pair.all_names() {
            let planes = self.sides.pair.example(&PodCube::in_namespace(name)).map(|(planes, _)| planes);
            let is_alike = are_alike && !named.contains(name) && !touched.holds_by_name(name);
            if is_alike && quiet.contains(&planes) {
                continue;
            }
            let before = (called.cells.len(), called.left_open.len());
            let Ok(classes) = self.classes(name) else {
                let somebody = self.sides.pair.example(&PodCube::in_namespace(name)).map(|(_, pod)| pod.of(Which::Head).clone());
                called.incomplete.extend(somebody.map(anything_between));
                continue;
            };
            for client in classes {
                self.compare(&[client], paths, called);
            }
            if is_alike && before == (called.cells.len(), called.left_open.len()) {
                quiet.insert(planes);
            }
        }
    }

    /// The pods of a namespace, as anybody on the way and their own ends tell them apart.
    fn classes(&self, name: &Symbol) -> Result<Vec<Client>, TooManyPods> {
        let pair = self.sides.pair;
        let side = |at: usize| if at < self.of_base { Which::Base } else { Which::Head };
        let cubes = self.cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        let mut cubes: Vec<(usize, PodCube)> =
            cubes.flat_map(|(at, cube)| pair.narrowed(side(at), cube, name).into_iter().map(move |cube| (at, cube))).collect();
        let own: BTreeSet<PodCube> = [Way::Ingress, Way::Egress].into_iter().flat_map(|way| pair.subjects(name, way)).collect();
        let all = self.cuts.len() + own.len();
        cubes.extend(own.into_iter().enumerate().map(|(at, cube)| (self.cuts.len() + at, cube)));
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        let whole = PodCube::in_namespace(name);
        let parts = parts_within(whole.clone(), &numbered, all, &pair.planes(&whole), &mut |cube| pair.example(cube))?;
        Ok(parts.into_iter().map(|part| Client { workload: None, both: part.example, peers: Arc::new(Peers::from(part.pods)) }).collect())
    }

    /// Clients that nothing on the way tells apart.
    fn groups(&self, clients: Vec<Client>, touched: &Touched) -> Vec<Vec<Client>> {
        let mut groups: BTreeMap<String, Vec<Client>> = BTreeMap::new();
        for client in clients {
            groups.entry(self.key(&client, touched)).or_default().push(client);
        }
        groups.into_values().collect()
    }

    /// All by which a client may be told from others.
    fn key(&self, client: &Client, touched: &Touched) -> String {
        let side = |(which, cluster): (Which, &&Cluster)| {
            let pod = client.pod(which)?;
            let selected: Vec<bool> = cluster.all_selectors(&pod.namespace).iter().map(|cube| cube.contains(&pod.labels)).collect();
            let facts = &client.both.end(which).facts;
            let gateway =
                pod.labels.iter().filter(|(key, _)| key.contains("istio") || touched.labels == Labelled::Yes || key.contains("gateway"));
            let of_mesh: Vec<_> = gateway.collect();
            let rest = (&facts.addresses, facts.network, facts.proxy, &facts.open_labels, facts.namespace);
            Some(format!("{} {selected:?} {:?} {of_mesh:?} {rest:?}", pod.namespace, pod.plane))
        };
        let own: Vec<Option<String>> = SIDES.into_iter().zip(&self.sides.clusters).map(side).collect();
        format!("{own:?} {:?}", self.held(client))
    }

    /// Which cuts hold a client.
    fn held(&self, client: &Client) -> Vec<bool> {
        let side = |at: usize| if at < self.of_base { Which::Base } else { Which::Head };
        self.cuts.iter().enumerate().map(|(at, cut)| cut.peers.contains(client.both.of(side(at)))).collect()
    }

    /// Compares all calls of clients that are alike.
    fn compare(&self, group: &[Client], paths: &mut PathCells, called: &mut Called) {
        let Some(client) = group.first() else { return };
        let held: Vec<usize> = self.held(client).iter().enumerate().filter(|(_, held)| **held).map(|(at, _)| at).collect();
        let requests = request_classes(&self.cuts, &held, paths).map(Arc::new);
        for (ports, call) in self.calls(client) {
            let Ok(requests) = &requests else {
                called.incomplete.push(self.flow(client, Which::Head, &call, None));
                continue;
            };
            let [before, after] = SIDES.map(|which| self.access(client, which, &call, requests));
            let places = left_open(&before.0, &after.0);
            if !places.is_empty() {
                called.left_open.push(self.left_open(client, &call, requests, places));
            }
            if before.0.is_same(&after.0) {
                continue;
            }
            for client in group {
                called.cells.push(self.cell(client, &call, &ports, requests, (&before.0, &after)));
            }
        }
    }

    fn left_open(&self, client: &Client, call: &Call, requests: &Arc<Vec<Option<Request>>>, places: Vec<(Transport, usize)>) -> LeftOpen {
        LeftOpen {
            caller: client.both.clone(),
            target: self.target.both.clone(),
            protocol: Protocol::Tcp,
            port: call.of(Which::Head).1,
            requests: Arc::clone(requests),
            places,
            workloads: [client.workload.clone(), Some(Symbol::clone(&self.target.title))],
            call: Some(call.clone()),
        }
    }

    fn cell(
        &self,
        client: &Client,
        call: &Call,
        ports: &PortSet,
        requests: &Arc<Vec<Option<Request>>>,
        (before, after): (&Access, &(Access, Option<String>)),
    ) -> Cell {
        let [_, (_, port)] = call.leads;
        Cell {
            source: Arc::clone(&client.peers),
            destination: Arc::new(self.target.peers.clone()),
            ports: ports.clone(),
            caller: client.both.clone(),
            target: self.target.both.clone(),
            protocol: Protocol::Tcp,
            port,
            requests: Arc::clone(requests),
            before: before.clone(),
            after: after.0.clone(),
            why: after.1.clone(),
            was_why: None,
            somewhere: None,
            workloads: [client.workload.clone(), Some(Symbol::clone(&self.target.title))],
            call: Some(call.clone()),
            meant: request_sets(self.cuts.iter(), client.both.of(Which::Head)),
        }
    }
}
