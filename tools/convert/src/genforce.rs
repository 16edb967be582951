//! GenForce's .pth: TensorFlow's variables under other names, already in PyTorch's layout. The names are those of its StyleGAN and
//! StyleGAN2 generators; kernels and biases keep TensorFlow's conventions, so the rest is shared with [`super::tf`].

use std::collections::BTreeMap;

use super::course::Course;
use super::error::{ConvertError, Result};
use super::find::{Layout, Place};
use super::nest::Nest;
use super::network::{Converted, count, filter_taps, same_filter};
use super::numpy;
use super::state_dict::{StateDict, extra};
use super::torch::Tensor;
use super::variables::Variables;
use super::{stylegan1, stylegan2};

/// Converts the generator whose tensors' names begin with the prefix of `place`.
pub(crate) fn convert(nest: &Nest<'_>, place: &Place, course: &mut Course<'_>) -> Result<Converted> {
    let dict = StateDict::below(nest, &place.prefix);
    let generator = GenForce::new(match place.layout {
        Layout::InterFaceGan => dict.renamed(from_interfacegan),
        _ => dict,
    })?;
    if stylegan2::recognises(&generator) {
        stylegan2::convert(&generator, "GenForce StyleGAN2", course)
    } else if stylegan1::recognises(&generator) {
        stylegan1::convert(&generator, "GenForce StyleGAN", course)
    } else {
        Err(ConvertError::unsupported("a GenForce generator that is neither a StyleGAN nor a StyleGAN2"))
    }
}

/// A generator's tensors by TensorFlow's names.
struct GenForce<'c> {
    dict: StateDict<'c>,
    /// TensorFlow's name to GenForce's.
    names: BTreeMap<String, String>,
    first: bool,
    /// The number of the last block.
    top: usize,
}

impl<'c> GenForce<'c> {
    fn new(dict: StateDict<'c>) -> Result<GenForce<'c>> {
        let first = dict.has("synthesis.layer0.const");
        let blocks = count(dict.names(), "synthesis.layer", 20).div_ceil(2);
        let top =
            blocks.checked_sub(1).ok_or_else(|| ConvertError::tensor("synthesis.layer0.weight", "a convolution's weight", "nothing"))?;
        let mut names = BTreeMap::new();
        for name in dict.names() {
            match tensorflow_name(name, first, top) {
                Some(theirs) => drop(names.insert(theirs, name.to_owned())),
                None if name.ends_with(".kernel") => check_filter(&dict, name, first)?,
                None if name == "truncation.truncation" => check_truncation(&dict, name)?,
                None => return Err(extra(name, "GenForce's")),
            }
        }
        Ok(GenForce { dict, names, first, top })
    }
}

/// What a layer has, by GenForce's names.
const KINDS: [&str; 10] = [
    "weight",
    "bias",
    "style.weight",
    "style.bias",
    "noise_strength",
    "noise",
    "apply_noise.weight",
    "apply_noise.noise",
    "bias.bias",
    "wscale.bias",
];

/// The truncation its own code draws with: a psi for the first layers and 1 for the rest is what flags say here; another is not.
fn check_truncation(dict: &StateDict<'_>, name: &str) -> Result<()> {
    let values = dict.tensor(name)?.values;
    let psi = values.first().copied().unwrap_or(1.0);
    let cutoff = values.iter().take_while(|&&value| value == psi).count();
    if values[cutoff..].iter().any(|&value| value != 1.0) {
        return Err(ConvertError::tensor(name, "one psi for the first layers and 1 for the others", format!("{values:?}")));
    }
    if psi != 1.0 {
        log::warn!(
            "the file's own code truncates with psi {psi} up to layer {cutoff}: --trunc {psi} --trunc-cutoff {cutoff} gives its pictures"
        );
    }
    Ok(())
}

/// The filters of a generator are fixed in the code, and in the file for no other use than to be there.
fn check_filter(dict: &StateDict<'_>, name: &str, first: bool) -> Result<()> {
    let mut kernel = dict.tensor(name)?;
    // [1 or C, 1, taps, taps], the same for every channel.
    if let [channels, 1, rows, columns] = kernel.shape[..] {
        let size = rows * columns;
        if size > 0 && kernel.values.chunks_exact(size).any(|one| one != &kernel.values[..size]) {
            return Err(ConvertError::tensor(name, "one filter for all channels", format!("{channels} that differ")));
        }
        kernel.values.truncate(size);
        kernel.shape = vec![rows, columns];
    }
    let needed: &[f64] = if first { &[1.0, 2.0, 1.0] } else { &[1.0, 3.0, 3.0, 1.0] };
    let taps: Vec<f64> = filter_taps(name, &kernel)?.into_iter().map(f64::from).collect();
    match same_filter(&taps, needed) {
        true => Ok(()),
        false => Err(ConvertError::tensor(name, format!("the filter {needed:?}"), format!("{taps:?}"))),
    }
}

/// GenForce's name for a tensor of its first versions', which are InterFaceGAN's.
fn from_interfacegan(theirs: &str) -> Option<String> {
    if theirs == "synthesis.layer0.first_layer" {
        return Some("synthesis.layer0.const".to_owned());
    }
    let changed = theirs
        .replace(".epilogue.style_mod.dense.linear.", ".style.")
        .replace(".epilogue.style_mod.dense.wscale.", ".style.")
        .replace(".epilogue.", ".")
        .replace(".linear.", ".")
        .replace(".wscale.", ".")
        .replace(".conv.", ".");
    (changed != theirs).then_some(changed)
}

/// TensorFlow's name; `first` is the generation, `top` the number of the last block. Filters and the like have none.
fn tensorflow_name(name: &str, first: bool, top: usize) -> Option<String> {
    if let Some(rest) = name.strip_prefix("mapping.dense") {
        return Some(format!("mapping/Dense{}", rest.replace('.', "/")));
    }
    match name {
        "mapping.LabelEmbed.weight" => return Some("mapping/LabelEmbed/weight".into()),
        "mapping.LabelEmbed.bias" => return Some("mapping/LabelEmbed/bias".into()),
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

    fn own_name(&self, name: &str) -> String {
        let lost = || {
            let modules =
                (0..20).flat_map(|i| [format!("synthesis.layer{i}"), format!("synthesis.output{i}"), format!("mapping.dense{i}")]);
            let named = modules.flat_map(|module| KINDS.map(|kind| format!("{module}.{kind}")));
            let single = [
                "truncation.w_avg",
                "synthesis.early_layer.const",
                "synthesis.layer0.const",
                "mapping.LabelEmbed.weight",
                "mapping.LabelEmbed.bias",
            ];
            let mut all = single.map(str::to_owned).into_iter().chain(named);
            all.find(|theirs| tensorflow_name(theirs, self.first, self.top).as_deref() == Some(name))
        };
        self.names.get(name).cloned().or_else(lost).unwrap_or_else(|| name.to_owned())
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
        let theirs = self.names.get(name).ok_or_else(|| ConvertError::tensor(self.own_name(name), "a tensor", "nothing"))?;
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
