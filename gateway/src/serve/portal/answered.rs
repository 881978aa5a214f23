//! On what an answer rests, what is to be known of it, and how the same is had elsewhere.

use birge_proto::wire::Provenance;
use birge_schemas::{
    structure::Structures,
    structure::{Level, Structure},
};

use super::{Door, Portal, guard::Visit, page::article_text, wanted::Wanted};
use crate::query::Answer;

/// Attributes that stand beside each cell.
const OF_CELLS: [&str; 2] = ["OBS_STATUS", "CONF_STATUS"];

/// What is told below a table or a chart.
pub(super) struct Answered {
    pub(super) exchange: u64,
    pub(super) exchange_said: String,
    pub(super) decree: String,
    /// Articles, and what they say.
    pub(super) articles: Vec<(String, String)>,
    pub(super) given: String,
    pub(super) withheld: String,
    pub(super) narrowed: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) as_of: String,
    pub(super) batches: Vec<String>,
    /// What is the same for all cells: names and texts.
    pub(super) common: Vec<(String, String)>,
    /// What to cite.
    pub(super) cite: String,
    /// Forms in which the same is had: what it is called, and where.
    pub(super) files: Vec<(String, String)>,
    /// Lines of programs that fetch the same.
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) needs_token: bool,
    /// Are these more cells than are asked for at once?
    pub(super) cut: bool,
}

impl Answered {
    pub(super) fn of(
        portal: &Portal,
        visit: &Visit,
        structures: &Structures,
        wanted: &Wanted,
        answer: &Answer,
    ) -> Self {
        let (say, structure) = (&visit.say, &answer.structure);
        let Provenance { exchange, decree, articles, answered, withheld, narrowed, notes, .. } =
            &answer.provenance;
        let own = decree.clone().unwrap_or_default();
        let decree = say.tell("decree-of", &[("number", &own.number), ("version", &own.version)]);
        let shown = portal.ledger.shown().ok();
        let checkpoint = shown.map(|shown| {
            let root: String = hex::encode(shown.checkpoint.root()).chars().take(16).collect();
            let size = shown.checkpoint.size().to_string();
            say.tell(
                "cite-checkpoint",
                &[("origin", shown.checkpoint.origin()), ("size", &size), ("root", &root)],
            )
        });
        let cite = [
            ("name", structure.name(say.code())),
            ("dataset", &structure.structure_id()),
            ("exchange", &exchange.to_string()),
            ("decree", &decree),
            ("day", &say.day(portal.clock.now())),
            ("checkpoint", &checkpoint.unwrap_or_default()),
        ];
        let law = portal.decree().ok();
        let text =
            |article: &String| (article.clone(), article_text(law.as_deref(), article, visit));
        let address = wanted.sdmx(structure);
        let files = [
            ("xlsx", "xlsx"),
            ("csv", "csvdata"),
            ("json", "jsondata"),
            ("xml", "structurespecificdata"),
        ]
        .map(|(name, format)| {
            (say.it(&format!("file-{name}")), format!("/files/{address}format={format}"))
        });
        let needs_token = portal.door == Door::People;
        Self {
            exchange: *exchange,
            exchange_said: say.count(*exchange),
            articles: articles.iter().map(text).collect(),
            given: say.count(*answered),
            withheld: say.count(*withheld),
            narrowed: narrowed.clone(),
            notes: notes.clone(),
            as_of: say.moment_of(&answer.provenance.as_of),
            batches: answer.provenance.batches.clone(),
            common: common(visit, structures, structure, answer),
            cite: say.tell("cite-as", &cite),
            files: files.into(),
            lines: lines(
                &format!("https://{}/sdmx/{address}format=csvdata", visit.host),
                needs_token,
            ),
            needs_token,
            cut: answer.table.table().rows as u64 >= super::wanted::MOST,
            decree,
        }
    }
}

/// The attributes of which all cells have the same text.
fn common(
    visit: &Visit,
    structures: &Structures,
    structure: &Structure,
    answer: &Answer,
) -> Vec<(String, String)> {
    let told = structure.attributes.iter().filter(|own| own.level != Level::Dataset);
    let told = told.filter(|own| !OF_CELLS.contains(&own.id.as_str()));
    let same = told.filter_map(|own| {
        let column = answer.table.table().column(&own.id)?;
        let [first] = &column.dictionary[..] else { return None };
        if first.is_empty() {
            return None;
        }
        // What multiplies nothing need not be said.
        let plain = ["UNIT_MULT", "DECIMALS"].contains(&own.id.as_str()) && first == "0";
        let name = visit.say.concept(structures, &own.id);
        (!plain).then(|| (name, visit.say.code_name(structure, &own.id, first)))
    });
    same.collect()
}

/// Lines of programs; what stands in their quotation marks has none.
fn lines(address: &str, needs_token: bool) -> Vec<(&'static str, String)> {
    let address = address.replace(['"', '\\', '\''], "");
    match needs_token {
        false => vec![
            ("Python", format!("pandas.read_csv(\"{address}\")")),
            ("R", format!("read.csv(\"{address}\")")),
        ],
        true => vec![
            (
                "Python",
                format!(
                    "pandas.read_csv(\"{address}\", storage_options={{\"Authorization\": \"Bearer TOKEN\"}})"
                ),
            ),
            (
                "R",
                format!(
                    "read.csv(url(\"{address}\", headers = c(Authorization = \"Bearer TOKEN\")))"
                ),
            ),
        ],
    }
}
