//! `stylegan blend`: pictures of blended networks against the original scripts' and against the CPU twins.

mod fixtures;
mod place;
mod twins;

use std::path::Path;

use fixtures::{Fixture, read_npy, rel_l2};
use place::{PLAIN, Place};
use stylegan_wgpu::{Array, Model};

/// As in parity.rs: largest rel L2 error of an image in f32.
const F32: f64 = 2e-5;

/// dvschultz's hard switch and Pinkney's smooth one, from two of NVIDIA's pickles.
#[test]
fn blends_draw_what_the_original_scripts_blends_draw() {
    let Some(fixture) = Fixture::open("blend-64") else { return };
    let place = Place::new();
    let file = |name: &str| fixture.folder.join(name).display().to_string();
    let (low, high) = (file("low.pkl"), file("high.pkl"));
    for (image, flags) in [
        ("image", &["--split", "16"][..]),
        ("image.split8", &["--split", "8"]),
        ("image.split16.width1", &["--split", "16", "--width", "1"]),
        ("image.split32.width0.5", &["--split", "32", "--width", "0.5"]),
    ] {
        place.succeeds(&[&["blend", &low, &high, "-o", "blended.safetensors"], flags].concat());
        let arguments = fixture.arguments("f32", &[]);
        let images = fixtures::generate(&place.path("blended.safetensors"), &arguments);
        let want = fixture.expected(image).values;
        let error = rel_l2(&images[0], &want);
        println!("{image}: rel L2 {error:.3e} (at most {F32:.0e})");
        assert!(error <= F32, "{image}: rel L2 {error:.3e}");
        for other in ["image.low", "image.high"] {
            assert!(rel_l2(&fixture.expected(other).values, &want) > 1e-2, "{image} is {other}: the check cannot fail");
        }
    }
}

/// Random networks of that configuration under these names.
fn networks(place: &Place, low: &str, high: &str) {
    for (name, config, seed) in [("low.safetensors", low, "1"), ("high.safetensors", high, "2")] {
        place.file("config.json", config);
        place.succeeds(&["random-weights", "--config", "config.json", "--seed", seed, "-o", name]);
    }
    std::fs::remove_file(place.path("config.json")).unwrap();
}

/// The picture of a seed by the twins: psi 0.7.
fn twin(model: &Model, seed: u32) -> Vec<f32> {
    twins::picture(model, &twins::towards(model, &twins::average(model), &twins::w_of(model, &[seed], None)[0], 0.7))
}

/// The tensors of the blend are put together here by their names: a mistake of the tool's rule shows.
#[test]
fn blocks_above_the_split_are_the_other_networks() {
    let first = r#"{"network": "stylegan1", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2}"#;
    let tall = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 16, "const_size": [5, 3], "channel_max": 8, "num_layers": 2}"#;
    for (config, side) in [(PLAIN, "low"), (PLAIN, "high"), (first, "low"), (tall, "high")] {
        let place = Place::new();
        networks(&place, config, config);
        place.succeeds(&["blend", "low.safetensors", "high.safetensors", "--split", "8", "--mapping", side, "-o", "out.safetensors"]);
        place.succeeds(&[
            "generate",
            "--network",
            "out.safetensors",
            "--seeds",
            "5",
            "--trunc",
            "0.7",
            "--precision",
            "f32",
            "--format",
            "npy",
            "--outdir",
            "out",
        ]);
        let [low, high] = ["low.safetensors", "high.safetensors"].map(|name| Model::load(&place.path(name)).unwrap());
        let of_high = |name: &str| match name.strip_prefix("synthesis.") {
            None => side == "high",
            Some(layer) => (layer.starts_with("b16.") || layer.starts_with("torgb.")) && !name.ends_with("noise_const"),
        };
        let arrays = low.arrays.iter().map(|(name, array)| (name.clone(), if of_high(name) { high.array(name) } else { array }.clone()));
        let want = twin(&Model::new(low.config.clone(), arrays.collect(), Default::default()).unwrap(), 5);
        let error = rel_l2(&read_npy(&place.path("out/seed0005.npy")), &want);
        println!("{} mapping of {side}: rel L2 {error:.3e}", low.config.network());
        assert!(error <= F32, "{error:.3e}");
        for model in [&low, &high] {
            assert!(rel_l2(&twin(model, 5), &want) > 1e-2, "the blend is one of the two: the check cannot fail");
        }
    }
}

fn rows(path: &Path, count: u32) -> Vec<image::RgbImage> {
    let sheet = image::open(path).unwrap().into_rgb8();
    let height = sheet.height() / count;
    (0..count).map(|row| image::imageops::crop_imm(&sheet, 0, row * height, sheet.width(), height).to_image()).collect()
}

#[test]
fn a_preview_has_rows_of_the_same_seeds() {
    let place = Place::new();
    networks(&place, PLAIN, PLAIN);
    let base = ["blend", "low.safetensors", "high.safetensors", "--split", "8"];
    let said =
        place.succeeds(&[&base[..], &["-o", "out.safetensors", "--preview", "sheet.png", "--seeds", "3,7", "--trunc", "0.5"]].concat());
    assert!(said.starts_with("out.safetensors: ") && said.ends_with("; sheet.png\n"), "{said}");
    for (row, network) in rows(&place.path("sheet.png"), 3).iter().zip(["low", "high", "out"]) {
        let network = format!("{network}.safetensors");
        place.succeeds(&["grid", "--network", &network, "--seeds", "3,7", "--trunc", "0.5", "--columns", "2", "-o", "row.png"]);
        assert_eq!(rows(&place.path("row.png"), 1)[0], *row, "{network}");
    }
    // The sheet names the command that draws it again.
    let says = place.succeeds(&["inspect", "sheet.png"]);
    let again = "stylegan blend low.safetensors high.safetensors --split=8 --mapping=low --seeds=3,7 --trunc=0.5 \
                 --output=again.safetensors --preview=again.png";
    assert!(says.lines().any(|line| line.ends_with(again)) && says.contains("high         values with sha256 "), "{says}");
    let words: Vec<&str> = again.split(' ').skip(1).collect();
    place.succeeds(&words);
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert!(read("again.png") == read("sheet.png") && read("again.safetensors") == read("out.safetensors"));
    place.succeeds(&[&words[..], &["--no-metadata"]].concat());
    assert!(read("again.png").len() < read("sheet.png").len());
    let warned = place.run(&[&base[..], &["-o", "out.safetensors", "--preview", "sheet.png", "--class", "3"]].concat());
    assert_eq!(place::text(&warned.stderr), "warning: --class is ignored: neither network is conditional\n");
    let inspected: serde_json::Value = serde_json::from_str(&place.succeeds(&["inspect", "out.safetensors", "--json"])).unwrap();
    assert_eq!(inspected["provenance"]["blend"], "split 8, hard, mapping and w_avg of low");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let place = Place::new();
    networks(&place, PLAIN, &PLAIN.replace("16", "32"));
    for (more, code, says) in [
        (&["high.safetensors", "--split", "8", "-o", "x.safetensors"][..], 2, "16x16 pixels in the first and 32x32 pixels in the second"),
        (&["low.safetensors", "--split", "16", "-o", "x.safetensors"], 2, "there is no split at 16; these networks can be split at 4, 8"),
        (&["low.safetensors", "--split", "8", "--width", "-1", "-o", "x.safetensors"], 2, "a width of -1"),
        (&["low.safetensors", "--split", "8", "--width", "0", "-o", "x.safetensors"], 2, "a width of 0"),
        (&["missing.pkl", "--split", "8", "-o", "x.safetensors"], 1, "missing.pkl"),
        (&["low.safetensors", "--split", "8", "-o", "x.safetensors", "--preview", "x.gif"], 2, ".png, .jpg or .webp"),
        (&["low.safetensors", "--split", "8", "-o", "missing/x.safetensors"], 1, "no such folder"),
        (&["low.safetensors", "--split", "8", "-o", "x.PNG", "--preview", "x.PNG"], 2, "is a picture's ending, and this writes a network"),
        (&["low.safetensors", "--split", "8", "-o", "x.safetensors", "--seeds", "3"], 2, "--preview"),
        (
            &["low.safetensors", "--split", "8", "-o", "x.safetensors", "--preview", "x.png", "--device", "no such"],
            1,
            "no device is called",
        ),
    ] {
        let line = place.refuses(code, &[&["blend", "low.safetensors"], more].concat());
        assert!(line.contains(says), "{line}");
    }
}

/// Both networks in f16 give one in f16; what is between them is rounded once.
#[test]
fn the_precision_is_that_of_the_networks() {
    let place = Place::new();
    networks(&place, PLAIN, PLAIN);
    for name in ["low", "high"] {
        place.succeeds(&["convert", &format!("{name}.safetensors"), "-o", &format!("{name}16.safetensors"), "--precision", "f16"]);
    }
    for (low, high, width, half) in [
        ("low16", "high16", None, true),
        ("low16", "high", None, false),
        ("low16", "high16", Some("1"), true),
        ("low", "high", None, false),
    ] {
        let files = [low, high].map(|name| format!("{name}.safetensors"));
        let width: Vec<&str> = width.map_or(vec![], |width| vec!["--width", width]);
        place.succeeds(&[&["blend", &files[0], &files[1], "--split", "8", "-o", "out.safetensors"], &width[..]].concat());
        let model = Model::load(&place.path("out.safetensors")).unwrap();
        let is_half = |array: &Array| array.precision() == stylegan_wgpu::Precision::F16;
        assert!(model.arrays.values().all(|array| is_half(array) == half), "{low} {high} {width:?}");
    }
}
