//! What is told of objects that no single one of them tells.
//!
//! Owns: the findings about objects of one sort together, few of each. It must not change what is known.

use std::collections::BTreeMap;

use super::Manifests;
use crate::cluster::unmodelled::{Ends, Gates, Side, Unmodelled, Why};
use crate::cluster::{Platform, Way};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;

/// The most objects of a kind that are told of.
const MAX_OF_A_KIND: usize = 10;

impl Manifests {
    /// Reports objects that name no namespace and were taken for ones of the default one (`semantics.md` §1.1).
    pub(super) fn report_homeless(&mut self, platform: &Platform) {
        let (Some((_, first)), Some(namespace)) = (self.homeless.first(), &platform.default_namespace) else { return };
        let names: Vec<&str> = self.homeless.iter().take(MAX_OF_A_KIND).map(|(name, _)| name.as_str()).collect();
        let more = self.homeless.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let name = if self.homeless.len() == 1 { "names" } else { "name" };
        let message = format!("{}{more} {name} no namespace: taken as of `{namespace}`, which `-n` changes", names.join(", "));
        let finding = Diagnostic::new(code::NAMESPACE_MISSING, *first, message)
            .label("`metadata.namespace` is missing")
            .note("where it ends up hangs on who applies it");
        self.findings.push(finding);
    }

    /// Reports what is not modelled: the first of each kind and cause, as a dump may hold thousands that differ in their names alone.
    pub(super) fn report_unmodelled(&mut self) {
        let mut by_kind: BTreeMap<(&Symbol, Why), Vec<&Unmodelled>> = BTreeMap::new();
        for object in self
            .unmodelled
            .iter()
            .filter(|object| matches!(object.why, Why::Kind | Why::Setting(_) | Why::Bare | Why::Unseen | Why::Group(_)))
        {
            by_kind.entry((&object.object.kind, object.why)).or_default().push(object);
        }
        for all in by_kind.into_values() {
            let Some((first, others)) = all.split_first() else { continue };
            let finding = unmodelled(first);
            self.findings.push(if others.is_empty() { finding } else { finding.note(alike(others)) });
        }
    }
}

/// Further objects of one kind of which the same is to be said.
fn alike(others: &[&Unmodelled]) -> String {
    let names: Vec<String> = others.iter().take(MAX_OF_A_KIND).map(|other| other.object.to_string()).collect();
    let more = others.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("others like it are {}{more}", names.join(", "))
}

/// An object that is not modelled, or of which something is not.
fn unmodelled(object: &Unmodelled) -> Diagnostic {
    let gates = match object.gates {
        Gates::Network | Gates::NetworkBaseline | Gates::NetworkLimits => "what the network lets pass",
        Gates::NetworkOneWay(Way::Ingress) | Gates::NetworkBaselineOneWay(Way::Ingress) => "what the network lets in",
        Gates::NetworkOneWay(Way::Egress) | Gates::NetworkBaselineOneWay(Way::Egress) => "what the network lets out",
        Gates::Mesh | Gates::Membership => "what the mesh lets pass",
        Gates::Both => "what passes",
    };
    let whose = match &object.ends {
        Ends::All if object.side == Side::CallingAddresses => "from pods with a sidecar to addresses".to_owned(),
        Ends::All => "anywhere".to_owned(),
        Ends::Addresses => "between pods and addresses outside".to_owned(),
        Ends::Pods(pods) => match object.side {
            Side::Calling | Side::CallingAddresses => format!("from `{pods}`"),
            Side::Called => format!("to `{pods}`"),
            Side::Either => format!("from and to `{pods}`"),
        },
    };
    let (code, message) = match object.why {
        Why::Setting(key) | Why::Otherwise(key) => {
            (code::UNMODELLED_SETTING, format!("{} says by `{key}` what is not modelled", object.object))
        }
        Why::Bare => (code::UNMODELLED_SETTING, format!("{} has pods that run without the sidecar that it is to have", object.object)),
        Why::Unseen => (code::UNMODELLED_SETTING, format!("a Gateway is for the pods of {}, which show no Envoy", object.object)),
        Why::Group(group) => {
            let kind = &object.object.kind;
            let message = format!("{} is of `{group}`, which has no {kind}: `apiVersion: networking.k8s.io/v1` is meant", object.object);
            (code::UNMODELLED_KIND, message)
        }
        _ => (code::UNMODELLED_KIND, format!("{} is of a kind that is not modelled", object.object)),
    };
    Diagnostic::new(code, object.object.location, message)
        .label(format!("may change {gates} {whose}"))
        .note("the verdict on every flow that it may touch is `unspecified`")
}
