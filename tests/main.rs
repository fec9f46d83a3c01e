//! The tests that need more than one room, in one binary: a module a topic.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a helper of a test may fail the test"
)]

#[cfg(test)]
mod agreement;
mod cli;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod cluster_mesh;
mod codes;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod coupling;
#[cfg(test)]
mod diff;
mod examples;
mod explain;
mod findings;
mod format;
mod house;
mod init;
// Its tools are a Unix system's.
#[cfg(unix)]
mod kit;
#[cfg(test)]
mod list;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod model;
mod pages;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod proof;
mod readme;
mod reference;
#[cfg(test)]
mod sabotage;
mod support;
mod syntax;
#[cfg(test)]
mod target;
#[cfg(test)]
mod test_command;
mod verify;
#[cfg(test)]
mod verify_beside;
mod verify_command;
