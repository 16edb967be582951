//! The synthesis network, ws -> image: wavelets of twice the size, refined by separable convolutions (section 3, figure 2).

use super::Config;
use crate::kernels::Tail;
use crate::model::Model;
use crate::networks::layers::{Layers, NoiseSource, Synthesis, whole};
use crate::networks::styles::{Demodulate, StyleSpec};
use crate::tensor::{DType, Tensor};

/// The forward pass of `images` images.
pub(crate) fn synthesis(model: &Model, config: &Config, images: usize, dtype: DType, noise: NoiseSource) -> Synthesis {
    let layers = Layers::new(model, images, dtype, noise, config.num_ws(), config.w_dim, &styles(config));
    let mut net = Net { layers };
    let x = net.layers.constant_input("b4.const");
    let tail = net.tail("b4.conv1");
    let mut x = net.layers.modulated_conv2d("b4.conv1", x, tail);
    for resolution in config.resolutions() {
        let block = format!("b{resolution}");
        x = net.wavelet(&format!("{block}.up"), x, dtype);
        x = net.separable_layer(&format!("{block}.conv1"), x);
        x = net.separable_layer(&format!("{block}.conv2"), x);
    }
    let img = net.torgb("torgb", x);
    net.layers.finish(img)
}

/// Slot 0 is b4.conv1's; block i has 3i+1 (wavelet and conv1) and 3i+2 (conv2); the last slot is torgb's. The slots 3i+3 of the
/// blocks between belonged to images that only training looked at.
pub(crate) fn styles(config: &Config) -> Vec<StyleSpec> {
    let spec = |name: String, slot: usize| StyleSpec { name, slot, gains: [1.0, 1.0], demodulate: Demodulate::No };
    let mut specs = vec![spec("b4.conv1".into(), 0)];
    for (i, resolution) in config.resolutions().enumerate() {
        specs.push(spec(format!("b{resolution}.up"), 3 * i + 1));
        specs.push(spec(format!("b{resolution}.conv1"), 3 * i + 1));
        specs.push(spec(format!("b{resolution}.conv2"), 3 * i + 2));
    }
    specs.push(spec("torgb".into(), config.num_ws() - 1));
    specs
}

struct Net<'a> {
    layers: Layers<'a>,
}

impl Net<'_> {
    fn wavelet(&mut self, name: &str, x: Tensor, dtype: DType) -> Tensor {
        let style = self.layers.style(name);
        self.layers.plan.inverse_haar(name, x, style, dtype)
    }

    /// Depthwise 3x3, which takes the style, then 1x1 with noise, bias and activation.
    fn separable_layer(&mut self, name: &str, x: Tensor) -> Tensor {
        let load = whole(&self.layers.array(&format!("{name}.depthwise")));
        let depthwise = self.layers.plan.depthwise_weight(&format!("{name}.depthwise"), x.shape[1], load);
        let style = self.layers.style(name);
        let x = self.layers.plan.depthwise_conv2d(&format!("{name}.depthwise"), x, depthwise, style);
        let tail = self.tail(name);
        self.pointwise(name, x, tail)
    }

    /// 1x1 to twelve channels, and a last wavelet to the image.
    fn torgb(&mut self, name: &str, x: Tensor) -> Tensor {
        let (noise, bias) = (self.layers.noise(name).0, self.layers.bias(name));
        let tail = Tail { bias, noise, noise_strength: 0.0, slope: 1.0, gain: 1.0, limit: f32::INFINITY };
        let channels = self.layers.modulated_conv2d(name, x, tail);
        let ones = self.layers.ones(channels.shape[1]);
        self.layers.plan.inverse_haar("image", channels, ones, DType::F32)
    }

    fn pointwise(&mut self, name: &str, x: Tensor, tail: Tail) -> Tensor {
        let (weight, ones, demod) = (self.layers.convolution_weight(name), self.layers.ones(x.shape[1]), self.layers.demod(name));
        self.layers.plan.modulated_conv2d(name, x, weight, ones, demod, tail)
    }

    /// Leaky ReLU without the gain of sqrt(2); no clamp: activations stay below 700.
    fn tail(&mut self, name: &str) -> Tail {
        let (noise, noise_strength) = self.layers.noise(name);
        Tail { bias: self.layers.bias(name), noise, noise_strength, slope: 0.2, gain: 1.0, limit: f32::INFINITY }
    }
}
