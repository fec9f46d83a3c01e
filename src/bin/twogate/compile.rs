//! `twogate compile`: writes the policies, or says where those that are written differ.
//!
//! Owns: the command. What an output folder is stands in `output`.

use crate::exit::{Exit, Failure};
use crate::inputs::{Inputs, Read};
use crate::output::{self, Comparison};
use crate::report::{self, Format};
use clap::Args;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use twogate::compile::compile;
use twogate::diagnostic::{Diagnostic, code};
use twogate::source::Sources;
use twogate::target;

/// Write the policies that the intents ask for.
///
/// Without `-o` they go to the standard output as one YAML stream. With an error anywhere, nothing is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  twogate compile\n  twogate compile intents -o manifests\n  twogate compile intents -o manifests --check"
)]
pub(crate) struct Compile {
    #[command(flatten)]
    inputs: Inputs,

    /// The folder to write to; of what is there, only files that Twogate wrote are replaced or removed
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Write nothing; show what is missing, stale or stray in the output folder
    #[arg(long, requires = "output")]
    check: bool,
}

impl Compile {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let outcome = match self.inputs.read(None)? {
            Read::Found(sources, findings) => return report::findings(&findings, &sources, Format::Human),
            // As with `check`, nothing is given back piece by piece at the end.
            Read::Ready(input, _) => ManuallyDrop::new(compile(*input)),
        };
        if report::judged(&outcome.findings, &outcome.sources, outcome.proof.as_ref(), Format::Human)? == Exit::Found {
            return Ok(Exit::Found);
        }
        if outcome.files.is_empty() {
            // An emptied program would otherwise take away every policy that an earlier run wrote.
            let finding = Diagnostic::unplaced(code::NO_INPUT, "the intents manage no namespace, so there is nothing to write")
                .note("what an earlier run wrote stays as it is")
                .help("open a namespace with `namespace NAME`; to remove all policy, delete the output folder");
            return report::findings(&[finding], &outcome.sources, Format::Human);
        }
        let Some(folder) = self.output else {
            report::print(&target::stream(&outcome.manifests))?;
            return Ok(Exit::Fine);
        };
        let comparison = output::compare(&folder, &outcome.files)?;
        if self.check { judge(&comparison) } else { write(comparison) }
    }
}

/// Shows how the folder differs from what it should hold.
fn judge(comparison: &Comparison) -> Result<Exit, Failure> {
    let Some(finding) = comparison.finding() else { return Ok(Exit::Fine) };
    report::print_difference(&comparison.difference())?;
    report::findings(&[finding], &Sources::default(), Format::Human)
}

/// Makes the folder what it should be.
fn write(comparison: Comparison) -> Result<Exit, Failure> {
    let folder = comparison.folder().display().to_string();
    let done = comparison.write()?;
    let (written, removed) = (report::count(done.replaced, "file"), done.removed);
    report::say(&format!("{folder}: {written} written, {removed} removed, {} unchanged", done.unchanged))?;
    Ok(Exit::Fine)
}
