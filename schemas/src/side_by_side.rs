//! Work on several things at once, on as many threads as the machine has cores.

use std::{
    panic::resume_unwind,
    sync::{Mutex, OnceLock, PoisonError},
    thread::{Builder, ScopedJoinHandle, available_parallelism, scope},
};

/// How many threads there are for such work: asked once, for the system reads files to tell.
#[must_use]
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| available_parallelism().map_or(1, usize::from))
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

/// What is made of each piece of so many things, and of its place, while the piece is changed.
pub fn pieces_side_by_side<T: Send, R: Send>(
    things: &mut [T],
    size: usize,
    make: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let size = size.max(1);
    let pieces = things.chunks_mut(size).map(Mutex::new).zip((0..).step_by(size));
    let pieces: Vec<_> = pieces.collect();
    side_by_side(&pieces, |(piece, first)| {
        make(*first, &mut piece.lock().unwrap_or_else(PoisonError::into_inner))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_changed_each_at_its_place() {
        for (count, size) in [(0, 3), (7, 3), (6, 3), (2, 0)] {
            let mut things = vec![0; count];
            let made = pieces_side_by_side(&mut things, size, |first, piece| {
                piece.iter_mut().zip(first..).for_each(|(thing, place)| *thing = place);
                piece.len()
            });
            assert_eq!(things, (0..count).collect::<Vec<_>>());
            assert_eq!(made.iter().sum::<usize>(), count);
        }
    }

    #[test]
    fn what_is_made_stands_in_the_order_of_what_it_is_made_of() {
        for count in 0..40 {
            let things: Vec<usize> = (0..count).collect();
            let made = side_by_side(&things, |thing| thing * 2);
            assert_eq!(made, things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        }
    }
}
