//! Every value against every identity, and what stays open of them.

use super::*;

fn principals(value: &str, reader: Reader) -> Callers {
    let platform = Platform { trust_domain: "corp".into(), trust_domain_aliases: ["old".into()].into(), ..Platform::default() };
    Callers::principals(&[value.into()], reader, &platform)
}

/// Every value against every identity, as text.
#[test]
fn a_principal_is_compared_as_one_text() {
    let values = [
        "corp/ns/a/sa/b",
        "corp/ns/a/*",
        "corp/ns/a*",
        "corp/ns/a/sa/*",
        "corp/ns/a/s*",
        "corp/ns/a/sa/b*",
        "cor*",
        "corp/ns/*",
        "corp/*",
        "*",
        "*b",
        "*/b",
        "*a/b",
        "*sa/b",
        "*/sa/b",
        "*a/sa/b",
        "*/a/sa/b",
        "*s/a/sa/b",
        "*corp/ns/a/sa/b",
        "*p/ns/a/sa/b",
        "*/ns/*",
        "x*",
        "*/",
        "*/x/b",
        "corp/ns/a/x*",
        "corp/ns/a/sa/b/*",
        "spiffe://corp/ns/a/sa/b",
        "corp/ns/*/sa/b",
        "*//b",
        "*x/sa/b",
        "/*",
    ];
    for value in values {
        for namespace in ["a", "aa", "ns", "sa", "x"] {
            for account in ["b", "bb", "sa", "a"] {
                let text = format!("corp/ns/{namespace}/sa/{account}");
                let expected = Truth::of(Word::read(value).matches(&text));
                assert_eq!(principals(value, Reader::Ztunnel).hold(namespace, account), expected, "{value} {text}");
            }
        }
    }
}

#[test]
fn five_segments_stand_for_every_domain_of_the_mesh() {
    for value in ["cluster.local/ns/a/sa/b", "old/ns/a/sa/b", "corp/ns/a/sa/b", "*/ns/a/sa/b", "cluster.local/ns/a/sa/*"] {
        assert_eq!(principals(value, Reader::Envoy).hold("a", "b"), Truth::Yes, "{value}");
    }
    for value in ["cluster.local/ns/a/*", "other/ns/a/sa/b", "cluster.local/*"] {
        assert_eq!(principals(value, Reader::Envoy).hold("a", "b"), Truth::No, "{value}");
    }
    assert_eq!(principals("cluster.local/ns/a/sa/b", Reader::Ztunnel).hold("a", "b"), Truth::No);
}

#[test]
fn a_pattern_of_domains_stands_for_those_of_the_mesh() {
    let platform = Platform { trust_domain: "mesh.local".into(), ..Platform::default() };
    let platform = Platform { trust_domain_aliases: ["old-td".into(), "other.dom".into()].into(), ..platform };
    let hold = |value: &str, reader| Callers::principals(&[value.into()], reader, &platform).hold("a", "b");
    for value in ["*-td/ns/a/sa/b", "old*/ns/a/sa/b", "*dom/ns/a/sa/b", "mesh*/ns/a/sa/*", "*.local/ns/a/sa/b"] {
        assert_eq!(hold(value, Reader::Envoy), Truth::Yes, "{value}");
    }
    for value in ["*xx/ns/a/sa/b", "older*/ns/a/sa/b", "*-td/ns/a/sa/x", "*-td/ns/x/sa/b", "o*d/ns/a/sa/b"] {
        assert_eq!(hold(value, Reader::Envoy), Truth::No, "{value}");
    }
    for value in ["*-td/ns/a/sa/b", "old*/ns/a/sa/b"] {
        assert_eq!(hold(value, Reader::Ztunnel), Truth::No, "{value}");
    }
}

#[test]
fn what_tells_the_domains_of_the_mesh_apart_is_left_open() {
    for value in ["corp/ns/a/*", "old/ns/a/*", "old/*", "co*", "old/ns/*"] {
        assert!(matches!(principals(value, Reader::Envoy).hold("a", "b"), Truth::Open(_)), "{value}");
        assert!(principals(value, Reader::Envoy).may_be_open(), "{value}");
    }
    // Where the rest of it does not match, no domain does.
    assert_eq!(principals("corp/ns/a/*", Reader::Envoy).hold("x", "b"), Truth::No);
    // ztunnel's callers are all of its own domain.
    assert_eq!(principals("corp/ns/a/*", Reader::Ztunnel).hold("a", "b"), Truth::Yes);
    assert_eq!(principals("old/ns/a/*", Reader::Ztunnel).hold("a", "b"), Truth::No);
    for value in ["*", "*/sa/b", "*/ns/a/sa/b"] {
        assert_eq!(principals(value, Reader::Envoy).hold("a", "b"), Truth::Yes, "{value}");
        assert!(!principals(value, Reader::Envoy).may_be_open(), "{value}");
    }
}

#[test]
fn older_istio_takes_dots_for_letters() {
    let at = |istio| {
        let platform = Platform { istio, ..Platform::default() };
        Callers::accounts(&["shop/a.b".into()], "shop", Reader::Envoy, &platform).hold("shop", "axb")
    };
    assert!(matches!(at((1, 25, 0)), Truth::Open(_)));
    assert!(matches!(at((1, 28, 5)), Truth::Open(_)));
    assert_eq!(at((1, 28, 6)), Truth::No);
    assert_eq!(at((1, 30, 0)), Truth::No);
    let names = |value: &str| Callers::namespaces(&[value.into()], Reader::Envoy, &Platform::default());
    assert!(matches!(names("*sa").hold("shop", "x"), Truth::Open(_)));
    assert_eq!(names("*sa").hold("lisa", "x"), Truth::Yes);
    assert_eq!(names("team-*-prod").hold("team-a-prod", "x"), Truth::Yes);
}

/// Whoever cuts by the parts tells all that differ in the answer apart, why it is open included.
#[test]
fn the_parts_of_callers_tell_all_answers_apart() {
    let domains = Platform { trust_domain: "corp".into(), trust_domain_aliases: ["old".into()].into(), ..Platform::default() };
    let values = [
        &["*a.b"][..],
        &["*/sa/a.b", "*/ns/ns-a/sa/a.b"],
        &["corp/ns/ns-a/*", "*a.b"],
        &["old/*", "corp/ns/sa/sa/a.b"],
        &["*sa", "l.sa", "n*a"],
        &["l.s*a", "*sa", "li*a"],
        &["ns-a/a.b", "sa/axb"],
    ];
    for platform in [Platform::default(), domains] {
        for values in values {
            let values: Vec<Symbol> = values.iter().map(|value| Symbol::from(*value)).collect();
            for reader in [Reader::Envoy, Reader::Ztunnel] {
                tells_all_apart(&Callers::principals(&values, reader, &platform));
                tells_all_apart(&Callers::namespaces(&values, reader, &platform));
                tells_all_apart(&Callers::accounts(&values, "sa", reader, &platform));
            }
        }
    }
}

fn tells_all_apart(callers: &Callers) {
    let mut answers: Vec<(Vec<bool>, Truth)> = Vec::new();
    for namespace in ["ns-a", "n-a", "sa", "lisa", "lxsa", "lixa"] {
        for account in ["a.b", "axb", "xa.b", "xaxb", "web"] {
            let passes = |tests: Vec<(Name, Name)>| tests.iter().any(|(own, name)| own.matches(namespace) && name.matches(account));
            let held: Vec<bool> = callers.parts().map(passes).collect();
            let answer = callers.hold(namespace, account);
            let known = answers.iter().find(|(other, _)| *other == held).map(|(_, answer)| *answer);
            assert_eq!(known.unwrap_or(answer), answer, "{namespace}/{account} {callers:?}");
            answers.push((held, answer));
        }
    }
}
