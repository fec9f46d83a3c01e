//! Findings of the language, told to somebody who asks: nobody who asks wants to declare anything.
//!
//! Owns: `adapted`, `of_a_flow`. It must not find anything by itself.

use super::Context;
use super::draft::Draft;
use crate::diagnostic::{Diagnostic, Help, code};
use crate::flow::Protocol;
use crate::source::Location;

/// What to do about a name that stands for something outside of the cluster.
pub(super) const OUTSIDE: &str = "who stands outside of the cluster is asked about as `internet`, or by address";

/// Why a name outside is no end.
pub(super) const NO_NAMES: &str = "NetworkPolicy knows addresses, not names";

/// A finding about a statement that the grammar does not take as one about a flow, which has no remarks and may have a request without `http`.
pub(super) fn of_a_flow(mut finding: Diagnostic) -> Diagnostic {
    finding.helps.iter_mut().for_each(|help| help.text = help.text.replace("`because`", "a request such as `GET /v1`"));
    finding
}

/// A finding in a flow with advice for whoever asks.
pub(super) fn adapted(finding: Diagnostic, draft: &Draft<'_>, context: &Context<'_>) -> Diagnostic {
    let Some(span) = finding.span() else { return finding };
    let word = draft.slice(span);
    if finding.code == code::UNRESOLVED_NAMED_PORT {
        return port(finding, word, context);
    }
    if finding.code == code::INVALID_REQUEST && word.contains('[') {
        return inner_claim(finding, word.trim_matches('"'));
    }
    // Nobody who asks about a connection can compile anything.
    if finding.code == code::HOST_NEEDS_GATEWAY {
        let asked = Diagnostic::new(
            code::UNCLEAR_FLOW,
            Location { file: draft.flow, span },
            format!("`{}` is no Service of a cluster", word.trim_matches('"')),
        );
        return asked.label("a name outside").note(NO_NAMES).help(OUTSIDE);
    }
    // A near name that is known is the better advice.
    let has_fix = finding.helps.iter().any(|help| !help.edits.is_empty());
    if finding.code != code::UNKNOWN_NAME || has_fix {
        return finding;
    }
    if draft.is_issuer(span) { issuer(finding, word) } else { end(finding, word, context) }
}

/// A claim inside another one has a name with dots in flows, as in answers; policies write brackets.
fn inner_claim(mut finding: Diagnostic, word: &str) -> Diagnostic {
    let dotted = word.replace("][", ".").replace('[', ".").replace(']', "");
    finding.helps = vec![advice(format!("a claim inside another one is asked about with dots: `claim {dotted}=…`"))];
    finding
}

/// An issuer need not be declared: a token names it by its address.
fn issuer(mut finding: Diagnostic, word: &str) -> Diagnostic {
    finding.helps.insert(0, advice(format!("write it in quotes, as tokens name it: `jwt \"{}\"`", word.trim_matches('"'))));
    finding.helps.truncate(1);
    finding
}

/// Who is meant may be a workload by another name, or nobody of the cluster.
fn end(finding: Diagnostic, word: &str, context: &Context<'_>) -> Diagnostic {
    if word.contains('.') {
        let finding = Diagnostic { helps: Vec::new(), ..finding };
        return finding.note(NO_NAMES).help(OUTSIDE);
    }
    if !context.units.is_empty() {
        return finding;
    }
    let finding = Diagnostic { helps: Vec::new(), ..finding };
    finding.help(format!("ask by label, as `app={word}`, or by object, as `deploy/{word}`; {OUTSIDE}"))
}

/// A port by a name that is another protocol's, or that is none.
fn port(finding: Diagnostic, word: &str, context: &Context<'_>) -> Diagnostic {
    let ports = context.inventory.workloads.iter().flat_map(|workload| &workload.ports);
    let named = ports.filter(|port| port.name.as_deref() == Some(word)).map(|port| port.protocol);
    if let Some(protocol) = named.filter(|protocol| *protocol != Protocol::Tcp).min() {
        let finding = Diagnostic { helps: Vec::new(), ..finding };
        return finding.help(other_protocol(word, protocol));
    }
    if context.units.is_empty() {
        let finding = Diagnostic { helps: Vec::new(), ..finding };
        return finding.help("write the number of the port on the pod");
    }
    finding
}

/// That a name is a port of another protocol than was asked about.
pub(super) fn other_protocol(name: &str, protocol: Protocol) -> String {
    format!("`{name}` is a port of {protocol}: write `{name}/{}`", protocol.word())
}

fn advice(text: String) -> Help {
    Help { text, edits: Vec::new() }
}
