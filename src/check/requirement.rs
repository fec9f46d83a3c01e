//! What a rule demands of its own form: ports, protocols, ends that can prove something.
//!
//! Owns: `requirement-without-port`, `mtls-on-udp`, `mtls-needs-pods`, `unmeshed-caller`. Whether a gate stands where the
//! requirement would be enforced is `requirement_unenforced`'s question.

use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::{DataPlane, PodCube, Protocol};
use crate::gates::Gates;
use crate::ir::{Policy, Rule, Target, meets};
use crate::source::Location;

/// Findings about the form of every rule's requirements.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    policy.rules.iter().flat_map(|rule| without_port(rule).into_iter().chain(mtls(policy, rule))).collect()
}

/// `http`, `grpc` and `jwt` speak of requests: a rule that names no port would make every port of the pod an HTTP port.
fn without_port(rule: &Rule) -> Vec<Diagnostic> {
    let Some(at) = rule.http.or_else(|| rule.jwt.as_ref().map(|(_, at)| *at)) else { return Vec::new() };
    let open = rule.targets.iter().filter(|target| target.ports_location.is_none() || target.ports.get(Protocol::Tcp).is_empty());
    let finding = |target: &Target| {
        let label = if target.ports_location.is_none() { "no port is written" } else { "no TCP port" };
        Diagnostic::new(
            code::REQUIREMENT_WITHOUT_PORT,
            target.ports_location.unwrap_or(target.location),
            "a requirement on requests needs a port",
        )
        .label(label)
        .related(at, "speaks of requests")
        .note("requests are judged only on ports that are served as HTTP; on every other port the rule would refuse all connections")
        .help("write the port of the pod that serves HTTP, as `app=api:8080`")
    };
    open.map(finding).collect()
}

fn mtls(policy: &Policy, rule: &Rule) -> Vec<Diagnostic> {
    let Some(mtls) = rule.mtls else { return Vec::new() };
    let mut findings: Vec<Diagnostic> = rule.targets.iter().filter_map(|target| on_udp(target, mtls)).collect();
    findings.extend(needs_pods(rule, mtls));
    findings.extend(unmeshed_caller(policy, rule, mtls));
    findings
}

/// The mesh never sees UDP or SCTP (`semantics.md` §5.1, trap 110).
fn on_udp(target: &Target, mtls: Location) -> Option<Diagnostic> {
    let protocol = [Protocol::Udp, Protocol::Sctp].into_iter().find(|protocol| !target.ports.get(*protocol).is_empty())?;
    let at = target.ports_location.unwrap_or(target.location);
    let finding = Diagnostic::new(code::MTLS_ON_UDP, at, format!("`mtls` is asked for {protocol}"))
        .label(format!("has {protocol} ports"))
        .related(mtls, "asked for here");
    Some(
        finding
            .note("the mesh neither encrypts nor identifies UDP and SCTP")
            .help("write a rule of its own for these ports, without `mtls`"),
    )
}

/// An address proves no workload identity.
fn needs_pods(rule: &Rule, mtls: Location) -> Vec<Diagnostic> {
    let source = rule.source.peers();
    let mut findings = Vec::new();
    if !source.addresses.is_empty() {
        let help = if source.pods.is_empty() {
            "remove `mtls`, or let these callers in through a gateway that is a pod"
        } else {
            "write `allow in *@*` to mean every pod"
        };
        findings.push(no_pods(rule.source_location, mtls, "callers at addresses", help));
    }
    let outside = rule.targets.iter().filter(|target| !target.end.peers().addresses.is_empty());
    findings.extend(outside.map(|target| {
        no_pods(target.location, mtls, "a destination at addresses", "remove `mtls`: outside the cluster nothing of ours checks it")
    }));
    findings
}

fn no_pods(at: Location, mtls: Location, what: &str, help: &str) -> Diagnostic {
    Diagnostic::new(code::MTLS_NEEDS_PODS, at, format!("`mtls` is asked of {what}"))
        .label("no pods, or not only pods")
        .related(mtls, "asked for here")
        .note("`mtls` means that the caller proves its workload identity to the destination's sidecar; both are pods")
        .help(help)
}

/// Callers without a mesh cannot prove anything (`semantics.md` trap 88).
fn unmeshed_caller(policy: &Policy, rule: &Rule, mtls: Location) -> Vec<Diagnostic> {
    let pods = rule.source.peers().pods;
    let mut findings = Vec::new();
    for cube in pods.cubes() {
        let unmeshed = |name: &str| policy.namespace(name).is_some_and(|namespace| namespace.plane == Some(DataPlane::None));
        for name in cube.namespace_names().unwrap_or_default() {
            if unmeshed(name) {
                findings.push(unmeshed_finding(rule, mtls, &format!("namespace `{name}` has no mesh"), Level::Error));
            }
            findings.extend(is_unsaid(policy, name, cube).then(|| unsaid_finding(rule, mtls, name)));
        }
        findings.extend(unmeshed_workloads(policy, cube).into_iter().map(|(why, level)| unmeshed_finding(rule, mtls, &why, level)));
    }
    findings
}

/// Whether pods of a namespace of which nobody says it are outside the mesh, as its mode has it, and no known caller there is in it.
fn is_unsaid(policy: &Policy, name: &str, cube: &PodCube) -> bool {
    let namespace = policy.namespace(name);
    if policy.config.mesh.mode != DataPlane::None || namespace.is_some_and(|namespace| namespace.plane.is_some()) {
        return false;
    }
    let labels = namespace.map(|namespace| &namespace.labels);
    let mut callers = policy.inventory.workloads_in(name).iter().filter(|workload| meets(workload, labels, cube));
    callers.all(|workload| policy.inventory.plane_of(workload, DataPlane::None) == DataPlane::None)
}

/// A warning: that the mesh's mode speaks of a namespace whose owner may say otherwise is no error.
fn unsaid_finding(rule: &Rule, mtls: Location, name: &str) -> Diagnostic {
    let why = format!("nobody says that namespace `{name}` has a mesh, and `mesh.mode` is `none`");
    unmeshed_finding(rule, mtls, &why, Level::Warning)
        .help(format!("where it has one, say so: `external namespace {name} mesh sidecar {{ … }}`, or `--inventory` with its Namespace"))
}

/// Workloads among the callers that are outside the mesh: an error if they are all of a selector, a warning if only a part.
fn unmeshed_workloads(policy: &Policy, cube: &PodCube) -> Vec<(String, Level)> {
    let names = cube.namespace_names().unwrap_or_default();
    let declared = names.iter().flat_map(|name| policy.workloads_in(name));
    let declared = declared.filter(|workload| workload.plane == Some(DataPlane::None) && cube.overlaps(&workload.cube()));
    let declared = declared.map(|workload| {
        let level = if cube.is_subset(&workload.cube()) { Level::Error } else { Level::Warning };
        (format!("workload `{}@{}` is unmeshed", workload.name, workload.namespace), level)
    });
    let listed = names.iter().flat_map(|name| policy.inventory.workloads_in(name)).filter(|workload| {
        let namespace = policy.namespace(&workload.namespace);
        let default = namespace.and_then(|namespace| namespace.plane).unwrap_or(DataPlane::Sidecar);
        default != DataPlane::None
            && meets(workload, namespace.map(|namespace| &namespace.labels), cube)
            && policy.inventory.plane_of(workload, default) == DataPlane::None
    });
    let listed = listed.map(|workload| {
        (format!("{} `{}@{}` is outside the mesh", workload.kind.name(), workload.name, workload.namespace), Level::Warning)
    });
    declared.chain(listed).collect()
}

fn unmeshed_finding(rule: &Rule, mtls: Location, why: &str, level: Level) -> Diagnostic {
    Diagnostic::new(code::UNMESHED_CALLER, rule.source_location, "`mtls` is asked of callers that have no mesh identity")
        .at_level(level)
        .label(why)
        .related(mtls, "asked for here")
        .note("without a sidecar there is no certificate: these callers would always be refused")
        .help("bring them into the mesh, or write a rule of its own for them without `mtls`")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    const INTENT: &str = "namespace shop mesh sidecar {\n  allow app=x@other -> app=db:5432 mtls\n}\n";

    fn found(beside: &str, manifests: &str, mode: &str) -> Vec<String> {
        let config = format!("[mesh]\nmode = \"{mode}\"\n");
        Program::of(&format!("{INTENT}{beside}")).inventory(manifests).config(&config).found("unmeshed-caller")
    }

    /// What the mesh's mode says of namespaces of which nobody speaks counts where `mtls` is asked of their pods, too.
    #[test]
    fn callers_in_a_namespace_of_which_nobody_speaks_are_as_the_mode_of_the_mesh_has_it() {
        let external = |mesh: &str| format!("external namespace other {mesh} {{\n}}\n");
        let [warning, error] = ["warning", "error"].map(|level| vec![format!("{level} unmeshed-caller `app=x@other`")]);
        assert_eq!(found("", "", "none"), warning);
        assert_eq!(found(&external("labels team=a"), "", "none"), warning);
        assert_eq!(found(&external("mesh none"), "", "none"), error);
        assert_eq!(found(&external("mesh sidecar"), "", "none"), Vec::<String>::new());
        assert_eq!(found("", "", "sidecar"), Vec::<String>::new());
    }

    /// What an inventory shows of the callers stands before it.
    #[test]
    fn callers_that_an_inventory_shows_in_the_mesh_are_not_told() {
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {istio-injection: enabled}}\n";
        assert_eq!(found("", namespace, "none"), Vec::<String>::new());
        let meshed = deployment("other", "x", "app: x, sidecar.istio.io/inject: 'true'", "");
        assert_eq!(found("", &meshed, "none"), Vec::<String>::new());
        let unlike = deployment("other", "z", "app: z, sidecar.istio.io/inject: 'true'", "");
        for others in [unlike, deployment("other", "x", "app: x", "")] {
            assert_eq!(found("", &others, "none").len(), 1, "{others}");
        }
    }

    #[test]
    fn callers_of_no_stated_namespace_are_not_told() {
        let of = |source: &str| {
            let intent = INTENT.replace("app=x@other", source);
            Program::of(&intent).config("[mesh]\nmode = \"none\"\n").found("unmeshed-caller")
        };
        assert_eq!([of("*@*"), of("*@[team=a]"), of("app=x")], [const { Vec::<String>::new() }; 3]);
    }
}
