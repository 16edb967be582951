//! A network as a file has it: of any known format, or with the feature `convert` off a .safetensors of ours.

use stylegan_wgpu::Model;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Listener, Result};

/// A network in memory: converted, not yet on a device.
#[wasm_bindgen]
pub struct Network {
    pub(crate) model: Model,
    /// The average w is not there yet: the device computes it.
    pub(crate) unaveraged: bool,
}

#[wasm_bindgen]
impl Network {
    /// Reads a checkpoint; `name` is only recorded.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, name: &str, listener: &Listener) -> Result<Network> {
        let mut progress = |done: f32| listener.tell(&JsValue::NULL, "convert", done);
        let (model, unaveraged) = read(bytes, name, &mut progress)?;
        Ok(Network { model, unaveraged })
    }
}

#[cfg(feature = "convert")]
fn read(bytes: Vec<u8>, name: &str, progress: &mut dyn FnMut(f32)) -> Result<(Model, bool)> {
    Ok(stylegan_convert::from_bytes_unaveraged(&bytes, name, progress)?)
}

#[cfg(not(feature = "convert"))]
fn read(bytes: Vec<u8>, _: &str, _: &mut dyn FnMut(f32)) -> Result<(Model, bool)> {
    Ok((Model::from_bytes(bytes)?, false))
}

#[cfg(feature = "convert")]
pub(crate) mod average {
    use stylegan_convert::{AVERAGE_SAMPLES, AVERAGE_SEED};
    use stylegan_wgpu::latent::RandomState;
    use stylegan_wgpu::{Generator, Result};

    /// Latents of one run of the mapping network.
    const RUN: usize = 500;

    /// The mean of w over the latents that the converter takes, the mapping network on the device: sums in f64 and in order.
    pub(crate) async fn of(generator: &mut Generator, mut progress: impl FnMut(f32)) -> Result<Vec<f32>> {
        let (z_dim, w_dim, num_ws) = (generator.config().z_dim(), generator.config().w_dim(), generator.config().num_ws());
        let mut random = RandomState::new(AVERAGE_SEED);
        let mut sum = vec![0.0; w_dim];
        for done in (0..AVERAGE_SAMPLES).step_by(RUN) {
            progress(done as f32 / AVERAGE_SAMPLES as f32);
            let count = RUN.min(AVERAGE_SAMPLES - done);
            let z: Vec<f32> = random.randn(count * z_dim).into_iter().map(|z| z as f32).collect();
            let ws = generator.mapping(&z, None).await?;
            for rows in ws.values.chunks_exact(num_ws * w_dim) {
                sum.iter_mut().zip(&rows[..w_dim]).for_each(|(sum, &value): (&mut f64, _)| *sum += f64::from(value));
            }
        }
        progress(1.0);
        Ok(sum.into_iter().map(|sum| (sum / AVERAGE_SAMPLES as f64) as f32).collect())
    }
}
