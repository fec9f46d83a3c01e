//! Which pods can exist under a proof's assumptions.
//!
//! Owns: `PolicyWorld`. What it holds to be impossible is exactly what the assumptions rule out: a managed namespace with other
//! labels than it has, a pod of a workload under another account.

use std::collections::{BTreeMap, BTreeSet};

use crate::classes::{Named, World, fresh_word, labels_within};
use crate::flow::{DataPlane, LabelCube, LabelIndex, Labels, NAMESPACE_NAME, Pod, PodCube, Symbol, Values};
use crate::gates::Facts;
use crate::ir::{Namespace, Policy};

use super::saying::Saying;

/// The pods that a program's facts allow.
#[derive(Debug)]
pub struct PolicyWorld<'p> {
    policy: &'p Policy,
    accounts: BTreeMap<Symbol, KnownPods>,
    /// The pods of workloads that say how they take part in the mesh, and those of namespaces in ambient mode, whose connections with
    /// sidecars go to another port.
    planes: Vec<PodCube>,
    /// The workloads that say it.
    saying: Saying<'p>,
    /// The data plane of a namespace that nobody declares.
    elsewhere: DataPlane,
    /// Those of them whose pods cannot join the mesh.
    outside: BTreeSet<Symbol>,
    /// Those that are to join the mesh, and what they are until then.
    joining: BTreeMap<Symbol, DataPlane>,
    /// The name of one.
    unknown: Symbol,
    /// What tells a name that nobody uses.
    named: Named,
}

/// How a proof takes pods of namespaces to be in the mesh of which nobody says it: where any are, these may be, too.
fn usual_plane(policy: &Policy) -> DataPlane {
    let any_sidecar = || policy.namespaces.values().any(|namespace| namespace.plane == Some(DataPlane::Sidecar));
    match policy.config.mesh.mode {
        DataPlane::None if any_sidecar() => DataPlane::Sidecar,
        mode => mode,
    }
}

/// The same of a program that is held against another one.
pub fn plane_beside(policy: &Policy, other: &Policy) -> DataPlane {
    let own = usual_plane(policy);
    if policy.config.mesh.mode == other.config.mesh.mode { own.max(usual_plane(other)) } else { own }
}

/// Pods whose accounts are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) pods: PodCube,
    pub(super) accounts: BTreeSet<Symbol>,
}

/// Those of one namespace.
#[derive(Debug, Default)]
struct KnownPods {
    list: Vec<Known>,
    index: LabelIndex,
}

impl KnownPods {
    fn new(list: Vec<Known>) -> Self {
        Self { index: LabelIndex::of(list.iter().map(|known| &known.pods.labels)), list }
    }

    /// Those that hold pods with these labels.
    fn holding<'a>(&'a self, labels: &'a Labels, namespace_labels: &'a Labels) -> impl Iterator<Item = &'a Known> {
        let holds = |known: &&Known| known.pods.labels.contains(labels) && known.pods.namespace.contains(namespace_labels);
        self.index.holding(labels).filter_map(|place| self.list.get(place)).filter(holds)
    }

    /// Those that may hold some pod of a cube.
    fn meeting(&self, cube: &LabelCube) -> impl Iterator<Item = &Known> {
        self.index.overlapping(cube).into_iter().filter_map(|place| self.list.get(place))
    }
}

impl<'p> PolicyWorld<'p> {
    /// The world of a program: its namespaces, its workloads, its inventory.
    pub fn new(policy: &'p Policy) -> Self {
        Self::where_unsaid_is(policy, usual_plane(policy))
    }

    /// The same of a program that is held against another one: of a namespace that neither speaks of, both take the same, where both have the
    /// same mode.
    pub fn beside(policy: &'p Policy, other: &Policy) -> Self {
        Self::where_unsaid_is(policy, plane_beside(policy, other))
    }

    /// The same of a program before another one that has these namespaces join the mesh, unless this one has them in it already.
    pub fn before(policy: &'p Policy, next: &Policy, joining: &BTreeSet<Symbol>) -> Self {
        let until = usual_plane(policy);
        let joining = joining.iter().map(|name| (Symbol::clone(name), until)).collect();
        Self { joining, ..Self::beside(policy, next) }
    }

    /// The same where namespaces of which nothing is said are what `mesh.mode` says of them. A proof looks at their pods in the mesh, too: what
    /// is let in of them must not hang on that.
    pub fn as_said(policy: &'p Policy) -> Self {
        Self { elsewhere: policy.config.mesh.mode, ..Self::new(policy) }
    }

    fn where_unsaid_is(policy: &'p Policy, elsewhere: DataPlane) -> Self {
        let named = Named::of(policy.namespaces.keys().map(|name| &**name));
        let ambient = policy.namespaces.values().filter(|namespace| namespace.plane == Some(DataPlane::Ambient));
        let saying = Saying::of(policy);
        let planes = saying.apart().chain(ambient.map(|namespace| PodCube::in_namespace(&namespace.name)));
        let planes = planes.chain((elsewhere == DataPlane::Ambient).then(|| unsaid(policy))).collect();
        let accounts = known_accounts(policy).into_iter().map(|(name, list)| (name, KnownPods::new(list))).collect();
        let (outside, joining) = (BTreeSet::new(), BTreeMap::new());
        Self { policy, saying, accounts, planes, elsewhere, outside, joining, unknown: named.fresh_word(), named }
    }

    /// The same world beside manifests that let no pod of these namespaces have a sidecar.
    #[must_use]
    pub fn without_sidecars(mut self, outside: BTreeSet<Symbol>) -> Self {
        if self.elsewhere != DataPlane::Sidecar {
            return self;
        }
        let names = LabelCube::of(NAMESPACE_NAME.into(), Values::of(outside.iter().cloned()));
        self.planes.push(PodCube { namespace: names, ..PodCube::all() });
        Self { outside, ..self }
    }

    /// What is known of the accounts of pods, by namespace.
    pub(super) fn known(&self) -> impl Iterator<Item = &Known> {
        self.accounts.values().flat_map(|known| &known.list)
    }

    /// The namespaces that nobody declares and whose pods cannot join the mesh.
    pub(super) const fn outside(&self) -> &BTreeSet<Symbol> {
        &self.outside
    }

    /// The pods whose accounts are known, and which these may be.
    pub fn accounts(&self) -> impl Iterator<Item = (&PodCube, &BTreeSet<Symbol>)> {
        self.known().map(|known| (&known.pods, &known.accounts))
    }

    /// A pod of a cube in one namespace.
    fn in_namespace(&self, name: &Symbol, cube: &PodCube) -> Option<Pod> {
        let namespace_labels = self.namespace_labels(name, &cube.namespace)?;
        let labels = labels_within(&cube.labels)?;
        if let Some(account) = self.account(name, &namespace_labels, &labels, &cube.account) {
            return Some(self.pod(name, namespace_labels, labels, account));
        }
        // The plainest pod cannot exist; another one of the cube may.
        let inside = PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name))), ..cube.clone() };
        let piece = self.possible(name, inside)?;
        let account = account_within(&piece.account)?;
        Some(self.pod(name, namespace_labels, labels_within(&piece.labels)?, account))
    }

    /// The name of a namespace that nobody knows, and that is like none of these words either.
    fn unknown_besides(&self, words: &[Symbol]) -> Symbol {
        if words.iter().all(|word| self.policy.namespaces.contains_key(word)) {
            return Symbol::clone(&self.unknown);
        }
        self.named.clone().and(words.iter().map(|name| &**name)).fresh_word()
    }

    fn pod(&self, name: &Symbol, namespace_labels: Labels, labels: Labels, account: Symbol) -> Pod {
        let plane = self.plane(name, &labels);
        Pod { namespace: Symbol::clone(name), namespace_labels, labels, account, plane }
    }

    /// The data plane of pods with these labels.
    pub(super) fn plane(&self, name: &str, labels: &Labels) -> DataPlane {
        let namespace = || self.policy.namespace(name).and_then(|namespace| namespace.plane);
        let kept_out = || self.outside.contains(name).then_some(DataPlane::None);
        let unsaid = || self.joining.get(name).copied().or_else(kept_out).unwrap_or(self.elsewhere);
        self.saying.plane(name, labels).or_else(namespace).unwrap_or_else(unsaid)
    }

    /// Labels that a namespace of this name can have within a cube; none if it cannot be in it.
    fn namespace_labels(&self, name: &Symbol, cube: &LabelCube) -> Option<Labels> {
        let known = self.policy.namespace(name);
        if known.is_some_and(Namespace::is_managed) {
            return known.map(|namespace| namespace.labels.clone()).filter(|labels| cube.contains(labels));
        }
        let mut labels = known.map(|namespace| namespace.labels.clone()).unwrap_or_default();
        labels.insert(NAMESPACE_NAME.into(), Symbol::clone(name));
        for (key, value) in labels_within(cube)? {
            labels.entry(key).or_insert(value);
        }
        cube.contains(&labels).then_some(labels)
    }

    /// An account that pods with these labels can run as, within a test.
    fn account(&self, name: &str, namespace_labels: &Labels, labels: &Labels, test: &Values) -> Option<Symbol> {
        let known = self.accounts.get(name).into_iter().flat_map(|known| known.holding(labels, namespace_labels));
        account_within(&known.fold(test.clone(), |test, known| test.intersect(&Values::of(known.accounts.iter().cloned()))))
    }

    /// A part of a cube of one namespace whose pods can exist, with the accounts that they can have.
    fn possible(&self, name: &str, cube: PodCube) -> Option<PodCube> {
        let known = self.accounts.get(name).map(|known| known.meeting(&cube.labels).collect::<Vec<_>>()).unwrap_or_default();
        let mut pieces = vec![cube];
        for known in known {
            let mut next = Vec::with_capacity(pieces.len() + 1);
            for piece in pieces {
                let Some(mut inside) = piece.intersect(&known.pods) else {
                    next.push(piece);
                    continue;
                };
                next.extend(piece.subtract(&known.pods));
                inside.account = inside.account.intersect(&Values::of(known.accounts.iter().cloned()));
                next.extend((!inside.is_empty()).then_some(inside));
            }
            pieces = next;
        }
        pieces.into_iter().find(|piece| account_within(&piece.account).is_some())
    }
}

impl World for PolicyWorld<'_> {
    fn planes(&self) -> &[PodCube] {
        &self.planes
    }

    fn may_be_outside_mesh(&self, pod: &Pod) -> bool {
        let is_unsaid = |namespace: &Namespace| !namespace.is_managed() && namespace.plane.is_none();
        pod.plane != DataPlane::None && self.policy.namespace(&pod.namespace).is_none_or(is_unsaid)
    }

    fn label_tests(&self) -> Vec<PodCube> {
        self.known().map(|known| known.pods.clone()).collect()
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let names = cube.names();
        if names.is_cofinite() {
            // A namespace that nobody knows may have any labels.
            return self.in_namespace(&self.unknown_besides(names.words()), cube);
        }
        let mut found = None;
        for name in names.words() {
            match self.in_namespace(name, cube) {
                Some(pod) if pod.plane != DataPlane::None => return Some(pod),
                pod => found = found.or(pod),
            }
        }
        found
    }
}

/// The pods of namespaces of which nobody says how they take part in the mesh.
fn unsaid(policy: &Policy) -> PodCube {
    let said = policy.namespaces.values().filter(|namespace| namespace.plane.is_some());
    let names = Values::except(said.map(|namespace| Symbol::clone(&namespace.name)));
    PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), names), ..PodCube::all() }
}

/// An account of a set.
fn account_within(accounts: &Values) -> Option<Symbol> {
    if accounts.is_cofinite() {
        return Some(fresh_word(accounts.words().iter().map(|word| &**word)));
    }
    accounts.words().first().cloned()
}

/// What the program and its inventory know of accounts: of declared workloads, and of the pods that rules select.
fn known_accounts(policy: &Policy) -> BTreeMap<Symbol, Vec<Known>> {
    let facts = Facts::of(policy);
    let mut known: BTreeMap<Symbol, Vec<Known>> = BTreeMap::new();
    let mut add = |name: &Symbol, entry: Known| {
        let list = known.entry(Symbol::clone(name)).or_default();
        if !list.contains(&entry) {
            list.push(entry);
        }
    };
    for workload in &policy.workloads {
        let Some(account) = &workload.account else { continue };
        add(&workload.namespace, Known { pods: workload.cube(), accounts: BTreeSet::from([Symbol::clone(account)]) });
    }
    if policy.inventory.workloads.is_empty() {
        return known;
    }
    let selected: BTreeSet<PodCube> = policy.rules.iter().flat_map(|rule| rule.source.peers().pods.cubes().to_vec()).collect();
    for cube in &selected {
        for name in cube.namespace_names().unwrap_or_default() {
            for part in facts.parts(name, &PodCube { account: Values::any(), ..cube.clone() }) {
                let Some(accounts) = part.accounts else { continue };
                let pods = PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name))), ..part.cube };
                add(name, Known { pods, accounts });
            }
        }
    }
    known
}
