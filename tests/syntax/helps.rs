//! Every finding says what to do, wherever a line is wrong.

use super::read;

/// Lines with a part of every kind.
const LINES: [&str; 22] = [
    "namespace pay labels env=prod,team=x mesh sidecar open egress",
    "namespace edge mesh ambient waypoint gate",
    "external namespace ops labels team=x mesh none {}",
    "workload web = app=web,tier!=old account web-sa port http=8080 port grpc=9090/tcp",
    "workload old = app=old unmeshed",
    "group callers = app=web or app=job but app=old",
    "network office = 203.0.113.0/24 except 203.0.113.9",
    "network six = [2001:db8::/32]",
    "issuer corp = \"https://id.test\" jwks \"https://id.test/keys\" audience \"api\" | \"web\"",
    "close in out app=db",
    "allow app=web -> app=db:5432",
    "allow in app=web@front or as job@[env=prod] -> app=db:5432 mtls because \"orders\"",
    "allow (app=web or *@ops) but app=old -> app=db:5432-5440/tcp until 2027-03-31",
    "allow app=web -> app=api:8080 mtls http GET|POST /v1/{*}/x at \"a.test\" header x-tenant=a",
    "allow app=web -> app=api:8080 mtls http GET /v1 jwt corp claim groups=admin|ops claim tenant=a",
    "allow app=web -> app=api:8080 mtls grpc shop.Orders/Get accept cidr-may-cover-pods",
    "allow out app=web -> 203.0.113.0/24:443 accept cidr-may-cover-pods because \"a partner\"",
    "allow app=web -> host \"api.test\":443",
    "deny * -> app=api:8080 http GET /admin/{**}",
    "audit internet -> app=api:8080 because \"look\" until 2027-03-31",
    "expect deny app=job -> app=db:5432",
    "expect some app=web -> app=api:8080 mtls http GET /v1",
];

/// A word as it is misspelt.
fn misspelt(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    let without = |at: usize| letters.iter().enumerate().filter(|(own, _)| *own != at).map(|(_, letter)| *letter).collect();
    let with = |sign: char| letters[..middle].iter().chain([&sign]).chain(&letters[middle..]).collect();
    vec![
        without(middle),
        without(0),
        without(letters.len() - 1),
        with('q'),
        with('='),
        with(':'),
        with(','),
        with('['),
        with('"'),
        with('ö'),
    ]
}

/// A line with one word changed: dropped, doubled, misspelt, another one in its place, and cut off behind it.
fn mutations(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut all = Vec::new();
    for at in 0..words.len() {
        let with = |instead: &[&str]| [&words[..at], instead, &words[at + 1..]].concat().join(" ");
        all.extend([with(&[]), with(&[words[at], words[at]]), words[..=at].join(" ")]);
        all.extend(misspelt(words[at]).iter().map(|word| with(&[word])));
        let others = ["acount", "mtls", "[banana]", "{", ")", "->", "=", "80", "\"x\"", "/v1", "*", "|", "or", "namespace"];
        all.extend(others.iter().flat_map(|other| [with(&[other]), with(&[words[at], other])]));
    }
    all
}

#[test]
fn every_finding_about_a_line_says_what_to_do() {
    let mut found = 0;
    for line in LINES {
        assert_eq!(read(&format!("{line}\n")).2.len(), 0, "{line}: {:?}", read(line).2);
        for wrong in mutations(line) {
            let (_, _, findings) = read(&format!("{wrong}\n"));
            found += findings.len();
            for finding in findings {
                assert!(!finding.helps.is_empty(), "`{wrong}`: {finding:?}");
                assert!(finding.helps.iter().all(|help| !help.text.is_empty()), "`{wrong}`: {finding:?}");
            }
        }
    }
    assert!(found > 3000, "{found}");
}

/// The words that may stand there are told where none of them is near.
#[test]
fn what_may_stand_there_is_told() {
    let helps = |line: &str| -> Vec<String> {
        let findings = read(&format!("{line}\n")).2;
        assert_eq!(findings.len(), 1, "{line}: {findings:?}");
        findings[0].helps.iter().map(|help| help.text.clone()).collect()
    };
    let clauses = "here may stand `mtls`, `http`, `grpc`, `jwt`, `until`, `because` or `accept`; else remove it";
    assert_eq!(helps("allow app=web -> app=db:5432 acount"), [clauses]);
    assert_eq!(helps("deny app=web -> app=db acount"), ["here may stand `http`, `grpc`, `until` or `because`; else remove it"]);
    assert_eq!(helps("allow app=web -> app=db:5432 becuase \"x\""), ["write `because`"]);
    assert_eq!(helps("workload web = app=web acount x"), ["write `account`"]);
    assert_eq!(helps("workload web = app=web banana x"), ["here may stand `account`, `port` or `unmeshed`; else remove it"]);
    assert_eq!(helps("allow app=web ->"), ["write an endpoint behind `->`"]);
    assert_eq!(helps("allow [banana] -> app=db:80"), ["here may stand an endpoint such as `app=web`, `*@shop` or a workload's name"]);
}
