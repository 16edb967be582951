//! One array: magic, version, the length of a header, the header (a Python dict as text), then the values
//! (numpy.lib.format, versions 1.0 to 3.0).

use std::io::{self, Write};

use half::f16;

use super::{Array, ArrayFileError, Result};
use crate::strided;

/// What an .npy begins with.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy's own limit: longer headers take Python's parser too long.
const MOST_HEADER: usize = 10_000;
/// NumPy's own limit, too.
const MOST_AXES: usize = 64;

/// The shape in a file's header.
pub(super) fn shape(bytes: &[u8]) -> Result<Vec<usize>> {
    let (header, _) = head(bytes)?;
    header.kind()?;
    Ok(header.shape)
}

/// What follows the header of an array of Python objects: a pickle.
pub(super) fn objects(bytes: &[u8]) -> Result<Option<&[u8]>> {
    let (header, data) = head(bytes)?;
    Ok((header.descr == "|O").then_some(data))
}

/// The array of a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Array> {
    let (header, data) = head(bytes)?;
    let kind = header.kind()?;
    let Header { shape, fortran, .. } = header;
    let count = shape.iter().try_fold(1usize, |count, &side| count.checked_mul(side));
    let needed = count.and_then(|count| count.checked_mul(kind.size)).filter(|&needed| needed <= data.len());
    let Some(needed) = needed else {
        return Err(malformed(format!("shape {shape:?} of {} bytes each, but {} bytes of data", kind.size, data.len())));
    };
    let data = &data[..needed];
    if let Some(index) = data.chunks_exact(kind.size).position(|bytes| !kind.value(bytes).is_finite()) {
        return Err(ArrayFileError::NotFinite { index });
    }
    let values = match fortran {
        true => strided::indices(&shape, &column_major(&shape)).map(|index| kind.value(&data[index * kind.size..][..kind.size])).collect(),
        false => data.chunks_exact(kind.size).map(|bytes| kind.value(bytes)).collect(),
    };
    Ok(Array { shape, values })
}

/// The header and what follows it.
fn head(bytes: &[u8]) -> Result<(Header, &[u8])> {
    let ends_early = || malformed("it ends within its header");
    let (version, rest) = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<2>()).ok_or_else(ends_early)?;
    let (length, rest) = match version {
        [1, _] => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        [2 | 3, _] => rest.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        [major, minor] => return Err(ArrayFileError::Unsupported(format!("version {major}.{minor} of the format; 1 to 3 are known"))),
    }
    .ok_or_else(ends_early)?;
    if length > MOST_HEADER {
        return Err(ArrayFileError::TooLarge(format!("a header of {length} bytes; at most {MOST_HEADER} are read")));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(ends_early)?;
    Ok((Header::parse(&String::from_utf8_lossy(header))?, data))
}

/// Writes an array of f32, byte for byte as NumPy does: the values are aligned to 64 bytes, the first side has room to grow.
pub(super) fn write(file: &mut impl Write, shape: &[usize], values: &[f32]) -> io::Result<()> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    // A tuple of one is "(3,)".
    let sides = if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
    if let Some(first) = shape.first() {
        header.extend(std::iter::repeat_n(' ', 21usize.saturating_sub(first.to_string().len())));
    }
    let start = MAGIC.len() + 4;
    let length = (start + header.len() + 1).next_multiple_of(64) - start;
    header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
    header.push('\n');
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&(length as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    // In pieces: a call for each value is slow, all bytes at once are a copy of the array.
    values.chunks(1 << 14).try_for_each(|values| file.write_all(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()))
}

/// How far apart neighbours along each axis of a column-major array lie.
fn column_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    strides
}

/// Numbers: floats of 2, 4 or 8 bytes, integers of 1 to 8.
#[derive(Clone, Copy)]
struct Kind {
    class: Class,
    size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Float,
    Signed,
    Unsigned,
}

impl Kind {
    /// As `<f4`, `|i1` or `>u2`.
    fn of(descr: &str) -> Option<Kind> {
        let at = descr.find(['f', 'i', 'u'])?;
        let class = match descr.as_bytes()[at] {
            b'f' => Class::Float,
            b'i' => Class::Signed,
            _ => Class::Unsigned,
        };
        let (order, size) = (&descr[..at], &descr[at + 1..]);
        let size = [1, 2, 4, 8].into_iter().find(|known| size == known.to_string())?;
        match order {
            _ if (class, size) == (Class::Float, 1) => None,
            "<" | "=" | "" | "|" => Some(Kind { class, size, big_endian: false }),
            ">" => Some(Kind { class, size, big_endian: true }),
            _ => None,
        }
    }

    fn value(self, bytes: &[u8]) -> f32 {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            wide[..bytes.len()].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        // The sign of a shorter one moves to the top and back.
        let unused = 64 - 8 * self.size as u32;
        match (self.class, self.size) {
            (Class::Float, 2) => f16::from_bits(bits as u16).to_f32(),
            (Class::Float, 4) => f32::from_bits(bits as u32),
            (Class::Float, _) => f64::from_bits(bits) as f32,
            (Class::Signed, _) => (((bits << unused) as i64) >> unused) as f32,
            (Class::Unsigned, _) => bits as f32,
        }
    }
}

struct Header {
    descr: String,
    shape: Vec<usize>,
    fortran: bool,
}

impl Header {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (18, 512), }`, in any order.
    fn parse(text: &str) -> Result<Header> {
        let mut literal = Literal(text);
        let (mut descr, mut shape, mut fortran) = (None, None, None);
        let mut dict = || {
            literal.takes('{').then_some(())?;
            while !literal.takes('}') {
                let key = literal.string()?;
                literal.takes(':').then_some(())?;
                match key {
                    "descr" => descr = Some(literal.string()?.to_owned()),
                    "fortran_order" => fortran = Some(literal.boolean()?),
                    "shape" => shape = Some(literal.shape()?),
                    _ => return None,
                }
                if !literal.takes(',') {
                    literal.takes('}').then_some(())?;
                    break;
                }
            }
            Some(())
        };
        // A list in the place of a name is a structured type; what else does not parse is damage.
        let read = dict();
        if read.is_none() && text.contains("'descr': [") {
            return Err(ArrayFileError::Unsupported("an array of records; arrays of numbers are read".into()));
        }
        let (Some(()), Some(descr), Some(shape), Some(fortran)) = (read, descr, shape, fortran) else {
            return Err(malformed(format!("its header is {}", text.trim())));
        };
        Ok(Header { descr, shape, fortran })
    }

    fn kind(&self) -> Result<Kind> {
        Kind::of(&self.descr).ok_or_else(|| ArrayFileError::Unsupported(format!("an array of type {}; numbers are read", self.descr)))
    }
}

/// What is left of a text in Python's notation.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    /// Whether the next thing is this character, which is then past.
    fn takes(&mut self, character: char) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = ['\'', '"'].into_iter().find(|&quote| self.takes(quote))?;
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.0 = self.0.trim_start();
        let (value, rest) = match self.0.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, self.0.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(value)
    }

    /// `()`, `(3,)`, `(18, 512)`; Python 2 wrote `(18L, 512L)`.
    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        self.takes('(').then_some(())?;
        while !self.takes(')') {
            self.0 = self.0.trim_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit())?;
            shape.push(self.0[..end].parse().ok()?);
            self.0 = &self.0[end..];
            self.takes('L');
            if !self.takes(',') {
                self.takes(')').then_some(())?;
                break;
            }
        }
        (shape.len() <= MOST_AXES).then_some(shape)
    }
}

fn malformed(text: impl Into<String>) -> ArrayFileError {
    ArrayFileError::Malformed(text.into())
}
