//! A plan for people.
//!
//! Owns: the text, and its colours. It decides nothing: order and words are the plan's.

use std::fmt::Write as _;

use super::files::commands;
use super::report::{Action, Plan, Safety, Stay, Step, Verb};
use super::steps::SETTLE;
use crate::diagnostic::human::Colour;

/// The most lines of a list that people are told one by one.
pub(super) const MAX_TOLD: usize = 12;

/// The whole plan as text; with the commands, if its files stand in a folder.
pub fn human(plan: &Plan, folder: Option<&str>, colour: Colour) -> String {
    let paint = |text: &str| match colour {
        Colour::Plain => text.to_owned(),
        Colour::Ansi => format!("\u{1b}[1m{text}\u{1b}[0m"),
    };
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint(&format!("{} → {}: {}", plan.base, plan.head, summary(plan))));
    for (at, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(out, "\n{}", paint(&format!("{}. {}", at + 1, step.name)));
        let _ = writeln!(out, "   {}", step.why);
        body((at, step), plan, folder, &mut out);
    }
    if plan.steps.iter().any(|step| step.wait == Some(SETTLE)) {
        let _ = writeln!(out, "\nAfter each step wait {SETTLE}");
    }
    for (heading, list) in remarks(plan) {
        let _ = writeln!(out, "\n{heading}");
        for line in list.iter().take(MAX_TOLD) {
            let _ = writeln!(out, "  {line}");
        }
        if list.len() > MAX_TOLD {
            let _ = writeln!(out, "  and {} more (`--format json` lists them)", list.len() - MAX_TOLD);
        }
    }
    out
}

/// Whether all is known that the objects of a step do.
fn is_judged(step: &Step, plan: &Plan) -> bool {
    step.actions.iter().all(|action| !plan.unjudged.contains(&action.object()))
}

fn body((at, step): (usize, &Step), plan: &Plan, folder: Option<&str>, out: &mut String) {
    for action in &step.actions {
        let _ = writeln!(out, "     {}", action_words(action));
    }
    for (sign, lines) in [("+", &step.opens), ("-", &step.closes)] {
        for line in lines {
            let _ = writeln!(out, "     {sign} {line}");
        }
    }
    if step.opens.is_empty() && step.closes.is_empty() {
        let but = if is_judged(step, plan) { "" } else { " but by what is not judged" };
        let _ = writeln!(out, "     = nothing passes more or less{but}");
    }
    for harm in &step.harm {
        let _ = writeln!(out, "     ! {}: {}", harm.name(), harm.words());
    }
    let commands = folder.map(|folder| commands(at, step, folder)).unwrap_or_default();
    for command in commands.iter().filter(|command| !command.starts_with('#')) {
        let _ = writeln!(out, "   $ {command}");
    }
    if let Some(wait) = step.wait.filter(|wait| *wait != SETTLE) {
        let _ = writeln!(out, "   wait {wait}");
    }
}

/// An action: `replace NetworkPolicy shop/db (shop/networkpolicies.yaml)`.
pub(super) fn action_words(action: &Action) -> String {
    let place = match (action.verb, action.stay) {
        (Verb::Turn, _) => return action.text.clone(),
        (Verb::Create | Verb::Replace, Stay::Interim) => " (for a while)".to_owned(),
        (Verb::Create | Verb::Replace, Stay::Final) if !action.file.is_empty() => format!(" ({})", action.file),
        _ => String::new(),
    };
    format!("{} {}{place}", action.verb.name(), action.object())
}

/// The first line.
pub(super) fn summary(plan: &Plan) -> String {
    let number = plan.steps.len();
    let steps = format!("{number} step{}", if number == 1 { "" } else { "s" });
    match plan.safety {
        Safety::Safe if number == 0 => "nothing to apply".to_owned(),
        Safety::Safe => {
            format!("{steps}; no moment opens what neither side allows or drops what both allow")
        }
        Safety::NoSafeOrder => format!("no safe order was found; the best one has {steps}"),
        Safety::NotJudged => format!("{steps}, of which not everything could be judged"),
    }
}

/// What else is to be known, by heading.
pub(super) fn remarks(plan: &Plan) -> Vec<(&'static str, &[String])> {
    let all = [
        ("Not judged, apply with care:", &plan.unjudged),
        ("In no step, at any time:", &plan.besides),
        ("Stays, though the head lacks it:", &plan.kept),
        ("Not tried out first:", &plan.not_tried),
        ("Takes for granted:", &plan.assumptions),
    ];
    all.into_iter().filter(|(_, list)| !list.is_empty()).map(|(heading, list)| (heading, list.as_slice())).collect()
}
