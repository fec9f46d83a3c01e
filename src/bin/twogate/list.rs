//! `twogate list`: who can reach whom.
//!
//! Owns: the command. What passes is the library's to say; here is only what is asked, and in which form the answer is written.

mod expiring;

use crate::date;
use crate::exit::{Exit, Failure};
use crate::inputs::{Inputs, ReadBeside};
use crate::report::{self, Format};
use clap::{Args, ValueEnum};
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use twogate::cluster::Platform;
use twogate::compile::{Input, Judged, Outcome, emitted, endpoint, given, of_others, platform, to_be_asked};
use twogate::diagnostic::code;
use twogate::diagnostic::order::has_error;
use twogate::list::{self, Listing, Options, Reasons, Scope, Selection, WorkloadName, render};
use twogate::source::{FileId, Source};

/// List who can reach whom: workloads, ports, transport, requests.
///
/// Without `--manifests` the policies that the intents compile to are judged, with the workloads of the inventory. With it, the
/// policies and workloads of anybody's manifests. A line that begins with `?` tells of connections that the platform lets pass or
/// not as it pleases.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate list\n  twogate list intents --to app=db@shop --verbose\n  twogate list --expiring 30d")]
pub(crate) struct List {
    #[command(flatten)]
    inputs: Inputs,

    /// Judge these manifests instead of intents: files, folders, or `-` for a dump on the standard input; may be repeated
    #[arg(long, value_name = "P", conflicts_with = "paths")]
    manifests: Vec<PathBuf>,

    /// Only connections from here: an endpoint as in intents, or a workload as `shop/web` or `deploy/web@shop`
    #[arg(long, value_name = "E")]
    from: Option<String>,

    /// Only connections to here, written likewise
    #[arg(long, value_name = "E")]
    to: Option<String>,

    /// Only connections with addresses outside the cluster
    #[arg(long)]
    internet: bool,

    /// Name the documents and rules that let each connection pass; JSON always does
    #[arg(long)]
    verbose: bool,

    /// List instead the rules that last at most so many days from today, written `30d`
    #[arg(long, value_name = "DAYS", value_parser = expiring::days, conflicts_with_all = ["manifests", "from", "to", "internet"])]
    expiring: Option<i64>,

    /// How the list is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Form,

    /// The date by which rules expire, instead of today's in UTC
    #[arg(long, value_name = "DATE", value_parser = date::parse, requires = "expiring")]
    today: Option<String>,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A table for people
    Text,
    /// One JSON object, as `schemas/list.schema.json` describes it; where errors leave nothing to list, their findings as of `check`
    Json,
    /// Comma-separated values
    Csv,
    /// A graph for Graphviz
    Dot,
    /// A flowchart for Markdown pages
    Mermaid,
}

impl Form {
    /// How findings are written where there is nothing else to write.
    const fn unlisted(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Text | Self::Csv | Self::Dot | Self::Mermaid => Format::Human,
        }
    }
}

/// What is asked, apart from files.
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    scope: Scope,
    reasons: Reasons,
    format: Form,
}

impl List {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let wanted = Wanted {
            scope: if self.internet { Scope::Outside } else { Scope::All },
            reasons: if self.verbose || self.format == Form::Json { Reasons::Named } else { Reasons::Omitted },
            from: self.from,
            to: self.to,
            format: self.format,
        };
        let (input, manifests) = match self.inputs.read_judged(&self.manifests)? {
            ReadBeside::Found(sources, findings) => return report::findings(&findings, &sources, wanted.format.unlisted()),
            ReadBeside::Ready(input, manifests) => (input, manifests),
        };
        if let Some(days) = self.expiring {
            let today = self.today.unwrap_or_else(date::today);
            return expiring::list(*input, &today, days, self.format);
        }
        // The process ends behind this: giving back all that it knows piece by piece would only make its user wait.
        let input = ManuallyDrop::new(input);
        if self.manifests.is_empty() { of_intents(&input, &wanted) } else { of_manifests(&input, &manifests, &wanted) }
    }
}

/// Lists what the intents compile to.
fn of_intents(input: &Input, wanted: &Wanted) -> Result<Exit, Failure> {
    let mut outcome = ManuallyDrop::new(to_be_asked(input.clone()));
    if has_error(&outcome.findings) {
        return report::findings(&outcome.findings, &outcome.sources, wanted.format.unlisted());
    }
    report::findings(&outcome.findings, &outcome.sources, Format::Human)?;
    let beside = with_others(input, &mut outcome);
    let judged = ManuallyDrop::new(emitted(&outcome, &beside));
    print(input, &judged, wanted)
}

/// The input, with what programs of others write among the policies of others.
fn with_others(input: &Input, outcome: &mut Outcome) -> ManuallyDrop<Input> {
    let there: Vec<FileId> = input.inventory.iter().chain(&input.alongside).copied().collect();
    let namespace = input.namespace.as_deref().unwrap_or("default").into();
    let platform = Platform { default_namespace: Some(namespace), ..platform(&outcome.policy.config) };
    let others = of_others(&outcome.policy, &outcome.sources, &there, &platform);
    let mut beside = ManuallyDrop::new(input.clone());
    beside.alongside.extend(others.iter().map(|file| {
        let name = format!("{} (of `--with`)", file.path);
        outcome.sources.add(Source::new(name.as_str(), Arc::clone(&file.text)))
    }));
    beside
}

/// Lists what manifests let pass.
fn of_manifests(input: &Input, manifests: &[FileId], wanted: &Wanted) -> Result<Exit, Failure> {
    let mut judged = ManuallyDrop::new(given(input, manifests));
    if judged.has_errors_in(input.config) {
        return report::findings(&judged.findings, &judged.sources, wanted.format.unlisted());
    }
    if wanted.from.is_none() && wanted.to.is_none() && wanted.scope == Scope::All {
        let idle = list::idle(&judged.cluster);
        judged.findings.extend(idle);
    }
    let input = ManuallyDrop::new(Input { inventory: manifests.iter().chain(&input.inventory).copied().collect(), ..input.clone() });
    print(&input, &judged, wanted)
}

fn print(input: &Input, judged: &Judged, wanted: &Wanted) -> Result<Exit, Failure> {
    let is_unread = has_error(&judged.findings) && judged.cluster.workloads().is_empty();
    if is_unread || judged.findings.iter().any(|finding| finding.code == code::NO_INPUT) {
        return report::findings(&judged.findings, &judged.sources, wanted.format.unlisted()).map(|_| Exit::Found);
    }
    report::findings(&judged.findings, &judged.sources, Format::Human)?;
    if judged.cluster.workloads().is_empty() {
        report::say("there are no workloads to list; `--inventory` or `--manifests` reads them from manifests")?;
    }
    let mut ends = Vec::new();
    for (name, text) in [("--from", &wanted.from), ("--to", &wanted.to)] {
        ends.push(match text {
            None => None,
            Some(text) => match select(input, judged, (name, text), wanted.format)? {
                Ok(selection) => Some(selection),
                Err(exit) => return Ok(exit),
            },
        });
    }
    let [from, to] = [ends.first(), ends.get(1)].map(|end| end.cloned().flatten());
    let options = Options { from, to, scope: wanted.scope, reasons: wanted.reasons };
    let mut listing = ManuallyDrop::new(list::list(&judged.cluster, &options));
    listing.assumptions.extend(judged.mesh.assumptions(&[&judged.cluster]));
    for assumption in &listing.assumptions {
        report::say(&format!("assumes that {assumption}; {}", assumption.remedy()))?;
    }
    report::print(&rendered(&listing, judged, wanted))?;
    Ok(if has_error(&judged.findings) { Exit::Found } else { Exit::Fine })
}

fn rendered(listing: &Listing, judged: &Judged, wanted: &Wanted) -> String {
    match wanted.format {
        Form::Text if judged.cluster.workloads().is_empty() => "nobody is listed\n".to_owned(),
        Form::Text => render::text(listing, &judged.sources),
        Form::Json => render::json(listing, &judged.sources),
        Form::Csv => render::csv(listing, &judged.sources),
        Form::Dot => render::dot(listing),
        Form::Mermaid => render::mermaid(listing),
    }
}

/// Who is meant: a workload by name, an endpoint of the language, or any workload of a bare name.
fn select(input: &Input, judged: &Judged, (name, text): (&str, &str), format: Form) -> Result<Result<Selection, Exit>, Failure> {
    let workloads = judged.cluster.workloads();
    // Where there are none at all, that was said already.
    let known = |selection: &Selection| workloads.is_empty() || workloads.iter().any(|workload| selection.selects(workload));
    let called: Option<WorkloadName> = text.parse().ok();
    let by_name = called.clone().map(|own| Selection { names: vec![own], ..Selection::default() });
    let nobody = || Failure::new(format!("`{name} {text}` is nobody that the manifests hold"));
    if called.is_some_and(|own| own.namespace.is_some()) {
        return by_name.filter(known).map(Ok).ok_or_else(nobody);
    }
    match endpoint(input, &judged.config, name, text) {
        Ok(peers) => {
            let selection = Selection::from(peers);
            if known(&selection) || !selection.peers.addresses.is_empty() { Ok(Ok(selection)) } else { Err(nobody()) }
        }
        Err((sources, findings)) => match by_name.filter(known) {
            Some(selection) => Ok(Ok(selection)),
            None if findings.is_empty() => Err(Failure::new(format!("`{name} {text}` is no endpoint"))),
            None => report::findings(&findings, &sources, format.unlisted()).map(|_| Err(Exit::NotJudged)),
        },
    }
}
