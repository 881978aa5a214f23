//! The intake service: translates streams and answers, nothing more.

use std::{sync::Arc, time::Duration};

use birge_proto::{
    identity::{Identity, Role},
    problem::{Kind, Problem},
    wire::{
        HeldRequest, HeldResponse, StatusRequest, StatusResponse, SubmitRequest, SubmitResponse,
        intake_server::Intake, submit_request::Part,
    },
};
use futures::{Stream, StreamExt, stream};
use prost::bytes::Bytes;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::gate::Gate;
use crate::intake::Intake as WritePath;

/// How long the next block may take: on a line of 64 kbit/s that loses packets a large one takes
/// minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// The service.
pub(super) struct IntakeService {
    pub(super) gate: Arc<Gate>,
    pub(super) intake: Arc<WritePath>,
}

#[async_trait]
impl Intake for IntakeService {
    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let agency = self.gate.admit(&request, "intake/submit", &[Role::Agency]).await?;
        let mut parts = request.into_inner();
        let first = timeout(PATIENCE, parts.next()).await;
        let Ok(Some(Ok(SubmitRequest { part: Some(Part::Header(header)) }))) = first else {
            return Err(self.no_header(&agency).await.into());
        };
        let answer = self.intake.submit(&agency, header, Box::pin(blocks(parts, PATIENCE))).await?;
        Ok(Response::new(answer))
    }

    async fn held(&self, request: Request<HeldRequest>) -> Result<Response<HeldResponse>, Status> {
        let agency = self.gate.admit(&request, "intake/held", &[Role::Agency]).await?;
        let outcome = match request.into_inner().batch.parse() {
            Ok(batch) => Ok(HeldResponse { blocks: self.intake.held(&agency, batch) as u32 }),
            Err(error) => Err(Problem::new(Kind::Malformed, format!("{error}"))),
        };
        self.gate.answer("intake/held", &agency, outcome).await
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        let agency = self.gate.admit(&request, "intake/status", &[Role::Agency]).await?;
        let outcome = match request.into_inner().batch.parse() {
            Ok(batch) => self.intake.status(&agency, batch).await,
            Err(error) => Err(Problem::new(Kind::Malformed, format!("{error}"))),
        };
        self.gate.answer("intake/status", &agency, outcome).await
    }
}

impl IntakeService {
    async fn no_header(&self, agency: &Identity) -> Problem {
        let problem = Problem::new(Kind::Malformed, "the stream does not begin with a header");
        self.intake.refuse_unread(agency, problem).await
    }
}

/// The blocks of a stream, up to its end; a stream that stops before, or that gives nothing for
/// as long as `patience`, is an error.
pub(super) fn blocks<S>(
    parts: S,
    patience: Duration,
) -> impl Stream<Item = Result<Bytes, Problem>> + Send + 'static
where
    S: Stream<Item = Result<SubmitRequest, Status>> + Send + Unpin + 'static,
{
    stream::unfold(Some(parts), move |state| async move {
        let mut parts = state?;
        let Ok(next) = timeout(patience, parts.next()).await else {
            let detail = format!("no whole block came for {} seconds", patience.as_secs());
            return Some((Err(Problem::new(Kind::Truncated, detail)), None));
        };
        let problem = match next {
            Some(Ok(SubmitRequest { part: Some(Part::Block(block)) })) => {
                return Some((Ok(block), Some(parts)));
            }
            Some(Ok(SubmitRequest { part: Some(Part::End(_)) })) => return None,
            Some(Ok(_)) => Problem::new(Kind::Malformed, "expected a block or the end"),
            Some(Err(status)) if status.code() == tonic::Code::OutOfRange => {
                Problem::new(Kind::TooLarge, status.message())
            }
            Some(Err(status)) => Problem::new(Kind::Truncated, status.message()),
            None => Problem::new(Kind::Truncated, "the stream ended without its end marker"),
        };
        Some((Err(problem.hint("go on with the first block that Held does not count")), None))
    })
}

#[cfg(test)]
mod tests {
    use birge_proto::wire::End;

    use super::*;

    fn part(part: Part) -> Result<SubmitRequest, Status> {
        Ok(SubmitRequest { part: Some(part) })
    }

    async fn taken(parts: Vec<Result<SubmitRequest, Status>>) -> Vec<Result<Bytes, Kind>> {
        // As a sender that keeps the stream open and falls silent.
        let parts = stream::iter(parts).chain(stream::pending());
        let blocks = blocks(parts, Duration::from_millis(1));
        let all = blocks.map(|block| block.map_err(|problem| problem.kind)).collect();
        timeout(Duration::from_secs(20), all).await.expect("an idle sender is waited for")
    }

    #[tokio::test]
    async fn an_idle_sender_is_not_waited_for() {
        let block = Bytes::from_static(b"block");
        let sent = vec![part(Part::Block(block.clone()))];
        assert_eq!(taken(sent).await, [Ok(block.clone()), Err(Kind::Truncated)]);
        let whole = vec![part(Part::Block(block.clone())), part(Part::End(End {}))];
        assert_eq!(taken(whole).await, [Ok(block)], "what is whole is not waited for either");
        assert_eq!(taken(vec![]).await, [Err(Kind::Truncated)]);
    }
}
