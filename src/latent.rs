//! Latents: seeds to z with NumPy's legacy generator (so that a seed is the same face as in the original code), rows of w per
//! layer, truncation, style mixing and interpolation.

use crate::error::{Error, Result};

mod keyframes;

pub use keyframes::{Interpolation, Keyframes};

/// NumPy's `RandomState`: MT19937 (Matsumoto & Nishimura 1998) and Marsaglia's polar method, bit for bit.
#[derive(Clone)]
pub struct RandomState {
    state: [u32; 624],
    /// Next word of `state`; 624 when all were drawn.
    next: usize,
    /// The polar method makes two values at a time: the one not handed out yet.
    kept: Option<f64>,
}

impl RandomState {
    /// The generator of `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> RandomState {
        let mut state = [seed; 624];
        for i in 1..624 {
            let previous = state[i - 1];
            state[i] = 1812433253u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        RandomState { state, next: 624, kept: None }
    }

    /// `randn(n)`: n values of the normal distribution.
    pub fn randn(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next_gaussian()).collect()
    }

    /// The next value of the normal distribution.
    pub fn next_gaussian(&mut self) -> f64 {
        if let Some(value) = self.kept.take() {
            return value;
        }
        loop {
            let x1 = 2.0 * self.next_f64() - 1.0;
            let x2 = 2.0 * self.next_f64() - 1.0;
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let f = (-2.0 * r2.ln() / r2).sqrt();
                self.kept = Some(f * x1);
                return f * x2;
            }
        }
    }

    /// `shuffle(items)`: every order is as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.interval(i as u32) as usize);
        }
    }

    /// A whole number from 0 to `most`, itself included, by rejection of what the bits of `most` allow beyond it.
    fn interval(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.next_u32() & mask;
            if value <= most {
                return value;
            }
        }
    }

    /// `random_sample()`: the next double of 53 random bits in [0, 1).
    pub fn next_f64(&mut self) -> f64 {
        let (a, b) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(a) * 67108864.0 + f64::from(b)) / 9007199254740992.0
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == 624 {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680;
        y ^= (y << 15) & 0xefc60000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..624 {
            let y = (self.state[i] & 0x80000000) | (self.state[(i + 1) % 624] & 0x7fffffff);
            let odd = if y & 1 == 1 { 0x9908b0df } else { 0 };
            self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// The latent of a seed, as the original code draws it: `RandomState(seed).randn(1, z_dim)`, in f32.
pub fn z(seed: u32, z_dim: usize) -> Vec<f32> {
    let mut random = RandomState::new(seed);
    (0..z_dim).map(|_| random.next_gaussian() as f32).collect()
}

/// Intermediate latents of `n` images: one row of w per layer of the synthesis network.
#[derive(Clone, Debug, PartialEq)]
pub struct Ws {
    /// Number of images.
    pub n: usize,
    /// Rows per image.
    pub num_ws: usize,
    /// Length of a row.
    pub w_dim: usize,
    /// `[n, num_ws, w_dim]`, row-major.
    pub values: Vec<f32>,
}

impl Ws {
    /// Takes `[n, num_ws, w_dim]` values.
    pub fn new(n: usize, num_ws: usize, w_dim: usize, values: Vec<f32>) -> Result<Ws> {
        // Compared as u128: a product of three caller's numbers may not fit in usize.
        if n as u128 * num_ws as u128 * w_dim as u128 != values.len() as u128 {
            return Err(Error::Argument(format!("ws [{n}, {num_ws}, {w_dim}] cannot hold {} values", values.len())));
        }
        Ok(Ws { n, num_ws, w_dim, values })
    }

    /// Repeats w `[n, w_dim]` for every layer. Panics when `w` is not a whole number of rows.
    #[track_caller]
    pub fn broadcast(w: &[f32], w_dim: usize, num_ws: usize) -> Ws {
        assert!(w_dim > 0 && w.len().is_multiple_of(w_dim), "{} values are not rows of {w_dim}", w.len());
        let values = w.chunks_exact(w_dim).flat_map(|row| std::iter::repeat_n(row, num_ws)).flatten().copied().collect();
        Ws { n: w.len() / w_dim, num_ws, w_dim, values }
    }

    /// All rows of image `n`. Panics outside 0..self.n.
    #[track_caller]
    pub fn image(&self, n: usize) -> &[f32] {
        let size = self.num_ws * self.w_dim;
        &self.values[n * size..][..size]
    }

    /// The images in `range` on their own. Panics outside 0..self.n.
    #[track_caller]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Ws {
        let size = self.num_ws * self.w_dim;
        Ws { n: range.len(), values: self.values[range.start * size..range.end * size].to_vec(), ..*self }
    }

    /// Style mixing: the rows of `layers` of image `n` become those of image `from` of `styles`.
    pub fn mix(&mut self, n: usize, layers: &[usize], styles: &Ws, from: usize) -> Result<()> {
        if (self.num_ws, self.w_dim) != (styles.num_ws, styles.w_dim) {
            return Err(Error::Argument(format!(
                "cannot mix ws [{}, {}] with ws [{}, {}]",
                self.num_ws, self.w_dim, styles.num_ws, styles.w_dim
            )));
        }
        if n >= self.n || from >= styles.n {
            return Err(Error::Argument(format!("mixing image {from} of {} into image {n} of {}", styles.n, self.n)));
        }
        if let Some(layer) = layers.iter().find(|layer| **layer >= self.num_ws) {
            return Err(Error::Argument(format!("style layer {layer} is not one of the {} layers, 0 to {}", self.num_ws, self.num_ws - 1)));
        }
        for layer in layers {
            let row = (from * self.num_ws + layer) * self.w_dim;
            let target = (n * self.num_ws + layer) * self.w_dim;
            self.values[target..target + self.w_dim].copy_from_slice(&styles.values[row..row + self.w_dim]);
        }
        Ok(())
    }
}

/// The truncation trick (Karras et al. 2019, appendix B): w = w_avg + psi * (w - w_avg) for the first rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncation {
    /// 1 changes nothing, 0 gives the average image; negative and above 1 are legal.
    pub psi: f32,
    /// How many rows are truncated, all of them when absent or more than there are.
    pub cutoff: Option<usize>,
}

impl Truncation {
    /// Changes `ws` in place; `w_avg` is `[w_dim]` or `[num_ws, w_dim]`. With psi 1 nothing changes by a single bit.
    pub fn apply(&self, ws: &mut Ws, w_avg: &[f32]) -> Result<()> {
        let per_layer = w_avg.len() == ws.num_ws * ws.w_dim;
        if !per_layer && w_avg.len() != ws.w_dim {
            return Err(Error::Argument(format!("w_avg has {} values; w has {}, in {} layers", w_avg.len(), ws.w_dim, ws.num_ws)));
        }
        if self.psi == 1.0 {
            return Ok(());
        }
        for (i, row) in ws.values.chunks_exact_mut(ws.w_dim).enumerate() {
            let layer = i % ws.num_ws;
            if self.cutoff.is_none_or(|cutoff| layer < cutoff) {
                let averages = if per_layer { &w_avg[layer * ws.w_dim..][..ws.w_dim] } else { w_avg };
                for (value, average) in row.iter_mut().zip(averages) {
                    *value = average + self.psi * (*value - average);
                }
            }
        }
        Ok(())
    }
}

/// Linear interpolation from `a` (t = 0) to `b` (t = 1), for w. Panics on different lengths.
#[track_caller]
pub fn lerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    assert_eq!(a.len(), b.len(), "cannot interpolate between vectors of different lengths");
    a.iter().zip(b).map(|(a, b)| a + t * (b - a)).collect()
}

/// Interpolation along the great circle from `a` to `b`, for z: the length changes linearly, so points between two Gaussian
/// latents stay as likely as they are. Panics on different lengths.
#[track_caller]
pub fn slerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    assert_eq!(a.len(), b.len(), "cannot interpolate between vectors of different lengths");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let (length_a, length_b) = (dot(a, a).sqrt(), dot(b, b).sqrt());
    let angle = (dot(a, b) / (length_a * length_b)).clamp(-1.0, 1.0).acos();
    // Parallel, opposite or zero vectors have no one great circle between them.
    if angle.is_nan() || angle.sin() < 1e-6 {
        return lerp(a, b, t);
    }
    let t = f64::from(t);
    let length = length_a + t * (length_b - length_a);
    let (weight_a, weight_b) = (((1.0 - t) * angle).sin() / angle.sin() / length_a, (t * angle).sin() / angle.sin() / length_b);
    a.iter().zip(b).map(|(a, b)| (length * (weight_a * f64::from(*a) + weight_b * f64::from(*b))) as f32).collect()
}

#[cfg(test)]
mod tests;
