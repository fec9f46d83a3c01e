//! Pairs of the grammar to nodes of the tree.
//!
//! Owns: the conversion, with spans in the whole file. It gives no findings and must not judge: what the grammar took is kept. A
//! `None` means that a pair is not of the shape that the grammar promises, which the caller reports.

mod clause;
mod endpoint;

use super::ast::{
    Action, CloseStatement, Direction, ExpectStatement, GroupStatement, IssuerStatement, NamespaceAttribute, NamespaceNames,
    NamespaceStatement, NetworkStatement, Quantifier, RuleStatement, StatementKind, Word, WorkloadFact, WorkloadStatement,
};
use super::grammar::{Pair, Rule};
use crate::source::{Span, Spanned};

/// Converts the pairs of one statement.
#[derive(Debug)]
pub(super) struct Lowering {
    /// What is added to an offset in the statement to have one in the file.
    base: i64,
    /// The end of the last token that was converted: pairs themselves may end in blanks.
    end: u32,
    /// How high the endpoint that was converted last is: parentheses and `but` count.
    height: usize,
    /// Parts that are written twice and that the tree has one place for.
    pub(super) repeated: Vec<(&'static str, Span)>,
    /// An endpoint that is nested too deep to be kept.
    pub(super) too_deep: Option<Span>,
}

/// The pairs inside a pair, in order.
type Inside<'i> = pest::iterators::Pairs<'i, Rule>;

impl Lowering {
    /// A conversion of a statement whose first byte is at `base` in the file.
    pub(super) fn new(base: i64) -> Self {
        Self { base, end: 0, height: 0, repeated: Vec::new(), too_deep: None }
    }

    /// A whole statement, or the start of a head.
    pub(super) fn statement(&mut self, pair: Pair<'_>) -> Option<StatementKind> {
        let rule = pair.as_rule();
        let mut inside = pair.into_inner();
        Some(match rule {
            Rule::namespace_statement | Rule::namespace_start => StatementKind::Namespace(self.namespace(inside)?),
            Rule::close_statement => StatementKind::Close(self.close(inside)?),
            Rule::workload_statement => StatementKind::Workload(self.workload(inside)?),
            Rule::group_statement => {
                inside.next()?;
                let name = self.word(&inside.next()?);
                inside.next()?;
                StatementKind::Group(GroupStatement { name, endpoint: self.endpoint(inside.next()?)? })
            }
            Rule::network_statement => StatementKind::Network(self.network(inside)?),
            Rule::issuer_statement => StatementKind::Issuer(self.issuer(inside)?),
            Rule::rule_statement => StatementKind::Rule(self.rule(inside)?),
            Rule::expect_statement => StatementKind::Expect(self.expectation(inside)?),
            _ => return None,
        })
    }

    /// The inside of a `namespace` without its block.
    fn namespace(&mut self, inside: Inside<'_>) -> Option<NamespaceStatement> {
        let mut statement =
            NamespaceStatement { external: None, names: NamespaceNames::List(Vec::new()), attributes: Vec::new(), body: None };
        for pair in inside {
            match pair.as_rule() {
                Rule::external => statement.external = Some(self.span(&pair)),
                Rule::namespace_labels => statement.names = NamespaceNames::Labels(self.terms(pair.into_inner())?),
                Rule::namespace_name => {
                    if let NamespaceNames::List(names) = &mut statement.names {
                        names.push(self.word(&pair));
                    }
                }
                Rule::namespace_word | Rule::EOI => {}
                _ => {
                    let start = self.span(&pair);
                    let attribute = self.namespace_attribute(pair)?;
                    statement.attributes.push(Spanned::new(attribute, self.from(start)));
                }
            }
        }
        Some(statement)
    }

    /// One attribute of a namespace.
    fn namespace_attribute(&mut self, pair: Pair<'_>) -> Option<NamespaceAttribute> {
        let rule = pair.as_rule();
        let mut inside = pair.into_inner();
        inside.next()?;
        Some(match rule {
            Rule::labels_attribute => NamespaceAttribute::Labels(each(inside, |assignment| self.assignment(assignment))?),
            Rule::mesh_attribute => NamespaceAttribute::Mesh(self.word(&inside.next()?)),
            Rule::waypoint_attribute => NamespaceAttribute::Waypoint(self.word(&inside.next()?)),
            Rule::open_attribute => NamespaceAttribute::Open(inside.map(|word| self.word(&word)).collect()),
            _ => return None,
        })
    }

    /// `env=prod`.
    fn assignment(&mut self, pair: Pair<'_>) -> Option<(Word, Word)> {
        let mut inside = pair.into_inner();
        let key = self.word(&inside.next()?);
        inside.next()?;
        Some((key, self.word(&inside.next()?)))
    }

    /// The inside of a `close`.
    fn close(&mut self, inside: Inside<'_>) -> Option<CloseStatement> {
        let mut directions = Vec::new();
        for pair in inside {
            match pair.as_rule() {
                Rule::close_word => {}
                Rule::direction => directions.push(self.direction(&pair)),
                _ => return Some(CloseStatement { directions, pods: self.endpoint(pair)? }),
            }
        }
        None
    }

    /// `in` or `out`.
    fn direction(&mut self, pair: &Pair<'_>) -> Spanned<Direction> {
        let direction = if pair.as_str() == "in" { Direction::In } else { Direction::Out };
        Spanned::new(direction, self.span(pair))
    }

    /// The inside of a `workload`.
    fn workload(&mut self, mut inside: Inside<'_>) -> Option<WorkloadStatement> {
        inside.next()?;
        let name = self.word(&inside.next()?);
        inside.next()?;
        let labels = inside.next()?.into_inner();
        let is_every_pod = labels.peek().is_some_and(|pair| pair.as_rule() == Rule::every_pod);
        let labels = if is_every_pod { Vec::new() } else { self.terms(labels)? };
        let mut facts = Vec::new();
        for pair in inside.filter(|pair| pair.as_rule() != Rule::EOI) {
            let start = self.span(&pair);
            let fact = self.workload_fact(pair)?;
            facts.push(Spanned::new(fact, self.from(start)));
        }
        Some(WorkloadStatement { name, labels, facts })
    }

    /// One fact about a workload.
    fn workload_fact(&mut self, pair: Pair<'_>) -> Option<WorkloadFact> {
        match pair.as_rule() {
            Rule::unmeshed => Some(WorkloadFact::Unmeshed),
            Rule::account_fact => Some(WorkloadFact::Account(self.word(&pair.into_inner().nth(1)?))),
            Rule::port_fact => {
                let mut inside = pair.into_inner().nth(1)?.into_inner();
                let name = self.word(&inside.next()?);
                let digits = inside.nth(1)?;
                let number = Spanned::new(number(digits.as_str()), self.span(&digits));
                Some(WorkloadFact::Port { name, number, protocol: inside.next().map(|word| self.word(&word)) })
            }
            _ => None,
        }
    }

    /// The inside of a `network`.
    fn network(&mut self, mut inside: Inside<'_>) -> Option<NetworkStatement> {
        inside.next()?;
        let name = self.word(&inside.next()?);
        let (mut blocks, mut except) = (Vec::new(), Vec::new());
        for pair in inside {
            match pair.as_rule() {
                Rule::block => blocks.push(self.address_text(&pair)),
                Rule::network_exceptions => except = pair.into_inner().skip(1).map(|block| self.address_text(&block)).collect(),
                _ => {}
            }
        }
        Some(NetworkStatement { name, blocks, except })
    }

    /// The inside of an `issuer`. A fact that is written twice is kept as its first.
    fn issuer(&mut self, mut inside: Inside<'_>) -> Option<IssuerStatement> {
        inside.next()?;
        let name = self.word(&inside.next()?);
        let url = self.word(&inside.nth(1)?);
        let mut statement = IssuerStatement { name, url, jwks: None, audiences: Vec::new() };
        for pair in inside {
            let rule = pair.as_rule();
            let place = self.span(&pair);
            let texts = pair.into_inner().skip(1).map(|text| self.word(&text)).collect::<Vec<_>>();
            match rule {
                Rule::jwks_fact if statement.jwks.is_none() => statement.jwks = texts.into_iter().next(),
                Rule::audience_fact if statement.audiences.is_empty() => statement.audiences = texts,
                Rule::jwks_fact => self.repeated.push(("jwks", self.from(place))),
                Rule::audience_fact => self.repeated.push(("audience", self.from(place))),
                _ => {}
            }
        }
        Some(statement)
    }

    /// The inside of `allow`, `deny` and `audit`.
    fn rule(&mut self, mut inside: Inside<'_>) -> Option<RuleStatement> {
        let action = match inside.next()?.as_str() {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            _ => Action::Audit,
        };
        let mut next = inside.next()?;
        let mut direction = None;
        if next.as_rule() == Rule::direction {
            direction = Some(self.direction(&next));
            next = inside.next()?;
        }
        let source = self.endpoint(next)?;
        let destination = self.endpoint(inside.nth(1)?)?;
        Some(RuleStatement { action, direction, source, destination, clauses: self.clauses(inside)? })
    }

    /// The inside of an `expect`.
    fn expectation(&mut self, mut inside: Inside<'_>) -> Option<ExpectStatement> {
        let word = inside.nth(1)?;
        let quantifier = match word.as_str() {
            "allow" => Quantifier::Allow,
            "deny" => Quantifier::Deny,
            "some" => Quantifier::Some,
            _ => Quantifier::Only,
        };
        let quantifier = Spanned::new(quantifier, self.span(&word));
        let source = self.endpoint(inside.next()?)?;
        let destination = self.endpoint(inside.nth(1)?)?;
        Some(ExpectStatement { quantifier, source, destination, clauses: self.clauses(inside)? })
    }

    /// The text of a token, without its quotes if it has any.
    fn word(&mut self, pair: &Pair<'_>) -> Word {
        Spanned::new(unquoted(pair.as_str()), self.span(pair))
    }

    /// The text of a block of addresses, without brackets.
    fn address_text(&mut self, pair: &Pair<'_>) -> Word {
        Spanned::new(pair.as_str().trim_matches(['[', ']']).to_owned(), self.span(pair))
    }

    /// Where a pair stands in the file; for a token exactly, for a longer rule perhaps with blanks behind it.
    fn span(&mut self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        let place = |offset: usize| usize::try_from(self.base.saturating_add_unsigned(offset as u64)).unwrap_or_default();
        let span = Span::new(place(span.start()), place(span.end()));
        self.end = span.end;
        span
    }

    /// From the start of a span to the last token that was converted.
    fn from(&self, start: Span) -> Span {
        Span { start: start.start, end: self.end }
    }
}

/// Converts every pair; a list of the exact size, because a tree holds very many short ones.
fn each<T>(inside: Inside<'_>, mut convert: impl FnMut(Pair<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut list = Vec::with_capacity(inside.len());
    for pair in inside {
        list.push(convert(pair)?);
    }
    Some(list)
}

/// Digits as a number, cut at `u32::MAX`.
fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(u32::MAX)
}

/// A text without its quotes and escapes, if it has any.
fn unquoted(text: &str) -> String {
    let Some(inside) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
    }
    plain
}
