//! Requirements where no gate stands to enforce them.
//!
//! Owns: `requirement-unenforced`, `root-namespace`, and `selector-not-expressible` for closed parts of open namespaces.
//! Wherever a destination can lie must be managed, meshed and not the root namespace (design §2.2).

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, LabelCube, PodCube, PodSet, Protocol};
use crate::gates::Gates;
use crate::inventory::{Captured, InventoryWorkload, ProxyRole};
use crate::ir::{Namespace, Policy, Rule, Stance, Target, meets};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

/// Findings about requirements that nothing enforces.
pub(super) fn check(policy: &Policy, gates: &Gates) -> Vec<Diagnostic> {
    let demanding = policy.rules.iter().filter(|rule| rule.action == Action::Allow && rule.has_requirement());
    let allowed = demanding.flat_map(|rule| Check { policy, gates, rule, at: demand(rule) }.run());
    let refusing = policy.rules.iter().filter(|rule| rule.action == Action::Deny && !rule.requests.is_all() && rule.faces(Direction::In));
    let refused = refusing.flat_map(|rule| Check { policy, gates, rule, at: demand(rule) }.refused());
    allowed.chain(refused).collect()
}

/// Where a rule says what it demands.
fn demand(rule: &Rule) -> Location {
    let jwt = rule.jwt.as_ref().map(|(_, at)| *at);
    rule.mtls.or(rule.http).or(jwt).unwrap_or(rule.location)
}

struct Check<'a> {
    policy: &'a Policy,
    gates: &'a Gates,
    rule: &'a Rule,
    at: Location,
}

impl Check<'_> {
    fn run(&self) -> Vec<Diagnostic> {
        if self.rule.direction == Some(Direction::Out) {
            return vec![self.outward()];
        }
        self.rule.targets.iter().flat_map(|target| self.target(target)).collect()
    }

    /// A `deny` on requests is taken out of what allows let through, so a mesh must stand wherever it reaches managed pods.
    fn refused(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for target in &self.rule.targets {
            for cube in target.end.peers().pods.cubes() {
                let managed = self.policy.namespaces.values().filter(|namespace| namespace.ownership == self.rule.ownership);
                let reached = managed.filter(|namespace| cube.namespace.contains(&namespace.labels));
                findings.extend(reached.flat_map(|namespace| self.named(target, cube, &namespace.name)));
            }
        }
        findings
    }

    /// A requirement is enforced at the destination, by the rule that opens it.
    fn outward(&self) -> Diagnostic {
        Diagnostic::new(code::REQUIREMENT_UNENFORCED, self.at, "a requirement on `allow out` is enforced nowhere")
            .label("judged at the destination only")
            .note("`allow out` opens the caller's end; the mesh checks identities and requests where they arrive")
            .help("put the requirement on the rule that opens the destination, and leave it out here")
    }

    fn target(&self, target: &Target) -> Vec<Diagnostic> {
        let peers = target.end.peers();
        let mut findings = Vec::new();
        if !peers.addresses.is_empty() && self.rule.mtls.is_none() {
            findings.push(self.unenforced(
                target.location,
                "part of this destination is no pod",
                "requests that leave the cluster are judged by nobody here",
            ));
        }
        for cube in peers.pods.cubes() {
            match cube.namespace_names() {
                Some(names) => findings.extend(names.iter().flat_map(|name| self.named(target, cube, name))),
                None => findings.push(self.anywhere(target, cube)),
            }
        }
        findings
    }

    /// Namespaces that are not named may be ones that nobody manages.
    fn anywhere(&self, target: &Target, cube: &PodCube) -> Diagnostic {
        let managed: Vec<&str> = self
            .policy
            .managed()
            .filter(|namespace| cube.namespace.contains(&namespace.labels))
            .map(|namespace| &*namespace.name)
            .collect();
        let finding = self.unenforced(
            target.location,
            "the destination may lie in namespaces that nobody manages",
            "a namespace that is not managed gets no policy, so nothing there checks the requirement",
        );
        if managed.is_empty() {
            return finding.help("name the namespaces: `app=db@shop`");
        }
        finding.help(format!("name the namespaces: `@{}`", managed.join("|")))
    }

    fn named(&self, target: &Target, cube: &PodCube, name: &str) -> Vec<Diagnostic> {
        let Some(namespace) = self.policy.namespace(name).filter(|namespace| namespace.is_managed()) else {
            return vec![
                self.unenforced(
                    target.location,
                    &format!("namespace `{name}` is not managed"),
                    "nothing of ours is written there, so nothing there checks the requirement",
                )
                .help(format!("manage it (`namespace {name}`), or leave the requirement out")),
            ];
        };
        if *namespace.name == *self.policy.config.mesh.root_namespace {
            return vec![self.root(target, name)];
        }
        if namespace.plane == Some(DataPlane::Ambient) {
            // What is wrong with it is said where it is declared.
            return Vec::new();
        }
        if namespace.plane != Some(DataPlane::Sidecar) {
            return vec![
                self.unenforced(
                    target.location,
                    &format!("namespace `{name}` has no mesh"),
                    "without sidecars there is only NetworkPolicy, which knows neither identities nor requests",
                )
                .help("leave the requirement out, or bring the destination into the mesh"),
            ];
        }
        let mut findings = self.unmeshed(target, cube, namespace);
        findings.extend(self.open(target, cube, namespace));
        findings
    }

    fn root(&self, target: &Target, name: &str) -> Diagnostic {
        Diagnostic::new(code::ROOT_NAMESPACE, target.location, format!("a requirement toward `{name}`, the mesh's root namespace"))
            .label("lies in the root namespace")
            .related(self.at, "asked for here")
            .note("an AuthorizationPolicy or PeerAuthentication in the root namespace acts on the whole mesh")
            .help("leave the requirement out: the network gate still holds; or move the workload to a namespace of its own")
    }

    /// Pods of a meshed namespace that have no sidecar, or whose sidecar does not see the port.
    fn unmeshed(&self, target: &Target, cube: &PodCube, namespace: &Namespace) -> Vec<Diagnostic> {
        let declared = self
            .policy
            .workloads_in(&namespace.name)
            .iter()
            .filter(|workload| workload.plane == Some(DataPlane::None) && cube.overlaps(&workload.cube()));
        let mut why: Vec<String> =
            declared.map(|workload| format!("workload `{}@{}` is unmeshed", workload.name, workload.namespace)).collect();
        for workload in
            self.policy.inventory.workloads_in(&namespace.name).iter().filter(|workload| meets(workload, Some(&namespace.labels), cube))
        {
            if self.policy.inventory.plane_of(workload, DataPlane::Sidecar) == DataPlane::None {
                why.push(format!("{} `{}` is outside the mesh", workload.kind.name(), workload.name));
            } else if matches!(workload.proxy, ProxyRole::Gateway | ProxyRole::Waypoint) {
                why.push(format!("{} `{}` is a gateway, which captures nothing", workload.kind.name(), workload.name));
            } else if let Some(port) = uncaptured(workload, target) {
                why.push(format!("the sidecar of {} `{}` does not capture port {port}", workload.kind.name(), workload.name));
            }
        }
        let finding = |why: String| {
            self.unenforced(target.location, &why, "no sidecar stands there to check the requirement")
                .help("bring the pods into the mesh, exclude them with `but`, or leave the requirement out")
        };
        why.into_iter().map(finding).collect()
    }

    /// In a namespace open to ingress only pods that a `close` selects are guarded, and only as far as the mesh can select them.
    fn open(&self, target: &Target, cube: &PodCube, namespace: &Namespace) -> Option<Diagnostic> {
        if namespace.stance(Direction::In) == Stance::Closed {
            return None;
        }
        let pods = PodSet::from(PodCube { labels: cube.labels.clone(), ..PodCube::in_namespace(&namespace.name) });
        let closes =
            self.policy.closes.iter().filter(|close| close.namespace == namespace.name && close.directions.contains(&Direction::In));
        let open = closes.fold(pods, |pods, close| pods.subtract(&close.pods));
        if !open.is_empty() {
            let finding = self.unenforced(
                target.location,
                &format!("part of this destination stays open in `{}`", namespace.name),
                "the namespace is open to ingress: whoever does not meet the requirement gets in all the same",
            );
            return Some(finding.help("isolate the pods first: `close in …` with the same selector"));
        }
        let guarded = self.gates.namespaces.get(&namespace.name).and_then(|gates| gates.mesh.as_ref());
        let selectors: PodSet =
            guarded.into_iter().flat_map(|mesh| &mesh.closed).map(|selector| guarded_pods(namespace, selector)).collect();
        let left = PodSet::from(PodCube { labels: cube.labels.clone(), ..PodCube::in_namespace(&namespace.name) }).subtract(&selectors);
        (!left.is_empty()).then(|| self.not_expressible(target, namespace))
    }

    fn not_expressible(&self, target: &Target, namespace: &Namespace) -> Diagnostic {
        Diagnostic::new(code::SELECTOR_NOT_EXPRESSIBLE, target.location, "the mesh cannot select exactly the pods that are closed here")
            .label("a requirement needs a mesh policy")
            .related(self.at, "asked for here")
            .note(format!(
                "namespace `{}` is open, so a mesh policy may select only closed pods, and it knows equality only",
                namespace.name
            ))
            .help("close the pods by labels with one value each (`close in app=db`), or close the whole namespace")
    }

    fn unenforced(&self, at: Location, label: &str, note: &str) -> Diagnostic {
        let what = if self.rule.mtls.is_some() { "`mtls`" } else { "the requirement" };
        Diagnostic::new(code::REQUIREMENT_UNENFORCED, at, format!("{what} is enforced by nobody at this destination"))
            .label(label)
            .related(self.at, "asked for here")
            .note(note)
    }
}

fn guarded_pods(namespace: &Namespace, selector: &crate::gates::Selector) -> PodCube {
    let labels =
        selector.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), crate::flow::Values::one(value.clone())));
    PodCube { labels, ..PodCube::in_namespace(&namespace.name) }
}

/// A port of the target that the workload's sidecar leaves alone.
fn uncaptured(workload: &InventoryWorkload, target: &Target) -> Option<u16> {
    let ranges = target.ports.get(Protocol::Tcp).ranges();
    let written = ranges.iter().filter(|(low, high)| high - low < 64).flat_map(|(low, high)| *low..=*high);
    written.into_iter().find(|port| workload.capture.of(*port) == Captured::No)
}
