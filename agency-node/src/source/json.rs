//! The common template as JSON, guarded by the dataset's JSON Schema.

use birge_schemas::{
    finding::{Code, Finding, Report},
    json_batch::{self, JsonDoor},
    structure::Structures,
};

use super::{Blanks, Explained, Header, Input, Lines, only};

/// Reads a batch from the bytes of a JSON file.
///
/// # Errors
/// The findings, where the schema refuses the file.
pub fn read(structures: &Structures, bytes: &[u8]) -> Result<Input, Report> {
    let door = JsonDoor::new(structures)
        .map_err(|error| only(Finding::new(Code::Format, "a schema for each dataset", error)))?;
    let (header, table) = door.parse(bytes)?;
    let json_batch::Header { dataset, version, agency, action, periods, .. } = header;
    let json_batch::Header { revises, reason, removes, .. } = header;
    let agency = Some(agency);
    let header = Header { dataset, version, agency, action, periods, revises, reason, removes };
    Ok(Input {
        header,
        table,
        report: Report::default(),
        lines: Lines::default(),
        blanks: Blanks::default(),
        explained: Explained::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_and_a_broken_one_is_a_finding() {
        let structures = Structures::bundled().unwrap();
        let text = r#"{"dataset":"TRAFFICKING","version":"1.0.0","agency":"MIA",
            "action":"Append","reason":"first","observations":[{"FREQ":"A","REF_AREA":"KG",
            "INDICATOR":"VC_HTF_DETV","SEX":"F","AGE":"_T","CITIZENSHIP":"_T",
            "UNIT_MEASURE":"PS","TIME_PERIOD":"2023","OBS_VALUE":4,"OBS_STATUS":"A"}]}"#;
        let input = read(&structures, text.as_bytes()).unwrap();
        assert_eq!(input.header.agency, Some("MIA".parse().unwrap()));
        assert_eq!(input.header.reason.as_deref(), Some("first"));
        assert_eq!((input.table.rows, input.table.value(0)), (1, Some(4.0)));
        let broken = text.replace("\"F\"", "\"X\"");
        assert_eq!(read(&structures, broken.as_bytes()).unwrap_err().count(Code::CodeUnknown), 1);
        assert!(read(&structures, b"").unwrap_err().errors > 0);
    }
}
