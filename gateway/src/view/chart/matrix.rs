//! Shaded cells, one for each pair: origins and destinations.

use svg::node::element::Group;

use super::draw::{Anchor, LETTER, Sheet, TOP, WIDTH};

/// Columns at most.
pub(super) const MOST_COLUMNS: usize = 16;
const TALL: f64 = 26.0;
/// From light to dark; letters upon the last three are light.
pub(super) const SHADES: [&str; 6] =
    ["#f1f5f9", "#d3e3f0", "#a5c9e2", "#3f86b8", "#16619a", "#08406e"];

/// The shade of a value among others, and the colour of letters upon it: by rank of size, for flows
/// differ by powers of ten.
pub(super) fn shade(value: f64, most: f64) -> (&'static str, &'static str) {
    if value <= 0.0 || most <= 0.0 {
        return (SHADES[0], "#1b1f24");
    }
    let part = (1.0 + value).ln() / (1.0 + most).ln();
    let place = ((part * (SHADES.len() - 1) as f64).round() as usize).min(SHADES.len() - 1);
    (SHADES[place], if place >= 3 { "#ffffff" } else { "#1b1f24" })
}

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let left = sheet.names_width() + 12.0;
    let columns = plot.series.len().max(1) as f64;
    let wide = ((WIDTH - left - 8.0) / columns).min(130.0);
    // Names of columns stand aslant where they are longer than their column.
    let longest = plot.series.iter().map(|it| it.name.chars().count()).max().unwrap_or_default();
    let length = (longest as f64 * LETTER.1).min(150.0);
    let slanted = length > wide - 6.0;
    let top = TOP + if slanted { length * 0.72 } else { 8.0 };
    let (_, most) = plot.bounds();
    let mut group = Group::new();
    for (place, series) in plot.series.iter().enumerate() {
        let x = left + (place as f64 + 0.5) * wide;
        let name = match slanted {
            true => Sheet::label((x, top - 8.0), Anchor::Start, &series.name, 150.0)
                .set("transform", format!("rotate(-45 {x:.1} {:.1})", top - 8.0)),
            false => Sheet::label((x, top - 8.0), Anchor::Middle, &series.name, wide),
        };
        group = group.add(name);
    }
    for (at, category) in plot.categories.iter().enumerate() {
        let y = top + at as f64 * TALL;
        let name = Sheet::label(
            (left - 8.0, y + TALL / 2.0 + 4.0),
            Anchor::End,
            &category.name,
            left - 12.0,
        );
        group = group.add(name);
        for (place, series) in plot.series.iter().enumerate() {
            let (value, x) = (series.values[at], left + place as f64 * wide);
            let (fill, ink) = value.number().map_or(("#ffffff", "#1b1f24"), |it| shade(it, most));
            let told = sheet.told(at, series);
            let bar =
                Sheet::bar((x, y), (wide - 2.0, TALL - 2.0), fill, &told).set("stroke", "#d5dae0");
            let said = sheet.say.value(value);
            let size = if said.chars().count() as f64 * LETTER.1 > wide { 9 } else { 12 };
            let text =
                Sheet::text((x + wide / 2.0 - 1.0, y + TALL / 2.0 + 4.0), Anchor::Middle, &said);
            group = group.add(bar).add(text.set("fill", ink).set("font-size", size));
        }
    }
    (group, top + plot.categories.len() as f64 * TALL + 16.0)
}
