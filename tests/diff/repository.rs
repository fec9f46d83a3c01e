//! A git repository that a test makes, and `twogate` run in it. Nothing of the machine's git configuration has a say.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A repository in a temporary folder.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
    commits: u32,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Repository {
    /// A repository without a commit, on the branch `main`.
    pub(crate) fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap(), commits: 0 };
        repository.git(&["init", "--quiet"]);
        repository.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Replaces a text that stands exactly once.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}");
        self.put(path, &text.replace(from, to));
    }

    /// Commits everything, a minute after the commit before.
    pub(crate) fn commit(&mut self, message: &str) {
        self.commits += 1;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    /// Runs git and gives what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let date = format!("2027-01-01T{:02}:{:02}:00Z", self.commits / 60, self.commits % 60);
        let mut command = Command::new("git");
        command.args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]).args(arguments).current_dir(self.path());
        for (name, value) in environment() {
            command.env(name, value);
        }
        let output = command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `twogate` with arguments separated by blanks.
    pub(crate) fn twogate(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).env("COLUMNS", "100").env_remove("CLICOLOR_FORCE");
        for (name, value) in environment() {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// What keeps git to itself, and its commits the same everywhere.
fn environment() -> [(&'static str, &'static str); 8] {
    [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ("LC_ALL", "C"),
    ]
}

/// Compares with `snapshots/diff/<name>.snap`; short names of commits are left out, as their length is git's to choose.
pub(crate) fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/diff"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"\b[0-9a-f]{7,40}\b", "[commit]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
