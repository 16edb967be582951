//! The networks that need no file: synthetic weights of seed 0, and sketches of what they draw (`verify.rs`).
//!
//! One more is one more entry here, a flag for it in `BenchArgs`, and `sketches/<name>.bin`, which the ignored test
//! `sketches_are_written` makes.

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::networks::{mobilestylegan, stylegan2};

use crate::commands::random_weights::StyleGan3;

/// A network by its sizes.
#[derive(Debug)]
pub(super) struct Synthetic {
    /// As its flag names it.
    pub(super) name: &'static str,
    pub(super) config: fn() -> Config,
    /// Of the pictures of the first seeds, from the portable kernels in f32; without them, they are drawn first.
    pub(super) sketches: Option<&'static [u8]>,
}

/// StyleGAN2 (Karras et al. 2020), its largest configuration.
pub(super) static CONFIG_F: Synthetic = Synthetic {
    name: "config-f",
    config: || Config::StyleGan2(stylegan2::Config::config_f()),
    sketches: Some(include_bytes!("sketches/config-f.bin")),
};

/// Shaped as the network that Belousov published for FFHQ.
pub(super) static MOBILESTYLEGAN: Synthetic = Synthetic {
    name: "mobilestylegan",
    config: || {
        let channels = vec![512, 512, 512, 512, 512, 256, 128, 64];
        Config::MobileStyleGan(mobilestylegan::Config { z_dim: 512, w_dim: 512, img_resolution: 1024, num_layers: 8, channels })
    },
    sketches: Some(include_bytes!("sketches/mobilestylegan.bin")),
};

/// StyleGAN3 (Karras et al. 2021), configurations T and R.
pub(super) static STYLEGAN3_T: Synthetic = Synthetic { name: "stylegan3-t", config: || StyleGan3::T.config(), sketches: None };
pub(super) static STYLEGAN3_R: Synthetic = Synthetic { name: "stylegan3-r", config: || StyleGan3::R.config(), sketches: None };

/// What a preset measures, in this order.
pub(super) static PRESET: [&Synthetic; 2] = [&CONFIG_F, &MOBILESTYLEGAN];
