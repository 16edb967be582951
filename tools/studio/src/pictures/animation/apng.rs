//! APNG: a PNG whose first picture is followed by others, IDAT by fdAT, each announced by an fcTL (PNG, third edition, section 11.3.5).

use std::io::{self, Seek, SeekFrom, Write};

use super::super::picture_settings::png_text;
use super::Spec;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Where the acTL is: behind an IHDR of 13 bytes, and the length, name and checksum around them.
const CONTROL: u64 = (SIGNATURE.len() + 12 + 13) as u64;

pub(super) struct Apng<W> {
    writer: W,
    frames: u32,
    /// Number of the next fcTL or fdAT: they are counted together.
    sequence: u32,
}

impl<W: Write> Apng<W> {
    /// The number of frames is `announced`, or 0 when only [`Apng::finish`] will know it.
    pub(super) fn new(mut writer: W, spec: &Spec, announced: u32) -> io::Result<Apng<W>> {
        writer.write_all(SIGNATURE)?;
        // 8 bits, RGB, and the only methods of compression, filtering and order that matter.
        let header = [&spec.width.to_be_bytes()[..], &spec.height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        chunk(&mut writer, b"IHDR", &header)?;
        control(&mut writer, announced)?;
        Ok(Apng { writer, frames: 0, sequence: 0 })
    }

    /// Where it is written to.
    pub(super) fn writer(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Appends a still PNG.
    pub(super) fn push(&mut self, still: &[u8], spec: &Spec) -> io::Result<()> {
        // Size, place (0, 0), 1 / fps seconds, no disposal, no blending.
        let frame = [spec.width.to_be_bytes(), spec.height.to_be_bytes(), [0; 4], [0; 4]].concat();
        let delay = [1u16.to_be_bytes(), spec.fps.to_be_bytes()].concat();
        let number = self.number();
        chunk(&mut self.writer, b"fcTL", &[&number[..], &frame, &delay, &[0, 0]].concat())?;
        for data in image_data(still) {
            match self.frames {
                0 => chunk(&mut self.writer, b"IDAT", data)?,
                _ => {
                    let number = self.number();
                    chunk(&mut self.writer, b"fdAT", &[&number[..], data].concat())?;
                }
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn number(&mut self) -> [u8; 4] {
        self.sequence += 1;
        (self.sequence - 1).to_be_bytes()
    }

    /// Completes one whose number of frames was announced. `packet` is XMP.
    pub(super) fn end(&mut self, packet: Option<&str>) -> io::Result<()> {
        if let Some(packet) = packet {
            chunk(&mut self.writer, b"iTXt", &png_text(packet))?;
        }
        chunk(&mut self.writer, b"IEND", &[])
    }
}

impl<W: Write + Seek> Apng<W> {
    /// Completes one whose number of frames is known now. `packet` is XMP.
    pub(super) fn finish(mut self, packet: Option<&str>) -> io::Result<W> {
        self.end(packet)?;
        let Apng { mut writer, frames, .. } = self;
        writer.seek(SeekFrom::Start(CONTROL))?;
        control(&mut writer, frames)?;
        writer.seek(SeekFrom::End(0))?;
        Ok(writer)
    }
}

/// The number of frames, and 0 for repetitions without end.
fn control(writer: &mut impl Write, frames: u32) -> io::Result<()> {
    chunk(writer, b"acTL", &[frames.to_be_bytes(), [0; 4]].concat())
}

/// The data of the IDATs of a PNG that our own encoder made.
fn image_data(png: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &png[SIGNATURE.len()..];
    let next = move || {
        let (length, chunk) = rest.split_first_chunk::<4>()?;
        let (name, data) = chunk.split_first_chunk::<4>()?;
        let (data, after) = data.split_at(u32::from_be_bytes(*length) as usize);
        rest = &after[4..];
        Some((name, data))
    };
    std::iter::from_fn(next).filter(|(name, _)| *name == b"IDAT").map(|(_, data)| data)
}

fn chunk(writer: &mut impl Write, name: &[u8; 4], data: &[u8]) -> io::Result<()> {
    let mut sum = crc32fast::Hasher::new();
    sum.update(name);
    sum.update(data);
    writer.write_all(&(data.len() as u32).to_be_bytes())?;
    writer.write_all(name)?;
    writer.write_all(data)?;
    writer.write_all(&sum.finalize().to_be_bytes())
}
