//! `twogate diff`: who gains and who loses access.
//!
//! Owns: the command: in which format the answer is written, and how the run ends. Which texts are the two sides stands in `sides`.

use crate::date;
use crate::exit::{Exit, Failure};
use crate::report;
use crate::sides::{Read, Sides, not_judged};
use clap::{Args, ValueEnum};
use twogate::diagnostic::human::Colour;
use twogate::diff::{
    Compared, Condition, Detail, Failing, Report, Telling, Texts, human, intents, json, manifests, markdown, sarif, scope,
};
use twogate::ir::Policy;
use twogate::plan::{self, Options};

/// Say who gains and who loses access, whatever the text did.
///
/// Compared is what the intents mean, over every pod that could exist: moved, renamed or rewritten lines show as nothing.
///
/// BASE and HEAD are git revisions, folders or files of intents. Without HEAD it is the working tree; without BASE it is where
/// the branch left the default branch. Of two revisions, BASE is taken where HEAD left it, as reviewers see a pull request.
///
/// Exit status: 0 access did not change; 1 it did or may have, or an expectation fails now or an error is new, or with `--fail-on` what that
/// names has happened; 2 it could not be judged.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    #[command(flatten)]
    sides: Sides,

    /// Also show a connection each, all workloads concerned and the manifests that are touched
    #[arg(long)]
    verbose: bool,

    /// Also say in which order the change is safely applied, as `twogate plan` does step by step
    #[arg(long)]
    order: bool,

    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// Fail only for this: gained, lost, internet, weakened, unspecified, assumption or any, in a scope as `gained@shop` or
    /// `lost@[env=prod]`; may be repeated
    #[arg(long, value_name = "WHAT", value_parser = fail_on)]
    fail_on: Vec<Condition>,

    /// The date by which accepted exposures expire, instead of today's in UTC
    #[arg(long, value_name = "DATE", value_parser = date::parse)]
    today: Option<String>,
}

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  twogate diff
  twogate diff main --format markdown
  twogate diff HEAD~3 HEAD --fail-on internet --fail-on gained@[env=prod]
  twogate diff old/intents new/intents
  twogate diff --manifests before.yaml after.yaml";

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard output
    Human,
    /// A comment for a pull request
    Markdown,
    /// One JSON object, as `schemas/diff.schema.json` describes it
    Json,
    /// A SARIF 2.1.0 log for code scanning
    Sarif,
}

impl Diff {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let today = self.today.clone().unwrap_or_else(date::today);
        let read = self.sides.read(Some(&today))?;
        let order = if self.order { order(&read) } else { None };
        let compared = match read {
            Read::Nothing(exit) => return Ok(exit),
            Read::Manifests(base, head) => manifests(base, head),
            Read::Intents(base, head) => intents(base, head, self.detail()),
        };
        match compared {
            Ok(mut compared) => {
                compared.report.order = order;
                compared.report.notes = self.sides.notes()?;
                self.finish(&compared)
            }
            Err(unjudged) => not_judged(&unjudged),
        }
    }

    fn detail(&self) -> Detail {
        if self.verbose || matches!(self.format, Format::Markdown | Format::Json) { Detail::Objects } else { Detail::Access }
    }

    /// Writes the answer and says how the run ends.
    fn finish(&self, compared: &Compared) -> Result<Exit, Failure> {
        let Compared { report, texts, base, head } = compared;
        self.write(report, texts)?;
        Ok(self.exit(report, [base, head]))
    }

    fn write(&self, report: &Report, texts: &Texts) -> Result<(), Failure> {
        let telling = if self.verbose { Telling::Verbose } else { Telling::Brief };
        match self.format {
            Format::Human => report::print_coloured(|colour: Colour| human(report, texts, telling, colour)),
            Format::Markdown => report::print(&markdown(report, texts)),
            Format::Json => report::print(&json(report, texts)),
            Format::Sarif => report::print(&sarif(report, texts)),
        }
    }

    fn exit(&self, report: &Report, sides: [&Policy; 2]) -> Exit {
        let fails = if self.fail_on.is_empty() {
            report.changes_access() || report.fails()
        } else {
            self.fail_on.iter().any(|condition| condition.is_met(report, sides))
        };
        match (fails, report.incomplete.is_empty()) {
            (true, _) => Exit::Found,
            (false, false) => Exit::NotJudged,
            (false, true) => Exit::Fine,
        }
    }
}

/// The order in one line. A side that cannot be written has none; why is told by the comparison.
fn order(read: &Read) -> Option<String> {
    let made = match read {
        Read::Nothing(_) => return None,
        Read::Manifests(base, head) => plan::manifests(base.clone(), head.clone(), Options::default()),
        Read::Intents(base, head) => plan::intents(base.clone(), head.clone(), Options::default()),
    };
    let none = "none, as a side has errors".to_owned();
    Some(made.map_or(none, |rollout| plan::brief(&rollout.plan)))
}

/// `gained`, `lost@shop`, `internet@[env=prod]`.
fn fail_on(written: &str) -> Result<Condition, String> {
    let (word, written_scope) = written.split_once('@').map_or((written, None), |(word, scope)| (word, Some(scope)));
    let words = || Failing::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let failing = Failing::ALL.iter().find(|(name, _)| *name == word).map(|(_, failing)| *failing);
    let failing = failing.ok_or_else(|| format!("it is one of {}", words()))?;
    let scope = written_scope.map(scope).transpose();
    let scope = scope.map_err(|findings| {
        let why = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
        format!("the scope cannot be read: {why}")
    })?;
    Ok(Condition { failing, scope })
}
