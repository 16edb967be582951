//! Files that try to unfold into memory: never more than four times the file and 64 MiB. A process of its own, because what is
//! read is the process's peak; where the system does not tell it (anything but Linux), only the errors are checked.

use stylegan_tools::convert::from_bytes;

mod memory;

use memory::{forget_peak, peak};

const MIB: usize = 1 << 20;

#[test]
fn memory_stays_in_proportion_to_the_file() {
    let size = 16 * MIB;
    let fill = |head: &[u8], byte: u8| {
        let mut bytes = head.to_vec();
        bytes.resize(size, byte);
        bytes
    };
    let repeat = |head: &[u8], unit: &[u8]| {
        let mut bytes = head.to_vec();
        bytes.extend(unit.repeat((size - head.len()) / unit.len()));
        bytes
    };
    // A legacy torch stream of one storage whose list of keys names it without end.
    let mut keys = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    keys.extend(b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01NtQ.");
    keys.extend(b"\x80\x02]X\xc8\x00\x00\x00");
    keys.extend([b'k'; 200]);
    keys.extend(b"q\x000(");
    let listed = || {
        let mut bytes = repeat(&keys, b"h\x00");
        bytes.truncate(keys.len() + 2_000_000);
        bytes.extend(b"e.");
        bytes
    };
    let bombs: [(&str, &dyn Fn() -> Vec<u8>); 13] = [
        ("keys of a legacy stream", &listed),
        ("empty lists", &|| fill(b"\x80\x02", b']')),
        ("empty dicts", &|| fill(b"\x80\x02", b'}')),
        ("sets", &|| fill(b"\x80\x04", 0x8f)),
        ("marks", &|| fill(b"\x80\x02", b'(')),
        ("copies of the top", &|| fill(b"\x80\x02}", b'2')),
        ("memo entries", &|| fill(b"\x80\x04}", 0x94)),
        ("nested tuples", &|| fill(b"\x80\x02)", 0x85)),
        ("lists of one", &|| repeat(b"\x80\x02", b"]Na")),
        ("dicts of one", &|| repeat(b"\x80\x02", b"}NNs")),
        ("objects", &|| repeat(b"\x80\x02ccollections\nOrderedDict\nq\x00", b"h\x00)R")),
        ("globals", &|| repeat(b"", b"ccollections\nOrderedDict\n")),
        ("one list, appended to itself", &|| repeat(b"\x80\x02]q\x00", b"h\x00a")),
    ];
    for (what, make) in bombs {
        let bytes = make();
        let measured = forget_peak();
        let before = peak().unwrap_or(0);
        let started = std::time::Instant::now();
        let error = from_bytes(&bytes, what, &mut |_| ()).expect_err(what);
        eprintln!("{what}: {:?}, {error}", started.elapsed());
        let Some(peak) = peak().filter(|_| measured) else { continue };
        // The file itself is one of the four times.
        let more = peak.saturating_sub(before);
        assert!(more <= 3 * size + 64 * MIB, "{what}: {} MiB for a file of {} MiB", more / MIB, size / MIB);
        eprintln!("  {} MiB", more / MIB);
    }
}
