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
    let (own, authority) = match inner.split_once("://") {
        Some((scheme, rest)) => (Some(usual_port(scheme)?), rest.strip_suffix('/').unwrap_or(rest)),
        None => (None, inner),
    };
    let (name, port) = authority.rsplit_once(':').and_then(|(name, port)| Some((name, Some(number(port)?)))).unwrap_or((authority, None));
    if name.contains(':') || own.is_none() && port.is_none() {
        return None;
    }
    let port = port.filter(|_| port != own).map(|port| port.to_string()).unwrap_or_default();
    Some(Sent { word: format!("\"{name}\""), authority: format!("{}:{port}", name.to_ascii_lowercase()) })
}

/// The port that goes without saying.
fn usual_port(scheme: &str) -> Option<u16> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn number(port: &str) -> Option<u16> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|number| is_number && *number > 0)
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
            ("HTTP://a.com:080", Some("a.com:")),
            ("\"a.com\"", None),
            ("a.com:+80", None),
            ("\"::1\"", None),
            ("a.com:http", None),
            ("a.com:0", None),
            ("ftp://a.com", None),
        ] {
            assert_eq!(authority(word).as_deref(), wanted, "{word}");
        }
    }
}
