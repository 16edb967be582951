//! `y = a + upsample2d(b)`: the sum of a residual block, its skip branch up-sampled.

use bytemuck::{Pod, Zeroable};

use super::{Phases, phases, upsample_border, upsampled};
use crate::kernel::{Call, Kernel, SLAB, STORE4, UPSAMPLE, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "upsample2d_add",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB, UPSAMPLE, STORE4],
        source: wgsl!("upsample2d_add.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        // 4 pixels of a row and 4 channels an invocation.
        grid: |pass, band| {
            let [x, y, _] = line(quads(pass.columns) * quads(pass.write.shape[1]) * band.rows as usize, 64);
            [x, y, band.images]
        },
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    phases: Phases,
}

impl Plan {
    /// a `[N, C, H, W]`, b `[N, C, H/2, W/2]` -> `[N, C, H, W]`; `filter` has 1 to 8 taps.
    #[track_caller]
    pub fn upsample2d_add(&mut self, label: &str, a: Tensor, b: Tensor, filter: &[f32]) -> Tensor {
        let [n, channels, height, width] = a.shape;
        assert_eq!([n, channels, height / 2, width / 2], b.shape, "{label}: a and b disagree");
        assert!(b.border() >= upsample_border(filter), "{label}: the border of b is narrower than the filter");
        assert_eq!(a.dtype, b.dtype, "{label}: a and b are of one type");
        let taps = filter.len();
        let reach = taps as isize;
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { phases: phases(filter) }),
            constants: &[("TAPS", taps as f64)],
            reads: &[a, b],
            windows: &[Window::same(0), Window { num: 1, den: 2, low: -reach, high: reach }, Window::same(1)],
            dtype: a.dtype,
            shape: a.shape,
            write_dtype: a.dtype,
            layout: Layout::Slab { border: 1 },
            rows: height,
            columns: width,
            flops: (a.len() * (1 + taps * taps / 2)) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(a, a_values), (b, b_values)] = call.reads[..] else { panic!("two reads") };
    let ([n, channels, height, width], [.., b_height, b_width]) = (a.shape, b.shape);
    let mut y = Vec::with_capacity(call.write.len());
    for plane in 0..n * channels {
        let samples = &b_values[plane * b_height * b_width..];
        for pixel in 0..height * width {
            let mut sum = f64::from(a_values[plane * height * width + pixel]);
            sum += upsampled(samples, [b_height, b_width], &params.phases, pixel);
            y.push(sum as f32);
        }
    }
    y
}
