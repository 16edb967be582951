//! The examples run, and draw what they say. Those with a window are tested in examples/windows.

use std::path::{Path, PathBuf};
use std::process::Command;

use stylegan_wgpu::{Look, Model, Options, blocking};

/// The program of an example; built, when only this test was asked for.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program =
        tests.parent().and_then(Path::parent).unwrap().join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if !program.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--package", "stylegan-wgpu", "--example", name]).status().unwrap();
        assert!(built.success());
    }
    program
}

fn run(name: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(example(name)).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn hello_draws_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run("hello", &[], folder.path()).contains("hello.png"));
    let got = image::open(folder.path().join("hello.png")).unwrap().into_rgba8();
    let gpu = blocking::open(None).unwrap();
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).unwrap();
    let want = blocking::Generator::new(&gpu, &model, &Options::new()).unwrap().picture(85, &Look::new().psi(0.7)).unwrap();
    assert!(got == want, "hello.png is another picture");
}

#[test]
fn embed_draws_into_a_texture() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/open-peeps-128.safetensors");
    let said = run("embed", &[model], Path::new("."));
    assert!(said.contains("128 x 128 in a texture"), "{said}");
}
