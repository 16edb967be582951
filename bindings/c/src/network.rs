//! Networks: what a file holds, in the memory of the machine.

use std::ffi::c_char;
use std::path::Path;

use stylegan_wgpu::{Model, Precision};

use crate::boundary::{Room, borrow, call, free, give, text, values};
use crate::generator::choice;
use crate::status::{Failure, StyleganStatus};

/// A network. It is not on a device: a generator is.
pub struct StyleganNetwork {
    pub(crate) model: Model,
}

/// What a network draws, and of what.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StyleganInfo {
    /// Of a picture, in pixels.
    pub width: usize,
    /// Of a picture, in pixels.
    pub height: usize,
    /// 3, or 1 of a grey network, or 4 of one with transparency. Pictures are RGBA all the same.
    pub channels: usize,
    /// Numbers in a latent z.
    pub z_dim: usize,
    /// Numbers in a row of w.
    pub w_dim: usize,
    /// Rows of w of a picture: layers, from coarse to fine.
    pub num_ws: usize,
    /// Classes of a conditional network, 0 of all others.
    pub classes: usize,
}

/// Reads a network from a file or folder of any format that the converter knows (docs/formats.md): a .safetensors of ours, NVIDIA's .pkl,
/// rosinality's .pt and others. The content says which. Nothing in it is executed. `path` is UTF-8.
///
/// # Safety
/// `path` ends with a zero; `network` can be written to. It is set to null when the call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_network_load(path: *const c_char, network: *mut *mut StyleganNetwork) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let path = text(path, "path")?.ok_or_else(|| Failure::argument("path is a null pointer"))?;
            give(network, || Ok(StyleganNetwork { model: stylegan_convert::open(Path::new(path), &mut |_| {})? }))
        }
    })
}

/// Reads a network from the bytes of a file, as `stylegan_network_load` does. They are copied.
///
/// # Safety
/// There are `size` bytes behind `bytes`; `network` can be written to. It is set to null when the call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_network_from_bytes(bytes: *const u8, size: usize, network: *mut *mut StyleganNetwork) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let bytes = values(bytes, size, "bytes")?;
            give(network, || Ok(StyleganNetwork { model: stylegan_convert::from_bytes(bytes, "bytes", &mut |_| {})? }))
        }
    })
}

/// Says what a network draws.
///
/// # Safety
/// `network` is a network that is not freed; `info` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_network_info(network: *const StyleganNetwork, info: *mut StyleganInfo) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promise.
        let config = &unsafe { borrow(network, "network") }?.model.config;
        if info.is_null() {
            return Err(Failure::argument("info is a null pointer"));
        }
        let (height, width) = config.image_size();
        let (num_ws, channels) = (config.num_ws(), config.img_channels());
        let (z_dim, w_dim, classes) = (config.z_dim(), config.w_dim(), config.c_dim());
        // SAFETY: not null, and the caller's promise.
        unsafe { info.write(StyleganInfo { width, height, channels, z_dim, w_dim, num_ws, classes }) };
        Ok(())
    })
}

/// Bytes that a generator of so many pictures at a time takes on a device, about: weights and activations.
/// `precision` is a `StyleganPrecision`; auto counts as f16.
///
/// # Safety
/// `network` is a network that is not freed; `bytes` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_network_memory(
    network: *const StyleganNetwork,
    batch: u32,
    precision: u32,
    bytes: *mut u64,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        let (model, mut room) = unsafe { (&borrow(network, "network")?.model, Room::new(bytes, 1, 1, "bytes")?) };
        let precision = match choice(precision)? {
            stylegan_wgpu::PrecisionChoice::F32 => Precision::F32,
            _ => Precision::F16,
        };
        if batch == 0 {
            return Err(Failure::argument("batch is 0"));
        }
        room.put(&[model.memory(batch as usize, precision)])
    })
}

/// Frees a network. Generators made of it keep what they need. Null is nothing.
///
/// # Safety
/// `network` is null or a network that is not freed, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_network_free(network: *mut StyleganNetwork) {
    // SAFETY: the caller's promise.
    unsafe { free(network) }
}
