//! `twogate explain`: pages of findings, and what the baseline opens.
//!
//! Owns: the command. The pages are the library's.

use crate::exit::{Exit, Failure};
use crate::inputs::{Inputs, Read};
use crate::report::{self, Format};
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use twogate::compile::compile;
use twogate::diagnostic::code::ALL;
use twogate::diagnostic::{Code, nearest};

/// Explain the code of a finding, or what every pod keeps under a default deny.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate explain --code coupled-rules\n  twogate explain --baseline intents")]
#[command(group(ArgGroup::new("question").required(true).args(["code", "baseline"])))]
pub(crate) struct Explain {
    /// Print the page of a finding's code
    #[arg(long, value_name = "CODE", value_parser = find)]
    code: Option<Code>,

    /// Print what the baseline opens in the namespaces that the intents manage
    #[arg(long)]
    baseline: bool,

    /// Files, folders or `-`; without any, `intents` if it is there, else `.`
    #[arg(value_name = "PATHS", conflicts_with = "code")]
    paths: Vec<PathBuf>,

    /// The configuration, instead of the next `twogate.toml` upwards from the first path
    #[arg(long, value_name = "F", conflicts_with = "code")]
    config: Option<PathBuf>,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.code {
            Some(code) if !self.baseline => report::print(code.page()).map(|()| Exit::Fine),
            _ => explain_baseline(Inputs { paths: self.paths, config: self.config, ..Inputs::default() }),
        }
    }
}

/// Prints what the baseline opens.
fn explain_baseline(inputs: Inputs) -> Result<Exit, Failure> {
    let outcome = match inputs.read(None)? {
        Read::Found(sources, findings) => return report::findings(&findings, &sources, Format::Human),
        Read::Ready(input, _) => compile(*input),
    };
    let exit = report::findings(&outcome.findings, &outcome.sources, Format::Human)?;
    if exit == Exit::Fine {
        report::print(&twogate::ir::describe(&outcome.policy))?;
    }
    Ok(exit)
}

/// The code of a name.
fn find(name: &str) -> Result<Code, String> {
    let guess = || nearest(name, ALL.iter().map(|code| code.name())).map(|near| format!("; `{near}` is near")).unwrap_or_default();
    Code::find(name).ok_or_else(|| format!("there is no such code{}", guess()))
}
