//! A report as plain text, in any language.

use std::fmt::Write;

use birge_schemas::finding::{Code, Finding, Report};

use super::{class, line};
use crate::{
    i18n::{self, Language, Texts},
    source::Lines,
};

/// The report for people: each finding with its line, errors first, then what each code means and
/// how often it was found. Codes, and what a finding found and expected, are as the rules say them.
#[must_use]
pub fn text(report: &Report, lines: &Lines, language: Language) -> String {
    let texts = i18n::SOURCES.texts(language);
    let mut text = String::new();
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity);
    for finding in findings {
        let _ = writeln!(text, "{}", one(finding, lines, &texts));
    }
    if report.unlisted > 0 {
        let unlisted = report.unlisted.to_string();
        let _ = writeln!(text, "{}", texts.tell("text-unlisted", &[("count", &unlisted)]));
    }
    for (code, count) in &report.by_code {
        let _ = writeln!(text, "{code:<20} {count:>8}  {}", rule(*code, &texts));
        let _ = writeln!(text, "    {}", texts.say(&format!("finding-{code}")));
    }
    let [errors, warnings] = [report.errors, report.warnings].map(|count| count.to_string());
    text + &texts.tell("text-sums", &[("errors", &errors), ("warnings", &warnings)])
}

fn one(finding: &Finding, lines: &Lines, texts: &Texts) -> String {
    let Finding { code, severity, row, column, key, found, expected } = finding;
    let mut weight = texts.say(&format!("severity-{}", class(*severity)));
    if let Some(line) = line(finding, lines) {
        let told = [("severity", &*weight), ("line", &*line.to_string())];
        weight = texts.tell("text-on-line", &told);
    }
    let mut place = match row {
        0 => code.to_string(),
        row => {
            let row = row.to_string();
            texts.tell("text-where-row", &[("code", code.as_str()), ("row", &row)])
        }
    };
    if !column.is_empty() {
        place += &texts.tell("text-where-column", &[("column", column)]);
    }
    if !key.is_empty() {
        place += &texts.tell("text-where-key", &[("key", key)]);
    }
    let rule = rule(*code, texts);
    let told = [
        ("severity", &*weight),
        ("where", &*place),
        ("found", &**found),
        ("expected", &**expected),
        ("rule", &*rule),
    ];
    texts.tell("text-finding", &told)
}

/// The rule that a code comes from.
pub(super) fn rule(code: Code, texts: &Texts) -> String {
    let rule = code.rule();
    if let Some(number) = rule.strip_prefix("sdmx rule ") {
        return texts.tell("rule-sdmx", &[("number", number)]);
    }
    let pair = rule.strip_prefix("sdmx rules ").and_then(|pair| pair.split_once(" and "));
    match (pair, rule) {
        (Some((first, second)), _) => {
            texts.tell("rule-sdmx-pair", &[("first", first), ("second", second)])
        }
        (None, "split by sex") => texts.say("rule-sex"),
        (None, "the mapping") => texts.say("rule-mapping"),
        (None, "the form") => texts.say("rule-form"),
        (None, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report with every code, on a row that is a line of the file.
    fn full() -> (Report, Lines) {
        let (mut report, mut lines) = (Report::default(), Lines::default());
        for code in Code::ALL {
            report.push(Finding::new(*code, "5", "6").column("OBS_VALUE").at(0, "A.KG"));
        }
        report.unlisted = 3;
        lines.note(1, 4);
        (report, lines)
    }

    #[test]
    fn lines_stand_beside_rows() {
        let mut report = Report::default();
        report.push(Finding::new(Code::SumSex, "5", "6").at(0, "A.KG"));
        let mut lines = Lines::default();
        lines.note(1, 4);
        let said = |language| text(&report, &lines, language);
        let english = said(Language::En);
        assert!(
            english.starts_with("Error on line 4: SUM_SEX in row 1, key A.KG: found 6"),
            "{english}"
        );
        assert!(english.ends_with("1 errors, 0 warnings"), "{english}");
        assert!(said(Language::Ru).starts_with("Ошибка в строке 4: SUM_SEX, наблюдение 1"));
        assert!(said(Language::Ky).starts_with("Ката, 4-сап: SUM_SEX, 1-байкоо"));
        assert!(said(Language::Tg).starts_with("Хато дар сатри 4: SUM_SEX, мушоҳидаи 1"));
    }

    #[test]
    fn english_reads_as_a_finding_does() {
        let (report, lines) = full();
        let english = text(&report, &lines, Language::En);
        for finding in &report.findings {
            assert!(english.contains(&finding.to_string()), "{finding} is missing in {english}");
        }
    }

    #[test]
    fn no_english_is_left_in_another_language() {
        let (report, lines) = full();
        for language in Language::ALL.into_iter().filter(|it| *it != Language::En) {
            let said = text(&report, &lines, language);
            for word in [" row ", " on ", "found", "expected", "rule", "the ", "errors", "by sex"] {
                assert!(!said.contains(word), "{language}: {word} stands in {said}");
            }
        }
    }
}
