//! `convert` and `inspect` on every format, and networks of odd but legal shapes from file to picture: directly and converted, in
//! f32 and f16, against the CPU twins.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use stylegan_convert::test_files::layouts;
use stylegan_convert::test_files::writer::{self, Py, dict, legacy, zip};
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation, Architecture};
use stylegan_wgpu::internals::networks::{NoiseSource, stylegan1, synthesis};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Config, Model, latent};

mod fixtures;
#[allow(dead_code, reason = "shared with the hostile files")]
#[path = "openvino/small.rs"]
mod small;

use fixtures::{generate, rel_l2};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny");

/// Runs `stylegan`, which must succeed, and gives what it prints.
#[track_caller]
fn stylegan(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stylegan")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A checkpoint, the code base it must be told to be from, and its network.
fn checkpoints(folder: &Path) -> Vec<(PathBuf, &'static str, &'static str)> {
    let tiny = |name: &str| Path::new(TINY).join(name);
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    let ir = [("MappingNetwork", mapping), ("SynthesisNetwork", synthesis)];
    let files: Vec<_> = ir.into_iter().flat_map(|(name, ir)| [(format!("{name}.xml"), ir.xml), (format!("{name}.bin"), ir.bin)]).collect();
    let put = |path: PathBuf, bytes: &[u8]| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    };
    files.iter().for_each(|(name, bytes)| drop(put(folder.join("ir").join(name), bytes)));
    let members: Vec<_> = files.into_iter().map(|(name, bytes)| (format!("random_face/data/{name}"), bytes)).collect();
    let (second, first) = (random_weights(&Config::StyleGan2(odd()), 1), random_weights(&Config::StyleGan1(odd1()), 1));
    let decoder =
        dict([("state_dict", layouts::rosinality(&second, "decoder.")), ("latent_avg", layouts::torch(second.array("mapping.w_avg")))]);
    vec![
        (tiny("ada-skip-32/network.pkl"), "stylegan2-ada-pytorch", "stylegan2"),
        (tiny("stylegan3repo-skip-16/network.pkl"), "stylegan3 (StyleGAN2 network)", "stylegan2"),
        (tiny("rosinality-16/checkpoint.pt"), "rosinality stylegan2-pytorch", "stylegan2"),
        (tiny("rosinality-16/checkpoint-legacy.pt"), "rosinality stylegan2-pytorch", "stylegan2"),
        (put(folder.join("psp.pt"), &zip(&decoder)), "pSp/e4e (rosinality decoder)", "stylegan2"),
        (tiny("tf-stylegan2-16/network.pkl"), "TensorFlow StyleGAN2", "stylegan2"),
        (tiny("tf-stylegan1-128/network.pkl"), "TensorFlow StyleGAN", "stylegan1"),
        (put(folder.join("genforce2.pth"), &layouts::genforce(&second, false, 32)), "GenForce StyleGAN2", "stylegan2"),
        (put(folder.join("genforce1.pth"), &layouts::genforce(&first, true, 32)), "GenForce StyleGAN", "stylegan1"),
        (put(folder.join("random_face.whl"), &writer::archive(&members)), "OpenVINO IR (wheel)", "mobilestylegan"),
        (folder.join("ir"), "OpenVINO IR (folder)", "mobilestylegan"),
    ]
}

/// Every format is inspected without converting, says where it came from, and converts as `--dry-run` says it would.
#[test]
fn every_format_is_inspected_planned_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let output = output.to_str().unwrap();
    for (path, format, network) in checkpoints(folder.path()) {
        let name = path.to_str().unwrap();
        let shown: serde_json::Value = serde_json::from_str(&stylegan(&["inspect", "--json", name])).unwrap();
        assert_eq!(shown["network"], network, "{name}");
        let provenance = &shown["provenance"];
        assert_eq!(provenance["source_format"], format, "{name}");
        assert_eq!(provenance["source_name"], path.file_name().unwrap().to_str().unwrap());
        if path.is_file() {
            let sha256: String = Sha256::digest(std::fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(provenance["source_sha256"], sha256, "{name}");
        }
        let text = |key: &str| provenance[key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        assert_eq!(text("source_sha256").len(), 64);
        assert!(text("tool_version").ends_with(env!("CARGO_PKG_VERSION")) && text("licence").contains("grants no rights"), "{provenance}");
        serde_json::from_str::<serde_json::Value>(text("source_config")).unwrap();

        for precision in ["f32", "f16"] {
            let arguments = ["convert", name, "-o", output, "--precision", precision];
            let plan = stylegan(&[&arguments[..], &["--dry-run"]].concat());
            assert!(!Path::new(output).exists(), "{name}: a dry run wrote something");
            let written: serde_json::Value = serde_json::from_str(&stylegan(&[&arguments[..], &["--json"]].concat())).unwrap();
            let bytes = std::fs::metadata(output).unwrap().len();
            assert!(written["written"] == true && written["bytes"] == bytes && written["dtype"] == precision, "{name}: {written}");
            assert_eq!((&written["config"], &written["provenance"]), (&shown["config"], provenance), "{name}");
            assert!(plan.contains(&format!("bytes        {bytes} ({precision})")), "{name}: {bytes} bytes, but {plan}");
            assert!(plan.contains(output) && plan.contains(text("source_sha256")) && plan.contains("config       w_dim = "), "{plan}");
            let converted: serde_json::Value = serde_json::from_str(&stylegan(&["inspect", "--json", output])).unwrap();
            for key in ["network", "config", "provenance"] {
                assert_eq!(converted[key], shown[key], "{name}: {key}");
            }
            std::fs::remove_file(output).unwrap();
        }
    }
}

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

fn odd1() -> stylegan1::Config {
    stylegan1::Config {
        z_dim: 6,
        c_dim: 0,
        w_dim: 10,
        img_resolution: 32,
        const_size: [4, 4],
        img_channels: 3,
        channel_base: 12 * 32,
        channel_max: 36,
        num_layers: 3,
        layer_features: Some(7),
        lr_multiplier: 0.01,
    }
}

/// Draws `bytes` and what it converts to, and compares with the twins of `model`.
#[track_caller]
fn draws(bytes: &[u8], model: &Model, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, converted) = (folder.path().join("network.pkl"), folder.path().join("converted.safetensors"));
    std::fs::write(&checkpoint, bytes).unwrap();
    let class = (model.config.c_dim() > 0).then_some(1);
    let want = on_twins(model, 7, class);
    for (precision, limit) in [("f32", 2e-5), ("f16", if matches!(model.config, Config::StyleGan1(_)) { 5e-3 } else { 3e-3 })] {
        stylegan(&["convert", checkpoint.to_str().unwrap(), "-o", converted.to_str().unwrap(), "--precision", precision]);
        let mut arguments = ["--seeds", "7", "--precision", precision].map(String::from).to_vec();
        arguments.extend(class.iter().flat_map(|class| ["--class".to_owned(), class.to_string()]));
        for file in [&checkpoint, &converted] {
            let error = rel_l2(&generate(file, &arguments).concat(), &want);
            println!("{what} {precision} {}: rel L2 {error:.1e}", file.file_name().unwrap().display());
            assert!(error <= limit, "{what} {precision} {}: rel L2 {error:.3e} is more than {limit:.0e}", file.display());
        }
    }
}

/// The image of a seed by the CPU twins, with psi 1 and the stored noise.
fn on_twins(model: &Model, seed: u32, class: Option<usize>) -> Vec<f32> {
    let mapping = mapping(model, 1);
    let mut inputs = HashMap::from([("z", latent::z(seed, model.config.z_dim()))]);
    if let Some(class) = class {
        let one_hot = (0..model.config.c_dim()).map(|index| if index == class { 1.0 } else { 0.0 });
        inputs.insert("label", one_hot.collect());
    }
    let w = reference::run(&mapping.plan, &inputs).swap_remove(mapping.w.id);
    let net = synthesis(model, 1, DType::F32, NoiseSource::Const);
    reference::run(&net.plan, &HashMap::from([("ws", w.repeat(model.config.num_ws()))])).swap_remove(net.img.id)
}

fn draws_nvlabs(config: stylegan2::Config) {
    let model = random_weights(&Config::StyleGan2(config.clone()), 3);
    draws(&layouts::nvlabs(&model, &config), &model, &format!("{config:?}"));
}

#[test]
fn labels_rgba_and_no_noise() {
    let filter = vec![1.0, 2.0, 1.0];
    draws_nvlabs(stylegan2::Config {
        c_dim: 5,
        embed_features: Some(6),
        img_channels: 4,
        resample_filter: filter,
        use_noise: false,
        ..odd()
    });
}

#[test]
fn residual_grey_and_other_activations() {
    draws_nvlabs(stylegan2::Config {
        architecture: Architecture::Resnet,
        img_channels: 1,
        activation: Activation::Relu,
        mapping_activation: Activation::Linear,
        lr_multiplier: 0.3,
        resample_filter: vec![1.0, 4.0, 6.0, 4.0, 1.0],
        conv_clamp: Some(2.0),
        ..odd()
    });
}

#[test]
fn channels_by_no_rule() {
    let config = stylegan2::Config { channels: Some(vec![20, 48, 72, 12]), channel_base: 32768, channel_max: 512, ..odd() };
    draws_nvlabs(config.clone());
    let model = random_weights(&Config::StyleGan2(config), 3);
    let file = || dict([("g_ema", layouts::rosinality(&model, "")), ("latent_avg", layouts::torch(model.array("mapping.w_avg")))]);
    draws(&zip(&file()), &model, "rosinality, zip");
    draws(&legacy(&file()), &model, "rosinality, legacy");
}

#[test]
fn the_smallest_and_the_largest_picture() {
    draws_nvlabs(stylegan2::Config { img_resolution: 4, num_layers: 1, ..odd() });
    let config = stylegan2::Config { img_resolution: 2048, channel_base: 4096, channel_max: 4, use_noise: false, ..odd() };
    let model = random_weights(&Config::StyleGan2(config.clone()), 3);
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("network.pkl");
    std::fs::write(&checkpoint, layouts::nvlabs(&model, &config)).unwrap();
    // The twins would take minutes: f16 against f32, two sets of shaders.
    let [full, half] =
        ["f32", "f16"].map(|precision| generate(&checkpoint, &["--seeds", "7", "--precision", precision].map(String::from)).concat());
    let error = rel_l2(&half, &full);
    assert!(full.len() == 3 * 2048 * 2048 && error <= 3e-3, "rel L2 {error:.3e}");
}

#[test]
fn the_first_generation() {
    let model = random_weights(&Config::StyleGan1(odd1()), 3);
    let kwargs = || dict([("fmap_base", Py::Int(6 * 32)), ("fmap_max", Py::Int(36))]);
    draws(&layouts::tensorflow(&model, true, kwargs()), &model, "TensorFlow StyleGAN");
}

/// A pickle of config F: `PICKLE_OUT=f.pkl cargo test --release -p stylegan-tools --test conversion -- --ignored full_size`, then
/// measure `stylegan convert f.pkl -o f.safetensors`.
#[test]
#[ignore = "writes 120 MB, to measure with"]
fn full_size() {
    let path = std::env::var_os("PICKLE_OUT").expect("PICKLE_OUT names the file to write");
    let config = stylegan2::Config::config_f();
    let model = random_weights(&Config::StyleGan2(config.clone()), 0);
    std::fs::write(path, layouts::nvlabs(&model, &config)).unwrap();
}
