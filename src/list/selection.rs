//! Which workloads and addresses are asked about.
//!
//! Owns: `Selection`, and the names of workloads that people type.

use std::str::FromStr;

use crate::cluster::Workload;
use crate::flow::Peers;

/// Some workloads and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Those in this set,
    pub peers: Peers,
    /// and those of these names.
    pub names: Vec<WorkloadName>,
}

impl Selection {
    /// Whether a workload is one of them.
    pub fn selects(&self, workload: &Workload) -> bool {
        self.peers.contains(&workload.endpoint.peer) || self.names.iter().any(|name| name.names(workload))
    }
}

impl From<Peers> for Selection {
    fn from(peers: Peers) -> Self {
        Self { peers, names: Vec::new() }
    }
}

/// The name of a workload, as `shop/web`, `shop/web[Deployment]`, `deploy/web@shop`, `deploy/web` or `web`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadName {
    /// Its namespace; none for any.
    pub namespace: Option<String>,
    /// Its kind; none for any.
    pub kind: Option<String>,
    /// Its name.
    pub name: String,
}

/// The text is no name of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadNameError;

/// Each kind with the words for it that `kubectl` takes.
const KINDS: [(&str, &[&str]); 10] = [
    ("CronJob", &["cronjob", "cronjobs", "cj"]),
    ("DaemonSet", &["daemonset", "daemonsets", "ds"]),
    ("Deployment", &["deployment", "deployments", "deploy"]),
    ("DeploymentConfig", &["deploymentconfig", "deploymentconfigs", "dc"]),
    ("Job", &["job", "jobs"]),
    ("Pod", &["pod", "pods", "po"]),
    ("ReplicaSet", &["replicaset", "replicasets", "rs"]),
    ("ReplicationController", &["replicationcontroller", "replicationcontrollers", "rc"]),
    ("Rollout", &["rollout", "rollouts", "ro"]),
    ("StatefulSet", &["statefulset", "statefulsets", "sts"]),
];

impl WorkloadName {
    /// Whether the workload has this name, or pods of it have, or were made by what has it.
    pub fn names(&self, workload: &Workload) -> bool {
        let is_kind = |kind: &str| self.kind.as_ref().is_none_or(|own| *own == *kind);
        self.namespace.as_ref().is_none_or(|own| **own == *workload.namespace())
            && workload.is_of(|kind, name| *self.name == **name && is_kind(kind))
    }
}

impl FromStr for WorkloadName {
    type Err = WorkloadNameError;

    fn from_str(text: &str) -> Result<Self, WorkloadNameError> {
        if let Some((kind, rest)) = text.split_once('/')
            && let Some((name, namespace)) = rest.split_once('@')
        {
            let kind = kind_of(kind).ok_or(WorkloadNameError)?;
            return Self::of(Some(namespace), Some(kind), name);
        }
        let (rest, kind) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((rest, kind)) => (rest, Some(kind)),
            None => (text, None),
        };
        match rest.split_once('/') {
            // As a flow reads it, too.
            Some((word, name)) if kind.is_none() && kind_of(word).is_some() => Self::of(None, kind_of(word), name),
            Some((namespace, name)) => Self::of(Some(namespace), kind, name),
            None => Self::of(None, kind, rest),
        }
    }
}

/// The kind that a word stands for.
fn kind_of(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    KINDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(kind, _)| *kind)
}

impl WorkloadName {
    fn of(namespace: Option<&str>, kind: Option<&str>, name: &str) -> Result<Self, WorkloadNameError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_namespace = |text: &str| !text.is_empty() && text.bytes().all(letter);
        let is_name = !name.is_empty() && name.bytes().all(|byte| letter(byte) || byte == b'.');
        let is_kind = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name || !namespace.is_none_or(is_namespace) || !kind.is_none_or(is_kind) {
            return Err(WorkloadNameError);
        }
        Ok(Self { namespace: namespace.map(str::to_owned), kind: kind.map(str::to_owned), name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_type_them() {
        let read =
            |text: &str| text.parse::<WorkloadName>().map(|own| [own.namespace, own.kind, Some(own.name)].map(Option::unwrap_or_default));
        assert_eq!(read("shop/web"), Ok(["shop", "", "web"].map(str::to_owned)));
        assert_eq!(read("shop/web[Deployment]"), Ok(["shop", "Deployment", "web"].map(str::to_owned)));
        assert_eq!(read("deploy/web@shop"), Ok(["shop", "Deployment", "web"].map(str::to_owned)));
        assert_eq!(read("sts/db@shop"), Ok(["shop", "StatefulSet", "db"].map(str::to_owned)));
        assert_eq!(read("deploy/web"), Ok(["", "Deployment", "web"].map(str::to_owned)));
        assert_eq!(read("web"), Ok(["", "", "web"].map(str::to_owned)));
        for wrong in ["", "app=web", "app=web@shop", "thing/web@shop", "shop/", "/web", "shop/web[", "a/b/c", "10.0.0.0/8:1", "*"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
