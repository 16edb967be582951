//! StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"; tensor names as in
//! stylegan2-ada-pytorch).

mod config;
mod synthesis;

pub use config::{Activation, Architecture, Config};
pub(crate) use synthesis::{styles, synthesis};
