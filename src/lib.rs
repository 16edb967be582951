//! StyleGAN synthesis from hand-written WGSL compute shaders, scheduled on wgpu.

pub mod error;
pub mod model;
pub mod networks;

pub use error::{Error, Result};
