//! Couplings that a line accepts, as places where two programs may differ.
//!
//! Owns: `accepted`, and what is said of a coupling that has come, has gone, or grants something else.

use super::intents::Intents;
use super::seeds::{Region, Seed, Why};
use super::side::Which;
use crate::flow::Peers;
use crate::ir::Rule;
use crate::verify::AcceptedRegion;

/// An accepted coupling, and the flows that it may let in.
pub(super) struct Accepted<'p> {
    /// The rule whose line accepts it.
    pub(super) admitted: &'p Rule,
    /// The rule whose grants its callers get.
    pub(super) granted: &'p Rule,
    pub(super) region: AcceptedRegion,
}

/// Where either side accepts that more gets in than its lines say. What it comes from is told as the head has it, where it has it too.
pub(super) fn accepted(old: &Intents<'_>, new: &Intents<'_>) -> Vec<Seed> {
    let (base, head) = (old.accepted(), new.accepted());
    let why_now = |now: &Accepted<'_>| now.why(now.likest(&base));
    let of_base = base.iter().map(|own| own.seed(Which::Base, own.likest(&head).map_or_else(|| own.why_gone(), why_now)));
    let of_head = head.iter().map(|own| own.seed(Which::Head, why_now(own)));
    of_base.chain(of_head).collect()
}

impl<'p> Accepted<'p> {
    fn seed(&self, which: Which, why: Why) -> Seed {
        let AcceptedRegion { source, destination, ports, .. } = &self.region;
        let region = Region { source: source.clone(), destination: Peers::from(destination.clone()), ports: ports.clone(), why };
        Seed::Region(which, Box::new(region))
    }

    /// The one of the other side that this one most likely was, or has become.
    fn likest<'a>(&self, others: &'a [Accepted<'p>]) -> Option<&'a Accepted<'p>> {
        let meets = |other: &&Accepted<'_>| {
            other.region.destination.overlaps(&self.region.destination) && other.region.source.overlaps(&self.region.source)
        };
        others.iter().filter(meets).min_by_key(|other| (other.admitted.text != self.admitted.text, other.granted.text != self.granted.text))
    }

    /// Of one of the head, with what it was. The place is that of the rule that is another one.
    fn why(&self, was: Option<&Accepted<'_>>) -> Why {
        let text = format!("`{}` accepts that its callers get what `{}` grants", self.admitted.text, self.granted.text);
        match was.filter(|was| was.admitted.text == self.admitted.text && was.granted.text != self.granted.text) {
            Some(was) => Why { text: format!("{text} (was `{}`)", was.granted.text), location: Some((Which::Head, self.granted.location)) },
            None => Why { text, location: Some((Which::Head, self.admitted.location)) },
        }
    }

    /// Of one that only the base has.
    fn why_gone(&self) -> Why {
        let text = format!("`{}` accepted that its callers get what `{}` grants; they no longer do", self.admitted.text, self.granted.text);
        Why { text, location: Some((Which::Base, self.admitted.location)) }
    }
}
