use proptest::prelude::*;

use super::*;
use crate::source::{Header, template::VALUE};

const SPACES: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1";

/// A generic message in series, with a group and attributes of the data set.
fn generic() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<m:GenericData xmlns:m="{SPACES}/message" xmlns:g="{SPACES}/data/generic" xmlns:c="{SPACES}/common">
  <m:Header><m:ID>A</m:ID><m:Sender id="MIA"><c:Name>R &amp; D</c:Name></m:Sender>
    <m:Structure structureID="S" dimensionAtObservation="TIME_PERIOD">
      <c:StructureUsage><Ref agencyID="BIRGE" id="TRAFFICKING" version="1.0.0" class="Dataflow"/>
      </c:StructureUsage>
    </m:Structure>
    <m:DataSetAction>Replace</m:DataSetAction>
  </m:Header>
  <m:DataSet structureRef="S">
    <g:Attributes><g:Value id="TITLE" value="Victims &lt;2024"/></g:Attributes>
    <g:Group type="Sibling"><g:GroupKey><g:Value id="SEX" value="F"/></g:GroupKey>
      <g:Attributes><g:Value id="DATA_SOURCE" value="court"/></g:Attributes></g:Group>
    <g:Series>
      <g:SeriesKey><g:Value id="SEX" value="F"/><g:Value id="REF_AREA" value="KG"/></g:SeriesKey>
      <g:Obs><g:ObsDimension value="2022"/><g:ObsValue value="4"/></g:Obs>
      <g:Obs>
        <g:ObsDimension value="2023"/><g:ObsValue value="NaN"/>
        <g:Attributes><g:Value id="OBS_STATUS" value="M"/></g:Attributes>
      </g:Obs>
    </g:Series>
    <g:Series><g:SeriesKey><g:Value id="SEX" value="M"/><g:Value id="REF_AREA" value="KG"/>
      </g:SeriesKey><g:Obs><g:ObsDimension value="2022"/><g:ObsValue value="5"/></g:Obs></g:Series>
  </m:DataSet>
</m:GenericData>"#
    )
}

/// A structure-specific message of this data structure, with this data set.
fn specific(urn: &str, data: &str) -> String {
    format!(
        r#"<StructureSpecificData xmlns="{SPACES}/message" xmlns:k="{SPACES}/common"
    xmlns:s="{SPACES}/data/structurespecific" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Header><Structure structureID="X" dimensionAtObservation="AllDimensions">
    <k:Structure><URN>urn:sdmx:org.sdmx.infomodel.datastructure.{urn}</URN></k:Structure>
  </Structure></Header>
  <DataSet s:structureRef="X" s:action="Append" s:dataScope="DataStructure" xsi:type="n:DataSetType">
{data}
  </DataSet>
</StructureSpecificData>"#
    )
}

fn batch(text: &str) -> Result<Input, Report> {
    template(&Structures::bundled().unwrap(), text.as_bytes())
}

fn cell(input: &Input, id: &str, row: usize) -> String {
    input.table.column(id).unwrap().at(row).to_owned()
}

#[test]
fn a_generic_message_is_read_as_the_common_template() {
    let input = batch(&generic()).unwrap();
    let Header { dataset, version, action, .. } = &input.header;
    assert_eq!((&dataset[..], &version[..], *action), ("TRAFFICKING", "1.0.0", Action::Replace));
    assert_eq!((input.table.rows, input.report.errors), (3, 0), "{}", input.report);
    let values = [0, 1, 2].map(|row| input.table.value(row));
    assert_eq!(values, [Some(4.0), None, Some(5.0)]);
    let of = |id: &str| [0, 1, 2].map(|row| cell(&input, id, row));
    assert_eq!(of("SEX"), ["F", "F", "M"]);
    assert_eq!(of("TIME_PERIOD"), ["2022", "2023", "2022"]);
    assert_eq!(of("OBS_STATUS"), ["", "M", ""]);
    assert_eq!(of("DATA_SOURCE"), ["court", "court", ""], "of the group");
    assert_eq!(of("TITLE"), ["Victims <2024"; 3], "of the data set");
    assert_eq!([1, 2, 3].map(|row| input.lines.of(row)), [Some(16), Some(17), Some(23)]);
}

#[test]
fn a_structure_specific_message_is_read_flat_and_in_series() {
    let flat = r#"<Group SEX="F" DATA_SOURCE="court"/>
        <Obs SEX="F" TIME_PERIOD="2022" OBS_VALUE="4" OBS_STATUS="A"/>
        <Obs SEX="M" TIME_PERIOD="2022" OBS_VALUE="5"/>"#;
    let series = r#"<Group xsi:type="n:Sibling" SEX="F" DATA_SOURCE="court"/>
        <Series SEX="F"><Obs TIME_PERIOD="2022" OBS_VALUE="4" OBS_STATUS="A"/></Series>
        <Series SEX="M"><Obs TIME_PERIOD="2022" OBS_VALUE="5"/></Series>"#;
    for data in [flat, series] {
        let input = batch(&specific("DataStructure=BIRGE:DSD_TRAFFICKING(1.0.0)", data)).unwrap();
        assert_eq!(
            (&input.header.dataset[..], input.header.action),
            ("TRAFFICKING", Action::Append)
        );
        assert_eq!([0, 1].map(|row| input.table.value(row)), [Some(4.0), Some(5.0)]);
        assert_eq!([0, 1].map(|row| cell(&input, "DATA_SOURCE", row)), ["court", ""]);
        assert_eq!((input.lines.of(1), input.lines.of(2)), (Some(8), Some(9)));
    }
}

#[test]
fn a_message_of_another_structure_is_a_sheet_for_a_mapping() {
    let text = specific(
        "Dataflow=ESTAT:migr_imm1ctz(1.0)",
        r#"<Obs geo="KG" TIME_PERIOD="2022" OBS_VALUE="4"/>"#,
    );
    let refused = batch(&text).unwrap_err();
    assert!(refused.findings[0].expected.contains("a mapping"), "{refused}");
    assert_eq!(refused.findings[0].found, "ESTAT:migr_imm1ctz(1.0)");
    let mut report = Report::default();
    let is_figure = |name: &str| name == VALUE;
    let sheet = sheet(text.as_bytes(), &Layout::default(), is_figure, &mut report).unwrap();
    assert_eq!(sheet.names, ["geo", "TIME_PERIOD", "OBS_VALUE"]);
    assert_eq!((sheet.texts[0].at(0), sheet.figures[0].value(0)), ("KG", Some(4.0)));
}

#[test]
fn the_encoding_that_is_declared_is_the_one() {
    let text = generic().replace("UTF-8", "windows-1251").replace("court", "суд");
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(&text);
    let input = template(&Structures::bundled().unwrap(), &bytes).unwrap();
    assert_eq!(cell(&input, "DATA_SOURCE", 0), "суд");
    let wrong = generic().replace("court", "суд");
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(&wrong);
    assert!(template(&Structures::bundled().unwrap(), &bytes).is_err());
}

#[test]
fn what_is_no_message_says_why_and_where() {
    let message = generic();
    let with = |from: &str, to: &str| {
        assert!(message.contains(from));
        message.replacen(from, to, 1)
    };
    let deep = format!("<m:DataSet>{}", "<g:Annotations>".repeat(40));
    let cases = [
        (with("<m:GenericData", "<!DOCTYPE x [<!ENTITY e \"x\">]><m:GenericData"), "document type"),
        (with("value=\"court\"", "value=\"&e;\""), "attributes of XML"),
        (with("<m:DataSetAction>Replace", "<m:DataSetAction>&e;"), "without entities"),
        (with("</g:Series>", "</g:Obs>"), "well-formed"),
        (with("<g:Obs>", "<g:Observation/><g:Obs>"), "line 16"),
        (with("<g:Obs>", &deep), "on line 16"),
        (with("Replace", "Merge"), "Replace to replace"),
        (message.replace("GenericData", "CompactData"), "2.1"),
        (message[..message.len() - 30].to_owned(), "ended"),
        ("<a/>".to_owned(), "2.1"),
        (String::new(), "XML"),
    ];
    for (text, expected) in cases {
        let report = batch(&text).unwrap_err();
        assert!(report.to_string().contains(expected), "{expected}: {report}");
    }
    let twice =
        with("<m:DataSet structureRef=\"S\">", "<m:DataSet structureRef=\"S\"/><m:DataSet>");
    assert!(batch(&twice).is_err(), "two data sets that are not of one structure");
    let no_observations =
        with("<g:Obs><g:ObsDimension value=\"2022\"/><g:ObsValue value=\"5\"/></g:Obs>", "");
    assert_eq!(batch(&no_observations).unwrap().report.count(Code::RowsLeftOut), 1);
    assert!(batch(&no_observations.replace("Replace", "Delete")).is_err());
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(("[A-Zа-я_<&\"' ]{1,4}", "[0-9]{4}", 0_u32..1000, "[ -~]{0,6}"), 1..20),
        in_series in any::<bool>(),
        is_generic in any::<bool>(),
    ) {
        let mut data = String::new();
        for (sex, period, value, comment) in &rows {
            let (sex, comment) = (escaped(sex), escaped(comment));
            let value_of = |id: &str, text: &str| format!("<Value id=\"{id}\" value=\"{text}\"/>");
            data += &match (is_generic, in_series) {
                (true, true) => format!(
                    "<Series><SeriesKey>{}</SeriesKey><Obs><ObsDimension id=\"TIME_PERIOD\" \
                     value=\"{period}\"/><ObsValue value=\"{value}\"/><Attributes>{}</Attributes>\
                     </Obs></Series>\n",
                    value_of("SEX", &sex), value_of("COMMENT_OBS", &comment),
                ),
                (true, false) => format!(
                    "<Obs><ObsKey>{}{}</ObsKey><ObsValue value=\"{value}\"/><Attributes>{}\
                     </Attributes></Obs>\n",
                    value_of("SEX", &sex), value_of("TIME_PERIOD", period),
                    value_of("COMMENT_OBS", &comment),
                ),
                (false, true) => format!(
                    "<Series SEX=\"{sex}\"><Obs TIME_PERIOD=\"{period}\" OBS_VALUE=\"{value}\" \
                     COMMENT_OBS=\"{comment}\"/></Series>\n",
                ),
                (false, false) => format!(
                    "<Obs SEX=\"{sex}\" TIME_PERIOD=\"{period}\" OBS_VALUE=\"{value}\" \
                     COMMENT_OBS=\"{comment}\"/>\n",
                ),
            };
        }
        let text = specific("Dataflow=BIRGE:TRAFFICKING(1.0.0)", &data);
        let text = if is_generic { text.replace("StructureSpecificData", "GenericData") } else { text };
        let input = batch(&text).unwrap();
        prop_assert_eq!(input.table.rows, rows.len());
        for (row, (sex, period, value, comment)) in rows.iter().enumerate() {
            prop_assert_eq!(cell(&input, "SEX", row), sex.trim());
            prop_assert_eq!(&cell(&input, "TIME_PERIOD", row), period);
            prop_assert_eq!(cell(&input, "COMMENT_OBS", row), comment.trim());
            prop_assert_eq!(input.table.value(row), Some(f64::from(*value)));
            prop_assert_eq!(input.lines.of(row as u64 + 1), Some(row as u64 + 7));
        }
    }

    #[test]
    fn broken_messages_never_panic(
        at in any::<prop::sample::Index>(), put in "[<>/&\"a ]{0,3}", bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let text = generic();
        let at = at.index(text.len());
        if text.is_char_boundary(at) {
            let _ = batch(&format!("{}{put}{}", &text[..at], &text[at..]));
            let _ = batch(&text[..at]);
        }
        let _ = template(&Structures::bundled().unwrap(), &bytes);
    }
}
