//! Checkpoints of our own making: the synthetic weights of odd but legal configurations, written in each code base's layout. The
//! converted arrays must be the ones that were written, bit for bit after the documented transposes, flips and + 1.

use std::collections::BTreeMap;

use stylegan_wgpu::model::{Array, Model};
use stylegan_wgpu::networks::stylegan2::{self, Architecture};
use stylegan_wgpu::networks::{Config, stylegan1};
use stylegan_wgpu::random_weights::random_weights;

use super::super::from_bytes;
use super::super::numpy::transpose;
use super::super::torch::Tensor;
use super::super::variables::flip;
use super::quiet;
use super::writer::{Py, dict, pickle};

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

fn expect(model: &Model, bytes: &[u8], what: &str) {
    let found = from_bytes(bytes, what, &mut quiet()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found.config, model.config, "{what}");
    for (name, array) in &model.arrays {
        assert_eq!(found.arrays[name].bytes(), array.bytes(), "{what}: {name}");
    }
}

fn torch(array: &Array) -> Py {
    Py::Torch(array.shape().to_vec(), array.to_f32())
}

// ---- NVIDIA's PyTorch modules

/// A tree of modules from flat names: each is a dict of children, tensors at the leaves.
fn modules(tensors: &BTreeMap<String, Py>, prefix: &str, attributes: Vec<(String, Py)>) -> Py {
    let (mut parameters, mut children) = (Vec::new(), BTreeMap::new());
    for (name, tensor) in tensors.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix)) {
        match name[prefix.len()..].split_once('.') {
            None => parameters.push((name[prefix.len()..].to_owned(), clone(tensor))),
            Some((child, _)) => {
                children.entry(child.to_owned()).or_insert_with(|| modules(tensors, &format!("{prefix}{child}."), Vec::new()));
            }
        }
    }
    let mut state = vec![
        ("_parameters".to_owned(), Py::Call("collections", "OrderedDict", vec![Py::List(parameters.into_iter().map(pair).collect())])),
        ("_buffers".to_owned(), Py::Dict(Vec::new())),
        ("_modules".to_owned(), Py::Dict(children.into_iter().collect())),
    ];
    state.extend(attributes);
    let meta = dict([
        ("type", Py::Str("class")),
        ("version", Py::Int(6)),
        ("module_src", Py::Str("raise SystemExit('executed')")),
        ("class_name", Py::Str(if prefix.is_empty() { "Generator" } else { "Module" })),
        ("state", Py::Dict(state)),
    ]);
    Py::Call("torch_utils.persistence", "_reconstruct_persistent_obj", vec![meta])
}

fn pair((name, value): (String, Py)) -> Py {
    Py::List(vec![Py::Name(name), value])
}

fn clone(tensor: &Py) -> Py {
    match tensor {
        Py::Torch(shape, values) => Py::Torch(shape.clone(), values.clone()),
        _ => unreachable!("tensors only"),
    }
}

fn nvlabs(model: &Model, config: &stylegan2::Config) -> Vec<u8> {
    let tensors: BTreeMap<String, Py> = model.arrays.iter().map(|(name, array)| (name.clone(), torch(array))).collect();
    let optional = |value: Option<usize>| value.map_or(Py::None, |value| Py::Int(value as i32));
    let kwargs = dict([
        ("c_dim", Py::Int(config.c_dim as i32)),
        (
            "mapping_kwargs",
            dict([
                ("num_layers", Py::Int(config.num_layers as i32)),
                ("embed_features", optional(config.embed_features)),
                ("layer_features", optional(config.layer_features)),
                ("lr_multiplier", Py::Float(config.lr_multiplier.into())),
            ]),
        ),
        (
            "synthesis_kwargs",
            dict([
                ("channel_base", Py::Int(config.channel_base as i32)),
                ("channel_max", Py::Int(config.channel_max as i32)),
                (
                    "architecture",
                    Py::Str(match config.architecture {
                        Architecture::Skip => "skip",
                        Architecture::Orig => "orig",
                        Architecture::Resnet => "resnet",
                    }),
                ),
                ("use_noise", Py::Bool(config.use_noise)),
                ("resample_filter", Py::List(config.resample_filter.iter().map(|&tap| Py::Float(tap.into())).collect())),
            ]),
        ),
    ]);
    let sizes = [config.z_dim, config.c_dim, config.w_dim, config.img_resolution, config.img_channels];
    let attributes =
        vec![("_init_args".to_owned(), Py::Tuple(sizes.map(|size| Py::Int(size as i32)).into())), ("_init_kwargs".to_owned(), kwargs)];
    pickle(&dict([("G_ema", modules(&tensors, "", attributes))]))
}

#[test]
fn nvlabs_of_odd_shapes() {
    let configs = [
        odd(),
        stylegan2::Config { img_channels: 4, use_noise: false, resample_filter: vec![1.0, 2.0, 1.0], ..odd() },
        stylegan2::Config { c_dim: 5, embed_features: Some(6), layer_features: Some(9), architecture: Architecture::Resnet, ..odd() },
        stylegan2::Config { img_channels: 1, num_layers: 1, architecture: Architecture::Orig, lr_multiplier: 0.5, ..odd() },
        stylegan2::Config { z_dim: 0, c_dim: 3, img_resolution: 4, ..odd() },
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

// ---- TensorFlow and GenForce

/// A tensor of ours in the layout of TensorFlow's, `genforce` keeping PyTorch's order of axes.
fn theirs(name: &str, array: &Array, genforce: bool, first: bool) -> (Vec<usize>, Vec<f32>) {
    let mut tensor = Tensor { shape: array.shape().to_vec(), values: array.to_f32() };
    let block = name.strip_prefix("synthesis.b").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok()).unwrap_or(0);
    if name.ends_with(".conv0.weight") && (!first || block >= 128) {
        flip(&mut tensor);
    }
    if name.ends_with(".affine.bias") && !first {
        tensor.values.iter_mut().for_each(|value| *value -= 1.0);
    }
    if name.ends_with("const") {
        tensor.shape.splice(0..0, vec![1; 4 - tensor.shape.len()]);
    }
    let is_weight = name.ends_with("weight");
    match (is_weight, tensor.shape.len(), genforce) {
        (true, 4, false) => tensor = transpose(&tensor, &[2, 3, 1, 0]),
        (true, 2, false) => tensor = transpose(&tensor, &[1, 0]),
        (true, 2, true) if name == "mapping.embed.weight" => tensor = transpose(&tensor, &[1, 0]),
        _ => {}
    }
    (tensor.shape, tensor.values)
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

fn genforce_name(ours: &str, first: bool) -> String {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        return format!("mapping.dense{rest}");
    }
    match ours {
        "mapping.w_avg" => return "truncation.w_avg".into(),
        "mapping.embed.weight" => return "mapping.label_weight".into(),
        "synthesis.b4.const" if first => return "synthesis.layer0.const".into(),
        "synthesis.b4.const" => return "synthesis.early_layer.const".into(),
        _ => {}
    }
    let (resolution, rest) = ours.strip_prefix("synthesis.b").unwrap().split_once('.').unwrap();
    let (layer, kind) = rest.split_once('.').unwrap();
    let block = resolution.parse::<usize>().unwrap().ilog2() as usize - 2;
    let module = match (layer, first) {
        ("torgb", _) => format!("output{block}"),
        ("conv0", false) => format!("layer{}", 2 * block - 1),
        ("conv1", false) => format!("layer{}", 2 * block),
        (_, _) => format!("layer{}", 2 * block + usize::from(layer == "conv1")),
    };
    let kind = match (kind, first) {
        ("noise_const", true) => "apply_noise.noise".to_owned(),
        ("noise_strength", true) => "apply_noise.weight".to_owned(),
        ("noise_const", false) => "noise".to_owned(),
        (kind, _) => kind.replace("affine", "style"),
    };
    format!("synthesis.{module}.{kind}")
}

fn genforce(model: &Model, first: bool, top: usize) -> Vec<u8> {
    let entry = |(name, array): (&String, &Array)| {
        let (shape, values) = theirs(name, array, true, first);
        let name = match name.strip_prefix("synthesis.torgb.") {
            Some(kind) => format!("synthesis.output{}.{kind}", top.ilog2() - 2),
            None => genforce_name(name, first),
        };
        (name, Py::Torch(shape, values))
    };
    pickle(&dict([("models", dict([("generator_smooth", Py::Dict(model.arrays.iter().map(entry).collect()))]))]))
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

fn first() -> stylegan1::Config {
    stylegan1::Config {
        z_dim: 6,
        c_dim: 0,
        w_dim: 10,
        img_resolution: 128,
        img_channels: 3,
        channel_base: 512,
        channel_max: 12,
        num_layers: 2,
        layer_features: Some(7),
        lr_multiplier: 0.01,
    }
}

fn tensorflow_name(ours: &str, first: bool) -> (bool, String) {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        return (true, format!("Dense{}", rest.replace('.', "/")));
    }
    match ours {
        "mapping.embed.weight" => return (true, "LabelConcat/weight".into()),
        "synthesis.b4.const" => return (false, "4x4/Const/const".into()),
        "synthesis.torgb.weight" => return (false, "ToRGB_lod0/weight".into()),
        "synthesis.torgb.bias" => return (false, "ToRGB_lod0/bias".into()),
        _ => {}
    }
    let (resolution, rest) = ours.strip_prefix("synthesis.b").unwrap().split_once('.').unwrap();
    let (layer, kind) = rest.split_once('.').unwrap();
    let log2 = resolution.parse::<usize>().unwrap().ilog2() as usize;
    let scope = match (layer, log2) {
        ("conv0", 2) => "Const",
        ("conv1", 2) => "Conv",
        ("conv0", _) => "Conv0_up",
        ("conv1", _) => "Conv1",
        ("skip", _) => "Skip",
        _ => "ToRGB",
    };
    let kind = match (kind, first) {
        ("noise_const", true) => return (false, format!("noise{}", 2 * log2 - 4 + usize::from(layer == "conv1"))),
        ("noise_const", false) => return (false, format!("noise{}", 2 * log2 - 4 - usize::from(layer == "conv0"))),
        ("noise_strength", true) => "Noise/weight",
        ("affine.weight", true) => "StyleMod/weight",
        ("affine.bias", true) => "StyleMod/bias",
        ("affine.weight", false) => "mod_weight",
        ("affine.bias", false) => "mod_bias",
        (kind, _) => kind,
    };
    (false, format!("{resolution}x{resolution}/{scope}/{kind}"))
}

fn tensorflow(model: &Model, first: bool, kwargs: Py) -> Vec<u8> {
    let (mut mapping, mut synthesis, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for (name, array) in &model.arrays {
        let (shape, values) = theirs(name, array, false, first);
        if name == "mapping.w_avg" {
            own.push(Py::Tuple(vec![Py::Str("dlatent_avg"), Py::Numpy(shape, values)]));
            continue;
        }
        let (is_mapping, name) = tensorflow_name(name, first);
        let list = if is_mapping { &mut mapping } else { &mut synthesis };
        list.push(Py::Tuple(vec![Py::Name(name), Py::Numpy(shape, values)]));
    }
    let network = |state| Py::Object("dnnlib.tflib.network", "Network", Box::new(state));
    let component = |variables| network(dict([("static_kwargs", Py::Dict(Vec::new())), ("variables", Py::List(variables))]));
    let components = dict([("mapping", component(mapping)), ("synthesis", component(synthesis))]);
    pickle(&network(dict([
        ("version", Py::Int(5)),
        ("name", Py::Str("Gs")),
        ("static_kwargs", kwargs),
        ("components", components),
        ("variables", Py::List(own)),
    ])))
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

// ---- rosinality and its decoders

fn rosinality_name(ours: &str) -> String {
    if let Some(rest) = ours.strip_prefix("mapping.fc") {
        let (index, kind) = rest.split_once('.').unwrap();
        return format!("style.{}.{kind}", index.parse::<usize>().unwrap() + 1);
    }
    let (resolution, rest) = ours.strip_prefix("synthesis.b").unwrap().split_once('.').unwrap();
    let log2 = resolution.parse::<usize>().unwrap().ilog2() as usize;
    let (module, noise) = match (rest.split('.').next().unwrap(), log2) {
        ("const", _) => return "input.input".into(),
        ("conv1", 2) => ("conv1".to_owned(), 0),
        ("conv0", _) => (format!("convs.{}", 2 * log2 - 6), 2 * log2 - 5),
        ("conv1", _) => (format!("convs.{}", 2 * log2 - 5), 2 * log2 - 4),
        (_, 2) => ("to_rgb1".to_owned(), 0),
        (_, _) => (format!("to_rgbs.{}", log2 - 3), 0),
    };
    match rest.split_once('.').unwrap().1 {
        "weight" => format!("{module}.conv.weight"),
        "affine.weight" => format!("{module}.conv.modulation.weight"),
        "affine.bias" => format!("{module}.conv.modulation.bias"),
        "bias" if module.starts_with("to_rgb") => format!("{module}.bias"),
        "bias" => format!("{module}.activate.bias"),
        "noise_strength" => format!("{module}.noise.weight"),
        _ => format!("noises.noise_{noise}"),
    }
}

fn rosinality(model: &Model, prefix: &str) -> Py {
    let entry = |(name, array): (&String, &Array)| {
        let shape = match (array.shape(), name.ends_with("torgb.bias")) {
            (&[o, i, h, w], _) => vec![1, o, i, h, w],
            (&[channels], true) => vec![1, channels, 1, 1],
            ([], _) => vec![1],
            (other, _) => other.to_vec(),
        };
        (format!("{prefix}{}", rosinality_name(name)), Py::Torch(shape, array.to_f32()))
    };
    Py::Dict(model.arrays.iter().filter(|(name, _)| *name != "mapping.w_avg").map(entry).collect())
}

/// config F without what rosinality's code has not; sizes are read off the shapes, so 36 channels need not be a base of 72 * 8.
fn plain() -> stylegan2::Config {
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
        (dict([("g", names(&["input.input", "conv1.conv.weight"]))]), "no g_ema"),
        (Py::Call("tfutil", "Network", Vec::new()), "Progressive GAN"),
        (dict([("state_dict", names(&["student.conv1.weight"]))]), "MobileStyleGAN"),
    ];
    for (value, word) in cases {
        let error = from_bytes(&pickle(&value), word, &mut quiet()).unwrap_err();
        assert!(matches!(error, super::super::ConvertError::Unsupported(_)) && error.to_string().contains(word), "{word}: {error}");
    }
}

/// The speed and memory of a full-size checkpoint; run it alone, in release: `cargo test --release -- --ignored full_size`.
#[test]
#[ignore = "measures: 30 million parameters, a minute in the dev profile"]
fn full_size() {
    let config = stylegan2::Config::config_f();
    let model = random_weights(&Config::StyleGan2(config.clone()), 0);
    let bytes = nvlabs(&model, &config);
    drop(model);
    let started = std::time::Instant::now();
    let found = from_bytes(&bytes, "config F", &mut quiet()).unwrap();
    eprintln!("{} MB converted in {:?}, {} parameters", bytes.len() / 1_000_000, started.elapsed(), found.parameters());
}
