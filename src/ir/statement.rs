//! Workloads, closes, issuers and rules.
//!
//! Owns: the lowering of each statement kind but `expect`. What several statements say together is judged in `check`.

use std::sync::LazyLock;

use super::address::{check_account, check_name};
use super::endpoint::{Place, Ranges, Side, label_cube};
use super::lower::Lowering;
use super::ports::no_port;
use super::scope::Scoped;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, Intervals, PortSet, Protocol, Symbol};
use crate::format;
use crate::ir::{Close, Issuer, Origin, Ownership, Rule, Workload, WorkloadPort};
use crate::source::Location;
use crate::syntax::ast::{
    Action, Clause, CloseStatement, Direction, IssuerStatement, RuleStatement, Statement, StatementKind, WorkloadFact, WorkloadStatement,
};

/// Ports of a pod that its sidecar does not capture, as far as every sidecar agrees (`semantics.md` §3.2).
pub const UNCAPTURED: [u16; 4] = [15008, 15020, 15021, 15090];

/// As many ports in a row are written one by one; more are a range, which not every network plugin knows (`semantics.md` §1.6).
pub const PORTS_IN_A_ROW: u16 = 4;

/// Every TCP port that the mesh captures: what `mtls` without a port means.
pub fn captured_ports() -> PortSet {
    CAPTURED.clone()
}

/// Made once: it is asked for with every rule.
static CAPTURED: LazyLock<PortSet> = LazyLock::new(|| {
    let uncaptured = Intervals::collect(UNCAPTURED.iter().map(|port| (*port, *port)));
    PortSet::full(Protocol::Tcp).subtract(&PortSet::from_intervals(Protocol::Tcp, uncaptured))
});

impl Lowering<'_> {
    /// A declared workload of one namespace.
    pub(super) fn workload(&mut self, scoped: &Scoped<'_>, namespace: &Symbol, statement: &WorkloadStatement) -> Workload {
        self.check_terms(scoped.file, &statement.labels);
        let mut workload = Workload {
            name: statement.name.value.as_str().into(),
            namespace: namespace.clone(),
            labels: label_cube(&statement.labels),
            account: None,
            ports: Vec::new(),
            plane: None,
            location: Location { file: scoped.file, span: scoped.statement.span },
        };
        for fact in &statement.facts {
            match &fact.value {
                WorkloadFact::Account(word) => {
                    self.findings.extend(check_account(&word.value, Location { file: scoped.file, span: word.span }));
                    workload.account = Some(word.value.as_str().into());
                }
                WorkloadFact::Unmeshed => workload.plane = Some(DataPlane::None),
                WorkloadFact::Port { name, number, protocol } => {
                    let at = |span| Location { file: scoped.file, span };
                    let protocol = match protocol.as_ref().map(|word| (word.value.as_str(), word.span)) {
                        None | Some(("tcp", _)) => Protocol::Tcp,
                        Some(("udp", _)) => Protocol::Udp,
                        Some(("sctp", _)) => Protocol::Sctp,
                        Some((other, span)) => {
                            self.findings.push(
                                Diagnostic::new(code::INVALID_PORT, at(span), format!("`{other}` is no protocol"))
                                    .label("expected `tcp`, `udp` or `sctp`")
                                    .help("leave it out for TCP"),
                            );
                            continue;
                        }
                    };
                    match u16::try_from(number.value).ok().filter(|number| *number > 0) {
                        Some(port) => workload.ports.push(WorkloadPort { name: name.value.as_str().into(), number: port, protocol }),
                        None => self.findings.push(no_port(at(number.span), number.value)),
                    }
                }
            }
        }
        workload
    }

    /// A `close` of one namespace.
    pub(super) fn close(&mut self, scoped: &Scoped<'_>, namespace: &Symbol, statement: &CloseStatement) -> Close {
        let place =
            Place { namespace: namespace.clone(), file: scoped.file, side: Side::Destination, ranges: Ranges::Whole, groups: Vec::new() };
        let mut directions: Vec<Direction> = statement.directions.iter().map(|direction| direction.value).collect();
        if directions.is_empty() {
            directions = vec![Direction::In, Direction::Out];
        }
        directions.sort_unstable();
        directions.dedup();
        let pods = self.end(&place, &statement.pods).opened();
        Close { namespace: namespace.clone(), directions, pods, location: Location { file: scoped.file, span: scoped.statement.span } }
    }

    /// An issuer.
    pub(super) fn issuer(&mut self, scoped: &Scoped<'_>, statement: &IssuerStatement) -> Issuer {
        let location = Location { file: scoped.file, span: scoped.statement.span };
        if statement.audiences.is_empty() {
            let finding = Diagnostic::new(code::INVALID_REQUEST, location, format!("issuer `{}` names no audience", statement.name.value))
                .label("accepts tokens made for anybody")
                .note("without an audience, a token that the issuer made for another service is accepted here too")
                .help("add `audience \"…\"` with the name that the issuer puts into tokens for this service");
            self.findings.push(finding);
        }
        for word in [Some(&statement.url), statement.jwks.as_ref()].into_iter().flatten() {
            if word.value.is_empty() || word.value.contains(char::is_whitespace) || word.value.contains('*') {
                let finding = Diagnostic::new(
                    code::INVALID_REQUEST,
                    Location { file: scoped.file, span: word.span },
                    format!("`{}` is no address of an issuer", word.value),
                );
                self.findings.push(finding.label("empty, or with a space or `*`").help("write it as `\"https://id.example.com\"`"));
            }
        }
        if statement.jwks.is_none() {
            let finding = Diagnostic::new(
                code::INVALID_REQUEST,
                location,
                format!("issuer `{}` does not say where its keys are", statement.name.value),
            );
            self.findings.push(
                finding
                    .label("no `jwks`")
                    .help("add `jwks \"https://…\"`: guessing the address would be a call to a host that nobody named"),
            );
        }
        Issuer {
            name: statement.name.value.as_str().into(),
            url: statement.url.value.as_str().into(),
            jwks: statement.jwks.as_ref().map(|word| word.value.as_str().into()),
            audiences: statement.audiences.iter().map(|word| word.value.as_str().into()).collect(),
            location,
        }
    }

    /// A rule of one namespace.
    pub(super) fn rule(&mut self, scoped: &Scoped<'_>, namespace: &Symbol, statement: &RuleStatement) -> Rule {
        let clauses = self.clauses(scoped.file, &statement.clauses);
        let place = |side| Place { namespace: namespace.clone(), file: scoped.file, side, ranges: Ranges::Whole, groups: Vec::new() };
        let identified = statement.action == Action::Allow && clauses.mtls.is_some();
        let side = if identified { Side::IdentifiedSource } else { Side::Source };
        let source = self.end(&place(side), &statement.source);
        let unsaid = if clauses.mtls.is_some() { captured_ports() } else { PortSet::all() };
        let demands = clauses.mtls.is_some() || !clauses.requests().is_all();
        let ranges = if demands { Ranges::Captured } else { Ranges::Whole };
        let destination = Place { ranges, ..place(Side::Destination) };
        let targets = self.targets(&destination, &statement.destination, &unsaid);
        Rule {
            action: statement.action,
            direction: statement.direction.as_ref().map(|direction| direction.value),
            namespace: namespace.clone(),
            ownership: ownership(scoped.origin),
            source,
            source_location: Location { file: scoped.file, span: statement.source.span },
            targets,
            mtls: clauses.mtls,
            requests: clauses.requests(),
            http: clauses.http,
            jwt: clauses.jwt.clone(),
            until: clauses.until.clone(),
            because: clauses.because.clone(),
            accepts: clauses.accepts.clone(),
            location: Location { file: scoped.file, span: scoped.statement.span },
            text: canonical(scoped.statement, statement),
        }
    }

    /// The scraper's ports are the sidecar's own. A port that the mesh captures needs a rule, which says who may call it.
    pub(super) fn check_scraper(&mut self) {
        let scraper = &self.program.config.scraper;
        let captured = scraper.ports.intersect(&captured_ports());
        if !scraper.pods.is_empty() && !captured.is_empty() {
            let finding = Diagnostic::unplaced(code::INVALID_CONFIG, format!("`scraper.ports` names `{captured}`, which sidecars capture"))
                .note("the baseline opens only the sidecar's own ports, 15020 and 15090; on captured ports the mesh wants a rule")
                .help("leave the port out, and write a rule for it: `allow app=prometheus@monitoring -> *:9090`");
            self.findings.push(finding);
        }
    }

    /// A workload's name is a word of the language; its namespace must be one that Kubernetes accepts.
    pub(super) fn check_default_namespace(&mut self) {
        let name = self.program.default_namespace.clone();
        self.findings.extend(check_name(&name, Location::default(), "namespace").map(|finding| Diagnostic { primary: None, ..finding }));
    }
}

fn ownership(origin: Origin) -> Ownership {
    match origin {
        Origin::Ours => Ownership::Managed,
        Origin::With => Ownership::With,
    }
}

/// The rule's text without remarks and comments: what annotations and findings show.
fn canonical(statement: &Statement, rule: &RuleStatement) -> String {
    let is_requirement = |clause: &Clause| !matches!(clause, Clause::Until(_) | Clause::Because(_) | Clause::Accept(_));
    let clauses = rule.clauses.iter().filter(|clause| is_requirement(&clause.value)).cloned().collect();
    let rule = RuleStatement { clauses, ..rule.clone() };
    format::statement(&Statement { span: statement.span, kind: StatementKind::Rule(rule), comments: Vec::new() })
}
