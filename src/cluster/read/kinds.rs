//! Which kinds are modelled, which cannot affect a flow, and what the others may touch.
//!
//! Owns: the tables. A kind that no table names may touch every flow of its namespace, or of the cluster if it has none.
//!
//! A flow is a connection to a given pod or address on a given port, with its request as it arrives there. So what only decides
//! *where* traffic goes cannot affect it: routes, `VirtualService`, endpoints. Neither can what makes pods or other
//! objects, because those are judged once they are there, nor what installs the mesh or the plugin, whose facts the platform states.
//! Of a Gateway of the Gateway API that holds for what its Service is like: the annotation `networking.istio.io/service-type`, and one
//! address that it is to be given.

use super::scope::Scope;
use crate::inventory;

/// What is done with an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sort {
    /// It is a fact about workloads, Services and namespaces.
    Fact,
    /// It is a `NetworkPolicy`.
    NetworkPolicy,
    /// It is one of the kinds that the mesh's half models.
    Mesh,
    /// It is an `Ingress`, or a class of them: only what Istio makes of its own can affect a flow.
    Ingress,
    /// It is a `ConfigMap`, which cannot affect a flow unless it is the mesh's.
    MeshConfig,
    /// It installs the mesh, which cannot affect a flow but by what it says of the mesh's configuration.
    Installation,
    /// It is one of Maistra's, which installs a mesh in the namespaces that are its members.
    Maistra,
    /// It is a class of Gateways, which cannot affect a flow but by what it says of their waypoints.
    GatewayClass,
    /// It cannot affect a flow.
    Passed,
    /// It may, and is not modelled.
    Unmodelled(Scope),
}

/// The kinds that the mesh's half models, by group.
const MESH: [(&str, &[&str]); 3] = [
    ("security.istio.io", &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"]),
    ("networking.istio.io", &["DestinationRule"]),
    ("gateway.networking.k8s.io", &["Gateway"]),
];

/// Kinds that cannot affect a flow, by group.
const PASSED: [(&str, &[&str]); 22] = [
    (
        "",
        &[
            "Binding",
            "ComponentStatus",
            // What `kubectl` keeps its clusters in.
            "Config",
            "Endpoints",
            "Event",
            "LimitRange",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ResourceQuota",
            "Secret",
        ],
    ),
    ("apps", &["ControllerRevision"]),
    ("extensions", &["Ingress", "PodSecurityPolicy"]),
    ("networking.k8s.io", &["IPAddress", "ServiceCIDR"]),
    ("policy", &["PodDisruptionBudget", "PodSecurityPolicy"]),
    ("gateway.networking.k8s.io", &["GRPCRoute", "HTTPRoute", "ReferenceGrant", "TCPRoute", "TLSRoute", "UDPRoute"]),
    ("networking.istio.io", &["VirtualService", "WorkloadGroup"]),
    ("crd.projectcalico.org", &CALICO),
    ("projectcalico.org", &CALICO),
    (
        "cilium.io",
        &[
            "CiliumBGPAdvertisement",
            "CiliumBGPClusterConfig",
            "CiliumBGPNodeConfig",
            "CiliumBGPPeerConfig",
            "CiliumBGPPeeringPolicy",
            "CiliumEndpoint",
            "CiliumEndpointSlice",
            "CiliumIdentity",
            "CiliumL2AnnouncementPolicy",
            "CiliumLoadBalancerIPPool",
            "CiliumNode",
            "CiliumNodeConfig",
            "CiliumPodIPPool",
        ],
    ),
    ("networking.k8s.aws", &["PolicyEndpoint"]),
    ("vpcresources.k8s.aws", &["CNINode"]),
    (
        "networking.gke.io",
        &[
            "FrontendConfig",
            "GCPBackendPolicy",
            "GCPGatewayPolicy",
            "HealthCheckPolicy",
            "ManagedCertificate",
            "NetworkAttachmentDefinition",
        ],
    ),
    ("k8s.cni.cncf.io", &["NetworkAttachmentDefinition"]),
    ("sailoperator.io", &["IstioCNI", "IstioRevisionTag", "ZTunnel"]),
    // Which pods a balancer outside calls, and how: what these take is not asked of them.
    ("elbv2.k8s.aws", &["IngressClassParams", "TargetGroupBinding"]),
    ("cloud.google.com", &["BackendConfig"]),
    ("multicluster.x-k8s.io", &["ServiceExport"]),
    // Where requests go, and how they are counted and tried again.
    ("linkerd.io", &["ServiceProfile"]),
    ("split.smi-spec.io", &["TrafficSplit"]),
    ("route.openshift.io", &["Route"]),
    ("security.openshift.io", &["SecurityContextConstraints"]),
];

/// The kinds of Calico that only give addresses, routes and names for its policies.
const CALICO: [&str; 12] = [
    "BGPConfiguration",
    "BGPFilter",
    "BGPPeer",
    "BlockAffinity",
    "CalicoNodeStatus",
    "ClusterInformation",
    "IPAMBlock",
    "IPAMConfig",
    "IPAMHandle",
    "IPPool",
    "IPReservation",
    "NetworkSet",
];

/// Groups of which no kind can affect a flow; their operators may make pods and objects that can, which are judged once they are there.
const PASSED_GROUPS: [&str; 124] = [
    "acid.zalan.do",
    "acme.cert-manager.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apm.k8s.elastic.co",
    "app.k8s.io",
    "apps.kruise.io",
    "apps.openshift.io",
    "aquasecurity.github.io",
    "argoproj.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "authorization.openshift.io",
    "autoscaling",
    "autoscaling.internal.knative.dev",
    "autoscaling.k8s.elastic.co",
    "autoscaling.k8s.io",
    "batch.volcano.sh",
    "beat.k8s.elastic.co",
    "bindings.knative.dev",
    "bitnami.com",
    "build.openshift.io",
    "caching.internal.knative.dev",
    "catalog.cattle.io",
    "ceph.rook.io",
    "cert-manager.io",
    "certificates.k8s.io",
    "certmanager.k8s.io",
    "clickhouse.altinity.com",
    "cluster.x-k8s.io",
    "config.gatekeeper.sh",
    "config.openshift.io",
    "configuration.konghq.com",
    "console.openshift.io",
    "constraints.gatekeeper.sh",
    "coordination.k8s.io",
    "core.strimzi.io",
    "databases.spotahome.com",
    "discovery.k8s.io",
    "elasticsearch.k8s.elastic.co",
    "eventing.knative.dev",
    "events.k8s.io",
    "external-secrets.io",
    "externaldns.k8s.io",
    "fleet.cattle.io",
    "flowcontrol.apiserver.k8s.io",
    "flows.knative.dev",
    "generators.external-secrets.io",
    "grafana.integreatly.org",
    "helm.cattle.io",
    "helm.toolkit.fluxcd.io",
    "iam.cnrm.cloud.google.com",
    "image.openshift.io",
    "image.toolkit.fluxcd.io",
    "inference.networking.k8s.io",
    "inference.networking.x-k8s.io",
    "jaegertracing.io",
    "jobset.x-k8s.io",
    "k8s.keycloak.org",
    "kafka.strimzi.io",
    "karpenter.sh",
    "keda.sh",
    "kibana.k8s.elastic.co",
    "kubevirt.io",
    "kueue.x-k8s.io",
    "kustomize.toolkit.fluxcd.io",
    "kyverno.io",
    "leaderworkerset.x-k8s.io",
    "loki.grafana.com",
    "longhorn.io",
    "messaging.knative.dev",
    "metallb.io",
    "metrics.k8s.io",
    "minio.min.io",
    "mongodb.com",
    "mongodbcommunity.mongodb.com",
    "monitoring.coreos.com",
    "monitoring.googleapis.com",
    "mutations.gatekeeper.sh",
    "networking.internal.knative.dev",
    "node.k8s.io",
    "notification.toolkit.fluxcd.io",
    "oauth.openshift.io",
    "opentelemetry.io",
    "operator.knative.dev",
    "operator.openshift.io",
    "operator.tekton.dev",
    "operator.victoriametrics.com",
    "operators.coreos.com",
    "packages.operators.coreos.com",
    "pkg.crossplane.io",
    "postgres-operator.crunchydata.com",
    "postgresql.cnpg.io",
    "project.openshift.io",
    "projectcontour.io",
    "quota.openshift.io",
    "rabbitmq.com",
    "ray.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "scheduling.volcano.sh",
    "secrets-store.csi.x-k8s.io",
    "serving.knative.dev",
    "serving.kserve.io",
    "snapshot.storage.k8s.io",
    "source.toolkit.fluxcd.io",
    "sources.knative.dev",
    "spark.apache.org",
    "sparkoperator.k8s.io",
    "storage.k8s.io",
    "tekton.dev",
    "telemetry.istio.io",
    "templates.gatekeeper.sh",
    "tempo.grafana.com",
    "traefik.containo.us",
    "traefik.io",
    "triggers.tekton.dev",
    "trust.cert-manager.io",
    "upgrade.cattle.io",
    "user.openshift.io",
    "velero.io",
    "wgpolicyk8s.io",
];

/// Groups of files that are laid out like objects and that no API server ever sees: what configures a component of the cluster, or a
/// tool on somebody's machine.
const FILES: [&str; 22] = [
    "apiserver.config.k8s.io",
    "audit.k8s.io",
    "builtin",
    "cli.kyverno.io",
    "client.authentication.k8s.io",
    "credentialprovider.kubelet.k8s.io",
    "eksctl.io",
    "fn.kpt.dev",
    "k3d.io",
    "kind.x-k8s.io",
    "kops.k8s.io",
    "kpt.dev",
    "kubeadm.k8s.io",
    "kubecontrollermanager.config.k8s.io",
    "kubelet.config.k8s.io",
    "kubeproxy.config.k8s.io",
    "kubescheduler.config.k8s.io",
    "kustomize.config.k8s.io",
    "kuttl.dev",
    "pod-security.admission.config.k8s.io",
    "resourcequota.admission.k8s.io",
    "skaffold",
];

/// Kinds that are not modelled and say themselves which pods they are about.
const SCOPED: [(&str, &str, Scope); 21] = [
    ("policy.networking.k8s.io", "ClusterNetworkPolicy", Scope::Subject),
    ("policy.networking.k8s.io", "AdminNetworkPolicy", Scope::Subject),
    ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy", Scope::Subject),
    ("cilium.io", "CiliumNetworkPolicy", Scope::EndpointSelector),
    ("cilium.io", "CiliumClusterwideNetworkPolicy", Scope::EndpointSelector),
    ("crd.projectcalico.org", "NetworkPolicy", Scope::Network),
    ("crd.projectcalico.org", "GlobalNetworkPolicy", Scope::Network),
    ("projectcalico.org", "NetworkPolicy", Scope::Network),
    ("projectcalico.org", "GlobalNetworkPolicy", Scope::Network),
    ("networking.istio.io", "EnvoyFilter", Scope::WorkloadSelector),
    ("networking.istio.io", "Sidecar", Scope::Sidecar),
    ("networking.istio.io", "ServiceEntry", Scope::ServiceEntry),
    ("networking.istio.io", "WorkloadEntry", Scope::WorkloadEntry),
    ("networking.istio.io", "Gateway", Scope::Gateway),
    ("networking.istio.io", "ProxyConfig", Scope::Selector),
    ("extensions.istio.io", "WasmPlugin", Scope::Selector),
    ("gateway.networking.k8s.io", "ListenerSet", Scope::ListenerSet),
    ("gateway.networking.x-k8s.io", "XListenerSet", Scope::ListenerSet),
    ("k8s.ovn.org", "EgressFirewall", Scope::Limits),
    ("network.openshift.io", "EgressNetworkPolicy", Scope::Limits),
    ("security.kubearmor.com", "KubeArmorPolicy", Scope::Limits),
];

/// Groups of Kubernetes that have no `NetworkPolicy`, and what they are called: `extensions` had one until 1.16, and others are written by
/// mistake.
const WITHOUT_POLICIES: [(&str, &str); 4] = [("", "v1"), ("apps", "apps"), ("extensions", "extensions"), ("policy", "policy")];

/// What is to be done with objects of a group and kind.
pub(super) fn sort(group: &str, kind: &str) -> Sort {
    if inventory::is_fact(group, kind) {
        return Sort::Fact;
    }
    if (group, kind) == ("networking.k8s.io", "NetworkPolicy") {
        return Sort::NetworkPolicy;
    }
    if let Some((_, word)) = WITHOUT_POLICIES.iter().find(|(own, _)| kind == "NetworkPolicy" && *own == group) {
        return Sort::Unmodelled(Scope::Misplaced(word));
    }
    if group == "networking.k8s.io" && matches!(kind, "Ingress" | "IngressClass") {
        return Sort::Ingress;
    }
    if (group, kind) == ("", "ConfigMap") {
        return Sort::MeshConfig;
    }
    if (group, kind) == ("gateway.networking.k8s.io", "GatewayClass") {
        return Sort::GatewayClass;
    }
    if let ("install.istio.io", "IstioOperator") | ("sailoperator.io", "Istio" | "IstioRevision") = (group, kind) {
        return Sort::Installation;
    }
    if group == "maistra.io" {
        return Sort::Maistra;
    }
    let holds = |table: &[(&str, &[&str])]| table.iter().any(|(own, kinds)| *own == group && kinds.contains(&kind));
    if holds(&MESH) {
        return Sort::Mesh;
    }
    if PASSED_GROUPS.contains(&group) || FILES.contains(&group) || holds(&PASSED) {
        return Sort::Passed;
    }
    let scoped = SCOPED.iter().find(|(own_group, own_kind, _)| *own_group == group && *own_kind == kind);
    Sort::Unmodelled(match scoped {
        Some((_, _, scope)) => *scope,
        None if group.ends_with(".istio.io") || group == "gateway.networking.k8s.io" => Scope::Mesh,
        None => Scope::Unknown,
    })
}

/// Whether a kind of this name is one that decides flows in some group, or a fact about those who do.
pub(super) fn may_decide(kind: &str) -> bool {
    let is_fact = ["", "apps", "batch"].into_iter().any(|group| inventory::is_fact(group, kind));
    let is_scoped = SCOPED.iter().any(|(_, own, _)| *own == kind);
    is_fact || is_scoped || kind == "NetworkPolicy" || MESH.iter().any(|(_, kinds)| kinds.contains(&kind))
}
