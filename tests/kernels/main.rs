//! Every kernel, every variant, every element type against its CPU twin: fresh random inputs, awkward shapes, poisoned outputs.

#[path = "../common/mod.rs"]
mod common;
mod convolutions;
mod images;
mod latents;
mod matrix;
mod stylegan3;

use common::{Random, check, compare, gpu, lacks_halves};
use std::collections::HashMap;
use std::sync::Arc;
use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::kernels::filtered_lrelu::FilteredLrelu;
use stylegan_wgpu::internals::kernels::synthesis_input::Features;
use stylegan_wgpu::internals::kernels::{
    CHANNEL_TILE, Epilogue, Slice, Tail, filter_bias_act, modulated_conv2d, modulated_conv2d_up, upsample_border,
};
use stylegan_wgpu::internals::plan::{Load, Plan};
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::{DType, Layout, Tensor};
use stylegan_wgpu::internals::tier::{Matrix, Needs, Tier};
use stylegan_wgpu::internals::trial::trial;

/// What the device computes in: not every one has 16-bit floats (SwiftShader, `STYLEGAN_TIER=portable`).
fn types() -> &'static [DType] {
    if gpu().tier().half { &[DType::F32, DType::F16] } else { &[DType::F32] }
}

fn fixed(values: Vec<f32>) -> Load {
    Arc::new(move || values.clone())
}

/// What this device takes, what every device can, and what GPUs take of large and of small images.
fn options() -> [Options; 4] {
    let of = |name| Options { variant: Some(name), ..Options::default() };
    [Options::default(), Options { portable: true, ..Options::default() }, of("wide"), of("split")]
}

/// Whether the options ask for nothing, or for a variant that a pass of the plan fits.
fn apply(options: &Options, plan: &Plan) -> bool {
    let has = |name| plan.passes.iter().any(|pass| pass.kernel.variants.iter().any(|variant| variant.name == name && (variant.fits)(pass)));
    options.variant.is_none_or(has)
}

/// A plan with an activation, and what a convolution layer needs, filled with random values.
struct Layer {
    plan: Plan,
    random: Random,
    inputs: HashMap<&'static str, Vec<f32>>,
}

impl Layer {
    fn new(seed: u64) -> Layer {
        Layer { plan: Plan::new(), random: Random::new(seed), inputs: HashMap::new() }
    }

    fn input(&mut self, name: &'static str, shape: [usize; 4], dtype: DType, layout: Layout) -> Tensor {
        let tensor = self.plan.input(name, shape, dtype, layout);
        self.inputs.insert(name, self.random.values(tensor.len()));
        tensor
    }

    fn slab(&mut self, shape: [usize; 4], dtype: DType) -> Tensor {
        self.input("x", shape, dtype, Layout::Slab { border: 1 })
    }

    /// A slice that starts behind another layer's, as in a network.
    fn slice(&mut self, name: &'static str, n: usize, channels: usize) -> Slice {
        let rows = CHANNEL_TILE + channels.next_multiple_of(CHANNEL_TILE);
        Slice { tensor: self.input(name, [n, rows, 1, 1], DType::F32, Layout::Flat), first: CHANNEL_TILE }
    }

    fn tail(&mut self, channels: usize, maps: usize, [height, width]: [usize; 2]) -> Tail {
        let rows = channels.next_multiple_of(CHANNEL_TILE);
        let bias = self.input("bias", [1, rows, 1, 1], DType::F32, Layout::Flat);
        let noise = self.input("noise", [maps * height, width, 1, 1], DType::F32, Layout::Flat);
        Tail { bias, noise, noise_strength: 0.3, slope: 0.2, gain: std::f32::consts::SQRT_2, limit: 2.0 }
    }

    fn epilogue(&mut self, channels: usize, maps: usize, [height, width]: [usize; 2], noise_on: bool) -> Epilogue {
        let bias = self.input("bias", [1, channels, 1, 1], DType::F32, Layout::Flat);
        let strength = self.input("strength", [1, channels, 1, 1], DType::F32, Layout::Flat);
        let shape = if noise_on { [maps * height, width, 1, 1] } else { [1, 4, 1, 1] };
        let noise = self.input("noise", shape, DType::F32, Layout::Flat);
        Epilogue { bias, noise, strength, noise_on, slope: 0.2 }
    }

    fn weight(&mut self, shape: [usize; 4], dtype: DType) -> Tensor {
        let scale = 1.0 / ((shape[1] * shape[2] * shape[3]) as f32).sqrt();
        let values = self.random.values(shape.iter().product()).into_iter().map(|v| v * scale).collect();
        self.plan.convolution_weight("weight", shape, dtype, fixed(values))
    }
}

#[test]
fn a_comparison_fails_on_nan_on_one_wrong_value_and_on_a_wrong_length() {
    let want = vec![1.0, -2.0, 3.0];
    compare("equal", &want, &want, 1e-6);
    for got in [vec![1.0, f32::NAN, 3.0], vec![1.0, -2.0, 3.001], vec![1.0, -2.0]] {
        assert!(std::panic::catch_unwind(|| compare("wrong", &got, &want, 1e-6)).is_err(), "{got:?} passed");
    }
    assert!(common::rel_l2(&[f32::NAN], &[1.0]).is_infinite() && common::rel_l2(&[1.0], &[1.0, 2.0]).is_infinite());
    assert!(!gpu().name().is_empty());
}

/// Half a unit in the last place, 2^-11 of a value: an adapter that cut off the bits that do not fit would be off by twice that.
/// Ties, subnormal halves and what does not fit: a depthwise filter that passes a one, times such styles.
#[test]
fn halves_are_exact_at_the_edges() {
    if lacks_halves() {
        return;
    }
    let two = f64::exp2;
    let edges = [1.0 + two(-11.0), 1.0 + 3.0 * two(-11.0), 2049.0, 2051.0, 0.1, two(-14.0), two(-14.0) - two(-25.0), 0.7 * two(-15.0)];
    let small = [two(-24.0), two(-25.0), 1.01 * two(-25.0), 1.5 * two(-24.0), two(-30.0), 65504.0, 65519.0, 65520.0, 1e9];
    let values: Vec<f32> = edges.into_iter().chain(small).flat_map(|v| [v as f32, -v as f32]).collect();
    let channels = values.len();
    let want: Vec<f32> = values.iter().map(|&v| half::f16::from_f32(v).to_f32()).collect();
    for options in options() {
        let mut layer = Layer::new(0);
        let x = layer.slab([1, channels, 1, 4], DType::F16);
        layer.inputs.insert("x", vec![1.0; x.len()]);
        let style = layer.slice("style", 1, channels);
        layer.inputs.get_mut("style").expect("the style")[style.first..style.first + channels].copy_from_slice(&values);
        let centre = (0..channels * 9).map(|i| if i % 9 == 4 { 1.0 } else { 0.0 }).collect();
        let weight = layer.plan.depthwise_weight("weight", channels, fixed(centre));
        let y = layer.plan.depthwise_conv2d("depthwise", x, weight, style);
        let executor = Executor::new(gpu(), layer.plan, "edges", &options).unwrap();
        for (name, values) in &layer.inputs {
            executor.write(executor.plan().find(name).expect("an input"), values).unwrap();
        }
        executor.run().unwrap();
        let got = executor.read(y).unwrap();
        for (c, (pixels, want)) in got.chunks_exact(4).zip(&want).enumerate() {
            assert!(pixels.iter().all(|got| got == want), "{options:?}: {:e} became {pixels:?}, not {want:e}", values[c]);
        }
    }
}

#[test]
fn halves_are_rounded_to_nearest() {
    if lacks_halves() {
        return;
    }
    let mut layer = Layer::new(5);
    let x = layer.slab([1, 8, 16, 16], DType::F16);
    let style = layer.slice("style", 1, 8);
    let values = layer.random.values(8 * 9);
    let weight = layer.plan.depthwise_weight("weight", 8, fixed(values));
    layer.plan.depthwise_conv2d("depthwise", x, weight, style);
    layer.inputs.get_mut("x").expect("the input").iter_mut().for_each(|v| *v = half::f16::from_f32(*v).to_f32());
    let want = reference::run(&layer.plan, &layer.inputs);
    let got = check("halves", layer.plan, &layer.inputs, &Options::default());
    let want = want.last().expect("the last tensor");
    for (i, (&got, &want)) in got[0].iter().zip(want).enumerate().filter(|(_, (_, want))| want.abs() > 1e-3) {
        let error = (f64::from(got) - f64::from(want)).abs() / f64::from(want).abs();
        assert!(error <= 1.001 * f64::exp2(-11.0), "value {i}: {got} for {want}, {error:e}");
    }
}
