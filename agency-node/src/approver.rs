//! `agency-node approver`: whose key approves what the agency hands in (article 5(1)), and how one
//! hands over to the next.

pub mod key;
mod register;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use birge_proto::envelope::{SigningKey, VerifyingKey, fingerprint};
use clap::{Args, Subcommand};
use serde_json::json;

use self::key::KeyFile;
pub use self::register::{Act, Register};
use crate::{
    credentials,
    node::Node,
    output::{Exit, Failure, Reply},
    prompt::Prompt,
};

/// What is done about approvers.
#[derive(Debug, Subcommand)]
pub enum Approver {
    /// Make an approver's key, on whatever machine: it is encrypted with a passphrase and stays
    /// with the approver.
    New {
        /// The office held, no person's name: "head of statistics".
        #[arg(long)]
        office: String,
        /// Where to write the key.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Let a key approve.
    Name {
        /// The office held.
        #[arg(long)]
        office: String,
        /// The public key, as `approver new` printed it.
        #[arg(long, value_name = "HEX", value_parser = key::public)]
        public_key: VerifyingKey,
        /// On what ground, and who signs for it.
        #[command(flatten)]
        ground: Ground,
    },
    /// Let a key approve no more: its holder has left, or the key is lost.
    End {
        /// The public key, or how it begins.
        #[arg(value_name = "HEX")]
        public_key: String,
        /// On what ground, and who signs for it.
        #[command(flatten)]
        ground: Ground,
    },
    /// Tell who may approve, and who could when.
    List,
}

/// Why the register changes.
#[derive(Debug, Args)]
pub struct Ground {
    /// The order or letter that says so: "order 12 of 3 March 2026".
    #[arg(long, value_name = "TEXT")]
    ground: String,
    /// The key of somebody who approves now, and who hands over. Without one the node itself signs,
    /// which the register tells.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Makes a key. It needs no node.
///
/// # Errors
/// When there is such a file already.
pub fn make(office: &str, out: &Path) -> Result<Reply, Failure> {
    let office = office.trim();
    if office.is_empty() {
        return Err(Failure::Usage(
            "the office is empty\nnext: name it, such as --office \"head \
                                   of statistics\""
                .into(),
        ));
    }
    if out.exists() {
        return Err(Failure::Usage(format!(
            "{} exists, and a key is never written over\nnext: name another file",
            out.display()
        )));
    }
    let made = KeyFile::make(office, &Prompt::new().passphrase_chosen()?)?;
    made.write(out)?;
    let KeyFile { public_key, .. } = &made;
    let text = format!(
        "made the key of the {office}: {out}\npublic key   {public_key}\nfingerprint  {}\nKeep the \
         file and its passphrase where nobody else has both.\nnext, on the node's machine: \
         agency-node approver name --office {office:?} --public-key {public_key} --ground TEXT",
        fingerprint(&key::public(public_key).map_err(Failure::Wrong)?.0),
        out = out.display(),
    );
    let json = json!({ "office": office, "publicKey": public_key, "file": out });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// Does it.
///
/// # Errors
/// When the register is damaged, or who signs may not.
pub fn approver(node: &Node, command: Approver) -> Result<Reply, Failure> {
    match command {
        Approver::New { office, out } => make(&office, &out),
        Approver::Name { office, public_key, ground } => {
            change(node, Act::Named, &ground, |register| {
                let key = hex::encode(public_key.0);
                match register.current(&key) {
                    Some(office) => Err(Failure::Usage(format!("{key} may approve as {office}"))),
                    None => Ok((office.trim().to_owned(), public_key)),
                }
            })
        }
        Approver::End { public_key, ground } => change(node, Act::Ended, &ground, |register| {
            let mut found =
                register.approvers().into_iter().filter(|it| it.key.starts_with(&public_key));
            match (found.next(), found.next()) {
                (Some(one), None) if !public_key.is_empty() => {
                    Ok((one.office.clone(), key::public(&one.key).map_err(Failure::Wrong)?))
                }
                _ => Err(Failure::Usage(format!(
                    "{public_key:?} does not name one key that may approve\nnext: see which may: \
                     agency-node approver list"
                ))),
            }
        }),
        Approver::List => list(node),
    }
}

fn change(
    node: &Node,
    act: Act,
    ground: &Ground,
    whom: impl FnOnce(&Register) -> Result<(String, VerifyingKey), Failure>,
) -> Result<Reply, Failure> {
    let _lock = node.home.lock("approvers.lock")?;
    let mut register = Register::load(&node.home)?;
    let (office, key) = whom(&register)?;
    if office.is_empty() || ground.ground.trim().is_empty() {
        return Err(Failure::Usage(
            "office and ground must say something\nnext: --ground names the order that says so"
                .into(),
        ));
    }
    let signer = signer(node, &register, ground)?;
    let signed = (&signer, node.clock.now());
    register.add(&node.home, act, (&office, &key), ground.ground.trim(), signed)?;
    let (id, left) = (hex::encode(key.0), register.approvers().len());
    let text = match act {
        Act::Named => format!("{id} may approve as {office}"),
        Act::Ended => format!("{id} approves no more as {office}"),
    };
    let next = match (node.config.approval.required, left) {
        (true, 0) => "\nnext: name somebody who approves, else nothing is handed in any more",
        (false, 1..) => {
            "\nnext: say `required = true` under [approval] in node.toml, and start the node anew"
        }
        _ => "",
    };
    let json = json!({ "act": act, "office": office, "publicKey": id, "approvers": left });
    Ok(Reply { exit: Exit::Done, text: text + next, aside: String::new(), json })
}

/// Who signs the line: somebody who approves now, else the node.
fn signer(node: &Node, register: &Register, ground: &Ground) -> Result<SigningKey, Failure> {
    let Some(path) = &ground.key else {
        return credentials::signing_key(&node.home, node.identity());
    };
    let file = KeyFile::load(path)?;
    if register.current(&file.public_key).is_none() {
        return Err(nobody(&file.public_key));
    }
    file.open(&Prompt::new().passphrase()?)
}

/// The failure to tell of a key that may not approve.
#[must_use]
pub fn nobody(public_key: &str) -> Failure {
    Failure::Wrong(format!(
        "the key {public_key} may not approve here\nnext: see whose may: agency-node approver list"
    ))
}

fn list(node: &Node) -> Result<Reply, Failure> {
    let register = Register::load(&node.home)?;
    let own = credentials::signing_key(&node.home, node.identity())?;
    let own = hex::encode(own.verifying_key().0);
    let mut text = String::new();
    for entry in &register.entries {
        let what = match entry.act {
            Act::Named => "may approve",
            Act::Ended => "approves no more",
        };
        let by = match register.entries.iter().find(|it| it.key == entry.by) {
            Some(by) => by.office.as_str(),
            None if entry.by == own => "the node",
            None => "an earlier key of the node",
        };
        let (at, office, key, ground) = (entry.at, &entry.office, &entry.key, &entry.ground);
        let _ = writeln!(text, "{at}  {office} {what} ({ground}; signed by {by})\n    {key}");
    }
    let now: Vec<_> = register.approvers().iter().map(|it| it.office.clone()).collect();
    let required = node.config.approval.required;
    let _ = match (now.is_empty(), required) {
        (true, true) => write!(
            text,
            "nobody may approve, so that nothing is handed in\nnext: \
                                      agency-node approver new"
        ),
        (true, false) => write!(text, "nobody is named"),
        (false, true) => write!(text, "now: {}", now.join(", ")),
        (false, false) => write!(
            text,
            "now: {}; not asked for (required under [approval] in \
                                        node.toml)",
            now.join(", ")
        ),
    };
    let json = json!({ "required": required, "entries": register.entries, "now": now });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

#[cfg(test)]
mod tests;
