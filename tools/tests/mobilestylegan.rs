//! MobileStyleGAN's real weights: what the converter makes of them, against tensors computed with the original network.
//!
//! The weights may not be redistributed, so `scripts/fetch-mobilestylegan.sh` fetches them into the user's cache; without a network
//! these tests say so and pass. What is expected lies beside the repository (`../shared/fixtures`), not in every clone.

use std::path::{Path, PathBuf};
use std::process::Command;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use stylegan_tools::convert::openvino;
use stylegan_wgpu::model::Model;
use stylegan_wgpu::networks::Config;

#[path = "mobilestylegan/forward.rs"]
mod forward;

/// The mapping network in f64 gives the w of the original; w_avg is the mean the original would have stored.
#[test]
fn mapping_and_average_equal_the_original() {
    let Some((model, expected)) = fixture() else { return };
    let expected = SafeTensors::deserialize(&expected).expect("expected.safetensors");
    let (z, w, w_avg) = (tensor(&expected, "z"), tensor(&expected, "w"), tensor(&expected, "w_avg"));
    // The fixture's w is truncated already.
    let truncated = |z| forward::mapping(&model, z).into_iter().zip(&w_avg).map(|(w, w_avg)| w_avg + 0.5 * (w - w_avg)).collect::<Vec<_>>();
    let got: Vec<f64> = z.chunks(512).flat_map(truncated).collect();
    assert_close("w", &got, &w, 1e-6);
    let got: Vec<f64> = model.array("mapping.w_avg").to_f32().into_iter().map(f64::from).collect();
    assert_close("w_avg", &got, &w_avg, 1e-5);
}

/// The whole network as a naive loop gives the original's image: names, order and folded scales are right.
#[test]
#[ignore = "half a minute; the engine's own parity test covers it"]
fn synthesis_equals_the_original() {
    let Some((model, expected)) = fixture() else { return };
    let expected = SafeTensors::deserialize(&expected).expect("expected.safetensors");
    let (w, image) = (tensor(&expected, "w"), tensor(&expected, "image"));
    for (w, image) in w.chunks(512).zip(image.chunks(3 << 20)) {
        // The image is stored as f16.
        assert_close("image", &forward::synthesis(&model, w), image, 3e-4);
    }
}

/// The sizes of the published network.
#[test]
fn configuration_is_the_published_one() {
    let Some(model) = wheel().map(|path| openvino::open(&path, &mut |_| ()).expect("the wheel converts")) else { return };
    let Config::MobileStyleGan(config) = &model.config else { panic!("{:?}", model.config) };
    assert_eq!((config.z_dim, config.w_dim, config.img_resolution, config.num_layers), (512, 512, 1024, 8));
    assert_eq!(config.channels, [512, 512, 512, 512, 512, 256, 128, 64]);
    assert_eq!(config.num_ws(), 22);
}

/// The converted model and the bytes of what is expected, when both are to be had.
fn fixture() -> Option<(Model, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/mobilestylegan-ffhq-1024");
    let Ok(expected) = std::fs::read(folder.join("expected.safetensors")) else {
        println!("skipped: no {}", folder.display());
        return None;
    };
    let mut last = 0.0;
    let model = openvino::open(&wheel()?, &mut |fraction| {
        assert!(fraction > last && fraction <= 1.0, "progress goes from {last} to {fraction}");
        last = fraction;
    });
    assert!(model.is_err() || last == 1.0, "progress ends at {last}");
    Some((model.expect("the wheel converts"), expected))
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
            println!("skipped: the weights cannot be fetched: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("skipped: {}: {error}", script.display());
            None
        }
    }
}

fn tensor(file: &SafeTensors, name: &str) -> Vec<f64> {
    let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    match view.dtype() {
        Dtype::F32 => view.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
        Dtype::F16 => view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()).collect(),
        other => panic!("{name} is stored as {other:?}"),
    }
}

/// Fails on another length, on NaN, and when |got - want| / |want| is not below the tolerance.
fn assert_close(name: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{name}: number of values");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let error = norm(&mut got.iter().zip(want).map(|(got, want)| got - want)) / norm(&mut want.iter().copied());
    println!("{name}: rel L2 {error:.3e} of {tolerance:.0e}");
    assert!(error < tolerance, "{name}: rel L2 is {error:e}, it must be below {tolerance:e}");
}
