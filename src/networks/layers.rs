//! What the synthesis networks share: the plan under construction, the styles and demodulation factors of all layers, noise.

use std::collections::HashMap;
use std::sync::Arc;

use super::styles::{Affines, Demodulate, StyleSpec, Styles, affine, demodulate, f16_scale, normalize_styles};
use crate::kernels::{CHANNEL_TILE, Epilogue, Slice, Tail};
use crate::model::{Array, Model};
use crate::plan::{Load, Plan};
use crate::tensor::{DType, Layout, Tensor};

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
    /// The constant with the biases of all styles, and what it is made of.
    pub(crate) table: Tensor,
    pub(crate) affines: Arc<Affines>,
    /// The image, `[N, C, H, W]`, about -1..1.
    pub img: Tensor,
    /// The image as 8-bit pixels.
    pub rgba: Tensor,
}

impl Synthesis {
    /// The network up to the picture of block `b{resolution}`; None where no such block ends in one.
    pub(crate) fn preview(mut self, resolution: usize) -> Option<Synthesis> {
        let label = format!("b{resolution}.torgb");
        let last = self.plan.passes.iter().rposition(|pass| pass.label == label)?;
        let img = self.plan.passes[last].write;
        // Tensors and passes were added in the order of the figure: what follows belongs to later blocks.
        self.plan.passes.truncate(last + 1);
        self.plan.entries.truncate(img.id + 1);
        self.noises.retain(|noise| noise.id <= img.id);
        let rgba = self.plan.to_rgba8("rgba8", img);
        self.plan.tap(img);
        self.plan.tap(rgba);
        Some(Synthesis { img, rgba, ..self })
    }
}

/// The resolution of the preview that ends with this pass, if one does.
pub(crate) fn preview_of(label: &str) -> Option<usize> {
    label.strip_prefix('b')?.strip_suffix(".torgb")?.parse().ok()
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
    table: Tensor,
    affines: Arc<Affines>,
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
        let Styles { values: mut styles, table, affines, first_rows } = affine(&mut plan, model, ws, num_ws, w_dim, specs);
        if specs.iter().any(|spec| spec.demodulate.normalizes_styles(dtype)) {
            styles = normalize_styles(&mut plan, model, styles, dtype, specs, &first_rows);
        }
        let slice = |first: &usize| Slice { tensor: styles, first: *first };
        let style_of = specs.iter().zip(&first_rows).map(|(spec, first)| (spec.name.clone(), slice(first))).collect();
        let demods = demodulate(&mut plan, model, styles, dtype, specs, &first_rows);
        Layers { plan, model, dtype, images, noise, noises: Vec::new(), transform: None, ws, table, affines, styles: style_of, demods }
    }

    /// The network's learned input as an activation, `[1, C, h, w]`.
    pub(crate) fn constant_input(&mut self, name: &str) -> Tensor {
        self.constant_input_of(name, self.dtype)
    }

    /// The same in another type than the network's.
    pub(crate) fn constant_input_of(&mut self, name: &str, dtype: DType) -> Tensor {
        let array = self.array(name);
        let [channels, height, width] = array.shape()[..] else { unreachable!("the manifest says [C, h, w]") };
        self.plan.constant(name, [1, channels, height, width], dtype, Layout::Slab { border: 1 }, whole(&array))
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
        let Layers { plan, ws, noises, transform, table, affines, .. } = self;
        Synthesis { plan, ws, noises, transform, table, affines, img, rgba }
    }
}

/// Loads an array whole.
pub(crate) fn whole(array: &Array) -> Load {
    let array = array.clone();
    Arc::new(move || array.to_f32())
}
