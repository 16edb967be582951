//! Files that are either whole or not there: written under a temporary name in the same folder, then renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// How temporary names begin and end. They do not hold the name of the file, which may be as long as a name can be.
const BEGINNING: &str = ".stylegan-";
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
    /// Locked as long as somebody writes: what is not locked was left by a process that was killed.
    file: File,
}

impl Unfinished {
    /// The temporary name.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file its name, in the place of a file that has it, when all of it is on the disk: after a power failure it is whole
    /// or not there. What was written must have been flushed.
    pub fn finish(self) -> Result<()> {
        let path = self.path.clone();
        self.synced().and_then(Unfinished::renamed).and_then(|_| sync_folder(&path)).map_err(|source| Error::Io { path, source })
    }

    fn synced(self) -> io::Result<Unfinished> {
        self.file.sync_all()?;
        Ok(self)
    }

    fn renamed(self) -> io::Result<File> {
        let _all = unfinished();
        fs::rename(&self.temporary, &self.path)?;
        self.file.try_clone()
    }
}

/// A file that has its name, and of which the disk may not have everything yet.
pub struct Unsynced {
    file: File,
    path: PathBuf,
}

/// Waits until the disk has these files, all of one folder, and their names.
pub fn sync(files: &[Unsynced]) -> Result<()> {
    for Unsynced { file, path } in files {
        file.sync_all().map_err(|source| Error::Io { path: path.clone(), source })?;
    }
    let Some(Unsynced { path, .. }) = files.last() else { return Ok(()) };
    sync_folder(path).map_err(|source| Error::Io { path: path.clone(), source })
}

/// Puts the name of a file on the disk. Not every system opens folders, and not every file system has something to do.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

/// Removes what processes that were killed left half-written in a folder: temporary files that nobody holds. The first file that
/// this process makes in a folder looks for them.
fn remove_leftovers(folder: &Path) {
    static LOOKED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
    if looked.iter().any(|known| known == folder) {
        return;
    }
    looked.push(folder.into());
    // What cannot be read or removed is no reason not to write.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_temporary) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = remove_leftover(&entry.path());
        }
    }
}

fn is_temporary(name: &str) -> bool {
    name.strip_prefix(BEGINNING).and_then(|name| name.strip_suffix(ENDING)).is_some_and(|number| {
        let parts: Vec<&str> = number.split('-').collect();
        parts.len() == 2 && parts.iter().all(|part| part.parse::<u32>().is_ok())
    })
}

fn remove_leftover(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    // On Windows a lock would keep ffmpeg from writing, so there is none; a day is longer than any film takes.
    let abandoned = match cfg!(windows) {
        true => file.metadata()?.modified()?.elapsed().is_ok_and(|age| age.as_secs() > 24 * 3600),
        // Where there are no locks at all nobody can tell.
        false => file.try_lock().is_ok(),
    };
    if abandoned { fs::remove_file(path) } else { Ok(()) }
}

/// Writes `path` with what `fill` writes. On any failure, a panic of `fill` included, a file that was at `path` is untouched.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    filled(path, fill)?.finish()
}

/// The same without waiting for the disk: what counts on the file calls [`sync`] first.
pub fn write_unsynced(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<Unsynced> {
    let file = filled(path, fill)?.renamed().map_err(|source| Error::Io { path: path.into(), source })?;
    Ok(Unsynced { file, path: path.into() })
}

/// A whole file that has not got its name yet.
pub(crate) fn filled(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<Unfinished> {
    let (unfinished, file) = create(path)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    fill(&mut writer).and_then(|()| writer.flush()).map_err(|source| Error::Io { path: path.into(), source })?;
    Ok(unfinished)
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
        Err(error) => return Err(error),
    };
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"));
    }
    remove_leftovers(folder_of(&path));
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let temporary = path.with_file_name(format!("{BEGINNING}{}-{}{ENDING}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut all = unfinished();
        let file = match File::create_new(&temporary) {
            // Of a process of the same number, on another machine or in another container.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        // Whoever looks for leftovers in this moment may have been faster.
        if !cfg!(windows) && (matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !temporary.exists()) {
            continue;
        }
        return held(&mut all, temporary, path, &file, File::try_clone).map(|unfinished| (unfinished, file));
    }
}

/// Counts a new temporary file to those of this process. Without a second handle (out of file descriptors) it is removed again.
fn held(
    all: &mut Vec<PathBuf>,
    temporary: PathBuf,
    path: PathBuf,
    file: &File,
    clone: impl FnOnce(&File) -> io::Result<File>,
) -> io::Result<Unfinished> {
    // An error before there is something that removes it when it is dropped.
    let file = clone(file).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    all.push(temporary.clone());
    Ok(Unfinished { temporary, path, file })
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
    fn without_a_second_handle_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, path) = (folder.path().join(".stylegan-7-0.partial"), folder.path().join("a.txt"));
        let file = File::create_new(&temporary).unwrap();
        let mut all = Vec::new();
        let failed = held(&mut all, temporary.clone(), path.clone(), &file, |_| Err(io::Error::other("too many open files")));
        assert_eq!(failed.err().map(|error| error.to_string()).as_deref(), Some("too many open files"));
        assert!(names(folder.path()).is_empty() && all.is_empty());
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".stylegan-7-0.partial", ".stylegan-7-.partial", ".a.partial", "stylegan-7-0.partial"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        fs::create_dir(folder.path().join(".stylegan-8-0.partial")).unwrap();
        let held = File::create_new(folder.path().join(".stylegan-9-1.partial")).unwrap();
        held.try_lock().unwrap();
        write(&folder.path().join("a.txt"), |_| {
            assert_eq!(unfinished().iter().filter(|path| path.starts_with(folder.path())).count(), 1);
            let own = names(folder.path()).into_iter().find(|name| name.contains(&format!("-{}-", std::process::id()))).unwrap();
            assert!(is_temporary(&own) && File::open(folder.path().join(own))?.try_lock().is_err(), "held while it is written");
            Ok(())
        })
        .unwrap();
        assert!(!unfinished().iter().any(|path| path.starts_with(folder.path())));
        let mut left = names(folder.path());
        left.sort();
        let kept =
            [".a.partial", ".stylegan-7-.partial", ".stylegan-8-0.partial", ".stylegan-9-1.partial", "a.txt", "stylegan-7-0.partial"];
        assert_eq!(left, kept);
    }

    #[test]
    fn names_may_be_as_long_as_the_system_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        for length in [237, 250, 255] {
            let path = folder.path().join("x".repeat(length));
            write(&path, |file| file.write_all(b"whole")).unwrap();
            assert_eq!(fs::read(path).unwrap(), b"whole");
        }
        let too_long = folder.path().join("x".repeat(256));
        assert!(write(&too_long, |_| panic!("told before anything is written")).is_err());
        assert_eq!(names(folder.path()).len(), 3);
    }

    #[test]
    fn files_that_are_synced_later_have_their_names_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<Unsynced> =
            ["a", "b"].iter().map(|name| write_unsynced(&folder.path().join(name), |file| file.write_all(b"whole")).unwrap()).collect();
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"whole");
        assert_eq!(names(folder.path()).len(), 2);
        sync(&files).unwrap();
        sync(&[]).unwrap();
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
