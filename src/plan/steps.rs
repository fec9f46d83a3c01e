//! From what a search took to what people do.
//!
//! Owns: the words for each step, its actions, what it opens and closes.

use super::bench::{Bench, Wrong};
use super::items::{Change, Item, Role};
use super::report::{Action, Harm, Stay, Step, Verb};
use super::search::{Phase, Taken};
use crate::diff::{Against, Breach, Changed, Entry, Kind};
use crate::verify::flow_words;

/// The most lines about one step.
const MAX_LINES: usize = 8;

/// What to wait for after policies have changed: both layers take them in pod by pod.
pub(super) const SETTLE: &str =
    "until the network plugin and the proxies have taken it in, which both do pod by pod: `istioctl proxy-status` says SYNCED";
const WATCH: &str = "for a usual day's traffic, and look at what the copies would have refused: the proxies' shadow-rule metrics and, \
                     with debug logging of rbac, their logs";
const RESTART: &str = "until every pod has been replaced";

/// The steps, with what each changes.
pub(super) fn steps(bench: &Bench<'_>, taken: &[Taken]) -> Vec<Step> {
    let last = taken.len().saturating_sub(1);
    taken.iter().enumerate().map(|(at, taken)| step(bench, taken, at == last)).collect()
}

fn step(bench: &Bench<'_>, taken: &Taken, is_last: bool) -> Step {
    let changed = bench.changes(&taken.before, &taken.after, &taken.changes);
    let [more, less] = bench.called([&taken.before, &taken.after], &taken.changes);
    let (name, why) = words(taken.phase);
    let mut actions: Vec<Action> = taken.changes.iter().filter_map(|change| action(bench, taken, change)).collect();
    actions.sort_by(|one, other| {
        (one.verb, &one.kind, &one.namespace, &one.name).cmp(&(other.verb, &other.kind, &other.namespace, &other.name))
    });
    let wait = match taken.phase {
        Phase::Try => WATCH,
        Phase::Turn => RESTART,
        _ if taken.changes.iter().any(|change| bench.running(change).is_some()) => RESTART,
        _ => SETTLE,
    };
    Step {
        name,
        why,
        actions,
        opens: with(lines(&changed, |kind| !kind.is_loss()), more),
        closes: with(lines(&changed, Kind::is_loss), less),
        wait: (!is_last || taken.phase == Phase::Try).then_some(wait),
        harm: harm(&taken.wrong),
    }
}

/// Lines about all pods that could exist, and behind them the first few about calls among workloads.
fn with(mut lines: Vec<String>, calls: Vec<String>) -> Vec<String> {
    let more = calls.len().saturating_sub(MAX_LINES);
    lines.extend(calls.into_iter().take(MAX_LINES));
    lines.extend((more > 0).then(|| format!("and {more} more among workloads")));
    lines
}

/// The first few entries of a kind. Where not all flows were compared, that is said beside what is told.
fn lines(Changed { entries, untold, is_sampled }: &Changed, wanted: fn(Kind) -> bool) -> Vec<String> {
    let all: Vec<&Entry> = entries.iter().filter(|entry| wanted(entry.kind)).collect();
    let line = |entry: &&Entry| {
        let on = if entry.on.is_empty() { String::new() } else { format!(":{}", entry.on) };
        let partly = entry.partly.as_ref().map(|partly| format!("; {partly}")).unwrap_or_default();
        format!("{} -> {}{on}: {} → {}{partly}", entry.who, entry.whom, entry.before, entry.after)
    };
    let mut lines: Vec<String> = all.iter().take(MAX_LINES).map(line).collect();
    lines.extend((all.len() > MAX_LINES).then(|| format!("and {} more", all.len() - MAX_LINES)));
    if *is_sampled && !lines.is_empty() {
        lines.push("and so pods with more labels than these, unless other rules decide about them".to_owned());
    }
    if let Some(flow) = untold.first().filter(|_| !lines.is_empty() || entries.is_empty()) {
        lines.push(format!("and of so many connections not all were looked at, such as `{}`", flow_words(flow)));
    }
    lines
}

/// What is wrong, the first few flows of each kind.
fn harm(wrong: &Wrong) -> Vec<Harm> {
    let of = |way: Against| wrong.breaches.iter().filter(move |breach| breach.way == way).take(3);
    let words = |breach: &Breach| flow_words(&breach.flow);
    let opens = of(Against::Opens).map(|breach| Harm::Opens(words(breach)));
    let drops = of(Against::Drops).map(|breach| Harm::Drops(words(breach)));
    let many =
        wrong.incomplete.iter().take(3).map(|flow| Harm::NotJudged(format!("too many classes of requests for `{}`", flow_words(flow))));
    let unasked =
        wrong.unasked.iter().map(|flow| Harm::NotJudged(format!("too many calls among workloads, such as `{}`", flow_words(flow))));
    let unreadable = wrong.unreadable.then(|| Harm::NotJudged("the evaluator does not take the objects of this moment".to_owned()));
    opens.chain(drops).chain(many).chain(unasked).chain(unreadable).collect()
}

fn action(bench: &Bench<'_>, taken: &Taken, change: &Change) -> Option<Action> {
    let (at, to) = match change {
        Change::Object(at, to) => (*at, *to),
        Change::Turn(name) => {
            let text = bench.turn_words(name);
            // A namespace that stands for all that nobody declares has no name.
            let own = if *name == bench.ends.pair.fresh { String::new() } else { name.to_string() };
            let (kind, name) = ("Namespace".to_owned(), own);
            let (namespace, file) = ("".into(), String::new());
            return Some(Action { verb: Verb::Turn, kind, namespace, name, file, stay: Stay::Final, text });
        }
    };
    let item = bench.items.get(at)?;
    let (old, new) = (item.version(taken.before.of(at)), item.version(to));
    let verb = match (old, new) {
        (None, _) => Verb::Create,
        (_, Some(_)) => Verb::Replace,
        (_, None) => Verb::Delete,
    };
    let object = &new.or(old)?.object;
    let text = if verb == Verb::Delete { object.head_only() } else { object.text.clone() };
    let stay = if is_final(item, to) { Stay::Final } else { Stay::Interim };
    let file = if stay == Stay::Final { object.file.clone() } else { String::new() };
    let namespace = item.id.namespace.clone();
    Some(Action { verb, kind: item.id.kind.clone(), namespace, name: item.id.name.clone(), file, stay, text })
}

fn is_final(item: &Item, to: Option<usize>) -> bool {
    item.role == Role::Own && to == item.head
}

/// A word for a step, and why it stands where it stands.
const fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Try => ("dry-run", "copies of the new policies are tried out and enforce nothing"),
        Phase::EndTry => ("end-dry-run", "the copies have been tried out"),
        Phase::Names => ("names", "namespaces and accounts come before what names them"),
        Phase::Hold => ("hold-open", "changes nothing: it keeps open what is open while the policies that close it come or go one by one"),
        Phase::Open => ("open", "only lets through, so nothing is cut whichever comes first"),
        Phase::Permit => ("permissive", "both transports before one of them is required"),
        Phase::Side => ("side-by-side", "old and new rules side by side, so that nothing is cut between the one and the other"),
        Phase::Turn => ("restart", "pods take their new place before anything requires it of their callers"),
        Phase::Replace => ("replace", "it may open and close at once, so no connection may meet two such changes"),
        Phase::Share => {
            ("shared", "only what old and new rules share, so that nothing passes one end by an old rule and the other by a new one")
        }
        Phase::Close => ("close", "only closes, now that what stays open is there"),
        Phase::Strict => ("strict", "one transport alone, once every caller uses it"),
        Phase::Deny => ("deny", "refusals come last"),
        Phase::Unsafe => ("unsafe", "no safe place was found for it"),
    }
}
