//! What all charts are drawn with.

use svg::{
    Document,
    node::{
        Value as Attribute,
        element::{Circle, Description, Group, Line, Rectangle, Text, Title},
    },
};

use super::{Plot, Series, scale::Scale};
use crate::view::{pivot::Value, words::Say};

/// Width of a sheet.
pub(super) const WIDTH: f64 = 760.0;
/// Where drawing begins, below the title.
pub(super) const TOP: f64 = 82.0;
/// Height of a letter, and the width of one on the average.
pub(super) const LETTER: (f64, f64) = (13.0, 6.9);

const INK: &str = "#1b1f24";
const FAINT: &str = "#59626d";
const GRID: &str = "#d5dae0";
const PAPER: &str = "#ffffff";
/// Colours that nobody takes for one another (Okabe and Ito), dark enough for white paper.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#59626d", "#007a5a", "#b0508a", "#8a6100", "#6a3d9a", "#1b1f24"];
const DASHES: [&str; 4] = ["none", "7 4", "2 3", "10 3 2 3"];

/// A sheet to draw on.
pub(super) struct Sheet<'a> {
    pub(super) plot: &'a Plot,
    pub(super) say: &'a Say,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) colour: &'static str,
    pub(super) dash: &'static str,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Sheet<'_> {
    /// How a series is drawn: women and men the same in every chart.
    pub(super) fn look(&self, place: usize) -> Look {
        let series = &self.plot.series;
        let alike = |sex: &str| series.iter().filter(|it| it.sex == sex).count() == 1;
        let sex = series.get(place).map_or("", |it| it.sex.as_str());
        let place = match sex {
            "M" if alike("M") => 0,
            "F" if alike("F") => 1,
            "_T" if alike("_T") => 2,
            _ if alike("F") && alike("M") => place + 3,
            _ => place,
        };
        let place = place % COLOURS.len();
        Look { colour: COLOURS[place], dash: DASHES[place % DASHES.len()] }
    }

    /// A text.
    pub(super) fn text(at: (f64, f64), anchor: Anchor, text: &str) -> Text {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text: String = text.chars().filter(|own| !own.is_control()).collect();
        Text::new(text)
            .set("x", round(at.0))
            .set("y", round(at.1))
            .set("text-anchor", anchor)
            .set("font-size", LETTER.0)
            .set("fill", INK)
    }

    /// A text, shortened to this width.
    pub(super) fn label(at: (f64, f64), anchor: Anchor, text: &str, width: f64) -> Group {
        let most = (width / LETTER.1) as usize;
        let short = match text.chars().count() > most {
            true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
            false => text.to_owned(),
        };
        Group::new().add(Title::new(text)).add(Self::text(at, anchor, &short))
    }

    /// A line.
    pub(super) fn line(from: (f64, f64), to: (f64, f64), strong: bool) -> Line {
        Line::new()
            .set("x1", round(from.0))
            .set("y1", round(from.1))
            .set("x2", round(to.0))
            .set("y2", round(to.1))
            .set("stroke", if strong { FAINT } else { GRID })
    }

    /// A bar, that tells what it stands for.
    pub(super) fn bar(
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: impl Into<Attribute>,
        told: &str,
    ) -> Rectangle {
        Rectangle::new()
            .set("x", round(x))
            .set("y", round(y))
            .set("width", round(width.max(0.0)))
            .set("height", round(height.max(0.0)))
            .set("fill", fill)
            .add(Title::new(told))
    }

    /// A dot, that tells what it stands for.
    pub(super) fn dot(at: (f64, f64), look: Look, filled: bool, told: &str) -> Circle {
        Circle::new()
            .set("cx", round(at.0))
            .set("cy", round(at.1))
            .set("r", 5)
            .set("fill", if filled { look.colour } else { PAPER })
            .set("stroke", look.colour)
            .set("stroke-width", 2)
            .add(Title::new(told))
    }

    /// What a mark stands for, in words.
    pub(super) fn told(&self, category: usize, series: &Series) -> String {
        let value = series.values.get(category).copied().unwrap_or_default();
        let name = self.plot.categories.get(category).map_or("", |it| it.name.as_str());
        format!("{name}, {}: {}", series.name, self.say.value(value))
    }

    /// What stands where a cell has no value: the mark of its kind, or nothing.
    pub(super) fn mark(&self, value: Value) -> Option<String> {
        matches!(value, Value::Withheld | Value::Missing).then(|| self.say.value(value))
    }

    /// An axis of values, with its marks between two heights.
    pub(super) fn upright_marks(&self, scale: &Scale, (top, bottom): (f64, f64)) -> Group {
        let mut group = Group::new();
        for mark in scale.marks() {
            let x = scale.at(mark);
            group = group.add(Self::line((x, top), (x, bottom), mark == 0.0)).add(Self::text(
                (x, bottom + 18.0),
                Anchor::Middle,
                &self.say.number(mark),
            ));
        }
        group
    }

    /// Which colour is which series, in a line below the title.
    pub(super) fn legend(&self) -> Group {
        let mut group = Group::new();
        let (mut x, mut y) = (8.0, 48.0);
        for (place, series) in self.plot.series.iter().enumerate() {
            let name = match series.name.chars().count() {
                0..=34 => series.name.clone(),
                _ => series.name.chars().take(33).chain(['…']).collect(),
            };
            let width = 34.0 + name.chars().count() as f64 * LETTER.1;
            // Room for the unit at the end of the first line.
            let end = if y < 50.0 { WIDTH - 90.0 } else { WIDTH };
            if x + width > end {
                if y > 50.0 {
                    break; // the table below names all
                }
                (x, y) = (8.0, 68.0);
            }
            let look = self.look(place);
            group = group
                .add(Self::bar((x, y - 10.0), (12.0, 12.0), look.colour, &series.name))
                .add(Self::text((x + 18.0, y), Anchor::Start, &name));
            x += width;
        }
        group
    }

    /// Width of the longest name of a category, within bounds.
    pub(super) fn names_width(&self) -> f64 {
        let longest = self.plot.categories.iter().map(|it| it.name.chars().count()).max();
        (longest.unwrap_or_default() as f64 * LETTER.1 + 8.0).clamp(60.0, 240.0)
    }

    /// The whole, with title, unit and description.
    pub(super) fn finish(&self, (drawing, height): (Group, f64), description: &str) -> String {
        let title = Self::label((8.0, 22.0), Anchor::Start, &self.plot.title, WIDTH - 16.0);
        let unit = Self::text((WIDTH - 8.0, 50.0), Anchor::End, &self.plot.unit).set("fill", FAINT);
        let document = Document::new()
            .set("viewBox", (0, 0, WIDTH, round(height)))
            .set("width", WIDTH)
            .set("height", round(height))
            .set("role", "img")
            .set("aria-labelledby", "chart-title chart-description")
            .set("font-family", "system-ui, 'Noto Sans', sans-serif")
            .add(Title::new(self.plot.title.as_str()).set("id", "chart-title"))
            .add(
                Description::new()
                    .set("id", "chart-description")
                    .add(svg::node::Text::new(description)),
            )
            .add(
                Rectangle::new()
                    .set("width", WIDTH)
                    .set("height", round(height))
                    .set("fill", PAPER),
            )
            .add(Group::new().set("font-weight", 600).add(title))
            .add(unit)
            .add(drawing);
        document.to_string()
    }
}

/// To a tenth: more nobody sees.
pub(super) fn round(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}
