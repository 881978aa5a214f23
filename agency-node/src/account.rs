//! `agency-node account`: a person's own account. It needs no node: what it stands on lies in a
//! folder of the person's, made from the invitation.

mod folder;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub use self::folder::{Folder, Invitation};
use crate::{
    output::{Exit, Failure, Reply},
    prompt::Prompt,
};

/// What a person does for its account.
#[derive(Debug, Args)]
pub struct Account {
    /// The person's folder.
    #[arg(long, global = true, value_name = "FOLDER", default_value = "account")]
    dir: PathBuf,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an account one's own: choose a password, and let an authenticator hold the second
    /// factor.
    Activate {
        /// What the body that named you handed over.
        invitation: PathBuf,
        /// After a recovery: the operator's code is asked for, too.
        #[arg(long)]
        recovery: bool,
    },
    /// Sign in: what takes `--account FOLDER` (`query`, `versions`, `obligations`, `audit
    /// records`, `audit export`) then asks as you.
    SignIn,
    /// End the session.
    SignOut,
    /// Tell who is signed in, and which tokens there are.
    Show,
    /// Choose another password.
    Password,
    /// Make a token for scripts; it is shown once.
    Token {
        /// What it is good for: query, audit.
        #[arg(long = "scope", required = true, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Days for which it is good.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Withdraw a token.
    Withdraw {
        /// Its name, as `show` tells it.
        id: String,
    },
}

/// Does it.
///
/// # Errors
/// When the gateway refuses or is away, a file is wrong, or nothing is typed in.
pub async fn account(args: Account) -> Result<Reply, Failure> {
    let Account { dir, act } = args;
    if let Act::Activate { invitation, recovery } = act {
        return activate(dir, &Invitation::read(&invitation)?, recovery).await;
    }
    let folder = Folder::open(&dir)?;
    let desk = folder.desk()?;
    let account = folder.invitation.person.clone();
    match act {
        Act::Activate { .. } => Err(Failure::Usage(String::from("activate was told twice"))),
        Act::SignIn => {
            let [password, code] = Prompt::new().proof()?;
            let proof = json!({ "account": account, "password": password, "code": code });
            let answer = desk.post("/v1/sign-in", None, &proof).await?;
            folder.keep_session(answer["session"].as_str().unwrap_or_default())?;
            let (until, exchange) = (&answer["expires"], &answer["exchange"]);
            told(
                format!(
                    "signed in as {account} until {}, or until the gateway is started anew, as \
                     exchange {exchange}",
                    text(until)
                ),
                &json!({ "person": account, "expires": until, "exchange": exchange }),
            )
        }
        Act::SignOut => {
            let answer = desk.post("/v1/sign-out", Some(&folder.session()?), &json!({})).await?;
            folder.forget_session()?;
            told(format!("signed out, as exchange {}", answer["exchange"]), &answer)
        }
        Act::Show => {
            let answer = desk.get("/v1/account", &folder.session()?).await?;
            told(shown(&answer), &answer)
        }
        Act::Password => {
            let session = folder.session()?;
            let mut prompt = Prompt::new();
            let [password, code] = prompt.proof()?;
            let new = prompt.chosen()?;
            let proof = json!({ "password": password, "code": code, "new": new });
            let answer = desk.post("/v1/password", Some(&session), &proof).await?;
            let words = "the password is another; every other session has ended, as exchange";
            told(format!("{words} {}", answer["exchange"]), &answer)
        }
        Act::Token { scopes, days } => {
            let session = folder.session()?;
            let [password, code] = Prompt::new().proof()?;
            let proof = json!({
                "password": password, "code": code, "scopes": scopes, "days": days,
            });
            let answer = desk.post("/v1/tokens", Some(&session), &proof).await?;
            let [id, token, until] = ["id", "token", "expires"].map(|key| text(&answer[key]));
            told(
                format!(
                    "{token}\nThat is the token {id}, good until {until}. It is not shown again; \
                     give it as: Authorization: Bearer TOKEN"
                ),
                &answer,
            )
        }
        Act::Withdraw { id } => {
            let answer = desk.delete(&format!("/v1/tokens/{id}"), &folder.session()?).await?;
            told(format!("withdrew {id}, as exchange {}", answer["exchange"]), &answer)
        }
    }
}

async fn activate(dir: PathBuf, invitation: &Invitation, recovery: bool) -> Result<Reply, Failure> {
    let folder = Folder::make(&dir, invitation)?;
    let desk = folder.desk()?;
    let account = &invitation.person;
    let mut prompt = Prompt::new();
    let mut codes = vec![invitation.code.clone()];
    if recovery {
        codes.push(prompt.second()?);
    }
    let begun = json!({ "account": account, "codes": codes });
    let answer = desk.post("/v1/activation", None, &begun).await?;
    // Before an authenticator keeps a secret that may not come to count.
    let password = prompt.chosen()?;
    prompt.tell(&format!(
        "Let your authenticator read this, or type in the secret:\n{}\nsecret {}",
        text(&answer["uri"]),
        text(&answer["secret"])
    ));
    let code = prompt.code()?;
    let proof = json!({
        "account": account, "codes": codes, "password": password, "code": code,
    });
    let answer = desk.post("/v1/activation/confirm", None, &proof).await?;
    let exchange = &answer["exchange"];
    let dir = dir.display();
    told(
        format!(
            "{account} is yours, as exchange {exchange}\nNext: agency-node account sign-in --dir \
             {dir} (with the next code)"
        ),
        &answer,
    )
}

fn shown(answer: &Value) -> String {
    let listed = |value: &Value| {
        let texts = value.as_array().into_iter().flatten().map(text);
        texts.collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec![format!("{}: {}", text(&answer["person"]), listed(&answer["scopes"]))];
    let tokens = answer["tokens"].as_object().into_iter().flatten();
    lines.extend(tokens.map(|(id, token)| {
        format!("token {id}: {}, until {}", listed(&token["scopes"]), text(&token["expires"]))
    }));
    lines.join("\n")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn told(text: String, json: &Value) -> Result<Reply, Failure> {
    Ok(Reply { exit: Exit::Done, text, aside: String::new(), json: json.clone() })
}
