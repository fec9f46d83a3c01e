//! `twogate verify`: are these manifests what the intents say, and does the proof's ground hold?
//!
//! Owns: the command. The comparison is the library's.

use crate::exit::{Exit, Failure};
use crate::gates;
use crate::inputs::{Inputs, ReadBeside};
use crate::report::{self, Format as Findings};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use twogate::cluster::Document;
use twogate::compile::{Against, Relation, Told, against};
use twogate::diagnostic::order::has_error;
use twogate::diagnostic::{Diagnostic, code, json};
use twogate::flow::Verdict;
use twogate::ir::Rule;
use twogate::meaning::speaking;
use twogate::source::Sources;
use twogate::syntax::ast::{Action, Direction};
use twogate::verify::{Checked, Difference, Status, Way};

/// Hold manifests, or a dump of a cluster, against the intents.
///
/// Every connection of every pod that could exist is compared, not only those of pods that run. The manifests may hold other
/// people's policies too: all of them count. For a cluster, pipe what `kubectl get -A -o yaml` prints of policies, namespaces,
/// Services and workloads into `--manifests -`.
///
/// What the comparison takes for granted is listed, each with what the manifests show of it: `holds`, `broken`, or `open` where they
/// do not show it. A connection that is told as a difference is decided as `explain` decides it, with pods as the manifests have them; what
/// differs only between pods that take part in the mesh as is taken for granted is noted. Where the manifests have pods in the mesh
/// otherwise than that, what they do with these as they are is compared besides. Nothing is called equal where something is `broken`. Two
/// things are not compared, and noted: what policies of namespaces that the intents do not manage stop, or may stop, of what they let
/// through, and what a `VirtualService` does to requests before they arrive.
///
/// What is certain decides the first word, and what the platform leaves open beside it is told too; `undecided` means that no difference
/// is certain, and that something is left open or `broken`.
///
/// Exit status: 0 equal; 1 otherwise; 2 something could not be read.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  twogate verify intents --manifests manifests\n  twogate verify intents --manifests manifests --format json"
)]
pub(crate) struct Verify {
    #[command(flatten)]
    inputs: Inputs,

    /// The manifests: files, folders or `-` for a dump on the standard input; may be repeated
    #[arg(long, value_name = "P", required = true)]
    manifests: Vec<PathBuf>,

    /// How the result is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard output
    Human,
    /// One JSON object; where errors leave nothing to compare, its `findings` are those of `check`
    Json,
}

/// The most counterexamples that people are shown.
const MAX_SHOWN: usize = 10;

impl Verify {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (input, manifests) = match self.inputs.read_beside(&self.manifests, None)? {
            ReadBeside::Found(sources, findings) => return self.format.unjudged(&findings, &sources),
            ReadBeside::Ready(input, manifests) => (*input, manifests),
        };
        let against = against(input, &manifests);
        if has_error(&against.outcome.findings) {
            return self.format.unjudged(&against.outcome.findings, &against.outcome.sources);
        }
        report::findings(&against.outcome.findings, &against.outcome.sources, Findings::Human)?;
        if against.outcome.policy.managed().next().is_none() {
            let finding = Diagnostic::unplaced(code::NO_INPUT, "the intents manage no namespace, so there is nothing to compare");
            let finding = finding.help("open a namespace with `namespace NAME`");
            return self.format.unjudged(&[finding], &against.outcome.sources);
        }
        let report = Report::new(&against);
        report::print(&match self.format {
            Format::Human => report.human(),
            Format::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
        })?;
        Ok(if against.relation == Relation::Equal { Exit::Fine } else { Exit::Found })
    }
}

impl Format {
    /// Writes why nothing was compared: people read findings on the standard error, and programs a result without one.
    fn unjudged(self, findings: &[Diagnostic], sources: &Sources) -> Result<Exit, Failure> {
        let exit = report::findings(findings, sources, Findings::Human)?;
        if self == Self::Json {
            let told: Value = serde_json::from_str(&json::render(findings, sources, None)).unwrap_or_default();
            let result = Unjudged { version: VERSION, relation: Relation::Undecided.name(), findings: told.get("findings") };
            report::print(&(serde_json::to_string_pretty(&result).unwrap_or_default() + "\n"))?;
        }
        Ok(exit)
    }
}

/// The version of the shapes.
const VERSION: u32 = 1;

/// That nothing was compared.
#[derive(Debug, Serialize)]
struct Unjudged<'a> {
    version: u32,
    relation: &'static str,
    /// Why, as `twogate check --format json` writes it.
    findings: Option<&'a Value>,
}

/// The result in words.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    relation: &'static str,
    classes: usize,
    differences: Vec<Line>,
    /// Whether there may be more of them, of the other kind too.
    #[serde(rename = "cutShort")]
    is_cut_short: bool,
    /// Connections that pass though no line says so, because their line accepts it.
    accepted: Vec<String>,
    /// What falls into too many classes to be compared.
    #[serde(rename = "notCompared")]
    not_compared: Vec<String>,
    /// What the manifests do besides, of which the comparison says nothing.
    notes: Vec<String>,
    assumptions: Vec<Ground>,
    /// Whether what differs does so only between pods as they are taken for granted.
    #[serde(skip)]
    hangs_on_mesh: bool,
}

/// A connection about which the two disagree.
#[derive(Debug, Serialize)]
struct Line {
    flow: String,
    intents: &'static str,
    /// The rule by which the intents let it through, as `shop.intent:6`; none where no single line does.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    manifests: String,
    /// The gates that decided in the manifests, and why.
    because: Vec<String>,
    /// The same with the places of the objects, as people read it.
    #[serde(skip)]
    with_places: Vec<String>,
    /// The objects that decided there.
    documents: Vec<Decider>,
}

/// An object that decided, or one of its rules.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Decider {
    kind: String,
    namespace: String,
    name: String,
    /// Which of its rules, from 1; none for the object as a whole.
    rule: Option<usize>,
    file: Option<String>,
    line: Option<usize>,
}

/// Something that the comparison takes for granted.
#[derive(Debug, Serialize)]
struct Ground {
    name: &'static str,
    text: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Report {
    fn new(against: &Against) -> Self {
        Self {
            version: VERSION,
            relation: against.relation.name(),
            classes: against.classes,
            differences: against.differences.iter().map(|told| Line::new(against, told)).collect(),
            is_cut_short: against.is_cut_short,
            accepted: against.accepted.clone(),
            not_compared: against.incomplete.iter().map(ToString::to_string).collect(),
            notes: against.notes.clone(),
            assumptions: against.assumptions.iter().map(Ground::new).collect(),
            hangs_on_mesh: against.hangs_on_mesh,
        }
    }

    fn human(&self) -> String {
        let mut lines = vec![self.summary()];
        let groups = self.groups();
        for group in groups.iter().take(MAX_SHOWN) {
            lines.extend(group.human());
        }
        let more = groups.iter().skip(MAX_SHOWN).map(|group| 1 + group.others.len()).sum();
        if more > 0 {
            lines.push(format!("  and {} of connections more (`--format json` has them)", classes(more)));
        }
        if self.is_cut_short {
            lines.push("  and perhaps more: of each kind the first few dozen of a namespace are told".to_owned());
        }
        lines.extend(self.accepted.iter().map(|flow| format!("  accepted: {flow}")));
        lines.extend(self.not_compared.iter().map(|what| format!("  not compared: {what}")));
        lines.extend(self.notes.iter().map(|note| format!("  note: {note}")));
        lines.push(format!("{} of connections compared, over every pod that could exist; this assumes", classes(self.classes)));
        for ground in &self.assumptions {
            let reason = ground.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            lines.push(format!("  {:<7}  {}{reason}", ground.status, ground.text));
        }
        lines.join("\n") + "\n"
    }

    /// The first line. Where the result hangs on something that is not so, it does not read as if all were well.
    fn summary(&self) -> String {
        let broken = self.assumptions.iter().filter(|ground| ground.status == "broken").count();
        let not_so = match broken {
            1 => "1 assumption does not hold there: see `broken`".to_owned(),
            _ => format!("{broken} assumptions do not hold there: see `broken`"),
        };
        let beside = self.left_open().map(|what| format!("; {what}")).unwrap_or_default();
        let relation = self.relation;
        match (self.meaning(), broken) {
            (Some(meaning), 0) => format!("{relation}: {meaning}{beside}"),
            (Some(meaning), _) => format!("{relation}: {meaning}{beside}; and {not_so}"),
            (None, _) => format!("{relation}: {not_so}"),
        }
    }

    /// What is left open beside a difference that is certain.
    fn left_open(&self) -> Option<&'static str> {
        if ["equal", "undecided"].contains(&self.relation) {
            return None;
        }
        if self.differences.iter().any(Line::is_left_open) {
            return Some("the platform leaves open what becomes of others");
        }
        (!self.not_compared.is_empty()).then_some("not every connection could be compared")
    }

    /// What the relation means; none where nothing but what is broken is why it is what it is.
    fn meaning(&self) -> Option<&'static str> {
        Some(match self.relation {
            "equal" => "the manifests do what the intents say",
            "wider" => "the manifests also let through what no line says",
            "narrower" => "the manifests stop what a line lets through",
            "different" => "the manifests let through what no line says, and stop what a line lets through",
            _ if !self.not_compared.is_empty() => "not every connection could be compared",
            _ if !self.differences.is_empty() => "the platform leaves open what becomes of some connections",
            _ if self.hangs_on_mesh => "what differs hangs on how pods take part in the mesh",
            _ => return None,
        })
    }

    /// Differences with one cause, as far as it can be told: the same answers by the same objects. A connection of which both
    /// ends differ counts once.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut told = BTreeSet::new();
        for line in self.differences.iter().filter(|line| told.insert(&line.flow)) {
            let same = |group: &&mut Group<'_>| group.first.is_like(line);
            match groups.iter_mut().find(same) {
                Some(group) => group.others.push(line),
                None => groups.push(Group { first: line, others: Vec::new() }),
            }
        }
        groups
    }
}

/// Differences with one cause.
struct Group<'a> {
    first: &'a Line,
    others: Vec<&'a Line>,
}

/// As many connections of one cause are shown beside the first.
const MAX_ALIKE: usize = 2;

impl Group<'_> {
    fn human(&self) -> Vec<String> {
        let first = self.first;
        let mut lines = vec![format!("  {}", first.flow)];
        let by = first.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
        lines.push(format!("    the intents say {}{by}, the manifests {}", first.intents, first.manifests));
        lines.extend(first.with_places.iter().map(|why| format!("      {why}")));
        lines.extend(self.others.iter().take(MAX_ALIKE).map(|line| format!("    so too {}", line.flow)));
        let more = self.others.len().saturating_sub(MAX_ALIKE);
        lines.extend((more > 0).then(|| format!("    and {} of connections more for the same reason", classes(more))));
        lines
    }
}

/// `1 class`, `2 classes`.
fn classes(number: usize) -> String {
    format!("{number} class{}", if number == 1 { "" } else { "es" })
}

/// The rule that opens the end at which manifests stop a connection, or may.
fn opening<'a>(against: &'a Against, difference: &'a Difference) -> Option<&'a Rule> {
    let direction = match difference.way {
        Way::Ingress => Direction::In,
        Way::Egress => Direction::Out,
    };
    let mut speaking = speaking(&against.outcome.policy, &difference.flow, direction).filter(|_| difference.left == Verdict::Allowed);
    speaking.find(|rule| rule.action == Action::Allow)
}

impl Line {
    fn new(against: &Against, told: &Told) -> Self {
        let Told { difference, decision, flow } = told;
        let steps = || gates::deciding(decision);
        let sources = &against.outcome.sources;
        Self {
            flow: flow.clone(),
            rule: opening(against, difference).map(|rule| report::place(rule.location, sources)),
            intents: if difference.left == Verdict::Allowed { "allowed" } else { "denied" },
            manifests: match &difference.right {
                Verdict::Allowed => "allowed".to_owned(),
                Verdict::Denied => "denied".to_owned(),
                Verdict::Unspecified(why) => format!("unspecified ({why})"),
            },
            because: steps().map(gates::line).collect(),
            with_places: steps().map(|step| gates::line_with_places(step, sources)).collect(),
            documents: steps().flat_map(|step| &step.decided_by).map(|document| Decider::new(document, sources)).collect(),
        }
    }

    /// Whether another connection is decided alike, by the same objects, or left open for the same reason.
    fn is_like(&self, other: &Self) -> bool {
        let is_same = self.intents == other.intents && self.rule == other.rule && self.manifests == other.manifests;
        is_same && (self.is_left_open() || self.documents == other.documents)
    }

    /// Whether the platform leaves open what the manifests do with it.
    fn is_left_open(&self) -> bool {
        !["allowed", "denied"].contains(&&*self.manifests)
    }
}

impl Decider {
    fn new(document: &Document, sources: &Sources) -> Self {
        let source = sources.get(document.location.file);
        Self {
            kind: document.kind.to_string(),
            namespace: document.namespace.to_string(),
            name: document.name.to_string(),
            rule: document.rule,
            file: source.map(|source| source.name().to_owned()),
            line: source.map(|source| source.position(document.location.span.start).line),
        }
    }
}

impl Ground {
    fn new(checked: &Checked) -> Self {
        let (status, reason) = match &checked.status {
            Status::Holds => ("holds", None),
            Status::Broken(why) => ("broken", Some(why.clone())),
            Status::Open => ("open", None),
        };
        Self { name: checked.assumption.name(), text: checked.assumption.to_string(), status, reason }
    }
}
