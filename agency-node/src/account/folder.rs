//! A person's folder: whom the invitation was for, where the gateway is, the session.

use std::{
    fs,
    path::{Path, PathBuf},
};

use birge_proto::{identity::Identity, signatories::Signatories};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};

use crate::{
    connect::{Door, Link, dial::Dial, https::Desk},
    home::{self, Home},
    memory::Memory,
    output::Failure,
};

/// What a body hands to a person whom it has named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Invitation {
    /// The account: `member/NSC/k3jq7x2m`.
    pub person: String,
    /// Good once; empty in the person's own folder.
    pub code: String,
    /// Until when (RFC 3339).
    pub expires: String,
    /// Where persons reach the gateway.
    pub url: String,
    /// The exchange's certificate authority, PEM.
    pub authority: String,
    /// Trust domain of the exchange.
    pub trust_domain: String,
    /// The log's verification key, a C2SP vkey: `name+hex8+base64`.
    pub log_key: String,
    /// Public keys of the authority that signs decrees, 32 bytes in hex each, as the body
    /// believes them.
    pub authority_keys: Vec<String>,
    /// How many of them must have signed a decree.
    pub authority_quorum: u64,
}

/// The folder.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    /// The invitation, without its code.
    pub invitation: Invitation,
    authorities: Vec<CertificateDer<'static>>,
}

impl Invitation {
    /// Reads one.
    ///
    /// # Errors
    /// When the file is not what `agency-node people` writes.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read {shown}: {error}")))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::Wrong(format!(
                "{shown} is no invitation: {error}\nnext: ask the body that named you for it again"
            ))
        })
    }

    /// Writes it for the eyes of its owner only.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        home::write_new(path, &text)
    }
}

impl Folder {
    /// Makes the folder of who was invited; one of the same person may be there.
    ///
    /// # Errors
    /// When it is another's, or cannot be made.
    pub(super) fn make(dir: &Path, invitation: &Invitation) -> Result<Self, Failure> {
        let file = dir.join("account.json");
        if file.exists() {
            let own = Invitation::read(&file)?.person;
            if own != invitation.person {
                return Err(Failure::Usage(format!(
                    "{} is the folder of {own}\nnext: name another with --dir",
                    dir.display()
                )));
            }
        }
        home::create_dir(dir)?;
        let kept = Invitation { code: String::new(), ..invitation.clone() };
        home::write(&file, &serde_json::to_vec_pretty(&kept).map_err(anyhow::Error::from)?)?;
        Self::open(dir)
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let file = dir.join("account.json");
        if !file.exists() {
            return Err(Failure::Usage(format!(
                "{} is no account's folder\nnext: agency-node account activate INVITATION --dir \
                 {0}, or name the folder with --dir",
                dir.display()
            )));
        }
        let invitation = Invitation::read(&file)?;
        let authorities: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(invitation.authority.as_bytes()).collect();
        let folder = Self { dir: dir.to_owned(), invitation, authorities: vec![] };
        let authorities = authorities.map_err(|error| {
            folder.damaged(&format!("the authority is no certificate: {error}"))
        })?;
        Ok(Self { authorities, ..folder })
    }

    /// Where the gateway is.
    #[must_use]
    pub fn door(&self) -> Door<'_> {
        let Invitation { url, trust_domain, .. } = &self.invitation;
        Door { url, authorities: &self.authorities, trust_domain }
    }

    /// What the gateway does for the account itself.
    ///
    /// # Errors
    /// When the address or the authority is malformed.
    pub fn desk(&self) -> Result<Desk, Failure> {
        Desk::behind(&self.door(), |host, port| Ok(Dial::straight(host, port)))
    }

    /// Who the person is.
    ///
    /// # Errors
    /// When the invitation names none.
    pub fn person(&self) -> Result<Identity, Failure> {
        let Invitation { person, .. } = &self.invitation;
        person.parse().map_err(|error| self.damaged(&format!("{person:?} is nobody: {error}")))
    }

    /// The way to the gateway, and the log that it is held to: what the person has seen of it
    /// lies in the folder, as in a node's.
    ///
    /// # Errors
    /// When nobody is signed in, or the invitation is not what it must be.
    pub fn link(&self) -> Result<(Link, Memory), Failure> {
        let link = Link::of_person(&self.door(), &self.session()?)?;
        let Invitation { log_key, authority_keys, authority_quorum, .. } = &self.invitation;
        let authority = match authority_keys.is_empty() {
            true => Signatories::default(),
            false => Signatories::pinned(authority_keys, *authority_quorum)
                .map_err(|error| self.damaged(&format!("the authority's keys: {error}")))?,
        };
        let home = Home::new(&self.dir);
        home::create_dir(&home.join("state"))?;
        let memory = Memory::open(&home, log_key, authority)?;
        Ok((link, memory))
    }

    fn damaged(&self, what: &str) -> Failure {
        let file = self.dir.join("account.json");
        Failure::Wrong(format!(
            "{}: {what}\nnext: ask the body that named you to invite you anew",
            file.display()
        ))
    }

    /// What is presented: the session.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub fn session(&self) -> Result<String, Failure> {
        fs::read_to_string(self.file()).map(|text| text.trim().to_owned()).map_err(|_| {
            Failure::Wrong(format!(
                "{} is not signed in\nnext: agency-node account sign-in --dir {}",
                self.invitation.person,
                self.dir.display()
            ))
        })
    }

    pub(super) fn keep_session(&self, session: &str) -> Result<(), Failure> {
        home::write(&self.file(), session.as_bytes())
    }

    pub(super) fn forget_session(&self) -> Result<(), Failure> {
        fs::remove_file(self.file()).map_err(|error| anyhow::Error::from(error).into())
    }

    fn file(&self) -> PathBuf {
        self.dir.join("session")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn invitation(person: &str) -> Invitation {
        Invitation {
            person: person.into(),
            code: "secret".into(),
            expires: "2026-01-01T00:00:00Z".into(),
            url: "https://localhost:7445".into(),
            authority: String::new(),
            trust_domain: "birge.example".into(),
            log_key: String::new(),
            authority_keys: vec![],
            authority_quorum: 0,
        }
    }

    #[test]
    fn a_folder_is_one_person_s_and_keeps_no_code() {
        let dir = tempfile::tempdir().unwrap();
        let (file, dir) = (dir.path().join("invitation.json"), dir.path().join("own"));
        invitation("member/NSC/k3jq7x2m").write(&file).unwrap();
        assert!(invitation("member/NSC/k3jq7x2m").write(&file).is_err(), "it exists");
        let folder = Folder::make(&dir, &Invitation::read(&file).unwrap()).unwrap();
        assert!(folder.session().unwrap_err().to_string().contains("sign-in"));
        folder.keep_session("birge_s_x").unwrap();
        assert_eq!(Folder::open(&dir).unwrap().session().unwrap(), "birge_s_x");
        assert_eq!(Folder::open(&dir).unwrap().invitation.code, "");
        assert!(Folder::make(&dir, &invitation("member/NSC/aaaaaaaa")).is_err());
        for path in [&file, &dir.join("account.json"), &dir.join("session")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
