//! What of the configuration shows in printed objects.
//!
//! Owns: the few questions that the targets ask of `twogate.toml`. It must not hold a default: those are `config`'s.

use crate::config::{Config, Version};
use crate::flow::AddressSet;

/// The first Istio that knows `serviceAccounts` (`semantics.md` §2.13).
const SERVICE_ACCOUNTS: Version = Version::new(1, 25);

/// How a caller's account is written (`semantics.md` §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountForm<'a> {
    /// As `serviceAccounts`.
    ServiceAccounts,
    /// As `principals` of this trust domain.
    Principals(&'a str),
}

/// Addresses that belong to the cluster's pods, and those that no block may hold.
#[derive(Debug, Clone)]
pub(super) struct ClusterAddresses {
    /// The addresses of pods.
    pub(super) pods: AddressSet,
    /// The addresses of pods and of Services.
    pub(super) hidden: AddressSet,
}

pub(super) fn account_form(config: &Config) -> AccountForm<'_> {
    if config.mesh.istio >= SERVICE_ACCOUNTS { AccountForm::ServiceAccounts } else { AccountForm::Principals(&config.mesh.trust_domain) }
}

/// Whether both have accounts written in the same words.
pub(crate) fn writes_accounts_alike(one: &Config, other: &Config) -> bool {
    account_form(one) == account_form(other)
}

pub(super) fn cluster_addresses(config: &Config) -> ClusterAddresses {
    let pods = config.cluster.pods.clone();
    ClusterAddresses { hidden: pods.union(&config.cluster.services), pods }
}
