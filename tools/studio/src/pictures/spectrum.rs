//! The spectrum of a picture or of a layer's channel: how strong which frequencies are, in decibels. Aliasing and the grids that
//! transposed convolutions leave show there as points and lines.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use stylegan_wgpu::{Error, Result};

/// What is below is not told apart: rounding of f32 is at -140 dB.
const FLOOR: f64 = -200.0;

/// Magnitudes of a two-dimensional discrete Fourier transform.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// `[height, width]`, in decibels: a wave of amplitude 1 is -6 dB at each of its two frequencies, a mean of 1 is 0 dB. Frequency 0 is
    /// in the middle, at `[height / 2, width / 2]`.
    pub decibels: Vec<f32>,
    /// Of the map it is of.
    pub height: usize,
    /// Of the map it is of.
    pub width: usize,
}

/// What is done before the transform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Nothing: the edges of a picture that does not repeat are a cross.
    #[default]
    None,
    /// The mean is taken away, and what is left fades out towards the edges (Hann).
    Hann,
}

impl Spectrum {
    /// Of a map `[height, width]`. A value that is not finite counts as 0.
    pub fn of(map: &[f32], [height, width]: [usize; 2], window: Window) -> Result<Spectrum> {
        if height.checked_mul(width) != Some(map.len()) || map.is_empty() {
            return Err(Error::Argument(format!("{} values are no map [{height}, {width}]", map.len())));
        }
        let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
        let mean = match window {
            Window::None => 0.0,
            Window::Hann => map.iter().map(|&value| f64::from(finite(value))).sum::<f64>() / map.len() as f64,
        };
        let (down, across) = (weights(height, window), weights(width, window));
        let weighted = |(i, &value): (usize, &f32)| {
            let weight = f64::from(down[i / width]) * f64::from(across[i % width]);
            Complex::new(((f64::from(finite(value)) - mean) * weight) as f32, 0.0)
        };
        let mut values: Vec<Complex<f32>> = map.iter().enumerate().map(weighted).collect();
        let mut planner = FftPlanner::new();
        planner.plan_fft_forward(width).process(&mut values);
        let mut columns = transposed(&values, width);
        planner.plan_fft_forward(height).process(&mut columns);
        let total = |weights: &[f32]| weights.iter().map(|&weight| f64::from(weight)).sum::<f64>();
        let scale = total(&down) * total(&across);
        let decibels = |y: usize, x: usize| {
            // The lowest negative frequency comes first.
            let (y, x) = ((y + height.div_ceil(2)) % height, (x + width.div_ceil(2)) % width);
            let magnitude = f64::from(columns[x * height + y].norm()) / scale;
            (20.0 * magnitude.log10()).max(FLOOR) as f32
        };
        let decibels = (0..height * width).map(|i| decibels(i / width, i % width)).collect();
        Ok(Spectrum { decibels, height, width })
    }

    /// The brightest there is, of [`Range`](super::maps::Range) `most`; `below` it is black.
    pub fn range(&self, below: f32) -> super::maps::Range {
        let most = self.decibels.iter().copied().fold(FLOOR as f32, f32::max);
        super::maps::Range { least: most - below, most }
    }
}

/// The weights of a line.
fn weights(length: usize, window: Window) -> Vec<f32> {
    let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / length as f64).cos();
    (0..length).map(|i| if window == Window::Hann { hann(i) as f32 } else { 1.0 }).collect()
}

fn transposed(values: &[Complex<f32>], width: usize) -> Vec<Complex<f32>> {
    (0..width).flat_map(|x| values.iter().skip(x).step_by(width).copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A wave of so many periods down and across.
    fn wave([height, width]: [usize; 2], [down, across]: [f64; 2]) -> Vec<f32> {
        let phase = |i: usize| TAU * (down * (i / width) as f64 / height as f64 + across * (i % width) as f64 / width as f64);
        (0..height * width).map(|i| phase(i).cos() as f32).collect()
    }

    fn loud(spectrum: &Spectrum, above: f32) -> Vec<([usize; 2], f32)> {
        let found = spectrum.decibels.iter().enumerate().filter(|(_, level)| **level > above);
        found.map(|(i, &level)| ([i / spectrum.width, i % spectrum.width], level)).collect()
    }

    #[test]
    fn a_mean_is_in_the_middle_at_0_decibels() {
        for size @ [height, width] in [[4, 6], [5, 7], [1, 1], [8, 3]] {
            let spectrum = Spectrum::of(&vec![1.0; height * width], size, Window::None).unwrap();
            let loud = loud(&spectrum, -100.0);
            assert_eq!(loud.len(), 1, "{loud:?}");
            assert!(loud[0].0 == [height / 2, width / 2] && loud[0].1.abs() < 1e-4, "{loud:?}");
        }
    }

    #[test]
    fn a_wave_is_two_points_at_6_decibels_less() {
        for size @ [height, width] in [[16, 12], [15, 9]] {
            let spectrum = Spectrum::of(&wave(size, [2.0, -3.0]), size, Window::None).unwrap();
            let loud = loud(&spectrum, -100.0);
            let (y, x) = (height / 2, width / 2);
            assert_eq!(loud.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [[y - 2, x + 3], [y + 2, x - 3]]);
            assert!(loud.iter().all(|(_, level)| (level + 6.0206).abs() < 1e-3), "{loud:?}");
        }
    }

    #[test]
    fn a_point_is_flat_and_nothing_is_the_floor() {
        let mut point = vec![0.0; 48];
        point[17] = 48.0;
        point[20] = f32::NAN;
        let spectrum = Spectrum::of(&point, [6, 8], Window::None).unwrap();
        assert!(spectrum.decibels.iter().all(|level| level.abs() < 1e-3), "{:?}", spectrum.decibels);
        let nothing = Spectrum::of(&[0.0; 48], [6, 8], Window::None).unwrap();
        assert!(nothing.decibels.iter().all(|&level| level == -200.0));
        assert_eq!(nothing.range(60.0).least, -260.0);
    }

    #[test]
    fn a_window_takes_the_cross_of_the_edges_away() {
        // Two periods and a half do not repeat: without a window it leaks into all frequencies of its axis.
        let map: Vec<f32> = wave([32, 32], [0.0, 2.5]).iter().map(|value| value + 3.0).collect();
        let far = |window| Spectrum::of(&map, [32, 32], window).unwrap().decibels[16 * 32 + 28];
        assert!(far(Window::None) > -40.0 && far(Window::Hann) < -60.0, "{} {}", far(Window::None), far(Window::Hann));
        let spectrum = Spectrum::of(&map, [32, 32], Window::Hann).unwrap();
        assert!(spectrum.decibels[16 * 32 + 16] < spectrum.decibels[16 * 32 + 18], "the mean is gone");
    }

    #[test]
    fn what_is_no_map_is_an_error() {
        assert!(Spectrum::of(&[0.0; 5], [2, 3], Window::None).unwrap_err().to_string().contains("5 values are no map [2, 3]"));
        assert!(Spectrum::of(&[], [0, 7], Window::None).is_err());
    }
}
