//! Where the three formats keep an XMP packet.

use std::io::{Read, Seek, SeekFrom};

use super::{MOST_BYTES, PictureError};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Length, name, 13 bytes and a checksum.
const IHDR: usize = 25;
/// The chunk's keyword; then: not compressed, and neither a language nor a translation of the keyword.
const PNG_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
const JPEG_KEYWORD: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// A picture has a few dozen.
const MOST_CHUNKS: usize = 10_000;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Png,
    Jpeg,
    Webp,
}

impl Kind {
    pub(super) fn of(head: &[u8]) -> Option<Kind> {
        match head {
            _ if head.starts_with(PNG) => Some(Kind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            _ if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") => Some(Kind::Webp),
            _ => None,
        }
    }
}

/// Puts a packet into a PNG, JPEG or still WebP that has none. Other bytes, and a packet that is too large, come back as they are.
pub fn embed(picture: Vec<u8>, packet: &str) -> Vec<u8> {
    if packet.len() > MOST_BYTES {
        return picture;
    }
    match Kind::of(&picture) {
        Some(Kind::Png) if picture.len() > PNG.len() + IHDR => {
            let body = [b"iTXt", PNG_KEYWORD, packet.as_bytes()].concat();
            let length = (body.len() as u32 - 4).to_be_bytes();
            spliced(&picture, PNG.len() + IHDR, &[&length[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat())
        }
        Some(Kind::Jpeg) => {
            let length = (2 + JPEG_KEYWORD.len() + packet.len()) as u16;
            let segment = [&[0xff, 0xe1][..], &length.to_be_bytes(), JPEG_KEYWORD, packet.as_bytes()].concat();
            // JFIF wants its own segment to be the first.
            let first = match picture[2..] {
                [0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
                _ => 2,
            };
            spliced(&picture, first.min(picture.len()), &segment)
        }
        Some(Kind::Webp) => webp(&picture, packet).unwrap_or(picture),
        None => picture,
    }
}

fn spliced(picture: &[u8], at: usize, more: &[u8]) -> Vec<u8> {
    [&picture[..at], more, &picture[at..]].concat()
}

/// A lossless WebP with the extended header that metadata needs (RFC 9649, sections 2.7 and 3.4).
fn webp(picture: &[u8], packet: &str) -> Option<Vec<u8>> {
    let (size, alpha) = match picture.get(12..16)? {
        // 14 bits of width - 1, 14 of height - 1, one of alpha.
        b"VP8L" => {
            let bits = u32::from_le_bytes(picture.get(21..25)?.try_into().ok()?);
            ([bits & 0x3fff, (bits >> 14) & 0x3fff], bits >> 28 & 1)
        }
        _ => return None,
    };
    let three = |value: u32| value.to_le_bytes()[..3].to_vec();
    let header = [&[0x04 | (alpha as u8) << 4, 0, 0, 0][..], &three(size[0]), &three(size[1])].concat();
    let chunk = |name: &[u8; 4], data: &[u8]| [name, &(data.len() as u32).to_le_bytes()[..], data, &vec![0; data.len() % 2]].concat();
    let body = [b"WEBP", &chunk(b"VP8X", &header)[..], &picture[12..], &chunk(b"XMP ", packet.as_bytes())].concat();
    Some([b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat())
}

/// The packet of a picture. Chunks that are not wanted are stepped over and not read.
pub(super) fn extract(file: &mut (impl Read + Seek)) -> Result<Option<String>, PictureError> {
    let mut head = [0; 12];
    file.read_exact(&mut head).map_err(|_| PictureError::Unrecognised)?;
    let kind = Kind::of(&head).ok_or(PictureError::Unrecognised)?;
    file.seek(SeekFrom::Start(match kind {
        Kind::Png => PNG.len() as u64,
        Kind::Jpeg => 2,
        Kind::Webp => 12,
    }))?;
    for _ in 0..MOST_CHUNKS {
        let found = match kind {
            Kind::Png => png_chunk(file)?,
            Kind::Jpeg => jpeg_segment(file)?,
            Kind::Webp => webp_chunk(file)?,
        };
        match found {
            Found::Packet(bytes) => {
                return String::from_utf8(bytes).map(Some).map_err(|_| PictureError::Damaged("its XMP is not UTF-8"));
            }
            Found::Other => {}
            Found::End => return Ok(None),
        }
    }
    Err(PictureError::Damaged("it has too many parts"))
}

enum Found {
    Packet(Vec<u8>),
    Other,
    End,
}

/// The bytes of a part that may hold the packet; a larger one is stepped over, as any other.
fn part(file: &mut (impl Read + Seek), length: u64, wanted: bool) -> Result<Option<Vec<u8>>, PictureError> {
    if !wanted || length > (MOST_BYTES + 100) as u64 {
        file.seek(SeekFrom::Current(length as i64))?;
        return Ok(None);
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn png_chunk(file: &mut (impl Read + Seek)) -> Result<Found, PictureError> {
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [a, b, c, d, name @ ..] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    if length > i32::MAX as u32 {
        return Err(PictureError::Damaged("a chunk is larger than a PNG's may be"));
    }
    if &name == b"IEND" {
        return Ok(Found::End);
    }
    let bytes = part(file, length.into(), &name == b"iTXt")?;
    let mut checksum = [0; 4];
    file.read_exact(&mut checksum)?;
    let Some(packet) = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(PNG_KEYWORD)) else { return Ok(Found::Other) };
    let mut hash = crc32fast::Hasher::new();
    hash.update(&name);
    hash.update(bytes.as_deref().unwrap_or_default());
    match hash.finalize() == u32::from_be_bytes(checksum) {
        true => Ok(Found::Packet(packet.to_vec())),
        false => Err(PictureError::Damaged("the checksum of its XMP is wrong")),
    }
}

fn jpeg_segment(file: &mut (impl Read + Seek)) -> Result<Found, PictureError> {
    let mut head = [0; 4];
    file.read_exact(&mut head)?;
    let [0xff, marker, high, low] = head else { return Err(PictureError::Damaged("a segment has no marker")) };
    // From the scan on there is no metadata.
    if matches!(marker, 0xd9 | 0xda) {
        return Ok(Found::End);
    }
    let Some(length) = u16::from_be_bytes([high, low]).checked_sub(2) else { return Err(PictureError::Damaged("a segment is too short")) };
    let bytes = part(file, length.into(), marker == 0xe1)?;
    Ok(bytes.as_deref().and_then(|bytes| bytes.strip_prefix(JPEG_KEYWORD)).map_or(Found::Other, |packet| Found::Packet(packet.to_vec())))
}

fn webp_chunk(file: &mut (impl Read + Seek)) -> Result<Found, PictureError> {
    let mut head = [0; 8];
    match file.read(&mut head[..1])? {
        0 => return Ok(Found::End),
        _ => file.read_exact(&mut head[1..])?,
    }
    let [name @ .., a, b, c, d] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    let bytes = part(file, length.into(), &name == b"XMP ")?;
    if length % 2 == 1 {
        file.seek(SeekFrom::Current(1))?;
    }
    Ok(bytes.map_or(Found::Other, Found::Packet))
}
