//! What a client writes behind the host of a request, where policies look at hosts.
//!
//! Owns: how an answer that hangs on it is settled. A flow names a host; whether its client writes the port of its URL behind it is
//! the client's choice (`semantics.md` §2.7). It must not judge.

use super::call::Call;
use super::json::verdict_word;
use super::setting::Setting;
use crate::cluster::{Addressed, Decision};
use crate::flow::{Request, Verdict};

/// How the two ways to write the host are answered, where the answer hangs on them. The port behind it is that of the call.
pub(super) fn hangs_on(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    let host = &*call.request.as_ref()?.host;
    if !call.names_host() || host.contains(':') || !matches!(decision.verdict, Verdict::Unspecified(_)) {
        return None;
    }
    let port = match call.addressed {
        Addressed::Service { port, .. } => port,
        Addressed::Pod | Addressed::Unsaid => call.port,
    };
    let without = verdict(setting, call, &format!("{host}:"))?;
    let with = verdict(setting, call, &format!("{host}:{port}"))?;
    // Where both are the same, it hangs on the port of another call.
    if without == decision.verdict || with == decision.verdict || without == with {
        return None;
    }
    let [without, with] = [without, with].map(|verdict| verdict_word(&verdict));
    Some(format!(
        "clients leave out the port of their scheme: for `at \"http://{host}\"` it is {without}, for `at \"{host}:{port}\"` it is {with}"
    ))
}

fn verdict(setting: &Setting, call: &Call, host: &str) -> Option<Verdict> {
    let request = Request { host: host.into(), ..call.request.clone()? };
    Some(Call { request: Some(request), ..call.clone() }.decide(setting).verdict)
}
