//! Persons, as far as the operator has to do with them: it names nobody (article 3(4)).

use anyhow::Result;
use birge_proto::wire::{PersonState, RecoverResponse};
use clap::Subcommand;
use serde_json::json;

use super::Said;
use crate::{config::Config, operator};

/// Persons and their accounts.
#[derive(Debug, Subcommand)]
pub(super) enum PeopleCommand {
    /// Everybody who was named, by which body, and what each account is.
    List,
    /// End an account for ever, with its sessions and tokens.
    Revoke {
        /// Such as member/NSC/k3jq7x2m.
        person: String,
    },
    /// Have a lost password or second factor replaced. The body that named the person must ask,
    /// too; each is given one of the two codes that the person needs.
    Recover {
        /// Such as member/NSC/k3jq7x2m.
        person: String,
    },
}

impl PeopleCommand {
    pub(super) async fn act(self, config: &Config) -> Result<Said> {
        match self {
            Self::List => {
                let people = operator::people(config).await?;
                let state = |state: PersonState| {
                    let name = state.as_str_name().trim_start_matches("PERSON_STATE_");
                    name.to_lowercase().replace('_', " ")
                };
                let line = |person: &birge_proto::wire::Person| {
                    let seen = match person.last_sign_in.as_str() {
                        "" => String::from("never signed in"),
                        at => format!("signed in {at}"),
                    };
                    format!("{}  {}, {seen}", person.person, state(person.state()))
                };
                let words: Vec<_> = people.iter().map(line).collect();
                let value = people.iter().map(|person| {
                    json!({
                        "person": person.person, "state": state(person.state()),
                        "named": person.named, "lastSignIn": person.last_sign_in,
                    })
                });
                Ok((words.join("\n"), json!({ "people": value.collect::<Vec<_>>() })))
            }
            Self::Revoke { person } => {
                let exchange = operator::revoke_person(config, &person).await?;
                let words = format!("{person} is revoked for ever, as exchange {exchange}");
                Ok((words, json!({ "person": person, "exchange": exchange })))
            }
            Self::Recover { person } => {
                let answer = operator::recover_person(config, &person).await?;
                let RecoverResponse { exchange, code, expires, granted } = answer;
                let other = match granted {
                    true => "Both have asked: the old password counts no more.",
                    false => {
                        "Nothing has changed yet: the body that named the person must ask, too \
                         (agency-node people recover)."
                    }
                };
                let words = format!(
                    "{code}\nThat is the operator's code for {person}, as exchange {exchange}: \
                     give it to the person itself, whom you know, by {expires}.\n{other}"
                );
                let value = json!({
                    "person": person, "code": code, "expires": expires, "granted": granted,
                    "exchange": exchange,
                });
                Ok((words, value))
            }
        }
    }
}
