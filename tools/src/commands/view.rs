//! `stylegan view`: a window in which a network is drawn live.

use std::path::PathBuf;

use clap::Args;
use stylegan_studio::drawing::cache_folder;
use stylegan_view::{Options, ViewError};

use crate::args::DevicePrecision;
use crate::drawing::{default_model, network};
use crate::failure::Failure;

/// Opens a window in which a network is drawn live: drag through latent space, turn truncation, noise and the rest, save what you see.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan view
  stylegan view --network ffhq.pkl")]
pub(crate) struct ViewArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN; others can be dropped on the window
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    network: Option<PathBuf>,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    precision: DevicePrecision,

    /// Takes the kernels in their fixed order instead of timing them on the device once and keeping the fastest
    #[arg(long)]
    no_tune: bool,

    /// Begins as it did the first time, and forgets how it was left
    #[arg(long)]
    fresh: bool,
}

pub(crate) fn run(args: &ViewArgs) -> Result<(), Failure> {
    // Said here, where it was typed; what is wrong inside of the file is said in the window, which can open another.
    if let Some(path) = &args.network {
        network::check_there(path)?;
    }
    let options = Options {
        network: args.network.clone(),
        builtin: default_model::EMBEDDED,
        precision: args.precision.into(),
        tuning: cache_folder().filter(|_| !args.no_tune),
        memory: stylegan_view::memory().filter(|_| !args.fresh),
        program: std::env::current_exe().ok(),
        ..Options::default()
    };
    stylegan_view::run(options).map_err(|error| match error {
        ViewError::NoNetwork => Failure::usage(error.to_string()),
        error => Failure::Runtime(error.to_string()),
    })
}
