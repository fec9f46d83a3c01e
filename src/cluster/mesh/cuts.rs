//! By what the mesh's end of a pod tells connections apart.
//!
//! Owns: `MeshEnd::cuts`, which keeps the promise of [`Cut`] for far ends of which no more is known than their flow says.

use std::collections::{BTreeMap, BTreeSet};

use super::callers::{Callers, Name};
use super::chain::{ChainKind, ReadRule};
use super::end::{Guard, MeshEnd, NEVER_CAPTURED, Sidecar, ZTUNNEL_PORTS, Ztunnel};
use super::headers;
use super::hosts;
use super::proxy::{Attached, Bound, Proxy};
use super::rule::Action;
use super::test::{Matcher, Test};
use super::token::TokenPolicy;
use super::truth::Truth;
use super::words::{Word, samples};
use super::{peer::Modes, tokens};
use crate::cluster::HBONE;
use crate::cluster::Names;
use crate::flow::{
    AddressSet, Affixes, Cut, Intervals, LabelCube, NAMESPACE_NAME, PathPattern, Peers, PodCube, PodSet, PortSet, Protocol, RequestSamples,
    Symbol, Token, Values, WrittenWords, host_name,
};

impl MeshEnd<'_> {
    /// The tests of this end. Patterns of names are cut at the names that somebody knows, and at those that stand for all others.
    pub(crate) fn cuts(&self, names: &Names) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let names = &*self.mesh.with_own_names(names);
        match &self.guard {
            Guard::None => {}
            Guard::Sidecar(sidecar) => {
                let told = Intervals::collect(NEVER_CAPTURED.map(|port| (port, port))).union(&self.destination.facts.uncaptured);
                cuts.push(at_ports(told));
                // Of the ports that it does not capture, the tunnel's alone speaks mTLS.
                cuts.push(at_ports(Intervals::of(HBONE, HBONE)));
                of_sidecar(sidecar, names, &mut cuts);
            }
            Guard::Gateway(gateway) => {
                cuts.extend(gateway.ports().map(|port| at_ports(Intervals::of(port, port))));
                of_proxy(&gateway.proxy, names, &mut cuts);
            }
            Guard::Tunnel(tunnel) => cuts.extend(tunnel.ports().into_iter().map(|port| at_ports(Intervals::of(port, port)))),
            Guard::Ztunnel(ztunnel) => {
                cuts.push(at_ports(Intervals::of(HBONE, HBONE)));
                cuts.push(at_ports(Intervals::collect(ZTUNNEL_PORTS.map(|port| (port, port)))));
                cuts.push(of_peers(Peers::from(self.mesh.platform.probe_sources.clone())));
                of_ztunnel(ztunnel, names, &mut cuts);
            }
        }
        cuts.retain(|cut| !cut.peers.is_empty());
        let mut kept: Vec<Cut> = Vec::new();
        for cut in cuts {
            if !kept.contains(&cut) {
                kept.push(cut);
            }
        }
        kept
    }
}

/// A line between ports, whoever calls.
fn at_ports(ports: Intervals<u16>) -> Cut {
    Cut { peers: Peers::all(), ports: PortSet::from_intervals(Protocol::Tcp, ports), requests: RequestSamples::default() }
}

/// A line between far ends.
fn of_peers(peers: Peers) -> Cut {
    Cut { peers, ports: PortSet::none(), requests: RequestSamples::default() }
}

fn of_modes(modes: &Modes<'_>, cuts: &mut Vec<Cut>) {
    cuts.extend(modes.ports().map(|port| at_ports(Intervals::of(port, port))));
}

fn of_sidecar(sidecar: &Sidecar<'_>, names: &Names, cuts: &mut Vec<Cut>) {
    of_modes(&sidecar.modes, cuts);
    cuts.extend(sidecar.classes.ports().map(|port| at_ports(Intervals::of(port, port))));
    of_proxy(&sidecar.proxy, names, cuts);
}

/// The lines of an Envoy's policies.
pub(super) fn of_proxy(proxy: &Proxy<'_>, names: &Names, cuts: &mut Vec<Cut>) {
    let policies: Vec<&TokenPolicy> = proxy.tokens.iter().chain(&proxy.perhaps).copied().collect();
    let all_tests: Vec<&Test> = tests_of(&proxy.attached, ChainKind::Http).collect();
    let mut universe = looked_at(&all_tests);
    join(&mut universe);
    let joined = tokens::joined(&all_tests);
    let issuers = tokens::issuers(&policies, &all_tests);
    if !policies.is_empty() {
        let mut requests = tokens::preflight();
        // A header of the preflight may hold anything, so each word that somebody looks for there is one of its own.
        for (name, words) in &mut requests.headers {
            words.extend(universe.headers.get(name).into_iter().flatten().cloned());
        }
        universe.methods.extend(requests.methods.iter().cloned());
        // Without one of these headers it is no preflight, and its token is looked at.
        let settling_headers = requests.headers.keys().cloned().collect();
        let [claims, exact_claims] = tokens::written_by(&policies);
        requests.written = WrittenWords { claims, exact_claims, ..requests.written };
        let requests =
            RequestSamples { tokens: tokens::samples(&policies, &issuers, &[], &[]), looks_inside: true, settling_headers, ..requests };
        cuts.push(Cut { peers: Peers::all(), ports: PortSet::full(Protocol::Tcp), requests });
    }
    // With policies that may act or not, the answers of two readings count, and each may have its own rule.
    let all_settle = !proxy.perhaps.is_empty();
    let looks = Looks { universe, tokens: &|tests| tokens::samples(&policies, &issuers, tests, &joined), all_settle };
    of_rules(&proxy.attached, ChainKind::Http, names, &looks, cuts);
}

fn of_ztunnel(ztunnel: &Ztunnel<'_>, names: &Names, cuts: &mut Vec<Cut>) {
    of_modes(&ztunnel.modes, cuts);
    if let Some(waypoints) = &ztunnel.attached.waypoints {
        cuts.extend(told_apart(&waypoints.callers, names).map(of_peers));
    }
    let looks = Looks { universe: RequestSamples::default(), tokens: &|_| BTreeSet::new(), all_settle: false };
    of_rules(&ztunnel.attached, ChainKind::Ztunnel, names, &looks, cuts);
}

/// What the rules of an end look at in requests, all together.
struct Looks<'t> {
    /// Every word that one of them looks for.
    universe: RequestSamples,
    /// Tokens that show how tests tell tokens apart.
    tokens: &'t dyn Fn(&[&Test]) -> BTreeSet<Token>,
    /// Whether every header and claim settles something, as an answer may need those of several rules.
    all_settle: bool,
}

/// Every test of every rule.
fn tests_of<'a>(attached: &'a Attached<'_>, kind: ChainKind) -> impl Iterator<Item = &'a Test> {
    attached.policies().flat_map(move |bound| &bound.policy.chain(kind).rules).flat_map(tests)
}

/// Every test of a rule.
fn tests(rule: &ReadRule) -> impl Iterator<Item = &Test> {
    rule.clauses.iter().flat_map(|clause| clause.alternatives.iter().flatten())
}

/// The lines of every rule: between far ends, then between ports for those that it may match, then between requests there.
fn of_rules(attached: &Attached<'_>, kind: ChainKind, names: &Names, looks: &Looks<'_>, cuts: &mut Vec<Cut>) {
    let rules = attached.policies().flat_map(|bound| bound.policy.chain(kind).rules.iter().map(move |rule| (bound, rule)));
    cuts.extend(unmatched(attached, kind, names).into_iter().map(of_peers));
    for (bound_policy, rule) in rules {
        let tests: Vec<&Test> = tests(rule).collect();
        let matchers = || tests.iter().flat_map(|test| test.matchers());
        cuts.extend(matchers().flat_map(|matcher| peers(matcher, names)).map(of_peers));
        // The addresses of pods are in no block, or not known: either way they are not as those outside it.
        cuts.extend(matchers().any(|matcher| matches!(matcher, Matcher::Source(_))).then(|| of_peers(Peers::from(PodSet::all()))));
        let bound = reach(rule, names);
        let ports = matchers().filter_map(numbers);
        let line = |ports| Cut { peers: bound.clone(), ports, requests: RequestSamples::default() };
        cuts.extend(ports.map(line));
        let mut requests = looked_at(&tests);
        widen(&mut requests, &tests, &looks.universe);
        let all_settle = looks.all_settle || is_needed_besides(bound_policy, rule);
        requests.bound = asked_paths(rule);
        requests.bound_methods = asked(rule, asked_methods);
        requests.bound_hosts = asked(rule, asked_hosts);
        requests.settling_headers = settling(&tests, all_settle);
        if looks_at_bearer(&tests) {
            requests.tokens.insert(headers::some_token());
        }
        if asks_tokens(&tests) {
            requests.tokens.extend((looks.tokens)(&tests));
            requests.written.claims = tokens::written(&tests);
            requests.written.exact_claims = tokens::exact(&tests);
            requests.few_claims = if all_settle { BTreeMap::new() } else { tokens::few(&tests) };
        }
        requests.stops = bound_policy.policy.written.action != Action::Allow;
        requests.looks_inside = kind == ChainKind::Http && tests.iter().any(|test| test.field.attribute.is_told_by_requests());
        if !requests.is_empty() {
            cuts.push(Cut { peers: bound, ports: reached_ports(rule), requests });
        }
    }
}

/// Whether an answer may need what this rule looks at, and what another one does besides: one that leaves it open whether it stops a
/// request is told only where another one lets the request pass, and policies that may not act at all count together.
fn is_needed_besides(bound: &Bound<'_>, rule: &ReadRule) -> bool {
    let by_action = match bound.policy.written.action {
        Action::Allow | Action::Audit => false,
        Action::Deny => rule.may_be_open(),
        Action::Custom => true,
    };
    by_action || bound.doubt.is_some()
}

/// The headers that may matter by not being there: those that some value must not be of, or all of them.
fn settling(tests: &[&Test], all: bool) -> BTreeSet<Symbol> {
    let matchers = tests.iter().flat_map(|test| test.unwanted.iter().chain(test.wanted.iter().filter(|_| all)));
    let named = matchers.filter_map(|matcher| if let Matcher::Header(name, _) = matcher { Some(Symbol::clone(name)) } else { None });
    named.collect()
}

/// Whether they look at the header in which tokens travel.
fn looks_at_bearer(tests: &[&Test]) -> bool {
    let is_it = |matcher: &Matcher| matches!(matcher, Matcher::Header(name, _) if **name == *headers::AUTHORIZATION);
    tests.iter().flat_map(|test| test.matchers()).any(is_it)
}

fn asks_tokens(tests: &[&Test]) -> bool {
    tests.iter().flat_map(|test| test.matchers()).any(|matcher| matches!(matcher, Matcher::Users(_) | Matcher::Claim(..)))
}

/// The far ends that a test of them chooses, and apart from them those that it may choose.
fn peers(matcher: &Matcher, names: &Names) -> Vec<Peers> {
    match matcher {
        Matcher::Callers(list) => told_apart(list, names).collect(),
        Matcher::Source(set) => vec![Peers::from(set.clone())],
        _ => Vec::new(),
    }
}

/// The ports that a test of them chooses.
fn numbers(matcher: &Matcher) -> Option<PortSet> {
    match matcher {
        Matcher::Ports(ports) => {
            let ports = Intervals::collect(ports.iter().map(|port| (*port, *port)));
            Some(PortSet::from_intervals(Protocol::Tcp, ports))
        }
        _ => None,
    }
}

/// Far ends that hold all that a rule may match: where each alternative of a clause names some, those.
fn reach(rule: &ReadRule, names: &Names) -> Peers {
    let of_clause = |clause: &super::chain::ReadClause| {
        let of = |tests: &[Test]| tests.iter().find_map(|test| bound(test.wanted.as_ref()?, names));
        let parts: Option<Vec<Peers>> = clause.alternatives.iter().map(|tests| of(tests)).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.iter().fold(Peers::none(), |all, part| all.union(part)))
    };
    rule.clauses.iter().filter(|clause| clause.open.is_none()).find_map(of_clause).unwrap_or_else(Peers::all)
}

/// Far ends that hold all that a matcher may match. Of pods the addresses may not be known, so that they may be anywhere.
fn bound(matcher: &Matcher, names: &Names) -> Option<Peers> {
    match matcher {
        Matcher::Callers(list) => Some(carrying(list.tests(), names)),
        Matcher::Source(set) => Some(Peers { pods: PodSet::all(), addresses: set.clone() }),
        Matcher::TrustDomain(_) => Some(Peers { pods: PodSet::all(), addresses: AddressSet::none() }),
        _ => None,
    }
}

/// Ports that hold all that a rule may match.
fn reached_ports(rule: &ReadRule) -> PortSet {
    let of_clause = |clause: &super::chain::ReadClause| {
        let of = |tests: &[Test]| tests.iter().find_map(|test| numbers(test.wanted.as_ref()?));
        let parts: Option<Vec<PortSet>> = clause.alternatives.iter().map(|tests| of(tests)).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.iter().fold(PortSet::none(), |all, part| all.union(part)))
    };
    let known = rule.clauses.iter().filter(|clause| clause.open.is_none()).find_map(of_clause);
    known.unwrap_or_else(|| PortSet::full(Protocol::Tcp))
}

/// The patterns of which the path of a request must match one for the rule to match, if each alternative of a clause asks for some. Where
/// a proxy may take further patterns, any path may be one of theirs.
fn asked_paths(rule: &ReadRule) -> Option<BTreeSet<PathPattern>> {
    asked(rule, |matcher| match matcher {
        Matcher::Paths(patterns, Truth::No) => Some(patterns.clone()),
        _ => None,
    })
}

fn asked_methods(matcher: &Matcher) -> Option<Vec<Symbol>> {
    let Matcher::Methods(words) = matcher else { return None };
    Some(written(words).collect())
}

/// None where what a client writes behind any host may match.
fn asked_hosts(matcher: &Matcher) -> Option<Vec<Symbol>> {
    let Matcher::Hosts(words, effect) = matcher else { return None };
    let is_of_any = |word: &Word| matches!(word, Word::Suffix(end) if hosts::may_stand_behind(end, *effect));
    (!words.iter().any(is_of_any)).then(|| written(words).collect())
}

/// What a request must match one of for the rule to match, if each alternative of a clause asks for some.
fn asked<T: Ord>(rule: &ReadRule, of: impl Fn(&Matcher) -> Option<Vec<T>>) -> Option<BTreeSet<T>> {
    let of_clause = |clause: &super::chain::ReadClause| {
        let of = |tests: &[Test]| tests.iter().filter_map(|test| test.wanted.as_ref()).find_map(&of);
        let parts: Option<Vec<Vec<T>>> = clause.alternatives.iter().map(|tests| of(tests)).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.into_iter().flatten().collect())
    };
    rule.clauses.iter().filter(|clause| clause.open.is_none()).find_map(of_clause)
}

/// The words and patterns of a rule's tests of requests.
fn looked_at(tests: &[&Test]) -> RequestSamples {
    let mut all = RequestSamples::default();
    for matcher in tests.iter().flat_map(|test| test.matchers()) {
        match matcher {
            // A request's method is upper case; a value that is not matches none.
            Matcher::Methods(words) => {
                all.methods.extend(samples(words).map(|word| word.to_uppercase().into()));
                all.written.methods.extend(written(words));
            }
            // A flow's host has no port; what a value says of the port shows on the host alone.
            Matcher::Hosts(words, _) => {
                all.hosts.extend(samples(words).map(|word| Symbol::from(host_name(&word))));
                all.written.hosts.extend(written(words));
            }
            Matcher::Paths(patterns, _) => all.paths.extend(patterns.iter().cloned()),
            Matcher::Header(name, words) => {
                all.headers.entry(Symbol::clone(name)).or_default().extend(samples(words));
                all.written.headers.entry(Symbol::clone(name)).or_default().extend(written(words));
            }
            _ => {}
        }
    }
    all
}

/// Adds words that patterns of several rules match at once, and for each pattern one that no other matches.
fn join(universe: &mut RequestSamples) {
    let joined = |known: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>, add: fn(&mut Affixes, &str), shape: fn(&str) -> String| {
        let mut affixes = Affixes::default();
        for text in written {
            add(&mut affixes, text);
        }
        affixes.joined(known, shape)
    };
    let written = &universe.written;
    universe.methods.extend(joined(&universe.methods, &written.methods, Affixes::add_written_method, str::to_ascii_uppercase));
    universe.hosts.extend(joined(&universe.hosts, &written.hosts, Affixes::add_written_host, str::to_owned));
    for (name, words) in &mut universe.headers {
        let more = written.headers.get(name).map(|written| joined(words, written, Affixes::add_written, str::to_owned));
        words.extend(more.unwrap_or_default());
    }
}

/// Words as the policy has them.
fn written(words: &[Word]) -> impl Iterator<Item = Symbol> {
    words.iter().map(|word| word.to_string().into())
}

/// Takes in the words of other rules that a pattern here matches, so that each of them is told from those that it does not match.
fn widen(all: &mut RequestSamples, tests: &[&Test], universe: &RequestSamples) {
    let any = |words: &[Word], word: &Symbol| words.iter().any(|own| own.matches(word));
    for matcher in tests.iter().flat_map(|test| test.matchers()) {
        match matcher {
            Matcher::Methods(words) => all.methods.extend(universe.methods.iter().filter(|word| any(words, word)).cloned()),
            Matcher::Hosts(words, effect) => {
                all.hosts.extend(universe.hosts.iter().filter(|host| hosts::matches(words, *effect, host) != Truth::No).cloned());
            }
            Matcher::Header(name, words) => {
                let known = universe.headers.get(name).into_iter().flatten();
                all.headers.entry(Symbol::clone(name)).or_default().extend(known.filter(|word| any(words, word)).cloned());
            }
            _ => {}
        }
    }
}

/// The pods that some identities tell from others: those that carry one for certain, and those that may, by each reason.
fn told_apart(list: &Callers, names: &Names) -> impl Iterator<Item = Peers> {
    list.parts().map(|tests| carrying(tests.into_iter(), names))
}

/// The pods whose identity passes one of some tests, patterns cut at the names that are known.
fn carrying(tests: impl Iterator<Item = (Name, Name)>, names: &Names) -> Peers {
    let mut exact: BTreeMap<Symbol, Vec<Symbol>> = BTreeMap::new();
    let mut pods = PodSet::none();
    for (namespace, account) in tests {
        match (namespace.single(), account.single()) {
            (Some(namespace), Some(account)) => exact.entry(Symbol::clone(namespace)).or_default().push(Symbol::clone(account)),
            _ => pods.push(cube(values(&namespace, &names.namespaces), values(&account, &names.accounts))),
        }
    }
    pods.extend(exact.into_iter().map(|(namespace, accounts)| cube(Values::one(namespace), Values::of(accounts))));
    Peers::from(pods)
}

/// The known names that no pattern matches of those that may match a word which is made to match nothing: these stand for all others.
fn unmatched(attached: &Attached<'_>, kind: ChainKind, names: &Names) -> Vec<Peers> {
    let callers = tests_of(attached, kind).flat_map(Test::matchers);
    let callers = callers.filter_map(|matcher| if let Matcher::Callers(callers) = matcher { Some(callers) } else { None });
    let (namespaces, accounts): (Vec<Name>, Vec<Name>) = callers.flat_map(Callers::tests).unzip();
    let outside = |tests: Vec<Name>, known: &BTreeSet<Symbol>| {
        let vague: Vec<Name> = tests.into_iter().filter(Name::is_vague).collect();
        let is_outside = |name: &&Symbol| !vague.iter().any(|test| test.matches(name));
        (!vague.is_empty()).then(|| Values::of(known.iter().filter(is_outside).cloned()))
    };
    let by_namespace = outside(namespaces, &names.namespaces).map(|names| cube(names, Values::any()));
    let by_account = outside(accounts, &names.accounts).map(|names| cube(Values::any(), names));
    by_namespace.into_iter().chain(by_account).map(|cube| Peers::from(PodSet::from(cube))).collect()
}

fn cube(namespace: Values, account: Values) -> PodCube {
    let namespace = LabelCube::of(NAMESPACE_NAME.into(), namespace);
    PodCube { namespace, account, ..PodCube::all() }
}

/// The words that a test of a name lets pass.
fn values(name: &Name, known: &BTreeSet<Symbol>) -> Values {
    match name {
        Name::Any => Values::any(),
        Name::Like(Word::Exact(name)) => Values::one(Symbol::clone(name)),
        _ => Values::of(known.iter().filter(|known| name.matches(known)).cloned()),
    }
}
