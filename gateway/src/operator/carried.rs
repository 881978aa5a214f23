//! `gateway import`: batches that were carried here are handed in, and their answers kept to be
//! carried back. What is told here names batches and problems, and no figure: the answers' reports
//! are for the agencies alone.

use std::{
    fs::{self, File},
    io::{BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use birge_proto::{
    carried::{self, Answer, Answers, Place, read_frame},
    limits::MESSAGE_BYTES,
    manifest::BatchId,
    problem::{Kind, Problem},
    wire::{Outcome, SubmitRequest, SubmitResponse, submit_request::Part},
};
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{ActError, client};
use crate::{config::Config, whole_file};

/// Parts that are read ahead.
const READ_AHEAD: usize = 2;

/// Hands in the batches of `file` in their order, and writes the answers to `out`. What each became
/// is told as it is known: the batch, and its outcome or the code of its refusal.
///
/// # Errors
/// When there is such an `out` already, or the file is not whole: then nothing is handed in. When the
/// file can no longer be read, or the gateway cannot take a batch now: then none after it is handed
/// in, for it may build on it; what was answered until then is in `out`, and handing the same file
/// in again does no harm.
pub async fn import(
    config: &Config,
    file: &Path,
    out: &Path,
    mut tell: impl FnMut(&Place, &Result<SubmitResponse, Problem>),
) -> Result<Vec<Answer>, ActError> {
    let shown = file.display().to_string();
    if out.exists() {
        let there = format!(
            "{} is there already, and its answers may not have been carried back yet\nnext: name \
             another file; nothing was handed in",
            out.display()
        );
        return Err(anyhow!(there).into());
    }
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
        let (parts, mut failed) = parts(file.to_owned(), place);
        let answer = match client.import(parts).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(Problem::from_status(&status)),
        };
        // What the gateway says of a batch that could not be read to its end is not of the batch.
        if let Ok(error) = failed.try_recv() {
            let next = so_far(out, &answers)?;
            return Err(anyhow!("{shown} can no longer be read: {error:#}\nnext: {next}").into());
        }
        if let Some(problem) = answer.as_ref().err().filter(|problem| later(problem.kind)) {
            let next = so_far(out, &answers)?;
            return Err(problem.clone().hint(next).into());
        }
        tell(&place, &answer);
        answers.push(Answer::new(place.batch, &answer));
    }
    write(out, &answers)?;
    Ok(answers)
}

/// Is it the gateway that cannot take the batch now, and may take it later?
fn later(kind: Kind) -> bool {
    kind.retryable() || matches!(kind, Kind::Internal | Kind::Fenced | Kind::Frozen | Kind::Damaged)
}

/// The parts of one batch, read as they are sent; and why reading failed, where it did: that is
/// known before the stream ends, without its end.
fn parts(
    file: PathBuf,
    place: Place,
) -> (ReceiverStream<SubmitRequest>, oneshot::Receiver<anyhow::Error>) {
    let (sender, parts) = mpsc::channel(READ_AHEAD);
    let (fail, failed) = oneshot::channel();
    spawn_blocking(move || {
        if let Err(error) = send(&sender, &file, place) {
            let _ = fail.send(error); // nobody waits for it: the answer is there
        }
    });
    (ReceiverStream::new(parts), failed)
}

fn send(sender: &mpsc::Sender<SubmitRequest>, file: &Path, place: Place) -> anyhow::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
    reader.seek(SeekFrom::Start(place.offset))?;
    loop {
        let request = SubmitRequest::decode(read_frame(&mut reader)?.as_slice())?;
        if let Some(Part::Header(header)) = &request.part
            && BatchId::of(&header.manifest) != place.batch
        {
            return Err(anyhow!("it is not the file that was looked at before"));
        }
        let ends = matches!(request.part, Some(Part::End(_)));
        if sender.blocking_send(request).is_err() || ends {
            return Ok(());
        }
    }
}

/// Keeps what was answered before the rest could not be handed in; says what to do next.
fn so_far(out: &Path, answers: &[Answer]) -> Result<String, ActError> {
    if answers.is_empty() {
        fs::remove_file(out).map_err(anyhow::Error::from)?;
        return Ok(
            "no answer is known yet; import the same file again later: it does no harm".into()
        );
    }
    write(out, answers)?;
    Ok(format!(
        "{} has the answers to the first {} batches; import the same file again later, with another \
         --out: it does no harm",
        out.display(),
        answers.len()
    ))
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

#[cfg(test)]
mod tests {
    use birge_proto::{
        carried::Batches,
        wire::{End, SubmitHeader},
    };
    use tokio_stream::StreamExt;

    use super::*;

    fn two_batches() -> Vec<u8> {
        let mut bytes = vec![];
        let mut out = Batches::begin(&mut bytes).unwrap();
        for manifest in [b"one", b"two"] {
            let manifest = manifest.to_vec();
            out.part(Part::Header(SubmitHeader { manifest, ..Default::default() })).unwrap();
            out.part(Part::Block(vec![7; 100].into())).unwrap();
            out.part(Part::End(End {})).unwrap();
        }
        out.end().unwrap();
        bytes
    }

    async fn sent(file: &Path, place: Place) -> (bool, Option<String>) {
        let (mut parts, mut failed) = parts(file.to_owned(), place);
        let mut ends = false;
        while let Some(request) = parts.next().await {
            ends = matches!(request.part, Some(Part::End(_)));
        }
        (ends, failed.try_recv().ok().map(|error| error.to_string()))
    }

    #[tokio::test]
    async fn a_stick_that_is_pulled_out_is_told_from_a_batch_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("batches");
        let bytes = two_batches();
        let places = carried::check(bytes.as_slice()).unwrap();
        std::fs::write(&file, &bytes).unwrap();
        for place in &places {
            assert_eq!(sent(&file, *place).await, (true, None));
        }
        std::fs::write(&file, &bytes[..bytes.len() - 60]).unwrap();
        assert_eq!(sent(&file, places[0]).await, (true, None));
        let (ends, failed) = sent(&file, places[1]).await;
        assert!(!ends && failed.is_some());
        let changed = Place { batch: places[1].batch, ..places[0] };
        let (ends, failed) = sent(&file, changed).await;
        assert!(!ends && failed.unwrap().contains("not the file that was looked at"));
        std::fs::remove_file(&file).unwrap();
        let (ends, failed) = sent(&file, places[0]).await;
        assert!(!ends && failed.is_some());
    }

    #[test]
    fn what_is_over_the_quota_now_is_handed_in_later() {
        for kind in [Kind::OverQuota, Kind::DiskReserved, Kind::Truncated, Kind::Internal] {
            assert!(later(kind), "{kind:?}");
        }
        for kind in [Kind::Stale, Kind::InvalidBatch, Kind::NotEnrolled, Kind::BadSignature] {
            assert!(!later(kind), "{kind:?}");
        }
    }
}
