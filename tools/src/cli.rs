//! The command line as a whole. The flags of a command stand in its own module, those of several in `args.rs`.

use clap::{Parser, Subcommand};

#[cfg(feature = "serve")]
use crate::commands::serve;
#[cfg(feature = "view")]
use crate::commands::view;
use crate::commands::{
    bench, blend, centers, completions, convert, devices, directions, edit, generate, grid, inspect, man, mix, project_average,
    random_weights, video,
};
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

Exit codes: 0 done, 1 a file or device failed, 2 the command line is wrong, 130 interrupted (Ctrl-C, SIGTERM)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(generate::GenerateArgs),
    Grid(grid::GridArgs),
    Mix(mix::MixArgs),
    Video(video::VideoArgs),
    Directions(directions::DirectionsArgs),
    Centers(centers::CentersArgs),
    Edit(edit::EditArgs),
    Blend(blend::BlendArgs),
    Convert(convert::ConvertArgs),
    Inspect(inspect::InspectArgs),
    ProjectAverage(project_average::ProjectAverageArgs),
    Devices(devices::DevicesArgs),
    RandomWeights(random_weights::RandomWeightsArgs),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    #[cfg(feature = "view")]
    View(view::ViewArgs),
}

impl Command {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Generate(args) => generate::run(&args),
            Command::Grid(args) => grid::run(&args),
            Command::Mix(args) => mix::run(&args),
            Command::Video(args) => video::run(&args),
            Command::Directions(args) => directions::run(&args),
            Command::Centers(args) => centers::run(&args),
            Command::Edit(args) => edit::run(&args),
            Command::Blend(args) => blend::run(&args),
            Command::Convert(args) => convert::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::ProjectAverage(args) => project_average::run(&args),
            Command::Devices(args) => devices::run(&args),
            Command::RandomWeights(args) => random_weights::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
            #[cfg(feature = "serve")]
            Command::Serve(args) => serve::run(&args),
            #[cfg(feature = "view")]
            Command::View(args) => view::run(&args),
        }
    }

    /// Whether Ctrl-C is something it handles: a server finishes what it has taken.
    pub(crate) fn stops_itself(&self) -> bool {
        #[cfg(feature = "serve")]
        return matches!(self, Command::Serve(_));
        #[cfg(not(feature = "serve"))]
        return false;
    }

    /// Whether it opens an adapter.
    pub(crate) fn uses_gpu(&self) -> bool {
        !matches!(self, Command::Convert(_) | Command::Inspect(_) | Command::RandomWeights(_) | Command::Completions(_) | Command::Man(_))
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

    /// The examples of a help text as lists of words.
    fn examples(command: &clap::Command) -> Vec<Vec<String>> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  stylegan ").map(str::to_owned));
        // Up to a pipe or a redirection, which is the shell's.
        let words = |line: String| line.split_whitespace().take_while(|word| !["|", ">"].contains(word)).map(String::from).collect();
        lines.map(words).collect()
    }

    #[test]
    fn every_command_says_what_it_does_and_its_examples_work() {
        let cli = Cli::command();
        for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} says nothing");
            let examples = examples(command);
            assert!(!examples.is_empty(), "{name} has no example");
            for words in examples {
                let parsed = Cli::try_parse_from([&["stylegan".to_owned()][..], &words].concat());
                assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
                assert!(name == "stylegan" || words[0] == name, "{name} shows {words:?}");
            }
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name} does not explain {}", argument.get_id());
            }
        }
    }
}
