//! Writes the first corpora of the fuzz targets (fuzz/seeds.sh): checkpoints of a few kilobytes in every layout, so that a mutation
//! is as likely to meet the structure as the weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stylegan_wgpu::internals::networks::stylegan2::{self, Architecture};
use stylegan_wgpu::internals::networks::{mobilestylegan, stylegan1};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Precision};

use super::stylegan3;
use crate::array_file::{Array, npz_bytes};
use crate::test_files::layouts::{genforce, nvlabs, rosinality, tensorflow};
use crate::test_files::writer::{Py, dict, legacy, zip};

fn small() -> stylegan2::Config {
    stylegan2::Config {
        z_dim: 2,
        w_dim: 2,
        img_resolution: 8,
        channel_base: 16,
        channel_max: 2,
        num_layers: 1,
        ..stylegan2::Config::config_f()
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[test]
#[ignore = "writes files for fuzzing"]
fn seeds() {
    let corpus = PathBuf::from(std::env::var_os("FUZZ_CORPUS").expect("FUZZ_CORPUS names the folder to write to"));
    let (pickles, torch_legacy, torch_zip) = (corpus.join("pickle"), corpus.join("torch_legacy"), corpus.join("torch_zip"));
    let second = |config: &stylegan2::Config| random_weights(&Config::StyleGan2(config.clone()), 1);

    let conditional = stylegan2::Config { c_dim: 2, img_channels: 1, architecture: Architecture::Resnet, ..small() };
    for (name, config) in [("ada-skip", small()), ("ada-resnet", conditional)] {
        put(&pickles, name, &nvlabs(&second(&config), &config));
    }
    let kwargs = || {
        dict([
            ("fmap_base", Py::Int(8)),
            ("fmap_max", Py::Int(2)),
            ("resample_kernel", Py::List(vec![Py::Int(1), Py::Int(3), Py::Int(3), Py::Int(1)])),
        ])
    };
    put(&pickles, "tf-stylegan2", &tensorflow(&second(&small()), false, kwargs()));
    put(&pickles, "genforce", &genforce(&second(&small()), false, 8));
    let first = stylegan1::Config {
        z_dim: 2,
        c_dim: 0,
        w_dim: 2,
        img_resolution: 8,
        const_size: [4, 4],
        img_channels: 3,
        channel_base: 16,
        channel_max: 2,
        num_layers: 1,
        layer_features: None,
        lr_multiplier: 0.01,
    };
    let first = random_weights(&Config::StyleGan1(first), 1);
    put(&pickles, "tf-stylegan1", &tensorflow(&first, true, kwargs()));
    put(&pickles, "protocol0", b"(dp0\nS'g_ema'\np1\n(lp2\nI1\naL2L\naF0.5\naV\\u20ac\naI01\nasg1\nNs.");

    let third = random_weights(&Config::StyleGan3(stylegan3::odd()), 1);
    put(&pickles, "stylegan3", &stylegan3::written(&third, &BTreeMap::new(), |_| {}));

    let model = second(&small());
    let average = || Py::Torch(vec![2], vec![0.5, -0.5]);
    let training = || dict([("g_ema", rosinality(&model, "")), ("latent_avg", average()), ("iter", Py::Int(7))]);
    let decoder = || dict([("state_dict", rosinality(&model, "decoder.")), ("latent_avg", average())]);
    for (name, value) in [("g_ema", training()), ("decoder", decoder()), ("bare", rosinality(&model, ""))] {
        put(&torch_legacy, name, &legacy(&value));
        put(&torch_zip, name, &zip(&value));
    }

    let safetensors = corpus.join("safetensors");
    std::fs::create_dir_all(&safetensors).unwrap();
    for (name, model) in [("stylegan2", &model), ("stylegan1", &first), ("stylegan3", &third)] {
        model.save(&safetensors.join(name), Precision::F32).unwrap();
        model.save(&safetensors.join(format!("{name}-f16")), Precision::F16).unwrap();
    }

    let arrays = corpus.join("arrays");
    let (w, single) = (Array::new(&[2, 3, 2], (0..12).map(|i| i as f32).collect()), Array::new(&[], vec![1.5]));
    put(&arrays, "two.npz", &npz_bytes(&[("w", &w), ("psi", &single)]));
    put(&arrays, "one.npz", &npz_bytes(&[("w", &w)]));
    let npy = |header: &str, data: &[u8]| {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    };
    put(&arrays, "f8.npy", &npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }\n", &[0; 16]));
    put(&arrays, "f2.npy", &npy("{'descr': '>f2', 'fortran_order': False, 'shape': (3,), }\n", &[0; 6]));

    let configs = corpus.join("config");
    let mobile = mobilestylegan::Config { z_dim: 2, w_dim: 2, img_resolution: 16, num_layers: 1, channels: vec![2, 2] };
    for (name, config) in [
        ("stylegan1", first.config.clone()),
        ("stylegan2", model.config.clone()),
        ("stylegan3", third.config.clone()),
        ("stylegan3-xl", Config::StyleGan3(stylegan3::xl())),
        ("mobilestylegan", Config::MobileStyleGan(mobile)),
    ] {
        put(&configs, name, &serde_json::to_vec(&config).unwrap());
    }

    // Of six layers and eight numbers, as the target has it.
    let vectors = corpus.join("vectors");
    let rows = |sides: &[usize]| Array::new(sides, vec![0.5; sides.iter().product()]);
    let latent = || Py::Torch(vec![6, 8], vec![0.5; 48]);
    let projected = || dict([("face.png", dict([("latent", latent()), ("noise", Py::List(vec![]))]))]);
    put(&vectors, "w.npz", &npz_bytes(&[("w", &rows(&[1, 6, 8]))]));
    put(&vectors, "direction.npz", &npz_bytes(&[("boundary", &rows(&[1, 8]))]));
    put(&vectors, "ganspace.npz", &npz_bytes(&[("lat_comp", &rows(&[2, 1, 8])), ("lat_stdev", &rows(&[2])), ("lat_mean", &rows(&[1, 8]))]));
    put(&vectors, "projected.pt", &zip(&projected()));
    put(&vectors, "projected-legacy.pt", &legacy(&projected()));
    put(&vectors, "sefa.pt", &zip(&dict([("eigvec", Py::Torch(vec![8, 8], vec![0.5; 64]))])));
    put(&vectors, "list.pt", &zip(&Py::List(vec![latent(), latent()])));
    put(&vectors, "numbers.json", b"[[0.5, -0.5, 0, 1, 2, 3, 4, 5]]");

    // What the target makes a pickle of, byte by byte: opcode % 26, then its arguments.
    let opcodes = corpus.join("opcodes");
    put(&opcodes, "dict", &[2, 16, 1, 2, 16, 14, 2, 6, 6, 16, 0, 12, 6]);
    put(&opcodes, "list", &[3, 0, 14, 1, 15, 1, 1, 21, 200, 13, 8, 18, 19, 0, 7]);
    put(&opcodes, "object", &[17, 3, 1, 9, 2, 16, 8, 14, 2, 6, 10]);
    let tensor = [17, 0, 0, 0, 16, 15, 17, 2, 20, 1, b'0', 16, 16, 14, 2, 4, 11, 14, 0, 14, 2, 22, 0, 14, 1, 22, 0, 13, 12, 4, 9];
    put(&opcodes, "tensor", &[&[2, 16, 1, 2, 16, 13], &tensor[..], &[6, 6]].concat());
    put(
        &opcodes,
        "array",
        &[17, 4, 17, 6, 14, 0, 22, 0, 20, 1, b'b', 22, 2, 9, 0, 14, 1, 14, 1, 22, 0, 17, 7, 16, 19, 14, 0, 14, 1, 22, 2, 9],
    );
}
