//! The networks: each forward pass reads top to bottom like the figure in its paper.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Model, TensorSpec};
use crate::tensor::DType;

pub(crate) mod blocks;
pub(crate) mod layers;
pub mod many_latents;
pub mod mapping;
pub mod mobilestylegan;
pub mod stylegan1;
pub mod stylegan2;
pub mod stylegan3;
pub(crate) mod styles;

pub use layers::{NoiseSource, Synthesis};

/// Which network, with its sizes: the JSON of a file's `config`, told apart by `"network"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "network", rename_all = "lowercase")]
pub enum Config {
    /// Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks".
    StyleGan1(stylegan1::Config),
    /// Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", and its -ADA successor.
    StyleGan2(stylegan2::Config),
    /// Karras et al. 2021, "Alias-Free Generative Adversarial Networks", StyleGAN-Human v3 and StyleGAN-XL.
    StyleGan3(stylegan3::Config),
    /// Belousov 2021, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis".
    MobileStyleGan(mobilestylegan::Config),
}

impl Config {
    /// Reads a configuration as it lies in a file, and validates it. Without the tag "network" it is a StyleGAN2's: files older than the
    /// tag have none.
    pub fn from_json(text: &str) -> Result<Config> {
        let read = || {
            crate::model::json::check(text.as_bytes())?;
            let mut value: serde_json::Value = serde_json::from_str(text)?;
            if let serde_json::Value::Object(fields) = &mut value {
                fields.entry("network").or_insert_with(|| "stylegan2".into());
            }
            serde_json::from_value(value)
        };
        // The parser's own words quote the text, of any length.
        let config: Config =
            read().map_err(|error: serde_json::Error| Error::Config(crate::text::line(&error.to_string(), LONGEST_ERROR)))?;
        config.validate()?;
        Ok(config)
    }

    /// Refuses sizes no network can have, before anything is allocated for them.
    pub fn validate(&self) -> Result<()> {
        match self {
            Config::StyleGan1(config) => config.validate(),
            Config::StyleGan2(config) => config.validate(),
            Config::StyleGan3(config) => config.validate(),
            Config::MobileStyleGan(config) => config.validate(),
        }
    }

    /// Length of a latent z.
    pub fn z_dim(&self) -> usize {
        match self {
            Config::StyleGan1(config) => config.z_dim,
            Config::StyleGan2(config) => config.z_dim,
            Config::StyleGan3(config) => config.z_dim,
            Config::MobileStyleGan(config) => config.z_dim,
        }
    }

    /// Number of classes; 0 for an unconditional network.
    pub fn c_dim(&self) -> usize {
        match self {
            Config::StyleGan1(config) => config.c_dim,
            Config::StyleGan2(config) => config.c_dim,
            Config::StyleGan3(config) => config.c_dim,
            Config::MobileStyleGan(_) => 0,
        }
    }

    /// Length of an intermediate latent w.
    pub fn w_dim(&self) -> usize {
        match self {
            Config::StyleGan1(config) => config.w_dim,
            Config::StyleGan2(config) => config.w_dim,
            Config::StyleGan3(config) => config.w_dim,
            Config::MobileStyleGan(config) => config.w_dim,
        }
    }

    /// Number of rows of ws.
    pub fn num_ws(&self) -> usize {
        match self {
            Config::StyleGan1(config) => config.num_ws(),
            Config::StyleGan2(config) => config.num_ws(),
            Config::StyleGan3(config) => config.num_ws(),
            Config::MobileStyleGan(config) => config.num_ws(),
        }
    }

    /// Height and width of the image in pixels.
    pub fn image_size(&self) -> (usize, usize) {
        match self {
            Config::StyleGan1(config) => config.image_size(),
            Config::StyleGan2(config) => config.image_size(),
            Config::StyleGan3(config) => config.image_size(),
            Config::MobileStyleGan(config) => (config.img_resolution, config.img_resolution),
        }
    }

    /// Channels of the image.
    pub fn img_channels(&self) -> usize {
        match self {
            Config::StyleGan1(config) => config.img_channels,
            Config::StyleGan2(config) => config.img_channels,
            Config::StyleGan3(config) => config.torgb.img_channels,
            Config::MobileStyleGan(_) => 3,
        }
    }

    /// Every tensor a model of this configuration has, with its shape.
    pub fn manifest(&self) -> Vec<TensorSpec> {
        match self {
            Config::StyleGan1(config) => config.manifest(),
            Config::StyleGan2(config) => config.manifest(),
            Config::StyleGan3(config) => config.manifest(),
            Config::MobileStyleGan(config) => config.manifest(),
        }
    }

    /// The layers that read a row of w, in the order of the forward pass.
    pub fn style_layers(&self) -> Vec<StyleLayer> {
        let specs = match self {
            Config::StyleGan1(config) => stylegan1::styles(config),
            Config::StyleGan2(config) => stylegan2::styles(config),
            Config::StyleGan3(config) => stylegan3::styles(config, |_| 1.0),
            Config::MobileStyleGan(config) => mobilestylegan::styles(config),
        };
        let last = match self {
            Config::StyleGan3(config) => config.torgb.name.as_str(),
            _ => "torgb",
        };
        let role = |name: &str| match name {
            "input" => Role::Input,
            _ if name.ends_with(last) => Role::ToRgb,
            _ => Role::Convolution,
        };
        specs.into_iter().map(|spec| StyleLayer { role: role(&spec.name), name: spec.name, slot: spec.slot }).collect()
    }

    /// The resolution in the name of the block that row `slot` of ws belongs to: two rows for each, of a MobileStyleGAN one at 4x4 and then
    /// three for each. A layer of StyleGAN3 has its sampling rate, the side that a square picture has at it.
    pub fn slot_resolution(&self, slot: usize) -> usize {
        match self {
            Config::StyleGan3(config) => config.sampling_rate(slot),
            Config::StyleGan1(_) | Config::StyleGan2(_) => 4 << (slot / 2),
            Config::MobileStyleGan(_) => 4 << slot.div_ceil(3),
        }
    }

    /// The name in a file's `"network"`.
    pub fn network(&self) -> &'static str {
        match self {
            Config::StyleGan1(_) => "stylegan1",
            Config::StyleGan2(_) => "stylegan2",
            Config::StyleGan3(_) => "stylegan3",
            Config::MobileStyleGan(_) => "mobilestylegan",
        }
    }
}

/// A layer that reads a row of w through its affine map `synthesis.{name}.affine`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleLayer {
    /// Name without `synthesis.`, as `b8.conv0`.
    pub name: String,
    /// Which row of ws it reads.
    pub slot: usize,
    /// What it does with it.
    pub role: Role,
}

/// What a layer's styles are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They modulate features.
    Convolution,
    /// They modulate what makes an image of features.
    ToRgb,
    /// They turn and move StyleGAN3's input.
    Input,
}

/// The forward pass of a model's synthesis network for `images` images, with activations and weights of type `dtype`.
pub fn synthesis(model: &Model, images: usize, dtype: DType, noise: NoiseSource) -> Synthesis {
    match &model.config {
        Config::StyleGan1(config) => stylegan1::synthesis(model, config, images, dtype, noise),
        Config::StyleGan2(config) => stylegan2::synthesis(model, config, images, dtype, noise),
        Config::StyleGan3(config) => stylegan3::synthesis(model, config, images, dtype),
        Config::MobileStyleGan(config) => mobilestylegan::synthesis(model, config, images, dtype, noise),
    }
}

/// The constant of a square network, `[h, w]`.
const SQUARE: [usize; 2] = [4, 4];

/// Most pixels a side of an image has.
const MOST_PIXELS: usize = 4096;

/// Characters of an error of the parser: a field that there is not, and all that there are.
const LONGEST_ERROR: usize = 600;

fn square() -> [usize; 2] {
    SQUARE
}

fn is_square(const_size: &[usize; 2]) -> bool {
    *const_size == SQUARE
}

/// Height and width of block b{resolution}: the network is as rectangular as its constant `[h, w]`, which every block doubles.
fn block_size([height, width]: [usize; 2], resolution: usize) -> (usize, usize) {
    (height * resolution / 4, width * resolution / 4)
}

/// Refuses a constant, or an image that becomes of it, outside its bounds; `img_resolution` is checked already.
fn const_size_within(const_size: [usize; 2], img_resolution: usize) -> Result<()> {
    const_size.iter().try_for_each(|&side| within("a side of const_size", side, 1, 64))?;
    let (height, width) = block_size(const_size, img_resolution);
    within("height of the image", height, 1, MOST_PIXELS)?;
    within("width of the image", width, 1, MOST_PIXELS)
}

/// Refuses a value of a configuration outside its bounds; they keep a manifest's sizes far from overflow.
/// NaN is outside of all.
pub(crate) fn within<T: Copy + PartialOrd + fmt::Display>(name: &str, value: T, least: T, most: T) -> Result<()> {
    if least <= value && value <= most {
        return Ok(());
    }
    Err(Error::Config(format!("{name} is {value}; it must be {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A find of fuzz/: a key with a control character came through in the parser's own words.
    #[test]
    fn what_is_wrong_with_a_configuration_is_one_plain_line() {
        for key in ["a\u{7f}b", "a\u{202e}b", "a\u{9b}31m", &"long".repeat(1000)] {
            let json = serde_json::json!({ "z_dim": 4, key: 1 }).to_string();
            let error = Config::from_json(&json).unwrap_err().to_string();
            assert!(error.starts_with("unknown field `"), "{error}");
            assert!(error.chars().all(crate::text::is_plain) && error.chars().count() <= LONGEST_ERROR + 3, "{error:?}");
        }
    }
}
