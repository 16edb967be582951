//! Generators: a network on a device.

use std::sync::{Mutex, MutexGuard};

use image::RgbaImage;
use stylegan_wgpu::latent::z;
use stylegan_wgpu::{Input, Look, Noise, Options, Pending, PrecisionChoice, Ws, blocking};

use crate::boundary::{Room, borrow, call, free, give, values};
use crate::device::StyleganDevice;
use crate::look::{self, StyleganLook, optional};
use crate::network::StyleganNetwork;
use crate::status::{Failure, StyleganStatus};

/// Element type of weights and activations on the device: values of `StyleganOptions.precision`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleganPrecision {
    /// f16 where the device has it and it holds the weights, else f32.
    Auto = 0,
    /// f32 everywhere.
    F32 = 1,
    /// f16; an error where the device has none.
    F16 = 2,
}

/// How a generator is made.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StyleganOptions {
    /// Most pictures that are drawn at once, at least 1: more memory, less overhead.
    pub batch: u32,
    /// A `StyleganPrecision`.
    pub precision: u32,
}

/// A network on a device. One thread at a time draws: others that call wait for their turn.
pub struct StyleganGenerator {
    generator: Mutex<blocking::Generator>,
    batch: usize,
}

impl StyleganGenerator {
    fn lock(&self) -> Result<MutexGuard<'_, blocking::Generator>, Failure> {
        let broken = || Failure { status: StyleganStatus::Panic, message: "an earlier call on this generator panicked; free it".into() };
        self.generator.lock().map_err(|_| broken())
    }
}

pub(crate) fn choice(precision: u32) -> Result<PrecisionChoice, Failure> {
    match precision {
        precision if precision == StyleganPrecision::Auto as u32 => Ok(PrecisionChoice::Auto),
        precision if precision == StyleganPrecision::F32 as u32 => Ok(PrecisionChoice::F32),
        precision if precision == StyleganPrecision::F16 as u32 => Ok(PrecisionChoice::F16),
        precision => Err(Failure::argument(format!("precision is {precision}; it is a StyleganPrecision, 0 to 2"))),
    }
}

/// Puts a network on a device: uploads its weights and compiles its kernels, which takes seconds. `options` may be null: one picture at a
/// time, precision auto. Device and network may be freed afterwards.
///
/// # Safety
/// `device` and `network` are not freed; `options` is null or options; `generator` can be written to. It is set to null when the call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_generator_new(
    device: *const StyleganDevice,
    network: *const StyleganNetwork,
    options: *const StyleganOptions,
    generator: *mut *mut StyleganGenerator,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        unsafe {
            give(generator, || {
                let (gpu, model) = (&borrow(device, "device")?.gpu, &borrow(network, "network")?.model);
                let usual = StyleganOptions { batch: 1, precision: StyleganPrecision::Auto as u32 };
                let options = options.as_ref().unwrap_or(&usual);
                let batch = options.batch as usize;
                let options = Options::new().batch(batch).precision(choice(options.precision)?);
                let generator = Mutex::new(blocking::Generator::new(gpu, model, &options)?);
                Ok(StyleganGenerator { generator, batch })
            })
        }
    })
}

/// Draws a picture for each seed, as `stylegan generate --no-tune` does, into `pixels`: `count` times `height * width * 4` bytes, RGBA, rows from the top, without
/// gaps. `size` is exactly that. `look` may be null. Returns when the pictures are there; when it fails, what is in `pixels` is not
/// to be used.
///
/// # Safety
/// `generator` is not freed; there are `count` seeds and room for `size` bytes; `look` is null, or a look whose mixes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_generate(
    generator: *const StyleganGenerator,
    seeds: *const u32,
    count: usize,
    look: *const StyleganLook,
    pixels: *mut u8,
    size: usize,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        let (generator, seeds, look) = unsafe { (borrow(generator, "generator")?, values(seeds, count, "seeds")?, look::read(look)?) };
        // SAFETY: the caller's promise on `pixels`.
        unsafe { draw(generator, count, look, (pixels, size), |range| Ok(Rows::Seeds(&seeds[range]))) }
    })
}

/// Draws pictures of rows of w, as `stylegan_generate` does of seeds: `count` times `num_ws * w_dim` floats, as `stylegan_map` gives them. They are not
/// truncated yet: `psi` and `cutoff` of the look apply to them, mixes are for seeds.
///
/// # Safety
/// `generator` is not freed; there are so many floats and room for `size` bytes; `look` is null, or a look whose mixes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_generate_ws(
    generator: *const StyleganGenerator,
    ws: *const f32,
    count: usize,
    look: *const StyleganLook,
    pixels: *mut u8,
    size: usize,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promise.
        let generator = unsafe { borrow(generator, "generator")? };
        let (num_ws, w_dim) = rows(generator)?;
        let one = num_ws * w_dim;
        let all = count.checked_mul(one).ok_or_else(|| Failure::argument("count is larger than memory can be"))?;
        // SAFETY: the caller's promises.
        let (ws, look) = unsafe { (values(ws, all, "ws")?, look::read(look)?) };
        let part = |range: std::ops::Range<usize>| {
            let values = ws[range.start * one..range.end * one].to_vec();
            Ok(Rows::Ws(Ws::new(range.len(), num_ws, w_dim, values)?))
        };
        // SAFETY: the caller's promise on `pixels`.
        unsafe { draw(generator, count, look, (pixels, size), part) }
    })
}

enum Rows<'a> {
    Seeds(&'a [u32]),
    Ws(Ws),
}

/// Draws in batches, the next submitted before the last is waited for.
///
/// # Safety
/// The pixels' pointer is null, or there is room for so many bytes.
unsafe fn draw<'a>(
    generator: &StyleganGenerator,
    count: usize,
    (look, noise): (Look, Noise),
    (pixels, size): (*mut u8, usize),
    part: impl Fn(std::ops::Range<usize>) -> Result<Rows<'a>, Failure>,
) -> Result<(), Failure> {
    let batch = generator.batch;
    let mut generator = generator.lock()?;
    let (height, width) = generator.config().image_size();
    let needed = count.checked_mul(4 * height * width).filter(|needed| *needed > 0);
    let needed = needed.ok_or_else(|| Failure::argument(format!("count is {count}")))?;
    // SAFETY: the caller's promise.
    let mut room = unsafe { Room::new(pixels, size, needed, "pixels")? };
    let mut take =
        |pending: Pending<RgbaImage>| -> Result<(), Failure> { pending.wait()?.iter().try_for_each(|picture| room.put(picture.as_raw())) };
    let mut ahead = None;
    for first in (0..count).step_by(batch) {
        // Noise goes on counting where the last batch ended.
        let noise = match noise {
            Noise::Random { seed } => Noise::Random { seed: seed.wrapping_add(first as u32) },
            other => other,
        };
        let look = look.clone().noise(noise);
        let next = match part(first..count.min(first + batch))? {
            Rows::Seeds(seeds) => generator.submit(Input::Seeds(seeds), &look)?,
            Rows::Ws(ws) => generator.submit(Input::Ws(&ws), &look)?,
        };
        if let Some(pending) = ahead.replace(next) {
            take(pending)?;
        }
    }
    ahead.map_or(Ok(()), take)
}

/// The rows of w of each seed, not truncated: `count` times `num_ws * w_dim` floats, which is what `ws_count` has to be. `class_index` is -1 for none.
///
/// # Safety
/// `generator` is not freed; there are `count` seeds and room for `ws_count` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_map(
    generator: *const StyleganGenerator,
    seeds: *const u32,
    count: usize,
    class_index: i32,
    ws: *mut f32,
    ws_count: usize,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        let (handle, seeds) = unsafe { (borrow(generator, "generator")?, values(seeds, count, "seeds")?) };
        let (num_ws, w_dim) = rows(handle)?;
        let needed = count.checked_mul(num_ws * w_dim).filter(|needed| *needed > 0);
        let needed = needed.ok_or_else(|| Failure::argument(format!("count is {count}")))?;
        // SAFETY: the caller's promise.
        let mut room = unsafe { Room::new(ws, ws_count, needed, "ws")? };
        let class = optional(class_index, "class_index")?;
        let mut generator = handle.lock()?;
        let z_dim = generator.config().z_dim();
        for seeds in seeds.chunks(MAPPED) {
            let latents: Vec<f32> = seeds.iter().flat_map(|seed| z(*seed, z_dim)).collect();
            let classes = class.map(|class| vec![class; seeds.len()]);
            room.put(&generator.mapping(&latents, classes.as_deref())?.values)?;
        }
        Ok(())
    })
}

/// Seeds that are mapped at a time.
const MAPPED: usize = 64;

/// Rows of w of a picture, and numbers in one.
fn rows(generator: &StyleganGenerator) -> Result<(usize, usize), Failure> {
    let generator = generator.lock()?;
    Ok((generator.config().num_ws(), generator.config().w_dim()))
}

/// The average rows of w, `num_ws * w_dim` floats: the picture that truncation leads to. `class_index` is of a StyleGAN-XL, which has an
/// average for each class; -1 for all others.
///
/// # Safety
/// `generator` is not freed; there is room for `ws_count` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_average(
    generator: *const StyleganGenerator,
    class_index: i32,
    ws: *mut f32,
    ws_count: usize,
) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promise.
        let handle = unsafe { borrow(generator, "generator")? };
        let (num_ws, w_dim) = rows(handle)?;
        // SAFETY: the caller's promise.
        let mut room = unsafe { Room::new(ws, ws_count, num_ws * w_dim, "ws")? };
        let class = optional(class_index, "class_index")?;
        let generator = handle.lock()?;
        let classes = generator.config().c_dim();
        if class.is_some_and(|class| class >= classes) {
            return Err(Failure::argument(format!("there is no class {class_index}: the network has {classes}")));
        }
        let average = generator.w_avg_of(class);
        drop(generator);
        match average.len() {
            // One for all layers, or each layer's own.
            one if one == w_dim => (0..num_ws).try_for_each(|_| room.put(&average)),
            all if all == num_ws * w_dim => room.put(&average),
            _ => Err(Failure::argument(format!("there is no class {class_index}"))),
        }
    })
}

/// Bytes of the network on the device: weights, inputs, activations.
///
/// # Safety
/// `generator` is not freed; `bytes` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_generator_memory(generator: *const StyleganGenerator, bytes: *mut u64) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        let (generator, mut room) = unsafe { (borrow(generator, "generator")?, Room::new(bytes, 1, 1, "bytes")?) };
        let memory = generator.lock()?.memory();
        room.put(&[memory])
    })
}

/// Frees a generator. Null is nothing.
///
/// # Safety
/// `generator` is null or not freed, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_generator_free(generator: *mut StyleganGenerator) {
    // SAFETY: the caller's promise.
    unsafe { free(generator) }
}
