//! Who gains and who loses access between two programs, or two sets of manifests, whatever the text did.
//!
//! Owns: the comparison of meanings, what made each difference, its risk, and its words in every format. Differences are
//! found class by class over every pod that could exist; what is not looked at is proved equal (`seeds`).

mod access;
mod actual;
mod allow;
mod blame;
mod breach;
mod brief;
mod calls;
mod cause;
mod concerned;
mod condition;
mod differing;
mod doubt;
mod entry;
mod facts;
mod gates;
mod human;
mod intents;
mod json;
mod kind;
mod ledger;
mod looked;
mod manifests;
mod markdown;
mod merge;
mod middle;
mod moved;
mod news;
mod objects;
mod open;
mod parties;
mod presumed;
mod programs;
mod refined;
mod report;
mod rules;
mod run;
mod sarif;
mod seeds;
mod seen;
mod selected;
mod settled;
mod side;
mod supposed;
mod verified;
mod walk;
mod words;
mod yaml;

pub(crate) use actual::title_of;
pub use condition::{Condition, Failing, scope};
pub use entry::{Accepted, Cause, Change, Entry, Example, Kind};
pub use facts::{Fact, FactKind};
pub use human::{Telling, human};
pub use json::json;
pub use manifests::manifests;
pub use markdown::{MARK, MAX_COMMENT, markdown};
pub use programs::{Accesses, Program, programs};
pub use report::{Objects, Report, Text};
pub use run::{Compared, Detail, Revision, Texts, Unjudged, intents};
pub use sarif::{findings, sarif};
pub use side::Which;

pub(crate) use breach::{Breach, Changed, Touched, Touching, Way as Against, breaches, changes};
pub(crate) use differing::{Differing, Versions};
pub(crate) use intents::Intents;
pub(crate) use middle::{Middle, Standing, Turned};
pub(crate) use presumed::{presumed, spoken};
pub(crate) use programs::words_of;
pub(crate) use seen::{moves, other_accounts, planes, turning};
pub(crate) use settled::Moved;
pub(crate) use side::{Pair, Said};
pub(crate) use verified::reverified;
pub(crate) use words::Words;
pub(crate) use yaml::{Yaml, names};
