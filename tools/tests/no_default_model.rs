//! The program built without the feature `default-model`: a network has to be named, and the error says so.
#![cfg(not(feature = "default-model"))]

use std::process::Command;

#[test]
fn a_network_has_to_be_named() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["generate", "--outdir", "out"][..], &["inspect"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_stylegan")).current_dir(folder.path()).args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
        assert!(stderr.contains("built without a default model") && stderr.contains("--network FILE"), "{args:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}
