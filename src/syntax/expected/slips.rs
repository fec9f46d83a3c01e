//! Slips of the pen that are known, each with its own words and, where it is certain, its fix.
//!
//! Owns: one small function a slip. The first that knows the trouble speaks. It must not guess.

use super::{Trouble, last_token, list, shown, wanted};
use crate::diagnostic::{Diagnostic, code};
use crate::syntax::grammar::Rule;
use crate::syntax::words;

/// A function that knows one slip.
type Slip = fn(&Trouble<'_>) -> Option<Diagnostic>;

/// All slips, the surest first.
const SLIPS: &[Slip] = &[
    other_quotes,
    lookalike,
    unclosed_parenthesis,
    stray_parenthesis,
    brace,
    bare_ipv6,
    word_end,
    value_without_quotes,
    spaced_sign,
    arrow,
    lower_case_method,
    path_without_method,
    unquoted_text,
    quoted_name,
    conjunction,
    port_without_colon,
    apart_from_its_clause,
    second_statement,
    foreign_clause,
    reserved,
    path_character,
    other_character,
    range_of_addresses,
    semicolon,
];

/// The finding of the first slip that fits.
pub(super) fn find(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    SLIPS.iter().find_map(|slip| slip(trouble))
}

/// A finding at the token.
fn at_token(trouble: &Trouble<'_>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, trouble.token(), message)
}

/// A character that looks like one of the language's.
fn lookalike(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let (plain, name) = match trouble.found.chars().next()? {
        '→' | '⟶' | '⇒' => ("->", "an arrow"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' | '\u{2003}' | '\u{2002}' | '\u{2009}' => (" ", "a blank that is no space"),
        '\u{200b}' | '\u{feff}' | '\u{2060}' | '\u{200c}' | '\u{200d}' | '\u{ad}' => ("", "a character without width"),
        '‐' | '‑' | '–' | '—' | '−' => ("-", "a typographic dash"),
        _ => return None,
    };
    let character = u32::from(trouble.found.chars().next()?);
    let finding = at_token(trouble, format!("U+{character:04X} is {name}")).label("not a sign of the language");
    Some(match plain {
        "" => finding.fix("remove it", trouble.token(), ""),
        " " => finding.fix("write a space", trouble.token(), " "),
        plain => finding.fix(format!("write `{plain}`"), trouble.token(), plain),
    })
}

/// `'shop'`, `“shop”`: quotes that are not the language's.
fn other_quotes(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    const QUOTES: [char; 6] = ['\'', '“', '”', '„', '«', '»'];
    let open = trouble.found.chars().next().filter(|first| QUOTES.contains(first))?;
    let place = trouble.place(trouble.start, trouble.start + open.len_utf8());
    let finding =
        Diagnostic::new(code::SYNTAX_ERROR, place, format!("`{open}` does not open a text")).label("texts stand in double quotes");
    let rest = trouble.text.get(trouble.start + open.len_utf8()..)?;
    let closing = rest.char_indices().take_while(|(_, letter)| *letter != '\n').find(|(_, letter)| QUOTES.contains(letter));
    let Some((length, close)) = closing else {
        return Some(finding.help("write `\"` before the text and behind it"));
    };
    let inside = rest.get(..length)?.replace('\\', "\\\\").replace('"', "\\\"");
    let whole = trouble.place(trouble.start, trouble.start + open.len_utf8() + length + close.len_utf8());
    Some(finding.fix("use double quotes", whole, format!("\"{inside}\"")))
}

/// `(a or b -> c`: a parenthesis that never closes.
fn unclosed_parenthesis(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < trouble.start {
        let rest = trouble.text.get(at..)?;
        match rest.as_bytes().first()? {
            b'(' => open.push(at),
            b')' => {
                open.pop();
            }
            _ => {}
        }
        at += super::token_length(rest).max(rest.chars().next().map_or(1, char::len_utf8));
    }
    let at = open.pop()?;
    if !trouble.wants(&[Rule::joint]) || !(trouble.found.is_empty() || trouble.found == "->") {
        return None;
    }
    let finding = Diagnostic::new(code::SYNTAX_ERROR, trouble.place(at, at + 1), "the parenthesis is never closed").label("opened here");
    Some(finding.help("put `)` where the group ends"))
}

/// `a) -> b`: a parenthesis that closes nothing.
fn stray_parenthesis(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_stray = trouble.found == ")" && trouble.wants(&[Rule::arrow, Rule::EOI]);
    is_stray.then(|| at_token(trouble, "`)` closes no parenthesis").label("nothing is open here").fix("remove it", trouble.token(), ""))
}

/// A `{` that opens no block, or is a part of a path.
fn brace(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    if !trouble.found.starts_with('{') {
        return None;
    }
    let in_path = trouble.before().chars().next_back().is_some_and(|before| !before.is_whitespace())
        && trouble.wants(&[Rule::http, Rule::http_word, Rule::at_hosts, Rule::at_word]);
    if !in_path {
        return Some(super::stray_brace(trouble.token()));
    }
    let length = trouble
        .behind()
        .find(['}', ' ', '\t', '\r', '\n', '/'])
        .filter(|length| trouble.behind().get(*length..).is_some_and(|rest| rest.starts_with('}')));
    let Some(length) = length else {
        let finding = Diagnostic::new(code::INVALID_PATH, trouble.token(), "`{` is not closed in a path").label("opened here");
        return Some(finding.help("write `{*}` for one part of the path, `{**}` for the rest of it"));
    };
    let place = trouble.place(trouble.start, trouble.start + length + 2);
    let written = trouble.text.get(trouble.start..trouble.start + length + 2)?;
    let finding = Diagnostic::new(code::INVALID_PATH, place, format!("{} is no pattern of a path", shown(written)))
        .label("only `{*}` and `{**}` are");
    Some(finding.fix("write `{*}` for one part of the path", place, "{*}").help("write `{**}` for the rest of the path"))
}

/// `2001:db8::/32` without brackets.
fn bare_ipv6(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_address = |letter: char| letter.is_ascii_hexdigit() || matches!(letter, ':' | '.' | '/');
    let start = trouble.text.get(..trouble.at)?.rfind(|letter| !is_address(letter)).map_or(0, |before| before + 1);
    let start = start + trouble.text.get(start..)?.chars().take_while(|letter| letter.is_whitespace()).count();
    let run = trouble.text.get(start..)?;
    let run = run.get(..run.find(|letter| !is_address(letter)).unwrap_or(run.len()))?;
    let address = run.split_once('/').map_or(run, |(address, _)| address);
    let _: std::net::Ipv6Addr = address.parse().ok()?;
    let place = trouble.place(start, start + run.len());
    let finding = Diagnostic::new(code::SYNTAX_ERROR, place, format!("the IPv6 address {} stands without brackets", shown(run)));
    let finding = finding.label("an endpoint has ports behind `:`").note("in an endpoint `:` starts a port");
    Some(finding.fix("put it in brackets", place, format!("[{run}]")))
}

/// `app = web`, `web @shop`, `web@ shop`: blanks around a sign that binds tightly.
fn spaced_sign(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_sign = |text: &str| matches!(text, "=" | "!=" | "@") || matches!(text, "," | "|") && trouble.before().ends_with([' ', '\t']);
    let (sign, start, end) = if is_sign(trouble.found) {
        (trouble.found, trouble.start, trouble.start + trouble.found.len())
    } else {
        let before = trouble.text.get(..trouble.at)?;
        let sign = ["!=", "=", "@", ":"].into_iter().find(|sign| before.ends_with(sign))?;
        (sign, trouble.at - sign.len(), trouble.at)
    };
    let before = trouble.text.get(..start)?.trim_end();
    let behind = trouble.text.get(end..)?;
    let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    let is_spaced = before.len() < start || blanks > 0;
    let joins = before.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '"' | '*' | ')' | ']'));
    let is_joined = behind.trim_start().starts_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '"' | '*' | '[' | '!'));
    if !is_spaced || !joins || !is_joined || trouble.wants(&[Rule::is]) {
        return None;
    }
    let finding = Diagnostic::new(code::SYNTAX_ERROR, trouble.place(start, end), format!("blanks stand around `{sign}`"))
        .label(format!("`{sign}` joins its two sides"));
    Some(finding.fix("remove the blanks", trouble.place(before.len(), end + blanks), sign))
}

/// `>`, `=>`, `to` and the like in the place of `->`.
fn arrow(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    if !trouble.wants(&[Rule::arrow]) || !matches!(trouble.found, ">" | "=>" | "-" | "to" | "<-" | "<" | "=") {
        return None;
    }
    let tail = trouble.behind();
    let extra = if trouble.found == "-" {
        tail.find('>').filter(|at| tail.get(..*at).is_some_and(|between| between.chars().all(|letter| matches!(letter, ' ' | '-'))))
    } else {
        None
    };
    let place = trouble.place(trouble.start, trouble.start + trouble.found.len() + extra.map_or(0, |at| at + 1));
    let finding = at_token(trouble, format!("expected `->`, found {}", shown(trouble.found))).label("`->` stands between the two ends");
    Some(if trouble.found.starts_with('<') {
        finding.help("write the caller first: `CALLER -> CALLED`")
    } else {
        finding.fix("write `->`", place, "->")
    })
}

/// `http get /`.
fn lower_case_method(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let upper = trouble.found.to_ascii_uppercase();
    let is_method = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"].contains(&upper.as_str());
    let fits = is_method && trouble.wants(&[Rule::request, Rule::method]);
    fits.then(|| {
        at_token(trouble, format!("the method {} is not in upper case", shown(trouble.found))).label("methods are upper case").fix(
            format!("write `{upper}`"),
            trouble.token(),
            upper.clone(),
        )
    })
}

/// `http /v1`.
fn path_without_method(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let fits = trouble.found.starts_with('/') && trouble.wants(&[Rule::request, Rule::method]);
    fits.then(|| {
        let finding = at_token(trouble, "a path stands without a method").label("a method stands before a path");
        finding.fix("write `*` for every method", trouble.place(trouble.start, trouble.start), "* ")
    })
}

/// `because order-flow`, `host api.example.com`.
fn unquoted_text(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    if !trouble.wants(&[Rule::text]) || trouble.found.is_empty() {
        return None;
    }
    let finding = at_token(trouble, format!("expected a text in double quotes, found {}", shown(trouble.found))).label("not in quotes");
    let is_one_word = trouble.behind().trim().is_empty() || !trouble.before().trim_end().ends_with("because");
    let is_all = is_one_word && words::is_word(trouble.found);
    Some(if is_all {
        finding.fix("put it in quotes", trouble.token(), format!("\"{}\"", trouble.found))
    } else {
        finding.help("put the text in double quotes")
    })
}

/// `workload "web" = …`.
fn quoted_name(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_name = trouble.found.starts_with('"') && trouble.wants(&[Rule::name, Rule::endpoint, Rule::primary, Rule::named]);
    let inside = trouble.found.trim_matches('"');
    is_name.then(|| {
        let finding = at_token(trouble, "a declared name stands without quotes").label("in quotes");
        if words::is_word(inside) && !words::is_keyword(inside) && inside.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            return finding.fix("remove the quotes", trouble.token(), inside);
        }
        finding.help("begin the name with a letter; letters and digits may be joined by `-`, `_` and `.`")
    })
}

/// `app=web and tier=front`, `&&`, `||`.
fn conjunction(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let (advice, replacement) = match trouble.found {
        "||" => ("write `or` between endpoints, `|` between values", None),
        "and" | "&&" | "&" | "+" => ("for pods with both labels write `,`: `app=web,tier=front`; for either write `or`", None),
        "not" | "!" | "except" | "without" | "minus" if trouble.wants(&[Rule::joint]) && trouble.statement != "network" => {
            ("write `but`", Some("but"))
        }
        _ => return None,
    };
    let finding = at_token(trouble, format!("{} joins no endpoints", shown(trouble.found))).label("not a word of the language here");
    Some(match replacement {
        Some(word) => finding.fix(advice, trouble.token(), word),
        None => finding.help(advice),
    })
}

/// `at` or `header` apart from its `http`, `claim` apart from its `jwt`.
fn apart_from_its_clause(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let owner = match trouble.found {
        "at" | "header" => "http",
        "claim" => "jwt",
        _ => return None,
    };
    let fits = matches!(trouble.statement, "allow" | "deny" | "audit" | "expect") && trouble.wants(&[Rule::mtls, Rule::EOI]);
    fits.then(|| {
        Diagnostic::new(code::CLAUSE_NOT_ALLOWED, trouble.token(), format!("`{}` stands apart from its `{owner}`", trouble.found))
            .label(format!("no `{owner}` stands right before this"))
            .help(format!("move it right behind the `{owner}` that it belongs to"))
    })
}

/// A clause word of another statement: `workload web = app=web mtls`.
fn foreign_clause(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let ended = trouble.wants(&[Rule::EOI]) || trouble.wants(&[Rule::mtls]);
    if !ended || !words::CLAUSE.contains(&trouble.found) || trouble.behind().starts_with('=') {
        return None;
    }
    let word = trouble.found;
    let again = trouble.before().split_ascii_whitespace().any(|before| before == word);
    if again && !matches!(trouble.statement, "allow" | "deny" | "audit" | "expect") {
        let finding =
            Diagnostic::new(code::DUPLICATE_CLAUSE, trouble.token(), format!("`{word}` is written twice")).label("the second one");
        return Some(finding.help("keep one of them"));
    }
    let fitting: Vec<&str> = wanted::keywords(trouble.wanted).collect();
    let finding = Diagnostic::new(
        code::CLAUSE_NOT_ALLOWED,
        trouble.token(),
        format!("`{word}` does not fit a statement with `{}`", trouble.statement),
    )
    .label(format!("`{}` does not take this here", trouble.statement));
    Some(if fitting.is_empty() { finding.help("remove it") } else { finding.help(format!("here may stand {}", list(&fitting, "or"))) })
}

/// A keyword where a name is expected.
fn reserved(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let outside = trouble.wants(&[Rule::outside_name, Rule::namespace_name]);
    let declared = trouble.wants(&[Rule::name, Rule::endpoint, Rule::named, Rule::primary]);
    let is_joint = matches!(trouble.found, "or" | "but") && trouble.before().trim_end() != trouble.statement;
    if !words::is_keyword(trouble.found) || !(outside || declared) || is_joint {
        return None;
    }
    let word = trouble.found;
    let finding = Diagnostic::new(code::RESERVED_WORD, trouble.token(), format!("`{word}` is a keyword and cannot be a name"))
        .label("a name is expected here");
    Some(if outside {
        finding.fix("put it in quotes, if the cluster has something of that name", trouble.token(), format!("\"{word}\""))
    } else {
        finding.help("choose another name")
    })
}

/// A character that a path without quotes cannot have.
fn path_character(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let adjoins = trouble.at == trouble.start && trouble.before().chars().next_back().is_some_and(|before| !before.is_whitespace());
    let word = trouble.before().rsplit([' ', '\t', '\n']).next()?;
    let fits = adjoins
        && word.starts_with('/')
        && words::is_bare_path(word)
        && trouble.wants(&[Rule::http, Rule::http_word, Rule::at_hosts, Rule::at_word]);
    fits.then(|| {
        at_token(trouble, format!("{} cannot stand in a path without quotes", shown(trouble.found)))
            .label("not in a bare path")
            .help("put the path in double quotes")
    })
}

/// `web-`, `a_`: a word that ends in a joiner.
fn word_end(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let joiner = trouble.found.chars().next().filter(|letter| matches!(letter, '-' | '_' | '.'))?;
    let adjoins = trouble.at == trouble.start && trouble.before().ends_with(|letter: char| letter.is_ascii_alphanumeric());
    adjoins.then(|| {
        let finding = at_token(trouble, format!("a word ends in `{joiner}`")).label("a word ends in a letter or a digit");
        finding.help("put a value that ends so in double quotes")
    })
}

/// `header x-user=ann@corp.example`: a value of a header or claim with a sign of the language in it.
fn value_without_quotes(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    const SIGNS: [char; 7] = ['@', '/', ':', '=', '<', '>', '#'];
    let is_sign = trouble.found.starts_with(SIGNS) && trouble.at == trouble.start;
    let (clauses, word) = trouble.before().rsplit_once([' ', '\t'])?;
    let of_clause = clauses.trim_end().ends_with("header") || clauses.trim_end().ends_with("claim");
    let value = word.rsplit_once(['=', '|'])?.1;
    if !is_sign || !of_clause || value.is_empty() {
        return None;
    }
    let start = trouble.start - value.len();
    let whole = trouble.text.get(start..)?;
    let whole = whole.get(..whole.find([' ', '\t', '\r', '\n', '|', '"']).unwrap_or(whole.len()))?;
    let place = trouble.place(start, start + whole.len());
    let finding = Diagnostic::new(code::SYNTAX_ERROR, place, format!("the value {} stands without quotes", shown(whole)));
    let sign = trouble.found.chars().next()?;
    let finding = finding.label(format!("`{sign}` is no part of a word"));
    Some(finding.fix("put the value in quotes", place, format!("\"{}\"", whole.replace('\\', "\\\\"))))
}

/// A character that no word has, in the place of a value or inside one: the finding is about the whole of it.
fn other_character(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let first = trouble.found.chars().next()?;
    let is_strange = |letter: char| !letter.is_ascii() || matches!(letter, '$' | '%' | '^' | '&' | '~' | '`' | '?' | '\\' | '+' | ';');
    let is_part = |letter: char| is_strange(letter) || letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let before = if trouble.at == trouble.start { trouble.before() } else { "" };
    let start = trouble.start - (before.len() - before.trim_end_matches(is_part).len());
    if !is_strange(first) || !(start < trouble.start || trouble.wants(&[Rule::value, Rule::endpoint, Rule::name])) {
        return None;
    }
    let whole = trouble.text.get(start..)?;
    let whole = whole.get(..whole.find(|letter| !is_part(letter)).unwrap_or(whole.len()))?;
    if whole.ends_with(';') && trouble.text.get(start + whole.len()..)?.trim().is_empty() {
        return None;
    }
    let place = trouble.place(start, start + whole.len());
    let finding = Diagnostic::new(code::SYNTAX_ERROR, place, format!("{} is not a word", shown(whole)))
        .label(format!("`{first}` is no part of a word"))
        .note("words are made of ASCII letters and digits, joined by `-`, `_` and `.`");
    let is_value = trouble.text.get(..start)?.ends_with(['=', '|']);
    Some(if is_value {
        finding.fix("put the value in quotes", place, format!("\"{}\"", whole.replace('\\', "\\\\")))
    } else {
        finding.help("only values can have other characters, in double quotes")
    })
}

/// `allow a -> b 5432`, `allow a -> b port 5432`.
fn port_without_colon(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_port = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_digit()) && text.chars().all(|letter| letter.is_ascii_digit() || letter == '-')
    };
    let behind = trouble.behind().trim_start_matches(' ');
    let (port, end) = match trouble.found {
        "port" | "ports" | "on" => {
            let port = behind.get(..super::token_length(behind))?;
            (port, trouble.text.len() - behind.len() + port.len())
        }
        found => (found, trouble.start + found.len()),
    };
    if !is_port(port) || !trouble.wants(&[Rule::ports]) || !trouble.wants(&[Rule::EOI]) {
        return None;
    }
    let start = trouble.before().trim_end().len();
    let finding = at_token(trouble, "a port stands without `:`").label("a port follows `:`");
    Some(finding.fix(format!("write `:{port}`"), trouble.place(start, end), format!(":{port}")))
}

/// `allow a -> b deny c -> d`.
fn second_statement(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let fits = words::STATEMENT.contains(&trouble.found) && trouble.wants(&[Rule::EOI]) && trouble.behind().starts_with([' ', '\t']);
    fits.then(|| super::crowded(trouble.token()))
}

/// `10.0.0.1-10.0.0.9`.
fn range_of_addresses(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_dotted = |text: &str| text.parse::<std::net::Ipv4Addr>().is_ok();
    let (low, high) = trouble.found.split_once('-')?;
    (is_dotted(low) && is_dotted(high)).then(|| {
        at_token(trouble, format!("{} is a range of addresses", shown(trouble.found)))
            .label("not an address or a block")
            .help("write the blocks that make up the range: `10.0.0.0/30`")
    })
}

/// `;` at the end.
fn semicolon(trouble: &Trouble<'_>) -> Option<Diagnostic> {
    let is_last = trouble.found == ";" && last_token(trouble.text).0 == trouble.start;
    is_last.then(|| at_token(trouble, "a statement ends with its line").label("not needed").fix("remove it", trouble.token(), ""))
}
