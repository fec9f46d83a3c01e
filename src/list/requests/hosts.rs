//! Hosts by their names.
//!
//! Owns: which names a value of a policy speaks of. Clients write the port behind the name or not, as they please, so a listing speaks of
//! names, whatever port is written; where the answer hangs on that, the judge says so. A name in brackets is an address.

use std::collections::BTreeSet;

use super::{WordPattern, word};
use crate::flow::{Affixes, Symbol, host_name};

/// The part of a host that counts here.
pub(super) fn name(host: &str) -> &str {
    host_name(host)
}

/// The names of which a value speaks, whatever it says of the port, which need be no number: proxies take what clients write there.
fn pattern(written: &str) -> WordPattern {
    let text = written.strip_prefix('*').unwrap_or(written);
    let text = if text.len() == written.len() { text.strip_suffix('*').unwrap_or(text) } else { text };
    let name = host_name(text);
    if text.len() == name.len() {
        return WordPattern::written(written.into());
    }
    if written.starts_with('*') { WordPattern::written(format!("*{name}").into()) } else { WordPattern::exact(name.into()) }
}

/// The patterns of a policy, and names that none of them matches.
pub(super) fn patterns(samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> Vec<WordPattern> {
    let names = samples.iter().filter(|host| !is_address(host)).map(|host| Symbol::from(name(host)));
    word::with_others(names, written.iter().map(|written| pattern(written)).collect())
}

/// Hosts of each kind that these values tell apart, but for one that none matches.
pub(super) fn samples(known: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> BTreeSet<Symbol> {
    let mut names: BTreeSet<Symbol> = known.iter().filter(|host| !is_address(host)).map(|host| name(host).into()).collect();
    let mut affixes = Affixes::default();
    for written in written.iter().filter(|written| !is_address(written)) {
        affixes.add_written_host(written);
    }
    names.extend(written.iter().map(|written| pattern(written)).filter_map(|pattern| pattern.single().cloned()));
    names.extend(affixes.joined(&names, str::to_owned));
    let mut addresses = Affixes::default();
    for written in written.iter().filter(|written| is_address(written)) {
        addresses.add_written_host(written);
    }
    let joined = addresses.joined(&BTreeSet::new(), str::to_owned);
    names.extend(joined.iter().map(|text| in_brackets(text)));
    names
}

/// The same text as an address in brackets, which begins and ends as it does.
fn in_brackets(text: &str) -> Symbol {
    let (start, end) = (if text.starts_with('[') { "" } else { "[::" }, if text.contains(']') { "" } else { "]" });
    format!("{start}{text}{end}").into()
}

/// Whether a host, or a value, is an address in brackets.
fn is_address(text: &str) -> bool {
    text.contains(['[', ']'])
}
