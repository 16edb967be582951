//! A model in the layout of each code base: checkpoints of our own making, for shapes and options no fixture has. Nothing of the
//! converters is used, so that a test of them can fail.

use std::collections::BTreeMap;

use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};
use stylegan_wgpu::{Array, Config, Model};

use super::writer::{Py, dict, pickle};

pub fn torch(array: &Array) -> Py {
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

fn activation(activation: Activation) -> Py {
    Py::Str(match activation {
        Activation::Lrelu => "lrelu",
        Activation::Relu => "relu",
        Activation::Linear => "linear",
    })
}

/// A pickle of stylegan2-ada-pytorch.
pub fn nvlabs(model: &Model, config: &stylegan2::Config) -> Vec<u8> {
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
                ("activation", activation(config.mapping_activation)),
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
                ("activation", activation(config.activation)),
                ("conv_clamp", config.conv_clamp.map_or(Py::None, |clamp| Py::Float(clamp.into()))),
                ("num_fp16_res", Py::Int(config.num_fp16_res as i32)),
                ("resample_filter", Py::List(config.resample_filter.iter().map(|&tap| Py::Float(tap.into())).collect())),
            ]),
        ),
    ]);
    let sizes = [config.z_dim, config.c_dim, config.w_dim, config.img_resolution, config.img_channels];
    let attributes =
        vec![("_init_args".to_owned(), Py::Tuple(sizes.map(|size| Py::Int(size as i32)).into())), ("_init_kwargs".to_owned(), kwargs)];
    pickle(&dict([("G_ema", modules(&tensors, "", attributes))]))
}

// ---- TensorFlow and GenForce

/// A tensor of ours in the layout of TensorFlow's, `genforce` keeping PyTorch's order of axes.
fn theirs(model: &Model, name: &str, array: &Array, genforce: bool) -> (Vec<usize>, Vec<f32>) {
    let first = matches!(model.config, Config::StyleGan1(_));
    let fused = |block: usize| match &model.config {
        Config::StyleGan1(config) => {
            let (height, width) = config.block_size(block);
            height.min(width) >= 128
        }
        _ => true,
    };
    let (mut shape, mut values) = (array.shape().to_vec(), array.to_f32());
    let block = name.strip_prefix("synthesis.b").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok()).unwrap_or(0);
    if name.ends_with(".conv0.weight") && fused(block) {
        values.chunks_exact_mut(9).for_each(<[f32]>::reverse);
    }
    if name.ends_with(".affine.bias") && !first {
        values.iter_mut().for_each(|value| *value -= 1.0);
    }
    if name.ends_with("const") {
        shape.splice(0..0, vec![1; 4 - shape.len()]);
    }
    let transposed = match genforce {
        true => name == "mapping.embed.weight",
        false => name.ends_with("weight") && shape.len() >= 2,
    };
    if transposed {
        // [out, in, k, k] to [k, k, in, out], or [out, in] to [in, out].
        let (outputs, inputs, taps) = (shape[0], shape[1], shape[2..].iter().product::<usize>());
        let at = |tap: usize, input: usize, output: usize| values[(output * inputs + input) * taps + tap];
        let each = (0..taps).flat_map(|tap| (0..inputs).flat_map(move |input| (0..outputs).map(move |output| (tap, input, output))));
        values = each.map(|(tap, input, output)| at(tap, input, output)).collect();
        shape = shape[2..].iter().copied().chain([inputs, outputs]).collect();
    }
    (shape, values)
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

pub fn genforce(model: &Model, first: bool, top: usize) -> Vec<u8> {
    let entry = |(name, array): (&String, &Array)| {
        let (shape, values) = theirs(model, name, array, true);
        let name = match name.strip_prefix("synthesis.torgb.") {
            Some(kind) => format!("synthesis.output{}.{kind}", top.ilog2() - 2),
            None => genforce_name(name, first),
        };
        (name, Py::Torch(shape, values))
    };
    pickle(&dict([("models", dict([("generator_smooth", Py::Dict(model.arrays.iter().map(entry).collect()))]))]))
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

/// What `session.run` of TensorFlow returns for a variable: a NumPy array, but a scalar where it has no sides.
fn session_run(shape: Vec<usize>, values: Vec<f32>) -> Py {
    match shape[..] {
        [] => Py::Scalar("numpy.core.multiarray", "f4", values[0].to_le_bytes().into()),
        _ => Py::Numpy(shape, values),
    }
}

/// The state that tflib's `Network.__getstate__` gives, in its order.
fn tf_network(name: &'static str, kwargs: Py, components: Py, variables: Vec<Py>) -> Py {
    Py::Object(
        "dnnlib.tflib.network",
        "Network",
        Box::new(dict([
            ("version", Py::Int(4)),
            ("name", Py::Str(name)),
            ("static_kwargs", kwargs),
            ("components", components),
            ("build_module_src", Py::Str("raise SystemExit('executed')")),
            ("build_func_name", Py::Str(name)),
            ("variables", Py::List(variables)),
        ])),
    )
}

/// A pickle of NVIDIA's TensorFlow code: (G, D, Gs), of which G and D have nothing but their step of growing.
pub fn tensorflow(model: &Model, first: bool, kwargs: Py) -> Vec<u8> {
    tensorflow_scoped(model, first, kwargs, |resolution| (resolution, resolution))
}

/// With other scopes than `{R}x{R}`: what `scope` makes of R.
pub fn tensorflow_scoped(model: &Model, first: bool, kwargs: Py, scope: impl Fn(usize) -> (usize, usize)) -> Vec<u8> {
    let scoped = |name: String| {
        let resolution = |name: &str| name.split_once('x')?.0.parse::<usize>().ok();
        match name.split_once('/').and_then(|(square, rest)| Some((scope(resolution(square)?), rest))) {
            Some(((height, width), rest)) => format!("{height}x{width}/{rest}"),
            None => name,
        }
    };
    let variable = |name: String, shape, values| Py::Tuple(vec![Py::Name(name), session_run(shape, values)]);
    let lod = |dtype, bytes: &[u8]| Py::Tuple(vec![Py::Str("lod"), Py::Scalar("numpy.core.multiarray", dtype, bytes.into())]);
    let (mut mapping, mut synthesis, mut own) = (Vec::new(), Vec::new(), vec![lod("f4", &[0; 4])]);
    for (name, array) in &model.arrays {
        let (shape, values) = theirs(model, name, array, false);
        if name == "mapping.w_avg" {
            own.push(variable("dlatent_avg".into(), shape, values));
            continue;
        }
        let (is_mapping, name) = tensorflow_name(name, first);
        let list = if is_mapping { &mut mapping } else { &mut synthesis };
        list.push(variable(scoped(name), shape, values));
    }
    if first {
        synthesis.push(lod("f4", &[0; 4]));
    }
    let none = || Py::Dict(Vec::new());
    let components = dict([
        ("synthesis", tf_network("G_synthesis", none(), none(), synthesis)),
        ("mapping", tf_network("G_mapping", none(), none(), mapping)),
    ]);
    let bare = |name| tf_network(name, none(), none(), vec![lod("f4", &[0; 4])]);
    pickle(&Py::Tuple(vec![bare("G"), bare("D"), tf_network("Gs", kwargs, components, own)]))
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

pub fn rosinality(model: &Model, prefix: &str) -> Py {
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
