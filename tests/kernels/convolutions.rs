//! Modulated convolutions, up-sampling or not, and what bands do to them.

use super::*;

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
    [2, 20, 20, 33, 34],
    [2, 64, 40, 5, 7],
    [1, 32, 24, 9, 1],
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
                if !apply(&options, &layer.plan) {
                    continue;
                }
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
                if !apply(&options, &layer.plan) {
                    continue;
                }
                check(&format!("up {n} {inputs}>{outputs} {height}x{width} {dtype:?} {options:?}"), layer.plan, &layer.inputs, &options);
            }
        }
    }
}

#[test]
fn bands_change_nothing() {
    let square = [24, 24];
    let [here, portable, wide, split] = options();
    let cases = [
        (DType::F32, &here, square),
        (DType::F16, &here, square),
        (DType::F32, &portable, square),
        (DType::F16, &here, [46, 11]),
        (DType::F16, &wide, [24, 17]),
        (DType::F32, &wide, square),
        (DType::F32, &split, square),
    ];
    for (dtype, options, [height, width]) in cases.into_iter().filter(|(dtype, ..)| types().contains(dtype)) {
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
            layer.plan.blur2d(t.dtype, "blur", t);
            layer
        };
        let run = |what: &str, max_binding| {
            let layer = build();
            check(what, layer.plan, &layer.inputs, &Options { max_binding, ..options.clone() })
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
        layer.plan.adain(x.dtype, "adain", x, coefficients, epilogue);
        check("statistics in bands", layer.plan, &layer.inputs, &Options { max_binding, ..Options::default() })
    };
    let whole = run(None);
    // An image at a time, and a chunk of 64 rows at a time.
    assert!(whole == run(Some(300_000)) && whole == run(Some(140_000)));
}
