//! StyleSpace (Wu et al. 2021): a channel of a layer's style moved on its own. The styles of all layers are one affine map of ws, so an
//! offset of a channel is one of the map's bias.

use crate::error::{Error, Result};
use crate::model::{Array, Model};
use crate::networks::styles::AFFINE_TABLE;
use crate::networks::{self, NoiseSource};
use crate::plan::Origin;
use crate::tensor::DType;

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

/// The constant of all styles' biases, with these offsets.
pub(super) fn styles_table(model: &Model, offsets: &[StyleOffset]) -> Result<Vec<f32>> {
    let mut moved = model.clone();
    for offset in offsets {
        offset.check(model)?;
        let name = bias_of(&offset.layer);
        let bias = moved.array(&name);
        let mut values = bias.to_f32();
        values[offset.channel] += offset.amount;
        let bias = Array::from_f32(bias.shape(), &values);
        moved.arrays.insert(name, bias);
    }
    // The plan of such a model says what would be uploaded; its element type does not matter for biases.
    let plan = networks::synthesis(&moved, 1, DType::F32, NoiseSource::Const).plan;
    let entry = plan.entries.iter().find(|entry| entry.name == AFFINE_TABLE);
    match entry.map(|entry| &entry.origin) {
        Some(Origin::Constant(load)) => Ok(load()),
        _ => unreachable!("every synthesis network has it, as a constant"),
    }
}

fn bias_of(layer: &str) -> String {
    format!("synthesis.{layer}.affine.bias")
}
