//! Twogate compiles intents into `NetworkPolicy`, `AuthorizationPolicy` and `PeerAuthentication`, and refuses what the two
//! gates together cannot say.
//!
//! The library is pure: no files, clock, environment or process. The rooms in pipeline order; `ARCHITECTURE.md` has the
//! picture and the table of who may use whom, which a test holds.

pub mod check;
pub mod classes;
pub mod cluster;
pub mod compile;
pub mod config;
pub mod diagnostic;
pub mod diff;
pub mod explain;
pub mod flow;
pub mod format;
pub mod gates;
pub mod init;
pub mod inventory;
pub mod ir;
pub mod krm;
pub mod list;
pub mod manifest;
pub mod meaning;
pub mod plan;
pub mod source;
pub mod syntax;
pub mod target;
mod threads;
pub mod verify;
