//! Reading back: a copy into a buffer of its own that the host maps when the device is there, while later runs go on.

use std::sync::mpsc::{Receiver, channel};

use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// Bytes that were submitted and may not be there yet.
pub struct Readback {
    gpu: Gpu,
    staging: wgpu::Buffer,
    submission: Option<wgpu::SubmissionIndex>,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Readback {
    /// Submits what `encode` records, and after it a copy of the first `size` bytes of `source`.
    pub(super) fn submit(gpu: &Gpu, encode: impl FnOnce(&mut wgpu::CommandEncoder), source: &wgpu::Buffer, size: u64) -> Result<Readback> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: Some("readback"), size, usage, mapped_at_creation: false };
        let staging = gpu.guarded("readback", || gpu.device().create_buffer(&descriptor))?;
        let submission = gpu.submit("run and read back", |encoder| {
            encode(encoder);
            encoder.copy_buffer_to_buffer(source, 0, &staging, 0, size);
        })?;
        Readback::of(gpu, staging, Some(submission))
    }

    /// Of a buffer that a submission fills: that one, or any before this call.
    pub(super) fn of(gpu: &Gpu, staging: wgpu::Buffer, submission: Option<wgpu::SubmissionIndex>) -> Result<Readback> {
        let (sender, mapped) = channel();
        gpu.guarded("readback", || {
            staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
                // Fails when nobody waits any more.
                let _ = sender.send(result);
            });
        })?;
        Ok(Readback { gpu: gpu.clone(), staging, submission, mapped })
    }

    /// Waits for the submission, not for later ones, and gives the bytes.
    pub fn wait(self) -> Result<Vec<u8>> {
        self.gpu.wait_for(self.submission)?;
        let mapped = self.mapped.recv().map_err(|_| Error::Device("the device dropped a readback".into()))?;
        mapped.map_err(|error| Error::Device(format!("readback: {error}")))?;
        let view = self.staging.slice(..).get_mapped_range().map_err(|error| Error::Device(format!("readback: {error}")))?;
        Ok(view.to_vec())
    }
}
