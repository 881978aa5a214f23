//! Work on several things at once, on as many threads as the machine has cores.

use std::{
    iter,
    panic::resume_unwind,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Builder, available_parallelism, scope},
};

/// How many threads there are for such work: asked once, for the system reads files to tell.
#[must_use]
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| available_parallelism().map_or(1, usize::from))
}

/// What is made of each of several things, in their order. A thread that is done with one takes the
/// next: they need not be equally large.
pub fn side_by_side<T: Sync, R: Send>(things: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || {
            let place = next.fetch_add(1, Ordering::Relaxed);
            things.get(place).map(|thing| (place, make(thing)))
        };
        iter::from_fn(take).collect::<Vec<(usize, R)>>()
    };
    let mut made = scope(|scope| {
        let others = 1..threads().min(things.len());
        let others: Vec<_> = others.map(|_| Builder::new().spawn_scoped(scope, work)).collect();
        let mut made = work();
        // Where no more threads are to be had, there are fewer to do it all.
        for other in others.into_iter().flatten() {
            made.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    });
    made.sort_unstable_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, made)| made).collect()
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
