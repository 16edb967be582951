//! GIF, each frame with the 256 colours that fit it best.

use std::io::Write;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};
use image::RgbImage;

use super::Spec;

/// Delays are whole hundredths of a second, and browsers take those below two for ten.
pub(super) const MOST_FPS: u16 = 50;

/// Of 1 (best) to 30: how many of the pixels the search for colours looks at, one in so many.
const SPEED: i32 = 10;

pub(super) fn begin<W: Write>(writer: W, spec: &Spec) -> Result<Encoder<W>, EncodingError> {
    let mut encoder = Encoder::new(writer, spec.width as u16, spec.height as u16, &[])?;
    encoder.set_repeat(Repeat::Infinite)?;
    Ok(encoder)
}

pub(super) fn compress(image: &RgbImage) -> Frame<'static> {
    let mut frame = Frame::from_rgb_speed(image.width() as u16, image.height() as u16, image, SPEED);
    frame.dispose = DisposalMethod::Keep;
    frame.make_lzw_pre_encoded();
    frame
}

/// Appends frame `i`.
pub(super) fn push<W: Write>(encoder: &mut Encoder<W>, mut frame: Frame<'_>, spec: &Spec, i: u64) -> Result<(), EncodingError> {
    frame.delay = (spec.begins(i + 1, 100) - spec.begins(i, 100)) as u16;
    encoder.write_lzw_pre_encoded_frame(&frame)
}
