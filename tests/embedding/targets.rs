//! Pictures in an application's encoders, textures and buffers.

use super::*;

fn texture(device: &wgpu::Device, format: wgpu::TextureFormat, layers: u32) -> wgpu::Texture {
    texture_of(device, format, [SIDE as u32, SIDE as u32, layers])
}

/// Of that width, height and number of layers.
fn texture_of(device: &wgpu::Device, format: wgpu::TextureFormat, [width, height, layers]: [u32; 3]) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: layers },
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

/// Pictures whose bytes end at no alignment, each bound by itself.
#[test]
fn every_layer_has_its_own_picture_of_an_odd_size() {
    let (gpu, device, queue) = host();
    let config = stylegan2::Config {
        z_dim: 16,
        w_dim: 16,
        img_resolution: 8,
        const_size: [3, 5],
        channel_base: 128,
        channel_max: 12,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    };
    let mut generator = Generator::new(&gpu, &random_weights(&Config::StyleGan2(config), 4), &Options::new().batch(3)).unwrap();
    let bytes: Vec<u8> = generator.pictures(&[4, 5, 6], &Look::new()).unwrap().into_iter().flat_map(|picture| picture.into_raw()).collect();
    let planes = generator.submit_f32(&[4, 5, 6], &Look::new()).unwrap().wait().unwrap();
    let mut drawn = |format| {
        let texture = texture_of(&device, format, [10, 6, 3]);
        let mut encoder = encoder(&device);
        generator.encode(&mut encoder, &[4, 5, 6], &Look::new(), Target::Texture(&texture)).unwrap();
        queue.submit([encoder.finish()]);
        texels(&device, &queue, &texture)
    };
    assert!(drawn(wgpu::TextureFormat::Rgba8Unorm) == bytes);
    let floats: Vec<f32> = bytemuck::pod_collect_to_vec(&drawn(wgpu::TextureFormat::Rgba32Float));
    let want =
        planes.iter().flat_map(|planes| (0..60).flat_map(|i| [0, 1, 2].map(|c| planes[c * 60 + i] / 2.0 + 0.5).into_iter().chain([1.0])));
    compare("Rgba32Float", &floats, &want.collect::<Vec<f32>>(), 1e-6);
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
