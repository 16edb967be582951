//! Synthetic weights: every tensor from one seed, so that full-size networks can be measured and tested without a checkpoint.

use std::collections::BTreeMap;

use crate::latent::RandomState;
use crate::model::{Array, Model};
use crate::networks::Config;
use crate::networks::stylegan3::Transform;

/// The synthetic model of a seed, bit for bit the one the fixtures were made from.
///
/// One `RandomState(seed)`; the tensors in byte order of their names; each drawn as `randn` of its size, cast to f32, multiplied
/// in f32. The factors keep activations of every layer near 1. Panics on a configuration that [`Config::validate`] refuses.
#[track_caller]
pub fn random_weights(config: &Config, seed: u32) -> Model {
    config.validate().unwrap_or_else(|error| panic!("{error}"));
    let mut specs = config.manifest();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut random = RandomState::new(seed);
    let mut arrays = BTreeMap::new();
    for spec in specs {
        if let Some(values) = fixed(config, &spec.name) {
            arrays.insert(spec.name, Array::from_f32(&spec.shape, &values));
            continue;
        }
        let (factor, offset) = scale(config, &spec.name, &spec.shape);
        let count = spec.shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| random.next_gaussian() as f32 * factor + offset).collect();
        arrays.insert(spec.name, Array::from_f32(&spec.shape, &values));
    }
    let provenance = BTreeMap::from([("source".into(), "synthetic".into()), ("seed".into(), seed.to_string())]);
    Model::new(config.clone(), arrays, provenance)
        .unwrap_or_else(|error| panic!("synthetic weights do not fit their own manifest: {error}"))
}

/// What of a StyleGAN3 is no weight, and is not drawn.
fn fixed(config: &Config, name: &str) -> Option<Vec<f32>> {
    let Config::StyleGan3(config) = config else { return None };
    match name {
        "synthesis.input.affine.bias" => Some(vec![1.0, 0.0, 0.0, 0.0]),
        "synthesis.input.transform" => Some(Transform::IDENTITY.0.as_flattened().to_vec()),
        _ if name.ends_with(".magnitude_ema") => Some(vec![1.0]),
        _ => config.designed_filter(name),
    }
}

/// What a tensor's normal values are multiplied by, and what is added then.
fn scale(config: &Config, name: &str, shape: &[usize]) -> (f32, f32) {
    if name.ends_with(".affine.bias") {
        // A style of StyleGAN is added to 1 by the network itself.
        return (0.1, if matches!(config, Config::StyleGan1(_)) { 0.0 } else { 1.0 });
    }
    match config {
        Config::StyleGan1(config) => {
            let lr = config.lr_multiplier;
            let factor = match name {
                _ if name.starts_with("mapping.fc") && name.ends_with(".weight") => 1.0 / lr,
                _ if name.starts_with("mapping.fc") && name.ends_with(".bias") => 0.1 / lr,
                "mapping.w_avg" => 0.1,
                _ if name.ends_with(".noise_strength") || name.ends_with(".bias") => 0.1,
                _ => 1.0,
            };
            (factor, 0.0)
        }
        Config::StyleGan2(config) => {
            let lr = config.lr_multiplier;
            let factor = match name {
                _ if name.starts_with("mapping.fc") && name.ends_with(".weight") => 1.0 / lr,
                _ if name.starts_with("mapping.fc") && name.ends_with(".bias") => 0.1 / lr,
                "mapping.w_avg" => 0.1,
                _ if name.ends_with(".noise_strength") || name.ends_with(".bias") => 0.1,
                _ if name.ends_with(".torgb.weight") => 0.25,
                _ => 1.0,
            };
            (factor, 0.0)
        }
        Config::StyleGan3(config) => {
            let lr = config.lr_multiplier;
            let factor = match name {
                _ if name.starts_with("mapping.fc") && name.ends_with(".weight") => 1.0 / lr,
                _ if name.starts_with("mapping.fc") && name.ends_with(".bias") => 0.1 / lr,
                "mapping.w_avg" | "synthesis.input.affine.weight" => 0.1,
                "synthesis.input.phases" => 0.25,
                _ if name.ends_with(".bias") => 0.1,
                _ => 1.0,
            };
            (factor, 0.0)
        }
        // Its weights carry their scales and nothing demodulates: 1/sqrt(fan-in), which is the product of all dimensions but the first.
        Config::MobileStyleGan(_) => {
            let factor = match name {
                "mapping.w_avg" => 0.1,
                _ if name.ends_with(".noise_strength") || name.ends_with(".bias") => 0.1,
                _ if name.ends_with(".weight") || name.ends_with(".depthwise") => {
                    1.0 / (shape[1..].iter().product::<usize>() as f32).sqrt()
                }
                _ => 1.0,
            };
            (factor, 0.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::networks::{mobilestylegan, stylegan2, stylegan3};

    /// sha256 of f32 little-endian values, from `fixtures/synthetic-config-f-1024/case.json`.
    const CONFIG_F: [(&str, &str); 6] = [
        ("synthesis.b4.const", "08c452a79483212ffd5f9e18c6546eb5965b9c230fca3517d7e7ab1c5268e517"),
        ("mapping.fc0.weight", "da5192294d4232af319387e0fd929db190f0e294a33ad2c995b158609c1c48c9"),
        ("synthesis.b64.conv0.weight", "25d52621b2f381c8643b263e5ce5527b86d2a3c02972f1acc8506265fabf3361"),
        ("synthesis.b1024.torgb.weight", "76103ad0c74db705694c5a27a591351803df711bb9b748b7b99c0043db811e77"),
        ("synthesis.b1024.conv1.noise_strength", "ce2862d81eaa16d72576a9624affbe5d594ebf6768f93126638639cbdf6ac4da"),
        ("mapping.w_avg", "39e970b7c2d7457e14375c78fa6e306a8162c9140d296ce9c1a3ab1efc0997b7"),
    ];

    #[test]
    fn config_f_equals_the_fixture_bit_for_bit() {
        let model = random_weights(&Config::StyleGan2(stylegan2::Config::config_f()), 0);
        for (name, expected) in CONFIG_F {
            let digest = Sha256::digest(model.array(name).bytes());
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, expected, "{name}");
        }
        assert_eq!(model.parameters() / 10_000, 3037, "30.37 million parameters");
    }

    /// sha256 of f32 little-endian values: they stay as they are.
    #[test]
    fn stylegan3_stays_as_it_is() {
        let sums = [
            (
                stylegan3::Config::t(1024),
                "synthesis.L0_36_512.weight",
                "df4eb10103d450f6acb2e38ce25895a9fc3d748eeadca2bbbaa05866502e2ac4",
                2231,
            ),
            (stylegan3::Config::r(1024), "synthesis.input.freqs", "2bb026feac750301ea56726060bba36cb040a29aa0fb8f7384dba2bacd9b2542", 1509),
        ];
        for (config, name, expected, parameters) in sums {
            let model = random_weights(&Config::StyleGan3(config), 0);
            let digest = Sha256::digest(model.array(name).bytes());
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, expected, "{name}");
            assert_eq!(model.parameters() / 10_000, parameters, "{} parameters", model.parameters());
        }
    }

    #[test]
    fn mobilestylegan_has_synthetic_weights_too() {
        let config = mobilestylegan::Config { z_dim: 8, w_dim: 8, img_resolution: 32, num_layers: 2, channels: vec![16, 16, 8] };
        let model = random_weights(&Config::MobileStyleGan(config), 1);
        assert_eq!(model.array("synthesis.b8.conv1.depthwise").shape(), [4, 1, 3, 3]);
    }
}
