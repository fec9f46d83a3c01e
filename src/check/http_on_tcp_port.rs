//! Requests that are named on a port that the mesh takes for plain TCP.
//!
//! Owns: `http-on-tcp-port`. On such a port the mesh drops every rule on requests, and nobody passes (`semantics.md` §2.9).

use super::ends::{ours, served};
use super::services::Services;
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::Protocol;
use crate::gates::Gates;
use crate::inventory::{ProtocolClass, ServiceFacts};
use crate::ir::{Policy, Rule, Target};
use crate::source::Location;

/// A finding for every rule on requests that meets a port declared as TCP: an error, or a warning where another Service of the
/// same pods declares the port otherwise, since the mesh then takes the older Service's word.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    if policy.inventory.services.is_empty() {
        return Vec::new();
    }
    let mut services = Services::of(policy);
    let mut findings = Vec::new();
    for (_, rule) in ours(policy).filter(|(_, rule)| !rule.requests.is_all()) {
        let Some(location) = clause(rule) else { continue };
        for target in rule.targets.iter().filter(|target| target.ports_location.is_some()) {
            findings.extend(judge(&mut services, target).into_iter().map(|port| finding(location, target, &port)));
        }
    }
    findings
}

/// The requirement that needs HTTP.
fn clause(rule: &Rule) -> Option<Location> {
    rule.http.or_else(|| rule.jwt.as_ref().map(|(_, location)| *location))
}

/// A pod port, and who declares it as what.
struct Declared<'a> {
    number: u16,
    tcp: &'a ServiceFacts,
    otherwise: Option<&'a ServiceFacts>,
}

/// The ports of a destination that some Service declares as TCP.
fn judge<'a>(services: &mut Services<'a>, target: &'a Target) -> Vec<Declared<'a>> {
    let mut found: Vec<Declared<'a>> = Vec::new();
    for cube in served(target) {
        let known = services.before(cube);
        let ports = || known.services.iter().flat_map(|service| service.ports.iter().map(move |port| (*service, port)));
        let meant = |service, port| {
            let numbers = known.numbers(service, port);
            numbers.into_iter().filter(|number| target.ports.contains(Protocol::Tcp, *number)).collect::<Vec<u16>>()
        };
        for (service, port) in ports().filter(|(_, port)| port.class == ProtocolClass::Tcp) {
            for number in meant(service, port) {
                if found.iter().any(|known| known.number == number) {
                    continue;
                }
                let others = ports().filter(|(_, port)| matches!(port.class, ProtocolClass::Http | ProtocolClass::Auto));
                let otherwise =
                    others.into_iter().find(|(service, port)| meant(service, port).contains(&number)).map(|(service, _)| service);
                found.push(Declared { number, tcp: service, otherwise });
            }
        }
    }
    found
}

fn finding(location: Location, target: &Target, port: &Declared<'_>) -> Diagnostic {
    let message = format!("Service `{}` declares port {} of these pods as TCP", port.tcp.name, port.number);
    let finding = Diagnostic::new(code::HTTP_ON_TCP_PORT, location, message)
        .label("requests cannot be told apart there")
        .related(port.tcp.location, "this Service");
    let finding = target.ports_location.into_iter().fold(finding, |finding, ports| finding.related(ports, "this port"));
    let finding = match port.otherwise {
        None => finding.note("the mesh drops a rule on requests where it sees bytes and no requests, and then nobody passes"),
        Some(other) => finding
            .at_level(Level::Warning)
            .note(format!("Service `{}` declares it otherwise; the mesh takes the word of the older of the two", other.name)),
    };
    finding
        .help("if it serves HTTP, say so in the Service: name the port `http` or `http-…`, or set `appProtocol: http`")
        .help("if it does not, remove the requirement")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment, service};

    const TEXT: &str = "namespace shop\nallow app=x -> app=web:8080 http GET /a\n";

    fn found(services: &[String]) -> Vec<String> {
        let web = deployment("shop", "web", "app: web", "ports: [{name: main, containerPort: 8080}]");
        let listed = std::iter::once(web).chain(services.iter().cloned()).collect::<Vec<_>>().join("---\n");
        Program::of(TEXT).inventory(&listed).found("http-on-tcp-port")
    }

    fn web(name: &str, port: &str) -> String {
        service("shop", name, "app: web", port)
    }

    #[test]
    fn tcp_ports_have_no_requests() {
        let error = ["error http-on-tcp-port `http GET /a`"];
        assert_eq!(found(&[web("web", "{port: 80, targetPort: 8080, name: tcp-web}")]), error);
        assert_eq!(found(&[web("web", "{port: 80, targetPort: main, name: https}")]), error);
        assert_eq!(found(&[web("web", "{port: 80, targetPort: 8080, name: http, appProtocol: tcp}")]), error);
    }

    #[test]
    fn services_that_disagree_are_a_warning() {
        let both = [web("a", "{port: 80, targetPort: 8080, name: http}"), web("b", "{port: 90, targetPort: 8080, name: tcp}")];
        assert_eq!(found(&both), ["warning http-on-tcp-port `http GET /a`"]);
    }

    #[test]
    fn http_unnamed_and_other_ports_are_fine() {
        assert_eq!(found(&[web("web", "{port: 80, targetPort: 8080, name: http-web}")]), [""; 0]);
        assert_eq!(found(&[web("web", "{port: 80, targetPort: 8080}")]), [""; 0]);
        assert_eq!(found(&[web("web", "{port: 80, targetPort: 9090, name: tcp}")]), [""; 0]);
    }
}
