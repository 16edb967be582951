//! What the manifests of a folder say: which pictures are finished, and whether others may be added.

use std::collections::HashMap;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::internals::regular_file;
use stylegan_wgpu::{Error, Result};

use super::{Choice, Entry, Header, VERSION, whole_lines};

/// The setting of the element type, which may not be known before the device is.
pub const PRECISION: &str = "precision";
/// The setting of the centres of w, which may not be known before they are made.
pub const CENTERS: &str = "centers";
/// The setting of the list of seeds, which may be chosen late.
pub const SEEDS: &str = "seeds";
const LATE: [&str; 3] = [PRECISION, CENTERS, SEEDS];

/// What all manifests of a folder say.
pub struct History {
    folder: PathBuf,
    pub(super) headers: Vec<(PathBuf, Header)>,
    choices: Vec<Choice>,
    /// Finished files by name.
    finished: HashMap<String, Entry>,
}

/// Why a folder is not for these pictures: it has those of another network, or of other settings.
#[derive(Debug)]
pub struct Clash {
    /// The manifest that says so.
    pub manifest: PathBuf,
    /// What differs, then and now.
    pub differs: String,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records pictures of another kind ({})", self.manifest.display(), self.differs)
    }
}

impl std::error::Error for Clash {}

impl History {
    /// Reads the manifests in a folder, which need not be there.
    pub fn read(folder: &Path) -> Result<History> {
        let mut history = History { folder: folder.into(), headers: Vec::new(), choices: Vec::new(), finished: HashMap::new() };
        let failed = |path: &Path, source: io::Error| Error::Io { path: path.into(), source };
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

    fn add(&mut self, path: PathBuf, text: &[u8]) -> Result<()> {
        let mut lines = text.split(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        if first.is_empty() {
            return Ok(());
        }
        let wrong = |what: &str| {
            let error = Box::new(Error::Format(format!("{what}; use another folder, or move the file away")));
            Error::InFile { path: path.clone(), error }
        };
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
    pub fn check(&self, network: &str, settings: &Map<String, Value>, anew: Option<&str>) -> Result<(), Clash> {
        for (path, header) in self.headers.iter().filter(|(path, _)| anew.is_none_or(|name| !path.ends_with(name))) {
            let differs = match header.network == network {
                false => Some(format!("network {}, now {}", short(&header.network), short(network))),
                true => difference(&header.settings, settings),
            };
            if let Some(differs) = differs {
                return Err(Clash { manifest: path.clone(), differs });
            }
        }
        Ok(())
    }

    /// Whether a choice is recorded.
    pub fn has_choice(&self, choice: &Choice) -> bool {
        self.choices.contains(choice)
    }

    /// Whether a file is recorded, and there with the size recorded.
    pub fn has(&self, file: &str) -> bool {
        let there = || self.folder.join(file).metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len());
        self.finished.get(file).is_some_and(|entry| there() == Some(entry.bytes))
    }

    /// Whether a file that is there has the bytes that were recorded.
    pub fn has_bytes(&self, file: &str) -> Result<bool> {
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

/// What of a hash or a list fits an error.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(16).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

pub(super) fn is_name(name: &str) -> bool {
    name.strip_prefix("manifest").and_then(|name| name.strip_suffix(".jsonl")).is_some_and(|middle| {
        let number = |text: &str| text.parse::<usize>().is_ok();
        middle.is_empty()
            || middle
                .strip_prefix('-')
                .and_then(|pair| pair.split_once("-of-"))
                .is_some_and(|(index, count)| number(index) && number(count))
    })
}
