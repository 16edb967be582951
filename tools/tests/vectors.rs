//! Rows of w and noise as people have them, through the command line; the files people have them in are in cases.rs.

mod fixtures;
mod place;

use std::path::{Path, PathBuf};

use fixtures::{read_npy, rel_l2};
use place::{PLAIN, Place};
use safetensors::SafeTensors;

/// As in parity.rs: largest rel L2 error of an image in f32.
const F32: f64 = 2e-5;

fn case(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases").join(name);
    if !folder.exists() {
        println!("not covered: {} is not beside this checkout", folder.display());
        return None;
    }
    Some(folder)
}

/// The pictures a case should give, one after the other, and the values of each.
fn expected(folder: &Path) -> (Vec<f32>, usize) {
    let bytes = std::fs::read(folder.join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let image = tensors.tensor("image").unwrap();
    let values: Vec<f32> = image.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let pictures = image.shape()[0];
    (values.clone(), values.len() / pictures)
}

#[track_caller]
fn pictures_agree(folder: &Path, place: &Place, names: &[&str]) {
    let (want, size) = expected(folder);
    assert_eq!(names.len() * size, want.len(), "{}", folder.display());
    for (name, want) in names.iter().zip(want.chunks(size)) {
        let error = rel_l2(&read_npy(&place.path(&format!("out/{name}.npy"))), want);
        println!("{} {name}: rel L2 {error:.3e} (at most {F32:.0e})", folder.display());
        assert!(error <= F32, "{} {name}: rel L2 {error:.3e}", folder.display());
    }
}

/// TensorFlow's generate-images draws z and the noise maps from one stream.
#[test]
fn noise_of_tensorflow_follows_z() {
    let Some(folder) = case("T03-tf-seed-noise") else { return };
    let network = folder.join("network.pkl").display().to_string();
    let base = ["generate", "--network", &network, "--trunc", "0.5", "--precision", "f32", "--format", "npy", "--outdir", "out"];
    for more in [&["--seeds", "0,7"][..], &["--seeds", "7,0,1", "--batch", "3"]] {
        let place = Place::new();
        place.succeeds(&[&base[..], &["--noise-mode", "tf"], more].concat());
        pictures_agree(&folder, &place, &["seed0000", "seed0007"]);
    }
    let place = Place::new();
    place.succeeds(&[&base[..], &["--seeds", "0", "--noise-mode", "const"]].concat());
    let (want, size) = expected(&folder);
    assert!(rel_l2(&read_npy(&place.path("out/seed0000.npy")), &want[..size]) > 1e-2, "the maps change nothing: the check cannot fail");
}

#[test]
fn noise_of_tensorflow_needs_a_seed_and_a_stylegan2() {
    let place = Place::new();
    let network = place.network(PLAIN);
    stylegan_convert::array_file::write_npy(&place.path("w.npy"), &[8], &[0.5; 8]).unwrap();
    let tf = ["--network", &network, "--noise-mode", "tf"];
    for args in [
        &["generate", "--projected-w", "w.npy", "--outdir", "out"][..],
        &["mix", "--rows", "0", "--cols", "1", "--outdir", "out"],
        &["video", "--seeds", "0,1", "-o", "a.webp"],
    ] {
        let line = place.refuses(2, &[args, &tf].concat());
        assert!(line.contains("--noise-mode tf"), "{line}");
    }
    let first = r#"{"network": "stylegan1", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 1}"#;
    let network = place.network(first);
    let line = place.refuses(2, &["generate", "--network", &network, "--noise-mode", "tf", "--outdir", "out"]);
    assert!(line.contains("this is a stylegan1"), "{line}");
}

/// The rows of w of a seed, from a file, are that seed's picture wherever seeds are taken.
#[test]
fn projected_pictures_take_the_place_of_seeds() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let network = ["--network", network.as_str(), "--no-metadata"];
    // grid truncates by itself, the others do so when told.
    let psi = ["--trunc", "0.7"];
    let run = |args: &[&str]| place.succeeds(&[args, &network].concat());
    let truncated = |args: &[&str]| run(&[args, &psi].concat());
    truncated(&["generate", "--seeds", "3,4", "--outdir", "seeds", "--save-ws"]);
    let rows: Vec<f32> = ["seeds/seed0003.npz", "seeds/seed0004.npz"]
        .iter()
        .flat_map(|name| stylegan_convert::array_file::read(&place.path(name), "w").unwrap().values)
        .collect();
    stylegan_convert::array_file::write_npy(&place.path("w.npy"), &[2, 6, 8], &rows).unwrap();
    let same = |a: &str, b: &str| assert_eq!(std::fs::read(place.path(a)).unwrap(), std::fs::read(place.path(b)).unwrap(), "{a} {b}");

    truncated(&["mix", "--rows", "3,4", "--cols", "9", "--styles", "2-5", "--outdir", "a"]);
    truncated(&["mix", "--projected-w", "w.npy", "--cols", "9", "--styles", "2-5", "--outdir", "b"]);
    for (a, b) in [("3-9", "proj00-9"), ("4-9", "proj01-9"), ("4-4", "proj01-proj01"), ("grid", "grid")] {
        same(&format!("a/{a}.png"), &format!("b/{b}.png"));
    }
    truncated(&["mix", "--rows", "9", "--cols", "3", "--styles", "2-5", "--outdir", "c"]);
    truncated(&["mix", "--rows", "9", "--projected-w", "w.npy:0", "--styles", "2-5", "--outdir", "d"]);
    same("c/9-3.png", "d/9-proj00.png");
    run(&["mix", "--projected-w", "w.npy", "--styles", "2-5", "--outdir", "e"]);
    assert!(place.path("e/proj00-proj01.png").exists());

    truncated(&["video", "--seeds", "3,4", "--w-frames", "2", "-o", "a.png"]);
    run(&["video", "--projected-w", "w.npy", "--w-frames", "2", "-o", "b.png"]);
    same("a.png", "b.png");
    run(&["grid", "--seeds", "3,4", "-o", "c.png"]);
    run(&["grid", "--projected-w", "w.npy", "-o", "d.png"]);
    same("c.png", "d.png");
    stylegan_convert::array_file::write_npy(&place.path("d.npy"), &[8], &[0.5; 8]).unwrap();
    truncated(&["edit", "--seed", "4", "--direction", "d.npy", "-o", "e.png"]);
    run(&["edit", "--projected-w", "w.npy:1", "--direction", "d.npy", "-o", "f.png"]);
    same("e.png", "f.png");

    for (args, says) in [
        (&["edit", "--projected-w", "w.npy", "--direction", "d.npy", "-o", "x.png"][..], "FILE:0 to FILE:1"),
        (&["mix", "--projected-w", "w.npy", "--rows", "1", "--cols", "2", "--outdir", "x"], "leave one of them out"),
        (&["video", "--projected-w", "w.npy", "--interpolation", "slerp-z", "-o", "x.webp"], "rows of w have none"),
        (&["video", "--projected-w", "w.npy", "--seeds", "1", "-o", "x.webp"], "--seeds"),
        (&["mix", "--rows", "1", "--outdir", "x"], "--cols"),
    ] {
        let line = place.refuses(2, &[args, &network].concat());
        assert!(line.contains(says), "{line}");
    }
}
