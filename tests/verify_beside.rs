//! Manifests beside those of the intents, through the binary: pods in ambient mode, blocks that hold pods, programs of others, and what the
//! proof takes for granted of them.

use std::fmt::Write as _;

use crate::cli::Place;

const API: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";

/// A network policy that lets in on one TCP port.
fn ingress(namespace: &str, app: &str, from: &str, port: u16) -> String {
    format!(
        "{API}metadata: {{name: beside-{app}, namespace: {namespace}}}\nspec: {{podSelector: {{matchLabels: {{app: {app}}}}}, \
         policyTypes: [Ingress], ingress: [{{from: {from}, ports: [{{protocol: TCP, port: {port}}}]}}]}}\n---\n"
    )
}

/// The same of one that lets out.
fn egress(namespace: &str, app: &str, to: &str, port: u16) -> String {
    format!(
        "{API}metadata: {{name: out-{app}, namespace: {namespace}}}\nspec: {{podSelector: {{matchLabels: {{app: {app}}}}}, \
         policyTypes: [Egress], egress: [{{to: {to}, ports: [{{protocol: TCP, port: {port}}}]}}]}}\n---\n"
    )
}

fn istio(kind: &str, namespace: &str, spec: &str) -> String {
    format!("apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: beside, namespace: {namespace}}}\nspec: {spec}\n---\n")
}

/// What `verify` says of a program's own manifests with others beside them: its first line, and all of it.
fn verified(program: &str, config: &str, beside: &str) -> (String, String) {
    let place = Place::with(&[("intents/p.intent", program), ("twogate.toml", config), ("beside.yaml", beside)]);
    let compiled = place.run("compile -o manifests");
    assert_eq!(compiled.status, 0, "{}", compiled.stderr);
    let told = place.run("verify --manifests manifests --manifests beside.yaml").stdout;
    (told.split(':').next().unwrap_or_default().to_owned(), told)
}

/// `semantics.md` §1.8: a block holds pods where the network plugin judges them by their addresses.
#[test]
fn a_block_that_holds_pods_lets_them_in() {
    let program = "namespace shop\nworkload db = app=db account db\nallow 203.0.113.0/24 -> db:5432\nexpect deny *@other -> db:5432\n";
    let block = |cidr: &str| ingress("shop", "db", &format!("[{{ipBlock: {{cidr: {cidr}}}}}]"), 5432);
    let config =
        |answer: &str| format!("[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n[network-plugin]\nipblock-matches-pods = \"{answer}\"\n");
    for (answer, relation) in [("yes", "wider"), ("unknown", "undecided"), ("no", "equal")] {
        let (found, told) = verified(program, &config(answer), &block("10.244.0.0/16"));
        assert_eq!(found, relation, "{answer}: {told}");
    }
    let place = Place::with(&[("p.intent", program), ("twogate.toml", &config("yes")), ("beside.yaml", &block("10.244.0.0/16"))]);
    for command in ["check p.intent --alongside beside.yaml", "test p.intent --alongside beside.yaml"] {
        let ran = place.run(command);
        assert_eq!((ran.status, ran.stderr.contains("error[alongside-changes-access]")), (1, true), "{command}: {}", ran.stderr);
    }
    // Where the addresses of pods are not known, that it holds none is assumed, and a pod there speaks against it.
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: evil, namespace: other}\nspec: {containers: [{name: c, image: x}]}\n\
               status: {podIP: 10.244.1.7}\n";
    let narrow = "namespace shop\nworkload db = app=db account db\nallow app=web -> db:5432\n";
    let own = format!("{}{pod}", egress("shop", "web", "[{ipBlock: {cidr: 10.244.0.0/16}}]", 443));
    let (_, told) = verified(narrow, "", &own);
    assert!(told.contains("broken   no address block that is written holds a pod's address: Pod other/evil"), "{told}");
}

/// What others' manifests show of the ground of the proof.
#[test]
fn the_ground_of_the_proof_is_held_against_what_is_alongside() {
    let program = "namespace shop\nworkload db = app=db account db\nworkload web = app=web account web\nallow web -> db:5432 mtls\n\
                   allow app=job -> app=x:1\nexpect deny app=job -> db:5432\n";
    let job =
        "[{podSelector: {matchLabels: {app: job}}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop, env: prod}}}]";
    let db = "[{podSelector: {matchLabels: {app: db}}}]";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n---\n";
    let mesh =
        istio("AuthorizationPolicy", "shop", "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}");
    let beside = format!("{namespace}{}{}{mesh}", ingress("shop", "db", job, 5432), egress("shop", "job", db, 5432));
    let place = Place::with(&[("p.intent", program), ("beside.yaml", &beside)]);
    for command in ["check p.intent --alongside beside.yaml", "test p.intent --alongside beside.yaml"] {
        let ran = place.run(command);
        assert_eq!(ran.status, 1, "{command}");
        let told = "= note: there: it is labelled `env=prod`";
        assert!(ran.stderr.contains("error[alongside-changes-access]") && ran.stderr.contains(told), "{command}: {}", ran.stderr);
    }
    // The same intents with that label are judged by it.
    let labelled = program.replace("namespace shop\n", "namespace shop labels env=prod\n");
    let place = Place::with(&[("p.intent", &labelled), ("beside.yaml", &beside)]);
    let ran = place.run("check p.intent --alongside beside.yaml");
    assert!(ran.stderr.contains("`app=job@shop as any -> app=db@shop:5432 over mTLS`"), "{}", ran.stderr);
}

/// Policies that stand beside those of a program of others act with them.
#[test]
fn programs_of_others_are_judged_together_with_what_is_alongside() {
    let program = "namespace shop\nworkload web = app=web account web\nallow web -> app=api@pay:8080\n\
                   expect deny web -> app=db@pay:5432\nexpect deny *@other -> app=db@pay:5432\n";
    let theirs = "namespace pay\nworkload db = app=db account db\nallow app=api -> db:5432\nallow app=web@shop -> app=api:8080\n";
    let open = format!(
        "{}{}",
        ingress("pay", "db", "[{namespaceSelector: {}}]", 5432),
        istio("AuthorizationPolicy", "pay", "{selector: {matchLabels: {app: db}}, rules: [{}]}")
    );
    let place = Place::with(&[("p.intent", program), ("pay/pay.intent", theirs), ("open.yaml", &open)]);
    assert_eq!(place.run("test p.intent --with pay").status, 0);
    let checked = place.run("check p.intent --with pay --alongside open.yaml");
    assert_eq!((checked.status, checked.stderr.contains("AuthorizationPolicy `pay/beside` has a say")), (1, true), "{}", checked.stderr);
    // What opens nothing is no finding, and what they write themselves may stand there too.
    assert_eq!(place.run("compile pay -o theirs").status, 0);
    let beside = "check p.intent --with pay --alongside theirs";
    let ran = place.run(beside);
    assert_eq!((ran.status, ran.stderr.contains("no findings")), (0, true), "{}", ran.stderr);
    // Manifests that hold policies of theirs show what is there; a program says it where they hold none.
    let verify = "verify p.intent --with pay --manifests manifests";
    assert_eq!(place.run("compile p.intent --with pay -o manifests").status, 0);
    assert!(place.run(verify).stdout.starts_with("equal"));
}

/// An end that nobody rules is told apart by what rules all namespaces, and by policies of others there.
#[test]
fn expectations_of_other_namespaces_hold_for_those_that_others_rule() {
    let program = "namespace shop\nworkload web = app=web account web\nallow out app=web -> *@!shop:8080\n\
                   expect allow app=web -> *@!shop:8080\n";
    let closed = format!("{API}metadata: {{name: closed, namespace: foo}}\nspec: {{podSelector: {{}}, policyTypes: [Ingress]}}\n");
    let denied = istio("AuthorizationPolicy", "istio-system", "{selector: {matchLabels: {app: x}}, action: DENY, rules: [{}]}");
    let place = Place::with(&[("p.intent", program), ("closed.yaml", &closed), ("denied.yaml", &denied)]);
    assert_eq!(place.run("test p.intent").status, 0);
    for (beside, who) in [("closed.yaml", "*@foo:8080"), ("denied.yaml", "app=x@")] {
        let ran = place.run(&format!("test p.intent --alongside {beside}"));
        assert_eq!((ran.status, ran.stdout.contains(who)), (1, true), "{}", ran.stdout);
    }
}

/// What leaves a pod shows where some pod takes it: of namespaces that nobody declares some pods may take no part in the mesh, which then
/// stops nothing there; of those that are said to be in it, only those take it that others' policies let be called.
#[test]
fn what_leaves_a_pod_is_looked_for_in_namespaces_of_others() {
    let program =
        "external namespace foo mesh sidecar {}\nnamespace shop {\nworkload web = app=web account web\nallow app=job -> web:80 mtls\n}\n";
    let out = |namespaces: &str| egress("shop", "web", &format!("[{{namespaceSelector: {namespaces}}}]"), 8080);
    let foo = out("{matchLabels: {kubernetes.io/metadata.name: foo}}");
    let nobody = istio("AuthorizationPolicy", "istio-system", "{}");
    let (found, told) = verified(program, "", &format!("{foo}{nobody}"));
    assert_eq!(found, "equal", "{told}");
    let anybody = istio("AuthorizationPolicy", "foo", "{rules: [{}]}");
    let (found, told) = verified(program, "", &format!("{foo}{nobody}{anybody}"));
    assert_eq!((&*found, told.contains("app=web@shop as web -> *@foo:8080")), ("wider", true), "{told}");
    // Or pods of any namespace that the mesh lets be called for their labels.
    let some = istio("AuthorizationPolicy", "istio-system", "{selector: {matchLabels: {app: x}}, rules: [{}]}").replace("beside", "some");
    let (found, told) = verified(program, "", &format!("{foo}{nobody}{some}"));
    assert_eq!((&*found, told.contains("app=web@shop as web -> app=x@foo")), ("wider", true), "{told}");
    // Of a namespace that nobody declares.
    let (found, told) = verified(program, "", &format!("{}{nobody}", out("{}")));
    assert_eq!((&*found, told.contains("app=web@shop as web -> *@")), ("wider", true), "{told}");
    let unsaid =
        "namespace shop\nworkload web = app=web account web\nallow out app=web -> *@!shop:8080\nexpect deny app=web -> app=x@foo:8080\n";
    let place = Place::with(&[("p.intent", unsaid), ("beside.yaml", &nobody)]);
    assert_eq!(place.run("test p.intent --alongside beside.yaml").status, 1, "a pod of `foo` may be outside of the mesh");
    // That its pods are in the mesh, if it is said to be, is assumed.
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: foo, annotations: {sidecar.istio.io/inject: 'false'}}\n\
               spec: {containers: [{name: c, image: x}]}\n";
    let (_, told) = verified(program, "", &format!("{foo}{nobody}{pod}"));
    assert!(told.contains("broken   pods of other namespaces take part in the mesh as it is said of these"), "{told}");
}

/// Labels by which only others' policies, or expectations, know namespaces of the program.
#[test]
fn what_others_ask_of_labels_of_namespaces_is_assumed_of_them() {
    let program = "namespace shop\nworkload web = app=web account web\nallow app=job -> web:80 mtls\n";
    let out = egress("shop", "web", "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: foo}}}]", 8080);
    let theirs = ingress("foo", "x", "[{namespaceSelector: {matchLabels: {env: prod}}}]", 8080).replace("{matchLabels: {app: x}}", "{}");
    let labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n---\n";
    let (_, told) = verified(program, "", &format!("{out}{theirs}{labelled}"));
    let looked_at = "of the label `env` that rules or policies look at, namespace `shop` has none";
    assert!(told.contains(&format!("broken   {looked_at}: it is labelled `env=prod`")), "{told}");
    // What nobody looks at is of no account.
    let other = labelled.replace("env: prod", "istio-injection: enabled");
    let (_, told) = verified(program, "", &format!("{out}{theirs}{other}"));
    assert!(told.contains(&format!("holds    {looked_at}\n")), "{told}");
    let missing = program.replace("namespace shop\n", "namespace shop labels env=prod\n");
    let (_, told) = verified(&missing, "", &format!("{theirs}{other}"));
    assert!(told.contains("namespace `shop` has `env=prod`: it has none of them"), "{told}");
    let expects = "namespace pay labels env=prod {\n}\nnamespace shop {\nworkload db = app=db account db\nallow app=web@pay -> db:5432\n\
                   expect deny *@[env=dev] -> db:5432\n}\n";
    let place = Place::with(&[("p.intent", expects), ("pay.yaml", &labelled.replace("shop", "pay").replace("prod", "dev"))]);
    assert_eq!(place.run("test p.intent").status, 0);
    let ran = place.run("test p.intent --alongside pay.yaml");
    assert_eq!((ran.status, ran.stderr.contains("there: it is labelled `env=dev`")), (1, true), "{}", ran.stderr);
    let checked = place.run("check p.intent --alongside pay.yaml");
    assert_eq!((checked.status, checked.stdout.contains("proved")), (1, false), "{}", checked.stdout);
}

/// What is taken for granted of the namespaces of programs read with `--with`.
#[test]
fn the_ground_is_held_for_namespaces_of_programs_of_others_too() {
    let program = "namespace shop\nworkload db = app=db account db\nallow app=web@[env=prod] -> db:5432\n";
    let theirs = "namespace pay labels env=dev\nworkload cli = app=cli account cli\nallow out app=web -> *@shop\n";
    let labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: pay, labels: {env: prod}}\n";
    let outside = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: pay, labels: {app: cli}, annotations: {sidecar.istio.io/inject: 'false'}}\n\
                   spec: {serviceAccountName: cli, containers: [{name: c, image: x}]}\n";
    let files = [("p.intent", program), ("pay/pay.intent", theirs), ("labelled.yaml", labelled), ("outside.yaml", outside)];
    let place = Place::with(&files);
    for (beside, why) in [("labelled.yaml", "it is labelled `env=prod`"), ("outside.yaml", "Pod pay/p has no sidecar")] {
        let ran = place.run(&format!("check p.intent --with pay --alongside {beside}"));
        assert_eq!((ran.status, ran.stderr.contains(why)), (1, true), "{beside}: {}", ran.stderr);
    }
}

/// A `deny` toward pods in ambient mode hangs on their part in the mesh as an `allow` does; so does what `mesh.mode` says of the rest.
#[test]
fn denies_and_the_default_of_the_mesh_count_for_ambient_mode() {
    let denies = "namespace shop open egress\nworkload web = app=web account web\ndeny web -> app=x@ext:5432\n";
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n";
    let ambient = "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: ext, labels: {app: x, istio.io/dataplane-mode: ambient}}\n\
                   spec: {containers: [{name: c, image: x}]}\n";
    let (_, told) = verified(denies, config, ambient);
    assert!(told.contains("Pod ext/x is in the mesh by ztunnel (ambient)"), "{told}");
    let program = "namespace shop mesh sidecar\nworkload web = app=web account web\nallow out web -> *@!shop:8080\n";
    let place = Place::with(&[("p.intent", program), ("twogate.toml", "[mesh]\nmode = \"ambient\"\n")]);
    let ran = place.run("check p.intent");
    assert_eq!((ran.status, ran.stderr.contains("error[ambient-unsupported]")), (1, true), "{}", ran.stderr);
}

/// What is let out, and perhaps not in, is neither wider nor equal.
#[test]
fn what_the_other_end_leaves_open_is_undecided() {
    let program =
        "external namespace foo mesh sidecar {}\nnamespace shop {\nworkload web = app=web account web\nallow app=job -> web:80 mtls\n}\n";
    let out = egress("shop", "web", "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: foo}}}]", 8080);
    let (found, told) = verified(program, "", &out);
    assert_eq!(found, "wider", "{told}");
    let asks = istio("AuthorizationPolicy", "foo", "{action: CUSTOM, provider: {name: theirs}, rules: [{}]}");
    let (found, told) = verified(program, "", &format!("{out}{asks}"));
    assert_eq!((&*found, told.contains("the intents say denied, the manifests unspecified (")), ("undecided", true), "{told}");
}

/// `semantics.md` §5.1: between sidecars and ambient mode the mesh calls port 15008, whatever port is meant.
#[test]
fn what_leaves_toward_ambient_mode_leaves_by_the_tunnel() {
    let program = "external namespace amb mesh ambient {\n  workload srv = app=srv account srv\n}\n\
                   namespace shop mesh sidecar {\n  workload web = app=web account web\n  allow web -> srv@amb\n}\n";
    let (found, told) = verified(program, "", "kind: List\napiVersion: v1\nitems: []\n");
    assert_eq!(found, "equal", "{told}");
    // The manifests of a program for sidecars there, held against the same with ambient mode.
    let ports = |ports: &str| program.replace("srv@amb\n", &format!("srv@amb:{ports}\n")).replace("mesh ambient", "mesh sidecar");
    let place = Place::with(&[("ambient/p.intent", program), ("sidecar/p.intent", &ports("5432"))]);
    assert_eq!(place.run("compile sidecar -o manifests").status, 0);
    let told = place.run("verify ambient --manifests manifests").stdout;
    assert!(told.starts_with("narrower") && told.contains("over mTLS"), "{told}");
    // Single ports cannot be written: the tunnel carries all of them.
    place.put("ambient/p.intent", ports("5432").replace("amb mesh sidecar", "amb mesh ambient").as_bytes());
    let ran = place.run("check ambient");
    assert_eq!((ran.status, ran.stderr.contains("error[ambient-unsupported]")), (1, true), "{}", ran.stderr);
}

/// Callers of one rule of which some are in ambient mode are not of one class.
#[test]
fn callers_in_ambient_mode_are_told_apart() {
    let program = |ports: &str| {
        format!(
            "external namespace amb mesh ambient {{}}\nexternal namespace sc mesh sidecar {{}}\nnamespace shop mesh sidecar {{\n\
             workload db = app=db account db\nallow app=cli@amb|sc -> db{ports}\n}}\n"
        )
    };
    let place = Place::with(&[("all/p.intent", &program("")), ("some/p.intent", &program("").replace("amb|sc", "sc"))]);
    assert_eq!(place.run("compile all -o all-manifests").status, 0);
    let told = place.run("verify some --manifests all-manifests").stdout;
    assert!(told.starts_with("wider") && told.contains("app=cli@amb"), "{told}");
    place.put("all/p.intent", program(":5432").as_bytes());
    let ran = place.run("check all");
    assert!(ran.stderr.contains("error[ambient-unsupported]") && !ran.stderr.contains("proof-failed"), "{}", ran.stderr);
}

/// A policy that looks for the host among the headers is judged by nobody alike.
#[test]
fn a_host_is_no_header() {
    let program = "namespace shop\nallow app=web -> app=db:80 http GET /a header Host=x\nallow app=web -> app=db:80 http GET /a at x\n";
    let ran = Place::with(&[("p.intent", program)]).run("check p.intent");
    assert_eq!((ran.status, ran.stderr.matches("error[").count()), (1, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("error[invalid-request]") && ran.stderr.contains("2:47"), "{}", ran.stderr);
}

/// Pods that are in ambient mode by themselves, and gateways, which capture nothing.
#[test]
fn what_pods_are_by_themselves_is_held_against_what_is_assumed() {
    let pod = |namespace: &str, labels: &str, annotations: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: {namespace}, labels: {{{labels}}}, annotations: {{{annotations}}}}}\n\
             spec: {{serviceAccountName: gw, containers: [{{name: istio-proxy, image: auto}}]}}\n"
        )
    };
    let program = "namespace shop\nworkload web = app=web account web\nallow web -> app=x@ext:8080\nallow web -> app=gw:8080 mtls\n";
    let (_, told) = verified(program, "", &pod("ext", "app: x, istio.io/dataplane-mode: ambient", ""));
    assert!(told.contains("Pod ext/p is in the mesh by ztunnel (ambient)"), "{told}");
    let gateway = pod("shop", "app: gw, sidecar.istio.io/inject: 'true'", "inject.istio.io/templates: gateway");
    let (_, told) = verified(program, "", &gateway);
    assert!(told.contains("Pod shop/p is a gateway, which captures nothing"), "{told}");
    // The inventory shows it before anything is written.
    let place = Place::with(&[("p.intent", program), ("inventory.yaml", &gateway)]);
    let ran = place.run("check p.intent --inventory inventory.yaml");
    assert!(ran.status == 1 && ran.stderr.contains("error[requirement-unenforced]"), "{}", ran.stderr);
}

/// What another program accepts in its own namespace is told there as accepted, and is no error of ours; what it does not accept is one.
#[test]
fn a_coupling_that_another_program_accepts_stops_nobody_else() {
    let theirs = "namespace shop\nallow app=web -> app=api:8080|9090 mtls http GET /a accept coupled-rules\nallow in app=job -> app=api:8080 mtls http POST /b\n";
    let ours = "namespace front\nworkload x = app=x account x\nallow x -> app=api@shop:8080 mtls http GET /a\n";
    let place = Place::with(&[("ours.intent", ours), ("theirs.intent", theirs)]);
    let ran = place.run("check ours.intent --with theirs.intent");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("note[accepted]: `coupled-rules` is accepted here"), "{}", ran.stderr);
    let place = Place::with(&[("ours.intent", ours), ("theirs.intent", &theirs.replace(" accept coupled-rules", ""))]);
    let ran = place.run("check ours.intent --with theirs.intent");
    assert_eq!((ran.status, ran.stderr.contains("error[coupled-rules]")), (1, true), "{}", ran.stderr);
}

/// What another program accepts in its namespace decides expectations of callers there.
#[test]
fn an_expectation_that_another_programs_acceptance_breaks_fails() {
    let accept = "accept coupled-rules";
    let theirs = format!(
        "namespace shop\nallow app=web@front -> app=api:8080 mtls http GET /a {accept}\nallow app=job@front -> app=api:8080 mtls http POST /b {accept}\n"
    );
    let ours = "namespace front\nworkload web = app=web account x\nworkload job = app=job account x\n\
                allow web -> app=api@shop:8080 mtls http GET /a\nallow job -> app=api@shop:8080 mtls http POST /b\n\
                expect deny web -> app=api@shop:8080 mtls http POST /b\n";
    let place = Place::with(&[("ours.intent", ours), ("theirs.intent", &theirs)]);
    for (command, said) in [("check", "error[expectation-failed]"), ("test", "FAIL  expect deny web")] {
        let ran = place.run(&format!("{command} ours.intent --with theirs.intent"));
        assert_eq!((ran.status, (ran.stdout.clone() + &ran.stderr).contains(said)), (1, true), "{command}\n{}{}", ran.stdout, ran.stderr);
    }
    let apart = ours.replace("app=job account x", "app=job account y");
    let place = Place::with(&[("ours.intent", &apart), ("theirs.intent", &theirs)]);
    assert_eq!(place.run("test ours.intent --with theirs.intent").status, 0);
}

/// Many of one kind do not hide one of the other kind.
#[test]
fn a_loss_behind_many_gains_is_found() {
    let mut program = "namespace shop\nworkload db = app=db account db\n".to_owned();
    for port in 5000..5070 {
        writeln!(program, "workload web{port} = app=web{port} account web{port}\nallow web{port} -> db:{port}").unwrap();
    }
    let gains = format!(
        "{API}metadata: {{name: more, namespace: shop}}\nspec: {{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], \
         ingress: [{{from: [{{namespaceSelector: {{}}}}]}}]}}\n---\n{}",
        istio("AuthorizationPolicy", "shop", "{action: ALLOW, rules: [{}]}")
    );
    let (found, told) = verified(&program, "", &gains);
    assert_eq!(found, "wider", "{told}");
    let loss = istio("AuthorizationPolicy", "shop", "{action: DENY, rules: [{to: [{operation: {ports: [\"5069\"]}}]}]}")
        .replace("beside", "stops");
    let (found, told) = verified(&program, "", &format!("{gains}{loss}"));
    assert_eq!(found, "different", "{told}");
    assert!(told.contains("and perhaps more"), "{told}");
}

/// A folder may hold intents and policies of others, and what runs beside what is judged: each path serves what it is named for.
#[test]
fn a_path_that_is_named_twice_serves_both() {
    let program = "namespace shop\nworkload db = app=db account db\nallow app=web -> db:5432\n";
    let open = ingress("shop", "db", "[{ipBlock: {cidr: 203.0.113.0/24}}]", 5432);
    let place = Place::with(&[("p.intent", program), ("others/open.yaml", &open)]);
    for command in ["check . --alongside others", "check --alongside others", "check p.intent --inventory others --alongside others"] {
        let ran = place.run(command);
        assert_eq!((ran.status, ran.stderr.contains("error[alongside-changes-access]")), (1, true), "{command}: {}", ran.stderr);
    }
    assert_eq!(place.run("compile . -o out").status, 0);
    for command in ["verify . --manifests out --manifests others", "verify p.intent --inventory others --manifests out --manifests others"]
    {
        let ran = place.run(command);
        assert!(ran.stdout.starts_with("wider:"), "{command}: {}{}", ran.stdout, ran.stderr);
    }
}

/// Whoever names a place for something means that something is there.
#[test]
fn a_path_that_holds_nothing_is_told() {
    let program = "namespace shop\nallow app=web -> app=db:5432\n";
    let place = Place::with(&[("p.intent", program), ("empty/readme.md", "")]);
    for option in ["alongside", "inventory", "with"] {
        let ran = place.run(&format!("check p.intent --{option} empty"));
        assert_eq!((ran.status, ran.stderr.contains("error[no-input]")), (1, true), "{option}: {}", ran.stderr);
    }
}

/// Whoever mends an expectation hears at once of what else is wrong, and nothing is called proved meanwhile.
#[test]
fn an_expectation_that_fails_hides_no_policy_of_others() {
    let program = "namespace shop\nallow app=a -> app=b:80\nexpect allow app=c -> app=b:80\n";
    let place = Place::with(&[("p.intent", program), ("beside.yaml", &ingress("shop", "b", "[]", 80))]);
    let ran = place.run("check p.intent --alongside beside.yaml");
    let told = |code: &str| ran.stderr.contains(&format!("error[{code}]"));
    assert_eq!((ran.status, told("expectation-failed"), told("alongside-changes-access")), (1, true, true), "{}", ran.stderr);
    let ran = place.run("check p.intent");
    assert_eq!((ran.status, ran.stderr.contains("proved")), (1, false), "{}", ran.stderr);
    let ran = place.run("compile p.intent -o manifests");
    assert_eq!((ran.status, place.path("manifests").exists()), (1, false), "{}", ran.stderr);
}
