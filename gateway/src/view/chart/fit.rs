//! What of a table a chart of each kind has a place for, and in which order: whatever is left out is
//! told.

use super::{Category, Kind, Plot, Series, dots, matrix, pyramid};
use crate::view::{
    pivot::{Pivot, TIME, TOTAL, Value},
    words::Say,
};

/// Series at most in a chart: more cannot be told apart.
const MOST_SERIES: usize = 8;
/// Categories at most.
const MOST_CATEGORIES: usize = 40;

impl Plot {
    /// Leaves out what a chart of this kind has no place for.
    pub(super) fn prepare(&mut self, kind: Kind, pivot: &Pivot, say: &Say) {
        if pivot.mixed {
            // Thousands beside units would be drawn as if they were the same.
            self.categories.clear();
            self.series.clear();
            return;
        }
        match kind {
            Kind::Pyramid => {
                self.only_sexes();
                self.without_absent();
                let (bands, whole) = pyramid::apart(&self.categories);
                self.left_out |= !whole;
                self.keep(|place, _| bands.contains(&place));
            }
            Kind::Dots => {
                self.only_sexes();
                self.without_totals();
                dots::rank(self);
            }
            Kind::Stacked => {
                self.one_group();
                self.totals_where_alone(say);
                self.without_totals();
                self.rank(pivot);
            }
            Kind::Grouped | Kind::Matrix => {
                self.without_totals();
                self.rank(pivot);
            }
            Kind::Lines | Kind::Regions => {}
        }
        let most = if kind == Kind::Matrix { matrix::MOST_COLUMNS } else { MOST_SERIES };
        self.left_out |= self.series.len() > most || self.categories.len() > MOST_CATEGORIES;
        self.series.truncate(most);
        self.keep(|place, _| place < MOST_CATEGORIES);
    }

    /// Only series of one group, the first that has women or men: what is put upon one another must
    /// be parts of one whole.
    fn one_group(&mut self) {
        let of_sex = |series: &&Series| ["F", "M"].contains(&series.sex.as_str());
        let first = self.series.iter().find(of_sex).or(self.series.first());
        let Some(group) = first.map(|series| series.group.clone()) else { return };
        let before = self.series.len();
        self.series.retain(|series| series.group == group);
        self.left_out |= self.series.len() < before;
    }

    /// Totals only where nothing is known of women and men: else everybody would count twice.
    fn totals_where_alone(&mut self, say: &Say) {
        if self.series.iter().all(|series| series.sex == TOTAL || series.sex.is_empty()) {
            return;
        }
        let parts: Vec<bool> = (0..self.categories.len())
            .map(|at| {
                let mut parts = self.series.iter().filter(|series| series.sex != TOTAL);
                parts.any(|series| series.values[at] != Value::Absent)
            })
            .collect();
        for series in self.series.iter_mut().filter(|series| series.sex == TOTAL) {
            series.name = say.it("sex-not-given");
            for (value, has_parts) in series.values.iter_mut().zip(&parts) {
                *value = if *has_parts { Value::Absent } else { *value };
            }
        }
        let empty = |series: &Series| series.values.iter().all(|value| *value == Value::Absent);
        self.series.retain(|series| series.sex != TOTAL || !empty(series));
    }

    /// Not what no series says anything of.
    fn without_absent(&mut self) {
        let said: Vec<bool> = (0..self.categories.len())
            .map(|at| self.series.iter().any(|series| series.values[at] != Value::Absent))
            .collect();
        self.keep(|place, _| said[place]);
    }

    /// Only women and men, of the first group that has both.
    fn only_sexes(&mut self) {
        self.series.retain(|series| ["F", "M"].contains(&series.sex.as_str()));
        self.left_out |= self.series.len() > 2;
        let sexes = |group: &str| self.series.iter().filter(|it| it.group == group).count();
        let first = self.series.iter().find(|it| sexes(&it.group) == 2).or(self.series.first());
        let first = first.map(|series| series.group.clone());
        self.series.retain(|series| Some(&series.group) == first.as_ref());
        self.series.sort_by(|one, other| other.sex.cmp(&one.sex));
    }

    /// The largest first, but for ages and periods, which have an order of their own.
    fn rank(&mut self, pivot: &Pivot) {
        if pivot.down.iter().any(|id| [TIME, "AGE"].contains(&id.as_str())) {
            return;
        }
        let most = |at: &usize| -> f64 {
            let numbers = self.series.iter().filter_map(|series| series.values[*at].number());
            numbers.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut order: Vec<usize> = (0..self.categories.len()).collect();
        order.sort_by(|one, other| most(other).total_cmp(&most(one)));
        self.order(&order);
    }

    /// Puts categories in this order.
    pub(super) fn order(&mut self, order: &[usize]) {
        self.categories = order.iter().map(|at| self.categories[*at].clone()).collect();
        for series in &mut self.series {
            series.values = order.iter().map(|at| series.values[*at]).collect();
        }
    }

    /// Not the total beside its parts.
    fn without_totals(&mut self) {
        if self.categories.iter().any(|category| category.code != TOTAL) {
            self.keep(|_, category| category.code != TOTAL);
        }
    }

    fn keep(&mut self, kept: impl Fn(usize, &Category) -> bool) {
        let places = self.categories.iter().enumerate();
        let kept: Vec<_> = places.map(|(place, category)| kept(place, category)).collect();
        retain(&mut self.categories, &kept);
        self.series.iter_mut().for_each(|series| retain(&mut series.values, &kept));
    }
}

fn retain<T>(all: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    all.retain(|_| kept.next().copied().unwrap_or_default());
}
