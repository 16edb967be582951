//! The trial of a variant on a device: drivers of matrix units are uneven, so a variant that needs them runs only after it has
//! given what the portable one gives, on that device, for fresh inputs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::error::Result;
use crate::executor::{Executor, Options};
use crate::gpu::{Gpu, lock};
use crate::kernel::{Kernel, Variant};
use crate::kernels::{CHANNEL_TILE, Slice, Tail, modulated_conv2d_up};
use crate::plan::Plan;
use crate::tensor::{DType, Layout, Tensor};
use crate::tier::Matrix;

/// Largest difference allowed, of the rms of the portable result: the output is rounded to f16 (2^-11 of up to 6 rms), and so
/// are the modulated inputs (2^-11, averaged over the products of a sum). A wrong tile is off by 1 and more.
const TOLERANCE: f64 = 8e-3;

/// A variant that a device may not run.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The kernel's name.
    pub kernel: &'static str,
    /// The variant's name.
    pub variant: &'static str,
    /// What it did.
    pub reason: String,
}

/// Outcomes on a device: the units with which a variant passed, or the reason of a refusal.
#[derive(Default)]
struct Outcomes(Mutex<HashMap<Key, Result<Matrix, String>>>);

/// Kernel, variant, units.
type Key = (&'static str, &'static str, Matrix);

/// The matrix units with which a variant has passed its trial on a device, if it has; the first question holds the trial.
pub(crate) fn tried(gpu: &Gpu, kernel: &'static Kernel, variant: &'static Variant, matrix: Matrix) -> Result<Option<Matrix>> {
    let key = (kernel.name, variant.name, matrix);
    let outcomes = gpu.beside::<Outcomes>();
    if let Some(outcome) = lock(&outcomes.0).get(&key) {
        return Ok(outcome.as_ref().ok().copied());
    }
    let mut outcome = trial(gpu, kernel, variant, matrix)?.map_or(Ok(matrix), Err);
    // A driver that may run subgroups of 32 or of 64 lanes does not say which it will.
    if outcome.is_err() && matrix.lanes == 64 && gpu.info().subgroup_min_size <= 32 {
        let narrow = Matrix { lanes: 32, ..matrix };
        if trial(gpu, kernel, variant, narrow)?.is_none() {
            outcome = Ok(narrow);
        }
    }
    if let Err(reason) = &outcome {
        log::warn!("{}: {}.{} is not used: {reason}", gpu.name(), kernel.name, variant.name);
    }
    lock(&outcomes.0).insert(key, outcome.clone());
    Ok(outcome.ok())
}

/// The variants that failed their trial on a device, so far.
pub fn refusals(gpu: &Gpu) -> Vec<Refusal> {
    let outcomes = gpu.beside::<Outcomes>();
    let outcomes = lock(&outcomes.0);
    let failed = outcomes.iter().filter_map(|(&(kernel, variant, _), outcome)| Some((kernel, variant, outcome.clone().err()?)));
    let mut refusals: Vec<Refusal> = failed.map(|(kernel, variant, reason)| Refusal { kernel, variant, reason }).collect();
    refusals.sort_by_key(|refusal| (refusal.kernel, refusal.variant));
    refusals
}

/// Runs `variant` and the portable variant of `kernel` on a small layer that fills its tiles and leaves parts of them over.
/// `matrix`: the units to use. `Ok(Some(reason))` when it differs or fails; an error when the portable one fails.
pub fn trial(gpu: &Gpu, kernel: &'static Kernel, variant: &'static Variant, matrix: Matrix) -> Result<Option<String>> {
    let (plan, inputs, y) = layer(kernel);
    let run = |options: &Options| -> Result<(&str, Vec<f32>)> {
        let executor = Executor::new(gpu, plan.clone(), "trial", options)?;
        executor.poison()?;
        inputs.iter().try_for_each(|(tensor, values)| executor.write(*tensor, values))?;
        executor.run()?;
        Ok((executor.variants()[0].1, executor.read(y)?))
    };
    let (_, want) = run(&Options { portable: true, ..Options::default() })?;
    Ok(match run(&Options { variant: Some(variant.name), matrix: Some(matrix), ..Options::default() }) {
        Err(error) => Some(error.to_string()),
        Ok((ran, _)) if ran != variant.name => Some(format!("{ran} runs in its place")),
        Ok((_, got)) => difference(&got, &want),
    })
}

/// What is wrong with `got`, if anything.
fn difference(got: &[f32], want: &[f32]) -> Option<String> {
    let rms = (want.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / want.len() as f64).sqrt();
    let errors = got.iter().zip(want).map(|(&g, &w)| (f64::from(g) - f64::from(w)).abs() / rms);
    // A NaN is the worst there is; a comparison would skip it.
    let worst = errors.map(|error| if error.is_nan() { f64::INFINITY } else { error }).fold(0.0, f64::max);
    (worst > TOLERANCE)
        .then(|| format!("its result differs from the portable kernel's by {worst:.1e} of the rms (allowed: {TOLERANCE:.0e})"))
}

/// A layer of 80 inputs (a stage for each of four subgroups, and one more) and 136 outputs on 18 x 33 pixels, filled with values
/// between -1 and 1.
fn layer(kernel: &Kernel) -> (Plan, Vec<(Tensor, Vec<f32>)>, Tensor) {
    const INPUTS: usize = 80;
    const OUTPUTS: usize = 136;
    const SIZE: [usize; 2] = [18, 33];
    let mut plan = Plan::new();
    let mut inputs = Vec::new();
    let mut input = |plan: &mut Plan, name: &str, shape: [usize; 4], dtype: DType, layout: Layout| {
        let tensor = plan.input(name, shape, dtype, layout);
        inputs.push((tensor, noise(inputs.len() as u64, tensor.len(), 1.0)));
        tensor
    };
    let x = input(&mut plan, "x", [1, INPUTS, SIZE[0], SIZE[1]], DType::F16, Layout::Slab { border: 1 });
    let mut slice = |plan: &mut Plan, name: &str, channels: usize| {
        let rows = channels.next_multiple_of(CHANNEL_TILE);
        Slice { tensor: input(plan, name, [1, rows, 1, 1], DType::F32, Layout::Flat), first: 0 }
    };
    let (style, demod, bias) = (slice(&mut plan, "style", INPUTS), slice(&mut plan, "demod", OUTPUTS), slice(&mut plan, "bias", OUTPUTS));
    let shape = [OUTPUTS, INPUTS, 3, 3];
    let weight = plan.convolution_weight("weight", shape, DType::F16, Arc::new(move || noise(9, shape.iter().product(), 0.1)));
    let y = if kernel.name == modulated_conv2d_up::KERNEL.name {
        plan.modulated_conv2d_up("trial", x, weight, style, demod, 1)
    } else {
        let map = input(&mut plan, "noise", [SIZE[0], SIZE[1], 1, 1], DType::F32, Layout::Flat);
        let tail = Tail { bias: bias.tensor, noise: map, noise_strength: 0.1, slope: 0.2, gain: 1.0, limit: 256.0 };
        plan.modulated_conv2d("trial", x, weight, style, demod, tail)
    };
    (plan, inputs, y)
}

/// Values in -scale..scale: a multiplicative congruential generator (Knuth's MMIX constants).
fn noise(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_value_and_nan_differ() {
        let want = vec![1.0, -1.0, 1.0, -1.0];
        assert_eq!(difference(&want, &want), None);
        assert_eq!(difference(&[1.0, -1.0, 1.004, -1.0], &want), None);
        assert!(difference(&[1.0, -1.0, 1.01, -1.0], &want).is_some());
        assert!(difference(&[1.0, -1.0, f32::NAN, -1.0], &want).is_some());
    }
}
