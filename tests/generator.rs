//! The generator as a host meets it: its own device, several networks on one, batches, limits, wrong arguments.

mod common;

use common::gpu;
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::internals::executor::{self, Executor};
use stylegan_wgpu::internals::networks::{NoiseSource, stylegan2, stylegan3, synthesis};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::{self, Ws};
use stylegan_wgpu::{Array, Config, Error, Look, Model, Noise, Options, PrecisionChoice, StyleOffset, Transform};

fn model(seed: u32) -> Model {
    let config = stylegan2::Config {
        z_dim: 16,
        w_dim: 16,
        img_resolution: 32,
        channel_base: 512,
        channel_max: 24,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    };
    random_weights(&Config::StyleGan2(config), seed)
}

fn ws(generator: &mut Generator, seeds: std::ops::Range<u32>) -> Ws {
    let z: Vec<f32> = seeds.flat_map(|seed| latent::z(seed, 16)).collect();
    generator.mapping(&z, None).unwrap()
}

#[test]
fn several_generators_share_a_device_and_not_their_weights() {
    let [mut first, mut second] = [1, 2].map(|seed| Generator::new(gpu(), &model(seed), &Options::default()).unwrap());
    let ws = ws(&mut first, 7..8);
    let before = first.synthesis_f32(&ws, &Look::new()).unwrap();
    assert_ne!(second.synthesis_f32(&ws, &Look::new()).unwrap(), before);
    assert_eq!(first.synthesis_f32(&ws, &Look::new()).unwrap(), before);
}

#[test]
fn a_rest_smaller_than_the_batch_is_rendered_too() {
    let options = |batch| Options::new().batch(batch).precision(PrecisionChoice::F32);
    let [mut single, mut batched] = [1, 3].map(|batch| Generator::new(gpu(), &model(1), &options(batch)).unwrap());
    let ws = ws(&mut single, 0..5);
    let (one, three) = (single.synthesis_f32(&ws, &Look::new()).unwrap(), batched.synthesis_f32(&ws, &Look::new()).unwrap());
    assert_eq!(three.len(), 5);
    for (one, three) in one.iter().zip(&three) {
        common::compare("batch", three, one, 1e-5);
    }
}

#[test]
fn submissions_wait_for_themselves_only() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new().batch(2)).unwrap();
    let ws = ws(&mut generator, 0..5);
    let noise = Noise::Random { seed: 3 };
    let expected = generator.synthesis_f32(&ws, &Look::new().noise(noise)).unwrap();
    assert!(expected.iter().flatten().all(|value| value.is_finite()) && expected[0] != expected[1]);
    // The last batch is a smaller one, which drops what the first two run on.
    let pending: Vec<_> = [0..2, 2..4, 4..5]
        .into_iter()
        .map(|range| {
            let look = Look::new().noise(Noise::Random { seed: 3 + range.start as u32 });
            generator.submit_f32(&ws.slice(range), &look).unwrap()
        })
        .collect();
    // Latest first: none needs another to be waited for.
    let mut images: Vec<Vec<f32>> = pending.into_iter().rev().flat_map(|pending| pending.wait().unwrap().into_iter().rev()).collect();
    images.reverse();
    assert_eq!(images, expected);
    let message = generator.submit(&ws, &Look::new().noise(noise)).err().unwrap().to_string();
    assert!(message.contains("batch of 2"), "{message}");
}

#[test]
fn wrong_arguments_are_errors_that_name_them() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::default()).unwrap();
    let wrong = Ws::new(1, 3, 16, vec![0.0; 48]).unwrap();
    let message = |error: Error| error.to_string();
    assert!(message(generator.synthesis_rgba8(&wrong, &Look::new()).unwrap_err()).contains("[1, 3, 16]"));
    assert!(message(generator.mapping(&[0.0; 15], None).unwrap_err()).contains("z_dim 16"));
    let two = ws(&mut generator, 0..2);
    assert!(message(generator.submit(&two, &Look::new()).err().unwrap()).contains("batch of 1"));
    assert!(message(Generator::new(gpu(), &model(1), &Options::new().batch(0)).err().unwrap()).contains("batch"));
    assert!(message(blocking::open(Some("no such adapter")).unwrap_err()).contains("no such adapter"));
}

#[test]
fn what_cannot_fit_names_the_pass_and_both_sizes() {
    let net = synthesis(&model(1), 1, DType::F32, NoiseSource::Const);
    let options = executor::Options { max_binding: Some(2048), ..executor::Options::default() };
    match Executor::new(gpu(), net.plan, "limits", &options).err() {
        Some(Error::Limit { pass, need, have, .. }) => assert!(!pass.is_empty() && need > have && have == 2048, "{pass} {need} {have}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_device_is_an_error() {
    let gpu = blocking::open(std::env::var("STYLEGAN_DEVICE").ok().as_deref()).unwrap();
    let mut generator = Generator::new(&gpu, &model(1), &Options::default()).unwrap();
    let ws = ws(&mut generator, 0..1);
    assert!(generator.synthesis_rgba8(&ws, &Look::new()).is_ok());
    gpu.device().destroy();
    let error = generator.synthesis_rgba8(&ws, &Look::new()).expect_err("a destroyed device renders nothing");
    assert!(matches!(error, Error::Lost(_)), "{error:?}");
    assert!(Generator::new(&gpu, &model(1), &Options::default()).is_err());
}

#[test]
fn a_picture_is_the_same_whatever_batch_it_was_rendered_in_and_whatever_is_kept_ready() {
    let options = |batch| Options::new().batch(batch);
    let [mut single, mut batched] = [1, 4].map(|batch| Generator::new(gpu(), &model(1), &options(batch)).unwrap());
    batched.keep_prepared(2);
    let ws = ws(&mut single, 0..5);
    let one = single.synthesis_rgba8(&ws, &Look::new()).unwrap();
    // Back and forth between more sizes and kinds of noise than are kept.
    for images in [4, 1, 3, 4, 2, 1, 5] {
        assert!(batched.synthesis_rgba8(&ws.slice(0..images), &Look::new()).unwrap() == one[..images], "{images} at once");
        assert!(
            batched.synthesis_rgba8(&ws.slice(0..1), &Look::new().noise(Noise::None)).unwrap()[0] != one[0],
            "no noise looks like noise"
        );
    }
    for seeds in [0..4, 2..3, 0..1, 1..4] {
        let range = seeds.start as usize..seeds.end as usize;
        assert_eq!(self::ws(&mut batched, seeds), ws.slice(range));
    }
}

/// Height and width do not change places on the way to a picture, and a batch of the smallest ones has no more than were asked for.
#[test]
fn pictures_are_as_tall_and_as_wide_as_their_network() {
    for (const_size, img_resolution) in [([5, 3], 16), ([1, 2], 8), ([1, 1], 4)] {
        let Config::StyleGan2(square) = model(1).config else { panic!("a StyleGAN2") };
        let config = Config::StyleGan2(stylegan2::Config { const_size, img_resolution, ..square });
        let (height, width) = (const_size[0] * img_resolution / 4, const_size[1] * img_resolution / 4);
        assert_eq!(config.image_size(), (height, width));
        let mut generator = Generator::new(gpu(), &random_weights(&config, 2), &Options::new().batch(3)).unwrap();
        let ws = ws(&mut generator, 0..3);
        for noise in [Noise::Const, Noise::Random { seed: 1 }] {
            let pictures = generator.synthesis_rgba8(&ws, &Look::new().noise(noise)).unwrap();
            let planes = generator.synthesis_f32(&ws, &Look::new().noise(noise)).unwrap();
            assert_eq!((pictures.len(), planes.len()), (3, 3));
            for (picture, planes) in pictures.iter().zip(&planes) {
                assert_eq!(picture.dimensions(), (width as u32, height as u32));
                assert_eq!(planes.len(), 3 * height * width);
                // The last pixel of the first row, which is another one where sides change places.
                let red = (planes[width - 1] * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
                assert!(picture.get_pixel(width as u32 - 1, 0)[0].abs_diff(red) <= 1);
            }
        }
    }
}

#[test]
fn pictures_that_are_not_finite_are_errors() {
    // Finite weights of which the sums overflow: of one, three (whose alpha tells) and four channels (which have an alpha).
    for channels in [1, 3, 4] {
        let mut config = match model(1).config {
            Config::StyleGan2(config) => config,
            _ => unreachable!("a StyleGAN2"),
        };
        config.img_channels = channels;
        config.conv_clamp = None;
        let mut model = random_weights(&Config::StyleGan2(config), 1);
        let options = |precision| Options::new().precision(precision);
        let mut sound = Generator::new(gpu(), &model, &options(PrecisionChoice::F32)).unwrap();
        let ws = ws(&mut sound, 0..1);
        let picture = &sound.synthesis_rgba8(&ws, &Look::new()).unwrap()[0];
        let floats = &sound.synthesis_f32(&ws, &Look::new()).unwrap()[0];
        // What is converted here is what the device would have converted.
        let first = |c: usize| ((floats[c * 32 * 32] * 127.5 + 128.0).clamp(0.0, 255.0)) as u8;
        assert_eq!(picture.get_pixel(0, 0)[0], first(0));
        assert_eq!(picture.get_pixel(0, 0)[3], if channels == 4 { first(3) } else { 255 });

        let name = "synthesis.b32.torgb.bias";
        model.arrays.insert(name.into(), Array::from_f32(&[channels], &vec![3.0e38; channels]));
        let name = "synthesis.b16.torgb.bias";
        model.arrays.insert(name.into(), Array::from_f32(&[channels], &vec![3.0e38; channels]));
        let mut broken = Generator::new(gpu(), &model, &options(PrecisionChoice::Auto)).unwrap();
        assert_eq!(broken.dtype(), DType::F32, "f16 does not hold these weights");
        for error in [broken.synthesis_rgba8(&ws, &Look::new()).err(), broken.synthesis_f32(&ws, &Look::new()).err()] {
            assert!(matches!(error, Some(Error::NotFinite { dtype: "f32" })), "{channels} channels: {error:?}");
        }
        if gpu().tier().half {
            let error = Generator::new(gpu(), &model, &options(PrecisionChoice::F16)).err();
            assert!(matches!(&error, Some(Error::Tensor { name, .. }) if name.contains("torgb.bias")), "{error:?}");
        }
    }
}

/// Sums that overflow in a layer whose clamp would make a number of NaN.
#[test]
fn a_clamp_does_not_hide_nan() {
    let Config::StyleGan2(mut config) = model(1).config else { unreachable!("a StyleGAN2") };
    config.conv_clamp = Some(256.0);
    let mut model = random_weights(&Config::StyleGan2(config), 1);
    let name = "synthesis.b16.conv1.weight";
    let shape = model.array(name).shape().to_vec();
    let huge: Vec<f32> = (0..shape.iter().product()).map(|i| if i % 2 == 0 { 3.0e38 } else { -3.0e38 }).collect();
    model.arrays.insert(name.into(), Array::from_f32(&shape, &huge));
    let mut broken = Generator::new(gpu(), &model, &Options::new().precision(PrecisionChoice::F32)).unwrap();
    let ws = ws(&mut broken, 0..1);
    for error in [broken.synthesis_rgba8(&ws, &Look::new()).err(), broken.synthesis_f32(&ws, &Look::new()).err()] {
        assert!(matches!(error, Some(Error::NotFinite { dtype: "f32" })), "{error:?}");
    }
}

#[test]
fn what_f16_does_not_hold_is_drawn_in_f32_and_nothing_else_is() {
    if !gpu().tier().half {
        return;
    }
    for channels in [3, 4] {
        // The styles of a StyleGAN1 scale its activations, which nothing demodulates.
        let config = format!(
            r#"{{"network": "stylegan1", "z_dim": 16, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "img_channels": {channels}}}"#
        );
        let model = random_weights(&Config::from_json(&config).unwrap(), 1);
        let generator = |precision, batch| Generator::new(gpu(), &model, &Options::new().precision(precision).batch(batch)).unwrap();
        let [mut half, mut single, mut auto] = [(PrecisionChoice::F16, 3), (PrecisionChoice::F32, 1), (PrecisionChoice::Auto, 3)]
            .map(|(choice, batch)| generator(choice, batch));
        assert_eq!(auto.dtype(), DType::F16);
        // The second row is so far out that its picture overflows.
        let mut ws = ws(&mut single, 0..3);
        let row = ws.values.len() / 3;
        ws.values[row..2 * row].iter_mut().for_each(|value| *value *= 1e6);
        for noise in [Noise::Const, Noise::Random { seed: 5 }] {
            assert!(matches!(half.synthesis_rgba8(&ws, &Look::new().noise(noise)), Err(Error::NotFinite { dtype: "f16" })));
            let (pictures, floats) = (
                auto.synthesis_rgba8(&ws, &Look::new().noise(noise)).unwrap(),
                auto.synthesis_f32(&ws, &Look::new().noise(noise)).unwrap(),
            );
            for i in 0..3 {
                let noise = match noise {
                    Noise::Random { seed } => Noise::Random { seed: seed + i as u32 },
                    other => other,
                };
                let by = if i == 1 { &mut single } else { &mut half };
                let row = ws.slice(i..i + 1);
                assert_eq!(pictures[i], by.synthesis_rgba8(&row, &Look::new().noise(noise)).unwrap()[0], "picture {i}");
                assert_eq!(floats[i], by.synthesis_f32(&row, &Look::new().noise(noise)).unwrap()[0], "picture {i}");
            }
        }
    }
}

/// Each picture of a call has its own place, in whatever batches they are drawn.
#[test]
fn transforms_go_with_their_pictures() {
    let mut config = stylegan3::Config::t(64);
    (config.z_dim, config.w_dim, config.num_layers, config.input.channels) = (16, 16, 2, 12);
    config.layers.iter_mut().for_each(|layer| (layer.in_channels, layer.out_channels) = (12, 12));
    let model = random_weights(&Config::StyleGan3(config), 3);
    let options = Options::new().batch(2).precision(PrecisionChoice::F32);
    let mut generator = Generator::new(gpu(), &model, &options).unwrap();
    let ws = ws(&mut generator, 0..3);
    let transforms = [0.0, 20.0, -75.0].map(|angle| Transform::new([0.1, 0.0], angle, 1.0).unwrap());
    let together = generator.synthesis_f32(&ws, &Look::new().transforms(&transforms)).unwrap();
    for (i, transform) in transforms.into_iter().enumerate() {
        let alone = generator.synthesis_f32(&ws.slice(i..i + 1), &Look::new().transform(transform)).unwrap();
        assert_eq!(alone[0], together[i], "picture {i}");
    }
    // The next call draws where the network says.
    assert!(generator.synthesis_f32(&ws, &Look::new()).unwrap().iter().zip(&together).all(|(plain, moved)| plain != moved));
    let two = Look::new().transforms(&transforms[..2]);
    assert!(matches!(generator.synthesis_f32(&ws, &two), Err(Error::Argument(text)) if text.contains("2 transforms for 3 pictures")));
}

/// Moved styles are of one call, in whatever plans of the same weights.
#[test]
fn style_offsets_are_of_their_call() {
    let mut generator = Generator::new(gpu(), &model(5), &Options::new().precision(PrecisionChoice::F32)).unwrap();
    let ws = ws(&mut generator, 0..1);
    let mut draw = |look: &Look| generator.synthesis_f32(&ws, look).unwrap();
    let offset = |channel| StyleOffset { layer: "b8.conv1".into(), channel, amount: 5.0 };
    let plain = [Noise::Const, Noise::None].map(|noise| draw(&Look::new().noise(noise)));
    for (noise, plain) in [Noise::Const, Noise::None].into_iter().zip(plain) {
        let moved = draw(&Look::new().noise(noise).style(offset(3)));
        assert_ne!(moved, plain);
        // Two of one channel add up, in any place of the list.
        let half = StyleOffset { amount: 2.5, ..offset(3) };
        assert_eq!(draw(&Look::new().noise(noise).style(half.clone()).style(half)), moved);
        assert_eq!(draw(&Look::new().noise(noise)), plain, "it stays");
    }
    assert!(matches!(generator.submit(&ws, &Look::new().style(offset(4)).style(offset(4000))), Err(Error::Argument(_))));
}
