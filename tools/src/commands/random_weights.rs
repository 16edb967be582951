//! `stylegan random-weights`: a synthetic network, to measure and test without a checkpoint.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use stylegan_wgpu::internals::networks::{stylegan2, stylegan3};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Error};

use crate::args::FilePrecision;
use crate::failure::Failure;
use crate::{output, say};

/// Random weights take as much memory as they say; 16 times config F is enough for every network of the papers.
const MOST_VALUES: u128 = 500_000_000;

/// A configuration is a few lines.
const MOST_CONFIG: u64 = 1 << 20;

/// Writes a network of random weights, to measure and test without a checkpoint. It draws coloured noise, not faces.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan random-weights --config-f --seed 0 -o config-f.safetensors
  stylegan random-weights --stylegan3 t --seed 0 -o stylegan3-t.safetensors
  stylegan random-weights --config small.json --seed 1 -o small.safetensors
    with small.json as {\"z_dim\": 64, \"w_dim\": 64, \"img_resolution\": 64, \"channel_max\": 64}")]
pub(crate) struct RandomWeightsArgs {
    /// Config F of the StyleGAN2 paper at 1024x1024 (30 million parameters)
    #[arg(long, required_unless_present_any = ["config", "stylegan3"], conflicts_with_all = ["config", "stylegan3"])]
    config_f: bool,

    /// A configuration of the StyleGAN3 paper at 1024x1024 (22 and 15 million parameters)
    #[arg(long, value_enum, value_name = "T|R", ignore_case = true, conflicts_with = "config")]
    stylegan3: Option<StyleGan3>,

    /// Sizes as JSON, as in the metadata of our files (or with them under "config"); a StyleGAN2 unless "network" says otherwise
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,

    /// Seed of the weights
    #[arg(long, value_name = "N")]
    seed: u32,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,

    /// Element type in the file
    #[arg(long, value_enum, default_value_t = FilePrecision::F32)]
    precision: FilePrecision,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Which StyleGAN3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StyleGan3 {
    /// Equivariant to translation
    T,
    /// To rotation, too
    R,
}

impl StyleGan3 {
    /// At 1024x1024.
    pub(crate) fn config(self) -> Config {
        Config::StyleGan3(match self {
            StyleGan3::T => stylegan3::Config::t(1024),
            StyleGan3::R => stylegan3::Config::r(1024),
        })
    }
}

pub(crate) fn run(args: &RandomWeightsArgs) -> Result<(), Failure> {
    let config = match (&args.config, args.stylegan3) {
        (None, Some(which)) => which.config(),
        (None, None) => Config::StyleGan2(stylegan2::Config::config_f()),
        (Some(path), _) => {
            let within = |text: String| Failure::Runtime(format!("{}: {text}", path.display()));
            let text = stylegan_wgpu::internals::regular_file::read(path, MOST_CONFIG)?;
            let text = std::str::from_utf8(&text).map_err(|error| within(error.to_string()))?;
            parse(text).map_err(|error| within(error.to_string()))?
        }
    };
    let values: u128 = config.manifest().iter().map(|spec| spec.shape.iter().map(|&size| size as u128).product::<u128>()).sum();
    if values > MOST_VALUES {
        return Err(Failure::Runtime(format!("this configuration has {values} values; at most {MOST_VALUES} are made")));
    }
    output::check_network_file(&args.output)?;
    let model = random_weights(&config, args.seed);
    model.save(&args.output, args.precision.into())?;
    if args.json {
        let summary = json!({ "output": args.output, "network": config.network(), "parameters": model.parameters() });
        return say(&summary.to_string());
    }
    say(&format!("{}: {}, {:.2} M parameters", args.output.display(), config.network(), model.parameters() as f64 / 1e6))
}

/// A configuration, or a file that has one under "config" (a case.json of the fixtures).
fn parse(text: &str) -> Result<Config, Error> {
    #[derive(Deserialize)]
    struct Wrapped<'t> {
        #[serde(borrow)]
        config: &'t RawValue,
    }
    match serde_json::from_str::<Wrapped<'_>>(text) {
        Ok(wrapped) => Config::from_json(wrapped.config.get()),
        Err(_) => Config::from_json(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_come_bare_or_wrapped() {
        let bare = parse(r#"{"z_dim": 1, "w_dim": 2, "img_resolution": 8}"#).unwrap();
        assert_eq!(parse(r#"{"name": "x", "config": {"z_dim": 1, "w_dim": 2, "img_resolution": 8}}"#).unwrap(), bare);
        assert!(matches!(bare, Config::StyleGan2(_)));
        for wrong in ["", "[]", "{}", "7", r#"{"network": "x"}"#, r#"{"z_dim": 1, "z_dim": 1, "w_dim": 2, "img_resolution": 8}"#] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
