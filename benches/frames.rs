//! A network that takes seconds, in slices at 60 frames a second: how long the engine's calls hold up a frame.
//!
//!     cargo bench --bench frames -- [FRAMES] [GFLOP]
//!
//! Config F at 1024x1024 with random weights is encoded again and again, so many GFLOP a frame, on a device of the program's own. What is
//! timed are the engine's calls of a frame: starting a job, a slice, the way into a texture. Submitting is the program's, and the device
//! works meanwhile. Fails where a call panics or a picture is never done; the figures go to docs/performance.md.

mod common;

use std::time::{Duration, Instant};

use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Budget, Config, Generator, Look, Options, Target, wgpu};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<f64>().ok());
    let frames = numbers.next().unwrap_or(600.0) as usize;
    let gflop = numbers.next().unwrap_or(0.5);
    let gpu = common::gpu();
    let model = random_weights(&Config::StyleGan2(stylegan2::Config::config_f()), 0);
    let mut generator = building(gpu, &model);
    let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some("face"),
        size: wgpu::Extent3d { width: 1024, height: 1024, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    // The first job prepares what all others use.
    drop(generator.job(0, &Look::new()).expect("a job"));
    let (mut job, mut seed, mut pictures) = (None, 0, 0);
    let mut times = Vec::with_capacity(frames);
    for _ in 0..frames {
        let start = Instant::now();
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let slices = job.get_or_insert_with(|| generator.job(seed, &Look::new().psi(0.7)).expect("a job"));
        let done = slices.encode_some(&mut encoder, Budget::Gflop(gflop)).expect("a slice");
        if done {
            slices.encode_target(&mut encoder, Target::Texture(&texture)).expect("a target");
            (job, seed, pictures) = (None, seed + 1, pictures + 1);
        }
        times.push(start.elapsed());
        gpu.queue().submit([encoder.finish()]);
        std::thread::sleep(FRAME.saturating_sub(start.elapsed()));
    }
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("the device");
    report("engine's calls of a frame", &mut times);
    println!("{pictures} pictures in {frames} frames of {gflop} GFLOP");
}

/// Built aside, while frames go on.
fn building(gpu: &stylegan_wgpu::Gpu, model: &stylegan_wgpu::Model) -> Generator {
    let mut times = Vec::new();
    let start = Instant::now();
    let mut building = Generator::build(gpu, model, &Options::new());
    times.push(start.elapsed());
    loop {
        let start = Instant::now();
        let built = building.try_take();
        times.push(start.elapsed());
        if let Some(generator) = built {
            report("calls of a frame while it is built", &mut times);
            return generator.expect("a generator");
        }
        std::thread::sleep(FRAME);
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{what}: median {:.2} ms, p99 {:.2} ms, longest {:.2} ms of {}", at(0.5), at(0.99), at(1.0), times.len());
}
