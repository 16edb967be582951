//! A file of ours.
#![no_main]

use stylegan_wgpu::model::Model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match Model::from_bytes(bytes.to_vec()) {
        Ok(model) => assert!(model.arrays.values().flat_map(|array| array.values()).all(f32::is_finite)),
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
});
