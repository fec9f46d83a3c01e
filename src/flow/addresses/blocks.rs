//! The fewest blocks and exceptions that say an address set.
//!
//! Owns: `AddressBlock` and the search for it. It must not change the set by a single address.
//!
//! The search is a small dynamic program over the binary trie of the set's boundaries. At every node it knows the cost of the
//! part below in two states: where nothing covers the node yet, and where a block from above covers it. Nested blocks that
//! both cover one place never pay off, since what is outside the set would be cut out of each.

use super::{AddressSet, Family, Prefix};

/// A block and the blocks cut out of it, as in an `ipBlock` of a `NetworkPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock {
    /// The block.
    pub prefix: Prefix,
    /// What is not in it: disjoint blocks, each strictly inside the prefix, ascending.
    pub except: Vec<Prefix>,
}

impl AddressBlock {
    /// How many blocks say it: itself and those that it leaves out.
    pub const fn entries(&self) -> usize {
        1 + self.except.len()
    }
}

/// The part of the set below one prefix.
enum Node {
    Empty,
    Full,
    Mixed(Box<Mixed>),
}

struct Mixed {
    low: Node,
    high: Node,
    /// Entries needed below both halves where nothing covers them.
    bare: usize,
    /// Entries needed below both halves where one block covers both.
    covered: usize,
}

impl Mixed {
    fn new(low: Node, high: Node) -> Self {
        let (bare, covered) = (low.bare() + high.bare(), low.covered() + high.covered());
        Self { low, high, bare, covered }
    }

    /// Whether a block for the whole node is cheaper than one or more for each half.
    fn opens(&self) -> bool {
        1 + self.covered < self.bare
    }

    /// Whether it is cheaper to cut the whole node out of the covering block and start anew inside.
    fn cuts(&self) -> bool {
        1 + self.bare < self.covered
    }
}

impl Node {
    fn bare(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Full => 1,
            Self::Mixed(mixed) => mixed.bare.min(1 + mixed.covered),
        }
    }

    fn covered(&self) -> usize {
        match self {
            Self::Empty => 1,
            Self::Full => 0,
            Self::Mixed(mixed) => mixed.covered.min(1 + mixed.bare),
        }
    }
}

/// The blocks of the set, ascending, IPv4 first.
pub(super) fn fewest(set: &AddressSet) -> Vec<AddressBlock> {
    let ranges: Vec<(Family, u128, u128)> = set.ranges().collect();
    let (v4, v6) = ranges.split_at(ranges.partition_point(|(family, _, _)| *family == Family::V4));
    let mut blocks = Vec::new();
    for (family, ranges) in [(Family::V4, v4), (Family::V6, v6)] {
        let whole = Prefix::whole(family);
        bare(&grow(whole, ranges), whole, &mut blocks);
    }
    blocks.sort_unstable();
    blocks
}

/// The trie below a prefix; `ranges` are those that meet it.
fn grow(prefix: Prefix, ranges: &[(Family, u128, u128)]) -> Node {
    let (first, last) = prefix.range();
    let Some((_, low, high)) = ranges.first() else { return Node::Empty };
    if *low <= first && last <= *high {
        return Node::Full;
    }
    // One address is either in a range or not, so a prefix that is neither full nor empty has halves.
    let Some((lower, upper)) = prefix.halves() else { return Node::Empty };
    let split = upper.range().0;
    let below = ranges.partition_point(|(_, low, _)| *low < split);
    let above = ranges.partition_point(|(_, _, high)| *high < split);
    let low = grow(lower, ranges.get(..below).unwrap_or_default());
    let high = grow(upper, ranges.get(above..).unwrap_or_default());
    Node::Mixed(Box::new(Mixed::new(low, high)))
}

/// Says a part that nothing covers.
fn bare(node: &Node, prefix: Prefix, blocks: &mut Vec<AddressBlock>) {
    match (node, prefix.halves()) {
        (Node::Empty, _) | (Node::Mixed(_), None) => {}
        (Node::Full, _) => blocks.push(AddressBlock { prefix, except: Vec::new() }),
        (Node::Mixed(mixed), Some((lower, upper))) if mixed.opens() => {
            let mut block = AddressBlock { prefix, except: Vec::new() };
            covered(&mixed.low, lower, &mut block, blocks);
            covered(&mixed.high, upper, &mut block, blocks);
            blocks.push(block);
        }
        (Node::Mixed(mixed), Some((lower, upper))) => {
            bare(&mixed.low, lower, blocks);
            bare(&mixed.high, upper, blocks);
        }
    }
}

/// Says a part that `block` covers.
fn covered(node: &Node, prefix: Prefix, block: &mut AddressBlock, blocks: &mut Vec<AddressBlock>) {
    match (node, prefix.halves()) {
        (Node::Full, _) | (Node::Mixed(_), None) => {}
        (Node::Empty, _) => block.except.push(prefix),
        (Node::Mixed(mixed), Some((lower, upper))) if mixed.cuts() => {
            block.except.push(prefix);
            bare(&mixed.low, lower, blocks);
            bare(&mixed.high, upper, blocks);
        }
        (Node::Mixed(mixed), Some((lower, upper))) => {
            covered(&mixed.low, lower, block, blocks);
            covered(&mixed.high, upper, block, blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    fn set(text: &str) -> AddressSet {
        text.split_whitespace().map(prefix).collect()
    }

    /// What the blocks say, block by block and by nothing but addition and subtraction.
    fn said(blocks: &[AddressBlock]) -> AddressSet {
        let one = |block: &AddressBlock| AddressSet::from(block.prefix).subtract(&block.except.iter().copied().collect());
        blocks.iter().fold(AddressSet::none(), |sum, block| sum.union(&one(block)))
    }

    fn entries(blocks: &[AddressBlock]) -> usize {
        blocks.iter().map(AddressBlock::entries).sum()
    }

    fn shown(blocks: &[AddressBlock]) -> Vec<String> {
        let entries = |block: &AddressBlock| [block.prefix].iter().chain(&block.except).map(Prefix::to_string).collect::<Vec<_>>();
        blocks.iter().map(|block| entries(block).join(" - ")).collect()
    }

    /// The eight eighths of IPv4, of which bit n of the mask takes the n-th.
    fn eighths(mask: u32) -> AddressSet {
        (0..8_u128).filter(|at| mask >> at & 1 == 1).map(|at| Prefix::cut(Family::V4, at << 29, 3)).collect()
    }

    /// Every mask that an aligned run of eighths can be.
    fn aligned() -> Vec<u32> {
        let runs = |len: u32| (0..8 / len).map(move |at| ((1 << len) - 1) << (at * len));
        [8, 4, 2, 1].into_iter().flat_map(runs).collect()
    }

    /// For each mask the fewest of `pieces` (mask and price) whose union it is, by trying unions until nothing gets cheaper.
    fn cheapest(pieces: &[(u32, usize)]) -> Vec<usize> {
        let mut price = vec![usize::MAX; 256];
        price[0] = 0;
        loop {
            let before = price.clone();
            for (mask, cost) in pieces {
                for have in 0..256_usize {
                    let with = have | *mask as usize;
                    price[with] = price[with].min(price[have].saturating_add(*cost));
                }
            }
            if price == before {
                return price;
            }
        }
    }

    /// Of blocks apart all may be left out first and what they leave out be named behind; of a block within a hole of another that would
    /// take it in again.
    #[test]
    fn what_blocks_apart_leave_out_may_be_named_behind_all_of_them() {
        let behind = |blocks: &[AddressBlock]| {
            let outer: AddressSet = blocks.iter().map(|block| block.prefix).collect();
            let inner: AddressSet = blocks.iter().flat_map(|block| &block.except).copied().collect();
            AddressSet::all().subtract(&outer).union(&inner)
        };
        let nested = set("0.0.0.0/0").subtract(&set("203.0.0.0/16")).union(&set("203.0.113.0/24"));
        assert_eq!(nested.blocks_apart(), None);
        assert_ne!(behind(&nested.blocks()), nested.complement());
        let parts =
            (0..256).map(eighths).chain(["10.0.0.0/24 172.17.0.0/24 172.17.2.0/23 172.17.4.0/22", "2001:db8::/32 10.0.0.0/8"].map(set));
        let apart: Vec<AddressSet> = parts.filter(|part| part.blocks_apart().is_some()).collect();
        assert!(apart.len() > 100);
        for part in apart {
            assert_eq!(behind(&part.blocks()), part.complement(), "{part:?}");
        }
    }

    #[test]
    fn no_way_to_say_eight_parts_is_shorter() {
        let plain: Vec<(u32, usize)> = aligned().into_iter().map(|run| (run, 1)).collect();
        let cuts = cheapest(&plain);
        // A block may cut out anything strictly inside it, at the price of the prefixes that say it.
        let block = |run: u32| {
            let within = move |cut: &u32| cut & !run == 0 && *cut != run;
            let cuts = &cuts;
            (0..256_u32).filter(within).map(move |cut| (run & !cut, 1 + cuts[cut as usize]))
        };
        let pieces: Vec<(u32, usize)> = aligned().into_iter().flat_map(block).collect();
        let fewest = cheapest(&pieces);
        for mask in 0..256_u32 {
            let blocks = eighths(mask).blocks();
            assert_eq!(said(&blocks), eighths(mask));
            assert_eq!(entries(&blocks), fewest[mask as usize], "{mask:08b}: {:?}", shown(&blocks));
        }
    }

    #[test]
    fn cuts_come_back_as_they_were_made() {
        let public = set("0.0.0.0/0").subtract(&set("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"));
        assert_eq!(shown(&public.blocks()), ["0.0.0.0/0 - 10.0.0.0/8 - 172.16.0.0/12 - 192.168.0.0/16"]);
        let again = public.union(&set("10.1.0.0/16"));
        let expected = ["0.0.0.0/0 - 10.0.0.0/8 - 172.16.0.0/12 - 192.168.0.0/16", "10.1.0.0/16"];
        assert_eq!(shown(&again.blocks()), expected);
        let office = set("203.0.113.0/24 2001:db8:1::/48").subtract(&set("203.0.113.128/27"));
        assert_eq!(shown(&office.blocks()), ["203.0.113.0/24 - 203.0.113.128/27", "2001:db8:1::/48"]);
    }

    #[test]
    fn the_plainest_of_equally_short_answers() {
        let half = set("10.0.0.0/8").subtract(&set("10.0.0.0/9"));
        assert_eq!(shown(&half.blocks()), ["10.128.0.0/9"]);
        assert_eq!(shown(&set("10.0.0.0/9 10.192.0.0/10").blocks()), ["10.0.0.0/9", "10.192.0.0/10"]);
    }

    #[test]
    fn edges_of_both_families() {
        assert!(AddressSet::none().blocks().is_empty());
        assert_eq!(shown(&AddressSet::all().blocks()), ["0.0.0.0/0", "::/0"]);
        let tips = set("0.0.0.0 255.255.255.255 :: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(entries(&tips.blocks()), 4);
        let without = AddressSet::all().subtract(&tips);
        assert_eq!(shown(&without.blocks())[0], "0.0.0.0/0 - 0.0.0.0/32 - 255.255.255.255/32");
        assert_eq!(said(&without.blocks()), without);
    }

    fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
        let v4 = (any::<u32>(), 0_u8..=32).prop_map(|(bits, len)| Prefix::cut(Family::V4, u128::from(bits), len));
        let near = (0_u32..64, 26_u8..=32).prop_map(|(bits, len)| Prefix::cut(Family::V4, u128::from(0x0a00_0000 | bits), len));
        let v6 = (any::<u128>(), 0_u8..=128).prop_map(|(bits, len)| Prefix::cut(Family::V6, bits, len));
        prop::collection::vec(prop_oneof![v4, near, v6], 0..10)
    }

    proptest! {
        #[test]
        fn blocks_say_the_set_and_keep_the_rules(add in prefixes(), cut in prefixes()) {
            let set: AddressSet = add.into_iter().collect::<AddressSet>().subtract(&cut.into_iter().collect());
            let blocks = set.blocks();
            prop_assert_eq!(&said(&blocks), &set);
            prop_assert!(entries(&blocks) <= set.prefixes().len());
            prop_assert!(blocks.is_sorted());
            for block in &blocks {
                prop_assert!(block.except.iter().all(|cut| block.prefix.covers(cut) && *cut != block.prefix));
                prop_assert!(block.except.windows(2).all(|pair| pair[0].range().1 < pair[1].range().0));
            }
        }
    }
}
