//! The painter: a network on a device, asked for rows of w and pictures. The worker knows the device with its networks by a trait, so that it
//! can be tested with devices that fail on demand.

use std::path::Path;

use image::RgbaImage;
use stylegan_studio::drawing::place::Place;
use stylegan_studio::vectors::Centers;
use stylegan_wgpu::blocking::Generator;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::internals::text::is_plain;
use stylegan_wgpu::latent::{Ws, z};
use stylegan_wgpu::{Error, Gpu, Look, Model, Noise, Options, PrecisionChoice, Result, Transform};

use super::recipe::Recipe;
use crate::drawing::centers::Anchor;

/// What the worker needs of a device.
pub(crate) trait Paint {
    /// The rows of w of each recipe, one picture each; all of one network.
    fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>>;
    /// The pictures of some rows of w of a network, each at its place.
    fn paint(&mut self, network: usize, ws: &Ws, noise: Noise, places: &[Option<Place>]) -> Result<Vec<RgbaImage>>;
}

/// A network on a device.
pub(crate) struct Painter {
    generator: Generator,
    anchor: Anchor,
    batch: usize,
    /// How a StyleGAN3 draws where a request says nothing.
    own: Option<Transform>,
}

impl Painter {
    /// Puts the network on the device; `centers` are what pictures are truncated towards, instead of the average w. What is prepared here would otherwise be paid by the first requests.
    pub(crate) fn new(gpu: &Gpu, model: &Model, centers: Option<&Centers>, precision: PrecisionChoice, batch: usize) -> Result<Painter> {
        // Not tuned: variants chosen by timing differ from batch to batch and from replica to replica, in the last bits.
        let mut generator = Generator::new(gpu, model, &Options::new().precision(precision).batch(batch))?;
        let sizes = batch.ilog2() as usize + 1;
        // Every size with the usual noise, and one of the others.
        generator.keep_prepared(sizes + 1);
        for size in (0..sizes).rev().map(|bits| 1 << bits) {
            generator.executor(size)?;
        }
        let anchor = centers.cloned().map_or_else(|| Anchor::Average(generator.w_avg_of(None)), Anchor::Centers);
        Ok(Painter { anchor, generator, batch, own: Transform::of(model) })
    }

    /// The element type it was given.
    pub(crate) fn dtype(&self) -> DType {
        self.generator.dtype()
    }

    /// Adapter and element type.
    pub(crate) fn device(&self) -> String {
        format!("{} ({})", self.generator.gpu().name(), format!("{:?}", self.generator.dtype()).to_lowercase())
    }

    /// The rows of w of each recipe, one picture each.
    pub(crate) fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>> {
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

    /// The pictures of some rows of w, each at its place.
    pub(crate) fn paint(&mut self, ws: &Ws, noise: Noise, places: &[Option<Place>]) -> Result<Vec<RgbaImage>> {
        let mut look = Look::new().noise(noise);
        if let Some(own) = self.own {
            let transform = |place: &Option<Place>| place.map_or(Some(own), Place::matrix);
            let transforms: Option<Vec<Transform>> = places.iter().map(transform).collect();
            let beyond = || Error::Argument("the picture is moved too far: nothing is drawn there".into());
            look = look.transforms(&transforms.ok_or_else(beyond)?);
        }
        self.generator.synthesis_rgba8(ws, &look)
    }
}

/// Joins rows of w of single pictures. They are of one network, so their sizes agree.
pub(crate) fn join(pictures: &[Ws]) -> Result<Ws> {
    let first = pictures.first().ok_or_else(|| Error::Argument("no rows of w".into()))?;
    let values = pictures.iter().flat_map(|ws| ws.values.iter().copied()).collect();
    Ws::new(pictures.iter().map(|ws| ws.n).sum(), first.num_ws, first.w_dim, values)
}

/// What a network is called where it is shown: the file's name, without the folder and the ending.
pub(crate) fn name_of(network: Option<&Path>) -> String {
    match network {
        None => "open-peeps-128".into(),
        Some(path) => path.file_stem().unwrap_or_default().to_string_lossy().chars().filter(|&c| is_plain(c)).take(80).collect(),
    }
}
