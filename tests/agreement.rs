//! Random programs, random flows: what `meaning` says, what the normal form says, and what a cluster does with the YAML.
//!
//! The cluster is the independent model of `tests/model`; it is given text and shares nothing with the compiler.

pub(crate) mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use twogate::compile::{Outcome, compile};
use twogate::diagnostic::Level;
use twogate::flow::Flow;
use twogate::meaning;

use crate::model;
use crate::support::yaml;
use world::{flows, program};

/// How many programs are tried; `TWOGATE_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("TWOGATE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

/// The same programs on each run; with `TWOGATE_CASES`, others each time.
fn runner(config: Config) -> TestRunner {
    if std::env::var_os("TWOGATE_CASES").is_some() {
        return TestRunner::new(config);
    }
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn run(name: &'static str, judge: impl Fn(&[String], &Outcome) -> Result<(), TestCaseError>) {
    let config = Config { cases: cases(), failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = runner(config);
    let result = runner.run(&program(), |lines| {
        let outcome = compile(world::input(&lines));
        judge(&lines, &outcome)
    });
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
}

/// The normal form lets an end pass exactly where the definition does.
#[test]
fn the_normal_form_is_the_meaning() {
    run("the_normal_form_is_the_meaning", |lines, outcome| {
        // An open namespace has no rule that a denied request could be taken out of: an error says so.
        let unsaid =
            |finding: &twogate::diagnostic::Diagnostic| ["deny-not-separable", "deny-too-fragmented"].contains(&finding.code.name());
        if outcome.findings.iter().any(unsaid) {
            return Ok(());
        }
        for flow in flows(lines) {
            let meant = meaning::passes(&outcome.policy, &flow);
            let normal = world::normal_form(outcome, &flow);
            prop_assert_eq!(meant, normal, "{}\nflow: {:?}", lines.join("\n"), flow);
        }
        Ok(())
    });
}

/// Where there is no error, the cluster does with the YAML what the program means.
#[test]
fn a_cluster_does_what_the_program_means() {
    let compiled = std::cell::Cell::new(0_u32);
    run("a_cluster_does_what_the_program_means", |lines, outcome| {
        if outcome.findings.iter().any(|finding| finding.level == Level::Error) {
            return Ok(());
        }
        compiled.set(compiled.get() + 1);
        let text = yaml(&outcome.manifests);
        let refused = model::validate(&text);
        prop_assert!(refused.is_empty(), "{}\na server refuses: {:?}\n{}", lines.join("\n"), refused, text);
        let cluster = model::Cluster::read(&text).map_err(|reason| TestCaseError::fail(format!("{reason}\n{text}")))?;
        for flow in flows(lines).into_iter().filter(|flow| world::is_judged(lines, flow)) {
            let meant = meaning::passes(&outcome.policy, &flow);
            let verdict = cluster.decide(&world::modelled(&flow));
            let agrees = match &verdict {
                model::Verdict::Allowed => meant,
                model::Verdict::Denied { .. } => !meant,
                model::Verdict::Unspecified(_) => false,
            };
            prop_assert!(agrees, "{}\nflow: {flow:?}\nmeant: {meant}, the cluster: {verdict:?}\n{text}", lines.join("\n"));
        }
        Ok(())
    });
    assert!(compiled.get() * 5 > cases(), "only {} of {} programs compiled: the generator has gone astray", compiled.get(), cases());
}

/// Neither the order of statements nor that of files changes a byte, of the manifests or of the findings' codes.
#[test]
fn order_changes_no_byte() {
    run("order_changes_no_byte", |lines, outcome| {
        let turned: Vec<String> = lines.iter().rev().cloned().collect();
        let apart = compile(world::input_apart(&turned));
        let texts = |outcome: &Outcome| outcome.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect::<Vec<_>>();
        prop_assert_eq!(texts(outcome), texts(&apart), "{}", lines.join("\n"));
        let codes = |outcome: &Outcome| {
            let mut codes: Vec<_> = outcome.findings.iter().map(|finding| (finding.code, finding.message.clone())).collect();
            codes.sort();
            codes
        };
        prop_assert_eq!(codes(outcome), codes(&apart), "{}", lines.join("\n"));
        Ok(())
    });
}

/// Every gain that is refused is real: a cluster that is given the YAML all the same lets some flow through that no line says.
#[test]
fn refused_couplings_are_real() {
    let refused = std::cell::Cell::new(0_u32);
    let real = std::cell::Cell::new(0_u32);
    run("refused_couplings_are_real", |lines, outcome| {
        let errors: Vec<_> = outcome.findings.iter().filter(|finding| finding.level == Level::Error).collect();
        if errors.is_empty() || errors.iter().any(|finding| finding.code.name() != "coupled-rules") {
            return Ok(());
        }
        refused.set(refused.get() + 1);
        let manifests: Vec<_> = twogate::target::ALL.iter().flat_map(|target| target.emit(&outcome.policy, &outcome.gates)).collect();
        let text = yaml(&manifests);
        let cluster = model::Cluster::read(&text).map_err(|reason| TestCaseError::fail(format!("{reason}\n{text}")))?;
        let gained =
            |flow: &Flow| !meaning::passes(&outcome.policy, flow) && cluster.decide(&world::modelled(flow)) == model::Verdict::Allowed;
        if flows(lines).iter().any(gained) {
            real.set(real.get() + 1);
        }
        Ok(())
    });
    // A world of few pods does not hold every witness; most it must.
    assert!(
        refused.get() == 0 || real.get() * 4 >= refused.get() * 3,
        "{} of {} refused programs gain nothing in this world",
        refused.get() - real.get(),
        refused.get()
    );
}
