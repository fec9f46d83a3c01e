//! Reads manifests: streams of YAML or JSON documents, and lists.
//!
//! Owns: the walk over documents, on two threads; `metadata`. Every object is sorted by `kinds`, and
//! nothing is skipped in silence: what cannot be read makes the flows unspecified that it may touch.

mod disputed;
mod findings;
mod installation;
mod istiod;
mod joining;
mod kinds;
mod mesh_config;
mod metadata;
mod of_mesh;
mod scope;
mod sidecar;
mod twins;
mod unmodelled;

use std::collections::BTreeSet;

use super::Platform;
use super::mesh::Mesh;
use super::network::{self, NetworkPolicy};
use super::object::Object;
use super::unmodelled::{Ends, Gates, Proxies, Side, Unmodelled, Why};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Labels, Symbol};
use crate::inventory::{self, Inventory, ShownJoining};
use crate::manifest::{self, Document, MAX_FILE, Reading, Trees, Whereabouts, documents, objects};
use crate::source::{FileId, Location, Source, Sources, Span};

use kinds::Sort;
use twins::Noted;

/// What manifests hold, sorted and in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) inventory: Inventory,
    pub(super) mesh: Mesh,
    pub(super) unmodelled: Vec<Unmodelled>,
    pub(super) findings: Vec<Diagnostic>,
    /// The files that hold an object, or something that cannot be read.
    pub(super) held: BTreeSet<FileId>,
    /// What objects are called that name no namespace and are taken for ones of the default one, and where the first stands.
    homeless: Vec<(String, Location)>,
    /// Every object that is no fact of the inventory.
    pub(super) noted: Vec<Noted>,
    /// What tells an injector to give a sidecar to pods of which nothing is said.
    injects_everywhere: Vec<Object>,
    /// By what pods join the mesh, as these show it.
    pub(super) shown_joining: ShownJoining,
    /// The namespaces that say nothing of the mesh and whose pods are taken to be outside of it.
    pub(super) unjoined: BTreeSet<Symbol>,
    /// The workloads that are taken into the mesh as these show others to be, of whose namespaces nobody says anything.
    pub(super) taken_in: BTreeSet<(Symbol, Labels)>,
}

/// Texts below this size are read by one thread: another one would cost more than it saves.
const WORTH_A_THREAD: usize = 128 << 10;

/// Reads files of which there may be trees. Two threads share the work where it is worth it, by documents; the result does not tell.
pub(super) fn read<'s>(sources: &'s Sources, files: &[FileId], platform: &Platform, trees: &'s Trees<'s>) -> Manifests {
    let mut too_large = Vec::new();
    let mut all = Vec::new();
    for file in files {
        let Some(source) = sources.get(*file) else { continue };
        if source.text().len() > MAX_FILE {
            too_large.push((*file, source));
            continue;
        }
        let whole = whole(*file, source);
        all.extend(documents(source.text()).map(|span| Document { span, ..whole }));
    }
    let (first, second) = all.split_at(middle(&all));
    let (mut manifests, rest) = std::thread::scope(|scope| {
        let rest = (!second.is_empty()).then(|| scope.spawn(|| Manifests::part(second, platform, trees)));
        let manifests = Manifests::part(first, platform, trees);
        // A thread ends early only if the code has a fault; what it had to read is then read here.
        let rest = rest.map(|rest| rest.join().unwrap_or_else(|_| Manifests::part(second, platform, trees)));
        (manifests, rest)
    });
    // What is read is brought in order here, so it is merged even if nothing is left.
    manifests.merge(rest.unwrap_or_default());
    for (file, source) in too_large {
        manifests.too_large(file, source);
    }
    manifests.find_twins(sources, &platform.root_namespace);
    manifests.open_disputed();
    manifests.report_homeless(platform);
    manifests.settle_joining(platform);
    manifests.add_ingresses();
    manifests.open_annotated(platform);
    manifests.open_bare(platform);
    manifests.open_unseen_gateways(platform);
    manifests.open_unsaid(platform);
    manifests.open_reshaped();
    manifests.open_calls_of_gateways();
    manifests.report_unmodelled();
    manifests
}

/// Where the second half of the documents begins, by bytes; their number if there is too little to share.
fn middle(all: &[Document<'_>]) -> usize {
    let size = |document: &Document<'_>| document.text().len();
    let total: usize = all.iter().map(size).sum();
    if total < WORTH_A_THREAD {
        return all.len();
    }
    let mut sum = 0;
    let before = |document: &&Document<'_>| {
        sum += size(document);
        sum * 2 <= total
    };
    all.iter().take_while(before).count().max(1)
}

/// A file as one document.
fn whole(file: FileId, source: &Source) -> Document<'_> {
    Document { file, source, span: Span::new(0, source.text().len()), object: Whereabouts::Whole, code: code::INVALID_MANIFEST }
}

impl Manifests {
    /// Reads documents of any number of files.
    fn part<'s>(all: &[Document<'s>], platform: &Platform, trees: &'s Trees<'s>) -> Self {
        let mut manifests = Self::default();
        for of_file in all.chunk_by(|left, right| left.file == right.file) {
            let Some(first) = of_file.first() else { continue };
            let mut reading = Reading::with_trees(whole(first.file, first.source), trees);
            for document in of_file {
                manifests.document(*document, platform, &mut reading);
                if reading.is_hopeless() {
                    manifests.give_up(*document);
                    break;
                }
            }
            manifests.findings.extend(reading.into_findings());
        }
        manifests
    }

    /// Reads the objects of a document. One that is no YAML could hold anything.
    fn document<'s>(&mut self, document: Document<'s>, platform: &Platform, reading: &mut Reading<'s>) {
        let mut found = false;
        objects(document, reading, &mut |object, reading| {
            found = true;
            self.object(object, platform, reading);
        });
        if !found && !reading.is_clean() {
            self.give_up(document);
        }
    }

    /// Counts a document as one that could hold anything.
    fn give_up(&mut self, document: Document<'_>) {
        self.held.insert(document.file);
        let object = Object {
            kind: "document".into(),
            namespace: "".into(),
            name: document.source.name().into(),
            location: document.first_line(),
            annotations: Labels::new(),
        };
        let (gates, ends, side, proxies, spared) = (Gates::Both, Ends::All, Side::Either, Proxies::Any, BTreeSet::new());
        self.unmodelled.push(Unmodelled { object, why: Why::Unreadable, gates, ends, side, proxies, spared });
    }

    /// Reads an object.
    fn object(&mut self, object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) {
        reading.object = metadata::some(object.kind);
        if object.version.is_none() {
            return self.without_version(object, reading);
        }
        self.held.insert(reading.document.file);
        let sort = kinds::sort(object.group(), object.kind);
        let lives_in_one = match sort {
            Sort::NetworkPolicy | Sort::Mesh => true,
            Sort::Fact => object.kind != "Namespace",
            Sort::Unmodelled(_) => metadata::LIVES_IN_NAMESPACES.contains(&object.kind),
            Sort::Ingress | Sort::MeshConfig | Sort::Installation | Sort::Maistra | Sort::GatewayClass | Sort::Passed => false,
        };
        if lives_in_one && platform.default_namespace.is_some() {
            let location = reading.document.name();
            self.homeless.extend(metadata::homeless(object, reading).map(|name| (name, location)));
        }
        match sort {
            Sort::Passed => {}
            Sort::MeshConfig => self.mesh_config(object, platform, reading),
            Sort::Installation => {
                let named = metadata::loose(object, platform, reading);
                let settings = installation::read(object, platform, reading);
                self.take_settings(settings, &named);
            }
            Sort::Maistra => {
                let named = metadata::loose(object, platform, reading);
                self.note(object.group(), &named, reading);
                self.unmodelled.extend(installation::maistra(&named, object, reading));
            }
            Sort::GatewayClass => self.mesh.read_gateway_class(object, reading),
            Sort::Ingress => self.mesh.read_ingress(&metadata::loose(object, platform, reading), object, reading),
            Sort::Fact => self.fact(object, platform, reading),
            Sort::NetworkPolicy => {
                let Some(named) = metadata::strict(object, platform, reading) else { return self.give_up(reading.document) };
                self.note(object.group(), &named, reading);
                metadata::version(object, &["v1"], reading);
                let policy = network::policy(named, &object.root, reading);
                if reading.is_clean() {
                    self.policies.push(policy);
                } else {
                    self.unreadable((policy.object, object), Gates::Network, platform, reading);
                }
            }
            Sort::Mesh => {
                let Some(named) = metadata::strict(object, platform, reading) else { return self.give_up(reading.document) };
                self.note(object.group(), &named, reading);
                if is_policy(object.kind) {
                    metadata::version(object, POLICY_VERSIONS, reading);
                }
                self.mesh_object((named, object), platform, reading);
            }
            Sort::Unmodelled(scope) => self.not_modelled(object, scope, platform, reading),
        }
    }

    /// An object without `apiVersion`. No API server takes it; but whoever names a kind that decides flows meant to write one.
    fn without_version(&mut self, object: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        let version = object.root.get(reading, "apiVersion");
        if version.is_missing() && !kinds::may_decide(object.kind) {
            return manifest::no_object("a document has no `apiVersion`", reading);
        }
        version.wrong(reading, "a group and a version are expected, as in `apps/v1`");
        self.give_up(reading.document);
    }

    /// Notes what an object is called, and where it is written.
    fn note(&mut self, group: &str, object: &Object, reading: &Reading<'_>) {
        let name = [group.into(), Symbol::clone(&object.kind), Symbol::clone(&object.namespace), Symbol::clone(&object.name)];
        self.noted.push(Noted { name, location: object.location, span: reading.document.span, whereabouts: reading.document.object });
    }

    /// Reads a fact. All of them but namespaces live in a namespace.
    fn fact(&mut self, object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) {
        let default = match (&platform.default_namespace, object.kind) {
            (Some(namespace), _) => Symbol::clone(namespace),
            (None, "Namespace") => "".into(),
            (None, _) => {
                if object.root.follow(reading, &["metadata", "namespace"]).is_missing() {
                    return metadata::no_namespace(object, reading);
                }
                "".into()
            }
        };
        if object.kind == "Deployment" {
            self.mesh.read_deployment(&metadata::loose(object, platform, reading), object, reading);
        }
        inventory::read_object(object, &default, &mut self.inventory, reading);
        // What is found here is nothing that is wrong with the workload, so it comes last.
        if object.kind == "Deployment" {
            let named = metadata::loose(object, platform, reading);
            let settings = istiod::read(object, platform, reading);
            self.unmodelled.extend(settings.into_iter().map(|setting| setting.of(named.clone())));
        }
    }

    /// Takes in what comes behind.
    fn merge(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.mesh.merge(other.mesh);
        self.unmodelled.extend(other.unmodelled);
        self.noted.extend(other.noted);
        self.held.extend(other.held);
        self.homeless.extend(other.homeless);
        self.injects_everywhere.extend(other.injects_everywhere);
        self.findings.extend(other.findings);
        self.findings.extend(self.inventory.merge_as(other.inventory, code::INVALID_MANIFEST));
    }

    /// A file that is larger than is read.
    fn too_large(&mut self, file: FileId, source: &Source) {
        let location = Location { file, span: Span::default() };
        let message = format!("`{}` is larger than {} MiB", source.name(), MAX_FILE >> 20);
        self.findings.push(Diagnostic::new(code::FILE_TOO_LARGE, location, message).help("give the manifests in several files"));
        self.give_up(whole(file, source));
    }
}

/// The versions of the mesh's policies that there are (istio/istio : manifests/charts/base/files/crd-all.gen.yaml): of another one an API
/// server knows no such kind.
const POLICY_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// Whether a kind is one of the mesh's policies: these act where connections arrive, and the other kinds tell clients too (`semantics.md`
/// §2.1, §3.3).
fn is_policy(kind: &str) -> bool {
    matches!(kind, "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication")
}
