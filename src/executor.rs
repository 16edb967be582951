//! Executor: a plan resolved on a device. Pipelines, bind groups and grids are made once; a run only encodes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::choice;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::{Chosen, Variant};
use crate::plan::{Band, Origin, Pass, Plan};
use crate::tensor::Tensor;
use crate::tier::{Matrix, Tier};
use crate::tune::{self, Choice, Choices, Progress, Tuning};

mod bands;
mod passes;
mod profile;
mod readback;
pub use passes::{Alternative, PassInfo, Why};
pub use profile::RunTime;
pub use readback::Readback;

pub(crate) use bands::range;
use bands::{bands, parameters, share};
pub(crate) use profile::{Timestamps, nanoseconds};

/// How to resolve a plan; the defaults are what users want, the rest is for tests and benches.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bind at most this many bytes at once, as a device with a smaller limit would.
    pub max_binding: Option<u64>,
    /// Use the portable variants only.
    pub portable: bool,
    /// Use such matrix units: with another number of lanes, or played ones.
    pub matrix: Option<Matrix>,
    /// Use the variant of that name where it fits, untried.
    pub variant: Option<&'static str>,
    /// Use the fastest variants, by timing; the first that fit when absent.
    pub tuning: Option<Tuning>,
    /// Told how many constants are uploaded and pipelines compiled, and of how many.
    pub progress: Option<Progress>,
}

/// A plan on a device, ready to run.
pub struct Executor {
    gpu: Gpu,
    plan: Plan,
    steps: Vec<Step>,
    buffers: Vec<Arc<wgpu::Buffer>>,
    choices: Choices,
}

/// One dispatch.
#[derive(Clone)]
pub(crate) struct Step {
    pass: usize,
    variant: &'static Variant,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    grid: [u32; 3],
    /// Floating-point operations.
    pub(crate) flops: u64,
}

impl Executor {
    /// Resolves a plan: checks it against the device's limits, uploads its constants, shares buffers, compiles pipelines.
    /// `scope` keeps apart the constants of different models on one device; executors of one scope share them.
    pub fn new(gpu: &Gpu, plan: Plan, scope: &str, options: &Options) -> Result<Executor> {
        let limits = gpu.device().limits();
        let max_binding = options.max_binding.unwrap_or(u64::MAX).min(limits.max_storage_buffer_binding_size);
        let tier = choice::tier(gpu, options);
        if let Some(tuning) = &options.tuning {
            gpu.load_pipelines(&tuning.folder);
        }
        // Before there are buffers of this plan: timing needs some of its own.
        let choices = tune::choices(gpu, &plan, &tier, options);
        let mut executor = Executor { gpu: gpu.clone(), steps: Vec::new(), buffers: Vec::new(), plan, choices };
        let banded: Vec<Vec<Band>> = executor.plan.passes.iter().map(|pass| bands(pass, max_binding, u64::MAX)).collect::<Result<_>>()?;
        let chosen: Vec<Chosen> = executor.plan.passes.iter().map(|pass| executor.choose(pass, &tier, options)).collect::<Result<_>>()?;
        let done = AtomicUsize::new(0);
        let total = executor.plan.entries.len() + executor.plan.passes.len();
        let tell = || {
            if let Some(Progress(tell)) = &options.progress {
                tell(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
        };
        let compile = || gpu.compile(&executor.plan.passes, &chosen, &tell);
        let allocate = || executor.allocate(scope, limits.max_buffer_size, &tell);
        executor.buffers = match cfg!(target_arch = "wasm32") {
            true => compile().and_then(|()| allocate())?,
            // Kernels compile on other cores while the constants are packed and uploaded.
            false => std::thread::scope(|threads| {
                let compiling = threads.spawn(compile);
                let buffers = allocate()?;
                compiling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                Ok::<_, Error>(buffers)
            })?,
        };
        gpu.save_pipelines();
        let dispatches: Vec<(usize, Band)> =
            banded.iter().enumerate().flat_map(|(pass, bands)| bands.iter().map(move |band| (pass, *band))).collect();
        let ready = |pass: usize| Ok((chosen[pass].variant, gpu.pipeline(&executor.plan.passes[pass], &chosen[pass])?));
        executor.steps = executor.steps_of(&dispatches, ready)?;
        Ok(executor)
    }

    fn choose(&self, pass: &Pass, tier: &Tier, options: &Options) -> Result<Chosen> {
        let tuned = self.choices.get(&tune::shape(pass)).map(|choice| choice.variant.as_str());
        choice::choose(&self.gpu, pass, tier, options, tuned)
    }

    /// The buffer of every tensor; constants are uploaded.
    fn allocate(&self, scope: &str, max_buffer: u64, tell: &dyn Fn()) -> Result<Vec<Arc<wgpu::Buffer>>> {
        let (ids, slots) = self.plan.slots();
        if let Some((id, bytes)) =
            ids.iter().map(|&id| (id, self.plan.entries[id].tensor.bytes() as u64)).find(|(_, bytes)| *bytes > max_buffer)
        {
            return Err(Error::Limit { pass: self.plan.entries[id].name.clone(), what: "buffer (bytes)", need: bytes, have: max_buffer });
        }
        let slot_buffers: Vec<Arc<wgpu::Buffer>> =
            slots.bytes.iter().map(|&bytes| self.buffer("slot", bytes as u64).map(Arc::new)).collect::<Result<_>>()?;
        let slot_of: HashMap<usize, usize> = ids.into_iter().zip(slots.slot_of).collect();
        let mut buffers = Vec::with_capacity(self.plan.entries.len());
        let mut pending = 0;
        for id in 0..self.plan.entries.len() {
            let entry = &self.plan.entries[id];
            let size = entry.tensor.bytes() as u64;
            let buffer = match &entry.origin {
                Origin::Pass(_) => slot_buffers[slot_of[&id]].clone(),
                Origin::Input => Arc::new(self.buffer(&entry.name, size)?),
                Origin::Constant(load) => {
                    let key = format!("{scope}/{}/{:?}/{:?}", entry.name, entry.tensor.dtype, entry.tensor.shape);
                    self.gpu.constant(&key, || {
                        let buffer = self.buffer(&entry.name, size)?;
                        self.gpu.write(&entry.name, &buffer, &entry.tensor.pack(&load()))?;
                        pending += size;
                        Ok(buffer)
                    })?
                }
            };
            buffers.push(buffer);
            tell();
            // Staging memory is only given back when the copies have run.
            if pending > 4 << 20 {
                self.flush()?;
                pending = 0;
            }
        }
        if pending > 0 {
            self.flush()?;
        }
        Ok(buffers)
    }

    fn flush(&self) -> Result<()> {
        self.gpu.guarded("upload", || self.gpu.queue().submit([]))?;
        self.gpu.wait()
    }

    fn buffer(&self, label: &str, size: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        self.gpu.guarded(label, || {
            self.gpu.device().create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        })
    }

    /// A step for each band of a pass; `ready` knows what runs it.
    fn steps_of(
        &self,
        dispatches: &[(usize, Band)],
        ready: impl Fn(usize) -> Result<(&'static Variant, wgpu::ComputePipeline)>,
    ) -> Result<Vec<Step>> {
        let limits = self.gpu.device().limits();
        let (align, storage_align) =
            (limits.min_uniform_buffer_offset_alignment as usize, u64::from(limits.min_storage_buffer_offset_alignment));
        let mut uniforms: Vec<u8> = Vec::new();
        let mut offsets = Vec::new();
        for (pass, band) in dispatches {
            uniforms.resize(uniforms.len().next_multiple_of(align), 0);
            let params = parameters(&self.plan.passes[*pass], band, storage_align);
            offsets.push((uniforms.len() as u64, params.len() as u64));
            uniforms.extend(params);
        }
        let uniform = self.gpu.filled("parameters", &uniforms, wgpu::BufferUsages::UNIFORM)?;

        let mut steps = Vec::with_capacity(offsets.len());
        for (&(index, band), (offset, size)) in dispatches.iter().zip(offsets) {
            let pass = &self.plan.passes[index];
            let (variant, pipeline) = ready(index)?;
            let mut entries = vec![entry(0, &uniform, offset, size)];
            let mut windows = pass.windows.iter();
            for (binding, tensor) in (1..).zip(pass.reads.iter().chain([&pass.write])) {
                let (start, end) = match tensor.is_slab() {
                    true => range(tensor, windows.next().expect("every slab has its window"), &band, storage_align),
                    false => (0, tensor.bytes() as u64),
                };
                entries.push(entry(binding, &self.buffers[tensor.id], start, end - start));
            }
            let grid = (variant.grid)(pass, &band);
            if let Some(&most) = grid.iter().max().filter(|&&most| most > limits.max_compute_workgroups_per_dimension) {
                let have = u64::from(limits.max_compute_workgroups_per_dimension);
                return Err(Error::Limit { pass: pass.label.clone(), what: "workgroups per dimension", need: u64::from(most), have });
            }
            let bindings = self.gpu.guarded(&pass.label, || {
                self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(&pass.label),
                    layout: &pipeline.get_bind_group_layout(0),
                    entries: &entries,
                })
            })?;
            steps.push(Step { pass: index, variant, pipeline, bindings, grid, flops: share(pass, &band) });
        }
        Ok(steps)
    }

    /// A pass in pieces of at most `flops` floating-point operations each, as far as it can be cut.
    pub(crate) fn cut(&self, pass: usize, flops: u64) -> Result<Vec<Step>> {
        let whole = self.steps.iter().filter(|step| step.pass == pass);
        if whole.clone().all(|step| step.flops <= flops) {
            return Ok(whole.cloned().collect());
        }
        let max_binding = self.gpu.device().limits().max_storage_buffer_binding_size;
        let dispatches: Vec<(usize, Band)> =
            bands(&self.plan.passes[pass], max_binding, flops)?.into_iter().map(|band| (pass, band)).collect();
        let ready = whole.clone().next().expect("every pass has a step");
        self.steps_of(&dispatches, |_| Ok((ready.variant, ready.pipeline.clone())))
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Bytes of all buffers: weights, inputs, shared slots.
    pub fn memory(&self) -> u64 {
        let distinct: HashMap<*const wgpu::Buffer, u64> = self.buffers.iter().map(|buffer| (Arc::as_ptr(buffer), buffer.size())).collect();
        distinct.values().sum()
    }

    /// The buffers of the plan's constants; while someone holds them, other executors of the scope need no upload.
    pub(crate) fn constants(&self) -> Vec<Arc<wgpu::Buffer>> {
        let fixed = self.plan.entries.iter().zip(&self.buffers).filter(|(entry, _)| matches!(entry.origin, Origin::Constant(_)));
        fixed.map(|(_, buffer)| buffer.clone()).collect()
    }

    /// Number of dispatches of a run, bands included.
    pub fn dispatches(&self) -> usize {
        self.steps.len()
    }

    /// The variant each pass runs.
    pub fn variants(&self) -> Vec<(&str, &'static str)> {
        self.steps.iter().map(|step| (self.plan.passes[step.pass].label.as_str(), step.variant.name)).collect()
    }

    /// What the tuner found for a pass of the plan, if it was asked.
    pub fn choice(&self, pass: &Pass) -> Option<&Choice> {
        self.choices.get(&tune::shape(pass))
    }

    /// The buffer of a tensor, for a host that stays on the GPU.
    pub fn buffer_of(&self, tensor: Tensor) -> &wgpu::Buffer {
        &self.buffers[tensor.id]
    }

    /// Writes an input: natural values. The next submission sees them, whatever was encoded for it before.
    pub fn write(&self, tensor: Tensor, natural: &[f32]) -> Result<()> {
        self.gpu.write(&self.plan.entries[tensor.id].name, &self.buffers[tensor.id], &tensor.pack(natural))
    }

    /// Values for an input in a buffer of their own, from which an encoder copies them when it is their turn.
    pub(crate) fn stage(&self, tensor: Tensor, natural: &[f32]) -> Result<Staged> {
        let values = self.gpu.filled("staged input", &tensor.pack(natural), wgpu::BufferUsages::COPY_SRC)?;
        Ok(Staged { values, input: self.buffers[tensor.id].clone() })
    }

    /// Fills everything the passes write with NaN: what a pass leaves out shows.
    pub fn poison(&self) -> Result<()> {
        let written = self.plan.entries.iter().zip(&self.buffers).filter(|(entry, _)| matches!(entry.origin, Origin::Pass(_)));
        written.into_iter().try_for_each(|(entry, buffer)| self.gpu.write(&entry.name, buffer, &vec![0xff; buffer.size() as usize]))
    }

    /// Encodes a run into a host's command encoder.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        self.encode(encoder, None);
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        for step in &self.steps {
            step.record(&mut pass);
        }
    }

    /// Encodes some steps of a run.
    pub(crate) fn record_steps(&self, encoder: &mut wgpu::CommandEncoder, steps: &[Step]) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        steps.iter().for_each(|step| step.record(&mut pass));
    }

    /// Runs once and waits.
    pub fn run(&self) -> Result<()> {
        self.gpu.submit("run", |encoder| self.record(encoder))?;
        self.gpu.wait()
    }

    /// Runs once and reads a tensor back, without waiting: the next run can be written and submitted while this one goes on.
    pub fn submit(&self, tensor: Tensor) -> Result<Readback> {
        Readback::submit(&self.gpu, |encoder| self.record(encoder), self.buffer_of(tensor), tensor.bytes() as u64)
    }

    /// Reads a tensor back: its bytes, as they lie in the buffer.
    pub fn read_bytes(&self, tensor: Tensor) -> Result<Vec<u8>> {
        Readback::submit(&self.gpu, |_| {}, self.buffer_of(tensor), tensor.bytes() as u64)?.wait()
    }

    /// Reads a tensor back: natural values.
    pub fn read(&self, tensor: Tensor) -> Result<Vec<f32>> {
        Ok(tensor.unpack(&self.read_bytes(tensor)?))
    }
}

/// Values on their way into an input.
pub(crate) struct Staged {
    values: wgpu::Buffer,
    input: Arc<wgpu::Buffer>,
}

impl Staged {
    /// What the encoder records from here on reads them.
    pub(crate) fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_buffer_to_buffer(&self.values, 0, &self.input, 0, self.values.size());
    }
}

impl Step {
    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        let [x, y, z] = self.grid;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Bytes of all buffers of a plan, as [`Executor::memory`] says them once it is resolved.
pub(crate) fn memory_of(plan: &Plan) -> u64 {
    let fixed = plan.entries.iter().filter(|entry| !matches!(entry.origin, Origin::Pass(_)));
    let (_, slots) = plan.slots();
    fixed.map(|entry| entry.tensor.bytes() as u64).sum::<u64>() + slots.bytes.iter().map(|&bytes| bytes as u64).sum::<u64>()
}

/// Bytes of a buffer for a binding.
pub(crate) fn entry(binding: u32, buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindGroupEntry<'_> {
    let size = wgpu::BufferSize::new(size);
    wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size }) }
}
