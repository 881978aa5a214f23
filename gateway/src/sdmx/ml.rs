//! Structure messages in SDMX-ML 2.1 (SDMXMessage.xsd, SDMXStructure.xsd).

mod components;
mod schema;
mod xml;

use std::io;

use serde_json::Value;

pub use self::schema::schema;
pub(super) use self::xml::{COMMON, MESSAGE, begin, fit, head, reference};
use self::xml::{Out, STRUCTURE, annotations, list, names, text};
use super::{
    artefact::Artefact,
    header::Header,
    urn::{Class, Urn},
};

/// The classes in the order of the schema, each with the element that holds them.
const ORDER: [(Class, &str); 6] = [
    (Class::AgencyScheme, "str:OrganisationSchemes"),
    (Class::Dataflow, "str:Dataflows"),
    (Class::Codelist, "str:Codelists"),
    (Class::ConceptScheme, "str:Concepts"),
    (Class::DataStructure, "str:DataStructures"),
    (Class::DataConstraint, "str:Constraints"),
];

/// The message of these artefacts.
///
/// # Errors
/// Never, as it is written to memory.
pub fn message(header: &Header, artefacts: &[Artefact]) -> io::Result<Vec<u8>> {
    let mut out = begin(Vec::new())?;
    let root = out.create_element("mes:Structure").with_attributes([
        ("xmlns:mes", MESSAGE),
        ("xmlns:str", STRUCTURE),
        ("xmlns:com", COMMON),
    ]);
    root.write_inner_content(|out| {
        head(out, header, |_| Ok(()))?;
        out.create_element("mes:Structures").write_inner_content(|out| {
            for (class, element) in ORDER {
                let of_class: Vec<_> =
                    artefacts.iter().filter(|artefact| artefact.urn.class == class).collect();
                if of_class.is_empty() {
                    continue;
                }
                out.create_element(element).write_inner_content(|out| {
                    of_class.iter().try_for_each(|artefact| self::artefact(out, artefact))
                })?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(out.into_inner())
}

fn artefact<W: io::Write>(out: &mut Out<W>, artefact: &Artefact) -> io::Result<()> {
    let (name, json, urn) = (element(artefact.urn.class), &artefact.json, artefact.urn.to_string());
    let urn = urn.replace(".DataConstraint=", ".ContentConstraint=");
    let Urn { class, agency, id, version, .. } = &artefact.urn;
    let place = format!("/sdmx/v1/{}/{agency}/{id}/{version}", class.resource());
    let mut own = out.create_element(name).with_attributes([
        ("id", text(json, "id")),
        ("urn", &urn),
        ("agencyID", text(json, "agencyID")),
        ("version", text(json, "version")),
    ]);
    // A scheme of agencies is never final, for agencies come.
    if artefact.urn.class != Class::AgencyScheme {
        own = own.with_attribute(("isFinal", "true"));
    }
    if json["isExternalReference"] == true {
        own = own.with_attributes([("isExternalReference", "true"), ("structureURL", &place)]);
    }
    if json["isPartial"] == true {
        own = own.with_attribute(("isPartial", "true"));
    }
    if artefact.urn.class == Class::DataConstraint {
        own = own.with_attribute(("type", text(json, "role")));
    }
    own.write_inner_content(|out| {
        annotations(out, json)?;
        names(out, json)?;
        match artefact.urn.class {
            Class::AgencyScheme => {
                list(json, "agencies").try_for_each(|each| item(out, "str:Agency", each))
            }
            Class::Codelist => list(json, "codes").try_for_each(|each| item(out, "str:Code", each)),
            Class::ConceptScheme => {
                list(json, "concepts").try_for_each(|each| item(out, "str:Concept", each))
            }
            Class::Dataflow => match Urn::parse(text(json, "structure")) {
                Some(structure) => reference(out, "str:Structure", &structure),
                None => Ok(()), // a stub
            },
            Class::DataStructure => components::structure(out, json),
            Class::DataConstraint => constraint(out, json),
        }
    })?;
    Ok(())
}

fn element(class: Class) -> &'static str {
    match class {
        Class::AgencyScheme => "str:AgencyScheme",
        Class::Dataflow => "str:Dataflow",
        Class::Codelist => "str:Codelist",
        Class::ConceptScheme => "str:ConceptScheme",
        Class::DataStructure => "str:DataStructure",
        Class::DataConstraint => "str:ContentConstraint",
    }
}

/// An agency, a code or a concept.
fn item<W: io::Write>(out: &mut Out<W>, name: &str, json: &Value) -> io::Result<()> {
    let own = out.create_element(name).with_attribute(("id", text(json, "id")));
    own.write_inner_content(|out| {
        annotations(out, json)?;
        names(out, json)?;
        if let Some(parent) = json["parent"].as_str() {
            out.create_element("str:Parent").write_inner_content(|out| {
                out.create_element("Ref").with_attribute(("id", parent)).write_empty()?;
                Ok(())
            })?;
        }
        if let Some(list) = Urn::parse(text(&json["coreRepresentation"], "enumeration")) {
            out.create_element("str:CoreRepresentation")
                .write_inner_content(|out| reference(out, "str:Enumeration", &list))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn constraint<W: io::Write>(out: &mut Out<W>, json: &Value) -> io::Result<()> {
    let attached: Vec<Urn> = list(&json["constraintAttachment"], "dataflows")
        .filter_map(|urn| Urn::parse(urn.as_str()?))
        .collect();
    if !attached.is_empty() {
        out.create_element("str:ConstraintAttachment").write_inner_content(|out| {
            attached.iter().try_for_each(|flow| reference(out, "str:Dataflow", flow))
        })?;
    }
    for region in list(json, "cubeRegions") {
        let include = region["include"] != false;
        let own = out.create_element("str:CubeRegion");
        let own = own.with_attribute(("include", if include { "true" } else { "false" }));
        own.write_inner_content(|out| {
            for key in list(region, "keyValues") {
                let own =
                    out.create_element("com:KeyValue").with_attribute(("id", text(key, "id")));
                own.write_inner_content(|out| {
                    if let Some(range) = key.get("timeRange") {
                        return time_range(out, range);
                    }
                    list(key, "values").try_for_each(|value| {
                        let value = text(value, "value");
                        out.create_element("com:Value")
                            .write_text_content(quick_xml::events::BytesText::new(value))?;
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn time_range<W: io::Write>(out: &mut Out<W>, range: &Value) -> io::Result<()> {
    out.create_element("com:TimeRange").write_inner_content(|out| {
        for (name, bound) in [("com:StartPeriod", "startPeriod"), ("com:EndPeriod", "endPeriod")] {
            let period = text(&range[bound], "period");
            let own = out.create_element(name).with_attribute(("isInclusive", "true"));
            own.write_text_content(quick_xml::events::BytesText::new(period))?;
        }
        Ok(())
    })?;
    Ok(())
}
