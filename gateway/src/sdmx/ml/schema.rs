//! The schema of structure-specific messages of one dataset (SDMX 2.1, section 3A, 4.4): a
//! restriction of the types that SDMXDataStructureSpecific.xsd has.

use std::io;

use birge_schemas::structure::{Attribute, AttributeKind, Dimension, Level, Structure};
use quick_xml::events::{BytesStart, Event};

use super::xml::{COMMON, Out, begin};
use crate::sdmx::{
    data::{Layout, TIME, VALUE, specific},
    urn::Urn,
};

/// The schema of a dataset's messages in this layout.
///
/// # Errors
/// Never, as it is written to memory.
pub fn schema(structure: &Structure, definition: &Urn, layout: Layout) -> io::Result<Vec<u8>> {
    let mut out = begin(vec![])?;
    let namespace = specific::namespace(definition, layout);
    let root = out.create_element("xs:schema").with_attributes([
        ("xmlns:xs", "http://www.w3.org/2001/XMLSchema"),
        ("xmlns:ss", specific::SPECIFIC),
        ("xmlns:common", COMMON),
        ("xmlns", namespace.as_str()),
        ("targetNamespace", namespace.as_str()),
        ("elementFormDefault", "unqualified"),
        ("attributeFormDefault", "unqualified"),
    ]);
    root.write_inner_content(|out| {
        for (namespace, place) in
            [(COMMON, "SDMXCommon.xsd"), (specific::SPECIFIC, "SDMXDataStructureSpecific.xsd")]
        {
            let own = [("namespace", namespace), ("schemaLocation", place)];
            out.create_element("xs:import").with_attributes(own).write_empty()?;
        }
        for dimension in structure.coded() {
            codes(out, &dimension.id, dimension.allowed())?;
        }
        for attribute in &structure.attributes {
            if let AttributeKind::Coded(list) = &attribute.kind {
                codes(out, &attribute.id, list.codes().iter().map(|code| code.id.as_str()))?;
            }
        }
        match layout {
            Layout::Series => series(out, structure),
            Layout::Flat => flat(out, structure),
        }
    })?;
    Ok(out.into_inner())
}

/// A type of the codes that a component may have.
fn codes<'a, W: io::Write>(
    out: &mut Out<W>,
    id: &str,
    codes: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let own = out.create_element("xs:simpleType").with_attribute(("name", id));
    own.write_inner_content(|out| {
        let own = out.create_element("xs:restriction").with_attribute(("base", "xs:string"));
        own.write_inner_content(|out| {
            for code in codes {
                let own = out.create_element("xs:enumeration");
                own.with_attribute(("value", code)).write_empty()?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn series<W: io::Write>(out: &mut Out<W>, structure: &Structure) -> io::Result<()> {
    data_set(out, structure, "Series", "SeriesType")?;
    restriction(out, "SeriesType", |out| {
        sequence(out, |out| element(out, "Obs", "ObsType"))?;
        attribute(out, TIME, "common:ObservationalTimePeriodType", "prohibited")?;
        structure.coded().try_for_each(|own| dimension(out, own))?;
        of_level(structure, Level::Series).try_for_each(|own| described(out, own))
    })?;
    restriction(out, "ObsType", |out| {
        sequence(out, |_| Ok(()))?;
        observation(out)?;
        of_level(structure, Level::Observation).try_for_each(|own| described(out, own))
    })
}

fn flat<W: io::Write>(out: &mut Out<W>, structure: &Structure) -> io::Result<()> {
    data_set(out, structure, "Obs", "ObsType")?;
    restriction(out, "ObsType", |out| {
        sequence(out, |_| Ok(()))?;
        observation(out)?;
        structure.coded().try_for_each(|own| dimension(out, own))?;
        let mut levels = [Level::Series, Level::Observation].into_iter();
        levels.try_for_each(|level| {
            of_level(structure, level).try_for_each(|own| described(out, own))
        })
    })
}

fn data_set<W: io::Write>(
    out: &mut Out<W>,
    structure: &Structure,
    name: &str,
    kind: &str,
) -> io::Result<()> {
    restriction(out, "DataSetType", |out| {
        sequence(out, |out| {
            let own = out.create_element("xs:choice").with_attribute(("minOccurs", "0"));
            own.write_inner_content(|out| element(out, name, kind))?;
            Ok(())
        })?;
        of_level(structure, Level::Dataset).try_for_each(|own| described(out, own))
    })
}

/// A type that allows less than the one of the same name of all data structures.
fn restriction<W: io::Write>(
    out: &mut Out<W>,
    name: &str,
    inner: impl FnOnce(&mut Out<W>) -> io::Result<()>,
) -> io::Result<()> {
    let base = format!("ss:{name}");
    let own = out.create_element("xs:complexType").with_attribute(("name", name));
    own.write_inner_content(|out| {
        out.create_element("xs:complexContent").write_inner_content(|out| {
            let own = out.create_element("xs:restriction").with_attribute(("base", base.as_str()));
            own.write_inner_content(inner)?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn sequence<W: io::Write>(
    out: &mut Out<W>,
    inner: impl FnOnce(&mut Out<W>) -> io::Result<()>,
) -> io::Result<()> {
    out.create_element("xs:sequence").write_inner_content(|out| {
        let own = [("ref", "common:Annotations"), ("minOccurs", "0")];
        out.create_element("xs:element").with_attributes(own).write_empty()?;
        inner(out)
    })?;
    Ok(())
}

fn element<W: io::Write>(out: &mut Out<W>, name: &str, kind: &str) -> io::Result<()> {
    let own = out.create_element("xs:element").with_attributes([
        ("name", name),
        ("type", kind),
        ("form", "unqualified"),
        ("minOccurs", "0"),
        ("maxOccurs", "unbounded"),
    ]);
    own.write_empty()?;
    Ok(())
}

fn attribute<W: io::Write>(
    out: &mut Out<W>,
    name: &str,
    kind: &str,
    usage: &str,
) -> io::Result<()> {
    let own = BytesStart::new("xs:attribute").with_attributes([
        ("name", name),
        ("type", kind),
        ("use", usage),
    ]);
    out.write_event(Event::Empty(own))
}

fn dimension<W: io::Write>(out: &mut Out<W>, dimension: &Dimension) -> io::Result<()> {
    attribute(out, &dimension.id, &dimension.id, "required")
}

/// A period, and a value: none stands where the cell is withheld, or none is asked for.
fn observation<W: io::Write>(out: &mut Out<W>) -> io::Result<()> {
    attribute(out, TIME, "common:ObservationalTimePeriodType", "required")?;
    attribute(out, VALUE, "xs:double", "optional")
}

/// An attribute; none must be there, for an answer has those that are asked for.
fn described<W: io::Write>(out: &mut Out<W>, own: &Attribute) -> io::Result<()> {
    let kind = match own.kind {
        AttributeKind::Coded(_) => own.id.as_str(),
        AttributeKind::Text(_) | AttributeKind::Moment => "xs:string",
        AttributeKind::Whole => "xs:integer",
    };
    attribute(out, &own.id, kind, "optional")
}

fn of_level(structure: &Structure, level: Level) -> impl Iterator<Item = &Attribute> {
    structure.attributes.iter().filter(move |attribute| attribute.level == level)
}
