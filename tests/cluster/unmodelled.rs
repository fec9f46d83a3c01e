//! Kinds that are not modelled: what they may touch is unspecified, and nothing else is.

use super::{Changed, allowed, cluster, decide, denied, end, findings, lets_in, lets_out, object, question, read_on, unspecified};
use twogate::cluster::{Cluster, Endpoint, Gate, Names, Way};
use twogate::flow::{Cut, DataPlane, Protocol, Transport, Verdict};

const OUTSIDE: &str = "203.0.113.7";

fn open(cluster: &Cluster, source: &Endpoint, destination: &Endpoint) -> bool {
    matches!(decide(cluster, source, destination, "80").verdict, Verdict::Unspecified(_))
}

#[test]
fn kinds_that_cannot_affect_a_flow_are_passed_over() {
    for (version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Event"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "IngressClass"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("policy/v1", "PodDisruptionBudget"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("networking.istio.io/v1", "VirtualService"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("route.openshift.io/v1", "Route"),
        ("telemetry.istio.io/v1", "Telemetry"),
        ("cert-manager.io/v1", "Certificate"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("serving.knative.dev/v1", "Service"),
        ("serving.kserve.io/v1beta1", "InferenceService"),
        ("notification.toolkit.fluxcd.io/v1beta3", "Alert"),
        ("kafka.strimzi.io/v1beta2", "Kafka"),
        ("operators.coreos.com/v1alpha1", "Subscription"),
        ("argoproj.io/v1alpha1", "Application"),
        ("traefik.io/v1alpha1", "IngressRoute"),
        // Files that no API server sees.
        ("v1", "Config"),
        ("kind.x-k8s.io/v1alpha4", "Cluster"),
        ("kubeadm.k8s.io/v1beta3", "ClusterConfiguration"),
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
        ("kustomize.config.k8s.io/v1alpha1", "Component"),
        ("audit.k8s.io/v1", "Policy"),
        ("skaffold/v2beta29", "Config"),
    ] {
        let yaml = object(version, kind, "x", "{anything: [at, all]}");
        assert!(findings(&yaml).is_empty(), "{kind}");
        allowed(&cluster(&yaml), &end(OUTSIDE), &end("*@shop"), "80");
    }
    assert_eq!(findings(&object("example.com/v1", "Route", "x", "{}")).len(), 1, "a kind is passed over in its own group only");
    // What makes objects of others, or is a policy of another plugin or mesh, is none of these.
    for (version, kind) in [
        ("template.openshift.io/v1", "Template"),
        ("network.openshift.io/v1", "EgressNetworkPolicy"),
        ("k8s.ovn.org/v1", "EgressFirewall"),
        ("policy.linkerd.io/v1beta3", "Server"),
        ("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy"),
        ("maistra.io/v1", "ServiceMeshMemberRoll"),
    ] {
        let cluster = cluster(&object(version, kind, "x", "{anything: [at, all]}"));
        assert!(open(&cluster, &end(OUTSIDE), &end("*@shop")), "{kind}");
    }
}

#[test]
fn a_plugins_policy_opens_the_pods_that_it_selects() {
    let cilium = |selector: &str| {
        cluster(&format!("{}{}", lets_in("{ports: [{port: 1}]}"), object("cilium.io/v2", "CiliumNetworkPolicy", "c", selector)))
    };
    let plain = cilium("{endpointSelector: {matchLabels: {app: db}}}");
    unspecified(&plain, &end(OUTSIDE), &end("app=db@shop"), "80", "CiliumNetworkPolicy `shop/c` may decide otherwise and is not modelled");
    denied(&plain, &end(OUTSIDE), &end("app=web@shop"), "80");
    allowed(&plain, &end(OUTSIDE), &end("app=db@other"), "80");
    for whole in [
        "{endpointSelector: {matchLabels: {'k8s:app': db}}}",
        "{endpointSelector: {}}",
        "{specs: []}",
        "{endpointSelector: {matchLabels: 5}}",
    ] {
        let cluster = cilium(whole);
        unspecified(&cluster, &end(OUTSIDE), &end("app=web@shop"), "80", "CiliumNetworkPolicy");
        allowed(&cluster, &end(OUTSIDE), &end("app=db@other"), "80");
    }
}

#[test]
fn cluster_wide_and_unknown_kinds() {
    for (version, kind) in [
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        ("crd.projectcalico.org/v1", "GlobalNetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"),
        ("example.com/v1", "Firewall"),
    ] {
        let yaml = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: g}}\nspec: {{}}\n");
        let found = findings(&yaml);
        assert!(found.len() == 1 && found[0].starts_with("unmodelled-kind at"), "{found:?}");
        unspecified(&cluster(&yaml), &end(OUTSIDE), &end("app=a@any"), "80", kind);
    }
    for (version, kind) in [("crd.projectcalico.org/v1", "NetworkPolicy"), ("example.com/v1", "Firewall"), ("v1", "Mystery")] {
        let cluster = cluster(&object(version, kind, "n", "{}"));
        unspecified(&cluster, &end(OUTSIDE), &end("*@shop"), "80", kind);
        allowed(&cluster, &end(OUTSIDE), &end("*@other"), "80");
    }
}

#[test]
fn a_baseline_policy_comes_after_every_network_policy() {
    let baseline = "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: b}\nspec: {subject: {namespaces: {}}}\n";
    let cluster = cluster(&format!("{baseline}{}", lets_in("{ports: [{port: 80}]}")));
    denied(&cluster, &end(OUTSIDE), &end("*@shop"), "81");
    allowed(&cluster, &end(OUTSIDE), &end("*@shop"), "80");
    unspecified(&cluster, &end("*@shop"), &end(OUTSIDE), "80", "BaselineAdminNetworkPolicy");
}

/// A policy of one direction decides nothing about the other (`semantics.md` §1.10).
#[test]
fn a_policy_for_the_cluster_touches_the_directions_that_it_has_rules_for() {
    let rules = |version: &str, kind: &str, spec: &str| {
        let subject = "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}";
        cluster(&format!(
            "---\napiVersion: policy.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: g}}\nspec: {{{subject}, {spec}}}\n"
        ))
    };
    let (db, web) = (end("app=db@shop"), end("app=web@shop"));
    let rule = "[{name: a, action: Deny, PEERS: [{namespaces: {}}]}]";
    let (ingress, egress) = (format!("ingress: {}", rule.replace("PEERS", "from")), format!("egress: {}", rule.replace("PEERS", "to")));
    for (version, kind, tier) in [
        ("v1alpha1", "AdminNetworkPolicy", "priority: 1"),
        ("v1alpha1", "BaselineAdminNetworkPolicy", "x: y"),
        ("v1alpha2", "ClusterNetworkPolicy", "tier: Admin"),
        ("v1alpha2", "ClusterNetworkPolicy", "tier: Baseline"),
    ] {
        let on = |spec: &str| rules(version, kind, &format!("{tier}, {spec}"));
        for spec in [ingress.as_str(), &format!("{ingress}, egress: []")] {
            assert!(open(&on(spec), &web, &db) && !open(&on(spec), &db, &web), "{kind} {spec}");
        }
        for spec in [egress.as_str(), &format!("ingress: [], {egress}")] {
            assert!(!open(&on(spec), &web, &db) && open(&on(spec), &db, &web), "{kind} {spec}");
        }
        for spec in [&format!("{ingress}, {egress}"), "other: 1", "ingress: 5, egress: []"] {
            assert!(open(&on(spec), &web, &db), "{kind} {spec}");
        }
        assert!(open(&on("ingress: 5"), &web, &db), "what cannot be read may be a rule");
        let way = |cluster: &Cluster, way| !cluster.selectors("shop", way).is_empty();
        assert!(way(&on(&ingress), Way::Ingress) && !way(&on(&ingress), Way::Egress));
        assert!(!way(&on(&egress), Way::Ingress) && way(&on(&egress), Way::Egress));
    }
}

/// `extensions/v1beta1` has no `NetworkPolicy` any more, and `apps/v1` never had one. Whether it is mended or left out is not known.
#[test]
fn a_network_policy_of_another_group_is_told_by_its_version() {
    for version in ["apps/v1", "extensions/v1beta1", "v1", "policy/v1"] {
        let yaml = object(version, "NetworkPolicy", "x", "{podSelector: {matchLabels: {app: db}}, ingress: []}");
        let found = findings(&yaml);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert!(only.starts_with("unmodelled-kind"), "{only}");
        let group = version.split('/').next().unwrap();
        let mended = "which has no NetworkPolicy: `apiVersion: networking.k8s.io/v1` is meant";
        assert!(only.ends_with(&format!("is of `{group}`, {mended}")), "{only}");
        let cluster = cluster(&yaml);
        let reason = format!("NetworkPolicy `shop/x` is of `{group}`, which has no such kind");
        unspecified(&cluster, &end(OUTSIDE), &end("app=db@shop"), "80", &reason);
        allowed(&cluster, &end(OUTSIDE), &end("app=web@shop"), "80");
    }
}

#[test]
fn kinds_of_the_mesh_touch_only_what_is_in_the_mesh() {
    let sidecar = |text: &str| end(text).plane(DataPlane::Sidecar);
    let filter = cluster(&object("networking.istio.io/v1alpha3", "EnvoyFilter", "f", "{workloadSelector: {labels: {app: web}}}"));
    let (web, plain, other) = (sidecar("app=web@shop"), end("app=web@shop"), sidecar("app=web@other"));
    assert!(open(&filter, &end(OUTSIDE), &web), "as destination");
    assert!(open(&filter, &web, &other), "as source");
    assert!(!open(&filter, &end(OUTSIDE), &plain) && !open(&filter, &end(OUTSIDE), &other));
    allowed(&filter, &end(OUTSIDE), &plain, "80");
    assert_eq!(decide(&filter, &end(OUTSIDE), &web, "80/udp").verdict, Verdict::Allowed, "the mesh never sees UDP");
    let root = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: istio-system}\nspec: {}\n";
    assert!(open(&cluster(root), &end(OUTSIDE), &other), "the root namespace is the whole mesh");
    let entry = cluster(&object("networking.istio.io/v1", "ServiceEntry", "e", "{hosts: [api.example.com], location: MESH_EXTERNAL}"));
    assert!(!open(&entry, &web, &end(OUTSIDE)), "hosts outside: the mesh is no gate to them");
    let machine = cluster(&object("networking.istio.io/v1", "WorkloadEntry", "e", "{address: 203.0.113.7}"));
    assert!(open(&machine, &end(OUTSIDE), &web));
    assert!(!open(&machine, &end(OUTSIDE), &plain) && !open(&machine, &web, &other));
}

#[test]
fn unmodelled_objects_are_named_by_the_step_that_they_unsettle() {
    let cluster = cluster(&format!(
        "{}{}",
        object("cilium.io/v2", "CiliumNetworkPolicy", "c", "{endpointSelector: {matchLabels: {app: db}}}"),
        object("networking.istio.io/v1alpha3", "EnvoyFilter", "f", "{}")
    ));
    let decision = decide(&cluster, &end(OUTSIDE), &end("app=db@shop").plane(DataPlane::Sidecar), "80");
    let named = |gate| {
        let of_gate = decision.steps.iter().filter(|step| step.gate == gate);
        of_gate
            .flat_map(|step| step.decided_by.iter().map(|document| format!("{} {}/{}", document.kind, document.namespace, document.name)))
            .collect::<Vec<_>>()
    };
    assert_eq!(named(Gate::Ingress), ["CiliumNetworkPolicy shop/c"]);
    assert_eq!(named(Gate::Caller).last().map(String::as_str), Some("EnvoyFilter shop/f"));
}

/// A policy about callers that cannot be read says nothing of how they come, and every line says what the policies that are read do.
#[test]
fn what_cannot_be_read_unsettles_the_gates_that_it_is_of() {
    let steps = |yaml: &str| {
        let (cluster, _) = read_on(super::platform(), yaml);
        decide(&cluster, &end(OUTSIDE), &end("app=db@shop").plane(DataPlane::Sidecar), "80").steps
    };
    let callers = steps(&object("security.istio.io/v1", "AuthorizationPolicy", "x", "{rules: 5}"));
    let transport = callers.iter().find(|step| step.gate == Gate::Transport).unwrap();
    assert_eq!((&transport.verdict, transport.reason.contains("but")), (&Verdict::Allowed, false), "{transport:?}");
    assert!(callers.iter().filter(|step| step.gate == Gate::Caller).all(|step| step.verdict != Verdict::Allowed), "{callers:#?}");
    let filter = steps(&object("networking.istio.io/v1alpha3", "EnvoyFilter", "f", "{}"));
    let transport = filter.iter().find(|step| step.gate == Gate::Transport).unwrap();
    assert!(matches!(transport.verdict, Verdict::Unspecified(_)), "{transport:?}");
    assert_eq!(transport.reason, "the server takes plaintext, but EnvoyFilter `shop/f` may decide otherwise and is not modelled");
}

#[test]
fn a_sure_refusal_of_another_gate_still_decides() {
    let yaml = format!("{}{}", lets_in("{ports: [{port: 1}]}"), object("networking.istio.io/v1alpha3", "EnvoyFilter", "f", "{}"));
    let mut asked = question(&end("app=a@shop").plane(DataPlane::Sidecar), &end("app=b@shop").plane(DataPlane::Sidecar), "80");
    asked.transport = Some(Transport::Mtls);
    asked.protocol = Protocol::Tcp;
    assert_eq!(cluster(&yaml).decide(&asked).verdict, Verdict::Denied);
}

#[test]
fn a_dump_full_of_one_kind_is_reported_with_measure_and_read_to_its_end() {
    let many: String = (0..500)
        .map(|index| object("cilium.io/v2", "CiliumNetworkPolicy", &format!("c{index}"), "{endpointSelector: {matchLabels: {app: x}}}"))
        .collect();
    let (cluster, found) = read_on(super::platform(), &format!("{many}{}", lets_in("{ports: [{port: 1}]}")));
    assert_eq!(found.len(), 1);
    let note = found[0].notes.last().map(String::as_str).unwrap();
    assert!(note.starts_with("others like it are CiliumNetworkPolicy `shop/c1`, CiliumNetworkPolicy `shop/c2`, "), "{note}");
    assert!(note.ends_with("CiliumNetworkPolicy `shop/c10` and 489 more"), "{note}");
    denied(&cluster, &end(OUTSIDE), &end("app=web@shop"), "80");
}

#[test]
fn an_object_that_is_only_called_like_a_list_is_an_object() {
    let named = "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: x, namespace: shop}\nitems: []\n";
    let found = findings(named);
    assert!(found.iter().any(|finding| finding.starts_with("unmodelled-kind")), "{found:?}");
    let found = findings(&named.replace("name: x, namespace: shop", "resourceVersion: '1'"));
    assert!(found.is_empty(), "a list of nothing: {found:?}");
}

#[test]
fn names_that_nobody_checks_are_spelled_out() {
    let yaml = "apiVersion: example.com/v1\nkind: \"A\\nB\"\nmetadata: {name: \"x\\e[31m\", namespace: shop}\n";
    let Verdict::Unspecified(reason) = decide(&cluster(yaml), &end("app=a@shop"), &end("app=b@shop"), "80").verdict else { panic!() };
    assert_eq!(reason, "A\\nB `shop/x\\u{1b}[31m` may decide otherwise and is not modelled");
}

/// An `AuthorizationPolicy` acts where connections arrive (`semantics.md` §2.1).
#[test]
fn an_unreadable_policy_of_the_mesh_opens_what_arrives_and_not_what_leaves() {
    let broken = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\nspec: {rules: 5}\n";
    let (cluster, findings) = read_on(super::platform(), broken);
    assert!(!findings.is_empty());
    let meshed = |text: &str| end(text).pod(|pod| pod.plane = DataPlane::Sidecar);
    let (inside, outside) = (meshed("app=a@shop"), meshed("app=b@other"));
    assert!(open(&cluster, &outside, &inside));
    assert!(!open(&cluster, &inside, &outside));
    let ingress = cluster.end(&outside, twogate::cluster::Way::Ingress);
    assert_eq!(ingress.decide(&inside, Protocol::Tcp, 80, Transport::Mtls, None), Verdict::Allowed);
}

/// Whatever else is wrong with a policy, it acts on no other pods than those that its selector selects.
#[test]
fn an_unreadable_policy_opens_the_pods_that_it_selects_and_no_others() {
    let (web, db, other) = (end("app=web@shop"), end("app=db@shop"), end("app=db@other"));
    let network = |spec: &str| read_on(super::platform(), &object("networking.k8s.io/v1", "NetworkPolicy", "bad", spec));
    let db_alone = "podSelector: {matchLabels: {app: db}}";
    for spec in [
        &*format!("{{{db_alone}, ingress: [{{ports: [{{port: '80'}}]}}]}}"),
        &*format!("{{{db_alone}, ingress: [{{form: []}}]}}"),
        &*format!("{{{db_alone}, policyTypes: [In]}}"),
        "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}, ingress: 5}",
    ] {
        let (cluster, findings) = network(spec);
        assert!(findings.iter().any(|finding| finding.level == twogate::diagnostic::Level::Error), "{spec}");
        assert!(open(&cluster, &end(OUTSIDE), &db) && open(&cluster, &db, &other), "{spec}");
        assert!(!open(&cluster, &end(OUTSIDE), &web) && !open(&cluster, &web, &other) && !open(&cluster, &web, &web), "{spec}");
    }
    // A selector that is not sure to be what the API server makes of it may be of all of them.
    let expression = |text: &str| format!("{{podSelector: {{matchExpressions: [{text}]}}}}");
    for spec in [
        "{ingress: 5}",
        "{podSelector: {matchLabel: {app: db}}}",
        "{podSelector: {matchLabels: {app: [db]}}}",
        "{podSelector: {matchLabels: {app: db, tier: 5}}}",
        "{podSelector: {matchLabels: {app: 'd*'}}}",
        "{podSelector: {matchLabels: {'': db}}}",
        "{podSelector: {matchLabels: {app: db, 'a b': x}}}",
        "{podSelector: {matchLabels: {app: db}, more: 1}}",
        &*expression("{key: app, operator: In, values: [api, 5]}"),
        &*expression("{key: app, operator: In, values: [api, 'd*']}"),
        &*expression("{key: app, operator: In, values: [api], more: 1}"),
        &*expression("{key: '', operator: In, values: [api]}"),
        &*expression("{key: app, operator: In, values: [api]}, {key: tier, operator: Is}"),
        // Nor does it matter that so much else is wrong that not everything is told.
        &*format!("{{ingress: [{}5], podSelector: {{matchLabels: {{app: 'd*'}}}}}}", "5, ".repeat(40)),
        "{podSelector: 5}",
        "5",
    ] {
        let (cluster, findings) = network(spec);
        assert!(!findings.is_empty(), "{spec}");
        assert!(open(&cluster, &end(OUTSIDE), &web) && open(&cluster, &end(OUTSIDE), &db), "{spec}");
        assert!(open(&cluster, &end(OUTSIDE), &end("app=5@shop")) && !open(&cluster, &end(OUTSIDE), &other), "{spec}");
    }
}

/// The same of the mesh's policies, which have another selector, and may have targets in its place.
#[test]
fn an_unreadable_policy_of_the_mesh_opens_the_pods_that_it_selects_and_no_others() {
    let meshed = |text: &str| end(text).pod(|pod| pod.plane = DataPlane::Sidecar);
    let (web, db, far) = (meshed("app=web@shop"), meshed("app=db@shop"), meshed("app=db@other"));
    for (kind, broken) in
        [("AuthorizationPolicy", "rules: 5"), ("PeerAuthentication", "mtls: {mode: SOME}"), ("RequestAuthentication", "jwtRules: 5")]
    {
        let on = |namespace: &str, spec: &str| {
            let yaml =
                format!("apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n");
            read_on(super::platform(), &yaml).0
        };
        let selecting = on("shop", &format!("{{selector: {{matchLabels: {{app: db}}}}, {broken}}}"));
        assert!(open(&selecting, &web, &db) && !open(&selecting, &db, &web) && !open(&selecting, &web, &far), "{kind}");
        let mesh = on("istio-system", &format!("{{selector: {{matchLabels: {{app: db}}}}, {broken}}}"));
        assert!(open(&mesh, &web, &db) && open(&mesh, &web, &far) && !open(&mesh, &db, &web), "{kind}");
        for spec in [
            format!("{{{broken}}}"),
            format!("{{selector: {{matchlabels: {{app: db}}}}, {broken}}}"),
            format!("{{selector: {{matchLabels: {{app: api}}, more: 1}}, {broken}}}"),
            format!("{{selector: {{matchLabels: {{app: 'd*'}}}}, {broken}}}"),
            "{selector: {matchLabels: {app: 'd*'}}}".to_owned(),
            "{selector: {matchLabels: {'': db}}}".to_owned(),
            format!("{{selector: {{matchLabels: {{'a b': db}}}}, {broken}}}"),
            "{selector: {matchLabels: {app: api, tier: 5}}}".to_owned(),
            // More labels than a selector may have.
            format!(
                "{{selector: {{matchLabels: {{app: api{}}}}}}}",
                (0..4096).fold(String::new(), |all, key| all + ", k" + &key.to_string() + ": v")
            ),
            format!("{{selector: {{matchLabels: {{app: db}}}}, targetRefs: [{{kind: Gateway, name: g}}], {broken}}}"),
        ] {
            assert!(open(&on("shop", &spec), &web, &db) && open(&on("shop", &spec), &db, &web), "{kind} {spec}");
        }
    }
}

/// A `Sidecar` that only lists hosts changes calls of others than these, and nothing that comes in.
#[test]
fn a_sidecar_that_only_lists_hosts_touches_calls_of_others() {
    let mesh = |text: &str| end(text).plane(DataPlane::Sidecar);
    let (web, beside, other, far) = (mesh("app=web@shop"), mesh("app=db@shop"), mesh("app=api@pay"), mesh("app=log@ops"));
    let on = |spec: &str| cluster(&object("networking.istio.io/v1", "Sidecar", "s", spec));
    let listed = on("{egress: [{hosts: [./*, pay/*, ops/one.ops.svc.cluster.local, '~/*']}]}");
    assert!(open(&listed, &web, &far), "not all of `ops` is known");
    for (source, destination) in [(&web, &beside), (&web, &other), (&other, &web), (&end(OUTSIDE), &web), (&far, &other)] {
        allowed(&listed, source, destination, "80");
    }
    let selecting = on("{workloadSelector: {labels: {app: web}}, egress: [{hosts: [istio-system/*]}]}");
    assert!(open(&selecting, &web, &beside) && !open(&selecting, &beside, &web));
    // Who is told of everybody is told what everybody is without it; nobody needs to hear of that.
    for spec in ["{}", "{egress: []}", "{egress: [{hosts: [istio-system/*, '*/*']}], outboundTrafficPolicy: {mode: ALLOW_ANY}}"] {
        let yaml = object("networking.istio.io/v1", "Sidecar", "s", spec);
        assert!(findings(&yaml).is_empty(), "{spec}");
        allowed(&cluster(&yaml), &web, &far, "80");
    }
    // What is refused to the unknown is refused to the address of a pod, too.
    let strict = on("{egress: [{hosts: [./*]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}");
    assert!(open(&strict, &web, &beside) && !open(&strict, &far, &web));
    for silent in ["{outboundTrafficPolicy: {}}", "{egress: [{hosts: ['*/*']}], outboundTrafficPolicy: {}}"] {
        assert!(open(&on(silent), &web, &beside), "{silent} is of the first mode, which refuses");
    }
    // Listeners of its own, and whatever nobody knows, may change everything.
    let own_port = on("{egress: [{port: {number: 80, protocol: HTTP, name: h}, hosts: [./*]}]}");
    assert!(open(&own_port, &web, &beside) && !open(&own_port, &far, &web));
    for spec in [
        "{ingress: [{port: {number: 80, protocol: HTTP, name: h}, defaultEndpoint: '127.0.0.1:8080'}]}",
        "{egress: [{hosts: [./*]}], more: 1}",
    ] {
        assert!(open(&on(spec), &far, &web) && open(&on(spec), &web, &beside), "{spec}");
    }
    // That of the whole mesh is about every namespace, and its dot about none.
    let root = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s, namespace: istio-system}\nspec: {egress: [{hosts: [./*, pay/*]}]}\n";
    assert!(open(&cluster(root), &web, &beside) && !open(&cluster(root), &web, &other));
    let found = findings(&object("networking.istio.io/v1", "Sidecar", "s", "{egress: [{hosts: [./*]}]}"));
    assert_eq!(found.len(), 1, "{found:?}");
}

/// An `AuthorizationPolicy` of `shop` that lets nobody call `app=db`.
fn closes_db() -> String {
    object("security.istio.io/v1", "AuthorizationPolicy", "p", "{selector: {matchLabels: {app: db}}}")
}

/// Istio's own `Gateway`, of namespace `shop`.
fn gateway(spec: &str) -> String {
    object("networking.istio.io/v1", "Gateway", "g", spec)
}

const PLAIN: &str = "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]";

/// A classic gateway configures listeners (`semantics.md` §3.3, §5.5): what its pods send is judged as that of any client. Of a pod of
/// which only labels are known nobody knows whether it is a gateway.
#[test]
fn a_gateway_opens_what_arrives_at_its_pods_and_nothing_that_they_send() {
    let mesh = |text: &str| end(text).plane(DataPlane::Sidecar);
    let (edge, web, db) = (mesh("app=gw@edge"), mesh("app=web@shop"), mesh("app=db@shop"));
    let cluster = cluster(&format!("{}{}", gateway(&format!("{{selector: {{app: gw}}, {PLAIN}}}")), closes_db()));
    for source in [&end(OUTSIDE), &web] {
        unspecified(&cluster, source, &edge, "80", "Gateway `shop/g` decides if the pod is a gateway, and whether it is one is not known");
    }
    assert_eq!(decide(&cluster, &web, &edge, "80/udp").verdict, Verdict::Allowed, "the mesh never sees UDP");
    denied(&cluster, &edge, &db, "80");
    for (source, destination) in [(&edge, &web), (&edge, &end(OUTSIDE)), (&web, &mesh("app=other@edge"))] {
        allowed(&cluster, source, destination, "80");
    }
    unspecified(&cluster, &edge, &mesh("app=gw@other"), "80", "Gateway `shop/g`");
    for (called, verdict) in [(&db, Verdict::Denied), (&web, Verdict::Allowed)] {
        let ingress = cluster.end(called, twogate::cluster::Way::Ingress);
        assert_eq!(ingress.decide(&edge, Protocol::Tcp, 80, Transport::Mtls, None), verdict);
    }
}

/// A doubt about the mesh opens nothing that the network stops, at either end.
#[test]
fn what_the_network_stops_at_the_pods_of_a_gateway_is_stopped() {
    let mesh = |text: &str| end(text).plane(DataPlane::Sidecar);
    let (own, web) = (mesh("app=gw@shop"), mesh("app=web@other"));
    let of = |policy: &str| cluster(&format!("{}{policy}", gateway(&format!("{{selector: {{app: gw}}, {PLAIN}}}"))));
    let closed = of(&lets_in("{ports: [{port: 1}]}"));
    denied(&closed, &web, &own, "80");
    unspecified(&closed, &web, &own, "1", "Gateway");
    allowed(&closed, &own, &web, "80");
    let kept_in = of(&lets_out("{ports: [{port: 1}]}"));
    denied(&kept_in, &own, &web, "80");
    allowed(&kept_in, &own, &web, "1");
    unspecified(&kept_in, &web, &own, "80", "Gateway");
}

#[test]
fn a_gateway_without_a_selector_is_of_all_pods_of_the_mesh_and_of_no_address() {
    let web = end("app=web@shop").plane(DataPlane::Sidecar);
    let all = cluster(&gateway(&format!("{{{PLAIN}}}")));
    assert!(open(&all, &end(OUTSIDE), &web));
    allowed(&all, &web, &end(OUTSIDE), "80");
    allowed(&all, &web, &end("app=db@shop"), "80");
}

/// `AUTO_PASSTHROUGH` alone has clusters without the gateway's own mTLS (istio/istio : pilot/pkg/networking/core/cluster.go,
/// `buildOutboundSniDnatClusters`); what `PASSTHROUGH` leads on, the gateway sends as any client does.
#[test]
fn what_a_gateway_passes_through_may_bring_the_identity_of_another() {
    let (edge, db) = (end("app=gw@edge").plane(DataPlane::Sidecar), end("app=db@shop").plane(DataPlane::Sidecar));
    let is_open = |servers: &str| {
        let yaml = format!("{}{}", gateway(&format!("{{selector: {{app: gw}}, {servers}}}")), closes_db());
        open(&cluster(&yaml), &edge, &db)
    };
    let port = "port: {number: 443, name: a, protocol: HTTPS}";
    let with = |tls: &str| format!("servers: [{{{port}, hosts: [a], tls: {tls}}}, {{{port}, hosts: [b], tls: {{mode: SIMPLE}}}}]");
    for tls in ["{mode: AUTO_PASSTHROUGH}", "{mode: 3}", "5"] {
        assert!(is_open(&with(tls)), "{tls}");
    }
    for tls in ["PASSTHROUGH", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL", "LATER"].map(|mode| format!("{{mode: {mode}}}")) {
        assert!(!is_open(&with(&tls)), "{tls}");
    }
    for tls in ["{httpsRedirect: true}", "null"] {
        assert!(!is_open(&with(tls)), "{tls}");
    }
    assert!(!is_open("servers: []") && is_open("servers: 5") && is_open("servers: [{hosts: [a]}]"));
}

/// Which pods are gateways that take waypoints nobody knows for sure (`semantics.md` §2.11).
#[test]
fn a_gateway_that_may_take_waypoints_leaves_open_what_its_pods_send() {
    let (edge, db) = (end("app=gw@edge").plane(DataPlane::Sidecar), end("app=db@shop").plane(DataPlane::Sidecar));
    let gateway = gateway(&format!("{{selector: {{app: gw}}, {PLAIN}}}"));
    let namespace = |value: &str| {
        format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: pay, labels: {{istio.io/ingress-use-waypoint: '{value}'}}}}\n")
    };
    let (told, service) = (namespace("true"), "spec: {selector: {app: a}, ports: [{port: 80}]}\n");
    let service = format!("{}{service}", told.replace("Namespace", "Service").replace("name: pay,", "name: a, namespace: pay,"));
    let entry =
        "spec: {hosts: [a.example.com], location: MESH_EXTERNAL, ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}\n";
    let entry = format!(
        "{}{entry}",
        told.replace("v1\nkind: Namespace", "networking.istio.io/v1\nkind: ServiceEntry").replace("name: pay,", "name: a, namespace: pay,")
    );
    for told in [&told, &service, &entry] {
        assert!(open(&cluster(&format!("{gateway}{told}")), &edge, &db), "{told}");
    }
    allowed(&cluster(&format!("{gateway}{}", namespace("false"))), &edge, &db, "80");
}

#[test]
fn the_finding_of_a_gateway_says_which_way_it_acts() {
    let labels = |spec: &str| {
        let (_, found) = read_on(super::platform(), &gateway(spec));
        found.iter().map(|finding| finding.primary.as_ref().unwrap().text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(labels(&format!("{{selector: {{app: gw}}, {PLAIN}}}")), [""; 0], "what it does to gateways is modelled");
    let through = "{selector: {app: gw}, servers: [{port: {number: 15443, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}}]}";
    assert_eq!(labels(through), ["may change what the mesh lets pass from `app=gw@*`"]);
    assert_eq!(labels("{selector: {app: gw}, servers: [{tls: {}}]}"), ["may change what the mesh lets pass from and to `app=gw@*`"]);
}

/// What may decide what a sidecar sends decides what it sends to addresses, too: the end that such a connection leaves says what the whole
/// way says.
#[test]
fn what_leaves_for_an_address_is_left_open_as_the_whole_way_is() {
    let web = end("app=web@shop").plane(DataPlane::Sidecar);
    let leaves = |cluster: &Cluster, from: &Endpoint, protocol: Protocol| {
        cluster.end(from, Way::Egress).decide(&end(OUTSIDE), protocol, 443, Transport::Plaintext, None)
    };
    let entry =
        "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: x, namespace: far}\nspec: {address: 203.0.113.9}\n";
    for yaml in [
        object("networking.istio.io/v1", "Sidecar", "x", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"),
        object("networking.istio.io/v1alpha3", "EnvoyFilter", "x", "{workloadSelector: {labels: {app: web}}}"),
        entry.to_owned(),
    ] {
        let cluster = cluster(&yaml);
        assert!(open(&cluster, &web, &end(OUTSIDE)), "{yaml}");
        assert!(matches!(leaves(&cluster, &web, Protocol::Tcp), Verdict::Unspecified(_)), "{yaml}");
        assert_eq!(leaves(&cluster, &web, Protocol::Udp), Verdict::Allowed, "{yaml}");
        assert_eq!(leaves(&cluster, &end("app=web@shop"), Protocol::Tcp), Verdict::Allowed, "{yaml}");
        // Pods are told from addresses by a cut, so that nobody stands for both.
        let names = Names::default();
        let is_outside = |cut: &Cut| cut.peers.contains(&end(OUTSIDE).peer) && !cut.peers.contains(&end("*@shop").peer);
        assert!(cluster.end(&web, Way::Egress).cuts(&names).iter().any(is_outside), "{yaml}");
    }
    let mine = cluster(&object("networking.istio.io/v1", "Sidecar", "x", "{egress: [{hosts: ['*/*']}]}"));
    assert_eq!(leaves(&mine, &web, Protocol::Tcp), Verdict::Allowed);
}

/// What leads connections from outside, makes pods that are judged once they are there, or only routes.
#[test]
fn kinds_of_well_known_projects_are_passed_over() {
    for (version, kind) in [
        ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"),
        ("cloud.google.com/v1", "BackendConfig"),
        ("networking.gke.io/v1", "ManagedCertificate"),
        ("networking.gke.io/v1beta1", "FrontendConfig"),
        ("multicluster.x-k8s.io/v1alpha1", "ServiceExport"),
        ("jobset.x-k8s.io/v1alpha2", "JobSet"),
        ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"),
        ("kueue.x-k8s.io/v1beta1", "ClusterQueue"),
        ("kueue.x-k8s.io/v1beta1", "LocalQueue"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("scheduling.volcano.sh/v1beta1", "Queue"),
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication"),
        ("spark.apache.org/v1", "SparkApplication"),
        ("iam.cnrm.cloud.google.com/v1beta1", "IAMPolicyMember"),
        ("linkerd.io/v1alpha2", "ServiceProfile"),
        ("split.smi-spec.io/v1alpha2", "TrafficSplit"),
    ] {
        let yaml = object(version, kind, "x", "{anything: [at, all]}");
        assert!(findings(&yaml).is_empty(), "{kind}");
        allowed(&cluster(&yaml), &end(OUTSIDE), &end("*@shop"), "80");
    }
}

/// What only takes away from what passes leaves open what passes without it, and stops nothing less.
#[test]
fn what_only_takes_away_lifts_no_refusal() {
    for (version, kind) in [
        ("k8s.ovn.org/v1", "EgressFirewall"),
        ("network.openshift.io/v1", "EgressNetworkPolicy"),
        ("security.kubearmor.com/v1", "KubeArmorPolicy"),
    ] {
        let limits = object(version, kind, "x", "{anything: [at, all]}");
        let cluster = cluster(&format!("{}{limits}", lets_in("{ports: [{port: 80}]}")));
        unspecified(&cluster, &end(OUTSIDE), &end("*@shop"), "80", kind);
        denied(&cluster, &end(OUTSIDE), &end("*@shop"), "81");
        let (shop, outside) = (end("*@shop"), end(OUTSIDE));
        let said = |port| cluster.end(&shop, Way::Ingress).decide(&outside, Protocol::Tcp, port, Transport::Plaintext, None);
        assert!(matches!(said(80), Verdict::Unspecified(_)) && said(81) == Verdict::Denied, "{kind}");
        // Beside what may do anything nothing is sure.
        let both = super::cluster(&format!("{}{limits}{}", lets_in("{ports: [{port: 80}]}"), object("example.com/v1", "Thing", "x", "{}")));
        assert!(both.end(&shop, Way::Ingress).decide(&outside, Protocol::Tcp, 81, Transport::Plaintext, None) != Verdict::Denied);
        assert!(decide(&both, &outside, &shop, "81").verdict != Verdict::Denied, "{kind}");
    }
}
