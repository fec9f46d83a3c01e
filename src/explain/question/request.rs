//! The one request of a flow.
//!
//! Owns: `read`. A flow asks about a request that somebody sends, so patterns and alternatives are findings here.

use std::collections::{BTreeMap, BTreeSet};

use super::super::subject;
use super::draft::{Draft, Written};
use crate::diagnostic::Diagnostic;
use crate::flow::{Labels, Request, RequestSet, Symbol, Token, TokenTest};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Clause, GrpcClause, HttpClause, JwtClause, Word};

/// The request that the clauses and a URL ask for, to a host; none where neither says so.
pub(super) fn read(
    draft: &Draft<'_>,
    clauses: &[Spanned<Clause>],
    requests: &RequestSet,
    host: &(Symbol, Option<Symbol>),
) -> Result<Option<Request>, Box<Diagnostic>> {
    let (host, path) = host;
    let mut shape = path.as_ref().map(|path| {
        let method = draft.method.map_or("GET", |method| draft.slice(method));
        Shape { method: method.into(), path: path.clone(), host: host.clone(), headers: Labels::new() }
    });
    let mut token = Token::None;
    for clause in clauses {
        let own = match &clause.value {
            Clause::Http(http) => self::http(draft, http, host)?,
            Clause::Grpc(grpc) => self::grpc(draft, grpc, host)?,
            Clause::Jwt(jwt) => {
                token = self::token(draft, jwt, requests)?;
                continue;
            }
            _ => continue,
        };
        if shape.is_some() {
            let Written::Object(word) = &draft.destination else { continue };
            let finding = draft.unclear(word.span, "the URL and `http` each name a request").label("one request");
            return Err(Box::new(finding.help("write only the method behind a URL: `http://api.shop/v1/x POST`")));
        }
        shape = Some(own);
    }
    if let Some(span) = draft.no_subject.filter(|_| token == Token::None) {
        let finding = draft.unclear(span, "`no-sub` says of a token that it has no subject, and there is none");
        return Err(Box::new(finding.label("of which token?").help("write whose it is before it: `jwt ISSUER no-sub`")));
    }
    if let Some(span) = draft.bad_token {
        if token != Token::None {
            let finding = draft.unclear(span, "`jwt` and `bad-jwt` each say something of the token").label("does it verify or not?");
            return Err(Box::new(finding.help("leave one of them out")));
        }
        token = Token::Unverified;
    }
    if shape.is_none() && token == Token::None {
        return Ok(None);
    }
    let shape = shape.unwrap_or_else(|| Shape { method: "GET".into(), path: "/".into(), host: host.clone(), headers: Labels::new() });
    Ok(Some(Request { method: shape.method, path: shape.path, host: shape.host, headers: shape.headers, token }))
}

/// A request but for its token.
struct Shape {
    method: Symbol,
    path: Symbol,
    host: Symbol,
    headers: Labels,
}

fn http(draft: &Draft<'_>, http: &HttpClause, host: &Symbol) -> Result<Shape, Box<Diagnostic>> {
    let request = one(draft, &http.requests, |request| request.methods.first().map(|word| word.span), "request")?;
    let method = one(draft, &request.methods, |word: &Word| Some(word.span), "method")?;
    if method.value == "*" {
        return Err(Box::new(not_one(draft, method.span, "method")));
    }
    let path: Symbol = match &request.path {
        Some(path) if path.value.contains(['{', '*']) => return Err(Box::new(not_one(draft, path.span, "path"))),
        Some(path) => draft.sent_path().unwrap_or(&path.value).into(),
        None => "/".into(),
    };
    let host = match http.hosts.as_slice() {
        [] => host.clone(),
        hosts => {
            let named = one(draft, hosts, |word: &Word| Some(word.span), "host")?.value.to_ascii_lowercase();
            draft.sent_host().unwrap_or(&named).into()
        }
    };
    let mut headers = Labels::new();
    for header in &http.headers {
        let value = one(draft, &header.values, |word: &Word| Some(word.span), "value")?;
        headers.insert(header.name.value.to_ascii_lowercase().into(), value.value.as_str().into());
    }
    Ok(Shape { method: method.value.as_str().into(), path, host, headers })
}

/// A gRPC call is a `POST` (`semantics.md` §2.7).
fn grpc(draft: &Draft<'_>, grpc: &GrpcClause, host: &Symbol) -> Result<Shape, Box<Diagnostic>> {
    let method = match grpc.methods.as_slice() {
        [only] if only.value != "*" => only,
        _ => return Err(Box::new(not_one(draft, grpc.service.span, "method"))),
    };
    let path = format!("/{}/{}", grpc.service.value, method.value).into();
    Ok(Shape { method: "POST".into(), path, host: host.clone(), headers: Labels::new() })
}

/// A valid token with every claim that is written, by its name, and a subject unless it is asked for without.
fn token(draft: &Draft<'_>, jwt: &JwtClause, requests: &RequestSet) -> Result<Token, Box<Diagnostic>> {
    let issuer = requests.cubes.iter().find_map(|cube| match &cube.token {
        TokenTest::Valid { issuer, .. } => Some(issuer.clone()),
        TokenTest::Any => None,
    });
    let mut claims: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
    for claim in &jwt.claims {
        let values = claim.values.iter().map(|word| Symbol::from(word.value.as_str()));
        claims.entry(claim.name.value.as_str().into()).or_default().extend(values);
    }
    match draft.no_subject {
        Some(span) if claims.contains_key("sub") => {
            let finding = draft.unclear(span, "`no-sub` and `claim sub` each say something of the token's subject");
            return Err(Box::new(finding.label("with or without one?").help("leave one of them out")));
        }
        Some(_) => {}
        None => subject::add_to(&mut claims),
    }
    Ok(Token::Valid { issuer: issuer.unwrap_or_else(|| jwt.issuer.value.as_str().into()), claims })
}

/// The only element of a list; a finding at the second one.
fn one<'a, T>(draft: &Draft<'_>, list: &'a [T], place: impl Fn(&T) -> Option<Span>, what: &str) -> Result<&'a T, Box<Diagnostic>> {
    match list {
        [only] => Ok(only),
        _ => Err(Box::new(not_one(draft, list.get(1).and_then(place).unwrap_or_default(), what))),
    }
}

fn not_one(draft: &Draft<'_>, hidden: Span, what: &str) -> Diagnostic {
    draft
        .unclear(draft.hidden().back(hidden), format!("a flow is one request, and this is not one {what}"))
        .label(format!("which {what}?"))
        .help("write a request as somebody sends it: `GET /v1/orders/7`")
}
