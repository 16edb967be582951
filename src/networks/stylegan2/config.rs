//! StyleGAN2 and StyleGAN2-ADA: configuration, tensors and the forward pass
//! (Karras et al. 2020, sections 2 to 4 and appendix B; tensor names as in stylegan2-ada-pytorch).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::TensorSpec;
use crate::networks::blocks::{self, channel_max, eight, lr_multiplier, mapping_manifest, sizes, three};
use crate::networks::{block_size, is_square, square, within};

/// How a block's output becomes part of the image (paper, figure 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Only the last block has torgb.
    Orig,
    /// Every block has torgb; the images are upsampled and summed.
    Skip,
    /// Residual blocks; only the last has torgb.
    Resnet,
}

/// Activation of the synthesis and mapping layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Leaky ReLU of slope 0.2, gain sqrt(2).
    Lrelu,
    /// ReLU, gain sqrt(2).
    Relu,
    /// Identity, gain 1.
    Linear,
}

/// Sizes and options, named and defaulted as in stylegan2-ada-pytorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Length of a latent z; 0 is legal for a purely conditional network.
    pub z_dim: usize,
    /// Number of classes; 0 when unconditional.
    #[serde(default)]
    pub c_dim: usize,
    /// Length of an intermediate latent w.
    pub w_dim: usize,
    /// The name of the last block, which decides the blocks and their channels: a power of two, 4 to 2048. It is the side of the
    /// image in pixels, where the constant is 4x4.
    pub img_resolution: usize,
    /// Height and width of the constant, 1 to 64 each; block b{R} is R / 4 times as large.
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
    /// Channels of b4, b8, ... where they follow no such rule (pruned and rebuilt networks); channel_base and channel_max are unused then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<usize>>,
    /// Number of fully connected layers of the mapping network.
    #[serde(default = "eight")]
    pub num_layers: usize,
    /// Width of the label embedding; w_dim when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed_features: Option<usize>,
    /// Width of the hidden mapping layers; w_dim when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_features: Option<usize>,
    /// Learning-rate multiplier of the mapping layers, folded into their weights at run time.
    #[serde(default = "lr_multiplier")]
    pub lr_multiplier: f32,
    /// Clamp after every layer, at conv_clamp times the layer's gain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv_clamp: Option<f32>,
    /// How many of the top resolutions the original runs in half precision. Recorded; our precision is chosen at run time.
    #[serde(default)]
    pub num_fp16_res: usize,
    /// Skip, orig or resnet.
    #[serde(default = "skip")]
    pub architecture: Architecture,
    /// One-dimensional low-pass filter, 1 to 8 taps; its outer product, normalised to sum 1, is applied.
    #[serde(default = "resample_filter")]
    pub resample_filter: Vec<f32>,
    /// Whether the layers add noise.
    #[serde(default = "yes")]
    pub use_noise: bool,
    /// Activation of the synthesis layers.
    #[serde(default = "lrelu")]
    pub activation: Activation,
    /// Activation of the mapping layers; the synthesis layers' own is independent.
    #[serde(default = "lrelu")]
    pub mapping_activation: Activation,
    /// Rows of mapping.w_avg: 1 (stored as `[w_dim]`) or num_ws (a per-layer average, stored as `[num_ws, w_dim]`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_layer_w_avg: bool,
    /// TensorFlow's conditioning: z and the label's embedding (a bare row of a table, no gain, no bias) are concatenated and
    /// normalised as one, where stylegan2-ada-pytorch normalises each on its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub concat_labels: bool,
}

fn channel_base() -> usize {
    32768
}
fn skip() -> Architecture {
    Architecture::Skip
}
fn resample_filter() -> Vec<f32> {
    vec![1.0, 3.0, 3.0, 1.0]
}
fn yes() -> bool {
    true
}
fn lrelu() -> Activation {
    Activation::Lrelu
}

impl Config {
    /// Config F of the paper at 1024x1024, the network of the FFHQ checkpoints.
    pub fn config_f() -> Config {
        Config {
            z_dim: 512,
            c_dim: 0,
            w_dim: 512,
            img_resolution: 1024,
            const_size: square(),
            img_channels: 3,
            channel_base: 32768,
            channel_max: 512,
            channels: None,
            num_layers: 8,
            embed_features: None,
            layer_features: None,
            lr_multiplier: 0.01,
            conv_clamp: Some(256.0),
            num_fp16_res: 4,
            architecture: Architecture::Skip,
            resample_filter: resample_filter(),
            use_noise: true,
            activation: Activation::Lrelu,
            mapping_activation: Activation::Lrelu,
            per_layer_w_avg: false,
            concat_labels: false,
        }
    }

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
        match &self.channels {
            Some(channels) => channels[resolution.ilog2() as usize - 2],
            None => (self.channel_base / resolution).min(self.channel_max),
        }
    }

    /// Number of rows of ws: 2 log2(R) - 2.
    pub fn num_ws(&self) -> usize {
        blocks::num_ws(self.img_resolution)
    }

    /// Whether block b{resolution} has a torgb.
    pub fn has_torgb(&self, resolution: usize) -> bool {
        self.architecture == Architecture::Skip || resolution == self.img_resolution
    }

    /// Input and output widths of the mapping layers fc0, fc1, ...
    pub fn mapping_features(&self) -> Vec<(usize, usize)> {
        let embed = if self.c_dim > 0 { self.embed_features.unwrap_or(self.w_dim) } else { 0 };
        sizes!(self).mapping_features(self.z_dim + embed)
    }

    /// Refuses what no network can have. Bounds keep the manifest's sizes far from overflow.
    pub fn validate(&self) -> Result<()> {
        sizes!(self).validate([4, 0])?;
        if let Some(channels) = &self.channels {
            let blocks = self.resolutions().count();
            within("number of channels", channels.len(), blocks, blocks)?;
            channels.iter().try_for_each(|&channels| within("channels", channels, 1, 4096))?;
        }
        within("embed_features", self.embed_features.unwrap_or(1), 1, 8192)?;
        within("number of resample_filter taps", self.resample_filter.len(), 1, 8)?;
        if self.z_dim == 0 && self.c_dim == 0 {
            return Err(Error::Config("z_dim and c_dim are both 0; the mapping network would have no input".into()));
        }
        within("conv_clamp", self.conv_clamp.unwrap_or(1.0), 1e-6, 1e9)?;
        self.resample_filter.iter().try_for_each(|&tap| within("a resample_filter tap", tap, -1e6, 1e6))?;
        within("the sum of resample_filter, without its sign,", self.resample_filter.iter().sum::<f32>().abs(), 1e-6, 1e7)?;
        Ok(())
    }

    /// Every tensor, in the order of the forward pass.
    pub fn manifest(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        let mut add = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
        if self.c_dim > 0 {
            let embed = self.embed_features.unwrap_or(self.w_dim);
            add("mapping.embed.weight".into(), &[embed, self.c_dim]);
            if !self.concat_labels {
                add("mapping.embed.bias".into(), &[embed]);
            }
        }
        mapping_manifest(self.mapping_features()).for_each(|spec| add(spec.name, &spec.shape));
        match self.per_layer_w_avg {
            false => add("mapping.w_avg".into(), &[self.w_dim]),
            true => add("mapping.w_avg".into(), &[self.num_ws(), self.w_dim]),
        }
        for resolution in self.resolutions() {
            let block = format!("synthesis.b{resolution}");
            let (height, width) = self.block_size(resolution);
            let outputs = self.channels(resolution);
            let inputs = if resolution == 4 { outputs } else { self.channels(resolution / 2) };
            let mut layer = |name: &str, inputs: usize| {
                add(format!("{block}.{name}.affine.weight"), &[inputs, self.w_dim]);
                add(format!("{block}.{name}.affine.bias"), &[inputs]);
                add(format!("{block}.{name}.weight"), &[outputs, inputs, 3, 3]);
                add(format!("{block}.{name}.bias"), &[outputs]);
                if self.use_noise {
                    add(format!("{block}.{name}.noise_const"), &[height, width]);
                    add(format!("{block}.{name}.noise_strength"), &[]);
                }
            };
            if resolution > 4 {
                layer("conv0", inputs);
            }
            layer("conv1", outputs);
            if resolution == 4 {
                add(format!("{block}.const"), &[outputs, height, width]);
            }
            if self.architecture == Architecture::Resnet && resolution > 4 {
                add(format!("{block}.skip.weight"), &[outputs, inputs, 1, 1]);
            }
            if self.has_torgb(resolution) {
                add(format!("{block}.torgb.affine.weight"), &[outputs, self.w_dim]);
                add(format!("{block}.torgb.affine.bias"), &[outputs]);
                add(format!("{block}.torgb.weight"), &[self.img_channels, outputs, 1, 1]);
                add(format!("{block}.torgb.bias"), &[self.img_channels]);
            }
        }
        specs
    }
}
