//! A line for each series, through time.

use birge_schemas::period::first_day;
use jiff::civil::Date;
use svg::node::element::{Group, Polyline};

use super::{
    Category, Plot,
    draw::{Anchor, LETTER, Sheet, TOP, WIDTH, round},
    scale::Scale,
};

const BOTTOM: f64 = 380.0;
/// Room for numbers to the left, and for names to the right.
const LEFT: f64 = 90.0;
const RIGHT: f64 = WIDTH - 160.0;

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let scale = Scale::over(plot.bounds(), (BOTTOM, TOP + 12.0));
    let days = days(plot);
    let (first, last) = (days.first().copied().unwrap_or(0.0), days.last().copied().unwrap_or(0.0));
    let x = |place: usize| match days.len() {
        1 => (LEFT + RIGHT) / 2.0,
        _ => LEFT + 14.0 + (days[place] - first) / (last - first) * (RIGHT - LEFT - 28.0),
    };
    let mut group = sheet.legend();
    for mark in scale.marks() {
        let y = scale.at(mark);
        group = group.add(Sheet::line((LEFT, y), (RIGHT, y), mark == 0.0)).add(Sheet::text(
            (LEFT - 8.0, y + 4.0),
            Anchor::End,
            &sheet.say.number(mark),
        ));
    }
    let mut free = 0.0;
    for (place, category) in plot.categories.iter().enumerate() {
        let half = category.name.chars().count() as f64 * LETTER.1 / 2.0 + 6.0;
        if x(place) - half >= free {
            free = x(place) + half;
            let at = (x(place), BOTTOM + 22.0);
            group = group.add(Sheet::text(at, Anchor::Middle, &category.name));
        }
    }
    let mut ends: Vec<(f64, usize)> = vec![];
    for (place, series) in plot.series.iter().enumerate() {
        let look = sheet.look(place);
        let points = series.values.iter().enumerate();
        let points: Vec<_> = points
            .map(|(at, value)| (at, value.number().map(|number| (x(at), scale.at(number)))))
            .collect();
        for run in points.chunk_by(|one, other| one.1.is_some() == other.1.is_some()) {
            let places: Vec<_> = run.iter().filter_map(|(_, point)| *point).collect();
            let text = places.iter().map(|(x, y)| format!("{},{}", round(*x), round(*y)));
            let line = Polyline::new()
                .set("points", text.collect::<Vec<_>>().join(" "))
                .set("fill", "none")
                .set("stroke", look.colour)
                .set("stroke-width", 2.5)
                .set("stroke-dasharray", look.dash);
            if places.len() > 1 {
                group = group.add(line);
            }
        }
        for (at, point) in &points {
            let told = sheet.told(*at, series);
            if let Some(point) = point {
                group = group.add(Sheet::dot(*point, look, place % 2 == 0, &told));
            } else if let Some(mark) = series.values.get(*at).and_then(|value| sheet.mark(*value)) {
                let height = BOTTOM - 6.0 - 14.0 * place as f64;
                group = group.add(
                    Sheet::text((x(*at), height), Anchor::Middle, &mark).set("fill", look.colour),
                );
            }
        }
        let end = points.iter().rev().find_map(|(_, point)| *point);
        ends.extend(end.map(|(_, y)| (y, place)));
    }
    (names(sheet, group, ends), BOTTOM + 40.0)
}

/// How far apart periods lie, in days: years that were left out leave a gap. Where a period is none,
/// all lie equally far apart.
fn days(plot: &Plot) -> Vec<f64> {
    let origin = Date::constant(1, 1, 1);
    let day = |category: &Category| Some((first_day(&category.code)? - origin).get_days());
    let days: Option<Vec<_>> = plot.categories.iter().map(day).collect();
    match days.filter(|days| days.is_sorted_by(|one, other| one < other)) {
        Some(days) => days.into_iter().map(f64::from).collect(),
        None => (0..plot.categories.len()).map(|place| place as f64).collect(),
    }
}

/// The name of each series at its line's end, none upon another.
fn names(sheet: &Sheet<'_>, mut group: Group, mut ends: Vec<(f64, usize)>) -> Group {
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = TOP;
    for (y, place) in ends {
        let at = y.max(free);
        free = at + LETTER.0 + 3.0;
        let name = &sheet.plot.series[place].name;
        let label =
            Sheet::label((RIGHT + 8.0, at + 4.0), Anchor::Start, name, WIDTH - RIGHT - 12.0);
        group = group.add(label);
    }
    group
}
