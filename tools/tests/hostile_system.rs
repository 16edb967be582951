//! What the surroundings do to a command: files that say what they should not, a file that was changed since, a disk that takes no
//! more. Each is an error in one line, or mended; nothing is half-written.

mod place;

use std::fs;
use std::path::Path;
use std::process::Command;

use place::{PLAIN, Place, text};
use stylegan_wgpu::internals::text::is_plain;

/// Of the same size: only its sha256 tells.
#[test]
fn a_picture_that_was_changed_is_found_and_drawn_again() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let args = ["generate", "--network", &network, "--seeds", "0-1", "--no-tune", "--outdir", "out"];
    place.succeeds(&args);
    let picture = place.path("out/seed0001.png");
    let drawn = fs::read(&picture).unwrap();
    let mut changed = drawn.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&picture, &changed).unwrap();
    place.succeeds(&args);
    assert!(fs::read(&picture).unwrap() == changed, "sizes are all that is looked at unless more is asked for");
    let stderr = text(&place.run(&[&args[..], &["--verify"]].concat()).stderr);
    assert!(stderr.contains("seed0001.png: is not what was finished") && stderr.lines().count() == 1, "{stderr}");
    assert!(fs::read(&picture).unwrap() == drawn, "it is not the picture");
}

#[test]
fn a_tier_that_is_none_is_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let args = ["generate", "--network", &network, "--seeds", "0", "--no-tune", "--outdir", "out"];
    let output = Command::new(env!("CARGO_BIN_EXE_stylegan"))
        .current_dir(place.folder())
        .env("STYLEGAN_TIER", "nonsense")
        .args(args)
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("STYLEGAN_TIER") && stderr.contains("nonsense"), "{stderr}");
}

/// The record of a file's making is text of its author.
#[test]
fn what_a_file_says_does_not_steer_the_terminal() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let bytes = fs::read(place.path(&network)).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let steering = "\u{1b}]0;own\u{7}\u{1b}[2J\u{202e}\u{9b}31m";
    let record = serde_json::json!({ "source": steering, format!("a{steering}"): steering });
    header["__metadata__"]["provenance"] = record.to_string().into();
    let header = serde_json::to_vec(&header).unwrap();
    let changed = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat();
    fs::write(place.path("steers.safetensors"), changed).unwrap();
    let mut shown = String::new();
    for args in [
        &["inspect", "steers.safetensors"][..],
        &["inspect", "--json", "steers.safetensors"],
        &["convert", "steers.safetensors", "-o", "o"],
    ] {
        let output = place.run(args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.chars().all(|c| is_plain(c) || c == '\n'), "{args:?}: {said:?}");
        shown += &said;
    }
    assert!(shown.matches("own").count() >= 6, "the record is not shown, so nothing was tried: {shown}");
}

/// As a full disk, but for the number of the error: no file grows beyond 8 KiB.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_whole_is_not_written() {
    let place = Place::new();
    let network = place.network(r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 64, "channel_max": 8, "num_layers": 2}"#);
    let out = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let video = |name: &str| {
        ["video", "--network", &network, "--seeds", "0,1", "--w-frames", "30", "--no-tune", "-o", name].map(String::from).to_vec()
    };
    let mut cases = vec![
        ["convert", &network, "-o", &out("o.safetensors")].map(String::from).to_vec(),
        ["generate", "--network", &network, "--seeds", "0", "--no-tune", "--outdir", &out("o")].map(String::from).to_vec(),
        video(&out("o.webp")),
        video(&out("o.gif")),
        video(&out("o.png")),
    ];
    match Command::new("ffmpeg").arg("-version").output() {
        Ok(_) => cases.push(video(&out("o.mp4"))),
        Err(_) => println!("not covered: ffmpeg is not installed"),
    }
    for args in cases {
        // The signal that comes with it would end the process, and no disk sends one.
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
        let output = Command::new("bash")
            .current_dir(place.folder())
            .args(["-c", script, env!("CARGO_BIN_EXE_stylegan")])
            .args(&args)
            .output()
            .unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{args:?}: {stderr}");
        let left: Vec<String> = place.names().into_iter().filter(|name| *name != "network.safetensors" && *name != "o").collect();
        assert!(left.is_empty(), "{args:?} leaves {left:?}");
    }
    let left = place::names(&place.path("o"));
    assert!(left.iter().all(|name| !name.ends_with(".png") && !name.contains("partial")), "{left:?}");
}

/// docs/security.md says of each promise which test holds it.
#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = String::new();
    let mut folders = vec![root.join("src"), root.join("tests"), root.join("tools")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => sources += &fs::read_to_string(path).unwrap(),
                false => {}
            }
        }
    }
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    // A name of words: flags, files and values have other characters, functions of others fewer words or none between lines.
    let named = |text: &&str| {
        let words = text.split('_');
        words.clone().count() > 3
            && words.into_iter().all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
    };
    let names: Vec<&str> = quoted.filter(named).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}()")), "{name} is no test");
    }
    for file in page.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs") && text.contains('/') && !text.contains('*')) {
        assert!(root.join(file).exists(), "{file} is not there");
    }
}
