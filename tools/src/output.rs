//! Files that commands write: whole or not there at all, and refused before anything is drawn.

use std::io::{self, Write};
use std::path::Path;

use stylegan_wgpu::internals::atomic_file::{self, Unsynced};

use crate::failure::Failure;

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Ok(atomic_file::write(path, |file| file.write_all(bytes))?)
}

/// Writes a whole file, without waiting for the disk.
pub(crate) fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<Unsynced, Failure> {
    Ok(atomic_file::write_unsynced(path, |file| file.write_all(bytes))?)
}

/// Makes a folder, and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::Runtime(format!("{}: {error}", folder.display())))
}

/// Refuses a folder that cannot be made or written into, without making it.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Failure> {
    let fail = |at: &Path, error: io::Error| Err(Failure::Runtime(format!("{}: {error}", at.display())));
    let absolute = match std::path::absolute(folder) {
        Ok(path) => path,
        Err(error) => return fail(folder, error),
    };
    // The first that is there decides: what lies below it will be made by us.
    for ancestor in absolute.ancestors() {
        match ancestor.metadata() {
            Ok(metadata) if !metadata.is_dir() => return fail(ancestor, io::ErrorKind::NotADirectory.into()),
            // The only way to know: permissions, read-only mounts and /proc differ by system. The file has no name where the
            // system can do that, and is gone at once everywhere.
            Ok(_) => {
                let cannot = |error| Failure::Runtime(format!("cannot write into {}: {error}", ancestor.display()));
                return tempfile::tempfile_in(ancestor).map(drop).map_err(cannot);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return fail(ancestor, error),
        }
    }
    Ok(())
}

/// Refuses a file that cannot be written: its folder must be there.
pub(crate) fn check_file(path: &Path) -> Result<(), Failure> {
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::Runtime(format!("{} is a folder; name a file", path.display())));
    }
    // Too long a name, for one.
    if let Err(error) = path.metadata()
        && !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    {
        return Err(Failure::Runtime(format!("{}: {error}", path.display())));
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::Runtime(format!("{} is not a regular file", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        return Err(Failure::Runtime(format!("{}: there is no such folder", folder.display())));
    }
    check_folder(folder)
}

/// The same of a network, which is no picture whatever its name.
pub(crate) fn check_network_file(path: &Path) -> Result<(), Failure> {
    const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "apng", "mp4"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    if PICTURES.contains(&extension.as_str()) {
        let path = path.display();
        return Err(Failure::usage(format!("{path}: .{extension} is a picture's ending, and this writes a network: name it .safetensors")));
    }
    check_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_a_folder_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_folder(&folder.path().join("a/b")).is_ok());
        assert!(check_file(&folder.path().join("a.bin")).is_ok());
        assert!(check_file(&folder.path().join("a/a.bin")).is_err());
        assert!(check_file(folder.path()).is_err());
        assert!(check_file(&folder.path().join("x".repeat(255))).is_ok() && check_file(&folder.path().join("x".repeat(256))).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(check_folder(&file).is_err() && check_folder(&file.join("below")).is_err());
    }
}
