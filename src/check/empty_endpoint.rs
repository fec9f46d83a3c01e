//! Ends that can match nobody.
//!
//! Owns: `empty-endpoint`. What could not be resolved has its own finding and is passed over here.

use super::ends::{Place, ours, places};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::AddressSet;
use crate::gates::Gates;
use crate::ir::{Close, End, Naming, Ownership, Policy};

/// A finding for every end, or alternative of one, that can match nobody.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let cluster = policy.config.cluster.pods.union(&policy.config.cluster.services);
    let places = ours(policy).flat_map(|(_, rule)| places(rule));
    let ends = places.filter_map(|place| Some(end(&place, empty(place.end, &cluster)?)));
    let ours = |close: &&Close| policy.namespace(&close.namespace).is_some_and(|namespace| namespace.ownership == Ownership::Managed);
    let closes = policy.closes.iter().filter(ours).filter(|close| close.pods.is_empty());
    ends.chain(closes.map(nothing_closed)).collect()
}

/// Why something matches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its label tests cannot hold together.
    Labels,
    /// All of it stands behind `but`.
    But,
    /// Its addresses are those of pods and Services.
    Cluster,
}

/// Why an end, or an alternative of it, matches nobody.
fn empty(end: &End, cluster: &AddressSet) -> Option<Why> {
    if is_unresolved(end) {
        return None;
    }
    match end {
        End::Pods(pods, Naming::ByPod) if pods.is_empty() => Some(Why::Labels),
        End::Addresses(addresses) if addresses.is_subset(cluster) => Some(Why::Cluster),
        End::Pods(..) | End::Addresses(_) => None,
        End::Or(ends) => ends.iter().find_map(|end| empty(end, cluster)),
        End::But(whole, _) => empty(whole, cluster).or_else(|| end.peers().is_empty().then_some(Why::But)),
        End::Within(end, _) => empty(end, cluster),
    }
}

/// Whether something in it has no meaning, for which there is a finding already.
fn is_unresolved(end: &End) -> bool {
    match end {
        End::Pods(..) => false,
        End::Addresses(addresses) => addresses.is_empty(),
        End::Or(ends) => ends.is_empty() || ends.iter().all(is_unresolved),
        End::But(end, without) => is_unresolved(end) || is_unresolved(without),
        End::Within(end, _) => is_unresolved(end),
    }
}

fn end(place: &Place<'_>, why: Why) -> Diagnostic {
    let side = place.side.word();
    let message = match place.end {
        End::Or(_) => format!("a part of this {side} can match nobody"),
        _ => format!("this {side} can match nobody"),
    };
    let finding = Diagnostic::new(code::EMPTY_ENDPOINT, place.location, message);
    match why {
        Why::Labels => finding
            .label("no pod can have these labels")
            .note("a comma means that every test holds, and a label has one value")
            .help("write `app=a|b` for either value, or remove a test"),
        Why::But => finding.label("everything is taken away again").help("narrow what stands behind `but`"),
        Why::Cluster => finding
            .label("all of it belongs to the cluster")
            .note("addresses in an intent never mean pods, and the address of a Service is gone before policy is judged")
            .help("choose the pods by label"),
    }
}

fn nothing_closed(close: &Close) -> Diagnostic {
    Diagnostic::new(code::EMPTY_ENDPOINT, close.location, "this `close` isolates no pod")
        .label("names no pod that could exist")
        .help("name pods by label: `close in app=db`")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "empty-endpoint";

    #[test]
    fn contradictions_match_nobody() {
        assert_eq!(found(CODE, "namespace shop\nallow app=a,app=b -> app=c:80\n"), ["error empty-endpoint `app=a,app=b`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=a but app=a -> app=c:80\n"), ["error empty-endpoint `app=a but app=a`"]);
        assert_eq!(found(CODE, "namespace shop\nallow app=a -> app=c,app!=c:80\n"), ["error empty-endpoint `app=c,app!=c`"]);
        assert_eq!(
            found(CODE, "namespace shop\nallow app=x or app=a,app=b -> app=c:80\n"),
            ["error empty-endpoint `app=x or app=a,app=b`"]
        );
        assert_eq!(found(CODE, "namespace shop open ingress\nclose in app=a,app=b\n"), ["error empty-endpoint `close in app=a,app=b`"]);
    }

    #[test]
    fn addresses_of_the_cluster_match_nobody() {
        let text = "namespace shop\nallow 10.4.1.0/24 -> app=c:80\nallow 10.0.0.0/8 -> app=c:81\n";
        let program = Program::of(text).config("[cluster]\npod-cidrs = [\"10.4.0.0/14\"]\n");
        assert_eq!(program.found(CODE), ["error empty-endpoint `10.4.1.0/24`"]);
    }

    #[test]
    fn what_is_not_resolved_is_told_once() {
        assert_eq!(found(CODE, "namespace shop\nallow nobody -> app=c:80\nallow nodes -> app=c:80\n"), [""; 0]);
        assert_eq!(found(CODE, "namespace shop\nallow app=a but app=b -> app=c:80\n"), [""; 0]);
    }
}
