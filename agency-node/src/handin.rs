//! From a file to the outbox: read, checked, signed, queued. What is queued survives a crash;
//! what was queued before is not queued again.

use std::path::{Path, PathBuf};

use birge_proto::manifest::BatchId;
use birge_schemas::finding::{Code, Finding, Report};
use clap::Args;

use crate::{
    batch::{self, Checked, Said, Signed, Unsigned},
    config::Source,
    credentials,
    form::{self, Form},
    home,
    mapping::Mapping,
    node::Node,
    outbox::{
        Entry,
        file::Slip,
        prepared::{self, Prepared},
    },
    output::Failure,
    reject,
    report::Paper,
    source::{self, Input, sheet::Sheet},
};

/// What came of a file of the inbox.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It became a batch that waits.
    Queued(BatchId),
    /// It became a batch that waits for approval; its name so far.
    Prepared(BatchId),
    /// It says what a batch said before; no second one was made.
    Already(BatchId),
    /// It breaks rules, or would change nothing, and lies under `rejected/` with its report.
    Rejected {
        /// Errors found.
        errors: u64,
    },
}

/// What came of queueing a batch.
#[derive(Debug)]
pub enum Queued {
    /// It waits.
    New(Entry),
    /// It waits for approval; its name so far.
    Prepared(BatchId),
    /// It says what this batch said before.
    Already(BatchId),
}

/// A file to hand in.
#[derive(Debug, Clone, Args)]
pub struct Given {
    /// A batch in the common template, or a file that a mapping explains: CSV, a workbook (XLSX,
    /// XLS, ODS), SDMX-ML (XML), JSON.
    pub file: PathBuf,
    /// The mapping; for files in the inbox of a source of node.toml that source's.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
}

impl Given {
    /// A file of the inbox.
    #[must_use]
    pub fn of_inbox(file: &Path) -> Self {
        Self { file: file.to_owned(), mapping: None }
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Reads the file: as a form, else by the mapping that explains it, else as a batch in the
    /// common template.
    fn read(&self, node: &Node) -> Result<Result<Input, Report>, Failure> {
        let structures = &node.structures;
        if let Some(form) = self.form(node)? {
            return Ok(form.and_then(|form| form.input(structures)));
        }
        match self.mapping(node)? {
            Some(mapping) => mapping.read(structures, &self.file),
            None => source::read(structures, &self.file),
        }
    }

    /// The form in the file; none if it is none. What keeps it from being read is a report.
    fn form(&self, node: &Node) -> Result<Option<Result<Form, Report>>, Failure> {
        form::read::of_file(&node.structures, &self.file)
    }

    /// The file for whoever is told what is wrong with it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn shown(&self, node: &Node) -> Result<Shown, Failure> {
        if source::is_json(&self.file) {
            return Ok(Shown::default());
        }
        if let Some(Ok(form)) = self.form(node)? {
            return Ok(Shown { sheet: form.sheet(&node.structures), form: Some(form) });
        }
        let layout = self.mapping(node)?.map(|mapping| mapping.format).unwrap_or_default();
        let Ok(bytes) = source::bytes(&self.file)? else { return Ok(Shown::default()) };
        let sheet = source::sheet(&self.file, bytes, &layout, |_| false, &mut Report::default());
        Ok(Shown { sheet: sheet.ok(), form: None })
    }

    /// What explains the file, where it is not in the common template.
    ///
    /// # Errors
    /// When that cannot be read, or is wrong.
    fn mapping(&self, node: &Node) -> Result<Option<Mapping>, Failure> {
        let of_source = self.source(node).and_then(|source| source.mapping.as_ref());
        let of_source = of_source.map(|file| node.home.join(file));
        self.mapping.clone().or(of_source).map(|file| Mapping::load(&file)).transpose()
    }

    /// The source in whose folder of the inbox the file lies.
    #[must_use]
    pub fn source<'a>(&self, node: &'a Node) -> Option<&'a Source> {
        let canonical = |path: &Path| path.canonicalize().ok();
        let folder = canonical(&self.file).and_then(|file| file.parent().map(Path::to_owned));
        let mut sources = node.config.sources.iter();
        sources.find(|it| folder.is_some() && canonical(&node.inbox(it)) == folder)
    }
}

/// A file as it is shown to whoever is told what is wrong with it.
#[derive(Debug, Default)]
pub struct Shown {
    /// As a table; none if it is none.
    pub sheet: Option<Sheet>,
    form: Option<Form>,
}

impl Shown {
    /// The form, given back with what was found marked in it; none if the file is no form.
    ///
    /// # Errors
    /// When a workbook cannot hold it.
    pub fn marked(&self, node: &Node, checked: &Checked) -> Result<Option<Vec<u8>>, Failure> {
        let Some(form) = &self.form else { return Ok(None) };
        let Some(structure) = node.structures.get(&form.head.dataset) else { return Ok(None) };
        let (found, contact) = (form.found(checked), &node.config.batch.contact);
        let bytes = form::make::workbook(&node.structures, structure, form, Some(&found), contact);
        Ok(Some(bytes.map_err(anyhow::Error::from)?))
    }
}

/// Reads and checks a file. What `said` leaves open may be said by the file's sidecar.
///
/// # Errors
/// When there is no file, it may not be read, or the mapping that explains it is wrong.
pub fn check(node: &Node, given: &Given, said: Said) -> Result<Checked, Failure> {
    let (input, beside) = match Said::beside(&given.file) {
        Ok(beside) => (given.read(node)?, beside),
        Err(report) => (Err(report), Said::default()),
    };
    let agency = &node.identity().body;
    Ok(batch::check(&node.structures, agency, input, said.or(beside), node.clock.now()))
}

/// Signs a batch and queues it; where the node asks for approval, it waits for that instead.
/// `source` names the file that it was made from.
///
/// # Errors
/// When the node signs nothing, no officer approves it, or the disk refuses.
pub fn queue(
    node: &Node,
    batch: Unsigned,
    source: String,
    from_inbox: bool,
) -> Result<Queued, Failure> {
    let key = credentials::signing_key(&node.home, node.identity())?;
    let (agency, sender) = (&node.identity().body, &node.config.batch);
    let draft = batch.draft(agency, sender, node.clock.now())?;
    let _lock = node.home.lock("outbox.lock")?;
    let history = node.outbox.history()?;
    let prepared = prepared::all(&node.home)?;
    let known: Vec<_> =
        history.iter().cloned().chain(prepared.iter().map(Prepared::past)).collect();
    if let Some(before) = draft.already(&known) {
        return Ok(Queued::Already(before));
    }
    if node.config.approval.required {
        return prepared::keep(&node.home, draft, source, from_inbox).map(Queued::Prepared);
    }
    let signed = draft.revising(&history).approved(&sender.officer)?.sign(&key, None)?;
    let Signed { header, blocks, content } = signed;
    node.outbox.enqueue(&Slip::new(source, from_inbox, content), header, blocks).map(Queued::New)
}

/// Takes a file out of the inbox: into the outbox, or aside with its report.
///
/// # Errors
/// When the file or the disk refuses, or no officer approves what is handed in; the file is then still in
/// the inbox, and taking it again does no harm.
pub fn take(node: &Node, file: &Path) -> Result<Taken, Failure> {
    let given = Given::of_inbox(file);
    let mut checked = check(node, &given, Said::default())?;
    if checked.batch.take_if(|batch| batch.informs()).is_some() {
        let expected = "A to add, R to replace whole periods or D to delete: I (Information) \
                        changes nothing, and there is no receipt for it";
        checked.report.push(Finding::new(Code::Format, expected, "I").column("ACTION"));
    }
    let Some(batch) = checked.batch.take() else {
        let (name, shown) = (given.name(), given.shown(node)?);
        let form = shown.marked(node, &checked)?;
        let (sheet, form) = (shown.sheet.as_ref(), form.as_deref());
        let language = node.config.language;
        let paper = Paper { file: &name, checked: &checked, sheet, form, language };
        reject::file(&node.home, file, &paper)?;
        return Ok(Taken::Rejected { errors: checked.report.errors });
    };
    let kept = home::free_path(&node.home.join("sent"), file, &batch.content()[..8]);
    let source = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let taken = match queue(node, batch, source, true)? {
        Queued::New(entry) => Taken::Queued(entry.batch),
        Queued::Prepared(batch) => Taken::Prepared(batch),
        Queued::Already(before) => Taken::Already(before),
    };
    match given.source(node) {
        Some(source) if !source.keep => reject::remove_with_sidecar(file)?,
        _ => reject::move_with_sidecar(file, &kept)?,
    }
    Ok(taken)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::{init, outbox::State, source::folder::sidecar};

    pub(crate) const CSV: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,\
                       UNIT_MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS,COMMENT_OBS\n\
                       dataflow,BIRGE:TRAFFICKING(1.0.0),A,A,KG,VC_HTF_DETV,_T,_T,_T,PS,2023,17,A,no split\n";

    /// A node in a folder of its own.
    pub(crate) fn node(folder: &Path) -> Node {
        let request = init::Request {
            dir: folder.to_owned(),
            identity: "agency/MIA".parse().unwrap(),
            gateway: "https://localhost:1".into(),
            contact: None,
            officer: Some("head of statistics".into()),
        };
        init::init(request).unwrap();
        Node::open(&folder.join("node.toml")).unwrap()
    }

    fn put(node: &Node, name: &str, text: &str) -> PathBuf {
        let path = node.home.join("inbox").join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_file_becomes_one_batch_however_often_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let Taken::Queued(batch) = take(&node, &put(&node, "a.csv", CSV)).unwrap() else {
            panic!("not queued")
        };
        // Under another name, with other line ends, and after a crash before the move.
        let windows = CSV.replace('\n', "\r\n");
        assert_eq!(take(&node, &put(&node, "b.csv", &windows)).unwrap(), Taken::Already(batch));
        assert_eq!(take(&node, &put(&node, "a.csv", CSV)).unwrap(), Taken::Already(batch));
        assert_eq!(node.outbox.entries(State::Queued).unwrap().len(), 1);
        assert_eq!(fs::read_dir(node.home.join("sent")).unwrap().count(), 3);
        assert_eq!(fs::read_dir(node.home.join("inbox")).unwrap().count(), 0);
    }

    /// The batch is signed before the file goes; what breaks rules stays, to be mended.
    #[test]
    fn a_source_that_keeps_nothing_keeps_what_breaks_rules_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mia/node.toml");
        node(file.parent().unwrap());
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{config}\n[[source]]\nname = \"own\"\nkeep = false\n")).unwrap();
        let node = Node::open(&file).unwrap();
        let taken = take(&node, &put(&node, "own/a.csv", CSV)).unwrap();
        assert!(matches!(taken, Taken::Queued(_)), "{taken:?}");
        let wrong = CSV.replace(",17,", ",seventeen,");
        take(&node, &put(&node, "own/b.csv", &wrong)).unwrap();
        assert_eq!(node.outbox.entries(State::Queued).unwrap().len(), 1);
        assert_eq!(fs::read_dir(node.home.join("sent")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(node.home.join("inbox/own")).unwrap().count(), 0);
        assert!(node.home.join("rejected/b.csv.findings.csv").exists());
    }

    #[test]
    fn a_file_that_would_change_nothing_lies_aside_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let file = put(&node, "a.csv", &CSV.replace(",A,A,KG", ",I,A,KG"));
        assert_eq!(take(&node, &file).unwrap(), Taken::Rejected { errors: 1 });
        let report = node.home.join("rejected/a.csv.report.txt");
        let text = fs::read_to_string(report).unwrap();
        assert!(text.contains("changes nothing") && text.contains("R to replace"), "{text}");
        assert!(node.outbox.waiting().unwrap().is_empty());
    }

    #[test]
    fn a_report_is_in_the_node_s_language() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        node.config.language = crate::i18n::Language::Ky;
        let file = put(&node, "a.csv", &CSV.replace(",17,", ",seventeen,"));
        assert_eq!(take(&node, &file).unwrap(), Taken::Rejected { errors: 1 });
        let read = |ending: &str| {
            fs::read_to_string(node.home.join("rejected").join(format!("a.csv{ending}"))).unwrap()
        };
        let text = read(".report.txt");
        assert!(text.starts_with("Ката, 2-сап: VALUE_FORMAT"), "{text}");
        assert!(text.ends_with("каталар: 1, эскертүүлөр: 0"), "{text}");
        assert!(read(".report.html").contains("lang=\"ky\""));
        assert!(read(".findings.csv").contains("ТАБЫЛГАНДАР"));
    }

    #[test]
    fn a_file_that_breaks_rules_lies_aside_with_its_report() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let wrong = CSV.replace(",17,", ",seventeen,");
        let file = put(&node, "a.csv", &wrong);
        fs::write(sidecar(&file), "reason = \"first\"").unwrap();
        assert_eq!(take(&node, &file).unwrap(), Taken::Rejected { errors: 1 });
        let rejected = node.home.join("rejected");
        let text = fs::read_to_string(rejected.join("a.csv.report.txt")).unwrap();
        assert!(text.contains("VALUE_FORMAT") && text.contains("line 2"), "{text}");
        let json = fs::read(rejected.join("a.csv.report.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["report"]["findings"][0]["column"], "OBS_VALUE");
        assert_eq!(fs::read_to_string(rejected.join("a.csv")).unwrap(), wrong);
        assert!(rejected.join("a.csv.batch.toml").exists());
        assert!(node.outbox.waiting().unwrap().is_empty());
    }
}
