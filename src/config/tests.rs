use super::*;
use crate::diagnostic::level::Setting;
use crate::diagnostic::{Code, Level};
use crate::flow::{Prefix, Protocol};

fn read_text(text: &str) -> (Config, Vec<Diagnostic>) {
    read(FileId(0), &Source::new("twogate.toml", text))
}

fn clean(text: &str) -> Config {
    let (config, findings) = read_text(text);
    assert!(findings.is_empty(), "{text}: {findings:#?}");
    config
}

/// Each finding as its code, the text under it and its message.
fn said(text: &str) -> Vec<String> {
    let source = Source::new("twogate.toml", text);
    let (_, findings) = read(FileId(0), &source);
    findings.iter().map(|finding| format!("{} at `{}`: {}", finding.code, source.slice(finding.span().unwrap()), finding.message)).collect()
}

/// The first edit of the only finding.
fn fix(text: &str) -> String {
    let (_, findings) = read_text(text);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings[0].helps[0].edits.first().map(|edit| edit.text.clone()).unwrap_or_default()
}

#[test]
fn every_key_is_accepted_and_its_default_is_the_default() {
    // That the mode was written down is kept beside it: a default is no word of anybody's.
    let values = |text: &str| {
        let mut config = clean(text);
        config.mesh.mode_said = Answer::No;
        config
    };
    assert_eq!(clean(""), Config::default());
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        assert_eq!(values(&format!("{} = {}", key.name, key.default)), Config::default(), "{}", key.name);
        assert!(key.meaning.ends_with('.'), "{}", key.name);
    }
    let all: Vec<String> =
        KEYS.iter().filter(|key| !key.default.is_empty()).map(|key| format!("{} = {}\n", key.name, key.default)).collect();
    assert_eq!(values(&all.concat()), Config::default());
    assert_eq!(clean(&all.concat()).mesh.mode_said, Answer::Yes);
}

#[test]
fn every_key_changes_something() {
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        // Of these some value is right for each key and differs from its default.
        let values = [
            "\"none\"",
            "\"no\"",
            "\"yes\"",
            "\"1.99\"",
            "\"other\"",
            "[\"other\"]",
            "[\"192.0.2.0/24\"]",
            "\"a=b@c\"",
            "[1]",
            "\"both\"",
            "\"namespaces\"",
            "\"omit\"",
            "\"argo-cd\"",
            "\"nodes\"",
            "[{ flow = \"internet -> app=web@shop:8443\", reason = \"r\", until = \"2027-03-31\" }]",
        ];
        let changes = values.iter().any(|value| {
            let (config, findings) = read_text(&format!("{} = {value}", key.name));
            findings.is_empty() && config != Config::default()
        });
        assert!(changes, "{}", key.name);
    }
}

#[test]
fn a_whole_file_is_read() {
    let config = clean(
        "[mesh]\nmode = \"ambient\"\nistio = \"1.30.2\"\ntrust-domain = \"corp.example\"\n\n[cluster]\npod-cidrs = [\"10.244.0.0/16\", \"fd00:1::/56\"]\n\
         [dns]\npods = [\"dns=a@x\", \"*@y\"]\nports = [\"5353/udp\", 5353]\n[ingress]\nsource = [\"192.0.2.0/28\"]\n\
         [tenancy]\nconsent = \"both\"\nsystem-namespaces = [\"kube-system\"]\n[lints]\nshared-account = \"warning\"\nunused-name = \"off\"\n",
    );
    assert_eq!((config.mesh.mode, config.mesh.istio), (DataPlane::Ambient, Version { major: 1, minor: 30, patch: 2 }));
    assert_eq!(config.mesh.istio.to_string(), "1.30.2");
    assert!(config.cluster.pods.contains("10.244.3.4".parse().unwrap()) && config.cluster.pods.contains("fd00:1::9".parse().unwrap()));
    assert_eq!(config.dns.pods.iter().map(ToString::to_string).collect::<Vec<_>>(), ["*@y", "dns=a@x"]);
    assert!(config.dns.ports.contains(Protocol::Udp, 5353) && !config.dns.ports.contains(Protocol::Udp, 53));
    assert_eq!(config.ingress, IngressSource::Addresses([Prefix::parse("192.0.2.0/28").unwrap()].into_iter().collect()));
    assert!(!config.is_protected("kube-system") && config.is_protected("kube-public") && config.is_protected("istio-system"));
    assert!(!config.is_protected("shop"));
    assert_eq!(config.lints.get(code::SHARED_ACCOUNT), Some(LintLevel::At(Level::Warning)));
}

#[test]
fn unknown_keys_are_found_where_they_stand() {
    assert_eq!(said("[mesh]\nmod = \"none\"\n"), ["unknown-key at `mod`: `mesh` has no key `mod`"]);
    assert_eq!(fix("[mesh]\nmod = \"none\"\n"), "mode");
    assert_eq!(fix("[mesh]\ntrust_domain = \"x\"\n"), "trust-domain");
    assert_eq!(fix("[messh]\nmode = \"none\"\n"), "mesh");
    assert_eq!(said("[mesh.mode]\nx = 1\n"), ["invalid-config at `[mesh.mode]`: `mesh.mode` is a table"]);
    assert_eq!(said("colour = 1\n"), ["unknown-key at `colour`: `colour` is no section of `twogate.toml`"]);
    let (_, findings) = read_text("trust-domain = \"x\"\n");
    assert_eq!(findings[0].helps[0].text, "write it as `mesh.trust-domain`");
    let (_, findings) = read_text("[mesh]\npod-cidrs = []\n");
    assert_eq!(findings[0].helps[0].text, "the key is `cluster.pod-cidrs`");
    assert_eq!(said("mesh = \"sidecar\"\n"), ["invalid-config at `\"sidecar\"`: `mesh` is a section, not a key"]);
    assert_eq!(said("lints = 1\n").len(), 1);
}

#[test]
fn wrong_values_are_found_where_they_stand() {
    let cases = [
        ("mesh.mode = 1", "invalid-config at `1`: `mesh.mode` is a number"),
        ("mesh.mode = \"sidcar\"", "invalid-config at `\"sidcar\"`: `mesh.mode` cannot be `sidcar`"),
        ("mesh.istio = 1.25", "invalid-config at `1.25`: `mesh.istio` is a number"),
        ("mesh.istio = \"1.x\"", "invalid-config at `\"1.x\"`: `mesh.istio` cannot be `1.x`"),
        ("mesh.istio = \"1.2.3.4\"", "invalid-config at `\"1.2.3.4\"`: `mesh.istio` cannot be `1.2.3.4`"),
        ("mesh.istio = \"v1.2\"", "invalid-config at `\"v1.2\"`: `mesh.istio` cannot be `v1.2`"),
        ("mesh.root-namespace = \"Istio\"", "invalid-config at `\"Istio\"`: `mesh.root-namespace` cannot be `Istio`"),
        ("mesh.trust-domain = \"a/b\"", "invalid-config at `\"a/b\"`: `mesh.trust-domain` cannot be `a/b`"),
        ("cluster.pod-cidrs = \"10.0.0.0/8\"", "invalid-config at `\"10.0.0.0/8\"`: `cluster.pod-cidrs` is a text"),
        ("cluster.pod-cidrs = [8]", "invalid-config at `8`: `cluster.pod-cidrs` is a number"),
        ("cluster.pod-cidrs = [\"010.0.0.0/8\"]", "invalid-address at `\"010.0.0.0/8\"`: `010.0.0.0/8` is no address and no block"),
        ("cluster.pod-cidrs = [\"10.0.0.5/8\"]", "host-bits at `\"10.0.0.5/8\"`: `10.0.0.5/8` has bits set behind its prefix"),
        ("dns.ports = [0]", "invalid-config at `0`: `dns.ports` cannot be `0`"),
        ("dns.ports = [\"53/icmp\"]", "invalid-config at `\"53/icmp\"`: `dns.ports` cannot be `53/icmp`"),
        ("dns.ports = 53", "invalid-config at `53`: `dns.ports` is a number"),
        ("dns.pods = \"app=x\"", "invalid-config at `\"app=x\"`: `dns.pods` cannot be `app=x`"),
        ("ingress.source = true", "invalid-config at `true`: `ingress.source` is `true`"),
        ("network-plugin.sctp = true", "invalid-config at `true`: `network-plugin.sctp` is `true`"),
        ("lints.shared-acount = \"off\"", "unknown-code at `shared-acount`: there is no finding `shared-acount`"),
        ("lints.shared-account = \"of\"", "invalid-config at `\"of\"`: `lints.shared-account` cannot be `of`"),
        ("lints.coupled-rules = \"warning\"", "invalid-config at `\"warning\"`: `coupled-rules` is an error and cannot be lowered"),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), [expected]);
    }
    assert_eq!(fix("mesh.istio = 1.30"), "\"1.30\"");
    assert_eq!(fix("network-plugin.sctp = true"), "\"yes\"");
    assert_eq!(fix("lints.shared-acount = \"off\""), "shared-account");
    let (_, findings) = read_text("cluster.pod-cidrs = [\"10.0.0.5/8\"]");
    let readings: Vec<&str> = findings[0].helps.iter().map(|help| help.edits[0].text.as_str()).collect();
    assert_eq!(readings, ["\"10.0.0.0/8\"", "\"10.0.0.5/32\""]);
}

#[test]
fn one_run_finds_everything_and_keeps_the_rest() {
    let text = "[mesh]\nmode = sidecar\nistio = 1\n[cluster]\nnode-cidrs = [\"10.0.0.0/33\", \"10.1.0.0/16\"]\n[dns]\npods = \"a=b@c\"\nport = []\n";
    let (config, findings) = read_text(text);
    assert_eq!(
        findings.iter().map(|finding| finding.code).collect::<Vec<Code>>(),
        [code::INVALID_CONFIG, code::INVALID_CONFIG, code::INVALID_ADDRESS, code::UNKNOWN_KEY]
    );
    assert_eq!(config.dns.pods[0].to_string(), "a=b@c");
    assert!(config.cluster.nodes.contains("10.1.2.3".parse().unwrap()));
}

#[test]
fn lints_never_lower_an_error() {
    let config = clean("[lints]\nshared-account = \"off\"\ncovered-rule = \"error\"\ncoupled-rules = \"error\"\n");
    let settings = config.lints.settings();
    assert_eq!(settings.get(&code::SHARED_ACCOUNT), Some(&Setting::Off));
    assert_eq!(settings.get(&code::COVERED_RULE), Some(&Setting::Error));
    assert_eq!(settings.get(&code::BROAD_RULE), None);
}

#[test]
fn hostile_files_end_in_findings() {
    assert!(!said(&format!("a = {}", "[".repeat(100_000))).is_empty());
    assert!(!said(&format!("{}x = 1", "a.".repeat(100_000))).is_empty());
    assert!(!said("mesh.mode = \"none\"\nmesh.mode = \"none\"\n").is_empty());
    assert!(!said("[mesh]\n[mesh]\n").is_empty());
    assert!(!said("= = =\n\u{0}").is_empty());
    assert_eq!(said(&" ".repeat(MAX_FILE + 1)).len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_reported(text in "([a-z]{1,3}|[-=.\\[\\]{}#'\" ,\n\r\t0-9]|mesh|mode|lints\\.|\\[mesh\\]\n|\\[\\[|\u{2028}|é){0,60}") {
        let source = Source::new("twogate.toml", text);
        let (_, findings) = read(FileId(0), &source);
        for finding in findings {
            let span = finding.span().unwrap();
            proptest::prop_assert!(source.text().get(span.range()).is_some(), "{span:?} of {:?}", source.text());
        }
    }
}

#[test]
fn accepted_exposures_say_what_why_and_how_long() {
    let whole = "[[diff.allow]]\nflow = \"internet -> app=web@shop:8443\"\nreason = \"the shop's door\"\nuntil = \"2027-03-31\"\n";
    let config = clean(&whole.repeat(2));
    assert_eq!(config.diff.allow.len(), 2);
    assert_eq!((config.diff.allow[0].reason.as_str(), config.diff.allow[0].until.as_str()), ("the shop's door", "2027-03-31"));
    for part in ["flow", "reason", "until"] {
        let lines: String = whole.lines().filter(|line| !line.starts_with(part)).fold(String::new(), |text, line| text + line + "\n");
        assert_eq!(read_text(&lines).1.len(), 1, "{part}");
    }
    for wrong in [whole.replace("2027-03-31", "2027-02-30"), whole.replace("the shop's door", " "), format!("{whole}ever = \"yes\"\n")] {
        assert_eq!(read_text(&wrong).1.len(), 1, "{wrong}");
    }
}
