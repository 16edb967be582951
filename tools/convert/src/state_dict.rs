//! A dict of named tensors (a PyTorch state_dict), and what such dicts are known to be when they are not a generator.

use std::collections::BTreeMap;

use super::error::{ConvertError, Result};
use super::find::is_beside;
use super::nest::Nest;
use super::torch::{Checkpoint, Tensor};
use super::value::Id;

/// Tensors by name.
pub(crate) struct StateDict<'c> {
    pub(crate) checkpoint: &'c Checkpoint<'c>,
    tensors: BTreeMap<String, Id>,
}

impl<'c> StateDict<'c> {
    /// The tensors of a nest whose names begin with `prefix`, without it; what is no tensor of a network is left out.
    pub(crate) fn below(nest: &Nest<'c>, prefix: &str) -> StateDict<'c> {
        let range = nest.tensors.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        let named = range.map(|(name, id)| (&name[prefix.len()..], *id)).filter(|&(name, id)| !is_beside(nest, name, id));
        let named = named.map(|(name, id)| (name.to_owned(), id));
        StateDict { checkpoint: nest.checkpoint, tensors: named.collect() }
    }

    /// The same tensors by the names that `rename` gives; those it has none for keep theirs.
    pub(crate) fn renamed(self, rename: impl Fn(&str) -> Option<String>) -> StateDict<'c> {
        let tensors = self.tensors.into_iter().map(|(name, id)| (rename(&name).unwrap_or(name), id)).collect();
        StateDict { checkpoint: self.checkpoint, tensors }
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

    /// A network with more to it than we would run gives other pictures: it is refused.
    pub(crate) fn refuse_extras(&self, network: &str, is_known: impl Fn(&str) -> bool) -> Result<()> {
        match self.names().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(extra(name, network)),
        }
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

/// The refusal of a network that has more than those it is one of.
pub(crate) fn extra(name: &str, network: &str) -> ConvertError {
    if name.split('.').any(|part| matches!(part, "iwt" | "dwt" | "iwts" | "dwts")) {
        return ConvertError::unsupported(format!("this is a SWAGAN, whose layers work on wavelets ({name}); it is not supported"));
    }
    ConvertError::unsupported(format!(
        "the generator has a tensor {name} that {network} has not; modified networks are not supported, because their pictures would be wrong"
    ))
}

/// What a dict of tensors is that we do not run, for a one-line refusal.
pub(crate) fn known_stranger(dict: &StateDict<'_>) -> Option<&'static str> {
    let prefix = |prefix: &str| dict.has_prefix(prefix);
    Some(match () {
        () if (prefix("synthesis.input.") || prefix("synthesis.L0_")) && !prefix("mapping.") => {
            "a StyleGAN3 without its mapping network; convert the .pkl that it was made from"
        }
        () if prefix("g_mapping.") && prefix("g_synthesis.") => {
            "a StyleGAN (2019) in the names of lernapparat's port (g_mapping, g_synthesis), which are not read; convert the checkpoint it was made from"
        }
        () if prefix("style_mapping.") && prefix("progression.") || prefix("generator.progression.") => {
            "a StyleGAN (2019) of rosinality's style-based-gan-pytorch or of mmgeneration, whose names are not read; convert the checkpoint it was made from"
        }
        () if prefix("style.") && prefix("generator.progression") => "a StyleGAN (2019) of rosinality's, whose names are not read",
        () if prefix("style_mapping.") && prefix("constant_input.") => {
            "a StyleGAN2 of mmgeneration (style_mapping, constant_input), whose names are not read; convert the checkpoint it was made from"
        }
        () if prefix("iwts.") || prefix("dwts.") || prefix("iwt.") => "a SWAGAN, whose layers work on wavelets; it is not supported",
        () if prefix("init.init.") || prefix("feat_8.") || prefix("se_64.") || prefix("synthesis.init.init.") => {
            "a FastGAN (Projected GAN's other generator), a different network that is not supported; its stylegan2 configuration is"
        }
        () if prefix("shared.") && prefix("blocks.0.0.conv1.") || prefix("generator.gen_z.") || prefix("generator.layers.0.bn_0.") => {
            "a BigGAN, a different network that is not supported"
        }
        () if prefix("model.diffusion_model.")
            || prefix("unet.")
            || prefix("denoise_fn.")
            || prefix("input_blocks.0.")
            || prefix("down_blocks.0.") =>
        {
            "a diffusion model, a different kind of network; StyleGAN and StyleGAN2 are supported"
        }
        () if prefix("synthesis.b4.const") && prefix("mapping.pseudo")
            || prefix("mapping.clip.")
            || prefix("clip.visual.") && prefix("synthesis.") =>
        {
            "a StyleGAN-T, a different network that is not supported"
        }
        () if prefix("conv_first.") && (prefix("body.0.") || prefix("conv_body.")) => {
            "a network that enlarges or restores pictures (ESRGAN, GFPGAN), not a generator"
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
