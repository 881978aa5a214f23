//! The query service: translates requests and streams answers, nothing more.

use std::sync::Arc;

use birge_proto::{
    clock::SharedClock,
    identity::Role,
    problem::{Kind, Problem},
    wire::{
        AskRequest, AskResponse, Dataset, DescribeDatasetRequest, DescribeDatasetResponse,
        ListDatasetsRequest, ListDatasetsResponse, ListVersionsRequest, ListVersionsResponse,
        ask_response::Part, query_server::Query,
    },
};
use futures::stream::{self, Iter};
use tonic::{Request, Response, Status, async_trait};

use super::gate::Gate;
use crate::{
    catalog::{Catalog, overview},
    query::{Answer, Query as ReadPath, versions},
};

/// Who may ask what exists: existence is public, values are not.
pub(super) const ANYBODY: &[Role] =
    &[Role::Agency, Role::Member, Role::Observer, Role::Public, Role::Auditor, Role::Operator];
/// The methods, by name: all that persons and the public reach.
pub(super) const METHODS: [&str; 4] = ["ListDatasets", "DescribeDataset", "Ask", "ListVersions"];

const DESCRIBE: &str = "query/describe-dataset";
const VERSIONS: &str = "query/list-versions";

/// The service.
pub(super) struct QueryService {
    pub(super) gate: Arc<Gate>,
    pub(super) query: Arc<ReadPath>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl Query for QueryService {
    type AskStream = Iter<std::vec::IntoIter<Result<AskResponse, Status>>>;

    async fn list_datasets(
        &self,
        request: Request<ListDatasetsRequest>,
    ) -> Result<Response<ListDatasetsResponse>, Status> {
        self.gate.admit(&request, "query/list-datasets", ANYBODY).await?;
        let datasets = self.overview()?;
        Ok(Response::new(ListDatasetsResponse { datasets }))
    }

    async fn describe_dataset(
        &self,
        request: Request<DescribeDatasetRequest>,
    ) -> Result<Response<DescribeDatasetResponse>, Status> {
        let asker = self.gate.admit(&request, DESCRIBE, ANYBODY).await?;
        let outcome = self.describe(&request.into_inner().id);
        self.gate.answer(DESCRIBE, &asker, outcome).await
    }

    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        let asker = self.gate.admit(&request, VERSIONS, ANYBODY).await?;
        let outcome = self.catalog.read(|state| versions(state, &request.into_inner()));
        let outcome = outcome.map(|versions| ListVersionsResponse { versions });
        self.gate.answer(VERSIONS, &asker, outcome).await
    }

    async fn ask(&self, request: Request<AskRequest>) -> Result<Response<Self::AskStream>, Status> {
        let asker = self.gate.admit(&request, "query/ask", ANYBODY).await?;
        let answer = self.query.ask(&asker, request.into_inner()).await?;
        let Answer { provenance, blocks, removed, .. } = answer;
        let first = AskResponse { part: Some(Part::Provenance(provenance)) };
        let rest = blocks.into_iter().map(|block| AskResponse { part: Some(Part::Block(block)) });
        let removed = removed.into_iter().flat_map(|(_, keys)| keys);
        let removed = removed.map(|keys| AskResponse { part: Some(Part::Removed(keys)) });
        let parts: Vec<_> = std::iter::once(first).chain(rest).chain(removed).map(Ok).collect();
        Ok(Response::new(stream::iter(parts)))
    }
}

impl QueryService {
    fn describe(&self, id: &str) -> Result<DescribeDatasetResponse, Problem> {
        let dataset = self.overview()?.into_iter().find(|dataset| dataset.id == id);
        let structure = self.catalog.read(|state| {
            state.structures.get(id).map(|structure| structure.source_json.clone().into_bytes())
        });
        match (dataset, structure) {
            (Some(dataset), Some(structure)) => {
                Ok(DescribeDatasetResponse { dataset: Some(dataset), structure })
            }
            _ => Err(Problem::new(Kind::NotFound, format!("there is no dataset {id:?}"))),
        }
    }

    fn overview(&self) -> Result<Vec<Dataset>, Problem> {
        let now = self.clock.now();
        self.catalog.read(|state| overview(state, now))
    }
}
