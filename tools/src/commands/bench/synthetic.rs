//! The networks that need no file: synthetic weights of seed 0, and sketches of what they draw (`verify.rs`).
//!
//! One more is one more entry here, a flag for it in `BenchArgs`, and `sketches/<name>.bin`, which the ignored test
//! `sketches_are_written` makes.

use stylegan_wgpu::networks::{Config, mobilestylegan, stylegan2};

/// A network by its sizes.
#[derive(Debug)]
pub(super) struct Synthetic {
    /// As its flag names it.
    pub(super) name: &'static str,
    pub(super) config: fn() -> Config,
    /// Of the pictures of the first seeds, from the portable kernels in f32.
    pub(super) sketches: &'static [u8],
}

/// StyleGAN2 (Karras et al. 2020), its largest configuration.
pub(super) static CONFIG_F: Synthetic = Synthetic {
    name: "config-f",
    config: || Config::StyleGan2(stylegan2::Config::config_f()),
    sketches: include_bytes!("sketches/config-f.bin"),
};

/// Shaped as the network that Belousov published for FFHQ.
pub(super) static MOBILESTYLEGAN: Synthetic = Synthetic {
    name: "mobilestylegan",
    config: || {
        let channels = vec![512, 512, 512, 512, 512, 256, 128, 64];
        Config::MobileStyleGan(mobilestylegan::Config { z_dim: 512, w_dim: 512, img_resolution: 1024, num_layers: 8, channels })
    },
    sketches: include_bytes!("sketches/mobilestylegan.bin"),
};

/// What a preset measures, in this order.
pub(super) static PRESET: [&Synthetic; 2] = [&CONFIG_F, &MOBILESTYLEGAN];
