//! `y = act(W x / norm + bias) * gain`: a layer of the mapping network; `norm` is 1 or `sqrt(mean(x^2) + 1e-8)`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Call, Kernel, Variant, always};
use crate::plan::{NewPass, Pass, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};
use crate::tier::Needs;

/// See the module.
pub static KERNEL: Kernel = Kernel {
    name: "fully_connected",
    variants: &[Variant {
        name: "portable",
        prelude: &[],
        source: wgsl!("fully_connected.wgsl"),
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
    inputs: u32,
    outputs: u32,
    slope: f32,
    gain: f32,
    mean: f32,
}

impl Plan {
    /// x `[N, I]`, weight `[O, I]`, bias `[1, O]` -> `[N, O]`; `slope` of the negative half, `gain` after it.
    #[track_caller]
    pub fn fully_connected(&mut self, label: &str, x: Tensor, weight: Tensor, bias: Tensor, slope: f32, gain: f32) -> Tensor {
        self.push_fully_connected(label, x, weight, bias, slope, gain, false)
    }

    /// The same of x divided by the root of its mean square.
    #[track_caller]
    pub fn fully_connected_normalized(&mut self, label: &str, x: Tensor, weight: Tensor, bias: Tensor, slope: f32, gain: f32) -> Tensor {
        self.push_fully_connected(label, x, weight, bias, slope, gain, true)
    }

    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
    fn push_fully_connected(
        &mut self,
        label: &str,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        slope: f32,
        gain: f32,
        normalize: bool,
    ) -> Tensor {
        let ([n, inputs, ..], [outputs, columns, ..]) = (x.shape, weight.shape);
        assert_eq!(inputs, columns, "{label}: inputs and weight disagree");
        assert_eq!(outputs, bias.shape[1], "{label}: outputs and bias disagree");
        let mean = if normalize { 1.0 / inputs as f32 } else { 0.0 };
        let params = Params { inputs: quads(inputs) as u32, outputs: outputs as u32, slope, gain, mean };
        self.push(NewPass {
            label,
            kernel: &KERNEL,
            params: bytemuck::bytes_of(&params),
            constants: &[],
            reads: &[x, weight, bias],
            windows: &[],
            dtype: DType::F32,
            shape: [n, outputs, 1, 1],
            write_dtype: DType::F32,
            layout: Layout::Flat,
            rows: 1,
            columns: 1,
            flops: (2 * n * inputs * outputs) as u64,
        })
    }
}

/// Slope of the negative half and gain of a pass of this kernel.
pub(crate) fn slope_and_gain(pass: &Pass) -> (f32, f32) {
    // Read unaligned: the parameters are bytes.
    let params: Params = bytemuck::pod_read_unaligned(&pass.params);
    (params.slope, params.gain)
}

/// Whether a pass of this kernel normalises what it reads.
pub(crate) fn normalizes(pass: &Pass) -> bool {
    bytemuck::pod_read_unaligned::<Params>(&pass.params).mean > 0.0
}

fn twin(call: &Call<'_>) -> Vec<f32> {
    let params: Params = call.params();
    let [(x, xs), (_, weight), (_, bias)] = call.reads[..] else { panic!("three reads") };
    let inputs = x.shape[1];
    let row = |n: usize, o: usize| -> f32 {
        let x = &xs[n * inputs..][..inputs];
        let square: f64 = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() * f64::from(params.mean);
        let norm = if params.mean > 0.0 { (square + 1e-8).sqrt() } else { 1.0 };
        let products = weight[o * inputs..(o + 1) * inputs].iter().zip(x);
        let sum: f64 = products.map(|(&w, &v)| f64::from(w) * f64::from(v)).sum::<f64>() / norm + f64::from(bias[o]);
        ((if sum >= 0.0 { sum } else { sum * f64::from(params.slope) }) * f64::from(params.gain)) as f32
    };
    (0..call.write.shape[0]).flat_map(|n| (0..call.write.shape[1]).map(move |o| row(n, o))).collect()
}
