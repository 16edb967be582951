//! `stylegan bench`: how fast a network is on a device, how far from what the device can do, and whether that can be relied upon.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use stylegan_wgpu::internals::atomic_file;

use crate::args::DevicePrecision;
use crate::commands::random_weights::StyleGan3;
use crate::failure::Failure;
use crate::{output, say, warn};

mod ceilings;
mod chart;
mod check;
mod compare;
mod derived;
mod explain;
mod html;
mod json;
mod latency;
mod made;
mod measure;
mod progress;
mod protocol;
mod quality;
mod report;
mod score;
mod session;
mod statistics;
mod synthetic;
mod table;
mod telemetry;
#[cfg(test)]
mod tests;
mod verify;

use check::Checked;
use protocol::{Preset, Protocol, Wanted};
use report::Report;
use synthetic::Synthetic;

/// Measures a network on a device: first image, latency, throughput, every layer, and how far each is from what the device can do.
///
/// Pictures are checked: a wrong one is no result. Floors come from ceilings measured on the same device before and after: a copy,
/// and multiply-adds from registers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan bench
  stylegan bench --preset standard --json my-gpu.json
  stylegan bench --network ffhq.safetensors --batch 1,8 --json ours.json --html ours.html
  stylegan bench --compare ours.json theirs.json --html both.html
  stylegan bench --check ours.json")]
pub(crate) struct BenchArgs {
    /// Network to measure, as in generate
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config_f", "mobilestylegan", "preset"])]
    pub(crate) network: Option<PathBuf>,

    /// Config F of the StyleGAN2 paper at 1024x1024 with synthetic weights of seed 0; what is measured without --network
    #[arg(long, conflicts_with = "preset")]
    config_f: bool,

    /// A network shaped as MobileStyleGAN for FFHQ, with synthetic weights of seed 0
    #[arg(long, conflicts_with_all = ["config_f", "preset"])]
    mobilestylegan: bool,

    /// A configuration of StyleGAN3 at 1024x1024, with synthetic weights of seed 0
    #[arg(long, value_enum, value_name = "T|R", ignore_case = true, conflicts_with_all = ["network", "config_f", "mobilestylegan", "preset"])]
    stylegan3: Option<StyleGan3>,

    /// A fixed protocol with a score, for comparing machines
    #[arg(long, value_enum, conflicts_with_all = ["batch", "precision", "iters", "duration", "warmup"])]
    preset: Option<Preset>,

    /// Batch sizes, as 1,8
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "LIST")]
    pub(crate) batch: Vec<u16>,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    pub(crate) precision: DevicePrecision,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    pub(crate) device: Option<String>,

    /// Takes the kernels in their fixed order instead of timing them on the device once and keeping the fastest
    #[arg(long)]
    no_tune: bool,

    /// Seconds of warm-up of each batch [default: 0.3]
    #[arg(long, value_parser = parse_seconds, value_name = "SECONDS")]
    warmup: Option<f64>,

    /// Seconds to measure each batch for, half of them single stream and half offline; at least 3 iterations [default: 20]
    #[arg(long, value_parser = parse_seconds, conflicts_with = "iters", value_name = "SECONDS")]
    duration: Option<f64>,

    /// Iterations of each batch and scenario instead of a duration
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub(crate) iters: Option<u32>,

    /// Writes the report as JSON (docs/bench-schema.md)
    #[arg(long, value_name = "OUT.json", conflicts_with_all = ["compare", "check"])]
    pub(crate) json: Option<PathBuf>,

    /// Writes the report, or the comparison, as one HTML file
    #[arg(long, value_name = "OUT.html", conflicts_with = "check")]
    pub(crate) html: Option<PathBuf>,

    /// Writes the comparison as CSV, one line for each batch
    #[arg(long, value_name = "OUT.csv", requires = "compare")]
    csv: Option<PathBuf>,

    /// Puts the table of the compared reports into a Markdown file (docs/latency.md), between its markers
    #[arg(long, value_name = "FILE.md", requires = "compare", conflicts_with_all = ["csv", "html"])]
    latency: Option<PathBuf>,

    /// Additionally prints which variant of its kernel every pass runs, how fast the others were, and which were refused
    #[arg(long)]
    pub(crate) explain: bool,

    /// Takes kernels from a folder, named as STYLEGAN_DUMP_WGSL names them
    #[arg(long, value_name = "FOLDER", hide = true)]
    wgsl: Option<PathBuf>,

    /// Measures nothing: prints reports of one protocol side by side
    #[arg(long, num_args = 0.., value_name = "REPORT.json", conflicts_with_all = MEASURING)]
    pub(crate) compare: Option<Vec<PathBuf>>,

    /// Measures nothing: says whether reports are whole and unchanged, and whether they give a row in docs/latency.md
    #[arg(long, num_args = 1.., value_name = "REPORT.json", conflicts_with_all = MEASURING, conflicts_with = "compare")]
    check: Vec<PathBuf>,
}

/// What has no meaning where nothing is measured.
const MEASURING: [&str; 14] = [
    "network",
    "config_f",
    "mobilestylegan",
    "stylegan3",
    "preset",
    "batch",
    "precision",
    "device",
    "no_tune",
    "warmup",
    "duration",
    "iters",
    "explain",
    "wgsl",
];

/// What is measured.
#[derive(Clone, Debug)]
enum Subject {
    File(PathBuf),
    Synthetic(&'static Synthetic),
}

impl BenchArgs {
    fn subject(&self) -> Subject {
        match &self.network {
            Some(path) => Subject::File(path.clone()),
            None if self.stylegan3 == Some(StyleGan3::T) => Subject::Synthetic(&synthetic::STYLEGAN3_T),
            None if self.stylegan3 == Some(StyleGan3::R) => Subject::Synthetic(&synthetic::STYLEGAN3_R),
            None if self.mobilestylegan => Subject::Synthetic(&synthetic::MOBILESTYLEGAN),
            None => Subject::Synthetic(&synthetic::CONFIG_F),
        }
    }

    fn protocol(&self) -> Protocol {
        let iterations = self.iters.map(|n| n as usize);
        Protocol::new(Wanted { preset: self.preset, warmup: self.warmup, duration: self.duration, iterations })
    }
}

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    if !args.check.is_empty() {
        return check::run(&args.check);
    }
    for path in [&args.json, &args.html, &args.csv].into_iter().flatten() {
        output::check_file(path)?;
    }
    if let Some(reports) = &args.compare {
        return compared(args, reports);
    }
    let (report, explanation) = session::run(args)?;
    say(&table::text(&report))?;
    if let Some(explanation) = explanation {
        say(&explanation)?;
    }
    if let Some(path) = &args.json {
        write(path, &(report.to_json() + "\n"))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::page(&report))?;
    }
    say(&table::result(&report))
}

fn compared(args: &BenchArgs, paths: &[PathBuf]) -> Result<(), Failure> {
    let reports = paths.iter().map(|path| Checked::read(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.latency {
        return say(&latency::update(path, &reports)?);
    }
    if paths.is_empty() {
        return Err(Failure::usage("--compare takes reports, as ours.json theirs.json; bench --json writes them"));
    }
    let named: Vec<(&Path, &Report)> = reports.iter().map(|checked| (checked.path.as_path(), &checked.report)).collect();
    compare::same_protocol(&named)?;
    for Checked { path, faults, .. } in reports.iter().filter(|checked| !checked.faults.is_empty()) {
        warn(&format!("{}: {}", path.display(), faults.join("; ")));
    }
    let reports: Vec<Report> = reports.into_iter().map(|checked| checked.report).collect();
    say(&compare::table(&reports))?;
    if let Some(path) = &args.csv {
        write(path, &compare::csv(&reports))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::comparison(&reports))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(atomic_file::write(path, |file| file.write_all(text.as_bytes()))?)
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    // More than a day is a typing error.
    text.parse().ok().filter(|seconds| (0.0..=86400.0).contains(seconds)).ok_or_else(|| "write seconds, 0 to 86400, as 2.5".into())
}
