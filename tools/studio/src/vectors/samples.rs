//! w of many latents, drawn on a device: what averages, principal directions and centres are made of.

use stylegan_wgpu::internals::executor::{self, Executor};
use stylegan_wgpu::internals::networks::many_latents::ManyLatents;
use stylegan_wgpu::latent::RandomState;
use stylegan_wgpu::{Gpu, Model, Result};

/// Latents at once: where w has 512 values, 4 MB of them.
const BLOCK: usize = 2048;

/// Which latents.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Of `RandomState(seed).randn(count, z_dim)`.
    pub seed: u32,
    /// How many.
    pub count: usize,
    /// The class of all; the classes of a conditional network take turns when absent.
    pub class: Option<usize>,
}

/// Gives w of the latents in their order, some rows `[_, w_dim]` at a time.
pub fn for_each_w(gpu: &Gpu, model: &Model, draw: Draw, each: &mut dyn FnMut(&[f32])) -> Result<()> {
    let (z_dim, c_dim) = (model.config.z_dim(), model.config.c_dim());
    let block = BLOCK.min(draw.count);
    let many = ManyLatents::new(model, block);
    let executor = Executor::new(gpu, many.plan.clone(), "samples", &executor::Options::default())?;
    let mut random = RandomState::new(draw.seed);
    for first in (0..draw.count).step_by(block) {
        let z: Vec<f32> = random.randn(block * z_dim).into_iter().map(|z| z as f32).collect();
        let mut labels = vec![0.0; block * c_dim];
        for (i, label) in labels.chunks_exact_mut(c_dim.max(1)).enumerate() {
            label[draw.class.unwrap_or((first + i) % c_dim)] = 1.0;
        }
        executor.write(many.x, &many.inputs(&z, &labels))?;
        executor.run()?;
        each(&many.rows(&executor.read(many.w)?, block.min(draw.count - first)));
    }
    Ok(())
}

/// All of them, `[count, w_dim]`; `progress` hears how many are there.
pub fn samples(gpu: &Gpu, model: &Model, draw: Draw, progress: &mut dyn FnMut(usize)) -> Result<Vec<f32>> {
    let w_dim = model.config.w_dim();
    let mut all = Vec::with_capacity(draw.count * w_dim);
    for_each_w(gpu, model, draw, &mut |rows| {
        all.extend_from_slice(rows);
        progress(all.len() / w_dim);
    })?;
    Ok(all)
}
