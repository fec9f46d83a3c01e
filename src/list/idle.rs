//! Policies that protect none of what is listed.
//!
//! Owns: `idle`, a finding of a cluster's manifests. Which policies those are is `cluster`'s.

use crate::cluster::{Cluster, Document};
use crate::diagnostic::{Diagnostic, code};

/// As many policies are named; the rest is counted.
const MOST_NAMED: usize = 5;

/// A finding about every `NetworkPolicy` that selects none of the workloads that are known in its namespace; none where each selects one.
/// They change nothing in a list, which so would not show a misspelt label.
pub fn idle(cluster: &Cluster) -> Option<Diagnostic> {
    let policies = cluster.idle_policies();
    let first = policies.first()?;
    let title = |policy: &Document| format!("NetworkPolicy `{}/{}`", policy.namespace, policy.name);
    let names: Vec<String> = policies.iter().take(MOST_NAMED).map(title).collect();
    let more = match policies.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let does = if policies.len() == 1 { "selects" } else { "select" };
    let message = format!("{}{more} {does} none of the workloads that the manifests hold", names.join(", "));
    let finding = Diagnostic::new(code::SELECTOR_MATCHES_NOTHING, first.location, message);
    Some(
        finding
            .label("protects nothing that is listed")
            .note("pods that an operator makes stand in no manifest; a misspelt label looks the same"),
    )
}
