//! Every format of one plan that has something of everything.

use std::path::Path;

use twogate::diagnostic::human::Colour;
use twogate::plan::{Options, Plan, Trials, brief, files, human, json, markdown};

use super::walked::{input, programs, revision};
use crate::diff::formats::fits;
use crate::pages;

const BASE: &str = "namespace shop mesh none {
  allow app=web -> app=db:5432
}
namespace pay mesh sidecar {
  workload api = app=api account api-sa
  allow api -> app=ledger:80 mtls http GET /v1/{**}
  allow app=web@shop -> app=api:80
}
";

const HEAD: &str = "namespace shop mesh sidecar {
  allow app=web -> app=db:5432 mtls
}
namespace pay mesh sidecar {
  workload api = app=api account api-sa
  allow api -> app=ledger:80 mtls http POST /v1/{**}
  allow app=web@shop -> app=api:80 mtls
  deny app=job -> app=ledger
}
";

fn plan() -> Plan {
    programs(BASE, HEAD, Options { trials: Trials::First, ..Options::default() }).plan
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/plan"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn people_read_it() {
    let plan = plan();
    snapshot("human", &human(&plan, Some("rollout"), Colour::Plain));
    assert!(human(&plan, None, Colour::Ansi).contains("\u{1b}[1m1. dry-run\u{1b}[0m"));
    assert!(!human(&plan, None, Colour::Plain).contains("kubectl"));
}

#[test]
fn reviewers_read_it() {
    snapshot("markdown", &markdown(&plan(), Some("rollout")));
}

#[test]
fn programs_read_it() {
    let text = json(&plan(), Some("rollout"));
    snapshot("json", &text);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schema = std::fs::read_to_string(pages::root().join("schemas/plan.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    fits(&schema, &schema, &value, "$");
}

#[test]
fn kubectl_reads_it() {
    let plan = plan();
    let shown: Vec<String> = files(&plan).iter().map(|file| format!("# {}\n{}", file.path, file.text)).collect();
    snapshot("files", &shown.join("\n"));
}

/// The comment of `twogate diff --order` has it in one line (design §9).
#[test]
fn a_comment_has_it_in_one_line() {
    let plan = programs(BASE, HEAD, Options::default()).plan;
    let line = "shop/twogate-step-open; then shop/db, shop/deny-all, pay/api, pay/ledger, 3 more; then pay/api, pay/ledger; \
                then restart the pods of shop; then pay/api, pay/ledger and delete shop/twogate-step-open; \
                then shop/default and delete pay/api";
    assert_eq!(brief(&plan), line);
    let compared = twogate::diff::intents(revision("base", input(BASE)), revision("head", input(HEAD)), twogate::diff::Detail::Objects);
    let mut compared = compared.map_err(|unjudged| unjudged.findings).unwrap();
    compared.report.order = Some("pay/batch, shop/db; then shop/web".to_owned());
    let comment = twogate::diff::markdown(&compared.report, &compared.texts);
    assert!(comment.contains("\nSafe order: pay/batch, shop/db; then shop/web.\\\n"), "{comment}");
}
