//! StyleSpace (Wu et al. 2021): a channel of a layer's style moved on its own. The styles of all layers are one affine map of ws, so an
//! offset of a channel is one of the map's bias.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::styles::Affines;

/// What is added to a channel of a style.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleOffset {
    /// The layer, as `b64.conv0`: one of [`Config::style_layers`](crate::networks::Config::style_layers).
    pub layer: String,
    /// Which channel. Of a StyleGAN, the first half of a style scales and the second shifts.
    pub channel: usize,
    /// Added to the outcome of the layer's affine map of w.
    pub amount: f32,
}

impl StyleOffset {
    /// Refuses a layer or channel that a model does not have, and amounts that are no numbers.
    pub fn check(&self, model: &Model) -> Result<()> {
        let layers = model.config.style_layers();
        if !layers.iter().any(|layer| layer.name == self.layer) {
            let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
            let asked: String = self.layer.chars().take(40).collect();
            return Err(Error::Argument(format!("no layer '{asked}' has a style; those are {}", names.join(", "))));
        }
        let channels = model.array(&bias_of(&self.layer)).len();
        if self.channel >= channels {
            let most = channels - 1;
            return Err(Error::Argument(format!("the style of {} has the channels 0 to {most}, and not {}", self.layer, self.channel)));
        }
        if !self.amount.is_finite() {
            return Err(Error::Argument(format!("the style of {} cannot be moved by {}", self.layer, self.amount)));
        }
        Ok(())
    }
}

/// The constant of all styles' biases, with these offsets; they were checked.
pub(super) fn styles_table(affines: &Affines, offsets: &[StyleOffset]) -> Vec<f32> {
    affines.table(|layer| offsets.iter().filter(|offset| offset.layer == layer).map(|offset| (offset.channel, offset.amount)).collect())
}

fn bias_of(layer: &str) -> String {
    format!("synthesis.{layer}.affine.bias")
}
