//! Declared workloads that the inventory contradicts.
//!
//! Owns: `overlapping-workloads` between a `workload` line and the manifests: a wrong account would lock the real pods out.

use crate::diagnostic::{Diagnostic, code, nearest};
use crate::gates::Gates;
use crate::inventory::InventoryWorkload;
use crate::ir::{Policy, Workload, meets};

/// A finding for every line whose account differs from that of pods that it selects.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    policy.workloads.iter().flat_map(|line| contradictions(policy, line)).collect()
}

fn contradictions(policy: &Policy, line: &Workload) -> Vec<Diagnostic> {
    let Some(account) = &line.account else { return Vec::new() };
    let labels = policy.namespace(&line.namespace).map(|namespace| &namespace.labels);
    let listed = policy.inventory.workloads_in(&line.namespace).iter().filter(|workload| meets(workload, labels, &line.cube()));
    listed.filter(|workload| workload.account != *account).map(|workload| finding(line, account, workload)).collect()
}

fn finding(line: &Workload, account: &str, workload: &InventoryWorkload) -> Diagnostic {
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
