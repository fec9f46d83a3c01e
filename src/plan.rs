//! In which order a change is applied, so that no moment of it opens what neither side allows or drops what both allow.
//!
//! Owns: the objects of both sides, what may stand between them for a while, the search for an order, and the order in every
//! format. Every state on the way is held against both sides by the evaluator (`diff::breaches`); a state that was not judged is
//! never told as safe.

mod bench;
mod called;
mod calls;
mod files;
mod human;
mod interim;
mod items;
mod json;
mod lot;
mod markdown;
mod object;
mod order;
mod programs;
mod report;
mod rules;
mod run;
mod scope;
mod search;
mod services;
mod shape;
mod stage;
mod steps;
mod workloads;

pub use files::files;
pub use human::human;
pub use json::json;
pub use markdown::{brief, markdown};
pub use programs::intents;
pub use report::{Action, Harm, Plan, Safety, Stay, Step, Verb};
pub use run::{Options, Others, Rollout, Trials, manifests};
