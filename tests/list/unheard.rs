//! What a listing leaves open of connections that every gate lets pass.

use super::{lines, on, platform, read};
use twogate::list::{self, Options, render};
use twogate::source::Sources;

fn namespace(name: &str, labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n---\n")
}

fn pod(namespace: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}{more}}}}}\n\
         spec: {{containers: [{{name: c, image: i}}]}}\n---\n"
    )
}

fn service(namespace: &str, name: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{selector: {{app: {name}}}, ports: [{ports}]}}\n---\n"
    )
}

/// `web` and `db`, with sidecars.
fn shop() -> String {
    namespace("shop", "istio-injection: enabled") + &pod("shop", "web", "") + &pod("shop", "db", "")
}

fn gateway(name: &str, istio: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, labels: {{app: {name}, istio: {istio}}}}}\n\
         spec: {{containers: [{{name: istio-proxy, image: 'docker.io/istio/proxyv2:1.25', args: [proxy, router]}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\n\
         spec: {{selector: {{istio: {istio}}}, servers: [{{port: {{number: PORT, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n---\n"
    )
}

const UNOPENED: &str = "unspecified: no Gateway opens the port, so the gateway's proxy does not listen there, and whether anything else does is \
                        not known";

#[test]
fn a_port_that_no_gateway_opens_is_left_open() {
    let edge = namespace("edge", "") + &gateway("front", "a").replace("PORT", "8080") + &gateway("back", "b").replace("PORT", "8443");
    let yaml = shop() + &edge;
    for from in ["shop/db", "192.0.2.0/24"] {
        let source = if from == "shop/db" { "shop/db[Pod]" } else { from };
        let rows = |to: &str, port: u16, rest: &str| {
            let to = format!("edge/{to}[Pod]");
            [
                format!("{source} | {to} | TCP {port},15020-15021,15090; UDP *; SCTP * | plaintext"),
                format!("? {source} | {to} | TCP {rest} | plaintext | {UNOPENED}"),
            ]
        };
        assert_eq!(on(platform(), &yaml, from, "edge/front"), rows("front", 8080, "1-8079,8081-15019,15022-15089,15091-65535"));
        assert_eq!(on(platform(), &yaml, from, "edge/back"), rows("back", 8443, "1-8442,8444-15019,15022-15089,15091-65535"));
    }
    // What a policy refuses stays refused.
    let closed = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: edge}\n\
                  spec: {podSelector: {}, ingress: [{ports: [{port: 8080}, {port: 9090}]}]}\n";
    assert_eq!(
        on(platform(), &(yaml + closed), "shop/db", "edge/front"),
        [
            "shop/db[Pod] | edge/front[Pod] | TCP 8080 | plaintext".to_owned(),
            format!("? shop/db[Pod] | edge/front[Pod] | TCP 9090 | plaintext | {UNOPENED}"),
        ]
    );
}

const IDLE: &str =
    "unspecified: it is the port of the tunnel, and whether the sidecar listens there is not known: nobody is in ambient mode";

#[test]
fn the_port_of_the_tunnel_is_left_open_where_nobody_is_in_ambient_mode() {
    let rows = on(platform(), &shop(), "shop/web", "shop/db");
    assert_eq!(rows.last(), Some(&format!("? shop/web[Pod] | shop/db[Pod] | TCP 15008 | either | {IDLE}")));
    let rows = on(platform(), &shop(), "192.0.2.0/24", "shop/db");
    assert_eq!(
        rows,
        [
            "192.0.2.0/24 | shop/db[Pod] | TCP 1-15007,15009-65535; UDP *; SCTP * | plaintext".to_owned(),
            format!("? 192.0.2.0/24 | shop/db[Pod] | TCP 15008 | plaintext | {IDLE}"),
        ]
    );
    let ambient = shop() + &namespace("amb", "istio.io/dataplane-mode: ambient") + &pod("amb", "a", "");
    assert!(on(platform(), &ambient, "shop/web", "shop/db").iter().all(|row| !row.starts_with('?')));
    let outside = namespace("old", "istio-injection: disabled") + &pod("old", "a", "") + &pod("old", "b", "");
    assert!(lines(&outside).iter().all(|row| !row.starts_with('?')));
}

const REFUSES: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n\
                       data: {mesh: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}'}\n---\n";
const UNNAMED: &str = "unspecified: the mesh's `outboundTrafficPolicy` refuses calls of what no Service names, as of the addresses of pods";

/// The rows between two workloads, whatever is found about the `ConfigMap`.
fn between(yaml: &str, from: &str, to: &str) -> Vec<String> {
    let (cluster, _) = read(platform(), yaml);
    let listing = list::list(&cluster, &Options::default());
    let titles = |row: &String| {
        let mut cells = row.trim_start_matches("? ").split(" | ");
        let [Some(source), Some(destination)] = [cells.next(), cells.next()] else { return false };
        [(source, from), (destination, to)].iter().all(|(cell, title)| cell == title || *cell == "any workload")
    };
    super::cells(&listing).into_iter().filter(titles).collect()
}

/// Of a Service that is not exported to all, sidecars of other namespaces are not told.
#[test]
fn a_service_that_is_not_exported_names_nothing_to_sidecars_elsewhere() {
    let old = namespace("old", "istio-injection: disabled") + &pod("old", "old", "");
    let exported = |to: &str| {
        let service = service("old", "old", "{name: a, port: 80, targetPort: 8080}");
        service.replace("namespace: old}", &format!("namespace: old, annotations: {{networking.istio.io/exportTo: '{to}'}}}}"))
    };
    for to in [".", "~"] {
        let yaml = REFUSES.to_owned() + &shop() + &old + &exported(to);
        assert_eq!(between(&yaml, "shop/web[Pod]", "old/old[Pod]"), ["shop/web[Pod] | old/old[Pod] | UDP *; SCTP * | -"]);
        let all = super::cells(&list::list(&read(platform(), &yaml).0, &Options::default()));
        assert!(all.contains(&format!("? shop/* | any workload | TCP * | plaintext | {UNNAMED}")), "{all:#?}");
    }
}

#[test]
fn what_no_service_names_is_left_open_where_sidecars_refuse_it() {
    let ports = "{name: a, port: 80, targetPort: 8080}, {name: u, port: 53, protocol: UDP}";
    let old = namespace("old", "istio-injection: disabled") + &pod("old", "old", "") + &service("old", "old", ports);
    let yaml = REFUSES.to_owned() + &shop() + &service("shop", "db", ports) + &old;
    assert_eq!(between(&yaml, "shop/web[Pod]", "old/old[Pod]"), ["shop/web[Pod] | old/old[Pod] | TCP 8080; UDP *; SCTP * | plaintext"]);
    let all = {
        let (cluster, _) = read(platform(), &yaml);
        super::cells(&list::list(&cluster, &Options::default()))
    };
    assert!(all.contains(&format!("? shop/* | old/old[Pod] | TCP 1-8079,8081-65535 | plaintext | {UNNAMED}")), "{all:#?}");
    // Who has no sidecar refuses nothing, and what speaks mutual TLS called some Service.
    assert!(all.contains(&"old/old[Pod] | shop/db[Pod] | TCP 1-15007,15009-65535; UDP *; SCTP * | plaintext".to_owned()), "{all:#?}");
    assert!(all.contains(&format!("? shop/* | shop/* | TCP * | plaintext | {UNNAMED}")), "{all:#?}");
}

/// By Service sidecars speak mTLS with each other, so plaintext is a call of the pod's own address, unless a rule has them speak it
/// (`semantics.md` §3.3, §5.5).
#[test]
fn plaintext_between_sidecars_is_left_open_unless_they_speak_it_by_service() {
    let yaml = REFUSES.to_owned() + &shop() + &service("shop", "db", "{name: a, port: 80, targetPort: 8080}");
    let rows = |more: &str| between(&format!("{yaml}{more}"), "shop/web[Pod]", "shop/db[Pod]");
    let sure = |row: &&String| !row.starts_with('?');
    assert!(rows("").iter().filter(sure).all(|row| row.ends_with("| -") || row.ends_with("| mTLS")), "{:#?}", rows(""));
    assert!(rows("").contains(&format!("? any workload | any workload | TCP * | plaintext | {UNNAMED}")), "{:#?}", rows(""));
    let rule = |more: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: x, namespace: shop}}\n\
             spec: {{host: db, trafficPolicy: {{tls: {{mode: DISABLE}}}}{more}}}\n---\n"
        )
    };
    let is_open = |rows: &[String]| !rows.iter().any(|row| row.contains("TCP 8080") && row.ends_with("| plaintext"));
    assert!(!is_open(&rows(&rule(""))), "{:#?}", rows(&rule("")));
    // A rule for some clients is heard by them alone.
    assert!(!is_open(&rows(&rule(", workloadSelector: {matchLabels: {app: web}}"))));
    assert!(is_open(&rows(&rule(", workloadSelector: {matchLabels: {app: db}}"))));
}

#[test]
fn what_a_sidecar_does_not_take_over_it_does_not_refuse() {
    let spared = "apiVersion: v1\nkind: Pod\nmetadata: {name: spared, namespace: shop, labels: {app: spared}, \
                  annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '9090'}}\nspec: {containers: [{name: c, image: i}]}\n---\n";
    let old = namespace("old", "istio-injection: disabled") + &pod("old", "old", "");
    let yaml = REFUSES.to_owned() + &shop() + &old + spared;
    assert_eq!(
        between(&yaml, "shop/spared[Pod]", "old/old[Pod]"),
        ["shop/spared[Pod] | old/old[Pod] | TCP 9090; UDP *; SCTP * | plaintext"]
    );
    assert_eq!(between(&yaml, "shop/web[Pod]", "old/old[Pod]"), ["shop/web[Pod] | old/old[Pod] | UDP *; SCTP * | -"]);
}

#[test]
fn a_pod_outside_the_mesh_that_says_it_listens_for_tunnels_may_be_called_by_one() {
    let label = ", networking.istio.io/tunnel: http";
    let yaml = shop() + &namespace("old", "istio-injection: disabled") + &pod("old", "old", label) + &pod("old", "other", "");
    assert_eq!(
        on(platform(), &yaml, "shop/web", "old/old"),
        [
            "shop/web[Pod] | old/old[Pod] | all connections | plaintext",
            "? shop/web[Pod] | old/old[Pod] | TCP * | mTLS | unspecified: whether the pod listens for tunnels: its label \
             `networking.istio.io/tunnel` says otherwise than it is taken for",
        ]
    );
    assert_eq!(on(platform(), &yaml, "shop/web", "old/other"), ["shop/web[Pod] | old/other[Pod] | all connections | plaintext"]);
    // The network sees the tunnel's own port.
    let closed = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: old}\n\
                  spec: {podSelector: {}, ingress: [{ports: [{port: 80, protocol: UDP}]}]}\n";
    assert_eq!(on(platform(), &(yaml + closed), "shop/web", "old/old"), ["shop/web[Pod] | old/old[Pod] | UDP 80 | -"]);
}

#[test]
fn every_form_says_what_is_left_open() {
    let (cluster, _) = read(platform(), &shop());
    let listing = list::list(&cluster, &Options::default());
    let sources = Sources::default();
    for text in [render::text(&listing, &sources), render::json(&listing, &sources), render::csv(&listing, &sources)] {
        assert!(text.contains("15008") && text.contains("nobody is in ambient mode"), "{text}");
    }
}

/// Of a pod that may be a gateway it is left open over either transport: what it may speak, and what it may be spoken to in.
#[test]
fn a_pod_that_may_be_a_gateway_is_left_open_over_mutual_tls_too() {
    let edge =
        namespace("edge", "istio-injection: disabled") + &gateway("front", "a").replace("PORT", "8080").replace("istio-proxy", "main");
    let hidden = edge.replace("docker.io/istio/proxyv2:1.25", "i").replace(", args: [proxy, router]", "");
    let yaml = shop() + &hidden + &pod("edge", "old", "");
    let reason = "unspecified: a Gateway is for the pods of Pod `edge/front`, which show no Envoy, and whether they run one is not known";
    let open = |from: &str, to: &str| {
        let rows = between(&yaml, from, to);
        assert_eq!(rows, [format!("{from} | {to} | UDP *; SCTP * | -")]);
        let all = super::cells(&list::list(&read(platform(), &yaml).0, &Options::default()));
        all.into_iter().filter(|row| row.starts_with('?') && row.ends_with(reason)).collect::<Vec<_>>()
    };
    let rows = open("shop/web[Pod]", "edge/front[Pod]");
    assert_eq!(
        rows,
        [
            format!("? edge/front[Pod] | edge/old[Pod] | TCP * | plaintext | {reason}"),
            format!("? edge/front[Pod] | shop/* | TCP * | either | {reason}"),
            format!("? edge/front[Pod] | any address | TCP * | plaintext | {reason}"),
            format!("? edge/front[Pod], shop/* | edge/front[Pod] | TCP * | either | {reason}"),
            format!("? edge/old[Pod] | edge/front[Pod] | TCP * | plaintext | {reason}"),
            format!("? any address | edge/front[Pod] | TCP * | plaintext | {reason}"),
        ]
    );
    open("edge/front[Pod]", "shop/db[Pod]");
}

#[test]
fn addresses_on_ports_that_a_sidecar_does_not_take_over_are_not_left_open() {
    let spared = "apiVersion: v1\nkind: Pod\nmetadata: {name: spared, namespace: shop, labels: {app: spared}, \
                  annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '443'}}\nspec: {containers: [{name: c, image: i}]}\n---\n";
    let yaml = REFUSES.to_owned() + &shop() + spared;
    let first = |from: &str| between(&yaml, from, "any address").into_iter().next().unwrap_or_default();
    assert_eq!(first("shop/spared[Pod]"), "shop/spared[Pod] | any address | TCP 443; UDP *; SCTP * | plaintext");
    assert_eq!(first("shop/web[Pod]"), "shop/web[Pod] | any address | UDP *; SCTP * | -");
}
