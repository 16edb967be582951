//! Animated WebP: a RIFF file of VP8X (the canvas), ANIM (repetitions) and one ANMF for each frame, around what a still WebP has
//! (the container of RFC 9649, section 2.7).

use std::io::{self, Seek, SeekFrom, Write};

use super::Spec;

/// "RIFF", the size of what follows, "WEBP".
const HEADER: usize = 12;
/// The bit of VP8X that says there is an animation.
const ANIMATION: u8 = 1 << 1;
/// The bit that says there is a packet.
const XMP: u8 = 1 << 2;
/// Where both are: VP8X is the first chunk.
const FLAGS: u64 = 20;
/// The bits of ANMF that say: do not blend with the frame before. There is no alpha to blend, and viewers need not look.
const NO_BLENDING: u8 = 1 << 1;

pub(super) struct Webp<W> {
    writer: W,
    /// Bytes after the size in the header.
    size: u64,
}

impl<W: Write + Seek> Webp<W> {
    pub(super) fn new(writer: W, spec: &Spec) -> io::Result<Webp<W>> {
        let mut webp = Webp { writer, size: 4 };
        webp.writer.write_all(b"RIFF\0\0\0\0WEBP")?;
        webp.chunk(b"VP8X", &[&[ANIMATION, 0, 0, 0], &u24(spec.width - 1)[..], &u24(spec.height - 1)].concat())?;
        // Background: black, and no end of repetitions.
        webp.chunk(b"ANIM", &[0; 6])?;
        Ok(webp)
    }

    /// Appends a still WebP as frame `i`.
    pub(super) fn push(&mut self, still: &[u8], spec: &Spec, i: u64) -> io::Result<()> {
        let duration = spec.begins(i + 1, 1000) - spec.begins(i, 1000);
        let place = [u24(0), u24(0), u24(spec.width - 1), u24(spec.height - 1), u24(duration as u32)].concat();
        self.chunk(b"ANMF", &[&place, &[NO_BLENDING][..], &still[HEADER..]].concat())
    }

    /// `packet` is XMP.
    pub(super) fn finish(mut self, packet: Option<&str>) -> io::Result<W> {
        if let Some(packet) = packet {
            self.chunk(b"XMP ", packet.as_bytes())?;
            self.writer.seek(SeekFrom::Start(FLAGS))?;
            self.writer.write_all(&[ANIMATION | XMP])?;
        }
        self.writer.seek(SeekFrom::Start(4))?;
        self.writer.write_all(&(self.size as u32).to_le_bytes())?;
        self.writer.seek(SeekFrom::End(0))?;
        Ok(self.writer)
    }

    fn chunk(&mut self, name: &[u8; 4], data: &[u8]) -> io::Result<()> {
        let padding = data.len() % 2;
        self.size += (8 + data.len() + padding) as u64;
        if self.size > u64::from(u32::MAX - 1) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a WebP holds at most 4 GiB; use fewer frames, or .mp4"));
        }
        self.writer.write_all(name)?;
        self.writer.write_all(&(data.len() as u32).to_le_bytes())?;
        self.writer.write_all(data)?;
        self.writer.write_all(&[0][..padding])
    }
}

/// Little endian, 24 bits.
fn u24(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}
