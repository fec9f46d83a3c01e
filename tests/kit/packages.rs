//! What is installed: the release archive, images, manual pages, and the plugin of kubectl.

use super::{Place, file, is_here};
use crate::pages::root;
use std::collections::BTreeSet;

/// The commands that `twogate --help` lists.
fn commands(place: &Place) -> BTreeSet<String> {
    let help = place.run("twogate --help").stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on is indented deeper.
    let named = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_manual_page() {
    let place = Place::with(&[]);
    let ran = place.run("twogate man -o pages && ls pages");
    assert_eq!(ran.status, 0, "{}", ran.all());
    let pages: BTreeSet<String> = ran.stdout.lines().map(str::to_owned).collect();
    let commands = commands(&place);
    let wanted = commands.iter().map(|name| format!("twogate-{name}.1")).chain(["twogate.1".to_owned()]);
    assert_eq!(pages, wanted.collect());
    for name in &commands {
        let page = place.read(&format!("pages/twogate-{name}.1"));
        assert!(page.contains(&format!(".TH twogate-{name} 1")) && page.contains(".SH DESCRIPTION"), "{name}: {page}");
        assert!(page.contains("Example"), "{name} has no example");
    }
    let whole = place.run("twogate man");
    assert_eq!(whole.stdout, place.read("pages/twogate.1"));
    assert!(commands.iter().all(|name| whole.stdout.contains(&format!("twogate\\-{name}(1)"))), "{}", whole.stdout);
    if is_here("man") {
        let shown = place.run("man --warnings=all -l pages/twogate-compile.1 2>&1 >/dev/null");
        assert_eq!((shown.status, shown.stdout.as_str()), (0, ""));
    }
}

#[test]
fn kubectl_finds_the_plugin_and_its_help_speaks_of_kubectl() {
    let place = Place::with(&super::SHOP);
    let help = place.run("kubectl-twogate check --help");
    assert!(
        help.stdout.contains("Usage: kubectl twogate check [OPTIONS]") && help.stdout.contains("\n  kubectl twogate check intents"),
        "{}",
        help.stdout
    );
    let wrong = place.run("kubectl-twogate compil");
    assert!(wrong.status == 2 && wrong.stderr.contains("Usage: kubectl twogate <COMMAND>"), "{}", wrong.all());
    if is_here("kubectl") {
        let version = place.run("kubectl twogate --version");
        assert_eq!(
            (version.status, version.stdout.as_str()),
            (0, concat!("twogate ", env!("CARGO_PKG_VERSION"), "\n")),
            "{}",
            version.all()
        );
        assert_eq!(place.run("kubectl twogate check").status, 0);
    }
}

/// The recipe with the binary of this build, which saves building one; the rest is run as it stands, twice.
#[test]
fn a_release_holds_everything_and_is_the_same_twice() {
    let mut place = Place::with(&[]);
    place.set("TWOGATE_BINARY", env!("CARGO_BIN_EXE_twogate"));
    place.set("SOURCE_DATE_EPOCH", "1767225600");
    let release = root().join("packaging/release.sh").display().to_string();
    for folder in ["one", "two"] {
        let folder = place.path(folder);
        let ran = place.run(&format!("{release} x86_64-unknown-linux-gnu {}", folder.display()));
        assert_eq!(ran.status, 0, "{}", ran.all());
    }
    let name = format!("twogate-{}-x86_64-unknown-linux-gnu", env!("CARGO_PKG_VERSION"));
    let same = place.run(&format!("cmp one/{name}.tar.gz two/{name}.tar.gz && cd one && sha256sum --check {name}.tar.gz.sha256 && tar xzf {name}.tar.gz && find {name} -type f -o -type l | sort"));
    assert_eq!(same.status, 0, "{}", same.all());
    for wanted in [
        "twogate",
        "kubectl-twogate",
        "twogate-krm",
        "LICENSE",
        "README.md",
        "completions/twogate.bash",
        "completions/_twogate",
        "completions/twogate.fish",
    ] {
        assert!(same.stdout.contains(&format!("{name}/{wanted}\n")), "{wanted} is missing:\n{}", same.stdout);
    }
    for command in commands(&place) {
        assert!(same.stdout.contains(&format!("{name}/man/man1/twogate-{command}.1\n")), "{command}");
    }
    let version = place.run(&format!("one/{name}/kubectl-twogate --version"));
    assert_eq!(version.stdout, concat!("twogate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_of_the_shells_are_accepted_by_them() {
    let place = Place::with(&[]);
    for (shell, script) in [
        ("bash", "twogate completions bash | bash -n"),
        ("zsh", "twogate completions zsh > _twogate && zsh -n _twogate"),
        ("fish", "twogate completions fish | fish --no-execute"),
    ] {
        if is_here(shell) {
            let ran = place.run(&format!("set -o pipefail; {script}"));
            assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{shell}");
        }
    }
    let completed = place.run(
        "source <(twogate completions bash); COMP_WORDS=(twogate ch); COMP_CWORD=1; _twogate twogate ch twogate; echo \"${COMPREPLY[@]}\"",
    );
    assert_eq!(completed.stdout, "check\n", "{}", completed.all());
}

/// A stage of a Dockerfile.
#[derive(Debug, Default)]
struct Stage {
    from: String,
    name: String,
    lines: Vec<String>,
}

fn stages() -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for line in file("packaging/Dockerfile").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("FROM ") {
            let (from, name) = rest.split_once(" AS ").unwrap_or_else(|| panic!("{line} has no name"));
            stages.push(Stage { from: from.to_owned(), name: name.to_owned(), lines: Vec::new() });
        } else {
            stages.last_mut().unwrap_or_else(|| panic!("{line} stands in no stage")).lines.push(line.to_owned());
        }
    }
    stages
}

#[test]
fn images_hold_a_static_binary_and_run_as_nobody() {
    let stages = stages();
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["build", "ci", "krm", "twogate"]);
    let minimum = file("Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = ").map(|version| version.trim_matches('"').to_owned()))
        .unwrap();
    assert_eq!(stages[0].from, format!("rust:{minimum}-alpine"), "built with the oldest Rust that is promised, for musl");
    assert!(stages[0].lines.iter().any(|line| line.contains("cargo build --release --locked")));
    for stage in &stages[1..] {
        assert!(stage.lines.contains(&"COPY --from=build /out/twogate /usr/local/bin/twogate".to_owned()), "{}", stage.name);
        assert!(stage.lines.contains(&"USER 65532:65532".to_owned()), "{} runs as root", stage.name);
    }
    for stage in &stages[2..] {
        assert_eq!(stage.from, "scratch", "{}", stage.name);
        assert!(!stage.lines.iter().any(|line| line.starts_with("RUN")), "{}: there is no shell to run with", stage.name);
        assert!(stage.lines.iter().any(|line| line.starts_with("ENTRYPOINT [\"/usr/local/bin/twogate\"")), "{}", stage.name);
    }
    let known = ["FROM", "RUN", "WORKDIR", "COPY", "USER", "CMD", "ENTRYPOINT"];
    assert!(stages.iter().flat_map(|stage| &stage.lines).all(|line| known.contains(&line.split(' ').next().unwrap())));
    assert!(file(".dockerignore").lines().any(|line| line == "target"), "the build folder is not sent");
}
