//! A product of tests that chooses pods.
//!
//! Owns: `PodCube` and its algebra. Two of its attributes are never absent, the namespace's name and the account; every
//! comparison here knows that.

use super::super::{LabelCube, Pod, Symbol, Values};

/// The label that carries every namespace's name (`semantics.md` §1.5).
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The pods that pass a test of their namespace's labels, one of their own labels and one of their account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodCube {
    /// What the labels of the namespace may be; its name is the label [`NAMESPACE_NAME`], which is never absent.
    pub namespace: LabelCube,
    /// What the labels of the pod may be.
    pub labels: LabelCube,
    /// What the name of the service account may be; it is never absent.
    pub account: Values,
}

impl PodCube {
    /// Every pod.
    pub const fn all() -> Self {
        Self { namespace: LabelCube::all(), labels: LabelCube::all(), account: Values::any() }
    }

    /// Every pod of one namespace.
    pub fn in_namespace(name: &str) -> Self {
        Self { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(name.into())), ..Self::all() }
    }

    /// This cube with one more test of the pod's labels.
    #[must_use]
    pub fn labelled(mut self, key: Symbol, values: Values) -> Self {
        self.labels = self.labels.with(key, values);
        self
    }

    /// Whether no pod is in it.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() || self.namespace.is_empty() || lacks_words(self.names()) || lacks_words(&self.account)
    }

    /// Whether the pod is in it.
    pub fn contains(&self, pod: &Pod) -> bool {
        self.labels.contains(&pod.labels) && self.account.contains(Some(&pod.account)) && self.namespace.contains(&pod.namespace_labels)
    }

    /// The pods in both; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        // Most cubes that are asked about lie in one namespace and differ in labels: these are asked first, before anything is copied.
        if !self.labels.overlaps(&other.labels) {
            return None;
        }
        let namespace = self.namespace.intersect(&other.namespace)?;
        let labels = self.labels.intersect(&other.labels)?;
        let meet = Self { namespace, labels, account: self.account.intersect(&other.account) };
        (!meet.is_empty()).then_some(meet)
    }

    /// Whether some pod is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.labels.overlaps(&other.labels)
            && self.namespace.overlaps(&other.namespace)
            && share_words(self.names(), other.names())
            && share_words(&self.account, &other.account)
    }

    /// The pods of this cube that are not in the other, as disjoint cubes, none of them empty.
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        if self.is_empty() {
            return Vec::new();
        }
        if !self.overlaps(other) {
            return vec![self.clone()];
        }
        let mut pieces = Vec::new();
        for namespace in self.namespace.subtract(&other.namespace) {
            pieces.push(Self { namespace, labels: self.labels.clone(), account: self.account.clone() });
        }
        let shared = |own: &LabelCube, theirs: &LabelCube| own.intersect(theirs).unwrap_or_default();
        for labels in self.labels.subtract(&other.labels) {
            pieces.push(Self { namespace: shared(&self.namespace, &other.namespace), labels, account: self.account.clone() });
        }
        let account = self.account.subtract(&other.account);
        if !lacks_words(&account) {
            let (namespace, labels) = (shared(&self.namespace, &other.namespace), shared(&self.labels, &other.labels));
            pieces.push(Self { namespace, labels, account });
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// Whether every pod of this cube is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        let named = |cube: &LabelCube, key: &str, values: &Values| {
            if key == NAMESPACE_NAME { words_within(cube.get(key), values) } else { cube.get(key).is_subset(values) }
        };
        self.is_empty()
            || words_within(&self.account, &other.account)
                && self.labels.is_subset(&other.labels)
                && other.namespace.iter().all(|(key, values)| named(&self.namespace, key, values))
    }

    /// The names of its namespaces, if its own test of the name leaves finitely many.
    pub fn namespace_names(&self) -> Option<&[Symbol]> {
        let names = self.names();
        (!names.is_cofinite()).then(|| names.words())
    }

    /// What the name of the namespace may be.
    pub fn names(&self) -> &Values {
        self.namespace.get(NAMESPACE_NAME)
    }
}

impl Default for PodCube {
    fn default() -> Self {
        Self::all()
    }
}

/// Whether nothing but "absent" is in it.
fn lacks_words(values: &Values) -> bool {
    !values.is_cofinite() && values.words().is_empty()
}

/// Whether the two share a word, "absent" left aside.
fn share_words(ours: &Values, theirs: &Values) -> bool {
    if ours.allows_absent() && theirs.allows_absent() {
        return !lacks_words(&ours.intersect(theirs));
    }
    ours.overlaps(theirs)
}

/// Whether every word of the one is in the other, "absent" left aside.
fn words_within(ours: &Values, theirs: &Values) -> bool {
    if ours.allows_absent() && !theirs.allows_absent() {
        return lacks_words(&ours.subtract(theirs));
    }
    ours.is_subset(theirs)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::{DataPlane, Labels};

    const WORDS: [&str; 3] = ["a", "b", "other"];

    /// One pod for every way in which the strategies' cubes can tell pods apart.
    pub(in super::super) fn pods() -> Vec<Pod> {
        let optional = || [None].into_iter().chain(WORDS.map(Some));
        let mut pods = Vec::new();
        for name in WORDS {
            for env in optional() {
                for (app, account) in optional().flat_map(|app| WORDS.map(|account| (app, account))) {
                    let pairs = |pairs: &[(&str, Option<&str>)]| -> Labels {
                        pairs.iter().filter_map(|(key, value)| Some(((*key).into(), (*value)?.into()))).collect()
                    };
                    pods.push(Pod {
                        namespace: name.into(),
                        namespace_labels: pairs(&[(NAMESPACE_NAME, Some(name)), ("env", env)]),
                        labels: pairs(&[("app", app)]),
                        account: account.into(),
                        plane: DataPlane::None,
                    });
                }
            }
        }
        pods
    }

    prop_compose! {
        fn values()(named in prop::sample::subsequence(vec!["a", "b"], 0..=2), cofinite: bool, absent: bool) -> Values {
            let words = named.into_iter().map(Symbol::from);
            let base = if cofinite { Values::except(words) } else { Values::of(words) };
            if absent { base.union(&Values::absent()) } else { base.intersect(&Values::present()) }
        }
    }

    prop_compose! {
        pub(in super::super) fn cube()(
            name in prop::option::of(values()),
            env in prop::option::of(values()),
            app in prop::option::of(values()),
            account in prop::option::of(values()),
        ) -> PodCube {
            let test = |values: Option<Values>| values.unwrap_or(Values::any());
            let namespace = LabelCube::of(NAMESPACE_NAME.into(), test(name)).with("env".into(), test(env));
            PodCube { namespace, labels: LabelCube::of("app".into(), test(app)), account: test(account) }
        }
    }

    fn members(cube: &PodCube) -> Vec<bool> {
        pods().iter().map(|pod| cube.contains(pod)).collect()
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in cube(), theirs in cube()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            let both = each(|own, other| own && other);
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.overlaps(&theirs), both.contains(&true));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            match ours.intersect(&theirs) {
                Some(meet) => prop_assert_eq!(members(&meet), both),
                None => prop_assert!(!both.contains(&true)),
            }
            let pieces = ours.subtract(&theirs);
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            let holders: Vec<usize> = pods().iter().map(|pod| pieces.iter().filter(|piece| piece.contains(pod)).count()).collect();
            prop_assert_eq!(holders, each(|own, other| own && !other).into_iter().map(usize::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn names_and_accounts_are_never_absent() {
        let nameless = PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::absent()), ..PodCube::all() };
        assert!(nameless.is_empty());
        let named = PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::present()), ..PodCube::all() };
        assert!(PodCube::all().is_subset(&named) && PodCube::all().subtract(&named).is_empty());
        let with_account = PodCube { account: Values::present(), ..PodCube::all() };
        assert!(PodCube::all().is_subset(&with_account) && PodCube::all().subtract(&with_account).is_empty());
        // A pod may well carry the label itself, or not.
        let labelled = PodCube::all().labelled(NAMESPACE_NAME.into(), Values::present());
        assert!(!PodCube::all().is_subset(&labelled));
    }

    #[test]
    fn names_of_namespaces() {
        assert_eq!(PodCube::in_namespace("shop").namespace_names(), Some(&["shop".into()][..]));
        assert_eq!(PodCube::all().namespace_names(), None);
        let elsewhere = PodCube::all().subtract(&PodCube::in_namespace("shop"));
        assert_eq!(elsewhere.len(), 1);
        assert_eq!(elsewhere[0].namespace_names(), None);
        assert_eq!(*elsewhere[0].names(), Values::except(["shop".into()]));
    }
}
