//! Rules that the cluster's versions or its network plugin cannot enforce.
//!
//! Owns: `platform-unsupported`. What the platform can is configured (`mesh.istio`, `cluster.kubernetes`, `network-plugin`); a
//! fact that is not known is not held against a rule.

use super::ends::ours;
use crate::config::{Answer, Version};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PathPattern, Protocol};
use crate::gates::Gates;
use crate::ir::{PORTS_IN_A_ROW, Policy, Rule, Target};
use crate::source::Location;

/// `endPort` is stable since this Kubernetes (`semantics.md` §1.6).
const END_PORT: Version = Version::new(1, 25);
/// Path templates are known since this Istio (`semantics.md` §2.13).
const PATH_TEMPLATES: Version = Version::new(1, 22);

/// A finding for every place of a rule that needs more than there is.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let rules =
        ours(policy).flat_map(|(_, rule)| rule.targets.iter().filter_map(|target| ports(policy, target)).chain(templates(policy, rule)));
    let expected = policy.expectations.iter().flat_map(|expectation| &expectation.targets);
    rules.chain(expected.filter_map(|target| sctp(policy, target, "this expectation asks for more than the cluster can do"))).collect()
}

/// Ranges and SCTP. All ports of a protocol are written without a range.
fn ports(policy: &Policy, target: &Target) -> Option<Diagnostic> {
    let at = target.ports_location?;
    let has_range = target.ports.ranges().any(|(protocol, low, high)| high - low >= PORTS_IN_A_ROW && !target.ports.is_full(protocol));
    if has_range && policy.config.network_plugin.end_port == Answer::No {
        return Some(
            unsupported(at, "the network plugin knows no port ranges")
                .note("it would open only the first port of the range (`network-plugin.end-port = \"no\"`)")
                .help(narrower()),
        );
    }
    if has_range && policy.config.cluster.kubernetes < END_PORT {
        let why =
            format!("port ranges are stable since Kubernetes {END_PORT}; `cluster.kubernetes` says {}", policy.config.cluster.kubernetes);
        return Some(
            unsupported(at, "port ranges need a newer Kubernetes").note(why).help(narrower()).help("or raise `cluster.kubernetes`"),
        );
    }
    sctp(policy, target, NEEDS_MORE)
}

/// SCTP where the network plugin does not judge it.
fn sctp(policy: &Policy, target: &Target, message: &str) -> Option<Diagnostic> {
    let at = target.ports_location?;
    let has_sctp = !target.ports.get(Protocol::Sctp).is_empty();
    (has_sctp && policy.config.network_plugin.sctp == Answer::No).then(|| {
        Diagnostic::new(code::PLATFORM_UNSUPPORTED, at, message)
            .label("the network plugin does not judge SCTP")
            .note("`network-plugin.sctp = \"no\"`")
            .help("leave SCTP out, or use a plugin that supports it")
    })
}

/// What is left without ranges.
fn narrower() -> String {
    format!("write at most {PORTS_IN_A_ROW} ports in a row, which are listed one by one, or open all of them: `*/tcp`")
}

fn templates(policy: &Policy, rule: &Rule) -> Option<Diagnostic> {
    if policy.config.mesh.istio >= PATH_TEMPLATES {
        return None;
    }
    let patterns = rule.requests.cubes.iter().flat_map(|cube| cube.paths.within().iter().flatten());
    let template = patterns.into_iter().find(|pattern: &&PathPattern| pattern.is_template())?;
    let why = format!("`{{*}}` and `{{**}}` are known since Istio {PATH_TEMPLATES}; `mesh.istio` says {}", policy.config.mesh.istio);
    let finding = unsupported(rule.http?, format!("`{}` needs a newer Istio", template.as_str()));
    Some(
        finding
            .note(why)
            .note("an older one takes the braces for letters, and the rule matches nothing")
            .help("write the paths out, or raise `mesh.istio`"),
    )
}

const NEEDS_MORE: &str = "this rule needs more than the cluster can do";

fn unsupported(at: Location, label: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code::PLATFORM_UNSUPPORTED, at, NEEDS_MORE).label(label)
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, found};

    const CODE: &str = "platform-unsupported";

    #[test]
    fn ranges_need_a_plugin_that_knows_them() {
        let program = "namespace shop\nallow app=web -> app=db:8000-8100\nallow app=web -> app=db:*/tcp\n";
        assert_eq!(found(CODE, program), [""; 0]);
        let without = Program::of(program).config("[network-plugin]\nend-port = \"no\"\n");
        assert_eq!(without.found(CODE), ["error platform-unsupported `:8000-8100`"]);
        let old = Program::of(program).config("[cluster]\nkubernetes = \"1.20\"\n");
        assert_eq!(old.found(CODE), ["error platform-unsupported `:8000-8100`"]);
    }

    #[test]
    fn sctp_and_templates() {
        let sctp = Program::of("namespace shop\nallow app=web -> app=db:1/sctp\n").config("[network-plugin]\nsctp = \"no\"\n");
        assert_eq!(sctp.found(CODE), ["error platform-unsupported `:1/sctp`"]);
        let expected =
            Program::of("namespace shop\nallow app=web -> app=db:1\nexpect deny app=job -> app=db:2/sctp\nexpect deny app=x -> app=db\n");
        let expected = expected.config("[network-plugin]\nsctp = \"no\"\n");
        assert_eq!(expected.found(CODE), ["error platform-unsupported `:2/sctp`"]);
        let old = Program::of("namespace shop\nallow app=web -> app=api:80 http GET /a/{*}\nallow app=web -> app=api:80 http GET /b\n")
            .config("[mesh]\nistio = \"1.20\"\n");
        assert_eq!(old.found(CODE), ["error platform-unsupported `http GET /a/{*}`"]);
    }
}
