//! GIF: one palette for all frames, of the colours of all, and ordered dithering.
//!
//! The palette is known when the last frame is: until then frames wait, compressed, in memory or a temporary file. With palettes of their own
//! frames would flicker, and so they would with errors that are passed from pixel to pixel: here a pixel that does not change
//! keeps its colour.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image::RgbImage;
use tempfile::SpooledTempFile;

use super::super::picture_settings::gif_extension;
use super::{Result, Spec};

mod palette;
use palette::{Colours, Palette};

/// Delays are whole hundredths of a second, and browsers take those below two for ten.
pub(super) const MOST_FPS: u16 = 50;

/// Frames that wait are in a file when they have more bytes than this.
const IN_MEMORY: usize = 64 << 20;

/// The last byte of a file.
const TRAILER: u8 = 0x3b;

/// A frame that waits.
pub(super) struct Waiting {
    deflated: Vec<u8>,
    colours: Colours,
}

pub(super) fn compress(image: &RgbImage) -> io::Result<Waiting> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(image.as_raw())?;
    Ok(Waiting { deflated: encoder.finish()?, colours: Colours::of(image.as_raw()) })
}

pub(super) struct Gif<W> {
    writer: W,
    frames: SpooledTempFile,
    lengths: Vec<u64>,
    colours: Colours,
}

impl<W: Write + Seek> Gif<W> {
    pub(super) fn new(writer: W) -> Gif<W> {
        Gif { writer, frames: tempfile::spooled_tempfile(IN_MEMORY), lengths: Vec::new(), colours: Colours::default() }
    }

    pub(super) fn push(&mut self, frame: Waiting) -> io::Result<()> {
        self.frames.write_all(&frame.deflated)?;
        self.lengths.push(frame.deflated.len() as u64);
        self.colours.add(frame.colours);
        Ok(())
    }

    /// `packet` is XMP.
    pub(super) fn finish(mut self, spec: &Spec, packet: Option<&str>) -> Result<W> {
        let mut palette = Palette::of(&self.colours);
        let mut encoder = Encoder::new(self.writer, spec.width as u16, spec.height as u16, palette.rgb())?;
        encoder.set_repeat(Repeat::Infinite)?;
        self.frames.rewind()?;
        let mut pixels = vec![0; spec.width as usize * spec.height as usize * 3];
        for (i, length) in (0..).zip(self.lengths) {
            let mut deflated = Read::take(&mut self.frames, length);
            DeflateDecoder::new(&mut deflated).read_exact(&mut pixels)?;
            io::copy(&mut deflated, &mut io::sink())?;
            let frame = Frame {
                width: spec.width as u16,
                height: spec.height as u16,
                delay: (spec.begins(i + 1, 100) - spec.begins(i, 100)) as u16,
                dispose: DisposalMethod::Keep,
                buffer: palette.indices(&pixels, spec.width as usize).into(),
                ..Frame::default()
            };
            encoder.write_frame(&frame)?;
        }
        let mut writer = encoder.into_inner().map_err(io::Error::other)?;
        if let Some(packet) = packet {
            // In front of the byte that ends the file.
            writer.seek(SeekFrom::Current(-1))?;
            writer.write_all(&gif_extension(packet))?;
            writer.write_all(&[TRAILER])?;
        }
        Ok(writer)
    }
}
