//! Sharing work among threads, so that nobody can tell from the result how many there were.
//!
//! Owns: how many threads there are, and in what order their results come. It knows nothing of the work.

/// How many threads share what is worth sharing. A fixed number: the machine must not show in any result.
const THREADS: usize = 4;

/// Does work on shares of a list, each of at least `least` items but the last: one result a share, in the order of the list.
///
/// A share's work must not depend on other shares. If it panics, so does this.
pub(crate) fn in_shares<T: Sync, R: Send>(items: &[T], least: usize, work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let size = items.len().div_ceil(THREADS).max(least).max(1);
    let mut shares = items.chunks(size);
    let Some(first) = shares.next() else { return Vec::new() };
    let work = &work;
    std::thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
        let mut results = vec![work(first)];
        results.extend(others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        results
    })
}

/// Does two pieces of work that do not depend on each other. If one panics, so does this.
pub(crate) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

#[cfg(test)]
mod tests {
    use super::{both, in_shares};

    #[test]
    fn two_pieces_of_work_are_done() {
        let text = "ab".to_owned();
        assert_eq!(both(|| text.len(), || text.as_str()), (2, "ab"));
    }

    #[test]
    fn results_come_in_the_order_of_the_list() {
        for length in [0_usize, 1, 3, 4, 5, 17, 100] {
            let items: Vec<usize> = (0..length).collect();
            for least in [0, 1, 7, 200] {
                let shares = in_shares(&items, least, <[usize]>::to_vec);
                assert!(shares.iter().rev().skip(1).all(|share| share.len() >= least));
                assert_eq!(shares.concat(), items);
            }
        }
    }
}
