//! What a proof takes for granted of pods, namespaces and the mesh, held against what other manifests show.

use serde_json::Value;

use super::{CONFIG, INJECTED_POD, OUTSIDE, SHOP, assumed, client_rule, json, labelled, network, one_pod, shop, status, statuses};
use crate::cli::Place;

/// A namespace with the labels by which a rule chooses its callers, of which the mesh does not know.
#[test]
fn a_namespace_that_is_not_on_the_list_breaks_what_is_assumed_of_it() {
    let program = "namespace front labels env=dev {
  workload web = app=web account web
}
namespace shop labels env=prod {
  workload db = app=db account db
  allow app=x@[env=prod] -> db:80 mtls http GET
  allow web@front -> db:80 mtls http POST
}
";
    let cases = [
        (String::new(), "open", 0),
        (labelled("other", "env: test"), "holds", 0),
        (labelled("other", "env: prod"), "broken `other` is one of them too", 1),
        (labelled("shop", "env: prod"), "holds", 0),
    ];
    for (beside, said, exit) in cases {
        assert_eq!(assumed(program, "", &beside, "namespace-snapshot"), (said.to_owned(), exit), "{beside}");
    }
}

/// What is not modelled chooses namespaces by labels as well: that a namespace does not have them is taken for granted.
#[test]
fn labels_by_which_what_is_not_modelled_chooses_namespaces_are_assumed() {
    let program = "namespace shop {\n  allow app=web -> app=db:80\n}\n";
    let admin = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: theirs}\n\
                 spec: {priority: 1, subject: {namespaces: {matchLabels: {team: q}}}, \
                 ingress: [{action: Allow, from: [{namespaces: {matchLabels: {team: q}}}]}]}\n";
    let beside = |namespace: &str| assumed(program, "[mesh]\nmode = \"none\"\n", &format!("{admin}---\n{namespace}"), "namespace-labels");
    assert_eq!(beside(""), ("open".to_owned(), 0));
    let (status, exit) = beside(&labelled("shop", "team: q"));
    assert!(status.starts_with("broken") && exit == 1, "{status}");
    assert_eq!(beside(&labelled("shop", "team: r")).1, 1, "another value than the program knows is another label too");
}

/// Whom policies know by the mesh alone never calls, as long as it is not in the mesh.
#[test]
fn namespaces_of_others_without_a_mesh_are_assumed_to_be_so() {
    let program = "namespace shop
external namespace legacy mesh none {}
allow app=old@legacy -> app=db:8080
";
    let inside = one_pod("legacy", "old", "", "").replace("annotations: {}", &format!("annotations: {{{INJECTED_POD}}}"));
    let cases = [
        (String::new(), "open", 0),
        (one_pod("legacy", "old", OUTSIDE, ""), "holds", 0),
        (inside, "broken Pod legacy/old has a sidecar", 1),
    ];
    for (beside, said, exit) in cases {
        assert_eq!(assumed(program, "", &beside, "outside-mesh"), (said.to_owned(), exit), "{beside}");
    }
}

/// Pods of one class of labels, of which some take no part in the mesh: these do not stand for the others.
#[test]
fn callers_of_two_data_planes_are_not_of_one_class() {
    let program = |requests: &str| {
        format!(
            "namespace pay {{
  workload db = app=db account db unmeshed
  workload web = app=web account web
}}
namespace shop {{
  workload api = app=api account api
  allow app=db|web@pay -> api:80 mtls{requests}
}}
"
        )
    };
    let (narrow, wide) = (program(" http GET /a"), program(""));
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n";
    let theirs = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: theirs, namespace: shop}\n\
                  spec: {selector: {matchLabels: {app: api}}, rules: [{from: [{source: {principals: ['*']}}]}]}\n";
    let files = [("narrow/p.intent", &*narrow), ("wide/p.intent", &*wide), ("twogate.toml", config), ("theirs.yaml", theirs)];
    let place = Place::with(&files);
    assert_eq!(place.run("compile wide -o manifests").status, 0);
    let ran = place.run("verify narrow --manifests manifests");
    assert!(ran.stdout.starts_with("wider") && ran.stdout.contains("app=web@pay as web -> app=api@shop:80 over mTLS"), "{}", ran.stdout);
    // Policies of others are held against the same callers.
    let wider = place.run("check narrow --alongside theirs.yaml");
    assert_eq!((wider.status, wider.stderr.contains("alongside-changes-access")), (1, true), "{}", wider.stderr);
    let told = place.run("diff narrow wide").stdout;
    assert!(told.contains("app=web@pay -> app=api@shop:80  was allowed, mTLS, http GET /a; now allowed, mTLS"), "{told}");
}

/// A policy that chooses namespaces by labels of which the intents say nothing.
#[test]
fn what_hangs_on_labels_of_namespaces_is_assumed_of_them() {
    let program = "external namespace front labels env=dev {}
namespace pay {
  allow out app=web -> *@shop:5432
}
namespace shop mesh none {
  allow app=job -> app=db:5432
}
";
    let chosen = |name: &str| {
        let labels = format!("{{kubernetes.io/metadata.name: {name}, env: prod}}");
        let ingress = format!("[{{from: [{{namespaceSelector: {{matchLabels: {labels}}}}}]}}]");
        network("theirs", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: {ingress}}}")) + "---\n"
    };
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n";
    let cases = [
        (chosen("pay"), ["open", "open", "open"], 0),
        (chosen("pay") + &labelled("pay", "env: prod"), ["broken it is labelled `env=prod`", "open", "open"], 1),
        (chosen("front") + &labelled("front", "env: prod"), ["open", "open", "broken its `env` is `prod`"], 1),
        (chosen("front") + &labelled("front", "team: a"), ["open", "open", "broken it has no `env`"], 1),
        (chosen("front") + &labelled("front", "team: a, env: dev"), ["open", "open", "holds"], 0),
    ];
    for (beside, said, exit) in cases {
        let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", config), ("beside.yaml", &beside)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
        let value = json(&ran);
        let words = |key: &str, one: &Value| one[key].as_str().unwrap_or_default().to_owned();
        let all = value["assumptions"].as_array().unwrap().iter().filter(|one| one["name"] == "namespace-labels");
        let all: Vec<String> = all.map(|one| format!("{} {}", words("status", one), words("reason", one)).trim_end().to_owned()).collect();
        assert_eq!((all, ran.status), (said.map(str::to_owned).to_vec(), exit), "{beside}");
    }
}

/// A program for sidecars does other things where ztunnel stands (`semantics.md` §5).
#[test]
fn pods_in_ambient_mode_break_what_is_assumed_of_sidecars() {
    let program = "namespace shop\nallow app=web -> app=db:8080 mtls http GET /v1\n";
    let ambient = labelled("shop", "istio.io/dataplane-mode: ambient") + &one_pod("shop", "db", "", "");
    let (said, exit) = assumed(program, "", &ambient, "captured");
    assert_eq!((&*said, exit), ("broken Pod shop/db is in the mesh by ztunnel (ambient) and has no sidecar", 1));
}

#[test]
fn pods_that_are_said_to_be_outside_of_the_mesh_are_looked_at() {
    let program = "namespace shop\nworkload old = app=old account old unmeshed\nallow old -> app=db:5433\nallow app=web -> old:80\n";
    let inside = one_pod("shop", "old", INJECTED_POD, "");
    let outside = one_pod("shop", "old", OUTSIDE, "");
    assert_eq!(assumed(program, "", &inside, "outside-mesh"), ("broken Pod shop/old has a sidecar".to_owned(), 1));
    assert_eq!(assumed(program, "", &outside, "outside-mesh"), ("holds".to_owned(), 0));
    // Without a mesh every pod is said to be outside of it.
    let program = "namespace shop\nallow app=web -> app=db:5432\n";
    let none = "[mesh]\nmode = \"none\"\n";
    let injected = labelled("shop", "istio-injection: enabled") + &one_pod("shop", "db", "", "");
    assert_eq!(assumed(program, none, &injected, "outside-mesh"), ("broken Pod shop/db has a sidecar".to_owned(), 1));
    assert_eq!(assumed(program, none, &one_pod("shop", "db", OUTSIDE, ""), "outside-mesh"), ("holds".to_owned(), 0));
}

#[test]
fn callers_over_mtls_need_sidecars() {
    let program = "namespace shop {\n  allow app=prom@ops -> app=db:5432 mtls\n}\nexternal namespace ops mesh sidecar {\n}\n";
    let said = |annotations: &str| assumed(program, "", &one_pod("ops", "prom", annotations, ""), "meshed-callers");
    assert_eq!(said(OUTSIDE), ("broken Pod ops/prom has no sidecar".to_owned(), 1));
    assert_eq!(said(INJECTED_POD), ("holds".to_owned(), 0));
    // Who may not call by it need not prove who it is.
    assert_eq!(assumed(program, "", &one_pod("ops", "other", "", ""), "meshed-callers").0, "open");
}

/// What labels of namespaces say of the mesh holds for every pod that may come, whether or not the manifests show one
/// (`semantics.md` §2.1).
#[test]
fn labels_of_namespaces_break_what_is_assumed_of_the_mesh() {
    let captured = |labels: &str| assumed("namespace shop\nallow app=web -> app=db:5432 mtls\n", "", &labelled("shop", labels), "captured");
    let turned = |what: &str| (format!("broken the labels of namespace `shop` {what}"), 1);
    assert_eq!(captured("istio.io/dataplane-mode: ambient"), turned("take its pods into the mesh by ztunnel (ambient)"));
    assert_eq!(captured("istio-injection: disabled"), turned("keep its pods out of the mesh"));
    assert_eq!(captured("istio-injection: enabled"), ("open".to_owned(), 0));
    assert_eq!(captured("istio-injection: enabled, istio.io/dataplane-mode: ambient"), ("open".to_owned(), 0));
    let none = "[mesh]\nmode = \"none\"\n";
    let outside =
        assumed("namespace shop\nallow app=web -> app=db:5432\n", none, &labelled("shop", "istio.io/rev: stable"), "outside-mesh");
    assert_eq!(outside, turned("give its pods sidecars"));
    let others = "namespace shop {\n  allow *@ext -> app=db:5432 mtls\n}\nexternal namespace ext mesh sidecar {\n}\n";
    let disabled = labelled("ext", "istio-injection: disabled");
    let wanted = ("broken the labels of namespace `ext` keep its pods out of the mesh".to_owned(), 1);
    assert_eq!(assumed(others, "", &disabled, "meshed-callers"), wanted);
    assert_eq!(assumed(others, "", &disabled, "others-planes"), wanted);
    // Pods that have sidecars by themselves say nothing of those to come.
    let injected = one_pod("shop", "web", INJECTED_POD, "");
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let with = |labels: &str| assumed(program, "", &(labelled("shop", labels) + "---\n" + &injected), "captured");
    assert_eq!(with("istio-injection: enabled"), ("holds".to_owned(), 0));
    assert_eq!(with("team: a"), ("open".to_owned(), 0));
    // Nobody of this namespace may call, and no rule speaks of it.
    let third = labelled("third", "istio.io/dataplane-mode: ambient");
    assert_eq!(assumed(others, "", &third, "meshed-callers").0, "open");
    assert_eq!(assumed(others, "", &third, "others-planes").0, "open");
}

/// A connection that its sidecar does not see is plaintext (`semantics.md` §2.1).
#[test]
fn connections_that_a_sidecar_does_not_take_over_break_what_is_assumed_of_it() {
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let said = |annotation: &str| {
        assumed(program, "", &one_pod("shop", "web", &format!("{INJECTED_POD}, traffic.sidecar.istio.io/{annotation}"), ""), "captured")
    };
    let broken = ("broken Pod shop/web keeps connections that it makes from its sidecar".to_owned(), 1);
    assert_eq!(said("excludeOutboundPorts: '5432'"), broken);
    assert_eq!(said("includeOutboundIPRanges: 10.0.0.0/8"), broken);
    assert_eq!(said("includeOutboundIPRanges: '*'"), ("holds".to_owned(), 0));
}

/// Whoever writes a policy for pods that their own labels keep out of the mesh has such pods, and the comparison holds that there are none.
#[test]
fn a_policy_for_pods_without_sidecars_breaks_what_is_assumed_of_them() {
    let program = "namespace shop\nworkload old = app=old account old unmeshed\nallow app=web -> app=db:5432 mtls\n";
    let said = |labels: &str| {
        let spec = format!("{{podSelector: {{matchLabels: {{{labels}}}}}, policyTypes: [Ingress]}}");
        assumed(program, "", &network("theirs", &spec), "captured")
    };
    let broken = |pod: &str, what: &str| (format!("broken a policy is for `{pod}@shop`, and such a pod {what}"), 1);
    assert_eq!(said("app: db, sidecar.istio.io/inject: 'false'"), broken("app=db,sidecar.istio.io/inject=false", "has no sidecar"));
    assert_eq!(said("app: db, tier: back").0, "open");
    assert_eq!(said("app: db, sidecar.istio.io/inject: 'true'").0, "open");
    assert_eq!(said("app: old, sidecar.istio.io/inject: 'false'").0, "open", "that one is declared to be outside");
}

/// Where the network plugin does not judge SCTP nothing can be proved of it, and all the rest can.
#[test]
fn a_plugin_without_sctp_leaves_the_rest_provable() {
    let no = "[network-plugin]\nsctp = \"no\"\n";
    for program in ["allow app=web -> app=db:5432 mtls", "allow app=web -> app=db", "deny * -> app=db:80"] {
        let program = format!("namespace shop\n{program}\n");
        let beside = labelled("shop", "istio-injection: enabled");
        assert_eq!(assumed(&program, no, &beside, "sctp"), ("open".to_owned(), 0), "{program}");
    }
}

/// `as ACCOUNT` stands for the pods of which it is known: to any other the network opens nothing.
#[test]
fn another_pod_of_an_account_breaks_what_is_assumed_of_it() {
    let program = "namespace shop\nworkload web = app=web account web\nallow as web -> app=db:5432 mtls\nexpect deny app=job -> app=db\n";
    let pod = |app: &str, account: &str| {
        one_pod("shop", app, INJECTED_POD, "").replace(&format!("serviceAccountName: {app}"), &format!("serviceAccountName: {account}"))
    };
    let said = |pods: &str| assumed(program, "", pods, "account-pods");
    assert_eq!(said(&(pod("web", "web") + &pod("job", "job"))), ("holds".to_owned(), 0));
    assert_eq!(said(&(pod("web", "web") + &pod("job", "web"))), ("broken Pod shop/job runs as `web` too".to_owned(), 1));
    assert_eq!(said(&pod("job", "job")).0, "open");
}

/// A pod that runs without the sidecar that its workload is to have is reached past the mesh's gate, whether or not its address is known.
#[test]
fn a_pod_that_runs_without_its_workloads_sidecar_is_not_passed_over() {
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let stateful_set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {serviceAccountName: db, containers: [{name: main, image: x}]}}}\n";
    let pod = |annotations: &str| {
        one_pod("shop", "db", annotations, "").replace(
            "annotations:",
            "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: x, controller: true}], annotations:",
        )
    };
    let ran = |pod: &str| {
        let place =
            Place::with(&[("intents/shop.intent", program), ("twogate.toml", ""), ("beside.yaml", &format!("{stateful_set}{pod}"))]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
        (json(&ran)["relation"].as_str().unwrap().to_owned(), ran.status)
    };
    assert_eq!(ran(&pod(INJECTED_POD)), ("equal".to_owned(), 0));
    assert_eq!(ran(&pod(OUTSIDE)), ("undecided".to_owned(), 1));
}

/// Policies do not reach a pod on its node's network (`semantics.md` §1.7).
#[test]
fn pods_on_the_network_of_their_node_break_what_is_assumed() {
    let program = "namespace shop\nallow app=web -> app=db:5432\n";
    let none = "[mesh]\nmode = \"none\"\n";
    let host = one_pod("shop", "db", "", ", hostNetwork: true");
    let (said, exit) = assumed(program, none, &host, "pod-network");
    assert_eq!((&*said, exit), ("broken Pod shop/db uses the network of its node: policies do not reach it", 1));
}

/// A client that is told to speak plaintext proves no identity (`semantics.md` §3.3).
#[test]
fn rules_for_clients_break_what_is_assumed_of_them() {
    let status = |host: &str, mode: &str| assumed(SHOP, CONFIG, &client_rule(host, mode), "client-tls");
    let broken = ("broken DestinationRule ops/theirs asks for something else than the mesh's mTLS".to_owned(), 1);
    for host in ["db.shop.svc.cluster.local", "db.shop", "*.shop.svc.cluster.local", "*.local", "*"] {
        assert_eq!(status(host, "DISABLE"), broken, "{host}");
    }
    assert_eq!(status("db.shop.svc.cluster.local", "SIMPLE"), broken);
    for (host, mode) in [("db.shop.svc.cluster.local", "ISTIO_MUTUAL"), ("db.shopping.svc.cluster.local", "DISABLE"), ("db", "DISABLE")] {
        assert_eq!(status(host, mode), ("holds".to_owned(), 0), "{host} {mode}");
    }
}

/// No flow tells by whose keys a token is verified, so equal manifests are held against the intents' keys besides.
#[test]
fn other_keys_break_what_is_assumed_of_an_issuer() {
    let program = "namespace shop mesh sidecar\n\nissuer corp = \"https://id.test\" jwks \"https://id.test/keys\" audience \"api\"\n\
                   workload api = app=api account api\nworkload web = app=web account web\nallow web -> api:8080 mtls http GET /a jwt corp\n";
    let theirs = |keys: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: theirs, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: api}}}}, jwtRules: [{{issuer: 'https://id.test', audiences: [api], jwksUri: '{keys}'}}]}}\n"
        )
    };
    let (status, exit) = assumed(program, "", &theirs("https://evil.test/keys"), "keys");
    assert_eq!(exit, 1, "{status}");
    assert_eq!(
        status,
        "broken RequestAuthentication shop/theirs verifies tokens of `https://id.test` by the keys at `https://evil.test/keys`, and not by \
         the keys at `https://id.test/keys`"
    );
    assert_eq!(assumed(program, "", &theirs("https://id.test/keys"), "keys"), ("holds".to_owned(), 0));
}

#[test]
fn rules_for_clients_alongside_are_found() {
    let place = Place::with(&[("intents/shop.intent", SHOP), ("twogate.toml", CONFIG)]);
    place.put("theirs.yaml", client_rule("*.shop.svc.cluster.local", "DISABLE").as_bytes());
    let ran = place.run("compile -o manifests --alongside theirs.yaml");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("alongside-changes-access") && ran.stderr.contains("theirs.yaml:1:1"), "{}", ran.stderr);
    assert!(!place.path("manifests").exists());
    place.put("theirs.yaml", client_rule("*.shop.svc.cluster.local", "ISTIO_MUTUAL").as_bytes());
    assert_eq!(place.run("compile -o manifests --alongside theirs.yaml").status, 0);
}

#[test]
fn what_a_dump_does_not_show_stays_open() {
    let place = shop();
    let text = ["networkpolicies", "authorizationpolicies", "peerauthentications"]
        .map(|name| std::fs::read_to_string(place.path(&format!("manifests/shop/{name}.yaml"))).unwrap())
        .join("---\n");
    let (exit, all) = statuses(&text);
    for name in ["namespace-labels", "captured"] {
        assert_eq!(status(&all, name, ""), "open", "{name}");
    }
    assert!(all.iter().filter(|one| one.0 == "account").all(|one| one.2 == "open"), "{all:#?}");
    assert_eq!(exit, 0, "what is not shown is no finding");
}

/// Pods with addresses that the configuration does not know of, where a rule names addresses.
#[test]
fn the_addresses_of_pods_are_held_against_the_configuration() {
    let program = format!("{SHOP}allow web -> 203.0.113.7:443\n");
    for (address, wanted, exit) in [("10.244.0.7", "holds", 0), ("203.0.113.7", "broken", 1)] {
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", CONFIG)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: tool, namespace: shop, labels: {{app: tool}}, annotations: {{sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: main, image: x}}]}}\nstatus: {{podIP: {address}}}\n"
        );
        place.put("pods.yaml", pod.as_bytes());
        let ran = place.run("verify --manifests manifests --manifests pods.yaml --format json");
        let value = json(&ran);
        let one = value["assumptions"].as_array().unwrap().iter().find(|one| one["name"] == "no-pod-address").unwrap();
        assert_eq!((one["status"].as_str().unwrap(), ran.status), (wanted, exit), "{one}");
    }
}

/// Without a configuration a pod's address speaks against a block that holds it, and only there.
#[test]
fn a_block_that_holds_a_pod_breaks_what_is_assumed() {
    let program = "namespace shop\nallow app=web -> 10.0.0.0/8:443 accept cidr-may-cover-pods\n";
    let pod = |address: &str, spec: &str| one_pod("shop", "tool", INJECTED_POD, spec) + &format!("status: {{podIP: {address}}}\n");
    let status = |address: &str, spec: &str| assumed(program, "", &pod(address, spec), "no-pod-address").0;
    assert_eq!(status("10.244.0.6", ""), "broken Pod shop/tool has the address `10.244.0.6`");
    assert_eq!(status("172.16.0.6", ""), "holds");
    let anywhere = "namespace shop\nallow anywhere -> app=web:443\n";
    assert_eq!(assumed(anywhere, "", &pod("10.244.0.6", ""), "no-pod-address").0, "holds");
    // The address of a node is no pod's.
    assert_eq!(status("10.1.0.6", ", hostNetwork: true"), "open");
}
