//! One pattern of request paths.
//!
//! Owns: `PathPattern`: how it is read, what it matches. A pattern that could never match a normalised path is refused.

use std::fmt;
use std::slice::from_ref;

use super::super::Symbol;
use super::automaton;

/// The operator for exactly one segment that is not empty.
const ONE: &str = "{*}";
/// The operator for any run of characters, `/` included.
const RUN: &str = "{**}";

/// A set of paths: one exact path, a template with `{*}` and `{**}`, or all paths with a beginning or an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern {
    kind: Kind,
    text: Symbol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Exact,
    Template,
    /// Any path that begins with the text.
    Prefix,
    /// Any path that ends in the text.
    Suffix,
}

/// A step of a pattern, as the automaton walks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// This character.
    Literal(char),
    /// One or more characters of a segment.
    Segment,
    /// Any number of characters of segments, and `/`.
    Run,
    /// Any number of any characters.
    Anything,
}

impl PathPattern {
    /// Reads a path or a template as the language has them, which is what an Istio `paths` entry can say (`semantics.md`
    /// §2.7). The error is the reason why it is none (lower case, no full stop).
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err("a path begins with `/`".to_owned());
        }
        let kind = if text.contains(['{', '}']) { Kind::Template } else { Kind::Exact };
        let segments: Vec<&str> = text.split('/').skip(1).collect();
        let mut run_seen = false;
        for (at, segment) in segments.iter().enumerate() {
            let is_last = at + 1 == segments.len();
            if *segment == ONE || *segment == RUN {
                if run_seen {
                    return Err(format!("`{RUN}` must be the last operator"));
                }
                run_seen = *segment == RUN;
            } else if kind == Kind::Template && segment.is_empty() && !is_last {
                return Err("a template has no empty segments".to_owned());
            } else {
                check_literal(segment, kind)?;
            }
        }
        Ok(Self { kind, text: text.into() })
    }

    /// Exactly this path, whatever its characters.
    pub fn exact(path: &str) -> Self {
        Self { kind: Kind::Exact, text: path.into() }
    }

    /// Every path that begins with this text, as Istio's `text*`.
    pub fn starting_with(text: &str) -> Self {
        Self { kind: Kind::Prefix, text: text.into() }
    }

    /// Every path that ends in this text, as Istio's `*text`.
    pub fn ending_in(text: &str) -> Self {
        Self { kind: Kind::Suffix, text: text.into() }
    }

    /// The text as written; for a beginning or an end, that text without its `*`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches one path only.
    pub fn is_exact(&self) -> bool {
        self.kind == Kind::Exact
    }

    /// Whether it holds `{*}` or `{**}`.
    pub fn is_template(&self) -> bool {
        self.kind == Kind::Template
    }

    /// Whether the path matches all of it. A template's operators match the characters of a URL path segment.
    pub fn matches(&self, path: &str) -> bool {
        match self.kind {
            Kind::Exact => *self.text == *path,
            Kind::Prefix => path.starts_with(&*self.text),
            Kind::Suffix => path.ends_with(&*self.text),
            Kind::Template => matches_from(&segments(&self.text), path),
        }
    }

    /// Whether every path that it matches, the other one matches too.
    pub fn is_subset(&self, other: &Self) -> bool {
        if self == other || self.is_exact() {
            return self == other || other.matches(&self.text);
        }
        // The plainest path rules out almost every pair before any search.
        !other.is_exact() && other.matches(&self.sample()) && automaton::witness(&[from_ref(self)], from_ref(other)).is_none()
    }

    /// Whether some path matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Exact, _) => other.matches(&self.text),
            (_, Kind::Exact) => self.matches(&other.text),
            _ => automaton::witness(&[from_ref(self), from_ref(other)], &[]).is_some(),
        }
    }

    /// A short path that matches.
    pub(super) fn sample(&self) -> String {
        match self.kind {
            Kind::Prefix | Kind::Suffix if self.text.is_empty() => "/".to_owned(),
            Kind::Exact | Kind::Prefix | Kind::Suffix => self.text.to_string(),
            Kind::Template => self.text.replace(RUN, "x").replace(ONE, "x"),
        }
    }

    /// The steps of the pattern, first to last.
    pub(super) fn steps(&self) -> Vec<Step> {
        let literal = || self.text.chars().map(Step::Literal);
        match self.kind {
            Kind::Exact => literal().collect(),
            Kind::Prefix => literal().chain([Step::Anything]).collect(),
            Kind::Suffix => [Step::Anything].into_iter().chain(literal()).collect(),
            Kind::Template => template_steps(&self.text),
        }
    }
}

/// As an Istio `paths` entry.
impl fmt::Display for PathPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Exact | Kind::Template => out.write_str(&self.text),
            Kind::Prefix => write!(out, "{}*", self.text),
            Kind::Suffix => write!(out, "*{}", self.text),
        }
    }
}

/// Whether an operator of a template matches the character: a `pchar` of RFC 3986 (`semantics.md` §2.7), `=` and `*` among them. Envoy
/// matches `*` since 1.35 and the last patches of the releases before (envoyproxy/envoy#39169); older proxies match it with no operator.
pub(super) const fn is_segment_character(character: char) -> bool {
    is_literal_character(character) || matches!(character, '=' | '*')
}

/// Whether the character stands for itself in every kind of pattern.
const fn is_literal_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '-' | '.' | '_' | '~' | '%' | '!' | '$' | '&' | '\'' | '(' | ')' | '+' | ',' | ';' | ':' | '@')
}

/// Whether the text could be a segment, or part of one, of a normalised path.
fn check_literal(segment: &str, kind: Kind) -> Result<(), String> {
    if segment == "." || segment == ".." {
        return Err(format!("`{segment}` as a segment never arrives, as proxies resolve it"));
    }
    for character in segment.chars() {
        match character {
            '{' | '}' => return Err(format!("`{ONE}` and `{RUN}` stand for whole segments, and braces for nothing else")),
            '*' => return Err("`*` is no operator in a path".to_owned()),
            '?' | '#' => return Err(format!("`{character}` begins what is no part of the path")),
            '=' if kind == Kind::Template => return Err("`=` in a template is not understood by every proxy".to_owned()),
            '=' => {}
            _ if is_literal_character(character) => {}
            _ => return Err(format!("`{}` is no character of a URL path", character.escape_default())),
        }
    }
    check_escapes(segment)
}

/// Whether every `%` begins an escape that normalisation leaves alone.
fn check_escapes(segment: &str) -> Result<(), String> {
    for rest in segment.split('%').skip(1) {
        let digits = rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else { return Err("`%` must be followed by two hexadecimal digits".to_owned()) };
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            let digits = digits.unwrap_or_default();
            return Err(format!("`%{digits}` never arrives, as proxies turn it into `{}`", char::from(byte)));
        }
    }
    Ok(())
}

fn segments(template: &str) -> Vec<&str> {
    template.split('/').skip(1).collect()
}

/// Whether the path is `/` and the first segment of the template, and so on.
fn matches_from(template: &[&str], path: &str) -> bool {
    let Some((first, rest)) = template.split_first() else { return path.is_empty() };
    let Some(path) = path.strip_prefix('/') else { return false };
    match *first {
        RUN => {
            // It is the last operator, so what follows is plain text and must be the path's end.
            let tail: String = rest.iter().flat_map(|segment| ["/", *segment]).collect();
            path.strip_suffix(tail.as_str())
                .is_some_and(|run| run.chars().all(|character| character == '/' || is_segment_character(character)))
        }
        ONE => {
            let end = path.find('/').unwrap_or(path.len());
            let (segment, after) = path.split_at(end);
            !segment.is_empty() && segment.chars().all(is_segment_character) && matches_from(rest, after)
        }
        literal => path.strip_prefix(literal).is_some_and(|after| matches_from(rest, after)),
    }
}

fn template_steps(template: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for segment in segments(template) {
        steps.push(Step::Literal('/'));
        match segment {
            ONE => steps.push(Step::Segment),
            RUN => steps.push(Step::Run),
            literal => steps.extend(literal.chars().map(Step::Literal)),
        }
    }
    steps
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    fn reason(text: &str) -> String {
        PathPattern::parse(text).unwrap_err()
    }

    /// Every text of up to `length` characters, the empty one included.
    pub(in super::super) fn texts(length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut start = 0;
        for _ in 0..length {
            let end = all.len();
            let longer: Vec<String> =
                all[start..].iter().flat_map(|text| ["/", "a", "b", "["].map(|more| format!("{text}{more}"))).collect();
            start = end;
            all.extend(longer);
        }
        all
    }

    pub(in super::super) fn patterns() -> impl Strategy<Value = PathPattern> {
        let segment = prop::sample::select(vec!["a", "b", "ab", "{*}"]);
        let plain = || prop::sample::select(vec!["a", "b", ""]);
        let template = (prop::collection::vec(segment, 0..3), prop::option::of(prop::option::of(plain())), any::<bool>());
        let template = template.prop_map(|(segments, run, slash)| {
            let mut text: String = segments.iter().flat_map(|segment| ["/", *segment]).collect();
            if let Some(tail) = run {
                text.push_str("/{**}");
                text.extend(tail.map(|tail| format!("/{tail}")));
            } else if slash || text.is_empty() {
                text.push('/');
            }
            pattern(&text)
        });
        let text = r"[/ab\[]{1,3}";
        let exact = text.prop_map(|text| PathPattern::exact(&text));
        let prefix = text.prop_map(|text| PathPattern::starting_with(&text));
        let suffix = text.prop_map(|text| PathPattern::ending_in(&text));
        prop_oneof![6 => template, 1 => exact, 1 => prefix, 1 => suffix]
    }

    /// Template matching once more, by trying every length for every operator.
    fn matches_slowly(steps: &[Step], path: &[char]) -> bool {
        let Some((step, rest)) = steps.split_first() else { return path.is_empty() };
        let run = |least: usize, member: fn(char) -> bool| {
            let longest = path.iter().take_while(|character| member(**character)).count();
            (least..=longest).any(|length| matches_slowly(rest, &path[length..]))
        };
        match step {
            Step::Literal(character) => path.first() == Some(character) && matches_slowly(rest, &path[1..]),
            Step::Segment => run(1, is_segment_character),
            Step::Run => run(0, |character| character == '/' || is_segment_character(character)),
            Step::Anything => run(0, |_| true),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn matching_agrees_with_trying_everything(pattern in patterns()) {
            for text in texts(5) {
                let characters: Vec<char> = text.chars().collect();
                prop_assert_eq!(pattern.matches(&text), matches_slowly(&pattern.steps(), &characters), "{} {}", pattern, text);
            }
        }

        #[test]
        fn comparisons_agree_with_matching(ours in patterns(), theirs in patterns()) {
            let short = |holds: &dyn Fn(&str) -> bool| texts(5).iter().any(|text| !text.is_empty() && holds(text));
            // Where the search finds a path, the path proves it; where it finds none, no short text may contradict.
            match automaton::witness(&[from_ref(&ours), from_ref(&theirs)], &[]) {
                Some(path) => prop_assert!(ours.overlaps(&theirs) && ours.matches(&path) && theirs.matches(&path)),
                None => prop_assert!(!ours.overlaps(&theirs) && !short(&|text| ours.matches(text) && theirs.matches(text))),
            }
            match automaton::witness(&[from_ref(&ours)], from_ref(&theirs)) {
                Some(path) => prop_assert!(!ours.is_subset(&theirs) && ours.matches(&path) && !theirs.matches(&path)),
                None => prop_assert!(ours.is_subset(&theirs) && !short(&|text| ours.matches(text) && !theirs.matches(text))),
            }
        }

        #[test]
        fn a_sample_matches(pattern in patterns()) {
            prop_assert!(pattern.matches(&pattern.sample()));
        }

        #[test]
        fn reading_never_fails_to_answer(text in "/?[/a.%*{}=?0-9]{0,12}") {
            if let Ok(pattern) = PathPattern::parse(&text) {
                prop_assert_eq!(pattern.as_str(), &text);
                prop_assert!(pattern.matches(&pattern.sample()));
            }
        }
    }

    #[test]
    fn a_run_needs_its_slash() {
        let below = pattern("/a/{**}");
        assert!(below.matches("/a/") && below.matches("/a/x") && below.matches("/a/x/y") && below.matches("/a//"));
        assert!(!below.matches("/a") && !below.matches("/ab") && !below.matches("/b/a/"));
        let tail = pattern("/{**}/edit");
        assert!(tail.matches("/x/edit") && tail.matches("//edit") && tail.matches("/x/y/edit"));
        assert!(!tail.matches("/edit") && !tail.matches("/x/edit/"));
    }

    #[test]
    fn one_segment_is_not_empty() {
        let one = pattern("/a/{*}");
        assert!(one.matches("/a/x") && one.matches("/a/x%2Fy"));
        assert!(!one.matches("/a/") && !one.matches("/a") && !one.matches("/a/x/") && !one.matches("/a/x/y"));
        assert!(pattern("/{*}/b").matches("/a/b") && !pattern("/{*}/b").matches("//b"));
        assert!(one.matches("/a/x=1") && one.matches("/a/=") && one.matches("/a/*"), "`=` and `*` are characters of a path");
        assert!(!one.matches("/a/x[1]") && !one.matches("/a/\u{e4}"), "others are not");
    }

    #[test]
    fn what_is_accepted() {
        for text in
            ["/", "/a/", "/a//b", "/v1/orders;v=2", "/a%20b", "/a%2Fb", "/{*}", "/{**}", "/{*}/x/{*}/{**}/end/", "/~u/(x)/@me:8,!$&'+"]
        {
            assert_eq!(pattern(text).as_str(), text);
        }
        assert!(pattern("/a").is_exact() && pattern("/{*}").is_template());
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(reason("a/b"), "a path begins with `/`");
        assert_eq!(reason(""), "a path begins with `/`");
        assert_eq!(reason("/a*"), "`*` is no operator in a path");
        assert_eq!(reason("/{**}/{*}"), "`{**}` must be the last operator");
        assert_eq!(reason("/{**}/{**}"), "`{**}` must be the last operator");
        let braces = "`{*}` and `{**}` stand for whole segments, and braces for nothing else";
        for text in ["/a{*}", "/{*}.jpg", "/{id}", "/{*", "/a}", "/{}", "/{***}"] {
            assert_eq!(reason(text), braces, "{text}");
        }
        assert_eq!(reason("/{*}//x"), "a template has no empty segments");
        assert_eq!(reason("/{*}/x=1"), "`=` in a template is not understood by every proxy");
        assert_eq!(reason("/a?b=1"), "`?` begins what is no part of the path");
        assert_eq!(reason("/a#b"), "`#` begins what is no part of the path");
        assert_eq!(reason("/a b"), "` ` is no character of a URL path");
        assert_eq!(reason("/ä"), "`\\u{e4}` is no character of a URL path");
        assert_eq!(reason("/a/../b"), "`..` as a segment never arrives, as proxies resolve it");
        assert_eq!(reason("/."), "`.` as a segment never arrives, as proxies resolve it");
        assert_eq!(reason("/%41"), "`%41` never arrives, as proxies turn it into `A`");
        assert_eq!(reason("/%7e"), "`%7e` never arrives, as proxies turn it into `~`");
        assert_eq!(reason("/%"), "`%` must be followed by two hexadecimal digits");
        assert_eq!(reason("/%4"), "`%` must be followed by two hexadecimal digits");
        assert_eq!(reason("/%zz"), "`%` must be followed by two hexadecimal digits");
    }

    #[test]
    fn beginnings_and_ends() {
        assert!(PathPattern::starting_with("/admin").matches("/administrator"));
        assert!(PathPattern::ending_in("adm").matches("/x/adm") && !PathPattern::ending_in("adm").matches("/adm/"));
        assert!(pattern("/a/{**}").is_subset(&PathPattern::starting_with("/a/")));
        assert!(!PathPattern::starting_with("/a/").is_subset(&pattern("/a/{**}")), "`/a/[` is the difference");
        assert_eq!(PathPattern::starting_with("/a").to_string(), "/a*");
        assert_eq!(PathPattern::ending_in("/a").to_string(), "*/a");
    }
}
