//! The resolved policy: names looked up, endpoints turned into sets, nothing said of any target.
//!
//! Owns: `Policy` and what it holds, and the lowering of trees into it. It must not know how a gate is written; what the two
//! gates make of a policy is the room `gates`.

mod address;
mod baseline;
mod clauses;
mod declare;
mod end;
mod endpoint;
mod expect;
mod lower;
mod names;
mod need;
mod policy;
mod ports;
mod scope;
mod statement;

pub use baseline::{Baseline, describe};
pub use end::{End, Naming};
pub(crate) use endpoint::{listed_cube, meets};
pub use lower::{Origin, Program, Unit, lower};
pub use need::{Need, needs};
pub use policy::{
    Acceptance, Close, Expectation, Issuer, Namespace, Ownership, Policy, Rule, RuleId, Stance, Target, Workload, WorkloadPort,
};
pub use statement::{PORTS_IN_A_ROW, UNCAPTURED, captured_ports};
