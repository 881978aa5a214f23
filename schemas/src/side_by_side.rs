//! Work on several things at once, on as many threads as the machine has cores.

use std::{
    panic::resume_unwind,
    thread::{Builder, ScopedJoinHandle, available_parallelism, scope},
};

/// How many threads there are for such work.
#[must_use]
pub fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// What is made of each of several things, in their order.
pub fn side_by_side<T: Sync, R: Send>(things: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let each = things.len().div_ceil(threads()).max(1);
    let all = |things: &[T]| things.iter().map(&make).collect::<Vec<R>>();
    let mut shares = things.chunks(each);
    let first = shares.next().unwrap_or_default();
    scope(|scope| {
        let all = &all;
        let start = |share| (share, Builder::new().spawn_scoped(scope, move || all(share)));
        let others: Vec<_> = shares.map(start).collect();
        let mut made = all(first);
        for (share, other) in others {
            made.extend(match other.map(ScopedJoinHandle::join) {
                Ok(Ok(made)) => made,
                Ok(Err(panic)) => resume_unwind(panic),
                // No more threads are to be had.
                Err(_) => all(share),
            });
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_stands_in_the_order_of_what_it_is_made_of() {
        for count in 0..40 {
            let things: Vec<usize> = (0..count).collect();
            let made = side_by_side(&things, |thing| thing * 2);
            assert_eq!(made, things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        }
    }
}
