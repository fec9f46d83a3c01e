//! Which trust domains callers may be of, and which of them a value of a policy stands for (`semantics.md` §2.6, I-TD).
//!
//! Owns: how Istio writes principals anew for every trust domain of the mesh. It must not know of namespaces and accounts.
//!
//! Which domain a caller's identity lies in no flow says: pods keep the one that they have until they are restarted, and other meshes
//! bring theirs, for which aliases are there (istio.io, "Trust Domain Migration"). So what tells the domains apart stays open.

use super::truth::Truth;
use super::words::{Dot, Word, glob};
use crate::cluster::Platform;
use crate::flow::Symbol;

/// Why it is open whether a caller matches.
pub(super) const TOLD_APART: &str =
    "the policy tells the trust domains of the mesh apart, and which one a caller's identity lies in is not known";

/// What always points to the domains of the mesh, whatever they are.
const POINTER: &str = "cluster.local";

/// The trust domains of the mesh, its own first.
pub(super) fn of_mesh(platform: &Platform) -> impl Iterator<Item = &Symbol> {
    let aliases = platform.trust_domain_aliases.iter().filter(|alias| **alias != platform.trust_domain);
    std::iter::once(&platform.trust_domain).chain(aliases)
}

/// A principal as Envoy gets it: one whose trust domain is, or as a pattern matches, one of the mesh's is written for each of them. It
/// must have five segments; a first segment `*` is any by itself.
pub(super) fn written_for_all(principal: &str, platform: &Platform) -> Vec<Symbol> {
    let as_written = || vec![principal.into()];
    let Some((domain, rest)) = principal.split_once('/') else { return as_written() };
    if domain == "*" || rest.split('/').count() != 4 {
        return as_written();
    }
    let begins = |own: &str| domain.strip_suffix('*').is_some_and(|before| own.starts_with(before));
    let ends = |own: &str| domain.strip_prefix('*').is_some_and(|behind| own.ends_with(behind));
    if domain != POINTER && !of_mesh(platform).any(|own| **own == *domain || begins(own) || ends(own)) {
        return as_written();
    }
    // A pattern of ends stays for those that it matches.
    of_mesh(platform).map(|own| if ends(own) { principal.into() } else { format!("{own}/{rest}").into() }).collect()
}

/// Whether `trustDomains` of these values holds a caller of the mesh.
pub(super) fn hold_callers(values: &[Symbol], platform: &Platform) -> Truth {
    let mut answers = of_mesh(platform).map(|domain| holds(values, domain, platform));
    let own = answers.next().unwrap_or(Truth::No);
    if answers.all(|other| other == own) { own } else { Truth::Open(TOLD_APART) }
}

/// Whether `trustDomains` of these values holds one domain.
fn holds(values: &[Symbol], domain: &str, platform: &Platform) -> Truth {
    const WRITTEN_FOR_ALL: &str = "whether a trust domain stands for its aliases in `trustDomains` hangs on Istio's version";
    const MIDDLE: &str = "whether a `*` in the middle of a trust domain is a pattern is not known";
    if values.iter().any(|value| Word::read(value).matches(domain)) {
        return Truth::Yes;
    }
    if values.iter().any(|value| of_mesh(platform).any(|own| own == value)) {
        return Truth::Open(WRITTEN_FOR_ALL);
    }
    let by_middle = values.iter().any(|value| glob(value, domain, Dot::Literal));
    if by_middle { Truth::Open(MIDDLE) } else { Truth::No }
}
