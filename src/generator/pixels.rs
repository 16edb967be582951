//! Pictures out of the bytes that were read back.

use image::RgbaImage;

use super::pending::Unpack;
use super::prepared::Handles;
use crate::tensor::Tensor;

/// 8-bit pictures, rounded as NVIDIA's generate.py does.
pub(super) fn rgba8(handles: &Handles) -> (Tensor, Unpack<RgbaImage>) {
    match handles.img.shape[1] {
        1 | 3 => (handles.rgba, rgba8_images),
        _ => (handles.img, alpha_images),
    }
}

/// Pictures as the network yields them.
pub(super) fn floats(handles: &Handles) -> (Tensor, Unpack<Vec<f32>>) {
    (handles.img, f32_images)
}

/// The activation that is tapped.
pub(super) fn tapped(handles: &Handles) -> (Tensor, Unpack<Vec<f32>>) {
    (handles.tap.unwrap_or(handles.img), f32_images)
}

/// The device says that a pixel is not finite by an alpha of 0.
fn rgba8_images(rgba: Tensor, bytes: &[u8]) -> Vec<Option<RgbaImage>> {
    let [images, _, height, width] = rgba.shape;
    let image = |pixels: &[u8]| {
        let finite = pixels.chunks_exact(4).all(|pixel| pixel[3] != 0);
        finite.then(|| RgbaImage::from_raw(width as u32, height as u32, pixels.to_vec()).expect("four bytes a pixel"))
    };
    // The buffer is filled up to a multiple of 16 bytes.
    bytes.chunks_exact(4 * height * width).take(images).map(image).collect()
}

fn f32_images(img: Tensor, bytes: &[u8]) -> Vec<Option<Vec<f32>>> {
    let image = |values: &[f32]| values.iter().all(|value| value.is_finite()).then(|| values.to_vec());
    img.unpack(bytes).chunks_exact(img.len() / img.shape[0]).map(image).collect()
}

/// Of an image with an alpha of its own, which cannot say what is not finite: converted here, as the kernel to_rgba8 does.
fn alpha_images(img: Tensor, bytes: &[u8]) -> Vec<Option<RgbaImage>> {
    let [_, channels, height, width] = img.shape;
    let byte = |value: f32| (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
    let image = |values: Vec<f32>| {
        RgbaImage::from_fn(width as u32, height as u32, |x, y| {
            let value = |c: usize| byte(values[(c * height + y as usize) * width + x as usize]);
            image::Rgba(match channels {
                2 => [value(0), value(0), value(0), value(1)],
                _ => [value(0), value(1), value(2), value(3)],
            })
        })
    };
    f32_images(img, bytes).into_iter().map(|values| values.map(image)).collect()
}
