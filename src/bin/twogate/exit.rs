//! How a run ends.
//!
//! Owns: `Exit`, `Failure`. A finding is no failure: it is about the user's text, a failure is about this machine.

use std::path::Path;
use std::process::ExitCode;

/// The exit status, of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: nothing at error level, no difference.
    Fine,
    /// 1: a finding at error level, or a difference.
    Found,
    /// 2: it could not be judged.
    NotJudged,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Found => Self::from(1),
            Exit::NotJudged => Self::from(2),
        }
    }
}

/// Why something could not be judged: a message for each reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The messages, each a sentence without a full stop.
    pub(crate) messages: Vec<String>,
}

impl Failure {
    /// A failure for one reason.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { messages: vec![message.into()] }
    }

    /// A failure to do something (`read`, `write`) with a file.
    pub(crate) fn file(action: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {action} {}: {}", path.display(), reason(error)))
    }

    /// The failure for all of these reasons; none if there is none.
    pub(crate) fn all(messages: Vec<String>) -> Result<(), Self> {
        if messages.is_empty() { Ok(()) } else { Err(Self { messages }) }
    }
}

/// The operating system's words, without its number for them.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.split_once(" (os error").map_or(words.clone(), |(words, _)| words.to_owned())
}
