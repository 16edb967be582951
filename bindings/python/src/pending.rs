//! Pictures that a device may still be drawing.

use std::sync::{Mutex, PoisonError};

use image::RgbaImage;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use stylegan_studio::pictures::picture::Picture;

use crate::errors::{ArgumentError, raise};

/// A batch on its way.
#[pyclass(frozen, module = "stylegan_wgpu._native")]
pub(crate) struct Pending {
    /// Until they are taken.
    pictures: Mutex<Option<Pictures>>,
    /// Height and width.
    size: (usize, usize),
    channels: usize,
}

/// In 8 bits, or as the network yields them.
pub(crate) enum Pictures {
    Rgba(stylegan_wgpu::Pending<RgbaImage>),
    Floats(stylegan_wgpu::Pending<Vec<f32>>),
}

impl Pending {
    pub(crate) fn new(pictures: Pictures, size: (usize, usize), channels: usize) -> Pending {
        Pending { pictures: Mutex::new(Some(pictures)), size, channels }
    }
}

#[pymethods]
impl Pending {
    /// Waits for the device. u8 `[n, H, W, C]`, or f32 `[n, C, H, W]` around -1..1.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ((height, width), channels) = (self.size, self.channels);
        match pictures.ok_or_else(|| ArgumentError::new_err("these pictures have been taken already"))? {
            Pictures::Rgba(pending) => {
                let kept = |images: Vec<RgbaImage>| {
                    let pixels = images.iter().flat_map(|image| Picture::from_rgba(image, channels).pixels).collect();
                    (images.len(), pixels)
                };
                let (n, pixels): (_, Vec<u8>) = py.detach(|| pending.wait().map(kept)).map_err(raise)?;
                Ok(PyArray1::from_vec(py, pixels).reshape([n, height, width, channels])?.into_any())
            }
            Pictures::Floats(pending) => {
                let images = py.detach(|| pending.wait()).map_err(raise)?;
                Ok(PyArray1::from_vec(py, images.concat()).reshape([images.len(), channels, height, width])?.into_any())
            }
        }
    }
}
