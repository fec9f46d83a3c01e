//! The command: which texts it takes, and how it ends.

use super::repository::Repository;
use crate::cli::Place;

const SHOP: &str = "namespace shop\n\nallow app=web -> app=db:5432 mtls because \"orders\"\n";

/// `main` with one commit, and a branch `work` with one more that lets `app=job` in.
fn branched() -> Repository {
    let mut shop = Repository::new();
    shop.put("intents/shop.intent", SHOP);
    shop.commit("one");
    shop.git(&["tag", "v1"]);
    shop.git(&["checkout", "--quiet", "-b", "work"]);
    shop.put("intents/shop.intent", &(SHOP.to_owned() + "allow app=job -> app=db:5432 mtls\n"));
    shop.commit("two");
    shop
}

#[test]
fn the_base_is_where_the_branch_left_main() {
    let mut shop = branched();
    shop.git(&["checkout", "--quiet", "main"]);
    shop.put("intents/other.intent", "namespace shop\n\nallow app=cron -> app=db:5432 mtls\n");
    shop.commit("meanwhile");
    shop.git(&["checkout", "--quiet", "work"]);
    for arguments in ["diff", "diff main", "diff main work", "diff v1 work", "diff HEAD~1"] {
        let ran = shop.twogate(arguments);
        assert_eq!((ran.status, ran.stdout.matches("app=db@shop").count()), (1, 1), "{arguments}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("app=job@shop -> app=db@shop:5432  now allowed, mTLS"), "{}", ran.stdout);
    }
    let exact = shop.twogate("diff main --no-merge-base");
    assert!(exact.stdout.contains("app=cron@shop -> app=db@shop:5432  no longer allowed, mTLS"), "{}", exact.stdout);
}

#[test]
fn the_working_tree_counts_with_what_is_not_committed() {
    let shop = branched();
    assert_eq!(shop.twogate("diff HEAD").status, 0);
    shop.put("intents/new.intent", "namespace shop\n\nallow internet -> app=web:8443\n");
    let ran = shop.twogate("diff HEAD");
    assert!(ran.status == 1 && ran.stdout.contains("internet -> app=web@shop:8443  now allowed"), "{}{}", ran.stdout, ran.stderr);
}

/// Who signs with other keys is let in, which is no line between two workloads.
#[test]
fn other_keys_of_an_issuer_are_told() {
    let intents = |keys: &str| {
        format!(
            "namespace shop mesh sidecar\nissuer corp = \"https://id.test\" jwks \"{keys}\" audience \"api\"\n\
             workload api = app=api account api\nworkload web = app=web account web\nallow web -> api:8080 mtls http GET /a jwt corp\n"
        )
    };
    let (old, new) = (intents("https://id.test/keys"), intents("https://evil.test/keys"));
    let place = Place::with(&[("old/a.intent", &old), ("new/a.intent", &new)]);
    let ran = place.run("diff old new");
    let told =
        "tokens of `https://id.test` are verified by the keys at `https://evil.test/keys`; they were by the keys at `https://id.test/keys`";
    assert!(ran.status == 1 && ran.stdout.contains(told), "{}{}", ran.stdout, ran.stderr);
    // Two issuers of one name, which were both there before.
    let both = old.clone()
        + "issuer next = \"https://id.test\" jwks \"https://id.test/next\" audience \"next\"\n\
                              allow web -> api:8081 mtls http GET /a jwt next\n";
    let place = Place::with(&[("old/a.intent", &both), ("new/a.intent", &(both.clone() + "workload job = app=job account job\n"))]);
    let ran = place.run("diff old new");
    assert!(ran.status == 0 && ran.stdout.contains("job@shop") && !ran.stdout.contains("are verified by"), "{}{}", ran.stdout, ran.stderr);
}

/// By whose keys tokens are verified that no rule asks for, nothing hangs on.
#[test]
fn other_keys_of_an_issuer_that_no_rule_uses_are_no_alarm() {
    let intents =
        |keys: &str| format!("namespace shop\nissuer corp = \"https://id.test\" jwks \"{keys}\" audience \"a\"\nallow * -> app=db:80\n");
    let place = Place::with(&[("old/a.intent", &intents("https://one.test")), ("new/a.intent", &intents("https://two.test"))]);
    let ran = place.run("diff old new");
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "old → new: text changed, access did not\n"), "{}", ran.stderr);
}

/// Whoever labels a namespace otherwise is not out of a scope by that.
#[test]
fn a_scope_is_by_the_labels_of_either_side() {
    let old = "namespace pay labels env=prod\nallow app=b -> app=a:80\n";
    let new = "namespace pay labels env=dev\nallow app=b -> app=a:80\nallow internet -> app=a:80\n";
    let place = Place::with(&[("old/a.intent", old), ("new/a.intent", new)]);
    for (scope, wanted) in [("[env=prod]", 1), ("[env=dev]", 1), ("[env=test]", 0), ("pay", 1), ("shop", 0)] {
        let ran = place.run(&format!("diff old new --fail-on 'internet@{scope}'"));
        assert_eq!(ran.status, wanted, "{scope}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn two_empty_folders_are_named() {
    let place = Place::with(&[("old/readme.txt", ""), ("new/readme.txt", "")]);
    let ran = place.run("diff old new");
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no intent file in `old`, `new`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("both sides are empty, so there is no difference to tell"), "{}", ran.stderr);
}

#[test]
fn folders_of_manifests_are_known_as_such() {
    let object = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n";
    let place = Place::with(&[("old/a.yaml", object), ("new/a.yaml", object)]);
    let ran = place.run("diff old new");
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("what is there are manifests: `--manifests A B` compares those"), "{}", ran.stderr);
}

#[test]
fn a_folder_without_manifests_is_a_cluster_before_the_first_of_them() {
    let closed =
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: shop}, spec: {podSelector: {}}}\n";
    let place = Place::with(&[("old/readme.txt", ""), ("new/a.yaml", closed), ("none/readme.txt", "")]);
    let first = place.run("diff --manifests old new");
    assert_eq!(first.status, 1, "{}", first.stderr);
    assert!(first.stdout.starts_with("old → new: 1 closed"), "{}", first.stdout);
    let last = place.run("diff --manifests new old");
    assert!(last.status == 1 && last.stdout.contains("now allowed"), "{}{}", last.stdout, last.stderr);
    let neither = place.run("diff --manifests old none");
    assert_eq!((neither.status, neither.stdout.as_str()), (2, ""), "{}", neither.stderr);
    assert!(neither.stderr.contains("there is no manifest in old and none in none"), "{}", neither.stderr);
}

/// Whoever has nothing but `NetworkPolicies` has no use for lines about a proxy's ports, nor for one more about SCTP for each policy.
#[test]
fn what_nobody_says_of_the_platform_is_taken_for_granted_aloud() {
    let policy = |spec: &str| {
        let head = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: shop}";
        format!("{head}, spec: {{podSelector: {{}}, ingress: [{spec}]}}}}\n")
    };
    let (base, head) = (policy("{ports: [{port: 5432}]}"), policy(""));
    let place = Place::with(&[("old/a.yaml", &base), ("new/a.yaml", &head), ("empty/readme.txt", "")]);
    let no_mesh =
        "assumes that pods take no part in a mesh, as no manifest speaks of one; `mesh.mode` in twogate.toml says whether they do";
    let sctp = "assumes that the network plugin judges SCTP; `network-plugin.sctp` in twogate.toml says whether it does";
    let text = place.run("diff --manifests old new").stdout;
    assert!(text.contains("*@shop:5432  no longer allowed\n") && text.contains(no_mesh) && text.contains(sctp), "{text}");
    assert!(!text.contains("15008") && !text.contains("unspecified"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&place.run("diff --manifests old new --format json").stdout).unwrap();
    let assumed = ["pods take no part in a mesh, as no manifest speaks of one", "the network plugin judges SCTP"];
    assert_eq!(json["assumptions"], serde_json::json!(assumed));
    let comment = place.run("diff --manifests old new --format markdown").stdout;
    assert!(assumed.iter().all(|assumed| comment.contains(assumed)), "{comment}");
    let plan = place.run("plan --manifests old new").stdout;
    assert!(
        plan.contains("Takes for granted:\n  pods take no part in a mesh") && plan.contains("\n  the network plugin judges SCTP"),
        "{plan}"
    );
    // Of equal texts nothing hangs on it.
    assert_eq!(place.run("diff --manifests old old").stdout, "old → old: no difference\n");
    // One word on either side, and nothing is taken for granted: before the first policy the proxy's ports passed.
    let mesh = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: web, labels: {istio-injection: enabled}}}\n";
    place.put("old/b.yaml", mesh.as_bytes());
    let stated = place.run("diff --manifests old new").stdout;
    assert!(!stated.contains(no_mesh) && stated.contains(sctp), "{stated}");
    let sctp_named = policy("{ports: [{port: 5432, protocol: SCTP}]}");
    place.put("new/a.yaml", sctp_named.as_bytes());
    let stated = place.run("diff --manifests old new").stdout;
    assert!(!stated.contains(sctp) && stated.contains("whether SCTP is judged hangs on the network plugin"), "{stated}");
}

/// What nobody says is the same for every state on the way, so that a plan is safe on the platform that it speaks of.
#[test]
fn a_configuration_says_it() {
    let policy =
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: shop}, spec: {podSelector: {}}}\n";
    let config = "[mesh]\nmode = \"sidecar\"\n[network-plugin]\nsctp = \"no\"\n";
    let place = Place::with(&[("old/readme.txt", ""), ("new/a.yaml", policy), ("twogate.toml", config)]);
    let text = place.run("diff --manifests old new").stdout;
    assert!(!text.contains("assumes that") && text.contains("*/sctp"), "{text}");
    let plan = place.run("plan --manifests old new").stdout;
    assert!(!plan.contains("Takes for granted"), "{plan}");
}

/// The baseline's egress goes to pods of certain labels, which no rule tells apart.
#[test]
fn another_baseline_is_told() {
    let intents = "namespace shop\nallow app=web -> app=api:80\n";
    let dns = |config: &str| Place::with(&[("old/a.intent", intents), ("new/a.intent", intents), ("new/twogate.toml", config)]);
    for (config, entry) in [
        ("[dns]\npods = \"app=coredns@kube-system\"\n", "*@shop -> app=coredns,k8s-app!=kube-dns@kube-system:53|53/udp  now allowed"),
        ("[dns]\nports = [\"5353/udp\"]\n", "*@shop -> k8s-app=kube-dns@kube-system:5353/udp  now allowed"),
    ] {
        let ran = dns(config).run("diff old new");
        assert!(ran.status == 1 && ran.stdout.contains(entry), "{config}{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn one_side_may_come_from_the_standard_input() {
    let place = Place::with(&[("old/a.intent", "namespace shop\nallow app=web -> app=db:5432 mtls\n")]);
    let ran = place.run_on("diff old -", b"namespace shop\nallow app=web|job -> app=db:5432 mtls\n");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("old → standard input: 1 opened to more workloads"), "{}", ran.stdout);
    let same = place.run_on("diff - old", b"namespace shop\nallow app=web -> app=db:5432 mtls\n");
    assert_eq!(same.status, 0, "{}", same.stderr);
    let both = place.run_on("diff - -", b"");
    assert_eq!(both.status, 2);
    assert!(both.stderr.contains("can be read only once"), "{}", both.stderr);
    // A command that was to write a dump and failed has written nothing, which is no cluster without policies.
    place.put("new.yaml", b"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    let nothing = place.run_on("diff --manifests - new.yaml", b"\n");
    assert_eq!(nothing.status, 2);
    assert!(nothing.stderr.contains("the standard input is empty"), "{}", nothing.stderr);
}

#[test]
fn folders_and_files_need_no_repository() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [("old/a.intent", SHOP), ("new/b.intent", SHOP)] {
        std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_twogate"));
        let output = command.args(arguments).current_dir(folder.path()).env("GIT_CEILING_DIRECTORIES", "/").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let moved = run(&["diff", "old", "new"]);
    assert_eq!((moved.0, moved.1.as_str()), (Some(0), "old → new: text changed, access did not\n"));
    assert_eq!(run(&["diff", "old/a.intent", "old"]).1, "old/a.intent → old: no difference\n");
    let lost = run(&["diff", "nowhere", "new"]);
    assert_eq!(lost.0, Some(2), "{lost:?}");
    assert!(lost.2.contains("`nowhere` is no file or folder, and no revision, as this is no git repository"), "{lost:?}");
}

#[test]
fn only_what_is_named_fails() {
    let shop = branched();
    let status = |arguments: &str| shop.twogate(&format!("diff v1 {arguments}")).status;
    assert_eq!(status(""), 1);
    for (condition, wanted) in [
        ("gained", 1),
        ("lost", 0),
        ("internet", 0),
        ("weakened", 0),
        ("any", 1),
        ("gained@shop", 1),
        ("gained@pay", 0),
        ("gained@!shop", 0),
        ("gained@[kubernetes.io/metadata.name=shop]", 1),
        ("gained@[env=prod]", 0),
    ] {
        assert_eq!(status(&format!("--fail-on {condition}")), wanted, "{condition}");
    }
    assert_eq!(status("--fail-on lost --fail-on gained"), 1);
    for wrong in ["--fail-on more", "--fail-on gained@", "--fail-on gained@a->b"] {
        assert_eq!(status(wrong), 2, "{wrong}");
    }
}

#[test]
fn accepted_exposures_fail_nothing_until_their_day() {
    let shop = branched();
    shop.put("intents/door.intent", "namespace shop\n\nallow internet -> app=web:8443\n");
    let allow = "[[diff.allow]]\nflow = \"internet -> app=web@shop:8443\"\nreason = \"the shop's door\"\nuntil = \"2027-03-31\"\n";
    shop.put("twogate.toml", allow);
    let accepted = shop.twogate("diff HEAD --today 2027-03-31");
    assert_eq!(accepted.status, 0, "{}{}", accepted.stdout, accepted.stderr);
    assert!(accepted.stdout.contains("1 accepted") && accepted.stdout.contains("the shop's door, until 2027-03-31"), "{}", accepted.stdout);
    let over = shop.twogate("diff HEAD --today 2027-04-01");
    assert!(over.status == 1 && over.stdout.contains("no longer accepted: the shop's door"), "{}", over.stdout);
    shop.put("twogate.toml", &allow.replace(":8443", ":8444"));
    assert_eq!(shop.twogate("diff HEAD --today 2027-01-01").status, 1);
    shop.put("twogate.toml", &allow.replace("app=web@shop", "nobody@shop"));
    let unknown = shop.twogate("diff HEAD --today 2027-01-01");
    assert!(unknown.status == 2 && unknown.stderr.contains("`diff.allow` names a flow that cannot be read"), "{}", unknown.stderr);
}

#[test]
fn what_cannot_be_understood_is_not_judged() {
    let shop = branched();
    shop.put("intents/broken.intent", "namespace shop\n\nallow app=web to app=db\n");
    let ran = shop.twogate("diff HEAD");
    assert!(ran.status == 2 && ran.stderr.contains("the head (working tree) has errors"), "{}", ran.stderr);
    for (arguments, words) in [("diff nowhere", "no revision"), ("diff --output=x HEAD", "unexpected argument")] {
        let ran = shop.twogate(arguments);
        assert!(ran.status == 2 && ran.stderr.contains(words), "{arguments}: {}", ran.stderr);
    }
    let empty = Repository::new();
    assert_eq!(empty.twogate("diff").status, 2);
}

#[test]
fn the_first_intents_of_all_are_new() {
    let mut shop = Repository::new();
    shop.put("README.md", "nothing yet\n");
    shop.commit("nothing");
    shop.put("intents/shop.intent", SHOP);
    let ran = shop.twogate("diff HEAD");
    assert!(ran.status == 1 && ran.stdout.contains("`shop` becomes managed"), "{}{}", ran.stdout, ran.stderr);
}

/// What opens a namespace opens it as far as no rule denies it.
#[test]
fn a_namespace_that_is_opened_is_open_but_for_what_rules_deny() {
    let closed = "namespace shop\ndeny * -> internet\n";
    let place = |head: &str| Place::with(&[("old/shop.intent", closed), ("new/shop.intent", head), ("twogate.toml", NETWORKS)]);
    let denied = place("namespace shop open egress\ndeny * -> internet\n").run("diff old new").stdout;
    assert!(denied.starts_with("old → new: 1 opened to the outside\n"), "{denied}");
    assert!(denied.contains("now open but for what rules deny\n") && denied.contains("still denied: deny * -> internet\n"), "{denied}");
    let partly = place("namespace shop open egress\ndeny app=web -> internet\n").run("diff old new").stdout;
    assert!(partly.contains("opened to the internet\n") && partly.contains("now open but for what rules deny\n"), "{partly}");
    let open = place("namespace shop open egress\n").run("diff old new").stdout;
    assert!(open.contains("opened to the internet\n") && open.contains("now open, whatever the rules say\n"), "{open}");
}

/// A namespace that a `deny` closes wholly is not opened, and whose `deny` it is can be read.
#[test]
fn namespaces_are_told_as_opened_as_far_as_they_are() {
    let closed = "namespace shop {}\nnamespace pay {}\nnamespace office {}\n";
    let opened = "namespace shop open ingress { deny anywhere -> * }\nnamespace pay open ingress { deny outside -> app=p }\n\
                  namespace office open ingress {}\n";
    let place = Place::with(&[("old/a.intent", closed), ("new/a.intent", opened), ("twogate.toml", NETWORKS)]);
    let ran = place.run("diff old new").stdout;
    assert!(ran.contains("anywhere -> *@office|pay  was closed but for rules and baseline; now open but for what rules deny\n"), "{ran}");
    assert!(ran.contains("still denied: deny outside -> app=p, a line of `pay`\n") && !ran.contains("deny anywhere"), "{ran}");
    let back = place.run("diff new old").stdout;
    assert!(back.contains("1 closed\n") && back.contains("anywhere -> *@office|pay  was open but"), "{back}");
}

/// Who has an address of pods is a pod: if nobody outside gets in, nobody is told to.
#[test]
fn addresses_of_pods_are_nobodys_outside() {
    let opened = "namespace shop open ingress { deny outside -> * }\n";
    let place = Place::with(&[("old/a.intent", "namespace shop {}\n"), ("new/a.intent", opened), ("twogate.toml", NETWORKS)]);
    let ran = place.run("diff old new").stdout;
    assert!(ran.starts_with("old → new: 1 opened across namespaces\n"), "{ran}");
    let outside = Place::with(&[("old/a.intent", "namespace shop {}\n"), ("new/a.intent", "namespace shop open ingress {}\n")]);
    assert!(outside.run("diff old new").stdout.starts_with("old → new: 1 opened to the internet\n"));
}

const NETWORKS: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n";

/// A state in which an expectation fails is not fine, even if nobody gains or loses.
#[test]
fn an_expectation_that_fails_now_fails_a_run_that_asks_for_nothing_else() {
    let side = |group: &str| format!("namespace shop\ngroup g = {group}\nallow app=api -> app=db:80\nexpect deny g -> app=db:80\n");
    let place = Place::with(&[("old/a.intent", &side("app=job")), ("new/a.intent", &side("app=job or app=api"))]);
    for (arguments, wanted) in
        [("old new", 1), ("new old", 0), ("new new", 0), ("old new --fail-on any", 1), ("old new --fail-on gained", 0)]
    {
        let ran = place.run(&format!("diff {arguments}"));
        assert_eq!(ran.status, wanted, "{arguments}: {}{}", ran.stdout, ran.stderr);
    }
}
