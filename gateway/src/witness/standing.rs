//! Whether the gateway may write. When it starts, it may run on an old copy of its data: what
//! it wrote then would be a second history. So it signs nothing and records nothing before so
//! many participants' witnesses have said what they hold that one of them, at least, is honest
//! and signed the last checkpoint that counts as witnessed.

use std::sync::Arc;

use birge_proto::{
    identity::Identity,
    problem::{Kind, Problem},
    record::Event,
};
use tokio::sync::watch;

use super::Assembly;
use crate::{journal::Class, ledger::Ledger, recorder::Recorder, sequence::Draft};

/// Why nothing is recorded, as long as it is not.
#[derive(Debug)]
pub struct Standing(watch::Sender<Option<Problem>>);

impl Standing {
    /// At a start: not known yet.
    #[must_use]
    pub fn unknown() -> Self {
        let detail = "the gateway has started, and too few witnesses have said what they hold";
        let problem = Problem::new(Kind::Unwitnessed, detail)
            .hint("try again later: nothing is taken, and only the log is read, until they do");
        Self(watch::Sender::new(Some(problem)))
    }

    /// For the recorder.
    #[must_use]
    pub fn barred(&self) -> watch::Receiver<Option<Problem>> {
        self.0.subscribe()
    }

    /// How many participants must still say what they hold.
    #[must_use]
    pub fn awaited(assembly: &Assembly) -> usize {
        let Ok(roster) = assembly.roster() else { return 0 }; // no decree: nothing is permitted
        let answered = assembly.attendance.answered(|identity| roster.participates(identity));
        roster.needed_at_start().saturating_sub(answered)
    }

    /// The enrolled participants that have not said what they hold.
    #[must_use]
    pub fn silent(assembly: &Assembly) -> Vec<Identity> {
        let Ok(roster) = assembly.roster() else { return vec![] };
        let enrolled = roster.counted().map(|(identity, _)| identity);
        let silent = |identity: &&Identity| {
            roster.participates(identity) && !assembly.attendance.has_said(identity)
        };
        enrolled.filter(silent).cloned().collect()
    }

    /// Waits until enough have said it; then has the ledger sign and the recorder record.
    ///
    /// # Errors
    /// When no checkpoint can be signed.
    pub async fn reach(self, assembly: Assembly, ledger: Arc<Ledger>) -> Result<(), Arc<str>> {
        let mut changes = assembly.attendance.changes();
        while Self::awaited(&assembly) > 0 {
            changes.next().await;
        }
        ledger.begin().await?;
        self.0.send_replace(None);
        tracing::info!("enough witnesses have said what they hold: the gateway writes");
        Ok(())
    }

    /// Writes at once, whoever has said what, and records that.
    ///
    /// # Errors
    /// When no checkpoint can be signed.
    pub async fn override_by_operator(
        self,
        assembly: &Assembly,
        ledger: &Ledger,
        recorder: &Recorder,
    ) -> Result<(), Arc<str>> {
        let awaited = Self::awaited(assembly) as u64;
        self.0.send_replace(None);
        if awaited > 0 {
            let needed = assembly.roster().map_or(0, |roster| roster.needed_at_start()) as u64;
            let answered = needed.saturating_sub(awaited);
            tracing::error!(answered, needed, "the operator has the gateway write unwitnessed");
            // On the disk before anything is signed.
            let event = Event::StartedUnwitnessed { answered, needed };
            let draft = Draft::of(Identity::gateway(), event);
            match recorder.record(Class::Administration, draft).await {
                Err(problem) if problem.kind != Kind::Frozen => {
                    return Err(format!("an unwitnessed start must be recorded: {problem}").into());
                }
                _ => {}
            }
        }
        ledger.begin().await?;
        Ok(())
    }
}
