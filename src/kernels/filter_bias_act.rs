//! `y = bias_act(2 f (*) 2 f (*) t, bias, noise)`: the low-pass filter after a stride-2 transposed convolution, and the tail.

use bytemuck::{Pod, Zeroable};

use super::{BiasAct, Tail, doubled_taps};
use crate::kernel::{BIAS_ACT, Call, Kernel, LIMITED, SLAB, STORE4, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "filter_bias_act",
    variants: &[
        // A processor has few threads to feed; GPUs have no room for the sums of four rows (docs/kernels.md).
        strips::<4>("portable.4", Needs::Software, &[("ROWS", 4.0)]),
        strips::<2>("portable", Needs::Portable, &[]),
    ],
    twin,
};

/// 4 pixels of `ROWS` rows and 4 channels an invocation.
const fn strips<const ROWS: u32>(name: &'static str, needs: Needs, constants: &'static [(&'static str, f64)]) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, LIMITED, BIAS_ACT, STORE4],
        source: wgsl!("filter_bias_act.wgsl"),
        constants,
        needs,
        fits: always,
        grid: |pass, band| {
            let rows = band.rows.div_ceil(ROWS) as usize;
            let [x, y, _] = line(pass.columns.div_ceil(4) * quads(pass.write.shape[1]) * rows, 64);
            [x, y, band.images]
        },
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    act: BiasAct,
    /// What the neighbours of a pixel count, from 3 before it to 4 after it; zeros.
    taps: [f32; 12],
}

/// Zeros the filter reads around t: what border [`Plan::modulated_conv2d_up`] must give it.
pub fn border(filter: &[f32]) -> usize {
    // As far as 4 and 8 taps reach; fewer read as far, times 0.
    if filter.len() <= 4 { 1 } else { 3 }
}

/// `y[j] = 2 sum_k f[k] t[j + T/2 - k]` as `sum_d g[d] t[j + d]`: g[-3] to g[4], zeros.
fn around(filter: &[f32]) -> [f32; 12] {
    let mut around = [0.0; 12];
    for (k, tap) in doubled_taps(filter).into_iter().enumerate().take(filter.len()) {
        around[filter.len() / 2 + 3 - k] = tap;
    }
    around
}

impl Plan {
    /// t `[N, O, 2H+1, 2W+1]` -> `[N, O, 2H, 2W]`; `filter` has 1 to 8 taps.
    #[track_caller]
    pub fn filter_bias_act(&mut self, label: &str, t: Tensor, filter: &[f32], tail: Tail) -> Tensor {
        let [n, channels, height, width] = t.shape;
        assert!(t.border() >= border(filter), "{label}: the border of t is narrower than the filter");
        let taps = filter.len() as isize;
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { act: tail.params(n, height - 1), taps: around(filter) }),
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
    let mut y = Vec::with_capacity(call.write.len());
    for plane in 0..n * channels {
        let values = &ts[plane * t_height * t_width..];
        for pixel in 0..height * width {
            let mut sum = 0.0;
            for k in 0..64 {
                let ty = (pixel / width) as isize + k / 8 - 3;
                let tx = (pixel % width) as isize + k % 8 - 3;
                if (0..t_height as isize).contains(&ty) && (0..t_width as isize).contains(&tx) {
                    let f = f64::from(params.taps[(k / 8) as usize]) * f64::from(params.taps[(k % 8) as usize]);
                    sum += f * f64::from(values[ty as usize * t_width + tx as usize]);
                }
            }
            y.push(params.act.apply(sum, bias[plane % channels], noise, plane / channels, height * width, pixel));
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around_is_the_filter_by_its_definition() {
        let t: Vec<f64> = (0..20).map(|i| f64::from(i * i % 7)).collect();
        for taps in 1..=8 {
            let filter: Vec<f32> = (0..taps).map(|k| (k * 3 % 7) as f32 + 0.5).collect();
            let total: f64 = filter.iter().map(|&f| f64::from(f)).sum();
            for j in 8..12 {
                let want: f64 = (0..taps).map(|k| 2.0 * f64::from(filter[k]) / total * t[j + taps / 2 - k]).sum();
                let got: f64 = around(&filter).iter().zip(&t[j - 3..]).map(|(&g, t)| f64::from(g) * t).sum();
                assert!((got - want).abs() < 1e-5, "{taps} taps, pixel {j}: {got} for {want}");
            }
        }
    }
}
