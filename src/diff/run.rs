//! The whole way from two programs' texts to a report.
//!
//! Owns: `intents` and its options. Only reading and resolving can fail it; what a program could not say in both gates is told as
//! a fact, and the comparison goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::allow::{self, Allowed};
use super::entry::{Change, Entry};
use super::facts::{Analysed, facts};
use super::programs::programs;
use super::report::{Objects, Report, Text};
use super::side::Which;
use crate::check;
use crate::compile::{Input, Resolved, resolve};
use crate::config;
use crate::diagnostic::order::has_error;
use crate::diagnostic::{Diagnostic, Level};
use crate::flow::Symbol;
use crate::gates::{self, Gates};
use crate::ir::Policy;
use crate::source::{FileId, Sources};
use crate::target;
use crate::verify::{assumptions, flow_words};

/// A side of a difference: its texts, and what people call it.
#[derive(Debug, Clone, Default)]
pub struct Revision {
    /// Its name, as `main` or `1f3c9aa`.
    pub name: String,
    /// Its texts. No intents at all are a program that says nothing.
    pub input: Input,
}

/// How much is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Access and facts.
    #[default]
    Access,
    /// Also the objects that are written otherwise, for which both sides are brought into writing.
    Objects,
}

/// A difference, and what it was made from.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// What is told.
    pub report: Report,
    /// The texts of both sides.
    pub texts: Texts,
    /// The policy of the base; of manifests the labels of namespaces alone.
    pub base: Policy,
    /// The policy of the head, likewise.
    pub head: Policy,
}

/// The texts of both sides.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// Of the base.
    pub base: Sources,
    /// Of the head.
    pub head: Sources,
}

impl Texts {
    /// The texts of one side.
    pub const fn of(&self, which: Which) -> &Sources {
        match which {
            Which::Base => &self.base,
            Which::Head => &self.head,
        }
    }
}

/// A side that could not be understood, with its findings.
#[derive(Debug, Clone)]
pub struct Unjudged {
    /// Which side.
    pub which: Which,
    /// Its name.
    pub name: String,
    /// Its texts.
    pub sources: Sources,
    /// What is wrong with them.
    pub findings: Vec<Diagnostic>,
}

/// Compares two programs. The head's `today` decides which accepted exposures still count.
pub fn intents(base: Revision, head: Revision, detail: Detail) -> Result<Compared, Box<Unjudged>> {
    let text = if texts(&base.input) == texts(&head.input) { Text::Same } else { Text::Changed };
    let (base, head) = std::thread::scope(|scope| {
        let old = scope.spawn(move || Understood::new(Which::Base, base));
        let new = Understood::new(Which::Head, head);
        (old.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), new)
    });
    let (base, head) = (base?, head?);
    let found = programs((&base.policy, &base.gates), (&head.policy, &head.gates));
    let mut entries = found.entries;
    let expired = allow::accept(&mut entries, &head.allowed, &head.policy, head.input.today.as_deref());
    let report = Report {
        base: base.name.clone(),
        head: head.name.clone(),
        facts: facts(base.analysed(), head.analysed()),
        incomplete: found.incomplete.iter().map(flow_words).collect(),
        without_effect: found.without_effect,
        text,
        expectations: head.policy.expectations.len(),
        objects: (detail == Detail::Objects).then(|| objects(&base, &head, &entries)),
        presumed: Vec::new(),
        assumptions: assumptions(&head.policy, &head.gates).iter().map(ToString::to_string).collect(),
        expired,
        entries,
        notes: Vec::new(),
        order: None,
    };
    let texts = Texts { base: base.input.sources, head: head.input.sources };
    Ok(Compared { report, texts, base: base.policy, head: head.policy })
}

/// The intents of a side, whatever their order and in whatever folder they are.
fn texts(input: &Input) -> BTreeSet<(&str, &str)> {
    let all = [&input.intents, &input.with].into_iter().flatten().chain(&input.config);
    let sources = all.filter_map(|file| input.sources.get(*file));
    sources.map(|source| (source.name().rsplit('/').next().unwrap_or_default(), source.text())).collect()
}

/// A program that was read, resolved and brought into normal form.
struct Understood {
    name: String,
    input: Input,
    policy: Policy,
    gates: Gates,
    findings: Vec<Diagnostic>,
    allowed: Vec<Allowed>,
}

impl Understood {
    fn new(which: Which, revision: Revision) -> Result<Self, Box<Unjudged>> {
        let Revision { name, mut input } = revision;
        let exposures = match which {
            Which::Head => exposures(&input),
            Which::Base => Vec::new(),
        };
        let flows: Option<FileId> = allow::file(&exposures, &mut input.sources);
        input.intents.extend(flows);
        let Resolved { mut policy, findings, .. } = resolve(&input);
        let (about_flows, mut findings): (Vec<Diagnostic>, Vec<Diagnostic>) =
            findings.into_iter().partition(|finding| flows.is_some_and(|file| allow::is_about(finding, file)));
        let unreadable = about_flows.iter().filter(|finding| finding.level == Level::Error);
        findings.extend(unreadable.filter_map(|finding| allow::unreadable(finding, &exposures, &input.sources)));
        findings.extend(flows.into_iter().flat_map(|file| allow::clauses(&policy, file, &input.sources, &exposures)));
        if has_error(&findings) {
            return Err(Box::new(Unjudged { which, name, sources: input.sources, findings }));
        }
        let allowed = flows.map(|file| allow::take(&mut policy, file, &input.sources, &exposures)).unwrap_or_default();
        let gates = gates::build(&policy);
        findings.extend(gates.findings.iter().cloned());
        findings.extend(check::run(&policy, &gates));
        Ok(Self { name, input, policy, gates, findings, allowed })
    }

    fn analysed(&self) -> Analysed<'_> {
        Analysed { policy: &self.policy, gates: &self.gates, findings: &self.findings }
    }

    /// The objects that are written for it, by name.
    fn objects(&self) -> BTreeMap<String, (Symbol, String)> {
        let all = target::ALL.iter().flat_map(|target| target.emit(&self.policy, &self.gates));
        all.map(|object| (format!("{} {}/{}", object.kind, object.namespace, object.name), (object.namespace, object.yaml))).collect()
    }
}

fn exposures(input: &Input) -> Vec<config::AllowedExposure> {
    let source = input.config.and_then(|file| Some((file, input.sources.get(file)?)));
    source.map(|(file, source)| config::read(file, source).0.diff.allow).unwrap_or_default()
}

/// The objects that are written otherwise. What a side with errors would write is compared too.
fn objects(base: &Understood, head: &Understood, entries: &[Entry]) -> Objects {
    let (old, new) = (base.objects(), head.objects());
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &&String| match (old.get(*name), new.get(*name)) {
        (Some(before), Some(after)) if before == after => None,
        (Some(_), Some(_)) => Some(Change::Changed),
        (None, _) => Some(Change::Added),
        (Some(_), None) => Some(Change::Removed),
    };
    let changed: Vec<(Change, String)> = names.into_iter().filter_map(|name| Some((change(&name)?, name.clone()))).collect();
    let touches = |entry: &Entry, name: &String| {
        let written = [old.get(name), new.get(name)];
        let of_rule = |text: &String| written.iter().flatten().any(|(_, yaml)| yaml.contains(text.as_str()));
        let of_namespace = |own: &Symbol| written.iter().flatten().any(|(namespace, _)| namespace == own);
        entry.causes.iter().any(|cause| {
            if cause.location.is_some() && cause.is_rule {
                of_rule(&cause.text) || cause.was.as_ref().is_some_and(of_rule)
            } else {
                cause.namespace.as_ref().is_some_and(of_namespace)
            }
        })
    };
    let of_entry = |entry: &Entry| changed.iter().map(|(_, name)| name).filter(|name| touches(entry, name)).cloned().collect();
    Objects { of_entries: entries.iter().map(of_entry).collect(), changed, total: new.len() }
}
