//! The manifest of a folder of pictures: JSON lines. The first says which network and settings drew them; then one line per
//! finished picture, appended as they finish. It is what a run that was interrupted goes on from.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stylegan_wgpu::internals::atomic_file::{self, Unsynced};
use stylegan_wgpu::{Error, Result};

mod history;
pub use history::{CENTERS, Clash, History, PRECISION, SEEDS};

/// Version of the file.
const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
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
pub struct Entry {
    /// Of a picture that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Its name in the folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Of its bytes.
    pub sha256: String,
}

/// A line of `--diverse`: which seeds were chosen, of which. For the reader; a picture is the same whatever it was chosen from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// As `--seeds` takes them, in the order chosen.
    pub chosen: String,
    /// Of these, as `--seeds` had them.
    pub of: String,
}

impl Header {
    /// Of pictures of the network of that [`sha256`](crate::drawing::sha256), with these settings, drawn on this device.
    pub fn new(network: &str, settings: Map<String, Value>, device: String) -> Header {
        let tool = super::stamp::TOOL.into();
        Header { manifest: VERSION, network: network.into(), settings, device, tool }
    }
}

/// One of several parts of a list that run apart, on other machines or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    pub index: usize,
    /// In all.
    pub count: usize,
}

impl Shard {
    /// Its part of a list of that length: contiguous, and of all shards together every place once.
    pub fn of(self, length: usize) -> Range<usize> {
        // As u128: the product of two numbers from a command line may not fit in usize.
        let cut = |index: usize| (index as u128 * length as u128 / self.count as u128) as usize;
        cut(self.index - 1)..cut(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            Some((_, count)) if count > 0 => Err(format!("shards are numbered from 1: 1/{count} to {count}/{count}")),
            _ => Err("write which of how many, as 3/16".into()),
        }
    }
}

/// The manifest's name; each shard has its own, so that they can run side by side.
pub fn name(shard: Option<Shard>) -> String {
    match shard {
        None => "manifest.jsonl".into(),
        Some(Shard { index, count }) => format!("manifest-{index}-of-{count}.jsonl"),
    }
}

/// Up to the last end of a line: a process that was killed may have left a part of one.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)]
}

/// A manifest that is being written. Held open and locked until the end.
pub struct Manifest {
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
    pub fn open(path: &Path, header: &Header, anew: bool) -> Result<Manifest> {
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
        let file = open().map_err(|error| Error::Io { path: path.into(), source: error })?;
        Ok(Manifest { path: path.into(), file, waiting: Vec::new(), flushed: Instant::now() })
    }

    /// Adds a choice, now.
    pub fn append_choice(&mut self, choice: &Choice) -> Result<()> {
        let written = line(choice).and_then(|line| self.file.write_all(&line));
        written.map_err(|error| Error::Io { path: self.path.clone(), source: error })
    }

    /// Adds a line, soon: when the disk has the file.
    pub fn append(&mut self, entry: Entry, written: Unsynced) -> Result<()> {
        self.waiting.push((entry, written));
        match self.waiting.len() >= MOST_WAITING || self.flushed.elapsed() >= LONGEST_WAIT {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Waits for the disk, and adds the lines of what it has, in one write.
    pub fn flush(&mut self) -> Result<()> {
        let (entries, files): (Vec<Entry>, Vec<Unsynced>) = self.waiting.drain(..).unzip();
        atomic_file::sync(&files)?;
        let lines = entries.iter().map(line).collect::<io::Result<Vec<_>>>().map(|lines| lines.concat());
        let written = lines.and_then(|lines| self.file.write_all(&lines));
        self.flushed = Instant::now();
        written.map_err(|error| Error::Io { path: self.path.clone(), source: error })
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
mod tests;
