//! The gates in writing: what is printed for each enforcement technology, and in which files.
//!
//! Owns: the trait `Target`, the list of targets, `Manifest`, `layout` and `stream`. A target prints what `gates` decided: it is
//! total and silent, decides nothing about access and invents no default. What no target can say was reported before.

mod istio;
mod kubernetes;
mod layout;
mod name;
mod object;
mod settings;
mod split;

use std::fmt::Debug;

use crate::flow::Symbol;
use crate::gates::Gates;
use crate::ir::{Need, Policy};

pub use istio::Istio;
pub use kubernetes::Kubernetes;
pub use layout::{HEADER, OutputFile, layout, stream};
pub(crate) use object::print;
pub(crate) use settings::writes_accounts_alike;

/// Fewer namespaces than these are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// One enforcement technology that manifests can be written for.
pub trait Target: Sync + Debug {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// How much of a need it enforces by itself.
    fn covers(&self, need: Need) -> Coverage;

    /// The objects of the namespaces that are managed and not read with `--with`, by namespace and name.
    fn emit(&self, policy: &Policy, gates: &Gates) -> Vec<Manifest>;
}

/// How much of a need a target enforces by itself. Reasons are sentences without capital and full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Full,
    /// A superset passes, or a part of the cases is covered; this is why.
    Partial(&'static str),
    /// Nothing of it; this is why.
    No(&'static str),
}

/// Every target, in the order in which their objects appear.
pub static ALL: &[&dyn Target] = &[&Kubernetes, &Istio];

/// The target of a name.
pub fn find(name: &str) -> Option<&'static dyn Target> {
    ALL.iter().copied().find(|target| target.name() == name)
}

/// One object in writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The namespace that it belongs to.
    pub namespace: Symbol,
    /// Its kind, as `NetworkPolicy`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its turn when objects are applied one by one: what lets through comes before what refuses (`semantics.md` trap 113).
    pub turn: u8,
    /// One YAML document that ends in a line end, without `---`.
    pub yaml: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_an_answer_and_targets_are_found_by_name() {
        let sentence = |text: &str| !text.is_empty() && !text.ends_with('.') && text.starts_with(|first: char| !first.is_uppercase());
        for target in ALL {
            assert_eq!(find(target.name()).map(Target::name), Some(target.name()));
            for need in Need::ALL {
                match target.covers(need) {
                    Coverage::Full => {}
                    Coverage::Partial(why) | Coverage::No(why) => assert!(sentence(why), "{} {need:?}: {why}", target.name()),
                }
            }
        }
        assert!(find("cilium").is_none());
    }

    #[test]
    fn the_two_together_leave_no_need_uncovered() {
        for need in Need::ALL {
            let refused = |target: &&&dyn Target| matches!(target.covers(need), Coverage::No(_));
            assert!(!ALL.iter().all(|target| refused(&target)), "{need:?}");
        }
    }
}
