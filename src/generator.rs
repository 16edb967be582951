//! STUB, replaced at merge: the signatures of the engine's generator, with pictures of its latents, so that the command line runs.

use image::{Rgba, RgbaImage};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::latent::Ws;
use crate::model::Model;
use crate::networks::Config;

/// Storage type of activations and weights on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// f16 where the device has it.
    Auto,
    /// f32.
    F32,
    /// f16.
    F16,
}

/// How a generator is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// Storage type.
    pub precision: PrecisionChoice,
    /// Most images a call of synthesis renders at once.
    pub batch: usize,
}

/// What the layers add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// The stored maps.
    Const,
    /// Nothing.
    None,
    /// Fresh maps.
    Random {
        /// Seed of the first image of the call; image n has seed + n.
        seed: u32,
    },
}

/// A network on a device.
pub struct Generator {
    config: Config,
    w_avg: Vec<f32>,
}

impl Generator {
    /// Uploads a model.
    pub fn new(_gpu: &Gpu, model: &Model, _options: &Options) -> Result<Generator> {
        Ok(Generator { config: model.config.clone(), w_avg: model.array("mapping.w_avg").to_f32() })
    }
    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// The average w.
    pub fn w_avg(&self) -> &[f32] {
        &self.w_avg
    }
    /// z `[n, z_dim]` to ws, untruncated.
    pub fn mapping(&mut self, z: &[f32], classes: Option<&[usize]>) -> Result<Ws> {
        if classes.is_some() != (self.config.c_dim() > 0) {
            return Err(Error::Argument("classes".into()));
        }
        let w_dim = self.config.w_dim();
        let w: Vec<f32> = z.chunks(self.config.z_dim()).flat_map(|z| (0..w_dim).map(|i| z[i % z.len()])).collect();
        Ok(Ws::broadcast(&w, w_dim, self.config.num_ws()))
    }
    /// NVIDIA's 8-bit pictures.
    pub fn synthesis_rgba8(&mut self, ws: &Ws, noise: Noise) -> Result<Vec<RgbaImage>> {
        let (side, channels) = (self.config.img_resolution() as u32, self.config.img_channels());
        let planes = self.synthesis_f32(ws, noise)?;
        Ok(planes
            .iter()
            .map(|image| {
                RgbaImage::from_fn(side, side, |x, y| {
                    let v = |c: usize| (image[(c * side as usize + y as usize) * side as usize + x as usize] * 127.5 + 128.0) as u8;
                    Rgba(match channels {
                        1 => [v(0), v(0), v(0), 255],
                        2 => [v(0), v(0), v(0), v(1)],
                        3 => [v(0), v(1), v(2), 255],
                        _ => [v(0), v(1), v(2), v(3)],
                    })
                })
            })
            .collect())
    }
    /// `[C, R, R]` each.
    pub fn synthesis_f32(&mut self, ws: &Ws, _noise: Noise) -> Result<Vec<Vec<f32>>> {
        let size = self.config.img_channels() * self.config.img_resolution().pow(2);
        Ok((0..ws.n).map(|n| (0..size).map(|i| ws.image(n)[i % ws.image(n).len()]).collect()).collect())
    }
}
