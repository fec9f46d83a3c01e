//! The whole way from texts to manifests, phase by phase.
//!
//! Owns: the order of the phases, and that nothing comes out where anything is wrong. No phase knows another; no phase fails
//! as a whole: each returns what it could make, and findings.

mod against;
mod believed;
mod endpoint;
mod evaluate;
mod expectations;
mod mesh;
mod on_the_way;
mod others;
mod platform;
mod proof;
mod told;
mod unanswered;

use crate::cluster::Cluster;
use crate::config::{self, Config};
use crate::diagnostic::level::Levels;
use crate::diagnostic::{Code, Diagnostic, Level, code};
use crate::flow::Symbol;
use crate::gates::{self, Gates};
use crate::inventory::{self, Inventory};
use crate::ir::{self, Origin, Policy, Program, Unit};
use crate::source::{FileId, Source, Sources};
use crate::syntax;
use crate::target::{self, Manifest, OutputFile, Target};
use crate::threads::in_shares;
use crate::verify::{Proof, is_any_accepted};
use crate::{check, format};

pub use against::{Against, Relation, against};
pub use believed::{AskedLabels, Believed};
pub use endpoint::endpoint;
pub use evaluate::{Judged, emitted, given, no_objects};
pub use expectations::{Protection, Tested, Tried, deciding_flow, test};
pub use mesh::Mesh;
pub use others::{of_others, seen_by_others};
pub use platform::{platform, platform_of_manifests, proof_platform};
pub use told::Told;
pub use unanswered::unanswered;

/// Fewer files than these are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// Everything that a run knows: texts, and what each of them is.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// The text of all files.
    pub sources: Sources,
    /// Which of them are the program.
    pub intents: Vec<FileId>,
    /// Which are others' intents, taken as applied.
    pub with: Vec<FileId>,
    /// Which are manifests that say what runs.
    pub inventory: Vec<FileId>,
    /// Which are policies of others in the same cluster, that join the proof.
    pub alongside: Vec<FileId>,
    /// Which is `twogate.toml`.
    pub config: Option<FileId>,
    /// The namespace of statements that stand in none; `default` if it is not given.
    pub namespace: Option<String>,
    /// The names of the targets to write for; empty for all.
    pub targets: Vec<String>,
    /// The date by which rules expire, as `YYYY-MM-DD`; none leaves that unjudged.
    pub today: Option<String>,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The text of all files, for the findings.
    pub sources: Sources,
    /// What was found, at settled levels.
    pub findings: Vec<Diagnostic>,
    /// The policy, as far as it could be understood.
    pub policy: Policy,
    /// Its normal form.
    pub gates: Gates,
    /// One object each; empty if any finding is an error.
    pub manifests: Vec<Manifest>,
    /// The files to write; empty if any finding is an error.
    pub files: Vec<OutputFile>,
    /// The proof that they do what the program says; none if there was nothing to prove.
    pub proof: Option<Proof>,
    /// The manifests as the evaluator read them back, beside others' policies if there are any.
    pub cluster: Option<Cluster>,
}

impl Outcome {
    /// Findings about what would be written: with an error among them it is not.
    fn take_in(&mut self, findings: Vec<Diagnostic>) {
        if crate::diagnostic::order::has_error(&findings) {
            self.manifests.clear();
            self.files.clear();
        }
        self.findings.extend(findings);
    }

    /// Expectations that fail, at the levels of their codes.
    fn take_in_expectations(&mut self, findings: Vec<Diagnostic>) {
        let findings = Levels::new(self.policy.config.lints.settings()).apply(findings);
        self.take_in(findings);
    }
}

/// Compiles: parse, resolve, bring into normal form, check, emit, read back and prove.
pub fn compile(input: Input) -> Outcome {
    let (mut outcome, broken) = run(input, |_| true);
    outcome.take_in_expectations(broken);
    outcome
}

/// The same for questions about what would be written: an expectation that fails is a warning, as who looks for the reason must get an
/// answer. What comes of it must not be written.
pub fn to_be_asked(input: Input) -> Outcome {
    let (mut outcome, broken) = run(input, |_| true);
    if crate::diagnostic::order::has_error(&outcome.findings) {
        // There is nothing to be asked, and all findings are as `compile` has them.
        outcome.take_in_expectations(broken);
        return outcome;
    }
    let broken = Levels::new(outcome.policy.config.lints.settings()).apply(broken);
    let told = |finding: Diagnostic| Diagnostic { level: finding.level.min(Level::Warning), ..finding };
    outcome.findings.extend(broken.into_iter().map(told));
    outcome
}

/// The same without reading back and proof, for files that are not to be written: nothing is known of what they do, so an expectation
/// that only they could decide is not decided.
pub fn unproved(input: Input) -> Outcome {
    let (mut outcome, by_intents) = emitted_only(input, |_| true);
    if !is_any_accepted(&outcome.policy, &outcome.gates) {
        outcome.take_in_expectations(by_intents);
    }
    outcome
}

/// The same, as if one kind of finding did not exist.
fn compile_but_for(input: Input, code: Code) -> Outcome {
    let (mut outcome, broken) = run(input, |finding| finding.code != code);
    outcome.take_in_expectations(broken);
    outcome
}

/// All that counts but for expectations that fail, and these.
fn run(input: Input, counts: impl Fn(&Diagnostic) -> bool) -> (Outcome, Vec<Diagnostic>) {
    let (alongside, proves) = (input.alongside.clone(), emits_all(&input.targets));
    let (mut outcome, by_intents) = emitted_only(input, &counts);
    // Also where an expectation fails: whoever mends it should hear at once of what else is wrong.
    if !outcome.files.is_empty() && proves {
        prove(&mut outcome, &alongside);
    }
    // The intents alone decide where nothing else has a say: that is faster, and it was just proved to be the same.
    let is_said = alongside.is_empty() && !is_any_accepted(&outcome.policy, &outcome.gates);
    let broken = if is_said { by_intents } else { expectations::broken_by_manifests(&outcome, by_intents) };
    (outcome, broken.into_iter().filter(counts).collect())
}

/// The files, unproved, and apart from the other findings which expectations fail by the intents alone.
fn emitted_only(input: Input, counts: impl Fn(&Diagnostic) -> bool) -> (Outcome, Vec<Diagnostic>) {
    let (config, policy, gates, mut findings) = analyse(&input);
    findings.retain(counts);
    let (by_intents, findings) = findings.into_iter().partition(|finding| finding.code == code::EXPECTATION_FAILED);
    let findings = Levels::new(config.lints.settings()).accepting(check::accepts(&policy)).apply(findings);
    let mut outcome = Outcome { sources: input.sources, findings, policy, gates, ..Outcome::default() };
    if !crate::diagnostic::order::has_error(&outcome.findings) {
        outcome.manifests = emit(&outcome.policy, &outcome.gates, &chosen(&input.targets));
        outcome.files = target::layout(&outcome.policy, &outcome.manifests);
    }
    (outcome, by_intents)
}

/// Proves that the files of an outcome do what its policy says, and takes them back if that fails. `compile` ends with it.
///
/// It reads the files as they stand: whoever changed one gets a proof of the change. `alongside` are policies of others among
/// the sources.
pub fn prove(outcome: &mut Outcome, alongside: &[FileId]) {
    let checked = proof::check(&outcome.policy, &outcome.gates, &outcome.files, alongside, &mut outcome.sources);
    outcome.take_in(checked.findings);
    outcome.proof = checked.proof;
    outcome.cluster = Some(checked.cluster);
}

/// Whether all targets were chosen: a part of them alone does not do what the program says.
fn emits_all(names: &[String]) -> bool {
    chosen(names).len() == target::ALL.len()
}

/// All phases but emission.
fn analyse(input: &Input) -> (Config, Policy, Gates, Vec<Diagnostic>) {
    let Resolved { policy, mut findings, is_partial } = resolve(input);
    let config = policy.config.clone();
    let gates = gates::build(&policy);
    findings.extend(gates.findings.iter().cloned());
    let lints = check::run(&policy, &gates);
    // What could not be read may be what a selector means: nothing is concluded from the rest.
    findings.extend(lints.into_iter().filter(|finding| !is_partial || finding.code != code::SELECTOR_MATCHES_NOTHING));
    findings.extend(check::unenforced(&policy, &chosen(&input.targets)));
    findings.extend(input.today.as_deref().map(|today| check::expired(&policy, today)).into_iter().flatten());
    (config, policy, gates, findings)
}

/// A program as far as its meaning goes.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The policy, as far as it could be understood. It holds the configuration.
    pub policy: Policy,
    /// What was found while reading and resolving, at the levels of the codes.
    pub findings: Vec<Diagnostic>,
    /// Whether something of the configuration or the inventory could not be read.
    pub is_partial: bool,
}

/// The first phases alone: parse and resolve. Enough to ask what a program means, and not whether both gates can say it.
pub fn resolve(input: &Input) -> Resolved {
    let mut findings = Vec::new();
    let config = read_config(input, &mut findings);
    let default_namespace: Symbol = input.namespace.as_deref().unwrap_or("default").into();
    let inventory = read_inventory(input, &default_namespace, &mut findings);
    let is_partial = crate::diagnostic::order::has_error(&findings);
    let (trees, found) = parse(input);
    findings.extend(found);
    let units = trees.iter().map(|(file, origin, tree)| Unit { file: *file, tree, origin: *origin }).collect();
    let program = Program { sources: &input.sources, units, config: &config, inventory: &inventory, default_namespace };
    let (policy, found) = ir::lower(program);
    findings.extend(found);
    Resolved { policy, findings, is_partial }
}

fn read_config(input: &Input, findings: &mut Vec<Diagnostic>) -> Config {
    let Some((file, source)) = input.config.and_then(|file| Some((file, input.sources.get(file)?))) else { return Config::default() };
    let (config, found) = config::read(file, source);
    findings.extend(found);
    config
}

fn read_inventory(input: &Input, default_namespace: &Symbol, findings: &mut Vec<Diagnostic>) -> Inventory {
    let (all, found) = inventory::read_all(files(&input.sources, &input.inventory), default_namespace);
    findings.extend(found);
    all
}

/// The first phase alone: the trees of all intents, with whose each is, and what is wrong with their texts. Files are read side by side.
pub fn parse(input: &Input) -> (Vec<(FileId, Origin, syntax::ast::File)>, Vec<Diagnostic>) {
    let ours = files(&input.sources, &input.intents).map(|(file, source)| (file, Origin::Ours, source));
    let with = files(&input.sources, &input.with).map(|(file, source)| (file, Origin::With, source));
    let all: Vec<(FileId, Origin, &Source)> = ours.chain(with).collect();
    let parse = |(file, origin, source): &(FileId, Origin, &Source)| (*file, *origin, syntax::parse(*file, source));
    let parsed = in_shares(&all, WORTH_A_THREAD, |share| share.iter().map(parse).collect::<Vec<_>>());
    let (mut trees, mut findings) = (Vec::with_capacity(all.len()), Vec::new());
    for (file, origin, (tree, found)) in parsed.into_iter().flatten() {
        findings.extend(found);
        trees.push((file, origin, tree));
    }
    (trees, findings)
}

fn files<'a>(sources: &'a Sources, ids: &'a [FileId]) -> impl Iterator<Item = (FileId, &'a Source)> {
    ids.iter().filter_map(|file| Some((*file, sources.get(*file)?)))
}

/// The targets of these names; all of them if none is named. A name that is no target's is the caller's to refuse.
fn chosen(names: &[String]) -> Vec<&'static dyn Target> {
    target::ALL.iter().copied().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name())).collect()
}

fn emit(policy: &Policy, gates: &Gates, targets: &[&'static dyn Target]) -> Vec<Manifest> {
    targets.iter().flat_map(|target| target.emit(policy, gates)).collect()
}

/// What became of one file's formatting.
#[derive(Debug, Clone)]
pub struct Formatted {
    /// What is wrong with the file.
    pub findings: Vec<Diagnostic>,
    /// The canonical text; none if there is an error.
    pub text: Option<String>,
}

/// The canonical text of one file.
pub fn canonical(file: FileId, sources: &Sources) -> Formatted {
    let Some(source) = sources.get(file) else {
        return Formatted { findings: vec![Diagnostic::unplaced(code::NO_INPUT, "there is no such file")], text: None };
    };
    match format::format(file, source) {
        Ok(text) => Formatted { findings: Vec::new(), text: Some(text) },
        Err(findings) => Formatted { findings, text: None },
    }
}
