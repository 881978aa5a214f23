//! The intake service: translates streams and answers, nothing more.

use std::sync::Arc;

use birge_proto::{
    identity::{Identity, Role},
    problem::{Kind, Problem},
    wire::{
        StatusRequest, StatusResponse, SubmitRequest, SubmitResponse, intake_server::Intake,
        submit_request::Part,
    },
};
use futures::{Stream, StreamExt, stream};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::gate::Gate;
use crate::intake::Intake as WritePath;

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
        let Some(SubmitRequest { part: Some(Part::Header(header)) }) =
            parts.next().await.transpose()?
        else {
            return Err(self.no_header(&agency).await.into());
        };
        let answer = self.intake.submit(&agency, header, Box::pin(blocks(parts))).await?;
        Ok(Response::new(answer))
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        let agency = self.gate.admit(&request, "intake/status", &[Role::Agency]).await?;
        let batch = request
            .into_inner()
            .batch
            .parse()
            .map_err(|error| Problem::new(Kind::Malformed, format!("{error}")))?;
        Ok(Response::new(self.intake.status(&agency, batch).await?))
    }
}

impl IntakeService {
    async fn no_header(&self, agency: &Identity) -> Problem {
        let problem = Problem::new(Kind::Malformed, "the stream does not begin with a header");
        self.intake.refuse_unread(agency, problem).await
    }
}

/// The blocks of a stream, up to its end; a stream that stops before is an error.
fn blocks(
    parts: Streaming<SubmitRequest>,
) -> impl Stream<Item = Result<Bytes, Problem>> + Send + 'static {
    stream::unfold(Some(parts), |state| async {
        let mut parts = state?;
        let problem = match parts.next().await {
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
        Some((Err(problem.hint("send the whole batch again: nothing was kept of it")), None))
    })
}
