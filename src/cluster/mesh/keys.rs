//! How the tokens of issuers are verified.
//!
//! Owns: `Verification`. A flow has a token that verifies or not; by whose keys that is said no flow tells, so whoever compares two clusters
//! compares this besides. It must not judge any token.

use std::fmt;

use super::Mesh;
use crate::cluster::decision::Document;
use crate::flow::Symbol;

/// What one `RequestAuthentication` says of the tokens of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The object.
    pub document: Document,
    /// The issuer.
    pub issuer: Symbol,
    /// By whose keys.
    pub keys: Keys,
    /// Claims of which each word counts for itself, besides those of which it always does.
    pub spaced: Vec<Symbol>,
}

/// By whose keys tokens are verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// Those at this address (`jwksUri`).
    At(Symbol),
    /// Those that are written there (`jwks`).
    Written(Symbol),
    /// Those that the issuer names when it is asked (its `.well-known/openid-configuration`).
    Named,
}

/// So many letters of written keys are shown.
const SHOWN: usize = 40;

/// ``the keys at `https://…` ``.
impl fmt::Display for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => write!(out, "the keys at `{address}`"),
            Self::Written(text) if text.chars().count() > SHOWN => {
                write!(out, "the written keys `{}…`", text.chars().take(SHOWN).collect::<String>())
            }
            Self::Written(text) => write!(out, "the written keys `{text}`"),
            Self::Named => write!(out, "the keys that the issuer names"),
        }
    }
}

impl Mesh {
    /// How tokens are verified, policy by policy, in the order of their namespaces.
    pub(crate) fn verifications(&self) -> Vec<Verification> {
        let providers = self.tokens.values().flatten().flat_map(|policy| policy.providers.iter().map(move |provider| (policy, provider)));
        let said = providers.filter_map(|(policy, provider)| {
            let issuer = Symbol::clone(provider.issuer.as_ref()?);
            let (document, keys) = (policy.object.document(None), provider.keys.clone());
            Some(Verification { document, issuer, keys, spaced: provider.spaced.clone() })
        });
        said.collect()
    }
}
