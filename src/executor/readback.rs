//! Reading back: a copy into a buffer of its own that the host maps when the device is there, while later runs go on.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::gpu::{Gpu, lock};
use crate::task::Task;

/// Bytes that were submitted and may not be there yet.
pub struct Readback {
    gpu: Gpu,
    staging: wgpu::Buffer,
    submission: Option<wgpu::SubmissionIndex>,
    mapped: Arc<(Mutex<Mapped>, Condvar)>,
    /// Waits for the device where somebody awaits it: wgpu calls back only who asks.
    waiting: Waiting,
}

enum Waiting {
    NotYet,
    ForDevice(Task<Result<()>>),
    /// The device is there; another thread that asked it may still be about to call back.
    ForCallback,
}

#[derive(Default)]
struct Mapped {
    outcome: Option<Result<(), String>>,
    waker: Option<Waker>,
}

/// What wgpu calls back, or drops.
struct Callback(Arc<(Mutex<Mapped>, Condvar)>);

impl Callback {
    fn tell(&self, outcome: Result<(), String>) {
        let mut mapped = lock(&self.0.0);
        mapped.outcome.get_or_insert(outcome);
        if let Some(waker) = mapped.waker.take() {
            waker.wake();
        }
        self.0.1.notify_all();
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // Counts only where nothing was told.
        self.tell(Err("the device dropped it".into()));
    }
}

impl Readback {
    /// Submits what `encode` records, and after it a copy of the first `size` bytes of `source`.
    pub(crate) fn submit(gpu: &Gpu, encode: impl FnOnce(&mut wgpu::CommandEncoder), source: &wgpu::Buffer, size: u64) -> Result<Readback> {
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
        let mapped: Arc<(Mutex<Mapped>, Condvar)> = Arc::default();
        let callback = Callback(mapped.clone());
        gpu.guarded("readback", || {
            staging.slice(..).map_async(wgpu::MapMode::Read, move |outcome| callback.tell(outcome.map_err(|error| error.to_string())));
        })?;
        Ok(Readback { gpu: gpu.clone(), staging, submission, mapped, waiting: Waiting::NotYet })
    }

    /// The bytes, once, if the device is there; returns at once.
    pub fn try_take(&mut self) -> Option<Result<Vec<u8>>> {
        // An error of the device is the answer: nobody would call back.
        if let Err(error) = self.gpu.poll(wgpu::PollType::Poll) {
            return Some(Err(error));
        }
        self.taken()
    }

    /// Waits for the submission, not for later ones, and gives the bytes. In a browser nothing can wait: an error.
    pub fn wait(mut self) -> Result<Vec<u8>> {
        if cfg!(target_arch = "wasm32") {
            return Err(Error::Device("nothing can be waited for in a browser".into()));
        }
        self.gpu.wait_for(self.submission.take())?;
        let (mapped, told) = &*self.mapped;
        let mut mapped = told.wait_while(lock(mapped), |mapped| mapped.outcome.is_none()).unwrap_or_else(PoisonError::into_inner);
        let outcome = mapped.outcome.take().expect("waited for");
        drop(mapped);
        self.bytes(outcome)
    }

    fn taken(&self) -> Option<Result<Vec<u8>>> {
        let outcome = lock(&self.mapped.0).outcome.take()?;
        Some(self.bytes(outcome))
    }

    fn bytes(&self, outcome: Result<(), String>) -> Result<Vec<u8>> {
        outcome.map_err(|error| Error::Device(format!("readback: {error}")))?;
        let view = self.staging.slice(..).get_mapped_range().map_err(|error| Error::Device(format!("readback: {error}")))?;
        Ok(view.to_vec())
    }
}

impl Future for Readback {
    type Output = Result<Vec<u8>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        lock(&self.mapped.0).waker = Some(context.waker().clone());
        if let Some(outcome) = self.try_take() {
            return Poll::Ready(outcome);
        }
        // A browser calls back by itself.
        if cfg!(target_arch = "wasm32") {
            return Poll::Pending;
        }
        if let Waiting::NotYet = self.waiting {
            let (gpu, submission) = (self.gpu.clone(), self.submission.take());
            self.waiting = Waiting::ForDevice(Task::spawn(move || gpu.wait_for(submission)));
        }
        if let Waiting::ForDevice(task) = &mut self.waiting {
            match Pin::new(task).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => self.waiting = Waiting::ForCallback,
            }
        }
        self.taken().map_or(Poll::Pending, Poll::Ready)
    }
}
