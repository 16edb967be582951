//! `y[c] = amplitude[c] * sin(2 pi (f'[c] . (x, y) + phase'[c]))`: StyleGAN3's Fourier features (Karras et al. 2021, section 3.1).

use bytemuck::{Pod, Zeroable};

use super::Slice;
use crate::kernel::{Call, Kernel, SLAB, STORE, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "synthesis_input",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB, STORE],
        source: wgsl!("synthesis_input.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, band| {
            let [x, y, _] = line(pass.columns * quads(pass.write.shape[1]) * band.rows as usize, 64);
            [x, y, band.images]
        },
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    style: u32,
    style_n: u32,
    margin: i32,
    bandwidth: f32,
    sampling_rate: f32,
    pad: [u32; 3],
}

/// The features, and the sampled plane that they are of.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Number of features.
    pub channels: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Pixels per unit.
    pub sampling_rate: f32,
    /// Cycles per unit up to which a feature has its full amplitude; below half of the sampling rate.
    pub bandwidth: f32,
}

impl Plan {
    /// style: `[N, 4]` of a rotation (cosine, sine, not normalised) and a translation; transform `[N * 3, 4]`, the caller's affine map of
    /// the plane, row by row, a fourth of each row unused; waves `[C rounded up to fours, 4]` of (frequencies along x and y, phase, 0) ->
    /// `[N, C, H + 2 margin, W + 2 margin]`, f32, around it `margin` pixels of zeros.
    #[track_caller]
    pub fn synthesis_input(
        &mut self,
        label: &str,
        style: Slice,
        transform: Tensor,
        waves: Tensor,
        features: Features,
        margin: usize,
    ) -> Tensor {
        let Features { channels, size: [height, width], sampling_rate, bandwidth } = features;
        let rows = transform.shape[0];
        assert_eq!((rows % 3, transform.shape[1], waves.shape[1]), (0, 4, 4), "{label}: rows of four");
        assert_eq!(waves.shape[0], 4 * quads(channels), "{label}: waves of other channels");
        let n = rows / 3;
        let (style_first, style_n) = style.groups(n);
        let params = Params { style: style_first, style_n, margin: margin as i32, bandwidth, sampling_rate, pad: [0; 3] };
        let (rows, columns) = (height + 2 * margin, width + 2 * margin);
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[style.tensor, transform, waves],
            windows: &[Window::same(1)],
            dtype: DType::F32,
            shape: [n, channels, rows, columns],
            write_dtype: DType::F32,
            layout: Layout::Slab { border: 1 },
            rows,
            columns,
            // The waves of a pixel are turned and moved anew for each.
            flops: (50 * n * channels * rows * columns) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(styles, style), (_, transform), (_, waves)] = call.reads[..] else { panic!("three reads") };
    let ([n, channels, rows, columns], margin) = (call.write.shape, params.margin as usize);
    let (height, width) = (rows - 2 * margin, columns - 2 * margin);
    let [rate, bandwidth] = [params.sampling_rate, params.bandwidth].map(f64::from);
    let mut y = Vec::with_capacity(call.write.len());
    for image in 0..n {
        let t: [f64; 4] = std::array::from_fn(|c| super::sliced(style, styles.shape[1], params.style, params.style_n, image, c));
        let [t0, t1, t2, t3] = t.map(|value| value / t[0].hypot(t[1]));
        let own: Vec<f64> = transform[image * 12..][..12].iter().map(|&value| f64::from(value)).collect();
        // The learned rotation, the learned translation, the caller's map.
        let rotation = [[t0, -t1, 0.0], [t1, t0, 0.0], [0.0, 0.0, 1.0]];
        let translation = [[1.0, 0.0, -t2], [0.0, 1.0, -t3], [0.0, 0.0, 1.0]];
        let m = product(product(rotation, translation), std::array::from_fn(|i| std::array::from_fn(|j| own[4 * i + j])));
        for wave in waves.chunks_exact(4).take(channels) {
            let [fx, fy, phase] = [wave[0], wave[1], wave[2]].map(f64::from);
            let along = |j: usize| fx * m[0][j] + fy * m[1][j];
            let (gx, gy, phase) = (along(0), along(1), phase + along(2));
            let amplitude = (1.0 - (gx.hypot(gy) - bandwidth) / (rate / 2.0 - bandwidth)).clamp(0.0, 1.0);
            for (py, px) in (0..rows).flat_map(|py| (0..columns).map(move |px| (py, px))) {
                let outside = |pixel: usize, size: usize| pixel < margin || pixel >= size + margin;
                if outside(py, height) || outside(px, width) {
                    y.push(0.0);
                    continue;
                }
                let place =
                    |pixel: usize, size: usize| ((2 * (pixel - margin) + 1) as f64 / size as f64 - 1.0) * size as f64 / (2.0 * rate);
                let turns = gx * place(px, width) + gy * place(py, height) + phase;
                y.push((amplitude * (std::f64::consts::TAU * turns).sin()) as f32);
            }
        }
    }
    y
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}
