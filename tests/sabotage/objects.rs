//! Sabotages of a document as a whole.

use super::table::Change::{Edit, Remove, Replace};
use super::table::{ALL_KINDS, CALLER, MESH, NETWORK, Sabotage, append, rename, set, yaml};

const WHOLE: &[&str] = &[""];

pub(super) const SABOTAGES: &[Sabotage] = &[
    Sabotage { name: "drop a document", kinds: ALL_KINDS, places: WHOLE, change: Remove },
    Sabotage {
        name: "change a namespace",
        kinds: ALL_KINDS,
        places: &["metadata/namespace"],
        change: Edit(|namespace| append(namespace, "x")),
    },
    Sabotage { name: "drop a namespace", kinds: ALL_KINDS, places: &["metadata/namespace"], change: Remove },
    Sabotage {
        name: "move to the root namespace",
        kinds: MESH,
        places: &["metadata/namespace"],
        change: Edit(|namespace| set(namespace, "istio-system")),
    },
    Sabotage {
        name: "drop the mesh's deny-all",
        kinds: CALLER,
        places: WHOLE,
        change: Replace(|document| (document["spec"] == yaml("{}")).then(Vec::new)),
    },
    Sabotage {
        name: "an old version of the API",
        kinds: NETWORK,
        places: &["apiVersion"],
        change: Edit(|version| set(version, "extensions/v1beta1")),
    },
    Sabotage { name: "misspell the kind", kinds: ALL_KINDS, places: &["kind"], change: Edit(|kind| append(kind, "s")) },
    Sabotage { name: "misspell the spec", kinds: ALL_KINDS, places: WHOLE, change: Edit(|document| rename(document, "spec", "specs")) },
    Sabotage {
        name: "switch to a dry run",
        kinds: CALLER,
        places: &["metadata"],
        change: Edit(|metadata| {
            metadata["annotations"]["istio.io/dry-run"] = "true".into();
            true
        }),
    },
];
