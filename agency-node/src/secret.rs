//! Secrets in files of their own, which only their owner may read.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::output::Failure;

/// Bytes of the longest secret.
const LONGEST: u64 = 4096;

/// The secret in a file, without the line's end behind it.
///
/// # Errors
/// When others may read the file, or there is no secret in it.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let wrong = |found: String, next: String| Failure::Wrong(format!("{found}\nnext: {next}"));
    let unreadable = |error: &dyn std::error::Error| {
        wrong(
            format!("cannot read the secret {shown}: {error}"),
            "write it there as the user that runs the node, and correct the path in node.toml"
                .into(),
        )
    };
    let facts = fs::metadata(file).map_err(|error| unreadable(&error))?;
    let mode = facts.permissions().mode() & 0o777;
    if mode & others(file) != 0 {
        return Err(wrong(
            format!("others may read the secret {shown} (mode {mode:03o}), expected 600"),
            format!("chmod 600 {shown}, and replace the secret if others could have read it"),
        ));
    }
    if facts.len() > LONGEST {
        return Err(wrong(
            format!("{shown} has {} bytes, expected a secret of at most {LONGEST}", facts.len()),
            "put the secret into it and nothing else".into(),
        ));
    }
    let text = fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    match secret.is_empty() || secret.contains('\n') {
        true => Err(wrong(
            format!("{shown} holds no secret on its first and only line"),
            "put the secret into it and nothing else".into(),
        )),
        false => Ok(secret.to_owned()),
    }
}

/// The bits of a mode that open a file to others. What systemd hands to a service is opened to
/// it by an access list, which shows as its group's bits (systemd.exec(5), credentials).
fn others(file: &Path) -> u32 {
    let handed = std::env::var_os("CREDENTIALS_DIRECTORY");
    match handed.is_some_and(|folder| file.starts_with(folder)) {
        true => 0o007,
        false => 0o077,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_owners_alone_and_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        assert!(read(&file).unwrap_err().to_string().contains("cannot read"));
        let put = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            read(&file)
        };
        assert_eq!(put("s3cret \r\n", 0o600).unwrap(), "s3cret ");
        for mode in [0o640, 0o604] {
            let told = put("s3cret\n", mode).unwrap_err().to_string();
            assert!(told.contains("chmod 600") && !told.contains("s3cret"), "{told}");
        }
        assert!(put("one\ntwo\n", 0o600).is_err() && put("\n", 0o600).is_err());
    }
}
