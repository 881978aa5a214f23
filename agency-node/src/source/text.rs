//! From a file's bytes to text: which encoding, which separator.

use std::borrow::Cow;

use chardetng::EncodingDetector;
use encoding_rs::Encoding;

/// A file's text, and the name of the encoding it came in.
#[derive(Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text, without byte order mark.
    pub text: Cow<'a, str>,
    /// `UTF-8`, `UTF-16LE`, `windows-1251` …
    pub encoding: &'static str,
}

/// Why bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// Zero bytes stand in text of no encoding that is taken here.
    #[error("the file is binary, not text")]
    Binary,
    /// The byte order mark promised another encoding.
    #[error("the file begins as {0} but is not {0} throughout")]
    Malformed(&'static str),
    /// The legacy encoding that fits best has no such characters.
    #[error("the file is in no encoding that could be recognised (the nearest is {0})")]
    Unknown(&'static str),
    /// The layout names an encoding that there is not.
    #[error("there is no encoding {0}")]
    NoSuch(String),
}

/// Decodes UTF-8 with or without byte order mark, UTF-16 with one, and the legacy encoding
/// that fits best: Windows-1251 in the files of the region. Where `label` names an encoding (of
/// the Encoding Standard), it is that.
///
/// # Errors
/// When the bytes are text in none of these.
pub fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Result<Text<'a>, NoText> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(NoText::Empty);
    }
    if let Some(label) = label {
        let named = Encoding::for_label(label.as_bytes());
        let encoding = named.ok_or_else(|| NoText::NoSuch(label.to_owned()))?;
        let (text, malformed) = encoding.decode_with_bom_removal(bytes);
        return match malformed {
            false => Ok(Text { text, encoding: encoding.name() }),
            true => Err(NoText::Malformed(encoding.name())),
        };
    }
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let rest = &bytes[length..];
        let text = encoding
            .decode_without_bom_handling_and_without_replacement(rest)
            .ok_or(NoText::Malformed(encoding.name()))?;
        if text.trim().is_empty() {
            return Err(NoText::Empty);
        }
        return Ok(Text { text, encoding: encoding.name() });
    }
    if bytes.contains(&0) {
        return Err(NoText::Binary);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Text { text: text.into(), encoding: "UTF-8" });
    }
    let mut detector = EncodingDetector::new();
    detector.feed(bytes, true);
    let encoding = detector.guess(Some(b"ru"), false);
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(NoText::Unknown(encoding.name()))?;
    Ok(Text { text, encoding: encoding.name() })
}

/// The separator of a table: of `,`, `;` and tab the one that its first line holds most of
/// outside quotes.
#[must_use]
pub fn separator(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: u8| {
        let mut quoted = false;
        let counts = |byte: &u8| {
            quoted ^= *byte == b'"';
            *byte == separator && !quoted
        };
        header.bytes().filter(counts).count()
    };
    let mut best = b',';
    for separator in [b';', b'\t'] {
        if count(separator) > count(best) {
            best = separator;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1251};
    use proptest::prelude::*;

    use super::*;

    const RUSSIAN: &str = "COMMENT_OBS\r\nБез разбивки по полу, сведения областного управления";

    #[test]
    fn every_encoding_of_the_region_is_recognised() {
        let plain = RUSSIAN.as_bytes().to_vec();
        let marked = [b"\xef\xbb\xbf", RUSSIAN.as_bytes()].concat();
        let (windows, _, _) = WINDOWS_1251.encode(RUSSIAN);
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(RUSSIAN.encode_utf16().flat_map(u16::to_le_bytes));
        let files = [
            (plain, "UTF-8"),
            (marked, "UTF-8"),
            (windows.into_owned(), "windows-1251"),
            (utf16, UTF_16LE.name()),
        ];
        for (bytes, encoding) in files {
            let decoded = decode(&bytes, None).unwrap();
            assert_eq!((decoded.text.as_ref(), decoded.encoding), (RUSSIAN, encoding));
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert_eq!(decode(b"", None), Err(NoText::Empty));
        assert_eq!(decode(b"\xef\xbb\xbf \r\n", None), Err(NoText::Empty));
        assert_eq!(decode(b"PK\x03\x04\x00\x00", None), Err(NoText::Binary));
        assert_eq!(decode(b"\xef\xbb\xbfa\xff", None), Err(NoText::Malformed("UTF-8")));
    }

    #[test]
    fn an_encoding_that_is_named_is_the_one() {
        let (bytes, _, _) = WINDOWS_1251.encode(RUSSIAN);
        assert_eq!(decode(&bytes, Some("cp1251")).unwrap().text, RUSSIAN);
        assert_eq!(decode(&bytes, Some("utf-8")), Err(NoText::Malformed("UTF-8")));
        assert_eq!(decode(&bytes, Some("cp1")), Err(NoText::NoSuch("cp1".into())));
    }

    #[test]
    fn the_separator_is_read_from_the_header() {
        assert_eq!(separator("a,b,c\n1;2;3;4;5"), b',');
        assert_eq!(separator("\n\"a,a,a,a\";b;c\n"), b';');
        assert_eq!(separator("a\tb"), b'\t');
        assert_eq!(separator(""), b',');
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(decoded) = decode(&bytes, None) {
                let _ = separator(&decoded.text);
            }
        }
    }
}
