//! `stylegan inspect`: what is in a network file.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use stylegan_wgpu::model::{Model, Precision};
use stylegan_wgpu::networks::Config;
use stylegan_wgpu::text::line;

use crate::failure::Failure;
use crate::work::Macs;
use crate::{default_model, network, say};

/// Of a text out of a file, what is shown; --json has it all, with escapes.
const MOST_SHOWN: usize = 2000;

/// Shows what is in a network file: architecture, sizes, tensors, parameters and work per picture.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan inspect ffhq.safetensors
  stylegan inspect ffhq.pkl --json | jq .config")]
pub(crate) struct InspectArgs {
    /// Network: a .safetensors of ours, or a checkpoint
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    #[arg(value_name = "FILE")]
    network: Option<PathBuf>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let model = network::open_or_default(args.network.as_deref())?;
    if args.network.is_none() {
        default_model::introduce();
    }
    let macs = Macs::of(&model.config);
    if args.json { say(&format!("{:#}", as_json(&model, &macs))) } else { say(&as_text(&model, &macs)) }
}

fn as_json(model: &Model, macs: &Macs) -> Value {
    let tensors: Vec<_> = model
        .arrays
        .iter()
        .map(|(name, array)| json!({ "name": name, "dtype": dtype(array.precision()), "shape": array.shape() }))
        .collect();
    json!({
        "network": model.config.network(),
        "config": fields(&model.config),
        "height": model.config.image_size().0,
        "width": model.config.image_size().1,
        "num_ws": model.config.num_ws(),
        "parameters": model.parameters(),
        "macs": { "convolutions": macs.convolutions, "papers": macs.papers },
        "provenance": model.provenance,
        "tensors": tensors,
    })
}

/// The configuration as a file has it. Straight to a `Value`, an f32 of 0.01 would become 0.009999999776482582.
pub(crate) fn fields(config: &Config) -> Value {
    serde_json::to_string(config).and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
}

fn as_text(model: &Model, macs: &Macs) -> String {
    let config = &model.config;
    let ((height, width), giga) = (config.image_size(), |value: u64| value as f64 / 1e9);
    let sides = if height == width { "" } else { " (height x width)" };
    let mut lines = vec![
        format!(
            "network      {}, {height}x{width}{sides}, {} channels, {} rows of w",
            config.network(),
            config.img_channels(),
            config.num_ws()
        ),
        format!("parameters   {:.2} M (noise maps not counted)", model.parameters() as f64 / 1e6),
        format!("work         {:.2} GMAC of convolutions (upsampling ones counted at their input)", giga(macs.convolutions)),
        format!("             {:.1} GMAC as papers count (at their output, with mapping, styles, RGB and filters)", giga(macs.papers)),
    ];
    lines.extend(metadata(model));
    let width = model.arrays.keys().map(String::len).max().unwrap_or(0);
    for (name, array) in &model.arrays {
        lines.push(format!("tensor       {name:<width$}  {} {:?}", dtype(array.precision()), array.shape()));
    }
    lines.join("\n")
}

/// The configuration and where the weights came from, a line each.
pub(crate) fn metadata(model: &Model) -> Vec<String> {
    let config = match fields(&model.config) {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let config = config.iter().filter(|(key, _)| *key != "network").map(|(key, value)| format!("config       {key} = {value}"));
    let provenance = model.provenance.iter().map(|(key, value)| format!("provenance   {} = {}", line(key, 100), line(value, MOST_SHOWN)));
    config.chain(provenance).collect()
}

pub(crate) fn dtype(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
    }
}
