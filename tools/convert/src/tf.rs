//! NVIDIA's TensorFlow pickles: dnnlib.tflib.network.Network objects, of which Gs, the average generator, is taken. What a network
//! computes was source code in the pickle; it is never looked at: the names of the variables tell the network.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::course::Course;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::nest::Nest;
use super::network::Converted;
use super::numpy;
use super::record::record;
use super::torch::{Checkpoint, Tensor};
use super::value::Id;
use super::variables::Variables;
use super::{stylegan1, stylegan2};

/// Most variables a network has: the largest genuine one has 260.
const MOST_VARIABLES: usize = 1 << 14;

/// Converts Gs of the networks in the file, if there are any.
pub(crate) fn convert(nest: &Nest<'_>, warnings: &mut Vec<String>, course: &mut Course<'_>) -> Result<Option<Converted>> {
    let checkpoint = nest.checkpoint;
    let Some(network) = choose(nest) else { return Ok(None) };
    let variables = TfVariables::read(checkpoint, network)?;
    if variables.name == "G" && nest.networks.iter().any(|(path, id)| *id == network && !path.ends_with("Gs")) {
        warnings.push("the file has no average of the generator (Gs); G is drawn, the network as training left it".into());
    }
    let converted = if stylegan2::recognises(&variables) {
        stylegan2::convert(&variables, "TensorFlow StyleGAN2", course)
    } else if stylegan1::recognises(&variables) {
        stylegan1::convert(&variables, "TensorFlow StyleGAN", course)
    } else {
        Err(variables.stranger())
    };
    converted.map(Some)
}

fn is_network(checkpoint: &Checkpoint<'_>, id: Id) -> bool {
    checkpoint.pickle.class(id) == Some(Global::TfNetwork)
}

/// Gs, the average: as the last of (G, D, Gs), by its name or its key; or the only generator there is.
pub(crate) fn choose(nest: &Nest<'_>) -> Option<Id> {
    let networks = || nest.networks.iter();
    let first_two = |parent: &str| ["0", "1"].iter().all(|item| nest.networks.contains_key(&format!("{parent}{item}")));
    let third = |(path, _): &(&String, &Id)| path.strip_suffix('2').is_some_and(first_two);
    let is_gs = |(path, id): &(&String, &Id)| name(nest.checkpoint, **id) == "Gs" || path.rsplit('.').next() == Some("Gs");
    let generator = |(_, id): &(&String, &Id)| name(nest.checkpoint, **id) != "D";
    let found =
        networks().find(third).or_else(|| networks().find(is_gs)).or_else(|| networks().find(generator)).or_else(|| networks().next());
    found.map(|(_, id)| *id)
}

fn name(checkpoint: &Checkpoint<'_>, network: Id) -> String {
    let pickle = &checkpoint.pickle;
    let name = pickle.state(network).and_then(|state| pickle.get(state, "name"));
    name.and_then(|id| pickle.name(id)).unwrap_or_default().into_owned()
}

/// The variables of a network and its two components, by names as `synthesis/4x4/Conv/weight`.
struct TfVariables<'c> {
    checkpoint: &'c Checkpoint<'c>,
    name: String,
    arrays: BTreeMap<String, Id>,
    /// The arguments of the network, then of its components.
    kwargs: Vec<Id>,
}

impl<'c> TfVariables<'c> {
    fn read(checkpoint: &'c Checkpoint<'c>, network: Id) -> Result<TfVariables<'c>> {
        let pickle = &checkpoint.pickle;
        let mut this = TfVariables { checkpoint, name: name(checkpoint, network), arrays: BTreeMap::new(), kwargs: Vec::new() };
        let state = |id| pickle.state(id).ok_or_else(|| ConvertError::malformed("a TensorFlow network without a state"));
        let root = state(network)?;
        this.add(root, "")?;
        if let Some(components) = pickle.get(root, "components") {
            for component in ["mapping", "synthesis"] {
                if let Some(id) = pickle.get(components, component).filter(|&id| is_network(checkpoint, id)) {
                    this.add(state(id)?, &format!("{component}/"))?;
                }
            }
        }
        this.square_scopes();
        Ok(this)
    }

    fn add(&mut self, state: Id, prefix: &str) -> Result<()> {
        let pickle = &self.checkpoint.pickle;
        self.kwargs.extend(pickle.get(state, "static_kwargs"));
        let Some(variables) = pickle.get(state, "variables") else { return Ok(()) };
        // A list of pairs, or a dict.
        let pair = |&variable: &Id| match pickle.items(variable) {
            Some(&[name, value]) => Some((name, value)),
            _ => None,
        };
        let pairs: Cow<'_, [(Id, Id)]> = match (pickle.entries(variables), pickle.items(variables)) {
            (Some(entries), _) => entries,
            (None, Some(items)) => items.iter().take(MOST_VARIABLES + 1).filter_map(pair).collect(),
            (None, None) => return Ok(()),
        };
        if pairs.len() > MOST_VARIABLES {
            return Err(ConvertError::TooLarge(format!("a network of more than {MOST_VARIABLES} variables; no genuine one has so many")));
        }
        for &(name, value) in pairs.iter() {
            let Some(name) = pickle.name(name) else { continue };
            self.arrays.insert(format!("{prefix}{name}"), value);
        }
        Ok(())
    }

    /// Networks that are not square have scopes as `5x3`, `10x6`, ..., height first, or `4x4`, `8x8`, ... all the same. Renames the
    /// former into the latter; the constant says which they are.
    fn square_scopes(&mut self) {
        let scope_of = |name: &str| -> Option<(usize, usize)> {
            let (height, width) = name.strip_prefix("synthesis/")?.split('/').next()?.split_once('x')?;
            Some((height.parse().ok()?, width.parse().ok()?))
        };
        let constant = self.arrays.iter().find(|(name, _)| name.ends_with("/Const/const"));
        let Some((name, &id)) = constant else { return };
        let Some(&[_, _, height, width]) = numpy::shape(&self.checkpoint.pickle, id).as_deref() else { return };
        if scope_of(name) != Some((height, width)) || (height, width) == (4, 4) {
            return;
        }
        let renamed = std::mem::take(&mut self.arrays).into_iter().map(|(name, id)| {
            let block =
                scope_of(&name).and_then(|scope| (0..10).find(|k| Some(scope) == height.checked_shl(*k).zip(width.checked_shl(*k))));
            let rest = name.strip_prefix("synthesis/").and_then(|name| name.split_once('/'));
            match block.zip(rest) {
                Some((k, (_, rest))) => (format!("synthesis/{0}x{0}/{rest}", 4usize << k), id),
                None => (name, id),
            }
        });
        self.arrays = renamed.collect();
    }

    fn stranger(&self) -> ConvertError {
        let any = |part: &str| self.arrays.keys().any(|name| name.contains(part));
        let what = match () {
            () if any("vgg") || any("conv5_3") || self.name.to_lowercase().contains("vgg") => {
                "a VGG (a perceptual metric), not a generator"
            }
            () if any("FromRGB") || any("fromRGB") || any("MinibatchStddev") => "a discriminator only; images come from a generator (Gs)",
            () if any("PixelNorm") || any("Upscale") || any("ToRGB_lod") => "a generator other than StyleGAN (a Progressive GAN, perhaps)",
            () => "no generator of StyleGAN or StyleGAN2",
        };
        ConvertError::unsupported(format!("the TensorFlow network {:?} is {what}", self.name))
    }
}

impl Variables for TfVariables<'_> {
    fn names(&self) -> Vec<&str> {
        self.arrays.keys().map(String::as_str).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let shape = numpy::shape(&self.checkpoint.pickle, *self.arrays.get(name)?)?;
        Some(match order(name, shape.len()) {
            Some(order) => order.iter().map(|&axis| shape[axis]).collect(),
            None => shape,
        })
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let id = self.arrays.get(name).ok_or_else(|| ConvertError::tensor(name, "a variable", "nothing"))?;
        let tensor = numpy::array(&self.checkpoint.pickle, name, *id)?;
        Ok(match order(name, tensor.shape.len()) {
            Some(order) => numpy::transpose(&tensor, order),
            None => tensor,
        })
    }

    fn number(&self, key: &str) -> Option<f64> {
        numpy::number(&self.checkpoint.pickle, self.kwarg(key)?)
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.checkpoint.pickle.name(self.kwarg(key)?)?.into_owned())
    }

    fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let pickle = &self.checkpoint.pickle;
        pickle.items(self.kwarg(key)?)?.iter().map(|&item| numpy::number(pickle, item)).collect()
    }

    fn source_config(&self) -> String {
        record(&self.checkpoint.pickle, "static_kwargs", self.kwargs.first().copied(), 3)
    }
}

impl TfVariables<'_> {
    /// An argument that is there and not None.
    fn kwarg(&self, key: &str) -> Option<Id> {
        let pickle = &self.checkpoint.pickle;
        self.kwargs.iter().find_map(|&kwargs| pickle.get(kwargs, key)).filter(|&id| !pickle.is_none(id))
    }
}

/// The axes of a TensorFlow variable in PyTorch's order: kernels [k, k, in, out], dense layers [in, out].
fn order(name: &str, sides: usize) -> Option<&'static [usize]> {
    match (name.ends_with("weight"), sides) {
        (true, 4) => Some(&[3, 2, 0, 1]),
        (true, 2) => Some(&[1, 0]),
        _ => None,
    }
}
