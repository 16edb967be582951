//! Task: work whose end can be asked for, awaited or waited for. Natively it has a thread of its own; in a browser, where there are none,
//! whoever asks first does it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
#[cfg(not(target_arch = "wasm32"))]
use std::sync::{Condvar, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::gpu::lock;

/// Work that goes on by itself.
pub(crate) struct Task<T> {
    shared: Arc<Shared<T>>,
    #[cfg(target_arch = "wasm32")]
    work: Option<Box<dyn FnOnce() -> T + Send>>,
}

struct Shared<T> {
    end: Mutex<End<T>>,
    #[cfg(not(target_arch = "wasm32"))]
    ended: Condvar,
}

struct End<T> {
    /// A panic of the work is one of whoever takes its outcome.
    outcome: Option<std::thread::Result<T>>,
    waker: Option<Waker>,
}

impl<T: Send + 'static> Task<T> {
    /// Begins.
    pub(crate) fn spawn(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let shared = Arc::new(Shared {
            end: Mutex::new(End { outcome: None, waker: None }),
            #[cfg(not(target_arch = "wasm32"))]
            ended: Condvar::new(),
        });
        #[cfg(target_arch = "wasm32")]
        return Task { shared, work: Some(Box::new(work)) };
        #[cfg(not(target_arch = "wasm32"))]
        {
            let theirs = shared.clone();
            std::thread::spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                let mut end = lock(&theirs.end);
                end.outcome = Some(outcome);
                if let Some(waker) = end.waker.take() {
                    waker.wake();
                }
                theirs.ended.notify_all();
            });
            Task { shared }
        }
    }

    /// The outcome, once, if it is there.
    pub(crate) fn try_take(&mut self) -> Option<T> {
        #[cfg(target_arch = "wasm32")]
        if let Some(work) = self.work.take() {
            return Some(work());
        }
        lock(&self.shared.end).outcome.take().map(unwound)
    }

    /// Waits for the outcome.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait(self) -> T {
        let mut end = lock(&self.shared.end);
        loop {
            if let Some(outcome) = end.outcome.take() {
                return unwound(outcome);
            }
            end = self.shared.ended.wait(end).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Send + 'static> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Before the question: what ends in between wakes it.
        lock(&self.shared.end).waker = Some(context.waker().clone());
        self.try_take().map_or(Poll::Pending, Poll::Ready)
    }
}

fn unwound<T>(outcome: std::thread::Result<T>) -> T {
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_awaited_asked_for_and_waited_for() {
        assert_eq!(pollster::block_on(Task::spawn(|| 1)), 1);
        assert_eq!(Task::spawn(|| 2).wait(), 2);
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let mut task = Task::spawn(move || receiver.recv());
        assert_eq!(task.try_take(), None);
        sender.send(()).unwrap();
        let outcome = loop {
            if let Some(outcome) = task.try_take() {
                break outcome;
            }
            std::thread::yield_now();
        };
        assert_eq!((outcome, task.try_take()), (Ok(()), None));
    }

    #[test]
    #[should_panic(expected = "broken work")]
    fn a_panic_reaches_who_waits() {
        Task::spawn(|| panic!("broken work")).wait()
    }
}
