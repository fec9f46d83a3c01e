//! Exposures that the configuration accepts.
//!
//! Owns: `[[diff.allow]]` entries as sets of flows, and which differences they cover. An entry is accepted only if every flow of
//! it is, and only while the day is not over.

use super::entry::{Accepted, Entry};
use super::programs::sort;

use crate::config::AllowedExposure;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{LabelCube, NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, Symbol, Values};
use crate::ir::{Expectation, Policy};
use crate::source::{FileId, Location, Source, Sources};

/// Something that is accepted.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    source: Peers,
    targets: Vec<(Peers, PortSet)>,
    accepted: Accepted,
}

/// The name of the text that holds the flows, for findings.
const NAME: &str = "diff.allow";

/// Makes a text of the flows, so that they are read as all others are.
pub(super) fn file(exposures: &[AllowedExposure], sources: &mut Sources) -> Option<FileId> {
    if exposures.is_empty() {
        return None;
    }
    let lines: String =
        exposures.iter().fold(String::new(), |lines, exposure| lines + "expect some " + &exposure.flow.replace(['\n', '\r'], " ") + "\n");
    Some(sources.add(Source::new(NAME, lines)))
}

/// Takes the flows out of a policy again, each with its reason; the lines are in the order of the exposures.
pub(super) fn take(policy: &mut Policy, file: FileId, sources: &Sources, exposures: &[AllowedExposure]) -> Vec<Allowed> {
    let (ours, others): (Vec<Expectation>, Vec<Expectation>) =
        std::mem::take(&mut policy.expectations).into_iter().partition(|expectation| expectation.location.file == file);
    policy.expectations = others;
    let allowed = |expectation: Expectation| {
        let exposure = of_line(expectation.location, sources, exposures)?;
        Some(Allowed {
            source: expectation.source.peers(),
            targets: expectation.targets.iter().map(|target| (target.end.peers(), target.ports.clone())).collect(),
            accepted: Accepted { reason: exposure.reason.clone(), until: exposure.until.clone() },
        })
    };
    ours.into_iter().filter_map(allowed).collect()
}

/// The exposure of which something is said in the text of the flows.
fn of_line<'e>(location: Location, sources: &Sources, exposures: &'e [AllowedExposure]) -> Option<&'e AllowedExposure> {
    let line = sources.get(location.file)?.position(location.span.start).line;
    exposures.get(line.checked_sub(1)?)
}

/// The findings that flows have clauses: a difference is told for sets of peers and ports, and whether all that it gives lies within the
/// requests of a clause, its words do not say.
pub(super) fn clauses(policy: &Policy, file: FileId, sources: &Sources, exposures: &[AllowedExposure]) -> Vec<Diagnostic> {
    let has_clause = |expectation: &&Expectation| expectation.transport.is_some() || !expectation.requests.is_all();
    let ours = policy.expectations.iter().filter(|expectation| expectation.location.file == file);
    let finding = |expectation: &Expectation| {
        let exposure = of_line(expectation.location, sources, exposures)?;
        let message = format!("an accepted exposure has no clauses, and `{}` has", exposure.flow);
        let finding = Diagnostic::new(code::INVALID_CONFIG, exposure.location, message);
        Some(finding.help("name the ends and the ports alone; whatever passes between them is accepted then"))
    };
    ours.filter(has_clause).filter_map(finding).collect()
}

/// The finding that an accepted flow cannot be read.
pub(super) fn unreadable(finding: &Diagnostic, exposures: &[AllowedExposure], sources: &Sources) -> Option<Diagnostic> {
    let exposure = of_line(finding.location()?, sources, exposures)?;
    let message = format!("`diff.allow` names a flow that cannot be read: {}", finding.message);
    let placed = Diagnostic::new(code::INVALID_CONFIG, exposure.location, message);
    Some(finding.helps.iter().fold(placed, |placed, help| placed.help(help.text.clone())))
}

/// Whether a finding is about the flows.
pub(super) fn is_about(finding: &Diagnostic, file: FileId) -> bool {
    finding.location().is_some_and(|location| location.file == file)
}

/// Marks the entries that are accepted. `today` is `YYYY-MM-DD`; without it no day is over. Returns what no longer counts.
/// What an accepted entry takes away becomes an entry of its own: that is not accepted with what it gives.
pub(super) fn accept(entries: &mut Vec<Entry>, allowed: &[Allowed], policy: &Policy, today: Option<&str>) -> Vec<String> {
    let is_over = |allowed: &&Allowed| today.is_some_and(|today| allowed.accepted.until.as_str() < today);
    for entry in entries.iter_mut().filter(|entry| !entry.kind.is_loss()) {
        let found = allowed.iter().filter(|allowed| !is_over(allowed)).find(|allowed| covers(allowed, entry, policy));
        entry.accepted = found.map(|allowed| allowed.accepted.clone());
    }
    let lost: Vec<Entry> = entries.iter().filter(|entry| entry.accepted.is_some() && entry.takes_too()).map(Entry::loss).collect();
    if !lost.is_empty() {
        entries.extend(lost);
        sort(entries);
    }
    allowed.iter().filter(is_over).map(|allowed| format!("{} (until {})", allowed.accepted.reason, allowed.accepted.until)).collect()
}

fn covers(allowed: &Allowed, entry: &Entry, policy: &Policy) -> bool {
    let peers = |part: &Peers, whole: &Peers| part.addresses.is_subset(&whole.addresses) && pods(&part.pods, &whole.pods, policy);
    peers(&entry.source, &allowed.source)
        && allowed.targets.iter().any(|(whom, ports)| entry.ports.is_subset(ports) && peers(&entry.destination, whom))
}

/// Whether pods are all in a set, the labels of known namespaces settled.
fn pods(part: &PodSet, whole: &PodSet, policy: &Policy) -> bool {
    let settled = |cube: &PodCube, name: &Symbol| {
        let namespace = policy.namespace(name);
        let fits = cube.names().contains(Some(name)) && namespace.is_none_or(|namespace| cube.namespace.contains(&namespace.labels));
        fits.then(|| PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(Symbol::clone(name))), ..cube.clone() })
    };
    part.cubes().iter().all(|cube| match cube.namespace_names() {
        Some(names) => names.iter().all(|name| {
            let inside: PodSet = whole.cubes().iter().filter_map(|cube| settled(cube, name)).collect();
            settled(cube, name).is_none_or(|cube| PodSet::from(cube).is_subset(&inside))
        }),
        None => PodSet::from(cube.clone()).is_subset(whole),
    })
}
