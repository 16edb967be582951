//! The file of a device's choices.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Choices;
use crate::atomic_file;
use crate::error::{Error, Result};
use crate::kernel::Assembly;
use crate::kernels;
use crate::regular_file;
use crate::tensor::DType;

/// More than any set of networks fills; a longer file is not ours.
const LONGEST: u64 = 4 << 20;

/// Where the choices of a device, its driver and these kernels are.
pub(super) struct Book {
    path: PathBuf,
    device: String,
    engine: String,
}

#[derive(Serialize, Deserialize)]
struct Page {
    /// Adapter and driver.
    device: String,
    /// Version and hash of the kernels.
    engine: String,
    choices: Choices,
}

impl Book {
    pub(super) fn new(folder: &Path, info: &wgpu::AdapterInfo) -> Book {
        let [device, engine] = device_and_engine(info);
        Book::of(folder, device, engine)
    }

    fn of(folder: &Path, device: String, engine: String) -> Book {
        let name = format!("tuning-{:016x}.json", hash([&device, &engine]));
        Book { path: folder.join(name), device, engine }
    }

    /// What the file says; nothing when it is not there, or (with a warning) when it is damaged.
    pub(super) fn read(&self) -> Choices {
        match self.try_read() {
            Ok(choices) => choices,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Choices::new(),
            Err(error) => {
                log::warn!("{} is ignored: {error}", self.path.display());
                Choices::new()
            }
        }
    }

    fn try_read(&self) -> io::Result<Choices> {
        let mut text = String::new();
        regular_file::open(&self.path)?.take(LONGEST).read_to_string(&mut text)?;
        let page: Page = serde_json::from_str(&text)?;
        if (&page.device, &page.engine) != (&self.device, &self.engine) {
            return Err(io::Error::other(format!("it is of {} and engine {}", page.device, page.engine)));
        }
        Ok(page.choices)
    }

    /// Replaces the file's choices by what `more` makes of them. Processes take turns, so that all of them choose alike.
    pub(super) fn extend(&self, more: impl FnOnce(Choices) -> Choices) -> Result<Choices> {
        let error = |source| Error::Io { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(error)?;
        }
        let turn = File::create(self.path.with_extension("lock")).map_err(error)?;
        lock(&turn, &self.path, LONGEST_WAIT).map_err(error)?;
        let choices = more(self.read());
        let page = Page { device: self.device.clone(), engine: self.engine.clone(), choices };
        let text = serde_json::to_string_pretty(&page).map_err(|source| error(source.into()))?;
        atomic_file::write(&self.path, |file| file.write_all(text.as_bytes()))?;
        Ok(page.choices)
    }
}

/// Another process times its kernels for seconds at most; one that was stopped holds the lock for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Waits for the turn, and says so when that takes long.
fn lock(turn: &File, path: &Path, longest: Duration) -> io::Result<()> {
    let start = Instant::now();
    let mut said = false;
    loop {
        match turn.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        if start.elapsed() >= longest {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock and does not give it back"));
        }
        if !said && start.elapsed() > Duration::from_secs(3) {
            log::warn!("another process is timing kernels, or was stopped while it did: waiting for {}", path.display());
            said = true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Adapter and driver; version and hash of the kernels.
pub(crate) fn device_and_engine(info: &wgpu::AdapterInfo) -> [String; 2] {
    let wgpu::AdapterInfo { name, vendor, device, backend, driver, driver_info, .. } = info;
    let device = format!("{name} {vendor:04x}:{device:04x} {backend} {driver} {driver_info}");
    [device, format!("{} {:016x}", env!("CARGO_PKG_VERSION"), kernels_hash())]
}

/// Of everything that is compiled: other kernels have other times.
fn kernels_hash() -> u64 {
    let sources = kernels::ALL.iter().flat_map(|kernel| kernel.variants).flat_map(|variant| {
        let constants = format!("{} {:?}", variant.name, variant.constants);
        let source = |dtype, words| variant.wgsl(dtype, dtype, Assembly { words, emulated: false });
        let sources = [DType::F32, DType::F16].into_iter().flat_map(|dtype| [source(dtype, false), source(dtype, true)]);
        [constants].into_iter().chain(sources.collect::<Vec<_>>())
    });
    hash(sources)
}

/// FNV-1a, 64 bits: the same in every build, unlike the standard library's.
pub(crate) fn hash(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        // A byte that no text holds keeps neighbours apart.
        for byte in text.as_ref().iter().copied().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Choice;
    use super::*;

    fn book(folder: &Path, engine: &str) -> Book {
        Book::of(folder, "a device".into(), engine.into())
    }

    fn with(name: &str, variant: &str) -> Choices {
        let choice = Choice { variant: variant.into(), microseconds: BTreeMap::from([("a".into(), 1.5), (variant.into(), 0.25)]) };
        Choices::from([(name.into(), choice)])
    }

    #[test]
    fn a_lock_that_is_never_given_back_is_waited_for_no_longer_than_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (held, ours) = (File::create(&path).unwrap(), File::create(&path).unwrap());
        held.lock().unwrap();
        let error = lock(&ours, &path, Duration::from_millis(60)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(held);
        lock(&ours, &path, Duration::ZERO).unwrap();
    }

    /// A page with bytes changed and pieces repeated, always in the same ways: it is ignored, or its choices are of this device.
    #[test]
    fn any_page_is_read_or_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(folder.path(), "device".into(), "engine".into());
        book.extend(|_| Choices::new()).unwrap();
        let whole = fs::read(&book.path).unwrap();
        let mut random = crate::latent::RandomState::new(3);
        let mut below = |bound: usize| ((random.next_gaussian().abs() * 1e9) as usize) % bound;
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + below(3) {
                let at = below(bytes.len());
                match below(3) {
                    0 => bytes[at] ^= 1 << below(8),
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.splice(at..at, whole[below(whole.len())..].iter().copied()).for_each(|_| ()),
                }
            }
            fs::write(&book.path, &bytes).unwrap();
            assert!(book.read().is_empty());
        }
    }

    #[test]
    fn choices_are_kept_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/there");
        let kept = book(&deep, "1").extend(|_| with("x", "b")).unwrap();
        assert_eq!(book(&deep, "1").read(), kept);
        let both = book(&deep, "1").extend(|kept| kept.into_iter().chain(with("y", "c")).collect()).unwrap();
        assert_eq!((both.len(), book(&deep, "1").read()), (2, both));
        assert!(book(&deep, "2").read().is_empty(), "another version has choices of its own");
    }

    #[test]
    fn a_damaged_or_foreign_file_is_ignored_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (book(folder.path(), "1"), book(folder.path(), "2"));
        other.extend(|_| with("x", "b")).unwrap();
        for text in [b"{".to_vec(), vec![0xff; 9], Vec::new(), fs::read(&other.path).unwrap()] {
            fs::write(&ours.path, text).unwrap();
            assert!(ours.read().is_empty());
            ours.extend(|kept| kept.into_iter().chain(with("x", "c")).collect()).unwrap();
            assert_eq!(ours.read()["x"].variant, "c");
        }
    }

    #[test]
    fn a_choice_that_cannot_be_kept_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(book(&file, "1").extend(|_| panic!("nothing is timed")).is_err());
    }

    #[test]
    fn hashes_tell_neighbours_apart() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_eq!(hash(["a"]), hash([String::from("a")]));
    }
}
