//! What the worker and the requests know of each other: whether pictures can be made, and how long one takes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Shared by the worker, the requests and the probes.
#[derive(Default)]
pub(crate) struct Health {
    ready: AtomicBool,
    stopping: AtomicBool,
    /// Recent time of a picture, in microseconds.
    picture: AtomicU64,
}

impl Health {
    /// The device works, or it does not.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// No new requests, please.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether requests should come here.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.stopping.load(Ordering::Relaxed)
    }

    /// A picture took so long. Only the worker says so, so nothing is lost between load and store.
    pub(crate) fn took(&self, time: Duration) {
        let (old, new) = (self.picture.load(Ordering::Relaxed), time.as_micros() as u64);
        self.picture.store(if old == 0 { new } else { (7 * old + new) / 8 }, Ordering::Relaxed);
    }

    /// What so many pictures take, as the last ones went; nothing before the first.
    pub(crate) fn time_of(&self, pictures: usize) -> Duration {
        Duration::from_micros(self.picture.load(Ordering::Relaxed).saturating_mul(pictures as u64))
    }

    /// When to come back while so many wait: whole seconds, 1 to 60.
    pub(crate) fn retry_after(&self, waiting: usize) -> u64 {
        (self.picture.load(Ordering::Relaxed) * waiting as u64).div_ceil(1_000_000).clamp(1, 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_away_is_told_when_the_queue_will_have_moved_on() {
        let health = Health::default();
        assert_eq!(health.retry_after(64), 1);
        health.took(Duration::from_millis(250));
        assert_eq!((health.retry_after(0), health.retry_after(10), health.retry_after(10_000)), (1, 3, 60));
        health.took(Duration::from_millis(2250));
        assert_eq!(health.retry_after(10), 5);
    }

    #[test]
    fn a_server_that_stops_is_not_ready() {
        let health = Health::default();
        assert!(!health.is_ready());
        health.set_ready(true);
        assert!(health.is_ready());
        health.stop();
        assert!(!health.is_ready());
    }
}
