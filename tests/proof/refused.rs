//! What a judge says of all requests of a flow at once, is what it says of each.

use std::cell::Cell;

use twogate::cluster::Endpoint;
use twogate::compile::compile;
use twogate::flow::{Flow, Verdict};
use twogate::verify::{Judge, Program, Way, Written};

use super::random::runner;
use crate::agreement::world::{flows, input, program};

/// Whether an end of a flow refuses every request, which must not hang on the request; it must then deny this one.
fn refuses(judge: &dyn Judge, flow: &Flow, way: Way) -> Result<bool, String> {
    let ends = [&flow.source, &flow.destination].map(|peer| Endpoint::from(peer.clone()));
    let [near, far] = match way {
        Way::Egress => [&ends[0], &ends[1]],
        Way::Ingress => [&ends[1], &ends[0]],
    };
    let end = judge.end(near, way);
    let refuses = end.refuses(flow, far);
    if refuses != end.refuses(&Flow { request: None, ..flow.clone() }, far) {
        return Err(format!("{judge:?} looks at the request"));
    }
    match end.verdict(flow, far) {
        Verdict::Denied => Ok(refuses),
        verdict if refuses => Err(format!("{judge:?} says {verdict:?}")),
        _ => Ok(false),
    }
}

#[test]
fn whoever_refuses_all_requests_denies_each() {
    let [all, some] = [Cell::new(0_u32), Cell::new(0_u32)];
    let result = runner(100).run(&program(), |lines| {
        let outcome = compile(input(&lines));
        let Some(cluster) = &outcome.cluster else { return Ok(()) };
        let program = Program::new(&outcome.policy);
        let written = Written::new(&program, cluster);
        for flow in flows(&lines) {
            for (judge, way) in
                [&program as &dyn Judge, &written].into_iter().flat_map(|judge| [(judge, Way::Egress), (judge, Way::Ingress)])
            {
                match refuses(judge, &flow, way) {
                    Ok(true) => all.set(all.get() + 1),
                    Ok(false) => some.set(some.get() + 1),
                    Err(why) => proptest::prop_assert!(false, "{}\n{flow:?}\n{why}", lines.join("\n")),
                }
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (all, some) = (all.get(), some.get());
    assert!(all.min(some) * 20 > all + some, "{all} refused, {some} not: one of the two is hardly tried");
}
