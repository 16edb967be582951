//! `img = clamp(W (style * x) + bias) + upsample2d(skip)`: torgb of a block, and the image of the block below, doubled.

use bytemuck::{Pod, Zeroable};

use super::{Phases, Slice, phases, sliced, upsample_border, upsampled};
use crate::kernel::{Call, Kernel, LIMITED, SLAB, STORE4, UPSAMPLE, Variant, always, line};
use crate::plan::{Load, NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "to_rgb",
    variants: &[
        Variant {
            name: "split",
            prelude: &[SLAB, LIMITED, UPSAMPLE, STORE4],
            source: wgsl!("to_rgb.split.wgsl"),
            constants: &[],
            needs: Needs::Gpu,
            // Beyond, there are threads enough for a large GPU.
            fits: |pass| pass.write.shape[2] * pass.write.shape[3] <= 128 * 128,
            // 4 squares of 4 x 4 pixels a workgroup.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(4) * band.rows.div_ceil(4) as usize, 4);
                [x, y, band.images]
            },
        },
        Variant {
            name: "portable",
            prelude: &[SLAB, LIMITED, UPSAMPLE, STORE4],
            source: wgsl!("to_rgb.wgsl"),
            constants: &[],
            needs: Needs::Portable,
            fits: always,
            // 4 pixels of 4 rows an invocation.
            grid: |pass, band| {
                let [x, y, _] = line(pass.columns.div_ceil(4) * band.rows.div_ceil(4) as usize, 64);
                [x, y, band.images]
            },
        },
    ],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    style: u32,
    style_n: u32,
    limit: f32,
    pad: f32,
    phases: Phases,
}

impl Plan {
    /// Weights `[C, I, 1, 1]` of a torgb with up to 4 channels; f32 in every tier.
    pub fn to_rgb_weight(&mut self, name: &str, shape: [usize; 4], load: Load) -> Tensor {
        self.packed(name, shape, DType::F32, pack, quads(shape[1]) * 16, load)
    }

    /// x `[N, I, H, W]`, weight `[C, I, 1, 1]`, style `[N, I]`, bias `[1, C]`, skip `[N, C, H/2, W/2]` -> `[N, C, H, W]`, f32.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    pub fn to_rgb(
        &mut self,
        label: &str,
        x: Tensor,
        weight: Tensor,
        style: Slice,
        bias: Tensor,
        skip: Option<Tensor>,
        filter: &[f32],
        limit: f32,
    ) -> Tensor {
        let ([n, inputs, height, width], [channels, weight_inputs, ..]) = (x.shape, weight.shape);
        assert_eq!(inputs, weight_inputs, "{label}: x and weight disagree");
        assert!(channels <= 4, "{label}: an image has up to 4 channels");
        let (style_first, style_n) = style.groups(n);
        let phases = if skip.is_some() { phases(filter) } else { Phases::default() };
        let params = Params { style: style_first, style_n, limit, pad: 0.0, phases };
        let skip = skip.unwrap_or_else(|| {
            let zero = std::sync::Arc::new(move || vec![0.0; channels]);
            self.constant("no skip", [1, channels, 1, 1], DType::F32, Layout::Slab { border: 0 }, zero)
        });
        let reach = filter.len() as isize;
        let border = upsample_border(filter);
        assert!(is_none(skip) || skip.border() >= border, "{label}: the border of skip is narrower than the filter");
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[("TAPS", filter.len() as f64)],
            reads: &[x, weight, style.tensor, bias, skip],
            windows: &[Window::same(0), Window { num: 1, den: 2, low: -reach, high: reach }, Window::same(border as isize)],
            dtype: x.dtype,
            shape: [n, channels, height, width],
            write_dtype: DType::F32,
            layout: Layout::Slab { border },
            rows: height,
            columns: width,
            flops: (2 * n * channels * (inputs + filter.len() * filter.len() / 4) * height * width) as u64,
        })
    }
}

/// Whether there is nothing below: a single zero without a border is in its place.
fn is_none(skip: Tensor) -> bool {
    skip.border() == 0
}

/// `[C, I, 1, 1]` to `[I/4, 4 inputs, 4 outputs]`.
fn pack(&[channels, inputs, ..]: &[usize; 4], natural: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; quads(inputs) * 16];
    for (i, &value) in natural.iter().enumerate() {
        packed[i % inputs * 4 + i / inputs % channels] = value;
    }
    packed
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, ws), (styles, style), (_, bias), (skip, skips)] = call.reads[..] else { panic!("five reads") };
    let ([_, inputs, ..], [n, channels, height, width]) = (x.shape, call.write.shape);
    let mut img = Vec::with_capacity(call.write.len());
    for (image, o) in (0..n).flat_map(|image| (0..channels).map(move |o| (image, o))) {
        for pixel in 0..height * width {
            let mut sum = f64::from(bias[o]);
            for c in 0..inputs {
                let s = sliced(style, styles.shape[1], params.style, params.style_n, image, c);
                sum += f64::from(ws[o * inputs + c]) * s * f64::from(xs[(image * inputs + c) * height * width + pixel]);
            }
            sum = sum.clamp(-f64::from(params.limit), f64::from(params.limit));
            if !is_none(skip) {
                let plane = &skips[(image * channels + o) * skip.shape[2] * skip.shape[3]..];
                sum += upsampled(plane, [skip.shape[2], skip.shape[3]], &params.phases, pixel);
            }
            img.push(sum as f32);
        }
    }
    img
}
