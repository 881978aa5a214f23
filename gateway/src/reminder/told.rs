//! Who was told when, in a file, so that a restart tells nobody twice. It can be lost without
//! harm: whoever has something open is told once more.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use birge_proto::identity::AgencyId;
use jiff::civil::Date;

use crate::whole_file;

type Days = BTreeMap<AgencyId, BTreeMap<String, Date>>;

/// The last day on which each was told, by agency and address.
#[derive(Debug)]
pub(super) struct Told {
    file: PathBuf,
    days: Days,
}

impl Told {
    /// What is remembered in `folder`; nothing where it cannot be read.
    pub(super) fn read(folder: &Path) -> Self {
        let file = folder.join("told.json");
        let days = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Days::new()),
            Err(error) => Err(error),
        };
        let days = days.unwrap_or_else(|error| {
            let file = file.display();
            tracing::warn!(%file, %error, "who was reminded is forgotten: some may be once more");
            Days::new()
        });
        Self { file, days }
    }

    /// The last day on which somebody was told.
    pub(super) fn last(&self, agency: &AgencyId, address: &str) -> Option<Date> {
        self.days.get(agency)?.get(address).copied()
    }

    /// Remembers that somebody was told; when this returns it is on disk.
    ///
    /// # Errors
    /// When the disk refuses; it is remembered in memory then.
    pub(super) fn note(&mut self, agency: &AgencyId, address: &str, day: Date) -> io::Result<()> {
        self.days.entry(agency.clone()).or_default().insert(address.to_owned(), day);
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        whole_file::replace(&self.file, &serde_json::to_vec_pretty(&self.days)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_there_after_a_restart_and_may_be_lost() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("reminders");
        let (nsc, day): (AgencyId, Date) = ("NSC".parse().unwrap(), "2026-03-17".parse().unwrap());
        let mut told = Told::read(&folder);
        assert_eq!(told.last(&nsc, "officer@nsc.example"), None);
        told.note(&nsc, "officer@nsc.example", day).unwrap();
        let mut told = Told::read(&folder);
        assert_eq!(told.last(&nsc, "officer@nsc.example"), Some(day));
        assert_eq!(told.last(&nsc, "deputy@nsc.example"), None);

        fs::write(folder.join("told.json"), "{").unwrap();
        assert_eq!(Told::read(&folder).last(&nsc, "officer@nsc.example"), None);
        fs::remove_dir_all(&folder).unwrap();
        told.note(&nsc, "deputy@nsc.example", day).unwrap();
        assert_eq!(Told::read(&folder).last(&nsc, "officer@nsc.example"), Some(day));
    }
}
