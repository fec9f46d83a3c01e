//! Any text is read as manifests without a panic, and whatever was read decides any flow: fast and with reasons, alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twogate::cluster::{self, Addressed, Cluster, Endpoint, Platform, Question, Way};
use twogate::flow::{DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Token, Transport, Verdict};
use twogate::source::{Source, Sources};

/// A few ends that manifests are likely to speak of.
fn ends(cluster: &Cluster) -> Vec<Endpoint> {
    let pod = |namespace: &str, app: &str, plane: DataPlane| {
        Endpoint::from(Peer::Pod(Pod {
            namespace: namespace.into(),
            namespace_labels: Labels::from([(NAMESPACE_NAME.into(), namespace.into())]),
            labels: Labels::from([("app".into(), app.into())]),
            account: app.into(),
            plane,
        }))
    };
    let mut ends = vec![
        pod("shop", "web", DataPlane::Sidecar),
        pod("shop", "db", DataPlane::Sidecar),
        pod("default", "web", DataPlane::None),
        pod("default", "db", DataPlane::Ambient),
        Endpoint::from(Peer::Address([203, 0, 113, 7].into())),
    ];
    ends.extend(cluster.workloads().iter().take(3).map(|workload| workload.endpoint.clone()));
    ends
}

fn decide(cluster: &Cluster, source: &Endpoint, destination: &Endpoint, port: u16, transport: Transport, request: Option<Request>) {
    let question = Question {
        source: source.clone(),
        destination: destination.clone(),
        protocol: Protocol::Tcp,
        port,
        transport: Some(transport),
        request: request.clone(),
        addressed: Addressed::Unsaid,
    };
    let decision = cluster.decide(&question);
    if decision.steps.iter().any(|step| step.verdict == Verdict::Denied) {
        // Unspecified where it hangs on the way that the connection takes: then the refused one is told.
        assert_ne!(decision.verdict, Verdict::Allowed, "a refusal of one gate is never passed over");
    }
    if matches!(destination.peer, Peer::Pod(_)) {
        let end = cluster.end(destination, Way::Ingress);
        let _ = end.cuts(&cluster::Names::default());
        let _ = end.decide(source, Protocol::Tcp, port, transport, request.as_ref());
    }
}

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("fuzz.yaml", text));
    let platform = Platform { default_namespace: Some("default".into()), ..Platform::default() };
    let (cluster, findings) = cluster::read(&sources, &[file], platform);
    for finding in &findings {
        assert!(finding.span().is_none_or(|span| text.get(span.range()).is_some()), "a finding lies outside the text");
    }
    let request = Request { method: "GET".into(), path: "/a".into(), host: "shop.test".into(), headers: Labels::new(), token: Token::None };
    let ends = ends(&cluster);
    for (source, destination) in ends.iter().flat_map(|source| ends.iter().map(move |destination| (source, destination))) {
        for port in [80, 15008, 15020] {
            decide(&cluster, source, destination, port, Transport::Plaintext, None);
            decide(&cluster, source, destination, port, Transport::Mtls, Some(request.clone()));
        }
    }
});
