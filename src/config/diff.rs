//! What `twogate diff` accepts: `[[diff.allow]]`.
//!
//! Owns: `Diff`, `AllowedExposure` and their reading. A flow is kept as it is written: what it names is the intents' to say.

use toml::de::{DeTable, DeValue};

use super::date::is_date;
use super::value::{Findings, Written};
use crate::source::Location;

/// What a difference may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// The exposures that are accepted.
    pub allow: Vec<AllowedExposure>,
}

/// An exposure that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedExposure {
    /// The flows, as a rule writes its ends.
    pub flow: String,
    /// Why.
    pub reason: String,
    /// The last day, as `YYYY-MM-DD`.
    pub until: String,
    /// Where the flow is written.
    pub location: Location,
}

/// What an exposure says, each once.
const PARTS: [&str; 3] = ["flow", "reason", "until"];

/// A list of exposures.
pub(super) fn exposures(written: &Written<'_>, findings: &mut Findings<'_>) -> Option<Vec<AllowedExposure>> {
    let DeValue::Array(list) = written.value else {
        findings.wrong(written, "a list of tables with `flow`, `reason` and `until`");
        return None;
    };
    let mut all = Vec::new();
    for item in list {
        let item_written = Written { key: written.key, value: item.get_ref(), span: item.span() };
        match item.get_ref() {
            DeValue::Table(table) => all.extend(exposure(table, &item_written, findings)),
            _ => findings.wrong(&item_written, "a table with `flow`, `reason` and `until`"),
        }
    }
    Some(all)
}

fn exposure(table: &DeTable<'_>, written: &Written<'_>, findings: &mut Findings<'_>) -> Option<AllowedExposure> {
    for (key, value) in table.iter().filter(|(key, _)| !PARTS.contains(&&**key.get_ref())) {
        let own = Written { key: written.key, value: value.get_ref(), span: key.span() };
        findings.refused(&own, key.get_ref(), "a table with `flow`, `reason` and `until` alone");
    }
    let mut texts = Vec::new();
    let mut location = None;
    for part in PARTS {
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else {
            findings.wrong(written, &format!("a table with `{part}`"));
            return None;
        };
        let key = format!("{}.{part}", written.key);
        let own = Written { key: &key, value: value.get_ref(), span: value.span() };
        let DeValue::String(text) = value.get_ref() else {
            findings.wrong(&own, "a text");
            return None;
        };
        if part == "until" && !is_date(text) {
            findings.refused(&own, text, "a day, as `2027-03-31`,");
            return None;
        }
        if text.trim().is_empty() || text.contains(['\n', '\r', '#']) {
            findings.refused(&own, text, "a text on one line, not empty and without `#`,");
            return None;
        }
        location = location.or(Some(findings.location(value.span())));
        texts.push(text.to_string());
    }
    let [flow, reason, until] = <[String; 3]>::try_from(texts).ok()?;
    Some(AllowedExposure { flow, reason, until, location: location? })
}
