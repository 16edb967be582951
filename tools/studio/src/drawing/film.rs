//! A film: pictures are drawn and compressed on all cores in any order, frames go into the file in theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, RgbImage, RgbaImage, imageops};
use stylegan_wgpu::Error;

use super::pipeline::{self, Artist, Drawn, Pixels, Stages, Times, WsOf};
use crate::pictures::animation::{AnimationError, Frame, Movie, Spec};
use crate::pictures::picture;

/// Frames of several pictures each, from left to right and top to bottom.
#[derive(Clone, Copy)]
pub struct Film {
    /// Pictures side by side.
    pub columns: usize,
    /// Pictures above each other.
    pub rows: usize,
    /// In all.
    pub frames: usize,
    /// Size, format and rate.
    pub spec: Spec,
}

impl Film {
    /// Pictures in a frame.
    pub fn cells(&self) -> usize {
        self.columns * self.rows
    }

    /// Draws and writes it. Picture `i` is in frame `i / cells`; `ws` gives the rows of w of pictures.
    /// `packet` is what it says about itself; `progress` hears of the frames that are in the file.
    pub fn shoot<'a, A: Artist, E: From<Error> + From<AnimationError> + Send>(
        self,
        artist: &mut A,
        path: &Path,
        ws: &'a mut WsOf<'a, A, E>,
        packet: Option<&str>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Times, E> {
        let mut movie = Movie::create(path, self.spec)?;
        if let Some(packet) = packet {
            movie.describe(packet);
        }
        let table = Mutex::new(BTreeMap::new());
        let encode = |drawn: Drawn| {
            let Pixels::Rgba(picture) = drawn.pixels else { unreachable!("8 bits were asked for") };
            let complete = self.lay(&table, drawn.index, picture);
            complete.map(|(number, frame)| Ok((number, self.spec.compress(&frame)?))).transpose()
        };
        let (mut next, mut early) = (0, BTreeMap::new());
        let mut write = |compressed: Option<(usize, Frame)>| {
            early.extend(compressed);
            while let Some(frame) = early.remove(&next) {
                movie.push(frame)?;
                next += 1;
                progress(next);
            }
            Ok(())
        };
        let indices: Vec<usize> = (0..self.frames * self.cells()).collect();
        let times = pipeline::run(artist, &indices, Stages { ws, planes: false, encode: &encode, write: &mut write })?;
        movie.finish()?;
        Ok(times)
    }

    /// Lays a picture into its frame; gives the frame when that was the last one.
    fn lay(&self, table: &Mutex<BTreeMap<usize, (usize, RgbImage)>>, index: usize, picture: RgbaImage) -> Option<(usize, RgbImage)> {
        let (number, cell) = (index / self.cells(), index % self.cells());
        // Without its alpha, where a network draws one; grey is in all three already.
        let (width, height) = (self.spec.width as usize / self.columns, self.spec.height as usize / self.rows);
        let picture = DynamicImage::ImageRgba8(picture::resized(picture, (height, width))).into_rgb8();
        if self.cells() == 1 {
            return Some((number, picture));
        }
        let (x, y) = (cell % self.columns * width, cell / self.columns * height);
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        let (laid, frame) = table.entry(number).or_insert_with(|| (0, RgbImage::new(self.spec.width, self.spec.height)));
        imageops::replace(frame, &picture, x as i64, y as i64);
        *laid += 1;
        if *laid < self.cells() {
            return None;
        }
        table.remove(&number).map(|(_, frame)| (number, frame))
    }
}
