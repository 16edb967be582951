//! The styles of all layers, `A w + a`, and their demodulation factors: each of them one pass at the beginning of a plan.

use std::collections::HashMap;
use std::sync::Arc;

use half::f16;

use crate::kernels::{CHANNEL_TILE, Slice};
use crate::model::{Array, Model};
use crate::plan::Plan;
use crate::tensor::{DType, Layout, Tensor, quads};

/// What a network says of a layer's style before the plan is built.
pub(crate) struct StyleSpec {
    /// Name without `synthesis.`, as `b8.conv0`.
    pub(crate) name: String,
    /// Which row of ws it reads.
    pub(crate) slot: usize,
    /// Factor of the affine's weight, and of its bias.
    pub(crate) gains: [f32; 2],
    /// Whether the layer's weights are demodulated, and how.
    pub(crate) demodulate: Demodulate,
}

/// How the weights of a layer are demodulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Demodulate {
    /// Not at all.
    No,
    /// Every modulated output filter is divided by its norm.
    Norm,
    /// The same, whatever the scales of weights and styles: both are brought to a mean square of 1 before. `gain` follows.
    Normalized {
        /// Factor of the layer's output.
        gain: f32,
    },
}

impl Demodulate {
    /// Whether a layer's styles are brought to a mean square of 1, which demodulation undoes. In f16 those of every demodulated layer
    /// are, as NVIDIA's code does: matrix units take modulated activations as halves, and a large style carries them beyond 65504.
    pub(super) fn normalizes_styles(self, dtype: DType) -> bool {
        match self {
            Demodulate::No => false,
            Demodulate::Norm => dtype == DType::F16,
            Demodulate::Normalized { .. } => true,
        }
    }
}

/// The affine maps of all layers, one below the other: each layer's rows are filled up to whole tiles of channels.
pub(crate) struct Affines {
    layers: Vec<AffineLayer>,
    w_dim: usize,
}

struct AffineLayer {
    name: String,
    slot: usize,
    gains: [f32; 2],
    weight: Array,
    bias: Array,
}

impl AffineLayer {
    fn rows(&self) -> usize {
        self.bias.len().next_multiple_of(CHANNEL_TILE)
    }
}

impl Affines {
    fn new(model: &Model, w_dim: usize, specs: &[StyleSpec]) -> Affines {
        let layer = |spec: &StyleSpec| {
            let array = |part: &str| model.array(&format!("synthesis.{}.affine.{part}", spec.name)).clone();
            AffineLayer { name: spec.name.clone(), slot: spec.slot, gains: spec.gains, weight: array("weight"), bias: array("bias") }
        };
        Affines { layers: specs.iter().map(layer).collect(), w_dim }
    }

    fn rows(&self) -> usize {
        self.layers.iter().map(AffineLayer::rows).sum()
    }

    /// Each layer's first row.
    fn first_rows(&self) -> Vec<usize> {
        let before = |end: &mut usize, layer: &AffineLayer| Some(std::mem::replace(end, *end + layer.rows()));
        self.layers.iter().scan(0, before).collect()
    }

    /// A, `[rows, w_dim]`.
    fn matrix(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.rows() * self.w_dim);
        for layer in &self.layers {
            let end = values.len() + layer.rows() * self.w_dim;
            values.extend(layer.weight.to_f32().iter().map(|value| value * layer.gains[0]));
            values.resize(end, 0.0);
        }
        values
    }

    /// `[rows, 4]` of (a, slot of ws, 0, 0); `moved` adds to the bias of a layer's channel.
    pub(crate) fn table<'a>(&self, moved: impl Fn(&str) -> Vec<(usize, f32)> + 'a) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.rows() * 4);
        for layer in &self.layers {
            let end = values.len() + layer.rows() * 4;
            let mut bias = layer.bias.to_f32();
            moved(&layer.name).into_iter().for_each(|(channel, amount)| bias[channel] += amount);
            values.extend(bias.iter().flat_map(|value| [value * layer.gains[1], layer.slot as f32, 0.0, 0.0]));
            values.resize(end, 0.0);
        }
        values
    }
}

/// What the styles of all layers are in a plan.
pub(super) struct Styles {
    /// `[N, rows]`.
    pub(super) values: Tensor,
    /// The constant that has the biases.
    pub(super) table: Tensor,
    pub(super) affines: Arc<Affines>,
    /// Each layer's first row.
    pub(super) first_rows: Vec<usize>,
}

/// One pass for the styles of all layers.
pub(super) fn affine(plan: &mut Plan, model: &Model, ws: Tensor, num_ws: usize, w_dim: usize, specs: &[StyleSpec]) -> Styles {
    let affines = Arc::new(Affines::new(model, w_dim, specs));
    let (rows, [matrix, table]) = (affines.rows(), [affines.clone(), affines.clone()]);
    let matrix = plan.constant("affine.weight", [rows, w_dim, 1, 1], DType::F32, Layout::Flat, Arc::new(move || matrix.matrix()));
    let table = plan.constant("affine.table", [rows, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(move || table.table(|_| Vec::new())));
    let values = plan.affine("styles", ws, num_ws, matrix, table);
    Styles { values, table, first_rows: affines.first_rows(), affines }
}

/// One pass for the demodulation factors of all layers that have them.
pub(super) fn demodulate(
    plan: &mut Plan,
    model: &Model,
    styles: Tensor,
    dtype: DType,
    specs: &[StyleSpec],
    first_rows: &[usize],
) -> HashMap<String, (Slice, Demodulate)> {
    let mut firsts = HashMap::new();
    let mut layers = Vec::new();
    let (mut rows, mut energies) = (0, 0);
    for (spec, &style) in specs.iter().zip(first_rows).filter(|(spec, _)| spec.demodulate != Demodulate::No) {
        let weight = model.array(&format!("synthesis.{}.weight", spec.name)).clone();
        let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
        firsts.insert(spec.name.clone(), (rows, spec.demodulate));
        rows += outputs.next_multiple_of(CHANNEL_TILE);
        energies += outputs * quads(inputs) * 4;
        layers.push((weight, style, spec.demodulate));
    }
    if layers.is_empty() {
        return HashMap::new();
    }
    let layers = Arc::new(layers);
    let energy_layers = layers.clone();
    let energy = move || {
        let mut values = Vec::with_capacity(energies);
        for (weight, _, demodulate) in energy_layers.iter() {
            let (inputs, taps) = (weight.shape()[1], weight.shape()[2] * weight.shape()[3]);
            for row in weight.to_f32().chunks_exact(inputs * taps) {
                let mean = mean_square(*demodulate, row);
                let square = |taps: &[f32]| (taps.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>() / mean) as f32;
                values.extend(row.chunks_exact(taps).map(square));
                values.resize(values.len().next_multiple_of(4), 0.0);
            }
        }
        values
    };
    let table = move || {
        let mut values = Vec::with_capacity(rows * 4);
        let mut first = 0;
        for (weight, style, demodulate) in layers.iter() {
            let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
            let end = values.len() + outputs.next_multiple_of(CHANNEL_TILE) * 4;
            let gain = if let Demodulate::Normalized { gain } = demodulate { *gain } else { 1.0 };
            for row in weight.to_f32().chunks_exact(weight.len() / outputs) {
                let scale = if dtype == DType::F16 { f16_scale(*demodulate, row) } else { 1.0 };
                let scale = (f64::from(scale) * f64::from(gain) / mean_square(*demodulate, row).sqrt()) as f32;
                values.extend([scale, (style / 4) as f32, quads(inputs) as f32, first as f32]);
                first += quads(inputs);
            }
            values.resize(end, 0.0);
        }
        values
    };
    let energy = plan.constant("demodulate.energy", [1, energies, 1, 1], DType::F32, Layout::Flat, Arc::new(energy));
    let table = plan.constant("demodulate.table", [rows, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(table));
    let demods = plan.demodulate("demodulate", styles, energy, table);
    firsts.into_iter().map(|(name, (first, demodulate))| (name, (Slice { tensor: demods, first }, demodulate))).collect()
}

/// What the squares of an output's weights are divided by.
fn mean_square(demodulate: Demodulate, row: &[f32]) -> f64 {
    let mean = || row.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>() / row.len() as f64;
    // An output without weights stays zero.
    if let Demodulate::Normalized { .. } = demodulate { Some(mean()).filter(|&mean| mean > 0.0).unwrap_or(1.0) } else { 1.0 }
}

/// One pass that brings the styles of the layers that want it to a mean square of 1.
pub(super) fn normalize_styles(
    plan: &mut Plan,
    model: &Model,
    styles: Tensor,
    dtype: DType,
    specs: &[StyleSpec],
    first_rows: &[usize],
) -> Tensor {
    let mut table = Vec::with_capacity(4 * specs.len());
    for (spec, first) in specs.iter().zip(first_rows) {
        let channels = model.array(&format!("synthesis.{}.affine.bias", spec.name)).len();
        let groups = channels.next_multiple_of(CHANNEL_TILE) / 4;
        let normalized = spec.demodulate.normalizes_styles(dtype);
        table.extend([(first / 4) as f32, groups as f32, if normalized { channels as f32 } else { 0.0 }, 0.0]);
    }
    let layers =
        plan.constant("normalize_styles.layers", [specs.len(), 4, 1, 1], DType::F32, Layout::Flat, Arc::new(move || table.clone()));
    plan.normalize_styles("normalize_styles", styles, layers)
}

/// What an output's weights are divided by before they are rounded to f16, and their demodulation factor is multiplied by.
pub(super) fn f16_scale(demodulate: Demodulate, row: &[f32]) -> f32 {
    let scale = power_of_two(row);
    let Demodulate::Normalized { .. } = demodulate else { return scale };
    // Of several scales, the one at which the weights lie nearest to halves: with few inputs, the error of the rounding becomes a third
    // of what it was. With many it is the same for all scales.
    let candidates = (4096 / row.len()).clamp(1, 64);
    let error = |candidate: f32| -> f64 {
        let off = |&value: &f32| f64::from(f16::from_f32(value / candidate).to_f32() * candidate - value).powi(2);
        row.iter().map(off).sum()
    };
    let scales = (0..candidates).map(|k| scale / (1.0 + k as f32 / candidates as f32));
    let best = scales.map(|candidate| (error(candidate), candidate)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(scale, |(_, candidate)| candidate)
}

/// The power of two that brings the largest of the values into 1..2; 1 when all are zero.
pub(super) fn power_of_two(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    if largest > 0.0 { f32::exp2(largest.log2().floor().clamp(-100.0, 100.0)) } else { 1.0 }
}
