//! What is called where a flow leaves it open: the pod itself, or a Service of it (`semantics.md` §3.3).
//!
//! Owns: what is said of that choice, what another one would be answered, and that both are asked about where the first refuses and the
//! other does not. It must not choose the first.

use super::call::{Call, Naming, are_services_known, is_proxied, leading};
use super::json::verdict_word;
use super::question::Question;
use super::setting::{Judge, Setting};
use crate::cluster::{Addressed, Decision};
use crate::flow::{Protocol, Transport, Verdict};

/// The call, and beside one through a Service that the flow does not name, that of the pod's own address, where it gets in and the other
/// does not: no proxy of the Service is asked there (`semantics.md` §2.1), and a sidecar names no caller (trap 53).
pub(super) fn ways(call: Call, question: &Question, setting: &Setting) -> Vec<Call> {
    let past = past_service(&call, question).filter(|past| {
        let answer = |call: &Call| call.decide(setting).verdict;
        answer(&call) == Verdict::Denied && answer(past) == Verdict::Allowed
    });
    std::iter::once(call).chain(past).collect()
}

/// The call of the pod itself, if the flow may mean it as well as its Service: who says that it arrives over mTLS between sidecars does not.
fn past_service(call: &Call, question: &Question) -> Option<Call> {
    let Addressed::Service { namespace, name, .. } = &call.addressed else { return None };
    let is_one_way = question.transport == Some(Transport::Mtls) && is_proxied(&call.destination);
    if question.service.is_some() || call.entrance.is_some() || is_one_way {
        return None;
    }
    Some(Call { addressed: Addressed::Pod, is_pod: true, past: Some(format!("{namespace}/{name}")), ..call.clone() })
}

impl Call {
    /// The same to the pod's own address, where the flow may mean that as well: it names no Service, nor how a sidecar is spoken to. A sidecar
    /// names no caller there (trap 53).
    pub(super) fn by_its_own_address(&self) -> Option<Self> {
        let asked = self.transport.filter(|_| !self.is_usual);
        let is_one_way = asked == Some(Transport::Mtls) && is_proxied(&self.destination);
        let is_said = self.naming == Naming::Service || self.is_pod || self.entrance.is_some() || is_one_way;
        let is_pod = !is_said && self.destination.pod().is_some();
        is_pod.then(|| Self { addressed: Addressed::Pod, transport: asked, is_usual: false, is_pod, ..self.clone() })
    }

    /// Whether the pod's own address is what is called, as far as anybody knows, where that decides how sidecars speak.
    pub(super) fn is_pod_called(&self, setting: &Setting) -> bool {
        let is_pod = self.addressed == Addressed::Pod || (are_services_known(setting) && self.addressed == Addressed::Unsaid);
        is_proxied(&self.source) && is_proxied(&self.destination) && is_pod && self.transport.is_none() && self.protocol == Protocol::Tcp
    }

    /// What was taken for called, where that decides how sidecars speak; in a sentence without capital and full stop.
    pub(super) fn what_is_called(&self, setting: &Setting, decision: &Decision) -> Option<String> {
        let (port, short) = (self.port, &self.destination.short);
        if let Some(service) = &self.past {
            return Some(format!("this is a call of the pod's own address, past Service {service}, through which it is refused"));
        }
        if self.is_usual {
            let speaks = match self.transport {
                Some(Transport::Plaintext) => "plaintext, as its PeerAuthentication takes no mTLS",
                Some(Transport::Mtls) | None => "mTLS between sidecars",
            };
            let otherwise = self.by_address(setting, decision).map(|answer| format!("; {answer}")).unwrap_or_default();
            return Some(format!("taken as a call through a Service of {short}, which is {speaks}{otherwise}"));
        }
        if !self.is_pod_called(setting) {
            return None;
        }
        Some(match self.addressed {
            Addressed::Pod if self.is_pod => {
                "a flow to `pod/` or to its address calls the pod's own address, which sidecars pass on in plaintext unless a \
                 headless Service declares the port; one to a Service, a workload or labels goes by Service"
                    .to_owned()
            }
            Addressed::Pod => {
                format!("the sidecar of {short} does not capture port {port}, and no Service leads there: the pod itself is called")
            }
            _ => return self.unsaid(setting, decision),
        })
    }

    /// What a call of the pod's own address would be answered, where that is something else than a call through some Service.
    fn by_address(&self, setting: &Setting, decision: &Decision) -> Option<String> {
        if setting.judge != Judge::Given {
            return None;
        }
        let verdict = self.to_pod(setting);
        let differs = std::mem::discriminant(&verdict) != std::mem::discriminant(&decision.verdict);
        differs.then(|| {
            format!("no manifest holds one, and a call of the pod's own address, which is plaintext, would be {}", verdict_word(&verdict))
        })
    }

    /// What is to be known where manifests hold Services, and not one alone that leads to the port.
    fn unsaid(&self, setting: &Setting, decision: &Decision) -> Option<String> {
        let (port, short) = (self.port, &self.destination.short);
        let leading = leading(setting, (&self.source.endpoint, &self.destination.endpoint), (self.protocol, port));
        if let [(first, _), (second, _), ..] = leading.as_slice() {
            return Some(format!(
                "{} and {} lead to port {port} of {short}: `svc/{}` says which is called",
                first.name, second.name, first.name
            ));
        }
        let none = format!("no Service among the manifests leads to port {port} of {short}");
        if !matches!(decision.verdict, Verdict::Unspecified(_)) {
            return Some(format!("{none}: the pod itself is called"));
        }
        let by_service = self.by_service(setting)?;
        let (pod, service) = (self.to_pod(setting), by_service);
        Some(format!(
            "{none}: a call of the pod's own address is {}, one through a Service that they do not hold is {}",
            verdict_word(&pod),
            verdict_word(&service)
        ))
    }

    /// The answer to a call of the pod's own address.
    fn to_pod(&self, setting: &Setting) -> Verdict {
        Self { addressed: Addressed::Pod, transport: None, ..self.clone() }.decide(setting).verdict
    }

    /// The answer to a call through some Service; none if it is not known how that speaks.
    fn by_service(&self, setting: &Setting) -> Option<Verdict> {
        let transport = setting.cluster.spoken_by_itself(&self.destination.endpoint, self.port)?;
        Some(Self { transport: Some(transport), ..self.clone() }.decide(setting).verdict)
    }
}
