//! How finely a cell is broken down: what the decree's access rules and the disclosure
//! control both speak of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dimension along which a total is broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Breakdown {
    /// `INDICATOR`: a code with a parent, such as one form of exploitation.
    Indicator,
    /// `REF_AREA`: a region of a country.
    Region,
    /// `SEX`
    Sex,
    /// `AGE`
    Age,
    /// `CITIZENSHIP`
    Citizenship,
    /// `COUNTRY_BIRTH`
    CountryBirth,
    /// `COUNTERPART_AREA`: country of destination, of asylum, of the other end.
    Counterpart,
    /// `MIG_STATUS`
    Status,
    /// `MIG_REASON`
    Reason,
}

impl Breakdown {
    /// Every breakdown, in the order of the concepts.
    pub const ALL: [Self; 9] = [
        Self::Indicator,
        Self::Region,
        Self::Sex,
        Self::Age,
        Self::Citizenship,
        Self::CountryBirth,
        Self::Counterpart,
        Self::Status,
        Self::Reason,
    ];

    /// The breakdown that a dimension makes; none for `FREQ`, `UNIT_MEASURE`, `TIME_PERIOD`.
    #[must_use]
    pub fn of_dimension(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breakdown| breakdown.dimension() == id)
    }

    /// The dimension's id.
    #[must_use]
    pub fn dimension(self) -> &'static str {
        match self {
            Self::Indicator => "INDICATOR",
            Self::Region => "REF_AREA",
            Self::Sex => "SEX",
            Self::Age => "AGE",
            Self::Citizenship => "CITIZENSHIP",
            Self::CountryBirth => "COUNTRY_BIRTH",
            Self::Counterpart => "COUNTERPART_AREA",
            Self::Status => "MIG_STATUS",
            Self::Reason => "MIG_REASON",
        }
    }
}

/// The set of breakdowns of a cell: empty for a national total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Detail(u16);

impl Detail {
    /// No breakdown.
    pub const TOTAL: Self = Self(0);

    /// This detail broken down further.
    #[must_use]
    pub fn with(self, breakdown: Breakdown) -> Self {
        Self(self.0 | 1 << breakdown as u8)
    }

    /// Is it broken down so?
    #[must_use]
    pub fn has(self, breakdown: Breakdown) -> bool {
        self.0 & 1 << breakdown as u8 != 0
    }

    /// Along how many dimensions.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Is every breakdown of `self` one of `other` too?
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The breakdowns, in order.
    pub fn iter(self) -> impl Iterator<Item = Breakdown> {
        Breakdown::ALL.into_iter().filter(move |breakdown| self.has(*breakdown))
    }

    /// Every detail made of some of these breakdowns, itself and the total included.
    pub fn subsets(self) -> impl Iterator<Item = Self> {
        (0..=self.0).map(Self).filter(move |detail| detail.within(self))
    }
}

impl FromIterator<Breakdown> for Detail {
    fn from_iter<I: IntoIterator<Item = Breakdown>>(breakdowns: I) -> Self {
        breakdowns.into_iter().fold(Self::TOTAL, Self::with)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::TOTAL {
            return f.write_str("totals");
        }
        for (place, breakdown) in self.iter().enumerate() {
            let separator = if place == 0 { "by " } else { " and " };
            write!(f, "{separator}{}", breakdown.dimension())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_coarser_details() {
        let detail: Detail = [Breakdown::Sex, Breakdown::Age].into_iter().collect();
        let subsets: Vec<_> = detail.subsets().collect();
        assert_eq!(subsets.len(), 4);
        assert!(subsets.iter().all(|subset| subset.within(detail)));
        assert_eq!(detail.to_string(), "by SEX and AGE");
        assert_eq!(Detail::TOTAL.to_string(), "totals");
    }
}
