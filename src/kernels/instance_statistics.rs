//! `(mean, M2)` of `lrelu(x + strength * noise + bias)` over a few rows of a channel, `M2 = sum (v - mean)^2`.
//!
//! The first of three passes of StyleGAN1's epilogue; [`adain_coefficients`](super::adain_coefficients) puts the chunks together,
//! [`adain`](super::adain) normalises. Chunks are rows, so a plane larger than a storage binding is no special case.

use bytemuck::{Pod, Zeroable};

use super::{Epilogue, NoiseAct};
use crate::kernel::{Call, Kernel, NOISE_ACT, SLAB, Variant, always};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "instance_statistics",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB, NOISE_ACT],
        source: wgsl!("instance_statistics.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        // Some rows of 4 channels a workgroup.
        grid: |pass, band| [band.rows, quads(pass.reads[0].shape[1]) as u32, band.images],
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    act: NoiseAct,
    chunk_rows: u32,
    chunks: u32,
    channels: u32,
    pad: u32,
}

/// Rows of a chunk: about 4096 pixels, 64 for each invocation.
pub(super) fn chunk_rows(height: usize, width: usize) -> usize {
    (4096 / width).clamp(1, height)
}

impl Plan {
    /// x `[N or 1, C, H, W]`, seen by `images` images -> `[N, chunks * 2 * C]`, C padded to groups of four.
    #[track_caller]
    pub fn instance_statistics(&mut self, label: &str, x: Tensor, images: usize, epilogue: Epilogue) -> Tensor {
        let [n, channels, height, width] = x.shape;
        assert!(n == images || n == 1, "{label}: x and the styles disagree");
        let chunk_rows = chunk_rows(height, width);
        let chunks = height.div_ceil(chunk_rows);
        let params = Params {
            act: epilogue.params(images, height),
            chunk_rows: chunk_rows as u32,
            chunks: chunks as u32,
            channels: quads(channels) as u32,
            pad: 0,
        };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[x, epilogue.strength, epilogue.bias, epilogue.noise],
            windows: &[Window { num: chunk_rows, den: 1, low: 0, high: 0 }],
            dtype: x.dtype,
            shape: [images, chunks * 2 * quads(channels) * 4, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: chunks,
            columns: 1,
            flops: (11 * images * channels * height * width) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, strength), (_, bias), (_, noise)] = call.reads[..] else { panic!("four reads") };
    let [x_images, channels, height, width] = x.shape;
    let (rows, padded) = (params.chunk_rows as usize, params.channels as usize * 4);
    let mut statistics = vec![0.0; call.write.len()];
    for image in 0..call.write.shape[0] {
        for (chunk, c) in (0..params.chunks as usize).flat_map(|chunk| (0..channels).map(move |c| (chunk, c))) {
            let plane = &xs[(image.min(x_images - 1) * channels + c) * height * width..];
            let pixels = chunk * rows * width..((chunk + 1) * rows).min(height) * width;
            let values: Vec<f64> =
                pixels.map(|pixel| params.act.apply(plane[pixel], strength[c], bias[c], noise, image, height * width, pixel)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let base = (image * params.chunks as usize + chunk) * 2 * padded + c;
            statistics[base] = mean as f32;
            statistics[base + padded] = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() as f32;
        }
    }
    statistics
}
