//! A dot for women, one for men, and the gap between them: the widest first.

use svg::node::element::Group;

use super::{
    Plot,
    draw::{Anchor, Sheet, TOP, WIDTH},
    scale::Scale,
};

const EACH: f64 = 26.0;
/// Room for the gap as a number.
const RIGHT: f64 = WIDTH - 110.0;

/// Orders categories by the gap; those of which it is not known come last.
pub(super) fn rank(plot: &mut Plot) {
    let mut order: Vec<usize> = (0..plot.categories.len()).collect();
    let width = |at: &usize| gap(plot, *at).map_or(f64::NEG_INFINITY, f64::abs);
    order.sort_by(|one, other| width(other).total_cmp(&width(one)));
    plot.order(&order);
}

/// Women less men.
fn gap(plot: &Plot, at: usize) -> Option<f64> {
    let of = |sex: &str| {
        let series = plot.series.iter().find(|series| series.sex == sex)?;
        series.values[at].number()
    };
    Some(of("F")? - of("M")?)
}

pub(super) fn draw(sheet: &Sheet<'_>) -> (Group, f64) {
    let plot = sheet.plot;
    let left = sheet.names_width() + 16.0;
    let bottom = TOP + 6.0 + plot.categories.len() as f64 * EACH;
    let scale = Scale::over(plot.bounds(), (left, RIGHT));
    let mut group = sheet.legend().add(sheet.upright_marks(&scale, (TOP, bottom)));
    for (at, category) in plot.categories.iter().enumerate() {
        let y = TOP + 6.0 + at as f64 * EACH + EACH / 2.0;
        group = group.add(Sheet::label(
            (left - 10.0, y + 4.0),
            Anchor::End,
            &category.name,
            left - 12.0,
        ));
        let numbers = plot.series.iter().filter_map(|series| series.values[at].number());
        let ends = numbers.map(|number| scale.at(number)).collect::<Vec<_>>();
        if let [one, other] = ends[..] {
            group = group.add(Sheet::line((one, y), (other, y), true).set("stroke-width", 2));
        }
        for (place, series) in plot.series.iter().enumerate() {
            let (value, look) = (series.values[at], sheet.look(place));
            let told = sheet.told(at, series);
            if let Some(number) = value.number() {
                let filled = series.sex == "F";
                group = group.add(Sheet::dot((scale.at(number), y), look, filled, &told));
            } else if let Some(mark) = sheet.mark(value) {
                let x = left + 8.0 + 16.0 * place as f64;
                group = group
                    .add(Sheet::text((x, y + 4.0), Anchor::Middle, &mark).set("fill", look.colour));
            }
        }
        if let Some(gap) = gap(plot, at) {
            let sign = if gap > 0.0 { "+" } else { "" };
            let said = format!("{sign}{}", sheet.say.number(gap));
            group = group.add(Sheet::text((WIDTH - 8.0, y + 4.0), Anchor::End, &said));
        }
    }
    let head = sheet.say.it("gap");
    let place = (WIDTH - 8.0, bottom + 18.0);
    let group = group.add(Sheet::label(place, Anchor::End, &head, WIDTH - RIGHT - 16.0));
    (group, bottom + 34.0)
}
