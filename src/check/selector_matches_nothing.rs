//! Selectors that match no workload of the inventory: most often a slip of the pen.
//!
//! Owns: `selector-matches-nothing`, a note, and a warning where something near would match. It speaks only of namespaces that
//! the inventory describes: of others nothing is known.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::ends::{Place, Side, destination, ours, places, selectors};
use super::listed::{Listed, list};
use crate::diagnostic::{Diagnostic, Level, code, nearest};
use crate::flow::{LabelCube, PodCube, Symbol, Values};
use crate::gates::Gates;
use crate::ir::{Ownership, Policy};
use crate::source::Location;
use words::{Dictionary, Words};

/// Values of one key that are looked through for a near one.
const MAX_CANDIDATES: usize = 200;

/// A finding for every selector of a rule, a `close` or an expectation that meets no workload.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    if policy.inventory.workloads.is_empty() {
        return Vec::new();
    }
    let listed = Listed::of(policy);
    let uses = uses(policy);
    let mut words = Dictionary::default();
    let mut findings = Vec::new();
    for ((location, ..), cubes) in &uses {
        let is_lost = cubes.iter().all(|cube| listed.met(cube).next().is_none() && words.describes(&listed, cube));
        let first = cubes.first().filter(|_| is_lost);
        findings.extend(first.map(|cube| finding(policy, &listed, &mut words, *location, cube)));
    }
    findings.extend(unknown_namespaces(policy, &uses));
    findings
}

/// Selectors by place and test. One place has several of them where its statement stands for many namespaces; it is lost only
/// if all of them are.
type Uses<'a> = BTreeMap<(Location, &'a LabelCube, &'a Values), BTreeSet<&'a PodCube>>;

fn uses(policy: &Policy) -> Uses<'_> {
    let mut uses = Uses::new();
    let mut add = |location: Location, cube| {
        let cube: &PodCube = cube;
        uses.entry((location, &cube.labels, &cube.account)).or_default().insert(cube);
    };
    for place in ours(policy).flat_map(|(_, rule)| places(rule)).chain(policy.expectations.iter().flat_map(expected)) {
        for cube in selectors(place.end) {
            add(place.location, cube);
        }
    }
    let ours = |name: &Symbol| policy.namespace(name).is_some_and(|namespace| namespace.ownership == Ownership::Managed);
    for close in policy.closes.iter().filter(|close| ours(&close.namespace)) {
        for cube in close.pods.cubes() {
            add(close.location, cube);
        }
    }
    uses
}

/// The ends of an expectation: a selector that matches nothing makes it hold for no reason.
fn expected(expectation: &crate::ir::Expectation) -> impl Iterator<Item = Place<'_>> {
    let source = Place { side: Side::Source, end: &expectation.source, location: expectation.location };
    std::iter::once(source).chain(expectation.targets.iter().map(destination))
}

fn finding<'a>(policy: &'a Policy, listed: &Listed<'a>, words: &mut Dictionary<'a>, location: Location, cube: &'a PodCube) -> Diagnostic {
    let message = match cube.account.single() {
        Some(account) if cube.labels.is_all() => format!("no workload of the inventory runs as `{account}`"),
        _ => format!("`{}` matches no workload of the inventory", cube.labels),
    };
    let finding = Diagnostic::new(code::SELECTOR_MATCHES_NOTHING, location, message).label("matches nothing that is known");
    let finding = match cube.namespace_names() {
        Some([name]) => {
            let known = policy.inventory.workloads_in(name);
            finding.note(format!("the inventory has {} in namespace `{name}`", list(known)))
        }
        _ => finding.note("the inventory describes each of these namespaces"),
    };
    match near(listed, words.of(policy, cube), cube) {
        Some(near) => finding.at_level(Level::Warning).help(format!("did you mean `{}`? {} would match", near.written, near.met)),
        None => finding.help("correct the selector, or leave it if its pods come later"),
    }
}

/// A slip that would explain a selector without pods.
struct Near {
    /// What stands in the place of one test.
    written: String,
    /// What would match then, in words.
    met: String,
}

/// The nearest selector that meets something: another account, another value of a key, or the same value of another key.
fn near(listed: &Listed<'_>, words: &Words<'_>, cube: &PodCube) -> Option<Near> {
    if let Some(account) = cube.account.single() {
        let near = nearest(account, words.accounts.iter().copied().take(MAX_CANDIDATES))?;
        let met = list(listed.met(&PodCube { account: Values::one(near.into()), ..cube.clone() }));
        return (!met.is_empty()).then(|| Near { written: format!("as {near}"), met });
    }
    let tests = cube.labels.iter().filter_map(|(key, values)| Some((key, values.finite()?)));
    let mut written = tests.flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
    written.find_map(|(key, value)| {
        let mut slips = words.near_value(key, value).into_iter().chain(words.same_value(key, value));
        slips.find_map(|(other, word)| replaced(listed, cube, key, other, word))
    })
}

/// The selector with one test replaced, if it meets something then.
fn replaced(listed: &Listed<'_>, cube: &PodCube, key: &Symbol, other: &str, word: &str) -> Option<Near> {
    let labels = cube.labels.clone().replaced(key, Values::any()).with(other.into(), Values::one(word.into()));
    let met = list(listed.met(&PodCube { labels, ..cube.clone() }));
    (!met.is_empty()).then(|| Near { written: format!("{other}={word}"), met })
}

/// Namespaces behind `@` that nothing knows, though the inventory lists namespaces, and that are near one that is known.
fn unknown_namespaces(policy: &Policy, uses: &Uses<'_>) -> Vec<Diagnostic> {
    if policy.inventory.namespaces.is_empty() {
        return Vec::new();
    }
    let known = |name: &str| policy.namespaces.contains_key(name) || !policy.inventory.workloads_in(name).is_empty();
    let named = |cube: &PodCube| cube.namespace_names().unwrap_or_default().to_vec();
    let mut strange: BTreeMap<Symbol, BTreeSet<Location>> = BTreeMap::new();
    for ((location, ..), cubes) in uses {
        for name in cubes.iter().flat_map(|cube| named(cube)).filter(|name| !known(name)) {
            strange.entry(name).or_default().insert(*location);
        }
    }
    let near = |name: &str| nearest(name, policy.namespaces.keys().map(|name| &**name));
    let slips = strange.iter().filter_map(|(name, places)| Some((name, near(name)?, places)));
    slips.flat_map(|(name, near, places)| places.iter().map(|location| unknown_namespace(*location, name, near))).collect()
}

fn unknown_namespace(location: Location, name: &str, near: &str) -> Diagnostic {
    Diagnostic::new(code::SELECTOR_MATCHES_NOTHING, location, format!("namespace `{name}` is neither declared nor in the inventory"))
        .at_level(Level::Warning)
        .label("selects pods of a namespace that nothing knows")
        .help(format!("did you mean `@{near}`?"))
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    const CODE: &str = "selector-matches-nothing";

    fn shop() -> String {
        [deployment("shop", "cart", "app: cart", ""), deployment("shop", "web", "app.kubernetes.io/name: web", "")].join("---\n")
    }

    fn found(text: &str) -> Vec<String> {
        Program::of(text).inventory(&shop()).found(CODE)
    }

    #[test]
    fn a_near_value_is_a_warning() {
        let program = Program::of("namespace shop\nallow app=carts -> app=cart:80\n").inventory(&shop());
        assert_eq!(program.found(CODE), ["warning selector-matches-nothing `app=carts`"]);
        assert_eq!(program.helps(CODE), ["did you mean `app=cart`? Deployment `cart` would match"]);
    }

    #[test]
    fn the_same_value_of_another_key_is_a_warning() {
        let program = Program::of("namespace shop\nallow app=cart -> app=web:80\n").inventory(&shop());
        assert_eq!(program.found(CODE), ["warning selector-matches-nothing `app=web`"]);
        assert_eq!(program.helps(CODE), ["did you mean `app.kubernetes.io/name=web`? Deployment `web` would match"]);
    }

    #[test]
    fn without_anything_near_it_is_a_note() {
        assert_eq!(found("namespace shop\nallow app=cart -> app=payment:80\n"), ["note selector-matches-nothing `app=payment`"]);
        assert_eq!(found("namespace shop open ingress\nclose in app=payment\n"), ["note selector-matches-nothing `close in app=payment`"]);
        assert_eq!(found("namespace shop\nallow as payment -> app=cart:80 mtls\n"), ["note selector-matches-nothing `as payment`"]);
    }

    #[test]
    fn expectations_have_selectors_too() {
        let text = "namespace shop\nexpect deny app=carts -> app=cart:80\n";
        assert_eq!(found(text), ["warning selector-matches-nothing `expect deny app=carts -> app=cart:80`"]);
    }

    #[test]
    fn namespaces_without_inventory_say_nothing() {
        let text = "namespace shop\nallow app=cart or app=x@elsewhere or app=y@* -> app=cart:80\nallow app=cart,tier!=x -> *:80\n";
        // `@*` reaches every managed namespace, all of which are described here.
        assert_eq!(found(text), ["note selector-matches-nothing `app=cart or app=x@elsewhere or app=y@*`"]);
        let two = "namespace pay { allow app=b -> app=c:80 }\nnamespace shop { allow app=y@* -> app=cart:80 }\n";
        assert_eq!(found(two), [""; 0]);
    }

    #[test]
    fn a_statement_of_many_namespaces_is_lost_only_if_it_is_lost_in_all() {
        let both = [shop(), deployment("pay", "api", "app: api", "")].join("---\n");
        let text = "namespace shop, pay { allow app=cart -> app=db:80 }\n";
        assert_eq!(Program::of(text).inventory(&both).found(CODE), ["note selector-matches-nothing `app=db`"]);
    }

    #[test]
    fn a_slip_in_a_namespace_is_found() {
        let listed = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: orders}}\n---\n{}", shop());
        let text = "namespace shop\nallow app=x@order -> app=cart:80\nallow app=x@monitoring -> app=cart:81\n";
        let program = Program::of(text).inventory(&listed);
        assert_eq!(program.found(CODE), ["warning selector-matches-nothing `app=x@order`"]);
        assert_eq!(program.helps(CODE), ["did you mean `@orders`?"]);
    }
}
