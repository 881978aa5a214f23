//! Files that were changed at random, of every kind that is read: a table whose parts agree comes
//! out, or findings, and never a panic.

use birge_schemas::{structure::Structures, table::RawTable};
use proptest::{prelude::*, sample::Index};
use rust_xlsxwriter::Workbook;

use super::*;
use crate::{form, mapping::Mapping};

const CSV: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,\
                   UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n\
                   dataflow,BIRGE:TRAFFICKING(1.0.0),A,A,KG,VC_HTF_DETV,F,_T,_T,PS,2023,\"4\",A\n\
                   dataflow,BIRGE:TRAFFICKING(1.0.0),A,A,KG,VC_HTF_DETV,M,_T,_T,PS,2023,NaN,O\n";
const XML: &str = r#"<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific"><m:Header><m:Structure structureID="S"><Structure><Ref id="TRAFFICKING" version="1.0.0"/></Structure></m:Structure></m:Header><m:DataSet s:structureRef="S" s:action="Append"><Series FREQ="A" REF_AREA="KG" SEX="F"><Obs TIME_PERIOD="2023" OBS_VALUE="4"/></Series></m:DataSet></m:StructureSpecificData>"#;
const JSON: &str = r#"[{"sex": "F", "of": {"year": 2023}, "n": 4.5}, {"sex": "M", "n": null}]"#;
const MAPPING: &str = include_str!("../../../deploy/mappings/unhcr_demographics.json");

/// So many, and a hundred times as many where long tests are asked for.
fn cases(few: u32) -> u32 {
    if std::env::var_os("BIRGE_DEEP").is_some() { few * 100 } else { few }
}

fn xlsx() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (line, row) in (0..).zip(CSV.lines()) {
        for (column, cell) in (0..).zip(row.split(',')) {
            sheet.write_string(line, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

/// One change: bytes taken out at a place, others put in.
type Edit = (Index, u8, Vec<u8>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            "\"", ",", "\n", "\r", "<", ">", "&#0;", "é", "\0", "1e999", "[", "{"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec((any::<Index>(), 0_u8..12, piece), 1..6)
}

fn changed(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    edits.iter().fold(bytes.to_vec(), |bytes, (place, out, put)| {
        let at = place.index(bytes.len() + 1);
        let end = (at + usize::from(*out)).min(bytes.len());
        [&bytes[..at], put, &bytes[end..]].concat()
    })
}

fn agrees(table: &RawTable) {
    assert_eq!((table.values.len(), table.present.len()), (table.rows, table.rows));
    for column in &table.columns {
        assert!(column.index.is_empty() || column.index.len() == table.rows, "{}", column.id);
    }
}

/// Reads a file of this name as the inbox would.
fn taken(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let structures = Structures::bundled().unwrap();
    if let Ok(input) = read(&structures, &path).unwrap() {
        agrees(&input.table);
    }
    let mut report = Report::default();
    let _ = sheet(&path, bytes.to_vec(), &Layout::default(), |name| name == "n", &mut report);
    let form = form::read::of_file(&structures, &path).unwrap();
    if let Some(Ok(input)) = form.map(|form| form.and_then(|form| form.input(&structures))) {
        agrees(&input.table);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(192)))]

    #[test]
    fn a_file_of_any_kind_is_read_or_refused(edits in edits()) {
        for (name, text) in [("a.csv", CSV), ("a.xml", XML), ("a.json", JSON)] {
            taken(name, &changed(text.as_bytes(), &edits));
        }
    }

    #[test]
    fn a_mapping_is_read_or_refused_and_what_it_makes_agrees(edits in edits()) {
        let text = String::from_utf8_lossy(&changed(MAPPING.as_bytes(), &edits)).into_owned();
        let Ok(mapping) = Mapping::parse(&text) else { return Ok(()) };
        let structures = Structures::bundled().unwrap();
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/sources/unhcr_demographics.csv"));
        if let Ok(input) = mapping.read(&structures, path).unwrap() {
            agrees(&input.table);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(96)))]

    #[test]
    fn a_workbook_is_read_or_refused(edits in edits()) {
        taken("a.xlsx", &changed(&xlsx(), &edits));
        taken("a.xls", &changed(&xlsx(), &edits));
    }
}
