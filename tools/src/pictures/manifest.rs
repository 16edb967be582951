//! The manifest of a folder of pictures: JSON lines. The first says which network and settings drew them; then one line per
//! finished picture, appended as they finish. It is what a run that was interrupted goes on from.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::internals::atomic_file::{self, Unsynced};
use stylegan_wgpu::internals::regular_file;

use crate::args::Shard;
use crate::failure::Failure;

/// Version of the file.
const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    manifest: u32,
    /// sha256 of the network's configuration and tensors, whatever file they came from.
    network: String,
    /// What else decides how a picture looks.
    settings: Map<String, Value>,
    /// For whoever wants to know; another device may round differently, and is not refused.
    device: String,
    tool: String,
}

/// Any other line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u32>,
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A line of `--diverse`: which seeds were chosen, of which. For the reader; a picture is the same whatever it was chosen from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choice {
    /// As `--seeds` takes them, in the order chosen.
    pub(crate) chosen: String,
    /// Of these, as `--seeds` had them.
    pub(crate) of: String,
}

/// What all manifests of a folder say.
pub(crate) struct History {
    folder: PathBuf,
    headers: Vec<(PathBuf, Header)>,
    choices: Vec<Choice>,
    /// Finished files by name.
    finished: HashMap<String, Entry>,
}

impl Header {
    pub(crate) fn new(network: &str, settings: Map<String, Value>, device: String) -> Header {
        let tool = concat!("stylegan ", env!("CARGO_PKG_VERSION")).into();
        Header { manifest: VERSION, network: network.into(), settings, device, tool }
    }
}

/// The manifest's name; each shard has its own, so that they can run side by side.
pub(crate) fn name(shard: Option<Shard>) -> String {
    match shard {
        None => "manifest.jsonl".into(),
        Some(Shard { index, count }) => format!("manifest-{index}-of-{count}.jsonl"),
    }
}

fn is_name(name: &str) -> bool {
    name.strip_prefix("manifest").and_then(|name| name.strip_suffix(".jsonl")).is_some_and(|middle| {
        let number = |text: &str| text.parse::<usize>().is_ok();
        middle.is_empty()
            || middle
                .strip_prefix('-')
                .and_then(|pair| pair.split_once("-of-"))
                .is_some_and(|(index, count)| number(index) && number(count))
    })
}

impl History {
    /// Reads the manifests in a folder, which need not be there.
    pub(crate) fn read(folder: &Path) -> Result<History, Failure> {
        let mut history = History { folder: folder.into(), headers: Vec::new(), choices: Vec::new(), finished: HashMap::new() };
        let failed = |path: &Path, error: io::Error| Failure::Runtime(format!("{}: {error}", path.display()));
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(history),
            entries => entries.map_err(|error| failed(folder, error))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(folder, error))?;
            if entry.file_name().to_str().is_some_and(is_name) && entry.path().is_file() {
                paths.push(entry.path());
            }
        }
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
            history.add(path, whole_lines(&bytes))?;
        }
        Ok(history)
    }

    fn add(&mut self, path: PathBuf, text: &[u8]) -> Result<(), Failure> {
        let mut lines = text.split(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        if first.is_empty() {
            return Ok(());
        }
        let wrong = |what: &str| Failure::Runtime(format!("{}: {what}; use another --outdir, or move the file away", path.display()));
        let header: Header = serde_json::from_slice(first).map_err(|_| wrong("is not a manifest of this program"))?;
        if header.manifest != VERSION {
            return Err(wrong(&format!("is a manifest of version {}, this program writes {VERSION}", header.manifest)));
        }
        // A line that cannot be read costs drawing its picture again.
        for line in lines {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => drop(self.finished.insert(entry.file.clone(), entry)),
                Err(_) => self.choices.extend(serde_json::from_slice::<Choice>(line).ok()),
            }
        }
        self.headers.push((path, header));
        Ok(())
    }

    /// Refuses to mix pictures of different networks or settings in a folder. `anew` is the name of a manifest that will be
    /// started anew. Settings that are not known yet are not compared.
    pub(crate) fn check(&self, network: &str, settings: &Map<String, Value>, anew: Option<&str>) -> Result<(), Failure> {
        for (path, header) in self.headers.iter().filter(|(path, _)| anew.is_none_or(|name| !path.ends_with(name))) {
            let differs = match header.network == network {
                false => Some(format!("network {}, now {}", short(&header.network), short(network))),
                true => difference(&header.settings, settings),
            };
            if let Some(differs) = differs {
                let remedy = match anew {
                    None => "choose another --outdir, or --overwrite to start anew",
                    Some(_) => "choose another --outdir, or remove that file",
                };
                return Err(Failure::usage(format!("{} records pictures of another kind ({differs}): {remedy}", path.display())));
            }
        }
        Ok(())
    }

    /// Whether a choice is recorded.
    pub(crate) fn has_choice(&self, choice: &Choice) -> bool {
        self.choices.contains(choice)
    }

    /// Whether a file is recorded, and there with the size recorded.
    pub(crate) fn has(&self, file: &str) -> bool {
        let there = || self.folder.join(file).metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        self.finished.get(file).is_some_and(|entry| there() == Some(entry.bytes))
    }

    /// Whether a file that is there has the bytes that were recorded.
    pub(crate) fn has_bytes(&self, file: &str) -> Result<bool, Failure> {
        let Some(entry) = self.finished.get(file) else { return Ok(false) };
        let bytes = regular_file::read(&self.folder.join(file), entry.bytes)?;
        Ok(hex(&Sha256::digest(bytes)) == entry.sha256)
    }
}

/// The first setting that both know and that differs, or that is only known to the manifest.
fn difference(then: &Map<String, Value>, now: &Map<String, Value>) -> Option<String> {
    let keys = then.keys().chain(now.keys().filter(|key| !then.contains_key(*key)));
    keys.filter_map(|key| {
        let show = |value: Option<&Value>| match value {
            None | Some(Value::Null) => "none".to_owned(),
            Some(Value::String(text)) => short(text),
            Some(value) => short(&value.to_string()),
        };
        let known_late = LATE.contains(&key.as_str()) && !now.contains_key(key);
        // What a setting without a value is, is what manifests are that were written before there was such a setting.
        let value = |of: &Map<String, Value>| of.get(key).filter(|value| !value.is_null()).cloned();
        let (then, now) = (value(then), value(now));
        let (then, now) = (then.as_ref(), now.as_ref());
        (then != now && !known_late).then(|| format!("{} {}, now {}", key.replace('_', "-"), show(then), show(now)))
    })
    .next()
}

/// The settings that may not be known before the device is, or what `--diverse` chooses.
pub(crate) const PRECISION: &str = "precision";
pub(crate) const CENTERS: &str = "centers";
pub(crate) const SEEDS: &str = "seeds";
const LATE: [&str; 3] = [PRECISION, CENTERS, SEEDS];

/// What of a hash or a list fits an error.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(16).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// Up to the last end of a line: a process that was killed may have left a part of one.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)]
}

/// A manifest that is being written. Held open and locked until the end.
pub(crate) struct Manifest {
    path: PathBuf,
    file: File,
    /// Lines of files that the disk may not have yet.
    waiting: Vec<(Entry, Unsynced)>,
    flushed: Instant,
}

/// Files that wait for the disk together: one wait is as long as many. They are drawn again when the process is killed meanwhile.
const MOST_WAITING: usize = 32;
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl Manifest {
    /// Opens the manifest for more lines: after those that are there, or `anew`.
    pub(crate) fn open(path: &Path, header: &Header, anew: bool) -> Result<Manifest, Failure> {
        let open = || -> io::Result<File> {
            if path.exists() && !path.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            lock(&file)?;
            let mut bytes = Vec::new();
            if !anew {
                file.read_to_end(&mut bytes)?;
            }
            let whole = whole_lines(&bytes).len() as u64;
            file.set_len(whole)?;
            file.seek(SeekFrom::End(0))?;
            if whole == 0 {
                file.write_all(&line(header)?)?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))?;
        Ok(Manifest { path: path.into(), file, waiting: Vec::new(), flushed: Instant::now() })
    }

    /// Adds a choice, now.
    pub(crate) fn append_choice(&mut self, choice: &Choice) -> Result<(), Failure> {
        let written = line(choice).and_then(|line| self.file.write_all(&line));
        written.map_err(|error| Failure::Runtime(format!("{}: {error}", self.path.display())))
    }

    /// Adds a line, soon: when the disk has the file.
    pub(crate) fn append(&mut self, entry: Entry, written: Unsynced) -> Result<(), Failure> {
        self.waiting.push((entry, written));
        match self.waiting.len() >= MOST_WAITING || self.flushed.elapsed() >= LONGEST_WAIT {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Waits for the disk, and adds the lines of what it has, in one write.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let (entries, files): (Vec<Entry>, Vec<Unsynced>) = self.waiting.drain(..).unzip();
        atomic_file::sync(&files)?;
        let lines = entries.iter().map(line).collect::<io::Result<Vec<_>>>().map(|lines| lines.concat());
        let written = lines.and_then(|lines| self.file.write_all(&lines));
        self.flushed = Instant::now();
        written.map_err(|error| Failure::Runtime(format!("{}: {error}", self.path.display())))
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        // After a failure that is being reported: what was finished before it counts.
        let _ = self.flush();
    }
}

/// Two processes that write one manifest would draw everything twice, and mix their lines.
fn lock(file: &File) -> io::Result<()> {
    // On Windows, a lock would keep other shards from reading the file.
    if cfg!(windows) {
        return Ok(());
    }
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process is writing it; is the same command running?")),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            history.check(network, settings, anew).err().map(|failure| failure.text().to_owned())
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
        assert!(trunc.contains("(trunc 0.7, now 0.5): choose another --outdir, or --overwrite"), "{trunc}");
        let other = refusal(&history, "other", &settings(0.7), None).unwrap();
        assert!(other.contains("(network 0123456789abcdef..., now other)"), "{other}");
        // Starting anew does not ask what was there before, but a shard beside it does.
        assert_eq!(refusal(&history, &network, &settings(0.5), Some("manifest.jsonl")), None);
        let beside = refusal(&history, &network, &settings(0.5), Some("manifest-1-of-2.jsonl")).unwrap();
        assert!(beside.contains("remove that file"), "{beside}");
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
        assert!(History::read(folder.path()).err().unwrap().text().contains("is not a manifest of this program"));
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
        assert!(Manifest::open(&path, &header(1.0), true).err().unwrap().text().contains("another process"));
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
            match History::read(folder.path()).and_then(|history| history.check("other", &settings(0.5), None)) {
                Ok(()) => read += 1,
                Err(failure) => {
                    refused += 1;
                    assert!(failure.text().len() < 2000, "{}", failure.text());
                }
            }
        }
        assert!(read > 0 && refused > 1000, "{read} {refused}");
    }
}
