//! What the tests share: a device, random values, and a comparison that cannot pass by accident.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::collections::HashMap;
use std::sync::OnceLock;

use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::plan::{Origin, Plan};
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Gpu, blocking};

/// A device, opened once per test binary; `STYLEGAN_DEVICE` chooses another. Without an adapter the tests fail and say how to get one.
pub(crate) fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let device = std::env::var("STYLEGAN_DEVICE").ok();
        let gpu = blocking::open(device.as_deref()).unwrap_or_else(|error| panic!("{error}"));
        println!("testing on {} ({})", gpu.name(), gpu.tier());
        gpu
    })
}

/// Whether a test of 16-bit floats has nothing to test; says so.
pub(crate) fn lacks_halves() -> bool {
    let lacks = !gpu().tier().half;
    if lacks {
        println!("{} has no 16-bit floats: not tested", gpu().name());
    }
    lacks
}

/// A small generator of test values: PCG-like, seeded, uniform in -1..1.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

/// Fails when `got` and `want` differ in length, anywhere by more than `tolerance` of want's rms, or anywhere by NaN.
#[track_caller]
pub(crate) fn compare(what: &str, got: &[f32], want: &[f32], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: {} values instead of {}", got.len(), want.len());
    let rms = (want.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / want.len().max(1) as f64).sqrt();
    let error = |i: usize| (f64::from(got[i]) - f64::from(want[i])).abs() / rms.max(f64::MIN_POSITIVE);
    // Not `error > tolerance`: that is false for NaN, which compares as nothing.
    let wrong: Vec<usize> = (0..got.len()).filter(|&i| error(i).partial_cmp(&tolerance).is_none_or(std::cmp::Ordering::is_gt)).collect();
    let worst = (0..got.len()).max_by(|&i, &j| error(i).total_cmp(&error(j))).unwrap_or(0);
    assert!(
        wrong.is_empty(),
        "{what}: {} of {} values differ by more than {tolerance:e} of rms {rms:e}; the first at {}, the worst at {worst}: got {}, wanted {} ({:.3e} of rms)",
        wrong.len(),
        got.len(),
        wrong[0],
        got[worst],
        want[worst],
        error(worst)
    );
}

/// `||got - want|| / ||want||`; infinite when the lengths differ or a value is NaN.
pub(crate) fn rel_l2(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = square(&mut got.iter().zip(want).map(|(&g, &w)| f64::from(g) - f64::from(w)));
    let norm = square(&mut want.iter().map(|&w| f64::from(w)));
    let relative = (error / norm).sqrt();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

/// Largest error of a single kernel, of the rms of what it should yield.
pub(crate) fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 4e-3,
        _ => 2e-5,
    }
}

/// Runs a plan on the device and on the CPU twins with the same inputs, and compares every tensor that passes write. Inputs are
/// rounded as the device stores them, so that kernels are measured and not the rounding.
#[track_caller]
pub(crate) fn check(what: &str, mut plan: Plan, inputs: &HashMap<&str, Vec<f32>>, options: &Options) -> Vec<Vec<f32>> {
    for id in 0..plan.entries.len() {
        let entry = &mut plan.entries[id];
        match &entry.origin {
            Origin::Pass(_) => entry.tapped = true,
            Origin::Constant(load) => {
                let (load, tensor) = (load.clone(), entry.tensor);
                let round = move || round_to(tensor.dtype, load());
                entry.origin = Origin::Constant(std::sync::Arc::new(round));
            }
            Origin::Input => {}
        }
    }
    let rounded: HashMap<&str, Vec<f32>> = inputs
        .iter()
        .map(|(name, values)| (*name, round_to(plan.find(name).expect("an input of the plan").dtype, values.clone())))
        .collect();
    let want = reference::run(&plan, &rounded);
    let scope = format!("{what}/{:p}", &plan);
    let executor = Executor::new(gpu(), plan.clone(), &scope, options).unwrap_or_else(|error| panic!("{what}: {error}"));
    executor.poison().unwrap();
    for (name, values) in &rounded {
        executor.write(plan.find(name).expect("an input of the plan"), values).unwrap();
    }
    executor.run().unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut got = Vec::new();
    for entry in plan.entries.iter().filter(|entry| matches!(entry.origin, Origin::Pass(_))) {
        let values = executor.read(entry.tensor).unwrap_or_else(|error| panic!("{what}: {error}"));
        let pass = match entry.origin {
            Origin::Pass(index) => &plan.passes[index],
            _ => unreachable!("filtered"),
        };
        // Matrix units take the modulated input as f16, one rounding more (seen: 4.01e-3 with the output's 2^-11 of 6 rms).
        let matrix = if options.matrix.is_some() { 1e-3 } else { 0.0 };
        let limit = match entry.tensor.dtype {
            DType::Rgba8 => 0.02,
            written => tolerance(pass.dtype).max(tolerance(written)) + matrix,
        };
        compare(&format!("{what}: {}", entry.name), &values, &want[entry.tensor.id], limit);
        got.push(values);
    }
    got
}

fn round_to(dtype: DType, values: Vec<f32>) -> Vec<f32> {
    match dtype {
        DType::F16 => values.into_iter().map(|v| half::f16::from_f32(v).to_f32()).collect(),
        _ => values,
    }
}
