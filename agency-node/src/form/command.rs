//! `agency-node form`: a form for an office to fill in.

use std::path::PathBuf;

use birge_proto::manifest::Action;
use birge_schemas::{period::Frequency, structure::Structure};
use clap::Args;
use serde_json::json;

use super::{
    Form, Head, make, rows,
    stood::{self, Stood},
};
use crate::{
    home,
    i18n::Language,
    node::Node,
    output::{Exit, Failure, Reply},
    source::has_ending,
};

/// What `form` is told.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// Of what.
    #[command(flatten)]
    pub wanted: Wanted,
    /// The workbook. One that is there already is not overwritten.
    #[arg(long, value_name = "FILE.xlsx")]
    pub out: PathBuf,
}

/// Of what a form is made.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// The dataset, such as TRAFFICKING.
    pub dataset: String,
    /// The reference period, such as 2024 or 2024-Q1.
    #[arg(long)]
    pub period: String,
    /// In which language it is; the node's when absent.
    #[arg(long, value_name = "en|ru|ky|tg")]
    pub language: Option<Language>,
    /// Areas, instead of those that stood for the period before.
    #[arg(long, value_name = "KG,KG-GB", value_delimiter = ',')]
    pub areas: Vec<String>,
    /// Codes of a dimension, instead of those that stood for the period before.
    #[arg(long = "where", value_name = "DIM=A,B")]
    pub selections: Vec<String>,
    /// The form's figures take the place of all that stands of the period; else they are added.
    #[arg(long)]
    pub replaces: bool,
    /// Rows with lists to choose from, where nothing is known of an earlier period and no codes
    /// were named.
    #[arg(long, value_name = "N", default_value_t = ROWS)]
    pub rows: usize,
}

/// Rows with lists to choose from, unless more are asked for.
pub const ROWS: usize = 100;

/// A form that nobody filled in.
pub struct Made {
    /// The form.
    pub form: Form,
    /// What stood before.
    pub stood: Stood,
    /// The workbook.
    pub bytes: Vec<u8>,
}

/// Makes a form.
///
/// # Errors
/// When dataset, period or codes do not exist, the file is there already, or the disk refuses.
pub async fn form(node: &Node, asked: &Asked) -> Result<Reply, Failure> {
    let Asked { wanted, out } = asked;
    if !has_ending(out, &["xlsx"]) {
        let text = "a form is a workbook\nnext: give it a name that ends in .xlsx";
        return Err(Failure::Usage(text.into()));
    }
    if out.exists() {
        return Err(Failure::Usage(format!(
            "{} is there already, and may have been filled in\nnext: name another file",
            out.display()
        )));
    }
    let Made { form, stood, bytes } = made(node, wanted).await?;
    home::write(out, &bytes)?;
    let beside = match stood.period.as_str() {
        "" => "nothing is known of an earlier period".to_owned(),
        before if stood.current => format!("beside them the figures of {before} that stand"),
        before => format!(
            "beside them the figures of {before} as this node handed them in (the gateway gave none)"
        ),
    };
    let Wanted { dataset, period, .. } = wanted;
    let text = format!(
        "{} rows for {dataset}, {period}; {beside}\n{}\nnext: have the white cells filled in, and put \
         the file into the inbox",
        form.rows.len(),
        out.display()
    );
    let json = json!({
        "form": out, "dataset": dataset, "period": period, "rows": form.rows.len(),
        "choose": form.head.choose, "before": stood.period,
    });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// A form, and the workbook that it is.
///
/// # Errors
/// When dataset, period or codes do not exist.
pub async fn made(node: &Node, wanted: &Wanted) -> Result<Made, Failure> {
    let Wanted { dataset, period, .. } = wanted;
    let Some(structure) = node.structures.get(dataset) else {
        let known: Vec<_> = node.structures.iter().map(|known| known.id.as_str()).collect();
        let known = known.join(", ");
        return Err(Failure::Usage(format!(
            "there is no dataset {dataset}\nnext: name one of {known}"
        )));
    };
    fits(structure, period)?;
    let codes = rows::asked(structure, &wanted.selections, &wanted.areas)?;
    let stood = stood::before(node, structure, period).await?;
    let rows = rows::rows(structure, period, &codes, &stood)?;
    let choose = rows.is_empty();
    let rows = if choose { rows::empty(structure, period, wanted.rows) } else { rows };
    let head = Head {
        dataset: structure.id.clone(),
        version: structure.version.clone(),
        agency: node.identity().body.to_string(),
        period: period.clone(),
        action: if wanted.replaces { Action::Replace } else { Action::Append },
        before: stood.period.clone(),
        choose,
        language: wanted.language.unwrap_or(node.config.language),
    };
    let form = Form { head, rows, lacks: vec![] };
    let contact = &node.config.batch.contact;
    let bytes = make::workbook(&node.structures, structure, &form, None, contact)
        .map_err(|error| anyhow::anyhow!("the form cannot be made: {error}"))?;
    Ok(Made { form, stood, bytes })
}

/// Does the dataset have such periods?
fn fits(structure: &Structure, period: &str) -> Result<(), Failure> {
    let own = Frequency::of_period(period);
    if own.is_some_and(|own| structure.frequencies().any(|allowed| allowed == own)) {
        return Ok(());
    }
    let examples: Vec<_> = structure.frequencies().map(Frequency::example).collect();
    Err(Failure::Usage(format!(
        "{period:?} is no period of {}\nnext: write it like {}",
        structure.id,
        examples.join(" or ")
    )))
}
