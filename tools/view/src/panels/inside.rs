//! Looking inside: what the layers give, what draws them and how long that takes, and a whole bench.

mod activations;
mod bench;
mod plan;

pub(crate) use activations::Activations;
pub(crate) use bench::Bench;
pub(crate) use plan::Passes;
