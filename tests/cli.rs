//! The real binary in temporary folders: streams, exit status, formats, and what is left on disk.
//!
//! What a finding or a manifest says is tested elsewhere; here it is enough that it comes out at the right end.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder to run in.
pub(crate) struct Place(tempfile::TempDir);

/// What a run left behind: exit status, standard output, standard error.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// A folder with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            place.put(path, text.as_bytes());
        }
        place
    }

    /// A folder with one intent.
    fn shop() -> Self {
        Self::with(&[("intents/shop.intent", "namespace shop\n\nworkload web = app=web account web-sa\n\nallow web -> app=db:5432 mtls\n")])
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A history of four commits that say the same, and copies of the folder, for what compares.
    fn remember(&self) {
        let manifests = self.run("compile intents").stdout;
        for path in ["before.yaml", "after.yaml"] {
            self.put(path, manifests.as_bytes());
        }
        let shop = fs::read(self.0.path().join("intents/shop.intent")).unwrap();
        for path in ["old/intents/shop.intent", "new/intents/shop.intent"] {
            self.put(path, &shop);
        }
        let run = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]).args(arguments);
            git.current_dir(self.0.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
            assert!(git.status().unwrap().success(), "git {arguments:?}");
        };
        run(&["init", "--quiet"]);
        run(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        run(&["add", "intents"]);
        for message in ["one", "two", "three", "four"] {
            run(&["commit", "--quiet", "--allow-empty", "-m", message]);
        }
    }

    /// A path below it.
    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
        command.args(arguments).current_dir(self.0.path()).env("COLUMNS", "100");
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `twogate` with arguments separated by blanks; single quotes hold blanks together.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        let arguments = words(arguments);
        self.command(&arguments).stdin(Stdio::null()).output().unwrap().into()
    }

    /// The same with a standard input.
    pub(crate) fn run_on(&self, arguments: &str, input: &[u8]) -> Ran {
        let arguments = words(arguments);
        let mut child = self.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }
}

/// The words of a command line; single quotes hold blanks together.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts.flat_map(|(index, part)| if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }).collect()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// As a snapshot shows it.
    pub(crate) fn transcript(&self, arguments: &str) -> String {
        let mut text = format!("$ twogate {arguments}\n");
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                writeln!(text, "--- {name}\n{}", stream.trim_end_matches('\n')).unwrap();
            }
        }
        writeln!(text, "--- exit status {}", self.status).unwrap();
        text
    }
}

/// Compares with `snapshots/cli/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The commands that `twogate --help` lists.
fn commands() -> Vec<String> {
    let help = Place::with(&[]).run("--help").stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on is indented deeper.
    let named = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn help_says_what_each_command_does() {
    let place = Place::with(&[]);
    snapshot("help", &place.run("--help").stdout);
    for command in commands() {
        snapshot(&format!("help-{command}"), &place.run(&format!("{command} --help")).stdout);
    }
}

/// What runs, for the examples of the help.
const INVENTORY: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web-sa, containers: [{name: web}]}}}";

/// A program as a function's configuration, for the examples of the help.
const POLICIES: &str = "apiVersion: twogate.dev/v1\nkind: Intents\nmetadata: {name: shop}\nspec:\n  intents: |\n    namespace shop mesh sidecar\n    allow app=web -> app=db:5432 mtls";

/// Who names the file first, as with every other command, is told so.
#[test]
fn a_connection_behind_the_path_is_told_to_come_first() {
    let ran = Place::shop().run("explain intents 'app=web -> app=db:5432'");
    assert_eq!(ran.status, 2);
    assert_eq!(ran.stderr, "error: the connection comes first: twogate explain 'app=web -> app=db:5432' intents\n");
}

#[test]
fn every_example_of_the_help_runs() {
    let mut ran = 0;
    for command in std::iter::once(String::new()).chain(commands()) {
        let place = Place::shop();
        place.put("inventory.yaml", INVENTORY.as_bytes());
        place.put("policies.yaml", POLICIES.as_bytes());
        let indented = |text: &str| text.replace('\n', "\n  ");
        let list = format!(
            "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {}\nfunctionConfig:\n  {}\n",
            indented(INVENTORY),
            indented(POLICIES)
        );
        place.put("resources.yaml", list.as_bytes());
        assert_eq!(place.run("compile intents -o manifests").status, 0);
        place.remember();
        let help = place.run(&format!("{command} --help")).stdout;
        let examples = help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
        let before = ran;
        for example in examples {
            let arguments = example.trim().strip_prefix("twogate ").unwrap().split(" > ").next().unwrap();
            let result = match arguments.split_once(" < ") {
                Some((arguments, file)) => place.run_on(arguments, &fs::read(place.0.path().join(file)).unwrap()),
                None => place.run(arguments),
            };
            assert_eq!(result.status, 0, "{}", result.transcript(arguments));
            ran += 1;
        }
        assert!(ran > before, "`twogate {command} --help` has no example");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let ran = Place::with(&[]).run("--version");
    assert_eq!((ran.stdout.as_str(), ran.status), (concat!("twogate ", env!("CARGO_PKG_VERSION"), "\n"), 0));
}

#[test]
fn wrong_usage_is_exit_status_2_and_says_so_on_stderr() {
    let place = Place::shop();
    let wrong = [
        "",
        "compil",
        "compile --check",
        "compile --namespace Shop",
        "compile --target istoi",
        "check --format xml",
        "check --today 2027-02-30",
        "explain",
        "explain --code coupled-rule",
        "explain --code no-input intents",
        "explain --code no-input --baseline",
        "explain 'app=web -> app=db:5432' --baseline",
        "explain 'app=web -> app=db:5432' --expect maybe",
        "completions cmd",
    ];
    let mut text = String::new();
    for arguments in wrong {
        let ran = place.run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{arguments}");
        if !arguments.is_empty() {
            writeln!(text, "{}", ran.transcript(arguments)).unwrap();
        }
    }
    snapshot("usage", &text);
}

#[test]
fn findings_go_to_stderr_for_people_and_to_stdout_for_programs() {
    let place = Place::with(&[]);
    place.put("intents/latin.intent", b"namespace shop\n# caf\xE9\n");
    let mut text = String::new();
    for arguments in ["check", "check --format github", "check --format json", "compile", "fmt", "explain --baseline"] {
        let ran = place.run(arguments);
        assert_eq!(ran.status, 1, "{arguments}");
        writeln!(text, "{}", ran.transcript(arguments)).unwrap();
    }
    snapshot("streams", &text);
    let sarif = place.run("check --format sarif");
    let log: serde_json::Value = serde_json::from_str(&sarif.stdout).unwrap();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "invalid-utf8");
    assert_eq!((sarif.status, sarif.stderr.as_str()), (1, ""));
}

#[test]
fn no_findings_are_exit_status_0_and_documents_for_programs() {
    let place = Place::shop();
    let human = place.run("check");
    assert_eq!((human.status, human.stdout.as_str()), (0, ""));
    assert!(human.stderr.starts_with("no findings in 1 file\nproved over every pod that could exist"), "{}", human.stderr);
    let json = place.run("check --format json");
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (json.status, json.stderr.as_str(), &document["version"], &document["findings"]),
        (0, "", &1.into(), &serde_json::json!([]))
    );
    assert_eq!(document["proof"]["holds"], true);
    let told: Vec<&str> = human.stderr.lines().skip(2).map(str::trim).collect();
    let listed: Vec<&str> = document["proof"]["assumptions"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(told, listed, "people and programs are told the same assumptions");
}

#[test]
fn a_dump_is_explained_from_the_standard_input() {
    let place = Place::shop();
    let policies = place.run("compile").stdout;
    let flow = "explain 'app=web@shop -> app=db@shop:5432 mtls' --manifests -";
    let alone = place.run_on(flow, policies.as_bytes());
    assert_eq!((alone.status, alone.stderr.as_str()), (0, ""));
    assert!(alone.stdout.starts_with("DENIED  "), "the caller runs as default: {}", alone.stdout);
    assert!(!alone.stdout.contains("intents say"), "{}", alone.stdout);
    let beside = place.run_on(&format!("{flow} intents"), policies.as_bytes());
    assert!(beside.stdout.contains("intents say"), "{}", beside.stdout);
    let json: serde_json::Value =
        serde_json::from_slice(place.run_on(&format!("{flow} --format json"), policies.as_bytes()).stdout.as_bytes()).unwrap();
    assert_eq!(json["verdict"], serde_json::Value::Null, "one that runs as `web` passes, and nothing says that none does");
    assert_eq!(json["answers"].as_array().map(Vec::len), Some(2));
    let empty = place.run("explain 'app=web@shop -> app=db@shop:5432' --manifests intents");
    assert_eq!((empty.status, empty.stdout.as_str()), (1, ""));
    assert!(empty.stderr.starts_with("error[no-input]: there is no manifest in `intents`"), "{}", empty.stderr);
}

#[test]
fn a_verdict_is_an_exit_status_only_if_one_is_expected() {
    let place = Place::shop();
    let status = |arguments: &str| place.run(&format!("explain {arguments}")).status;
    assert_eq!(status("'web -> app=db:5432'"), 0);
    assert_eq!(status("'app=cron -> app=db:5432'"), 0);
    assert_eq!(status("'web -> app=db:5432' --expect allow"), 0);
    assert_eq!(status("'web -> app=db:5432' --expect deny"), 1);
    assert_eq!(status("'app=cron -> app=db:5432' --expect deny"), 0);
    assert_eq!(status("'app=cron -> app=db:5432' --expect allow"), 1);
    assert_eq!(status("'web -> app=db'"), 1, "a finding");
    assert_eq!(status("'web -> app=db:5432' nowhere"), 2);
    let json = place.run("explain 'web -> app=db' --format json");
    let findings: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.status, &findings["findings"][0]["code"]), (1, &"unclear-flow".into()));
}

#[test]
fn nothing_to_read_is_a_finding_and_an_unreadable_path_is_none() {
    let place = Place::with(&[("docs/readme.md", "x")]);
    let empty = place.run("check docs");
    assert_eq!((empty.status, empty.stdout.as_str()), (1, ""));
    assert!(empty.stderr.starts_with("error[no-input]: there is no intent file in `docs`\n"), "{}", empty.stderr);
    for arguments in
        ["check nowhere.intent other", "compile docs/readme.md --inventory nowhere.intent --with other", "fmt nowhere.intent other"]
    {
        let missing = place.run(arguments);
        let wanted = ["nowhere.intent", "other"].map(|path| format!("error: cannot read {path}: No such file or directory\n"));
        assert_eq!((missing.status, missing.stdout.as_str()), (2, ""), "{arguments}");
        assert!(wanted.iter().all(|line| missing.stderr.contains(line)), "{arguments}: {}", missing.stderr);
    }
    for config in ["nowhere.toml", "docs"] {
        let ran = place.run(&format!("check docs/readme.md --config {config}"));
        assert!(ran.status == 2 && ran.stderr.starts_with(&format!("error: cannot read {config}: ")), "{}", ran.stderr);
    }
}

#[test]
fn a_file_that_is_too_large_is_a_finding() {
    let place = Place::shop();
    let file = fs::File::create(place.0.path().join("intents/huge.intent")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let ran = place.run("check");
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.starts_with("error[file-too-large]: the file is larger than 64 MiB\n --> intents/huge.intent:1:1\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn stdin_is_read_once_where_a_path_is_a_dash() {
    let place = Place::with(&[]);
    for arguments in ["check -", "compile -", "fmt -"] {
        let ran = place.run_on(arguments, b"allow\n\xFF");
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{arguments}");
        assert!(ran.stderr.contains(" --> <stdin>:2:1\n"), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.ends_with("\n1 error\n"), "{arguments}: {}", ran.stderr);
    }
    for arguments in ["check - -", "compile - --inventory -"] {
        let twice = place.run_on(arguments, b"");
        assert_eq!((twice.status, twice.stderr.as_str()), (2, "error: cannot read -: the standard input can be read only once\n"));
    }
    let text = b"allow app=web -> app=db:5432 mtls\n";
    let formatted = place.run_on("fmt -", text);
    assert_eq!((formatted.status, formatted.stdout.as_bytes(), formatted.stderr.as_str()), (0, &text[..], ""));
}

#[test]
fn the_default_folder_is_intents_if_it_is_there() {
    let place = Place::with(&[("a.intent", "\n"), ("sub/b.intent", "\n"), (".hidden/c.intent", "\n")]);
    assert_eq!(place.run("check").stderr, "no findings in 2 files\n");
    place.put("intents/only.intent", b"\xFF");
    let ran = place.run("check");
    assert!(ran.stderr.contains(" --> intents/only.intent:1:1\n"), "{}", ran.stderr);
    place.put("a.intent", b"\xFF");
    let here = place.run("check .");
    assert!(here.stderr.contains(" --> a.intent:1:1\n") && here.stderr.contains(" --> intents/only.intent:1:1\n"), "{}", here.stderr);
}

#[test]
fn the_configuration_is_found_upwards_and_can_be_named() {
    let place = Place::shop();
    let name = |ran: Ran| ran.stderr.lines().find_map(|line| line.trim().strip_prefix("--> ")).map(str::to_owned);
    place.put("other.toml", b"\xFF");
    assert_eq!(name(place.run("check --config other.toml")), Some("other.toml:1:1".to_owned()));
    place.put("twogate.toml", b"\xFF");
    assert_eq!(name(place.run("check")), Some("twogate.toml:1:1".to_owned()));
    assert_eq!(name(place.run("check intents/shop.intent")), Some("twogate.toml:1:1".to_owned()));
    place.put("intents/twogate.toml", b"\xFF");
    assert_eq!(name(place.run("check")), Some("intents/twogate.toml:1:1".to_owned()));
    let below = place.command(&["check", "."]).current_dir(place.0.path().join("intents")).output().unwrap();
    assert_eq!(name(below.into()), Some("twogate.toml:1:1".to_owned()));
    fs::remove_file(place.0.path().join("intents/twogate.toml")).unwrap();
    let below = place.command(&["check", "."]).current_dir(place.0.path().join("intents")).output().unwrap();
    assert_eq!(name(below.into()), Some("../twogate.toml:1:1".to_owned()));
}

#[test]
fn colour_needs_a_terminal() {
    let place = Place::with(&[]);
    place.put("a.intent", b"\xFF");
    assert!(!place.run("check").stderr.contains('\u{1b}'));
    let forced = place.command(&["check"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(Ran::from(forced).stderr.contains("\u{1b}["));
    let refused = place.command(&["check"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!Ran::from(refused).stderr.contains('\u{1b}'));
}

#[test]
fn an_error_writes_nothing() {
    let place = Place::shop();
    place.put("intents/bad.intent", b"\xFF");
    place.put("manifests/old.yaml", b"# Generated by twogate; edit the intents instead.\nold: 1\n");
    for arguments in ["compile -o manifests", "compile -o manifests --check", "compile -o fresh", "compile"] {
        let ran = place.run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{arguments}");
    }
    assert!(place.0.path().join("manifests/old.yaml").exists());
    assert!(!place.0.path().join("fresh").exists());
}

#[test]
fn a_folder_that_is_a_file_is_an_error() {
    let place = Place::shop();
    place.put("manifests", b"mine");
    let ran = place.run("compile -o manifests");
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("\nerror: cannot read manifests"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let place = Place::shop();
    let mut child =
        place.command(&["completions", "bash"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
}

#[test]
fn every_shell_gets_completions() {
    let place = Place::with(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = place.run(&format!("completions {shell}"));
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(ran.stdout.contains("twogate") && ran.stdout.contains("inventory"), "{shell}");
    }
}

#[test]
fn the_page_of_a_code_is_printed() {
    let ran = Place::with(&[]).run("explain --code coupled-rules");
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("# coupled-rules\n"));
}

#[test]
fn an_emptied_program_takes_nothing_away() {
    let place = Place::shop();
    assert_eq!(place.run("compile -o manifests").status, 0);
    place.put("intents/shop.intent", b"# nothing left\n");
    let ran = place.run("compile -o manifests");
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("error[no-input]"), "{}", ran.stderr);
    assert!(place.0.path().join("manifests/shop/networkpolicies.yaml").exists());
}

/// A command that fails in a pipe writes nothing, and nothing is then known.
#[test]
fn manifests_without_any_object_are_an_error() {
    let place = Place::with(&[("shop.intent", "namespace shop\nallow app=web -> app=db:80\n")]);
    for arguments in ["explain 'app=web@shop -> app=db@shop:80' --manifests -", "list --manifests -", "verify shop.intent --manifests -"] {
        for input in ["", "apiVersion: v1\nkind: List\nitems: []\n"] {
            let ran = place.run_on(arguments, input.as_bytes());
            assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{arguments}: {}", ran.stderr);
            assert!(ran.stderr.contains("error[no-input]: there is no object in `<stdin>`"), "{arguments}: {}", ran.stderr);
        }
        let ran = place.run_on(arguments, b"a: [");
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{arguments}: {}", ran.stderr);
    }
}

/// `helm template` names no namespace: that is told in every command.
#[test]
fn manifests_without_a_namespace_are_told_of() {
    let place = Place::with(&[("shop.intent", "namespace shop mesh none\nallow app=web -> app=db:80\n")]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: db, labels: {app: db}}\nspec: {containers: [{name: c, image: i}]}\n";
    for arguments in ["explain 'app=web@shop -> app=db@shop:80' --manifests -", "list --manifests -", "verify shop.intent --manifests -"] {
        let ran = place.run_on(arguments, pod.as_bytes());
        let told = "Pod `db` names no namespace: taken as of `default`, which `-n` changes";
        assert!(ran.stderr.contains(told) || ran.stdout.contains(told), "{arguments}: {}{}", ran.stdout, ran.stderr);
    }
    let ran = place.run_on("list --manifests - -n shop", pod.as_bytes());
    assert!(ran.stdout.contains("shop/db[Pod]"), "{}{}", ran.stdout, ran.stderr);
}
