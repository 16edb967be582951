//! `stylegan convert`: a checkpoint becomes one .safetensors file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use stylegan_wgpu::{Model, Precision};

use crate::args::{FilePrecision, parse_finite};
use crate::commands::inspect::{dtype, fields, metadata};
use crate::drawing::network;
use crate::failure::Failure;
use crate::{output, say};

/// Converts a checkpoint into one .safetensors file.
///
/// Reads NVIDIA's .pkl files of StyleGAN and StyleGAN2 (PyTorch and TensorFlow), rosinality's .pt and what is built on them (pSp,
/// e4e, ReStyle), GenForce's .pth, and MobileStyleGAN as OpenVINO IR, in a folder or in its wheel. Nothing in a checkpoint is ever
/// executed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan convert ffhq.pkl -o ffhq.safetensors
  stylegan convert ffhq.pkl -o ffhq.safetensors --dry-run
  stylegan convert random_face-2021.7.21.1-py3-none-any.whl -o faces.safetensors --precision f16")]
pub(crate) struct ConvertArgs {
    /// Checkpoint: a file, or a folder for OpenVINO IR
    input: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,

    /// Element type in the file; f16 halves it
    #[arg(long, value_enum, default_value_t = FilePrecision::F32)]
    precision: FilePrecision,

    /// Clamp of the layers (0: none), where the input is a bare state_dict of NVIDIA's, which does not tell it
    #[arg(long, value_parser = parse_finite, value_name = "CLAMP")]
    conv_clamp: Option<f32>,

    /// Reads and checks everything, says what would be written, and writes nothing
    #[arg(long)]
    dry_run: bool,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let path = &args.output;
    if same_file(&args.input, path) {
        return Err(Failure::usage(format!("{} is both the input and the output", path.display())));
    }
    output::check_network_file(path)?;
    // A file of ours is rewritten, which changes its precision.
    let model = network::open_with(&args.input, args.conv_clamp)?;
    let precision = args.precision.into();
    match args.dry_run {
        true => model.check_fits(precision)?,
        false => model.save(path, precision)?,
    }
    say(&match (args.json, args.dry_run) {
        (true, _) => format!("{:#}", as_json(&model, args)),
        (false, true) => plan(&model, path, precision),
        (false, false) => format!("{}: {}, {:.2} M parameters", path.display(), model.config.network(), model.parameters() as f64 / 1e6),
    })
}

/// What is in the file, or would be.
fn as_json(model: &Model, args: &ConvertArgs) -> Value {
    let precision = args.precision.into();
    json!({
        "output": args.output,
        "written": !args.dry_run,
        "bytes": model.file_size(precision),
        "dtype": dtype(precision),
        "tensors": model.arrays.len(),
        "network": model.config.network(),
        "parameters": model.parameters(),
        "config": fields(&model.config),
        "provenance": model.provenance,
    })
}

/// What would be written.
fn plan(model: &Model, path: &Path, precision: Precision) -> String {
    let mut lines = vec![
        format!("would write  {}", path.display()),
        format!("bytes        {} ({})", model.file_size(precision), dtype(precision)),
        format!("tensors      {}, {:.2} M parameters (noise maps not counted)", model.arrays.len(), model.parameters() as f64 / 1e6),
        format!("network      {}", model.config.network()),
    ];
    lines.extend(metadata(model));
    lines.join("\n")
}

/// Whether two paths that exist are one file.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
