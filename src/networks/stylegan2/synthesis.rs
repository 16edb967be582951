//! The synthesis network, ws -> image (Karras et al. 2020, figures 2c and 7b).

use super::{Architecture, Config};
use crate::kernels::{Tail, filter_bias_act, slope_and_gain, upsample_border};
use crate::model::Model;
use crate::networks::layers::{Layers, NoiseSource, Synthesis};
use crate::networks::styles::{Demodulate, StyleSpec};
use crate::tensor::{DType, Tensor};

/// The forward pass of `images` images.
pub(crate) fn synthesis(model: &Model, config: &Config, images: usize, dtype: DType, noise: NoiseSource) -> Synthesis {
    let layers = Layers::new(model, images, dtype, noise, config.num_ws(), config.w_dim, &styles(config));
    let mut net = Net { layers, config };
    let mut x = net.layers.constant_input("b4.const");
    let mut img = None;
    for resolution in config.resolutions() {
        let block = format!("b{resolution}");
        let input = x;
        if resolution > 4 {
            x = net.synthesis_layer_up(&format!("{block}.conv0"), x);
        }
        x = match config.architecture {
            Architecture::Resnet if resolution > 4 => net.residual(&block, input, x),
            _ => net.synthesis_layer(&format!("{block}.conv1"), x, 1.0),
        };
        if config.has_torgb(resolution) {
            img = Some(net.torgb(&format!("{block}.torgb"), x, img));
        }
    }
    net.layers.finish(img.expect("the last block has a torgb"))
}

/// Who reads which row of ws: b4.conv1 0; b4.torgb and b8.conv0 1; b8.conv1 2; b8.torgb and b16.conv0 3; ...
pub(crate) fn styles(config: &Config) -> Vec<StyleSpec> {
    let weight_gain = 1.0 / (config.w_dim as f32).sqrt();
    let mut specs = Vec::new();
    for (i, resolution) in config.resolutions().enumerate() {
        let mut layer = |name: &str, slot: usize| {
            specs.push(StyleSpec { name: format!("b{resolution}.{name}"), slot, gains: [weight_gain, 1.0], demodulate: Demodulate::Norm });
        };
        if i > 0 {
            layer("conv0", 2 * i - 1);
        }
        layer("conv1", 2 * i);
        if config.has_torgb(resolution) {
            // torgb is not demodulated; the gain of its weights is put into its style.
            let gain = 1.0 / (config.channels(resolution) as f32).sqrt();
            specs.push(StyleSpec {
                name: format!("b{resolution}.torgb"),
                slot: 2 * i + 1,
                gains: [weight_gain * gain, gain],
                demodulate: Demodulate::No,
            });
        }
    }
    specs
}

struct Net<'a> {
    layers: Layers<'a>,
    config: &'a Config,
}

impl Net<'_> {
    /// 3x3 convolution, noise, bias, activation; the gain follows the activation.
    fn synthesis_layer(&mut self, name: &str, x: Tensor, gain: f32) -> Tensor {
        let tail = self.tail(name, gain);
        self.layers.modulated_conv2d(name, x, tail)
    }

    /// The same with up-sampling by two before the convolution, as a transposed convolution and a low-pass filter.
    fn synthesis_layer_up(&mut self, name: &str, x: Tensor) -> Tensor {
        let filter = &self.config.resample_filter;
        let tail = self.tail(name, 1.0);
        let (weight, style, demod) = (self.layers.convolution_weight(name), self.layers.style(name), self.layers.demod(name));
        let t = self.layers.plan.modulated_conv2d_up(name, x, weight, style, demod, filter_bias_act::border(filter));
        self.layers.plan.filter_bias_act(&format!("{name}.filter"), t, filter, tail)
    }

    /// conv1 plus the block's input, up-sampled by a 1x1 convolution and the low-pass filter; halved variances add up to one.
    fn residual(&mut self, block: &str, input: Tensor, x: Tensor) -> Tensor {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let name = format!("{block}.skip");
        let (weight, demod) = (self.layers.convolution_weight(&name), self.layers.demod(&name));
        let gain = self.layers.uniform(input.shape[1], half / (input.shape[1] as f32).sqrt());
        let tail = self.layers.no_tail(weight.shape[0]);
        // The 1x1 convolution comes first: it commutes with the filter, and has a quarter of the pixels here.
        let filter = &self.config.resample_filter;
        let skip = self.layers.plan.modulated_conv2d_bordered(&name, input, weight, gain, demod, tail, upsample_border(filter));
        let x = self.synthesis_layer(&format!("{block}.conv1"), x, half);
        self.layers.plan.upsample2d_add(block, x, skip, filter)
    }

    /// 1x1 convolution to the image's channels, added to the image of the block below, doubled.
    fn torgb(&mut self, name: &str, x: Tensor, skip: Option<Tensor>) -> Tensor {
        let weight = self.layers.array(&format!("{name}.weight"));
        let shape = [weight.shape()[0], weight.shape()[1], 1, 1];
        let weight = self.layers.plan.to_rgb_weight(&format!("{name}.weight"), shape, crate::networks::layers::whole(&weight));
        let (style, bias) = (self.layers.style(name), self.layers.bias(name));
        let limit = self.config.conv_clamp.unwrap_or(f32::INFINITY);
        self.layers.plan.to_rgb(name, x, weight, style, bias, skip, &self.config.resample_filter, limit)
    }

    fn tail(&mut self, name: &str, gain: f32) -> Tail {
        let (slope, activation_gain) = slope_and_gain(self.config.activation);
        let (noise, noise_strength) = self.layers.noise(name);
        let limit = self.config.conv_clamp.map_or(f32::INFINITY, |clamp| clamp * gain);
        Tail { bias: self.layers.bias(name), noise, noise_strength, slope, gain: activation_gain * gain, limit }
    }
}
