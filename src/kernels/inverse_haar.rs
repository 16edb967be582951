//! `y` = inverse Haar transform of `style * x`: C channels to C/4 of twice the size (MobileStyleGAN, section 3.1).

use bytemuck::{Pod, Zeroable};

use super::{Slice, sliced};
use crate::kernel::{Call, Kernel, SLAB, STORE4, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "inverse_haar",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB, STORE4],
        source: wgsl!("inverse_haar.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        // 4 pixels of x and 4 channels of y an invocation.
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
    style: u32,
    style_n: u32,
    channels: u32,
    pad: u32,
}

impl Plan {
    /// x `[N, C, H, W]`, style `[N, C]` -> `[N, C/4, 2H, 2W]` of type `dtype`.
    #[track_caller]
    pub fn inverse_haar(&mut self, label: &str, x: Tensor, style: Slice, dtype: DType) -> Tensor {
        let [n, channels, height, width] = x.shape;
        assert_eq!(channels % 4, 0, "{label}: a wavelet needs four channels for each output");
        let (first, style_n) = style.groups(n);
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { style: first, style_n, channels: (channels / 4) as u32, pad: 0 }),
            constants: &[("WHOLE", f64::from(u8::from(channels.is_multiple_of(16))))],
            reads: &[x, style.tensor],
            windows: &[Window::same(0), Window { num: 2, den: 1, low: -1, high: 1 }],
            dtype: x.dtype,
            shape: [n, channels / 4, 2 * height, 2 * width],
            write_dtype: dtype,
            layout: Layout::Slab { border: 1 },
            rows: height,
            columns: width,
            flops: (5 * n * channels * height * width) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (styles, style)] = call.reads[..] else { panic!("two reads") };
    let ([_, inputs, x_height, x_width], [n, channels, height, width]) = (x.shape, call.write.shape);
    let mut y = Vec::with_capacity(call.write.len());
    for (image, c) in (0..n).flat_map(|image| (0..channels).map(move |c| (image, c))) {
        for (py, px) in (0..height).flat_map(|py| (0..width).map(move |px| (py, px))) {
            let band = |channel: usize| {
                let s = sliced(style, styles.shape[1], params.style, params.style_n, image, channel);
                s * f64::from(xs[((image * inputs + channel) * x_height + py / 2) * x_width + px / 2])
            };
            let (down, right) = (if py % 2 == 0 { 1.0 } else { -1.0 }, if px % 2 == 0 { 1.0 } else { -1.0 });
            let details = [0, 1, 2].map(|k| band(channels + 3 * c + k));
            y.push(((band(c) + down * details[0] + right * details[1] + down * right * details[2]) / 2.0) as f32);
        }
    }
    y
}
