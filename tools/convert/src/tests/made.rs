//! Checkpoints of our own making: the synthetic weights of odd but legal configurations, written in each code base's layout. The
//! converted arrays must be the ones that were written, bit for bit after the documented transposes, flips and + 1.

use stylegan_wgpu::internals::networks::stylegan1;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Array, Config, Model};

use super::super::from_bytes;
use super::quiet;
use crate::test_files::layouts::{genforce, nvlabs, rosinality, tensorflow, tensorflow_scoped, torch};
use crate::test_files::writer::{Py, dict, legacy, pickle, zip};

fn odd() -> stylegan2::Config {
    stylegan2::Config {
        z_dim: 10,
        w_dim: 14,
        img_resolution: 32,
        channel_base: 72 * 8,
        channel_max: 48,
        num_layers: 3,
        conv_clamp: None,
        num_fp16_res: 0,
        ..stylegan2::Config::config_f()
    }
}

/// Channels by no rule, as a pruned network has them.
fn listed(channels: [usize; 4]) -> stylegan2::Config {
    let unused = stylegan2::Config::config_f();
    stylegan2::Config { channels: Some(channels.into()), channel_base: unused.channel_base, channel_max: unused.channel_max, ..odd() }
}

pub(super) fn expect(model: &Model, bytes: &[u8], what: &str) {
    let found = from_bytes(bytes, what, &mut quiet()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found.config, model.config, "{what}");
    for (name, array) in &model.arrays {
        assert_eq!(found.arrays[name].bytes(), array.bytes(), "{what}: {name}");
    }
}

#[test]
fn nvlabs_of_odd_shapes() {
    let configs = [
        odd(),
        stylegan2::Config { img_channels: 4, use_noise: false, resample_filter: vec![1.0, 2.0, 1.0], ..odd() },
        stylegan2::Config { c_dim: 5, embed_features: Some(6), layer_features: Some(9), architecture: Architecture::Resnet, ..odd() },
        stylegan2::Config { img_channels: 1, num_layers: 1, architecture: Architecture::Orig, lr_multiplier: 0.5, ..odd() },
        stylegan2::Config { z_dim: 0, c_dim: 3, img_resolution: 4, ..odd() },
        stylegan2::Config { conv_clamp: Some(3.5), num_fp16_res: 2, ..listed([20, 48, 72, 12]) },
        stylegan2::Config { activation: Activation::Linear, mapping_activation: Activation::Relu, ..odd() },
        stylegan2::Config { resample_filter: vec![1.0, 4.0, 6.0, 4.0, 1.0], activation: Activation::Relu, w_dim: 30, ..odd() },
        stylegan2::Config { resample_filter: vec![1.0], img_channels: 2, lr_multiplier: 1.0, img_resolution: 8, ..odd() },
        stylegan2::Config { img_resolution: 2048, channel_base: 4096, channel_max: 5, use_noise: false, ..odd() },
    ];
    for config in configs {
        let model = random_weights(&Config::StyleGan2(config.clone()), 3);
        expect(&model, &nvlabs(&model, &config), &format!("{config:?}"));
    }
}

#[test]
fn a_modified_network_is_refused() {
    let config = odd();
    let mut model = random_weights(&Config::StyleGan2(config.clone()), 3);
    model.arrays.insert("synthesis.b8.attention.weight".to_owned(), Array::from_f32(&[2], &[0.0; 2]));
    let error = from_bytes(&nvlabs(&model, &config), "extra", &mut quiet()).unwrap_err().to_string();
    assert!(error.contains("synthesis.b8.attention.weight"), "{error}");
}

/// The model as it survives a style bias stored without its 1: (b - 1) + 1 in f32.
fn rounded(mut model: Model) -> Model {
    for (name, array) in &mut model.arrays {
        if name.ends_with(".affine.bias") {
            let values: Vec<f32> = array.to_f32().iter().map(|value| (value - 1.0) + 1.0).collect();
            *array = Array::from_f32(array.shape(), &values);
        }
    }
    model
}

#[test]
fn genforce_of_both_generations() {
    for architecture in [Architecture::Skip, Architecture::Orig] {
        // GenForce does not store its sizes: the least channel_base that gives the channels is taken.
        let config = stylegan2::Config { channel_base: 36 * 16, channel_max: 36, architecture, ..odd() };
        let model = rounded(random_weights(&Config::StyleGan2(config), 5));
        expect(&model, &genforce(&model, false, 32), "GenForce StyleGAN2");
    }
    let config = first();
    let model = random_weights(&Config::StyleGan1(config.clone()), 5);
    expect(&model, &genforce(&model, true, config.img_resolution), "GenForce StyleGAN");
}

pub(super) fn first() -> stylegan1::Config {
    stylegan1::Config {
        z_dim: 6,
        c_dim: 0,
        w_dim: 10,
        img_resolution: 128,
        const_size: [4, 4],
        img_channels: 3,
        channel_base: 512,
        channel_max: 12,
        num_layers: 2,
        layer_features: Some(7),
        lr_multiplier: 0.01,
    }
}

#[test]
fn tensorflow_of_odd_shapes() {
    let kwargs = |config: &stylegan2::Config| {
        let taps = config.resample_filter.iter().map(|&tap| Py::Float(tap.into())).collect();
        dict([
            ("fmap_base", Py::Int(config.channel_base as i32 / 2)),
            ("fmap_max", Py::Int(config.channel_max as i32)),
            ("resample_kernel", Py::List(taps)),
        ])
    };
    let configs = [
        odd(),
        stylegan2::Config { architecture: Architecture::Resnet, resample_filter: vec![1.0, 2.0, 1.0], img_channels: 1, ..odd() },
        stylegan2::Config { architecture: Architecture::Orig, use_noise: false, ..odd() },
        stylegan2::Config { c_dim: 4, embed_features: Some(10), concat_labels: true, ..odd() },
        listed([20, 48, 72, 12]),
    ];
    for config in configs {
        let model = rounded(random_weights(&Config::StyleGan2(config.clone()), 7));
        expect(&model, &tensorflow(&model, false, kwargs(&config)), &format!("{config:?}"));
    }
    for config in [first(), stylegan1::Config { c_dim: 3, img_channels: 1, ..first() }] {
        let model = random_weights(&Config::StyleGan1(config.clone()), 7);
        let kwargs = dict([("fmap_base", Py::Int(256)), ("fmap_max", Py::Int(12))]);
        expect(&model, &tensorflow(&model, true, kwargs), &format!("{config:?}"));
    }
}

/// config F without what rosinality's code has not; sizes are read off the shapes, so 36 channels need not be a base of 72 * 8.
pub(super) fn plain() -> stylegan2::Config {
    stylegan2::Config { channel_base: 36 * 16, channel_max: 36, ..odd() }
}

#[test]
fn decoders_keep_an_average_per_layer() {
    let config = stylegan2::Config { per_layer_w_avg: true, ..plain() };
    let model = random_weights(&Config::StyleGan2(config), 9);
    let file = dict([
        ("state_dict", rosinality(&model, "decoder.")),
        ("latent_avg", torch(model.array("mapping.w_avg"))),
        ("opts", dict([("output_size", Py::Int(32)), ("device", Py::None), ("start_from_latent_avg", Py::Bool(true))])),
    ]);
    expect(&model, &pickle(&file), "pSp");
}

/// Both of torch's containers, with the parts of a training run around the generator.
#[test]
fn rosinality_of_odd_shapes() {
    let configs = [
        stylegan2::Config { img_channels: 4, num_layers: 1, ..plain() },
        stylegan2::Config { layer_features: Some(9), ..listed([20, 48, 12, 30]) },
        stylegan2::Config { img_resolution: 256, channel_base: 1024, channel_max: 6, ..plain() },
    ];
    for config in configs {
        let model = random_weights(&Config::StyleGan2(config.clone()), 11);
        let file = || {
            dict([
                ("g", dict([("input.input", Py::Torch(vec![1], vec![0.0]))])),
                ("g_ema", rosinality(&model, "module.")),
                ("g_optim", dict([("state", Py::Dict(Vec::new())), ("param_groups", Py::List(vec![dict([("lr", Py::Float(0.002))])]))])),
                ("args", Py::Object("argparse", "Namespace", Box::new(dict([("size", Py::Int(7)), ("path", Py::None)])))),
                ("latent_avg", torch(model.array("mapping.w_avg"))),
            ])
        };
        for (what, bytes) in [("legacy", legacy(&file())), ("zip", zip(&file()))] {
            expect(&model, &bytes, &format!("{what} {config:?}"));
        }
    }
}

/// A bare state_dict has no average: it is the mean of w over RandomState(123).randn(10000, z_dim).
#[test]
fn a_missing_average_is_computed() {
    let config = stylegan2::Config { img_resolution: 8, channel_base: 36 * 8, ..plain() };
    let model = random_weights(&Config::StyleGan2(config.clone()), 9);
    let mut told = 0.0;
    let found = from_bytes(&pickle(&rosinality(&model, "")), "bare", &mut |fraction| told = fraction).unwrap();
    assert_eq!((&found.config, told), (&model.config, 1.0));
    let z = stylegan_wgpu::latent::RandomState::new(123).randn(10_000 * config.z_dim);
    let mut mean = vec![0.0; config.w_dim];
    for z in z.chunks_exact(config.z_dim) {
        let w = super::mapping(&model, &config, z, None, 1.0, 0);
        mean.iter_mut().zip(w).for_each(|(mean, w)| *mean += w / 10_000.0);
    }
    let scale = mean.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    for (got, want) in found.array("mapping.w_avg").to_f32().into_iter().zip(mean) {
        assert!((f64::from(got) - want).abs() <= 1e-5 * scale, "{got} {want}");
    }
}

/// The constant's shape decides, in every layout and under both kinds of TensorFlow's scopes; 128 x 64 is not fused yet.
#[test]
fn networks_that_are_not_square() {
    for const_size in [[4, 2], [5, 3], [3, 5], [2, 1], [8, 8]] {
        let what = |layout: &str| format!("{layout} {const_size:?}");
        let config = stylegan2::Config { const_size, ..plain() };
        let scope = |resolution: usize| config.block_size(resolution);
        let model = random_weights(&Config::StyleGan2(config.clone()), 13);
        expect(&model, &nvlabs(&model, &config), &what("nvlabs"));
        let file = dict([("g_ema", rosinality(&model, "")), ("latent_avg", torch(model.array("mapping.w_avg")))]);
        expect(&model, &zip(&file), &what("rosinality"));
        let model = rounded(model);
        let kwargs = || dict([("fmap_base", Py::Int(36 * 8)), ("fmap_max", Py::Int(36))]);
        expect(&model, &tensorflow(&model, false, kwargs()), &what("TensorFlow StyleGAN2"));
        expect(&model, &tensorflow_scoped(&model, false, kwargs(), scope), &what("TensorFlow StyleGAN2, sides in its scopes"));
        expect(&model, &genforce(&model, false, 32), &what("GenForce StyleGAN2"));

        let config = stylegan1::Config { const_size, ..first() };
        let scope = |resolution: usize| config.block_size(resolution);
        let model = random_weights(&Config::StyleGan1(config.clone()), 13);
        let kwargs = || dict([("fmap_base", Py::Int(256)), ("fmap_max", Py::Int(12))]);
        expect(&model, &tensorflow(&model, true, kwargs()), &what("TensorFlow StyleGAN"));
        expect(&model, &tensorflow_scoped(&model, true, kwargs(), scope), &what("TensorFlow StyleGAN, sides in its scopes"));
    }
}

/// A map that does not grow from the constant is another network's: it is named. Square maps beside another constant are what
/// aydao's fork writes.
#[test]
fn noise_maps_follow_the_constant() {
    let config = stylegan2::Config { const_size: [4, 2], ..plain() };
    let kwargs = || dict([("fmap_base", Py::Int(36 * 8)), ("fmap_max", Py::Int(36))]);
    for wrong in [[8, 8], [4, 8], [16, 2]] {
        let mut model = random_weights(&Config::StyleGan2(config.clone()), 13);
        model.arrays.insert("synthesis.b8.conv1.noise_const".to_owned(), Array::from_f32(&wrong, &vec![0.5; wrong[0] * wrong[1]]));
        let file = dict([("g_ema", rosinality(&model, "")), ("latent_avg", torch(model.array("mapping.w_avg")))]);
        for (bytes, name) in [
            (nvlabs(&model, &config), "synthesis.b8.conv1.noise_const"),
            (zip(&file), "noises.noise_2"),
            (tensorflow(&model, false, kwargs()), "synthesis/noise2"),
            (tensorflow_scoped(&model, false, kwargs(), |resolution| config.block_size(resolution)), "synthesis/noise2"),
            (genforce(&model, false, 32), "synthesis.layer2.noise"),
        ] {
            let error = from_bytes(&bytes, name, &mut quiet()).unwrap_err().to_string();
            assert!(error.contains(&format!("tensor {name}: needed [8, 4]")) && error.contains("size of the constant"), "{error}");
        }
    }
}

#[test]
fn strangers_are_refused_by_name() {
    let one = || Py::Torch(vec![1], vec![0.0]);
    let names = |names: &[&str]| Py::Dict(names.iter().map(|name| ((*name).to_owned(), one())).collect());
    let cases = [
        (dict([("GAN", names(&["SE.net.0.weight", "GE.initial_block"]))]), "lucidrains"),
        (names(&["features.0.weight", "classifier.6.weight"]), "VGG"),
        (names(&["convs.0.0.weight", "final_conv.0.weight", "final_linear.0.weight"]), "discriminator"),
        (dict([("state_dict", names(&["encoder.input_layer.0.weight", "encoder.body.0.weight"]))]), "encoder"),
        (dict([("state_dict", names(&["synthesis.input.weight"]))]), "StyleGAN3"),
        (Py::Call("tfutil", "Network", Vec::new()), "Progressive GAN"),
        (dict([("state_dict", names(&["student.conv1.weight"]))]), "MobileStyleGAN"),
        (
            dict([("g", names(&["init.init.0.weight_orig", "feat_8.1.weight_orig", "se_64.main.1.weight_orig", "to_big.weight_orig"]))]),
            "FastGAN",
        ),
        (dict([("G_ema", names(&["synthesis.init.init.0.weight", "synthesis.feat_8.1.weight", "mapping.embed.weight"]))]), "FastGAN"),
        (names(&["shared.weight", "linear.weight", "blocks.0.0.conv1.weight", "output_layer.2.weight"]), "BigGAN"),
        (
            dict([("state_dict", names(&["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight"]))]),
            "diffusion",
        ),
        (names(&["down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"]), "diffusion"),
        (names(&["g_mapping.dense0.weight", "g_synthesis.blocks.4x4.const"]), "lernapparat"),
        (dict([("g_running", names(&["generator.progression.0.conv1.conv.weight_orig", "style.1.linear.weight_orig"]))]), "rosinality"),
        (dict([("state_dict", names(&["generator_ema.style_mapping.1.weight", "generator_ema.constant_input.weight"]))]), "mmgeneration"),
        (dict([("params_ema", names(&["conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight"]))]), "ESRGAN"),
        (names(&["conv1.weight", "layer1.0.conv1.weight", "fc.weight"]), "ResNet"),
        (names(&["lin0.model.1.weight", "net.slice1.0.weight"]), "VGG"),
        (names(&["input_layer.0.weight", "body.0.shortcut_layer.0.weight"]), "face recognition"),
        (names(&["b4.mbstd.x", "b4.conv.weight", "b8.fromrgb.weight"]), "discriminator"),
    ];
    for (value, word) in cases {
        let error = from_bytes(&pickle(&value), word, &mut quiet()).unwrap_err();
        assert!(matches!(error, super::super::ConvertError::Unsupported(_)) && error.to_string().contains(word), "{word}: {error}");
    }
    // What nobody knows is told by what it holds, and called nothing that it is not.
    let unknown = dict([("weights", names(&["tokens.embedding", "layers.0.attention.q"])), ("step", Py::Int(3))]);
    let error = from_bytes(&pickle(&unknown), "unknown", &mut quiet()).unwrap_err().to_string();
    assert!(error.contains("2 tensors (weights.layers.0.attention.q, ") && error.contains("weights, step"), "{error}");
}

/// A fork that is a StyleGAN2 and more is refused by what it has more, not as something else.
#[test]
fn forks_are_refused_by_what_they_have_more() {
    let model = random_weights(&Config::StyleGan2(plain()), 9);
    for (extra, word) in [
        ("iwt.ll", "SWAGAN"),
        ("to_rgbs.0.iwt.ll", "SWAGAN"),
        ("attention.gamma", "attention.gamma"),
        ("convs.3.conv.gate", "convs.3.conv.gate"),
    ] {
        let Py::Dict(entries) = rosinality(&model, "") else { panic!("a dict of tensors") };
        let more = [(extra.to_owned(), torch(&Array::from_f32(&[2, 2], &[0.5; 4])))];
        let file = pickle(&dict([("g_ema", Py::Dict(entries.into_iter().chain(more).collect()))]));
        let error = from_bytes(&file, extra, &mut quiet()).unwrap_err().to_string();
        assert!(error.contains(word), "{extra}: {error}");
    }
}
