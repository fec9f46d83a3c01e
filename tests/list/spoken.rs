//! What speaks of a mesh where manifests are judged: whatever takes pods into one, and not what keeps them out of it or tunes a sidecar.
//!
//! Source: `semantics.md` §2.1, §3.2 and §8, row 111 (istio/istio : pkg/kube/inject/inject.go and
//! manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml; istio/api : annotation/annotations.gen.go).

use twogate::cluster::Assumption;
use twogate::compile::Mesh;
use twogate::source::{Source, Sources};

use super::command::{Ran, rows, run};

/// What nobody says: a workload that is called, in a namespace of which something may be said.
fn pods(label_of_namespace: &str, label: &str, annotation: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: other, labels: {{{label_of_namespace}}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate, namespace: shop}}\nspec: {{template: {{metadata: {{labels: {{app: migrate, {label}}}, annotations: {{{annotation}}}}}, spec: {{restartPolicy: Never, containers: [{{name: c, image: i}}]}}}}}}\n"
    )
}

/// What manifests say of a mesh.
fn spoken(text: &str) -> Mesh {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", text));
    Mesh::of(None, &sources, &[file])
}

/// An opt-out, a namespace whose pods are left alone and what only tunes a sidecar inject nothing.
#[test]
fn what_keeps_pods_out_of_a_mesh_or_tunes_a_sidecar_speaks_of_none() {
    assert_eq!(spoken(&pods("", "", "")), Mesh::Unmentioned);
    for label in [
        "istio-injection: disabled",
        "istio-injection: 'disabled' # none",
        "\"istio-injection\" : \"off\"",
        "istio.io/dataplane-mode: none",
        "istio-injection: disabled, istio.io/dataplane-mode: none",
    ] {
        assert_eq!(spoken(&pods(label, "", "").replace(" # none}", "} # none")), Mesh::Unmentioned, "{label}");
    }
    for label in ["sidecar.istio.io/inject: \"false\"", "sidecar.istio.io/inject: 'no'", "istio.io/dataplane-mode: none"] {
        assert_eq!(spoken(&pods("", label, "")), Mesh::Unmentioned, "{label}");
    }
    for annotation in [
        "sidecar.istio.io/inject: \"false\"",
        "sidecar.istio.io/rewriteAppHTTPProbers: \"true\"",
        "sidecar.istio.io/proxyCPU: 100m",
        "sidecar.istio.io/interceptionMode: TPROXY",
        "status.sidecar.istio.io/port: '15020'",
        "readiness.status.sidecar.istio.io/applicationPorts: '8080'",
        "proxy.istio.io/config: '{holdApplicationUntilProxyStarts: true}'",
        "traffic.sidecar.istio.io/excludeInboundPorts: '9187'",
        "traffic.sidecar.istio.io/includeOutboundIPRanges: ''",
        "prometheus.istio.io/merge-metrics: 'false'",
        "ambient.istio.io/redirection: disabled",
        "ambient.istio.io/bypass-inbound-capture: 'true'",
        "kubectl.kubernetes.io/last-applied-configuration: '{\"annotations\":{\"sidecar.istio.io/inject\":\"false\"}}'",
        "kubectl.kubernetes.io/last-applied-configuration: \"{\\\"annotations\\\":{\\\"sidecar.istio.io/inject\\\":\\\"false\\\"}}\"",
    ] {
        assert_eq!(spoken(&pods("", "", annotation)), Mesh::Unmentioned, "{annotation}");
    }
    let json = r#"{"kind": "Namespace", "metadata": {"labels": {"istio-injection":"disabled","istio.io/dataplane-mode": "none"}}}"#;
    assert_eq!(spoken(json), Mesh::Unmentioned);
}

/// What takes pods in, what shows a sidecar and what a mesh goes by; and what is not understood, as it may be any of them.
#[test]
fn what_takes_pods_into_a_mesh_speaks_of_one() {
    for label in [
        "istio-injection: enabled",
        "istio.io/rev: canary",
        "istio.io/rev: none",
        "istio.io/dataplane-mode: ambient",
        "istio.io/use-waypoint: none",
        "istio-injection: disabled, istio.io/dataplane-mode: ambient",
        "istio-injection: *word",
        "istio-injection:",
        "istio-injection: \"{{ .Values.injection }}\"",
    ] {
        assert_eq!(spoken(&pods(label, "", "")), Mesh::Mentioned, "{label}");
    }
    for label in ["sidecar.istio.io/inject: \"true\"", "istio.io/rev: canary", "istio.io/dataplane-mode: ambient"] {
        assert_eq!(spoken(&pods("", label, "")), Mesh::Mentioned, "{label}");
    }
    for annotation in [
        "sidecar.istio.io/inject: \"true\"",
        "sidecar.istio.io/inject: \"Yes\"",
        "sidecar.istio.io/status: '{}'",
        "ambient.istio.io/redirection: enabled",
        "inject.istio.io/templates: gateway",
        "sidecar.istio.io/inject: \"false\", sidecar.istio.io/status: '{}'",
        "note: 'sidecar.istio.io/inject'",
    ] {
        assert_eq!(spoken(&pods("", "", annotation)), Mesh::Mentioned, "{annotation}");
    }
    let shown = pods("", "", "").replace("name: c,", "name: istio-proxy,");
    assert_eq!(spoken(&shown), Mesh::Mentioned);
    for kind in [
        "security.istio.io/v1 AuthorizationPolicy",
        "security.istio.io/v1 PeerAuthentication",
        "security.istio.io/v1 RequestAuthentication",
        "networking.istio.io/v1 Sidecar",
        "networking.istio.io/v1 DestinationRule",
        "networking.istio.io/v1 ServiceEntry",
        "networking.istio.io/v1 VirtualService",
        "install.istio.io/v1alpha1 IstioOperator",
        "maistra.io/v1 ServiceMeshMemberRoll",
    ] {
        let (version, kind) = kind.split_once(' ').unwrap();
        let object = format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\n");
        assert_eq!(spoken(&(pods("", "", "sidecar.istio.io/inject: 'false'") + &object)), Mesh::Mentioned, "{kind}");
    }
}

/// A Job that stays out of a mesh, and nothing else: whoever else is there has no sidecar, and it is said that this is assumed.
#[test]
fn pods_beside_one_that_opts_out_are_taken_without_sidecars() {
    for said in ["sidecar.istio.io/inject: \"false\"", "sidecar.istio.io/rewriteAppHTTPProbers: \"true\""] {
        let Ran(status, stdout, stderr) = run(&[], &["--manifests", "-", "--to", "shop/web"], &pods("", "", said));
        assert_eq!(status, 0, "{stderr}");
        assert!(stderr.contains(&format!("assumes that {}", Assumption::NoMesh)), "{stderr}");
        assert!(!stderr.contains(&Assumption::Sidecars.to_string()), "{stderr}");
        let passes = rows(&stdout);
        assert!(passes.contains(&"shop/migrate[Job] shop/web[Deployment] all connections plaintext".to_owned()), "{passes:?}");
    }
    // Beside one that asks for a sidecar it stays out of the mesh, and the others are taken as before.
    let asks = pods("istio-injection: enabled", "", "sidecar.istio.io/inject: \"false\"");
    let Ran(status, stdout, stderr) = run(&[], &["--manifests", "-", "--to", "shop/migrate"], &asks);
    assert!(status == 0 && !stderr.contains(&Assumption::NoMesh.to_string()), "{stderr}");
    assert!(rows(&stdout).contains(&"shop/web[Deployment] shop/migrate[Job] all connections plaintext".to_owned()), "{stdout}");
}

/// A live pod with its sidecar, and Deployments beside it in the same namespace and in another, none of which is described.
const BESIDE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: shown, namespace: shop, labels: {app: shown}, annotations: {sidecar.istio.io/status: '{}'}}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: silent, namespace: shop}\nspec: {selector: {matchLabels: {app: silent}}, template: {metadata: {labels: {app: silent}}, spec: {containers: [{name: c, image: i}]}}}\n";

/// Whoever is taken for one with a sidecar, as others of a namespace show theirs that nobody describes, is so aloud (istio/istio#36119: Istio
/// injects no pod of which nothing says so).
#[test]
fn pods_beside_ones_that_show_their_sidecars_are_taken_for_such_aloud() {
    let told = format!("assumes that {}", Assumption::Sidecars);
    let is_told = |text: &str| {
        let Ran(status, _, stderr) = run(&[], &["--manifests", "-"], text);
        assert_eq!(status, 0, "{stderr}");
        (stderr.contains(&told), stderr.contains(&Assumption::Unjoined.to_string()))
    };
    assert_eq!(is_told(BESIDE), (true, false));
    assert_eq!(is_told(&BESIDE.replace("silent, namespace: shop", "silent, namespace: other")), (true, false));
    // A Job is one too, whichever labels Kubernetes gives its pods.
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: shop}\nspec: {template: {metadata: {labels: {app: once}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}\n";
    let (shown, _) = BESIDE.split_once("---").unwrap();
    assert_eq!(is_told(&format!("{shown}{job}")), (true, false));
    // Who shows the own one, says that it has one or none, or is on its node's network is taken for nothing that nobody says.
    assert_eq!(is_told(shown), (false, false));
    for said in ["labels: {app: silent, sidecar.istio.io/inject: 'true'}", "labels: {app: silent, sidecar.istio.io/inject: 'false'}"] {
        assert_eq!(is_told(&BESIDE.replace("labels: {app: silent}}", &format!("{said}}}"))), (false, false), "{said}");
    }
    let (_, silent) = BESIDE.split_once("---").unwrap();
    let on_its_node = silent.replace("spec: {containers", "spec: {hostNetwork: true, containers");
    assert_eq!(is_told(&format!("{shown}---{on_its_node}")), (false, false));
    // A namespace that is described without a word leaves its pods outside, and both assumptions may hold of one cluster.
    let described = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    assert_eq!(is_told(&format!("{BESIDE}{described}")), (false, true));
    let other = silent.replace("silent, namespace: shop", "silent, namespace: other");
    assert_eq!(is_told(&format!("{BESIDE}{described}---{other}")), (true, true));
    // What a configuration says is no assumption.
    let Ran(_, _, stderr) = run(&[("twogate.toml", "[mesh]\nmode = \"sidecar\"\n")], &["--manifests", "-"], BESIDE);
    assert!(!stderr.contains(&told), "{stderr}");
    let json = run(&[], &["--manifests", "-", "--format", "json"], BESIDE).1;
    assert!(json.contains("\"name\": \"sidecars\""), "{json}");
}
