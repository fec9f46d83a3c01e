//! The names of a program: workloads, groups, networks, issuers, and which of them are used.
//!
//! Owns: the tables and the look-up with its findings. It must not lower what a name stands for.

use std::collections::{BTreeMap, BTreeSet};

use super::declare::Namespaces;
use super::scope::Scoped;
use crate::diagnostic::{Code, Diagnostic, code, nearest};
use crate::flow::Symbol;
use crate::ir::{Origin, Program};
use crate::source::{FileId, Location};
use crate::syntax::ast::{GroupStatement, IssuerStatement, NetworkStatement, StatementKind, Word, WorkloadStatement};

/// Something that a name stands for, and where.
#[derive(Debug)]
pub(super) struct Named<'a, T> {
    pub(super) statement: &'a T,
    pub(super) file: FileId,
    pub(super) origin: Origin,
    pub(super) location: Location,
}

impl<T> Clone for Named<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Named<'_, T> {}

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Workload,
    Group,
    Network,
    Issuer,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Group => "group",
            Self::Network => "network",
            Self::Issuer => "issuer",
        }
    }
}

/// The tables of names. Workloads and groups belong to a namespace, networks and issuers to the whole program.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) workloads: BTreeMap<(Symbol, Symbol), Named<'a, WorkloadStatement>>,
    pub(super) groups: BTreeMap<(Symbol, Symbol), Named<'a, GroupStatement>>,
    pub(super) networks: BTreeMap<Symbol, Named<'a, NetworkStatement>>,
    pub(super) issuers: BTreeMap<Symbol, Named<'a, IssuerStatement>>,
    used: BTreeSet<Location>,
    pub(super) findings: Vec<Diagnostic>,
}

impl<'a> Names<'a> {
    /// Fills the tables.
    pub(super) fn collect(program: &Program<'_>, namespaces: &Namespaces, statements: &[Scoped<'a>]) -> Self {
        let mut this = Self::default();
        for scoped in statements {
            match &scoped.statement.kind {
                StatementKind::Workload(workload) => {
                    for namespace in namespaces.of(scoped, &program.default_namespace) {
                        let named = named(workload, &workload.name, scoped);
                        declare(&mut this.workloads, (namespace, symbol(&workload.name)), named, Kind::Workload, &mut this.findings);
                    }
                }
                StatementKind::Group(group) => {
                    for namespace in namespaces.of(scoped, &program.default_namespace) {
                        let named = named(group, &group.name, scoped);
                        declare(&mut this.groups, (namespace, symbol(&group.name)), named, Kind::Group, &mut this.findings);
                    }
                }
                StatementKind::Network(network) => {
                    declare(
                        &mut this.networks,
                        symbol(&network.name),
                        named(network, &network.name, scoped),
                        Kind::Network,
                        &mut this.findings,
                    );
                }
                StatementKind::Issuer(issuer) => {
                    declare(&mut this.issuers, symbol(&issuer.name), named(issuer, &issuer.name, scoped), Kind::Issuer, &mut this.findings);
                }
                StatementKind::Namespace(_) | StatementKind::Close(_) | StatementKind::Rule(_) | StatementKind::Expect(_) => {}
            }
        }
        this.clashes();
        this
    }

    /// A name means one thing: a group, a workload and a network cannot share it.
    fn clashes(&mut self) {
        let groups = self.groups.iter().filter_map(|(key, group)| Some((self.workloads.get(key)?.location, group.location, &key.1)));
        let twice = groups.map(|(first, second, name)| (first, second, name, Kind::Workload, Kind::Group));
        let spaced = self
            .workloads
            .iter()
            .map(|(key, named)| (key, named.location, Kind::Workload))
            .chain(self.groups.iter().map(|(key, named)| (key, named.location, Kind::Group)));
        let networks =
            spaced.filter_map(|(key, location, kind)| Some((self.networks.get(&key.1)?.location, location, &key.1, Kind::Network, kind)));
        let findings: Vec<Diagnostic> =
            twice.chain(networks).map(|(first, second, name, was, is)| twofold(name, first, second, was, is)).collect();
        self.findings.extend(findings);
    }

    /// Marks a declaration as used.
    pub(super) fn touch(&mut self, location: Location) {
        self.used.insert(location);
    }

    /// Our names that nothing uses. Names of `--with` programs are their owners' business.
    pub(super) fn unused(&self) -> Vec<Diagnostic> {
        let workloads = self.workloads.iter().map(|((namespace, name), named)| {
            (named.location, named.origin, Kind::Workload, name, Some(namespace), !named.statement.facts.is_empty())
        });
        let groups =
            self.groups.iter().map(|((namespace, name), named)| (named.location, named.origin, Kind::Group, name, Some(namespace), false));
        let networks = self.networks.iter().map(|(name, named)| (named.location, named.origin, Kind::Network, name, None, false));
        let issuers = self.issuers.iter().map(|(name, named)| (named.location, named.origin, Kind::Issuer, name, None, false));
        let mut seen = BTreeSet::new();
        workloads
            .chain(groups)
            .chain(networks)
            .chain(issuers)
            .filter(|(location, origin, _, _, _, has_facts)| {
                *origin == Origin::Ours && !has_facts && !self.used.contains(location) && seen.insert(*location)
            })
            .map(|(location, _, kind, name, _, _)| unused(kind, name, location))
            .collect()
    }

    /// All names of one kind that are visible in a namespace, for suggestions.
    pub(super) fn visible(&self, namespace: &str) -> Vec<&str> {
        let workloads = self.workloads.keys().filter(|(home, _)| &**home == namespace).map(|(_, name)| &**name);
        let groups = self.groups.keys().filter(|(home, _)| &**home == namespace).map(|(_, name)| &**name);
        workloads.chain(groups).chain(self.networks.keys().map(|name| &**name)).collect()
    }

    /// The namespaces in which a workload or group of this name is declared.
    pub(super) fn homes(&self, name: &str) -> Vec<&str> {
        let keys = self.workloads.keys().chain(self.groups.keys());
        let homes: BTreeSet<&str> = keys.filter(|(_, word)| &**word == name).map(|(home, _)| &**home).collect();
        homes.into_iter().collect()
    }
}

fn symbol(word: &Word) -> Symbol {
    word.value.as_str().into()
}

fn named<'a, T>(statement: &'a T, name: &Word, scoped: &Scoped<'_>) -> Named<'a, T> {
    Named { statement, file: scoped.file, origin: scoped.origin, location: Location { file: scoped.file, span: name.span } }
}

/// Adds a name to its table. Twice the same place (one body for several namespaces) is no second declaration.
fn declare<K: Ord, T>(table: &mut BTreeMap<K, T>, key: K, named: T, kind: Kind, findings: &mut Vec<Diagnostic>)
where
    T: Placed,
{
    let (location, name) = (named.location(), named.name().to_owned());
    let Some(first) = table.get(&key) else {
        table.insert(key, named);
        return;
    };
    findings.push(twofold(&name, first.location(), location, kind, kind));
}

/// What the tables hold: a declaration with its place.
trait Placed {
    fn location(&self) -> Location;
    fn name(&self) -> &str;
}

macro_rules! placed {
    ($($statement:ty),*) => { $(
        impl Placed for Named<'_, $statement> {
            fn location(&self) -> Location {
                self.location
            }
            fn name(&self) -> &str {
                &self.statement.name.value
            }
        }
    )* };
}

placed!(WorkloadStatement, GroupStatement, NetworkStatement, IssuerStatement);

fn twofold(name: &str, first: Location, second: Location, was: Kind, is: Kind) -> Diagnostic {
    let (first, second) = (first.min(second), first.max(second));
    Diagnostic::new(code::DUPLICATE_NAME, second, format!("`{name}` is declared twice"))
        .label(format!("a {} here", is.word()))
        .related(first, format!("a {} here", was.word()))
        .note("a name means one thing wherever it is used")
        .help("rename one of the two, or remove it if both say the same")
}

fn unused(kind: Kind, name: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::UNUSED_NAME, location, format!("{} `{name}` is never used", kind.word()))
        .label("nothing names it")
        .help("remove the line, or use the name")
}

/// A finding for a name that nothing declares, with the nearest of `candidates`.
pub(super) fn unknown<'c>(what: &str, name: &str, location: Location, candidates: impl IntoIterator<Item = &'c str>) -> Diagnostic {
    not_found(code::UNKNOWN_NAME, what, name, location, candidates)
}

fn not_found<'c>(code: Code, what: &str, name: &str, location: Location, candidates: impl IntoIterator<Item = &'c str>) -> Diagnostic {
    let finding = Diagnostic::new(code, location, format!("no {what} is called `{name}`")).label("not declared");
    match nearest(name, candidates) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), location, near),
        None => finding,
    }
}
