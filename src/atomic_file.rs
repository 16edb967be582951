//! Files that are either whole or not there: written under a temporary name in the same folder, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// What the temporary name of a file ends with, after a number that tells them apart.
const ENDING: &str = ".partial";

/// The temporary files of this process. Held while one is made or renamed, so that [`abandon`] misses none.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file under a temporary name beside its own. It is removed when this is dropped, unless it got its name.
pub struct Unfinished {
    temporary: PathBuf,
    path: PathBuf,
}

impl Unfinished {
    /// The temporary name.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file its name, in the place of a file that has it. What was written must have been flushed.
    pub fn finish(self) -> Result<()> {
        let _all = unfinished();
        fs::rename(&self.temporary, &self.path).map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing to remove after the rename; and a failure here only adds to one that is being reported.
        let _ = fs::remove_file(&self.temporary);
        unfinished().retain(|path| *path != self.temporary);
    }
}

/// Removes what is half-written, and lets no write of this process finish any more: for a handler that is about to end it.
pub fn abandon() {
    let all = unfinished();
    for path in all.iter() {
        // The process ends: there is nobody to tell.
        let _ = fs::remove_file(path);
    }
    // Never unlocked: writers stand still until the end.
    std::mem::forget(all);
}

/// Removes what a process that was killed left half-written of those files in `folder` that `ours` says nobody else is writing.
pub fn remove_leftovers(folder: &Path, ours: impl Fn(&str) -> bool) -> Result<()> {
    let failed = |source| Error::Io { path: folder.into(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().and_then(final_name).is_some_and(&ours) {
            match fs::remove_file(entry.path()) {
                // Its process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|source| Error::Io { path: entry.path(), source })?,
            }
        }
    }
    Ok(())
}

/// `a.png` of `.a.png.123-4.partial`.
fn final_name(temporary: &str) -> Option<&str> {
    let (name, number) = temporary.strip_prefix('.')?.strip_suffix(ENDING)?.rsplit_once('.')?;
    let (process, count) = number.split_once('-')?;
    [process, count].iter().all(|part| part.parse::<u32>().is_ok()).then_some(name)
}

/// Writes `path` with what `fill` writes. On any failure, a panic of `fill` included, a file that was at `path` is untouched.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let (unfinished, file) = create(path)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    fill(&mut writer).and_then(|()| writer.flush()).map_err(|source| Error::Io { path: path.into(), source })?;
    drop(writer);
    unfinished.finish()
}

/// Begins a file that will be `path`.
pub fn create(path: &Path) -> Result<(Unfinished, File)> {
    try_create(path).map_err(|source| Error::Io { path: path.into(), source })
}

fn try_create(path: &Path) -> io::Result<(Unfinished, File)> {
    // A link stays a link, to a new file. A folder or a device must not be renamed over: root can replace /dev/null by a file.
    let path = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        Ok(_) => path.canonicalize()?,
        Err(_) => path.to_path_buf(),
    };
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{}{ENDING}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(hidden);

    let mut all = unfinished();
    let file = File::create_new(&temporary)?;
    all.push(temporary.clone());
    Ok((Unfinished { temporary, path }, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let error = write(&path, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(error.unwrap_err().to_string().ends_with("a.txt: disk full"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn leftovers_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b.txt");
        write(&path, |_| {
            let [temporary] = &names(folder.path())[..] else { panic!("one temporary file") };
            assert_eq!(final_name(temporary), Some("a.b.txt"));
            assert_eq!(unfinished().iter().filter(|path| path.starts_with(folder.path())).count(), 1);
            Ok(())
        })
        .unwrap();
        assert!(!unfinished().iter().any(|path| path.starts_with(folder.path())));
        for other in ["a.b.txt", ".partial", ".a.partial", ".a.txt.1-.partial", "a.txt.1-2.partial", ".a.txt.1-2.part"] {
            assert_eq!(final_name(other), None, "{other}");
        }
        for name in [".ours.png.7-0.partial", ".theirs.png.7-1.partial"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        remove_leftovers(folder.path(), |name| name == "ours.png").unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".theirs.png.7-1.partial", "a.b.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, device) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("device"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, |file| file.write_all(b"new")).unwrap();
        assert!(link.is_symlink() && fs::read(&file).unwrap() == b"new");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        assert!(write(&device, |_| panic!("nothing to write to")).unwrap_err().to_string().ends_with("not a regular file"));
    }

    #[test]
    fn places_that_cannot_be_written_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("missing/a.txt"), PathBuf::from("/"), PathBuf::new()] {
            assert!(write(&path, |_| panic!("nothing to write to")).is_err(), "{}", path.display());
        }
        assert!(names(folder.path()).is_empty());
    }
}
