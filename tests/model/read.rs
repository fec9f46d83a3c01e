//! YAML text to plain objects: the shapes of the four kinds, unknown fields refused.
//!
//! It keeps what the text says, absent apart from empty, and decides nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml::Value;

use super::{Cluster, Settings};

/// An object with the part of its metadata that decides.
#[derive(Debug)]
pub(super) struct Object<Spec> {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) created: Option<String>,
    pub(super) spec: Spec,
}

impl<Spec> Object<Spec> {
    /// How reasons name the object.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) creation_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document<Spec> {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Metadata,
    spec: Option<Spec>,
}

/// The head of any document: enough to name it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NetworkPolicy {
    pub(super) pod_selector: Option<LabelSelector>,
    pub(super) policy_types: Option<Vec<String>>,
    pub(super) ingress: Option<Vec<IngressRule>>,
    pub(super) egress: Option<Vec<EgressRule>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LabelSelector {
    pub(super) match_labels: Option<BTreeMap<String, String>>,
    pub(super) match_expressions: Option<Vec<Requirement>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) values: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IngressRule {
    pub(super) from: Option<Vec<PolicyPeer>>,
    pub(super) ports: Option<Vec<PolicyPort>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EgressRule {
    pub(super) to: Option<Vec<PolicyPeer>>,
    pub(super) ports: Option<Vec<PolicyPort>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PolicyPeer {
    pub(super) pod_selector: Option<LabelSelector>,
    pub(super) namespace_selector: Option<LabelSelector>,
    pub(super) ip_block: Option<IpBlock>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IpBlock {
    pub(super) cidr: String,
    pub(super) except: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PolicyPort {
    pub(super) protocol: Option<String>,
    pub(super) port: Option<PortValue>,
    pub(super) end_port: Option<i64>,
}

/// A number or a name; `"80"` is a name, and no valid one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum PortValue {
    Number(i64),
    Name(String),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AuthorizationPolicy {
    pub(super) selector: Option<WorkloadSelector>,
    pub(super) target_ref: Option<TargetRef>,
    pub(super) target_refs: Option<Vec<TargetRef>>,
    pub(super) action: Option<Action>,
    pub(super) provider: Option<Provider>,
    pub(super) rules: Option<Vec<Rule>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WorkloadSelector {
    pub(super) match_labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetRef {
    pub(super) group: Option<String>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Action {
    Allow,
    Deny,
    Audit,
    Custom,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) from: Option<Vec<From>>,
    pub(super) to: Option<Vec<To>>,
    pub(super) when: Option<Vec<Condition>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    pub(super) source: Option<Source>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    pub(super) operation: Option<Operation>,
}

/// A list of values; the API reads an empty one as absent.
pub(super) type Values = Option<Vec<String>>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) principals: Values,
    pub(super) not_principals: Values,
    pub(super) request_principals: Values,
    pub(super) not_request_principals: Values,
    pub(super) namespaces: Values,
    pub(super) not_namespaces: Values,
    pub(super) service_accounts: Values,
    pub(super) not_service_accounts: Values,
    pub(super) trust_domains: Values,
    pub(super) not_trust_domains: Values,
    pub(super) ip_blocks: Values,
    pub(super) not_ip_blocks: Values,
    pub(super) remote_ip_blocks: Values,
    pub(super) not_remote_ip_blocks: Values,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) hosts: Values,
    pub(super) not_hosts: Values,
    pub(super) ports: Values,
    pub(super) not_ports: Values,
    pub(super) methods: Values,
    pub(super) not_methods: Values,
    pub(super) paths: Values,
    pub(super) not_paths: Values,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Condition {
    pub(super) key: String,
    pub(super) values: Values,
    pub(super) not_values: Values,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PeerAuthentication {
    pub(super) selector: Option<WorkloadSelector>,
    pub(super) mtls: Option<Mtls>,
    pub(super) port_level_mtls: Option<BTreeMap<PortKey, Mtls>>,
}

/// A map key of JSON is text, so YAML may write the port either way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(super) enum PortKey {
    Number(i64),
    Text(String),
}

impl PortKey {
    pub(super) fn number(&self) -> Option<u16> {
        match self {
            PortKey::Number(number) => u16::try_from(*number).ok(),
            PortKey::Text(text) => text.parse().ok(),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mtls {
    pub(super) mode: Option<Mode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mode {
    Unset,
    Disable,
    Permissive,
    Strict,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RequestAuthentication {
    pub(super) selector: Option<WorkloadSelector>,
    pub(super) target_ref: Option<TargetRef>,
    pub(super) target_refs: Option<Vec<TargetRef>>,
    pub(super) jwt_rules: Option<Vec<JwtRule>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct JwtRule {
    pub(super) issuer: Option<String>,
    pub(super) audiences: Values,
    pub(super) jwks_uri: Option<String>,
    pub(super) jwks: Option<String>,
    pub(super) from_headers: Option<Vec<Value>>,
    pub(super) from_params: Values,
    pub(super) from_cookies: Values,
    pub(super) space_delimited_claims: Values,
    #[serde(rename = "forwardOriginalToken")]
    _forward_original_token: Option<bool>,
    #[serde(rename = "outputPayloadToHeader")]
    _output_payload_to_header: Option<String>,
    #[serde(rename = "outputClaimToHeaders")]
    _output_claim_to_headers: Option<Vec<Value>>,
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
}

/// The documents of a stream. A line `---`, alone or before a blank, ends one.
pub(super) fn documents(stream: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in stream.lines() {
        let rest = line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if rest.is_some() {
            documents.push(String::new());
        }
        if let Some(document) = documents.last_mut() {
            document.push_str(rest.unwrap_or(line));
            document.push('\n');
        }
    }
    documents
}

/// The documents as trees, comments and blank ones dropped. Through a tree, because it refuses a key given twice and keeps
/// a number apart from a text.
pub(super) fn trees(stream: &str) -> Vec<Result<Value, String>> {
    let parsed = documents(stream).into_iter().map(|text| serde_yaml::from_str::<Value>(&text).map_err(|e| format!("no YAML: {e}")));
    parsed.filter(|tree| !matches!(tree, Ok(Value::Null))).collect()
}

/// One object of a kind that the model knows.
#[derive(Debug)]
pub(super) enum Parsed {
    Network(Metadata, NetworkPolicy),
    Authorization(Metadata, AuthorizationPolicy),
    Peer(Metadata, PeerAuthentication),
    Request(Metadata, RequestAuthentication),
}

pub(super) fn parse(tree: &Value) -> Result<Parsed, String> {
    let head: Head = serde_yaml::from_value(tree.clone()).map_err(|e| format!("no Kubernetes object: {e}"))?;
    let kind = (head.api_version.as_deref().unwrap_or_default(), head.kind.as_deref().unwrap_or_default());
    match kind {
        ("networking.k8s.io/v1", "NetworkPolicy") => typed(tree).map(|(meta, spec)| Parsed::Network(meta, spec)),
        ("security.istio.io/v1", "AuthorizationPolicy") => typed(tree).map(|(meta, spec)| Parsed::Authorization(meta, spec)),
        ("security.istio.io/v1", "PeerAuthentication") => typed(tree).map(|(meta, spec)| Parsed::Peer(meta, spec)),
        ("security.istio.io/v1", "RequestAuthentication") => typed(tree).map(|(meta, spec)| Parsed::Request(meta, spec)),
        (version, kind) => Err(format!("`{kind}` of `{version}` is no kind of this model")),
    }
}

fn typed<Spec: DeserializeOwned + Default>(tree: &Value) -> Result<(Metadata, Spec), String> {
    let document: Document<Spec> = serde_yaml::from_value(tree.clone()).map_err(|e| e.to_string())?;
    Ok((document.metadata, document.spec.unwrap_or_default()))
}

pub(super) fn cluster(stream: &str) -> Result<Cluster, String> {
    let mut cluster = Cluster {
        network_policies: Vec::new(),
        authorization_policies: Vec::new(),
        peer_authentications: Vec::new(),
        request_authentications: Vec::new(),
        settings: Settings::default(),
    };
    for tree in trees(stream) {
        match parse(&tree?)? {
            Parsed::Network(meta, spec) => add(&mut cluster.network_policies, meta, spec)?,
            Parsed::Authorization(meta, spec) => add(&mut cluster.authorization_policies, meta, spec)?,
            Parsed::Peer(meta, spec) => add(&mut cluster.peer_authentications, meta, spec)?,
            Parsed::Request(meta, spec) => add(&mut cluster.request_authentications, meta, spec)?,
        }
    }
    Ok(cluster)
}

fn add<Spec>(objects: &mut Vec<Object<Spec>>, meta: Metadata, spec: Spec) -> Result<(), String> {
    let name = meta.name.ok_or("an object has no name")?;
    let namespace = meta.namespace.ok_or_else(|| format!("`{name}` names no namespace"))?;
    if objects.iter().any(|other| other.name == name && other.namespace == namespace) {
        return Err(format!("`{namespace}/{name}` is given twice"));
    }
    objects.push(Object { name, namespace, annotations: meta.annotations.unwrap_or_default(), created: meta.creation_timestamp, spec });
    Ok(())
}
