//! Whether two judges agree: a program and manifests, over every pod that could exist.
//!
//! Owns: the comparison class by class, counterexamples, and what a proof assumes. It decides no flow itself: `meaning` says
//! what a program means, `cluster` says what manifests do, `classes` says which flows there are to ask about.

mod accepting;
mod accounted;
mod assumption;
mod besides;
mod checked;
mod compare;
mod elsewhere;
mod expectation;
mod gateways;
mod granted;
mod ground;
mod issuers;
mod judge;
mod labels;
mod manifests;
mod masked;
mod meshed;
mod program;
mod proof;
mod reach;
mod roles;
mod saying;
mod shown;
mod shut;
mod telling;
mod turned;
mod twice;
mod words;
mod world;

pub use accepting::Accepting;
pub use accounted::{AcceptedRegion, Leaves, is_any_accepted};
pub use assumption::Assumption;
pub use checked::{Checked, Status, check_assumptions};
pub(crate) use compare::TOO_MANY_NAMES;
pub use compare::{Bench, Comparison, Difference, Incomplete, RuledOut, compare, compare_few, transports};
pub use elsewhere::{Elsewhere, stopped_elsewhere};
pub use expectation::{Broken, Held, judge};
pub use granted::Granted;
pub use ground::assumptions;
pub use issuers::{Misverified, misverified};
pub use judge::{Judge, JudgedEnd, Way};
pub use labels::Worlds;
pub use manifests::Manifests;
pub use meshed::Meshed;
pub(crate) use meshed::shown_plane;
pub use program::Program;
pub use proof::{Ends, Proof, Written, prove};
pub use reach::{Product, Reach, Triple, Wanted};
pub use telling::Telling;
pub use turned::{is_any_turned, prove_as_shown};
pub use words::{flow_words, peer_words, request_words, subject_words};
pub use world::{PolicyWorld, plane_beside};
