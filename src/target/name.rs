//! Names of objects: each a function of the pods that the object selects and of what it does, and of nothing else (design §4.5).
//!
//! Owns: `name`, `part`. No two selectors share a name within one kind: a name is either a value of `app` in plain, or it ends
//! in a digest of its selector, and plain values that look like anything else that is built here get a digest too.

use sha2::{Digest, Sha256};

use crate::flow::{LabelCube, Symbol, Values};

/// What an object does for the pods that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    /// A `NetworkPolicy` that isolates and opens nothing.
    DefaultDeny,
    /// A `NetworkPolicy` that opens what every pod needs.
    Baseline,
    /// An `AuthorizationPolicy` that lets nothing through.
    DenyAll,
    /// What rules let through.
    Allow,
    /// What rules refuse.
    Deny,
    /// What rules log.
    Audit,
    /// Which transport is accepted.
    Transport,
    /// Which tokens are verified.
    Tokens,
}

/// The label whose value alone makes a plain name.
const PLAIN_KEY: &str = "app";
/// Longest name before anything is put around it: with all of that it stays a label value, at most 63 characters.
const MAX_BASE: usize = 40;
/// Digits of a digest in a name.
const DIGEST_DIGITS: usize = 10;
/// Names that objects for all pods of a namespace have, and that some clusters use for the like.
const RESERVED: [&str; 6] = ["all-pods", "baseline", "default", "default-deny", "deny-all", "allow-all"];
const PART: &str = "-part-";

impl Role {
    const ALL: [Self; 8] =
        [Self::DefaultDeny, Self::Baseline, Self::DenyAll, Self::Allow, Self::Deny, Self::Audit, Self::Transport, Self::Tokens];

    /// The name of the object that selects every pod of its namespace.
    const fn of_all(self) -> &'static str {
        match self {
            Self::DefaultDeny => "default-deny",
            Self::Baseline => "baseline",
            Self::DenyAll => "deny-all",
            Self::Allow | Self::Tokens => "all-pods",
            Self::Deny => "all-pods-deny",
            Self::Audit => "all-pods-audit",
            Self::Transport => "default",
        }
    }

    /// What stands before and behind the subject.
    const fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::DefaultDeny => ("default-deny-", ""),
            Self::Baseline => ("baseline-", ""),
            Self::DenyAll => ("deny-all-", ""),
            Self::Allow | Self::Transport | Self::Tokens => ("", ""),
            Self::Deny => ("", "-deny"),
            Self::Audit => ("", "-audit"),
        }
    }
}

/// The name of the object that does this for these pods: a DNS-1123 label of at most 63 characters, [`part`] included.
pub(super) fn name(subject: &LabelCube, role: Role) -> String {
    if subject.is_all() {
        return role.of_all().to_owned();
    }
    let (before, behind) = role.around();
    format!("{before}{}{behind}", base(subject))
}

/// The name of one of several objects that say together what one would; the first, number 1, has the plain name.
pub(super) fn part(name: &str, number: usize) -> String {
    if number <= 1 { name.to_owned() } else { format!("{name}{PART}{number}") }
}

/// `db` for exactly `app=db`, else what can be read of the selector and a digest of it.
fn base(subject: &LabelCube) -> String {
    let mut tests = subject.iter();
    if let (Some((key, values)), None) = (tests.next(), tests.next())
        && let Some(value) = values.single().filter(|value| &**key == PLAIN_KEY && is_plain(value))
    {
        return value.to_string();
    }
    let readable = readable(subject);
    format!("{readable}-{}", digest(subject))
}

/// Whether a value can be a name as it is and is not mistaken for a name that is put together.
fn is_plain(value: &str) -> bool {
    let letters = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let valid = !value.is_empty() && value.len() <= MAX_BASE && letters && !value.starts_with('-') && !value.ends_with('-');
    let numbered = value.rsplit_once(PART).is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let digested = value.rsplit_once('-').is_some_and(|(_, end)| is_digest(end));
    let built = |role: Role| {
        let (before, behind) = role.around();
        (!before.is_empty() && value.starts_with(before)) || (!behind.is_empty() && value.ends_with(behind))
    };
    valid && !numbered && !digested && !RESERVED.contains(&value) && !Role::ALL.into_iter().any(built)
}

fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// What a person recognises a selector by; of it the digest alone must be unique.
fn readable(subject: &LabelCube) -> String {
    let words = subject.iter().map(|(key, values)| words(key, values)).collect::<Vec<_>>().join("-");
    let mut slug = String::new();
    for letter in words.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(MAX_BASE - DIGEST_DIGITS - 1);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "pods".to_owned() } else { slug.to_owned() }
}

/// One test in words: its values, or the last part of its key where there are none.
fn words(key: &Symbol, values: &Values) -> String {
    let short = key.rsplit('/').next().unwrap_or_default();
    let list = values.words().join("-");
    match (values.is_cofinite(), list.is_empty()) {
        (false, false) => list,
        (false, true) if values.allows_absent() => format!("no-{short}"),
        (false, true) => format!("empty-{short}"),
        (true, true) => short.to_owned(),
        (true, false) => format!("not-{list}"),
    }
}

/// A digest of the selector's tests, each field with its length, so that no two selectors are one text.
fn digest(subject: &LabelCube) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    for (key, values) in subject.iter() {
        field(key.as_bytes());
        field(&[u8::from(values.is_cofinite()), u8::from(values.allows_absent())]);
        field(&u64::try_from(values.words().len()).unwrap_or(u64::MAX).to_be_bytes());
        values.words().iter().for_each(|word| field(word.as_bytes()));
    }
    let number = hasher.finalize().iter().take(DIGEST_DIGITS / 2).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:0DIGEST_DIGITS$x}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn app(value: &str) -> LabelCube {
        LabelCube::of("app".into(), Values::one(value.into()))
    }

    #[test]
    fn plain_values_are_names_and_all_others_get_a_digest() {
        assert_eq!(name(&app("db"), Role::Allow), "db");
        assert_eq!(name(&app("redis-2"), Role::Deny), "redis-2-deny");
        assert_eq!(name(&app("5"), Role::Baseline), "baseline-5");
        assert_eq!(name(&LabelCube::all(), Role::DefaultDeny), "default-deny");
        let digested = |cube: &LabelCube, readable: &str| {
            let name = name(cube, Role::Allow);
            let (front, end) = name.rsplit_once('-').unwrap();
            assert!(is_digest(end), "{name}");
            assert_eq!(front, readable);
        };
        for (value, readable) in [
            ("default-deny", "default-deny"),
            ("baseline", "baseline"),
            ("x-deny", "x-deny"),
            ("baseline-db", "baseline-db"),
            ("db-part-2", "db-part-2"),
            ("db-0123456789", "db-0123456789"),
            ("Web_1.x", "web-1-x"),
            ("", "empty-app"),
            ("a.b", "a-b"),
        ] {
            digested(&app(value), readable);
        }
        digested(&app("web").with("tier".into(), Values::of(["a".into(), "b".into()])), "web-a-b");
        digested(&LabelCube::of("app".into(), Values::except(["web".into()])), "not-web");
        digested(&LabelCube::of("example.com/tier".into(), Values::present()), "tier");
        digested(&LabelCube::of("app.kubernetes.io/name".into(), Values::one("web".into())), "web");
    }

    #[test]
    fn a_name_does_not_change_with_the_compiler() {
        assert_eq!(name(&app("x-deny"), Role::Allow), "x-deny-c6ead53cef");
    }

    #[test]
    fn parts_are_numbered_from_the_second() {
        assert_eq!(part("db", 1), "db");
        assert_eq!(part("db", 2), "db-part-2");
    }

    fn values() -> impl Strategy<Value = Values> {
        let word = prop_oneof![
            "[a-z0-9]([a-z0-9-]{0,3}[a-z0-9])?",
            "[A-Za-z0-9_.-]{0,63}",
            Just("default-deny".to_owned()),
            Just("all-pods".to_owned()),
            "(baseline-|deny-all-)?[ab]-(deny|audit|part-2|0123456789)",
        ];
        (prop::collection::vec(word, 0..3), 0..4_u8).prop_map(|(words, kind)| {
            let words = words.into_iter().map(Symbol::from);
            match kind {
                0 => Values::of(words),
                1 => Values::except(words),
                2 => Values::of(words).union(&Values::absent()),
                _ => Values::except(words).intersect(&Values::present()),
            }
        })
    }

    fn cube() -> impl Strategy<Value = LabelCube> {
        let key = prop_oneof![Just("app"), Just("tier"), Just("example.com/app")];
        let plain = "[ab]{1,2}(-(deny|audit|part-2))?".prop_map(|value| app(&value));
        let any = prop::collection::btree_map(key, values(), 0..3)
            .prop_map(|tests| tests.into_iter().fold(LabelCube::all(), |cube, (key, values)| cube.with(key.into(), values)));
        prop_oneof![plain, any]
    }

    proptest! {
        #[test]
        fn names_are_valid_and_tell_selectors_apart(cubes in prop::collection::vec(cube(), 1..40)) {
            // Within one kind: the NetworkPolicies, the AuthorizationPolicies, and the two that have one role.
            let kinds: [&[Role]; 4] = [
                &[Role::DefaultDeny, Role::Baseline, Role::Allow],
                &[Role::DenyAll, Role::Allow, Role::Deny, Role::Audit],
                &[Role::Transport],
                &[Role::Tokens],
            ];
            for roles in kinds {
                let mut seen: BTreeMap<String, (&LabelCube, Role, usize)> = BTreeMap::new();
                for cube in &cubes {
                    for role in roles {
                        for number in [1, 2, 999] {
                            let name = part(&name(cube, *role), number);
                            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                            prop_assert!(!name.is_empty() && name.len() <= 63 && name.bytes().all(letters), "{}", name);
                            prop_assert!(!name.starts_with('-') && !name.ends_with('-'), "{}", name);
                            let entry = (cube, *role, number);
                            let known = *seen.entry(name.clone()).or_insert(entry);
                            prop_assert_eq!(known, entry, "{}", name);
                        }
                    }
                }
            }
        }
    }
}
