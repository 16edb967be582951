//! MobileStyleGAN (Belousov 2021, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis").

mod config;
mod synthesis;

pub use config::Config;
pub(crate) use synthesis::{styles, synthesis};
