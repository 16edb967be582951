//! Where the generator is in a file: found by what its tensors are called and how they are shaped, whatever it is wrapped in. The names
//! on the way there only say which of several is meant: averages before the networks in training.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::error::{ConvertError, Result};
use super::nest::Nest;
use super::value::{Id, Value};

mod names;

use names::{AVERAGES, is_average, is_usual, words};
pub(crate) use names::{is_average_w, is_counter};

/// The names a code base gives a generator's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// stylegan2-ada-pytorch and the StyleGAN2 of the stylegan3 repository.
    Nvlabs,
    /// NVIDIA's StyleGAN3 and what shares its layers.
    StyleGan3,
    /// rosinality's stylegan2-pytorch.
    Rosinality,
    /// BasicSR's StyleGAN2Generator: rosinality's under other names.
    BasicSr,
    /// adriansahlman's stylegan2_pytorch.
    AdrianSahlman,
    /// GenForce's StyleGAN and StyleGAN2.
    GenForce,
    /// The names of GenForce's beginnings, as InterFaceGAN has them.
    InterFaceGan,
}

/// Tensors that a generator of each layout has, the rarest name first.
const MARKS: [(Layout, &[&str]); 7] = [
    (Layout::Nvlabs, &["synthesis.b4.conv1.weight", "mapping.fc0.weight"]),
    (Layout::StyleGan3, &["synthesis.input.weight", "mapping.fc0.weight"]),
    (Layout::Rosinality, &["input.input", "conv1.conv.weight", "style.1.weight"]),
    (Layout::BasicSr, &["constant_input.weight", "style_conv1.modulated_conv.weight", "style_mlp.1.weight"]),
    (
        Layout::AdrianSahlman,
        &["G_synthesis.state_dict.conv_blocks.0.conv_block.0.layer.layer.weight", "G_mapping.state_dict.main.0.layer.weight"],
    ),
    (Layout::GenForce, &["synthesis.layer0.weight", "mapping.dense0.weight"]),
    (Layout::InterFaceGan, &["synthesis.layer0.first_layer", "mapping.dense0.linear.weight"]),
];

/// GenForce's StyleGAN counts its constant as layer 0.
const GENFORCE_STYLEGAN1: [&str; 2] = ["synthesis.layer0.const", "mapping.dense0.weight"];

/// Where a generator is, and in whose names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) layout: Layout,
    /// What its tensors' names begin with: empty, or ending in a point.
    pub(crate) prefix: String,
}

/// How much a place deserves to be the one: averages are what pictures are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Average,
    Plain,
    /// Named as the network in training is.
    Training,
}

/// The generator of a file; `None` when there is none. `warnings` hears of what a user should know.
pub(crate) fn generator(nest: &Nest<'_>, warnings: &mut Vec<String>) -> Result<Option<Place>> {
    let mut places = places(nest);
    let key = |place: &Place| (rank(place), familiarity(place));
    places.sort_by_cached_key(|place| (key(place), place.prefix.len()));
    let Some(best) = places.first().cloned() else { return Ok(None) };
    // A better one that lacks something is the one meant: it is refused for what it lacks, and no other drawn in its place.
    if let Some(damaged) = like(nest, &best).into_iter().filter(|place| key(place) < key(&best)).min_by_key(|place| key(place)) {
        return Ok(Some(damaged));
    }
    // The places are sorted: the first that is another network is the strongest rival.
    let own = own(nest, &best).collect::<Result<Vec<_>>>()?;
    let mut rival = None;
    for place in places[1..].iter().take_while(|place| rank(place) == rank(&best)) {
        if place.layout != best.layout || !same(nest, place, &own)? {
            rival = Some(place);
            break;
        }
    }
    if let Some(rival) = rival {
        if key(rival) == key(&best) {
            return Err(ConvertError::unsupported(format!(
                "this file holds several generators and nothing tells which one is meant ({} and {}); save the one you want alone",
                named(&best),
                named(rival)
            )));
        }
        warnings.push(format!("the file holds another generator, {}; {} is drawn", named(rival), named(&best)));
    }
    if let Some(list) = nameless_average(nest).filter(|_| rank(&best) != Rank::Average) {
        warnings.push(format!(
            "the file's average of the weights ({list}) is a list without names and is not used; {} is drawn, the network as training left it",
            named(&best)
        ));
    } else if rank(&best) == Rank::Training {
        warnings.push(format!(
            "the file has no average of the generator (g_ema); {} is drawn, the network as training or fine-tuning left it",
            named(&best)
        ));
    }
    Ok(Some(best))
}

/// A list of an average's weights (torch_ema's `shadow_params`), if there is one.
fn nameless_average<'n>(nest: &'n Nest<'_>) -> Option<&'n str> {
    nest.tensors.keys().find_map(|name| {
        let list = name.strip_suffix(".8")?;
        (list.split('.').any(is_average) && (0..8).all(|i| nest.tensors.contains_key(&format!("{list}.{i}")))).then_some(list)
    })
}

/// Whether something with this name, counted from the dict of a generator, is none of its tensors: a counter, the average w, a setting, or
/// what training keeps beside a bare state_dict.
pub(crate) fn is_beside(nest: &Nest<'_>, name: &str, id: Id) -> bool {
    const TRAINING: [&str; 8] = ["optim", "optimizer", "optimizers", "opt", "scheduler", "discriminator", "netd", "d"];
    is_counter(name)
        || match name.split_once('.') {
            Some((step, _)) => words(step).iter().any(|word| TRAINING.contains(&word.as_str())),
            None => is_average_w(name) || nest.checkpoint.is_setting(id),
        }
}

/// The average w beside a generator, if the file has one: in the same dict, or in one around it. With its name there.
pub(crate) fn average(nest: &Nest<'_>, prefix: &str) -> Option<(String, Id)> {
    let checkpoint = nest.checkpoint;
    let pickle = &checkpoint.pickle;
    // A number is how many latents were averaged, or whether.
    let is_number = |id: Id| matches!(pickle.value(id), Value::Bool(_) | Value::Int(_) | Value::Float(_));
    let values = |id: Id| checkpoint.is_tensor(id) || pickle.items(id).is_some() || pickle.entries(id).is_some_and(|dict| dict.len() == 1);
    let beside = around(prefix).find_map(|prefix| {
        let exact = |name: &&str| {
            let path = format!("{prefix}{name}");
            let id = nest.averages.get(&path).copied().filter(|&id| !is_number(id))?;
            Some((path, id))
        };
        let direct = nest.averages.range(prefix.to_owned()..).take_while(|(path, _)| path.starts_with(prefix));
        let mut direct = direct.filter(|(path, id)| !path[prefix.len()..].contains('.') && values(**id));
        AVERAGES.iter().find_map(exact).or_else(|| direct.next().map(|(path, id)| (path.clone(), *id)))
    });
    // Elsewhere in the file, when there is just one.
    let mut elsewhere = nest.averages.iter().filter(|(_, id)| values(**id));
    beside.or_else(|| match (elsewhere.next(), elsewhere.next()) {
        (Some((name, id)), None) => Some((name.clone(), *id)),
        _ => None,
    })
}

/// A prefix, then those of the dicts around it: `a.b.`, `a.`, ``.
fn around(prefix: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(prefix), |prefix| {
        let inner = prefix.strip_suffix('.')?;
        Some(inner.rfind('.').map_or("", |at| &inner[..=at]))
    })
}

/// Of what lies beside the generator, the names a user may miss: everything that holds tensors and is no usual companion.
pub(crate) fn companions(nest: &Nest<'_>, prefix: &str) -> Vec<String> {
    // Numbers without sides are settings, not weights.
    let tensors = nest.tensors.iter().filter(|(_, id)| nest.checkpoint.shape(**id).is_none_or(|shape| !shape.is_empty()));
    let outside = tensors.map(|(name, _)| name).chain(nest.networks.keys()).filter(|name| !name.starts_with(prefix) && !is_counter(name));
    let mut seen = BTreeSet::new();
    for name in outside {
        // The first step that leaves the way to the generator.
        let shared = around(prefix).find(|around| name.starts_with(around)).unwrap_or("");
        let step = name[shared.len()..].split('.').next().unwrap_or(name);
        if !is_usual(step) && !is_average_w(step) {
            seen.insert(format!("{shared}{step}"));
        }
    }
    seen.into_iter().collect()
}

fn marks() -> impl Iterator<Item = (Layout, &'static [&'static str])> {
    MARKS.into_iter().chain([(Layout::GenForce, &GENFORCE_STYLEGAN1[..])])
}

fn places(nest: &Nest<'_>) -> Vec<Place> {
    let mut found = Vec::new();
    let all = |prefix: &str, marks: &[&str]| marks.iter().all(|mark| nest.tensors.contains_key(&format!("{prefix}{mark}")));
    for name in nest.tensors.keys() {
        for (layout, marks) in marks() {
            let prefix = name.strip_suffix(marks[0]).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
            if let Some(prefix) = prefix.filter(|prefix| all(prefix, marks)) {
                found.push(Place { layout, prefix: prefix.to_owned() });
            }
        }
    }
    found
}

/// A generator that lacks a tensor it would be known by: where it is and what it lacks.
pub(crate) fn incomplete(nest: &Nest<'_>) -> Option<(Place, &'static str)> {
    marks().find_map(|(layout, marks)| {
        let has = |prefix: &str, mark: &str| nest.tensors.contains_key(&format!("{prefix}{mark}"));
        let prefixes = nest.tensors.keys().flat_map(|name| marks.iter().filter_map(|mark| name.strip_suffix(mark)));
        let mut prefixes = prefixes.filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
        prefixes.find_map(|prefix| {
            let lacking = marks.iter().find(|mark| !has(prefix, mark))?;
            let parts = lacking.split('.').next().is_some_and(|part| part == "mapping" || part == "synthesis");
            // A mapping network alone is no generator with something missing.
            let whole = !parts || ["mapping.", "synthesis."].iter().all(|part| below(nest, &format!("{prefix}{part}")).next().is_some());
            whole.then(|| (Place { layout, prefix: prefix.to_owned() }, *lacking))
        })
    })
}

/// A mapping network or a synthesis network alone, by name.
pub(crate) fn part(nest: &Nest<'_>) -> Option<&'static str> {
    let mut names = nest.tensors.keys();
    let (first, last) = (names.next()?, names.next_back()?);
    let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    // What all names have in common, and nothing else is in the file.
    let prefix = first[..shared.min(first.len())].rfind('.').map_or("", |at| &first[..=at]);
    let has = |part: &str| below(nest, &format!("{prefix}{part}")).next().is_some();
    let any = |parts: &[&str]| parts.iter().any(|part| has(part));
    // The names' common part may be the network's own.
    let within = |steps: &[&str]| prefix.split('.').any(|step| steps.contains(&step));
    let mapping = any(&["mapping.fc0.", "mapping.dense0.", "style.1.", "fc0.", "dense0.", "style_mlp.1."])
        || within(&["mapping", "style", "style_mlp"]);
    let synthesis = any(&["synthesis.", "b4.const", "b4.conv1.", "layer0.", "conv1.", "convs.", "to_rgb1.", "style_conv1.", "input."])
        || within(&["synthesis"]);
    match (mapping, synthesis) {
        (true, false) => Some("a mapping network without its synthesis network"),
        (false, true) if any(&["synthesis.b4.const", "b4.const", "input.input", "synthesis.layer0.", "synthesis.early_layer."]) => {
            Some("a synthesis network without its mapping network")
        }
        _ => None,
    }
}

/// The tensors whose names begin with a prefix, without it.
fn below<'n>(nest: &'n Nest<'_>, prefix: &str) -> impl Iterator<Item = (&'n str, Id)> {
    let range = nest.tensors.range(prefix.to_owned()..);
    let prefix = prefix.to_owned();
    range.map_while(move |(name, id)| Some((name.strip_prefix(&prefix)?, *id)))
}

/// Other places that have at least half of a generator's names.
fn like(nest: &Nest<'_>, place: &Place) -> Vec<Place> {
    let names: HashSet<&str> = below(nest, &place.prefix).map(|(name, _)| name).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in nest.tensors.keys() {
        for (at, _) in name.match_indices('.').filter(|(at, _)| names.contains(&name[at + 1..])) {
            *counts.entry(&name[..=at]).or_default() += 1;
        }
    }
    counts.retain(|prefix, count| *prefix != place.prefix && 2 * *count >= names.len());
    counts.into_keys().map(|prefix| Place { layout: place.layout, prefix: prefix.to_owned() }).collect()
}

fn rank(place: &Place) -> Rank {
    let steps: Vec<&str> = place.prefix.split('.').filter(|step| !step.is_empty()).collect();
    if steps.iter().any(|step| is_average(step)) {
        return Rank::Average;
    }
    match steps.iter().any(|step| matches!(*step, "g" | "G" | "netG" | "g_model" | "G_model" | "g_train" | "generator_train")) {
        true => Rank::Training,
        false => Rank::Plain,
    }
}

/// How usual the names on the way are: the less unusual ones, the better.
fn familiarity(place: &Place) -> usize {
    const KNOWN: [&str; 22] = [
        "g_ema",
        "G_ema",
        "ema",
        "params_ema",
        "model_ema",
        "generator_ema",
        "generator_smooth",
        "Gs",
        "state_dict",
        "models",
        "model",
        "generator",
        "netG",
        "decoder",
        "module",
        "_orig_mod",
        "GAN",
        "params",
        "checkpoint",
        "network",
        "weights",
        "g",
    ];
    place.prefix.split('.').filter(|step| !step.is_empty() && !KNOWN.contains(step)).count()
}

/// The tensors of a generator itself. The same dict may be in any number of places, so every name is paid for.
fn own<'n>(nest: &'n Nest<'_>, place: &Place) -> impl Iterator<Item = Result<(&'n str, Id)>> {
    let budget = &nest.checkpoint.pickle.budget;
    let paid = below(nest, &place.prefix).map(|(name, id)| budget.work(64 + name.len()).map(|()| (name, id)));
    paid.filter(|entry| entry.as_ref().map_or(true, |(name, id)| !is_beside(nest, name, *id)))
}

/// Whether a place has the tensors of another, or copies of them: one network under two names. It ends at the first that differs.
fn same(nest: &Nest<'_>, place: &Place, other: &[(&str, Id)]) -> Result<bool> {
    let mut others = other.iter();
    for entry in own(nest, place) {
        let (name, id) = entry?;
        match others.next() {
            Some(&(known, copy)) if known == name && nest.checkpoint.same(id, copy)? => {}
            _ => return Ok(false),
        }
    }
    Ok(others.next().is_none())
}

fn named(place: &Place) -> String {
    match place.prefix.trim_end_matches('.') {
        "" => "the outermost dict".to_owned(),
        path => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(prefix: &str) -> Place {
        Place { layout: Layout::Rosinality, prefix: prefix.to_owned() }
    }

    #[test]
    fn averages_come_first_by_any_name() {
        for average in [
            "g_ema.",
            "G_EMA.",
            "netG_ema.",
            "generatorEma.",
            "models.generator_smooth.",
            "ema.module.",
            "state_dict.ema_generator.",
            "Gs.",
        ] {
            assert_eq!(rank(&place(average)), Rank::Average, "{average}");
        }
        for plain in ["", "generator.", "model.state_dict.", "semantic.", "decoder.module."] {
            assert_eq!(rank(&place(plain)), Rank::Plain, "{plain}");
        }
        for training in ["g.", "G.", "netG.module."] {
            assert_eq!(rank(&place(training)), Rank::Training, "{training}");
        }
    }

    #[test]
    fn the_ways_around_a_place() {
        assert_eq!(around("a.b.").collect::<Vec<_>>(), ["a.b.", "a.", ""]);
        assert_eq!(around("").collect::<Vec<_>>(), [""]);
    }
}
