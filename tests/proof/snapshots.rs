//! Namespaces that are listed by name for the mesh: only that no others have the labels is taken for granted.

use std::fmt::Write as _;

use super::{broken, counterexamples};
use crate::support::{codes, compiled, errors};
use twogate::ir::RuleId;

/// `*@[env=prod]` is listed by name: as any identity, `web` would gain what it may.
const LISTED: &str = "namespace front labels env=dev {
  workload web = app=web account web
}
namespace shop labels env=prod {
  workload db = app=db account db
  workload api = app=api account api
  allow *@[env=prod] -> db:80 mtls http GET
  allow web@front -> db:80 mtls http POST
  allow *@[env=prod|test] -> api:81
}
";

/// Callers of `api`, as the network has them.
const CALLERS: &str = "  - from:
    - namespaceSelector:
        matchExpressions:
        - key: env
          operator: In
          values:
          - prod
          - test
";

/// No namespace but `shop` has `env=prod`. Others have `env=test`, and to `api` both are one.
#[test]
fn namespaces_with_other_labels_are_asked_about() {
    let outcome = compiled(LISTED);
    assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.findings);
    assert!(codes(&outcome).contains(&"namespace-snapshot"), "{:?}", codes(&outcome));
    let narrower = broken(&outcome, CALLERS, "  - from:\n    - podSelector: {}\n");
    assert!(counterexamples(&narrower).iter().any(|flow| flow.contains("app=api@shop:81")), "{:?}", counterexamples(&narrower));

    let mut wide = CALLERS.to_owned();
    write!(wide, "    ports:\n    - protocol: TCP\n      port: 90\n{CALLERS}").unwrap();
    let network = broken(&outcome, CALLERS, &wide);
    let wider = broken(&network, "        - \"81\"\n", "        - \"81\"\n        - \"90\"\n");
    let outside = |flow: &String| flow.contains("app=api@shop:90") && !flow.contains("@shop ");
    assert!(counterexamples(&wider).iter().any(outside), "{:?}", counterexamples(&wider));
}

/// Namespaces that a rule takes by anything but labels exist, whoever knows them: were some listed by name, the rule would let in all.
#[test]
fn namespaces_without_labels_are_not_taken_to_be_none() {
    let alone = LISTED.replacen("  allow web@front -> db:80 mtls http POST\n", "", 1);
    let any = "    - source:\n        principals:\n        - \"*\"\n";
    for (source, live) in [("*@!front", format!("{any}        notNamespaces:\n        - front\n")), ("*@[env!=dev]", any.to_owned())] {
        let mut outcome = compiled(&alone.replacen("*@[env=prod]", source, 1));
        assert_eq!(errors(&outcome), [""; 0], "{source}: {:?}", outcome.findings);
        outcome.gates.snapshots.insert(RuleId(0), ["shop".into()].into());
        let (live, listed) = (
            format!("{live}    to:\n    - operation:\n"),
            "    - source:\n        namespaces:\n        - shop\n    to:\n    - operation:\n",
        );
        let listed = broken(&outcome, &live, listed);
        assert!(counterexamples(&listed).iter().any(|flow| flow.contains("app=db@shop:80") && flow.contains("GET")), "{source}");
    }
}
