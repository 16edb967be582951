//! A call's commands: its inputs' copies, the mapping network, the synthesis network. The inputs are its own: any number of encodings go
//! into one encoder, and are drawn in its order.

use std::sync::Arc;

use super::prepared::{Mapped, Prepared};
use crate::executor::{Executor, Staged};

/// What is encoded for a call.
pub(super) struct Encoding {
    pub(super) mapped: Option<Arc<Mapped>>,
    pub(super) latents: Vec<Staged>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) before: Vec<Staged>,
    pub(super) after: Vec<Staged>,
}

/// Encodes a run of a network.
type Record<'a> = dyn FnMut(&Executor, &mut wgpu::CommandEncoder) + 'a;

impl Encoding {
    /// All of it.
    pub(super) fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        self.encode_with(encoder, &mut |executor, encoder| executor.record(encoder));
    }

    /// All of it, with what encodes a run of each network.
    pub(super) fn encode_with(&self, encoder: &mut wgpu::CommandEncoder, record: &mut Record<'_>) {
        self.begin_with(encoder, record);
        record(&self.prepared.executor, encoder);
        self.end(encoder);
    }

    /// What comes before the synthesis network's passes.
    pub(super) fn begin(&self, encoder: &mut wgpu::CommandEncoder) {
        self.begin_with(encoder, &mut |executor, encoder| executor.record(encoder));
    }

    fn begin_with(&self, encoder: &mut wgpu::CommandEncoder, record: &mut Record<'_>) {
        self.latents.iter().for_each(|staged| staged.encode(encoder));
        if let Some(mapped) = &self.mapped
            && let Some(truncated) = &mapped.truncated
        {
            record(&mapped.executor, encoder);
            let (from, to) = (mapped.executor.buffer_of(truncated.ws), self.prepared.executor.buffer_of(self.prepared.handles.ws));
            encoder.copy_buffer_to_buffer(from, 0, to, 0, to.size());
        }
        self.before.iter().for_each(|staged| staged.encode(encoder));
    }

    /// What comes after them: constants that were changed for this call are as before.
    pub(super) fn end(&self, encoder: &mut wgpu::CommandEncoder) {
        self.after.iter().for_each(|staged| staged.encode(encoder));
    }
}
