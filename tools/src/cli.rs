//! The command line as a whole. The flags of a command stand in its own module, those of several in `args.rs`.

use clap::{Parser, Subcommand};

#[cfg(feature = "serve")]
use crate::commands::serve;
use crate::commands::{bench, convert, devices, generate, inspect, random_weights};
use crate::failure::Failure;

/// StyleGAN pictures on any GPU, or none: hand-written WGSL on wgpu, no Python and no CUDA.
#[derive(Debug, Parser)]
#[command(
    name = "stylegan",
    version,
    after_help = "Examples:
  stylegan generate --seeds 0-15 --grid 4x4 --outdir out
  stylegan generate --network ffhq.pkl --seeds 0-7 --trunc 0.7 --outdir out
  stylegan convert ffhq.pkl -o ffhq.safetensors --precision f16
  stylegan devices

Exit codes: 0 done, 1 a file or device failed, 2 the command line is wrong."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(generate::GenerateArgs),
    Convert(convert::ConvertArgs),
    Inspect(inspect::InspectArgs),
    Devices(devices::DevicesArgs),
    RandomWeights(random_weights::RandomWeightsArgs),
    Bench(bench::BenchArgs),
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
}

impl Command {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Generate(args) => generate::run(&args),
            Command::Convert(args) => convert::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Devices(args) => devices::run(&args),
            Command::RandomWeights(args) => random_weights::run(&args),
            Command::Bench(args) => bench::run(&args),
            #[cfg(feature = "serve")]
            Command::Serve(args) => serve::run(&args),
        }
    }

    /// Whether it opens an adapter.
    pub(crate) fn uses_gpu(&self) -> bool {
        !matches!(self, Command::Convert(_) | Command::Inspect(_) | Command::RandomWeights(_))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
