//! `y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise)`: modulated convolution, 3x3 or 1x1.
//!
//! Modulation scales the input and demodulation the output (Karras et al. 2020, section 2.2, equations 1 and 3), so the
//! weights are constants and packed once.

use bytemuck::{Pod, Zeroable};

use super::{BiasAct, CHANNEL_TILE, Slice, Tail, sliced};
use crate::kernel::{
    BIAS_ACT, BLOCKS, COLUMNS, Call, FINISH, Kernel, LIMITED, SLAB, SPLIT, SPLIT_SUMS, STORE, STORE4, Variant, always, line,
};
use crate::plan::{Load, NewPass, Pass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "modulated_conv2d",
    variants: &[
        split::<16>("matrix16.split", 32_768),
        split::<8>("matrix8.split", 15_360),
        matrix::<16, 128>("matrix16.128", 32_192, &[("ACROSS", 2.0), ("COLUMNS", 4.0)]),
        matrix::<16, 64>("matrix16.64", 29_888, &[("ACROSS", 1.0), ("COLUMNS", 4.0)]),
        matrix::<16, 32>("matrix16.32", 25_280, &[("ACROSS", 1.0), ("COLUMNS", 2.0)]),
        matrix::<8, 64>("matrix8.64", 15_552, &[("ACROSS", 2.0), ("COLUMNS", 4.0)]),
        matrix::<8, 32>("matrix8.32", 14_784, &[("ACROSS", 1.0), ("COLUMNS", 4.0)]),
        Variant {
            name: "winograd",
            prelude: &[SLAB, LIMITED, BIAS_ACT, COLUMNS, STORE4, FINISH],
            source: wgsl!("modulated_conv2d.winograd.wgsl"),
            constants: &[],
            needs: Needs::Software,
            // In f32 its rounding would show (4e-5 of the rms at 512 inputs). All of x0 .. x5 count in all four outputs: beside the image
            // they are zeros.
            fits: |pass| pass.dtype == DType::F16 && pass.reads[1].shape[2] == 3,
            // A subgroup of 8 lanes x 4 x 2 pixels, 16 outputs.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(4) * band.rows.div_ceil(2) as usize, 8);
                [x, pass.write.shape[1].div_ceil(16) as u32, y * band.images]
            },
        },
        Variant {
            name: "pointwise",
            prelude: &[SLAB, LIMITED, BIAS_ACT, COLUMNS, STORE4],
            source: wgsl!("modulated_conv2d.pointwise.wgsl"),
            constants: &[],
            needs: Needs::Software,
            fits: |pass| pass.reads[1].shape[2] == 1 && pass.write.shape[1] > 16,
            // A subgroup of 8 lanes x 8 pixels, 32 outputs.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(8) * band.rows as usize, 8);
                [x, pass.write.shape[1].div_ceil(32) as u32, y * band.images]
            },
        },
        Variant {
            name: "subgroup",
            prelude: &[SLAB, LIMITED, BIAS_ACT, COLUMNS, STORE4, FINISH],
            source: wgsl!("modulated_conv2d.subgroup.wgsl"),
            constants: &[],
            needs: Needs::Subgroup,
            fits: always,
            // A subgroup of 8 lanes x 4 x 2 pixels, 16 outputs.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(4) * band.rows.div_ceil(2) as usize, 8);
                [x, pass.write.shape[1].div_ceil(16) as u32, y * band.images]
            },
        },
        portable::<1>("split", &[("ACROSS", 1.0), ("SLICES", 8.0)], Needs::Gpu, |pass| {
            let ([_, inputs, ..], [_, outputs, height, width]) = (pass.reads[0].shape, pass.write.shape);
            inputs.is_multiple_of(32) && height * width * outputs <= SPLIT_SUMS
        }),
        Variant {
            name: "wide",
            prelude: &[SLAB, LIMITED, BIAS_ACT, STORE4],
            source: wgsl!("modulated_conv2d.wide.wgsl"),
            constants: &[],
            needs: Needs::Gpu,
            // Where its tiles are full, and enough for a large GPU.
            fits: |pass| pass.write.shape[2] >= 32 && pass.write.shape[3] >= 32,
            // Tiles of 8 x 32 pixels, 8 channels.
            grid: |pass, band| {
                let tiles = pass.columns.div_ceil(32) as u32 * band.rows.div_ceil(8);
                [tiles, pass.write.shape[1].div_ceil(8) as u32, band.images]
            },
        },
        portable::<4>("portable", &[], Needs::Portable, always),
    ],
    twin,
};

/// Tiles of 8 x 4 `ACROSS` pixels, 32 channels.
const fn portable<const ACROSS: usize>(
    name: &'static str,
    constants: &'static [(&'static str, f64)],
    needs: Needs,
    fits: fn(&Pass) -> bool,
) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, LIMITED, BIAS_ACT, STORE4],
        source: wgsl!("modulated_conv2d.wgsl"),
        constants,
        needs,
        fits,
        grid: |pass, band| {
            let tiles = pass.columns.div_ceil(4 * ACROSS) as u32 * band.rows.div_ceil(8);
            [tiles, pass.write.shape[1].div_ceil(32) as u32, band.images]
        },
    }
}

/// Tiles of 16 rows (8 where two subgroups lie side by side) x `SIDE` pixels, `OUTPUTS` channels.
const fn matrix<const SIDE: usize, const OUTPUTS: usize>(
    name: &'static str,
    workgroup_memory: u32,
    constants: &'static [(&'static str, f64)],
) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, LIMITED, BIAS_ACT, STORE, BLOCKS],
        source: wgsl!("modulated_conv2d.matrix.wgsl"),
        constants,
        needs: Needs::Matrix { side: SIDE as u32, workgroup_memory },
        // Whole stages of 16 inputs; images smaller than a fragment would leave most of it idle.
        fits: |pass| {
            let [_, outputs, height, width] = pass.write.shape;
            let whole = pass.dtype == DType::F16 && pass.reads[0].shape[1].is_multiple_of(16) && outputs >= OUTPUTS;
            whole && width >= SIDE && height >= 8
        },
        grid: |pass, band| {
            let rows = if OUTPUTS == 8 * SIDE { 8 } else { 16 };
            let tiles = pass.columns.div_ceil(SIDE) as u32 * band.rows.div_ceil(rows);
            [tiles, pass.write.shape[1].div_ceil(OUTPUTS) as u32, band.images]
        },
    }
}

/// Small images: `SIDE` pixels of any rows and images, 2 `SIDE` channels.
const fn split<const SIDE: usize>(name: &'static str, workgroup_memory: u32) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, LIMITED, BIAS_ACT, STORE, BLOCKS, SPLIT],
        source: wgsl!("modulated_conv2d.split.wgsl"),
        constants: &[],
        needs: Needs::Matrix { side: SIDE as u32, workgroup_memory },
        fits: |pass| {
            let [_, outputs, height, width] = pass.write.shape;
            let whole = pass.dtype == DType::F16 && pass.reads[0].shape[1].is_multiple_of(16) && outputs >= SIDE;
            whole && height * width * outputs <= SPLIT_SUMS
        },
        grid: |pass, band| {
            let pixels = (band.images * band.rows) as usize * pass.columns;
            [pixels.div_ceil(SIDE) as u32, pass.write.shape[1].div_ceil(2 * SIDE) as u32, 1]
        },
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    act: BiasAct,
    style: u32,
    style_n: u32,
    demod: u32,
    demod_n: u32,
}

impl Plan {
    /// Convolution weights `[O, I, k, k]`, packed for the convolution kernels.
    pub fn convolution_weight(&mut self, name: &str, shape: [usize; 4], dtype: DType, load: Load) -> Tensor {
        self.packed(name, shape, dtype, pack, packed_len(&shape), load)
    }

    /// x `[N, I, H, W]`, weight `[O, I, k, k]` with k 1 or 3, style `[N, I]`, demod `[N, O]` -> `[N, O, H, W]`.
    #[track_caller]
    pub fn modulated_conv2d(&mut self, label: &str, x: Tensor, weight: Tensor, style: Slice, demod: Slice, tail: Tail) -> Tensor {
        self.modulated_conv2d_bordered(label, x, weight, style, demod, tail, 1)
    }

    /// The same with a border of that width around y, for a reader that reaches further than a 3x3 convolution.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    pub fn modulated_conv2d_bordered(
        &mut self,
        label: &str,
        x: Tensor,
        weight: Tensor,
        style: Slice,
        demod: Slice,
        tail: Tail,
        border: usize,
    ) -> Tensor {
        self.push_modulated_conv2d(label, x, weight, style, demod, tail, (border, x.dtype))
    }

    /// [`Plan::modulated_conv2d`] with a y of another element type than x.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    pub fn modulated_conv2d_to(
        &mut self,
        dtype: DType,
        label: &str,
        x: Tensor,
        weight: Tensor,
        style: Slice,
        demod: Slice,
        tail: Tail,
    ) -> Tensor {
        self.push_modulated_conv2d(label, x, weight, style, demod, tail, (1, dtype))
    }

    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    fn push_modulated_conv2d(
        &mut self,
        label: &str,
        x: Tensor,
        weight: Tensor,
        style: Slice,
        demod: Slice,
        tail: Tail,
        (border, write_dtype): (usize, DType),
    ) -> Tensor {
        let ([images, inputs, height, width], [outputs, weight_inputs, kernel, _]) = (x.shape, weight.shape);
        let n = images.max(style.tensor.shape[0]);
        assert_eq!(inputs, weight_inputs, "{label}: x and weight disagree");
        assert!(kernel == 1 || kernel == 3, "{label}: 1x1 and 3x3 are supported");
        assert!(x.border() >= 1, "{label}: x needs a border");
        let ((style_first, style_n), (demod_first, demod_n)) = (style.groups(n), demod.groups(n));
        let params = Params { act: tail.params(n, height), style: style_first, style_n, demod: demod_first, demod_n };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[("KERNEL", kernel as f64)],
            reads: &[x, weight, style.tensor, demod.tensor, tail.bias, tail.noise],
            windows: &[Window::same(1), Window::same(border as isize)],
            dtype: x.dtype,
            shape: [n, outputs, height, width],
            write_dtype,
            layout: Layout::Slab { border },
            rows: height,
            columns: width,
            flops: (2 * n * outputs * inputs * kernel * kernel * height * width) as u64,
        })
    }
}

/// Elements of packed weights.
fn packed_len(&[outputs, inputs, kernel, _]: &[usize; 4]) -> usize {
    outputs.next_multiple_of(CHANNEL_TILE) * quads(inputs) * 4 * kernel * kernel
}

/// `[O, I, k, k]` to `[O/16, I/4, k, k, 4 groups of outputs, 4 inputs, 4 outputs]`, zeros beyond O and I: 4x4 blocks that a
/// shader reads as matrices, 16 outputs of a tap in a row.
fn pack(shape: &[usize; 4], natural: &[f32]) -> Vec<f32> {
    let [_, inputs, kernel, _] = *shape;
    let taps = kernel * kernel;
    let mut packed = vec![0.0; packed_len(shape)];
    for (i, &value) in natural.iter().enumerate() {
        let (o, c, tap) = (i / (inputs * taps), i / taps % inputs, i % taps);
        let block = (o / 16 * quads(inputs) + c / 4) * taps + tap;
        packed[block * 64 + o % 16 / 4 * 16 + c % 4 * 4 + o % 4] = value;
    }
    packed
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (weight, ws), (styles, style), (demods, demod), (_, bias), (_, noise)] = call.reads[..] else { panic!("six reads") };
    let ([x_images, inputs, ..], [n, outputs, height, width]) = (x.shape, call.write.shape);
    let kernel = weight.shape[2];
    let half = kernel as isize / 2;
    let mut y = Vec::with_capacity(call.write.len());
    for image in 0..n {
        let s: Vec<f64> = (0..inputs).map(|c| sliced(style, styles.shape[1], params.style, params.style_n, image, c)).collect();
        for o in 0..outputs {
            let d = sliced(demod, demods.shape[1], params.demod, params.demod_n, image, o);
            for pixel in 0..height * width {
                let (py, px) = ((pixel / width) as isize, (pixel % width) as isize);
                let mut sum = 0.0;
                for (c, &s) in s.iter().enumerate() {
                    let channel = &xs[(image.min(x_images - 1) * inputs + c) * height * width..];
                    for k in 0..kernel * kernel {
                        let (yy, xx) = (py + (k / kernel) as isize - half, px + (k % kernel) as isize - half);
                        if (0..height as isize).contains(&yy) && (0..width as isize).contains(&xx) {
                            let v = f64::from(channel[yy as usize * width + xx as usize]);
                            sum += f64::from(ws[(o * inputs + c) * kernel * kernel + k]) * s * v;
                        }
                    }
                }
                y.push(params.act.apply(sum * d, bias[o], noise, image, height * width, pixel));
            }
        }
    }
    y
}
