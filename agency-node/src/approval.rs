//! `agency-node approval`: four eyes (article 5(1)). Where node.toml asks for it, what an officer
//! prepared waits until the head or the deputy has approved it with a key of their own, and only
//! then it is signed and handed in. The approval is a signature over the very batch; it goes with
//! it in its covering letter, and the log tells by which key.

pub mod show;

use std::path::{Path, PathBuf};

use birge_proto::{envelope::SigningKey, letter::Approval as Signature, manifest::BatchId};
use birge_schemas::structure::Structures;
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    approver::{self, Register, key::KeyFile},
    batch::{Draft, Signed},
    consent, credentials, home,
    node::Node,
    outbox::{
        file::Slip,
        prepared::{self, Prepared},
    },
    output::{Exit, Failure, Reply},
    prompt::Prompt,
    reject, submit,
};

/// What is done about batches that wait for approval.
#[derive(Debug, Subcommand)]
pub enum Approval {
    /// Tell which batches wait for approval.
    List,
    /// Tell all that an approver should know of one: what it says, what the rules warn of, what it
    /// changes of what stands.
    Show {
        /// The batch, or how its name begins.
        batch: String,
    },
    /// Approve a batch, sign it and hand it in.
    Give {
        /// The batch, or how its name begins.
        batch: String,
        /// The approver's key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// For periods that are frozen: hand nothing in, and write here what the working group's
        /// chair is to consent to.
        #[arg(long, value_name = "FILE")]
        ask_consent: Option<PathBuf>,
    },
    /// Send a batch back to whoever prepared it: its file goes to rejected/, with the reason.
    Return {
        /// The batch, or how its name begins.
        batch: String,
        /// What is to be mended.
        #[arg(long)]
        reason: String,
    },
    /// Write a batch for an approver at another machine.
    Ask {
        /// The batch, or how its name begins.
        batch: String,
        /// Where to write it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// At the approver's, without a node: look at what `ask` wrote, and approve it.
    Sign {
        /// What `ask` wrote.
        file: PathBuf,
        /// The approver's key; without one the batch is only shown.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Where to write the approval.
        #[arg(long, value_name = "FILE", default_value = "approval.json")]
        out: PathBuf,
    },
    /// Hand in the batch that was approved elsewhere.
    Use {
        /// What `sign` wrote.
        approval: PathBuf,
    },
}

/// What an approver at another machine gives.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    /// The name of the batch while it waits.
    prepared: BatchId,
    approval: Signature,
}

/// Does it.
///
/// # Errors
/// When there is no such batch, the key may not approve, or as for [`submit::deliver_queued`].
pub async fn approval(node: &Node, command: Approval) -> Result<Reply, Failure> {
    match command {
        Approval::List => show::list(node),
        Approval::Show { batch } => show::show(node, &prepared::named(&node.home, &batch)?).await,
        Approval::Give { batch, key, ask_consent } => {
            let waits = prepared::named(&node.home, &batch)?;
            let file = KeyFile::load(&key)?;
            may(node, &file)?;
            let key = file.open(&Prompt::new().passphrase()?)?;
            let approved = approve(node, &waits, &key, ask_consent.as_deref())?;
            go_on(node, approved, ask_consent).await
        }
        Approval::Return { batch, reason } => {
            let waits = prepared::named(&node.home, &batch)?;
            let to = send_back(node, &waits, &reason)?;
            let text = format!("sent back: {} ({})", waits.batch, to.display());
            let json = json!({ "batch": waits.batch, "rejected": to });
            Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
        }
        Approval::Ask { batch, out } => ask(node, &prepared::named(&node.home, &batch)?, &out),
        Approval::Sign { file, key, out } => sign(&file, key.as_deref(), &out),
        Approval::Use { approval } => {
            let approved = use_approval(node, &approval)?;
            go_on(node, approved, None).await
        }
    }
}

/// Signs a batch with the approver's key and the node's, and queues it, or, where the chair's
/// consent is asked for, keeps it for that.
///
/// # Errors
/// When the key may not approve, or an earlier batch of the same periods waits still.
pub fn approve(
    node: &Node,
    waits: &Prepared,
    key: &SigningKey,
    ask_consent: Option<&Path>,
) -> Result<BatchId, Failure> {
    let sign = |batch, office: &str| Ok(Signature::sign(batch, office, key));
    settle(node, waits, &hex::encode(key.verifying_key().0), sign, ask_consent)
}

/// Sends a batch back with the reason, as a refusal would; answers where its report lies.
///
/// # Errors
/// When no reason is given, or the disk refuses.
pub fn send_back(node: &Node, waits: &Prepared, reason: &str) -> Result<PathBuf, Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Usage(
            "the reason is empty\nnext: say what is to be mended, for whoever prepared it".into(),
        ));
    }
    let _lock = node.home.lock("outbox.lock")?;
    let to = reject::returned(&node.home, waits, reason, node.config.language)?;
    home::remove(&waits.path)?;
    Ok(to)
}

/// What `approval give` and `use` answer once the batch is signed.
async fn go_on(
    node: &Node,
    batch: BatchId,
    ask_consent: Option<PathBuf>,
) -> Result<Reply, Failure> {
    match ask_consent {
        Some(out) => Ok(consent::asked(batch, &out)),
        None => submit::deliver_queued(node, &node.publisher()?, batch, false).await,
    }
}

fn may(node: &Node, file: &KeyFile) -> Result<(), Failure> {
    match Register::load(&node.home)?.current(&file.public_key) {
        Some(_) => Ok(()),
        None => Err(approver::nobody(&file.public_key)),
    }
}

/// From a batch that waits to one that is signed: under the office that the register has for the
/// key, with the approval that `sign` gives for the batch of that name.
fn settle(
    node: &Node,
    waits: &Prepared,
    key: &str,
    sign: impl FnOnce(BatchId, &str) -> Result<Signature, Failure>,
    ask_consent: Option<&Path>,
) -> Result<BatchId, Failure> {
    let own = credentials::signing_key(&node.home, node.identity())?;
    let register = Register::load(&node.home)?;
    let office = register.current(key).ok_or_else(|| approver::nobody(key))?;
    let _lock = node.home.lock("outbox.lock")?;
    let draft = current(node, waits)?;
    let history = node.outbox.history()?;
    if let Some(before) = draft.already(&history) {
        // The node died once it was queued, before it was taken out of what waits.
        home::remove(&waits.path)?;
        return Ok(before);
    }
    let draft = draft.revising(&history).approved(office)?;
    let approval = sign(draft.id()?, office)?;
    let Signed { header, blocks, content } = draft.sign(&own, Some(approval))?;
    let slip = Slip::new(waits.slip.source.clone(), waits.slip.from_inbox, content);
    let batch = BatchId::of(&header.manifest);
    match ask_consent {
        Some(out) => consent::keep(node, &slip, header, blocks, out)?,
        None => node.outbox.enqueue(&slip, header, blocks).map(drop)?,
    }
    home::remove(&waits.path)?;
    Ok(batch)
}

/// The batch, if it still waits and none of the same periods was prepared before it.
fn current(node: &Node, waits: &Prepared) -> Result<Draft, Failure> {
    let all = prepared::all(&node.home)?;
    let place = all.iter().position(|one| one.batch == waits.batch).ok_or_else(|| {
        Failure::Wrong(format!(
            "batch {} waits no more: somebody approved it or sent it back\nnext: see what waits: \
             agency-node approval list",
            waits.batch
        ))
    })?;
    let draft = waits.draft()?;
    match all[..place].iter().find(|earlier| draft.touches(&earlier.past())) {
        Some(earlier) => Err(Failure::Wrong(format!(
            "batch {} speaks of the same periods, was prepared before and waits, too\nnext: approve \
             that first, or send it back",
            earlier.batch
        ))),
        None => Ok(draft),
    }
}

fn ask(node: &Node, waits: &Prepared, out: &Path) -> Result<Reply, Failure> {
    let draft = {
        let _lock = node.home.lock("outbox.lock")?;
        current(node, waits)?.revising(&node.outbox.history()?)
    };
    // What is asked keeps the name under which the batch waits here.
    let source = waits.batch.to_string();
    prepared::write(out, draft, source, false)?;
    let text = format!(
        "wrote {out} for the approver; it holds the figures\nnext, at the approver's: agency-node \
         approval sign {out} --key FILE; then here: agency-node approval use FILE",
        out = out.display()
    );
    let json = json!({ "batch": waits.batch, "file": out });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// Shows what another machine's node asks, and approves it where a key is given. It needs no node.
///
/// # Errors
/// When the file is damaged, or the key does not open.
pub fn sign(file: &Path, key: Option<&Path>, out: &Path) -> Result<Reply, Failure> {
    let asked = Prepared::open(file)?;
    let prepared = asked.slip.source.parse().map_err(|_| {
        let shown = file.display();
        Failure::Wrong(format!("{shown} is not what `agency-node approval ask` writes"))
    })?;
    let draft = asked.draft()?;
    let structures = Structures::bundled().map_err(anyhow::Error::from)?;
    let (mut text, mut json) = show::told(&structures, &asked, &draft)?;
    if let Some(key) = key {
        let key_file = KeyFile::load(key)?;
        let key = key_file.open(&Prompt::new().passphrase()?)?;
        let batch = draft.approved(&key_file.office)?.id()?;
        let given = Given { prepared, approval: Signature::sign(batch, &key_file.office, &key) };
        let bytes = serde_json::to_vec_pretty(&given).map_err(anyhow::Error::from)?;
        home::write(out, &bytes)?;
        text += &format!(
            "\napproved by the {}: {out}\nnext, at the node: agency-node approval use {out}",
            key_file.office,
            out = out.display()
        );
        json["approval"] = json!(out);
    }
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

fn use_approval(node: &Node, path: &Path) -> Result<BatchId, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Usage(format!("cannot read {shown}: {error}")))?;
    let Given { prepared, approval } = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::Wrong(format!("{shown} is not what `agency-node approval sign` writes: {error}"))
    })?;
    let waits = prepared::named(&node.home, &prepared.to_string())?;
    let key = approval.key.clone();
    let check = |batch: BatchId, office: &str| {
        approval.verify(batch).map_err(|error| {
            Failure::Wrong(format!(
                "{shown} does not approve what would be handed in now, as the {office}: {error}; \
                 what stands may have changed since it was asked for\nnext: ask again: agency-node \
                 approval ask"
            ))
        })?;
        Ok(approval)
    };
    settle(node, &waits, &key, check, None)
}

#[cfg(test)]
mod tests;
