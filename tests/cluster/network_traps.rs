//! The traps of `semantics.md` §8.1, each as a fragment of YAML and the verdicts that it really gives.

use super::{
    Changed, Platform, addresses, allowed, cluster, cluster_on, decide, denied, end, findings, lets_in, lets_out, object, platform, policy,
    question, read_on, unspecified,
};
use twogate::cluster::{Addressed, Endpoint, Gate, Question};
use twogate::flow::{DataPlane, Protocol, Verdict};

const OUTSIDE: &str = "203.0.113.7";

#[test]
fn trap_001_two_peers_of_a_list_are_or() {
    let (stranger, own) = (end("app=x@other").in_namespace_labelled("team", "a"), end("app=b@shop"));
    let (web, far) = (end("app=web@shop"), end("app=b@other"));
    let or = cluster(&lets_in("{from: [{namespaceSelector: {matchLabels: {team: a}}}, {podSelector: {matchLabels: {app: b}}}]}"));
    allowed(&or, &stranger, &web, "80");
    allowed(&or, &own, &web, "80");
    denied(&or, &far, &web, "80");
    let and = cluster(&lets_in("{from: [{namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchLabels: {app: b}}}]}"));
    denied(&and, &stranger, &web, "80");
    denied(&and, &own, &web, "80");
    allowed(&and, &far.in_namespace_labelled("team", "a"), &web, "80");
}

#[test]
fn trap_002_an_empty_egress_without_types_isolates_ingress_only() {
    let cluster = cluster(&policy("p", "{podSelector: {}, egress: []}"));
    allowed(&cluster, &end("app=web@shop"), &end(OUTSIDE), "443");
    denied(&cluster, &end(OUTSIDE), &end("app=web@shop"), "443");
}

#[test]
fn trap_003_egress_rules_without_types_isolate_ingress_too() {
    let cluster = cluster(&policy("p", "{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}"));
    denied(&cluster, &end("app=web@shop"), &end(OUTSIDE), "443");
    denied(&cluster, &end("app=db@other"), &end("app=web@shop"), "80");
}

#[test]
fn trap_004_rules_of_a_type_that_is_not_listed_are_inert() {
    let spec = "{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: b}}}]}]}";
    let cluster = cluster(&policy("p", spec));
    allowed(&cluster, &end("*@other"), &end("app=web@shop"), "80");
    denied(&cluster, &end("app=web@shop"), &end("*@other"), "80");
}

#[test]
fn trap_005_a_missing_selector_is_every_pod_and_so_is_a_missing_spec() {
    for yaml in [
        policy("p", "{policyTypes: [Ingress]}"),
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n".to_owned(),
    ] {
        let cluster = cluster(&yaml);
        denied(&cluster, &end("*@other"), &end("app=web@shop"), "80");
        allowed(&cluster, &end("*@shop"), &end("app=web@other"), "80");
    }
}

#[test]
fn trap_006_an_empty_port_is_every_tcp_port() {
    let cluster = cluster(&lets_in("{ports: [{}]}"));
    allowed(&cluster, &end(OUTSIDE), &end("*@shop"), "1");
    allowed(&cluster, &end(OUTSIDE), &end("*@shop"), "65535");
    denied(&cluster, &end(OUTSIDE), &end("*@shop"), "53/udp");
    denied(&cluster, &end(OUTSIDE), &end("*@shop"), "80/sctp");
}

#[test]
fn trap_007_dns_over_udp_is_not_dns_over_tcp() {
    let cluster = cluster(&lets_out("{ports: [{protocol: UDP, port: 53}]}"));
    allowed(&cluster, &end("*@shop"), &end("k8s-app=kube-dns@kube-system"), "53/udp");
    denied(&cluster, &end("*@shop"), &end("k8s-app=kube-dns@kube-system"), "53");
}

#[test]
fn trap_008_the_port_of_the_dns_pods_counts() {
    let cluster = cluster(&lets_out("{ports: [{protocol: UDP, port: 53}]}"));
    denied(&cluster, &end("*@shop"), &end("dns=default@openshift-dns"), "5353/udp");
}

#[test]
fn trap_009_the_port_of_the_pod_counts_and_not_that_of_the_service() {
    let service = object("v1", "Service", "web", "{selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}");
    let by_service = Addressed::Service { namespace: "shop".into(), name: "web".into(), port: 80 };
    for (port, verdict) in [(80, Verdict::Denied), (8080, Verdict::Allowed)] {
        let yaml = format!(
            "{service}{}{}",
            lets_in(&format!("{{ports: [{{port: {port}}}]}}")),
            lets_out(&format!("{{ports: [{{port: {port}}}]}}"))
        );
        let cluster = cluster(&yaml);
        let mut asked = question(&end("app=job@shop"), &end("app=web@shop"), "8080");
        asked.addressed = by_service.clone();
        let decision = cluster.decide(&asked);
        assert_eq!(decision.verdict, verdict, "port {port}: {:#?}", decision.steps);
        let network = decision.steps.iter().filter(|step| matches!(step.gate, Gate::Egress | Gate::Ingress));
        assert!(network.map(|step| &step.verdict).eq([&verdict, &verdict]), "both directions mean pod ports");
    }
}

#[test]
fn trap_010_a_number_needs_no_declaration() {
    let cluster = cluster(&lets_in("{ports: [{port: 9000}]}"));
    let web = end("app=web@shop").calls_port("http", 8080);
    allowed(&cluster, &end(OUTSIDE), &web, "9000");
    denied(&cluster, &end(OUTSIDE), &web, "8080");
}

#[test]
fn trap_011_a_named_port_is_another_number_in_each_pod() {
    let (a, b) = (end("app=a@shop").calls_port("http", 80), end("app=b@shop").calls_port("http", 8080));
    let ingress = cluster(&lets_in("{ports: [{port: http}]}"));
    let egress =
        cluster(&policy("out", "{podSelector: {matchLabels: {app: c}}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}"));
    for cluster in [ingress, egress] {
        let source = end("app=c@shop");
        allowed(&cluster, &source, &a, "80");
        denied(&cluster, &source, &a, "8080");
        allowed(&cluster, &source, &b, "8080");
        denied(&cluster, &source, &b, "80");
        denied(&cluster, &source, &b, "8080/udp");
        unspecified(&cluster, &source, &end("app=d@shop"), "80", "calls `http`");
    }
}

#[test]
fn trap_011_whether_names_work_hangs_on_the_plugin() {
    let web = end("app=web@shop").calls_port("http", 80);
    let yaml = lets_in("{ports: [{port: http}]}");
    let unsaid = cluster_on(Platform { named_ports: None, ..platform() }, &yaml);
    unspecified(&unsaid, &end(OUTSIDE), &web, "80", "named port `http`");
    denied(&unsaid, &end(OUTSIDE), &web, "81");
    denied(&cluster_on(Platform { named_ports: Some(false), ..platform() }, &yaml), &end(OUTSIDE), &web, "80");
}

#[test]
fn trap_012_a_named_port_never_matches_outside() {
    let cluster = cluster(&lets_out("{to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: https}]}"));
    denied(&cluster, &end("*@shop"), &end(OUTSIDE), "443");
}

#[test]
fn trap_013_ranges_are_inclusive_and_hang_on_the_plugin() {
    let yaml = lets_in("{ports: [{port: 8000, endPort: 8002}]}");
    let verdicts = |end_port| {
        let cluster = cluster_on(Platform { end_port, ..platform() }, &yaml);
        ["7999", "8000", "8001", "8002", "8003"].map(|port| decide(&cluster, &end(OUTSIDE), &end("*@shop"), port).verdict)
    };
    let (no, yes) = (Verdict::Denied, Verdict::Allowed);
    let open = Verdict::Unspecified("whether `endPort` works hangs on the network plugin".to_owned());
    assert_eq!(verdicts(Some(true)), [no.clone(), yes.clone(), yes.clone(), yes.clone(), no.clone()]);
    assert_eq!(verdicts(Some(false)), [no.clone(), yes.clone(), no.clone(), no.clone(), no.clone()]);
    assert_eq!(verdicts(None), [no.clone(), yes, open.clone(), open, no]);
    for (refused, at) in [
        ("{port: 8000, endPort: 7000}", "7000"),
        ("{port: http, endPort: 90}", "90"),
        ("{endPort: 90}", "90"),
        ("{port: 1, endPort: 65536}", "65536"),
    ] {
        let found = findings(&lets_in(&format!("{{ports: [{refused}]}}")));
        assert!(found.len() == 1 && found[0].starts_with(&format!("invalid-manifest at `{at}")), "{refused}: {found:?}");
    }
}

#[test]
fn trap_014_a_pod_selector_stays_in_its_namespace() {
    let cluster = cluster(&lets_in("{from: [{podSelector: {}}]}"));
    allowed(&cluster, &end("app=a@shop"), &end("*@shop"), "80");
    denied(&cluster, &end("app=a@other"), &end("*@shop"), "80");
    denied(&cluster, &end(OUTSIDE), &end("*@shop"), "80");
}

#[test]
fn trap_015_a_namespace_selector_and_pods_of_the_node() {
    let cluster = cluster(&lets_in("{from: [{namespaceSelector: {}}]}"));
    let ingress = end("app=ingress@edge").on_host_network();
    allowed(&cluster, &end("app=ingress@edge"), &end("*@shop"), "80");
    unspecified(&cluster, &ingress, &end("*@shop"), "80", "host-network");
    denied(&cluster, &end("192.0.2.10"), &end("*@shop"), "80");
    let by_node = Platform { nodes: addresses("192.0.2.0/24"), ..platform() };
    let by_node = cluster_on(by_node, &lets_in("{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}"));
    allowed(&by_node, &ingress, &end("*@shop"), "80");
    allowed(&by_node, &ingress.at(&["192.0.2.10"]), &end("*@shop"), "80");
}

#[test]
fn trap_016_everywhere_in_ipv4_is_not_everyone() {
    let yaml = lets_in("{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}");
    let source = end("app=a@shop");
    for (knob, pods, verdict) in [
        (Some(true), "10.0.0.0/8", "Allowed"),
        (Some(true), "10.0.0.0/8 fd00::/8", "Unspecified"),
        (Some(true), "fd00::/8", "Denied"),
        (Some(true), "", "Unspecified"),
        (Some(false), "10.0.0.0/8", "Denied"),
        (None, "10.0.0.0/8", "Unspecified"),
        (None, "fd00::/8", "Denied"),
        (None, "", "Unspecified"),
    ] {
        let platform = Platform { ipblock_matches_pods: knob, pods: addresses(pods), ..platform() };
        let cluster = cluster_on(platform, &yaml);
        let said = format!("{:?}", decide(&cluster, &source, &end("*@shop"), "80").verdict);
        assert!(said.starts_with(verdict), "{knob:?} {pods}: {said}");
        assert!(verdict != "Unspecified" || said.contains("0.0.0.0/0"), "{said}");
        denied(&cluster, &end("2001:db8::7"), &end("*@shop"), "80");
        allowed(&cluster, &end(OUTSIDE), &end("*@shop"), "80");
    }
}

#[test]
fn trap_016_the_address_of_a_pod_is_compared_where_it_is_known() {
    let yaml = lets_in("{from: [{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.2.0/24]}}]}");
    let pod = |address: &str| end("app=a@shop").at(&[address]);
    let matched = cluster_on(Platform { ipblock_matches_pods: Some(true), ..platform() }, &yaml);
    allowed(&matched, &pod("10.1.1.1"), &end("*@shop"), "80");
    denied(&matched, &pod("10.1.2.1"), &end("*@shop"), "80");
    unspecified(&matched, &end("app=a@shop").at(&["10.1.1.1", "fd00::1"]), &end("*@shop"), "80", "10.1.0.0/16 except 10.1.2.0/24");
    let unsaid = cluster_on(Platform { ipblock_matches_pods: None, ..platform() }, &yaml);
    unspecified(&unsaid, &pod("10.1.1.1"), &end("*@shop"), "80", "10.1.0.0/16");
    denied(&unsaid, &pod("10.1.2.1"), &end("*@shop"), "80");
    let decided = cluster_on(
        Platform { ipblock_matches_pods: None, ..platform() },
        &format!("{yaml}{}", policy("all", "{podSelector: {}, ingress: [{}]}")),
    );
    allowed(&decided, &pod("10.1.1.1"), &end("*@shop"), "80");
}

/// What matches pods compares addresses, and blocks of both families hold every one (`semantics.md` §1.8).
#[test]
fn trap_016_blocks_of_both_families_hold_every_pod() {
    let block = |cidr: &str| format!("{{ipBlock: {{cidr: '{cidr}'}}}}");
    let in_one = |first: &str, second: &str| lets_in(&format!("{{from: [{}, {}]}}", block(first), block(second)));
    let in_two = |first: &str, second: &str| lets_in(&format!("{{from: [{}]}}, {{from: [{}]}}", block(first), block(second)));
    let on = |pods: &str| Platform { ipblock_matches_pods: Some(true), pods: addresses(pods), ..platform() };
    let (unknown, both) = (end("app=a@shop"), end("app=a@shop").at(&["10.0.0.1", "fd00::1"]));
    for write in [&in_one as &dyn Fn(&str, &str) -> String, &in_two] {
        for pods in ["", "10.0.0.0/8 fd00::/8"] {
            let all = cluster_on(on(pods), &write("0.0.0.0/0", "::/0"));
            allowed(&all, &unknown, &end("*@shop"), "80");
            allowed(&all, &both, &end("*@shop"), "80");
        }
        let cidrs = write("10.0.0.0/8", "fd00::/8");
        allowed(&cluster_on(on("10.0.0.0/8 fd00::/8"), &cidrs), &unknown, &end("*@shop"), "80");
        unspecified(&cluster_on(on("10.0.0.0/7 fd00::/8"), &cidrs), &unknown, &end("*@shop"), "80", "holds the pod's address is not known");
        unspecified(&cluster_on(on(""), &cidrs), &unknown, &end("*@shop"), "80", "holds the pod's address is not known");
        let own = cluster_on(on(""), &write("10.0.0.1/32", "fd00::1/128"));
        allowed(&own, &both, &end("*@shop"), "80");
        let other = cluster_on(on(""), &write("10.0.0.1/32", "fd00::2/128"));
        unspecified(&other, &both, &end("*@shop"), "80", "whether the connection is IPv4 or IPv6 is not known");
        // Who says it by two rules is told by both.
        let decided: Vec<_> = decide(&own, &both, &end("*@shop"), "80").steps.into_iter().flat_map(|step| step.decided_by).collect();
        assert!(!decided.is_empty() && decided.iter().all(|document| document.rule.is_some()), "{decided:?}");
        for knob in [None, Some(false)] {
            let cluster = cluster_on(Platform { ipblock_matches_pods: knob, ..platform() }, &write("0.0.0.0/0", "::/0"));
            assert_ne!(decide(&cluster, &both, &end("*@shop"), "80").verdict, Verdict::Allowed, "{knob:?}");
        }
    }
    let steps = decide(&cluster_on(on(""), &in_two("10.0.0.1/32", "fd00::1/128")), &both, &end("*@shop"), "80").steps;
    let reason = steps.into_iter().find(|step| step.gate == Gate::Ingress).map(|step| step.reason);
    assert_eq!(reason.as_deref(), Some("rules together let it in, whichever of the addresses it may have the other end uses"));
    // Each for its own ports; and what two policies say together hangs on who is selected by both.
    let ports =
        lets_in("{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 80}]}, {from: [{ipBlock: {cidr: '::/0'}}], ports: [{port: 81}]}");
    let cluster = cluster_on(on(""), &ports);
    for port in ["80", "81"] {
        unspecified(&cluster, &both, &end("*@shop"), port, "whether the connection is IPv4 or IPv6 is not known");
        unspecified(&cluster, &unknown, &end("*@shop"), port, "whether the connection is IPv4 or IPv6 is not known");
    }
    denied(&cluster, &both, &end("*@shop"), "82");
}

/// Both ends of a connection have addresses of one family, so one end that has no other settles it for both.
#[test]
fn the_family_of_one_end_is_that_of_the_other() {
    let both = end("app=a@shop").at(&["10.0.0.1", "fd00::1"]);
    let on = |pods: &str| Platform { ipblock_matches_pods: Some(true), pods: addresses(pods), ..platform() };
    let (v4, v6) = (end("*@shop").at(&["10.0.0.5"]), end("*@shop").at(&["fd00::5"]));
    let old = cluster_on(on("10.0.0.0/8 fd00::/8"), &lets_in("{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}"));
    for source in [&both, &end("app=a@shop")] {
        allowed(&old, source, &v4, "80");
        denied(&old, source, &v6, "80");
        unspecified(&old, source, &end("*@shop"), "80", "whether the connection is IPv4 or IPv6 is not known");
    }
    let out = cluster_on(on(""), &lets_out("{to: [{ipBlock: {cidr: '::/0'}}]}"));
    allowed(&out, &v6, &both, "80");
    denied(&out, &v4, &both, "80");
    // Ends without a family in common do not meet; nothing is made of that.
    unspecified(&out, &end("*@shop"), &both, "80", "whether the connection is IPv4 or IPv6 is not known");
    denied(&out, &v6, &end("app=a@shop").at(&["10.0.0.1"]), "80");
}

/// No pod has such an address, and so no block of them holds one whose address is not known.
#[test]
fn blocks_of_addresses_that_no_pod_has_hold_no_pod() {
    let on = |knob| Platform { ipblock_matches_pods: knob, ..platform() };
    let source = end("app=a@shop");
    for cidr in [
        "169.254.7.127/32",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "224.0.0.0/4",
        "239.1.0.0/16",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
        "ff02::/16",
    ] {
        for knob in [None, Some(true), Some(false)] {
            denied(&cluster_on(on(knob), &lets_in(&format!("{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}"))), &source, &end("*@shop"), "80");
            denied(&cluster_on(on(knob), &lets_out(&format!("{{to: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}"))), &source, &end("*@shop"), "80");
        }
        // What uses its node's network may listen there, as node-local DNS does.
        let out = cluster_on(on(None), &lets_out(&format!("{{to: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}")));
        unspecified(&out, &source, &end("app=dns@kube-system").on_host_network(), "53/udp", "");
    }
    for cidr in ["168.0.0.0/6", "fe00::/8", "100.64.0.0/10", "240.0.0.0/4"] {
        let lets = lets_in(&format!("{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}"));
        unspecified(&cluster_on(on(Some(true)), &lets), &source, &end("*@shop"), "80", "holds the pod's address is not known");
    }
    // An address that is known is compared, whatever it is.
    let lets = lets_in("{from: [{ipBlock: {cidr: 169.254.0.0/16}}]}");
    allowed(&cluster_on(on(Some(true)), &lets), &source.at(&["169.254.3.3"]), &end("*@shop"), "80");
}

#[test]
fn trap_017_an_exception_denies_nothing_to_another_policy() {
    let except = lets_in("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}");
    let other = policy("other", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}");
    denied(&cluster(&except), &end("10.1.0.1"), &end("*@shop"), "80");
    allowed(&cluster(&except), &end("10.2.0.1"), &end("*@shop"), "80");
    allowed(&cluster(&format!("{except}{other}")), &end("10.1.0.1"), &end("*@shop"), "80");
}

#[test]
fn trap_018_blocks_that_two_readers_take_differently_are_refused() {
    for (cidr, words) in [
        ("10.1.2.3/16", "`10.1.2.3/16` of NetworkPolicy `shop/in` has bits set behind its prefix"),
        ("010.0.0.0/8", "`spec.ingress[0].from[0].ipBlock.cidr` of NetworkPolicy `shop/in` is not what Kubernetes accepts"),
        ("10.0.0.0/08", "is not what Kubernetes accepts"),
        ("'::ffff:10.0.0.0/104'", "is not what Kubernetes accepts"),
        ("10.0.0.1", "is not what Kubernetes accepts"),
    ] {
        let found = findings(&lets_in(&format!("{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}")));
        assert!(found.len() == 1 && found[0].contains(words), "{cidr}: {found:?}");
    }
    assert!(findings(&lets_in("{from: [{ipBlock: {cidr: '2001:DB8:0:0::/64'}}]}")).is_empty(), "another spelling is only that");
}

#[test]
fn trap_019_exceptions_lie_in_their_block_and_are_smaller() {
    for except in ["10.0.0.0/8", "11.0.0.0/16", "0.0.0.0/0", "'fd00::/64'"] {
        let found = findings(&lets_in(&format!("{{from: [{{ipBlock: {{cidr: 10.0.0.0/8, except: [{except}]}}}}]}}")));
        assert!(found.len() == 1 && found[0].contains("ipBlock.except[0]"), "{except}: {found:?}");
    }
}

#[test]
fn trap_020_a_missing_label_satisfies_not_in() {
    for (expression, admitted) in [
        ("{key: app, operator: NotIn, values: [web]}", [true, false, true]),
        ("{key: app, operator: In, values: [web]}", [false, true, false]),
        ("{key: app, operator: Exists}", [false, true, true]),
        ("{key: app, operator: DoesNotExist}", [true, false, false]),
    ] {
        let cluster = cluster(&lets_in(&format!("{{from: [{{podSelector: {{matchExpressions: [{expression}]}}}}]}}")));
        // So does one that selects the pods which are isolated, and one of namespaces.
        let isolating =
            cluster_on(platform(), &policy("p", &format!("{{podSelector: {{matchExpressions: [{expression}]}}, policyTypes: [Ingress]}}")));
        let of_namespaces = lets_in(&format!("{{from: [{{namespaceSelector: {{matchExpressions: [{expression}]}}}}]}}"));
        let of_namespaces = cluster_on(platform(), &of_namespaces);
        let labels = [None, Some("web"), Some("api")];
        for ((pod, label), holds) in ["*@shop", "app=web@shop", "app=api@shop"].into_iter().zip(labels).zip(admitted) {
            let check = |holds| if holds { allowed } else { denied };
            check(holds)(&cluster, &end(pod), &end("*@shop"), "80");
            check(!holds)(&isolating, &end(OUTSIDE), &end(pod), "80");
            let far = label.map_or(end("*@other"), |label| end("*@other").in_namespace_labelled("app", label));
            check(holds)(&of_namespaces, &far, &end("*@shop"), "80");
        }
    }
}

#[test]
fn trap_021_a_deny_by_label_is_evaded_by_dropping_the_label() {
    let cluster = cluster(&lets_in("{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [bad]}]}}]}"));
    denied(&cluster, &end("tier=bad@shop"), &end("*@shop"), "80");
    allowed(&cluster, &end("*@shop"), &end("*@shop"), "80");
}

#[test]
fn trap_022_labels_of_a_namespace_that_nobody_described() {
    let of = |selector: &str| cluster(&lets_in(&format!("{{from: [{{namespaceSelector: {selector}}}]}}")));
    let stranger = end("*@other").in_unknown_namespace();
    unspecified(&of("{matchLabels: {team: x}}"), &stranger, &end("*@shop"), "80", "labels of namespace `other`");
    unspecified(&of("{matchExpressions: [{key: team, operator: DoesNotExist}]}"), &stranger, &end("*@shop"), "80", "`other`");
    denied(&of("{matchLabels: {team: x}}"), &end("*@other"), &end("*@shop"), "80");
    allowed(&of("{matchLabels: {kubernetes.io/metadata.name: other}}"), &stranger, &end("*@shop"), "80");
    denied(&of("{matchLabels: {kubernetes.io/metadata.name: shop, team: x}}"), &stranger, &end("*@shop"), "80");
    allowed(&of("{}"), &stranger, &end("*@shop"), "80");
}

#[test]
fn trap_023_both_ends_must_agree() {
    let ingress = policy(
        "in",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
    );
    let egress = policy("out", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}");
    let (web, db) = (end("app=web@shop"), end("app=db@shop"));
    allowed(&cluster(&ingress), &web, &db, "5432");
    let both = cluster(&format!("{ingress}{egress}"));
    denied(&both, &web, &db, "5432");
    let steps = decide(&both, &web, &db, "5432").steps;
    let network: Vec<_> = steps.iter().map(|step| (step.gate, &step.verdict)).take(2).collect();
    assert_eq!(network, [(Gate::Egress, &Verdict::Denied), (Gate::Ingress, &Verdict::Allowed)]);
}

#[test]
fn trap_024_the_way_back_is_a_flow_of_its_own() {
    let spec = "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}";
    let cluster = cluster(&policy("p", spec));
    allowed(&cluster, &end("app=web@shop"), &end("app=db@shop"), "5432");
    denied(&cluster, &end("app=db@shop"), &end("app=web@shop"), "40000");
}

#[test]
fn trap_025_the_pods_own_node_always_gets_in() {
    let cluster = cluster(&policy("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}"));
    let web = end("app=web@shop").on_node("n1");
    let (own, other) = (end("192.0.2.10").on_node("n1"), end("192.0.2.11").on_node("n2"));
    allowed(&cluster, &own, &web, "80");
    denied(&cluster, &other, &web, "80");
    denied(&cluster, &end("192.0.2.10"), &web, "80");
    let agent = end("app=agent@kube-system").on_host_network();
    allowed(&cluster, &agent.clone().on_node("n1"), &web, "80");
    denied(&cluster, &agent.clone().on_node("n2"), &web, "80");
    unspecified(&cluster, &agent, &web, "80", "own node");
    unspecified(&cluster, &web, &own, "10250", "own node");
    denied(&cluster, &web, &other, "10250");
}

#[test]
fn trap_026_a_policy_on_a_host_network_pod_is_undefined() {
    let cluster = cluster(&policy("p", "{podSelector: {matchLabels: {app: agent}}, policyTypes: [Ingress]}"));
    unspecified(&cluster, &end(OUTSIDE), &end("app=agent@shop").on_host_network(), "80", "host-network");
    allowed(&cluster, &end(OUTSIDE), &end("app=web@shop").on_host_network(), "80");
}

#[test]
fn trap_027_a_pod_that_calls_itself() {
    let cluster = cluster(&policy("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}"));
    let web = end("app=web@shop").at(&["10.0.0.1"]).named("shop/web-0");
    let asked = |addressed| {
        let mut question = question(&web, &web, "80");
        question.addressed = addressed;
        cluster.decide(&question).verdict
    };
    let by_service = Addressed::Service { namespace: "shop".into(), name: "web".into(), port: 80 };
    assert_eq!(asked(Addressed::Pod), Verdict::Allowed, "its own address cannot be blocked");
    assert!(matches!(asked(by_service), Verdict::Unspecified(reason) if reason.contains("calls itself")));
    assert!(matches!(asked(Addressed::Unsaid), Verdict::Unspecified(reason) if reason.contains("calls itself")));
    denied(&cluster, &web, &end("app=web@shop").at(&["10.0.0.2"]), "80");
    denied(&cluster, &web, &end("app=web@shop").at(&["10.0.0.1"]).named("shop/web-1"), "80");
    denied(&cluster, &end("app=web@shop").at(&["10.0.0.1"]), &end("app=web@shop").at(&["10.0.0.1"]), "80");
}

#[test]
fn trap_028_one_open_policy_cancels_the_others() {
    let (close, open) = (policy("close", "{podSelector: {}, policyTypes: [Ingress]}"), lets_in("{}"));
    denied(&cluster(&close), &end(OUTSIDE), &end("*@shop"), "80");
    allowed(&cluster(&format!("{close}{open}")), &end(OUTSIDE), &end("*@shop"), "80");
    allowed(&cluster(&format!("{open}{close}")), &end(OUTSIDE), &end("*@shop"), "80");
}

#[test]
fn trap_029_an_unknown_field_is_refused_with_the_nearest_name() {
    for (spec, message) in [
        ("{podSelector: {}, ingress: [{form: [{podSelector: {}}]}]}", "`spec.ingress[0].form` of NetworkPolicy `shop/p` does not exist"),
        ("{podSelector: {matchLabel: {app: web}}}", "`spec.podSelector.matchLabel` of NetworkPolicy `shop/p` does not exist"),
        ("{podSelector: {}, policyTypes: Ingress}", "`spec.policyTypes` of NetworkPolicy `shop/p` is not what Kubernetes accepts"),
    ] {
        let found = findings(&policy("p", spec));
        assert!(found.len() == 1 && found[0].ends_with(message), "{spec}: {found:?}");
    }
    let found = findings(&policy("p", "{podSelector: {}, ingress: [{from: [{podselector: {}}]}]}"));
    assert_eq!(found.len(), 2, "the field does not exist, and what is left is an empty peer: {found:?}");
}

#[test]
fn trap_030_a_control_plane_outside_the_cluster_has_no_labels() {
    let api_server = end("192.0.2.1");
    let selected = cluster(&lets_in("{from: [{namespaceSelector: {}, podSelector: {matchLabels: {component: kube-apiserver}}}]}"));
    denied(&selected, &api_server, &end("*@shop"), "9443");
    allowed(&cluster(&lets_in("{ports: [{port: 9443}]}")), &api_server, &end("*@shop"), "9443");
    allowed(&cluster(&lets_in("{from: [{ipBlock: {cidr: 192.0.2.1/32}}]}")), &api_server, &end("*@shop"), "9443");
}

#[test]
fn trap_031_a_cluster_wide_policy_is_not_skipped() {
    let admin = |kind: &str, spec: &str| {
        format!("---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n")
    };
    let subject =
        "subject: {pods: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: db}}}}";
    let close = policy("close", "{podSelector: {}, policyTypes: [Ingress]}");
    let tier = |tier: &str| cluster(&format!("{close}{}", admin("ClusterNetworkPolicy", &format!("{{tier: {tier}, {subject}}}"))));
    unspecified(&tier("Admin"), &end(OUTSIDE), &end("app=db@shop"), "80", "ClusterNetworkPolicy `a`");
    denied(&tier("Admin"), &end(OUTSIDE), &end("app=web@shop"), "80");
    allowed(&tier("Admin"), &end(OUTSIDE), &end("app=db@pay"), "80");
    denied(&tier("Baseline"), &end(OUTSIDE), &end("app=db@shop"), "80");
    unspecified(&tier("Baseline"), &end("app=db@shop"), &end(OUTSIDE), "80", "ClusterNetworkPolicy `a`");
    // It decides what its subjects send, too, and so what others are sent; not what was refused at the other end.
    unspecified(&tier("Admin"), &end("app=db@shop"), &end("*@pay"), "80", "ClusterNetworkPolicy `a`");
    denied(&tier("Admin"), &end("app=db@shop"), &end("app=web@shop"), "80");
    let whole = cluster(&admin("AdminNetworkPolicy", "{priority: 1, subject: {namespaces: {}}}"));
    unspecified(&whole, &end(OUTSIDE), &end("*@any"), "80", "AdminNetworkPolicy `a`");
    let unreadable = cluster(&admin("AdminNetworkPolicy", "{subject: {namespaces: {matchWords: {}}}}"));
    unspecified(&unreadable, &end(OUTSIDE), &end("*@any"), "80", "AdminNetworkPolicy `a`");
}

#[test]
fn trap_032_other_protocols_cannot_be_asked_and_sctp_hangs_on_the_plugin() {
    assert!("icmp".parse::<Protocol>().is_err(), "a question has no protocol that NetworkPolicy leaves undefined");
    let yaml = lets_in("{ports: [{protocol: SCTP}]}");
    allowed(&cluster(&yaml), &end(OUTSIDE), &end("*@shop"), "80/sctp");
    for sctp in [None, Some(false)] {
        let cluster = cluster_on(Platform { sctp, ..platform() }, &yaml);
        unspecified(&cluster, &end(OUTSIDE), &end("*@shop"), "80/sctp", "SCTP");
        denied(&cluster, &end(OUTSIDE), &end("*@shop"), "80");
        allowed(&cluster, &end(OUTSIDE), &end("*@other"), "80/sctp");
        // A plugin that does not know SCTP may drop what a policy lets in, and let in what none does (§1.6).
        for rules in ["{}", "{ports: [{protocol: TCP}]}", "{ports: [{protocol: SCTP, port: 81}]}"] {
            let cluster = cluster_on(Platform { sctp, ..platform() }, &lets_in(rules));
            unspecified(&cluster, &end(OUTSIDE), &end("*@shop"), "80/sctp", "SCTP");
        }
        let out = policy("out", "{podSelector: {}, policyTypes: [Egress]}");
        unspecified(&cluster_on(Platform { sctp, ..platform() }, &out), &end("*@shop"), &end(OUTSIDE), "80/sctp", "SCTP");
    }
}

#[test]
fn an_empty_peer_is_refused_and_an_empty_list_is_everyone() {
    assert_eq!(findings(&lets_in("{from: [{}]}")).len(), 1);
    assert_eq!(findings(&lets_in("{from: [null]}")).len(), 1);
    assert_eq!(findings(&lets_in("{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}")).len(), 1);
    assert_eq!(findings(&lets_in("{from: [{ipBlock: null, podSelector: null}]}")).len(), 1);
    for rule in ["{from: []}", "{from: null, ports: []}", "null", "{}"] {
        allowed(&cluster(&lets_in(rule)), &end(OUTSIDE), &end("*@shop"), "80");
    }
}

#[test]
fn a_services_address_is_not_what_a_policy_surely_sees() {
    let platform = || Platform { services: addresses("10.96.0.0/12"), ..platform() };
    let (web, service) = (end("app=web@shop"), end("10.96.0.1"));
    for rule in ["{to: [{ipBlock: {cidr: 10.96.0.0/12}}]}", "{to: [{podSelector: {}}]}", "{ports: [{port: 1}]}"] {
        unspecified(&cluster_on(platform(), &lets_out(rule)), &web, &service, "443", "Service's address");
    }
    allowed(&cluster_on(platform(), &lets_out("{}")), &web, &service, "443");
    denied(&cluster_on(platform(), &policy("p", "{policyTypes: [Egress]}")), &web, &service, "443");
}

/// Some plugins judge what a pod sends before it is led from a Service's address to a pod, others after it (§1.6).
#[test]
fn a_call_by_service_may_be_seen_with_the_services_address() {
    let by_service = |name: &str| Addressed::Service { namespace: "shop".into(), name: name.into(), port: 80 };
    let services = |address: &str| {
        let spec = |address: &str| format!("{{{address}selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}");
        object("v1", "Service", "web", &spec(address)) + &object("v1", "Service", "each", &spec("clusterIP: None, "))
    };
    let dumped = services("clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, 'fd00::7'], ");
    let verdict_on = |platform: Platform, services: &str, rule: &str, asked: &Question| {
        cluster_on(platform, &format!("{services}{}", lets_out(rule))).decide(asked).verdict
    };
    let asked = |source: &Endpoint, addressed: Addressed| Question {
        addressed,
        ..question(source, &end("app=web@shop").at(&["10.244.0.9"]), "8080")
    };
    let call = asked(&end("app=job@shop"), by_service("web"));
    let block = |ports: &str| format!("{{to: [{{ipBlock: {{cidr: 10.96.0.0/12}}}}]{ports}}}");
    let open = |verdict: &Verdict| matches!(verdict, Verdict::Unspecified(reason) if reason.contains("Service's address"));
    for rule in [block(""), block(", ports: [{port: 80}]"), "{to: [{ipBlock: {cidr: 'fd00::/64'}}]}".to_owned()] {
        let verdict = verdict_on(platform(), &dumped, &rule, &call);
        assert!(open(&verdict), "{rule}: {verdict:?}");
    }
    // Neither the Service nor the pod is what these rules are about, on whichever side of the translation.
    for rule in [block(", ports: [{port: 8080}]"), "{to: [{ipBlock: {cidr: 10.97.0.0/16}}]}".to_owned(), "{ports: [{port: 80}]}".to_owned()]
    {
        assert_eq!(verdict_on(platform(), &dumped, &rule, &call), Verdict::Denied, "{rule}");
    }
    // Who lets the pod out needs no block, and the pod's own address and a Service without one are seen as they are.
    let both = "{to: [{ipBlock: {cidr: 10.96.0.0/12}}, {podSelector: {}}], ports: [{port: 8080}]}";
    assert_eq!(verdict_on(platform(), &dumped, both, &call), Verdict::Allowed);
    for addressed in [Addressed::Pod, by_service("each")] {
        assert_eq!(verdict_on(platform(), &dumped, &block(""), &asked(&end("app=job@shop"), addressed)), Verdict::Denied);
    }
    // A sidecar leads TCP to a pod itself, and leaves UDP to the node.
    let meshed = end("app=job@shop").plane(DataPlane::Sidecar);
    assert_eq!(verdict_on(platform(), &dumped, &block(""), &asked(&meshed, by_service("web"))), Verdict::Denied);
    let udp = Question { protocol: Protocol::Udp, ..asked(&meshed, by_service("web")) };
    assert!(open(&verdict_on(platform(), &dumped, &block(""), &udp)));
    // Of an address that no manifest holds, the addresses of all Services are what is known.
    let known = || Platform { services: addresses("10.96.0.0/12"), ..platform() };
    assert_eq!(verdict_on(platform(), &services(""), &block(""), &call), Verdict::Denied);
    assert!(open(&verdict_on(known(), &services(""), &block(""), &call)));
    assert_eq!(verdict_on(known(), &services(""), "{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}", &call), Verdict::Denied);
    // Whoever calls the address itself calls the Service.
    for address in ["10.96.0.7", "fd00::7"] {
        let call = question(&end("app=job@shop"), &end(address), "80");
        assert!(open(&verdict_on(platform(), &dumped, "{to: [{podSelector: {}}]}", &call)), "{address}");
    }
    denied(&cluster(&format!("{dumped}{}", lets_out("{to: [{podSelector: {}}]}"))), &end("app=job@shop"), &end("10.96.0.8"), "80");
}

/// `semantics.md` §1.9: the two readings differ on some addresses, and only these are open.
#[test]
fn bits_behind_a_prefix_leave_open_what_the_readings_differ_on() {
    let (cluster, findings) = read_on(platform(), &lets_in("{from: [{ipBlock: {cidr: 198.51.100.213/24, except: [198.51.100.9/28]}}]}"));
    assert!(findings.iter().all(|finding| finding.code.name() == "invalid-manifest"), "{findings:#?}");
    assert_eq!(findings.len(), 2);
    allowed(&cluster, &end("198.51.100.213"), &end("*@shop"), "80");
    unspecified(&cluster, &end("198.51.100.77"), &end("*@shop"), "80", "198.51.100.213/24");
    unspecified(&cluster, &end("198.51.100.3"), &end("*@shop"), "80", "198.51.100.213/24");
    denied(&cluster, &end("198.51.100.9"), &end("*@shop"), "80");
    denied(&cluster, &end("198.51.101.1"), &end("*@shop"), "80");
    denied(&cluster, &end("app=web@shop"), &end("*@shop"), "80");
}

/// Ports are told apart for pods on their node's network, which blocks match by the node's address.
#[test]
fn blocks_tell_pods_on_their_nodes_network_apart() {
    let policy = lets_in("{from: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 80}]}");
    let pod = |address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a, namespace: ops}}\nspec: {{hostNetwork: true, containers: []}}\nstatus: {{podIP: '{address}'}}\n"
        )
    };
    let cuts = |yaml: &str| {
        let cluster = cluster(yaml);
        let web = end("app=web@shop");
        let far = end("app=any@ops");
        let cuts = cluster.end(&web, twogate::cluster::Way::Ingress).cuts(&twogate::cluster::Names::default());
        cuts.iter().filter(|cut| cut.peers.contains(&far.peer)).count()
    };
    assert_eq!(cuts(&policy), 0, "blocks match no pods here");
    assert_eq!(cuts(&(policy.clone() + &pod("192.0.2.9"))), 1);
    assert_eq!(cuts(&(policy.clone() + &pod("198.51.100.9"))), 0, "the block does not hold it");
    assert_eq!(cuts(&(policy + &pod(""))), 1, "it may be anywhere");
}
