//! Expectations, decided flow by flow over every pod that they speak of.
//!
//! Owns: the quantifiers (design §2.3) over a judge, and the flow that decides. What is unspecified satisfies none of them.

use std::ops::ControlFlow;

use super::labels::{Few, Needed, expected};
use super::program::samples;
use super::reach::{Product, Reach, Triple, Wanted};
use crate::flow::{Flow, Peers, Verdict};
use crate::ir::{Expectation, Target};
use crate::syntax::ast::Quantifier;

/// Whether an expectation holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one for each expectation: few, and most of them read once")]
pub enum Held {
    /// It does.
    Yes,
    /// It does not.
    No(Broken),
}

/// Why an expectation does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// This flow passes, and none should.
    Passes(Flow),
    /// This flow does not pass, and all should.
    Stopped(Flow),
    /// No flow passes, and one should; this is one that does not.
    NonePasses(Flow),
    /// This flow passes from outside of what is named, or without what is required.
    SomebodyElse(Flow),
    /// What becomes of this flow is left open by the platform, for this reason.
    Unspecified(Flow, String),
    /// It speaks of no flow at all.
    Empty,
    /// Its requests fall into too many classes to be judged.
    TooMany,
}

impl Broken {
    /// The flow that breaks it, if one does.
    pub const fn flow(&self) -> Option<&Flow> {
        match self {
            Self::Empty | Self::TooMany => None,
            Self::Passes(flow) | Self::Stopped(flow) | Self::NonePasses(flow) | Self::SomebodyElse(flow) | Self::Unspecified(flow, _) => {
                Some(flow)
            }
        }
    }

    /// Why it does not hold, in words of which the flow is no part.
    pub fn reason(&self) -> String {
        match self {
            Self::Passes(_) => "this connection passes".to_owned(),
            Self::Stopped(_) => "this connection is stopped".to_owned(),
            Self::NonePasses(_) => "no connection passes; this one, for example, is stopped".to_owned(),
            Self::SomebodyElse(_) => "this connection passes, from somebody else or without what is required".to_owned(),
            Self::Unspecified(_, why) => format!("the platform leaves this connection open: {why}"),
            Self::Empty => "it speaks of no connection at all".to_owned(),
            Self::TooMany => "its pods or requests fall into too many classes to be decided".to_owned(),
        }
    }
}

/// Decides an expectation, over all pods or, if these fall into too many classes, over those of few labels where they are enough.
pub fn judge(reach: &Reach<'_>, expectation: &Expectation) -> Held {
    let held = decide(reach, expectation);
    if held != Held::No(Broken::TooMany) || !is_about_flows(expectation) {
        return held;
    }
    let Some(tests) = reach.judge.label_tests() else { return held };
    let few = Few::new(reach.worlds, reach.ruled_out, &[tests, expected(expectation)], &Needed::by_expectation());
    decide(&Reach { worlds: few.worlds(), ..*reach }, expectation)
}

/// Whether one flow breaks it, or saves it. That no request of two pods passes may have one reason for each request.
fn is_about_flows(expectation: &Expectation) -> bool {
    let of_each_flow = expectation.transport.is_some() || !expectation.requests.is_all();
    of_each_flow || matches!(expectation.quantifier, Quantifier::Deny | Quantifier::Some)
}

fn decide(reach: &Reach<'_>, expectation: &Expectation) -> Held {
    let products: Vec<Product> = expectation.targets.iter().map(|target| product(expectation, target)).collect();
    if products.iter().all(|product| reach.is_empty(product)) {
        return Held::No(Broken::Empty);
    }
    if !may_be_satisfied(reach, expectation, &products) {
        // Whoever passes without what is required says more than that nobody can meet it.
        let other = (expectation.quantifier == Quantifier::Only).then(|| others(reach, expectation)).flatten();
        return Held::No(other.unwrap_or(Broken::Empty));
    }
    let broken = match expectation.quantifier {
        Quantifier::Deny => any(reach, &products, |triple| passing(expectation, triple)),
        Quantifier::Some => none_passes(reach, expectation, &products),
        Quantifier::Allow => any(reach, &products, |triple| stopped(expectation, triple)),
        Quantifier::Only => any(reach, &products, |triple| stopped(expectation, triple)).or_else(|| others(reach, expectation)),
    };
    broken.map_or(Held::Yes, Held::No)
}

/// Whether any flow meets what is required, whatever becomes of it: a pod outside the mesh speaks no mTLS. What cannot be tried out may.
fn may_be_satisfied(reach: &Reach<'_>, expectation: &Expectation, products: &[Product]) -> bool {
    let demands = expectation.transport.is_some() || !expectation.requests.is_all();
    let meets = |triple: &Triple| triple.is_incomplete || triple.flows.iter().any(|(flow, _)| satisfies(expectation, flow));
    let found = |product: &Product| {
        reach.visit(product, Wanted::All, &mut |triple| if meets(&triple) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    !demands || products.iter().any(|product| found(product).is_break())
}

/// All flows to one target from what the expectation names.
fn product(expectation: &Expectation, target: &Target) -> Product {
    let requests = samples(&expectation.requests);
    Product { sources: vec![expectation.source.peers()], destinations: target.end.peers(), ports: target.ports.clone(), requests }
}

/// The first flow of any product that breaks it.
fn any(reach: &Reach<'_>, products: &[Product], breaks: impl Fn(&Triple) -> Option<Broken>) -> Option<Broken> {
    find(reach, products, Wanted::All, breaks)
}

fn find(reach: &Reach<'_>, products: &[Product], wanted: Wanted, breaks: impl Fn(&Triple) -> Option<Broken>) -> Option<Broken> {
    let mut found = None;
    for product in products {
        let flow = reach.visit(product, wanted, &mut |triple| {
            found = if triple.is_incomplete { Some(Broken::TooMany) } else { breaks(&triple) };
            if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if flow.is_break() {
            break;
        }
    }
    found
}

/// A flow that satisfies what is written and is not surely stopped.
fn passing(expectation: &Expectation, triple: &Triple) -> Option<Broken> {
    let mut satisfying = triple.flows.iter().filter(|(flow, _)| satisfies(expectation, flow));
    satisfying.find_map(|(flow, verdict)| match verdict {
        Verdict::Allowed => Some(Broken::Passes(flow.clone())),
        Verdict::Unspecified(why) => Some(Broken::Unspecified(flow.clone(), why.clone())),
        Verdict::Denied => None,
    })
}

/// With a requirement, a flow that satisfies it and does not pass; without one, a triple of which nothing passes.
fn stopped(expectation: &Expectation, triple: &Triple) -> Option<Broken> {
    let broken = |(flow, verdict): &(Flow, Verdict)| match verdict {
        Verdict::Allowed => None,
        Verdict::Denied => Some(Broken::Stopped(flow.clone())),
        Verdict::Unspecified(why) => Some(Broken::Unspecified(flow.clone(), why.clone())),
    };
    if expectation.transport.is_some() || !expectation.requests.is_all() {
        let is_meant = |(flow, _): &&(Flow, Verdict)| satisfies(expectation, flow) && expectation.wants(flow);
        return triple.flows.iter().filter(is_meant).find_map(broken);
    }
    if triple.flows.iter().any(|(_, verdict)| *verdict == Verdict::Allowed) {
        return None;
    }
    triple.flows.first().and_then(broken)
}

fn none_passes(reach: &Reach<'_>, expectation: &Expectation, products: &[Product]) -> Option<Broken> {
    let passes = find(reach, products, Wanted::Passing, |triple| {
        let passing = triple.flows.iter().find(|(flow, verdict)| satisfies(expectation, flow) && *verdict == Verdict::Allowed);
        passing.map(|(flow, _)| Broken::Passes(flow.clone()))
    });
    match passes {
        Some(Broken::Passes(_)) => None,
        Some(broken) => Some(broken),
        None => any(reach, products, |triple| {
            let stopped = triple.flows.iter().find(|(flow, verdict)| satisfies(expectation, flow) && *verdict != Verdict::Allowed);
            stopped.map(|(flow, _)| Broken::NonePasses(flow.clone()))
        }),
    }
}

/// A flow to what is named from outside, or without what is required.
fn others(reach: &Reach<'_>, expectation: &Expectation) -> Option<Broken> {
    let named = expectation.source.peers();
    let all = |target: &Target| Product { sources: vec![Peers::all(), named.clone()], ..product(expectation, target) };
    let products: Vec<Product> = expectation.targets.iter().map(all).collect();
    find(reach, &products, Wanted::Passing, |triple| {
        let other = |(flow, _): &&(Flow, Verdict)| !expectation.source.matches(&flow.source) || !satisfies(expectation, flow);
        triple.flows.iter().find(other).map(|(flow, verdict)| match verdict {
            Verdict::Unspecified(why) => Broken::Unspecified(flow.clone(), why.clone()),
            Verdict::Allowed | Verdict::Denied => Broken::SomebodyElse(flow.clone()),
        })
    })
}

/// Whether a flow meets the written requirements. UDP and SCTP have no transport to speak of: they count as plaintext.
fn satisfies(expectation: &Expectation, flow: &Flow) -> bool {
    expectation.transport.is_none_or(|transport| flow.transport == transport) && expectation.requests.admits(flow.request.as_ref())
}
