//! StyleGAN synthesis from hand-written WGSL compute shaders, scheduled on wgpu: any GPU, or a software adapter, without Python,
//! CUDA or a machine-learning framework.
//!
//! ```no_run
//! use stylegan_wgpu::{Generator, Gpu, Look, Model, Options};
//!
//! # async fn hello() -> stylegan_wgpu::Result<()> {
//! let gpu = Gpu::open(None).await?; // or Gpu::from_host, with the device an application already has
//! let model = Model::load("ffhq.safetensors".as_ref())?;
//! let mut generator = Generator::new(&gpu, &model, &Options::new()).await?;
//! let picture = generator.picture(85, &Look::new().psi(0.7)).await?;
//! # let _ = picture;
//! # Ok(())
//! # }
//! ```
//!
//! [`blocking`] has the same for programs that wait. [`guide`] is for applications: their own device, frames, threads, memory.
//! Converters for checkpoints are in the crate `stylegan-convert`.

#[macro_use]
mod wgsl;

mod atomic_file;
#[cfg(not(target_arch = "wasm32"))]
pub mod blocking;
mod choice;
mod error;
mod executor;
mod generator;
mod gpu;
pub mod guide;
mod kernel;
mod kernels;
pub mod latent;
mod memory;
mod model;
mod networks;
mod plan;
mod random_weights;
mod reference;
mod regular_file;
mod task;
mod tensor;
mod text;
mod tier;
mod trial;
mod tune;

pub use error::{Error, Result};
pub use executor::{Alternative, PassInfo, Why};
pub use generator::{
    Budget, Building, Generator, Input, Job, LayerInfo, Look, Noise, Options, Pending, PrecisionChoice, Profiling, StyleOffset, Target,
};
pub use gpu::{AdapterReport, Gpu};
pub use latent::Ws;
pub use model::{Array, Model, Precision};
pub use networks::Config;
pub use networks::stylegan3::Transform;
pub use tune::{Progress, Tuning};
pub use wgpu;

/// What this project's own tools and tests are made of. No part of the interface: it changes without notice.
#[doc(hidden)]
pub mod internals {
    macro_rules! modules {
        ($($name:ident)*) => { $(pub mod $name { pub use crate::$name::*; })* };
    }
    modules!(atomic_file executor kernel kernels memory model networks plan random_weights reference regular_file tensor text tier trial tune);

    pub use crate::generator::to_texture;
}

/// The examples of README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
