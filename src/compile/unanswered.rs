//! Ports on which nobody who is known listens: of gateways, and of tunnels that nobody is there for.
//!
//! Owns: why a connection that no policy stops may find nobody, in words. Whether nobody listens is the evaluator's to say.

use crate::cluster::{Cluster, Endpoint, Silence};

/// Why nobody may listen on a port of a pod, which is named as `db's`; none where somebody may be taken to.
pub fn unanswered(cluster: &Cluster, destination: &Endpoint, port: u16, whose: &str) -> Option<String> {
    Some(match cluster.silence(destination, port)? {
        Silence::Unopened => {
            format!("no Gateway opens port {port}, so {whose} proxy does not listen there, and whether anything else does is not known")
        }
        Silence::NoTunnel => {
            format!("port {port} is that of the tunnel, and whether {whose} sidecar listens there is not known: nobody is in ambient mode")
        }
    })
}
