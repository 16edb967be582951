//! The engine in an application's own device: encoders, textures, buffers, frames, futures, and what goes wrong there.

#[path = "../common/mod.rs"]
mod common;
mod inside;
mod looks;
mod targets;

use common::{compare, gpu};
use stylegan_wgpu::blocking::Generator;
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::latent::{self, Truncation};
use stylegan_wgpu::{
    Budget, Config, Error, Gpu, Input, Look, Model, Noise, Options, Precision, PrecisionChoice, StyleOffset, Target, Ws, wgpu,
};

const SIDE: usize = 32;

fn model(seed: u32) -> Model {
    let config = stylegan2::Config {
        z_dim: 16,
        w_dim: 16,
        img_resolution: SIDE,
        channel_base: 512,
        channel_max: 24,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    };
    random_weights(&Config::StyleGan2(config), seed)
}

fn adapter() -> wgpu::Adapter {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap()
}

/// A device as an application has it: with nobody's handlers but wgpu's own, which panic.
fn host() -> (Gpu, wgpu::Device, wgpu::Queue) {
    let adapter = adapter();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: Gpu::wanted_features(&adapter),
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    (Gpu::from_host(&adapter, device.clone(), queue.clone()).unwrap(), device, queue)
}

/// A buffer that pictures are copied into and read from.
fn staging(device: &wgpu::Device, size: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

fn mapped(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Vec<u8> {
    buffer.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    buffer.slice(..).get_mapped_range().unwrap().to_vec()
}

fn encoder(device: &wgpu::Device) -> wgpu::CommandEncoder {
    device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

fn picture(generator: &mut Generator, seed: u32, look: &Look) -> Vec<u8> {
    generator.picture(seed, look).unwrap().into_raw()
}

#[test]
fn a_job_in_slices_is_the_picture_bit_for_bit() {
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new().batch(2)).unwrap();
    let offset = StyleOffset { layer: "b8.conv1".into(), channel: 1, amount: 4.0 };
    let look = Look::new().psi(0.8).noise(Noise::Random { seed: 3 }).style(offset);
    let want = generator.pictures(&[1, 2], &look).unwrap();
    let plain = picture(&mut generator, 6, &Look::new());
    let mut slices = Vec::new();
    for budget in [Budget::All, Budget::Gflop(1e-3), Budget::Gflop(1e-5)] {
        let mut job = generator.job(&[1, 2], &look).unwrap();
        let unfinished =
            job.encode_target(&mut encoder(&device), Target::Buffer { buffer: &staging(&device, 4), offset: 0, bytes_per_row: 4 });
        assert!(matches!(unfinished, Err(Error::Argument(text)) if text.contains("0 %")));
        let (mut count, mut progress) = (0, 0.0);
        loop {
            let mut encoder = encoder(&device);
            let done = job.encode_some(&mut encoder, budget).unwrap();
            queue.submit([encoder.finish()]);
            count += 1;
            assert!(job.progress() > progress && job.progress() <= 1.0);
            progress = job.progress();
            if done {
                break;
            }
            // Others draw between the slices, with styles of their own, into activations of their own.
            if count % 7 == 1 {
                assert_eq!(picture(&mut generator, 6, &Look::new()), plain, "between the slices");
            }
        }
        assert_eq!(progress, 1.0);
        slices.push(count);
        assert!(job.read().unwrap().wait().unwrap() == want, "{budget:?}");
    }
    assert!(slices[0] == 1 && slices[1] > 3 && slices[2] > 4 * slices[1], "{slices:?}");
    let mut job = generator.job(1, &look).unwrap();
    assert!(matches!(job.encode_some(&mut encoder(&device), Budget::Gflop(f64::NAN)), Err(Error::Argument(_))));
    assert_eq!(generator.pictures(&[1, 2], &look).unwrap(), want);
}

#[test]
fn pictures_are_awaited_asked_for_and_waited_for() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    let want = generator.picture(1, &Look::new()).unwrap();
    let awaited = generator.submit(1, &Look::new()).unwrap();
    let mut asked = generator.submit(1, &Look::new()).unwrap();
    let waited = generator.submit(1, &Look::new()).unwrap();
    assert!(waited.wait().unwrap()[..] == [want.clone()]);
    assert!(pollster::block_on(awaited).unwrap()[..] == [want.clone()]);
    let taken = loop {
        if let Some(taken) = asked.try_take() {
            break taken;
        }
        std::thread::yield_now();
    };
    assert!(taken.unwrap()[..] == [want.clone()]);
    assert!(asked.try_take().is_none() && pollster::block_on(asked).is_err(), "taken once");
    let mut plain: stylegan_wgpu::Generator = pollster::block_on(stylegan_wgpu::Generator::new(gpu(), &model(1), &Options::new())).unwrap();
    assert_eq!(pollster::block_on(plain.picture(1, &Look::new())).unwrap(), want);
}

#[test]
fn a_generator_is_built_aside() {
    let mut building = stylegan_wgpu::Generator::build(gpu(), &model(8), &Options::new());
    let mut seen = 0.0;
    let generator = loop {
        assert!((seen..=1.0).contains(&building.progress()), "{} after {seen}", building.progress());
        seen = building.progress();
        if let Some(built) = building.try_take() {
            break built.unwrap();
        }
        std::thread::yield_now();
    };
    assert!(building.progress() > 0.5, "{}", building.progress());
    assert!(matches!(building.wait(), Err(Error::Argument(text)) if text.contains("taken already")));
    let mut built = Generator::from(generator);
    let mut other = Generator::new(gpu(), &model(8), &Options::new()).unwrap();
    assert_eq!(picture(&mut built, 1, &Look::new()), picture(&mut other, 1, &Look::new()));
}

#[test]
fn memory_is_known_before() {
    for (precision, choice) in [(Precision::F32, PrecisionChoice::F32), (Precision::F16, PrecisionChoice::F16)] {
        if precision == Precision::F16 && common::lacks_halves() {
            continue;
        }
        let generator = Generator::new(gpu(), &model(1), &Options::new().batch(3).precision(choice)).unwrap();
        assert_eq!(model(1).memory(3, precision), generator.memory(), "{precision:?}");
    }
    assert!(model(1).memory(8, Precision::F32) > model(1).memory(1, Precision::F32));
}

#[test]
fn a_device_with_too_little_is_refused_by_name() {
    let adapter = adapter();
    let descriptor = wgpu::DeviceDescriptor { required_limits: wgpu::Limits::downlevel_defaults(), ..Default::default() };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    match Gpu::from_host(&adapter, device, queue) {
        Err(Error::Unsupported { what: "max_storage_buffers_per_shader_stage", need: 8, have: 4 }) => {}
        other => panic!("{other:?}"),
    }
    // WebGPU's defaults and no feature at all draw in f32.
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let gpu = Gpu::from_host(&adapter, device, queue).unwrap();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let got = generator.submit_f32(1, &Look::new()).unwrap().wait().unwrap();
    let mut ours = Generator::new(common::gpu(), &model(1), &Options::new().precision(PrecisionChoice::F32)).unwrap();
    compare("WebGPU's defaults", &got[0], &ours.submit_f32(1, &Look::new()).unwrap().wait().unwrap()[0], 1e-5);
    match Generator::new(&gpu, &model(1), &Options::new().precision(PrecisionChoice::F16)).err() {
        Some(Error::HalfUnsupported { device }) => assert!(!device.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_application_keeps_the_pipelines() {
    let (_, device, _) = host();
    if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
        println!("the device has no pipeline caches: not tested");
        return;
    }
    // SAFETY: the data is none, or what `get_data` of the run before gave, on the same adapter.
    let cache = |device: &wgpu::Device, data: Option<&[u8]>| unsafe {
        device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor { label: None, data, fallback: true })
    };
    let draw = |data: Option<&[u8]>| {
        let (gpu, device, _) = host();
        let kept = cache(&device, data);
        assert!(gpu.set_pipeline_cache(kept.clone()) && !gpu.set_pipeline_cache(cache(&device, None)));
        let drawn = picture(&mut Generator::new(&gpu, &model(1), &Options::new()).unwrap(), 1, &Look::new());
        (drawn, kept.get_data().expect("Vulkan has data"))
    };
    let (first, data) = draw(None);
    let (second, again) = draw(Some(&data));
    assert!(first == second && !data.is_empty() && !again.is_empty());
}

#[test]
fn threads_share_a_device() {
    fn shared<T: Send + Sync>() {}
    shared::<(Gpu, Model, stylegan_wgpu::Generator, Look)>();
    fn sent<T: Send>() {}
    sent::<(stylegan_wgpu::Pending<image::RgbaImage>, stylegan_wgpu::Job, stylegan_wgpu::Building)>();
    let draw = |seed| {
        let mut generator = Generator::new(gpu(), &model(seed), &Options::new()).unwrap();
        (0..4).map(|i| picture(&mut generator, i, &Look::new())).collect::<Vec<_>>()
    };
    let alone: Vec<_> = (1..4).map(draw).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..4).map(|seed| scope.spawn(move || draw(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
}

#[test]
fn a_host_that_loses_its_device_gets_errors_not_panics() {
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new().batch(2)).unwrap();
    let ws = generator.mapping(&[0.5; 32], None).unwrap();
    let pending = generator.submit(&ws, &Look::new()).unwrap();
    device.destroy();
    let lost = |what: &str, error: Option<Error>| assert!(matches!(error, Some(Error::Lost(_))), "{what}: {error:?}");
    // What was submitted before may have been drawn, or not; it must only not panic.
    let _ = pending.wait();
    lost("synthesis", generator.synthesis_rgba8(&ws, &Look::new()).err());
    lost("random noise", generator.synthesis_f32(&ws, &Look::new().noise(Noise::Random { seed: 1 })).err());
    lost("submit", generator.submit(&ws, &Look::new()).and_then(|pending| pending.wait()).err());
    lost("mapping", generator.mapping(&[0.0; 16], None).err());
    lost("mapping of another batch", generator.mapping(&[0.0; 32], None).err());
    lost("a new generator", Generator::new(&gpu, &model(2), &Options::default()).err());
    // Encoding is refused, or goes into an encoder that cannot be submitted; the submission is the host's own.
    let target = staging(&device, 8192);
    let target = Target::Buffer { buffer: &target, offset: 0, bytes_per_row: 128 };
    lost("encode", generator.encode(&mut encoder(&device), &ws, &Look::new(), target).err());
    drop(queue);
}
