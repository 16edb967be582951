//! An animation that is handed out while it is made. That takes a format whose beginning says nothing about its end: a PNG says how many
//! frames it has. A WebP begins with its length, and the palette of a GIF is that of all frames, so these two have to wait.

use super::apng::Apng;
use super::{AnimationError, Compressed, Format, Frame, Result, Spec};

/// An animation in pieces, for somebody who takes them one by one. Together they are the file that
/// [`Animation`](super::Animation) writes.
pub struct Stream {
    spec: Spec,
    left: u32,
    packet: Option<String>,
    apng: Apng<Vec<u8>>,
}

impl Stream {
    /// Whether a format can be handed out before it is complete.
    pub fn can(format: Format) -> bool {
        format == Format::Apng
    }

    /// Begins an animation of exactly so many frames, which carries an XMP packet, if there is one.
    pub fn new(spec: Spec, frames: u32, packet: Option<String>) -> Result<Stream> {
        spec.check()?;
        if !Stream::can(spec.format) || frames == 0 {
            return Err(AnimationError::Spec("only a PNG that has frames can be handed out before it is complete".into()));
        }
        Ok(Stream { spec, left: frames, packet, apng: Apng::new(Vec::new(), &spec, frames)? })
    }

    /// Appends a frame, and gives what comes next of the file; with the last frame, the end. Panics when the frame was compressed for
    /// another format.
    #[track_caller]
    pub fn push(&mut self, frame: Frame) -> Result<Vec<u8>> {
        let Frame(Compressed::Bytes(still)) = frame else { panic!("a frame of another format") };
        self.left = self.left.checked_sub(1).ok_or_else(|| AnimationError::Spec("more frames than were announced".into()))?;
        self.apng.push(&still, &self.spec)?;
        if self.left == 0 {
            self.apng.end(self.packet.as_deref())?;
        }
        Ok(std::mem::take(self.apng.writer()))
    }

    /// Whether all frames are there.
    pub fn is_complete(&self) -> bool {
        self.left == 0
    }
}
