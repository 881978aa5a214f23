//! A line for each series, through time.

use svg::node::element::{Group, Polyline};

use super::draw::{Anchor, LETTER, Sheet, TOP, WIDTH, round};
use super::scale::Scale;

const BOTTOM: f64 = 380.0;
/// Room for numbers to the left, and for names to the right.
const LEFT: f64 = 90.0;
const RIGHT: f64 = WIDTH - 160.0;
/// Names along the lower edge at most.
const NAMES: usize = 10;

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let scale = Scale::over(plot.bounds(), (BOTTOM, TOP + 12.0));
    let last = plot.categories.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| match plot.categories.len() {
        1 => (LEFT + RIGHT) / 2.0,
        _ => LEFT + 14.0 + place as f64 / last * (RIGHT - LEFT - 28.0),
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
    let every = plot.categories.len().div_ceil(NAMES).max(1);
    for (place, category) in plot.categories.iter().enumerate().step_by(every) {
        group = group.add(Sheet::text((x(place), BOTTOM + 22.0), Anchor::Middle, &category.name));
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

/// The name of each series at its line's end, none upon another.
fn names(sheet: &Sheet<'_>, mut group: Group, mut ends: Vec<(f64, usize)>) -> Group {
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = TOP;
    for (y, place) in ends {
        let at = y.max(free);
        free = at + LETTER.0 + 3.0;
        let look = sheet.look(place);
        let name = &sheet.plot.series[place].name;
        let label =
            Sheet::label((RIGHT + 8.0, at + 4.0), Anchor::Start, name, WIDTH - RIGHT - 12.0);
        group = group.add(label.set("color", look.colour));
    }
    group
}
