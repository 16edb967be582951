//! The kernels: one file per shader, with its formula, its Plan method and its CPU twin.

use bytemuck::{Pod, Zeroable};

use crate::kernel::Kernel;
use crate::networks::stylegan2::Activation;
use crate::tensor::{Tensor, quads};

pub mod adain;
pub mod adain_coefficients;
pub mod affine;
pub mod blur2d;
pub mod demodulate;
pub mod depthwise_conv2d;
pub mod filter_bias_act;
pub mod filtered_lrelu;
pub mod fully_connected;
pub mod instance_statistics;
pub mod inverse_haar;
pub mod modulated_conv2d;
pub mod modulated_conv2d_up;
pub mod normalize_2nd_moment;
pub mod normalize_styles;
pub mod synthesis_input;
pub mod to_rgb;
pub mod to_rgba8;
pub mod truncate;
pub mod upsample2d_add;

/// Every kernel; tests and benches walk it.
pub static ALL: &[&Kernel] = &[
    &adain::KERNEL,
    &adain_coefficients::KERNEL,
    &affine::KERNEL,
    &blur2d::KERNEL,
    &demodulate::KERNEL,
    &depthwise_conv2d::KERNEL,
    &filter_bias_act::KERNEL,
    &filtered_lrelu::KERNEL,
    &fully_connected::KERNEL,
    &instance_statistics::KERNEL,
    &inverse_haar::KERNEL,
    &modulated_conv2d::KERNEL,
    &modulated_conv2d_up::KERNEL,
    &normalize_2nd_moment::KERNEL,
    &normalize_styles::KERNEL,
    &synthesis_input::KERNEL,
    &to_rgb::KERNEL,
    &to_rgba8::KERNEL,
    &truncate::KERNEL,
    &upsample2d_add::KERNEL,
];

/// What every layer's channels are padded to in per-channel tables and packed weights: the widest output tile of a variant.
pub const CHANNEL_TILE: usize = 32;

/// Noise, bias, activation, gain and clamp of a layer (`struct BiasAct` in bias_act.wgsl).
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct BiasAct {
    noise_n: u32,
    noise_strength: f32,
    slope: f32,
    gain: f32,
    limit: f32,
    pad: [f32; 3],
}

/// The tail of a layer, as a network states it.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// Per output channel, `[1, O]`.
    pub bias: Tensor,
    /// Noise map `[1 or N * R, R]`, its rows padded to fours; any flat tensor when the strength is 0.
    pub noise: Tensor,
    /// Factor of the noise.
    pub noise_strength: f32,
    /// Slope of the negative half.
    pub slope: f32,
    /// Factor after the activation.
    pub gain: f32,
    /// Clamp to plus and minus this.
    pub limit: f32,
}

impl Tail {
    /// The parameters for a pass over `images` images `height` pixels high.
    pub(crate) fn params(&self, images: usize, height: usize) -> BiasAct {
        let noise_n = noise_stride(self.noise, images, height);
        BiasAct { noise_n, noise_strength: self.noise_strength, slope: self.slope, gain: self.gain, limit: self.limit, pad: [0.0; 3] }
    }
}

impl BiasAct {
    /// The twin of `bias_act` in bias_act.wgsl; `noise` is a flat tensor's natural values, with `pixels` per map.
    pub(crate) fn apply(&self, v: f64, bias: f32, noise: &[f32], image: usize, pixels: usize, pixel: usize) -> f32 {
        let map = if self.noise_n == 0 { 0 } else { image };
        let strength = f64::from(self.noise_strength);
        let z = if strength == 0.0 { 0.0 } else { f64::from(noise[map * pixels + pixel]) };
        let t = v + f64::from(bias) + z * strength;
        let activated = if t >= 0.0 { t } else { t * f64::from(self.slope) };
        (activated * f64::from(self.gain)).clamp(-f64::from(self.limit), f64::from(self.limit)) as f32
    }
}

/// Noise, bias and activation before an instance norm (`struct NoiseAct` in noise_act.wgsl).
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct NoiseAct {
    noise_n: u32,
    noise_on: u32,
    slope: f32,
    pad: u32,
}

/// What follows a convolution of StyleGAN1, before its instance norm.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue {
    /// Per channel, `[1, C]`.
    pub bias: Tensor,
    /// Noise map as in [`Tail`]; any flat tensor when there is none.
    pub noise: Tensor,
    /// Factor of the noise per channel, `[1, C]`.
    pub strength: Tensor,
    /// Whether there is noise.
    pub noise_on: bool,
    /// Slope of the negative half.
    pub slope: f32,
}

impl Epilogue {
    /// The parameters for a pass over `images` images `height` pixels high.
    pub(crate) fn params(&self, images: usize, height: usize) -> NoiseAct {
        let noise_n = noise_stride(self.noise, images, height);
        NoiseAct { noise_n, noise_on: u32::from(self.noise_on), slope: self.slope, pad: 0 }
    }
}

impl NoiseAct {
    /// The twin of `noise_act` in noise_act.wgsl; `noise` is a flat tensor's natural values, with `pixels` per map.
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    pub(crate) fn apply(&self, v: f32, strength: f32, bias: f32, noise: &[f32], image: usize, pixels: usize, pixel: usize) -> f64 {
        let map = if self.noise_n == 0 { 0 } else { image };
        let z = if self.noise_on == 0 { 0.0 } else { f64::from(noise[map * pixels + pixel]) };
        let t = f64::from(v) + f64::from(bias) + z * f64::from(strength);
        if t >= 0.0 { t } else { t * f64::from(self.slope) }
    }
}

/// From the noise map of an image to the next, in fours of pixels; 0 when one map serves the batch.
fn noise_stride(noise: Tensor, images: usize, height: usize) -> u32 {
    let [rows, width, ..] = noise.shape;
    if rows <= height && images > 1 { 0 } else { (height * quads(width)) as u32 }
}

/// Slope and gain of an activation function.
pub fn slope_and_gain(activation: Activation) -> (f32, f32) {
    match activation {
        Activation::Lrelu => (0.2, std::f32::consts::SQRT_2),
        Activation::Relu => (0.0, std::f32::consts::SQRT_2),
        Activation::Linear => (1.0, 1.0),
    }
}

/// Where a layer's slice of the styles (or demodulation factors) of all layers lies.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The tensor of all layers, `[N, rows]`.
    pub tensor: Tensor,
    /// First row, a multiple of [`CHANNEL_TILE`].
    pub first: usize,
}

impl Slice {
    /// First group of four, and groups per image (0 when one row of values serves the batch).
    pub(crate) fn groups(&self, images: usize) -> (u32, u32) {
        let [n, rows, ..] = self.tensor.shape;
        ((self.first / 4) as u32, if n == 1 && images > 1 { 0 } else { (rows / 4) as u32 })
    }
}

/// The value of channel `c` of a layer, in the natural values of a tensor of all layers with `rows` rows.
pub(crate) fn sliced(values: &[f32], rows: usize, first: u32, stride: u32, image: usize, c: usize) -> f64 {
    let base = if stride == 0 { 0 } else { image * rows };
    f64::from(values[base + first as usize * 4 + c])
}

/// `f` normalised to sum 1 and doubled: the gain of 4 that up-sampling by 2 needs, on each axis. Up to 8 taps.
pub(crate) fn doubled_taps(filter: &[f32]) -> [f32; 8] {
    let sum: f64 = filter.iter().map(|&tap| f64::from(tap)).sum();
    let mut taps = [0.0; 8];
    for (tap, &value) in taps.iter_mut().zip(filter) {
        *tap = (2.0 * f64::from(value) / sum) as f32;
    }
    taps
}

/// A filter for up-sampling by 2 as its even and odd taps (`struct Phases` in upsample.wgsl): pixel `2q + odd` is
/// `sum_d phases[odd][d + 2] sample[q + odd + d]` on each axis, d = -2, -1, 0, 1.
pub type Phases = [[f32; 4]; 2];

/// The phases of a filter of 1 to 8 taps: `v[j] = 2 sum_k f[k] u[j + T-1 - k - (T+1)/2]` with zeros between the samples.
pub fn phases(filter: &[f32]) -> Phases {
    let mut phases = Phases::default();
    let shift = filter.len() as isize - 1 - (filter.len() as isize + 1) / 2;
    for (k, tap) in (0..).zip(doubled_taps(filter)).take(filter.len()) {
        let odd = (shift - k).rem_euclid(2);
        // Pixel 2q + odd meets the sample at (2q + odd + shift - k) / 2.
        phases[odd as usize][((odd + shift - k) / 2 - odd + 2) as usize] = tap;
    }
    phases
}

/// Zeros that up-sampling by 2 with a filter reads around an image: the border a tensor needs that is up-sampled later.
pub fn upsample_border(filter: &[f32]) -> usize {
    filter.len().div_ceil(4).max(1)
}

/// The twin of upsample.wgsl: `pixel` of the doubled `plane` of `[height, width]`.
pub(crate) fn upsampled(plane: &[f32], [height, width]: [usize; 2], phases: &Phases, pixel: usize) -> f64 {
    let (y, x) = (pixel / (2 * width), pixel % (2 * width));
    let mut sum = 0.0;
    for (k, &f) in phases[y % 2].iter().enumerate() {
        for (l, &g) in phases[x % 2].iter().enumerate() {
            let (sy, sx) = ((y / 2 + y % 2 + k).wrapping_sub(2), (x / 2 + x % 2 + l).wrapping_sub(2));
            if sy < height && sx < width {
                sum += f64::from(f) * f64::from(g) * f64::from(plane[sy * width + sx]);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: zeros between the samples, then the filter, doubled.
    #[test]
    fn phases_are_the_filter_on_samples_with_zeros_between() {
        let plane: Vec<f32> = (0..7).map(|i| (i * i % 5) as f32 + 1.0).collect();
        for taps in 1..=8 {
            let filter: Vec<f32> = (0..taps).map(|k| (k * 3 % 7) as f32 + 0.5).collect();
            let total: f64 = filter.iter().map(|&tap| f64::from(tap)).sum();
            for pixel in 0..14 {
                let want: f64 = (0..taps)
                    .map(|k| {
                        let u = pixel as isize + taps as isize - 1 - k as isize - (taps as isize + 1) / 2;
                        let sample = if u % 2 == 0 && (0..14).contains(&u) { plane[u as usize / 2] } else { 0.0 };
                        2.0 * f64::from(filter[k]) / total * f64::from(sample)
                    })
                    .sum();
                let [even, odd] = phases(&filter);
                let got: f64 = [even, odd][pixel % 2]
                    .iter()
                    .enumerate()
                    .filter_map(|(d, &f)| Some(f64::from(f) * f64::from(*plane.get((pixel / 2 + pixel % 2 + d).wrapping_sub(2))?)))
                    .sum();
                assert!((got - want).abs() < 1e-5, "{taps} taps, pixel {pixel}: {got} for {want}");
            }
        }
    }
}
