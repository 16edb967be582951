//! StyleGAN synthesis from hand-written WGSL compute shaders, scheduled on wgpu.

pub mod atomic_file;
pub mod error;
pub mod generator;
pub mod gpu;
pub mod latent;
pub mod model;
pub mod networks;
pub mod random_weights;

pub use error::{Error, Result};
