//! What a listing says of clusters that people wrote.

use super::{addresses, lines, on, platform, read};
use twogate::cluster::{Addressed, Assumption, Platform, Question};
use twogate::compile::Input;
use twogate::explain::{self, Ask};
use twogate::flow::{Protocol, Verdict};
use twogate::list::{self, Options, Selection, render};
use twogate::source::{Source, Sources};

/// A Deployment in a namespace, `app` its label and name, `account` its account.
fn deployment(namespace: &str, app: &str, account: &str) -> String {
    with_labels(namespace, app, account, &format!("app: {app}"))
}

fn with_labels(namespace: &str, name: &str, account: &str, labels: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{selector: {{matchLabels: {{{labels}}}}}, template: {{metadata: {{labels: {{{labels}}}}}, \
         spec: {{serviceAccountName: {account}, containers: [{{name: c, image: i, ports: [{{name: http, containerPort: 8080}}]}}]}}}}}}\n"
    )
}

fn namespace(name: &str, labels: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n")
}

fn network(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn istio(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n")
}

/// Two workloads outside the mesh.
fn two() -> String {
    namespace("shop", "istio-injection: disabled") + &deployment("shop", "web", "web-sa") + &deployment("shop", "db", "db-sa")
}

/// The same in the mesh.
fn meshed() -> String {
    namespace("shop", "istio-injection: enabled") + &deployment("shop", "web", "web-sa") + &deployment("shop", "db", "db-sa")
}

const CLOSED: &str = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}";

#[test]
fn without_policies_everything_passes() {
    assert_eq!(
        lines(&two()),
        [
            "shop/db[Deployment] | shop/db[Deployment] | all connections | plaintext",
            "shop/db[Deployment] | shop/web[Deployment] | all connections | plaintext",
            "shop/db[Deployment] | any address | all connections | plaintext",
            "shop/web[Deployment] | shop/db[Deployment] | all connections | plaintext",
            "shop/web[Deployment] | shop/web[Deployment] | all connections | plaintext",
            "shop/web[Deployment] | any address | all connections | plaintext",
            "any address | shop/db[Deployment] | all connections | plaintext",
            "any address | shop/web[Deployment] | all connections | plaintext",
        ]
    );
}

/// The example of the Kubernetes documentation, with a rule for names beside it
/// (kubernetes.io/docs/concepts/services-networking/network-policies).
#[test]
fn addresses_are_said_in_as_few_words_as_there_are_for_them() {
    let spec = "{podSelector: {}, policyTypes: [Ingress, Egress], egress: [{ports: [{protocol: UDP, port: 53}]}, \
                {to: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{port: 5978}]}, \
                {to: [{ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}}], ports: [{port: 80}]}]}";
    let yaml = namespace("shop", "istio-injection: disabled") + &deployment("shop", "web", "web-sa") + &network("shop", "closed", spec);
    assert_eq!(
        lines(&yaml),
        [
            "shop/web[Deployment] | any address except 10.0.0.0/24 172.17.0.0/16, 172.17.1.0/24 | UDP 53 | -",
            "shop/web[Deployment] | 10.0.0.0/24 | TCP 5978; UDP 53 | plaintext",
            "shop/web[Deployment] | 172.17.0.0/16 except 172.17.1.0/24 | TCP 80; UDP 53 | plaintext",
        ]
    );
}

#[test]
fn an_isolated_workload_is_listed_though_nobody_reaches_it() {
    let yaml = two() + &network("shop", "closed", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
    assert_eq!(lines(&yaml), ["no connection passes"]);
    let (cluster, _) = read(platform(), &yaml);
    let listing = list::list(&cluster, &Options::default());
    let titles: Vec<&str> = listing.peers.iter().map(|peer| peer.title.as_str()).collect();
    assert_eq!(titles, ["shop/db[Deployment]", "shop/web[Deployment]"]);
}

#[test]
fn ports_are_ranges_by_protocol() {
    let rule = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], \
                ports: [{port: 80}, {port: 443}, {port: 8000, endPort: 8100}, {port: 53, protocol: UDP}, {port: http}]}]}";
    assert_eq!(
        on(platform(), &(two() + &network("shop", "db", rule)), "web", "db"),
        ["shop/web[Deployment] | shop/db[Deployment] | TCP 80,443,8000-8100; UDP 53 | plaintext"]
    );
    let narrow = rule.replace("{port: 8000, endPort: 8100}, ", "");
    assert_eq!(
        on(platform(), &(two() + &network("shop", "db", &narrow)), "web", "db"),
        ["shop/web[Deployment] | shop/db[Deployment] | TCP 80,443,8080; UDP 53 | plaintext"]
    );
}

#[test]
fn both_ends_must_agree() {
    let out = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 1, endPort: 100}]}]}";
    let into = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 50, endPort: 200}]}]}";
    let yaml = two() + &network("shop", "out", out) + &network("shop", "in", into);
    assert_eq!(on(platform(), &yaml, "web", "db"), ["shop/web[Deployment] | shop/db[Deployment] | TCP 50-100 | plaintext"]);
}

#[test]
fn addresses_are_cut_where_policies_cut_them_and_merged_where_they_say_the_same() {
    let into = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [\
                {from: [{ipBlock: {cidr: 203.0.113.0/25}}, {ipBlock: {cidr: 203.0.113.128/25}}], ports: [{port: 443}]}, \
                {from: [{ipBlock: {cidr: 198.51.100.0/24, except: [198.51.100.128/25]}}, {ipBlock: {cidr: 203.0.113.8/32}}, {ipBlock: {cidr: '2001:db8::/32'}}], ports: [{port: 80}]}]}";
    let yaml = two() + &network("shop", "db", into);
    let outside: Vec<String> = lines(&yaml).into_iter().filter(|line| line.contains("| shop/db[") && !line.starts_with("shop")).collect();
    assert_eq!(
        outside,
        [
            "198.51.100.0/25, 2001:db8::/32 | shop/db[Deployment] | TCP 80 | plaintext",
            "203.0.113.0/24 except 203.0.113.8/32 | shop/db[Deployment] | TCP 443 | plaintext",
            "203.0.113.8/32 | shop/db[Deployment] | TCP 80,443 | plaintext",
        ]
    );
}

#[test]
fn the_addresses_of_pods_and_services_are_nobody_outside() {
    let out = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 443}]}]}";
    let platform = Platform { pods: addresses("10.244.0.0/16"), services: addresses("10.96.0.0/12"), ..platform() };
    let found = on(platform, &(two() + &network("shop", "web", out)), "web", "10.0.0.0/8");
    assert_eq!(found, ["shop/web[Deployment] | 10.0.0.0/8 except 10.96.0.0/12 10.244.0.0/16 | TCP 443 | plaintext"]);
}

#[test]
fn transport_is_what_the_destination_takes() {
    let mode = |mode: &str| istio("PeerAuthentication", "shop", "mode", &format!("{{mtls: {{mode: {mode}}}}}"));
    let of = |mode: &str| {
        on(
            platform(),
            &(meshed()
                + mode
                + &network(
                    "shop",
                    "db",
                    "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}]}]}",
                )),
            "web",
            "db",
        )
    };
    assert_eq!(of(&mode("STRICT")), ["shop/web[Deployment] | shop/db[Deployment] | TCP 5432 | mTLS"]);
    assert_eq!(of(&mode("PERMISSIVE")), ["shop/web[Deployment] | shop/db[Deployment] | TCP 5432 | either"]);
    assert_eq!(of(&mode("DISABLE")), ["shop/web[Deployment] | shop/db[Deployment] | TCP 5432 | plaintext"]);
    // Who has no part in the mesh cannot speak mTLS.
    let legacy = namespace("old", "istio-injection: disabled") + &deployment("old", "job", "job-sa");
    let to_db = network(
        "shop",
        "db",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}, {port: 53, protocol: UDP}]}]}",
    );
    let reached = on(platform(), &(meshed() + &mode("STRICT") + &legacy + &to_db), "job", "db");
    assert_eq!(reached, ["old/job[Deployment] | shop/db[Deployment] | UDP 53 | -"], "the mesh sees TCP alone");
}

#[test]
fn requests_read_as_the_rules_that_let_them() {
    let rules = "{selector: {matchLabels: {app: db}}, action: ALLOW, rules: [\
                 {from: [{source: {principals: [cluster.local/ns/shop/sa/web-sa]}}], \
                 to: [{operation: {methods: [GET, HEAD], paths: ['/v1/orders/{*}'], ports: ['8080']}}, {operation: {methods: [POST], paths: [/v1/orders], ports: ['8080']}}]}]}";
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let yaml = meshed()
        + &istio("AuthorizationPolicy", "shop", "db", rules)
        + &strict
        + &network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
    assert_eq!(
        on(platform(), &yaml, "web", "db"),
        ["shop/web[Deployment] | shop/db[Deployment] | TCP 8080 | mTLS | GET|HEAD /v1/orders/{*}, POST /v1/orders"]
    );
    assert_eq!(on(platform(), &yaml, "db", "db"), ["no connection passes"]);
}

#[test]
fn a_deny_is_taken_out_of_what_passes() {
    let deny = "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{to: [{operation: {methods: [DELETE], ports: ['8080']}}]}, \
                {to: [{operation: {paths: ['/admin*'], ports: ['8080']}}]}]}";
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let yaml = meshed()
        + &istio("AuthorizationPolicy", "shop", "db", deny)
        + &strict
        + &network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
    // To a connection that is no HTTP such a rule says no (§2.9).
    assert_eq!(
        on(platform(), &yaml, "web", "db"),
        ["shop/web[Deployment] | shop/db[Deployment] | TCP 8080 | mTLS | !DELETE /* but /admin*"]
    );
}

#[test]
fn tokens_headers_and_hosts_are_told() {
    let tokens = istio(
        "RequestAuthentication",
        "shop",
        "corp",
        "{jwtRules: [{issuer: 'https://id.example.com', jwksUri: 'https://id.example.com/keys'}]}",
    );
    let rules = "{selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {hosts: [shop.example.com, 'shop.example.com:*'], methods: [GET], ports: ['8080']}}], \
                 when: [{key: 'request.auth.claims[groups]', values: [ops, 'admin*']}, {key: 'request.headers[x-role]', values: [lead]}]}]}";
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let yaml = meshed()
        + &tokens
        + &strict
        + &istio("AuthorizationPolicy", "shop", "db", rules)
        + &network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
    assert_eq!(
        on(platform(), &yaml, "web", "db"),
        ["shop/web[Deployment] | shop/db[Deployment] | TCP 8080 | mTLS | GET at shop.example.com header x-role=lead \
          jwt https://id.example.com groups=admin* or https://id.example.com groups=ops"]
    );
}

/// A token has one subject, and browsers send none with the question before a request: what is told is what the policy says.
#[test]
fn principals_of_requests_read_as_the_policy_has_them() {
    let tokens = istio(
        "RequestAuthentication",
        "shop",
        "corp",
        "{jwtRules: [{issuer: i1, jwksUri: 'https://i1/keys'}, {issuer: i2, jwksUri: 'https://i2/keys'}]}",
    );
    let told = |principals: &str| {
        let rules = format!(
            "{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{requestPrincipals: [{principals}]}}}}], to: [{{operation: {{ports: ['8080']}}}}]}}]}}"
        );
        let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
        let network =
            network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
        let yaml = meshed() + &tokens + &strict + &istio("AuthorizationPolicy", "shop", "db", &rules) + &network;
        let (cluster, _) = read(platform(), &yaml);
        let assumed: Vec<&str> = list::list(&cluster, &Options::default()).assumptions.iter().map(|one| one.name()).collect();
        (on(platform(), &yaml, "web", "db"), assumed.join(" "))
    };
    let line = |requests: &str| vec![format!("shop/web[Deployment] | shop/db[Deployment] | TCP 8080 | mTLS | {requests}")];
    assert_eq!(told("'i2/u1', 'i1/*'"), (line("* jwt i1 sub=* or i2 sub=u1"), "preflight".to_owned()));
    assert_eq!(told("'i1/u1', 'i1/u2'"), (line("* jwt i1 sub=u1 or i1 sub=u2"), "preflight".to_owned()));
    assert_eq!(told("'i1/a*'"), (line("* jwt i1 sub=a*"), "preflight".to_owned()));
}

/// A token for any of the audiences of an issuer verifies, and one in which blanks end words is told by its words.
#[test]
fn tokens_for_each_of_several_audiences_pass() {
    let told = |more: &str, rule: &str| {
        let tokens =
            istio("RequestAuthentication", "shop", "corp", &format!("{{jwtRules: [{{issuer: i, jwksUri: 'https://i/keys', {more}}}]}}"));
        let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
        let rule = istio("AuthorizationPolicy", "shop", "db", &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{rule}]}}"));
        let network =
            network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
        let found = on(platform(), &(meshed() + &tokens + &strict + &rule + &network), "web", "db");
        let [line] = found.as_slice() else { panic!("{found:?}") };
        line.rsplit(" | ").next().unwrap_or_default().to_owned()
    };
    let when = |claim: &str, value: &str| format!("{{when: [{{key: 'request.auth.claims[{claim}]', values: [{value}]}}]}}");
    assert_eq!(told("audiences: [a, b]", &when("role", "r")), "* jwt i aud=a role=r or i aud=b role=r");
    assert_eq!(told("audiences: [a, b]", &when("aud", "b")), "* jwt i aud=b");
    let all = told("audiences: [a, b, c, d, e, f, g, h, k, l]", &when("role", "r"));
    assert!("abcdefghkl".chars().all(|audience| all.contains(&format!("aud={audience} role=r"))), "{all}");
    assert_eq!(told("spaceDelimitedClaims: [role]", &when("role", "r")), "* jwt i role=r");
}

/// Each role opens a path of its own, and a token may hold several: what is told is the rules, not every choice of roles.
#[test]
fn many_roles_read_as_the_rules_that_ask_for_them() {
    let tokens = istio("RequestAuthentication", "shop", "corp", "{jwtRules: [{issuer: i, jwksUri: 'https://i/keys', audiences: [a]}]}");
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let rule = |role: usize| {
        format!(
            "{{to: [{{operation: {{methods: [GET], paths: [/v{role}], ports: ['8080']}}}}], \
             when: [{{key: 'request.auth.claims[role]', values: [r{role}]}}]}}"
        )
    };
    let rules: Vec<String> = (0..12).map(rule).collect();
    let rules =
        istio("AuthorizationPolicy", "shop", "db", &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{}]}}", rules.join(", ")));
    let network =
        network("shop", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}");
    let yaml = meshed() + &tokens + &strict + &rules + &network;
    let mut told: Vec<String> = (0..12).map(|role| format!("GET /v{role} jwt i aud=a role=r{role}")).collect();
    told.sort();
    let found = on(platform(), &yaml, "web", "db");
    let [line] = found.as_slice() else { panic!("{found:?}") };
    let requests = line.rsplit(" | ").next().unwrap_or_default();
    let mut read: Vec<&str> = requests.split(", ").collect();
    read.sort_unstable();
    assert_eq!(read, told);
}

/// Whoever is listed is asked about by his own name, so that no number of patterns is too many.
#[test]
fn names_are_those_of_the_workloads_however_many_patterns_there_are() {
    let globs: Vec<String> = ('a'..='w').map(|letter| format!("'*{letter}*'")).collect();
    let allow = format!("{{from: [{{source: {{namespaces: [{}], principals: ['*/sa/admin']}}}}]}}", globs.join(", "));
    let both = "{when: [{key: source.namespace, values: ['*b*']}, {key: source.namespace, values: ['*d*']}, {key: source.namespace, values: ['*i*']}]}";
    let policy = format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{allow}, {both}]}}");
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let others = ["bird", "bid"].map(|name| namespace(name, "istio-injection: enabled") + &deployment(name, "tool", "tool")).concat();
    let yaml = meshed() + &strict + &others + &namespace("bad", "istio-injection: enabled") + &deployment("bad", "tool", "tool");
    let all = lines(&(yaml + &istio("AuthorizationPolicy", "shop", "db", &policy)));
    let to_db: Vec<&str> = all
        .iter()
        .filter(|line| line.ends_with(" | mTLS"))
        .filter_map(|line| line.split_once(" | shop/db["))
        .map(|(from, _)| from)
        .collect();
    assert_eq!(to_db, ["bid/tool[Deployment]", "bird/tool[Deployment]"], "{all:?}");
}

/// A rule may ask for more values of a claim than two, and another one may refuse a token that holds them all.
#[test]
fn tokens_of_three_roles_among_many_are_asked_for() {
    let tokens = istio("RequestAuthentication", "shop", "corp", "{jwtRules: [{issuer: i, jwksUri: 'https://i/keys'}]}");
    let role = |role: &str| format!("{{key: 'request.auth.claims[role]', values: [{role}]}}");
    let select = "selector: {matchLabels: {app: db}}";
    let allow = format!("{{{select}, rules: [{{when: [{}]}}]}}", ["a", "b", "c"].map(role).join(", "));
    let deny = format!("{{{select}, action: DENY, rules: [{{when: [{}]}}, {{when: [{}]}}]}}", role("d"), role("e"));
    let policies = istio("AuthorizationPolicy", "shop", "allow", &allow) + &istio("AuthorizationPolicy", "shop", "deny", &deny);
    let found = on(platform(), &(meshed() + &tokens + &policies), "web", "db");
    assert!(found.iter().any(|line| line.contains("role=")), "{found:?}");
}

#[test]
fn what_nobody_knows_is_a_row_of_its_own() {
    let into = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80, endPort: 90}]}]}";
    let yaml = two() + &network("shop", "db", into);
    let unsure = Platform { end_port: None, sctp: None, ..platform() };
    assert_eq!(
        on(unsure.clone(), &yaml, "web", "db"),
        [
            "shop/web[Deployment] | shop/db[Deployment] | TCP 80 | plaintext",
            "? shop/web[Deployment] | shop/db[Deployment] | TCP 81-90 | plaintext | unspecified: whether `endPort` works hangs on the network plugin",
        ]
    );
}

/// What a pod says to itself is no row of either list; a workload may have more pods than one.
#[test]
fn what_a_pod_says_to_itself_is_not_listed() {
    let alone = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: one, namespace: shop, labels: {app: one}}\n\
                 spec: {containers: [{name: c, image: i}]}\n";
    let range = network("shop", "range", "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, endPort: 90}]}]}");
    let unsure = Platform { end_port: None, ..platform() };
    let about = |yaml: String| -> Vec<String> {
        let (cluster, _) = read(unsure.clone(), &(yaml + &range));
        let text = render::text(&list::list(&cluster, &Options::default()), &Sources::default());
        text.lines().filter(|line| !line.contains("any address")).skip(1).map(str::to_owned).collect()
    };
    let outside = namespace("shop", "istio-injection: disabled");
    assert_eq!(about(outside.clone() + alone), [""; 0], "a pod alone");
    let several = about(outside + &deployment("shop", "web", "web-sa"));
    assert_eq!(several.len(), 2, "{several:?}");
}

/// Two pods on one node's network have its address; what they may say to each other is listed all the same.
#[test]
fn pods_at_one_address_are_listed() {
    let pod = |name: &str, network: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{nodeName: n1, {network}containers: [{{name: c, image: i}}]}}\nstatus: {{podIP: 192.0.2.1}}\n"
        )
    };
    for network in ["", "hostNetwork: true, "] {
        let yaml = namespace("shop", "istio-injection: disabled") + &pod("one", network) + &pod("two", network);
        let inside: Vec<String> = lines(&yaml).into_iter().filter(|line| !line.contains("any address")).collect();
        assert_eq!(inside.len(), 2, "{inside:?}");
    }
}

/// Two pods without addresses share what their ends say; a rule that one of them alone is held by is still for the other.
#[test]
fn pods_that_share_an_end_reach_each_other() {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let into = "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: one}}}], ports: [{port: 80}]}]}";
    let yaml = namespace("shop", "istio-injection: disabled") + &pod("one") + &pod("two") + &network("shop", "in", into);
    let inside: Vec<String> = lines(&yaml).into_iter().filter(|line| !line.contains("any address")).collect();
    assert_eq!(inside, ["shop/one[Pod] | shop/two[Pod] | TCP 80 | plaintext"]);
}

#[test]
fn sctp_is_assumed_to_be_judged_once_unless_a_policy_speaks_of_it() {
    let unsure = Platform { sctp: None, ..platform() };
    let listed = |platform: &Platform, yaml: &str| {
        let (cluster, _) = read(platform.clone(), yaml);
        list::list(&cluster, &Options::default())
    };
    let rule = |ports: &str| network("shop", "web", &format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{{ports}}}]}}"));
    let closed = two() + &network("shop", "closed", CLOSED);
    // Nothing hangs on it where nothing is isolated, nor where it is known.
    for (platform, yaml) in [(&unsure, &two()), (&platform(), &closed)] {
        assert_eq!(listed(platform, yaml).assumptions, []);
    }
    for yaml in [closed.clone(), two() + &rule(""), two() + &rule("ports: [{port: 80}, {protocol: UDP}]")] {
        let listing = listed(&unsure, &yaml);
        assert_eq!((listing.assumptions.as_slice(), listing.doubts.as_slice()), (&[Assumption::Sctp][..], &[][..]), "{yaml}");
        assert_eq!(listing, list::Listing { assumptions: listing.assumptions.clone(), ..listed(&platform(), &yaml) });
    }
    // Somebody who writes of it wants to know; what holds for many is said once.
    for ports in ["ports: [{protocol: SCTP}]", "ports: [{protocol: SCTP, port: 5, endPort: 9}]", "ports: [{protocol: SCTP, port: signal}]"]
    {
        let listing = listed(&unsure, &(closed.clone() + &rule(ports)));
        assert_eq!(listing.assumptions, []);
        let text = render::text(&listing, &Sources::default());
        let about: Vec<&str> = text.lines().filter(|line| line.contains("SCTP *")).collect();
        assert_eq!(about.len(), 2, "{text}");
        assert!(about[0].contains("any workload") && about[1].contains("any address"), "{text}");
    }
    // One who says that it is not judged is told everywhere.
    assert!(!listed(&Platform { sctp: Some(false), ..platform() }, &closed).doubts.is_empty());
}

#[test]
fn pods_of_one_owner_that_a_policy_tells_apart_are_two_rows() {
    let pod = |name: &str, track: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, uid: u-{name}, labels: {{app: web, track: {track}, pod-template-hash: h}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-h, uid: r, controller: true}}]}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let into = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {track: stable}}}]}]}";
    let yaml = namespace("shop", "istio-injection: disabled")
        + &deployment("shop", "db", "db-sa")
        + &pod("web-1", "stable")
        + &pod("web-2", "canary");
    let to_db = |yaml: &str| lines(yaml).into_iter().filter(|line| line.contains("| shop/db[") && line.contains("web")).collect::<Vec<_>>();
    assert_eq!(to_db(&yaml), ["shop/web[Deployment] | shop/db[Deployment] | all connections | plaintext"]);
    assert_eq!(to_db(&(yaml + &network("shop", "db", into))), ["shop/web-1[Pod] | shop/db[Deployment] | all connections | plaintext"]);
}

#[test]
fn what_goes_over_a_waypoint_says_so() {
    let ambient =
        namespace("shop", "istio.io/dataplane-mode: ambient") + &deployment("shop", "web", "web-sa") + &deployment("shop", "db", "db-sa");
    let gateway = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: waypoint, namespace: shop}\n\
                   spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}\n\
                   spec: {selector: {app: db}, ports: [{name: http, port: 80, targetPort: 8080}]}\n";
    let strict = istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}");
    let at_waypoint = istio(
        "AuthorizationPolicy",
        "shop",
        "readers",
        "{targetRefs: [{kind: Service, group: '', name: db}], rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web-sa]}}], to: [{operation: {methods: [GET]}}]}]}",
    );
    let at_pod = istio(
        "AuthorizationPolicy",
        "shop",
        "only-waypoint",
        "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/waypoint]}}]}]}",
    );
    let yaml = ambient + gateway + service + &strict + &at_waypoint + &at_pod;
    let sure = Platform { layered_waypoint_policies: Some(false), auto_allow_waypoint: Some(false), ..platform() };
    let tcp = |source: &str| on(sure.clone(), &yaml, source, "db").into_iter().filter(|line| line.contains("TCP")).collect::<Vec<_>>();
    assert_eq!(tcp("web"), ["shop/web[Deployment] | shop/db[Deployment] | TCP 8080 | mTLS via shop/waypoint | GET"]);
    assert!(tcp("db").iter().all(|line| !line.contains("via")), "{:?}", tcp("db"));
}

#[test]
fn a_call_by_service_goes_straight_past_a_waypoint_for_workloads() {
    let gateway = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
                   metadata: {name: waypoint, namespace: shop, labels: {istio.io/waypoint-for: workload}}\n\
                   spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let yaml = namespace("shop", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint")
        + &deployment("shop", "web", "web-sa")
        + &deployment("shop", "db", "db-sa")
        + gateway
        + &service_of_db("{name: sql, port: 5432}")
        + &istio(
            "AuthorizationPolicy",
            "shop",
            "db",
            "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web-sa]}}]}]}",
        );
    let sure = Platform { layered_waypoint_policies: Some(false), auto_allow_waypoint: Some(false), ..platform() };
    let tcp = |source: &str| on(sure.clone(), &yaml, source, "db").into_iter().filter(|line| line.contains("TCP")).collect::<Vec<_>>();
    assert_eq!(tcp("web"), ["shop/web[Deployment] | shop/db[Deployment] | TCP 5432 | mTLS"]);
    assert_eq!(tcp("db"), Vec::<String>::new());
}

/// A pod's own address is called at its own ports, which a waypoint's policies tell apart too (`semantics.md` 2.7).
#[test]
fn ports_count_at_a_waypoint_for_workloads() {
    let gateway = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
                   metadata: {name: waypoint, namespace: shop, labels: {istio.io/waypoint-for: workload}}\n\
                   spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let only_waypoint =
        "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/waypoint]}}]}]}";
    let sure = Platform { layered_waypoint_policies: Some(false), auto_allow_waypoint: Some(false), ..platform() };
    let passes = |action: &str, rule: &str| {
        let target = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}]";
        let yaml = namespace("shop", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint")
            + &deployment("shop", "web", "web-sa")
            + &deployment("shop", "db", "db-sa")
            + gateway
            + &istio("AuthorizationPolicy", "shop", "only-waypoint", only_waypoint)
            + &istio("AuthorizationPolicy", "shop", "at-waypoint", &format!("{{{target}, action: {action}, rules: [{rule}]}}"));
        let lines: Vec<String> = on(sure.clone(), &yaml, "web", "db").into_iter().filter(|line| line.contains("via")).collect();
        let ports = lines.iter().filter_map(|line| line.split(" | ").nth(2)?.strip_prefix("TCP ")).flat_map(|ports| ports.split(','));
        let ranges: Vec<[u16; 2]> = ports
            .map(|range| {
                let (low, high) = range.split_once('-').unwrap_or((range, range));
                [low, high].map(|port| port.parse().unwrap())
            })
            .collect();
        [5432, 5433].map(|port| ranges.iter().any(|[low, high]| (*low..=*high).contains(&port)))
    };
    for one in ["{to: [{operation: {ports: ['5432']}}]}", "{when: [{key: destination.port, values: ['5432']}]}"] {
        assert_eq!(passes("ALLOW", one), [true, false], "{one}");
        assert_eq!(passes("DENY", one), [false, true], "{one}");
    }
    let other = "{to: [{operation: {notPorts: ['5432']}}]}";
    assert_eq!(passes("ALLOW", other), [false, true]);
    assert_eq!(passes("DENY", other), [true, false]);
}

fn service_of_db(port: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{selector: {{app: db}}, ports: [{port}]}}\n"
    )
}

/// A rule about how clients speak to `db`, from namespace `shop`.
fn destination_rule(spec: &str) -> String {
    format!("---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: db, namespace: shop}}\nspec: {spec}\n")
}

/// What passes over TCP from `web` to `db`, which takes mutual TLS alone and has a Service for 5432, under a rule for clients.
fn told(rule: &str) -> Vec<String> {
    let only_db = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}, {port: 9999}]}]}";
    let yaml = meshed()
        + &service_of_db("{name: sql, port: 5432}")
        + &network("shop", "db", only_db)
        + &istio("PeerAuthentication", "shop", "strict", "{mtls: {mode: STRICT}}")
        + &destination_rule(rule);
    on(platform(), &yaml, "web", "db").into_iter().map(|line| line.split(" | ").skip(2).collect::<Vec<_>>().join(" | ")).collect()
}

#[test]
fn clients_that_a_destination_rule_tells_to_speak_plaintext_do_not_speak_mtls() {
    assert_eq!(told("{host: other, trafficPolicy: {tls: {mode: DISABLE}}}"), ["TCP 5432,9999 | mTLS"]);
    assert_eq!(told("{host: db, trafficPolicy: {tls: {mode: DISABLE}}}"), ["TCP 9999 | mTLS"]);
    assert_eq!(told("{host: '*.shop.svc.cluster.local', trafficPolicy: {tls: {mode: SIMPLE}}}"), ["TCP 9999 | mTLS"]);
    assert_eq!(told("{host: db, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"), ["TCP 5432 | mTLS", "TCP 9999 | mTLS"]);
    let of_port =
        "{host: db, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 5432}, tls: {mode: ISTIO_MUTUAL}}]}}";
    assert_eq!(told(of_port), ["TCP 5432 | mTLS", "TCP 9999 | mTLS"]);
    assert_eq!(
        told("{host: db, trafficPolicy: {tls: {mode: DISABLE}}, workloadSelector: {matchLabels: {app: other}}}"),
        ["TCP 5432,9999 | mTLS"]
    );
    let subset = "{host: db, subsets: [{name: a, labels: {app: db}, trafficPolicy: {tls: {mode: DISABLE}}}]}";
    assert_eq!(told(subset), ["TCP 9999 | mTLS", "TCP 5432 | either | unspecified: it hangs on client TLS unknown"]);
}

#[test]
fn a_selection_is_that_part_of_the_list() {
    let (cluster, _) = read(platform(), &(two() + &network("shop", "closed", CLOSED)));
    let web: Selection = Selection { names: vec!["shop/web".parse().unwrap()], ..Selection::default() };
    let listing = list::list(&cluster, &Options { from: Some(web.clone()), to: Some(web), ..Options::default() });
    assert_eq!(listing.peers.len(), 1);
    assert_eq!(render::text(&listing, &Sources::default()).lines().count(), 2, "one row below its head");
    let outside = Selection { peers: addresses("203.0.113.0/24").into(), ..Selection::default() };
    let listing = list::list(&cluster, &Options { from: Some(outside), ..Options::default() });
    let text = render::text(&listing, &Sources::default());
    assert!(text.contains("203.0.113.0/24") && !text.contains("shop/db["), "{text}");
}

/// A gateway that takes the mesh's mTLS on one port, and the application's on another; behind a Service, and a client.
fn with_gateway(labels: &str, rule: &str) -> String {
    let gateway = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: shop}\n\
        spec: {selector: {matchLabels: {istio: gw}}, template: {metadata: {annotations: {inject.istio.io/templates: gateway}, \
        labels: {istio: gw, sidecar.istio.io/inject: 'true'LABELS}}, spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: auto}]}}}\n\
        ---\napiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: shop}\n\
        spec: {selector: {istio: gw}, ports: [{name: https, port: 443, targetPort: 8443}, {name: tls, port: 444, targetPort: 8444}]}\n\
        ---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: shop}\n\
        spec: {selector: {istio: gw}, servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}}, \
        {port: {number: 444, name: b, protocol: TLS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}}]}\n";
    let only = "{podSelector: {matchLabels: {istio: gw}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8443}, {port: 8444}]}]}";
    namespace("shop", "istio-injection: enabled")
        + &deployment("shop", "web", "web-sa")
        + &gateway.replace("LABELS", labels)
        + &network("shop", "edge", only)
        + rule
}

/// Clients do not know that a gateway takes mTLS, so they speak plaintext unless a rule tells them (`semantics.md` §3.3): what is listed is
/// what is explained.
#[test]
fn clients_speak_mtls_with_a_gateway_where_they_are_told_to() {
    let cases = [
        ("", "", [false, false]),
        ("", "{host: other, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}", [false, false]),
        ("", "{host: edge, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}", [true, true]),
        ("", "{host: edge, trafficPolicy: {portLevelSettings: [{port: {number: 444}, tls: {mode: ISTIO_MUTUAL}}]}}", [false, true]),
        ("", "{host: edge, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, workloadSelector: {matchLabels: {app: other}}}", [false, false]),
        ("", "{host: edge, trafficPolicy: {tls: {mode: DISABLE}}}", [false, false]),
        (", security.istio.io/tlsMode: istio", "", [true, true]),
    ];
    for (labels, rule, expected) in cases {
        let rule = if rule.is_empty() { String::new() } else { destination_rule(rule) };
        let yaml = with_gateway(labels, &rule);
        let (cluster, _) = read(platform(), &yaml);
        let end = |name: &str| cluster.workloads().iter().find(|workload| &*workload.name == name).unwrap().endpoint.clone();
        let explained = [(443, 8443), (444, 8444)].map(|(of_service, port)| {
            let addressed = Addressed::Service { namespace: "shop".into(), name: "edge".into(), port: of_service };
            let (source, destination) = (end("web"), end("edge"));
            let question = Question { source, destination, protocol: Protocol::Tcp, port, transport: None, request: None, addressed };
            assert_eq!(
                cluster.decide(&Question { addressed: Addressed::Pod, ..question.clone() }).verdict,
                Verdict::Denied,
                "a pod's own address is called as it is"
            );
            cluster.decide(&question).verdict == Verdict::Allowed
        });
        assert_eq!(explained, expected, "{labels} {rule}");
        let rows: Vec<String> = on(platform(), &yaml, "web", "edge").into_iter().filter(|line| line.contains("TCP")).collect();
        let listed = ["8443", "8444"].map(|port| rows.iter().any(|row| row.contains(port) && row.contains("mTLS")));
        assert_eq!(listed, expected, "{labels} {rule}\n{rows:#?}");
        assert!(rows.iter().all(|row| !row.contains("plaintext") && !row.contains("unspecified")), "{rows:#?}");
    }
}

/// Whatever ambient pods send each other goes in the tunnel: what would pass in plaintext is no row (`semantics.md` §5.1).
#[test]
fn between_ambient_pods_there_is_no_plaintext() {
    let ambient = "istio.io/dataplane-mode: ambient";
    let rule = |from: &str| {
        istio(
            "AuthorizationPolicy",
            "shop",
            "p",
            &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{{from}}}}}]}}]}}"),
        )
    };
    let all = |from: &str, label: &str| {
        let workloads = [deployment("shop", "web", "web"), deployment("shop", "db", "db")].concat();
        on(platform(), &format!("{}{workloads}{}", namespace("shop", label), rule(from)), "web", "db")
    };
    let udp = |lines: &[String]| lines.iter().filter(|line| line.contains("TCP")).cloned().collect::<Vec<_>>();
    assert_eq!(udp(&all("notNamespaces: [shop]", ambient)), [""; 0]);
    let passing = all("namespaces: [shop]", ambient);
    assert!(passing.iter().any(|line| line.contains("TCP") && line.contains("mTLS")), "{passing:#?}");
    assert!(!passing.iter().any(|line| line.contains("TCP") && !line.contains("mTLS")), "{passing:#?}");
    // Between sidecars it may be.
    assert!(!udp(&all("notNamespaces: [shop]", "istio-injection: enabled")).is_empty());
}

/// The address of probes may count as the pod's own node or not (`semantics.md` §5.4): where no rule lets it in, nobody knows.
#[test]
fn what_has_the_address_of_probes_is_open_at_isolated_pods() {
    let pod = |name: &str, labels: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}{labels}}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let ambient = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio.io/dataplane-mode: ambient}}}}\n{}{}\
         ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: deny, namespace: shop}}\n\
         spec: {{podSelector: {{}}, policyTypes: [Ingress]}}\n",
        pod("db", ""),
        pod("job", ", istio.io/dataplane-mode: none"),
    );
    let platform = Platform { probe_sources: addresses("169.254.7.127/32"), ..platform() };
    let on = |yaml: &str, to: &str| on(platform.clone(), yaml, "169.254.0.0/16", to);
    let listed = on(&ambient, "shop/db");
    let [line] = listed.as_slice() else { panic!("{listed:#?}") };
    let wanted = "unspecified: whether what probes and host processes of the pod's own node send from this address counts as that node's \
                  hangs on the network plugin";
    assert!(line.starts_with("? 169.254.7.127/32 | shop/db[Pod] | ") && line.ends_with(wanted), "{line}");
    assert_eq!(on(&ambient, "shop/job"), ["no connection passes"]);
    // A rule lets it in for sure.
    let allowed = ambient.replace("[Ingress]}", "[Ingress], ingress: [{from: [{ipBlock: {cidr: 169.254.7.127/32}}]}]}");
    let listed = on(&allowed, "shop/db");
    assert!(listed.iter().any(|line| line.starts_with("169.254.7.127/32 | shop/db[Pod] | TCP 1-15000,")), "{listed:#?}");
    assert!(!listed.iter().any(|line| line.ends_with(wanted)), "{listed:#?}");
}

/// Who asks for a workload by name asks for all its pods.
#[test]
fn a_name_selects_the_template_and_the_pods_that_differ() {
    let odd = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: db-6d4-x, namespace: shop, uid: u, labels: {app: db, pod-template-hash: 6d4, debug: \"yes\"}, \
               ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: db-6d4}]}\nspec: {serviceAccountName: db-sa, containers: [{name: c, image: i}]}\n\
               status: {phase: Running, podIP: 10.244.0.6}\n";
    let yaml = two()
        + odd
        + &network("shop", "closed", CLOSED)
        + &network("shop", "debug", "{podSelector: {matchLabels: {debug: \"yes\"}}, ingress: [{}]}");
    for name in ["shop/db[Deployment]", "shop/db", "db", "deploy/db@shop", "rs/db-6d4@shop", "pod/db-6d4-x@shop"] {
        assert_eq!(
            on(platform(), &yaml, "web", name),
            ["shop/web[Deployment] | shop/db-6d4-x[Pod] | all connections | plaintext"],
            "{name}"
        );
    }
    let leaving = on(platform(), &yaml, "shop/db[Deployment]", "web");
    assert_eq!(leaving.len(), 2, "{leaving:?}");
    assert_eq!(on(platform(), &yaml, "web", "pod/db@shop"), ["no connection passes"]);
}

/// A pod's own label says whether who is in ambient mode calls it by a tunnel; where that is otherwise than it is taken for it is open.
#[test]
fn what_hangs_on_the_label_of_tunnels_is_open() {
    let ambient = namespace("amb", "istio.io/dataplane-mode: ambient") + &deployment("amb", "aweb", "aweb");
    let called = |labels: &str, own: &str| {
        let there = with_labels("shop", "db", "db", &format!("app: db, {own}"));
        let rows = on(platform(), &(ambient.clone() + &namespace("shop", labels) + &there), "aweb", "db");
        rows.into_iter().filter(|row| row.contains("TCP")).collect::<Vec<_>>()
    };
    let (sidecar, none) = ("istio-injection: enabled", "istio-injection: disabled");
    for (labels, value, is_open) in [(sidecar, "http", false), (sidecar, "none", true), (none, "http", true), (none, "none", false)] {
        let rows = called(labels, &format!("networking.istio.io/tunnel: {value}"));
        assert_eq!(rows.iter().any(|row| row.contains("`networking.istio.io/tunnel`")), is_open, "{labels} {value}: {rows:#?}");
    }
}

/// What rules let in together, whatever labels a namespace has that nobody shows, is listed as it is explained.
#[test]
fn rules_that_pass_together_are_listed_as_they_are_explained() {
    let from = |test: &str| format!("{{from: [{{namespaceSelector: {{matchExpressions: [{{{test}}}]}}}}], ports: [{{port: 80}}]}}");
    let policy = |name: &str, tests: &[&str]| {
        let rules: Vec<String> = tests.iter().map(|test| from(test)).collect();
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{podSelector: {{}}, ingress: [{}]}}\n",
            rules.join(", ")
        )
    };
    let (prod, others) = ("key: env, operator: In, values: [prod]", "key: env, operator: NotIn, values: [prod]");
    let both = [deployment("shop", "db", "db"), deployment("other", "web", "web")].concat();
    let explained = |yaml: &str| {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("all.yaml", yaml));
        let input = Input { sources, ..Input::default() };
        let answer =
            explain::explain(Ask { flow: "deploy/web@other -> deploy/db@shop:80 plaintext".to_owned(), input, manifests: vec![file] });
        answer.verdict().cloned()
    };
    let passes = "other/web[Deployment] | shop/db[Deployment] | TCP 80 | either";
    for policies in [policy("one", &[prod, others]), [policy("one", &[prod]), policy("two", &[others])].concat()] {
        let yaml = both.clone() + &policies;
        assert_eq!(explained(&yaml), Some(Verdict::Allowed));
        assert_eq!(on(platform(), &yaml, "web", "db"), [passes]);
    }
    let yaml = both + &policy("one", &[prod, "key: env, operator: NotIn, values: [prod, dev]"]);
    assert!(matches!(explained(&yaml), Some(Verdict::Unspecified(reason)) if reason.contains("labels of namespace `other`")));
    assert_eq!(on(platform(), &yaml, "web", "db"), [format!("? {passes} | unspecified: the labels of namespace `other` are not known")]);
}
