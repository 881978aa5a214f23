//! A body that comes in goes to the disk piece by piece, within the limit of files, and its digest
//! is taken on the way.

use std::{fs, io, path::PathBuf, time::Duration};

use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    extract::multipart::{Field, MultipartError},
};
use birge_proto::{
    limits,
    problem::{Kind, Problem},
};
use futures::{Stream, StreamExt};
use tokio::{fs::File, io::AsyncWriteExt, time::timeout};

use super::key::random;
use crate::{
    home::{self, Home},
    output::Failure,
};

/// Folder of bodies that are not filed yet, each in a folder of its own. What a crash leaves there was
/// never answered for.
pub(super) const INCOMING: &str = "state/jobs/incoming";
/// How long the next piece of a body may take.
const PIECE: Duration = Duration::from_secs(30);
/// Bytes of a file's name.
const NAME_BYTES: usize = 150;

/// A body on the disk, under the name that its sender gave it; it goes with this.
#[derive(Debug)]
pub(super) struct Upload {
    folder: PathBuf,
    /// The file.
    pub(super) path: PathBuf,
    /// Its name.
    pub(super) name: String,
    /// SHA-256 in hex.
    pub(super) digest: String,
    /// Bytes.
    pub(super) bytes: u64,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // else the next start does
    }
}

/// The failure to tell of a form that breaks off or is none.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn broken(error: MultipartError) -> Failure {
    Problem::new(Kind::Malformed, error.body_text()).hint("send the form again").into()
}

/// What a short field of a form holds.
///
/// # Errors
/// When it is longer than `most` bytes, or breaks off.
pub(super) async fn field(mut field: Field<'_>, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![];
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        if bytes.len() + piece.len() > most {
            let name = field.name().unwrap_or_default();
            let detail = format!("the field {name} has more than the {most} bytes allowed");
            return Err(Problem::new(Kind::TooLarge, detail).into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Takes a body in; when this returns it is on the disk.
///
/// # Errors
/// When the name is none that the inbox takes, the body is empty, too large, or breaks off, or the disk
/// refuses.
pub(super) async fn receive<E: std::fmt::Display>(
    home: &Home,
    name: &str,
    body: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Upload, Failure> {
    let name = taken(name)?;
    let folder = home.join(INCOMING).join(hex::encode(random::<16>()?));
    home::create_dir(&folder)?;
    let path = folder.join(&name);
    let mut upload = Upload { folder, path, name, digest: String::new(), bytes: 0 };
    let disk = |error: io::Error| Failure::from(anyhow::Error::from(error));
    let mut file = File::create_new(&upload.path).await.map_err(disk)?;
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut body = std::pin::pin!(body);
    let broken = |why: String| {
        let problem = Problem::new(Kind::Truncated, format!("the file did not come whole: {why}"));
        Failure::from(problem.hint("send it again"))
    };
    loop {
        let piece = timeout(PIECE, body.next()).await;
        let piece = piece.map_err(|_| broken(format!("nothing came for {} s", PIECE.as_secs())))?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| broken(error.to_string()))?;
        upload.bytes += piece.len() as u64;
        if upload.bytes > limits::FILE_BYTES {
            let detail = format!("the file has more than {} bytes", limits::FILE_BYTES);
            return Err(Problem::new(Kind::TooLarge, detail).hint("hand it in as several").into());
        }
        digest.update(&piece);
        file.write_all(&piece).await.map_err(disk)?;
    }
    if upload.bytes == 0 {
        return Err(Problem::new(Kind::Malformed, "no file came, or an empty one")
            .hint("send the file itself as the request's body")
            .into());
    }
    file.sync_all().await.map_err(disk)?;
    upload.digest = hex::encode(digest.finish());
    Ok(upload)
}

/// The name as the inbox takes it.
fn taken(name: &str) -> Result<String, Failure> {
    let wrong = |what: &str| {
        let detail = format!("the file's name {}", what);
        Failure::from(Problem::new(Kind::Malformed, detail).hint("name it as figures.csv is named"))
    };
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(wrong("is missing, too long, or has characters that no name has"));
    }
    if !crate::source::folder::takes(name.as_ref()) || !name.contains('.') {
        return Err(wrong("is none that the inbox takes"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn pieces(all: &[&'static str]) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
        stream::iter(all.iter().map(|it| Ok(Bytes::from(*it))).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn a_body_is_on_the_disk_until_nobody_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let upload = receive(&home, "a/b.csv", pieces(&["fig", "ures"])).await.unwrap();
        assert_eq!(fs::read_to_string(&upload.path).unwrap(), "figures");
        let whole = hex::encode(birge_proto::envelope::sha256(b"figures"));
        assert_eq!((upload.digest.as_str(), upload.bytes), (whole.as_str(), 7));
        assert!(upload.path.ends_with("b.csv"));
        drop(upload);
        assert_eq!(fs::read_dir(home.join(INCOMING)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        for name in
            ["", "..", ".hidden.csv", "a.csv.batch.toml", "b.part", "~c.csv", "a\nb.csv", "x"]
        {
            let refused = receive(&home, name, pieces(&["x"])).await;
            assert!(matches!(refused, Err(Failure::Refused(_))), "{name}");
        }
        assert!(receive(&home, "a.csv", pieces(&[])).await.is_err());
        let broken = stream::iter([Ok(Bytes::from("x")), Err(io::Error::other("cut"))]);
        assert!(receive(&home, "a.csv", broken).await.is_err());
        assert_eq!(fs::read_dir(home.join(INCOMING)).unwrap().count(), 0);
    }
}
