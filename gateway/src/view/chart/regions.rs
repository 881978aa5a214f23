//! A tile for each region, about where it lies: all are equally large, so that a large and empty
//! region does not look like a large number.

use std::collections::BTreeSet;

use svg::node::element::Group;

use super::{
    draw::{Anchor, Sheet, TOP},
    matrix::shade,
};
use crate::view::pivot::Value;

const TILE: f64 = 84.0;
/// Room for one map beside others.
const MAP: f64 = 5.0 * TILE + 20.0;

/// Regions (`CL_AREA`, ISO 3166-2) by column and row, from the north-west.
const TILES: [(&str, u8, u8); 14] = [
    ("KG-T", 0, 0),
    ("KG-GB", 1, 0),
    ("KG-C", 2, 0),
    ("KG-Y", 3, 0),
    ("KG-J", 1, 1),
    ("KG-N", 2, 1),
    ("KG-B", 0, 2),
    ("KG-GO", 1, 2),
    ("KG-O", 2, 2),
    ("TJ-SU", 1, 0),
    ("TJ-DU", 0, 1),
    ("TJ-RA", 1, 1),
    ("TJ-GB", 2, 1),
    ("TJ-KT", 0, 2),
];

/// Is this a region that has a tile?
pub(super) fn is_one(code: &str) -> bool {
    TILES.iter().any(|(own, ..)| *own == code)
}

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let (_, most) = plot.bounds();
    let countries: BTreeSet<&str> =
        plot.categories.iter().filter_map(|category| category.code.get(..2)).collect();
    let mut group = Group::new();
    // Two maps in a row.
    for (place, series) in plot.series.iter().enumerate() {
        let left = 8.0 + (place % 2) as f64 * MAP * 0.88;
        let top = TOP + 4.0 + (place / 2) as f64 * (3.0 * TILE + 34.0);
        group = group.add(Sheet::label((left, top + 10.0), Anchor::Start, &series.name, MAP * 0.8));
        // Every region of the country, also those of which there is nothing.
        let tiles = TILES.iter().filter(|(code, ..)| countries.contains(&&code[..2]));
        for (code, x, y) in tiles {
            let at = plot.categories.iter().position(|category| category.code == *code);
            let x = left + f64::from(*x) * TILE;
            let y = top + 20.0 + f64::from(*y) * TILE;
            let value = at.map_or(Value::Absent, |at| series.values[at]);
            let (fill, ink) = value.number().map_or(("#ffffff", "#1b1f24"), |it| shade(it, most));
            let own = at.map(|at| (plot.categories[at].name.as_str(), sheet.told(at, series)));
            let (name, told) = own.unwrap_or((code, (*code).to_owned()));
            let side = (TILE - 4.0, TILE - 4.0);
            let centre = x + side.0 / 2.0;
            let name: String = name.chars().take(11).collect();
            group = group
                .add(Sheet::bar((x, y), side, fill, &told).set("stroke", "#59626d"))
                .add(
                    Sheet::text((centre, y + 30.0), Anchor::Middle, &name)
                        .set("fill", ink)
                        .set("font-size", 11),
                )
                .add(
                    Sheet::text((centre, y + 54.0), Anchor::Middle, &sheet.say.value(value))
                        .set("fill", ink),
                );
        }
    }
    let lines = plot.series.len().div_ceil(2).max(1) as f64;
    (group, TOP + lines * (3.0 * TILE + 34.0) + 16.0)
}
