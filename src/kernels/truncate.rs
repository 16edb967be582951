//! `ws[r] = a + psi (w - a) + d`: the truncation trick (Karras et al. 2019, appendix B), style mixing and directions, on the device.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always, line};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "truncate",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("truncate.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, _| line(pass.write.shape[0] * quads(pass.write.shape[1]), 64),
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    w_dim: u32,
    rows: u32,
    sources: u32,
    averages: u32,
}

impl Plan {
    /// w `[M, w_dim]`, w_avg `[A, w_dim]`, table `[rows, 4]` of (row of w, row of w_avg, psi, 0), direction `[rows, w_dim]` -> ws
    /// `[rows, w_dim]`.
    #[track_caller]
    pub fn truncate(&mut self, label: &str, w: Tensor, w_avg: Tensor, table: Tensor, direction: Tensor) -> Tensor {
        let [rows, w_dim, ..] = direction.shape;
        assert_eq!((w.shape[1], w_avg.shape[1]), (w_dim, w_dim), "{label}: rows of several lengths");
        assert_eq!(table.shape[..2], [rows, 4], "{label}: table and direction disagree");
        let params = Params { w_dim: quads(w_dim) as u32, rows: rows as u32, sources: w.shape[0] as u32, averages: w_avg.shape[0] as u32 };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[w, w_avg, table, direction],
            windows: &[],
            dtype: DType::F32,
            shape: [rows, w_dim, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (4 * rows * w_dim) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let [(w, values), (_, averages), (_, table), (_, direction)] = call.reads[..] else { panic!("four reads") };
    let w_dim = w.shape[1];
    let value = |(index, offset): (usize, &f32)| {
        let (row, i) = (&table[index / w_dim * 4..][..4], index % w_dim);
        let (w, average) = (f64::from(values[row[0] as usize * w_dim + i]), f64::from(averages[row[1] as usize * w_dim + i]));
        (average + f64::from(row[2]) * (w - average) + f64::from(*offset)) as f32
    };
    direction.iter().enumerate().map(value).collect()
}
