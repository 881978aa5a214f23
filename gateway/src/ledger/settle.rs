//! Checkpoints with the cosignatures that came in time: what is shown to the world.

use std::sync::Arc;

use tokio::{sync::watch, task::spawn_blocking};

use super::{LedgerError, Published, store::Store};

/// Shows checkpoints once their cosignatures are gathered. The ledger goes on showing the last
/// one until this is dropped; then it has stopped.
#[derive(Debug)]
pub struct Settler {
    store: Store,
    newest: watch::Receiver<Arc<Published>>,
    settled: watch::Sender<Arc<Published>>,
}

impl Settler {
    /// What was published last counts as settled at first.
    pub(super) fn new(store: Store, newest: watch::Receiver<Arc<Published>>) -> Self {
        let settled = watch::Sender::new(newest.borrow().clone());
        Self { store, newest, settled }
    }

    /// The last checkpoint that was signed, as it is renewed; closed when no more will be.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Arc<Published>> {
        self.newest.clone()
    }

    /// The last one that is settled, as it is renewed.
    #[must_use]
    pub fn settled(&self) -> watch::Receiver<Arc<Published>> {
        self.settled.subscribe()
    }

    /// Shows `published`, a checkpoint that was signed, with the cosignatures that it now
    /// bears; never one that is smaller than what is shown. Its file is rewritten, unless a
    /// larger checkpoint was signed meanwhile.
    ///
    /// # Errors
    /// When the disk fails. A disk that is full costs only the cosignatures in the file.
    pub async fn settle(&self, published: Arc<Published>) -> Result<(), LedgerError> {
        let size = published.checkpoint.size();
        let shown = self.settled.borrow().clone();
        if size < shown.checkpoint.size() {
            return Ok(());
        }
        if published != shown && published.note != self.newest.borrow().note {
            let (store, note) = (self.store.clone(), published.note.clone());
            let written = spawn_blocking(move || store.publish(size, &note)).await;
            match written {
                Ok(Err(error)) if error.is_full() => {
                    tracing::warn!(%error, "the cosignatures of a checkpoint are not kept");
                }
                Ok(Err(error)) => return Err(error),
                Ok(Ok(())) | Err(_) => {}
            }
        }
        self.settled.send_replace(published);
        Ok(())
    }
}
