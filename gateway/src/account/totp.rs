//! The second factor: time-based one-time passwords (RFC 6238), SHA-1, six digits, 30 seconds,
//! which every authenticator understands.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use birge_proto::{
    clock::Timestamp,
    problem::{Kind, Problem},
};
use totp_rs::{Algorithm, Secret, TOTP};

use super::secret;

/// Seconds of a step.
const STEP: u64 = 30;

/// A secret of 160 bits, in base32.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn new() -> Result<String, Problem> {
    Ok(Secret::Raw(secret::random::<20>()?.to_vec()).to_encoded().to_string())
}

/// What an authenticator reads: `otpauth://totp/…`.
///
/// # Errors
/// When the secret or a name is malformed.
pub(super) fn uri(secret: &str, issuer: &str, account: &str) -> Result<String, Problem> {
    Ok(totp(secret, issuer, account)?.get_url())
}

/// The step of the code, where it is one of the secret's, now or one step to either side, and of
/// a later step than the `last` that was used: a code is good once.
pub(super) fn verify(secret: &str, code: &str, now: Timestamp, last: u64) -> Option<u64> {
    let totp = totp(secret, "", "").ok()?;
    let present = u64::try_from(now.as_second()).ok()? / STEP;
    let steps = present.saturating_sub(1)..=present + 1;
    let matches = |step: &u64| {
        let expected = totp.generate(step * STEP);
        verify_slices_are_equal(expected.as_bytes(), code.trim().as_bytes()).is_ok()
    };
    // All are compared, so that it takes as long for each.
    let matching: Vec<_> = steps.filter(matches).collect();
    matching.into_iter().find(|step| *step > last)
}

fn totp(secret: &str, issuer: &str, account: &str) -> Result<TOTP, Problem> {
    let wrong = |_| Problem::new(Kind::Internal, "the second factor's secret cannot be read");
    let bytes = Secret::Encoded(secret.to_owned()).to_bytes().map_err(|_| wrong(()))?;
    let issuer = Some(issuer.to_owned()).filter(|issuer| !issuer.is_empty());
    TOTP::new(Algorithm::SHA1, 6, 1, STEP, bytes, issuer, account.to_owned()).map_err(|_| wrong(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret of the test vectors, and the codes' last six digits.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_rfc_s_codes_are_taken() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(verify(RFC, code, at(second), 0), Some(second as u64 / 30), "{second}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let step = verify(RFC, "081804", at(1_111_111_109), 0).unwrap();
        assert_eq!(verify(RFC, "081804", at(1_111_111_109), step), None, "used");
        assert_eq!(verify(RFC, "081804", at(1_111_111_109 + 30), step - 1), Some(step));
        assert_eq!(verify(RFC, "081804", at(1_111_111_109 + 90), step - 1), None);
        for wrong in ["081805", "", "81804", "0818044", "０８１８０４"] {
            assert_eq!(verify(RFC, wrong, at(1_111_111_109), 0), None, "{wrong}");
        }
    }

    #[test]
    fn a_new_secret_is_read_back() {
        let secret = new().unwrap();
        let uri = uri(&secret, "birge.example", "k3jq7x2m").unwrap();
        assert!(uri.starts_with("otpauth://totp/birge.example:k3jq7x2m?"), "{uri}");
        assert!(uri.contains(&secret), "{uri}");
    }
}
