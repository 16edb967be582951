//! `FILE` or `FILE:KEY` on a command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::{Result, VectorError};

/// A file, and which of several things in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        if text.is_empty() { Err("name a file".into()) } else { Ok(Source(text.into())) }
    }
}

impl Source {
    /// The file and the key. A path that exists wins, with all its colons (`C:\faces\w.npz`); then the longest part before a colon
    /// that is a file.
    pub fn split(&self) -> (PathBuf, Option<&str>) {
        let text = &self.0;
        if Path::new(text).exists() {
            return (text.into(), None);
        }
        let parts = || text.rmatch_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..])).filter(|(path, _)| !path.is_empty());
        // Where there is no file, the error should name the path and not the key.
        let is_drive = |path: &str| path.len() == 1 && path.as_bytes()[0].is_ascii_alphabetic();
        let split = parts().find(|(path, _)| Path::new(path).is_file()).or_else(|| parts().find(|(path, _)| !is_drive(path)));
        split.map_or((text.into(), None), |(path, key)| (path.into(), (!key.is_empty()).then_some(key)))
    }

    /// The path, the key, and the bytes of the file.
    pub fn read(&self) -> (PathBuf, Option<&str>, Result<Vec<u8>>) {
        let (path, key) = self.split();
        let read = || {
            // A pipe or a device may never end.
            if !path.metadata()?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
            fs::read(&path)
        };
        let bytes = read().map_err(VectorError::Io);
        (path, key, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_path_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", folder.path().display());
        fs::write(path("d.npz"), "").unwrap();
        fs::write(path("d.npz:3"), "").unwrap();
        fs::write(path("C"), "").unwrap();
        for (text, file, key) in [
            ("d.npz", "d.npz", None),
            ("d.npz:3", "d.npz:3", None),
            ("d.npz:4", "d.npz", Some("4")),
            ("d.npz:3:age", "d.npz:3", Some("age")),
            ("d.npz:a:b/c:1", "d.npz", Some("a:b/c:1")),
            ("d.npz:", "d.npz", None),
            ("missing.npz:4", "missing.npz", Some("4")),
            ("missing.npz", "missing.npz", None),
        ] {
            let source: Source = path(text).parse().unwrap();
            assert_eq!(source.split(), (path(file).into(), key), "{text}");
        }
        // Windows drives, where there is no such file here.
        for (text, file, key) in
            [("C:\\dirs.npz", "C:\\dirs.npz", None), ("C:\\dirs.npz:0", "C:\\dirs.npz", Some("0")), ("c:w.npy", "c:w.npy", None)]
        {
            assert_eq!(text.parse::<Source>().unwrap().split(), (file.into(), key), "{text}");
        }
        assert!("".parse::<Source>().is_err());
    }
}
