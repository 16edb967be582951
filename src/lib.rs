//! StyleGAN synthesis from hand-written WGSL compute shaders, scheduled on wgpu: any GPU, or a software adapter, without Python,
//! CUDA or a machine-learning framework.
//!
//! ```no_run
//! use stylegan_wgpu::{Generator, Gpu, Noise, Options, latent, model::Model};
//!
//! # fn main() -> stylegan_wgpu::Result<()> {
//! let gpu = Gpu::open(None)?; // or Gpu::from_host, with the device an application already has
//! let model = Model::load("ffhq.safetensors".as_ref())?;
//! let mut generator = Generator::new(&gpu, &model, &Options::default())?;
//! let mut ws = generator.mapping(&latent::z(85, generator.config().z_dim()), None)?;
//! latent::Truncation { psi: 0.7, cutoff: None }.apply(&mut ws, &generator.w_avg())?;
//! let pictures = generator.synthesis_rgba8(&ws, Noise::Const)?;
//! # let _ = pictures;
//! # Ok(())
//! # }
//! ```
//!
//! The forward passes are in [`networks`], as data ([`plan::Plan`]); [`kernels`] has one file per shader, each with a CPU twin that
//! [`mod@reference`] runs; [`executor`] puts a plan on a device. Readers of checkpoints are in the crate `stylegan-convert`.

pub mod atomic_file;
mod choice;
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
pub mod regular_file;
pub mod tensor;
pub mod text;
pub mod tier;
pub mod trial;
pub mod tune;

pub use error::{Error, Result};
pub use generator::{Generator, Noise, Options, PrecisionChoice, Recording};
pub use gpu::Gpu;
pub use tune::Tuning;
pub use wgpu;

/// The examples of README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
