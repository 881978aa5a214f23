//! Secrets that are typed in: on a terminal they are not shown; else they are read from standard
//! input, a line each.

use std::io::{self, BufRead, IsTerminal};

use birge_proto::limits::PASSWORD_CHARS;

use crate::output::Failure;

/// Asks for secrets.
pub(crate) struct Prompt {
    terminal: bool,
}

impl Prompt {
    pub(crate) fn new() -> Self {
        Self { terminal: io::stdin().is_terminal() }
    }

    /// Tells something that is no answer of the command.
    pub(crate) fn tell(&self, words: &str) {
        eprintln!("{words}");
    }

    /// Password and one-time password.
    pub(crate) fn proof(&mut self) -> Result<[String; 2], Failure> {
        Ok([self.secret("Password")?, self.code()?])
    }

    /// The one-time password.
    pub(crate) fn code(&mut self) -> Result<String, Failure> {
        self.secret("Code of the authenticator")
    }

    /// The operator's half of a recovery.
    pub(crate) fn second(&mut self) -> Result<String, Failure> {
        self.secret("The operator's code")
    }

    /// What opens an approver's key.
    pub(crate) fn passphrase(&mut self) -> Result<String, Failure> {
        self.secret("Passphrase of the key")
    }

    /// What is to open an approver's key.
    pub(crate) fn passphrase_chosen(&mut self) -> Result<String, Failure> {
        self.chosen_as("passphrase")
    }

    /// A password that is chosen: on a terminal it is typed twice.
    pub(crate) fn chosen(&mut self) -> Result<String, Failure> {
        self.chosen_as("password")
    }

    fn chosen_as(&mut self, what: &str) -> Result<String, Failure> {
        let chosen = self.secret(&format!("New {what}"))?;
        let length = chosen.chars().count();
        if length < PASSWORD_CHARS {
            return Err(Failure::Usage(format!(
                "the {what} has {length} characters, expected {PASSWORD_CHARS} at least\nnext: \
                 try again"
            )));
        }
        if self.terminal && self.secret(&format!("New {what} once more"))? != chosen {
            return Err(Failure::Usage(String::from("the two differ\nnext: try again")));
        }
        Ok(chosen)
    }

    fn secret(&mut self, what: &str) -> Result<String, Failure> {
        let nothing = |error: io::Error| {
            Failure::Usage(format!(
                "{what} cannot be read: {error}\nnext: type it in, or give it on standard input, a line each"
            ))
        };
        if self.terminal {
            return rpassword::prompt_password(format!("{what}: ")).map_err(nothing);
        }
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line).map_err(nothing)? {
            0 => Err(nothing(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}
