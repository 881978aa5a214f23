//! What stands at an address, over HTTPS: a file that another system of the ministry serves.

mod answer;
mod client;
#[cfg(test)]
mod tests;
mod validators;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::{Method, Response, StatusCode};
use tokio::task::spawn_blocking;

use self::{answer::ending, client::Asking, validators::Validators};
use super::{Asked, Place, Pulled, landing::Landing};
use crate::{config::Source, node::Node, output::Failure};

/// Attempts after the first, where the server is away or in trouble.
const AGAIN: usize = 3;

/// Asks an address, and writes what it gives to `place`; none where that is what it gave before,
/// which is asked where `is_known` says so.
///
/// # Errors
/// When the server is away, refuses, or gives nothing, or the disk refuses.
pub(super) async fn pull(
    node: &Node,
    source: &Source,
    asked: &Asked,
    place: &Place,
    is_known: bool,
) -> Result<Option<Pulled>, Failure> {
    let asking = client::asking(node, source, asked).await?;
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(source_wait(source)))
        .with_max_times(AGAIN)
        .with_jitter();
    let attempt = || once(node, source, &asking, place, is_known);
    attempt.retry(delays).when(|failure| matches!(failure, Failure::Unreachable(_))).await
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(anyhow::Error::from)?
}

/// Seconds before the second attempt.
fn source_wait(source: &Source) -> u64 {
    source.http.as_ref().map_or(1, |http| http.retry_seconds)
}

async fn once(
    node: &Node,
    source: &Source,
    asking: &Asking,
    place: &Place,
    is_known: bool,
) -> Result<Option<Pulled>, Failure> {
    let (home, name, url) = (node.home.clone(), source.name.clone(), asking.url.to_string());
    let before = match is_known {
        true => on_disk(move || Validators::of(&home, &name, &url)).await?,
        false => Validators::default(),
    };
    let request = before.asked_with(asking.request(Method::GET));
    let response = request.send().await.map_err(|error| asking.away(error))?;
    if response.status() == StatusCode::NOT_MODIFIED && before.are_any() {
        return Ok(None);
    }
    let mut response = asking.accepted(response)?;
    let ending = ending(asking.format.as_deref(), &response)?;
    let validators = Validators::in_answer(asking.url.as_str(), &response);
    let mut landing = Landing::at(place.clone().with(ending));
    match body(asking, &mut response, &mut landing).await {
        Ok(()) => {
            let (file, bytes) = landing.finish().await?;
            // After the file has landed: what is asked twice does no harm, what is missed does.
            if is_known {
                let (home, name) = (node.home.clone(), source.name.clone());
                on_disk(move || validators.keep(&home, &name)).await?;
            }
            Ok(Some(Pulled { file, bytes, rows: None }))
        }
        Err(failure) => {
            landing.abandon().await;
            Err(failure)
        }
    }
}

async fn body(
    asking: &Asking,
    response: &mut Response,
    landing: &mut Landing,
) -> Result<(), Failure> {
    let mut is_empty = true;
    while let Some(piece) = response.chunk().await.map_err(|error| asking.away(error))? {
        is_empty &= piece.is_empty();
        landing.put(piece.into()).await?;
    }
    match is_empty {
        false => Ok(()),
        true => Err(Failure::Wrong(format!(
            "{} gives nothing: the answer is empty\nnext: see whether the figures of that period \
             are there yet",
            asking.server
        ))),
    }
}

/// Is the server there, and does it know the node?
///
/// # Errors
/// When it is away, or refuses.
pub(super) async fn probe(node: &Node, source: &Source, asked: &Asked) -> Result<(), Failure> {
    let asking = client::asking(node, source, asked).await?;
    let request = asking.request(Method::HEAD);
    let response = request.send().await.map_err(|error| asking.away(error))?;
    match response.status() {
        // It does not answer to HEAD; that it is there is all that can be told.
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(()),
        _ => asking.accepted(response).map(drop),
    }
}
