//! A small genuine OpenVINO IR with bytes changed: `cargo +nightly fuzz run openvino`.
//!
//! The input is a list of edits (file, position, byte) rather than the files: almost every random XML ends in the parser.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stylegan_tools::convert::openvino::{Ir, convert};

#[path = "../../tools/tests/openvino/small.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod small;

static FILES: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    [mapping.xml, mapping.bin, synthesis.xml, synthesis.bin]
});

fuzz_target!(|edits: Vec<(u8, u16, u8)>| {
    let mut files = FILES.clone();
    for (file, at, byte) in edits {
        let file = &mut files[usize::from(file) % 4];
        let length = file.len();
        match usize::from(at) % (length + 1) {
            end if end == length => file.truncate(usize::from(byte)),
            at => file[at] = byte,
        }
        if file.is_empty() {
            file.push(byte);
        }
    }
    let [mapping_xml, mapping_bin, xml, bin] = files;
    let (mapping, synthesis) = (Ir { xml: mapping_xml, bin: mapping_bin }, Ir { xml, bin });
    let _ = convert(&mapping, &synthesis, BTreeMap::new(), &mut |_| ());
});
