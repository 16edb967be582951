//! A StyleGAN of the first generation from TensorFlow's variables (its own pickles, or GenForce's).

use std::collections::BTreeSet;

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::model::TensorSpec;
use stylegan_wgpu::internals::networks::stylegan1;

use super::course::Course;
use super::error::{ConvertError, Result};
use super::network::{Converted, gather};
use super::torch::Tensor;
use super::variables::{Sizes, Variables, flip, is_inert, modified, refuse_options};

/// From this size of the output on (of its shorter side), fused_scale = 'auto' uses the fused form of up-sampling and convolution.
const FUSED_FROM: usize = 128;

/// Styles that follow an instance norm are the first generation's.
pub(crate) fn recognises(variables: &impl Variables) -> bool {
    variables.has("synthesis/4x4/Const/StyleMod/weight") && variables.has("synthesis/4x4/Const/const")
}

/// Converts it.
pub(crate) fn convert(variables: &impl Variables, format: &'static str, course: &mut Course<'_>) -> Result<Converted> {
    let needed = [("use_pixel_norm", false), ("use_instance_norm", true), ("use_styles", true), ("use_wscale", true)];
    refuse_options(variables, &needed)?;
    refuse_options(variables, &[("const_input_layer", true), ("normalize_latents", true), ("mapping_use_wscale", true)])?;
    for key in ["nonlinearity", "mapping_nonlinearity"] {
        if let Some(other) = variables.text(key).filter(|text| text != "lrelu") {
            return Err(ConvertError::unsupported(format!("this StyleGAN has the activation {other:?}; only lrelu is supported")));
        }
    }
    if variables.numbers("blur_filter").is_some_and(|taps| !super::network::same_filter(&taps, &[1.0, 2.0, 1.0])) {
        return Err(ConvertError::unsupported("this StyleGAN has a blur_filter other than [1, 2, 1]"));
    }
    if variables.has("synthesis/lod") && variables.tensor("synthesis/lod")?.values.iter().any(|lod| lod.abs() > 1e-3) {
        return Err(ConvertError::unsupported("this StyleGAN is still growing (its lod is not 0); use a later snapshot"));
    }
    let sizes = Sizes::read(variables)?;
    let img_channels = variables.shape("synthesis/ToRGB_lod0/bias").and_then(|shape| shape.first().copied());
    let (channel_base, channel_max) = sizes.channels.rule()?;
    let config = stylegan1::Config {
        z_dim: sizes.z_dim,
        c_dim: sizes.c_dim,
        w_dim: sizes.w_dim,
        img_resolution: sizes.img_resolution,
        const_size: sizes.const_size,
        img_channels: img_channels.ok_or_else(|| ConvertError::tensor("synthesis/ToRGB_lod0/bias", "a bias", "nothing"))?,
        channel_base,
        channel_max,
        num_layers: sizes.num_layers,
        layer_features: sizes.layer_features,
        lr_multiplier: variables.number("mapping_lrmul").unwrap_or(0.01) as f32,
    };
    config.validate()?;
    // fused_scale: 'auto', True or False.
    let fused_from = match variables.number("fused_scale") {
        Some(0.0) => usize::MAX,
        Some(_) => 0,
        None => FUSED_FROM,
    };
    let is_fused = |name: &str| {
        let size = resolution(name).map(|resolution| config.block_size(resolution));
        size.is_some_and(|(height, width)| height.min(width) >= fused_from)
    };
    let has_noise = variables.names().iter().any(|name| name.ends_with("/Noise/weight"));
    let shared = Config::StyleGan1(config.clone());
    refuse_extras(variables, &shared.manifest())?;
    let read = |spec: &TensorSpec| {
        let name = their_name(&spec.name).ok_or_else(|| ConvertError::tensor(&spec.name, "a TensorFlow name", "none"))?;
        if !has_noise && spec.name.contains(".noise_") {
            // use_noise = False: noise of strength 0 is none.
            return Ok((name, Tensor { shape: spec.shape.clone(), values: vec![0.0; spec.shape.iter().product()] }));
        }
        let mut tensor = variables.tensor(&name)?;
        let name = variables.own_name(&name);
        if is_fused(&spec.name) && spec.name.ends_with(".conv0.weight") {
            flip(&mut tensor);
        }
        Ok((name, tensor))
    };
    gather(shared, format, variables.source_config(), read, course)
}

/// The resolution of a tensor of ours: 8 of `synthesis.b8.conv0.weight`.
fn resolution(ours: &str) -> Option<usize> {
    ours.strip_prefix("synthesis.b")?.split('.').next()?.parse().ok()
}

/// TensorFlow's name for a tensor of ours.
fn their_name(ours: &str) -> Option<String> {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        return Some(format!("mapping/Dense{}", rest.replace('.', "/")));
    }
    match ours {
        "mapping.w_avg" => return Some("dlatent_avg".into()),
        "mapping.embed.weight" => return Some("mapping/LabelConcat/weight".into()),
        "synthesis.b4.const" => return Some("synthesis/4x4/Const/const".into()),
        "synthesis.torgb.weight" => return Some("synthesis/ToRGB_lod0/weight".into()),
        "synthesis.torgb.bias" => return Some("synthesis/ToRGB_lod0/bias".into()),
        _ => {}
    }
    let resolution = resolution(ours)?;
    let (layer, kind) = ours.strip_prefix("synthesis.b")?.split_once('.')?.1.split_once('.')?;
    let scope = match (layer, resolution) {
        ("conv0", 4) => "Const",
        ("conv1", 4) => "Conv",
        ("conv0", _) => "Conv0_up",
        ("conv1", _) => "Conv1",
        _ => return None,
    };
    let index = 2 * resolution.ilog2() as usize - 4 + usize::from(layer == "conv1");
    Some(match kind {
        "noise_const" => format!("synthesis/noise{index}"),
        "noise_strength" => format!("synthesis/{resolution}x{resolution}/{scope}/Noise/weight"),
        "affine.weight" => format!("synthesis/{resolution}x{resolution}/{scope}/StyleMod/weight"),
        "affine.bias" => format!("synthesis/{resolution}x{resolution}/{scope}/StyleMod/bias"),
        _ => format!("synthesis/{resolution}x{resolution}/{scope}/{kind}"),
    })
}

/// A network with more to it than we would run is refused; the outputs of lower resolutions are only for its growing.
fn refuse_extras(variables: &impl Variables, manifest: &[TensorSpec]) -> Result<()> {
    let known: BTreeSet<String> = manifest.iter().filter_map(|spec| their_name(&spec.name)).collect();
    match variables.names().into_iter().find(|name| !known.contains(*name) && !is_inert(name)) {
        None => Ok(()),
        Some(name) => Err(modified(&variables.own_name(name), "StyleGAN")),
    }
}
