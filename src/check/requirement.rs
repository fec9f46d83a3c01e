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
        for name in cube.namespace_names().unwrap_or_default().iter().filter(|name| unmeshed(name)) {
            findings.push(unmeshed_finding(rule, mtls, &format!("namespace `{name}` has no mesh"), Level::Error));
        }
        findings.extend(unmeshed_workloads(policy, cube).into_iter().map(|(why, level)| unmeshed_finding(rule, mtls, &why, level)));
    }
    findings
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
