//! How one value of an `AuthorizationPolicy` is compared with one value of a request: `semantics.md` §2.5, §2.7.

/// §2.5: `*` is presence, a leading `*` a suffix test, a trailing `*` a prefix test, anything else literal.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        return !value.is_empty();
    }
    if let Some(suffix) = pattern.strip_prefix('*') {
        return value.ends_with(suffix);
    }
    pattern.strip_suffix('*').map_or(pattern == value, |prefix| value.starts_with(prefix))
}

/// §2.5, row `namespaces`: each `*` is any run of characters, and the whole name is matched.
pub(super) fn glob(pattern: &str, value: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => splits(value).any(|(_, tail)| glob(rest, tail)),
        None => same_first(pattern, value, glob),
    }
}

/// Does the path pattern hold an operator (§2.7)?
pub(super) fn is_template(pattern: &str) -> bool {
    pattern.contains("{*}") || pattern.contains("{**}")
}

/// §2.7: `{*}` is one or more pchar, `{**}` any run of pchar and `/`; the whole path is matched.
pub(super) fn template(pattern: &str, path: &str) -> bool {
    let in_run = |c: char| is_pchar(c) || c == '/';
    if let Some(rest) = pattern.strip_prefix("{**}") {
        return splits(path).any(|(run, tail)| run.chars().all(in_run) && template(rest, tail));
    }
    if let Some(rest) = pattern.strip_prefix("{*}") {
        return splits(path).any(|(run, tail)| !run.is_empty() && run.chars().all(is_pchar) && template(rest, tail));
    }
    same_first(pattern, path, template)
}

/// What Istio's validation says of a template (§2.7), if anything.
pub(super) fn template_problem(pattern: &str) -> Option<String> {
    let mut after_rest = false;
    for segment in pattern.split('/') {
        let operator = segment == "{*}" || segment == "{**}";
        if !operator && segment.contains(['{', '}', '*']) {
            return Some(format!("path template `{pattern}`: an operator is a whole segment, and nothing else has `*`, `{{` or `}}`"));
        }
        if operator && after_rest {
            return Some(format!("path template `{pattern}`: `{{**}}` is not the last operator"));
        }
        after_rest |= segment == "{**}";
    }
    None
}

/// §2.7, BASE: query and fragment removed, backslash to slash, unreserved characters decoded, dot segments removed;
/// `//` and `%2F` stay.
pub(super) fn normalise(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    remove_dot_segments(&decode_unreserved(&path.replace('\\', "/")))
}

fn decode_unreserved(path: &str) -> String {
    let Some((before, after)) = path.split_once('%') else { return path.to_owned() };
    let decoded = after.split_at_checked(2).and_then(|(hex, rest)| {
        let code = u8::from_str_radix(hex, 16).ok().filter(|_| hex.chars().all(|c| c.is_ascii_hexdigit()))?;
        Some((char::from(code), rest)).filter(|(c, _)| is_unreserved(*c))
    });
    match decoded {
        Some((c, rest)) => format!("{before}{c}{}", decode_unreserved(rest)),
        None => format!("{before}%{}", decode_unreserved(after)),
    }
}

fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        if *segment == ".." {
            kept.pop();
        }
        let dots = *segment == "." || *segment == "..";
        if !dots {
            kept.push(segment);
        } else if last {
            kept.push("");
        }
    }
    if path.starts_with('/') { format!("/{}", kept.join("/")) } else { path.to_owned() }
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~".contains(c)
}

/// RFC 3986 `pchar`, with the `%` of an escape taken alone.
fn is_pchar(c: char) -> bool {
    is_unreserved(c) || "%!$&'()*+,;=:@".contains(c)
}

fn splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    (0..=text.len()).filter_map(|at| text.split_at_checked(at))
}

fn same_first(pattern: &str, value: &str, rest: fn(&str, &str) -> bool) -> bool {
    let (mut pattern, mut value) = (pattern.chars(), value.chars());
    match (pattern.next(), value.next()) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b && rest(pattern.as_str(), value.as_str()),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
