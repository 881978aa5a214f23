//! Witnesses: whoever keeps the gateway from rewriting history asks each checkpoint whether it
//! continues the last one, and cosigns it (decree, article 9(2)). The gateway gathers these
//! cosignatures, shows how far they reach, and, when it starts, writes nothing before enough
//! witnesses have said what they hold.
//!
//! | module | holds |
//! |---|---|
//! | `roster` | who witnesses, by the decree in force and the keys that are enrolled |
//! | `attendance` | who is there now, and who has said what it holds |
//! | `pursuit` | how one witness is asked, again and again, for the newest checkpoint |
//! | `http` | asking those who can be reached from outside |
//! | `gather` | checkpoints are settled with what came in time |
//! | `grade` | when the quorum is lost, and when it is back |
//! | `standing` | whether the gateway may write |
//!
//! Nobody is waited for longer than a limit, and an outage never stops the exchange. Source:
//! C2SP tlog-witness, tlog-cosignature.

mod attendance;
mod gather;
mod grade;
mod http;
mod pursuit;
mod roster;
mod standing;

use std::{sync::Arc, time::Duration};

use birge_proto::{
    clock::SharedClock,
    identity::Identity,
    problem::{Kind, Problem},
    tlog::checkpoint::Checkpoint,
};
use tokio::{sync::mpsc, task::spawn_blocking};

pub use self::{
    attendance::Attendance,
    gather::{Gatherer, WitnessConfig},
    http::HttpWitness,
    pursuit::{Answer, Link, Pursuit},
    roster::Roster,
    standing::Standing,
};
use crate::{
    catalog::Catalog,
    ledger::{Contradiction, Ledger},
};

/// After how long a witness that did not cosign is asked again.
const AGAIN: Duration = Duration::from_secs(3);

/// What a witness came to on a checkpoint.
struct Said {
    identity: Identity,
    checkpoint: Checkpoint,
    /// Its cosignature as a line, verified with its own key; none where it gave none.
    line: Option<Vec<u8>>,
}

/// What all who ask witnesses share.
#[derive(Clone)]
pub struct Assembly {
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
    clock: SharedClock,
    attendance: Arc<Attendance>,
    said: mpsc::Sender<Said>,
    alarm: mpsc::Sender<Contradiction>,
}

impl Assembly {
    /// Who witnesses now.
    ///
    /// # Errors
    /// When no decree is in force.
    pub fn roster(&self) -> Result<Roster, Problem> {
        Roster::now(&self.catalog, &self.clock, self.ledger.keys())
    }

    /// Who is there.
    #[must_use]
    pub fn attendance(&self) -> &Arc<Attendance> {
        &self.attendance
    }

    /// Examines what a witness shows as the largest checkpoint that it holds; answers with its
    /// size, 0 for none. What contradicts the log fences the gateway.
    ///
    /// # Errors
    /// `BAD_SIGNATURE` for what this log did not sign, `FENCED` for what contradicts it.
    pub async fn examine(&self, witness: &Identity, note: Vec<u8>) -> Result<u64, Problem> {
        if note.is_empty() {
            return Ok(0);
        }
        let Some(held) = self.ledger.recognise(&note) else {
            let detail = format!("what {witness} holds is no checkpoint that this log signed");
            return Err(Problem::new(Kind::BadSignature, detail));
        };
        let (ledger, alarm) = (Arc::clone(&self.ledger), self.alarm.clone());
        let (size, shown_by) = (held.size(), witness.clone());
        // To its end, whatever becomes of the asker: the alarm is not to be lost.
        let found = spawn_blocking(move || {
            let found = ledger.contradiction(&held);
            if let Ok(Some(contradiction)) = found {
                tracing::error!(witness = %shown_by, %contradiction, "the gateway must end");
                // Full only where the alarm was raised already.
                let _ = alarm.try_send(contradiction);
            }
            found
        });
        let unread = |_| Problem::new(Kind::Internal, "the ledger could not be read");
        match found.await.map_err(unread)?? {
            None => Ok(size),
            Some(contradiction) => Err(Problem::new(Kind::Fenced, contradiction.to_string())),
        }
    }
}
