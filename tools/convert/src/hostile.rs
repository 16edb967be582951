//! Hostile and damaged files: only Ok or a one-line ConvertError, never a panic, and memory bounded by the file.

use std::path::PathBuf;

use super::tests::quiet;
use super::*;

/// The checkpoint files in the repository's own fixtures.
fn tiny_files() -> Vec<PathBuf> {
    let folder = &super::tests::folders()[0];
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|case| std::fs::read_dir(case.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pkl" || extension == "pt"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

/// Converts, and checks the error's form when there is one.
fn attempt(bytes: &[u8], what: &str) -> Result<Model> {
    let result = from_bytes(bytes, "hostile", &mut quiet());
    if let Err(error) = &result {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < 1700 && !text.chars().any(char::is_control), "{what}: {text:?}");
    }
    result
}

#[test]
fn a_pickle_that_names_code_is_refused() {
    for bytes in [
        &b"cos\nsystem\n(S'touch /tmp/pwned'\ntR."[..],
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ] {
        let error = attempt(bytes, "os.system").unwrap_err();
        assert!(matches!(error, ConvertError::ForbiddenGlobal(_)), "{error:?}");
        assert_eq!(error.to_string(), "this pickle asks for os.system; it is not a StyleGAN checkpoint, nothing was executed");
    }
    let inst = attempt(b"(S'id'\nios\nsystem\n.", "INST").unwrap_err();
    assert!(matches!(inst, ConvertError::ForbiddenGlobal(_)), "{inst:?}");
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>", "web page"),
        (b"\n\n  <html lang=en>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 381673535\n", "381673535 bytes"),
        (b"hello there, this is a text", "text file"),
        (b"\x89PNG\r\n\x1a\n0000", "PNG"),
        (b"\x1f\x8b\x08\x00\x00\x00", "gzip"),
        (b"PK\x03\x04 and then nothing else comes at all", "ends early"),
        (b"\x80\x02}X\x01\x00\x00\x00aK\x01s.", "a dict with a"),
    ];
    for (bytes, word) in cases {
        let text = attempt(bytes, word).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_cut_download_tells_what_is_missing() {
    let file = tiny_files().into_iter().find(|path| path.ends_with("checkpoint-legacy.pt")).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let text = attempt(&bytes[..bytes.len() - 12345], "legacy").unwrap_err().to_string();
    assert!(text.contains("12345 bytes are missing"), "{text}");
}

/// Peak resident memory of this process in MiB, where the system tells it.
fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).map_or(0, |kib| kib / 1024)
}

#[test]
fn bombs() {
    let legacy = || {
        let mut out = b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        assert_eq!(pickle::parse(&out, &Budget::for_file(out.len())).unwrap().int(4), Some(torch::MAGIC));
        out.extend(b"\x80\x02");
        out
    };
    // Ten lists, each of ten times the one before.
    let mut laughs = b"\x80\x02]q\x00".to_vec();
    for level in 1..=200u8 {
        laughs.push(b']');
        laughs.extend([b'q', level, b'(']);
        laughs.extend([b'h', level - 1].repeat(10));
        laughs.push(b'e');
    }
    laughs.push(b'.');
    let mut cyclic = b"\x80\x02}q\x00X\x05\x00\x00\x00G_emah\x00s.".to_vec();
    let big = 4 << 20;
    // A module that is its own child, under an empty name.
    let module_cycle = b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n}X\x05\x00\x00\x00state}X\x08\x00\x00\x00_modules}q\x04ss\x85Rq\x05h\x04X\x00\x00\x00\x00h\x05s0.";
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        ("billion laughs", laughs),
        ("cyclic dict", std::mem::take(&mut cyclic)),
        ("empty dicts", [b"\x80\x02".to_vec(), vec![b'}'; big]].concat()),
        ("empty lists", [b"\x80\x02".to_vec(), vec![b']'; big]].concat()),
        ("marks", [b"\x80\x02".to_vec(), vec![b'('; big]].concat()),
        ("dups", [b"\x80\x02}".to_vec(), vec![b'2'; big]].concat()),
        ("memos", [b"\x80\x04}".to_vec(), vec![0x94; big]].concat()),
        ("nested tuples", [b"\x80\x02)".to_vec(), vec![0x85; big], b".".to_vec()].concat()),
        ("far memo", b"\x80\x02}r\xff\xff\xff\xff.".to_vec()),
        ("BINBYTES8 of 2^62", b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x40abc.".to_vec()),
        ("BINUNICODE8 of 2^64 - 1", b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.".to_vec()),
        ("LONG4 of 2^31", b"\x80\x02\x8b\x00\x00\x00\x80abc.".to_vec()),
        ("FRAME of 2^63", b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x80}.".to_vec()),
        ("long LONG", [b"\x80\x02\x8b\x00\x00\x40\x00".to_vec(), vec![1; big], b".".to_vec()].concat()),
        ("long text LONG", [b"L".to_vec(), vec![b'9'; big], b"L\n.".to_vec()].concat()),
        ("persistent id of itself", [legacy(), b"]q\x00h\x00aQ.\x80\x02].".to_vec()].concat()),
        ("a module in itself", module_cycle.to_vec()),
    ];
    for (what, bytes) in bombs {
        let started = std::time::Instant::now();
        let error = attempt(&bytes, what).expect_err(what);
        assert!(started.elapsed().as_secs() < 60, "{what}: {:?}", started.elapsed());
        assert!(peak_mib() < 600, "{what}: {} MiB", peak_mib());
        eprintln!("{what}: {error}");
    }
}

/// A tensor of a million million elements over a storage of one, by strides of 0.
#[test]
fn stride_zero_does_not_unfold() {
    let mut stream = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    stream.extend(b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01NtQ.");
    stream.extend(b"\x80\x02]X\x01\x00\x00\x000a.\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f");
    let tensor = |rows: u32, stride: u8| {
        let mut out = b"\x80\x03ctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\nB".to_vec();
        out.extend((stream.len() as u32).to_le_bytes());
        out.extend(&stream);
        out.extend(b"\x85RK\x00J");
        out.extend(rows.to_le_bytes());
        out.extend(b"J");
        out.extend(rows.to_le_bytes());
        out.extend([0x86, b'K', stride, b'K', stride, 0x86]);
        out.extend(b"\x89}tR.");
        out
    };
    let read = |bytes: &[u8]| {
        let checkpoint = torch::Checkpoint::plain(pickle::parse(bytes, &Budget::for_file(bytes.len())).unwrap());
        checkpoint.tensor("t", checkpoint.pickle.root).map(|tensor| (tensor.shape, tensor.values))
    };
    assert_eq!(read(&tensor(2, 0)).unwrap(), (vec![2, 2], vec![1.0; 4]));
    assert!(matches!(read(&tensor(1_000_000, 0)), Err(ConvertError::TooLarge(_))));
    assert!(matches!(read(&tensor(2, 1)), Err(ConvertError::Tensor { .. })));
}
