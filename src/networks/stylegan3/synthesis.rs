//! The synthesis network, ws -> image (Karras et al. 2021, figure 4).

use std::sync::Arc;

use super::separable::separable;
use super::{Config, Layer};
use crate::kernels::filtered_lrelu::FilteredLrelu;
use crate::kernels::synthesis_input::Features;
use crate::kernels::{Tail, slope_and_gain};
use crate::model::Model;
use crate::networks::layers::{Layers, NoiseSource, Synthesis, whole};
use crate::networks::stylegan2::Activation;
use crate::networks::styles::{Demodulate, StyleSpec};
use crate::tensor::{DType, Layout, Tensor};

/// What may be left of a radial filter, of its norm: the picture is off by about as much.
const FILTER_F32: f64 = 1e-6;
/// In f16 a layer's output is rounded to 3e-4 of it.
const FILTER_F16: f64 = 5e-5;

/// The forward pass of `images` images.
pub(crate) fn synthesis(model: &Model, config: &Config, images: usize, dtype: DType) -> Synthesis {
    // What the layer's input was divided by in training.
    let gain = |name: &str| 1.0 / model.array(&format!("synthesis.{name}.magnitude_ema")).to_f32()[0].sqrt();
    let layers = Layers::new(model, images, dtype, NoiseSource::None, config.num_ws(), config.w_dim, &styles(config, gain));
    let mut net = Net { layers, config };
    let mut x = net.fourier_features();
    for i in 0..config.layers.len() {
        x = net.synthesis_layer(i, x);
    }
    let img = net.torgb(x);
    net.layers.finish(img)
}

/// Who reads which row of ws: the input 0, then each layer its own. `gain` is what a layer's input is multiplied by.
pub(crate) fn styles(config: &Config, gain: impl Fn(&str) -> f32) -> Vec<StyleSpec> {
    let weight_gain = 1.0 / (config.w_dim as f32).sqrt();
    let mut specs = vec![StyleSpec { name: "input".into(), slot: 0, gains: [weight_gain, 1.0], demodulate: Demodulate::No }];
    for (i, Layer { name, .. }) in config.layers.iter().enumerate() {
        let demodulate = Demodulate::Normalized { gain: gain(name) };
        specs.push(StyleSpec { name: name.clone(), slot: i + 1, gains: [weight_gain, 1.0], demodulate });
    }
    // The last layer is not demodulated; all that its weights are multiplied by is put into its style.
    let name = config.torgb.name.clone();
    let gain = config.output_scale * gain(&name) / (config.torgb_channels() as f32).sqrt();
    specs.push(StyleSpec { name, slot: config.layers.len() + 1, gains: [weight_gain * gain, gain], demodulate: Demodulate::No });
    specs
}

struct Net<'a> {
    layers: Layers<'a>,
    config: &'a Config,
}

impl Net<'_> {
    /// Fourier features, turned and moved by w and by the caller, and a 1x1 convolution.
    fn fourier_features(&mut self) -> Tensor {
        let input = &self.config.input;
        let (transform, waves) = (self.layers.transform(), self.waves());
        let features =
            Features { channels: input.channels, size: input.size, sampling_rate: input.sampling_rate, bandwidth: input.bandwidth };
        let style = self.layers.style("input");
        let features = self.layers.plan.synthesis_input("input.features", style, transform, waves, features, self.margin(0));
        let weight = whole(&self.layers.array("input.weight"));
        let weight = self.layers.plan.convolution_weight("input.weight", [input.channels, input.channels, 1, 1], DType::F32, weight);
        let gain = self.layers.uniform(input.channels, 1.0 / (input.channels as f32).sqrt());
        let (ones, tail) = (self.layers.ones(input.channels), self.layers.no_tail(input.channels));
        let dtype = self.dtype(0);
        self.layers.plan.modulated_conv2d_to(dtype, "input", features, weight, gain, ones, tail)
    }

    /// Modulated convolution that makes the map larger by what its kernel reaches, bias, leaky ReLU at a higher sampling rate. Between
    /// them the signal is f32: rounded there, it would be off in every sample that the filters add up.
    fn synthesis_layer(&mut self, i: usize, x: Tensor) -> Tensor {
        let layer = &self.config.layers[i];
        let name = &layer.name;
        let tail = Tail { bias: self.layers.bias(name), ..self.layers.no_tail(layer.out_channels) };
        let weight = self.layers.convolution_weight_of(name, x.dtype);
        let (style, demod) = (self.layers.style(name), self.layers.demod(name));
        let convolved = self.layers.plan.modulated_conv2d_to(DType::F32, &format!("{name}.conv"), x, weight, style, demod, tail);
        let (activation, margin, dtype) = (self.activation(layer), self.margin(i + 1), self.dtype(i + 1));
        self.layers.plan.filtered_lrelu(name, convolved, &activation, margin, dtype)
    }

    /// 1x1 convolution to the image's channels.
    fn torgb(&mut self, x: Tensor) -> Tensor {
        let (torgb, scale) = (&self.config.torgb, self.config.output_scale);
        let name = &torgb.name;
        let weight = whole(&self.layers.array(&format!("{name}.weight")));
        let weight = self.layers.plan.to_rgb_weight(&format!("{name}.weight"), [torgb.img_channels, x.shape[1], 1, 1], weight);
        let (style, bias) = (self.layers.style(name), self.layers.scaled_bias(name, scale));
        let limit = torgb.conv_clamp.map_or(f32::INFINITY, |clamp| clamp * scale);
        self.layers.plan.to_rgb(name, x, weight, style, bias, None, &[1.0], limit)
    }

    /// Zeros around the input of layer `i` that its convolution meets as pixels of the map.
    fn margin(&self, i: usize) -> usize {
        self.config.layers.get(i).map_or(0, |layer| layer.conv_kernel / 2)
    }

    /// Element type of the input of layer `i`.
    fn dtype(&self, i: usize) -> DType {
        let half = self.config.layers.get(i).map_or(self.config.torgb.use_fp16, |layer| layer.use_fp16);
        if half { self.layers.dtype } else { DType::F32 }
    }

    fn activation(&self, layer: &Layer) -> FilteredLrelu {
        let filter = |name: &str| match self.layers.model.arrays.get(&format!("synthesis.{}.{name}", layer.name)) {
            Some(array) => array.to_f32(),
            None => vec![1.0],
        };
        let tolerance = if self.layers.dtype == DType::F16 { FILTER_F16 } else { FILTER_F32 };
        let down = filter("down_filter");
        let (slope, gain) = slope_and_gain(Activation::Lrelu);
        FilteredLrelu {
            up: layer.up_factor,
            up_filter: filter("up_filter"),
            down_filter: if layer.down_radial { separable(&down, layer.down_taps, tolerance) } else { vec![[down.clone(), down]] },
            padding: layer.padding,
            slope,
            gain,
            limit: layer.conv_clamp.unwrap_or(f32::INFINITY),
        }
    }

    /// Frequencies and phase of every feature.
    fn waves(&mut self) -> Tensor {
        let (freqs, phases) = (self.layers.array("input.freqs"), self.layers.array("input.phases"));
        let channels = self.config.input.channels;
        let rows = channels.next_multiple_of(4);
        let load = move || {
            let (freqs, phases) = (freqs.to_f32(), phases.to_f32());
            let mut waves: Vec<f32> = freqs.chunks_exact(2).zip(&phases).flat_map(|(f, &phase)| [f[0], f[1], phase, 0.0]).collect();
            waves.resize(4 * rows, 0.0);
            waves
        };
        self.layers.plan.constant("input.waves", [rows, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(load))
    }
}
