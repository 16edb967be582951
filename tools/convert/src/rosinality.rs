//! rosinality's stylegan2-pytorch, and what is built on it: a dict with g_ema, a bare state_dict, or the decoder of pSp, e4e
//! and ReStyle. Every size is read off the shapes: the arguments saved beside them may be those of another run.

use std::collections::BTreeSet;

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};

use super::course::Course;
use super::error::{ConvertError, Result};
use super::find::{self, Layout, Place};
use super::nest::Nest;
use super::network::{Channels, Converted, const_size, count, filter_taps, gather, mean_w, refuse_lost_labels};
use super::record::record;
use super::state_dict::StateDict;
use super::torch::Tensor;

/// The learning-rate multiplier of the mapping network, fixed in the original code.
const LR: f32 = 0.01;

/// Converts the generator whose tensors' names begin with the prefix of `place`.
pub(crate) fn convert(nest: &Nest<'_>, place: &Place, course: &mut Course<'_>) -> Result<Converted> {
    let checkpoint = nest.checkpoint;
    let dict = StateDict::below(nest, &place.prefix);
    let (dict, format) = match place.layout {
        Layout::BasicSr => (dict.renamed(from_basicsr), "BasicSR StyleGAN2Generator"),
        _ if place.prefix.contains("decoder.") => (dict, "pSp/e4e (rosinality decoder)"),
        _ => (dict, "rosinality stylegan2-pytorch"),
    };
    let average = find::average(nest, &place.prefix).map(|(name, id)| checkpoint.numbers(&name, id)).transpose()?;
    let config = config(&dict, average.as_ref())?;
    config.validate()?;
    let shared = Config::StyleGan2(config.clone());
    let known: BTreeSet<String> = shared.manifest().iter().filter_map(|spec| their_name(&spec.name)).collect();
    let blocks = config.resolutions().count() - 1;
    dict.refuse_extras("a StyleGAN2 of its sizes", |name| known.contains(name) || is_filter(name, blocks))?;
    let average = match average {
        Some(average) if config.per_layer_w_avg && average.values.len() == config.w_dim * config.num_ws() => {
            Tensor { shape: vec![config.num_ws(), config.w_dim], ..average }
        }
        Some(average) => average,
        // A training checkpoint does not carry it.
        None => {
            let layer = |i: usize| Ok((dict.tensor(&format!("style.{}.weight", i + 1))?, dict.tensor(&format!("style.{}.bias", i + 1))?));
            course.part(0.0, 0.9, |course| mean_w(&config, layer, course))?
        }
    };
    let args = ["args", "opts"].iter().find_map(|key| checkpoint.pickle.get(checkpoint.pickle.root, key));
    let args = args.map(|id| checkpoint.pickle.state(id).unwrap_or(id));
    let read = |spec: &stylegan_wgpu::internals::model::TensorSpec| {
        if spec.name == "mapping.w_avg" {
            return Ok(("latent_avg".to_owned(), average.clone()));
        }
        let name = their_name(&spec.name).ok_or_else(|| ConvertError::tensor(&spec.name, "a rosinality name", "none"))?;
        if name.starts_with("noises.") && !dict.has_prefix("noises.") {
            // Files older than the noise buffers always drew fresh noise: their constant noise is none.
            return Ok((name, Tensor { shape: spec.shape.clone(), values: vec![0.0; spec.shape.iter().product()] }));
        }
        let tensor = dict.tensor(&name)?;
        Ok((name, tensor))
    };
    let source_config = record(&checkpoint.pickle, "args", args, 3);
    course.part(0.9, 1.0, |course| gather(shared, format, source_config, read, course))
}

/// Whether a name is that of an up-sampling filter: every second convolution has one, and every output but the first.
fn is_filter(name: &str, blocks: usize) -> bool {
    let index = |prefix: &str, suffix: &str| name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse::<usize>().ok();
    index("convs.", ".conv.blur.kernel").is_some_and(|index| index % 2 == 0 && index / 2 < blocks)
        || index("to_rgbs.", ".upsample.kernel").is_some_and(|index| index < blocks)
}

/// rosinality's name for a tensor of BasicSR's, which has the strength of the noise in the layer itself.
fn from_basicsr(theirs: &str) -> Option<String> {
    if theirs == "constant_input.weight" {
        return Some("input.input".to_owned());
    }
    if let Some(rest) = theirs.strip_prefix("style_mlp.") {
        return Some(format!("style.{rest}"));
    }
    if let Some(index) = theirs.strip_prefix("noises.noise") {
        return Some(format!("noises.noise_{index}"));
    }
    let (module, rest) = match theirs.strip_prefix("style_convs.") {
        Some(rest) => {
            let (index, rest) = rest.split_once('.')?;
            (format!("convs.{index}"), rest)
        }
        None => {
            let (module, rest) = theirs.split_once('.')?;
            match module {
                "style_conv1" => ("conv1".to_owned(), rest),
                "to_rgb1" => (module.to_owned(), rest),
                "to_rgbs" => {
                    let (index, rest) = rest.split_once('.')?;
                    (format!("to_rgbs.{index}"), rest)
                }
                _ => return None,
            }
        }
    };
    Some(match rest {
        "weight" => format!("{module}.noise.weight"),
        rest => format!("{module}.{}", rest.replace("modulated_conv.", "conv.")),
    })
}

fn config(dict: &StateDict<'_>, average: Option<&Tensor>) -> Result<stylegan2::Config> {
    let [_, z_dim] = dict.shape("style.1.weight")?;
    let num_layers = count(dict.names(), "style.", 64).saturating_sub(1);
    let [w_dim, _] = dict.shape(&format!("style.{num_layers}.weight"))?;
    let [hidden, _] = dict.shape("style.1.weight")?;
    let constant = dict.get("input.input").and_then(|id| dict.checkpoint.shape(id));
    let blocks = count(dict.names(), "to_rgbs.", 16).max(count(dict.names(), "convs.", 32).div_ceil(2));
    let img_resolution = 4 << blocks;
    let mut channels = vec![(4, dict.shape::<5>("conv1.conv.weight")?[1])];
    for block in 0..blocks {
        channels.push((8 << block, dict.shape::<5>(&format!("convs.{}.conv.weight", 2 * block + 1))?[1]));
    }
    let (channel_base, channel_max, channels) = Channels::of(&channels, None).fields();
    refuse_lost_labels("style.1.weight", z_dim, w_dim)?;
    // A row for each layer, in whatever shape.
    let num_ws = 2 * blocks + 2;
    let per_layer_w_avg = average.is_some_and(|average| {
        let sides: Vec<usize> = average.shape.iter().copied().filter(|&side| side != 1).collect();
        sides != [w_dim] && (sides == [num_ws, w_dim] || sides == [num_ws * w_dim] || sides.len() == 2)
    });
    Ok(stylegan2::Config {
        z_dim,
        c_dim: 0,
        w_dim,
        img_resolution,
        const_size: const_size("input.input", constant)?,
        img_channels: dict.shape::<5>("to_rgb1.conv.weight")?[1],
        channel_base,
        channel_max,
        channels,
        num_layers,
        embed_features: None,
        layer_features: (num_layers > 1 && hidden != w_dim).then_some(hidden),
        lr_multiplier: LR,
        conv_clamp: None,
        num_fp16_res: 0,
        architecture: Architecture::Skip,
        resample_filter: filter(dict, blocks)?,
        use_noise: true,
        activation: Activation::Lrelu,
        mapping_activation: Activation::Lrelu,
        per_layer_w_avg,
        concat_labels: false,
    })
}

/// The up-sampling filter; every layer must have the same.
fn filter(dict: &StateDict<'_>, blocks: usize) -> Result<Vec<f32>> {
    let mut chosen: Option<Vec<f32>> = None;
    for block in 0..blocks {
        for name in [format!("convs.{}.conv.blur.kernel", 2 * block), format!("to_rgbs.{block}.upsample.kernel")] {
            if !dict.has(&name) {
                continue;
            }
            let taps = filter_taps(&name, &dict.tensor(&name)?)?;
            match &chosen {
                Some(chosen) if *chosen != taps => {
                    return Err(ConvertError::tensor(name, format!("the filter {chosen:?}"), format!("{taps:?}")));
                }
                _ => chosen = Some(taps),
            }
        }
    }
    Ok(chosen.unwrap_or(vec![1.0, 3.0, 3.0, 1.0]))
}

/// rosinality's name for a tensor of ours.
fn their_name(ours: &str) -> Option<String> {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        let (index, kind) = rest.split_once('.')?;
        return Some(format!("style.{}.{kind}", index.parse::<usize>().ok()? + 1));
    }
    let (block, rest) = ours.strip_prefix("synthesis.b")?.split_once('.')?;
    // Blocks 4, 8, 16, ... are numbered from the second: b8 is 0.
    let block = (block.parse::<usize>().ok()?.ilog2() as usize).checked_sub(3);
    if rest == "const" {
        return Some("input.input".to_owned());
    }
    let (layer, kind) = rest.split_once('.')?;
    let (module, noise) = match (layer, block) {
        ("conv1", None) => ("conv1".to_owned(), 0),
        ("conv0", Some(block)) => (format!("convs.{}", 2 * block), 2 * block + 1),
        ("conv1", Some(block)) => (format!("convs.{}", 2 * block + 1), 2 * block + 2),
        ("torgb", None) => ("to_rgb1".to_owned(), 0),
        ("torgb", Some(block)) => (format!("to_rgbs.{block}"), 0),
        _ => return None,
    };
    Some(match kind {
        "weight" => format!("{module}.conv.weight"),
        "affine.weight" => format!("{module}.conv.modulation.weight"),
        "affine.bias" => format!("{module}.conv.modulation.bias"),
        "bias" if layer == "torgb" => format!("{module}.bias"),
        "bias" => format!("{module}.activate.bias"),
        "noise_strength" => format!("{module}.noise.weight"),
        "noise_const" => format!("noises.noise_{noise}"),
        _ => return None,
    })
}
