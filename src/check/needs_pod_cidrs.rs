//! Pods taken away from sets that also hold addresses.
//!
//! Owns: `needs-pod-cidrs` for `but`; denies have theirs where they are subtracted, in `gates`. Where a block of addresses may
//! hold pod addresses, the pods that were taken away would still match by address.

use super::ends::ours;
use crate::config::Answer;
use crate::diagnostic::{Diagnostic, code};
use crate::gates::Gates;
use crate::ir::{End, Policy};
use crate::source::Location;
use crate::syntax::ast::Action;

/// A finding for every end of an `allow` that says `anywhere but` some pods.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let known = !policy.config.cluster.pods.is_empty() || policy.config.network_plugin.ipblock_matches_pods == Answer::No;
    if known {
        return Vec::new();
    }
    let allows = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action == Action::Allow);
    let ends = allows.flat_map(|rule| {
        std::iter::once((&rule.source, rule.source_location)).chain(rule.targets.iter().map(|target| (&target.end, target.location)))
    });
    ends.filter(|(end, _)| is_mixed(end)).map(|(_, at)| finding(at)).collect()
}

/// Whether pods are taken away from a set of pods and addresses.
fn is_mixed(end: &End) -> bool {
    match end {
        End::But(from, without) => {
            let peers = from.peers();
            !peers.addresses.is_empty() && peers.pods.overlaps(&without.peers().pods) || is_mixed(from)
        }
        End::Or(ends) => ends.iter().any(is_mixed),
        End::Within(end, _) => is_mixed(end),
        End::Pods(..) | End::Addresses(_) => false,
    }
}

fn finding(at: Location) -> Diagnostic {
    Diagnostic::new(code::NEEDS_POD_CIDRS, at, "pods are taken away from a set that also holds addresses")
        .label("the pods would still match by address")
        .note("most network plugins match pods by a block that holds their address, and the pods' addresses are not known")
        .help("set `pod-cidrs = [\"…\"]` under `[cluster]` in `twogate.toml`, so that pod addresses can be cut out")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "needs-pod-cidrs";

    #[test]
    fn pods_escape_by_address_unless_those_are_known() {
        let program = "namespace shop\nallow anywhere but app=y -> app=db:5432\n";
        assert_eq!(found(CODE, program), ["error needs-pod-cidrs `anywhere but app=y`"]);
        assert_eq!(Program::of(program).config("[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n").found(CODE), [""; 0]);
        assert_eq!(found(CODE, "namespace shop\nallow * but app=y -> app=db:5432\n"), [""; 0]);
    }
}
