//! Canonical JSON: members in the order of their names' UTF-16 units, no white space, numbers
//! as ECMAScript prints them.
//!
//! It gives the bytes of `serde_json_canonicalizer`, which the tests hold it to, at a fraction
//! of the cost: what was written is sorted where it stands, once per object.
//!
//! Source: RFC 8785.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// Integers up to this one are doubles too, so ECMAScript prints all their digits.
const EXACT: u64 = 1 << 53;

/// Appends `value` to `out`. A number that is not finite becomes `null`.
///
/// # Errors
/// When `value` cannot be JSON or an object has a name twice; `out` then holds a part of it.
pub(crate) fn append<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), serde_json::Error> {
    let canonical = Canonical { out, members: Vec::new(), objects: Vec::new(), aside: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(io::sink(), canonical))
}

/// Where a member stands in what was written: its name's opening quote, the colon, its end.
#[derive(Debug, Clone, Copy, Default)]
struct Member {
    start: usize,
    colon: usize,
    end: usize,
}

impl Member {
    /// Its name as it stands in `out`, without the quotes.
    fn name<'a>(&self, out: &'a [u8]) -> &'a [u8] {
        &out[self.start + 1..self.colon - 1]
    }
}

/// Writes into `out` itself, so that it can sort there; the serializer's own writer is a sink.
struct Canonical<'a> {
    out: &'a mut Vec<u8>,
    /// Members of all objects that are open, those of the innermost last.
    members: Vec<Member>,
    /// Where in `members` those of each open object begin.
    objects: Vec<usize>,
    /// Where members are kept while they are put in order.
    aside: Vec<u8>,
}

impl Canonical<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn double(&mut self, value: f64) -> io::Result<()> {
        serde_json_canonicalizer::to_writer(&value, self.out).map_err(io::Error::from)
    }

    fn signed(&mut self, value: i64) -> io::Result<()> {
        if value.unsigned_abs() <= EXACT {
            CompactFormatter.write_i64(self.out, value)
        } else {
            self.double(value as f64)
        }
    }

    fn unsigned(&mut self, value: u64) -> io::Result<()> {
        if value <= EXACT {
            CompactFormatter.write_u64(self.out, value)
        } else {
            self.double(value as f64)
        }
    }

    /// Brings the members from `first` on, which are those of one object, into order.
    fn sort(&mut self, first: usize) -> io::Result<()> {
        let Self { out, members, aside, .. } = self;
        let here = &mut members[first..];
        let Some(start) = here.first().map(|member| member.start) else { return Ok(()) };
        let plain = |name: &[u8]| name.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
        let twice = if here.iter().all(|member| plain(member.name(out))) {
            // ASCII without escapes: the order of the bytes is that of the UTF-16 units.
            if here.is_sorted_by(|one, other| one.name(out) < other.name(out)) {
                members.truncate(first);
                return Ok(());
            }
            here.sort_unstable_by(|one, other| one.name(out).cmp(other.name(out)));
            here.windows(2).any(|pair| pair[0].name(out) == pair[1].name(out))
        } else {
            let named = |member: &Member| -> serde_json::Result<(Vec<u16>, Member)> {
                let name: String = serde_json::from_slice(&out[member.start..member.colon])?;
                Ok((name.encode_utf16().collect(), *member))
            };
            let mut named = here.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            named.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            here.iter_mut().zip(&named).for_each(|(member, named)| *member = named.1);
            named.windows(2).any(|pair| pair[0].0 == pair[1].0)
        };
        if twice {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an object has a name twice"));
        }
        aside.clear();
        aside.extend_from_slice(&out[start..]);
        out.truncate(start);
        for (at, member) in members.drain(first..).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&aside[member.start - start..member.end - start]);
        }
        Ok(())
    }
}

/// Methods that write the same whether canonical or not.
macro_rules! plain {
    ($($name:ident($($argument:ident: $type:ty)?);)*) => {$(
        fn $name<W: ?Sized + Write>(
            &mut self, _: &mut W, $($argument: $type)?
        ) -> io::Result<()> {
            CompactFormatter.$name(self.out, $($argument)?)
        }
    )*};
}

/// Methods that write a number of one type as another.
macro_rules! numbers {
    ($($name:ident($from:ty) => $to:ident($as:ty);)*) => {$(
        fn $name<W: ?Sized + Write>(&mut self, _: &mut W, value: $from) -> io::Result<()> {
            self.$to(value as $as)
        }
    )*};
}

impl Formatter for Canonical<'_> {
    plain! {
        write_null();
        write_bool(value: bool);
        begin_string();
        end_string();
        write_string_fragment(fragment: &str);
        write_char_escape(escape: CharEscape);
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
    }

    numbers! {
        write_i8(i8) => signed(i64);
        write_i16(i16) => signed(i64);
        write_i32(i32) => signed(i64);
        write_i64(i64) => signed(i64);
        write_i128(i128) => double(f64);
        write_u8(u8) => unsigned(u64);
        write_u16(u16) => unsigned(u64);
        write_u32(u32) => unsigned(u64);
        write_u64(u64) => unsigned(u64);
        write_u128(u128) => double(f64);
        write_f32(f32) => double(f64);
        write_f64(f64) => double(f64);
    }

    fn write_number_str<W: ?Sized + Write>(&mut self, _: &mut W, value: &str) -> io::Result<()> {
        let value = value.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.double(value)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.objects.push(self.members.len());
        self.put(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        if !first {
            self.put(b",")?;
        }
        self.members.push(Member { start: self.out.len(), ..Member::default() });
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(member) = self.members.last_mut() {
            member.colon = self.out.len();
        }
        self.put(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(member) = self.members.last_mut() {
            member.end = self.out.len();
        }
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(first) = self.objects.pop() {
            self.sort(first)?;
        }
        self.put(b"}")
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "raw JSON is not known to be canonical"))
    }
}
