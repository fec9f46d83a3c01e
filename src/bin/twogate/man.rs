//! `twogate man`: manual pages.
//!
//! Owns: the command, and which pages there are: one for `twogate` and one for each command.

use crate::Cli;
use crate::exit::{Exit, Failure};
use crate::replace::Pending;
use crate::report;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use std::fs;
use std::path::{Path, PathBuf};

/// Print the manual page of `twogate`, or write those of all commands to a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate man > twogate.1\n  twogate man -o man1")]
pub(crate) struct Man {
    /// The folder to write a page for each command to
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        match self.output {
            None => report::print(&page(command)?)?,
            Some(folder) => write(&folder, &command)?,
        }
        Ok(Exit::Fine)
    }
}

/// Writes all pages, or none.
fn write(folder: &Path, command: &Command) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    let commands: Vec<Command> = command.get_subcommands().cloned().chain([command.clone()]).collect();
    let mut pending = Vec::with_capacity(commands.len());
    for command in commands {
        // As `git` names them: `twogate-compile` for `twogate compile`.
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let path = folder.join(format!("{name}.1"));
        let text = page(command)?;
        pending.push(Pending::write(&path, &text).map_err(|error| Failure::file("write", &path, &error))?);
    }
    for page in pending {
        let path = page.target().to_owned();
        page.commit().map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}

/// The text of a page.
fn page(command: Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Page::new(command).render(&mut text).map_err(|error| Failure::new(format!("cannot write a manual page: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
