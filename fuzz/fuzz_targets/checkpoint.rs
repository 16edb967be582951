//! Any bytes as a checkpoint: bare pickles, legacy torch streams and zip archives. Start from the fixtures:
//! `cargo +nightly fuzz run checkpoint fuzz/corpus/checkpoint tests/fixtures/tiny/*/`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stylegan_tools::convert::from_bytes;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = from_bytes(bytes, "fuzz", &mut |_| ()) {
        assert!(!error.to_string().contains('\n'));
    }
});
