//! The resources that come in: what each is, where its text stands, and whether an earlier run of ours made it.
//!
//! Owns: `Items`. The text of a resource is passed on and never printed anew, so that no reader of YAML comes between.

use crate::diagnostic::code;
use crate::manifest::{Document, Node, Reading, Whereabouts, documents};
use crate::source::{FileId, Location, Source};
use crate::target::Manifest;

/// Resources, in their order.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The file that they come in.
    pub(super) file: FileId,
    /// The `apiVersion` of the list that they come in.
    pub(super) version: String,
    /// What the list's items are, one each.
    pub(super) all: Vec<Item>,
    /// The object that configures the function.
    pub(super) configuration: Reference,
    /// How a text of the items can be passed on.
    pub(super) form: Form,
}

/// How the items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    /// Each on lines of its own, so that its text can be passed on.
    #[default]
    Block,
    /// In some other way; they are printed as JSON, which is YAML too.
    Other,
}

/// A resource.
#[derive(Debug)]
pub(super) struct Item {
    /// What it is.
    pub(super) reference: Reference,
    /// Whether Twogate wrote it.
    pub(super) author: Author,
    /// Its text, its dash included where it is an item of a list.
    pub(super) text: String,
    /// It as JSON.
    pub(super) json: String,
    /// Where its text stands.
    pub(super) document: Location,
}

/// Who wrote a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    Twogate,
    SomebodyElse,
}

/// An object's kind and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// The file that it comes from, if the caller says so.
    pub(super) path: Option<String>,
}

/// The annotations that name an object's file, the newer one first.
const PATHS: [&str; 2] = ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"];

impl Items {
    /// The documents of a stream.
    pub(super) fn of_stream(file: FileId, source: &Source) -> Self {
        let item = |span| {
            let document = Document { file, source, span, object: Whereabouts::Whole, code: code::INVALID_INVENTORY };
            let tree = document.parse().ok()?;
            Some(Item::new(&Node::root(&tree), document, String::new()))
        };
        Self { all: documents(source.text()).filter_map(item).collect(), file, ..Self::default() }
    }

    /// An object of somebody else's that has the name of one that is to be generated.
    pub(super) fn in_the_way(&self, manifest: &Manifest) -> Option<&Item> {
        self.all.iter().find(|item| item.author == Author::SomebodyElse && item.reference.is_of(manifest))
    }

    /// Those that stay beside what is generated: all but what an earlier run generated.
    pub(super) fn staying(&self) -> impl Iterator<Item = &Item> {
        self.all.iter().filter(|item| item.author == Author::SomebodyElse)
    }
}

impl Item {
    /// A resource of a document.
    pub(super) fn new(node: &Node<'_>, document: Document<'_>, json: String) -> Self {
        let mut reading = Reading::new(document);
        let (reference, author) = describe(node, &mut reading);
        let document = Location { file: document.file, span: document.span };
        Self { reference, author, text: reading.document.text().to_owned(), json, document }
    }
}

impl Reference {
    /// Whether this is the object that a manifest describes.
    fn is_of(&self, manifest: &Manifest) -> bool {
        // Only the group of these kinds is known to be ours; a `NetworkPolicy` of another group is another kind.
        let group = self.version.split_once('/').map_or("", |(group, _)| group);
        let ours = matches!(group, "networking.k8s.io" | "security.istio.io");
        ours && self.kind == manifest.kind && self.name == manifest.name && *self.namespace == *manifest.namespace
    }
}

/// What an object is. Whatever is odd about it is told where it is read for facts.
pub(super) fn describe(node: &Node<'_>, reading: &mut Reading<'_>) -> (Reference, Author) {
    let mut text = |steps: &[&'static str]| {
        reading.quietly(|reading| node.follow(reading, steps).text(reading).map(str::to_owned)).flatten().unwrap_or_default()
    };
    let author = text(&["metadata", "labels", "app.kubernetes.io/managed-by"]);
    let path = PATHS.iter().map(|key| text(&["metadata", "annotations", key])).find(|path| !path.is_empty());
    let reference = Reference {
        version: text(&["apiVersion"]),
        kind: text(&["kind"]),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]),
        path,
    };
    let is_policy = ["networking.k8s.io/", "security.istio.io/"].iter().any(|group| reference.version.starts_with(group));
    let author = if author == "twogate" && is_policy { Author::Twogate } else { Author::SomebodyElse };
    (reference, author)
}
