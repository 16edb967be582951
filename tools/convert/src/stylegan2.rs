//! A StyleGAN2 from TensorFlow's variables (its own pickles, or GenForce's): configurations A to F, by their names.

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::model::TensorSpec;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};

use super::course::Course;
use super::error::{ConvertError, Result};
use super::network::{Converted, gather, mean_w};
use super::variables::{Sizes, Variables, flip, is_inert, modified, refuse_options};

/// The output layer of configurations A to D.
const LOD0: &str = "synthesis/ToRGB_lod0/weight";

/// Modulated convolutions are what the second generation brought.
pub(crate) fn recognises(variables: &impl Variables) -> bool {
    variables.has("synthesis/4x4/Conv/mod_weight") && variables.has("synthesis/4x4/Const/const")
}

/// Converts it.
pub(crate) fn convert(variables: &impl Variables, format: &'static str, course: &mut Course<'_>) -> Result<Converted> {
    refuse_options(variables, &[("normalize_latents", true), ("fused_bias_act", true)])?;
    let config = config(variables)?;
    config.validate()?;
    let average = match variables.has("dlatent_avg") {
        true => variables.tensor("dlatent_avg")?,
        false => {
            let layer = |i: usize| {
                Ok((variables.tensor(&format!("mapping/Dense{i}/weight"))?, variables.tensor(&format!("mapping/Dense{i}/bias"))?))
            };
            course.part(0.0, 0.9, |course| mean_w(&config, layer, course))?
        }
    };
    let lod = variables.has(LOD0);
    let shared = Config::StyleGan2(config.clone());
    refuse_extras(variables, &config, &shared.manifest())?;
    let read = |spec: &TensorSpec| {
        if spec.name == "mapping.w_avg" {
            return Ok(("dlatent_avg".to_owned(), average.clone()));
        }
        let name = their_name(&config, lod, &spec.name).ok_or_else(|| ConvertError::tensor(&spec.name, "a TensorFlow name", "none"))?;
        let mut tensor = variables.tensor(&name)?;
        let name = variables.own_name(&name);
        if spec.name.ends_with(".affine.bias") {
            // TensorFlow adds the 1 at run time.
            tensor.values.iter_mut().for_each(|value| *value += 1.0);
        }
        if spec.name.ends_with(".conv0.weight") || spec.name.ends_with(".skip.weight") {
            flip(&mut tensor);
        }
        Ok((name, tensor))
    };
    course.part(0.9, 1.0, |course| gather(shared, format, variables.source_config(), read, course))
}

fn config(variables: &impl Variables) -> Result<stylegan2::Config> {
    let sizes = Sizes::read(variables)?;
    let top = sizes.img_resolution;
    let (channel_base, channel_max, channels) = sizes.channels.fields();
    let architecture = match () {
        () if variables.has(LOD0) => Architecture::Orig,
        () if variables.has("synthesis/8x8/Skip/weight") => Architecture::Resnet,
        () if variables.has("synthesis/4x4/ToRGB/weight") => Architecture::Skip,
        () => Architecture::Orig,
    };
    let last = if variables.has(LOD0) { "synthesis/ToRGB_lod0".into() } else { format!("synthesis/{top}x{top}/ToRGB") };
    let img_channels = variables.shape(&format!("{last}/bias")).and_then(|shape| shape.first().copied());
    let concat_labels = variables.has("mapping/LabelConcat/weight");
    let activation = |key: &str| match variables.text(key).as_deref() {
        None | Some("lrelu") => Ok(Activation::Lrelu),
        Some("relu") => Ok(Activation::Relu),
        Some("linear") => Ok(Activation::Linear),
        Some(other) => Err(ConvertError::unsupported(format!("an activation {other:?}; lrelu, relu and linear are known"))),
    };
    Ok(stylegan2::Config {
        z_dim: sizes.z_dim,
        c_dim: sizes.c_dim,
        w_dim: sizes.w_dim,
        img_resolution: top,
        const_size: sizes.const_size,
        img_channels: img_channels.ok_or_else(|| ConvertError::tensor(format!("{last}/bias"), "a bias", "nothing"))?,
        channel_base,
        channel_max,
        channels,
        num_layers: sizes.num_layers,
        embed_features: sizes.embed.filter(|&embed| embed != sizes.w_dim),
        layer_features: sizes.layer_features,
        lr_multiplier: variables.number("mapping_lrmul").unwrap_or(0.01) as f32,
        conv_clamp: variables.number("conv_clamp").map(|clamp| clamp as f32),
        num_fp16_res: variables.number("num_fp16_res").unwrap_or(0.0) as usize,
        architecture,
        resample_filter: variables
            .numbers("resample_kernel")
            .map_or(vec![1.0, 3.0, 3.0, 1.0], |taps| taps.iter().map(|&tap| tap as f32).collect()),
        use_noise: variables.has("synthesis/4x4/Conv/noise_strength"),
        activation: activation("nonlinearity")?,
        mapping_activation: activation("mapping_nonlinearity")?,
        per_layer_w_avg: false,
        concat_labels,
    })
}

/// TensorFlow's name for a tensor of ours.
fn their_name(config: &stylegan2::Config, lod: bool, ours: &str) -> Option<String> {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        return Some(format!("mapping/Dense{}", rest.replace('.', "/")));
    }
    match ours {
        "mapping.embed.weight" if config.concat_labels => return Some("mapping/LabelConcat/weight".into()),
        "mapping.embed.weight" => return Some("mapping/LabelEmbed/weight".into()),
        "mapping.embed.bias" => return Some("mapping/LabelEmbed/bias".into()),
        "synthesis.b4.const" => return Some("synthesis/4x4/Const/const".into()),
        _ => {}
    }
    let (resolution, rest) = ours.strip_prefix("synthesis.b")?.split_once('.')?;
    let (layer, kind) = rest.split_once('.')?;
    let log2 = resolution.parse::<usize>().ok()?.ilog2() as usize;
    let scope = match (layer, log2) {
        ("conv1", 2) => "4x4/Conv".to_owned(),
        ("conv1", _) => format!("{resolution}x{resolution}/Conv1"),
        ("conv0", _) => format!("{resolution}x{resolution}/Conv0_up"),
        ("skip", _) => format!("{resolution}x{resolution}/Skip"),
        // Configurations A to D count their outputs from the top; only the top's is used.
        ("torgb", _) if lod => "ToRGB_lod0".to_owned(),
        ("torgb", _) => format!("{resolution}x{resolution}/ToRGB"),
        _ => return None,
    };
    Some(match kind {
        "affine.weight" => format!("synthesis/{scope}/mod_weight"),
        "affine.bias" => format!("synthesis/{scope}/mod_bias"),
        "noise_const" if layer == "conv0" => format!("synthesis/noise{}", 2 * log2 - 5),
        "noise_const" => format!("synthesis/noise{}", 2 * log2 - 4),
        _ => format!("synthesis/{scope}/{kind}"),
    })
}

/// A network with more to it than we would run is refused.
fn refuse_extras(variables: &impl Variables, config: &stylegan2::Config, manifest: &[TensorSpec]) -> Result<()> {
    let lod = variables.has(LOD0);
    let known: std::collections::BTreeSet<String> = manifest.iter().filter_map(|spec| their_name(config, lod, &spec.name)).collect();
    match variables.names().into_iter().find(|name| !known.contains(*name) && !is_inert(name)) {
        None => Ok(()),
        Some(name) => Err(modified(&variables.own_name(name), "StyleGAN2")),
    }
}
