//! The house rules: who may use whom, and where outside crates have their door.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The room of a file: the first part of its path below `src`.
fn room(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The table of `ARCHITECTURE.md`: each room with the rooms that it may use.
fn arrows() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let uses = match cells[3] {
            "–" => Vec::new(),
            "all of the above" => table.keys().cloned().collect(),
            list => list.split(", ").map(|name| name.split(' ').next().unwrap().to_owned()).collect(),
        };
        table.insert(name, uses);
    }
    table
}

/// The parts of a file that are not its unit tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

/// The rooms that a line names: `crate::flow::…`, `crate::{flow, ir}`.
fn named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for part in line.split("crate::").skip(1) {
        let list = part.strip_prefix('{').map_or_else(|| vec![part], |list| list.split(',').collect());
        for word in list {
            let word: String = word.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            rooms.push(word);
        }
    }
    rooms
}

#[test]
fn arrows_point_one_way() {
    let table = arrows();
    assert!(table.len() > 10, "the table of ARCHITECTURE.md was not found");
    let mut faults = Vec::new();
    for path in files(&root().join("src")) {
        let room = room(&path);
        if room == "lib" || room == "bin" || path.ends_with("tests.rs") {
            continue;
        }
        let Some(allowed) = table.get(&room) else {
            faults.push(format!("{}: room `{room}` is not in the table of ARCHITECTURE.md", path.display()));
            continue;
        };
        for (number, line) in code(&path).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for used in named(line).into_iter().filter(|used| table.contains_key(used) && *used != room && !allowed.contains(used)) {
                faults.push(format!("{}:{}: `{room}` uses `{used}`", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn outside_crates_have_one_door() {
    let doors: [(&str, &[&str]); 11] = [
        ("pest", &["syntax"]),
        ("annotate_snippets", &["diagnostic"]),
        ("toml", &["config"]),
        ("serde_yaml", &["manifest"]),
        ("serde_saphyr", &["target"]),
        ("sha2", &["target"]),
        ("clap", &["bin"]),
        ("mimalloc", &["bin"]),
        ("similar", &["bin"]),
        ("quick_xml", &["bin"]),
        ("tempfile", &["bin"]),
    ];
    let mut faults = Vec::new();
    for path in files(&root().join("src")) {
        let text = code(&path);
        for (name, rooms) in doors {
            let used = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(&format!("{name}::")));
            if used && !rooms.contains(&room(&path).as_str()) {
                faults.push(format!("{} names `{name}`", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Nothing in the library reads files, the clock, the environment or starts a process.
#[test]
fn the_library_is_pure() {
    let banned = ["std::fs", "std::env", "std::process", "std::net::Tcp", "SystemTime", "Instant::now"];
    let mut faults = Vec::new();
    for path in files(&root().join("src")).into_iter().filter(|path| room(path) != "bin" && !path.ends_with("tests.rs")) {
        let text = code(&path);
        for word in banned.iter().filter(|word| text.contains(**word)) {
            faults.push(format!("{} names `{word}`", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Every file opens with what it owns.
#[test]
fn files_say_what_they_own() {
    let silent: Vec<String> = files(&root().join("src"))
        .iter()
        .filter(|path| !path.ends_with("tests.rs") && !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn nothing_is_left_over() {
    let words = ["todo!", "unimplemented!", "dbg!", "FIXME", "XXX", "#[ignore"];
    let mut faults = Vec::new();
    for path in files(&root().join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in words.iter().filter(|word| text.contains(**word)) {
            faults.push(format!("{}: `{word}`", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
