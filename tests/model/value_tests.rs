//! Value matching (`semantics.md` §2.5) and paths (§2.7), form by form.

use super::values::{glob, matches, normalise, template, template_problem};

#[test]
fn the_four_forms_of_a_value() {
    for (pattern, value, expected) in [
        ("*", "x", true),
        ("*", "", false),
        ("abc*", "abc", true),
        ("abc*", "abcd", true),
        ("abc*", "ab", false),
        ("*abc", "abc", true),
        ("*abc", "xabc", true),
        ("*abc", "abcx", false),
        ("abc", "abc", true),
        ("abc", "ABC", false),
        ("a*c", "abc", false),
        ("a*c", "a*c", true),
        ("*abc*", "xabcx", false),
        ("*abc*", "xabc*", true),
    ] {
        assert_eq!(matches(pattern, value), expected, "{pattern} on {value}");
    }
}

#[test]
fn each_star_of_a_namespace_is_any_run() {
    for (pattern, value, expected) in [
        ("team-*-prod", "team-a-prod", true),
        ("team-*-prod", "team-a-dev", false),
        ("*", "x", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("ab", "abc", false),
    ] {
        assert_eq!(glob(pattern, value), expected, "{pattern} on {value}");
    }
}

#[test]
fn path_templates() {
    for (pattern, path, expected) in [
        ("/a/{**}", "/a/", true),
        ("/a/{**}", "/a/x/y", true),
        ("/a/{**}", "/a", false),
        ("/a/{*}", "/a/", false),
        ("/a/{*}", "/a/b", true),
        ("/a/{*}", "/a/b/c", false),
        ("/a/{*}", "/a/b/", false),
        ("/a/{*}/c", "/a/b/c", true),
        ("/a/{*}/c", "/a//c", false),
        ("/{*}/{*}", "/a/b", true),
        ("/{**}", "/", true),
        ("/{**}", "/a//b", true),
        ("/a/{**}/z", "/a/b/c/z", true),
        ("/a/{**}/z", "/a//z", true),
        ("/a/{**}/z", "/a/z", false),
        ("/a/{**}/z", "/a/b/zz", false),
        ("/a/{*}", "/a/%20", true),
        ("/a/{*}", "/a/b|c", false),
        ("/{*}/b", "/a/B", false),
    ] {
        assert_eq!(template(pattern, path), expected, "{pattern} on {path}");
    }
}

#[test]
fn templates_that_istio_refuses() {
    for pattern in ["/a/x{*}", "/a/{*}x", "/a/{**}/{*}", "/{**}/{**}", "/a/*/{*}", "/a*/{**}", "/{a}/{*}", "/{*}*"] {
        assert!(template_problem(pattern).is_some(), "{pattern}");
    }
    for pattern in ["/{*}", "/{**}", "/a/{*}/{**}/z", "/{*}/b/{*}"] {
        assert_eq!(template_problem(pattern), None);
    }
}

#[test]
fn base_normalisation() {
    for (path, expected) in [
        ("/a", "/a"),
        ("/", "/"),
        ("", ""),
        ("*", "*"),
        ("/a?b=/c", "/a"),
        ("/a#b", "/a"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a//b", "/a//b"),
        ("/a\\b", "/a/b"),
        ("/%61%2d%7E", "/a-~"),
        ("/%2Fa%2f", "/%2Fa%2f"),
        ("/%2e%2e/a", "/a"),
        ("/a%", "/a%"),
        ("/a%4", "/a%4"),
        ("/a%zz%41", "/a%zzA"),
        ("/a%+1", "/a%+1"),
        ("/é%C3%A9", "/é%C3%A9"),
    ] {
        assert_eq!(normalise(path), expected, "{path}");
    }
}
