//! Keys that are the same in every run, so that what a fuzzer found can be tried again.

use std::sync::LazyLock;

use birge_proto::{
    envelope::SigningKey,
    tlog::{cosignature::Cosigner, note::NoteSigner},
};

/// Name of the log and of its key.
pub const ORIGIN: &str = "birge.example/log";
/// Name of the witnesses' keys.
pub const WITNESS: &str = "coa.example/witness";

/// The log's key.
pub static LOG: LazyLock<NoteSigner> = LazyLock::new(|| note_signer(1));
/// A key of the log's name that never signs.
pub static OTHER_LOG: LazyLock<NoteSigner> = LazyLock::new(|| note_signer(2));
/// A witness's key.
pub static COSIGNER: LazyLock<Cosigner> = LazyLock::new(|| cosigner(3));
/// A key of the witness's name that never signs.
pub static OTHER_COSIGNER: LazyLock<Cosigner> = LazyLock::new(|| cosigner(4));

fn note_signer(secret: u8) -> NoteSigner {
    NoteSigner::new(ORIGIN, key(secret)).expect("a name that a key can bear")
}

fn cosigner(secret: u8) -> Cosigner {
    Cosigner::new(WITNESS, key(secret)).expect("a name that a key can bear")
}

/// The Ed25519 key whose secret is 32 times `secret`, by way of PKCS#8 (RFC 8410, section 7).
fn key(secret: u8) -> SigningKey {
    const PKCS8: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    SigningKey::from_pkcs8(&[&PKCS8[..], &[secret; 32]].concat()).expect("a key in PKCS#8")
}
