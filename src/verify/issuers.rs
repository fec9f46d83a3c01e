//! Whether manifests verify the tokens of a program's issuers as it says.
//!
//! Owns: `misverified`. Which tokens a rule asks for is compared flow by flow; by whose keys they are verified no flow tells.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Keys, Verification};
use crate::flow::Symbol;
use crate::ir::{Issuer, Namespace, Policy};

/// What verifies tokens of an issuer otherwise than the program says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misverified {
    /// What the manifests say.
    pub found: Verification,
    /// By whose keys the program says: those of the issuers that it declares with this `iss` for whom these tokens are.
    pub wanted: BTreeSet<Keys>,
}

/// The policies of these manifests that act in managed namespaces and verify tokens of the program's issuers by other keys, or split
/// claims at blanks that the program does not.
pub fn misverified(policy: &Policy, cluster: &Cluster) -> Vec<Misverified> {
    let root = &policy.config.mesh.root_namespace;
    let acts = |found: &Verification| {
        let namespace = &found.document.namespace;
        namespace == root || policy.namespace(namespace).is_some_and(Namespace::is_managed)
    };
    let wrong = |found: Verification| {
        let said: Vec<&Issuer> = policy.issuers.values().filter(|issuer| issuer.url == found.issuer && issuer.jwks.is_some()).collect();
        let wanted = said.iter().filter(|issuer| shares_audience(&issuer.audiences, &found.audiences)).copied();
        let unlike = wanted.filter(|issuer| !is_signed_so(&said, issuer, &found)).collect::<Vec<_>>();
        let wanted = keys(if unlike.is_empty() { &said } else { &unlike });
        let is_wrong = !unlike.is_empty() || !found.spaced.is_empty();
        (!wanted.is_empty() && is_wrong).then_some(Misverified { found, wanted })
    };
    cluster.verifications().into_iter().filter(acts).filter_map(wrong).collect()
}

/// Whether some issuer who says to sign for all of whom these tokens of another one are says to do it by the keys that were found: two
/// issuers may share an `iss`, and even those whom they sign for.
fn is_signed_so(said: &[&Issuer], issuer: &Issuer, found: &Verification) -> bool {
    let is_it = |other: &&&Issuer| other.jwks.clone().map(Keys::At).as_ref() == Some(&found.keys);
    let holders: Vec<&Issuer> = said.iter().filter(is_it).copied().collect();
    let is_held = |audience: &Symbol| holders.iter().any(|other| other.audiences.is_empty() || other.audiences.contains(audience));
    let both = |audience: &&Symbol| found.audiences.is_empty() || found.audiences.contains(*audience);
    if issuer.audiences.is_empty() {
        return found.audiences.iter().all(is_held)
            && (!found.audiences.is_empty() || holders.iter().any(|other| other.audiences.is_empty()));
    }
    issuer.audiences.iter().filter(both).all(is_held)
}

/// Whether a token may be for one of either; none stands for anybody.
fn shares_audience(one: &[Symbol], other: &[Symbol]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|audience| other.contains(audience))
}

/// By whose keys issuers sign, as far as they say so.
fn keys(issuers: &[&Issuer]) -> BTreeSet<Keys> {
    issuers.iter().filter_map(|issuer| issuer.jwks.clone()).map(Keys::At).collect()
}

impl Misverified {
    /// What is wrong, in a sentence without capital and full stop.
    pub fn words(&self) -> String {
        let Verification { document, issuer, keys, spaced, .. } = &self.found;
        let subject = format!("{} {}/{} verifies tokens of `{issuer}` by {keys}", document.kind, document.namespace, document.name);
        match (self.wanted.contains(keys), spaced.as_slice()) {
            (false, _) => {
                let wanted: Vec<String> = self.wanted.iter().map(ToString::to_string).collect();
                format!("{subject}, and not by {}", wanted.join(" or "))
            }
            (true, spaced) => {
                let claims: Vec<String> = spaced.iter().map(|claim| format!("`{claim}`")).collect();
                format!("{subject} and takes each word of {} for a value", claims.join(", "))
            }
        }
    }
}
