//! CSV text to pieces that can be read side by side: cut at line ends outside quotation marks, so
//! that every row stands in one piece.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

/// Below this a piece is not worth a thread of its own.
pub const LEAST: usize = 1 << 20;

/// A piece of a text. All but the first begin with the line feed that ends the row before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'t> {
    /// What stands in it.
    pub text: &'t str,
    /// Line feeds in the text before it.
    pub above: u64,
}

/// Cuts a text into at most `count` pieces of about the same size, none of them, where that can be
/// helped, below `least` bytes. A text whose rows end in carriage returns alone is one piece.
pub fn cut(text: &str, delimiter: u8, count: usize, least: usize) -> Vec<Piece<'_>> {
    let count = count.min(text.len() / least.max(1)).max(1);
    let bytes = text.as_bytes();
    let mut cuts = vec![0];
    if count > 1 && !has_lone_returns(bytes) {
        let mut quoted = Quoted { bytes, delimiter, at: 0 }.peekable();
        for place in 1..count {
            let mut from = (text.len() / count * place).max(cuts[cuts.len() - 1] + 1);
            let cut = loop {
                let Some(end) = bytes.get(from..).and_then(|rest| memchr(b'\n', rest)) else {
                    break None;
                };
                let end = from + end;
                while quoted.next_if(|span| span.end <= end).is_some() {}
                match quoted.peek() {
                    Some(span) if span.contains(&end) => from = span.end,
                    _ => break Some(end),
                }
            };
            // Where no row ends any more, none does further down.
            let Some(cut) = cut else { break };
            cuts.push(cut);
        }
    }
    let ends = cuts.iter().skip(1).copied().chain([text.len()]);
    let mut above = 0;
    let piece = |(start, end): (&usize, usize)| {
        let piece = Piece { text: &text[*start..end], above };
        above += memchr_iter(b'\n', piece.text.as_bytes()).count() as u64;
        piece
    };
    cuts.iter().zip(ends).map(piece).collect()
}

/// Does a carriage return stand where no line feed follows?
pub fn has_lone_returns(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

/// The spans of cells in quotation marks, in order. A mark within a cell that does not begin with
/// one is text.
struct Quoted<'t> {
    bytes: &'t [u8],
    delimiter: u8,
    at: usize,
}

impl Quoted<'_> {
    /// The next mark.
    fn mark(&mut self) -> Option<usize> {
        let mark = self.at + memchr(b'"', &self.bytes[self.at..])?;
        self.at = mark + 1;
        Some(mark)
    }

    fn begins_a_cell(&self, mark: usize) -> bool {
        let before = mark.checked_sub(1).map(|before| self.bytes[before]);
        before.is_none_or(|before| before == self.delimiter || matches!(before, b'\r' | b'\n'))
    }
}

impl Iterator for Quoted<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = loop {
            let mark = self.mark()?;
            if self.begins_a_cell(mark) {
                break mark;
            }
        };
        loop {
            match self.mark() {
                // Two marks are one that is text.
                Some(mark) if self.bytes.get(mark + 1) == Some(&b'"') => self.at = mark + 2,
                Some(mark) => return Some(start..mark + 1),
                None => {
                    self.at = self.bytes.len();
                    return Some(start..self.at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, count: usize) -> Vec<&str> {
        cut(text, b',', count, 1).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn pieces_end_where_rows_do() {
        assert_eq!(texts("a,b\nc,d\ne,f\n", 2), ["a,b\nc,d", "\ne,f\n"]);
        assert_eq!(texts("a,\"b\n\n\n\"\nc,d", 2), ["a,\"b\n\n\n\"", "\nc,d"]);
        assert_eq!(texts("a,\"b\"\"\n\n\n\"\nc,d", 2), ["a,\"b\"\"\n\n\n\"", "\nc,d"]);
        assert_eq!(texts("a,b\"\nc,d\ne,f", 2), ["a,b\"\nc,d", "\ne,f"], "5\" is text");
        assert_eq!(texts("a,\"b\nc,d\ne,f\n", 2), ["a,\"b\nc,d\ne,f\n"], "never closed");
        assert_eq!(texts("a,b\rc,d\re,f\n", 3), ["a,b\rc,d\re,f\n"]);
        assert_eq!(texts("", 3), [""]);
        assert_eq!(cut("a\nb\nc\nd", b',', 2, 1)[1], Piece { text: "\nc\nd", above: 1 });
    }
}
