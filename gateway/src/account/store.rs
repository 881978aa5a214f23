//! What proves that an account is a person's, kept apart from the journal: one file for each
//! account, to be read by the gateway alone and backed up with the keys.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use birge_proto::{
    clock::Timestamp,
    identity::{AccountId, Identity},
    problem::{Kind, Problem},
};
use serde::{Deserialize, Serialize};

use super::secret::Digest;
use crate::whole_file;

/// What is kept of one account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Secrets {
    /// Whose.
    pub(super) person: Identity,
    /// The person's name and office.
    pub(super) name: String,
    /// A PHC string.
    pub(super) password: Option<String>,
    /// The second factor's secret, in base32.
    pub(super) totp: Option<String>,
    /// The same, chosen and not yet proved to be held.
    pub(super) pending: Option<String>,
    /// Step of the last one-time password that was taken.
    pub(super) last_step: u64,
    /// Sign-ins that failed since the last one that did not.
    pub(super) failures: u32,
    /// When the last one did.
    pub(super) last_failure: Option<Timestamp>,
    /// No sign-in before.
    pub(super) locked_until: Option<Timestamp>,
    /// What the person needs to make the account its own, by who handed it out.
    pub(super) codes: BTreeMap<Identity, Code>,
    /// Tokens by name; kept when they count no more, so that whoever uses one is known.
    pub(super) tokens: BTreeMap<String, Digest>,
}

/// A code that is good once, for a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) digest: Digest,
    pub(super) expires: Timestamp,
}

/// The files, and the same in memory.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    known: Mutex<HashMap<AccountId, Secrets>>,
}

impl Secrets {
    /// Did too many sign-ins fail?
    pub(super) fn locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Of somebody who was just named.
    pub(super) fn of(person: Identity, name: String) -> Self {
        Self {
            person,
            name,
            password: None,
            totp: None,
            pending: None,
            last_step: 0,
            failures: 0,
            last_failure: None,
            locked_until: None,
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }
}

impl Store {
    /// Reads every file of the folder, which is made where there is none.
    ///
    /// # Errors
    /// When the folder cannot be read. An account that cannot be is told of and left out.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let unreadable = || format!("cannot read the accounts in {}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(unreadable)?;
        let mut known = HashMap::new();
        for entry in fs::read_dir(folder).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue; // a file that was never finished
            }
            let secrets = fs::read_to_string(&path)
                .map_err(anyhow::Error::from)
                .and_then(|text| Ok(serde_json::from_str::<Secrets>(&text)?));
            match secrets {
                Ok(secrets) => known.extend(secrets.person.person.clone().map(|id| (id, secrets))),
                // One person cannot sign in then; everybody else can.
                Err(error) => tracing::error!(
                    file = %path.display(),
                    %error,
                    "an account cannot be read: restore the file from the backup, or have the \
                     account recovered"
                ),
            }
        }
        Ok(Self { folder: folder.to_owned(), known: Mutex::new(known) })
    }

    /// What is known of an account.
    pub(super) fn secrets(&self, account: &AccountId) -> Option<Secrets> {
        self.read(account, Secrets::clone)
    }

    /// As [`Self::secrets`], of which only something is wanted.
    pub(super) fn read<T>(
        &self,
        account: &AccountId,
        wanted: impl FnOnce(&Secrets) -> T,
    ) -> Option<T> {
        self.known().get(account).map(wanted)
    }

    /// Adds an account, unless `bars` says why not of one that is known.
    ///
    /// # Errors
    /// What `bars` says; `INTERNAL` when the file cannot be written.
    pub(super) fn add(
        &self,
        secrets: Secrets,
        bars: impl Fn(&Secrets) -> Option<Problem>,
    ) -> Result<(), Problem> {
        let mut known = self.known();
        if let Some(problem) = known.values().find_map(bars) {
            return Err(problem);
        }
        let Some(account) = secrets.person.person.clone() else { return Ok(()) };
        self.write(&secrets)?;
        known.insert(account, secrets);
        Ok(())
    }

    /// Changes an account, one change after the other; what `change` answers is given back once
    /// the file is on the disk.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is no such account; what `change` says, and then nothing is
    /// changed; `INTERNAL` when the file cannot be written.
    pub(super) fn change<T>(
        &self,
        account: &AccountId,
        change: impl FnOnce(&mut Secrets) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut known = self.known();
        let secrets = known.get_mut(account).ok_or_else(|| {
            Problem::new(Kind::NotFound, format!("there are no secrets of the account {account}"))
        })?;
        let mut changed = secrets.clone();
        let answer = change(&mut changed)?;
        self.write(&changed)?;
        *secrets = changed;
        Ok(answer)
    }

    /// Every account's secrets.
    pub(super) fn all(&self) -> Vec<Secrets> {
        self.known().values().cloned().collect()
    }

    /// Takes an account out that never came to be.
    pub(super) fn remove(&self, account: &AccountId) {
        self.known().remove(account);
        if let Err(error) = fs::remove_file(self.path(account)) {
            tracing::warn!(%error, %account, "a file of an account that never was stays");
        }
    }

    fn write(&self, secrets: &Secrets) -> Result<(), Problem> {
        let Some(account) = &secrets.person.person else { return Ok(()) };
        let json = serde_json::to_vec_pretty(secrets).map_err(io::Error::other);
        json.and_then(|json| whole_file::replace(&self.path(account), &json)).map_err(|error| {
            let detail = format!("the account {account} cannot be written: {error}");
            Problem::new(Kind::Internal, detail)
        })
    }

    fn path(&self, account: &AccountId) -> PathBuf {
        self.folder.join(format!("{account}.json"))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<AccountId, Secrets>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_changed_is_found_again_and_only_the_gateway_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("accounts");
        let store = Store::open(&folder).unwrap();
        let person: Identity = "member/NSC/k3jq7x2m".parse().unwrap();
        let account = person.person.clone().unwrap();
        store.add(Secrets::of(person, "Head of statistics".into()), |_| None).unwrap();
        let failed = |secrets: &mut Secrets| {
            secrets.failures = 3;
            Ok(())
        };
        store.change(&account, failed).unwrap();
        let refused = |_: &mut Secrets| Err::<(), _>(Problem::new(Kind::Malformed, "no"));
        assert!(store.change(&account, refused).is_err());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("k3jq7x2m.json"))), (0o700, 0o600));

        fs::write(folder.join("k3jq7x2m.tmp"), "{").unwrap();
        let again = Store::open(&folder).unwrap();
        assert_eq!(again.secrets(&account).unwrap().failures, 3);
        fs::write(folder.join("k3jq7x2m.json"), "{").unwrap();
        assert!(Store::open(&folder).unwrap().secrets(&account).is_none());
    }
}
