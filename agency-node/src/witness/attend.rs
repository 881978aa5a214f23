//! The witness answers over the stream that the node itself opens: firewalls let nothing in.

use std::sync::Arc;

use birge_proto::{
    tlog::witness::Refusal,
    wire::{Holding, WitnessAnswer, WitnessMessage, witness_message::Part},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, info, warn};

use super::{
    Witness,
    answer::{Answer, Asker},
};
use crate::{
    connect::{self, Link},
    node::Node,
    output::Failure,
    watch,
};

/// Attends for ever; waits longer and longer while the gateway is away.
pub(super) async fn attend(witness: Arc<Witness>, link: Link, node: &Node) {
    let mut delays = watch::delays(&node.config.retry);
    let mut told = String::new();
    loop {
        let mut answered = false;
        let why = match once(&witness, &link, &mut answered).await {
            Ok(()) => String::from("the gateway ended the stream"),
            Err(failure) => failure.reply().aside,
        };
        if answered {
            delays = watch::delays(&node.config.retry);
            told.clear();
        }
        let delay = delays.next().unwrap_or_default();
        let text = format!("not witnessing at the moment: {why}");
        if text == told {
            debug!("{text}");
        } else {
            warn!("{text}\ntried again, after {} s at first", delay.as_secs());
            told = text;
        }
        tokio::time::sleep(delay).await;
    }
}

/// Attends until the stream ends.
async fn once(witness: &Arc<Witness>, link: &Link, answered: &mut bool) -> Result<(), Failure> {
    let holding = Holding {
        key: witness.cosigner.verifier().vkey().to_string(),
        checkpoint: witness.memory.largest()?.map(|(note, _)| note).unwrap_or_default(),
    };
    let (messages, stream) = mpsc::channel(4);
    let first = WitnessMessage { part: Some(Part::Holding(holding)) };
    messages.send(first).await.map_err(anyhow::Error::from)?;
    let attended = link.witness().attend(ReceiverStream::new(stream)).await;
    let mut questions = attended.map_err(|status| connect::problem(&status))?.into_inner();
    let policy = witness.memory.policy()?;
    info!("witnessing the log {}", policy.logs().first().map_or("", |key| key.vkey().name()));
    while let Some(question) = questions.message().await.map_err(|s| connect::problem(&s))? {
        let mut answer = decide(witness, question.add_checkpoint.clone()).await?;
        if [Refusal::Unsigned, Refusal::UnknownLog].map(Refusal::status).contains(&answer.status) {
            // The log's key may have been replaced, or the log, since the node last asked.
            match witness.memory.learn(link).await {
                Ok(_) => answer = decide(witness, question.add_checkpoint).await?,
                Err(failure) => warn!("the log's keys cannot be told: {}", failure.reply().aside),
            }
        }
        let Answer { status, body, .. } = answer;
        *answered = true;
        let answer = WitnessAnswer { id: question.id, status: status.into(), body };
        let message = WitnessMessage { part: Some(Part::Answer(answer)) };
        if messages.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn decide(witness: &Arc<Witness>, request: Vec<u8>) -> Result<Answer, Failure> {
    let witness = Arc::clone(witness);
    let answer = tokio::task::spawn_blocking(move || witness.answer(&request, Asker::Gateway));
    Ok(answer.await.map_err(anyhow::Error::from)?)
}
