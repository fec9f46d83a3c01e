//! Destinations with their ports, names resolved per workload.
//!
//! Owns: which ports a destination opens, and on which of its pods a port by name is which number (design §2.2).

use super::endpoint::{Place, Ranges, listed_cube, meets};
use super::lower::Lowering;
use super::policy::workloads_in;
use super::statement::captured_ports;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, code, nearest};
use crate::flow::{Intervals, Labels, PodCube, PodSet, PortSet, Protocol, Symbol};
use crate::ir::{End, Target, Workload};
use crate::source::Location;
use crate::syntax::ast::{Endpoint, EndpointKind, PortItem, PortTest, Ports};

/// A part of a destination and the number that a name stands for there.
struct Resolved {
    pods: PodSet,
    number: u16,
}

impl Lowering<'_> {
    /// The destinations of a rule: each alternative that has ports of its own, else the whole.
    pub(super) fn targets(&mut self, place: &Place, endpoint: &Endpoint, unsaid: &PortSet) -> Vec<Target> {
        if let (EndpointKind::Or(alternatives), None, true) = (&endpoint.kind, &endpoint.ports, has_ports(endpoint)) {
            return alternatives.iter().flat_map(|endpoint| self.targets(place, endpoint, unsaid)).collect();
        }
        if let (EndpointKind::Group(inner), None) = (&endpoint.kind, &endpoint.ports) {
            return self.targets(place, inner, unsaid);
        }
        let end = self.end(place, endpoint);
        let location = place.at(endpoint.span);
        match &endpoint.ports {
            Some(ports) => self.with_ports(place, end, ports, location),
            None => vec![Target { end, ports: unsaid.clone(), port_name: None, ports_location: None, location }],
        }
    }

    /// Ports by number hold for the whole destination, a port by name for the pods that have it.
    fn with_ports(&mut self, place: &Place, end: End, ports: &Ports, location: Location) -> Vec<Target> {
        let ports_location = Some(place.at(ports.span));
        let mut ranges: BTreeMap<Protocol, Vec<(u16, u16)>> = BTreeMap::new();
        let mut targets = Vec::new();
        for item in &ports.items {
            let Some(protocol) = self.protocol(place, item) else { continue };
            let PortTest::Name(name) = &item.port else {
                let written = self.range(place, item, protocol);
                ranges.entry(protocol).or_default().extend(written.ranges().map(|(_, low, high)| (low, high)));
                continue;
            };
            for part in self.named_port(place, item, &end, name, protocol) {
                let ports = PortSet::of(protocol, part.number, part.number);
                let (end, port_name) = (End::Within(Box::new(end.clone()), part.pods), Some(name.as_str().into()));
                targets.push(Target { end, ports, port_name, ports_location, location });
            }
        }
        let numbers = ranges.into_iter().map(|(protocol, ranges)| PortSet::from_intervals(protocol, Intervals::collect(ranges)));
        let numbers = numbers.fold(PortSet::none(), |all, ports| all.union(&ports));
        if !numbers.is_empty() {
            targets.insert(0, Target { end, ports: numbers, port_name: None, ports_location, location });
        }
        targets
    }

    fn protocol(&mut self, place: &Place, item: &PortItem) -> Option<Protocol> {
        let Some(word) = &item.protocol else { return Some(Protocol::Tcp) };
        let known = match word.value.as_str() {
            "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            "sctp" => Some(Protocol::Sctp),
            _ => None,
        };
        if known.is_none() {
            let finding = Diagnostic::new(code::INVALID_PORT, place.at(word.span), format!("`{}` is no protocol", word.value))
                .label("expected `tcp`, `udp` or `sctp`");
            self.findings.push(match nearest(&word.value, ["tcp", "udp", "sctp"]) {
                Some(near) => finding.fix(format!("write `{near}`"), place.at(word.span), near),
                None => finding.help("NetworkPolicy knows no other protocol"),
            });
        }
        known
    }

    fn range(&mut self, place: &Place, item: &PortItem, protocol: Protocol) -> PortSet {
        let (low, high) = match item.port {
            PortTest::Number(number) => (number, number),
            PortTest::Range(low, high) => (low, high),
            PortTest::Any => (1, 65535),
            PortTest::Name(_) => return PortSet::none(),
        };
        let at = place.at(item.span);
        if low > high {
            let finding = Diagnostic::new(code::EMPTY_PORT_RANGE, at, format!("the range `{low}-{high}` holds no port"))
                .label("ends before it begins");
            self.findings.push(finding.fix(format!("write `{high}-{low}`"), at, format!("{high}-{low}{}", suffix(item))));
            return PortSet::none();
        }
        let (Ok(from), Ok(to)) = (u16::try_from(low), u16::try_from(high)) else {
            self.findings.push(no_port(at, if u16::try_from(low).is_err() { low } else { high }));
            return PortSet::none();
        };
        if from == 0 {
            self.findings.push(no_port(at, 0));
            return PortSet::none();
        }
        let ports = PortSet::of(protocol, from, to);
        if from == to || place.ranges == Ranges::Whole || protocol != Protocol::Tcp {
            return ports;
        }
        ports.intersect(&captured_ports())
    }

    /// The parts of a destination in which a port name stands for a number.
    ///
    /// Declared workloads decide first. For the rest the inventory does: if all its matching workloads agree, the number
    /// holds for the whole rest, pods of tomorrow included; if not, each number holds for its workload's pods.
    fn named_port(&mut self, place: &Place, item: &PortItem, end: &End, name: &str, protocol: Protocol) -> Vec<Resolved> {
        let pods = end.peers().pods;
        let mut rest = pods.clone();
        let mut parts = Vec::new();
        let mut lacking: Vec<String> = Vec::new();
        for workload in self.declared_near(&pods).into_iter().filter(|workload| !workload.ports.is_empty()) {
            let overlap = pods.intersect(&PodSet::from(workload.cube()));
            if overlap.is_empty() {
                continue;
            }
            rest = rest.subtract(&overlap);
            match workload.ports.iter().find(|port| *port.name == *name && port.protocol == protocol) {
                Some(port) => parts.push(Resolved { pods: overlap, number: port.number }),
                None => lacking.push(format!("workload `{}@{}`", workload.name, workload.namespace)),
            }
        }
        if !rest.is_empty() {
            parts.extend(self.listed_port(&rest, name, protocol, &mut lacking));
        }
        self.report_named_port(place, item, name, &parts, &lacking);
        parts
    }

    fn listed_port(&self, rest: &PodSet, name: &str, protocol: Protocol, lacking: &mut Vec<String>) -> Vec<Resolved> {
        let mut parts: Vec<Resolved> = Vec::new();
        let mut found = false;
        for workload in self
            .program
            .inventory
            .workloads
            .iter()
            .filter(|workload| rest.cubes().iter().any(|cube| meets(workload, self.labels_of(&workload.namespace), cube)))
        {
            found = true;
            match workload.ports.iter().find(|port| port.name.as_deref() == Some(name) && port.protocol == protocol) {
                Some(port) => parts.push(Resolved { pods: rest.intersect(&PodSet::from(listed_cube(workload))), number: port.number }),
                None => lacking.push(format!("{} `{}@{}`", workload.kind.name(), workload.name, workload.namespace)),
            }
        }
        if !found {
            lacking.push("pods that no workload line and no inventory describes".to_owned());
        }
        let agreed =
            parts.first().map(|part| part.number).filter(|number| lacking.is_empty() && parts.iter().all(|part| part.number == *number));
        match agreed {
            Some(number) => vec![Resolved { pods: rest.clone(), number }],
            None => parts,
        }
    }

    fn report_named_port(&mut self, place: &Place, item: &PortItem, name: &str, parts: &[Resolved], lacking: &[String]) {
        let at = place.at(item.span);
        if parts.is_empty() {
            let finding = Diagnostic::new(code::UNRESOLVED_NAMED_PORT, at, format!("no pod of this destination has a port named `{name}`"))
                .label("number not known")
                .note("both gates are given numbers, since plugins and the mesh disagree about names");
            let known = self.port_names();
            let finding = match nearest(name, known.iter().map(|name| &**name)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            };
            self.findings
                .push(finding.help(format!("declare it on the workload: `workload NAME = … port {name}=8080`, or write the number")));
        } else if !lacking.is_empty() {
            let finding =
                Diagnostic::new(code::NAMED_PORT_MISSING, at, format!("some pods of this destination have no port named `{name}`"))
                    .label("stands for nothing there")
                    .note(format!("it is missing from {}", lacking.join(", ")))
                    .help("give those workloads the port, narrow the destination, or write the number");
            self.findings.push(finding);
        }
    }

    /// The labels of a namespace, as far as it is known.
    fn labels_of(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.map.get(namespace).map(|namespace| &namespace.labels)
    }

    /// The declared workloads of the namespaces in which pods can lie.
    fn declared_near(&self, pods: &PodSet) -> Vec<&Workload> {
        let lists: Option<Vec<&[Symbol]>> = pods.cubes().iter().map(PodCube::namespace_names).collect();
        let Some(lists) = lists else { return self.declared.iter().collect() };
        let homes: BTreeSet<&Symbol> = lists.into_iter().flatten().collect();
        homes.into_iter().flat_map(|home| workloads_in(&self.declared, home)).collect()
    }

    fn port_names(&self) -> Vec<Symbol> {
        let declared = self.declared.iter().flat_map(|workload| workload.ports.iter().map(|port| port.name.clone()));
        let listed =
            self.program.inventory.workloads.iter().flat_map(|workload| workload.ports.iter().filter_map(|port| port.name.clone()));
        declared.chain(listed).collect()
    }
}

/// Whether an alternative has ports of its own.
pub(super) fn has_ports(endpoint: &Endpoint) -> bool {
    if endpoint.ports.is_some() {
        return true;
    }
    match &endpoint.kind {
        EndpointKind::Or(alternatives) => alternatives.iter().any(has_ports),
        EndpointKind::Group(inner) => has_ports(inner),
        EndpointKind::Labels { .. }
        | EndpointKind::Name { .. }
        | EndpointKind::Account { .. }
        | EndpointKind::Address(_)
        | EndpointKind::Internet
        | EndpointKind::Outside
        | EndpointKind::Nodes
        | EndpointKind::Apiserver
        | EndpointKind::Metadata
        | EndpointKind::Anywhere
        | EndpointKind::Host(_)
        | EndpointKind::But(..) => false,
    }
}

fn suffix(item: &PortItem) -> String {
    item.protocol.as_ref().map(|word| format!("/{}", word.value)).unwrap_or_default()
}

pub(super) fn no_port(at: Location, number: u32) -> Diagnostic {
    // Digits of larger numbers are not kept.
    let what = if number == u32::MAX { "this number".to_owned() } else { format!("`{number}`") };
    Diagnostic::new(code::INVALID_PORT, at, format!("{what} is no port"))
        .label("not between 1 and 65535")
        .help("ports are those of the pod, from 1 to 65535")
}
