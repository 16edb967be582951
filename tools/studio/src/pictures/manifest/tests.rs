//! Torn lines, other networks, shards side by side.

use serde_json::json;

use sha2::{Digest, Sha256};
use stylegan_convert::hex;

use super::history::is_name;
use super::*;

fn settings(trunc: f64) -> Map<String, Value> {
    let Value::Object(settings) = json!({ "trunc": trunc, "precision": "f32" }) else { unreachable!() };
    settings
}

fn header(trunc: f64) -> Header {
    Header::new("0123456789abcdef0123", settings(trunc), "GPU".into())
}

fn entry(file: &str, bytes: u64) -> Entry {
    Entry { seed: Some(7), file: file.into(), bytes, sha256: hex(&Sha256::digest("abc")) }
}

#[test]
fn a_torn_line_is_dropped_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.jsonl");
    let mut manifest = Manifest::open(&path, &header(1.0), false).unwrap();
    let file = atomic_file::write_unsynced(&folder.path().join("a.png"), |file| file.write_all(b"abc")).unwrap();
    manifest.append(entry("a.png", 3), file).unwrap();
    drop(manifest);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], br#"{"seed":8,"file":"b.png","byt"#].concat()).unwrap();
    std::fs::write(folder.path().join("b.png"), "abc").unwrap();

    let history = History::read(folder.path()).unwrap();
    assert!(history.has("a.png") && !history.has("b.png"));
    assert!(history.has_bytes("a.png").unwrap() && !history.has_bytes("b.png").unwrap());
    std::fs::write(folder.path().join("a.png"), "abd").unwrap();
    assert!(history.has("a.png") && !history.has_bytes("a.png").unwrap());
    // A file of another size is not what was finished.
    std::fs::write(folder.path().join("a.png"), "ab").unwrap();
    assert!(!history.has("a.png"));

    Manifest::open(&path, &header(1.0), false).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    // A header that was not finished is none.
    std::fs::write(&path, &whole[..9]).unwrap();
    assert!(History::read(folder.path()).is_ok_and(|history| history.headers.is_empty()));
    Manifest::open(&path, &header(1.0), false).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), &whole[..whole.iter().position(|&byte| byte == b'\n').unwrap() + 1]);
}

#[test]
fn other_networks_and_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |history: &History, network: &str, settings: &Map<String, Value>, anew: Option<&str>| {
        history.check(network, settings, anew).err().map(|clash: Clash| clash.to_string())
    };
    assert!(Manifest::open(&folder.path().join(name(None)), &header(0.7), false).is_ok());
    let history = History::read(folder.path()).unwrap();
    let network = header(0.7).network;
    assert_eq!(refusal(&history, &network, &settings(0.7), None), None);
    // Before the device is opened, its precision is not known.
    let mut early = settings(0.7);
    early.remove(PRECISION);
    assert_eq!(refusal(&history, &network, &early, None), None);
    let trunc = refusal(&history, &network, &settings(0.5), None).unwrap();
    assert!(trunc.contains("records pictures of another kind (trunc 0.7, now 0.5)"), "{trunc}");
    let other = refusal(&history, "other", &settings(0.7), None).unwrap();
    assert!(other.contains("(network 0123456789abcdef..., now other)"), "{other}");
    // Starting anew does not ask what was there before, but a shard beside it does.
    assert_eq!(refusal(&history, &network, &settings(0.5), Some("manifest.jsonl")), None);
    let beside = refusal(&history, &network, &settings(0.5), Some("manifest-1-of-2.jsonl")).unwrap();
    assert!(beside.contains("trunc 0.7, now 0.5"), "{beside}");
    // Nor are centres that are not made yet; without any, they are known to be none.
    let mut centers = settings(0.7);
    centers.insert(CENTERS.into(), json!("ab"));
    let path = folder.path().join("centers");
    std::fs::create_dir(&path).unwrap();
    Manifest::open(&path.join(name(None)), &Header::new(&network, centers.clone(), "GPU".into()), false).unwrap();
    let with = History::read(&path).unwrap();
    assert_eq!(refusal(&with, &network, &settings(0.7), None), None, "not known yet");
    assert_eq!(refusal(&with, &network, &centers, None), None);
    let mut none = settings(0.7);
    none.insert(CENTERS.into(), Value::Null);
    assert!(refusal(&with, &network, &none, None).unwrap().contains("centers ab, now none"));
    assert!(refusal(&history, &network, &centers, None).unwrap().contains("centers none, now ab"));
    assert_eq!(refusal(&history, &network, &none, None), None, "as before there were any");
    early.insert("class".into(), json!(3));
    assert!(refusal(&history, &network, &early, None).unwrap().contains("class none, now 3"));

    std::fs::write(folder.path().join("manifest-2-of-3.jsonl"), "{\"manifest\": 1}\n").unwrap();
    assert!(History::read(folder.path()).err().unwrap().to_string().contains("is not a manifest of this program"));
}

#[test]
fn choices_are_lines_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name(None));
    let mut manifest = Manifest::open(&path, &header(1.0), false).unwrap();
    let choice = Choice { chosen: "3,1".into(), of: "0-9".into() };
    manifest.append_choice(&choice).unwrap();
    let file = atomic_file::write_unsynced(&folder.path().join("a.png"), |file| file.write_all(b"abc")).unwrap();
    manifest.append(entry("a.png", 3), file).unwrap();
    manifest.flush().unwrap();
    let history = History::read(folder.path()).unwrap();
    assert!(history.has_choice(&choice) && history.has("a.png"));
    assert!(!history.has_choice(&Choice { chosen: "3".into(), ..choice }));
}

#[cfg(unix)]
#[test]
fn two_processes_do_not_write_one_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name(Some(Shard { index: 3, count: 16 })));
    assert!(path.ends_with("manifest-3-of-16.jsonl"));
    let _first = Manifest::open(&path, &header(1.0), false).unwrap();
    assert!(Manifest::open(&path, &header(1.0), true).err().unwrap().to_string().contains("another process"));
}

#[test]
fn manifests_are_known_by_their_names() {
    for name in ["manifest.jsonl", "manifest-3-of-16.jsonl"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["manifest.json", "manifest-old.jsonl", "manifest-a-of-b.jsonl", "my-manifest.jsonl", "manifest-3.jsonl"] {
        assert!(!is_name(name), "{name}");
    }
}

/// A manifest with bytes changed, lines cut and pieces of it repeated, always in the same ways: read, or refused in a line.
#[test]
fn any_manifest_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.jsonl");
    let whole = [line(&header(0.7)).unwrap(), line(&entry("a.png", 3)).unwrap(), line(&entry("../../etc/passwd", 9)).unwrap()].concat();
    let mut random = stylegan_wgpu::latent::RandomState::new(3);
    let mut below = |bound: usize| ((random.next_gaussian().abs() * 1e9) as usize) % bound;
    let (mut read, mut refused) = (0, 0);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(4) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes[at] ^= 1 << below(8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.splice(at..at, whole[below(whole.len())..].iter().copied()).for_each(|_| ()),
                _ => bytes.insert(at, b"{}[]\",:\n\\0"[below(10)]),
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let text = |error: Error| error.to_string();
        let checked = |history: History| history.check("other", &settings(0.5), None).map_err(|clash| clash.to_string());
        match History::read(folder.path()).map_err(text).and_then(checked) {
            Ok(()) => read += 1,
            Err(failure) => {
                refused += 1;
                assert!(failure.len() < 2000, "{}", failure);
            }
        }
    }
    assert!(read > 0 && refused > 1000, "{read} {refused}");
}

#[test]
fn shards_are_disjoint_and_complete() {
    for (length, count) in [(0, 1), (1, 3), (10, 3), (100_000, 16), (7, 7), (3, 1000)] {
        let parts = (1..=count).map(|index| Shard { index, count }.of(length)).collect::<Vec<_>>();
        assert!(parts.iter().cloned().flatten().eq(0..length), "{length} in {count}");
        let sizes = || parts.iter().map(ExactSizeIterator::len);
        assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1, "{length} in {count}");
    }
    assert_eq!("3/16".parse(), Ok(Shard { index: 3, count: 16 }));
    assert!("0/16".parse::<Shard>().unwrap_err().contains("1/16 to 16/16") && "17/16".parse::<Shard>().is_err());
    for wrong in ["", "3", "3/", "/3", "0/0", "1/0", "-1/3", "1/3/5", "a/b"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}
