//! What others say: namespaces of other programs, and what an inventory says of namespaces and of workloads.

use twogate::compile::Input;
use twogate::diff::{Compared, Detail, FactKind, Revision, intents};
use twogate::source::Source;

use super::repository::Repository;

/// The texts of a side: its own intents, those of others, and its inventory.
#[derive(Clone, Copy, Default)]
struct Side<'a> {
    own: &'a str,
    with: &'a str,
    inventory: &'a str,
}

fn revision(side: Side<'_>) -> Revision {
    let mut input = Input::default();
    let own = input.sources.add(Source::new("shop.intent", side.own));
    input.intents.push(own);
    if !side.with.is_empty() {
        let with = input.sources.add(Source::new("pay.intent", side.with));
        input.with.push(with);
    }
    if !side.inventory.is_empty() {
        let inventory = input.sources.add(Source::new("i.yaml", side.inventory));
        input.inventory.push(inventory);
    }
    Revision { name: String::new(), input }
}

fn compared(base: Side<'_>, head: Side<'_>) -> Compared {
    intents(revision(base), revision(head), Detail::Access).map_err(|unjudged| unjudged.findings).unwrap()
}

/// The causes of all entries, each with the file in which it stands.
fn causes(compared: &Compared) -> Vec<String> {
    let all = compared.report.entries.iter().flat_map(|entry| &entry.causes);
    let place = |cause: &twogate::diff::Cause| {
        let source = cause.location.and_then(|location| compared.texts.of(cause.side).get(location.file));
        source.map(|source| format!(" ({})", source.name())).unwrap_or_default()
    };
    all.map(|cause| format!("{}{}", cause.text, place(cause))).collect()
}

/// The facts of a kind.
fn facts(compared: &Compared, kind: FactKind) -> Vec<&str> {
    compared.report.facts.iter().filter(|fact| fact.kind == kind).map(|fact| fact.text.as_str()).collect()
}

#[test]
fn what_has_changed_of_a_namespace_of_others_is_named() {
    let own = "namespace shop\nallow *@[env=prod] -> app=db:80 mtls\n";
    let with = |labels: &str| format!("namespace pay open egress{labels}\n");
    let (old, new) = (with(" labels env=dev"), with(" labels env=prod"));
    let labelled = compared(Side { own, with: &old, ..Side::default() }, Side { own, with: &new, ..Side::default() });
    assert_eq!(causes(&labelled), ["namespace `pay`: labels `env=prod` instead of labels `env=dev` (pay.intent)"]);
    let mesh = |word: &str| format!("namespace shop\nexternal namespace pay mesh {word} {{\n}}\nallow *@* -> app=db:80 mtls\n");
    let (old, new) = (mesh("sidecar"), mesh("none"));
    let meshed = compared(Side { own: &old, ..Side::default() }, Side { own: &new, ..Side::default() });
    assert_eq!(causes(&meshed), ["namespace `pay`: mesh none instead of sidecar (shop.intent)"]);
}

#[test]
fn what_has_changed_of_a_namespace_of_the_inventory_is_named() {
    let own = "namespace shop\nallow *@[env=prod] -> app=db:80\n";
    let namespace = |labels: &str| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: pay, labels: {{{labels}}}}}}}\n");
    let (old, new) = (namespace("env: dev"), namespace("env: prod"));
    let found = compared(Side { own, inventory: &old, ..Side::default() }, Side { own, inventory: &new, ..Side::default() });
    assert_eq!(causes(&found), ["namespace `pay`: labels `env=prod` instead of labels `env=dev` (i.yaml)"]);
}

fn deployment(labels: &str, more: &str, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: a}}}}, \
         template: {{metadata: {{labels: {{app: a{labels}}}{more}}}, spec: {{serviceAccountName: a, containers: [{{name: c, image: i}}]{spec}}}}}}}\n"
    )
}

#[test]
fn what_has_changed_of_workloads_of_the_inventory_is_told() {
    let own = "namespace shop\nallow tier=f -> app=db:80 mtls\n";
    let plain = deployment(", tier: f", "", "");
    let refused = ", annotations: {sidecar.istio.io/inject: \"false\"}";
    let unmeshed = "unmeshed-caller: `mtls` is asked of callers that have no mesh identity (Deployment `a@shop` is outside the mesh)";
    for (inventory, wanted, approximations) in [
        (deployment(", tier: b", "", ""), "Deployment shop/a has labels `app=a,tier=b`; they were `app=a,tier=f`", vec![]),
        (deployment(", tier: f", refused, ""), "Deployment shop/a is no longer in the mesh", vec![unmeshed]),
        (
            deployment(", tier: f", "", ", hostNetwork: true"),
            "Deployment shop/a is no longer in the mesh; its effect on what passes is not known",
            vec![unmeshed],
        ),
    ] {
        let side = |inventory| Side { own, inventory, ..Side::default() };
        let there = compared(side(&plain), side(&inventory));
        let of_workloads = |compared| [facts(compared, FactKind::Unknown), facts(compared, FactKind::Workload)].concat();
        assert_eq!(of_workloads(&there), [wanted]);
        let came = facts(&there, FactKind::Approximation);
        assert!(approximations.iter().all(|text| came.contains(text)), "{came:?}");
        let back = compared(side(&inventory), side(&plain));
        let gone = of_workloads(&back);
        assert!(
            gone == [wanted.replace("is no longer in the mesh", "is in the mesh now").as_str()] || gone[0].ends_with("`app=a,tier=b`"),
            "{gone:?}"
        );
    }
}

/// A base that does not hold a path that is named for `--with` is compared as if it had held what is on the disk.
#[test]
fn what_is_not_in_the_revision_but_on_the_disk_is_said() {
    let mut shop = Repository::new();
    shop.put("intents/shop.intent", "namespace shop\nallow app=web@pay -> app=db:80\n");
    shop.commit("one");
    shop.put("with/pay.intent", "namespace pay\nallow app=web -> app=db@shop:80\n");
    shop.put("inv/i.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: pay}}\n");
    shop.commit("two");
    let note = "does not hold `with`, so what is on the disk was read for it";
    let ran = shop.twogate("diff HEAD~1 HEAD --no-merge-base --with with --inventory inv");
    assert!(ran.stdout.contains(note) && ran.stdout.contains("does not hold `inv`"), "{}{}", ran.stdout, ran.stderr);
    let json = shop.twogate("diff HEAD~1 HEAD --no-merge-base --with with --format json").stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["notes"][0].as_str().unwrap().contains(note), "{json}");
    let comment = shop.twogate("diff HEAD~1 HEAD --no-merge-base --with with --format markdown").stdout;
    assert!(comment.contains(note), "{comment}");
    let both = shop.twogate("diff HEAD HEAD --no-merge-base --with with --inventory inv").stdout;
    assert!(!both.contains("does not hold"), "{both}");
}
