//! Files that try to unfold into memory: never more than four times the file and 64 MiB. A process of its own, because what is
//! read is the process's peak; where the system does not tell it (anything but Linux), only the errors are checked.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use stylegan_convert::array_file;
use stylegan_convert::openvino::{self, Ir};
use stylegan_convert::{ConvertError, from_bytes};
use stylegan_studio::pictures::picture_settings::Settings;

mod memory;

use memory::{forget_peak, peak};

const MIB: usize = 1 << 20;

/// The longest that reading any of these takes, many times over: what is quadratic takes minutes.
const LONGEST: Duration = Duration::from_secs(20);

/// Reads, and holds what it took against the file: four times its length, of which one is the file itself, and 64 MiB.
fn measured<T>(what: &str, length: usize, read: impl FnOnce() -> T) -> T {
    let known = forget_peak();
    let before = peak().unwrap_or(0);
    let started = Instant::now();
    let result = read();
    let time = started.elapsed();
    assert!(time < LONGEST, "{what}: {time:?}");
    if let Some(peak) = peak().filter(|_| known) {
        let more = peak.saturating_sub(before);
        assert!(more <= 3 * length + 64 * MIB, "{what}: {} MiB for a file of {} KiB", more / MIB, length / 1024);
        eprintln!("{what}: {} MiB for {} KiB, {time:?}", more / MIB, length / 1024);
    }
    result
}

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
        measured(what, bytes.len(), || from_bytes(&bytes, what, &mut |_| ())).expect_err(what);
    }
    shared();
    headers();
    graphs();
    archives();
    cases();
    pictures();
}

/// What a pickle names once and has in any number of places.
fn shared() {
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    // Memo 0: an array of one float.
    let mut array = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01K\x01\x85".to_vec();
    array.extend(b"cnumpy\ndtype\nX\x02\0\0\0f4K\0K\x01\x87R(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
    array.extend(b"\x89C\x04\0\0\x80?tbq\x000");
    let marks = ["synthesis.b4.conv1.weight", "mapping.fc0.weight"].map(text).map(|mark| [&mark, &b"h\0"[..]].concat()).concat();
    let names = |count: usize, value: &[u8]| (0..count).map(|i| [&text(&format!("{i:x}")), value].concat()).collect::<Vec<_>>().concat();
    // Memo 1: a dict that has the marks of a generator. It is in 100,000 places, of which each may be the one meant.
    let generator = [&array[..], b"}q\x01(", &marks, b"u0"].concat();
    let places = names(100_000, b"h\x01");
    let beside = [&generator[..], b"}(", &places, b"u."].concat();
    let around = [&generator[..], b"}(", &marks, &places, b"u."].concat();
    // Memo 1: a module of 30,000 parameters, in 30,000 places.
    let entries = |name: &str, entries: &[u8]| [&text(name)[..], b"}(", entries, b"u"].concat();
    let module = |parameters: &[u8], more: &[u8]| {
        let parts = [entries("_parameters", parameters), entries("_buffers", b""), entries("_modules", b"")].concat();
        [&b"ctorch.nn.modules.container\nSequential\n)\x81}("[..], &parts, more, b"ub"].concat()
    };
    let modules = [&array[..], &module(&names(30_000, b"h\0"), b""), b"q\x010](", &b"h\x01".repeat(30_000), b"e."].concat();
    // Memo 2: the __dict__ of 50,000 modules, of 100,000 entries.
    let state = [&b"}("[..], &entries("_parameters", b""), &entries("_buffers", b""), &names(100_000, b"N"), b"uq\x020"].concat();
    let objects = b"ctorch.nn.modules.container\nSequential\n)\x81h\x02b".repeat(50_000);
    let states = [&array[..], &state, b"](", &objects, b"e."].concat();
    // Memo 3: the shape of 20,000 tensors, of 200,000 sides.
    let sides = [&b"("[..], &b"K\x01".repeat(200_000), b"tq\x030ctorch._utils\n_rebuild_tensor_v2\nq\x040"].concat();
    let tensors = names(20_000, b"h\x04(h\0K\0h\x03h\x03\x89NtR");
    let shapes = [&array[..], &sides, b"}(", &tensors, b"u."].concat();
    for (what, bytes) in [
        ("a generator in many places", beside),
        ("a generator around many others", around),
        ("a module in many places", modules),
        ("the state of many modules", states),
        ("the shape of many tensors", shapes),
    ] {
        measured(what, bytes.len(), || from_bytes(&bytes, what, &mut |_| ())).map(|_| ()).expect_err(what);
    }
}

/// Headers of .safetensors that are worth seventeen times their length as JSON.
fn headers() {
    let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let zeros = |count: usize| "0,".repeat(count);
    let names: String = (0..600_000).map(|i| format!("\"{i:x}\":\"\",")).collect();
    for (what, header) in [
        ("an array", format!("{{\"a\":[{}0]}}", zeros(8 << 20))),
        ("empty lists", format!("{{\"a\":[{}[]]}}", "[],".repeat(5 << 20))),
        ("a configuration", format!("{{\"__metadata__\":{{\"config\":\"[{}0]\"}}}}", zeros(8 << 20))),
        ("names", format!("{{\"__metadata__\":{{{names}\"x\":\"\"}}}}")),
        ("a configuration that is just short enough", format!("{{\"__metadata__\":{{\"config\":\"[{}0]\"}}}}", zeros(500_000))),
        ("spaces", format!("{{{}}}", " ".repeat(16 * MIB))),
    ] {
        let bytes = file(&header);
        measured(what, bytes.len(), || from_bytes(&bytes, what, &mut |_| ())).expect_err(what);
    }
}

/// Eight MiB of XML, of the kinds that make an XML parser slow or large.
fn graphs() {
    let size = 8 * MIB;
    let declare = |count: usize| (0..count).map(|i| format!(" xmlns:a{i:x}=\"{i:x}\"")).collect::<String>();
    let attributes: String = (0..9000).map(|i| format!(" a{i:x}=\"\"")).collect();
    let fill = |head: &str, unit: &str, tail: &str| format!("{head}{}{tail}", unit.repeat((size - head.len() - tail.len()) / unit.len()));
    let deep = size / 7;
    for (what, xml) in [
        ("namespaces", fill(&format!("<net version=\"10\"{}>", declare(3000)), "<a xmlns:x=\"y\"/>", "</net>")),
        ("attributes", fill("<net version=\"10\">", &format!("<a{attributes}/>"), "</net>")),
        (
            "attributes of an operation",
            fill("<net version=\"10\"><layers><layer id=\"0\" type=\"a\">", &format!("<data{attributes}/>"), "</layer></layers></net>"),
        ),
        ("nodes", fill("<net version=\"10\">", "<a/>", "</net>")),
        (
            "ports",
            fill("<net version=\"10\"><layers><layer id=\"0\" type=\"a\"><input>", "<port id=\"1\"/>", "</input></layer></layers></net>"),
        ),
        ("layers of one id", fill("<net version=\"10\"><layers>", "<layer id=\"0\" type=\"a\"/>", "</layers></net>")),
        ("layers", {
            let layers: String = (0..200_000).map(|i| format!("<layer id=\"{i}\" type=\"a\"/>")).collect();
            format!("<net version=\"10\"><layers>{layers}</layers></net>")
        }),
        ("depth", format!("<net version=\"10\">{}{}</net>", "<a>".repeat(deep), "</a>".repeat(deep))),
        ("one tag", fill("<net version=\"10\"", " ", "/>")),
        ("one attribute", fill("<net version=\"10\" a=\"", "x", "\"/>")),
        ("entities", fill("<net version=\"10\"><layers><layer id=\"", "&#97;", "\" type=\"a\"/></layers></net>")),
        ("a document type", "<!DOCTYPE n [<!ENTITY a \"b\"><!ENTITY c \"&a;&a;&a;\">]><net version=\"10\"/>".to_owned()),
    ] {
        let ir = |xml: &str| Ir { xml: xml.as_bytes().to_vec(), bin: Vec::new() };
        let (mapping, synthesis) = (ir(&xml), ir("<net version=\"10\"/>"));
        measured(what, xml.len(), || openvino::convert(&mapping, &synthesis, BTreeMap::new(), &mut |_| ())).expect_err(what);
    }
}

/// Archives that unpack to far more than they are.
fn archives() {
    let archive = |members: &[(&str, usize)]| {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, zeros) in members {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            let header = b"\x93NUMPY\x01\x00\x3e\x00{'descr': '<f2', 'fortran_order': True, 'shape': (8, 2000000), }";
            archive.write_all(header).unwrap();
            (0..zeros / MIB).for_each(|_| archive.write_all(&[0; MIB]).unwrap());
        }
        archive.finish().unwrap().into_inner()
    };
    for megabytes in [4, 20, 31, 128] {
        let bytes = archive(&[("w.npy", megabytes * MIB)]);
        let what = format!("{megabytes} MiB of zeros");
        assert!(measured(&what, bytes.len(), || array_file::read_bytes(&bytes, "w")).is_err());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.whl");
    let names = ["MappingNetwork.xml", "MappingNetwork.bin", "SynthesisNetwork.xml", "SynthesisNetwork.bin"];
    let bytes = archive(&names.map(|name| (name, 60 * MIB)));
    std::fs::write(&path, &bytes).unwrap();
    let error = measured("a wheel of zeros", bytes.len(), || openvino::open(&path, &mut |_| ())).unwrap_err();
    assert!(matches!(error, ConvertError::TooLarge(_)), "{error}");

    // A directory whose entries all are the same member.
    let mut bytes = b"PK\x03\x04\x14\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a".to_vec();
    let (local, count) = (bytes.len(), 300_000u64);
    for i in 0..count {
        let name = if i == 0 { "data.pkl".to_owned() } else { format!("data/{i:x}") };
        bytes.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(name.as_bytes());
    }
    let directory = bytes.len() - local;
    bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    [count, count, directory as u64, local as u64].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(((local + directory) as u64).to_le_bytes());
    bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    let error = measured("a directory", bytes.len(), || from_bytes(&bytes, "members", &mut |_| ())).unwrap_err();
    assert!(error.to_string().contains("300000 members"), "{error}");
    assert!(measured("a directory of arrays", bytes.len(), || array_file::read_bytes(&bytes, "w")).is_err());
}

/// The small files of hostile trials, where they lie beside the clone: whatever they are, reading them is bounded, and what is
/// converted has a small record.
fn cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases-hostile");
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut count = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !["pkl", "pt", "safetensors", "whl", "npz"].contains(&extension) {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        count += 1;
        if extension == "npz" {
            assert!(measured(&name, bytes.len(), || array_file::read_bytes(&bytes, "w")).is_err());
            continue;
        }
        match measured(&name, bytes.len(), || stylegan_convert::open(&path, &mut |_| ())) {
            Ok(model) => {
                let record: usize = model.provenance.values().map(String::len).sum();
                assert!(record < 24 << 10, "{name}: {record} bytes of provenance");
            }
            Err(error) => assert!(error.to_string().len() < 1700, "{name}: {error}"),
        }
    }
    assert!(count > 100, "{count}");
}

/// Only the part that says how a picture was made is read, and that is bounded.
fn pictures() {
    let size = 32 * MIB;
    let filled = |head: &[u8], unit: &[u8]| [head, &unit.repeat((size - head.len()) / unit.len())].concat();
    let png = b"\x89PNG\r\n\x1a\n";
    for (what, bytes) in [
        ("a PNG of empty chunks", filled(png, b"\0\0\0\0tEXt\0\0\0\0")),
        ("a PNG of packets", filled(png, &[&b"\0\0\x80\0iTXt"[..], &[b' '; 0x8004]].concat())),
        ("a PNG with a large packet", filled(&[&png[..], b"\x01\xf0\0\0iTXtXML:com.adobe.xmp\0\0\0\0\0"].concat(), b"<a>")),
        ("a JPEG of segments", filled(b"\xff\xd8", &[&b"\xff\xe1\xff\xff"[..], &[b'<'; 0xfffd]].concat())),
        ("a WebP of empty chunks", filled(b"RIFF\xff\xff\xff\xffWEBP", b"XMP?\0\0\0\0")),
        ("a GIF of blocks", filled(b"GIF89a\x01\0\x01\0\0\0\0\x21\xff", b"\x01\x01")),
        ("a GIF of a packet", filled(b"GIF89a\x01\0\x01\0\0\0\0\x21\xff\x0bXMP DataXMP", b"<a>")),
        ("an MP4 of boxes", filled(b"\0\0\0\x08ftyp", b"\0\0\0\x08uuid")),
    ] {
        let read = measured(what, bytes.len(), || Settings::read(&mut std::io::Cursor::new(&bytes)));
        assert!(!matches!(read, Ok((_, Some(_)))), "{what}");
    }
}
