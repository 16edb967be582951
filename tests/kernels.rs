//! Every kernel, every variant, every element type against its CPU twin: fresh random inputs, awkward shapes, poisoned outputs.

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use common::{Random, check, compare, gpu, lacks_halves};
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

fn options() -> [Options; 2] {
    [Options::default(), Options { portable: true, ..Options::default() }]
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

/// Images, inputs, outputs, height, width.
const CONVOLUTIONS: &[[usize; 5]] = &[
    [1, 4, 16, 4, 4],
    [1, 1, 1, 8, 8],
    [2, 3, 40, 8, 8],
    [1, 72, 40, 9, 13],
    [3, 20, 72, 16, 16],
    [1, 40, 33, 5, 7],
    [1, 8, 8, 1, 1024],
    [1, 4, 20, 37, 41],
    [2, 72, 24, 7, 12],
    [1, 4, 72, 65, 64],
    [2, 12, 24, 9, 2],
    [1, 8, 40, 6, 1],
    [2, 5, 20, 1, 3],
    [2, 4, 8, 1, 1],
];

#[test]
fn modulated_conv2d_equals_its_twin() {
    for (seed, &[n, inputs, outputs, height, width]) in (0..).zip(CONVOLUTIONS) {
        for (dtype, kernel) in types().iter().flat_map(|&dtype| [(dtype, 3), (dtype, 1)]) {
            for options in options() {
                let mut layer = Layer::new(seed);
                let x = layer.slab([n, inputs, height, width], dtype);
                let weight = layer.weight([outputs, inputs, kernel, kernel], dtype);
                let (style, demod) = (layer.slice("style", n, inputs), layer.slice("demod", n, outputs));
                let tail = layer.tail(outputs, if seed % 2 == 0 { 1 } else { n }, [height, width]);
                layer.plan.modulated_conv2d("conv", x, weight, style, demod, tail);
                check(
                    &format!("{kernel}x{kernel} {n} {inputs}>{outputs} {height}x{width} {dtype:?} {options:?}"),
                    layer.plan,
                    &layer.inputs,
                    &options,
                );
            }
        }
    }
}

/// Matrix kernels, with the units played by the lanes: the same tiles, indices and control flow as on a device with units. Side
/// of the units, inputs, outputs, height, width, size of the kernel; shapes that no tile divides, and every tile.
const MATRIX: &[(&str, [usize; 6])] = &[
    ("matrix16.128", [16, 32, 136, 9, 17, 3]),
    ("matrix16.64", [16, 48, 72, 17, 16, 3]),
    ("matrix16.32", [16, 16, 40, 18, 33, 3]),
    ("matrix16.32", [16, 32, 40, 8, 16, 1]),
    ("matrix8.64", [8, 32, 72, 9, 9, 3]),
    ("matrix8.32", [8, 16, 40, 17, 12, 3]),
    ("matrix16.split", [16, 80, 40, 4, 4, 3]),
    ("matrix16.split", [16, 96, 24, 5, 7, 3]),
    ("matrix16.split", [16, 32, 33, 3, 11, 1]),
    ("matrix8.split", [8, 80, 24, 4, 4, 3]),
    ("matrix8.split", [8, 64, 40, 3, 7, 3]),
    ("matrix16.split", [16, 32, 24, 9, 2, 3]),
    ("matrix8.split", [8, 32, 24, 7, 1, 3]),
];

/// Matrix units of that side, played by the lanes.
fn units(side: usize) -> Matrix {
    Matrix { side: side as u32, lanes: 32, workgroup_memory: 32 << 10, emulated: true }
}

/// Options under which the plan's convolution runs the variant `tile`, which fits it.
fn emulated(plan: &Plan, matrix: Matrix, tile: &'static str) -> Options {
    let tier = Tier { matrix: Some(matrix), ..gpu().tier() };
    let fitting = plan.passes[0].kernel.fitting(&tier, &plan.passes[0]);
    assert!(fitting.iter().any(|variant| variant.name == tile), "{tile} does not fit {:?}", plan.passes[0].write.shape);
    Options { matrix: Some(matrix), variant: Some(tile), ..Options::default() }
}

#[test]
fn a_variant_runs_after_its_trial_and_a_wrong_one_is_refused() {
    if lacks_halves() {
        return;
    }
    let kernel = &modulated_conv2d::KERNEL;
    let variant = kernel.variants.iter().find(|variant| variant.name == "matrix8.split").expect("a variant");
    let matrix = units(8);
    assert_eq!(trial(gpu(), kernel, variant, matrix).unwrap(), None);
    // Half of the lanes that a fragment needs: what a device with other subgroups would do.
    let reason = trial(gpu(), kernel, variant, Matrix { lanes: 16, ..matrix }).unwrap();
    assert!(reason.is_some_and(|reason| reason.contains("differs from the portable kernel's by")));
    // What the device has no room for does not run, and a trial of it proves nothing.
    let reason = trial(gpu(), kernel, variant, Matrix { workgroup_memory: 8 << 10, ..matrix }).unwrap();
    assert_eq!(reason.as_deref(), Some("portable runs in its place"));
}

/// Real ones, where there are any: GPUs', and lavapipe's from Mesa 26 on with `STYLEGAN_TIER=matrix` (tools/gpu-lab/drivers.sh).
#[test]
fn the_units_of_this_device_pass_every_trial() {
    let Some(matrix) = gpu().tier().matrix else { return };
    for kernel in [&modulated_conv2d::KERNEL, &modulated_conv2d_up::KERNEL] {
        let fits = |needs| matches!(needs, Needs::Matrix { side, .. } if side == matrix.side);
        for variant in kernel.variants.iter().filter(|variant| fits(variant.needs)) {
            assert_eq!(trial(gpu(), kernel, variant, matrix).unwrap(), None, "{}.{} on {matrix:?}", kernel.name, variant.name);
        }
    }
}

/// The order of variants is the choice without tuning: the sum is split where there are few tiles, then wide tiles come first.
#[test]
fn matrix_variants_are_taken_in_their_order() {
    let tier = Tier { matrix: Some(units(16)), ..gpu().tier() };
    let layers = [(4, 512, "matrix16.split"), (32, 512, "matrix16.split"), (64, 512, "matrix16.128"), (128, 64, "matrix16.64")];
    for (side, outputs, expected) in layers.into_iter().chain([(128, 32, "matrix16.32")]) {
        let mut layer = Layer::new(0);
        let x = layer.plan.input("x", [1, 32, side, side], DType::F16, Layout::Slab { border: 1 });
        let weight = layer.plan.convolution_weight("weight", [outputs, 32, 3, 3], DType::F16, fixed(Vec::new()));
        let (style, demod) = (layer.slice("style", 1, 32), layer.slice("demod", 1, outputs));
        let tail = layer.tail(outputs, 1, [side, side]);
        layer.plan.modulated_conv2d("conv", x, weight, style, demod, tail);
        let pass = &layer.plan.passes[0];
        assert_eq!(pass.kernel.fitting(&tier, pass)[0].name, expected, "{side} {outputs}");
    }
}

#[test]
fn modulated_conv2d_on_matrix_units_equals_its_twin() {
    modulated_conv2d_on_matrix_units(32);
}

#[test]
fn modulated_conv2d_up_on_matrix_units_equals_its_twin() {
    modulated_conv2d_up_on_matrix_units(32);
}

#[test]
#[ignore = "takes minutes where a processor plays workgroups of 256 threads"]
fn subgroups_of_64_lanes_give_the_same() {
    modulated_conv2d_on_matrix_units(64);
    modulated_conv2d_up_on_matrix_units(64);
}

fn modulated_conv2d_on_matrix_units(lanes: u32) {
    if lacks_halves() {
        return;
    }
    for (seed, &(tile, [side, inputs, outputs, height, width, kernel])) in (0..).zip(MATRIX) {
        let n = 1 + seed as usize % 2;
        let mut layer = Layer::new(seed);
        let x = layer.slab([n, inputs, height, width], DType::F16);
        let weight = layer.weight([outputs, inputs, kernel, kernel], DType::F16);
        let (style, demod) = (layer.slice("style", n, inputs), layer.slice("demod", n, outputs));
        let tail = layer.tail(outputs, 1, [height, width]);
        // As StyleGAN's layers, and as StyleGAN3's: what is staged is f16 in both.
        let written = if seed % 3 == 0 { DType::F32 } else { DType::F16 };
        layer.plan.modulated_conv2d_to(written, "conv", x, weight, style, demod, tail);
        let options = emulated(&layer.plan, Matrix { lanes, ..units(side) }, tile);
        check(&format!("{tile} {kernel}x{kernel} {inputs}>{outputs} {height}x{width}"), layer.plan, &layer.inputs, &options);
    }
}

/// Bands of rows and of images begin and end anywhere in a tile.
#[test]
fn bands_change_nothing_on_matrix_units() {
    if lacks_halves() {
        return;
    }
    for (tile, side) in [("matrix16.32", 16), ("matrix8.split", 8)] {
        let run = |max_binding| {
            let mut layer = Layer::new(21);
            let x = layer.slab([2, 16, 11, 9 + side], DType::F16);
            let weight = layer.weight([40, 16, 3, 3], DType::F16);
            let (style, demod) = (layer.slice("style", 2, 16), layer.slice("demod", 2, 40));
            let tail = layer.tail(40, 1, [11, 9 + side]);
            layer.plan.modulated_conv2d("conv", x, weight, style, demod, tail);
            let options = Options { max_binding, ..emulated(&layer.plan, units(side), tile) };
            check(&format!("{tile} in bands of {max_binding:?}"), layer.plan, &layer.inputs, &options)
        };
        let whole = run(None);
        assert!(whole == run(Some(30_000)) && whole == run(Some(20_000)), "{tile}");
    }
}

/// Side of the units, inputs, outputs, height, width.
const MATRIX_UP: &[(&str, [usize; 5])] = &[
    ("matrix16.64", [16, 32, 72, 5, 17]),
    ("matrix16.32", [16, 16, 40, 9, 16]),
    ("matrix8.32", [8, 16, 40, 5, 9]),
    ("matrix8.16", [8, 32, 24, 9, 16]),
    ("matrix16.split", [16, 80, 40, 4, 4]),
    ("matrix16.split", [16, 16, 24, 5, 6]),
    ("matrix8.split", [8, 96, 24, 3, 7]),
    ("matrix16.split", [16, 16, 24, 9, 2]),
    ("matrix8.split", [8, 16, 24, 1, 3]),
];

fn modulated_conv2d_up_on_matrix_units(lanes: u32) {
    if lacks_halves() {
        return;
    }
    for (seed, &(tile, [side, inputs, outputs, height, width])) in (0..).zip(MATRIX_UP) {
        let n = 1 + seed as usize % 2;
        let mut layer = Layer::new(seed);
        let x = layer.slab([n, inputs, height, width], DType::F16);
        let weight = layer.weight([outputs, inputs, 3, 3], DType::F16);
        let (style, demod) = (layer.slice("style", n, inputs), layer.slice("demod", n, outputs));
        layer.plan.modulated_conv2d_up("up", x, weight, style, demod, 1);
        let options = emulated(&layer.plan, Matrix { lanes, ..units(side) }, tile);
        check(&format!("{tile} {inputs}>{outputs} {height}x{width}"), layer.plan, &layer.inputs, &options);
    }
}

#[test]
fn a_const_serves_a_whole_batch() {
    let mut layer = Layer::new(3);
    let x = layer.slab([1, 12, 4, 4], DType::F32);
    let weight = layer.weight([20, 12, 3, 3], DType::F32);
    let (style, demod) = (layer.slice("style", 3, 12), layer.slice("demod", 3, 20));
    let tail = layer.tail(20, 1, [4, 4]);
    let y = layer.plan.modulated_conv2d("conv", x, weight, style, demod, tail);
    assert_eq!(y.shape, [3, 20, 4, 4]);
    check("const", layer.plan, &layer.inputs, &Options::default());
}

#[test]
fn modulated_conv2d_up_and_filter_equal_their_twins() {
    let filters: [&[f32]; 6] = [
        &[1.0, 3.0, 3.0, 1.0],
        &[1.0, 2.0, 1.0],
        &[0.5, 1.0, -2.0, 4.0, 3.0, 1.0, 0.0, 0.25],
        &[1.0],
        &[1.0, -2.0, 4.0, 3.0, 1.0],
        &[1.0, 2.0, 3.0, 3.0, 2.0, 4.0],
    ];
    for (seed, &[n, inputs, outputs, height, width]) in
        (0..).zip(CONVOLUTIONS[..6].iter().chain(&CONVOLUTIONS[10..]).chain(&[[1, 4, 40, 33, 33]]))
    {
        for &dtype in types() {
            for options in options() {
                let filter = filters[seed as usize % filters.len()];
                let mut layer = Layer::new(seed);
                let x = layer.slab([n, inputs, height, width], dtype);
                let weight = layer.weight([outputs, inputs, 3, 3], dtype);
                let (style, demod) = (layer.slice("style", n, inputs), layer.slice("demod", n, outputs));
                let tail = layer.tail(outputs, 1, [2 * height, 2 * width]);
                let t = layer.plan.modulated_conv2d_up("up", x, weight, style, demod, filter_bias_act::border(filter));
                layer.plan.filter_bias_act("filter", t, filter, tail);
                check(&format!("up {n} {inputs}>{outputs} {height}x{width} {dtype:?} {options:?}"), layer.plan, &layer.inputs, &options);
            }
        }
    }
}

#[test]
fn to_rgb_equals_its_twin() {
    let filters: [&[f32]; 4] = [&[1.0, 3.0, 3.0, 1.0], &[1.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0], &[1.0]];
    let shapes =
        [[1, 8, 3, 8, 8], [2, 40, 1, 16, 6], [1, 5, 4, 4, 4], [1, 33, 2, 32, 32], [2, 8, 3, 18, 2], [2, 8, 4, 2, 10], [1, 8, 3, 2, 2]];
    for (seed, [n, inputs, channels, height, width]) in (0..).zip(shapes) {
        for &dtype in types() {
            let mut layer = Layer::new(seed);
            let x = layer.slab([n, inputs, height, width], dtype);
            let style = layer.slice("style", n, inputs);
            let values = layer.random.values(channels * inputs);
            let weight = layer.plan.to_rgb_weight("weight", [channels, inputs, 1, 1], fixed(values));
            let bias = layer.input("bias", [1, channels, 1, 1], DType::F32, Layout::Flat);
            let filter = filters[seed as usize % filters.len()];
            let skip = layer.input("skip", [n, channels, height / 2, width / 2], DType::F32, Layout::Slab { border: 2 });
            let first = layer.plan.to_rgb("first", x, weight, style, bias, None, filter, f32::INFINITY);
            let img = layer.plan.to_rgb("second", x, weight, style, bias, Some(skip), filter, 0.5);
            layer.plan.to_rgba8("rgba", img);
            layer.plan.to_rgba8("rgba", first);
            check(&format!("torgb {n} {inputs}>{channels} {height}x{width} {dtype:?}"), layer.plan, &layer.inputs, &Options::default());
        }
    }
}

#[test]
fn upsample2d_add_equals_its_twin() {
    let filters: [&[f32]; 5] =
        [&[1.0, 3.0, 3.0, 1.0], &[1.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0], &[1.0], &[3.0, -1.0, 2.0, 0.5, 1.0]];
    for (seed, [n, channels, height, width]) in
        (0..).zip([[1, 8, 4, 4], [2, 40, 5, 9], [1, 33, 8, 8], [3, 3, 2, 16], [1, 72, 7, 3], [2, 8, 5, 1], [1, 8, 1, 1]])
    {
        for &dtype in types() {
            let filter = filters[seed as usize % filters.len()];
            let mut layer = Layer::new(seed);
            let a = layer.input("a", [n, channels, 2 * height, 2 * width], dtype, Layout::Slab { border: 1 });
            let b = layer.input("b", [n, channels, height, width], dtype, Layout::Slab { border: upsample_border(filter) });
            let y = layer.plan.upsample2d_add("add", a, b, filter);
            // A reader of the border that was written.
            let weight = layer.weight([4, channels, 3, 3], dtype);
            let (style, tail) = (layer.slice("style", n, channels), layer.tail(4, 1, [2 * height, 2 * width]));
            let demod = layer.slice("demod", n, 4);
            layer.plan.modulated_conv2d_bordered("conv", y, weight, style, demod, tail, 2);
            check(&format!("upsample2d_add {n} {channels} {height}x{width} {dtype:?}"), layer.plan, &layer.inputs, &Options::default());
        }
    }
}

#[test]
fn wavelet_kernels_equal_their_twins() {
    for (seed, [n, channels, height, width]) in (0..).zip([[1, 16, 8, 8], [2, 12, 5, 7], [1, 72, 9, 13], [3, 8, 4, 4], [2, 8, 6, 1]]) {
        for &dtype in types() {
            let mut layer = Layer::new(seed);
            let x = layer.slab([n, channels, height, width], dtype);
            let style = layer.slice("style", n, channels);
            let values = layer.random.values(channels * 9);
            let weight = layer.plan.depthwise_weight("weight", channels, fixed(values));
            let y = layer.plan.depthwise_conv2d("depthwise", x, weight, style);
            // Readers of the borders that were written.
            let weight = layer.weight([4, channels, 3, 3], dtype);
            let (other, demod, tail) =
                (layer.slice("other style", n, channels), layer.slice("demod", n, 4), layer.tail(4, 1, [height, width]));
            layer.plan.modulated_conv2d("conv", y, weight, other, demod, tail);
            let fine = layer.plan.inverse_haar("wavelet", y, style, dtype);
            let weight = layer.weight([4, channels / 4, 3, 3], dtype);
            layer.plan.modulated_conv2d("fine", fine, weight, other, demod, Tail { noise_strength: 0.0, ..tail });
            layer.plan.inverse_haar("image", y, style, DType::F32);
            check(&format!("wavelet {n} {channels} {height}x{width} {dtype:?}"), layer.plan, &layer.inputs, &Options::default());
        }
    }
}

#[test]
fn blur2d_equals_its_twin() {
    for (seed, [n, channels, height, width]) in
        (0..).zip([[1, 8, 4, 4], [2, 40, 5, 9], [1, 33, 1, 1], [3, 3, 2, 16], [2, 8, 9, 2], [1, 8, 1, 5]])
    {
        for &dtype in types() {
            let mut layer = Layer::new(seed);
            let t = layer.input("t", [n, channels, 2 * height + 1, 2 * width + 1], dtype, Layout::Slab { border: 0 });
            let y = layer.plan.blur2d("blur", t);
            // A reader of the border that was written.
            let weight = layer.weight([4, channels, 3, 3], dtype);
            let (style, demod) = (layer.slice("style", n, channels), layer.slice("demod", n, 4));
            let tail = layer.tail(4, 1, [2 * height, 2 * width]);
            layer.plan.modulated_conv2d("conv", y, weight, style, demod, tail);
            check(&format!("blur {n} {channels} {height}x{width} {dtype:?}"), layer.plan, &layer.inputs, &Options::default());
        }
    }
}

/// One chunk, several (the last one shorter), channels that leave groups open, a constant that serves a batch, no noise.
#[test]
fn adain_equals_its_twins() {
    let cases = [
        [1, 1, 8, 4, 4],
        [2, 2, 5, 9, 13],
        [1, 3, 40, 4, 4],
        [2, 2, 3, 128, 96],
        [1, 1, 17, 5, 1500],
        [1, 1, 1, 2, 2],
        [1, 2, 6, 9, 2],
        [2, 2, 4, 5, 1],
    ];
    for (seed, [x_images, n, channels, height, width]) in (0..).zip(cases) {
        for &dtype in types() {
            let mut layer = Layer::new(seed);
            let x = layer.slab([x_images, channels, height, width], dtype);
            let style = layer.slice("style", n, 2 * channels);
            let epilogue = layer.epilogue(channels, if seed % 2 == 0 { 1 } else { n }, [height, width], seed != 3);
            let statistics = layer.plan.instance_statistics("statistics", x, n, epilogue);
            let coefficients = layer.plan.adain_coefficients("coefficients", statistics, x, style);
            layer.plan.adain("adain", x, coefficients, epilogue);
            check(&format!("adain {x_images} {n} {channels} {height}x{width} {dtype:?}"), layer.plan, &layer.inputs, &Options::default());
        }
    }
}

#[test]
fn mapping_kernels_equal_their_twins() {
    for (seed, [n, z_dim, embed, w_dim]) in (0..).zip([[1, 512, 0, 512], [3, 7, 5, 9], [2, 64, 0, 33], [1, 0, 12, 16]]) {
        let mut layer = Layer::new(seed);
        let z = (z_dim > 0).then(|| layer.input("z", [n, z_dim, 1, 1], DType::F32, Layout::Flat));
        let label = (embed > 0).then(|| layer.input("label", [n, embed, 1, 1], DType::F32, Layout::Flat));
        layer.plan.normalize_2nd_moment_jointly("jointly", z, label);
        let x = layer.plan.normalize_2nd_moment("normalize", z, label);
        let weight = layer.input("weight", [w_dim, z_dim + embed, 1, 1], DType::F32, Layout::Flat);
        let bias = layer.input("bias", [1, w_dim, 1, 1], DType::F32, Layout::Flat);
        layer.plan.fully_connected("fc", x, weight, bias, 0.2, 1.5);
        if let Some(z) = z.filter(|_| label.is_none()) {
            layer.plan.fully_connected_normalized("normalised fc", z, weight, bias, 0.2, 1.5);
        }
        check(&format!("mapping {n} {z_dim}+{embed}>{w_dim}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn truncate_equals_its_twin() {
    for (seed, [latents, rows, w_dim, averages]) in (0..).zip([[1, 18, 512, 1], [3, 8, 33, 4], [2, 5, 16, 5]]) {
        let mut layer = Layer::new(seed);
        let w = layer.input("w", [latents, w_dim, 1, 1], DType::F32, Layout::Flat);
        let w_avg = layer.input("w_avg", [averages, w_dim, 1, 1], DType::F32, Layout::Flat);
        let table = (0..rows).flat_map(|r| [(r % latents) as f32, (r % averages) as f32, [0.7, 1.0, -0.5][r % 3], 0.0]).collect();
        let table = layer.plan.constant("table", [rows, 4, 1, 1], DType::F32, Layout::Flat, fixed(table));
        let direction = layer.input("direction", [rows, w_dim, 1, 1], DType::F32, Layout::Flat);
        layer.plan.truncate("truncate", w, w_avg, table, direction);
        check(&format!("truncate {latents}>{rows} {w_dim}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn affine_and_demodulate_equal_their_twins() {
    for (seed, [n, num_ws, w_dim, styles]) in (0..).zip([[1, 4, 16, 32], [3, 2, 33, 64], [2, 18, 512, 96]]) {
        let mut layer = Layer::new(seed);
        let ws = layer.input("ws", [n * num_ws, w_dim, 1, 1], DType::F32, Layout::Flat);
        let matrix = layer.input("matrix", [styles, w_dim, 1, 1], DType::F32, Layout::Flat);
        let slots = (0..styles).flat_map(|r| [layer.random.next(), (r * 7 % num_ws) as f32, 0.0, 0.0]).collect();
        let table = layer.plan.constant("table", [styles, 4, 1, 1], DType::F32, Layout::Flat, fixed(slots));
        let style = layer.plan.affine("affine", ws, num_ws, matrix, table);
        // Two layers: rows of 4 and of 8 groups of inputs; the last rows are padding.
        let rows: Vec<[f32; 4]> = (0..12)
            .map(|r| match r {
                0..6 => [1.0 + r as f32, 1.0, 4.0, (r * 4) as f32],
                6..10 => [0.5, 0.0, 8.0, (24 + (r - 6) * 8) as f32],
                _ => [0.0; 4],
            })
            .collect();
        let energies = layer.random.values(4 * (24 + 32)).into_iter().map(f32::abs).collect::<Vec<_>>();
        let energies = layer.plan.constant("energies", [1, energies.len(), 1, 1], DType::F32, Layout::Flat, fixed(energies));
        let table = layer.plan.constant("rows", [12, 4, 1, 1], DType::F32, Layout::Flat, fixed(rows.concat()));
        layer.plan.demodulate("demodulate", style, energies, table);
        check(&format!("affine {n} {num_ws} {w_dim} {styles}"), layer.plan, &layer.inputs, &Options::default());
    }
}

/// A filtered leaky ReLU with random filters of `pairs` pairs.
fn filtered_lrelu(random: &mut Random, up: usize, taps: [usize; 2], pairs: usize, padding: [isize; 4]) -> FilteredLrelu {
    let [up_taps, down_taps] = taps;
    FilteredLrelu {
        up,
        up_filter: random.values(up_taps),
        down_filter: (0..pairs).map(|_| [random.values(down_taps), random.values(down_taps)]).collect(),
        padding,
        slope: 0.2,
        gain: std::f32::consts::SQRT_2,
        limit: 1.5,
    }
}

/// Up-sampling, taps, pairs, padding, of images, channels, height, width and a margin: NVIDIA's combinations, strips that end anywhere,
/// rectangles, cropping on one side and padding on the other, filters shorter than the kernel's.
type Filtered = (usize, [usize; 2], usize, [isize; 4], [usize; 4], usize);
const FILTERED: &[Filtered] = &[
    (2, [12, 12], 1, [9, 8, 9, 8], [1, 8, 38, 38], 1),
    (4, [24, 12], 1, [-6, -9, -6, -9], [2, 5, 21, 21], 1),
    (2, [12, 12], 3, [11, 10, 11, 10], [1, 4, 36, 18], 0),
    (4, [24, 12], 4, [8, 5, -2, -5], [1, 6, 36, 18], 0),
    (2, [12, 12], 1, [1, 0, -9, -10], [1, 3, 84, 42], 0),
    (2, [12, 12], 1, [9, 8, 9, 8], [1, 4, 70, 131], 1),
    (2, [9, 7], 2, [3, 5, 2, 6], [1, 4, 9, 5], 1),
    (1, [6, 12], 1, [10, 12, 10, 12], [1, 4, 40, 7], 0),
    (1, [1, 1], 1, [0, 0, 0, 0], [2, 2, 5, 6], 0),
    (4, [24, 12], 12, [20, 19, 20, 19], [1, 1, 1, 1], 1),
];

#[test]
fn filtered_lrelu_equals_its_twin() {
    for (seed, &(up, taps, pairs, padding, [n, channels, height, width], margin)) in (0..).zip(FILTERED) {
        for &dtype in types() {
            let mut layer = Layer::new(seed);
            let x = layer.slab([n, channels, height, width], DType::F32);
            let filtered = filtered_lrelu(&mut layer.random, up, taps, pairs, padding);
            let y = layer.plan.filtered_lrelu("filtered", x, &filtered, margin, dtype);
            // A reader of the margin and the border.
            let weight = layer.weight([4, channels, 3, 3], dtype);
            let (style, demod) = (layer.slice("style", n, channels), layer.slice("demod", n, 4));
            let tail = layer.tail(4, 1, [y.shape[2], y.shape[3]]);
            layer.plan.modulated_conv2d_to(DType::F32, "conv", y, weight, style, demod, tail);
            for options in options() {
                let what = format!("filtered {up} {taps:?} {pairs} {padding:?} {n} {channels} {height}x{width} {dtype:?}");
                check(&what, layer.plan.clone(), &layer.inputs, &options);
            }
        }
    }
}

/// Of several images, and of rows that begin and end anywhere.
#[test]
fn bands_change_nothing_of_stylegan3() {
    for (up, padding) in [(2, [9, 8, 9, 8]), (4, [-6, -9, -6, -9])] {
        let run = |max_binding| {
            let mut layer = Layer::new(31);
            let style = layer.slice("style", 2, 4);
            let transform = layer.input("transform", [6, 4, 1, 1], DType::F32, Layout::Flat);
            let waves = layer.input("waves", [8, 4, 1, 1], DType::F32, Layout::Flat);
            let features = Features { channels: 8, size: [70, 40], sampling_rate: 16.0, bandwidth: 2.0 };
            layer.plan.synthesis_input("features", style, transform, waves, features, 1);
            let x = layer.slab([2, 8, 72, 42], DType::F32);
            let filtered = filtered_lrelu(&mut layer.random, up, [6 * up, 12], 1, padding);
            layer.plan.filtered_lrelu("filtered", x, &filtered, 1, DType::F32);
            check(
                &format!("up {up} in bands of {max_binding:?}"),
                layer.plan,
                &layer.inputs,
                &Options { max_binding, ..Options::default() },
            )
        };
        let whole = run(None);
        assert!(whole == run(Some(400_000)) && whole == run(Some(90_000)), "up {up}");
    }
}

#[test]
fn synthesis_input_equals_its_twin() {
    for (seed, [n, channels, height, width, margin]) in (0..).zip([[1, 8, 9, 9, 1], [2, 5, 36, 18, 0], [3, 1, 4, 7, 1]]) {
        let mut layer = Layer::new(seed);
        let style = layer.slice("style", n, 4);
        let transform = layer.input("transform", [3 * n, 4, 1, 1], DType::F32, Layout::Flat);
        let waves = layer.input("waves", [channels.next_multiple_of(4), 4, 1, 1], DType::F32, Layout::Flat);
        // Frequencies on both sides of the bandwidth.
        layer.inputs.get_mut("waves").expect("the input").iter_mut().for_each(|value| *value *= 3.0);
        let features = Features { channels, size: [height, width], sampling_rate: 16.0, bandwidth: 2.0 };
        layer.plan.synthesis_input("features", style, transform, waves, features, margin);
        check(&format!("features {n} {channels} {height}x{width}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn normalize_styles_equals_its_twin() {
    for (seed, scale) in (0..).zip([1.0, 1e-24, 1e24, 0.0]) {
        let mut layer = Layer::new(seed);
        let styles = layer.input("styles", [2, 96, 1, 1], DType::F32, Layout::Flat);
        // Of 32 rows of a layer 7 are its own.
        let of_layer = |row: usize| {
            if row % 96 < 32 {
                scale
            } else if (39..64).contains(&(row % 96)) {
                0.0
            } else {
                1.0
            }
        };
        layer.inputs.get_mut("styles").expect("the input").iter_mut().enumerate().for_each(|(row, value)| *value *= of_layer(row));
        let table = fixed(vec![0.0, 8.0, 32.0, 0.0, 8.0, 8.0, 7.0, 0.0, 16.0, 8.0, 0.0, 0.0]);
        let layers = layer.plan.constant("layers", [3, 4, 1, 1], DType::F32, Layout::Flat, table);
        layer.plan.normalize_styles("normalize", styles, layers);
        check(&format!("styles of {scale:e}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn bands_change_nothing() {
    let square = [24, 24];
    let cases = [(DType::F32, false, square), (DType::F16, false, square), (DType::F32, true, square), (DType::F16, false, [46, 11])];
    for (dtype, portable, [height, width]) in cases.into_iter().filter(|(dtype, ..)| types().contains(dtype)) {
        let build = || {
            let mut layer = Layer::new(11);
            let x = layer.slab([2, 8, height, width], dtype);
            let weight = layer.weight([8, 8, 3, 3], dtype);
            let (style, demod) = (layer.slice("style", 2, 8), layer.slice("demod", 2, 8));
            let tail = layer.tail(8, 1, [2 * height, 2 * width]);
            let filter = [1.0, 3.0, 3.0, 1.0];
            let t = layer.plan.modulated_conv2d_up("up", x, weight, style, demod, 1);
            let y = layer.plan.filter_bias_act("filter", t, &filter, tail);
            let y = layer.plan.modulated_conv2d("conv", y, weight, style, demod, tail);
            let values = layer.random.values(24);
            let rgb = layer.plan.to_rgb_weight("rgb", [3, 8, 1, 1], fixed(values));
            let skip = layer.input("skip", [2, 3, height, width], DType::F32, Layout::Slab { border: 1 });
            let bias = layer.input("rgb bias", [1, 3, 1, 1], DType::F32, Layout::Flat);
            let img = layer.plan.to_rgb("torgb", y, rgb, style, bias, Some(skip), &filter, 9.0);
            layer.plan.to_rgba8("rgba", img);
            let below = layer.input("below", [2, 8, height, width], dtype, Layout::Slab { border: 1 });
            let x = layer.plan.upsample2d_add("add", y, below, &filter);
            let t = layer.plan.modulated_conv2d_up("styled", x, weight, style, demod, 0);
            layer.plan.blur2d("blur", t);
            layer
        };
        let run = |what: &str, max_binding| {
            let layer = build();
            check(what, layer.plan, &layer.inputs, &Options { max_binding, portable, ..Options::default() })
        };
        let whole = run("whole", None);
        let per_image = run("an image at a time", Some(25_000 * dtype.bytes() as u64));
        let per_rows = run("rows at a time", Some(10_000 + 5_000 * dtype.bytes() as u64));
        for ((whole, per_image), per_rows) in whole.iter().zip(&per_image).zip(&per_rows) {
            assert_eq!(whole, per_image);
            assert_eq!(whole, per_rows);
        }
    }
}

/// Statistics of a plane that no binding holds whole.
#[test]
fn bands_change_no_statistics() {
    let run = |max_binding| {
        let mut layer = Layer::new(12);
        let x = layer.slab([2, 8, 130, 64], DType::F32);
        let style = layer.slice("style", 2, 16);
        let epilogue = layer.epilogue(8, 2, [130, 64], true);
        let statistics = layer.plan.instance_statistics("statistics", x, 2, epilogue);
        let coefficients = layer.plan.adain_coefficients("coefficients", statistics, x, style);
        layer.plan.adain("adain", x, coefficients, epilogue);
        check("statistics in bands", layer.plan, &layer.inputs, &Options { max_binding, ..Options::default() })
    };
    let whole = run(None);
    // An image at a time, and a chunk of 64 rows at a time.
    assert!(whole == run(Some(300_000)) && whole == run(Some(140_000)));
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
