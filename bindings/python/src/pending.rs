//! Pictures that a device may still be drawing.

use std::sync::{Mutex, PoisonError};

use image::RgbaImage;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use stylegan_studio::pictures::picture::Picture;
use stylegan_wgpu::Result;
use stylegan_wgpu::generator::{self, Generator, Noise};
use stylegan_wgpu::latent::Ws;

use crate::errors::ArgumentError;
use crate::network::Network;

/// A batch on its way.
#[pyclass(frozen, module = "stylegan_wgpu._native")]
pub(crate) struct Pending {
    network: Py<Network>,
    /// Until they are taken.
    pictures: Mutex<Option<Pictures>>,
}

/// In 8 bits, or as the network yields them.
pub(crate) enum Pictures {
    Rgba(generator::Pending<RgbaImage>),
    Floats(generator::Pending<Vec<f32>>),
}

impl Pictures {
    pub(crate) fn submit(generator: &mut Generator, ws: &Ws, noise: Noise, floats: bool) -> Result<Pictures> {
        Ok(match floats {
            true => Pictures::Floats(generator.submit_f32(ws, noise)?),
            false => Pictures::Rgba(generator.submit_rgba8(ws, noise)?),
        })
    }
}

/// What they are when they are there.
enum Drawn {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Pending {
    pub(crate) fn new(network: Py<Network>, pictures: Pictures) -> Pending {
        Pending { network, pictures: Mutex::new(Some(pictures)) }
    }
}

#[pymethods]
impl Pending {
    /// Waits for the device. u8 `[n, H, W, C]`, or f32 `[n, C, H, W]` around -1..1.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pictures = pictures.ok_or_else(|| ArgumentError::new_err("these pictures have been taken already"))?;
        let network = self.network.get();
        let ((height, width), channels) = network.size();
        let (n, drawn) = network.draw(py, |drawing| {
            let generator = &mut drawing.generator;
            Ok(match pictures {
                Pictures::Rgba(pending) => {
                    let images = pending.wait(generator)?;
                    let bytes = images.iter().flat_map(|image| Picture::from_rgba(image, channels).pixels).collect();
                    (images.len(), Drawn::Bytes(bytes))
                }
                Pictures::Floats(pending) => {
                    let images = pending.wait(generator)?;
                    (images.len(), Drawn::Floats(images.concat()))
                }
            })
        })?;
        Ok(match drawn {
            Drawn::Bytes(bytes) => PyArray1::from_vec(py, bytes).reshape([n, height, width, channels])?.into_any(),
            Drawn::Floats(floats) => PyArray1::from_vec(py, floats).reshape([n, channels, height, width])?.into_any(),
        })
    }
}
