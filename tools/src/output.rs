//! Pictures to files: PNG, JPEG or WebP, whole or not there at all.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{self, CompressionType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, RgbaImage};
use stylegan_studio::pictures::picture_settings;
use stylegan_wgpu::atomic_file::{self, Unsynced};

use crate::args::Format;
use crate::failure::Failure;

/// JPEG quality: what the picture loses at 95 is below what its 8 bits lose.
const JPEG_QUALITY: u8 = 95;

/// 8-bit pixels with as many channels as the network draws: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    /// Row by row, channels innermost.
    pub(crate) pixels: Vec<u8>,
}

impl Picture {
    /// Keeps the channels the network has; the engine's RGBA repeats grey in R, G and B.
    pub(crate) fn from_rgba(image: &RgbaImage, channels: usize) -> Picture {
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
    pub(crate) fn from_planes(planes: &[f32], channels: usize, (height, width): (usize, usize)) -> Picture {
        let mut pixels = vec![0; planes.len()];
        for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
            for (pixel, value) in pixels.iter_mut().skip(channel).step_by(channels).zip(plane) {
                *pixel = (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
            }
        }
        Picture { width, height, channels, pixels }
    }

    /// Writes the picture under `path`; `packet` is what it says about itself.
    pub(crate) fn write(&self, path: &Path, format: Format, packet: Option<&str>) -> Result<(), Failure> {
        let bytes = self.encode(format, packet).map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))?;
        write(path, &bytes)
    }

    /// The bytes of a file; `packet` is what it says about itself.
    pub(crate) fn encode(&self, format: Format, packet: Option<&str>) -> image::ImageResult<Vec<u8>> {
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
pub(crate) fn resized(image: RgbaImage, (height, width): (usize, usize)) -> RgbaImage {
    let (width, height) = (width as u32, height as u32);
    if image.dimensions() == (width, height) { image } else { imageops::resize(&image, width, height, FilterType::Lanczos3) }
}

/// Height and width of a picture whose longer side is scaled to so many pixels.
pub(crate) fn scaled((height, width): (usize, usize), longer: usize) -> (usize, usize) {
    let most = height.max(width);
    let scale = |side: usize| ((2 * side * longer + most) / (2 * most)).max(1);
    (scale(height), scale(width))
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Ok(atomic_file::write(path, |file| file.write_all(bytes))?)
}

/// Writes a whole file, without waiting for the disk.
pub(crate) fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<Unsynced, Failure> {
    Ok(atomic_file::write_unsynced(path, |file| file.write_all(bytes))?)
}

/// Makes a folder, and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::Runtime(format!("{}: {error}", folder.display())))
}

/// Refuses a folder that cannot be made or written into, without making it.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Failure> {
    let fail = |at: &Path, error: io::Error| Err(Failure::Runtime(format!("{}: {error}", at.display())));
    let absolute = match std::path::absolute(folder) {
        Ok(path) => path,
        Err(error) => return fail(folder, error),
    };
    // The first that is there decides: what lies below it will be made by us.
    for ancestor in absolute.ancestors() {
        match ancestor.metadata() {
            Ok(metadata) if !metadata.is_dir() => return fail(ancestor, io::ErrorKind::NotADirectory.into()),
            // The only way to know: permissions, read-only mounts and /proc differ by system. The file has no name where the
            // system can do that, and is gone at once everywhere.
            Ok(_) => {
                let cannot = |error| Failure::Runtime(format!("cannot write into {}: {error}", ancestor.display()));
                return tempfile::tempfile_in(ancestor).map(drop).map_err(cannot);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return fail(ancestor, error),
        }
    }
    Ok(())
}

/// Refuses a file that cannot be written: its folder must be there.
pub(crate) fn check_file(path: &Path) -> Result<(), Failure> {
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::Runtime(format!("{} is a folder; name a file", path.display())));
    }
    // Too long a name, for one.
    if let Err(error) = path.metadata()
        && !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    {
        return Err(Failure::Runtime(format!("{}: {error}", path.display())));
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::Runtime(format!("{} is not a regular file", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        return Err(Failure::Runtime(format!("{}: there is no such folder", folder.display())));
    }
    check_folder(folder)
}

/// The same of a network, which is no picture whatever its name.
pub(crate) fn check_network_file(path: &Path) -> Result<(), Failure> {
    const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "apng", "mp4"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    if PICTURES.contains(&extension.as_str()) {
        let path = path.display();
        return Err(Failure::usage(format!("{path}: .{extension} is a picture's ending, and this writes a network: name it .safetensors")));
    }
    check_file(path)
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

    #[test]
    fn checking_a_folder_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_folder(&folder.path().join("a/b")).is_ok());
        assert!(check_file(&folder.path().join("a.bin")).is_ok());
        assert!(check_file(&folder.path().join("a/a.bin")).is_err());
        assert!(check_file(folder.path()).is_err());
        assert!(check_file(&folder.path().join("x".repeat(255))).is_ok() && check_file(&folder.path().join("x".repeat(256))).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(check_folder(&file).is_err() && check_folder(&file.join("below")).is_err());
    }
}
