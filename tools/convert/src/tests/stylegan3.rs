//! StyleGAN3s of our own making, as NVIDIA's persistence and StyleGAN-XL's write them: rectangles, gaps in the numbers of layers, a table
//! of classes, layers without clamp. The networks that come back must be the ones that were written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::stylegan3::{self, ClassEmbedding, Layer};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::{Array, Config, Model, latent};

use super::super::from_bytes;
use super::{normalise, quiet, values};
use crate::test_files::layouts::torch;
use crate::test_files::writer::{Py, dict, pickle};

/// What a module has beside its tensors, by its path.
type Attributes = BTreeMap<String, Vec<(&'static str, Py)>>;

/// The module of the tensors below a prefix. Attributes are used up.
fn module(tensors: &BTreeMap<String, &Array>, attributes: &mut Attributes, prefix: &str) -> Py {
    let (mut buffers, mut children) = (Vec::new(), BTreeSet::new());
    for (name, array) in tensors.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix)) {
        match name[prefix.len()..].split_once('.') {
            None => buffers.push((name[prefix.len()..].to_owned(), torch(array))),
            Some((child, _)) => drop(children.insert(child)),
        }
    }
    let children = children.into_iter().map(|child| (child.to_owned(), module(tensors, attributes, &format!("{prefix}{child}."))));
    let mut state = vec![
        ("_modules".to_owned(), Py::Dict(children.collect())),
        ("_parameters".to_owned(), Py::Dict(Vec::new())),
        ("_buffers".to_owned(), Py::Dict(buffers)),
    ];
    state.extend(attributes.remove(prefix).unwrap_or_default().into_iter().map(|(key, value)| (key.to_owned(), value)));
    if prefix == "mapping.embed." && tensors.contains_key("mapping.embed_proj.weight") {
        return Py::Object("torch.nn.modules.sparse", "Embedding", Box::new(Py::Dict(state)));
    }
    let meta = dict([
        ("type", Py::Str("class")),
        ("version", Py::Int(6)),
        ("module_src", Py::Str("raise SystemExit('executed')")),
        ("class_name", Py::Str(if prefix.is_empty() { "Generator" } else { "Module" })),
        ("state", Py::Dict(state)),
    ]);
    Py::Call("torch_utils.persistence", "_reconstruct_persistent_obj", vec![meta])
}

/// Width and height.
fn size([height, width]: [usize; 2]) -> Py {
    Py::List(vec![Py::Int(width as i32), Py::Int(height as i32)])
}

fn attributes(config: &stylegan3::Config) -> Attributes {
    let int = |value: usize| Py::Int(value as i32);
    let clamp = |clamp: Option<f32>| clamp.map_or(Py::None, |clamp| Py::Float(clamp.into()));
    let names = config.layers.iter().map(|layer| layer.name.clone()).chain([config.torgb.name.clone()]);
    let scalar = |value: f32| Py::Scalar("numpy.core.multiarray", "f8", f64::from(value).to_le_bytes().to_vec());
    let mut attributes = Attributes::from([
        (
            "synthesis.".to_owned(),
            vec![
                ("layer_names", Py::List(names.map(Py::Name).collect())),
                ("output_scale", Py::Float(config.output_scale.into())),
                ("img_resolution", int(config.image_size().0)),
            ],
        ),
        (
            "synthesis.input.".to_owned(),
            vec![
                ("size", size(config.input.size)),
                ("sampling_rate", scalar(config.input.sampling_rate)),
                ("bandwidth", scalar(config.input.bandwidth)),
            ],
        ),
        ("mapping.".to_owned(), vec![("num_layers", int(config.num_layers))]),
        ("mapping.fc0.".to_owned(), vec![("bias_gain", Py::Float(config.lr_multiplier.into()))]),
    ]);
    for layer in &config.layers {
        let of_layer = vec![
            ("is_torgb", Py::Bool(false)),
            ("use_fp16", Py::Scalar("numpy.core.multiarray", "b1", vec![layer.use_fp16.into()])),
            ("in_size", size(layer.in_size)),
            ("out_size", size(layer.out_size)),
            ("up_factor", int(layer.up_factor)),
            ("down_factor", int(2)),
            ("up_taps", int(layer.up_taps)),
            ("down_taps", int(layer.down_taps)),
            ("padding", Py::List(layer.padding.map(|side| Py::Int(side as i32)).into())),
            ("conv_clamp", clamp(layer.conv_clamp)),
        ];
        attributes.insert(format!("synthesis.{}.", layer.name), of_layer);
    }
    let (height, width) = config.image_size();
    let last = vec![
        ("is_torgb", Py::Bool(true)),
        ("use_fp16", Py::Bool(config.torgb.use_fp16)),
        ("in_size", size([height, width])),
        ("out_size", size([height, width])),
        ("up_factor", int(1)),
        ("down_factor", int(1)),
        ("up_taps", int(1)),
        ("down_taps", int(1)),
        ("padding", Py::List(vec![int(0), int(0), int(0), int(0)])),
        ("conv_clamp", clamp(config.torgb.conv_clamp)),
    ];
    attributes.insert(format!("synthesis.{}.", config.torgb.name), last);
    attributes
}

pub(super) fn written(model: &Model, extra: &BTreeMap<String, Array>, change: impl FnOnce(&mut Attributes)) -> Vec<u8> {
    let Config::StyleGan3(config) = &model.config else { panic!("{:?}", model.config) };
    let mut attributes = attributes(config);
    change(&mut attributes);
    let tensors = model.arrays.iter().chain(extra).map(|(name, array)| (name.clone(), array)).collect();
    pickle(&dict([("G_ema", module(&tensors, &mut attributes, ""))]))
}

pub(super) fn odd() -> stylegan3::Config {
    let mut config = stylegan3::Config::t(64);
    (config.z_dim, config.w_dim, config.input.channels) = (6, 10, 5);
    for (i, layer) in config.layers.iter_mut().enumerate() {
        layer.in_channels = 5 + i;
        layer.out_channels = 6 + i;
    }
    config.layers[0].in_channels = config.input.channels;
    config
}

/// Half as wide, as StyleGAN-Human's: the same numbers of samples less on both sides.
fn narrow(mut config: stylegan3::Config) -> stylegan3::Config {
    let half = |size: &mut [usize; 2]| size[1] /= 2;
    half(&mut config.input.size);
    for Layer { in_size, out_size, up_factor, up_taps, down_taps, padding, conv_kernel, .. } in &mut config.layers {
        half(in_size);
        half(out_size);
        let grown = ((in_size[1] + *conv_kernel - 1) * *up_factor) as isize;
        let total = (out_size[1] as isize - 1) * 2 + 1 + (*up_taps + *down_taps) as isize - 2 - grown;
        let low = (total + *up_factor as isize).div_euclid(2);
        (padding[0], padding[1]) = (low, total - low);
    }
    config
}

/// A super-resolution network's: layers are missing between, and the table of classes has averages of its own.
pub(super) fn xl() -> stylegan3::Config {
    let mut config = odd();
    config.c_dim = 7;
    config.class_embedding = Some(ClassEmbedding { features: 9 });
    for (layer, number) in config.layers.iter_mut().zip((0..6).chain(20..)) {
        layer.name = format!("L{number}_{}_{}", layer.out_size[0], layer.out_channels);
    }
    config
}

#[test]
fn networks_come_back() {
    let conditional = stylegan3::Config { c_dim: 4, lr_multiplier: 0.02, ..odd() };
    let mut unclamped = odd();
    unclamped.layers.iter_mut().for_each(|layer| layer.conv_clamp = None);
    for config in [odd(), narrow(odd()), conditional, unclamped, xl(), stylegan3::Config { z_dim: 6, w_dim: 4, ..radial() }] {
        let model = random_weights(&Config::StyleGan3(config.clone()), 3);
        let training = BTreeMap::from([("synthesis.up_filter4".to_owned(), Array::from_f32(&[2], &[0.5; 2]))]);
        let bytes = written(&model, &training, |_| {});
        let found = from_bytes(&bytes, "ours", &mut quiet()).unwrap_or_else(|error| panic!("{config:?}: {error}"));
        assert_eq!(found.config, model.config);
        for (name, array) in &model.arrays {
            assert_eq!(found.arrays[name].bytes(), array.bytes(), "{name}");
        }
        let format = if config.class_embedding.is_some() { "stylegan-xl" } else { "stylegan3" };
        assert_eq!(found.provenance["source_format"], format);
    }
}

fn radial() -> stylegan3::Config {
    let mut config = stylegan3::Config::r(64);
    config.input.channels = 4;
    for layer in &mut config.layers {
        (layer.in_channels, layer.out_channels) = (4, 4);
    }
    config
}

/// w of StyleGAN-XL by its equations, in f64: y = sqrt(2) lrelu(embed[class] P^T / sqrt(E) + b), both normalised, then the layers.
#[test]
fn classes_of_xl_are_embedded_by_a_table_and_a_layer() {
    let model = random_weights(&Config::StyleGan3(xl()), 5);
    let (z, class) = (latent::z(7, 6), 4);
    let values = |name: &str| values(&model, name);
    let lrelu = |x: f64| 2f64.sqrt() * if x < 0.0 { 0.2 * x } else { x };
    let dense = |weight: &[f64], bias: &[f64], x: &[f64], gain: f64, bias_gain: f64| -> Vec<f64> {
        let rows = weight.chunks_exact(x.len()).zip(bias);
        rows.map(|(row, bias)| lrelu(row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() * gain + bias * bias_gain)).collect()
    };
    let row = values("mapping.embed.weight")[class * 9..][..9].to_vec();
    let mut y = dense(&values("mapping.embed_proj.weight"), &values("mapping.embed_proj.bias"), &row, 1.0 / 3.0, 1.0);
    normalise(&mut y);
    let mut x: Vec<f64> = z.iter().map(|&z| z.into()).collect();
    normalise(&mut x);
    x.extend(y);
    for i in 0..2 {
        let (weight, bias) = (values(&format!("mapping.fc{i}.weight")), values(&format!("mapping.fc{i}.bias")));
        x = dense(&weight, &bias, &x, 0.01 / (x.len() as f64).sqrt(), 0.01);
    }
    let plan = mapping(&model, 1);
    let label = (0..7).map(|i| if i == class { 1.0 } else { 0.0 }).collect();
    let got = reference::run(&plan.plan, &HashMap::from([("z", z), ("label", label)])).swap_remove(plan.w.id);
    assert_eq!(got.len(), x.len());
    for (got, want) in got.iter().zip(&x) {
        assert!((f64::from(*got) - want).abs() <= 1e-5, "{got} for {want}");
    }
    assert_eq!(model.array("mapping.w_avg").shape(), [7, 10]);
}

/// Without a single f16 layer, --precision f16 takes what NVIDIA's rule names.
#[test]
fn f16_follows_the_rule_where_the_file_has_none() {
    let mut config = odd();
    config.layers.iter_mut().for_each(|layer| layer.use_fp16 = false);
    config.torgb.use_fp16 = false;
    let model = random_weights(&Config::StyleGan3(config), 3);
    let rate = |attributes: &mut Attributes| {
        for (path, of_layer) in attributes.iter_mut().filter(|(path, _)| path.starts_with("synthesis.L")) {
            of_layer.push(("out_sampling_rate", Py::Int(if path.starts_with("synthesis.L0_") { 4 } else { 8 })));
        }
    };
    let found = from_bytes(&written(&model, &BTreeMap::new(), rate), "ours", &mut quiet()).unwrap();
    let Config::StyleGan3(config) = found.config else { panic!("a StyleGAN3") };
    // 4 * 16 is not beyond 64 pixels, 8 * 16 is.
    assert!(config.layers.iter().enumerate().all(|(i, layer)| layer.use_fp16 == (i > 0)) && config.torgb.use_fp16);
}

#[test]
fn what_is_not_as_it_must_be_is_said() {
    let model = random_weights(&Config::StyleGan3(odd()), 3);
    // Of 64 pixels: L2_36_512, whatever its channels are.
    let layer = format!("synthesis.{}.", odd().layers[2].name);
    let set = |key: &'static str, value: Py| {
        let layer = layer.clone();
        move |attributes: &mut Attributes| {
            let of_layer = attributes.get_mut(&layer).expect("the layer");
            of_layer.retain(|(known, _)| *known != key);
            of_layer.push((key, value));
        }
    };
    let wrong = |bytes: Vec<u8>, word: &str| {
        let error = from_bytes(&bytes, "wrong", &mut quiet()).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    };
    let none = BTreeMap::new();
    wrong(written(&model, &none, set("padding", Py::List(Vec::new()))), "padding is a list of 0, not 4 whole numbers");
    wrong(written(&model, &none, set("padding", Py::List((0..4).map(Py::Int).collect()))), "its input, padding and filters give");
    wrong(written(&model, &none, set("in_size", Py::Str("36"))), "in_size is a string");
    wrong(written(&model, &none, set("up_factor", Py::Int(3))), "up-sampling by 3; 1, 2 and 4 are supported");
    wrong(written(&model, &none, set("down_factor", Py::Int(1))), "down_factor is not 2");
    wrong(written(&model, &none, set("up_taps", Py::Int(10))), "needed a filter of 10 taps");
    wrong(written(&model, &none, set("is_torgb", Py::Bool(true))), "makes an image before the last layer");
    wrong(written(&model, &none, set("use_fp16", Py::None)), "use_fp16 is None, not True or False");
    wrong(written(&model, &none, |attributes| drop(attributes.remove(&layer))), "has no is_torgb");
    let extra = BTreeMap::from([(format!("{layer}attention"), Array::from_f32(&[2], &[0.0; 2]))]);
    wrong(written(&model, &extra, |_| {}), "L2_36_512.attention");
    // A mapping network that lacks a layer, or has one more than it says; and one that does not say.
    let named =
        |count: i32| move |attributes: &mut Attributes| drop(attributes.insert("mapping.".into(), vec![("num_layers", Py::Int(count))]));
    let without = |name: &str| {
        let mut arrays = model.arrays.clone();
        arrays.remove(name).expect("a tensor");
        Model { arrays, ..model.clone() }
    };
    for name in ["mapping.fc0.weight", "mapping.fc1.weight", "mapping.fc1.bias"] {
        wrong(written(&without(name), &none, |_| {}), &format!("{name}: needed"));
    }
    wrong(written(&model, &none, named(3)), "mapping.fc2.weight");
    wrong(written(&model, &none, named(1)), "mapping.fc1.");
    wrong(written(&model, &none, named(i32::MAX)), "num_layers");
    let unsaid = written(&model, &none, |attributes| drop(attributes.remove("mapping.")));
    assert_eq!(from_bytes(&unsaid, "unsaid", &mut quiet()).unwrap().config, model.config);
    wrong(written(&without("mapping.fc0.weight"), &none, |attributes| drop(attributes.remove("mapping."))), "mapping.fc0.weight");
    // A text in the place of the first filter, which gets another name.
    let mut bytes = written(&model, &none, |_| {});
    let at = bytes.windows(9).position(|window| window == b"up_filter").expect("a filter");
    bytes.splice(at + 9..at + 9, *b"X\x06\0\0\0kaiserX\x09\0\0\0up_filte_");
    wrong(bytes, "up_filter: needed a filter of 12 taps, or as many on both sides, found a string");
    // A bare state_dict.
    let bare = Py::Dict(model.arrays.iter().map(|(name, array)| (name.clone(), torch(array))).collect());
    wrong(pickle(&bare), "does not tell the sizes, paddings and filters");
}
