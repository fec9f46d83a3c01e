//! Programs as text, and findings as short lines, for the tests of checks.
//!
//! Owns: the way from text to findings in tests. The whole way is walked: parse, resolve, normal form, check.

use crate::config::{self, Config};
use crate::diagnostic::{Diagnostic, Level};
use crate::gates;
use crate::inventory::{self, Inventory};
use crate::ir::{self, Origin, Policy, Unit};
use crate::source::{Source, Sources};
use crate::syntax;

/// A program with what surrounds it, checked.
pub(super) struct Program {
    sources: Sources,
    texts: [String; 3],
    pub(super) policy: Policy,
    pub(super) findings: Vec<Diagnostic>,
}

impl Program {
    /// A program of one file, without inventory, under the default configuration.
    pub(super) fn of(intent: &str) -> Self {
        Self::read([intent.to_owned(), String::new(), String::new()])
    }

    /// The same with an inventory.
    pub(super) fn inventory(self, manifests: &str) -> Self {
        let [intent, _, config] = self.texts;
        Self::read([intent, manifests.to_owned(), config])
    }

    /// The same under a configuration.
    pub(super) fn config(self, toml: &str) -> Self {
        let [intent, manifests, _] = self.texts;
        Self::read([intent, manifests, toml.to_owned()])
    }

    fn read(texts: [String; 3]) -> Self {
        let [intent, manifests, toml] = &texts;
        let mut sources = Sources::default();
        let file = sources.add(Source::new("shop.intent", intent.clone()));
        let (inventory, config) = (known(&mut sources, manifests), configured(&mut sources, toml));
        let (tree, findings) = syntax::parse(file, sources.get(file).unwrap());
        assert!(findings.is_empty(), "{intent}: {findings:?}");
        let units = vec![Unit { file, tree: &tree, origin: Origin::Ours }];
        let program = ir::Program { sources: &sources, units, config: &config, inventory: &inventory, default_namespace: "default".into() };
        let (policy, _) = ir::lower(program);
        let findings = super::run(&policy, &gates::build(&policy));
        Self { sources, texts, policy, findings }
    }

    /// The findings of one code, each as its level, its code and the text under its span, in the order of the text.
    pub(super) fn found(&self, code: &str) -> Vec<String> {
        let mut findings: Vec<Diagnostic> = self.of_code(code).cloned().collect();
        findings.sort_by_key(|finding| (finding.location(), finding.message.clone()));
        self.show(&findings)
    }

    /// Findings as short lines.
    pub(super) fn show(&self, findings: &[Diagnostic]) -> Vec<String> {
        let level = |finding: &Diagnostic| match finding.level {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let text = |finding: &Diagnostic| finding.location().map(|at| self.sources.slice(at).to_owned()).unwrap_or_default();
        findings.iter().map(|finding| format!("{} {} `{}`", level(finding), finding.code, text(finding))).collect()
    }

    /// What the findings of one code advise in words.
    pub(super) fn helps(&self, code: &str) -> Vec<&str> {
        self.of_code(code).flat_map(|finding| finding.helps.iter().map(|help| help.text.as_str())).collect()
    }

    /// The new texts that the findings of one code offer.
    pub(super) fn fixes(&self, code: &str) -> Vec<&str> {
        let helps = self.of_code(code).flat_map(|finding| &finding.helps);
        helps.flat_map(|help| help.edits.iter().map(|edit| edit.text.as_str())).collect()
    }

    /// The facts that the findings of one code state.
    pub(super) fn notes(&self, code: &str) -> Vec<&str> {
        self.of_code(code).flat_map(|finding| finding.notes.iter().map(String::as_str)).collect()
    }

    fn of_code(&self, code: &str) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(move |finding| finding.code.name() == code)
    }
}

/// The findings of one code in a program of one file.
pub(super) fn found(code: &str, intent: &str) -> Vec<String> {
    Program::of(intent).found(code)
}

/// The manifest of a Deployment: its namespace, name, pod labels, and further fields of its pods as flow mappings.
pub(super) fn deployment(namespace: &str, name: &str, labels: &str, more: &str) -> String {
    let labels = if labels.starts_with('{') { labels.to_owned() } else { format!("{{{labels}}}") };
    let (container, pod) = match more.strip_prefix("ports:") {
        Some(ports) => (format!(", ports:{ports}"), String::new()),
        None if more.is_empty() => (String::new(), String::new()),
        None => (String::new(), format!(", {more}")),
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  template:\n    \
         metadata: {{labels: {labels}}}\n    spec: {{containers: [{{name: main, image: x{container}}}]{pod}}}\n"
    )
}

/// The manifest of a Service with one port.
pub(super) fn service(namespace: &str, name: &str, selector: &str, port: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{selector: {{{selector}}}, ports: [{port}]}}\n"
    )
}

fn known(sources: &mut Sources, manifests: &str) -> Inventory {
    let file = sources.add(Source::new("cluster.yaml", manifests));
    let (inventory, findings) = inventory::read(file, sources.get(file).unwrap(), &"default".into());
    assert!(findings.is_empty(), "{manifests}: {findings:?}");
    inventory
}

fn configured(sources: &mut Sources, toml: &str) -> Config {
    let file = sources.add(Source::new("twogate.toml", toml));
    let (config, findings) = config::read(file, sources.get(file).unwrap());
    assert!(findings.is_empty(), "{toml}: {findings:?}");
    config
}
