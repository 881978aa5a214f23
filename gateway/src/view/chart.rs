//! Charts of tables, as SVG that is made here: for eyes that tell no red from green, for screen
//! readers, for paper. A chart shows what its table holds and nothing else.

mod bars;
mod dots;
mod draw;
mod fit;
mod lines;
mod matrix;
mod pyramid;
mod regions;
mod scale;
#[cfg(test)]
mod tests;

use birge_schemas::structure::Structure;

use self::draw::Sheet;
use super::{
    pivot::{Only, Pivot, SEX, TIME, Value},
    words::Say,
};

/// A kind of chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line for each series, through time.
    Lines,
    /// Men to the left, women to the right, by age.
    Pyramid,
    /// Bars in a row, one upon the other.
    Stacked,
    /// Bars side by side.
    Grouped,
    /// A dot for women, one for men, ranked by the gap between them.
    Dots,
    /// Shaded cells: origins and destinations.
    Matrix,
    /// A tile for each region.
    Regions,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Lines,
        Self::Pyramid,
        Self::Stacked,
        Self::Grouped,
        Self::Dots,
        Self::Matrix,
        Self::Regions,
    ];

    /// Its name in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Pyramid => "pyramid",
            Self::Stacked => "stacked",
            Self::Grouped => "grouped",
            Self::Dots => "dots",
            Self::Matrix => "matrix",
            Self::Regions => "regions",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Can it be drawn of this dataset at all?
    #[must_use]
    pub fn suits(self, structure: &Structure) -> bool {
        let has = |id: &str| structure.position(id).is_some();
        match self {
            Self::Pyramid => has(SEX) && has("AGE"),
            Self::Dots => has(SEX),
            Self::Regions => {
                let area = structure.coded().find(|dimension| dimension.id == "REF_AREA");
                area.is_some_and(|area| area.allowed().any(regions::is_one))
            }
            Self::Lines | Self::Stacked | Self::Grouped | Self::Matrix => true,
        }
    }

    /// The dimension that it always goes along; none where one is chosen.
    #[must_use]
    pub fn along(self) -> Option<&'static str> {
        match self {
            Self::Lines => Some(TIME),
            Self::Pyramid => Some("AGE"),
            Self::Regions => Some("REF_AREA"),
            Self::Stacked | Self::Grouped | Self::Dots | Self::Matrix => None,
        }
    }

    /// The codes of a dimension that it can show alone.
    #[must_use]
    pub fn only(self) -> Option<Only> {
        match self {
            Self::Regions => Some(Only { dimension: "REF_AREA", takes: regions::is_one }),
            _ => None,
        }
    }

    /// Does it show one period alone?
    #[must_use]
    pub fn of_one_period(self) -> bool {
        self != Self::Lines
    }
}

/// What a chart shows.
#[derive(Debug, Clone)]
pub struct Plot {
    /// What it is about.
    pub title: String,
    /// In which unit.
    pub unit: String,
    /// What it goes along.
    pub categories: Vec<Category>,
    /// What is shown of each.
    pub series: Vec<Series>,
    /// Was something left out, because it were too much?
    pub left_out: bool,
}

/// One of those along which a chart goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// Values along the categories.
#[derive(Debug, Clone)]
pub struct Series {
    /// The code of its sex, where it is of one.
    pub sex: String,
    /// The codes of all else that it is of.
    pub group: String,
    /// Its name.
    pub name: String,
    /// One for each category.
    pub values: Vec<Value>,
}

impl Plot {
    /// What a chart of this kind shows of a table.
    #[must_use]
    pub fn of(kind: Kind, pivot: &Pivot, structure: &Structure, title: String, say: &Say) -> Self {
        let name = |dimension: &str, code: &str| say.code_name(structure, dimension, code);
        let joined = |dimensions: &[String], codes: &[String]| {
            let names = dimensions.iter().zip(codes).map(|(dimension, code)| name(dimension, code));
            names.collect::<Vec<_>>().join(", ")
        };
        let fixed = |id: &str| pivot.fixed.iter().find(|(own, _)| own == id).map(|(_, code)| code);
        let categories = pivot.rows.iter().map(|codes| match (&pivot.down[..], kind.along()) {
            ([], Some(along)) => {
                let code = fixed(along).cloned().unwrap_or_default();
                Category { name: name(along, &code), code }
            }
            _ => Category {
                code: codes.first().cloned().unwrap_or_default(),
                name: joined(&pivot.down, codes),
            },
        });
        let sex_at = pivot.across.iter().position(|dimension| dimension == SEX);
        let series = pivot.columns.iter().enumerate().map(|(place, column)| Series {
            sex: sex_at
                .map(|at| column.codes[at].clone())
                .or(fixed(SEX).cloned())
                .unwrap_or_default(),
            group: {
                let others = column.codes.iter().enumerate().filter(|(at, _)| Some(*at) != sex_at);
                others.map(|(_, code)| code.as_str()).collect::<Vec<_>>().join(".")
            },
            name: match &pivot.across[..] {
                [] => fixed(SEX).map_or_else(|| title.clone(), |sex| name(SEX, sex)),
                // The sex first, for names are cut where there is no room.
                across => {
                    let turned = |texts: &[String]| texts.iter().rev().cloned().collect::<Vec<_>>();
                    joined(&turned(across), &turned(&column.codes))
                }
            },
            values: (0..pivot.rows.len()).map(|row| pivot.cell(row, place).value).collect(),
        });
        let (categories, series) = (categories.collect(), series.collect());
        let unit = ["UNIT_MULT", "UNIT_MEASURE"].into_iter();
        let unit = unit.filter_map(|id| Some(name(id, fixed(id)?))).collect::<Vec<_>>().join(", ");
        let mut plot = Self { title, unit, categories, series, left_out: false };
        plot.prepare(kind, pivot, say);
        plot
    }

    /// Is there nothing to draw?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let values = self.series.iter().flat_map(|series| &series.values);
        self.categories.is_empty() || values.into_iter().all(|value| *value == Value::Absent)
    }

    /// The largest value, and the smallest where it is below 0.
    fn bounds(&self) -> (f64, f64) {
        let values = self.series.iter().flat_map(|series| &series.values);
        let numbers = values.filter_map(|value| value.number());
        numbers.fold((0.0, 0.0), |(least, most), number| (number.min(least), number.max(most)))
    }

    /// What it shows, in words, for who does not see it.
    #[must_use]
    pub fn description(&self, kind: Kind, say: &Say) -> String {
        let told = self.series.iter().filter_map(|series| {
            let named = self.categories.iter().zip(&series.values);
            let given: Vec<_> = named
                .filter_map(|(category, value)| Some((&category.name, value.number()?)))
                .collect();
            let (one, other) = match kind {
                Kind::Lines => (given.first()?, given.last()?),
                _ => (
                    given.iter().max_by(|one, other| one.1.total_cmp(&other.1))?,
                    given.iter().min_by(|one, other| one.1.total_cmp(&other.1))?,
                ),
            };
            let id = if kind == Kind::Lines { "alt-through" } else { "alt-between" };
            let [first, last] = [one, other].map(|(_, number)| say.number(*number));
            let told = [
                ("series", series.name.as_str()),
                ("first", one.0.as_str()),
                ("last", other.0.as_str()),
                ("from", first.as_str()),
                ("to", last.as_str()),
            ];
            Some(say.tell(id, &told))
        });
        let told: Vec<_> = told.collect();
        format!(
            "{}: {}. {}",
            say.it(&format!("chart-{}", kind.as_str())),
            self.title,
            told.join(" ")
        )
    }
}

/// Draws a plot as SVG.
#[must_use]
pub fn draw(kind: Kind, plot: &Plot, say: &Say) -> String {
    let sheet = Sheet { plot, say };
    let document = match kind {
        Kind::Lines => lines::draw(&sheet),
        Kind::Pyramid => pyramid::draw(&sheet),
        Kind::Stacked => bars::stacked(&sheet),
        Kind::Grouped => bars::grouped(&sheet),
        Kind::Dots => dots::draw(&sheet),
        Kind::Matrix => matrix::draw(&sheet),
        Kind::Regions => regions::draw(&sheet),
    };
    sheet.finish(document, &plot.description(kind, say))
}
