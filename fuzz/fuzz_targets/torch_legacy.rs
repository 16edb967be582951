//! What torch.save wrote before version 1.6: pickles one after another, then the storages.
#![no_main]

mod checkpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checkpoint::convert(bytes));
