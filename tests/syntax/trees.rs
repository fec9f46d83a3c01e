//! Random trees of the language, and trees as short text.

use std::fmt::Write as _;

use proptest::prelude::*;
use twogate::format;
use twogate::source::{Span, Spanned};
use twogate::syntax::ast::*;

/// A value at no place.
fn here<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::default())
}

fn word(pattern: &'static str) -> impl Strategy<Value = Word> {
    pattern.prop_map(here)
}

/// Any text that may stand in quotes.
fn text() -> impl Strategy<Value = Word> {
    "[a-zA-Z0-9 #\"\\\\{}()|,:;=@!*<>/.üß→-]{0,12}".prop_map(here)
}

/// A value: a word, a keyword, or anything in quotes.
fn value() -> impl Strategy<Value = Word> {
    prop_oneof![
        4 => word("[a-zA-Z0-9]{1,4}([-_.]{1,2}[a-z0-9]{1,3}){0,2}"),
        1 => prop::sample::select(vec!["allow", "or", "in", "mtls", "namespace", "*"]).prop_map(|word| here(word.to_owned())),
        1 => text(),
    ]
}

/// A name that is no keyword.
fn name() -> impl Strategy<Value = Word> {
    word("[a-z][a-z0-9]{0,3}[-_.]?x")
}

fn key() -> impl Strategy<Value = Word> {
    prop_oneof![
        word("[a-z][a-z0-9.-]{0,5}x(/[a-z]{1,3})?"),
        prop::sample::select(vec!["allow", "or", "in", "as"]).prop_map(|word| here(word.to_owned()))
    ]
}

fn values() -> impl Strategy<Value = Vec<Word>> {
    prop::collection::vec(value(), 1..3)
}

fn term() -> impl Strategy<Value = LabelTerm> {
    let test = prop_oneof![
        4 => values().prop_map(LabelTest::In),
        1 => values().prop_map(LabelTest::NotIn),
        1 => Just(LabelTest::Present),
        1 => Just(LabelTest::Absent),
    ];
    (key(), test).prop_map(|(key, test)| LabelTerm { span: Span::default(), key, test })
}

fn terms() -> impl Strategy<Value = Vec<LabelTerm>> {
    prop::collection::vec(term(), 1..3)
}

fn at() -> impl Strategy<Value = Option<Spanned<NamespaceTest>>> {
    prop::option::of(prop_oneof![
        values().prop_map(NamespaceTest::Names),
        values().prop_map(NamespaceTest::NotNames),
        Just(NamespaceTest::Any),
        terms().prop_map(NamespaceTest::Labels),
    ])
    .prop_map(|test| test.map(here))
}

fn endpoint(kind: EndpointKind) -> Endpoint {
    Endpoint { span: Span::default(), kind, ports: None }
}

fn simple() -> impl Strategy<Value = Endpoint> {
    let at_once = prop::sample::select(vec![
        EndpointKind::Internet,
        EndpointKind::Outside,
        EndpointKind::Nodes,
        EndpointKind::Apiserver,
        EndpointKind::Metadata,
        EndpointKind::Anywhere,
    ]);
    prop_oneof![
        6 => (prop::collection::vec(term(), 0..3), at()).prop_map(|(terms, at)| EndpointKind::Labels { terms, at }),
        3 => (name(), at()).prop_map(|(name, at)| EndpointKind::Name { name, at }),
        1 => (value(), at()).prop_map(|(name, at)| EndpointKind::Account { name, at }),
        1 => prop_oneof![word("10\\.[0-9]{1,2}\\.0\\.0/[0-9]{1,2}"), word("10\\.[0-9]{1,2}\\.0\\.1"), word("2001:db8:[0-9a-f]{1,3}::/48"), word("::1")].prop_map(EndpointKind::Address),
        1 => text().prop_map(EndpointKind::Host),
        1 => at_once,
    ]
    .prop_map(endpoint)
}

/// An endpoint without ports.
fn portless() -> impl Strategy<Value = Endpoint> {
    simple().prop_recursive(3, 12, 3, |inner| {
        let operand = prop_oneof![simple(), inner.clone().prop_map(|inside| endpoint(EndpointKind::Group(Box::new(inside))))].boxed();
        let without =
            (operand.clone(), operand.clone()).prop_map(|(left, right)| endpoint(EndpointKind::But(Box::new(left), Box::new(right))));
        let alternative = prop_oneof![operand.clone(), without.clone()];
        let either = prop::collection::vec(alternative, 2..4).prop_map(|list| endpoint(EndpointKind::Or(list)));
        prop_oneof![operand, without, either]
    })
}

fn ports() -> impl Strategy<Value = Ports> {
    let port = prop_oneof![
        any::<u16>().prop_map(|port| PortTest::Number(port.into())),
        (any::<u16>(), any::<u16>()).prop_map(|(low, high)| PortTest::Range(low.into(), high.into())),
        Just(PortTest::Any),
        "[a-z]{1,4}(-[0-9]{1,2})?|in|or|80-http".prop_map(PortTest::Name),
    ];
    let protocol = prop::option::of(word("tcp|udp|sctp|xyz"));
    let item = (port, protocol).prop_map(|(port, protocol)| PortItem { span: Span::default(), port, protocol });
    prop::collection::vec(item, 1..4).prop_map(|items| Ports { span: Span::default(), items })
}

/// A destination: ports behind all alternatives or behind none.
fn destination() -> impl Strategy<Value = Endpoint> {
    (portless(), prop::collection::vec(ports(), 4), any::<bool>()).prop_map(|(mut destination, ports, with)| {
        if with {
            match &mut destination.kind {
                EndpointKind::Or(alternatives) => alternatives.iter_mut().zip(ports).for_each(|(one, ports)| one.ports = Some(ports)),
                _ => destination.ports = ports.into_iter().next(),
            }
        }
        destination
    })
}

fn named_values() -> impl Strategy<Value = Vec<NameValues>> {
    prop::collection::vec((value(), values()).prop_map(|(name, values)| NameValues { name, values }), 0..3).prop_map(|mut list| {
        list.dedup_by_key(|one| one.name.value.to_ascii_lowercase());
        list
    })
}

fn http() -> impl Strategy<Value = Clause> {
    let path = prop_oneof![word("/([a-z0-9]{1,4}|\\{\\*\\}|[-._~%!$&'*+;=:@])(/\\{\\*\\*\\})?"), text()];
    let methods = prop_oneof![prop::collection::vec(word("GET|POST|M-SEARCH"), 1..3), Just(vec![here("*".to_owned())])];
    let request = (methods, prop::option::of(path)).prop_map(|(methods, path)| HttpRequest { methods, path });
    (prop::collection::vec(request, 1..4), prop::collection::vec(value(), 0..2), named_values())
        .prop_map(|(requests, hosts, headers)| Clause::Http(HttpClause { requests, hosts, headers: headers.into_iter().take(1).collect() }))
}

fn clause() -> impl Strategy<Value = Clause> {
    prop_oneof![
        Just(Clause::Mtls),
        http(),
        (word("[a-z]{1,3}(\\.[A-Za-z_]{1,4}x)?"), prop::collection::vec(word("[A-Z][a-z_]{0,4}x"), 0..3))
            .prop_map(|(service, methods)| Clause::Grpc(GrpcClause { service, methods })),
        (name(), named_values()).prop_map(|(issuer, claims)| Clause::Jwt(JwtClause { issuer, claims })),
        word("20[0-9]{2}-[0-9]{2}-[0-9]{2}").prop_map(Clause::Until),
        text().prop_map(Clause::Because),
        word("[a-z]{1,6}(-[a-z]{1,6})?").prop_map(Clause::Accept),
    ]
}

/// Clauses that may stand together on an `allow`.
fn clauses() -> impl Strategy<Value = Vec<Spanned<Clause>>> {
    prop::collection::vec(clause(), 0..5).prop_map(|clauses| {
        let mut kept: Vec<Clause> = Vec::new();
        for clause in clauses {
            let same = |other: &Clause| {
                std::mem::discriminant(other) == std::mem::discriminant(&clause)
                    || matches!((other, &clause), (Clause::Http(_), Clause::Grpc(_)) | (Clause::Grpc(_), Clause::Http(_)))
            };
            if matches!(clause, Clause::Accept(_)) || !kept.iter().any(same) {
                kept.push(clause);
            }
        }
        kept.into_iter().map(here).collect()
    })
}

fn rule() -> impl Strategy<Value = StatementKind> {
    let direction = prop::option::of(prop_oneof![Just(Direction::In), Just(Direction::Out)]).prop_map(|direction| direction.map(here));
    let allow = (direction, portless(), destination(), clauses()).prop_map(|(direction, source, destination, clauses)| {
        StatementKind::Rule(RuleStatement { action: Action::Allow, direction, source, destination, clauses })
    });
    let other =
        (prop_oneof![Just(Action::Deny), Just(Action::Audit)], portless(), destination()).prop_map(|(action, source, destination)| {
            StatementKind::Rule(RuleStatement { action, direction: None, source, destination, clauses: Vec::new() })
        });
    prop_oneof![3 => allow, 1 => other]
}

fn expectation() -> impl Strategy<Value = StatementKind> {
    let quantifier = prop_oneof![Just(Quantifier::Allow), Just(Quantifier::Deny), Just(Quantifier::Some), Just(Quantifier::Only)];
    let clauses = prop_oneof![Just(vec![]), Just(vec![here(Clause::Plaintext)]), Just(vec![here(Clause::Mtls)])];
    (quantifier, portless(), destination(), clauses).prop_map(|(quantifier, source, destination, clauses)| {
        StatementKind::Expect(ExpectStatement { quantifier: here(quantifier), source, destination, clauses })
    })
}

fn workload() -> impl Strategy<Value = StatementKind> {
    let fact =
        prop_oneof![
            value().prop_map(WorkloadFact::Account),
            (word("[a-z]{1,4}|in"), any::<u16>(), prop::option::of(word("tcp|udp")))
                .prop_map(|(name, number, protocol)| WorkloadFact::Port { name, number: here(number.into()), protocol }),
            Just(WorkloadFact::Unmeshed),
        ];
    (name(), prop::collection::vec(term(), 0..3), prop::collection::vec(fact, 0..3)).prop_map(|(name, labels, facts)| {
        let mut kept: Vec<WorkloadFact> = Vec::new();
        for fact in facts {
            let same = |other: &WorkloadFact| std::mem::discriminant(other) == std::mem::discriminant(&fact);
            if matches!(fact, WorkloadFact::Port { .. }) || !kept.iter().any(same) {
                kept.push(fact);
            }
        }
        StatementKind::Workload(WorkloadStatement { name, labels, facts: kept.into_iter().map(here).collect() })
    })
}

fn declaration() -> impl Strategy<Value = StatementKind> {
    let directions = prop::sample::select(vec![vec![], vec![Direction::In], vec![Direction::Out], vec![Direction::In, Direction::Out]]);
    let blocks = || prop::collection::vec(word("10\\.[0-9]{1,2}\\.0\\.0/[0-9]{1,2}|2001:db8::/[0-9]{2}|192\\.0\\.2\\.1"), 1..4);
    prop_oneof![
        (directions, portless()).prop_map(|(directions, pods)| StatementKind::Close(CloseStatement {
            directions: directions.into_iter().map(here).collect(),
            pods
        })),
        (name(), portless()).prop_map(|(name, endpoint)| StatementKind::Group(GroupStatement { name, endpoint })),
        (name(), blocks(), prop_oneof![Just(vec![]), blocks().boxed()])
            .prop_map(|(name, blocks, except)| StatementKind::Network(NetworkStatement { name, blocks, except })),
        (name(), text(), prop::option::of(text()), prop::collection::vec(text(), 0..3))
            .prop_map(|(name, url, jwks, audiences)| StatementKind::Issuer(IssuerStatement { name, url, jwks, audiences })),
    ]
}

/// A statement without a block.
pub(crate) fn statement() -> impl Strategy<Value = StatementKind> {
    prop_oneof![5 => rule(), 2 => expectation(), 2 => workload(), 2 => declaration()]
}

fn namespace() -> impl Strategy<Value = NamespaceStatement> {
    let label = (key(), value());
    let attributes = (
        prop::option::of(prop::collection::vec(label, 1..3).prop_map(NamespaceAttribute::Labels)),
        prop::option::of(word("none|sidecar|ambient").prop_map(NamespaceAttribute::Mesh)),
        prop::option::of(value().prop_map(NamespaceAttribute::Waypoint)),
        prop::option::of(prop::sample::select(vec![vec!["ingress"], vec!["egress"], vec!["egress", "ingress"]])),
    )
        .prop_map(|(labels, mesh, waypoint, open)| {
            let open = open.map(|words| NamespaceAttribute::Open(words.into_iter().map(|word| here(word.to_owned())).collect()));
            [waypoint, labels, open, mesh].into_iter().flatten().map(here).collect()
        });
    let names = prop_oneof![prop::collection::vec(value(), 1..3).prop_map(NamespaceNames::List), terms().prop_map(NamespaceNames::Labels)];
    (names, attributes).prop_map(|(names, attributes)| NamespaceStatement { external: None, names, attributes, body: None })
}

/// An item around a statement.
pub(crate) fn item(kind: StatementKind) -> Item {
    let statement = Statement { span: Span::default(), kind, comments: Vec::new() };
    Item { span: Span::default(), gap: Gap::None, kind: ItemKind::Statement(statement) }
}

/// A file: statements, and blocks with statements in them.
pub(crate) fn file() -> impl Strategy<Value = File> {
    let block = (namespace(), prop::collection::vec(statement(), 0..4)).prop_map(|(mut namespace, inside)| {
        namespace.body = Some(Block { span: Span::default(), items: inside.into_iter().map(item).collect() });
        StatementKind::Namespace(namespace)
    });
    prop::collection::vec(prop_oneof![3 => statement(), 1 => block], 0..6)
        .prop_map(|kinds| File { items: kinds.into_iter().map(item).collect() })
}

/// A file as text, one statement a line.
pub(crate) fn written(file: &File) -> String {
    let mut out = String::new();
    write_items(&file.items, &mut out);
    out
}

fn write_items(items: &[Item], out: &mut String) {
    for item in items {
        let ItemKind::Statement(statement) = &item.kind else { continue };
        out.push_str(&format::statement(statement));
        if let StatementKind::Namespace(NamespaceStatement { body: Some(body), .. }) = &statement.kind {
            out.push_str(" {\n");
            write_items(&body.items, out);
            out.push('}');
        }
        out.push('\n');
    }
}

/// A tree as short text: places left out.
pub(crate) fn outline(file: &File) -> String {
    let mut out = String::new();
    outline_items(&file.items, 0, &mut out);
    out
}

fn outline_items(items: &[Item], depth: usize, out: &mut String) {
    for item in items {
        let blank = if item.gap == Gap::Blank { "\n" } else { "" };
        let text = match &item.kind {
            ItemKind::Comment(text) => format!("comment{text}"),
            ItemKind::Broken => "broken".to_owned(),
            ItemKind::Statement(statement) => {
                let mut kind = statement.kind.clone();
                if let StatementKind::Namespace(namespace) = &mut kind {
                    namespace.body.iter_mut().for_each(|body| body.items.clear());
                }
                let comments: Vec<_> = statement.comments.iter().map(|comment| comment.text.as_str()).collect();
                let comments = if comments.is_empty() { String::new() } else { format!("  comments {comments:?}") };
                format!("{}{comments}", without_places(&format!("{kind:?}")))
            }
        };
        writeln!(out, "{blank}{}{text}", "    ".repeat(depth)).unwrap();
        if let ItemKind::Statement(Statement { kind: StatementKind::Namespace(NamespaceStatement { body: Some(body), .. }), .. }) =
            &item.kind
        {
            outline_items(&body.items, depth + 1, out);
        }
    }
}

/// The text of a value without its spans and without the wrappers that carry them.
fn without_places(debug: &str) -> String {
    let mut text = debug.to_owned();
    while let Some(start) = text.find("span: Span {") {
        let end = start + text[start..].find('}').unwrap() + 1;
        let (start, end) = match (text[..start].ends_with(", "), text[end..].starts_with(", ")) {
            (true, _) => (start - 2, end),
            (false, true) => (start, end + 2),
            (false, false) => (start, end),
        };
        text.replace_range(start..end, "");
    }
    while let Some(start) = text.find("Span { start") {
        let end = start + text[start..].find('}').unwrap() + 1;
        text.replace_range(start..end, "here");
    }
    while let Some(start) = text.find("Spanned { value: ") {
        let inside = start + "Spanned { value: ".len();
        let end = inside + closing_brace(&text[inside..]);
        text.replace_range(end - 1..=end, "");
        text.replace_range(start..inside, "");
    }
    text
}

/// Where the brace closes that is open at the start of a debug text.
fn closing_brace(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted && depth == 0 => return at,
            '}' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    text.len()
}
