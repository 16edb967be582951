//! A file of ours: `cargo +nightly fuzz run safetensors`. A good first corpus is a file of `stylegan random-weights`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stylegan_wgpu::model::Model;

fuzz_target!(|bytes: Vec<u8>| {
    let _ = Model::from_bytes(bytes);
});
