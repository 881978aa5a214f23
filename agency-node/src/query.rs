//! `agency-node query`: the datasets, or the cells of a selection with what they rest on.

mod render;

use birge_proto::{
    limits,
    record::keyed_digest_of,
    wire::{
        AskRequest, ListDatasetsRequest, ListDatasetsResponse, Provenance, Selection,
        ask_response::Part,
    },
};
use birge_schemas::{table::RawTable, wire::from_blocks};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    asker::{As, Asker},
    connect::{self, Link},
    output::{Exit, Failure, Reply},
};

/// How cells are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people; a withheld cell is `··`.
    #[default]
    Table,
    /// SDMX-CSV 2.0 with ACTION I; what the cells rest on goes to standard error.
    Csv,
    /// One JSON object.
    Json,
}

/// What `query` is told.
#[derive(Debug, Args)]
pub struct Query {
    /// The dataset; without one, the datasets that exist.
    pub dataset: Option<String>,
    /// Codes wanted of a dimension; dimensions not named are given as far as permitted.
    #[arg(long = "where", value_name = "DIM=A,B")]
    pub selections: Vec<String>,
    /// First reference period.
    #[arg(long, value_name = "PERIOD")]
    pub from: Option<String>,
    /// Last reference period.
    #[arg(long, value_name = "PERIOD")]
    pub to: Option<String>,
    /// What was known then: a moment such as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// How the cells are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// As whom it asks.
    #[command(flatten)]
    pub who: As,
}

/// Asks for the cells of a selection, or, without a dataset, for the list of datasets.
///
/// # Errors
/// When the gateway refuses, saying by which article, or is away.
pub async fn query(asker: &Asker, args: &Query) -> Result<Reply, Failure> {
    let link = &asker.link;
    let Some(dataset) = &args.dataset else { return list(link).await };
    let as_of = args.as_of.clone().unwrap_or_default();
    let selections = selections(args)?;
    let request =
        AskRequest { dataset: dataset.clone(), selections, as_of, ..AskRequest::default() };
    let (provenance, blocks) = cells(link, request).await?;
    let table = table(&blocks)?;
    let about = about(dataset, &provenance, &blocks);
    let cells = render::json(&table);
    let (text, aside) = match args.format {
        Format::Table => {
            (format!("{}\n\n{}", render::table(&table), words(&provenance)), String::new())
        }
        Format::Csv => (render::csv(dataset, &provenance, &table)?, words(&provenance)),
        Format::Json => {
            (format!("{:#}", json!({ "provenance": about, "cells": cells })), String::new())
        }
    };
    let json = json!({ "provenance": about, "cells": cells });
    Ok(Reply { exit: Exit::Done, text, aside, json })
}

/// Asks for cells: what they rest on, and the cells as they came.
///
/// # Errors
/// As for [`query`].
pub async fn cells(
    link: &Link,
    request: AskRequest,
) -> Result<(Provenance, Vec<Vec<u8>>), Failure> {
    let stream = link.query().ask(request).await;
    let mut stream = stream.map_err(|status| connect::problem(&status))?.into_inner();
    let (mut provenance, mut blocks) = (None, vec![]);
    while let Some(part) = stream.message().await.map_err(|status| connect::problem(&status))? {
        match part.part {
            Some(Part::Provenance(said)) => provenance = Some(said),
            Some(Part::Block(block)) if blocks.len() < limits::BLOCKS => blocks.push(block),
            // What disappeared is not asked for here.
            Some(Part::Block(_) | Part::Removed(_)) | None => {
                return Err(not_understood("its parts"));
            }
        }
    }
    Ok((provenance.ok_or_else(|| not_understood("no provenance"))?, blocks))
}

/// Cells as a table.
///
/// # Errors
/// When they are not what a gateway sends.
pub fn table(blocks: &[Vec<u8>]) -> Result<RawTable, Failure> {
    from_blocks(blocks).map_err(|error| not_understood(&error.to_string()))
}

/// The selections that the command line names.
fn selections(args: &Query) -> Result<Vec<Selection>, Failure> {
    let mut selections = vec![];
    for text in &args.selections {
        let named = text
            .split_once('=')
            .filter(|(dimension, codes)| !dimension.is_empty() && !codes.is_empty());
        let Some((dimension, codes)) = named else {
            return Err(Failure::Usage(format!(
                "--where {text:?} names no codes: expected DIMENSION=CODE,CODE, such as SEX=F,M"
            )));
        };
        selections.push(Selection {
            dimension: dimension.trim().to_owned(),
            codes: codes.split(',').map(|code| code.trim().to_owned()).collect(),
            ..Selection::default()
        });
    }
    if args.from.is_some() || args.to.is_some() {
        selections.push(Selection {
            dimension: "TIME_PERIOD".into(),
            codes: vec![],
            from: args.from.clone().unwrap_or_default(),
            to: args.to.clone().unwrap_or_default(),
        });
    }
    Ok(selections)
}

async fn list(link: &Link) -> Result<Reply, Failure> {
    let answer = link.query().list_datasets(ListDatasetsRequest {}).await;
    let ListDatasetsResponse { datasets } =
        answer.map_err(|status| connect::problem(&status))?.into_inner();
    let json: Vec<_> = datasets
        .iter()
        .map(|dataset| {
            json!({
                "id": dataset.id, "version": dataset.version, "names": dataset.names,
                "agency": dataset.agency, "article": dataset.article,
            })
        })
        .collect();
    let text = render::datasets(&datasets);
    let json = json!({ "datasets": json });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// What the answer rests on, for programs. The digest is the one in the record of this
/// exchange, so that the asker can show later what it was given.
fn about(dataset: &str, provenance: &Provenance, blocks: &[Vec<u8>]) -> Value {
    let key: Option<[u8; 32]> = provenance.digest_key.as_slice().try_into().ok();
    let decree = provenance.decree.clone().unwrap_or_default();
    json!({
        "dataset": dataset,
        "datasetVersion": provenance.dataset_version,
        "exchange": provenance.exchange,
        "decree": { "number": decree.number, "version": decree.version },
        "articles": provenance.articles,
        "batches": provenance.batches,
        "answered": provenance.answered,
        "withheld": provenance.withheld,
        "narrowed": provenance.narrowed,
        "asOf": provenance.as_of,
        "notes": provenance.notes,
        "digest": key.map(|key| hex::encode(keyed_digest_of(&key, blocks.iter().map(Vec::as_slice)))),
        "digestKey": key.map(hex::encode),
    })
}

/// What the answer rests on, in words.
fn words(provenance: &Provenance) -> String {
    let decree = provenance.decree.clone().unwrap_or_default();
    let mut text = format!(
        "exchange {}, decree No. {} of {}, article {}\n{} cells given, {} withheld",
        provenance.exchange,
        decree.number,
        decree.version,
        provenance.articles.join(", "),
        provenance.answered,
        provenance.withheld,
    );
    for narrowed in &provenance.narrowed {
        text += &format!("\nnarrowed: {narrowed}");
    }
    if !provenance.as_of.is_empty() {
        text += &format!("\nas it was known on {}", provenance.as_of);
    }
    for note in &provenance.notes {
        text += &format!("\nnote: {note}");
    }
    for batch in &provenance.batches {
        text += &format!("\nrests on batch {batch}");
    }
    text
}

fn not_understood(what: &str) -> Failure {
    Failure::Internal(anyhow::anyhow!(
        "the gateway's answer is not understood: {what}; next: check that node and gateway are of \
         the same version"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(selections: &[&str]) -> Query {
        Query {
            dataset: Some("TRAFFICKING".into()),
            selections: selections.iter().map(|text| (*text).to_owned()).collect(),
            from: Some("2018".into()),
            to: None,
            as_of: None,
            format: Format::Table,
            who: As::default(),
        }
    }

    #[test]
    fn selections_are_read_from_the_command_line() {
        let read = selections(&args(&["SEX=F, M"])).unwrap();
        assert_eq!(read[0].codes, ["F", "M"]);
        assert_eq!((read[1].dimension.as_str(), read[1].from.as_str()), ("TIME_PERIOD", "2018"));
        for wrong in ["SEX", "SEX=", "=F"] {
            assert_eq!(selections(&args(&[wrong])).unwrap_err().exit(), Exit::Usage);
        }
    }
}
