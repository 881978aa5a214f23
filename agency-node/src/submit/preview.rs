//! What would be withheld of a batch, by threshold, for the officer who hands it in.

use birge_proto::wire::Preview;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::i18n::Texts;

/// For people: a line for each threshold.
pub(super) fn text(previews: &[Preview], texts: &Texts) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let head = ["threshold", "cells", "small", "withheld", "share", "count"];
    table.set_header(head.map(|name| texts.say(&format!("preview-{name}"))));
    for Preview { threshold, decreed, cells, small, withheld, count, .. } in previews {
        let below = threshold.to_string();
        let below = match decreed {
            true => texts.tell("preview-decreed", &[("threshold", &below)]),
            false => below,
        };
        table.add_row([
            below,
            cells.to_string(),
            small.to_string(),
            withheld.to_string(),
            format!("{} %", share(*withheld, *cells)),
            count.to_string(),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    let uneven = previews.iter().filter(|each| is_uneven(each)).map(|each| {
        let Preview { threshold, only_women, only_men, .. } = each;
        let [threshold, women, men] =
            [*threshold, *only_women, *only_men].map(|count| count.to_string());
        let told = [("threshold", &*threshold), ("women", &*women), ("men", &*men)];
        format!("\n{}", texts.tell("preview-uneven", &told))
    });
    let uneven: String = uneven.collect();
    format!("{}\n{table}{uneven}", texts.say("preview-title"))
}

/// Is one sex withheld more often than chance has it: by McNemar's test, at 5 %?
#[allow(clippy::cast_precision_loss, reason = "cells are far below 2^53")]
fn is_uneven(Preview { only_women, only_men, .. }: &Preview) -> bool {
    const CHI_SQUARE: f64 = 3.841;
    let (all, apart) = (only_women + only_men, only_women.abs_diff(*only_men));
    let apart = apart.saturating_sub(1) as f64;
    all > 0 && apart * apart / all as f64 > CHI_SQUARE
}

/// For programs.
pub(super) fn json(preview: &Preview) -> Value {
    let Preview { threshold, decreed, cells, small, withheld, count, .. } = *preview;
    json!({
        "threshold": threshold, "decreed": decreed, "cells": cells, "small": small,
        "withheld": withheld, "count": count, "onlyWomen": preview.only_women,
        "onlyMen": preview.only_men, "uneven": is_uneven(preview),
    })
}

/// In whole percent, rounded up: little is not none.
fn share(withheld: u64, cells: u64) -> u64 {
    (withheld * 100).div_ceil(cells.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::{Language, SOURCES};

    #[test]
    fn the_decrees_own_threshold_is_marked() {
        let preview = |threshold, decreed| Preview {
            threshold,
            decreed,
            cells: 300,
            small: 1,
            withheld: 4,
            count: 60,
            only_women: 12,
            only_men: if decreed { 2 } else { 8 },
        };
        let texts = SOURCES.texts(Language::En);
        let text = text(&[preview(3, false), preview(5, true)], &texts);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[3].contains("5 (the decree)") && lines[3].contains("2 %"), "{text}");
        assert_eq!(json(&preview(3, false))["withheld"], 4);
        assert!(text.contains("below 5: of women alone 12") && !text.contains("below 3"), "{text}");
    }
}
