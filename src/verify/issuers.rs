//! Whether manifests verify the tokens of a program's issuers as it says.
//!
//! Owns: `misverified`. Which tokens a rule asks for is compared flow by flow; by whose keys they are verified no flow tells.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Keys, Verification};
use crate::flow::Symbol;
use crate::ir::{Namespace, Policy};

/// What verifies tokens of an issuer otherwise than the program says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misverified {
    /// What the manifests say.
    pub found: Verification,
    /// By whose keys the program says: those of any issuer that it declares with this `iss`.
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
        let wanted = keys(policy, &found.issuer);
        let is_wrong = !wanted.contains(&found.keys) || !found.spaced.is_empty();
        (!wanted.is_empty() && is_wrong).then_some(Misverified { found, wanted })
    };
    cluster.verifications().into_iter().filter(acts).filter_map(wrong).collect()
}

/// By whose keys tokens with this `iss` are verified, as far as it is said; two issuers may share it.
fn keys(policy: &Policy, url: &Symbol) -> BTreeSet<Keys> {
    let issuers = policy.issuers.values().filter(|issuer| issuer.url == *url);
    issuers.filter_map(|issuer| issuer.jwks.clone()).map(Keys::At).collect()
}

impl Misverified {
    /// What is wrong, in a sentence without capital and full stop.
    pub fn words(&self) -> String {
        let Verification { document, issuer, keys, spaced } = &self.found;
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
