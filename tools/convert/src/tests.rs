//! Every fixture converts: its configuration is the case's, and its mapping network, evaluated naively in f64, gives the
//! expected ws. That needs the right generator (G differs from G_ema), the right tensors and the right w_avg.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::{Config, Model};

use super::*;

mod consumed;
mod forward1;
mod made;
mod seeds;
mod stylegan3;
mod wrappings;

/// The folders of fixtures: those of the repository, and the larger ones beside it when they are there.
pub(super) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tiny = root.join("tests/fixtures/tiny");
    assert!(tiny.is_dir(), "{} is missing: the tests need the repository's own fixtures", tiny.display());
    let mut folders = vec![tiny];
    folders.extend(Some(root.join("../shared/fixtures")).filter(|shared| shared.is_dir()));
    folders
}

/// All cases of a source: folder and case.json.
pub(super) fn cases(source: &str) -> Vec<(PathBuf, serde_json::Value)> {
    let mut found = Vec::new();
    for folder in folders() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let Ok(text) = std::fs::read_to_string(path.join("case.json")) else { continue };
            let case: serde_json::Value = serde_json::from_str(&text).unwrap();
            if case["source"] == source {
                found.push((path, case));
            }
        }
    }
    assert!(!found.is_empty(), "no fixture of {source}");
    found
}

pub(super) fn quiet() -> impl FnMut(f32) {
    |_| {}
}

/// A tensor of expected.safetensors as f64.
pub(super) fn expected(folder: &Path, name: &str) -> (Vec<usize>, Vec<f64>) {
    let bytes = std::fs::read(folder.join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = match view.dtype() {
        safetensors::Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()).collect(),
        safetensors::Dtype::F16 => view.data().chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).into()).collect(),
        other => panic!("{name} is {other:?}"),
    };
    (view.shape().to_vec(), values)
}

pub(super) fn values(model: &Model, name: &str) -> Vec<f64> {
    model.array(name).to_f32().into_iter().map(f64::from).collect()
}

pub(super) fn normalise(x: &mut [f64]) {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter_mut().for_each(|x| *x /= (mean + 1e-8).sqrt());
}

/// ws of one latent: REFERENCE section 1, as loops.
fn mapping(model: &Model, config: &stylegan2::Config, z: &[f64], class: Option<usize>, psi: f64, cutoff: usize) -> Vec<f64> {
    let mut x = z.to_vec();
    normalise(&mut x);
    if let Some(class) = class {
        let (weight, bias) = (values(model, "mapping.embed.weight"), values(model, "mapping.embed.bias"));
        let gain = (config.c_dim as f64).sqrt().recip();
        let mut y: Vec<f64> = bias.iter().enumerate().map(|(i, bias)| weight[i * config.c_dim + class] * gain + bias).collect();
        normalise(&mut y);
        x.extend(y);
    }
    let lr = f64::from(config.lr_multiplier);
    for i in 0..config.num_layers {
        let (weight, bias) = (values(model, &format!("mapping.fc{i}.weight")), values(model, &format!("mapping.fc{i}.bias")));
        let gain = lr / (x.len() as f64).sqrt();
        x = weight
            .chunks_exact(x.len())
            .zip(bias)
            .map(|(row, bias)| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() * gain + bias * lr)
            .map(|x| if x < 0.0 { 0.2 * x } else { x } * 2f64.sqrt())
            .collect();
    }
    let average = values(model, "mapping.w_avg");
    (0..config.num_ws())
        .flat_map(|row| {
            let average = if config.per_layer_w_avg { &average[row * config.w_dim..][..config.w_dim] } else { &average[..] };
            x.iter().zip(average).map(move |(w, average)| if row < cutoff { average + psi * (w - average) } else { *w }).collect::<Vec<_>>()
        })
        .collect()
}

/// The mapping network of a converted StyleGAN2 gives the case's ws.
pub(super) fn check_ws(folder: &Path, case: &serde_json::Value, model: &Model) {
    let Config::StyleGan2(config) = &model.config else { panic!("{}: {:?}", folder.display(), model.config) };
    let (shape, z) = expected(folder, "z");
    let (_, ws) = expected(folder, "ws");
    let psi = case["truncation_psi"].as_f64().unwrap();
    let cutoff = case["truncation_cutoff"].as_u64().map_or(usize::MAX, |cutoff| cutoff as usize);
    for row in 0..shape[0] {
        let class = case["class_idx"].get(row).map(|class| class.as_u64().unwrap() as usize);
        let got = mapping(model, config, &z[row * shape[1]..][..shape[1]], class, psi, cutoff);
        let want = &ws[row * got.len()..][..got.len()];
        assert_eq!(ws.len(), shape[0] * got.len());
        let rms = (want.iter().map(|x| x * x).sum::<f64>() / want.len() as f64).sqrt();
        for (index, (got, want)) in got.iter().zip(want).enumerate() {
            let error = (got - want).abs() / rms;
            assert!(error <= 1e-5, "{}: ws[{row}][{index}] is {got}, expected {want}: {error:.1e} of the rms", folder.display());
        }
    }
}

fn expected_config(case: &serde_json::Value) -> stylegan2::Config {
    serde_json::from_value(case["config"].clone()).unwrap()
}

#[test]
fn nvlabs() {
    let mut all = cases("stylegan2-ada-pytorch");
    all.extend(cases("stylegan3").into_iter().filter(|(path, _)| !path.to_string_lossy().contains("stylegan3-")));
    for (folder, case) in all {
        let model = open(&folder.join("network.pkl"), &mut quiet()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert_eq!(model.config, Config::StyleGan2(expected_config(&case)), "{}", folder.display());
        check_ws(&folder, &case, &model);
        assert_eq!(model.provenance["source_sha256"].len(), 64);
        assert!(model.provenance["source_config"].contains("channel_base"), "{}", model.provenance["source_config"]);
    }
}

#[test]
fn stylegan3_fixtures() {
    for (folder, case) in cases("stylegan3") {
        let name = case["name"].as_str().unwrap();
        let Some(letter) = name.strip_prefix("stylegan3-").and_then(|rest| rest.chars().next()) else { continue };
        let model = open(&folder.join("network.pkl"), &mut quiet()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let Config::StyleGan3(config) = &model.config else { panic!("{:?}", model.config) };
        let size = |key: &str| case["config"][key].as_u64().unwrap() as usize;
        assert_eq!((config.z_dim, config.c_dim, config.w_dim), (size("z_dim"), size("c_dim"), size("w_dim")));
        assert_eq!((config.layers.len(), config.torgb.img_channels, config.output_scale), (14, size("img_channels"), 0.25));
        assert_eq!(config.image_size(), (size("img_resolution"), size("img_resolution")));
        let (kernel, radial) = if letter == 'r' { (1, true) } else { (3, false) };
        assert!(config.layers.iter().all(|layer| layer.conv_kernel == kernel && layer.use_fp16 && layer.conv_clamp == Some(256.0)));
        // The critically sampled layers of R have filters of one dimension, too.
        assert_eq!(config.layers.iter().filter(|layer| layer.down_radial).count(), if radial { 12 } else { 0 });
        assert_eq!(model.provenance["source_format"], "stylegan3");
        // Our own design of filters, for networks without a file, is NVIDIA's.
        let designed = stylegan_wgpu::internals::random_weights::random_weights(&model.config, 0);
        for (filter, array) in model.arrays.iter().filter(|(filter, _)| filter.ends_with("_filter")) {
            let largest = array.values().fold(0.0f32, |most, tap| most.max(tap.abs()));
            for (ours, theirs) in designed.array(filter).values().zip(array.values()) {
                assert!((ours - theirs).abs() <= 2e-6 * largest, "{name} {filter}: {ours} for {theirs}");
            }
        }
    }
}

#[test]
fn rosinality() {
    for (folder, case) in cases("rosinality") {
        for file in case["files"].as_array().unwrap() {
            let path = folder.join(file.as_str().unwrap());
            let model = open(&path, &mut quiet()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(model.config, Config::StyleGan2(expected_config(&case)), "{}", path.display());
            check_ws(&folder, &case, &model);
        }
    }
}

#[test]
fn tensorflow_stylegan2() {
    for (folder, case) in cases("tf-stylegan2") {
        let model = open(&folder.join("network.pkl"), &mut quiet()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert_eq!(model.config, Config::StyleGan2(expected_config(&case)), "{}", folder.display());
        check_ws(&folder, &case, &model);
        assert!(model.provenance["source_config"].contains("fmap_base"), "{}", model.provenance["source_config"]);
    }
}

#[test]
fn tensorflow_stylegan() {
    for (folder, case) in cases("tf-stylegan1") {
        let model = open(&folder.join("network.pkl"), &mut quiet()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let Config::StyleGan1(config) = &model.config else { panic!("{:?}", model.config) };
        let size = |key: &str| case["config"][key].as_u64().unwrap() as usize;
        assert_eq!((config.z_dim, config.w_dim, config.num_layers), (size("latent_size"), size("dlatent_size"), size("mapping_layers")));
        assert_eq!(
            (config.img_resolution, config.img_channels, config.c_dim),
            (size("resolution"), size("num_channels"), size("label_size"))
        );
        assert_eq!((config.channel_base, config.channel_max), (2 * size("fmap_base"), size("fmap_max")));
        forward1::check(&folder, &case, &model, config);
    }
}
