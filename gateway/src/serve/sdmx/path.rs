//! The address of a request, taken apart: segments are told apart before they are decoded, so
//! that a `/` or a comma that is part of a name stays one.

use std::collections::BTreeMap;

use axum::http::Uri;
use birge_proto::problem::{Kind, Problem};
use percent_encoding::percent_decode_str;

use super::ROOT;

/// Characters of an address.
const LONGEST: usize = 16 << 10;
/// Parameters of one request.
const MOST_PARAMETERS: usize = 64;

/// A version of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 1.5.
    One,
    /// 2.1.
    Two,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The version of the interface.
    pub(super) version: Version,
    /// What is asked for, such as `data`.
    pub(super) resource: String,
    /// The segments below it, decoded.
    pub(super) segments: Vec<String>,
    /// The parameters. Each stands once.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Version {
    /// The version that an address speaks of; the second where it speaks of none.
    pub(super) fn of(uri: &Uri) -> Self {
        let own = uri.path().strip_prefix(ROOT).unwrap_or_default();
        if own.starts_with("v1/") || own == "v1" { Self::One } else { Self::Two }
    }
}

impl Path {
    /// Takes an address apart.
    ///
    /// # Errors
    /// `MALFORMED`, `NOT_FOUND` where there is no such version.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let length = uri.path().len() + uri.query().map_or(0, str::len);
        if length > LONGEST {
            let detail = format!("the address has {length} characters");
            return Err(Problem::new(Kind::TooLarge, detail).hint(format!(
                "at most {LONGEST}: leave dimensions open of which nearly everything is wanted"
            )));
        }
        let own = uri.path().strip_prefix(ROOT).unwrap_or_default();
        let mut segments = own.split('/');
        let version = match segments.next() {
            Some("v1") => Version::One,
            Some("v2") => Version::Two,
            _ => {
                return Err(Problem::new(Kind::NotFound, "there is no such version of SDMX REST")
                    .hint("there are /sdmx/v1 and /sdmx/v2"));
            }
        };
        let mut segments: Vec<_> = segments.map(decoded).collect::<Result<_, _>>()?;
        while segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        if segments.is_empty() {
            let there = "data, structure, availability and schema";
            return Err(Problem::new(Kind::NotFound, "the address names no resource")
                .hint(format!("there are, among others, {there}")));
        }
        let resource = segments.remove(0);
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if parameters.len() == MOST_PARAMETERS {
                let detail = format!("there are more than {MOST_PARAMETERS} parameters");
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            if parameters.insert(name.to_string(), value.to_string()).is_some() {
                let detail = format!("the parameter {name} stands twice");
                return Err(Problem::new(Kind::Malformed, detail)
                    .hint("join what one component must be with + (and) or a comma (or)"));
            }
        }
        Ok(Self { version, resource, segments, parameters })
    }

    /// A segment; none where it is left out or empty.
    pub(super) fn segment(&self, place: usize) -> Option<&str> {
        self.segments.get(place).map(String::as_str).filter(|segment| !segment.is_empty())
    }

    /// A parameter; none where it is left out or empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// `MALFORMED` where it is none.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Problem> {
        let number = |text: &str| {
            text.parse().map_err(|_| {
                Problem::new(Kind::Malformed, format!("{name}={text} is no number"))
                    .hint(format!("expected a whole number, such as {name}=10"))
            })
        };
        self.parameter(name).map(number).transpose()
    }

    /// Refuses what follows on the last segment that means something.
    ///
    /// # Errors
    /// `MALFORMED`.
    pub(super) fn at_most(&self, segments: usize) -> Result<(), Problem> {
        match self.segments.get(segments) {
            None => Ok(()),
            Some(more) => {
                let detail = format!("{more:?} at the end of the address means nothing");
                Err(Problem::new(Kind::Malformed, detail))
            }
        }
    }
}

fn decoded(segment: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(segment).decode_utf8();
    let decoded = decoded.map_err(|_| {
        Problem::new(Kind::Malformed, "the address is not encoded UTF-8")
            .hint("percent-encode what is no letter, digit or one of -._~")
    })?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Path, Problem> {
        Path::of(&text.parse().unwrap())
    }

    #[test]
    fn segments_are_decoded_after_they_are_told_apart() {
        let path = of("/sdmx/v1/data/A%2CDF%2C1.0.0/A.KE%2BUG..F./?startPeriod=2020&x=").unwrap();
        assert_eq!((path.version, path.resource.as_str()), (Version::One, "data"));
        assert_eq!(path.segments, ["A,DF,1.0.0", "A.KE+UG..F."]);
        assert_eq!((path.parameter("startPeriod"), path.parameter("x")), (Some("2020"), None));
        assert_eq!(of("/sdmx/v2/structure/dataflow/A/DF/+").unwrap().segments[3], "+");
        let filter = of("/sdmx/v2/data/x?c%5BTIME_PERIOD%5D=ge:2020+le%3A2021").unwrap();
        assert_eq!(filter.parameter("c[TIME_PERIOD]"), Some("ge:2020 le:2021"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for wrong in ["/sdmx/v3/data", "/sdmx/v1", "/sdmx/v1//", "/sdmx/v1/data/%ff", "/sdmx/"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(of("/sdmx/v1/data/x?a=1&a=2").is_err());
        assert!(of("/sdmx/v1/data/x?n=x").unwrap().number::<u32>("n").is_err());
    }
}
