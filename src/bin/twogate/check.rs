//! `twogate check`: everything that can be found, and nothing written.
//!
//! Owns: the command.

use crate::date;
use crate::exit::{Exit, Failure};
use crate::inputs::{Inputs, Read};
use crate::report::{self, Format};
use clap::Args;
use std::mem::ManuallyDrop;

/// Judge the intents: syntax, names, both gates, lints and expectations.
///
/// Findings go to the standard error for people, and to the standard output in the other formats.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate check\n  twogate check intents --format json\n  twogate check intents --today 2027-03-31")]
pub(crate) struct Check {
    #[command(flatten)]
    inputs: Inputs,

    /// How findings are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// The date by which rules expire, instead of today's in UTC
    #[arg(long, value_name = "DATE", value_parser = date::parse)]
    today: Option<String>,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let today = self.today.unwrap_or_else(date::today);
        let (input, files) = match self.inputs.read(Some(today))? {
            Read::Found(sources, findings) => return report::findings(&findings, &sources, self.format),
            Read::Ready(input, files) => (input, files),
        };
        // The process ends behind this: giving back all that it knows piece by piece would only make its user wait.
        let outcome = ManuallyDrop::new(twogate::compile::compile(*input));
        if outcome.findings.is_empty() && self.format == Format::Human {
            report::say(&format!("no findings in {}", report::count(files, "file")))?;
        }
        report::judged(&outcome.findings, &outcome.sources, outcome.proof.as_ref(), self.format)
    }
}
