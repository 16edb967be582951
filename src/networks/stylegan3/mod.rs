//! StyleGAN3, configurations T and R, and what shares its layers: StyleGAN-Human v3, StyleGAN-XL (Karras et al. 2021, "Alias-Free
//! Generative Adversarial Networks"; tensor names as in NVIDIA's stylegan3).

mod config;
mod design;
mod separable;
mod synthesis;
mod transform;

pub use config::{ClassEmbedding, Config, Input, Layer, ToRgb};
pub(crate) use synthesis::{styles, synthesis};
pub use transform::Transform;
