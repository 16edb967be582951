//! How slow a client may be. A head, a body and an answer each have a grace, and after it a rate that has to be kept. What they carry is
//! bounded, so there is an end for who keeps the rate, too; and nobody who sends at a decent rate is cut off for the size of what he sends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A time, and so much longer for every byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) grace: Duration,
    /// Bytes a second.
    pub(crate) rate: u32,
}

impl Pace {
    /// What so many bytes may take.
    pub(crate) fn time_of(self, bytes: usize) -> Duration {
        self.grace + self.earned(bytes)
    }

    fn earned(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / f64::from(self.rate))
    }
}

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until the first byte of a head.
    pub(crate) idle: Duration,
    /// From there to its last.
    pub(crate) head: Pace,
    /// For an answer to be taken, where the client holds it up.
    pub(crate) answer: Pace,
}

/// Whether a connection is answering: told to it by who answers.
#[derive(Clone, Default)]
pub(crate) struct Answering(Arc<Mutex<Requests>>);

#[derive(Default)]
struct Requests {
    taken: usize,
    answered: usize,
    /// Who reads, and waits for no time while there is something to answer.
    reader: Option<Waker>,
}

impl Answering {
    /// A request is taken; it is answered when what this gives is dropped.
    pub(crate) fn begin(&self) -> Answered {
        self.requests().taken += 1;
        Answered(self.clone())
    }

    /// How many requests were answered, when that is all of them; else whoever asks is woken when it is.
    fn answered(&self, cx: &Context<'_>) -> Option<usize> {
        let mut requests = self.requests();
        let all = requests.taken == requests.answered;
        requests.reader = (!all).then(|| cx.waker().clone());
        all.then_some(requests.answered)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with the answer.
pub(crate) struct Answered(Answering);

impl Drop for Answered {
    fn drop(&mut self) {
        let mut requests = self.0.requests();
        requests.answered += 1;
        // From here on the next head is waited for.
        requests.reader.take().inspect(Waker::wake_by_ref);
    }
}

/// A connection that ends with an error when its client is too slow.
pub(crate) struct Paced<S> {
    stream: S,
    patience: Patience,
    answering: Answering,
    /// The head that is being read.
    head: Option<Head>,
    /// How much longer the client may hold up answers.
    credit: Duration,
    /// Since when it does.
    held_up: Option<Instant>,
    reading: Pin<Box<Sleep>>,
    writing: Pin<Box<Sleep>>,
}

struct Head {
    /// Which one of the connection.
    number: usize,
    /// When it was first waited for, or when its first byte came.
    since: Instant,
    bytes: usize,
}

impl<S> Paced<S> {
    pub(crate) fn new(stream: S, patience: Patience, answering: Answering) -> Paced<S> {
        let never = || Box::pin(sleep_until(Instant::now()));
        let credit = patience.answer.grace;
        Paced { stream, patience, answering, head: None, credit, held_up: None, reading: never(), writing: never() }
    }
}

/// An error when the time is over; else the task is woken then.
fn wait_until(sleep: &mut Pin<Box<Sleep>>, deadline: Instant, cx: &mut Context<'_>, what: &'static str) -> Poll<io::Error> {
    if sleep.deadline() != deadline {
        sleep.as_mut().reset(deadline);
    }
    sleep.as_mut().poll(cx).map(|()| io::Error::new(io::ErrorKind::TimedOut, what))
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buffer);
        // A body is waited for by who reads it; and while the client is busy with the last answer, the next head has time.
        let number = match this.answering.answered(cx) {
            Some(number) if this.held_up.is_none() => number,
            _ => {
                this.head = None;
                return result;
            }
        };
        let now = Instant::now();
        let head = this.head.take_if(|head| head.number == number).unwrap_or(Head { number, since: now, bytes: 0 });
        let head = this.head.insert(head);
        let come = buffer.filled().len() - before;
        if head.bytes == 0 && come > 0 {
            head.since = now;
        }
        head.bytes += come;
        let allowed = if head.bytes == 0 { this.patience.idle } else { this.patience.head.time_of(head.bytes) };
        match result {
            Poll::Pending => wait_until(&mut this.reading, head.since + allowed, cx, "the head came too slowly").map(Err),
            ready => ready,
        }
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    /// Counts what the client takes and how long it is waited for.
    fn account(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => {
                let since = *self.held_up.get_or_insert_with(Instant::now);
                wait_until(&mut self.writing, since + self.credit, cx, "the answer was taken too slowly").map(Err)
            }
            Poll::Ready(result) => {
                let waited = self.held_up.take().map_or(Duration::ZERO, |since| since.elapsed());
                if !waited.is_zero() {
                    // The next head is waited for from here on: whoever reads has to look at the clock.
                    cx.waker().wake_by_ref();
                }
                let pace = self.patience.answer;
                let taken = pace.earned(result.as_ref().map_or(0, |bytes| *bytes));
                self.credit = (self.credit.saturating_sub(waited) + taken).min(pace.grace);
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.account(cx, result)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.account(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
