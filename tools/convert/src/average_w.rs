//! w_avg = mean over RandomState(123).randn(10000, z_dim) of mapping(z), for checkpoints that do not carry it.

use std::sync::{Mutex, PoisonError, mpsc};

use stylegan_wgpu::latent::RandomState;

use crate::course::Course;

/// Latents of an average w: the number of NVIDIA's projector, so that the same average comes out.
pub const SAMPLES: usize = 10_000;
/// Seed of those latents.
pub const SEED: u32 = 123;

/// Samples side by side in one accumulator: two or four vector registers on every CPU.
const LANES: usize = 8;
/// Samples per unit of work: 16 KiB per group of lanes stay in the first cache, 160 KiB in the second.
const BLOCK: usize = 80;
/// Outputs computed together, so that a sample is loaded once for all of them.
const ROWS: usize = 4;

/// A fully connected layer of the mapping network with its scales folded in: sqrt(2) * lrelu(x W^T + b).
pub(crate) struct Dense {
    pub(crate) inputs: usize,
    /// `[outputs, inputs]`
    pub(crate) weight: Vec<f32>,
    /// `[outputs]`
    pub(crate) bias: Vec<f32>,
}

impl Dense {
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }
}

/// The mean, or zeros where it is put off. Blocks are summed in f64 and in order, so it does not depend on the number of threads.
pub(crate) fn average_w(layers: &[Dense], z_dim: usize, course: &mut Course<'_>) -> Vec<f32> {
    if course.puts_off() {
        return vec![0.0; layers.last().map_or(z_dim, Dense::outputs)];
    }
    let blocks = SAMPLES.div_ceil(BLOCK);
    let sums = Mutex::new(vec![Vec::new(); blocks]);
    // The latents of a block are drawn while it is taken, so that they come in order and few exist at a time.
    let next = Mutex::new((0, RandomState::new(SEED)));
    let blocks_done = |count: usize| count as f32 / blocks as f32;
    if cfg!(target_arch = "wasm32") {
        // One thread does all of it there.
        while let Some((block, z)) = take(&next, z_dim) {
            let sum = sum_of_block(layers, z_dim, &z);
            sums.lock().unwrap_or_else(PoisonError::into_inner)[block] = sum;
            course.tell(blocks_done(block + 1));
        }
        return mean_of(sums, layers.last().map_or(z_dim, Dense::outputs));
    }
    let (done, finished) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |threads| threads.get().min(8)) {
            let (done, next, sums) = (done.clone(), &next, &sums);
            scope.spawn(move || {
                while let Some((block, z)) = take(next, z_dim) {
                    let sum = sum_of_block(layers, z_dim, &z);
                    sums.lock().unwrap_or_else(PoisonError::into_inner)[block] = sum;
                    let _ = done.send(());
                }
            });
        }
        drop(done);
        for (count, ()) in finished.iter().enumerate() {
            course.tell(blocks_done(count + 1));
        }
    });
    mean_of(sums, layers.last().map_or(z_dim, Dense::outputs))
}

fn mean_of(sums: Mutex<Vec<Vec<f64>>>, w_dim: usize) -> Vec<f32> {
    let mut mean = vec![0.0; w_dim];
    for sum in sums.into_inner().unwrap_or_else(PoisonError::into_inner) {
        mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean += sum);
    }
    mean.into_iter().map(|sum: f64| (sum / SAMPLES as f64) as f32).collect()
}

/// The next block's index and latents.
fn take(next: &Mutex<(usize, RandomState)>, z_dim: usize) -> Option<(usize, Vec<f64>)> {
    let (index, random) = &mut *next.lock().unwrap_or_else(PoisonError::into_inner);
    let samples = SAMPLES.checked_sub(*index * BLOCK)?.min(BLOCK);
    *index += 1;
    (samples > 0).then(|| (*index - 1, random.randn(samples * z_dim)))
}

/// `[features][lanes]`: a vector register holds one feature of several samples.
type Group = Vec<[f32; LANES]>;

/// The sum of w over some latents, `[samples, z_dim]`.
fn sum_of_block(layers: &[Dense], z_dim: usize, z: &[f64]) -> Vec<f64> {
    let mut x: Vec<Group> = z.chunks(LANES * z_dim).map(|z| normalised(z, z_dim)).collect();
    for layer in layers {
        x = forward(layer, &x);
    }
    // The lanes beyond the last sample hold what zeros map to.
    let samples = z.len() / z_dim;
    let mut sum = vec![0.0; layers.last().map_or(z_dim, Dense::outputs)];
    for (group, first) in x.iter().zip((0..).step_by(LANES)) {
        let lanes = (samples - first).min(LANES);
        for (sum, feature) in sum.iter_mut().zip(group) {
            *sum += feature[..lanes].iter().copied().map(f64::from).sum::<f64>();
        }
    }
    sum
}

/// z / sqrt(mean(z^2) + 1e-8), of at most `LANES` samples; missing ones are zero.
fn normalised(z: &[f64], z_dim: usize) -> Group {
    let mut x = vec![[0.0; LANES]; z_dim];
    for (lane, sample) in z.chunks(z_dim).enumerate() {
        // A latent is rounded to f32 before it is used, here as everywhere.
        let squares: f64 = sample.iter().map(|&z| f64::from(z as f32).powi(2)).sum();
        let scale = 1.0 / (squares / z_dim as f64 + 1e-8).sqrt();
        sample.iter().zip(&mut x).for_each(|(&z, x)| x[lane] = (f64::from(z as f32) * scale) as f32);
    }
    x
}

/// sqrt(2) * lrelu(x W^T + b, 0.2)
fn forward(layer: &Dense, x: &[Group]) -> Vec<Group> {
    let mut y = vec![Vec::with_capacity(layer.outputs()); x.len()];
    for (rows, bias) in layer.weight.chunks(ROWS * layer.inputs).zip(layer.bias.chunks(ROWS)) {
        let row = |i: usize| &rows[i * layer.inputs..][..layer.inputs];
        for (x, y) in x.iter().zip(&mut y) {
            let mut sums = [[0.0; LANES]; ROWS];
            if bias.len() == ROWS {
                sums = dot(std::array::from_fn(row), x);
            } else {
                sums.iter_mut().take(bias.len()).enumerate().for_each(|(i, sum)| [*sum] = dot([row(i)], x));
            }
            for (sum, bias) in sums.iter().zip(bias) {
                y.push(sum.map(|sum| {
                    let value = sum + bias;
                    std::f32::consts::SQRT_2 * if value < 0.0 { 0.2 * value } else { value }
                }));
            }
        }
    }
    y
}

/// N rows times `[features][lanes]`.
fn dot<const N: usize>(rows: [&[f32]; N], x: &[[f32; LANES]]) -> [[f32; LANES]; N] {
    let rows = rows.map(|row| &row[..x.len()]);
    let mut sums = [[0.0; LANES]; N];
    for (k, x) in x.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&rows) {
            for (sum, x) in sum.iter_mut().zip(x) {
                *sum += row[k] * x;
            }
        }
    }
    sums
}
