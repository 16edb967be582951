//! A dict of named tensors (a PyTorch state_dict), and what such dicts are known to be when they are not a generator.

use std::collections::BTreeMap;

use super::error::{ConvertError, Result};
use super::torch::{Checkpoint, Tensor};
use super::value::Id;

/// Entries of a dict that is looked at; a genuine one has about 1,000.
const MOST_ENTRIES: usize = 1 << 16;

/// Tensors by name.
pub(crate) struct StateDict<'c> {
    pub(crate) checkpoint: &'c Checkpoint<'c>,
    tensors: BTreeMap<String, Id>,
}

impl<'c> StateDict<'c> {
    /// The tensors of a dict; names without the `module.` that DataParallel adds. `None` when `id` is no dict.
    pub(crate) fn new(checkpoint: &'c Checkpoint<'c>, id: Id) -> Option<StateDict<'c>> {
        let pickle = &checkpoint.pickle;
        let mut tensors = BTreeMap::new();
        let entries = pickle.entries(id).filter(|entries| entries.len() <= MOST_ENTRIES)?;
        for &(name, value) in entries.iter() {
            let Some(name) = pickle.name(name).filter(|_| checkpoint.is_tensor(value)) else { continue };
            tensors.insert(name.strip_prefix("module.").unwrap_or(&name).to_owned(), value);
        }
        Some(StateDict { checkpoint, tensors })
    }

    /// The tensors whose names begin with `prefix`, without it.
    pub(crate) fn below(&self, prefix: &str) -> StateDict<'c> {
        let rest = self.tensors.iter().filter_map(|(name, id)| Some((name.strip_prefix(prefix)?.to_owned(), *id)));
        StateDict { checkpoint: self.checkpoint, tensors: rest.collect() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Whether a name begins with `prefix`.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        self.tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Id> {
        self.tensors.get(name).copied()
    }

    /// The shape of a tensor that must be there with so many sides.
    pub(crate) fn shape<const SIDES: usize>(&self, name: &str) -> Result<[usize; SIDES]> {
        let found = self.get(name).and_then(|id| self.checkpoint.shape(id));
        let wrong = |found: String| ConvertError::tensor(name, format!("a tensor of {SIDES} sides"), found);
        let shape = found.ok_or_else(|| wrong("nothing".into()))?;
        <[usize; SIDES]>::try_from(shape.as_slice()).map_err(|_| wrong(format!("{shape:?}")))
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor> {
        let id = self.get(name).ok_or_else(|| ConvertError::tensor(name, "a tensor", "nothing"))?;
        self.checkpoint.tensor(name, id)
    }
}

/// What a dict of tensors is that we do not run, for a one-line refusal.
pub(crate) fn known_stranger(dict: &StateDict<'_>) -> Option<&'static str> {
    let prefix = |prefix: &str| dict.has_prefix(prefix);
    Some(match () {
        () if prefix("synthesis.input.") || prefix("synthesis.L0_") => "a StyleGAN3, a different network that is not supported yet",
        () if prefix("synthesis.b4.") => {
            "the weights of one of NVIDIA's networks without its configuration; convert the .pkl they came from"
        }
        () if prefix("GE.") || prefix("G.initial_block") || prefix("G.blocks.") || prefix("SE.net.") || prefix("S.net.") => {
            "a stylegan2_pytorch (lucidrains) checkpoint, whose network differs from StyleGAN2; it is not supported"
        }
        () if prefix("student.") || prefix("synthesis_net.") || prefix("mapping_net.") => {
            "a MobileStyleGAN training checkpoint; its OpenVINO files (random-face) are supported instead"
        }
        () if prefix("final_conv.") && prefix("final_linear.") || prefix("b4.mbstd") || prefix("convs.0.0.") => {
            "a discriminator only; images come from a generator (g_ema)"
        }
        () if prefix("features.0.") && (prefix("classifier.") || prefix("features.28."))
            || prefix("lin0.model.")
            || prefix("net.slice1.") =>
        {
            "a VGG (a perceptual metric), not a generator"
        }
        () if prefix("encoder.") => "an encoder only (no decoder.*); images come from a generator",
        () if prefix("input_layer.") || prefix("body.0.") || prefix("facenet.") => {
            "an encoder or a face recognition network, not a generator"
        }
        () if prefix("fc.0.") && prefix("conv1.") || prefix("layer1.0.conv1.") => "a ResNet, not a generator",
        () => return None,
    })
}
