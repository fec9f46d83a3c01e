//! A plan as JSON; `schemas/plan.schema.json` describes it.
//!
//! Owns: the shape. Fields are added, never renamed: version 1.

use serde::Serialize;

use super::files::commands;
use super::report::{Action, Harm, Plan, Stay, Step};

/// The whole plan as one JSON object; with the commands, if its files stand in a folder.
pub fn json(plan: &Plan, folder: Option<&str>) -> String {
    serde_json::to_string_pretty(&Root::new(plan, folder)).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    version: u32,
    base: &'a str,
    head: &'a str,
    safety: &'static str,
    steps: Vec<Line<'a>>,
    not_judged: &'a [String],
    besides: &'a [String],
    kept: &'a [String],
    not_tried: &'a [String],
    assumptions: &'a [String],
}

#[derive(Serialize)]
struct Line<'a> {
    number: usize,
    name: &'a str,
    why: &'a str,
    actions: Vec<Done<'a>>,
    opens: &'a [String],
    closes: &'a [String],
    harm: Vec<Wrong<'a>>,
    commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<&'a str>,
}

#[derive(Serialize)]
struct Done<'a> {
    verb: &'static str,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    file: &'a str,
    interim: bool,
    text: &'a str,
}

#[derive(Serialize)]
struct Wrong<'a> {
    kind: &'static str,
    text: &'a str,
}

impl<'a> Root<'a> {
    fn new(plan: &'a Plan, folder: Option<&str>) -> Self {
        Self {
            version: 1,
            base: &plan.base,
            head: &plan.head,
            safety: plan.safety.name(),
            steps: plan.steps.iter().enumerate().map(|(at, step)| line(at, step, folder)).collect(),
            not_judged: &plan.unjudged,
            besides: &plan.besides,
            kept: &plan.kept,
            not_tried: &plan.not_tried,
            assumptions: &plan.assumptions,
        }
    }
}

fn line<'a>(at: usize, step: &'a Step, folder: Option<&str>) -> Line<'a> {
    Line {
        number: at + 1,
        name: step.name,
        why: step.why,
        actions: step.actions.iter().map(done).collect(),
        opens: &step.opens,
        closes: &step.closes,
        harm: step.harm.iter().map(|harm: &Harm| Wrong { kind: harm.name(), text: harm.words() }).collect(),
        commands: folder.map(|folder| commands(at, step, folder)).unwrap_or_default(),
        wait: step.wait,
    }
}

fn done(action: &Action) -> Done<'_> {
    Done {
        verb: action.verb.name(),
        kind: &action.kind,
        namespace: &action.namespace,
        name: &action.name,
        file: &action.file,
        interim: action.stay == Stay::Interim,
        text: &action.text,
    }
}
