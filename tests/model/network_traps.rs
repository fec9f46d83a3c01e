//! The traps of `semantics.md` §8.1, each as a fragment of YAML and the verdicts that it really gives.

use super::samples::{allowed, authorization_policy, cluster, denied, findings, meshed, network_policy, object, plain, tcp, unspecified};
use super::{Cluster, Peer, PodAddresses, Protocol, Settings, Verdict};

const INGRESS: &str = "NetworkPolicy ingress";
const EGRESS: &str = "NetworkPolicy egress";

#[test]
fn trap_01_two_peers_of_a_list_are_or() {
    let web = plain("shop", "app=web");
    let or = cluster(&network_policy(
        "
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: a}}
    - podSelector: {matchLabels: {app: b}}",
    ));
    allowed(&or, &tcp(&plain("other", "app=x").in_namespace_labelled("team", "a"), &web, 80));
    allowed(&or, &tcp(&plain("shop", "app=b"), &web, 80));
    denied(&or, &tcp(&plain("other", "app=b"), &web, 80), INGRESS);
    let and = cluster(&network_policy(
        "
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: a}}
      podSelector: {matchLabels: {app: b}}",
    ));
    denied(&and, &tcp(&plain("other", "app=x").in_namespace_labelled("team", "a"), &web, 80), INGRESS);
    denied(&and, &tcp(&plain("shop", "app=b"), &web, 80), INGRESS);
    allowed(&and, &tcp(&plain("other", "app=b").in_namespace_labelled("team", "a"), &web, 80));
}

#[test]
fn trap_02_an_empty_egress_without_types_isolates_ingress_only() {
    let cluster = cluster(&network_policy("{podSelector: {}, egress: []}"));
    let (web, outside) = (plain("shop", "app=web"), "203.0.113.7");
    allowed(&cluster, &tcp(&web, outside, 443));
    denied(&cluster, &tcp(outside, &web, 443), INGRESS);
    assert_eq!(findings(&network_policy("{podSelector: {}, egress: []}")), ["never emit: no policyTypes"]);
}

#[test]
fn trap_03_egress_rules_without_types_isolate_ingress_too() {
    let cluster = cluster(&network_policy("{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}"));
    let (web, db) = (plain("shop", "app=web"), plain("other", "app=db"));
    denied(&cluster, &tcp(&web, "203.0.113.7", 443), EGRESS);
    denied(&cluster, &tcp(&db, &web, 80), INGRESS);
}

#[test]
fn trap_04_rules_of_a_type_that_is_not_listed_are_inert() {
    let cluster =
        cluster(&network_policy("{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: b}}}]}]}"));
    let web = plain("shop", "app=web");
    allowed(&cluster, &tcp(&plain("other", ""), &web, 80));
    denied(&cluster, &tcp(&web, &plain("other", ""), 80), EGRESS);
}

#[test]
fn trap_05_no_pod_selector_is_the_whole_namespace() {
    for spec in ["{policyTypes: [Ingress]}", "{policyTypes: [Ingress], podSelector: null}", "{policyTypes: [Ingress], podSelector: {}}", ""]
    {
        let cluster = cluster(&network_policy(spec));
        denied(&cluster, &tcp(&plain("shop", ""), &plain("shop", "app=web"), 80), INGRESS);
        allowed(&cluster, &tcp(&plain("shop", ""), &plain("other", "app=web"), 80));
    }
}

#[test]
fn trap_06_a_port_without_fields_is_all_of_tcp() {
    let cluster = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{}]}]}"));
    let (outside, web) = ("203.0.113.7", plain("shop", ""));
    allowed(&cluster, &tcp(outside, &web, 1));
    allowed(&cluster, &tcp(outside, &web, 65535));
    denied(&cluster, &tcp(outside, &web, 53).over(Protocol::Udp), INGRESS);
    denied(&cluster, &tcp(outside, &web, 53).over(Protocol::Sctp), INGRESS);
}

#[test]
fn trap_06_no_ports_is_every_port_of_every_protocol() {
    for rule in ["{}", "{ports: []}", "{from: []}"] {
        let cluster = cluster(&network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{rule}]}}")));
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            allowed(&cluster, &tcp("203.0.113.7", &plain("shop", ""), 53).over(protocol));
        }
    }
}

#[test]
fn trap_07_dns_over_udp_only_loses_tcp() {
    let cluster = cluster(&network_policy("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{protocol: UDP, port: 53}]}]}"));
    let (web, dns) = (plain("shop", ""), plain("kube-system", "k8s-app=kube-dns"));
    allowed(&cluster, &tcp(&web, &dns, 53).over(Protocol::Udp));
    denied(&cluster, &tcp(&web, &dns, 53), EGRESS);
}

#[test]
fn traps_08_and_09_the_port_is_the_pods_port() {
    let policy = network_policy(
        "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}], egress: [{ports: [{port: 53}]}]}",
    );
    let cluster = cluster(&policy);
    // Service 80 to pod port 8080, and Service 53 to pod port 5353: the flow names the pod's port.
    denied(&cluster, &tcp("203.0.113.7", &plain("shop", ""), 8080), INGRESS);
    denied(&cluster, &tcp(&plain("shop", ""), &plain("openshift-dns", ""), 5353), EGRESS);
    allowed(&cluster, &tcp("203.0.113.7", &plain("shop", ""), 80));
}

#[test]
fn trap_10_a_number_needs_no_declared_port() {
    let cluster = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 9000}]}]}"));
    let web = plain("shop", "").with_port("http", Protocol::Tcp, 8080);
    allowed(&cluster, &tcp("203.0.113.7", &web, 9000));
    denied(&cluster, &tcp("203.0.113.7", &web, 8080), INGRESS);
}

#[test]
fn trap_11_a_named_port_is_resolved_for_each_destination() {
    let cluster = cluster(&network_policy(
        "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: http}]}], egress: [{ports: [{port: http}]}]}",
    ));
    let a = plain("shop", "app=a").with_port("http", Protocol::Tcp, 80);
    let b = plain("shop", "app=b").with_port("http", Protocol::Tcp, 8080);
    let udp = plain("shop", "app=c").with_port("http", Protocol::Udp, 80);
    allowed(&cluster, &tcp(&a, &a, 80));
    allowed(&cluster, &tcp(&a, &b, 8080));
    for (destination, port) in [(&a, 8080), (&b, 80), (&udp, 80)] {
        denied(&cluster, &tcp("203.0.113.7", destination, port), INGRESS);
    }
    // On egress the name is the destination's, not the source's.
    denied(&cluster, &tcp(&a, &plain("other", "").with_port("http", Protocol::Tcp, 8080), 80), EGRESS);
    allowed(&cluster, &tcp(&a, &plain("other", "").with_port("http", Protocol::Tcp, 8080), 8080));
}

#[test]
fn trap_12_a_named_port_never_matches_an_address() {
    let cluster = cluster(&network_policy(
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: http}]}, {to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 443}]}]}",
    ));
    let web = plain("shop", "").with_port("http", Protocol::Tcp, 80);
    denied(&cluster, &tcp(&web, "203.0.113.7", 80), EGRESS);
    allowed(&cluster, &tcp(&web, "203.0.113.7", 443));
}

#[test]
fn trap_13_an_end_port_closes_a_range_of_numbers() {
    let of = |port: &str| network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{ports: [{port}]}}]}}"));
    let range = cluster(&of("{port: 8000, endPort: 8010}"));
    for (port, inside) in [(7999, false), (8000, true), (8010, true), (8011, false)] {
        let flow = tcp("203.0.113.7", &plain("shop", ""), port);
        if inside { allowed(&range, &flow) } else { denied(&range, &flow, INGRESS) }
    }
    for (port, finding) in [
        ("{port: 8000, endPort: 7000}", "refused: the endPort Some(7000) after 8000"),
        ("{port: http, endPort: 8000}", "refused: an endPort beside a port name"),
        ("{endPort: 8000}", "refused: an endPort without a port"),
        ("{port: 8000, endPort: 65536}", "refused: the endPort Some(65536) after 8000"),
    ] {
        assert_eq!(findings(&of(port)), [finding]);
    }
    assert_eq!(findings(&of("{port: 8000, endPort: 8000}")), [""; 0]);
}

#[test]
fn trap_14_a_pod_selector_stays_in_its_namespace() {
    let own = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}"));
    allowed(&own, &tcp(&plain("shop", ""), &plain("shop", ""), 80));
    denied(&own, &tcp(&plain("other", ""), &plain("shop", ""), 80), INGRESS);
    for peer in ["{namespaceSelector: {}, podSelector: {}}", "{namespaceSelector: {}}"] {
        let all = cluster(&network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{peer}]}}]}}")));
        allowed(&all, &tcp(&plain("other", "").in_unknown_namespace(), &plain("shop", ""), 80));
        denied(&all, &tcp("203.0.113.7", &plain("shop", ""), 80), INGRESS);
    }
}

#[test]
fn trap_15_a_host_network_pod_is_no_pod_to_a_selector() {
    let cluster = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}"));
    let web = plain("shop", "");
    unspecified(&cluster, &tcp(&plain("edge", "").on_host_network(), &web, 80), "host-network");
    // Seen as what it is, the address of another node:
    denied(&cluster, &tcp("192.0.2.10", &web, 80), INGRESS);
}

#[test]
fn trap_16_all_of_ipv4_is_neither_ipv6_nor_surely_the_pods() {
    let of = || cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"));
    let (web, unaddressed, addressed) = (plain("shop", ""), plain("other", ""), plain("other", "").at("10.0.0.9"));
    allowed(&of(), &tcp("203.0.113.7", &web, 80));
    denied(&of(), &tcp("2001:db8::7", &web, 80), INGRESS);
    denied(&of(), &tcp(&unaddressed, &web, 80), INGRESS);
    unspecified(&of(), &tcp(&addressed, &web, 80), "pod's address");
    let knob = |ip_block_matches_pods| of().with_settings(Settings { ip_block_matches_pods, ..Settings::default() });
    allowed(&knob(PodAddresses::Matched), &tcp(&addressed, &web, 80));
    denied(&knob(PodAddresses::Ignored), &tcp(&addressed, &web, 80), INGRESS);
}

#[test]
fn trap_17_an_exception_is_no_deny() {
    let p = "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}";
    let q = "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}";
    let web = plain("shop", "");
    let alone = cluster(&network_policy(p));
    allowed(&alone, &tcp("10.2.0.1", &web, 80));
    denied(&alone, &tcp("10.1.0.1", &web, 80), INGRESS);
    let both = cluster(&format!("{}{}", network_policy(p), object("networking.k8s.io/v1", "NetworkPolicy", "shop/q", q)));
    allowed(&both, &tcp("10.1.0.1", &web, 80));
}

#[test]
fn traps_18_and_19_blocks_that_the_server_refuses() {
    let of = |block: &str| {
        network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{ipBlock: {block}}}]}}]}}"))
    };
    for (block, finding) in [
        ("{cidr: 10.1.2.3/16}", "refused: `10.1.2.3/16` has host bits set"),
        ("{cidr: 010.0.0.0/8}", "refused: `010.0.0.0` is no IP address"),
        ("{cidr: '::ffff:10.0.0.0/104'}", "refused: `::ffff:10.0.0.0` is an IPv4-mapped IPv6 address"),
        ("{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}", "refused: the exception `10.0.0.0/8` is not strictly inside `10.0.0.0/8`"),
        ("{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}", "refused: the exception `11.0.0.0/16` is not strictly inside `10.0.0.0/8`"),
        ("{cidr: '2001:DB8::/48'}", "never emit: `2001:DB8::/48` is not the canonical `2001:db8::/48`"),
    ] {
        assert_eq!(findings(&of(block)), [finding]);
    }
    // Older servers took the first, and the plugins disagreed on it.
    unspecified(&cluster(&of("{cidr: 10.1.2.3/16}")), &tcp("10.1.2.3", &plain("shop", ""), 80), "host bits");
}

#[test]
fn trap_20_a_missing_label_satisfies_not_in() {
    let of = |expression: &str| {
        let spec = format!(
            "{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchExpressions: [{expression}]}}}}]}}]}}"
        );
        cluster(&network_policy(&spec))
    };
    let [without, web, api] = ["", "app=web", "app=api"].map(|labels| plain("shop", labels));
    let destination = plain("shop", "");
    for (expression, admitted) in [
        ("{key: app, operator: NotIn, values: [web]}", [true, false, true]),
        ("{key: app, operator: In, values: [web]}", [false, true, false]),
        ("{key: app, operator: Exists}", [false, true, true]),
        ("{key: app, operator: DoesNotExist}", [true, false, false]),
    ] {
        for (source, admitted) in [&without, &web, &api].into_iter().zip(admitted) {
            let flow = tcp(source, &destination, 80);
            if admitted { allowed(&of(expression), &flow) } else { denied(&of(expression), &flow, INGRESS) }
        }
    }
}

#[test]
fn trap_21_a_deny_by_label_is_evaded_by_dropping_the_label() {
    let cluster = cluster(&network_policy(
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [bad]}]}}]}]}",
    ));
    denied(&cluster, &tcp(&plain("shop", "tier=bad"), &plain("shop", ""), 80), INGRESS);
    allowed(&cluster, &tcp(&plain("shop", ""), &plain("shop", ""), 80));
}

#[test]
fn trap_22_labels_of_a_namespace_that_nobody_described() {
    let of = |selector: &str| {
        cluster(&network_policy(&format!(
            "{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}"
        )))
    };
    let (web, stranger) = (plain("shop", ""), plain("other", "").in_unknown_namespace());
    unspecified(&of("{matchLabels: {team: x}}"), &tcp(&stranger, &web, 80), "namespace labels");
    denied(&of("{matchLabels: {team: x}}"), &tcp(&plain("other", ""), &web, 80), INGRESS);
    allowed(&of("{matchLabels: {kubernetes.io/metadata.name: other}}"), &tcp(&stranger, &web, 80));
    denied(&of("{matchLabels: {kubernetes.io/metadata.name: shop, team: x}}"), &tcp(&stranger, &web, 80), INGRESS);
}

#[test]
fn trap_23_both_ends_must_agree() {
    let ingress = network_policy(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
    );
    let egress =
        object("networking.k8s.io/v1", "NetworkPolicy", "shop/close", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}");
    let (web, db) = (plain("shop", "app=web"), plain("shop", "app=db"));
    allowed(&cluster(&ingress), &tcp(&web, &db, 5432));
    denied(&cluster(&format!("{ingress}{egress}")), &tcp(&web, &db, 5432), EGRESS);
}

#[test]
fn trap_24_the_way_back_is_a_flow_of_its_own() {
    let spec = "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}";
    let (web, db) = (plain("shop", "app=web"), plain("shop", "app=db"));
    let cluster = cluster(&network_policy(spec));
    allowed(&cluster, &tcp(&web, &db, 5432));
    let Verdict::Denied { reasons } = cluster.decide(&tcp(&db, &web, 40000)) else { panic!("replies need no rule, new connections do") };
    assert_eq!(reasons.len(), 2);
}

#[test]
fn trap_25_the_pods_own_node_always_gets_in() {
    let cluster = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress, Egress]}"));
    let (web, node) = (plain("shop", ""), Peer::OwnNode("192.0.2.10".parse().unwrap()));
    allowed(&cluster, &tcp(&node, &web, 80));
    denied(&cluster, &tcp("192.0.2.11", &web, 80), INGRESS);
    unspecified(&cluster, &tcp(&web, &node, 10250), "own node");
}

#[test]
fn trap_26_a_policy_on_a_host_network_pod_is_undefined() {
    let cluster = cluster(&network_policy("{podSelector: {matchLabels: {app: agent}}, policyTypes: [Ingress]}"));
    unspecified(&cluster, &tcp("203.0.113.7", &plain("shop", "app=agent").on_host_network(), 80), "host-network");
    allowed(&cluster, &tcp("203.0.113.7", &plain("shop", "app=web").on_host_network(), 80));
}

#[test]
fn trap_28_one_open_policy_cancels_the_others() {
    let close = network_policy("{podSelector: {}, policyTypes: [Ingress]}");
    let open = object("networking.k8s.io/v1", "NetworkPolicy", "shop/open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}");
    let flow = tcp("203.0.113.7", &plain("shop", ""), 80);
    denied(&cluster(&close), &flow, INGRESS);
    allowed(&cluster(&format!("{close}{open}")), &flow);
}

#[test]
fn trap_29_an_unknown_field_is_refused() {
    for spec in [
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{form: [{podSelector: {}}]}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podselector: {}}]}]}",
        "{podSelector: {matchLabel: {app: web}}, policyTypes: [Ingress]}",
        "{podSelector: {matchLabels: {app: 5}}, policyTypes: [Ingress]}",
        "{podSelector: {}, policyTypes: Ingress}",
    ] {
        assert!(Cluster::read(&network_policy(spec)).is_err(), "{spec}");
        assert_eq!(findings(&network_policy(spec)).len(), 1, "{spec}");
    }
}

#[test]
fn trap_30_a_control_plane_outside_the_cluster_has_no_labels() {
    let of = |rule: &str| cluster(&network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{rule}]}}")));
    let flow = tcp("192.0.2.1", &plain("shop", ""), 9443);
    denied(&of("{from: [{namespaceSelector: {}, podSelector: {matchLabels: {component: kube-apiserver}}}]}"), &flow, INGRESS);
    allowed(&of("{ports: [{port: 9443}]}"), &flow);
    allowed(&of("{from: [{ipBlock: {cidr: 192.0.2.1/32}}]}"), &flow);
}

#[test]
fn trap_31_a_cluster_wide_policy_is_not_skipped() {
    let yaml = object("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", "shop/deny", "{tier: Admin}");
    assert!(Cluster::read(&yaml).unwrap_err().contains("ClusterNetworkPolicy"));
}

#[test]
fn trap_32_other_protocols_are_undefined_under_isolation() {
    let closed = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress]}"));
    unspecified(&closed, &tcp("203.0.113.7", &plain("shop", ""), 0).over(Protocol::Other), "protocol");
    let open = cluster(&network_policy("{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}"));
    unspecified(&open, &tcp("203.0.113.7", &plain("shop", ""), 0).over(Protocol::Other), "protocol");
    allowed(&closed, &tcp("203.0.113.7", &plain("other", ""), 0).over(Protocol::Other));
}

#[test]
fn trap_35_an_empty_peer_is_refused_and_an_empty_list_is_everyone() {
    let of = |from: &str| network_policy(&format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: {from}}}]}}"));
    assert_eq!(findings(&of("[{}]")), ["refused: a peer without a field"]);
    assert_eq!(findings(&of("[{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]")), ["refused: an ipBlock beside a selector"]);
    allowed(&cluster(&of("[]")), &tcp("203.0.113.7", &plain("shop", ""), 80));
}

#[test]
fn trap_110_the_mesh_never_sees_udp() {
    let cluster = cluster(&authorization_policy("{}"));
    let (web, db) = (meshed("shop", "app=web", "web"), meshed("shop", "app=db", "db"));
    denied(&cluster, &tcp(&web, &db, 53), "AuthorizationPolicy");
    allowed(&cluster, &tcp(&web, &db, 53).over(Protocol::Udp));
}
