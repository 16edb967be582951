//! Timing of an executor: a run as a whole, and pass by pass.

use std::time::{Duration, Instant};

use super::{Executor, Readback};
use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// GPU time of a pass.
#[derive(Clone, Debug)]
pub struct PassTime {
    /// Label of the pass, as `b1024.conv0`.
    pub label: String,
    /// Its kernel.
    pub kernel: &'static str,
    /// The variant that ran.
    pub variant: &'static str,
    /// GPU time in nanoseconds, all bands together.
    pub nanoseconds: f64,
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes when every operand moves once.
    pub traffic: u64,
}

/// Time of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunTime {
    /// GPU time in nanoseconds, from the start of the first dispatch to the end of the last; absent on devices without timestamps.
    pub nanoseconds: Option<f64>,
    /// Time on the host's clock from encoding until the device is done, nothing read back.
    pub wall: Duration,
}

/// A row of timestamps, and where they are resolved to.
struct Timestamps {
    queries: wgpu::QuerySet,
    count: u32,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Executor {
    /// Runs once as [`Executor::run`] does, in one compute pass, and times it.
    pub fn time(&self) -> Result<RunTime> {
        let timestamps = self.gpu.tier().timestamps.then(|| Timestamps::new(&self.gpu, 2)).transpose()?;
        let start = Instant::now();
        self.gpu.submit("timed run", |encoder| {
            self.encode(encoder, timestamps.as_ref().map(|timestamps| timestamps.around(0)));
            if let Some(timestamps) = &timestamps {
                timestamps.resolve(encoder);
            }
        })?;
        self.gpu.wait()?;
        let wall = start.elapsed();
        let nanoseconds = timestamps.map(|timestamps| timestamps.read(&self.gpu)).transpose()?.map(|times| times[0]);
        Ok(RunTime { nanoseconds, wall })
    }

    /// Runs once with a timestamp around every dispatch. An error on devices without timestamps.
    pub fn profile(&self) -> Result<Vec<PassTime>> {
        if !self.gpu.tier().timestamps {
            return Err(Error::Device(format!("{} has no timestamps", self.gpu.name())));
        }
        // A query set holds up to 4096 queries (wgpu::QUERY_SET_MAX_QUERIES); plans have a few dozen dispatches.
        let timestamps = Timestamps::new(&self.gpu, 2 * self.steps.len() as u32)?;
        self.gpu.submit("profile", |encoder| {
            for (i, step) in (0..).zip(&self.steps) {
                let timestamp_writes = Some(timestamps.around(i));
                step.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes }));
            }
            timestamps.resolve(encoder);
        })?;
        let mut times: Vec<PassTime> = Vec::new();
        let mut last = usize::MAX;
        for (step, nanoseconds) in self.steps.iter().zip(timestamps.read(&self.gpu)?) {
            if step.pass == last {
                times.last_mut().expect("a band follows a band").nanoseconds += nanoseconds;
                continue;
            }
            last = step.pass;
            let pass = &self.plan.passes[step.pass];
            times.push(PassTime {
                label: pass.label.clone(),
                kernel: pass.kernel.name,
                variant: step.variant.name,
                nanoseconds,
                flops: pass.flops,
                traffic: self.plan.traffic(pass),
            });
        }
        Ok(times)
    }
}

impl Timestamps {
    fn new(gpu: &Gpu, count: u32) -> Result<Timestamps> {
        let device = gpu.device();
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size: u64::from(count) * 8, usage, mapped_at_creation: false })
        };
        gpu.guarded("timestamps", || Timestamps {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count }),
            count,
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            staging: buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        })
    }

    /// The pair `2i`, `2i + 1` at the ends of a compute pass.
    fn around(&self, i: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * i),
            end_of_pass_write_index: Some(2 * i + 1),
        }
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..self.count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, u64::from(self.count) * 8);
    }

    /// Nanoseconds between the stamps of every pair.
    fn read(&self, gpu: &Gpu) -> Result<Vec<f64>> {
        let bytes = Readback::of(gpu, self.staging.clone(), None)?.wait()?;
        let ticks: Vec<u64> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let period = f64::from(gpu.queue().get_timestamp_period());
        Ok(ticks.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period).collect())
    }
}
