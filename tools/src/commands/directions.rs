//! `stylegan directions`: what a network varies most, found in its weights alone (SeFa).

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stylegan_tools::array_file::{self, Array};
use stylegan_tools::sefa;

use crate::failure::Failure;
use crate::layers::{Layers, parse_layers};
use crate::{default_model, network, output, say};

/// Finds the directions in w that change a network's pictures most (SeFa), for `edit`. No data, no training.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan directions -n 5 -o dirs.npz
  stylegan directions --network ffhq.pkl -n 10 --layers coarse,middle -o pose.npz
  stylegan directions --network ffhq.pkl --layers 0-6 -o dirs.npz

The file holds directions [n, w_dim], singular_values [n] and layers, as numpy.load reads them.")]
pub(crate) struct DirectionsArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    network: Option<PathBuf>,

    /// How many, the strongest first
    #[arg(short, default_value_t = 10, value_name = "N")]
    n: usize,

    /// Layers to look at: numbers and ranges, or coarse, middle, fine; all when absent
    #[arg(long, value_parser = parse_layers, value_name = "LAYERS")]
    layers: Option<Layers>,

    /// File to write
    #[arg(short, long, value_name = "OUT.npz")]
    output: PathBuf,

    /// Prints what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DirectionsArgs) -> Result<(), Failure> {
    if args.output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("npz")) {
        return Err(Failure::usage(format!("{}: directions are written as .npz", args.output.display())));
    }
    output::check_file(&args.output)?;
    let model = network::open_or_default(args.network.as_deref())?;
    let rows = match &args.layers {
        Some(layers) => layers.rows("--layers", &model.config)?,
        None => (0..model.config.num_ws()).collect(),
    };
    let found = sefa::directions(&model, &rows, args.n)?;
    if args.network.is_none() {
        default_model::introduce();
    }
    let layers = Array::new(&[rows.len()], rows.iter().map(|&row| row as f32).collect());
    array_file::write_npz(
        &args.output,
        &[("directions", &found.directions), ("singular_values", &found.singular_values), ("layers", &layers)],
    )?;
    let values = &found.singular_values.values;
    if args.json {
        return say(&json!({
            "output": args.output.display().to_string(), "directions": args.n, "layers": rows, "weights": found.layers,
            "singular_values": values
        })
        .to_string());
    }
    say(&format!(
        "{}: {} directions from the weights of {} layers, singular values {:.3} to {:.3}",
        args.output.display(),
        args.n,
        found.layers.len(),
        values[0],
        values[values.len() - 1]
    ))
}
