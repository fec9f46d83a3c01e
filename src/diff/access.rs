//! What passes between two peers on a port, on each side.
//!
//! Owns: `Access`, and how two of them differ. One entry a class of requests, for each transport that can occur.

use std::collections::{BTreeSet, HashSet};

use super::side::Said;
use crate::flow::{Labels, Request, Symbol, Token, Transport};

/// What passes, for every class of requests, over each transport that can occur.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Access {
    /// In plaintext.
    pub(super) plaintext: Option<Vec<Said>>,
    /// Over mTLS; none where an end takes no part in the mesh.
    pub(super) mtls: Option<Vec<Said>>,
    /// Which gates stop each of them, in the order of the walk; empty where gates are not told apart.
    pub(super) stops: Vec<Stops>,
}

/// Whether the network gates stop a flow, and whether the mesh does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stops {
    pub(super) network: bool,
    pub(super) mesh: bool,
}

impl Stops {
    const fn both(self) -> bool {
        self.network && self.mesh
    }

    const fn one(self) -> bool {
        self.network != self.mesh
    }
}

/// A way in which one access differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Mark {
    /// Some request passes that did not.
    Gained,
    /// Some request passed that does not.
    Lost,
    /// Some request passes in plaintext that had to be sent over mTLS.
    PlaintextToo,
    /// Some request has to be sent over mTLS that passed in plaintext.
    MtlsOnly,
    /// Some request passes over mTLS that passed in plaintext alone.
    MtlsToo,
    /// A request passes without a token that needed one.
    TokenDropped,
    /// A request passes that did not, and not only as it no longer needs a token.
    MoreRequests,
    /// It is left open now whether something passes.
    Unspecified,
    /// Both gates stopped somebody, and one does.
    OneGate,
    /// One gate stopped somebody, and both do.
    BothGates,
    /// Something passed on this port before.
    SomeBefore,
    /// Something passes on this port now.
    SomeAfter,
}

/// How one access differs from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Nature(BTreeSet<Mark>);

impl Nature {
    /// Whether it differs in this way.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.0.contains(&mark)
    }
}

impl Access {
    /// What passes over one transport.
    pub(super) fn over(&self, transport: Transport) -> Option<&[Said]> {
        match transport {
            Transport::Mtls => self.mtls.as_deref(),
            Transport::Plaintext => self.plaintext.as_deref(),
        }
    }

    /// The place of what passes over a transport.
    pub(super) fn set(&mut self, transport: Transport, said: Vec<Said>) {
        match transport {
            Transport::Mtls => self.mtls = Some(said),
            Transport::Plaintext => self.plaintext = Some(said),
        }
    }

    /// What passes by any transport, a class of requests each.
    pub(super) fn best(&self) -> Vec<Said> {
        match (&self.plaintext, &self.mtls) {
            (Some(plaintext), Some(mtls)) => plaintext.iter().zip(mtls).map(|(one, other)| *one.max(other)).collect(),
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether nothing passes for sure.
    pub(super) fn is_denied(&self) -> bool {
        self.best().iter().all(|said| *said == Said::Denied)
    }

    /// Whether some request is stopped by both gates.
    pub(super) fn is_stopped_twice(&self) -> bool {
        self.stops.iter().any(|stops| stops.both())
    }

    /// Whether it is the same as another one, what stops flows included.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.lets_the_same(other) && self.one_gate(other).is_none() && other.one_gate(self).is_none()
    }

    /// The gates of the other one that stop a flow which both stop here and one there.
    pub(super) fn one_gate(&self, other: &Self) -> Option<Stops> {
        other.stops.get(self.one_gate_at(other)?).copied()
    }

    /// The place of such a flow, in the order of the walk.
    pub(super) fn one_gate_at(&self, other: &Self) -> Option<usize> {
        if self.stops.len() != other.stops.len() {
            return None;
        }
        self.stops.iter().zip(&other.stops).position(|(here, there)| here.both() && there.one())
    }

    /// Whether it lets the same pass as another one. A transport that can no longer occur is no difference by itself.
    fn lets_the_same(&self, other: &Self) -> bool {
        if self.mtls.is_some() == other.mtls.is_some() {
            return self.plaintext == other.plaintext && self.mtls == other.mtls;
        }
        self.plaintext == other.plaintext && self.best() == other.best()
    }
}

/// Whether some request passed that is stopped now, by any transport or by one of them: who speaks plaintext loses what passes over mTLS
/// alone.
pub(super) fn loses(before: &Access, after: &Access) -> bool {
    let is_lost = |(old, new): (&Said, &Said)| (*old, *new) == (Said::Allowed, Said::Denied);
    let over = |transport: Transport| {
        let (old, new) = (before.over(transport), after.over(transport));
        old.zip(new).is_some_and(|(old, new)| old.iter().zip(new).any(is_lost))
    };
    before.best().iter().zip(&after.best()).any(is_lost) || over(Transport::Plaintext) || over(Transport::Mtls)
}

/// Whether it is left open of some request whether it passes, by some transport.
pub(super) fn leaves_open(access: &Access) -> bool {
    [&access.plaintext, &access.mtls].into_iter().flatten().flatten().any(|said| *said == Said::Unspecified)
}

/// Whether a request that passed over one transport alone passes over the other alone: who speaks the one loses what who speaks the other
/// gains.
fn swaps(before: &Access, after: &Access) -> bool {
    let [(Some(old_mtls), Some(old_plaintext)), (Some(new_mtls), Some(new_plaintext))] =
        [before, after].map(|access| (&access.mtls, &access.plaintext))
    else {
        return false;
    };
    let passes = |said: &Said| *said == Said::Allowed;
    let old = old_mtls.iter().zip(old_plaintext).map(|(mtls, plaintext)| [passes(mtls), passes(plaintext)]);
    let new = new_mtls.iter().zip(new_plaintext).map(|(mtls, plaintext)| [passes(mtls), passes(plaintext)]);
    old.zip(new).any(|sides| matches!(sides, ([true, false], [false, true]) | ([false, true], [true, false])))
}

/// How what passes has changed.
pub(super) fn nature(before: &Access, after: &Access, requests: &[Option<Request>]) -> Nature {
    let (old, new) = (before.best(), after.best());
    let pairs: Vec<(Said, Said)> = old.iter().copied().zip(new.iter().copied()).collect();
    let has = |from: &dyn Fn(Said) -> bool, to: &dyn Fn(Said) -> bool| pairs.iter().any(|(old, new)| from(*old) && to(*new));
    let (passes, fails) = (|said: Said| said == Said::Allowed, |said: Said| said != Said::Allowed);
    let dropped = dropped_tokens(&old, &new, requests);
    let found = [
        (Mark::Gained, has(&fails, &passes) || swaps(before, after)),
        (Mark::Lost, has(&passes, &fails) || swaps(before, after)),
        (Mark::PlaintextToo, opens_plaintext(before, after)),
        (Mark::MtlsOnly, opens_plaintext(after, before)),
        (Mark::MtlsToo, opens_mtls(before, after)),
        (Mark::TokenDropped, !dropped.is_empty()),
        (Mark::MoreRequests, gains_more(&old, &new, requests, &dropped)),
        (Mark::Unspecified, has(&|said| said != Said::Unspecified, &|said| said == Said::Unspecified)),
        (Mark::OneGate, before.one_gate(after).is_some()),
        (Mark::BothGates, after.one_gate(before).is_some()),
        (Mark::SomeBefore, old.contains(&Said::Allowed)),
        (Mark::SomeAfter, new.contains(&Said::Allowed)),
    ];
    Nature(found.into_iter().filter(|(_, holds)| *holds).map(|(mark, _)| mark).collect())
}

/// What has become of a request: what was said of it and what is, and where that is the same, how it has to be sent.
pub(super) type Turn = (Said, Said, Option<Mark>);

/// What has become of requests.
pub(super) fn turns(before: &Access, after: &Access, requests: &[Option<Request>]) -> BTreeSet<Turn> {
    let (old, new) = (before.best(), after.best());
    let turns: BTreeSet<_> = old.into_iter().zip(new).filter(|(old, new)| old != new).map(|(old, new)| (old, new, None)).collect();
    if !turns.is_empty() {
        return turns;
    }
    let nature = nature(before, after, requests);
    let marks = [Mark::PlaintextToo, Mark::MtlsOnly, Mark::MtlsToo, Mark::OneGate, Mark::BothGates];
    marks.into_iter().filter(|mark| nature.has(*mark)).map(|mark| (Said::Denied, Said::Denied, Some(mark))).collect()
}

/// Whether a request passes in plaintext now that passed before over mTLS alone.
fn opens_plaintext(before: &Access, after: &Access) -> bool {
    let (Some(mtls), Some(plaintext)) = (&before.mtls, &after.plaintext) else { return false };
    let old = |at: usize| before.plaintext.as_ref().and_then(|said| said.get(at)).is_some_and(|said| *said == Said::Allowed);
    mtls.iter().zip(plaintext).enumerate().any(|(at, (mtls, plaintext))| *mtls == Said::Allowed && *plaintext == Said::Allowed && !old(at))
}

/// Whether a request passes over mTLS now that passed for sure in plaintext alone, and still does. Who is outside of the mesh gains nothing by that,
/// but a client that was told to speak mTLS does.
fn opens_mtls(before: &Access, after: &Access) -> bool {
    let (Some(old), Some(new)) = (&before.mtls, &after.mtls) else { return false };
    let passes = |said: &Option<Vec<Said>>, at: usize| said.as_ref().and_then(|said| said.get(at)) == Some(&Said::Allowed);
    let in_plaintext = |at: usize| passes(&before.plaintext, at) && passes(&after.plaintext, at);
    old.iter().zip(new).enumerate().any(|(at, (old, new))| *old != Said::Allowed && *new == Said::Allowed && in_plaintext(at))
}

/// The requests that pass without a token now and passed before with a valid token alone.
fn dropped_tokens<'r>(old: &[Said], new: &[Said], requests: &'r [Option<Request>]) -> HashSet<Bare<'r>> {
    let all = || requests.iter().zip(old.iter().zip(new)).filter_map(|(request, said)| Some((request.as_ref()?, said)));
    let gains = |(request, (old, new)): &(&Request, (&Said, &Said))| {
        request.token == Token::None && **old != Said::Allowed && **new == Said::Allowed
    };
    let without: HashSet<Bare<'_>> = all().filter(gains).map(|(request, _)| bare(request)).collect();
    if without.is_empty() {
        return without;
    }
    let had = |(request, (old, _)): &(&Request, (&Said, &Said))| matches!(request.token, Token::Valid { .. }) && **old == Said::Allowed;
    all().filter(had).map(|(request, _)| bare(request)).filter(|request| without.contains(request)).collect()
}

/// Whether a request passes that did not, others than those that no longer need a token.
fn gains_more(old: &[Said], new: &[Said], requests: &[Option<Request>], dropped: &HashSet<Bare<'_>>) -> bool {
    let is_dropped = |request: &Option<Request>| request.as_ref().is_some_and(|request| dropped.contains(&bare(request)));
    let gains = |(old, new): (&Said, &Said)| *old != Said::Allowed && *new == Said::Allowed;
    requests.iter().zip(old.iter().zip(new)).any(|(request, said)| gains(said) && !is_dropped(request))
}

/// A request, whatever its token.
type Bare<'r> = (&'r Symbol, &'r Symbol, &'r Symbol, &'r Labels);

fn bare(request: &Request) -> Bare<'_> {
    let Request { method, path, host, headers, .. } = request;
    (method, path, host, headers)
}
