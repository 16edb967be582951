//! `x = z / sqrt(mean(z^2) + 1e-8)`, followed by the label's embedding normalised the same way.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "normalize_2nd_moment",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("normalize_2nd_moment.wgsl"),
        constants: &[],
        needs: Needs::Portable,
        fits: always,
        grid: |pass, _| [pass.write.shape[0] as u32, 1, 1],
    }],
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    z_len: u32,
    embed_len: u32,
    x_stride: u32,
    jointly: u32,
}

impl Plan {
    /// z `[N, z_dim]` and, for a conditional network, embed `[N, E]` -> `[N, z_dim + E]`.
    #[track_caller]
    pub fn normalize_2nd_moment(&mut self, label: &str, z: Option<Tensor>, embed: Option<Tensor>) -> Tensor {
        self.push_normalize(label, z, embed, false)
    }

    /// The same with one mean over z and embed together, as StyleGAN1 does it.
    #[track_caller]
    pub fn normalize_2nd_moment_jointly(&mut self, label: &str, z: Option<Tensor>, embed: Option<Tensor>) -> Tensor {
        self.push_normalize(label, z, embed, true)
    }

    #[track_caller]
    fn push_normalize(&mut self, label: &str, z: Option<Tensor>, embed: Option<Tensor>, jointly: bool) -> Tensor {
        let any = z.or(embed).expect("a mapping network has an input");
        let length = |tensor: Option<Tensor>| tensor.map_or(0, |tensor| tensor.shape[1]);
        let outputs = length(z) + length(embed);
        let (z_len, embed_len) = (length(z) as u32, length(embed) as u32);
        let params = Params { z_len, embed_len, x_stride: (quads(outputs) * 4) as u32, jointly: u32::from(jointly) };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[z.unwrap_or(any), embed.unwrap_or(any)],
            windows: &[],
            dtype: DType::F32,
            shape: [any.shape[0], outputs, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (3 * outputs * any.shape[0]) as u64,
        })
    }
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let part = |read: usize, length: u32, image: usize| -> Vec<f32> {
        let length = length as usize;
        call.reads[read].1[image * length..(image + 1) * length].to_vec()
    };
    let normalized = |row: Vec<f32>| -> Vec<f32> {
        let square: f64 = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / row.len().max(1) as f64;
        row.iter().map(|&v| (f64::from(v) / (square + 1e-8).sqrt()) as f32).collect()
    };
    let row = |n: usize| {
        let (z, embed) = (part(0, params.z_len, n), part(1, params.embed_len, n));
        match params.jointly {
            0 => [normalized(z), normalized(embed)].concat(),
            _ => normalized([z, embed].concat()),
        }
    };
    (0..call.write.shape[0]).flat_map(row).collect()
}
