//! Generator: what a host uses. z -> ws -> images, on a [`Gpu`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbaImage;

use crate::error::{Error, Result};
use crate::executor::{self, Executor, Readback};
use crate::gpu::Gpu;
use crate::latent::{RandomState, Ws};
use crate::model::{Array, Model, Precision};
use crate::networks::mapping::{Mapping, mapping};
use crate::networks::stylegan3::Transform;
use crate::networks::{self, Config, NoiseSource, Synthesis};
use crate::tensor::{DType, Tensor};
use crate::tune::Tuning;

mod style_offsets;
pub use style_offsets::StyleOffset;

/// Element type of activations and weights on the device; sums are f32 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// f16 where the device has it and it holds the weights, else f32.
    #[default]
    Auto,
    /// f32 everywhere.
    F32,
    /// f16; an error where the device has none.
    F16,
}

/// How a generator is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// Element type on the device.
    pub precision: PrecisionChoice,
    /// Most images rendered at once; more memory, less overhead.
    pub batch: usize,
    /// Use the fastest variants of the kernels, by timing; absent, the choice is the same on every device of a kind.
    pub tuning: Option<Tuning>,
}

impl Default for Options {
    fn default() -> Options {
        Options { precision: PrecisionChoice::Auto, batch: 1, tuning: None }
    }
}

/// What the layers add to their activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// The maps stored in the model: the same seed gives the same picture.
    #[default]
    Const,
    /// Nothing.
    None,
    /// Fresh maps from N(0, 1): image i of a call has its own `RandomState(seed + i)`, drawn layer by layer.
    Random {
        /// Seed of the first image of the call.
        seed: u32,
    },
    /// Maps drawn after the latent, as TensorFlow's StyleGAN2 scripts do: image i of a call goes on with `RandomState(seed + i)` where z
    /// ended, layer by layer.
    AfterZ {
        /// Seed of the first image of the call.
        seed: u32,
    },
}

impl Noise {
    /// Of the images from `first` of a call on.
    fn of(self, first: usize) -> Noise {
        match self {
            Noise::Random { seed } => Noise::Random { seed: seed.wrapping_add(first as u32) },
            Noise::AfterZ { seed } => Noise::AfterZ { seed: seed.wrapping_add(first as u32) },
            other => other,
        }
    }
}

/// A network on a device.
pub struct Generator {
    gpu: Gpu,
    model: Model,
    options: Options,
    dtype: DType,
    /// Keeps this model's weights on the device apart from another's.
    scope: String,
    /// Ready to run, the one used last at the end.
    mapping: Vec<(usize, Mapping, Executor)>,
    synthesis: Vec<Prepared>,
    /// Where StyleGAN3's pictures lie: one for all, or one for each of a call.
    transforms: Vec<Transform>,
    /// At most so many of each; see [`Generator::keep_prepared`].
    prepared: usize,
    /// The weights stay on the device while executors for other batches come and go.
    weights: Vec<Arc<wgpu::Buffer>>,
    /// The same network in f32, made for the first picture that f16 does not hold.
    wide: Option<Box<Generator>>,
    /// The model's own biases in the place of those that style offsets have changed.
    style_biases: Vec<(String, Array)>,
}

/// A synthesis plan of some batch and kind of noise on the device.
struct Prepared {
    images: usize,
    noise: NoiseSource,
    handles: Handles,
    executor: Executor,
}

/// The tensors of a synthesis plan that a generator writes and reads.
struct Handles {
    ws: Tensor,
    noises: Vec<Tensor>,
    transform: Option<Tensor>,
    img: Tensor,
    rgba: Tensor,
}

/// A run that is ready to be encoded by a host. Its inputs are its own: any number of recordings go into one encoder.
pub struct Recording<'a> {
    executor: &'a Executor,
    handles: &'a Handles,
    /// Inputs, each in a buffer of its own until the encoder copies it to where the passes read it.
    staged: Vec<(Tensor, wgpu::Buffer)>,
}

/// Pictures of one submission, which the device may still be drawing.
pub struct Pending<T> {
    readback: Readback,
    img: Tensor,
    unpack: Unpack<T>,
    /// What they are drawn from, and how they are drawn again.
    ws: Ws,
    noise: Noise,
    transforms: Vec<Transform>,
    submit: Submit<T>,
}

/// Pictures out of what was read back; `None` in the place of one that is NaN or infinite somewhere.
type Unpack<T> = fn(Tensor, &[u8]) -> Vec<Option<T>>;
type Submit<T> = fn(&mut Generator, &Ws, Noise) -> Result<Pending<T>>;

impl<T> Pending<T> {
    /// Waits for the device, not for later submissions, and gives the pictures in the order of their ws. `generator` is the one that
    /// they were submitted to. It draws a picture again in f32 that is not finite in f16, where [`PrecisionChoice::Auto`] leaves the
    /// choice to it; so a picture depends on its own row of w, never on those beside it. [`Error::NotFinite`] where that does not help.
    pub fn wait(self, generator: &mut Generator) -> Result<Vec<T>> {
        let pictures = (self.unpack)(self.img, &self.readback.wait()?);
        let again = |(i, picture): (usize, Option<T>)| match picture {
            Some(picture) => Ok(picture),
            None => {
                let wide = generator.wide()?;
                wide.transforms = self.transforms.get(i).or(self.transforms.first()).copied().into_iter().collect();
                let pending = (self.submit)(wide, &self.ws.slice(i..i + 1), self.noise.of(i))?;
                pending.wait(wide)?.pop().ok_or_else(|| Error::Device("the device gave no picture".into()))
            }
        };
        pictures.into_iter().enumerate().map(again).collect()
    }
}

impl Recording<'_> {
    /// Encodes the inputs' copies and the whole synthesis as one compute pass. The next recording encoded draws into the same
    /// buffers: copy the picture out of [`Recording::rgba8`] in between.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        for (tensor, staged) in &self.staged {
            encoder.copy_buffer_to_buffer(staged, 0, self.executor.buffer_of(*tensor), 0, staged.size());
        }
        self.executor.record(encoder);
    }

    /// The images as 8-bit RGBA, rows dense: `[N, H, W]` pixels. Usage STORAGE, COPY_SRC and COPY_DST.
    pub fn rgba8(&self) -> &wgpu::Buffer {
        self.executor.buffer_of(self.handles.rgba)
    }

    /// The images as f32, about -1..1: a slab of `[N, 4, H, W]`, as [`Tensor::slab`] of [`Recording::image`] describes it.
    pub fn image_f32(&self) -> &wgpu::Buffer {
        self.executor.buffer_of(self.handles.img)
    }

    /// Shape and layout of [`Recording::image_f32`].
    pub fn image(&self) -> Tensor {
        self.handles.img
    }
}

impl Generator {
    /// Puts a model on a device: uploads its weights and compiles its pipelines.
    pub fn new(gpu: &Gpu, model: &Model, options: &Options) -> Result<Generator> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let dtype = match (options.precision, gpu.tier().half) {
            (PrecisionChoice::F16, false) => {
                return Err(Error::Argument(format!("{} has no 16-bit floats in shaders; use --precision f32", gpu.name())));
            }
            (PrecisionChoice::F32, _) | (PrecisionChoice::Auto, false) => DType::F32,
            (PrecisionChoice::Auto, true) if !holds(model) => {
                log::warn!("the network has weights that 16-bit floats do not hold; it is drawn in f32");
                DType::F32
            }
            (PrecisionChoice::F16, true) if !holds(model) => {
                model.check_fits(Precision::F16)?;
                DType::F16
            }
            (PrecisionChoice::F16, true) => DType::F16,
            (PrecisionChoice::Auto, true) => DType::F16,
        };
        if options.batch == 0 {
            return Err(Error::Argument("a batch has at least one image".into()));
        }
        let scope = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let mut generator = Generator {
            gpu: gpu.clone(),
            model: model.clone(),
            options: options.clone(),
            dtype,
            scope,
            mapping: Vec::new(),
            synthesis: Vec::new(),
            transforms: Transform::of(model).into_iter().collect(),
            prepared: 1,
            weights: Vec::new(),
            wide: None,
            style_biases: Vec::new(),
        };
        generator.prepare(options.batch, NoiseSource::Const)?;
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
        let all = self.w_avg();
        let w_dim = self.config().w_dim();
        match &self.model.config {
            Config::StyleGan3(config) if config.class_embedding.is_some() => match class {
                Some(class) => all.chunks_exact(w_dim).nth(class).map_or_else(Vec::new, <[f32]>::to_vec),
                None => (0..w_dim).map(|i| all.iter().skip(i).step_by(w_dim).sum::<f32>() / config.c_dim as f32).collect(),
            },
            _ => all,
        }
    }

    /// Moves and turns the pictures of a StyleGAN3 from now on: one transform for all of them, or one for each picture of every call.
    /// It takes the place of what the model has, which is the identity in NVIDIA's.
    pub fn set_transforms(&mut self, transforms: &[Transform]) -> Result<()> {
        if !matches!(self.config(), Config::StyleGan3(_)) {
            return Err(Error::Argument(format!(
                "pictures of a {} cannot be moved or turned; those of a StyleGAN3 can",
                self.config().network()
            )));
        }
        if transforms.is_empty() || !transforms.iter().all(Transform::is_finite) {
            return Err(Error::Argument("a transform is a matrix of finite numbers".into()));
        }
        self.transforms = transforms.to_vec();
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

    /// Bytes of the synthesis plan on the device: weights, inputs, activations.
    pub fn memory(&self) -> u64 {
        self.synthesis.last().map_or(0, |prepared| prepared.executor.memory())
    }

    /// Keeps up to `count` ways of running ready instead of one: a call with another number of images or another kind of noise than
    /// the last then prepares nothing anew. They share the weights; each has activations of its own on the device.
    pub fn keep_prepared(&mut self, count: usize) {
        self.prepared = count.max(1);
    }

    /// z `[n, z_dim]`, and a class for each of a conditional network -> ws `[n, num_ws, w_dim]`, not truncated.
    pub fn mapping(&mut self, z: &[f32], classes: Option<&[usize]>) -> Result<Ws> {
        let (z_dim, c_dim) = (self.config().z_dim(), self.config().c_dim());
        let n = match classes {
            Some(classes) if c_dim > 0 => classes.len(),
            _ => z.len() / z_dim.max(1),
        };
        if n == 0 || z.len() != n * z_dim {
            return Err(Error::Argument(format!("z has {} values; {n} latents of z_dim {z_dim} have {}", z.len(), n * z_dim)));
        }
        let label = match classes {
            None if c_dim > 0 => return Err(Error::Argument(format!("the network is conditional: name a class from 0 to {}", c_dim - 1))),
            Some(classes) if c_dim > 0 => one_hot(classes, c_dim)?,
            _ => Vec::new(),
        };
        if !recall(&mut self.mapping, |(size, ..)| *size == n) {
            self.mapping.drain(..(self.mapping.len() + 1).saturating_sub(self.prepared));
            let mut mapping = mapping(&self.model, n);
            let plan = std::mem::take(&mut mapping.plan);
            let executor = Executor::new(&self.gpu, plan, &format!("{}/mapping", self.scope), &executor::Options::default())?;
            self.mapping.push((n, mapping, executor));
        }
        let (_, mapping, executor) = self.mapping.last().expect("just made");
        if let Some(tensor) = mapping.z {
            executor.write(tensor, z)?;
        }
        if let Some(tensor) = mapping.label {
            executor.write(tensor, &label)?;
        }
        executor.run()?;
        let w = executor.read(mapping.w)?;
        if !w.iter().all(|value| value.is_finite()) {
            return Err(Error::Device("the mapping network yields NaN or infinity on this device".into()));
        }
        Ok(Ws::broadcast(&w, self.config().w_dim(), self.config().num_ws()))
    }

    /// ws -> 8-bit images, rounded as NVIDIA's generate.py does, converted on the device.
    pub fn synthesis_rgba8(&mut self, ws: &Ws, noise: Noise) -> Result<Vec<RgbaImage>> {
        self.render(ws, noise, Generator::submit_rgba8)
    }

    /// ws -> images as the network yields them: `[C, H, W]` each, about -1..1, not clamped.
    pub fn synthesis_f32(&mut self, ws: &Ws, noise: Noise) -> Result<Vec<Vec<f32>>> {
        self.render(ws, noise, Generator::submit_f32)
    }

    /// [`Generator::synthesis_rgba8`] of at most a batch, without waiting: submit the next before waiting for this one, and the
    /// device does not stand still while pictures are read back.
    pub fn submit_rgba8(&mut self, ws: &Ws, noise: Noise) -> Result<Pending<RgbaImage>> {
        let transforms = self.transforms.clone();
        let (handles, executor) = self.load(ws, noise)?;
        let (tensor, unpack): (_, Unpack<RgbaImage>) = match handles.img.shape[1] {
            1 | 3 => (handles.rgba, rgba8_images),
            _ => (handles.img, alpha_images),
        };
        let submit = Generator::submit_rgba8;
        Ok(Pending { readback: executor.submit(tensor)?, img: handles.img, unpack, ws: ws.clone(), noise, transforms, submit })
    }

    /// [`Generator::synthesis_f32`] of at most a batch, without waiting.
    pub fn submit_f32(&mut self, ws: &Ws, noise: Noise) -> Result<Pending<Vec<f32>>> {
        let transforms = self.transforms.clone();
        let (handles, executor) = self.load(ws, noise)?;
        let (unpack, submit) = (f32_images, Generator::submit_f32);
        Ok(Pending { readback: executor.submit(handles.img)?, img: handles.img, unpack, ws: ws.clone(), noise, transforms, submit })
    }

    /// The executor of a batch, for hosts that record into their own encoder or want a profile.
    pub fn executor(&mut self, images: usize) -> Result<&Executor> {
        self.prepare(images, NoiseSource::Const)?;
        Ok(&self.synthesis.last().expect("just prepared").executor)
    }

    /// Prepares one run for a host that encodes and submits itself, with the model's noise: ws `[n, num_ws, w_dim]`, n up to the
    /// batch of the options.
    pub fn record(&mut self, ws: &Ws) -> Result<Recording<'_>> {
        let transform = self.transform_of(ws.n)?;
        let Prepared { handles, executor, .. } = self.prepared_for(ws, NoiseSource::Const)?;
        let mut staged = vec![(handles.ws, executor.stage(handles.ws, &ws.values)?)];
        if let Some(tensor) = handles.transform {
            staged.push((tensor, executor.stage(tensor, &transform)?));
        }
        Ok(Recording { executor, handles, staged })
    }

    fn check(&self, ws: &Ws) -> Result<()> {
        let (num_ws, w_dim) = (self.config().num_ws(), self.config().w_dim());
        if (ws.num_ws, ws.w_dim) != (num_ws, w_dim) || ws.n == 0 {
            return Err(Error::Argument(format!(
                "ws is [{}, {}, {}]; this network takes [N, {num_ws}, {w_dim}]",
                ws.n, ws.num_ws, ws.w_dim
            )));
        }
        Ok(())
    }

    /// Any number of images in batches, the next submitted before the last is waited for.
    fn render<T>(&mut self, ws: &Ws, noise: Noise, submit: Submit<T>) -> Result<Vec<T>> {
        self.check(ws)?;
        self.transform_of(ws.n)?;
        let transforms = self.transforms.clone();
        let images = self.render_batches(ws, noise, submit, &transforms);
        self.transforms = transforms;
        images
    }

    fn render_batches<T>(&mut self, ws: &Ws, noise: Noise, submit: Submit<T>, transforms: &[Transform]) -> Result<Vec<T>> {
        let mut images = Vec::with_capacity(ws.n);
        let mut ahead: Option<Pending<T>> = None;
        for first in (0..ws.n).step_by(self.options.batch) {
            let end = ws.n.min(first + self.options.batch);
            if transforms.len() > 1 {
                self.transforms = transforms[first..end].to_vec();
            }
            let next = submit(self, &ws.slice(first..end), noise.of(first))?;
            if let Some(pending) = ahead.replace(next) {
                images.extend(pending.wait(self)?);
            }
        }
        if let Some(pending) = ahead {
            images.extend(pending.wait(self)?);
        }
        Ok(images)
    }

    /// Makes ready to run: the executor of the batch, its inputs written.
    fn load(&mut self, ws: &Ws, noise: Noise) -> Result<(&Handles, &Executor)> {
        let source = match noise {
            Noise::Const => NoiseSource::Const,
            Noise::None => NoiseSource::None,
            Noise::Random { .. } | Noise::AfterZ { .. } => NoiseSource::Input,
        };
        let z_dim = self.config().z_dim();
        let transform = self.transform_of(ws.n)?;
        let Prepared { handles, executor, .. } = self.prepared_for(ws, source)?;
        executor.write(handles.ws, &ws.values)?;
        if let Some(tensor) = handles.transform {
            executor.write(tensor, &transform)?;
        }
        match noise {
            Noise::Random { seed } => write_noise(executor, &handles.noises, ws.n, seed, 0)?,
            Noise::AfterZ { seed } => write_noise(executor, &handles.noises, ws.n, seed, z_dim)?,
            Noise::Const | Noise::None => {}
        }
        Ok((handles, executor))
    }

    /// The network in f32, for what this generator cannot draw; an error where f16 was asked for, or it is f32 already.
    fn wide(&mut self) -> Result<&mut Generator> {
        if self.dtype == DType::F32 || self.options.precision != PrecisionChoice::Auto {
            return Err(Error::NotFinite { dtype: self.dtype.name() });
        }
        if self.wide.is_none() {
            log::warn!("a picture is not finite in f16, whose numbers end at 65504: such pictures are drawn again in f32");
            let options = Options { precision: PrecisionChoice::F32, batch: 1, ..self.options.clone() };
            self.wide = Some(Box::new(Generator::new(&self.gpu, &self.model, &options)?));
        }
        Ok(self.wide.as_mut().expect("just made"))
    }

    /// The rows of the transforms of so many pictures.
    fn transform_of(&self, images: usize) -> Result<Vec<f32>> {
        Ok(match self.transforms[..] {
            [] => Vec::new(),
            [one] => one.rows().repeat(images),
            _ if self.transforms.len() == images => self.transforms.iter().flat_map(Transform::rows).collect(),
            _ => {
                return Err(Error::Argument(format!(
                    "{} transforms for {images} pictures; one for all, or one for each",
                    self.transforms.len()
                )));
            }
        })
    }

    /// The executor for the batch that `ws` is.
    fn prepared_for(&mut self, ws: &Ws, noise: NoiseSource) -> Result<&Prepared> {
        self.check(ws)?;
        if ws.n > self.options.batch {
            return Err(Error::Argument(format!("ws has {} images; this generator was built for a batch of {}", ws.n, self.options.batch)));
        }
        self.prepare(ws.n, noise)?;
        Ok(self.synthesis.last().expect("just prepared"))
    }

    /// Makes the executor of a batch the current one, which is the last.
    fn prepare(&mut self, images: usize, noise: NoiseSource) -> Result<()> {
        if recall(&mut self.synthesis, |prepared| (prepared.images, prepared.noise) == (images, noise)) {
            return Ok(());
        }
        // An old one's activations go first, when it is done with them: there may not be room for one more.
        self.forget(self.prepared - 1)?;
        let prepared = match self.resolve(images, noise) {
            Err(Error::Device(_)) if !self.synthesis.is_empty() => {
                self.forget(0)?;
                self.resolve(images, noise)?
            }
            resolved => resolved?,
        };
        if self.weights.is_empty() {
            self.weights = prepared.executor.constants();
        }
        self.synthesis.push(prepared);
        Ok(())
    }

    fn resolve(&self, images: usize, noise: NoiseSource) -> Result<Prepared> {
        let Synthesis { plan, ws, noises, transform, img, rgba } = networks::synthesis(&self.model, images, self.dtype, noise);
        let options = executor::Options { tuning: self.options.tuning.clone(), ..executor::Options::default() };
        let executor = Executor::new(&self.gpu, plan, &format!("{}/synthesis", self.scope), &options)?;
        Ok(Prepared { images, noise, handles: Handles { ws, noises, transform, img, rgba }, executor })
    }

    /// Drops those not used for longest until `count` are left.
    fn forget(&mut self, count: usize) -> Result<()> {
        if self.synthesis.len() > count {
            self.gpu.wait()?;
            self.synthesis.drain(..self.synthesis.len() - count);
        }
        Ok(())
    }
}

/// Whether f16 holds the weights that are stored in it: the mapping network's are not.
fn holds(model: &Model) -> bool {
    // Those of StyleGAN3 that are stored in it are brought near 1 before, whatever they are.
    if matches!(model.config, Config::StyleGan3(_)) {
        return true;
    }
    let stored = model.arrays.iter().filter(|(name, _)| name.starts_with("synthesis."));
    stored.flat_map(|(_, array)| array.values()).all(|value| value.abs() < 65520.0)
}

/// Moves the one that is wanted to the end; false when it is not there.
fn recall<T>(prepared: &mut [T], wanted: impl Fn(&T) -> bool) -> bool {
    let found = prepared.iter().position(wanted);
    if let Some(index) = found {
        prepared[index..].rotate_left(1);
    }
    found.is_some()
}

/// The device says that a pixel is not finite by an alpha of 0.
fn rgba8_images(img: Tensor, bytes: &[u8]) -> Vec<Option<RgbaImage>> {
    let [images, _, height, width] = img.shape;
    let image = |pixels: &[u8]| {
        let finite = pixels.chunks_exact(4).all(|pixel| pixel[3] != 0);
        finite.then(|| RgbaImage::from_raw(width as u32, height as u32, pixels.to_vec()).expect("four bytes a pixel"))
    };
    // The buffer is filled up to a multiple of 16 bytes.
    bytes.chunks_exact(4 * height * width).take(images).map(image).collect()
}

fn f32_images(img: Tensor, bytes: &[u8]) -> Vec<Option<Vec<f32>>> {
    let image = |values: &[f32]| values.iter().all(|value| value.is_finite()).then(|| values.to_vec());
    img.unpack(bytes).chunks_exact(img.len() / img.shape[0]).map(image).collect()
}

/// Of an image with an alpha of its own, which cannot say what is not finite: converted here, as the kernel to_rgba8 does.
fn alpha_images(img: Tensor, bytes: &[u8]) -> Vec<Option<RgbaImage>> {
    let [_, channels, height, width] = img.shape;
    let byte = |value: f32| (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
    let image = |values: Vec<f32>| {
        RgbaImage::from_fn(width as u32, height as u32, |x, y| {
            let value = |c: usize| byte(values[(c * height + y as usize) * width + x as usize]);
            image::Rgba(match channels {
                2 => [value(0), value(0), value(0), value(1)],
                _ => [value(0), value(1), value(2), value(3)],
            })
        })
    };
    f32_images(img, bytes).into_iter().map(|values| values.map(image)).collect()
}

fn one_hot(classes: &[usize], c_dim: usize) -> Result<Vec<f32>> {
    let mut label = vec![0.0; classes.len() * c_dim];
    for (row, &class) in label.chunks_exact_mut(c_dim).zip(classes) {
        *row.get_mut(class).ok_or_else(|| Error::Argument(format!("class {class}: the network has classes 0 to {}", c_dim - 1)))? = 1.0;
    }
    Ok(label)
}

/// Fresh noise: each image has its own stream, so an image does not depend on the batch it is rendered in. The first `used` values of
/// every stream were something else.
fn write_noise(executor: &Executor, noises: &[Tensor], images: usize, seed: u32, used: usize) -> Result<()> {
    let mut streams: Vec<RandomState> = (0..images).map(|i| RandomState::new(seed.wrapping_add(i as u32))).collect();
    streams.iter_mut().for_each(|stream| drop(stream.randn(used)));
    for tensor in noises {
        let pixels = tensor.len() / images;
        let maps: Vec<f32> = streams.iter_mut().flat_map(|stream| (0..pixels).map(|_| stream.next_gaussian() as f32)).collect();
        executor.write(*tensor, &maps)?;
    }
    Ok(())
}
