//! The original StyleGAN (Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks").

mod config;
mod synthesis;

pub use config::Config;
pub(crate) use synthesis::{styles, synthesis};
