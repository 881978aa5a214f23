//! What of a dataset is wanted, and how it is laid out: a form's fields, and one address for each
//! table that can be passed on.

use std::collections::BTreeMap;

use birge_proto::{
    problem::{Kind as ProblemKind, Problem},
    wire::{AskRequest, Selection},
};
use birge_schemas::{
    detail::Breakdown,
    structure::{Dimension, Structure},
};
use form_urlencoded::{Serializer, parse};

use crate::view::{
    chart::Kind,
    pivot::{SEX, TIME, TOTAL},
};

/// Observations that are asked for at most for one page.
pub(super) const MOST: u64 = 20_000;
/// Periods that are shown where nothing is said of them.
const LAST: u32 = 5;
/// Characters of a query.
const LONGEST: usize = 16 << 10;

/// What is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Codes of dimensions; those that are not here are left open.
    pub(super) codes: BTreeMap<String, Vec<String>>,
    /// The first and the last period; empty: open.
    pub(super) from: String,
    pub(super) to: String,
    /// Of each series only so many of its last periods; 0: all.
    pub(super) last: u32,
    /// As it was known then; empty: now.
    pub(super) as_of: String,
    /// Dimensions that go across.
    pub(super) across: Vec<String>,
    /// Gap and ratio of women and men.
    pub(super) gap: bool,
    /// The dimension that a chart goes along, where it can be chosen.
    pub(super) by: String,
    /// Was this chosen, and is not what is shown first?
    pub(super) chosen: bool,
    /// Did the address say nothing of what is wanted?
    pub(super) bare: bool,
}

impl Wanted {
    /// Reads an address' query; where it says nothing, what is shown first.
    ///
    /// # Errors
    /// `MALFORMED` for what means nothing.
    pub(super) fn read(
        structure: &Structure,
        chart: Option<Kind>,
        query: &str,
    ) -> Result<Self, Problem> {
        if query.len() > LONGEST {
            let detail = format!("the address has {} characters", query.len());
            return Err(Problem::new(ProblemKind::TooLarge, detail)
                .hint("leave dimensions open of which nearly everything is wanted"));
        }
        let mut wanted = Self { bare: true, ..Self::default() };
        for (name, value) in parse(query.as_bytes()) {
            let value = value.trim().to_owned();
            wanted.bare &= ["lang", "by"].contains(&&*name);
            match &*name {
                "lang" => {}
                "chosen" => wanted.chosen = true,
                "from" => wanted.from = value,
                "to" => wanted.to = value,
                "last" if value.is_empty() => {}
                "last" => wanted.last = number(&value)?,
                "asOf" => wanted.as_of = value,
                "across" => wanted.across.push(value),
                "gap" => wanted.gap = true,
                "by" => wanted.by = value,
                dimension if structure.position(dimension).is_some() => {
                    wanted.codes.entry(dimension.to_owned()).or_default().push(value);
                }
                other => return Err(unknown(structure, other)),
            }
        }
        wanted.codes.retain(|_, codes| codes.iter().any(|code| !code.is_empty()));
        if !wanted.chosen {
            wanted.begin(structure, chart);
        }
        if wanted.by.is_empty() {
            wanted.by = along(structure).first().copied().unwrap_or(TIME).to_owned();
        } else if !along(structure).contains(&wanted.by.as_str()) {
            return Err(unknown(structure, &wanted.by));
        }
        Ok(wanted)
    }

    /// What is shown first: totals of what is not about sex, and the last periods.
    fn begin(&mut self, structure: &Structure, chart: Option<Kind>) {
        self.chosen = false;
        if self.by.is_empty() {
            self.by = along(structure).first().copied().unwrap_or(TIME).to_owned();
        }
        let along = chart.map(|kind| kind.along().unwrap_or(&self.by).to_owned());
        for dimension in structure.coded() {
            let open = [SEX, "REF_AREA", "INDICATOR"].contains(&dimension.id.as_str())
                || along.as_ref() == Some(&dimension.id)
                || self.codes.contains_key(&dimension.id);
            if !open
                && dimension.allowed().any(|code| code == TOTAL)
                && dimension.allowed().nth(1).is_some()
            {
                self.codes.insert(dimension.id.clone(), vec![TOTAL.to_owned()]);
            }
        }
        let nothing = self.from.is_empty() && self.to.is_empty() && self.last == 0;
        if nothing {
            self.last = match chart {
                None => LAST,
                Some(kind) if kind.along().unwrap_or(&self.by) == TIME => 0,
                Some(_) => 1,
            };
        }
        if self.across.is_empty() {
            let sex = structure.position(SEX).is_some();
            self.across = vec![if sex { SEX } else { TIME }.to_owned()];
        }
        self.gap = true;
    }

    /// All that there is of the last period: where totals were not handed in.
    pub(super) fn open(structure: &Structure, chart: Option<Kind>) -> Self {
        let mut wanted = Self::default();
        wanted.begin(structure, chart);
        wanted.codes.clear();
        wanted.last = if chart == Some(Kind::Lines) { 0 } else { 1 };
        wanted
    }

    /// The same as a chart of this kind has a use for.
    pub(super) fn as_chart(&self, kind: Kind, structure: &Structure) -> Self {
        let mut wanted = Self { chosen: true, bare: false, ..self.clone() };
        if let Some(along) = kind.along() {
            wanted.codes.remove(along);
        } else {
            // Along what it was told apart by, if any.
            let open = along(structure)
                .into_iter()
                .find(|id| *id != TIME && self.codes.get(*id).is_none_or(|codes| codes.len() > 1));
            wanted.by = open.unwrap_or(&self.by).to_owned();
            wanted.codes.retain(|id, codes| *id != wanted.by || codes.len() > 1);
        }
        (wanted.across, wanted.gap) = (vec![], false);
        if kind.of_one_period() && wanted.by != TIME {
            wanted.last = 1;
        }
        wanted
    }

    /// The question.
    pub(super) fn request(&self, structure: &Structure) -> AskRequest {
        let coded = self.codes.iter().map(|(dimension, codes)| Selection {
            dimension: dimension.clone(),
            codes: codes.clone(),
            ..Selection::default()
        });
        let spans = !self.from.is_empty() || !self.to.is_empty();
        let time = spans.then(|| Selection {
            dimension: TIME.to_owned(),
            from: self.from.clone(),
            to: self.to.clone(),
            ..Selection::default()
        });
        AskRequest {
            dataset: structure.id.clone(),
            selections: coded.chain(time).collect(),
            as_of: self.as_of.clone(),
            last_observations: self.last,
            limit: MOST,
            ..AskRequest::default()
        }
    }

    /// The query of the address at which the same is had again.
    pub(super) fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (dimension, codes) in &self.codes {
            query.extend_pairs(codes.iter().map(|code| (dimension, code)));
        }
        let texts =
            [("from", &self.from), ("to", &self.to), ("asOf", &self.as_of), ("by", &self.by)];
        query.extend_pairs(texts.into_iter().filter(|(_, text)| !text.is_empty()));
        if self.last > 0 {
            query.append_pair("last", &self.last.to_string());
        }
        query.extend_pairs(self.across.iter().map(|dimension| ("across", dimension)));
        if self.gap {
            query.append_pair("gap", "1");
        }
        query.append_pair("chosen", "1").finish()
    }

    /// The same as an address of SDMX REST 2 below its root.
    pub(super) fn sdmx(&self, structure: &Structure) -> String {
        let mut query = Serializer::new(String::new());
        for (dimension, codes) in &self.codes {
            query.append_pair(&format!("c[{dimension}]"), &codes.join(","));
        }
        let texts = [("startPeriod", &self.from), ("endPeriod", &self.to), ("asOf", &self.as_of)];
        query.extend_pairs(texts.into_iter().filter(|(_, text)| !text.is_empty()));
        if self.last > 0 {
            query.append_pair("lastNObservations", &self.last.to_string());
        }
        let Structure { agency, id, version, .. } = structure;
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "&" };
        format!("v2/data/dataflow/{agency}/{id}/{version}/*?{query}{mark}")
    }

    /// Is this code chosen?
    pub(super) fn has(&self, dimension: &str, code: &str) -> bool {
        self.codes.get(dimension).is_some_and(|codes| codes.iter().any(|own| own == code))
    }
}

/// Dimensions along which a chart can go.
pub(super) fn along(structure: &Structure) -> Vec<&str> {
    let several = |dimension: &&Dimension| dimension.allowed().nth(1).is_some();
    let coded = structure.coded().filter(several).map(|dimension| dimension.id.as_str());
    let mut ids: Vec<_> =
        coded.filter(|id| *id != SEX && Breakdown::of_dimension(id).is_some()).collect();
    // Where people are from, or go to, tells most.
    ids.sort_by_key(|id| match *id {
        "COUNTERPART_AREA" | "CITIZENSHIP" | "COUNTRY_BIRTH" => 0,
        "AGE" => 1,
        _ => 2,
    });
    ids.into_iter().chain([TIME]).collect()
}

fn number(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        Problem::new(ProblemKind::Malformed, format!("last={text:?} is no number of periods"))
            .hint("expected such as 5, or leave it out")
    })
}

fn unknown(structure: &Structure, name: &str) -> Problem {
    let ids: Vec<_> = structure.coded().map(|dimension| dimension.id.as_str()).collect();
    let detail = format!("{name:?} means nothing for {}", structure.id);
    Problem::new(ProblemKind::Malformed, detail)
        .hint(format!("there are {}, from, to, last, asOf, across, gap and by", ids.join(", ")))
}

#[cfg(test)]
mod tests {
    use birge_schemas::structure::Structures;
    use proptest::prelude::*;

    use super::*;

    fn stock() -> std::sync::Arc<Structure> {
        std::sync::Arc::clone(Structures::bundled().unwrap().get("MIG_STOCK").unwrap())
    }

    #[test]
    fn totals_of_the_last_periods_are_shown_first() {
        let stock = stock();
        let wanted = Wanted::read(&stock, None, "lang=ky").unwrap();
        assert_eq!(wanted.codes["AGE"], ["_T"]);
        assert!(!wanted.codes.contains_key(SEX) && wanted.gap);
        assert_eq!((wanted.last, &*wanted.across[0]), (LAST, SEX));
        // Only where nothing was said may something else be shown in its place.
        let bare = |query| Wanted::read(&stock, None, query).unwrap().bare;
        assert!(bare("lang=ky&by=AGE") && bare(""));
        assert!(!bare("asOf=2000-01-01T00:00:00Z") && !bare("SEX=F") && !bare("chosen=1"));
        let pyramid = Wanted::read(&stock, Some(Kind::Pyramid), "").unwrap();
        assert!(!pyramid.codes.contains_key("AGE") && pyramid.last == 1);
        for wrong in ["SEXES=F", "last=many", "by=SEX", "from=2020&where=1"] {
            let told = Wanted::read(&stock, None, wrong).unwrap_err();
            assert_eq!(told.kind, ProblemKind::Malformed, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_address_says_the_same_again(
            sexes in prop::collection::vec(prop::sample::select(vec!["F", "M", "_T"]), 0..3),
            from in "(20[0-9]{2})?", last in 0..9_u32, gap: bool,
            across in prop::collection::vec(prop::sample::select(vec!["SEX", "AGE", TIME]), 0..3),
        ) {
            let stock = stock();
            let own = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let codes = [(SEX.to_owned(), own(sexes))].into_iter().filter(|(_, it)| !it.is_empty());
            let wanted = Wanted {
                codes: codes.collect(), from, last, gap, across: own(across),
                by: "AGE".to_owned(), chosen: true, ..Wanted::default()
            };
            prop_assert_eq!(Wanted::read(&stock, None, &wanted.query()).unwrap(), wanted);
        }

        #[test]
        fn no_query_breaks_the_reader(query in "\\PC{0,60}|[A-Z_]{1,8}=[A-Z_&=0-9]{0,12}") {
            let _ = Wanted::read(&stock(), None, &query);
        }
    }
}
