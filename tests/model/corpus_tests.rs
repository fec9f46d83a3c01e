//! The model against real cases: what upstream pages and other tools say of policies that nobody on this project wrote.
//!
//! The cases lie beside the package, never in it; without them each test says on stderr that it was skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_yaml::Value;

use super::samples::{End, mtls, tcp};
use super::{Cluster, Flow, NamedPort, NamespaceLabels, Plane, Pod, Protocol, Verdict, read};

const OUTSIDE: &str = "198.51.100.7";

fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TWOGATE_CORPUS").map_or(beside, PathBuf::from).join(folder);
    if !folder.is_dir() {
        eprintln!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str)
}

/// The documents of all YAML files of a folder, lists taken apart.
fn objects(folder: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|e| e == "yaml" || e == "yml") && file.file_name().is_some_and(|name| name != "expect.yaml")
    });
    files.sort();
    let trees = files.iter().flat_map(|file| read::trees(&std::fs::read_to_string(file).unwrap())).map(Result::unwrap);
    trees.flat_map(|tree| tree.get("items").and_then(Value::as_sequence).cloned().unwrap_or_else(|| vec![tree])).collect()
}

/// The policies as one stream; where the namespace is left to the command line it is `default`.
fn policies(objects: &[Value]) -> Cluster {
    let kinds = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];
    let chosen = objects.iter().filter(|object| text(object, &["kind"]).is_some_and(|kind| kinds.contains(&kind)));
    let stream: Vec<String> = chosen
        .cloned()
        .map(|mut object| {
            let metadata = object.get_mut("metadata").unwrap().as_mapping_mut().unwrap();
            metadata.entry("namespace".into()).or_insert_with(|| "default".into());
            format!("---\n{}", serde_yaml::to_string(&as_applied(object)).unwrap())
        })
        .collect();
    Cluster::read(&stream.concat()).unwrap()
}

/// What a server without strict field checks makes of what stands in these files: unknown fields are dropped (two policies
/// are half in another product's language), and the older version of Istio's kinds is the same kind.
fn as_applied(object: Value) -> Value {
    if text(&object, &["kind"]) == Some("NetworkPolicy") {
        let known: NetworkPolicy = serde_yaml::from_value(object).unwrap();
        return serde_yaml::to_value(known).unwrap();
    }
    let mut object = object;
    if text(&object, &["apiVersion"]) == Some("security.istio.io/v1beta1") {
        object.as_mapping_mut().unwrap().insert("apiVersion".into(), "security.istio.io/v1".into());
    }
    object
}

/// One pod for each workload, under the name that the expectations use.
fn pods(objects: &[Value]) -> BTreeMap<String, Pod> {
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| text(object, &["kind"]) == Some(kind));
    let namespaces: BTreeMap<&str, BTreeMap<String, String>> = of_kind("Namespace")
        .map(|object| (text(object, &["metadata", "name"]).unwrap(), labels(object, &["metadata", "labels"])))
        .collect();
    let mut pods = BTreeMap::new();
    for kind in ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"] {
        for object in of_kind(kind) {
            let (name, pod) = pod(object, kind, &namespaces);
            pods.insert(name, pod);
        }
    }
    pods
}

fn pod(object: &Value, kind: &str, namespaces: &BTreeMap<&str, BTreeMap<String, String>>) -> (String, Pod) {
    let template: &[&str] = if kind == "Pod" { &[] } else { &["spec", "template"] };
    let inside = |path: &[&'static str]| [template, path].concat();
    let namespace = text(object, &["metadata", "namespace"]).unwrap_or("default");
    let owner = at(object, &["metadata", "ownerReferences"]).and_then(|owners| owners.get(0));
    let (name, kind) = match owner {
        Some(owner) => (text(owner, &["name"]).unwrap(), text(owner, &["kind"]).unwrap()),
        None => (text(object, &["metadata", "name"]).unwrap(), kind),
    };
    let given = namespaces.get(namespace).cloned().unwrap_or_default();
    let injected = given.get("istio-injection").is_some_and(|value| value == "enabled");
    let pod = Pod {
        labels: labels(object, &inside(&["metadata", "labels"])),
        namespace_labels: NamespaceLabels::Known(given),
        account: text(object, &inside(&["spec", "serviceAccountName"])).unwrap_or("default").to_owned(),
        plane: if injected { Plane::Sidecar } else { Plane::None },
        ports: named_ports(at(object, &inside(&["spec", "containers"]))),
        ..Pod::new(namespace)
    };
    (format!("{namespace}/{name}[{kind}]"), pod)
}

fn labels(object: &Value, path: &[&str]) -> BTreeMap<String, String> {
    let pairs = at(object, path).and_then(Value::as_mapping).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.as_str()?.to_owned()))).collect()
}

fn named_ports(containers: Option<&Value>) -> Vec<NamedPort> {
    let containers = containers.and_then(Value::as_sequence).into_iter().flatten();
    let ports = containers.filter_map(|container| container.get("ports")?.as_sequence()).flatten();
    ports
        .filter_map(|port| {
            let number = u16::try_from(at(port, &["containerPort"])?.as_u64()?).ok()?;
            Some(NamedPort {
                name: text(port, &["name"])?.to_owned(),
                protocol: protocol(text(port, &["protocol"]).unwrap_or("TCP")),
                number,
            })
        })
        .collect()
}

fn protocol(text: &str) -> Protocol {
    match text {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        other => panic!("{other}"),
    }
}

/// A flow as the clients of the corpus make it: mutual TLS where both ends have a sidecar.
fn connect(source: Option<&Pod>, destination: Option<&Pod>, protocol: Protocol, port: u16) -> Flow {
    let end = |pod: Option<&Pod>| pod.map_or_else(|| OUTSIDE.peer(), End::peer);
    let both = [source, destination].iter().all(|pod| pod.is_some_and(|pod| pod.plane == Plane::Sidecar)) && protocol == Protocol::Tcp;
    let flow = if both { mtls(&end(source), &end(destination), port) } else { tcp(&end(source), &end(destination), port) };
    flow.over(protocol)
}

/// Asks every pair of `expect.yaml`; gives the number that agree and the ones that do not.
fn ask_pairs(folder: &Path) -> (usize, Vec<String>) {
    let objects = objects(folder);
    let (cluster, pods) = (policies(&objects), pods(&objects));
    let find = |name: &str| match name {
        "external" => None,
        name => Some(pods.get(name).or_else(|| pods.get(&format!("{name}[Pod]"))).unwrap()),
    };
    let expected: Value = serde_yaml::from_str(&std::fs::read_to_string(folder.join("expect.yaml")).unwrap()).unwrap();
    let (mut agree, mut differ) = (0, Vec::new());
    for pair in at(&expected, &["pairs"]).and_then(Value::as_sequence).unwrap() {
        let end = |key: &str| find(text(pair, &[key]).unwrap());
        let port = u16::try_from(at(pair, &["port"]).and_then(Value::as_u64).unwrap()).unwrap();
        let mut flow = connect(end("from"), end("to"), protocol(text(pair, &["protocol"]).unwrap()), port);
        if let Some(http) = pair.get("http") {
            flow = flow.http(text(http, &["method"]).unwrap(), text(http, &["path"]).unwrap());
        }
        let verdict = cluster.decide(&flow);
        let as_expected = match verdict {
            Verdict::Allowed => at(pair, &["allowed"]) == Some(&Value::Bool(true)),
            Verdict::Denied { .. } => at(pair, &["allowed"]) == Some(&Value::Bool(false)),
            Verdict::Unspecified(_) => false,
        };
        if as_expected { agree += 1 } else { differ.push(format!("{}: {pair:?}: {verdict:?}", folder.display())) }
    }
    (agree, differ)
}

fn ask_cases(folder: &str, expected: usize) {
    let Some(folder) = corpus(folder) else { return };
    let cases = std::fs::read_dir(folder.join("cases")).unwrap().map(|entry| ask_pairs(&entry.unwrap().path()));
    let (agree, differ): (Vec<usize>, Vec<Vec<String>>) = cases.unzip();
    assert_eq!(differ.concat(), [""; 0]);
    assert_eq!(agree.iter().sum::<usize>(), expected);
}

#[test]
fn the_network_policy_recipes_say_the_same() {
    ask_cases("np-recipes", 40);
}

#[test]
fn the_istio_tasks_say_the_same() {
    ask_cases("istio-docs", 37);
}

#[test]
fn a_real_cluster_has_the_edges_that_another_evaluator_counts() {
    let Some(folder) = corpus("scale/moj-cloud-platform-sample") else { return };
    // Four names stand twice in their namespace, on purpose; here each becomes its own.
    let mut objects = objects(&folder);
    for (index, object) in objects.iter_mut().enumerate().filter(|(_, object)| text(object, &["kind"]) == Some("NetworkPolicy")) {
        *object.get_mut("metadata").unwrap().get_mut("name").unwrap() = Value::String(format!("p{index}"));
    }
    let (cluster, pods) = (policies(&objects), pods(&objects));
    let mut edges = Vec::new();
    for source in pods.values() {
        for destination in pods.values().filter(|pod| pod.namespace != source.namespace) {
            match cluster.decide(&connect(Some(source), Some(destination), Protocol::Tcp, 8080)) {
                Verdict::Allowed => edges.push((source.namespace.as_str(), destination.namespace.as_str())),
                Verdict::Denied { .. } => {}
                Verdict::Unspecified(reason) => panic!("{reason}"),
            }
        }
    }
    assert_eq!(edges.len(), 483);
    // The count of the survey leaves out the two others that no policy isolates.
    let open = ["monitoring", "prisoner-content-hub-db-backups"];
    assert_eq!(edges.iter().filter(|(source, destination)| *source == "ingress-controllers" && !open.contains(destination)).count(), 119);
    let listed = std::fs::read_to_string(folder.join("expect-edges.csv")).unwrap();
    for line in listed.lines().skip(1) {
        assert!(edges.contains(&line.split_once(',').unwrap()), "{line}");
    }
}

/// What another tool grants one pair.
#[derive(Debug, Default)]
struct Grant {
    protocols: Vec<Protocol>,
    ports: Vec<(u16, u16)>,
    methods: Vec<String>,
    paths: Vec<String>,
}

impl Grant {
    /// An absent list restricts nothing.
    fn covers(&self, protocol: Protocol, port: u16, request: Option<(&str, &str)>) -> bool {
        let has = |list: &[String], value: &str| list.is_empty() || list.iter().any(|each| each == value);
        let http = request.is_none_or(|(method, path)| has(&self.methods, method) && has(&self.paths, path));
        let raw_only = request.is_some() || self.methods.is_empty() && self.paths.is_empty();
        let ports = self.ports.is_empty() || self.ports.iter().any(|(first, last)| (*first..=*last).contains(&port));
        (self.protocols.is_empty() || self.protocols.contains(&protocol)) && ports && http && raw_only
    }
}

fn ranges(list: &str) -> Vec<(u16, u16)> {
    let range = |item: &str| {
        item.split_once('-')
            .map_or_else(|| (item.parse().unwrap(), item.parse().unwrap()), |(a, b)| (a.parse().unwrap(), b.parse().unwrap()))
    };
    list.split(',').map(|item| range(item.trim())).collect()
}

/// The forms `All connections`, `TCP 80`, and `{protocols:TCP, UDP,dst_ports:53,methods:GET, POST,paths:/a, /b}`.
fn grant(words: &str) -> Grant {
    let mut grant = Grant::default();
    if words.eq_ignore_ascii_case("all connections") {
        return grant;
    }
    let Some(inner) = words.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        let (name, ports) = words.split_once(' ').unwrap();
        return Grant { protocols: vec![protocol(name)], ports: ranges(ports), ..grant };
    };
    let mut key = "";
    for item in inner.split(',') {
        let value = match item.split_once(':') {
            Some((name, value)) => {
                key = name;
                value
            }
            None => item,
        };
        let value = value.trim();
        match key {
            "protocols" => grant.protocols.push(protocol(value)),
            "dst_ports" => grant.ports.extend(ranges(value)),
            "methods" => grant.methods.push(value.to_owned()),
            "paths" => grant.paths.push(value.to_owned()),
            other => panic!("{other}"),
        }
    }
    grant
}

/// Reads a map of connections; sections are for one protocol or for the others.
fn grants(text: &str) -> Vec<(String, String, Grant)> {
    let mut section = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        match line.trim() {
            "" => {}
            "TCP Connections:" => section = vec![Protocol::Tcp],
            "non-TCP Connections:" => section = vec![Protocol::Udp, Protocol::Sctp],
            line => {
                let (source, rest) = line.split_once(" => ").unwrap();
                let (destination, words) = rest.split_once(" : ").unwrap();
                let mut grant = grant(words);
                grant.protocols.extend(section.iter().copied());
                let name = |end: &str| if end.starts_with("0.0.0.0-255.255.255.255") { "external".to_owned() } else { end.to_owned() };
                found.push((name(source), name(destination), grant));
            }
        }
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requests {
    Raw,
    Http,
}

/// Asks every pair of ends, over every port and path that the map names and one more; gives the number of answers.
fn ask_map(cluster: &Cluster, pods: &BTreeMap<String, Pod>, map: &str, requests: Requests) -> usize {
    let grants = grants(map);
    let mut ports: Vec<u16> =
        grants.iter().flat_map(|(_, _, grant)| grant.ports.iter().flat_map(|(a, b)| [*a, *b])).chain([4321]).collect();
    let mut paths: Vec<&str> = grants.iter().flat_map(|(_, _, grant)| grant.paths.iter().map(String::as_str)).chain(["/other"]).collect();
    ports.sort_unstable();
    ports.dedup();
    paths.sort_unstable();
    paths.dedup();
    let asked: Vec<Option<(&str, &str)>> = match requests {
        Requests::Raw => vec![None],
        Requests::Http => paths.iter().flat_map(|path| ["GET", "POST", "PUT"].map(|method| Some((method, *path)))).chain([None]).collect(),
    };
    let ends: Vec<(&str, Option<&Pod>)> = pods.iter().map(|(name, pod)| (name.as_str(), Some(pod))).chain([("external", None)]).collect();
    let (mut answers, mut differ) = (0, Vec::new());
    for (source, destination) in
        ends.iter().flat_map(|source| ends.iter().map(move |destination| (source, destination))).filter(|(a, b)| a.0 != b.0)
    {
        let of_pair: Vec<&Grant> =
            grants.iter().filter(|(a, b, _)| a == source.0 && b == destination.0).map(|(_, _, grant)| grant).collect();
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            for port in &ports {
                for request in &asked {
                    let flow = connect(source.1, destination.1, protocol, *port);
                    let flow = if let Some((method, path)) = request { flow.http(method, path) } else { flow };
                    let request = request.filter(|_| protocol == Protocol::Tcp);
                    let expected = of_pair.iter().any(|grant| grant.covers(protocol, *port, request));
                    answers += 1;
                    if (cluster.decide(&flow) == Verdict::Allowed) != expected {
                        differ.push(format!(
                            "{} => {} {protocol:?} {port} {request:?}: {:?}",
                            source.0,
                            destination.0,
                            cluster.decide(&flow)
                        ));
                    }
                }
            }
        }
    }
    assert!(differ.is_empty(), "{} of {answers} differ:\n{}", differ.len(), differ.iter().take(20).cloned().collect::<Vec<_>>().join("\n"));
    answers
}

#[test]
fn another_analyser_lists_the_same_connections() {
    let Some(folder) = corpus("np-guard-netpol-analyzer") else { return };
    let mut answers = 0;
    for case in [
        "core_pods_without_host_ip",
        "netpol-analysis-example-minimal",
        "new_online_boutique",
        "new_online_boutique_synthesis",
        "online_boutique_workloads_no_ns",
        "onlineboutique",
        "onlineboutique_workloads",
    ] {
        let objects = objects(&folder.join("manifests").join(case));
        let map = std::fs::read_to_string(folder.join(format!("expected/connlist/{case}_connlist_output.txt"))).unwrap();
        answers += ask_map(&policies(&objects), &pods(&objects), &map, Requests::Raw);
    }
    assert_eq!(answers, 19_026);
}

#[test]
fn whole_applications_have_the_connections_that_another_tool_prints() {
    let Some(folder) = corpus("apps") else { return };
    let mut answers = 0;
    for (application, reference, requests) in [
        ("argo-cd", "networkpolicies", Requests::Raw),
        ("kubeflow", "networkpolicies", Requests::Raw),
        ("online-boutique-kustomize", "networkpolicies", Requests::Raw),
        ("online-boutique-helm", "networkpolicies", Requests::Raw),
        ("online-boutique-helm", "istio", Requests::Http),
        ("online-boutique-helm", "both", Requests::Http),
    ] {
        let objects = objects(&folder.join(application));
        let map = std::fs::read_to_string(folder.join(format!("{application}/reference/{reference}.txt"))).unwrap();
        // Each reference is about one layer, or both.
        let left_out: &[&str] = match reference {
            "networkpolicies" => &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
            "istio" => &["NetworkPolicy"],
            _ => &[],
        };
        let layer = |object: &Value| text(object, &["kind"]).is_none_or(|kind| !left_out.contains(&kind));
        let kept: Vec<Value> = objects.iter().filter(|object| layer(object)).cloned().collect();
        let mut pods = pods(&objects);
        if reference != "networkpolicies" {
            for pod in pods.values_mut() {
                pod.plane = Plane::Sidecar;
            }
        }
        answers += ask_map(&policies(&kept), &pods, &map, requests);
    }
    assert_eq!(answers, 472_236);
}
