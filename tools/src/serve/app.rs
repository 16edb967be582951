//! What all requests share, and the way of a picture: admitted, rendered by the worker, encoded beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use image::{RgbaImage, imageops};
use stylegan_studio::pictures::picture::Picture;
use stylegan_wgpu::latent::Ws;
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::errors::ApiError;
use super::facts::Facts;
use super::gallery::Residents;
use super::health::Health;
use super::metrics::Metrics;
use super::params::{File, Query};
use super::queue::Queue;
use super::recipe::Recipe;
use super::shares::Shares;
use super::site::Site;
use super::worker::{Failed, Job, Output, Want};

/// What all requests share.
pub(crate) struct App {
    /// At least one; the first is the one of requests that name none.
    pub(crate) networks: Vec<Facts>,
    /// Which of them are on the device.
    pub(crate) residents: Residents,
    pub(crate) queue: Arc<Queue<Job>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// Longest time of a request.
    pub(crate) timeout: Duration,
    /// Pictures rendered at once, at most.
    pub(crate) batch: usize,
    /// What `Authorization: Bearer` has to bring, where a token is asked for.
    pub(crate) token: Option<Token>,
    /// Requests that wait, are rendered or are encoded: everything that holds a picture in memory.
    pub(crate) places: Semaphore,
    /// Videos that are drawn or sent: what holds many pictures in memory.
    pub(crate) videos: Arc<Shares>,
    /// Pictures that are encoded at the same time.
    pub(crate) encoders: Arc<Semaphore>,
    /// Whose requests are answered.
    pub(crate) site: Site,
    /// The metrics have an address of their own.
    pub(crate) metrics_apart: bool,
    /// Frames of videos that were promised and are not drawn yet.
    pub(crate) promised: AtomicUsize,
}

/// A secret that is compared without telling by the time it takes how much of it was right.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(secret: String) -> Token {
        Token(secret)
    }

    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl App {
    /// The network of a request, by its id or its name.
    pub(crate) fn facts(&self, query: &Query) -> Result<&Facts, ApiError> {
        let first = &self.networks[0];
        let Some(wanted) = query.text("network") else { return Ok(first) };
        let named = |facts: &&Facts| facts.id == wanted || facts.name == wanted;
        self.networks.iter().find(named).ok_or_else(|| {
            let has: Vec<String> = self.networks.iter().map(|facts| format!("{} ({})", facts.name, facts.id)).collect();
            ApiError::parameter("network", format!("this server has {} now", has.join(", ")))
        })
    }

    /// Finds a place for a request that costs something, or sends it away.
    pub(crate) fn admit(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.places.try_acquire().map_err(|_| ApiError::Busy(self.health.retry_after(self.queue.len())))
    }

    /// Promises so many frames, or sends the request away at once when they would not be drawn in its time: half of that is
    /// for pictures, which are drawn between the frames.
    pub(crate) fn promise(self: &Arc<App>, frames: usize) -> Result<Promise, ApiError> {
        let before = self.promised.fetch_add(frames, Ordering::Relaxed);
        let promise = Promise { app: self.clone(), left: frames };
        match self.health.time_of(before + frames) <= self.timeout / 2 {
            true => Ok(promise),
            false => Err(ApiError::Busy(self.health.retry_after(before.max(1)))),
        }
    }

    /// Renders a picture.
    pub(crate) async fn render(&self, recipe: Recipe) -> Result<RgbaImage, ApiError> {
        picture(self.ask(recipe, Want::Picture)?).await
    }

    /// Computes rows of w.
    pub(crate) async fn ws(&self, recipe: Recipe) -> Result<Ws, ApiError> {
        match answer(self.ask(recipe, Want::Ws)?).await? {
            Output::Ws(ws) => Ok(ws),
            Output::Picture(_) => Err(ApiError::Internal),
        }
    }

    /// Puts a job into the queue. Dropping what this gives takes it out again.
    pub(crate) fn ask(&self, recipe: Recipe, want: Want) -> Result<Asked, ApiError> {
        let (reply, asked) = oneshot::channel();
        match self.queue.push(Job { recipe, want, reply }) {
            true => Ok(asked),
            false => Err(ApiError::Busy(1)),
        }
    }

    /// Makes a file of a picture with so many channels that says `packet` about itself, on a thread where that holds up neither the device nor other requests.
    pub(crate) async fn encode(&self, image: RgbaImage, channels: usize, file: File, packet: Option<String>) -> Result<Bytes, ApiError> {
        self.aside(move || Picture::from_rgba(&fit(image, file.side), channels).encode(file.format, packet.as_deref()).ok())
            .await?
            .ok_or(ApiError::Internal)
            .map(Bytes::from)
    }

    /// Does heavy work on a thread of its own, a few at a time.
    pub(crate) async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let turn = self.encoders.clone().acquire_owned().await.map_err(|_| ApiError::Internal)?;
        // The turn is over when the work is, even if nobody waits for it any more.
        let work = move || {
            let result = work();
            drop(turn);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)
    }
}

/// Frames of a video that are still to be drawn.
pub(crate) struct Promise {
    app: Arc<App>,
    left: usize,
}

impl Promise {
    /// One is drawn.
    pub(crate) fn kept(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            self.app.promised.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.app.promised.fetch_sub(self.left, Ordering::Relaxed);
    }
}

/// A job that was put into the queue.
pub(crate) type Asked = oneshot::Receiver<Result<Output, Failed>>;

/// The picture that was asked for.
pub(crate) async fn picture(asked: Asked) -> Result<RgbaImage, ApiError> {
    match answer(asked).await? {
        Output::Picture(image) => Ok(image),
        Output::Ws(_) => Err(ApiError::Internal),
    }
}

async fn answer(asked: Asked) -> Result<Output, ApiError> {
    match asked.await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(Failed::Argument(message))) => Err(ApiError::Body(message)),
        Ok(Err(Failed::Internal)) | Err(_) => Err(ApiError::Internal),
    }
}

/// The picture with a longer side that divides its own: each pixel is the average of a square.
pub(crate) fn fit(image: RgbaImage, side: u32) -> RgbaImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer == side { image } else { imageops::thumbnail(&image, width * side / longer, height * side / longer) }
}
