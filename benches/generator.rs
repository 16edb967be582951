//! What a host waits for: whole passes, loading, seeds.
//!
//! A small network by default; `STYLEGAN_BENCH_CONFIG_F=1` measures config F at 1024x1024 instead.

mod common;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use stylegan_wgpu::blocking::Generator;
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::latent::z;
use stylegan_wgpu::{Config, Look, Model, Options, Precision, PrecisionChoice};

use common::gpu;

/// The network and its name.
fn network() -> (&'static str, Model) {
    let full = std::env::var_os("STYLEGAN_BENCH_CONFIG_F").is_some_and(|value| value != "0");
    let mut config = stylegan2::Config::config_f();
    if !full {
        config = stylegan2::Config { img_resolution: 64, channel_max: 64, ..config };
    }
    (if full { "config-f" } else { "small" }, random_weights(&Config::StyleGan2(config), 0))
}

fn generator(criterion: &mut Criterion) {
    let (name, model) = network();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(2));
    for (label, precision) in [("f32", PrecisionChoice::F32), ("f16", PrecisionChoice::F16)] {
        if precision == PrecisionChoice::F16 && !gpu().tier().half {
            continue;
        }
        let mut generator = None;
        let latents: Vec<f32> = z(0, 512);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("seed to pixels/{label}"), |bencher| {
            let generator = generator.get_or_insert_with(|| {
                Generator::new(gpu(), &model, &Options::new().precision(precision)).unwrap_or_else(|error| panic!("{error}"))
            });
            bencher.iter(|| {
                let ws = generator.mapping(&latents, None).expect("a mapping");
                generator.synthesis_rgba8(&ws, &Look::new()).expect("an image")
            });
        });
        group.bench_function(format!("model to device/{label}"), |bencher| {
            bencher.iter(|| Generator::new(gpu(), &model, &Options::new().precision(precision)).expect("a generator").memory());
        });
    }
    let folder = tempfile::tempdir().expect("a folder for a file");
    for (label, precision) in [("f32", Precision::F32), ("f16", Precision::F16)] {
        let path = folder.path().join(format!("{label}.safetensors"));
        model.save(&path, precision).expect("a file");
        let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(format!("load/{label}"), |bencher| bencher.iter(|| Model::load(&path).expect("the file").parameters()));
    }
    group.finish();
}

fn seeds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seeds");
    group.throughput(Throughput::Elements(1));
    group.bench_function("seed to z of 512", |bencher| {
        let mut seed = 0u32;
        bencher.iter(|| {
            seed = seed.wrapping_add(1);
            z(seed, 512)
        });
    });
    group.finish();
}

criterion_group!(benches, generator, seeds);
criterion_main!(benches);
