//! Which structure a message is of.

use std::fmt;

/// A reference to a dataflow or a data structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// To a dataflow, or else to a data structure.
    pub to_dataflow: bool,
    /// Who maintains it.
    pub agency: String,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
}

impl Reference {
    /// Reads `urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=AGENCY:ID(VERSION)`.
    #[must_use]
    pub fn of_urn(urn: &str) -> Option<Self> {
        let (class, named) = urn.trim().strip_prefix("urn:sdmx:")?.split_once('=')?;
        let (agency, rest) = named.split_once(':')?;
        let (id, version) = rest.strip_suffix(')')?.split_once('(')?;
        Some(Self {
            to_dataflow: class.ends_with(".Dataflow"),
            agency: agency.to_owned(),
            id: id.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The dataset of the exchange that is meant, if any is: structures are called like their
    /// dataflows, with `DSD_` before.
    #[must_use]
    pub fn dataset(&self) -> Option<String> {
        let own = self.agency == "BIRGE";
        let id = if self.to_dataflow { Some(&self.id[..]) } else { self.id.strip_prefix("DSD_") };
        id.filter(|_| own).map(str::to_owned)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}({})", self.agency, self.id, self.version)
    }
}

/// What a message's header says.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) structures: Vec<Structure>,
    pub(super) action: Option<String>,
}

/// A structure, as the header names it.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// What it is called within the message.
    pub(super) name: String,
    /// The dimension that tells the observations of a series apart.
    pub(super) dimension: String,
    pub(super) of: Option<Reference>,
}

impl Header {
    /// The structure that a data set refers to.
    pub(super) fn structure(&self, name: Option<&str>) -> Option<&Structure> {
        match (name, &self.structures[..]) {
            (Some(name), all) => all.iter().find(|own| own.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}
