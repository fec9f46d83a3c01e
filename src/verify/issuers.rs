//! Whether manifests verify the tokens of a program's issuers as it says.
//!
//! Owns: `misverified`. Which tokens a rule asks for is compared flow by flow; by whose keys they are verified no flow tells.

use crate::cluster::{Cluster, Keys, Verification};
use crate::ir::{Issuer, Namespace, Policy};

/// What verifies tokens of an issuer otherwise than the program says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misverified {
    /// What the manifests say.
    pub found: Verification,
    /// By whose keys the program says.
    pub wanted: Keys,
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
        let wanted = policy.issuers.values().filter(|issuer| issuer.url == found.issuer).find_map(keys)?;
        (found.keys != wanted || !found.spaced.is_empty()).then_some(Misverified { found, wanted })
    };
    cluster.verifications().into_iter().filter(acts).filter_map(wrong).collect()
}

/// By whose keys an issuer's tokens are verified, if it is said.
pub(super) fn keys(issuer: &Issuer) -> Option<Keys> {
    issuer.jwks.clone().map(Keys::At)
}

impl Misverified {
    /// What is wrong, in a sentence without capital and full stop.
    pub fn words(&self) -> String {
        let Verification { document, issuer, keys, spaced } = &self.found;
        let subject = format!("{} {}/{} verifies tokens of `{issuer}` by {keys}", document.kind, document.namespace, document.name);
        match (*keys == self.wanted, spaced.as_slice()) {
            (false, _) => format!("{subject}, and not by {}", self.wanted),
            (true, spaced) => {
                let claims: Vec<String> = spaced.iter().map(|claim| format!("`{claim}`")).collect();
                format!("{subject} and takes each word of {} for a value", claims.join(", "))
            }
        }
    }
}
