//! `--style-channel`: a channel of a style moved on its own, against the CPU twins of the network whose affine bias is so much larger.

mod fixtures;
mod place;
mod twins;

use fixtures::{read_npy, rel_l2};
use place::{PLAIN, Place};
use stylegan_wgpu::{Array, Model};

/// As in parity.rs: largest rel L2 error of an image in f32.
const F32: f64 = 2e-5;

const FIRST: &str = r#"{"network": "stylegan1", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2}"#;
const MOBILE: &str =
    r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 32, "num_layers": 2, "channels": [8, 8, 8]}"#;

/// A model whose layers' affine maps yield so much more.
fn moved(model: &Model, offsets: &[(&str, usize, f32)]) -> Model {
    let mut arrays = model.arrays.clone();
    for &(layer, channel, amount) in offsets {
        let name = format!("synthesis.{layer}.affine.bias");
        let mut values = arrays[&name].to_f32();
        values[channel] += amount;
        arrays.insert(name.clone(), Array::from_f32(model.array(&name).shape(), &values));
    }
    Model::new(model.config.clone(), arrays, Default::default()).unwrap()
}

/// The picture of a seed at psi 0.7.
fn twin(model: &Model, seed: u32) -> Vec<f32> {
    twins::picture(model, &twins::towards(model, &twins::average(model), &twins::w_of(model, &[seed], None)[0], 0.7))
}

#[test]
fn channels_move_as_in_the_twins() {
    for (config, offsets) in [
        (PLAIN, &[("b8.conv0", 3, 5.0), ("b16.torgb", 7, -2.5), ("b8.conv0", 3, 1.0)][..]),
        (PLAIN, &[("b4.conv1", 0, -4.0)]),
        (FIRST, &[("b8.conv1", 2, 3.0), ("b16.conv0", 12, 1.5)]),
        (MOBILE, &[("b8.up", 1, 2.0), ("torgb", 5, -3.0)]),
    ] {
        let place = Place::new();
        let network = place.network(config);
        let model = Model::load(&place.path(&network)).unwrap();
        let base = ["generate", "--network", &network, "--seeds", "2,5", "--trunc", "0.7", "--precision", "f32", "--format", "npy"];
        let flags: Vec<String> = offsets
            .iter()
            .flat_map(|(layer, channel, amount)| ["--style-channel".into(), format!("{layer}:{channel}={amount:+}")])
            .collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        place.succeeds(&[&base[..], &flags, &["--outdir", "moved", "--batch", "2"]].concat());
        for seed in [2, 5] {
            let want = twin(&moved(&model, offsets), seed);
            let error = rel_l2(&read_npy(&place.path(&format!("moved/seed{seed:04}.npy"))), &want);
            println!("{} {offsets:?} seed {seed}: rel L2 {error:.3e}", model.config.network());
            assert!(error <= F32, "{offsets:?}: {error:.3e}");
            assert!(rel_l2(&twin(&model, seed), &want) > 1e-3, "the channel does nothing: the check cannot fail");
        }
    }
}

/// Every picture of a strip has the strength of its own; the same channels fixed give the same picture.
#[test]
fn a_strip_goes_by_the_strength() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let common = ["--network", &network, "--trunc", "0.7", "--no-tune", "--precision", "f32"];
    let run = |args: &[&str]| place.succeeds(&[args, &common].concat());
    let said = run(&[
        "edit",
        "--seed",
        "5",
        "--style-channel",
        "b8.conv0:3",
        "--strength=-4..4",
        "--steps",
        "3",
        "--batch",
        "3",
        "-o",
        "strip.png",
    ]);
    assert!(said.starts_with("strip.png: strength -4 to 4; 3 pictures in "), "{said}");
    let picture = |name: &str| image::open(place.path(name)).unwrap().into_rgb8();
    let strip = picture("strip.png");
    let mut parts = Vec::new();
    for (column, amount) in ["-4", "0", "4"].iter().enumerate() {
        let channel = format!("b8.conv0:3={amount}");
        let outdir = format!("out{amount}");
        run(&["generate", "--seeds", "5", "--style-channel", &channel, "--outdir", &outdir]);
        let part = image::imageops::crop_imm(&strip, 16 * column as u32, 0, 16, 16).to_image();
        assert!(part == picture(&format!("{outdir}/seed0005.png")), "{amount}");
        parts.push(part);
    }
    assert!(parts[0] != parts[1] && parts[1] != parts[2]);
    run(&["generate", "--seeds", "5", "--outdir", "plain"]);
    assert!(parts[1] == picture("plain/seed0005.png"), "a strength of 0 is the picture itself");
    // Beside a direction, and on its own, with an amount.
    stylegan_convert::array_file::write_npy(&place.path("d.npy"), &[8], &[0.5; 8]).unwrap();
    run(&["edit", "--seed", "5", "--direction", "d.npy", "--strength", "0", "--style-channel", "b8.conv0:3=4", "-o", "a.png"]);
    let said = run(&["edit", "--seed", "5", "--style-channel", "b8.conv0:3=4", "-o", "b.png"]);
    assert!(said.starts_with("b.png: 1 picture in "), "{said}");
    assert!(picture("a.png") == parts[2] && picture("b.png") == parts[2]);
    // A picture says how it was made: the strip, and what was fixed.
    for (file, says) in [("strip.png", "--style-channel=b8.conv0:3 "), ("b.png", "--style-channel=b8.conv0:3=4")] {
        let said = place.succeeds(&["inspect", file]);
        let line = said.lines().find_map(|line| line.split_once("stylegan edit ")).unwrap_or_else(|| panic!("{file}: {said}")).1;
        assert!(format!("{line} ").contains(says), "{file}: {line}");
        let again: Vec<&str> = line.split(' ').collect();
        place.succeeds(&[&["edit"], &again[..]].concat());
        assert!(picture("again.png") == picture(file), "{file}: {line}");
    }
    // The manifest keeps pictures of other channels out.
    let line = place.refuses(2, &[&["generate", "--seeds", "5", "--outdir", "out4"], &common[..]].concat());
    assert!(line.contains("style-channels b8.conv0:3=4, now none"), "{line}");
}

/// In units of the standard deviation of the channel over w.
#[test]
fn sigma_is_that_of_the_channel() {
    for (config, layer) in [(PLAIN, "b8.conv0"), (MOBILE, "b8.conv1")] {
        let place = Place::new();
        let network = place.network(config);
        let model = Model::load(&place.path(&network)).unwrap();
        let seeds: Vec<u32> = (0..4000).collect();
        let row: Vec<f32> = model.array(&format!("synthesis.{layer}.affine.weight")).to_f32()[8..16].to_vec();
        let gain = if config == PLAIN { 1.0 / 8f32.sqrt() } else { 1.0 };
        let styles: Vec<f32> =
            twins::w_of(&model, &seeds, None).iter().map(|w| gain * w.iter().zip(&row).map(|(w, a)| w * a).sum::<f32>()).collect();
        let mean = styles.iter().sum::<f32>() / 4000.0;
        let sigma = (styles.iter().map(|style| (style - mean).powi(2)).sum::<f32>() / 4000.0).sqrt();
        let size = model.config.image_size().0 as u32;
        let common = ["--network", &network, "--trunc", "0.7", "--no-tune", "--precision", "f32"];
        let channel = format!("{layer}:1");
        place.succeeds(
            &[&["edit", "--seed", "5", "--style-channel", &channel, "--strength", "6sigma", "-o", "a.png"], &common[..]].concat(),
        );
        let picture = |name: &str| image::open(place.path(name)).unwrap().into_rgb8();
        let distance = |a: &image::RgbImage, b: &image::RgbImage| {
            a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / f64::from(3 * size * size)
        };
        let got = picture("a.png");
        // Latents of another stream: a deviation of 4,000 is within some percent.
        let mut drawn = Vec::new();
        for (name, times) in [("same", 6.0), ("none", 0.0), ("twice", 12.0)] {
            let channel = format!("{layer}:1={}", times * sigma);
            place.succeeds(&[&["edit", "--seed", "5", "--style-channel", &channel, "-o", "b.png"], &common[..]].concat());
            drawn.push((name, distance(&got, &picture("b.png"))));
        }
        println!("{layer}: sigma {sigma:.3}, {drawn:?}");
        assert!(drawn[0].1 < 0.2 * drawn[1].1.min(drawn[2].1), "{drawn:?}");
    }
}

#[test]
fn what_cannot_be_moved_is_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    stylegan_convert::array_file::write_npy(&place.path("d.npy"), &[8], &[0.5; 8]).unwrap();
    let generate = |channel| vec!["generate", "--outdir", "x", "--style-channel", channel];
    for (args, says) in [
        (generate("b64.conv0:1=2"), "no layer 'b64.conv0' has a style; those are b4.conv1, b4.torgb, b8.conv0"),
        (generate("b8.conv0:8=2"), "the style of b8.conv0 has the channels 0 to 7, and not 8"),
        (generate("b8.conv0:1"), "needs an amount here"),
        (generate("b8.conv0=2"), "as b64.conv0:123=+5"),
        (generate("b8.conv0:1=inf"), "as b64.conv0:123=+5"),
        (vec!["edit", "--style-channel", "b8.conv0:1", "--direction", "d.npy", "-o", "x.png"], "needs an amount beside it"),
        (vec!["edit", "--style-channel", "b8.conv0:1=2", "--strength", "3", "-o", "x.png"], "nothing to move"),
        (vec!["edit", "--style-channel", "b8.conv0:1=2", "--steps", "3", "-o", "x.png"], "--steps has nothing to move"),
        (vec!["edit", "-o", "x.png"], "--direction"),
        (vec!["video", "--seeds", "0,1", "--style-channel", "b8.conv0:1", "-o", "x.webp"], "needs an amount here"),
        (vec!["grid", "--style-channel", "b8.conv0:1", "-o", "x.png"], "needs an amount here"),
    ] {
        let line = place.refuses(2, &[&args[..], &["--network", &network]].concat());
        assert!(line.contains(says), "{line}");
    }
}
