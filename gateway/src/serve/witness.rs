//! The witness service: a node opens a stream and is asked over it.

use std::{sync::Arc, time::Duration};

use birge_proto::{
    identity::{Identity, Role},
    problem::{Kind, Problem},
    tlog::cosignature::CosignatureVerifier,
    wire::{
        Holding, WitnessAnswer, WitnessMessage, WitnessQuestion, witness_message::Part,
        witness_server::Witness,
    },
};
use tokio::{
    sync::mpsc,
    time::{interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{gate::Gate, tls::Peer};
use crate::witness::{Answer, Assembly, Link, Pursuit};

const ATTEND: &str = "witness/attend";
/// How long the first message may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether the witness is still enrolled.
const GLANCE: Duration = Duration::from_millis(500);
/// Bytes of the largest message that a witness sends.
pub(super) const MESSAGE_BYTES: usize = 64 << 10;
/// Answers to no question that one stream may give before it is closed.
const JUNK: usize = 100;

/// The service.
pub(super) struct WitnessService {
    pub(super) gate: Arc<Gate>,
    pub(super) assembly: Assembly,
    pub(super) stop: CancellationToken,
}

#[async_trait]
impl Witness for WitnessService {
    type AttendStream = ReceiverStream<Result<WitnessQuestion, Status>>;

    async fn attend(
        &self,
        request: Request<Streaming<WitnessMessage>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let roles = &[Role::Agency, Role::Auditor];
        let witness = self.gate.admit(&request, ATTEND, roles).await?;
        let peer = request.extensions().get::<Peer>().cloned();
        let mut messages = request.into_inner();
        let holding = timeout(PATIENCE, messages.message()).await;
        let outcome = match (holding, peer) {
            (Ok(Ok(Some(WitnessMessage { part: Some(Part::Holding(holding)) }))), Some(peer)) => {
                self.admit(&witness, holding).await.map(|(key, held)| (key, held, peer))
            }
            _ => {
                let detail = "the stream does not begin with what the witness holds";
                Err(Problem::new(Kind::Malformed, detail))
            }
        };
        let outcome = outcome.map(|(key, held, peer)| {
            let (questions, receiver) = mpsc::channel(1);
            let stream = Attending {
                messages,
                questions: questions.clone(),
                gate: Arc::clone(&self.gate),
                peer,
                stop: self.stop.clone(),
                asked: 0,
                junk: 0,
            };
            let pursuit = Pursuit::of_present(self.assembly.clone(), witness.clone(), key, held);
            tokio::spawn(attend(witness.clone(), pursuit, stream, questions));
            ReceiverStream::new(receiver)
        });
        self.gate.answer(ATTEND, &witness, outcome).await
    }
}

impl WitnessService {
    /// The key with which the witness is enrolled, and the size of what it holds.
    async fn admit(
        &self,
        witness: &Identity,
        holding: Holding,
    ) -> Result<(CosignatureVerifier, u64), Problem> {
        let Holding { key, checkpoint } = holding;
        let enrolled = self.assembly.roster()?.key(witness).cloned();
        let Some(enrolled) = enrolled.filter(|enrolled| enrolled.vkey().to_string() == key) else {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(400).collect();
            let detail = format!("{witness} is not enrolled to witness with the key {shown:?}");
            let problem = Problem::new(Kind::BadSignature, detail);
            return Err(problem.hint("have the operator revoke and enrol this node again"));
        };
        let held = self.assembly.examine(witness, checkpoint).await?;
        Ok((enrolled, held))
    }
}

/// Asks until the witness is lost, and tells it why, where it still listens.
async fn attend(
    witness: Identity,
    pursuit: Pursuit,
    mut stream: Attending,
    questions: mpsc::Sender<Result<WitnessQuestion, Status>>,
) {
    tracing::info!(%witness, "a witness attends");
    let lost = pursuit.run(&mut stream).await;
    tracing::info!(%witness, %lost, "a witness attends no longer");
    let _ = questions.try_send(Err(lost.into())); // gone, or it has a question before it
}

/// The stream that a node opened.
struct Attending {
    messages: Streaming<WitnessMessage>,
    questions: mpsc::Sender<Result<WitnessQuestion, Status>>,
    gate: Arc<Gate>,
    peer: Peer,
    stop: CancellationToken,
    /// Number of the last question.
    asked: u64,
    junk: usize,
}

impl Attending {
    /// The next answer; an error when there will be none.
    async fn answer(&mut self) -> Result<WitnessAnswer, Problem> {
        let gone = |detail: &str| Problem::new(Kind::Unavailable, detail);
        let mut glances = interval(GLANCE);
        loop {
            let message = tokio::select! {
                message = self.messages.message() => message,
                () = self.stop.cancelled() => return Err(gone("the gateway stops")),
                _ = glances.tick() => {
                    if self.gate.counts(&self.peer) {
                        continue;
                    }
                    let detail = format!("{} was revoked", self.peer.identity);
                    return Err(Problem::new(Kind::NotEnrolled, detail));
                }
            };
            match message {
                Ok(Some(WitnessMessage { part: Some(Part::Answer(answer)) })) => return Ok(answer),
                Ok(Some(_)) => self.put_up_with()?,
                Ok(None) => return Err(gone("the witness has closed its stream")),
                Err(status) => return Err(gone(status.message())),
            }
        }
    }

    /// Something came that was not asked for.
    fn put_up_with(&mut self) -> Result<(), Problem> {
        self.junk += 1;
        tracing::warn!(witness = %self.peer.identity, "an answer to no question");
        if self.junk < JUNK {
            return Ok(());
        }
        Err(Problem::new(Kind::Malformed, format!("{JUNK} answers to no question")))
    }
}

impl Link for Attending {
    async fn ask(&mut self, body: Vec<u8>) -> Result<Answer, Problem> {
        self.asked += 1;
        let question = WitnessQuestion { id: self.asked, add_checkpoint: body };
        let gone = |_| Problem::new(Kind::Unavailable, "the witness has closed its stream");
        self.questions.send(Ok(question)).await.map_err(gone)?;
        loop {
            let WitnessAnswer { id, status, body } = self.answer().await?;
            if id == self.asked {
                return Ok(Answer { status: u16::try_from(status).unwrap_or_default(), body });
            }
            self.put_up_with()?;
        }
    }

    async fn lost(&mut self) -> Problem {
        loop {
            let put_up = match self.answer().await {
                Ok(_) => self.put_up_with(),
                Err(lost) => return lost,
            };
            if let Err(lost) = put_up {
                return lost;
            }
        }
    }
}
