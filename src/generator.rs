//! Generator: what a host uses. Seeds, latents or rows of w -> pictures, on a [`Gpu`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use image::RgbaImage;

use crate::error::{Error, Result};
use crate::executor::{self, Executor, Readback};
use crate::gpu::{Gpu, lock};
use crate::latent::Ws;
use crate::model::{Array, Model, Precision};
use crate::networks::{Config, NoiseSource};
use crate::tensor::{DType, Tensor};
use crate::tune::Progress;

mod building;
mod encoding;
mod inside;
mod job;
mod look;
mod memory;
mod options;
mod pending;
mod pixels;
mod prepared;
mod scene;
mod style_offsets;
mod target;

pub use building::Building;
pub use inside::{LayerInfo, Profiling};
pub use job::{Budget, Job};
pub use look::{Input, Look, Noise};
pub use options::{Options, PrecisionChoice};
pub use pending::Pending;
pub use style_offsets::StyleOffset;
pub use target::{Target, to_texture};

use encoding::Encoding;
use options::dtype;
use pending::{Again, Form, Wide};
use pixels::{floats, rgba8, tapped};
use prepared::{Mapped, Prepared, Way};
use scene::{Rows, Scene, w_avg_of};

/// Most images of a batch: sizes of plans stay far from overflow.
const MOST_IMAGES: usize = 1 << 16;

/// A network on a device.
///
/// Whatever is asked of it is encoded at once and returns at once: what is read back is a [`Pending`], what stays on the device goes
/// into a [`Target`], what takes longer than a frame is a [`Job`]. [`blocking::Generator`](crate::blocking::Generator) waits.
pub struct Generator {
    gpu: Gpu,
    model: Model,
    options: Options,
    dtype: DType,
    /// Keeps this model's weights on the device apart from another's.
    scope: String,
    /// Ready to run, the one used last at the end.
    mapped: Vec<Arc<Mapped>>,
    prepared: Vec<Arc<Prepared>>,
    /// What jobs have given back.
    returned: Arc<Mutex<Vec<Arc<Prepared>>>>,
    /// At most so many of each; see [`Generator::keep_prepared`].
    keep: usize,
    /// The weights stay on the device while executors for other batches come and go.
    weights: Vec<Arc<wgpu::Buffer>>,
    /// The same network in f32, made for the first picture that f16 does not hold.
    wide: Arc<Mutex<Wide>>,
    /// See [`Generator::previews`].
    previews: Vec<(usize, (usize, usize))>,
}

impl Generator {
    /// Puts a model on a device: uploads its weights and compiles its pipelines, on a thread of its own.
    ///
    /// # Errors
    /// [`Error::Limit`] where a tensor of the network does not fit the device, [`Error::OutOfMemory`], [`Error::HalfUnsupported`].
    pub async fn new(gpu: &Gpu, model: &Model, options: &Options) -> Result<Generator> {
        Generator::build(gpu, model, options).await
    }

    /// Begins to put a model on a device; tells how far it is.
    pub fn build(gpu: &Gpu, model: &Model, options: &Options) -> Building {
        Building::new(gpu, model, options)
    }

    pub(crate) fn build_now(gpu: &Gpu, model: &Model, options: &Options, progress: Option<Progress>) -> Result<Generator> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let dtype = dtype(gpu, model, options.precision)?;
        if !(1..=MOST_IMAGES).contains(&options.batch) {
            return Err(Error::Argument(format!("a batch has 1 to {MOST_IMAGES} images, not {}", options.batch)));
        }
        let refused = (dtype == DType::F32 || options.precision != PrecisionChoice::Auto).then(|| dtype.name());
        let wide = Wide { gpu: gpu.clone(), model: model.clone(), options: options.clone(), refused, generator: None };
        let mut generator = Generator {
            gpu: gpu.clone(),
            model: model.clone(),
            options: options.clone(),
            dtype,
            scope: NEXT.fetch_add(1, Ordering::Relaxed).to_string(),
            mapped: Vec::new(),
            prepared: Vec::new(),
            returned: Arc::default(),
            keep: 1,
            weights: Vec::new(),
            wide: Arc::new(Mutex::new(wide)),
            previews: Vec::new(),
        };
        generator.prepare(&Way { images: options.batch, noise: NoiseSource::Const, preview: None, tap: None }, progress)?;
        generator.previews = inside::previews(generator.prepared.last().expect("just prepared").executor.plan());
        Ok(generator)
    }

    /// The network's configuration.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// The average w: `[w_dim]`, or `[num_ws, w_dim]` when the model has one for each layer, or `[c_dim, w_dim]` of a StyleGAN-XL.
    pub fn w_avg(&self) -> Vec<f32> {
        self.model.array("mapping.w_avg").to_f32()
    }

    /// The average w that pictures of this class are truncated towards: the class's own, of a StyleGAN-XL (without a class, the mean
    /// over all), [`Generator::w_avg`] of all others.
    pub fn w_avg_of(&self, class: Option<usize>) -> Vec<f32> {
        w_avg_of(&self.model, class)
    }

    /// Takes another average w, of a model that came without one.
    #[doc(hidden)]
    pub fn replace_w_avg(&mut self, w_avg: &[f32]) -> Result<()> {
        let have = self.model.array("mapping.w_avg");
        if have.len() != w_avg.len() {
            return Err(Error::Argument(format!("the average w has {} values, not {}", have.len(), w_avg.len())));
        }
        let array = Array::from_f32(have.shape(), w_avg);
        self.model.arrays.insert("mapping.w_avg".into(), array);
        // It is a constant of what runs after the mapping network, and of the same network in f32.
        self.mapped.clear();
        let mut wide = lock(&self.wide);
        (wide.model, wide.generator) = (self.model.clone(), None);
        Ok(())
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Element type of activations and weights.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes of the synthesis network on the device: weights, inputs, activations. [`Model::memory`] knows before.
    pub fn memory(&self) -> u64 {
        let precision = if self.dtype == DType::F16 { Precision::F16 } else { Precision::F32 };
        // A job may have the only way of running.
        self.prepared.last().map_or_else(|| self.model.memory(self.options.batch, precision), |prepared| prepared.executor.memory())
    }

    /// Keeps up to `count` ways of running ready instead of one: a call with another number of images or another kind of noise than
    /// the last then prepares nothing anew. They share the weights; each has activations of its own on the device.
    pub fn keep_prepared(&mut self, count: usize) {
        self.keep = count.max(1);
    }

    /// One picture.
    pub async fn picture<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<RgbaImage> {
        let pictures = self.submit(input, look)?.await?;
        pictures.into_iter().next().ok_or_else(|| Error::Device("the device gave no picture".into()))
    }

    /// 8-bit pictures, rounded as NVIDIA's generate.py does, of as many inputs as a batch has at the most. The device is at work when it
    /// returns: submit the next before waiting for these.
    ///
    /// # Errors
    /// [`Error::Argument`] says what of the input or the look does not fit the network, and what would.
    pub fn submit<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Pending<RgbaImage>> {
        self.submit_look(input.into(), look, None, rgba8)
    }

    /// [`Generator::submit`], but pictures as the network yields them: `[C, H, W]` each, about -1..1, not clamped.
    pub fn submit_f32<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Pending<Vec<f32>>> {
        self.submit_look(input.into(), look, None, floats)
    }

    /// The activation of a layer, as `b64.conv1`, `[C, H, W]` for each picture: what it gives to the next, as this engine's plan has it
    /// (StyleGAN3's with a margin of one pixel). [`Generator::layers`] lists them.
    pub fn tap<'a>(&mut self, layer: &str, input: impl Into<Input<'a>>, look: &Look) -> Result<Pending<Vec<f32>>> {
        self.submit_look(input.into(), look, Some(layer.to_owned()), tapped)
    }

    /// z `[n, z_dim]`, and a class for each of a conditional network -> ws `[n, num_ws, w_dim]`, not truncated.
    pub async fn mapping(&mut self, z: &[f32], classes: Option<&[usize]>) -> Result<Ws> {
        let (readback, tensor) = self.submit_mapping(z, classes)?;
        self.mapped_ws(tensor, &readback.await?)
    }

    /// ws -> 8-bit images, any number of them: in batches, the next submitted before the last is waited for.
    pub async fn synthesis_rgba8(&mut self, ws: &Ws, look: &Look) -> Result<Vec<RgbaImage>> {
        self.in_batches(ws, look, rgba8).await
    }

    /// ws -> images as the network yields them: `[C, H, W]` each, about -1..1, not clamped; any number of them.
    pub async fn synthesis_f32(&mut self, ws: &Ws, look: &Look) -> Result<Vec<Vec<f32>>> {
        self.in_batches(ws, look, floats).await
    }

    async fn in_batches<T: Send + 'static>(&mut self, ws: &Ws, look: &Look, form: Form<T>) -> Result<Vec<T>> {
        // What is wrong with a later batch is said before the first.
        let whole = Scene::new(&self.model, ws.into(), look)?;
        let mut images = Vec::with_capacity(whole.images);
        let mut ahead: Option<Pending<T>> = None;
        for first in (0..ws.n).step_by(self.options.batch) {
            let range = first..ws.n.min(first + self.options.batch);
            let next = self.submit_look(Input::Ws(&ws.slice(range.clone())), &look.of(range), None, form)?;
            if let Some(pending) = ahead.replace(next) {
                images.extend(pending.await?);
            }
        }
        if let Some(pending) = ahead {
            images.extend(pending.await?);
        }
        Ok(images)
    }

    /// Encodes pictures into a host's encoder, all of it on the device: latents, mapping, truncation, synthesis, and their way into a
    /// texture or buffer of the host's. Any number of calls go into one encoder. Nothing is read back, so nothing is drawn again: in 8
    /// bits, a pixel that is not finite has an alpha of 0, of networks whose pictures have no alpha of their own.
    pub fn encode<'a>(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        input: impl Into<Input<'a>>,
        look: &Look,
        target: Target<'_>,
    ) -> Result<()> {
        let (scene, way) = self.scene(input.into(), look, None)?;
        let encoding = self.encoding(&scene, &way)?;
        // What is wrong with the target is said before anything is encoded.
        target.check(&encoding.prepared.handles)?;
        encoding.encode(encoder);
        target.encode(&self.gpu, &encoding.prepared.handles, &encoding.prepared.executor, encoder)
    }

    /// Pictures that are encoded in slices, for a frame each.
    pub fn job<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Job> {
        let (scene, way) = self.scene(input.into(), look, None)?;
        let encoding = self.encoding(&scene, &way)?;
        // Its activations are its own until it is dropped.
        self.prepared.retain(|prepared| !Arc::ptr_eq(prepared, &encoding.prepared));
        let again = Again { scene, way, form: rgba8, wide: self.wide.clone() };
        Ok(Job::new(self, encoding, again))
    }

    /// The executor of a batch, for profiles.
    #[doc(hidden)]
    pub fn executor(&mut self, images: usize) -> Result<&Executor> {
        self.prepare(&Way { images, noise: NoiseSource::Const, preview: None, tap: None }, None)?;
        Ok(&self.prepared.last().expect("just prepared").executor)
    }

    fn scene(&self, input: Input<'_>, look: &Look, tap: Option<String>) -> Result<(Scene, Way)> {
        let scene = Scene::new(&self.model, input, look)?;
        if scene.images > self.options.batch {
            let (images, batch) = (scene.images, self.options.batch);
            return Err(Error::Argument(format!("{images} images at once; this generator was built for a batch of {batch}")));
        }
        let noise = match scene.noise {
            Noise::Const => NoiseSource::Const,
            Noise::None => NoiseSource::None,
            Noise::Random { .. } | Noise::AfterZ { .. } => NoiseSource::Input,
        };
        let way = Way { images: scene.images, noise, preview: look.preview, tap };
        Ok((scene, way))
    }

    fn submit_look<T: Send + 'static>(&mut self, input: Input<'_>, look: &Look, tap: Option<String>, form: Form<T>) -> Result<Pending<T>> {
        let (scene, way) = self.scene(input, look, tap)?;
        self.submit_scene(scene, way, form)
    }

    fn submit_scene<T: Send + 'static>(&mut self, scene: Scene, way: Way, form: Form<T>) -> Result<Pending<T>> {
        let encoding = self.encoding(&scene, &way)?;
        let (tensor, unpack) = form(&encoding.prepared.handles);
        let source = encoding.prepared.executor.buffer_of(tensor);
        let readback = Readback::submit(&self.gpu, |encoder| encoding.encode(encoder), source, tensor.bytes() as u64)?;
        Ok(Pending::new(readback, tensor, unpack, Again { scene, way, form, wide: self.wide.clone() }))
    }

    fn encoding(&mut self, scene: &Scene, way: &Way) -> Result<Encoding> {
        let (mapped, prepared) = self.ready(scene, way)?;
        let latents = mapped.as_ref().map(|mapped| scene.stage_latents(mapped)).transpose()?.unwrap_or_default();
        let [before, after] = scene.stage(&self.model, &prepared)?;
        Ok(Encoding { mapped, latents, prepared, before, after })
    }

    /// What draws a scene, ready to run.
    fn ready(&mut self, scene: &Scene, way: &Way) -> Result<(Option<Arc<Mapped>>, Arc<Prepared>)> {
        self.prepare(way, None)?;
        let prepared = self.prepared.last().expect("just prepared").clone();
        let mapped = match scene.rows {
            Rows::Ws(_) => None,
            Rows::Latents { m, .. } => Some(self.map(m, scene.images)?),
        };
        Ok((mapped, prepared))
    }

    pub(crate) fn submit_mapping(&mut self, z: &[f32], classes: Option<&[usize]>) -> Result<(Readback, Tensor)> {
        let (z_dim, c_dim) = (self.config().z_dim(), self.config().c_dim());
        let n = match classes {
            Some(classes) if c_dim > 0 => classes.len(),
            _ => z.len() / z_dim.max(1),
        };
        if n == 0 || z.len() != n * z_dim {
            return Err(Error::Argument(format!("z has {} values; {n} latents of z_dim {z_dim} have {}", z.len(), n * z_dim)));
        }
        let label: Vec<f32> = match classes {
            Some(classes) => classes.iter().map(|&class| scene::label(Some(class), c_dim)).collect::<Result<Vec<_>>>()?.concat(),
            _ => scene::label(None, c_dim)?,
        };
        let mapped = self.map(n, 0)?;
        let inputs = [(mapped.z, z), (mapped.label, &label[..])];
        let staged =
            inputs.into_iter().filter_map(|(tensor, values)| Some(mapped.executor.stage(tensor?, values))).collect::<Result<Vec<_>>>()?;
        let encode = |encoder: &mut wgpu::CommandEncoder| {
            staged.iter().for_each(|staged| staged.encode(encoder));
            mapped.executor.record(encoder);
        };
        let (tensor, source) = (mapped.w, mapped.executor.buffer_of(mapped.w));
        Ok((Readback::submit(&self.gpu, encode, source, tensor.bytes() as u64)?, tensor))
    }

    /// The rows of w that the mapping network has given, one for each layer.
    pub(crate) fn mapped_ws(&self, tensor: Tensor, bytes: &[u8]) -> Result<Ws> {
        let w = tensor.unpack(bytes);
        if !w.iter().all(|value| value.is_finite()) {
            return Err(Error::Device("the mapping network yields NaN or infinity on this device".into()));
        }
        Ok(Ws::broadcast(&w, self.config().w_dim(), self.config().num_ws()))
    }

    /// The mapping network for so many latents, and truncation to so many pictures.
    fn map(&mut self, m: usize, images: usize) -> Result<Arc<Mapped>> {
        if !recall(&mut self.mapped, |mapped| (mapped.m, mapped.images) == (m, images)) {
            self.mapped.drain(..(self.mapped.len() + 1).saturating_sub(self.keep));
            self.mapped.push(Arc::new(Mapped::new(&self.gpu, &self.model, m, images, &self.scope)?));
        }
        Ok(self.mapped.last().expect("just made").clone())
    }

    /// Makes a way of running the current one, which is the last.
    fn prepare(&mut self, way: &Way, progress: Option<Progress>) -> Result<()> {
        self.prepared.append(&mut lock(&self.returned));
        if recall(&mut self.prepared, |prepared| prepared.way == *way) {
            self.forget(self.keep);
            return Ok(());
        }
        // An old one's activations go first, as soon as the device is done with them; nobody waits for that.
        self.forget(self.keep - 1);
        let options = executor::Options { tuning: self.options.tuning.clone(), progress, ..executor::Options::default() };
        let resolve = |options| Prepared::new(&self.gpu, &self.model, self.dtype, way, &self.scope, options);
        let prepared = match resolve(&options) {
            Err(Error::OutOfMemory(_) | Error::Device(_)) if !self.prepared.is_empty() => {
                // There is no room for one more: then it is waited for.
                self.forget(0);
                self.gpu.wait()?;
                Prepared::new(&self.gpu, &self.model, self.dtype, way, &self.scope, &options)?
            }
            resolved => resolved?,
        };
        if self.weights.is_empty() {
            self.weights = prepared.executor.constants();
        }
        self.prepared.push(Arc::new(prepared));
        Ok(())
    }

    /// Drops those not used for longest until `count` are left.
    fn forget(&mut self, count: usize) {
        self.prepared.drain(..self.prepared.len().saturating_sub(count));
    }
}

/// Moves the one that is wanted to the end; false when it is not there.
fn recall<T>(prepared: &mut [T], wanted: impl Fn(&T) -> bool) -> bool {
    let found = prepared.iter().position(wanted);
    if let Some(index) = found {
        prepared[index..].rotate_left(1);
    }
    found.is_some()
}
