//! What fuzz/run.sh runs: FUZZ_TARGET says which reader gets the bytes. A panic, a wrong result or too much of time or memory is a find;
//! errors are one line.
#![no_main]

use std::sync::LazyLock;

use stylegan_convert::array_file::read_bytes;
use stylegan_convert::from_bytes;
use stylegan_studio::vectors::{Direction, Sizes, VectorFile, rows};
use stylegan_wgpu::internals::text::is_plain;
use stylegan_wgpu::{Config, Model};

mod opcodes;
mod openvino;
mod picture;

/// Every target with what it reads.
const TARGETS: [(&str, fn(&[u8])); 10] = [
    // Bare pickles: NVIDIA's of PyTorch and TensorFlow, GenForce's, and what claims to be one.
    ("pickle", checkpoint),
    // What torch.save wrote before version 1.6, and since.
    ("torch_legacy", checkpoint),
    ("torch_zip", checkpoint),
    // Pickles whose every opcode is well formed: nothing is wasted on what the first byte refuses.
    ("opcodes", |bytes| checkpoint(&opcodes::pickle(bytes))),
    ("safetensors", safetensors),
    ("openvino", openvino::one_of_four),
    ("arrays", arrays),
    ("vectors", vectors),
    ("config", config),
    ("picture", picture::settings),
];

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET is '{wanted}'; there are {:?}", TARGETS.map(|(name, _)| name))).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));

/// What every error is.
fn one_line(error: impl ToString) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.chars().count() < 1700 && text.chars().all(is_plain), "{text:?}");
}

/// A network or one line that says why not.
fn checkpoint(bytes: &[u8]) {
    match from_bytes(bytes, "fuzz", &mut |_| ()) {
        Ok(model) => assert!(model.provenance.values().map(String::len).sum::<usize>() < 24 << 10),
        Err(error) => one_line(error),
    }
}

/// A file of ours.
fn safetensors(bytes: &[u8]) {
    match Model::from_bytes(bytes.to_vec()) {
        Ok(model) => assert!(model.arrays.values().flat_map(|array| array.values()).all(f32::is_finite)),
        Err(error) => one_line(error),
    }
}

/// NumPy's .npy and .npz.
fn arrays(bytes: &[u8]) {
    match read_bytes(bytes, "w") {
        Ok(array) => {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
            assert!(array.values.iter().all(|value| value.is_finite()));
        }
        Err(error) => one_line(error),
    }
}

/// Rows of w and directions, in whatever people keep them.
fn vectors(bytes: &[u8]) {
    let sizes = Sizes { num_ws: 6, w_dim: 8 };
    let file = match VectorFile::open(bytes) {
        Ok(file) => file,
        Err(error) => return one_line(error),
    };
    match rows(&file, None, sizes) {
        Ok(ws) => assert!(ws.values.len() == ws.n * 48 && ws.values.iter().all(|value| value.is_finite())),
        Err(error) => one_line(error),
    }
    if let Err(error) = Direction::read(&file, None, sizes) {
        one_line(error);
    }
}

/// A configuration: what is accepted has tensors that can be counted, and comes back from its own JSON.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::from_json(text) {
        Ok(config) => {
            let values = config.manifest().iter().map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>();
            assert!(values > 0 && config.num_ws() > 0 && config.z_dim() + config.c_dim() > 0);
            let (height, width) = config.image_size();
            assert!(height * width <= 1 << 24, "{height}x{width}");
            assert!(!config.style_layers().is_empty());
            let json = serde_json::to_string(&config).expect("a configuration is JSON");
            assert_eq!(Config::from_json(&json).expect(&json), config);
        }
        Err(error) => one_line(error),
    }
}
