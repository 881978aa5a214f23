//! `gateway import`: batches that were carried here are handed in, and their answers kept to be
//! carried back. What is told here names batches and problems, and no figure: the answers' reports
//! are for the agencies alone.

use std::{
    fs::File,
    io::{BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use birge_proto::{
    carried::{self, Answer, Answers, Place, read_frame},
    limits::MESSAGE_BYTES,
    problem::{Kind, Problem},
    wire::{Outcome, SubmitRequest, SubmitResponse, submit_request::Part},
};
use prost::Message;
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;

use super::{ActError, client};
use crate::{config::Config, whole_file};

/// Parts that are read ahead.
const READ_AHEAD: usize = 2;

/// Hands in the batches of `file` in their order, and writes the answers to `out`. What each became
/// is told as it is known: the batch, and its outcome or the code of its refusal.
///
/// # Errors
/// When the file is not whole, or the gateway cannot be reached or takes nothing now: what was
/// answered until then is in `out`, and handing the same file in again does no harm.
pub async fn import(
    config: &Config,
    file: &Path,
    out: &Path,
    mut tell: impl FnMut(&Place, &Result<SubmitResponse, Problem>),
) -> Result<Vec<Answer>, ActError> {
    let shown = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    let places = spawn_blocking(move || carried::check(BufReader::with_capacity(1 << 18, opened)));
    let places = places.await.map_err(anyhow::Error::from)?;
    let places = places.map_err(|error| {
        anyhow!(
            "{shown}: {error}\nnext: copy it again from where it was written; nothing was handed in"
        )
    })?;
    let mut client = client(config).await?.max_decoding_message_size(MESSAGE_BYTES);
    let mut answers = vec![];
    // Before anything is handed in whose answer could not be kept.
    write(out, &answers)?;
    for place in places {
        let answer = match client.import(parts(file.to_owned(), place)).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(Problem::from_status(&status)),
        };
        // What comes after a batch that may be tried again may revise it.
        let ours = [Kind::Internal, Kind::Fenced, Kind::Damaged];
        let open = |it: &&Problem| it.kind.retryable() || ours.contains(&it.kind);
        let away = answer.as_ref().err().filter(open);
        if let Some(problem) = away {
            write(out, &answers)?;
            return Err(problem.clone().into());
        }
        tell(&place, &answer);
        answers.push(Answer::new(place.batch, &answer));
    }
    write(out, &answers)?;
    Ok(answers)
}

/// The parts of one batch, read as they are sent.
fn parts(file: PathBuf, place: Place) -> ReceiverStream<SubmitRequest> {
    let (sender, parts) = mpsc::channel(READ_AHEAD);
    // Where reading fails the stream ends without its end, and the gateway refuses it.
    spawn_blocking(move || -> anyhow::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
        reader.seek(SeekFrom::Start(place.offset))?;
        loop {
            let request = SubmitRequest::decode(read_frame(&mut reader)?.as_slice())?;
            let ends = matches!(request.part, Some(Part::End(_)));
            if sender.blocking_send(request).is_err() || ends {
                return Ok(());
            }
        }
    });
    ReceiverStream::new(parts)
}

fn write(out: &Path, answers: &[Answer]) -> Result<(), ActError> {
    let answers = Answers::new(answers.to_vec());
    let bytes = serde_json::to_vec_pretty(&answers).map_err(anyhow::Error::from)?;
    let written = whole_file::replace(out, &bytes);
    Ok(written.with_context(|| format!("cannot write {}", out.display()))?)
}

/// What became of a batch, in a word.
#[must_use]
pub fn word(answer: &Result<SubmitResponse, Problem>) -> &'static str {
    match answer {
        Ok(answer) if answer.outcome() == Outcome::Error => Kind::InvalidBatch.code(),
        Ok(_) => "accepted",
        Err(problem) => problem.kind.code(),
    }
}
