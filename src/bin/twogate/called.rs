//! By which name the binary was called.
//!
//! Owns: the names. A link named `kubectl-twogate` makes it a plugin of kubectl, whose help then speaks of `kubectl twogate`; one named
//! `twogate-krm` is for callers of KRM functions that pass no arguments.

use crate::Cli;
use clap::{Command, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::Path;

/// How kubectl finds a plugin.
const PLUGIN: &str = "kubectl-twogate";
/// What a plugin is called by its users.
const PLUGIN_CALL: &str = "kubectl twogate";
/// The function without arguments.
const FUNCTION: &str = "twogate-krm";

/// What the command line says; ends the run for help and for wrong usage, as clap does.
pub(crate) fn parse() -> Cli {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let name = arguments.first().and_then(|path| Path::new(path).file_stem()).map(|name| name.to_string_lossy().into_owned());
    if name.as_deref() == Some(FUNCTION) {
        arguments.insert(1, "krm".into());
    }
    let command = if name.as_deref() == Some(PLUGIN) { as_plugin(Cli::command()) } else { Cli::command() };
    let matches = command.get_matches_from(arguments);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command with help that speaks of kubectl.
fn as_plugin(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(reworded(command).bin_name(PLUGIN_CALL), |command, name| command.mut_subcommand(name, reworded))
}

/// The command with examples that call the plugin.
fn reworded(command: Command) -> Command {
    let examples = command.get_after_help().map(ToString::to_string);
    match examples {
        Some(text) => command.after_help(text.replace("  twogate ", "  kubectl twogate ").replace("| twogate ", "| kubectl twogate ")),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_the_plugin_speaks_of_kubectl() {
        let mut command = as_plugin(Cli::command());
        command.build();
        let help = |command: &mut Command| command.render_long_help().to_string();
        assert!(help(&mut command).contains("Usage: kubectl twogate <COMMAND>"), "{}", help(&mut command));
        let compile = command.find_subcommand_mut("compile").unwrap();
        let text = help(compile);
        assert!(
            text.contains("Usage: kubectl twogate compile [OPTIONS]") && text.contains("\n  kubectl twogate compile intents"),
            "{text}"
        );
        assert!(!text.contains("\n  twogate "), "{text}");
    }
}
