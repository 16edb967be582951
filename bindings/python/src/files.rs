//! Checkpoints and pictures as files.

use std::path::PathBuf;

use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stylegan_studio::pictures::picture::{Format, Picture};
use stylegan_wgpu::Precision;

use crate::errors::{ArgumentError, raise, raise_of};

/// A checkpoint of any known format becomes one .safetensors file.
#[pyfunction]
pub(crate) fn convert(py: Python<'_>, source: PathBuf, target: PathBuf, precision: &str) -> PyResult<()> {
    let precision = match precision {
        "f32" => Precision::F32,
        "f16" => Precision::F16,
        other => return Err(ArgumentError::new_err(format!("precision {other:?}: a file is \"f32\" or \"f16\""))),
    };
    if let (Ok(a), Ok(b)) = (source.canonicalize(), target.canonicalize())
        && a == b
    {
        return Err(ArgumentError::new_err(format!("{} is both the source and the target", target.display())));
    }
    py.detach(|| {
        let model = stylegan_convert::open(&source, &mut |_| ()).map_err(|error| raise_of(&source.display().to_string(), error))?;
        model.save(&target, precision).map_err(raise)
    })
}

/// The bytes of a picture's file: those of the `stylegan` command without metadata.
#[pyfunction]
pub(crate) fn encode<'py>(py: Python<'py>, picture: PyReadonlyArray3<'py, u8>, format: &str) -> PyResult<Bound<'py, PyBytes>> {
    let &[height, width, channels] = picture.shape() else { unreachable!("it has three sides") };
    if !(1..=4).contains(&channels) || height == 0 || width == 0 {
        return Err(ArgumentError::new_err(format!("[{height}, {width}, {channels}] is no picture: 1 to 4 channels come last")));
    }
    let format = Format::of_picture(format!("picture.{format}").as_ref()).map_err(raise)?;
    format.check(channels).map_err(raise)?;
    let picture = Picture { width, height, channels, pixels: picture.as_array().iter().copied().collect() };
    let bytes = py.detach(|| picture.encode(format, None)).map_err(|error| ArgumentError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &bytes))
}
