//! What Istio's webhook and the limits of its definitions refuse: `semantics.md` §2.1 to §2.12, §3.1, §4.10.

use super::{Attribute, Block, Problems, authorization};
use crate::model::read::{
    Action, AuthorizationPolicy, Condition, Mode, Operation, PeerAuthentication, RequestAuthentication, Rule, Source, TargetRef, Values,
    WorkloadSelector,
};
use crate::model::values::{is_template, template_problem};

pub(super) fn authorization_policy(spec: &AuthorizationPolicy, problems: &mut Problems) {
    attachment(spec.selector.as_ref(), spec.target_ref.as_ref(), spec.target_refs.as_deref(), problems);
    let action = spec.action.unwrap_or(Action::Allow);
    let rules = spec.rules.as_deref().unwrap_or_default();
    problems.refuse_if(rules.len() > 512, || "more than 512 rules".to_owned());
    // §2.3: a DENY or CUSTOM without rules is useless; AUDIT is left alone there.
    problems.refuse_if(matches!(action, Action::Deny | Action::Custom) && rules.is_empty(), || format!("{action:?} without rules"));
    let provider = spec.provider.as_ref();
    let named = provider.and_then(|provider| provider.name.as_deref()).is_some_and(|name| !name.is_empty());
    problems.refuse_if(action == Action::Custom && !named, || "CUSTOM without a provider's name".to_owned());
    problems.refuse_if(action != Action::Custom && provider.is_some(), || "a provider without CUSTOM".to_owned());
    for each in rules {
        rule(each, action, problems);
    }
}

/// §2.1, §2.12.
fn attachment(selector: Option<&WorkloadSelector>, target: Option<&TargetRef>, targets: Option<&[TargetRef]>, problems: &mut Problems) {
    let given = [selector.is_some(), target.is_some(), targets.is_some()].iter().filter(|given| **given).count();
    problems.refuse_if(given > 1, || "more than one of selector, targetRef, targetRefs".to_owned());
    problems.refuse_if(targets.is_some_and(|targets| targets.len() > 16), || "more than 16 targetRefs".to_owned());
    workload_selector(selector, problems);
    for target in target.into_iter().chain(targets.into_iter().flatten()) {
        let group = target.group.as_deref().unwrap_or_default();
        let known = matches!(
            (group, target.kind.as_str()),
            ("" | "core", "Service") | ("networking.istio.io", "ServiceEntry") | ("gateway.networking.k8s.io", "Gateway" | "GatewayClass")
        );
        problems.refuse_if(!known, || format!("a target of kind `{group}/{}`", target.kind));
        problems.refuse_if(target.name.is_empty(), || "a target without a name".to_owned());
        problems.refuse_if(target.namespace.as_deref().is_some_and(|name| !name.is_empty()), || "a target with a namespace".to_owned());
    }
}

fn workload_selector(selector: Option<&WorkloadSelector>, problems: &mut Problems) {
    let Some(selector) = selector else { return };
    let labels = selector.match_labels.iter().flatten();
    if labels.clone().count() == 0 {
        // §2.1, trap 57.
        problems.never_emit("an empty selector");
    }
    problems.refuse_if(labels.clone().count() > 4096, || "a selector of more than 4096 labels".to_owned());
    for (key, value) in labels {
        problems.refuse_if(key.is_empty() || key.contains('*'), || format!("the selector key `{key}`"));
        problems.refuse_if(value.len() > 63 || value.contains('*'), || format!("the selector value `{value}`"));
    }
}

fn rule(rule: &Rule, action: Action, problems: &mut Problems) {
    for (name, length) in [("from", rule.from.as_ref().map(Vec::len)), ("to", rule.to.as_ref().map(Vec::len))] {
        if length == Some(0) {
            // §2.3, trap 35.
            problems.never_emit(format!("an empty `{name}` list"));
        }
    }
    problems.refuse_if(rule.from.as_ref().is_some_and(|list| list.len() > 512), || "more than 512 `from` in a rule".to_owned());
    for from in rule.from.iter().flatten() {
        match &from.source {
            Some(given) => source(given, action, problems),
            None => problems.refused("a `from` without a source"),
        }
    }
    for to in rule.to.iter().flatten() {
        match &to.operation {
            Some(given) => operation(given, problems),
            None => problems.refused("a `to` without an operation"),
        }
    }
    rule.when.iter().flatten().for_each(|each| condition(each, action, problems));
}

/// The number of values of a field; none of them may be empty (§2.5).
fn values(name: &str, lists: [&Values; 2], problems: &mut Problems) -> usize {
    let all: Vec<&String> = lists.into_iter().flatten().flatten().collect();
    for _ in all.iter().filter(|value| value.is_empty()) {
        problems.refused(format!("an empty value in {name}"));
    }
    all.len()
}

/// The same, for a field whose values have a syntax.
fn checked(name: &str, lists: [&Values; 2], problems: &mut Problems, check: impl Fn(&str) -> Result<(), String>) -> usize {
    for value in lists.into_iter().flatten().flatten() {
        if let Err(problem) = check(value) {
            problems.refused(problem);
        }
    }
    values(name, lists, problems)
}

/// §2.6.
fn source(source: &Source, action: Action, problems: &mut Problems) {
    let accounts = [&source.service_accounts, &source.not_service_accounts];
    for list in accounts {
        problems.refuse_if(list.as_ref().is_some_and(|list| list.len() > 16), || "more than 16 serviceAccounts in a list".to_owned());
    }
    let accounts = checked("serviceAccounts", accounts, problems, account);
    let principals = values("principals", [&source.principals, &source.not_principals], problems);
    let namespaces = values("namespaces", [&source.namespaces, &source.not_namespaces], problems);
    let domains = checked("trustDomains", [&source.trust_domains, &source.not_trust_domains], problems, trust_domain);
    let users = values("requestPrincipals", [&source.request_principals, &source.not_request_principals], problems);
    let addresses = checked("ipBlocks", [&source.ip_blocks, &source.not_ip_blocks], problems, address)
        + checked("remoteIpBlocks", [&source.remote_ip_blocks, &source.not_remote_ip_blocks], problems, address);
    problems.refuse_if(accounts > 0 && principals + namespaces > 0, || "serviceAccounts beside principals or namespaces".to_owned());
    let identities = accounts + principals + namespaces + domains + users;
    problems.refuse_if(identities + addresses == 0, || "an empty source".to_owned());
    // Trap 49: accepted, and it never matches.
    for principal in [&source.principals, &source.not_principals].into_iter().flatten().flatten() {
        if principal.starts_with("spiffe://") {
            problems.never_emit(format!("the principal `{principal}` never matches"));
        }
    }
    // §2.12.
    problems.refuse_if(action == Action::Custom && identities > 0, || "CUSTOM with an identity".to_owned());
}

/// §2.7.
fn operation(operation: &Operation, problems: &mut Problems) {
    let count = checked("ports", [&operation.ports, &operation.not_ports], problems, port)
        + values("methods", [&operation.methods, &operation.not_methods], problems)
        + values("hosts", [&operation.hosts, &operation.not_hosts], problems)
        + checked("paths", [&operation.paths, &operation.not_paths], problems, path);
    problems.refuse_if(count == 0, || "an empty operation".to_owned());
    // Trap 68: accepted, and it never matches.
    for method in [&operation.methods, &operation.not_methods].into_iter().flatten().flatten() {
        if method.chars().any(|c| c.is_ascii_lowercase()) {
            problems.never_emit(format!("the method `{method}` never matches"));
        }
    }
}

/// §2.3, §2.8, §2.12.
fn condition(condition: &Condition, action: Action, problems: &mut Problems) {
    let key = &condition.key;
    let attribute = authorization::attribute(key);
    let check = |value: &str| match &attribute {
        Some(Attribute::SourceIp | Attribute::DestinationIp) => address(value),
        Some(Attribute::DestinationPort) => port(value),
        _ => Ok(()),
    };
    let count = checked(key, [&condition.values, &condition.not_values], problems, check);
    problems.refuse_if(count == 0, || format!("the condition `{key}` without values"));
    problems.refuse_if(attribute.is_none(), || format!("the condition key `{key}`"));
    let identity = ["source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain"].contains(&key.as_str());
    problems.refuse_if(action == Action::Custom && (identity || key.starts_with("request.auth.")), || {
        format!("CUSTOM with the condition `{key}`")
    });
}

fn account(value: &str) -> Result<(), String> {
    let parts: Vec<&str> = value.split('/').collect();
    if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) || value.contains('*') || value.len() > 320 {
        return Err(format!("`{value}` is no service account"));
    }
    Ok(())
}

fn trust_domain(value: &str) -> Result<(), String> {
    if value.contains('/') { Err(format!("`{value}` is no trust domain")) } else { Ok(()) }
}

fn address(value: &str) -> Result<(), String> {
    Block::parse_or_address(value).map(|_| ())
}

/// §2.7: a decimal from 0 to 65535.
fn port(value: &str) -> Result<(), String> {
    let digits = value.chars().all(|c| c.is_ascii_digit());
    if digits && value.parse::<u16>().is_ok() { Ok(()) } else { Err(format!("`{value}` is no port")) }
}

fn path(value: &str) -> Result<(), String> {
    let problem = if is_template(value) { template_problem(value) } else { None };
    problem.map_or(Ok(()), Err)
}

/// §3.1, §3.4.
pub(super) fn peer_authentication(spec: &PeerAuthentication, problems: &mut Problems) {
    workload_selector(spec.selector.as_ref(), problems);
    if let Some(ports) = &spec.port_level_mtls {
        let selects = spec.selector.iter().flat_map(|selector| selector.match_labels.iter().flatten()).count() > 0;
        problems.refuse_if(!selects, || "portLevelMtls without a selector".to_owned());
        problems.refuse_if(ports.is_empty(), || "portLevelMtls without an entry".to_owned());
        for key in ports.keys() {
            problems.refuse_if(key.number().is_none_or(|number| number == 0), || format!("portLevelMtls: {key:?} is no port"));
        }
    }
    // §3.4: always state an explicit mode.
    if matches!(spec.mtls.and_then(|mtls| mtls.mode), None | Some(Mode::Unset)) {
        problems.never_emit("no explicit mode");
    }
}

/// §4.6, §4.10.
pub(super) fn request_authentication(spec: &RequestAuthentication, problems: &mut Problems) {
    attachment(spec.selector.as_ref(), spec.target_ref.as_ref(), spec.target_refs.as_deref(), problems);
    let rules = spec.jwt_rules.as_deref().unwrap_or_default();
    problems.refuse_if(rules.len() > 4096, || "more than 4096 jwtRules".to_owned());
    for rule in rules {
        problems.refuse_if(rule.issuer.as_deref() == Some(""), || "an empty issuer".to_owned());
        problems.refuse_if(rule.issuer.is_none() && rule.jwks_uri.is_none(), || "neither issuer nor jwksUri".to_owned());
        problems.refuse_if(rule.jwks.is_some() && rule.jwks_uri.is_some(), || "jwks beside jwksUri".to_owned());
        let uri = rule.jwks_uri.as_deref();
        problems.refuse_if(uri.is_some_and(|uri| !uri.starts_with("http://") && !uri.starts_with("https://")), || {
            format!("the jwksUri {uri:?}")
        });
        values("audiences", [&rule.audiences, &None], problems);
        if rule.issuer.is_none() {
            problems.never_emit("a jwtRule without issuer");
        }
        if rule.audiences.as_ref().is_none_or(Vec::is_empty) {
            problems.never_emit("a jwtRule without audiences");
        }
    }
}
