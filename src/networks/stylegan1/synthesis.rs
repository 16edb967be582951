//! The synthesis network, ws -> image (Karras et al. 2019, figure 1b).

use std::sync::Arc;

use super::Config;
use crate::model::Model;
use crate::networks::layers::{Layers, NoiseSource, Synthesis, whole};
use crate::networks::styles::{Demodulate, StyleSpec};
use crate::tensor::{DType, Tensor};

/// The forward pass of `images` images.
pub(crate) fn synthesis(model: &Model, config: &Config, images: usize, dtype: DType, noise: NoiseSource) -> Synthesis {
    let layers = Layers::new(model, images, dtype, noise, config.num_ws(), config.w_dim, &styles(config));
    let mut net = Net { layers, images };
    let constant = net.layers.constant_input("b4.const");
    let mut x = net.style("b4.conv0", constant);
    for resolution in config.resolutions() {
        let block = format!("b{resolution}");
        if resolution > 4 {
            x = net.layer_up(&format!("{block}.conv0"), x);
        }
        x = net.layer(&format!("{block}.conv1"), x);
    }
    let img = net.torgb("torgb", x);
    net.layers.finish(img)
}

/// Every layer has its own row of ws: b4.conv0 (the constant's) 0, b4.conv1 1, b8.conv0 2, ...
pub(crate) fn styles(config: &Config) -> Vec<StyleSpec> {
    let gains = [1.0 / (config.w_dim as f32).sqrt(), 1.0];
    let layers = config.resolutions().flat_map(|resolution| ["conv0", "conv1"].map(|layer| format!("b{resolution}.{layer}")));
    layers.enumerate().map(|(slot, name)| StyleSpec { name, slot, gains, demodulate: Demodulate::No }).collect()
}

struct Net<'a> {
    layers: Layers<'a>,
    images: usize,
}

impl Net<'_> {
    /// 3x3 convolution and the style.
    fn layer(&mut self, name: &str, x: Tensor) -> Tensor {
        let (weight, gain, ones) = (self.layers.convolution_weight(name), self.gain(x), self.layers.demod(name));
        let tail = self.layers.no_tail(weight.shape[0]);
        let y = self.layers.plan.modulated_conv2d(name, x, weight, gain, ones, tail);
        self.style(name, y)
    }

    /// Doubled by nearest neighbours, 3x3 convolution, blur and the style: a stride-2 transposed convolution and a filter, as in
    /// StyleGAN2. Transposing flips the kernel, so it goes in flipped. The original has its fused form from 128 up only; it is
    /// the same function.
    fn layer_up(&mut self, name: &str, x: Tensor) -> Tensor {
        let array = self.layers.array(&format!("{name}.weight"));
        let [outputs, inputs, ..] = array.shape()[..] else { unreachable!("the manifest says [O, I, 3, 3]") };
        let load = whole(&array);
        let flipped = move || {
            let mut values = load();
            values.chunks_exact_mut(9).for_each(<[f32]>::reverse);
            values
        };
        let (gain, ones) = (self.gain(x), self.layers.demod(name));
        let plan = &mut self.layers.plan;
        let weight = plan.convolution_weight(&format!("{name}.weight"), [outputs, inputs, 3, 3], x.dtype, Arc::new(flipped));
        let t = plan.modulated_conv2d_up(name, x, weight, gain, ones, 0);
        let y = plan.blur2d(&format!("{name}.blur"), t);
        self.style(name, y)
    }

    /// Noise, bias, activation, instance norm, scale and shift.
    fn style(&mut self, name: &str, x: Tensor) -> Tensor {
        let epilogue = self.layers.epilogue(name);
        let style = self.layers.style(name);
        let plan = &mut self.layers.plan;
        let statistics = plan.instance_statistics(&format!("{name}.statistics"), x, self.images, epilogue);
        let coefficients = plan.adain_coefficients(&format!("{name}.coefficients"), statistics, x, style);
        plan.adain(&format!("{name}.adain"), x, coefficients, epilogue)
    }

    /// 1x1 convolution to the image's channels.
    fn torgb(&mut self, name: &str, x: Tensor) -> Tensor {
        let array = self.layers.array(&format!("{name}.weight"));
        let weight = self.layers.plan.to_rgb_weight(&format!("{name}.weight"), [array.shape()[0], array.shape()[1], 1, 1], whole(&array));
        let gain = self.layers.uniform(x.shape[1], 1.0 / (x.shape[1] as f32).sqrt());
        let bias = self.layers.bias(name);
        self.layers.plan.to_rgb(name, x, weight, gain, bias, None, &[1.0], f32::INFINITY)
    }

    /// Equalised learning rate: the gain of a 3x3 kernel, in the place of StyleGAN2's styles.
    fn gain(&mut self, x: Tensor) -> crate::kernels::Slice {
        self.layers.uniform(x.shape[1], (2.0 / (9 * x.shape[1]) as f32).sqrt())
    }
}
