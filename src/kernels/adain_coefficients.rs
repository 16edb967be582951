//! `(mean, (style[c] + 1) / sqrt(var + 1e-8), style[C + c])` of a plane, from the `(mean, M2)` of its chunks.

use bytemuck::{Pod, Zeroable};

use super::{Slice, instance_statistics, sliced};
use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "adain_coefficients",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("adain_coefficients.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        // 4 channels of an image a workgroup.
        grid: |pass, _| [(pass.write.shape[1] / 12) as u32, pass.write.shape[0] as u32, 1],
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    chunks: u32,
    chunk_rows: u32,
    height: u32,
    width: u32,
    channels: u32,
    style: u32,
    style_n: u32,
    pad: u32,
}

impl Plan {
    /// statistics of x `[N, C, H, W]`, style `[N, 2 C]` (scales, shifts) -> `[N, 3 * C]`, C padded to groups of four.
    #[track_caller]
    pub fn adain_coefficients(&mut self, label: &str, statistics: Tensor, x: Tensor, style: Slice) -> Tensor {
        let ([n, length, ..], [_, channels, height, width]) = (statistics.shape, x.shape);
        let chunk_rows = instance_statistics::chunk_rows(height, width);
        let chunks = height.div_ceil(chunk_rows);
        assert_eq!(length, chunks * 2 * quads(channels) * 4, "{label}: these are not the statistics of x");
        let (style_first, style_n) = style.groups(n);
        let params = Params {
            chunks: chunks as u32,
            chunk_rows: chunk_rows as u32,
            height: height as u32,
            width: width as u32,
            channels: channels as u32,
            style: style_first,
            style_n,
            pad: 0,
        };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[statistics, style.tensor],
            windows: &[],
            dtype: DType::F32,
            shape: [n, 3 * quads(channels) * 4, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (6 * statistics.len()) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(_, statistics), (styles, style)] = call.reads[..] else { panic!("two reads") };
    let (chunks, rows, channels) = (params.chunks as usize, params.chunk_rows as usize, params.channels as usize);
    let (height, width, padded) = (params.height as usize, params.width as usize, quads(channels) * 4);
    let mut coefficients = vec![0.0; call.write.len()];
    for (image, c) in (0..call.write.shape[0]).flat_map(|image| (0..channels).map(move |c| (image, c))) {
        let chunk = |k: usize| {
            let base = (image * chunks + k) * 2 * padded + c;
            let pixels = ((height - k * rows).min(rows) * width) as f64;
            (pixels, f64::from(statistics[base]), f64::from(statistics[base + padded]))
        };
        let pixels = (height * width) as f64;
        let mean = (0..chunks).map(chunk).map(|(count, mean, _)| count * mean).sum::<f64>() / pixels;
        let m2: f64 = (0..chunks).map(chunk).map(|(count, part, m2)| m2 + count * (part - mean).powi(2)).sum();
        let styled = |c: usize| sliced(style, styles.shape[1], params.style, params.style_n, image, c);
        let base = image * 3 * padded + c;
        coefficients[base] = mean as f32;
        coefficients[base + padded] = ((styled(c) + 1.0) / (m2 / pixels + 1e-8).sqrt()) as f32;
        coefficients[base + 2 * padded] = styled(channels + c) as f32;
    }
    coefficients
}
