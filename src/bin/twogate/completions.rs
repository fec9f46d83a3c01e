//! `twogate completions`: what a shell needs to complete the command line.
//!
//! Owns: the command.

use crate::exit::{Exit, Failure};
use crate::{Cli, report};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print what a shell needs to complete the arguments of `twogate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  twogate completions bash > twogate.bash")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "twogate", &mut script);
        report::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
