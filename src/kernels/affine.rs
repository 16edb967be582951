//! `style[r] = A[r] ws[slot[r]] + a[r]`: the style affines of all layers in one dispatch.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "affine",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("affine.wgsl"),
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
    w_dim: u32,
    num_ws: u32,
    rows: u32,
    pad: u32,
}

impl Plan {
    /// ws `[N * num_ws, w_dim]`, matrix `[rows, w_dim]`, table `[rows, 4]` of (bias, slot of ws, 0, 0) -> styles `[N, rows]`.
    #[track_caller]
    pub fn affine(&mut self, label: &str, ws: Tensor, num_ws: usize, matrix: Tensor, table: Tensor) -> Tensor {
        let ([all, w_dim, ..], [rows, columns, ..]) = (ws.shape, matrix.shape);
        assert_eq!(w_dim, columns, "{label}: ws and matrix disagree");
        assert_eq!((table.shape[0], rows % 4), (rows, 0), "{label}: table and matrix disagree");
        let params = Params { w_dim: quads(w_dim) as u32, num_ws: num_ws as u32, rows: rows as u32, pad: 0 };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[ws, matrix, table],
            windows: &[],
            dtype: DType::F32,
            shape: [all / num_ws, rows, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (2 * all / num_ws * rows * w_dim) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(ws, w), (_, matrix), (_, table)] = call.reads[..] else { panic!("three reads") };
    let (w_dim, num_ws) = (ws.shape[1], params.num_ws as usize);
    let row = |n: usize, r: usize| -> f32 {
        let latent = &w[(n * num_ws + table[r * 4 + 1] as usize) * w_dim..];
        let sum: f64 = matrix[r * w_dim..(r + 1) * w_dim].iter().zip(latent).map(|(&a, &w)| f64::from(a) * f64::from(w)).sum();
        (sum + f64::from(table[r * 4])) as f32
    };
    (0..call.write.shape[0]).flat_map(|n| (0..call.write.shape[1]).map(move |r| row(n, r))).collect()
}
