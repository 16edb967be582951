//! Reads the checkpoints people have, without Python and without executing anything in them.

mod average_w;
pub mod error;
pub mod openvino;

pub use error::{ConvertError, Result};
