//! What torch.save writes since version 1.6: an archive with a pickle and the storages.
#![no_main]

mod checkpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checkpoint::convert(bytes));
