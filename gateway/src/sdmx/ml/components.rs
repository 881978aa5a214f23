//! Data structures: dimensions, attributes and the measure.

use std::io;

use serde_json::Value;

use super::xml::{Out, list, reference, text};
use crate::sdmx::urn::Urn;

/// The components of a data structure; nothing of a stub.
pub(super) fn structure<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    let Some(components) = json.get("dataStructureComponents") else { return Ok(()) };
    out.create_element("str:DataStructureComponents").write_inner_content(|out| {
        dimensions(out, &components["dimensionList"])?;
        attributes(out, &components["attributeList"])?;
        let own = out.create_element("str:MeasureList").with_attribute(("id", "MeasureDescriptor"));
        own.write_inner_content(|out| {
            let mut measures = list(&components["measureList"], "measures");
            measures.try_for_each(|measure| {
                component(out, ("str:PrimaryMeasure", &[]), measure, |_| Ok(()))
            })
        })?;
        Ok(())
    })?;
    Ok(())
}

fn dimensions<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    let own = out.create_element("str:DimensionList").with_attribute(("id", "DimensionDescriptor"));
    own.write_inner_content(|out| {
        let mut place = 0;
        let mut next = || {
            place += 1;
            place.to_string()
        };
        for dimension in list(json, "dimensions") {
            let position = next();
            let own = ("str:Dimension", &[("position", position.as_str())][..]);
            component(out, own, dimension, |_| Ok(()))?;
        }
        if let Some(time) = json.get("timeDimension") {
            let position = next();
            let own = ("str:TimeDimension", &[("position", position.as_str())][..]);
            component(out, own, time, |_| Ok(()))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn attributes<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    if list(json, "attributes").next().is_none() {
        return Ok(());
    }
    let own = out.create_element("str:AttributeList").with_attribute(("id", "AttributeDescriptor"));
    own.write_inner_content(|out| {
        for attribute in list(json, "attributes") {
            let mandatory = attribute["usage"] == "mandatory";
            let status = if mandatory { "Mandatory" } else { "Conditional" };
            let own = ("str:Attribute", &[("assignmentStatus", status)][..]);
            component(out, own, attribute, |out| {
                relationship(out, &attribute["attributeRelationship"])
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// What an attribute describes: an observation, a series, or the whole.
fn relationship<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    out.create_element("str:AttributeRelationship").write_inner_content(|out| {
        let mut named = |element: &str, id: &str| -> io::Result<()> {
            out.create_element(element).write_inner_content(|out| {
                out.create_element("Ref").with_attribute(("id", id)).write_empty()?;
                Ok(())
            })?;
            Ok(())
        };
        if json.get("observation").is_some() {
            return named("str:PrimaryMeasure", "OBS_VALUE");
        }
        if json.get("dimensions").is_none() {
            out.create_element("str:None").write_empty()?;
            return Ok(());
        }
        let mut dimensions = list(json, "dimensions").filter_map(Value::as_str);
        dimensions.try_for_each(|id| named("str:Dimension", id))
    })?;
    Ok(())
}

/// One component: its concept, what stands in it, and `more`.
fn component<W: io::Write>(
    out: &mut Out<W>,
    (element, attributes): (&str, &[(&str, &str)]),
    json: &Value,
    more: impl FnOnce(&mut Out<W>) -> io::Result<()>,
) -> io::Result<()> {
    let own = out.create_element(element).with_attribute(("id", text(json, "id")));
    let own = attributes.iter().copied().fold(own, |own, attribute| own.with_attribute(attribute));
    own.write_inner_content(|out| {
        if let Some(concept) = Urn::parse(text(json, "conceptIdentity")) {
            reference(out, "str:ConceptIdentity", &concept)?;
        }
        let representation = &json["localRepresentation"];
        if representation.is_object() {
            out.create_element("str:LocalRepresentation").write_inner_content(|out| {
                if let Some(list) = Urn::parse(text(representation, "enumeration")) {
                    return reference(out, "str:Enumeration", &list);
                }
                let format = &representation["format"];
                let kind = ("textType", text(format, "dataType"));
                let mut own = out.create_element("str:TextFormat").with_attribute(kind);
                let longest = format["maxLength"].as_u64().map(|longest| longest.to_string());
                if let Some(longest) = &longest {
                    own = own.with_attribute(("maxLength", longest.as_str()));
                }
                own.write_empty()?;
                Ok(())
            })?;
        }
        more(out)
    })?;
    Ok(())
}
