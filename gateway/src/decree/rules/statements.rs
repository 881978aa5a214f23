//! Cuts the text of the rules into its statements, so that each has a line of its own.

/// One policy's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Line of its first word, from 1.
    pub(super) line: usize,
    /// From its first word to its `;`, or to the end of the text where none follows.
    pub(super) text: &'a str,
}

/// Every statement of `source`; comments between statements are passed over.
pub(super) fn split(source: &str) -> Vec<Statement<'_>> {
    let mut statements = vec![];
    let mut start: Option<(usize, usize)> = None;
    let mut line = 1;
    let mut at = 0;
    let bytes = source.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => line += 1,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().take_while(|byte| **byte != b'\n').count();
                continue;
            }
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                let (first, first_line) = *start.get_or_insert((at, line));
                if byte == b'"' {
                    let length = string_length(&bytes[at..]);
                    line += bytes[at..at + length].iter().filter(|byte| **byte == b'\n').count();
                    at += length;
                    continue;
                }
                if byte == b';' {
                    statements.push(Statement { line: first_line, text: &source[first..=at] });
                    start = None;
                }
            }
        }
        at += 1;
    }
    if let Some((first, line)) = start {
        statements.push(Statement { line, text: &source[first..] });
    }
    statements
}

/// Bytes of the string literal that `text` starts with, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn semicolons_in_strings_and_comments_cut_nothing() {
        let source = "// a; b\n@article(\"1;\\\"\")\npermit (x); // c;\n\n forbid\n\"й;";
        let found = split(source);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Statement { line: 2, text: "@article(\"1;\\\"\")\npermit (x);" });
        assert_eq!(found[1], Statement { line: 5, text: "forbid\n\"й;" });
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(source in "[\"\\\\;/\n a-cй]{0,40}") {
            for statement in split(&source) {
                prop_assert!(source.contains(statement.text));
                prop_assert!(statement.line <= 1 + source.matches('\n').count());
            }
        }
    }
}
