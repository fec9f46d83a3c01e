//! `twogate explain`: one connection gate by gate, pages of findings, and what the baseline opens.
//!
//! Owns: the command. Answers and pages are the library's.

use crate::exit::{Exit, Failure};
use crate::inputs::{Inputs, Read, ReadBeside};
use crate::report::{self, Format};
use clap::{ArgGroup, Args, ValueEnum};
use std::path::{Path, PathBuf};
use twogate::compile::to_be_asked;
use twogate::diagnostic::code::ALL;
use twogate::diagnostic::{Code, nearest};
use twogate::explain::{self, Answer, Ask};
use twogate::flow::Verdict;

/// Explain a connection gate by gate: the rule that decides, and what would alter it.
///
/// A flow is written as in a rule: `app=web -> app=db:5432`, with `@NAMESPACE`, names, addresses, `internet`, `mtls` or `plaintext`,
/// `http GET /v1/x` or just `GET /v1/x`, `jwt ISSUER` or `bad-jwt`. A token has a subject that no policy names, unless `claim sub=…`
/// names one or `no-sub` says that it has none. Ends may also be objects: `deploy/web@shop`, `shop/web[Deployment]` as in lists, each
/// with every pod of it that the manifests hold, `pod/…` (its own address), `svc/db@shop:5432` (the Service's port),
/// `http://api.shop.svc:8080/v1/x`. An address that a dump gives a pod, a Service or a node is asked as that, a port of a node as the
/// Service or the container that has it. Who calls from outside arrives as `[ingress] source` of `twogate.toml` says. Many workloads or a
/// range of addresses get an answer of each kind, and so do pods of which nothing but labels is known: every pod that they could be is
/// judged. Where a flow names no Service, and what the only one refuses gets in by the pod's own address, both are shown. A path is
/// judged as it arrives, by `mesh.path-normalization` of `twogate.toml`. Clients may write a port behind a host: `at "a.com:8080"` says
/// that they do, `at "http://a.com"` that they don't. Where a flow names a Service or a host, what a `VirtualService` or a route of that
/// Service may do to the request on its way leaves the answer unspecified; of their `match` only whether it means all requests counts.
///
/// A flow as `verify`, `test` and `diff` show it, with `as ACCOUNT`, `over mTLS` or `in plaintext`, is read as it stands.
///
/// What the intents compile to decides. With `--manifests` those do, and intents that are given besides are held against them:
/// `kubectl get netpol,authorizationpolicy,peerauthentication,requestauthentication,deploy,sts,svc,ns -A -o yaml | twogate
/// explain 'deploy/web@shop -> svc/db:5432' --manifests -`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("question").required(true).args(["flow", "code", "baseline"]).multiple(true)))]
pub(crate) struct Explain {
    /// The connection
    #[arg(value_name = "FLOW", conflicts_with = "code")]
    flow: Option<String>,

    /// The intents: files, folders or `-`; without any, `intents` if it is there, else `.`, and none with `--manifests`
    #[arg(value_name = "PATHS", conflicts_with = "code")]
    paths: Vec<PathBuf>,

    /// Print the page of a finding's code
    #[arg(long, value_name = "CODE", value_parser = find)]
    code: Option<Code>,

    /// Print what the baseline opens in the namespaces that the intents manage; there is no FLOW then
    #[arg(long, conflicts_with_all = ["code", "manifests", "inventory", "with", "expect"])]
    baseline: bool,

    /// Manifests that decide, anyone's or a cluster's dump: files, folders or `-`; may be repeated
    #[arg(long, value_name = "P", conflicts_with = "code")]
    manifests: Vec<PathBuf>,

    /// Manifests that say what runs: files, folders or `-`; may be repeated
    #[arg(long, value_name = "P", conflicts_with = "code")]
    inventory: Vec<PathBuf>,

    /// Intents of others, which are taken as applied; may be repeated
    #[arg(long, value_name = "P", conflicts_with = "code")]
    with: Vec<PathBuf>,

    /// Policies of others in the same cluster, which decide too: files, folders or `-`; may be repeated
    #[arg(long, value_name = "P", conflicts_with_all = ["code", "manifests"])]
    alongside: Vec<PathBuf>,

    /// The namespace of ends without `@`, and of statements and objects that name none
    #[arg(short, long, value_name = "NS", value_parser = crate::inputs::namespace, conflicts_with = "code")]
    namespace: Option<String>,

    /// The configuration, instead of the next `twogate.toml` upwards from the first path
    #[arg(long, value_name = "F", conflicts_with = "code")]
    config: Option<PathBuf>,

    /// Fail with exit status 1 if the verdict is another one
    #[arg(long, value_enum, value_name = "VERDICT", conflicts_with = "code")]
    expect: Option<Expected>,

    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Output,
}

/// The end of the help.
const EXAMPLES: &str = "\
Exit status: 0 whatever the verdict, but for `--expect`; 1 too where some manifest has an error and the rest is answered.

Examples:
  twogate explain 'app=web -> app=db:5432'
  twogate explain 'app=web -> app=db:5432 plaintext' intents --expect deny
  twogate explain 'web -> app=db:5432' intents --format json
  twogate explain --code coupled-rules
  twogate explain --baseline intents";

/// The verdict that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expected {
    /// The connection passes
    Allow,
    /// It does not
    Deny,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Human,
    /// One JSON object
    Json,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let Some(code) = self.code {
            return report::print(code.page()).map(|()| Exit::Fine);
        }
        if self.baseline {
            return explain_baseline(self.baseline_inputs());
        }
        self.explain_flow()
    }

    /// Behind `--baseline`, all that stands alone is a path.
    fn baseline_inputs(self) -> Inputs {
        let paths = self.flow.map(PathBuf::from).into_iter().chain(self.paths).collect();
        Inputs { paths, config: self.config, namespace: self.namespace, ..Inputs::default() }
    }

    /// A connection where a path is expected: the two were written in the other order.
    fn misplaced(&self) -> Option<Failure> {
        let first = self.flow.as_deref().filter(|first| !first.contains("->"))?;
        let flow = self.paths.iter().filter_map(|path| path.to_str()).find(|path| path.contains("->") && !Path::new(path).exists())?;
        Some(Failure::new(format!("the connection comes first: twogate explain '{flow}' {first}")))
    }

    /// Answers for a connection.
    fn explain_flow(self) -> Result<Exit, Failure> {
        if let Some(failure) = self.misplaced() {
            return Err(failure);
        }
        let (flow, expected, output) = (self.flow.unwrap_or_default(), self.expect, self.format);
        let findings_as = if output == Output::Json { Format::Json } else { Format::Human };
        let inputs = Inputs {
            paths: self.paths,
            inventory: self.inventory,
            with: self.with,
            alongside: self.alongside,
            namespace: self.namespace,
            config: self.config,
            ..Inputs::default()
        };
        let (input, manifests) = match inputs.read_judged(&self.manifests)? {
            ReadBeside::Found(sources, findings) => return report::findings(&findings, &sources, findings_as),
            ReadBeside::Ready(input, manifests) => (*input, manifests),
        };
        let answer = explain::explain(Ask { flow, input, manifests });
        if answer.cases.is_empty() {
            return report::findings(&answer.findings, &answer.sources, findings_as);
        }
        // In JSON they are part of the answer; people read them on the other stream.
        let exit = report::findings(&answer.told(), &answer.sources, Format::Human)?;
        report::print(&if output == Output::Json { explain::json(&answer) } else { explain::human(&answer) })?;
        if let Some(disagreement) = answer.disagreement() {
            return Err(Failure::new(format!("internal error, please report it: {disagreement}")));
        }
        Ok(if fulfils(&answer, expected) { exit } else { Exit::Found })
    }
}

/// Whether an answer is the expected one; all that the flow stands for must be judged so.
fn fulfils(answer: &Answer, expected: Option<Expected>) -> bool {
    match expected {
        None => true,
        Some(Expected::Allow) => answer.verdict() == Some(&Verdict::Allowed),
        Some(Expected::Deny) => answer.verdict() == Some(&Verdict::Denied),
    }
}

/// Prints what the baseline opens.
fn explain_baseline(inputs: Inputs) -> Result<Exit, Failure> {
    let outcome = match inputs.read(None)? {
        Read::Found(sources, findings) => return report::findings(&findings, &sources, Format::Human),
        Read::Ready(input, _) => to_be_asked(*input),
    };
    let exit = report::findings(&outcome.findings, &outcome.sources, Format::Human)?;
    if exit == Exit::Fine {
        report::print(&twogate::ir::describe(&outcome.policy))?;
    }
    Ok(exit)
}

/// The code of a name.
fn find(name: &str) -> Result<Code, String> {
    let guess = || nearest(name, ALL.iter().map(|code| code.name())).map(|near| format!("; `{near}` is near")).unwrap_or_default();
    Code::find(name).ok_or_else(|| format!("there is no such code{}", guess()))
}
