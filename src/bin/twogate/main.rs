//! The command line: arguments, files, streams, colour and exit status.
//!
//! Owns: the commands, one file each. All that they know of intents and clusters is the library's; nothing is judged here.

mod called;
mod check;
mod compile;
mod completions;
mod date;
mod diff;
mod difference;
mod exit;
mod explain;
mod files;
mod fmt;
mod gates;
mod git;
mod init;
mod inputs;
mod krm;
mod list;
mod man;
mod output;
mod plan;
mod replace;
mod report;
mod sides;
mod test;
mod verify;

use clap::{Parser, Subcommand};
use exit::{Exit, Failure};
use mimalloc::MiMalloc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A run makes and drops millions of small texts and lists on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Compile small intent files into `NetworkPolicy` and Istio policy, and refuse what the two together cannot say.
#[derive(Debug, Parser)]
#[command(name = "twogate", version, max_term_width = 100, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The end of `twogate --help`.
const EXIT_STATUS: &str = "\
Exit status: 0 fine; 1 a finding at error level, or a difference; 2 it could not be judged.

Example:
  twogate compile intents -o manifests";

#[derive(Debug, Subcommand)]
enum Command {
    Compile(compile::Compile),
    Check(check::Check),
    Test(test::Test),
    Verify(verify::Verify),
    Diff(diff::Diff),
    Plan(plan::Plan),
    Fmt(fmt::Fmt),
    Explain(explain::Explain),
    List(list::List),
    Init(init::Init),
    Krm(krm::Krm),
    Completions(completions::Completions),
    Man(man::Man),
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| report::failure(&Failure::new(format!("internal error, please report it: {panic}")))));
    let cli = called::parse();
    match catch_unwind(AssertUnwindSafe(|| run(cli))) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            report::failure(&failure);
            Exit::NotJudged.into()
        }
        Err(_) => Exit::NotJudged.into(),
    }
}

/// Runs the command.
fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Compile(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Fmt(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::List(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Krm(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
