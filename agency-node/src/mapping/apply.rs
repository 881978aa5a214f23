//! A sheet and a mapping to a batch.

use std::{collections::BTreeMap, path::Path};

use birge_schemas::{
    codelist::CodeList,
    crosswalk::Crosswalks,
    finding::{Code, Finding, Report},
    structure::{AttributeKind, Structure, Structures},
    table::RawColumn,
};
use regex::Regex;

use super::{
    Codes, Condition, Constant, FileName, Mapping, Origin, Part, Sign, Wide,
    recode::{Ambiguous, Recoding},
    rows::Rows,
    sums,
};
use crate::{
    output::Failure,
    source::{
        self, Blanks, Explained, Header, Input, Lines,
        broken::{self, is_broken},
        only,
        sheet::{Figures, Sheet},
        template::VALUE,
    },
};

impl Mapping {
    /// Reads a file and makes a batch of it. The findings, where so little can be made of it that
    /// the rules cannot go on.
    ///
    /// # Errors
    /// When there is no file, or it may not be read.
    pub fn read(
        &self,
        structures: &Structures,
        path: &Path,
    ) -> Result<Result<Input, Report>, Failure> {
        let mut report = Report::default();
        Ok(source::bytes(path)?.and_then(|bytes| {
            let is_figure = |name: &str| self.is_figure(name);
            let sheet = source::sheet(path, bytes, &self.format, is_figure, &mut report)?;
            self.apply(structures, sheet, path, report)
        }))
    }

    /// Makes a batch of a sheet. `report` is what was found before.
    ///
    /// # Errors
    /// The findings, where the mapping cannot be followed.
    pub fn apply(
        &self,
        structures: &Structures,
        sheet: Sheet,
        file: &Path,
        read: Report,
    ) -> Result<Input, Report> {
        let mut report = Report::default();
        let Some(structure) = structures.get(&self.dataset) else {
            let known: Vec<_> = structures.iter().map(|known| known.id.as_str()).collect();
            return Err(only(Finding::new(Code::Provider, known.join(", "), &self.dataset)));
        };
        if self.columns(&sheet, &mut report) {
            return Err(read.joined(report));
        }
        let walks = match Crosswalks::bundled() {
            Ok(walks) => walks,
            Err(error) => {
                return Err(only(Finding::new(Code::Format, "cross-walks", error.to_string())));
            }
        };
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut making = Making {
            structure,
            walks: &walks,
            sheet: &sheet,
            file,
            report,
            explained: Explained::default(),
        };
        let mut rows = Rows::default();
        for part in self.parts() {
            match making.part(&part) {
                Ok(made) => rows.append(made),
                Err(why) => {
                    making.report.push(Finding::new(Code::Format, "a mapping to follow", why));
                    return Err(read.joined(making.report));
                }
            }
        }
        let Making { mut report, explained, .. } = making;
        if rows.count() == 0 {
            let expected = "rows that the mapping makes something of";
            report.push(Finding::new(
                Code::Format,
                expected,
                format!("{} that it does not", sheet.rows),
            ));
            return Err(read.joined(report));
        }
        let header = Header {
            dataset: structure.id.clone(),
            version: structure.version.clone(),
            agency: None,
            action: self.action,
            periods: None,
            revises: None,
            reason: None,
            removes: vec![],
        };
        let (table, origins) = rows.into_table();
        table.columns.iter().for_each(|column| broken::find(column, &mut report));
        in_rows_made(&mut report, read, &sheet.lines, &origins);
        let lines = sheet.lines.made_of(origins);
        Ok(Input { header, table, report, lines, blanks: Blanks::default(), explained })
    }

    /// Finds columns that the mapping asks for and that are missing, and those of which it says
    /// nothing. Is one missing?
    fn columns(&self, sheet: &Sheet, report: &mut Report) -> bool {
        let parts = self.parts();
        let asked: std::collections::BTreeSet<&str> = parts.iter().flat_map(Part::names).collect();
        let missing: Vec<_> =
            asked.iter().filter(|name| !sheet.names.iter().any(|own| own == *name)).collect();
        for name in &missing {
            let expected = format!("the columns of \"{}\"", self.name);
            let found = format!("only {}", sheet.names.join(", "));
            report.push(Finding::new(Code::ColumnMissing, expected, found).column(**name));
        }
        let said = |name: &&String| {
            asked.contains(name.as_str()) || self.ignore.contains(name) || is_blank(sheet, name)
        };
        for name in sheet.names.iter().filter(|name| !said(name)) {
            let expected = "a column of which the mapping says something; name it under `ignore` \
                            if nothing of it is needed";
            report.push(Finding::new(Code::ColumnUnmapped, expected, name).column(name));
        }
        for column in sheet.texts.iter().filter(|column| self.ignore.contains(&column.id)) {
            let broken: Vec<bool> = column.dictionary.iter().map(|text| is_broken(text)).collect();
            if broken.contains(&true) {
                let rows = (0..sheet.rows).filter(|row| broken[column.entry(*row)]).count();
                let expected = "text that no conversion has broken (no U+FFFD)";
                let found = format!("broken text in {rows} rows");
                report.push(Finding::new(Code::TextBroken, expected, found).column(&column.id));
            }
        }
        !missing.is_empty()
    }
}

/// Puts what was found while the file was read before what was found since, with rows as they are
/// counted now. What stands in rows of which nothing was made is on no row, and says the line.
fn in_rows_made(report: &mut Report, mut read: Report, lines: &Lines, origins: &[u32]) {
    for finding in read.findings.iter_mut().filter(|finding| finding.row > 0) {
        let (row, line) = (finding.row - 1, lines.of(finding.row));
        let made = origins.iter().position(|origin| u64::from(*origin) == row);
        finding.row = made.map_or(0, |made| made as u64 + 1);
        if let Some(line) = line.filter(|_| made.is_none()) {
            finding.expected = format!("{}, on line {line}", finding.expected);
        }
    }
    *report = read.joined(std::mem::take(report));
}

/// Has a column neither a name nor anything below it?
fn is_blank(sheet: &Sheet, name: &str) -> bool {
    let mut columns = sheet.texts.iter().filter(|column| column.id == name);
    name.is_empty() && columns.all(|column| column.dictionary.iter().all(String::is_empty))
}

struct Making<'a> {
    structure: &'a Structure,
    walks: &'a Crosswalks,
    sheet: &'a Sheet,
    file: String,
    report: Report,
    explained: Explained,
}

/// A column of figures, and what its name stands for.
struct Figure<'a> {
    figures: &'a Figures,
    stands_for: Option<&'a BTreeMap<String, String>>,
    /// The group that it belongs to.
    group: Option<&'a Wide>,
    /// What each of its words means.
    words: Vec<Word<'a>>,
}

/// What stands where a figure would.
#[derive(Clone, Copy)]
enum Word<'a> {
    Nothing,
    Unreadable,
    Means(&'a Sign),
}

impl Making<'_> {
    /// # Errors
    /// Says why the mapping cannot be followed.
    fn part(&mut self, part: &Part) -> Result<Rows, String> {
        let kept = self.kept(&part.rows);
        let figures = self.figures(part)?;
        let multiplier = part.value.as_ref().and_then(|value| value.multiplier).unwrap_or(1.0);
        let mut rows = Rows::default();
        // Which figure each row is of, and what stands in attributes for what is not a number.
        let (mut of, mut said): (Vec<u32>, Vec<(usize, &str, &str)>) = (vec![], vec![]);
        let mut undivided = 0;
        for row in kept {
            let at = row as usize;
            let absent = |group: &Wide| is_undivided(group, self.sheet, at);
            let missing: Vec<&Wide> = part.wide.iter().filter(|group| absent(group)).collect();
            undivided += missing.len() as u64;
            for (place, figure) in (0..).zip(&figures) {
                if figure.group.is_some_and(|own| missing.iter().any(|it| std::ptr::eq(*it, own))) {
                    continue;
                }
                let new = rows.count();
                let word = figure.words[figure.figures.words.entry(at)];
                match (figure.figures.value(at), word) {
                    (Some(number), _) => rows.push_value(Some(number * multiplier), row),
                    (None, Word::Means(Sign::LeftOut(()))) => continue,
                    (None, Word::Means(Sign::Zero(_))) => rows.push_value(Some(0.0), row),
                    (None, Word::Means(Sign::Status(status))) => {
                        rows.push_value(None, row);
                        said.push((new, "OBS_STATUS", status));
                    }
                    (None, Word::Nothing) => rows.push_value(None, row),
                    (None, Word::Unreadable) => {
                        rows.unreadable.insert(new, figure.figures.words.at(at).to_owned());
                        rows.push_value(None, row);
                    }
                }
                of.push(place);
            }
        }
        self.tell(Code::SplitAbsent, undivided, "rows", "not to be divided as others are");
        if let Some(value) = &part.value {
            self.explained.column(VALUE, &value.from, &[]);
        }
        for (id, origin) in &part.columns {
            let column = self.column(id, origin, &rows.origins)?;
            rows.columns.push(column);
        }
        for id in figures.iter().filter_map(|figure| figure.stands_for).flat_map(BTreeMap::keys) {
            if rows.column(id).is_none() {
                rows.columns.push(of_figures(id, &figures, &of));
            } else {
                said.extend(of.iter().enumerate().filter_map(|(row, figure)| {
                    let text = figures[*figure as usize].stands_for?.get(id)?;
                    Some((row, id.as_str(), text.as_str()))
                }));
            }
        }
        said.iter().for_each(|(row, id, text)| rows.set(id, *row, text));
        if part.combine == Some(true) {
            let gone = sums::combine(self.structure, &mut rows);
            self.tell(Code::Combined, gone, "rows", "to be added to others of the same key");
        }
        let made = sums::totals(self.structure, &part.totals, &mut rows, &mut self.report)
            + sums::rests(self.structure, &part.rests, &mut rows, &mut self.report);
        sums::unsplit(self.structure, &part.unsplit, &mut rows);
        self.tell(Code::Derived, made, "observations", "to be made of others");
        Ok(rows)
    }

    /// The rows of which all conditions hold.
    fn kept(&mut self, conditions: &[Condition]) -> Vec<u32> {
        let columns: Vec<(&RawColumn, Vec<bool>)> = conditions
            .iter()
            .filter_map(|it| {
                let column = self.sheet.texts.iter().find(|column| column.id == it.column)?;
                let holds = |text: &String| {
                    (it.is.is_empty() || it.is.contains(text)) && !it.is_not.contains(text)
                };
                Some((column, column.dictionary.iter().map(holds).collect()))
            })
            .collect();
        let rows = 0..u32::try_from(self.sheet.rows).unwrap_or(u32::MAX);
        let kept: Vec<u32> = rows
            .filter(|row| columns.iter().all(|(column, holds)| holds[column.entry(*row as usize)]))
            .collect();
        let left_out = (self.sheet.rows - kept.len()) as u64;
        self.tell(Code::RowsLeftOut, left_out, "rows", "to be left out");
        kept
    }

    /// The columns of figures that a part speaks of.
    fn figures<'p>(&self, part: &'p Part) -> Result<Vec<Figure<'p>>, String>
    where
        Self: 'p,
    {
        let figure = |name: &str, stands_for, group| {
            let figures = self.sheet.figures.iter().find(|column| column.words.id == name);
            let figures = figures.ok_or_else(|| format!("there is no column {name} of figures"))?;
            let word = |text: &String| match part.signs.get(text) {
                Some(sign) => Word::Means(sign),
                None if text.is_empty() => Word::Nothing,
                None => Word::Unreadable,
            };
            let words = figures.words.dictionary.iter().map(word).collect();
            Ok(Figure { figures, stands_for, group, words })
        };
        match (&part.wide[..], &part.value) {
            ([], Some(value)) => Ok(vec![figure(&value.from, None, None)?]),
            ([], None) => Err("it names no figure: `value`, or `wide`".to_owned()),
            (groups, _) => groups
                .iter()
                .flat_map(|group| group.columns.iter().map(move |(name, own)| (name, own, group)))
                .map(|(name, own, group)| figure(name, Some(own), Some(group)))
                .collect(),
        }
    }

    /// The column of a dimension or attribute, for rows made of these.
    fn column(&mut self, id: &str, origin: &Origin, rows: &[u32]) -> Result<RawColumn, String> {
        let constant =
            |text: String| RawColumn { id: id.to_owned(), dictionary: vec![text], index: vec![] };
        match origin {
            Origin::Constant(Constant { constant: text }) => Ok(constant(text.clone())),
            Origin::FileName(FileName { pattern, says }) => {
                let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
                let found = pattern.captures(&self.file);
                let found = found.ok_or_else(|| {
                    format!("the file's name {} is not as {pattern} says", self.file)
                })?;
                let mut text = String::new();
                found.expand(says, &mut text);
                Ok(constant(text))
            }
            Origin::Column(column) => {
                let list = code_list(self.structure, id);
                let recoding = Recoding::new(column, list, self.walks)?;
                let texts = self.sheet.texts.iter().find(|text| text.id == column.from);
                let texts =
                    texts.ok_or_else(|| format!("{} is a column of figures", column.from))?;
                let mut ambiguous = vec![];
                let made = recoding.column(id, texts, rows, &mut ambiguous);
                let through = column.codes.iter().map(|codes| match codes {
                    Codes::Named(walk) => walk.as_str(),
                    Codes::Own(_) => "the mapping's own codes",
                });
                self.explained.column(id, &column.from, &through.collect::<Vec<_>>());
                for Ambiguous { text, codes } in ambiguous {
                    self.explained.ambiguous(id, &text, &codes);
                }
                Ok(made)
            }
        }
    }

    /// Tells how many there are, if any.
    fn tell(&mut self, code: Code, count: u64, what: &str, expected: &str) {
        if count > 0 {
            self.report.push(Finding::new(code, expected, format!("{count} {what}")));
        }
    }
}

/// Is the figure that a group divides more than 0 in a row, and all of the group 0 or nothing?
fn is_undivided(group: &Wide, sheet: &Sheet, row: usize) -> bool {
    let Some(of) = &group.of else { return false };
    let value =
        |name: &String| sheet.figures.iter().find(|figures| figures.words.id == *name)?.value(row);
    value(of).is_some_and(|whole| whole > 0.0)
        && group.columns.keys().all(|name| value(name).is_none_or(|part| part == 0.0))
}

/// The column of what the names of columns of figures stand for.
fn of_figures(id: &str, figures: &[Figure<'_>], of: &[u32]) -> RawColumn {
    let mut dictionary: Vec<String> = vec![];
    let entries: Vec<u32> = figures
        .iter()
        .map(|figure| {
            let text = figure.stands_for.and_then(|own| own.get(id)).map_or("", String::as_str);
            let known = dictionary.iter().position(|known| known == text);
            known.unwrap_or_else(|| {
                dictionary.push(text.to_owned());
                dictionary.len() - 1
            }) as u32
        })
        .collect();
    let index = of.iter().map(|figure| entries[*figure as usize]).collect();
    RawColumn { id: id.to_owned(), dictionary, index }
}

/// The code list of a dimension or an attribute.
fn code_list<'s>(structure: &'s Structure, id: &str) -> Option<&'s CodeList> {
    let dimension = structure.coded().find(|dimension| dimension.id == id);
    let coded = dimension.and_then(|dimension| dimension.codes()).map(|coded| &*coded.list);
    coded.or_else(|| match &structure.attribute(id)?.kind {
        AttributeKind::Coded(list) => Some(list),
        _ => None,
    })
}
