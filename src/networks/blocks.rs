//! What StyleGAN and StyleGAN2 share: blocks b4, b8, ... that double a constant, and a mapping network of equal layers.

use super::{const_size_within, within};
use crate::error::{Error, Result};
use crate::model::TensorSpec;

/// The sizes that both have.
pub(crate) struct Sizes {
    pub(crate) z_dim: usize,
    pub(crate) c_dim: usize,
    pub(crate) w_dim: usize,
    pub(crate) img_resolution: usize,
    pub(crate) const_size: [usize; 2],
    pub(crate) img_channels: usize,
    pub(crate) channel_base: usize,
    pub(crate) channel_max: usize,
    pub(crate) num_layers: usize,
    pub(crate) layer_features: Option<usize>,
    pub(crate) lr_multiplier: f32,
}

/// Those of a configuration that has fields of these names.
macro_rules! sizes {
    ($config:expr) => {
        $crate::networks::blocks::Sizes {
            z_dim: $config.z_dim,
            c_dim: $config.c_dim,
            w_dim: $config.w_dim,
            img_resolution: $config.img_resolution,
            const_size: $config.const_size,
            img_channels: $config.img_channels,
            channel_base: $config.channel_base,
            channel_max: $config.channel_max,
            num_layers: $config.num_layers,
            layer_features: $config.layer_features,
            lr_multiplier: $config.lr_multiplier,
        }
    };
}
pub(crate) use sizes;

impl Sizes {
    /// Refuses what no network of blocks can have; `least` are the smallest img_resolution and z_dim.
    pub(crate) fn validate(&self, least: [usize; 2]) -> Result<()> {
        within("img_resolution", self.img_resolution, least[0], 2048)?;
        if !self.img_resolution.is_power_of_two() {
            return Err(Error::Config(format!("img_resolution is {}; it must be a power of two", self.img_resolution)));
        }
        const_size_within(self.const_size, self.img_resolution)?;
        within("z_dim", self.z_dim, least[1], 8192)?;
        within("c_dim", self.c_dim, 0, 1 << 20)?;
        within("w_dim", self.w_dim, 1, 8192)?;
        within("img_channels", self.img_channels, 1, 4)?;
        within("channel_max", self.channel_max, 1, 4096)?;
        within("channel_base", self.channel_base, self.img_resolution, 1 << 22)?;
        within("num_layers", self.num_layers, 1, 64)?;
        within("layer_features", self.layer_features.unwrap_or(1), 1, 8192)?;
        within("lr_multiplier", self.lr_multiplier, 1e-6, 1e6)
    }

    /// Input and output widths of the mapping layers fc0, fc1, ..., of which the first has `first` inputs.
    pub(crate) fn mapping_features(&self, first: usize) -> Vec<(usize, usize)> {
        let hidden = self.layer_features.unwrap_or(self.w_dim);
        let width = |i: usize| if i == self.num_layers { self.w_dim } else { hidden };
        (0..self.num_layers).map(|i| (if i == 0 { first } else { hidden }, width(i + 1))).collect()
    }
}

/// The tensors of the mapping layers.
pub(crate) fn mapping_manifest(features: Vec<(usize, usize)>) -> impl Iterator<Item = TensorSpec> {
    features.into_iter().enumerate().flat_map(|(i, (inputs, outputs))| {
        [("weight", vec![outputs, inputs]), ("bias", vec![outputs])]
            .map(|(part, shape)| TensorSpec { name: format!("mapping.fc{i}.{part}"), shape })
    })
}

/// The resolutions of the blocks: 4, 8, ..., img_resolution.
pub(crate) fn resolutions(img_resolution: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(4), move |&resolution| (resolution < img_resolution).then_some(resolution * 2))
}

/// Number of rows of ws: 2 log2(R) - 2.
pub(crate) fn num_ws(img_resolution: usize) -> usize {
    2 * img_resolution.ilog2() as usize - 2
}

pub(crate) fn three() -> usize {
    3
}
pub(crate) fn eight() -> usize {
    8
}
pub(crate) fn channel_max() -> usize {
    512
}
pub(crate) fn lr_multiplier() -> f32 {
    0.01
}
