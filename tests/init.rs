//! `twogate init`: what it writes compiles, with its suggestions too; it never replaces a file, and it invents nothing.
//!
//! The corpus lies beside the package, never in it; without it the test over it says on stderr that it was skipped.

use crate::pages::root;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use twogate::compile::{Input, Outcome, canonical, compile};
use twogate::diagnostic::human::{self, Colour};
use twogate::diagnostic::order::has_error;
use twogate::init::{CONFIG, NewFile, Started, start};
use twogate::source::{FileId, Source, Sources};

/// Whether a program is compiled with the manifests that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manifests {
    Given,
    Left,
}

/// Manifests as sources.
fn sources(texts: &[(String, String)]) -> (Sources, Vec<FileId>) {
    let mut sources = Sources::default();
    let files = texts.iter().map(|(name, text)| sources.add(Source::new(name.as_str(), text.as_str()))).collect();
    (sources, files)
}

fn started(texts: &[(String, String)]) -> Started {
    let (sources, files) = sources(texts);
    start(sources, &files, &"default".into())
}

/// A first program of one file of manifests, which must be one.
fn program(yaml: &str) -> Vec<NewFile> {
    let started = started(&[("dump.yaml".to_owned(), yaml.to_owned())]);
    assert!(!has_error(&started.findings), "{}", human::render(&started.findings, &started.sources, Colour::Plain));
    started.files
}

/// What the files compile to.
fn compiled(files: &[NewFile], texts: &[(String, String)], manifests: Manifests) -> Outcome {
    let (mut sources, inventory) = sources(if manifests == Manifests::Given { texts } else { &[] });
    let mut intents = Vec::new();
    let mut config = None;
    for file in files {
        let id = sources.add(Source::new(file.path.as_str(), file.text.as_str()));
        if file.path == CONFIG {
            config = Some(id);
        } else {
            intents.push(id);
        }
    }
    compile(Input { sources, intents, inventory, config, ..Input::default() })
}

/// The files with every suggestion taken, and how many those are.
fn taken(files: &[NewFile]) -> (Vec<NewFile>, usize) {
    let mut count = 0;
    let mut take = |line: &str| match line.strip_prefix("# ").filter(|rest| rest.starts_with("allow ")) {
        Some(rule) => {
            count += 1;
            format!("{rule}\n")
        }
        None => format!("{line}\n"),
    };
    let files = files.iter().map(|file| NewFile { text: file.text.lines().map(&mut take).collect(), ..file.clone() }).collect();
    (files, count)
}

/// Everything that holds of every first program; how many suggestions it makes.
fn holds(name: &str, texts: &[(String, String)]) -> usize {
    let started = started(texts);
    let shown = human::render(&started.findings, &started.sources, Colour::Plain);
    assert!(!started.files.is_empty(), "{name}: {shown}");
    let (all, suggestions) = taken(&started.files);
    // With the manifests and all suggestions is what `init` itself tried; the program must stand without the manifests too.
    for (files, manifests) in [(&started.files, Manifests::Given), (&started.files, Manifests::Left), (&all, Manifests::Left)] {
        let outcome = compiled(files, texts, manifests);
        let shown = human::render(&outcome.findings, &outcome.sources, Colour::Plain);
        assert!(!has_error(&outcome.findings), "{name}, manifests {manifests:?}\n{shown}");
    }
    for file in started.files.iter().filter(|file| file.path != CONFIG) {
        let mut sources = Sources::default();
        let id = sources.add(Source::new(file.path.as_str(), file.text.as_str()));
        assert_eq!(canonical(id, &sources).text.as_deref(), Some(file.text.as_str()), "{name}: {} is not canonical", file.path);
        assert!(file.text.lines().all(|line| !line.starts_with("allow")), "{name}: {} opens something", file.path);
    }
    suggestions
}

/// Whatever order the manifests come in, the program is the same.
fn keeps_still(name: &str, texts: &[(String, String)]) {
    let backward: Vec<_> = texts.iter().rev().cloned().collect();
    assert_eq!(started(&backward).files, started(texts).files, "{name}: the order of files shows");
}

/// The YAML files below a folder.
fn yaml(folder: &Path) -> Vec<(String, String)> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(yaml(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

#[test]
fn inventories_of_the_examples_become_programs() {
    let examples: Vec<_> =
        folders(&root().join("examples")).into_iter().map(|folder| (folder.display().to_string(), yaml(&folder))).collect();
    let with_inventory: Vec<_> = examples.iter().filter(|(_, texts)| !texts.is_empty()).collect();
    assert!(with_inventory.len() >= 2, "examples are missing");
    for (name, texts) in &with_inventory {
        keeps_still(name, texts);
    }
    let suggestions: usize = with_inventory.iter().map(|(name, texts)| holds(name, texts)).sum();
    assert!(suggestions >= 10, "{suggestions} suggestions");
}

#[test]
fn applications_of_the_corpus_become_programs() {
    let beside = root().join("../shared/corpus");
    let corpus = std::env::var_os("TWOGATE_CORPUS").map_or(beside, PathBuf::from).join("apps");
    if !corpus.is_dir() {
        eprintln!("skipped: no corpus at {}", corpus.display());
        return;
    }
    for folder in folders(&corpus) {
        let suggestions = holds(&folder.display().to_string(), &yaml(&folder));
        assert!(suggestions > 3, "{}: {suggestions} suggestions", folder.display());
    }
}

/// Compares with `snapshots/init/<name>.snap`.
fn snapshot(name: &str, files: &[NewFile]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/init"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text: Vec<String> = files.iter().map(|file| format!("==> {} ({})\n{}\n", file.path, file.summary, file.text)).collect();
    settings.bind(|| insta::assert_snapshot!(name, text.concat()));
}

#[test]
fn a_dump_of_a_cluster_is_a_program_that_says_what_it_shows() {
    let yaml = include_str!("init/cluster.yaml");
    let texts = [("cluster.yaml".to_owned(), yaml.to_owned())];
    holds("cluster.yaml", &texts);
    let (all, suggestions) = taken(&started(&texts).files);
    assert_eq!((suggestions, has_error(&compiled(&all, &texts, Manifests::Given).findings)), (7, false));
    snapshot("cluster", &program(yaml));
}

/// A workload of a kind in `shop`: name, labels, account, and the rest of the pod.
fn workload(kind: &str, name: &str, labels: &str, account: &str, rest: &str) -> String {
    let version = if kind == "CronJob" || kind == "Job" { "batch/v1" } else { "apps/v1" };
    let template = format!(
        "template: {{metadata: {{labels: {{{labels}}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: x}}]{rest}}}}}"
    );
    let spec = if kind == "CronJob" { format!("jobTemplate: {{spec: {{{template}}}}}") } else { template };
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n")
}

#[test]
fn names_are_valid_and_unique_and_labels_tell_workloads_apart() {
    let workloads = [
        workload("Deployment", "web", "app: web, helm.sh/chart: web-1.0", "web", ""),
        workload("CronJob", "web", "app: web-job", "web-job", ""),
        workload("Deployment", "internet", "app: edge", "edge", ""),
        workload("Deployment", "7up", "app: drinks, tier: \"\"", "drinks", ""),
        workload("Deployment", "a.b", "app: ab", "ab", ""),
        workload("Deployment", "cache", "app: store, role: cache", "cache", ""),
        workload("StatefulSet", "disk", "app: store, role: disk", "disk", ""),
        workload("Deployment", "plain", "app: store", "plain", ""),
        workload("Deployment", "only-role", "role: disk", "only-role", ""),
        workload("Deployment", "twin-a", "app: twin", "twin-a", ""),
        workload("Deployment", "twin-b", "app: twin", "twin-b", ""),
        workload("Deployment", "same-a", "app: same", "same", ""),
        workload("Deployment", "same-b", "app: same", "same", ""),
        workload("Deployment", "bare", "", "bare", ""),
        workload("DaemonSet", "agent", "app: agent", "agent", ", hostNetwork: true"),
    ];
    let texts: Vec<_> = workloads.iter().enumerate().map(|(index, text)| (format!("{index}.yaml"), text.clone())).collect();
    keeps_still("names", &texts);
    holds("names", &texts);
    snapshot("names", &program(&workloads.concat()));
}

/// Nobody translates it, so it is what callers get to.
#[test]
fn the_port_of_a_headless_service_is_that_of_its_pods() {
    let service = |address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\n\
             spec: {{{address}selector: {{app: db}}, ports: [{{port: 80, targetPort: 5432}}]}}\n"
        )
    };
    let suggested = |address: &str| {
        let files = program(&(workload("StatefulSet", "db", "app: db", "db", "") + &service(address)));
        files.iter().fold(String::new(), |all, file| all + &file.text)
    };
    assert!(suggested("").contains("db:5432"), "{}", suggested(""));
    assert!(suggested("clusterIP: None, ").contains("db:80"), "{}", suggested("clusterIP: None, "));
}

#[test]
fn nothing_that_runs_and_what_cannot_be_read_are_findings() {
    let codes = |yaml: &str| {
        let started = started(&[("dump.yaml".to_owned(), yaml.to_owned())]);
        assert!(started.files.is_empty(), "{yaml}");
        started.findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>()
    };
    assert_eq!(codes(""), ["no-input"]);
    assert_eq!(codes("kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n"), ["no-input"]);
    assert_eq!(codes("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\n"), ["invalid-inventory"]);
}

#[test]
fn the_system_is_left_out() {
    let namespace = |name| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    let yaml = ["kube-system", "kube-public", "istio-system", "shop"].map(namespace).concat();
    let paths: Vec<String> = program(&yaml).into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["intents/shop.intent", "twogate.toml"]);
}

/// Runs `twogate` in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap()
}

/// All files below a folder with their texts.
fn tree(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_that_is_there_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.yaml"), include_str!("init/cluster.yaml")).unwrap();
    let first = run(folder.path(), &["init", "dump.yaml", "-o", "first"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let written = tree(&folder.path().join("first"));
    assert_eq!(written.len(), 6, "{written:?}");
    let checked = run(folder.path(), &["check", "first/intents", "--inventory", "dump.yaml"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let again = run(folder.path(), &["init", "dump.yaml", "-o", "first"]);
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr.contains("error: first/intents/shop.intent is there already; nothing was written\n"), "{stderr}");
    assert_eq!(tree(&folder.path().join("first")), written);

    std::fs::create_dir_all(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/twogate.toml"), "# mine\n").unwrap();
    assert_eq!(run(folder.path(), &["init", "dump.yaml", "-o", "mine"]).status.code(), Some(2));
    assert_eq!(tree(&folder.path().join("mine")), [(folder.path().join("mine/twogate.toml"), "# mine\n".to_owned())]);
}
