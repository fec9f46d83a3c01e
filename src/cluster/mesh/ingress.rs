//! What Istio makes of `Ingress`es: a `Gateway` of each that is of its class, for the pods of its ingress gateway.
//!
//! Owns: which these are, and the servers of such a `Gateway` (istio/istio : `pilot/pkg/config/kube/ingress/{conversion,gateways}.go`,
//! `shouldProcessIngressWithClass`, `convertIngressV1alpha3`). The configuration of the mesh is taken for the usual one: `ingressClass` is
//! `istio`, `ingressControllerMode` is `STRICT`, and neither `ingressSelector` nor `ingressService` says that other pods are the ingress
//! gateway. Where it says so, nothing of the mesh listens on the ports that are told here.

use super::Mesh;
use super::gateway::{Classic, Server, Takes, Tls};
use super::read::ingress::{Class, Ingress};
use crate::cluster::object::Object;
use crate::flow::Labels;

/// The class that is Istio's by its name.
const ISTIO_CLASS: &str = "istio";

/// Who serves the classes of Istio.
const CONTROLLER: &str = "istio.io/ingress-controller";

/// The label of the pods of the ingress gateway.
const POD_LABEL: (&str, &str) = ("istio", "ingressgateway");

const WHOSE: &str = "whether the class of the Ingress is Istio's is not known";
const UNCLEAR: &str = "the TLS of an Ingress cannot be understood";

/// Whether an `Ingress` is Istio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Istios,
    Perhaps,
    Others,
}

impl Mesh {
    /// Makes `Gateway`s of the `Ingress`es that are read; those objects of which it did, and the labels of the pods that they are for.
    pub(crate) fn add_ingresses(&mut self) -> (Vec<Object>, Labels) {
        let selector = Labels::from([(POD_LABEL.0.into(), POD_LABEL.1.into())]);
        let mut objects = Vec::new();
        for ingress in std::mem::take(&mut self.ingresses) {
            let doubt = match self.whose(&ingress.class) {
                Whose::Others => continue,
                Whose::Perhaps => Some(WHOSE),
                Whose::Istios => None,
            };
            objects.push(ingress.object.clone());
            let servers = servers(&ingress);
            self.classic.push(Classic { object: ingress.object, selector: selector.clone(), servers, doubt });
        }
        (objects, selector)
    }

    fn whose(&self, class: &Class) -> Whose {
        let is = |yes| if yes { Whose::Istios } else { Whose::Others };
        match class {
            Class::Noted(class) => is(**class == *ISTIO_CLASS),
            Class::Unsaid => Whose::Others,
            Class::Unclear => Whose::Perhaps,
            Class::Named(name) => match self.ingress_classes.get(name) {
                Some(controller) => is(**controller == *CONTROLLER),
                // What is not there is nobody's; but manifests seldom hold the classes of the cluster.
                None if name.contains(ISTIO_CLASS) => Whose::Perhaps,
                None => Whose::Others,
            },
        }
    }
}

/// The servers that are made of an `Ingress`.
fn servers(ingress: &Ingress) -> Vec<Server> {
    let secured = match ingress.ends_tls {
        Some(true) => Some(Takes::Http(Tls::Own)),
        Some(false) => None,
        None => Some(Takes::Unknown(UNCLEAR)),
    };
    let plain = Server { port: 80, takes: Takes::Http(Tls::None) };
    secured.map(|takes| Server { port: 443, takes }).into_iter().chain([plain]).collect()
}
