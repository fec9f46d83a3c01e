//! The host of a request, as its client writes it.
//!
//! Owns: `sent`. Rules name hosts without a port. A client may write one behind the name, and where a policy tells the two apart, a flow
//! says which by the port, or by a URL. It must not look names up.

/// A host of which it is known what the client writes behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// The host as rules have it, in quotes.
    pub(super) word: String,
    /// What the client sends: with its port, or with `:` where it writes none.
    pub(super) authority: String,
}

/// A word behind `at`, if it says what the client writes behind the host; none of a bare name.
///
/// Clients leave out the port that their scheme has anyway (RFC 9110, §7.2).
pub(super) fn sent(word: &str) -> Option<Sent> {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    let (own, rest) = match inner.split_once("://") {
        Some(("http", rest)) => (Some("80"), rest),
        Some(("https", rest)) => (Some("443"), rest),
        Some(_) => return None,
        None => (None, inner),
    };
    let authority = if own.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => (name, Some(port)),
        _ => (authority, None),
    };
    let port = match (own, port) {
        (None, None) => return None,
        (Some(own), Some(port)) if own == port => None,
        (_, port) => port,
    };
    let authority = format!("{}:{}", name.to_ascii_lowercase(), port.unwrap_or_default());
    Some(Sent { word: format!("\"{name}\""), authority })
}

#[cfg(test)]
mod tests {
    use super::sent;

    #[test]
    fn a_port_or_a_url_says_what_is_written_behind_the_name() {
        let authority = |word: &str| sent(word).map(|sent| sent.authority);
        for (word, wanted) in [
            ("\"a.com:80\"", Some("a.com:80")),
            ("a.com:8080", Some("a.com:8080")),
            ("\"http://A.com\"", Some("a.com:")),
            ("http://a.com/", Some("a.com:")),
            ("http://a.com:80/", Some("a.com:")),
            ("https://a.com:80", Some("a.com:80")),
            ("https://a.com", Some("a.com:")),
            ("\"a.com\"", None),
            ("a.com:http", None),
            ("a.com:0", None),
            ("ftp://a.com", None),
        ] {
            assert_eq!(authority(word).as_deref(), wanted, "{word}");
        }
    }
}
