//! The command: what is read, who is meant, exit status, rules that end soon.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a run left behind: exit status, standard output, standard error.
pub(super) struct Ran(pub(super) i32, pub(super) String, pub(super) String);

/// Runs `twogate list` in a folder with these files, with a standard input.
pub(super) fn run(files: &[(&str, &str)], arguments: &[&str], input: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_twogate"));
    command.arg("list").args(arguments).current_dir(folder.path()).env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads no input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const INTENTS: &str = "namespace shop\nworkload web = app=web account web-sa\nworkload db = app=db account db-sa\nallow web -> app=db:5432 mtls until 2027-03-31 because \"SEC-123\"\nallow office -> web:8443\nnetwork office = 203.0.113.0/24\n";
const INVENTORY: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: front, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {serviceAccountName: web-sa, containers: [{name: c, image: i}]}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {serviceAccountName: db-sa, containers: [{name: c, image: i}]}}}\n";
const CONFIG: &str = "[network-plugin]\nsctp = \"yes\"\n[ingress]\nsource = \"client\"\n[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n";

fn shop(arguments: &[&str]) -> Ran {
    let files = [("intents/shop.intent", INTENTS), ("pods.yaml", INVENTORY), ("twogate.toml", CONFIG)];
    run(&files, &[&["--inventory", "pods.yaml"], arguments].concat(), "")
}

/// The rows without their blanks.
pub(super) fn rows(text: &str) -> Vec<String> {
    text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_intents_are_compiled_and_judged_with_the_inventory() {
    let Ran(status, stdout, stderr) = shop(&[]);
    assert_eq!(
        rows(&stdout),
        ["shop/front[Deployment] shop/db[StatefulSet] TCP 5432 mTLS", "203.0.113.0/24 shop/front[Deployment] TCP 8443 plaintext"],
        "{stderr}"
    );
    assert_eq!(status, 0);
}

#[test]
fn ends_are_written_as_in_intents_or_as_names_of_workloads() {
    let to_db = "shop/front[Deployment] shop/db[StatefulSet] TCP 5432 mTLS";
    let outside = "203.0.113.0/24 shop/front[Deployment] TCP 8443 plaintext";
    for from in [
        "web",
        "app=web",
        "web@shop",
        "app=web@shop",
        "shop/front",
        "deploy/front@shop",
        "shop/front[Deployment]",
        "front",
        "*",
        "web or app=db",
    ] {
        let Ran(status, stdout, stderr) = shop(&["--from", from]);
        assert_eq!((status, rows(&stdout)), (0, vec![to_db.to_owned()]), "{from}: {stderr}");
    }
    for from in ["office", "203.0.113.0/24", "outside or office"] {
        let Ran(status, stdout, stderr) = shop(&["--from", from]);
        assert_eq!((status, rows(&stdout)), (0, vec![outside.to_owned()]), "{from}: {stderr}");
    }
    let Ran(_, stdout, _) = shop(&["--from", "203.0.113.7"]);
    assert_eq!(rows(&stdout), ["203.0.113.7/32 shop/front[Deployment] TCP 8443 plaintext"]);
    let Ran(_, stdout, _) = shop(&["--internet"]);
    assert_eq!(rows(&stdout), [outside]);
}

#[test]
fn whoever_is_nobody_is_told_and_nothing_is_listed() {
    for (from, wanted) in [
        ("app=nope", "error: `--from app=nope` is nobody that the manifests hold"),
        ("shop/nope", "error: `--from shop/nope` is nobody that the manifests hold"),
        ("nope", "error[unknown-name]"),
        ("app==", "error[syntax-error]"),
        ("web -> app=db:1\nallow *", "error"),
    ] {
        let Ran(status, stdout, stderr) = shop(&["--from", from]);
        assert_eq!((status, stdout.as_str()), (2, ""), "{from}: {stderr}");
        assert!(stderr.contains(wanted), "{from}: {stderr}");
    }
}

#[test]
fn a_dump_on_the_standard_input_needs_no_intents() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}\n";
    let dump = format!("{INVENTORY}{policy}");
    let wanted = ["shop/front[Deployment] shop/db[StatefulSet] TCP 80 plaintext"];
    let config = [("twogate.toml", "[network-plugin]\nsctp = \"yes\"\n[mesh]\nmode = \"none\"\n")];
    let Ran(status, stdout, stderr) = run(&config, &["--manifests", "-", "--from", "front"], &dump);
    assert_eq!((status, rows(&stdout)), (0, wanted.map(str::to_owned).to_vec()), "{stderr}");
    let Ran(status, stdout, _) = run(
        &[config[0], ("all/a.yaml", policy), ("pods.yaml", INVENTORY)],
        &["--manifests", "all", "--inventory", "pods.yaml", "--from", "app=web@shop"],
        "",
    );
    assert_eq!((status, rows(&stdout)), (0, wanted.map(str::to_owned).to_vec()));
}

/// What a configuration in error meant is not known, and the mesh hangs on it.
#[test]
fn a_configuration_in_error_leaves_nothing_to_be_listed() {
    for wrong in ["[mesh]\nmod = \"none\"\n", "this is no TOML"] {
        let Ran(status, stdout, stderr) = run(&[("twogate.toml", wrong)], &["--manifests", "-", "--config", "twogate.toml"], INVENTORY);
        assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    }
}

#[test]
fn what_is_no_endpoint_is_told_as_that() {
    for wrong in ["svc/web@shop", "deploy/web@shop:80", "x y"] {
        let Ran(status, stdout, stderr) = run(&[], &["--manifests", "-", "--to", wrong], INVENTORY);
        assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("an endpoint does not go on like this") && !stderr.contains("->`"), "{stderr}");
    }
}

#[test]
fn the_exit_status_tells_of_findings_and_never_of_what_passes() {
    let typo = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Inward]}\n";
    let Ran(status, stdout, stderr) = run(&[], &["--manifests", "-"], &format!("{INVENTORY}---\n{typo}"));
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.contains("error[invalid-manifest]"), "{stderr}");
    assert!(stdout.contains("? ") && stdout.contains("cannot be read"), "what it may touch is not known: {stdout}");
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n{{- if .Values.on }}\nspec: {}\n{{- end }}\n";
    let Ran(status, _, stderr) = run(&[], &["--manifests", "-"], template);
    assert!(status == 1 && stderr.contains("`helm template` prints that of a chart"), "{stderr}");
    let Ran(status, stdout, stderr) = run(&[("intents/a.intent", "allow app=\n")], &[], "");
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    let Ran(status, _, stderr) = run(&[], &["--manifests", "nowhere.yaml"], "");
    assert_eq!((status, stderr.as_str()), (2, "error: cannot read nowhere.yaml: No such file or directory\n"));
    let Ran(status, stdout, stderr) = run(&[("intents/shop.intent", INTENTS), ("twogate.toml", CONFIG)], &[], "");
    assert_eq!((status, stdout.as_str()), (0, "nobody is listed\n"));
    assert!(stderr.contains("there are no workloads to list"), "{stderr}");
}

#[test]
fn rules_that_end_soon_are_listed_by_their_day() {
    let of = |arguments: &[&str]| shop(&[&["--expiring", "30d"], arguments].concat());
    let Ran(status, stdout, _) = of(&["--today", "2027-03-20"]);
    assert_eq!(
        (status, stdout.as_str()),
        (0, "2027-03-31  11 days left  intents/shop.intent:4  allow web -> app=db:5432 mtls  because \"SEC-123\"\n")
    );
    assert_eq!(of(&["--today", "2027-02-28"]).1, "no rule expires by then\n");
    assert!(of(&["--today", "2027-03-31"]).1.contains("today is its last day"));
    assert!(of(&["--today", "2027-04-02"]).1.contains("past for 2 days"));
    let json: serde_json::Value = serde_json::from_str(&of(&["--today", "2027-03-20", "--format", "json"]).1).unwrap();
    assert_eq!(json["expiring"][0]["days"], 11);
    assert_eq!(json["expiring"][0]["file"], "intents/shop.intent");
    assert!(
        of(&["--today", "2027-03-20", "--format", "csv"])
            .1
            .ends_with("\r\n2027-03-31,11,\"intents/shop.intent\",4,\"allow web -> app=db:5432 mtls\",\"SEC-123\"\r\n")
    );
    assert_eq!(of(&["--format", "dot"]).0, 2);
    assert_eq!(shop(&["--expiring", "soon"]).0, 2);
}

/// Without a word about Istio there is no mesh, as `explain` has it; a comment is none.
#[test]
fn where_no_manifest_speaks_of_a_mesh_there_is_none() {
    let told = "assumes that pods take no part in a mesh, as no manifest speaks of one; `mesh.mode` in twogate.toml says whether they do";
    let comment = format!("# see https://istio.io\n{INVENTORY}");
    for text in [INVENTORY, comment.as_str()] {
        let Ran(status, stdout, stderr) = run(&[], &["--manifests", "-", "--to", "shop/db"], text);
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(stderr.matches(told).count(), 1, "{stderr}");
        let passes = rows(&stdout);
        assert!(passes.contains(&"shop/front[Deployment] shop/db[StatefulSet] all connections plaintext".to_owned()), "{passes:?}");
    }
    let json = run(&[], &["--manifests", "-", "--format", "json"], INVENTORY).1;
    assert!(json.contains("\"name\": \"no-mesh\""), "{json}");
    // Where one speaks of it, its pods are taken for such of which nothing says so though their namespace is described.
    let spoken = format!(
        "{INVENTORY}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{}}\n"
    );
    let taken = "assumes that pods have sidecars where neither they nor their namespaces say so";
    assert!(run(&[], &["--manifests", "-"], &spoken).2.contains(taken));
    let labelled = spoken.replace("{name: shop}\n---", "{name: shop, labels: {istio-injection: enabled}}\n---");
    assert!(!run(&[], &["--manifests", "-"], &labelled).2.contains(taken));
    // An object or a configuration that speaks of it decides, and a configuration that says other things does not.
    let meshed =
        format!("{INVENTORY}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n");
    for (files, text) in [(vec![], meshed.as_str()), (vec![("twogate.toml", "[mesh]\nmode = \"sidecar\"\n")], INVENTORY)] {
        let Ran(_, stdout, stderr) = run(&files, &["--manifests", "-", "--to", "shop/db"], text);
        assert!(!stderr.contains(told) && stdout.contains("either"), "{stderr}{stdout}");
    }
    let other = [("twogate.toml", "[network-plugin]\nsctp = \"yes\"\n")];
    let Ran(_, stdout, stderr) = run(&other, &["--manifests", "-", "--to", "shop/db"], INVENTORY);
    assert!(stderr.contains(told) && !stdout.contains("either"), "{stderr}{stdout}");
}

/// A misspelt label is in no row; of a namespace whose pods nobody shows nothing is known, and a list of some asks for no more.
#[test]
fn policies_that_select_nobody_are_told() {
    let policy = |namespace: &str, name: &str, app: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{podSelector: {{matchLabels: {{app: {app}}}}}}}\n"
        )
    };
    let told = |policies: &str, arguments: &[&str]| {
        let text = format!("{INVENTORY}{policies}");
        let Ran(status, _, stderr) = run(&[("all.yaml", &text)], &[&["--manifests", "all.yaml"], arguments].concat(), "");
        assert_eq!(status, 0, "{stderr}");
        stderr.lines().find(|line| line.contains("selector-matches-nothing")).map(str::to_owned)
    };
    let slip = policy("shop", "db", "database");
    let one = "note[selector-matches-nothing]: NetworkPolicy `shop/db` selects none of the workloads that the manifests hold";
    assert_eq!(told(&slip, &[]).as_deref(), Some(one));
    let both = told(&(slip.clone() + &policy("shop", "job", "job")), &[]).unwrap();
    assert!(both.contains("NetworkPolicy `shop/db`, NetworkPolicy `shop/job` select none of"), "{both}");
    assert_eq!(told(&policy("shop", "db", "db"), &[]), None);
    assert_eq!(told(&policy("elsewhere", "db", "database"), &[]), None);
    assert_eq!(told(&slip, &["--to", "shop/db"]), None);
}

/// What programs of others write decides too: `--with` takes them as applied.
#[test]
fn programs_of_others_decide_too() {
    let shop = "namespace shop\nworkload web = app=web account web\nallow web -> app=api@pay:8080|8081\n";
    let pay = "namespace pay\nworkload api = app=api account api\nallow app=web@shop -> api:8080|8081\ndeny *@* -> api:8081\n";
    let pods = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {serviceAccountName: web}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: api, namespace: pay, labels: {app: api}}\nspec: {serviceAccountName: api}\n";
    let files = [("shop.intent", shop), ("pay.intent", pay), ("pods.yaml", pods)];
    let all = |own: &str, other: &str| {
        let Ran(status, stdout, stderr) = run(&files, &[own, "--with", other, "--inventory", "pods.yaml"], "");
        assert_eq!(status, 0, "{stderr}");
        rows(&stdout)
    };
    let only = ["shop/web[Pod] pay/api[Pod] TCP 8080 either"];
    assert_eq!(all("shop.intent", "pay.intent"), only);
    assert_eq!(all("pay.intent", "shop.intent"), only, "whoever's they are, the policies are the same");
}

/// What intents declare of pods holds for those of the inventory: `db` has a sidecar by the line of its namespace, though no manifest says so.
#[test]
fn pods_are_as_intents_declare_them() {
    let intents = "namespace shop mesh sidecar labels team=a open egress {\n  workload old = app=old unmeshed\n  close in app=db\n  allow in * -> app=db:81 mtls\n  allow in *@[team=a] -> app=db:82\n}\n";
    let pod = |app: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {app}, namespace: shop, labels: {{app: {app}}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n---\n"
        )
    };
    let pods = pod("old") + &pod("web") + &pod("db");
    for config in ["[mesh]\nmode = \"none\"\n", "[mesh]\nmode = \"sidecar\"\n"] {
        let files = [("shop.intent", intents), ("pods.yaml", pods.as_str()), ("twogate.toml", config)];
        let Ran(status, stdout, stderr) = run(&files, &["shop.intent", "--inventory", "pods.yaml", "--to", "shop/db[Pod]"], "");
        assert_eq!(status, 0, "{stderr}");
        let rows = rows(&stdout);
        let (old, web) = ("shop/old[Pod] shop/db[Pod] TCP", "shop/web[Pod] shop/db[Pod] TCP");
        assert_eq!(rows, [format!("{old} 82 plaintext"), format!("{web} 81 mTLS"), format!("{web} 82 either")], "{stdout}");
    }
}

/// A finding about an end shows what was written, and nothing around it.
#[test]
fn findings_about_an_end_show_that_alone() {
    let Ran(status, _, stderr) = shop(&["--from", "x y"]);
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("--from:1:3") && stderr.contains("| x y\n"), "{stderr}");
    assert!(!stderr.contains("expect deny"), "{stderr}");
}
