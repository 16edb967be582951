//! The `stylegan` command as a user meets it: what it prints, writes and refuses, with which exit code.

mod place;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use place::{PLAIN, Place, names, text};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny");

const CONDITIONAL_GREY: &str =
    r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2, "c_dim": 5, "img_channels": 1}"#;
const RGBA: &str = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channel_max": 8, "num_layers": 1, "img_channels": 4}"#;

/// `os.system("true")`, as a pickle of protocol 2.
const EVIL: &[u8] = b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.";

#[test]
fn wrong_files_are_refused_by_every_command() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let whole = fs::read(place.path(&network)).unwrap();
    place.file("cut.safetensors", &whole[..whole.len() / 2]);
    place.file("length.safetensors", [&(1u64 << 63).to_le_bytes(), &whole[8..]].concat());
    place.file("text.safetensors", "Dear reader, this is a text.\n");
    place.file("shape.safetensors", text_replaced(&whole, "\"shape\":[8,8,3,3]", "\"shape\":[3,8,8,3]"));
    place.file("nan.safetensors", [&whole[..whole.len() - 4], &f32::NAN.to_le_bytes()].concat());
    place.file("text.pkl", "Dear reader, this is a text, with a newline\nor two.\n");
    place.file("empty.pkl", "");
    place.file("evil.pkl", EVIL);
    let pickle = fs::read(Path::new(TINY).join("ada-skip-32/network.pkl")).unwrap();
    place.file("cut.pkl", &pickle[..pickle.len() / 2]);
    fs::create_dir(place.path("folder")).unwrap();

    for (file, says) in [
        ("missing.safetensors", "missing.safetensors: "),
        ("missing.pkl", "missing.pkl: "),
        ("cut.safetensors", "cut.safetensors: truncated"),
        ("length.safetensors", "length.safetensors: not a safetensors file"),
        ("text.safetensors", "text.safetensors: "),
        ("shape.safetensors", "needed [8, 8, 3, 3], found [3, 8, 8, 3]"),
        ("nan.safetensors", "found NaN or infinity"),
        ("text.pkl", "text.pkl: "),
        ("empty.pkl", "empty.pkl: "),
        ("evil.pkl", "evil.pkl: "),
        ("cut.pkl", "cut.pkl: "),
        ("folder", "folder"),
        ("https://example.com/ffhq.pkl", "download it first"),
    ] {
        for line in [
            place.refuses(1, &["generate", "--network", file, "--seeds", "0", "--outdir", "out"]),
            place.refuses(1, &["convert", file, "-o", "out.safetensors"]),
            place.refuses(1, &["inspect", file]),
        ] {
            assert!(line.contains(says), "{file}: {line}");
        }
    }
}

/// The file with the first occurrence of a text in its header replaced by one of the same length.
fn text_replaced(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = file.windows(old.len()).position(|window| window == old.as_bytes()).expect("the header has this shape");
    [&file[..at], new.as_bytes(), &file[at + old.len()..]].concat()
}

#[test]
fn wrong_arguments_are_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let base = ["generate", "--network", network.as_str(), "--seeds", "0", "--outdir", "out"];
    for (more, says) in [
        (&["--seeds", "5-3"][..], "the range 5-3 is empty; write 3-5"),
        (&["--seeds", "4294967296"], "'4294967296' is not a seed"),
        (&["--seeds", "0-4294967295"], "4294967297 seeds; at most"),
        (&["--trunc", "NaN"], "not a finite number"),
        (&["--trunc-cutoff", "-1"], "-1"),
        (&["--noise-mode", "loud"], "const"),
        (&["--batch", "0"], "1..=256"),
        (&["--format", "gif"], "png, jpg, webp, npy"),
        (&["--grid", "2"], "4x2"),
        (&["--seeds", "1-4", "--grid", "2x2"], "4 cells for 5 pictures"),
        (&["--precision", "f8"], "f16"),
        (&["--colour"], "--colour"),
    ] {
        let line = place.refuses(2, &[&base[..], more].concat());
        assert!(line.contains(says), "{more:?}: {line}");
    }
    assert!(place.refuses(2, &["generate", "--network", &network]).contains("--outdir <DIR>"));
    assert!(place.refuses(2, &["generat"]).contains("generate"));
    place.refuses(2, &["random-weights", "--seed", "0", "-o", "x"]);
    place.refuses(2, &["random-weights", "--config-f", "--config", "x", "--seed", "0", "-o", "x"]);
}

#[test]
fn classes_must_fit_the_network() {
    let place = Place::new();
    let network = place.network(CONDITIONAL_GREY);
    let base = ["generate", "--network", network.as_str(), "--seeds", "0", "--outdir", "out"];
    assert!(place.refuses(2, &base).contains("5 classes"));
    assert!(place.refuses(2, &[&base[..], &["--class", "5"]].concat()).contains("out of range: this network has 5 classes, 0 to 4"));
    place.refuses(2, &[&base[..], &["--class", "-1"]].concat());
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    place.file("file", "");
    for outdir in ["file", "file/below"] {
        let line = place.refuses(1, &["generate", "--network", &network, "--seeds", "0", "--outdir", outdir]);
        assert!(line.contains("file: not a directory"), "{line}");
    }
    for output in ["missing/x.safetensors", "file/x.safetensors", "."] {
        place.refuses(1, &["random-weights", "--config-f", "--seed", "0", "-o", output]);
        place.refuses(1, &["convert", &network, "-o", output]);
    }
    #[cfg(unix)]
    assert!(place.refuses(1, &["convert", &network, "-o", "/dev/null"]).contains("not a regular file"));
    place.refuses(2, &["convert", &network, "-o", &network]);
    place.refuses(1, &["generate", "--network", &network, "--seeds", "0", "--outdir", "out", "--device", "no such adapter"]);
}

#[test]
fn wrong_configurations_are_refused() {
    let place = Place::new();
    for (config, says) in [
        ("", "config.json"),
        ("{}", "z_dim"),
        (r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 9}"#, "power of two"),
        (r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 8, "colour": 1}"#, "colour"),
        (r#"{"network": "stylegan9"}"#, "stylegan9"),
        (r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 8, "lr_multiplier": 1e-45}"#, "lr_multiplier"),
        (r#"{"z_dim": 8192, "w_dim": 8192, "img_resolution": 2048, "channel_base": 4194304, "channel_max": 4096}"#, "at most"),
    ] {
        place.file("config.json", config);
        let line = place.refuses(1, &["random-weights", "--config", "config.json", "--seed", "0", "-o", "x.safetensors"]);
        assert!(line.contains(says), "{config}: {line}");
    }
    assert!(place.refuses(1, &["random-weights", "--config", "missing.json", "--seed", "0", "-o", "x"]).contains("missing.json"));
}

#[test]
fn random_weights_are_inspected_and_rewritten() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let shown = place.succeeds(&["inspect", &network]);
    assert!(shown.contains("stylegan2, 16x16, 3 channels, 6 rows of w") && !shown.contains("synthesis.b16.torgb.weight"), "{shown}");
    let listed = place.succeeds(&["inspect", "--tensors", &network]);
    assert!(listed.contains("synthesis.b16.torgb.weight") && listed.lines().count() > 2 * shown.lines().count(), "{listed}");
    assert!(shown.contains("lr_multiplier = 0.01\n"), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&place.succeeds(&["inspect", "--json", &network])).unwrap();
    assert_eq!(json["config"]["w_dim"], 8);
    assert_eq!(json["provenance"]["seed"], "1");
    let count = |tensor: &serde_json::Value| tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product::<u64>();
    let tensors = json["tensors"].as_array().unwrap().iter();
    let parameters: u64 = tensors.filter(|tensor| !tensor["name"].as_str().unwrap().ends_with("noise_const")).map(count).sum();
    assert_eq!(json["parameters"], parameters);

    place.succeeds(&["convert", &network, "-o", "half.safetensors", "--precision", "f16"]);
    assert!(place.succeeds(&["inspect", "--tensors", "half.safetensors"]).contains("f16 [8, 8, 3, 3]"));
    // The same file without its extension is known by its content.
    fs::rename(place.path("half.safetensors"), place.path("half")).unwrap();
    place.succeeds(&["inspect", "half"]);
    assert_eq!(place.names(), ["half", "network.safetensors"]);
}

#[test]
fn a_mobilestylegan_has_random_weights_too() {
    let place = Place::new();
    let config = r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "num_layers": 1, "channels": [8, 8]}"#;
    let network = place.network(config);
    assert!(place.succeeds(&["inspect", &network]).contains("mobilestylegan, 16x16, 3 channels, 4 rows of w"));
}

#[test]
fn every_command_has_help_with_examples() {
    let place = Place::new();
    for command in [None, Some("generate"), Some("convert"), Some("inspect"), Some("devices"), Some("random-weights")] {
        let args: Vec<&str> = command.into_iter().chain(["--help"]).collect();
        let help = place.succeeds(&args);
        assert!(help.contains("Examples:\n  stylegan ") && help.contains("Usage: stylegan"), "{help}");
    }
    assert!(place.succeeds(&["--version"]).starts_with("stylegan "));
    assert_eq!(place.run(&[]).status.code(), Some(2));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let mut child = Command::new(env!("CARGO_BIN_EXE_stylegan"))
        .current_dir(place.folder())
        .args(["inspect", "--json", &network])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{:?} {}", output.status, text(&output.stderr));
}

// From here on an adapter is needed.

#[test]
fn devices_are_listed() {
    let place = Place::new();
    assert!(place.succeeds(&["devices"]).starts_with("0: "));
    let json: serde_json::Value = serde_json::from_str(&place.succeeds(&["devices", "--json"])).unwrap();
    let first = &json.as_array().unwrap()[0];
    for key in ["name", "backend", "driver", "device_type", "tier"] {
        assert!(first[key].is_string(), "{first}");
    }
    assert!(first["limits"].is_object());
}

#[test]
fn pictures_have_nvidias_names() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let args = ["generate", "--network", &network, "--seeds", "0,3-4", "--seeds", "12345,3", "--trunc", "-0.5", "--outdir", "a/b"];
    let said = place.succeeds(&args);
    assert!(said.starts_with("4 pictures in ") && said.contains(" each, on ") && said.lines().count() == 1, "{said}");
    let verbose = place.succeeds(&["generate", "--network", &network, "--seeds", "0-3", "--verbose", "--outdir", "verbose"]);
    assert!(verbose.contains("; the first was there after ") && verbose.contains(" busy "), "{verbose}");
    assert_eq!(names(&place.path("a/b")), ["manifest.jsonl", "seed0000.png", "seed0003.png", "seed0004.png", "seed12345.png"]);
    let picture = image::open(place.path("a/b/seed0003.png")).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.color()), (16, 16, image::ColorType::Rgb8));

    // The same command writes the same bytes.
    let first = fs::read(place.path("a/b/seed0003.png")).unwrap();
    place.succeeds(&[&args[..], &["--overwrite"]].concat());
    assert_eq!(fs::read(place.path("a/b/seed0003.png")).unwrap(), first);
}

#[test]
fn every_format_can_be_read() {
    let place = Place::new();
    let network = place.network(PLAIN);
    for format in ["png", "jpg", "webp", "npy"] {
        place.succeeds(&["generate", "--network", &network, "--seeds", "7", "--outdir", format, "--format", format]);
        assert_eq!(names(&place.path(format)), ["manifest.jsonl".into(), format!("seed0007.{format}")]);
    }
    let png = image::open(place.path("png/seed0007.png")).unwrap().into_rgb8();
    assert_eq!(image::open(place.path("webp/seed0007.webp")).unwrap().into_rgb8(), png);
    image::open(place.path("jpg/seed0007.jpg")).unwrap();

    // The array is what the picture was made from.
    let npy = fs::read(place.path("npy/seed0007.npy")).unwrap();
    let values = npy_values(&npy, "(3, 16, 16)");
    for (x, y, pixel) in png.enumerate_pixels() {
        for channel in 0..3 {
            let value = values[(channel * 16 + y as usize) * 16 + x as usize];
            let level = (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
            // One level: the GPU may round the product and the sum together.
            assert!(level.abs_diff(pixel[channel]) <= 1, "{x} {y} {channel}: {value} became {}", pixel[channel]);
        }
    }
}

fn npy_values(npy: &[u8], shape: &str) -> Vec<f32> {
    let start = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    assert_eq!(String::from_utf8_lossy(&npy[10..start]).trim_end(), header);
    npy[start..].chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn a_checkpoint_renders_the_same_before_and_after_conversion() {
    let place = Place::new();
    let pickle = Path::new(TINY).join("ada-skip-32/network.pkl");
    place.succeeds(&["convert", pickle.to_str().unwrap(), "-o", "converted.safetensors"]);
    let arrays = [("pickle", pickle.to_str().unwrap()), ("converted", "converted.safetensors")].map(|(outdir, network)| {
        place.succeeds(&["generate", "--network", network, "--seeds", "5", "--outdir", outdir, "--format", "npy"]);
        fs::read(place.path(outdir).join("seed0005.npy")).unwrap()
    });
    assert_eq!(arrays[0], arrays[1]);
    // And it is a picture: neither NaN nor all the same.
    let values = npy_values(&arrays[0], "(3, 32, 32)");
    assert!(values.iter().all(|value| value.is_finite()) && values.iter().any(|value| *value != values[0]));
}

#[test]
fn grey_and_transparent_pictures_stay_so() {
    let place = Place::new();
    let network = place.network(CONDITIONAL_GREY);
    place.succeeds(&["generate", "--network", &network, "--seeds", "0-1", "--class", "3", "--outdir", "grey", "--grid", "1x2"]);
    assert_eq!(image::open(place.path("grey/seed0000.png")).unwrap().color(), image::ColorType::L8);
    let grid = image::open(place.path("grey/grid.png")).unwrap();
    assert_eq!((grid.width(), grid.height(), grid.color()), (16, 32, image::ColorType::L8));

    let place = Place::new();
    let network = place.network(RGBA);
    place.succeeds(&["generate", "--network", &network, "--seeds", "0", "--outdir", "out"]);
    assert_eq!(image::open(place.path("out/seed0000.png")).unwrap().color(), image::ColorType::Rgba8);
    fs::remove_dir_all(place.path("out")).unwrap();
    let line = place.refuses(2, &["generate", "--network", &network, "--seeds", "0", "--outdir", "out", "--format", "jpg"]);
    assert!(line.contains("alpha"), "{line}");
}

#[test]
fn a_class_for_an_unconditional_network_is_warned_about() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let output = place.run(&["generate", "--network", &network, "--seeds", "0", "--class", "3", "--outdir", "out"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "warning: --class is ignored: this network is not conditional\n");
    assert_eq!(names(&place.path("out")), ["manifest.jsonl", "seed0000.png"]);
}

#[test]
fn a_grid_holds_the_pictures_whatever_the_batch() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let more = ["--seeds", "0-4", "--noise-mode", "random", "--noise-seed", "9", "--precision", "f32", "--grid", "3x2"];
    place.succeeds(&[&["generate", "--network", &network, "--outdir", "one"], &more[..]].concat());
    place.succeeds(&[&["generate", "--network", &network, "--outdir", "four", "--batch", "4"], &more[..]].concat());
    let grid = image::open(place.path("one/grid.png")).unwrap().into_rgb8();
    assert_eq!((grid.width(), grid.height()), (48, 32));
    for seed in 0..5u32 {
        let picture = image::open(place.path(&format!("one/seed000{seed}.png"))).unwrap().into_rgb8();
        let cell = image::imageops::crop_imm(&grid, seed % 3 * 16, seed / 3 * 16, 16, 16).to_image();
        assert_eq!(cell, picture, "seed {seed}");
        // In batches of four, sums may be taken in another order: one level of 255.
        let batched = image::open(place.path(&format!("four/seed000{seed}.png"))).unwrap().into_rgb8();
        let worst = picture.iter().zip(batched.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "seed {seed} differs by {worst:?} levels");
    }
    let picture = |folder: &str, seed: u32| image::open(place.path(&format!("{folder}/seed000{seed}.png"))).unwrap().into_rgb8();
    place.succeeds(&[&["generate", "--network", &network, "--outdir", "other"], &more[..4], &["--noise-seed", "10"]].concat());
    assert_ne!(picture("other", 1), picture("one", 1), "the noise seed changes nothing");
    assert!(grid.get_pixel(47, 31).0 == [0, 0, 0], "an empty cell is black");
}
