//! Looking inside: which layers can be tapped, what passes draw a call's pictures, and how long each takes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::prepared::{Mapped, Prepared};
use super::{Generator, Input, Look};
use crate::error::{Error, Result};
use crate::executor::{Executor, PassInfo, Readback, Timestamps, nanoseconds};
use crate::gpu::Gpu;
use crate::networks::{self, NoiseSource};
use crate::plan::{Pass, Plan};
use crate::tensor::DType;

/// An activation that [`Generator::tap`] gives, `[channels, height, width]` of each picture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// What to call it, as `b64.conv1`.
    pub name: String,
    /// How many maps it has.
    pub channels: usize,
    /// Of a map.
    pub height: usize,
    /// Of a map.
    pub width: usize,
}

/// See [`Generator::previews`]; of the plan of a whole picture.
pub(super) fn previews(plan: &Plan) -> Vec<(usize, (usize, usize))> {
    let preview = |pass: &Pass| Some((networks::layers::preview_of(&pass.label)?, (pass.write.shape[2], pass.write.shape[3])));
    let mut previews: Vec<_> = plan.passes.iter().filter_map(preview).collect();
    // The last one is the whole picture.
    previews.pop();
    previews
}

impl Generator {
    /// The resolutions that [`Look::preview`] draws sooner than the whole picture, the smallest first, each with the height and width of
    /// its picture; none of networks whose blocks do not add up their pictures.
    pub fn previews(&self) -> &[(usize, (usize, usize))] {
        &self.previews
    }

    /// The layers that can be tapped and give maps, in the order they are drawn in. Of a StyleGAN3 with the margin that it draws.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let plan = networks::synthesis(&self.model, 1, self.dtype, NoiseSource::Const).plan;
        let mut layers: Vec<LayerInfo> = Vec::new();
        for pass in plan.passes.iter().filter(|pass| pass.write.is_slab() && pass.write.dtype != DType::Rgba8) {
            let [_, channels, height, width] = pass.write.shape;
            // A name of several passes is the last one's.
            layers.retain(|layer| layer.name != pass.label);
            layers.push(LayerInfo { name: pass.label.clone(), channels, height, width });
        }
        layers
    }

    /// The passes that draw these pictures, in their order: of latents, the mapping network and truncation first. Nothing is drawn.
    pub fn passes<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Vec<PassInfo>> {
        let (scene, way) = self.scene(input.into(), look, None)?;
        let (mapped, prepared) = self.ready(&scene, &way)?;
        Ok(executors(mapped.as_ref(), &prepared).flat_map(Executor::passes).collect())
    }

    /// Draws these pictures once more, with a timestamp around every dispatch: [`Generator::passes`] with the milliseconds of each. Passes
    /// that are timed do not overlap, so that their sum is more than a picture takes.
    ///
    /// # Errors
    /// [`Error::NoTimestamps`] where the device has none, or was created without `wgpu::Features::TIMESTAMP_QUERY`.
    pub fn profile<'a>(&mut self, input: impl Into<Input<'a>>, look: &Look) -> Result<Profiling> {
        let (scene, way) = self.scene(input.into(), look, None)?;
        let encoding = self.encoding(&scene, &way)?;
        let passes: Vec<PassInfo> = executors(encoding.mapped.as_ref(), &encoding.prepared).flat_map(Executor::passes).collect();
        let timestamps = Timestamps::new(&self.gpu, passes.iter().map(|pass| pass.dispatches as u32).sum())?;
        let submission = self.gpu.submit("profile", |encoder| {
            let mut next = 0;
            encoding.encode_with(encoder, &mut |executor, encoder| next = executor.record_timed(encoder, &timestamps, next));
            timestamps.resolve(encoder);
        })?;
        let readback = timestamps.readback(&self.gpu, Some(submission))?;
        Ok(Profiling { gpu: self.gpu.clone(), readback: Some(readback), passes })
    }
}

/// What draws, in order.
fn executors<'a>(mapped: Option<&'a Arc<Mapped>>, prepared: &'a Prepared) -> impl Iterator<Item = &'a Executor> {
    mapped.map(|mapped| &mapped.executor).into_iter().chain([&prepared.executor])
}

/// A profile that was submitted: await it, ask once a frame with [`Profiling::try_take`], or, but in a browser, [`Profiling::wait`].
#[must_use = "a profile is measured, and nobody looks"]
pub struct Profiling {
    gpu: Gpu,
    /// None when it was taken.
    readback: Option<Readback>,
    passes: Vec<PassInfo>,
}

impl Profiling {
    /// The passes with their milliseconds, once, if they are there; returns at once.
    pub fn try_take(&mut self) -> Option<Result<Vec<PassInfo>>> {
        let bytes = self.readback.as_mut()?.try_take()?;
        Some(self.timed(bytes))
    }

    /// Waits for the device, not for later submissions.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self) -> Result<Vec<PassInfo>> {
        let readback = self.readback.take().ok_or_else(taken)?;
        let bytes = readback.wait();
        self.timed(bytes)
    }

    fn timed(&mut self, bytes: Result<Vec<u8>>) -> Result<Vec<PassInfo>> {
        self.readback = None;
        let times = nanoseconds(&bytes?, &self.gpu);
        let mut passes = std::mem::take(&mut self.passes);
        let mut left = &times[..];
        for pass in &mut passes {
            let (own, rest) = left.split_at(pass.dispatches);
            pass.milliseconds = Some(own.iter().sum::<f64>() * 1e-6);
            left = rest;
        }
        Ok(passes)
    }
}

impl Future for Profiling {
    type Output = Result<Vec<PassInfo>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(readback) = &mut this.readback else { return Poll::Ready(Err(taken())) };
        let Poll::Ready(bytes) = Pin::new(readback).poll(context) else { return Poll::Pending };
        Poll::Ready(this.timed(bytes))
    }
}

fn taken() -> Error {
    Error::Argument("the profile was taken already".into())
}
