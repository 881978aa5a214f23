//! Keys of notes: a name, a type of signature and a public key, and the text in which they are
//! handed around.
//!
//! Source: C2SP signed-note, "Signatures" and "Signature types".

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::envelope::{VerifyingKey, sha256};

/// Bytes of the longest name: what the newer type of cosignatures can carry.
pub const NAME_BYTES: usize = 255;

/// What a key signs, by the byte that stands for it. (6, ML-DSA-44, may come.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// Ed25519 over the text of a note: the log's.
    Note = 1,
    /// Timestamped Ed25519 over a checkpoint: a witness's.
    Cosignature = 4,
}

/// A public key with its name. As text: `name+key id in hex+base64(type ‖ key)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vkey {
    name: String,
    signature: SignatureType,
    key: VerifyingKey,
}

impl Vkey {
    /// Names a key.
    ///
    /// # Errors
    /// When the name is empty, longer than [`NAME_BYTES`], or has white space, control
    /// characters or `+`.
    pub fn new(name: &str, signature: SignatureType, key: VerifyingKey) -> Result<Self, VkeyError> {
        let unfit = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > NAME_BYTES || name.contains(unfit) {
            return Err(VkeyError::Name);
        }
        Ok(Self { name: name.to_owned(), signature, key })
    }

    /// Its name, by custom a URL without scheme.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub fn signature_type(&self) -> SignatureType {
        self.signature
    }

    /// The public key itself.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The first 4 bytes of SHA-256(name ‖ 0A ‖ type ‖ key), big-endian. It finds a key among
    /// those known, and proves nothing.
    #[must_use]
    pub fn id(&self) -> u32 {
        let [a, b, c, d, ..] = sha256(&[self.name.as_bytes(), b"\n", &self.typed_key()].concat());
        u32::from_be_bytes([a, b, c, d])
    }

    fn typed_key(&self) -> Vec<u8> {
        [&[self.signature as u8], self.key.0.as_slice()].concat()
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(self.typed_key()))
    }
}

impl FromStr for Vkey {
    type Err = VkeyError;

    fn from_str(text: &str) -> Result<Self, VkeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VkeyError::Format);
        };
        let key = STANDARD.decode(key).map_err(|_| VkeyError::Format)?;
        let (signature, key) = key.split_first().ok_or(VkeyError::Format)?;
        let signature = match signature {
            1 => SignatureType::Note,
            4 => SignatureType::Cosignature,
            other => return Err(VkeyError::Type(*other)),
        };
        let key = VerifyingKey::from_bytes(key).map_err(|_| VkeyError::Format)?;
        let vkey = Self::new(name, signature, key)?;
        if format!("{:08x}", vkey.id()) == id { Ok(vkey) } else { Err(VkeyError::Id) }
    }
}

/// Why a text is not the key that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// Not of this form.
    #[error("not a verification key: expected NAME+8 HEX DIGITS+BASE64")]
    Format,
    /// Not a name.
    #[error(
        "not a name for a key: expected 1 to {NAME_BYTES} bytes without white space, control \
         characters or +, such as birge.example/log"
    )]
    Name,
    /// Of a type that is not known here.
    #[error("signatures of type {0} are not known here: expected 1 (note) or 4 (cosignature)")]
    Type(u8),
    /// Of the wrong type for its use.
    #[error("a key for {found:?} signatures, where one for {expected:?} signatures is needed")]
    Purpose {
        /// Needed.
        expected: SignatureType,
        /// Given.
        found: SignatureType,
    },
    /// The key id is of another key or name.
    #[error("the key id does not belong to this name and key: ask for the key again")]
    Id,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_made_elsewhere_is_read_and_written_the_same() {
        let vkey: Vkey = KNOWN.parse().unwrap();
        assert_eq!(vkey.name(), "PeterNeumann");
        assert_eq!(vkey.signature_type(), SignatureType::Note);
        assert_eq!(vkey.id(), 0xc74f_20a3);
        assert_eq!(vkey.to_string(), KNOWN);
    }

    #[test]
    fn what_is_not_a_key_is_named() {
        let parse = |text: &str| text.parse::<Vkey>();
        assert_eq!(parse(""), Err(VkeyError::Format));
        assert_eq!(parse("a+b"), Err(VkeyError::Format));
        assert_eq!(parse(&KNOWN.replace("Peter", "peter")), Err(VkeyError::Id));
        assert_eq!(parse(&KNOWN.replace("c74f", "C74F")), Err(VkeyError::Id));
        assert_eq!(parse(&KNOWN.replace("+ARpc", "+BRpc")), Err(VkeyError::Type(5)));
        assert_eq!(parse(&KNOWN.replace("PeterN", "")[0..0]), Err(VkeyError::Format));
        assert_eq!(parse(&KNOWN.replace("rN", "r N")), Err(VkeyError::Name));
        assert_eq!(parse(&KNOWN[..KNOWN.len() - 4]), Err(VkeyError::Format));
        assert_eq!(parse(&format!("{KNOWN}\n")), Err(VkeyError::Format));
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\0", &"a".repeat(256)] {
            let vkey = Vkey::new(name, SignatureType::Note, VerifyingKey([7; 32]));
            assert_eq!(vkey, Err(VkeyError::Name), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_survive_their_text(
            name in "[^\\s+\\pC]{1,60}", key in any::<[u8; 32]>(), witness in any::<bool>(),
        ) {
            let kind = if witness { SignatureType::Cosignature } else { SignatureType::Note };
            let vkey = Vkey::new(&name, kind, VerifyingKey(key)).unwrap();
            prop_assert_eq!(vkey.to_string().parse(), Ok(vkey));
        }

        #[test]
        fn what_is_taken_is_written_the_same(text in any::<String>()) {
            if let Ok(vkey) = text.parse::<Vkey>() {
                prop_assert_eq!(vkey.to_string(), text);
            }
        }
    }
}
