//! The first namespace of a cluster joins the mesh: who has to be restarted besides.

use twogate::compile::Input;
use twogate::plan::{Options, Plan, Safety, intents};
use twogate::source::Source;

use super::walked::{against, input, lines, objects, platform, revision};
use crate::support::flow;

/// A program where nobody is in the mesh unless it says so.
fn unmeshed(text: &str) -> Input {
    let mut input = input(text);
    input.config = Some(input.sources.add(Source::new("twogate.toml", "[mesh]\nmode = \"none\"\n[network-plugin]\nsctp = \"yes\"\n")));
    input
}

fn program(mesh: &str, rules: &[&str]) -> String {
    rules.iter().fold(format!("namespace shop mesh {mesh}\nallow app=web -> app=db:5432\n"), |text, rule| text + rule + "\n")
}

fn plan(base: &str, head: &str) -> Plan {
    let [base, head] = [("base", base), ("head", head)].map(|(name, text)| revision(name, unmeshed(text)));
    let plan = intents(base, head, Options::default()).map_err(|unjudged| unjudged.findings).unwrap().plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    plan
}

/// Whose pods are restarted, as people read it.
fn restarted(plan: &Plan) -> Vec<String> {
    let actions = plan.steps.iter().filter(|step| step.name == "restart").flat_map(|step| &step.actions);
    actions.map(|action| action.text.clone()).collect()
}

const SHOP_JOINS: &str = "restart the pods of namespace shop: they join the mesh (sidecar)";

/// That one namespace joins says nothing of those of which nobody speaks, nor of those that rules of the usual things name.
#[test]
fn nobody_else_is_restarted() {
    let (out, inside) = (program("none", &[]), program("sidecar", &[]));
    assert_eq!(restarted(&plan(&out, &inside)), [SHOP_JOINS]);
    assert_eq!(restarted(&plan(&inside, &out)), ["restart the pods of namespace shop: they leave the mesh"]);
}

/// Nor those whose pods may go on in plaintext: no moment stops them.
#[test]
fn callers_in_plaintext_stay_as_they_are() {
    let plain = "allow app=job@legacy -> app=db:5432";
    let (out, inside) = (program("none", &[plain]), program("sidecar", &[plain]));
    let change = plan(&out, &inside);
    assert_eq!(restarted(&change), [SHOP_JOINS]);
    let flows = [flow("app=job@legacy -> app=db@shop:5432 plaintext", &[])];
    let [base, head] = [&out, &inside].map(|text| objects(unmeshed(text)));
    assert_eq!(against(&change, &base, &head, &platform(&unmeshed(&inside)), &flows), None, "{:#?}", lines(&change));
}

/// Of whom a rule requires mTLS, those have to join before anything requires it.
#[test]
fn callers_over_mtls_join_first() {
    let out = program("none", &["allow app=job@legacy -> app=db:5433"]);
    let inside = program("sidecar", &["allow app=job@legacy -> app=db:5433 mtls"]);
    let change = plan(&out, &inside);
    assert_eq!(restarted(&change), ["restart the pods of namespace legacy: they join the mesh (sidecar)", SHOP_JOINS]);
    let place = |name: &str| change.steps.iter().rposition(|step| step.name == name);
    assert!(place("restart") < place("close"), "{:#?}", lines(&change));
    // Who no longer has to be in the mesh need not leave it.
    assert_eq!(restarted(&plan(&inside, &out)), ["restart the pods of namespace shop: they leave the mesh"]);
}

/// Where anybody may be asked for mTLS, anybody has to join.
#[test]
fn callers_of_any_namespace_join_first() {
    let out = program("none", &["allow app=job@* -> app=db:5433"]);
    let inside = program("sidecar", &["allow app=job@* -> app=db:5433 mtls"]);
    let told = restarted(&plan(&out, &inside));
    assert!(told.iter().any(|text| text.contains("namespaces that nobody declares: they join the mesh")), "{told:?}");
}
