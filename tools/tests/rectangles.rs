//! Networks that are not square through every command: the pictures of `generate` are the twins', and sheets, strips, videos and the
//! server show the same ones, as tall and as wide.

mod place;
#[cfg(feature = "serve")]
mod served;

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, RgbImage, imageops};
use place::Place;
use serde_json::Value;
use stylegan_wgpu::internals::networks::{NoiseSource, mapping, synthesis};
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Model, latent};

/// 80 x 48, of 4 rows of w and a constant of 5 x 3.
const TALL: &str = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 64, "const_size": [5, 3], "channel_max": 8, "num_layers": 2}"#;
/// 32 x 64.
const WIDE: &str = r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 64, "const_size": [2, 4], "channel_max": 8, "num_layers": 2}"#;
/// StyleGAN, 24 x 40.
const FIRST: &str =
    r#"{"network": "stylegan1", "z_dim": 8, "w_dim": 8, "img_resolution": 32, "const_size": [3, 5], "channel_max": 8, "num_layers": 2}"#;

fn picture(path: &Path) -> RgbImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_rgb8()
}

fn part(sheet: &RgbImage, column: u32, row: u32, (height, width): (u32, u32)) -> RgbImage {
    imageops::crop_imm(sheet, column * width, row * height, width, height).to_image()
}

/// The frames of a WebP.
fn frames(file: Vec<u8>) -> Vec<RgbImage> {
    let frames = WebPDecoder::new(Cursor::new(file)).unwrap().into_frames().collect_frames().unwrap();
    frames.into_iter().map(|frame| image::DynamicImage::ImageRgba8(frame.into_buffer()).into_rgb8()).collect()
}

/// The shape and the values of an .npy of f32.
fn npy(path: &Path) -> (String, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..end].to_vec()).unwrap();
    let shape = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).unwrap().0.to_string();
    (shape, bytes[end..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

/// The picture of a seed by the twins, `[3, H, W]`.
fn twin(model: &Model, seed: u32) -> Vec<f32> {
    let mapping = mapping::mapping(model, 1);
    let z = latent::z(seed, model.config.z_dim());
    let values = reference::run(&mapping.plan, &HashMap::from([("z", z)]));
    let ws = latent::Ws::broadcast(&values[mapping.w.id], model.config.w_dim(), model.config.num_ws());
    let network = synthesis(model, 1, DType::F32, NoiseSource::Const);
    reference::run(&network.plan, &HashMap::from([("ws", ws.values)]))[network.img.id].clone()
}

fn rel_l2(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let error: f64 = got.iter().zip(want).map(|(&g, &w)| (f64::from(g) - f64::from(w)).powi(2)).sum();
    let norm: f64 = want.iter().map(|&w| f64::from(w).powi(2)).sum();
    let relative = (error / norm).sqrt();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

#[test]
fn pictures_are_the_twins_in_every_type_and_noise() {
    for (config, shape, size) in [(TALL, "3, 80, 48", (48, 80)), (WIDE, "3, 32, 64", (64, 32)), (FIRST, "3, 24, 40", (40, 24))] {
        let place = Place::new();
        let network = place.network(config);
        let model = Model::load(&place.path(&network)).unwrap();
        let base = ["generate", "--network", &network, "--seeds", "3,4"];
        for (precision, limit) in [("f32", 2e-5), ("f16", 5e-3)] {
            place.succeeds(&[&base[..], &["--precision", precision, "--format", "npy", "--outdir", precision]].concat());
            for seed in [3, 4] {
                let (found, values) = npy(&place.path(&format!("{precision}/seed000{seed}.npy")));
                assert_eq!(found, shape);
                let error = rel_l2(&values, &twin(&model, seed));
                assert!(error <= limit, "{config} {precision}: rel L2 {error:.3e}");
            }
        }
        // The same in 8 bits: rows of pixels, not columns.
        place.succeeds(&[&base[..], &["--precision", "f32", "--grid", "2x1", "--outdir", "png"]].concat());
        let (width, height) = size;
        let own = picture(&place.path("png/seed0003.png"));
        assert_eq!(own.dimensions(), size);
        let (_, planes) = npy(&place.path("f32/seed0003.npy"));
        for (x, y, pixel) in own.enumerate_pixels() {
            let red = (planes[(y * width + x) as usize] * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
            assert!(pixel[0].abs_diff(red) <= 1, "{config}: {x}, {y}");
        }
        let sheet = picture(&place.path("png/grid.png"));
        assert_eq!(sheet.dimensions(), (2 * width, height));
        assert!(part(&sheet, 0, 0, (height, width)) == own);
        assert!(part(&sheet, 1, 0, (height, width)) == picture(&place.path("png/seed0004.png")));
        // Fresh noise has the shapes of the maps, and does not depend on the batch.
        let random = ["--precision", "f32", "--noise-mode", "random", "--noise-seed", "7", "--format", "npy"];
        place.succeeds(&[&base[..], &random, &["--batch", "1", "--outdir", "one"]].concat());
        place.succeeds(&[&base[..], &random, &["--batch", "2", "--outdir", "two"]].concat());
        for seed in ["seed0003.npy", "seed0004.npy"] {
            let (one, two) = (npy(&place.path(&format!("one/{seed}"))).1, npy(&place.path(&format!("two/{seed}"))).1);
            assert!(rel_l2(&two, &one) <= 1e-6 && rel_l2(&one, &npy(&place.path(&format!("f32/{seed}"))).1) > 1e-3);
        }
    }
}

#[test]
fn sheets_strips_and_videos_show_the_same_pictures() {
    for (config, (height, width)) in [(TALL, (80, 48)), (WIDE, (32, 64))] {
        let place = Place::new();
        let network = place.network(config);
        let drawn = ["--network", &network, "--precision", "f32"];
        place.succeeds(&[&["generate", "--seeds", "1,2", "--outdir", "own"], &drawn[..]].concat());
        let [one, two] = ["own/seed0001.png", "own/seed0002.png"].map(|file| picture(&place.path(file)));
        let size = (height, width);

        place.succeeds(&[&["mix", "--rows", "1", "--cols", "2", "--styles", "0-3", "--outdir", "mix"], &drawn[..]].concat());
        let sheet = picture(&place.path("mix/grid.png"));
        assert_eq!(sheet.dimensions(), (2 * width, 2 * height));
        assert!(part(&sheet, 1, 0, size) == two && part(&sheet, 0, 1, size) == one);
        assert!(part(&sheet, 1, 1, size) == picture(&place.path("mix/1-2.png")));
        place.succeeds(
            &[&["mix", "--rows", "1", "--cols", "2", "--format", "npy", "--styles", "0-3", "--outdir", "npy"], &drawn[..]].concat(),
        );
        assert_eq!(npy(&place.path("npy/1-2.npy")).0, format!("3, {height}, {width}"));

        place.succeeds(&[&["generate", "--seeds", "1,2", "--trunc", "0.7", "--outdir", "usual"], &drawn[..]].concat());
        let usual = ["usual/seed0001.png", "usual/seed0002.png"].map(|file| picture(&place.path(file)));
        let grid = ["grid", "--seeds", "1,2", "--columns", "1", "--trunc", "0.7"];
        place.succeeds(&[&grid[..], &drawn, &["-o", "sheet.png"]].concat());
        let sheet = picture(&place.path("sheet.png"));
        assert_eq!(sheet.dimensions(), (width, 2 * height));
        assert!([part(&sheet, 0, 0, size), part(&sheet, 0, 1, size)] == usual);
        // The longer side is what --size names; labels lie in strips between the pictures.
        place.succeeds(&[&grid[..], &drawn, &["--size", "160", "--labels", "-o", "labels.png"]].concat());
        let labels = picture(&place.path("labels.png"));
        let scaled = (160 * height / height.max(width), 160 * width / height.max(width));
        let strip = labels.height() / 2 - scaled.0;
        assert_eq!((labels.width(), labels.height() % 2), (scaled.1, 0));
        assert!((16..40).contains(&strip), "{strip}");
        let written = imageops::crop_imm(&labels, 0, scaled.0, scaled.1, strip).to_image();
        assert!(written.pixels().any(|pixel| pixel[0] == 255) && written.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));

        place.succeeds(
            &[&["video", "--seeds", "1,2", "--w-frames", "2", "--grid", "2x1", "--num-keyframes", "1"], &drawn[..], &["-o", "a.webp"]]
                .concat(),
        );
        let first = &frames(std::fs::read(place.path("a.webp")).unwrap())[0];
        assert_eq!(first.dimensions(), (2 * width, height));
        assert!(part(first, 0, 0, size) == one && part(first, 1, 0, size) == two);

        place.succeeds(&["directions", "--network", &network, "-n", "2", "-o", "dirs.npz"]);
        let edit = ["edit", "--seed", "1", "--direction", "dirs.npz:0", "--strength=0..1", "--steps", "3"];
        place.succeeds(&[&edit[..], &drawn, &["-o", "strip.png"]].concat());
        let strip = picture(&place.path("strip.png"));
        assert_eq!(strip.dimensions(), (3 * width, height));
        assert!(part(&strip, 0, 0, size) == one);
        place.succeeds(&[&edit[..], &drawn, &["-o", "moved.webp"]].concat());
        assert_eq!(frames(std::fs::read(place.path("moved.webp")).unwrap())[0].dimensions(), (width, height));
    }
}

#[test]
fn files_say_their_height_and_width() {
    let place = Place::new();
    let network = place.network(TALL);
    place.succeeds(&["convert", &network, "-o", "half.safetensors", "--precision", "f16"]);
    for file in [&network[..], "half.safetensors"] {
        assert!(place.succeeds(&["inspect", file]).contains("80x48 (height x width)"));
        let json: Value = serde_json::from_str(&place.succeeds(&["inspect", file, "--json"])).unwrap();
        assert_eq!((&json["height"], &json["width"], &json["num_ws"]), (&80.into(), &48.into(), &10.into()));
        assert_eq!(json["config"]["const_size"], serde_json::json!([5, 3]));
    }
    let bench = ["bench", "--network", &network, "--batch", "1", "--precision", "f32", "--iters", "1", "--warmup", "0", "--json", "a.json"];
    assert!(place.succeeds(&bench).contains("stylegan2 80x48"));
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("a.json")).unwrap()).unwrap();
    let network = &report["results"][0]["network"];
    assert_eq!((&network["resolution"], &network["width"]), (&80.into(), &48.into()));
    assert!(place.succeeds(&["bench", "--compare", "a.json"]).contains("stylegan2 80x48"));
    for (size, says) in [("[0, 4]", "a side of const_size is 0"), ("[64, 1]", "height of the image is 32768"), ("[4]", "const_size")] {
        let config = format!(r#"{{"z_dim": 8, "w_dim": 8, "img_resolution": 2048, "const_size": {size}}}"#);
        place.file("wrong.json", config);
        let line = place.refuses(1, &["random-weights", "--config", "wrong.json", "--seed", "1", "-o", "wrong.safetensors"]);
        assert!(line.contains(says) || line.contains("invalid length"), "{line}");
    }
}

#[cfg(feature = "serve")]
#[test]
fn the_server_tells_and_draws_both_sides() {
    for (config, (width, height), sizes) in [(TALL, (48, 80), vec![80, 40]), (WIDE, (64, 32), vec![64, 32])] {
        let place = Place::new();
        let network = place.network(config);
        let path = place.path(&network);
        let server = served::Server::start(&["--network", path.to_str().unwrap()]);
        let facts = server.get("/network").json();
        assert_eq!((&facts["width"], &facts["height"]), (&width.into(), &height.into()));
        assert_eq!((&facts["resolution"], &facts["sizes"]), (&width.max(height).into(), &serde_json::json!(sizes)));
        for side in sizes {
            let size = (width * side / width.max(height), height * side / width.max(height));
            let drawn = image::load_from_memory(&server.picture(&format!("/image?seed=1&format=png&size={side}"))).unwrap();
            assert_eq!((drawn.width(), drawn.height()), size);
            let film = server.picture(&format!("/video?seeds=1,2&frames=2&size={side}"));
            assert_eq!(frames(film)[0].dimensions(), size);
        }
        let own = image::load_from_memory(&server.picture("/image?seed=1&format=webp")).unwrap();
        assert_eq!((own.width(), own.height()), (width, height));
        assert_eq!(server.get(&format!("/image?seed=1&size={}", width.min(height) + 1)).status, 400);
    }
}
