//! Endpoints as written to ends as sets.
//!
//! Owns: what each endpoint form stands for (design §2.2), with its findings. It must not know ports or requirements.

use super::address::{check_account, check_block, check_label_key, check_label_value, check_name};
use super::lower::Lowering;
use super::names::unknown;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, LabelCube, Labels, NAMESPACE_NAME, PodCube, PodSet, Symbol, Values};
use crate::inventory::{InventoryWorkload, Match};
use crate::ir::{End, Naming, Workload};
use crate::source::{FileId, Location, Span, Spanned};
use crate::syntax::ast::{Endpoint, EndpointKind, LabelTerm, LabelTest, NamespaceTest, NetworkStatement, Word};

/// Where an endpoint stands: its current namespace, its file, and which end of a rule it is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) namespace: Symbol,
    pub(super) file: FileId,
    pub(super) side: Side,
    /// What a range of ports holds there.
    pub(super) ranges: Ranges,
    /// The groups that are being looked into, outermost first.
    pub(super) groups: Vec<(Symbol, Symbol)>,
}

/// Which end of a rule an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Before the arrow.
    Source,
    /// Before the arrow of an `allow … mtls`: the only place where an account of unknown labels may stand.
    IdentifiedSource,
    /// Behind the arrow.
    Destination,
}

/// What a range of ports holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ranges {
    /// Every port of it.
    Whole,
    /// The ports that the mesh captures: a requirement speaks of no others (design §4.2). A single port is taken as written.
    Captured,
}

impl Place {
    pub(super) fn at(&self, span: Span) -> Location {
        Location { file: self.file, span }
    }
}

impl Lowering<'_> {
    /// What an endpoint stands for. What cannot be resolved gives a finding and matches nobody.
    pub(super) fn end(&mut self, place: &Place, endpoint: &Endpoint) -> End {
        match &endpoint.kind {
            EndpointKind::Labels { terms, at } => self.pods(place, terms, at.as_ref()),
            EndpointKind::Name { name, at } => self.name(place, name, at.as_ref()),
            EndpointKind::Account { name, at } => self.account(place, name, at.as_ref()),
            EndpointKind::Address(word) => self.address(place, word),
            EndpointKind::Internet => End::Addresses(AddressSet::internet().subtract(&self.cluster_addresses())),
            EndpointKind::Outside => End::Addresses(AddressSet::all().subtract(&self.cluster_addresses())),
            EndpointKind::Nodes => self.configured(place, endpoint.span, "nodes"),
            EndpointKind::Apiserver => self.configured(place, endpoint.span, "apiserver"),
            EndpointKind::Metadata => End::Addresses(self.config().cluster.metadata.clone()),
            EndpointKind::Anywhere => self.anywhere(place),
            EndpointKind::Host(word) => self.host(place, word),
            EndpointKind::Or(alternatives) => End::any_of(alternatives.iter().map(|endpoint| self.end(place, endpoint))),
            EndpointKind::But(inner, without) => {
                let end = End::But(Box::new(self.end(place, inner)), Box::new(self.end(place, without)));
                self.bounded(end, place.at(endpoint.span))
            }
            EndpointKind::Group(endpoint) => self.end(place, endpoint),
        }
    }

    /// The end, unless it falls into more sets of pods than anybody could review.
    fn bounded(&mut self, end: End, location: Location) -> End {
        let finding = if end.parts() > MAX_PARTS {
            too_many_parts(location)
        } else if end.fits(MAX_CUBES) {
            return end;
        } else {
            too_complex(location)
        };
        self.findings.push(finding);
        End::nobody()
    }

    fn pods(&mut self, place: &Place, terms: &[LabelTerm], at: Option<&Spanned<NamespaceTest>>) -> End {
        self.check_terms(place.file, terms);
        let namespace = self.namespaces_of(place, at);
        let cube = PodCube { namespace, labels: label_cube(terms), account: Values::any() };
        End::Pods(PodSet::from(cube), Naming::ByPod)
    }

    /// Every key and value must be one that Kubernetes accepts.
    pub(super) fn check_terms(&mut self, file: FileId, terms: &[LabelTerm]) {
        for term in terms {
            let location = |word: &Word| Location { file, span: word.span };
            self.findings.extend(check_label_key(&term.key.value, location(&term.key)));
            let (LabelTest::In(words) | LabelTest::NotIn(words)) = &term.test else { continue };
            self.findings.extend(words.iter().filter_map(|word| check_label_value(&word.value, location(word))));
        }
    }

    /// A test over namespaces; without one, the current namespace.
    fn namespaces_of(&mut self, place: &Place, at: Option<&Spanned<NamespaceTest>>) -> LabelCube {
        let named = |values| LabelCube::of(NAMESPACE_NAME.into(), values);
        let Some(at) = at else { return named(Values::one(place.namespace.clone())) };
        match &at.value {
            NamespaceTest::Any => LabelCube::all(),
            NamespaceTest::Names(words) => named(Values::of(self.namespace_names(place, words))),
            NamespaceTest::NotNames(words) => named(Values::except(self.namespace_names(place, words)).subtract(&Values::absent())),
            NamespaceTest::Labels(terms) => {
                self.check_terms(place.file, terms);
                label_cube(terms)
            }
        }
    }

    /// Names behind `@`. One that is near a known namespace and is not known itself is likely a slip of the pen.
    fn namespace_names(&mut self, place: &Place, words: &[Word]) -> Vec<Symbol> {
        for word in words {
            self.findings.extend(check_name(&word.value, place.at(word.span), "namespace"));
        }
        words.iter().map(|word| word.value.as_str().into()).collect()
    }

    fn name(&mut self, place: &Place, name: &Word, at: Option<&Spanned<NamespaceTest>>) -> End {
        let location = place.at(name.span);
        let word: Symbol = name.value.as_str().into();
        let Some(at) = at else {
            if let Some(end) = self.local(place, &place.namespace.clone(), &word) {
                return end;
            }
            if let Some(network) = self.names.networks.get(&word).copied() {
                self.names.touch(network.location);
                return End::Addresses(self.network(network.statement, network.file));
            }
            let finding = self.unknown_name(&place.namespace.clone(), &word, location);
            self.findings.push(finding);
            return End::nobody();
        };
        let NamespaceTest::Names(homes) = &at.value else {
            self.findings.push(needs_home(&word, place.at(at.span), &self.names.homes(&word)));
            return End::nobody();
        };
        let homes = self.namespace_names(place, homes);
        let ends = homes.iter().map(|home| self.name_in(place, home, &word, location)).collect();
        End::Or(ends)
    }

    fn name_in(&mut self, place: &Place, home: &Symbol, word: &Symbol, location: Location) -> End {
        if let Some(end) = self.local(place, home, word) {
            return end;
        }
        let finding = self.unknown_name(home, word, location);
        self.findings.push(finding);
        End::nobody()
    }

    /// A workload or group of one namespace.
    fn local(&mut self, place: &Place, home: &Symbol, word: &Symbol) -> Option<End> {
        let key = (home.clone(), word.clone());
        if let Some(workload) = self.names.workloads.get(&key).copied() {
            self.names.touch(workload.location);
            let namespace = LabelCube::of(NAMESPACE_NAME.into(), Values::one(home.clone()));
            let cube = PodCube { namespace, labels: label_cube(&workload.statement.labels), account: Values::any() };
            return Some(End::Pods(PodSet::from(cube), Naming::ByPod));
        }
        let group = self.names.groups.get(&key).copied()?;
        self.names.touch(group.location);
        if place.groups.contains(&key) {
            self.findings.push(cyclic(word, group.location));
            return Some(End::nobody());
        }
        let known = (key, place.side, place.ranges);
        if let Some(end) = self.known_groups.get(&known) {
            return Some(end.clone());
        }
        let groups = place.groups.iter().chain([&known.0]).cloned().collect();
        let inner = Place { namespace: home.clone(), file: group.file, side: place.side, ranges: place.ranges, groups };
        let end = self.end(&inner, &group.statement.endpoint);
        let end = if end.parts() <= MAX_PARTS { end } else { self.bounded(end, group.location) };
        self.known_groups.insert(known, end.clone());
        Some(end)
    }

    fn unknown_name(&self, home: &str, word: &str, location: Location) -> Diagnostic {
        let finding = unknown("workload, group or network", word, location, self.names.visible(home));
        let homes = self.names.homes(word);
        match homes.first() {
            Some(first) => finding.note(format!("namespace `{home}` has none, but `{}` has", homes.join("`, `"))).fix(
                format!("write `{word}@{first}`"),
                location,
                format!("{word}@{first}"),
            ),
            None => finding.help(format!("declare it: `workload {word} = app={word}`, or choose pods by label: `app={word}`")),
        }
    }

    /// `as web-sa`: the pods of the workloads that run as it; unknown, only its name.
    fn account(&mut self, place: &Place, name: &Word, at: Option<&Spanned<NamespaceTest>>) -> End {
        let location = place.at(name.span);
        self.findings.extend(check_account(&name.value, location));
        let account: Symbol = name.value.as_str().into();
        let namespace = self.namespaces_of(place, at);
        let (mut pods, unknown) = self.pods_of_account(&namespace, &account);
        self.note_account(&pods, &account);
        if let Some(namespace) = unknown {
            if place.side != Side::IdentifiedSource {
                self.findings.push(labels_unknown(&account, location));
            }
            pods.push(PodCube { namespace, labels: LabelCube::all(), account: Values::one(account) });
        }
        End::Pods(pods, Naming::ByPod)
    }

    /// Notes which pods an account stands for, namespace by namespace.
    fn note_account(&mut self, pods: &PodSet, account: &Symbol) {
        for cube in pods.cubes() {
            for name in cube.names().finite().into_iter().flatten() {
                let within = LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name)));
                let Some(namespace) = cube.namespace.intersect(&within) else { continue };
                let part = PodSet::from(PodCube { namespace, ..cube.clone() });
                let known = self.named_accounts.entry((Symbol::clone(name), Symbol::clone(account))).or_default();
                *known = known.union(&part).simplify();
            }
        }
    }

    /// The pods that declared and listed workloads let know as this account's, and the namespaces of which nothing says so.
    ///
    /// Namespaces that are not named may always hold others.
    fn pods_of_account(&self, namespaces: &LabelCube, account: &Symbol) -> (PodSet, Option<LabelCube>) {
        let declared = self.declared.iter().filter(|workload| workload.account.as_ref() == Some(account)).map(Workload::cube);
        let listed = self.program.inventory.workloads.iter().filter(|workload| workload.account == *account).map(listed_cube);
        let within = |cube: PodCube| Some(PodCube { namespace: cube.namespace.intersect(namespaces)?, ..cube });
        let pods: PodSet = declared.chain(listed).filter_map(within).collect();
        let pods = pods.simplify();
        let Some(names) = namespaces.get(NAMESPACE_NAME).finite() else { return (pods, Some(namespaces.clone())) };
        let is_known = |name: &Symbol| pods.cubes().iter().any(|cube| cube.names().contains(Some(name)));
        let unknown: Vec<Symbol> = names.iter().filter(|name| !is_known(name)).cloned().collect();
        if unknown.is_empty() {
            return (pods, None);
        }
        (pods, Some(namespaces.clone().with(NAMESPACE_NAME.into(), Values::of(unknown))))
    }

    fn address(&mut self, place: &Place, word: &Word) -> End {
        match check_block(&word.value, place.at(word.span)) {
            Ok(prefix) => End::Addresses(AddressSet::from(prefix)),
            Err(finding) => {
                self.findings.push(*finding);
                End::nobody()
            }
        }
    }

    /// The addresses of a `network`.
    pub(super) fn network(&mut self, network: &NetworkStatement, file: FileId) -> AddressSet {
        let blocks: Vec<AddressSet> = network.blocks.iter().filter_map(|block| self.block(block, file)).collect();
        let all = blocks.iter().fold(AddressSet::none(), |all, block| all.union(block));
        let mut left = all.clone();
        for except in &network.except {
            let Some(without) = self.block(except, file) else { continue };
            // A broken block has its own finding; what lies in it cannot be judged.
            if blocks.len() == network.blocks.len() && !without.is_subset(&all) {
                self.findings.push(except_outside(&except.value, Location { file, span: except.span }));
            }
            let rest = left.subtract(&without);
            if rest.is_empty() && !left.is_empty() {
                self.findings.push(nothing_left(&network.name.value, Location { file, span: except.span }));
            }
            left = rest;
        }
        left
    }

    /// A block of a network. A network used in many places reports its faults once: equal findings are dropped at the end.
    fn block(&mut self, word: &Word, file: FileId) -> Option<AddressSet> {
        match check_block(&word.value, Location { file, span: word.span }) {
            Ok(prefix) => Some(AddressSet::from(prefix)),
            Err(finding) => {
                self.findings.push(*finding);
                None
            }
        }
    }

    fn configured(&mut self, place: &Place, span: Span, what: &'static str) -> End {
        let (addresses, key) = match what {
            "nodes" => (self.config().cluster.nodes.clone(), "node-cidrs"),
            _ => (self.config().cluster.api_server.clone(), "api-server"),
        };
        if addresses.is_empty() {
            let finding =
                Diagnostic::new(code::ADDRESS_NOT_CONFIGURED, place.at(span), format!("the addresses of `{what}` are not configured"))
                    .label("stands for no address")
                    .note("no selector reaches them: they are addresses, and they differ from cluster to cluster")
                    .help(format!("set `{key} = [\"…\"]` under `[cluster]` in `twogate.toml`"));
            self.findings.push(finding);
        }
        End::Addresses(addresses)
    }

    /// Any pod and any address; as a destination not the metadata service, which hands out credentials.
    fn anywhere(&self, place: &Place) -> End {
        match place.side {
            Side::Source | Side::IdentifiedSource => End::anywhere(AddressSet::all()),
            Side::Destination => End::anywhere(AddressSet::all().subtract(&self.config().cluster.metadata)),
        }
    }

    fn host(&mut self, place: &Place, word: &Word) -> End {
        let finding =
            Diagnostic::new(code::HOST_NEEDS_GATEWAY, place.at(word.span), format!("`host \"{}\"` needs an egress gateway", word.value))
                .label("a name outside the cluster")
                .note("NetworkPolicy knows addresses, not names, and nothing but an egress gateway can hold a pod to one host")
                .help("allow its addresses (`network api = 203.0.113.0/24`) or `internet` on the port, until egress gateways are compiled");
        self.findings.push(finding);
        End::nobody()
    }

    /// The addresses that are pods', Services' or nodes', as far as they are configured.
    fn cluster_addresses(&self) -> AddressSet {
        let config = &self.config().cluster;
        config.pods.union(&config.services).union(&config.nodes)
    }
}

/// The pods of an inventory workload: those with its labels.
pub(crate) fn listed_cube(workload: &InventoryWorkload) -> PodCube {
    let labels = workload.labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())));
    PodCube { labels, ..PodCube::in_namespace(&workload.namespace) }
}

/// Whether pods of an inventory workload can be in a set.
///
/// Its labels are known, so a test that wants another label, or one that it does not carry, leaves it out.
pub(crate) fn meets(workload: &InventoryWorkload, namespace_labels: Option<&Labels>, cube: &PodCube) -> bool {
    let names = cube.names().contains(Some(&workload.namespace));
    let labels = namespace_labels.is_none_or(|labels| cube.namespace.contains(labels));
    names && labels && cube.account.contains(Some(&workload.account)) && workload.matches(&cube.labels) != Match::No
}

/// The set of a conjunction of label tests.
pub(super) fn label_cube(terms: &[LabelTerm]) -> LabelCube {
    let symbols = |words: &[Word]| words.iter().map(|word| Symbol::from(word.value.as_str())).collect::<Vec<_>>();
    terms.iter().fold(LabelCube::all(), |cube, term| {
        let values = match &term.test {
            LabelTest::In(words) => Values::of(symbols(words)),
            LabelTest::NotIn(words) => Values::except(symbols(words)),
            LabelTest::Present => Values::present(),
            LabelTest::Absent => Values::absent(),
        };
        cube.with(term.key.value.as_str().into(), values)
    })
}

fn needs_home(word: &str, location: Location, homes: &[&str]) -> Diagnostic {
    let finding = Diagnostic::new(code::UNKNOWN_NAME, location, format!("`{word}` is looked up in namespaces that are not named"))
        .label("names belong to one namespace")
        .note("a workload or group is used elsewhere as `name@namespace`");
    match homes.first() {
        Some(first) => finding.help(format!("write `{word}@{first}`, or choose pods by label")),
        None => finding.help("choose the pods by label: `app=web@*`"),
    }
}

fn cyclic(word: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::CYCLIC_GROUP, location, format!("group `{word}` is made of itself"))
        .label("leads back here")
        .help("remove the name from one of the groups")
}

fn labels_unknown(account: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::ACCOUNT_LABELS_UNKNOWN, location, format!("nothing says which pods run as `{account}`"))
        .label("labels not known")
        .note("NetworkPolicy selects pods by label and knows no accounts; only the source of an `allow … mtls` can do without")
        .help(format!("declare the pods: `workload NAME = app=… account {account}`, or give an inventory that holds them"))
}

fn except_outside(except: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::INVALID_ADDRESS, location, format!("`{except}` does not lie in the blocks of this network"))
        .label("cuts out what is not there")
        .help("remove it, or correct the blocks")
}

fn nothing_left(name: &str, location: Location) -> Diagnostic {
    Diagnostic::new(code::EMPTY_ENDPOINT, location, format!("the network `{name}` holds no address"))
        .label("the last of its addresses are taken away here")
        .help("narrow what stands behind `except`")
}

/// The most sets of labels, each a test of every label by itself, that an endpoint may fall into.
const MAX_CUBES: usize = 512;

/// The most parts that an endpoint may be made of, with those of its groups.
const MAX_PARTS: usize = 1 << 14;

fn too_many_parts(location: Location) -> Diagnostic {
    Diagnostic::new(code::ENDPOINT_TOO_COMPLEX, location, format!("this is made of more than {MAX_PARTS} parts"))
        .label("groups that name groups twice double them each time")
        .help("name each part once, or give the pods that are meant a label of their own and choose them by it")
}

fn too_complex(location: Location) -> Diagnostic {
    Diagnostic::new(
        code::ENDPOINT_TOO_COMPLEX,
        location,
        format!("what is left of these pods falls into more than {MAX_CUBES} sets of labels"),
    )
    .label("too many exceptions of several labels each")
    .note("without `a=1,b=2` are the pods without `a=1` and those without `b=2`: each such exception doubles the sets")
    .help("except by one label at a time, or give the pods that are meant a label of their own and choose them by it")
}
