//! What makes images of features: RGB, up-sampling, wavelets, blurs, instance norms.

use super::*;

#[test]
fn to_rgb_equals_its_twin() {
    let filters: [&[f32]; 4] = [&[1.0, 3.0, 3.0, 1.0], &[1.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0], &[1.0]];
    let shapes =
        [[1, 8, 3, 8, 8], [2, 40, 1, 16, 6], [1, 5, 4, 4, 4], [1, 33, 2, 32, 32], [2, 8, 3, 18, 2], [2, 8, 4, 2, 10], [1, 8, 3, 2, 2]];
    // As a processor runs it, and as a GPU.
    let options = [Options::default(), Options { variant: Some("split"), ..Options::default() }];
    for ((seed, [n, inputs, channels, height, width]), options) in
        (0..).zip(shapes).flat_map(|case| options.iter().map(move |options| (case, options)))
    {
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
            let split = options.variant.is_some();
            assert_eq!(layer.plan.passes[0].kernel.variants[0].name, "split");
            check(&format!("torgb {n} {inputs}>{channels} {height}x{width} {dtype:?} split {split}"), layer.plan, &layer.inputs, options);
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
        for (dtype, to) in types().iter().flat_map(|&dtype| types().iter().map(move |&to| (dtype, to))) {
            let mut layer = Layer::new(seed);
            let t = layer.input("t", [n, channels, 2 * height + 1, 2 * width + 1], dtype, Layout::Slab { border: 0 });
            let y = layer.plan.blur2d(to, "blur", t);
            // A reader of the border that was written.
            let weight = layer.weight([4, channels, 3, 3], to);
            let (style, demod) = (layer.slice("style", n, channels), layer.slice("demod", n, 4));
            let tail = layer.tail(4, 1, [2 * height, 2 * width]);
            layer.plan.modulated_conv2d("conv", y, weight, style, demod, tail);
            check(&format!("blur {n} {channels} {height}x{width} {dtype:?}>{to:?}"), layer.plan, &layer.inputs, &Options::default());
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
        for (dtype, to) in types().iter().flat_map(|&dtype| types().iter().map(move |&to| (dtype, to))) {
            let mut layer = Layer::new(seed);
            let x = layer.slab([x_images, channels, height, width], dtype);
            let style = layer.slice("style", n, 2 * channels);
            let epilogue = layer.epilogue(channels, if seed % 2 == 0 { 1 } else { n }, [height, width], seed != 3);
            let statistics = layer.plan.instance_statistics("statistics", x, n, epilogue);
            let coefficients = layer.plan.adain_coefficients("coefficients", statistics, x, style);
            layer.plan.adain(to, "adain", x, coefficients, epilogue);
            check(
                &format!("adain {x_images} {n} {channels} {height}x{width} {dtype:?}>{to:?}"),
                layer.plan,
                &layer.inputs,
                &Options::default(),
            );
        }
    }
}
