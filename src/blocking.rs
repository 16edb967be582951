//! The engine for programs that wait: the same names, without `await`. Not in a browser, where nothing may wait.
//!
//! ```no_run
//! use stylegan_wgpu::{Look, Model, Options, blocking};
//!
//! # fn main() -> stylegan_wgpu::Result<()> {
//! let gpu = blocking::open(None)?;
//! let model = Model::load("ffhq.safetensors".as_ref())?;
//! let mut generator = blocking::Generator::new(&gpu, &model, &Options::new().batch(4))?;
//! let picture = generator.picture(85, &Look::new().psi(0.7))?;
//! # let _ = picture;
//! # Ok(())
//! # }
//! ```

use std::ops::{Deref, DerefMut};

use image::RgbaImage;

use crate::error::{Error, Result};
use crate::generator::{Input, Look, Options};
use crate::gpu::{AdapterReport, Gpu};
use crate::latent::Ws;
use crate::model::Model;

/// [`Gpu::open`].
pub fn open(device: Option<&str>) -> Result<Gpu> {
    pollster::block_on(Gpu::open(device))
}

/// [`Gpu::adapters`].
pub fn adapters() -> Vec<AdapterReport> {
    pollster::block_on(Gpu::adapters())
}

/// A [`Generator`](crate::Generator) that waits for what it reads back. Everything else is the other's, which it derefs to.
pub struct Generator(crate::Generator);

impl From<crate::Generator> for Generator {
    fn from(generator: crate::Generator) -> Generator {
        Generator(generator)
    }
}

impl Deref for Generator {
    type Target = crate::Generator;

    fn deref(&self) -> &crate::Generator {
        &self.0
    }
}

impl DerefMut for Generator {
    fn deref_mut(&mut self) -> &mut crate::Generator {
        &mut self.0
    }
}

impl Generator {
    /// [`Generator::new`](crate::Generator::new).
    pub fn new(gpu: &Gpu, model: &Model, options: &Options) -> Result<Generator> {
        crate::Generator::build_now(gpu, model, options, None).map(Generator)
    }

    /// [`Generator::picture`](crate::Generator::picture).
    pub fn picture<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<RgbaImage> {
        self.pictures(input, look)?.pop().ok_or_else(|| Error::Device("the device gave no picture".into()))
    }

    /// [`Generator::submit`](crate::Generator::submit), and waits.
    pub fn pictures<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Vec<RgbaImage>> {
        self.0.submit(input, look)?.wait()
    }

    /// [`Generator::mapping`](crate::Generator::mapping).
    pub fn mapping(&mut self, z: &[f32], classes: Option<&[usize]>) -> Result<Ws> {
        let (readback, tensor) = self.0.submit_mapping(z, classes)?;
        self.0.mapped_ws(tensor, &readback.wait()?)
    }

    /// [`Generator::synthesis_rgba8`](crate::Generator::synthesis_rgba8).
    pub fn synthesis_rgba8(&mut self, ws: &Ws, look: &Look) -> Result<Vec<RgbaImage>> {
        pollster::block_on(self.0.synthesis_rgba8(ws, look))
    }

    /// [`Generator::synthesis_f32`](crate::Generator::synthesis_f32).
    pub fn synthesis_f32(&mut self, ws: &Ws, look: &Look) -> Result<Vec<Vec<f32>>> {
        pollster::block_on(self.0.synthesis_f32(ws, look))
    }
}
