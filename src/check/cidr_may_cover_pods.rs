//! Blocks of addresses that may hold the addresses of pods.
//!
//! Owns: `cidr-may-cover-pods`: a warning where the pods' addresses are not known, a note where they are and are left out of
//! the block. It must not speak of `anywhere`, which means pods too.

use super::ends::{Place, addresses, ours, places};
use crate::config::Answer;
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::{AddressSet, Prefix};
use crate::gates::Gates;
use crate::ir::Policy;

/// Where pods usually have their addresses: the private blocks, and the one that carriers share.
const USUAL: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/// A finding for every end with addresses that may be pods'.
///
/// Where the network plugin never matches pods by address (`network-plugin.ipblock-matches-pods = "no"`), none is at risk.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    if policy.config.network_plugin.ipblock_matches_pods == Answer::No {
        return Vec::new();
    }
    let space = Space::of(policy);
    let places = ours(policy).flat_map(|(_, rule)| places(rule));
    places.filter_map(|place| space.judge(&place)).collect()
}

/// What is known of the cluster's addresses.
struct Space<'a> {
    /// The pods' addresses as configured; none if they are not.
    pods: Option<&'a AddressSet>,
    /// Where they may be otherwise.
    usual: AddressSet,
    /// Addresses that are known to be no pod's.
    others: AddressSet,
}

impl<'a> Space<'a> {
    fn of(policy: &'a Policy) -> Self {
        let cluster = &policy.config.cluster;
        let others = cluster.nodes.union(&cluster.api_server).union(&cluster.metadata).union(&cluster.services);
        let usual = USUAL.iter().filter_map(|block| Prefix::parse(block).ok()).collect();
        Self { pods: (!cluster.pods.is_empty()).then_some(&cluster.pods), usual, others }
    }

    fn judge(&self, place: &Place<'_>) -> Option<Diagnostic> {
        let written = addresses(place.end);
        let Some(pods) = self.pods else {
            let risky = |addresses: &&&AddressSet| addresses.subtract(&self.others).overlaps(&self.usual);
            return written.iter().find(risky).map(|_| unknown(place));
        };
        // A block that holds nothing but pods is an empty endpoint, which is another finding.
        let shared = |addresses: &&&AddressSet| addresses.overlaps(pods) && !addresses.is_subset(pods);
        written.iter().find(shared).map(|addresses| left_out(place, &addresses.intersect(pods)))
    }
}

fn unknown(place: &Place<'_>) -> Diagnostic {
    Diagnostic::new(code::CIDR_MAY_COVER_PODS, place.location, format!("this {} may hold the addresses of pods", place.side.word()))
        .label("lies where clusters have their pods")
        .note("addresses in an intent never mean pods, but most network plugins match pods by a block that holds their address")
        .help("set `pod-cidrs = [\"…\"]` under `[cluster]` in `twogate.toml`: the pods' addresses are then left out of every block")
}

fn left_out(place: &Place<'_>, pods: &AddressSet) -> Diagnostic {
    let blocks: Vec<String> = pods.prefixes().iter().take(3).map(|prefix| format!("`{prefix}`")).collect();
    Diagnostic::new(code::CIDR_MAY_COVER_PODS, place.location, format!("the pods' part of this {} is left out", place.side.word()))
        .at_level(Level::Note)
        .label(format!("without {}", blocks.join(", ")))
        .note("addresses in an intent never mean pods: the blocks of `cluster.pod-cidrs` are cut out of what is written")
        .help("choose pods by label; if the block was meant to hold none, write it without theirs")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "cidr-may-cover-pods";

    #[test]
    fn private_blocks_are_risky_until_the_pods_are_known() {
        let text = "namespace shop\nallow 10.0.0.0/8 -> app=a:80\nallow out app=a -> outside:443\n";
        assert_eq!(found(CODE, text), ["warning cidr-may-cover-pods `10.0.0.0/8`", "warning cidr-may-cover-pods `outside`"]);
        let elsewhere = Program::of(text).config("[cluster]\npod-cidrs = [\"192.168.0.0/16\"]\n").found(CODE);
        assert_eq!(elsewhere, [""; 0]);
        let inside = Program::of(text).config("[cluster]\npod-cidrs = [\"10.4.0.0/14\"]\n").found(CODE);
        assert_eq!(inside, ["note cidr-may-cover-pods `10.0.0.0/8`"]);
    }

    #[test]
    fn public_blocks_nodes_and_anywhere_are_not() {
        let text = "namespace shop\nallow 203.0.113.0/24 -> app=a:80\nallow internet -> app=a:81\nallow anywhere -> app=a:82\n\
                    allow nodes -> app=a:83\nallow out app=a -> metadata:80\n";
        assert_eq!(Program::of(text).config("[cluster]\nnode-cidrs = [\"10.1.0.0/16\"]\n").found(CODE), [""; 0]);
    }

    #[test]
    fn ipv6_has_private_blocks_too() {
        assert_eq!(found(CODE, "namespace shop\nallow [fd00:10::/32] -> app=a:80\n"), ["warning cidr-may-cover-pods `[fd00:10::/32]`"]);
    }
}
