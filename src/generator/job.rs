//! A job: pictures encoded in slices, so that a network that takes longer than a frame does not hold one up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use image::RgbaImage;

use super::Generator;
use super::encoding::Encoding;
use super::pending::{Again, Pending};
use super::pixels::rgba8;
use super::prepared::Prepared;
use super::target::Target;
use crate::error::{Error, Result};
use crate::executor::{Readback, Step};
use crate::gpu::{Gpu, lock};
use crate::plan::Pass;

/// How much of a job goes into one slice.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// So many 10^9 floating-point operations. A pass that has more of them is cut into bands of rows; a single row is not cut.
    Gflop(f64),
    /// All that is left.
    All,
}

/// Pictures that are encoded bit by bit, frame after frame. Their activations are their own until the job is dropped: the generator may
/// draw others meanwhile. Drop it when its last slice and its way into a target are submitted: what is drawn next may use them.
pub struct Job {
    gpu: Gpu,
    encoding: Encoding,
    again: Again<RgbaImage>,
    /// Pieces of the pass that is being encoded.
    pieces: VecDeque<Step>,
    next_pass: usize,
    encoded: u64,
    begun: bool,
    /// The last pass that reads what a call may change of the constants all calls share.
    last_shared: usize,
    /// Where the activations go back to.
    pool: Arc<Mutex<Vec<Arc<Prepared>>>>,
}

impl Job {
    pub(super) fn new(generator: &Generator, encoding: Encoding, again: Again<RgbaImage>) -> Job {
        let (gpu, pool) = (generator.gpu.clone(), generator.returned.clone());
        let (handles, plan) = (&encoding.prepared.handles, encoding.prepared.executor.plan());
        let reads_shared = |pass: &Pass| pass.reads.iter().any(|tensor| tensor.id == handles.styles.id);
        let last_shared = plan.passes.iter().rposition(reads_shared).unwrap_or(0);
        Job { gpu, encoding, again, pieces: VecDeque::new(), next_pass: 0, encoded: 0, begun: false, last_shared, pool }
    }

    /// Encodes the next slice: at least one piece, and as many as the budget has room for. True when nothing is left. Slices must be
    /// submitted in the order they were encoded; they may share an encoder with anything else.
    pub fn encode_some(&mut self, encoder: &mut wgpu::CommandEncoder, budget: Budget) -> Result<bool> {
        let budget = match budget {
            Budget::Gflop(gflop) if gflop > 0.0 => (gflop * 1e9).min(u64::MAX as f64) as u64,
            Budget::Gflop(gflop) => return Err(Error::Argument(format!("a budget of {gflop} GFLOP; it is above 0"))),
            Budget::All => u64::MAX,
        };
        let first = !self.begun;
        let executor = &self.encoding.prepared.executor;
        let mut left = budget;
        let mut chosen = Vec::new();
        while !self.is_done() {
            if self.pieces.is_empty() {
                match executor.cut(self.next_pass, budget) {
                    Ok(pieces) => self.pieces = pieces.into(),
                    Err(error) => {
                        // Nothing is encoded: the next call begins where this one did.
                        self.encoded -= chosen.iter().map(|piece: &Step| piece.flops).sum::<u64>();
                        self.pieces = chosen.into();
                        return Err(error);
                    }
                }
                self.next_pass += 1;
            }
            let flops = self.pieces.front().map_or(0, |piece| piece.flops);
            // Others draw between the slices: what is shared is as it was after the first.
            if !chosen.is_empty() && flops > left && self.next_pass > self.last_shared + 1 {
                break;
            }
            left = left.saturating_sub(flops);
            self.encoded += flops;
            chosen.extend(self.pieces.pop_front());
        }
        self.begun = true;
        if first {
            self.encoding.begin(encoder);
        }
        executor.record_steps(encoder, &chosen);
        if first {
            self.encoding.end(encoder);
        }
        Ok(self.is_done())
    }

    /// The same, submitted by itself; waits for the device. For a thread of the application's that draws while another shows frames: with
    /// one slice on the device at a time, a frame waits for no more than that.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait_some(&mut self, budget: Budget) -> Result<bool> {
        let gpu = self.gpu.clone();
        let mut done = Ok(false);
        let submission = gpu.submit("a slice of a job", |encoder| done = self.encode_some(encoder, budget))?;
        gpu.wait_for(Some(submission))?;
        done
    }

    /// [`Job::encode_target`], submitted by itself; waits for the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait_target(&self, target: Target<'_>) -> Result<()> {
        let mut encoded = Ok(());
        let submission = self.gpu.submit("pictures into a target", |encoder| encoded = self.encode_target(encoder, target))?;
        self.gpu.wait_for(Some(submission))?;
        encoded
    }

    fn is_done(&self) -> bool {
        self.pieces.is_empty() && self.next_pass == self.encoding.prepared.executor.plan().passes.len()
    }

    /// The part of the work that is encoded, from 0 to 1.
    pub fn progress(&self) -> f32 {
        match self.is_done() {
            true => 1.0,
            false => self.encoded as f32 / self.encoding.prepared.executor.plan().flops().max(1) as f32,
        }
    }

    /// Encodes the pictures' way into a host's texture or buffer; after the last slice.
    pub fn encode_target(&self, encoder: &mut wgpu::CommandEncoder, target: Target<'_>) -> Result<()> {
        self.finished()?;
        target.check(&self.encoding.prepared.handles)?;
        target.encode(&self.gpu, &self.encoding.prepared.handles, &self.encoding.prepared.executor, encoder)
    }

    /// Reads the pictures back; after the last slice was submitted.
    pub fn read(self) -> Result<Pending<RgbaImage>> {
        self.finished()?;
        let Prepared { handles, executor, .. } = &*self.encoding.prepared;
        let (tensor, unpack) = rgba8(handles);
        let readback = Readback::submit(&self.gpu, |_| {}, executor.buffer_of(tensor), tensor.bytes() as u64)?;
        Ok(Pending::new(readback, tensor, unpack, self.again.clone()))
    }

    fn finished(&self) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        Err(Error::Argument(format!("the job is encoded to {:.0} %; encode_some says when it is done", self.progress() * 100.0)))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        lock(&self.pool).push(self.encoding.prepared.clone());
    }
}
