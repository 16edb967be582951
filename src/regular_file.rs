//! Reading files that others name: a pipe or a device may never end, so only regular files are read, whole and once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a regular file of at most `most` bytes. What has the name is looked at before it is opened, because opening a
/// pipe waits for a writer.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    try_read(path, most).map_err(|source| Error::Io { path: path.into(), source })
}

fn try_read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_long = || io::Error::new(io::ErrorKind::FileTooLarge, format!("has {length} bytes; at most {most} are read"));
    if length > most {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    let length = usize::try_from(length).map_err(|_| too_long())?;
    bytes
        .try_reserve_exact(length)
        .map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, format!("{length} bytes do not fit the memory")))?;
    // It may be growing.
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a regular file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    let check = |metadata: std::fs::Metadata| match metadata.is_file() {
        true => Ok(()),
        false if metadata.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file; pipes and devices are not read")),
    };
    check(std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    // Another file may have got the name meanwhile.
    check(file.metadata()?)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        assert!(read(&path, 2).unwrap_err().to_string().contains("has 3 bytes; at most 2 are read"));
        assert!(read(folder.path(), 9).is_err() && read(&folder.path().join("missing"), 9).is_err());
        #[cfg(unix)]
        {
            let pipe = folder.path().join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/stdin")] {
                // Where the standard input is a file, it may be read.
                if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
                    continue;
                }
                assert!(read(path, 9).unwrap_err().to_string().contains("not a regular file"), "{}", path.display());
            }
        }
    }
}
