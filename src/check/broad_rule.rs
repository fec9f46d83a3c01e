//! Rules that let everybody in, or everything out, on every port.
//!
//! Owns: `broad-rule`. `*@*` is not broad in this sense: it names pods, which is what a reader sees in it.

use super::ends::{Place, Side, destination, ours};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, PodSet};
use crate::gates::Gates;
use crate::ir::{End, Policy, Rule};
use crate::syntax::ast::Action;

/// A finding for every `allow` with everything at one end and no port.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let allows = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action == Action::Allow);
    allows.flat_map(|rule| broad(policy, rule)).collect()
}

fn broad(policy: &Policy, rule: &Rule) -> Vec<Diagnostic> {
    let portless = || rule.targets.iter().filter(|target| target.ports_location.is_none());
    let source = Place { side: Side::Source, end: &rule.source, location: rule.source_location };
    let source = (portless().next().is_some() && is_everything(policy, &rule.source)).then_some(source);
    let destinations = portless().filter(|target| is_everything(policy, &target.end)).map(destination);
    source.into_iter().chain(destinations).map(|place| finding(&place)).collect()
}

/// Whether an end is any pod and any address, the metadata service aside, which no destination holds.
fn is_everything(policy: &Policy, end: &End) -> bool {
    let peers = end.peers();
    let rest = AddressSet::all().subtract(&policy.config.cluster.metadata);
    PodSet::all().is_subset(&peers.pods) && rest.is_subset(&peers.addresses)
}

fn finding(place: &Place<'_>) -> Diagnostic {
    let (message, label) = match place.side {
        Side::Source => ("this rule lets everybody in on every port", "every pod and every address, on every port"),
        Side::Destination => ("this rule lets everything out on every port", "every pod and every address, on every port"),
    };
    let finding = Diagnostic::new(code::BROAD_RULE, place.location, message).label(label);
    match place.side {
        Side::Source => finding.help("name the ports that callers need (`app=web:8443`), and who calls if that is known"),
        Side::Destination => finding.help("name what is called: `internet:443`, a `network`, or pods"),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::found;

    #[test]
    fn everything_without_a_port_is_broad() {
        assert_eq!(found("broad-rule", "namespace shop\nallow anywhere -> app=b\n"), ["warning broad-rule `anywhere`"]);
        assert_eq!(found("broad-rule", "namespace shop\nallow out app=b -> anywhere\n"), ["warning broad-rule `anywhere`"]);
        let spelled = "namespace shop\nallow *@* or 0.0.0.0/0 or [::/0] -> app=b\n";
        assert_eq!(found("broad-rule", spelled), ["warning broad-rule `*@* or 0.0.0.0/0 or [::/0]`"]);
    }

    #[test]
    fn a_port_a_part_or_a_deny_is_not() {
        let quiet = "namespace shop\nallow anywhere -> app=b:80\nallow *@* -> app=b\nallow internet -> app=c\ndeny anywhere -> app=d\n\
                     allow anywhere but app=x -> app=e\n";
        assert_eq!(found("broad-rule", quiet), [""; 0]);
    }
}
