//! The frames of a video as they are drawn, and bodies made of them: sent while the rest is drawn where the format can
//! ([`Stream::can`]), else when they are complete.

use std::collections::VecDeque;
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use image::DynamicImage;
use stylegan_studio::pictures::animation::{Animation, AnimationError, Frame, Spec, Stream};
use stylegan_wgpu::latent::Keyframes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::app::{self, App, Asked, Promise};
use super::body::Held;
use super::errors::ApiError;
use super::metrics::{Ending, Metrics};
use super::recipe::{Recipe, Source};
use super::shares::Share;
use super::worker::Want;

/// Frames that are drawn and compressed one after another, a few ahead. Dropping this takes those that wait out of the queue.
pub(super) struct Frames {
    pub(super) app: Arc<App>,
    pub(super) spec: Spec,
    /// Of every frame, but for its rows of w.
    pub(super) recipe: Recipe,
    pub(super) path: Keyframes,
    /// From each face to the next.
    pub(super) step: usize,
    pub(super) promise: Promise,
    pub(super) asked: VecDeque<Asked>,
    /// How many were asked for.
    pub(super) next: usize,
    /// How many are made.
    pub(super) made: usize,
    /// What is left of the time that a request has. The time of sending is the client's, and has a bound of its own.
    pub(super) left: Duration,
}

impl Frames {
    pub(super) fn count(&self) -> usize {
        self.step * self.path.count()
    }

    async fn next(&mut self) -> Result<Frame, ApiError> {
        let start = Instant::now();
        let frame = timeout(self.left, self.draw()).await.map_err(|_| ApiError::Timeout)??;
        self.left = self.left.saturating_sub(start.elapsed());
        Ok(frame)
    }

    async fn draw(&mut self) -> Result<Frame, ApiError> {
        // One batch is rendered while the last is compressed.
        while self.next < self.count() && self.asked.len() < 2 * self.app.batch {
            let ws = self.path.at(self.next as f64 / self.step as f64);
            let recipe = Recipe { source: Source::Ws(ws), ..self.recipe.clone() };
            self.asked.push_back(self.app.ask(recipe, Want::Picture)?);
            self.next += 1;
        }
        let image = app::picture(self.asked.pop_front().ok_or(ApiError::Internal)?).await?;
        self.promise.kept();
        let spec = self.spec;
        let compress = move || spec.compress(&DynamicImage::ImageRgba8(app::fit(image, spec.width.max(spec.height))).into_rgb8());
        let frame = self.app.aside(compress).await?.map_err(|_| ApiError::Internal)?;
        self.made += 1;
        Ok(frame)
    }

    /// The file, when it is complete. The share is held until it is sent.
    pub(super) async fn whole(mut self, packet: Option<String>, share: Share) -> Result<Body, ApiError> {
        let mut frames = Vec::with_capacity(self.count());
        while self.made < self.count() {
            frames.push(self.next().await?);
        }
        let spec = self.spec;
        let bytes = self.app.aside(move || finish(spec, frames, packet)).await?.map_err(|_| ApiError::Internal)?;
        Ok(Body::new(Held::new(bytes.into(), share)))
    }

    /// The file, while it is drawn. What goes wrong before the first frame is there still has a status of its own.
    pub(super) async fn streamed(mut self, packet: Option<String>, share: Share) -> Result<Body, ApiError> {
        let stream = Stream::new(self.spec, self.count() as u32, packet).map_err(|_| ApiError::Internal)?;
        let metrics = self.app.metrics.clone();
        let first = self.next().await?;
        let (pieces, reel) = mpsc::channel(1);
        let mut drawing = JoinSet::new();
        drawing.spawn(async move {
            if let Err(error) = self.project(first, stream, pieces).await {
                log::info!("GET /video breaks off: {}", error.message());
            }
        });
        Ok(Body::new(Reel { pieces: reel, end: None, metrics, _drawing: drawing, _share: share }))
    }

    /// Draws as fast as the pieces are taken; stops when nobody takes them.
    async fn project(mut self, first: Frame, mut stream: Stream, pieces: mpsc::Sender<Piece>) -> Result<(), ApiError> {
        let mut frame = first;
        loop {
            let bytes = stream.push(frame).map_err(|_| ApiError::Internal)?;
            let piece = Piece { bytes: bytes.into(), last: stream.is_complete() };
            if pieces.send(piece).await.is_err() || stream.is_complete() {
                return Ok(());
            }
            frame = self.next().await?;
        }
    }
}

fn finish(spec: Spec, frames: Vec<Frame>, packet: Option<String>) -> Result<Vec<u8>, AnimationError> {
    let mut animation = Animation::new(Cursor::new(Vec::new()), spec)?;
    if let Some(packet) = packet {
        animation.describe(&packet);
    }
    frames.into_iter().try_for_each(|frame| animation.push(frame))?;
    Ok(animation.finish()?.into_inner())
}

struct Piece {
    bytes: Bytes,
    last: bool,
}

/// A body that is drawn while it is sent. The drawing ends with it; and when the drawing ends early, for whatever reason, the
/// body does with an error, so that the connection breaks and nobody takes the part for the whole.
struct Reel {
    pieces: mpsc::Receiver<Piece>,
    end: Option<Ending>,
    metrics: Arc<Metrics>,
    _drawing: JoinSet<()>,
    _share: Share,
}

impl HttpBody for Reel {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<hyper::body::Frame<Bytes>, &'static str>>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let Some(piece) = ready!(self.pieces.poll_recv(cx)) else {
            self.end = Some(Ending::Broken);
            return Poll::Ready(Some(Err("the video broke off")));
        };
        if piece.last {
            self.end = Some(Ending::Whole);
        }
        Poll::Ready(Some(Ok(hyper::body::Frame::data(piece.bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.end == Some(Ending::Whole)
    }
}

impl Drop for Reel {
    fn drop(&mut self) {
        self.metrics.video(self.end.unwrap_or(Ending::Left));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http_body_util::BodyExt;

    use super::*;
    use crate::serve::shares::{Client, Most, Shares};

    /// What becomes of a body whose drawing does something.
    fn played<F: Future<Output = ()> + Send + 'static>(drawing: impl FnOnce(mpsc::Sender<Piece>) -> F) -> (Vec<u8>, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shares = Shares::new(Most { all: 1, each: 1 });
        let share = || shares.take(Client(Ipv4Addr::LOCALHOST.into()));
        runtime.block_on(async {
            let (send, pieces) = mpsc::channel(1);
            let mut set = JoinSet::new();
            set.spawn(drawing(send));
            let mut reel = Reel { pieces, end: None, metrics: Arc::new(Metrics::new()), _drawing: set, _share: share().unwrap() };
            assert!(share().is_none());
            let mut bytes = Vec::new();
            while let Some(frame) = reel.frame().await {
                match frame {
                    Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
                    Err(_) => return (bytes, false),
                }
            }
            drop(reel);
            assert!(share().is_some(), "and its place is free");
            (bytes, true)
        })
    }

    #[test]
    fn only_a_whole_video_ends_well() {
        let piece = |bytes: &'static [u8], last| Piece { bytes: Bytes::from_static(bytes), last };
        let whole = played(move |send| async move {
            let _ = send.send(piece(b"ab", false)).await;
            let _ = send.send(piece(b"c", true)).await;
        });
        assert_eq!(whole, (b"abc".to_vec(), true));
        let part = played(move |send| async move { drop(send.send(piece(b"ab", false)).await) });
        assert_eq!(part, (b"ab".to_vec(), false));
        let panicked = played(move |send| async move {
            let _ = send.send(piece(b"ab", false)).await;
            panic!("as asked");
        });
        assert_eq!(panicked, (b"ab".to_vec(), false));
    }
}
