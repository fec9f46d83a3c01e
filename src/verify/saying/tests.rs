use proptest::prelude::*;

use super::*;
use crate::flow::{LabelCube, Symbol, Values};

fn cube(labels: &[(&str, &str)]) -> LabelCube {
    labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with((*key).into(), Values::one((*value).into())))
}

fn workload(name: &str, labels: LabelCube, plane: DataPlane) -> Workload {
    let location = crate::source::Location::default();
    Workload { name: name.into(), namespace: "shop".into(), labels, account: None, ports: Vec::new(), plane: Some(plane), location }
}

fn own(workloads: &[Workload]) -> Own<'_> {
    Own::new(workloads.iter().filter_map(|workload| Some((workload, workload.plane?))).collect())
}

#[test]
fn workloads_that_say_the_same_are_one_cube() {
    let of = |at: usize| workload(&format!("w{at}"), cube(&[("app", &format!("w{at}")), ("out", "yes")]), DataPlane::None);
    let workloads: Vec<Workload> = (0..100).map(of).collect();
    let own = own(&workloads);
    assert_eq!(own.apart().len(), 1);
    let labels = Labels::from([("app".into(), "w7".into()), ("out".into(), "yes".into())]);
    assert_eq!(own.plane(&labels), Some(DataPlane::None));
    assert_eq!(own.plane(&Labels::from([("app".into(), "w7".into())])), None);
}

#[test]
fn of_two_that_hold_a_pod_the_first_one_counts() {
    let workloads = [workload("a", cube(&[("app", "a")]), DataPlane::None), workload("b", cube(&[("tier", "b")]), DataPlane::Sidecar)];
    let own = own(&workloads);
    let labels = Labels::from([("app".into(), "a".into()), ("tier".into(), "b".into())]);
    assert_eq!(own.plane(&labels), Some(DataPlane::None));
    assert_eq!(own.apart().len(), 2);
}

const VALUES: [&str; 3] = ["a", "b", "c"];

prop_compose! {
    fn any_workload()(
        labels in prop::collection::btree_map(prop::sample::select(vec!["app", "tier"]), prop::sample::select(VALUES.to_vec()), 1..3),
        plane in prop::sample::select(vec![DataPlane::None, DataPlane::Sidecar, DataPlane::Ambient]),
    ) -> Workload {
        let labels: Vec<(&str, &str)> = labels.into_iter().collect();
        workload("w", cube(&labels), plane)
    }
}

/// Every pod of two labels or fewer.
fn pods() -> Vec<Labels> {
    let values = || VALUES.into_iter().map(Some).chain([None]);
    let pod = |(app, tier): (Option<&str>, Option<&str>)| {
        let labels = [("app", app), ("tier", tier)].into_iter().filter_map(|(key, value)| Some((key.into(), Symbol::from(value?))));
        labels.collect()
    };
    values().flat_map(|app| values().map(move |tier| (app, tier))).map(pod).collect()
}

proptest! {
    /// Pods that the same cubes hold have the same said of them, and it is what the first workload says that holds them.
    #[test]
    fn what_is_said_hangs_on_the_cubes_alone(workloads in prop::collection::vec(any_workload(), 0..6)) {
        let own = own(&workloads);
        let cubes = own.apart();
        let mut known: BTreeMap<Vec<bool>, Option<DataPlane>> = BTreeMap::new();
        for labels in pods() {
            let first = workloads.iter().find(|workload| workload.labels.contains(&labels)).and_then(|workload| workload.plane);
            prop_assert_eq!(own.plane(&labels), first);
            let held = cubes.iter().map(|cube| cube.labels.contains(&labels)).collect();
            prop_assert_eq!(*known.entry(held).or_insert(first), first);
        }
    }
}
