//! Many pictures: the device draws a batch while the one before it is read back, encoded on
//! all cores and written. A stage that cannot keep up holds back the ones before it, so memory is bounded.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use image::RgbaImage;
use stylegan_wgpu::{Error, Generator, Look, Result, Ws};

use crate::pictures::picture::Picture;

mod times;
pub use times::Times;

/// Latents mapped at once: one wait for the device in so many pictures, and 2 MB of rows.
const MAPPED: usize = 64;

/// Who draws: a network on a device, and how each picture of a list is to look.
pub trait Artist {
    /// The network.
    fn generator(&mut self) -> &mut Generator;

    /// Pictures drawn at once.
    fn batch(&self) -> usize;

    /// Whether the second picture of the list may follow the first in one call.
    fn may_follow(&self, first: usize, second: usize) -> bool;

    /// How these pictures of the list look, which are drawn next, in one call. Their rows of w are truncated already.
    fn look(&mut self, pictures: &[usize]) -> Result<Look>;
}

/// A picture as it came from the device.
pub struct Drawn {
    /// Its place in the whole list.
    pub index: usize,
    /// The rows it was drawn from.
    pub ws: Ws,
    /// What was drawn.
    pub pixels: Pixels,
}

/// In 8 bits, or as the network yields them.
pub enum Pixels {
    /// RGBA.
    Rgba(RgbaImage),
    /// `[C, H, W]`, not clamped.
    Planes(Vec<f32>),
}

impl Pixels {
    /// In 8 bits, with the channels, height and width of the network.
    pub fn picture(&self, channels: usize, size: (usize, usize)) -> Picture {
        match self {
            Pixels::Rgba(image) => Picture::from_rgba(image, channels),
            Pixels::Planes(planes) => Picture::from_planes(planes, channels, size),
        }
    }
}

/// Gives the rows of w of some pictures.
pub type WsOf<'a, A, E> = dyn FnMut(&mut A, &[usize]) -> Result<Ws, E> + 'a;

/// What is done in each stage.
pub struct Stages<'a, A, T, E> {
    /// Rows of w of these pictures, as they are drawn.
    pub ws: &'a mut WsOf<'a, A, E>,
    /// Reads floats back instead of 8 bits.
    pub planes: bool,
    /// Runs on all cores, in any order.
    pub encode: &'a (dyn Fn(Drawn) -> Result<T, E> + Sync),
    /// Runs on one thread, in the order in which pictures are encoded.
    pub write: &'a mut (dyn FnMut(T) -> Result<(), E> + Send),
}

/// Draws the pictures of `indices`, which ascend. The first failure of any stage stops all and is returned.
pub fn run<A: Artist, T: Send, E: From<Error> + Send>(artist: &mut A, indices: &[usize], stages: Stages<'_, A, T, E>) -> Result<Times, E> {
    let start = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(indices.len().max(1));
    let Stages { ws, planes, encode, write } = stages;
    let (drawn_sender, drawn) = sync_channel(threads);
    let (encoded_sender, encoded) = sync_channel(threads);
    thread::scope(|scope| {
        // The last encoder to stop drops the receiver, which stops the device; the writer's does the same to the encoders.
        let drawn = Arc::new(Mutex::new(drawn));
        let encoders: Vec<_> = (0..threads)
            .map(|_| {
                let (drawn, sender) = (drawn.clone(), encoded_sender.clone());
                scope.spawn(move || encode_all(&drawn, encode, &sender))
            })
            .collect();
        drop((drawn, encoded_sender));
        let writer = scope.spawn(move || write_all(encoded, write));
        let device = draw_all(artist, indices, planes, ws, drawn_sender);

        // A panic is a bug, which the thread has reported; the pictures it took are missing.
        let bug = || E::from(Error::Device("a thread of the pipeline failed; this is a bug".into()));
        let busy = encoders.into_iter().map(|encoder| encoder.join().map_err(|_| bug())).collect::<Vec<_>>();
        let disk = writer.join().map_err(|_| bug())??;
        let (first, device) = device?;
        let encoders = busy.into_iter().sum::<Result<Duration, E>>()?;
        Ok(Times { pictures: indices.len(), first, total: start.elapsed(), device, encoders, threads, disk })
    })
}

/// A batch on the device.
struct Batch<'a> {
    indices: &'a [usize],
    ws: Ws,
    pending: Pending,
}

enum Pending {
    Rgba(stylegan_wgpu::Pending<RgbaImage>),
    Planes(stylegan_wgpu::Pending<Vec<f32>>),
}

impl Pending {
    fn submit(artist: &mut impl Artist, ws: &Ws, indices: &[usize], planes: bool) -> Result<Pending> {
        let look = artist.look(indices)?;
        Ok(match planes {
            true => Pending::Planes(artist.generator().submit_f32(ws, &look)?),
            false => Pending::Rgba(artist.generator().submit(ws, &look)?),
        })
    }

    fn wait(self) -> Result<Vec<Pixels>> {
        Ok(match self {
            Pending::Rgba(pending) => pending.wait()?.into_iter().map(Pixels::Rgba).collect(),
            Pending::Planes(pending) => pending.wait()?.into_iter().map(Pixels::Planes).collect(),
        })
    }
}

/// Keeps the device busy. Gives the number of pictures and the time of the first batch, and the time not spent waiting for an encoder.
fn draw_all<A: Artist, E: From<Error>>(
    artist: &mut A,
    indices: &[usize],
    planes: bool,
    ws_of: &mut WsOf<'_, A, E>,
    sender: SyncSender<Drawn>,
) -> Result<((usize, Duration), Duration), E> {
    let (start, mut blocked) = (Instant::now(), Duration::ZERO);
    let mut first = None;
    // False when nobody takes pictures any more.
    let mut deliver = |batch: Batch<'_>| -> Result<bool> {
        let pixels = batch.pending.wait()?;
        first.get_or_insert((pixels.len(), start.elapsed()));
        let waiting = Instant::now();
        for (i, (&index, pixels)) in batch.indices.iter().zip(pixels).enumerate() {
            if sender.send(Drawn { index, ws: batch.ws.slice(i..i + 1), pixels }).is_err() {
                return Ok(false);
            }
        }
        blocked += waiting.elapsed();
        Ok(true)
    };
    let batch = artist.batch();
    let mut ahead: Option<Batch<'_>> = None;
    for block in indices.chunks(MAPPED.next_multiple_of(batch)) {
        let ws = ws_of(artist, block)?;
        let mut row = 0;
        let runs: Vec<&[usize]> = batches(block, batch, |first, second| artist.may_follow(first, second)).collect();
        for indices in runs {
            let ws = ws.slice(row..row + indices.len());
            row += indices.len();
            let next = Batch { indices, pending: Pending::submit(artist, &ws, indices, planes)?, ws };
            if let Some(batch) = ahead.replace(next)
                && !deliver(batch)?
            {
                return Ok(Default::default());
            }
        }
    }
    if let Some(batch) = ahead {
        deliver(batch)?;
    }
    Ok((first.unwrap_or_default(), start.elapsed().saturating_sub(blocked)))
}

/// Batches of at most `most` of pictures that may follow each other.
fn batches(indices: &[usize], most: usize, may_follow: impl Fn(usize, usize) -> bool) -> impl Iterator<Item = &[usize]> {
    indices.chunk_by(move |a, b| may_follow(*a, *b)).flat_map(move |run| run.chunks(most))
}

fn encode_all<T, E>(
    drawn: &Mutex<Receiver<Drawn>>,
    encode: &(dyn Fn(Drawn) -> Result<T, E> + Sync),
    sender: &SyncSender<Result<T, E>>,
) -> Duration {
    let mut busy = Duration::ZERO;
    loop {
        let Ok(picture) = drawn.lock().unwrap_or_else(PoisonError::into_inner).recv() else { return busy };
        let start = Instant::now();
        let encoded = encode(picture);
        busy += start.elapsed();
        if sender.send(encoded).is_err() {
            return busy;
        }
    }
}

fn write_all<T, E>(encoded: Receiver<Result<T, E>>, write: &mut (dyn FnMut(T) -> Result<(), E> + Send)) -> Result<Duration, E> {
    let mut busy = Duration::ZERO;
    for encoded in encoded {
        let encoded = encoded?;
        let start = Instant::now();
        write(encoded)?;
        busy += start.elapsed();
    }
    Ok(busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_no_gaps_where_noise_is_counted() {
        let indices = [3, 4, 5, 9, 10, 12];
        let of = |gapless: bool| batches(&indices, 2, move |a, b| !gapless || a + 1 == b).map(<[usize]>::to_vec).collect::<Vec<_>>();
        assert_eq!(of(false), [[3, 4], [5, 9], [10, 12]]);
        assert_eq!(of(true), [&[3, 4][..], &[5], &[9, 10], &[12]]);
    }
}
