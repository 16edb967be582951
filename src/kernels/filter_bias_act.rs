//! `y = bias_act(2 f (*) 2 f (*) t, bias, noise)`: the low-pass filter after a stride-2 transposed convolution, and the tail.

use bytemuck::{Pod, Zeroable};

use super::{BiasAct, Tail, doubled_taps};
use crate::kernel::{BIAS_ACT, Call, Kernel, SLAB, STORE, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "filter_bias_act",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB, BIAS_ACT, STORE],
        source: include_str!("../../shaders/filter_bias_act.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        // 4 pixels of a row and 4 channels an invocation.
        grid: |pass, band| {
            let [x, y, _] = line(pass.columns.div_ceil(4) * quads(pass.write.shape[1]) * band.rows.div_ceil(2) as usize, 64);
            [x, y, band.images]
        },
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    act: BiasAct,
    /// Four zeros, the doubled filter, zeros: a pixel's neighbours reach past both ends of the filter.
    taps: [f32; 16],
    taps_len: u32,
    pad: [u32; 3],
}

/// Zeros the filter reads around t: what border [`Plan::modulated_conv2d_up`] must give it.
pub fn border(filter: &[f32]) -> usize {
    // The first pixel reaches T-1 - T/2 rows before t, the last T/2 - 1 rows behind it.
    (filter.len() - 1 - filter.len() / 2).max((filter.len() / 2).saturating_sub(1)).max(1)
}

impl Plan {
    /// t `[N, O, 2H+1, 2W+1]` -> `[N, O, 2H, 2W]`; `filter` has 1 to 8 taps.
    #[track_caller]
    pub fn filter_bias_act(&mut self, label: &str, t: Tensor, filter: &[f32], tail: Tail) -> Tensor {
        let [n, channels, height, width] = t.shape;
        assert!(t.border() >= border(filter), "{label}: the border of t is narrower than the filter");
        let taps = filter.len() as isize;
        let mut padded = [0.0; 16];
        padded[4..12].copy_from_slice(&doubled_taps(filter));
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { act: tail.params(n, height - 1), taps: padded, taps_len: taps as u32, pad: [0; 3] }),
            constants: &[("TAPS", taps as f64)],
            reads: &[t, tail.bias, tail.noise],
            windows: &[Window { num: 1, den: 1, low: taps / 2 - (taps - 1), high: taps / 2 }, Window::same(1)],
            dtype: t.dtype,
            shape: [n, channels, height - 1, width - 1],
            write_dtype: t.dtype,
            layout: Layout::Slab { border: 1 },
            rows: height - 1,
            columns: width - 1,
            flops: 2 * (n * channels * (height - 1) * (width - 1) * 2 * filter.len()) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(t, ts), (_, bias), (_, noise)] = call.reads[..] else { panic!("three reads") };
    let ([_, channels, t_height, t_width], [n, _, height, width]) = (t.shape, call.write.shape);
    let taps = params.taps_len as isize;
    let mut y = Vec::with_capacity(call.write.len());
    for plane in 0..n * channels {
        let values = &ts[plane * t_height * t_width..];
        for pixel in 0..height * width {
            let mut sum = 0.0;
            for k in 0..taps * taps {
                let ty = (pixel / width) as isize + taps / 2 - k / taps;
                let tx = (pixel % width) as isize + taps / 2 - k % taps;
                if (0..t_height as isize).contains(&ty) && (0..t_width as isize).contains(&tx) {
                    let f = f64::from(params.taps[4 + (k / taps) as usize]) * f64::from(params.taps[4 + (k % taps) as usize]);
                    sum += f * f64::from(values[ty as usize * t_width + tx as usize]);
                }
            }
            y.push(params.act.apply(sum, bias[plane % channels], noise, plane / channels, height * width, pixel));
        }
    }
    y
}
