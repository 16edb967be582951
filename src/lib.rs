//! StyleGAN synthesis from hand-written WGSL compute shaders, scheduled on wgpu.

pub mod atomic_file;
pub mod error;
pub mod executor;
pub mod generator;
pub mod gpu;
pub mod kernel;
pub mod kernels;
pub mod latent;
pub mod memory;
pub mod model;
pub mod networks;
pub mod plan;
pub mod random_weights;
pub mod reference;
pub mod tensor;
pub mod tier;

pub use error::{Error, Result};
pub use generator::{Generator, Noise, Options, PrecisionChoice};
pub use gpu::Gpu;
pub use wgpu;

/// The examples of README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
