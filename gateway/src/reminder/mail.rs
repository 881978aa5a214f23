//! The way to the mail server: SMTP (RFC 5321), a connection for each mail.

use std::{fs, time::Duration};

use birge_proto::clock::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Tls as Wrapping, TlsParameters},
        extension::ClientId,
        response::Code,
    },
};

use super::{
    config::{ReminderConfig, Tls},
    letter::Letter,
};
use crate::config::ConfigError;

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends mails.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    /// The server cannot be reached, or takes nothing now.
    #[error("{0}")]
    Away(String),
    /// It will not take this one now.
    #[error("{0}")]
    PutOff(String),
    /// It will not take it, now or later.
    #[error("{0}")]
    Refused(String),
}

impl Mailer {
    /// Reads the password. Nobody is connected to yet. Certificates are checked against those
    /// that this machine trusts; `name` is what the gateway calls itself.
    ///
    /// # Errors
    /// When the password cannot be read, or the machine trusts no certificate at all.
    pub fn new(config: &ReminderConfig, name: Option<&String>) -> Result<Self, ConfigError> {
        let parameters = || {
            let unfit = |error| ConfigError::Mail(format!("no TLS to {}: {error}", config.host));
            TlsParameters::new(config.host.clone()).map_err(unfit)
        };
        let wrapping = match config.tls {
            Tls::Starttls => Wrapping::Required(parameters()?),
            Tls::Tls => Wrapping::Wrapper(parameters()?),
            Tls::None => Wrapping::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port())
            .tls(wrapping)
            .timeout(Some(PATIENCE));
        if let Some(name) = name {
            builder = builder.hello_name(ClientId::Domain(name.clone()));
        }
        if let (Some(username), Some(file)) = (&config.username, &config.password_file) {
            let unreadable = |error| {
                let file = file.display();
                let what = format!("its password cannot be read from {file}: {error}");
                ConfigError::Mail(format!("{what}; password_file names the file"))
            };
            let text = fs::read_to_string(file).map_err(unreadable)?;
            let password = text.lines().next().unwrap_or_default().to_owned();
            builder = builder.credentials(Credentials::new(username.clone(), password));
        }
        Ok(Self { transport: builder.build(), from: config.from.clone() })
    }

    /// Sends a mail; `id` names it, the same each time it is tried.
    pub(super) async fn send(
        &self,
        to: &Mailbox,
        letter: &Letter,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Unsent> {
        // RFC 3834: no machine is to answer it.
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.clone())
            .subject(&letter.subject)
            .date(now.into())
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .raw_header(automatic)
            .singlepart(SinglePart::plain(letter.body.clone()))
            .map_err(|error| Unsent::Refused(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // It is the gateway that is not let in, whatever it would send.
            Err(error) if error.status().is_some_and(of_sign_in) => {
                Err(Unsent::Away(words(&error)))
            }
            Err(error) if error.is_permanent() => Err(Unsent::Refused(words(&error))),
            // It is this mail that is put off, not the server that is away.
            Err(error) if error.is_transient() || error.is_client() => {
                Err(Unsent::PutOff(words(&error)))
            }
            Err(error) => Err(Unsent::Away(words(&error))),
        }
    }
}

/// Does a server say by this that who sends must sign in, or is not believed? RFC 4954, section 6.
fn of_sign_in(code: Code) -> bool {
    matches!(u16::from(code), 432 | 454 | 530 | 534 | 535 | 538)
}

/// An error with its causes, each once.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !words.contains(&said) {
            words += &format!(": {said}");
        }
        cause = next.source();
    }
    words
}
