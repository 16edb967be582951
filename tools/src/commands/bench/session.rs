//! A bench from opening the device to the verdict, in the order a user meets it: the cold first image, then the ceilings, warm
//! runs, and the ceilings again.

use std::time::{Duration, Instant, SystemTime};

use stylegan_studio::drawing::work::Macs;
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Gpu, Look, Model, Options, Precision, PrecisionChoice, wgpu};

use super::ceilings;
use super::explain;
use super::json::utc;
use super::made::{Tuner, made};
use super::measure::{self, Batch, PeakMemory, ms};
use super::progress::Progress;
use super::protocol::Protocol;
use super::quality::{Clocks, Quality};
use super::report::{BeforeAndAfter, Ceilings, Cold, Device, Engine, Host, Network, Outcome, Report, SCHEMA};
use super::score;
use super::synthetic::{self, Synthetic};
use super::telemetry::Telemetry;
use super::verify::{self, Reference, Verified};
use super::{BenchArgs, Subject};
use crate::drawing::network;
use crate::failure::Failure;

/// What is measured one after the other on a device.
struct Session<'a> {
    args: &'a BenchArgs,
    gpu: Gpu,
    /// The one that references are drawn on: the same, unless kernels come from a folder.
    trusted: Gpu,
    protocol: Protocol,
    progress: Progress,
    telemetry: Telemetry,
    tuner: Tuner,
    memory: PeakMemory,
    /// From opening the device.
    opened: Duration,
    before: Option<Ceilings>,
    explanation: Option<String>,
}

/// Measures what the command line asks for. The second is what `--explain` prints.
pub(super) fn run(args: &BenchArgs) -> Result<(Report, Option<String>), Failure> {
    let progress = Progress::new();
    progress.say("opening the device");
    let clock = Instant::now();
    let gpu = blocking::open(args.device.as_deref())?;
    let opened = clock.elapsed();
    let mut trusted = gpu.clone();
    if let Some(folder) = &args.wgsl {
        trusted = blocking::open(args.device.as_deref())?;
        gpu.take_kernels_from(folder.clone());
    }
    let session = Session {
        args,
        telemetry: Telemetry::new(gpu.info()),
        gpu,
        trusted,
        protocol: args.protocol(),
        progress,
        // Choices of other kernels must not be kept.
        tuner: Tuner::new(args.no_tune || args.wgsl.is_some()),
        memory: PeakMemory::default(),
        opened,
        before: None,
        explanation: None,
    };
    session.report()
}

impl Session<'_> {
    fn report(mut self) -> Result<(Report, Option<String>), Failure> {
        let start = Clocks::now();
        let subjects = match (self.args.preset, self.args.subject()) {
            (Some(_), _) => synthetic::PRESET.map(Subject::Synthetic).to_vec(),
            (None, subject) => vec![subject],
        };
        let mut results = Vec::new();
        for subject in subjects {
            self.subject(&subject, &mut results)?;
        }
        let load = start.until(&Clocks::now());
        let peak_memory_bytes = self.memory.bytes();
        self.progress.say("measuring once more what the device can do");
        let after = ceilings::measure(&self.gpu)?;
        let ceilings = BeforeAndAfter::new(self.before.unwrap_or(after), after);
        for outcome in &mut results {
            for run in &mut outcome.runs {
                run.layers.iter_mut().for_each(|layer| layer.derive(&ceilings.best(), &outcome.precision));
                run.floor_ms = (!run.layers.is_empty()).then(|| run.layers.iter().map(|layer| layer.floor_ms).sum());
            }
        }
        let runs = results.iter().flat_map(|outcome| outcome.runs.iter().map(move |run| (title(outcome, run.batch), run)));
        let quality = Quality::of(runs, Some(&ceilings), load);
        let report = Report {
            schema: SCHEMA,
            id: None,
            date: utc(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())),
            engine: engine(),
            device: described(self.gpu.info()),
            host: host(),
            made: Some(made(&self.gpu, &self.tuner, self.args.wgsl.is_some())),
            score: self.protocol.is_preset().then(|| score::of(&results)).flatten(),
            protocol: self.protocol,
            quality,
            ceilings: Some(ceilings),
            peak_memory_bytes,
            results,
        };
        Ok((report.named(), self.explanation))
    }

    /// A network in all its precisions and batches.
    fn subject(&mut self, subject: &Subject, results: &mut Vec<Outcome>) -> Result<(), Failure> {
        let clock = Instant::now();
        let (model, source) = match subject {
            Subject::File(path) => {
                self.progress.say("reading the network");
                (network::open(path)?, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            }
            Subject::Synthetic(Synthetic { name, config, .. }) => {
                self.progress.say(format!("drawing synthetic weights of {name}"));
                (random_weights(&config(), 0), "synthetic, seed 0".into())
            }
        };
        let load = clock.elapsed();
        let summary = summary(&model, source);
        let (precisions, batches) = match self.args.preset {
            None => (vec![self.precision(&model)], self.args.batch.clone()),
            Some(preset) => (self.precisions(), Protocol::batches(preset)),
        };
        let mut reference = match subject {
            Subject::Synthetic(synthetic) => synthetic.sketches.map(Reference::stored),
            Subject::File(_) => None,
        };
        for precision in precisions {
            let outcome = self.outcome(&model, &summary, precision, &batches, load, &mut reference)?;
            results.push(outcome);
        }
        Ok(())
    }

    /// What auto is for this network: left to the engine, it would draw a picture again in f32 that f16 does not hold, unseen.
    fn precision(&self, model: &Model) -> PrecisionChoice {
        match self.args.precision.into() {
            PrecisionChoice::Auto if self.gpu.tier().half && model.check_fits(Precision::F16).is_ok() => PrecisionChoice::F16,
            PrecisionChoice::Auto => PrecisionChoice::F32,
            given => given,
        }
    }

    /// Of a preset: f16 first, where the device has it.
    fn precisions(&self) -> Vec<PrecisionChoice> {
        let half = self.gpu.tier().half.then_some(PrecisionChoice::F16);
        half.into_iter().chain([PrecisionChoice::F32]).collect()
    }

    fn outcome(
        &mut self,
        model: &Model,
        network: &Network,
        precision: PrecisionChoice,
        batches: &[u16],
        load: Duration,
        reference: &mut Option<Reference>,
    ) -> Result<Outcome, Failure> {
        let mut outcome = Outcome { network: network.clone(), precision: String::new(), cold_ms: None, mapping_ms: None, runs: Vec::new() };
        for &batch in batches {
            let images = usize::from(batch);
            self.progress.say(format!("{}, batch {images}: uploading weights, compiling pipelines", network.title()));
            let clock = Instant::now();
            let options = Options::new().precision(precision).batch(images).tuning(self.tuner.options());
            let mut generator = Generator::new(&self.gpu, model, &options)?;
            let build = clock.elapsed();
            let clock = Instant::now();
            let ws = verify::latents(&mut generator, images)?;
            generator.synthesis_rgba8(&ws, &Look::new())?;
            let first = clock.elapsed();
            outcome.precision = if generator.dtype() == DType::F16 { "f16" } else { "f32" }.into();
            self.tuner.note(generator.executor(images)?);
            if self.before.is_none() {
                outcome.cold_ms = Some(cold(self.opened, load, build, first));
                self.progress.say("measuring what the device can do");
                let gpu = &self.gpu;
                self.before = Some(self.memory.leave_out(|| ceilings::measure(gpu))?);
            }
            if outcome.mapping_ms.is_none() {
                outcome.mapping_ms = measure::mapping(&mut generator)?;
            }
            if self.args.explain && self.explanation.is_none() {
                self.explanation = Some(explain::text(&generator.passes(&ws, &Look::new())?, &self.gpu));
            }
            let title = title(&outcome, images);
            if reference.is_none() {
                self.progress.say("drawing the picture with the portable kernels");
                let gpu = &self.trusted;
                *reference = Some(self.memory.leave_out(|| Reference::drawn(gpu, model))?);
            }
            let reference = reference.as_ref().expect("just drawn, where it was not stored");
            self.progress.say(format!("{title}: checking the picture"));
            let verified = Verified::new(&mut generator, &ws, reference, &title)?;
            let batch = Batch { generator: &mut generator, ws: &ws, verified, title, progress: &self.progress, telemetry: &self.telemetry };
            outcome.runs.push(batch.measure(&self.protocol)?);
        }
        Ok(outcome)
    }
}

/// `stylegan2 1024 f16, batch 8`.
fn title(outcome: &Outcome, batch: usize) -> String {
    format!("{} {}, batch {batch}", outcome.network.title(), outcome.precision)
}

fn cold(device: Duration, load: Duration, build: Duration, first: Duration) -> Cold {
    Cold { device: ms(device), load: ms(load), build: ms(build), first: ms(first), total: ms(device + load + build + first) }
}

pub(super) fn engine() -> Engine {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    Engine { name: "stylegan-wgpu".into(), version: env!("CARGO_PKG_VERSION").into(), build: build.into() }
}

fn described(info: &wgpu::AdapterInfo) -> Device {
    let place = Some(&info.device_pci_bus_id).filter(|id| !id.is_empty()).map_or(String::new(), |id| format!(" at {id}"));
    Device {
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        kind: format!("{:?}", info.device_type),
        pci: (info.vendor != 0).then(|| format!("{:04x}:{:04x}{place}", info.vendor, info.device)),
    }
}

pub(super) fn host() -> Host {
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
        sha256: Some(stylegan_studio::drawing::sha256(model)),
        resolution: height,
        width: (width != height).then_some(width),
        parameters: model.parameters(),
        gmac: macs.convolutions as f64 / 1e9,
        gmac_papers: macs.papers as f64 / 1e9,
    }
}
