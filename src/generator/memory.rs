//! What a network takes of a device, before it is there.

use crate::executor::memory_of;
use crate::model::{Model, Precision};
use crate::networks::{self, NoiseSource};
use crate::tensor::DType;

impl Model {
    /// Bytes that the synthesis network takes on a device for `batch` pictures at once: weights, inputs, activations. The mapping
    /// network, some MB, and the pictures read back come to it.
    pub fn memory(&self, batch: usize, precision: Precision) -> u64 {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
        };
        memory_of(&networks::synthesis(self, batch.max(1), dtype, NoiseSource::Const).plan)
    }
}
