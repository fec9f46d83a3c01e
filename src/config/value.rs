//! Reads the values of keys and reports those that are not what the key takes.
//!
//! Owns: `Findings`, and one function for each type of value. It must not know which keys there are.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeValue;

pub(super) use super::diff::exposures;
use super::selector::{self, PodSelector};
use super::{IngressSource, Version};
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::flow::{AddressSet, PortSet, Prefix, PrefixError, Protocol, Symbol};
use crate::source::{FileId, Location, Source, Span};

/// A value that was written for a key.
pub(super) struct Written<'w> {
    /// The key's full name.
    pub(super) key: &'w str,
    /// The value.
    pub(super) value: &'w DeValue<'w>,
    /// Where the value stands, in bytes.
    pub(super) span: Range<usize>,
}

/// What was found in the file so far.
pub(super) struct Findings<'s> {
    file: FileId,
    source: &'s Source,
    found: Vec<Diagnostic>,
    broken_lines: BTreeSet<usize>,
}

impl<'s> Findings<'s> {
    /// Begins with nothing found.
    pub(super) fn new(file: FileId, source: &'s Source) -> Self {
        Self { file, source, found: Vec::new(), broken_lines: BTreeSet::new() }
    }

    /// A place in the file.
    pub(super) fn location(&self, span: Range<usize>) -> Location {
        Location { file: self.file, span: Span::new(span.start, span.end) }
    }

    /// Adds a finding, unless its line is no TOML, which was already said.
    pub(super) fn add(&mut self, finding: Diagnostic) {
        let line = finding.span().map(|span| self.source.position(span.start).line);
        if line.is_none_or(|line| !self.broken_lines.contains(&line)) {
            self.found.push(finding);
        }
    }

    /// Text that is no TOML.
    pub(super) fn no_toml(&mut self, span: Span, why: &str) {
        self.broken_lines.insert(self.source.position(span.start).line);
        let location = Location { file: self.file, span };
        self.found
            .push(Diagnostic::new(code::INVALID_CONFIG, location, "this is not TOML").label(why.lines().collect::<Vec<_>>().join(", ")));
    }

    /// Something else where a section is expected.
    pub(super) fn no_section(&mut self, span: Range<usize>, section: &str) {
        let location = self.location(span);
        self.add(
            Diagnostic::new(code::INVALID_CONFIG, location, format!("`{section}` is a section, not a key"))
                .label("a table is expected")
                .help(format!("write `[{section}]` on a line of its own, and its keys below")),
        );
    }

    /// All findings, in the order of the text.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by_key(|finding| (finding.span(), finding.code));
        found
    }

    /// A value of the wrong type.
    pub(super) fn wrong(&mut self, written: &Written<'_>, expected: &str) {
        let message = format!("`{}` is {}", written.key, kind(written.value));
        let finding = Diagnostic::new(code::INVALID_CONFIG, self.location(written.span.clone()), message);
        self.add(finding.label(format!("{expected} is expected")));
    }

    /// A text that is none of those that a key takes.
    pub(super) fn refused(&mut self, written: &Written<'_>, text: &str, expected: &str) {
        let message = format!("`{}` cannot be `{text}`", written.key);
        let finding = Diagnostic::new(code::INVALID_CONFIG, self.location(written.span.clone()), message);
        self.add(finding.label(format!("{expected} is expected")));
    }
}

/// Puts a value where it belongs, if there is one.
pub(super) fn store<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// One of several words.
pub(super) fn one_of<T: Copy>(written: &Written<'_>, words: &[(&'static str, T)], findings: &mut Findings<'_>) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let expected = listed(&quoted, "or");
    let text = match written.value {
        DeValue::String(text) => text,
        DeValue::Boolean(value) => {
            let meant = if *value { ["yes", "on", "write"] } else { ["no", "off", "omit"] };
            return bool_for_word(written, names.into_iter().find(|name| meant.contains(name)), &expected, findings);
        }
        _ => {
            findings.wrong(written, &expected);
            return None;
        }
    };
    if let Some((_, value)) = words.iter().find(|(name, _)| name == text) {
        return Some(*value);
    }
    let location = findings.location(written.span.clone());
    let message = format!("`{}` cannot be `{text}`", written.key);
    let finding = Diagnostic::new(code::INVALID_CONFIG, location, message).label(format!("{expected} is expected"));
    findings.add(match nearest(text, names) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), location, format!("\"{near}\"")),
        None => finding,
    });
    None
}

/// `true` or `false` where a word is expected; there is more to say than these two in most places.
fn bool_for_word<T>(written: &Written<'_>, meant: Option<&str>, expected: &str, findings: &mut Findings<'_>) -> Option<T> {
    let Some(meant) = meant else {
        findings.wrong(written, expected);
        return None;
    };
    let location = findings.location(written.span.clone());
    findings.add(
        Diagnostic::new(code::INVALID_CONFIG, location, format!("`{}` is {}", written.key, kind(written.value)))
            .label(format!("{expected} is expected"))
            .fix(format!("write \"{meant}\""), location, format!("\"{meant}\"")),
    );
    None
}

/// A version such as `"1.25"`.
pub(super) fn version(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Version> {
    const EXPECTED: &str = "a version such as \"1.25\"";
    let text = match written.value {
        DeValue::String(text) => text,
        DeValue::Float(number) => {
            let location = findings.location(written.span.clone());
            let finding = Diagnostic::new(code::INVALID_CONFIG, location, format!("`{}` is a number", written.key));
            let quoted = format!("\"{}\"", number.as_str());
            findings.add(finding.label(format!("{EXPECTED} is expected")).fix("write it in quotes", location, quoted));
            return None;
        }
        _ => {
            findings.wrong(written, EXPECTED);
            return None;
        }
    };
    let version = read_version(text);
    if version.is_none() {
        findings.refused(written, text, EXPECTED);
    }
    version
}

/// Two or three numbers with dots between them.
fn read_version(text: &str) -> Option<Version> {
    let plain = |part: &str| if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None };
    let mut parts = text.split('.').map(plain);
    let (major, minor) = (parts.next()??, parts.next()??);
    let patch = parts.next().unwrap_or(Some(0))?;
    parts.next().is_none().then_some(Version { major, minor, patch })
}

/// The name of a namespace.
pub(super) fn namespace(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Symbol> {
    name(written, "the name of a namespace", selector::is_namespace, findings)
}

/// A trust domain.
pub(super) fn trust_domain(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Symbol> {
    name(written, "a trust domain such as \"cluster.local\"", selector::is_domain, findings)
}

/// A text that passes a test.
fn name(written: &Written<'_>, expected: &str, is_one: fn(&str) -> bool, findings: &mut Findings<'_>) -> Option<Symbol> {
    let DeValue::String(text) = written.value else {
        findings.wrong(written, expected);
        return None;
    };
    if !is_one(text) {
        findings.refused(written, text, expected);
        return None;
    }
    Some(Symbol::from(&**text))
}

/// What a list is read into: the good elements, with a finding for each of the others.
fn elements<T>(
    written: &Written<'_>,
    expected: &str,
    mut read: impl FnMut(&Written<'_>, &mut Findings<'_>) -> Option<T>,
    findings: &mut Findings<'_>,
) -> Option<Vec<T>> {
    let DeValue::Array(list) = written.value else {
        findings.wrong(written, expected);
        return None;
    };
    let mut good = Vec::new();
    for element in list {
        let element = Written { key: written.key, value: element.get_ref(), span: element.span() };
        good.extend(read(&element, findings));
    }
    Some(good)
}

/// A list of names of namespaces.
pub(super) fn namespaces(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<BTreeSet<Symbol>> {
    Some(elements(written, "a list of names", namespace, findings)?.into_iter().collect())
}

/// A list of trust domains.
pub(super) fn trust_domains(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<BTreeSet<Symbol>> {
    Some(elements(written, "a list of trust domains", trust_domain, findings)?.into_iter().collect())
}

/// A selector, or a list of them.
pub(super) fn pods(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Vec<PodSelector>> {
    if matches!(written.value, DeValue::String(_)) {
        return Some(vec![pod(written, findings)?]);
    }
    let mut pods = elements(written, "a selector such as \"app=web@shop\", or a list of them,", pod, findings)?;
    pods.sort();
    pods.dedup();
    Some(pods)
}

/// One selector.
fn pod(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<PodSelector> {
    let DeValue::String(text) = written.value else {
        findings.wrong(written, "a selector such as \"app=web@shop\"");
        return None;
    };
    let selector = PodSelector::parse(text);
    if let Err(error) = &selector {
        let message = format!("`{}` cannot be `{text}`", written.key);
        let finding = Diagnostic::new(code::INVALID_CONFIG, findings.location(written.span.clone()), message);
        findings.add(finding.label(error.0.clone()));
    }
    selector.ok()
}

/// A list of ports: numbers, which are TCP, or texts such as `"53/udp"`.
pub(super) fn ports(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<PortSet> {
    let ports = elements(written, "a list of ports", port, findings)?;
    Some(ports.into_iter().fold(PortSet::none(), |all, (protocol, port)| all.union(&PortSet::one(protocol, port))))
}

/// One port.
fn port(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<(Protocol, u16)> {
    const EXPECTED: &str = "a port such as 15012 or \"53/udp\"";
    let text = match written.value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::String(text) => text,
        _ => {
            findings.wrong(written, EXPECTED);
            return None;
        }
    };
    let (number, protocol) = text.split_once('/').unwrap_or((text, Protocol::Tcp.word()));
    let number = number.parse().ok().filter(|port| *port > 0);
    let protocol = Protocol::ALL.into_iter().find(|known| known.word() == protocol);
    let port = protocol.zip(number);
    if port.is_none() {
        findings.refused(written, text, EXPECTED);
    }
    port
}

/// A list of addresses and blocks.
pub(super) fn addresses(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<AddressSet> {
    Some(elements(written, "a list of addresses or blocks", address, findings)?.into_iter().collect())
}

/// One address or block.
fn address(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Prefix> {
    let DeValue::String(text) = written.value else {
        findings.wrong(written, "an address or block such as \"10.0.0.0/8\"");
        return None;
    };
    let location = findings.location(written.span.clone());
    match Prefix::parse(text) {
        Ok(prefix) => Some(prefix),
        Err(PrefixError::Unreadable(why)) => {
            findings.add(Diagnostic::new(code::INVALID_ADDRESS, location, format!("`{text}` is no address and no block")).label(why));
            None
        }
        Err(PrefixError::HostBits { block, host }) => {
            findings.add(
                Diagnostic::new(code::HOST_BITS, location, format!("`{text}` has bits set behind its prefix"))
                    .label("this is one address, or the block around it")
                    .fix(format!("write `{block}` for the block"), location, format!("\"{block}\""))
                    .fix(format!("write `{host}` for the one address"), location, format!("\"{host}\"")),
            );
            None
        }
    }
}

/// What is left of a client's address behind the edge.
pub(super) fn ingress_source(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<IngressSource> {
    if matches!(written.value, DeValue::Array(_)) {
        return addresses(written, findings).map(IngressSource::Addresses);
    }
    let words = [("unknown", &IngressSource::Unknown), ("client", &IngressSource::Client), ("nodes", &IngressSource::Nodes)];
    one_of(written, &words, findings).cloned()
}

/// What a value is, as people say it.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Words in a row, the last two joined by `joint`.
pub(super) fn listed<'w>(words: impl IntoIterator<Item = &'w (impl AsRef<str> + 'w)>, joint: &str) -> String {
    let words: Vec<&str> = words.into_iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} {joint} {last}", rest.join(", ")),
        None => String::new(),
    }
}
