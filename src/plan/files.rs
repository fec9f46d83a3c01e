//! A plan as files that `kubectl` takes, one folder a step.
//!
//! Owns: their names, and the commands that take them. It writes no file.

use super::report::{Action, Plan, Step, Verb};
use crate::target::{HEADER, OutputFile};

/// The files of a plan, by path: for each step one to apply and one to delete, as far as there is anything in it.
pub fn files(plan: &Plan) -> Vec<OutputFile> {
    let mut files = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        for (name, wanted) in KINDS {
            let texts: Vec<&str> = step.actions.iter().filter(|action| wanted(action.verb)).map(|action| action.text.as_str()).collect();
            if !texts.is_empty() {
                files.push(OutputFile { path: path(at, step, name), text: format!("{HEADER}\n{}", texts.join("---\n")).into() });
            }
        }
    }
    files
}

type Wanted = fn(Verb) -> bool;

const KINDS: [(&str, Wanted); 2] =
    [("apply", |verb| matches!(verb, Verb::Create | Verb::Replace)), ("delete", |verb| verb == Verb::Delete)];

fn path(at: usize, step: &Step, name: &str) -> String {
    format!("{:02}-{}/{name}.yaml", at + 1, step.name)
}

/// The commands of a step, for files in this folder; what is no command is a comment.
pub(super) fn commands(at: usize, step: &Step, folder: &str) -> Vec<String> {
    let has = |wanted: Wanted| step.actions.iter().any(|action| wanted(action.verb));
    let turns = step.actions.iter().filter(|action| action.verb == Verb::Turn).flat_map(turn);
    let folder = quoted(folder.trim_end_matches('/'));
    let command = |(name, wanted): &(&str, Wanted)| {
        let verb = if *name == "apply" { "apply" } else { "delete --ignore-not-found" };
        has(*wanted).then(|| format!("kubectl {verb} -f {folder}/{}", path(at, step, name)))
    };
    turns.chain(KINDS.iter().filter_map(command)).collect()
}

/// What the operator does, and the command that replaces the pods of a namespace that has a name.
fn turn(action: &Action) -> Vec<String> {
    let said = format!("# {}", action.text);
    let restart = format!("kubectl -n {} rollout restart deployment,statefulset,daemonset", action.name);
    if action.name.is_empty() { vec![said] } else { vec![said, restart] }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./~".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
