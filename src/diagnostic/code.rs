//! The table of codes: every finding's name, default level and page.
//!
//! Owns: `Code` and the list. A code is a name in kebab-case for the bad thing; it is never reused and never renamed lightly.

use super::Level;

/// A finding's stable name.
#[derive(Clone, Copy)]
pub struct Code(&'static Entry);

/// What the table knows of a code.
struct Entry {
    name: &'static str,
    level: Level,
    summary: &'static str,
    page: &'static str,
}

impl Code {
    /// The name, as `explain --code` and `accept` take it.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The level that it has unless `twogate.toml` raises it.
    pub fn level(self) -> Level {
        self.0.level
    }

    /// One line: the bad thing.
    pub fn summary(self) -> &'static str {
        self.0.summary
    }

    /// The page in Markdown: what happened, why it matters, a wrong and a right program.
    pub fn page(self) -> &'static str {
        self.0.page
    }

    /// The code of a name.
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Code {}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Code {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

impl std::hash::Hash for Code {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Declares the codes: a constant each, and the list of all.
macro_rules! codes {
    ($($constant:ident $name:literal $level:ident $summary:literal;)*) => {
        $(
            #[doc = $summary]
            pub const $constant: Code = Code(&Entry {
                name: $name,
                level: Level::$level,
                summary: $summary,
                page: include_str!(concat!("codes/", $name, ".md")),
            });
        )*
        /// Every code, in the order of the table.
        pub static ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    // Text and syntax
    SYNTAX_ERROR "syntax-error" Error "what stands here is no statement";
    INVALID_UTF8 "invalid-utf8" Error "the file is not UTF-8 text";
    FILE_TOO_LARGE "file-too-large" Error "the file is larger than Twogate reads";
    NESTING_TOO_DEEP "nesting-too-deep" Error "parentheses or blocks nest deeper than Twogate reads";
    ENDPOINT_TOO_COMPLEX "endpoint-too-complex" Error "an endpoint falls into more sets of labels than Twogate reads";
    UNCLOSED_BLOCK "unclosed-block" Error "a block is opened and never closed";
    UNCLOSED_QUOTE "unclosed-quote" Error "a quoted text does not end on its line";
    RESERVED_WORD "reserved-word" Error "a keyword is used as a name";
    PORT_ON_SOURCE "port-on-source" Error "a port stands on a source";
    PORT_IN_GROUP "port-in-group" Error "a port stands inside `but` or a group";
    PORTS_ON_SOME_ALTERNATIVES "ports-on-some-alternatives" Error "some alternatives of a destination have ports and some have none";
    DUPLICATE_CLAUSE "duplicate-clause" Error "a requirement or remark is written twice";
    CLAUSE_NOT_ALLOWED "clause-not-allowed" Error "a requirement or remark does not fit its statement";
    MIXED_NAMESPACE_FORMS "mixed-namespace-forms" Error "a file uses both forms of `namespace`, or nests them";
    // Names
    UNKNOWN_NAME "unknown-name" Error "a name is used that nothing declares";
    DUPLICATE_NAME "duplicate-name" Error "a name is declared twice with different meanings";
    CYCLIC_GROUP "cyclic-group" Error "a group is made of itself";
    UNUSED_NAME "unused-name" Warning "a declared name is never used";
    IMPLIED_NAMESPACE "implied-namespace" Note "a statement made a namespace managed that nothing declares";
    NAMESPACE_CONFLICT "namespace-conflict" Error "statements about one namespace disagree";
    NAMESPACE_MATCHES_NOTHING "namespace-matches-nothing" Error "`namespace [..]` matches no namespace";
    INVALID_NAME "invalid-name" Error "a name, label, value or address is not what Kubernetes accepts";
    UNKNOWN_CODE "unknown-code" Error "`accept` or the configuration names a code that does not exist";
    OVERLAPPING_WORKLOADS "overlapping-workloads" Error "workloads that may share pods state different facts";
    AMBIENT_UNSUPPORTED "ambient-unsupported" Error "ambient mode and waypoints are not compiled yet";
    ROOT_NAMESPACE "root-namespace" Error "a requirement meets the mesh's root namespace";
    PROTECTED_NAMESPACE "protected-namespace" Error "a system namespace is managed without being asked for by name";
    FOREIGN_END "foreign-end" Note "a rule opens an end in a namespace that is not its own";
    // Endpoints
    HOST_BITS "host-bits" Error "an address block has bits set behind its prefix";
    INVALID_ADDRESS "invalid-address" Error "an address or block cannot be read";
    ADDRESS_NOT_CONFIGURED "address-not-configured" Error "`nodes` or `apiserver` is used and not configured";
    HOST_NEEDS_GATEWAY "host-needs-gateway" Error "a host outside the cluster needs an egress gateway";
    EMPTY_ENDPOINT "empty-endpoint" Error "an endpoint can match nothing";
    ACCOUNT_LABELS_UNKNOWN "account-labels-unknown" Error "the labels of an account's pods are needed and not known";
    NEEDS_POD_CIDRS "needs-pod-cidrs" Error "addresses without pods are needed and the pod CIDRs are not configured";
    CIDR_MAY_COVER_PODS "cidr-may-cover-pods" Warning "an address block may hold pod addresses";
    INTERNET_SOURCE "internet-source" Warning "what a load balancer makes of an internet source is not configured";
    SELECTOR_MATCHES_NOTHING "selector-matches-nothing" Note "a selector matches no workload of the inventory";
    HOST_NETWORK "host-network" Warning "a selector meets a host-network pod";
    INIT_CONTAINER_TRAFFIC "init-container-traffic" Warning "an init container calls before its sidecar runs";
    // Ports
    EMPTY_PORT_RANGE "empty-port-range" Error "a port range holds no port";
    INVALID_PORT "invalid-port" Error "a port or protocol is not one";
    UNRESOLVED_NAMED_PORT "unresolved-named-port" Error "no pod of the destination has a port of that name";
    NAMED_PORT_MISSING "named-port-missing" Warning "some pods of the destination lack the named port";
    RESERVED_PORT "reserved-port" Error "a port belongs to the mesh itself";
    SERVICE_PORT "service-port" Warning "a Service port is written where the pod port is meant";
    HTTP_ON_TCP_PORT "http-on-tcp-port" Error "an HTTP requirement meets a port that a Service declares as TCP";
    // Requirements
    REQUIREMENT_WITHOUT_PORT "requirement-without-port" Error "`http`, `grpc` and `jwt` need a port";
    REQUIREMENT_UNENFORCED "requirement-unenforced" Error "no gate can enforce a requirement";
    REQUIREMENT_NOT_AGREED "requirement-not-agreed" Error "another namespace's rule opens the end and admits more";
    MTLS_ON_UDP "mtls-on-udp" Error "`mtls` is asked for UDP or SCTP";
    MTLS_NEEDS_PODS "mtls-needs-pods" Error "`mtls` is asked of an end that is no pod";
    UNMESHED_CALLER "unmeshed-caller" Error "`mtls` is asked of a caller that has no mesh identity";
    DENY_WITH_IDENTITY "deny-with-identity" Error "`mtls` or `jwt` stands on a `deny`";
    INVALID_PATH "invalid-path" Error "a path pattern cannot be matched as written";
    PATH_WITHOUT_PARENT "path-without-parent" Warning "a path pattern covers what is below a path and not the path itself";
    INVALID_REQUEST "invalid-request" Error "a method, host or header cannot be matched as written";
    JWT_REJECTS_OTHER_TOKENS "jwt-rejects-other-tokens" Warning "a token requirement makes rules beside it refuse bad tokens";
    INVALID_DATE "invalid-date" Error "a date is not one";
    PLATFORM_UNSUPPORTED "platform-unsupported" Error "a rule needs more than the cluster's versions or network plugin can do";
    // What the two gates can say
    COUPLED_RULES "coupled-rules" Error "a rule's mesh permission also covers callers that another rule lets in";
    SHARED_ACCOUNT "shared-account" Note "pods outside a rule share its callers' service account";
    NAMESPACE_IDENTITY "namespace-identity" Note "the mesh knows a rule's callers only by their namespace";
    NAMESPACE_SNAPSHOT "namespace-snapshot" Note "namespaces chosen by label are listed by name for the mesh";
    SELECTOR_NOT_EXPRESSIBLE "selector-not-expressible" Error "a selector is more than a mesh selector can say";
    DENY_EVADABLE "deny-evadable" Warning "pods escape a `deny` by dropping a label";
    DENY_TOO_FRAGMENTED "deny-too-fragmented" Error "a `deny` cuts allows into too many pieces";
    DENY_NOT_SEPARABLE "deny-not-separable" Error "a `deny` on requests cannot be told apart from what stays allowed";
    DENY_CUTS_BASELINE "deny-cuts-baseline" Warning "a `deny` cuts traffic that every pod needs";
    DENY_UNENFORCED "deny-unenforced" Warning "no managed end meets a `deny`";
    // Lints
    DUPLICATE_RULE "duplicate-rule" Warning "a rule is written twice";
    COVERED_RULE "covered-rule" Warning "a rule admits nothing that another does not admit";
    ALLOW_WHOLLY_DENIED "allow-wholly-denied" Warning "everything that an `allow` admits is denied";
    DEFAULT_ACCOUNT "default-account" Warning "callers run as the namespace's default account";
    BROAD_RULE "broad-rule" Warning "a rule admits everything from or to anywhere";
    EXPIRED_RULE "expired-rule" Warning "a rule's last day is past";
    ACCEPTS_NOTHING "accepts-nothing" Warning "`accept` names a finding that does not occur";
    ACCEPTED "accepted" Note "a finding was accepted by the rule itself";
    EXPECTATION_FAILED "expectation-failed" Error "an expectation does not hold";
    // The proof
    PROOF_FAILED "proof-failed" Error "what would be written does not do what the intents say";
    PROOF_INCOMPLETE "proof-incomplete" Error "pods, requests or names fall into too many classes to be proved";
    ALONGSIDE_CHANGES_ACCESS "alongside-changes-access" Error "policies of others change who gets in";
    // Differences
    ACCESS_GAINED "access-gained" Warning "somebody gets in who did not, or further than before";
    ACCESS_WEAKENED "access-weakened" Warning "mTLS or a token is no longer required, or one gate is alone";
    ACCESS_UNSPECIFIED "access-unspecified" Warning "the platform leaves open now who gets in";
    ACCESS_LOST "access-lost" Note "somebody got in who does not, or no longer as far";
    // Configuration, inventory, input and output
    INVALID_CONFIG "invalid-config" Error "`twogate.toml` cannot be read";
    UNKNOWN_KEY "unknown-key" Error "a key of `twogate.toml` does not exist";
    INVALID_INVENTORY "invalid-inventory" Error "an inventory manifest cannot be read";
    UNCLEAR_FLOW "unclear-flow" Error "a flow is no question about one connection";
    UNKNOWN_OBJECT "unknown-object" Error "a flow names an object that no manifest holds";
    INVALID_MANIFEST "invalid-manifest" Error "a manifest is not what Kubernetes or Istio accepts";
    NOT_A_MANIFEST "not-a-manifest" Warning "a document is no Kubernetes object";
    UNCLEAR_EMPTY_FIELD "unclear-empty-field" Error "a field of a mesh policy is empty and may mean everything or nothing";
    UNMODELLED_KIND "unmodelled-kind" Warning "a manifest may decide flows and is of a kind that is not modelled";
    UNMODELLED_SETTING "unmodelled-setting" Warning "a manifest says something that may decide flows and is not modelled";
    MESH_CONFIGURED_OTHERWISE "mesh-configured-otherwise" Error "the mesh's own configuration is not what `twogate.toml` says";
    NO_SAFE_ORDER "no-safe-order" Error "a change cannot be applied in steps that are all safe";
    NAMESPACE_MISSING "namespace-missing" Note "manifests name no namespace and are taken for ones of the default one";
    NO_INPUT "no-input" Error "there is nothing to work on";
    STALE_OUTPUT "stale-output" Error "the written manifests are not what the intents say";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        for (index, code) in ALL.iter().enumerate() {
            assert!(code.name().chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'), "{code}");
            assert!(!ALL[..index].contains(code), "{code} stands twice");
        }
    }
}
