//! The 256 colours of a film, and which of them a pixel gets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use color_quant::NeuQuant;

/// Colours of a palette.
const MOST: usize = 256;

/// Of 1 (best) to 30: how many of the samples the search for colours looks at, one in so many.
const SPEED: i32 = 1;

/// What the search for colours looks at: so many colours, each as often as there are pixels of it.
const SAMPLES: u64 = 1 << 16;

/// Mixtures that are kept: 10 MB.
const MOST_MIXTURES: usize = 1 << 18;

/// Bayer's 4x4 matrix: which of a pixel's candidates it gets, by its place.
const BAYER: [[usize; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// How much of the error of the candidates so far the next one makes up for. With all of it, colours that no mixture gives are
/// drawn in wild patterns.
const MADE_UP: f32 = 0.8;

/// The colours of some pixels.
#[derive(Default)]
pub(super) struct Colours {
    /// Every one, while a palette holds them all.
    exact: BTreeSet<[u8; 3]>,
    too_many: bool,
    /// Pixels and their sum by 5 bits of each channel.
    bins: BTreeMap<u16, (u64, [u64; 3])>,
}

impl Colours {
    /// Of RGB.
    pub(super) fn of(pixels: &[u8]) -> Colours {
        let mut colours = Colours::default();
        for &pixel in pixels.as_chunks::<3>().0 {
            if !colours.too_many {
                colours.exact.insert(pixel);
                colours.too_many = colours.exact.len() > MOST;
            }
            let (count, sum) = colours.bins.entry(bin(pixel)).or_default();
            *count += 1;
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(value));
        }
        colours
    }

    pub(super) fn add(&mut self, other: Colours) {
        self.too_many |= other.too_many;
        if !self.too_many {
            self.exact.extend(other.exact);
            self.too_many = self.exact.len() > MOST;
        }
        for (bin, (count, sum)) in other.bins {
            let (all, total) = self.bins.entry(bin).or_default();
            *all += count;
            total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
        }
    }
}

fn bin([r, g, b]: [u8; 3]) -> u16 {
    u16::from(r >> 3) << 10 | u16::from(g >> 3) << 5 | u16::from(b >> 3)
}

pub(super) struct Palette {
    colours: Vec<[u8; 3]>,
    /// Whether the palette has every colour there is.
    exact: bool,
    /// The nearest by 6 bits of each channel; found when they are needed.
    nearest: Vec<Option<u8>>,
    /// The candidates of the colours drawn so far, dark ones first.
    mixtures: HashMap<[u8; 3], [u8; 16]>,
}

impl Palette {
    pub(super) fn of(colours: &Colours) -> Palette {
        let exact = !colours.too_many;
        let found = if exact { colours.exact.clone() } else { searched(colours) };
        Palette { colours: found.into_iter().collect(), exact, nearest: vec![None; 1 << 18], mixtures: HashMap::new() }
    }

    pub(super) fn rgb(&self) -> &[u8] {
        self.colours.as_flattened()
    }

    fn search(&self, colour: [u8; 3]) -> usize {
        (0..self.colours.len()).min_by_key(|&i| distance(self.colours[i], colour)).unwrap_or(0)
    }

    /// The colours of the pixels of a frame that wide, RGB.
    pub(super) fn indices(&mut self, pixels: &[u8], width: usize) -> Vec<u8> {
        let pixels = pixels.as_chunks::<3>().0;
        if self.exact {
            return pixels.iter().map(|pixel| self.colours.binary_search(pixel).unwrap_or(0) as u8).collect();
        }
        let index = |(i, &pixel): (usize, &[u8; 3])| {
            if self.mixtures.len() > MOST_MIXTURES {
                self.mixtures.clear();
            }
            let mixture = match self.mixtures.get(&pixel) {
                Some(mixture) => *mixture,
                None => {
                    let mixture = self.mixture(pixel);
                    self.mixtures.insert(pixel, mixture);
                    mixture
                }
            };
            mixture[BAYER[i / width % 4][i % width % 4]]
        };
        pixels.iter().enumerate().map(index).collect()
    }

    /// Sixteen colours that give a colour in the mean: each makes up for the error of those before it (Knoll's pattern dithering).
    fn mixture(&mut self, pixel: [u8; 3]) -> [u8; 16] {
        let wanted = pixel.map(f32::from);
        let mut error = [0.0; 3];
        let mut chosen = [0; 16];
        for index in &mut chosen {
            let attempt: [u8; 3] = std::array::from_fn(|c| (wanted[c] + MADE_UP * error[c]).round().clamp(0.0, 255.0) as u8);
            let [r, g, b] = attempt.map(|value| usize::from(value >> 2));
            let key = r << 12 | g << 6 | b;
            *index = self.nearest[key].unwrap_or_else(|| self.search(attempt.map(|value| value & !3 | 2)) as u8);
            self.nearest[key] = Some(*index);
            let colour = self.colours[usize::from(*index)];
            error = std::array::from_fn(|c| error[c] + wanted[c] - f32::from(colour[c]));
        }
        // Rec. 601's weights of brightness.
        chosen.sort_by_key(|&index| {
            let [r, g, b] = self.colours[usize::from(index)].map(u32::from);
            299 * r + 587 * g + 114 * b
        });
        chosen
    }
}

/// The palette that fits the colours best.
fn searched(colours: &Colours) -> BTreeSet<[u8; 3]> {
    let all: u64 = colours.bins.values().map(|(count, _)| count).sum();
    let mut samples = Vec::new();
    for (count, sum) in colours.bins.values() {
        let mean = sum.map(|sum| (sum / count) as u8);
        // Rare ones, too.
        let often = (count * SAMPLES).div_ceil(all) as usize;
        (0..often).for_each(|_| samples.extend([mean[0], mean[1], mean[2], 255]));
    }
    NeuQuant::new(SPEED, MOST, &samples).color_map_rgb().as_chunks::<3>().0.iter().copied().collect()
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let pixels: Vec<u8> = (0..=255).flat_map(|i: u8| [i, 255 - i, 7]).collect();
        let mut palette = Palette::of(&Colours::of(&pixels));
        let drawn: Vec<u8> = palette.indices(&pixels, 16).iter().flat_map(|&i| palette.colours[usize::from(i)]).collect();
        assert_eq!(drawn, pixels);
    }

    /// A slope of colours in 128 x 128 pixels, wider than any palette.
    fn slope() -> Vec<u8> {
        let pixel = |i: usize| [i % 128 * 2, i / 128 * 2, (i % 128 + i / 128) / 2].map(|value| value as u8);
        (0..128 * 128).flat_map(pixel).collect()
    }

    /// The largest difference of the mean of 8 x 8 pixels, in levels.
    fn worst_mean(drawn: &[u8], wanted: &[u8]) -> f64 {
        let mean = |pixels: &[u8], x: usize, y: usize, c: usize| {
            let sum: u32 = (0..64).map(|i| u32::from(pixels[((y + i / 8) * 128 + x + i % 8) * 3 + c])).sum();
            f64::from(sum) / 64.0
        };
        let blocks = (0..256).flat_map(|block| (0..3).map(move |c| (block % 16 * 8, block / 16 * 8, c)));
        blocks.map(|(x, y, c)| (mean(drawn, x, y, c) - mean(wanted, x, y, c)).abs()).fold(0.0, f64::max)
    }

    /// Six levels of each channel.
    fn cube() -> Palette {
        let colours = (0..216).map(|i| [i / 36, i / 6 % 6, i % 6].map(|level| 51 * level as u8)).collect();
        Palette { colours, exact: false, nearest: vec![None; 1 << 18], mixtures: HashMap::new() }
    }

    #[test]
    fn slopes_are_dithered_and_what_stands_still_does_not_flicker() {
        let pixels = slope();
        let mut palette = cube();
        let draw = |palette: &mut Palette| -> Vec<u8> {
            palette.indices(&pixels, 128).iter().flat_map(|&i| palette.colours[usize::from(i)]).collect()
        };
        let dithered = draw(&mut palette);
        assert_eq!(draw(&mut palette), dithered);
        let plain: Vec<u8> = pixels.as_chunks::<3>().0.iter().flat_map(|pixel| palette.colours[palette.search(*pixel)]).collect();
        let (with, without) = (worst_mean(&dithered, &pixels), worst_mean(&plain, &pixels));
        assert!(with < 0.6 * without, "{with} levels with dithering, {without} without");
    }

    #[test]
    fn the_palette_is_of_the_colours_of_all_frames() {
        let mut colours = Colours::of(&slope());
        colours.add(Colours::of(&[250, 5, 250].repeat(5000)));
        let mut palette = Palette::of(&colours);
        assert!(palette.colours.len() > 200 && palette.colours.len() <= 256 && !palette.exact);
        // A flat part of a frame, far from all else: one colour, close to it.
        let flat = palette.indices(&[250, 5, 250].repeat(64), 8);
        let colour = palette.colours[usize::from(flat[0])];
        assert!(distance(colour, [250, 5, 250]) < 300, "{colour:?}");
    }
}
