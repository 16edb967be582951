//! The program without `--network`: its default model draws what the reference drew, and says what it is.
#![cfg(feature = "default-model")]

mod fixtures;

use std::path::Path;
use std::process::{Command, Output};

use fixtures::{Fixture, generate, generate_default, rel_l2};

/// Largest rel L2 error of an image.
const F32: f64 = 2e-5;
const F16: f64 = 3e-3;

fn stylegan(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stylegan")).current_dir(folder).args(args).output().expect("stylegan starts")
}

#[test]
fn the_default_model_draws_the_images_of_the_reference() {
    let fixture = Fixture::open("open-peeps-128").expect("it is in the repository");
    let want = fixture.expected("image").values;
    for (precision, limit) in [("f32", F32), ("f16", F16)] {
        let images = generate_default(&fixture.arguments(precision, &[]));
        assert_eq!(images.len(), 4);
        for (seed, (got, want)) in images.iter().zip(want.chunks_exact(want.len() / images.len())).enumerate() {
            let error = rel_l2(got, want);
            println!("open-peeps-128 seed {seed} {precision}: rel L2 {error:.3e} (at most {limit:.0e})");
            assert!(error <= limit, "seed {seed} {precision}: rel L2 {error:.3e} is more than {limit:.0e}");
        }
    }
}

#[test]
fn the_file_in_weights_is_the_default_model() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../weights/open-peeps-128.safetensors");
    let arguments = ["--seeds", "5", "--precision", "f32"].map(String::from);
    assert_eq!(generate(&file, &arguments), generate_default(&arguments));
}

#[test]
fn one_note_says_which_model_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let check = |args: &[&str]| {
        let output = stylegan(folder.path(), args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {stderr}");
        assert!(stderr.starts_with("note: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
        assert!(stderr.contains("open-peeps-128") && stderr.contains("CC0 1.0"), "{args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(check(&["inspect"]).contains("provenance   drawings = Open Peeps by Pablo Stanley, CC0 1.0"));
    // Where to write is all that has to be said.
    assert!(check(&["generate", "--outdir", "out"]).starts_with("1 picture in "));
    let picture = image::open(folder.path().join("out/seed0000.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (128, 128));
}

#[test]
fn what_cannot_be_done_is_still_one_error() {
    let folder = tempfile::tempdir().unwrap();
    for (args, code) in [
        (&["generate", "--outdir", "out", "--device", "no such adapter"][..], 1),
        (&["generate", "--outdir", "out", "--grid", "1x1", "--seeds", "0-1"], 2),
        (&["generate"], 2),
    ] {
        let output = stylegan(folder.path(), args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
    }
}
