//! What a client writes behind the host of a request, where policies look at hosts.
//!
//! Owns: how an answer that hangs on it is settled. A flow names a host; whether its client writes the port of its URL behind it is
//! the client's choice (`semantics.md` §2.7). It must not judge.

use super::call::Call;
use super::json::verdict_word;
use super::setting::Setting;
use crate::cluster::Decision;
use crate::flow::{Request, Verdict};

/// How the two ways to write the host are answered, where the answer hangs on them.
pub(super) fn hangs_on(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    let host = &*call.request.as_ref()?.host;
    if !call.names_host() || host.contains(':') || !matches!(decision.verdict, Verdict::Unspecified(_)) {
        return None;
    }
    let without = verdict(setting, call, &format!("{host}:"))?;
    let with = verdict(setting, call, &format!("{host}:{}", call.port))?;
    if without == decision.verdict || with == decision.verdict {
        return None;
    }
    let [without, with] = [without, with].map(|verdict| verdict_word(&verdict));
    Some(format!(
        "clients leave out the port of their scheme: for `at \"http://{host}\"` it is {without}, for `at \"{host}:{}\"` it is {with}",
        call.port
    ))
}

fn verdict(setting: &Setting, call: &Call, host: &str) -> Option<Verdict> {
    let request = Request { host: host.into(), ..call.request.clone()? };
    Some(Call { request: Some(request), ..call.clone() }.decide(setting).verdict)
}
