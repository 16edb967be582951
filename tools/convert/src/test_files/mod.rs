//! Checkpoints for tests, of this crate's dependents too (feature `test-files`): pickles and PyTorch files, and the layouts in which
//! code bases write a network.

pub mod layouts;
pub mod writer;
