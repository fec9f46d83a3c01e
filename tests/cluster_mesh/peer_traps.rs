//! `PeerAuthentication`: `semantics.md` §3.1, §3.2, §3.4 and the traps of §8.3.

use super::*;

/// Objects of `PeerAuthentication`, each as `namespace/name spec`.
fn modes(objects: &[&str]) -> Cluster {
    cluster(&all(objects))
}

fn all(objects: &[&str]) -> String {
    let one = |text: &&str| {
        let (id, spec) = text.split_once(' ').unwrap();
        peer_authentication(id, spec)
    };
    objects.iter().map(one).collect()
}

/// One with an age.
fn dated(id: &str, created: &str, spec: &str) -> String {
    let (namespace, name) = id.split_once('/').unwrap();
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: {name}, namespace: {namespace}, \
         creationTimestamp: '{created}'}}\nspec: {spec}\n"
    )
}

const STRICT: &str = "{mtls: {mode: STRICT}}";

fn ambient_db() -> Endpoint {
    ambient("shop", "app=db", "db")
}

#[test]
fn trap_077_strict_asks_how_and_not_who() {
    let cluster = modes(&["shop/default {mtls: {mode: STRICT}}"]);
    for (source, destination) in [(dev(), db()), (ambient("dev", "", "tool"), ambient_db())] {
        allowed(&cluster, &mtls(&source, &destination, 80));
        denied(&cluster, &tcp(&source, &destination, 80), Gate::Transport);
        denied(&cluster, &tcp(&address("203.0.113.7"), &destination, 80), Gate::Transport);
    }
}

#[test]
fn trap_078_without_a_policy_plaintext_is_taken() {
    for yaml in
        ["", "shop/default {}", "shop/default {mtls: {}}", "shop/default {mtls: {mode: UNSET}}", "shop/default {mtls: {mode: PERMISSIVE}}"]
    {
        let objects: Vec<&str> = Some(yaml).into_iter().filter(|yaml| !yaml.is_empty()).collect();
        for destination in [db(), ambient_db()] {
            allowed(&modes(&objects), &tcp(&address("203.0.113.7"), &destination, 80));
        }
        allowed(&modes(&objects), &mtls(&web(), &db(), 80));
    }
}

#[test]
fn trap_079_a_selector_in_the_root_namespace_selects_nothing() {
    let cluster = modes(&["istio-system/db {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"]);
    allowed(&cluster, &tcp(&plain("shop", ""), &db(), 80));
    allowed(&cluster, &tcp(&plain("shop", ""), &ambient_db(), 80));
    allowed(&cluster, &tcp(&plain("shop", ""), &meshed("istio-system", "app=db", "x"), 80));
}

#[test]
fn trap_080_of_several_the_oldest_counts_with_its_ports() {
    let selector = "selector: {matchLabels: {app: db}}";
    let old = dated(
        "shop/old",
        "2024-01-01T00:00:00Z",
        &format!("{{{selector}, mtls: {{mode: STRICT}}, portLevelMtls: {{'81': {{mode: PERMISSIVE}}}}}}"),
    );
    let new = dated(
        "shop/a-new",
        "2025-01-01T00:00:00Z",
        &format!("{{{selector}, mtls: {{mode: PERMISSIVE}}, portLevelMtls: {{'82': {{mode: PERMISSIVE}}}}}}"),
    );
    for destination in [db(), ambient_db()] {
        let both = cluster(&format!("{new}{old}"));
        denied(&both, &tcp(&plain("shop", ""), &destination, 80), Gate::Transport);
        allowed(&both, &tcp(&plain("shop", ""), &destination, 81));
        denied(&both, &tcp(&plain("shop", ""), &destination, 82), Gate::Transport);
        // Without ages it is open where it matters, and only there.
        let undated = all(&[
            &format!("shop/a {{{selector}, mtls: {{mode: STRICT}}}}"),
            &format!("shop/b {{{selector}, mtls: {{mode: PERMISSIVE}}, portLevelMtls: {{'82': {{mode: STRICT}}}}}}"),
        ]);
        unspecified(&cluster(&undated), &tcp(&plain("shop", ""), &destination, 80), "PeerAuthentications of one level");
        denied(&cluster(&undated), &tcp(&plain("shop", ""), &destination, 82), Gate::Transport);
    }
    allowed(&cluster(&all(&["shop/a {mtls: {mode: STRICT}}", "shop/b {mtls: {mode: STRICT}}"])), &mtls(&web(), &db(), 80));
    // A tie goes by name.
    let tied = format!(
        "{}{}",
        dated("shop/b", "2024-01-01T00:00:00Z", STRICT),
        dated("shop/a", "2024-01-01T00:00:00Z", "{mtls: {mode: PERMISSIVE}}")
    );
    allowed(&cluster(&tied), &tcp(&plain("shop", ""), &db(), 80));
}

/// What istiod tells ztunnel it makes of the oldest, and of several that are the oldest of whichever it meets first
/// (`serviceregistry/ambient/policies.go`, `getOldestPeerAuthn`; `authorization.go`, `convertedSelectorPeerAuthentications`).
#[test]
fn of_several_of_one_age_ztunnel_hears_of_any() {
    const AGE: &str = "2024-01-01T00:00:00Z";
    let selector = "selector: {matchLabels: {app: db}}, ";
    for (namespace, selector) in [("shop", selector), ("shop", ""), ("istio-system", "")] {
        let one = |name: &str, mode: &str| dated(&format!("{namespace}/{name}"), AGE, &format!("{{{selector}mtls: {{mode: {mode}}}}}"));
        let question = tcp(&plain("shop", ""), &ambient_db(), 80);
        for (first, second) in [("STRICT", "PERMISSIVE"), ("PERMISSIVE", "STRICT")] {
            let tied = one("a", first) + &one("b", second);
            unspecified(&cluster(&tied), &question, "PeerAuthentications of one level");
        }
        // Where all say the same, or one is older, nothing is open.
        denied(&cluster(&(one("a", "STRICT") + &one("b", "STRICT"))), &question, Gate::Transport);
        let older = dated(&format!("{namespace}/c"), "2023-01-01T00:00:00Z", &format!("{{{selector}mtls: {{mode: STRICT}}}}"));
        denied(&cluster(&(one("a", "PERMISSIVE") + &older)), &question, Gate::Transport);
    }
}

#[test]
fn section_3_1_levels_from_the_mesh_inwards() {
    let objects = [
        "istio-system/mesh {mtls: {mode: STRICT}}",
        "shop/default {mtls: {mode: PERMISSIVE}}",
        "shop/db {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {'81': {mode: DISABLE}, '82': {mode: UNSET}}}",
        "dev/default {mtls: {mode: UNSET}}",
    ];
    let cluster = modes(&objects);
    denied(&cluster, &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
    allowed(&cluster, &tcp(&plain("shop", ""), &db(), 81));
    denied(&cluster, &mtls(&web(), &db(), 81), Gate::Transport);
    denied(&cluster, &tcp(&plain("shop", ""), &db(), 82), Gate::Transport);
    allowed(&cluster, &tcp(&plain("shop", ""), &web(), 80));
    denied(&cluster, &tcp(&plain("shop", ""), &dev(), 80), Gate::Transport);
    denied(&cluster, &tcp(&plain("shop", ""), &meshed("other", "", "x"), 80), Gate::Transport);
    let disabled = modes(&["shop/default {mtls: {mode: DISABLE}}"]);
    denied(&disabled, &mtls(&web(), &db(), 80), Gate::Transport);
    allowed(&disabled, &tcp(&web(), &db(), 80));
    // The tunnel is always mTLS.
    allowed(&disabled, &mtls(&ambient("shop", "", "a"), &db(), 80));
}

#[test]
fn trap_081_port_modes_are_of_the_pods_ports() {
    let yaml = all(&["shop/db {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: PERMISSIVE}}}"]);
    let cluster = cluster(&format!("{yaml}{}", service("db", "{}", "{name: http, port: 80, targetPort: 8080}")));
    denied(&cluster, &tcp(&plain("shop", ""), &db(), 8080), Gate::Transport);
    allowed(&cluster, &tcp(&plain("shop", ""), &db(), 80));
}

#[test]
fn trap_082_port_modes_need_a_selector() {
    let refused = [
        "{portLevelMtls: {'80': {mode: STRICT}}}",
        "{selector: {}, portLevelMtls: {'80': {mode: STRICT}}}",
        "{selector: {matchLabels: {a: b}}, portLevelMtls: {}}",
        "{selector: {matchLabels: {a: b}}, portLevelMtls: {'0': {mode: STRICT}}}",
        "{selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: STRICT}}}",
        "{selector: {matchLabels: {a: b}}, portLevelMtls: {'80': {mode: strict}}}",
        "{mtls: {mode: ON}}",
        "{mtls: STRICT}",
        "{mtls: {modes: STRICT}}",
        "{selector: {matchExpressions: []}}",
        "{selector: {matchLabels: {'a*': b}}}",
        "{targetRefs: []}",
    ];
    for spec in refused {
        assert_eq!(findings(&peer_authentication("shop/p", spec)).len(), 1, "{spec}");
    }
    // Numbers are keys, too.
    let number = "{selector: {matchLabels: {app: db}}, portLevelMtls: {80: {mode: STRICT}}}";
    denied(&cluster(&peer_authentication("shop/p", number)), &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
}

#[test]
fn trap_083_in_ambient_a_disabled_port_is_no_exception_by_itself() {
    let under_strict = |ports: &str| {
        modes(&[
            "istio-system/mesh {mtls: {mode: STRICT}}",
            &format!("shop/db {{selector: {{matchLabels: {{app: db}}}}, portLevelMtls: {ports}}}"),
        ])
    };
    let plaintext = |port| tcp(&plain("shop", ""), &ambient_db(), port);
    denied(&under_strict("{'80': {mode: DISABLE}}"), &plaintext(80), Gate::Transport);
    allowed(&under_strict("{'80': {mode: PERMISSIVE}}"), &plaintext(80));
    denied(&under_strict("{'80': {mode: PERMISSIVE}}"), &plaintext(81), Gate::Transport);
    // Beside a permissive port it is one.
    let both = under_strict("{'80': {mode: PERMISSIVE}, '81': {mode: DISABLE}}");
    allowed(&both, &plaintext(81));
    denied(&both, &plaintext(82), Gate::Transport);
    // A sidecar takes it as it is written.
    allowed(&under_strict("{'80': {mode: DISABLE}}"), &tcp(&plain("shop", ""), &db(), 80));
}

#[test]
fn trap_084_a_namespace_without_a_mode_may_undo_the_mesh_in_ambient() {
    let cluster = modes(&[
        "istio-system/mesh {mtls: {mode: STRICT}}",
        "shop/default {mtls: {mode: UNSET}}",
        "shop/db {selector: {matchLabels: {app: db}}, portLevelMtls: {'80': {mode: PERMISSIVE}}}",
    ]);
    allowed(&cluster, &tcp(&plain("shop", ""), &ambient_db(), 80));
    unspecified(&cluster, &tcp(&plain("shop", ""), &ambient_db(), 81), "seems to undo");
    denied(&cluster, &tcp(&plain("shop", ""), &db(), 81), Gate::Transport);
}

/// What the conversion of a workload's policy takes to be said by the mesh's policy is not said where the workload has a mode of its own
/// (istio/istio : pilot/pkg/serviceregistry/ambient/authorization.go, `convertPeerAuthentication`).
#[test]
fn trap_084_a_strict_port_of_a_workload_may_be_undone_by_a_strict_mesh_in_ambient() {
    let with = |mesh: &str, namespace: &[&str], mode: &str| {
        let mesh = format!("istio-system/mesh {{mtls: {{mode: {mesh}}}}}");
        let ports = "portLevelMtls: {'80': {mode: STRICT}, '81': {mode: PERMISSIVE}}";
        let db = format!("shop/db {{selector: {{matchLabels: {{app: db}}}}, mtls: {{mode: {mode}}}, {ports}}}");
        modes(&[&[mesh.as_str(), db.as_str()], namespace].concat())
    };
    let plaintext = |port| tcp(&plain("shop", ""), &ambient_db(), port);
    for mode in ["PERMISSIVE", "DISABLE"] {
        for namespace in
            [&[][..], &["shop/default {mtls: {mode: UNSET}}"], &["shop/default {}"], &["shop/default {selector: {}, mtls: {mode: STRICT}}"]]
        {
            let strict = with("STRICT", namespace, mode);
            unspecified(&strict, &plaintext(80), "seems to undo");
            allowed(&strict, &plaintext(81));
            allowed(&strict, &plaintext(82));
            allowed(&strict, &mtls(&ambient("shop", "", "a"), &ambient_db(), 80));
            denied(&with("PERMISSIVE", namespace, mode), &plaintext(80), Gate::Transport);
            // A sidecar takes it as it is written.
            denied(&strict, &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
        }
        for namespace in ["STRICT", "PERMISSIVE"] {
            let own = format!("shop/default {{mtls: {{mode: {namespace}}}}}");
            denied(&with("STRICT", &[&own], mode), &plaintext(80), Gate::Transport);
        }
    }
    denied(&with("STRICT", &[], "STRICT"), &plaintext(80), Gate::Transport);
    denied(&with("STRICT", &[], "UNSET"), &plaintext(80), Gate::Transport);
}

/// Whoever makes policies of those of workloads looks only at such of namespaces as have no `selector` (`policies.go`,
/// `PeerAuthByNamespace`); whoever attaches them, at all.
#[test]
fn an_empty_selector_of_a_namespace_may_undo_ports_in_ambient() {
    let with = |namespace: &str, port: &str| {
        let db = format!("shop/db {{selector: {{matchLabels: {{app: db}}}}, portLevelMtls: {{'80': {{mode: {port}}}}}}}");
        modes(&[namespace, &db])
    };
    let plaintext = |port| tcp(&plain("shop", ""), &ambient_db(), port);
    let empty = "shop/default {selector: {}, mtls: {mode: STRICT}}";
    unspecified(&with(empty, "PERMISSIVE"), &plaintext(81), "what an empty `selector` selects");
    denied(&with("shop/default {mtls: {mode: STRICT}}", "PERMISSIVE"), &plaintext(81), Gate::Transport);
    denied(&with(empty, "UNSET"), &plaintext(81), Gate::Transport);
}

#[test]
fn section_3_4_modes_in_ambient() {
    let workload = |spec: &str| modes(&[&format!("shop/db {{selector: {{matchLabels: {{app: db}}}}, {spec}}}")]);
    let plaintext = |port| tcp(&plain("shop", ""), &ambient_db(), port);
    let strict = workload("mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}, '81': {mode: STRICT}}");
    allowed(&strict, &plaintext(80));
    denied(&strict, &plaintext(81), Gate::Transport);
    denied(&strict, &plaintext(82), Gate::Transport);
    for mode in ["mtls: {mode: PERMISSIVE}, ", "mtls: {mode: DISABLE}, ", ""] {
        let ports = workload(&format!("{mode}portLevelMtls: {{'80': {{mode: STRICT}}, '81': {{mode: STRICT}}}}"));
        denied(&ports, &plaintext(80), Gate::Transport);
        denied(&ports, &plaintext(81), Gate::Transport);
        allowed(&ports, &plaintext(82));
        allowed(&ports, &mtls(&ambient("shop", "", "a"), &ambient_db(), 80));
    }
    // DISABLE cannot turn the tunnel off.
    allowed(&workload("mtls: {mode: DISABLE}"), &mtls(&ambient("shop", "", "a"), &ambient_db(), 80));
    // A mesh-wide policy with an empty selector may not count.
    let empty = modes(&["istio-system/mesh {selector: {}, mtls: {mode: STRICT}}"]);
    unspecified(&empty, &plaintext(80), "what an empty `selector` selects");
    denied(&empty, &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
}

#[test]
fn trap_087_a_scraper_without_identity_needs_an_exception() {
    let strict = "shop/db {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {'9090': {mode: PERMISSIVE}}}";
    let scraper = plain("monitoring", "app=prometheus");
    denied(&modes(&["shop/default {mtls: {mode: STRICT}}"]), &tcp(&scraper, &db(), 9090), Gate::Transport);
    allowed(&modes(&[strict]), &tcp(&scraper, &db(), 9090));
    denied(&modes(&[strict]), &tcp(&scraper, &db(), 80), Gate::Transport);
}

#[test]
fn a_dry_run_is_refused_here() {
    let yaml = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: shop, annotations: {istio.io/dry-run: 'true'}}\nspec: {}\n";
    assert_eq!(findings(yaml).len(), 1);
}

/// Of two policies about the same pods only the oldest acts; of one that is written twice there is one.
#[test]
fn a_policy_that_stands_twice_is_one() {
    let strict = peer_authentication("shop/strict", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}");
    let twice = cluster(&format!("{strict}{strict}"));
    denied(&twice, &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
    assert_eq!(ask(&twice, &tcp(&plain("shop", ""), &db(), 80)).steps, ask(&cluster(&strict), &tcp(&plain("shop", ""), &db(), 80)).steps);
}
