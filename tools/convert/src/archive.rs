//! The directory of a zip archive: which stretch of the file each member is. PyTorch stores its members uncompressed, so
//! they are used in place; compressed ones are unpacked when somebody asks, up to a size that is said before.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use super::error::{ConvertError, Result};

/// More members than any checkpoint has: the largest genuine ones have 2,000.
const MOST_MEMBERS: u64 = 1 << 16;

/// A member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    /// Its bytes in the file: the content itself when `stored`.
    pub(crate) range: Range<usize>,
    /// Not compressed.
    pub(crate) stored: bool,
    /// How it is packed: 8 is deflate.
    method: u16,
    encrypted: bool,
    /// Its length and its checksum once unpacked.
    pub(crate) plain: u64,
    crc: u32,
}

impl Member<'_> {
    /// Its content, of at most `most` bytes. A size in the directory that is not the true one is an error.
    pub(crate) fn unpack<'s>(&self, source: &'s [u8], most: u64) -> Result<Cow<'s, [u8]>> {
        let name = self.name;
        if self.encrypted || !(self.stored || self.method == 8) {
            return Err(ConvertError::unsupported(format!("{name} in the archive is packed in a way that is not read; zip it again")));
        }
        if self.plain > most {
            return Err(ConvertError::TooLarge(format!("{name} in the archive unpacks to {} bytes, more than {most}", self.plain)));
        }
        let packed = &source[self.range.clone()];
        let damaged = |what: &str| ConvertError::malformed(format!("{name} in the archive {what}"));
        let content = match self.stored {
            true => Cow::Borrowed(packed),
            false => {
                let mut content = Vec::with_capacity(to_usize(self.plain)?);
                let unpacked = flate2::read::DeflateDecoder::new(packed).take(self.plain + 1).read_to_end(&mut content);
                unpacked.map_err(|error| damaged(&format!("does not unpack ({error})")))?;
                Cow::Owned(content)
            }
        };
        if content.len() as u64 != self.plain {
            return Err(damaged("is not as long as the directory says"));
        }
        match crc32fast::hash(&content) == self.crc {
            true => Ok(content),
            false => Err(damaged("has another checksum than the directory says")),
        }
    }
}

/// The members of the archive `source`, from its central directory.
pub(crate) fn members(source: &[u8]) -> Result<Vec<Member<'_>>> {
    let end = find_end(source).ok_or_else(|| ConvertError::truncated("the zip archive (its directory comes last)", None))?;
    let field = |at: usize, size: usize| number(source, at, size);
    let mut count = field(end + 10, 2)?;
    let mut at = field(end + 16, 4)?;
    if let Some(locator) = end.checked_sub(20).filter(|&at| source[at..].starts_with(b"PK\x06\x07")) {
        let wide = to_usize(field(locator + 8, 8)?)?;
        if source.get(wide..).is_some_and(|tail| tail.starts_with(b"PK\x06\x06")) {
            count = field(wide + 32, 8)?;
            at = field(wide + 48, 8)?;
        }
    }
    if count > MOST_MEMBERS {
        return Err(ConvertError::TooLarge(format!("a zip archive of {count} members; no checkpoint has more than {MOST_MEMBERS}")));
    }
    let mut at = to_usize(at)?;
    let mut members = Vec::new();
    for _ in 0..count {
        if !source.get(at..).is_some_and(|tail| tail.starts_with(b"PK\x01\x02")) {
            return Err(ConvertError::malformed("the zip archive's directory does not list what it promises"));
        }
        let (name_length, extra_length, comment_length) = (field(at + 28, 2)?, field(at + 30, 2)?, field(at + 32, 2)?);
        let (name_length, extra_length) = (to_usize(name_length)?, to_usize(extra_length)?);
        let name = slice(source, at + 46, name_length)?;
        let mut sizes = Sizes { compressed: field(at + 20, 4)?, plain: field(at + 24, 4)?, offset: field(at + 42, 4)? };
        sizes.widen(slice(source, at + 46 + name_length, extra_length)?)?;
        let local = to_usize(sizes.offset)?;
        if !source.get(local..).is_some_and(|tail| tail.starts_with(b"PK\x03\x04")) {
            return Err(ConvertError::malformed("a member of the zip archive is not where its directory says"));
        }
        let start = local + 30 + to_usize(field(local + 26, 2)?)? + to_usize(field(local + 28, 2)?)?;
        let length = to_usize(sizes.compressed)?;
        slice(source, start, length)?;
        if let Ok(name) = std::str::from_utf8(name) {
            let (method, encrypted, crc) = (field(at + 10, 2)? as u16, field(at + 8, 2)? & 1 != 0, field(at + 16, 4)? as u32);
            let stored = method == 0 && sizes.compressed == sizes.plain && !encrypted;
            members.push(Member { name, range: start..start + length, stored, method, encrypted, plain: sizes.plain, crc });
        }
        at += 46 + name_length + extra_length + to_usize(comment_length)?;
    }
    Ok(members)
}

struct Sizes {
    compressed: u64,
    plain: u64,
    offset: u64,
}

impl Sizes {
    /// The 64-bit values of an extra field replace those that are all ones, in this order.
    fn widen(&mut self, mut extra: &[u8]) -> Result<()> {
        while extra.len() >= 4 {
            let (id, length) = (number(extra, 0, 2)?, to_usize(number(extra, 2, 2)?)?);
            let mut body = extra.get(4..4 + length).unwrap_or(&[]);
            extra = extra.get(4 + length..).unwrap_or(&[]);
            if id != 1 {
                continue;
            }
            for value in [&mut self.plain, &mut self.compressed, &mut self.offset] {
                if *value == u64::from(u32::MAX) {
                    *value = number(body, 0, 8)?;
                    body = &body[8..];
                }
            }
        }
        Ok(())
    }
}

/// The end record is the last thing in the file but for a comment of at most 65535 bytes.
fn find_end(source: &[u8]) -> Option<usize> {
    let last = source.len().checked_sub(22)?;
    (last.saturating_sub(65535)..=last).rev().find(|&at| source[at..].starts_with(b"PK\x05\x06"))
}

fn slice(source: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    let end = at.checked_add(length).ok_or_else(|| ConvertError::malformed("a zip member of impossible size"))?;
    source.get(at..end).ok_or_else(|| ConvertError::truncated("the zip archive", end.saturating_sub(source.len()) as u64))
}

fn number(source: &[u8], at: usize, size: usize) -> Result<u64> {
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(slice(source, at, size)?);
    Ok(u64::from_le_bytes(wide))
}

fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| ConvertError::malformed("a zip member of impossible size"))
}
