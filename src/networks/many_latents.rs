//! The mapping network of thousands of latents: each is a pixel, and a fully connected layer is a 1x1 convolution over them. The kernels
//! of convolutions use a weight for many pixels, where those of [`mapping`] read the whole matrix for each latent.

use std::collections::HashMap;
use std::sync::Arc;

use super::mapping::{Mapping, mapping};
use crate::kernels::{CHANNEL_TILE, Slice, Tail, fully_connected};
use crate::model::Model;
use crate::plan::{Load, Origin, Plan};
use crate::reference;
use crate::tensor::{DType, Layout, Tensor};

/// Pixels in a row.
const WIDTH: usize = 64;

/// A mapping network as convolutions.
pub struct ManyLatents {
    /// The passes.
    pub plan: Plan,
    /// The input, `[1, I, H, W]`: what [`ManyLatents::inputs`] gives.
    pub x: Tensor,
    /// `[1, w_dim, H, W]`: a pixel for each latent, row by row. Those beyond the last are of no meaning.
    pub w: Tensor,
    /// What comes before the first fully connected layer, and what that reads.
    head: Plan,
    read: Tensor,
    normalize: bool,
}

impl ManyLatents {
    /// The layers of a model for `n` latents.
    pub fn new(model: &Model, n: usize) -> ManyLatents {
        let (height, width) = (n.div_ceil(WIDTH), WIDTH);
        let Mapping { plan: mut head, .. } = mapping(model, n);
        let first = head.passes.iter().position(|pass| pass.label == "fc0").expect("a mapping network has a layer");
        let layers = head.passes.split_off(first);
        let read = layers[0].reads[0];
        let mut plan = Plan::new();
        let x = plan.input("x", [1, read.shape[1], height, width], DType::F32, Layout::Slab { border: 1 });
        let mut y = x;
        for pass in &layers {
            let values = |tensor: Tensor| match &head.entries[tensor.id].origin {
                Origin::Constant(load) => load.clone(),
                _ => unreachable!("weights and biases are constants"),
            };
            let [outputs, inputs, ..] = pass.reads[1].shape;
            let weight =
                plan.convolution_weight(&format!("{}.weight", pass.label), [outputs, inputs, 1, 1], DType::F32, values(pass.reads[1]));
            let bias = filled(&mut plan, &format!("{}.bias", pass.label), outputs, values(pass.reads[2]));
            let mut ones = |channels: usize| {
                let tensor = filled(&mut plan, "ones", channels, Arc::new(move || vec![1.0; channels]));
                Slice { tensor, first: 0 }
            };
            let (style, demod) = (ones(inputs), ones(outputs));
            let noise = plan.constant("no noise", [1, 4, 1, 1], DType::F32, Layout::Flat, Arc::new(|| vec![0.0; 4]));
            let (slope, gain) = fully_connected::slope_and_gain(pass);
            let tail = Tail { bias, noise, noise_strength: 0.0, slope, gain, limit: f32::INFINITY };
            y = plan.modulated_conv2d(&pass.label, y, weight, style, demod, tail);
        }
        plan.tap(y);
        // Nothing of the layers is run there.
        let normalize = fully_connected::normalizes(&layers[0]);
        head.entries.truncate(head.passes.last().map_or(read.id, |pass| pass.write.id) + 1);
        ManyLatents { plan, x, w: y, head, read, normalize }
    }

    /// The input for latents z `[n, z_dim]` and one-hot classes `[n, c_dim]`, either empty where the network has none: normalised and
    /// joined on the CPU, which is little work beside the layers.
    pub fn inputs(&self, z: &[f32], label: &[f32]) -> Vec<f32> {
        let inputs = HashMap::from([("z", z.to_vec()), ("label", label.to_vec())]);
        let mut rows = reference::run(&self.head, &inputs).swap_remove(self.read.id);
        let features = self.read.shape[1];
        if self.normalize {
            for row in rows.chunks_exact_mut(features) {
                let mean = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / features as f64;
                let scale = 1.0 / (mean + 1e-8).sqrt();
                row.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
            }
        }
        let pixels = self.x.shape[2] * self.x.shape[3];
        let mut planes = vec![0.0; features * pixels];
        for (pixel, row) in rows.chunks_exact(features).enumerate() {
            row.iter().enumerate().for_each(|(feature, value)| planes[feature * pixels + pixel] = *value);
        }
        planes
    }

    /// The rows `[n, w_dim]` of what was read of [`ManyLatents::w`].
    pub fn rows(&self, planes: &[f32], n: usize) -> Vec<f32> {
        let (features, pixels) = (self.w.shape[1], self.w.shape[2] * self.w.shape[3]);
        let mut rows = vec![0.0; n * features];
        for (feature, plane) in planes.chunks_exact(pixels).enumerate() {
            plane.iter().take(n).enumerate().for_each(|(row, value)| rows[row * features + feature] = *value);
        }
        rows
    }
}

/// A per-channel constant `[1, C]`, padded with zeros to what the kernels' tiles read.
fn filled(plan: &mut Plan, name: &str, channels: usize, load: Load) -> Tensor {
    let rows = channels.next_multiple_of(CHANNEL_TILE);
    let padded = move || {
        let mut values = load();
        values.resize(rows, 0.0);
        values
    };
    // Named by its length, too: constants of a name share a buffer.
    plan.constant(&format!("{name} [{rows}]"), [1, rows, 1, 1], DType::F32, Layout::Flat, Arc::new(padded))
}
