//! What both sides of the exchange agree on in bytes. Nothing here touches a file or a socket.
//!
//! | module | holds |
//! |---|---|
//! | [`wire`] | the gRPC services and messages of `exchange.v1` |
//! | [`identity`] | who a certificate speaks for |
//! | [`problem`] | every refusal, with its gRPC and HTTP status |
//! | [`envelope`] | signed bytes: DSSE pre-authentication encoding, Ed25519 |
//! | [`manifest`] | what an agency signs of a batch |
//! | [`letter`] | what accompanies a batch: approval, justifications |
//! | [`carried`] | batches on their way without a line, and what is carried back |
//! | [`record`] | what the journal records, and its commitment |
//! | [`statement`] | what the authority says of keys |
//! | [`signatories`] | the authority's keys, and how many of them sign a decree |
//! | [`receipt`] | proof that a batch stands in the log |
//! | [`tlog`] | the log's tree, tiles, notes, checkpoints |
//! | [`limits`] | how large anything from outside may be |
//! | [`clock`] | time, handed in |

mod canonical;
pub mod carried;
pub mod clock;
pub mod envelope;
pub mod identity;
pub mod letter;
pub mod limits;
pub mod manifest;
pub mod problem;
pub mod receipt;
pub mod record;
pub mod signatories;
pub mod statement;
pub mod tlog;

/// The gRPC services and messages of `exchange.v1`, as generated.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from exchange/v1/*.proto")]
pub mod wire {
    tonic::include_proto!("exchange.v1");

    /// The file descriptors, for gRPC server reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/exchange.v1.bin"));
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use crate::wire::{SubmitHeader, SubmitRequest, submit_request::Part};

    #[test]
    fn a_header_of_a_newer_node_is_read_with_what_was_signed_unchanged() {
        let header = SubmitHeader {
            manifest: b"{ \"as\":  \"signed\" }".to_vec(),
            signature: vec![7; 64],
            key_id: "0707070707070707".into(),
            ..Default::default()
        };
        // Fields that this version does not have: number 900, a text; 901, a number.
        let mut newer = header.encode_to_vec();
        prost::encoding::string::encode(900, &"of tomorrow".to_owned(), &mut newer);
        prost::encoding::uint64::encode(901, &42, &mut newer);
        let mut request = vec![];
        prost::encoding::bytes::encode(1, &newer, &mut request);
        prost::encoding::uint64::encode(902, &1, &mut request);
        let read = SubmitRequest::decode(request.as_slice()).unwrap();
        assert_eq!(read.part, Some(Part::Header(header)));
    }
}
