//! Where the formats keep an XMP packet.

use std::io::{BufRead, BufReader, Read, Seek};

use super::{Kind, MOST_BYTES, PictureError};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Length, name, 13 bytes and a checksum.
const IHDR: usize = 25;
/// The chunk's keyword; then: not compressed, and neither a language nor a translation of the keyword.
const PNG_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
const JPEG_KEYWORD: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const GIF_APPLICATION: &[u8] = b"XMP DataXMP";
/// BE7ACFCB-97A9-42E8-9C71-999491E3AFAC.
const MP4_UUID: [u8; 16] = [0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac];
/// A picture has a few dozen; a film one for each frame.
const MOST_PARTS: usize = 1_000_000;

/// So many bytes tell which kind a file is.
pub(super) const HEAD: usize = 12;

pub(super) fn kind_of(head: &[u8]) -> Option<Kind> {
    match head {
        _ if head.starts_with(PNG) => Some(Kind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        _ if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") => Some(Kind::Webp),
        _ if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") => Some(Kind::Gif),
        _ if head.get(4..8) == Some(b"ftyp") => Some(Kind::Mp4),
        _ => None,
    }
}

/// Puts a packet into a PNG, JPEG, lossless still WebP or MP4 that has none. Other bytes, and a packet that is too large, come back as they are.
pub fn embed(picture: Vec<u8>, packet: &str) -> Vec<u8> {
    if packet.len() > MOST_BYTES {
        return picture;
    }
    match kind_of(&picture) {
        Some(Kind::Png) if picture.len() > PNG.len() + IHDR => {
            let body = [b"iTXt", &png_text(packet)[..]].concat();
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
        Some(Kind::Mp4) => [picture, mp4_box(packet)].concat(),
        _ => picture,
    }
}

/// What a PNG's iTXt holds.
pub(crate) fn png_text(packet: &str) -> Vec<u8> {
    [PNG_KEYWORD, packet.as_bytes()].concat()
}

/// A GIF's extension. The packet is not cut into blocks: bytes that count down lead a decoder that takes it for blocks to its end.
pub(crate) fn gif_extension(packet: &str) -> Vec<u8> {
    let mut bytes = [&[0x21, 0xff, GIF_APPLICATION.len() as u8][..], GIF_APPLICATION, packet.as_bytes(), &[1]].concat();
    bytes.extend((0..=255).rev());
    bytes.push(0);
    bytes
}

/// A box for the end of an MP4.
pub(crate) fn mp4_box(packet: &str) -> Vec<u8> {
    let length = (8 + MP4_UUID.len() + packet.len()) as u32;
    [&length.to_be_bytes()[..], b"uuid", &MP4_UUID, packet.as_bytes()].concat()
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

/// The kind of a picture, and its packet. Parts that are not wanted are stepped over and not read.
pub(super) fn extract(file: &mut (impl Read + Seek)) -> Result<(Kind, Option<String>), PictureError> {
    let mut file = BufReader::new(file);
    let mut head = [0; HEAD];
    file.read_exact(&mut head).map_err(|_| PictureError::Unrecognised)?;
    let kind = kind_of(&head).ok_or(PictureError::Unrecognised)?;
    let begins = match kind {
        Kind::Png => PNG.len(),
        Kind::Jpeg => 2,
        Kind::Webp => HEAD,
        // "GIF89a", width, height, flags, background, aspect; then the colours.
        Kind::Gif => 13 + colours(head[10]),
        Kind::Mp4 => 0,
    };
    file.seek_relative(begins as i64 - HEAD as i64)?;
    for _ in 0..MOST_PARTS {
        let found = match kind {
            Kind::Png => png_chunk(&mut file)?,
            Kind::Jpeg => jpeg_segment(&mut file)?,
            Kind::Webp => webp_chunk(&mut file)?,
            Kind::Gif => gif_block(&mut file)?,
            Kind::Mp4 => mp4_part(&mut file)?,
        };
        match found {
            Found::Packet(bytes) => {
                let packet = String::from_utf8(bytes).map_err(|_| PictureError::Damaged("its XMP is not UTF-8"))?;
                return Ok((kind, Some(packet)));
            }
            Found::Other => {}
            Found::End => return Ok((kind, None)),
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
fn part<R: Read + Seek>(file: &mut BufReader<R>, length: u64, wanted: bool) -> Result<Option<Vec<u8>>, PictureError> {
    if !wanted || length > (MOST_BYTES + 100) as u64 {
        file.seek_relative(length.try_into().map_err(|_| PictureError::Damaged("a part is larger than any file"))?)?;
        return Ok(None);
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Fills `head`; false at the end of the file.
fn begins<R: Read + Seek>(file: &mut BufReader<R>, head: &mut [u8]) -> Result<bool, PictureError> {
    if file.fill_buf()?.is_empty() {
        return Ok(false);
    }
    file.read_exact(head)?;
    Ok(true)
}

fn png_chunk<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Found, PictureError> {
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

fn jpeg_segment<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Found, PictureError> {
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

fn webp_chunk<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Found, PictureError> {
    let mut head = [0; 8];
    if !begins(file, &mut head)? {
        return Ok(Found::End);
    }
    let [name @ .., a, b, c, d] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    let bytes = part(file, length.into(), &name == b"XMP ")?;
    file.seek_relative(i64::from(length % 2))?;
    Ok(bytes.map_or(Found::Other, Found::Packet))
}

/// Bytes of a table of colours, by the flags before it.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

fn gif_block<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Found, PictureError> {
    let mut head = [0; 2];
    file.read_exact(&mut head[..1])?;
    match head[0] {
        0x3b => return Ok(Found::End),
        0x21 => {
            file.read_exact(&mut head)?;
            let name = part(file, head[1].into(), head == [0xff, GIF_APPLICATION.len() as u8])?;
            if name.is_some_and(|name| name == GIF_APPLICATION) {
                let mut packet = Vec::new();
                file.by_ref().take(MOST_BYTES as u64 + 1).read_until(1, &mut packet)?;
                return match packet.pop() {
                    Some(1) => Ok(Found::Packet(packet)),
                    _ => Err(PictureError::Damaged("its XMP has no end")),
                };
            }
            if head[1] == 0 {
                return Ok(Found::Other);
            }
        }
        0x2c => {
            // Place and size, flags; the colours; how the pixels are packed.
            let mut image = [0; 9];
            file.read_exact(&mut image)?;
            file.seek_relative(colours(image[8]) as i64 + 1)?;
        }
        _ => return Err(PictureError::Damaged("a block is none of a GIF's")),
    }
    loop {
        file.read_exact(&mut head[..1])?;
        match head[0] {
            0 => return Ok(Found::Other),
            length => file.seek_relative(length.into())?,
        }
    }
}

fn mp4_part<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Found, PictureError> {
    let mut head = [0; 8];
    if !begins(file, &mut head)? {
        return Ok(Found::End);
    }
    let [a, b, c, d, name @ ..] = head;
    let (length, before) = match u32::from_be_bytes([a, b, c, d]) {
        // To the end of the file.
        0 => return Ok(Found::End),
        1 => {
            file.read_exact(&mut head)?;
            (u64::from_be_bytes(head), 16)
        }
        length => (length.into(), 8),
    };
    let Some(length) = u64::checked_sub(length, before) else { return Err(PictureError::Damaged("a part is shorter than its head")) };
    let bytes = part(file, length, &name == b"uuid")?;
    Ok(bytes.as_deref().and_then(|bytes| bytes.strip_prefix(&MP4_UUID)).map_or(Found::Other, |packet| Found::Packet(packet.to_vec())))
}
