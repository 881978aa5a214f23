//! A sheet and a mapping to a batch.

use std::{collections::BTreeMap, path::Path};

use birge_schemas::{
    codelist::CodeList,
    crosswalk::Crosswalks,
    finding::{Code, Finding, Report},
    side_by_side::side_by_side,
    structure::{AttributeKind, Structure, Structures},
    table::{Bitmap, RawColumn},
};
use regex::Regex;

use super::{
    Codes, Condition, Constant, Distinct, FileName, Mapping, Measure, Origin, Part, Wide,
    figures::{self, Cell, Figure, is_undivided},
    recode::{Ambiguous, Recoding},
    rows::Rows,
    sums,
    tabulate::{self, of_margin},
};
use crate::{
    output::Failure,
    source::{
        self, Blanks, Explained, Header, Input, Lines, broken, only, sheet::Sheet, template::VALUE,
    },
};

/// Why there is no figure, among other things.
const STATUS: &str = "OBS_STATUS";
/// Statuses that say why there is no figure.
const BLANK: [&str; 6] = ["H", "K", "L", "M", "O", "Q"];

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
        let parts = self.parts();
        if self.heads(&parts, &sheet, &mut report) {
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
            used: Bitmap::filled(false, sheet.rows),
        };
        let mut rows = Rows::default();
        for part in &parts {
            match making.part(part) {
                Ok(made) => rows.append(made),
                Err(why) => {
                    making.report.push(Finding::new(Code::Format, "a mapping to follow", why));
                    return Err(read.joined(making.report));
                }
            }
        }
        let left_out = (0..sheet.rows).filter(|row| !making.used.at(*row)).count() as u64;
        making.tell(Code::RowsLeftOut, left_out, "rows", "to be left out");
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
        if parts.iter().any(Part::counts) {
            tabulate::small(&rows, &mut report);
        }
        let (table, origins) = rows.into_table();
        table.columns.iter().for_each(|column| broken::find(column, &mut report));
        in_rows_made(&mut report, read, &sheet.lines, &origins);
        let lines = sheet.lines.made_of(origins);
        Ok(Input { header, table, report, lines, blanks: Blanks::default(), explained })
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

struct Making<'a> {
    structure: &'a Structure,
    walks: &'a Crosswalks,
    sheet: &'a Sheet,
    file: String,
    report: Report,
    explained: Explained,
    /// Rows of which something is made.
    used: Bitmap,
}

impl Making<'_> {
    /// # Errors
    /// Says why the mapping cannot be followed.
    fn part(&mut self, part: &Part) -> Result<Rows, String> {
        tabulate::check_margins(self.structure, part)?;
        let kept = self.kept(&part.rows)?;
        let (figures, divisions) =
            (figures::figures(part, self.sheet)?, figures::divisions(part, self.sheet)?);
        let mut rows = Rows::default();
        // Which figure each row is of, and what stands in attributes for what is not a number.
        let (mut of, mut said): (Vec<u32>, Vec<(usize, &str, &str)>) = (vec![], vec![]);
        let mut undivided = 0;
        if part.counts() {
            kept.iter().for_each(|row| rows.push_value(Some(1.0), *row));
        }
        for row in kept {
            let at = row as usize;
            let absent =
                divisions.iter().filter(|(group, of)| is_undivided(group, of, &figures, at));
            let absent: Vec<&Wide> = absent.map(|(group, _)| *group).collect();
            undivided += absent.len() as u64;
            for (place, figure) in (0..).zip(&figures) {
                if figure.group.is_some_and(|own| absent.iter().any(|it| std::ptr::eq(*it, own))) {
                    continue;
                }
                let new = rows.count();
                of.push(place);
                match figure.cell(at) {
                    Cell::Number(number) => rows.push_value(Some(number), row),
                    Cell::LeftOut => rows.push_left_out(row),
                    Cell::Nothing => rows.push_value(None, row),
                    Cell::Status(status) => {
                        rows.push_value(None, row);
                        said.push((new, STATUS, status));
                    }
                    Cell::Unreadable(text) => {
                        rows.push_value(None, row);
                        rows.unreadable.insert(new, text.to_owned());
                    }
                }
            }
        }
        self.tell(Code::SplitAbsent, undivided, "rows", "not to be divided as others are");
        if let Some(value) = part.value.as_ref().and_then(Measure::figure) {
            self.explained.column(VALUE, &value.from, &[]);
        }
        let columns: Vec<_> = part.columns.iter().collect();
        let made = side_by_side(&columns, |(id, origin)| self.column(id, origin, &rows.origins));
        for ((id, origin), made) in columns.into_iter().zip(made) {
            let (column, ambiguous) = made?;
            self.explain(id, origin, ambiguous);
            let count = rows.count();
            rows.push_column(of_margin(self.structure, column, origin, part, count)?);
        }
        for id in figures.iter().filter_map(|figure| figure.stands_for).flat_map(BTreeMap::keys) {
            if rows.column(id).is_none() {
                rows.push_column(of_figures(id, &figures, &of));
            } else {
                said.extend(of.iter().enumerate().filter_map(|(row, figure)| {
                    let text = figures[*figure as usize].stands_for?.get(id)?;
                    Some((row, id.as_str(), text.as_str()))
                }));
            }
        }
        for (row, id, text) in said {
            // A status that says already why there is no figure stays.
            if id != STATUS || !BLANK.contains(&rows.text(STATUS, row)) {
                rows.set(id, row, text);
            }
        }
        if let Some(Measure::Distinct(Distinct { distinct })) = &part.value {
            tabulate::once(self.structure, self.sheet, distinct, &mut rows)?;
        }
        let made = sums::Sums::new(self.structure, part, &mut rows)?.make(&mut self.report);
        self.tell(Code::Combined, made.combined, "rows", "to be added to others of the same key");
        self.tell(Code::Derived, made.derived, "observations", "to be made of others");
        rows.drop_left_out();
        Ok(rows)
    }

    /// The rows of which all conditions hold.
    fn kept(&mut self, conditions: &[Condition]) -> Result<Vec<u32>, String> {
        let column = |it: &Condition| {
            let column = self.sheet.texts.iter().find(|column| column.id == it.column);
            let column = column.ok_or_else(|| {
                format!("`rows` asks for {}, which is a column of figures: use `signs`", it.column)
            })?;
            let holds = |text: &String| {
                (it.is.is_empty() || it.is.contains(text)) && !it.is_not.contains(text)
            };
            Ok::<_, String>((column, column.dictionary.iter().map(holds).collect::<Vec<bool>>()))
        };
        let columns: Vec<_> = conditions.iter().map(column).collect::<Result<_, _>>()?;
        let holds =
            |row: &u32| columns.iter().all(|(column, holds)| holds[column.entry(*row as usize)]);
        let rows = 0..u32::try_from(self.sheet.rows).unwrap_or(u32::MAX);
        let kept: Vec<u32> = rows.filter(holds).collect();
        kept.iter().for_each(|row| self.used.set(*row as usize, true));
        Ok(kept)
    }

    /// The column of a dimension or attribute, for rows made of these; and what may be several
    /// codes.
    fn column(
        &self,
        id: &str,
        origin: &Origin,
        rows: &[u32],
    ) -> Result<(RawColumn, Vec<Ambiguous>), String> {
        let constant = |text: String| {
            (RawColumn { id: id.to_owned(), dictionary: vec![text], index: vec![] }, vec![])
        };
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
                Ok((made, ambiguous))
            }
        }
    }

    /// Notes of what a column was made, and through what.
    fn explain(&mut self, id: &str, origin: &Origin, ambiguous: Vec<Ambiguous>) {
        let Origin::Column(column) = origin else { return };
        let through = column.codes.iter().map(|codes| match codes {
            Codes::Named(walk) => walk.as_str(),
            Codes::Own(_) => "the mapping's own codes",
        });
        self.explained.column(id, &column.from, &through.collect::<Vec<_>>());
        for Ambiguous { text, codes } in ambiguous {
            self.explained.ambiguous(id, &text, &codes);
        }
    }

    /// Tells how many there are, if any.
    fn tell(&mut self, code: Code, count: u64, what: &str, expected: &str) {
        if count > 0 {
            self.report.push(Finding::new(code, expected, format!("{count} {what}")));
        }
    }
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
