//! How the tokens of issuers are verified, and what is copied from them.
//!
//! Owns: `Verification`, `TokenCopy`. A flow has a token that verifies or not; by whose keys that is said no flow tells, nor what a header
//! holds that is a copy of a token, so whoever compares two clusters compares this besides. It must not judge any token.

use std::collections::BTreeSet;
use std::fmt;

use super::Mesh;
use crate::cluster::decision::Document;
use crate::flow::Symbol;

/// What one `RequestAuthentication` says of the tokens of one issuer; where it names none, of each that others name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The object.
    pub document: Document,
    /// The issuer.
    pub issuer: Symbol,
    /// For whom a token must be; empty for anybody.
    pub audiences: Vec<Symbol>,
    /// By whose keys.
    pub keys: Keys,
    /// Claims of which each word counts for itself, besides those of which it always does.
    pub spaced: Vec<Symbol>,
}

/// A header at which policies look, as one `RequestAuthentication` fills it from tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCopy {
    /// The object.
    pub document: Document,
    /// The header, in lower case.
    pub header: Symbol,
    /// Whose tokens; none for those of anybody whose keys these are.
    pub issuer: Option<Symbol>,
    /// The claim that is copied; none for the whole payload.
    pub claim: Option<Symbol>,
    /// Where the object acts, as ``pods `app=db` ``; none for everywhere.
    pub at: Option<String>,
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
    /// How tokens are verified, policy by policy, in the order of their namespaces. Keys that are given without an issuer verify tokens of any
    /// (Envoy looks at no `iss` then), so of every one that is named where they act.
    pub(crate) fn verifications(&self) -> Vec<Verification> {
        let policies = self.tokens.iter().flat_map(|(namespace, policies)| policies.iter().map(move |policy| (namespace, policy)));
        let providers = policies.flat_map(|(namespace, policy)| policy.providers.iter().map(move |provider| (namespace, policy, provider)));
        let said = providers.flat_map(|(namespace, policy, provider)| {
            let issuers = provider.issuer.as_ref().map_or_else(|| self.issuers_beside(namespace), |issuer| BTreeSet::from([issuer]));
            issuers.into_iter().map(move |issuer| Verification {
                document: policy.object.document(None),
                issuer: Symbol::clone(issuer),
                audiences: provider.audiences.clone(),
                keys: provider.keys.clone(),
                spaced: provider.spaced.clone(),
            })
        });
        said.collect()
    }

    /// The issuers that are named in a namespace, or where it is the mesh's own anywhere, and for the whole mesh.
    fn issuers_beside(&self, namespace: &Symbol) -> BTreeSet<&Symbol> {
        let root = &self.platform.root_namespace;
        let near = self.tokens.iter().filter(|(other, _)| *other == root || namespace == root || *other == namespace);
        near.flat_map(|(_, policies)| policies)
            .flat_map(|policy| &policy.providers)
            .filter_map(|provider| provider.issuer.as_ref())
            .collect()
    }

    /// The copies of tokens at which policies look, in the order of the namespaces of what makes them.
    pub(crate) fn token_copies(&self) -> Vec<TokenCopy> {
        let root = &self.platform.root_namespace;
        let looked_at = |namespace: &Symbol, header: &Symbol| {
            let near = self.policies.iter().filter(|(other, _)| *other == root || namespace == root || *other == namespace);
            near.flat_map(|(_, policies)| policies).any(|policy| policy.written.looks_at_copy(header))
        };
        let policies = self.tokens.iter().flat_map(|(namespace, policies)| policies.iter().map(move |policy| (namespace, policy)));
        let copies = policies.flat_map(|(namespace, policy)| {
            let outputs = policy.providers.iter().flat_map(|provider| provider.outputs.iter().map(move |output| (provider, output)));
            outputs.map(move |(provider, output)| (namespace, policy, provider, output))
        });
        let copies = copies.filter(|(namespace, _, _, output)| looked_at(namespace, &output.header));
        let told = copies.map(|(_, policy, provider, output)| TokenCopy {
            document: policy.object.document(None),
            header: Symbol::clone(&output.header),
            issuer: provider.issuer.clone(),
            claim: output.claim.clone(),
            at: policy.attachment.words(),
        });
        told.collect()
    }
}
