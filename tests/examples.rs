//! Every folder of `examples/` is one golden test: it compiles, is canonical, and gives the same bytes in any order of files.
//!
//! What it compiles to is `snapshots/examples/<name>/{findings,kubernetes,istio}.snap`. To add an example, add a folder.

use crate::pages;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use twogate::compile::{Input, Outcome, canonical, compile};
use twogate::diagnostic::human::{self, Colour};
use twogate::diagnostic::order::has_error;
use twogate::source::{FileId, Source, Sources};
use twogate::target;

/// Which way the files are given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

/// The folders of `examples/`, by name.
pub(crate) fn examples() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(pages::root().join("examples")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 11, "examples are missing");
    folders
}

pub(crate) fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The files below a folder that end in an extension, by path.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// An example as the command line would read it, with its files in one order or the other.
pub(crate) fn read(folder: &Path, order: Order) -> Input {
    let mut sources = Sources::default();
    let mut add = |paths: Vec<PathBuf>| -> Vec<FileId> {
        let paths = if order == Order::Backward { paths.into_iter().rev().collect() } else { paths };
        paths.iter().map(|path| sources.add(Source::new(pages::relative(path), fs::read_to_string(path).unwrap()))).collect()
    };
    let intents = add(files(folder, "intent"));
    let inventory = add(files(folder, "yaml"));
    let config = add(files(folder, "toml")).first().copied();
    Input { sources, intents, inventory, config, ..Input::default() }
}

/// What a user sees of a run: the findings, then each file that is written, under its path.
fn written(outcome: &Outcome) -> String {
    let findings = human::render(&outcome.findings, &outcome.sources, Colour::Plain);
    let files = outcome.files.iter().map(|file| format!("# {}\n{}", file.path, file.text));
    files.fold(findings, |text, file| text + &file)
}

/// Compares with `snapshots/examples/<name>/<part>.snap`.
fn snapshot(name: &str, part: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(pages::root().join("snapshots/examples").join(name));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(part, text));
}

#[test]
fn every_example_compiles_to_its_snapshots() {
    for folder in examples() {
        let name = name(&folder);
        let outcome = compile(read(&folder, Order::Forward));
        let findings = human::render(&outcome.findings, &outcome.sources, Colour::Plain);
        assert!(!has_error(&outcome.findings), "{findings}");
        snapshot(&name, "findings", if findings.is_empty() { "none" } else { &findings });
        for target in target::ALL {
            snapshot(&name, target.name(), &target::stream(&target.emit(&outcome.policy, &outcome.gates)));
        }
    }
}

/// What is written is what the targets print, each by itself.
#[test]
fn targets_do_not_see_each_other() {
    for folder in examples() {
        let outcome = compile(read(&folder, Order::Forward));
        let apart: BTreeSet<String> =
            target::ALL.iter().flat_map(|target| target.emit(&outcome.policy, &outcome.gates)).map(|manifest| manifest.yaml).collect();
        let together: BTreeSet<String> = outcome.manifests.into_iter().map(|manifest| manifest.yaml).collect();
        assert_eq!(together, apart, "{}", name(&folder));
    }
}

/// Every object of every example is one that the API server and Istio accept.
#[test]
fn every_object_is_valid() {
    for folder in examples() {
        let text = crate::support::yaml(&compile(read(&folder, Order::Forward)).manifests);
        assert_eq!(crate::model::validate(&text), [""; 0], "{}", name(&folder));
        if let Some(faults) = crate::model::crd_check(&text) {
            assert_eq!(faults, [""; 0], "{}", name(&folder));
        }
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    for folder in examples() {
        let [forward, backward] = [Order::Forward, Order::Backward].map(|order| written(&compile(read(&folder, order))));
        assert_eq!(forward, backward, "{}", name(&folder));
    }
}

#[test]
fn examples_are_written_in_the_canonical_form() {
    for folder in examples() {
        let input = read(&folder, Order::Forward);
        for file in &input.intents {
            let source = input.sources.get(*file).unwrap();
            assert_eq!(canonical(*file, &input.sources).text.as_deref(), Some(source.text()), "{}", source.name());
        }
    }
}

/// Whatever an example makes the tool say is explained on its page, and the page says how to run it.
#[test]
fn pages_explain_their_findings() {
    for folder in examples() {
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        let outcome = compile(read(&folder, Order::Forward));
        for finding in &outcome.findings {
            assert!(page.contains(&format!("`{}`", finding.code)), "{} does not explain `{}`", name(&folder), finding.code);
        }
        assert!(page.contains(&format!("$ twogate compile examples/{}", name(&folder))), "{} shows no command", name(&folder));
    }
}

/// A snapshot that no example and no target owns is left over.
#[test]
fn no_snapshot_is_left_over() {
    let wanted: BTreeSet<String> = examples()
        .iter()
        .flat_map(|folder| {
            let parts = target::ALL.iter().map(|target| target.name()).chain(["findings"]);
            parts.map(|part| format!("snapshots/examples/{}/{part}.snap", name(folder))).collect::<Vec<_>>()
        })
        .collect();
    let found: BTreeSet<String> =
        files(&pages::root().join("snapshots/examples"), "snap").iter().map(|path| pages::relative(path)).collect();
    let left_over: Vec<&String> = found.difference(&wanted).collect();
    assert!(left_over.is_empty(), "{left_over:?}");
}
