//! Gpu: a device and its queue, opened here or handed in by a host application, and what is shared on it: pipelines and weights.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use crate::choice::Chosen;
use crate::error::{Error, Result};
use crate::kernel::{Assembly, Kernel, Variant};
use crate::plan::Pass;
use crate::tensor::DType;
use crate::tier::{Matrix, Tier};
use crate::trial::{Refusal, trial};
use crate::tune::Choices;

/// A device ready to run plans. Cloning shares it; several generators may use one.
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
    pipelines: Mutex<HashMap<PipelineKey, wgpu::ComputePipeline>>,
    constants: Mutex<HashMap<String, Weak<wgpu::Buffer>>>,
    /// Outcomes of trials, by kernel, variant and units: the units with which it passed, or the reason of a refusal.
    trials: Mutex<HashMap<TrialKey, Result<Matrix, String>>>,
    /// What the tuner found or read.
    choices: Mutex<Choices>,
    /// What wgpu reported outside of any call of ours: a lost device, an uncaptured error.
    trouble: Arc<Mutex<Option<String>>>,
}

/// Kernel, variant, units.
type TrialKey = (&'static str, &'static str, Matrix);

/// Kernel, variant, element types read and written, override constants (as bits).
type PipelineKey = (&'static str, &'static str, [DType; 2], Assembly, Vec<(&'static str, u64)>);

/// What `stylegan devices` shows of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// The number `--device` takes.
    pub index: usize,
    /// The adapter's name; `--device` takes a part of it, too.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`.
    pub backend: String,
    /// Driver name and version.
    pub driver: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `Cpu`, ...
    pub device_type: String,
    /// What of the engine it can run.
    pub tier: String,
    /// Limits that decide what fits, by name, in bytes or counts.
    pub limits: Vec<(&'static str, u64)>,
}

impl Gpu {
    /// Opens an adapter: by index or part of a name as in [`Gpu::adapters`], or the most powerful one.
    pub fn open(device: Option<&str>) -> Result<Gpu> {
        Tier::check_variable()?;
        let adapters = enumerate();
        let chosen = match device {
            None => adapters.iter().min_by_key(|adapter| {
                let info = adapter.get_info();
                // The same GPU through Vulkan has all of it; through Direct3D 12 only with DXC.
                (rank(info.device_type), info.backend == wgpu::Backend::Dx12)
            }),
            Some(wanted) => match wanted.parse::<usize>() {
                Ok(index) => adapters.get(index),
                Err(_) => adapters.iter().find(|adapter| adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase())),
            },
        };
        let adapter = chosen.ok_or_else(|| no_adapter(device, &adapters))?;
        let tier = Tier::of(adapter);
        if let Some(note) = without_dxc(adapter.get_info().backend, adapter.features()) {
            log::warn!("{}: {note}", adapter.get_info().name);
        }
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("stylegan-wgpu"),
            required_features: tier.features(),
            required_limits: limits(adapter),
            // SAFETY: cooperative matrices are the one experimental feature asked for; their kernels run in the engine only after
            // a trial against the portable ones, load from workgroup memory alone, and are uniform around every matrix.
            experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        }))
        .map_err(|error| Error::Device(format!("{}: the device could not be opened: {error}", adapter.get_info().name)))?;
        let gpu = Gpu::from_host(adapter, device, queue);
        // Only on a device of our own: a host keeps its own handlers.
        let trouble = gpu.inner.trouble.clone();
        gpu.inner.device.on_uncaptured_error(Arc::new(move |error| {
            trouble.lock().unwrap_or_else(|poison| poison.into_inner()).get_or_insert(error.to_string());
        }));
        let trouble = gpu.inner.trouble.clone();
        gpu.inner.device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                trouble.lock().unwrap_or_else(|poison| poison.into_inner()).get_or_insert(format!("the device was lost: {message}"));
            }
        });
        Ok(gpu)
    }

    /// Uses a host application's device. [`Gpu::wanted_features`] and [`Gpu::wanted_limits`] say what to create it with; with
    /// less, the engine runs what it can.
    pub fn from_host(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Gpu {
        let tier = Tier::of(adapter).on(&device);
        let inner = Inner {
            device,
            queue,
            info: adapter.get_info(),
            tier,
            checked: std::env::var_os("STYLEGAN_CHECKED").is_some_and(|value| value != "0"),
            kernels_from: OnceLock::new(),
            pipelines: Mutex::default(),
            constants: Mutex::default(),
            trials: Mutex::default(),
            choices: Mutex::default(),
            trouble: Arc::default(),
        };
        Gpu { inner: Arc::new(inner) }
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
    pub fn adapters() -> Vec<AdapterReport> {
        enumerate()
            .iter()
            .enumerate()
            .map(|(index, adapter)| {
                let (info, limits) = (adapter.get_info(), adapter.limits());
                AdapterReport {
                    index,
                    name: info.name,
                    backend: info.backend.to_string(),
                    driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
                    device_type: format!("{:?}", info.device_type),
                    tier: Tier::of(adapter).to_string(),
                    limits: vec![
                        ("storage binding (bytes)", limits.max_storage_buffer_binding_size),
                        ("buffer (bytes)", limits.max_buffer_size),
                        ("workgroup memory (bytes)", u64::from(limits.max_compute_workgroup_storage_size)),
                        ("invocations per workgroup", u64::from(limits.max_compute_invocations_per_workgroup)),
                        ("subgroup size, least", u64::from(info.subgroup_min_size)),
                        ("subgroup size, most", u64::from(info.subgroup_max_size)),
                    ],
                }
            })
            .collect()
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        &self.inner.info.name
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

    /// Runs `work`, turning what wgpu reports meanwhile into errors.
    pub(crate) fn guarded<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let memory = self.inner.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.inner.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let result = work();
        let validation = pollster::block_on(validation.pop());
        let memory = pollster::block_on(memory.pop());
        match memory.or(validation) {
            Some(error) => Err(Error::Device(format!("{what}: {error}"))),
            None => self.trouble().map_or(Ok(result), |trouble| Err(Error::Device(format!("{what}: {trouble}")))),
        }
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
        let done = self.inner.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        if let Some(trouble) = self.trouble() {
            return Err(Error::Device(trouble));
        }
        done.map(|_| ()).map_err(|error| Error::Device(format!("waiting for the device: {error}")))
    }

    fn trouble(&self) -> Option<String> {
        self.inner.trouble.lock().unwrap_or_else(|poison| poison.into_inner()).clone()
    }

    /// The matrix units with which a variant has passed its trial here, if it has; the first question holds the trial.
    pub(crate) fn tried(&self, kernel: &'static Kernel, variant: &'static Variant, matrix: Matrix) -> Result<Option<Matrix>> {
        let key = (kernel.name, variant.name, matrix);
        let trials = || self.inner.trials.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(outcome) = trials().get(&key) {
            return Ok(outcome.as_ref().ok().copied());
        }
        let mut outcome = trial(self, kernel, variant, matrix)?.map_or(Ok(matrix), Err);
        // A driver that may run subgroups of 32 or of 64 lanes does not say which it will.
        if outcome.is_err() && matrix.lanes == 64 && self.inner.info.subgroup_min_size <= 32 {
            let narrow = Matrix { lanes: 32, ..matrix };
            if trial(self, kernel, variant, narrow)?.is_none() {
                outcome = Ok(narrow);
            }
        }
        if let Err(reason) = &outcome {
            log::warn!("{}: {}.{} is not used: {reason}", self.name(), kernel.name, variant.name);
        }
        trials().insert(key, outcome.clone());
        Ok(outcome.ok())
    }

    /// What the tuner knows of this device; others wait while someone has it.
    pub(crate) fn choices(&self) -> MutexGuard<'_, Choices> {
        self.inner.choices.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// The variants that failed their trial on this device, so far.
    pub fn refusals(&self) -> Vec<Refusal> {
        let trials = self.inner.trials.lock().unwrap_or_else(|poison| poison.into_inner());
        let failed = trials.iter().filter_map(|(&(kernel, variant, _), outcome)| Some((kernel, variant, outcome.clone().err()?)));
        let mut refusals: Vec<Refusal> = failed.map(|(kernel, variant, reason)| Refusal { kernel, variant, reason }).collect();
        refusals.sort_by_key(|refusal| (refusal.kernel, refusal.variant));
        refusals
    }

    /// Compiles what these passes need and is not there yet, on all cores.
    pub(crate) fn compile(&self, passes: &[Pass], chosen: &[Chosen]) -> Result<()> {
        let mut known: HashSet<PipelineKey> = self.pipelines().keys().cloned().collect();
        let wanted: Vec<_> = passes.iter().zip(chosen).filter(|(pass, chosen)| known.insert(pipeline_key(pass, chosen))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((pass, chosen)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.pipeline(pass, chosen)?;
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// From now on takes the sources of kernels from a folder, where it has them, under the names that `STYLEGAN_DUMP_WGSL` writes:
    /// tests have a kernel broken this way. They run with wgpu's checks. Once per device; a second folder is not looked at.
    #[doc(hidden)]
    pub fn take_kernels_from(&self, folder: PathBuf) {
        let _ = self.inner.kernels_from.set(folder);
    }

    /// The pipeline of a variant, compiled once per device, element type and set of constants.
    pub(crate) fn pipeline(&self, pass: &Pass, chosen: &Chosen) -> Result<wgpu::ComputePipeline> {
        let key = pipeline_key(pass, chosen);
        let known = self.pipelines().get(&key).cloned();
        if let Some(pipeline) = known {
            return Ok(pipeline);
        }
        // The lock is not held: others compile meanwhile.
        let pipeline = self.compiled(pass, chosen, self.inner.kernels_from.get().map(PathBuf::as_path))?;
        Ok(self.pipelines().entry(key).or_insert(pipeline).clone())
    }

    fn pipelines(&self) -> MutexGuard<'_, HashMap<PipelineKey, wgpu::ComputePipeline>> {
        self.inner.pipelines.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Compiles a variant for a pass, untried and not kept, from its own source or from the file in `folder` that `STYLEGAN_DUMP_WGSL`
    /// would write: tools/gpu-lab looks at what drivers make of it.
    #[doc(hidden)]
    pub fn compile_untried(&self, pass: &Pass, variant: &'static Variant, matrix: Option<Matrix>, folder: Option<&Path>) -> Result<()> {
        let words = self.inner.tier.words && matrix.is_none();
        self.compiled(pass, &Chosen { variant, matrix, words }, folder).map(|_| ())
    }

    fn compiled(&self, pass: &Pass, chosen: &Chosen, folder: Option<&Path>) -> Result<wgpu::ComputePipeline> {
        let (variant, types) = (chosen.variant, [pass.dtype, pass.write.dtype]);
        let constants = variant.overrides(pass, chosen.matrix);
        let label = format!("{}.{}.{:?}.{:?}", pass.kernel.name, variant.name, types[0], types[1]);
        let mut source = variant.wgsl(types[0], types[1], chosen.assembly());
        if let Some(path) = folder.map(|folder| folder.join(format!("{label}.wgsl"))).filter(|path| path.exists()) {
            source = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
        }
        if let Some(folder) = std::env::var_os("STYLEGAN_DUMP_WGSL") {
            let path = Path::new(&folder).join(format!("{label}.wgsl"));
            std::fs::write(&path, &source).map_err(|source| Error::Io { path, source })?;
        }
        // Nobody knows what foreign sources index.
        let checked = self.inner.checked || self.inner.kernels_from.get().is_some();
        let checks = if checked { wgpu::ShaderRuntimeChecks::checked() } else { wgpu::ShaderRuntimeChecks::unchecked() };
        self.guarded(&label, || {
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&label), source: wgpu::ShaderSource::Wgsl(source.into()) };
            // SAFETY: without checks only our own shaders are compiled, or nothing is dispatched (`compile_untried`), with strides
            // computed from the shapes of the tensors bound; every index
            // lies in its slab (tests/indexes.rs holds the stores' functions to that over thousands of slabs; tests/kernels.rs and
            // `odd_sizes_equal_their_twins` run the same shaders with checks and without, on shapes no tile divides), loops are
            // bounded by those shapes, and no divisor is zero.
            let module = unsafe { self.inner.device.create_shader_module_trusted(descriptor, checks) };
            self.inner.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: self.inner.checked,
                },
                cache: None,
            })
        })
    }

    /// The buffer of a constant: uploaded once as long as someone holds it.
    pub(crate) fn constant(&self, key: &str, upload: impl FnOnce() -> Result<wgpu::Buffer>) -> Result<Arc<wgpu::Buffer>> {
        let mut constants = self.inner.constants.lock().unwrap_or_else(|poison| poison.into_inner());
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

fn pipeline_key(pass: &Pass, chosen: &Chosen) -> PipelineKey {
    let constants = chosen.variant.overrides(pass, chosen.matrix);
    let constants = constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
    (pass.kernel.name, chosen.variant.name, [pass.dtype, pass.write.dtype], chosen.assembly(), constants)
}

fn enumerate() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    descriptor.flags = wgpu::InstanceFlags::empty();
    pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::PRIMARY))
}

/// Everything the adapter has of what decides whether a network fits, WebGPU's defaults of the rest.
fn limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let have = adapter.limits();
    wgpu::Limits {
        max_buffer_size: have.max_buffer_size,
        max_storage_buffer_binding_size: have.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: have.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: have.max_compute_invocations_per_workgroup,
        min_storage_buffer_offset_alignment: have.min_storage_buffer_offset_alignment,
        min_uniform_buffer_offset_alignment: have.min_uniform_buffer_offset_alignment,
        ..wgpu::Limits::default()
    }
}

/// What Direct3D 12 lacks where its shaders are compiled by FXC. wgpu does not say which compiler it found; only DXC knows 16-bit floats.
fn without_dxc(backend: wgpu::Backend, features: wgpu::Features) -> Option<&'static str> {
    (backend == wgpu::Backend::Dx12 && !features.contains(wgpu::Features::SHADER_F16)).then_some(
        "Direct3D 12 without 16-bit floats: twice the memory and about half the speed. If the GPU has them, dxcompiler.dll is missing: \
         put it beside the program (from DirectXShaderCompiler's releases), or install a driver with Vulkan",
    )
}

fn rank(device_type: wgpu::DeviceType) -> usize {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn no_adapter(wanted: Option<&str>, adapters: &[wgpu::Adapter]) -> Error {
    if adapters.is_empty() {
        return Error::NoAdapter(
            "no GPU and no software adapter was found; on Debian or Ubuntu `apt-get install mesa-vulkan-drivers` provides one for every machine".into(),
        );
    }
    let names: Vec<String> = adapters.iter().enumerate().map(|(i, adapter)| format!("{i} {}", adapter.get_info().name)).collect();
    Error::NoAdapter(format!("no device is called {:?}; there are: {}", wanted.unwrap_or("?"), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_direct3d_without_dxc_is_remarked_on() {
        let half = wgpu::Features::SHADER_F16;
        assert!(without_dxc(wgpu::Backend::Dx12, wgpu::Features::empty()).is_some_and(|note| note.contains("dxcompiler.dll")));
        assert_eq!(without_dxc(wgpu::Backend::Dx12, half), None);
        assert_eq!(without_dxc(wgpu::Backend::Vulkan, wgpu::Features::empty()), None);
    }
}
