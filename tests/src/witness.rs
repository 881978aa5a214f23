//! A witness that attends with a node's key and certificate, but without the node: honest, or
//! lying in one of several ways.

use std::{
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use birge_proto::{
    clock::{Clock, SystemClock},
    envelope::SigningKey,
    identity::Identity,
    problem::Problem,
    tlog::{
        checkpoint::Checkpoint,
        cosignature::{CosignatureVerifier, Cosigner},
        note::NoteVerifier,
        witness::{AddCheckpoint, consider},
    },
    wire::{Holding, WitnessAnswer, WitnessMessage, WitnessQuestion, witness_message::Part},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{client, client::Client, exchange::Exchange, node::Node};

/// How a witness answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As the specification says.
    Honest,
    /// With bytes that are no line, to questions that nobody asked, too.
    Garbage,
    /// With a cosignature by a key that nobody enrolled, under its own key's name.
    Stranger,
    /// With its cosignature of another checkpoint.
    Another,
    /// Not at all.
    Silent,
}

/// A witness that attends.
#[derive(Debug)]
pub struct Attending {
    task: JoinHandle<Problem>,
    held: Held,
}

type Held = Arc<Mutex<Vec<u8>>>;

/// What it answers from.
struct Desk {
    manner: Manner,
    cosigner: Cosigner,
    log: NoteVerifier,
    held: Held,
}

impl Attending {
    /// Attends as `node`, showing `held` (a signed note, empty for none) first.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn begin(
        exchange: &Exchange,
        node: &Node,
        manner: Manner,
        held: Vec<u8>,
    ) -> Result<Self, Problem> {
        let desk = Desk::of(node, manner, held).map_err(unread)?;
        let key = desk.cosigner.verifier().vkey().to_string();
        Self::showing(exchange, node, key, desk).await
    }

    /// Attends as `node` with the key of `other`.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn with_key_of(
        exchange: &Exchange,
        node: &Node,
        other: &Node,
    ) -> Result<Self, Problem> {
        let desk = Desk::of(node, Manner::Honest, vec![]).map_err(unread)?;
        Self::showing(exchange, node, vkey(other).map_err(unread)?, desk).await
    }

    async fn showing(
        exchange: &Exchange,
        node: &Node,
        key: String,
        desk: Desk,
    ) -> Result<Self, Problem> {
        let client = Client::of(node, exchange.address()).await.map_err(unread)?;
        let (messages, receiver) = mpsc::channel(8);
        let held = Arc::clone(&desk.held);
        let holding = Holding { key, checkpoint: desk.held().clone() };
        let first = WitnessMessage { part: Some(Part::Holding(holding)) };
        messages.send(first).await.map_err(|error| unread(error.into()))?;
        let questions = client.witness().attend(ReceiverStream::new(receiver)).await;
        let mut questions = questions.map_err(|status| Problem::from_status(&status))?.into_inner();
        let task = tokio::spawn(async move {
            loop {
                let question = match questions.message().await {
                    Ok(Some(question)) => question,
                    Ok(None) => return unread(anyhow::anyhow!("the gateway closed the stream")),
                    Err(status) => return Problem::from_status(&status),
                };
                for answer in desk.answers(question) {
                    let message = WitnessMessage { part: Some(Part::Answer(answer)) };
                    if let Err(error) = messages.send(message).await {
                        return unread(error.into());
                    }
                }
            }
        });
        Ok(Self { task, held })
    }

    /// Waits for a gateway that asks over HTTP (C2SP tlog-witness), with its address.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn listen(node: &Node, manner: Manner) -> Result<(Self, String)> {
        Self::listen_at("127.0.0.1:0", node, manner).await
    }

    /// As [`Self::listen`], at this address.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub async fn listen_at(address: &str, node: &Node, manner: Manner) -> Result<(Self, String)> {
        let desk = Arc::new(Desk::of(node, manner, vec![])?);
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let held = Arc::clone(&desk.held);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new(); // end with it
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(connections.spawn(serve(Arc::clone(&desk), stream))),
                    Err(error) => return unread(error.into()),
                }
            }
        });
        Ok((Self { task, held }, url))
    }

    /// The largest checkpoint that it cosigned, as a signed note.
    #[must_use]
    pub fn held(&self) -> Vec<u8> {
        locked(&self.held).clone()
    }

    /// Leaves.
    pub fn leave(self) -> Vec<u8> {
        self.task.abort();
        self.held()
    }

    /// Waits until the gateway ends it, and says why it did.
    ///
    /// # Errors
    /// When the task panicked.
    pub async fn ended(self) -> Result<Problem> {
        Ok(self.task.await?)
    }
}

impl Desk {
    fn of(node: &Node, manner: Manner, held: Vec<u8>) -> Result<Self> {
        let key = vkey(node)?;
        let name = key.split('+').next().context("a key without a name")?;
        let enrolled: Value = serde_json::from_slice(&fs::read(node.enrolled())?)?;
        let log = enrolled["logKey"].as_str().context("no key of the log")?;
        Ok(Self {
            manner,
            cosigner: Cosigner::new(name, client::witness_key(node)?)?,
            log: NoteVerifier::from_vkey(log)?,
            held: Arc::new(Mutex::new(held)),
        })
    }

    fn held(&self) -> MutexGuard<'_, Vec<u8>> {
        locked(&self.held)
    }

    /// The answers to a question: one, none, or more than were asked for.
    fn answers(&self, question: WitnessQuestion) -> Vec<WitnessAnswer> {
        let WitnessQuestion { id, add_checkpoint } = question;
        let answer = |id, status, body: Vec<u8>| WitnessAnswer { id, status, body };
        match self.manner {
            Manner::Silent => vec![],
            Manner::Garbage => vec![
                answer(id + 7, 200, b"nobody asked".to_vec()),
                answer(id, 200, [&[0xff; 9][..], b"\n\xe2\x80\x94 x y\n"].concat()),
            ],
            manner => match self.consider(manner, &add_checkpoint) {
                Ok(body) => vec![answer(id, 200, body)],
                Err((status, body)) => vec![answer(id, u32::from(status), body)],
            },
        }
    }

    fn consider(&self, manner: Manner, body: &[u8]) -> Result<Vec<u8>, (u16, Vec<u8>)> {
        let refused = |refusal: birge_proto::tlog::witness::Refusal| {
            (refusal.status(), refusal.to_string().into_bytes())
        };
        let failed = |error: anyhow::Error| (500, error.to_string().into_bytes());
        let mut held = self.held();
        let log = std::slice::from_ref(&self.log);
        let before = Checkpoint::open(&held, &self.log, self.log.vkey().name()).ok();
        let request = AddCheckpoint::parse(body).map_err(refused)?;
        let accepted = consider(&request, log, before.as_ref()).map_err(refused)?;
        held.clone_from(&accepted.note);
        let (now, checkpoint) = (SystemClock.now(), &accepted.checkpoint);
        let signed = match manner {
            Manner::Stranger => {
                let key = SigningKey::generate().map_err(|error| failed(error.into()))?;
                let name = self.cosigner.verifier().vkey().name().to_owned();
                let stranger = Cosigner::new(&name, key).map_err(|error| failed(error.into()))?;
                stranger.cosign(checkpoint, now)
            }
            Manner::Another => {
                let other = Checkpoint::new(checkpoint.origin(), checkpoint.size(), [7; 32]);
                let other = other.map_err(|error| failed(error.into()))?;
                self.cosigner.cosign(&other, now)
            }
            _ => accepted.cosign(&self.cosigner, now),
        };
        signed.map_err(|error| failed(error.into()))
    }
}

/// Answers the requests of one connection, until it is closed.
async fn serve(desk: Arc<Desk>, stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            head += &line;
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let answer = if head.starts_with("POST /add-checkpoint ") {
            let question = WitnessQuestion { id: 0, add_checkpoint: body };
            desk.answers(question).into_iter().find(|answer| answer.id == 0)
        } else if head.starts_with("GET /checkpoint ") {
            Some(WitnessAnswer { id: 0, status: 200, body: desk.held().clone() })
        } else {
            Some(WitnessAnswer { id: 0, status: 404, body: vec![] })
        };
        let Some(WitnessAnswer { status, body, .. }) = answer else { continue };
        let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    }
}

/// The key with which a node is to witness, as it handed it in.
///
/// # Errors
/// When its enrolment cannot be read.
pub fn vkey(node: &Node) -> Result<String> {
    let enrolment: Value = serde_json::from_slice(&fs::read(node.enrolment())?)?;
    Ok(enrolment["witnessKey"].as_str().context("no key to witness with")?.to_owned())
}

/// Who a node is, and the key that checks what it cosigns.
///
/// # Errors
/// When its enrolment cannot be read.
pub fn verifier(node: &Node) -> Result<(Identity, CosignatureVerifier)> {
    Ok((node.identity().parse()?, CosignatureVerifier::from_vkey(&vkey(node)?)?))
}

fn locked(held: &Held) -> MutexGuard<'_, Vec<u8>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unread(error: anyhow::Error) -> Problem {
    Problem::new(birge_proto::problem::Kind::Unavailable, format!("{error:#}"))
}
