//! Every kernel at the layer shapes of real networks: config F at 1024x1024, its mapping, and MobileStyleGAN.
//!
//! `cargo bench --bench kernels -- 'modulated_conv2d/f16'` measures some of them. Times are GPU time where the device has
//! timestamps; throughput counts multiply-adds as two operations, or bytes for kernels that hardly compute.

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan2, synthesis};
use stylegan_wgpu::internals::plan::{Entry, Origin, Pass, Plan};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::{DType, Layout};
use stylegan_wgpu::{Config, Model};

use common::gpu;

fn kernels(criterion: &mut Criterion) {
    let config_f = random_weights(&Config::StyleGan2(stylegan2::Config::config_f()), 0);
    let mobile = random_weights(&Config::MobileStyleGan(mobile_1024()), 0);
    let mut done = HashSet::new();
    measure(criterion, "mapping", &mapping(&config_f, 1).plan, &mut done);
    for dtype in [DType::F32, DType::F16] {
        if dtype == DType::F16 && !gpu().tier().half {
            continue;
        }
        let plan = |model: &Model| synthesis(model, 1, dtype, NoiseSource::Const).plan;
        measure(criterion, "config-f", &plan(&config_f), &mut done);
        measure(criterion, "mobilestylegan", &plan(&mobile), &mut done);
    }
}

/// The sizes of the published network.
fn mobile_1024() -> mobilestylegan::Config {
    let channels = vec![512, 512, 512, 512, 512, 256, 128, 64];
    mobilestylegan::Config { z_dim: 512, w_dim: 512, img_resolution: 1024, num_layers: 8, channels }
}

/// A bench per pass of the plan that differs from those before it.
fn measure(criterion: &mut Criterion, network: &str, plan: &Plan, done: &mut HashSet<String>) {
    for pass in &plan.passes {
        let shapes: Vec<[usize; 4]> = pass.reads.iter().map(|tensor| tensor.shape).collect();
        // The same kernel at the same shapes is measured once, whichever network it is in.
        if !done.insert(format!("{} {:?} {:?} {shapes:?} {:?}", pass.kernel.name, pass.dtype, pass.constants, pass.write.shape)) {
            continue;
        }
        let dtype = format!("{:?}", pass.dtype).to_lowercase();
        let mut group = criterion.benchmark_group(format!("{}/{dtype}", pass.kernel.name));
        // Software adapters take most of a second for the largest: few samples, of one run each when runs are slow.
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
        let bytes = plan.traffic(pass);
        // Under 2 operations a byte no device is limited by its arithmetic.
        group.throughput(if pass.flops > 2 * bytes { Throughput::Elements(pass.flops) } else { Throughput::Bytes(bytes) });
        // Made at the first measurement: criterion's filter must not pay for what it leaves out.
        let mut executor = None;
        group.bench_function(format!("{network} {}", pass.label), |bencher| {
            let executor = executor.get_or_insert_with(|| alone(plan, pass));
            bencher.iter_custom(|runs| (0..runs).map(|_| time(executor)).sum());
        });
        group.finish();
    }
}

/// A plan of that pass alone, on the device. What other passes wrote becomes an input, filled with noise: GPUs are faster on
/// zeros, because they draw less power.
fn alone(plan: &Plan, pass: &Pass) -> Executor {
    let (mut entries, mut pass) = (Vec::<Entry>::new(), pass.clone());
    for tensor in pass.reads.iter_mut().chain([&mut pass.write]) {
        let mut entry = plan.entries[tensor.id].clone();
        tensor.id = entries.len();
        entry.tensor.id = tensor.id;
        // Names must differ, because constants of one name are one buffer.
        entry.name = format!("{}.{}", entry.name, tensor.id);
        entry.origin = match entry.origin {
            Origin::Pass(_) => Origin::Input,
            origin => origin,
        };
        entries.push(entry);
    }
    entries.last_mut().expect("a pass writes").origin = Origin::Pass(0);
    let label = pass.label.clone();
    let plan = Plan { entries, passes: vec![pass] };
    let executor = Executor::new(gpu(), plan, &label, &Options::default()).unwrap_or_else(|error| panic!("{label}: {error}"));
    let mut random = common::Random::new(7);
    for entry in executor.plan().entries.iter().filter(|entry| matches!(entry.origin, Origin::Input)) {
        // Packed inputs do not exist; noise maps and activations do.
        assert!(!matches!(entry.tensor.layout, Layout::Packed { .. }), "{}: packed tensors are constants", entry.name);
        executor.write(entry.tensor, &random.values(entry.tensor.len())).unwrap();
    }
    executor
}

fn time(executor: &Executor) -> Duration {
    let start = Instant::now();
    let time = executor.time().unwrap_or_else(|error| panic!("{error}"));
    time.nanoseconds.map_or_else(|| start.elapsed(), |nanoseconds| Duration::from_secs_f64(nanoseconds * 1e-9))
}

criterion_group!(benches, kernels);
criterion_main!(benches);
