//! One endpoint of the language, by itself.
//!
//! Owns: `endpoint`. It is read and resolved as the source of an expectation, which manages nothing, so that it means what it
//! means in a program.

use super::{Input, parse, read_inventory};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::{Peers, Symbol};
use crate::ir::{self, Policy, Program, Unit};
use crate::source::{FileId, Location, Source, Sources, Span};

/// The peers that an endpoint names, as `app=web@shop`, a declared name, an address or `internet`.
///
/// `name` is what findings call its text. `input` are the program and the inventory beside which it is read. Without a namespace
/// it speaks of the one given, else of the only one that is managed.
pub fn endpoint(input: &Input, config: &Config, name: &str, text: &str) -> Result<Peers, (Sources, Vec<Diagnostic>)> {
    let mut input = input.clone();
    let file = input.sources.add(Source::new(name, format!("{BEFORE}{text} -> *@*\n")));
    input.intents.push(file);
    let mut findings = Vec::new();
    let policy = resolve(&input, config, &mut findings);
    let mut own: Vec<Diagnostic> = findings.into_iter().filter(|finding| is_about(finding, file)).collect();
    let mut read = policy.expectations.iter().filter(|expectation| expectation.location.file == file);
    match (read.next(), read.next()) {
        (Some(one), None) if own.is_empty() => Ok(one.source.peers()),
        _ => {
            own.sort_by_key(Diagnostic::location);
            let written = input.sources.add(Source::new(name, text));
            let own = own.into_iter().map(|finding| as_written(finding, file, (written, text.len()))).collect();
            Err((input.sources, own))
        }
    }
}

/// What stands before the endpoint in the statement that it is read in.
const BEFORE: &str = "expect deny ";

/// How an endpoint is written.
const FORMS: &str = "write it as in intents, `app=web@shop`, without a port, or as a workload: `shop/web`, `deploy/web@shop`";

/// A finding about the statement as one about the endpoint alone, which is all that anybody wrote.
fn as_written(mut finding: Diagnostic, statement: FileId, (written, length): (FileId, usize)) -> Diagnostic {
    let place = |at: usize| at.saturating_sub(BEFORE.len()).min(length);
    let back = |location: &mut Location| {
        if location.file == statement {
            let range = location.span.range();
            *location = Location { file: written, span: Span::new(place(range.start), place(range.end)) };
        }
    };
    if finding.code == code::SYNTAX_ERROR && finding.message.contains("`->`") {
        // The arrow is expected of the statement, of which nobody wrote a word.
        let message = "an endpoint does not go on like this".to_owned();
        finding = Diagnostic { message, helps: Vec::new(), ..finding }.label("not part of it").help(FORMS);
    }
    finding.primary.iter_mut().chain(&mut finding.related).for_each(|label| back(&mut label.location));
    finding.helps.iter_mut().flat_map(|help| &mut help.edits).for_each(|edit| back(&mut edit.location));
    finding
}

fn is_about(finding: &Diagnostic, file: FileId) -> bool {
    finding.level == Level::Error && finding.location().is_some_and(|location| location.file == file)
}

fn resolve(input: &Input, config: &Config, findings: &mut Vec<Diagnostic>) -> Policy {
    let mut ignored = Vec::new();
    let (trees, found) = parse(input);
    findings.extend(found);
    let units = || trees.iter().map(|(file, origin, tree)| Unit { file: *file, tree, origin: *origin }).collect();
    let mut lower = |namespace: Symbol| {
        let inventory = read_inventory(input, &namespace, &mut ignored);
        ir::lower(Program { sources: &input.sources, units: units(), config, inventory: &inventory, default_namespace: namespace })
    };
    let given: Option<Symbol> = input.namespace.as_deref().map(Symbol::from);
    let (policy, found) = lower(given.clone().unwrap_or_else(|| "default".into()));
    let managed: Vec<Symbol> = policy.managed().map(|namespace| namespace.name.clone()).collect();
    if let (None, [only]) = (given, managed.as_slice())
        && **only != *"default"
    {
        let (policy, found) = lower(only.clone());
        findings.extend(found);
        return policy;
    }
    findings.extend(found);
    policy
}
