//! mix, video, directions and edit: pictures against the CPU twins, videos decoded again frame by frame.

mod fixtures;
mod place;
mod twins;

use std::fs;
use std::path::Path;

use fixtures::{Fixture, read_npy, rel_l2};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, RgbImage};
use place::{PLAIN, Place, text};
use stylegan_convert::array_file;
use stylegan_wgpu::Model;
use stylegan_wgpu::latent::{Interpolation, Keyframes, Ws};

/// As in parity.rs: largest rel L2 error of an image in f32.
const F32: f64 = 2e-5;

const MOBILE: &str =
    r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 32, "num_layers": 2, "channels": [8, 8, 8]}"#;

/// w of seeds, truncated, for every layer.
fn ws_of(model: &Model, seeds: &[u32], psi: f32) -> Ws {
    let (average, w) = (twins::average(model), twins::w_of(model, seeds, None));
    let rows = w.iter().flat_map(|w| twins::towards(model, &average, w, psi).values).collect();
    Ws::new(seeds.len(), model.config.num_ws(), model.config.w_dim(), rows).unwrap()
}

/// The same in 8 bits.
fn twin_rgb(model: &Model, ws: &Ws) -> RgbImage {
    let planes = twins::picture(model, ws);
    let (height, width) = model.config.image_size();
    let level = |x: u32, y: u32, c: usize| {
        let value = planes[(c * height + y as usize) * width + x as usize];
        (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8
    };
    RgbImage::from_fn(width as u32, height as u32, |x, y| image::Rgb([0, 1, 2].map(|c| level(x, y, c))))
}

/// Fails where a level differs by more than `most`. One is what rounding of nearly equal values takes.
#[track_caller]
fn assert_alike(what: &str, got: &RgbImage, want: &RgbImage, most: u8) {
    assert_eq!(got.dimensions(), want.dimensions(), "{what}");
    let worst = got.as_raw().iter().zip(want.as_raw()).map(|(got, want)| got.abs_diff(*want)).max();
    assert!(worst.is_some_and(|worst| worst <= most), "{what}: levels differ by {worst:?}");
}

/// Root of the mean square of the differences of two pictures, in levels.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    let square: f64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    (square / a.as_raw().len() as f64).sqrt()
}

fn part(image: &RgbImage, column: u32, row: u32, side: u32) -> RgbImage {
    image::imageops::crop_imm(image, column * side, row * side, side, side).to_image()
}

fn picture(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_rgb8()
}

/// The frames of an animated PNG or WebP.
fn frames(path: &Path) -> Vec<RgbImage> {
    let bytes = fs::read(path).unwrap();
    let reader = std::io::Cursor::new(&bytes);
    let frames = match bytes.starts_with(b"RIFF") {
        true => WebPDecoder::new(reader).unwrap().into_frames().collect_frames(),
        false => PngDecoder::new(reader).unwrap().apng().unwrap().into_frames().collect_frames(),
    };
    frames.unwrap().into_iter().map(|frame| image::DynamicImage::from(frame.into_buffer()).into_rgb8()).collect()
}

/// Every picture of a mixing run against the twins, and the sheet against the pictures.
#[track_caller]
fn mixes_as_the_twins(what: &str, model: &Model, network: &str, place: &Place, styles: &str, layers: &[usize]) {
    let psi = 0.7;
    let (rows, cols) = ([3, 1], [4, 3, 8]);
    let base =
        ["mix", "--network", network, "--rows", "3,1", "--cols", "4,3,8", "--styles", styles, "--trunc", "0.7", "--precision", "f32"];
    place.succeeds(&[&base[..], &["--outdir", "planes", "--format", "npy"]].concat());
    place.succeeds(&[&base[..], &["--outdir", "pictures", "--batch", "3"]].concat());
    let mut names = vec!["grid.png".to_owned(), "8-8.npy".into(), "4-4.npy".into()];
    let mut pictures = 0;
    for row in rows {
        names.push(format!("{row}-{row}.npy"));
        for col in cols {
            let ws = |seed| ws_of(model, &[seed], psi);
            let mut mixed = ws(row);
            for layer in layers {
                let part = layer * model.config.w_dim()..(layer + 1) * model.config.w_dim();
                mixed.values[part.clone()].copy_from_slice(&ws(col).values[part]);
            }
            let got = read_npy(&place.path(&format!("planes/{row}-{col}.npy")));
            let error = rel_l2(&got, &twins::picture(model, &mixed));
            println!("{what} {row}-{col}: rel L2 {error:.3e} (at most {F32:.0e})");
            assert!(error <= F32, "{what} {row}-{col}: rel L2 {error:.3e}");
            let unmixed = rel_l2(&got, &twins::picture(model, &ws(row)));
            assert!(row == col || unmixed > 100.0 * F32, "{what} {row}-{col}: mixing changes nothing; the check cannot fail");
            names.push(format!("{row}-{col}.npy"));
            pictures += 1;
        }
    }
    assert_eq!(pictures, 6);
    names.sort();
    names.dedup();
    assert_eq!(place::names(&place.path("planes")), names);

    let sheet = picture(&place.path("pictures/grid.png"));
    let side = model.config.image_size().0 as u32;
    assert_eq!(sheet.dimensions(), (4 * side, 3 * side));
    assert!(part(&sheet, 0, 0, side).as_raw().iter().all(|&level| level == 0), "the corner is not black");
    for (y, row) in [None].into_iter().chain(rows.map(Some)).enumerate() {
        for (x, col) in [None].into_iter().chain(cols.map(Some)).enumerate() {
            if let Some(col_or_row) = col.or(row) {
                let (row, col) = (row.unwrap_or(col_or_row), col.unwrap_or(col_or_row));
                let own = picture(&place.path(&format!("pictures/{row}-{col}.png")));
                assert_alike(&format!("{what}: cell {x}, {y}"), &part(&sheet, x as u32, y as u32, side), &own, 0);
            }
        }
    }
}

#[test]
fn mixing_equals_the_twins_for_every_kind_of_network() {
    for (name, styles, layers) in [
        ("tiny/ada-skip-32", "coarse,6", &[0, 1, 2, 3, 6][..]),
        ("tiny/tf-stylegan1-128", "middle", &[4, 5, 6, 7]),
        ("tiny/rosinality-16", "4-5", &[4, 5]),
    ] {
        let Some(fixture) = Fixture::open(name) else { panic!("{name} is part of the repository") };
        let files = ["network.pkl", "checkpoint.pt"].map(|file| fixture.folder.join(file));
        let network = files.iter().find(|file| file.exists()).unwrap();
        let model = stylegan_convert::open(network, &mut |_| {}).unwrap();
        mixes_as_the_twins(name, &model, network.to_str().unwrap(), &Place::new(), styles, layers);
    }
    let place = Place::new();
    let network = place.network(MOBILE);
    let model = Model::load(&place.path(&network)).unwrap();
    mixes_as_the_twins("MobileStyleGAN", &model, &network, &place, "0,2-4", &[0, 2, 3, 4]);
}

#[test]
fn a_video_goes_through_its_keyframes_and_closes() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    let base = ["video", "--network", &network, "--seeds", "5,2,9", "--w-frames", "8", "--trunc", "0.8", "--precision", "f32"];
    let line = place.succeeds(&[&base[..], &["-o", "a.png", "--batch", "3"]].concat());
    assert!(line.starts_with("a.png: 24 frames of 16 x 16, 0.4 s; 24 pictures in "), "{line}");
    let shown = frames(&place.path("a.png"));
    assert_eq!(shown.len(), 24);
    let path = Keyframes::new(ws_of(&model, &[5, 2, 9], 0.8), Interpolation::Cubic).unwrap();
    for (i, frame) in shown.iter().enumerate() {
        assert_alike(&format!("frame {i}"), frame, &twin_rgb(&model, &path.at(i as f64 / 8.0)), 1);
    }
    // The keyframes are the pictures of `generate`.
    place.succeeds(&["generate", "--network", &network, "--seeds", "5,2,9", "--trunc", "0.8", "--precision", "f32", "--outdir", "out"]);
    for (i, seed) in [5, 2, 9].into_iter().enumerate() {
        assert_alike("keyframe", &shown[8 * i], &picture(&place.path(&format!("out/seed{seed:04}.png"))), 0);
    }
    // From the last frame to the first is a step as any other.
    let steps: Vec<f64> = (0..24).map(|i| distance(&shown[i], &shown[(i + 1) % 24])).collect();
    let longest = steps[..23].iter().copied().fold(0.0, f64::max);
    assert!(longest > 0.5 && steps[23] <= 1.2 * longest, "steps {steps:?}");

    // The same frames in the other formats.
    place.succeeds(&[&base[..], &["-o", "a.webp"]].concat());
    assert!(frames(&place.path("a.webp")) == shown);
    place.succeeds(&[&base[..], &["-o", "a.gif"]].concat());
    let mut decoder = gif::DecodeOptions::new();
    decoder.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = decoder.read_info(fs::File::open(place.path("a.gif")).unwrap()).unwrap();
    let mut count = 0;
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert_eq!((frame.width, frame.height, frame.delay), (16, 16, 2));
        let rgb = frame.buffer.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
        // Dithered: the mean of 4 x 4 pixels is what is shown.
        let mean = |picture: &RgbImage| image::imageops::thumbnail(picture, 4, 4);
        let error = distance(&mean(&RgbImage::from_raw(16, 16, rgb).unwrap()), &mean(&shown[count]));
        assert!(error < 4.0, "frame {count} of the GIF is {error} levels away");
        count += 1;
    }
    assert_eq!(count, 24);
}

#[test]
fn a_grid_of_walks_is_dealt_and_shuffled_as_numpy_does() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    let base =
        ["video", "--network", &network, "--seeds", "0-9", "--w-frames", "2", "--precision", "f32", "--grid", "5x1", "--shuffle-seed", "0"];
    // numpy.random.RandomState(0).shuffle(numpy.arange(10))
    let order = [2, 8, 4, 9, 1, 6, 7, 3, 0, 5];
    for (kind, interpolation) in [("cubic", Some(Interpolation::Cubic)), ("linear", Some(Interpolation::Linear)), ("slerp-z", None)] {
        place.succeeds(&[&base[..], &["--interpolation", kind, "-o", "a.webp"]].concat());
        let shown = frames(&place.path("a.webp"));
        assert_eq!((shown.len(), shown[0].dimensions()), (4, (80, 16)), "{kind}");
        for (cell, seeds) in order.chunks(2).enumerate() {
            for (frame, shown) in shown.iter().enumerate() {
                let half = frame % 2 == 1;
                let want = match interpolation {
                    Some(interpolation) => Keyframes::new(ws_of(&model, seeds, 1.0), interpolation).unwrap().at(frame as f64 / 2.0),
                    None if half => continue,
                    None => ws_of(&model, &[seeds[frame / 2]], 1.0),
                };
                assert_alike(&format!("{kind}: frame {frame}, cell {cell}"), &part(shown, cell as u32, 0, 16), &twin_rgb(&model, &want), 1);
            }
        }
    }
}

#[test]
fn an_mp4_has_the_frames_of_the_lossless_formats() {
    let place = Place::new();
    let network = place.network(&PLAIN.replace("\"img_resolution\": 16", "\"img_resolution\": 64"));
    let base = ["video", "--network", &network, "--seeds", "0,1", "--w-frames", "5", "--fps", "25", "-o"];
    let output = place.run(&[&base[..], &["a.mp4"]].concat());
    if !output.status.success() {
        let line = text(&output.stderr);
        assert!(line.contains("ffmpeg") && line.contains("or write .webp"), "{line}");
        assert_eq!(place.names(), ["network.safetensors"]);
        println!("not covered: {line}");
        return;
    }
    place.succeeds(&[&base[..], &["a.webp"]].concat());
    let raw = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(place.path("a.mp4"))
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
        .output()
        .unwrap();
    let shown = frames(&place.path("a.webp"));
    let got: Vec<_> =
        raw.stdout.chunks(64 * 64 * 3).map(|frame| RgbImage::from_raw(64, 64, frame.to_vec()).expect("whole frames")).collect();
    assert_eq!((got.len(), shown.len()), (10, 10));
    for (i, (got, want)) in got.iter().zip(&shown).enumerate() {
        // Random weights draw noise, and colour has half the resolution in an MP4.
        let (error, other) = (distance(got, want), distance(got, &shown[(i + 5) % 10]));
        println!("frame {i}: {error:.1} levels from its picture, {other:.1} from the one half a loop away");
        // Halfway between two keyframes, the way back is much the same.
        assert!(error < 20.0 && (i % 5 != 0 || error < 0.5 * other), "frame {i} is {error} levels away, another one {other}");
    }
}

#[test]
fn directions_are_found_and_followed() {
    let place = Place::new();
    let network = place.network(PLAIN);
    let model = Model::load(&place.path(&network)).unwrap();
    let line = place.succeeds(&["directions", "--network", &network, "-n", "3", "--layers", "1-3", "-o", "dirs.npz"]);
    assert!(line.starts_with("dirs.npz: 3 directions from the weights of 3 layers, sigma "), "{line}");
    let read = |key: &str| array_file::read(&place.path("dirs.npz"), key).unwrap();
    let (directions, layers) = (read("directions"), read("layers").values);
    assert_eq!((&directions.shape[..], &read("singular_values").shape[..], &layers[..]), (&[3, 8][..], &[3][..], &[1.0, 2.0, 3.0][..]));
    let sigma = read("sigma").values;
    assert!(sigma.len() == 3 && sigma.iter().all(|sigma| *sigma > 0.0) && read("mean").shape == [8], "{sigma:?}");

    let edit = ["edit", "--network", &network, "--seed", "7", "--trunc", "0.9", "--precision", "f32", "--direction"];
    let moved = |direction: &[f32], layers: &[usize], strength: f32| {
        let mut ws = ws_of(&model, &[7], 0.9);
        for layer in layers {
            ws.values[8 * layer..][..8].iter_mut().zip(direction).for_each(|(value, step)| *value += strength * step);
        }
        twin_rgb(&model, &ws)
    };
    place.succeeds(&[&edit[..], &["dirs.npz:2", "--strength=-3..3", "--steps", "5", "-o", "strip.png"]].concat());
    let strip = picture(&place.path("strip.png"));
    assert_eq!(strip.dimensions(), (80, 16));
    let third = &directions.values[16..];
    for (i, strength) in [-3.0, -1.5, 0.0, 1.5, 3.0].into_iter().enumerate() {
        assert_alike(&format!("strength {strength}"), &part(&strip, i as u32, 0, 16), &moved(third, &[1, 2, 3], sigma[2] * strength), 1);
    }
    assert!(distance(&part(&strip, 0, 0, 16), &part(&strip, 4, 0, 16)) > 3.0, "the direction changes nothing: the check cannot fail");

    // A file of before, without sigma: a strength is a length.
    let old = [("directions", &directions), ("layers", &read("layers"))];
    array_file::write_npz(&place.path("old.npz"), &old).unwrap();
    place.succeeds(&[&edit[..], &["old.npz:2", "--strength", "3", "-o", "old.png"]].concat());
    assert_alike("without sigma", &picture(&place.path("old.png")), &moved(third, &[1, 2, 3], 3.0), 1);
    place.refuses(2, &[&edit[..], &["old.npz:2", "--strength", "3sigma", "-o", "x.png"]].concat());

    // Principal components: a unit of strength is the deviation of w along them, seen in w of other latents.
    let line = place.succeeds(&["directions", "--network", &network, "--method", "pca", "-n", "8", "-o", "pca.npz"]);
    assert!(line.starts_with("pca.npz: 8 principal directions of w, sigma "), "{line}");
    let read = |key: &str| array_file::read(&place.path("pca.npz"), key).unwrap();
    let (axes, sigma) = (read("directions").values, read("sigma").values);
    assert!(sigma.is_sorted_by(|a, b| a >= b), "{sigma:?}");
    let w = twins::w_of(&model, &(1000..1400).collect::<Vec<_>>(), None);
    for (i, (axis, sigma)) in axes.chunks(8).zip(&sigma).enumerate() {
        let along: Vec<f32> = w.iter().map(|w| w.iter().zip(axis).map(|(w, axis)| w * axis).sum()).collect();
        let mean = along.iter().sum::<f32>() / 400.0;
        let deviation = (along.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 400.0).sqrt();
        assert!((deviation / sigma - 1.0).abs() < 0.2, "component {i}: {deviation} among 400, sigma {sigma}");
    }

    // A direction from elsewhere, for layers of our choice, there and back.
    array_file::write_npy(&place.path("smile.npy"), &[1, 8], third).unwrap();
    place.succeeds(&[&edit[..], &["smile.npy", "--strength=0..2", "--steps", "3", "--layers", "coarse", "-o", "smile.webp"]].concat());
    let shown = frames(&place.path("smile.webp"));
    assert_eq!(shown.len(), 4);
    for (frame, strength) in shown.iter().zip([0.0, 1.0, 2.0, 1.0]) {
        assert_alike(&format!("strength {strength}"), frame, &moved(third, &[0, 1, 2, 3], strength), 1);
    }
    place.succeeds(&[&edit[..], &["smile.npy", "--strength", "2", "-o", "one.png"]].concat());
    assert_alike("one picture", &picture(&place.path("one.png")), &moved(third, &[0, 1, 2, 3, 4, 5], 2.0), 1);
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_made() {
    let place = Place::new();
    let network = place.network(PLAIN);
    place.file("text.npz", "a text");
    place.file("empty.npz", "");
    place.succeeds(&["directions", "--network", &network, "-n", "2", "-o", "dirs.npz"]);
    let mix = ["mix", "--network", &network, "--rows", "0", "--cols", "1", "--outdir", "out"];
    let video = ["video", "--network", &network, "--seeds", "0-6"];
    let directions = ["directions", "--network", &network];
    let edit = ["edit", "--network", &network, "--direction"];
    for (code, args, says) in [
        (2, [&mix[..], &["--styles", "0-6"]].concat(), "this network has 6, 0 to 5"),
        (2, [&mix[..], &["--styles", "fine"]].concat(), "the layers of this network end at 16"),
        (2, [&mix[..], &["--styles", "big"]].concat(), "this network has no layer big; it has b4.conv1"),
        (2, ["mix", "--network", &network, "--rows", "0", "--outdir", "out"].to_vec(), "--cols"),
        (2, [&video[..], &["--grid", "2x1", "-o", "a.webp"]].concat(), "--seeds names 7, and --grid has 2"),
        (2, [&video[..], &["-o", "a.avi"]].concat(), ".mp4, .webp, .gif or .png"),
        (2, [&video[..], &["-o", "a.gif", "--fps", "60"]].concat(), "a GIF has at most 50"),
        (2, [&video[..], &["-o", "a.webp", "--w-frames", "4000000000"]].concat(), "at most 10000000"),
        (2, [&video[..], &["-o", "a.webp", "--num-keyframes", "4000000000"]].concat(), "at most 10000000"),
        (2, [&video[..], &["-o", "a.webp", "--w-frames", "1", "--num-keyframes", "9999999"]].concat(), "too many to keep in memory"),
        (1, [&video[..], &["-o", "missing/a.webp"]].concat(), "no such folder"),
        (2, [&directions[..], &["-n", "9", "-o", "a.npz"]].concat(), "1 to 8"),
        (2, [&directions[..], &["-n", "0", "-o", "a.npz"]].concat(), "1 to 8"),
        (2, [&directions[..], &["-n", "1", "--layers", "5", "-o", "a.npz"]].concat(), "no convolution"),
        (2, [&directions[..], &["-o", "a.txt"]].concat(), ".npz"),
        (1, [&edit[..], &["missing.npz:0", "-o", "a.png"]].concat(), "missing.npz: "),
        (1, [&edit[..], &["text.npz:0", "-o", "a.png"]].concat(), "text.npz: "),
        (1, [&edit[..], &["empty.npz:0", "-o", "a.png"]].concat(), "empty.npz: "),
        (1, [&edit[..], &["network.safetensors", "-o", "a.png"]].concat(), "a file of tensors is needed"),
        (1, [&edit[..], &["dirs.npz", "-o", "a.png"]].concat(), "choose one with FILE:0 to FILE:1"),
        (1, [&edit[..], &["dirs.npz:2", "-o", "a.png"]].concat(), "no direction 2"),
        (2, [&edit[..], &["dirs.npz:0", "--strength", "5..", "-o", "a.png"]].concat(), "as -3..3"),
        (2, [&edit[..], &["dirs.npz:0", "-o", "a.txt"]].concat(), "the ending says what it is"),
        (2, [&edit[..], &["dirs.npz:0", "--fps", "5", "-o", "a.png"]].concat(), "does not move"),
    ] {
        let line = place.refuses(code, &args);
        assert!(line.contains(says), "{args:?}: {line}");
    }
}

/// Ctrl-C in the middle of a video leaves no part of it.
#[cfg(unix)]
#[test]
fn an_interrupted_video_is_not_there() {
    let place = Place::new();
    let network = place.network(&PLAIN.replace("\"img_resolution\": 16", "\"img_resolution\": 128"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_stylegan"))
        .current_dir(place.folder())
        .args(["video", "--network", &network, "--seeds", "0-9", "--w-frames", "2000", "-o", "a.webp"])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while !place.names().iter().any(|name| name.ends_with(".partial")) {
        assert!(start.elapsed().as_secs() < 120 && child.try_wait().unwrap().is_none(), "the video was not begun, or is over");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(place.names(), ["network.safetensors"]);
}
