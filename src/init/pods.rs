//! How a program names the pods of each workload: by the fewest labels that tell them from all others of their namespace.
//!
//! Owns: `Declared`, one for each `workload` line, and names that are valid and unique. It must not know who calls whom.

use super::text::is_name;
use crate::flow::{Labels, Protocol, Symbol};
use crate::inventory::{InventoryWorkload, WorkloadKind};
use crate::syntax::words::value_text;
use std::collections::{BTreeMap, BTreeSet};

/// Workloads with the same labels: nothing can tell their pods apart, so they share a line.
#[derive(Debug)]
pub(super) struct Declared<'i> {
    /// The name that the program gives them.
    pub(super) name: String,
    /// Who they are, at least one.
    pub(super) members: Vec<&'i InventoryWorkload>,
    /// The labels that select them.
    pub(super) terms: Vec<Term<'i>>,
    /// The service account that they run as; none if they disagree.
    pub(super) account: Option<&'i Symbol>,
    /// Named ports about which they agree.
    pub(super) ports: BTreeMap<(&'i Symbol, Protocol), u16>,
}

/// A test of one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term<'i> {
    /// It has this value.
    Is(&'i Symbol, &'i Symbol),
    /// It is absent.
    Absent(&'i Symbol),
}

/// Labels that change with a rollout, a release or a run, and are no part of what a workload is.
const VOLATILE: [&str; 10] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "helm.sh/chart",
    "chart",
    "app.kubernetes.io/version",
];

/// The keys by which people tell workloads apart, the most usual first.
const USUAL: [&str; 13] = [
    "app",
    "app.kubernetes.io/name",
    "k8s-app",
    "name",
    "app.kubernetes.io/component",
    "component",
    "version",
    "app.kubernetes.io/instance",
    "role",
    "tier",
    "track",
    "job-name",
    "batch.kubernetes.io/job-name",
];

/// Which workload may have the plain name where two have the same; the kinds that run on come first.
const RANK: [WorkloadKind; 10] = [
    WorkloadKind::Deployment,
    WorkloadKind::Rollout,
    WorkloadKind::DeploymentConfig,
    WorkloadKind::StatefulSet,
    WorkloadKind::DaemonSet,
    WorkloadKind::ReplicaSet,
    WorkloadKind::ReplicationController,
    WorkloadKind::Pod,
    WorkloadKind::CronJob,
    WorkloadKind::Job,
];

/// The lines of one namespace, by name. All these workloads have labels.
pub(super) fn declare<'i>(workloads: impl Iterator<Item = &'i InventoryWorkload>) -> Vec<Declared<'i>> {
    let groups = groups(workloads);
    let terms = Apart::tell(&groups);
    let mut names = Names::default();
    let line = |(group, terms): (&Group<'i>, &Vec<Term<'i>>)| Declared {
        name: names.take(group),
        members: group.members.clone(),
        terms: terms.clone(),
        account: agreed(group.members.iter().map(|member| &member.account)),
        ports: ports(&group.members),
    };
    let mut declared: Vec<Declared<'i>> = groups.iter().zip(&terms.found).map(line).collect();
    for together in &terms.together {
        drop_contradictions(&mut declared, together);
    }
    declared.sort_by(|left, right| left.name.cmp(&right.name));
    declared
}

impl Declared<'_> {
    /// The `workload` line but for its last facts.
    pub(super) fn line(&self) -> String {
        let terms: Vec<String> = self.terms.iter().map(Term::words).collect();
        let account = self.account.map(|account| format!(" account \"{account}\"")).unwrap_or_default();
        let ports = self.ports.iter().map(|((name, protocol), number)| format!(" port {name}={number}{}", suffix(*protocol)));
        format!("workload {} = {}{account}{}", self.name, terms.join(","), ports.collect::<Vec<_>>().concat())
    }
}

impl Term<'_> {
    fn words(&self) -> String {
        match self {
            Self::Is(key, value) => format!("{key}={}", value_text(value)),
            Self::Absent(key) => format!("{key}!=*"),
        }
    }
}

/// What stands behind a port's number; nothing for TCP.
pub(super) fn suffix(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
        Protocol::Sctp => "/sctp",
    }
}

/// Workloads whose lasting labels are the same.
struct Group<'i> {
    labels: BTreeMap<&'i Symbol, &'i Symbol>,
    members: Vec<&'i InventoryWorkload>,
}

fn groups<'i>(workloads: impl Iterator<Item = &'i InventoryWorkload>) -> Vec<Group<'i>> {
    let rank = |workload: &InventoryWorkload| RANK.iter().position(|kind| *kind == workload.kind);
    let mut workloads: Vec<&InventoryWorkload> = workloads.collect();
    workloads.sort_by_key(|workload| (rank(workload), &workload.name));
    let mut groups: Vec<Group<'i>> = Vec::new();
    let mut places: BTreeMap<BTreeMap<&Symbol, &Symbol>, usize> = BTreeMap::new();
    for workload in workloads {
        let labels = lasting(&workload.labels);
        let next = groups.len();
        let place = *places.entry(labels.clone()).or_insert(next);
        match groups.get_mut(place) {
            Some(group) => group.members.push(workload),
            None => groups.push(Group { labels, members: vec![workload] }),
        }
    }
    groups
}

/// The labels that last, or all of them if none does.
fn lasting(labels: &Labels) -> BTreeMap<&Symbol, &Symbol> {
    let lasting: BTreeMap<_, _> = labels.iter().filter(|(key, _)| !VOLATILE.contains(&&***key)).collect();
    if lasting.is_empty() { labels.iter().collect() } else { lasting }
}

/// Labels that tell groups apart: any two differ in a label that both state, so that no pod is of both.
struct Apart<'g, 'i> {
    groups: &'g [Group<'i>],
    found: Vec<Vec<Term<'i>>>,
    /// Groups that nothing tells apart.
    together: Vec<Vec<usize>>,
}

impl<'g, 'i> Apart<'g, 'i> {
    fn tell(groups: &'g [Group<'i>]) -> Self {
        let mut apart = Self { groups, found: vec![Vec::new(); groups.len()], together: Vec::new() };
        let mut classes = vec![(0..groups.len()).collect::<Vec<_>>()];
        while let Some(class) = classes.pop().filter(|class| !class.is_empty()) {
            match apart.best_key(&class) {
                Some(key) if class.len() > 1 => classes.extend(apart.split(&class, key)),
                _ => apart.settle(class),
            }
        }
        apart
    }

    /// The key with the most values among groups, the more usual one of two; none if no key makes a difference.
    fn best_key(&self, class: &[usize]) -> Option<&'i Symbol> {
        let members = || class.iter().filter_map(|index| self.groups.get(*index));
        let mut values: BTreeMap<&'i Symbol, (BTreeSet<&Symbol>, usize)> = BTreeMap::new();
        for (key, value) in members().flat_map(|group| &group.labels) {
            let (values, holders) = values.entry(*key).or_default();
            values.insert(*value);
            *holders += 1;
        }
        // What a controller may add has a value that is not known yet.
        for key in members().flat_map(|group| &group.members).flat_map(|member| &member.open_keys) {
            values.remove(key);
        }
        let classes = |(values, holders): &(BTreeSet<&Symbol>, usize)| values.len() + usize::from(*holders < class.len());
        let telling = values.iter().filter(|(_, held)| classes(held) > 1);
        telling.min_by_key(|(key, held)| (std::cmp::Reverse(classes(held)), usual(key))).map(|(key, _)| *key)
    }

    /// The groups by what they have for a key, which each of them states from now on.
    fn split(&mut self, class: &[usize], key: &'i Symbol) -> Vec<Vec<usize>> {
        let mut classes: BTreeMap<Option<&'i Symbol>, Vec<usize>> = BTreeMap::new();
        for index in class {
            let value = self.groups.get(*index).and_then(|group| group.labels.get(key)).copied();
            classes.entry(value).or_default().push(*index);
            let term = value.map_or(Term::Absent(key), |value| Term::Is(key, value));
            self.found.get_mut(*index).into_iter().for_each(|terms| terms.push(term));
        }
        classes.into_values().collect()
    }

    /// Takes what was found for groups that cannot be told apart any further. Each line states at least one label that its pods have.
    fn settle(&mut self, class: Vec<usize>) {
        for index in &class {
            let (Some(group), Some(terms)) = (self.groups.get(*index), self.found.get_mut(*index)) else { continue };
            if !terms.iter().any(|term| matches!(term, Term::Is(..))) {
                terms.extend(by_preference(&group.labels).first().map(|(key, value)| Term::Is(key, value)));
            }
        }
        if class.len() > 1 {
            self.together.push(class);
        }
    }
}

/// The labels, those that people use first.
fn by_preference<'i>(labels: &BTreeMap<&'i Symbol, &'i Symbol>) -> Vec<(&'i Symbol, &'i Symbol)> {
    let mut list: Vec<_> = labels.iter().map(|(key, value)| (*key, *value)).collect();
    list.sort_by_key(|(key, _)| usual(key));
    list
}

/// How usual a key is; less is more.
fn usual(key: &str) -> usize {
    USUAL.iter().position(|usual| *usual == key).unwrap_or(USUAL.len())
}

/// Takes from lines that may select the same pods what they do not agree about.
fn drop_contradictions(declared: &mut [Declared<'_>], together: &[usize]) {
    let lines = || together.iter().filter_map(|index| declared.get(*index));
    let accounts_agree = agreed(lines().map(|line| line.account)).is_some();
    let mut numbers: BTreeMap<(&Symbol, Protocol), BTreeSet<u16>> = BTreeMap::new();
    for (port, number) in lines().flat_map(|line| &line.ports) {
        numbers.entry(*port).or_default().insert(*number);
    }
    for index in together {
        let Some(line) = declared.get_mut(*index) else { continue };
        line.account = line.account.filter(|_| accounts_agree);
        line.ports.retain(|port, _| numbers.get(port).is_none_or(|numbers| numbers.len() == 1));
    }
}

/// The one value that all have; none if they differ.
fn agreed<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// The named ports that have one number in all workloads that have them.
fn ports<'i>(members: &[&'i InventoryWorkload]) -> BTreeMap<(&'i Symbol, Protocol), u16> {
    let mut numbers: BTreeMap<(&Symbol, Protocol), BTreeSet<u16>> = BTreeMap::new();
    for port in members.iter().flat_map(|member| &member.ports).filter(|port| !is_of_the_mesh(port.number)) {
        if let Some(name) = port.name.as_ref().filter(|name| crate::syntax::words::is_word(name)) {
            numbers.entry((name, port.protocol)).or_default().insert(port.number);
        }
    }
    numbers.into_iter().filter_map(|(port, numbers)| Some((port, agreed(numbers.into_iter())?))).collect()
}

/// Whether a port is the sidecar's own (`semantics.md` §3.2).
pub(super) fn is_of_the_mesh(port: u16) -> bool {
    matches!(port, 15000 | 15001 | 15004 | 15006 | 15008 | 15020 | 15021 | 15053 | 15090)
}

/// The names given so far.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// A name for a group: its first workload's own, with its kind before it if that is no name or already taken.
    fn take(&mut self, group: &Group<'_>) -> String {
        let Some(first) = group.members.first() else { return String::new() };
        let plain = first.name.trim_matches(['-', '.', '_']).to_owned();
        let kind = first.kind.name().to_ascii_lowercase();
        let long = if crate::syntax::words::is_word(&plain) { format!("{kind}-{plain}") } else { kind };
        let numbered = (2_usize..).map(|number| format!("{long}-{number}"));
        let mut candidates = [plain, long.clone()].into_iter().chain(numbered);
        let name = candidates.find(|name| is_name(name) && !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}
