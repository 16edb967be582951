//! The engine in an application's own device: encoders, textures, buffers, frames, futures, and what goes wrong there.

mod common;

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

fn texture(device: &wgpu::Device, format: wgpu::TextureFormat, layers: u32) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: SIDE as u32, height: SIDE as u32, depth_or_array_layers: layers },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

/// The texels of all layers, rows dense.
fn texels(device: &wgpu::Device, queue: &wgpu::Queue, texture: &wgpu::Texture) -> Vec<u8> {
    let size = texture.size();
    let texel = texture.format().block_copy_size(None).unwrap();
    let row = (size.width * texel).next_multiple_of(256);
    let buffer = staging(device, u64::from(row * size.height * size.depth_or_array_layers));
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: Some(size.height) };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), wgpu::TexelCopyBufferInfo { buffer: &buffer, layout }, size);
    queue.submit([encoder.finish()]);
    mapped(device, &buffer).chunks_exact(row as usize).flat_map(|bytes| bytes[..(size.width * texel) as usize].to_vec()).collect()
}

fn encoder(device: &wgpu::Device) -> wgpu::CommandEncoder {
    device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

fn picture(generator: &mut Generator, seed: u32, look: &Look) -> Vec<u8> {
    generator.picture(seed, look).unwrap().into_raw()
}

#[test]
fn encodings_in_one_encoder_are_pictures_of_their_own() {
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let size = (4 * SIDE * SIDE) as u64;
    let copy = staging(&device, 8 * size);
    let mut encoder = encoder(&device);
    let look =
        |i: u32| Look::new().psi(0.5 + 0.1 * i as f32).noise(if i.is_multiple_of(2) { Noise::Const } else { Noise::Random { seed: i } });
    for i in 0..8 {
        let target = Target::Buffer { buffer: &copy, offset: u64::from(i) * size, bytes_per_row: 4 * SIDE as u32 };
        generator.encode(&mut encoder, i, &look(i), target).unwrap();
    }
    // Nor does a picture drawn between encoding and submitting get into them.
    picture(&mut generator, 3, &Look::new());
    queue.submit([encoder.finish()]);
    let encoded = mapped(&device, &copy);
    let pictures: Vec<&[u8]> = encoded.chunks_exact(size as usize).collect();
    for (i, encoded) in (0..).zip(&pictures) {
        assert!(*encoded == picture(&mut generator, i, &look(i)), "picture {i} of the encoder is not what it is by itself");
        assert!(pictures[..i as usize].iter().all(|other| other != encoded), "picture {i} is another's");
        assert!(encoded.iter().any(|&byte| byte != encoded[0]), "picture {i} is one colour");
    }
}

#[test]
fn a_texture_holds_the_bytes_that_are_read_back() {
    use wgpu::TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb};
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new().batch(2)).unwrap();
    let want: Vec<u8> = generator.pictures(&[4, 5], &Look::new()).unwrap().into_iter().flat_map(|picture| picture.into_raw()).collect();
    for format in [Rgba8Unorm, Bgra8Unorm, Rgba8UnormSrgb, Bgra8UnormSrgb] {
        // Layers that nobody draws are left alone.
        let texture = texture(&device, format, 3);
        let mut encoder = encoder(&device);
        generator.encode(&mut encoder, &[4, 5], &Look::new(), Target::Texture(&texture)).unwrap();
        queue.submit([encoder.finish()]);
        let mut got = texels(&device, &queue, &texture);
        assert!(got.split_off(want.len()).iter().all(|&byte| byte == 0), "{format:?}: the third layer");
        if matches!(format, Bgra8Unorm | Bgra8UnormSrgb) {
            got.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
        }
        // What encodes sRGB may be off by one: Vulkan allows 0.6 of a step.
        let allowed = u8::from(format.is_srgb());
        let worst = got.iter().zip(&want).map(|(got, want)| got.abs_diff(*want)).max().unwrap();
        assert!(worst <= allowed, "{format:?}: off by {worst}");
    }
}

#[test]
fn a_texture_of_floats_holds_the_picture_from_0_to_1() {
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let planes = generator.submit_f32(7, &Look::new()).unwrap().wait().unwrap().remove(0);
    let texture = texture(&device, wgpu::TextureFormat::Rgba16Float, 1);
    let mut encoder = encoder(&device);
    generator.encode(&mut encoder, 7, &Look::new(), Target::Texture(&texture)).unwrap();
    queue.submit([encoder.finish()]);
    let halves: Vec<f32> =
        texels(&device, &queue, &texture).chunks_exact(2).map(|bytes| half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()).collect();
    let want: Vec<f32> =
        (0..SIDE * SIDE).flat_map(|i| [0, 1, 2].map(|c| planes[c * SIDE * SIDE + i] / 2.0 + 0.5).into_iter().chain([1.0])).collect();
    compare("Rgba16Float", &halves, &want, 2e-3);
}

#[test]
fn a_buffer_has_the_rows_that_were_asked_for() {
    let (gpu, device, queue) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let copy = staging(&device, 64 + 256 * SIDE as u64);
    let mut encoder = encoder(&device);
    generator.encode(&mut encoder, 9, &Look::new(), Target::Buffer { buffer: &copy, offset: 64, bytes_per_row: 256 }).unwrap();
    queue.submit([encoder.finish()]);
    let bytes = mapped(&device, &copy);
    let want = picture(&mut generator, 9, &Look::new());
    for (got, want) in bytes[64..].chunks_exact(256).zip(want.chunks_exact(4 * SIDE)) {
        assert!(got[..4 * SIDE] == *want && got[4 * SIDE..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_target_that_does_not_fit_says_what_would() {
    let (gpu, device, _) = host();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new().batch(2)).unwrap();
    let mut message = |target: Target<'_>| {
        let mut encoder = encoder(&device);
        let error = generator.encode(&mut encoder, &[1, 2], &Look::new(), target).unwrap_err();
        assert!(matches!(error, Error::Argument(_)), "{error:?}");
        error.to_string()
    };
    let rgba = texture(&device, wgpu::TextureFormat::Rgba8Unorm, 1);
    assert!(message(Target::Texture(&rgba)).contains("a layer for each of 2"));
    assert!(message(Target::Texture(&texture(&device, wgpu::TextureFormat::Rgba8Uint, 2))).contains("Rgba8Uint"));
    let small = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 16, height: 32, depth_or_array_layers: 2 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    assert!(message(Target::Texture(&small)).contains("32 x 32, this one 16 x 32"));
    let buffer = staging(&device, 8192);
    let rows = |offset, bytes_per_row| Target::Buffer { buffer: &buffer, offset, bytes_per_row };
    assert!(message(rows(0, 124)).contains("at least 128"));
    assert!(message(rows(2, 128)).contains("in fours"));
    assert!(message(rows(4, 128)).contains("does not fit 8192 bytes"));
    assert!(message(rows(u64::MAX - 3, 128)).contains("does not fit"));
}

/// Truncation, mixing and directions on the device against the same on the host.
#[test]
fn a_look_is_what_it_says() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new().precision(PrecisionChoice::F32).batch(2)).unwrap();
    let w_avg = generator.w_avg();
    let mut ws = |seed: u32| generator.mapping(&latent::z(seed, 16), None).unwrap();
    let [mut a, mut b, mixed] = [ws(1), ws(2), ws(3)];
    let direction: Vec<f32> = (0..16).map(|i| i as f32 / 16.0 - 0.4).collect();
    for image in [&mut a, &mut b] {
        image.mix(0, &[2, 3, 4], &mixed, 0).unwrap();
        Truncation { psi: 0.6, cutoff: Some(4) }.apply(image, &w_avg).unwrap();
        image.values.iter_mut().zip(direction.iter().cycle()).for_each(|(value, step)| *value += 1.5 * step);
    }
    let look = Look::new().psi(0.6).cutoff(4).mix(3, 2..5).direction(&direction, 1.0).direction(&direction, 0.5);
    let got = generator.submit_f32(&[1, 2], &look).unwrap().wait().unwrap();
    for (i, ws) in [&a, &b].into_iter().enumerate() {
        let want = generator.submit_f32(ws, &Look::new()).unwrap().wait().unwrap().remove(0);
        compare(&format!("picture {i}"), &got[i], &want, 2e-5);
    }
    // The same look for rows of w that the host has.
    let given = generator.mapping(&latent::z(1, 16), None).unwrap();
    let moved = generator.submit_f32(&given, &Look::new().psi(0.6).cutoff(4).direction(&direction, 1.5)).unwrap().wait().unwrap();
    let seed = Look::new().psi(0.6).cutoff(4).direction(&direction, 1.5);
    compare("ws", &moved[0], &generator.submit_f32(1, &seed).unwrap().wait().unwrap()[0], 2e-5);
    let differs = |look: &Look, generator: &mut Generator| generator.submit_f32(1, look).unwrap().wait().unwrap()[0] != got[0];
    for other in [look.clone().psi(0.5), look.clone().cutoff(3), look.clone().mix(4, 0..1), look.clone().direction(&direction, 0.1)] {
        assert!(differs(&other, &mut generator), "{other:?}");
    }
}

#[test]
fn a_look_that_does_not_fit_says_what_would() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    let mut message = |input: Input<'_>, look: Look| match generator.submit(input, &look) {
        Err(Error::Argument(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("drawn"),
    };
    let ws = Ws::new(1, 8, 16, vec![0.0; 128]).unwrap();
    assert!(message(1.into(), Look::new().psi(f32::NAN)).contains("psi is NaN"));
    assert!(message(1.into(), Look::new().class(0)).contains("no classes"));
    assert!(message(1.into(), Look::new().mix(2, 6..9)).contains("8 rows of w"));
    assert!(message(1.into(), Look::new().direction(&[0.0; 3], 1.0)).contains("w has 16, in 8 layers"));
    assert!(message(1.into(), Look::new().direction(&[f32::NAN; 16], 1.0)).contains("finite"));
    assert!(message(1.into(), Look::new().preview(7)).contains("no preview of 7"));
    assert!(message((&ws).into(), Look::new().mix(2, 0..1)).contains("Ws::mix"));
    assert!(message(Input::Z(&[0.0; 17]), Look::new()).contains("z_dim 16"));
    assert!(message((&[][..]).into(), Look::new()).contains("z_dim 16"));
    assert!(message((&[1, 2]).into(), Look::new()).contains("batch of 1"));
    let offset = StyleOffset { layer: "b64.conv0".into(), channel: 0, amount: 1.0 };
    assert!(message(1.into(), Look::new().style(offset)).contains("b32.conv1"));
}

#[test]
fn previews_are_the_pictures_of_the_blocks() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    for resolution in [4, 8, 16, 32] {
        let preview = generator.picture(5, &Look::new().preview(resolution)).unwrap();
        assert_eq!(preview.dimensions(), (resolution as u32, resolution as u32));
        let last = generator.tap(&format!("b{resolution}.torgb"), 5, &Look::new()).unwrap().wait().unwrap().remove(0);
        let byte = |value: f32| (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
        let want = |i: usize| [0, 1, 2].map(|c| byte(last[c * resolution * resolution + i]));
        assert!(preview.pixels().enumerate().all(|(i, pixel)| pixel.0[..3] == want(i)), "{resolution}");
    }
    assert_eq!(picture(&mut generator, 5, &Look::new().preview(SIDE)), picture(&mut generator, 5, &Look::new()));
    let conv = generator.tap("b16.conv1", 5, &Look::new()).unwrap().wait().unwrap();
    assert!(conv[0].len() == 24 * 16 * 16 && conv[0].iter().any(|&value| value != conv[0][0]));
    let unknown = generator.tap("b16.conv9", 5, &Look::new()).err().unwrap().to_string();
    assert!(unknown.contains("b16.conv9") && unknown.contains("b16.conv1"), "{unknown}");
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
    lost("synthesis", generator.synthesis_rgba8(&ws, Noise::Const).err());
    lost("random noise", generator.synthesis_f32(&ws, Noise::Random { seed: 1 }).err());
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
