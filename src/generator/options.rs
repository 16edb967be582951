//! How a generator is built: element type, batch, tuning.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::model::{Model, Precision};
use crate::networks::Config;
use crate::tensor::DType;
use crate::tune::Tuning;

/// Element type of activations and weights on the device; sums are f32 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// f16 where the device has it and it holds the weights, else f32.
    #[default]
    Auto,
    /// f32 everywhere.
    F32,
    /// f16; an error where the device has none.
    F16,
}

/// How a generator is built.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Element type on the device.
    pub precision: PrecisionChoice,
    /// Most images rendered at once; more memory, less overhead.
    pub batch: usize,
    /// Use the fastest variants of the kernels, by timing; absent, the choice is the same on every device of a kind.
    pub tuning: Option<Tuning>,
}

impl Default for Options {
    fn default() -> Options {
        Options { precision: PrecisionChoice::Auto, batch: 1, tuning: None }
    }
}

impl Options {
    /// One picture at a time, f16 where the device has it, no tuning.
    pub fn new() -> Options {
        Options::default()
    }

    /// Element type on the device.
    pub fn precision(self, precision: PrecisionChoice) -> Options {
        Options { precision, ..self }
    }

    /// Most images rendered at once.
    pub fn batch(self, batch: usize) -> Options {
        Options { batch, ..self }
    }

    /// Times the variants of the kernels on the device, once, and uses the fastest.
    pub fn tuning(self, tuning: impl Into<Option<Tuning>>) -> Options {
        Options { tuning: tuning.into(), ..self }
    }
}

/// The element type of a generator.
pub(super) fn dtype(gpu: &Gpu, model: &Model, precision: PrecisionChoice) -> Result<DType> {
    Ok(match (precision, gpu.tier().half) {
        (PrecisionChoice::F16, false) => return Err(Error::HalfUnsupported { device: gpu.name().to_owned() }),
        (PrecisionChoice::F32, _) | (PrecisionChoice::Auto, false) => DType::F32,
        (PrecisionChoice::Auto, true) if !holds(model) => {
            log::warn!("the network has weights that 16-bit floats do not hold; it is drawn in f32");
            DType::F32
        }
        (PrecisionChoice::F16, true) if !holds(model) => {
            model.check_fits(Precision::F16)?;
            DType::F16
        }
        (PrecisionChoice::F16 | PrecisionChoice::Auto, true) => DType::F16,
    })
}

/// Whether f16 holds the weights that are stored in it: the mapping network's are not.
fn holds(model: &Model) -> bool {
    // Those of StyleGAN3 that are stored in it are brought near 1 before, whatever they are.
    if matches!(model.config, Config::StyleGan3(_)) {
        return true;
    }
    let stored = model.arrays.iter().filter(|(name, _)| name.starts_with("synthesis."));
    stored.flat_map(|(_, array)| array.values()).all(|value| value.abs() < 65520.0)
}
