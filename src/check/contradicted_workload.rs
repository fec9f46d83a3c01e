//! Declared workloads that the inventory contradicts.
//!
//! Owns: `overlapping-workloads` between a `workload` line and the manifests: a wrong account would lock the real pods out, and a wrong
//! number for the name of a port their callers.

use crate::diagnostic::{Diagnostic, code, nearest};
use crate::gates::Gates;
use crate::inventory::{ContainerPort, InventoryWorkload};
use crate::ir::{Policy, Workload, WorkloadPort, meets};

/// A finding for every line whose account, or port of a name, differs from that of pods that it selects.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    policy.workloads.iter().flat_map(|line| contradictions(policy, line)).collect()
}

fn contradictions(policy: &Policy, line: &Workload) -> Vec<Diagnostic> {
    if line.account.is_none() && line.ports.is_empty() {
        return Vec::new();
    }
    let labels = policy.namespace(&line.namespace).map(|namespace| &namespace.labels);
    let listed = policy.inventory.workloads_in(&line.namespace).iter().filter(|workload| meets(workload, labels, &line.cube()));
    listed.flat_map(|workload| other_account(line, workload).into_iter().chain(other_ports(line, workload))).collect()
}

fn other_account(line: &Workload, workload: &InventoryWorkload) -> Option<Diagnostic> {
    let account = line.account.as_ref().filter(|account| workload.account != **account)?;
    Some(account_finding(line, account, workload))
}

fn other_ports(line: &Workload, workload: &InventoryWorkload) -> Vec<Diagnostic> {
    let named = |own: &WorkloadPort| {
        let is_it = |port: &&ContainerPort| port.name.as_ref() == Some(&own.name) && port.protocol == own.protocol;
        let mut found = workload.ports.iter().filter(is_it).peekable();
        let first = found.peek()?.number;
        found.all(|port| port.number != own.number).then(|| port_finding(line, own, (workload, first)))
    };
    line.ports.iter().filter_map(named).collect()
}

fn port_finding(line: &Workload, own: &WorkloadPort, (workload, number): (&InventoryWorkload, u16)) -> Diagnostic {
    let message = format!("port `{}` of workload `{}` has another number in the inventory", own.name, line.name);
    Diagnostic::new(code::OVERLAPPING_WORKLOADS, line.location, message)
        .label(format!("says `{}`", own.number))
        .related(workload.location, format!("serves it on `{number}`"))
        .note("rules that name the port open the number of the line, on which these pods may serve nothing")
        .help(format!("write `{}={number}`, or correct the manifest", own.name))
}

fn account_finding(line: &Workload, account: &str, workload: &InventoryWorkload) -> Diagnostic {
    let finding = Diagnostic::new(
        code::OVERLAPPING_WORKLOADS,
        line.location,
        format!("workload `{}` runs as another account in the inventory", line.name),
    )
    .label(format!("says `{account}`"))
    .related(workload.location, format!("runs as `{}`", workload.account))
    .note("the mesh is told the account of the line, and would refuse the pods that run");
    match nearest(account, [&*workload.account]) {
        Some(near) => finding.help(format!("did you mean `account {near}`?")),
        None => finding.help("correct the line or the manifest"),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    #[test]
    fn ports_must_agree_with_the_inventory() {
        let manifests = deployment("shop", "web", "app: web", "ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]");
        let found = |ports: &str| {
            let program = format!("namespace shop\nworkload web = app=web {ports}\nallow app=job -> web:8080\n");
            Program::of(&program).inventory(&manifests).found("overlapping-workloads")
        };
        assert_eq!(found("port http=8081"), ["error overlapping-workloads `workload web = app=web port http=8081`"]);
        assert_eq!(found("port http=8080"), [""; 0]);
        assert_eq!(found("port http=8081/udp"), [""; 0]);
        assert_eq!(found("port metrics=9090"), [""; 0]);
    }

    #[test]
    fn accounts_must_agree_with_the_inventory() {
        let manifests = deployment("shop", "web", "app: web", "serviceAccountName: web-sa");
        let wrong =
            Program::of("namespace shop\nworkload web = app=web account web-as\nallow web -> app=db:5432 mtls\n").inventory(&manifests);
        assert_eq!(wrong.found("overlapping-workloads"), ["error overlapping-workloads `workload web = app=web account web-as`"]);
        let right =
            Program::of("namespace shop\nworkload web = app=web account web-sa\nallow web -> app=db:5432 mtls\n").inventory(&manifests);
        assert_eq!(right.found("overlapping-workloads"), [""; 0]);
    }
}
