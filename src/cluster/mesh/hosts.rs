//! How hosts are compared: the proxy sees what the client writes, with the port behind it or without (`semantics.md` §2.7).
//!
//! Owns: `matches`. Of a flow's host it is mostly not known whether the client writes a port behind it, so an answer that hangs on that is
//! left open.
//!
//! What a client writes behind the colon need be no port: gateways and waypoints route `b.example:x.other` as `b.example` (envoyproxy/envoy :
//! `source/common/http/header_utility.cc`, `getPortStart`; istio/istio sets `IgnorePortInHostMatching`), after policies have seen all of it. No
//! client writes so who is not up to something; so it counts where it lets somebody in, and not where it only keeps that client out.

use super::truth::Truth;
use super::words::Word;
use crate::flow::host_name;

/// What becomes of a request if a value matches its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It may pass for that.
    LetsIn,
    /// It may be stopped for that.
    KeepsOut,
}

/// Whether one of the values matches a host. One that is given with its port is taken as it is, and so is one with a colon and no port behind
/// it, which says that none is sent.
pub(super) fn matches(words: &[Word], effect: Effect, host: &str) -> Truth {
    let sent = host.strip_suffix(':').unwrap_or(host);
    let bare = words.iter().any(|word| word.matches(sent));
    if host_name(host) != host {
        return Truth::of(bare);
    }
    let with = |coverage| words.iter().any(|word| covers(word, effect, host) >= coverage);
    match (bare, with(Coverage::All), with(Coverage::Some)) {
        (true, true, _) => Truth::Yes,
        (false, _, false) => Truth::No,
        _ => Truth::Open("it hangs on whether the client writes the port behind the host"),
    }
}

/// How many ports behind a host a value takes. A client may write a colon and nothing behind it, or what is no number: Envoy
/// looks at no more than the letters of an authority (`source/common/http/header_validation.cc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coverage {
    None,
    Some,
    All,
}

fn covers(word: &Word, effect: Effect, host: &str) -> Coverage {
    match word {
        Word::Present => Coverage::All,
        Word::Prefix(text) if host.starts_with(&**text) => Coverage::All,
        Word::Prefix(text) => match behind(text, host) {
            Some("") => Coverage::All,
            Some(_) => Coverage::Some,
            None => Coverage::None,
        },
        Word::Exact(text) if behind(text, host).is_some() => Coverage::Some,
        Word::Exact(_) => Coverage::None,
        Word::Suffix(text) => match text.rsplit_once(':') {
            Some((end, _)) if host.ends_with(end) => Coverage::Some,
            None if text.is_empty() => Coverage::All,
            None if may_stand_behind(text, effect) => Coverage::Some,
            _ => Coverage::None,
        },
    }
}

/// Whether a client may write something behind the colon of any host that ends in this text.
pub(super) fn may_stand_behind(text: &str, effect: Effect) -> bool {
    !text.contains(':') && (effect == Effect::LetsIn || text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What stands behind a host and a colon.
fn behind<'t>(text: &'t str, host: &str) -> Option<&'t str> {
    text.strip_prefix(host)?.strip_prefix(':')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_behind_the_host_counts() {
        let ask = |values: &[&str], host: &str| {
            matches(&values.iter().map(|value| Word::read(value)).collect::<Vec<_>>(), Effect::KeepsOut, host)
        };
        assert!(matches!(ask(&["a.example"], "a.example"), Truth::Open(_)));
        assert_eq!(ask(&["a.example"], "a.example:443"), Truth::No);
        assert_eq!(ask(&["a.example", "a.example:*"], "a.example"), Truth::Yes);
        assert_eq!(ask(&["a.example*"], "a.example"), Truth::Yes);
        assert_eq!(ask(&["a.*"], "a.example"), Truth::Yes);
        assert_eq!(ask(&["b.example", "b.example:*"], "a.example"), Truth::No);
        assert!(matches!(ask(&["a.example:443"], "a.example"), Truth::Open(_)));
        assert!(matches!(ask(&["a.example:8*"], "a.example"), Truth::Open(_)));
        assert!(matches!(ask(&["*.example"], "a.example"), Truth::Open(_)));
        assert!(matches!(ask(&["*:443"], "a.example"), Truth::Open(_)));
        // The port behind the colon may be empty, and proxies take what is none.
        for value in ["a.example:", "*:", "*.example:", "a.example:x", "a.example:x*", "*.example:x"] {
            assert!(matches!(ask(&[value], "a.example"), Truth::Open(_)), "{value}");
        }
        assert_eq!(ask(&["b.example:"], "a.example"), Truth::No);
        assert!(matches!(ask(&["*"], "a.example"), Truth::Yes));
        assert_eq!(ask(&["*.other"], "a.example"), Truth::No);
        // An address in brackets has no port by its own colons.
        assert!(matches!(ask(&["[fd00::1]"], "[fd00::1]"), Truth::Open(_)));
        assert!(matches!(ask(&["[fd00::1]:80"], "[fd00::1]"), Truth::Open(_)));
        assert_eq!(ask(&["[fd00::1]", "[fd00::1]:*"], "[fd00::1]"), Truth::Yes);
        assert!(matches!(ask(&["[fd00::1]:"], "[fd00::1]"), Truth::Open(_)));
        assert_eq!(ask(&["[fd00::2]"], "[fd00::1]"), Truth::No);
        assert_eq!(ask(&["[fd00::1]:80"], "[fd00::1]:80"), Truth::Yes);
        assert_eq!(ask(&["[fd00::1]"], "[fd00::1]:80"), Truth::No);
        // No port is sent.
        assert_eq!(ask(&["a.example"], "a.example:"), Truth::Yes);
        assert_eq!(ask(&["a.example:*"], "a.example:"), Truth::No);
        assert_eq!(ask(&["*.example"], "a.example:"), Truth::Yes);
    }

    /// Of each value and host it is asked what each spelling of the host gets.
    #[test]
    fn no_spelling_of_a_host_gets_another_answer() {
        let texts = [
            "b", "o", "b.o", ".o", "b.o:", "b.o:x", "b.o:x.e", "b.o:80", ":", ":x", ":8", "o:", "o:x", "8", "x.e", ".e", "b.o:x:8", "1]",
            "1]:x",
        ];
        let values = texts.into_iter().flat_map(|text| [text.to_owned(), format!("*{text}"), format!("{text}*")]);
        for (value, host) in values.flat_map(|value| ["b.o", "a.o", "x.e", "[::1]", "8"].map(|host| (value.clone(), host))) {
            let words = [Word::read(&value)];
            let spelled =
                |behind: &[&str]| behind.iter().map(|behind| words[0].matches(&format!("{host}{behind}"))).collect::<BTreeSet<_>>();
            let usual = spelled(&["", ":8", ":80", ":443", ":1"]);
            let all: BTreeSet<bool> = usual.union(&spelled(&[":x", ":x.e", ":z"])).copied().collect();
            for (effect, spelled) in [(Effect::KeepsOut, usual), (Effect::LetsIn, all)] {
                match matches(&words, effect, host) {
                    Truth::Open(_) => {}
                    sure => assert_eq!(spelled, BTreeSet::from([sure == Truth::Yes]), "{value} {host} {effect:?}"),
                }
            }
        }
    }
}
