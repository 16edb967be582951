//! Pictures in 8 bits, and the files they are written into: PNG, JPEG or WebP, whole or not there at all.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{self, CompressionType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, RgbaImage};
use stylegan_wgpu::internals::atomic_file;
use stylegan_wgpu::{Error, Result};

use super::picture_settings;

/// What a picture is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PNG, compressed for speed.
    Png,
    /// JPEG at quality 95.
    Jpg,
    /// WebP without loss.
    Webp,
    /// NumPy's array of the network's own numbers; where 8 bits are asked for, a PNG.
    Npy,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Png, Format::Jpg, Format::Webp, Format::Npy];

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpg => "jpg",
            Format::Webp => "webp",
            Format::Npy => "npy",
        }
    }

    /// By the ending of a file that holds one picture.
    pub fn of_picture(path: &Path) -> Result<Format> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        match extension.as_str() {
            "png" => Ok(Format::Png),
            "jpg" | "jpeg" => Ok(Format::Jpg),
            "webp" => Ok(Format::Webp),
            _ => Err(Error::Argument(format!("{}: the ending says which format: .png, .jpg or .webp", path.display()))),
        }
    }

    /// Refuses what it cannot hold.
    pub fn check(self, channels: usize) -> Result<()> {
        match (self, channels) {
            (Format::Jpg, 2 | 4) => {
                Err(Error::Argument("this network draws an alpha channel, which jpg cannot hold; use png or webp".into()))
            }
            _ => Ok(()),
        }
    }
}

/// JPEG quality: what the picture loses at 95 is below what its 8 bits lose.
const JPEG_QUALITY: u8 = 95;

/// 8-bit pixels with as many channels as the network draws: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// 1 to 4.
    pub channels: usize,
    /// Row by row, channels innermost.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Keeps the channels the network has; the engine's RGBA repeats grey in R, G and B.
    pub fn from_rgba(image: &RgbaImage, channels: usize) -> Picture {
        let kept: &[usize] = match channels {
            1 => &[0],
            2 => &[0, 3],
            3 => &[0, 1, 2],
            _ => &[0, 1, 2, 3],
        };
        let mut pixels = Vec::with_capacity(image.len() / 4 * channels);
        for pixel in image.as_raw().chunks_exact(4) {
            pixels.extend(kept.iter().map(|&channel| pixel[channel]));
        }
        Picture { width: image.width() as usize, height: image.height() as usize, channels, pixels }
    }

    /// From planes `[C, H, W]` around -1..1, rounded as NVIDIA does: times 127.5 plus 128, clamped, truncated.
    pub fn from_planes(planes: &[f32], channels: usize, (height, width): (usize, usize)) -> Picture {
        let mut pixels = vec![0; planes.len()];
        for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
            for (pixel, value) in pixels.iter_mut().skip(channel).step_by(channels).zip(plane) {
                *pixel = (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
            }
        }
        Picture { width, height, channels, pixels }
    }

    /// Writes the picture under `path`; `packet` is what it says about itself.
    pub fn write(&self, path: &Path, format: Format, packet: Option<&str>) -> Result<()> {
        let failed = |error| Error::Io { path: path.into(), source: io::Error::other(error) };
        let bytes = self.encode(format, packet).map_err(failed)?;
        atomic_file::write(path, |file| file.write_all(&bytes))
    }

    /// The bytes of a file; `packet` is what it says about itself.
    pub fn encode(&self, format: Format, packet: Option<&str>) -> image::ImageResult<Vec<u8>> {
        let color = [ExtendedColorType::L8, ExtendedColorType::La8, ExtendedColorType::Rgb8, ExtendedColorType::Rgba8][self.channels - 1];
        let (width, height) = (self.width as u32, self.height as u32);
        let mut bytes = Vec::new();
        match format {
            Format::Jpg => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(&self.pixels, width, height, color)?,
            Format::Webp => WebPEncoder::new_lossless(&mut bytes).write_image(&self.pixels, width, height, color)?,
            Format::Png | Format::Npy => PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, png::FilterType::Adaptive)
                .write_image(&self.pixels, width, height, color)?,
        }
        Ok(match packet {
            Some(packet) => picture_settings::embed(bytes, packet),
            None => bytes,
        })
    }
}

/// A picture with another height and width.
pub fn resized(image: RgbaImage, (height, width): (usize, usize)) -> RgbaImage {
    let (width, height) = (width as u32, height as u32);
    if image.dimensions() == (width, height) { image } else { imageops::resize(&image, width, height, FilterType::Lanczos3) }
}

/// Height and width of a picture whose longer side is scaled to so many pixels.
pub fn scaled((height, width): (usize, usize), longer: usize) -> (usize, usize) {
    let most = height.max(width);
    let scale = |side: usize| ((2 * side * longer + most) / (2 * most)).max(1);
    (scale(height), scale(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_nvidias() {
        let planes = [-1.1, -1.0, -0.999, 0.0, 0.5, 0.99, 1.0, f32::INFINITY, 7.0 / 127.5];
        assert_eq!(Picture::from_planes(&planes, 1, (3, 3)).pixels, [0, 0, 0, 128, 191, 254, 255, 255, 135]);
    }

    #[test]
    fn planes_become_pixels() {
        let value = |level: u8| (f32::from(level) - 127.9) / 127.5;
        let planes: Vec<f32> = (0..12).map(value).collect();
        for size in [(2, 2), (4, 1), (1, 4)] {
            let picture = Picture::from_planes(&planes, 3, size);
            assert_eq!((picture.height, picture.width), size);
            assert_eq!(picture.pixels, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        }
    }

    #[test]
    fn pictures_keep_the_channels_of_the_network() {
        let image = RgbaImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let wanted: [&[u8]; 4] = [&[1, 5], &[1, 4, 5, 8], &[1, 2, 3, 5, 6, 7], &[1, 2, 3, 4, 5, 6, 7, 8]];
        for (channels, wanted) in (1..=4).zip(wanted) {
            let picture = Picture::from_rgba(&image, channels);
            assert_eq!(picture.pixels, wanted);
            for format in [Format::Png, Format::Webp] {
                let decoded = image::load_from_memory(&picture.encode(format, None).unwrap()).unwrap();
                let color = decoded.color();
                assert_eq!((decoded.width(), decoded.height()), (2, 1));
                // WebP has no grey: it comes back as the same colours.
                match format {
                    Format::Png => assert_eq!((usize::from(color.channel_count()), decoded.as_bytes()), (channels, wanted)),
                    _ => assert_eq!(usize::from(color.channel_count()), if channels % 2 == 0 { 4 } else { 3 }),
                }
            }
        }
    }

    #[test]
    fn the_longer_side_is_scaled_and_the_shorter_follows() {
        assert_eq!(scaled((64, 64), 100), (100, 100));
        assert_eq!(scaled((1024, 512), 256), (256, 128));
        assert_eq!(scaled((48, 80), 41), (25, 41));
        assert_eq!(scaled((4, 1024), 8), (1, 8));
    }
}
