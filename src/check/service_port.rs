//! Ports of a Service where the ports of its pods are meant.
//!
//! Owns: `service-port`. Both gates judge a connection after the Service has translated it (`semantics.md` §1.6), so a Service
//! port that its pods do not serve lets nobody in.

use std::collections::BTreeSet;

use super::ends::{ours, selectors};
use super::services::{Served, Services};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Protocol;
use crate::gates::Gates;
use crate::inventory::{PortTarget, ServiceFacts};
use crate::ir::{End, Policy, Target};
use crate::source::Location;

/// A finding for every port that is a Service's and none of its pods'.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    if policy.inventory.services.is_empty() {
        return Vec::new();
    }
    let mut services = Services::of(policy);
    // A port by name has been looked up on the pods already.
    let targets = ours(policy).flat_map(|(_, rule)| &rule.targets).filter(|target| !matches!(target.end, End::Within(..)));
    targets.filter_map(|target| Some(judge(&mut services, target, target.ports_location?))).flatten().collect()
}

fn judge<'a>(services: &mut Services<'a>, target: &'a Target, location: Location) -> Vec<Diagnostic> {
    let written: Vec<(Protocol, u16)> =
        target.ports.ranges().filter(|(_, low, high)| low == high).map(|(protocol, port, _)| (protocol, port)).collect();
    if written.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for cube in selectors(&target.end) {
        let served = services.before(cube);
        for (protocol, port) in &written {
            let Some((service, numbers)) = mistaken(served, *protocol, *port) else { continue };
            findings.push(finding(target, location, (*protocol, *port), service, &numbers));
        }
    }
    findings
}

/// The Service whose port this is, and what it stands for, if no pod of the destination serves the port itself.
fn mistaken<'a>(served: &Served<'a>, protocol: Protocol, port: u16) -> Option<(&'a ServiceFacts, BTreeSet<u16>)> {
    let declared = served.workloads.iter().flat_map(|workload| &workload.ports);
    if declared.into_iter().any(|own| own.number == port && own.protocol == protocol) {
        return None;
    }
    let mut found: Option<(&ServiceFacts, BTreeSet<u16>)> = None;
    for service in &served.services {
        for own in service.ports.iter().filter(|own| own.protocol == protocol) {
            if service.arrival(own) == PortTarget::Number(port) {
                return None;
            }
            let numbers = served.numbers(service, own);
            if numbers.contains(&port) {
                return None;
            }
            if own.port == port && !numbers.is_empty() {
                let (_, known) = found.get_or_insert((service, BTreeSet::new()));
                known.extend(numbers);
            }
        }
    }
    found
}

fn finding(
    target: &Target,
    location: Location,
    (protocol, port): (Protocol, u16),
    service: &ServiceFacts,
    numbers: &BTreeSet<u16>,
) -> Diagnostic {
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let suffix = if protocol == Protocol::Tcp { String::new() } else { format!("/{}", protocol.word()) };
    let message = format!("`{port}{suffix}` is the port of Service `{}`, not of its pods", service.name);
    let finding = Diagnostic::new(code::SERVICE_PORT, location, message)
        .label(format!("its pods listen on {}", list.join(" and ")))
        .related(service.location, "this Service")
        .note("both gates judge a connection after the Service has translated its port");
    let items: Vec<String> = list.iter().map(|number| format!("{number}{suffix}")).collect();
    let text = format!(":{}", items.join("|"));
    // The text under the span is not at hand; if it is as long as the one port, it is that port and nothing else.
    let alone = target.ports.ranges().count() == 1 && location.span.range().len() == format!(":{port}{suffix}").len();
    if alone { finding.fix(format!("write `{text}`"), location, text) } else { finding.help(format!("write `{text}` in its place")) }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment, service};

    const CODE: &str = "service-port";

    fn shop(port: &str) -> String {
        let web = deployment("shop", "web", "app: web", "ports: [{name: http, containerPort: 8080}]");
        [web, service("shop", "web", "app: web", port)].join("---\n")
    }

    #[test]
    fn the_port_of_the_service_is_told_from_that_of_the_pods() {
        let program = Program::of("namespace shop\nallow app=x -> app=web:80\n").inventory(&shop("{port: 80, targetPort: 8080}"));
        assert_eq!(program.found(CODE), ["warning service-port `:80`"]);
        assert_eq!(program.fixes(CODE), [":8080"]);
        let named = Program::of("namespace shop\nallow app=x -> app=web:80|443\n").inventory(&shop("{port: 80, targetPort: http}"));
        assert_eq!(named.found(CODE), ["warning service-port `:80|443`"]);
        assert_eq!(named.fixes(CODE), [""; 0]);
        assert_eq!(named.helps(CODE), ["write `:8080` in its place"]);
    }

    #[test]
    fn pods_without_workload_are_known_by_the_selector() {
        let only = service("shop", "web", "app: web", "{port: 80, targetPort: 8080}");
        let program = Program::of("namespace shop\nallow app=x -> app=web,tier=front:80\n").inventory(&only);
        assert_eq!(program.fixes(CODE), [":8080"]);
    }

    /// Whoever calls a Service without an address gets to the port that is called (`ServiceFacts::arrival`).
    #[test]
    fn nobody_translates_the_port_of_a_headless_service() {
        let headless = shop("{port: 80, targetPort: 8080}").replace("selector:", "clusterIP: None, selector:");
        assert!(headless.contains("clusterIP: None, selector: {app: web}"), "{headless}");
        assert_eq!(Program::of("namespace shop\nallow app=x -> app=web:80\n").inventory(&headless).found(CODE), [""; 0]);
    }

    #[test]
    fn a_port_that_the_pods_serve_is_fine() {
        let quiet = |text: &str, port: &str| assert_eq!(Program::of(text).inventory(&shop(port)).found(CODE), [""; 0], "{text}");
        quiet("namespace shop\nallow app=x -> app=web:8080\n", "{port: 80, targetPort: 8080}");
        quiet("namespace shop\nallow app=x -> app=web:http\n", "{port: 80, targetPort: 8080}");
        quiet("namespace shop\nallow app=x -> app=web:80\n", "{port: 80}");
        quiet("namespace shop\nallow app=x -> app=web:8080\n", "{port: 8080, targetPort: 9090}");
        quiet("namespace shop\nallow app=x -> app=other:80\n", "{port: 80, targetPort: 8080}");
        quiet("namespace shop\nallow app=x -> app=web\n", "{port: 80, targetPort: 8080}");
    }
}
