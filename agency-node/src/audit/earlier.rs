//! Earlier states of the newest tiles and bundles: the gateway still serves them to whoever
//! holds an older checkpoint, so they too must be the beginning of what stands now.

use birge_proto::{
    problem::Kind as Problem,
    tlog::{
        hash::HASH_BYTES,
        tile::{Kind, TilePath},
        writer::File,
    },
    wire::TileRequest,
};
use futures::{TryStreamExt, stream};

use super::{fault, wrong};
use crate::{
    connect::{self, Link},
    output::Failure,
};

/// Requests under way at a time.
const AT_ONCE: usize = 16;

/// Compares every narrower form of `newest` that is served; answers with how many there were.
pub(super) async fn compare(link: &Link, newest: &[File]) -> Result<u64, Failure> {
    let narrower = newest.iter().flat_map(|(path, bytes)| {
        (1..path.width()).filter_map(|width| {
            let path = TilePath::new(path.kind(), path.index(), width).ok()?;
            Some((path, beginning(path, bytes)?))
        })
    });
    let served = stream::iter(narrower.map(Ok)).map_ok(|(path, expected)| async move {
        let answer = link.audit().tile(TileRequest { path: path.to_string() }).await;
        match answer {
            Ok(answer) if answer.get_ref().data == expected => Ok(1),
            Ok(_) => Err(wrong(path, "it is not the beginning of what stands now")),
            Err(status) if connect::problem(&status).kind == Problem::NotFound => Ok(0),
            Err(status) => Err(fault(&status)),
        }
    });
    served.try_buffered(AT_ONCE).try_fold(0, |sum, one| async move { Ok(sum + one) }).await
}

/// The bytes that the file had when it was as wide as `path`.
fn beginning(path: TilePath, bytes: &[u8]) -> Option<&[u8]> {
    let width = usize::from(path.width());
    let length = match path.kind() {
        Kind::Hashes(_) => width * HASH_BYTES,
        Kind::Entries => {
            let mut end = 0;
            for _ in 0..width {
                let head: [u8; 2] = bytes.get(end..end + 2)?.try_into().ok()?;
                end += 2 + usize::from(u16::from_be_bytes(head));
            }
            end
        }
    };
    bytes.get(..length)
}
