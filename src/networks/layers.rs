//! What the synthesis networks share: the plan under construction, the styles and demodulation factors of all layers, noise.

use std::collections::HashMap;
use std::sync::Arc;

use half::f16;

use crate::kernels::{CHANNEL_TILE, Epilogue, Slice, Tail};
use crate::model::{Array, Model};
use crate::plan::{Load, Plan};
use crate::tensor::{DType, Layout, Tensor, quads};

/// Where the noise of a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoiseSource {
    /// The model's maps.
    Const,
    /// Nowhere.
    None,
    /// Inputs of the plan, one map for each layer and image.
    Input,
}

/// The constant that has the biases of all styles.
pub(crate) const AFFINE_TABLE: &str = "affine.table";

/// A synthesis network as a plan, and its handles.
pub struct Synthesis {
    /// The passes.
    pub plan: Plan,
    /// `[N * num_ws, w_dim]`, the input.
    pub ws: Tensor,
    /// `[N * H, W]` of every layer with noise; inputs, when the noise comes from there.
    pub noises: Vec<Tensor>,
    /// `[N * 3, 4]`, an input of StyleGAN3: the affine map of the plane that its features are of, row by row.
    pub transform: Option<Tensor>,
    /// The image, `[N, C, H, W]`, about -1..1.
    pub img: Tensor,
    /// The image as 8-bit pixels.
    pub rgba: Tensor,
}

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
    fn normalizes_styles(self, dtype: DType) -> bool {
        match self {
            Demodulate::No => false,
            Demodulate::Norm => dtype == DType::F16,
            Demodulate::Normalized { .. } => true,
        }
    }
}

/// A synthesis network under construction.
pub(crate) struct Layers<'a> {
    pub(crate) plan: Plan,
    pub(crate) model: &'a Model,
    /// Element type of activations and convolution weights.
    pub(crate) dtype: DType,
    images: usize,
    noise: NoiseSource,
    noises: Vec<Tensor>,
    transform: Option<Tensor>,
    ws: Tensor,
    styles: HashMap<String, Slice>,
    demods: HashMap<String, (Slice, Demodulate)>,
}

impl<'a> Layers<'a> {
    /// The plan's beginning: the input ws, all styles and all demodulation factors.
    pub(crate) fn new(
        model: &'a Model,
        images: usize,
        dtype: DType,
        noise: NoiseSource,
        num_ws: usize,
        w_dim: usize,
        specs: &[StyleSpec],
    ) -> Layers<'a> {
        let mut plan = Plan::new();
        let ws = plan.input("ws", [images * num_ws, w_dim, 1, 1], DType::F32, Layout::Flat);
        let (mut styles, first_rows) = affine(&mut plan, model, ws, num_ws, w_dim, specs);
        if specs.iter().any(|spec| spec.demodulate.normalizes_styles(dtype)) {
            styles = normalize_styles(&mut plan, model, styles, dtype, specs, &first_rows);
        }
        let slice = |first: &usize| Slice { tensor: styles, first: *first };
        let style_of = specs.iter().zip(&first_rows).map(|(spec, first)| (spec.name.clone(), slice(first))).collect();
        let demods = demodulate(&mut plan, model, styles, dtype, specs, &first_rows);
        Layers { plan, model, dtype, images, noise, noises: Vec::new(), transform: None, ws, styles: style_of, demods }
    }

    /// The network's learned input as an activation, `[1, C, h, w]`.
    pub(crate) fn constant_input(&mut self, name: &str) -> Tensor {
        let array = self.array(name);
        let [channels, height, width] = array.shape()[..] else { unreachable!("the manifest says [C, h, w]") };
        self.plan.constant(name, [1, channels, height, width], self.dtype, Layout::Slab { border: 1 }, whole(&array))
    }

    /// The caller's map of the plane of each image.
    pub(crate) fn transform(&mut self) -> Tensor {
        let transform = self.plan.input("transform", [3 * self.images, 4, 1, 1], DType::F32, Layout::Flat);
        self.transform = Some(transform);
        transform
    }

    /// A modulated, optionally demodulated convolution with its tail.
    pub(crate) fn modulated_conv2d(&mut self, name: &str, x: Tensor, tail: Tail) -> Tensor {
        let (weight, style, demod) = (self.convolution_weight(name), self.style(name), self.demod(name));
        self.plan.modulated_conv2d(name, x, weight, style, demod, tail)
    }

    /// The bias of a layer.
    pub(crate) fn bias(&mut self, name: &str) -> Tensor {
        self.scaled_bias(name, 1.0)
    }

    /// The same times a factor.
    pub(crate) fn scaled_bias(&mut self, name: &str, factor: f32) -> Tensor {
        self.per_channel(&format!("{name}.bias"), factor)
    }

    /// A per-channel tensor `[1, C]` times a factor, padded to what the kernels' tiles read.
    fn per_channel(&mut self, name: &str, factor: f32) -> Tensor {
        let array = self.array(name);
        let rows = array.len().next_multiple_of(CHANNEL_TILE);
        let load = whole(&array);
        let padded = move || {
            let mut values: Vec<f32> = load().into_iter().map(|value| value * factor).collect();
            values.resize(rows, 0.0);
            values
        };
        self.plan.constant(name, [1, rows, 1, 1], DType::F32, Layout::Flat, Arc::new(padded))
    }

    /// The noise map of a layer, and its strength; strength 0 when the network or the caller wants none.
    pub(crate) fn noise(&mut self, name: &str) -> (Tensor, f32) {
        match self.noise_map(name) {
            Some(map) => (map, self.array(&format!("{name}.noise_strength")).to_f32()[0]),
            None => (self.no_noise(), 0.0),
        }
    }

    /// What precedes an instance norm: noise with a strength for each channel, bias, leaky ReLU.
    pub(crate) fn epilogue(&mut self, name: &str) -> Epilogue {
        let bias = self.bias(name);
        let (noise, strength, noise_on) = match self.noise_map(name) {
            Some(map) => (map, self.per_channel(&format!("{name}.noise_strength"), 1.0), true),
            None => (self.no_noise(), self.filled("no strength", bias.shape[1], 0.0), false),
        };
        Epilogue { bias, noise, strength, noise_on, slope: 0.2 }
    }

    /// The noise map of a layer, as large as the model's; none when the network or the caller wants none.
    fn noise_map(&mut self, name: &str) -> Option<Tensor> {
        let array = self.model.arrays.get(&format!("synthesis.{name}.noise_const"))?;
        let [height, width] = array.shape()[..] else { unreachable!("the manifest says [H, W]") };
        match self.noise {
            NoiseSource::Const => {
                let load = whole(array);
                Some(self.plan.constant(&format!("{name}.noise_const"), [height, width, 1, 1], DType::F32, Layout::Flat, load))
            }
            NoiseSource::Input => {
                let map = self.plan.input(&format!("{name}.noise"), [self.images * height, width, 1, 1], DType::F32, Layout::Flat);
                self.noises.push(map);
                Some(map)
            }
            NoiseSource::None => None,
        }
    }

    /// Convolution weights. In f16 every output channel of a demodulated layer is divided by a scale, which demodulation undoes: weights
    /// of any size fit.
    pub(crate) fn convolution_weight(&mut self, name: &str) -> Tensor {
        self.convolution_weight_of(name, self.dtype)
    }

    /// The same of a layer whose activations have another type than the network's.
    pub(crate) fn convolution_weight_of(&mut self, name: &str, dtype: DType) -> Tensor {
        let array = self.array(&format!("{name}.weight"));
        let [outputs, inputs, kernel, _] = array.shape()[..] else { unreachable!("the manifest says [O, I, k, k]") };
        let load = whole(&array);
        let demodulate = self.demods.get(name).map(|(_, demodulate)| *demodulate).filter(|_| self.dtype == DType::F16);
        let values = move || {
            let mut values = load();
            if let Some(demodulate) = demodulate {
                for row in values.chunks_exact_mut(inputs * kernel * kernel) {
                    let scale = f16_scale(demodulate, row);
                    row.iter_mut().for_each(|value| *value /= scale);
                }
            }
            values
        };
        self.plan.convolution_weight(&format!("{name}.weight"), [outputs, inputs, kernel, kernel], dtype, Arc::new(values))
    }

    /// The style of a layer.
    pub(crate) fn style(&self, name: &str) -> Slice {
        self.styles[name]
    }

    /// The demodulation factors of a layer; ones for a layer without.
    pub(crate) fn demod(&mut self, name: &str) -> Slice {
        self.demods.get(name).map(|(slice, _)| *slice).unwrap_or_else(|| {
            let channels = self.array(&format!("{name}.weight")).shape()[0];
            self.ones(channels)
        })
    }

    /// Ones in the place of a style or of demodulation factors.
    pub(crate) fn ones(&mut self, channels: usize) -> Slice {
        self.uniform(channels, 1.0)
    }

    /// One factor for all channels in the place of a style: a gain of the weights.
    pub(crate) fn uniform(&mut self, channels: usize, value: f32) -> Slice {
        Slice { tensor: self.filled(&format!("all {value}"), channels, value), first: 0 }
    }

    /// The tail of a convolution that is followed by nothing.
    pub(crate) fn no_tail(&mut self, channels: usize) -> Tail {
        let bias = self.filled("no bias", channels, 0.0);
        Tail { bias, noise: self.no_noise(), noise_strength: 0.0, slope: 1.0, gain: 1.0, limit: f32::INFINITY }
    }

    fn filled(&mut self, name: &str, channels: usize, value: f32) -> Tensor {
        let rows = channels.next_multiple_of(CHANNEL_TILE);
        self.plan.constant(name, [1, rows, 1, 1], DType::F32, Layout::Flat, Arc::new(move || vec![value; rows]))
    }

    fn no_noise(&mut self) -> Tensor {
        self.plan.constant("no noise", [1, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(|| vec![0.0; 4]))
    }

    /// An array of the synthesis network.
    pub(crate) fn array(&self, name: &str) -> Array {
        self.model.array(&format!("synthesis.{name}")).clone()
    }

    /// The plan's end: the image as 8-bit pixels.
    pub(crate) fn finish(mut self, img: Tensor) -> Synthesis {
        let rgba = self.plan.to_rgba8("rgba8", img);
        self.plan.tap(img);
        self.plan.tap(rgba);
        Synthesis { plan: self.plan, ws: self.ws, noises: self.noises, transform: self.transform, img, rgba }
    }
}

/// Loads an array whole.
pub(crate) fn whole(array: &Array) -> Load {
    let array = array.clone();
    Arc::new(move || array.to_f32())
}

/// One pass for the styles of all layers; returns them and each layer's first row.
fn affine(plan: &mut Plan, model: &Model, ws: Tensor, num_ws: usize, w_dim: usize, specs: &[StyleSpec]) -> (Tensor, Vec<usize>) {
    let mut first_rows = Vec::new();
    let mut rows = 0;
    let mut layers = Vec::new();
    for spec in specs {
        let array = |part: &str| model.array(&format!("synthesis.{}.affine.{part}", spec.name)).clone();
        let (weight, bias) = (array("weight"), array("bias"));
        first_rows.push(rows);
        rows += bias.len().next_multiple_of(CHANNEL_TILE);
        layers.push((weight, bias, spec.gains, spec.slot));
    }
    let layers = Arc::new(layers);
    let matrix_layers = layers.clone();
    let matrix = move || {
        let mut values = Vec::with_capacity(rows * w_dim);
        for (weight, bias, [gain, _], _) in matrix_layers.iter() {
            values.extend(weight.to_f32().iter().map(|value| value * gain));
            values.resize(values.len() + (bias.len().next_multiple_of(CHANNEL_TILE) - bias.len()) * w_dim, 0.0);
        }
        values
    };
    let table = move || {
        let mut values = Vec::with_capacity(rows * 4);
        for (_, bias, [_, gain], slot) in layers.iter() {
            let end = values.len() + bias.len().next_multiple_of(CHANNEL_TILE) * 4;
            values.extend(bias.to_f32().iter().flat_map(|value| [value * gain, *slot as f32, 0.0, 0.0]));
            values.resize(end, 0.0);
        }
        values
    };
    let matrix = plan.constant("affine.weight", [rows, w_dim, 1, 1], DType::F32, Layout::Flat, Arc::new(matrix));
    let table = plan.constant(AFFINE_TABLE, [rows, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(table));
    (plan.affine("styles", ws, num_ws, matrix, table), first_rows)
}

/// One pass for the demodulation factors of all layers that have them.
fn demodulate(
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
fn normalize_styles(plan: &mut Plan, model: &Model, styles: Tensor, dtype: DType, specs: &[StyleSpec], first_rows: &[usize]) -> Tensor {
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
fn f16_scale(demodulate: Demodulate, row: &[f32]) -> f32 {
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
fn power_of_two(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    if largest > 0.0 { f32::exp2(largest.log2().floor().clamp(-100.0, 100.0)) } else { 1.0 }
}
