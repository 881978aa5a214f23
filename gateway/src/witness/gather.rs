//! Checkpoints are settled with the cosignatures that came in time. What comes later is added
//! as long as no newer checkpoint was signed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use birge_proto::{identity::Identity, record::Event, tlog::note::add_signature};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    AGAIN, Assembly, Attendance, HttpWitness, Roster, Said,
    grade::{Grade, Turn},
    http::{self, Reached},
};
use crate::{
    catalog::Catalog,
    journal::Class,
    ledger::{Contradiction, Ledger, Published, Settler},
    recorder::Recorder,
    sequence::Draft,
};

/// How cosignatures are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WitnessConfig {
    /// Milliseconds for which a checkpoint waits for its cosignatures before it is shown.
    pub wait_ms: u64,
}

impl Default for WitnessConfig {
    fn default() -> Self {
        Self { wait_ms: 1_000 }
    }
}

/// The one who settles checkpoints.
pub struct Gatherer {
    assembly: Assembly,
    settler: Settler,
    said: mpsc::Receiver<Said>,
    wait: Duration,
    recorder: Recorder,
    stop: CancellationToken,
    asking: JoinSet<()>,
    grade: Grade,
}

/// One checkpoint while its cosignatures are gathered.
struct Round {
    published: Arc<Published>,
    lines: BTreeMap<Identity, Vec<u8>>,
    /// Who has said what there is to say.
    heard: BTreeSet<Identity>,
    /// What was said of a newer checkpoint already: nobody is asked for it twice.
    ahead: BTreeMap<Identity, Said>,
    deadline: Instant,
    /// What is shown of it; none before it is settled.
    shown: Option<Arc<Published>>,
}

impl Gatherer {
    /// A gatherer over the ledger; the assembly is for those who ask witnesses, the other
    /// channel tells what contradicts the log. When `stop` is called, an absent quorum is no
    /// longer remarkable.
    #[must_use]
    pub fn new(
        config: WitnessConfig,
        catalog: Arc<Catalog>,
        (ledger, settler): (Arc<Ledger>, Settler),
        recorder: Recorder,
        clock: birge_proto::clock::SharedClock,
        stop: CancellationToken,
    ) -> (Self, Assembly, mpsc::Receiver<Contradiction>) {
        let (said, heard) = mpsc::channel(64);
        let (alarm, alarmed) = mpsc::channel(1);
        let grade = Grade::new(catalog.read(|state| state.registry.quorum_lost()));
        let attendance = Arc::new(Attendance::default());
        let assembly = Assembly { catalog, ledger, clock, attendance, said, alarm };
        let gatherer = Self {
            assembly: assembly.clone(),
            settler,
            said: heard,
            wait: Duration::from_millis(config.wait_ms),
            recorder,
            stop,
            asking: JoinSet::new(),
            grade,
        };
        (gatherer, assembly, alarmed)
    }

    /// Asks these witnesses too, who can be reached; their certificates are the `authority`'s.
    ///
    /// # Errors
    /// When a URL is none.
    pub fn reach(&mut self, witnesses: &[HttpWitness], authority: &str) -> Result<()> {
        for HttpWitness { identity, url } in witnesses {
            let link = Reached::new(url, authority)
                .with_context(|| format!("the witness {identity} of the configuration"))?;
            self.asking.spawn(http::attend(self.assembly.clone(), identity.clone(), link));
        }
        Ok(())
    }

    /// Settles checkpoint after checkpoint until no more are signed.
    ///
    /// # Errors
    /// When a settled checkpoint cannot be written.
    pub async fn gather(mut self) -> Result<()> {
        let mut newest = self.settler.newest();
        let mut changes = self.assembly.attendance.changes();
        let mut round = Round::of(newest.borrow_and_update().clone(), self.wait);
        loop {
            loop {
                self.settle(&mut round).await?;
                let settled = round.shown.is_some();
                tokio::select! {
                    Some(said) = self.said.recv() => round.hear(said),
                    () = changes.next() => {}
                    () = sleep_until(round.deadline), if !round.over() => {}
                    () = sleep(AGAIN), if settled && round.over() => self.judge(&round).await,
                    changed = newest.changed(), if settled => match changed {
                        Ok(()) => break,
                        Err(_) => return Ok(()),
                    },
                }
            }
            round = round.next(newest.borrow_and_update().clone(), self.wait);
        }
    }

    /// Shows the round's checkpoint when it is time: as soon as the quorum has signed, all have
    /// said what they have to say, or the limit is over; once more with what came after.
    async fn settle(&mut self, round: &mut Round) -> Result<()> {
        let roster = self.assembly.roster().ok();
        let note = Arc::new(round.cosigned(roster.as_ref()));
        let signed = roster.is_some_and(|roster| witnessed(&roster, &note.note));
        let complete = round.over() || self.assembly.attendance.is_within(&round.heard);
        let first = round.shown.is_none();
        let due = match &round.shown {
            None => complete || signed,
            Some(shown) => complete && *shown != note,
        };
        if due {
            self.settler.settle(Arc::clone(&note)).await?;
            round.shown = Some(note);
            if first || signed {
                self.judge(round).await;
            }
        }
        Ok(())
    }

    /// Tells when the quorum is lost, and when it is back.
    async fn judge(&mut self, round: &Round) {
        let (Some(shown), Ok(roster)) = (&round.shown, self.assembly.roster()) else { return };
        if self.stop.is_cancelled() || self.recorder.barred().is_some() {
            return;
        }
        let size = shown.checkpoint.size();
        let signed = witnessed(&roster, &shown.note);
        let enrolled = roster.policy().asks_for_witnesses();
        let event = match self.grade.round(size, signed, enrolled) {
            None => return,
            Some(Turn::Lost { witnessed }) => {
                let unsigned = roster.counted().filter(|(_, key)| key.verify(&shown.note).is_err());
                let missing = unsigned.map(|(identity, _)| identity.clone()).collect::<Vec<_>>();
                let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
                tracing::error!(
                    size,
                    witnessed,
                    missing = names.join(" "),
                    "the quorum of witnesses is lost: checkpoints are shown as sequenced only"
                );
                Event::WitnessQuorumLost { witnessed, missing }
            }
            Some(Turn::Regained { witnessed }) => {
                tracing::info!(witnessed, "the quorum of witnesses signs again");
                Event::WitnessQuorumRegained { witnessed }
            }
        };
        record(&self.recorder, event).await;
    }
}

impl Round {
    fn of(published: Arc<Published>, wait: Duration) -> Self {
        let (lines, heard, ahead) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { published, lines, heard, ahead, deadline: Instant::now() + wait, shown: None }
    }

    /// The round of a newer checkpoint.
    fn next(self, published: Arc<Published>, wait: Duration) -> Self {
        let mut next = Self::of(published, wait);
        self.ahead.into_values().for_each(|said| next.hear(said));
        next
    }

    fn over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn hear(&mut self, said: Said) {
        if said.checkpoint != self.published.checkpoint {
            if said.checkpoint.size() > self.published.checkpoint.size() {
                self.ahead.insert(said.identity.clone(), said);
            }
            return; // or too late, for an older one
        }
        self.heard.insert(said.identity.clone());
        if let Some(line) = said.line {
            self.lines.insert(said.identity, line);
        }
    }

    /// The note with the cosignatures of those who are still enrolled.
    fn cosigned(&self, roster: Option<&Roster>) -> Published {
        let mut note = self.published.note.clone();
        for (identity, line) in &self.lines {
            let Some(key) = roster.and_then(|roster| roster.key(identity)) else { continue };
            if key.verify(&note).is_err()
                && let Ok(with) = add_signature(&note, line)
                && key.verify(&with).is_ok()
            {
                note = with;
            }
        }
        Published { checkpoint: self.published.checkpoint.clone(), note }
    }
}

fn witnessed(roster: &Roster, note: &[u8]) -> bool {
    roster.policy().judge(note).is_ok_and(|judged| judged.witnessed)
}

/// Has an act of the gateway's own recorded.
pub(super) async fn record(recorder: &Recorder, event: Event) {
    let gateway = Identity::gateway();
    let draft = Draft::of(gateway, event);
    if let Err(problem) = recorder.record(Class::Administration, draft).await {
        tracing::error!(%problem, "what the witnesses came to could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::tlog::checkpoint::Checkpoint;

    use super::*;

    /// A witness that is quicker than the round before is not asked again: what it gave must
    /// stand under the checkpoint that it was given for.
    #[test]
    fn what_is_said_before_its_round_begins_counts_in_it() {
        let published = |size| {
            let checkpoint = Checkpoint::new("birge.example/log", size, [7; 32]).unwrap();
            Arc::new(Published { checkpoint, note: vec![] })
        };
        let say = |published: &Published, line: &[u8]| Said {
            identity: "agency/NSC".parse().unwrap(),
            checkpoint: published.checkpoint.clone(),
            line: Some(line.to_vec()),
        };
        let [first, second, third] = [1, 2, 3].map(published);
        let mut round = Round::of(Arc::clone(&first), Duration::ZERO);
        round.hear(say(&third, b"third"));
        assert!(round.heard.is_empty(), "it has said nothing of the first");
        let mut round = round.next(second, Duration::ZERO);
        round.hear(say(&first, b"first"));
        assert!(round.lines.is_empty(), "too late");
        let round = round.next(third, Duration::ZERO);
        assert_eq!(round.lines.into_values().collect::<Vec<_>>(), [b"third".to_vec()]);
    }
}
