//! Names of artefacts: `urn:sdmx:org.sdmx.infomodel.codelist.Codelist=BIRGE:CL_SEX(1.0.0)`
//! (SDMX 3.0, section 5, 6.2.2).

use std::fmt;

/// A class of maintainable artefacts, of those that the exchange holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Who maintains the others.
    AgencyScheme,
    /// A dataset.
    Dataflow,
    /// A code list.
    Codelist,
    /// Concepts.
    ConceptScheme,
    /// Dimensions, measure and attributes of a dataset.
    DataStructure,
    /// The codes that a dataset allows, or has.
    DataConstraint,
}

/// Of a class: its package and name in URNs, the name of an item of it, its name in paths, and the
/// collection of structure messages in JSON.
struct Words {
    class: Class,
    package: &'static str,
    name: &'static str,
    item: &'static str,
    resource: &'static str,
    collection: &'static str,
}

const WORDS: [Words; 6] = [
    words(Class::AgencyScheme, "base", ["AgencyScheme", "Agency"], "agencyscheme", "agencySchemes"),
    words(Class::Dataflow, "datastructure", ["Dataflow", ""], "dataflow", "dataflows"),
    words(Class::Codelist, "codelist", ["Codelist", "Code"], "codelist", "codelists"),
    words(
        Class::ConceptScheme,
        "conceptscheme",
        ["ConceptScheme", "Concept"],
        "conceptscheme",
        "conceptSchemes",
    ),
    words(
        Class::DataStructure,
        "datastructure",
        ["DataStructure", ""],
        "datastructure",
        "dataStructures",
    ),
    words(
        Class::DataConstraint,
        "registry",
        ["DataConstraint", ""],
        "dataconstraint",
        "dataConstraints",
    ),
];

const fn words(
    class: Class,
    package: &'static str,
    [name, item]: [&'static str; 2],
    resource: &'static str,
    collection: &'static str,
) -> Words {
    Words { class, package, name, item, resource, collection }
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::AgencyScheme,
        Self::Dataflow,
        Self::Codelist,
        Self::ConceptScheme,
        Self::DataStructure,
        Self::DataConstraint,
    ];

    fn words(self) -> &'static Words {
        &WORDS[self as usize]
    }

    /// Its package in URNs: `codelist`.
    #[must_use]
    pub fn package(self) -> &'static str {
        self.words().package
    }

    /// Its name in URNs: `Codelist`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.words().name
    }

    /// The collection that it stands in in a structure message in JSON: `codelists`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        self.words().collection
    }

    /// Its name in paths: `codelist`.
    #[must_use]
    pub fn resource(self) -> &'static str {
        self.words().resource
    }

    /// The class that paths and `references` call so, in any version of the interface.
    #[must_use]
    pub fn of_resource(name: &str) -> Option<Self> {
        let name = if name == "contentconstraint" { "dataconstraint" } else { name };
        WORDS.iter().find(|words| words.resource == name).map(|words| words.class)
    }

    /// The class that URNs call so, it or an item of it.
    fn of_urn(name: &str) -> Option<Self> {
        let is = |words: &&Words| words.name == name || (!name.is_empty() && words.item == name);
        WORDS.iter().find(is).map(|words| words.class)
    }
}

/// The name of a maintainable artefact, or of an item in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Urn {
    /// What it is, or what it is an item of.
    pub class: Class,
    /// Who maintains it.
    pub agency: String,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The item in it.
    pub item: Option<String>,
}

impl Urn {
    /// Reads a URN; none where it names no artefact of these classes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (class, name) = text.strip_prefix("urn:sdmx:org.sdmx.infomodel.")?.split_once('=')?;
        let (agency, name) = name.split_once(':')?;
        let (id, name) = name.split_once('(')?;
        let (version, item) = name.split_once(')')?;
        Some(Self {
            class: Class::of_urn(class.rsplit('.').next()?)?,
            agency: agency.to_owned(),
            id: id.to_owned(),
            version: version.to_owned(),
            item: item.strip_prefix('.').map(str::to_owned),
        })
    }

    /// The name of the whole artefact.
    #[must_use]
    pub fn maintainable(&self) -> Self {
        Self { item: None, ..self.clone() }
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, agency, id, version, item } = self;
        let words = class.words();
        let name = if item.is_some() { words.item } else { words.name };
        let package = words.package;
        write!(formatter, "urn:sdmx:org.sdmx.infomodel.{package}.{name}={agency}:{id}({version})")?;
        item.iter().try_for_each(|item| write!(formatter, ".{item}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urns_are_read_as_they_are_written() {
        for text in [
            "urn:sdmx:org.sdmx.infomodel.codelist.Codelist=BIRGE:CL_SEX(1.0.0)",
            "urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=BIRGE:CS_MIG_GENDER(1.0.0).FREQ",
            "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=BIRGE:TRAFFICKING(1.0.0)",
        ] {
            assert_eq!(Urn::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "urn:sdmx:x", "urn:sdmx:org.sdmx.infomodel.process.Process=A:B(1.0)"] {
            assert_eq!(Urn::parse(text), None);
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_classes() {
        for class in Class::ALL {
            assert_eq!(class.words().class, class);
            assert_eq!(Class::of_resource(class.words().resource), Some(class));
        }
    }
}
