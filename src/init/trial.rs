//! The trial of a first program: it is compiled before anybody sees it, as it stands and with every suggestion taken.
//!
//! Owns: what is left out so that it compiles. A suggestion that the rest refuses goes; a namespace that cannot be compiled at all
//! becomes a comment that says why.

use super::CONFIG;
use super::text::{Draft, SuggestionId, Suggestions};
use crate::compile::{Input, Outcome, compile};
use crate::diagnostic::{Diagnostic, Level};
use crate::flow::Symbol;
use crate::source::{FileId, Source, Sources};
use std::collections::BTreeMap;

/// How often something is left out and the rest tried again.
const MOST_TRIES: usize = 4;

/// What drafts are compiled with.
pub(super) struct Trial<'t> {
    pub(super) sources: &'t Sources,
    pub(super) manifests: &'t [FileId],
    pub(super) default_namespace: &'t Symbol,
    pub(super) config: String,
}

/// What a run of the drafts came to.
struct Tried {
    outcome: Outcome,
    /// The file of each draft, and where in it each suggestion begins.
    places: Vec<(FileId, Vec<(usize, SuggestionId)>)>,
}

impl Trial<'_> {
    /// Leaves out what does not compile; what remains wrong comes back.
    pub(super) fn settle(&self, drafts: &mut [Draft]) -> Vec<Diagnostic> {
        let left = self.settle_files(drafts);
        if left.is_empty() {
            self.settle_suggestions(drafts);
        }
        left
    }

    /// Turns the files into comments in which there is an error.
    fn settle_files(&self, drafts: &mut [Draft]) -> Vec<Diagnostic> {
        for _ in 0..MOST_TRIES {
            let tried = self.run(drafts, Suggestions::Left);
            let mut changed = false;
            for error in tried.errors() {
                let Some(draft) = tried.draft_of(error).and_then(|index| drafts.get_mut(index)) else { continue };
                draft.refused.get_or_insert_with(|| error.message.clone());
                changed = true;
            }
            if !changed {
                return tried.errors().cloned().collect();
            }
        }
        let tried = self.run(drafts, Suggestions::Left);
        tried.errors().cloned().collect()
    }

    /// Takes away suggestions until the rest compiles with all of them taken.
    fn settle_suggestions(&self, drafts: &mut [Draft]) {
        for _ in 0..MOST_TRIES {
            let tried = self.run(drafts, Suggestions::Taken);
            if tried.errors().next().is_none() {
                return;
            }
            let mut wrong: BTreeMap<usize, Vec<SuggestionId>> = BTreeMap::new();
            for (draft, suggestion) in tried.errors().filter_map(|error| tried.suggestion_of(error)) {
                wrong.entry(draft).or_default().push(suggestion);
            }
            if wrong.is_empty() {
                break;
            }
            for (index, suggestions) in wrong {
                drafts.get_mut(index).into_iter().for_each(|draft| take_away(draft, &suggestions));
            }
        }
        if self.run(drafts, Suggestions::Taken).errors().next().is_some() {
            for draft in drafts {
                draft.suggestions.clear();
            }
        }
    }

    fn run(&self, drafts: &[Draft], suggestions: Suggestions) -> Tried {
        let mut sources = self.sources.clone();
        let mut places = Vec::new();
        for draft in drafts {
            let (text, suggestions) = draft.render(suggestions);
            places.push((sources.add(Source::new(format!("{}.intent", draft.namespace), text)), suggestions));
        }
        let config = Some(sources.add(Source::new(CONFIG, self.config.as_str())));
        let intents = places.iter().map(|(file, _)| *file).collect();
        let (inventory, namespace) = (self.manifests.to_vec(), Some(self.default_namespace.to_string()));
        let outcome = compile(Input { sources, intents, inventory, config, namespace, ..Input::default() });
        Tried { outcome, places }
    }
}

impl Tried {
    fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.outcome.findings.iter().filter(|finding| finding.level == Level::Error)
    }

    /// The draft that an error is about.
    fn draft_of(&self, error: &Diagnostic) -> Option<usize> {
        let location = error.location()?;
        self.places.iter().position(|(file, _)| *file == location.file)
    }

    /// The suggestion that an error is about.
    fn suggestion_of(&self, error: &Diagnostic) -> Option<(usize, SuggestionId)> {
        let draft = self.draft_of(error)?;
        let start = error.span()?.start as usize;
        let (_, places) = self.places.get(draft)?;
        let (_, suggestion) = places.iter().rfind(|(at, _)| *at <= start)?;
        Some((draft, *suggestion))
    }
}

fn take_away(draft: &mut Draft, suggestions: &[SuggestionId]) {
    for (index, block) in draft.suggestions.iter_mut().enumerate() {
        let mut line = 0;
        block.lines.retain(|_| {
            line += 1;
            !suggestions.contains(&(index, line - 1))
        });
    }
}
