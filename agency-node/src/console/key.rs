//! The console's key: 256 bits in `keys/console.key`. Programs show it; browsers never see it, and
//! hold a mark that was made with it and ends.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::Context;
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac, rand};
use birge_proto::clock::Timestamp;

use crate::{
    home::{self, Home},
    output::Failure,
};

/// What a mark is good for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To open the console once, from the link that `agency-node console` prints.
    Open,
    /// To use its pages.
    Session,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "birge console open",
            Self::Session => "birge console session",
        }
    }

    /// Seconds for which a mark is good.
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::Open => 5 * 60,
            Self::Session => 2 * 60 * 60,
        }
    }
}

/// The key.
pub(super) struct Key {
    text: String,
    mac: hmac::Key,
}

impl Key {
    /// The node's, made at first use.
    ///
    /// # Errors
    /// When it cannot be read or written, others may read it, or it is no key.
    pub(super) fn of(home: &Home) -> Result<Self, Failure> {
        let _lock = home.lock("console.lock")?;
        let path = home.join("keys/console.key");
        if !path.exists() {
            home::create_dir(&home.join("keys"))?;
            home::write(&path, format!("{}\n", hex::encode(random::<32>()?)).as_bytes())?;
        }
        let facts =
            fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if facts.permissions().mode() & 0o077 != 0 {
            return Err(Failure::Wrong(format!(
                "others may read the console's key {0}\nnext: remove it, and start `agency-node run` \
                 again, which makes a new one; whoever holds the old one could hand in batches",
                path.display()
            )));
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(text.trim()).ok_or_else(|| {
            Failure::Wrong(format!(
                "the console's key {} is not 64 hex digits\nnext: remove it, and start \
                 `agency-node run` again, which makes a new one",
                path.display()
            ))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32)?;
        Some(Self { text: text.to_owned(), mac: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// Is this the key itself?
    pub(super) fn is(&self, shown: &str) -> bool {
        verify_slices_are_equal(self.text.as_bytes(), shown.as_bytes()).is_ok()
    }

    /// A new mark: when it ends in seconds since 1970, 16 random bytes, the tag over both.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn mark(&self, purpose: Purpose, now: Timestamp) -> Result<String, Failure> {
        let end = now.as_second().saturating_add(purpose.seconds());
        let said = format!("{end}-{}", hex::encode(random::<16>()?));
        let tag = hmac::sign(&self.mac, format!("{}\0{said}", purpose.name()).as_bytes());
        Ok(format!("{said}-{}", hex::encode(tag)))
    }

    /// When a mark that was made with this key for `purpose` ends; none if it was not, or ended.
    pub(super) fn end(&self, purpose: Purpose, mark: &str, now: Timestamp) -> Option<i64> {
        let (said, tag) = mark.rsplit_once('-')?;
        let tag = hex::decode(tag).ok()?;
        let signed = format!("{}\0{said}", purpose.name());
        hmac::verify(&self.mac, signed.as_bytes(), &tag).ok()?;
        let end: i64 = said.split_once('-')?.0.parse().ok()?;
        (now.as_second() < end).then_some(end)
    }
}

/// Random bytes.
///
/// # Errors
/// When the system gives none.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_mark_is_good_for_its_purpose_and_its_time_alone() {
        let key = Key::parse(&"0a".repeat(32)).unwrap();
        let mark = key.mark(Purpose::Open, at(1000)).unwrap();
        assert_eq!(key.end(Purpose::Open, &mark, at(1299)), Some(1300));
        assert_eq!(key.end(Purpose::Open, &mark, at(1300)), None);
        assert_eq!(key.end(Purpose::Session, &mark, at(1000)), None);
        assert_eq!(key.end(Purpose::Open, &mark.replacen("1300", "9300", 1), at(1000)), None);
        let other = Key::parse(&"0b".repeat(32)).unwrap();
        assert_eq!(other.end(Purpose::Open, &mark, at(1000)), None);
        for wrong in ["", "-", "--", "1300", "1300-00", "x-y-z"] {
            assert_eq!(key.end(Purpose::Open, wrong, at(0)), None, "{wrong}");
        }
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        let first = Key::of(&home).unwrap();
        assert!(Key::of(&home).unwrap().is(&first.text) && !first.is("") && first.text.len() == 64);
        let path = home.join("keys/console.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::of(&home).is_err());
    }
}
