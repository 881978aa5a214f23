//! Men to the left, women to the right, by age: the youngest at the bottom.

use svg::node::element::Group;

use super::{
    Category,
    draw::{Anchor, Sheet, TOP, WIDTH},
    scale::Scale,
};

const THICK: f64 = 20.0;
/// Room for the names of ages in the middle.
const MIDDLE: f64 = 130.0;
const SIDE: f64 = 30.0;
/// No band of ages is asked for beyond.
const OLDEST: u16 = 110;

/// The years of an age as its code has them (`CL_AGE`): from, to before; none of totals.
fn years(code: &str) -> Option<(u16, u16)> {
    let own = code.strip_prefix('Y')?;
    if let Some(from) = own.strip_prefix("_GE") {
        return Some((from.parse().ok()?, u16::MAX));
    }
    let (from, to) = own.split_once('T')?;
    Some((from.parse().ok()?, to.parse::<u16>().ok()? + 1))
}

/// The places of ages none of which has a part of another, finer ones first; and whether they cover
/// all that the others do.
pub(super) fn apart(categories: &[Category]) -> (Vec<usize>, bool) {
    let places = categories.iter().enumerate();
    let mut ages: Vec<_> = places.filter_map(|(at, it)| Some((years(&it.code)?, at))).collect();
    ages.sort_by_key(|((from, to), _)| (to - from, *from));
    let mut taken: Vec<((u16, u16), usize)> = vec![];
    for ((from, to), at) in &ages {
        if taken.iter().all(|((start, end), _)| to <= start || end <= from) {
            taken.push(((*from, *to), *at));
        }
    }
    let covered = |year: u16| taken.iter().any(|((from, to), _)| (*from..*to).contains(&year));
    let whole = ages.iter().all(|((from, to), _)| (*from..(*to).min(OLDEST)).all(covered));
    (taken.into_iter().map(|(_, at)| at).collect(), whole)
}

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let mut order: Vec<usize> = (0..plot.categories.len()).collect();
    order.sort_by_key(|at| years(&plot.categories[*at].code).map(|(from, _)| from));
    let bottom = TOP + 6.0 + order.len() as f64 * (THICK + 3.0);
    let centre = WIDTH / 2.0;
    let sides = [("M", centre - MIDDLE / 2.0, SIDE), ("F", centre + MIDDLE / 2.0, WIDTH - SIDE)];
    let mut group = sheet.legend();
    for (sex, from, to) in sides {
        let scale = Scale::over(plot.bounds(), (from, to));
        group = group.add(sheet.upright_marks(&scale, (TOP, bottom)));
        let found = plot.series.iter().enumerate().find(|(_, series)| series.sex == sex);
        let Some((place, series)) = found else { continue };
        for (step, at) in order.iter().enumerate() {
            let y = bottom - (step + 1) as f64 * (THICK + 3.0);
            let value = series.values[*at];
            let end = scale.at(value.number().unwrap_or_default());
            let bar = ((from.min(end), y), ((end - from).abs(), THICK));
            let told = sheet.told(*at, series);
            group = group.add(Sheet::bar(bar.0, bar.1, sheet.look(place).colour, &told));
            if let Some(mark) = sheet.mark(value) {
                let (x, anchor) = match sex {
                    "M" => (from - 6.0, Anchor::End),
                    _ => (from + 6.0, Anchor::Start),
                };
                group = group.add(Sheet::text((x, y + THICK - 5.0), anchor, &mark));
            }
        }
    }
    for (step, at) in order.iter().enumerate() {
        let y = bottom - (step + 1) as f64 * (THICK + 3.0) + THICK - 5.0;
        let name = &plot.categories[*at].name;
        group = group.add(Sheet::label((centre, y), Anchor::Middle, name, MIDDLE - 6.0));
    }
    (group, bottom + 34.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_that_lie_within_others_are_left_out() {
        let codes = ["_T", "Y0T14", "Y0T4", "Y5T9", "Y10T14", "Y15T64", "Y_GE15", "Y_GE65", "_U"];
        let of = |code: &&str| Category { code: (*code).to_owned(), name: String::new() };
        let categories: Vec<_> = codes.iter().map(of).collect();
        let (taken, whole) = apart(&categories);
        assert!(whole);
        let mut taken: Vec<_> = taken.into_iter().map(|at| codes[at]).collect();
        taken.sort_by_key(|code| years(code));
        assert_eq!(taken, ["Y0T4", "Y5T9", "Y10T14", "Y15T64", "Y_GE65"]);
        // From 25 on nothing finer is known: that is told.
        let of = |code: &str| Category { code: code.to_owned(), name: String::new() };
        assert!(!apart(&["Y15T24", "Y15T64"].map(of)).1);
    }
}
