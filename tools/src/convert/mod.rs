//! Reads the checkpoints people have, without Python and without executing anything in them.

pub mod error;

pub use error::{ConvertError, Result};
