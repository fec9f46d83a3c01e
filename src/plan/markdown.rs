//! A plan as Markdown, and in one line for the comment on a pull request.
//!
//! Owns: the Markdown. Text of users is never read as Markdown.

use std::fmt::Write as _;

use super::files::commands;
use super::human::{MAX_TOLD, action_words, remarks, summary};
use super::report::{Action, Plan, Safety, Step, Verb};
use super::steps::SETTLE;

/// The whole plan as Markdown; with the commands, if its files stand in a folder.
pub fn markdown(plan: &Plan, folder: Option<&str>) -> String {
    let mut out = format!("### {} → {}: {}\n", inline(&plan.base), inline(&plan.head), summary(plan));
    for (at, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(out, "\n{}. **{}**: {}", at + 1, step.name, step.why);
        item(at, step, folder, &mut out);
    }
    if plan.steps.iter().any(|step| step.wait == Some(SETTLE)) {
        let _ = writeln!(out, "\nAfter each step wait {SETTLE}.");
    }
    for (heading, list) in remarks(plan) {
        let _ = writeln!(out, "\n<details><summary>{}</summary>\n", heading.trim_end_matches(':'));
        for line in list.iter().take(MAX_TOLD) {
            let _ = writeln!(out, "- {}", code(line));
        }
        if list.len() > MAX_TOLD {
            let _ = writeln!(out, "- and {} more", list.len() - MAX_TOLD);
        }
        let _ = writeln!(out, "\n</details>");
    }
    out
}

fn item(at: usize, step: &Step, folder: Option<&str>, out: &mut String) {
    for action in &step.actions {
        let _ = writeln!(out, "   - {}", code(&action_words(action)));
    }
    for (word, lines) in [("opens", &step.opens), ("closes", &step.closes)] {
        for line in lines {
            let _ = writeln!(out, "   - {word} {}", code(line));
        }
    }
    for harm in &step.harm {
        let _ = writeln!(out, "   - ✗ {}: {}", harm.name(), code(harm.words()));
    }
    let commands = folder.map(|folder| commands(at, step, folder)).unwrap_or_default();
    if !commands.is_empty() {
        let _ = writeln!(out, "\n   ```sh\n   {}\n   ```", commands.join("\n   "));
    }
    if let Some(wait) = step.wait.filter(|wait| *wait != SETTLE) {
        let _ = writeln!(out, "\n   Wait {wait}.");
    }
}

/// The most objects that are named of one step.
const MAX_NAMED: usize = 4;

/// The order in one line: `shop/web; then shop/db; last without shop/old`.
pub fn brief(plan: &Plan) -> String {
    let steps: Vec<String> = plan.steps.iter().map(brief_step).collect();
    match plan.safety {
        _ if steps.is_empty() => "nothing to apply".to_owned(),
        Safety::Safe => steps.join("; then "),
        Safety::NoSafeOrder => "none was found; `twogate plan` shows why".to_owned(),
        Safety::NotJudged => "not everything could be judged; `twogate plan` shows what".to_owned(),
    }
}

fn brief_step(step: &Step) -> String {
    let of = |word: &str, wanted: fn(Verb) -> bool| {
        let all: Vec<&Action> = step.actions.iter().filter(|action| wanted(action.verb)).collect();
        let name = |action: &&Action| {
            if action.name.is_empty() {
                "other namespaces".to_owned()
            } else if action.namespace.is_empty() {
                action.name.clone()
            } else {
                format!("{}/{}", action.namespace, action.name)
            }
        };
        let mut names: Vec<String> = all.iter().map(name).collect();
        names.dedup();
        let more = names.len().saturating_sub(MAX_NAMED);
        names.truncate(MAX_NAMED);
        names.extend((more > 0).then(|| format!("{more} more")));
        (!names.is_empty()).then(|| format!("{word}{}", names.join(", ")))
    };
    let parts = [
        of("", |verb| matches!(verb, Verb::Create | Verb::Replace)),
        of("delete ", |verb| verb == Verb::Delete),
        of("restart the pods of ", |verb| verb == Verb::Turn),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// A text that Markdown leaves as it is.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn inline(text: &str) -> String {
    let special = |letter: char| "\\`*_{}[]<>()#+!|~&".contains(letter);
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}
