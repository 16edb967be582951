//! `rgba = u8(clamp(img * 127.5 + 128, 0, 255))`, truncated: the image as 8-bit pixels.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, SLAB, Variant, always, line};
use crate::plan::{NewPass, Plan, Window};
use crate::tensor::{DType, Layout, Tensor};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "to_rgba8",
    variants: &[Variant {
        name: "portable",
        prelude: &[SLAB],
        source: wgsl!("to_rgba8.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, band| {
            let [x, y, _] = line(pass.columns * band.rows as usize, 64);
            [x, y, band.images]
        },
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    channels: u32,
    pad: [u32; 3],
}

impl Plan {
    /// img `[N, C, H, W]`, f32 -> `[N, 4, H, W]`, one `u32` a pixel. Of one and three channels, the alpha of a pixel that is not
    /// finite is 0.
    #[track_caller]
    pub fn to_rgba8(&mut self, label: &str, img: Tensor) -> Tensor {
        let [n, channels, height, width] = img.shape;
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { channels: channels as u32, pad: [0; 3] }),
            constants: &[],
            reads: &[img],
            windows: &[Window::same(0)],
            dtype: DType::F32,
            shape: [n, 4, height, width],
            write_dtype: DType::Rgba8,
            layout: Layout::Pixels,
            rows: height,
            columns: width,
            flops: (4 * n * channels * height * width) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let [(img, values)] = call.reads[..] else { panic!("one read") };
    let [n, channels, height, width] = img.shape;
    let byte = |image: usize, c: usize, pixel: usize| {
        (values[(image * channels + c) * height * width + pixel] * 127.5 + 128.0).clamp(0.0, 255.0).floor()
    };
    let mut rgba = Vec::with_capacity(call.write.len());
    for (image, c) in (0..n).flat_map(|image| (0..4).map(move |c| (image, c))) {
        rgba.extend((0..height * width).map(|pixel| match (channels, c) {
            (2, 3) => byte(image, 1, pixel),
            (1 | 3, 3) => {
                let finite = (0..channels).all(|c| values[(image * channels + c) * height * width + pixel].is_finite());
                if finite { 255.0 } else { 0.0 }
            }
            (1 | 2, _) => byte(image, 0, pixel),
            _ => byte(image, c, pixel),
        }));
    }
    rgba
}
