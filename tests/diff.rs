//! The semantic difference: what it finds is real, what it does not find is not there, and it reads as a reviewer would want.

mod accepted;
mod accounted_for;
mod accounts;
mod changes;
mod clusters;
mod command;
mod corpus;
pub(crate) mod formats;
mod gateways;
mod history;
mod manifests;
mod neighbours;
mod open;
mod patterns;
mod properties;
pub(crate) mod repository;
mod settings;
mod silent;
mod tokens;
