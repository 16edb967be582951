//! Executor: a plan resolved on a device. Pipelines, bind groups and grids are made once; a run only encodes them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::choice::{self, Chosen};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::Variant;
use crate::plan::{Band, Origin, Pass, Plan};
use crate::tensor::Tensor;
use crate::tier::{Matrix, Tier};
use crate::tune::{self, Choice, Choices, Tuning};

mod profile;
mod readback;
pub use profile::{PassTime, RunTime};
pub use readback::Readback;

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
struct Step {
    pass: usize,
    variant: &'static Variant,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    grid: [u32; 3],
}

impl Executor {
    /// Resolves a plan: checks it against the device's limits, uploads its constants, shares buffers, compiles pipelines.
    /// `scope` keeps apart the constants of different models on one device; executors of one scope share them.
    pub fn new(gpu: &Gpu, plan: Plan, scope: &str, options: &Options) -> Result<Executor> {
        let limits = gpu.device().limits();
        let max_binding = options.max_binding.unwrap_or(u64::MAX).min(limits.max_storage_buffer_binding_size);
        let tier = choice::tier(gpu, options);
        // Before there are buffers of this plan: timing needs some of its own.
        let choices = tune::choices(gpu, &plan, &tier, options);
        let mut executor = Executor { gpu: gpu.clone(), steps: Vec::new(), buffers: Vec::new(), plan, choices };
        let banded: Vec<Vec<Band>> = executor.plan.passes.iter().map(|pass| bands(pass, max_binding)).collect::<Result<_>>()?;
        let chosen: Vec<Chosen> = executor.plan.passes.iter().map(|pass| executor.choose(pass, &tier, options)).collect::<Result<_>>()?;
        // Kernels compile on other cores while the constants are packed and uploaded.
        executor.buffers = std::thread::scope(|threads| {
            let compiling = threads.spawn(|| gpu.compile(&executor.plan.passes, &chosen));
            let buffers = executor.allocate(scope, limits.max_buffer_size)?;
            compiling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok::<_, Error>(buffers)
        })?;
        executor.resolve(&banded, &chosen)?;
        Ok(executor)
    }

    fn choose(&self, pass: &Pass, tier: &Tier, options: &Options) -> Result<Chosen> {
        let tuned = self.choices.get(&tune::shape(pass)).map(|choice| choice.variant.as_str());
        choice::choose(&self.gpu, pass, tier, options, tuned)
    }

    /// The buffer of every tensor; constants are uploaded.
    fn allocate(&self, scope: &str, max_buffer: u64) -> Result<Vec<Arc<wgpu::Buffer>>> {
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
            // Staging memory is only given back when the copies have run.
            if pending > 4 << 20 {
                self.flush()?;
                pending = 0;
            }
        }
        self.flush()?;
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

    fn resolve(&mut self, banded: &[Vec<Band>], chosen: &[Chosen]) -> Result<()> {
        let limits = self.gpu.device().limits();
        let (align, storage_align) =
            (limits.min_uniform_buffer_offset_alignment as usize, u64::from(limits.min_storage_buffer_offset_alignment));
        let dispatches =
            || self.plan.passes.iter().zip(banded).enumerate().flat_map(|(i, (pass, bands))| bands.iter().map(move |band| (i, pass, band)));

        let mut uniforms: Vec<u8> = Vec::new();
        let mut offsets = Vec::new();
        for (_, pass, band) in dispatches() {
            uniforms.resize(uniforms.len().next_multiple_of(align), 0);
            let params = parameters(pass, band, storage_align);
            offsets.push((uniforms.len() as u64, params.len() as u64));
            uniforms.extend(params);
        }
        let uniform = self.gpu.guarded("parameters", || {
            let buffer = self.gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("parameters"),
                size: uniforms.len().next_multiple_of(16) as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.gpu.queue().write_buffer(&buffer, 0, &uniforms);
            buffer
        })?;

        let mut steps = Vec::with_capacity(offsets.len());
        for ((index, pass, band), (offset, size)) in dispatches().zip(offsets) {
            let variant = chosen[index].variant;
            let pipeline = self.gpu.pipeline(pass, &chosen[index])?;
            let mut entries = vec![entry(0, &uniform, offset, size)];
            let mut windows = pass.windows.iter();
            for (binding, tensor) in (1..).zip(pass.reads.iter().chain([&pass.write])) {
                let (start, end) = match tensor.is_slab() {
                    true => range(tensor, windows.next().expect("every slab has its window"), band, storage_align),
                    false => (0, tensor.bytes() as u64),
                };
                entries.push(entry(binding, &self.buffers[tensor.id], start, end - start));
            }
            let grid = (variant.grid)(pass, band);
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
            steps.push(Step { pass: index, variant, pipeline, bindings, grid });
        }
        self.steps = steps;
        Ok(())
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
    pub(crate) fn stage(&self, tensor: Tensor, natural: &[f32]) -> Result<wgpu::Buffer> {
        let packed = tensor.pack(natural);
        let buffer = self.buffer("staged input", packed.len() as u64)?;
        self.gpu.write("staged input", &buffer, &packed)?;
        Ok(buffer)
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

impl Step {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        let [x, y, z] = self.grid;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// The bands of a pass: all of it when every slab fits a binding, else fewer images, else fewer rows.
fn bands(pass: &Pass, max_binding: u64) -> Result<Vec<Band>> {
    let slabs: Vec<&Tensor> = pass.reads.iter().chain([&pass.write]).filter(|tensor| tensor.is_slab()).collect();
    let others = pass.reads.iter().chain([&pass.write]).filter(|tensor| !tensor.is_slab());
    let limit = |need: u64| Error::Limit { pass: pass.label.clone(), what: "storage binding (bytes)", need, have: max_binding };
    if let Some(need) = others.map(|tensor| tensor.bytes() as u64).find(|&need| need > max_binding) {
        return Err(limit(need));
    }
    let need = |band: &Band| {
        let bytes = slabs.iter().zip(&pass.windows).map(|(tensor, window)| {
            // Rounding the start down to an alignment of at most 256 bytes.
            let (start, end) = range(tensor, window, band, 256);
            end - start
        });
        bytes.max().unwrap_or(0)
    };
    let (mut images, mut rows) = (pass.domain.images, pass.domain.rows);
    loop {
        let mut bands = Vec::new();
        for n in (0..pass.domain.images).step_by(images as usize) {
            for y in (0..pass.domain.rows).step_by(rows as usize) {
                bands.push(Band { y, rows: rows.min(pass.domain.rows - y), n, images: images.min(pass.domain.images - n) });
            }
        }
        let most = bands.iter().map(need).max().unwrap_or(0);
        match (images, rows) {
            _ if most <= max_binding => return Ok(bands),
            (1, 1) => return Err(limit(most)),
            (1, _) => rows = rows.div_ceil(2),
            _ => images = images.div_ceil(2),
        }
    }
}

/// The bytes of a slab that a band touches, the start rounded down to `align`.
fn range(tensor: &Tensor, window: &crate::plan::Window, band: &Band, align: u64) -> (u64, u64) {
    let (row, rows, border) = (tensor.row_bytes() as u64, tensor.rows() as u64, tensor.border());
    let single = tensor.shape[0] == 1;
    let (first, last) = match tensor.shape[2] == 1 {
        true => (0, rows),
        false => {
            let (first, last) = window.rows(band.y as usize, band.rows as usize, tensor.shape[2], border);
            ((first + border as isize) as u64, (last + border as isize) as u64)
        }
    };
    let (n0, n1) = if single { (0, 0) } else { (u64::from(band.n), u64::from(band.n + band.images) - 1) };
    // Whole fours of pixels before it, so that they stay aligned in what is bound.
    let align = align.max(64);
    ((n0 * rows + first) * row / align * align, (n1 * rows + last) * row + tensor.tail_bytes() as u64)
}

/// What a dispatch gets: the band and the slabs as they lie in what is bound, then the kernel's own parameters.
fn parameters(pass: &Pass, band: &Band, align: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !pass.windows.is_empty() {
        bytes.extend(bytemuck::bytes_of(band));
        let slabs = pass.reads.iter().chain([&pass.write]).filter(|tensor| tensor.is_slab());
        for (tensor, window) in slabs.zip(&pass.windows) {
            let mut slab = tensor.slab(pass.domain.images as usize);
            let (start, _) = range(tensor, window, band, align);
            slab.origin -= (start / (4 * tensor.dtype.bytes() as u64)) as i32;
            bytes.extend(bytemuck::bytes_of(&slab));
        }
    }
    bytes.extend(&pass.params);
    bytes
}

fn entry(binding: u32, buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindGroupEntry<'_> {
    let size = wgpu::BufferSize::new(size);
    wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size }) }
}
