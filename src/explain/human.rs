//! The answer for people (design §9).
//!
//! Owns: `render`, the columns, the order of the lines. It must not decide what is said, only how it stands.

use std::fmt::Write as _;

use super::case::Case;
use super::effect::Effect;
use super::remedy::{Remedy, Wish};
use super::said::{End, Said, Why};
use super::setting;
use super::Answer;
use super::origin::Origin;
use crate::cluster::{Document, Gate, Miss, Step};
use crate::flow::{DataPlane, Peer, Protocol, Token, Transport, Verdict};
use crate::source::Sources;

/// The whole answer.
pub fn render(answer: &Answer) -> String {
    let mut text = String::new();
    for (index, case) in answer.cases.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        Page { case, sources: &answer.sources, text: &mut text }.write();
    }
    for note in &answer.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// One connection on its page.
struct Page<'a> {
    case: &'a Case,
    sources: &'a Sources,
    text: &'a mut String,
}

/// A gate's line before it is aligned.
struct Row {
    label: String,
    kind: &'static str,
    verdict: &'static str,
    document: String,
    origin: Option<String>,
    below: Vec<String>,
}

impl Page<'_> {
    fn write(&mut self) {
        self.head();
        self.gates();
        let width = self.label_width();
        if let Some(client) = &self.case.client {
            self.field(width, "client sees", client);
        }
        self.intents(width);
        for (wish, title) in [(Wish::Allow, "to allow it"), (Wish::Stop, "to stop it")] {
            self.remedies(width, title, wish);
        }
        for (index, unknown) in self.case.unknown.iter().enumerate() {
            self.field(width, if index == 0 { "unknown" } else { "" }, unknown);
        }
        for note in &self.case.notes {
            self.field(width, "note", note);
        }
    }

    /// The verdict and the connection.
    fn head(&mut self) {
        let case = self.case;
        let question = &case.question;
        let mut head = format!(
            "{}  {} -> {}  {} {}",
            shout(&case.decision.verdict),
            case.source,
            case.destination,
            question.protocol,
            question.port
        );
        if let Some(request) = &question.request {
            let _ = write!(head, "  {} {}", request.method, request.path);
            head.push_str(match request.token {
                Token::None => "",
                Token::Unverified => " with a token that does not verify",
                Token::Valid { .. } => " with a valid token",
            });
        }
        let _ = writeln!(self.text, "{head}   {}", self.transport());
        if let Verdict::Unspecified(reason) = &case.decision.verdict {
            let _ = writeln!(self.text, "  {reason}");
        }
    }

    /// Between whom it runs, and as whom.
    fn transport(&self) -> String {
        let question = &self.case.question;
        let [source, destination] = [&question.source.peer, &question.destination.peer];
        let between = format!("{} to {}", plane(source), plane(destination));
        match (question.protocol, self.case.decision.transport, source) {
            (Protocol::Udp | Protocol::Sctp, _, _) => between,
            (_, Some(Transport::Mtls), Peer::Pod(pod)) => format!("{between}, mTLS as {}/{}", pod.namespace, pod.account),
            (_, Some(Transport::Mtls), Peer::Address(_)) => format!("{between}, mTLS"),
            (_, Some(Transport::Plaintext), _) => format!("{between}, plaintext"),
            (_, None, _) => between,
        }
    }

    fn label_width(&self) -> usize {
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

    /// Whether a gate is worth a line: an address has no gates of the mesh.
    fn is_told(&self, step: &Step) -> bool {
        let is_mesh = matches!(step.gate, Gate::Transport | Gate::Token | Gate::Caller);
        let is_address = matches!(self.case.question.destination.peer, Peer::Address(_));
        !(is_mesh && is_address && step.verdict == Verdict::Allowed)
    }

    /// Whose gate it is, in a word.
    fn at(&self, step: &Step) -> String {
        let first = self.case.decision.steps.first().is_some_and(|first| std::ptr::eq(first, step));
        let last = self.case.decision.steps.iter().rfind(|other| other.gate == Gate::Ingress).is_some_and(|last| std::ptr::eq(last, step));
        match (step.gate, first, last) {
            (Gate::Egress, true, _) => self.case.source_short.clone(),
            (Gate::Ingress, _, true) => self.case.destination_short.clone(),
            _ => step.at.clone(),
        }
    }

    fn gates(&mut self) {
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
            kind: kind(step.gate),
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
            (_, Verdict::Allowed) => shortened(&documents),
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

    /// Where the lines of an end stand.
    fn places(&self, end: &End) -> String {
        let mut places: Vec<String> = end.rules.iter().map(|line| setting::place(self.sources, line.location)).collect();
        places.dedup();
        shortened(&places)
    }

    fn intents(&mut self, width: usize) {
        let Some(said) = &self.case.said else { return };
        let mut text = match self.judged(said) {
            (true, why) => format!("allowed, {why}"),
            (false, why) => format!("denied, {why}"),
        };
        for broken in &self.case.broken {
            text.push_str(". ");
            text.extend(capital(broken));
        }
        if let Some(disagreement) = &self.case.disagreement {
            let _ = write!(text, ". THE TWO DISAGREE: {disagreement}");
        }
        self.field(width, "intents say", &text);
    }

    /// What the intents say, and why.
    fn judged(&self, said: &Said) -> (bool, String) {
        let ends = [("leaving", &said.leaves), ("entering", &said.enters)];
        if said.passes {
            let mut places: Vec<String> = ends.iter().map(|(_, end)| self.why(end)).collect();
            places.dedup();
            return (true, places.join("; "));
        }
        let refused = ends.into_iter().filter(|(_, end)| !end.passes);
        let refused: Vec<String> = refused.map(|(way, end)| format!("{way}: {}", self.why(end))).collect();
        (false, refused.join("; "))
    }

    fn why(&self, end: &End) -> String {
        match end.why {
            Why::Unmanaged => "an end that they do not manage".to_owned(),
            Why::Open => "an open namespace".to_owned(),
            Why::Baseline => "the baseline".to_owned(),
            Why::Opened => self.places(end),
            Why::Cut => format!("cut by {}", self.places(end)),
            Why::Token => "the token does not verify".to_owned(),
            Why::Nothing => "no rule opens it".to_owned(),
        }
    }

    fn remedies(&mut self, width: usize, title: &str, wish: Wish) {
        let remedies: Vec<&Remedy> = self.case.remedies.iter().filter(|remedy| remedy.wish == wish).collect();
        let is_short = |text: &String| text.chars().count() <= MOST_LETTERS;
        let texts: Vec<Vec<String>> = remedies.iter().map(|remedy| changes(remedy)).collect();
        let shorts = texts.iter().filter(|lines| lines.len() == 1).flatten().filter(|text| is_short(text));
        let longest = shorts.map(|text| text.chars().count()).max().unwrap_or_default();
        for (index, (remedy, lines)) in remedies.iter().zip(&texts).enumerate() {
            let letter = char::from(b'a' + u8::try_from(index).unwrap_or_default());
            let effect = match (&remedy.effect, &remedy.refused) {
                (Some(effect), _) => besides(effect, wish),
                (None, Some(refused)) => format!("is refused: {refused}"),
                (None, None) => String::new(),
            };
            let title = if index == 0 { title } else { "" };
            match lines.as_slice() {
                [only] if is_short(only) => self.field(width, title, &format!("{letter}) {only:longest$}  {effect}")),
                lines => {
                    for (at, line) in lines.iter().enumerate() {
                        let (title, start) = if at == 0 { (title, format!("{letter}) ")) } else { ("", "   and ".to_owned()) };
                        self.field(width, title, &format!("{start}{line}"));
                    }
                    self.field(width, "", &format!("   {effect}"));
                }
            }
        }
    }

    /// A line of the lower half.
    fn field(&mut self, width: usize, label: &str, text: &str) {
        let width = width.max(13);
        let _ = writeln!(self.text, "{}", format!("{label:width$}  {text}").trim_end());
    }
}

/// A text with a capital first letter.
fn capital(text: &str) -> impl Iterator<Item = char> {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.collect::<Vec<_>>())
}

/// A verdict at the head.
fn shout(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "ALLOWED",
        Verdict::Denied => "DENIED",
        Verdict::Unspecified(_) => "UNSPECIFIED",
    }
}

/// A verdict in a gate's line: what stops a connection is loud.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "DENIED",
        Verdict::Unspecified(_) => "UNSPECIFIED",
    }
}

/// The kind of object that decides at a gate.
pub(super) fn kind(gate: Gate) -> &'static str {
    match gate {
        Gate::Egress | Gate::Ingress => "NetworkPolicy",
        Gate::Transport => "PeerAuthentication",
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

/// As many documents or places are named in one line.
const MOST_NAMED: usize = 2;

fn shortened(all: &[String]) -> String {
    let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > MOST_NAMED { format!("{named} and {} more", all.len() - MOST_NAMED) } else { named }
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

fn plane(peer: &Peer) -> &'static str {
    match peer {
        Peer::Address(_) => "outside",
        Peer::Pod(pod) => match pod.plane {
            DataPlane::None => "no mesh",
            DataPlane::Sidecar => "sidecar",
            DataPlane::Ambient => "ambient",
        },
    }
}

/// As many letters of a change leave room for what it does besides.
const MOST_LETTERS: usize = 60;

/// The places of a remedy.
fn changes(remedy: &Remedy) -> Vec<String> {
    remedy.changes.iter().map(|change| format!("{}: {}", change.place, change.text)).collect()
}

/// What a remedy does besides.
fn besides(effect: &Effect, wish: Wish) -> String {
    let (nobody, also) = match wish {
        Wish::Allow => ("admits nobody else", "also admits"),
        Wish::Stop => ("stops nobody else", "also stops"),
    };
    let some = if effect.partial { " (not everything was compared)" } else { "" };
    let found = if effect.findings.is_empty() { String::new() } else { format!(" ({})", effect.findings.join(", ")) };
    if effect.others.is_empty() { format!("{nobody}{found}{some}") } else { format!("{also} {}{found}{some}", effect.others.join(", ")) }
}
