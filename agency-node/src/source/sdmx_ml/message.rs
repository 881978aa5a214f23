//! A message, read element by element.

use birge_schemas::finding::{Code, Finding, Report};
use memchr::memchr_iter;
use quick_xml::{
    Decoder, Reader,
    events::{BytesStart, Event},
};

use super::{
    element::{Pairs, Place, Said, utf8},
    groups::Groups,
    header::{Header, Reference, Structure},
};
use crate::source::{
    layout::Layout,
    records::Records,
    sheet::{Numerals, Sheet},
    template::VALUE,
};

/// How deep elements may stand in each other.
const DEPTH: usize = 32;

/// The dimension of the periods.
const TIME: &str = "TIME_PERIOD";

/// What a message says.
#[derive(Debug)]
pub struct Message {
    /// Of which structure, where it says so.
    pub of: Option<Reference>,
    /// What it does, where it says so.
    pub action: Option<String>,
    /// Its observations.
    pub sheet: Sheet,
}

/// Reads the text of a message.
///
/// # Errors
/// Why it is none.
pub(super) fn read(
    text: &str,
    layout: &Layout,
    is_figure: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Result<Message, Finding> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::new(layout.numerals(Numerals::Point), is_figure);
    let (mut line, mut seen) = (1, 0);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let passed = text.as_bytes().get(seen..at).unwrap_or_default();
        line += memchr_iter(b'\n', passed).count() as u64;
        seen = seen.max(at);
        let event = reader.read_event().map_err(|error| {
            Finding::new(Code::Format, "XML that is well-formed", format!("line {line}: {error}"))
        })?;
        let decoder = reader.decoder();
        let more = reading.event(event, decoder, line, report);
        // Nobody finds a place in a long message without its line.
        let more = more.map_err(|mut finding| {
            finding.expected = format!("{}, on line {line}", finding.expected);
            finding
        });
        if !more? {
            return reading.finish(report);
        }
    }
}

struct Reading<'f> {
    places: Vec<Place>,
    header: Header,
    /// What stands in the header's element that is being read.
    words: String,
    /// The name and the action of the structure that the data sets are of.
    of: Option<(Option<String>, Option<String>)>,
    /// What is said of the whole data set, of the series, the observation, the group.
    said: [Pairs; 4],
    groups: Groups,
    /// Rows of the data sets before.
    before: usize,
    records: Records<'f>,
    /// Where the observation begins.
    line: u64,
    /// Has the series an observation?
    is_observed: bool,
    unobserved: u64,
}

const SET: usize = 0;
const SERIES: usize = 1;
const OBS: usize = 2;
const GROUP: usize = 3;

impl<'f> Reading<'f> {
    fn new(numerals: Numerals, is_figure: &'f dyn Fn(&str) -> bool) -> Self {
        Self {
            places: vec![],
            header: Header::default(),
            words: String::new(),
            of: None,
            said: [const { vec![] }; 4],
            groups: Groups::default(),
            before: 0,
            records: Records::new(numerals, is_figure),
            line: 0,
            is_observed: false,
            unobserved: 0,
        }
    }

    /// Takes what comes next; `false` at the end.
    fn event(
        &mut self,
        event: Event<'_>,
        decoder: Decoder,
        line: u64,
        report: &mut Report,
    ) -> Result<bool, Finding> {
        let wrong = |expected: &str, found: &str| Finding::new(Code::Format, expected, found);
        match event {
            Event::Start(element) => self.start(&element, decoder, line)?,
            Event::End(_) => self.end(report)?,
            Event::Text(text) if self.wants_words() => self.words.push_str(&utf8(&text)),
            Event::DocType(_) => return Err(wrong("no document type", "<!DOCTYPE")),
            Event::GeneralRef(name) if self.wants_words() => {
                return Err(wrong("text without entities", &utf8(&name)));
            }
            Event::Eof if self.places.is_empty() && self.of.is_some() => return Ok(false),
            Event::Eof if self.places.is_empty() => {
                return Err(wrong("a data message of SDMX-ML with a data set", "none"));
            }
            Event::Eof => return Err(wrong("a message that is ended", "the end of the file")),
            _ => {}
        }
        Ok(true)
    }

    fn wants_words(&self) -> bool {
        matches!(self.places.last(), Some(Place::Urn | Place::HeaderAction))
    }

    fn start(
        &mut self,
        element: &BytesStart<'_>,
        decoder: Decoder,
        line: u64,
    ) -> Result<(), Finding> {
        let wrong = |expected: String, found: &str| Finding::new(Code::Format, expected, found);
        let local = element.local_name();
        let name = utf8(local.into_inner());
        if self.places.len() >= DEPTH {
            return Err(wrong(format!("elements at most {DEPTH} deep"), &name));
        }
        let place = match self.places.last() {
            Some(Place::Skipped) => Place::Skipped,
            Some(place) => place.within(&name).ok_or_else(|| {
                wrong("what a data message of SDMX-ML 2.1 has here".to_owned(), &name)
            })?,
            None => self.message(&name, &Said::of(element, decoder)?)?,
        };
        self.places.push(place);
        if place == Place::Skipped {
            return Ok(());
        }
        self.say(place, Said::of(element, decoder)?, line)
    }

    /// The message itself.
    fn message(&self, name: &str, said: &Said) -> Result<Place, Finding> {
        const MESSAGES: [&str; 4] = [
            "GenericData",
            "GenericTimeSeriesData",
            "StructureSpecificData",
            "StructureSpecificTimeSeriesData",
        ];
        let of_old = |(_, space): &(String, String)| space.contains("/schemas/v2_0/");
        let mut spaces = said.technical.iter();
        if self.of.is_some() || !MESSAGES.contains(&name) || spaces.any(of_old) {
            let expected = "one data message of SDMX-ML 2.1: GenericData or StructureSpecificData";
            return Err(Finding::new(Code::Format, expected, name));
        }
        Ok(Place::Message)
    }

    /// Takes in what the start of an element says.
    fn say(&mut self, place: Place, mut said: Said, line: u64) -> Result<(), Finding> {
        match place {
            Place::Structure => self.header.structures.push(Structure {
                name: said.take_technical("structureID").unwrap_or_default(),
                dimension: said.take("dimensionAtObservation").unwrap_or_else(|| TIME.to_owned()),
                of: None,
            }),
            Place::Reference => {
                let to_dataflow = said.take("class").map(|class| class == "Dataflow");
                let mut text = |name: &str| said.take(name).unwrap_or_default();
                let (agency, id) = (text("agencyID"), text("id"));
                let version = match text("version") {
                    version if version.is_empty() => "1.0".to_owned(),
                    version => version,
                };
                let to_dataflow = to_dataflow.unwrap_or(!id.starts_with("DSD_"));
                self.refer(Some(Reference { to_dataflow, agency, id, version }));
            }
            Place::Urn | Place::HeaderAction => self.words.clear(),
            Place::DataSet => self.data_set(said)?,
            Place::Series => {
                self.said[SERIES] = said.plain;
                self.is_observed = false;
            }
            Place::Group => self.said[GROUP] = said.plain,
            Place::Obs => {
                self.said[OBS] = said.plain;
                self.line = line;
            }
            // `Atts` of version 3.0; those of a generic message have elements of their own.
            Place::Values => {
                let level = self.level();
                self.said[level].append(&mut said.plain);
            }
            Place::Value => {
                let id = said.take("id").unwrap_or_default();
                let value = said.take("value").unwrap_or_default();
                let level = self.level();
                self.said[level].push((id, value));
            }
            Place::ObsDimension => {
                let own = self.of.as_ref().and_then(|(name, _)| name.as_deref());
                let usual = self.header.structure(own).map(|own| own.dimension.clone());
                let id = said.take("id").or(usual).unwrap_or_else(|| TIME.to_owned());
                let value = said.take("value").unwrap_or_default();
                self.said[OBS].push((id, value));
            }
            Place::ObsValue => {
                let value = said.take("value").unwrap_or_default();
                self.said[OBS].push((VALUE.to_owned(), value));
            }
            Place::Message | Place::Header | Place::StructureOf | Place::Skipped => {}
        }
        Ok(())
    }

    fn refer(&mut self, to: Option<Reference>) {
        if let Some(structure) = self.header.structures.last_mut() {
            structure.of = to.or_else(|| structure.of.take());
        }
    }

    /// Which of what is said an element in the present place belongs to.
    fn level(&self) -> usize {
        let within = self.places.iter().rev().find_map(|place| match place {
            Place::Obs => Some(OBS),
            Place::Series => Some(SERIES),
            Place::Group => Some(GROUP),
            _ => None,
        });
        within.unwrap_or(SET)
    }

    fn data_set(&mut self, mut said: Said) -> Result<(), Finding> {
        let structure = said.take_technical("structureRef");
        let action = said.take_technical("action").or_else(|| self.header.action.clone());
        for technical in [
            "setID",
            "validFromDate",
            "validToDate",
            "publicationYear",
            "publicationPeriod",
            "reportingBeginDate",
            "reportingEndDate",
            "dataScope",
        ] {
            _ = said.take_technical(technical);
        }
        let own = (structure, action);
        if self.of.as_ref().is_some_and(|of| *of != own) {
            let expected = "data sets of one structure and one action: one batch, one file";
            return Err(Finding::new(Code::Format, expected, "several").column("DataSet"));
        }
        self.of = Some(own);
        self.said = [said.plain, vec![], vec![], vec![]];
        self.groups = Groups::default();
        self.before = self.records.rows();
        Ok(())
    }

    fn end(&mut self, report: &mut Report) -> Result<(), Finding> {
        match self.places.pop() {
            Some(Place::Urn) => {
                let urn = Reference::of_urn(&self.words);
                self.refer(urn);
            }
            Some(Place::HeaderAction) => self.header.action = Some(self.words.trim().to_owned()),
            Some(Place::Group) => {
                let group = std::mem::take(&mut self.said[GROUP]);
                if !self.groups.push(group) {
                    let expected = "a million groups at most, of 64 kinds";
                    return Err(Finding::new(Code::Format, expected, "more"));
                }
                // What was said of a group after its series would be lost.
                if self.records.rows() > self.before {
                    let expected = "groups before the series that they are of";
                    return Err(Finding::new(Code::Format, expected, "one after").column("Group"));
                }
            }
            Some(Place::Series) => {
                self.unobserved += u64::from(!self.is_observed);
                self.said[SERIES].clear();
            }
            Some(Place::Obs) => self.observation(report)?,
            _ => {}
        }
        Ok(())
    }

    fn observation(&mut self, report: &mut Report) -> Result<(), Finding> {
        self.is_observed = true;
        let [set, series, own, _] = &self.said;
        let key: Pairs = series.iter().chain(own).cloned().collect();
        let of_groups = self.groups.of(&key);
        for (name, text) in key.iter().chain(&of_groups).chain(set) {
            self.records.cell(name, text)?;
        }
        self.said[OBS].clear();
        self.records.row(self.line, report)
    }

    fn finish(self, report: &mut Report) -> Result<Message, Finding> {
        let (name, action) = self.of.unwrap_or_default();
        if self.unobserved > 0 {
            let found = format!("{} series without observations", self.unobserved);
            if action.as_deref() == Some("Delete") {
                let expected = "the observations that are to be deleted, each by itself";
                return Err(Finding::new(Code::Format, expected, found));
            }
            report.push(Finding::new(Code::RowsLeftOut, "to be left out", found));
        }
        let of = self.header.structure(name.as_deref()).and_then(|own| own.of.clone());
        Ok(Message { of, action, sheet: self.records.finish() })
    }
}
