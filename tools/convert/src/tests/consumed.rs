//! Every tensor of a generator is consumed: each fixture once more with one tensor missing, one under another name, one too many, for
//! each tensor it has. What is read then is a refusal, or the same network.

use std::path::Path;

use super::super::course::Course;
use super::super::find;
use super::super::nest::Nest;
use super::super::network::Converted;
use super::super::recognise::{self, Kind};
use super::super::tf;
use super::super::torch::Checkpoint;
use super::super::value::{Data, Id, Value};
use super::super::{Budget, Untold, archive, pickle};
use super::{made, *};
use crate::test_files::layouts;
use stylegan_wgpu::internals::random_weights::random_weights;

/// Networks above this resolution take too long to be read hundreds of times.
const MOST: u64 = 128;

/// Tensors that some code bases' networks can do without.
const OPTIONAL: [&str; 6] = [
    // Computed from 10,000 latents, with a warning.
    "w_avg",
    "latent_avg",
    "dlatent_avg",
    // Every layer has the same; one that has none takes the others'.
    "resample_filter",
    "kernel",
    // How far TensorFlow's StyleGANs have grown: zero where none is said.
    "lod",
];

/// One file is read hundreds of times here.
const BYTES: usize = 1 << 36;

fn parsed<'a>(bytes: &'a [u8], budget: &Budget) -> Checkpoint<'a> {
    match recognise::kind(bytes).unwrap() {
        Kind::Pickle => Checkpoint::plain(pickle::parse(bytes, budget).unwrap()),
        Kind::TorchLegacy => Checkpoint::legacy(bytes, budget).unwrap(),
        Kind::TorchZip(_) => Checkpoint::zip(bytes, &archive::members(bytes).unwrap(), budget).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn convert(nest: &Nest<'_>) -> Result<Converted> {
    recognise::generator(nest, Untold::default(), &mut Vec::new(), &mut Course::new(&mut quiet()))
}

/// A refusal, of what this network lacks or has too much: never that the file is something else.
#[track_caller]
fn refused(result: Result<Converted>, what: &str) {
    match result {
        Ok(_) => panic!("{what}: read all the same"),
        Err(ConvertError::Tensor { .. } | ConvertError::Unsupported(_)) => {}
        Err(error) => panic!("{what}: {error:?}"),
    }
}

fn is_optional(name: &str) -> bool {
    // The outputs of lower resolutions are for growing.
    name.starts_with("ToRGB_lod") && !name.starts_with("ToRGB_lod0/")
        || name.rsplit(['.', '/']).next().is_some_and(|last| OPTIONAL.contains(&last))
}

/// The same network, whatever was added or taken, or none.
#[track_caller]
fn never_another(before: &Converted, after: Result<Converted>, what: &str) {
    let Ok(after) = after else { return };
    assert_eq!(after.config, before.config, "{what}");
    for (name, array) in &before.arrays {
        if !is_optional(name) {
            assert!(
                after.arrays[name].shape() == array.shape() && after.arrays[name].to_f32() == array.to_f32(),
                "{what}: {name} is another"
            );
        }
    }
}

#[test]
fn of_pytorch() {
    let mut seen = 0;
    for source in ["stylegan2-ada-pytorch", "stylegan3", "rosinality"] {
        for (folder, case) in cases(source) {
            if case["config"]["img_resolution"].as_u64().is_none_or(|resolution| resolution > MOST) {
                continue;
            }
            let files = case["files"].as_array().cloned().unwrap_or_else(|| vec!["network.pkl".into()]);
            for file in files {
                each_tensor(&folder.join(file.as_str().unwrap()));
                seen += 1;
            }
        }
    }
    assert!(seen > 3, "{seen} files");
}

#[test]
fn of_genforce() {
    let second = stylegan2::Config { img_resolution: 16, channel_base: 128, channel_max: 12, ..stylegan2::Config::config_f() };
    let first = made::first();
    for (config, is_first) in [(Config::StyleGan2(second), false), (Config::StyleGan1(first), true)] {
        let bytes = layouts::genforce(&random_weights(&config, 4), is_first, if is_first { 128 } else { 16 });
        each_tensor_of(&bytes, &format!("GenForce's {config:?}"));
    }
}

fn each_tensor(path: &Path) {
    each_tensor_of(&std::fs::read(path).unwrap(), &path.display().to_string());
}

fn each_tensor_of(bytes: &[u8], file: &str) {
    let budget = Budget::for_file(BYTES);
    let checkpoint = parsed(bytes, &budget);
    let nest = || Nest::read(&checkpoint).unwrap();
    let whole = nest();
    let before = convert(&whole).unwrap();
    let place = find::generator(&whole, &mut Vec::new()).unwrap().expect("a generator");
    // The average w may stand in a dict around the generator.
    let names: Vec<String> = whole.tensors.keys().filter(|name| name.starts_with(&place.prefix)).cloned().collect();
    assert!(names.len() > 20, "{file}: {names:?}");
    for name in &names {
        let what = |what: &str| format!("{file} with {name} {what}");
        let mut fewer = nest();
        let id = fewer.tensors.remove(name).unwrap();
        match is_optional(name) {
            true => never_another(&before, convert(&fewer), &what("missing")),
            false => refused(convert(&fewer), &what("missing")),
        }
        fewer.tensors.insert(format!("{name}_renamed"), id);
        refused(convert(&fewer), &what("renamed"));
        let mut more = nest();
        let layer = name.rfind('.').map_or("", |at| &name[..=at]);
        more.tensors.insert(format!("{layer}extra"), id);
        refused(convert(&more), &what("and one more beside it"));
        more.tensors.remove(&format!("{layer}extra"));
        more.tensors.insert(format!("{layer}num_batches_tracked"), id);
        assert!(convert(&more).is_ok(), "{}", what("and a counter beside it"));
        never_another(&before, convert(&more), &what("and a counter beside it"));
    }
}

#[test]
fn of_tensorflow() {
    for source in ["tf-stylegan1", "tf-stylegan2"] {
        for (folder, _) in cases(source) {
            each_variable(&folder.join("network.pkl"));
        }
    }
}

/// The variables of TensorFlow's networks are lists of (name, value) in the states of the network and of its two components.
fn variables(checkpoint: &Checkpoint<'_>) -> Vec<Id> {
    let pickle = &checkpoint.pickle;
    let network = tf::choose(&Nest::read(checkpoint).unwrap()).expect("Gs");
    let state = pickle.state(network).unwrap();
    let components = pickle.get(state, "components").unwrap();
    let parts = ["mapping", "synthesis"].map(|part| pickle.state(pickle.get(components, part).unwrap()).unwrap());
    [state].into_iter().chain(parts).filter_map(|state| pickle.get(state, "variables")).collect()
}

fn each_variable(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let budget = Budget::for_file(BYTES);
    let read = |checkpoint: &Checkpoint<'_>| convert(&Nest::read(checkpoint).unwrap());
    let whole = parsed(&bytes, &budget);
    let before = read(&whole).unwrap();
    let mut tried = 0;
    for list in variables(&whole) {
        let items = whole.pickle.items(list).unwrap();
        for (index, &item) in items.iter().enumerate() {
            let name = whole.pickle.name(whole.pickle.items(item).unwrap()[0]).unwrap();
            let what = |what: &str| format!("{} with {name} {what}", path.display());
            let changed = |change: &dyn Fn(&mut Vec<Id>, &mut Vec<Value>)| {
                let mut changed = parsed(&bytes, &budget);
                let mut items = items.to_vec();
                change(&mut items, &mut changed.pickle.values);
                changed.pickle.values[list as usize] = Value::List(items);
                read(&changed)
            };
            let under = |name: String, values: &mut Vec<Value>| -> Id {
                let value = whole.pickle.items(item).unwrap()[1];
                values.push(Value::Str(Data::Decoded(name.into_bytes().into())));
                values.push(Value::Tuple([values.len() as Id - 1, value].into()));
                values.len() as Id - 1
            };
            let missing = changed(&|items, _| _ = items.remove(index));
            match is_optional(&name) {
                true => never_another(&before, missing, &what("missing")),
                false => refused(missing, &what("missing")),
            }
            refused(changed(&|items, values| items[index] = under(format!("{name}_renamed"), values)), &what("renamed"));
            let layer = name.rfind('/').map_or("", |at| &name[..=at]);
            refused(changed(&|items, values| items.push(under(format!("{layer}extra"), values))), &what("and one more beside it"));
            tried += 1;
        }
    }
    assert!(tried > 20, "{}: {tried} variables", path.display());
}
