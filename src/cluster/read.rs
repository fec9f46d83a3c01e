//! Reads manifests: streams of YAML or JSON documents, and lists.
//!
//! Owns: the walk over documents, on two threads; `metadata`. Every object is sorted by `kinds`, and
//! nothing is skipped in silence: what cannot be read makes the flows unspecified that it may touch.

mod installation;
mod istiod;
mod kinds;
mod mesh_config;
mod metadata;
mod scope;
mod sidecar;
mod twins;

use std::collections::{BTreeMap, BTreeSet};

use super::mesh::{GATEWAY_NAME, Mesh, Reshaped, Sends};
use super::network::{self, NetworkPolicy};
use super::object::Object;
use super::unmodelled::{Ends, Gates, Proxies, Setting, Side, Unmodelled, Why, equalities};
use super::{Joining, Platform};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, LabelCube, Labels, PodCube, Symbol};
use crate::inventory::{self, Inventory, InventoryWorkload, MeshChoice, REGISTRY_ONLY};
use crate::manifest::{self, Document, MAX_FILE, Reading, Trees, Whereabouts, documents, objects};
use crate::source::{FileId, Location, Source, Sources, Span};

use kinds::Sort;
use scope::{Scope, touched};
use sidecar::Reach;
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
    /// Whether anything shows how pods join the mesh.
    pub(super) shows_joining: bool,
    /// The namespaces that say nothing of the mesh and whose pods are taken to be outside of it.
    pub(super) unjoined: BTreeSet<Symbol>,
}

/// Texts below this size are read by one thread: another one would cost more than it saves.
const WORTH_A_THREAD: usize = 128 << 10;

/// The most `unmodelled-kind` findings of one kind.
const MAX_OF_A_KIND: usize = 10;

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
    manifests.find_twins(sources);
    manifests.report_homeless(platform);
    manifests.settle_joining(platform);
    manifests.add_ingresses();
    manifests.open_annotated(platform);
    manifests.open_bare(platform);
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
                self.mesh_object((named, object), platform, reading);
            }
            Sort::Unmodelled(scope) => self.not_modelled(object, scope, platform, reading),
        }
    }

    /// An object of a kind that the mesh's half models.
    fn mesh_object(&mut self, (named, object): (Object, &manifest::Object<'_>), platform: &Platform, reading: &mut Reading<'_>) {
        // A Gateway's pods run for its own revision, as any pods of the mesh do for theirs.
        let is_of_one = object.kind != "Gateway" && metadata::is_of_one_revision(object, reading);
        let mut passed_over = Mesh::default();
        let mesh = if is_of_one { &mut passed_over } else { &mut self.mesh };
        mesh.read(named.clone(), object, platform, reading);
        if !reading.is_clean() {
            return self.unreadable((named, object), Gates::Mesh, platform, reading);
        }
        if is_of_one {
            self.of_one_revision((named, object), platform, reading);
        }
    }

    /// An object for one revision of istiod: which one tells the proxy of a pod is not known.
    fn of_one_revision(&mut self, (named, object): (Object, &manifest::Object<'_>), platform: &Platform, reading: &mut Reading<'_>) {
        let is_policy = is_policy(&named.kind);
        let scope = if is_policy { Scope::Selector } else { Scope::Mesh };
        let (gates, ends) = touched(scope, object, &named.namespace, &platform.root_namespace, reading);
        let side = if is_policy { Side::Called } else { Side::Either };
        let (why, proxies, spared) = (Why::Setting(metadata::REVISION), Proxies::Any, BTreeSet::new());
        self.unmodelled.push(Unmodelled { object: named, why, gates, ends, side, proxies, spared });
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

    /// A modelled object with findings: what it says is not known, so neither is what becomes of the flows it acts on.
    fn unreadable(
        &mut self,
        (object, text): (Object, &manifest::Object<'_>),
        gates: Gates,
        platform: &Platform,
        reading: &mut Reading<'_>,
    ) {
        let whole_mesh = gates == Gates::Mesh && object.namespace == platform.root_namespace;
        let namespace = if whole_mesh { "" } else { &object.namespace };
        let ends = Ends::of_namespace(namespace, scope::selected(text, reading).unwrap_or_default());
        let side = if is_policy(&object.kind) { Side::Called } else { Side::Either };
        let (proxies, spared) = (Proxies::Any, BTreeSet::new());
        self.unmodelled.push(Unmodelled { object, why: Why::Unreadable, gates, ends, side, proxies, spared });
    }

    /// What may be the mesh's configuration, or what is laid over pods of waypoints.
    fn mesh_config(&mut self, object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) {
        let named = metadata::loose(object, platform, reading);
        self.mesh.read_config_map(&named, object, reading);
        self.take_settings(mesh_config::read(object, platform, reading), &named);
    }

    /// What an object says of the mesh that answers would have to be others for.
    fn take_settings(&mut self, settings: Vec<Setting>, named: &Object) {
        for setting in settings {
            if setting.key == REGISTRY_ONLY {
                self.mesh.refuse_unnamed();
            }
            match setting.key {
                mesh_config::EVERYWHERE => self.injects_everywhere.push(named.clone()),
                _ => self.unmodelled.push(setting.of(named.clone())),
            }
        }
    }

    /// Keeps pods out of the mesh whose namespace has no label that takes them in, where the manifests show how others join and no injector
    /// takes in everybody.
    fn settle_joining(&mut self, platform: &Platform) {
        // Maistra's pods ask for their sidecars themselves, in namespaces that are members.
        let is_maistra = self.noted.iter().any(|Noted { name: [group, ..], .. }| **group == *"maistra.io");
        if is_maistra || !self.injects_everywhere.is_empty() {
            return;
        }
        self.shows_joining = self.inventory.shows_joining();
        let is_opt_in = match platform.joining {
            Joining::AsTaken => false,
            Joining::AsShown => self.shows_joining,
            Joining::ByLabels => true,
        };
        if is_opt_in {
            self.unjoined = self.inventory.keep_unsaid_outside(&self.spoken_for());
        }
    }

    /// The namespaces of pods that a `Gateway` makes gateways, which have an Envoy without being told to join, and those that have policies of
    /// the mesh: whoever wrote them takes its pods to be in it, whether or not a label stands among these manifests.
    fn spoken_for(&self) -> BTreeSet<Symbol> {
        let is_gateway = |labels: &Labels| {
            let mut selectors = self.mesh.gateway_selectors().filter(|selector| !selector.is_empty());
            selectors.any(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
        };
        let gateways = self.inventory.workloads.iter().filter(|workload| is_gateway(&workload.labels));
        gateways.map(|workload| &workload.namespace).chain(self.mesh.policed()).cloned().collect()
    }

    /// Leaves open what pods send and take that are taken to be outside the mesh, where an injector gives a sidecar to all of which nothing is
    /// said.
    fn open_unsaid(&mut self, platform: &Platform) {
        if platform.mesh == DataPlane::Sidecar {
            return;
        }
        let unsaid = self.inventory.unsaid_planes();
        for object in &self.injects_everywhere {
            self.unmodelled.extend(unsaid.iter().map(|namespace| Unmodelled {
                object: object.clone(),
                why: Why::Setting(mesh_config::EVERYWHERE),
                gates: Gates::Membership,
                ends: Ends::of_namespace(namespace, LabelCube::all()),
                side: Side::Either,
                proxies: Proxies::Any,
                spared: BTreeSet::new(),
            }));
        }
    }

    /// Leaves open what pods send and take that run without the sidecar that their workload is to have.
    fn open_bare(&mut self, platform: &Platform) {
        let bare = self.inventory.folded_pods.iter().filter(|pod| pod.sidecar == MeshChoice::Refused);
        let owners: BTreeSet<_> = bare.map(|pod| (&pod.namespace, pod.owner.0, &pod.owner.1)).collect();
        for workload in &self.inventory.workloads {
            let is_owner = owners.contains(&(&workload.namespace, workload.kind, &workload.name));
            if is_owner && self.inventory.plane_of(workload, platform.mesh) == DataPlane::Sidecar {
                self.unmodelled.push(of_pods(workload, Why::Bare, Side::Either));
            }
        }
    }

    /// Leaves open what waypoints take and send whose pods are not as Istio usually makes them.
    fn open_reshaped(&mut self) {
        for Reshaped { object, key, waypoint: (namespace, name) } in self.mesh.find_reshaped(&self.inventory) {
            let carried = equalities(&Labels::from([(Symbol::from(GATEWAY_NAME), name)]));
            let (why, gates, side, proxies) = (Why::Setting(key), Gates::Both, Side::Either, Proxies::Any);
            let (ends, spared) = (Ends::of_namespace(&namespace, carried), BTreeSet::new());
            self.unmodelled.push(Unmodelled { object, why, gates, ends, side, proxies, spared });
        }
    }

    /// Leaves open what reaches pods of which annotations say something that is not modelled.
    fn open_annotated(&mut self, platform: &Platform) {
        for workload in &self.inventory.workloads {
            let plane = self.inventory.plane_of(workload, platform.mesh);
            for key in workload.unmodelled.iter().filter(|key| is_heard(key, plane)) {
                self.unmodelled.push(of_pods(workload, Why::Setting(key), Side::Called));
            }
        }
    }

    /// An object of a kind that is not modelled.
    fn not_modelled(&mut self, object: &manifest::Object<'_>, scope: Scope, platform: &Platform, reading: &mut Reading<'_>) {
        let named = metadata::loose(object, platform, reading);
        let root = &platform.root_namespace;
        let is_of_one = metadata::is_of_one_revision(object, reading);
        let is_outside = scope == Scope::ServiceEntry && object.root.follow(reading, &["spec", "workloadSelector"]).is_missing();
        let mesh = &mut self.mesh;
        if is_outside {
            if !is_of_one && reading.quietly(|reading| mesh.read_entry(&named, object, reading)).flatten().is_some() {
                return self.note(object.group(), &named, reading);
            }
            mesh.read_unreadable_entry(&named, object, reading);
        }
        let plain = reading.quietly(|reading| touched(scope, object, &named.namespace, root, reading));
        // Whatever is wrong with it, it touches no more than an object of an unknown kind.
        let (gates, ends) = plain.unwrap_or_else(|| touched(Scope::Unknown, object, &named.namespace, root, reading));
        self.note(object.group(), &named, reading);
        let why = if is_of_one && scope.is_modelled_in_part() { Why::Setting(metadata::REVISION) } else { Why::Kind };
        if scope == Scope::Gateway {
            return self.gateway((named, object), (why, gates, ends), reading);
        }
        if scope == Scope::ListenerSet
            && !is_of_one
            && reading.quietly(|reading| self.mesh.read_listener_set(&named, object, reading)).flatten().is_some()
        {
            return;
        }
        let reach = if scope == Scope::Sidecar { sidecar::reach(object, &named.namespace, root, reading) } else { None };
        let (side, spared) = match reach {
            Some(Reach::Everywhere) => return,
            Some(Reach::Namespaces(spared)) => (Side::Calling, spared),
            None if scope == Scope::ListenerSet => (Side::Called, BTreeSet::new()),
            None => (Side::Either, BTreeSet::new()),
        };
        // Gateways are told of everybody, whatever such objects say (istio/istio : pilot/pkg/model/context.go, `SetSidecarScope`).
        let proxies = match scope {
            Scope::Sidecar => Proxies::Sidecars,
            Scope::ListenerSet => Proxies::Gateways,
            _ => Proxies::Any,
        };
        self.unmodelled.push(Unmodelled { object: named, why, gates, ends, side, proxies, spared });
    }

    /// Istio's own `Gateway`: the mesh's half knows what it does to gateways, but not always which pods these are. What they send is their
    /// own, as of any client of the mesh, unless it leads on the mTLS of others.
    fn gateway(
        &mut self,
        (named, object): (Object, &manifest::Object<'_>),
        (why, gates, ends): (Why, Gates, Ends),
        reading: &mut Reading<'_>,
    ) {
        let mesh = &mut self.mesh;
        let sends = if why == Why::Kind { reading.quietly(|reading| mesh.read_classic(&named, object, reading)).flatten() } else { None };
        let acts: &[(Why, Side, Proxies)] = match sends {
            Some(Sends::Own) => &[(Why::Role, Side::Called, Proxies::PerhapsGateways)],
            Some(Sends::OfOthers) => &[(Why::Role, Side::Called, Proxies::PerhapsGateways), (Why::Kind, Side::Calling, Proxies::Gateways)],
            None => &[(why, Side::Either, Proxies::Gateways)],
        };
        for (why, side, proxies) in acts {
            let (object, ends, spared) = (named.clone(), ends.clone(), BTreeSet::new());
            self.unmodelled.push(Unmodelled { object, why: *why, gates, ends, side: *side, proxies: *proxies, spared });
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

    /// Reports objects that name no namespace and were taken for ones of the default one (`semantics.md` §1.1).
    fn report_homeless(&mut self, platform: &Platform) {
        let (Some((_, first)), Some(namespace)) = (self.homeless.first(), &platform.default_namespace) else { return };
        let names: Vec<&str> = self.homeless.iter().take(MAX_OF_A_KIND).map(|(name, _)| name.as_str()).collect();
        let more = self.homeless.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let name = if self.homeless.len() == 1 { "names" } else { "name" };
        let message = format!("{}{more} {name} no namespace: taken as of `{namespace}`, which `-n` changes", names.join(", "));
        let finding = Diagnostic::new(code::NAMESPACE_MISSING, *first, message)
            .label("`metadata.namespace` is missing")
            .note("where it ends up hangs on who applies it");
        self.findings.push(finding);
    }

    /// Makes of `Ingress`es what Istio does, for pods that are gateways; whether these are some is not always known.
    fn add_ingresses(&mut self) {
        let (objects, selector) = self.mesh.add_ingresses();
        let ends = Ends::Pods(PodCube { labels: equalities(&selector), ..PodCube::all() });
        let (why, gates, side, proxies) = (Why::Role, Gates::Mesh, Side::Called, Proxies::PerhapsGateways);
        self.unmodelled.extend(objects.into_iter().map(|object| {
            let (ends, spared) = (ends.clone(), BTreeSet::new());
            Unmodelled { object, why, gates, ends, side, proxies, spared }
        }));
    }

    /// Leaves open what the pods of Istio's own gateways send, where gateways may be told to call over waypoints (`semantics.md` §2.11) and
    /// it is not known which pods are some.
    fn open_calls_of_gateways(&mut self) {
        if !self.mesh.sends_gateways_to_waypoints(&self.inventory) {
            return;
        }
        let gateways = self.unmodelled.iter_mut().filter(|object| object.why == Why::Role && object.side == Side::Called);
        gateways.for_each(|object| object.side = Side::Either);
    }

    /// Reports what is not modelled: the first few of each kind, as a dump may hold thousands.
    fn report_unmodelled(&mut self) {
        let mut by_kind: BTreeMap<(&Symbol, Why), Vec<&Unmodelled>> = BTreeMap::new();
        for object in self.unmodelled.iter().filter(|object| matches!(object.why, Why::Kind | Why::Setting(_) | Why::Bare)) {
            by_kind.entry((&object.object.kind, object.why)).or_default().push(object);
        }
        for all in by_kind.into_values() {
            let more = all.len().saturating_sub(MAX_OF_A_KIND);
            for (index, object) in all.iter().take(MAX_OF_A_KIND).enumerate() {
                let finding = unmodelled(object);
                let last = index + 1 == MAX_OF_A_KIND && more > 0;
                self.findings.push(if last { finding.note(format!("{more} more objects are of this kind")) } else { finding });
            }
        }
    }
}

/// Whether a kind is one of the mesh's policies: these act where connections arrive, and the other kinds tell clients too (`semantics.md`
/// §2.1, §3.3).
fn is_policy(kind: &str) -> bool {
    matches!(kind, "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication")
}

/// Whether pods that take part in the mesh in this way mind an annotation: each is about one of the ways.
fn is_heard(key: &str, plane: DataPlane) -> bool {
    let of_ztunnel = key.starts_with("ambient.");
    plane == if of_ztunnel { DataPlane::Ambient } else { DataPlane::Sidecar }
}

/// A workload as an object that may change what the mesh does with its pods.
fn of_pods(workload: &InventoryWorkload, why: Why, side: Side) -> Unmodelled {
    let object = Object {
        kind: workload.kind.name().into(),
        namespace: Symbol::clone(&workload.namespace),
        name: Symbol::clone(&workload.name),
        location: workload.location,
        annotations: Labels::new(),
    };
    let ends = Ends::of_namespace(&workload.namespace, equalities(&workload.labels));
    Unmodelled { object, why, gates: Gates::Mesh, ends, side, proxies: Proxies::Any, spared: BTreeSet::new() }
}

/// An object that is not modelled, or of which something is not.
fn unmodelled(object: &Unmodelled) -> Diagnostic {
    let gates = match object.gates {
        Gates::Network | Gates::NetworkBaseline | Gates::NetworkLimits => "what the network lets pass",
        Gates::Mesh | Gates::Membership => "what the mesh lets pass",
        Gates::Both => "what passes",
    };
    let whose = match &object.ends {
        Ends::All if object.side == Side::CallingAddresses => "from pods with a sidecar to addresses".to_owned(),
        Ends::All => "anywhere".to_owned(),
        Ends::Addresses => "between pods and addresses outside".to_owned(),
        Ends::Pods(pods) => match object.side {
            Side::Calling | Side::CallingAddresses => format!("from `{pods}`"),
            Side::Called => format!("to `{pods}`"),
            Side::Either => format!("from and to `{pods}`"),
        },
    };
    let (code, message) = match object.why {
        Why::Setting(key) => (code::UNMODELLED_SETTING, format!("{} says by `{key}` what is not modelled", object.object)),
        Why::Bare => (code::UNMODELLED_SETTING, format!("{} has pods that run without the sidecar that it is to have", object.object)),
        _ => (code::UNMODELLED_KIND, format!("{} is of a kind that is not modelled", object.object)),
    };
    Diagnostic::new(code, object.object.location, message)
        .label(format!("may change {gates} {whose}"))
        .note("the verdict on every flow that it may touch is `unspecified`")
}
