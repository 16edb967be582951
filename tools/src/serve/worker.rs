//! The one thread that owns the device. It runs together what waits together, opens the device again when it is lost, and outlives
//! whatever a request does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbaImage;
use stylegan_studio::drawing::place::Place;
use stylegan_wgpu::latent::Ws;
use stylegan_wgpu::{Error, Noise, Result};
use tokio::sync::oneshot;

use super::health::Health;
use super::metrics::Metrics;
use super::painter::{Paint, join};
use super::queue::{Queue, Waiting};
use super::recipe::Recipe;
use crate::warn;

/// What a request waits for.
pub(crate) struct Job {
    pub(crate) recipe: Recipe,
    pub(crate) want: Want,
    pub(crate) reply: oneshot::Sender<Result<Output, Failed>>,
}

/// Whether the rows of w are enough.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Want {
    Ws,
    Picture,
}

/// What a job gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    Ws(Ws),
    Picture(RgbaImage),
}

/// Why a job gives nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failed {
    /// The request asks for what the network cannot do.
    Argument(String),
    /// It cannot be told whose fault it is; the log has the reason.
    Internal,
}

impl Waiting for Job {
    fn kind(&self) -> Option<u32> {
        let kind = match (self.want, self.recipe.noise) {
            (Want::Ws, _) => 0,
            (Want::Picture, Noise::Const) => 1,
            (Want::Picture, Noise::None) => 2,
            // Each has a seed of its own, a call of the generator has one.
            (Want::Picture, Noise::Random { .. } | Noise::AfterZ { .. }) => return None,
        };
        Some(3 * self.recipe.network as u32 + kind)
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// What went wrong with a batch.
enum Trouble {
    Argument(String),
    /// The device is lost, or refuses.
    Device(String),
    /// A bug; what it left behind is not to be trusted.
    Panic,
}

/// The thread's state.
pub(crate) struct Worker<P, Open: FnMut() -> Result<P>> {
    pub(crate) queue: Arc<Queue<Job>>,
    pub(crate) open: Open,
    pub(crate) painter: P,
    pub(crate) batch: usize,
    pub(crate) patience: Duration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
}

impl<P: Paint, Open: FnMut() -> Result<P>> Worker<P, Open> {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.batch, self.patience) {
            self.work(jobs, true);
        }
        self.health.set_ready(false);
    }

    /// Does some jobs. Where that fails, each is tried alone, so that only who is to blame fails; one that was alone when the device
    /// was lost has a second chance.
    fn work(&mut self, mut jobs: Vec<Job>, again: bool) {
        let trouble = match self.attempt(&jobs) {
            Ok(outputs) => return jobs.into_iter().zip(outputs).for_each(|(job, output)| reply(job, Ok(output))),
            Err(trouble) => trouble,
        };
        let whole = match &trouble {
            Trouble::Argument(_) => true,
            Trouble::Device(message) => {
                // wgpu's messages have several lines.
                let message: Vec<&str> = message.split_whitespace().collect();
                warn(&format!("{}; opening the device again", message.join(" ")));
                self.reopen()
            }
            Trouble::Panic => {
                warn("rendering panicked, which is a bug; opening the device again");
                self.reopen()
            }
        };
        match (jobs.len(), trouble) {
            (2.., _) if whole => jobs.into_iter().for_each(|job| self.work(vec![job], true)),
            (1, Trouble::Device(_)) if whole && again => self.work(jobs, false),
            (_, Trouble::Argument(message)) => jobs.drain(..).for_each(|job| reply(job, Err(Failed::Argument(message.clone())))),
            _ => jobs.drain(..).for_each(|job| reply(job, Err(Failed::Internal))),
        }
    }

    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Output>, Trouble> {
        let start = Instant::now();
        let painter = &mut self.painter;
        let outputs = catch_unwind(AssertUnwindSafe(|| make(painter, jobs))).unwrap_or(Err(Trouble::Panic))?;
        let pictures = jobs.iter().filter(|job| job.want == Want::Picture).count();
        if pictures > 0 {
            self.metrics.batch(pictures, start.elapsed());
            self.health.took(start.elapsed() / pictures as u32);
        }
        Ok(outputs)
    }

    /// Opens the device until it works; false when the server stops before it does.
    fn reopen(&mut self) -> bool {
        self.health.set_ready(false);
        let mut pause = Duration::from_millis(100);
        loop {
            self.metrics.device_opened();
            match catch_unwind(AssertUnwindSafe(&mut self.open)) {
                Ok(Ok(painter)) => {
                    self.painter = painter;
                    self.health.set_ready(true);
                    return true;
                }
                _ if self.queue.is_closed() => return false,
                Ok(Err(error)) => warn(&format!("the device could not be opened again, the next try is in {pause:?}: {error}")),
                Err(_) => warn(&format!("opening the device again panicked, the next try is in {pause:?}")),
            }
            std::thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_secs(5));
        }
    }
}

fn make(painter: &mut impl Paint, jobs: &[Job]) -> Result<Vec<Output>, Trouble> {
    let recipes: Vec<&Recipe> = jobs.iter().map(|job| &job.recipe).collect();
    let ws = painter.ws(&recipes).map_err(Trouble::from)?;
    if jobs.iter().all(|job| job.want == Want::Ws) {
        return Ok(ws.into_iter().map(Output::Ws).collect());
    }
    // A batch is of one kind: pictures of a network with the same noise.
    let Recipe { network, noise, .. } = jobs[0].recipe;
    let places: Vec<Option<Place>> = recipes.iter().map(|recipe| recipe.place).collect();
    let pictures = painter.paint(network, &join(&ws).map_err(Trouble::from)?, noise, &places).map_err(Trouble::from)?;
    Ok(pictures.into_iter().map(Output::Picture).collect())
}

/// Whoever asked may have gone meanwhile.
fn reply(job: Job, result: Result<Output, Failed>) {
    let _ = job.reply.send(result);
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error {
            Error::Argument(message) => Trouble::Argument(message),
            // Opening the device again would not draw it either.
            error @ Error::NotFinite { .. } => Trouble::Argument(error.to_string()),
            other => Trouble::Device(other.to_string()),
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
