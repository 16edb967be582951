//! OpenVINO IR: the first byte says which of the four files of a small genuine pair of networks the others replace.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use stylegan_convert::openvino::{Ir, convert};

#[path = "../../tools/tests/openvino/small.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod small;

static FILES: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    [mapping.xml, mapping.bin, synthesis.xml, synthesis.bin]
});

pub fn one_of_four(bytes: &[u8]) {
    let [which, content @ ..] = bytes else { return };
    let mut files = FILES.clone();
    files[usize::from(*which) % 4] = content.to_vec();
    let [mapping_xml, mapping_bin, xml, bin] = files;
    let (mapping, synthesis) = (Ir { xml: mapping_xml, bin: mapping_bin }, Ir { xml, bin });
    if let Err(error) = convert(&mapping, &synthesis, BTreeMap::new(), &mut |_| ()) {
        super::one_line(error);
    }
}
