//! StyleGAN3: filtered activations and Fourier features.

use super::*;

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
