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

/// Why a link leads to nothing that the commit holds, with its target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Outside(String),
    Dangling(String),
    Circle(String),
}

impl Lost {
    /// What is to be said of the link.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Outside(target) => format!("a link out of the repository, to `{target}`"),
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
                ".." => return last.map_or(Ok(Found::Nothing), |target| Err(Lost::Outside(target.clone()))),
                _ => here.push(part),
            }
            let Some(target) = self.links.get(&here.join("/")) else { continue };
            links += 1;
            if links > MOST_LINKS {
                return Err(Lost::Circle(target.clone()));
            }
            if target.starts_with('/') {
                return Err(Lost::Outside(target.clone()));
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

impl<'t> Search<'t> {
    pub(super) fn new(tree: &'t Tree, wanted: &'t dyn Fn(&str) -> bool) -> Self {
        Self { tree, wanted, seen: BTreeSet::new(), files: Vec::new(), lost: Vec::new() }
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
                Err(lost) if self.matters(&shown, name, &lost) => self.lost.push((shown, lost)),
                Err(_) => {}
            }
        }
    }

    /// Whether a link that leads nowhere might be to something that is wanted: a file by its name, or a folder of another place.
    fn matters(&self, shown: &str, name: &str, lost: &Lost) -> bool {
        (self.wanted)(shown) || matches!(lost, Lost::Outside(_)) && !name.contains('.')
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
        assert_eq!(tree.follow("out"), Err(Lost::Outside("../x".to_owned())));
        assert_eq!(tree.follow("root/y"), Err(Lost::Outside("/x".to_owned())));
        assert_eq!(tree.follow("lost"), Err(Lost::Dangling("a/none".to_owned())));
        assert_eq!(tree.follow("me"), Err(Lost::Circle("me".to_owned())));
    }

    #[test]
    fn nothing_is_found_twice() {
        let tree = tree();
        let mut search = Search::new(&tree, &|_| true);
        search.look("", ".");
        let found: Vec<&str> = search.files.iter().map(|(shown, _)| shown.as_str()).collect();
        assert_eq!(found, ["a/b/one", "a/two", "a/up/three"]);
        assert_eq!(search.lost.len(), 4);
    }
}
