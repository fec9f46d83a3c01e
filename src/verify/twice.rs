//! Pods about which manifests are asked twice: as they are told, and as what they may be besides.
//!
//! Owns: `Twice`, the judge that asks. What a pod may be besides, and what comes of two answers, is not said here.

use std::fmt::Debug;

use super::judge::{Judge, JudgedEnd, Way};
use crate::cluster::Endpoint;
use crate::flow::{Cut, LabelTests, PodCube, Symbol};

/// What pods may be besides what they are told as.
pub(super) trait Besides: Sync + Debug {
    /// A pod as what it may be besides; none if it is only what it is told as.
    fn other(&self, pod: &Endpoint) -> Option<Endpoint>;

    /// One end of a pod that may be something else.
    fn either<'j>(&'j self, asked: Asked<'j>) -> Box<dyn JudgedEnd + 'j>;
}

/// A judge of pods some of which may be something else. Otherwise it says what the judge behind it does.
#[derive(Debug)]
pub(super) struct Twice<'a, T> {
    pub(super) judge: &'a dyn Judge,
    pub(super) besides: T,
}

impl<T: Besides> Judge for Twice<'_, T> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        self.judge.subjects(namespace, way)
    }

    fn subjects_elsewhere(&self, way: Way) -> Vec<PodCube> {
        self.judge.subjects_elsewhere(way)
    }

    fn policed(&self) -> Vec<Symbol> {
        self.judge.policed()
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        let told = self.judge.end(pod, way);
        match self.besides.other(pod) {
            Some(other) => self.besides.either(Asked { judge: self.judge, told, other, way }),
            None => told,
        }
    }

    fn label_tests(&self) -> Option<LabelTests> {
        self.judge.label_tests()
    }

    fn tests_to_pass(&self) -> usize {
        self.judge.tests_to_pass()
    }

    fn stops_by_labels(&self) -> bool {
        self.judge.stops_by_labels()
    }
}

/// One end of a pod that may be something else.
pub(super) struct Asked<'j> {
    judge: &'j dyn Judge,
    /// The pod as it is told.
    pub(super) told: Box<dyn JudgedEnd + 'j>,
    /// The same pod as what it may be besides.
    other: Endpoint,
    way: Way,
}

impl Asked<'_> {
    /// The end of the pod as what it may be besides.
    pub(super) fn other(&self) -> Box<dyn JudgedEnd + '_> {
        self.judge.end(&self.other, self.way)
    }

    /// By what flows are told apart at either.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.told.cuts();
        cuts.extend(self.other().cuts());
        cuts
    }
}
