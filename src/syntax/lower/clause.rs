//! Requirements and remarks.
//!
//! Owns: the clauses of rules and expectations, as written. It must not judge which statement may carry which.

use super::{Inside, Lowering};
use crate::source::Spanned;
use crate::syntax::ast::{Clause, GrpcClause, HttpClause, HttpRequest, JwtClause, NameValues, Word};
use crate::syntax::grammar::{Pair, Rule};

impl Lowering {
    /// All clauses that are left of a statement.
    pub(super) fn clauses(&mut self, inside: Inside<'_>) -> Option<Vec<Spanned<Clause>>> {
        let mut clauses = Vec::with_capacity(inside.len().saturating_sub(1));
        for pair in inside.filter(|pair| pair.as_rule() != Rule::EOI) {
            let start = self.span(&pair);
            let clause = self.clause(pair)?;
            clauses.push(Spanned::new(clause, self.from(start)));
        }
        Some(clauses)
    }

    /// One clause.
    fn clause(&mut self, pair: Pair<'_>) -> Option<Clause> {
        let rule = pair.as_rule();
        let mut inside = pair.into_inner();
        inside.next();
        Some(match rule {
            Rule::mtls => Clause::Mtls,
            Rule::plaintext => Clause::Plaintext,
            Rule::http => Clause::Http(self.http(inside)?),
            Rule::grpc => Clause::Grpc(self.grpc(inside.next()?.into_inner())?),
            Rule::jwt => Clause::Jwt(self.jwt(inside)?),
            Rule::until => Clause::Until(self.word(&inside.next()?)),
            Rule::because => Clause::Because(self.word(&inside.next()?)),
            Rule::accept => Clause::Accept(self.word(&inside.next()?)),
            _ => return None,
        })
    }

    /// `GET|HEAD /v1/{**}, POST /v1/orders at shop.example.com header x-env=test`.
    fn http(&mut self, inside: Inside<'_>) -> Option<HttpClause> {
        let mut clause = HttpClause { requests: Vec::new(), hosts: Vec::new(), headers: Vec::new() };
        for pair in inside {
            match pair.as_rule() {
                Rule::request => {
                    let request = self.request(pair.into_inner());
                    clause.requests.push(request);
                }
                Rule::at_hosts => {
                    let place = self.span(&pair);
                    let hosts = pair.into_inner().skip(1).map(|host| self.word(&host)).collect();
                    if clause.hosts.is_empty() { clause.hosts = hosts } else { self.repeated.push(("at", self.from(place))) }
                }
                Rule::header => {
                    let header = self.named_values(pair.into_inner().nth(1)?)?;
                    clause.headers.push(header);
                }
                _ => return None,
            }
        }
        Some(clause)
    }

    /// `GET|HEAD /v1/{**}`.
    fn request(&mut self, inside: Inside<'_>) -> HttpRequest {
        let mut request = HttpRequest { methods: Vec::new(), path: None };
        for pair in inside {
            let word = self.word(&pair);
            if pair.as_rule() == Rule::path { request.path = Some(word) } else { request.methods.push(word) }
        }
        request
    }

    /// `pkg.Service/Get|List`.
    fn grpc(&mut self, mut inside: Inside<'_>) -> Option<GrpcClause> {
        let service = self.word(&inside.next()?);
        let mut methods = Vec::new();
        for pair in inside {
            let method = self.word(&pair);
            if pair.as_rule() == Rule::grpc_method {
                methods.push(method);
            }
        }
        Some(GrpcClause { service, methods })
    }

    /// `corp claim groups=admin|ops`.
    fn jwt(&mut self, mut inside: Inside<'_>) -> Option<JwtClause> {
        let issuer: Word = self.word(&inside.next()?);
        let claims = inside.map(|claim| self.named_values(claim.into_inner().nth(1)?)).collect::<Option<_>>()?;
        Some(JwtClause { issuer, claims })
    }

    /// `groups=admin|ops`.
    fn named_values(&mut self, pair: Pair<'_>) -> Option<NameValues> {
        let mut inside = pair.into_inner();
        let name = self.word(&inside.next()?);
        let values = inside.skip(1).map(|value| self.word(&value)).collect();
        Some(NameValues { name, values })
    }
}
