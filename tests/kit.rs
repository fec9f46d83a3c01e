//! The kit: everything by which others run Twogate, run here as they run it, with the real tools where they are on this machine.
//!
//! A tool that is not here is skipped, and says so on stderr. Repositories, folders and stand-ins for a forge's own commands are
//! made by the tests.

mod action;
mod argo;
mod commit;
mod docs;
mod functions;
mod gitlab;
mod packages;

use crate::pages::root;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run left behind.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Everything, for the message of a failure.
    fn all(&self) -> String {
        format!("{}\n--- stderr\n{}\n--- exit status {}", self.stdout, self.stderr, self.status)
    }
}

/// A folder to work in, with `twogate` and stand-ins before everything else on the PATH.
struct Place {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// The files of a small shop, which holds.
const SHOP: [(&str, &str); 2] = [
    (
        "intents/shop.intent",
        "namespace shop\n\nworkload web = app=web account web-sa\n\nallow web -> app=db:5432 mtls because \"orders\"\n\nexpect only web -> app=db:5432 mtls\n",
    ),
    ("twogate.toml", "[mesh]\nmode = \"sidecar\"\n"),
];

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), variables: BTreeMap::new() };
        for (path, text) in files {
            place.put(path, text);
        }
        fs::create_dir_all(place.path(".bin")).unwrap();
        for name in ["twogate", "kubectl-twogate", "twogate-krm"] {
            symlink(env!("CARGO_BIN_EXE_twogate"), place.path(".bin").join(name)).unwrap();
        }
        place
    }

    /// A git repository of the shop with its policies, one commit.
    fn repository() -> Self {
        let place = Self::with(&SHOP);
        place.put(".gitignore", ".bin\n.state\n");
        assert_eq!(place.run("twogate compile -o manifests").status, 0);
        place.run("git init --quiet --initial-branch=main");
        place.commit("the shop");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Puts a command before all others.
    fn stand_in(&self, name: &str, script: &str) {
        let path = self.path(".bin").join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/usr/bin/env bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Sets a variable for everything that runs here.
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    fn commit(&self, message: &str) {
        let ran = self.run(&format!("git add --all && git commit --quiet --message '{message}'"));
        assert_eq!(ran.status, 0, "{}", ran.all());
    }

    /// Runs lines of bash.
    fn run(&self, script: &str) -> Ran {
        self.run_on(script, "")
    }

    /// Runs lines of bash with a standard input.
    fn run_on(&self, script: &str, input: &str) -> Ran {
        let path = format!("{}:{}", self.path(".bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(self.folder.path()).env("PATH", path).env("NO_COLOR", "1").env("COLUMNS", "100");
        for (name, value) in
            [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null"), ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")]
        {
            command.env(name, value);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "A Tester").env(format!("GIT_{role}_EMAIL"), "tester@example.com");
        }
        command.envs(&self.variables).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing closes its end first; that is no fault.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Whether the binary has `diff`; if not, a stand-in answers as it would, so that what is around it is still run.
    fn has_diff(&self) -> bool {
        if self.run("twogate diff --help").status == 0 {
            return true;
        }
        let binary = env!("CARGO_BIN_EXE_twogate");
        self.stand_in("twogate", &format!("if [ \"$1\" != diff ]; then exec {binary} \"$@\"; fi\necho \"$@\" >&2\necho '<!-- twogate -->'\necho '### Twogate: 1 gained'\nexit 1"));
        false
    }
}

/// Whether a program is here; says on stderr if it is not.
fn is_here(program: &str) -> bool {
    let here = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file());
    if !here {
        eprintln!("skipped: no `{program}` on the PATH");
    }
    here
}

/// A file of the package.
fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A YAML file of the package.
fn yaml(path: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a stream.
fn documents(stream: &str) -> Vec<serde_yaml::Value> {
    let parts = stream.split("\n---\n").map(|part| serde_yaml::from_str(part).unwrap_or_else(|error| panic!("{error}:\n{part}")));
    parts.filter(|document: &serde_yaml::Value| !document.is_null()).collect()
}

/// `NetworkPolicy shop/db`, of each object, sorted.
fn names(objects: &[serde_yaml::Value]) -> Vec<String> {
    let text = |value: &serde_yaml::Value| value.as_str().unwrap_or_default().to_owned();
    let name = |object: &serde_yaml::Value| {
        format!("{} {}/{}", text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
    };
    let mut names: Vec<String> = objects.iter().map(name).collect();
    names.sort();
    names
}

/// The files of a folder that end so, by path.
fn files_in(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    found.sort();
    found
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}
