//! `demod[r] = scale[r] / sqrt(sum_i style[i]^2 V[r,i] + 1e-8)`, `V[r,i] = sum_k W[r,i,k]^2`: all layers in one dispatch.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "demodulate",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("demodulate.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, _| [pass.write.shape[1].div_ceil(8) as u32, pass.write.shape[0] as u32, 1],
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    rows: u32,
    styles: u32,
    pad: [u32; 2],
}

impl Plan {
    /// styles `[N, S]`, energies `[1, all rows' inputs]`, table `[rows, 4]` of (scale, first style group, groups, first group of
    /// the row in energies) -> demodulation factors `[N, rows]`.
    #[track_caller]
    pub fn demodulate(&mut self, label: &str, styles: Tensor, energies: Tensor, table: Tensor) -> Tensor {
        let ([n, all, ..], rows) = (styles.shape, table.shape[0]);
        assert_eq!((all % 4, rows % 4), (0, 0), "{label}: styles and rows come in groups of four");
        let params = Params { rows: rows as u32, styles: (all / 4) as u32, pad: [0; 2] };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[styles, energies, table],
            windows: &[],
            dtype: DType::F32,
            shape: [n, rows, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (3 * n * energies.len()) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let [(styles, s), (_, v), (_, table)] = call.reads[..] else { panic!("three reads") };
    let row = |n: usize, r: usize| -> f32 {
        let [scale, style, groups, first] = [0, 1, 2, 3].map(|i| table[r * 4 + i]);
        let (style, first) = (n * styles.shape[1] + style as usize * 4, first as usize * 4);
        let sum: f64 = (0..groups as usize * 4).map(|i| f64::from(v[first + i]) * f64::from(s[style + i]).powi(2)).sum();
        (f64::from(scale) / (sum + 1e-8).sqrt()) as f32
    };
    (0..call.write.shape[0]).flat_map(|n| (0..call.write.shape[1]).map(move |r| row(n, r))).collect()
}
