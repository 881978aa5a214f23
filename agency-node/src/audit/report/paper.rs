//! The working paper as Markdown, which reads as plain text too.

use std::{collections::BTreeMap, fmt::Write};

use birge_proto::{clock::Timestamp, tlog::checkpoint::Checkpoint};

use super::sums::{List, Sums};
use crate::i18n::Texts;

/// What stands above the sums.
pub(super) struct Heading<'a> {
    pub(super) auditor: &'a str,
    pub(super) time: Timestamp,
    pub(super) head: &'a Checkpoint,
    pub(super) since: Option<&'a str>,
    pub(super) before: Option<&'a str>,
}

const LIMITS: [&str; 6] = [
    "report-limit-truth",
    "report-limit-outside",
    "report-limit-never",
    "report-limit-names",
    "report-limit-unwitnessed",
    "report-limit-all",
];

/// The paper.
pub(super) fn paper(texts: &Texts, heading: &Heading<'_>, sums: &Sums) -> String {
    let mut paper = Paper { texts, text: String::new() };
    paper.span(heading, sums);
    let kinds = sums.kinds.iter().map(|(kind, count)| (words(texts, kind), *count)).collect();
    paper.counts("report-kinds", "column-kind", &kinds);
    paper.counts("report-actors", "column-actor", &sums.actors);
    paper.counts("report-datasets", "column-dataset", &sums.datasets);
    paper.counts("report-articles", "column-article", &sums.articles);
    paper.refusals(sums);
    paper.rows("report-late", "report-late-none", &sums.late);
    paper.rows("report-taken-back", "report-taken-back-none", &sums.taken_back);
    paper.by_actor("report-early", "report-early-none", "column-cells", &sums.early);
    paper.stretches(sums);
    paper.rows("report-acts", "report-acts-none", &sums.acts);
    paper.rows("report-accounts", "report-accounts-none", &sums.accounts);
    paper.by_actor("report-readings", "report-readings-none", "column-count", &sums.readings);
    paper.section("report-limits");
    for limit in LIMITS {
        paper.line(&format!("- {}", texts.say(limit)));
    }
    paper.section("report-check");
    paper.line(&texts.tell("report-check-text", &[("auditor", heading.auditor)]));
    paper.text
}

struct Paper<'a> {
    texts: &'a Texts,
    text: String,
}

impl Paper<'_> {
    fn span(&mut self, heading: &Heading<'_>, sums: &Sums) {
        let Heading { auditor, time, head, since, before } = heading;
        let texts = self.texts;
        self.line(&format!("# {}\n", texts.tell("report-title", &[("origin", head.origin())])));
        let time = seconds(*time);
        self.line(&texts.tell("report-by", &[("auditor", auditor), ("time", &time)]));
        self.section("report-span");
        let open = texts.say("report-unbounded");
        let (since, before) = (since.unwrap_or(&open), before.unwrap_or(&open));
        let period = texts.tell("report-period", &[("since", since), ("before", before)]);
        self.line(&format!("{period}\n"));
        let (size, root) = (head.size().to_string(), hex::encode(head.root()));
        let text = match (&sums.first, &sums.last) {
            (Some((from, first)), Some((last, end))) => texts.tell(
                "report-span-text",
                &[
                    ("from", &from.to_string()),
                    ("last", &last.to_string()),
                    ("first-time", &seconds(*first)),
                    ("last-time", &seconds(*end)),
                    ("count", &sums.records.to_string()),
                    ("size", &size),
                    ("root", &root),
                ],
            ),
            _ => texts.tell("report-span-none", &[("size", &size), ("root", &root)]),
        };
        self.line(&text);
    }

    fn refusals(&mut self, sums: &Sums) {
        self.section("report-refusals");
        if sums.refusals.is_empty() {
            return self.line(&self.texts.say("report-refusals-none"));
        }
        let columns = [
            "column-actor",
            "column-kind",
            "column-dataset",
            "column-problem",
            "column-article",
            "column-count",
        ];
        let texts = self.texts;
        let rows = sums.refusals.iter().map(|(refusal, count)| {
            let refusal = refusal.clone();
            vec![
                refusal.actor,
                words(texts, &refusal.kind),
                refusal.dataset,
                refusal.problem,
                refusal.articles,
                count.to_string(),
            ]
        });
        self.table(&columns, rows);
    }

    fn stretches(&mut self, sums: &Sums) {
        self.section("report-witness");
        if sums.stretches.is_empty() && sums.starts.is_empty() {
            self.line(&self.texts.say("report-witness-none"));
        }
        for stretch in &sums.stretches {
            let (since, exchange) = (seconds(stretch.since), stretch.exchange.to_string());
            let missing = stretch.missing.join(", ");
            let mut said = vec![("since", &since), ("exchange", &exchange), ("missing", &missing)];
            let end = stretch.end.map(|(end, until)| (end.to_string(), seconds(until)));
            let message = match &end {
                Some((end, until)) => {
                    said.extend([("end", end), ("until", until)]);
                    "report-witness-closed"
                }
                None => "report-witness-open",
            };
            let said: Vec<_> =
                said.into_iter().map(|(name, value)| (name, value.as_str())).collect();
            self.line(&format!("- {}", self.texts.tell(message, &said)));
        }
        for start in &sums.starts {
            let said = [
                ("since", seconds(start.since)),
                ("exchange", start.exchange.to_string()),
                ("answered", start.answered.to_string()),
                ("needed", start.needed.to_string()),
            ];
            let said: Vec<_> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.line(&format!("- {}", self.texts.tell("report-witness-start", &said)));
        }
    }

    fn counts(&mut self, title: &str, column: &str, counts: &BTreeMap<String, u64>) {
        if !counts.is_empty() {
            self.section(title);
            self.table(&[column, "column-count"], pairs(counts));
        }
    }

    fn by_actor(&mut self, title: &str, none: &str, column: &str, sums: &BTreeMap<String, u64>) {
        self.section(title);
        if sums.is_empty() {
            return self.line(&self.texts.say(none));
        }
        self.table(&["column-actor", column], pairs(sums));
    }

    fn rows(&mut self, title: &str, none: &str, List { rows, more }: &List) {
        self.section(title);
        if rows.is_empty() {
            return self.line(&self.texts.say(none));
        }
        let columns = [
            "column-exchange",
            "column-time",
            "column-actor",
            "column-kind",
            "column-dataset",
            "column-detail",
        ];
        let texts = self.texts;
        let rows = rows.iter().map(|row| {
            let [exchange, _, actor, kind, dataset, _, _, detail] = row.cells();
            vec![exchange, seconds(row.time), actor, words(texts, &kind), dataset, detail]
        });
        self.table(&columns, rows);
        if *more > 0 {
            let more = self.texts.tell("report-more", &[("count", &more.to_string())]);
            self.line(&format!("\n{more}"));
        }
    }

    fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let names: Vec<_> = columns.iter().map(|column| self.texts.say(column)).collect();
        self.line(&format!("| {} |", names.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(columns.len())));
        for row in rows {
            let row: Vec<_> =
                row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    fn section(&mut self, title: &str) {
        let title = self.texts.say(title);
        let _ = write!(self.text, "\n## {title}\n\n");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A kind of record in words, with the name by which it is asked for.
fn words(texts: &Texts, kind: &str) -> String {
    format!("{} ({kind})", texts.say(&format!("kind-{kind}")))
}

/// As people read it: no parts of a second.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn pairs(counts: &BTreeMap<String, u64>) -> impl Iterator<Item = Vec<String>> {
    counts.iter().map(|(name, count)| vec![name.clone(), count.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Language;

    #[test]
    fn every_kind_has_words_in_every_language() {
        for language in Language::ALL {
            let texts = crate::i18n::SOURCES.texts(language);
            for kind in birge_proto::record::Event::KINDS {
                assert!(!texts.say(&format!("kind-{kind}")).starts_with("kind-"), "{kind}");
            }
        }
    }

    #[test]
    fn an_empty_span_is_a_paper_in_every_language() {
        let head = Checkpoint::new("birge.example/log", 9, [7; 32]).unwrap();
        let heading = Heading {
            auditor: "auditor/COA",
            time: Timestamp::UNIX_EPOCH,
            head: &head,
            since: None,
            before: Some("2026-01-01"),
        };
        for language in Language::ALL {
            let text = paper(&crate::i18n::SOURCES.texts(language), &heading, &Sums::default());
            assert!(text.contains(&"07".repeat(32)) && text.contains("2026-01-01"), "{text}");
            assert!(!text.contains("report-") && !text.contains("column-"), "{text}");
            let titles = text.lines().filter(|line| line.starts_with("## "));
            let cyrillic = |line: &str| line.chars().any(|c| ('а'..='я').contains(&c));
            assert!(titles.clone().count() >= 7);
            assert!(titles.into_iter().all(|title| cyrillic(title) != (language == Language::En)));
        }
    }
}
