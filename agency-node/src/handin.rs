//! From a file to the outbox: read, checked, signed, queued. What is queued survives a crash;
//! what was queued before is not queued again.

use std::path::Path;

use birge_proto::manifest::BatchId;
use birge_schemas::finding::{Code, Finding};

use crate::{
    batch::{self, Checked, Said, Signed, Unsigned},
    credentials, home,
    node::Node,
    outbox::{Entry, file::Slip},
    output::Failure,
    reject, source,
};

/// What came of a file of the inbox.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It became a batch that waits.
    Queued(BatchId),
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
    /// It says what this batch said before.
    Already(BatchId),
}

/// Reads and checks a file. What `said` leaves open may be said by the file's sidecar.
///
/// # Errors
/// When there is no file, or it may not be read.
pub fn check(node: &Node, file: &Path, said: Said) -> Result<Checked, Failure> {
    let (input, beside) = match Said::beside(file) {
        Ok(beside) => (source::read(&node.structures, file)?, beside),
        Err(report) => (Err(report), Said::default()),
    };
    let agency = &node.identity().body;
    Ok(batch::check(&node.structures, agency, input, said.or(beside), node.clock.now()))
}

/// Signs a batch and queues it. `source` names the file that it was made from.
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
    let _lock = node.home.lock("outbox.lock")?;
    let history = node.outbox.history()?;
    if let Some(before) = batch.already(&history) {
        return Ok(Queued::Already(before));
    }
    let (agency, sender) = (&node.identity().body, &node.config.batch);
    let signed = batch.sign(agency, &key, sender, &history, node.clock.now())?;
    let Signed { header, blocks, content } = signed;
    let slip = Slip { source, from_inbox, content };
    node.outbox.enqueue(&slip, header, blocks).map(Queued::New)
}

/// Takes a file out of the inbox: into the outbox, or aside with its report.
///
/// # Errors
/// When the file or the disk refuses, or no officer approves what is handed in; the file is then still in
/// the inbox, and taking it again does no harm.
pub fn take(node: &Node, file: &Path) -> Result<Taken, Failure> {
    let mut checked = check(node, file, Said::default())?;
    if checked.batch.take_if(|batch| batch.informs()).is_some() {
        let expected = "A to add, R to replace whole periods or D to delete: I (Information) \
                        changes nothing, and there is no receipt for it";
        checked.report.push(Finding::new(Code::Format, expected, "I").column("ACTION"));
    }
    let Some(batch) = checked.batch else {
        let mark = format!("{:.8}", BatchId::of(checked.report.to_string().as_bytes()));
        reject::file(&node.home, file, &mark[..8], &checked.report, &checked.lines)?;
        return Ok(Taken::Rejected { errors: checked.report.errors });
    };
    let kept = home::free_path(&node.home.join("sent"), file, &batch.content()[..8]);
    let source = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let taken = match queue(node, batch, source, true)? {
        Queued::New(entry) => Taken::Queued(entry.batch),
        Queued::Already(before) => Taken::Already(before),
    };
    reject::move_with_sidecar(file, &kept)?;
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
