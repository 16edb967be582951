//! The networks of a server on its device: as many as may be there at a time, those that were asked for last.

use std::sync::{Arc, Mutex, PoisonError};

use image::RgbaImage;
use stylegan_studio::drawing::place::Place;
use stylegan_studio::vectors::Centers;
use stylegan_wgpu::latent::Ws;
use stylegan_wgpu::{Error, Gpu, Model, Noise, PrecisionChoice, Result, blocking};

use super::painter::{Paint, Painter};
use super::recipe::Recipe;

/// How a device is opened, the first time and after it was lost.
#[derive(Clone)]
pub(crate) struct Opening {
    /// In memory all the time: their weights come from there when a network is put on the device again. With what pictures are truncated
    /// towards, instead of the average w.
    pub(crate) models: Vec<(Model, Option<Centers>)>,
    /// So many of them are on the device.
    pub(crate) most: usize,
    pub(crate) device: Option<String>,
    pub(crate) precision: PrecisionChoice,
    /// None: as many as suit the device.
    pub(crate) batch: Option<usize>,
    /// For tests: destroys the device before the picture of this number, once.
    pub(crate) lose_device_at: Option<usize>,
    pub(crate) residents: Residents,
}

/// The networks that are on the device, by their numbers.
#[derive(Clone, Default)]
pub(crate) struct Residents(Arc<Mutex<Vec<usize>>>);

impl Residents {
    pub(crate) fn has(&self, network: usize) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&network)
    }

    fn set(&self, networks: Vec<usize>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = networks;
    }
}

/// Pictures rendered at once on a GPU when nobody says otherwise. A software adapter gains nothing by it, and answers the first later.
const GPU_BATCH: usize = 8;

impl Opening {
    /// Opens the device and puts the first network on it.
    pub(crate) fn open(&mut self) -> Result<Gallery> {
        let gpu = blocking::open(self.device.as_deref())?;
        let software = gpu.info().device_type == stylegan_wgpu::wgpu::DeviceType::Cpu;
        let batch = self.batch.unwrap_or(if software { 1 } else { GPU_BATCH });
        let lose_device_at = self.lose_device_at.take();
        let mut gallery = Gallery { gpu, batch, resident: Vec::new(), painted: 0, lose_device_at, opening: self.clone() };
        gallery.painter(0)?;
        Ok(gallery)
    }
}

/// A device with some networks on it.
pub(crate) struct Gallery {
    gpu: Gpu,
    batch: usize,
    opening: Opening,
    /// Number and network, the one that was asked for last at the end.
    resident: Vec<(usize, Painter)>,
    painted: usize,
    lose_device_at: Option<usize>,
}

impl Gallery {
    /// The device.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Pictures rendered at once, at most.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// A network, put on the device if it is not there: in the place of the one that was not asked for the longest, if there are too many.
    pub(crate) fn painter(&mut self, network: usize) -> Result<&mut Painter> {
        match self.resident.iter().position(|(number, _)| *number == network) {
            Some(at) => self.resident[at..].rotate_left(1),
            None => {
                let missing = || Error::Argument(format!("there is no network {network}"));
                let (model, centers) = self.opening.models.get(network).ok_or_else(missing)?;
                // Before the new one: the device need not hold one more than it may.
                let surplus = (self.resident.len() + 1).saturating_sub(self.opening.most.max(1));
                drop(self.resident.drain(..surplus));
                self.opening.residents.set(self.numbers());
                let painter = Painter::new(&self.gpu, model, centers.as_ref(), self.opening.precision, self.batch)?;
                self.resident.push((network, painter));
                self.opening.residents.set(self.numbers());
            }
        }
        self.resident.last_mut().map(|(_, painter)| painter).ok_or_else(|| Error::Argument("there is no network".into()))
    }

    fn numbers(&self) -> Vec<usize> {
        self.resident.iter().map(|(number, _)| *number).collect()
    }
}

impl Paint for Gallery {
    fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>> {
        let network = recipes.first().map_or(0, |recipe| recipe.network);
        self.painter(network)?.ws(recipes)
    }

    fn paint(&mut self, network: usize, ws: &Ws, noise: Noise, places: &[Option<Place>]) -> Result<Vec<RgbaImage>> {
        self.painted += ws.n;
        if self.lose_device_at.is_some_and(|at| self.painted >= at) {
            self.gpu.device().destroy();
        }
        self.painter(network)?.paint(ws, noise, places)
    }
}
