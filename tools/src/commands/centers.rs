//! `stylegan centers`: what pictures are truncated towards instead of the one average.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stylegan_convert::array_file;
use stylegan_wgpu::blocking;

use crate::drawing::centers::{self, USUAL};
use crate::drawing::stamp;
use crate::drawing::studio::check_class;
use crate::drawing::{default_model, network};
use crate::failure::Failure;
use crate::{output, say};

/// Finds the centres of clusters of w, for --centers: truncation that keeps the variety of faces.
///
/// k-means of 60,000 latents. Truncated towards the centre it is nearest to (Mokady et al. 2022), a face becomes a good one of its
/// kind, where the one average makes all faces look like the majority. The same network gives the same centres on the same device.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan centers -o centers.npy
  stylegan centers --network ffhq.pkl -k 128 -o centers.npy
  stylegan centers --network cifar10.pkl --class 3 -o ships.npy

The file holds [k, w_dim] as numpy.load reads it, the centre of the largest cluster first. --centers auto needs no file.")]
pub(crate) struct CentersArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    network: Option<PathBuf>,

    /// How many
    #[arg(short, default_value_t = USUAL, value_name = "N")]
    k: usize,

    /// Class that w is drawn of; all in turn when absent
    #[arg(long, value_name = "N")]
    class: Option<usize>,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    device: Option<String>,

    /// File to write
    #[arg(short, long, value_name = "OUT.npy")]
    output: PathBuf,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CentersArgs) -> Result<(), Failure> {
    if args.output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("npy")) {
        return Err(Failure::usage(format!("{}: centres are written as .npy", args.output.display())));
    }
    output::check_file(&args.output)?;
    let model = network::open_or_default(args.network.as_deref())?;
    let class = match args.class {
        None => None,
        class => check_class(class, model.config.c_dim())?,
    };
    let gpu = blocking::open(args.device.as_deref())?;
    if args.network.is_none() {
        default_model::introduce();
    }
    let centers = centers::find(&gpu, &model, args.k, class)?;
    let w_dim = model.config.w_dim();
    array_file::write_npy(&args.output, &[centers.count(), w_dim], centers.values())?;
    if args.json {
        let sha256 = stamp::sha256(centers.values());
        return say(
            &json!({ "output": args.output, "centers": centers.count(), "w_dim": w_dim, "class": class, "sha256": sha256 }).to_string()
        );
    }
    let apart = spread(centers.values(), w_dim);
    say(&format!("{}: {} centres of w, {apart:.2} apart on average", args.output.display(), centers.count()))
}

/// The mean distance of two rows.
fn spread(rows: &[f32], w_dim: usize) -> f64 {
    let rows: Vec<&[f32]> = rows.chunks_exact(w_dim).collect();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let all: f64 = rows.iter().enumerate().flat_map(|(i, a)| rows[..i].iter().map(|b| distance(a, b))).sum();
    all / (rows.len() * (rows.len() - 1) / 2).max(1) as f64
}
