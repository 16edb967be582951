//! Layer swapping (Pinkney & Adler 2020, "Resolution Dependent GAN Interpolation"): the coarse blocks of one network with the fine
//! ones of another that was trained on from it, or both from one ancestor. What the first draws, as the second would paint it.

use std::collections::BTreeMap;
use std::fmt;

use stylegan_wgpu::internals::networks::{stylegan1, stylegan2};
use stylegan_wgpu::{Array, Config, Error, Model};

/// Where one network ends and the other begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// Without a width, the last block of the coarse network: b4 to b{split} are its, those above are the fine one's. With a width, where
    /// both have the same part. Blocks are named as in a square network.
    pub split: usize,
    /// How soft the change is, in half blocks: the part of the fine network is 1 / (1 + exp(-(position - split) / width)).
    pub width: Option<f32>,
    /// Whose mapping network, and average w with it, the result has.
    pub mapping: Side,
}

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one of the coarse blocks.
    Low,
    /// The one of the fine blocks.
    High,
}

/// Why two networks cannot be blended. Every variant prints as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlendError {
    /// They are of two architectures.
    Networks(&'static str, &'static str),
    /// They differ in what both must have.
    Differs {
        /// What, as `synthesis.b8.conv0.weight`.
        what: String,
        /// What the coarse network has.
        low: String,
        /// What the fine one has.
        high: String,
    },
    /// There is no such block to split at.
    Split {
        /// What was asked for.
        split: usize,
        /// What can be.
        choices: Vec<usize>,
    },
    /// The width is not above 0.
    Width(f32),
    /// The network has no blocks of doubling resolution.
    NoBlocks(&'static str),
    /// The engine refuses the result.
    Model(Error),
}

impl Blend {
    /// The blended network; its `provenance` has that of both under `low_` and `high_`.
    pub fn of(&self, low: &Model, high: &Model) -> Result<Model, BlendError> {
        fits(low, high)?;
        self.check(&low.config)?;
        let mapping = if self.mapping == Side::Low { low } else { high };
        let mut config =
            with_mapping(&low.config, &mapping.config).ok_or(BlendError::Networks(low.config.network(), high.config.network()))?;
        if let (Config::StyleGan2(config), Config::StyleGan2(high)) = (&mut config, &high.config) {
            // The looser of two: no layer is clamped more than where it was trained.
            config.conv_clamp = config.conv_clamp.zip(high.conv_clamp).map(|(low, high)| low.max(high));
        }
        let top = blocks(&low.config).last().copied().unwrap_or_default();
        let mut arrays = BTreeMap::new();
        for (name, array) in &low.arrays {
            let Some(layer) = name.strip_prefix("synthesis.") else { continue };
            let place = Place::of(layer, top, &low.config).ok_or(BlendError::NoBlocks(low.config.network()))?;
            let part = if name.ends_with(".noise_const") { 0.0 } else { self.part_of_high(place) };
            arrays.insert(name.clone(), between(array, high.array(name), part));
        }
        let of_mapping = mapping.arrays.iter().filter(|(name, _)| name.starts_with("mapping."));
        arrays.extend(of_mapping.map(|(name, array)| (name.clone(), array.clone())));
        Model::new(config, arrays, self.provenance(low, high)).map_err(BlendError::Model)
    }

    /// Refuses a split that the network does not have.
    fn check(&self, config: &Config) -> Result<(), BlendError> {
        if let Some(width) = self.width.filter(|width| !(width.is_finite() && *width > 0.0)) {
            return Err(BlendError::Width(width));
        }
        let mut choices = blocks(config);
        // A hard split at the top would leave nothing of the other network.
        if self.width.is_none() {
            choices.pop();
        }
        match choices.contains(&self.split) {
            true => Ok(()),
            false if choices.is_empty() => Err(BlendError::NoBlocks(config.network())),
            false => Err(BlendError::Split { split: self.split, choices }),
        }
    }

    /// How much of the fine network a layer has, 0 to 1.
    fn part_of_high(&self, place: Place) -> f64 {
        let Some(width) = self.width else { return if place.resolution > self.split { 1.0 } else { 0.0 } };
        // As the authors' script, whose names do not match that layer.
        if place.is_first_convolution {
            return 0.0;
        }
        let halves = |resolution: usize| 2.0 * f64::from((resolution / 4).ilog2());
        let position = halves(place.resolution) + if place.is_second { 1.0 } else { 0.0 };
        1.0 / (1.0 + (-(position - halves(self.split)) / f64::from(width)).exp())
    }

    fn provenance(&self, low: &Model, high: &Model) -> BTreeMap<String, String> {
        let width = self.width.map_or("hard".into(), |width| format!("width {width}"));
        let mapping = if self.mapping == Side::Low { "low" } else { "high" };
        let mut provenance = BTreeMap::from([
            ("blend".to_owned(), format!("split {}, {width}, mapping and w_avg of {mapping}", self.split)),
            ("tool_version".to_owned(), stylegan_convert::TOOL.to_owned()),
            ("licence".to_owned(), "A blend of two networks: the licences of both hold for it (low_licence, high_licence).".to_owned()),
        ]);
        for (side, model) in [("low", low), ("high", high)] {
            provenance.extend(model.provenance.iter().map(|(key, value)| (format!("{side}_{key}"), value.clone())));
        }
        provenance
    }
}

/// Where a tensor of the synthesis network is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    resolution: usize,
    /// In the second half of its block: conv1 and torgb.
    is_second: bool,
    is_first_convolution: bool,
}

impl Place {
    /// By the name without `synthesis.`, as `b8.conv0.weight`; `torgb` without a block belongs to the last one.
    fn of(name: &str, top: usize, config: &Config) -> Option<Place> {
        let (first, rest) = name.split_once('.')?;
        let (resolution, layer) = match first {
            "torgb" => (top, first),
            block => (block.strip_prefix('b')?.parse().ok()?, rest.split('.').next()?),
        };
        let mobile = matches!(config, Config::MobileStyleGan(_));
        let is_second = match layer {
            "const" | "conv0" | "skip" | "up" => false,
            // The wavelet and conv1 of a block of a MobileStyleGAN read one row of w, conv2 the next.
            "conv1" => !mobile || resolution == 4,
            "conv2" | "torgb" => true,
            _ => return None,
        };
        Some(Place { resolution, is_second, is_first_convolution: resolution == 4 && layer == "conv1" })
    }
}

/// The blocks of a network, ascending.
fn blocks(config: &Config) -> Vec<usize> {
    // The layers of a StyleGAN3 share their sampling rates, and belong to no blocks.
    if let Config::StyleGan3(_) = config {
        return Vec::new();
    }
    let mut blocks: Vec<usize> = (0..config.num_ws()).map(|slot| config.slot_resolution(slot)).collect();
    blocks.dedup();
    blocks
}

/// Refuses two networks whose synthesis networks are not alike in all but their values, and the clamp of their layers.
fn fits(low: &Model, high: &Model) -> Result<(), BlendError> {
    let differs = |what: &str, low: String, high: String| {
        (low != high).then(|| BlendError::Differs { what: what.into(), low, high }).map_or(Ok(()), Err)
    };
    if low.config.network() != high.config.network() {
        return Err(BlendError::Networks(low.config.network(), high.config.network()));
    }
    let size = |config: &Config| format!("{}x{} pixels", config.image_size().0, config.image_size().1);
    differs("the size of the picture", size(&low.config), size(&high.config))?;
    differs("w_dim", low.config.w_dim().to_string(), high.config.w_dim().to_string())?;
    if let (Config::StyleGan2(low), Config::StyleGan2(high)) = (&low.config, &high.config) {
        differs("architecture", format!("{:?}", low.architecture), format!("{:?}", high.architecture))?;
        differs("resample_filter", format!("{:?}", low.resample_filter), format!("{:?}", high.resample_filter))?;
        differs("activation", format!("{:?}", low.activation), format!("{:?}", high.activation))?;
    }
    let shape = |of: &Model, name: &str| of.arrays.get(name).map_or("nothing".into(), |array| format!("{:?}", array.shape()));
    let names = low.arrays.keys().chain(high.arrays.keys()).filter(|name| name.starts_with("synthesis."));
    names.into_iter().try_for_each(|name| differs(name, shape(low, name), shape(high, name)))
}

/// A configuration with the mapping network of another of its kind.
fn with_mapping(synthesis: &Config, mapping: &Config) -> Option<Config> {
    Some(match (synthesis.clone(), mapping.clone()) {
        (Config::StyleGan1(synthesis), Config::StyleGan1(mapping)) => {
            let stylegan1::Config { z_dim, c_dim, num_layers, layer_features, lr_multiplier, .. } = mapping;
            Config::StyleGan1(stylegan1::Config { z_dim, c_dim, num_layers, layer_features, lr_multiplier, ..synthesis })
        }
        (Config::StyleGan2(synthesis), Config::StyleGan2(mapping)) => {
            let stylegan2::Config { z_dim, c_dim, num_layers, embed_features, layer_features, lr_multiplier, .. } = mapping;
            let stylegan2::Config { mapping_activation, per_layer_w_avg, concat_labels, .. } = mapping;
            Config::StyleGan2(stylegan2::Config {
                z_dim,
                c_dim,
                num_layers,
                embed_features,
                layer_features,
                lr_multiplier,
                mapping_activation,
                per_layer_w_avg,
                concat_labels,
                ..synthesis
            })
        }
        (Config::MobileStyleGan(mut synthesis), Config::MobileStyleGan(mapping)) => {
            (synthesis.z_dim, synthesis.num_layers) = (mapping.z_dim, mapping.num_layers);
            Config::MobileStyleGan(synthesis)
        }
        _ => return None,
    })
}

/// low (1 - part) + high part; at either end the tensor itself.
fn between(low: &Array, high: &Array, part: f64) -> Array {
    if part == 0.0 || part == 1.0 {
        return if part == 0.0 { low.clone() } else { high.clone() };
    }
    let mix = |(low, high): (f32, f32)| (f64::from(low) * (1.0 - part) + f64::from(high) * part) as f32;
    Array::from_f32(low.shape(), &low.values().zip(high.values()).map(mix).collect::<Vec<_>>())
}

impl fmt::Display for BlendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlendError::Networks(low, high) => {
                write!(f, "one network is a {low}, the other a {high}; blocks can be swapped between two of one architecture")
            }
            BlendError::Differs { what, low, high } => write!(
                f,
                "the networks do not fit: {what} is {low} in the first and {high} in the second; blend two of which one was trained on from the other"
            ),
            BlendError::Split { split, choices } => {
                let choices: Vec<String> = choices.iter().map(usize::to_string).collect();
                write!(f, "there is no split at {split}; these networks can be split at {}", choices.join(", "))
            }
            BlendError::Width(width) => write!(f, "a width of {width} is none; it is a number above 0, as 0.5"),
            BlendError::NoBlocks(network) => {
                write!(f, "a {network} cannot be blended: it has no two blocks of doubling resolution to split between")
            }
            BlendError::Model(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BlendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BlendError::Model(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::internals::random_weights::random_weights;

    use super::*;

    fn model(config: &str, seed: u32) -> Model {
        random_weights(&Config::from_json(config).unwrap(), seed)
    }

    const PLAIN: &str = r#"{"z_dim": 4, "w_dim": 4, "img_resolution": 32, "channel_max": 8, "num_layers": 2}"#;
    const FIRST: &str = r#"{"network": "stylegan1", "z_dim": 4, "w_dim": 4, "img_resolution": 16, "channel_max": 8, "num_layers": 2}"#;
    const MOBILE: &str =
        r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 32, "num_layers": 2, "channels": [8, 8, 8]}"#;

    fn blend(split: usize, width: Option<f32>, mapping: Side) -> Blend {
        Blend { split, width, mapping }
    }

    /// By REFERENCE's table, spelled out: how much of the fine network each tensor of some layers has.
    #[test]
    fn parts_are_those_of_the_papers_script() {
        let (low, high) = (model(PLAIN, 1), model(PLAIN, 2));
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let smooth = blend(8, Some(0.5), Side::Low).of(&low, &high).unwrap();
        for (name, part) in [
            ("b4.const", logistic(-2.0 / 0.5)),
            ("b4.conv1.weight", 0.0),
            ("b4.torgb.bias", logistic(-1.0 / 0.5)),
            ("b8.conv0.affine.bias", 0.5),
            ("b8.conv1.noise_strength", logistic(1.0 / 0.5)),
            ("b8.conv1.noise_const", 0.0),
            ("b32.conv0.bias", logistic(4.0 / 0.5)),
            ("b32.torgb.weight", logistic(5.0 / 0.5)),
        ] {
            let name = format!("synthesis.{name}");
            let values = |model: &Model| model.array(&name).to_f32();
            for (got, (low, high)) in values(&smooth).into_iter().zip(values(&low).into_iter().zip(values(&high))) {
                let want = f64::from(low) * (1.0 - part) + f64::from(high) * part;
                assert!((f64::from(got) - want).abs() <= 1e-6 * want.abs().max(1e-3), "{name}: {got} instead of {want}");
            }
        }
    }

    #[test]
    fn hard_splits_take_every_tensor_from_one_side() {
        for (config, mapping) in [(PLAIN, Side::Low), (PLAIN, Side::High), (FIRST, Side::Low), (MOBILE, Side::High)] {
            let (low, high) = (model(config, 1), model(config, 2));
            let blended = blend(8, None, mapping).of(&low, &high).unwrap();
            for (name, array) in &blended.arrays {
                let fine = match name.strip_prefix("synthesis.") {
                    None => mapping == Side::High,
                    Some(_) if name.ends_with("noise_const") => false,
                    // Without a block in its name it is the last one's.
                    Some(layer) => layer.starts_with("b16") || layer.starts_with("b32") || layer.starts_with("torgb"),
                };
                let from = if fine { &high } else { &low };
                assert_eq!(array.bytes(), from.array(name).bytes(), "{name}");
            }
            assert_eq!(blended.config, low.config);
        }
    }

    #[test]
    fn the_mapping_network_may_be_another_one() {
        let wide = PLAIN.replace("\"z_dim\": 4", "\"z_dim\": 6, \"c_dim\": 3").replace("\"num_layers\": 2", "\"num_layers\": 3");
        let (low, high) = (model(PLAIN, 1), model(&wide, 2));
        let blended = blend(16, None, Side::High).of(&low, &high).unwrap();
        assert_eq!((blended.config.z_dim(), blended.config.c_dim()), (6, 3));
        assert_eq!(blend(16, None, Side::Low).of(&low, &high).unwrap().config, low.config);
    }

    #[test]
    fn the_looser_clamp_is_kept() {
        let clamped = |clamp: &str| model(&PLAIN.replace('}', &format!(", \"conv_clamp\": {clamp}}}")), 1);
        for (low, high, want) in [("256", "8", Some(256.0)), ("8", "256", Some(256.0)), ("256", "null", None), ("null", "8", None)] {
            let blended = blend(8, None, Side::Low).of(&clamped(low), &clamped(high)).unwrap();
            assert!(matches!(blended.config, Config::StyleGan2(config) if config.conv_clamp == want), "{low} {high}");
        }
    }

    #[test]
    fn networks_that_do_not_fit_are_refused() {
        let low = model(PLAIN, 1);
        let refusal = |config: &str| blend(8, None, Side::Low).of(&low, &model(config, 2)).unwrap_err().to_string();
        for (config, says) in [
            (FIRST, "one network is a stylegan2, the other a stylegan1"),
            (&PLAIN.replace("32", "64"), "the size of the picture is 32x32 pixels in the first and 64x64 pixels in the second"),
            (&PLAIN.replace("\"w_dim\": 4", "\"w_dim\": 8"), "w_dim is 4 in the first and 8"),
            (&PLAIN.replace("\"channel_max\": 8", "\"channel_max\": 4"), "synthesis.b16.conv0.affine.bias is [8] in the first and [4]"),
            (&PLAIN.replace('}', ", \"use_noise\": false}"), "noise_const is [16, 16] in the first and nothing"),
            (&PLAIN.replace('}', ", \"architecture\": \"orig\"}"), "architecture is Skip in the first and Orig"),
            (&PLAIN.replace('}', ", \"resample_filter\": [1, 1]}"), "resample_filter is [1.0, 3.0, 3.0, 1.0] in the first"),
        ] {
            let line = refusal(config);
            assert!(line.contains(says), "{line}");
        }
        let high = model(PLAIN, 2);
        let asked = |split, width| blend(split, width, Side::Low).of(&low, &high);
        for (split, width, says) in [
            (32, None, "split at 4, 8, 16"),
            (64, Some(1.0), "split at 4, 8, 16, 32"),
            (0, None, "there is no split at 0"),
            (12, None, "there is no split at 12"),
            (8, Some(0.0), "a width of 0"),
            (8, Some(f32::NAN), "a width of NaN"),
        ] {
            let line = asked(split, width).unwrap_err().to_string();
            assert!(line.contains(says), "{line}");
        }
        assert!(asked(32, Some(1.0)).is_ok());
    }

    #[test]
    fn provenance_names_both() {
        let mut low = model(PLAIN, 1);
        low.provenance = BTreeMap::from([("source_sha256".into(), "ab".into())]);
        let blended = blend(8, Some(0.5), Side::Low).of(&low, &model(PLAIN, 2)).unwrap();
        assert_eq!(blended.provenance["low_source_sha256"], "ab");
        assert_eq!(blended.provenance["blend"], "split 8, width 0.5, mapping and w_avg of low");
    }
}
