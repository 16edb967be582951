//! Pictures say how they were made: what `inspect` prints of each draws it again, byte for byte.

mod place;
#[cfg(feature = "serve")]
mod served;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use image::AnimationDecoder;
use place::{Place, names, text};

/// Every file is described by the line `inspect` prints; runs that line in a shell. Gives the bytes of what it wrote.
#[track_caller]
fn again(place: &Place, file: &str) -> Vec<u8> {
    let said = place.succeeds(&["inspect", file]);
    let command = said.lines().find_map(|line| line.strip_prefix("command      stylegan ")).unwrap_or_else(|| panic!("{file}: {said}"));
    let output = shell(place, command);
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    let folder = place.path("again");
    let written = match folder.exists() {
        true => fs::read(folder.join(name)).unwrap_or_else(|_| panic!("{command} wrote {:?} and not {name}", names(&folder))),
        false => {
            let name = place.names().into_iter().find(|name| name.starts_with("again.")).expect("a file");
            fs::read(place.path(&name)).unwrap()
        }
    };
    let _ = fs::remove_dir_all(&folder);
    place.names().iter().filter(|name| name.starts_with("again.")).for_each(|name| fs::remove_file(place.path(name)).unwrap());
    written
}

fn shell(place: &Place, arguments: &str) -> Output {
    let line = format!("exec '{}' {arguments}", env!("CARGO_BIN_EXE_stylegan"));
    Command::new("sh").args(["-c", &line]).current_dir(place.folder()).output().unwrap()
}

#[track_caller]
fn is_made_again(place: &Place, file: &str) {
    let bytes = again(place, file);
    assert!(bytes == fs::read(place.path(file)).unwrap(), "{file} is another picture");
}

const CONDITIONAL: &str =
    r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2, "c_dim": 5, "img_channels": 3}"#;

/// A place with a network whose name wants quoting, rows of w of three pictures, and directions.
fn prepared() -> Place {
    let place = Place::new();
    place.network(place::PLAIN);
    fs::rename(place.path("network.safetensors"), place.path("it's a net.safetensors")).unwrap();
    let network = "it's a net.safetensors";
    for seed in ["1", "2", "3"] {
        place.succeeds(&["generate", "--network", network, "--seeds", seed, "--outdir", "ws", "--save-ws", "--overwrite"]);
    }
    place.succeeds(&["directions", "--network", network, "-n", "2", "-o", "dirs.npz"]);
    let rows: Vec<f32> = (0..3 * 6 * 8).map(|i| (i as f32 * 0.7).sin()).collect();
    place.file("rows.npy", stylegan_convert::array_file::npy_bytes(&[3, 6, 8], &rows));
    place
}

const NETWORK: &str = "--network=it's a net.safetensors";

#[test]
#[cfg(unix)]
fn generate_is_made_again_in_every_format() {
    let place = prepared();
    for format in ["png", "jpg", "webp"] {
        let outdir = format!("--outdir={format}");
        let format = format!("--format={format}");
        place.succeeds(&["generate", NETWORK, "--seeds=7,3", "--trunc=-0.55", "--trunc-cutoff=3", &format, &outdir]);
        place.succeeds(&[
            "generate",
            NETWORK,
            "--seeds=11-12",
            "--noise-mode=random",
            "--noise-seed=4294967295",
            &format,
            &format!("{outdir}/noise"),
        ]);
        place.succeeds(&["generate", NETWORK, "--seeds=4", "--noise-mode=tf", "--no-tune", &format, &format!("{outdir}/tf")]);
        place.succeeds(&["generate", NETWORK, "--projected-w=rows.npy", "--noise-mode=none", &format, &format!("{outdir}/rows")]);
    }
    for format in ["png", "jpg", "webp"] {
        for name in ["seed0007", "noise/seed0011", "noise/seed0012", "tf/seed0004"] {
            is_made_again(&place, &format!("{format}/{name}.{format}"));
        }
        // A picture of several rows is the first of those that its command draws.
        let file = format!("{format}/rows/proj02.{format}");
        let said = place.succeeds(&["inspect", &file]);
        assert!(said.contains("--projected-w=rows.npy:2 ") && said.contains("projected-w  values with sha256 "), "{said}");
        fs::copy(place.path(&file), place.path(&format!("proj00.{format}"))).unwrap();
        is_made_again(&place, &format!("proj00.{format}"));
    }
    place.succeeds(&["generate", NETWORK, "--seeds=8", "--trunc=0.5", "--centers=auto:3", "--outdir=centers"]);
    is_made_again(&place, "centers/seed0008.png");
    place.succeeds(&["generate", NETWORK, "--seeds=0-4", "--grid=3x2", "--outdir=sheet"]);
    is_made_again(&place, "sheet/grid.png");
    // Whatever the batch, and wherever an earlier run was stopped.
    place.succeeds(&["generate", NETWORK, "--seeds=0-4", "--batch=3", "--outdir=batch"]);
    assert!(fs::read(place.path("batch/seed0003.png")).unwrap() == fs::read(place.path("sheet/seed0003.png")).unwrap());
    fs::remove_file(place.path("batch/seed0003.png")).unwrap();
    place.succeeds(&["generate", NETWORK, "--seeds=0-4", "--outdir=batch"]);
    assert!(fs::read(place.path("batch/seed0003.png")).unwrap() == fs::read(place.path("sheet/seed0003.png")).unwrap());
}

#[test]
#[cfg(unix)]
fn sheets_mixes_strips_and_films_are_made_again() {
    let place = prepared();
    for (file, more) in [
        ("sheet.png", &["--seeds=3-5,9", "--trunc=-1,0.5", "--labels", "--size=160"][..]),
        ("sheet.jpg", &["--seeds=3-5", "--columns=2"]),
        ("sheet.webp", &["--projected-w=rows.npy", "--noise-mode=random"]),
    ] {
        let line: Vec<&str> = ["grid", NETWORK, "-o", file].into_iter().chain(more.iter().copied()).collect();
        place.succeeds(&line);
        is_made_again(&place, file);
    }

    let mix = ["mix", NETWORK, "--styles=coarse", "--trunc=0.7", "--noise-mode=random", "--noise-seed=3"];
    place.succeeds(&[&mix[..], &["--rows=9,2", "--cols=5,2", "--outdir=mix"]].concat());
    for name in ["9-5", "9-2", "2-5", "2-2", "5-5", "grid"] {
        is_made_again(&place, &format!("mix/{name}.png"));
    }
    place.succeeds(&[&mix[..], &["--projected-w=rows.npy", "--cols=5", "--format=jpg", "--outdir=proj"]].concat());
    for (name, alone) in [("proj02-5", "proj00-5"), ("5-5", "5-5"), ("proj01-proj01", "proj00-proj00")] {
        fs::copy(place.path(&format!("proj/{name}.jpg")), place.path(&format!("{alone}.jpg"))).unwrap();
        is_made_again(&place, &format!("{alone}.jpg"));
    }
    is_made_again(&place, "proj/grid.png");
    place.succeeds(&[&mix[..], &["--projected-w=rows.npy", "--format=webp", "--outdir=both"]].concat());
    is_made_again(&place, "both/proj02-proj01.webp");

    for (file, more) in [
        ("strip.png", &["--seed=5", "--trunc=0.7", "--strength=-2..2", "--steps=3"][..]),
        ("strip.jpg", &["--projected-w=rows.npy:1", "--strength=2", "--layers=1-3"]),
        ("walk.webp", &["--seed=5", "--noise-mode=random", "--strength=-1sigma..1sigma", "--steps=4", "--fps=10"]),
        ("walk.apng", &["--seed=5", "--strength=-1..1", "--steps=3"]),
        ("walk.gif", &["--seed=5", "--strength=-1..1", "--steps=3"]),
    ] {
        let line: Vec<&str> = ["edit", NETWORK, "--direction=dirs.npz:1", "-o", file].into_iter().chain(more.iter().copied()).collect();
        place.succeeds(&line);
        is_made_again(&place, file);
    }

    for (file, more) in [
        ("film.webp", &["--seeds=1-4", "--grid=2x1", "--shuffle-seed=7", "--interpolation=slerp-z"][..]),
        ("film.png", &["--projected-w=rows.npy", "--fps=12"]),
        ("film.gif", &["--seeds=1,2", "--trunc=0.6", "--interpolation=linear"]),
    ] {
        let line: Vec<&str> = ["video", NETWORK, "--w-frames=2", "-o", file].into_iter().chain(more.iter().copied()).collect();
        place.succeeds(&line);
        is_made_again(&place, file);
    }
    let film = image::codecs::webp::WebPDecoder::new(std::io::Cursor::new(fs::read(place.path("film.webp")).unwrap())).unwrap();
    assert_eq!(film.into_frames().collect_frames().unwrap().len(), 4);
    if Command::new("ffmpeg").arg("-version").output().is_ok() {
        place.succeeds(&["video", NETWORK, "--w-frames=2", "--seeds=1,2", "-o", "film.mp4"]);
        is_made_again(&place, "film.mp4");
        let count = ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "film.mp4"];
        let shown = Command::new("ffprobe").args(count).current_dir(place.folder()).output().unwrap();
        assert!(text(&shown.stdout).contains("nb_read_frames=4") && shown.stderr.is_empty(), "{shown:?}");
    }
}

#[test]
#[cfg(unix)]
fn classes_are_said() {
    let place = Place::new();
    let network = place.network(CONDITIONAL);
    place.succeeds(&["generate", "--network", &network, "--seeds=7", "--class=4", "--outdir=out"]);
    assert!(place.succeeds(&["inspect", "out/seed0007.png"]).contains(" --class=4 "));
    is_made_again(&place, "out/seed0007.png");
}

#[test]
fn what_says_nothing_is_told_so() {
    let place = Place::new();
    let network = place.network(place::PLAIN);
    let line = ["generate", "--network", &network, "--seeds=7", "--outdir"];
    place.succeeds(&[&line[..], &["said"]].concat());
    place.succeeds(&[&line[..], &["unsaid", "--no-metadata"]].concat());
    let pictures = ["said", "unsaid"].map(|folder| image::open(place.path(&format!("{folder}/seed0007.png"))).unwrap());
    assert!(pictures[0] == pictures[1]);
    assert!(place.refuses(1, &["inspect", "unsaid/seed0007.png"]).contains("does not say how it was made"));
    let whole = fs::read(place.path("said/seed0007.png")).unwrap();
    let text = String::from_utf8_lossy(&whole);
    let packet = &text[text.find("XML:com").unwrap()..text.find("xpacket end").unwrap()];
    for hidden in [place.folder().to_str().unwrap(), "unsaid", "2026", "outdir", "batch", "shard", "time"] {
        assert!(!packet.contains(hidden), "a picture tells {hidden}");
    }
    assert!(packet.contains("trainedAlgorithmicMedia"));
    place.file("cut.png", &whole[..100]);
    assert!(place.refuses(1, &["inspect", "cut.png"]).contains("cut.png: the picture is cut off"));
    let json: serde_json::Value = serde_json::from_str(&place.succeeds(&["inspect", "--json", "said/seed0007.png"])).unwrap();
    assert_eq!((json["command"].as_str(), json["network"].as_str()), (Some("generate"), Some("network.safetensors")));
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
}

#[test]
#[cfg(all(unix, feature = "serve"))]
fn pictures_of_serve_are_made_again_by_the_command_or_the_request() {
    let place = prepared();
    let network = place.path("it's a net.safetensors");
    let network = network.to_str().unwrap();
    let server = served::Server::start(&["--network", network]);
    for (name, query) in [
        ("seed0005.png", "/image?seed=5&trunc=0.6&noise=random&noise_seed=4&format=png"),
        ("seed0006.jpg", "/image?seed=6"),
        ("seed0007.webp", "/image?seed=7&cutoff=2&noise=tf&format=webp"),
        ("5-6.png", "/mix?seed=5&with=6&layers=0,3-4&format=png&noise=random"),
    ] {
        place.file(name, server.picture(query));
        is_made_again(&place, name);
    }
    for query in [
        "/morph?seed=5&to=6&t=0.25&format=png",
        "/image?seed=5&moves=0:%2B1.5,1:-2&size=16",
        "/random?format=webp&moves=1:1",
        "/video?seeds=1,2&frames=2&moves=1:1",
        "/video?seeds=1,2&frames=2&format=gif&noise=none",
        "/video?seeds=1,2&frames=2&format=png&trunc=0.5",
    ] {
        let first = server.picture(query);
        place.file("served", &first);
        let said = place.succeeds(&["inspect", "served"]);
        let request = said.lines().find_map(|line| line.strip_prefix("request      ")).unwrap_or_else(|| panic!("{query}: {said}"));
        assert!(said.contains("command      stylegan serve '--network=it'\\''s a net.safetensors'"), "{said}");
        assert!(server.picture(request) == first, "{query} is not {request}");
    }
    let rows = fs::read(place.path("ws/seed0001.npz")).unwrap();
    place.file("posted.png", server.ask("POST", "/image?format=png", &[], &rows).body);
    let said = place.succeeds(&["inspect", "posted.png"]);
    assert!(said.contains("request      POST /image?") && said.contains("projected-w  values with sha256 "), "{said}");
    drop(server);
    let silent = served::Server::start(&["--network", network, "--no-metadata"]);
    assert!(!String::from_utf8_lossy(&silent.picture("/image?seed=1")).contains("stylegan"));
}
