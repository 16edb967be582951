//! MobileStyleGAN: configuration, tensors and the forward pass (Belousov 2021, arXiv 2104.04767, sections 3.1 to 3.3).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::TensorSpec;
use crate::networks::within;

/// Sizes of a MobileStyleGAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Length of a latent z, and of w.
    pub z_dim: usize,
    /// Length of an intermediate latent w.
    pub w_dim: usize,
    /// Side of the image in pixels: a power of two, 16 to 2048.
    pub img_resolution: usize,
    /// Number of fully connected layers of the mapping network.
    pub num_layers: usize,
    /// Channels at 4, 8, ..., img_resolution / 2.
    pub channels: Vec<usize>,
}

impl Config {
    /// The resolutions of the blocks: 8, 16, ..., img_resolution / 2 (the last wavelet doubles it).
    pub fn resolutions(&self) -> impl Iterator<Item = usize> + use<> {
        let top = self.img_resolution / 2;
        std::iter::successors(Some(8), move |&resolution| (resolution < top).then_some(resolution * 2))
    }

    /// Channels after the block at `resolution`.
    pub fn channels(&self, resolution: usize) -> usize {
        self.channels[resolution.ilog2() as usize - 2]
    }

    /// Number of rows of ws: one for conv1, three per block.
    pub fn num_ws(&self) -> usize {
        1 + 3 * self.resolutions().count()
    }

    /// Refuses what no network can have.
    pub fn validate(&self) -> Result<()> {
        within("img_resolution", self.img_resolution, 16, 2048)?;
        if !self.img_resolution.is_power_of_two() {
            return Err(Error::Config(format!("img_resolution is {}; it must be a power of two", self.img_resolution)));
        }
        within("z_dim", self.z_dim, 1, 8192)?;
        within("w_dim", self.w_dim, 1, 8192)?;
        within("num_layers", self.num_layers, 1, 64)?;
        within(
            "number of entries in channels",
            self.channels.len(),
            self.img_resolution.ilog2() as usize - 2,
            self.img_resolution.ilog2() as usize - 2,
        )?;
        for &channels in &self.channels {
            within("channels", channels, 4, 4096)?;
            if channels % 4 != 0 {
                return Err(Error::Config(format!("channels has {channels}; a wavelet needs a multiple of 4")));
            }
        }
        Ok(())
    }

    /// Every tensor, in the order of the forward pass. All carry their scales: x W^T + b needs no further gain, demodulation is
    /// constant and lies in the weights.
    ///
    /// The forward pass, checked against the original network at 1024 (rel L2 2.0e-4 to an image stored as f16; the published
    /// graph itself is checked operation by operation when it is converted):
    ///
    /// ```text
    /// w     = z / sqrt(mean(z^2) + 1e-8), then num_layers times sqrt(2) * lrelu(w W^T + b, 0.2)         [w_dim]
    /// s(L)  = ws[slot(L)] L.affine.weight^T + L.affine.bias: multiplies the *input* channels of L
    ///
    /// x     = b4.const                                                                                  [C4, 4, 4]
    /// x     = finish(conv3x3(x * s(b4.conv1), b4.conv1.weight), b4.conv1)      slot 0                   [C4, 4, 4]
    /// for R = 8, 16, ..., img_resolution / 2, i = 0, 1, ...:
    ///   x   = iwt(x * s(bR.up))                                                slot 3i + 1              [C(R/2) / 4, R, R]
    ///   x   = finish(conv1x1(depthwise3x3(x * s(bR.conv1))), bR.conv1)         slot 3i + 1, same as up  [C(R), R, R]
    ///   x   = finish(conv1x1(depthwise3x3(x * s(bR.conv2))), bR.conv2)         slot 3i + 2              [C(R), R, R]
    /// img   = iwt(conv1x1(x * s(torgb), torgb.weight) + torgb.bias)            slot 3 * blocks          [3, img_resolution, img_resolution]
    /// ```
    ///
    /// - Convolutions are correlations (kernel not flipped) with stride 1; the 3x3 ones pad with one zero on each side. The style is
    ///   applied once per layer, before the depthwise convolution; between depthwise and 1x1 there is nothing: no bias, no activation.
    /// - `finish(y, L) = lrelu(y + noise_const * noise_strength + bias, 0.2)`, without the sqrt(2) of StyleGAN2 and without a clamp.
    ///   The noise map is the same for all channels. `iwt` adds neither noise, bias nor an activation, and torgb has no activation.
    /// - `iwt`, the inverse Haar transform, makes C/4 channels of twice the side from C: for channel c, with a = channel c (low) and
    ///   b, c', d = channels C/4 + 3c, + 3c + 1, + 3c + 2 (interleaved triples, not three planes of C/4):
    ///   out(2y, 2x) = (a+b+c'+d)/2, out(2y, 2x+1) = (a+b-c'-d)/2, out(2y+1, 2x) = (a-b+c'-d)/2, out(2y+1, 2x+1) = (a-b-c'+d)/2.
    ///   So b changes sign along y, c' along x, d along both. For RGB: low 0-2, details of red 3-5, green 6-8, blue 9-11.
    /// - Slots 3, 6, ..., below the last one belonged to the training's intermediate images and are used by no layer.
    pub fn manifest(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        let mut add = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
        for i in 0..self.num_layers {
            let inputs = if i == 0 { self.z_dim } else { self.w_dim };
            add(format!("mapping.fc{i}.weight"), &[self.w_dim, inputs]);
            add(format!("mapping.fc{i}.bias"), &[self.w_dim]);
        }
        add("mapping.w_avg".into(), &[self.w_dim]);
        let affine = |specs: &mut Vec<TensorSpec>, name: &str, features: usize| {
            specs.push(TensorSpec { name: format!("synthesis.{name}.affine.weight"), shape: vec![features, self.w_dim] });
            specs.push(TensorSpec { name: format!("synthesis.{name}.affine.bias"), shape: vec![features] });
        };
        let tail = |specs: &mut Vec<TensorSpec>, name: &str, outputs: usize, resolution: usize| {
            specs.push(TensorSpec { name: format!("synthesis.{name}.bias"), shape: vec![outputs] });
            specs.push(TensorSpec { name: format!("synthesis.{name}.noise_const"), shape: vec![resolution, resolution] });
            specs.push(TensorSpec { name: format!("synthesis.{name}.noise_strength"), shape: vec![] });
        };
        let first = self.channels(4);
        specs.push(TensorSpec { name: "synthesis.b4.const".into(), shape: vec![first, 4, 4] });
        affine(&mut specs, "b4.conv1", first);
        specs.push(TensorSpec { name: "synthesis.b4.conv1.weight".into(), shape: vec![first, first, 3, 3] });
        tail(&mut specs, "b4.conv1", first, 4);
        for resolution in self.resolutions() {
            let (inputs, outputs) = (self.channels(resolution / 2), self.channels(resolution));
            affine(&mut specs, &format!("b{resolution}.up"), inputs);
            for (name, inputs) in [("conv1", inputs / 4), ("conv2", outputs)] {
                let layer = format!("b{resolution}.{name}");
                affine(&mut specs, &layer, inputs);
                specs.push(TensorSpec { name: format!("synthesis.{layer}.depthwise"), shape: vec![inputs, 1, 3, 3] });
                specs.push(TensorSpec { name: format!("synthesis.{layer}.weight"), shape: vec![outputs, inputs, 1, 1] });
                tail(&mut specs, &layer, outputs, resolution);
            }
        }
        let last = self.channels(self.img_resolution / 2);
        affine(&mut specs, "torgb", last);
        specs.push(TensorSpec { name: "synthesis.torgb.weight".into(), shape: vec![12, last, 1, 1] });
        specs.push(TensorSpec { name: "synthesis.torgb.bias".into(), shape: vec![12] });
        specs
    }
}
