//! The namespaces of a program: declared, implied, in the inventory.
//!
//! Owns: how attributes of many statements become one namespace, and what contradicts. It must not look at rules beyond
//! asking which namespace they make managed.

use std::collections::{BTreeMap, BTreeSet};

use super::address::check_name;
use super::endpoint::label_cube;
use super::scope::{Declaration, Scope, Scoped};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, LabelCube, Labels, NAMESPACE_NAME, Symbol};
use crate::inventory::is_never_injected;
use crate::ir::{Expectation, Namespace, Origin, Ownership, Policy, Program, Rule, Stance};
use crate::source::{Location, Spanned};
use crate::syntax::ast::{Endpoint, EndpointKind, NamespaceAttribute, NamespaceNames, StatementKind, Word};

/// The namespaces, and what `namespace [..]` statements stand for.
pub(super) struct Namespaces {
    pub(super) map: BTreeMap<Symbol, Namespace>,
    pub(super) findings: Vec<Diagnostic>,
    /// For each `namespace [..]` by its place: the namespaces that it covers.
    selected: BTreeMap<Location, Vec<Symbol>>,
    /// Which attributes were stated where, to find contradictions.
    stated: BTreeMap<(Symbol, &'static str), (String, Location)>,
}

impl Namespaces {
    /// All namespaces that the program and the inventory speak of.
    pub(super) fn declare(program: &Program<'_>, declarations: &[Declaration<'_>], statements: &[Scoped<'_>]) -> Self {
        let mut this = Self { map: BTreeMap::new(), findings: Vec::new(), selected: BTreeMap::new(), stated: BTreeMap::new() };
        this.listed(program);
        for declaration in declarations {
            this.by_name(declaration);
        }
        for declaration in declarations {
            this.by_label(declaration);
        }
        this.implied(program, statements);
        this.complete(program);
        this
    }

    /// The namespaces that a statement speaks of.
    pub(super) fn of(&self, scoped: &Scoped<'_>, default: &Symbol) -> Vec<Symbol> {
        let Scope::Namespace(statement) = scoped.scope else { return vec![default.clone()] };
        match &statement.names {
            NamespaceNames::List(words) => words.iter().map(|word| word.value.as_str().into()).collect(),
            NamespaceNames::Labels(terms) => {
                let span = terms.iter().map(|term| term.span).reduce(crate::source::Span::to).unwrap_or_default();
                self.selected.get(&Location { file: scoped.file, span }).cloned().unwrap_or_default()
            }
        }
    }

    fn listed(&mut self, program: &Program<'_>) {
        for (name, facts) in &program.inventory.namespaces {
            let namespace = Namespace { labels: facts.labels.clone(), plane: facts.plane, ..blank(name, Ownership::Unmanaged) };
            self.map.insert(name.clone(), namespace);
        }
    }

    fn by_name(&mut self, declaration: &Declaration<'_>) {
        let ownership = ownership(declaration);
        for (name, location) in declaration.names() {
            if let Some(finding) = check_name(&name, location, "namespace") {
                self.findings.push(finding);
                continue;
            }
            self.claim(&name, ownership, location);
            for attribute in &declaration.statement.attributes {
                let location = Location { file: declaration.file, span: attribute.span };
                self.attribute(&name, attribute, location);
            }
        }
    }

    /// Records whose a namespace is; one cannot be external and managed, nor ours and another program's.
    fn claim(&mut self, name: &Symbol, ownership: Ownership, location: Location) {
        let entry = self.map.entry(name.clone()).or_insert_with(|| blank(name, ownership));
        let Some(first) = entry.location else {
            entry.ownership = ownership;
            entry.location = Some(location);
            return;
        };
        if entry.ownership != ownership {
            let finding = Diagnostic::new(code::NAMESPACE_CONFLICT, location, format!("namespace `{name}` is declared in two ways"))
                .label(format!("{} here", claimed(ownership)))
                .related(first, format!("{} here", claimed(entry.ownership)))
                .help("keep one of the two declarations");
            self.findings.push(finding);
        }
    }

    fn attribute(&mut self, name: &Symbol, attribute: &Spanned<NamespaceAttribute>, location: Location) {
        match &attribute.value {
            NamespaceAttribute::Labels(pairs) => self.labels(name, pairs, location),
            NamespaceAttribute::Mesh(word) => self.mesh(name, word, location),
            NamespaceAttribute::Waypoint(_) => self.findings.push(unsupported(location, "a waypoint")),
            NamespaceAttribute::Open(words) => self.open(name, words, location),
        }
    }

    fn labels(&mut self, name: &Symbol, pairs: &[(Word, Word)], location: Location) {
        let mut written: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", key.value, value.value)).collect();
        written.sort();
        if !self.agrees(name, "labels", written.join(","), location) {
            return;
        }
        let Some(namespace) = self.map.get_mut(name) else { return };
        for (key, value) in pairs {
            let at = |word: &Word| Location { file: location.file, span: word.span };
            self.findings.extend(super::address::check_label(&key.value, at(key), &value.value, at(value)));
            let stated = namespace.labels.insert(key.value.as_str().into(), value.value.as_str().into());
            if stated.as_deref().is_some_and(|stated| stated != value.value) {
                let message = format!("namespace `{name}` has another value of label `{}` in the inventory", key.value);
                self.findings.push(
                    Diagnostic::new(code::NAMESPACE_CONFLICT, at(value), message)
                        .label(format!("the inventory says `{}`", stated.unwrap_or_default()))
                        .help("correct the line or the inventory: rules that choose namespaces by label depend on it"),
                );
            }
        }
    }

    fn mesh(&mut self, name: &Symbol, word: &Word, location: Location) {
        let plane = match word.value.as_str() {
            "none" => DataPlane::None,
            "sidecar" => DataPlane::Sidecar,
            "ambient" => DataPlane::Ambient,
            other => {
                let location = Location { file: location.file, span: word.span };
                let finding = Diagnostic::new(code::SYNTAX_ERROR, location, format!("`{other}` is no mesh mode"));
                self.findings.push(finding.label("expected `none`, `sidecar` or `ambient`").help("write `mesh sidecar` or `mesh none`"));
                return;
            }
        };
        if plane == DataPlane::Ambient && self.map.get(name).is_some_and(Namespace::is_managed) {
            self.findings.push(unsupported(location, "ambient mode"));
        }
        let agrees = self.agrees(name, "mesh", word.value.clone(), location);
        if let Some(namespace) = self.map.get_mut(name).filter(|_| agrees) {
            namespace.plane = Some(plane);
        }
    }

    fn open(&mut self, name: &Symbol, words: &[Word], location: Location) {
        let mut written: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
        written.sort_unstable();
        if !self.agrees(name, "open", written.join(" "), location) {
            return;
        }
        let Some(namespace) = self.map.get_mut(name) else { return };
        if written.contains(&"ingress") {
            namespace.ingress = Stance::Open;
        }
        if written.contains(&"egress") {
            namespace.egress = Stance::Open;
        }
    }

    /// Whether an attribute is stated for the first time, or as before; another statement of it is a finding.
    fn agrees(&mut self, name: &Symbol, attribute: &'static str, value: String, location: Location) -> bool {
        let Some((before, first)) = self.stated.get(&(name.clone(), attribute)) else {
            self.stated.insert((name.clone(), attribute), (value, location));
            return true;
        };
        if *before != value {
            let finding =
                Diagnostic::new(code::NAMESPACE_CONFLICT, location, format!("namespace `{name}` has two statements of `{attribute}`"))
                    .label(format!("`{value}` here"))
                    .related(*first, format!("`{before}` here"))
                    .help("state it once, or the same each time");
            self.findings.push(finding);
        }
        *before == value
    }

    /// `namespace [tenant=*]`: over those declared and those of the inventory, never external ones or another program's.
    fn by_label(&mut self, declaration: &Declaration<'_>) {
        let Some(terms) = declaration.labels() else { return };
        let cube = label_cube(terms);
        let span = terms.iter().map(|term| term.span).reduce(crate::source::Span::to).unwrap_or_default();
        let at = Location { file: declaration.file, span };
        let eligible = |namespace: &&Namespace| matches!(namespace.ownership, Ownership::Managed | Ownership::Unmanaged);
        let chosen: Vec<Symbol> = self
            .map
            .values()
            .filter(eligible)
            .filter(|namespace| cube.contains(&namespace.labels))
            .map(|namespace| namespace.name.clone())
            .collect();
        if chosen.is_empty() {
            self.findings.push(matches_nothing(at, &cube, &self.map));
        }
        for name in &chosen {
            if self.map.get(name).is_some_and(|namespace| namespace.ownership == Ownership::Unmanaged) {
                self.claim(name, Ownership::Managed, at);
            }
            for attribute in &declaration.statement.attributes {
                self.attribute(name, attribute, Location { file: declaration.file, span: attribute.span });
            }
        }
        self.selected.insert(at, chosen);
    }

    /// Statements that stand in no namespace make the default one managed, if they name pods of it without `@`.
    fn implied(&mut self, program: &Program<'_>, statements: &[Scoped<'_>]) {
        let default = &program.default_namespace;
        if self.map.get(default).is_some_and(|namespace| namespace.location.is_some()) {
            return;
        }
        let first = statements.iter().find(|scoped| matches!(scoped.scope, Scope::Default) && names_local_pods(&scoped.statement.kind));
        let Some(first) = first else { return };
        let location = Location { file: first.file, span: first.statement.span };
        let ownership = match first.origin {
            Origin::Ours => Ownership::Managed,
            Origin::With => Ownership::With,
        };
        self.claim(default, ownership, location);
        if ownership == Ownership::Managed {
            let finding = Diagnostic::new(
                code::IMPLIED_NAMESPACE,
                location,
                format!("namespace `{default}` becomes managed, though nothing declares it"),
            )
            .label(format!("names pods of `{default}`"))
            .note("its pods are closed to whatever no rule opens")
            .help(format!("write `namespace {default}` on the first line to say so, or another namespace"));
            self.findings.push(finding);
        }
    }

    /// Gives managed namespaces the cluster's mesh mode where nothing else is said, and refuses protected ones.
    fn complete(&mut self, program: &Program<'_>) {
        let config = program.config;
        // Into these Istio puts no sidecar, whatever their labels say (`semantics.md` §2.1).
        let usual = |name: &str| match config.mesh.mode {
            DataPlane::Sidecar if is_never_injected(name) => DataPlane::None,
            mode => mode,
        };
        for namespace in self.map.values_mut().filter(|namespace| is_never_injected(&namespace.name) && namespace.plane.is_none()) {
            namespace.plane = Some(usual(&namespace.name)).filter(|plane| *plane == DataPlane::None);
        }
        for namespace in
            self.map.values_mut().filter(|namespace| namespace.ownership == Ownership::Managed || namespace.ownership == Ownership::With)
        {
            let said = namespace.plane.is_some();
            let plane = *namespace.plane.get_or_insert(usual(&namespace.name));
            let location = namespace.location.unwrap_or_default();
            if plane == DataPlane::Ambient && !self.stated.contains_key(&(namespace.name.clone(), "mesh")) {
                let source = if said { "the inventory" } else { "`twogate.toml`" };
                self.findings.push(
                    unsupported(location, "ambient mode").note(format!("{source} says that namespace `{}` is ambient", namespace.name)),
                );
            }
            let protected = config.is_protected(&namespace.name);
            if protected && namespace.ownership == Ownership::Managed {
                self.findings.push(protected_namespace(&namespace.name, location));
            }
        }
    }
}

/// Of namespaces that rules and expectations name, and nobody declares, it is known where Istio puts no sidecar (`semantics.md` §2.1).
pub(super) fn add_never_injected(policy: &mut Policy) {
    // An inventory that shows namespaces says what there is, and ztunnel knows none of these bounds.
    if policy.config.mesh.mode == DataPlane::Ambient || !policy.inventory.namespaces.is_empty() {
        return;
    }
    let rules = policy.rules.iter().flat_map(Rule::ends);
    let expected = policy.expectations.iter().flat_map(Expectation::ends);
    let cubes = rules.chain(expected).flat_map(|end| end.peers().pods.cubes().to_vec());
    let named = cubes.flat_map(|cube| cube.namespace_names().map(<[Symbol]>::to_vec).unwrap_or_default());
    let unsaid: BTreeSet<Symbol> = named.filter(|name| is_never_injected(name) && !policy.namespaces.contains_key(name)).collect();
    for name in unsaid {
        let namespace = Namespace { plane: Some(DataPlane::None), ..blank(&name, Ownership::Unmanaged) };
        policy.namespaces.insert(name, namespace);
    }
}

/// A namespace of which only the name is known.
fn blank(name: &Symbol, ownership: Ownership) -> Namespace {
    let labels = Labels::from([(NAMESPACE_NAME.into(), name.clone())]);
    Namespace { name: name.clone(), labels, ownership, plane: None, ingress: Stance::Closed, egress: Stance::Closed, location: None }
}

fn ownership(declaration: &Declaration<'_>) -> Ownership {
    match (declaration.statement.external, declaration.origin) {
        (Some(_), _) => Ownership::External,
        (None, Origin::Ours) => Ownership::Managed,
        (None, Origin::With) => Ownership::With,
    }
}

fn claimed(ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Managed => "managed",
        Ownership::With => "managed by the other program",
        Ownership::External => "external",
        Ownership::Unmanaged => "unmanaged",
    }
}

/// Whether a statement names pods of its own namespace without `@`, and so makes it managed (design §2.1).
fn names_local_pods(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Rule(rule) => is_local(&rule.source) || is_local(&rule.destination),
        StatementKind::Close(_) | StatementKind::Workload(_) => true,
        StatementKind::Namespace(_)
        | StatementKind::Group(_)
        | StatementKind::Network(_)
        | StatementKind::Issuer(_)
        | StatementKind::Expect(_) => false,
    }
}

fn is_local(endpoint: &Endpoint) -> bool {
    match &endpoint.kind {
        EndpointKind::Labels { at, .. } | EndpointKind::Account { at, .. } => at.is_none(),
        EndpointKind::Or(alternatives) => alternatives.iter().any(is_local),
        EndpointKind::But(endpoint, _) | EndpointKind::Group(endpoint) => is_local(endpoint),
        // A name without `@` may be a network; a workload or group of this namespace says by itself that it is managed.
        EndpointKind::Name { .. }
        | EndpointKind::Address(_)
        | EndpointKind::Internet
        | EndpointKind::Outside
        | EndpointKind::Nodes
        | EndpointKind::Apiserver
        | EndpointKind::Metadata
        | EndpointKind::Anywhere
        | EndpointKind::Host(_) => false,
    }
}

fn unsupported(location: Location, what: &str) -> Diagnostic {
    Diagnostic::new(code::AMBIENT_UNSUPPORTED, location, format!("{what} is not compiled yet"))
        .label("ambient data plane")
        .note("in ambient mode traffic travels on port 15008 and HTTP rules need a waypoint; objects written for sidecars would cut it off")
        .help("use `mesh sidecar` or `mesh none` for this namespace")
}

fn protected_namespace(name: &Symbol, location: Location) -> Diagnostic {
    Diagnostic::new(code::PROTECTED_NAMESPACE, location, format!("`{name}` is a system namespace"))
        .label("would be managed")
        .note("closing it can take the whole cluster down, and policy in the mesh's root namespace acts on every namespace")
        .help(format!("if that is what you want, list it in `twogate.toml`: `system-namespaces = [\"{name}\"]` under `[tenancy]`"))
        .help(format!("to state facts about it only, write `external namespace {name} {{ … }}`"))
}

fn matches_nothing(at: Location, cube: &LabelCube, map: &BTreeMap<Symbol, Namespace>) -> Diagnostic {
    let keys: Vec<&str> = cube.iter().map(|(key, _)| &**key).collect();
    let mut known: Vec<String> = map
        .values()
        .flat_map(|namespace| {
            namespace.labels.iter().filter(|(key, _)| keys.contains(&&***key)).map(|(key, value)| format!("`{key}={value}`"))
        })
        .collect();
    known.sort();
    known.dedup();
    let finding = Diagnostic::new(code::NAMESPACE_MATCHES_NOTHING, at, "no namespace has these labels")
        .label("matches none that is declared or in the inventory");
    if known.is_empty() {
        return finding.help("declare the namespaces with `namespace NAME labels KEY=VALUE`, or give an inventory that holds them");
    }
    finding.note(format!("known labels of that kind: {}", known.join(", "))).help("correct the labels, or declare the namespace")
}
