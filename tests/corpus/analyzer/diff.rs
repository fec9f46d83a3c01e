//! Differences between two folders: `diff-type: changed, source: .., destination: .., ref1: .., ref2: ..`, as text or CSV.
//!
//! Owns: those two forms. A line says what either side lets pass; pairs without a line must have the same on both sides.

use twogate::flow::{Protocol, Verdict};

use super::Entry;
use crate::corpus::case::Comparison;
use crate::corpus::connections::{Named, granted};
use crate::corpus::expectation::{Claim, Granted, Side, different_owners, port_classes};
use crate::corpus::judge::{Judge, count};
use crate::corpus::manifests::{self};
use crate::corpus::world::{End, World};

/// One line.
#[derive(Debug)]
struct Line {
    from: Named,
    to: Named,
    /// What the first folder lets pass.
    before: Granted,
    /// What the second does.
    after: Granted,
}

/// Holds each expected file against the evaluator.
pub(super) fn ask(entry: &Entry<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    for file in entry.expected() {
        let text = manifests::text(&file).1;
        let lines = if file.extension().is_some_and(|extension| extension == "csv") { csv(&text) } else { plain(&text) };
        comparison.add(hold(entry, &lines));
    }
    comparison
}

fn plain(text: &str) -> Vec<Line> {
    let field = |line: &str, name: &str| {
        let rest = line.split_once(&format!("{name}: ")).unwrap().1;
        let end = [", source: ", ", destination: ", ", ref1: ", ", ref2: ", ", workloads-diff-info: "];
        rest[..end.iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len())].to_owned()
    };
    let of_line = |line: &str| Line {
        from: Named::read(&field(line, "source")),
        to: Named::read(&field(line, "destination")),
        before: granted(&field(line, "ref1")),
        after: granted(&field(line, "ref2")),
    };
    text.lines().filter(|line| line.starts_with("diff-type:")).map(of_line).collect()
}

fn csv(text: &str) -> Vec<Line> {
    text.lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let fields = manifests::fields(line);
            Line { from: Named::read(&fields[1]), to: Named::read(&fields[2]), before: granted(&fields[3]), after: granted(&fields[4]) }
        })
        .collect()
}

fn hold(entry: &Entry<'_>, lines: &[Line]) -> Comparison {
    let (mut before, mut after) = (entry.world("dir"), entry.world("dir2"));
    let ranges: Vec<(u32, u32)> = lines.iter().flat_map(|line| [line.from.range(), line.to.range()]).flatten().collect();
    let blocks = [ranges, before.blocks.clone(), after.blocks.clone()].concat();
    before.add_addresses(&blocks);
    after.add_addresses(&blocks);
    let written = || lines.iter().flat_map(|line| [&line.before, &line.after]);
    let ports: Vec<u16> = [&before, &after].into_iter().flat_map(|world| port_classes(world, written())).collect();
    let mut names: Vec<(&str, &End)> = before.ends.iter().chain(&after.ends).map(|end| (end.name.as_str(), end)).collect();
    names.sort_by_key(|(name, _)| *name);
    names.dedup_by_key(|(name, _)| *name);
    let (first, second) = (Judge::new(&before), Judge::new(&after));
    let mut comparison = Comparison::default();
    for (from, source) in &names {
        for (to, destination) in names.iter().filter(|(_, end)| different_owners(source, end)) {
            let line = lines.iter().find(|line| line.from.holds(source) && line.to.holds(destination));
            for (protocol, port) in Protocol::ALL.into_iter().flat_map(|protocol| ports.iter().map(move |port| (protocol, *port))) {
                let here = ask_by_name(&before, &first, (from, to), (protocol, port));
                let there = ask_by_name(&after, &second, (from, to), (protocol, port));
                let sides = [(&before, here, line.map(|line| &line.before)), (&after, there, line.map(|line| &line.after))];
                hold_flow(&mut comparison, sides, (protocol, port), &format!("{from} => {to}"));
            }
        }
    }
    comparison
}

/// A claim about two names, with its answer; none if one of them is not there, and then nothing passes.
fn ask_by_name(world: &World, judge: &Judge<'_>, (from, to): (&str, &str), (protocol, port): (Protocol, u16)) -> Option<(Claim, Verdict)> {
    let find = |name: &str| world.ends.iter().position(|end| end.name == name);
    let claim = Claim { from: find(from)?, to: find(to)?, protocol, port, request: None, allowed: false };
    let verdict = judge.ask(&claim);
    Some((claim, verdict))
}

type Answer<'a> = (&'a World, Option<(Claim, Verdict)>, Option<&'a Granted>);

/// Both sides of one flow: as the line says, or the same.
fn hold_flow(comparison: &mut Comparison, sides: [Answer<'_>; 2], (protocol, port): (Protocol, u16), pair: &str) {
    let verdict = |answer: &Option<(Claim, Verdict)>| answer.as_ref().map_or(Verdict::Denied, |(_, verdict)| verdict.clone());
    let [(_, here, line), (_, there, _)] = &sides;
    if line.is_none() {
        let (here, there) = (verdict(here), verdict(there));
        match (&here, &there) {
            (Verdict::Unspecified(reason), _) | (_, Verdict::Unspecified(reason)) => comparison.leave_open(reason),
            _ => comparison.hold(here == there, || format!("{pair} {protocol:?} {port}: no line, but {here:?} became {there:?}")),
        }
        return;
    }
    for (world, answer, granted) in sides {
        let allowed = granted.is_some_and(|granted| granted.covers(protocol, port, None));
        match answer {
            Some((claim, verdict)) => count(comparison, world, &Claim { allowed, ..claim }, verdict),
            None => comparison.hold(!allowed, || format!("{pair}: one of them is not there, but its connections are")),
        }
    }
}
