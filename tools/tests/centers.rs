//! Centres of w: made, kept, and what pictures are truncated towards; and the choice of seeds that have least in common.

mod fixtures;
mod place;
mod twins;

use std::fs;
use std::process::{Command, Output, Stdio};

use fixtures::{read_npy, rel_l2};
use place::{PLAIN, Place, text};
use stylegan_convert::array_file;
use stylegan_wgpu::Model;

/// As in parity.rs: largest rel L2 error of an image in f32.
const F32: f64 = 2e-5;

/// Runs `stylegan` with a cache folder of its own.
fn run(place: &Place, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylegan"));
    command.current_dir(place.folder()).args(args).stdin(Stdio::null());
    // Whichever the system looks at.
    for variable in ["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"] {
        command.env(variable, place.path("cache"));
    }
    command.output().unwrap()
}

#[track_caller]
fn succeeds(place: &Place, args: &[&str]) -> String {
    let output = run(place, args);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// The row of `rows` nearest to `w`.
fn nearest<'a>(rows: &'a [f32], w: &[f32]) -> &'a [f32] {
    rows.chunks_exact(w.len()).min_by(|a, b| squared(a, w).total_cmp(&squared(b, w))).unwrap()
}

#[test]
fn pictures_are_truncated_towards_the_nearest_centre() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    let said = succeeds(&place, &["centers", "--network", &network, "-k", "8", "-o", "c.npy"]);
    assert!(said.starts_with("c.npy: 8 centres of w, "), "{said}");
    let centers = array_file::read(&place.path("c.npy"), "").unwrap();
    assert_eq!(centers.shape, [8, 8]);
    let base = ["generate", "--network", &network, "--seeds", "0-11", "--precision", "f32", "--format", "npy"];
    succeeds(&place, &[&base[..], &["--centers", "c.npy", "--trunc", "0.5", "--outdir", "half"]].concat());
    succeeds(&place, &[&base[..], &["--centers", "c.npy", "--trunc", "0", "--batch", "4", "--outdir", "none"]].concat());
    let seeds: Vec<u32> = (0..12).collect();
    let mut reached = Vec::new();
    for (seed, w) in seeds.iter().zip(twins::w_of(&model, &seeds, None)) {
        let centre = nearest(&centers.values, &w);
        for (psi, folder) in [(0.5, "half"), (0.0, "none")] {
            let want = twins::picture(&model, &twins::towards(&model, centre, &w, psi));
            let error = rel_l2(&read_npy(&place.path(&format!("{folder}/seed{seed:04}.npy"))), &want);
            assert!(error <= F32, "seed {seed} at {psi}: rel L2 {error:.3e}");
            let plain = twins::picture(&model, &twins::towards(&model, &twins::average(&model), &w, psi));
            assert!(rel_l2(&plain, &want) > 1e-3, "the average is a centre: the check cannot fail");
        }
        reached.push(centre);
    }
    reached.sort_by(|a, b| a.partial_cmp(b).unwrap());
    reached.dedup();
    assert!(reached.len() > 2, "all seeds are near one centre: the check cannot fail");
}

/// Every w is nearer to its centre than the random ones are, and the centres are means of what is near them.
#[test]
fn centres_are_where_w_is() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    succeeds(&place, &["centers", "--network", &network, "-k", "16", "-o", "c.npy"]);
    succeeds(&place, &["centers", "--network", &network, "-k", "1", "-o", "one.npy"]);
    let centers = array_file::read(&place.path("c.npy"), "").unwrap().values;
    let seeds: Vec<u32> = (0..2000).collect();
    let w = twins::w_of(&model, &seeds, None);
    // In units of the standard deviation, as they are made.
    let moments: Vec<(f32, f32)> = (0..8)
        .map(|i| {
            let mean = w.iter().map(|w| w[i]).sum::<f32>() / 2000.0;
            (mean, (w.iter().map(|w| (w[i] - mean).powi(2)).sum::<f32>() / 2000.0).sqrt())
        })
        .collect();
    let one = array_file::read(&place.path("one.npy"), "").unwrap().values;
    for (value, (mean, deviation)) in one.iter().zip(&moments) {
        assert!((value - mean).abs() < 0.1 * deviation, "one centre is the mean: {value}, {mean}");
    }
    let unit = |row: &[f32]| row.iter().zip(&moments).map(|(value, (mean, deviation))| (value - mean) / deviation).collect::<Vec<f32>>();
    let centers: Vec<f32> = centers.chunks_exact(8).flat_map(unit).collect();
    let w: Vec<Vec<f32>> = w.iter().map(|w| unit(w)).collect();
    let left: f64 = w.iter().map(|w| squared(nearest(&centers, w), w)).sum::<f64>() / 2000.0;
    // Against as many latents in their place.
    let others: Vec<f32> = w[..16].concat();
    let random: f64 = w[16..].iter().map(|w| squared(nearest(&others, w), w)).sum::<f64>() / 1984.0;
    println!("squared distance to the nearest: {left:.3} of centres, {random:.3} of latents, 8 of the mean");
    assert!(left < 0.75 * random && left < 5.0, "{left} {random}");
}

#[test]
fn auto_makes_centres_once_and_checks_what_it_kept() {
    let place = Place::new();
    let network = place.network(PLAIN);
    succeeds(&place, &["centers", "--network", &network, "-k", "8", "-o", "c.npy"]);
    let draw = |centers: &str, outdir: &str| {
        let base = ["generate", "--network", &network, "--seeds", "0-3", "--trunc", "0.5", "--no-tune", "--no-metadata"];
        succeeds(&place, &[&base[..], &["--centers", centers, "--outdir", outdir]].concat());
        // The head of the manifest, too, which has the centres' hash; its lines are in the order in which pictures are finished.
        let read = |name: &String| {
            let bytes = fs::read(place.path(outdir).join(name)).unwrap();
            let end = bytes.iter().position(|&byte| byte == b'\n' && name.ends_with(".jsonl"));
            bytes[..end.unwrap_or(bytes.len())].to_vec()
        };
        place::names(&place.path(outdir)).iter().map(read).collect::<Vec<_>>()
    };
    let from_file = draw("c.npy", "file");
    assert!(from_file.len() == 5 && from_file == draw("auto:8", "auto"));
    let mut folder = place.path("cache");
    for inner in ["Library/Caches", "stylegan-wgpu", "centers"] {
        folder = if folder.join(inner).exists() { folder.join(inner) } else { folder };
    }
    let kept = place::names(&folder);
    assert!(kept.len() == 1 && kept[0].ends_with("-k8.npy"), "{kept:?}");
    let path = folder.join(&kept[0]);
    assert_eq!(fs::read(&path).unwrap(), fs::read(place.path("c.npy")).unwrap());
    // What is kept is used ...
    array_file::write_npy(&path, &[8, 8], &[0.25; 64]).unwrap();
    assert!(from_file != draw("auto:8", "kept"));
    // ... unless it is damaged.
    fs::write(&path, "no array").unwrap();
    assert!(from_file == draw("auto:8", "again"));
    assert_eq!(fs::read(&path).unwrap(), fs::read(place.path("c.npy")).unwrap());
}

#[test]
fn a_folder_has_pictures_of_the_same_centres_only() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let rows: Vec<f32> = (0..16).map(|i| i as f32 / 8.0).collect();
    array_file::write_npy(&place.path("a.npy"), &[2, 8], &rows).unwrap();
    array_file::write_npy(&place.path("b.npy"), &[1, 8], &rows[8..]).unwrap();
    let base = ["generate", "--network", &network, "--seeds", "0-3", "--trunc", "0.5", "--outdir", "out"];
    let with = |centers: &[&'static str]| [&base[..], centers].concat();
    succeeds(&place, &with(&["--centers", "a.npy"]));
    let manifest = fs::read_to_string(place.path("out/manifest.jsonl")).unwrap();
    let header: serde_json::Value = serde_json::from_str(manifest.lines().next().unwrap()).unwrap();
    assert_eq!(header["settings"]["centers"].as_str().unwrap().len(), 64);
    assert!(succeeds(&place, &with(&["--centers", "a.npy"])).starts_with("nothing to draw; 4 of 4 were finished before"));
    for other in [&["--centers", "b.npy"][..], &["--centers", "auto:4"], &[]] {
        let args = [&base[..], other].concat();
        // With auto it is known when they are made: a picture is missing, so that they are.
        fs::remove_file(place.path("out/seed0003.png")).ok();
        let output = run(&place, &args);
        let line = text(&output.stderr);
        assert!(output.status.code() == Some(2) && line.contains("records pictures of another kind (centers "), "{other:?}: {line}");
        assert!(!place.path("out/seed0003.png").exists());
    }
}

/// Centres of one class: other classes have others.
#[test]
fn conditional_networks_have_centres_for_each_class() {
    let place = Place::new();
    let network = place.network(&PLAIN.replace("\"z_dim\"", "\"c_dim\": 3, \"z_dim\""));
    let base = ["generate", "--network", &network, "--seeds", "5", "--trunc", "0", "--precision", "f32", "--format", "npy"];
    let model = Model::load(&place.path(&network)).unwrap();
    for class in ["0", "2"] {
        succeeds(&place, &["centers", "--network", &network, "-k", "4", "--class", class, "-o", "c.npy"]);
        succeeds(&place, &[&base[..], &["--class", class, "--centers", "auto:4", "--outdir", class]].concat());
        let centers = array_file::read(&place.path("c.npy"), "").unwrap().values;
        let w = &twins::w_of(&model, &[5], Some(class.parse().unwrap()))[0];
        let want = twins::picture(&model, &twins::towards(&model, nearest(&centers, w), w, 0.0));
        let error = rel_l2(&read_npy(&place.path(&format!("{class}/seed0005.npy"))), &want);
        assert!(error <= F32, "class {class}: {error:.3e}");
    }
    assert_ne!(read_npy(&place.path("0/seed0005.npy")), read_npy(&place.path("2/seed0005.npy")));
    let line = place.refuses(2, &["centers", "--network", &network, "--class", "3", "-o", "x.npy"]);
    assert!(line.contains("3 classes, 0 to 2"), "{line}");
    #[cfg(feature = "serve")]
    {
        let line = place.refuses(2, &["serve", "--network", &network, "--centers", "auto", "--addr", "127.0.0.1:0"]);
        assert!(line.contains("every request names its own"), "{line}");
    }
}

/// Wherever seeds are drawn: the pictures of `generate`.
#[test]
fn every_command_truncates_alike() {
    let place = Place::new();
    let network = place.network(PLAIN);
    succeeds(&place, &["centers", "--network", &network, "-k", "6", "-o", "c.npy"]);
    let with = |args: &[&str]| {
        let common = ["--network", network.as_str(), "--centers", "c.npy", "--trunc", "0.4", "--no-tune"];
        succeeds(&place, &[args, &common].concat())
    };
    with(&["generate", "--seeds", "3,9", "--outdir", "out"]);
    let picture = |name: &str| image::open(place.path(name)).unwrap().into_rgb8();
    let [three, nine] = ["out/seed0003.png", "out/seed0009.png"].map(picture);
    assert_ne!(three, nine);
    let part = |sheet: &image::RgbImage, column: u32| image::imageops::crop_imm(sheet, 16 * column, 0, 16, 16).to_image();
    with(&["grid", "--seeds", "3,9", "--columns", "2", "-o", "sheet.png"]);
    let sheet = picture("sheet.png");
    assert!(part(&sheet, 0) == three && part(&sheet, 1) == nine);
    with(&["mix", "--rows", "3", "--cols", "9", "--styles", "0", "--outdir", "mixed"]);
    assert!(picture("mixed/3-3.png") == three && picture("mixed/9-9.png") == nine);
    with(&["video", "--seeds", "3,9", "--w-frames", "2", "-o", "walk.png"]);
    assert_eq!(picture("walk.png"), three, "the first frame");
    array_file::write_npy(&place.path("d.npy"), &[8], &[0.5; 8]).unwrap();
    with(&["edit", "--seed", "9", "--direction", "d.npy", "--strength", "0", "-o", "edit.png"]);
    assert_eq!(picture("edit.png"), nine);
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    let network = place.network(PLAIN);
    array_file::write_npy(&place.path("long.npy"), &[4, 9], &[0.5; 36]).unwrap();
    array_file::write_npy(&place.path("w.npy"), &[8], &[0.5; 8]).unwrap();
    fs::create_dir(place.path("empty")).unwrap();
    for (args, code, says) in [
        (&["generate", "--centers", "long.npy", "--outdir", "x"][..], 1, "long.npy: it holds [4, 9]; this network takes centres of [K, 8]"),
        (&["generate", "--centers", "missing.npy", "--outdir", "x"], 1, "missing.npy"),
        (&["generate", "--centers", "empty", "--outdir", "x"], 1, "holds no .npy files"),
        (&["generate", "--centers", "auto:0", "--outdir", "x"], 2, "auto:N with 1 to 4096"),
        (&["generate", "--centers", "w.npy", "--projected-w", "w.npy", "--outdir", "x"], 2, "--centers"),
        (&["video", "--seeds", "0,1", "--centers", "w.npy", "--interpolation", "slerp-z", "-o", "x.webp"], 2, "cubic or linear"),
        (&["mix", "--projected-w", "w.npy", "--centers", "w.npy", "--outdir", "x"], 2, "rows of w are drawn as they are"),
        (&["centers", "-k", "0", "-o", "x.npy"], 2, "1 to 4096"),
        (&["centers", "-o", "x.npz"], 2, "written as .npy"),
        (&["generate", "--seeds", "0-3", "--diverse", "5", "--outdir", "x"], 2, "--diverse 5 chooses from --seeds, and those are 4"),
        (&["generate", "--seeds", "0-3", "--diverse", "0", "--outdir", "x"], 2, "--diverse"),
        (&["generate", "--seeds", "0-3", "--diverse", "2", "--trunc", "0", "--outdir", "x"], 2, "finds 1 different pictures only"),
        (&["generate", "--projected-w", "w.npy", "--diverse", "1", "--outdir", "x"], 2, "--diverse"),
        (&["grid", "--seeds", "0-3", "--diverse", "5", "-o", "x.png"], 2, "those are 4"),
    ] {
        let line = place.refuses(code, &[args, &["--network", &network]].concat());
        assert!(line.contains(says), "{line}");
    }
    // Without z, w has as many values as there are classes.
    let network = place.network(&PLAIN.replace("\"z_dim\": 8", "\"z_dim\": 0, \"c_dim\": 3"));
    let line = place.refuses(2, &["centers", "--network", &network, "-k", "4", "-o", "x.npy"]);
    assert!(line.contains("w of this network has 3 values only"), "{line}");
}

/// A folder of files with one centre each, as stylegan3-fun writes them, is the file of all.
#[test]
fn a_folder_of_centres_is_one_list() {
    let place = Place::new();
    let network = place.network(PLAIN);
    succeeds(&place, &["centers", "--network", &network, "-k", "3", "-o", "c.npy"]);
    let rows = array_file::read(&place.path("c.npy"), "").unwrap().values;
    fs::create_dir(place.path("folder")).unwrap();
    for (i, row) in rows.chunks_exact(8).enumerate() {
        array_file::write_npy(&place.path(&format!("folder/{i}.npy")), &[1, 1, 6, 8], &row.repeat(6)).unwrap();
    }
    for (centers, outdir) in [("c.npy", "a"), ("folder", "b")] {
        let base = ["generate", "--network", &network, "--seeds", "0-3", "--trunc", "0.3", "--no-tune", "--no-metadata"];
        succeeds(&place, &[&base[..], &["--centers", centers, "--outdir", outdir]].concat());
    }
    for name in place::names(&place.path("a")) {
        // The lines of a manifest are in the order in which pictures are finished.
        if name.ends_with(".png") {
            assert!(fs::read(place.path("a").join(&name)).unwrap() == fs::read(place.path("b").join(&name)).unwrap(), "{name}");
        }
    }
}

/// The seeds that are farthest from each other, by all pairs of them.
fn chosen(w: &[Vec<f32>], n: usize) -> Vec<usize> {
    let mut chosen = vec![0];
    while chosen.len() < n {
        let least = |place: usize| chosen.iter().map(|&other| squared(&w[place], &w[other])).fold(f64::INFINITY, f64::min);
        let next = (0..w.len()).max_by(|&a, &b| least(a).total_cmp(&least(b)).then(b.cmp(&a))).unwrap();
        chosen.push(next);
    }
    chosen
}

#[test]
fn diverse_seeds_are_the_farthest_and_can_be_drawn_again() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    let seeds: Vec<u32> = (7..207).collect();
    let w = twins::w_of(&model, &seeds, None);
    let want: Vec<u32> = chosen(&w, 5).into_iter().map(|place| seeds[place]).collect();
    let flag = format!("--seeds {}", want.iter().map(u32::to_string).collect::<Vec<_>>().join(","));

    let base = ["generate", "--network", &network, "--trunc", "0.6", "--no-tune", "--outdir"];
    let said = place.succeeds(&[&base[..], &["a", "--seeds", "7-206", "--diverse", "5"]].concat());
    let (first, rest) = said.split_once('\n').unwrap();
    assert_eq!(first, flag);
    assert!(rest.starts_with("5 pictures in "), "{rest}");
    let manifest = fs::read_to_string(place.path("a/manifest.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(manifest.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line, serde_json::json!({ "chosen": flag.trim_start_matches("--seeds "), "of": "7-206" }));
    // The same command has nothing to do; the line that was printed makes the same pictures, in the same folder too.
    let again = place.succeeds(&[&base[..], &["a", "--seeds", "7-206", "--diverse", "5"]].concat());
    assert!(again.starts_with(&flag) && again.contains("nothing to draw; 5 of 5 were finished before"), "{again}");
    assert_eq!(fs::read_to_string(place.path("a/manifest.jsonl")).unwrap(), manifest);
    let listed: Vec<&str> = flag.split(' ').collect();
    assert!(place.succeeds(&[&base[..], &["a"], &listed].concat()).starts_with("nothing to draw"));
    place.succeeds(&[&base[..], &["b"], &listed].concat());
    for seed in &want {
        let name = format!("seed{seed:04}.png");
        assert_eq!(fs::read(place.path("a").join(&name)).unwrap(), fs::read(place.path("b").join(&name)).unwrap(), "{name}");
    }

    // Of random noise, which goes by the places in the list that is drawn.
    let random = [&base[..], &["c", "--noise-mode", "random", "--seeds", "7-206", "--diverse"]].concat();
    place.succeeds(&[&random[..], &["5"]].concat());
    fs::remove_file(place.path("c").join(format!("seed{:04}.png", want[2]))).unwrap();
    let again = place.succeeds(&[&random[..], &["5"]].concat());
    assert!(again.contains("1 picture in ") && again.contains("4 of 5 were finished before"), "{again}");
    assert!(place.succeeds(&[&random[..], &["5"]].concat()).contains("nothing to draw; 5 of 5"));
    let line = place.refuses(2, &[&random[..], &["4"]].concat());
    assert!(line.contains("pictures of another kind (seeds "), "{line}");

    let sheet = |more: &[&str]| place.succeeds(&[&["grid", "--network", &network, "--no-tune"], more].concat());
    let said = sheet(&["--seeds", "7-206", "--diverse", "5", "-o", "a.png"]);
    assert!(said.starts_with(&flag), "{said}");
    sheet(&[&listed[..], &["-o", "b.png"]].concat());
    assert_eq!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
    let json: serde_json::Value = serde_json::from_str(&sheet(&["--seeds", "7-206", "--diverse", "5", "-o", "c.png", "--json"])).unwrap();
    assert_eq!(json["seeds"], flag.trim_start_matches("--seeds "));
    // A sweep has them as rows.
    let said = sheet(&["--seeds", "7-206", "--diverse", "5", "--trunc=0,0.5", "-o", "d.png"]);
    assert!(said.starts_with(&flag) && said.contains("2 x 5 pictures"), "{said}");
}
