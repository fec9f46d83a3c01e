//! Endpoints, label tests and ports.
//!
//! Owns: the precedence of `but` over `or`, and of the port over `but`. It must not judge where a port may stand.

use super::{Inside, Lowering, each, number};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Endpoint, EndpointKind, LabelTerm, LabelTest, NamespaceTest, PortItem, PortTest, Ports};
use crate::syntax::cut::MAX_DEPTH;
use crate::syntax::grammar::{Pair, Rule};

impl Lowering {
    /// `A or B but C:443`, a flat list in the grammar.
    pub(super) fn endpoint(&mut self, pair: Pair<'_>) -> Option<Endpoint> {
        let mut alternatives: Vec<Endpoint> = Vec::new();
        let mut current: Option<Endpoint> = None;
        let mut left: Option<Endpoint> = None;
        let (mut highest, mut height) = (0, 0);
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::joint => {
                    let done = without(left.take(), current.take()?);
                    if pair.as_str() == "or" {
                        alternatives.push(done);
                        height = 0;
                    } else {
                        left = Some(done);
                        height += 1;
                    }
                }
                Rule::ports => {
                    let ports = self.ports(pair)?;
                    let endpoint = current.as_mut()?;
                    endpoint.span = endpoint.span.to(ports.span);
                    endpoint.ports = Some(ports);
                }
                _ => {
                    let place = self.span(&pair);
                    self.height = 0;
                    current = Some(self.primary(pair)?);
                    height = height.max(self.height + usize::from(left.is_some()));
                    highest = highest.max(height);
                    if height > MAX_DEPTH {
                        self.too_deep = Some(place);
                        return None;
                    }
                }
            }
        }
        self.height = highest;
        let last = without(left, current?);
        if alternatives.is_empty() {
            return Some(last);
        }
        alternatives.push(last);
        let span = alternatives.first()?.span.to(alternatives.last()?.span);
        Some(Endpoint { span, kind: EndpointKind::Or(alternatives), ports: None })
    }

    /// An endpoint without `or`, `but` and ports.
    fn primary(&mut self, pair: Pair<'_>) -> Option<Endpoint> {
        let span = self.span(&pair);
        let text = pair.as_str();
        let kind = match pair.as_rule() {
            Rule::labelled | Rule::every_pod_of => self.labels(pair)?,
            Rule::parentheses => {
                let inside = self.endpoint(pair.into_inner().next()?)?;
                self.end = span.end;
                self.height += 1;
                EndpointKind::Group(Box::new(inside))
            }
            Rule::place => place(text)?,
            Rule::account => {
                let mut inside = pair.into_inner();
                let name = self.word(&inside.nth(1)?);
                EndpointKind::Account { name, at: self.at(inside.next())? }
            }
            Rule::named => {
                let mut inside = pair.into_inner();
                let name = self.word(&inside.next()?);
                EndpointKind::Name { name, at: self.at(inside.next())? }
            }
            Rule::host => EndpointKind::Host(self.word(&pair.into_inner().nth(1)?)),
            Rule::address => EndpointKind::Address(self.address_text(&pair)),
            _ => return None,
        };
        Some(Endpoint { span, kind, ports: None })
    }

    /// `app=web,tier=front@shop` and `*@shop`.
    fn labels(&mut self, pair: Pair<'_>) -> Option<EndpointKind> {
        let inside = pair.into_inner();
        let (mut terms, mut at) = (Vec::with_capacity(inside.len()), None);
        for pair in inside {
            match pair.as_rule() {
                Rule::term => terms.push(self.term(pair)?),
                Rule::at_namespace => at = self.at(Some(pair))?,
                _ => {}
            }
        }
        Some(EndpointKind::Labels { terms, at })
    }

    /// The namespaces behind `@`, if there are any; the outer `None` is a broken shape.
    #[expect(clippy::option_option, reason = "the outer one is the shape that the grammar promises, the inner one what was written")]
    fn at(&mut self, pair: Option<Pair<'_>>) -> Option<Option<Spanned<NamespaceTest>>> {
        let Some(pair) = pair else { return Some(None) };
        let span = self.span(&pair);
        let written = pair.into_inner().next()?;
        let rule = written.as_rule();
        let inside = written.into_inner();
        let test = match rule {
            Rule::in_any => NamespaceTest::Any,
            Rule::in_labels => NamespaceTest::Labels(self.terms(inside)?),
            Rule::in_others => NamespaceTest::NotNames(inside.map(|name| self.word(&name)).collect()),
            Rule::in_names => NamespaceTest::Names(inside.map(|name| self.word(&name)).collect()),
            _ => return None,
        };
        self.end = span.end;
        Some(Some(Spanned::new(test, span)))
    }

    /// Label tests, all of which must hold; `*` is none.
    pub(super) fn terms(&mut self, inside: Inside<'_>) -> Option<Vec<LabelTerm>> {
        each(inside, |pair| self.term(pair))
    }

    /// `app=web|api`.
    fn term(&mut self, pair: Pair<'_>) -> Option<LabelTerm> {
        let span = self.span(&pair);
        let mut inside = pair.into_inner();
        let key = self.word(&inside.next()?);
        let equal = inside.next()?.as_rule() == Rule::equals;
        let mut values = Vec::with_capacity(inside.len());
        let mut any = false;
        for pair in inside {
            if pair.as_rule() == Rule::any_value { any = true } else { values.push(self.word(&pair)) }
        }
        let test = match (equal, any) {
            (true, true) => LabelTest::Present,
            (true, false) => LabelTest::In(values),
            (false, true) => LabelTest::Absent,
            (false, false) => LabelTest::NotIn(values),
        };
        self.end = span.end;
        Some(LabelTerm { span, key, test })
    }

    /// `:80|443`.
    fn ports(&mut self, pair: Pair<'_>) -> Option<Ports> {
        let span = self.span(&pair);
        let items = each(pair.into_inner(), |item| self.port_item(item))?;
        self.end = span.end;
        Some(Ports { span, items })
    }

    /// `8000-8100/tcp`.
    fn port_item(&mut self, pair: Pair<'_>) -> Option<PortItem> {
        let span = self.span(&pair);
        let mut inside = pair.into_inner();
        let written = inside.next()?;
        let text = written.as_str();
        let port = match written.as_rule() {
            Rule::port_number => PortTest::Number(number(text)),
            Rule::port_range => {
                let (low, high) = text.split_once('-')?;
                PortTest::Range(number(low), number(high))
            }
            Rule::port_name => PortTest::Name(text.to_owned()),
            Rule::any_port => PortTest::Any,
            _ => return None,
        };
        let protocol = inside.next().map(|word| self.word(&word));
        Some(PortItem { span, port, protocol })
    }
}

/// `left but right`: the port of `right` becomes the port of the whole. Without a left side it is just `right`.
fn without(left: Option<Endpoint>, mut right: Endpoint) -> Endpoint {
    let Some(left) = left else { return right };
    let whole = left.span.to(right.span);
    let ports = right.ports.take();
    if let Some(ports) = &ports {
        right.span = Span { start: right.span.start, end: ports.span.start };
    }
    Endpoint { span: whole, kind: EndpointKind::But(Box::new(left), Box::new(right)), ports }
}

/// An endpoint that is a word of the language.
fn place(word: &str) -> Option<EndpointKind> {
    Some(match word {
        "internet" => EndpointKind::Internet,
        "outside" => EndpointKind::Outside,
        "nodes" => EndpointKind::Nodes,
        "apiserver" => EndpointKind::Apiserver,
        "metadata" => EndpointKind::Metadata,
        "anywhere" => EndpointKind::Anywhere,
        _ => return None,
    })
}
