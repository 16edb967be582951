//! `y = down-FIR(clamp(lrelu(up-FIR(x)) * gain))`: StyleGAN3's activation at a higher sampling rate (Karras et al. 2021, section 3.2).
//!
//! Per axis, with zeros outside of x: sample t of the up-sampled signal is `sum_i f[taps-1 - (j + i up)] x[n + i]` with
//! `j = (first - t) mod up`, `n = (t + j - first) / up`; sample o of y is `sum_j g[taps-1 - j] a[2 o + j]` of the activated signal a.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, LIMITED, SLAB, STORE, Variant, always};
use crate::plan::{Band, NewPass, Pass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "filtered_lrelu",
    variants: &[
        Variant {
            name: "wide",
            prelude: &[SLAB, LIMITED, STORE],
            source: wgsl!("filtered_lrelu.wide.wgsl"),
            constants: &[],
            needs: Needs::Software,
            fits: |pass| constant(pass, "UP") >= 2.0 && constant(pass, "PAIRS") <= 4.0,
            grid: |pass, band| grid(pass, band, 56),
        },
        Variant {
            name: "portable",
            prelude: &[SLAB, LIMITED, STORE],
            source: wgsl!("filtered_lrelu.wgsl"),
            constants: &[],
            needs: Needs::Portable,
            fits: always,
            grid: |pass, band| grid(pass, band, 58),
        },
    ],
    twin,
};

/// Strips of so many columns.
fn grid(pass: &Pass, band: &Band, columns: usize) -> [u32; 3] {
    let strips = pass.columns.div_ceil(columns) as u32 * band.rows.div_ceil(constant(pass, "ROWS") as u32);
    [strips, quads(pass.write.shape[1]) as u32, band.images]
}

/// A constant of the pass.
fn constant(pass: &Pass, name: &str) -> f64 {
    pass.constants.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
}

/// Taps of an up-sampling filter that meet samples, at most.
pub const UP_TAPS: usize = 6;
/// Largest factor of up-sampling; 1, 2 and 4 are known.
pub const MOST_UP: usize = 4;
/// Taps of a down-sampling filter, at most.
pub const DOWN_TAPS: usize = 12;
/// Factor of down-sampling: what every layer but the last of NVIDIA's has.
pub const DOWN: usize = 2;

/// What a layer of StyleGAN3 does between two convolutions.
#[derive(Clone, Debug)]
pub struct FilteredLrelu {
    /// Factor of up-sampling: 1, 2 or 4.
    pub up: usize,
    /// The filter of the up-sampled signal, for both axes; at most [`UP_TAPS`] times `up` taps.
    pub up_filter: Vec<f32>,
    /// The filter before down-sampling, as a sum of separable ones of at most [`DOWN_TAPS`] taps, along x and along y.
    pub down_filter: Vec<[Vec<f32>; 2]>,
    /// Zeros around the up-sampled signal `[x0, x1, y0, y1]`; it is cropped where they are negative.
    pub padding: [isize; 4],
    /// Slope of the negative half.
    pub slope: f32,
    /// Factor after the activation.
    pub gain: f32,
    /// Clamp to plus and minus this; infinity is none.
    pub limit: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    first: [i32; 2],
    margin: i32,
    factor: u32,
    slope: f32,
    gain: f32,
    limit: f32,
    pairs: u32,
    /// By phase: what the samples from the nearest on count.
    up: [[f32; 8]; MOST_UP],
    /// Turned around: what the activated samples from 2 o on count, along x and y.
    down: [[[f32; DOWN_TAPS]; 2]; DOWN_TAPS],
}

/// Height or width of what comes of `size` pixels: padded, filtered, down-sampled. `None` when nothing does.
pub fn output_size(size: usize, up: usize, padding: [isize; 2], up_taps: usize, down_taps: usize, down: usize) -> Option<usize> {
    let signal = (size * up) as isize + padding[0] + padding[1] - (up_taps as isize - 1) - (down_taps as isize - 1);
    (signal > 0).then(|| (signal as usize).div_ceil(down))
}

/// Rows of y that a workgroup walks down: few where there are few, so that a large GPU has something to do.
fn strip_rows(rows: u32) -> u32 {
    if rows <= 160 { 32 } else { 64 }
}

impl Plan {
    /// x `[N, C, H, W]`, f32 -> `[N, C, H' + 2 margin, W' + 2 margin]` of type `dtype`, around it `margin` pixels of zeros.
    #[track_caller]
    pub fn filtered_lrelu(&mut self, label: &str, x: Tensor, layer: &FilteredLrelu, margin: usize, dtype: DType) -> Tensor {
        let [n, channels, height, width] = x.shape;
        let (up, up_taps) = (layer.up, layer.up_filter.len());
        let down_taps = layer.down_filter.first().map_or(0, |[along_x, _]| along_x.len());
        assert!([1, 2, 4].contains(&up) && up_taps <= UP_TAPS * up, "{label}: up-sampling by {up} with {up_taps} taps");
        assert!((1..=DOWN_TAPS).contains(&layer.down_filter.len()), "{label}: a sum of {} filters", layer.down_filter.len());
        assert!((1..=DOWN_TAPS).contains(&down_taps), "{label}: {down_taps} taps");
        let [x0, x1, y0, y1] = layer.padding;
        let size = |size, padding| output_size(size, up, padding, up_taps, down_taps, DOWN);
        let (Some(rows), Some(columns)) = (size(height, [y0, y1]), size(width, [x0, x1])) else {
            panic!("{label}: nothing is left of {height} x {width} pixels");
        };
        let mut params = Params {
            first: [x0 as i32, y0 as i32],
            margin: margin as i32,
            factor: up as u32,
            slope: layer.slope,
            gain: layer.gain,
            limit: layer.limit,
            pairs: layer.down_filter.len() as u32,
            up: [[0.0; 8]; MOST_UP],
            down: [[[0.0; DOWN_TAPS]; 2]; DOWN_TAPS],
        };
        for (k, &tap) in layer.up_filter.iter().rev().enumerate() {
            params.up[k % up][k / up] = tap * up as f32;
        }
        for (pair, filters) in params.down.iter_mut().zip(&layer.down_filter) {
            for (turned, filter) in pair.iter_mut().zip(filters) {
                turned.iter_mut().zip(filter.iter().rev()).for_each(|(turned, &tap)| *turned = tap);
            }
        }
        let (rows, columns) = (rows + 2 * margin, columns + 2 * margin);
        let (pairs, up_size) = (layer.down_filter.len(), up as isize);
        // Row o of y needs the samples from 2 (o - margin) to 11 further, and these six rows of x each.
        let before = 2 * margin as isize + y0;
        let reach = (DOWN_TAPS as isize - before).div_euclid(up_size) + UP_TAPS as isize + 1;
        let signal = (n * channels * rows * columns) as u64;
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[("UP", up as f64), ("PAIRS", pairs as f64), ("ROWS", f64::from(strip_rows(rows as u32)))],
            reads: &[x],
            windows: &[Window { num: DOWN, den: up, low: -before.div_euclid(up_size) - 2, high: reach }, Window::same(1)],
            dtype: DType::F32,
            shape: [n, channels, rows, columns],
            write_dtype: dtype,
            layout: Layout::Slab { border: 1 },
            rows,
            columns,
            // Along x for every row of x, along y for every sample; then the same with two of its rows for each row of y.
            flops: 2 * signal * (2 * UP_TAPS * DOWN / up + 4 * UP_TAPS + 3 * pairs * DOWN_TAPS) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs)] = call.reads[..] else { panic!("one read") };
    let ([n, channels, height, width], [_, _, rows, columns]) = (x.shape, call.write.shape);
    let (up, margin) = (params.factor as isize, params.margin as usize);
    // The samples under the taps at t of an axis, and what they count.
    let under = |t: isize, first: i32, size: usize| -> Vec<(usize, f64)> {
        let phase = (first as isize - t).rem_euclid(up);
        let nearest = (t + phase - first as isize) / up;
        let taps = (nearest..).zip(params.up[phase as usize]).take(UP_TAPS);
        taps.filter(|(i, _)| (0..size as isize).contains(i)).map(|(i, tap)| (i as usize, f64::from(tap))).collect()
    };
    let sampled = |size: usize| (size - 2 * margin) * DOWN + DOWN_TAPS;
    let (signal_rows, signal_columns) = (sampled(rows), sampled(columns));
    let across: Vec<_> = (0..signal_columns as isize).map(|t| under(t, params.first[0], width)).collect();
    let down: Vec<_> = (0..signal_rows as isize).map(|t| under(t, params.first[1], height)).collect();
    // The filter as one of two dimensions.
    let tap = |i: usize, j: usize| params.down.iter().map(|[along_x, along_y]| f64::from(along_y[i]) * f64::from(along_x[j])).sum::<f64>();
    let filter: Vec<f64> = (0..DOWN_TAPS * DOWN_TAPS).map(|k| tap(k / DOWN_TAPS, k % DOWN_TAPS)).collect();
    let mut y = Vec::with_capacity(call.write.len());
    for plane in xs.chunks_exact(height * width).take(n * channels) {
        let sample = |t: usize, u: usize| -> f64 {
            let along = |i: usize| across[u].iter().map(|(j, tap)| tap * f64::from(plane[i * width + j])).sum::<f64>();
            let v: f64 = down[t].iter().map(|&(i, tap)| tap * along(i)).sum();
            let activated = if v >= 0.0 { v } else { v * f64::from(params.slope) };
            (activated * f64::from(params.gain)).clamp(-f64::from(params.limit), f64::from(params.limit))
        };
        let signal: Vec<f64> = (0..signal_rows * signal_columns).map(|k| sample(k / signal_columns, k % signal_columns)).collect();
        for (py, px) in (0..rows).flat_map(|py| (0..columns).map(move |px| (py, px))) {
            let outside = |pixel: usize, size: usize| pixel < margin || pixel >= size - margin;
            if outside(py, rows) || outside(px, columns) {
                y.push(0.0);
                continue;
            }
            let corner = (py - margin) * DOWN * signal_columns + (px - margin) * DOWN;
            let taps = filter.iter().enumerate();
            y.push(taps.map(|(k, tap)| tap * signal[corner + k / DOWN_TAPS * signal_columns + k % DOWN_TAPS]).sum::<f64>() as f32);
        }
    }
    y
}
