//! `stylegan bench`: how fast a network is on a device, and how far from what the device can do.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use stylegan_wgpu::generator::{Generator, Noise, Options};
use stylegan_wgpu::gpu::Gpu;
use stylegan_wgpu::model::Model;
use stylegan_wgpu::networks::{Config, stylegan2};
use stylegan_wgpu::random_weights::random_weights;
use stylegan_wgpu::tensor::DType;
use stylegan_wgpu::{atomic_file, wgpu};

use crate::args::DevicePrecision;
use crate::failure::Failure;
use crate::tuning::tuning;
use crate::work::Macs;
use crate::{network, output, say};

mod ceilings;
mod chart;
mod compare;
mod explain;
mod html;
mod measure;
mod progress;
mod report;
mod table;
#[cfg(test)]
mod tests;

use measure::{Until, ms};
use progress::Progress;
use report::{Cold, Device, Engine, Host, Network, Report, SCHEMA};

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

    /// Takes the kernels in their fixed order instead of timing them on the device once and keeping the fastest
    #[arg(long)]
    no_tune: bool,

    /// Warm iterations of each batch; as many as fit 20 seconds when absent, 2 to 100
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub(crate) iters: Option<u32>,

    /// Writes the report as JSON (docs/bench-schema.md)
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,

    /// Writes the report as one HTML file with a roofline plot
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,

    /// Additionally prints which variant of its kernel every pass runs, how fast the others were, and which were refused
    #[arg(long)]
    pub(crate) explain: bool,

    /// Measures nothing: prints reports side by side, as a Markdown table
    #[arg(long, num_args = 1.., value_name = "REPORT.json",
        conflicts_with_all = ["network", "config_f", "batch", "precision", "device", "no_tune", "iters", "json", "html", "explain"])]
    pub(crate) compare: Vec<PathBuf>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    if !args.compare.is_empty() {
        let reports = args.compare.iter().map(|path| Report::load(path)).collect::<Result<Vec<_>, _>>()?;
        return say(&compare::table(&reports));
    }
    for path in [&args.json, &args.html].into_iter().flatten() {
        output::check_file(path)?;
    }
    let (report, explanation) = measure(args)?;
    say(&table::text(&report))?;
    if let Some(explanation) = explanation {
        say(&explanation)?;
    }
    let write = |path, text: String| atomic_file::write(path, |file| file.write_all(text.as_bytes()));
    if let Some(path) = &args.json {
        write(path, report.to_json() + "\n")?;
    }
    if let Some(path) = &args.html {
        write(path, html::page(&report))?;
    }
    Ok(())
}

/// Everything, in the order a user meets it: the cold first image, then warm runs, at last the device's ceilings (whose buffers
/// would otherwise show in the peak of memory).
fn measure(args: &BenchArgs) -> Result<(Report, Option<String>), Failure> {
    let progress = Progress::new();
    progress.say("opening the device");
    let clock = Instant::now();
    let gpu = Gpu::open(args.device.as_deref())?;
    let device = clock.elapsed();

    let (clock, model, source) = match &args.network {
        Some(path) => {
            progress.say("reading the network");
            (Instant::now(), network::open(path)?, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        }
        None => {
            progress.say("drawing synthetic weights of config F");
            (Instant::now(), random_weights(&Config::StyleGan2(stylegan2::Config::config_f()), 0), "synthetic, seed 0".into())
        }
    };
    let load = clock.elapsed();

    let until = Until::new(args.iters.map(|n| n as usize));
    let (mut cold_ms, mut mapping_ms, mut explanation, mut dtype) = (None, None, None, DType::F32);
    let mut runs = Vec::new();
    for &batch in &args.batch {
        let images = usize::from(batch);
        progress.say(format!("batch {images}: uploading weights, compiling pipelines"));
        let clock = Instant::now();
        let options = Options { precision: args.precision.into(), batch: images, tuning: tuning(args.no_tune) };
        let mut generator = Generator::new(&gpu, &model, &options)?;
        let build = clock.elapsed();
        progress.say(format!("batch {images}: first run"));
        let clock = Instant::now();
        let ws = measure::latents(&mut generator, images)?;
        let synthesis = Instant::now();
        generator.synthesis_rgba8(&ws, Noise::Const)?;
        let (first, warmed) = (clock.elapsed(), synthesis.elapsed());
        if cold_ms.is_none() {
            cold_ms = Some(cold(device, load, build, first));
            mapping_ms = measure::mapping(&mut generator)?;
            dtype = generator.dtype();
        }
        if args.explain && explanation.is_none() {
            explanation = Some(explain::text(generator.executor(images)?, &gpu));
        }
        runs.push(measure::batch(&mut generator, &ws, until, warmed, &progress)?);
    }
    let peak_memory_bytes = measure::peak_memory();

    progress.say("measuring what the device can do");
    let ceilings = ceilings::measure(&gpu)?;
    let precision = if dtype == DType::F16 { "f16" } else { "f32" };
    for run in &mut runs {
        run.layers.iter_mut().for_each(|layer| layer.derive(&ceilings, precision));
        run.floor_ms = (!run.layers.is_empty()).then(|| run.layers.iter().map(|layer| layer.floor_ms).sum());
    }
    let report = Report {
        schema: SCHEMA,
        date: report::utc(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())),
        engine: engine(),
        device: described(gpu.info()),
        host: host(),
        network: summary(&model, source),
        precision: precision.into(),
        cold_ms,
        mapping_ms,
        runs,
        ceilings: Some(ceilings),
        peak_memory_bytes,
    };
    Ok((report, explanation))
}

fn cold(device: Duration, load: Duration, build: Duration, first: Duration) -> Cold {
    Cold { device: ms(device), load: ms(load), build: ms(build), first: ms(first), total: ms(device + load + build + first) }
}

fn engine() -> Engine {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    Engine { name: "stylegan-wgpu".into(), version: env!("CARGO_PKG_VERSION").into(), build: build.into() }
}

fn described(info: &wgpu::AdapterInfo) -> Device {
    Device {
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        kind: format!("{:?}", info.device_type),
    }
}

fn host() -> Host {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    Host {
        os: std::env::consts::OS.into(),
        arch: std::env::consts::ARCH.into(),
        cpu: model.map(|(_, name)| name.trim().to_string()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn summary(model: &Model, source: String) -> Network {
    let macs = Macs::of(&model.config);
    let (height, width) = model.config.image_size();
    Network {
        name: model.config.network().into(),
        source,
        resolution: height,
        width: (width != height).then_some(width),
        parameters: model.parameters(),
        gmac: macs.convolutions as f64 / 1e9,
        gmac_papers: macs.papers as f64 / 1e9,
    }
}
