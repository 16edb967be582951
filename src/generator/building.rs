//! A generator on its way to the device: weights are uploaded and pipelines compiled while the application goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::{Generator, Options};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::task::Task;
use crate::tune::Progress;

/// A [`Generator`] that is being built, on a thread of its own: await it, or ask once a frame.
#[must_use = "a generator is built, and nobody takes it"]
pub struct Building {
    task: Task<Result<Generator>>,
    /// Steps done, and of how many.
    steps: Arc<[AtomicUsize; 2]>,
    taken: bool,
}

impl Building {
    pub(super) fn new(gpu: &Gpu, model: &Model, options: &Options) -> Building {
        let steps: Arc<[AtomicUsize; 2]> = Arc::default();
        let (gpu, model, options, told) = (gpu.clone(), model.clone(), options.clone(), steps.clone());
        let progress = Progress(Arc::new(move |done, total| {
            told[0].fetch_max(done, Ordering::Relaxed);
            told[1].store(total, Ordering::Relaxed);
        }));
        Building { task: Task::spawn(move || Generator::build_now(&gpu, &model, &options, Some(progress))), steps, taken: false }
    }

    /// How far it is, from 0 to 1: weights uploaded and pipelines compiled, of all.
    pub fn progress(&self) -> f32 {
        let [done, total] = [0, 1].map(|i| self.steps[i].load(Ordering::Relaxed));
        if total == 0 { 0.0 } else { done as f32 / total as f32 }
    }

    /// The generator, once, if it is there; returns at once.
    pub fn try_take(&mut self) -> Option<Result<Generator>> {
        let built = self.task.try_take();
        self.taken |= built.is_some();
        built
    }

    /// Waits for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<Generator> {
        if self.taken { Err(taken()) } else { self.task.wait() }
    }
}

impl Future for Building {
    type Output = Result<Generator>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.taken {
            return Poll::Ready(Err(taken()));
        }
        let built = Pin::new(&mut this.task).poll(context);
        this.taken = built.is_ready();
        built
    }
}

fn taken() -> Error {
    Error::Argument("the generator was taken already".into())
}
