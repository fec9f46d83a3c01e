//! Istio's own golden files: what its control plane makes of policies for Envoy and for ztunnel, read by a small interpreter of
//! those forms, against what the evaluator says.
//!
//! The files lie beside the package, never in it; without them each test says on stderr that it was skipped.

use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize as _;
use serde_yaml::Value;

use super::docs::corpus;
use super::*;

fn yaml(folder: &Path, name: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// The policies of an input; where they name no namespace it is `foo`.
fn policies(folder: &Path, name: &str) -> Cluster {
    let platform = Platform { default_namespace: Some("foo".into()), istio: (1, 32, 0), ..Platform::default() };
    cluster_on(platform, &std::fs::read_to_string(folder.join(name)).unwrap())
}

fn list<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    value.get(key).and_then(Value::as_sequence).into_iter().flatten().collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Every text anywhere in a tree.
fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => all.push(text.clone()),
        Value::Sequence(list) => list.iter().for_each(|value| texts(value, all)),
        Value::Mapping(map) => map.values().for_each(|value| texts(value, all)),
        _ => {}
    }
}

/// What the forms look at in a question: who proved to be whom, and from where.
struct Seen<'q> {
    question: &'q Question,
    identity: Option<String>,
    source: IpAddr,
    destination: IpAddr,
}

impl<'q> Seen<'q> {
    fn of(question: &'q Question) -> Self {
        let identity = match (&question.source.peer, question.transport) {
            (Peer::Pod(pod), Some(Transport::Mtls)) => Some(format!("cluster.local/ns/{}/sa/{}", pod.namespace, pod.account)),
            _ => None,
        };
        let address = |end: &Endpoint| match &end.peer {
            Peer::Address(address) => *address,
            Peer::Pod(_) => end.facts.addresses[0],
        };
        Self { question, identity, source: address(&question.source), destination: address(&question.destination) }
    }
}

/// The forms of Envoy's RBAC filter.
mod envoy {
    use super::*;

    /// Whether every filter lets a connection pass.
    pub(super) fn passes(filters: &[Value], seen: &Seen<'_>) -> bool {
        filters.iter().all(|filter| {
            let rules = &filter["typedConfig"]["rules"];
            let policies = rules["policies"].as_mapping().unwrap();
            let matched = policies.values().any(|policy| {
                list(policy, "permissions").iter().any(|one| permission(one, seen))
                    && list(policy, "principals").iter().any(|one| principal(one, seen))
            });
            matched != (text(rules, "action") == "DENY")
        })
    }

    fn only(value: &Value) -> (&str, &Value) {
        let map = value.as_mapping().unwrap();
        assert_eq!(map.len(), 1, "{value:?}");
        let (key, inner) = map.iter().next().unwrap();
        (key.as_str().unwrap(), inner)
    }

    fn permission(value: &Value, seen: &Seen<'_>) -> bool {
        let request = seen.question.request.as_ref();
        match only(value) {
            ("any", _) => true,
            ("andRules", inner) => list(inner, "rules").iter().all(|one| permission(one, seen)),
            ("orRules", inner) => list(inner, "rules").iter().any(|one| permission(one, seen)),
            ("notRule", inner) => !permission(inner, seen),
            ("destinationPort", port) => port.as_u64() == Some(u64::from(seen.question.port)),
            ("destinationIp", range) => within(range, seen.destination),
            ("header", inner) => header(inner, seen),
            ("urlPath", inner) => request.is_some_and(|request| string(&inner["path"], &request.path)),
            ("uriTemplate", inner) => request.is_some_and(|request| template(text(&inner["typedConfig"], "pathTemplate"), &request.path)),
            other => panic!("{other:?}"),
        }
    }

    fn principal(value: &Value, seen: &Seen<'_>) -> bool {
        match only(value) {
            ("any", _) => true,
            ("andIds", inner) => list(inner, "ids").iter().all(|one| principal(one, seen)),
            ("orIds", inner) => list(inner, "ids").iter().any(|one| principal(one, seen)),
            ("notId", inner) => !principal(inner, seen),
            ("authenticated", inner) => {
                seen.identity.as_ref().is_some_and(|identity| string(&inner["principalName"], &format!("spiffe://{identity}")))
            }
            ("directRemoteIp" | "remoteIp", range) => within(range, seen.source),
            ("header", inner) => header(inner, seen),
            // No proxy here verifies tokens.
            ("metadata", _) => false,
            other => panic!("{other:?}"),
        }
    }

    fn within(range: &Value, address: IpAddr) -> bool {
        let block = format!("{}/{}", text(range, "addressPrefix"), range["prefixLen"].as_u64().unwrap());
        Prefix::parse(&block).unwrap().contains(address)
    }

    fn header(value: &Value, seen: &Seen<'_>) -> bool {
        let Some(request) = &seen.question.request else { return false };
        let held = match text(value, "name") {
            ":authority" => Some(&request.host),
            ":method" => Some(&request.method),
            name => request.headers.get(&*name.to_lowercase()),
        };
        match value.get("presentMatch") {
            Some(_) => held.is_some(),
            None => held.is_some_and(|held| string(&value["stringMatch"], held)),
        }
    }

    fn string(value: &Value, word: &str) -> bool {
        let fold = |text: &str| if value.get("ignoreCase").is_some() { text.to_lowercase() } else { text.to_owned() };
        let word = fold(word);
        let of = |key: &str| value.get(key).and_then(Value::as_str).map(fold);
        match (of("exact"), of("prefix"), of("suffix"), value.get("safeRegex")) {
            (Some(exact), ..) => word == exact,
            (_, Some(prefix), ..) => word.starts_with(&prefix),
            (_, _, Some(suffix), _) => word.ends_with(&suffix),
            (.., Some(regex)) => self::regex(text(regex, "regex"), &word),
            _ => panic!("{value:?}"),
        }
    }

    /// The two shapes of expressions that occur: anything at all, and a namespace somewhere in an identity.
    fn regex(pattern: &str, word: &str) -> bool {
        if pattern == ".+" {
            return !word.is_empty();
        }
        let inner = pattern.strip_prefix(".*/ns/").and_then(|rest| rest.strip_suffix("/.*")).unwrap();
        word.contains(&format!("/ns/{}/", inner.replace('\\', "")))
    }

    fn template(pattern: &str, path: &str) -> bool {
        let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some("*"), Some(segment)) if !segment.is_empty() => {}
                (Some("**"), Some(first)) => {
                    let tail: Vec<&str> = wanted.collect();
                    let rest: Vec<&str> = std::iter::once(first).chain(given).collect();
                    return rest.len() > tail.len() && rest[rest.len() - tail.len()..] == tail[..];
                }
                (Some(own), Some(other)) if own == other => {}
                _ => return false,
            }
        }
    }
}

/// The forms of ztunnel's `Authorization`.
mod ztunnel {
    use super::*;

    /// Whether a policy matches a connection.
    pub(super) fn matches(policy: &Value, seen: &Seen<'_>) -> bool {
        list(policy, "groups")
            .iter()
            .any(|group| list(group, "rules").iter().all(|rule| list(rule, "matches").iter().any(|one| one_match(one, seen))))
    }

    fn one_match(value: &Value, seen: &Seen<'_>) -> bool {
        let parts: Vec<&str> = seen.identity.as_deref().unwrap_or_default().split('/').collect();
        let identity = seen.identity.as_deref();
        let (namespace, account) = (parts.get(2).copied().filter(|_| identity.is_some()), parts.get(4).copied());
        let strings = |key: &str, word: Option<&str>| list(value, key).iter().any(|one| word.is_some_and(|word| string(one, word)));
        let numbers = |key: &str| list(value, key).iter().any(|port| port.as_u64() == Some(u64::from(seen.question.port)));
        let ranges = |key: &str, address: IpAddr| list(value, key).iter().any(|range| within(range, address));
        let accounts = |key: &str| {
            list(value, key).iter().any(|one| Some(text(one, "namespace")) == namespace && Some(text(one, "serviceAccount")) == account)
        };
        let both = |key: &str, holds: &dyn Fn(&str) -> bool| {
            let negated = format!("not{}{}", key[..1].to_uppercase(), &key[1..]);
            (value.get(key).is_none() || holds(key)) && (value.get(&*negated).is_none() || !holds(&negated))
        };
        !value.as_mapping().unwrap().is_empty()
            && both("principals", &|key| strings(key, identity))
            && both("namespaces", &|key| strings(key, namespace))
            && both("serviceAccounts", &|key| accounts(key))
            && both("sourceIps", &|key| ranges(key, seen.source))
            && both("destinationIps", &|key| ranges(key, seen.destination))
            && both("destinationPorts", &|key| numbers(key))
    }

    fn string(value: &Value, word: &str) -> bool {
        match (value.get("exact"), value.get("prefix"), value.get("suffix")) {
            (Some(exact), ..) => exact.as_str() == Some(word),
            (_, Some(prefix), _) => word.starts_with(prefix.as_str().unwrap()),
            (_, _, Some(suffix)) => word.ends_with(suffix.as_str().unwrap()),
            _ => value.get("presence").is_some() && !word.is_empty(),
        }
    }

    fn within(range: &Value, address: IpAddr) -> bool {
        let bytes = base64(text(range, "address"));
        let first: [u8; 4] = bytes.try_into().unwrap();
        Prefix::parse(&format!("{}/{}", IpAddr::from(first), range["length"].as_u64().unwrap())).unwrap().contains(address)
    }

    fn base64(text: &str) -> Vec<u8> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = 0_u32;
        let mut count = 0;
        let mut bytes = Vec::new();
        for letter in text.bytes().filter(|letter| *letter != b'=') {
            bits = bits << 6 | u32::try_from(LETTERS.iter().position(|own| *own == letter).unwrap()).unwrap();
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
            }
        }
        bytes
    }
}

/// How often both said yes and no, and what they did not agree on.
#[derive(Default)]
struct Tally {
    allowed: usize,
    denied: usize,
    open: usize,
    differ: Vec<String>,
}

impl Tally {
    fn add(&mut self, case: &str, cluster: &Cluster, question: &Question, expected: bool) {
        match (ask(cluster, question).verdict, expected) {
            (Verdict::Allowed, true) => self.allowed += 1,
            (Verdict::Denied, false) => self.denied += 1,
            (Verdict::Unspecified(_), _) => self.open += 1,
            (verdict, _) => self.differ.push(format!("{case}: {verdict:?}, golden {expected}: {question:?}")),
        }
    }
}

fn sources(plane: DataPlane, namespaces: &[&str], accounts: &[&str], blocks: &[&str]) -> Vec<(Endpoint, Transport)> {
    let mut all = Vec::new();
    for block in blocks {
        all.push((address(block), Transport::Plaintext));
        for namespace in namespaces {
            for account in accounts {
                all.push((pod(namespace, "", account, plane).at(&[block]), Transport::Mtls));
            }
        }
    }
    all
}

fn ask_of(source: &Endpoint, destination: &Endpoint, port: u16, transport: Transport) -> Question {
    Question { transport: Some(transport), ..auto(source, destination, port) }
}

/// Requests made of the words of a policy, each with its `*` taken out, and some that no policy names.
fn requests(words: &[String]) -> Vec<(String, String, String, Option<String>)> {
    // A prime stride goes through every word of each kind all the same.
    const MOST: usize = 120;
    let plain = |word: &String| word.replace('*', "x").replace("{x}", "one").replace("{xx}", "one/two");
    let of = |wanted: &str, other: &str| -> Vec<String> {
        let named = words.iter().filter(|word| word.contains(wanted)).map(plain);
        named.chain([other.to_owned()]).collect()
    };
    let paths: Vec<String> =
        words.iter().filter(|word| word.contains('/') || word.contains("path")).map(plain).chain(["/other".to_owned()]).collect();
    let mut all = Vec::new();
    for path in &paths {
        for (method, host) in
            of("method", "GET").iter().flat_map(|method| of("host", "other.example").into_iter().map(move |host| (method.clone(), host)))
        {
            for header in [None, Some("header"), Some("header-prefix-1"), Some("a-suffix-header")] {
                all.push((method.to_uppercase(), path.clone(), host.clone(), header.map(str::to_owned)));
            }
        }
    }
    let stride = [1, 7, 31, 127].into_iter().find(|stride| all.len() / stride <= MOST).unwrap_or(127);
    all.into_iter().step_by(stride).collect()
}

#[test]
fn envoy_does_what_the_golden_filters_do() {
    let Some(folder) = corpus("istio-golden") else { return };
    let cases = yaml(&folder, "cases.yaml");
    let mut tally = Tally::default();
    let destination = meshed("foo", "app=httpbin,version=v1", "httpbin").at(&["10.10.10.10"]);
    for case in list(&cases, "envoy_rbac") {
        let folder = folder.join("envoy-rbac");
        let name = text(case, "name");
        let cluster = policies(&folder, text(case, "input"));
        let filters: Vec<Value> = list(case, "want").iter().map(|file| yaml(&folder, file.as_str().unwrap())).collect();
        let mut words = Vec::new();
        for document in serde_yaml::Deserializer::from_str(&std::fs::read_to_string(folder.join(text(case, "input"))).unwrap()) {
            texts(&Value::deserialize(document).unwrap(), &mut words);
        }
        for (source, transport) in
            sources(DataPlane::Sidecar, &["ns-1", "ns-2", "other"], &["sa"], &["10.0.0.1", "10.1.0.2", "198.51.100.7"])
        {
            for port in [80, 8080, 9001, 9011, 9090, 9112] {
                let question = ask_of(&source, &destination, port, transport);
                if name.starts_with("tcp/") {
                    tally.add(name, &cluster, &question, envoy::passes(&filters, &Seen::of(&question)));
                    continue;
                }
                for (method, path, host, header) in requests(&words) {
                    let mut question = question.clone().http(&method, &path).host(&format!("{}:80", host.to_lowercase()));
                    if let Some(value) = header {
                        question = question.header("x-header", &value);
                    }
                    tally.add(name, &cluster, &question, envoy::passes(&filters, &Seen::of(&question)));
                }
            }
        }
    }
    assert_eq!(tally.differ, [""; 0]);
    assert!(tally.allowed > 100 && tally.denied > 1000, "{} allowed, {} denied, {} open", tally.allowed, tally.denied, tally.open);
}

#[test]
fn ztunnel_does_what_the_golden_policies_do() {
    let Some(folder) = corpus("istio-golden") else { return };
    let cases = yaml(&folder, "cases.yaml");
    let mut tally = Tally::default();
    for case in list(&cases, "ztunnel") {
        let folder = folder.join("ztunnel");
        let (name, cluster) = (text(case, "name"), policies(&folder, text(case, "input")));
        let golden = yaml(&folder, text(case, "want"));
        let own = if name == "allow-full" { "cfg" } else { "foo" };
        let blocks = ["1.2.3.4", "5.6.1.1", "2.2.3.4", "10.10.10.10", "192.168.10.5", "90.10.10.10", "9.9.9.9"];
        for (source, transport) in
            sources(DataPlane::Ambient, &["ns", "cfg", "ns-prefix-x", "x-ns-suffix", "x"], &["sa", "sa-only", "sa-not", "x"], &blocks)
        {
            for port in [80, 90, 91, 92, 800, 8080, 9001, 9090] {
                for to in ["10.10.10.10", "90.10.10.10", "7.7.7.7"] {
                    let question = ask_of(&source, &ambient(own, "app=a", "a").at(&[to]), port, transport);
                    let seen = Seen::of(&question);
                    let matched = ztunnel::matches(&golden, &seen);
                    let expected = match text(&golden, "action") {
                        "DENY" => !matched,
                        // Nothing is made of a policy that is strict as a whole: ztunnel has one for that already.
                        _ if golden.is_null() => name != "peer-authn-strict" || seen.identity.is_some(),
                        _ => matched,
                    };
                    tally.add(name, &cluster, &question, expected);
                }
            }
        }
    }
    assert_eq!(tally.differ, [""; 0]);
    assert!(tally.allowed > 1000 && tally.denied > 500 && tally.open == 0, "{} {} {}", tally.allowed, tally.denied, tally.open);
}
