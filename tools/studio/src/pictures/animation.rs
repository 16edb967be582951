//! Moving pictures, written frame by frame: WebP, GIF and PNG (APNG) with what is in this crate, MP4 through the program ffmpeg.
//!
//! A frame is compressed apart from the file it goes into: [`Spec::compress`] can run on any thread, [`Animation::push`] takes the results
//! in their order. No more frames are in memory than the caller holds, but for a GIF, whose frames wait for their palette (in a file, when
//! they are many). All but MP4 repeat without end.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Seek, Write};
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use stylegan_wgpu::internals::atomic_file::{self, Unfinished};

mod apng;
mod gif;
mod mp4;
mod stream;
mod webp;

pub use stream::Stream;

/// What a file of moving pictures is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// H.264, lossy, by ffmpeg.
    Mp4,
    /// Lossless.
    Webp,
    /// 256 colours for all frames, dithered.
    Gif,
    /// Lossless: PNG with frames, which viewers without a notion of them show the first of.
    Apng,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of(path: &Path) -> Result<Format> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        match extension.as_str() {
            "mp4" => Ok(Format::Mp4),
            "webp" => Ok(Format::Webp),
            "gif" => Ok(Format::Gif),
            "png" | "apng" => Ok(Format::Apng),
            _ => Err(AnimationError::Spec(format!("{}: the ending says which format: .mp4, .webp, .gif or .png", path.display()))),
        }
    }

    /// Frames per second when nobody says: 60 as in the original code; 50 are the most of a GIF.
    pub fn default_fps(self) -> u16 {
        if self == Format::Gif { gif::MOST_FPS } else { 60 }
    }

    /// Largest side of a frame in pixels.
    fn most_side(self) -> u32 {
        match self {
            Format::Mp4 => 16384,
            Format::Webp => 16383,
            Format::Gif => 65535,
            Format::Apng => 1 << 20,
        }
    }
}

/// Size and speed of an animation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The kind of file.
    pub format: Format,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u16,
}

/// A compressed frame.
pub struct Frame(Compressed);

enum Compressed {
    /// A PNG or a WebP of its own; RGB for ffmpeg.
    Bytes(Vec<u8>),
    Gif(gif::Waiting),
}

impl Spec {
    /// Refuses what the format cannot hold, and MP4 where ffmpeg is not there.
    pub fn check(&self) -> Result<()> {
        let Spec { format, width, height, fps } = *self;
        let refuse = |text: String| Err(AnimationError::Spec(text));
        let most = format.most_side();
        if !(1..=most).contains(&width) || !(1..=most).contains(&height) {
            return refuse(format!("frames of {width} x {height} pixels; this format has sides of 1 to {most}"));
        }
        match format {
            _ if fps == 0 => refuse("0 frames per second".into()),
            Format::Gif if fps > gif::MOST_FPS => {
                refuse(format!("{fps} frames per second; a GIF has at most {}: choose fewer, or .webp or .png", gif::MOST_FPS))
            }
            Format::Webp if fps > 1000 => refuse(format!("{fps} frames per second; a WebP has at most 1000")),
            Format::Mp4 if width % 2 + height % 2 > 0 => refuse(format!("frames of {width} x {height} pixels; an MP4 has even sides")),
            Format::Mp4 => mp4::check(),
            _ => Ok(()),
        }
    }

    /// Compresses one frame. Panics when it has another size.
    #[track_caller]
    pub fn compress(&self, frame: &RgbImage) -> Result<Frame> {
        let Spec { format, width, height, .. } = *self;
        assert_eq!(frame.dimensions(), (width, height), "a frame of another size");
        let mut bytes = Vec::new();
        match format {
            Format::Mp4 => bytes = frame.as_raw().clone(),
            Format::Gif => return Ok(Frame(Compressed::Gif(gif::compress(frame)?))),
            Format::Webp => WebPEncoder::new_lossless(&mut bytes).write_image(frame, width, height, ExtendedColorType::Rgb8)?,
            Format::Apng => PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive).write_image(
                frame,
                width,
                height,
                ExtendedColorType::Rgb8,
            )?,
        }
        Ok(Frame(Compressed::Bytes(bytes)))
    }

    /// When frame `i` begins, in units of 1 / `per_second`: rounded, so that no error adds up.
    fn begins(&self, i: u64, per_second: u64) -> u64 {
        (i * per_second + u64::from(self.fps) / 2) / u64::from(self.fps)
    }
}

/// An animation that is being written.
pub struct Animation<W: Write + Seek> {
    spec: Spec,
    frames: u64,
    container: Container<W>,
    /// XMP.
    packet: Option<String>,
}

enum Container<W: Write + Seek> {
    Webp(webp::Webp<W>),
    Gif(gif::Gif<W>),
    Apng(apng::Apng<W>),
}

impl<W: Write + Seek> Animation<W> {
    /// Begins an animation in `writer`, which stands at its beginning; not an MP4, which only [`Movie`] writes.
    pub fn new(writer: W, spec: Spec) -> Result<Animation<W>> {
        spec.check()?;
        let container = match spec.format {
            Format::Mp4 => return Err(AnimationError::Spec("an MP4 can only be written to a file".into())),
            Format::Webp => Container::Webp(webp::Webp::new(writer, &spec)?),
            Format::Gif => Container::Gif(gif::Gif::new(writer)),
            Format::Apng => Container::Apng(apng::Apng::new(writer, &spec, 0)?),
        };
        Ok(Animation { spec, frames: 0, container, packet: None })
    }

    /// Has the file carry an XMP packet, as [`Settings::xmp`](super::picture_settings::Settings::xmp) gives it.
    pub fn describe(&mut self, packet: &str) {
        self.packet = Some(packet.into());
    }

    /// Compresses and appends a frame.
    pub fn frame(&mut self, frame: &RgbImage) -> Result<()> {
        self.push(self.spec.compress(frame)?)
    }

    /// Appends a frame that was compressed with the same spec. Panics when it was compressed for another format.
    #[track_caller]
    pub fn push(&mut self, frame: Frame) -> Result<()> {
        match (&mut self.container, frame.0) {
            (Container::Webp(webp), Compressed::Bytes(bytes)) => webp.push(&bytes, &self.spec, self.frames)?,
            (Container::Apng(apng), Compressed::Bytes(bytes)) => apng.push(&bytes, &self.spec)?,
            (Container::Gif(gif), Compressed::Gif(frame)) => gif.push(frame)?,
            _ => panic!("a frame of another format"),
        }
        self.frames += 1;
        Ok(())
    }

    /// Completes the animation. One without frames is an error.
    pub fn finish(self) -> Result<W> {
        if self.frames == 0 {
            return Err(AnimationError::Spec("an animation without frames".into()));
        }
        let packet = self.packet.as_deref();
        let mut writer = match self.container {
            Container::Webp(webp) => webp.finish(packet)?,
            Container::Gif(gif) => gif.finish(&self.spec, packet)?,
            Container::Apng(apng) => apng.finish(packet)?,
        };
        writer.flush()?;
        Ok(writer)
    }
}

/// An animation in memory.
pub fn to_bytes<'a>(spec: Spec, frames: impl IntoIterator<Item = &'a RgbImage>) -> Result<Vec<u8>> {
    let mut animation = Animation::new(Cursor::new(Vec::new()), spec)?;
    frames.into_iter().try_for_each(|frame| animation.frame(frame))?;
    Ok(animation.finish()?.into_inner())
}

/// An animation that becomes a file when it is finished; dropped before, it leaves nothing behind.
pub struct Movie {
    spec: Spec,
    target: Target,
    unfinished: Unfinished,
}

enum Target {
    File(Animation<BufWriter<File>>),
    Ffmpeg(mp4::Ffmpeg),
}

impl Movie {
    /// Begins an animation for `path`.
    pub fn create(path: &Path, spec: Spec) -> Result<Movie> {
        spec.check()?;
        let (unfinished, file) = atomic_file::create(path).map_err(AnimationError::Write)?;
        let target = match spec.format {
            // ffmpeg opens the file itself: it comes back to its beginning in the end.
            Format::Mp4 => Target::Ffmpeg(mp4::Ffmpeg::start(unfinished.temporary(), &spec)?),
            _ => Target::File(Animation::new(BufWriter::with_capacity(1 << 16, file), spec)?),
        };
        Ok(Movie { spec, target, unfinished })
    }

    /// Has the file carry an XMP packet, as [`Settings::xmp`](super::picture_settings::Settings::xmp) gives it.
    pub fn describe(&mut self, packet: &str) {
        match &mut self.target {
            Target::File(animation) => animation.describe(packet),
            Target::Ffmpeg(ffmpeg) => ffmpeg.describe(packet),
        }
    }

    /// Compresses and appends a frame.
    pub fn frame(&mut self, frame: &RgbImage) -> Result<()> {
        self.push(self.spec.compress(frame)?)
    }

    /// Appends a frame that was compressed with the same spec. Panics when it was compressed for another format.
    #[track_caller]
    pub fn push(&mut self, frame: Frame) -> Result<()> {
        match (&mut self.target, frame) {
            (Target::File(animation), frame) => animation.push(frame),
            (Target::Ffmpeg(ffmpeg), Frame(Compressed::Bytes(rgb))) => ffmpeg.push(&rgb),
            (Target::Ffmpeg(_), _) => panic!("a frame of another format"),
        }
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<()> {
        match self.target {
            Target::File(animation) => drop(animation.finish()?),
            Target::Ffmpeg(ffmpeg) => ffmpeg.finish()?,
        }
        self.unfinished.finish().map_err(AnimationError::Write)
    }
}

/// Why an animation was not written. Every variant prints as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnimationError {
    /// Size, speed or name are not what the format takes.
    Spec(String),
    /// ffmpeg is missing, or failed; the text says which and what to do.
    Ffmpeg(String),
    /// A frame could not be compressed.
    Compress(image::ImageError),
    /// The file could not be written.
    Io(io::Error),
    /// The file could not be made, or could not get its name.
    Write(stylegan_wgpu::Error),
}

/// Result with [`AnimationError`].
pub type Result<T, E = AnimationError> = std::result::Result<T, E>;

impl fmt::Display for AnimationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnimationError::Spec(text) | AnimationError::Ffmpeg(text) => f.write_str(text),
            AnimationError::Compress(error) => write!(f, "compressing a frame: {error}"),
            AnimationError::Io(error) => write!(f, "writing the animation: {error}"),
            AnimationError::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AnimationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AnimationError::Spec(_) | AnimationError::Ffmpeg(_) => None,
            AnimationError::Compress(error) => Some(error),
            AnimationError::Io(error) => Some(error),
            AnimationError::Write(error) => Some(error),
        }
    }
}

impl From<image::ImageError> for AnimationError {
    fn from(error: image::ImageError) -> AnimationError {
        AnimationError::Compress(error)
    }
}

impl From<io::Error> for AnimationError {
    fn from(error: io::Error) -> AnimationError {
        AnimationError::Io(error)
    }
}

impl From<::gif::EncodingError> for AnimationError {
    fn from(error: ::gif::EncodingError) -> AnimationError {
        match error {
            ::gif::EncodingError::Io(error) => AnimationError::Io(error),
            other => AnimationError::Io(io::Error::other(other)),
        }
    }
}

#[cfg(test)]
mod tests;
