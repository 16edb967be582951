//! StyleGAN's whole forward pass as naive loops in f64 (REFERENCE section 3), on the converted tensors: its image is the case's
//! only if every transpose and flip of the conversion is right.

use std::path::Path;

use stylegan_wgpu::Model;
use stylegan_wgpu::internals::networks::stylegan1::Config;

use super::{expected, normalise, values};

/// `[channels][side * side]`
type Maps = Vec<Vec<f64>>;

/// ws and the image of the case's first latent.
pub(super) fn check(folder: &Path, case: &serde_json::Value, model: &Model, config: &Config) {
    let (_, z) = expected(folder, "z");
    let (_, want_ws) = expected(folder, "ws");
    let (shape, want) = expected(folder, "image");
    let psi = case["truncation_psi"].as_f64().unwrap();
    let cutoff = case["truncation_cutoff"].as_u64().unwrap() as usize;
    let w = mapping(model, config, &z[..config.z_dim]);
    let average = values(model, "mapping.w_avg");
    let truncated: Vec<f64> = w.iter().zip(&average).map(|(w, average)| average + psi * (w - average)).collect();
    let ws: Vec<Vec<f64>> = (0..config.num_ws()).map(|row| if row < cutoff { truncated.clone() } else { w.clone() }).collect();
    compare(&ws.concat(), &want_ws[..config.num_ws() * config.w_dim], 1e-5, &format!("{} ws", folder.display()));
    let image = synthesis(model, config, &ws).concat();
    // The tiny case's image is stored in f16.
    assert_eq!(image.len(), shape[1] * shape[2] * shape[3]);
    compare(&image, &want[..image.len()], 3e-4, &format!("{} image", folder.display()));
}

fn compare(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let error = norm(&mut got.iter().zip(want).map(|(got, want)| got - want)) / norm(&mut want.iter().copied());
    assert!(error <= tolerance, "{what}: relative L2 error {error:.2e}");
}

fn mapping(model: &Model, config: &Config, z: &[f64]) -> Vec<f64> {
    let mut x = z.to_vec();
    normalise(&mut x);
    let lr = f64::from(config.lr_multiplier);
    for i in 0..config.num_layers {
        let (weight, bias) = (values(model, &format!("mapping.fc{i}.weight")), values(model, &format!("mapping.fc{i}.bias")));
        let gain = lr * (2.0 / x.len() as f64).sqrt();
        let dot = |row: &[f64]| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() * gain;
        x = weight.chunks_exact(x.len()).zip(bias).map(|(row, bias)| lrelu(dot(row) + bias * lr)).collect();
    }
    x
}

fn lrelu(x: f64) -> f64 {
    if x < 0.0 { 0.2 * x } else { x }
}

fn synthesis(model: &Model, config: &Config, ws: &[Vec<f64>]) -> Maps {
    let mut x: Maps = values(model, "synthesis.b4.const").chunks_exact(16).map(<[f64]>::to_vec).collect();
    for resolution in config.resolutions() {
        let row = 2 * resolution.ilog2() as usize - 4;
        if resolution > 4 {
            x = conv(&up(&x, resolution / 2), &values(model, &format!("synthesis.b{resolution}.conv0.weight")), resolution);
            x = blur(&x, resolution);
        }
        epilogue(model, &format!("synthesis.b{resolution}.conv0"), &mut x, &ws[row]);
        x = conv(&x, &values(model, &format!("synthesis.b{resolution}.conv1.weight")), resolution);
        epilogue(model, &format!("synthesis.b{resolution}.conv1"), &mut x, &ws[row + 1]);
    }
    let (weight, bias) = (values(model, "synthesis.torgb.weight"), values(model, "synthesis.torgb.bias"));
    let gain = 1.0 / (x.len() as f64).sqrt();
    let pixel = |row: &[f64], at: usize| row.iter().zip(&x).map(|(w, map)| w * map[at]).sum::<f64>() * gain;
    weight.chunks_exact(x.len()).zip(bias).map(|(row, bias)| (0..x[0].len()).map(|at| pixel(row, at) + bias).collect()).collect()
}

fn epilogue(model: &Model, layer: &str, x: &mut Maps, w: &[f64]) {
    let get = |name: &str| values(model, &format!("{layer}.{name}"));
    let (noise, strength, bias) = (get("noise_const"), get("noise_strength"), get("bias"));
    let gain = 1.0 / (w.len() as f64).sqrt();
    let style: Vec<f64> = get("affine.weight")
        .chunks_exact(w.len())
        .zip(get("affine.bias"))
        .map(|(row, bias)| row.iter().zip(w).map(|(a, w)| a * w).sum::<f64>() * gain + bias)
        .collect();
    let channels = x.len();
    for (c, map) in x.iter_mut().enumerate() {
        map.iter_mut().zip(&noise).for_each(|(x, noise)| *x = lrelu(*x + noise * strength[c] + bias[c]));
        let mean = map.iter().sum::<f64>() / map.len() as f64;
        let variance = map.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / map.len() as f64;
        let scale = (style[c] + 1.0) / (variance + 1e-8).sqrt();
        map.iter_mut().for_each(|x| *x = (*x - mean) * scale + style[channels + c]);
    }
}

fn up(x: &Maps, side: usize) -> Maps {
    let double = |map: &Vec<f64>| (0..4 * side * side).map(|at| map[at / (2 * side) / 2 * side + at % (2 * side) / 2]).collect();
    x.iter().map(double).collect()
}

/// 3x3 correlation, padding 1, kernel gain sqrt(2 / (9 C)).
fn conv(x: &Maps, weight: &[f64], side: usize) -> Maps {
    let gain = (2.0 / (9 * x.len()) as f64).sqrt();
    weight.chunks_exact(9 * x.len()).map(|kernels| filter(x, kernels, side, gain)).collect()
}

fn blur(x: &Maps, side: usize) -> Maps {
    let kernel = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0];
    x.iter().map(|map| filter(std::slice::from_ref(map), &kernel, side, 1.0 / 16.0)).collect()
}

fn filter(x: &[Vec<f64>], kernels: &[f64], side: usize, gain: f64) -> Vec<f64> {
    let mut out = vec![0.0; side * side];
    for (map, kernel) in x.iter().zip(kernels.chunks_exact(9)) {
        for (at, out) in out.iter_mut().enumerate() {
            let (y, x) = (at / side, at % side);
            for (tap, k) in kernel.iter().enumerate() {
                let (y, x) = (y + tap / 3, x + tap % 3);
                if (1..=side).contains(&y) && (1..=side).contains(&x) {
                    *out += k * gain * map[(y - 1) * side + x - 1];
                }
            }
        }
    }
    out
}
