//! The lines of the gates.
//!
//! Owns: their columns, documents, places and the rules that do not match. It must not know the lines below them.

use std::fmt::Write as _;

use super::super::origin::Origin;
use super::super::setting;
use super::{Page, shortened};
use crate::cluster::{Document, Gate, Miss, Step};
use crate::flow::{DataPlane, Peer, Transport, Verdict};

/// A gate's line before it is aligned.
struct Row {
    label: String,
    kind: String,
    verdict: &'static str,
    document: String,
    origin: Option<String>,
    below: Vec<String>,
}

impl Page<'_> {
    pub(super) fn label_width(&self) -> usize {
        let told = self.case.decision.steps.iter().filter(|step| self.is_told(step));
        let rows = told.map(|step| self.label(step).chars().count() + 2);
        rows.chain([11]).max().unwrap_or_default()
    }

    fn label(&self, step: &Step) -> String {
        match step.gate {
            Gate::Egress => format!("leaves {}", self.at(step)),
            Gate::Ingress => format!("enters {}", self.at(step)),
            Gate::Transport => "transport".to_owned(),
            Gate::Token => "token".to_owned(),
            Gate::Caller => "caller".to_owned(),
        }
    }

    /// Whether a gate is worth a line: who takes no part in the mesh has none of its gates.
    fn is_told(&self, step: &Step) -> bool {
        let is_mesh = matches!(step.gate, Gate::Transport | Gate::Token | Gate::Caller);
        let is_outside = match &self.case.question.destination.peer {
            Peer::Address(_) => true,
            Peer::Pod(pod) => pod.plane == DataPlane::None,
        };
        !(is_mesh && is_outside && step.verdict == Verdict::Allowed && step.decided_by.is_empty())
    }

    /// Whose gate it is, in a word.
    fn at(&self, step: &Step) -> String {
        let first = self.case.decision.steps.first().is_some_and(|first| std::ptr::eq(first, step));
        // An address has no gates: whoever is entered before it is on the way.
        let is_pod = matches!(self.case.question.destination.peer, Peer::Pod(_));
        let entered = self.case.decision.steps.iter().rfind(|other| other.gate == Gate::Ingress).filter(|_| is_pod);
        let last = entered.is_some_and(|last| std::ptr::eq(last, step));
        match (step.gate, first, last) {
            (Gate::Egress, true, _) => self.case.source_short.clone(),
            (Gate::Ingress, _, true) => self.case.destination_short.clone(),
            _ => in_a_word(&step.at),
        }
    }

    pub(super) fn gates(&mut self) {
        let steps = self.case.decision.steps.iter().zip(&self.case.origins).filter(|(step, _)| self.is_told(step));
        let rows: Vec<Row> = steps.map(|(step, origin)| self.row(step, origin.as_ref())).collect();
        let label = self.label_width() - 2;
        let kind = rows.iter().map(|row| row.kind.len()).max().unwrap_or_default();
        let verdict = rows.iter().map(|row| row.verdict.len()).max().unwrap_or_default();
        let document = rows.iter().filter(|row| row.origin.is_some()).map(|row| row.document.chars().count()).max().unwrap_or_default();
        let indent = 2 + label + 2;
        for row in rows {
            let line = format!("  {:label$}  {:kind$}  {:verdict$}  {:document$}", row.label, row.kind, row.verdict, row.document);
            let origin = row.origin.map(|origin| format!("  {origin}")).unwrap_or_default();
            let _ = writeln!(self.text, "{}", format!("{line}{origin}").trim_end());
            for below in row.below {
                let _ = writeln!(self.text, "{:indent$}{below}", "");
            }
        }
    }

    fn row(&self, step: &Step, origin: Option<&Origin>) -> Row {
        let document = self.documents(step);
        Row {
            label: self.label(step),
            kind: kind(step).to_owned(),
            verdict: word(&step.verdict),
            document,
            origin: origin.map(|origin| self.origin(origin)),
            below: misses(step),
        }
    }

    /// What decides at a gate.
    fn documents(&self, step: &Step) -> String {
        let documents: Vec<String> = step.decided_by.iter().map(|document| named(document, step.gate)).collect();
        if step.gate == Gate::Transport {
            return self.mode(step);
        }
        match (documents.len(), &step.verdict) {
            (0, _) => step.reason.clone(),
            (_, Verdict::Allowed) if !is_despite(step) => shortened(&documents),
            (1 | 2, _) => format!("{}: {}", shortened(&documents), step.reason),
            // Those that come near are named below.
            (_, _) => step.reason.clone(),
        }
    }

    /// What decides about the transport: the mode, and why, unless the mode says it all.
    fn mode(&self, step: &Step) -> String {
        let Some(mode) = self.case.mode.as_ref().filter(|_| !step.decided_by.is_empty()) else { return step.reason.clone() };
        let arrives = self.case.decision.transport;
        let is_plain = step.verdict == Verdict::Allowed
            && matches!(
                (mode.mode.as_str(), arrives),
                ("STRICT", Some(Transport::Mtls)) | ("PERMISSIVE", _) | ("DISABLE", Some(Transport::Plaintext))
            );
        let stated = format!("{}, {}", mode.document, mode.mode);
        if is_plain { stated } else { format!("{stated}: {}", step.reason) }
    }

    /// Where a gate's documents come from.
    fn origin(&self, origin: &Origin) -> String {
        match origin {
            Origin::Lines(lines) => {
                let places: Vec<String> = lines.iter().map(|line| setting::place(self.sources, line.location)).collect();
                format!("from {}", shortened(&places))
            }
            Origin::Texts(texts) => {
                let quoted: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                format!("from {}", shortened(&quoted))
            }
            Origin::Baseline => "from the baseline".to_owned(),
        }
    }
}

/// A pod as a step names it, in a word: a waypoint by its name.
fn in_a_word(at: &str) -> String {
    const TELLING: [&str; 2] = ["gateway.networking.k8s.io/gateway-name=", "app="];
    let labels = at.rsplit_once('@').map_or(at, |(labels, _)| labels);
    let told = TELLING.iter().find_map(|key| labels.split(',').find_map(|pair| pair.strip_prefix(key)));
    told.unwrap_or(at).to_owned()
}

/// A verdict in a gate's line: what stops a connection is loud.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "DENIED",
        Verdict::Unspecified(_) => "UNSPECIFIED",
    }
}

/// Whether a connection passes though no rule of the policies there lets it.
fn is_despite(step: &Step) -> bool {
    matches!(step.gate, Gate::Egress | Gate::Ingress) && step.decided_by.iter().all(|document| document.rule.is_none())
}

/// The kind of object that decides at a gate: for what a gateway speaks, that by which it listens.
pub(in super::super) fn kind(step: &Step) -> &str {
    match step.gate {
        Gate::Egress | Gate::Ingress => "NetworkPolicy",
        Gate::Transport => step.decided_by.first().map_or("PeerAuthentication", |document| &document.kind),
        Gate::Token => "RequestAuthentication",
        Gate::Caller => "AuthorizationPolicy",
    }
}

/// `shop/web, egress rule 1`.
fn named(document: &Document, gate: Gate) -> String {
    let name = whole(document);
    document.rule.map_or(name.clone(), |rule| format!("{name}, {}rule {rule}", list(gate)))
}

/// `shop/web`.
fn whole(document: &Document) -> String {
    if document.namespace.is_empty() { document.name.to_string() } else { format!("{}/{}", document.namespace, document.name) }
}

/// Which of an object's lists a gate reads, with a blank behind it where there are two.
fn list(gate: Gate) -> &'static str {
    match gate {
        Gate::Egress => "egress ",
        Gate::Ingress => "ingress ",
        Gate::Transport | Gate::Token | Gate::Caller => "",
    }
}

/// As many rules that did not match are told of.
const MOST_MISSES: usize = 3;

/// The rules that miss the connection, those that miss it least first.
fn misses(step: &Step) -> Vec<String> {
    let mut rules: Vec<(&Document, Vec<&Miss>)> = Vec::new();
    for miss in &step.misses {
        match rules.iter_mut().find(|(document, _)| **document == miss.document) {
            Some((_, misses)) => misses.push(miss),
            None => rules.push((&miss.document, vec![miss])),
        }
    }
    rules.sort_by_key(|(_, misses)| misses.len());
    let mut lines: Vec<String> = rules.iter().take(MOST_MISSES).map(|(document, misses)| missed(document, misses, step.gate)).collect();
    match rules.len().saturating_sub(MOST_MISSES) {
        0 => {}
        1 => lines.push("one more rule does not match".to_owned()),
        more => lines.push(format!("{more} more rules do not match")),
    }
    lines
}

fn missed(document: &Document, misses: &[&Miss], gate: Gate) -> String {
    if let Some(miss) = misses.iter().find(|miss| miss.wants.starts_with("it ")) {
        return format!("{}: {}", named(document, gate), miss.wants);
    }
    let wants = misses.iter().map(|miss| miss.wants.as_str()).collect::<Vec<_>>().join(" and ");
    let has = misses.iter().map(|miss| miss.has.as_str()).collect::<Vec<_>>().join(" and ");
    format!("{} wants {wants}; this connection has {has}", named(document, gate))
}
