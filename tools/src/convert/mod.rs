//! Reads the checkpoints people have, without Python and without executing anything in them.

mod average_w;
pub mod error;
pub mod openvino;

pub use error::{ConvertError, Result};

/// STUB, replaced at merge.
pub fn open(path: &std::path::Path, progress: &mut dyn FnMut(f32)) -> Result<stylegan_wgpu::model::Model> {
    if path.is_dir() || path.extension().is_some_and(|extension| extension == "whl") {
        return openvino::open(path, progress);
    }
    std::fs::read(path).map_err(|source| ConvertError::Io { path: path.into(), source })?;
    Err(ConvertError::Unrecognised("not a checkpoint".into()))
}
