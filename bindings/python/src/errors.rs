//! Errors of ours as exceptions. The classes are Python's own (`errors.py`), because each has two bases.

use std::io;

use pyo3::exceptions::PyOSError;
use pyo3::{PyErr, import_exception};
use stylegan_convert::ConvertError;
use stylegan_wgpu::Error;

import_exception!(stylegan_wgpu.errors, ArgumentError);
import_exception!(stylegan_wgpu.errors, CheckpointError);
import_exception!(stylegan_wgpu.errors, DeviceError);

/// Of the engine.
pub(crate) fn raise(error: Error) -> PyErr {
    match error {
        Error::Io { path, source } => of_file(&path, &source),
        Error::InFile { path, error } => match *error {
            Error::Io { source, .. } => of_file(&path, &source),
            error => CheckpointError::new_err(format!("{}: {error}", path.display())),
        },
        Error::Argument(text) => ArgumentError::new_err(text),
        error @ (Error::Format(_) | Error::Config(_) | Error::Tensor { .. }) => CheckpointError::new_err(error.to_string()),
        // No adapter, no memory, no 16-bit floats, a limit, a picture that is not finite.
        error => DeviceError::new_err(error.to_string()),
    }
}

/// Of a checkpoint of that name.
pub(crate) fn raise_of(name: &str, error: ConvertError) -> PyErr {
    match error {
        ConvertError::Io { path, source } => of_file(&path, &source),
        ConvertError::Model(error @ Error::InFile { .. }) => raise(error),
        error => CheckpointError::new_err(format!("{name}: {error}")),
    }
}

/// With its number, so that a file that is not there is a `FileNotFoundError`.
fn of_file(path: &std::path::Path, source: &io::Error) -> PyErr {
    match source.raw_os_error() {
        Some(number) => PyOSError::new_err((number, source.to_string(), path.display().to_string())),
        None => PyOSError::new_err(format!("{}: {source}", path.display())),
    }
}
