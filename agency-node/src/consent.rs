//! `agency-node consent`: frozen periods are revised with the consent of the working group's
//! chair (article 5(2)), a second signature over the very batch. The agency asks for it with a
//! file (`submit` or `withdraw` with `--ask-consent`), the chair's node signs, and the agency
//! hands the batch in with what came back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use birge_proto::{
    envelope::CONSENT_TYPE,
    manifest::{BatchId, Cause, Manifest},
    problem::Kind,
    wire::{Consent as WireConsent, SubmitHeader},
};
use clap::Subcommand;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    batch::{Signed, Unsigned},
    credentials, home,
    node::Node,
    outbox::file::{self, BatchFile, Slip},
    output::{Exit, Failure, Reply},
    submit,
};

/// Where batches wait for consent.
const AWAITING: &str = "outbox/awaiting";

/// What is done about a consent.
#[derive(Debug, Subcommand)]
pub enum Consent {
    /// Tell what an agency asks the chair to consent to.
    Show {
        /// What the agency wrote with --ask-consent.
        request: PathBuf,
    },
    /// Consent, as the chair: sign the very batch.
    Give {
        /// What the agency wrote with --ask-consent.
        request: PathBuf,
        /// Where to write the consent.
        #[arg(long, value_name = "FILE", default_value = "consent.json")]
        out: PathBuf,
    },
    /// Tell which batches wait here for consent.
    List,
    /// Let a batch go that no consent will come for.
    Drop {
        /// The batch.
        batch: BatchId,
    },
    /// Hand in the batch that was consented to.
    Use {
        /// What the chair wrote.
        consent: PathBuf,
    },
}

/// What an agency asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    batch: BatchId,
    /// In hex: the bytes that the agency signed.
    manifest: String,
}

/// What the chair answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    batch: BatchId,
    key_id: String,
    /// In hex.
    signature: String,
}

/// Signs a batch and keeps it until its consent comes; writes what the chair is asked.
///
/// # Errors
/// When no officer approves it, or the disk refuses.
pub fn ask(node: &Node, batch: Unsigned, source: String, out: &Path) -> Result<Reply, Failure> {
    if node.config.approval.required {
        return Err(Failure::Usage(
            "this node signs nothing that was not approved\nnext: hand the batch in without \
             --ask-consent, then: agency-node approval give BATCH --key FILE --ask-consent FILE"
                .into(),
        ));
    }
    let key = credentials::signing_key(&node.home, node.identity())?;
    let (agency, sender) = (&node.identity().body, &node.config.batch);
    let draft = batch.draft(agency, sender, node.clock.now())?;
    let draft = draft.revising(&node.outbox.history()?).approved(&sender.officer)?;
    let Signed { header, blocks, content } = draft.sign(&key, None)?;
    let batch = BatchId::of(&header.manifest);
    keep(node, &Slip::new(source, false, content), header, blocks, out)?;
    Ok(asked(batch, out))
}

/// Keeps a signed batch until its consent comes, and writes what the chair is asked.
///
/// # Errors
/// When the disk refuses.
pub fn keep(
    node: &Node,
    slip: &Slip,
    header: SubmitHeader,
    blocks: Vec<Vec<u8>>,
    out: &Path,
) -> Result<(), Failure> {
    let (batch, manifest) = (BatchId::of(&header.manifest), hex::encode(&header.manifest));
    home::create_dir(&node.home.join(AWAITING))?;
    file::write(&awaiting(node, batch), slip, header, blocks)?;
    write(out, &Request { batch, manifest })
}

/// What is answered once the chair is asked.
#[must_use]
pub fn asked(batch: BatchId, out: &Path) -> Reply {
    let shown = out.display();
    let text = format!(
        "batch {batch} waits for the chair's consent; nothing was handed in\nNext, at the chair's: \
         agency-node consent show {shown}, then consent give"
    );
    let json = json!({ "batch": batch, "file": out });
    Reply { exit: Exit::Done, text, aside: String::new(), json }
}

/// Does it.
///
/// # Errors
/// When a file is not what it should be, the node signs nothing, or as for
/// [`submit::submit`].
pub async fn consent(node: &Node, command: Consent) -> Result<Reply, Failure> {
    match command {
        Consent::Show { request } => {
            let (batch, manifest) = read_request(&request)?;
            let json = serde_json::to_value(&manifest).map_err(anyhow::Error::from)?;
            let text = words(batch, &manifest);
            Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
        }
        Consent::Give { request, out } => {
            let (batch, manifest) = read_request(&request)?;
            let key = credentials::signing_key(&node.home, node.identity())?;
            let signature = hex::encode(key.sign(CONSENT_TYPE, batch.to_string().as_bytes()));
            let given = Given { batch, key_id: key.verifying_key().id(), signature };
            write(&out, &given)?;
            let text = format!(
                "{}\n{} consents to this: {file}\nNext, at the agency's: agency-node consent use \
                 {file}",
                words(batch, &manifest),
                node.identity(),
                file = out.display()
            );
            let json = json!({ "batch": batch, "file": out });
            Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
        }
        Consent::List => list(node),
        Consent::Drop { batch } => {
            drop_batch(node, batch)?;
            let (text, json) = (format!("let go: {batch}"), json!({ "batch": batch }));
            Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
        }
        Consent::Use { consent } => use_consent(node, &consent).await,
    }
}

async fn use_consent(node: &Node, path: &Path) -> Result<Reply, Failure> {
    let publisher = node.publisher()?;
    let given: Given = read(path, "a consent: what `agency-node consent give` writes")?;
    let kept = awaiting(node, given.batch);
    if !kept.exists() {
        return Err(not_waiting(given.batch));
    }
    let signature = hex::decode(&given.signature)
        .map_err(|_| Failure::Wrong(format!("{}: the signature is not hex", path.display())))?;
    let mut batch = BatchFile::open(&kept)?;
    let blocks = batch.blocks()?;
    let mut header = batch.header;
    header.consent = Some(WireConsent { key_id: given.key_id, signature });
    {
        let _lock = node.home.lock("outbox.lock")?;
        node.outbox.enqueue(&batch.slip, header, blocks)?;
    }
    let reply = submit::deliver_queued(node, &publisher, given.batch, false).await?;
    // Where the consent was none, another may be had for the same batch.
    if reply.json["problem"]["code"] != Kind::BadSignature.code() {
        drop_batch(node, given.batch)?;
    }
    Ok(reply)
}

/// The batches that wait for consent.
///
/// # Errors
/// When a file is damaged.
pub fn waiting(node: &Node) -> Result<Vec<(BatchId, Manifest)>, Failure> {
    let Ok(files) = fs::read_dir(node.home.join(AWAITING)) else { return Ok(vec![]) };
    let mut waiting = vec![];
    for path in files.flatten().map(|file| file.path()) {
        if path.extension().is_some_and(|extension| extension == "batch") {
            let file = BatchFile::open(&path)?;
            waiting.push((BatchId::of(&file.header.manifest), file.manifest));
        }
    }
    waiting.sort_by_key(|(_, manifest)| manifest.prepared);
    Ok(waiting)
}

fn list(node: &Node) -> Result<Reply, Failure> {
    let waiting = waiting(node)?;
    let text = match waiting.is_empty() {
        true => String::from("no batch waits for consent"),
        false => waiting.iter().map(|(id, it)| words(*id, it)).collect::<Vec<_>>().join("\n\n"),
    };
    let json =
        waiting.iter().map(|(batch, manifest)| json!({ "batch": batch, "manifest": manifest }));
    let json = json!({ "waiting": json.collect::<Vec<_>>() });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

fn drop_batch(node: &Node, batch: BatchId) -> Result<(), Failure> {
    fs::remove_file(awaiting(node, batch)).map_err(|_| not_waiting(batch))
}

fn not_waiting(batch: BatchId) -> Failure {
    Failure::Usage(format!(
        "no batch {batch} waits here for consent\nnext: see which do: agency-node consent list; or \
         ask for it with --ask-consent"
    ))
}

fn awaiting(node: &Node, batch: BatchId) -> PathBuf {
    node.home.join(AWAITING).join(format!("{batch}.batch"))
}

/// The batch, and what its manifest says.
fn read_request(path: &Path) -> Result<(BatchId, Manifest), Failure> {
    let wrong = |what: String| {
        let shown = path.display();
        Failure::Wrong(format!("{shown}: {what}\nnext: ask the agency for its request again"))
    };
    let Request { batch, manifest } =
        read(path, "a request: what `agency-node submit --ask-consent` writes")?;
    let bytes = hex::decode(manifest).map_err(|_| wrong("the manifest is not hex".into()))?;
    if BatchId::of(&bytes) != batch {
        return Err(wrong(format!("the manifest is not that of batch {batch}")));
    }
    let manifest = Manifest::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok((batch, manifest))
}

/// What a batch says, for whoever is to approve it or to consent to it.
#[must_use]
pub fn words(batch: BatchId, manifest: &Manifest) -> String {
    let revises = manifest.revises.map_or_else(|| "nothing".to_owned(), |batch| batch.to_string());
    let cause = manifest.cause.map_or("none was given", Cause::words);
    let approved = match manifest.approved_by.as_str() {
        "" => "approved by nobody yet".to_owned(),
        office => format!("approved by {office}"),
    };
    format!(
        "{} of {} for {}: {:?}, {} observations\nbatch    {batch}\nrevises  {revises}\ncause    \
         {cause}\nreason   {}\n{approved}, prepared {}",
        manifest.dataset,
        manifest.agency,
        manifest.periods.join(", "),
        manifest.action,
        manifest.observations,
        manifest.reason.as_deref().unwrap_or("none was given"),
        manifest.prepared,
    )
}

fn read<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("cannot read {shown}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Wrong(format!("{shown} is not {expected}: {error}")))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(value).map_err(anyhow::Error::from)?;
    home::write(path, &text)
}
