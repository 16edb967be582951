//! A generator's variables under TensorFlow's names and in PyTorch's layout: what TensorFlow's own pickles and GenForce's
//! translations of them have in common.

use super::error::{ConvertError, Result};
use super::network::{Channels, const_size, count, refuse_lost_labels};
use super::torch::Tensor;

/// The constant, whose shape says how tall and wide all maps are.
const CONST: &str = "synthesis/4x4/Const/const";

/// Variables by names as `synthesis/4x4/Conv/weight`, and the arguments the network was made with.
pub(crate) trait Variables {
    /// All names.
    fn names(&self) -> Vec<&str>;
    /// Whether there is a variable.
    fn has(&self, name: &str) -> bool;
    /// Its shape: kernels [out, in, k, k], dense layers [out, in].
    fn shape(&self, name: &str) -> Option<Vec<usize>>;
    /// Its values, in that shape.
    fn tensor(&self, name: &str) -> Result<Tensor>;
    /// What the file calls a variable.
    fn own_name(&self, name: &str) -> String {
        name.to_owned()
    }
    /// A numeric argument (a bool is 0 or 1).
    fn number(&self, key: &str) -> Option<f64>;
    /// A string argument.
    fn text(&self, key: &str) -> Option<String>;
    /// A list argument.
    fn numbers(&self, key: &str) -> Option<Vec<f64>>;
    /// All arguments as JSON, for the record.
    fn source_config(&self) -> String;
}

/// The sizes both generations have, read off the shapes.
pub(crate) struct Sizes {
    pub(crate) z_dim: usize,
    pub(crate) c_dim: usize,
    pub(crate) w_dim: usize,
    pub(crate) img_resolution: usize,
    pub(crate) const_size: [usize; 2],
    pub(crate) num_layers: usize,
    pub(crate) layer_features: Option<usize>,
    pub(crate) embed: Option<usize>,
    pub(crate) channels: Channels,
}

impl Sizes {
    pub(crate) fn read(variables: &impl Variables) -> Result<Sizes> {
        let sides = |name: &str, many: usize| {
            let found = variables.shape(name);
            let wrong = found.as_ref().map_or("nothing".to_owned(), |shape| format!("{shape:?}"));
            found
                .filter(|shape| shape.len() == many)
                .ok_or_else(|| ConvertError::tensor(variables.own_name(name), format!("{many} sides"), wrong))
        };
        let num_layers = count(variables.names().into_iter(), "mapping/Dense", 64);
        let first = sides("mapping/Dense0/weight", 2)?;
        let last = sides(&format!("mapping/Dense{}/weight", num_layers.saturating_sub(1)), 2)?;
        let label = ["mapping/LabelConcat/weight", "mapping/LabelEmbed/weight"].into_iter().find(|name| variables.has(name));
        let label = label.map(|name| sides(name, 2)).transpose()?;
        let (embed, c_dim) = label.map_or((0, 0), |shape| (shape[0], shape[1]));
        let resolutions = || (2..12).map(|log2| 1usize << log2);
        let conv1 = |resolution: usize| match resolution {
            4 => "synthesis/4x4/Conv/weight".to_owned(),
            _ => format!("synthesis/{resolution}x{resolution}/Conv1/weight"),
        };
        let mut channels = Vec::new();
        // The last block that has anything: what is missing below it is a fault, not the end.
        let names = variables.names();
        let has_block = |resolution: &usize| {
            let scope = format!("synthesis/{resolution}x{resolution}/");
            names.iter().any(|name| name.starts_with(&scope))
        };
        let img_resolution = resolutions().rfind(has_block).unwrap_or(4);
        for resolution in resolutions().take_while(|&resolution| resolution <= img_resolution) {
            channels.push((resolution, sides(&conv1(resolution), 4)?[0]));
        }
        // TensorFlow counts fmap_base from half the resolution.
        let rule = (variables.number("fmap_base").unwrap_or(0.0) as usize).saturating_mul(2);
        let rule = (rule, variables.number("fmap_max").unwrap_or(512.0) as usize);
        let w_dim = last[0];
        if c_dim == 0 {
            refuse_lost_labels(&variables.own_name("mapping/Dense0/weight"), first[1], w_dim)?;
        }
        Ok(Sizes {
            z_dim: first[1].checked_sub(embed).ok_or_else(|| ConvertError::malformed("a label embedding wider than the first layer"))?,
            c_dim,
            w_dim,
            img_resolution,
            const_size: const_size(CONST, variables.shape(CONST))?,
            num_layers,
            layer_features: match variables.number("mapping_fmaps") {
                Some(features) => Some(features as usize),
                None => (num_layers > 1 && first[0] != w_dim).then_some(first[0]),
            },
            embed: (c_dim > 0).then_some(embed),
            channels: Channels::of(&channels, Some(rule)),
        })
    }
}

/// Refuses arguments that change what the network computes.
pub(crate) fn refuse_options(variables: &impl Variables, needed: &[(&str, bool)]) -> Result<()> {
    for &(key, value) in needed {
        if variables.number(key).is_some_and(|found| (found != 0.0) != value) {
            return Err(ConvertError::unsupported(format!("this network was made with {key} = {}, which is not supported", !value)));
        }
    }
    Ok(())
}

/// Of a variable that no such network has, what to say.
pub(crate) fn modified(name: &str, network: &str) -> ConvertError {
    let lower = name.to_lowercase();
    match lower.contains("attention") || lower.contains("selfatten") {
        true => {
            ConvertError::unsupported(format!("the network has self-attention ({name}), which a {network} has not; it is not supported"))
        }
        false => ConvertError::unsupported(format!(
            "the network has a variable {name} that a {network} of its configuration has not; modified networks are not supported"
        )),
    }
}

/// Each k x k kernel of a weight turned by 180 degrees.
pub(crate) fn flip(tensor: &mut Tensor) {
    if let [.., rows, columns] = *tensor.shape
        && rows * columns > 0
    {
        tensor.values.chunks_exact_mut(rows * columns).for_each(<[f32]>::reverse);
    }
}

/// What training leaves in every network of TensorFlow's: how far it has grown, the outputs of lower resolutions, its noise.
pub(crate) fn is_inert(name: &str) -> bool {
    let is_number = |text: &str| text.parse::<u8>().is_ok();
    let is_output = |rest: &str| rest.split_once('/').is_some_and(|(lod, kind)| is_number(lod) && matches!(kind, "weight" | "bias"));
    matches!(name, "lod" | "synthesis/lod" | "dlatent_avg")
        || name.strip_prefix("synthesis/ToRGB_lod").is_some_and(is_output)
        || name.strip_prefix("synthesis/noise").is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_is_named() {
        let text = |name| modified(name, "StyleGAN2").to_string();
        assert!(text("synthesis/64x64/attention_g/gamma").contains("self-attention (synthesis/64x64/attention_g/gamma)"));
        assert!(text("synthesis/SelfAtten/w").contains("self-attention") && !text("synthesis/extra").contains("self-attention"));
    }
}
