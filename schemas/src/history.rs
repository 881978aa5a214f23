//! The rules that compare what comes with what was accepted before: 17 and 18 against the period
//! before, 19 against what stood for the same period.

use crate::{
    finding::{Code, Finding, Report},
    slice::{Pair, Slice, pairs},
    structure::Structure,
    table::Table,
};

/// How two slices of a dataset differ, in observations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// Only in the later one.
    pub added: u64,
    /// Only in the earlier one.
    pub removed: u64,
    /// In both, with other figures.
    pub changed: u64,
    /// In both, with the same figure.
    pub unchanged: u64,
    /// Sum of the figures that changed, as they were.
    pub before: f64,
    /// As they are.
    pub after: f64,
}

impl Difference {
    /// Of what a batch makes of a period from what stood.
    #[must_use]
    pub fn of(stood: &Slice, stands: &Slice) -> Self {
        let mut difference = Self::default();
        for pair in pairs(stood.table(), stands.table()) {
            match pair {
                Pair::Old(_) => difference.removed += 1,
                Pair::New(_) => difference.added += 1,
                Pair::Both(old, new) => {
                    let (was, is) = values(stood.table(), old, stands.table(), new);
                    if was == is {
                        difference.unchanged += 1;
                    } else {
                        difference.changed += 1;
                        difference.before += was.unwrap_or_default();
                        difference.after += is.unwrap_or_default();
                    }
                }
            }
        }
        difference
    }

    /// Of what stood, the share that is changed or gone.
    #[must_use]
    pub fn share(self) -> f64 {
        let stood = self.removed + self.changed + self.unchanged;
        (self.changed + self.removed) as f64 / stood.max(1) as f64
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { added, removed, changed, unchanged, before, after } = self;
        let all = removed + changed + unchanged;
        write!(f, "{changed} of {all} figures changed")?;
        if *changed > 0 {
            write!(f, " (together {before} before, {after} now)")?;
        }
        write!(f, ", {removed} gone, {added} new")
    }
}

/// Rule 19: a revision that changes much is told, with the numbers. `listed`: each figure that
/// changes or goes is told, too.
pub fn revision(stood: &Slice, stands: &Slice, listed: bool, report: &mut Report) -> Difference {
    let difference = Difference::of(stood, stands);
    let structure = stands.table().structure();
    let large = structure.rules.large_revision;
    if difference.share() > large {
        let period = stands.period();
        let expected = format!("at most {} % of what stood for {period}", large * 100.0);
        let found = difference.to_string();
        report.push(Finding::new(Code::RevisionLarge, expected, found).column("TIME_PERIOD"));
    }
    if listed {
        list(stood.table(), stands.table(), report);
    }
    difference
}

fn list(stood: &Table, stands: &Table, report: &mut Report) {
    let told = |value: Option<f64>| value.map_or("no figure".to_owned(), |value| value.to_string());
    for pair in pairs(stood, stands) {
        match pair {
            Pair::New(_) => {}
            Pair::Old(old) => report.add(Code::FigureRemoved, || {
                let value = told(stood.value(old as usize));
                on(Finding::new(Code::FigureRemoved, value, "nothing"), stood, old)
            }),
            Pair::Both(old, new) => {
                let (was, is) = values(stood, old, stands, new);
                if was != is {
                    report.add(Code::FigureChanged, || {
                        on(Finding::new(Code::FigureChanged, told(was), told(is)), stands, new)
                    });
                }
            }
        }
    }
}

/// Rules 17 and 18 against the period before, of what stands now and did not, as `stood` has it.
pub fn progress(before: &Slice, stood: Option<&Slice>, now: &Slice, report: &mut Report) {
    let (table, structure) = (now.table(), now.table().structure());
    let Some(change) = structure.rules.change else { return };
    for pair in pairs(before.table(), table) {
        let Pair::Both(old, new) = pair else { continue };
        let (Some(was), Some(is)) = values(before.table(), old, table, new) else { continue };
        let known = stood.and_then(|stood| {
            let row = stood.find(table.packed(new as usize))?;
            stood.table().value(row)
        });
        // It was asked about when it came.
        if known == Some(is) {
            continue;
        }
        let men = |slice: &Slice, row| {
            let (place, women, men) = sexes(structure)?;
            let key = slice.table().packed(row as usize);
            let is_women = structure.keys.code(key, place) == women;
            let row = slice.find(structure.keys.with(key, place, men)).filter(|_| is_women)?;
            slice.table().value(row)
        };
        let swapped = || Some(change.is_swapped([was, men(before, old)?], [is, men(now, new)?]));
        let code = match swapped() {
            Some(true) => Code::SexSwapped,
            _ if change.is_large(was, is) => Code::ChangeLarge,
            _ => continue,
        };
        report.add(code, || {
            let expected = match code {
                Code::SexSwapped => format!("about {was}, as in {}", before.period()),
                _ => format!("{}, after {was} in {}", change.expected(was), before.period()),
            };
            on(Finding::new(code, expected, is.to_string()), table, new)
        });
    }
}

/// Where SEX stands, and women and men in it.
fn sexes(structure: &Structure) -> Option<(usize, u16, u16)> {
    let place = structure.position("SEX")?;
    let list = &structure.coded().nth(place)?.codes()?.list;
    Some((place, list.position("F")?, list.position("M")?))
}

fn values(old: &Table, row: u32, new: &Table, other: u32) -> (Option<f64>, Option<f64>) {
    (old.value(row as usize), new.value(other as usize))
}

/// A finding on a cell that stands in no row of the batch, or in one that is not known here.
fn on(finding: Finding, table: &Table, row: u32) -> Finding {
    Finding { key: table.key(row as usize), ..finding.column("OBS_VALUE") }
}

#[cfg(test)]
mod tests {
    use birge_proto::manifest::Action;

    use super::*;
    use crate::{
        slice::split,
        testing::{batch, judge},
    };

    /// The slice of MIG_STOCK in 2020 with these figures by sex.
    fn slice(period: &str, [all, women, men]: [u32; 3]) -> Slice {
        let line =
            |sex: &str, value: u32| format!("A.KG.MIG_STOCK.{sex}._T._T.PS.{period} = {value} A");
        let lines = [line("_T", all), line("F", women), line("M", men)];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let table = judge("MIG_STOCK", Action::Append, &batch("MIG_STOCK", &lines)).table;
        split(&table.unwrap()).remove(period).unwrap()
    }

    #[test]
    fn a_revision_is_told_with_its_numbers() {
        let (stood, doubled) = (slice("2020", [900, 500, 400]), slice("2020", [1800, 1000, 800]));
        let mut report = Report::default();
        let difference = revision(&stood, &doubled, true, &mut report);
        assert_eq!((difference.changed, difference.before, difference.after), (3, 1800.0, 3600.0));
        let found = &report.findings[0];
        assert_eq!(found.code, Code::RevisionLarge);
        assert_eq!(
            found.found,
            "3 of 3 figures changed (together 1800 before, 3600 now), 0 gone, 0 new"
        );
        assert_eq!(report.count(Code::FigureChanged), 3);
        let mut report = Report::default();
        revision(&stood, &stood, true, &mut report);
        assert_eq!(report.findings, []);
        let nothing = Slice::empty(stood.table().structure(), "2020");
        revision(&stood, &nothing, true, &mut report);
        assert_eq!((report.warnings, report.count(Code::FigureRemoved)), (1, 3));
    }

    #[test]
    fn a_leap_and_a_swap_against_the_period_before_are_asked_about() {
        let codes = |now| {
            let mut report = Report::default();
            progress(&slice("2019", [2100, 1500, 600]), None, &slice("2020", now), &mut report);
            report.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(codes([2100, 1510, 590]), []);
        assert_eq!(codes([2100, 610, 1490]), [Code::SexSwapped]);
        assert_eq!(codes([21000, 15000, 6000]), [Code::ChangeLarge; 3]);
        let before = slice("2019", [2100, 1500, 600]);
        let stood = slice("2020", [21000, 15000, 6000]);
        let mut report = Report::default();
        progress(&before, Some(&stood), &stood, &mut report);
        assert_eq!(report.findings, [], "it stood already");
    }
}
