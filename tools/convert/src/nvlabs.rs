//! NVIDIA's PyTorch pickles: stylegan2-ada-pytorch (nested keyword arguments) and a StyleGAN2 of the stylegan3 repository
//! (flat ones, other defaults). A module is REDUCE(_reconstruct_persistent_obj, ({type, version, module_src, class_name,
//! state},)); its source text is never looked at. The average generator, G_ema, is taken, never G.

use std::collections::{BTreeMap, BTreeSet};

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::model::TensorSpec;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};

use super::course::Course;
use super::error::{ConvertError, Result};
use super::find::{self, Place, is_beside};
use super::nest::Nest;
use super::network::{Channels, Converted, const_size, count, filter_taps, gather, mean_w, refuse_lost_labels, same_filter};
use super::numpy;
use super::record::record;
use super::state_dict::extra;
use super::torch::{Checkpoint, Tensor};
use super::value::Id;

/// The constant, whose shape says how tall and wide all maps are; arguments (`square`, `init_res`) are not asked.
const CONST: &str = "synthesis.b4.const";

/// What a bare state_dict does not tell of its network.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Untold {
    /// Clamp of the layers, 0 for none; NVIDIA's 256 when absent.
    pub conv_clamp: Option<f32>,
}

/// Converts the generator whose tensors' names begin with the prefix of `place`: a module with its arguments, or its bare state_dict.
pub(crate) fn convert(
    nest: &Nest<'_>,
    place: &Place,
    untold: Untold,
    warnings: &mut Vec<String>,
    course: &mut Course<'_>,
) -> Result<Converted> {
    let checkpoint = nest.checkpoint;
    let generator = Generator::new(nest, &place.prefix, untold);
    generator.refuse_other_networks()?;
    let config = generator.config()?;
    config.validate()?;
    let format = match () {
        () if generator.is_bare() => "stylegan2-ada-pytorch (state_dict)",
        () if generator.flat() => "stylegan3 (StyleGAN2 network)",
        () => "stylegan2-ada-pytorch",
    };
    let source_config = record(&checkpoint.pickle, "init_kwargs", generator.kwargs, 4);
    if generator.is_bare() {
        warnings.extend(generator.assumptions(&config));
    }
    // w_avg_beta = None keeps no average.
    let average = match generator.tensors.get("mapping.w_avg").copied().or_else(|| find::average(nest, &place.prefix).map(|(_, id)| id)) {
        Some(id) => checkpoint.numbers("mapping.w_avg", id)?,
        None => {
            let layer =
                |i: usize| Ok((generator.tensor(&format!("mapping.fc{i}.weight"))?, generator.tensor(&format!("mapping.fc{i}.bias"))?));
            course.part(0.0, 0.9, |course| mean_w(&config, layer, course))?
        }
    };
    let config = Config::StyleGan2(config);
    generator.refuse_extra_tensors(&config)?;
    let read = |spec: &TensorSpec| match spec.name.as_str() {
        "mapping.w_avg" => Ok((spec.name.clone(), average.clone())),
        name => Ok((spec.name.clone(), generator.tensor(name)?)),
    };
    course.part(0.9, 1.0, |course| gather(config, format, source_config, read, course))
}

/// A generator's module tree, flattened.
pub(crate) struct Generator<'c> {
    pub(crate) checkpoint: &'c Checkpoint<'c>,
    class_name: String,
    /// Keyword and positional arguments the generator was made with.
    pub(crate) kwargs: Option<Id>,
    args: Option<Id>,
    /// Each module's `__dict__`, by its path; the generator's own is "". None of a bare state_dict.
    modules: BTreeMap<String, Id>,
    /// Each parameter and buffer, by its path.
    pub(crate) tensors: BTreeMap<String, Id>,
    untold: Untold,
}

impl<'c> Generator<'c> {
    pub(crate) fn new(nest: &Nest<'c>, prefix: &str, untold: Untold) -> Generator<'c> {
        let pickle = &nest.checkpoint.pickle;
        let own = prefix.trim_end_matches('.');
        let below = |path: &str| match path == own {
            true => Some(String::new()),
            false => path.strip_prefix(prefix).map(str::to_owned),
        };
        let modules: BTreeMap<String, Id> = nest.modules.iter().filter_map(|(path, id)| Some((below(path)?, *id))).collect();
        let tensors = nest.tensors.iter().filter_map(|(name, id)| Some((below(name)?, *id)));
        let tensors = tensors.filter(|(name, id)| !is_beside(nest, name, *id)).collect();
        let argument = |key: &str| pickle.get(*modules.get("")?, key);
        Generator {
            checkpoint: nest.checkpoint,
            class_name: nest.classes.get(own).cloned().unwrap_or_default(),
            kwargs: argument("_init_kwargs"),
            args: argument("_init_args"),
            modules,
            tensors,
            untold,
        }
    }

    /// Whether only tensors are in the file: sizes follow from their shapes, options do not.
    pub(crate) fn is_bare(&self) -> bool {
        !self.modules.contains_key("")
    }

    /// What is taken for granted of a bare state_dict, for a warning.
    fn assumptions(&self, config: &stylegan2::Config) -> Option<String> {
        let mut taken = Vec::new();
        if self.untold.conv_clamp.is_none() {
            taken.push("conv_clamp 256 as NVIDIA trains with (--conv-clamp gives another, 0 none)".to_owned());
        }
        if config.img_resolution > 4 && !self.tensors.keys().any(|name| name.ends_with("resample_filter")) {
            taken.push("the resample_filter [1, 3, 3, 1]".to_owned());
        }
        taken.push("lrelu and lr_multiplier 0.01".to_owned());
        Some(format!("this is a state_dict without its configuration; taken for granted: {}", taken.join(", ")))
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor> {
        let id = *self.tensors.get(name).ok_or_else(|| ConvertError::tensor(name, "a tensor", "nothing"))?;
        self.checkpoint.tensor(name, id)
    }

    fn has_below(&self, prefix: &str) -> bool {
        self.tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The shape of a tensor that must be there with so many sides.
    pub(crate) fn shape<const SIDES: usize>(&self, name: &str) -> Result<[usize; SIDES]> {
        let found = self.tensors.get(name).and_then(|&id| self.checkpoint.shape(id));
        let what = self.tensors.get(name).map_or("nothing".to_owned(), |&id| self.checkpoint.pickle.describe(id));
        let wrong = |found: String| ConvertError::tensor(name, format!("a tensor of {SIDES} sides"), found);
        let shape = found.ok_or_else(|| wrong(what))?;
        <[usize; SIDES]>::try_from(shape.as_slice()).map_err(|_| wrong(format!("{shape:?}")))
    }

    fn refuse_other_networks(&self) -> Result<()> {
        if self.class_name.contains("Discriminator") {
            return Err(ConvertError::unsupported("this pickle is a discriminator only; images come from a generator (G_ema)"));
        }
        Ok(())
    }

    /// A modified network would give other pictures: it is refused, not run without its additions.
    fn refuse_extra_tensors(&self, config: &Config) -> Result<()> {
        let known: BTreeSet<String> = config.manifest().into_iter().map(|spec| spec.name).collect();
        // The filters of the blocks and of their layers; those that up-sample have been compared with each other.
        let is_filter = |name: &str| {
            let owner = name.strip_suffix(".resample_filter");
            owner.is_some_and(|owner| known.contains(&format!("{owner}.weight")) || known.contains(&format!("{owner}.conv1.weight")))
        };
        match self.tensors.keys().find(|name| !known.contains(*name) && !is_filter(name)) {
            None => Ok(()),
            Some(name) => Err(extra(name, "a StyleGAN2 of its configuration")),
        }
    }

    // ---- where arguments are found: keyword, positional, then the attribute that was made of it

    pub(crate) fn attribute(&self, module: &str, key: &str) -> Option<Id> {
        self.checkpoint.pickle.get(*self.modules.get(module)?, key)
    }

    /// An argument of a module: its keyword, else its attribute.
    fn module(&self, module: &str, key: &str) -> Option<Id> {
        let kwargs = self.attribute(module, "_init_kwargs");
        kwargs.and_then(|kwargs| self.checkpoint.pickle.get(kwargs, key)).or_else(|| self.attribute(module, key))
    }

    fn kwarg(&self, group: &str, key: &str) -> Option<Id> {
        let pickle = &self.checkpoint.pickle;
        pickle.get(pickle.get(self.kwargs?, group)?, key)
    }

    fn generator(&self, position: usize, key: &str) -> Option<Id> {
        let pickle = &self.checkpoint.pickle;
        let keyword = self.kwargs.and_then(|kwargs| pickle.get(kwargs, key));
        let positional = || pickle.items(self.args?)?.get(position).copied();
        keyword.or_else(positional).or_else(|| self.attribute("", key))
    }

    fn synthesis(&self, key: &str) -> Option<Id> {
        let flat = || self.checkpoint.pickle.get(self.kwargs?, key);
        self.kwarg("synthesis_kwargs", key).or_else(flat).or_else(|| self.module("synthesis", key))
    }

    fn mapping(&self, key: &str) -> Option<Id> {
        self.kwarg("mapping_kwargs", key).or_else(|| self.module("mapping", key))
    }

    /// Whether the keyword arguments are flat, as the stylegan3 repository's are. Without any, its layers tell by
    /// remembering their widths.
    fn flat(&self) -> bool {
        let pickle = &self.checkpoint.pickle;
        let Some(kwargs) = self.kwargs else { return false };
        if pickle.get(kwargs, "synthesis_kwargs").is_some() {
            return false;
        }
        ["channel_base", "channel_max", "num_fp16_res", "conv_clamp", "architecture", "fused_modconv_default"]
            .iter()
            .any(|key| pickle.get(kwargs, key).is_some())
            || self.attribute("synthesis.b4.conv1", "in_channels").is_some()
    }

    // ---- the configuration

    fn config(&self) -> Result<stylegan2::Config> {
        // What the arguments do not say follows from the shapes.
        let size = |key: &str, id: Option<Id>, shaped: usize| id.map_or(Ok(shaped), |id| self.index(key, id));
        let optional = |key: &str, id: Option<Id>| -> Result<Option<usize>> {
            id.filter(|&id| !self.checkpoint.pickle.is_none(id)).map(|id| self.index(key, id)).transpose()
        };
        let num_layers = count(self.tensors.keys(), "mapping.fc", 64);
        let [_, inputs] = self.shape("mapping.fc0.weight")?;
        let [outputs, _] = self.shape(&format!("mapping.fc{}.weight", num_layers.saturating_sub(1)))?;
        let (label_features, labels) = match self.tensors.contains_key("mapping.embed.weight") {
            true => self.shape("mapping.embed.weight").map(|[features, labels]| (features, labels))?,
            false => (0, 0),
        };
        let w_dim = size("w_dim", self.generator(2, "w_dim"), outputs)?;
        let c_dim = size("c_dim", self.generator(1, "c_dim"), labels)?;
        let blocks = || (2..12).map(|log2| 1usize << log2);
        // The last block that has anything: what is missing below it is a fault, not the end.
        let top = blocks().rfind(|block| self.has_below(&format!("synthesis.b{block}."))).unwrap_or(4);
        // StyleGAN-Human has `square` before it.
        let after = 3 + usize::from(self.attribute("", "square").is_some());
        let img_resolution = size("img_resolution", self.generator(after, "img_resolution"), top)?;
        let [img_channels] = self.shape(&format!("synthesis.b{top}.torgb.bias"))?;
        if labels == 0 {
            refuse_lost_labels("mapping.fc0.weight", inputs, outputs.max(if self.is_bare() { 0 } else { usize::MAX }))?;
        }
        let z_dim = size("z_dim", self.generator(0, "z_dim"), inputs.saturating_sub(label_features))?;
        let rows = |name: &str| self.tensors.get(name).and_then(|&id| self.checkpoint.shape(id)?.first().copied());
        // The widths of the weights themselves, when the arguments do not say.
        let embed = (c_dim > 0).then(|| rows("mapping.embed.weight").filter(|&rows| rows != w_dim)).flatten();
        let hidden = (num_layers > 1).then(|| rows("mapping.fc0.weight").filter(|&rows| rows != w_dim)).flatten();
        let (channel_base, channel_max, channels) = self.channels(img_resolution)?.fields();
        let conv_clamp = self.synthesis("conv_clamp").or_else(|| self.attribute("synthesis.b4.conv1", "conv_clamp"));
        let config = stylegan2::Config {
            z_dim,
            c_dim,
            w_dim,
            img_resolution,
            const_size: const_size(CONST, self.tensors.get(CONST).and_then(|&id| self.checkpoint.shape(id)))?,
            img_channels: size("img_channels", self.generator(after + 1, "img_channels"), img_channels)?,
            channel_base,
            channel_max,
            channels,
            num_layers,
            embed_features: optional("embed_features", self.mapping("embed_features"))?.or(embed),
            layer_features: optional("layer_features", self.mapping("layer_features"))?.or(hidden),
            lr_multiplier: match self.mapping("lr_multiplier").or_else(|| self.attribute("mapping.fc0", "bias_gain")) {
                Some(id) => self.number("lr_multiplier", id)?,
                None => 0.01,
            },
            conv_clamp: match conv_clamp {
                Some(id) if self.checkpoint.pickle.is_none(id) => None,
                Some(id) => Some(self.number("conv_clamp", id)?),
                None if self.is_bare() => Some(self.untold.conv_clamp.unwrap_or(256.0)).filter(|&clamp| clamp != 0.0),
                None => self.flat().then_some(256.0),
            },
            num_fp16_res: match self.synthesis("num_fp16_res") {
                Some(id) => self.index("num_fp16_res", id)?,
                None => self.fp16_resolutions(img_resolution),
            },
            architecture: match self.text(self.synthesis("architecture").or_else(|| self.attribute("synthesis.b4", "architecture"))) {
                None if self.tensors.contains_key("synthesis.b8.skip.weight") => Architecture::Resnet,
                None if img_resolution > 4 && !self.tensors.contains_key("synthesis.b4.torgb.weight") => Architecture::Orig,
                None => Architecture::Skip,
                Some(text) => match text.as_str() {
                    "skip" => Architecture::Skip,
                    "orig" => Architecture::Orig,
                    "resnet" => Architecture::Resnet,
                    other => {
                        return Err(ConvertError::unsupported(format!(
                            "a synthesis architecture {other:?}; skip, orig and resnet are known"
                        )));
                    }
                },
            },
            resample_filter: self.resample_filter(img_resolution)?,
            use_noise: match self.synthesis("use_noise").or_else(|| self.attribute("synthesis.b4.conv1", "use_noise")) {
                Some(id) => self.checkpoint.pickle.int(id) != Some(0),
                None => self.tensors.contains_key("synthesis.b4.conv1.noise_const"),
            },
            activation: self.activation(self.synthesis("activation").or_else(|| self.attribute("synthesis.b4.conv1", "activation")))?,
            mapping_activation: self.activation(self.mapping("activation").or_else(|| self.attribute("mapping.fc0", "activation")))?,
            per_layer_w_avg: false,
            concat_labels: false,
        };
        Ok(config)
    }

    /// The channels of the weights, by the rule of the arguments when they follow it.
    fn channels(&self, img_resolution: usize) -> Result<Channels> {
        let mut found = Vec::new();
        for resolution in (2..12).map(|log2| 1 << log2).filter(|&resolution| resolution <= img_resolution) {
            let name = format!("synthesis.b{resolution}.conv1.weight");
            let shape = self.tensors.get(&name).and_then(|&id| self.checkpoint.shape(id));
            let Some(&[channels, ..]) = shape.as_deref() else {
                return Err(ConvertError::tensor(name, "a convolution's weight", "nothing"));
            };
            found.push((resolution, channels));
        }
        let argument = |key, default| self.synthesis(key).map_or(Ok(default), |id| self.index(key, id));
        Ok(Channels::of(&found, Some((argument("channel_base", 32768)?, argument("channel_max", 512)?))))
    }

    /// num_fp16_res from the blocks that use f16: those from resolution max(2R / 2^n, 8) up.
    fn fp16_resolutions(&self, img_resolution: usize) -> usize {
        let default = if self.flat() { 4 } else { 0 };
        let used = |resolution: usize| {
            self.attribute(&format!("synthesis.b{resolution}"), "use_fp16").and_then(|id| self.checkpoint.pickle.int(id))
        };
        let resolutions = || (2..12).map(|log2| 1usize << log2).filter(|&resolution| resolution <= img_resolution);
        if !resolutions().any(|resolution| used(resolution).is_some()) {
            return default;
        }
        let log2 = img_resolution.checked_ilog2().unwrap_or(2) as usize;
        match resolutions().find(|&resolution| used(resolution) == Some(1)) {
            None => 0,
            // 8 is the floor of the rule: any larger n gives it too.
            Some(8) => default.max(log2.saturating_sub(2)),
            Some(lowest) => (log2 + 1).saturating_sub(lowest.ilog2() as usize),
        }
    }

    /// The filter of the up-sampling layers: the argument, which the buffers must confirm, or what the buffers hold.
    fn resample_filter(&self, img_resolution: usize) -> Result<Vec<f32>> {
        let pickle = &self.checkpoint.pickle;
        let argument = match self.synthesis("resample_filter") {
            None => None,
            Some(id) if pickle.is_none(id) => Some(vec![1.0]),
            Some(id) => {
                let taps = pickle.items(id).map(|items| items.iter().map(|&item| numpy::number(pickle, item)).collect::<Option<Vec<_>>>());
                match taps {
                    Some(Some(taps)) => Some(taps),
                    _ => return Err(ConvertError::unsupported("a resample_filter that is no list of numbers")),
                }
            }
        };
        let mut chosen = argument;
        for resolution in (3..12).map(|log2| 1 << log2).filter(|&resolution| resolution <= img_resolution) {
            for layer in ["", ".conv0", ".skip"] {
                let name = format!("synthesis.b{resolution}{layer}.resample_filter");
                let Some(&id) = self.tensors.get(&name) else { continue };
                let taps: Vec<f64> = filter_taps(&name, &self.checkpoint.tensor(&name, id)?)?.iter().map(|&tap| tap.into()).collect();
                match &chosen {
                    None => chosen = Some(taps),
                    Some(chosen) if same_filter(chosen, &taps) => {}
                    Some(chosen) => return Err(ConvertError::tensor(name, format!("the filter {chosen:?}"), format!("{taps:?}"))),
                }
            }
        }
        Ok(chosen.map_or(vec![1.0, 3.0, 3.0, 1.0], |taps| taps.iter().map(|&tap| tap as f32).collect()))
    }

    fn activation(&self, id: Option<Id>) -> Result<Activation> {
        match self.text(id).as_deref() {
            None | Some("lrelu") => Ok(Activation::Lrelu),
            Some("relu") => Ok(Activation::Relu),
            Some("linear") => Ok(Activation::Linear),
            Some(other) => Err(ConvertError::unsupported(format!("an activation {other:?}; lrelu, relu and linear are known"))),
        }
    }

    fn text(&self, id: Option<Id>) -> Option<String> {
        self.checkpoint.pickle.name(id?).map(|text| text.into_owned())
    }

    fn index(&self, key: &str, id: Id) -> Result<usize> {
        numpy::index(&self.checkpoint.pickle, id)
            .ok_or_else(|| ConvertError::malformed(format!("{key} is {}, not a whole number", self.checkpoint.pickle.describe(id))))
    }

    pub(crate) fn number(&self, key: &str, id: Id) -> Result<f32> {
        let value = numpy::number(&self.checkpoint.pickle, id);
        value
            .map(|value| value as f32)
            .ok_or_else(|| ConvertError::malformed(format!("{key} is {}, not a number", self.checkpoint.pickle.describe(id))))
    }
}
