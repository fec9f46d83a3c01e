//! Tokens of many values of a claim: what is listed is what the evaluator says of them.

use proptest::prelude::*;
use twogate::flow::{Labels, Request, Symbol, Token};

use super::agreement::{agree_on, runner_of};
use super::platform;

/// Two workloads in the mesh, one of which takes tokens, and policies at it.
pub(super) fn cluster(allow: &[String], deny: &[String]) -> String {
    let workload = |name: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, \
             spec: {{containers: [{{name: c, image: i, ports: [{{containerPort: 80}}]}}]}}}}}}\n"
        )
    };
    let policy = |name: &str, action: &str, rules: &[String]| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: db}}}}, action: {action}, rules: [{}]}}\n",
            rules.join(", ")
        )
    };
    let fixed = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                 ---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n\
                 spec: {selector: {app: db}, ports: [{name: http, port: 80}]}\n\
                 ---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: shop}\n\
                 spec: {mtls: {mode: STRICT}}\n\
                 ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: shop}\n\
                 spec: {jwtRules: [{issuer: i, jwksUri: 'https://i/keys'}]}\n";
    let deny = if deny.is_empty() { String::new() } else { policy("deny", "DENY", deny) };
    workload("web") + &workload("db") + fixed + &policy("allow", "ALLOW", allow) + &deny
}

/// A rule that asks for each of these claims, on a path if it is about one.
fn rule(claims: &[(&str, &str)], path: Option<&str>) -> String {
    let to = path.map(|path| format!("to: [{{operation: {{paths: ['{path}']}}}}], ")).unwrap_or_default();
    let when: Vec<String> =
        claims.iter().map(|(name, value)| format!("{{key: 'request.auth.claims[{name}]', values: [{value}]}}")).collect();
    format!("{{{to}when: [{}]}}", when.join(", "))
}

const ROLES: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "r5"];
const TENANTS: [&str; 2] = ["t0", "t1"];

/// Rules that ask for one or two of some roles, for a tenant or none.
fn rules(roles: &'static [&'static str], count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    let tenant = prop::option::weighted(0.3, prop::sample::select(&TENANTS[..]));
    let path = prop::option::weighted(0.3, prop::sample::select(&["/a", "/b"][..]));
    let one = (prop::sample::subsequence(roles, 0..=2.min(roles.len())), tenant, path).prop_map(|(roles, tenant, path)| {
        let claims: Vec<(&str, &str)> =
            roles.into_iter().map(|role| ("groups", role)).chain(tenant.map(|tenant| ("tenant", tenant))).collect();
        if claims.is_empty() { rule(&[("tenant", "t1")], path) } else { rule(&claims, path) }
    });
    prop::collection::vec(one, count)
}

/// A request for each choice of roles and of tenants, by turns of the paths.
fn requests() -> Vec<Option<Request>> {
    let held = |names: &[&str], mask: usize| {
        names.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, name)| Symbol::from(*name)).collect::<Vec<_>>()
    };
    let of = |roles: usize, tenants: usize| {
        let lists = [("groups", held(&ROLES, roles)), ("tenant", held(&TENANTS, tenants))];
        let claims = lists.into_iter().filter(|(_, values)| !values.is_empty());
        let token =
            Token::Valid { issuer: "i".into(), claims: claims.map(|(name, values)| (name.into(), values.into_iter().collect())).collect() };
        let path = ["/a", "/b", "/c"][(roles + tenants) % 3];
        Some(Request { method: "GET".into(), path: path.into(), host: "db".into(), headers: Labels::new(), token })
    };
    (0..1 << ROLES.len()).flat_map(|roles| (0..1 << TENANTS.len()).map(move |tenants| of(roles, tenants))).collect()
}

/// Where rules only let in by a claim, and others stop requests by another one.
#[test]
fn tokens_of_many_values_are_listed_as_they_are_judged() {
    let requests = requests();
    let stopped = rules(&[], 0..2);
    let result =
        runner_of(24).run(&(rules(&ROLES, 1..6), stopped), |(allow, deny)| agree_on(&cluster(&allow, &deny), &platform(), &requests));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Where rules stop requests by the same claim, of which every choice of values is one kind.
#[test]
fn tokens_that_are_stopped_by_some_values_are_listed_as_they_are_judged() {
    let requests = requests();
    let result = runner_of(24).run(&(rules(&ROLES[..4], 1..5), rules(&ROLES[1..5], 1..3)), |(allow, deny)| {
        agree_on(&cluster(&allow, &deny), &platform(), &requests)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Four roles let in, and a fifth one keeps out only with a tenant: no role that has nothing to do with it is told as if it did.
#[test]
fn a_role_that_keeps_out_with_a_tenant_is_told_with_it() {
    let allow = ["r0", "r1", "r2", "r3"].map(|role| rule(&[("groups", role)], None));
    let alone = [rule(&[("groups", "r5"), ("tenant", "t1")], None)];
    let pairs = [["r2", "r3"], ["r4", "r5"]].map(|[one, other]| rule(&[("groups", one), ("groups", other)], None));
    for deny in [&alone[..], &pairs[..]] {
        if let Err(error) = agree_on(&cluster(&allow, deny), &platform(), &requests()) {
            panic!("{error}");
        }
    }
}

/// A token for any of several audiences verifies, and one whose audience only begins like it does not: the listing says both.
#[test]
fn each_audience_that_verifies_is_listed() {
    let allow = [
        rule(&[("groups", "r0")], None),
        "{to: [{operation: {paths: [/a]}}], when: [{key: 'request.auth.audiences', values: ['m*']}]}".to_owned(),
        "{when: [{key: 'request.auth.audiences', notValues: [me]}]}".to_owned(),
    ];
    let request = |path: &str, audiences: &[&str]| {
        let set = |values: &[&str]| values.iter().map(|value| Symbol::from(*value)).collect();
        let claims = [("groups".into(), set(&["r0"])), ("aud".into(), set(audiences))].into();
        let token = Token::Valid { issuer: "i".into(), claims };
        Some(Request { method: "GET".into(), path: path.into(), host: "db".into(), headers: Labels::new(), token })
    };
    let audiences: [&[&str]; 6] = [&["me"], &["you"], &["me", "you"], &["mine"], &["mine", "you"], &["other"]];
    let requests: Vec<Option<Request>> = audiences.iter().flat_map(|held| ["/a", "/b"].map(|path| request(path, held))).collect();
    for accepted in ["[me, you]", "[you, me]", "[me]", "[you, other]"] {
        for allow in [&allow[..1], &allow[..2], &allow[1..2], &allow[2..]] {
            let cluster = cluster(allow, &[]).replace("{issuer: i,", &format!("{{issuer: i, audiences: {accepted},"));
            if let Err(error) = agree_on(&cluster, &platform(), &requests) {
                panic!("{error}");
            }
        }
    }
}
