//! Elements of a message: where they stand, and what their attributes say.

use std::borrow::Cow;

use birge_proto::limits;
use birge_schemas::finding::{Code, Finding};
use quick_xml::{Decoder, events::BytesStart};

/// Attributes that one element may have.
const ATTRIBUTES: usize = 4 * limits::COLUMNS;

/// An element's attributes, in order, by name.
pub(super) type Pairs = Vec<(String, String)>;

/// What an element says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Under plain names.
    pub(super) plain: Pairs,
    /// Under names with a prefix, which is left off: what the message itself needs.
    pub(super) technical: Pairs,
}

impl Said {
    /// The attributes of an element.
    ///
    /// # Errors
    /// When they are not well-formed, or too many.
    pub(super) fn of(element: &BytesStart<'_>, decoder: Decoder) -> Result<Self, Finding> {
        let mut said = Self::default();
        for attribute in element.attributes() {
            let wrong = |error: String| Finding::new(Code::Format, "attributes of XML", error);
            let attribute = attribute.map_err(|error| wrong(error.to_string()))?;
            if said.plain.len() + said.technical.len() >= ATTRIBUTES {
                let expected = format!("at most {ATTRIBUTES} attributes in one element");
                return Err(Finding::new(Code::Format, expected, "more"));
            }
            let value = attribute.decode_and_unescape_value(decoder);
            let value = value.map_err(|error| wrong(error.to_string()))?;
            let name = utf8(attribute.key.local_name().into_inner());
            let is_plain = attribute.key.prefix().is_none() && name != "xmlns";
            let own = if is_plain { &mut said.plain } else { &mut said.technical };
            own.push((name.into_owned(), value.into_owned()));
        }
        Ok(said)
    }

    /// Takes what is said under a plain name.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.plain.iter().position(|(own, _)| own == name)?;
        Some(self.plain.remove(place).1)
    }

    /// Takes what is said under a name with a prefix or, failing that, without.
    pub(super) fn take_technical(&mut self, name: &str) -> Option<String> {
        match self.technical.iter().position(|(own, _)| own == name) {
            Some(place) => Some(self.technical.remove(place).1),
            None => self.take(name),
        }
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Message,
    Header,
    /// What a structure is called in this message.
    Structure,
    /// Which one it is.
    StructureOf,
    Reference,
    Urn,
    HeaderAction,
    DataSet,
    Series,
    Obs,
    Group,
    /// The key, or the attributes, of whatever it stands in.
    Values,
    Value,
    /// The period of an observation in a series.
    ObsDimension,
    ObsValue,
    /// Nothing in it is needed.
    Skipped,
}

impl Place {
    /// Where an element of this name stands within another; none where nobody knows it there.
    pub(super) fn within(self, name: &str) -> Option<Self> {
        Some(match (self, name) {
            (Self::Message, "Header") => Self::Header,
            (Self::Message, "DataSet") => Self::DataSet,
            (Self::Message, "Footer") => Self::Skipped,
            (Self::Header, "Structure") => Self::Structure,
            (Self::Header, "DataSetAction") => Self::HeaderAction,
            (Self::Header, _) => Self::Skipped,
            (Self::Structure, "Structure" | "StructureUsage") => Self::StructureOf,
            (Self::Structure, _) => Self::Skipped,
            (Self::StructureOf, "Ref") => Self::Reference,
            (Self::StructureOf, "URN") => Self::Urn,
            (Self::DataSet, "Series") => Self::Series,
            (Self::DataSet | Self::Series, "Obs") => Self::Obs,
            (Self::DataSet, "Group") => Self::Group,
            (Self::DataSet, "Attributes" | "Atts")
            | (Self::Series, "SeriesKey" | "Attributes")
            | (Self::Obs, "ObsKey" | "Attributes")
            | (Self::Group, "GroupKey" | "Attributes") => Self::Values,
            (Self::Values, "Value") => Self::Value,
            (Self::Obs, "ObsDimension") => Self::ObsDimension,
            (Self::Obs, "ObsValue") => Self::ObsValue,
            (_, "Annotations" | "DataProvider") => Self::Skipped,
            _ => return None,
        })
    }
}
