//! The pages of the codes, run: what a page calls wrong is found, what it calls right is not, and every code has its page.
//!
//! A page shows programs in fences: `intent` files, `toml` for the configuration, `yaml` for the inventory. Words behind the
//! language: a file's name, `with` (another program's intents), `alongside` (others' policies), `manifest` (what the evaluator
//! reads, which then reads alone), `before` and `after` (manifests between which a plan is made), `today=DATE`, `also=CODE,CODE` (findings that come along).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use twogate::cluster::{self, Platform};
use twogate::compile::{self, Input};
use twogate::diagnostic::human::{self, Colour};
use twogate::diagnostic::{Code, Diagnostic, Edit, Help, Level, code};
use twogate::diff;
use twogate::explain::{self, Ask};
use twogate::plan;
use twogate::source::{Source, Sources};

/// Codes that no program can show, each with the reason. Their pages say what to do instead of right and wrong.
const WITHOUT_PROGRAM: [(Code, &str); 9] = [
    (code::INVALID_UTF8, "a page is UTF-8 text"),
    (code::FILE_TOO_LARGE, "a page of that size would not be read"),
    (code::NO_INPUT, "there is no program"),
    (code::PROOF_FAILED, "a fault of the compiler that is known is mended"),
    (code::PROOF_INCOMPLETE, "nobody reads a rule with so many headers"),
    (code::ACCESS_UNSPECIFIED, "intents leave nothing open"),
    (code::STALE_OUTPUT, "it compares with a folder"),
    (code::ENDPOINT_TOO_COMPLEX, "nobody reads a line with so many exceptions"),
    (code::NESTING_TOO_DEEP, "nobody reads a line with so many parentheses"),
];

/// A section of a page.
#[derive(Debug, Default)]
struct Section {
    heading: String,
    text: Vec<String>,
    blocks: Vec<Block>,
}

/// A fenced text.
#[derive(Debug, Default)]
struct Block {
    language: String,
    words: Vec<String>,
    text: String,
}

impl Block {
    /// The file's name: a word with a dot in it.
    fn name(&self) -> &str {
        let named = self.words.iter().find(|word| word.contains('.') && !word.contains('='));
        named.map_or("shop.intent", String::as_str)
    }

    /// What stands behind `key=`.
    fn option(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

impl Section {
    /// The first value of an option in any block.
    fn option(&self, key: &str) -> Option<&str> {
        self.blocks.iter().find_map(|block| block.option(key))
    }

    /// Whether it is `Wrong`, or `Wrong: …` where a page shows several.
    fn is(&self, word: &str) -> bool {
        self.heading.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    }
}

/// A page as its title, its first sentence and its sections.
fn read(page: &str) -> (String, String, Vec<Section>) {
    let mut lines = page.lines();
    let title = lines.next().unwrap().to_owned();
    let mut sections = vec![Section::default()];
    let mut fence: Option<Block> = None;
    for line in lines {
        let section = sections.last_mut().unwrap();
        match (&mut fence, line.strip_prefix("```")) {
            (Some(_), Some(_)) => section.blocks.extend(fence.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, Some(info)) => {
                let mut words = info.split(' ').map(str::to_owned);
                fence = Some(Block { language: words.next().unwrap(), words: words.collect(), text: String::new() });
            }
            (None, None) => match line.strip_prefix("## ") {
                Some(heading) => sections.push(Section { heading: heading.to_owned(), ..Section::default() }),
                None => section.text.extend(Some(line.to_owned()).filter(|line| !line.is_empty())),
            },
        }
    }
    assert!(fence.is_none(), "{title}: a fence is open at the end");
    let first = sections.remove(0).text.join(" ");
    (title, first, sections)
}

fn sections(code: Code) -> Vec<Section> {
    read(code.page()).2
}

/// The library's answer to the files of a section.
fn run(section: &Section) -> (Vec<Diagnostic>, Sources) {
    if section.blocks.iter().any(|block| block.words.iter().any(|word| word == "manifest")) {
        return run_manifests(section);
    }
    if section.blocks.iter().any(|block| block.words.iter().any(|word| word == "before")) {
        return run_plan(section);
    }
    if section.blocks.iter().any(is_base) {
        return run_difference(section);
    }
    if let Some(flow) = section.blocks.iter().find(|block| block.language == "flow") {
        return run_flow(section, flow.text.trim_end());
    }
    let mut input = Input { today: section.option("today").map(str::to_owned), ..Input::default() };
    for block in &section.blocks {
        let id = input.sources.add(Source::new(block.name(), block.text.clone()));
        match block.language.as_str() {
            "intent" if block.words.iter().any(|word| word == "with") => input.with.push(id),
            "intent" => input.intents.push(id),
            "toml" => input.config = Some(id),
            "yaml" if block.words.iter().any(|word| word == "alongside") => input.alongside.push(id),
            other => {
                assert_eq!(other, "yaml", "a page shows nothing else");
                input.inventory.push(id);
            }
        }
    }
    let outcome = compile::compile(input);
    (outcome.findings, outcome.sources)
}

fn is_base(block: &Block) -> bool {
    block.words.iter().any(|word| word == "base")
}

/// The findings about what is different from the base.
fn run_difference(section: &Section) -> (Vec<Diagnostic>, Sources) {
    let revision = |wanted: bool| {
        let mut input = Input::default();
        for block in section.blocks.iter().filter(|block| is_base(block) == wanted) {
            let file = input.sources.add(Source::new(block.name(), block.text.clone()));
            input.intents.push(file);
        }
        diff::Revision { name: String::new(), input }
    };
    let compared = diff::intents(revision(true), revision(false), diff::Detail::Access).unwrap();
    (diff::findings(&compared.report, &compared.texts), compared.texts.head)
}

/// The findings of a plan from some manifests to others.
fn run_plan(section: &Section) -> (Vec<Diagnostic>, Sources) {
    let side = |word: &str| {
        let mut input = Input::default();
        for block in section.blocks.iter().filter(|block| block.words.iter().any(|own| own == word)) {
            let file = input.sources.add(Source::new(format!("{word}.yaml"), block.text.clone()));
            input.inventory.push(file);
        }
        diff::Revision { name: word.to_owned(), input }
    };
    let rollout = plan::manifests(side("before"), side("after"), plan::Options::default()).unwrap();
    (rollout.findings, rollout.sources)
}

/// The evaluator's findings about the manifests of a section.
fn run_manifests(section: &Section) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let files: Vec<_> = section.blocks.iter().map(|block| sources.add(Source::new(block.name(), block.text.clone()))).collect();
    let (_, findings) = cluster::read(&sources, &files, Platform::default());
    (findings, sources)
}

/// What `explain` finds wrong with a flow. It is the last block, so that places in it are places in its text.
fn run_flow(section: &Section, flow: &str) -> (Vec<Diagnostic>, Sources) {
    let mut ask = Ask { flow: flow.to_owned(), ..Ask::default() };
    for block in section.blocks.iter().filter(|block| block.language != "flow") {
        let id = ask.input.sources.add(Source::new(block.name(), block.text.clone()));
        match block.language.as_str() {
            "intent" => ask.input.intents.push(id),
            other => {
                assert_eq!(other, "yaml", "a page shows nothing else beside a flow");
                ask.manifests.push(id);
            }
        }
    }
    let answer = explain::explain(ask);
    (answer.findings, answer.sources)
}

/// The section with the edits of one piece of advice made, from the last place to the first.
fn edited(section: &Section, help: &Help) -> Section {
    let mut texts: Vec<String> = section.blocks.iter().map(|block| block.text.clone()).collect();
    let mut edits: Vec<&Edit> = help.edits.iter().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.location));
    for edit in edits {
        texts[edit.location.file.0 as usize].replace_range(edit.location.span.range(), &edit.text);
    }
    let pairs = section.blocks.iter().zip(texts);
    let blocks = pairs.map(|(block, text)| Block { language: block.language.clone(), words: block.words.clone(), text }).collect();
    Section { blocks, ..Section::default() }
}

fn has_program(code: Code) -> bool {
    WITHOUT_PROGRAM.iter().all(|(without, _)| *without != code)
}

fn names(findings: &[Diagnostic]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.code.name()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of a folder's files, without the ending.
fn stems(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn pages_have_the_usual_shape() {
    let mut faults = Vec::new();
    for code in code::ALL {
        let (title, first, sections) = read(code.page());
        let mut fault = |what: &str| faults.push(format!("{code}: {what}"));
        if title != format!("# {code}") {
            fault("the title is not its name");
        }
        if !first.ends_with('.') || first.contains(". ") {
            fault("what stands below the title is not one sentence");
        }
        let headings: Vec<&str> = sections.iter().map(|section| section.heading.split(": ").next().unwrap()).collect();
        let programs = headings.len() > 2 && headings[2..].chunks(2).all(|pair| pair == ["Wrong", "Right"]);
        let rest = if has_program(*code) { programs } else { headings[2..] == ["What to do"] };
        if headings[..2] != ["What happened", "Why it matters"] || !rest {
            fault(&format!("its sections are {headings:?}"));
        }
        let words: usize = sections.iter().map(|section| section.text.join(" ").split(' ').count()).sum();
        if words > 180 {
            fault(&format!("{words} words are more than a screen"));
        }
        if sections.iter().any(|section| section.blocks.is_empty() == (section.is("Wrong") || section.is("Right"))) {
            fault("programs stand where none belong, or are missing");
        }
        if code.page().lines().any(|line| line.chars().count() > 100) {
            fault("a line is too wide for a terminal");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_and_snapshot_belongs_to_a_code() {
    let codes: BTreeSet<String> = code::ALL.iter().map(|code| code.name().to_owned()).collect();
    assert_eq!(stems(&root().join("src/diagnostic/codes")), codes);
    let shown: BTreeSet<String> = code::ALL.iter().filter(|code| has_program(**code)).map(|code| code.name().to_owned()).collect();
    let snapshots = stems(&root().join("snapshots/codes"));
    let stray: Vec<_> = snapshots.difference(&shown).collect();
    assert!(stray.is_empty(), "snapshots of no code: {stray:?}");
}

#[test]
fn wrong_programs_are_found() {
    let mut faults = Vec::new();
    for code in code::ALL {
        for section in sections(*code).iter().filter(|section| section.is("Wrong")) {
            let (findings, _) = run(section);
            let also = section.option("also").map(|list| list.split(',').collect::<Vec<_>>()).unwrap_or_default();
            let wanted: BTreeSet<&str> = also.into_iter().chain([code.name()]).collect();
            let found = names(&findings);
            if found != wanted {
                faults.push(format!("{code} ({}): found {found:?}, wanted {wanted:?}", section.heading));
            } else if !findings.iter().any(|finding| finding.code == *code && finding.level == code.level()) {
                faults.push(format!("{code} ({}): not at its own level", section.heading));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn right_programs_are_not() {
    let mut faults = Vec::new();
    for code in code::ALL {
        for section in sections(*code).iter().filter(|section| section.is("Right")) {
            let (findings, sources) = run(section);
            let bad: Vec<Diagnostic> =
                findings.into_iter().filter(|finding| finding.level > Level::Note || finding.code == *code).collect();
            if !bad.is_empty() {
                faults.push(format!("{code} ({}):\n{}", section.heading, human::render(&bad, &sources, Colour::Plain)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Advice that comes with an edit is certain: it cures its finding and brings no other.
#[test]
fn fixes_cure() {
    let mut faults = Vec::new();
    for code in code::ALL {
        for section in sections(*code).iter().filter(|section| section.is("Wrong")) {
            let (before, _) = run(section);
            let own = before.iter().filter(|finding| finding.code == *code);
            for help in own.flat_map(|finding| &finding.helps).filter(|help| !help.edits.is_empty()) {
                let (after, sources) = run(&edited(section, help));
                let count = |findings: &[Diagnostic]| findings.iter().filter(|finding| finding.code == *code).count();
                let grave: Vec<Diagnostic> = after.iter().filter(|finding| finding.level > Level::Note).cloned().collect();
                if count(&after) >= count(&before) || !names(&grave).is_subset(&names(&before)) {
                    faults.push(format!("{code}: `{}` leads to\n{}", help.text, human::render(&after, &sources, Colour::Plain)));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a page calls right is also written as `fmt` writes it.
#[test]
fn right_programs_are_canonical() {
    let mut faults = Vec::new();
    for code in code::ALL {
        let right = sections(*code).into_iter().filter(|section| section.is("Right"));
        for block in right.flat_map(|section| section.blocks).filter(|block| block.language == "intent") {
            let mut sources = Sources::default();
            let id = sources.add(Source::new(block.name(), block.text.clone()));
            let canonical = compile::canonical(id, &sources).text.unwrap_or_default();
            if canonical != block.text {
                faults.push(format!("{code}: `fmt` writes\n{canonical}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn findings_read_well() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/codes"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for code in code::ALL.iter().filter(|code| has_program(**code)) {
        let sections = sections(*code);
        let shown = sections.iter().filter(|section| section.is("Wrong")).map(|section| {
            let (findings, sources) = run(section);
            format!("## {}\n\n{}", section.heading, human::render(&findings, &sources, Colour::Plain))
        });
        let text = shown.collect::<Vec<_>>().join("\n");
        settings.bind(|| insta::assert_snapshot!(code.name(), text));
    }
}
