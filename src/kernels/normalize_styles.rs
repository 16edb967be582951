//! `y = style / sqrt(mean(style^2))` within a layer: demodulation undoes the scale of a layer's styles, and f16 cannot hold every one.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "normalize_styles",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("normalize_styles.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, _| [pass.reads[1].shape[0] as u32, pass.write.shape[0] as u32, 1],
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    styles: u32,
    pad: [u32; 3],
}

impl Plan {
    /// styles `[N, S]`, layers `[layers, 4]` of (first group of four, groups, channels, 0), which cover all groups; channels are 0 where
    /// the layer's styles stay as they are -> `[N, S]`. Channels of a layer's groups beyond its own are zero.
    #[track_caller]
    pub fn normalize_styles(&mut self, label: &str, styles: Tensor, layers: Tensor) -> Tensor {
        let [n, all, ..] = styles.shape;
        assert_eq!((all % 4, layers.shape[1]), (0, 4), "{label}: groups of four");
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&Params { styles: (all / 4) as u32, pad: [0; 3] }),
            constants: &[],
            reads: &[styles, layers],
            windows: &[],
            dtype: DType::F32,
            shape: [n, all, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (4 * n * all) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let [(styles, s), (_, layers)] = call.reads[..] else { panic!("two reads") };
    let mut y = s.to_vec();
    for row in y.chunks_exact_mut(styles.shape[1]) {
        for layer in layers.chunks_exact(4).filter(|layer| layer[2] > 0.0) {
            let of_layer = &mut row[4 * layer[0] as usize..][..4 * layer[1] as usize];
            let square = of_layer.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / f64::from(layer[2]);
            if square > 0.0 {
                of_layer.iter_mut().for_each(|s| *s = (f64::from(*s) / square.sqrt()) as f32);
            }
        }
    }
    y
}
