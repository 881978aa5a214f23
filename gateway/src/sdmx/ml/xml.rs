//! What every message in XML has: its namespaces, its header, names, references.

use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use serde_json::Value;

use crate::sdmx::{
    header::{Header, SENDER},
    urn::{Class, Urn},
};

/// Namespace of messages.
pub(crate) const MESSAGE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message";
/// Namespace of what all of them share.
pub(crate) const COMMON: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common";
/// Namespace of structures.
pub(super) const STRUCTURE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure";

/// What XML is written to.
pub(crate) type Out<W> = Writer<W>;

/// A text without the characters that XML 1.0 has no place for: they are replaced, for no reader
/// takes a document that has one.
pub(crate) fn fit(text: &str) -> Cow<'_, str> {
    let is_strange = |own: char| matches!(own, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    match text.contains(is_strange) {
        true => text.replace(is_strange, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Begins a document.
pub(crate) fn begin<W: io::Write>(to: W) -> io::Result<Out<W>> {
    let mut out = Writer::new(to);
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    Ok(out)
}

/// The header; `more` is what a message of figures says of its structure.
pub(crate) fn head<W: io::Write>(
    out: &mut Out<W>,
    header: &Header,
    more: impl FnOnce(&mut Out<W>) -> io::Result<()>,
) -> io::Result<()> {
    out.create_element("mes:Header").write_inner_content(|out| {
        out.create_element("mes:ID").write_text_content(BytesText::new(&header.id))?;
        out.create_element("mes:Test").write_text_content(BytesText::new("false"))?;
        let prepared = header.prepared();
        out.create_element("mes:Prepared").write_text_content(BytesText::new(&prepared))?;
        out.create_element("mes:Sender").with_attribute(("id", SENDER)).write_empty()?;
        more(out)
    })?;
    Ok(())
}

/// The names, by language.
pub(super) fn names<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    let by_language = json["names"].as_object().into_iter().flatten();
    let mut named = false;
    for (language, name) in by_language {
        named = true;
        let own = out.create_element("com:Name").with_attribute(("xml:lang", language.as_str()));
        own.write_text_content(BytesText::new(name.as_str().unwrap_or_default()))?;
    }
    if !named {
        let name = json["name"].as_str().unwrap_or(text(json, "id"));
        out.create_element("com:Name").write_text_content(BytesText::new(name))?;
    }
    Ok(())
}

/// The annotations.
pub(super) fn annotations<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    if list(json, "annotations").next().is_none() {
        return Ok(());
    }
    out.create_element("com:Annotations").write_inner_content(|out| {
        for annotation in list(json, "annotations") {
            let mut own = out.create_element("com:Annotation");
            if let Some(id) = annotation["id"].as_str() {
                own = own.with_attribute(("id", id));
            }
            own.write_inner_content(|out| {
                for (element, key) in
                    [("com:AnnotationTitle", "title"), ("com:AnnotationType", "type")]
                {
                    if let Some(said) = annotation[key].as_str() {
                        out.create_element(element).write_text_content(BytesText::new(said))?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A reference to an artefact, or to an item of one, in an element of this name.
pub(crate) fn reference<W: io::Write>(
    out: &mut Out<W>,
    element: &str,
    urn: &Urn,
) -> io::Result<()> {
    let Urn { class, agency, id, version, item } = urn;
    out.create_element(element).write_inner_content(|out| {
        let own = out.create_element("Ref").with_attribute(("agencyID", agency.as_str()));
        let own = match item {
            None => own.with_attributes([
                ("id", id.as_str()),
                ("version", version),
                ("package", class.package()),
                ("class", class.name()),
            ]),
            Some(item) => own.with_attributes([
                ("maintainableParentID", id.as_str()),
                ("maintainableParentVersion", version),
                ("id", item),
                ("package", class.package()),
                ("class", if *class == Class::ConceptScheme { "Concept" } else { "Code" }),
            ]),
        };
        own.write_empty()?;
        Ok(())
    })?;
    Ok(())
}

/// The text of a member; an empty one where there is none.
pub(super) fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

/// The members of a list; none where there is no list.
pub(super) fn list<'a>(json: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    json[key].as_array().into_iter().flatten()
}
