//! `agency-node submit` and `validate`: one file, at once, with everything found in it.

mod answer;
mod preview;

use std::path::{Path, PathBuf};

use birge_proto::{manifest::BatchId, problem::Kind, wire};
use birge_schemas::finding::Report;
use clap::Args;
use serde_json::json;

use self::answer::{accepted, counts_json, counts_text, refused};
use crate::{
    batch::{Said, Unsigned},
    connect::Link,
    consent, credentials, diff,
    handin::{self, Given, Queued},
    i18n::{self, Language},
    node::Node,
    outbox::receipts,
    output::{Exit, Failure, Reply},
    publish::{Delivery, Publisher},
    report::{self, Paper},
    source::Lines,
};

/// What `validate` is told.
#[derive(Debug, Clone, Args)]
pub struct Validate {
    /// Which file.
    #[command(flatten)]
    pub given: Given,
    /// Also write the report here, in the form that the ending names: .html (a page of its own),
    /// .csv, .json, else text.
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// Also write a copy of the file here, with what was found on each line: .xlsx or .csv.
    #[arg(long, value_name = "FILE")]
    pub annotated: Option<PathBuf>,
    /// In which language reports are; the node's when absent.
    #[arg(long, value_name = "en|ru|ky|tg")]
    pub language: Option<Language>,
}

/// Checks a file against the rules, without the gateway.
///
/// # Errors
/// When there is no file, or it may not be read.
pub fn validate(node: &Node, asked: &Validate) -> Result<Reply, Failure> {
    let Validate { given, report, annotated, language } = asked;
    let checked = handin::check(node, given, Said::default())?;
    let language = language.unwrap_or(node.config.language);
    if !report.is_empty() || annotated.is_some() {
        let (name, shown) = (given.name(), given.shown(node)?);
        let form = shown.marked(node, &checked)?;
        let (sheet, form) = (shown.sheet.as_ref(), form.as_deref());
        let paper = Paper { file: &name, checked: &checked, sheet, form, language };
        report.iter().try_for_each(|path| paper.write(path))?;
        annotated.iter().try_for_each(|path| paper.annotate(path).map(drop))?;
    }
    let Some(batch) = &checked.batch else { return Ok(report::invalid(&checked, language)) };
    let (count, dataset) = (batch.observations().to_string(), batch.dataset().to_string());
    let what = i18n::SOURCES
        .texts(language)
        .tell("submit-valid", &[("count", &count), ("dataset", &dataset)]);
    let json = json!({ "valid": true, "report": report::json(&checked.report, &checked.lines) });
    let text = format!("{}\n{what}", report::text(&checked.report, &checked.lines, language));
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// Checks a file, queues it, hands it over, and tells what came of it. A file of the action
/// *Information* is a dry run: the gateway would store nothing of it. With `current` it replaces
/// what stands of its periods, and says itself which keys disappear.
///
/// # Errors
/// When the file cannot be read, the gateway is away (the batch is queued then) or does not
/// know this node.
pub async fn submit(
    node: &Node,
    given: &Given,
    said: Said,
    current: bool,
) -> Result<Reply, Failure> {
    let publisher = node.publisher()?;
    let mut checked = handin::check(node, given, said)?;
    let Some(mut batch) = checked.batch.take() else {
        return Ok(report::invalid(&checked, node.config.language));
    };
    if current {
        batch = diff::replacing(node, &publisher.link, batch).await?;
    }
    if batch.informs() {
        return ask(node, &publisher.link, batch, &checked.lines, false).await;
    }
    hand_over(node, &publisher, batch, given.name()).await
}

/// Checks and signs a file, and has the working group's chair asked to consent to it; nothing is
/// handed in.
///
/// # Errors
/// When the file cannot be read, or as for [`consent::ask`].
pub fn ask_consent(node: &Node, given: &Given, said: Said, out: &Path) -> Result<Reply, Failure> {
    let mut checked = handin::check(node, given, said)?;
    let Some(batch) = checked.batch.take() else {
        return Ok(report::invalid(&checked, node.config.language));
    };
    consent::ask(node, batch, given.name(), out)
}

/// Queues a batch, hands it over, and tells what came of it.
///
/// # Errors
/// As for [`submit`].
pub async fn hand_over(
    node: &Node,
    publisher: &Publisher,
    batch: Unsigned,
    source: String,
) -> Result<Reply, Failure> {
    let (batch, before) = match handin::queue(node, batch, source, false)? {
        Queued::New(entry) => (entry.batch, false),
        Queued::Prepared(batch) => return Ok(answer::prepared(node, batch)),
        Queued::Already(batch) => (batch, true),
    };
    deliver_queued(node, publisher, batch, before).await
}

/// Hands over what waits, up to `batch`, and tells what came of that.
///
/// # Errors
/// As for [`submit`].
pub async fn deliver_queued(
    node: &Node,
    publisher: &Publisher,
    batch: BatchId,
    before: bool,
) -> Result<Reply, Failure> {
    let delivered = deliver(publisher, batch).await;
    match delivered.map_err(|failure| still_queued(failure, batch))? {
        Delivery::Accepted { filed, report } => Ok(accepted(node, &filed, &report, before)),
        Delivery::Refused(refusal) => {
            Ok(refused(&refusal.problem, &refusal.report, node.config.language))
        }
    }
}

/// Hands over what waits, in order, up to `batch`. Another process may have been faster.
async fn deliver(publisher: &Publisher, batch: BatchId) -> Result<Delivery, Failure> {
    let home = publisher.home.clone();
    let lock = tokio::task::spawn_blocking(move || home.lock("publish.lock"));
    let _lock = lock.await.map_err(anyhow::Error::from)??;
    for entry in publisher.outbox.waiting()? {
        let delivery = publisher.deliver(entry.clone()).await?;
        if entry.batch == batch {
            return Ok(delivery);
        }
    }
    let path = receipts::path(&publisher.home, batch);
    if path.exists() {
        let filed = Box::new(receipts::read(&path)?);
        return Ok(Delivery::Accepted { filed, report: Report::default() });
    }
    Err(Failure::Wrong(format!(
        "batch {batch} was refused when another process handed it over\nnext: read its report \
         under rejected/"
    )))
}

/// Lets the gateway check a file and store nothing.
///
/// # Errors
/// When the file cannot be read, or the gateway is away or does not know this node.
pub async fn dry_run(
    node: &Node,
    given: &Given,
    said: Said,
    current: bool,
    preview: bool,
) -> Result<Reply, Failure> {
    let (link, _) = node.link()?;
    let mut checked = handin::check(node, given, said)?;
    let Some(mut batch) = checked.batch.take() else {
        return Ok(report::invalid(&checked, node.config.language));
    };
    if current {
        batch = diff::replacing(node, &link, batch).await?;
    }
    ask(node, &link, batch, &checked.lines, preview).await
}

/// Asks the gateway what would come of a batch.
async fn ask(
    node: &Node,
    link: &Link,
    batch: Unsigned,
    lines: &Lines,
    preview: bool,
) -> Result<Reply, Failure> {
    let (informs, language) = (batch.informs(), node.config.language);
    let texts = i18n::SOURCES.texts(language);
    let key = credentials::signing_key(&node.home, node.identity())?;
    let history = node.outbox.history()?;
    let (agency, sender) = (&node.identity().body, &node.config.batch);
    let draft = batch.draft(agency, sender, node.clock.now())?;
    if let Some(before) = draft.already(&history) {
        let text = texts.tell("submit-same", &[("batch", &before.to_string())]);
        let json = json!({ "dryRun": true, "batch": before, "handedInBefore": true });
        return Ok(Reply { exit: Exit::Done, text, aside: String::new(), json });
    }
    // Where approvers approve, none has yet; nobody hands in what is signed for a check.
    let officer = match (node.config.approval.required, sender.officer.trim()) {
        (true, "") => "whoever approves it",
        (_, officer) => officer,
    };
    let signed = draft.revising(&history).approved(officer)?.sign_for_check(&key)?;
    let answer = Publisher::dry_run(link, signed.header, signed.blocks, preview).await;
    let answer = answer.map_err(older)?;
    let report = answer.report.as_ref().map(Report::from_wire).unwrap_or_default();
    let outcome = match answer.outcome() {
        wire::Outcome::Success => "success",
        wire::Outcome::Warning => "warning",
        wire::Outcome::Error | wire::Outcome::Unspecified => "error",
    };
    let counts = answer.counts.unwrap_or_default();
    let json = json!({
        "dryRun": true,
        "outcome": outcome,
        "counts": counts_json(counts),
        "report": report::json(&report, lines),
        "previews": answer.previews.iter().map(preview::json).collect::<Vec<_>>(),
    });
    let told = [
        ("outcome", &*texts.say(&format!("outcome-{outcome}"))),
        ("counts", &*counts_text(counts, &texts)),
    ];
    let mut text = format!(
        "{}\n{}",
        report::text(&report, lines, language),
        texts.tell("submit-dry-run", &told)
    );
    if !answer.previews.is_empty() {
        text += &format!("\n\n{}", preview::text(&answer.previews, &texts));
    }
    if informs {
        text += "\n";
        text += &texts.tell("text-next", &[("what", &texts.say("submit-informs"))]);
    }
    let exit = if outcome == "error" { Exit::Refused } else { Exit::Done };
    Ok(Reply { exit, text, aside: String::new(), json })
}

/// A gateway of an older version checks only what it could take in as well, and that it is not given.
fn older(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(problem) if problem.kind == Kind::BadSignature => {
            Failure::Refused(Box::new(problem.hint(
                "where the gateway is of an older version than this node, it can check nothing for \
                 it: ask the operator to bring it to the node's, and use `agency-node validate` until \
                 then",
            )))
        }
        other => other,
    }
}

fn still_queued(failure: Failure, batch: BatchId) -> Failure {
    match failure {
        Failure::Unreachable(text) => Failure::Unreachable(format!(
            "{text}\nbatch {batch} is queued: `agency-node run` sends it when the gateway is back"
        )),
        Failure::Refused(problem) => Failure::Refused(Box::new(problem.hint(format!(
            "batch {batch} is queued: `agency-node run` sends it when this is mended"
        )))),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use birge_proto::wire::SubmitResponse;
    use serde_json::Value;

    use super::*;
    use crate::{
        handin::tests::{CSV, node},
        receipt::tests::signer,
        testing::Authority,
    };

    #[test]
    fn a_path_that_cannot_be_read_is_a_wrong_call() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder.path().join("mia"));
        let given = Given::of_inbox(&folder.path().join("nothing.csv"));
        let asked = Validate { given, report: vec![], annotated: None, language: None };
        let failure = validate(&node, &asked).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }

    #[test]
    fn a_check_is_told_in_the_language_asked_for_else_in_the_node_s() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        node.config.language = Language::Tg;
        let [right, wrong] = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
        fs::write(&right, CSV).unwrap();
        fs::write(&wrong, CSV.replace(",17,", ",seventeen,")).unwrap();
        let said = |file: &Path, language| {
            let given = Given::of_inbox(file);
            let asked = Validate { given, report: vec![], annotated: None, language };
            validate(&node, &asked).unwrap().text
        };
        assert!(said(&right, None).contains("аз санҷиш гузашт: TRAFFICKING"));
        assert!(said(&right, Some(Language::En)).contains("valid: 1 observations of TRAFFICKING"));
        let tajik = said(&wrong, None);
        assert!(tajik.contains("Хато дар сатри 2") && tajik.contains("чӣ бояд кард:"), "{tajik}");
        let kyrgyz = said(&wrong, Some(Language::Ky));
        assert!(kyrgyz.contains("Ката, 2-сап") && kyrgyz.contains("кайра аракет"), "{kyrgyz}");
        let english = said(&wrong, Some(Language::En));
        assert!(
            english.ends_with(
                "1 errors, 0 warnings\nnot valid; nothing was handed in\nnext: mend what is \
                 listed and try again"
            ),
            "{english}"
        );
    }

    #[tokio::test]
    async fn a_file_that_changes_nothing_is_a_dry_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(&folder.path().join("mia"));
        let authority = Authority::new();
        let answer =
            SubmitResponse { outcome: wire::Outcome::Success.into(), ..Default::default() };
        let port = authority.serve("gateway/BIRGE", vec![Ok(answer)]).await;
        authority.enrol(&mut node, &signer().verifier().to_string(), port);
        let file = folder.path().join("a.csv");
        fs::write(&file, CSV.replace(",A,A,KG", ",I,A,KG")).unwrap();
        let reply = submit(&node, &Given::of_inbox(&file), Said::default(), false).await.unwrap();
        assert_eq!((reply.exit, &reply.json["dryRun"]), (Exit::Done, &Value::Bool(true)));
        for part in ["nothing was stored", "ACTION I"] {
            assert!(reply.text.contains(part), "{}", reply.text);
        }
        assert!(node.outbox.waiting().unwrap().is_empty());
    }
}
