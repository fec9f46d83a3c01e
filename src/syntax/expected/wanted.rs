//! The rules of the grammar in people's words.
//!
//! Owns: one exhaustive table from rules to words. It must not know where in a text something was expected.

use crate::diagnostic::nearest;
use crate::syntax::grammar::Rule;
use crate::syntax::judge::clauses::fits;

/// What a rule is to a reader.
enum Wanted {
    /// Something to name in a message.
    Main(&'static str),
    /// Something that could go on there, named only if nothing else was expected.
    Aside(&'static str),
    /// One of these keywords, and the words for the lot.
    Keyword(&'static str, &'static [&'static str]),
    /// Nothing that a reader could write there by itself.
    Whole,
}

const ENDPOINT: &str = "an endpoint";
const ENDPOINT_SUCH_AS: &str = "an endpoint such as `app=web`, `*@shop` or a workload's name";
const NAME: &str = "a name";
const LABEL_TEST: &str = "a label test such as `app=web`";

/// What was expected, as a phrase: "`->`", "an endpoint or a port".
pub(super) fn in_words(rules: &[Rule]) -> String {
    let (mut main, mut aside): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for rule in rules {
        let (list, words) = match wanted(*rule) {
            Wanted::Main(words) | Wanted::Keyword(words, _) => (&mut main, words),
            Wanted::Aside(words) => (&mut aside, words),
            Wanted::Whole => continue,
        };
        if !list.contains(&words) {
            list.push(words);
        }
    }
    if main.contains(&ENDPOINT) {
        // Every endpoint starts with one of these: the whole says it all.
        main.retain(|words| !matches!(*words, NAME | LABEL_TEST));
    }
    let chosen = if main.is_empty() { aside } else { main };
    match chosen.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => "the end of the statement".to_owned(),
    }
}

/// What to do about a word that is none of those expected, nor nearly one: all that may stand there in such a statement, keyword by keyword.
pub(super) fn advice(rules: &[Rule], statement: &str) -> String {
    let (mut main, mut aside): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for rule in rules.iter().filter(|rule| **rule != Rule::EOI) {
        let (list, words) = match wanted(*rule) {
            Wanted::Main(ENDPOINT) => (&mut main, vec![ENDPOINT_SUCH_AS.to_owned()]),
            Wanted::Main(words) => (&mut main, vec![words.to_owned()]),
            Wanted::Keyword(_, keywords) => {
                let fitting = keywords.iter().filter(|keyword| fits(statement, keyword));
                (&mut main, fitting.map(|keyword| format!("`{keyword}`")).collect())
            }
            Wanted::Aside(words) => (&mut aside, vec![words.to_owned()]),
            Wanted::Whole => continue,
        };
        for word in words {
            if !list.contains(&word) {
                list.push(word);
            }
        }
    }
    if rules.iter().any(|rule| matches!(wanted(*rule), Wanted::Main(ENDPOINT))) {
        main.retain(|words| !matches!(&**words, NAME | LABEL_TEST));
    }
    let chosen = if main.is_empty() { aside } else { main };
    let Some((last, before)) = chosen.split_last() else { return "remove it: the statement ends before it".to_owned() };
    let all = if before.is_empty() { last.clone() } else { format!("{} or {last}", before.join(", ")) };
    let or_nothing = if rules.contains(&Rule::EOI) { "; else remove it" } else { "" };
    format!("here may stand {all}{or_nothing}")
}

/// The keyword that was nearly written, if one of those expected was.
pub(super) fn nearest_keyword(rules: &[Rule], found: &str) -> Option<&'static str> {
    nearest(found, keywords(rules))
}

/// The keywords that were expected.
pub(super) fn keywords(rules: &[Rule]) -> impl Iterator<Item = &'static str> {
    rules
        .iter()
        .flat_map(|rule| match wanted(*rule) {
            Wanted::Keyword(_, keywords) => keywords,
            Wanted::Main(_) | Wanted::Aside(_) | Wanted::Whole => &[],
        })
        .copied()
}

/// Every rule in words. Exhaustive, so that a new rule cannot be without words.
#[expect(clippy::too_many_lines, reason = "one line for each rule of the grammar")]
fn wanted(rule: Rule) -> Wanted {
    use Wanted::{Aside, Keyword, Main, Whole};
    match rule {
        Rule::EOI => Aside("the end of the statement"),
        Rule::arrow => Main("`->`"),
        Rule::joint => Aside("`or` or `but`"),
        Rule::ports => Aside("a port"),
        Rule::action => Keyword("`allow`, `deny` or `audit`", &["allow", "deny", "audit"]),
        Rule::direction => Aside("`in` or `out`"),
        Rule::quantifier => Keyword("`allow`, `deny`, `some` or `only`", &["allow", "deny", "some", "only"]),

        Rule::endpoint
        | Rule::labelled
        | Rule::every_pod_of
        | Rule::parentheses
        | Rule::place
        | Rule::account
        | Rule::host
        | Rule::address
        | Rule::every_pod
        | Rule::as_word
        | Rule::host_word
        | Rule::named => Main(ENDPOINT),
        Rule::term | Rule::key | Rule::workload_labels => Main(LABEL_TEST),
        Rule::at_namespace | Rule::in_any | Rule::in_labels | Rule::in_others | Rule::in_names => Aside("a namespace"),
        Rule::equals | Rule::is => Main("`=`"),
        Rule::not_equals => Main("`!=`"),
        Rule::any_value => Aside("`*`"),
        Rule::value => Main("a value"),
        Rule::text => Main("a text in double quotes"),
        Rule::name | Rule::outside_name | Rule::namespace_name => Main(NAME),
        Rule::value_name | Rule::named_values => Main("a name with `=` and its value"),

        Rule::port_item | Rule::port_number | Rule::port_range | Rule::port_name | Rule::any_port => Main("a port"),
        Rule::port_digits => Main("a port number"),
        Rule::protocol => Main("a protocol"),

        Rule::namespace_word => Keyword("`namespace`", &["namespace"]),
        Rule::external => Keyword("`external`", &["external"]),
        Rule::namespace_labels => Aside("a label test in brackets"),
        Rule::labels_attribute | Rule::labels_word => Keyword("an attribute such as `mesh`", &["labels"]),
        Rule::mesh_attribute | Rule::mesh_word => Keyword("an attribute such as `mesh`", &["mesh"]),
        Rule::waypoint_attribute | Rule::waypoint_word => Keyword("an attribute such as `mesh`", &["waypoint"]),
        Rule::open_attribute | Rule::open_word => Keyword("an attribute such as `mesh`", &["open"]),
        Rule::assignment => Main("a label such as `env=prod`"),
        Rule::mesh_mode => Keyword("`none`, `sidecar` or `ambient`", &["none", "sidecar", "ambient"]),
        Rule::open_direction => Keyword("`ingress` or `egress`", &["ingress", "egress"]),

        Rule::close_word => Keyword("`close`", &["close"]),
        Rule::workload_word => Keyword("`workload`", &["workload"]),
        Rule::account_fact | Rule::account_word => Keyword("a fact such as `account`", &["account"]),
        Rule::port_fact | Rule::port_word => Keyword("a fact such as `account`", &["port"]),
        Rule::unmeshed => Keyword("a fact such as `account`", &["unmeshed"]),
        Rule::port_declaration | Rule::port_label => Main("a port such as `http=8080`"),
        Rule::group_word => Keyword("`group`", &["group"]),
        Rule::network_word => Keyword("`network`", &["network"]),
        Rule::network_exceptions | Rule::except_word => Keyword("`except`", &["except"]),
        Rule::block => Main("a block of addresses"),
        Rule::issuer_word => Keyword("`issuer`", &["issuer"]),
        Rule::jwks_fact | Rule::jwks_word => Keyword("`jwks`", &["jwks"]),
        Rule::audience_fact | Rule::audience_word => Keyword("`audience`", &["audience"]),
        Rule::expect_word => Keyword("`expect`", &["expect"]),

        Rule::mtls => Keyword("a requirement or remark", &["mtls"]),
        Rule::plaintext => Keyword("a requirement or remark", &["plaintext"]),
        Rule::http | Rule::http_word => Keyword("a requirement or remark", &["http"]),
        Rule::grpc | Rule::grpc_word => Keyword("a requirement or remark", &["grpc"]),
        Rule::jwt | Rule::jwt_word => Keyword("a requirement or remark", &["jwt"]),
        Rule::until | Rule::until_word => Keyword("a requirement or remark", &["until"]),
        Rule::because | Rule::because_word => Keyword("a requirement or remark", &["because"]),
        Rule::accept | Rule::accept_word => Keyword("a requirement or remark", &["accept"]),
        Rule::request | Rule::method => Main("a method such as `GET`, or `*`"),
        Rule::path => Aside("a path"),
        Rule::at_hosts | Rule::at_word => Keyword("a requirement or remark", &["at"]),
        Rule::header | Rule::header_word => Keyword("a requirement or remark", &["header"]),
        Rule::claim | Rule::claim_word => Keyword("a requirement or remark", &["claim"]),
        Rule::grpc_target | Rule::grpc_service => Main("a service such as `pkg.Service`"),
        Rule::grpc_method | Rule::every_method => Main("a method of the service"),
        Rule::date => Main("a date such as `2027-03-31`"),
        Rule::code => Main("the code of a finding"),

        Rule::namespace_statement
        | Rule::namespace_start
        | Rule::close_statement
        | Rule::workload_statement
        | Rule::group_statement
        | Rule::network_statement
        | Rule::issuer_statement
        | Rule::rule_statement
        | Rule::expect_statement
        | Rule::namespace_names
        | Rule::namespace_attribute
        | Rule::workload_fact
        | Rule::issuer_fact
        | Rule::clause
        | Rule::primary
        | Rule::path_part
        | Rule::address_text
        | Rule::word
        | Rule::joiner
        | Rule::quoted
        | Rule::boundary
        | Rule::boundary_in_word
        | Rule::list_comma
        | Rule::list_bar
        | Rule::blank
        | Rule::WHITESPACE
        | Rule::statement_word
        | Rule::clause_word
        | Rule::keyword => Whole,
    }
}
