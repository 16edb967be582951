use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use stylegan_wgpu::latent::Truncation;

use super::*;
use crate::serve::recipe::Source;

/// Paints a pixel of the seed. Seed 13 is refused, 14 is not finite, 66 panics, 99 loses the device once, 100 always.
struct Fake {
    lost: bool,
    spared: bool,
    batches: Arc<Mutexed>,
}

type Mutexed = std::sync::Mutex<Vec<usize>>;

impl Paint for Fake {
    fn ws(&mut self, recipes: &[&Recipe]) -> Result<Vec<Ws>> {
        recipes.iter().map(|recipe| Ws::new(1, 1, 1, vec![recipe.seeds().next().unwrap() as f32])).collect()
    }

    fn paint(&mut self, _: usize, ws: &Ws, _: Noise, places: &[Option<Place>]) -> Result<Vec<RgbaImage>> {
        assert_eq!(places.len(), ws.n);
        let has = |seed: f32| ws.values.contains(&seed);
        self.lost |= has(100.0) || (has(99.0) && !self.spared);
        if self.lost {
            return Err(Error::Device("the device was lost".into()));
        }
        assert!(!has(66.0), "as asked");
        if has(13.0) {
            return Err(Error::Argument("no such face".into()));
        }
        if has(14.0) {
            return Err(Error::NotFinite { dtype: "f32" });
        }
        self.batches.lock().unwrap().push(ws.n);
        Ok(ws.values.iter().map(|&seed| RgbaImage::from_pixel(1, 1, image::Rgba([seed as u8; 4]))).collect())
    }
}

struct Bench {
    queue: Arc<Queue<Job>>,
    health: Arc<Health>,
    opened: Arc<AtomicUsize>,
    batches: Arc<Mutexed>,
    thread: Option<JoinHandle<()>>,
}

impl Bench {
    /// A worker that finds `seeds` waiting; opening the device fails `failures` times.
    fn with(seeds: &[u32], failures: usize) -> (Bench, Vec<oneshot::Receiver<Result<Output, Failed>>>) {
        let (queue, health) = (Arc::new(Queue::new()), Arc::new(Health::default()));
        let (opened, batches) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutexed::default()));
        let (count, made) = (opened.clone(), batches.clone());
        let open = move || match count.fetch_add(1, Ordering::SeqCst) {
            n if n < failures => Err(Error::NoAdapter { wanted: None, found: Vec::new() }),
            _ => Ok(Fake { lost: false, spared: true, batches: made.clone() }),
        };
        let painter = Fake { lost: false, spared: false, batches: batches.clone() };
        let worker = Worker {
            queue: queue.clone(),
            open,
            painter,
            batch: 4,
            patience: Duration::ZERO,
            metrics: Arc::new(Metrics::new()),
            health: health.clone(),
        };
        let replies = seeds.iter().map(|&seed| push(&queue, seed)).collect();
        let thread = Some(std::thread::spawn(|| worker.run()));
        (Bench { queue, health, opened, batches, thread }, replies)
    }

    fn stop(&mut self) {
        self.queue.close();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn push(queue: &Queue<Job>, seed: u32) -> oneshot::Receiver<Result<Output, Failed>> {
    let (reply, receiver) = oneshot::channel();
    let truncation = Truncation { psi: 1.0, cutoff: None };
    let recipe = Recipe { network: 0, source: Source::Seed(seed), truncation, shift: None, class: None, noise: Noise::Const, place: None };
    assert!(queue.push(Job { recipe, want: Want::Picture, reply }));
    receiver
}

fn results(replies: Vec<oneshot::Receiver<Result<Output, Failed>>>) -> Vec<Result<u8, Failed>> {
    replies
        .into_iter()
        .map(|reply| match reply.blocking_recv().expect("every job has an answer") {
            Ok(Output::Picture(image)) => Ok(image.get_pixel(0, 0).0[0]),
            Ok(other) => panic!("{other:?}"),
            Err(failed) => Err(failed),
        })
        .collect()
}

#[test]
fn jobs_that_wait_run_together_and_each_gets_its_own_picture() {
    let (mut bench, replies) = Bench::with(&[1, 2, 3, 4, 5, 6, 7], 0);
    assert_eq!(results(replies), (1..=7).map(Ok).collect::<Vec<_>>());
    bench.stop();
    assert_eq!(*bench.batches.lock().unwrap(), [4, 2, 1]);
    assert_eq!(bench.opened.load(Ordering::SeqCst), 0);
    assert!(!bench.health.is_ready());
}

#[test]
fn a_request_that_fails_fails_alone() {
    let (mut bench, replies) = Bench::with(&[1, 13, 3, 14], 0);
    let not_finite = Failed::Argument(Error::NotFinite { dtype: "f32" }.to_string());
    assert_eq!(results(replies), [Ok(1), Err(Failed::Argument("no such face".into())), Ok(3), Err(not_finite)]);
    bench.stop();
    assert_eq!(bench.opened.load(Ordering::SeqCst), 0, "the device is fine");
}

#[test]
fn a_panic_costs_the_request_and_not_the_server() {
    let (mut bench, replies) = Bench::with(&[1, 66, 3, 4], 0);
    assert_eq!(results(replies), [Ok(1), Err(Failed::Internal), Ok(3), Ok(4)]);
    assert_eq!(results(vec![push(&bench.queue, 5)]), [Ok(5)]);
    bench.stop();
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2, "after the batch, and after the one that was alone");
}

#[test]
fn a_lost_device_is_opened_again_and_nobody_notices() {
    let (mut bench, replies) = Bench::with(&[1, 99, 3, 4], 1);
    assert_eq!(results(replies), [1, 99, 3, 4].map(Ok));
    assert!(bench.health.is_ready());
    bench.stop();
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2, "the first try failed");
    let (mut bench, replies) = Bench::with(&[99], 0);
    assert_eq!(results(replies), [Ok(99)], "alone, too");
    bench.stop();
}

#[test]
fn a_request_that_always_loses_the_device_is_given_up() {
    let (mut bench, replies) = Bench::with(&[100, 2], 0);
    assert_eq!(results(replies), [Err(Failed::Internal), Ok(2)]);
    bench.stop();
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_device_that_never_comes() {
    let (mut bench, replies) = Bench::with(&[99], usize::MAX);
    while bench.opened.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert!(!bench.health.is_ready());
    bench.stop();
    assert_eq!(results(replies), [Err(Failed::Internal)]);
}
