//! The queue between the requests and the one thread that owns the device. Jobs whose request has gone (the client hung up, or its time
//! was over) are not rendered.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What can wait in a [`Queue`].
pub(crate) trait Waiting {
    /// Jobs of one kind may run together; without a kind, a job runs alone.
    fn kind(&self) -> Option<u32>;
    /// Whether nobody waits for the result any more.
    fn is_abandoned(&self) -> bool;
}

/// Jobs in the order they came.
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    jobs: VecDeque<(Instant, J)>,
    closed: bool,
    /// How many were abandoned since [`Queue::abandoned`] was asked.
    abandoned: usize,
}

impl<J: Waiting> Queue<J> {
    pub(crate) fn new() -> Queue<J> {
        Queue { state: Mutex::new(State { jobs: VecDeque::new(), closed: false, abandoned: 0 }), changed: Condvar::new() }
    }

    /// Appends a job; false when the queue is closed. How many may wait is decided before, by who admits requests.
    pub(crate) fn push(&self, job: J) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        // Here and not only where jobs are taken: clients that come and go faster than pictures are made must not pile up.
        state.purge();
        state.jobs.push_back((Instant::now(), job));
        self.changed.notify_one();
        true
    }

    /// Waits for jobs that may run together: the oldest and others of its kind, 1, 2, 4, ... and at most `most`, so that few sizes
    /// have to be prepared. A job waits for others for `patience` at most, counted from when it came. None when the queue is closed
    /// and empty.
    pub(crate) fn take(&self, most: usize, patience: Duration) -> Option<Vec<J>> {
        let mut state = self.lock();
        loop {
            state.purge();
            let Some((since, first)) = state.jobs.front() else {
                if state.closed {
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(|poison| poison.into_inner());
                continue;
            };
            let kind = first.kind();
            let together = match kind {
                None => 1,
                kind => state.jobs.iter().filter(|(_, job)| job.kind() == kind).count().min(most),
            };
            let rest = patience.saturating_sub(since.elapsed());
            if kind.is_none() || together >= most || rest.is_zero() || state.closed {
                return Some(state.remove(kind, 1 << together.ilog2()));
            }
            state = self.changed.wait_timeout(state, rest).unwrap_or_else(|poison| poison.into_inner()).0;
        }
    }

    /// No more jobs: [`Queue::take`] gives those that are there, then None.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        let mut state = self.lock();
        state.purge();
        state.jobs.len()
    }

    /// How many were dropped since the last call because nobody waited for them any more.
    pub(crate) fn abandoned(&self) -> usize {
        std::mem::take(&mut self.lock().abandoned)
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl<J: Waiting> State<J> {
    fn purge(&mut self) {
        let before = self.jobs.len();
        self.jobs.retain(|(_, job)| !job.is_abandoned());
        self.abandoned += before - self.jobs.len();
    }

    /// Takes the first `count` of a kind, and leaves the others in their order.
    fn remove(&mut self, kind: Option<u32>, count: usize) -> Vec<J> {
        let mut taken = Vec::with_capacity(count);
        let mut left = VecDeque::with_capacity(self.jobs.len());
        for (since, job) in self.jobs.drain(..) {
            match taken.len() < count && job.kind() == kind {
                true => taken.push(job),
                false => left.push_back((since, job)),
            }
        }
        self.jobs = left;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    struct Job(u32, Option<u32>, Arc<AtomicBool>);

    impl Waiting for Job {
        fn kind(&self) -> Option<u32> {
            self.1
        }
        fn is_abandoned(&self) -> bool {
            self.2.load(Ordering::Relaxed)
        }
    }

    fn job(name: u32, kind: impl Into<Option<u32>>) -> Job {
        Job(name, kind.into(), Arc::default())
    }

    fn names(jobs: Option<Vec<Job>>) -> Vec<u32> {
        jobs.unwrap_or_default().iter().map(|job| job.0).collect()
    }

    #[test]
    fn jobs_of_a_kind_run_together_in_powers_of_two_and_the_oldest_goes_first() {
        let queue = Queue::new();
        for (name, kind) in [(0, Some(7)), (1, Some(8)), (2, Some(7)), (3, None), (4, Some(7)), (5, Some(8)), (6, None)] {
            assert!(queue.push(job(name, kind)));
        }
        let take = |most| names(queue.take(most, Duration::ZERO));
        assert_eq!(take(4), [0, 2], "three of a kind: two now");
        assert_eq!(take(4), [1, 5]);
        assert_eq!(take(4), [3], "without a kind, alone");
        assert_eq!((take(4), take(4), queue.len()), (vec![4], vec![6], 0));
    }

    #[test]
    fn a_job_waits_for_others_no_longer_than_its_patience() {
        let queue = Arc::new(Queue::new());
        queue.push(job(0, 1));
        let start = Instant::now();
        assert_eq!(names(queue.take(2, Duration::from_millis(30))), [0]);
        assert!(start.elapsed() >= Duration::from_millis(25), "{:?}", start.elapsed());
        // One that comes meanwhile completes the batch long before the patience ends.
        queue.push(job(1, 1));
        let other = queue.clone();
        let start = Instant::now();
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            other.push(job(2, 1))
        });
        assert_eq!(names(queue.take(2, Duration::from_secs(60))), [1, 2]);
        assert!(start.elapsed() < Duration::from_secs(30) && late.join().unwrap());
    }

    #[test]
    fn abandoned_jobs_are_dropped_and_counted() {
        let queue = Queue::new();
        for name in 0..4 {
            let job = job(name, 1);
            let gone = job.2.clone();
            queue.push(job);
            gone.store(name != 2, Ordering::Relaxed);
        }
        assert_eq!((queue.len(), queue.abandoned(), queue.abandoned()), (1, 3, 0));
        assert_eq!(names(queue.take(4, Duration::ZERO)), [2]);
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
        let queue = Queue::new();
        queue.push(job(0, 1));
        queue.close();
        assert!(queue.is_closed() && !queue.push(job(1, 1)));
        assert_eq!(names(queue.take(4, Duration::from_secs(60))), [0]);
        assert!(queue.take(4, Duration::from_secs(60)).is_none());
    }
}
