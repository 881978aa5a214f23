//! Cells as a table for people, as SDMX-CSV, as JSON.

use birge_proto::wire::{Dataset, Provenance};
use birge_schemas::table::{RawColumn, RawTable};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value, json};

use crate::output::Failure;

/// How a withheld cell is shown to people.
const WITHHELD: &str = "··";
/// Status of a cell that is withheld (`CL_OBS_STATUS`).
const SUPPRESSED: &str = "Q";
const STATUS: &str = "OBS_STATUS";
/// The dimension that the columns before end with: dimensions stand before attributes.
const LAST_DIMENSION: &str = "TIME_PERIOD";

/// The cells for people: a column for each dimension that differs between cells; what is the
/// same in all of them stands above.
pub(super) fn table(cells: &RawTable) -> String {
    if cells.rows == 0 {
        return "no cells".into();
    }
    let (dimensions, _) = parts(cells);
    let (same, differing): (Vec<&RawColumn>, Vec<&RawColumn>) = dimensions
        .into_iter()
        .partition(|column| (1..cells.rows).all(|row| column.at(row) == column.at(0)));
    let mut table = new_table();
    let names = differing.iter().map(|column| column.id.as_str());
    table.set_header(names.chain(["OBS_VALUE", "STATUS"]));
    for row in 0..cells.rows {
        let codes = differing.iter().map(|column| column.at(row).to_owned());
        let status = status(cells, row);
        table.add_row(codes.chain([value(cells, row), status.to_owned()]));
    }
    let place = table.column_count().saturating_sub(2);
    if let Some(column) = table.column_mut(place) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let same: Vec<_> =
        same.iter().map(|column| format!("{}={}", column.id, column.at(0))).collect();
    format!("{}\n{table}", same.join(" "))
}

/// The cells as SDMX-CSV 2.0, with the action of a dissemination, *Information*: to hand such
/// a file in, its `ACTION` has to say what it does.
pub(super) fn csv(
    dataset: &str,
    provenance: &Provenance,
    cells: &RawTable,
) -> Result<String, Failure> {
    let (dimensions, attributes) = parts(cells);
    let structure = format!("BIRGE:{dataset}({})", provenance.dataset_version);
    let mut writer = ::csv::Writer::from_writer(vec![]);
    let head = ["STRUCTURE", "STRUCTURE_ID", "ACTION"].into_iter();
    let names = |columns: &[&RawColumn]| -> Vec<String> {
        columns.iter().map(|column| column.id.clone()).collect()
    };
    let mut record: Vec<String> = head.map(str::to_owned).collect();
    record.extend(names(&dimensions));
    record.push("OBS_VALUE".into());
    record.extend(names(&attributes));
    writer.write_record(&record).map_err(anyhow::Error::from)?;
    for row in 0..cells.rows {
        record.clear();
        record.extend(["dataflow".into(), structure.clone(), "I".into()]);
        record.extend(dimensions.iter().map(|column| column.at(row).to_owned()));
        record.push(cells.value(row).map_or_else(|| "NaN".into(), |value| value.to_string()));
        record.extend(attributes.iter().map(|column| column.at(row).to_owned()));
        writer.write_record(&record).map_err(anyhow::Error::from)?;
    }
    let bytes = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(String::from_utf8(bytes).map_err(anyhow::Error::from)?)
}

/// The cells for programs: an object each; a cell without a value has `null`.
pub(super) fn json(cells: &RawTable) -> Value {
    let object = |row| {
        let given = cells.columns.iter().filter(|column| !column.at(row).is_empty());
        let mut object: Map<_, _> =
            given.map(|column| (column.id.clone(), json!(column.at(row)))).collect();
        object.insert("OBS_VALUE".into(), json!(cells.value(row)));
        Value::Object(object)
    };
    (0..cells.rows).map(object).collect()
}

/// The datasets for people.
pub(super) fn datasets(datasets: &[Dataset]) -> String {
    let mut table = new_table();
    table.set_header(["DATASET", "VERSION", "SUBMITTED BY", "ARTICLE", "NAME"]);
    for dataset in datasets {
        let name = dataset.names.get("en").map_or("", String::as_str);
        table.add_row([&dataset.id, &dataset.version, &dataset.agency, &dataset.article, name]);
    }
    table.to_string()
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The dimensions, and the attributes behind them.
fn parts(cells: &RawTable) -> (Vec<&RawColumn>, Vec<&RawColumn>) {
    let place = cells.columns.iter().position(|column| column.id == LAST_DIMENSION);
    let (dimensions, attributes) = cells.columns.split_at(place.map_or(0, |place| place + 1));
    (dimensions.iter().collect(), attributes.iter().collect())
}

fn value(cells: &RawTable, row: usize) -> String {
    match cells.value(row) {
        Some(value) => value.to_string(),
        None if status(cells, row) == SUPPRESSED => WITHHELD.into(),
        None => String::new(),
    }
}

fn status(cells: &RawTable, row: usize) -> &str {
    cells.column(STATUS).map_or("", |column| column.at(row))
}

#[cfg(test)]
mod tests {
    use birge_schemas::table::RawColumnBuilder;

    use super::*;

    fn cells() -> RawTable {
        let mut cells = RawTable::default();
        let rows = [
            ("F", "2023", Some(13.0), "A"),
            ("M", "2023", None, "Q"),
            ("_T", "2023", Some(17.5), "A"),
        ];
        let mut columns = ["SEX", "TIME_PERIOD", "OBS_STATUS"].map(RawColumnBuilder::new);
        for (sex, period, value, status) in rows {
            for (column, text) in columns.iter_mut().zip([sex, period, status]) {
                column.push(text);
            }
            cells.push_value(value);
        }
        cells.columns = columns.into_iter().map(RawColumnBuilder::finish).collect();
        cells
    }

    #[test]
    fn a_withheld_cell_is_shown_as_withheld() {
        let text = table(&cells());
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], "TIME_PERIOD=2023");
        assert!(lines[3].starts_with('M') && lines[3].contains(WITHHELD), "{text}");
        assert!(lines[4].contains("17.5"), "{text}");
        assert_eq!(json(&cells())[1]["OBS_VALUE"], Value::Null);
    }

    #[test]
    fn csv_is_the_common_template() {
        let provenance = Provenance { dataset_version: "1.0.0".into(), ..Default::default() };
        let text = csv("TRAFFICKING", &provenance, &cells()).unwrap();
        let input = crate::source::csv::template(text.as_bytes()).unwrap();
        assert_eq!(input.header.dataset, "TRAFFICKING");
        assert_eq!((input.table.value(0), input.table.value(1)), (Some(13.0), None));
    }
}
