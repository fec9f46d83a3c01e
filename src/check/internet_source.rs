//! Callers from outside whose address may not be what arrives.
//!
//! Owns: `internet-source`. It must not guess what stands at the edge: `twogate.toml` says it (design §4.2).

use super::ends::{addresses, ours};
use crate::config::IngressSource;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::AddressSet;
use crate::gates::Gates;
use crate::ir::{Policy, Rule};
use crate::syntax::ast::{Action, Direction};

/// A finding for every rule with public addresses as its source, while nothing is known of the edge.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    if policy.config.ingress != IngressSource::Unknown {
        return Vec::new();
    }
    let public = AddressSet::internet();
    let judged = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action != Action::Audit && rule.faces(Direction::In));
    judged.filter(|rule| addresses(&rule.source).iter().any(|source| source.overlaps(&public))).map(finding).collect()
}

fn finding(rule: &Rule) -> Diagnostic {
    let label = match rule.action {
        Action::Allow => "these callers may arrive with another address, and be refused",
        Action::Deny | Action::Audit => "these callers may arrive with another address, and pass",
    };
    Diagnostic::new(code::INTERNET_SOURCE, rule.source_location, "nothing says with which address callers from outside arrive")
        .label(label)
        .note("a load balancer or a node port may put its own address in the place of the caller's; network policy judges what arrives")
        .help("set `source` under `[ingress]` in `twogate.toml`: `\"client\"` if the address is kept, `\"nodes\"`, or the load balancer's blocks")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    #[test]
    fn public_sources_need_to_know_the_edge() {
        let text = "namespace shop\nallow internet -> app=a:443\nallow outside -> app=b:443\nallow 198.41.0.0/24 -> app=c:443\n";
        let all = ["warning internet-source `198.41.0.0/24`", "warning internet-source `internet`", "warning internet-source `outside`"];
        let mut shown = found("internet-source", text);
        shown.sort();
        assert_eq!(shown, all);
        let known = Program::of(text).config("[ingress]\nsource = \"client\"\n").found("internet-source");
        assert_eq!(known, [""; 0]);
    }

    #[test]
    fn private_sources_anywhere_and_the_way_out_do_not() {
        let quiet = "namespace shop\nallow 10.0.0.0/8 -> app=a:443\nallow anywhere -> app=b:443\nallow out app=a -> internet:443\n\
                     allow app=c -> app=d:443\n";
        assert_eq!(found("internet-source", quiet), [""; 0]);
    }
}
