//! A folder of pictures with the manifest of `stylegan generate`: what either began, the other goes on with.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::manifest::{self, Entry, Header, History, Manifest, Shard};
use stylegan_wgpu::internals::atomic_file;
use stylegan_wgpu::{Error, Result};

use crate::errors::{ArgumentError, raise};
use crate::network::Network;

/// Python's `Generator.generate_into` writes into it.
#[pyclass(frozen, module = "stylegan_wgpu._native")]
pub(crate) struct Folder {
    path: PathBuf,
    history: History,
    /// Closed once all is written.
    manifest: Mutex<Option<Manifest>>,
    shard: Option<Shard>,
}

/// Opens a folder for pictures of seeds that look like this; refuses one of other pictures.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "all that decides how a picture looks")]
pub(crate) fn open_folder(
    py: Python<'_>,
    network: &Network,
    path: PathBuf,
    seeds: Vec<u32>,
    psi: f32,
    cutoff: Option<usize>,
    class_: Option<usize>,
    noise: &str,
    noise_seed: u32,
    shard: Option<(usize, usize)>,
) -> PyResult<Folder> {
    let precision = network.precision(py);
    let mut settings = Map::new();
    for (name, value) in [
        ("trunc", json!(flags::as_typed(psi))),
        ("trunc_cutoff", cutoff.into()),
        ("class", class_.into()),
        ("noise_mode", noise.into()),
        (manifest::CENTERS, Value::Null),
        (manifest::PRECISION, precision.into()),
    ] {
        settings.insert(name.into(), value);
    }
    if noise == "random" {
        settings.insert("noise_seed".into(), noise_seed.into());
        settings.insert(manifest::SEEDS.into(), flags::ranges(&seeds).into());
    }
    let shard = match shard {
        None => None,
        Some((index, count)) => Some(format!("{index}/{count}").parse().map_err(ArgumentError::new_err)?),
    };
    let open = || {
        let history = History::read(&path).map_err(raise)?;
        let sha256 = network.sha256();
        let other = |clash| ArgumentError::new_err(format!("{clash}: choose another folder"));
        history.check(&sha256, &settings, None).map_err(other)?;
        std::fs::create_dir_all(&path).map_err(|source| raise(Error::Io { path: path.clone(), source }))?;
        let header = Header::new(&sha256, settings, format!("{} ({precision})", network.device()));
        let manifest = Manifest::open(&path.join(manifest::name(shard)), &header, false).map_err(raise)?;
        Ok(Folder { history, manifest: Mutex::new(Some(manifest)), path: path.clone(), shard })
    };
    py.detach(open)
}

impl Folder {
    fn with(&self, work: impl FnOnce(&mut Manifest) -> Result<()>) -> Result<()> {
        match self.manifest.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(manifest) => work(manifest),
            None => Err(Error::Argument("the folder is closed".into())),
        }
    }
}

#[pymethods]
impl Folder {
    /// The part of a list of that length that this shard draws: from, to.
    fn part(&self, length: usize) -> (usize, usize) {
        let part = self.shard.map_or(0..length, |shard| shard.of(length));
        (part.start, part.end)
    }

    /// Whether a picture was finished before.
    fn has(&self, file: &str) -> bool {
        self.history.has(file)
    }

    /// Writes a picture, whole or not at all, and soon records it.
    fn add(&self, py: Python<'_>, seed: u32, file: String, bytes: &[u8]) -> PyResult<()> {
        let add = || {
            let written = atomic_file::write_unsynced(&self.path.join(&file), |out| out.write_all(bytes))?;
            let sha256 = hex(&Sha256::digest(bytes));
            self.with(|manifest| manifest.append(Entry { seed: Some(seed), file, bytes: bytes.len() as u64, sha256 }, written))
        };
        py.detach(add).map_err(raise)
    }

    /// Waits until all is on the disk and recorded; another may write the manifest then.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            let closed = self.with(Manifest::flush);
            self.manifest.lock().unwrap_or_else(PoisonError::into_inner).take();
            closed
        })
        .map_err(raise)
    }
}
