//! What the rules find in a batch: stable codes, where, what was expected and what stood there.

mod report;

use std::{fmt, str::FromStr};

use birge_proto::wire;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub use self::report::Report;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The batch is refused.
    Error,
    /// The batch is taken and marked.
    Warning,
    /// Told, without consequence.
    Info,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident, $rule:literal;)*) => {
        /// What kind of finding. The text of each code is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// The stable text.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            /// How much it matters, always the same for one code.
            #[must_use]
            pub fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity,)* } }
            /// The rule that it comes from: a content rule of the field or an article of the decree.
            #[must_use]
            pub fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }
        }
    };
}

codes! {
    /// The batch cannot be read as one.
    Format = "FORMAT", Error, "sdmx rule 1";
    /// Another dataset, version or count than the batch's header says.
    Provider = "PROVIDER", Error, "sdmx rule 2";
    /// A dimension has no column.
    ColumnMissing = "COLUMN_MISSING", Error, "sdmx rule 3";
    /// A column is neither dimension nor attribute, or stands twice.
    ColumnUnknown = "COLUMN_UNKNOWN", Error, "sdmx rule 3";
    /// A code is not in the code list.
    CodeUnknown = "CODE_UNKNOWN", Error, "sdmx rule 4";
    /// A code is in the list, but not allowed in this dataset.
    CodeConstraint = "CODE_CONSTRAINT", Error, "sdmx rule 4";
    /// A period that does not fit the frequency.
    PeriodFormat = "PERIOD_FORMAT", Error, "sdmx rule 5";
    /// A period that has not begun.
    PeriodFuture = "PERIOD_FUTURE", Error, "sdmx rule 5";
    /// A period that the batch's header does not name.
    PeriodUndeclared = "PERIOD_UNDECLARED", Error, "sdmx rule 5";
    /// The same key as in an earlier row.
    DuplicateKey = "DUPLICATE_KEY", Error, "sdmx rule 6";
    /// A mandatory attribute is not given.
    AttributeMissing = "ATTRIBUTE_MISSING", Error, "sdmx rule 7";
    /// Not a finite number, or an attribute not of its format.
    ValueFormat = "VALUE_FORMAT", Error, "sdmx rule 8";
    /// A fraction of a person.
    ValueFraction = "VALUE_FRACTION", Error, "sdmx rule 8";
    /// Below zero, where nothing can be.
    ValueNegative = "VALUE_NEGATIVE", Error, "sdmx rule 9";
    /// Beyond what the unit allows or a double carries exactly.
    ValueRange = "VALUE_RANGE", Error, "sdmx rule 10";
    /// No value, and a status that does not say why.
    ValueBlank = "VALUE_BLANK", Error, "sdmx rule 11";
    /// A value, and a status that says that there is none.
    ValueStatus = "VALUE_STATUS", Error, "sdmx rule 11";
    /// The sexes do not add up to their total.
    SumSex = "SUM_SEX", Error, "sdmx rule 12";
    /// A total by sex that cannot be checked, for a part is missing.
    SumSexSkipped = "SUM_SEX_SKIPPED", Info, "sdmx rule 12";
    /// Parts that exclude each other are together more than their whole.
    PartsExceedWhole = "PARTS_EXCEED_WHOLE", Error, "sdmx rules 13 and 14";
    /// Parts that are all of a whole are together less than it.
    SumParts = "SUM_PARTS", Warning, "sdmx rules 13 and 14";
    /// A figure is many times what it was in the period before, or the reverse.
    ChangeLarge = "CHANGE_LARGE", Warning, "sdmx rule 17";
    /// Women and men have changed places since the period before.
    SexSwapped = "SEX_SWAPPED", Warning, "sdmx rule 18";
    /// A revision changes much of what stood.
    RevisionLarge = "REVISION_LARGE", Warning, "sdmx rule 19";
    /// A figure that a revision changes.
    FigureChanged = "FIGURE_CHANGED", Info, "sdmx rule 19";
    /// A figure that a revision takes away.
    FigureRemoved = "FIGURE_REMOVED", Info, "sdmx rule 19";
    /// A part is larger than its whole.
    PartExceedsWhole = "PART_EXCEEDS_WHOLE", Error, "sdmx rule 15";
    /// A count of persons without the split by sex, and no reason.
    SexSplitMissing = "SEX_SPLIT_MISSING", Error, "split by sex";
    /// A count of persons without the split by sex, with a reason.
    SexSplitExplained = "SEX_SPLIT_EXPLAINED", Warning, "split by sex";
    /// A text longer than its attribute allows.
    TextTooLong = "TEXT_TOO_LONG", Error, "sdmx rule 1";
    /// A column of the source of which its mapping says nothing.
    ColumnUnmapped = "COLUMN_UNMAPPED", Error, "the mapping";
    /// Text of a column of which nothing is needed, which an earlier conversion has broken.
    TextBroken = "TEXT_BROKEN", Warning, "sdmx rule 1";
    /// Rows of the source that its mapping leaves out.
    RowsLeftOut = "ROWS_LEFT_OUT", Info, "the mapping";
    /// Rows of a form that nobody filled in.
    NotFilled = "NOT_FILLED", Warning, "the form";
    /// Figures of the source that are not divided as others are.
    SplitAbsent = "SPLIT_ABSENT", Info, "the mapping";
    /// Rows of the source that were added up.
    Combined = "COMBINED", Info, "the mapping";
    /// A total that the mapping asks for and that cannot be made, as not all of it is there.
    TotalNotMade = "TOTAL_NOT_MADE", Warning, "the mapping";
    /// Counts of records that are small.
    SmallCounts = "SMALL_COUNTS", Info, "the mapping";
    /// Observations that were made of others.
    Derived = "DERIVED", Info, "the mapping";
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
    }
}

/// A text that is no code of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the code of a finding, such as CHANGE_LARGE")]
pub struct UnknownCode;

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The observation's row in the batch from 1; 0 where it is on no row.
    pub row: u64,
    /// The column, empty where it is on none.
    pub column: String,
    /// Codes of the dimensions as they came, in the structure's order, joined by `.`.
    pub key: String,
    /// What the rule asks for.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl Finding {
    /// A finding on no row.
    #[must_use]
    pub fn new(code: Code, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            row: 0,
            column: String::new(),
            key: String::new(),
            expected: expected.into(),
            found: clip(found.into()),
        }
    }

    /// Says on which column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = clip(column.into());
        self
    }

    /// Says on which row, counted from 0, and which key stands there.
    #[must_use]
    pub fn at(mut self, row: usize, key: impl Into<String>) -> Self {
        self.row = row as u64 + 1;
        self.key = clip(key.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.row > 0 {
            write!(f, " in row {}", self.row)?;
        }
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ", key {}", self.key)?;
        }
        write!(f, ": found {}, expected {} ({})", self.found, self.expected, self.code.rule())
    }
}

impl Finding {
    fn to_wire(&self) -> wire::Finding {
        let severity = match self.severity {
            Severity::Error => wire::Severity::Error,
            Severity::Warning => wire::Severity::Warning,
            Severity::Info => wire::Severity::Info,
        };
        wire::Finding {
            code: self.code.to_string(),
            severity: severity.into(),
            row: self.row,
            column: self.column.clone(),
            key: self.key.clone(),
            expected: self.expected.clone(),
            found: self.found.clone(),
            rule: self.code.rule().to_owned(),
        }
    }

    fn from_wire(finding: &wire::Finding) -> Option<Self> {
        let code = finding.code.parse().ok()?;
        Some(Self {
            code,
            severity: code.severity(),
            row: finding.row,
            column: finding.column.clone(),
            key: finding.key.clone(),
            expected: finding.expected.clone(),
            found: finding.found.clone(),
        })
    }
}

/// At most 120 characters of a text from outside.
fn clip(text: String) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_clipped_between_characters() {
        let finding = Finding::new(Code::CodeUnknown, "a code", "ы".repeat(500));
        assert_eq!(finding.found.chars().count(), 121);
    }
}
