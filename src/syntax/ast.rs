//! The tree of one intent file: what was written and where, nothing resolved, nothing judged.
//!
//! Owns: the nodes. Numbers, names and values are kept as written; `ir` judges them. Every statement keeps its comments.

use crate::source::{Span, Spanned};

/// A word as written, without its quotes if it had any.
pub type Word = Spanned<String>;

/// One file: its statements in order, with comments and broken lines among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// What stands in the file, in order.
    pub items: Vec<Item>,
}

/// One thing that stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// From the first to the last character of it, line end not included.
    pub span: Span,
    /// Whether at least one blank line stands before it (the formatter keeps one).
    pub gap: Gap,
    /// What it is.
    pub kind: ItemKind,
}

/// The space before an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The line before belongs to the item before.
    None,
    /// At least one blank line.
    Blank,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every item is a statement")]
pub enum ItemKind {
    /// A statement.
    Statement(Statement),
    /// A comment on a line of its own; the text after `#`, as written.
    Comment(String),
    /// Text that is no statement; a finding was given for it.
    Broken,
}

/// A comment inside or behind a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From `#` to the end of its line.
    pub span: Span,
    /// The text after `#`, as written.
    pub text: String,
}

/// A statement and the comments that stand inside it or behind it on its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// From its first word to its last character, a block included.
    pub span: Span,
    /// What it says.
    pub kind: StatementKind,
    /// Comments inside it or behind it, in order (those between the statements of a block are items of the block).
    pub comments: Vec<Comment>,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// `namespace …` and `external namespace …`.
    Namespace(NamespaceStatement),
    /// `close in app=db`.
    Close(CloseStatement),
    /// `workload web = app=web account web-sa port http=8080`.
    Workload(WorkloadStatement),
    /// `group backends = web or app=cron@batch`.
    Group(GroupStatement),
    /// `network office = 203.0.113.0/24 except 203.0.113.128/25`.
    Network(NetworkStatement),
    /// `issuer corp = "https://id.example.com" jwks "…" audience "shop"`.
    Issuer(IssuerStatement),
    /// `allow`, `deny`, `audit`.
    Rule(RuleStatement),
    /// `expect …`.
    Expect(ExpectStatement),
}

/// `namespace shop`, `namespace a, b { … }`, `namespace [tenant=*] { … }`, `external namespace … { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceStatement {
    /// Whether `external` stands before it, and where.
    pub external: Option<Span>,
    /// Which namespaces.
    pub names: NamespaceNames,
    /// What is said of them, in order.
    pub attributes: Vec<Spanned<NamespaceAttribute>>,
    /// The block; none for the form that holds for the rest of the file.
    pub body: Option<Block>,
}

/// Which namespaces a `namespace` statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceNames {
    /// By name.
    List(Vec<Word>),
    /// By label, over those that are declared or in the inventory.
    Labels(Vec<LabelTerm>),
}

/// One attribute of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceAttribute {
    /// `labels env=prod,team=pay`: each key with its one value.
    Labels(Vec<(Word, Word)>),
    /// `mesh none`, `mesh sidecar`, `mesh ambient`; the word as written.
    Mesh(Word),
    /// `waypoint pay-l7`.
    Waypoint(Word),
    /// `open ingress egress`; the words as written.
    Open(Vec<Word>),
}

/// A block of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// From `{` to `}`.
    pub span: Span,
    /// What stands in it.
    pub items: Vec<Item>,
}

/// A direction, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the pod.
    In,
    /// Out of the pod.
    Out,
}

/// `close in app=db`: none written means both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseStatement {
    /// `in`, `out`; both if none is written.
    pub directions: Vec<Spanned<Direction>>,
    /// The pods that are isolated.
    pub pods: Endpoint,
}

/// A workload and its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadStatement {
    /// Its name.
    pub name: Word,
    /// One label conjunction.
    pub labels: Vec<LabelTerm>,
    /// Its facts, in order.
    pub facts: Vec<Spanned<WorkloadFact>>,
}

/// A fact about a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadFact {
    /// `account web-sa`.
    Account(Word),
    /// `port http=8080`, `port dns=53/udp`.
    Port {
        /// The port's name.
        name: Word,
        /// The number on the pod.
        number: Spanned<u32>,
        /// `/udp` and so on; TCP if none.
        protocol: Option<Word>,
    },
    /// `unmeshed`.
    Unmeshed,
}

/// `group NAME = ENDPOINT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatement {
    /// Its name.
    pub name: Word,
    /// What it stands for.
    pub endpoint: Endpoint,
}

/// `network NAME = CIDR, CIDR except CIDR, CIDR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkStatement {
    /// Its name.
    pub name: Word,
    /// The blocks, as written without brackets.
    pub blocks: Vec<Word>,
    /// What is cut out of all of them together, as written without brackets.
    pub except: Vec<Word>,
}

/// `issuer NAME = URL jwks URL audience A|B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerStatement {
    /// Its name.
    pub name: Word,
    /// The `iss` of its tokens.
    pub url: Word,
    /// Where its keys are.
    pub jwks: Option<Word>,
    /// The audiences that are accepted.
    pub audiences: Vec<Word>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Opens ends.
    Allow,
    /// Closes what others open.
    Deny,
    /// Asks the mesh to log; changes no verdict.
    Audit,
}

/// `allow A -> B …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleStatement {
    /// `allow`, `deny` or `audit`.
    pub action: Action,
    /// `in` or `out` behind the action: one end only.
    pub direction: Option<Spanned<Direction>>,
    /// Before the arrow.
    pub source: Endpoint,
    /// Behind the arrow.
    pub destination: Endpoint,
    /// Requirements and remarks, in the order written.
    pub clauses: Vec<Spanned<Clause>>,
}

/// The quantifier of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantifier {
    /// Every source, destination and port passes.
    Allow,
    /// No flow passes.
    Deny,
    /// At least one flow passes.
    Some,
    /// These and nobody else.
    Only,
}

/// `expect deny internet -> app=db`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectStatement {
    /// What is expected.
    pub quantifier: Spanned<Quantifier>,
    /// Before the arrow.
    pub source: Endpoint,
    /// Behind the arrow.
    pub destination: Endpoint,
    /// Requirements and remarks.
    pub clauses: Vec<Spanned<Clause>>,
}

/// A requirement or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// `mtls`.
    Mtls,
    /// `plaintext` (expectations only; `parse` refuses it elsewhere).
    Plaintext,
    /// `http GET|HEAD /v1/{**}, POST /v1/orders at shop.example.com header x-env=test`.
    Http(HttpClause),
    /// `grpc pkg.Service/Method|Method`.
    Grpc(GrpcClause),
    /// `jwt corp claim groups=admin|ops`.
    Jwt(JwtClause),
    /// `until 2027-03-31`; the text as written.
    Until(Word),
    /// `because "…"`.
    Because(Word),
    /// `accept shared-account`.
    Accept(Word),
}

/// The requests of an `http` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpClause {
    /// Alternatives, each methods and perhaps a path.
    pub requests: Vec<HttpRequest>,
    /// `at HOST|HOST`.
    pub hosts: Vec<Word>,
    /// `header NAME=V|V`, each once.
    pub headers: Vec<NameValues>,
}

/// One alternative of an `http` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET|HEAD`, or one word `*` for every method.
    pub methods: Vec<Word>,
    /// The path pattern, as written; none means every path.
    pub path: Option<Word>,
}

/// A name with one or more values: a header, a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameValues {
    /// The name.
    pub name: Word,
    /// The values, any of which will do.
    pub values: Vec<Word>,
}

/// `grpc pkg.Service/Method|Method`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcClause {
    /// `pkg.Service`.
    pub service: Word,
    /// The methods; empty means every method of the service.
    pub methods: Vec<Word>,
}

/// `jwt corp claim groups=admin|ops claim tenant=a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtClause {
    /// The issuer's name.
    pub issuer: Word,
    /// What the token must claim besides.
    pub claims: Vec<NameValues>,
}

/// One end of a rule: who, and for a destination on which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole of it, its ports included.
    pub span: Span,
    /// Who.
    pub kind: EndpointKind,
    /// `:80|443`, directly behind this endpoint.
    pub ports: Option<Ports>,
}

/// Who an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointKind {
    /// `app=web,tier=front@shop`; no terms is `*`.
    Labels {
        /// The label tests, all of which must hold.
        terms: Vec<LabelTerm>,
        /// The namespaces behind `@`; none is the current one.
        at: Option<Spanned<NamespaceTest>>,
    },
    /// `web`, `web@shop`: a declared workload, group or network.
    Name {
        /// The name.
        name: Word,
        /// The namespaces behind `@`; none is the current one.
        at: Option<Spanned<NamespaceTest>>,
    },
    /// `as web-sa@shop`.
    Account {
        /// The service account.
        name: Word,
        /// The namespaces behind `@`; none is the current one.
        at: Option<Spanned<NamespaceTest>>,
    },
    /// `203.0.113.0/24`, `[2001:db8::/32]`; the text without brackets.
    Address(Word),
    /// `internet`.
    Internet,
    /// `outside`.
    Outside,
    /// `nodes`.
    Nodes,
    /// `apiserver`.
    Apiserver,
    /// `metadata`.
    Metadata,
    /// `anywhere`.
    Anywhere,
    /// `host "api.stripe.com"`.
    Host(Word),
    /// `A or B or C`, two or more.
    Or(Vec<Endpoint>),
    /// `A but B`.
    But(Box<Endpoint>, Box<Endpoint>),
    /// `( A )`.
    Group(Box<Endpoint>),
}

/// One label test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTerm {
    /// The whole of it.
    pub span: Span,
    /// The key.
    pub key: Word,
    /// The test.
    pub test: LabelTest,
}

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelTest {
    /// `app=web|api`.
    In(Vec<Word>),
    /// `app!=web|api`; a pod without the key satisfies it.
    NotIn(Vec<Word>),
    /// `tier=*`.
    Present,
    /// `tier!=*`.
    Absent,
}

/// Namespaces behind `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceTest {
    /// `@shop|pay`.
    Names(Vec<Word>),
    /// `@!shop|pay`.
    NotNames(Vec<Word>),
    /// `@*`.
    Any,
    /// `@[env=prod]`.
    Labels(Vec<LabelTerm>),
}

/// Ports behind a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// From `:` to the last port.
    pub span: Span,
    /// The alternatives.
    pub items: Vec<PortItem>,
}

/// One alternative of a port list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortItem {
    /// The whole of it, protocol included.
    pub span: Span,
    /// Which ports.
    pub port: PortTest,
    /// `tcp`, `udp`, `sctp` as written; TCP if none.
    pub protocol: Option<Word>,
}

/// Which ports; numbers as written, cut at `u32::MAX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortTest {
    /// `5432`.
    Number(u32),
    /// `8000-8100`.
    Range(u32, u32),
    /// `*`.
    Any,
    /// `http`.
    Name(String),
}
