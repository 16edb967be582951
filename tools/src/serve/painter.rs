//! The painter: a network on a device, asked for rows of w and pictures. The worker knows it by a trait, so that it can be tested with
//! devices that fail on demand.

use std::path::PathBuf;

use image::RgbaImage;
use stylegan_tools::vectors::Centers;
use stylegan_wgpu::generator::{Generator, Noise, Options, PrecisionChoice};
use stylegan_wgpu::gpu::Gpu;
use stylegan_wgpu::latent::{Ws, z};
use stylegan_wgpu::model::Model;
use stylegan_wgpu::{Error, Result};

use super::recipe::Recipe;
use crate::centers::Anchor;

/// What the worker needs of a device.
pub(crate) trait Paint {
    /// The rows of w of each recipe, one picture each.
    fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>>;
    /// The pictures of some rows of w.
    fn paint(&mut self, ws: &Ws, noise: Noise) -> Result<Vec<RgbaImage>>;
}

/// How a device is opened, the first time and after it was lost.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) model: Model,
    /// What pictures are truncated towards, instead of the average w.
    pub(crate) centers: Option<Centers>,
    pub(crate) device: Option<String>,
    pub(crate) precision: PrecisionChoice,
    /// None: as many as suit the device.
    pub(crate) batch: Option<usize>,
    /// For tests: destroys the device before the picture of this number, once.
    pub(crate) lose_device_at: Option<usize>,
}

/// Pictures rendered at once on a GPU when nobody says otherwise. A software adapter gains nothing by it, and answers the first later.
const GPU_BATCH: usize = 8;

/// A network on a device.
pub(crate) struct Painter {
    generator: Generator,
    anchor: Anchor,
    batch: usize,
    painted: usize,
    lose_device_at: Option<usize>,
}

impl Opening {
    /// Opens the device and puts the network on it. What is prepared here would otherwise be paid by the first requests.
    pub(crate) fn open(&mut self) -> Result<Painter> {
        let gpu = Gpu::open(self.device.as_deref())?;
        let software = gpu.info().device_type == stylegan_wgpu::wgpu::DeviceType::Cpu;
        let batch = self.batch.unwrap_or(if software { 1 } else { GPU_BATCH });
        // Not tuned: variants chosen by timing differ from batch to batch and from replica to replica, in the last bits.
        let mut generator = Generator::new(&gpu, &self.model, &Options { precision: self.precision, batch, tuning: None })?;
        let sizes = batch.ilog2() as usize + 1;
        // Every size with the usual noise, and one of the others.
        generator.keep_prepared(sizes + 1);
        for size in (0..sizes).rev().map(|bits| 1 << bits) {
            generator.executor(size)?;
        }
        let anchor = self.centers.clone().map_or_else(|| Anchor::Average(generator.w_avg_of(None)), Anchor::Centers);
        Ok(Painter { anchor, generator, batch, painted: 0, lose_device_at: self.lose_device_at.take() })
    }
}

impl Painter {
    /// The device.
    pub(crate) fn gpu(&self) -> &Gpu {
        self.generator.gpu()
    }

    /// Pictures rendered at once, at most.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// Adapter and element type.
    pub(crate) fn device(&self) -> String {
        format!("{} ({})", self.generator.gpu().name(), format!("{:?}", self.generator.dtype()).to_lowercase())
    }
}

impl Paint for Painter {
    fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>> {
        let z_dim = self.generator.config().z_dim();
        let wanted: Vec<(u32, Option<usize>)> = recipes.iter().flat_map(|recipe| recipe.seeds().map(|seed| (seed, recipe.class))).collect();
        let mut mapped = Vec::with_capacity(wanted.len());
        let mut left = &wanted[..];
        while !left.is_empty() {
            // Powers of two here as well: each size is prepared once.
            let (now, later) = left.split_at(1 << left.len().min(2 * self.batch).ilog2());
            let latents: Vec<f32> = now.iter().flat_map(|(seed, _)| z(*seed, z_dim)).collect();
            let classes: Option<Vec<usize>> = now.iter().map(|(_, class)| *class).collect();
            let ws = self.generator.mapping(&latents, classes.as_deref())?;
            mapped.extend((0..now.len()).map(|i| ws.slice(i..i + 1)));
            left = later;
        }
        let mut mapped = &mapped[..];
        recipes
            .iter()
            .map(|recipe| {
                let (own, others) = mapped.split_at(recipe.seeds().count());
                mapped = others;
                match &self.anchor {
                    // A StyleGAN-XL has one for each class.
                    Anchor::Average(_) if recipe.class.is_some() => recipe.ws(own, &Anchor::Average(self.generator.w_avg_of(recipe.class))),
                    anchor => recipe.ws(own, anchor),
                }
            })
            .collect()
    }

    fn paint(&mut self, ws: &Ws, noise: Noise) -> Result<Vec<RgbaImage>> {
        self.painted += ws.n;
        if self.lose_device_at.is_some_and(|at| self.painted >= at) {
            self.generator.gpu().device().destroy();
        }
        self.generator.synthesis_rgba8(ws, noise)
    }
}

/// Joins rows of w of single pictures. They are of one network, so their sizes agree.
pub(crate) fn join(pictures: &[Ws]) -> Result<Ws> {
    let first = pictures.first().ok_or_else(|| Error::Argument("no rows of w".into()))?;
    let values = pictures.iter().flat_map(|ws| ws.values.iter().copied()).collect();
    Ws::new(pictures.iter().map(|ws| ws.n).sum(), first.num_ws, first.w_dim, values)
}

/// What a network is called where it is shown: the file's name, without the folder and the ending.
pub(crate) fn name_of(network: Option<&PathBuf>) -> String {
    match network {
        None => "open-peeps-128".into(),
        Some(path) => path.file_stem().unwrap_or_default().to_string_lossy().chars().filter(|c| !c.is_control()).take(80).collect(),
    }
}
