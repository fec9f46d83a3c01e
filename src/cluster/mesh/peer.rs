//! `PeerAuthentication`: how one may connect to a pod (`semantics.md` §3).
//!
//! Owns: `PeerPolicy`, `Modes`: the mode of each port by level and age, and what it takes, at a sidecar and at ztunnel.

use std::collections::BTreeMap;

use super::attachment::{Acts, Attachment, Known, selects};
use super::truth::Truth;
use crate::cluster::object::Object;
use crate::flow::{DataPlane, Symbol, Transport};

/// An object of kind `PeerAuthentication`.
#[derive(Debug, Clone)]
pub(super) struct PeerPolicy {
    /// What it is, for reasons.
    pub(super) object: Object,
    /// Where it acts; never a target.
    pub(super) attachment: Attachment,
    /// When it was made, as the server writes it; the oldest of a level counts.
    pub(super) created: Option<Symbol>,
    /// The mode; none for `UNSET` and for nothing.
    pub(super) mode: Option<Mode>,
    /// The modes of single ports of the pod.
    pub(super) ports: BTreeMap<u16, Option<Mode>>,
}

/// What a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// No mTLS.
    Disable,
    /// Both.
    Permissive,
    /// mTLS only.
    Strict,
}

/// The policies that act on one pod, one of each level that may count.
#[derive(Debug, Clone, Default)]
pub(super) struct Modes<'m> {
    /// Of the mesh.
    mesh: Level<'m>,
    /// Of its namespace.
    namespace: Level<'m>,
    /// Of the pod itself.
    workload: Level<'m>,
    /// Why it is not known of some policy whether it acts on the pod.
    perhaps: Option<&'static str>,
}

/// The policies of a level of which one counts: the oldest, where ages are known. None in it is "perhaps no policy".
type Level<'m> = Vec<Option<&'m PeerPolicy>>;

/// One choice of policies, one a level.
#[derive(Debug, Clone, Copy)]
struct Choice<'m> {
    mesh: Option<&'m PeerPolicy>,
    namespace: Option<&'m PeerPolicy>,
    workload: Option<&'m PeerPolicy>,
}

const EMPTY_SELECTOR: &str = "what an empty `selector` selects in ambient mode is not known";

impl<'m> Modes<'m> {
    /// Finds the policies that act on a pod, among those of the root namespace and those of its own.
    pub(super) fn of(known: Known<'_>, root: &[&'m PeerPolicy], own: &[&'m PeerPolicy]) -> Self {
        let wide = |policy: &&&PeerPolicy| matches!(policy.attachment, Attachment::Everywhere | Attachment::EmptySelector);
        let mut perhaps = None;
        let ties = if known.0.plane == DataPlane::Ambient { Ties::Open } else { Ties::ByName };
        let mut mesh = oldest(root.iter().filter(wide).copied(), ties);
        // ztunnel is told of no mesh-wide policy that has a selector, be it an empty one.
        if known.0.plane == DataPlane::Ambient && mesh.iter().flatten().any(|policy| policy.attachment == Attachment::EmptySelector) {
            mesh.push(None);
            perhaps = Some(EMPTY_SELECTOR);
        }
        let acts = |policy: &PeerPolicy| match &policy.attachment {
            Attachment::Labels(labels) => selects(known, labels),
            _ => Acts::No,
        };
        let mut workload = oldest(own.iter().copied().filter(|policy| acts(policy) == Acts::Yes), ties);
        let is_only = workload.is_empty();
        for policy in own.iter().copied() {
            let Acts::Perhaps(reason) = acts(policy) else { continue };
            workload.push(Some(policy));
            perhaps = Some(reason);
        }
        if is_only && !workload.is_empty() {
            workload.push(None);
        }
        Self { mesh, namespace: oldest(own.iter().filter(wide).copied(), ties), workload, perhaps }
    }

    /// Every policy that may count.
    pub(super) fn policies(&self) -> impl Iterator<Item = &'m PeerPolicy> {
        self.mesh.iter().chain(&self.namespace).chain(&self.workload).filter_map(|policy| *policy)
    }

    /// The ports that have a mode of their own.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.workload.iter().flatten().flat_map(|policy| policy.ports.keys().copied())
    }

    /// Whether a sidecar takes a connection.
    pub(super) fn at_sidecar(&self, port: u16, transport: Transport, client: DataPlane) -> Truth {
        self.agreed(|choice| match (choice.mode(port), transport) {
            (Mode::Strict, Transport::Plaintext) => Truth::No,
            // What comes through the tunnel is mTLS whatever the mode.
            (Mode::Disable, Transport::Mtls) => Truth::of(client == DataPlane::Ambient),
            _ => Truth::Yes,
        })
    }

    /// Whether a client's sidecar speaks mTLS by itself: unless the server is told to take none.
    pub(super) fn takes_mtls(&self, port: u16) -> Truth {
        self.agreed(|choice| Truth::of(choice.mode(port) != Mode::Disable))
    }

    /// Whether the pods of its namespace are not all told to take no mTLS.
    pub(super) fn takes_mtls_anywhere(&self) -> Truth {
        self.agreed(|choice| Truth::of(choice.wide_mode() != Some(Mode::Disable)))
    }

    /// Whether ztunnel takes a connection.
    pub(super) fn at_ztunnel(&self, port: u16, transport: Transport) -> Truth {
        if transport == Transport::Mtls {
            return Truth::Yes;
        }
        self.agreed(|choice| choice.takes_plaintext_at_ztunnel(port))
    }

    /// The answer that every choice gives.
    fn agreed(&self, answer: impl Fn(Choice<'m>) -> Truth) -> Truth {
        const AGES: &str = "which of several PeerAuthentications of one level counts is not known";
        let mut agreed: Option<Truth> = None;
        for mesh in candidates(&self.mesh) {
            for namespace in candidates(&self.namespace) {
                for workload in candidates(&self.workload) {
                    let one = answer(Choice { mesh, namespace, workload });
                    match agreed {
                        Some(other) if other != one => return Truth::Open(self.perhaps.unwrap_or(AGES)),
                        _ => agreed = Some(one),
                    }
                }
            }
        }
        agreed.unwrap_or(Truth::Yes)
    }
}

/// What may count of a level: nothing where it is empty.
fn candidates<'m>(level: &Level<'m>) -> impl Iterator<Item = Option<&'m PeerPolicy>> {
    level.iter().copied().chain(level.is_empty().then_some(None))
}

/// Which of several policies of one age is the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    /// The first by name, then namespace: so it is for sidecars (`semantics.md` §3.1).
    ByName,
    /// Any: what ztunnel is told is made of the first that istiod meets, in no order (istio/istio :
    /// pilot/pkg/serviceregistry/ambient/{policies,authorization}.go, `getOldestPeerAuthn`, `convertedSelectorPeerAuthentications`).
    Open,
}

/// The policies that may be the oldest.
fn oldest<'m>(policies: impl Iterator<Item = &'m PeerPolicy>, ties: Ties) -> Level<'m> {
    let (mut dated, undated): (Vec<_>, Vec<_>) = policies.partition(|policy| policy.created.is_some());
    dated.sort_by_key(|policy| (&policy.created, &policy.object.name, &policy.object.namespace));
    let first = dated.first().map(|policy| &policy.created);
    let is_first = |policy: &&PeerPolicy| Some(&policy.created) == first;
    let count = if ties == Ties::ByName { 1 } else { dated.iter().filter(|policy| is_first(policy)).count() };
    dated.into_iter().take(count).chain(undated).map(Some).collect()
}

impl Choice<'_> {
    /// The mode of a port (`semantics.md` §3.1): from the mesh inwards, what is set replaces what was before.
    fn mode(self, port: u16) -> Mode {
        let set = |policy: Option<&PeerPolicy>| policy.and_then(|policy| policy.mode);
        let of_port = self.workload.and_then(|policy| policy.ports.get(&port).copied().flatten());
        let wide = set(self.workload).or(set(self.namespace)).or(set(self.mesh));
        of_port.or(wide).unwrap_or(Mode::Permissive)
    }

    /// The mode of the namespace, or that of the mesh.
    fn wide_mode(self) -> Option<Mode> {
        self.namespace.and_then(|policy| policy.mode).or(self.mesh.and_then(|policy| policy.mode))
    }

    /// Whether ztunnel takes plaintext on a port (`semantics.md` §3.4).
    fn takes_plaintext_at_ztunnel(self, port: u16) -> Truth {
        let strict_parent = self.wide_mode() == Some(Mode::Strict);
        let Some(workload) = self.workload else { return Truth::of(!strict_parent) };
        let of_port = workload.ports.get(&port).copied().flatten();
        match workload.mode {
            Some(Mode::Strict) => Truth::of(matches!(of_port, Some(Mode::Permissive | Mode::Disable))),
            Some(Mode::Permissive | Mode::Disable) if of_port == Some(Mode::Strict) => self.at_strict_port(),
            Some(Mode::Permissive | Mode::Disable) => Truth::Yes,
            None if self.is_seen_in_part() && workload.ports.values().any(Option::is_some) => Truth::Open(EMPTY_SELECTOR),
            None if !strict_parent => Truth::of(of_port != Some(Mode::Strict)),
            None => self.under_strict_parent(workload, of_port),
        }
    }

    /// Whether the namespace's policy is one that counts for pods, and not for what is made of the ports of their own policies: that is so
    /// of an empty selector (istio/istio : pilot/pkg/serviceregistry/ambient/policies.go, `PeerAuthByNamespace`).
    fn is_seen_in_part(self) -> bool {
        self.namespace.is_some_and(|policy| policy.attachment == Attachment::EmptySelector)
    }

    /// The same on a strict port of a policy that is not: a strict mesh is taken to hold there, be it that the policy replaces its mode
    /// (`authorization.go` beside it, `convertPeerAuthentication`).
    fn at_strict_port(self) -> Truth {
        const UNDONE: &str = "a mesh-wide STRICT seems to undo the strict ports of a PeerAuthentication that is not, in ambient mode";
        let of_namespace = self.namespace.filter(|_| !self.is_seen_in_part()).and_then(|policy| policy.mode);
        let of_mesh = self.mesh.and_then(|policy| policy.mode);
        if of_namespace.is_none() && of_mesh == Some(Mode::Strict) { Truth::Open(UNDONE) } else { Truth::No }
    }

    /// The same for a policy without a mode under one that is strict: only a permissive port makes exceptions.
    fn under_strict_parent(self, workload: &PeerPolicy, of_port: Option<Mode>) -> Truth {
        if !workload.ports.values().any(|mode| *mode == Some(Mode::Permissive)) {
            return Truth::No;
        }
        if matches!(of_port, Some(Mode::Permissive | Mode::Disable)) {
            return Truth::Yes;
        }
        // Then the strict policy of the mesh is dropped, and nothing seems to stand in its place.
        if self.namespace.is_some_and(|policy| policy.mode.is_none()) {
            return Truth::Open("a namespace's PeerAuthentication without a mode seems to undo the mesh's in ambient mode");
        }
        Truth::No
    }
}
