//! `y = [1,2,1]/4 (*) [1,1] (*) t` on each axis: the low-pass filter after StyleGAN1's up-sampling convolution.
//!
//! The convolution of an image doubled by nearest neighbours is the stride-2 transposed convolution t followed by a box of two
//! pixels; the original cuts that to 2H x 2W before it blurs, so StyleGAN2's filter of the same taps differs at the edges.

use crate::kernel::{Call, Kernel, SLAB, STORE4, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "blur2d",
    variants: &[
        // A processor has few threads to feed; GPUs have no room for the sums of four rows, as in filter_bias_act.
        strips::<4>("portable.4", Needs::Software, &[("ROWS", 4.0)]),
        strips::<2>("portable", Needs::Portable, &[]),
    ],
    twin,
};

/// 4 pixels of `ROWS` rows and 4 channels an invocation.
const fn strips<const ROWS: u32>(name: &'static str, needs: Needs, constants: &'static [(&'static str, f64)]) -> Variant {
    Variant {
        name,
        prelude: &[SLAB, STORE4],
        source: wgsl!("blur2d.wgsl"),
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

impl Plan {
    /// t `[N, O, 2H+1, 2W+1]` -> `[N, O, 2H, 2W]` of `dtype`.
    #[track_caller]
    pub fn blur2d(&mut self, dtype: DType, label: &str, t: Tensor) -> Tensor {
        let [n, channels, height, width] = t.shape;
        assert!(height % 2 == 1 && width % 2 == 1, "{label}: t is no transposed convolution");
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: &[],
            constants: &[],
            reads: &[t],
            windows: &[Window { num: 1, den: 1, low: -1, high: 2 }, Window::same(1)],
            dtype: t.dtype,
            shape: [n, channels, height - 1, width - 1],
            write_dtype: dtype,
            layout: Layout::Slab { border: 1 },
            rows: height - 1,
            columns: width - 1,
            flops: (16 * n * channels * (height - 1) * (width - 1)) as u64,
        })
    }
}

/// In the original's order: box, cut, blur.
fn twin(call: &Call<'_>) -> Vec<f32> {
    let [(t, ts)] = call.reads[..] else { panic!("one read") };
    let ([_, _, t_height, t_width], [n, channels, height, width]) = (t.shape, call.write.shape);
    let mut y = Vec::with_capacity(call.write.len());
    for plane in 0..n * channels {
        let values = &ts[plane * t_height * t_width..];
        let sample = |y: usize, x: usize| f64::from(values[y * t_width + x]);
        let convolved = |y: isize, x: isize| {
            if !(0..height as isize).contains(&y) || !(0..width as isize).contains(&x) {
                return 0.0;
            }
            let (y, x) = (y as usize, x as usize);
            sample(y, x) + sample(y, x + 1) + sample(y + 1, x) + sample(y + 1, x + 1)
        };
        for pixel in 0..height * width {
            let (py, px) = ((pixel / width) as isize, (pixel % width) as isize);
            let mut sum = 0.0;
            for (dy, fy) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
                for (dx, fx) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
                    sum += fy * fx * convolved(py + dy, px + dx);
                }
            }
            y.push(sum as f32);
        }
    }
    y
}
