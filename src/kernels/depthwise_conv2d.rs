//! `y[c] = style[c] * W[c] (*) x[c]`: modulated depthwise 3x3 convolution (MobileStyleGAN, section 3.2).

use bytemuck::{Pod, Zeroable};

use super::{Slice, sliced};
use crate::kernel::{Call, Kernel, SLAB, STORE4, Variant, always, line};
use crate::plan::{Load, NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "depthwise_conv2d",
    variants: &[
        // A processor has few threads to feed and loads weights slowly.
        strips::<8>("portable.8", Needs::Software, &[("ROWS", 8.0)]),
        strips::<4>("portable", Needs::Portable, &[]),
    ],
    twin,
};

/// 4 pixels of `ROWS` rows and 4 channels an invocation.
const fn strips<const ROWS: u32>(name: &'static str, needs: Needs, constants: &'static [(&'static str, f64)]) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, STORE4],
        source: wgsl!("depthwise_conv2d.wgsl"),
        constants,
        needs,
        fits: always,
        grid: |pass, band| {
            let rows = band.rows.div_ceil(ROWS) as usize;
            let [x, y, _] = line(quads(pass.columns) * quads(pass.write.shape[1]) * rows, 64);
            [x, y, band.images]
        },
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    style: u32,
    style_n: u32,
    pad: [u32; 2],
}

impl Plan {
    /// Depthwise weights `[C, 1, 3, 3]`; f32 in every tier.
    pub fn depthwise_weight(&mut self, name: &str, channels: usize, load: Load) -> Tensor {
        self.packed(name, [channels, 1, 3, 3], DType::F32, pack, quads(channels) * 36, load)
    }

    /// x `[N, C, H, W]`, weight `[C, 1, 3, 3]`, style `[N, C]` -> `[N, C, H, W]`.
    #[track_caller]
    pub fn depthwise_conv2d(&mut self, label: &str, x: Tensor, weight: Tensor, style: Slice) -> Tensor {
        let [n, channels, height, width] = x.shape;
        assert_eq!(channels, weight.shape[0], "{label}: x and weight disagree");
        assert!(x.border() >= 1, "{label}: x needs a border");
        let (first, style_n) = style.groups(n);
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { style: first, style_n, pad: [0; 2] }),
            constants: &[],
            reads: &[x, weight, style.tensor],
            windows: &[Window::same(1), Window::same(1)],
            dtype: x.dtype,
            shape: x.shape,
            write_dtype: x.dtype,
            layout: Layout::Slab { border: 1 },
            rows: height,
            columns: width,
            flops: (18 * n * channels * height * width) as u64,
        })
    }
}

/// `[C, 1, 3, 3]` to `[C/4, 3, 3, 4 channels]`.
fn pack(&[channels, ..]: &[usize; 4], natural: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; quads(channels) * 36];
    for (i, &value) in natural.iter().enumerate() {
        packed[(i / 9 / 4 * 9 + i % 9) * 4 + i / 9 % 4] = value;
    }
    packed
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, ws), (styles, style)] = call.reads[..] else { panic!("three reads") };
    let [n, channels, height, width] = x.shape;
    let mut y = Vec::with_capacity(call.write.len());
    for (image, c) in (0..n).flat_map(|image| (0..channels).map(move |c| (image, c))) {
        let s = sliced(style, styles.shape[1], params.style, params.style_n, image, c);
        let plane = &xs[(image * channels + c) * height * width..][..height * width];
        for pixel in 0..height * width {
            let mut sum = 0.0;
            for k in 0..9 {
                let (yy, xx) = ((pixel / width + k / 3).wrapping_sub(1), (pixel % width + k % 3).wrapping_sub(1));
                if yy < height && xx < width {
                    sum += f64::from(ws[c * 9 + k]) * f64::from(plane[yy * width + xx]);
                }
            }
            y.push((sum * s) as f32);
        }
    }
    y
}
