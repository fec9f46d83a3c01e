//! Objects that stay small enough for the API server.
//!
//! Owns: `MAX_OBJECT` and the division of a list into parts. It must not know what is listed.

/// Bytes of YAML of one object. `kubectl apply` keeps a copy of the object in an annotation, and all annotations together may
/// take 256 KiB (`semantics.md` §1.9).
pub(super) const MAX_OBJECT: usize = 200 * 1024;

/// Divides a list, in its order, into parts whose sizes add up to at most `bytes` and that have at most `count` items; an item
/// that is larger stands alone. No list has no parts.
pub(super) fn split<T>(items: Vec<T>, count: usize, bytes: usize, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    let mut used = 0;
    for item in items {
        let own = size(&item);
        match parts.last_mut() {
            Some(part) if part.len() < count && used + own <= bytes => {
                used += own;
                part.push(item);
            }
            _ => {
                used = own;
                parts.push(vec![item]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_the_order_and_both_bounds() {
        let parts = |count, bytes| split(vec![3, 1, 4, 9, 1, 1], count, bytes, |item| *item);
        assert_eq!(parts(9, 8), vec![vec![3, 1, 4], vec![9], vec![1, 1]]);
        assert_eq!(parts(2, 8), vec![vec![3, 1], vec![4], vec![9], vec![1, 1]]);
        assert_eq!(split(Vec::<usize>::new(), 2, 8, |item| *item), Vec::<Vec<usize>>::new());
    }
}
