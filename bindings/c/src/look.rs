//! How pictures look.

use stylegan_wgpu::{Look, Noise};

use crate::boundary::values;
use crate::status::Failure;

/// What the layers add to their activations: values of `StyleganLook.noise`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleganNoise {
    /// The maps stored in the network: the same seed gives the same picture.
    Const = 0,
    /// Nothing.
    None = 1,
    /// Fresh maps, drawn from `noise_seed`; picture i of a call has `noise_seed + i`.
    Random = 2,
}

/// Rows of w that another seed gives.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StyleganMix {
    /// Whose rows.
    pub seed: u32,
    /// The first row of w.
    pub first: u32,
    /// The first row that is not meant any more, at most `num_ws`.
    pub end: u32,
}

/// How pictures look; `stylegan_look_init` fills it with what changes nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StyleganLook {
    /// Truncation: 0.5 to 0.7 is usual, 1 is none, 0 the average picture.
    pub psi: f32,
    /// Truncates this many rows of w only, the first ones; -1 for all.
    pub cutoff: i32,
    /// The class, which a conditional network needs; -1 for none.
    pub class_index: i32,
    /// A `StyleganNoise`.
    pub noise: u32,
    /// Of `STYLEGAN_NOISE_RANDOM`.
    pub noise_seed: u32,
    /// Style mixing; the last one that has a row wins. Null where there are none.
    pub mixes: *const StyleganMix,
    /// How many.
    pub mix_count: usize,
}

/// As the network draws: psi 1, the stored noise, no class, nothing mixed. Null is nothing.
///
/// # Safety
/// `look` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_look_init(look: *mut StyleganLook) {
    let usual = StyleganLook { psi: 1.0, cutoff: -1, class_index: -1, noise: 0, noise_seed: 0, mixes: std::ptr::null(), mix_count: 0 };
    if !look.is_null() {
        // SAFETY: not null, and the caller's promise.
        unsafe { look.write(usual) };
    }
}

/// A number that -1 stands for none of.
pub(crate) fn optional(number: i32, what: &str) -> Result<Option<usize>, Failure> {
    match number {
        -1 => Ok(None),
        _ => usize::try_from(number).map(Some).map_err(|_| Failure::argument(format!("{what} is {number}; none is -1"))),
    }
}

/// The engine's look; the usual one for null.
///
/// # Safety
/// `look` is null, or a look whose mixes are there.
pub(crate) unsafe fn read(look: *const StyleganLook) -> Result<(Look, Noise), Failure> {
    // SAFETY: the caller's promise.
    let Some(look) = (unsafe { look.as_ref() }) else { return Ok((Look::new(), Noise::Const)) };
    let noise = match look.noise {
        noise if noise == StyleganNoise::Const as u32 => Noise::Const,
        noise if noise == StyleganNoise::None as u32 => Noise::None,
        noise if noise == StyleganNoise::Random as u32 => Noise::Random { seed: look.noise_seed },
        noise => return Err(Failure::argument(format!("noise is {noise}; it is a StyleganNoise, 0 to 2"))),
    };
    if !look.psi.is_finite() {
        return Err(Failure::argument("psi is not finite"));
    }
    let mut read = Look::new().psi(look.psi).noise(noise);
    if let Some(cutoff) = optional(look.cutoff, "cutoff")? {
        read = read.cutoff(cutoff);
    }
    if let Some(class) = optional(look.class_index, "class_index")? {
        read = read.class(class);
    }
    // SAFETY: the caller's promise.
    for mix in unsafe { values(look.mixes, look.mix_count, "mixes") }? {
        if mix.first >= mix.end {
            return Err(Failure::argument(format!("a mix has rows {} to {}, which are none", mix.first, mix.end)));
        }
        read = read.mix(mix.seed, mix.first as usize..mix.end as usize);
    }
    Ok((read, noise))
}
