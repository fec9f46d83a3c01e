//! The policies of one enforcement point, and what they say together (`semantics.md` §2.2).
//!
//! Owns: `Attached`, `Proxy`. It must not know how it was found out which policies act here.

use super::callers::Callers;
use super::chain::{ChainKind, Policy};
use super::rule::Action;
use super::services::Class;
use super::token::{self, TokenPolicy};
use super::truth::Truth;
use super::view::View;
use crate::flow::Request;

/// The policies that decide at one point, by action. No level comes before another.
#[derive(Debug, Clone, Default)]
pub(super) struct Attached<'m> {
    /// Those that deny.
    pub(super) deny: Vec<Bound<'m>>,
    /// Those that allow.
    pub(super) allow: Vec<Bound<'m>>,
    /// Those that ask somebody else.
    pub(super) custom: Vec<Bound<'m>>,
    /// The waypoints that Istio may let in by itself.
    pub(super) waypoints: Option<Synthetic>,
}

/// A policy that acts somewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound<'m> {
    /// The policy.
    pub(super) policy: &'m Policy,
    /// Why it may not act after all.
    pub(super) doubt: Option<&'static str>,
}

/// The policy that Istio makes by itself for pods behind a waypoint (`semantics.md` §2.11).
#[derive(Debug, Clone)]
pub(super) struct Synthetic {
    /// The waypoints.
    pub(super) callers: Callers,
    /// Why there may be others, of which nobody knows as whom they run.
    pub(super) more: Option<&'static str>,
    /// Why it may not be there.
    pub(super) doubt: Option<&'static str>,
}

/// Why nobody knows what a CUSTOM rule that matches does.
pub(super) const EXTERNAL: &str = "an external authorizer decides";

impl<'m> Attached<'m> {
    /// Takes in a policy.
    pub(super) fn add(&mut self, policy: &'m Policy, doubt: Option<&'static str>) {
        let list = match policy.written.action {
            Action::Allow => &mut self.allow,
            Action::Deny => &mut self.deny,
            Action::Custom => &mut self.custom,
            Action::Audit => return,
        };
        list.push(Bound { policy, doubt });
    }

    /// Every policy in it.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Bound<'m>> {
        self.custom.iter().chain(&self.deny).chain(&self.allow)
    }

    /// Whether a connection passes: nobody else stops it, no DENY matches, and an ALLOW does if there is one.
    pub(super) fn passes(&self, kind: ChainKind, view: &View<'_>) -> Truth {
        let matched = |list: &[Bound<'_>]| Truth::any(list.iter().map(|bound| bound.matches(kind, view)));
        let denied = matched(&self.deny);
        if denied == Truth::Yes {
            return Truth::No;
        }
        let custom = if matched(&self.custom) == Truth::No { Truth::Yes } else { Truth::Open(EXTERNAL) };
        Truth::all([denied.not(), custom, self.allows(kind, view)])
    }

    /// Whether no policy allows, or one of them does (`semantics.md` §2.2, steps 3 to 5).
    pub(super) fn allows(&self, kind: ChainKind, view: &View<'_>) -> Truth {
        let mut allowed = Truth::No;
        let (mut sure, mut all_match, mut doubt) = (false, true, None);
        let bounds = self.allow.iter().map(|bound| (bound.doubt, bound.policy.matches(kind, view)));
        let synthetic = self.waypoints.iter().map(|waypoints| (waypoints.doubt, waypoints.matches(view)));
        for (own_doubt, matched) in bounds.chain(synthetic) {
            sure |= own_doubt.is_none();
            doubt = doubt.or(own_doubt);
            all_match &= matched == Truth::Yes;
            allowed = Truth::any([allowed, matched.only_if(own_doubt)]);
            if allowed == Truth::Yes {
                return Truth::Yes;
            }
        }
        match doubt {
            // Without a policy that surely acts, it may be that none does, and then everything passes.
            Some(_) if !sure && all_match => Truth::Yes,
            Some(reason) if !sure => Truth::Open(reason),
            None if !sure => Truth::Yes,
            _ => allowed,
        }
    }
}

impl Bound<'_> {
    /// Whether one of its rules matches here.
    pub(super) fn matches(&self, kind: ChainKind, view: &View<'_>) -> Truth {
        self.policy.matches(kind, view).only_if(self.doubt)
    }
}

impl Synthetic {
    fn matches(&self, view: &View<'_>) -> Truth {
        let Some(pod) = view.caller else { return Truth::No };
        let known = self.callers.hold(&pod.namespace, &pod.account);
        self.more.map_or(known, |reason| known.unless(reason))
    }
}

/// An Envoy: of a sidecar, a gateway or a waypoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxy<'m> {
    /// Who may call.
    pub(super) attached: Attached<'m>,
    /// Which tokens it checks.
    pub(super) tokens: Vec<&'m TokenPolicy>,
    /// Further policies about tokens that may act, depending on labels that are not known.
    pub(super) perhaps: Vec<&'m TokenPolicy>,
}

impl Proxy<'_> {
    /// Whether a connection passes, on the filter chains that may be its.
    pub(super) fn passes(&self, view: View<'_>, request: Option<&Request>, class: Class) -> Truth {
        match (request, class) {
            (None, _) | (_, Class::Plain) => self.attached.passes(ChainKind::Tcp, &view),
            (Some(request), Class::Http) => self.passes_http(view, request),
            (Some(request), Class::Either(reason)) => {
                let plain = self.attached.passes(ChainKind::Tcp, &view);
                if self.passes_http(view, request) == plain { plain } else { Truth::Open(reason) }
            }
        }
    }

    fn passes_http(&self, view: View<'_>, request: &Request) -> Truth {
        const PERHAPS: &str = "whether a RequestAuthentication acts hangs on a label whose value is not known";
        let sure = self.passes_with(&self.tokens, view, request);
        if self.perhaps.is_empty() {
            return sure;
        }
        let all: Vec<&TokenPolicy> = self.tokens.iter().chain(&self.perhaps).copied().collect();
        if self.passes_with(&all, view, request) == sure { sure } else { Truth::Open(PERHAPS) }
    }

    fn passes_with(&self, tokens: &[&TokenPolicy], view: View<'_>, request: &Request) -> Truth {
        if !is_upper_case(request) {
            return Truth::No;
        }
        let (good, token) = token::judge(tokens, request);
        if good == Truth::No {
            return Truth::No;
        }
        Truth::all([good, self.attached.passes(ChainKind::Http, &View { request: Some(request), token, ..view })])
    }
}

/// Whether the method is one that proxies take: others are answered with an error (`semantics.md` §2.7).
pub(super) fn is_upper_case(request: &Request) -> bool {
    !request.method.bytes().any(|byte| byte.is_ascii_lowercase())
}
