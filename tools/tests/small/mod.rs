//! Networks of few channels, made where they are needed: drawn in no time.

use std::path::Path;

use stylegan_wgpu::internals::networks::stylegan3;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Precision};

/// Writes a StyleGAN3 of eight channels as f16; its name.
pub(crate) fn stylegan3(path: &Path, mut config: stylegan3::Config) -> String {
    (config.z_dim, config.w_dim, config.input.channels) = (8, 8, 8);
    for layer in &mut config.layers {
        (layer.in_channels, layer.out_channels) = (8, 8);
    }
    random_weights(&Config::StyleGan3(config), 2).save(path, Precision::F16).unwrap();
    path.to_str().expect("a name").to_owned()
}
