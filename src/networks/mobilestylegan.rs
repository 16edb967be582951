//! MobileStyleGAN: configuration, tensors and the forward pass (Belousov 2021, arXiv 2104.04767, sections 3.1 to 3.3).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::TensorSpec;

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
        let within = |name: &str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config(format!("{name} is {value}; it must be {least} to {most}")))
            }
        };
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

    /// Every tensor, in the order of the forward pass. All carry their scales: x W^T + b needs no further gain.
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
