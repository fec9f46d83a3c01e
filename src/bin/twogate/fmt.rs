//! `twogate fmt`: canonical text.
//!
//! Owns: the command. What canonical text is, and that it means the same, the library says.

use crate::difference::{Versions, unified};
use crate::exit::{Exit, Failure};
use crate::files::{Finder, Item, Loader};
use crate::inputs::{INTENTS, no_input, or_default};
use crate::replace::Pending;
use crate::report::{self, Format};
use clap::Args;
use std::path::{Path, PathBuf};
use twogate::compile::canonical;
use twogate::source::{FileId, Sources};

/// Write the intents in their canonical form.
///
/// Files are replaced whole, and none if any has an error. What `-` reads is written to the standard output.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate fmt\n  twogate fmt intents --check")]
pub(crate) struct Fmt {
    /// Files, folders or `-`; without any, `intents` if it is there, else `.`
    #[arg(value_name = "PATHS")]
    paths: Vec<PathBuf>,

    /// Write nothing; show what would change
    #[arg(long)]
    check: bool,
}

/// A file and its canonical text.
struct Canonical {
    item: Item,
    file: FileId,
    text: String,
}

impl Fmt {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let paths = or_default(self.paths);
        let mut finder = Finder::default();
        let items = finder.find(&paths, INTENTS);
        finder.finish()?;
        let mut loader = Loader::default();
        let read: Vec<(Item, FileId)> = items.into_iter().filter_map(|item| loader.load_one(&item).map(|file| (item, file))).collect();
        let (sources, mut findings) = loader.finish()?;
        if read.is_empty() && findings.is_empty() {
            findings.push(no_input(&paths));
        }
        let mut files = Vec::new();
        for (item, file) in read {
            let formatted = canonical(file, &sources);
            findings.extend(formatted.findings);
            files.extend(formatted.text.map(|text| Canonical { item, file, text }));
        }
        if report::findings(&findings, &sources, Format::Human)? == Exit::Found {
            return Ok(Exit::Found);
        }
        if self.check { show(&files, &sources) } else { write(&files, &sources) }
    }
}

/// Shows what would change.
fn show(files: &[Canonical], sources: &Sources) -> Result<Exit, Failure> {
    let differences = differences(files, sources);
    for difference in &differences {
        report::print_difference(difference)?;
    }
    let verb = match differences.len() {
        0 => return Ok(Exit::Fine),
        1 => "is",
        _ => "are",
    };
    report::say(&format!("{} {verb} not canonical; `twogate fmt` rewrites", report::count(differences.len(), "file")))?;
    Ok(Exit::Found)
}

/// Writes what changes, to the files or to the standard output, and says how much that is.
fn write(files: &[Canonical], sources: &Sources) -> Result<Exit, Failure> {
    let (stdin, files): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.item == Item::Stdin);
    let changed = replace(&files, sources)?;
    if !files.is_empty() {
        report::say(&format!("{} formatted, {} unchanged", report::count(changed, "file"), files.len() - changed))?;
    }
    stdin.iter().try_for_each(|file| report::print(&file.text))?;
    Ok(Exit::Fine)
}

/// What would change, a text a file.
fn differences(files: &[Canonical], sources: &Sources) -> Vec<String> {
    let changed = files.iter().filter_map(|file| sources.get(file.file).filter(|source| source.text() != file.text).zip(Some(file)));
    changed.map(|(source, file)| unified(&Versions { name: source.name(), before: Some(source.text()), after: Some(&file.text) })).collect()
}

/// Replaces the files that change, and says how many: all are written beside their places before the first takes its
/// place.
fn replace(files: &[&Canonical], sources: &Sources) -> Result<usize, Failure> {
    let mut pending = Vec::new();
    for file in files {
        let Item::File(path, _) = &file.item else { continue };
        if sources.get(file.file).is_some_and(|source| source.text() != file.text) {
            pending.push(prepare(path, &file.text)?);
        }
    }
    let changed = pending.len();
    for file in pending {
        let target = file.target().to_owned();
        file.commit().map_err(|error| Failure::file("write", &target, &error))?;
    }
    Ok(changed)
}

/// Writes a text beside its file; a link's file is replaced, not the link.
fn prepare(path: &Path, text: &str) -> Result<Pending, Failure> {
    let real = std::fs::canonicalize(path).map_err(|error| Failure::file("write", path, &error))?;
    Pending::write(&real, text).map_err(|error| Failure::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use twogate::source::Source;

    /// Files with their old and their canonical text.
    fn canonical(folder: &Path, files: &[(&str, &str, &str)]) -> (Vec<Canonical>, Sources) {
        let mut sources = Sources::default();
        let mut all = Vec::new();
        for (name, before, after) in files {
            let path = folder.join(name);
            fs::write(&path, before).unwrap();
            let file = sources.add(Source::new(*name, *before));
            all.push(Canonical { item: Item::file(&path), file, text: (*after).to_owned() });
        }
        (all, sources)
    }

    #[test]
    fn only_what_changes_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (files, sources) = canonical(folder.path(), &[("a.intent", "a  b\n", "a b\n"), ("c.intent", "c d\n", "c d\n")]);
        let old = fs::metadata(folder.path().join("c.intent")).unwrap().modified().unwrap();
        assert_eq!(replace(&[&files[0], &files[1]], &sources), Ok(1));
        assert_eq!(fs::read_to_string(folder.path().join("a.intent")).unwrap(), "a b\n");
        assert_eq!(fs::metadata(folder.path().join("c.intent")).unwrap().modified().unwrap(), old);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_would_change_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (files, sources) = canonical(folder.path(), &[("a.intent", "a  b\n", "a b\n"), ("c.intent", "c d\n", "c d\n")]);
        let wanted = "--- a.intent\t(as it is)\n+++ a.intent\t(as it should be)\n@@ -1 +1 @@\n-a  b\n+a b\n";
        assert_eq!(differences(&files, &sources), [wanted]);
    }

    #[test]
    fn one_file_that_cannot_be_written_leaves_all_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, sources) = canonical(folder.path(), &[("a.intent", "a  b\n", "a b\n"), ("c.intent", "c  d\n", "c d\n")]);
        files[1].item = Item::file(&folder.path().join("gone/c.intent"));
        assert!(replace(&[&files[0], &files[1]], &sources).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("a.intent")).unwrap(), "a  b\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, sources) = canonical(folder.path(), &[("real.intent", "a  b\n", "a b\n")]);
        let link = folder.path().join("link.intent");
        std::os::unix::fs::symlink("real.intent", &link).unwrap();
        files[0].item = Item::file(&link);
        assert_eq!(replace(&[&files[0]], &sources), Ok(1));
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(folder.path().join("real.intent")).unwrap(), "a b\n");
    }
}
