//! Changes to intents.
//!
//! Owns: which lines can be added, widened or removed, and the edits of the text. Whether they do what is wished is asked by the
//! room above, on the changed text, compiled anew.

use std::collections::BTreeMap;

use super::super::call::Call;
use super::super::said::{self, Line, Said, Why};
use super::super::setting::Setting;
use super::text::{end_before, on_one_line};
use super::{Candidate, Change, Make, Wish, Words};
use crate::config::Consent;
use crate::diagnostic::Diagnostic;
use crate::flow::{Peer, Pod, Symbol};
use crate::ir::{Rule, Target};
use crate::source::{FileId, Location, Span};
use crate::syntax;
use crate::syntax::ast::{Action, Item, ItemKind, NamespaceNames, NamespaceStatement, StatementKind, WorkloadFact};
/// What stands before a new line in a block.
const IN_BLOCK: &str = "\n  ";

/// One replacement in the text of an intent file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    location: Location,
    text: String,
}

/// The setting after some edits; findings if they do not compile.
pub(super) fn apply(setting: &Setting, edits: &[Edit]) -> Result<Setting, Vec<Diagnostic>> {
    let mut texts: BTreeMap<FileId, String> = BTreeMap::new();
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| std::cmp::Reverse(edit.location));
    for edit in sorted {
        let file = edit.location.file;
        let source = setting.sources.get(file).map(crate::source::Source::text).unwrap_or_default();
        let text = texts.entry(file).or_insert_with(|| source.to_owned());
        let range = edit.location.span.range();
        if text.is_char_boundary(range.start) && text.is_char_boundary(range.end) && range.end <= text.len() {
            text.replace_range(range, &edit.text);
        }
    }
    setting.with_texts(&texts)
}

/// What can be changed in the intents.
pub(super) fn candidates(setting: &Setting, call: &Call, said: &Said, wish: Wish) -> Vec<Candidate> {
    let book = Book { setting, call };
    match wish {
        Wish::Allow => book.to_allow(said),
        Wish::Stop => book.to_stop(said),
    }
}

/// The intents, as far as one connection touches them.
struct Book<'a> {
    setting: &'a Setting,
    call: &'a Call,
}

impl Book<'_> {
    fn to_allow(&self, said: &Said) -> Vec<Candidate> {
        let mut found = self.with_other_facts();
        if said.passes {
            return found;
        }
        let cut = [&said.leaves, &said.enters].into_iter().filter(|end| end.why == Why::Cut).flat_map(|end| &end.rules);
        let mut removed: Vec<&Line> = cut.collect();
        removed.sort();
        removed.dedup();
        let removals: Vec<(Change, Edit)> = removed.into_iter().map(|line| self.removed(line)).collect();
        if !removals.is_empty() {
            found.push(candidate(removals.clone()));
        }
        found.extend(self.widened().into_iter().map(|change| with(&removals, vec![change])));
        found.extend(self.allowed(said).map(|changes| with(&removals, changes)));
        found
    }

    fn to_stop(&self, said: &Said) -> Vec<Candidate> {
        let mut found = Vec::new();
        for end in [&said.enters, &said.leaves] {
            if end.why == Why::Opened {
                found.push(candidate(end.rules.iter().map(|line| self.removed(line)).collect()));
            }
        }
        found.dedup_by(|later, first| later.changes == first.changes);
        found.extend(self.added("deny").map(|change| candidate(vec![change])));
        if said.enters.why == Why::Unmanaged && said.leaves.why == Why::Unmanaged {
            found.extend(self.managed());
        }
        found
    }

    /// The places of lines as people write them: `shop.intent:9`.
    fn place(&self, location: Location) -> String {
        self.setting.place(location)
    }

    /// A line taken out, with its line end.
    fn removed(&self, line: &Line) -> (Change, Edit) {
        let change = Change { place: self.place(line.location), text: format!("remove `{}`", line.text) };
        (change, Edit { location: line.location, text: String::new() })
    }

    /// A line added that allows the connection; where both ends must consent, one for each that does not do so yet.
    fn allowed(&self, said: &Said) -> Option<Vec<(Change, Edit)>> {
        let [source, destination] = self.managed_ends();
        let both = self.setting.policy.config.tenancy.consent == Consent::Both;
        let (Some(source), Some(destination)) = (source, destination) else { return self.added("allow").map(|line| vec![line]) };
        if !both || source == destination {
            return self.added("allow").map(|line| vec![line]);
        }
        let mut lines = Vec::new();
        if !said.enters.passes {
            lines.push(self.line(&destination, "allow in")?);
        }
        if !said.leaves.passes {
            lines.push(self.line(&source, "allow out")?);
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// A line added where rules of this connection belong.
    fn added(&self, action: &str) -> Option<(Change, Edit)> {
        let [source, destination] = self.managed_ends();
        self.line(&destination.or(source)?, action)
    }

    /// The namespaces of both ends, as far as the intents manage them.
    fn managed_ends(&self) -> [Option<Symbol>; 2] {
        [&self.call.source, &self.call.destination].map(|known| self.managed_namespace(&known.endpoint.peer))
    }

    fn managed_namespace(&self, peer: &Peer) -> Option<Symbol> {
        let Peer::Pod(Pod { namespace, .. }) = peer else { return None };
        self.setting.policy.managed().find(|managed| managed.name == *namespace).map(|managed| managed.name.clone())
    }

    /// A new line of a namespace.
    fn line(&self, namespace: &Symbol, action: &str) -> Option<(Change, Edit)> {
        let words = Words::of(self.call, &self.setting.policy, namespace);
        let clauses = match action {
            "allow" | "allow in" => words.clauses.as_str(),
            "deny" => words.http.as_str(),
            _ => "",
        };
        let text = format!("{action} {} -> {}{}{clauses}", words.source, words.destination, words.port);
        self.new_line(namespace, &text)
    }

    /// A line of text added where a namespace's rules end.
    fn new_line(&self, namespace: &Symbol, text: &str) -> Option<(Change, Edit)> {
        let (location, before, behind) = self.end_of(namespace)?;
        // Anywhere else in the file it would be another namespace's.
        let inside = if before == IN_BLOCK { format!(" in the block of `{namespace}`") } else { String::new() };
        let change = Change { place: self.place_of_file(location), text: format!("add `{text}`{inside}") };
        Some((change, Edit { location, text: format!("{before}{text}{behind}") }))
    }

    fn place_of_file(&self, location: Location) -> String {
        self.setting.sources.get(location.file).map(|source| source.name().to_owned()).unwrap_or_default()
    }

    /// Where a namespace's rules end, and what goes before and behind a new one.
    fn end_of(&self, namespace: &Symbol) -> Option<(Location, &'static str, &'static str)> {
        let mut unsaid = None;
        for (file, source) in self.setting.input.intents.iter().filter_map(|file| Some((*file, self.setting.sources.get(*file)?))) {
            let (tree, _) = syntax::parse(file, source);
            let end = Span::new(source.text().len(), source.text().len());
            let before = if source.text().ends_with('\n') || source.text().is_empty() { "" } else { "\n" };
            let mut is_whole = false;
            for head in tree.items.iter().filter_map(head) {
                let names_it = matches!(&head.names, NamespaceNames::List(words) if words.len() == 1 && words.iter().any(|word| *word.value == **namespace));
                match (&head.body, head.external) {
                    (Some(body), None) if names_it => {
                        let at = Span { start: body.span.end.saturating_sub(1), end: body.span.end.saturating_sub(1) };
                        return Some((Location { file, span: at }, IN_BLOCK, "\n"));
                    }
                    (None, None) if names_it => return Some((Location { file, span: end }, before, "\n")),
                    (None, None) => is_whole = true,
                    _ => {}
                }
            }
            if !is_whole && unsaid.is_none() {
                unsaid = Some((Location { file, span: end }, before, "\n"));
            }
        }
        let default = self.setting.input.namespace.as_deref().unwrap_or("default");
        unsaid.filter(|_| **namespace == *default)
    }

    /// Rules that miss the connection in one respect, with that respect widened.
    fn widened(&self) -> Vec<(Change, Edit)> {
        let flow = self.flow();
        let rules = self.setting.policy.rules.iter().filter(|rule| rule.action == Action::Allow && rule.source.matches(&flow.source));
        let to = |target: &Target| target.end.matches(&flow.destination);
        let mut found = Vec::new();
        for rule in rules.filter(|rule| rule.targets.iter().any(to) && self.is_written(rule)) {
            let on_port = |target: &&Target| to(target) && target.ports.contains(flow.protocol, flow.port);
            let fits_port = rule.targets.iter().any(|target| on_port(&target));
            let fits_transport = rule.mtls.is_none() || flow.transport == crate::flow::Transport::Mtls;
            let fits_request = rule.requests.admits(flow.request.as_ref());
            let edit = match (fits_port, fits_transport, fits_request) {
                (false, true, true) => rule.targets.iter().find(|target| to(target)).and_then(|target| self.with_port(target)),
                (true, false, true) => rule.mtls.map(|mtls| Edit { location: self.with_blank(mtls), text: String::new() }),
                (true, true, false) => self.with_request(rule),
                _ => None,
            };
            let Some(edit) = edit else { continue };
            let text = format!("`{}`", self.edited(rule, &edit));
            found.push((Change { place: self.place(rule.location), text }, edit));
        }
        found.truncate(3);
        found
    }

    fn flow(&self) -> crate::flow::Flow {
        let call = self.call;
        let decision = call.decide(self.setting);
        let transport = decision.transport.or(call.transport);
        let ends = (&call.source, &call.destination);
        said::flow(&self.setting.policy, ends, (call.protocol, call.port), transport, call.request.as_ref())
    }

    /// Whether a rule stands in a file that is ours to change.
    fn is_written(&self, rule: &Rule) -> bool {
        self.setting.input.intents.contains(&rule.location.file)
    }

    fn with_port(&self, target: &Target) -> Option<Edit> {
        let at = target.ports_location?;
        let location = Location { span: Span { start: at.span.end, ..at.span }, ..at };
        let protocol = self.call.protocol;
        let protocol = if protocol == crate::flow::Protocol::Tcp { String::new() } else { format!("/{}", protocol.word()) };
        Some(Edit { location, text: format!("|{}{protocol}", self.call.port) })
    }

    /// Another request behind those of an `http` clause.
    fn with_request(&self, rule: &Rule) -> Option<Edit> {
        let at = rule.http?;
        let words = Words::of(self.call, &self.setting.policy, &rule.namespace);
        let request = words.http.strip_prefix(" http ")?.to_owned();
        let text = self.setting.sources.slice(at);
        // `at`, `header` and what follows stay behind the requests.
        let start = at.span.range().start + end_before(text, &["at", "header"]);
        Some(Edit { location: Location { span: Span::new(start, start), ..at }, text: format!(", {request}") })
    }

    /// A place and the blanks before it.
    fn with_blank(&self, at: Location) -> Location {
        let text = self.setting.sources.get(at.file).map(crate::source::Source::text).unwrap_or_default();
        let before = text.get(..at.span.range().start).unwrap_or_default();
        Location { span: Span::new(before.trim_end_matches([' ', '\t']).len(), at.span.range().end), ..at }
    }

    /// A rule's statement as it stands after an edit, on one line.
    fn edited(&self, rule: &Rule, edit: &Edit) -> String {
        let mut text = self.setting.sources.slice(rule.location).to_owned();
        let start = rule.location.span.range().start;
        let range = edit.location.span.range();
        let (from, to) = (range.start.saturating_sub(start), range.end.saturating_sub(start));
        if text.is_char_boundary(from) && text.is_char_boundary(to) && to <= text.len() {
            text.replace_range(from..to, &edit.text);
        }
        on_one_line(&text)
    }

    /// Other facts of the declared workloads at the two ends: the account that really runs, or the mesh.
    fn with_other_facts(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        for known in [&self.call.source, &self.call.destination] {
            let Peer::Pod(pod) = &known.endpoint.peer else { continue };
            let Some(workload) = said::declared(&self.setting.policy, pod) else { continue };
            for fact in self.facts(workload.location) {
                let edit = match &fact.value {
                    WorkloadFact::Account(word) if *word.value != *pod.account => {
                        Edit { location: Location { span: word.span, ..workload.location }, text: pod.account.to_string() }
                    }
                    WorkloadFact::Unmeshed => {
                        Edit { location: self.with_blank(Location { span: fact.span, ..workload.location }), text: String::new() }
                    }
                    WorkloadFact::Account(_) | WorkloadFact::Port { .. } => continue,
                };
                let text = self.edited_at(workload.location, &edit);
                let change = Change { place: self.place(workload.location), text: format!("`{text}`") };
                let joins = fact.value == WorkloadFact::Unmeshed;
                found.push(candidate(vec![(change.clone(), edit.clone())]));
                if let Some(line) = self.identified_line().filter(|_| joins) {
                    found.push(candidate(vec![(change, edit), line]));
                }
            }
        }
        found
    }

    /// A rule with `mtls`, for a caller that joins the mesh by another change.
    fn identified_line(&self) -> Option<(Change, Edit)> {
        let home = self.managed_namespace(&self.call.destination.endpoint.peer)?;
        let words = Words::of(self.call, &self.setting.policy, &home);
        let text = format!("allow {} -> {}{} mtls{}", words.source, words.destination, words.port, words.request);
        self.new_line(&home, &text)
    }

    fn edited_at(&self, location: Location, edit: &Edit) -> String {
        let rule = self.setting.sources.slice(location);
        let start = location.span.range().start;
        let range = edit.location.span.range();
        let before = rule.get(..range.start.saturating_sub(start)).unwrap_or_default();
        let behind = rule.get(range.end.saturating_sub(start)..).unwrap_or_default();
        on_one_line(&format!("{before}{}{behind}", edit.text))
    }

    /// The facts of the workload statement at a place.
    fn facts(&self, location: Location) -> Vec<crate::source::Spanned<WorkloadFact>> {
        let Some(source) = self.setting.sources.get(location.file) else { return Vec::new() };
        let (tree, _) = syntax::parse(location.file, source);
        let inner = |item: &Item| match &item.kind {
            ItemKind::Statement(statement) => match &statement.kind {
                StatementKind::Namespace(head) => head.body.as_ref().map(|body| body.items.clone()).unwrap_or_default(),
                _ => vec![item.clone()],
            },
            ItemKind::Comment(_) | ItemKind::Broken => Vec::new(),
        };
        let statements = tree.items.iter().flat_map(inner).filter_map(|item| match item.kind {
            ItemKind::Statement(statement) if statement.span == location.span => Some(statement.kind),
            _ => None,
        });
        let facts = statements.filter_map(|kind| match kind {
            StatementKind::Workload(workload) => Some(workload.facts),
            _ => None,
        });
        facts.flatten().collect()
    }

    /// The destination's namespace declared, which closes it.
    fn managed(&self) -> Option<Candidate> {
        let Peer::Pod(pod) = &self.call.destination.endpoint.peer else { return None };
        let (file, source) = self.setting.input.intents.iter().find_map(|file| Some((*file, self.setting.sources.get(*file)?)))?;
        let uses_blocks = syntax::parse(file, source).0.items.iter().filter_map(head).all(|head| head.body.is_some());
        let text = format!("namespace {} {{}}", pod.namespace);
        let at = Location { file, span: Span::new(source.text().len(), source.text().len()) };
        let change = Change { place: self.place_of_file(at), text: format!("add `{text}`") };
        uses_blocks.then(|| candidate(vec![(change, Edit { location: at, text: format!("\n{text}\n") })]))
    }
}

/// The head of a namespace, if an item is one.
fn head(item: &Item) -> Option<&NamespaceStatement> {
    let ItemKind::Statement(statement) = &item.kind else { return None };
    match &statement.kind {
        StatementKind::Namespace(head) => Some(head),
        _ => None,
    }
}

fn candidate(changes: Vec<(Change, Edit)>) -> Candidate {
    let (changes, edits) = changes.into_iter().unzip();
    Candidate { changes, make: Make::Texts(edits) }
}

fn with(first: &[(Change, Edit)], then: Vec<(Change, Edit)>) -> Candidate {
    candidate(first.iter().cloned().chain(then).collect())
}
