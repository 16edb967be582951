//! NVIDIA's PyTorch pickles: stylegan2-ada-pytorch (nested keyword arguments) and a StyleGAN2 of the stylegan3 repository
//! (flat ones, other defaults). A module is REDUCE(_reconstruct_persistent_obj, ({type, version, module_src, class_name,
//! state},)); its source text is never looked at. The average generator, G_ema, is taken, never G.

use std::collections::{BTreeMap, BTreeSet};

use stylegan_wgpu::model::TensorSpec;
use stylegan_wgpu::networks::Config;
use stylegan_wgpu::networks::stylegan2::{self, Activation, Architecture};

use super::Progress;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::network::{Channels, Converted, const_size, filter_taps, gather, mean_w, same_filter};
use super::numpy;
use super::record::record;
use super::torch::{Checkpoint, Tensor};
use super::value::Id;

/// Most dict entries looked at in one generator; a genuine one has about 10,000. Memo references can make the same
/// dict appear in any number of places.
const MOST_ENTRIES: usize = 1 << 17;

/// The constant, whose shape says how tall and wide all maps are; arguments (`square`, `init_res`) are not asked.
const CONST: &str = "synthesis.b4.const";

/// Whether the pickle's root is one of NVIDIA's: a dict with such a module, or the module itself.
pub(crate) fn recognises(checkpoint: &Checkpoint<'_>) -> bool {
    let pickle = &checkpoint.pickle;
    let module = |id| pickle.class(id) == Some(Global::PersistentObject);
    module(pickle.root) || ["G_ema", "G", "D"].iter().any(|key| pickle.get(pickle.root, key).is_some_and(module))
}

/// Converts the G_ema of a checkpoint.
pub(crate) fn convert(checkpoint: &Checkpoint<'_>, progress: &mut Progress<'_>) -> Result<Converted> {
    let generator = Generator::find(checkpoint)?;
    generator.refuse_other_networks()?;
    let config = generator.config()?;
    config.validate()?;
    let format = if generator.flat() { "stylegan3 (StyleGAN2 network)" } else { "stylegan2-ada-pytorch" };
    let source_config = record(&checkpoint.pickle, "init_kwargs", generator.kwargs, 4);
    // w_avg_beta = None keeps no average.
    let average = match generator.tensors.get("mapping.w_avg") {
        Some(&id) => checkpoint.tensor("mapping.w_avg", id)?,
        None => {
            let layer =
                |i: usize| Ok((generator.tensor(&format!("mapping.fc{i}.weight"))?, generator.tensor(&format!("mapping.fc{i}.bias"))?));
            mean_w(&config, layer, &mut |fraction| progress(0.9 * fraction))?
        }
    };
    let config = Config::StyleGan2(config);
    generator.refuse_extra_tensors(&config)?;
    let read = |spec: &TensorSpec| match spec.name.as_str() {
        "mapping.w_avg" => Ok((spec.name.clone(), average.clone())),
        name => Ok((spec.name.clone(), generator.tensor(name)?)),
    };
    gather(config, format, source_config, read, &mut |fraction| progress(0.9 + 0.1 * fraction))
}

/// A generator's module tree, flattened.
struct Generator<'c> {
    checkpoint: &'c Checkpoint<'c>,
    class_name: String,
    /// Keyword and positional arguments the generator was made with.
    kwargs: Option<Id>,
    args: Option<Id>,
    /// Each module's `__dict__`, by its path; the generator's own is "".
    modules: BTreeMap<String, Id>,
    /// Each parameter and buffer, by its path.
    tensors: BTreeMap<String, Id>,
}

impl<'c> Generator<'c> {
    fn find(checkpoint: &'c Checkpoint<'c>) -> Result<Generator<'c>> {
        let pickle = &checkpoint.pickle;
        let module = |id| pickle.class(id) == Some(Global::PersistentObject);
        let root = pickle.root;
        let generator = match pickle.get(root, "G_ema") {
            Some(id) if module(id) => id,
            _ if module(root) => root,
            _ if pickle.get(root, "G").is_some_and(module) => {
                return Err(ConvertError::unsupported(
                    "this pickle has the generator in training (G) but no G_ema, the average whose pictures are good; save G_ema with it",
                ));
            }
            _ => return Err(ConvertError::unsupported("this pickle has a discriminator only; images come from a generator (G_ema)")),
        };
        let mut this = Generator {
            checkpoint,
            class_name: String::new(),
            kwargs: None,
            args: None,
            modules: BTreeMap::new(),
            tensors: BTreeMap::new(),
        };
        this.walk(generator)?;
        let state = this.modules[""];
        this.kwargs = pickle.get(state, "_init_kwargs");
        this.args = pickle.get(state, "_init_args");
        Ok(this)
    }

    /// Flattens the tree below `root` without recursion; how much is looked at is bounded, whatever refers to whatever.
    fn walk(&mut self, root: Id) -> Result<()> {
        let pickle = &self.checkpoint.pickle;
        let mut left = MOST_ENTRIES;
        let mut todo = vec![(String::new(), root)];
        while let Some((path, id)) = todo.pop() {
            let (state, class_name) = match pickle.call(id) {
                Some((Global::PersistentObject, &[meta])) => (pickle.get(meta, "state"), pickle.get(meta, "class_name")),
                _ => (pickle.state(id), None),
            };
            let Some(state) = state else { continue };
            if path.is_empty() {
                self.class_name = class_name.and_then(|id| pickle.name(id)).unwrap_or_default().into_owned();
            }
            for key in ["_parameters", "_buffers", "_modules"] {
                let length = pickle.entries(state).map_or(0, |entries| entries.len());
                let Some(entries) = pickle.get(state, key).and_then(|dict| pickle.entries(dict)) else { continue };
                left = left.checked_sub(length + entries.len()).ok_or_else(|| {
                    ConvertError::TooLarge("this pickle's modules refer to each other without end; no genuine checkpoint's do".into())
                })?;
                for &(name, value) in entries.iter() {
                    let Some(name) = pickle.name(name).filter(|_| !pickle.is_none(value)) else { continue };
                    let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
                    if path.len() > 200 {
                        return Err(ConvertError::malformed("modules nested without end"));
                    }
                    if key == "_modules" {
                        todo.push((path, value));
                    } else {
                        self.tensors.insert(path, value);
                    }
                }
            }
            self.modules.insert(path, state);
        }
        match self.modules.contains_key("") {
            true => Ok(()),
            false => Err(ConvertError::malformed("a generator without a state")),
        }
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let id = *self.tensors.get(name).ok_or_else(|| ConvertError::tensor(name, "a tensor", "nothing"))?;
        self.checkpoint.tensor(name, id)
    }

    fn refuse_other_networks(&self) -> Result<()> {
        let has = |name: &str| self.modules.contains_key(name);
        if has("synthesis.input") || self.modules.keys().any(|name| name.starts_with("synthesis.L0_")) {
            let radial = self.synthesis("conv_kernel").and_then(|id| numpy::index(&self.checkpoint.pickle, id)) == Some(1);
            return Err(ConvertError::unsupported(format!(
                "this is a StyleGAN3 (config {}), a different network that is not supported yet; StyleGAN2 checkpoints are",
                if radial { "R" } else { "T" }
            )));
        }
        if self.class_name.contains("Discriminator") || (has("b4") && !has("synthesis")) {
            return Err(ConvertError::unsupported("this pickle is a discriminator only; images come from a generator (G_ema)"));
        }
        if !has("synthesis.b4") || !has("mapping") {
            let children: Vec<_> = self.modules.keys().filter(|name| !name.is_empty() && !name.contains('.')).take(6).cloned().collect();
            return Err(ConvertError::unsupported(format!(
                "the generator is a {} of {}; a StyleGAN2 has mapping and synthesis.b4",
                self.class_name,
                children.join(", ")
            )));
        }
        Ok(())
    }

    /// A modified network would give other pictures: it is refused, not run without its additions.
    fn refuse_extra_tensors(&self, config: &Config) -> Result<()> {
        let known: BTreeSet<String> = config.manifest().into_iter().map(|spec| spec.name).collect();
        match self.tensors.keys().find(|name| !known.contains(*name) && !name.ends_with("resample_filter")) {
            None => Ok(()),
            Some(name) => Err(ConvertError::unsupported(format!(
                "the generator has a tensor {name} that a StyleGAN2 of its configuration has not; modified networks are not supported"
            ))),
        }
    }

    // ---- where arguments are found: keyword, positional, then the attribute that was made of it

    fn attribute(&self, module: &str, key: &str) -> Option<Id> {
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
        let size = |key: &str, id: Option<Id>| -> Result<usize> {
            let id = id.ok_or_else(|| ConvertError::malformed(format!("the generator does not say its {key}")))?;
            self.index(key, id)
        };
        let optional = |key: &str, id: Option<Id>| -> Result<Option<usize>> {
            id.filter(|&id| !self.checkpoint.pickle.is_none(id)).map(|id| self.index(key, id)).transpose()
        };
        let w_dim = size("w_dim", self.generator(2, "w_dim"))?;
        let c_dim = size("c_dim", self.generator(1, "c_dim"))?;
        // StyleGAN-Human has `square` before it.
        let after = 3 + usize::from(self.attribute("", "square").is_some());
        let img_resolution = size("img_resolution", self.generator(after, "img_resolution"))?;
        let num_layers = (0..).take_while(|i| self.tensors.contains_key(&format!("mapping.fc{i}.weight"))).count();
        let rows = |name: &str| self.tensors.get(name).and_then(|&id| self.checkpoint.shape(id)?.first().copied());
        // The widths of the weights themselves, when the arguments do not say.
        let embed = (c_dim > 0).then(|| rows("mapping.embed.weight").filter(|&rows| rows != w_dim)).flatten();
        let hidden = (num_layers > 1).then(|| rows("mapping.fc0.weight").filter(|&rows| rows != w_dim)).flatten();
        let (channel_base, channel_max, channels) = self.channels(img_resolution)?.fields();
        let conv_clamp = self.synthesis("conv_clamp").or_else(|| self.attribute("synthesis.b4.conv1", "conv_clamp"));
        let config = stylegan2::Config {
            z_dim: size("z_dim", self.generator(0, "z_dim"))?,
            c_dim,
            w_dim,
            img_resolution,
            const_size: const_size(CONST, self.tensors.get(CONST).and_then(|&id| self.checkpoint.shape(id)))?,
            img_channels: size("img_channels", self.generator(after + 1, "img_channels"))?,
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
                None => self.flat().then_some(256.0),
            },
            num_fp16_res: match self.synthesis("num_fp16_res") {
                Some(id) => self.index("num_fp16_res", id)?,
                None => self.fp16_resolutions(img_resolution),
            },
            architecture: match self.text(self.synthesis("architecture").or_else(|| self.attribute("synthesis.b4", "architecture"))) {
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
            for layer in ["", ".conv0"] {
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

    fn number(&self, key: &str, id: Id) -> Result<f32> {
        let value = numpy::number(&self.checkpoint.pickle, id);
        value
            .map(|value| value as f32)
            .ok_or_else(|| ConvertError::malformed(format!("{key} is {}, not a number", self.checkpoint.pickle.describe(id))))
    }
}
