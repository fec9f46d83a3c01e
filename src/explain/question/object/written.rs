//! How objects are written in a flow.
//!
//! Owns: `word`, `bare`: `deploy/web@shop:http`, `svc/db:5432`, URLs, bare names. It must not look for an object.

use super::super::Context;
use super::{KINDS, Kind, Url, Word};
use crate::flow::{Protocol, Symbol};
use crate::inventory::InventoryWorkload;
use crate::source::Span;

/// An object, if a word is one: `deploy/web@shop:http`, `svc/db:5432`, a URL. A label with `/` in its key is none.
pub(in super::super) fn word(text: &str, span: Span) -> Option<Word> {
    let written = text.get(span.range())?;
    if let Some(url) = url(written, span) {
        return Some(url);
    }
    let (first, rest) = written.split_once('/')?;
    if rest.contains('=') {
        return None;
    }
    let start = span.range().end - rest.len();
    match kind(first).filter(|_| !rest.contains('[')) {
        Some(kind) => parts(rest, start, kind, span),
        None => listed(first, rest, start, span),
    }
}

/// The kind of a word for it.
fn kind(word: &str) -> Option<Kind> {
    KINDS.iter().find(|(words, _)| words.iter().any(|known| known.eq_ignore_ascii_case(word))).map(|(_, kind)| *kind)
}

/// A workload as lists name it: `shop/web`, `shop/web[Deployment]:8080`.
fn listed(namespace: &str, rest: &str, start: usize, span: Span) -> Option<Word> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if namespace.is_empty() || !namespace.bytes().all(is_letter) || rest.contains('@') {
        return None;
    }
    let Some((name, behind)) = rest.split_once('[') else {
        let word = parts(rest, start, Kind::Either, span)?;
        return Some(Word { namespace: Some(namespace.into()), ..word });
    };
    let (kind, behind) = behind.split_once(']')?;
    let is_known = self::kind(kind).is_some();
    let mut named = parts(name, start, self::kind(kind).unwrap_or(Kind::Either), span)?;
    if !is_known {
        // Nobody is called so, which the look-up says.
        named.name = (format!("{name}[{kind}]").into(), Span::new(start, start + name.len() + kind.len() + 2));
    }
    if named.port.is_some() || !(behind.is_empty() || behind.starts_with(':')) {
        return None;
    }
    // The port as behind any other name.
    let shadow = format!("x{behind}");
    let port = parts(&shadow, span.range().end - shadow.len(), named.kind, span)?;
    Some(Word { namespace: Some(namespace.into()), port: port.port, protocol: port.protocol, ..named })
}

/// A bare name as an object, if the inventory has one of that name, or pods that one made.
pub(in super::super) fn bare(text: &str, span: Span, context: &Context<'_>) -> Option<Word> {
    let written = text.get(span.range())?;
    let word = parts(written, span.range().start, Kind::Either, span)?;
    let (inventory, is_it) = (context.inventory, |name: &Symbol| *name == word.name.0);
    let made_by = |workload: &InventoryWorkload| inventory.makers(workload).iter().any(|(_, name)| is_it(name));
    let known = inventory.workloads.iter().any(|workload| is_it(&workload.name) || made_by(workload))
        || inventory.services.iter().any(|service| is_it(&service.name));
    known.then_some(word)
}

/// `NAME[@NAMESPACE][:PORT[/PROTOCOL]]`, which begins at a byte of the text.
fn parts(written: &str, start: usize, kind: Kind, span: Span) -> Option<Word> {
    let (head, port) = written.split_once(':').map_or((written, None), |(head, port)| (head, Some(port)));
    let (name, namespace) = head.split_once('@').map_or((head, None), |(name, namespace)| (name, Some(namespace)));
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !is_name(name) || !namespace.is_none_or(is_name) {
        return None;
    }
    let (port, protocol) = match port {
        None => (None, None),
        Some(port) => {
            let (number, protocol) = port.split_once('/').map_or((port, None), |(number, protocol)| (number, Some(protocol)));
            let at = start + head.len() + 1;
            match protocol.map(str::parse::<Protocol>).transpose() {
                Ok(protocol) => (Some((number.into(), Span::new(at, at + number.len()))), protocol),
                // What is no protocol stays with the port, which is then found to be none.
                Err(_) => (Some((port.into(), Span::new(at, at + port.len()))), None),
            }
        }
    };
    let name = (name.into(), Span::new(start, start + name.len()));
    Some(Word { span, kind, name, namespace: namespace.map(Symbol::from), port, protocol, url: None })
}

/// A host as a client sends it: with the port of its URL, unless that is the scheme's own, which goes without saying (RFC 9110, §7.2).
fn authority_of(host: &str, port: Option<&str>) -> String {
    match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => format!("{host}:{port}"),
        // The name of a port says nothing of its number.
        Some(_) => host.to_owned(),
        None => format!("{host}:"),
    }
}

/// A URL of something in the cluster: `http://api.shop.svc:8080/v1/x`.
fn url(written: &str, span: Span) -> Option<Word> {
    let (scheme, rest) = written.split_once("://")?;
    let usual = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return None,
    };
    let (authority, path) = rest.find(['/', '?', '#']).and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let start = span.range().start + scheme.len() + 3;
    let at = start + host.len() + 1;
    let port_span = port.map_or(Span::new(start, start + host.len()), |port| Span::new(at, at + port.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let mut labels = host.split('.');
    let name = labels.next().unwrap_or_default();
    let namespace = labels.next().filter(|namespace| !namespace.is_empty());
    let is_cluster = matches!(labels.next(), None | Some("svc"));
    Some(Word {
        span,
        kind: if is_cluster { Kind::Service } else { Kind::Either },
        name: (if is_cluster { name.into() } else { host.into() }, Span::new(start, start + host.len())),
        namespace: namespace.filter(|_| is_cluster).map(Symbol::from),
        port: Some((port.unwrap_or(usual).into(), port_span)),
        protocol: None,
        url: Some(Url {
            host: host.to_ascii_lowercase().into(),
            authority: authority_of(&host.to_ascii_lowercase(), port.filter(|port| *port != usual)).into(),
            path: (scheme == "http").then(|| path.into()),
        }),
    })
}
