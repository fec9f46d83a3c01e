//! A world around one document, for the independent model: pods, addresses, ports and requests that its words tell apart.
//!
//! Owns: the sampling. It must ask neither the proof nor the evaluator anything: it is what they are held against. All flows
//! keep to the assumptions that the proof prints: accounts as declared, no pod at a written address, HTTP where requests are
//! denied.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_yaml::Value;
use twogate::flow::{DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Symbol, Token, Transport};
use twogate::ir::{Namespace, Policy, Rule};
use twogate::syntax::ast::Action;

/// Labels, in order.
type Pairs = Vec<(String, String)>;

/// Words of documents.
#[derive(Debug, Default)]
struct Words {
    /// Label sets of pods, by the namespace of the document, or of the peer if it is named.
    pods: BTreeSet<(Option<String>, Pairs)>,
    namespaces: BTreeSet<String>,
    namespace_labels: BTreeSet<(String, String)>,
    accounts: BTreeSet<(String, String)>,
    blocks: BTreeSet<String>,
    ports: BTreeSet<u16>,
    /// What rules of the mesh say of requests.
    asked: BTreeSet<Asked>,
    audiences: BTreeSet<String>,
}

/// What one rule of the mesh, or one check of tokens, says of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    methods: Vec<String>,
    paths: Vec<String>,
    hosts: Vec<String>,
    issuers: Vec<String>,
    claims: Vec<(String, Vec<String>)>,
}

/// The namespace whose policies act on the whole mesh.
const ROOT: &str = "istio-system";

/// All flows from and to the pods that some of the documents act on, as far as the words of all documents tell them apart.
pub(super) fn flows(policy: &Policy, documents: &[Value], acting: &[&Value]) -> Vec<Flow> {
    let namespaces: Vec<&str> = acting.iter().filter_map(|document| document["metadata"]["namespace"].as_str()).collect();
    let managed: Vec<String> = policy.managed().map(|namespace| namespace.name.to_string()).collect();
    let everywhere = namespaces.contains(&ROOT);
    let near: Vec<&str> = if everywhere { managed.iter().map(String::as_str).chain([ROOT]).collect() } else { namespaces };
    let mut words = Words::default();
    for document in documents {
        words.document(document, &near);
    }
    let meeting = documents.iter().filter(|document| acting.iter().any(|other| meet(document, other)));
    meeting.for_each(|document| words.requests_of(document));
    let peers = words.peers(policy);
    let requests = words.requests();
    let leaves = acting.iter().any(|document| document["kind"] == "NetworkPolicy");
    let is_acted_on = |peer: &Peer| acting.iter().any(|document| acts_on(document, peer));
    let mut flows = Vec::new();
    for source in &peers {
        for destination in &peers {
            if is_acted_on(destination) || leaves && is_acted_on(source) {
                words.add_flows(source, destination, &requests, &mut flows);
            }
        }
    }
    flows.retain(|flow| !is_ruled_out(policy, flow));
    thinned(flows, FLOWS)
}

/// The most flows of one world.
const FLOWS: usize = 1_500;
/// The most requests that rules take, and the most others.
const REQUESTS: usize = 10;

/// So many of a list, spread over all of it.
fn thinned<T>(list: Vec<T>, most: usize) -> Vec<T> {
    let (count, wanted) = (list.len(), most.min(list.len()));
    let mut next = 0;
    let mut chosen = Vec::with_capacity(wanted);
    for (at, item) in list.into_iter().enumerate() {
        if at * wanted >= next * count && next < wanted {
            chosen.push(item);
            next += 1;
        }
    }
    chosen
}

/// Whether a document may act on a peer: a pod of its namespace with the labels of its selector (`semantics.md` §1.2, §2.1).
fn acts_on(document: &Value, peer: &Peer) -> bool {
    let Peer::Pod(pod) = peer else { return false };
    let home = document["metadata"]["namespace"].as_str().unwrap_or_default();
    let selector = document["spec"].get("podSelector").or_else(|| document["spec"].get("selector"));
    let labels = selector.and_then(|selector| selector.get("matchLabels")?.as_mapping());
    let has = |(key, value): (&Value, &Value)| pod.labels.get(key.as_str().unwrap()).map(|own| &**own) == value.as_str();
    (home == ROOT || home == &*pod.namespace) && labels.is_none_or(|labels| labels.iter().all(has))
}

/// A port on which requests are denied is served as HTTP.
fn is_ruled_out(policy: &Policy, flow: &Flow) -> bool {
    let hits = |rule: &Rule| {
        let target =
            |target: &twogate::ir::Target| target.ports.contains(flow.protocol, flow.port) && target.end.matches(&flow.destination);
        rule.action == Action::Deny && !rule.requests.is_all() && rule.targets.iter().any(target)
    };
    flow.protocol == Protocol::Tcp && flow.request.is_none() && policy.rules.iter().any(hits)
}

impl Words {
    fn document(&mut self, document: &Value, near: &[&str]) {
        let Some(namespace) = document["metadata"]["namespace"].as_str() else { return };
        self.namespaces.insert(namespace.to_owned());
        self.walk(&document["spec"], namespace, near.contains(&namespace));
    }

    fn walk(&mut self, node: &Value, namespace: &str, is_near: bool) {
        match node {
            Value::Sequence(items) => items.iter().for_each(|item| self.walk(item, namespace, is_near)),
            Value::Mapping(entries) => {
                self.selectors(node, namespace);
                for (key, value) in entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value))) {
                    self.field(key, value, namespace, is_near);
                    self.walk(value, namespace, is_near);
                }
            }
            _ => {}
        }
    }

    /// The selectors of a peer, or of a document.
    fn selectors(&mut self, node: &Value, namespace: &str) {
        let there = node.get("namespaceSelector").map(label_sets);
        for (key, value) in there.iter().flatten().flatten() {
            if *key == *NAMESPACE_NAME {
                self.namespaces.insert(value.clone());
            } else {
                self.namespace_labels.insert((key.clone(), value.clone()));
            }
        }
        for key in ["podSelector", "selector"] {
            let Some(selector) = node.get(key) else { continue };
            let home = match &there {
                None => Some(namespace.to_owned()),
                Some(sets) => sets.iter().flatten().find(|(key, _)| *key == *NAMESPACE_NAME).map(|(_, name)| name.clone()),
            };
            for set in label_sets(selector) {
                self.pods.extend(set.iter().map(|pair| (home.clone(), vec![pair.clone()])));
                self.pods.insert((home.clone(), set));
            }
        }
    }

    fn field(&mut self, key: &str, value: &Value, namespace: &str, is_near: bool) {
        let words = || -> Vec<String> {
            let list = value.as_sequence().map_or_else(|| vec![value.clone()], Clone::clone);
            list.iter().filter_map(|word| word.as_str().map(str::to_owned).or_else(|| Some(word.as_i64()?.to_string()))).collect()
        };
        match key {
            "serviceAccounts" | "notServiceAccounts" | "principals" | "notPrincipals" => {
                for word in words() {
                    let (home, name) = word.split_once('/').unwrap_or((namespace, &word));
                    self.namespaces.insert(home.to_owned());
                    self.accounts.insert((home.to_owned(), name.to_owned()));
                }
            }
            "namespaces" | "notNamespaces" => self.namespaces.extend(words()),
            "cidr" | "except" => self.blocks.extend(words()),
            "port" | "endPort" | "ports" if is_near => self.ports.extend(words().iter().filter_map(|word| word.parse::<u16>().ok())),
            "portLevelMtls" if is_near => {
                self.ports.extend(value.as_mapping().unwrap().keys().filter_map(|port| u16::try_from(port.as_i64()?).ok()));
            }
            "audiences" if is_near => self.audiences.extend(words()),
            _ => {}
        }
    }

    /// What a document says of requests, rule by rule.
    fn requests_of(&mut self, document: &Value) {
        let list = |value: &Value| value.as_sequence().cloned().unwrap_or_default();
        for rule in document["spec"].get("rules").map(list).unwrap_or_default() {
            let conditions = rule.get("when").map(list).unwrap_or_default();
            let operations = rule.get("to").map(list).unwrap_or_default();
            let operations = operations.iter().filter_map(|to| to.get("operation"));
            self.asked.extend(operations.map(|operation| Asked::of(operation, &conditions)));
        }
        for rule in document["spec"].get("jwtRules").map(list).unwrap_or_default() {
            self.asked.insert(Asked { issuers: texts(&rule, &["issuer"]), ..Asked::default() });
        }
    }

    fn peers(&self, policy: &Policy) -> Vec<Peer> {
        let managed = policy.namespaces.values().map(|namespace| namespace.name.to_string());
        let names: BTreeSet<String> = self.namespaces.iter().cloned().chain(managed).chain(["elsewhere".to_owned()]).collect();
        let mut peers: Vec<Peer> = Vec::new();
        for name in names.iter().filter(|name| *name != "*") {
            for labels in self.labels_of(policy, name) {
                self.pods_of(policy, name, &labels, &mut peers);
            }
        }
        let cluster = &policy.config.cluster;
        let outside =
            self.addresses().into_iter().filter(|address| !cluster.pods.contains(*address) && !cluster.services.contains(*address));
        peers.extend(outside.map(Peer::Address));
        peers
    }

    /// The labels that a namespace may have: its own if it is managed, else with each one that a selector names.
    fn labels_of(&self, policy: &Policy, name: &str) -> Vec<Labels> {
        let known = policy.namespace(name);
        let own = known.map_or_else(|| Labels::from([(NAMESPACE_NAME.into(), name.into())]), |namespace| namespace.labels.clone());
        let mut all = vec![own.clone()];
        if !known.is_some_and(Namespace::is_managed) {
            all.extend(self.namespace_labels.iter().filter(|(key, _)| !own.contains_key(key.as_str())).map(|(key, value)| {
                let mut labels = own.clone();
                labels.insert(key.as_str().into(), value.as_str().into());
                labels
            }));
        }
        all
    }

    fn pods_of(&self, policy: &Policy, name: &str, namespace_labels: &Labels, peers: &mut Vec<Peer>) {
        let mut sets: BTreeSet<Vec<(String, String)>> = BTreeSet::from([Vec::new()]);
        sets.extend(self.pods.iter().filter(|(home, _)| home.as_deref().is_none_or(|home| home == name)).map(|(_, set)| set.clone()));
        for workload in policy.workloads_in(name) {
            let pairs = workload.labels.equalities().unwrap_or_default();
            sets.insert(pairs.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect());
        }
        for set in sets {
            let labels: Labels = set.iter().map(|(key, value)| (Symbol::from(key.as_str()), Symbol::from(value.as_str()))).collect();
            for account in self.accounts_of(policy, name, &labels) {
                let plane = plane(policy, name, &labels);
                let pod =
                    Pod { namespace: name.into(), namespace_labels: namespace_labels.clone(), labels: labels.clone(), account, plane };
                if !peers.contains(&Peer::Pod(pod.clone())) {
                    peers.push(Peer::Pod(pod));
                }
            }
        }
    }

    /// The account that pods with these labels are known to run as; if none is, any that somebody names, and others.
    fn accounts_of(&self, policy: &Policy, name: &str, labels: &Labels) -> Vec<Symbol> {
        let declared = policy.workloads_in(name).iter().filter(|workload| workload.labels.contains(labels));
        let declared: Vec<Symbol> = declared.filter_map(|workload| workload.account.clone()).collect();
        if !declared.is_empty() {
            return declared;
        }
        let is_alike = |own: &Labels| labels.iter().any(|(key, value)| own.get(key) == Some(value));
        let listed = policy.inventory.workloads.iter().filter(|workload| *workload.namespace == *name && is_alike(&workload.labels));
        let listed: BTreeSet<Symbol> = listed.map(|workload| workload.account.clone()).collect();
        if !listed.is_empty() {
            return listed.into_iter().collect();
        }
        let named =
            self.accounts.iter().filter(|(home, account)| home == name && account != "*").map(|(_, account)| account.as_str().into());
        ["default".into()].into_iter().chain(named).collect()
    }

    /// Addresses in and around every block.
    fn addresses(&self) -> BTreeSet<IpAddr> {
        let mut all: BTreeSet<IpAddr> = ["8.8.4.4", "2001:db8::7"].iter().map(|address| address.parse().unwrap()).collect();
        for block in &self.blocks {
            let Some((address, length)) = block.split_once('/') else { continue };
            let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { continue };
            let IpAddr::V4(first) = address else { continue };
            let size = 1_u64 << (32 - length.min(32));
            let first = u64::from(u32::from(first));
            let edges = [first.wrapping_sub(1), first, first + size / 2, first + size - 1, first + size];
            all.extend(edges.into_iter().filter_map(|edge| Some(IpAddr::V4(u32::try_from(edge).ok()?.into()))));
        }
        all
    }

    fn add_flows(&self, source: &Peer, destination: &Peer, requests: &[Request], flows: &mut Vec<Flow>) {
        if matches!((source, destination), (Peer::Address(_), Peer::Address(_))) {
            return;
        }
        let port = |protocol: Protocol, port: u16, transport: Transport| Flow {
            source: source.clone(),
            destination: destination.clone(),
            protocol,
            port,
            transport,
            request: None,
        };
        let ports: BTreeSet<u16> = self.ports.iter().copied().chain([15_020, 40_001]).collect();
        for number in ports {
            flows.push(port(Protocol::Udp, number, Transport::Plaintext));
            for transport in transports(source, destination, number) {
                let flow = port(Protocol::Tcp, number, transport);
                if is_meshed(destination) {
                    flows.extend(requests.iter().map(|request| Flow { request: Some(request.clone()), ..flow.clone() }));
                }
                flows.push(flow);
            }
        }
        flows.push(port(Protocol::Sctp, 40_001, Transport::Plaintext));
    }

    /// Requests that these words tell apart; none if nothing looks inside. For each rule one that it takes, and others of which
    /// one part is another.
    fn requests(&self) -> Vec<Request> {
        let asked: Vec<&Asked> = self.asked.iter().filter(|asked| **asked != Asked::default()).collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let taken: Vec<Request> = asked.iter().flat_map(|asked| asked.taken(&self.audiences)).collect();
        let near: Vec<Request> = asked.iter().flat_map(|asked| asked.near(&self.audiences)).collect();
        let mut requests = thinned(taken, REQUESTS);
        requests.extend(thinned(near, REQUESTS));
        let mut seen = BTreeSet::new();
        requests.retain(|request| seen.insert(request.clone()));
        requests
    }
}

impl Asked {
    fn of(operation: &Value, conditions: &[Value]) -> Self {
        let mut asked = Self {
            methods: texts(operation, &["methods", "notMethods"]),
            paths: texts(operation, &["paths", "notPaths"]),
            hosts: texts(operation, &["hosts", "notHosts"]),
            ..Self::default()
        };
        for condition in conditions {
            let Some(claim) = condition["key"].as_str().and_then(|key| key.strip_prefix("request.auth.claims[")) else { continue };
            let values = texts(condition, &["values", "notValues"]);
            match claim.trim_end_matches(']') {
                "iss" => asked.issuers = values,
                claim => asked.claims.push((claim.to_owned(), values)),
            }
        }
        asked
    }

    /// Requests that the rule takes.
    fn taken(&self, audiences: &BTreeSet<String>) -> Vec<Request> {
        let method = self.methods.first().map_or("GET", String::as_str);
        let host = self.hosts.first().map_or("shop.example", String::as_str);
        let paths = if self.paths.is_empty() { vec!["/unheard-of".to_owned()] } else { self.paths.clone() };
        let token = self.issuers.first().map_or(Token::None, |issuer| self.token(issuer, audiences.first().map(String::as_str)));
        let request = |path: &String| Request {
            method: method.into(),
            path: examples(path).swap_remove(1).into(),
            host: host.into(),
            headers: Labels::new(),
            token: token.clone(),
        };
        paths.iter().map(request).collect()
    }

    /// Requests of which one part is another than the rule takes, or another that it takes too.
    fn near(&self, audiences: &BTreeSet<String>) -> Vec<Request> {
        let mut near = Vec::new();
        for taken in self.taken(audiences) {
            let methods = self.methods.iter().map(String::as_str).chain(["PATCH", "TRACE"]);
            near.extend(methods.map(|method| Request { method: method.into(), ..taken.clone() }));
            let paths = self.paths.iter().flat_map(|path| examples(path)).chain(["/unheard-of".to_owned()]);
            near.extend(paths.map(|path| Request { path: path.as_str().into(), ..taken.clone() }));
            near.push(Request { host: "other.example".into(), ..taken.clone() });
            near.extend(self.tokens(audiences).into_iter().map(|token| Request { token, ..taken.clone() }));
        }
        near
    }

    /// A token of an issuer with what the rule wants of it.
    fn token(&self, issuer: &str, audience: Option<&str>) -> Token {
        let claims = self.claims.iter().filter_map(|(name, values)| Some((name.as_str(), values.first()?.as_str())));
        let claims = claims.chain(audience.map(|audience| ("aud", audience)));
        Token::Valid { issuer: issuer.into(), claims: claims.map(|(name, value)| (name.into(), [value.into()].into())).collect() }
    }

    fn tokens(&self, audiences: &BTreeSet<String>) -> Vec<Token> {
        let mut tokens = vec![Token::None, Token::Unverified];
        let audience = audiences.first().map(String::as_str);
        tokens
            .extend(self.issuers.iter().map(String::as_str).chain(["https://stranger.example"]).map(|issuer| self.token(issuer, audience)));
        let Some(issuer) = self.issuers.first() else { return tokens };
        tokens.extend(audiences.iter().map(String::as_str).chain(["another"]).map(|audience| self.token(issuer, Some(audience))));
        for (at, (_, values)) in self.claims.iter().enumerate() {
            for value in values.iter().map(String::as_str).chain(["everyone"]) {
                let mut other = self.clone();
                other.claims[at].1 = vec![value.to_owned()];
                tokens.push(other.token(issuer, audience));
            }
        }
        tokens
    }
}

/// The words of some fields.
fn texts(node: &Value, keys: &[&str]) -> Vec<String> {
    let fields = keys.iter().filter_map(|key| node.get(*key));
    let words = fields.flat_map(|field| field.as_sequence().cloned().unwrap_or_else(|| vec![field.clone()]));
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Whether two documents may act on the same pods.
fn meet(one: &Value, other: &Value) -> bool {
    let home = |document: &Value| document["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    let labels = |document: &Value| -> BTreeMap<String, String> {
        let selector = document["spec"].get("podSelector").or_else(|| document["spec"].get("selector"));
        let labels = selector.and_then(|selector| selector.get("matchLabels")?.as_mapping().cloned()).unwrap_or_default();
        labels.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.as_str()?.to_owned()))).collect()
    };
    let (one_labels, other_labels) = (labels(one), labels(other));
    let homes = [home(one), home(other)];
    let together = homes[0] == homes[1] || homes.iter().any(|home| home == ROOT);
    together && one_labels.iter().all(|(key, value)| other_labels.get(key).is_none_or(|own| own == value))
}

/// Paths that a pattern takes, and near ones that it does not.
fn examples(pattern: &str) -> Vec<String> {
    let filled = |part: &str, rest: &str| pattern.replace("{*}", part).replace("{**}", rest).trim_end_matches('*').to_owned();
    vec![filled("a", ""), filled("a", "b"), filled("a", "b/c"), format!("{}/x", filled("a", "b"))]
}

/// The label sets that a selector tells apart: what it names, and of an expression each value and another one.
fn label_sets(selector: &Value) -> Vec<Vec<(String, String)>> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = selector.get("matchLabels").and_then(Value::as_mapping);
    let labels: Vec<(String, String)> = labels.into_iter().flatten().map(|(key, value)| (word(key), word(value))).collect();
    let mut sets = vec![labels];
    for expression in selector.get("matchExpressions").and_then(Value::as_sequence).into_iter().flatten() {
        let values = expression.get("values").and_then(Value::as_sequence).into_iter().flatten().map(word).chain(["unnamed".to_owned()]);
        let key = word(&expression["key"]);
        let values: Vec<String> = values.collect();
        let with = |set: &Vec<(String, String)>| -> Vec<Vec<(String, String)>> {
            values.iter().map(|value| set.iter().cloned().chain([(key.clone(), value.clone())]).collect()).collect()
        };
        sets = sets.iter().flat_map(with).collect();
    }
    sets
}

fn plane(policy: &Policy, name: &str, labels: &Labels) -> DataPlane {
    let said = policy.workloads_in(name).iter().filter(|workload| workload.labels.contains(labels)).find_map(|workload| workload.plane);
    let meshed = policy.config.mesh.mode != DataPlane::None;
    let elsewhere = if meshed { DataPlane::Sidecar } else { DataPlane::None };
    said.or_else(|| policy.namespace(name).and_then(|namespace| namespace.plane)).unwrap_or(elsewhere)
}

fn is_meshed(peer: &Peer) -> bool {
    matches!(peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar)
}

/// A port that the sidecar does not capture takes no mTLS (`semantics.md` §3.2).
fn transports(source: &Peer, destination: &Peer, port: u16) -> Vec<Transport> {
    let both = is_meshed(source) && is_meshed(destination) && port != 15_020;
    if both { vec![Transport::Mtls, Transport::Plaintext] } else { vec![Transport::Plaintext] }
}
