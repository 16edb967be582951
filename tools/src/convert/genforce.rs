//! GenForce's .pth: TensorFlow's variables under other names, already in PyTorch's layout. The names are those of its StyleGAN and
//! StyleGAN2 generators; kernels and biases keep TensorFlow's conventions, so the rest is shared with [`super::tf`].

use std::collections::BTreeMap;

use super::Progress;
use super::error::{ConvertError, Result};
use super::network::Converted;
use super::numpy;
use super::state_dict::StateDict;
use super::torch::{Checkpoint, Tensor};
use super::variables::Variables;
use super::{stylegan1, stylegan2};

/// The generator of a checkpoint, when it is one of GenForce's.
pub(crate) fn find<'c>(checkpoint: &'c Checkpoint<'c>) -> Option<GenForce<'c>> {
    let pickle = &checkpoint.pickle;
    let models = pickle.get(pickle.root, "models");
    let smooth = |dict: Option<_>| pickle.get(dict?, "generator_smooth");
    let candidates = [smooth(Some(pickle.root)), smooth(models), Some(pickle.root)];
    candidates.into_iter().flatten().find_map(|id| GenForce::new(StateDict::new(checkpoint, id)?))
}

/// Converts it.
pub(crate) fn convert(generator: &GenForce<'_>, progress: &mut Progress<'_>) -> Result<Converted> {
    if stylegan2::recognises(generator) {
        stylegan2::convert(generator, "GenForce StyleGAN2", progress)
    } else if stylegan1::recognises(generator) {
        stylegan1::convert(generator, "GenForce StyleGAN", progress)
    } else {
        Err(ConvertError::unsupported("a GenForce generator that is neither a StyleGAN nor a StyleGAN2"))
    }
}

/// A generator's tensors by TensorFlow's names.
pub(crate) struct GenForce<'c> {
    dict: StateDict<'c>,
    /// TensorFlow's name to GenForce's.
    names: BTreeMap<String, String>,
}

impl<'c> GenForce<'c> {
    fn new(dict: StateDict<'c>) -> Option<GenForce<'c>> {
        if !dict.has("mapping.dense0.weight") || !dict.has_prefix("synthesis.layer0.") {
            return None;
        }
        let first = dict.has("synthesis.layer0.const");
        let top = (0..10)
            .take_while(|block| dict.has(&format!("synthesis.layer{}.weight", if first { 2 * block + 1 } else { 2 * block })))
            .count();
        let names = dict.names().filter_map(|name| Some((tensorflow_name(name, first, top.checked_sub(1)?)?, name.to_owned()))).collect();
        Some(GenForce { dict, names })
    }
}

/// TensorFlow's name; `first` is the generation, `top` the number of the last block. Filters and the like have none.
fn tensorflow_name(name: &str, first: bool, top: usize) -> Option<String> {
    if let Some(rest) = name.strip_prefix("mapping.dense") {
        return Some(format!("mapping/Dense{}", rest.replace('.', "/")));
    }
    match name {
        "mapping.label_weight" => return Some("mapping/LabelConcat/weight".into()),
        "truncation.w_avg" => return Some("dlatent_avg".into()),
        "synthesis.early_layer.const" | "synthesis.layer0.const" => return Some("synthesis/4x4/Const/const".into()),
        "synthesis.lod" => return Some("synthesis/lod".into()),
        _ => {}
    }
    let rest = name.strip_prefix("synthesis.")?;
    if rest.ends_with(".kernel") {
        return None;
    }
    let (module, kind) = rest.split_once('.')?;
    let (block, scope, noise) = if let Some(block) = module.strip_prefix("output") {
        let block: usize = block.parse().ok()?;
        if first {
            return Some(format!("synthesis/ToRGB_lod{}/{kind}", top.checked_sub(block)?));
        }
        (block, "ToRGB", 0)
    } else {
        let index: usize = module.strip_prefix("layer")?.parse().ok()?;
        // The first generation counts the constant as layer 0, the second begins with the convolution after it.
        let layer = if first { index } else { index.checked_add(1)? };
        (layer / 2, ["Const", "Conv", "Conv0_up", "Conv1"][layer % 2 + if layer < 2 { 0 } else { 2 }], index)
    };
    let side = 4usize.checked_shl(u32::try_from(block).ok().filter(|&block| block < 10)?)?;
    Some(match kind {
        "noise" | "apply_noise.noise" => format!("synthesis/noise{noise}"),
        "apply_noise.weight" => format!("synthesis/{side}x{side}/{scope}/Noise/weight"),
        "style.weight" | "style.bias" => {
            let kind = &kind["style.".len()..];
            match first {
                true => format!("synthesis/{side}x{side}/{scope}/StyleMod/{kind}"),
                false => format!("synthesis/{side}x{side}/{scope}/mod_{kind}"),
            }
        }
        _ => format!("synthesis/{side}x{side}/{scope}/{}", kind.replace('.', "/")),
    })
}

impl Variables for GenForce<'_> {
    fn names(&self) -> Vec<&str> {
        self.names.keys().map(String::as_str).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let mut shape = self.dict.checkpoint.shape(self.dict.get(self.names.get(name)?)?)?;
        if name == "mapping/LabelConcat/weight" {
            shape.reverse();
        }
        Some(shape)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let theirs = self.names.get(name).ok_or_else(|| ConvertError::tensor(name, "a tensor", "nothing"))?;
        let tensor = self.dict.tensor(theirs)?;
        // The table of labels is multiplied from the left, as in TensorFlow.
        match name == "mapping/LabelConcat/weight" && tensor.shape.len() == 2 {
            true => Ok(numpy::transpose(&tensor, &[1, 0])),
            false => Ok(tensor),
        }
    }

    fn number(&self, _key: &str) -> Option<f64> {
        None
    }

    fn text(&self, _key: &str) -> Option<String> {
        None
    }

    fn numbers(&self, _key: &str) -> Option<Vec<f64>> {
        None
    }

    fn source_config(&self) -> String {
        "{}".to_owned()
    }
}
