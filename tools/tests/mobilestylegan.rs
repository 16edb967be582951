//! MobileStyleGAN's real weights: the converter and the command line, against tensors computed with the original network.
//!
//! The weights may not be redistributed, so `scripts/fetch-mobilestylegan.sh` fetches them into the user's cache; without a network
//! these tests say so and pass. What is expected lies beside the repository (`../shared/fixtures`), not in every clone.

use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::{Fixture, generate, rel_l2};
use stylegan_convert::openvino;
use stylegan_wgpu::{Config, Model};

mod fixtures;
#[path = "mobilestylegan/forward.rs"]
mod forward;

/// Of an image that is stored as f16, and of the f16 tier.
const TOLERANCES: [(&str, f64); 2] = [("f32", 3e-4), ("f16", 3e-3)];

/// The faces of `stylegan generate` are those of the original, in both precisions.
#[test]
fn pictures_equal_the_original() {
    let Some((fixture, wheel)) = fixture() else { return };
    for (precision, tolerance) in TOLERANCES {
        let images = generate(&wheel, &fixture.arguments(precision, &[]));
        for (image, expected) in images.iter().zip(fixture.expected("image").values.chunks(3 << 20)) {
            assert_close(&format!("image in {precision}"), image, expected, tolerance);
        }
    }
}

/// The mapping network in f64 gives the w of the original; w_avg is the mean the original would have stored.
#[test]
fn mapping_and_average_equal_the_original() {
    let Some((fixture, wheel)) = fixture() else { return };
    let model = convert(&wheel);
    let w_avg = fixture.expected("w_avg").values;
    // The fixture's w is truncated already.
    let truncated = |z: &[f32]| forward::mapping(&model, z).into_iter().zip(&w_avg).map(|(w, w_avg)| w_avg + 0.5 * (w - w_avg)).collect();
    let got: Vec<Vec<f32>> = fixture.expected("z").values.chunks(512).map(truncated).collect();
    assert_close("w", &got.concat(), &fixture.expected("w").values, 1e-6);
    assert_close("w_avg", &model.array("mapping.w_avg").to_f32(), &w_avg, 1e-5);
}

/// The whole network as plain loops gives the original's image: names, order and folded scales are right, whatever the engine does.
#[test]
#[ignore = "half a minute; pictures_equal_the_original covers it as long as it passes"]
fn plain_loops_equal_the_original() {
    let Some((fixture, wheel)) = fixture() else { return };
    let model = convert(&wheel);
    for (w, expected) in fixture.expected("w").values.chunks(512).zip(fixture.expected("image").values.chunks(3 << 20)) {
        assert_close("image", &forward::synthesis(&model, w), expected, 3e-4);
    }
}

/// The sizes of the published network.
#[test]
fn configuration_is_the_published_one() {
    let Some(model) = wheel().map(|wheel| convert(&wheel)) else { return };
    let Config::MobileStyleGan(config) = &model.config else { panic!("{:?}", model.config) };
    assert_eq!((config.z_dim, config.w_dim, config.img_resolution, config.num_layers), (512, 512, 1024, 8));
    assert_eq!(config.channels, [512, 512, 512, 512, 512, 256, 128, 64]);
    assert_eq!(config.num_ws(), 22);
}

/// What is expected, and the wheel, when both are to be had.
fn fixture() -> Option<(Fixture, PathBuf)> {
    Fixture::open("mobilestylegan-ffhq-1024").zip(wheel())
}

/// The wheel in the user's cache, fetched if it can be.
fn wheel() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-mobilestylegan.sh");
    match Command::new("sh").arg(&script).arg("--no-install").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(PathBuf::from(text.lines().last().expect("the script ends with the path")))
        }
        Ok(output) => {
            println!("not covered: the weights cannot be fetched: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("not covered: {}: {error}", script.display());
            None
        }
    }
}

/// The converted model; progress must rise to 1.
fn convert(wheel: &Path) -> Model {
    let mut last = 0.0;
    let mut progress = |fraction| {
        assert!(fraction > last && fraction <= 1.0, "progress goes from {last} to {fraction}");
        last = fraction;
    };
    let model = openvino::open(wheel, &mut progress).expect("the wheel converts");
    assert_eq!(last, 1.0, "progress ends early");
    model
}

#[track_caller]
fn assert_close(name: &str, got: &[f32], want: &[f32], tolerance: f64) {
    let error = rel_l2(got, want);
    println!("{name}: rel L2 {error:.3e} (at most {tolerance:.0e})");
    assert!(error <= tolerance, "{name}: rel L2 {error:.3e} is more than {tolerance:.0e}");
}
