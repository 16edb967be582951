//! Whole networks, pass by pass: every pass on the device against its CPU twin on the values the device gave it, so that the
//! first wrong one is named; and the image with shared buffers against the one where every tensor has its own.

mod common;

use std::collections::HashMap;

use common::{Random, compare, gpu, lacks_halves, rel_l2, tolerance};
use stylegan_wgpu::Config;
use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::kernel::Call;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan1, synthesis};
use stylegan_wgpu::internals::plan::{Origin, Plan};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::{DType, Tensor};

/// Two blocks of 72 channels and one of 40, neither a multiple of a tile.
fn small() -> stylegan2::Config {
    stylegan2::Config {
        z_dim: 12,
        w_dim: 20,
        img_resolution: 16,
        channel_base: 640,
        channel_max: 72,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    }
}

fn small1() -> stylegan1::Config {
    stylegan1::Config {
        z_dim: 12,
        c_dim: 0,
        w_dim: 20,
        img_resolution: 16,
        const_size: [4, 4],
        img_channels: 3,
        channel_base: 640,
        channel_max: 42,
        num_layers: 2,
        layer_features: None,
        lr_multiplier: 0.01,
    }
}

#[test]
fn skip_with_four_channels_and_three_taps() {
    whole(Config::StyleGan2(stylegan2::Config { img_channels: 4, resample_filter: vec![1.0, 2.0, 1.0], ..small() }));
}

#[test]
fn channels_by_no_rule() {
    whole(Config::StyleGan2(stylegan2::Config { channels: Some(vec![20, 72, 7]), ..small() }));
}

#[test]
fn skip_with_eight_taps_and_no_noise() {
    let resample_filter = vec![0.5, 1.0, -2.0, 4.0, 3.0, 1.0, 0.0, 0.25];
    whole(Config::StyleGan2(stylegan2::Config { resample_filter, use_noise: false, conv_clamp: None, ..small() }));
}

#[test]
fn orig_with_labels_and_other_activations() {
    whole(Config::StyleGan2(stylegan2::Config {
        c_dim: 5,
        embed_features: Some(7),
        layer_features: Some(10),
        architecture: Architecture::Orig,
        activation: Activation::Relu,
        mapping_activation: Activation::Linear,
        img_channels: 1,
        ..small()
    }));
}

#[test]
fn resnet() {
    whole(Config::StyleGan2(stylegan2::Config { architecture: Architecture::Resnet, conv_clamp: Some(0.5), ..small() }));
}

#[test]
fn resnet_with_eight_taps_and_labels() {
    whole(Config::StyleGan2(stylegan2::Config {
        c_dim: 3,
        embed_features: Some(12),
        concat_labels: true,
        architecture: Architecture::Resnet,
        resample_filter: vec![1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0],
        ..small()
    }));
}

#[test]
fn a_single_tap_and_a_single_block() {
    whole(Config::StyleGan2(stylegan2::Config { resample_filter: vec![1.0], channel_max: 3, ..small() }));
    whole(Config::StyleGan2(stylegan2::Config { img_resolution: 4, architecture: Architecture::Resnet, ..small() }));
}

#[test]
fn stylegan1_with_and_without_labels() {
    whole(Config::StyleGan1(small1()));
    whole(Config::StyleGan1(stylegan1::Config { c_dim: 4, img_channels: 4, channel_max: 7, ..small1() }));
}

/// Constants that are tall, wide, odd, a line, a single pixel.
#[test]
fn networks_that_are_not_square() {
    let narrow = || stylegan2::Config { channel_max: 24, ..small() };
    let eight_taps = vec![1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0];
    whole(Config::StyleGan2(stylegan2::Config { const_size: [4, 2], ..narrow() }));
    whole(Config::StyleGan2(stylegan2::Config { const_size: [3, 5], architecture: Architecture::Resnet, ..narrow() }));
    whole(Config::StyleGan2(stylegan2::Config { const_size: [5, 1], architecture: Architecture::Orig, ..narrow() }));
    whole(Config::StyleGan2(stylegan2::Config { const_size: [1, 6], resample_filter: eight_taps, ..narrow() }));
    whole(Config::StyleGan2(stylegan2::Config { const_size: [1, 1], ..narrow() }));
    whole(Config::StyleGan2(stylegan2::Config { const_size: [9, 7], img_resolution: 4, ..narrow() }));
    for const_size in [[4, 2], [3, 5], [1, 3]] {
        whole(Config::StyleGan1(stylegan1::Config { const_size, channel_max: 20, ..small1() }));
    }
}

#[test]
fn mobilestylegan_small() {
    whole(Config::MobileStyleGan(mobilestylegan::Config {
        z_dim: 12,
        w_dim: 20,
        img_resolution: 32,
        num_layers: 2,
        channels: vec![40, 40, 12],
    }));
}

/// Mapping and synthesis of two images, in all noise modes in f32 and with stored noise in f16.
#[track_caller]
fn whole(config: Config) {
    let model = random_weights(&config, 3);
    let name = format!("{config:?}");
    pass_by_pass(&format!("mapping of {name}"), mapping(&model, 2).plan, None);
    for (dtype, noise) in [
        (DType::F32, NoiseSource::Const),
        (DType::F32, NoiseSource::None),
        (DType::F32, NoiseSource::Input),
        (DType::F16, NoiseSource::Const),
    ] {
        if dtype == DType::F16 && lacks_halves() {
            continue;
        }
        let net = synthesis(&model, 2, dtype, noise);
        let has_noise = model.arrays.keys().any(|name| name.ends_with("noise_const"));
        assert_eq!(net.noises.is_empty(), noise != NoiseSource::Input || !has_noise, "{name}: noise inputs");
        pass_by_pass(&format!("{dtype:?} {noise:?} {name}"), net.plan, Some(net.img));
    }
}

#[track_caller]
fn pass_by_pass(what: &str, plan: Plan, img: Option<Tensor>) {
    let mut random = Random::new(5);
    let inputs: Vec<(Tensor, String, Vec<f32>)> = plan
        .entries
        .iter()
        .filter(|entry| matches!(entry.origin, Origin::Input))
        .map(|entry| (entry.tensor, entry.name.clone(), random.values(entry.tensor.len())))
        .collect();
    let run = |plan: &Plan| {
        let executor = Executor::new(gpu(), plan.clone(), what, &Options::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
        executor.poison().unwrap();
        inputs.iter().for_each(|(tensor, _, values)| executor.write(*tensor, values).unwrap());
        executor.run().unwrap_or_else(|error| panic!("{what}: {error}"));
        executor
    };
    let mut tapped = plan.clone();
    tapped.entries.iter_mut().for_each(|entry| entry.tapped |= matches!(entry.origin, Origin::Pass(_)));
    let unshared = run(&tapped);
    let read = |executor: &Executor, tensor: Tensor| executor.read(tensor).unwrap_or_else(|error| panic!("{what}: {error}"));

    let mut values: Vec<Vec<f32>> = Vec::new();
    for entry in &plan.entries {
        values.push(match &entry.origin {
            Origin::Constant(load) => rounded(entry.tensor.dtype, load()),
            Origin::Input => inputs.iter().find(|(tensor, ..)| tensor.id == entry.tensor.id).expect("written above").2.clone(),
            Origin::Pass(index) => {
                let pass = &plan.passes[*index];
                let reads = pass.reads.iter().map(|tensor| (*tensor, values[tensor.id].as_slice())).collect();
                let want = (pass.kernel.twin)(&Call { params: &pass.params, reads, write: pass.write });
                let got = read(&unshared, entry.tensor);
                let limit = match entry.tensor.dtype {
                    DType::Rgba8 => 0.02,
                    written => tolerance(pass.dtype).max(tolerance(written)),
                };
                compare(&format!("pass {index}, {} ({}), of {what}", pass.label, pass.kernel.name), &got, &want, limit);
                got
            }
        });
    }

    let shared = run(&plan);
    for entry in plan.entries.iter().filter(|entry| entry.tapped) {
        // Pixels are dense; what fills their buffer up to a multiple of 16 bytes is nobody's.
        let used = if entry.tensor.dtype == DType::Rgba8 { entry.tensor.len() } else { entry.tensor.bytes() };
        let bytes = |executor: &Executor| {
            let bytes = executor.read_bytes(entry.tensor).unwrap_or_else(|error| panic!("{what}: {error}"));
            bytes[..used].to_vec()
        };
        assert!(bytes(&shared) == bytes(&unshared), "{what}: {} is another one when buffers are shared", entry.name);
    }

    // Errors that every pass makes within its tolerance add up to little.
    let Some(img) = img else { return };
    let named: HashMap<&str, Vec<f32>> = inputs.iter().map(|(_, name, values)| (name.as_str(), values.clone())).collect();
    let error = rel_l2(&read(&shared, img), &reference::run(&plan, &named)[img.id]);
    let limit = if plan.passes.iter().any(|pass| pass.dtype == DType::F16) { 5e-3 } else { 2e-5 };
    assert!(error <= limit, "{what}: rel L2 {error:.3e} of the image");
}

fn rounded(dtype: DType, values: Vec<f32>) -> Vec<f32> {
    match dtype {
        DType::F16 => values.into_iter().map(|v| half::f16::from_f32(v).to_f32()).collect(),
        _ => values,
    }
}

/// Every dispatch of a GPU costs some microseconds; the whole network's is a millisecond.
#[test]
fn config_f_takes_45_dispatches_and_one_more_in_f16() {
    let narrow = stylegan2::Config { channel_base: 4096, channel_max: 4, z_dim: 8, w_dim: 8, ..stylegan2::Config::config_f() };
    assert_eq!((narrow.img_resolution, narrow.num_layers), (1024, 8), "its depth is config F's");
    let model = random_weights(&Config::StyleGan2(narrow), 1);
    let passes = |dtype| mapping(&model, 1).plan.passes.len() + synthesis(&model, 1, dtype, NoiseSource::Const).plan.passes.len();
    assert_eq!((passes(DType::F32), passes(DType::F16)), (45, 46));
}
