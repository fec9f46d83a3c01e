//! The question: from a flow as somebody types it to two ends, a port, a transport and a request.
//!
//! Owns: `Question`, `Context`, `read`. A flow is written in the language, with objects of a cluster, URLs and bare requests
//! besides. It asks nobody: whether the connection passes is judged elsewhere.

mod advice;
mod draft;
mod hidden;
mod host;
mod language;
mod object;
mod path;
mod request;
mod told;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::config::{self, Config};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, NAMESPACE_NAME, PodCube, PodSet, Protocol, Request, Symbol, Transport, Values};
use crate::inventory::{ExternalTraffic, Inventory, TakenBy, WorkloadKind};
use crate::ir::{End, Unit};
use crate::source::{FileId, Location, Sources, Span};
use crate::syntax::ast::{Clause, Endpoint};

use draft::{Draft, Written};

/// What a flow's words are looked up in.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The texts, that of the flow among them.
    pub sources: &'a Sources,
    /// The intents, parsed; none where only manifests are asked.
    pub units: &'a [Unit<'a>],
    /// What the cluster is.
    pub config: &'a Config,
    /// What runs there.
    pub inventory: &'a Inventory,
    /// The nodes that are known, by their addresses.
    pub nodes: &'a BTreeMap<IpAddr, Symbol>,
    /// The namespace that the user gave for whatever names none.
    pub namespace: Option<Symbol>,
    /// The only namespace that the intents manage; none if there are several.
    pub managed_namespace: Option<Symbol>,
    /// The only namespace that the manifests hold; none if there are several.
    pub only_namespace: Option<Symbol>,
    /// Whether manifests were given, which decide.
    pub has_manifests: bool,
}

/// A flow, understood.
#[derive(Debug, Clone)]
pub struct Question {
    /// The file of its text.
    pub flow: FileId,
    /// Who connects.
    pub source: Side,
    /// To whom, and on which port; more than one where a name stands for several numbers.
    pub targets: Vec<Target>,
    /// The same for gateways, which translate the port of a Service without an address; empty where that changes nothing.
    pub translated: Vec<Target>,
    /// How it arrives; none for whatever the client does by itself.
    pub transport: Option<Transport>,
    /// The request as it arrives, or nothing where the connection is no HTTP.
    pub request: Option<Request>,
    /// What the flow says of the host of the request.
    pub host: HostSaid,
    /// The path as it is sent, where it arrives as another one.
    pub typed_path: Option<Symbol>,
    /// Whether the request is a gRPC call.
    pub is_grpc: bool,
    /// The Service that is called, with its port; none where nothing says so.
    pub service: Option<Service>,
    /// By what it comes in at the edge of the cluster, if the caller is outside or calls an address there; none for a call inside.
    pub entrance: Option<Entrance>,
    /// Whether the destination is written as a pod, so that its own address is what is called.
    pub is_pod: bool,
    /// What was taken for granted, each in a sentence without capital and full stop.
    pub notes: Vec<String>,
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Who may stand there.
    pub end: End,
    /// The one object that is meant, if one is named.
    pub object: Option<Object>,
    /// Where it is written, in the text of the flow.
    pub span: Span,
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who.
    pub side: Side,
    /// Over which protocol.
    pub protocol: Protocol,
    /// On which port of the pod.
    pub port: u16,
}

/// A workload of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// How much of it is meant.
    pub scope: Scope,
}

/// What a flow says of the host of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostSaid {
    /// Nothing: it is taken to be a name of whoever is called.
    Unsaid,
    /// By a URL, or by `at`, the one that would be taken anyway.
    Usual,
    /// Another one.
    Other,
}

/// How much of a workload is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Only what is as it says itself.
    Itself,
    /// It, and all pods that it made, as different as they may be by now.
    WithMade,
}

/// A Service as it is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// The port of its address.
    pub port: u16,
}

/// What leads into a cluster to pods there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// What it is: `Service shop/web`.
    pub by: String,
    /// What becomes of the caller's address.
    pub traffic: ExternalTraffic,
    /// What is called.
    pub at: Edge,
    /// Who takes the call.
    pub taken_by: TakenBy,
    /// From which addresses calls are taken that come by a load balancer; none for any.
    pub sources: Option<AddressSet>,
}

/// What of an entrance is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The Service by its name: whoever is outside finds what leads to it there.
    Name,
    /// An address outside and a port, which every node takes for the Service, as it does the Service's own.
    Outside(IpAddr, u16),
    /// A port of a node, which only that node translates.
    Node(IpAddr, u16),
}

/// Reads a flow. Findings point into its text.
///
/// An end without `@` is one of the namespace of the command line, else of the only one that the intents manage, else of the other
/// end's, else of the only one there is, else `default`; a declared name is one of where it is declared. A name that nothing
/// declares is the workload, else the Service of that name.
pub fn read(flow: FileId, context: &Context<'_>) -> Result<Question, Vec<Diagnostic>> {
    let text = context.sources.get(flow).map(crate::source::Source::text).unwrap_or_default();
    let mut draft = Draft::cut(flow, text).map_err(|finding| vec![*finding])?;
    let first = assemble(&draft, context);
    let Err(findings) = &first else { return first };
    if !draft.name_objects(findings, context) {
        return first;
    }
    assemble(&draft, context)
}

/// Puts the parts of a flow together.
fn assemble(draft: &Draft<'_>, context: &Context<'_>) -> Result<Question, Vec<Diagnostic>> {
    let parsed = language::parse(draft)?;
    let homes = Homes::of(draft, &parsed, context);
    let meant = language::resolve(draft, &parsed, &homes, context)?;
    let mut notes = Vec::new();
    let source = match &draft.source {
        Written::Language(span) => Ok(Side { end: draft.running(meant.source), object: None, span: *span }),
        Written::Object(word) => object::source(word, &homes.source, draft, context, &mut notes),
    };
    let destination = match &draft.destination {
        Written::Language(span) => {
            language::targets(draft, &meant.targets, *span, context).and_then(|targets| object::called(targets, draft, context, &mut notes))
        }
        Written::Object(word) => object::destination(word, &homes.destination, draft, context, &mut notes),
    };
    let (source, destination) = match (source, destination) {
        (Ok(source), Ok(destination)) => (source, destination),
        (source, destination) => {
            return Err(source.err().into_iter().chain(destination.err()).map(|finding| *finding).collect());
        }
    };
    let host = destination.host(&homes.destination);
    let asked = request::read(draft, &parsed.statement.clauses, &meant.requests, &host).map_err(|finding| vec![*finding])?;
    let is_at = |clause: &Clause| matches!(clause, Clause::Http(http) if !http.hosts.is_empty());
    let is_told = destination.is_url() || parsed.statement.clauses.iter().any(|clause| is_at(&clause.value));
    let host = match &asked {
        Some(request) if request.host != host.0 => HostSaid::Other,
        _ if is_told => HostSaid::Usual,
        _ => HostSaid::Unsaid,
    };
    let (request, typed_path) = asked.map_or((None, None), |request| arrived(request, context));
    let question = Question {
        flow: draft.flow,
        source,
        targets: destination.targets,
        translated: destination.translated,
        transport: meant.transport,
        request,
        host,
        typed_path,
        is_grpc: parsed.statement.clauses.iter().any(|clause| matches!(clause.value, Clause::Grpc(_))),
        is_pod: destination.is_pod,
        service: destination.service,
        entrance: destination.entrance,
        notes,
    };
    question.without_transport(draft).map_or(Ok(question), |finding| Err(vec![finding]))
}

/// A request as it arrives, and its path as it was sent where that is another one.
fn arrived(request: Request, context: &Context<'_>) -> (Option<Request>, Option<Symbol>) {
    let path: Symbol = path::arrived(&request.path, context.config.mesh.path_normalization).into();
    let typed = (path != request.path).then(|| request.path.clone());
    (Some(Request { path, ..request }), typed)
}

impl Question {
    /// The finding that no connection can be what is asked.
    pub(super) fn about_nobody(&self, cluster: &config::Cluster) -> Diagnostic {
        if let Some(finding) = self.about_taken_address(cluster) {
            return finding;
        }
        let target = self.targets.first().map(|target| target.side.span);
        let span = Span { end: target.map_or(self.source.span.end, |span| span.end.max(self.source.span.end)), ..self.source.span };
        Diagnostic::new(code::UNCLEAR_FLOW, Location { file: self.flow, span }, "nobody can call so: one end holds no pod and no address")
            .label("a connection between nobody")
            .help("leave out what takes the last of them away")
    }

    /// The finding that an end is an address which only pods have, or only Services; none if no end is.
    fn about_taken_address(&self, cluster: &config::Cluster) -> Option<Diagnostic> {
        let finding = |side: &Side, whose: &str, advice: &str| {
            let message = format!("only {whose} have such an address, and none is known that has it");
            let finding = Diagnostic::new(code::UNCLEAR_FLOW, Location { file: self.flow, span: side.span }, message);
            finding.label("whose address is it?").help(advice.to_owned())
        };
        let sides = std::iter::once(&self.source).chain(self.targets.iter().map(|target| &target.side));
        sides.into_iter().find_map(|side| {
            let peers = side.end.peers();
            if !peers.pods.is_empty() || peers.addresses.is_empty() {
                return None;
            }
            if peers.addresses.is_subset(&cluster.pods) {
                return Some(finding(side, "pods (`pod-cidrs`)", "name the pod by its workload or labels: these decide, not its address"));
            }
            let services = peers.addresses.is_subset(&cluster.services);
            services.then(|| finding(side, "Services (`service-cidrs`)", "name the Service, as `svc/db`, or the pods behind it"))
        })
    }

    /// A finding if it asks something of UDP or SCTP that only TCP has.
    fn without_transport(&self, draft: &Draft<'_>) -> Option<Diagnostic> {
        let target = self.targets.iter().find(|target| target.protocol != Protocol::Tcp)?;
        let asks = self.transport == Some(Transport::Mtls) || self.request.is_some();
        asks.then(|| {
            draft
                .unclear(target.side.span, format!("{} knows neither mTLS nor requests", target.protocol))
                .label("not TCP")
                .note("the mesh sees TCP alone")
                .help("leave `mtls` and the request out")
        })
    }
}

/// The namespaces of ends without `@`.
struct Homes {
    source: Symbol,
    destination: Symbol,
}

impl Homes {
    fn of(draft: &Draft<'_>, parsed: &language::Parsed, context: &Context<'_>) -> Self {
        let written = |side: &Written, endpoint: &Endpoint| match side {
            Written::Object(word) => object::namespace(word, context),
            Written::Language(_) => language::namespace(endpoint),
        };
        let source = written(&draft.source, &parsed.statement.source);
        let destination = written(&draft.destination, &parsed.statement.destination);
        let usual = |other: &Option<Symbol>, endpoint: &Endpoint| {
            let known = [&context.namespace, &context.managed_namespace, other, &context.only_namespace].into_iter().flatten().next();
            let usual = known.cloned().unwrap_or_else(|| context.default_namespace());
            language::declared_in(endpoint, &usual, context).unwrap_or(usual)
        };
        Self {
            source: source.clone().unwrap_or_else(|| usual(&destination, &parsed.statement.source)),
            destination: destination.unwrap_or_else(|| usual(&source, &parsed.statement.destination)),
        }
    }
}

impl Context<'_> {
    /// The namespace of what names none and has nothing else to go by.
    fn default_namespace(&self) -> Symbol {
        self.namespace.clone().unwrap_or_else(|| "default".into())
    }
}

impl Draft<'_> {
    /// Those of an end that run as the account that the flow says of them.
    fn running(&self, end: End) -> End {
        let Some(account) = self.account else { return end };
        let running = PodCube { account: Values::one(self.slice(account).into()), ..PodCube::all() };
        End::Within(Box::new(end), PodSet::from(running))
    }

    /// A finding about a flow that is no question about one connection.
    fn unclear(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code::UNCLEAR_FLOW, Location { file: self.flow, span }, message)
    }
}

/// The cube of one namespace by name.
fn named(namespace: &Symbol) -> crate::flow::LabelCube {
    crate::flow::LabelCube::of(NAMESPACE_NAME.into(), crate::flow::Values::one(namespace.clone()))
}
