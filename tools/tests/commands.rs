//! The smaller commands as a user meets them: sheets, averages, completions and manual pages; and suggestions for what was mistyped.

mod place;

use std::fs;
use std::path::Path;

use place::{PLAIN, Place, names};
use serde_json::Value;
use stylegan_wgpu::{Array, Model};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny");

/// Draws 64 x 64, large enough for a label.
const LARGER: &str = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 64, "channel_max": 8, "num_layers": 2}"#;

/// A picture of a sheet, or of a file.
fn cell(sheet: &image::RgbImage, x: u32, y: u32, side: u32) -> image::RgbImage {
    image::imageops::crop_imm(sheet, x, y, side, side).to_image()
}

fn open(path: &Path) -> image::RgbImage {
    image::open(path).unwrap().into_rgb8()
}

#[test]
fn a_sweep_holds_the_pictures_of_generate() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let psis = ["-1", "0", "0.7", "1"];
    let sweep = ["grid", "--network", &network, "--seeds", "3,85", "--trunc=-1,0,0.7,1", "--batch", "3", "-o", "sweep.png"];
    let said = place.succeeds(&sweep);
    assert!(said.starts_with("sweep.png: 4 x 2 pictures, 64 x 32 pixels; 8 pictures in "), "{said}");
    let sheet = open(&place.path("sweep.png"));
    for (column, psi) in psis.iter().enumerate() {
        let outdir = format!("psi{psi}");
        place.succeeds(&["generate", "--network", &network, "--seeds", "3,85", "--trunc", psi, "--outdir", &outdir]);
        for (row, seed) in ["seed0003.png", "seed0085.png"].iter().enumerate() {
            let picture = open(&place.path(&outdir).join(seed));
            assert_eq!(cell(&sheet, 16 * column as u32, 16 * row as u32, 16), picture, "{seed} at {psi}");
        }
    }
    assert_eq!(cell(&sheet, 16, 0, 16), cell(&sheet, 16, 16, 16), "psi 0 is the average of all seeds");
    assert_ne!(cell(&sheet, 0, 0, 16), cell(&sheet, 48, 0, 16));
}

#[test]
fn sheets_have_columns_labels_and_sizes() {
    let place = Place::new();
    let network = place.network(LARGER);
    let base = ["grid", "--network", &network, "--seeds", "0-4"];
    let sheet = |file: &str, more: &[&str]| {
        let json = place.succeeds(&[&base[..], &["-o", file, "--json"], more].concat());
        let json: Value = serde_json::from_str(&json).unwrap();
        let sheet = open(&place.path(file));
        assert_eq!((&json["sheet"]["width"], &json["sheet"]["height"]), (&sheet.width().into(), &sheet.height().into()), "{json}");
        assert_eq!((&json["output"], &json["images"]), (&file.into(), &5.into()));
        sheet
    };
    let plain = sheet("plain.png", &[]);
    assert_eq!((plain.width(), plain.height()), (3 * 64, 2 * 64));
    assert!(cell(&plain, 128, 64, 64).pixels().all(|pixel| pixel.0 == [0; 3]), "an empty cell is black");
    let labelled = sheet("labelled.png", &["--labels", "--columns", "2"]);
    assert_eq!((labelled.width(), labelled.height()), (2 * 64, 3 * (64 + 20)));
    for seed in 0..5 {
        let picture = cell(&plain, seed % 3 * 64, seed / 3 * 64, 64);
        assert_eq!(cell(&labelled, seed % 2 * 64, seed / 2 * 84, 64), picture, "seed {seed}");
    }
    let strip = |seed: u32| image::imageops::crop_imm(&labelled, seed % 2 * 64, seed / 2 * 84 + 64, 64, 20).to_image();
    assert!(strip(1) != strip(2) && strip(1).pixels().any(|pixel| pixel.0 == [255; 3]), "no labels");
    let small = sheet("small.webp", &["--size", "16", "--columns", "9"]);
    assert_eq!((small.width(), small.height()), (5 * 16, 16));

    for (more, says) in [
        (&["--labels", "--size", "8", "--seeds", "10"][..], "--size 14"),
        (&["--trunc=0,1", "--columns", "3"], "--columns"),
        (&["-o", "x.gif"], ".png, .jpg or .webp"),
        (&["--trunc", "x"], "finite"),
        (&["--seeds", "0-99999", "--size", "4096"], "too large"),
    ] {
        let output = if more.contains(&"-o") { &[][..] } else { &["-o", "x.png"] };
        let line = place.refuses(2, &[&base[..], output, more].concat());
        assert!(line.contains(says), "{more:?}: {line}");
    }
}

fn w_avg(path: &Path) -> Vec<f32> {
    Model::load(path).unwrap().array("mapping.w_avg").to_f32()
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let error = square(&mut got.iter().zip(want).map(|(a, b)| f64::from(a - b))) / square(&mut want.iter().map(|w| f64::from(*w)));
    assert!(error.sqrt() <= 1e-6, "relative L2 {:.1e}", error.sqrt());
}

#[test]
fn an_average_is_the_one_the_converter_computes() {
    let place = Place::new();
    let original = Path::new(TINY).join("rosinality-16/checkpoint-legacy.pt");
    let original = original.to_str().unwrap();
    // The same checkpoint without its average: the converter computes one.
    let mut bytes = fs::read(original).unwrap();
    let at = bytes.windows(10).position(|window| window == b"latent_avg").expect("it has an average");
    bytes[at..at + 10].copy_from_slice(b"latent_old");
    place.file("without.pt", bytes);
    place.succeeds(&["convert", "without.pt", "-o", "computed.safetensors"]);
    let computed = w_avg(&place.path("computed.safetensors"));

    let line = place.refuses(2, &["project-average", "--network", original, "-o", "out.safetensors"]);
    assert!(line.contains("has an average w; --force computes it anew"), "{line}");
    place.succeeds(&["project-average", "--network", original, "-o", "out.safetensors", "--force"]);
    assert_close(&w_avg(&place.path("out.safetensors")), &computed);

    // Zeros are no average. All else stays as it was.
    let mut model = Model::load(&place.path("computed.safetensors")).unwrap();
    model.arrays.insert("mapping.w_avg".into(), Array::from_f32(&[computed.len()], &vec![0.0; computed.len()]));
    model.save(&place.path("zeros.safetensors"), stylegan_wgpu::Precision::F32).unwrap();
    let json = place.succeeds(&["project-average", "--network", "zeros.safetensors", "-o", "filled.safetensors", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["samples"], &json["distance"]), (&10000.into(), &Value::Null));
    let filled = Model::load(&place.path("filled.safetensors")).unwrap();
    assert_close(&filled.array("mapping.w_avg").to_f32(), &computed);
    for (name, array) in model.arrays.iter().filter(|(name, _)| *name != "mapping.w_avg") {
        assert_eq!(filled.array(name).bytes(), array.bytes(), "{name}");
    }
    assert!(filled.provenance["w_avg"].contains("RandomState(123)"));
}

#[test]
fn classes_have_averages_of_their_own() {
    let place = Place::new();
    let network = Path::new(TINY).join("ada-resnet-cond-16/network.pkl");
    let average = |file: &str, more: &[&str]| {
        let base = ["project-average", "--network", network.to_str().unwrap(), "--force", "-o", file];
        place.succeeds(&[&base[..], more].concat());
        w_avg(&place.path(file))
    };
    place.succeeds(&["convert", network.to_str().unwrap(), "-o", "network.safetensors"]);
    let classes = Model::load(&place.path("network.safetensors")).unwrap().config.c_dim();
    let each: Vec<Vec<f32>> =
        (0..classes).map(|class| average(&format!("{class}.safetensors"), &["--class", &class.to_string()])).collect();
    assert_ne!(each[0], each[1]);
    let line = place
        .refuses(2, &["project-average", "--network", network.to_str().unwrap(), "--force", "-o", "x", "--class", &classes.to_string()]);
    assert!(line.contains("out of range"), "{line}");
    // All in turn is about the mean of the classes; each of those saw all latents, this a part.
    let all = average("all.safetensors", &[]);
    let mean: Vec<f32> = (0..all.len()).map(|i| each.iter().map(|average| average[i]).sum::<f32>() / classes as f32).collect();
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
    let error = square(&mut all.iter().zip(&mean).map(|(a, b)| a - b)) / square(&mut mean.iter().copied());
    assert!(error.sqrt() < 0.1, "{}", error.sqrt());
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let place = Place::new();
    let help = place.succeeds(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| line.as_bytes()[2] != b' ')
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 10 && commands.contains(&"generate"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.succeeds(&["completions", shell]);
        for name in commands.iter().chain(&["projected-w"]) {
            assert!(script.contains(name), "{shell} does not complete {name}");
        }
    }
    assert!(place.refuses(2, &["completions", "ksh"]).contains("zsh"));

    let said = place.succeeds(&["man", "--outdir", "man/man1"]);
    assert_eq!(said, format!("{} pages in man/man1\n", commands.len() + 1));
    let pages = names(&place.path("man/man1"));
    assert!(pages.contains(&"stylegan.1".into()));
    for name in &commands {
        let page = fs::read_to_string(place.path(&format!("man/man1/stylegan-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains("Examples:"), "{name}");
    }
    assert!(place.succeeds(&["man"]).contains("Exit codes:"));
    place.file("file", "");
    place.refuses(1, &["man", "--outdir", "file"]);
}

#[test]
fn what_was_mistyped_is_suggested() {
    let place = Place::new();
    for (args, suggests) in [
        (&["generate", "--seed", "85", "--outdir", "out"][..], "'--seeds'"),
        (&["generate", "--outdri", "out"], "'--outdir'"),
        (&["generate", "--outdir", "out", "--noise-mode", "ranodm"], "'random'"),
        (&["gird", "-o", "x.png"], "'grid'"),
        (&["project-averag", "-o", "x"], "'project-average'"),
        (&["completions", "bsh"], "'bash'"),
    ] {
        let line = place.refuses(2, args);
        assert!(line.contains(suggests), "{args:?}: {line}");
    }
}
