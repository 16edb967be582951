//! StyleSpace (Wu et al. 2021): a channel of a layer's style moved on its own. The styles of all layers are one affine map of ws, so an
//! offset of a channel is one of the map's bias.

use super::Generator;
use crate::error::{Error, Result};
use crate::model::{Array, Model};
use crate::networks::{self, NoiseSource};
use crate::plan::Origin;

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

impl Generator {
    /// Moves channels of the styles of all pictures that are submitted from now on, in the place of the offsets set before; two of one
    /// channel add up. A picture that is still pending, and is not finite in f16, is drawn again with the offsets of that time: wait for
    /// the pictures before, or choose a precision.
    pub fn set_style_offsets(&mut self, offsets: &[StyleOffset]) -> Result<()> {
        offsets.iter().try_for_each(|offset| offset.check(&self.model))?;
        let mut biases = std::mem::take(&mut self.style_biases);
        biases.drain(..).for_each(|(name, array)| drop(self.model.arrays.insert(name, array)));
        for offset in offsets {
            let name = bias_of(&offset.layer);
            let bias = self.model.array(&name).clone();
            let mut values = bias.to_f32();
            values[offset.channel] += offset.amount;
            self.model.arrays.insert(name.clone(), Array::from_f32(bias.shape(), &values));
            if !biases.iter().any(|(known, _)| *known == name) {
                biases.push((name, bias));
            }
        }
        self.style_biases = biases;
        self.wide = None;
        // What a plan of this model would upload goes into the buffer that all executors of this generator share.
        let plan = networks::synthesis(&self.model, 1, self.dtype, NoiseSource::Const).plan;
        let table = plan.entries.iter().find(|entry| entry.name == networks::layers::AFFINE_TABLE);
        if let (Some(prepared), Some(Origin::Constant(load))) = (self.synthesis.last(), table.map(|entry| &entry.origin)) {
            let executor = &prepared.executor;
            let tensor = executor.plan().find(networks::layers::AFFINE_TABLE).expect("every synthesis network has one");
            executor.write(tensor, &load())?;
        }
        Ok(())
    }
}

fn bias_of(layer: &str) -> String {
    format!("synthesis.{layer}.affine.bias")
}
