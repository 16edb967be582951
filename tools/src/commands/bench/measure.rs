//! The warm measurements of a batch: single stream (latency), then offline (throughput), as often as the protocol repeats them.

use std::time::{Duration, Instant};

use stylegan_wgpu::blocking::Generator;
use stylegan_wgpu::{Look, PassInfo, Ws};

use super::progress::Progress;
use super::protocol::{Protocol, Until};
use super::report::{Layer, Offline, Picture, Run};
use super::statistics::{Stat, median};
use super::telemetry::Telemetry;
use super::verify::{self, Verified};
use crate::failure::Failure;

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The mapping of one latent, warm.
pub(super) fn mapping(generator: &mut Generator) -> Result<Option<Stat>, Failure> {
    verify::latents(generator, 1)?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        verify::latents(generator, 1)?;
        times.push(ms(start.elapsed()));
    }
    Ok(Stat::of(vec![times]))
}

/// A batch that is measured.
pub(super) struct Batch<'a> {
    pub(super) generator: &'a mut Generator,
    pub(super) ws: &'a Ws,
    /// What every picture must be.
    pub(super) verified: Verified,
    /// For messages.
    pub(super) title: String,
    pub(super) progress: &'a Progress,
    pub(super) telemetry: &'a Telemetry,
}

/// The samples of all repeats.
#[derive(Default)]
struct Samples {
    gpu: Vec<Vec<f64>>,
    passes: Vec<Vec<f64>>,
    wall: Vec<Vec<f64>>,
    readback: Vec<Vec<f64>>,
    layers: Vec<(Layer, Vec<f64>)>,
    /// Images, from when to when.
    offline: Vec<(usize, (Instant, Instant))>,
    pictures: usize,
}

impl Batch<'_> {
    /// Layers come without floors, which need the ceilings.
    pub(super) fn measure(mut self, protocol: &Protocol) -> Result<Run, Failure> {
        let mut samples = Samples::default();
        self.say("warming up");
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < protocol.warmup_seconds {
            self.generator.synthesis_rgba8(self.ws, &Look::new())?;
        }
        for repeat in 1..=protocol.repeats {
            let of = if protocol.repeats > 1 { format!(" ({repeat} of {})", protocol.repeats) } else { String::new() };
            self.single_stream(protocol.until(), &mut samples, &of)?;
            self.say(&format!("offline{of}"));
            self.offline(protocol.until(), &mut samples)?;
        }
        Ok(self.run(samples))
    }

    fn say(&self, text: &str) {
        self.progress.say(format!("{}: {text}", self.title));
    }

    fn single_stream(&mut self, until: Until, samples: &mut Samples, of: &str) -> Result<(), Failure> {
        let images = self.ws.n;
        let each = |time: f64| time / images as f64;
        let timestamps = self.generator.gpu().tier().timestamps;
        let (mut gpu, mut passes, mut wall, mut readback) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (start, mut done) = (Instant::now(), 0);
        // The kinds take turns: what disturbs the machine disturbs all of them.
        while !until.reached(done, start.elapsed()) {
            self.say(&format!("single stream{of}, iteration {}", done + 1));
            let time = self.generator.executor(images)?.time()?;
            gpu.extend(time.nanoseconds.map(|ns| each(ns * 1e-6)));
            wall.push(each(ms(time.wall)));
            let clock = Instant::now();
            let pictures = self.generator.synthesis_rgba8(self.ws, &Look::new())?;
            readback.push(each(ms(clock.elapsed())));
            self.verified.check(&pictures, &self.title)?;
            samples.pictures += images;
            if timestamps {
                let times = self.generator.profile(self.ws, &Look::new())?.wait()?;
                let time = |pass: &PassInfo| each(pass.milliseconds.unwrap_or_default());
                passes.push(times.iter().map(time).sum());
                if samples.layers.is_empty() {
                    samples.layers = times.iter().map(|pass| (layer(pass, images), Vec::new())).collect();
                }
                for ((_, samples), pass) in samples.layers.iter_mut().zip(&times) {
                    samples.push(time(pass));
                }
            }
            done += 1;
        }
        samples.gpu.push(gpu);
        samples.passes.push(passes);
        samples.wall.push(wall);
        samples.readback.push(readback);
        Ok(())
    }

    /// Two batches are under way at a time, as `generate` has them.
    fn offline(&mut self, until: Until, samples: &mut Samples) -> Result<(), Failure> {
        let (start, mut submitted, mut ahead) = (Instant::now(), 0, None);
        loop {
            let next = match until.reached(submitted, start.elapsed()) {
                false => Some(self.generator.submit(self.ws, &Look::new())?),
                true => None,
            };
            submitted += usize::from(next.is_some());
            let last = next.is_none();
            if let Some(pending) = std::mem::replace(&mut ahead, next) {
                let pictures = pending.wait()?;
                self.verified.check(&pictures, &self.title)?;
                samples.pictures += self.ws.n;
            }
            if last {
                break;
            }
        }
        samples.offline.push((submitted * self.ws.n, (start, Instant::now())));
        Ok(())
    }

    fn run(self, samples: Samples) -> Run {
        let (wall_ms, wall_readback_ms) = (Stat::of(samples.wall), Stat::of(samples.readback));
        let single = wall_readback_ms.as_ref().or(wall_ms.as_ref());
        let stretches: Vec<(Instant, Instant)> = samples.offline.iter().map(|(_, stretch)| *stretch).collect();
        let rate = |images: usize, time: Duration| images as f64 / time.as_secs_f64();
        let images = samples.offline.iter().map(|(images, _)| images).sum();
        let repeats = samples.offline.iter().map(|&(images, (from, to))| rate(images, to - from)).collect();
        let layers = samples.layers.into_iter().map(|(layer, samples)| Layer { gpu_ms: median(&samples), ..layer }).collect();
        Run {
            batch: self.ws.n,
            gpu_ms: Stat::of(samples.gpu),
            gpu_passes_ms: Stat::of(samples.passes),
            images_per_second: single.map_or(0.0, |stat| 1e3 / stat.median),
            wall_ms,
            wall_readback_ms,
            offline: Some(Offline {
                images,
                images_per_second: rate(images, stretches.iter().map(|(from, to)| *to - *from).sum()),
                repeats,
            }),
            picture: Some(Picture {
                sha256: self.verified.sha256,
                pictures: samples.pictures,
                relative_error: self.verified.relative_error,
                tolerance: self.verified.tolerance,
                against: self.verified.against.into(),
            }),
            telemetry: self.telemetry.readings(&stretches, images),
            floor_ms: None,
            plan_memory_bytes: Some(self.generator.memory()),
            layers,
        }
    }
}

fn layer(pass: &PassInfo, images: usize) -> Layer {
    Layer {
        label: pass.name.clone(),
        kernel: pass.kernel.into(),
        variant: pass.variant.into(),
        gpu_ms: 0.0,
        gflop: pass.flops as f64 / 1e9 / images as f64,
        bytes: pass.bytes as f64 / images as f64,
        gflops: 0.0,
        gbs: 0.0,
        floor_ms: 0.0,
        floor_percent: 0.0,
        bound: String::new(),
    }
}

/// The most memory that this process had; what a software adapter allocates is in it. [`PeakMemory::leave_out`] keeps what is not
/// the network's out of it.
#[derive(Debug, Default)]
pub(super) struct PeakMemory(Option<u64>);

impl PeakMemory {
    /// Runs something whose memory does not count.
    pub(super) fn leave_out<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.0 = self.0.max(high_water_mark());
        let result = work();
        // Linux sets the mark down to what is used now. Where it cannot be, it counts.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        result
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.0.max(high_water_mark())
    }
}

fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
