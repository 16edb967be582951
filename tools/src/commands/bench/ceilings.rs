//! What the device reaches at most, measured: a copy, multiply-adds, and products of matrix units. The floors of all passes come
//! from these.

use std::time::{Duration, Instant};

use stylegan_wgpu::internals::kernel::matrix_prelude;
use stylegan_wgpu::internals::tier::Matrix;
use stylegan_wgpu::{Error, Gpu, wgpu};

use super::report::Ceilings;

/// A measurement goes on for this long, so that clocks rise; its best run counts.
const TIME: Duration = Duration::from_millis(150);
/// A run is at least this long: starting one must not show.
const LONG_ENOUGH: f64 = 0.015;
/// Workgroups of 64: fills the largest GPUs, and is 10 ms of one round on two CPU cores.
const FMA_GROUPS: u32 = 8192;
/// Operations of an invocation in a round (`fma_rate` in ceilings.wgsl).
const FMA_OPERATIONS: f64 = 256.0;
/// Products of matrices of a workgroup in a round (`matrix_rate.wgsl`): 4 subgroups, 16 each.
const MATRIX_PRODUCTS: f64 = 64.0;

/// Measures all of them; under a second on a software adapter.
pub(super) fn measure(gpu: &Gpu) -> Result<Ceilings, Error> {
    let copy = Probe::copy(gpu).best(|_| 1.0)?;
    let fma = |element| Probe::fma(gpu, element).best(|rounds| f64::from(rounds) * FMA_OPERATIONS * f64::from(FMA_GROUPS) * 64.0);
    let fma_f16_gflops = if gpu.tier().half { Some(fma("f16")? / 1e9) } else { None };
    let matrix_f16_gflops = match gpu.tier().matrix {
        Some(matrix) => matrix_rate(gpu, matrix)?.map(|rate| rate / 1e9),
        None => None,
    };
    Ok(Ceilings {
        copy_gbs: copy * copied_bytes(gpu) as f64 * 2.0 / 1e9,
        fma_f32_gflops: fma("f32")? / 1e9,
        fma_f16_gflops,
        matrix_f16_gflops,
    })
}

/// Operations per second of the matrix units; nothing where they count wrongly, which is where their kernels are refused too.
fn matrix_rate(gpu: &Gpu, matrix: Matrix) -> Result<Option<f64>, Error> {
    let probe = Probe::matrix(gpu, matrix);
    probe.run(3)?;
    if probe.counted()? != [12.0; 4] {
        return Ok(None);
    }
    let product = 2.0 * f64::from(matrix.side).powi(3);
    Ok(Some(probe.best(|rounds| f64::from(rounds) * product * MATRIX_PRODUCTS * f64::from(probe.grid[0]))?))
}

/// Larger than the caches of GPUs (the largest have 96 to 128 MiB); a CPU's are smaller, and its copies slow.
fn copied_bytes(gpu: &Gpu) -> u64 {
    let wanted = if gpu.info().device_type == wgpu::DeviceType::Cpu { 32 << 20 } else { 256 << 20 };
    wanted.min(gpu.device().limits().max_storage_buffer_binding_size)
}

/// A kernel that is run again and again.
struct Probe<'a> {
    gpu: &'a Gpu,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    params: wgpu::Buffer,
    dst: wgpu::Buffer,
    length: u32,
    grid: [u32; 2],
    /// Whether its work grows with the rounds.
    has_rounds: bool,
}

impl<'a> Probe<'a> {
    fn copy(gpu: &'a Gpu) -> Probe<'a> {
        let bytes = copied_bytes(gpu);
        let groups = (bytes / 16).div_ceil(1024) as u32;
        Probe::new(gpu, "copy", vectors("f32"), &[], bytes, [groups.min(32768), groups.div_ceil(32768)])
    }

    fn fma(gpu: &'a Gpu, element: &str) -> Probe<'a> {
        Probe::new(gpu, "fma_rate", vectors(element), &[], 16, [FMA_GROUPS, 1])
    }

    fn matrix(gpu: &'a Gpu, matrix: Matrix) -> Probe<'a> {
        let enable = if matrix.emulated { "enable f16;\n" } else { "enable f16;\nenable wgpu_cooperative_matrix;\n" };
        let source = [enable, &matrix_prelude(matrix.side, matrix.emulated), include_str!("matrix_rate.wgsl")].concat();
        // Emulation is for tests, and slow.
        let groups = if matrix.emulated { 1 } else { FMA_GROUPS };
        Probe::new(gpu, "matrix_rate", source, &[("LANES", f64::from(matrix.lanes))], 16, [groups, 1])
    }

    fn new(gpu: &'a Gpu, entry_point: &str, source: String, constants: &[(&str, f64)], bytes: u64, grid: [u32; 2]) -> Probe<'a> {
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(entry_point),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: None,
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
            cache: None,
        });
        let buffer = |size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(entry_point),
                size,
                usage: usage | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        };
        let params = buffer(16, wgpu::BufferUsages::UNIFORM);
        // Only `copy` reads: WebGPU wants exactly the bindings an entry point uses.
        let reads = entry_point == "copy";
        let (src, dst) = (buffer(bytes, wgpu::BufferUsages::STORAGE), buffer(bytes, wgpu::BufferUsages::STORAGE));
        let mut entries = vec![entry(0, &params), entry(2, &dst)];
        if reads {
            entries.push(entry(1, &src));
        }
        let layout = pipeline.get_bind_group_layout(0);
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        Probe { gpu, pipeline, bindings, params, dst, length: (bytes / 16) as u32, grid, has_rounds: !reads }
    }

    /// The best rate of several runs: `work(rounds)` per second.
    fn best(&self, work: impl Fn(u32) -> f64) -> Result<f64, Error> {
        let mut rounds = 1;
        while self.has_rounds && self.run(rounds)? < LONG_ENOUGH && rounds < 1 << 20 {
            rounds *= 2;
        }
        let (start, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
        while runs < 3 || start.elapsed() < TIME {
            best = best.min(self.run(rounds)?);
            runs += 1;
        }
        Ok(work(rounds) / best)
    }

    /// What the last run of `matrix_rate` counted.
    fn counted(&self) -> Result<[f32; 4], Error> {
        let device = self.gpu.device();
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 16,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&self.dst, 0, &staging, 0, 16);
        self.gpu.queue().submit([encoder.finish()]);
        mapped(device, &staging, bytemuck::pod_read_unaligned)
    }

    /// Seconds of a run, by timestamps where there are some.
    fn run(&self, rounds: u32) -> Result<f64, Error> {
        let (device, queue) = (self.gpu.device(), self.gpu.queue());
        let values = [rounds, 0.999f32.to_bits(), 0.001f32.to_bits(), self.length];
        queue.write_buffer(&self.params, 0, bytemuck::cast_slice(&values));
        queue.submit([]);
        let stamps = self.gpu.tier().timestamps.then(|| {
            let buffer = |usage| device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
            let queries = device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 });
            let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
            (queries, resolved, buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST))
        });
        wait(device)?;
        let start = Instant::now();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: stamps.as_ref().map(|(query_set, ..)| wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
        drop(pass);
        if let Some((queries, resolved, staging)) = &stamps {
            encoder.resolve_query_set(queries, 0..2, resolved, 0);
            encoder.copy_buffer_to_buffer(resolved, 0, staging, 0, 16);
        }
        queue.submit([encoder.finish()]);
        let Some((_, _, staging)) = &stamps else { return wait(device).map(|()| start.elapsed().as_secs_f64()) };
        let ticks: Vec<u64> = mapped(device, staging, |bytes| bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect())?;
        let seconds = ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(queue.get_timestamp_period()) * 1e-9;
        Ok(seconds.max(1e-9))
    }
}

/// Waits for the device.
fn wait(device: &wgpu::Device) -> Result<(), Error> {
    device.poll(wgpu::PollType::wait_indefinitely()).map(|_| ()).map_err(failed)
}

/// Reads a staging buffer when what fills it is done.
fn mapped<T>(device: &wgpu::Device, staging: &wgpu::Buffer, read: impl Fn(&[u8]) -> T) -> Result<T, Error> {
    staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
    wait(device)?;
    staging.slice(..).get_mapped_range().map(|view| read(&view)).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Device(format!("measuring its ceilings: {error}"))
}

/// The source of `copy` and `fma_rate` for vectors of these elements.
fn vectors(element: &str) -> String {
    let enable = if element == "f16" { "enable f16;\n" } else { "" };
    format!("{enable}alias Vector = vec4<{element}>;\n{}", include_str!("ceilings.wgsl"))
}

fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::blocking;

    use super::*;

    /// The emulation counts, so every operand is where the kernel takes it from and every product is added.
    #[test]
    fn matrix_units_count_their_products() {
        let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
        for side in [16, 8] {
            let matrix = Matrix { side, lanes: 32, workgroup_memory: 32 << 10, emulated: true };
            assert!(matrix_rate(&gpu, matrix).unwrap().is_some_and(|rate| rate > 0.0), "{side}");
            // Half of the lanes leave half of a fragment out.
            assert_eq!(matrix_rate(&gpu, Matrix { lanes: 16, ..matrix }).unwrap(), None, "{side}");
        }
    }
}
