//! What goes to which stream, and in which colours.
//!
//! Owns: `Format`, `findings`, `failure`, `print`, `say`. Findings go to the standard error for people and to the standard
//! output for programs. A reader that went away is no error.

use crate::exit::{Exit, Failure, reason};
use anstream::ColorChoice;
use clap::ValueEnum;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use twogate::diagnostic::human::{self, Colour};
use twogate::diagnostic::order::has_error;
use twogate::diagnostic::{Diagnostic, github, json, sarif};
use twogate::source::{Location, Sources};
use twogate::verify::{Proof, flow_words};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, on the standard error
    Human,
    /// One JSON object, on the standard output
    Json,
    /// A SARIF 2.1.0 log for code scanning, on the standard output
    Sarif,
    /// GitHub workflow commands, on the standard output
    Github,
}

/// Writes findings and says how the run ends for them.
pub(crate) fn findings(findings: &[Diagnostic], sources: &Sources, format: Format) -> Result<Exit, Failure> {
    judged(findings, sources, None, format)
}

/// The same, with the proof that was made.
pub(crate) fn judged(findings: &[Diagnostic], sources: &Sources, proof: Option<&Proof>, format: Format) -> Result<Exit, Failure> {
    match format {
        Format::Human => {
            let choice = anstream::AutoStream::choice(&io::stderr());
            tolerate(anstream::stderr().lock().write_all(human::render(findings, sources, colour(choice)).as_bytes()))?;
            // Beside an error it would read as if all were well.
            proof.filter(|proof| proof.holds() && !has_error(findings)).map_or(Ok(()), tell)?;
        }
        Format::Json => print(&json::render(findings, sources, proof.map(Proof::words).as_ref()))?,
        Format::Sarif => print(&sarif::render(findings, sources))?,
        Format::Github => print(&github::render(findings, sources))?,
    }
    Ok(if has_error(findings) { Exit::Found } else { Exit::Fine })
}

/// The most assumptions that people are told one by one.
const MAX_ASSUMPTIONS: usize = 12;

/// Tells people what was proved, and what that takes for granted.
fn tell(proof: &Proof) -> Result<(), Failure> {
    say(&format!("proved over every pod that could exist, in {} classes of flows; assumes", proof.classes))?;
    for assumption in proof.assumptions.iter().take(MAX_ASSUMPTIONS) {
        say(&format!("  {assumption}"))?;
    }
    let more = proof.assumptions.len().saturating_sub(MAX_ASSUMPTIONS);
    if more > 0 {
        say(&format!("  and {more} more (`twogate check --format json` lists them)"))?;
    }
    for difference in &proof.accepted {
        say(&format!("accepted: {}", flow_words(&difference.flow)))?;
    }
    Ok(())
}

/// Writes why something could not be judged.
pub(crate) fn failure(failure: &Failure) {
    let mut stream = io::stderr().lock();
    for message in &failure.messages {
        // There is no other place left to complain to.
        let _ = writeln!(stream, "error: {message}");
    }
}

/// Writes a text to the standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stream = io::stdout().lock();
    tolerate(stream.write_all(harmless(text).as_bytes()).and_then(|()| stream.flush()))
}

/// A text that steers no terminal: control characters of what was read are spelled out.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_bad = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let spelled = |letter: char| if is_bad(letter) { letter.escape_default().to_string() } else { letter.to_string() };
    Cow::Owned(text.chars().map(spelled).collect())
}

/// Writes a difference to the standard output, coloured on a terminal.
pub(crate) fn print_difference(difference: &str) -> Result<(), Failure> {
    match colour(anstream::AutoStream::choice(&io::stdout())) {
        Colour::Plain => print(difference),
        Colour::Ansi => tolerate(anstream::stdout().lock().write_all(crate::difference::paint(difference).as_bytes())),
    }
}

/// Writes a text to the standard output, coloured on a terminal.
pub(crate) fn print_coloured(text: impl Fn(Colour) -> String) -> Result<(), Failure> {
    let colour = colour(anstream::AutoStream::choice(&io::stdout()));
    tolerate(anstream::stdout().lock().write_all(text(colour).as_bytes()))
}

/// Tells people what was done, on the standard error.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    tolerate(writeln!(io::stderr().lock(), "{line}"))
}

/// A place as people write it: `shop.intent:14`.
pub(crate) fn place(location: Location, sources: &Sources) -> String {
    let Some(source) = sources.get(location.file) else { return String::new() };
    format!("{}:{}", source.name(), source.position(location.span.start).line)
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Whether to colour. The choice already knows the terminal and `NO_COLOR`.
fn colour(choice: ColorChoice) -> Colour {
    if choice == ColorChoice::Never { Colour::Plain } else { Colour::Ansi }
}

/// Takes a reader that stopped reading for one that has read enough.
fn tolerate(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write: {}", reason(&error)))),
        Ok(()) | Err(_) => Ok(()),
    }
}
