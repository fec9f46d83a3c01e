//! Manifests against manifests: what is found is confirmed by the evaluator, flow by flow.

use proptest::prelude::*;
use twogate::cluster::{self, Cluster, Platform, Question};
use twogate::compile::{Input, compile, platform};
use twogate::config;
use twogate::diff::{Compared, Condition, Entry, Failing, Kind, Revision, findings, manifests};
use twogate::flow::{Flow, Verdict};
use twogate::source::{FileId, Source, Sources};

use crate::agreement::world::{CONFIG, flows, input, program};
use crate::support::yaml;

pub(super) fn revision(name: &str, text: &str, config: &str) -> Revision {
    let mut input = Input::default();
    let file = input.sources.add(Source::new(format!("{name}.yaml"), text));
    input.inventory.push(file);
    input.config = Some(input.sources.add(Source::new("twogate.toml", config)));
    Revision { name: name.to_owned(), input }
}

pub(super) fn compared(base: &str, head: &str, config: &str) -> Compared {
    manifests(revision("before", base, config), revision("after", head, config)).map_err(|unjudged| unjudged.findings).unwrap()
}

pub(super) fn read(text: &str, config: &str) -> Cluster {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("cluster.yaml", text));
    let (config, _) = config::read(FileId(1), &Source::new("twogate.toml", config));
    let platform = Platform { default_namespace: Some("default".into()), ..platform(&config) };
    cluster::read(&sources, &[file], platform).0
}

fn decide(cluster: &Cluster, flow: &Flow) -> Verdict {
    cluster.decide(&Question::from(flow)).verdict
}

fn covers(entry: &Entry, flow: &Flow) -> bool {
    entry.source.contains(&flow.source) && entry.destination.contains(&flow.destination) && entry.ports.contains(flow.protocol, flow.port)
}

pub(super) fn lines(compared: &Compared) -> Vec<String> {
    let line = |entry: &Entry| {
        let causes: Vec<String> = entry.causes.iter().map(|cause| format!("{} {}", cause.text, cause.change.name())).collect();
        format!(
            "{}: {} -> {}:{} {} => {} [{}]",
            entry.kind.name(),
            entry.who,
            entry.whom,
            entry.on,
            entry.before,
            entry.after,
            causes.join("; ")
        )
    };
    compared.report.entries.iter().map(line).collect()
}

const NAMESPACES: &str = "---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {env: prod, team: pay}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ext, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev, labels: {env: test}}
";

const CLOSED: &str = "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: shop}
spec: {}
";

const DB: &str = "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - from: [{source: {serviceAccounts: [shop/web-sa]}}]
    to: [{operation: {ports: ['5432']}}]
";

#[test]
fn a_change_is_told_with_the_objects_that_made_it() {
    let found = compared(CLOSED, &format!("{CLOSED}{DB}"), "");
    assert_eq!(
        lines(&found),
        [
            "workloads: app=web@shop as web-sa -> app=db@shop:5432 denied => allowed, mTLS [AuthorizationPolicy shop/db added; NetworkPolicy shop/db added]"
        ]
    );
    let remarks = &found.report.entries[0].remarks;
    assert_eq!(
        remarks,
        &[
            "app!=web@shop as web-sa -> app=db@shop: was stopped by both gates, now stopped by the NetworkPolicy alone",
            "app=web@shop as !web-sa -> app=db@shop: was stopped by both gates, now stopped by the mesh alone"
        ]
    );
    let back = compared(&format!("{CLOSED}{DB}"), CLOSED, "");
    assert_eq!(back.report.summary(), "1 closed");
}

/// `PERMISSIVE` admits clients that speak mTLS besides all that `DISABLE` admits (`semantics.md` §3.2).
#[test]
fn a_port_that_accepts_mtls_too_is_no_tighter() {
    let shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";
    let with = |mode: &str| {
        format!(
            "{shop}---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: all, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        )
    };
    let opened = compared(&with("DISABLE"), &with("PERMISSIVE"), "");
    let kinds = |compared: &Compared| compared.report.entries.iter().map(|entry| entry.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&opened), [Kind::MtlsToo], "{:#?}", lines(&opened));
    assert!(
        lines(&opened)[0].ends_with("allowed, plaintext => allowed, mTLS too [PeerAuthentication shop/all changed]"),
        "{:#?}",
        lines(&opened)
    );
    assert_eq!(opened.report.summary(), "1 with mTLS accepted too");
    assert!(Kind::MtlsToo.is_gain() && !Kind::MtlsToo.is_loss());
    let closed = compared(&with("PERMISSIVE"), &with("DISABLE"), "");
    assert_eq!(kinds(&closed), [Kind::Tightened], "{:#?}", lines(&closed));
    let strict = compared(&with("DISABLE"), &with("STRICT"), "");
    assert!(!kinds(&strict).contains(&Kind::MtlsToo), "{:#?}", lines(&strict));
}

#[test]
fn the_same_objects_in_other_files_and_order_are_no_difference() {
    let (one, two) = (format!("{CLOSED}{DB}"), format!("{DB}{CLOSED}"));
    assert_eq!(compared(&one, &two, "").report.summary(), "no difference");
    let rewritten = DB.replace("{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: In, values: [web]}]}");
    assert_eq!(compared(&one, &format!("{CLOSED}{rewritten}"), "").report.summary(), "text changed, access did not");
}

#[test]
fn a_gate_that_goes_alone_is_told() {
    let alone = CLOSED.split("---\n").find(|text| text.contains("AuthorizationPolicy")).unwrap();
    let found = compared(CLOSED, alone, "");
    let told = lines(&found);
    let mesh =
        "one-gate: anywhere -> *@shop:1-15007|15009-15019|15022-15089|15091-65535 stopped by both gates => stopped by the mesh alone";
    // The mesh sees neither UDP and SCTP nor the ports that sidecars leave alone: no gate stops those any more.
    let open = "internet: anywhere -> *@shop:15008|15020-15021|15090|*/udp|*/sctp denied => allowed";
    for wanted in [mesh, open] {
        assert!(told.contains(&format!("{wanted} [NetworkPolicy shop/closed removed]")), "{told:#?}");
    }
}

#[test]
fn requests_are_told_in_the_words_of_the_policies() {
    let with = |methods: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\nspec:\n  rules:\n  - to: [{{operation: {{methods: [{methods}], paths: [/v1/*], ports: ['8080']}}}}]\n"
        )
    };
    let found = compared(&with("GET"), &with("GET, POST"), "");
    assert_eq!(
        lines(&found),
        [
            "internet: anywhere -> *@shop:8080 allowed, http GET /v1/* => allowed, http GET|POST /v1/* [AuthorizationPolicy shop/api changed]"
        ]
    );
}

/// All addresses but a few are told as that, and not by the hundred blocks that they are.
#[test]
fn addresses_that_are_all_but_a_few_are_told_by_those() {
    let policy = |blocks: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: out, namespace: shop}}\nspec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{blocks}], ports: [{{port: 443}}]}}]}}\n"
        )
    };
    let few = "{ipBlock: {cidr: 10.0.0.0/24}}, {ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}}";
    let found = lines(&compared(
        &policy(few),
        &policy("{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}"),
        "[network-plugin]\nipblock-matches-pods = \"no\"",
    ));
    let wanted = "internet: *@shop -> (outside but 10.0.0.0/24 but 172.17.0.0/16) or 172.17.1.0/24:443 denied => allowed [NetworkPolicy shop/out changed]";
    assert!(found.iter().any(|line| line == wanted), "{found:#?}");
    // A block but for a part of it is said as that.
    let holed =
        "{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.0/24]}}, {ipBlock: {cidr: '2001:db8::/32', except: ['2001:db8:1::/48']}}";
    let found =
        lines(&compared(&policy(holed), &policy("{ipBlock: {cidr: 198.51.100.7/32}}"), "[network-plugin]\nipblock-matches-pods = \"no\""));
    let wanted = "(203.0.0.0/16 but 203.0.113.0/24) or ([2001:db8::/32] but [2001:db8:1::/48]):443";
    assert!(found.iter().any(|line| line.contains(wanted)), "{found:#?}");
}

/// On each port pass the requests that its own rule lets, and no others are told of it.
#[test]
fn requests_of_one_port_are_not_told_of_another() {
    let policy = |rules: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\nspec: {{rules: [{rules}]}}\n"
        )
    };
    let rule = |port: u16, path: &str| format!("{{to: [{{operation: {{ports: ['{port}'], paths: [{path}]}}}}]}}");
    let both = format!("{}, {}", rule(8080, "/a"), rule(8081, "/b"));
    let found = lines(&compared(&policy(""), &policy(&both), ""));
    let of = |port: &str| found.iter().find(|line| line.contains(&format!("*@shop:{port} "))).unwrap_or_else(|| panic!("{found:#?}"));
    assert!(of("8080").contains("=> allowed, http * /a [") && of("8081").contains("=> allowed, http * /b ["), "{found:#?}");
}

/// Of many rules about tokens only that is told which is not on both sides, in the words of the policy.
#[test]
fn a_role_among_many_is_told_alone() {
    let issuer = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: jwt, namespace: shop}\n\
                  spec: {jwtRules: [{issuer: i, jwksUri: 'https://i/keys', audiences: [a]}]}\n";
    let policy = |roles: &[String]| {
        let rule = |(at, role): (usize, &String)| {
            format!(
                "{{to: [{{operation: {{methods: [GET], paths: [/v{at}], ports: ['80']}}}}], when: [{{key: 'request.auth.claims[role]', values: [{role}]}}]}}"
            )
        };
        let rules: Vec<String> = roles.iter().enumerate().map(rule).collect();
        format!(
            "{issuer}---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\nspec: {{rules: [{}]}}\n",
            rules.join(", ")
        )
    };
    let roles: Vec<String> = (0..12).map(|role| format!("r{role}")).collect();
    let mut others = roles.clone();
    others[1] = "x".to_owned();
    let told = lines(&compared(&policy(&roles), &policy(&others), ""));
    let role = |role: &str| format!("allowed, http GET /v1 jwt i claim aud=a claim role={role}, 11 more as on the other side");
    assert_eq!(told, [format!("internet: anywhere -> *@shop:80 {} => {} [AuthorizationPolicy shop/api changed]", role("r1"), role("x"))]);
    let told = lines(&compared(&policy(&roles[..11]), &policy(&roles), ""));
    let gained = "allowed, 11 that pass on the other side too => allowed, http GET /v11 jwt i claim aud=a claim role=r11, 11 more as on the other side";
    assert_eq!(told, [format!("internet: anywhere -> *@shop:80 {gained} [AuthorizationPolicy shop/api changed]")]);
}

/// Whoever holds other keys signs what the issuer's name is on, which no flow tells.
#[test]
fn other_keys_of_an_issuer_are_a_change_of_unknown_effect() {
    let policy = |name: &str, rule: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{jwtRules: [{{issuer: i, {rule}}}]}}\n"
        )
    };
    let told = |base: &str, head: &str| {
        let report = compared(base, head, "").report;
        assert!(report.entries.is_empty(), "{:?}", report.entries);
        report.unknown().map(|fact| fact.text.clone()).collect::<Vec<_>>()
    };
    let (ours, evil) = (policy("jwt", "jwksUri: 'https://i/keys'"), policy("jwt", "jwksUri: 'https://evil/keys'"));
    assert_eq!(
        told(&ours, &evil),
        [
            "RequestAuthentication shop/jwt: tokens of `i` are verified by the keys at `https://evil/keys`; they were by the keys at `https://i/keys`"
        ]
    );
    for other in
        [policy("jwt", "jwks: '{}'"), policy("jwt", "jwksUri: 'https://i/keys', spaceDelimitedClaims: [groups]"), policy("jwt", "")]
    {
        assert_eq!((told(&ours, &other).len(), told(&other, &ours).len()), (1, 1), "{other}");
    }
    // One more policy for the same issuer, and one that takes the place of another by a new name.
    let more = ours.clone() + &policy("more", "jwksUri: 'https://evil/keys'");
    assert_eq!((told(&ours, &more).len(), told(&more, &ours).len()), (1, 1));
    assert_eq!(told(&ours, &policy("new", "jwksUri: 'https://evil/keys'")).len(), 2);
    assert!(told(&ours, &policy("new", "jwksUri: 'https://i/keys'")).is_empty());
}

/// Tokens for one more audience verify, wherever in the list it stands: that is a gain, and the other way round a loss.
#[test]
fn an_audience_besides_others_is_told() {
    let asking = |audiences: &str, asked: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: jwt, namespace: shop}}\n\
             spec: {{jwtRules: [{{issuer: i, jwksUri: 'https://i/keys', audiences: [{audiences}]}}]}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\n\
             spec: {{rules: [{{to: [{{operation: {{ports: ['80']}}}}], when: [{asked}]}}]}}\n"
        )
    };
    let with = |audiences: &str| asking(audiences, "{key: 'request.auth.claims[role]', values: [r]}");
    let told = |base: &str, head: &str| compared(&with(base), &with(head), "");
    for (base, head) in [("a", "a, b"), ("a", "b, a"), ("a, b", "a, b, c")] {
        let (gained, lost) = (told(base, head), told(head, base));
        assert!(
            !gained.report.entries.is_empty() && gained.report.entries.iter().all(|entry| entry.kind.is_gain()),
            "{:#?}",
            lines(&gained)
        );
        assert!(!lost.report.entries.is_empty() && !lost.report.entries.iter().any(|entry| entry.kind.is_gain()), "{:#?}", lines(&lost));
    }
    assert!(told("a, b", "b, a").report.entries.is_empty());
    // All who verify, or those for one of the audiences alone.
    let [all, one] = ["a, b", "a"].map(|asked| asking("a, b", &format!("{{key: request.auth.audiences, values: [{asked}]}}")));
    let gained = compared(&one, &all, "").report;
    assert!(!gained.entries.is_empty() && gained.entries.iter().all(|entry| entry.kind.is_gain()));
    // Many are told apart as little as they have to be.
    let many: Vec<String> = (0..40).map(|number| format!("a{number}")).collect();
    assert_eq!(told(&many[1..].join(", "), &many.join(", ")).report.entries.len(), 1);
}

/// What is gained in the place of something that is lost is a loss too.
#[test]
fn a_loss_beside_a_gain_fails_a_run_that_wants_none() {
    let policy = |paths: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: api, namespace: shop}}\nspec: {{rules: [{{to: [{{operation: {{paths: [{paths}]}}}}]}}]}}\n"
        )
    };
    let fails = |found: &Compared| Condition { failing: Failing::Lost, scope: None }.is_met(&found.report, [&found.base, &found.head]);
    let replaced = compared(&policy("/a"), &policy("/b"), "");
    assert!(replaced.report.entries.iter().all(|entry| entry.kind.is_gain()), "{:#?}", lines(&replaced));
    assert!(fails(&replaced));
    assert!(!fails(&compared(&policy("/a"), &policy("/a, /b"), "")));
}

/// A plugin of which nothing is open.
const SCTP: &str = "network-plugin.sctp = \"yes\"\n";

/// Pods with a name for their port, in a namespace without a mesh.
const NAMED: &str = "---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: disabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}}}
";

/// A workload says what it calls its ports: what other pods with its labels might call theirs is taken for granted, and said so.
#[test]
fn names_of_ports_are_those_of_the_workloads() {
    let policy = |callers: &str, port: &str| {
        let from: Vec<String> = callers.split(' ').map(|app| format!("{{podSelector: {{matchLabels: {{app: {app}}}}}}}")).collect();
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\n\
             spec: {{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{}], ports: [{{port: {port}}}]}}]}}\n",
            from.join(", ")
        )
    };
    let told = |workloads: &str, before: &str, after: &str| {
        let config = format!("{SCTP}[mesh]\nmode = \"sidecar\"\n");
        let found = compared(&format!("{workloads}{before}"), &format!("{workloads}{after}"), &config);
        let presumed: Vec<&str> = found.report.presumed.iter().map(|one| one.name()).collect();
        (lines(&found), presumed.join(" "))
    };
    let (one, two, number) = (policy("web", "http"), policy("web job", "http"), policy("web", "8080"));
    assert_eq!(
        told(NAMED, &one, &two),
        (
            vec!["workloads: app=job@shop -> deploy/db@shop:8080 denied => allowed [NetworkPolicy shop/p changed]".into()],
            "port-names".into()
        )
    );
    assert_eq!(told(NAMED, &one, &number), (Vec::new(), "port-names".into()));
    // Of a workload that has just come, and of pods that nobody described, it is not known.
    for workloads in ["", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: disabled}}\n"] {
        let (lines, presumed) = told(workloads, &one, &two);
        assert!(lines.iter().any(|line| line.starts_with("unspecified: ")) && presumed.is_empty(), "{lines:#?}");
    }
}

#[test]
fn what_is_not_known_is_told() {
    let foreign =
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {endpointSelector: {}}\n";
    let found = compared(CLOSED, &format!("{CLOSED}{foreign}"), "");
    assert!(found.report.entries.iter().any(|entry| entry.kind == Kind::Unspecified), "{:#?}", lines(&found));
    assert!(found.report.facts.iter().any(|fact| fact.text.starts_with("unmodelled-kind")), "{:#?}", found.report.facts);
}

/// Code scanning shows findings alone: one that is missing there reads as no difference.
#[test]
fn code_scanning_hears_of_what_is_not_known_too() {
    let foreign = |rules: &str| {
        format!(
            "{CLOSED}---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: x, namespace: shop}}\nspec: {{endpointSelector: {{}}, {rules}}}\n"
        )
    };
    let found = compared(&foreign("ingressDeny: [{}]"), &foreign("ingress: [{}]"), "");
    assert!(found.report.entries.is_empty(), "{:#?}", lines(&found));
    let told = findings(&found.report, &found.texts);
    let places: Vec<_> = told.iter().map(|finding| (finding.code.name(), finding.location().is_some())).collect();
    assert_eq!(places, [("access-unspecified", true)], "{told:#?}");
    assert!(told[0].message.contains("CiliumNetworkPolicy shop/x"), "{}", told[0].message);
}

/// What one side shows of how pods join the mesh holds for both: else pods would change that nobody touched.
#[test]
fn what_one_side_shows_of_joining_the_mesh_holds_for_both() {
    let all = |label: &str, port: u16| {
        format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: edge, labels: {{{label}}}}}\n\
             ---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n\
             ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: db, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: db}}}}, template: {{metadata: {{labels: {{app: db}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\n\
             spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}\n"
        )
    };
    let labelled = "istio-injection: enabled";
    let told =
        |base: &str, head: &str| lines(&compared(base, head, "")).into_iter().filter(|line| line.contains("-> *@shop")).collect::<Vec<_>>();
    assert_eq!(told(&all(labelled, 80), &all("", 80)), [""; 0]);
    assert_eq!(told(&all("", 80), &all(labelled, 80)), [""; 0]);
    // So policies in a namespace that has no label do nothing on either side, as one side shows that labels take pods in.
    let stopped = |label: &str| {
        all(label, 80)
            + "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: n, namespace: shop}\nspec: {}\n"
    };
    assert_eq!(told(&stopped(labelled), &stopped("")), [""; 0]);
    assert_eq!(told(&stopped(""), &all(labelled, 80)), [""; 0]);
    assert_eq!(told(&stopped(""), &stopped("a: b")), [""; 0]);
    assert!(!told(&stopped(""), &all("", 80)).is_empty());
    let opened = compared(&all(labelled, 80), &all(labelled, 81), "");
    let presumed: Vec<&str> = opened.report.presumed.iter().map(|one| one.name()).collect();
    assert!(presumed.contains(&"unjoined"), "{presumed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is emitted for two programs differs for a flow exactly where an entry says so, as the evaluator decides it.
    #[test]
    fn the_evaluator_confirms_every_entry(one in program(), other in program()) {
        let head_lines: Vec<String> = one.iter().take(4).chain(other.iter().skip(4)).cloned().collect();
        let texts = [&one, &head_lines].map(|lines| format!("{NAMESPACES}{}", yaml(&compile(input(lines)).manifests)));
        let [before, after] = texts.each_ref().map(|text| read(text, CONFIG));
        let found = compared(&texts[0], &texts[1], CONFIG);
        for entry in &found.report.entries {
            let (old, new) = (decide(&before, &entry.example.base), decide(&after, &entry.example.head));
            let is_layer = entry.before.starts_with("stopped");
            prop_assert!(is_layer == (old == new), "{:?} {:?} {:?}\n{:#?}", entry.example, old, new, lines(&found));
        }
        for flow in flows(&one) {
            let differs = decide(&before, &flow) != decide(&after, &flow);
            let is_told = found.report.entries.iter().any(|entry| covers(entry, &flow));
            prop_assert!(!differs || is_told, "{:?}\n{:#?}", flow, lines(&found));
        }
    }
}

/// An `ipBlock` may match pods or not (`semantics.md` §1.8), so what the tunnel brings was open; now it passes for sure.
#[test]
fn what_passes_for_sure_over_mtls_too_is_no_tighter() {
    let data = "{apiVersion: v1, kind: Namespace, metadata: {name: data, labels: {istio.io/dataplane-mode: ambient}}}\n";
    let with = |ingress: &str| {
        format!(
            "{data}---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: data}}, spec: {{podSelector: {{}}, ingress: [{ingress}]}}}}\n"
        )
    };
    let opened = compared(&with("{from: [{ipBlock: {cidr: 192.168.0.0/16}}]}, {ports: [{port: 1, endPort: 100}]}"), &with("{}"), "");
    assert!(opened.report.entries.iter().all(|entry| !entry.kind.is_loss()), "{:#?}", lines(&opened));
    assert!(lines(&opened).iter().any(|line| line.contains("allowed, plaintext => allowed, mTLS too")), "{:#?}", lines(&opened));
}

/// An object of a list may take what it says from elsewhere in the list, and a list may be laid out so that its items seem to stand where
/// they do not.
#[test]
fn objects_of_lists_are_compared_by_what_they_say() {
    let policy = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}";
    let by_anchor = |app: &str| {
        format!(
            "apiVersion: v1\nkind: List\nmetadata: {{annotations: &labels {{app: {app}}}}}\nitems:\n\
             - {{{policy}, spec: {{podSelector: {{matchLabels: *labels}}, ingress: []}}}}\n"
        )
    };
    let by_layout = |app: &str| {
        format!(
            "apiVersion: v1\nkind: List\nmetadata:\n  annotations: {{a: \"\nitems:\n- x\n\"}}\nitems:\n\
             - {{{policy}, spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, ingress: []}}}}\n"
        )
    };
    for list in [&by_anchor as &dyn Fn(&str) -> String, &by_layout] {
        let told = lines(&compared(&list("db"), &list("web"), SCTP));
        assert!(told.iter().any(|line| line.contains("app=db") && line.contains("NetworkPolicy shop/p changed")), "{told:#?}");
    }
}

/// A pod whose own label keeps the sidecar from it calls in plaintext, wherever it is: what takes mTLS alone then stops it.
#[test]
fn pods_that_a_class_keeps_out_of_the_mesh_lose_what_takes_mtls_alone() {
    let side = |mode: &str| {
        format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: ns, labels: {{istio-injection: enabled}}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: db, namespace: ns}}\n\
             spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: \
             {{sidecar.istio.io/inject: 'false'}}}}}}], ports: [{{port: 80}}]}}]}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: s, namespace: ns}}\n\
             spec: {{mtls: {{mode: {mode}}}}}\n"
        )
    };
    let found = lines(&compared(&side("PERMISSIVE"), &side("STRICT"), ""));
    let is_told = |line: &String| line.contains("sidecar.istio.io/inject=false@ns -> ") && line.contains("=> denied");
    assert!(found.iter().any(is_told), "{found:?}");
}
