//! Bare pickles: NVIDIA's of PyTorch and TensorFlow, GenForce's, and what claims to be one.
#![no_main]

mod checkpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checkpoint::convert(bytes));
