//! `twogate plan`: in which order a change is applied.
//!
//! Owns: the command: in which format the plan is written and to which folder, and how the run ends. Which texts are the two
//! sides stands in `sides`.

use crate::exit::{Exit, Failure};
use crate::output;
use crate::report::{self, Format as Findings};
use crate::sides::{Read, Sides, not_judged};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use twogate::diagnostic::human::Colour;
use twogate::plan::{self, Options, Others, Rollout, Safety, Trials};

/// Say in which order to apply a change.
///
/// The answer is steps for `kubectl`. After each of them, and while any part of it is applied, nothing passes that neither side
/// lets through, and all passes that both let through: connections from end to end, over every pod that could exist.
///
/// BASE and HEAD are as for `twogate diff`; what their intents compile to is what is applied. With `--manifests` it is anyone's
/// YAML, such as a cluster's dump and the folder that is to be applied.
///
/// Exit status: 0 there is a safe order, or nothing to do; 1 none was found, and nothing is written; 2 it could not be judged.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plan {
    #[command(flatten)]
    sides: Sides,

    /// First try out Istio's policies in namespaces where one changes, as copies with its dry-run annotation
    #[arg(long)]
    staged: bool,

    /// Leave policies that B lacks as they are, but for those that Twogate wrote
    #[arg(long, requires = "manifests")]
    keep: bool,

    /// The folder to write to, a folder of files for each step; of what is there, only files that Twogate wrote are replaced or removed
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// How the plan is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  twogate plan
  twogate plan main -o rollout
  twogate plan old/intents new/intents --format markdown
  twogate plan --manifests before.yaml after.yaml --staged";

/// How the plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard output
    Human,
    /// Markdown, for a pull request or a ticket
    Markdown,
    /// One JSON object, as `schemas/plan.schema.json` describes it
    Json,
}

impl Plan {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let options = Options {
            trials: if self.staged { Trials::First } else { Trials::None },
            others: if self.keep { Others::Kept } else { Others::Deleted },
        };
        let made = match self.sides.read(None)? {
            Read::Nothing(exit) => return Ok(exit),
            Read::Manifests(base, head) => plan::manifests(base, head, options),
            Read::Intents(base, head) => plan::intents(base, head, options),
        };
        match made {
            Ok(rollout) => self.finish(&rollout),
            Err(unjudged) => not_judged(&unjudged),
        }
    }

    /// Writes the files of a safe plan, then the plan, and says how the run ends.
    fn finish(&self, rollout: &Rollout) -> Result<Exit, Failure> {
        let Rollout { plan, findings, sources } = rollout;
        let folder = self.output.as_deref().filter(|_| plan.safety == Safety::Safe);
        if let Some(folder) = folder {
            output::compare(folder, &plan::files(plan))?.write()?;
        }
        let folder = folder.map(|folder| folder.display().to_string());
        let folder = folder.as_deref();
        match self.format {
            Format::Human => report::print_coloured(|colour: Colour| plan::human(plan, folder, colour))?,
            Format::Markdown => report::print(&plan::markdown(plan, folder))?,
            Format::Json => report::print(&plan::json(plan, folder))?,
        }
        report::findings(findings, sources, Findings::Human)?;
        match plan.safety {
            Safety::Safe => Ok(Exit::Fine),
            Safety::NoSafeOrder => Ok(Exit::Found),
            Safety::NotJudged => Err(Failure::new("not every step could be judged, so nothing was written")),
        }
    }
}
