//! Exposure: what pods that no manifest holds could do, by the selectors that policies write.
//!
//! Owns: that form. It maps to questions about made-up pods: one for each combination of labels that the lines tell apart, asked
//! at the workload's own end. What no line covers must be refused there. The list of connections above it is asked as a list.

use std::collections::{BTreeMap, BTreeSet};

use twogate::cluster::{Endpoint, Facts, Gate, NamedPort, Way};
use twogate::flow::{DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, PortSet, Protocol, Symbol, Transport, Verdict};

use super::{Entry, list};
use crate::corpus::case::Comparison;
use crate::corpus::connections::{Named, granted};
use crate::corpus::expectation::{Granted, Side, port_classes};
use crate::corpus::judge::selects;
use crate::corpus::world::{End, World};

/// A number that no manifest mentions, for ports that lines give by name.
const NAMED: u16 = 31_999;
/// A word that no manifest mentions.
const FRESH: &str = "nobody-says-this";
/// Combinations of labels are tried up to this many for one case, each further one left out.
const MADE_UP: usize = 400;

/// One line.
#[derive(Debug)]
struct Line {
    workload: String,
    way: Way,
    far: Far,
    granted: Granted,
}

/// Who could be at the far end.
#[derive(Debug)]
enum Far {
    Outside(Named),
    Pods { namespace: Vec<Test>, pod: Vec<Test> },
}

/// A test of one label.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Test {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Test {
    fn is(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), operator: "In".to_owned(), values: vec![value.to_owned()] }
    }

    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(self.key.as_str());
        let listed = value.is_some_and(|value| self.values.iter().any(|each| **each == **value));
        match self.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => panic!("no such operator: {other}"),
        }
    }
}

impl Far {
    fn holds(&self, end: &End) -> bool {
        match (self, end.as_pod()) {
            (Self::Outside(range), None) => range.holds(end),
            (Self::Pods { namespace, pod }, Some(of)) => {
                namespace.iter().all(|test| test.holds(&of.namespace_labels)) && pod.iter().all(|test| test.holds(&of.labels))
            }
            _ => false,
        }
    }
}

/// Holds the list and the exposure against the evaluator.
pub(super) fn ask(entry: &Entry<'_>) -> Comparison {
    let text = entry.text();
    let mut world = entry.world("dir");
    let mut comparison = Comparison::default();
    if entry.word("kind") == Some("exposure") {
        comparison.add(list::hold(entry, &mut entry.world("dir"), &list::lines(&text, entry)));
    }
    let exposed = text.split("Exposure Analysis Result").nth(1).unwrap_or_default();
    let lines = read(exposed, entry);
    let ranges: Vec<(u32, u32)> =
        lines.iter().filter_map(|line| if let Far::Outside(range) = &line.far { range.range() } else { None }).collect();
    let workloads = world.ends.len();
    world.add_addresses(&ranges);
    let far: Vec<End> = world.ends.split_off(workloads).into_iter().chain(made_up(&world, &lines)).collect();
    for workload in world.ends.clone().iter().filter(|end| is_in_focus(entry, end)) {
        for way in [Way::Egress, Way::Ingress]
            .into_iter()
            .filter(|way| entry.word("focus_direction").is_none_or(|word| (word == "egress") == (*way == Way::Egress)))
        {
            hold(&mut comparison, &world, &lines, (workload, way), &far, entry);
        }
        if !entry.has_cluster_policies() && entry.words("focus_workloads").is_empty() {
            hold_protection(&mut comparison, &world, workload, exposed);
        }
    }
    comparison
}

fn is_in_focus(entry: &Entry<'_>, end: &End) -> bool {
    let bare = end.name.split('[').next().unwrap();
    let names = entry.words("focus_workloads");
    names.is_empty() || names.iter().any(|name| bare == *name || bare.rsplit('/').next() == Some(name))
}

fn hold(comparison: &mut Comparison, world: &World, lines: &[Line], (workload, way): (&End, Way), far: &[End], entry: &Entry<'_>) {
    let of_workload: Vec<&Line> = lines.iter().filter(|line| line.workload == workload.name && line.way == way).collect();
    let asked = if let Some(connection) = entry.connection() {
        vec![connection]
    } else {
        let ports = port_classes(world, lines.iter().map(|line| &line.granted));
        Protocol::ALL.into_iter().flat_map(|protocol| ports.iter().map(move |port| (protocol, *port))).collect()
    };
    let end = world.cluster.end(&workload.endpoint, way);
    for far in far {
        let granted: Vec<&Granted> = of_workload.iter().filter(|line| line.far.holds(far)).map(|line| &line.granted).collect();
        for (protocol, port) in &asked {
            let allowed = granted.iter().any(|granted| granted.covers(*protocol, *port, None));
            let verdict = end.decide(&far.endpoint, *protocol, *port, Transport::Plaintext, None);
            if let Verdict::Unspecified(reason) = &verdict {
                comparison.leave_open(reason);
                continue;
            }
            comparison.hold((verdict == Verdict::Allowed) == allowed, || {
                let labels = far.as_pod().map(|pod| (&pod.namespace_labels, &pod.labels));
                let flow = format!("{} {way:?} {} {labels:?} {protocol:?} {port}", workload.name, far.name);
                format!("{flow}: expected allowed: {allowed}, is {verdict:?}")
            });
        }
    }
}

/// `X is not protected on Ingress`: no policy selects it there.
fn hold_protection(comparison: &mut Comparison, world: &World, workload: &End, text: &str) {
    for (gate, word) in [(Gate::Egress, "Egress"), (Gate::Ingress, "Ingress")] {
        let open = text.lines().any(|line| line == format!("{} is not protected on {word}", workload.name));
        let selected = selects(&world.cluster, workload, gate);
        comparison.hold(open != selected, || format!("{}: protected on {word} is {selected} for us, {} for them", workload.name, !open));
    }
}

fn read(text: &str, entry: &Entry<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let marks = [(" \t=> \t", Way::Egress), (" \t<= \t", Way::Ingress)];
        let Some((workload, rest, way)) = marks.iter().find_map(|(mark, way)| line.split_once(mark).map(|(near, far)| (near, far, *way)))
        else {
            continue;
        };
        let (far, words) = rest.rsplit_once(" : ").map_or((rest, None), |(far, words)| (far, Some(words)));
        let mut granted = words.map_or_else(
            || {
                let (protocol, port) = entry.connection().unwrap();
                Granted::ports(PortSet::one(protocol, port))
            },
            granted,
        );
        if let Some((protocol, _)) = granted.named.take() {
            granted.ports = Some(granted.ports.unwrap().union(&PortSet::one(protocol, NAMED)));
        }
        lines.push(Line { workload: workload.trim().to_owned(), way, far: far_end(far.trim()), granted });
    }
    lines
}

fn far_end(text: &str) -> Far {
    if text == "entire-cluster" {
        return Far::Pods { namespace: Vec::new(), pod: Vec::new() };
    }
    if text.ends_with("[External]") {
        return Far::Outside(Named::read(text));
    }
    let (namespace, pod) = text.split_once("/[").map_or_else(|| panic!("{text}"), |(namespace, pod)| (namespace, format!("[{pod}")));
    // A key may hold a slash too, but never `/[`.
    let tests = |part: &str| match part.split_once(" with {") {
        Some((_, inner)) => label_tests(inner.strip_suffix("}]").unwrap()),
        None if part.starts_with("[all ") => Vec::new(),
        None => vec![Test::is(NAMESPACE_NAME, part)],
    };
    Far::Pods { namespace: tests(namespace), pod: tests(&pod) }
}

/// `k=v,{Key:role,Operator:In,Values:[a b],},..`.
fn label_tests(text: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("{Key:") {
            let (inner, after) = inner.split_once("],}").unwrap();
            let (key, inner) = inner.split_once(",Operator:").unwrap();
            let (operator, values) = inner.split_once(",Values:[").unwrap();
            let values = values.split(' ').filter(|value| !value.is_empty()).map(str::to_owned).collect();
            tests.push(Test { key: key.to_owned(), operator: operator.to_owned(), values });
            rest = after;
        } else {
            let (pair, after) = rest.split_once(',').unwrap_or((rest, ""));
            let (key, value) = pair.split_once('=').unwrap();
            tests.push(Test::is(key, value));
            rest = after;
        }
        rest = rest.trim_start_matches(',');
    }
    tests
}

/// Pods for every combination of labels that the lines tell apart, in every namespace that they do.
fn made_up(world: &World, lines: &[Line]) -> Vec<End> {
    let mut tests = (Vec::new(), Vec::new());
    for line in lines {
        if let Far::Pods { namespace, pod } = &line.far {
            tests.0.extend(namespace);
            tests.1.extend(pod);
        }
    }
    let mut namespaces: Vec<Labels> = combinations(&tests.0.into_iter().filter(|test| test.key != NAMESPACE_NAME).collect::<Vec<_>>());
    for labels in &mut namespaces {
        labels.insert(NAMESPACE_NAME.into(), FRESH.into());
    }
    let known: BTreeSet<Labels> = world.ends.iter().filter_map(End::as_pod).map(|pod| pod.namespace_labels.clone()).collect();
    namespaces.extend(known);
    let pods = combinations(&tests.1);
    let each = namespaces.iter().flat_map(|namespace| pods.iter().map(move |labels| pod(namespace, labels)));
    each.take(MADE_UP).collect()
}

fn pod(namespace_labels: &Labels, labels: &Labels) -> End {
    let namespace: Symbol = namespace_labels[NAMESPACE_NAME].clone();
    let pod = Pod {
        namespace: namespace.clone(),
        namespace_labels: namespace_labels.clone(),
        labels: labels.clone(),
        account: "default".into(),
        plane: DataPlane::None,
    };
    let named = NamedPort { name: "http".into(), protocol: Protocol::Tcp, number: NAMED };
    let facts = Facts { ports: Some(vec![named]), ..Facts::default() };
    let name = format!("{namespace}/made up");
    End { pod: name.clone(), name, replicas: 1, endpoint: Endpoint { peer: Peer::Pod(pod), facts } }
}

/// Every choice of a listed value, another one, or none, for each key.
fn combinations(tests: &[&Test]) -> Vec<Labels> {
    let mut values: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    for test in tests {
        let of_key = values.entry(&test.key).or_insert_with(|| BTreeSet::from([None, Some(FRESH)]));
        of_key.extend(test.values.iter().map(|value| Some(value.as_str())));
    }
    let mut all = vec![Labels::new()];
    for (key, values) in values {
        let with = |labels: &Labels, value: Option<&str>| {
            let mut labels = labels.clone();
            labels.extend(value.map(|value| (Symbol::from(key), Symbol::from(value))));
            labels
        };
        all = all.iter().flat_map(|labels| values.iter().map(move |value| with(labels, *value))).collect();
    }
    all
}

#[test]
fn far_ends_are_read() {
    let Far::Pods { namespace, pod } =
        far_end("[namespace with {foo=m,{Key:a/b,Operator:Exists,Values:[],}}]/[pod with {{Key:role,Operator:In,Values:[w x],}}]")
    else {
        panic!("it is about pods")
    };
    let test = |key: &str, operator: &str, values: &[&str]| Test {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    assert_eq!(namespace, [test("foo", "In", &["m"]), test("a/b", "Exists", &[])]);
    assert_eq!(pod, [test("role", "In", &["w", "x"])]);
    assert_eq!(combinations(&pod.iter().collect::<Vec<_>>()).len(), 4);
}
