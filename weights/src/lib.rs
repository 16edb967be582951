//! Weights that are ours to give away, as bytes of files that `Model::from_bytes` of `stylegan-wgpu` reads.

/// Cartoon avatars at 128x128, a StyleGAN2 in f16: 3 MB, CC0 1.0. Its card is `open-peeps-128.md`.
pub const OPEN_PEEPS_128: &[u8] = include_bytes!("../open-peeps-128.safetensors");
