//! `stylegan inspect`: what is in a network file, or how a picture was made.

use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use stylegan_studio::drawing::work::Macs;
use stylegan_studio::pictures::picture_settings::{self, Settings};
use stylegan_wgpu::internals::text::{is_plain, line};
use stylegan_wgpu::{Config, Model, Precision};

use crate::drawing::{default_model, network};
use crate::failure::Failure;
use crate::say;

/// Of a text out of a file, what is shown; --json has it all, with escapes.
const MOST_SHOWN: usize = 2000;

/// Shows what is in a network file: architecture, sizes, parameters and work per picture; or how a picture was made, with the command
/// that makes it again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan inspect ffhq.safetensors
  stylegan inspect ffhq.pkl --tensors
  stylegan inspect ffhq.pkl --json | jq .config
  stylegan inspect seed0085.png")]
pub(crate) struct InspectArgs {
    /// Network: a .safetensors of ours, or a checkpoint; or a picture or film that this program drew
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Lists the tensors of a network, too
    #[arg(long, conflicts_with = "json")]
    tensors: bool,

    /// Prints JSON, with everything
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    if let Some(path) = &args.file
        && let Some(mut picture) = as_picture(path)
    {
        return inspect_picture(path, &mut picture, args.json);
    }
    let model = network::open_or_default(args.file.as_deref())?;
    if args.file.is_none() {
        default_model::introduce();
    }
    let macs = Macs::of(&model.config);
    if args.json { say(&escaped(&as_json(&model, &macs))) } else { say(&as_text(&model, &macs, args.tensors)) }
}

/// The file, if it is a picture. Whatever else it is, and what cannot be read, is for who reads networks.
fn as_picture(path: &Path) -> Option<File> {
    if !path.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    picture_settings::is_picture(&mut file).ok()?.then_some(file)
}

fn inspect_picture(path: &Path, picture: &mut File, json: bool) -> Result<(), Failure> {
    let failed = |what: &dyn Display| Failure::Runtime(format!("{}: {what}", path.display()));
    let (kind, settings) = Settings::read(picture).map_err(|error| failed(&error))?;
    let Some(settings) = settings else {
        return Err(failed(&"it does not say how it was made: another program drew it or wrote it anew, or --no-metadata left it out"));
    };
    let command = settings.command_line(kind);
    if json {
        let mut value = serde_json::to_value(&settings).map_err(|error| failed(&error))?;
        value["again"] = command.into();
        return say(&escaped(&value));
    }
    let network = settings.network.as_deref().unwrap_or("the built-in avatars");
    let mut lines =
        vec![format!("drawn by     {}, not a photograph", settings.tool), format!("network      {network}, sha256 {}", settings.sha256)];
    lines.extend(settings.values.iter().map(|(flag, sha256)| format!("{flag:<12} values with sha256 {sha256}")));
    lines.push(format!("command      {command}"));
    if let Some(request) = settings.request() {
        // Rows of w came in the body.
        let method = if settings.values.is_empty() { "" } else { "POST " };
        lines.push(format!("request      {method}{request}"));
    }
    say(&lines.join("\n"))
}

/// JSON without any character that is not plain: JSON's own escapes leave those of 128 and on as they are.
fn escaped(value: &Value) -> String {
    let escape = |text: &mut String, c: char| match is_plain(c) || c == '\n' {
        true => text.push(c),
        false => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
    };
    format!("{value:#}").chars().fold(String::new(), |mut text, c| {
        escape(&mut text, c);
        text
    })
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

fn as_text(model: &Model, macs: &Macs, tensors: bool) -> String {
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
    if !tensors {
        lines.push(format!("tensors      {} (--tensors lists them)", model.arrays.len()));
        return lines.join("\n");
    }
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
