//! Where a test of the command line runs it, and what it may print.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A small StyleGAN2, for [`Place::network`].
pub(crate) const PLAIN: &str = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2}"#;
/// A folder of its own for a test.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(self.0.path())
    }

    /// Runs `stylegan` here.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_stylegan")).current_dir(self.0.path()).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `stylegan` and gives its stdout; it must succeed and have nothing to complain about.
    #[track_caller]
    pub(crate) fn succeeds(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = text(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{args:?}: {:?} {stderr}", output.status.code());
        text(&output.stdout)
    }

    /// Runs `stylegan`, which must refuse in one line, write nothing, and give this exit code. Gives the line.
    #[track_caller]
    pub(crate) fn refuses(&self, code: i32, args: &[&str]) -> String {
        let before = self.names();
        let output = self.run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.ends_with('\n') && stderr.lines().count() == 1, "{args:?}: {stderr:?}");
        assert!(stderr.len() < 500 && !stderr.contains("panicked"), "{stderr}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        assert_eq!(self.names(), before, "{args:?} wrote something");
        stderr
    }

    /// A network of some kind with random weights, f32.
    pub(crate) fn network(&self, config: &str) -> String {
        let config = self.file("config.json", config);
        self.succeeds(&["random-weights", "--config", config.to_str().unwrap(), "--seed", "1", "-o", "network.safetensors"]);
        fs::remove_file(config).unwrap();
        "network.safetensors".into()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
