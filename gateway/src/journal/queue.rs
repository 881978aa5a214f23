//! What waits for the writer, by class: administration and submissions go before reads.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Class, Committed, error::AppendError};

/// Where an appender waits for its answer.
pub(super) type Answer<R> = oneshot::Sender<Result<Committed<R>, AppendError>>;

/// A draft that waits.
#[derive(Debug)]
pub(super) struct Waiting<D, R> {
    pub(super) class: Class,
    pub(super) draft: D,
    pub(super) answer: Answer<R>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct State<D, R> {
    lanes: [VecDeque<Waiting<D, R>>; 3],
    ended: Option<AppendError>,
    /// Nothing more is written.
    fenced: bool,
    /// Groups that were taken and are not on the disk yet.
    unwritten: usize,
    /// Drafts for which the taker sleeps; 0 while it is awake.
    wanted: usize,
}

impl<D, R> State<D, R> {
    fn waiting(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }
}

/// A bounded queue with a lane for each class.
#[derive(Debug)]
pub(super) struct Queue<D, R> {
    places: [Arc<Semaphore>; 3],
    state: Mutex<State<D, R>>,
    filled: Condvar,
}

impl<D, R> Queue<D, R> {
    /// A queue in which `bound` drafts of each class may wait.
    pub(super) fn new(bound: usize) -> Self {
        let lanes = [(); 3].map(|()| VecDeque::new());
        Self {
            places: [(); 3].map(|()| Arc::new(Semaphore::new(bound.max(1)))),
            state: Mutex::new(State { lanes, ended: None, fenced: false, unwritten: 0, wanted: 0 }),
            filled: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<D, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place and puts `draft` there.
    pub(super) async fn push(
        &self,
        class: Class,
        draft: D,
        answer: Answer<R>,
    ) -> Result<(), AppendError> {
        let place = Arc::clone(&self.places[class as usize]).acquire_owned().await;
        let mut state = self.state();
        match (place, state.ended) {
            (Ok(place), None) => {
                let waiting = Waiting { class, draft, answer, _place: place };
                state.lanes[class as usize].push_back(waiting);
            }
            (_, ended) => return Err(ended.unwrap_or(AppendError::Closed)),
        }
        let wake = state.wanted > 0 && state.waiting() >= state.wanted;
        if wake {
            state.wanted = 0;
        }
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits until something waits; takes at most `drafts`, and no more once they weigh `bytes`
    /// or more. While a group is not yet on the disk only a full one is taken: who comes
    /// meanwhile shares the next sync. None when the queue is closed and empty.
    pub(super) fn take(
        &self,
        drafts: usize,
        bytes: u64,
        weigh: impl Fn(&D) -> u64,
    ) -> Option<Vec<Waiting<D, R>>> {
        let mut state = self.state();
        while state.ended.is_none() {
            let wanted = if state.unwritten > 0 { drafts.max(1) } else { 1 };
            if state.waiting() >= wanted {
                break;
            }
            state.wanted = wanted;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wanted = 0;
        let (mut group, mut weight) = (Vec::new(), 0_u64);
        while group.len() < drafts && weight < bytes {
            let Some(waiting) = state.lanes.iter_mut().find_map(VecDeque::pop_front) else { break };
            weight = weight.saturating_add(weigh(&waiting.draft));
            group.push(waiting);
        }
        (!group.is_empty()).then_some(group)
    }

    /// A group that was taken is about to be written.
    pub(super) fn writing(&self) {
        self.state().unwritten += 1;
    }

    /// A group of which [`Self::writing`] was told is on the disk.
    pub(super) fn written(&self) {
        self.state().unwritten -= 1;
        self.filled.notify_one();
    }

    /// Waits until all groups of which [`Self::writing`] was told are on the disk. False where
    /// they never will be.
    pub(super) fn all_written(&self) -> bool {
        let mut state = self.state();
        while state.unwritten > 0 && !state.fenced {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.fenced
    }

    /// Takes nothing more in; what waits may still be taken out.
    pub(super) fn close(&self) {
        self.end(AppendError::Closed);
    }

    /// Takes nothing more in, and forgets what waits: its appenders learn that the journal is
    /// fenced.
    pub(super) fn fence(&self) {
        self.end(AppendError::Fenced);
        let mut state = self.state();
        state.fenced = true;
        let lanes = std::mem::replace(&mut state.lanes, [(); 3].map(|()| VecDeque::new()));
        drop(state);
        drop(lanes);
        self.filled.notify_one();
    }

    fn end(&self, error: AppendError) {
        self.state().ended.get_or_insert(error);
        self.places.iter().for_each(|places| places.close());
        self.filled.notify_one();
    }
}
