//! What a resolved program consists of.
//!
//! Owns: `Policy` and its parts as plain data, and the few questions about namespaces that every later room asks.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::diagnostic::Code;
use crate::flow::{
    AddressSet, DataPlane, Flow, LabelCube, Labels, NAMESPACE_NAME, PodCube, PodSet, PortSet, Protocol, RequestSet, Symbol, Token,
    TokenTest, Values,
};
use crate::inventory::Inventory;
use crate::ir::End;
use crate::source::Location;
use crate::syntax::ast::{Action, Direction, Quantifier};

/// A whole program, resolved. Its lists are sorted by content, so no order of files or statements shows in them.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Every namespace that is declared, implied or in the inventory, by name.
    pub namespaces: BTreeMap<Symbol, Namespace>,
    /// The declared workloads.
    pub workloads: Vec<Workload>,
    /// The isolated parts of open namespaces.
    pub closes: Vec<Close>,
    /// `allow`, `deny` and `audit`.
    pub rules: Vec<Rule>,
    /// The token issuers that rules name.
    pub issuers: BTreeMap<Symbol, Issuer>,
    /// The addresses of each `network`.
    pub networks: BTreeMap<Symbol, AddressSet>,
    /// `expect`.
    pub expectations: Vec<Expectation>,
    /// The pods for which `as ACCOUNT` stands, by namespace and account, where declared or listed workloads say which they are.
    pub named_accounts: BTreeMap<(Symbol, Symbol), PodSet>,
    /// The facts about running workloads.
    pub inventory: Inventory,
    /// What the cluster is.
    pub config: Config,
}

/// Whose a namespace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// Managed by the intents that are compiled: objects are written into it.
    Managed,
    /// Managed by intents read with `--with`: judged by its own rules, not written.
    With,
    /// Declared `external`: facts only.
    External,
    /// Known from the inventory alone.
    Unmanaged,
}

/// What holds where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stance {
    /// Nothing passes.
    #[default]
    Closed,
    /// Everything passes.
    Open,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Symbol,
    /// Its labels, the one with its name included. Complete if it is managed.
    pub labels: Labels,
    /// Whose it is.
    pub ownership: Ownership,
    /// Its data plane; none where nothing says.
    pub plane: Option<DataPlane>,
    /// What holds for its ingress where no rule speaks.
    pub ingress: Stance,
    /// What holds for its egress where no rule speaks.
    pub egress: Stance,
    /// Where it is declared.
    pub location: Option<Location>,
}

impl Namespace {
    /// Whether its pods are judged by rules: it is managed, by us or by a `--with` program.
    pub fn is_managed(&self) -> bool {
        matches!(self.ownership, Ownership::Managed | Ownership::With)
    }

    /// What holds in one direction where no rule speaks.
    pub fn stance(&self, direction: Direction) -> Stance {
        match direction {
            Direction::In => self.ingress,
            Direction::Out => self.egress,
        }
    }

    /// Whether this namespace is one of those that a test over namespace labels selects.
    ///
    /// Of a namespace that is not managed, labels that nobody stated may be anything: it may be selected.
    pub fn may_match(&self, cube: &LabelCube) -> bool {
        if self.is_managed() {
            return cube.contains(&self.labels);
        }
        cube.iter().all(|(key, values)| match self.labels.get(key) {
            Some(value) => values.contains(Some(value)),
            None => true,
        })
    }
}

/// A port of a workload, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkloadPort {
    /// The name.
    pub name: Symbol,
    /// The number on the pod.
    pub number: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// A declared workload: one label conjunction in one namespace, and facts that hold for its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: Symbol,
    /// Its namespace.
    pub namespace: Symbol,
    /// Its pods.
    pub labels: LabelCube,
    /// The service account that they run as.
    pub account: Option<Symbol>,
    /// Their ports by name.
    pub ports: Vec<WorkloadPort>,
    /// The data plane, if it differs from the namespace's (`unmeshed`).
    pub plane: Option<DataPlane>,
    /// Where it is declared.
    pub location: Location,
}

impl Workload {
    /// Its pods as a cube.
    pub fn cube(&self) -> PodCube {
        PodCube {
            namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(self.namespace.clone())),
            labels: self.labels.clone(),
            account: Values::any(),
        }
    }
}

/// Pods of an open namespace that are isolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The namespace that the statement stands in.
    pub namespace: Symbol,
    /// In which directions.
    pub directions: Vec<Direction>,
    /// The pods.
    pub pods: PodSet,
    /// Where it is written.
    pub location: Location,
}

/// A rule's index in [`Policy::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub usize);

/// A destination and its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who.
    pub end: End,
    /// On which pod ports.
    pub ports: PortSet,
    /// The name that stands for the port on these pods; none where ports are written by number.
    pub port_name: Option<Symbol>,
    /// Where the ports are written; none if they are not.
    pub ports_location: Option<Location>,
    /// Where it is written.
    pub location: Location,
}

/// A finding that a rule accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The finding's code.
    pub code: Code,
    /// Where it is written.
    pub location: Location,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// One end only, or both.
    pub direction: Option<Direction>,
    /// The namespace that it stands in.
    pub namespace: Symbol,
    /// Whose intents it comes from: ours or those of `--with`.
    pub ownership: Ownership,
    /// Who calls.
    pub source: End,
    /// Where the source is written.
    pub source_location: Location,
    /// Who is called, on which ports.
    pub targets: Vec<Target>,
    /// Whether and where `mtls` is required.
    pub mtls: Option<Location>,
    /// Which requests; everything, connections that are no HTTP included, if nothing is said.
    pub requests: RequestSet,
    /// Where `http` or `grpc` is written.
    pub http: Option<Location>,
    /// The issuer whose token is required, and where that is written.
    pub jwt: Option<(Symbol, Location)>,
    /// The last day, as `YYYY-MM-DD`, and where it is written.
    pub until: Option<(String, Location)>,
    /// Why.
    pub because: Option<String>,
    /// Findings that it accepts.
    pub accepts: Vec<Acceptance>,
    /// The whole statement.
    pub location: Location,
    /// Its canonical text, without remarks.
    pub text: String,
}

impl Rule {
    /// Who calls, and all who are called.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        ends(&self.source, &self.targets)
    }

    /// Whether it demands anything that only the mesh can enforce.
    pub fn has_requirement(&self) -> bool {
        self.mtls.is_some() || !self.requests.is_all()
    }

    /// Whether it speaks of this end at all: `allow in` and `allow out` speak of one.
    pub fn faces(&self, direction: Direction) -> bool {
        self.direction.is_none_or(|only| only == direction)
    }

    /// Whether it speaks of flows to where this one goes.
    pub fn reaches(&self, flow: &Flow) -> bool {
        let fits = |target: &Target| target.ports.contains(flow.protocol, flow.port) && target.end.matches(&flow.destination);
        self.targets.iter().any(fits)
    }

    /// Whether source, destination and port of a flow are among its own. What it demands of the flow besides is another question.
    pub fn joins(&self, flow: &Flow) -> bool {
        self.source.matches(&flow.source) && self.reaches(flow)
    }
}

/// A token issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The name that rules use.
    pub name: Symbol,
    /// The `iss` of its tokens.
    pub url: Symbol,
    /// Where its keys are.
    pub jwks: Option<Symbol>,
    /// The audiences that are accepted.
    pub audiences: Vec<Symbol>,
    /// Where it is declared.
    pub location: Location,
}

/// An expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// What is expected.
    pub quantifier: Quantifier,
    /// Who calls.
    pub source: End,
    /// Who is called, on which ports.
    pub targets: Vec<Target>,
    /// The transport that is written, if any: only `mtls` or only `plaintext` flows.
    pub transport: Option<crate::flow::Transport>,
    /// The requests that are written.
    pub requests: RequestSet,
    /// The whole statement.
    pub location: Location,
    /// Its canonical text.
    pub text: String,
}

impl Expectation {
    /// Who calls, and all who are called.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        ends(&self.source, &self.targets)
    }

    /// What is expected, in the words of its line.
    pub fn words(&self) -> &str {
        self.text.strip_prefix("expect ").unwrap_or(&self.text)
    }

    /// Whether a flow that satisfies a line is one of those that the line wants to pass. A line without `jwt` wants no tokens: a request
    /// with one that does not verify is refused wherever tokens are looked at, and one that verifies takes nothing away.
    pub fn wants(&self, flow: &Flow) -> bool {
        let has_token = flow.request.as_ref().is_some_and(|request| request.token != Token::None);
        !has_token || self.requests.cubes.iter().any(|cube| !cube.token.is_any())
    }
}

/// The ends of a statement: who calls, then all who are called.
fn ends<'s>(source: &'s End, targets: &'s [Target]) -> impl Iterator<Item = &'s End> {
    std::iter::once(source).chain(targets.iter().map(|target| &target.end))
}

/// The workloads of one namespace, of a list that is sorted by namespace.
pub(super) fn workloads_in<'a>(list: &'a [Workload], namespace: &str) -> &'a [Workload] {
    let start = list.partition_point(|workload| &*workload.namespace < namespace);
    let rest = list.get(start..).unwrap_or_default();
    let length = rest.partition_point(|workload| &*workload.namespace == namespace);
    rest.get(..length).unwrap_or_default()
}

impl Policy {
    /// The requests of a set whose tokens verify: they are also meant for one of the audiences that their issuer's tokens must name.
    #[must_use]
    pub fn verified(&self, mut set: RequestSet) -> RequestSet {
        for cube in &mut set.cubes {
            let TokenTest::Valid { issuer, claims } = &mut cube.token else { continue };
            let known = self.issuers.values().find(|known| known.url == *issuer && !known.audiences.is_empty());
            claims.extend(known.map(|known| ("aud".into(), known.audiences.iter().cloned().collect())));
        }
        set
    }

    /// The declared workloads of one namespace.
    pub fn workloads_in(&self, namespace: &str) -> &[Workload] {
        workloads_in(&self.workloads, namespace)
    }

    /// A namespace by name.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name)
    }

    /// The namespaces that objects are written into.
    pub fn managed(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.values().filter(|namespace| namespace.ownership == Ownership::Managed)
    }

    /// A rule by its index; none if the index is another policy's.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0)
    }

    /// Whether a rule of namespace `standing` opens ends in namespace `end` (design §2.3, `[tenancy] consent`).
    ///
    /// A program read with `--with` opens ends in its own namespaces alone: those are judged by their own rules.
    pub fn may_open(&self, rule: &Rule, end: &Namespace) -> bool {
        use crate::config::Consent;
        if rule.ownership != end.ownership {
            return false;
        }
        rule.namespace == end.name || self.config.tenancy.consent == Consent::Either
    }
}
