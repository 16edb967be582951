//! The command line: names and meanings of the flags are NVIDIA's where they had one.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stylegan_wgpu::generator::PrecisionChoice;
use stylegan_wgpu::model::Precision;

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
    Generate(GenerateArgs),
    Convert(ConvertArgs),
    Inspect(InspectArgs),
    Devices(DevicesArgs),
    RandomWeights(RandomWeightsArgs),
    Bench(BenchArgs),
}

/// Renders one picture per seed into a folder, as seed0085.png.
///
/// The same seed gives the same picture as the original code. A network is one of our .safetensors files, or any checkpoint
/// that `convert` knows, which is then converted in memory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan generate --seeds 0-15 --grid 4x4 --outdir out
  stylegan generate --network ffhq.safetensors --seeds 85,265-270 --trunc 0.7 --outdir out
  stylegan generate --network cifar10.pkl --seeds 0-9 --class 3 --outdir ships
  stylegan generate --network ffhq.pkl --seeds 0-7 --outdir out --grid 4x2 --format jpg
  stylegan generate --network ffhq.pkl --seeds 0 --noise-mode random --noise-seed 7 --outdir out --format npy")]
pub(crate) struct GenerateArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    pub(crate) network: Option<PathBuf>,

    /// Seeds, as 0,3-5; the flag may be repeated
    #[arg(long, default_value = "0", value_parser = parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Truncation psi: 0 is the average picture, 1 the full variety; below 0 and above 1 are legal
    #[arg(long, default_value_t = 1.0, value_parser = parse_finite, allow_negative_numbers = true, value_name = "PSI")]
    pub(crate) trunc: f32,

    /// How many layers the truncation applies to, from the coarsest; all when absent
    #[arg(long, value_name = "N")]
    pub(crate) trunc_cutoff: Option<usize>,

    /// Class of the pictures, for conditional networks
    #[arg(long, value_name = "N")]
    pub(crate) class: Option<usize>,

    /// Noise of the layers: the stored maps, fresh ones, or none
    #[arg(long, value_enum, default_value_t = NoiseMode::Const, value_name = "MODE")]
    pub(crate) noise_mode: NoiseMode,

    /// Seed of --noise-mode random; the i-th picture (from 0) uses N + i, whatever the batch
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) noise_seed: u32,

    /// Pictures rendered at once: more is faster on large GPUs, and takes more of their memory
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) batch: u16,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    pub(crate) precision: DevicePrecision,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    pub(crate) device: Option<String>,

    /// Folder to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) outdir: PathBuf,

    /// File format; npy holds f32 of C x R x R, not clamped
    #[arg(long, value_enum, default_value_t = Format::Png)]
    pub(crate) format: Format,

    /// Additionally writes grid.png, a sheet of all pictures in the order of the seeds, row by row
    #[arg(long, value_parser = parse_grid, value_name = "COLSxROWS")]
    pub(crate) grid: Option<(usize, usize)>,
}

/// Converts a checkpoint into one .safetensors file.
///
/// Reads stylegan2-ada-pytorch .pkl files (and those of the stylegan3 repository that hold a StyleGAN2), and MobileStyleGAN as
/// OpenVINO IR, in a folder or in its wheel. Nothing in a checkpoint is ever executed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan convert ffhq.pkl -o ffhq.safetensors
  stylegan convert random_face-2021.7.21.1-py3-none-any.whl -o faces.safetensors --precision f16")]
pub(crate) struct ConvertArgs {
    /// Checkpoint: a file, or a folder for OpenVINO IR
    pub(crate) input: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    pub(crate) output: PathBuf,

    /// Element type in the file; f16 halves it
    #[arg(long, value_enum, default_value_t = FilePrecision::F32)]
    pub(crate) precision: FilePrecision,
}

/// Shows what is in a network file: architecture, sizes, tensors, parameters and work per picture.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan inspect ffhq.safetensors
  stylegan inspect ffhq.pkl --json | jq .config")]
pub(crate) struct InspectArgs {
    /// Network: a .safetensors of ours, or a checkpoint
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    #[arg(value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the adapters: GPUs and software ones, their drivers, tiers and limits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan devices
  stylegan devices --json")]
pub(crate) struct DevicesArgs {
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Writes a network of random weights, to measure and test without a checkpoint. It draws coloured noise, not faces.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan random-weights --config-f --seed 0 -o config-f.safetensors
  stylegan random-weights --config small.json --seed 1 -o small.safetensors
    with small.json as {\"z_dim\": 64, \"w_dim\": 64, \"img_resolution\": 64, \"channel_max\": 64}")]
pub(crate) struct RandomWeightsArgs {
    /// Config F of the StyleGAN2 paper at 1024x1024 (30 million parameters)
    #[arg(long, required_unless_present = "config", conflicts_with = "config")]
    pub(crate) config_f: bool,

    /// Sizes as JSON, as in the metadata of our files (or with them under "config"); a StyleGAN2 unless "network" says otherwise
    #[arg(long, value_name = "FILE.json")]
    pub(crate) config: Option<PathBuf>,

    /// Seed of the weights
    #[arg(long, value_name = "N")]
    pub(crate) seed: u32,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    pub(crate) output: PathBuf,

    /// Element type in the file
    #[arg(long, value_enum, default_value_t = FilePrecision::F32)]
    pub(crate) precision: FilePrecision,
}

/// Measures a network on a device: first image, warm latency, every layer, and how far each is from what the device can do.
///
/// Floors come from ceilings measured on the same device in the same run: a copy, and multiply-adds from registers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan bench
  stylegan bench --network ffhq.safetensors --batch 1,8 --json ours.json --html ours.html
  stylegan bench --compare ours.json theirs.json")]
pub(crate) struct BenchArgs {
    /// Network to measure, as in generate
    #[arg(long, value_name = "FILE", conflicts_with = "config_f")]
    pub(crate) network: Option<PathBuf>,

    /// Config F of the StyleGAN2 paper at 1024x1024 with synthetic weights of seed 0; what is measured without --network
    #[arg(long)]
    config_f: bool,

    /// Batch sizes, as 1,8
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "LIST")]
    pub(crate) batch: Vec<u16>,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    pub(crate) precision: DevicePrecision,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    pub(crate) device: Option<String>,

    /// Warm iterations of each batch; as many as fit 20 seconds when absent, 2 to 100
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub(crate) iters: Option<u32>,

    /// Writes the report as JSON (docs/bench-schema.md)
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,

    /// Writes the report as one HTML file with a roofline plot
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,

    /// Additionally prints which variant of its kernel every pass runs, and why
    #[arg(long)]
    pub(crate) explain: bool,

    /// Measures nothing: prints reports side by side, as a Markdown table
    #[arg(long, num_args = 1.., value_name = "REPORT.json",
        conflicts_with_all = ["network", "config_f", "batch", "precision", "device", "iters", "json", "html", "explain"])]
    pub(crate) compare: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoiseMode {
    Const,
    Random,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DevicePrecision {
    Auto,
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilePrecision {
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Png,
    Jpg,
    Webp,
    Npy,
}

impl From<DevicePrecision> for PrecisionChoice {
    fn from(precision: DevicePrecision) -> PrecisionChoice {
        match precision {
            DevicePrecision::Auto => PrecisionChoice::Auto,
            DevicePrecision::F32 => PrecisionChoice::F32,
            DevicePrecision::F16 => PrecisionChoice::F16,
        }
    }
}

impl From<FilePrecision> for Precision {
    fn from(precision: FilePrecision) -> Precision {
        match precision {
            FilePrecision::F32 => Precision::F32,
            FilePrecision::F16 => Precision::F16,
        }
    }
}

impl Format {
    /// The end of a file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpg => "jpg",
            Format::Webp => "webp",
            Format::Npy => "npy",
        }
    }
}

/// One value of `--seeds`: inclusive ranges, kept as such because 0-4294967295 is 16 GiB of numbers.
#[derive(Clone, Debug)]
struct SeedRanges(Vec<(u32, u32)>);

/// More pictures than a folder is made for; a typing error rather than a wish.
const MOST_SEEDS: u64 = 1_000_000;

impl GenerateArgs {
    /// The seeds in the order given; one that is named twice is rendered once.
    pub(crate) fn seeds(&self) -> Result<Vec<u32>, String> {
        let ranges = || self.seeds.iter().flat_map(|list| &list.0);
        let count: u64 = ranges().map(|(first, last)| u64::from(last - first) + 1).sum();
        if count > MOST_SEEDS {
            return Err(format!("--seeds names {count} seeds; at most {MOST_SEEDS} are rendered at a time"));
        }
        let mut known = HashSet::new();
        Ok(ranges().flat_map(|&(first, last)| first..=last).filter(|seed| known.insert(*seed)).collect())
    }
}

fn parse_seeds(text: &str) -> Result<SeedRanges, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<u32>()
            .map_err(|_| format!("'{}' is not a seed; seeds are numbers from 0 to {}, as in 0,3-5", text.trim(), u32::MAX))
    };
    let range = |text: &str| match text.split_once('-') {
        None => number(text).map(|seed| (seed, seed)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("the range {first}-{last} is empty; write {last}-{first}"));
            }
            Ok((first, last))
        }
    };
    text.split(',').map(range).collect::<Result<_, _>>().map(SeedRanges)
}

fn parse_finite(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|value: &f32| value.is_finite()).ok_or_else(|| "not a finite number".into())
}

fn parse_grid(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once(['x', 'X']).and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    match parts {
        Some((columns, rows)) if (1..=1000).contains(&columns) && (1..=1000).contains(&rows) => Ok((columns, rows)),
        _ => Err("write columns x rows, as 4x2; each is 1 to 1000".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn seeds(lists: &[&str]) -> Result<Vec<u32>, String> {
        let mut line = vec!["stylegan", "generate", "--network", "n", "--outdir", "o"];
        lists.iter().for_each(|list| line.extend(["--seeds", list]));
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Generate(args) => args.seeds(),
            _ => unreachable!("the line says generate"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_lists_and_ranges() {
        assert_eq!(seeds(&["0,3-5"]).unwrap(), [0, 3, 4, 5]);
        assert_eq!(seeds(&["7-7", "4294967295", "6-8"]).unwrap(), [7, 4294967295, 6, 8]);
        assert_eq!(seeds(&["4294967294-4294967295"]).unwrap().len(), 2);
        assert!(seeds(&["0-4294967295"]).unwrap_err().contains("4294967296 seeds"));
        for wrong in ["5-3", "", "1,", "-1", "4294967296", "1.5", "0x1", "a", "1-2-3"] {
            assert!(seeds(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn grids_have_two_sides() {
        assert_eq!(parse_grid("4x2"), Ok((4, 2)));
        for wrong in ["4", "0x1", "x", "4x", "-1x2", "4x2x1", "9999999999999999999999x1", "1001x1"] {
            assert!(parse_grid(wrong).is_err(), "{wrong}");
        }
    }
}
