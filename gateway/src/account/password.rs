//! Passwords: argon2id with the parameters that OWASP asks for as a minimum (19 MiB, two
//! passes), each with a salt of its own.

use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{Salt, SaltString},
};
use birge_proto::{
    limits::PASSWORD_CHARS,
    problem::{Kind, Problem},
};

use super::secret;

/// Bytes of the longest.
const LONGEST: usize = 256;

/// A hash that no password has: what is compared where there is no account, so that it takes as
/// long.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash(&secret::new().ok()?).ok());

/// The hash of a password, as a PHC string. Takes a while, and 19 MiB.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn hash(password: &str) -> Result<String, Problem> {
    let failed = |_| Problem::new(Kind::Internal, "the password could not be hashed");
    let salt: [u8; Salt::RECOMMENDED_LENGTH] = secret::random()?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?;
    Ok(hash.to_string())
}

/// Is it the password of this hash? Takes as long where there is no hash.
pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
    let Some(known) = hash.or(NOBODY.as_deref()) else { return false };
    let Ok(known) = PasswordHash::new(known) else { return false };
    let matches = Argon2::default().verify_password(password.as_bytes(), &known).is_ok();
    matches && hash.is_some()
}

/// Is it long enough, and not what everybody would try first?
///
/// # Errors
/// `MALFORMED`, saying what is expected.
pub(super) fn fit(password: &str, account: &str, name: &str) -> Result<(), Problem> {
    let unfit = |why: String| {
        let expected = format!(
            "expected {PASSWORD_CHARS} characters or more, {LONGEST} bytes at most, of which neither \
             the account nor the name is a part: several words that are no sentence do well"
        );
        Err(Problem::new(Kind::Malformed, format!("the password {why}")).hint(expected))
    };
    let (length, lower) = (password.chars().count(), password.to_lowercase());
    let mut distinct: Vec<_> = password.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 3);
    if length < PASSWORD_CHARS || password.len() > LONGEST {
        unfit(format!("has {length} characters"))
    } else if distinct.len() < 5 {
        unfit(format!("is made of {} characters only", distinct.len()))
    } else if lower.contains(account)
        || words.map(str::to_lowercase).any(|word| lower.contains(&word))
    {
        unfit(String::from("holds the account or the name"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_and_of_one_password() {
        let known = hash("correct horse battery").unwrap();
        assert!(known.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{known}");
        assert!(verify("correct horse battery", Some(&known)));
        assert!(!verify("correct horse batterz", Some(&known)));
        assert!(!verify("correct horse battery", None));
        assert!(!verify("correct horse battery", Some("nonsense")));
        assert_ne!(hash("correct horse battery").unwrap(), known, "salted");
    }

    #[test]
    fn what_is_guessed_first_is_no_password() {
        let fit = |password: &str| fit(password, "k3jq7x2m", "Head of department");
        for unfit in ["short", "aaaaaaaaaaaaaaaa", "my-k3jq7x2m-2026", "department of 1", ""] {
            assert!(fit(unfit).is_err(), "{unfit}");
        }
        assert!(fit(&"long ".repeat(100)).is_err());
        assert!(fit("correct horse battery").is_ok());
        assert!(fit("үй ат бала тоо").is_ok());
    }
}
