//! What both kinds of figures in SDMX-ML 2.1 have in common: the message about the data set, and
//! texts that are made fit for attributes of elements once.

use std::{
    io::{self, Write},
    ops::Range,
};

use birge_schemas::table::RawColumn;
use quick_xml::{
    Writer,
    escape::escape,
    events::{BytesEnd, BytesStart, BytesText, Event},
};

use super::{DataSet, Layout, Message, Piece, TIME, written::Written};
use crate::sdmx::{
    header::Header,
    ml::{COMMON, MESSAGE, begin, fit, head, reference},
};

const FOOTER: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message/footer";

/// What the two kinds say differently.
pub(super) struct Kind<'a> {
    /// The root element.
    pub(super) root: &'a str,
    /// Its namespaces besides those of messages.
    pub(super) namespaces: &'a [(&'a str, &'a str)],
    /// The namespace of the structure, where there is one.
    pub(super) namespace: Option<&'a str>,
    /// The attributes of a data set.
    pub(super) data_set: &'a [(&'a str, &'a str)],
    /// The one that says what is to be done with it.
    pub(super) action: &'a str,
}

impl Layout {
    /// Its name in headers.
    pub(super) fn dimension_at_observation(self) -> &'static str {
        match self {
            Self::Series => TIME,
            Self::Flat => "AllDimensions",
        }
    }
}

/// Writes a piece of a message; `observations` writes rows of a data set.
pub(super) fn write(
    message: &Message<'_>,
    piece: &Piece,
    kind: &Kind<'_>,
    to: &mut Vec<u8>,
    observations: impl Fn(&DataSet<'_>, Range<usize>, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let set = |place: usize| message.sets.get(place);
    match piece {
        Piece::Head => message.sets.first().map_or(Ok(()), |set| begin_all(message, set, kind, to)),
        Piece::Begin(place) => {
            let action = set(*place).map_or("", |set| set.action.name());
            let own = BytesStart::new("mes:DataSet");
            let own = own.with_attributes(kind.data_set.iter().copied());
            let own = own.with_attributes([(kind.action, action)]);
            Writer::new(to).write_event(Event::Start(own))
        }
        Piece::Rows(place, rows) => {
            set(*place).map_or(Ok(()), |set| observations(set, rows.clone(), to))
        }
        Piece::End(_) => Writer::new(to).write_event(Event::End(BytesEnd::new("mes:DataSet"))),
        Piece::Foot => {
            let mut out = Writer::new(to);
            foot(&mut out, message.header)?;
            out.write_event(Event::End(BytesEnd::new(kind.root)))
        }
    }
}

fn begin_all(
    message: &Message<'_>,
    first: &DataSet<'_>,
    kind: &Kind<'_>,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    let mut out = begin(to)?;
    let mut root = BytesStart::new(kind.root);
    root.extend_attributes([("xmlns:mes", MESSAGE), ("xmlns:com", COMMON)]);
    root.extend_attributes(kind.namespaces.iter().copied());
    out.write_event(Event::Start(root))?;
    head(&mut out, message.header, |out| {
        let mut own = out.create_element("mes:Structure").with_attributes([
            ("structureID", first.definition.id.as_str()),
            ("dimensionAtObservation", first.layout.dimension_at_observation()),
        ]);
        if let Some(namespace) = kind.namespace {
            own = own.with_attribute(("namespace", namespace));
        }
        own.write_inner_content(|out| reference(out, "com:Structure", first.definition))?;
        if let [only] = message.sets[..] {
            let action = BytesText::new(only.action.name());
            out.create_element("mes:DataSetAction").write_text_content(action)?;
        }
        Ok(())
    })
}

/// The remarks, below the figures.
fn foot<W: Write>(out: &mut Writer<W>, header: &Header) -> io::Result<()> {
    if header.remarks.is_empty() {
        return Ok(());
    }
    let own = out.create_element("foot:Footer").with_attribute(("xmlns:foot", FOOTER));
    own.write_inner_content(|out| {
        for remark in &header.remarks {
            let code = (remark.kind as u16).to_string();
            let own = [("code", code.as_str()), ("severity", "Information")];
            let own = out.create_element("foot:Message").with_attributes(own);
            own.write_inner_content(|out| {
                let text = fit(&remark.text);
                out.create_element("com:Text").write_text_content(BytesText::new(&text))?;
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A column at these rows: each of its texts, with the column's id, around which `around` has put
/// what stands around it; nothing where a text is empty.
pub(super) fn written<'a>(
    column: &'a RawColumn,
    rows: &Range<usize>,
    around: impl Fn(&str, &str) -> String + 'a,
) -> Written<'a> {
    Written::of(column, rows, move |text| match text {
        "" => String::new(),
        text => around(&column.id, &in_attribute(text)),
    })
}

/// A text as it stands in an attribute of an element: readers make a space of a line's end there,
/// where it is not written by its number.
fn in_attribute(text: &str) -> String {
    let escaped = escape(&*fit(text)).into_owned();
    escaped.replace('\t', "&#9;").replace('\n', "&#10;").replace('\r', "&#13;")
}

/// Writes what stands at a row in each of these columns.
pub(super) fn write_all<W: Write>(
    to: &mut W,
    columns: &[Written<'_>],
    row: usize,
) -> io::Result<()> {
    columns.iter().try_for_each(|column| to.write_all(column.at(row).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_attributes_as_they_were() {
        let text = "two\nlines,\ta \"mark\" & <more>";
        let document = format!("<a b=\"{}\"/>", in_attribute(text));
        let mut reader = quick_xml::Reader::from_str(&document);
        let Event::Empty(element) = reader.read_event().unwrap() else { panic!() };
        let attribute = element.attributes().next().unwrap().unwrap();
        let read = attribute.decode_and_unescape_value(reader.decoder()).unwrap();
        assert_eq!(read, text);
        // What no document may hold is replaced.
        assert_eq!(in_attribute("a\u{b}b\u{1}"), "a\u{fffd}b\u{fffd}");
    }
}
