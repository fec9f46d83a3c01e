//! Requirements and remarks of a statement.
//!
//! Owns: clauses to requests, issuer, dates and acceptances, with their findings. It must not know the ends of the rule.

use std::collections::{BTreeMap, BTreeSet};

use super::lower::Lowering;
use super::names::unknown;
use crate::config::is_date;
use crate::diagnostic::{Code, Diagnostic, code, nearest};
use crate::flow::{LabelCube, PathPattern, PathSet, RequestCube, RequestSet, Symbol, TokenTest, Transport, Values};
use crate::ir::Acceptance;
use crate::source::{FileId, Location, Spanned};
use crate::syntax::ast::{Clause, GrpcClause, HttpClause, HttpRequest, JwtClause, NameValues, Word};

/// What the clauses of a statement say together.
#[derive(Debug, Clone, Default)]
pub(super) struct Clauses {
    pub(super) mtls: Option<Location>,
    pub(super) plaintext: Option<Location>,
    pub(super) http: Option<Location>,
    pub(super) jwt: Option<(Symbol, Location)>,
    pub(super) until: Option<(String, Location)>,
    pub(super) because: Option<String>,
    pub(super) accepts: Vec<Acceptance>,
    shapes: Vec<RequestCube>,
    token: Option<TokenTest>,
}

impl Clauses {
    /// The requests; everything if neither `http`, `grpc` nor `jwt` stands there.
    pub(super) fn requests(&self) -> RequestSet {
        let token = self.token.clone().unwrap_or(TokenTest::Any);
        if self.http.is_none() && self.token.is_none() {
            return RequestSet::all();
        }
        let any = [RequestCube { token: TokenTest::Any, ..any_request() }];
        let shapes: &[RequestCube] = if self.http.is_some() { &self.shapes } else { &any };
        RequestSet::http(shapes.iter().map(|shape| RequestCube { token: token.clone(), ..shape.clone() }).collect())
    }

    /// The transport that is written, if one is.
    pub(super) fn transport(&self) -> Option<Transport> {
        match (self.mtls, self.plaintext) {
            (Some(_), _) => Some(Transport::Mtls),
            (None, Some(_)) => Some(Transport::Plaintext),
            (None, None) => None,
        }
    }
}

/// Every request.
fn any_request() -> RequestCube {
    RequestCube {
        methods: Values::present(),
        paths: PathSet::any(),
        hosts: Values::present(),
        headers: LabelCube::all(),
        token: TokenTest::Any,
    }
}

impl Lowering<'_> {
    /// Reads the clauses of one statement.
    pub(super) fn clauses(&mut self, file: FileId, list: &[Spanned<Clause>]) -> Clauses {
        let mut clauses = Clauses::default();
        for clause in list {
            let location = Location { file, span: clause.span };
            match &clause.value {
                Clause::Mtls => clauses.mtls = Some(location),
                Clause::Plaintext => clauses.plaintext = Some(location),
                Clause::Http(http) => {
                    clauses.http = Some(location);
                    clauses.shapes.extend(self.http(file, http));
                }
                Clause::Grpc(grpc) => {
                    clauses.http = Some(location);
                    clauses.shapes.extend(self.grpc(file, grpc));
                }
                Clause::Jwt(jwt) => {
                    clauses.token = Some(self.jwt(file, jwt));
                    clauses.jwt = Some((jwt.issuer.value.as_str().into(), location));
                }
                Clause::Until(date) => clauses.until = self.date(file, date),
                Clause::Because(reason) => clauses.because = Some(reason.value.clone()),
                Clause::Accept(word) => clauses.accepts.extend(self.acceptance(file, word)),
            }
        }
        clauses
    }

    fn http(&mut self, file: FileId, http: &HttpClause) -> Vec<RequestCube> {
        let hosts = self.hosts(file, &http.hosts);
        let headers = self.headers(file, &http.headers);
        let mut shapes = Vec::new();
        for request in &http.requests {
            let methods = self.methods(file, request);
            let paths = self.paths(file, request.path.as_ref());
            shapes.push(RequestCube { methods, paths, hosts: hosts.clone(), headers: headers.clone(), token: TokenTest::Any });
        }
        self.missing_parents(file, http);
        shapes
    }

    fn methods(&mut self, file: FileId, request: &HttpRequest) -> Values {
        if request.methods.iter().any(|word| word.value == "*") {
            return Values::present();
        }
        for word in &request.methods {
            let at = Location { file, span: word.span };
            if !word.value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
                let finding = Diagnostic::new(code::INVALID_REQUEST, at, format!("`{}` is no HTTP method", word.value))
                    .label("methods are upper case");
                self.findings.push(finding.fix(format!("write `{}`", word.value.to_uppercase()), at, word.value.to_uppercase()));
            }
        }
        Values::of(request.methods.iter().map(|word| Symbol::from(word.value.as_str())))
    }

    fn paths(&mut self, file: FileId, path: Option<&Word>) -> PathSet {
        let Some(word) = path else { return PathSet::any() };
        match PathPattern::parse(&word.value) {
            Ok(pattern) => PathSet::of([pattern]),
            Err(reason) => {
                let at = Location { file, span: word.span };
                let finding = Diagnostic::new(code::INVALID_PATH, at, format!("the path `{}` cannot be matched as written", word.value))
                    .label(reason);
                self.findings.push(finding.help("`{*}` stands for one segment, `{**}` for the rest of the path; both are whole segments"));
                PathSet::of([])
            }
        }
    }

    /// `/admin/{**}` does not cover `/admin` itself (`semantics.md` §2.7): people mean both.
    fn missing_parents(&mut self, file: FileId, http: &HttpClause) {
        for request in &http.requests {
            let Some(word) = &request.path else { continue };
            let Some(parent) = word.value.strip_suffix("/{**}").filter(|parent| !parent.is_empty() && !parent.contains('{')) else {
                continue;
            };
            let covered = http.requests.iter().filter_map(|other| other.path.as_ref()).any(|other| other.value == parent);
            if covered {
                continue;
            }
            let at = Location { file, span: word.span };
            let methods: Vec<&str> = request.methods.iter().map(|word| word.value.as_str()).collect();
            let both = format!("{}, {} {parent}", word.value, methods.join("|"));
            let finding = Diagnostic::new(code::PATH_WITHOUT_PARENT, at, format!("`{}` does not cover `{parent}` itself", word.value))
                .label(format!("`{parent}/` and below, not `{parent}`"))
                .fix(format!("to cover both, add `{parent}`"), at, both);
            self.findings.push(finding);
        }
    }

    fn hosts(&mut self, file: FileId, hosts: &[Word]) -> Values {
        if hosts.is_empty() {
            return Values::present();
        }
        for word in hosts {
            let letters = word.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            if !letters || word.value.is_empty() {
                let finding =
                    Diagnostic::new(code::INVALID_REQUEST, Location { file, span: word.span }, format!("`{}` is no host name", word.value));
                self.findings
                    .push(finding.label("expected a name without scheme, port or `*`").help("a host is matched with and without a port"));
            }
        }
        Values::of(hosts.iter().map(|word| Symbol::from(word.value.to_ascii_lowercase())))
    }

    fn headers(&mut self, file: FileId, headers: &[NameValues]) -> LabelCube {
        let mut cube = LabelCube::all();
        for header in headers {
            let at = Location { file, span: header.name.span };
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if header.name.value.is_empty() || !header.name.value.bytes().all(token) {
                let finding = Diagnostic::new(code::INVALID_REQUEST, at, format!("`{}` is no header name", header.name.value));
                self.findings.push(finding.label("not a header name").help("a header is written `header x-env=test`"));
            }
            // To the proxy it is `:authority`, and a policy that looks for it as a header finds none (`semantics.md` §2.7).
            if header.name.value.eq_ignore_ascii_case("host") {
                let finding = Diagnostic::new(code::INVALID_REQUEST, at, "the mesh knows no header `host`");
                self.findings
                    .push(finding.label("the host of a request is no header to it").help("a host is written `at shop.example.com`"));
            }
            self.literal_values(file, &header.values, "header");
            let values = Values::of(header.values.iter().map(|word| Symbol::from(word.value.as_str())));
            cube = cube.with(header.name.value.to_ascii_lowercase().into(), values);
        }
        cube
    }

    /// Istio reads a leading or trailing `*` as a wildcard (`semantics.md` §2.5) and refuses an empty value.
    fn literal_values(&mut self, file: FileId, values: &[Word], what: &str) {
        for word in values.iter().filter(|word| word.value.is_empty() || word.value.starts_with('*') || word.value.ends_with('*')) {
            let finding = Diagnostic::new(
                code::INVALID_REQUEST,
                Location { file, span: word.span },
                format!("`{}` cannot be matched as a {what} value", word.value),
            );
            self.findings.push(
                finding
                    .label("empty, or with `*` at an end")
                    .note("the mesh reads `*` at either end of a value as a wildcard")
                    .help("write the values out"),
            );
        }
    }

    /// A gRPC call is a `POST` to `/pkg.Service/Method` (`semantics.md` §2.7).
    fn grpc(&mut self, file: FileId, grpc: &GrpcClause) -> Vec<RequestCube> {
        let all = grpc.methods.is_empty() || grpc.methods.iter().any(|word| word.value == "*");
        let texts: Vec<String> = if all {
            vec![format!("/{}/{{*}}", grpc.service.value)]
        } else {
            grpc.methods.iter().map(|word| format!("/{}/{}", grpc.service.value, word.value)).collect()
        };
        let mut patterns = Vec::new();
        for text in texts {
            match PathPattern::parse(&text) {
                Ok(pattern) => patterns.push(pattern),
                Err(reason) => {
                    let at = Location { file, span: grpc.service.span };
                    self.findings.push(
                        Diagnostic::new(code::INVALID_REQUEST, at, format!("`{}` is no gRPC service", grpc.service.value))
                            .label(reason)
                            .help("write `grpc package.Service/Method`"),
                    );
                }
            }
        }
        vec![RequestCube { methods: Values::one("POST".into()), paths: PathSet::of(patterns), ..any_request() }]
    }

    fn jwt(&mut self, file: FileId, jwt: &JwtClause) -> TokenTest {
        let at = Location { file, span: jwt.issuer.span };
        let Some(issuer) = self.names.issuers.get(jwt.issuer.value.as_str()).copied() else {
            let finding = unknown("issuer", &jwt.issuer.value, at, self.names.issuers.keys().map(|name| &**name));
            self.findings
                .push(finding.help(format!("declare it: `issuer {} = \"https://…\" jwks \"https://…\" audience \"…\"`", jwt.issuer.value)));
            return TokenTest::Valid { issuer: jwt.issuer.value.as_str().into(), claims: BTreeSet::new() };
        };
        self.names.touch(issuer.location);
        let mut claims: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
        for claim in &jwt.claims {
            self.claim_name(file, &claim.name);
            self.literal_values(file, &claim.values, "claim");
            let values = claim.values.iter().map(|word| Symbol::from(word.value.as_str())).collect();
            if claims.insert(claim.name.value.as_str().into(), values).is_some() {
                let at = Location { file, span: claim.name.span };
                let finding = Diagnostic::new(code::DUPLICATE_CLAUSE, at, format!("claim `{}` is written twice", claim.name.value));
                self.findings.push(finding.label("the second time").help("write its values together: `claim groups=admin|ops`"));
            }
        }
        TokenTest::Valid { issuer: issuer.statement.url.value.as_str().into(), claims: claims.into_iter().collect() }
    }

    /// A claim's name goes between brackets in the mesh's own notation, so it cannot hold any.
    fn claim_name(&mut self, file: FileId, name: &Word) {
        if name.value.is_empty() || name.value.contains(['[', ']', '"']) {
            let finding =
                Diagnostic::new(code::INVALID_REQUEST, Location { file, span: name.span }, format!("`{}` is no claim name", name.value));
            self.findings.push(finding.label("empty, or with a bracket or quote").help("write the claim as it stands in the token"));
        }
    }

    fn date(&mut self, file: FileId, word: &Word) -> Option<(String, Location)> {
        let at = Location { file, span: word.span };
        if is_date(&word.value) {
            return Some((word.value.clone(), at));
        }
        let finding = Diagnostic::new(code::INVALID_DATE, at, format!("`{}` is no date", word.value)).label("expected a day that exists");
        self.findings.push(finding.help("write the last day as `2027-03-31`"));
        None
    }

    fn acceptance(&mut self, file: FileId, word: &Word) -> Option<Acceptance> {
        let location = Location { file, span: word.span };
        if let Some(code) = Code::find(&word.value) {
            return Some(Acceptance { code, location });
        }
        let finding =
            Diagnostic::new(code::UNKNOWN_CODE, location, format!("no finding is called `{}`", word.value)).label("accepts nothing");
        self.findings.push(match nearest(&word.value, code::ALL.iter().map(|code| code.name())) {
            Some(near) => finding.fix(format!("did you mean `{near}`?"), location, near),
            None => finding.help("accept a finding by the name in its brackets, as `accept shared-account`"),
        });
        None
    }
}
