//! StyleGAN: configuration and tensors (Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial
//! Networks", figure 1b).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::TensorSpec;
use crate::networks::blocks::{self, channel_max, eight, lr_multiplier, mapping_manifest, sizes, three};
use crate::networks::{block_size, is_square, square};

/// Sizes and options; the defaults are those of the FFHQ network at 1024x1024.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Length of a latent z.
    pub z_dim: usize,
    /// Number of classes; 0 when unconditional.
    #[serde(default)]
    pub c_dim: usize,
    /// Length of an intermediate latent w.
    pub w_dim: usize,
    /// The name of the last block, which decides the blocks and their channels: a power of two, 8 to 2048. It is the side of the
    /// image in pixels, where the constant is 4x4.
    pub img_resolution: usize,
    /// Height and width of the constant, 1 to 64 each and not both 1; block b{R} is R / 4 times as large.
    #[serde(default = "square", skip_serializing_if = "is_square")]
    pub const_size: [usize; 2],
    /// Channels of the image, 1 to 4.
    #[serde(default = "three")]
    pub img_channels: usize,
    /// Channels times resolution: block R has min(channel_base / R, channel_max) channels.
    #[serde(default = "channel_base")]
    pub channel_base: usize,
    /// Most channels a block has.
    #[serde(default = "channel_max")]
    pub channel_max: usize,
    /// Number of fully connected layers of the mapping network.
    #[serde(default = "eight")]
    pub num_layers: usize,
    /// Width of the hidden mapping layers; w_dim when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_features: Option<usize>,
    /// Learning-rate multiplier of the mapping layers, folded into their weights at run time.
    #[serde(default = "lr_multiplier")]
    pub lr_multiplier: f32,
}

fn channel_base() -> usize {
    16384
}

impl Config {
    /// The resolutions of the blocks: 4, 8, ..., img_resolution.
    pub fn resolutions(&self) -> impl Iterator<Item = usize> + use<> {
        blocks::resolutions(self.img_resolution)
    }

    /// Height and width of block b{resolution}.
    pub fn block_size(&self, resolution: usize) -> (usize, usize) {
        block_size(self.const_size, resolution)
    }

    /// Height and width of the image.
    pub fn image_size(&self) -> (usize, usize) {
        self.block_size(self.img_resolution)
    }

    /// Channels of block b{resolution}.
    pub fn channels(&self, resolution: usize) -> usize {
        (self.channel_base / resolution).min(self.channel_max)
    }

    /// Number of rows of ws: 2 log2(R) - 2.
    pub fn num_ws(&self) -> usize {
        blocks::num_ws(self.img_resolution)
    }

    /// Input and output widths of the mapping layers fc0, fc1, ... A label's embedding is as long as z and follows it.
    pub fn mapping_features(&self) -> Vec<(usize, usize)> {
        let first = if self.c_dim > 0 { 2 * self.z_dim } else { self.z_dim };
        sizes!(self).mapping_features(first)
    }

    /// Refuses what no network can have. Bounds keep the manifest's sizes far from overflow.
    pub fn validate(&self) -> Result<()> {
        sizes!(self).validate([8, 1])?;
        if self.const_size == [1, 1] {
            return Err(Error::Config("const_size is [1, 1]; the instance norm of a single pixel leaves nothing of it".into()));
        }
        Ok(())
    }

    /// Every tensor, in the order of the forward pass. Each of a block's two layers ends in the epilogue of the paper's figure 1b:
    /// noise per channel, bias, leaky ReLU, instance norm, style (the first half of affine's rows scales, the second shifts).
    /// b4.conv0 is the constant instead of a convolution. conv0 of the other blocks is nearest up-sampling, then a 3x3
    /// *correlation* at every resolution: the original's fused form from 128 up uses its kernel flipped, and is stored so.
    pub fn manifest(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        let mut add = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
        if self.c_dim > 0 {
            add("mapping.embed.weight".into(), &[self.z_dim, self.c_dim]);
        }
        mapping_manifest(self.mapping_features()).for_each(|spec| add(spec.name, &spec.shape));
        add("mapping.w_avg".into(), &[self.w_dim]);
        for resolution in self.resolutions() {
            let (height, width) = self.block_size(resolution);
            let outputs = self.channels(resolution);
            for layer in ["conv0", "conv1"] {
                let name = format!("synthesis.b{resolution}.{layer}");
                match (resolution, layer) {
                    (4, "conv0") => add("synthesis.b4.const".into(), &[outputs, height, width]),
                    (_, "conv0") => add(format!("{name}.weight"), &[outputs, self.channels(resolution / 2), 3, 3]),
                    _ => add(format!("{name}.weight"), &[outputs, outputs, 3, 3]),
                }
                add(format!("{name}.noise_const"), &[height, width]);
                add(format!("{name}.noise_strength"), &[outputs]);
                add(format!("{name}.bias"), &[outputs]);
                add(format!("{name}.affine.weight"), &[2 * outputs, self.w_dim]);
                add(format!("{name}.affine.bias"), &[2 * outputs]);
            }
        }
        add("synthesis.torgb.weight".into(), &[self.img_channels, self.channels(self.img_resolution), 1, 1]);
        add("synthesis.torgb.bias".into(), &[self.img_channels]);
        specs
    }
}
