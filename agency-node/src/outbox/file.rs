//! A batch as a file: the very messages that will be streamed, so that what is sent after a
//! crash is, byte for byte, what was signed before it.
//!
//! Layout: a line that names the format, then frames of a big-endian `u32` length and that
//! many bytes: the slip as JSON, then each `SubmitRequest` (header, blocks, end).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use birge_proto::{
    carried::{read_frame, write_frame},
    manifest::{BatchId, Manifest},
    wire::{End, SubmitHeader, SubmitRequest, submit_request::Part},
};
use birge_schemas::finding::Code;
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::{home, output::Failure};

const MAGIC: &[u8] = b"birge-batch 1\n";

/// What the node notes of a batch for itself; never sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// Name of the file that the batch was made from.
    pub source: String,
    /// Did it come through the inbox? Then the file is kept under that name in `sent/`.
    pub from_inbox: bool,
    /// SHA-256 over dataset, version, action, periods where the file names them, announced
    /// removals and observations, in hex:
    /// the same for the same file handed in again.
    pub content: String,
    /// Why what the rules warn of is right, while the batch is not signed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub justified: BTreeMap<Code, String>,
}

impl Slip {
    /// Of a batch that is signed.
    #[must_use]
    pub fn new(source: String, from_inbox: bool, content: String) -> Self {
        Self { source, from_inbox, content, justified: BTreeMap::new() }
    }
}

/// Writes a batch; when this returns it is on disk.
///
/// # Errors
/// When the disk refuses.
pub fn write(
    path: &Path,
    slip: &Slip,
    header: SubmitHeader,
    blocks: Vec<Vec<u8>>,
) -> Result<(), Failure> {
    let slip = serde_json::to_vec(slip).map_err(anyhow::Error::from)?;
    home::write_with(path, |out| {
        out.write_all(MAGIC)?;
        let mut frame = |bytes: &[u8]| write_frame(out, bytes);
        let request = |part| SubmitRequest { part: Some(part) }.encode_to_vec();
        frame(&slip)?;
        frame(&request(Part::Header(header)))?;
        for block in blocks {
            frame(&request(Part::Block(block.into())))?;
        }
        frame(&request(Part::End(End {})))
    })
}

/// A batch's file, opened and read up to its first block.
#[derive(Debug)]
pub struct BatchFile {
    /// What the node noted.
    pub slip: Slip,
    /// The header as it will be sent.
    pub header: SubmitHeader,
    /// What the header's manifest says.
    pub manifest: Manifest,
    read: usize,
    reader: BufReader<File>,
    path: PathBuf,
}

impl BatchFile {
    /// Opens the file and reads its slip and header.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| damaged(path, &error.to_string()))?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut magic = [0; MAGIC.len()];
        reader.read_exact(&mut magic).map_err(|error| damaged(path, &error.to_string()))?;
        if magic != MAGIC {
            return Err(damaged(path, "it does not begin as a batch"));
        }
        let slip = frame(&mut reader, path)?;
        let slip = serde_json::from_slice(&slip).map_err(|e| damaged(path, &e.to_string()))?;
        let Some(Part::Header(header)) = request(&mut reader, path)? else {
            return Err(damaged(path, "its header is missing"));
        };
        let manifest =
            Manifest::parse(&header.manifest).map_err(|e| damaged(path, &e.to_string()))?;
        Ok(Self { slip, header, manifest, read: 0, reader, path: path.to_owned() })
    }

    /// All blocks that follow.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn blocks(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut blocks = vec![];
        while let Some(part) = self.next_part()? {
            if let Part::Block(block) = part {
                blocks.push(block.to_vec());
            }
        }
        Ok(blocks)
    }

    /// The next block or the end; `None` after the end. Each block is checked against the
    /// digest that was signed.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn next_part(&mut self) -> Result<Option<Part>, Failure> {
        if self.read > self.manifest.blocks.len() {
            return Ok(None);
        }
        let part = request(&mut self.reader, &self.path)?;
        let expected = self.manifest.blocks.get(self.read);
        self.read += 1;
        match (&part, expected) {
            (Some(Part::Block(block)), Some(digest)) if BatchId::of(block) == *digest => Ok(part),
            (Some(Part::End(_)), None) => Ok(part),
            _ => Err(damaged(&self.path, "a block is not the one that was signed")),
        }
    }
}

fn request(reader: &mut impl Read, path: &Path) -> Result<Option<Part>, Failure> {
    let bytes = frame(reader, path)?;
    let request =
        SubmitRequest::decode(bytes.as_slice()).map_err(|e| damaged(path, &e.to_string()))?;
    Ok(request.part)
}

fn frame(reader: &mut impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    read_frame(reader).map_err(|error| damaged(path, &error.to_string()))
}

fn damaged(path: &Path, what: &str) -> Failure {
    Failure::Wrong(format!(
        "the batch {} cannot be read: {what}\nnext: move it out of the outbox, and hand its \
         source file in again",
        path.display()
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use birge_proto::manifest::Action;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn header(blocks: &[Vec<u8>]) -> SubmitHeader {
        let manifest = Manifest {
            dataset: "TRAFFICKING".into(),
            version: "1.0.0".into(),
            agency: "MIA".parse().unwrap(),
            periods: vec!["2023".into()],
            action: Action::Append,
            revises: None,
            reason: None,
            cause: None,
            removes: vec![],
            contact: "statistics unit".into(),
            approved_by: "responsible officer".into(),
            prepared: "2026-01-01T00:00:00Z".parse().unwrap(),
            observations: 1,
            blocks: blocks.iter().map(|block| BatchId::of(block)).collect(),
            salt: birge_proto::manifest::Salt::generate().unwrap(),
        };
        SubmitHeader {
            manifest: manifest.to_bytes().unwrap(),
            signature: vec![1; 64],
            key_id: "00".into(),
            dry_run: false,
            preview: false,
            held: 0,
            consent: None,
            letter: None,
        }
    }

    pub(crate) fn slip(content: &str) -> Slip {
        Slip::new("a.csv".into(), true, content.into())
    }

    fn read_all(path: &Path) -> Result<Vec<Part>, Failure> {
        let mut file = BatchFile::open(path)?;
        let mut parts = vec![];
        while let Some(part) = file.next_part()? {
            parts.push(part);
        }
        Ok(parts)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn blocks_survive_and_damage_is_found(
            blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..4),
            place in any::<prop::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.batch");
            write(&path, &slip("c"), header(&blocks), blocks.clone()).unwrap();
            let mut expected: Vec<_> =
                blocks.iter().map(|block| Part::Block(block.clone().into())).collect();
            expected.push(Part::End(End {}));
            prop_assert_eq!(read_all(&path).unwrap(), expected);

            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..place.index(bytes.len())]).unwrap();
            prop_assert!(read_all(&path).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.batch");
            fs::write(&path, [MAGIC, &bytes].concat()).unwrap();
            prop_assert!(read_all(&path).is_err());
        }
    }

    #[test]
    fn a_block_that_was_not_signed_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.batch");
        let blocks = vec![b"figures of the agency".to_vec()];
        write(&path, &slip("c"), header(&blocks), blocks).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let place = bytes.len() - 10;
        bytes[place] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(read_all(&path).unwrap_err().to_string().contains("not the one that was signed"));
    }
}
