//! That nothing of a difference is passed over: a line counts for everything that it holds, and what is accepted is no more than that.

use crate::cli::{Place, Ran};

#[cfg(unix)]
use super::repository::Repository;

const NETWORKS: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n[ingress]\nsource = \"client\"\n";

const ISSUER: &str = "issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"\n";

/// Two states of a namespace, each of some lines.
fn states(old: &str, new: &str, config: &str) -> Place {
    let lines = |lines: &str| format!("namespace shop\n{ISSUER}{lines}\n");
    Place::with(&[("old/shop.intent", &lines(old)), ("new/shop.intent", &lines(new)), ("twogate.toml", config)])
}

fn allow(flow: &str) -> String {
    format!("{NETWORKS}[[diff.allow]]\nflow = \"{flow}\"\nreason = \"the shop's door\"\nuntil = \"2027-12-31\"\n")
}

fn run(place: &Place, arguments: &str) -> Ran {
    place.run(&format!("diff old new --today 2027-01-01 {arguments}"))
}

/// What `--fail-on` each of these fails.
fn fails(place: &Place, arguments: &str) -> Vec<&'static str> {
    let words = ["gained", "lost", "internet", "weakened", "unspecified"];
    words.into_iter().filter(|word| place.run(&format!("{arguments} --fail-on {word}")).status == 1).collect()
}

/// An exposure is accepted by its ends and ports: what a clause would leave out cannot be told from what passes.
#[test]
fn an_accepted_exposure_has_no_clauses() {
    for clause in ["http GET /public", "mtls", "plaintext", "jwt corp"] {
        let place = states("allow app=x -> app=web:1", "allow app=x -> app=web:1\nallow internet -> app=web:8443", "");
        place.put("twogate.toml", allow(&format!("internet -> app=web@shop:8443 {clause}")).as_bytes());
        let ran = run(&place, "");
        assert_eq!(ran.status, 2, "{clause}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("an accepted exposure has no clauses") && ran.stderr.contains("twogate.toml:7"), "{}", ran.stderr);
    }
}

#[test]
fn a_line_counts_for_everything_that_it_holds() {
    for (old, new, wanted) in [
        ("allow app=web -> app=db:80 mtls http GET /a", "allow app=web -> app=db:80 http GET /a, POST /b", &["gained", "weakened"][..]),
        ("allow app=web -> app=db:80 mtls http GET /a", "allow app=web -> app=db:80 http GET /a", &["weakened"]),
        ("allow app=web -> app=db:80 jwt corp http GET /a", "allow app=web -> app=db:80 http *", &["gained", "weakened"]),
        ("allow app=web -> app=db:80 jwt corp http GET /a", "allow app=web -> app=db:80 http GET /a", &["weakened"]),
        ("allow app=web -> app=db:80 http GET /a", "allow app=web -> app=db:80 mtls http GET /a, POST /b", &["gained", "lost"]),
        (
            "allow app=web -> app=db:80 http GET /a\nallow app=web -> app=db:80 mtls http GET /b",
            "allow app=web -> app=db:80 mtls http GET /a\nallow app=web -> app=db:80 http GET /b",
            &["lost", "weakened"],
        ),
        ("allow internet -> app=web:8443 jwt corp", "allow internet -> app=web:8443", &["gained", "internet", "weakened"]),
        ("allow app=web -> app=db:80 http GET /a", "allow app=web -> app=db:80 http GET /a, GET /b", &["gained"]),
        ("allow app=web -> app=db:80 http GET /a, GET /b", "allow app=web -> app=db:80 http GET /a", &["lost"]),
    ] {
        let place = states(old, new, NETWORKS);
        assert_eq!(fails(&place, "diff old new"), wanted, "{old}\n{new}\n{}", run(&place, "").stdout);
    }
}

/// Where a namespace is opened, one line tells it; it counts for what no longer needs mTLS, too.
#[test]
fn what_a_namespace_that_is_opened_tells_counts_whole() {
    let pay = "namespace pay open egress\n";
    let place = Place::with(&[
        ("old/pay.intent", pay),
        ("new/pay.intent", pay),
        ("old/shop.intent", "namespace shop\nallow app=web@pay -> app=db:80 mtls http GET /a\n"),
        ("new/shop.intent", "namespace shop open ingress\n"),
        ("twogate.toml", NETWORKS),
    ]);
    let text = run(&place, "").stdout;
    assert!(text.starts_with("old → new: 1 opened to the internet\n"), "{text}");
    assert_eq!(fails(&place, "diff old new"), ["gained", "internet", "weakened"], "{text}");
    assert!(text.contains("mTLS or a token is no longer required for some of it"), "{text}");
}

/// What is read says what is counted, in every format.
#[test]
fn a_line_says_everything_that_it_holds() {
    let place = states("allow app=web -> app=db:80 http GET /a", "allow app=web -> app=db:80 mtls http GET /a, POST /b", NETWORKS);
    let text = run(&place, "").stdout;
    assert!(text.contains("some of what passed no longer does"), "{text}");
    let place = states("allow app=web -> app=db:80 mtls http GET /a", "allow app=web -> app=db:80 http GET /a, POST /b", NETWORKS);
    let text = run(&place, "").stdout;
    assert!(text.contains("more requests pass, too"), "{text}");
    let sarif = run(&place, "--format sarif").stdout;
    assert!(sarif.contains("\"ruleId\": \"access-weakened\"") && sarif.contains("\"ruleId\": \"access-gained\""), "{sarif}");
    let json: serde_json::Value = serde_json::from_str(&run(&place, "--format json").stdout).unwrap();
    assert_eq!(json["entries"][0]["kinds"], serde_json::json!(["ports-or-requests", "weakened"]), "{json}");
    let place = states("allow internet -> app=web:8443 jwt corp", "allow internet -> app=web:8443", NETWORKS);
    let text = run(&place, "").stdout;
    assert!(text.contains("mTLS or a token is no longer required for some of it"), "{text}");
}

/// A line whose rest the platform leaves open counts for that.
#[test]
fn what_is_left_open_beside_something_gained_counts() {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {}}}\n---\n";
    let policy = |more: &str| {
        format!(
            "{namespace}{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: x, namespace: shop}}, spec: {{action: ALLOW, rules: [{{from: [{{source: {{namespaces: [shop]}}}}], to: [{{operation: {{methods: [PUT]}}}}]}}{more}]}}}}\n"
        )
    };
    let more =
        ", {to: [{operation: {methods: [GET]}}]}, {from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}], to: [{operation: {methods: [POST]}}]}";
    let place = Place::with(&[("a.yaml", &policy("")), ("b.yaml", &policy(more)), ("twogate.toml", "[mesh]\nmode = \"sidecar\"\n")]);
    let failed = fails(&place, "diff --manifests a.yaml b.yaml");
    assert!(failed.contains(&"gained") && failed.contains(&"unspecified"), "{failed:?}");
}

/// Whoever accepts an exposure accepts what is gained by it, and not what somebody loses in its place.
#[test]
fn an_accepted_exposure_does_not_hide_what_is_lost() {
    let config = allow("app=web@shop -> app=db@shop:80");
    let place = states("allow app=web -> app=db:80 http GET /a", "allow app=web -> app=db:80 http GET /b", &config);
    let ran = run(&place, "");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    for words in ["1 tightened · 1 accepted", "\ntightened\n", "what is gained in its place is accepted", "\naccepted"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert_eq!(fails(&place, "diff old new --today 2027-01-01"), ["lost"]);
    let verbose = run(&place, "--verbose").stdout;
    let (lost, _) = verbose.split_once("\naccepted").unwrap();
    assert!(lost.contains("GET /a at") && !lost.contains("GET /b at"), "{verbose}");
    let place = states("allow app=web -> app=db:80 http GET /a", "allow app=web -> app=db:80 http GET /a, GET /b", &config);
    assert_eq!(run(&place, "").status, 0);
}

/// A scope is by labels as the manifests have them.
#[test]
fn scopes_are_by_the_labels_of_manifests() {
    let namespaces = |shop: &str| {
        format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{env: {shop}}}}}}}\n---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: pay, labels: {{env: prod}}}}}}\n---\n"
        )
    };
    let policy = |more: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: shop}}, spec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}], ports: [{{port: 80}}]}}{more}]}}}}\n"
        )
    };
    let more = ", {from: [{podSelector: {matchLabels: {app: x}}}], ports: [{port: 81}]}";
    let (old, new) = (namespaces("test") + &policy(""), namespaces("test") + &policy(more));
    let place = Place::with(&[("a.yaml", &old), ("b.yaml", &new), ("twogate.toml", "[mesh]\nmode = \"none\"\n")]);
    let status = |scope: &str| place.run(&format!("diff --manifests a.yaml b.yaml --fail-on gained@{scope}")).status;
    let all = ["shop", "[env=test]", "[env=prod]", "[env=zzz]", "pay"].map(status);
    assert_eq!(all, [1, 1, 0, 0, 0]);
    // Labelled otherwise in the same change, it is in both scopes; without a word of its labels, in any but those of other names.
    place.put("b.yaml", (namespaces("prod") + &policy(more)).as_bytes());
    assert_eq!(["[env=test]", "[env=prod]", "[env=zzz]"].map(status), [1, 1, 0]);
    place.put("a.yaml", policy("").as_bytes());
    place.put("b.yaml", policy(more).as_bytes());
    assert_eq!(["[env=test]", "pay"].map(status), [1, 0]);
}

/// A repository whose intents are partly behind links, in two commits; the second opens `pay` through one.
#[cfg(unix)]
fn linked(links: &[(&str, &str)]) -> Repository {
    let mut shop = Repository::new();
    shop.put("twogate.toml", NETWORKS);
    shop.put("intents/shop.intent", "namespace shop\nallow app=web -> app=db:80\n");
    shop.put("shared/pay/pay.intent", "namespace pay\nallow app=a -> app=b:80\n");
    for (link, target) in links {
        let link = shop.path().join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    shop.commit("one");
    shop.put("shared/pay/pay.intent", "namespace pay\nallow app=a -> app=b:80\nallow internet -> app=b:80\n");
    shop.commit("two");
    shop
}

#[cfg(unix)]
#[test]
fn links_in_a_revision_are_followed() {
    for links in [
        &[("intents/pay.intent", "../shared/pay/pay.intent")][..],
        &[("intents/pay", "../shared/pay")],
        &[("intents/pay", "../shared/pay"), ("shared/pay/back", "../../intents")],
        &[("intents/pay.intent", "../other/pay.intent"), ("other", "shared/pay")],
        &[("intents/pay.intent", "one.intent"), ("intents/one.intent", "../shared/pay/pay.intent")],
    ] {
        let shop = linked(links);
        let ran = shop.twogate("diff HEAD~1 HEAD --fail-on internet");
        assert_eq!(ran.status, 1, "{links:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("internet -> app=b@pay:80  now allowed"), "{}", ran.stdout);
        // The working tree is what was committed.
        let same = shop.twogate("diff HEAD");
        assert!(same.status == 0 && same.stdout.ends_with("no difference\n"), "{links:?}: {}{}", same.stdout, same.stderr);
    }
}

/// The folder itself may be a link, or stand behind one, and so may the configuration.
#[cfg(unix)]
#[test]
fn a_folder_of_intents_behind_a_link_is_found() {
    let shop = linked(&[("deep/intents", "../shared"), ("deep/more", "../shared"), ("deep/twogate.toml", "../twogate.toml")]);
    for arguments in [
        "diff HEAD~1 HEAD --intents deep/intents",
        "diff HEAD~1 HEAD --intents deep/more/pay",
        "diff HEAD~1 HEAD --intents deep/more/pay/pay.intent",
    ] {
        let ran = shop.twogate(arguments);
        assert!(ran.status == 1 && ran.stdout.contains("opened to the internet"), "{arguments}: {}{}", ran.stdout, ran.stderr);
    }
    let same = shop.twogate("diff HEAD --intents deep/intents");
    assert!(same.status == 0 && same.stdout.ends_with("no difference\n"), "{}{}", same.stdout, same.stderr);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_named() {
    for (link, target) in [
        ("intents/pay.intent", "/etc/hostname"),
        ("intents/pay.intent", "../../outside.intent"),
        ("intents/pay.intent", "../shared/gone.intent"),
        ("intents/pay.intent", "pay.intent"),
        ("intents/pay", "/etc"),
    ] {
        let ran = linked(&[(link, target)]).twogate("diff HEAD~1 HEAD");
        assert!(ran.status == 2 && ran.stderr.contains(&format!("`{link}`")), "{link} -> {target}: {}{}", ran.stdout, ran.stderr);
    }
    // What would not be read if it were a file is no matter.
    for (link, target) in
        [("intents/readme.md", "/etc/hostname"), ("intents/.hidden", "/etc"), ("docs", "/etc"), ("intents/gone", "nowhere")]
    {
        let ran = linked(&[(link, target)]).twogate("diff HEAD~1 HEAD");
        assert_eq!(ran.status, 0, "{link}: {}{}", ran.stdout, ran.stderr);
    }
    let toml = linked(&[("deep/intents", "../intents"), ("deep/twogate.toml", "/etc/hostname")]);
    let ran = toml.twogate("diff HEAD~1 HEAD --intents deep/intents");
    assert!(ran.status == 2 && ran.stderr.contains("twogate.toml"), "{}{}", ran.stdout, ran.stderr);
}

/// A link whose name has a dot may be to a folder; what a commit does not hold is never passed over.
#[cfg(unix)]
#[test]
fn a_link_with_a_dot_to_a_folder_elsewhere_is_named() {
    for (link, target) in [("intents/pay.d", "/etc"), ("intents/pay.d", "../../none"), ("intents/pay.d", "/none/at/all")] {
        let ran = linked(&[(link, target)]).twogate("diff HEAD~1 HEAD");
        assert!(ran.status == 2 && ran.stderr.contains(&format!("`{link}`")), "{link} -> {target}: {}{}", ran.stdout, ran.stderr);
    }
}

/// A repository with another one at `path` in it, which holds one file.
#[cfg(unix)]
fn with_submodule(path: &str, file: &str, links: &[(&str, &str)]) -> Repository {
    let mut other = Repository::new();
    other.put(file, "namespace pay\nallow app=a -> app=b:80\n");
    other.commit("one");
    let mut shop = linked(links);
    let from = other.path().to_str().unwrap();
    shop.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, path]);
    shop.commit("three");
    shop.commit("four");
    shop
}

#[cfg(unix)]
#[test]
fn a_submodule_with_intents_is_named() {
    let link = [("intents/pay", "../other/deep")];
    let dotted = [("intents/pay.d", "../other/deep")];
    let straight = [("intents/one.intent", "../other/deep/pay.intent")];
    for (path, file, links, named) in [
        ("intents/pay", "pay.intent", &[][..], "`intents/pay` is the submodule `intents/pay`"),
        ("other", "deep/pay.intent", &link, "`intents/pay` is a link to `../other/deep`, in the submodule `other`"),
        ("other", "deep/pay.intent", &dotted, "`intents/pay.d` is a link"),
        ("other", "deep/pay.intent", &straight, "`intents/one.intent` is a link"),
    ] {
        let ran = with_submodule(path, file, links).twogate("diff HEAD~1 HEAD");
        assert!(ran.status == 2 && ran.stderr.contains(named), "{path}: {}{}", ran.stdout, ran.stderr);
    }
    // Where git shows that there is nothing to be read, or nothing leads there, it is no matter.
    for (path, file, links) in [
        ("intents/pay", "readme.md", &[][..]),
        ("other", "deep/readme.md", &link),
        ("other", "pay.intent", &[]),
        ("intents/.pay", "pay.intent", &[]),
    ] {
        let ran = with_submodule(path, file, links).twogate("diff HEAD~1 HEAD");
        assert_eq!(ran.status, 0, "{path}: {}{}", ran.stdout, ran.stderr);
    }
    let asked = with_submodule("other", "pay.intent", &[]).twogate("diff HEAD~1 HEAD --intents other");
    assert!(asked.status == 2 && asked.stderr.contains("in a submodule"), "{}{}", asked.stdout, asked.stderr);
}
