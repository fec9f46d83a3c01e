//! What a `VirtualService` or a route of a Service leaves open of an answer.

use super::Files;
use twogate::flow::Verdict;

/// `web` calls `api` and `db`, which are HTTP; the namespace's label says how all take part in the mesh.
fn world(label: &str, more: &str) -> String {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{serviceAccountName: {name}, containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let service = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop{}}}\n\
             spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n",
            if label == AMBIENT && name == "api" { ", labels: {istio.io/use-waypoint: wp}" } else { "" }
        )
    };
    let pods = ["web", "api", "db"].map(pod).concat();
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{label}}}}}\n{pods}{}{}{more}",
        service("api"),
        service("db")
    )
}

const SIDECARS: &str = "istio-injection: enabled";
const AMBIENT: &str = "istio.io/dataplane-mode: ambient";

/// A policy at `api` that looks at paths: requests for `/` pass.
const BY_PATH: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n\
     spec: {selector: {matchLabels: {app: api}}, rules: [{to: [{operation: {paths: [/]}}]}]}\n";

/// A policy at `api` that looks at who calls.
const BY_CALLER: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n\
     spec: {selector: {matchLabels: {app: api}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}\n";

const NOBODY: &str = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n\
     spec: {selector: {matchLabels: {app: api}}}\n";

const CLOSED: &str = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\n\
     spec: {podSelector: {matchLabels: {app: api}}}\n";

const WAYPOINT: &str = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, namespace: shop}\n\
     spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";

fn virtual_service(spec: &str) -> String {
    format!("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{{spec}}}\n")
}

fn http(route: &str) -> String {
    virtual_service(&format!("hosts: [api], http: [{route}]"))
}

fn route(kind: &str, namespace: &str, rule: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r, namespace: {namespace}}}\n\
         spec: {{parentRefs: [{{group: '', kind: Service, name: api, namespace: shop}}], rules: [{rule}]}}\n"
    )
}

fn judged(manifests: &str, flow: &str) -> (Verdict, String) {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert_eq!(answer.cases.len(), 1, "{flow}: {:#?}", answer.findings);
    (answer.cases[0].decision.verdict.clone(), answer.cases[0].notes.join("; "))
}

const ASKED: &str = "web@shop -> svc/api@shop:80 GET /";

/// What is left open of a request of `web` for `api`; nothing where it is answered.
fn open_for(label: &str, more: &[&str], flow: &str) -> Option<String> {
    match judged(&world(label, &more.concat()), flow).0 {
        Verdict::Unspecified(reason) => Some(reason),
        Verdict::Allowed | Verdict::Denied => None,
    }
}

fn open(more: &[&str]) -> Option<String> {
    open_for(SIDECARS, more, &flow(ASKED))
}

fn flow(text: &str) -> String {
    format!("pod/{text}")
}

const TO_API: &str = "route: [{destination: {host: api}}]";

#[test]
fn a_request_that_a_sidecar_changes_is_open() {
    let says = |field: &str| Some(format!("VirtualService shop/v may change the request on its way, by its `{field}`"));
    assert_eq!(open(&[BY_PATH, &http(&format!("{{rewrite: {{uri: /x}}, {TO_API}}}"))]), says("rewrite"));
    assert_eq!(open(&[BY_PATH, &http(&format!("{{headers: {{request: {{set: {{a: b}}}}}}, {TO_API}}}"))]), says("headers.request"));
    let of_route = http("{route: [{destination: {host: api}, headers: {request: {remove: [a]}}}]}");
    assert_eq!(open(&[BY_PATH, &of_route]), says("route.headers.request"));
    // Nobody behind it looks at requests.
    let rewritten = http(&format!("{{rewrite: {{uri: /x}}, {TO_API}}}"));
    assert_eq!(open(&[&rewritten]), None);
    assert_eq!(open(&[BY_CALLER, &rewritten]), None);
    // What does not arrive is not looked at.
    assert_eq!(open(&[BY_PATH, CLOSED, &rewritten]), None);
    // A connection that is no HTTP has no path.
    assert_eq!(open_for(SIDECARS, &[BY_PATH, &rewritten], "pod/web@shop -> svc/api@shop:80"), None);
}

#[test]
fn what_only_leads_to_the_pods_of_the_host_is_passed_over() {
    for harmless in [
        "{route: [{destination: {host: api, subset: v1}}], retries: {attempts: 2}, timeout: 2s}",
        "{route: [{destination: {host: api.shop.svc.cluster.local, port: {number: 80}}, headers: {response: {remove: [a]}}}]}",
        "{route: [{destination: {host: api}}], mirror: {host: db}}",
        "{fault: {delay: {fixedDelay: 1s}}, route: [{destination: {host: api}}]}",
        "{fault: {abort: {httpStatus: 500, percentage: {value: 0}}}, route: [{destination: {host: api}}]}",
        "{route: [{destination: {host: api}, weight: 100}, {destination: {host: db}, weight: 0}]}",
        "{match: [{gateways: [shop/gw]}], redirect: {uri: /x}}, {route: [{destination: {host: api}}]}",
    ] {
        assert_eq!(open(&[BY_PATH, &http(harmless)]), None, "{harmless}");
    }
    let backend = "{filters: [{type: RequestMirror}, {type: ResponseHeaderModifier}], backendRefs: [{name: api, port: 80}]}";
    assert_eq!(open(&[BY_PATH, &route("HTTPRoute", "shop", backend)]), None);
}

#[test]
fn a_request_that_may_not_arrive_or_elsewhere_is_open() {
    let ends = |field: &str| Some(format!("VirtualService shop/v may answer the request before it arrives, by its `{field}`"));
    assert_eq!(open(&[&http("{redirect: {uri: /x}}")]), ends("redirect"));
    assert_eq!(open(&[&http("{directResponse: {status: 503}}")]), ends("directResponse"));
    assert_eq!(open(&[&http(&format!("{{fault: {{abort: {{httpStatus: 500}}}}, {TO_API}}}"))]), ends("fault.abort"));
    assert_eq!(open(&[NOBODY, &http("{redirect: {uri: /x}}")]), None, "it is refused, or does not arrive");
    let leads = |to: &str| Some(format!("VirtualService shop/v may lead it to `{to}`, by its `route.destination`"));
    let split = "{route: [{destination: {host: api}, weight: 90}, {destination: {host: db}, weight: 10}]}";
    assert_eq!(open(&[&http(split)]), leads("db"));
    assert_eq!(open(&[NOBODY, CLOSED, &http(split)]), leads("db"));
    assert_eq!(open(&[&http("{route: [{destination: {host: api, port: {number: 81}}}]}")]), leads("api:81"));
    let delegated = Some("VirtualService shop/v may lead it elsewhere, by its `delegate`".to_owned());
    assert_eq!(open(&[&http("{delegate: {name: other}}")]), delegated);
    let tcp = virtual_service("hosts: [api], tcp: [{route: [{destination: {host: db}}]}]");
    assert_eq!(open(&[&tcp]), None, "it is HTTP");
    assert_eq!(open_for(SIDECARS, &[&tcp], "pod/web@shop -> svc/api@shop:80"), leads("db"));
}

/// Who has a route for the host but none for the request is answered with 404 by its own proxy.
#[test]
fn a_request_for_which_there_may_be_no_route_is_open() {
    let lacks = |what: &str, field: &str| {
        Some(format!("{what} may answer the request with 404 before it arrives: none of its `{field}` is for all requests"))
    };
    for some in [
        "{uri: {prefix: /a}}",
        "{uri: {exact: /}}",
        "{uri: {prefix: /}, method: {exact: PUT}}",
        "{port: 81}",
        "{gateways: [mesh], uri: {regex: a}}",
    ] {
        let routed = http(&format!("{{match: [{some}], {TO_API}}}"));
        assert_eq!(open(&[&routed]), lacks("VirtualService shop/v", "http"), "{some}");
        let last = http(&format!("{{match: [{some}], {TO_API}}}, {{{TO_API}}}"));
        assert_eq!(open(&[&last]), None, "{some}");
    }
    for all in ["{uri: {prefix: /}}", "{uri: {exact: /x}}, {name: rest}", "{gateways: [mesh]}, {uri: {prefix: /x}}"] {
        assert_eq!(open(&[&http(&format!("{{match: [{all}], {TO_API}}}"))]), None, "{all}");
    }
    // What is refused does not arrive either way, and a connection that is no HTTP has no path.
    let routed = http(&format!("{{match: [{{uri: {{prefix: /a}}}}], {TO_API}}}"));
    assert_eq!(open(&[NOBODY, &routed]), None);
    assert_eq!(open_for(SIDECARS, &[&routed], "pod/web@shop -> svc/api@shop:80"), None);
    let of_gateway = http(&format!("{{match: [{{gateways: [shop/gw], uri: {{prefix: /a}}}}], {TO_API}}}, {{{TO_API}}}"));
    assert_eq!(open(&[&of_gateway]), None, "the other one is for all");

    let rule = |matches: &str| route("HTTPRoute", "shop", &format!("{{{matches}backendRefs: [{{name: api, port: 80}}]}}"));
    assert_eq!(open(&[&rule("matches: [{path: {type: PathPrefix, value: /a}}], ")]), lacks("HTTPRoute shop/r", "rules"));
    assert_eq!(open(&[&rule("matches: [{path: {type: Exact, value: /}}], ")]), lacks("HTTPRoute shop/r", "rules"));
    assert_eq!(open(&[&rule("matches: [{path: {value: /}}], ")]), None);
    assert_eq!(open(&[&rule("matches: [{path: {type: PathPrefix, value: /}}], ")]), None);
    let beside = rule("").replace("name: r,", "name: s,");
    assert_eq!(open(&[&rule("matches: [{headers: [{name: a, value: b}]}], "), &beside]), None, "routes of one Service act together");
}

#[test]
fn of_whom_and_for_whom_a_virtual_service_is_counts() {
    let service = |spec: &str| virtual_service(&format!("{spec}, http: [{{redirect: {{uri: /x}}}}]"));
    for heard in [
        "hosts: [api.shop.svc.cluster.local]",
        "hosts: ['*.shop.svc.cluster.local']",
        "hosts: ['*']",
        "hosts: [api.shop.svc.example.org]",
        "hosts: [db, api], gateways: [shop/gw, mesh]",
        "hosts: [api], exportTo: ['.']",
    ] {
        assert!(open(&[&service(heard)]).is_some(), "{heard}");
    }
    for other in [
        "hosts: [db]",
        "hosts: [api.other.svc.cluster.local]",
        "hosts: ['*.other.svc.cluster.local']",
        "hosts: [api], gateways: [shop/gw]",
        "hosts: [api], exportTo: [other]",
    ] {
        assert_eq!(open(&[&service(other)]), None, "{other}");
    }
    let of_other = service("hosts: [api]").replace("namespace: shop}\nspec", "namespace: other}\nspec");
    assert_eq!(open(&[&of_other]), None, "a name without dots is one of its own namespace");
    let other_group = service("hosts: [api]").replace("networking.istio.io/v1", "example.com/v1");
    assert!(!open(&[&other_group]).unwrap_or_default().contains("may answer"), "another group's kind is another kind");
}

#[test]
fn a_route_of_a_service_counts_as_one_of_its_hosts() {
    let rewrite = "{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /x}}}], backendRefs: [{name: api, port: 80}]}";
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        open(&[BY_PATH, &route("HTTPRoute", "shop", rewrite)]),
        said("HTTPRoute shop/r may change the request on its way, by its `URLRewrite`")
    );
    assert_eq!(open(&[BY_PATH, &route("HTTPRoute", "other", rewrite)]), None, "it is for clients of its own namespace");
    let to_db = "{backendRefs: [{name: db, port: 80}]}";
    assert_eq!(open(&[&route("HTTPRoute", "shop", to_db)]), said("HTTPRoute shop/r may lead it to `db.shop.svc:80`, by its `backendRefs`"));
    let redirect = "{filters: [{type: RequestRedirect, requestRedirect: {hostname: x.example}}]}";
    assert_eq!(
        open(&[&route("HTTPRoute", "shop", redirect)]),
        said("HTTPRoute shop/r may answer the request before it arrives, by its `RequestRedirect`")
    );
    let of_gateway = route("HTTPRoute", "shop", to_db).replace("group: '', kind: Service", "kind: Gateway");
    assert_eq!(open(&[&of_gateway]), None);
    assert_eq!(open(&[&route("TCPRoute", "shop", to_db)]), None);
    assert!(open_for(SIDECARS, &[&route("TCPRoute", "shop", to_db)], "pod/web@shop -> svc/api@shop:80").is_some());
}

/// A client outside the mesh and one in ambient mode have no proxy that looks at requests; a waypoint changes them behind its own policies.
#[test]
fn only_who_has_a_proxy_is_led() {
    let redirect = http("{redirect: {uri: /x}}");
    let rewrite = http(&format!("{{rewrite: {{uri: /x}}, {TO_API}}}"));
    let at_waypoint = BY_PATH.replace("selector: {matchLabels: {app: api}}", "targetRefs: [{group: '', kind: Service, name: api}]");
    assert_eq!(open_for("istio-injection: disabled", &[&redirect], &flow(ASKED)), None);
    assert!(open_for(AMBIENT, &[WAYPOINT, &redirect], &flow(ASKED)).is_some());
    assert_eq!(open_for(AMBIENT, &[WAYPOINT, &at_waypoint, &rewrite], &flow(ASKED)), None);
    let to_db = "pod/web@shop -> svc/db@shop:80 GET /";
    let of_db = virtual_service("hosts: [db], http: [{redirect: {uri: /x}}]");
    assert_eq!(open_for(AMBIENT, &[WAYPOINT, &of_db], to_db), None, "no waypoint stands before db");
    assert!(open_for(SIDECARS, &[&of_db], to_db).is_some());
}

/// A sidecar leads requests by their host and port, whatever address they are sent to, and passes others on as they are.
#[test]
fn a_request_for_another_host_may_be_led_elsewhere() {
    let at = |label: &str, more: &[&str], host: &str| open_for(label, more, &format!("{} at {host}", flow(ASKED)));
    let elsewhere =
        |host: &str| Some(format!("the client's own sidecar leads requests by their host, and `{host}` is no name of Service shop/api"));
    for own in ["api", "api.shop", "api.shop.svc", "api.shop.svc.cluster.local"] {
        assert_eq!(at(SIDECARS, &[STRICT], own), None, "{own}");
    }
    // Another Service is called by its name.
    assert_eq!(at(SIDECARS, &[], "db"), elsewhere("db"));
    // A host of nobody is not called over mTLS.
    assert_eq!(at(SIDECARS, &[STRICT], "foo.com"), elsewhere("foo.com"));
    assert_eq!(at(SIDECARS, &[BY_CALLER], "foo.com"), elsewhere("foo.com"));
    assert_eq!(at(SIDECARS, &[BY_PATH], "foo.com"), None, "nothing hangs on that");
    // A client without a proxy of its own calls the address.
    assert_eq!(at(AMBIENT, &[WAYPOINT, STRICT], "foo.com"), None);
    // What is led by that host is asked there.
    let routed = virtual_service(&format!("hosts: [foo.com], http: [{{{TO_API}}}]"));
    assert_eq!(at(SIDECARS, &[STRICT, &routed], "foo.com"), None);
    // A flow that names pods asks what becomes of a request that arrives there.
    assert_eq!(open_for(SIDECARS, &[STRICT], "pod/web@shop -> pod/api@shop:80 GET / at foo.com"), None);
}

/// A sidecar looks at the host of what is sent to any address, where it knows the port as one of HTTP.
#[test]
fn a_request_to_an_address_may_be_led_to_the_service_that_it_names() {
    let outside = |label: &str, port: &str, host: &str| open_for(label, &[], &format!("app=web@shop -> 8.8.8.8:{port} GET / at {host}"));
    for host in ["db", "db.shop.svc", "db.shop.svc.cluster.local"] {
        let reason = outside(SIDECARS, "80", host).unwrap_or_default();
        assert!(reason.ends_with("may be a name of Service shop/db"), "{host}: {reason}");
    }
    assert_eq!(outside(SIDECARS, "81", "db.shop.svc"), None, "no port of HTTP is of this number");
    assert_eq!(outside(SIDECARS, "80", "foo.com"), None);
    assert_eq!(outside(AMBIENT, "80", "db.shop.svc"), None, "ztunnel sees no requests");
    assert_eq!(open_for(SIDECARS, &[], "app=web@shop -> 8.8.8.8:80"), None);
    // So are those for a host of a ServiceEntry, which has endpoints of its own.
    let entry = |ports: &str, endpoints: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e, namespace: shop}}\n\
             spec: {{hosts: ['*.foo.com'], resolution: STATIC, ports: [{ports}], endpoints: [{endpoints}]}}\n"
        )
    };
    let by_entry =
        |ports: &str, endpoints: &str| open_for(SIDECARS, &[&entry(ports, endpoints)], "app=web@shop -> 8.8.8.8:80 GET / at a.foo.com");
    let (http, elsewhere) = ("{number: 80, name: http, protocol: HTTP}", "{address: 9.9.9.9}");
    assert!(by_entry(http, elsewhere).is_some_and(|reason| reason.ends_with("may be one of ServiceEntry shop/e")));
    assert!(by_entry("{number: 80, name: http, protocol: HTTP, targetPort: 443}", "{address: 8.8.8.8}").is_some());
    assert_eq!(by_entry(http, "{address: 8.8.8.8}"), None, "it leads there");
    assert_eq!(by_entry("{number: 80, name: tcp, protocol: TCP}", elsewhere), None, "hosts are not looked at");
    assert_eq!(by_entry("{number: 81, name: http, protocol: HTTP}", elsewhere), None);
    let of_pods = entry(http, "").replace(", endpoints: []", ", workloadSelector: {labels: {app: db}}");
    assert!(open_for(SIDECARS, &[&of_pods], "app=web@shop -> 8.8.8.8:80 GET / at a.foo.com").is_some(), "it leads to pods");
    let looked_up = entry(http, "").replace("STATIC", "DNS").replace("'*.foo.com'", "a.foo.com");
    assert!(
        open_for(SIDECARS, &[&looked_up], "app=web@shop -> 8.8.8.8:80 GET / at a.foo.com").is_some(),
        "Envoy asks for the address itself"
    );
    // The address of a pod is one as well.
    let to_pod = |more: &[&str], host: &str| open_for(SIDECARS, more, &format!("app=web@shop -> pod/api@shop:80 GET / at {host}"));
    assert!(to_pod(&[], "db.shop.svc").is_some());
    assert_eq!(to_pod(&[], "api.shop.svc"), None, "by its Service it is let in as well");
    assert!(to_pod(&[STRICT], "api.shop.svc").is_some(), "a sidecar that leads it there speaks mTLS");
}

const STRICT: &str = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: s, namespace: shop}\n\
     spec: {mtls: {mode: STRICT}}\n";

/// A flow that names a pod asks what becomes of a request that arrives there.
#[test]
fn a_flow_that_names_no_service_is_answered_with_a_note() {
    let manifests = world(SIDECARS, &format!("{BY_PATH}{}", http(&format!("{{rewrite: {{uri: /x}}, {TO_API}}}"))));
    let (verdict, notes) = judged(&manifests, "app=web@shop -> app=api@shop:80 GET /");
    assert_eq!(verdict, Verdict::Allowed);
    let note = "VirtualService shop/v may change the request on its way, by its `rewrite`; the request is taken as it arrives, as the flow names no Service";
    assert!(notes.contains(note), "{notes}");
}
