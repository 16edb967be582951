//! `y = (lrelu(x + strength * noise + bias) - mean) * scale + shift`: adaptive instance normalisation, StyleGAN1's style.

use bytemuck::{Pod, Zeroable};

use super::{Epilogue, NoiseAct};
use crate::kernel::{Call, Kernel, NOISE_ACT, SLAB, STORE4, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "adain",
    variants: &[
        // A processor has few threads to feed and reads coefficients slowly.
        strips::<8>("portable.8", Needs::Software, &[("ROWS", 8.0)]),
        strips::<2>("portable", Needs::Portable, &[]),
    ],
    twin,
};

/// 4 pixels of `ROWS` rows and 4 channels an invocation.
const fn strips<const ROWS: u32>(name: &'static str, needs: Needs, constants: &'static [(&'static str, f64)]) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, STORE4, NOISE_ACT],
        source: wgsl!("adain.wgsl"),
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
    act: NoiseAct,
}

impl Plan {
    /// x `[N or 1, C, H, W]`, coefficients `[N, 3 * C]` -> `[N, C, H, W]` of `dtype`.
    #[track_caller]
    pub fn adain(&mut self, dtype: DType, label: &str, x: Tensor, coefficients: Tensor, epilogue: Epilogue) -> Tensor {
        let ([_, channels, height, width], [n, length, ..]) = (x.shape, coefficients.shape);
        assert_eq!(length, 3 * quads(channels) * 4, "{label}: x and coefficients disagree");
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { act: epilogue.params(n, height) }),
            constants: &[],
            reads: &[x, epilogue.strength, epilogue.bias, epilogue.noise, coefficients],
            windows: &[Window::same(0), Window::same(1)],
            dtype: x.dtype,
            shape: [n, channels, height, width],
            write_dtype: dtype,
            layout: Layout::Slab { border: 1 },
            rows: height,
            columns: width,
            flops: (7 * n * channels * height * width) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, strength), (_, bias), (_, noise), (_, coefficients)] = call.reads[..] else { panic!("five reads") };
    let ([x_images, ..], [n, channels, height, width]) = (x.shape, call.write.shape);
    let padded = quads(channels) * 4;
    let mut y = Vec::with_capacity(call.write.len());
    for (image, c) in (0..n).flat_map(|image| (0..channels).map(move |c| (image, c))) {
        let plane = &xs[(image.min(x_images - 1) * channels + c) * height * width..];
        let [mean, scale, shift] = [0, 1, 2].map(|k| f64::from(coefficients[(image * 3 + k) * padded + c]));
        for (pixel, &value) in plane.iter().enumerate().take(height * width) {
            let v = params.act.apply(value, strength[c], bias[c], noise, image, height * width, pixel);
            y.push(((v - mean) * scale + shift) as f32);
        }
    }
    y
}
