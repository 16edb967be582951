//! Convolutions on matrix units: trials, order, twins, bands.

use super::*;

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
    let layers = [(4, 512, "matrix16.split"), (16, 512, "matrix16.split"), (32, 512, "matrix16.128"), (128, 64, "matrix16.64")];
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

/// What a layer is summed in decides the last bits of a picture, which must not depend on the others of its batch.
#[test]
fn no_variant_is_chosen_by_the_number_of_images() {
    let tiers = [16, 8].map(|side| Tier { matrix: Some(units(side)), software: false, ..gpu().tier() });
    for tier in tiers.into_iter().chain([Tier { matrix: None, software: false, ..gpu().tier() }, gpu().tier()]) {
        for side in [4, 8, 16, 32, 64] {
            let chosen = |n| -> Vec<Vec<&str>> {
                let mut layer = Layer::new(0);
                let dtype = if tier.half { DType::F16 } else { DType::F32 };
                let x = layer.plan.input("x", [n, 512, side, side], dtype, Layout::Slab { border: 1 });
                let weight = layer.plan.convolution_weight("weight", [512, 512, 3, 3], dtype, fixed(Vec::new()));
                let (style, demod) = (layer.slice("style", n, 512), layer.slice("demod", n, 512));
                let tail = layer.tail(512, 1, [side, side]);
                layer.plan.modulated_conv2d_up("up", x, weight, style, demod, 1);
                let y = layer.plan.modulated_conv2d("conv", x, weight, style, demod, tail);
                let weight = layer.plan.to_rgb_weight("torgb", [3, 512, 1, 1], fixed(Vec::new()));
                let bias = layer.plan.input("b", [1, 3, 1, 1], DType::F32, Layout::Flat);
                layer.plan.to_rgb("rgb", y, weight, style, bias, None, &[1.0, 3.0, 3.0, 1.0], 9.0);
                let names = |pass: &stylegan_wgpu::internals::plan::Pass| {
                    pass.kernel.fitting(&tier, pass).iter().map(|variant| variant.name).collect()
                };
                layer.plan.passes.iter().map(names).collect()
            };
            assert_eq!(chosen(1), chosen(16), "{side}x{side} on {tier}");
        }
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
    ("matrix16.32", [16, 32, 72, 9, 17]),
    ("matrix16.16", [16, 16, 24, 18, 16]),
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
