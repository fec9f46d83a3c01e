//! What is wrong or suspicious in a policy that could be resolved: one file a code, or a family of codes.
//!
//! Owns: the list of checks, and what rules accept of their findings. A check reads the policy and its normal form and
//! changes neither. Nothing here knows a clock: what depends on the day is asked for by name.

mod account;
mod allow_wholly_denied;
mod ambient_end;
mod broad_rule;
mod cidr_may_cover_pods;
mod contradicted_workload;
mod covered_rule;
mod default_account;
mod deny_unenforced;
mod duplicate_rule;
mod empty_endpoint;
mod ends;
mod expectation;
mod expired_rule;
mod foreign_end;
mod host_network;
mod http_on_tcp_port;
mod init_container_traffic;
mod internet_source;
mod listed;
mod needs_pod_cidrs;
mod overlapping_workloads;
mod platform_unsupported;
mod requirement;
mod requirement_not_agreed;
mod requirement_token;
mod requirement_unenforced;
mod reserved_port;
mod selector_matches_nothing;
mod served_in_mesh;
mod service_port;
mod services;
mod target_unenforced;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::diagnostic::level::Accept;
use crate::gates::Gates;
use crate::ir::{Ownership, Policy};
use crate::threads::in_shares;

pub use expired_rule::expired;
pub use target_unenforced::unenforced;

/// A check: what it finds in a policy and its normal form.
type Check = fn(&Policy, &Gates) -> Vec<Diagnostic>;

/// Every check, in the order of their names.
static CHECKS: &[Check] = &[
    account::check,
    allow_wholly_denied::check,
    ambient_end::check,
    broad_rule::check,
    cidr_may_cover_pods::check,
    contradicted_workload::check,
    covered_rule::check,
    default_account::check,
    deny_unenforced::check,
    duplicate_rule::check,
    empty_endpoint::check,
    expectation::check,
    foreign_end::check,
    host_network::check,
    http_on_tcp_port::check,
    init_container_traffic::check,
    internet_source::check,
    needs_pod_cidrs::check,
    overlapping_workloads::check,
    platform_unsupported::check,
    requirement::check,
    requirement_not_agreed::check,
    requirement_token::check,
    requirement_unenforced::check,
    reserved_port::check,
    selector_matches_nothing::check,
    served_in_mesh::check,
    service_port::check,
];

/// Runs every check. Findings are at the levels of their codes; nothing is accepted yet.
///
/// A statement that stands for many namespaces is reported once: findings of one code that say the same at the same place are
/// one, and the first tells its namespace in a note.
pub fn run(policy: &Policy, gates: &Gates) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let found = in_shares(CHECKS, 1, |share| share.iter().flat_map(|check| check(policy, gates)).collect::<Vec<Diagnostic>>());
    let mut findings: Vec<Diagnostic> = found.into_iter().flatten().collect();
    findings.retain(|finding| seen.insert((finding.code, finding.location(), finding.message.clone())));
    findings
}

/// What the rules of the program accept, each clause once however many namespaces its statement stands for.
pub fn accepts(policy: &Policy) -> Vec<Accept> {
    let mut seen = BTreeSet::new();
    let ours = policy.rules.iter().filter(|rule| rule.ownership == Ownership::Managed);
    let clauses = ours.flat_map(|rule| rule.accepts.iter().map(|acceptance| (rule.location, acceptance)));
    let once = clauses.filter(|(statement, acceptance)| seen.insert((*statement, acceptance.location)));
    once.map(|(statement, acceptance)| Accept { code: acceptance.code, statement, clause: acceptance.location }).collect()
}
