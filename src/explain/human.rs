//! The answer for people (design §9).
//!
//! Owns: `render`, the columns, the order of the lines. It must not decide what is said, only how it stands.

mod gates;

use std::fmt::Write as _;

use super::Answer;
use super::accepted::Acceptance;
use super::case::Case;
use super::effect::Effect;
use super::remedy::{Remedy, Wish};
use super::said::{End, Said, Why};
use super::setting;
pub(super) use gates::kind;

use crate::flow::{Peer, Protocol, Token, Transport, Verdict};
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
        let mut head =
            format!("{}  {} -> {}  {} {}", shout(&case.decision.verdict), case.source, case.destination, question.protocol, question.port);
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
        let source = &question.source.peer;
        let [from, to] = self.case.parts;
        let between = format!("{from} to {to}");
        let arrives = self.case.decision.transport.filter(|_| question.protocol == Protocol::Tcp);
        match (arrives, source) {
            (Some(Transport::Mtls), Peer::Pod(pod)) => format!("{between}, mTLS as {}/{}", pod.namespace, pod.account),
            (Some(Transport::Mtls), Peer::Address(_)) => format!("{between}, mTLS"),
            (Some(Transport::Plaintext), _) => format!("{between}, plaintext"),
            (None, _) => between,
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
        for (index, acceptance) in self.case.accepted.iter().enumerate() {
            let text = self.acceptance(acceptance);
            self.field(width, if index == 0 { "accepted" } else { "" }, &text);
        }
    }

    /// By which rules a connection passes that a line accepts.
    fn acceptance(&self, acceptance: &Acceptance) -> String {
        let place = |location| setting::place(self.sources, location);
        let (at, network, mesh) = (acceptance.location, acceptance.network.location, acceptance.mesh.location);
        let code = acceptance.code;
        format!("`accept {code}` at {}: the network lets it in by {}, the mesh further by {}", place(at), place(network), place(mesh))
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

/// As many documents or places are named in one line.
const MOST_NAMED: usize = 2;

fn shortened(all: &[String]) -> String {
    let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > MOST_NAMED { format!("{named} and {} more", all.len() - MOST_NAMED) } else { named }
}

/// As many letters of a change leave room for what it does besides.
const MOST_LETTERS: usize = 60;

/// The places of a remedy.
fn changes(remedy: &Remedy) -> Vec<String> {
    remedy.changes.iter().map(|change| format!("{}: {}", change.place, change.text)).collect()
}

/// What a remedy does besides, and what it does the other way round.
fn besides(effect: &Effect, wish: Wish) -> String {
    let (nobody, also, against) = match wish {
        Wish::Allow => ("admits nobody else", "also admits", "stops"),
        Wish::Stop => ("stops nobody else", "also stops", "admits"),
    };
    let some = if effect.partial { " (not everything was compared)" } else { "" };
    let found = if effect.findings.is_empty() { String::new() } else { format!(" ({})", effect.findings.join(", ")) };
    let for_sure = if effect.undecided.is_empty() { "" } else { " for sure" };
    let others = if effect.others.is_empty() { format!("{nobody}{for_sure}") } else { format!("{also} {}", effect.others.join(", ")) };
    let against = if effect.against.is_empty() { String::new() } else { format!("; {against} {}", effect.against.join(", ")) };
    let undecided = if effect.undecided.is_empty() { String::new() } else { format!("; leaves undecided {}", effect.undecided.join(", ")) };
    format!("{others}{against}{undecided}{found}{some}")
}
