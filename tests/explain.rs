//! `explain`: how flows are typed, what is answered at each gate, and which changes are offered.
//!
//! Answers are snapshots in `snapshots/explain`, one a topic, each with the flow above it.

mod accepted;
mod besides;
mod besides_random;
mod calls;
mod effects;
mod errors;
mod findings;
mod flows;
mod gates;
mod hosts;
mod lines;
mod manifests;
mod names;
mod only_http;
mod owned;
mod past;
mod paths;
mod ranges;
mod remedies;
mod routing;
mod services;
mod sets;
mod singles;
mod tokens;
mod unnamed;
mod with;

use std::fmt::Write as _;

use twogate::compile::Input;
use twogate::diagnostic::human::{self, Colour};
use twogate::explain::{self, Answer, Ask};
use twogate::source::{Source, Sources};

/// Files to ask about.
#[derive(Debug, Clone, Copy, Default)]
struct Files<'a> {
    intents: &'a str,
    manifests: &'a str,
    inventory: &'a str,
    config: &'a str,
}

impl Files<'_> {
    /// The answer to a flow.
    fn ask(self, flow: &str) -> Answer {
        let mut sources = Sources::default();
        let mut add = |name: &str, text: &str| if text.is_empty() { None } else { Some(sources.add(Source::new(name, text))) };
        let intents = add("shop.intent", self.intents).into_iter().collect();
        let manifests = add("dump.yaml", self.manifests).into_iter().collect();
        let inventory = add("inventory.yaml", self.inventory).into_iter().collect();
        let config = add("twogate.toml", self.config);
        explain::explain(Ask { flow: flow.to_owned(), input: Input { sources, intents, inventory, config, ..Input::default() }, manifests })
    }

    /// The answer for people, or the findings.
    fn page(self, flow: &str) -> String {
        let answer = self.ask(flow);
        assert_eq!(answer.disagreement(), None, "{flow}");
        if answer.cases.is_empty() {
            return human::render(&answer.findings, &answer.sources, Colour::Plain);
        }
        explain::human(&answer)
    }

    /// The answers to several flows, each below its flow.
    fn pages(self, flows: &[&str]) -> String {
        let mut text = String::new();
        for flow in flows {
            writeln!(text, "$ {flow}\n{}", self.page(flow)).unwrap();
        }
        text
    }
}

/// Compares with `snapshots/explain/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/explain"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
