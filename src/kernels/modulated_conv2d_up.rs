//! `t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i])`: modulated stride-2 transposed 3x3 convolution.
//!
//! The first half of an up-sampling layer; [`filter_bias_act`](super::filter_bias_act) is the second. As four phases of 4, 2,
//! 2 and 1 taps it does a quarter of the work of convolving the up-sampled image.

use bytemuck::{Pod, Zeroable};

use super::{Slice, sliced};
use crate::kernel::{BLOCKS, COLUMNS, Call, Kernel, SLAB, SPLIT, SPLIT_SUMS, STORE, STORE4, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "modulated_conv2d_up",
    variants: &[
        split::<16>("matrix16.split", 32_768),
        split::<8>("matrix8.split", 15_360),
        matrix::<16, 32>("matrix16.32", 26_288, &[("ACROSS", 2.0)]),
        matrix::<16, 16>("matrix16.16", 25_904, &[("ACROSS", 1.0)]),
        matrix::<8, 32>("matrix8.32", 17_520, &[("ACROSS", 4.0)]),
        matrix::<8, 16>("matrix8.16", 12_336, &[("ACROSS", 2.0)]),
        Variant {
            name: "subgroup",
            prelude: &[SLAB, COLUMNS, STORE4],
            source: wgsl!("modulated_conv2d_up.subgroup.wgsl"),
            constants: &[],
            needs: Needs::Subgroup,
            fits: always,
            // A subgroup of 8 lanes x 4 cells, 16 outputs.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(4) * band.rows as usize, 8);
                [x, pass.write.shape[1].div_ceil(16) as u32, y * band.images]
            },
        },
        Variant {
            name: "wide",
            prelude: &[SLAB, STORE4],
            source: wgsl!("modulated_conv2d_up.wide.wgsl"),
            constants: &[],
            needs: Needs::Gpu,
            fits: always,
            // 64 strips of 2 cells, 4 channels.
            grid: |pass, band| {
                let strips = pass.columns.div_ceil(2) as u32 * band.rows;
                [strips.div_ceil(64), pass.write.shape[1].div_ceil(4) as u32, band.images]
            },
        },
        Variant {
            name: "portable",
            prelude: &[SLAB, STORE4],
            source: wgsl!("modulated_conv2d_up.wgsl"),
            constants: &[],
            needs: Needs::Portable,
            fits: always,
            // Tiles of 8 x 8 cells, 16 channels.
            grid: |pass, band| {
                let tiles = pass.columns.div_ceil(8) as u32 * band.rows.div_ceil(8);
                [tiles, pass.write.shape[1].div_ceil(16) as u32, band.images]
            },
        },
    ],
    twin,
};

/// Tiles of `SIDE` cells, `OUTPUTS` channels and 4 rows for each of the four subgroups that does not lie beside another.
const fn matrix<const SIDE: usize, const OUTPUTS: usize>(
    name: &'static str,
    workgroup_memory: u32,
    constants: &'static [(&'static str, f64)],
) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, STORE, BLOCKS],
        source: wgsl!("modulated_conv2d_up.matrix.wgsl"),
        constants,
        needs: Needs::Matrix { side: SIDE as u32, workgroup_memory },
        // Whole stages of 16 inputs; images smaller than a fragment would leave most of it idle.
        fits: |pass| {
            let whole = pass.dtype == DType::F16 && pass.reads[0].shape[1].is_multiple_of(16) && pass.write.shape[1] >= OUTPUTS;
            whole && pass.columns > SIDE && pass.domain.rows > 4
        },
        grid: |pass, band| {
            let rows = 16 * SIDE / OUTPUTS;
            let tiles = pass.columns.div_ceil(SIDE) as u32 * band.rows.div_ceil(rows as u32);
            [tiles, pass.write.shape[1].div_ceil(OUTPUTS) as u32, band.images]
        },
    }
}

/// Small images: `SIDE` cells of any rows and images, 2 `SIDE` channels.
const fn split<const SIDE: usize>(name: &'static str, workgroup_memory: u32) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, STORE, BLOCKS, SPLIT],
        source: wgsl!("modulated_conv2d_up.split.wgsl"),
        constants: &[],
        needs: Needs::Matrix { side: SIDE as u32, workgroup_memory },
        fits: |pass| {
            let ([_, inputs, height, width], [_, outputs, ..]) = (pass.reads[0].shape, pass.write.shape);
            let whole = pass.dtype == DType::F16 && inputs.is_multiple_of(16) && outputs >= SIDE;
            whole && height * width * outputs <= SPLIT_SUMS
        },
        grid: |pass, band| {
            let cells = (band.images * band.rows) as usize * pass.columns;
            [cells.div_ceil(SIDE) as u32, pass.write.shape[1].div_ceil(2 * SIDE) as u32, 1]
        },
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    style: u32,
    style_n: u32,
    demod: u32,
    demod_n: u32,
}

impl Plan {
    /// x `[N, I, H, W]`, weight `[O, I, 3, 3]`, style `[N, I]`, demod `[N, O]` -> `[N, O, 2H+1, 2W+1]` with `border`.
    #[track_caller]
    pub fn modulated_conv2d_up(&mut self, label: &str, x: Tensor, weight: Tensor, style: Slice, demod: Slice, border: usize) -> Tensor {
        let ([images, inputs, height, width], [outputs, weight_inputs, kernel, _]) = (x.shape, weight.shape);
        let n = images.max(style.tensor.shape[0]);
        assert_eq!((inputs, 3), (weight_inputs, kernel), "{label}: x and weight disagree");
        assert!(x.border() >= 1, "{label}: x needs a border");
        let ((style_first, style_n), (demod_first, demod_n)) = (style.groups(n), demod.groups(n));
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { style: style_first, style_n, demod: demod_first, demod_n }),
            constants: &[],
            reads: &[x, weight, style.tensor, demod.tensor],
            windows: &[
                Window { num: 1, den: 1, low: -1, high: 0 },
                Window { num: 2, den: 1, low: -(border as isize), high: border as isize },
            ],
            dtype: x.dtype,
            shape: [n, outputs, 2 * height + 1, 2 * width + 1],
            write_dtype: x.dtype,
            layout: Layout::Slab { border },
            rows: height + 1,
            columns: width + 1,
            flops: (2 * n * outputs * inputs * 9 * height * width) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, ws), (styles, style), (demods, demod)] = call.reads[..] else { panic!("four reads") };
    let ([x_images, inputs, height, width], [n, outputs, out_height, out_width]) = (x.shape, call.write.shape);
    let mut t = vec![0.0; call.write.len()];
    for image in 0..n {
        for o in 0..outputs {
            let d = sliced(demod, demods.shape[1], params.demod, params.demod_n, image, o);
            let mut plane = vec![0.0f64; out_height * out_width];
            for c in 0..inputs {
                let s = sliced(style, styles.shape[1], params.style, params.style_n, image, c);
                let channel = &xs[(image.min(x_images - 1) * inputs + c) * height * width..][..height * width];
                for (pixel, &v) in channel.iter().enumerate() {
                    for k in 0..9 {
                        let (ty, tx) = (2 * (pixel / width) + k / 3, 2 * (pixel % width) + k % 3);
                        plane[ty * out_width + tx] += f64::from(ws[(o * inputs + c) * 9 + k]) * s * f64::from(v);
                    }
                }
            }
            let base = (image * outputs + o) * out_height * out_width;
            for (value, sum) in t[base..].iter_mut().zip(&plane) {
                *value = (sum * d) as f32;
            }
        }
    }
    t
}
