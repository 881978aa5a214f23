//! What the operator asks the authority to state of the log, as a file: `gateway log-key …
//! --request` and `gateway log freeze --request` write it, `gateway countersign` adds the
//! authority's signature, `gateway log apply` carries it out.

use std::path::Path;

use anyhow::{Result, bail};
use birge_proto::{
    clock::Timestamp,
    envelope::{SigningKey, VerifyingKey, fingerprint},
    record::Authorised,
    statement::{Says, Statement},
    tlog::note::NoteVerifier,
};
use serde::{Deserialize, Serialize};

use super::{Authorisation, read};

/// A request, countersigned or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LogRequest {
    /// Origin of the log.
    pub origin: String,
    /// What is to be stated of it.
    pub statement: Says,
    /// That the authority stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Authorisation>,
}

impl LogRequest {
    /// Is the file such a request, sound or not?
    #[must_use]
    pub fn is_in(path: &Path) -> bool {
        read::<serde_json::Value>(path, "").is_ok_and(|value| value.get("statement").is_some())
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let request: Self = read(path, "a request about the log, as `--request` writes it")?;
        request.key()?;
        Ok(request)
    }

    /// The key of a log that it is about.
    ///
    /// # Errors
    /// When it is about something else, or the key cannot be read.
    pub fn key(&self) -> Result<NoteVerifier> {
        match &self.statement {
            Says::LogKey { log_key }
            | Says::LogKeyRetired { log_key }
            | Says::Successor { log_key, .. } => Ok(NoteVerifier::from_vkey(log_key)?),
            Says::Enrolment { identity, .. } => bail!("it enrols {identity}, and is of no log"),
            Says::Renewal { identity, .. } => bail!("it is of a certificate of {identity}"),
        }
    }

    /// What the authority would state, for people.
    ///
    /// # Errors
    /// As for [`Self::key`].
    pub fn words(&self) -> Result<String> {
        let (key, origin) = (self.key()?, &self.origin);
        let what = match &self.statement {
            Says::LogKeyRetired { .. } => format!("{origin} is no longer signed with the key"),
            Says::Successor { successor, .. } => {
                format!("{origin} is frozen for good, and {successor} goes on from it with the key")
            }
            _ => format!("{origin} is signed with this key too:"),
        };
        Ok(format!("{what} {key}\n  fingerprint  {}", fingerprint(&key.vkey().key().0)))
    }

    /// Adds the authority's countersignature.
    ///
    /// # Errors
    /// When the encoder fails, which no request that was read makes it do.
    pub fn countersign(&mut self, stated: Timestamp, authority: &SigningKey) -> Result<()> {
        let signed = self.stated(stated).sign(authority)?;
        let signature = hex::encode(signed.signature);
        self.authorisation = Some(Authorisation { stated, key_id: signed.key_id, signature });
        Ok(())
    }

    /// The countersignature, which one of `authority` must have made.
    ///
    /// # Errors
    /// When there is none, saying how it is had, or it does not hold.
    pub fn authorised(&self, authority: &[VerifyingKey]) -> Result<Authorised> {
        let Some(Authorisation { stated, key_id, signature }) = self.authorisation.clone() else {
            bail!(
                "the authority did not countersign it: have it run `gateway countersign` on the \
                 file, and apply what that writes"
            );
        };
        let authorised = Authorised { request: None, stated, key_id, signature };
        self.stated(stated).verify(&authorised, authority)?;
        Ok(authorised)
    }

    fn stated(&self, stated: Timestamp) -> Statement {
        Statement { origin: self.origin.clone(), stated, says: self.statement.clone() }
    }
}

#[cfg(test)]
mod tests {
    use birge_proto::tlog::note::NoteSigner;

    use super::*;

    #[test]
    fn a_countersignature_is_of_this_very_request() {
        let authority = SigningKey::generate().unwrap();
        let keys = [authority.verifying_key()];
        let key = || {
            let key = NoteSigner::new("birge.example/log", SigningKey::generate().unwrap());
            key.unwrap().verifier().to_string()
        };
        let mut request = LogRequest {
            origin: "birge.example/log".into(),
            statement: Says::LogKey { log_key: key() },
            authorisation: None,
        };
        assert!(request.authorised(&keys).unwrap_err().to_string().contains("countersign"));
        request.countersign(Timestamp::UNIX_EPOCH, &authority).unwrap();
        request.authorised(&keys).unwrap();
        let stranger = SigningKey::generate().unwrap().verifying_key();
        assert!(request.authorised(&[stranger]).is_err());
        let changes: [fn(&mut LogRequest, String); 3] = [
            |changed, _| changed.origin = "other.example/log".into(),
            |changed, key| changed.statement = Says::LogKey { log_key: key },
            |changed, _| {
                let Says::LogKey { log_key } = changed.statement.clone() else { unreachable!() };
                changed.statement = Says::LogKeyRetired { log_key };
            },
        ];
        for change in changes {
            let mut changed = request.clone();
            change(&mut changed, key());
            assert!(changed.authorised(&keys).is_err(), "{changed:?}");
        }
    }
}
