//! One generator in the wrappings that people's training scripts give it: the same arrays come out, or a refusal that is true.

use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Model};

use super::super::find;
use super::super::nest::Nest;
use super::super::torch::Checkpoint;
use super::super::{Budget, from_bytes, pickle as machine};
use super::made::{expect, plain};
use super::quiet;
use crate::test_files::layouts::{nvlabs, rosinality, torch};
use crate::test_files::writer::{Py, dict, pickle, zip};

fn model(seed: u32) -> Model {
    random_weights(&Config::StyleGan2(stylegan2::Config { img_resolution: 16, ..plain() }), seed)
}

fn entries(py: Py) -> Vec<(String, Py)> {
    match py {
        Py::Dict(entries) => entries,
        _ => panic!("a dict"),
    }
}

fn average(model: &Model) -> Py {
    torch(model.array("mapping.w_avg"))
}

/// A checkpoint with its average under `latent_avg`.
fn whole(model: &Model) -> Vec<(String, Py)> {
    vec![("g_ema".into(), rosinality(model, "")), ("latent_avg".into(), average(model))]
}

fn refusal(value: &Py) -> String {
    from_bytes(&zip(value), "file", &mut quiet()).expect_err("a refusal").to_string()
}

/// What is said about a file that is read.
fn warnings(value: &Py) -> Vec<String> {
    let bytes = pickle(value);
    let checkpoint = Checkpoint::plain(machine::parse(&bytes, &Budget::for_file(bytes.len())).unwrap());
    let mut warnings = Vec::new();
    find::generator(&Nest::read(&checkpoint).unwrap(), &mut warnings).unwrap().expect("a generator");
    warnings
}

#[test]
fn objects_of_any_class_are_looked_into() {
    let model = model(3);
    let state = || Py::Dict(whole(&model));
    for (what, value) in [
        ("a dict of another name", Py::Mapping("mylib.util", "AttrDict", whole(&model))),
        ("attributes", Py::Object("train.state", "State", Box::new(state()))),
        ("slots", Py::Object("train.state", "State", Box::new(Py::Tuple(vec![Py::None, state()])))),
        ("a state that is a list", Py::Object("train.state", "State", Box::new(Py::List(vec![state()])))),
        ("arguments", Py::Call("train.state", "make", vec![Py::Int(1), state()])),
        ("keys that are numbers", Py::Keyed(vec![(Py::Int(0), Py::Int(9)), (Py::Int(1), state())])),
        ("keys that are tuples", Py::Keyed(vec![(Py::Tuple(vec![Py::Str("g"), Py::Str("ema")]), state())])),
        ("keys that are members of an enumeration", Py::Keyed(vec![(Py::Call("train.state", "Part", vec![Py::Str("G")]), state())])),
        ("a key without a name", Py::Keyed(vec![(Py::Float(0.5), state())])),
    ] {
        expect(&model, &zip(&value), what);
    }
}

/// Arguments in a dict of somebody's own class count: without them another network would be drawn.
#[test]
fn arguments_in_any_class_of_dict() {
    let config = stylegan2::Config { conv_clamp: Some(3.5), lr_multiplier: 0.5, num_fp16_res: 2, ..plain() };
    let model = random_weights(&Config::StyleGan2(config.clone()), 3);
    let file = nvlabs(&model, &config);
    // `}(` begins the dicts of arguments; as REDUCE of a class they are EasyDicts of a vendored dnnlib.
    let key = b"synthesis_kwargs}(";
    let at = file.windows(key.len()).position(|window| window == key).expect("the arguments") + key.len() - 2;
    let vendored = [&file[..at], b"cmodels.dnnlib.util\nEasyDict\n)R(", &file[at + 2..]].concat();
    expect(&model, &vendored, "a vendored EasyDict");
}

#[test]
fn wrappers_in_the_middle_of_a_name() {
    let model = model(5);
    for wrapper in ["module", "_orig_mod", "_fsdp_wrapped_module"] {
        let named = entries(rosinality(&model, "")).into_iter().map(|(name, tensor)| {
            let (module, rest) = name.split_once('.').unwrap();
            (format!("{module}.{wrapper}.{rest}"), tensor)
        });
        let file = dict([("g_ema", Py::Dict(named.collect())), ("latent_avg", average(&model))]);
        expect(&model, &zip(&file), wrapper);
    }
}

/// Found in its wrappers, though the network in training beside it has none; and what it lacks is told as where it would be.
#[test]
fn a_wrapped_average_beside_a_plain_network() {
    let (kept, other) = (model(5), model(6));
    let wrapped = |without: &str| {
        let named = entries(rosinality(&kept, "")).into_iter().filter(|(name, _)| name != without).map(|(name, tensor)| {
            let (module, rest) = name.split_once('.').unwrap();
            (format!("{module}.module.{rest}"), tensor)
        });
        Py::Dict(named.collect())
    };
    let file = |average| dict([("g", rosinality(&other, "")), ("g_ema", average), ("latent_avg", self::average(&kept))]);
    expect(&kept, &zip(&file(wrapped(""))), "g_ema");
    let text = refusal(&file(wrapped("convs.1.conv.weight")));
    assert!(text.contains("convs.1.conv.weight") && text.contains("found nothing"), "{text}");
    let mut named = entries(rosinality(&kept, ""));
    named.iter_mut().filter(|(name, _)| name == "convs.1.conv.weight").for_each(|(_, value)| *value = Py::None);
    let text = refusal(&file(dict([("module", Py::Dict(named))])));
    assert!(text.contains("convs.1.conv.weight") && text.contains("found None"), "{text}");
    // Two names that would become one stay as they are.
    let both = dict([
        ("g_ema", rosinality(&kept, "")),
        ("module", dict([("g_ema", rosinality(&kept, ""))])),
        ("latent_avg", self::average(&kept)),
    ]);
    expect(&kept, &zip(&both), "a copy in a wrapper");
}

#[test]
fn numbers_beside_a_bare_state_dict_are_no_weights() {
    let model = model(7);
    let mut named = entries(rosinality(&model, ""));
    named.extend([
        ("mean_latent".to_owned(), average(&model)),
        ("epoch".to_owned(), Py::Scalar("numpy.core.multiarray", "i8", 7i64.to_le_bytes().into())),
        ("fid".to_owned(), Py::Scalar("numpy.core.multiarray", "f8", 7.5f64.to_le_bytes().into())),
        ("optimizer".to_owned(), dict([("state", dict([("0", dict([("exp_avg", torch(model.array("mapping.w_avg")))]))]))])),
    ]);
    expect(&model, &zip(&Py::Dict(named)), "bare");
    for (name, value) in [
        ("gamma", Py::Torch(vec![], vec![1.0])),
        ("conv1.steps", Py::Scalar("numpy.core.multiarray", "i8", vec![1; 8])),
        ("attention", Py::Torch(vec![2], vec![1.0; 2])),
    ] {
        let mut named = entries(rosinality(&model, ""));
        named.push((name.into(), value));
        let text = refusal(&Py::Dict(named));
        assert!(text.contains(name), "{text}");
    }
}

/// An average that is there is taken or refused, never replaced by a computed one.
#[test]
fn averages_in_every_writing() {
    let model = model(9);
    let values = model.array("mapping.w_avg").to_f32();
    let numbers = || Py::List(values.iter().map(|&value| Py::Float(value.into())).collect());
    let scalar = |value: &f32| Py::Scalar("numpy._core.multiarray", "f4", value.to_le_bytes().into());
    let big = |value: &f32| Py::Scalar("numpy.core.multiarray", ">f4", value.to_be_bytes().into());
    for (what, value) in [
        ("numbers", numbers()),
        ("numbers in a list", Py::List(vec![numbers()])),
        ("scalars of NumPy", Py::List(values.iter().map(scalar).collect())),
        ("scalars of a machine of the other order", Py::List(values.iter().map(big).collect())),
        ("tensors without sides", Py::List(values.iter().map(|&value| Py::Torch(vec![], vec![value])).collect())),
        ("a tensor in a list", Py::Tuple(vec![average(&model)])),
        ("a tensor in a dict", dict([("mean", average(&model))])),
    ] {
        for name in ["latent_avg", "style_mean", "avg_w"] {
            let named = vec![("g_ema".to_owned(), rosinality(&model, "")), (name.to_owned(), clone(&value))];
            expect(&model, &zip(&Py::Dict(named)), &format!("{what} under {name}"));
        }
    }
    for (value, found) in [(Py::Str("mean.npy"), "a string"), (Py::Torch(vec![3], vec![0.0; 3]), "[3]"), (Py::List(vec![]), "a list of 0")]
    {
        let text = refusal(&dict([("g_ema", rosinality(&model, "")), ("latent_avg", value)]));
        assert!(text.contains("latent_avg") && text.contains(found), "{text}");
    }
    // A row for each layer, in whatever shape.
    let config = stylegan2::Config { img_resolution: 16, per_layer_w_avg: true, ..plain() };
    let model = random_weights(&Config::StyleGan2(config.clone()), 9);
    let (rows, w_dim, values) = (config.num_ws(), config.w_dim, model.array("mapping.w_avg").to_f32());
    let row = |row: &[f32]| Py::List(row.iter().map(|&value| Py::Float(value.into())).collect());
    for value in [
        Py::Torch(vec![1, rows, w_dim], values.clone()),
        Py::Torch(vec![rows, 1, w_dim], values.clone()),
        Py::Torch(vec![rows * w_dim], values.clone()),
        Py::List(values.chunks(w_dim).map(row).collect()),
    ] {
        expect(&model, &zip(&dict([("g_ema", rosinality(&model, "")), ("latent_avg", value)])), "rows");
    }
}

fn clone(value: &Py) -> Py {
    match value {
        Py::Float(value) => Py::Float(*value),
        Py::List(items) => Py::List(items.iter().map(clone).collect()),
        Py::Tuple(items) => Py::Tuple(items.iter().map(clone).collect()),
        Py::Dict(entries) => Py::Dict(entries.iter().map(|(name, value)| (name.clone(), clone(value))).collect()),
        Py::Scalar(module, kind, bytes) => Py::Scalar(module, kind, bytes.clone()),
        Py::Torch(shape, values) => Py::Torch(shape.clone(), values.clone()),
        _ => unreachable!("of numbers"),
    }
}

#[test]
fn one_of_several_generators() {
    let (kept, other) = (model(11), model(12));
    for name in ["g_running", "polyak", "G_mean", "netG_ma"] {
        let file = dict([("generator", rosinality(&other, "")), (name, rosinality(&kept, "")), ("latent_avg", average(&kept))]);
        expect(&kept, &zip(&file), name);
    }
    // A copy is the same network.
    let file = dict([("generator", rosinality(&kept, "")), ("model", rosinality(&kept, "")), ("latent_avg", average(&kept))]);
    expect(&kept, &zip(&file), "a copy");
    let text = refusal(&dict([("generator", rosinality(&kept, "")), ("model", rosinality(&other, ""))]));
    assert!(text.contains("several generators"), "{text}");
    // What is taken in the place of another is said.
    let file = dict([("generator", rosinality(&kept, "")), ("g_target", rosinality(&other, ""))]);
    assert!(warnings(&file).iter().any(|text| text.contains("another generator, g_target")), "{:?}", warnings(&file));
    let list = Py::List(kept.arrays.values().map(torch).collect());
    let file = dict([("model", rosinality(&kept, "")), ("ema", dict([("shadow_params", list)]))]);
    assert!(warnings(&file).iter().any(|text| text.contains("ema.shadow_params")), "{:?}", warnings(&file));
}

#[test]
fn a_lazily_negated_tensor_has_its_sign() {
    let bytes = pickle(&Py::Torch(vec![2], vec![1.0, -2.0]));
    // The arguments end in requires_grad and an empty dict of hooks; the metadata follow.
    let at = bytes.windows(3).rposition(|window| window == b"}tR").unwrap() + 1;
    let negated = [&bytes[..at], b"}X\x03\x00\x00\x00neg\x88s", &bytes[at..]].concat();
    for (bytes, wanted) in [(&bytes, [1.0, -2.0]), (&negated, [-1.0, 2.0])] {
        let checkpoint = Checkpoint::plain(machine::parse(bytes, &Budget::for_file(bytes.len())).unwrap());
        assert_eq!(checkpoint.tensor("t", checkpoint.pickle.root).unwrap().values, wanted);
    }
}

#[test]
fn refusals_say_what_is_there() {
    let model = model(13);
    let without = |name: &str, instead: Option<Py>| {
        let mut named = entries(rosinality(&model, ""));
        named.retain(|(key, _)| key != name);
        named.extend(instead.map(|value| (name.to_owned(), value)));
        refusal(&dict([("g_ema", Py::Dict(named)), ("latent_avg", average(&model))]))
    };
    let only = |part: &str| {
        let mut named = entries(rosinality(&model, ""));
        named.retain(|(key, _)| key.starts_with("style.") == (part == "mapping"));
        refusal(&Py::Dict(named))
    };
    for (text, words) in [
        (without("convs.1.conv.weight", None), &["convs.1.conv.weight", "nothing"][..]),
        (without("to_rgbs.1.conv.weight", None), &["to_rgbs.1.conv.weight", "nothing"]),
        (without("convs.1.conv.weight", Some(Py::None)), &["convs.1.conv.weight", "found None"]),
        (without("conv1.noise.weight", Some(Py::Float(0.5))), &["conv1.noise.weight", "found a float"]),
        (without("style.1.weight", Some(Py::Call("torch._utils", "_rebuild_qtensor", vec![]))), &["style.1.weight", "_rebuild_qtensor"]),
        (only("mapping"), &["mapping network without its synthesis network"]),
        (only("synthesis"), &["synthesis network without its mapping network"]),
        (
            refusal(&dict([("ema", dict([("shadow_params", Py::List(model.arrays.values().map(torch).collect()))]))])),
            &["without their names", "ema.shadow_params"],
        ),
    ] {
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
    }
}
