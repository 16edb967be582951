//! Timing of an executor: a run as a whole, and pass by pass.

use std::time::{Duration, Instant};

use super::{Executor, Readback};
use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// Time of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunTime {
    /// GPU time in nanoseconds, from the start of the first dispatch to the end of the last; absent on devices without timestamps.
    pub nanoseconds: Option<f64>,
    /// Time on the host's clock from encoding until the device is done, nothing read back.
    pub wall: Duration,
}

/// A row of timestamps, and where they are resolved to.
pub(crate) struct Timestamps {
    queries: wgpu::QuerySet,
    count: u32,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Executor {
    /// Runs once as [`Executor::run`] does, in one compute pass, and times it.
    pub fn time(&self) -> Result<RunTime> {
        let timestamps = self.gpu.tier().timestamps.then(|| Timestamps::new(&self.gpu, 1)).transpose()?;
        let start = Instant::now();
        self.gpu.submit("timed run", |encoder| {
            self.encode(encoder, timestamps.as_ref().map(|timestamps| timestamps.around(0)));
            if let Some(timestamps) = &timestamps {
                timestamps.resolve(encoder);
            }
        })?;
        self.gpu.wait()?;
        let wall = start.elapsed();
        let bytes = timestamps.map(|timestamps| timestamps.readback(&self.gpu, None)?.wait()).transpose()?;
        Ok(RunTime { nanoseconds: bytes.map(|bytes| nanoseconds(&bytes, &self.gpu)[0]), wall })
    }

    /// Encodes a run with timestamps around every dispatch, from the pair `first` on; gives the pair after them.
    pub(crate) fn record_timed(&self, encoder: &mut wgpu::CommandEncoder, timestamps: &Timestamps, first: u32) -> u32 {
        for (i, step) in (first..).zip(&self.steps) {
            let timestamp_writes = Some(timestamps.around(i));
            step.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes }));
        }
        first + self.steps.len() as u32
    }
}

impl Timestamps {
    /// So many pairs. A query set holds 2048 of them (`wgpu::QUERY_SET_MAX_QUERIES`); plans have a few dozen dispatches.
    pub(crate) fn new(gpu: &Gpu, pairs: u32) -> Result<Timestamps> {
        if !gpu.tier().timestamps {
            return Err(Error::NoTimestamps { device: gpu.name().to_owned() });
        }
        let (device, count) = (gpu.device(), 2 * pairs);
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

    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..self.count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, u64::from(self.count) * 8);
    }

    /// The stamps of that submission, or of any before this call, for [`nanoseconds`].
    pub(crate) fn readback(&self, gpu: &Gpu, submission: Option<wgpu::SubmissionIndex>) -> Result<Readback> {
        Readback::of(gpu, self.staging.clone(), submission)
    }
}

/// Nanoseconds between the stamps of every pair that were read back.
pub(crate) fn nanoseconds(bytes: &[u8], gpu: &Gpu) -> Vec<f64> {
    let ticks: Vec<u64> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
    let period = f64::from(gpu.queue().get_timestamp_period());
    ticks.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period).collect()
}
