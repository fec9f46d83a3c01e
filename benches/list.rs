//! Times and memory of `list` on clusters of growing size: reading, listing, writing.
//!
//! `cargo bench --bench list` prints a row for each size, once with `NetworkPolicy` alone and once with `AuthorizationPolicy` and rules
//! about requests too: seconds (the median of a few runs), rows, and the peak memory of the process so far. `-- 1000` asks for other
//! sizes. Compare rows of one run: machines differ.

use std::fmt::Write as _;
use std::time::Instant;

use twogate::cluster::{self, Platform};
use twogate::list::{self, Options, Reasons, render};
use twogate::source::{Source, Sources};

/// The binary's allocator, so that these figures are a user's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Workloads in a namespace, as in a cluster of many small teams.
const WORKLOADS_A_NAMESPACE: usize = 20;

/// Which policies there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layers {
    Network,
    Both,
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![200, 1_000, 5_000] } else { sizes };
    println!(
        "{:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "workloads", "layers", "read s", "list s", "text s", "reasons s", "json s", "rows", "peak MB"
    );
    for size in sizes {
        for layers in [Layers::Network, Layers::Both] {
            row(size, layers);
        }
    }
}

/// A cluster: each namespace closed both ways, a chain of workloads with accounts, one caller from the next team, an address
/// block, and names for everybody to look up.
fn manifests(workloads: usize, layers: Layers) -> String {
    let teams = workloads.div_ceil(WORKLOADS_A_NAMESPACE);
    let mut yaml = String::new();
    let _ = write!(yaml, "apiVersion: v1\nkind: Namespace\nmetadata: {{name: kube-system}}\n");
    for team in 0..teams {
        let _ = write!(
            yaml,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: team-{team}, labels: {{istio-injection: enabled, tenant: t{}}}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: closed, namespace: team-{team}}}\n\
             spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress], egress: [{{to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: kube-system}}}}}}], \
             ports: [{{port: 53, protocol: UDP}}, {{port: 53}}]}}]}}\n",
            team % 50
        );
        if layers == Layers::Both {
            let _ = write!(
                yaml,
                "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: strict, namespace: team-{team}}}\nspec: {{mtls: {{mode: STRICT}}}}\n\
                 ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: closed, namespace: team-{team}}}\nspec: {{}}\n"
            );
        }
        for app in 0..WORKLOADS_A_NAMESPACE {
            one(&mut yaml, team, teams, app, layers);
        }
    }
    yaml
}

/// A workload with its policies.
fn one(yaml: &mut String, team: usize, teams: usize, app: usize, layers: Layers) {
    let before = (app + WORKLOADS_A_NAMESPACE - 1) % WORKLOADS_A_NAMESPACE;
    let after = (app + 1) % WORKLOADS_A_NAMESPACE;
    let neighbour = (team + 1) % teams;
    let _ = write!(
        yaml,
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{app}, namespace: team-{team}}}\n\
         spec: {{selector: {{matchLabels: {{app: app-{app}}}}}, template: {{metadata: {{labels: {{app: app-{app}, tier: t{}}}}}, \
         spec: {{serviceAccountName: sa-{app}, containers: [{{name: c, image: i, ports: [{{name: http, containerPort: 8080}}]}}]}}}}}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: app-{app}, namespace: team-{team}}}\n\
         spec: {{podSelector: {{matchLabels: {{app: app-{app}}}}}, policyTypes: [Ingress, Egress], \
         ingress: [{{from: [{{podSelector: {{matchLabels: {{app: app-{before}}}}}}}], ports: [{{port: 8080}}, {{port: 9000, endPort: 9009}}]}}, \
         {{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: team-{neighbour}}}}}, podSelector: {{matchLabels: {{app: app-{app}}}}}}}, \
         {{ipBlock: {{cidr: 203.0.113.0/24}}}}], ports: [{{port: 8080}}]}}], \
         egress: [{{to: [{{podSelector: {{matchLabels: {{app: app-{after}}}}}}}, {{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: app-{app}}}}}}}], \
         ports: [{{port: 8080}}, {{port: 9000, endPort: 9009}}]}}]}}\n",
        app % 3
    );
    if layers == Layers::Both {
        let _ = write!(
            yaml,
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: app-{app}, namespace: team-{team}}}\n\
             spec: {{selector: {{matchLabels: {{app: app-{app}}}}}, action: ALLOW, rules: [\
             {{from: [{{source: {{principals: [cluster.local/ns/team-{team}/sa/sa-{before}]}}}}], to: [{{operation: {{methods: [GET, HEAD], paths: ['/v{app}/{{**}}', /v{app}], ports: ['8080']}}}}, \
             {{operation: {{methods: [POST], paths: [/v{app}/orders], ports: ['8080']}}}}]}}, \
             {{from: [{{source: {{namespaces: [team-{neighbour}]}}}}], to: [{{operation: {{methods: [GET], paths: [/v{app}/status], ports: ['8080']}}}}]}}]}}\n"
        );
    }
}

fn row(workloads: usize, layers: Layers) {
    let text = manifests(workloads, layers);
    let runs = if workloads > 2_000 { 1 } else { 5 };
    let mut times: Vec<Vec<f64>> = Vec::new();
    let mut rows = 0;
    for _ in 0..runs {
        let (seconds, found) = once(&text);
        times.push(seconds);
        rows = found;
    }
    let median = |phase: usize| {
        let mut own: Vec<f64> = times.iter().filter_map(|run| run.get(phase)).copied().collect();
        own.sort_by(f64::total_cmp);
        own.get(own.len() / 2).copied().unwrap_or_default()
    };
    let name = if layers == Layers::Both { "both" } else { "network" };
    print!("{workloads:>9} {name:>8}");
    for phase in 0..5 {
        print!(" {:>9.3}", median(phase));
    }
    println!(" {rows:>9} {:>9}", peak());
}

/// Seconds of each phase in one run, and how many rows were found.
fn once(text: &str) -> (Vec<f64>, usize) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", text));
    let platform = Platform { end_port: Some(true), ipblock_matches_pods: Some(false), ..Platform::default() };
    let mut seconds = Vec::new();
    let mut start = Instant::now();
    let mut lap = || {
        let now = Instant::now();
        seconds.push((now - start).as_secs_f64());
        start = now;
    };
    let (cluster, findings) = cluster::read(&sources, &[file], platform);
    assert!(findings.is_empty(), "the manifests are fine");
    lap();
    let listing = list::list(&cluster, &Options::default());
    lap();
    let written = render::text(&listing, &sources);
    lap();
    let named = list::list(&cluster, &Options { reasons: Reasons::Named, ..Options::default() });
    lap();
    let json = render::json(&named, &sources);
    lap();
    assert!(!written.is_empty() && !json.is_empty() && named.rows.len() == listing.rows.len(), "both say the same");
    (seconds, listing.rows.len())
}

/// The peak memory of this process in megabytes, where the platform tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.map_or_else(|| "?".to_owned(), |kilobytes| (kilobytes / 1024).to_string())
}
