//! `twogate test`: every expectation, decided on the manifests that would be written.
//!
//! Owns: the command and its three formats. What holds is the library's to say.

use crate::exit::{Exit, Failure};
use crate::gates;
use crate::inputs::{Inputs, Read};
use crate::report::{self, Format as Findings};
use clap::{Args, ValueEnum};
use quick_xml::Writer;
use quick_xml::events::{BytesText, Event};
use serde::Serialize;
use std::io;
use twogate::compile::{Protection, Tested, Tried, deciding_flow, test};
use twogate::diagnostic::order::has_error;
use twogate::diagnostic::{Diagnostic, Level};
use twogate::ir::{Expectation, Policy, Rule};
use twogate::source::{Location, Sources};
use twogate::verify::{Held, flow_words};

/// Decide every `expect` on the policies that the intents ask for.
///
/// What is decided is the text that would be written, over every pod that an expectation speaks of. A failure shows a
/// connection, and which gate let it pass or stopped it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  twogate test\n  twogate test intents --format junit > expectations.xml\n  twogate test intents --unprotected"
)]
pub(crate) struct Test {
    #[command(flatten)]
    inputs: Inputs,

    /// How results are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// Also list the rules without which every expectation would still hold
    #[arg(long)]
    unprotected: bool,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard output
    Human,
    /// A report of tests in XML, as CI servers read it
    Junit,
    /// One JSON object
    Json,
}

impl Test {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let input = match self.inputs.read(None)? {
            Read::Found(sources, findings) => return untested(&findings, &sources, self.format),
            Read::Ready(input, _) => *input,
        };
        let protection = if self.unprotected { Protection::Asked } else { Protection::Unasked };
        let tested = test(input, protection);
        if has_error(&tested.outcome.findings) {
            return untested(&tested.outcome.findings, &tested.outcome.sources, self.format);
        }
        let report = Report::new(&tested, protection);
        report::print(&match self.format {
            Format::Human => report.human(),
            Format::Junit => report.junit()?,
            Format::Json => report.json(),
        })?;
        Ok(if report.failed() == 0 { Exit::Fine } else { Exit::Found })
    }
}

/// Writes the findings for which nothing could be tested: for machines in their format, so that none takes silence for success.
fn untested(findings: &[Diagnostic], sources: &Sources, format: Format) -> Result<Exit, Failure> {
    match format {
        Format::Human => report::findings(findings, sources, Findings::Human),
        Format::Json => report::findings(findings, sources, Findings::Json),
        Format::Junit => {
            report::print(&document(|xml| write_errors(findings, sources, xml))?)?;
            report::findings(findings, sources, Findings::Human)
        }
    }
}

/// A suite of which each error is a case, as CI servers show what could not be run.
fn write_errors(findings: &[Diagnostic], sources: &Sources, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let errors: Vec<&Diagnostic> = findings.iter().filter(|finding| finding.level == Level::Error).collect();
    let count = errors.len().to_string();
    let attributes = [("name", "twogate"), ("tests", &*count), ("failures", "0"), ("errors", &*count)];
    xml.create_element("testsuite").with_attributes(attributes).write_inner_content(|xml| {
        errors.into_iter().try_for_each(|error| {
            let place = error.location().map(|location| report::place(location, sources)).unwrap_or_default();
            let case = xml.create_element("testcase").with_attributes([("classname", &*place), ("name", error.code.name())]);
            let element = |xml: &mut Writer<Vec<u8>>| {
                xml.create_element("error").with_attribute(("message", &*error.message)).write_empty().map(|_| ())
            };
            case.write_inner_content(element).map(|_| ())
        })
    })?;
    Ok(())
}

/// A document of XML.
fn document(write: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>) -> Result<String, Failure> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let declared = xml.write_event(Event::Decl(quick_xml::events::BytesDecl::new("1.0", Some("UTF-8"), None)));
    declared.and_then(|()| write(&mut xml)).map_err(|error| Failure::new(format!("cannot write XML: {error}")))?;
    Ok(String::from_utf8_lossy(&xml.into_inner()).into_owned() + "\n")
}

/// All results in words.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    expectations: Vec<Case>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unprotected: Option<Vec<Line>>,
}

/// A line of the intents.
#[derive(Debug, Serialize)]
struct Line {
    text: String,
    place: String,
}

/// What became of one expectation.
#[derive(Debug, Serialize)]
struct Case {
    #[serde(flatten)]
    line: Line,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed>,
}

/// Why an expectation does not hold.
#[derive(Debug, Serialize)]
struct Failed {
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<String>,
    /// Each gate that decided, in the order of the connection.
    gates: Vec<String>,
}

impl Report {
    fn new(tested: &Tested, protection: Protection) -> Self {
        let (policy, sources) = (&tested.outcome.policy, &tested.outcome.sources);
        let case = |tried: &Tried| Some(Case::new(policy.expectations.get(tried.expectation)?, tried, policy, sources));
        let rule = |place: &usize| policy.rules.get(*place).map(|rule: &Rule| Line::new(rule.text.clone(), rule.location, sources));
        let unprotected = || tested.unprotected.iter().filter_map(rule).collect();
        Self {
            version: 1,
            expectations: tested.results.iter().filter_map(case).collect(),
            unprotected: (protection == Protection::Asked).then(unprotected),
        }
    }

    fn failed(&self) -> usize {
        self.expectations.iter().filter(|case| !case.holds).count()
    }

    fn human(&self) -> String {
        let mut lines = Vec::new();
        for case in &self.expectations {
            lines.push(format!("{}  {}  {}", if case.holds { "ok  " } else { "FAIL" }, case.line.text, case.line.place));
            let Some(failure) = &case.failure else { continue };
            lines.push(format!("      {}", failure.reason));
            lines.extend(failure.flow.iter().map(|flow| format!("      {flow}")));
            lines.extend(failure.gates.iter().map(|gate| format!("        {gate}")));
        }
        for line in self.unprotected.iter().flatten() {
            lines.push(format!("unprotected  {}  {}", line.text, line.place));
        }
        lines.push(self.summary());
        lines.join("\n") + "\n"
    }

    fn summary(&self) -> String {
        let all = self.expectations.len();
        let held = all - self.failed();
        let unprotected = self.unprotected.as_ref().map(|lines| format!(", {} unprotected", report::count(lines.len(), "rule")));
        let verb = if all == 1 { "holds" } else { "hold" };
        format!("{held} of {} {verb}{}", report::count(all, "expectation"), unprotected.unwrap_or_default())
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The form that CI servers read: a suite, a case for each expectation.
    fn junit(&self) -> Result<String, Failure> {
        document(|xml| self.write_junit(xml))
    }

    fn write_junit(&self, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let (tests, failures) = (self.expectations.len().to_string(), self.failed().to_string());
        let suite = xml.create_element("testsuite").with_attributes([("name", "twogate"), ("tests", &*tests), ("failures", &*failures)]);
        suite.write_inner_content(|xml| self.expectations.iter().try_for_each(|case| case.write_junit(xml)))?;
        Ok(())
    }
}

impl Line {
    fn new(text: String, location: Location, sources: &Sources) -> Self {
        Self { text, place: report::place(location, sources) }
    }
}

impl Case {
    fn new(expectation: &Expectation, tried: &Tried, policy: &Policy, sources: &Sources) -> Self {
        let line = Line::new(expectation.text.clone(), expectation.location, sources);
        let flow = deciding_flow(&tried.held);
        let steps = tried.decision.iter().flat_map(gates::deciding);
        let gate = |step| flow.map_or_else(|| gates::line(step), |flow| gates::line_with_origin(step, policy, flow));
        let failure = match &tried.held {
            Held::Yes => None,
            Held::No(broken) => Some(Failed { reason: broken.reason(), flow: flow.map(flow_words), gates: steps.map(gate).collect() }),
        };
        Self { line, holds: failure.is_none(), failure }
    }

    fn write_junit(&self, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let case = xml.create_element("testcase").with_attributes([("classname", &*self.line.place), ("name", &*self.line.text)]);
        let Some(failure) = &self.failure else { return case.write_empty().map(|_| ()) };
        let text: Vec<&str> = failure.flow.iter().chain(&failure.gates).map(String::as_str).collect();
        case.write_inner_content(|xml| {
            let element = xml.create_element("failure").with_attribute(("message", &*failure.reason));
            element.write_text_content(BytesText::new(&text.join("\n"))).map(|_| ())
        })?;
        Ok(())
    }
}
