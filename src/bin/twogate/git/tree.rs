//! The whole tree of a commit, with links followed as a disk follows them.
//!
//! Owns: `Tree`. It must run nothing: names, hashes and the targets of links are given to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// More links in a row are a circle.
const MOST_LINKS: usize = 40;

/// Every file and every link of a commit, by its path from the root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    /// Other repositories, of which a commit holds only which commit of theirs it is.
    submodules: BTreeMap<String, String>,
    /// All folders that hold anything, each with the names in it.
    folders: BTreeMap<String, BTreeSet<String>>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Found<'t> {
    /// A file: where it really is, and its hash.
    File(String, &'t str),
    /// A folder, where it really is.
    Folder(String),
    /// Nothing, and it is no link.
    Nothing,
}

/// Why a path leads to nothing that the commit holds. Of a link with its target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Out of the repository, to this place, from its root if it is no absolute one.
    Outside {
        target: String,
        place: String,
    },
    /// Into a submodule, with its commit, and the place in it; without a target if no link leads there.
    Submodule {
        target: Option<String>,
        submodule: String,
        hash: String,
        place: String,
    },
    Dangling(String),
    Circle(String),
}

impl Lost {
    /// What is to be said of the path.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Outside { target, .. } => format!("a link out of the repository, to `{target}`"),
            Self::Submodule { target: Some(target), submodule, .. } => format!("a link to `{target}`, in the submodule `{submodule}`"),
            Self::Submodule { submodule, place, .. } if place.is_empty() => format!("the submodule `{submodule}`"),
            Self::Submodule { submodule, .. } => format!("in the submodule `{submodule}`"),
            Self::Dangling(target) => format!("a link to `{target}`, which it does not hold"),
            Self::Circle(target) => format!("a link to `{target}`, which leads in a circle"),
        }
    }
}

/// The files that are looked for.
pub(super) struct Search<'t> {
    tree: &'t Tree,
    /// Whether a file of this name is wanted.
    wanted: &'t dyn Fn(&str) -> bool,
    /// Whether there is nothing else behind a path that is lost than a file of the same name, or files of names that are not wanted.
    is_harmless: &'t dyn Fn(&Lost) -> bool,
    /// Where files and folders really are: none is found twice, and links in a circle end.
    seen: BTreeSet<String>,
    /// The files found, as they were reached, each with its hash.
    pub(super) files: Vec<(String, String)>,
    /// The links that lead nowhere, each with why.
    pub(super) lost: Vec<(String, Lost)>,
}

impl Tree {
    pub(super) fn add_file(&mut self, path: &str, hash: &str) {
        self.files.insert(path.to_owned(), hash.to_owned());
        self.add_name(path);
    }

    pub(super) fn add_link(&mut self, path: &str, target: &str) {
        self.links.insert(path.to_owned(), target.to_owned());
        self.add_name(path);
    }

    pub(super) fn add_submodule(&mut self, path: &str, hash: &str) {
        self.submodules.insert(path.to_owned(), hash.to_owned());
        self.add_name(path);
    }

    /// Puts a name into its folder, and the folder into its own.
    fn add_name(&mut self, path: &str) {
        let mut path = path;
        loop {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let is_new = self.folders.entry(folder.to_owned()).or_default().insert(name.to_owned());
            if folder.is_empty() || !is_new {
                return;
            }
            path = folder;
        }
    }

    /// Follows a path from the root.
    fn follow(&self, path: &str) -> Result<Found<'_>, Lost> {
        let mut here: Vec<String> = Vec::new();
        let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        // The last link on the way, and the one that the path itself is.
        let (mut last, mut own): (Option<&String>, Option<&String>) = (None, None);
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." if here.pop().is_some() => continue,
                ".." => return last.map_or(Ok(Found::Nothing), |target| Err(outside(target, "..", left))),
                _ => here.push(part),
            }
            if let Some((submodule, hash)) = self.submodules.get_key_value(&here.join("/")) {
                let (submodule, hash) = (submodule.clone(), hash.clone());
                return Err(Lost::Submodule { target: last.cloned(), submodule, hash, place: joined(left) });
            }
            let Some(target) = self.links.get(&here.join("/")) else { continue };
            links += 1;
            if links > MOST_LINKS {
                return Err(Lost::Circle(target.clone()));
            }
            if target.starts_with('/') {
                return Err(outside(target, target.trim_end_matches('/'), left));
            }
            last = Some(target);
            own = own.or_else(|| left.is_empty().then_some(target));
            here.pop();
            for part in target.split('/').rev() {
                left.push_front(part.to_owned());
            }
        }
        let place = here.join("/");
        match (self.files.get(&place), own) {
            (Some(hash), _) => Ok(Found::File(place, hash)),
            (None, _) if self.folders.contains_key(&place) => Ok(Found::Folder(place)),
            (None, Some(target)) => Err(Lost::Dangling(target.clone())),
            (None, None) => Ok(Found::Nothing),
        }
    }
}

/// A link that leaves the repository at this place, and goes on there.
fn outside(target: &str, place: &str, rest: VecDeque<String>) -> Lost {
    let rest = joined(rest);
    let place = if rest.is_empty() { place.to_owned() } else { format!("{place}/{rest}") };
    Lost::Outside { target: target.to_owned(), place }
}

fn joined(parts: VecDeque<String>) -> String {
    parts.into_iter().filter(|part| !matches!(part.as_str(), "" | ".")).collect::<Vec<_>>().join("/")
}

impl<'t> Search<'t> {
    pub(super) fn new(tree: &'t Tree, wanted: &'t dyn Fn(&str) -> bool, is_harmless: &'t dyn Fn(&Lost) -> bool) -> Self {
        Self { tree, wanted, is_harmless, seen: BTreeSet::new(), files: Vec::new(), lost: Vec::new() }
    }

    /// Looks at a path that was asked for: `shown` is how it is named, `path` is the same from the root.
    pub(super) fn look(&mut self, shown: &str, path: &str) {
        match self.tree.follow(path) {
            Ok(found) => self.take(shown, found),
            Err(lost) => self.lost.push((shown.to_owned(), lost)),
        }
    }

    fn take(&mut self, shown: &str, found: Found<'_>) {
        match found {
            Found::File(place, hash) => {
                if (self.wanted)(shown) && self.seen.insert(place) {
                    self.files.push((shown.to_owned(), hash.to_owned()));
                }
            }
            Found::Folder(place) => {
                if self.seen.insert(place.clone()) {
                    self.walk(shown, &place);
                }
            }
            Found::Nothing => {}
        }
    }

    /// All that is in a folder and not hidden.
    fn walk(&mut self, shown: &str, folder: &str) {
        let below = |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let tree = self.tree;
        for name in tree.folders.get(folder).into_iter().flatten().filter(|name| !name.starts_with('.')) {
            let shown = below(shown, name);
            match tree.follow(&below(folder, name)) {
                Ok(found) => self.take(&shown, found),
                Err(lost) if self.matters(&shown, &lost) => self.lost.push((shown, lost)),
                Err(_) => {}
            }
        }
    }

    /// Whether something that is wanted might be behind a path that is lost: a file by its name, or a folder of another place.
    fn matters(&self, shown: &str, lost: &Lost) -> bool {
        let may_be_folder = matches!(lost, Lost::Outside { .. } | Lost::Submodule { .. });
        (self.wanted)(shown) || may_be_folder && !(self.is_harmless)(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for file in ["a/b/one", "a/two", "c/three"] {
            tree.add_file(file, file);
        }
        for (link, target) in [
            ("a/up", "../c"),
            ("a/b/here", "."),
            ("c/two", "../a/up/../a/two"),
            ("out", "../x"),
            ("root", "/x"),
            ("lost", "a/none"),
            ("me", "me"),
        ] {
            tree.add_link(link, target);
        }
        tree
    }

    #[test]
    fn links_lead_where_a_disk_says() {
        let tree = tree();
        let file = |path: &str| Ok(Found::File(path.to_owned(), tree.files[path].as_str()));
        let folder = |path: &str| Ok(Found::Folder(path.to_owned()));
        assert_eq!(tree.follow("a/up/three"), file("c/three"));
        assert_eq!(tree.follow("a/b/here/here/one"), file("a/b/one"));
        assert_eq!(tree.follow("./a//up/two"), file("a/two"));
        assert_eq!(tree.follow("a/up/"), folder("c"));
        assert_eq!(tree.follow("."), folder(""));
        assert_eq!(tree.follow("a/none"), Ok(Found::Nothing));
        assert_eq!(tree.follow("../a"), Ok(Found::Nothing));
        assert_eq!(tree.follow("a/up/none"), Ok(Found::Nothing));
        let outside = |target: &str, place: &str| Err(Lost::Outside { target: target.to_owned(), place: place.to_owned() });
        assert_eq!(tree.follow("out"), outside("../x", "../x"));
        assert_eq!(tree.follow("out/y/z"), outside("../x", "../x/y/z"));
        assert_eq!(tree.follow("root/y"), outside("/x", "/x/y"));
        assert_eq!(tree.follow("lost"), Err(Lost::Dangling("a/none".to_owned())));
        assert_eq!(tree.follow("me"), Err(Lost::Circle("me".to_owned())));
    }

    #[test]
    fn a_submodule_is_lost_by_itself_and_behind_links() {
        let mut tree = tree();
        tree.add_submodule("c/sub", "1f");
        tree.add_link("a/into", "../c/sub/deep");
        let lost = |target: Option<&str>, place: &str| {
            let (target, place) = (target.map(str::to_owned), place.to_owned());
            Err(Lost::Submodule { target, submodule: "c/sub".to_owned(), hash: "1f".to_owned(), place })
        };
        assert_eq!(tree.follow("c/sub"), lost(None, ""));
        assert_eq!(tree.follow("a/into/x"), lost(Some("../c/sub/deep"), "deep/x"));
        for (is_harmless, count) in [(true, 0), (false, 2)] {
            let harmless = |_: &Lost| is_harmless;
            let mut search = Search::new(&tree, &|_| false, &harmless);
            search.look("a", "a");
            search.look("c", "c");
            assert_eq!(search.lost.len(), count, "{:?}", search.lost);
        }
    }

    #[test]
    fn nothing_is_found_twice() {
        let tree = tree();
        let mut search = Search::new(&tree, &|_| true, &|_| true);
        search.look("", ".");
        let found: Vec<&str> = search.files.iter().map(|(shown, _)| shown.as_str()).collect();
        assert_eq!(found, ["a/b/one", "a/two", "a/up/three"]);
        assert_eq!(search.lost.len(), 4);
    }
}
