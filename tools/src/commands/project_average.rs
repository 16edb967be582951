//! `stylegan project-average`: the average w of a network, which truncation needs.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stylegan_convert::{AVERAGE_SAMPLES as SAMPLES, AVERAGE_SEED as SEED};
use stylegan_studio::vectors::{self, Draw};
use stylegan_wgpu::{Array, Gpu, Model, Precision, blocking};

use crate::args::FilePrecision;
use crate::drawing::network;
use crate::drawing::studio::check_class;
use crate::failure::Failure;
use crate::{output, say};

/// Computes the average w of a network that has none, and writes the network with it.
///
/// The mean of w over the 10,000 latents of NVIDIA's projector, RandomState(123). It is what --trunc pulls towards. Converting a
/// checkpoint that lacks one computes it, too; this is for files whose average is all zeros, or not to be trusted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan project-average --network mine.safetensors -o averaged.safetensors
  stylegan project-average --network cifar10.pkl --force --class 3 -o ships.safetensors")]
pub(crate) struct ProjectAverageArgs {
    /// Network: a .safetensors of ours, or a checkpoint
    #[arg(long, value_name = "FILE")]
    network: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,

    /// Computes it although the network has one
    #[arg(long)]
    force: bool,

    /// Class to average over; all in turn when absent
    #[arg(long, value_name = "N")]
    class: Option<usize>,

    /// Element type in the file; that of the network when absent
    #[arg(long, value_enum)]
    precision: Option<FilePrecision>,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    device: Option<String>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ProjectAverageArgs) -> Result<(), Failure> {
    output::check_network_file(&args.output)?;
    let mut model = network::open(&args.network)?;
    let class = match args.class {
        None => None,
        class => check_class(class, model.config.c_dim())?,
    };
    let before = model.array("mapping.w_avg").clone();
    if !args.force && before.values().any(|value| value != 0.0) {
        return Err(Failure::usage(format!("{} has an average w; --force computes it anew", args.network.display())));
    }
    let gpu = blocking::open(args.device.as_deref())?;
    let w_avg = average(&gpu, &model, class)?;
    let distance = rel_l2(&before.to_f32(), &w_avg);
    // A file with an average for each layer gets the same for all.
    let rows = before.len() / w_avg.len();
    model.arrays.insert("mapping.w_avg".into(), Array::from_f32(before.shape(), &w_avg.repeat(rows)));
    let note = format!("the mean over {SAMPLES} latents of RandomState({SEED})");
    model.provenance.insert("w_avg".into(), class.map_or(note.clone(), |class| format!("{note}, class {class}")));
    let stored = if model.arrays.values().any(|array| array.precision() == Precision::F16) { Precision::F16 } else { Precision::F32 };
    model.save(&args.output, args.precision.map_or(stored, Precision::from))?;

    let norm = w_avg.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
    if args.json {
        return say(&json!({ "output": args.output, "samples": SAMPLES, "norm": norm, "distance": distance }).to_string());
    }
    let distance = distance.map_or(String::new(), |distance| format!(", {distance:.1e} (relative L2) from the one before"));
    say(&format!("{}: the average w of {SAMPLES} latents has the length {norm:.2}{distance}", args.output.display()))
}

/// The mean of w, `[w_dim]`, summed in f64.
fn average(gpu: &Gpu, model: &Model, class: Option<usize>) -> Result<Vec<f32>, Failure> {
    let mut sum = vec![0.0; model.config.w_dim()];
    let bar = network::bar(SAMPLES as u64, "averaging");
    vectors::for_each_w(gpu, model, Draw { seed: SEED, count: SAMPLES, class }, &mut |rows| {
        for row in rows.chunks_exact(sum.len()) {
            sum.iter_mut().zip(row).for_each(|(sum, w)| *sum += f64::from(*w));
        }
        bar.inc((rows.len() / sum.len()) as u64);
    })?;
    bar.finish_and_clear();
    Ok(sum.into_iter().map(|sum: f64| (sum / SAMPLES as f64) as f32).collect())
}

/// Of the first row; none when there was nothing before.
fn rel_l2(before: &[f32], now: &[f32]) -> Option<f64> {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let scale = square(&mut before.iter().take(now.len()).map(|w| f64::from(*w)));
    let error = square(&mut before.iter().zip(now).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (scale > 0.0).then(|| (error / scale).sqrt())
}
