//! `generate` at scale: it goes on where it was stopped, parts of a list fit together, and nothing is mixed or half-written.

mod place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use place::{PLAIN, Place, names, text};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The pictures of a folder by name.
fn pictures(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let pictures = names(folder).into_iter().filter(|name| name.starts_with("seed") || name.starts_with("proj"));
    pictures.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// The lines of a manifest after the first; each describes the file that is there.
fn entries(folder: &Path, manifest: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(manifest)).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!((&header["manifest"], header["network"].as_str().unwrap().len()), (&1.into(), 64), "{header}");
    let entries: Vec<Value> = lines.collect();
    for entry in &entries {
        let bytes = fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
        assert_eq!(entry["bytes"], bytes.len());
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry["sha256"], *sha256);
        assert_eq!(entry["file"], format!("seed{:04}.png", entry["seed"].as_u64().unwrap()));
    }
    entries
}

fn header(folder: &Path) -> Value {
    serde_json::from_str(fs::read_to_string(folder.join("manifest.jsonl")).unwrap().lines().next().unwrap()).unwrap()
}

/// Starts a run and waits until some of its pictures are finished.
fn started(place: &Place, args: &[&str], outdir: &str, finished: usize) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stylegan"))
        .current_dir(place.folder())
        .args(args)
        .args(["--outdir", outdir])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let lines = || fs::read_to_string(place.path(outdir).join("manifest.jsonl")).map_or(0, |text| text.lines().count());
    while lines() < 1 + finished {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing was drawn");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Large enough to be stopped in the middle.
const LONG: [&str; 9] = ["generate", "--network", MODEL, "--seeds", "0-19", "--batch", "2", "--noise-mode", "random"];
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/open-peeps-128.safetensors");

#[test]
fn a_run_that_was_killed_goes_on_and_gives_the_same_bytes() {
    let place = Place::new();
    assert!(place.run(&[&LONG[..], &["--outdir", "whole"]].concat()).status.success());
    let whole = pictures(&place.path("whole"));
    assert_eq!(whole.len(), 20);
    assert_eq!(entries(&place.path("whole"), "manifest.jsonl").len(), 20);

    let mut child = started(&place, &LONG, "out", 6);
    child.kill().unwrap();
    child.wait().unwrap();
    let out = place.path("out");
    assert!(pictures(&out).len() < 20, "the run was over before it was killed");
    // As if it had been killed in the middle of a picture, of a line, and had lost a part of one on the disk.
    fs::write(out.join(".stylegan-1-7.partial"), "half").unwrap();
    let mut manifest = fs::read(out.join("manifest.jsonl")).unwrap();
    manifest.extend(br#"{"seed":19,"fi"#);
    fs::write(out.join("manifest.jsonl"), manifest).unwrap();
    let kept = out.join("seed0000.png");
    let damaged = out.join("seed0001.png");
    fs::write(&damaged, &fs::read(&damaged).unwrap()[..100]).unwrap();
    let before = fs::metadata(&kept).unwrap().modified().unwrap();

    let output = place.run(&[&LONG[..], &["--outdir", "out"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains(" of 20 were finished before") && said.contains(" pictures in "), "{said}");
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), before, "a finished picture was drawn again");
    assert!(pictures(&out) == whole, "not the same bytes as an unbroken run");
    assert!(!names(&out).iter().any(|name| name.starts_with('.')), "{:?}", names(&out));
    // The damaged picture has two lines, of the same bytes.
    assert_eq!(entries(&out, "manifest.jsonl").len(), 21);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_whole_files_only() {
    let place = Place::new();
    for (signal, finished) in [("-INT", 1), ("-TERM", 2)] {
        let child = started(&place, &LONG, "out", finished);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signal}: {stderr}");
        assert!(stderr.contains("error: interrupted") && stderr.lines().filter(|line| line.starts_with("error")).count() == 1, "{stderr}");
        let out = place.path("out");
        assert!(!names(&out).iter().any(|name| name.starts_with('.')), "{:?}", names(&out));
        let count = entries(&out, "manifest.jsonl").len();
        assert!((finished..20).contains(&count) && pictures(&out).values().all(|bytes| image::load_from_memory(bytes).is_ok()));
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn shards_and_batches_fit_together() {
    let place = Place::new();
    let network = place.network(PLAIN);
    for noise in ["const", "random"] {
        let base = ["generate", "--network", &network, "--seeds", "3-9,20,0", "--noise-mode", noise, "--noise-seed", "5"];
        let run = |outdir: &str, more: &[&str]| {
            place.succeeds(&[&base[..], &["--outdir", outdir], more].concat());
            pictures(&place.path(outdir))
        };
        let whole = run(&format!("{noise}-whole"), &[]);
        assert_eq!(whole.len(), 9);
        assert!(whole["seed0003.png"] != whole["seed0004.png"]);
        assert!(run(&format!("{noise}-batches"), &["--batch", "4"]) == whole, "{noise}: the batch shows");

        let outdir = format!("{noise}-shards");
        let folder = place.path(&outdir);
        fs::create_dir(&folder).unwrap();
        let mut sizes = Vec::new();
        for shard in ["2/4", "4/4", "1/4", "3/4"] {
            let before = pictures(&folder).len();
            run(&outdir, &["--shard", shard, "--batch", "3"]);
            let (index, count) = shard.split_once('/').unwrap();
            let listed = entries(&folder, &format!("manifest-{index}-of-{count}.jsonl")).len();
            assert_eq!(pictures(&folder).len(), before + listed, "{noise}: shards overlap");
            sizes.push(listed);
        }
        assert_eq!(sizes, [2, 3, 2, 2]);
        assert!(pictures(&folder) == whole, "{noise}: the shards are not the whole");
        // Nothing is left for a run of the whole; it finds what the shards have done.
        let said = place.succeeds(&[&base[..], &["--outdir", &outdir]].concat());
        assert_eq!(said, "nothing to draw; 9 of 9 were finished before (--overwrite draws them again)\n");
    }
}

#[test]
fn pictures_of_different_kinds_are_not_mixed() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let other = place.path("other.safetensors");
    fs::copy(place.path(&network), &other).unwrap();
    let base = ["generate", "--network", &network, "--seeds", "0-2", "--trunc", "0.7", "--outdir", "out"];
    place.succeeds(&base);
    let first = pictures(&place.path("out"));
    let line = place.refuses(2, &["generate", "--network", &network, "--seeds", "0-9", "--trunc", "0.5", "--outdir", "out"]);
    assert!(line.contains("manifest.jsonl") && line.contains("(trunc 0.7, now 0.5)") && line.contains("--overwrite"), "{line}");
    let line = place.refuses(2, &[&base[..], &["--noise-mode", "none", "--shard", "1/2"]].concat());
    assert!(line.contains("(noise-mode const, now none)"), "{line}");
    let line = place.refuses(
        2,
        &["generate", "--seeds", "0-2", "--trunc", "0.7", "--network", "other.safetensors", "--outdir", "out", "--trunc-cutoff", "2"],
    );
    assert!(line.contains("(trunc-cutoff none, now 2)"), "a copy is the same network: {line}");
    // What the device decided on the first time is known the second time.
    let other = if header(&place.path("out"))["settings"]["precision"] == "f16" { "f32" } else { "f16" };
    let line = place.refuses(2, &[&base[..], &["--seeds", "7", "--precision", other]].concat());
    assert!(line.contains("(precision f") && line.contains(&format!(", now {other})")), "{line}");
    assert!(pictures(&place.path("out")) == first);
    // Another list of seeds goes into the same folder, and starting anew forgets the old kind.
    assert!(place.succeeds(&[&base[..], &["--seeds", "0-4", "--json"]].concat()).contains("\"finished_before\":3"));
    place.succeeds(&["generate", "--network", &network, "--seeds", "0-1", "--outdir", "out", "--overwrite"]);
    assert_eq!(entries(&place.path("out"), "manifest.jsonl").len(), 2);
    assert!(pictures(&place.path("out"))["seed0000.png"] != first["seed0000.png"]);

    place.file("out/manifest-1-of-2.jsonl", "not JSON\n");
    assert!(place.refuses(1, &base).contains("is not a manifest of this program"));
}

#[test]
fn the_closing_line_comes_as_json() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let base = ["generate", "--network", &network, "--seeds", "0-5", "--outdir", "out", "--shard", "1/2", "--json"];
    let run = || serde_json::from_str::<Value>(&place.succeeds(&base)).unwrap();
    let summary = run();
    assert_eq!((&summary["images"], &summary["finished_before"], &summary["shard"]), (&3.into(), &0.into(), &"1/2".into()), "{summary}");
    assert!(summary["ms_per_image"].as_f64().unwrap() > 0.0 && summary["device"].is_string(), "{summary}");
    let busy = summary["busy"].as_object().unwrap();
    assert_eq!(busy.keys().collect::<Vec<_>>(), ["device", "disk", "encoder"]);
    assert!(busy.values().all(|part| (0.0..=1.0).contains(&part.as_f64().unwrap())), "{summary}");
    assert!(busy.contains_key(summary["slowest"].as_str().unwrap()));
    let manifest = fs::read_to_string(place.folder().join(summary["manifest"].as_str().unwrap())).unwrap();
    assert_eq!(manifest.lines().count(), 4);
    let again = run();
    assert_eq!((&again["images"], &again["finished_before"], &again["device"]), (&0.into(), &3.into(), &Value::Null), "{again}");
}

#[test]
fn rows_of_w_come_back_as_the_same_pictures() {
    let place = Place::new();
    let network = place.network(PLAIN);
    place.succeeds(&[
        "generate",
        "--network",
        &network,
        "--seeds",
        "3,85",
        "--trunc",
        "0.6",
        "--outdir",
        "out",
        "--save-ws",
        "--no-metadata",
    ]);
    assert_eq!(names(&place.path("out")), ["manifest.jsonl", "seed0003.npz", "seed0003.png", "seed0085.npz", "seed0085.png"]);
    let first = pictures(&place.path("out"));
    let file = fs::read(place.path("out/seed0085.npz")).unwrap();
    let array = stylegan_convert::array_file::read_bytes(&file, "w").unwrap();
    assert_eq!(array.shape, [1, 6, 8]);
    let projected = ["generate", "--network", &network, "--no-metadata", "--projected-w", "out/seed0085.npz"];
    place.succeeds(&[&projected[..], &["--outdir", "back", "--save-ws", "rows"]].concat());
    assert!(pictures(&place.path("back"))["proj00.png"] == first["seed0085.png"], "another picture came back");
    assert_eq!(names(&place.path("rows")), ["proj00.npz"]);
    assert!(fs::read(place.path("rows/proj00.npz")).unwrap() == file);

    // Rows that are lost are drawn again, others not.
    fs::remove_file(place.path("out/seed0003.npz")).unwrap();
    let again = ["generate", "--network", &network, "--seeds", "3,85", "--trunc", "0.6", "--outdir", "out"];
    assert!(place.succeeds(&[&again[..], &["--save-ws"]].concat()).starts_with("1 picture in "));
    assert!(place.succeeds(&again).starts_with("nothing to draw; 2 of 2"));

    // Several pictures in one file, in NumPy's other format.
    let values = [array.values.clone(), array.values.iter().map(|value| value / 2.0).collect()].concat();
    stylegan_convert::array_file::write_npy(&place.path("two.npy"), &[2, 6, 8], &values).unwrap();
    let two = ["generate", "--network", &network, "--projected-w", "two.npy", "--outdir", "two", "--grid", "2x1", "--no-metadata"];
    place.succeeds(&two);
    let two = pictures(&place.path("two"));
    assert_eq!(two.keys().collect::<Vec<_>>(), ["proj00.png", "proj01.png"]);
    assert!(two["proj00.png"] == first["seed0085.png"] && two["proj01.png"] != first["seed0085.png"]);

    stylegan_convert::array_file::write_npy(&place.path("wrong.npy"), &[2, 5, 8], &[0.0; 80]).unwrap();
    let line = place.refuses(1, &["generate", "--network", &network, "--projected-w", "wrong.npy", "--outdir", "x"]);
    assert!(line.contains("[2, 5, 8]") && line.contains("[N, 6, 8]"), "{line}");
    for more in [&["--seeds", "0"][..], &["--trunc", "0.5"], &["--class", "0"]] {
        let line = place.refuses(2, &[&projected[..], &["--outdir", "x"], more].concat());
        assert!(line.contains("--projected-w"), "{line}");
    }
    place.refuses(1, &["generate", "--network", &network, "--projected-w", "missing.npz", "--outdir", "x"]);
    place.refuses(1, &["generate", "--network", &network, "--projected-w", &network, "--outdir", "x"]);
}

#[test]
fn wrong_shards_are_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let base = ["generate", "--network", &network, "--seeds", "0-3", "--outdir", "out", "--shard"];
    for (shard, says) in [("0/4", "1/4 to 4/4"), ("5/4", "1/4 to 4/4"), ("2", "as 3/16"), ("a/b", "as 3/16")] {
        assert!(place.refuses(2, &[&base[..], &[shard]].concat()).contains(says));
    }
    assert!(place.refuses(2, &[&base[..], &["1/2", "--grid", "2x2"]].concat()).contains("--grid"));
    // More shards than pictures: some have nothing to do, and say so.
    assert_eq!(place.succeeds(&[&base[..], &["1/9"]].concat()), "nothing to draw\n");
}
