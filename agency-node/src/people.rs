//! `agency-node people`: whom the body has named. A participant names members, the one that
//! presides over the working group observers, a body of auditors its auditors (article 3).

use std::path::{Path, PathBuf};

use birge_proto::{
    identity::{AgencyId, Identity, Role},
    wire::{
        ListPeopleRequest, NamePersonRequest, NamePersonResponse, Person, PersonRequest,
        PersonState, RecoverResponse,
    },
};
use clap::Subcommand;
use serde_json::json;

use crate::{
    account::Invitation,
    connect::{self, Link},
    credentials::Credentials,
    node::Node,
    output::{Exit, Failure, Reply},
    policy,
};

/// What is done about persons.
#[derive(Debug, Subcommand)]
pub enum People {
    /// Name a person; it is given an account, and an invitation to hand over in confidence.
    Name {
        /// member, observer or auditor.
        #[arg(long, value_parser = role)]
        role: Role,
        /// Name and office. It is kept apart from the log, so that it can be erased.
        #[arg(long)]
        name: String,
        /// Of an observer: the short name of the body that it comes from.
        #[arg(long, value_name = "BODY")]
        from: Option<AgencyId>,
        /// Where to write the invitation.
        #[arg(long, value_name = "FILE", default_value = "invitation.json")]
        out: PathBuf,
    },
    /// Tell whom the body has named, what each account is, and when it was used.
    List,
    /// Invite a person anew whose invitation was lost or has expired.
    Invite {
        /// Such as member/NSC/k3jq7x2m.
        person: Identity,
        /// Where to write the invitation.
        #[arg(long, value_name = "FILE", default_value = "invitation.json")]
        out: PathBuf,
    },
    /// Keep a person whom you went over: a dormant account can be used again.
    Confirm {
        /// Such as member/NSC/k3jq7x2m.
        person: Identity,
    },
    /// End an account for ever, with its sessions and tokens.
    Revoke {
        /// Such as member/NSC/k3jq7x2m.
        person: Identity,
    },
    /// Have a lost password or second factor replaced. The operator must ask, too; each is given
    /// one of the two codes that the person needs.
    Recover {
        /// Such as member/NSC/k3jq7x2m.
        person: Identity,
        /// Where to write what goes to the person.
        #[arg(long, value_name = "FILE", default_value = "recovery.json")]
        out: PathBuf,
    },
}

fn role(text: &str) -> Result<Role, String> {
    let role = text.parse().ok();
    let of_persons = |role: &Role| matches!(role, Role::Member | Role::Observer | Role::Auditor);
    role.filter(of_persons).ok_or_else(|| String::from("expected member, observer or auditor"))
}

/// Does it.
///
/// # Errors
/// When the gateway refuses or is away, or a file cannot be written.
pub async fn people(node: &Node, command: People) -> Result<Reply, Failure> {
    let (link, _) = node.link()?;
    match command {
        People::Name { role, name, from, out } => {
            let body = from.map(String::from).unwrap_or_default();
            let request = NamePersonRequest { role: role.as_str().into(), name, body };
            free(&out)?;
            let answer = link.people().name(request).await;
            named(node, answer.map_err(|status| connect::problem(&status))?.into_inner(), &out)
        }
        People::Invite { person, out } => {
            free(&out)?;
            let answer = link.people().invite(of(&person)).await;
            named(node, answer.map_err(|status| connect::problem(&status))?.into_inner(), &out)
        }
        People::List => list(&link).await,
        People::Confirm { person } => {
            let answer = link.people().confirm(of(&person)).await;
            let exchange =
                answer.map_err(|status| connect::problem(&status))?.into_inner().exchange;
            done(format!("{person} is kept, as exchange {exchange}"), &person, exchange)
        }
        People::Revoke { person } => {
            let answer = link.people().revoke(of(&person)).await;
            let exchange =
                answer.map_err(|status| connect::problem(&status))?.into_inner().exchange;
            done(format!("{person} is revoked for ever, as exchange {exchange}"), &person, exchange)
        }
        People::Recover { person, out } => recover(node, &link, &person, &out).await,
    }
}

fn of(person: &Identity) -> PersonRequest {
    PersonRequest { person: person.to_string() }
}

fn done(text: String, person: &Identity, exchange: u64) -> Result<Reply, Failure> {
    let json = json!({ "person": person, "exchange": exchange });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

fn named(node: &Node, named: NamePersonResponse, out: &Path) -> Result<Reply, Failure> {
    let NamePersonResponse { person, invitation, expires, exchange } = named;
    invitation_of(node, &person, invitation, &expires)?.write(out)?;
    let file = out.display();
    let text = format!(
        "named {person}, as exchange {exchange}\nHand {file} to the person in confidence, by a \
         way that nobody else reads; it is good once, until {expires}, and then worth nothing.\n\
         Next, at the person's: agency-node account activate {file} --dir FOLDER"
    );
    let json = json!({
        "person": person, "exchange": exchange, "expires": expires, "file": out,
    });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

async fn recover(
    node: &Node,
    link: &Link,
    person: &Identity,
    out: &Path,
) -> Result<Reply, Failure> {
    free(out)?;
    let answer = link.people().recover(of(person)).await;
    let RecoverResponse { exchange, code, expires, granted } =
        answer.map_err(|status| connect::problem(&status))?.into_inner();
    invitation_of(node, &person.to_string(), code, &expires)?.write(out)?;
    let file = out.display();
    let other = match granted {
        true => "Both have asked: the old password counts no more.",
        false => "Nothing has changed yet: the operator must ask, too (gateway people recover).",
    };
    let text = format!(
        "asked for a recovery of {person}, as exchange {exchange}\n{other}\nNext, at the person's, \
         by {expires}: agency-node account activate {file} --recovery --dir FOLDER, and the\n\
         operator's code"
    );
    let json = json!({
        "person": person, "exchange": exchange, "granted": granted, "expires": expires,
        "file": out,
    });
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json })
}

/// Nothing may be asked for that could then not be written down.
fn free(out: &Path) -> Result<(), Failure> {
    let shown = out.display();
    if out.exists() {
        return Err(Failure::Usage(format!("{shown} exists\nnext: name another file with --out")));
    }
    match out.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            Err(Failure::Usage(format!(
                "{} is no folder\nnext: make it, or name another file with --out",
                folder.display()
            )))
        }
        _ => Ok(()),
    }
}

fn invitation_of(
    node: &Node,
    person: &str,
    code: String,
    expires: &str,
) -> Result<Invitation, Failure> {
    let enrolled = Credentials::load(&node.home, node.identity())?.enrolled;
    let authority = policy::authority(&node.config.trust, &enrolled)?;
    Ok(Invitation {
        person: person.to_owned(),
        code,
        expires: expires.to_owned(),
        url: enrolled.people_url,
        authority: enrolled.authority,
        trust_domain: enrolled.trust_domain,
        log_key: enrolled.log_key,
        authority_keys: authority.to_hex(),
        authority_quorum: authority.quorum(),
    })
}

async fn list(link: &Link) -> Result<Reply, Failure> {
    let answer = link.people().list(ListPeopleRequest {}).await;
    let people = answer.map_err(|status| connect::problem(&status))?.into_inner().people;
    let mut lines: Vec<_> = people.iter().map(line).collect();
    let dormant = people.iter().filter(|person| person.state() == PersonState::Dormant).count();
    if people.is_empty() {
        lines.push(String::from("nobody is named; next: agency-node people name"));
    }
    if dormant > 0 {
        lines.push(format!(
            "{dormant} were not used for long and cannot sign in; next, for each: agency-node \
             people confirm, or revoke"
        ));
    }
    if people.iter().any(|person| person.state() == PersonState::Locked) {
        lines.push(String::from(
            "who is locked failed to sign in too often, and may again after a while; next, if that \
             was the person itself: agency-node people confirm",
        ));
    }
    let people = people.iter().map(|person| {
        let tokens = person.tokens.iter().map(
            |token| json!({ "id": token.id, "scopes": token.scopes, "expires": token.expires }),
        );
        json!({
            "person": person.person, "name": person.name, "state": words(person.state()),
            "named": person.named, "lastSignIn": person.last_sign_in,
            "tokens": tokens.collect::<Vec<_>>(),
        })
    });
    let json = json!({ "people": people.collect::<Vec<_>>() });
    Ok(Reply { exit: Exit::Done, text: lines.join("\n"), aside: String::new(), json })
}

fn line(person: &Person) -> String {
    let seen = match person.last_sign_in.as_str() {
        "" => String::from("never signed in"),
        at => format!("signed in {at}"),
    };
    let tokens = match person.tokens.len() {
        0 => String::new(),
        count => format!(", {count} tokens"),
    };
    let state = words(person.state());
    format!("{}  {state}, {seen}{tokens}  {}", person.person, person.name)
}

fn words(state: PersonState) -> &'static str {
    match state {
        PersonState::Unspecified => "unknown",
        PersonState::Invited => "invited",
        PersonState::Active => "active",
        PersonState::Dormant => "dormant",
        PersonState::RecoveryAsked => "recovery asked",
        PersonState::Recovering => "recovering",
        PersonState::Revoked => "revoked",
        PersonState::Locked => "locked",
    }
}
