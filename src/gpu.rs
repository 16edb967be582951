//! Gpu: a device and its queue, opened here or handed in by a host application, and what is shared on it: pipelines and weights.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::tier::Tier;

mod adapters;
mod kept;
mod pipelines;

pub use adapters::AdapterReport;

use adapters::{choose, limits, requirements, without_dxc};
use pipelines::Pipelines;

/// A device ready to run networks. Cloning shares it; several generators, on several threads, may use one.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    tier: Tier,
    checked: bool,
    /// Sources that take the place of the kernels' own, see [`Gpu::take_kernels_from`].
    kernels_from: OnceLock<PathBuf>,
    pipelines: Pipelines,
    /// A host's, that it keeps between its runs, or that of `kept.rs`.
    pipeline_cache: OnceLock<wgpu::PipelineCache>,
    constants: Mutex<HashMap<String, Weak<wgpu::Buffer>>>,
    /// What others keep of this device, see [`Gpu::beside`].
    beside: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// What wgpu reported outside of any call of ours: a lost device, an uncaptured error.
    trouble: Arc<Mutex<Option<Trouble>>>,
    /// Error scopes whose outcome was not known at once: in a browser it never is.
    scopes: Mutex<Vec<(String, Scope)>>,
}

/// The outcome of an error scope.
type Scope = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;

#[derive(Clone)]
enum Trouble {
    Lost(String),
    Uncaptured(String),
}

impl Trouble {
    fn error(self) -> Error {
        match self {
            Trouble::Lost(text) => Error::Lost(text),
            Trouble::Uncaptured(text) => Error::Device(text),
        }
    }
}

impl Gpu {
    /// Opens an adapter: by index or part of a name as in [`Gpu::adapters`], or the most powerful one.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] where there is none, or none of that name; [`Error::Device`] where its driver refuses.
    pub async fn open(device: Option<&str>) -> Result<Gpu> {
        Tier::check_variable()?;
        let adapter = choose(device).await?;
        let tier = Tier::of(&adapter);
        if let Some(note) = without_dxc(adapter.get_info().backend, adapter.features()) {
            log::warn!("{}: {note}", adapter.get_info().name);
        }
        let requested = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("stylegan-wgpu"),
            required_features: tier.features(),
            required_limits: limits(&adapter),
            // SAFETY: cooperative matrices are the one experimental feature asked for; their kernels run in the engine only after
            // a trial against the portable ones, load from workgroup memory alone, and are uniform around every matrix.
            experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        });
        let refused = |error| Error::Device(format!("{}: the device could not be opened: {error}", adapter.get_info().name));
        let (device, queue) = requested.await.map_err(refused)?;
        let gpu = Gpu::from_host(&adapter, device, queue)?;
        // Only on a device of our own: a host keeps its own handlers.
        let trouble = gpu.inner.trouble.clone();
        gpu.inner.device.on_uncaptured_error(Arc::new(move |error| {
            lock(&trouble).get_or_insert(Trouble::Uncaptured(error.to_string()));
        }));
        let trouble = gpu.inner.trouble.clone();
        gpu.inner.device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                lock(&trouble).get_or_insert(Trouble::Lost(format!("the device was lost: {message}")));
            }
        });
        Ok(gpu)
    }

    /// Uses a host application's device. [`Gpu::wanted_features`] and [`Gpu::wanted_limits`] say what to create it with; with
    /// less, the engine runs what it can: f32 instead of f16, portable kernels, large passes in bands.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the limit that is below what the kernels need at the least, which are WebGPU's defaults.
    pub fn from_host(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<Gpu> {
        requirements(adapter, &device.limits())?;
        let tier = Tier::of(adapter).on(&device);
        let inner = Inner {
            device,
            queue,
            info: adapter.get_info(),
            tier,
            checked: std::env::var_os("STYLEGAN_CHECKED").is_some_and(|value| value != "0"),
            kernels_from: OnceLock::new(),
            pipelines: Pipelines::default(),
            pipeline_cache: OnceLock::new(),
            constants: Mutex::default(),
            beside: Mutex::default(),
            trouble: Arc::default(),
            scopes: Mutex::default(),
        };
        Ok(Gpu { inner: Arc::new(inner) })
    }

    /// The optional features a host should request, all of which the adapter has.
    pub fn wanted_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        Tier::of(adapter).features().difference(wgpu::Features::all_experimental_mask())
    }

    /// What a host should request beside them for matrix units, several times faster where the adapter has them: features that
    /// wgpu grants only with its token, `wgpu::ExperimentalFeatures::enabled()`. None where the engine has no use for them.
    pub fn wanted_experimental_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        Tier::of(adapter).features().intersection(wgpu::Features::all_experimental_mask())
    }

    /// The limits a host should request, all of which the adapter has.
    pub fn wanted_limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
        limits(adapter)
    }

    /// Every adapter of this machine, in the order of their indices.
    pub async fn adapters() -> Vec<AdapterReport> {
        adapters::reports().await
    }

    /// Compiles with a cache of the application's from now on, which it fills from a file and saves to one
    /// ([`wgpu::PipelineCache::get_data`]); of a device with [`wgpu::Features::PIPELINE_CACHE`], which [`Gpu::wanted_features`] asks for
    /// where the adapter has it. Once per device: false where there is one already. Many drivers keep one of their own.
    pub fn set_pipeline_cache(&self, cache: wgpu::PipelineCache) -> bool {
        self.inner.pipeline_cache.set(cache).is_ok()
    }

    /// The adapter's name; browsers do not tell it.
    pub fn name(&self) -> &str {
        if self.inner.info.name.is_empty() { "this GPU" } else { &self.inner.info.name }
    }

    /// All wgpu knows of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.inner.info
    }

    /// What the device can run.
    pub fn tier(&self) -> Tier {
        self.inner.tier
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// What a part of the engine keeps of this device, made when it is asked for first.
    pub(crate) fn beside<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let kept = lock(&self.inner.beside).entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        kept.downcast().unwrap_or_else(|_| unreachable!("kept under its own type"))
    }

    /// Runs `work`, turning what wgpu reports meanwhile into errors. In a browser the outcome comes later: it is an error of the next
    /// call, or of the wait for the device.
    pub(crate) fn guarded<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let memory = self.inner.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.inner.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let result = work();
        let scopes: [Scope; 2] = [Box::pin(validation.pop()), Box::pin(memory.pop())];
        let mut first = None;
        for mut scope in scopes {
            match now(scope.as_mut()) {
                // Out of memory is the cause where both are.
                Some(Some(error)) => first = Some(error),
                Some(None) => {}
                None => lock(&self.inner.scopes).push((what.to_owned(), scope)),
            }
        }
        first.map_or(Ok(()), |error| Err(self.reported(what, &error)))?;
        match self.trouble() {
            Some(Trouble::Lost(text)) => Err(Error::Lost(format!("{what}: {text}"))),
            Some(Trouble::Uncaptured(text)) => Err(Error::Device(format!("{what}: {text}"))),
            None => Ok(result),
        }
    }

    /// The first error of a scope whose outcome is known by now.
    fn check(&self) -> Result<()> {
        let mut first = Ok(());
        lock(&self.inner.scopes).retain_mut(|(what, scope)| {
            let outcome = now(scope.as_mut());
            if let (Ok(()), Some(Some(error))) = (&first, &outcome) {
                first = Err(self.reported(what, error));
            }
            outcome.is_none()
        });
        first
    }

    fn reported(&self, what: &str, error: &wgpu::Error) -> Error {
        match error {
            wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory(format!("{what}: {error}")),
            _ if self.is_lost() => Error::Lost(format!("{what}: the device is lost")),
            _ => Error::Device(format!("{what}: {error}")),
        }
    }

    /// Whether even a few bytes cannot be had. wgpu tells of a loss only whose handler it is, and to a host's device that is the host's;
    /// what is made on it afterwards is invalid, and says so.
    fn is_lost(&self) -> bool {
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor =
            wgpu::BufferDescriptor { label: Some("lost?"), size: 16, usage: wgpu::BufferUsages::COPY_SRC, mapped_at_creation: true };
        let lost = self.device().create_buffer(&descriptor).slice(..).get_mapped_range_mut().is_err();
        let _ = now(scope.pop());
        lost
    }

    /// A buffer with these bytes, filled up to a multiple of 16; it is written before anything else is submitted.
    pub(crate) fn filled(&self, what: &str, bytes: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let size = bytes.len().next_multiple_of(16) as u64;
        self.guarded(what, || {
            let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: true };
            let buffer = self.device().create_buffer(&descriptor);
            // Without memory there is no range either; the scope around it says so.
            if let Ok(mut view) = buffer.slice(..bytes.len() as u64).get_mapped_range_mut() {
                view.copy_from_slice(bytes);
            }
            buffer.unmap();
            buffer
        })
    }

    /// Writes a buffer from its beginning, before whatever is submitted next.
    pub(crate) fn write(&self, what: &str, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
        self.guarded(what, || self.queue().write_buffer(buffer, 0, bytes))
    }

    /// Encodes and submits, so that what wgpu has against it is an error of ours: on a host's device nobody else catches it.
    pub(crate) fn submit(&self, what: &str, encode: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<wgpu::SubmissionIndex> {
        self.guarded(what, || {
            let mut encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(what) });
            encode(&mut encoder);
            self.queue().submit([encoder.finish()])
        })
    }

    /// Waits until everything submitted has run.
    pub(crate) fn wait(&self) -> Result<()> {
        self.wait_for(None)
    }

    /// Waits until a submission has run, or everything submitted.
    pub(crate) fn wait_for(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        self.poll(wgpu::PollType::Wait { submission_index, timeout: None })
    }

    /// Has wgpu call back what is done.
    pub(crate) fn poll(&self, how: wgpu::PollType) -> Result<()> {
        let polled = self.inner.device.poll(how);
        if let Some(trouble) = self.trouble() {
            return Err(trouble.error());
        }
        self.check()?;
        polled.map(|_| ()).map_err(|error| Error::Device(format!("waiting for the device: {error}")))
    }

    fn trouble(&self) -> Option<Trouble> {
        lock(&self.inner.trouble).clone()
    }

    /// From now on takes the sources of kernels from a folder, where it has them, under the names that `STYLEGAN_DUMP_WGSL` writes:
    /// tests have a kernel broken this way. They run with wgpu's checks. Once per device; a second folder is not looked at.
    #[doc(hidden)]
    pub fn take_kernels_from(&self, folder: PathBuf) {
        let _ = self.inner.kernels_from.set(folder);
    }

    /// The buffer of a constant: uploaded once as long as someone holds it.
    pub(crate) fn constant(&self, key: &str, upload: impl FnOnce() -> Result<wgpu::Buffer>) -> Result<Arc<wgpu::Buffer>> {
        let mut constants = lock(&self.inner.constants);
        if let Some(buffer) = constants.get(key).and_then(Weak::upgrade) {
            return Ok(buffer);
        }
        constants.retain(|_, buffer| buffer.strong_count() > 0);
        let buffer = Arc::new(upload()?);
        constants.insert(key.to_string(), Arc::downgrade(&buffer));
        Ok(buffer)
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({}, {})", self.name(), self.tier())
    }
}

/// What a future yields without being waited for.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Whoever panicked with it left it whole: nothing here is written in two steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
