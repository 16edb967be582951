//! The measurements: a first image, then warm runs of one batch.

use std::time::{Duration, Instant};

use stylegan_wgpu::generator::{Generator, Noise};
use stylegan_wgpu::latent::{Ws, z};

use super::progress::Progress;
use super::report::{Layer, Run, Stat};
use crate::failure::Failure;

/// Without --iters: until this much time has gone ...
const BUDGET: Duration = Duration::from_secs(20);
/// ... or this many iterations, but at least [`LEAST`].
const MOST: usize = 100;
const LEAST: usize = 2;
/// Running this long beforehand lets clocks rise and pages be mapped.
const WARM_UP: Duration = Duration::from_millis(300);

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    least: usize,
    most: usize,
    budget: Duration,
}

impl Until {
    /// A number of iterations, or as many as fit the time.
    pub(super) fn new(iterations: Option<usize>) -> Until {
        match iterations {
            Some(n) => Until { least: n, most: n, budget: Duration::MAX },
            None => Until { least: LEAST, most: MOST, budget: BUDGET },
        }
    }

    fn reached(&self, done: usize, elapsed: Duration) -> bool {
        done >= self.most || (done >= self.least && elapsed >= self.budget)
    }
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Latents of the seeds 0, 1, ... through the mapping network.
pub(super) fn latents(generator: &mut Generator, images: usize) -> Result<Ws, Failure> {
    let (z_dim, c_dim) = (generator.config().z_dim(), generator.config().c_dim());
    let latents: Vec<f32> = (0..images as u32).flat_map(|seed| z(seed, z_dim)).collect();
    let classes = vec![0; images];
    Ok(generator.mapping(&latents, (c_dim > 0).then_some(&classes[..]))?)
}

/// The mapping of one latent, warm.
pub(super) fn mapping(generator: &mut Generator) -> Result<Option<Stat>, Failure> {
    latents(generator, 1)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        latents(generator, 1)?;
        times.push(ms(start.elapsed()));
    }
    Ok(Stat::of(&times))
}

/// Warm runs of a batch; `warmed` is for how long the generator has been running it already. Layers come without floors, which
/// need the ceilings.
pub(super) fn batch(generator: &mut Generator, ws: &Ws, until: Until, warmed: Duration, progress: &Progress) -> Result<Run, Failure> {
    let images = ws.n;
    let say = |text: &str| progress.say(format!("batch {images}: {text}"));
    say("warming up");
    let start = Instant::now();
    while warmed + start.elapsed() < WARM_UP {
        generator.synthesis_rgba8(ws, Noise::Const)?;
    }
    let timestamps = generator.gpu().tier().timestamps;
    let (mut gpu, mut passes, mut wall, mut readback) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut layers: Vec<(Layer, Vec<f64>)> = Vec::new();
    let (start, mut done) = (Instant::now(), 0);
    // The kinds take turns: what disturbs the machine disturbs all of them.
    while !until.reached(done, start.elapsed()) {
        say(&format!("iteration {}", done + 1));
        let time = generator.executor(images)?.time()?;
        gpu.extend(time.nanoseconds.map(|ns| ns * 1e-6));
        wall.push(ms(time.wall));
        let clock = Instant::now();
        generator.synthesis_rgba8(ws, Noise::Const)?;
        readback.push(ms(clock.elapsed()));
        if timestamps {
            let times = generator.executor(images)?.profile()?;
            passes.push(times.iter().map(|pass| pass.nanoseconds * 1e-6).sum());
            if layers.is_empty() {
                layers = times.iter().map(|pass| (layer(pass), Vec::new())).collect();
            }
            for ((_, samples), pass) in layers.iter_mut().zip(&times) {
                samples.push(pass.nanoseconds * 1e-6);
            }
        }
        done += 1;
    }
    let wall_ms = Stat::of(&wall);
    Ok(Run {
        batch: images,
        iterations: done,
        gpu_ms: Stat::of(&gpu),
        gpu_passes_ms: Stat::of(&passes),
        images_per_second: wall_ms.map_or(0.0, |stat| images as f64 * 1e3 / stat.median),
        wall_ms,
        wall_readback_ms: Stat::of(&readback),
        floor_ms: None,
        plan_memory_bytes: Some(generator.memory()),
        layers: layers
            .into_iter()
            .map(|(layer, samples)| Layer { gpu_ms: Stat::of(&samples).map_or(0.0, |stat| stat.median), ..layer })
            .collect(),
    })
}

fn layer(pass: &stylegan_wgpu::executor::PassTime) -> Layer {
    Layer {
        label: pass.label.clone(),
        kernel: pass.kernel.into(),
        variant: pass.variant.into(),
        gpu_ms: 0.0,
        gflop: pass.flops as f64 / 1e9,
        bytes: pass.traffic,
        gflops: 0.0,
        gbs: 0.0,
        floor_ms: 0.0,
        floor_percent: 0.0,
        bound: String::new(),
    }
}

/// The most memory this process ever had; what a software adapter allocates is in it.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_end() {
        let second = Duration::from_secs(1);
        let given = Until::new(Some(7));
        assert!(!given.reached(6, second * 1000) && given.reached(7, Duration::ZERO));
        let adaptive = Until::new(None);
        assert!(!adaptive.reached(1, second * 1000) && adaptive.reached(2, second * 20));
        assert!(!adaptive.reached(99, second) && adaptive.reached(100, second));
    }
}
