//! Bars, one upon the other or side by side.

use svg::node::element::Group;

use super::{
    draw::{Anchor, Sheet, TOP, WIDTH},
    scale::Scale,
};
use crate::view::pivot::Value;

/// Room for numbers to the right.
const RIGHT: f64 = WIDTH - 70.0;
const GAP: f64 = 10.0;

pub(super) fn stacked(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let sum = |place: usize| -> f64 {
        let own = plot.series.iter().filter_map(|series| series.values[place].number());
        own.map(|number| number.max(0.0)).sum()
    };
    let most = (0..plot.categories.len()).map(sum).fold(0.0, f64::max);
    let thick = 22.0;
    let (left, bottom) = frame(sheet, thick + GAP);
    let scale = Scale::over((0.0, most), (left, RIGHT));
    let mut group = sheet.legend().add(sheet.upright_marks(&scale, (TOP, bottom)));
    for (place, category) in plot.categories.iter().enumerate() {
        let y = TOP + 6.0 + place as f64 * (thick + GAP);
        group = group.add(name(&category.name, left, y + thick / 2.0));
        let (mut from, mut marks) = (0.0, vec![]);
        for (at, series) in plot.series.iter().enumerate() {
            let number = series.values[place].number().unwrap_or_default().max(0.0);
            let width = scale.at(from + number) - scale.at(from);
            let told = sheet.told(place, series);
            if number > 0.0 {
                let bar =
                    Sheet::bar((scale.at(from), y), (width, thick), sheet.look(at).colour, &told);
                group = group.add(bar.set("stroke", "#ffffff"));
            }
            marks.extend(sheet.mark(series.values[place]));
            from += number;
        }
        // What is withheld would make the bar longer: that is said at its end.
        let end = (scale.at(from) + 6.0, y + thick / 2.0 + 4.0);
        if !marks.is_empty() {
            group = group.add(Sheet::text(end, Anchor::Start, &format!("+ {}", marks.join(" + "))));
        }
    }
    (group, bottom + 34.0)
}

pub(super) fn grouped(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let thick = 14.0;
    let each = thick * plot.series.len() as f64 + GAP;
    let (left, bottom) = frame(sheet, each);
    let scale = Scale::over(plot.bounds(), (left, RIGHT));
    let mut group = sheet.legend().add(sheet.upright_marks(&scale, (TOP, bottom)));
    for (place, category) in plot.categories.iter().enumerate() {
        let top = TOP + 6.0 + place as f64 * each;
        group = group.add(name(&category.name, left, top + (each - GAP) / 2.0));
        for (at, series) in plot.series.iter().enumerate() {
            let y = top + at as f64 * thick;
            let value = series.values[place];
            let number = value.number().unwrap_or_default();
            let (zero, end) = (scale.at(0.0), scale.at(number));
            let told = sheet.told(place, series);
            let bar = (zero.min(end), y);
            group = group.add(Sheet::bar(
                bar,
                ((end - zero).abs(), thick - 2.0),
                sheet.look(at).colour,
                &told,
            ));
            if value != Value::Absent {
                let said = sheet.say.value(value);
                let text =
                    Sheet::text((zero.max(end) + 4.0, y + thick - 3.0), Anchor::Start, &said);
                group = group.add(text.set("font-size", 11));
            }
        }
    }
    (group, bottom + 34.0)
}

/// Where bars begin, and where the last ends.
fn frame(sheet: &Sheet<'_>, each: f64) -> (f64, f64) {
    (sheet.names_width() + 12.0, TOP + 6.0 + sheet.plot.categories.len() as f64 * each)
}

fn name(name: &str, left: f64, middle: f64) -> Group {
    Sheet::label((left - 8.0, middle + 4.0), Anchor::End, name, left - 12.0)
}
