//! JSON in a layout of its own: a list of objects, such a list within an object, or an object on
//! each line; as a sheet for a mapping. What stands in an object within another one has both names:
//! `area.code`. Numbers are taken as they are written.

use std::fmt;

use birge_schemas::finding::{Code, Finding, Report};
use memchr::memchr_iter;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    layout::Layout,
    only,
    records::Records,
    sheet::{Numerals, Sheet},
    text,
};

/// How deep objects may stand in each other.
const DEPTH: usize = 16;

/// Reads the bytes of a JSON file; the columns for which `is_figure` holds are figures.
///
/// # Errors
/// The findings, where it is no JSON, or there is no list of objects.
pub fn sheet(
    bytes: &[u8],
    layout: &Layout,
    is_figure: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Sheet, Report> {
    let text = text::decode(bytes, layout.encoding.as_deref()).map_err(|error| {
        only(Finding::new(Code::Format, "JSON text in UTF-8", error.to_string()))
    })?;
    let mut records = Records::new(layout.numerals(Numerals::Point), &is_figure);
    match read(&text.text, layout, &mut records, report) {
        Ok(()) => Ok(records.finish()),
        Err(finding) => {
            report.push(finding);
            Err(std::mem::take(report))
        }
    }
}

fn read(
    text: &str,
    layout: &Layout,
    records: &mut Records<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let (mut line, mut seen) = (1, 0);
    let mut row = |record: &str| {
        let at = (record.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        line +=
            memchr_iter(b'\n', text.as_bytes().get(seen..at).unwrap_or_default()).count() as u64;
        seen = seen.max(at);
        let on_line = |mut finding: Finding| {
            finding.expected = format!("{}, on line {line}", finding.expected);
            finding
        };
        if !record.starts_with('{') {
            return Err(on_line(Finding::new(Code::Format, "a list of objects", record)));
        }
        cells("", record, 0, records).map_err(on_line)?;
        records.row(line, report)
    };
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let value = value.map_err(|error| wrong(&error))?.get();
        let value = match &layout.records {
            Some(path) => within(value, path)?,
            None => value,
        };
        match value.starts_with('[') {
            true => {
                let list: Vec<&RawValue> = parsed(value)?;
                list.into_iter().try_for_each(|record| row(record.get()))?;
            }
            false => row(value)?,
        }
    }
    Ok(())
}

fn wrong(error: &serde_json::Error) -> Finding {
    Finding::new(Code::Format, "JSON", error.to_string())
}

fn parsed<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, Finding> {
    serde_json::from_str(text).map_err(|error| wrong(&error))
}

/// What stands under a JSON Pointer (RFC 6901).
fn within<'t>(mut value: &'t str, path: &str) -> Result<&'t str, Finding> {
    for name in path.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        let expected = || format!("a list of objects under {path}, as the mapping's format says");
        let nothing = || Finding::new(Code::Format, expected(), format!("nothing called {name}"));
        let next = if value.starts_with('{') {
            let members: Members<'t> = parsed(value)?;
            members.0.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
        } else if value.starts_with('[') {
            let list: Vec<&RawValue> = parsed(value)?;
            name.parse().ok().and_then(|place: usize| list.get(place).copied())
        } else {
            None
        };
        value = next.ok_or_else(nothing)?.get();
    }
    Ok(value)
}

/// Puts what stands in a value into cells.
fn cells(name: &str, value: &str, depth: usize, records: &mut Records<'_>) -> Result<(), Finding> {
    match value.as_bytes().first() {
        Some(b'{') if depth >= DEPTH => {
            let expected = format!("objects at most {DEPTH} deep");
            Err(Finding::new(Code::Format, expected, value).column(name))
        }
        Some(b'{') => parsed::<Members<'_>>(value)?.0.into_iter().try_for_each(|(own, value)| {
            let name = if name.is_empty() { own } else { format!("{name}.{own}") };
            cells(&name, value.get(), depth + 1, records)
        }),
        Some(b'[') => {
            let expected = "one value in each cell; where the rows are a list within an object, \
                            its path as `records` in the mapping's format, such as /data/items";
            Err(Finding::new(Code::Format, expected, value).column(name))
        }
        Some(b'"') => records.cell(name, &parsed::<String>(value)?),
        Some(b'n') => records.cell(name, ""),
        _ => records.cell(name, value),
    }
}

/// The members of an object, in order; one that stands twice stands here twice.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'t> Visitor<'t> for Each {
            type Value = Members<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, records: Option<&str>) -> Result<(Sheet, Report), Report> {
        let layout = Layout { records: records.map(str::to_owned), ..Layout::default() };
        let mut report = Report::default();
        let is_figure = |name: &str| name == "n";
        sheet(text.as_bytes(), &layout, is_figure, &mut report).map(|sheet| (sheet, report))
    }

    #[test]
    fn lists_lines_and_lists_within_objects_are_read() {
        let rows = [
            "{\"area\": {\"code\": \"Ош\"}, \"n\": 1.50}",
            "{\"n\": null, \"id\": 12345678901234567890}",
        ];
        let list = format!("[\n{}\n]", rows.join(",\n"));
        let within = format!("{{\"a/b\": {{\"items\": [\n{}]}}, \"n\": 2}}", rows.join(",\n"));
        for (text, path) in
            [(list, None), (format!("\n{}", rows.join("\n")), None), (within, Some("/a~1b/items"))]
        {
            let (sheet, report) = read(&text, path).unwrap();
            assert_eq!(sheet.names, ["area.code", "n", "id"]);
            assert_eq!((sheet.rows, report.errors), (2, 0));
            assert_eq!((sheet.texts[0].at(0), sheet.texts[0].at(1)), ("Ош", ""));
            assert_eq!(sheet.texts[1].at(1), "12345678901234567890", "as it is written");
            assert_eq!([0, 1].map(|row| sheet.figures[0].value(row)), [Some(1.5), None]);
            assert_eq!((sheet.lines.of(1), sheet.lines.of(2)), (Some(2), Some(3)));
        }
    }

    #[test]
    fn what_is_no_table_is_a_finding() {
        let cases = [
            ("{\"items\": [{\"n\": 1}]}", None, "`records`"),
            ("[1, 2]", None, "a list of objects"),
            ("[{\"n\": 1}", None, "JSON"),
            ("[{\"n\": 1}, {\"n\": 1, \"n\": 2}]", None, "once"),
            ("{\"a\": 1}", Some("/items"), "nothing called items"),
        ];
        for (text, path, expected) in cases {
            let report = read(text, path).unwrap_err();
            assert!(report.to_string().contains(expected), "{expected}: {report}");
        }
        let deep = format!("[{}1{}]", "{\"a\":".repeat(40), "}".repeat(40));
        assert!(read(&deep, None).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\[\\]{}\",:a1n \\n]{0,60}", path in "(/[a1~]{0,2}){0,2}") {
            let _ = read(&text, None);
            let _ = read(&text, Some(&path));
        }
    }
}
