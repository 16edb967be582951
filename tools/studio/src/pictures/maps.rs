//! Activations as pictures: a channel in grey or in colours around zero, and sheets of many.

use super::grid::{self, Grid};
use super::picture::Picture;
use stylegan_wgpu::{Error, Result};

/// Maps of a layer, as [`Generator::tap`](stylegan_wgpu::Generator::tap) gives them of one picture.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'a> {
    /// `[channels, height, width]`.
    values: &'a [f32],
    channels: usize,
    height: usize,
    width: usize,
}

/// What a map holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// The smallest value.
    pub least: f32,
    /// The largest.
    pub most: f32,
    /// Their mean.
    pub mean: f32,
    /// The root of the mean of their squares.
    pub rms: f32,
}

/// How values become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colouring {
    /// From black to white.
    #[default]
    Grey,
    /// White at zero, red above it and blue below.
    Diverging,
}

/// What is black and what white; or what is wholly blue and wholly red.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Black, or blue.
    pub least: f32,
    /// White, or red.
    pub most: f32,
}

/// Ends of [`Colouring::Diverging`]: equally dark, and told apart by those who see red and green alike.
const BLUE: [f32; 3] = [33.0, 102.0, 172.0];
const RED: [f32; 3] = [178.0, 24.0, 43.0];

impl Statistics {
    /// Of some values; those that are not finite do not count, and of none at all it is zeros.
    pub fn of(values: &[f32]) -> Statistics {
        let (mut count, mut sum, mut squares) = (0u64, 0.0f64, 0.0f64);
        let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
        for &value in values.iter().filter(|value| value.is_finite()) {
            count += 1;
            sum += f64::from(value);
            squares += f64::from(value).powi(2);
            (least, most) = (least.min(value), most.max(value));
        }
        if count == 0 {
            return Statistics::default();
        }
        let count = count as f64;
        Statistics { least, most, mean: (sum / count) as f32, rms: (squares / count).sqrt() as f32 }
    }

    /// The range that shows all of it: for [`Colouring::Diverging`] with zero in the middle.
    pub fn range(&self, colouring: Colouring) -> Range {
        match colouring {
            Colouring::Grey => Range { least: self.least, most: self.most },
            Colouring::Diverging => {
                let most = self.most.abs().max(self.least.abs());
                Range { least: -most, most }
            }
        }
    }
}

impl<'a> Maps<'a> {
    /// Takes `[channels, height, width]` values.
    pub fn new(values: &'a [f32], [channels, height, width]: [usize; 3]) -> Result<Maps<'a>> {
        let size = channels.checked_mul(height).and_then(|size| size.checked_mul(width));
        if size != Some(values.len()) || values.is_empty() {
            return Err(Error::Argument(format!("{} values are no maps [{channels}, {height}, {width}]", values.len())));
        }
        Ok(Maps { values, channels, height, width })
    }

    /// How many channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The values of a channel, `[height, width]`. Panics outside of the channels.
    #[track_caller]
    pub fn channel(&self, channel: usize) -> &'a [f32] {
        let size = self.height * self.width;
        &self.values[channel * size..][..size]
    }

    /// A channel as RGB, whatever its size; a value that is not finite is magenta. Panics outside of the channels.
    #[track_caller]
    pub fn picture(&self, channel: usize, colouring: Colouring, range: Range) -> Picture {
        let pixels = self.channel(channel).iter().flat_map(|&value| colour(value, colouring, range)).collect();
        Picture { width: self.width, height: self.height, channels: 3, pixels }
    }

    /// Channels side by side, `columns` of them in a row, each in its own range: what is faint in one still shows. Maps with a side above
    /// `most` are shrunk to it, by the mean of whole pixels.
    pub fn sheet(&self, channels: std::ops::Range<usize>, columns: usize, most: usize, colouring: Colouring) -> Result<Picture> {
        if channels.is_empty() || channels.end > self.channels || columns == 0 || most == 0 {
            let (first, end) = (channels.start, channels.end);
            return Err(Error::Argument(format!("channels {first} to {end} in {columns} columns; the layer has 0 to {}", self.channels)));
        }
        let step = self.height.max(self.width).div_ceil(most);
        let (height, width) = (self.height.div_ceil(step), self.width.div_ceil(step));
        let rows = channels.len().div_ceil(columns);
        grid::check(columns, rows, (height, width), channels.len())?;
        let mut grid = Grid::new(columns, rows, (height, width), 3);
        for (cell, channel) in channels.enumerate() {
            let values = self.channel(channel);
            let range = Statistics::of(values).range(colouring);
            let small = shrunk(values, self.width, step);
            grid.put(cell, &Maps { values: &small, channels: 1, height, width }.picture(0, colouring, range));
        }
        Ok(grid.into_sheet())
    }
}

/// The mean of every `step` x `step` pixels; at the right and lower edge, of those that are there.
fn shrunk(values: &[f32], width: usize, step: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = values.chunks_exact(width).collect();
    let mut small = Vec::with_capacity(rows.len().div_ceil(step) * width.div_ceil(step));
    for band in rows.chunks(step) {
        for x in (0..width).step_by(step) {
            let end = width.min(x + step);
            let sum: f64 = band.iter().flat_map(|row| &row[x..end]).map(|&value| f64::from(value)).sum();
            small.push((sum / (band.len() * (end - x)) as f64) as f32);
        }
    }
    small
}

fn colour(value: f32, colouring: Colouring, Range { least, most }: Range) -> [u8; 3] {
    if !value.is_finite() {
        return [255, 0, 255];
    }
    // A map that is the same everywhere has no range, and is in the middle.
    let part = if most > least { ((value - least) / (most - least)).clamp(0.0, 1.0) } else { 0.5 };
    match colouring {
        Colouring::Grey => [(part * 255.0).round() as u8; 3],
        Colouring::Diverging => {
            let (end, far) = if part < 0.5 { (BLUE, 1.0 - 2.0 * part) } else { (RED, 2.0 * part - 1.0) };
            end.map(|end| (255.0 + far * (end - 255.0)).round() as u8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_the_colours_of_their_range() {
        let values = [-2.0, 0.0, 1.0, 2.0, f32::NAN, -9.0];
        let maps = Maps::new(&values, [1, 2, 3]).unwrap();
        let range = Range { least: -2.0, most: 2.0 };
        let grey = maps.picture(0, Colouring::Grey, range);
        assert_eq!((grey.width, grey.height, grey.channels), (3, 2, 3));
        assert_eq!(grey.pixels.as_chunks::<3>().0, [[0; 3], [128; 3], [191; 3], [255; 3], [255, 0, 255], [0; 3]]);
        let diverging = maps.picture(0, Colouring::Diverging, range);
        assert_eq!(
            diverging.pixels.as_chunks::<3>().0,
            [[33, 102, 172], [255; 3], [217, 140, 149], [178, 24, 43], [255, 0, 255], [33, 102, 172]]
        );
        assert_eq!(maps.picture(0, Colouring::Grey, Range { least: 1.0, most: 1.0 }).pixels[0], 128);
    }

    #[test]
    fn statistics_leave_out_what_is_not_finite() {
        let found = Statistics::of(&[3.0, -4.0, f32::NAN, 1.0, f32::INFINITY]);
        assert_eq!((found.least, found.most, found.mean), (-4.0, 3.0, 0.0));
        assert!((found.rms - (26.0f32 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(found.range(Colouring::Grey), Range { least: -4.0, most: 3.0 });
        assert_eq!(found.range(Colouring::Diverging), Range { least: -4.0, most: 4.0 });
        assert_eq!(Statistics::of(&[f32::NAN]), Statistics::default());
    }

    #[test]
    fn sheets_have_every_channel_in_its_own_range() {
        // The second is a thousand times the first.
        let values: Vec<f32> = [1.0f32, 1000.0].into_iter().flat_map(|scale| [0.0, 1.0, 2.0, 4.0].map(|value| scale * value)).collect();
        let maps = Maps::new(&values, [2, 2, 2]).unwrap();
        let sheet = maps.sheet(0..2, 2, 8, Colouring::Grey).unwrap();
        assert_eq!((sheet.width, sheet.height), (4, 2));
        let levels: Vec<u8> = sheet.pixels.iter().step_by(3).copied().collect();
        assert_eq!(levels, [0, 64, 0, 64, 128, 255, 128, 255]);
        // An empty cell stays black; a range of channels is what it says.
        let sheet = maps.sheet(1..2, 2, 8, Colouring::Grey).unwrap();
        assert_eq!(sheet.pixels.iter().step_by(3).copied().collect::<Vec<_>>(), [0, 64, 0, 0, 128, 255, 0, 0]);
    }

    #[test]
    fn large_maps_are_shrunk_to_their_means() {
        assert_eq!(shrunk(&[1.0, 3.0, 5.0, 5.0, 7.0, 9.0, 2.0, 4.0, 6.0], 3, 2), [4.0, 7.0, 3.0, 6.0]);
        let values: Vec<f32> = (0..30).map(|i| i as f32).collect();
        let sheet = Maps::new(&values, [1, 5, 6]).unwrap().sheet(0..1, 1, 3, Colouring::Grey).unwrap();
        assert_eq!((sheet.width, sheet.height), (3, 3));
    }

    #[test]
    fn what_is_no_map_is_an_error() {
        assert!(Maps::new(&[0.0; 5], [1, 2, 3]).unwrap_err().to_string().contains("5 values are no maps [1, 2, 3]"));
        assert!(Maps::new(&[], [0, 0, 0]).is_err() && Maps::new(&[0.0], [usize::MAX, 2, 2]).is_err());
        let maps = Maps::new(&[0.0; 8], [2, 2, 2]).unwrap();
        for (channels, columns, most) in [(0..3, 1, 1), (1..1, 1, 1), (0..1, 0, 1), (0..1, 1, 0)] {
            assert!(maps.sheet(channels, columns, most, Colouring::Grey).is_err());
        }
    }
}
