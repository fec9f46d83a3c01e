//! Which Services a container is told about: addresses in the values of its environment and in its arguments.
//!
//! Owns: what counts as the address of a Service. A guess by nature: it becomes a suggestion in a comment and nothing else.

use super::evidence::Container;
use crate::flow::Symbol;
use crate::inventory::{Inventory, ServiceFacts, ServiceKind, ServicePort};
use std::collections::{BTreeMap, BTreeSet};

/// Ports of Services that containers are told about, and by what.
pub(super) type Calls<'i> = BTreeMap<(&'i Symbol, &'i Symbol, u16), BTreeSet<String>>;

/// What an argument is called as a reason.
const ARGUMENT: &str = "arguments";

/// A host that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address<'t> {
    scheme: Option<&'t str>,
    host: &'t str,
    port: Option<u16>,
}

/// The ports of Services that the containers of a workload in this namespace are told about.
pub(super) fn of<'i>(containers: &[Container], namespace: &str, inventory: &'i Inventory) -> Calls<'i> {
    let mut calls = Calls::new();
    let mut take = |address: Address<'_>, port: Option<u16>, reason: &str| {
        let Some(service) = service(address.host, namespace, inventory) else { return };
        for port in ports(service, address, port) {
            calls.entry((&service.namespace, &service.name, port.port)).or_default().insert(reason.to_owned());
        }
    };
    for container in containers {
        for (name, value) in &container.variables {
            let told = addresses(value);
            for address in told.filter(|address| address.is_one_by_itself() || names_a_server(name)) {
                take(address, port_beside(name, container), printable(name));
            }
        }
        for argument in &container.arguments {
            addresses(argument).filter(Address::is_one_by_itself).for_each(|address| take(address, None, ARGUMENT));
        }
    }
    calls
}

impl Address<'_> {
    /// Whether it reads as an address wherever it stands; a word alone does not.
    fn is_one_by_itself(&self) -> bool {
        self.scheme.is_some() || self.port.is_some() || self.host.contains(".svc")
    }
}

/// The name of a variable as a reason may print it.
fn printable(name: &str) -> &str {
    let plain = name.len() <= 80 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if plain { name } else { "environment" }
}

/// The hosts that a text may name, such as `db:5432`, `http://user@api.shop.svc/v1` or `a:1,b:2`.
fn addresses(text: &str) -> impl Iterator<Item = Address<'_>> {
    text.split([',', ';', ' ', '\t', '\n', '"', '\'', '=', '(', ')', '[', ']']).filter_map(address)
}

fn address(word: &str) -> Option<Address<'_>> {
    let (scheme, rest) = word.split_once("://").map_or((None, word), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_name = host.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    is_name.then_some(Address { scheme, host, port })
}

/// Whether the name of a variable says that its value is somebody to call.
fn names_a_server(name: &str) -> bool {
    const WORDS: [&str; 13] =
        ["HOST", "HOSTNAME", "HOSTS", "ADDR", "ADDRESS", "URL", "URI", "ENDPOINT", "SERVER", "SERVICE", "UPSTREAM", "BACKEND", "BROKER"];
    name.split(['_', '-', '.']).any(|part| WORDS.contains(&part.to_ascii_uppercase().as_str()))
}

/// The port that stands in a variable of its own: `DB_PORT` beside `DB_HOST`.
fn port_beside(name: &str, container: &Container) -> Option<u16> {
    let (stem, _) = name.rsplit_once('_')?;
    let wanted = [format!("{stem}_PORT"), format!("{name}_PORT")];
    let (_, value) = container.variables.iter().find(|(name, _)| wanted.contains(name))?;
    value.parse().ok()
}

/// The Service of a host name as a pod of this namespace resolves it: `db`, `db.data`, `db.data.svc.cluster.local`, and the same
/// behind the name of one pod of a headless Service.
fn service<'i>(host: &str, namespace: &str, inventory: &'i Inventory) -> Option<&'i ServiceFacts> {
    let parts: Vec<&str> = host.split('.').collect();
    let find = |skipped: usize| {
        let mut parts = parts.iter().copied().skip(skipped);
        let (name, place, kind) = (parts.next()?, parts.next().unwrap_or(namespace), parts.next());
        let service = inventory.services_in(place).iter().find(|service| *service.name == *name)?;
        kind.is_none_or(|kind| kind == "svc").then_some(service)
    };
    find(0).or_else(|| find(1).filter(|service| service.kind == ServiceKind::Headless))
}

/// The ports of a Service that an address means: the one it names, else the one of its scheme, else all.
fn ports<'i>(service: &'i ServiceFacts, address: Address<'_>, beside: Option<u16>) -> Vec<&'i ServicePort> {
    let numbered = |number: u16| service.ports.iter().filter(|port| port.port == number).collect::<Vec<_>>();
    if let Some(number) = address.port {
        return numbered(number);
    }
    let usual = match address.scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    let guesses = beside.into_iter().chain(usual).map(numbered);
    guesses.into_iter().find(|ports| !ports.is_empty()).unwrap_or_else(|| service.ports.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory;
    use crate::source::{FileId, Source};

    const SERVICES: &str = "kind: Service\napiVersion: v1\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}, ports: [{name: sql, port: 5432}, {name: metrics, port: 9187}]}\n---\n\
        kind: Service\napiVersion: v1\nmetadata: {name: api, namespace: pay}\nspec: {selector: {app: api}, ports: [{name: http, port: 80}, {name: admin, port: 9000}]}\n---\n\
        kind: Service\napiVersion: v1\nmetadata: {name: kafka, namespace: shop}\nspec: {clusterIP: None, selector: {app: kafka}, ports: [{port: 9092}]}\n";

    fn calls(variables: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
        let source = Source::new("a.yaml", SERVICES);
        let (inventory, findings) = inventory::read(FileId::default(), &source, &"default".into());
        assert_eq!(findings, Vec::new());
        let container = Container {
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        };
        let calls = of(&[container], "shop", &inventory);
        let words = |(key, reasons): (&(&Symbol, &Symbol, u16), &BTreeSet<String>)| {
            format!("{}/{}:{} {}", key.0, key.1, key.2, reasons.iter().cloned().collect::<Vec<_>>().join("+"))
        };
        calls.iter().map(words).collect()
    }

    #[test]
    fn addresses_in_the_environment_are_calls() {
        assert_eq!(calls(&[("DB_ADDR", "db:5432")], &[]), ["shop/db:5432 DB_ADDR"]);
        assert_eq!(calls(&[("X", "postgres://u:p@db.shop.svc:5432/x?y=z")], &[]), ["shop/db:5432 X"]);
        assert_eq!(calls(&[("PAY", "http://api.pay.svc.cluster.local/v1")], &[]), ["pay/api:80 PAY"]);
        assert_eq!(calls(&[("BROKERS", "kafka-0.kafka:9092,kafka-1.kafka.shop.svc:9092")], &[]), ["shop/kafka:9092 BROKERS"]);
        assert_eq!(calls(&[("DB_HOST", "db"), ("DB_PORT", "9187")], &[]), ["shop/db:9187 DB_HOST"]);
        assert_eq!(calls(&[("DB_SERVICE_HOST", "db")], &[]), ["shop/db:5432 DB_SERVICE_HOST", "shop/db:9187 DB_SERVICE_HOST"]);
        assert_eq!(calls(&[("A", "db:5432"), ("B", "db:5432")], &["--db=db:5432"]), ["shop/db:5432 A+B+arguments"]);
    }

    #[test]
    fn words_ports_of_nobody_and_strangers_are_none() {
        for value in
            ["db", "db:1", "db:http", "db.pay:5432", "api:80", "localhost:5432", "https://example.com", "", "DB:5432", "a:b:c", "db:0"]
        {
            assert_eq!(calls(&[("MODE", value)], &[value]), [""; 0], "{value}");
        }
        assert_eq!(calls(&[("kafka", "x.kafka.pay:9092")], &[]), [""; 0]);
    }
}
