//! `stylegan directions`: what a network varies most, found in its weights (SeFa) or in w of many latents (PCA).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use stylegan_convert::array_file::{self, Array};
use stylegan_studio::vectors::{Axes, Layers, Method};
use stylegan_wgpu::blocking;

use crate::drawing::{default_model, network, studio};
use crate::failure::Failure;
use crate::{output, say};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The principal components of w of 10,000 latents, as GANSpace
    Pca,
    /// What changes the styles most, by the weights alone
    Sefa,
}

/// Finds the directions in w that change a network's pictures most, for `edit`. No data, no training.
///
/// Beside each direction the file has its sigma, the standard deviation of w along it, which --strength of `edit` counts.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan directions -n 5 -o dirs.npz
  stylegan directions --network ffhq.pkl --method pca -n 20 -o pca.npz
  stylegan directions --network ffhq.pkl -n 10 --layers coarse,middle -o pose.npz

The file holds directions [n, w_dim], sigma [n], mean [w_dim], layers, and of SeFa singular_values [n], as numpy.load reads them.")]
pub(crate) struct DirectionsArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    network: Option<PathBuf>,

    /// How to find them
    #[arg(long, value_enum, default_value_t = Kind::Sefa, value_name = "METHOD")]
    method: Kind,

    /// How many, the one that does most first; of SeFa, those along which w hardly varies last
    #[arg(short, default_value_t = 10, value_name = "N")]
    n: usize,

    /// Layers to look at and to change: numbers and ranges, or coarse, middle, fine; all when absent
    #[arg(long, value_name = "LAYERS")]
    layers: Option<Layers>,

    /// Class that w is drawn of; all in turn when absent
    #[arg(long, value_name = "N")]
    class: Option<usize>,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    device: Option<String>,

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
    let class = match args.class {
        None => None,
        class => studio::check_class(class, model.config.c_dim())?,
    };
    let gpu = blocking::open(args.device.as_deref())?;
    let method = match args.method {
        Kind::Pca => Method::Pca,
        Kind::Sefa => Method::Sefa,
    };
    let bar = network::bar(1000, "looking at w");
    let mut progress = |part: f32| bar.set_position((1000.0 * part) as u64);
    let axes = Axes::find(&gpu, &model, method, (&rows, args.n), class, &mut progress);
    bar.finish_and_clear();
    let Axes { directions, sigma, mean, singular_values, layers: weights } = axes?;
    if args.network.is_none() {
        default_model::introduce();
    }
    let layers = Array::new(&[rows.len()], rows.iter().map(|&row| row as f32).collect());
    let mut arrays = vec![("directions", &directions), ("sigma", &sigma), ("mean", &mean), ("layers", &layers)];
    arrays.extend(singular_values.as_ref().map(|values| ("singular_values", values)));
    array_file::write_npz(&args.output, &arrays)?;
    if args.json {
        let mut summary = json!({
            "output": args.output.display().to_string(), "method": format!("{:?}", args.method).to_lowercase(),
            "directions": args.n, "layers": rows, "sigma": sigma.values
        });
        if let Some(values) = singular_values {
            summary["weights"] = json!(weights);
            summary["singular_values"] = json!(values.values);
        }
        return say(&summary.to_string());
    }
    let what = match method {
        Method::Pca => "principal directions of w".to_owned(),
        Method::Sefa => format!("directions from the weights of {} layers", weights.len()),
    };
    let values = &sigma.values;
    say(&format!("{}: {} {what}, sigma {:.3} to {:.3}", args.output.display(), args.n, values[0], values[values.len() - 1]))
}
