//! Rules of a map: `src_ns: [a] src_pods: [app=x] dst: 0.0.0.0/0 conn: All connections`, as text, YAML, JSON or CSV.
//!
//! Owns: those forms, and the expressions over labels in them.

use serde_yaml::Value;
use twogate::flow::{Labels, Protocol};

use crate::corpus::connections::{granted, ports};
use crate::corpus::expectation::{Grant, Granted, Side};
use crate::corpus::manifests::{self, list, word};
use crate::corpus::world::{self, End, block};

/// The rules of one configuration.
#[derive(Debug)]
pub(super) struct Map {
    /// Its name.
    pub(super) configuration: String,
    /// Its rules.
    pub(super) rules: Vec<Grant<Ends>>,
}

/// One side of a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// Blocks of addresses.
    pub(super) blocks: Vec<(u32, u32)>,
    namespaces: Vec<String>,
    pods: Vec<Pods>,
}

#[derive(Debug, Clone)]
enum Pods {
    All,
    /// A pod or its owner.
    Named(String),
    Labels(Expression),
}

impl Side for Ends {
    fn holds(&self, end: &End) -> bool {
        let Some(pod) = end.as_pod() else {
            let address = end.as_address().map(u32::from);
            return self.blocks.iter().any(|(low, high)| address.is_some_and(|address| (*low..=*high).contains(&address)));
        };
        let here = self.namespaces.iter().any(|namespace| **namespace == *pod.namespace);
        here && self.pods.iter().any(|pods| match pods {
            Pods::All => true,
            Pods::Named(name) => is_named(end, name),
            Pods::Labels(expression) => expression.holds(&pod.labels),
        })
    }
}

/// By the pod's name, its owner's, or as one replica of a template (`name-1`).
fn is_named(end: &End, name: &str) -> bool {
    let own = end.pod.rsplit('/').next().unwrap();
    let owner = end.name.rsplit('/').next().unwrap().split('[').next().unwrap();
    own == name || owner == name || (1..=end.replicas).any(|index| format!("{own}-{index}") == name)
}

/// A test of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Has(String),
    Is(String, Vec<String>),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::Has(key) => labels.contains_key(key.as_str()),
            Self::Is(key, values) => labels.get(key.as_str()).is_some_and(|value| values.iter().any(|each| **each == **value)),
            Self::Not(inner) => !inner.holds(labels),
            Self::And(all) => all.iter().all(|each| each.holds(labels)),
            Self::Or(any) => any.iter().any(|each| each.holds(labels)),
        }
    }

    /// Reads `a=b`, `a!=b`, `a in (b,c)`, `has(a)`, `!..`, `.. and ..`, `.. or ..`, and groups in `()` or `{}`.
    fn read(text: &str) -> Self {
        let text = text.trim();
        for (word, join) in [(" or ", Self::Or as fn(Vec<Self>) -> Self), (" and ", Self::And)] {
            let parts = split(text, word);
            if parts.len() > 1 {
                return join(parts.into_iter().map(Self::read).collect());
            }
        }
        if let Some(key) = text.strip_prefix("has(").and_then(|rest| rest.strip_suffix(')')) {
            return Self::Has(key.to_owned());
        }
        if let Some(inner) = ["()", "{}"].iter().find_map(|pair| text.strip_prefix(&pair[..1])?.strip_suffix(&pair[1..])) {
            return Self::read(inner);
        }
        if let Some(rest) = text.strip_prefix('!') {
            return Self::Not(Box::new(Self::read(rest)));
        }
        if let Some((key, values)) = text.split_once(" in (") {
            let values = values.strip_suffix(')').unwrap().split(',').map(|value| value.trim().to_owned()).collect();
            return Self::Is(key.to_owned(), values);
        }
        let (key, value) = text.split_once('=').unwrap_or_else(|| panic!("no expression: {text}"));
        let is = Self::Is(key.trim_end_matches('!').to_owned(), vec![value.to_owned()]);
        if key.ends_with('!') { Self::Not(Box::new(is)) } else { is }
    }
}

/// Splits at a word that stands outside of all groups.
fn split<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, letter) in text.char_indices() {
        match letter {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ if depth == 0 && text[index..].starts_with(word) => {
                parts.push(&text[start..index]);
                start = index + word.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn pods(text: &str) -> Pods {
    match text.trim() {
        "*" => Pods::All,
        text if text.contains('=') || text.contains("has(") || text.contains(" in (") => Pods::Labels(Expression::read(text)),
        text => Pods::Named(text.to_owned()),
    }
}

/// Whether a part of a map is about every protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Tcp,
    Others,
}

impl Part {
    /// The same connections over the part's protocols only; words that name none mean all of the part's.
    fn narrow(self, mut granted: Granted) -> Granted {
        let protocols: &[Protocol] = match self {
            Self::Whole => return granted,
            Self::Tcp => &[Protocol::Tcp],
            Self::Others => &[Protocol::Udp, Protocol::Sctp],
        };
        let own = ports(protocols, &[]).unwrap();
        granted.ports = Some(granted.ports.map_or_else(|| own.clone(), |ports| ports.intersect(&own)));
        granted
    }
}

/// Reads a text.
pub(super) fn plain(text: &str) -> Vec<Map> {
    let mut maps: Vec<Map> = Vec::new();
    let mut part = Part::Whole;
    // One file has two parts run together in one line.
    let text = text.replace("final fw rules", "\nfinal fw rules").replace("TCP, \nfinal", "TCP, final");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((before, name)) = line.split_once(", config: ") {
            part = match before {
                before if before.contains("type non-TCP") => Part::Others,
                before if before.contains("type TCP") => Part::Tcp,
                _ => Part::Whole,
            };
            part_of(&mut maps, name.trim_end_matches(':'));
        } else {
            maps.last_mut().unwrap().rules.push(line_rule(line, part));
        }
    }
    maps
}

fn part_of<'m>(maps: &'m mut Vec<Map>, name: &str) -> &'m mut Map {
    if maps.last().is_none_or(|map| map.configuration != name) {
        maps.push(Map { configuration: name.to_owned(), rules: Vec::new() });
    }
    maps.last_mut().unwrap()
}

fn line_rule(line: &str, part: Part) -> Grant<Ends> {
    let (sides, connections) = line.split_once(" conn: ").unwrap();
    let middle = sides.find(" dst").unwrap();
    let side = |text: &str| {
        let (first, rest) = text.trim().split_once(": ").unwrap();
        if !first.ends_with("_ns") {
            return ends(&[], &[], &rest.split(',').collect::<Vec<_>>());
        }
        let (namespaces, rest) = rest.split_once("] ").unwrap();
        let (_, pods) = rest.split_once(": [").unwrap();
        let pods: Vec<&str> = pods.strip_suffix(']').unwrap().split(", ").collect();
        ends(&namespaces.trim_start_matches('[').split(',').collect::<Vec<_>>(), &pods, &[])
    };
    Grant { from: side(&sides[..middle]), to: side(&sides[middle..]), granted: part.narrow(granted(connections)) }
}

fn ends(namespaces: &[&str], of: &[&str], blocks: &[&str]) -> Ends {
    Ends {
        blocks: blocks.iter().map(|text| block(text.trim()).unwrap_or_else(|| panic!("no block: {text}"))).collect(),
        namespaces: namespaces.iter().map(|name| name.trim().to_owned()).collect(),
        pods: of.iter().map(|text| pods(text)).collect(),
    }
}

/// Reads YAML or JSON.
pub(super) fn tree(value: &Value) -> Vec<Map> {
    let mut maps = Vec::new();
    for query in value.as_sequence().unwrap() {
        let name = list(query, &["configs"])[0].as_str().unwrap();
        for explanation in list(query, &["explanation"]) {
            for (key, part) in [("rules", Part::Whole), ("TCP_rules", Part::Tcp), ("non-TCP_rules", Part::Others)] {
                let rules = list(explanation, &[key]).iter().flat_map(|rule| tree_rules(rule, part));
                part_of(&mut maps, name).rules.extend(rules);
            }
        }
    }
    maps
}

fn tree_rules(rule: &Value, part: Part) -> Vec<Grant<Ends>> {
    let words = |key: String| list(rule, &[&key]).iter().filter_map(Value::as_str).flat_map(|text| text.split(", ")).collect::<Vec<_>>();
    let side = |side: &str| ends(&words(format!("{side}_ns")), &words(format!("{side}_pods")), &words(format!("{side}_ip_block")));
    let of_connection = |connection: &Value| Grant { from: side("src"), to: side("dst"), granted: part.narrow(tree_granted(connection)) };
    list(rule, &["connection"]).iter().map(of_connection).collect()
}

fn tree_granted(connection: &Value) -> Granted {
    if let Some(text) = connection.as_str() {
        return granted(text);
    }
    // One word stands alone, several in a list or in one text.
    let words = |key: &str| {
        let alone = word(connection, &[key]).into_iter();
        let texts = alone.chain(list(connection, &[key]).iter().filter_map(Value::as_str));
        texts.flat_map(|text| text.split(", ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let known = ["protocols", "dst_ports", "methods", "paths"];
    let mut keys = connection.as_mapping().unwrap().keys();
    assert!(keys.all(|key| key.as_str().is_some_and(|key| known.contains(&key))), "{connection:?}");
    let protocols: Vec<Protocol> = words("protocols").iter().map(|name| world::protocol(name)).collect();
    let range = |value: &Value| {
        let text = value.as_u64().map_or_else(|| value.as_str().unwrap().to_owned(), |number| number.to_string());
        let (low, high) = text.split_once('-').unwrap_or((&text, &text));
        (low.parse().unwrap(), high.parse().unwrap())
    };
    let ranges: Vec<(u16, u16)> = list(connection, &["dst_ports"]).iter().map(range).collect();
    Granted { ports: ports(&protocols, &ranges), named: None, methods: words("methods"), paths: words("paths") }
}

/// Reads comma-separated values.
pub(super) fn csv(text: &str) -> Vec<Map> {
    let mut maps = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let fields = manifests::fields(line);
        if let Some((_, name)) = fields[0].split_once(", config: ") {
            part_of(&mut maps, name);
        } else if fields[0].is_empty() {
            let inner = |text: &str| text.trim_start_matches('[').trim_end_matches(']').to_owned();
            let side = |namespaces: &str, of: &str| match namespaces {
                "" => ends(&[], &[], &of.split(',').collect::<Vec<_>>()),
                _ => ends(&inner(namespaces).split(',').collect::<Vec<_>>(), &inner(of).split(", ").collect::<Vec<_>>(), &[]),
            };
            let (from, to) = (side(&fields[1], &fields[2]), side(&fields[3], &fields[4]));
            maps.last_mut().unwrap().rules.push(Grant { from, to, granted: granted(&fields[5]) });
        }
    }
    maps
}

#[test]
fn expressions_are_read() {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect::<Labels>();
    let holds = |text: &str, pairs: &[(&str, &str)]| Expression::read(text).holds(&labels(pairs));
    let group = "!has(tier) and {!has(app) or app=B}";
    assert!(holds(group, &[]) && holds(group, &[("app", "B")]) && !holds(group, &[("app", "A")]) && !holds(group, &[("tier", "x")]));
    let round = "(has(app) and app!=B) and tier in (W,X)";
    assert!(holds(round, &[("app", "A"), ("tier", "X")]) && !holds(round, &[("tier", "X")]) && !holds(round, &[("app", "A")]));
    assert!(holds("pod!=c", &[]));
}

#[test]
fn rules_are_read() {
    let maps = plain(
        "final fw rules for query: q, config: np:\nsrc: 1.2.3.0/24,2.2.2.2/32 dst_ns: [a,b] dst_pods: [c, d] conn: {dst_ports:30,50}\n",
    );
    assert_eq!((maps.len(), maps[0].configuration.as_str()), (1, "np"));
    let rule = &maps[0].rules[0];
    assert_eq!((rule.from.blocks.len(), rule.to.namespaces.len(), rule.to.pods.len()), (2, 2, 2));
    assert!(rule.granted.covers(Protocol::Sctp, 50, None) && !rule.granted.covers(Protocol::Tcp, 40, None));
}
