//! How what a state lets through lies to what both sides let through.
//!
//! Owns: `Bounds`, and what follows from them for whole flows.

use crate::diff::side::Said;

/// How what a state lets through lies to what the sides let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Nothing more than the base, than the head.
    no_more: [bool; 2],
    /// Nothing less.
    no_less: [bool; 2],
}

impl Bounds {
    /// Just what either side lets through.
    pub(super) const ALL: Self = Self { no_more: [true; 2], no_less: [true; 2] };
    /// Nothing is known.
    pub(super) const NONE: Self = Self { no_more: [false; 2], no_less: [false; 2] };

    /// The same as the base lets through, as the head does.
    pub(super) const fn same(sides: [bool; 2]) -> Self {
        Self { no_more: sides, no_less: sides }
    }

    /// Both of two ends.
    pub(super) fn and(self, other: Self) -> Self {
        Self { no_more: both(self.no_more, other.no_more), no_less: both(self.no_less, other.no_less) }
    }

    /// One end, of which this is known and that.
    pub(super) fn or(self, other: Self) -> Self {
        Self { no_more: either(self.no_more, other.no_more), no_less: either(self.no_less, other.no_less) }
    }

    /// Whether flows between such ends cannot be against both sides.
    pub(super) fn settle(self) -> bool {
        self.no_more.contains(&true) && self.no_less.contains(&true)
    }

    /// The same, if a flow passes so in the state and so on the sides.
    pub(super) fn with(self, now: Said, sides: [Said; 2]) -> Self {
        self.and(Self { no_more: sides.map(|side| now <= side), no_less: sides.map(|side| now >= side) })
    }
}

fn both(one: [bool; 2], other: [bool; 2]) -> [bool; 2] {
    let ([base, head], [old, new]) = (one, other);
    [base && old, head && new]
}

fn either(one: [bool; 2], other: [bool; 2]) -> [bool; 2] {
    let ([base, head], [old, new]) = (one, other);
    [base || old, head || new]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: [Said; 3] = [Said::Denied, Said::Unspecified, Said::Allowed];

    /// What base, state and head say, at each of two ends over each of two transports.
    fn every() -> impl Iterator<Item = [Said; 12]> {
        (0..3_usize.pow(12)).map(|number| std::array::from_fn(|place| SAID[number / 3_usize.pow(u32::try_from(place).unwrap()) % 3]))
    }

    /// Whether a state is against both sides, by what whole flows do.
    fn is_against(said: &[Said; 12]) -> bool {
        let flow = |transport: usize, who: usize| said[transport * 3 + who].min(said[6 + transport * 3 + who]);
        let wrong = |[base, now, head]: [Said; 3]| {
            (base == Said::Denied && head == Said::Denied && now != Said::Denied)
                || (base == Said::Allowed && head == Said::Allowed && now != Said::Allowed)
        };
        let over = |transport: usize| [0, 1, 2].map(|who| flow(transport, who));
        let best = [0, 1, 2].map(|who| flow(0, who).max(flow(1, who)));
        wrong(over(0)) || wrong(over(1)) || wrong(best)
    }

    #[test]
    fn ends_settle_no_flow_that_is_against_both_sides() {
        let bounds = |end: &[Said]| end.chunks(3).fold(Bounds::ALL, |bounds, of| bounds.with(of[1], [of[0], of[2]]));
        let (mut settled, mut against) = (0, 0);
        for said in every() {
            let is_settled = bounds(&said[..6]).and(bounds(&said[6..])).settle();
            let is_against = is_against(&said);
            assert!(!(is_settled && is_against), "{said:?}");
            settled += usize::from(is_settled);
            against += usize::from(is_against);
        }
        assert!(settled > 1000 && against > 1000);
    }

    #[test]
    fn what_is_known_of_one_end_alone_settles_nothing() {
        let more = Bounds::ALL.with(Said::Allowed, [Said::Denied, Said::Denied]);
        assert!(!more.settle() && !more.and(Bounds::ALL).settle() && !Bounds::NONE.and(Bounds::ALL).settle());
        assert!(Bounds::NONE.or(Bounds::ALL).settle());
    }
}
