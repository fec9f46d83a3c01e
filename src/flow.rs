//! The nouns of questions and answers, and exact set algebra over them.
//!
//! Owns: what a flow is made of (pods, addresses, ports, requests) and sets of each, with operations that never approximate
//! unless their name says so. It holds no rule of any platform or language and uses nothing else of the crate.

mod addresses;
mod affixes;
mod cut;
mod intervals;
mod label_index;
mod label_tests;
mod labels;
mod paths;
mod peers;
mod ports;
mod question;
mod requests;
mod values;
mod words;

pub use addresses::{AddressBlock, AddressSet, Family, Prefix, PrefixError};
pub use affixes::{Affixes, is_written};
pub use cut::{Cut, RequestSamples, WrittenWords};
pub use intervals::{Intervals, Point};
pub use label_index::LabelIndex;
pub use label_tests::{LabelTests, PodTests, Rest, TestRole, rest};
pub use labels::{LabelCube, Labels};
pub use paths::{PathNormalization, PathPattern, PathSet};
pub use peers::{NAMESPACE_NAME, Peers, PodCube, PodSet};
pub use ports::{PortSet, Protocol, UnknownProtocol};
pub use question::{DataPlane, Flow, PREFLIGHT_HEADERS, Peer, Pod, Request, Token, Transport, Verdict, host_name};
pub use requests::{RequestCube, RequestSet, TokenTest};
pub use values::Values;

/// A word of a program or a manifest: cheap to copy, compared by its text.
pub type Symbol = std::sync::Arc<str>;
