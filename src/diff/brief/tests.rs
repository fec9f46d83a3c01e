//! That what is told holds all that changes, and nothing of which it is not true.

use std::collections::BTreeSet;

use super::*;
use crate::diff::differing::Differing;
use crate::diff::kind::kind;
use crate::diff::programs::Groups;
use crate::diff::side::Both;
use crate::diff::walk::Found;
use crate::diff::yaml::{Yaml, names, read};
use crate::flow::{Labels, Peer};

const BESIDE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}\n";

/// Numbers that look as if nobody had chosen them.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }

    /// Two of four labels at most.
    fn labels(&mut self, least: u64) -> String {
        let keys: BTreeSet<u64> = (0..least.max(self.roll(3))).map(|_| self.roll(4)).collect();
        let all: Vec<String> = keys.iter().map(|key| format!("k{key}: a")).collect();
        format!("{{matchLabels: {{{}}}}}", all.join(", "))
    }

    /// Labels, or that one of them is missing.
    fn expression(&mut self) -> String {
        let labels = self.labels(1);
        let lacking = self.one_of(&[
            "",
            "",
            "matchExpressions: [{key: k3, operator: DoesNotExist}], ",
            "matchExpressions: [{key: k2, operator: NotIn, values: [a]}], ",
        ]);
        labels.replacen('{', &format!("{{{lacking}"), 1)
    }

    fn policy(&mut self, name: usize) -> String {
        let subject = self.expression();
        let (own, other, ports) = (self.labels(1), self.labels(0), self.one_of(&["", ", ports: [{port: 80}]", ", ports: [{port: 81}]"]));
        let (kind, spec) = match self.roll(5) {
            0 | 1 => (
                "NetworkPolicy",
                format!("podSelector: {subject}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {other}}}]{ports}}}]"),
            ),
            2 => (
                "NetworkPolicy",
                format!("podSelector: {subject}, policyTypes: [Egress], egress: [{{to: [{{podSelector: {other}}}]{ports}}}]"),
            ),
            3 => ("AuthorizationPolicy", format!("selector: {own}, rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]")),
            _ => (
                "AuthorizationPolicy",
                format!(
                    "selector: {own}, action: DENY, rules: [{{from: [{{source: {{namespaces: [shop]}}}}], to: [{{operation: {{ports: ['80']}}}}]}}]"
                ),
            ),
        };
        let group = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
        format!("---\n{{apiVersion: {group}, kind: {kind}, metadata: {{name: p{name}, namespace: shop}}, spec: {{{spec}}}}}\n")
    }
}

fn found(pair: &Pair<'_>, (keys, shows): (usize, Shows<'_>), differ: fn(&Access, &Access) -> bool) -> Found {
    let seeds = sown(vec![Seed::Namespace("shop".into())], None::<Policies<'_>>, pair);
    let found = walk_where(pair, None, &seeds, &Wanted { keys, shows, differ, quota: Quota::LARGE, ..Wanted::any() });
    assert!(found.incomplete.is_empty());
    found
}

fn told(pair: &Pair<'_>, (keys, shows): (usize, Shows<'_>)) -> Vec<(Key, Brief)> {
    let found = found(pair, (keys, shows), |before, after| !before.is_same(after));
    let words = Words::default();
    let teller = Teller { pair, words: &words, few: &found.few, keys, asked: MAX_ASKED, shows };
    let mut groups = Groups::new();
    for cell in found.cells {
        let kind = kind(pair, &cell, &nature(&cell.before, &cell.after, &cell.requests));
        groups.entry(key(pair, &words, &cell, BTreeSet::new())).or_default().push((cell, kind));
    }
    let of =
        |(key, cells): (Key, Vec<_>)| briefly(teller, &key, &cells).into_iter().map(move |brief| (key.clone(), brief)).collect::<Vec<_>>();
    groups.into_iter().flat_map(of).collect()
}

fn holds(region: &Region, cell: &Cell) -> bool {
    region.source.contains(cell.caller.of(Which::Head))
        && region.destination.contains(cell.target.of(Which::Head))
        && region.ports.contains(cell.protocol, cell.port)
}

/// Whether the pods of a class have these labels.
fn has([source, destination]: &[LabelCube; 2], cell: &Cell) -> bool {
    let labels = |end: &Both| match end.of(Which::Head) {
        Peer::Pod(pod) => pod.labels.clone(),
        Peer::Address(_) => Labels::new(),
    };
    source.contains(&labels(&cell.caller)) && destination.contains(&labels(&cell.target))
}

/// Among pods of few labels all is found that is found among all of them, and nothing is told of others that is not so.
#[test]
fn what_is_told_of_few_labels_holds_all_that_changes() {
    let (mut wide, mut apart) = (0, 0);
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let others: String = (0..5).map(|name| dice.policy(name)).collect();
        let changed = [0, 1].map(|_| dice.policy(9));
        let [old, new] = changed.each_ref().map(|policy| format!("{BESIDE}{others}{policy}"));
        let (base, head) = (read(&old), read(&new));
        let known = names([&base, &head]);
        let (left, right) = (Yaml::new(&base, known.clone()), Yaml::new(&head, known));
        let pair = Pair::new(&left, &right);
        let differing = Differing::new(Some(vec![changed.each_ref().map(|policy| vec![policy.as_str()])]), base.platform());
        let all = found(&pair, (usize::MAX, Shows::Difference), |_, _| true).cells;
        let is_changed = |cell: &&Cell| !cell.before.is_same(&cell.after);
        for how in [(0, Shows::Difference), (0, Shows::Step(&differing)), (usize::MAX, Shows::Difference)] {
            let told = told(&pair, how);
            for cell in all.iter().filter(is_changed) {
                assert!(told.iter().any(|(_, brief)| holds(&brief.region, cell)), "{seed}: {cell:#?}\n{old}\n{new}");
            }
            for (key, Brief { region, extent, rest }) in &told {
                if let Some(rest) = rest {
                    let named: Vec<bool> =
                        all.iter().filter(|cell| holds(region, cell) && has(rest, cell)).map(|cell| !is_changed(&cell)).collect();
                    // Of pods that were not looked at, those of more labels, nothing is said.
                    let is_apart = match (extent, how.0) {
                        (Extent::Part, usize::MAX) => !named.is_empty() && named.iter().all(|is_same| *is_same),
                        (Extent::Part, _) => named.contains(&true),
                        _ => !named.is_empty() && *extent == Extent::Mixed,
                    };
                    assert!(is_apart, "{seed}: {rest:?} of {region:?}\n{old}\n{new}");
                    apart += 1;
                }
                if *extent == Extent::Mixed {
                    continue;
                }
                let inside: Vec<&Cell> = all.iter().filter(|cell| holds(region, cell)).collect();
                let is_whole = inside.iter().all(is_changed);
                assert!(*extent == Extent::Part || is_whole, "{seed}: {region:?}\n{old}\n{new}");
                let passes = |cell: &&Cell| match (key.before.as_str(), key.after.as_str()) {
                    ("denied", _) => !cell.after.is_denied(),
                    (_, "denied") => !cell.before.is_denied(),
                    _ => true,
                };
                assert!(inside.iter().all(passes), "{seed}: {key:?} {region:?}\n{old}\n{new}");
                wide += usize::from(!is_whole);
            }
        }
    }
    assert!(wide > 20 && apart > 20, "{wide} regions hold more than what changes; of {apart} it is said by whom");
}
