//! The synthesis network, ws -> image (Karras et al. 2019, figure 1b).

use std::sync::Arc;

use super::Config;
use crate::kernels::Slice;
use crate::model::Model;
use crate::networks::layers::{Layers, NoiseSource, Synthesis, whole};
use crate::networks::styles::{Demodulate, StyleSpec};
use crate::tensor::{DType, Tensor};

/// The forward pass of `images` images, in halves where `dtype` says so: the last block, which has half of the memory.
///
/// The blocks before it are always f32. A leaky ReLU and an instance norm leave a tenth more of an error than of the signal (0.52 of its
/// power for 0.42), and nothing demodulates: what the first layers round, the last ones have grown several times.
pub(crate) fn synthesis(model: &Model, config: &Config, images: usize, dtype: DType, noise: NoiseSource) -> Synthesis {
    let layers = Layers::new(model, images, dtype, noise, config.num_ws(), config.w_dim, &styles(config));
    let mut net = Net { layers, images };
    let of = |resolution: usize| if resolution < config.img_resolution { DType::F32 } else { dtype };
    let constant = net.layers.constant_input_of("b4.const", DType::F32);
    let mut x = net.style("b4.conv0", constant, of(4));
    for resolution in config.resolutions() {
        let block = format!("b{resolution}");
        if resolution > 4 {
            x = net.layer_up(&format!("{block}.conv0"), x);
        }
        // What a block ends in is of the type that the next one reads.
        x = net.layer(&format!("{block}.conv1"), x, of(2 * resolution));
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
    /// 3x3 convolution and the style. What the instance norm reads is f32.
    fn layer(&mut self, name: &str, x: Tensor, dtype: DType) -> Tensor {
        let weight = self.layers.convolution_weight_of(name, x.dtype);
        let (ones, gain) = self.gain(x, weight.shape[0]);
        let tail = self.layers.no_tail(weight.shape[0]);
        let y = self.layers.plan.modulated_conv2d_to(DType::F32, name, x, weight, ones, gain, tail);
        self.style(name, y, dtype)
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
        let (ones, gain) = self.gain(x, outputs);
        let plan = &mut self.layers.plan;
        let weight = plan.convolution_weight(&format!("{name}.weight"), [outputs, inputs, 3, 3], x.dtype, Arc::new(flipped));
        let t = plan.modulated_conv2d_up(name, x, weight, ones, gain, 0);
        let y = plan.blur2d(DType::F32, &format!("{name}.blur"), t);
        self.style(name, y, x.dtype)
    }

    /// Noise, bias, activation, instance norm, scale and shift; the result is of `dtype`.
    fn style(&mut self, name: &str, x: Tensor, dtype: DType) -> Tensor {
        let epilogue = self.layers.epilogue(name);
        let style = self.layers.style(name);
        let plan = &mut self.layers.plan;
        let statistics = plan.instance_statistics(&format!("{name}.statistics"), x, self.images, epilogue);
        let coefficients = plan.adain_coefficients(&format!("{name}.coefficients"), statistics, x, style);
        plan.adain(dtype, &format!("{name}.adain"), x, coefficients, epilogue)
    }

    /// 1x1 convolution to the image's channels.
    fn torgb(&mut self, name: &str, x: Tensor) -> Tensor {
        let array = self.layers.array(&format!("{name}.weight"));
        let weight = self.layers.plan.to_rgb_weight(&format!("{name}.weight"), [array.shape()[0], array.shape()[1], 1, 1], whole(&array));
        let gain = self.layers.uniform(x.shape[1], 1.0 / (x.shape[1] as f32).sqrt());
        let bias = self.layers.bias(name);
        self.layers.plan.to_rgb(name, x, weight, gain, bias, None, &[1.0], f32::INFINITY)
    }

    /// Equalised learning rate: ones in the place of StyleGAN2's styles, and the gain of a 3x3 kernel in that of its demodulation
    /// factors. Sums are f32, so it rounds nothing there; matrix units would be given inputs times the gain, as halves.
    fn gain(&mut self, x: Tensor, outputs: usize) -> (Slice, Slice) {
        let inputs = x.shape[1];
        (self.layers.ones(inputs), self.layers.uniform(outputs, (2.0 / (9 * inputs) as f32).sqrt()))
    }
}
