//! How counterexamples are told: with the labels of namespaces that decide, and with the line that lets a connection through.

use super::{CONFIG, SHOP, caller, json, labelled, narrower, network, wider};
use crate::cli::Place;

/// The relation and the flows that differ, of manifests with a rule of their own for callers by the labels of their namespaces.
fn flows(selector: &str, beside: &str) -> (String, Vec<String>) {
    let program = "namespace shop\nallow *@[team=x] -> app=web:80\n";
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", &format!("{CONFIG}[mesh]\nmode = \"none\"\n"))]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let file = "manifests/shop/networkpolicies.yaml";
    let own = std::fs::read_to_string(place.path(file)).unwrap();
    assert!(own.contains("        matchLabels:\n          team: x\n"), "{own}");
    place.put(file, own.replace("        matchLabels:\n          team: x\n", selector).as_bytes());
    place.put("beside.yaml", beside.as_bytes());
    let value = json(&place.run("verify --manifests manifests --manifests beside.yaml --format json"));
    let all = value["differences"].as_array().unwrap().iter();
    (value["relation"].as_str().unwrap().to_owned(), all.map(|one| one["flow"].as_str().unwrap().to_owned()).collect())
}

/// A namespace that nobody describes has just the labels that are told of it, and its name says nothing of them.
#[test]
fn labels_that_decide_are_told_of_namespaces_that_nobody_describes() {
    let tested = |test: &str| format!("        matchExpressions:\n        - {{{test}}}\n");
    let only = |selector: &str, wanted: &str, labels: &str| {
        let (relation, flows) = flows(selector, "");
        assert_eq!(relation, wanted, "{flows:?}");
        let told = format!("@[kubernetes.io/metadata.name=any,{labels}] -> app=web@shop:80 in plaintext");
        assert!(!flows.is_empty() && flows.iter().all(|flow| flow.ends_with(&told)), "{told} in {flows:?}");
    };
    only(&tested("key: team, operator: NotIn, values: [y]"), "wider", "team!=*");
    let more = tested("key: team, operator: In, values: [x]") + "        - {key: stage, operator: Exists}\n";
    only(&more, "narrower", "stage!=*,team=x");
    let (relation, found) = flows(&tested("key: team, operator: Exists"), "");
    assert_eq!(relation, "wider");
    assert!(found.iter().all(|flow| flow.contains(",team=") && !flow.contains("team=x") && !flow.contains("team!=")), "{found:?}");
}

/// What is as the manifests describe it can be looked up, and what nobody looks at is left out.
#[test]
fn labels_that_can_be_looked_up_or_do_not_decide_are_not_told() {
    let note = |callers: &str, labels: &str| {
        let program = format!("{SHOP}allow {callers} -> web:80\n");
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", CONFIG)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let closed = network("closed", "{podSelector: {}, policyTypes: [Egress]}").replace("namespace: shop}", "namespace: ops}");
        place.put("beside.yaml", format!("{closed}---\n{}", labelled("ops", labels)).as_bytes());
        let value = json(&place.run("verify --manifests manifests --manifests beside.yaml --format json"));
        let notes = value["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned());
        notes.collect::<Vec<_>>().join("\n")
    };
    let told = |callers: &str, labels: &str, wanted: &str| {
        let note = note(callers, labels);
        assert!(note.contains(wanted) && note.contains(" is stopped by NetworkPolicy ops/closed"), "{wanted} in {note}");
    };
    let other = "@[env=prod,kubernetes.io/metadata.name=ops] -> ";
    told("*@[env=prod]", "env: prod", "@ops -> ");
    told("*@[env=prod]", "env: test", other);
    told("*@[env=prod]", "", other);
    told("app=job@ops", "env: test", "app=job@ops as ");
}

#[test]
fn the_line_is_told_that_lets_through_what_is_stopped() {
    let place = super::shop();
    place.put("manifests/theirs.yaml", narrower().as_bytes());
    let ran = place.run("verify --manifests manifests");
    assert!(ran.stdout.contains("\n    the intents say allowed by intents/shop.intent:6, the manifests denied\n"), "{}", ran.stdout);
    let value = json(&place.run("verify --manifests manifests --format json"));
    assert_eq!(value["differences"][0]["rule"], "intents/shop.intent:6", "{value}");
    // No line lets name resolution through.
    let closed = network("closed", "{podSelector: {}, policyTypes: [Egress]}");
    place.put("manifests/theirs.yaml", narrower().as_bytes());
    let file = "manifests/shop/networkpolicies.yaml";
    let own = std::fs::read_to_string(place.path(file)).unwrap();
    place.put(file, own.replace("port: 53", "port: 54").as_bytes());
    place.put("manifests/theirs.yaml", closed.as_bytes());
    let ran = place.run("verify --manifests manifests");
    assert!(ran.stdout.contains(":53") && ran.stdout.contains("\n    the intents say allowed, the manifests denied\n"), "{}", ran.stdout);
}

/// Whatever a policy compares with is told so that it is read as the same: in quotes where it is no word.
#[test]
fn requests_of_counterexamples_are_told_so_that_they_are_read_as_they_are() {
    let rules = [
        "to: [{operation: {methods: [M-SEARCH]}}]",
        "to: [{operation: {paths: ['/a,b']}}]",
        "when: [{key: 'request.headers[origin]', values: ['https://shop.test']}]",
        "when: [{key: 'request.headers[h]', values: ['b,']}, {key: 'request.headers[z]', values: ['1']}]",
        "when: [{key: 'request.headers[h]', values: ['x header y=1']}]",
        "when: [{key: 'request.headers[h]', values: ['with \"q']}]",
    ];
    for rule in rules {
        let place = super::shop();
        let deny = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: theirs, namespace: shop}}\n\
             spec: {{action: DENY, rules: [{{{rule}}}]}}\n"
        );
        place.put("manifests/theirs.yaml", deny.as_bytes());
        let value = json(&place.run("verify --manifests manifests --format json"));
        let differences = value["differences"].as_array().unwrap();
        assert!(!differences.is_empty(), "{rule}");
        for one in differences {
            let flow = one["flow"].as_str().unwrap();
            let ran = place.command(&["explain", flow, "intents", "--manifests", "manifests", "--format", "json"]).output().unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
            assert_eq!(answer["verdict"], one["manifests"], "{rule}: {flow}: {answer}");
        }
    }
}

/// A counterexample is a question too: whoever pastes it hears what the comparison said, account and transport included.
#[test]
fn counterexamples_can_be_asked_about_as_they_are_told() {
    let place = super::shop();
    place.put("manifests/theirs.yaml", format!("{}---\n{}", wider(), narrower()).as_bytes());
    let value = json(&place.run("verify --manifests manifests --format json"));
    let mut asked = 0;
    for one in value["differences"].as_array().unwrap() {
        let flow = one["flow"].as_str().unwrap();
        let ran = place.run(&format!("explain '{flow}' intents --manifests manifests --format json"));
        let answer = json(&ran);
        assert_eq!(answer["verdict"], one["manifests"], "{flow}: {answer}");
        asked += 1;
    }
    assert!(asked > 1, "{value}");
}

/// A pod of a namespace of which nobody says it takes part in the mesh where its own labels say it, unless those of the namespace keep it out:
/// over mTLS that is told, so that whoever asks hears the same.
#[test]
fn pods_that_nobody_takes_for_meshed_are_told_with_the_label_that_takes_them_in() {
    let closed = network("closed", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
    let peer = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}";
    let into =
        network("in", &format!("{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{{peer}}}], ports: [{{port: 2}}]}}]}}"));
    let out = network(
        "out",
        &format!(
            "{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Egress], egress: [{{to: [{{{peer}}}], ports: [{{port: 3}}]}}]}}"
        ),
    );
    let only_mesh = caller("mesh", "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [other]}}]}]}");
    let (plain, meshed) = (labelled("other", "team: x"), labelled("shop", "istio-injection: enabled"));
    let all = format!("{closed}---\n{into}---\n{out}");
    let place = Place::with(&[("intents/shop.intent", "namespace shop\n")]);
    let asked = |manifests: &str| {
        place.put("manifests.yaml", manifests.as_bytes());
        let value = json(&place.run("verify intents --manifests manifests.yaml --format json"));
        let differences = value["differences"].as_array().unwrap().clone();
        for one in &differences {
            let flow = one["flow"].as_str().unwrap();
            let answer = json(&place.run(&format!("explain '{flow}' intents --manifests manifests.yaml --format json")));
            assert_eq!(answer["verdict"], one["manifests"], "{flow}: {answer}");
        }
        differences.iter().map(|one| one["flow"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let meshed_in = "sidecar.istio.io/inject=true@other as other -> app=db@shop:2 over mTLS".to_owned();
    for beside in [String::new(), format!("---\n{plain}---\n{meshed}")] {
        let flows = asked(&format!("{all}{beside}"));
        assert!(flows.contains(&meshed_in) && flows.contains(&"as other@other -> app=db@shop:2 in plaintext".to_owned()), "{flows:?}");
        assert!(flows.iter().any(|flow| flow.contains("-> sidecar.istio.io/inject=true@other:3 over mTLS")), "{flows:?}");
        assert!(flows.iter().all(|flow| !flow.contains("inject=true@istio-system")), "where it decides nothing: {flows:?}");
    }
    let flows = asked(&format!("{all}---\n{only_mesh}---\n{plain}---\n{meshed}"));
    assert!(flows.contains(&meshed_in), "{flows:?}");
    // Where they are in the mesh as it is, nothing is told.
    let flows = asked(&format!("{all}---\n{only_mesh}"));
    assert!(flows.iter().all(|flow| !flow.contains("inject")), "{flows:?}");
}

/// The flows that differ, each of which `explain` answers as the comparison does, gates and reason included.
fn asked_again(place: &Place, manifests: &str) -> Vec<String> {
    place.put("manifests.yaml", manifests.as_bytes());
    let value = json(&place.run("verify intents --manifests manifests.yaml --format json"));
    let differences = value["differences"].as_array().unwrap_or_else(|| panic!("{value}"));
    for one in differences {
        let flow = one["flow"].as_str().unwrap();
        let answer = json(&place.run(&format!("explain '{flow}' intents --manifests manifests.yaml --format json")));
        let said = one["manifests"].as_str().unwrap();
        assert_eq!(answer["verdict"].as_str(), said.split(' ').next(), "{flow}: {answer}");
        for told in answer["answers"].as_array().unwrap() {
            assert_eq!(told["intents"]["verdict"], one["intents"], "{flow}: {answer}");
        }
    }
    differences.iter().map(|one| one["flow"].as_str().unwrap().to_owned()).collect()
}

/// Manifests that let pods of a namespace with these labels in and out on these ports, where intents let nobody.
fn beside(namespace: &str, labels: &str, ports: &str) -> String {
    let peer = format!("namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}");
    let rule = |end: &str, peers: &str| format!("{end}: [{{{peers}: [{{{peer}}}], ports: [{ports}]}}]");
    let closed = network("closed", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
    let both = network(
        "both",
        &format!(
            "{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress, Egress], {}, {}}}",
            rule("ingress", "from"),
            rule("egress", "to")
        ),
    );
    let shown = if labels.is_empty() { String::new() } else { format!("---\n{}", labelled(namespace, labels)) };
    format!("{closed}---\n{both}{shown}---\n{}", labelled("shop", "istio-injection: enabled"))
}

/// No label gives a pod a sidecar where its namespace, or the name of that, keeps injectors out. So none is told as a caller over mTLS.
#[test]
fn no_pod_is_told_over_mtls_that_no_label_takes_in() {
    let place = Place::with(&[("intents/shop.intent", "namespace shop\n")]);
    for (namespace, labels) in [("other", "istio-injection: disabled"), ("other", "istio-injection: 'off'"), ("kube-public", "")] {
        let flows = asked_again(&place, &beside(namespace, labels, "{port: 2}"));
        let of_theirs = || flows.iter().filter(|flow| flow.contains(&format!("@{namespace}")));
        assert!(of_theirs().count() >= 2 && of_theirs().all(|flow| flow.ends_with(":2 in plaintext")), "{labels}: {flows:?}");
        // Whoever asks for an identity lets nobody of theirs in.
        let only_mesh = caller(
            "mesh",
            &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{namespaces: [{namespace}]}}}}]}}]}}"),
        );
        let flows = asked_again(&place, &format!("{}---\n{only_mesh}", beside(namespace, labels, "{port: 2}")));
        assert!(!flows.iter().any(|flow| flow.contains("-> app=db@shop")), "{labels}: {flows:?}");
    }
}

/// That pods are outside of the mesh where their namespace keeps them out is taken for granted, aloud.
#[test]
fn what_keeps_pods_out_is_an_assumption() {
    let place = Place::with(&[("intents/shop.intent", "namespace shop\n")]);
    let assumed = |labels: &str| {
        place.put("manifests.yaml", beside("other", labels, "{port: 2}").as_bytes());
        let value = json(&place.run("verify intents --manifests manifests.yaml --format json"));
        value["assumptions"].as_array().unwrap().iter().any(|one| one["name"] == "others-planes")
    };
    assert!(assumed("istio-injection: disabled"));
    assert!(!assumed("team: x"));
}

/// A pod with a proxy that somebody put in by hand is in the mesh all the same: it stands for its namespace where the manifests show it.
#[test]
fn a_proxy_put_in_by_hand_is_told_by_its_pod() {
    let place = Place::with(&[("intents/shop.intent", "namespace shop\n")]);
    let by_hand = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: job, namespace: other}\n\
                   spec: {selector: {matchLabels: {app: job}}, template: {metadata: {labels: {app: job}, annotations: \
                   {sidecar.istio.io/status: '{}'}}, spec: {serviceAccountName: job, containers: [{name: istio-proxy, image: proxyv2}]}}}\n";
    let flows = asked_again(&place, &format!("{}---\n{by_hand}", beside("other", "istio-injection: disabled", "{port: 2}")));
    assert!(flows.contains(&"app=job@other as job -> app=db@shop:2 over mTLS".to_owned()), "{flows:?}");
}

/// In a mesh of ztunnels a pod joins by a label of its own, too, and does without a sidecar by another.
#[test]
fn pods_that_ztunnel_takes_in_are_told_with_the_labels_that_have_it_so() {
    let config = "[mesh]\nmode = \"ambient\"\n";
    let place = Place::with(&[("intents/shop.intent", "namespace shop mesh sidecar open egress\n"), ("twogate.toml", config)]);
    let captured = "istio.io/dataplane-mode=ambient";
    let without = "istio.io/dataplane-mode=ambient,sidecar.istio.io/inject=false";
    let kept =
        [("istio-injection: disabled", captured), ("istio.io/dataplane-mode: none", captured), ("istio-injection: enabled", without)];
    for (labels, told) in kept {
        let flows = asked_again(&place, &beside("other", labels, "{port: 2}, {port: 15008}"));
        let meshed = format!("{told}@other as other -> app=db@shop:1 over mTLS");
        assert!(flows.contains(&meshed), "{labels}: {flows:?}");
    }
}

/// A connection to the port of a tunnel that nobody is there for is let through, and whether anybody answers it is left open.
#[test]
fn the_port_of_a_tunnel_is_left_open_where_nobody_is_in_ambient_mode() {
    let place = Place::with(&[("intents/shop.intent", "namespace shop\n")]);
    let manifests = beside("other", "team: x", "{port: 15008}");
    let flows = asked_again(&place, &manifests);
    assert!(flows.contains(&"as other@other -> app=db@shop:15008 in plaintext".to_owned()), "{flows:?}");
    let ran = place.run("verify intents --manifests manifests.yaml");
    let why = "the manifests unspecified (port 15008 is that of the tunnel, and whether the pod's sidecar listens there is not known";
    assert!(ran.stdout.contains(why), "{}", ran.stdout);
}

/// Whether SCTP is judged nobody knows unless `twogate.toml` says it: neither the comparison nor whoever asks about its flow says that it is.
#[test]
fn what_hangs_on_a_plugin_that_judges_sctp_is_left_open() {
    let intents = "namespace shop\nallow app=web -> app=db:5000/sctp\n";
    let of = |fact: &str, port: &str| {
        let config = format!("[mesh]\nmode = \"none\"\n[network-plugin]\nsctp = \"{fact}\"\n");
        let place = Place::with(&[("intents/shop.intent", intents), ("twogate.toml", &config)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let file = "manifests/shop/networkpolicies.yaml";
        let own = std::fs::read_to_string(place.path(file)).unwrap();
        place.put(file, own.replace("port: 5000", port).as_bytes());
        let value = json(&place.run("verify intents --manifests manifests --format json"));
        for one in value["differences"].as_array().unwrap() {
            let flow = one["flow"].as_str().unwrap();
            let answer = json(&place.run(&format!("explain '{flow}' intents --manifests manifests --format json")));
            let said = one["manifests"].as_str().unwrap();
            assert_eq!(answer["verdict"].as_str(), said.split(' ').next(), "{fact} {flow}: {answer}");
            // So it is with what the intents alone compile to.
            let alone = json(&place.run(&format!("explain '{flow}' intents --format json")));
            let answered = |answer: &serde_json::Value| answer["answers"][0]["reason"].clone();
            assert_eq!(alone["verdict"] == "unspecified", fact != "yes", "{fact} {flow}: {alone}");
            assert_eq!(answered(&alone), answered(&answer), "{fact} {flow}: {alone}");
            assert!(fact == "yes" || said.contains("whether SCTP is judged hangs on the network plugin"), "{said}");
        }
        let assumed = value["assumptions"].as_array().unwrap().iter().any(|one| one["name"] == "sctp");
        (value["relation"].as_str().unwrap().to_owned(), value["differences"].as_array().unwrap().len(), assumed)
    };
    assert_eq!(of("yes", "port: 5001"), ("different".to_owned(), 4, false));
    assert_eq!(of("unknown", "port: 5001"), ("undecided".to_owned(), 4, true));
    assert_eq!(of("unknown", "port: 5000"), ("equal".to_owned(), 0, true));
}

/// An object that decides is told with the place where it is written, in a file as on the standard input.
#[test]
fn objects_that_decide_are_told_with_their_places() {
    let place = super::shop();
    let theirs = format!("# a word\n---\n{}", narrower());
    place.put("theirs.yaml", theirs.as_bytes());
    let line = 1 + theirs.lines().position(|line| line.starts_with("apiVersion")).unwrap();
    let stdin = std::process::Stdio::from(std::fs::File::open(place.path("theirs.yaml")).unwrap());
    let mut command = place.command(&["verify", "intents", "--manifests", "manifests", "--manifests", "-"]);
    let piped = String::from_utf8(command.stdin(stdin).output().unwrap().stdout).unwrap();
    for (file, text) in
        [("theirs.yaml", place.run("verify intents --manifests manifests --manifests theirs.yaml").stdout), ("<stdin>", piped)]
    {
        let told = format!("  caller  AuthorizationPolicy shop/narrow, rule 1 ({file}:{line}): a rule that denies matches\n");
        assert!(text.contains(&told), "{told} in {text}");
    }
    let value = json(&place.run("verify intents --manifests manifests --manifests theirs.yaml --format json"));
    let one = &value["differences"][0];
    assert_eq!(one["because"][0], "caller  AuthorizationPolicy shop/narrow, rule 1: a rule that denies matches", "{value}");
    let document = serde_json::json!({
        "kind": "AuthorizationPolicy", "namespace": "shop", "name": "narrow", "rule": 1, "file": "theirs.yaml", "line": line
    });
    assert_eq!(one["documents"], serde_json::json!([document]), "{value}");
}
